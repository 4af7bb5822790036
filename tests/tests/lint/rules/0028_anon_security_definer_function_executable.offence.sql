-- expected: public.planted()
create function public.planted() returns int language sql security definer set search_path = '' as 'select 1';
revoke all on function public.planted() from public;
grant execute on function public.planted() to anon;
-- The service's own business.
create function public.planted_for_the_service() returns int language sql security definer set search_path = '' as 'select 1';
revoke all on function public.planted_for_the_service() from public, anon, authenticated;
