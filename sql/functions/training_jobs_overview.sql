-- training_jobs_overview: a page of jobs, the newest first, with all that a list shows of each.
create or replace function public.training_jobs_overview(
  status text default null, page_size integer default 25, before uuid default null
)
returns jsonb
language plpgsql stable
set search_path = ''
as $$
#variable_conflict use_column
declare
  last public.training_jobs;
  jobs public.training_jobs[];
begin
  if status <> all (array['queued', 'initializing', 'running', 'completed', 'failed', 'cancelled']) then
    raise exception '"status" is "%"', pg_catalog.left(status, 50)
      using errcode = '22023', hint = 'Use queued, initializing, running, completed, failed or cancelled, or leave it out for all.';
  elsif page_size is null or page_size not between 1 and 100 then
    raise exception '"page_size" is %', coalesce(page_size::text, 'null')
      using errcode = '22023', hint = 'Ask for 1 to 100 jobs at once, and for more by "before".';
  end if;
  if before is not null then
    select * into last from public.training_jobs as job where job.id = before;
    if not found then
      raise exception 'training job "%" does not exist', before
        using errcode = 'PT404', hint = 'Pass "next" of the page before.';
    end if;
  end if;

  -- One more than was asked for says whether there is another page.
  jobs := array(
    select candidate from public.training_jobs as candidate
    where (training_jobs_overview.status is null or candidate.status = training_jobs_overview.status)
      and (candidate.created_at, candidate.id)
        < (coalesce(last.created_at, 'infinity'), coalesce(last.id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
    order by candidate.created_at desc, candidate.id desc
    limit page_size + 1
  );
  -- Apart from their choice, which is planned for each status: this is planned once, and planning took a tenth of a page's time.
  return (
    select pg_catalog.jsonb_build_object(
      'jobs', coalesce(pg_catalog.jsonb_agg(
        pg_catalog.jsonb_build_object(
          'id', job.id,
          'dataset_id', job.dataset_id,
          'dataset_name', dataset.name,
          'preset_id', job.preset_id,
          'base_model', job.hyperparameters -> 'base_model',
          'gpu_config', job.gpu_config,
          'created_at', job.created_at,
          'queued_at', job.queued_at,
          'started_at', job.started_at,
          'completed_at', job.completed_at,
          'artifact_id', job.artifact_id,
          'failure_class', job.failure_class,
          'error_message', job.error_message,
          'last_metrics', job.current_metrics,
          'best_metrics', job.best_metrics,
          'progress', lora_private.training_job_progress(job, pace => kept.pace, place => waiting.place)
        )
        order by job.created_at desc, job.id desc
      ), '[]'),
      'next', case when pg_catalog.cardinality(jobs) > page_size then (jobs[page_size]).id end
    )
    from pg_catalog.unnest(jobs[:page_size]) as job
    left join public.datasets as dataset on dataset.id = job.dataset_id
    -- All of them at once: each look passes the policies of two tables. Without a step in it more is to be looked at.
    left join lora_private.training_job_paces as kept
      on kept.job_id = job.id and kept.attempt = job.attempt and kept.pace -> 'steps' <> '[]'
    left join lora_private.places_in_queue(array(
      select queued.id from pg_catalog.unnest(jobs[:page_size]) as queued where queued.status = 'queued'
    )) as waiting on waiting.job_id = job.id
  );
end
$$;
comment on function public.training_jobs_overview(text, integer, uuid) is
  'A page of jobs, the newest first, with dataset name, progress, verdict, last and best metrics and cost; "next" is the "before" of the page after it';
revoke all on function public.training_jobs_overview(text, integer, uuid) from public, anon, authenticated, service_role;
grant execute on function public.training_jobs_overview(text, integer, uuid) to authenticated, service_role;
