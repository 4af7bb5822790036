-- expected: public.planted
create table public.planted (id uuid);
