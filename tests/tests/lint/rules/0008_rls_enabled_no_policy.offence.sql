-- expected: public.planted
create table public.planted (id uuid);
alter table public.planted enable row level security;
