-- Rights on the tables that clients only read. They need no guard: nobody but the service can write to them,
-- and what it may not do it has no grant for.
revoke all on public.metrics_points, public.cost_records from public, anon, authenticated, service_role;
grant select on public.metrics_points, public.cost_records to authenticated;
grant select, insert on public.metrics_points, public.cost_records to service_role;
