-- mark_notifications_read: of one's own notifications; answers how many were unread.
create or replace function public.mark_notifications_read(ids uuid[])
returns integer
language plpgsql
set search_path = ''
as $$
declare
  marked integer;
begin
  if ids is null then
    raise exception '"ids" must not be null' using errcode = '22023', hint = 'Pass the ids of the notifications, as many as you like.';
  end if;
  update public.notifications set read = true where id = any (ids) and read is not true;
  get diagnostics marked = row_count;
  return marked;
end
$$;
comment on function public.mark_notifications_read(uuid[]) is
  'Marks notifications of one''s own as read, and answers how many were unread';
revoke all on function public.mark_notifications_read(uuid[]) from public, anon, authenticated, service_role;
grant execute on function public.mark_notifications_read(uuid[]) to authenticated, service_role;
