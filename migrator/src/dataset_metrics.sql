-- The rows of datasets whose figures have findings: how many of each rule, and the first of them. $1: how many.
-- Deleted rows are left out, as the checks leave them out.
with judged as materialized (
  select dataset.id, dataset.name, finding.*,
    array_position(array['error', 'warning', 'info'], finding.severity) as place
  from public.datasets as dataset
  -- A column that a version adds is not there before it.
  cross join lateral to_jsonb(dataset) as whole
  cross join lateral lora.dataset_metric_findings(
    whole - array['sample_data', 'validation_report'], whole -> 'validation_report'
  ) with ordinality as finding (code, severity, column_name, error, suggestion, number)
  where dataset.deleted_at is null
)
select jsonb_build_object(
  'rows', (select count(*) from public.datasets where deleted_at is null),
  'faulty', (select count(distinct id) from judged where severity <> 'info'),
  'findings', (select count(*) from judged),
  'counts', (
    select coalesce(jsonb_agg(jsonb_build_object('code', code, 'severity', severity, 'findings', findings, 'rows', rows)
      order by place, code), '[]')
    from (
      select code, severity, place, count(*) as findings, count(distinct id) as rows from judged group by code, severity, place
    ) as of_code
  ),
  'first', (
    select coalesce(jsonb_agg(jsonb_build_object('id', id, 'name', name, 'code', code, 'severity', severity,
      'column', column_name, 'error', error, 'suggestion', suggestion) order by place, id, number), '[]')
    from (select * from judged order by place, id, number limit $1) as first
  )
)
