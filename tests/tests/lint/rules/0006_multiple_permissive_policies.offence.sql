-- expected: public.planted authenticated r
-- expected: public.planted anon w
-- expected: public.planted authenticated w
-- expected: public.planted service_role w
create table public.planted (id uuid);
create policy "One" on public.planted for select to authenticated using (false);
create policy "Another" on public.planted to authenticated using (true);
create policy "For nobody in particular" on public.planted for update using (true);
create policy "For everybody" on public.planted for update to anon, service_role using (true);
create policy "No more than that" on public.planted as restrictive for select to authenticated using (false);
