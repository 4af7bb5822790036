-- expected: public.planted.Asks for every row
-- expected: public.planted.Asks both ways
-- expected: public.planted.Reads the claims for every row
create table public.planted (id uuid, note text);
create policy "Asks for every row" on public.planted for insert with check (id = auth.uid());
create policy "Asks both ways" on public.planted for update using (id = (select auth.uid())) with check (id = auth.uid());
create policy "Reads the claims for every row" on public.planted for delete using (note = current_setting('request.jwt.claims', true));
create policy "Asks once" on public.planted for select using (note = (select auth.uid()::text) or id = (select auth.uid()));
