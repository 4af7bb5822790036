-- Rights on notifications: clients read theirs, write to themselves, mark them read and delete them.
create or replace function lora_private.guard_notifications()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if tg_op = 'INSERT' then
    new.created_at := lora_private.clock();
    if new.dedupe_key is not null then
      perform lora_private.refuse_column('notifications', 'dedupe_key', 'Leave it out: the database sets it.');
    elsif new.priority not in ('low', 'medium', 'high') then
      perform lora_private.refuse_column('notifications', 'priority', 'Use "low", "medium" or "high".');
    elsif not lora_private.is_address(new.action_url) then
      raise exception '"action_url" is not an address that is safe to follow'
        using errcode = '22023', column = 'action_url', table = 'notifications',
          hint = 'Begin it with "/" and a path of the application, or with "https://".';
    end if;
    perform lora_private.check_length('message', new.message, 10000);
    perform lora_private.check_length('action_url', new.action_url, 2000);
    perform lora_private.check_document_size('metadata', new.metadata, 16384);
    return new;
  end if;
  perform lora_private.refuse_other_columns(
    'notifications', pg_catalog.to_jsonb(old), pg_catalog.to_jsonb(new), array['read'], 'Change only "read".');
  return new;
end
$$;

-- Whether an address, put into a page as a link, leads to a path of the page's own site or, openly, elsewhere. Browsers read
-- "//" and "/\" as another site, skip control characters, and run what begins with "javascript:".
create or replace function lora_private.is_address(address text)
returns boolean
language sql immutable parallel safe
set search_path = ''
as $$
  select coalesce(address ~ '^(/($|[^/])|https://[^/])' and address !~ '[\\[:cntrl:]]', true)
$$;
revoke all on function lora_private.guard_notifications(), lora_private.is_address(text)
  from public, anon, authenticated, service_role;
grant execute on function lora_private.is_address(text) to authenticated, service_role;

create or replace trigger a_guard_notifications
  before insert or update on public.notifications
  for each row when (lora_private.is_client())
  execute function lora_private.guard_notifications();

revoke all on public.notifications from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.notifications to authenticated, service_role;
