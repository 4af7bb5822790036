-- What cost_summary answers, with amounts as text, and each group's share of the largest one, for its bar. $1 and $2: days or NULL, $3 time
-- zone, $4 job or NULL. Without days it is the current month so far.
select (answer - array['total', 'rounded', 'open_intervals', 'by_day', 'by_type', 'by_gpu', 'by_status', 'by_job'])
  || jsonb_build_object(
    'total', answer ->> 'total',
    'rounded', answer ->> 'rounded',
    'open_intervals', jsonb_set(answer -> 'open_intervals', '{amount}', to_jsonb(answer #>> '{open_intervals,amount}'))
  )
  || (
    select jsonb_object_agg(list, groups)
    from (values ('by_day', 'day'), ('by_type', 'cost_type'), ('by_gpu', 'gpu_type'), ('by_status', 'status'), ('by_job', 'job_id'))
      as grouping (list, key)
    cross join lateral (
      select coalesce(jsonb_agg(jsonb_build_object(
        'key', entry ->> key,
        'amount', entry ->> 'amount',
        'share', coalesce(greatest((entry ->> 'amount')::numeric, 0) / nullif(largest, 0), 0)
      -- Jobs by what they cost, the others in the order of their keys.
      ) order by case list when 'by_job' then -(entry ->> 'amount')::numeric end, number), '[]')
      from (
        select entry, number, max((entry ->> 'amount')::numeric) over () as largest
        from jsonb_array_elements(answer -> list) with ordinality as element (entry, number)
      ) as entries
    ) as made (groups)
  )
from (
  select (lora_private.clock() at time zone $3)::date as today
) as clock
cross join lateral (
  select public.cost_summary(
    coalesce($1::date, date_trunc('month', today)::date), coalesce($2::date, today + 1), $3, job_id => $4) as answer
) as summary
