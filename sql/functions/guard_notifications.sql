-- Rights on notifications: clients read theirs, write to themselves, mark them read and delete them.
create or replace function lora_private.guard_notifications()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
  refused pg_catalog.text;
begin
  if tg_op = 'INSERT' then
    new.created_at := lora_private.clock();
    if new.dedupe_key is not null then
      perform lora_private.refuse_column('notifications', 'dedupe_key', 'Leave it out: the database sets it.');
    elsif new.priority not in ('low', 'medium', 'high') then
      perform lora_private.refuse_column('notifications', 'priority', 'Use "low", "medium" or "high".');
    end if;
    return new;
  end if;
  refused := lora_private.first_changed_column(
    pg_catalog.to_jsonb(old), pg_catalog.to_jsonb(new), array['read']);
  if refused is not null then
    perform lora_private.refuse_column('notifications', refused, 'Change only "read".');
  end if;
  return new;
end
$$;
revoke all on function lora_private.guard_notifications() from public, anon, authenticated, service_role;

create or replace trigger a_guard_notifications
  before insert or update on public.notifications
  for each row when (lora_private.is_client())
  execute function lora_private.guard_notifications();

revoke all on public.notifications from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.notifications to authenticated, service_role;
