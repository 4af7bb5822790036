-- expected: public.planted_twice
-- expected: public.planted_first
-- expected: public.planted_plain
create table public.planted (id int constraint planted_pkey primary key, a int, b int, c text);
create index planted_once on public.planted (a, b);
create index planted_twice on public.planted (a, b);
create index planted_first on public.planted (a);
create index planted_plain on public.planted (id);
-- Each of these is of use.
create index planted_second on public.planted (b);
create unique index planted_key on public.planted (a, id);
create unique index planted_longer_key on public.planted (a, id, b);
create index planted_some on public.planted (a) where b is null;
create index planted_downwards on public.planted (a desc);
create index planted_text on public.planted (c);
create index planted_other_order on public.planted (c collate "C", b);
