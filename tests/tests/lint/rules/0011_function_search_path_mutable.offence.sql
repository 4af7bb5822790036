-- expected: public.planted()
create function public.planted() returns int language sql set work_mem = '4MB' as 'select 1';
