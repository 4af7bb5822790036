-- cost_summary: what was spent, by every grouping at once.
create or replace function public.cost_summary(
  from_date date, to_date date, time_zone text default 'UTC', job_id uuid default null
)
returns jsonb
language plpgsql stable
set search_path = ''
as $$
#variable_conflict use_column
declare
  now constant timestamptz := lora_private.clock();
  answers jsonb[];
begin
  perform lora_private.check_cost_days(from_date, to_date, time_zone);
  if cost_summary.job_id is not null
    and not exists (select from public.training_jobs as job where job.id = cost_summary.job_id) then
    raise exception 'training job "%" does not exist', cost_summary.job_id
      using errcode = 'PT404', hint = 'Pass the id of a job of your own.';
  end if;
  execute
    'select pg_catalog.array_agg(of_currency.answer) from (
       select lora.cost_breakdown(part.amount, part.currency, part.day, part.cost_type, part.gpu_type, part.job_id, part.job_status)
         || pg_catalog.jsonb_build_object(
           -- Rows of the ledger, and not the days that they were split into.
           ''records'', pg_catalog.count(*) filter (where part.is_first and not part.is_open),
           ''open_intervals'', pg_catalog.jsonb_build_object(
             ''count'', pg_catalog.count(*) filter (where part.is_first and part.is_open),
             ''amount'', coalesce(pg_catalog.sum(part.amount) filter (where part.is_open), 0.0000000000),
             ''until'', $5
           ),
           ''from_date'', $1, ''to_date'', $2, ''time_zone'', $3
         ) as answer
       from (' || lora_private.cost_parts_query() || ') as part
       group by part.currency
     ) as of_currency'
    into answers using from_date, to_date, time_zone, cost_summary.job_id, now;
  if pg_catalog.cardinality(answers) > 1 then
    raise exception 'costs in several currencies cannot be added together'
      using errcode = '22023', hint = 'Pass "job_id" to add up one job at a time, or days that have one currency.';
  end if;
  return coalesce(answers[1], (
    -- Of no record at all.
    select lora.cost_breakdown(null::numeric, null::text, null::date, null::text, null::text, null::uuid, null::text)
      || pg_catalog.jsonb_build_object(
        'records', 0, 'open_intervals', pg_catalog.jsonb_build_object('count', 0, 'amount', 0.0000000000, 'until', now),
        'from_date', from_date, 'to_date', to_date, 'time_zone', time_zone)
    where false
  ));
end
$$;
comment on function public.cost_summary(date, date, text, uuid) is
  'What was spent from a day up to, but not including, another one: in all, by day, type, GPU, job and status';
revoke all on function public.cost_summary(date, date, text, uuid) from public, anon, authenticated, service_role;
grant execute on function public.cost_summary(date, date, text, uuid) to authenticated, service_role;
