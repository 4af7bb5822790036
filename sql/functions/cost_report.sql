-- cost_report: what was spent, a line for each charge and day; a table, so that the API answers it as CSV too.
create or replace function public.cost_report(from_date date, to_date date, time_zone text default 'UTC')
returns table (
  day date, cost_type text, gpu_type text, gpus integer, hourly_rate numeric, job_id uuid, job_status text, currency text,
  amount numeric, is_open boolean, record_id uuid
)
language plpgsql stable
set search_path = ''
as $$
#variable_conflict use_column
begin
  perform lora_private.check_cost_days(from_date, to_date, time_zone);
  return query execute
    'select part.day, part.cost_type::text, part.gpu_type::text, part.gpus, part.hourly_rate, part.job_id, part.job_status::text,
       part.currency, part.amount, part.is_open, part.record_id
     from (' || lora_private.cost_parts_query() || ') as part
     order by part.day, part.job_id, part.cost_type, part.record_id'
    using from_date, to_date, time_zone, null::uuid, lora_private.clock();
end
$$;
comment on function public.cost_report(date, date, text) is
  'What was spent from a day up to, but not including, another one: a line for each charge and each day of the time zone that it falls on';
revoke all on function public.cost_report(date, date, text) from public, anon, authenticated, service_role;
grant execute on function public.cost_report(date, date, text) to authenticated, service_role;
