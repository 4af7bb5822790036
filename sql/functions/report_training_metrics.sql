-- report_training_metrics: a batch of points, in any order, each recorded once however often it is sent.
create or replace function public.report_training_metrics(
  job_id uuid, attempt integer, points jsonb, on_conflict text default 'refuse'
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  job public.training_jobs;
  is_replacing constant boolean := on_conflict = 'replace';
  sent constant jsonb := points;
  recorded jsonb;
  others jsonb;
  bad integer[] := array[]::integer[];
  refused jsonb;
  warnings jsonb := '[]'::jsonb;
begin
  if (on_conflict in ('refuse', 'replace')) is not true then
    raise exception '"on_conflict" is %', coalesce('"' || pg_catalog.left(on_conflict, 50) || '"', 'null')
      using errcode = '22023',
        hint = 'Pass refuse (what is recorded of a step stands) or replace (what is sent last does).';
  elsif pg_catalog.jsonb_typeof(points) is distinct from 'array' then
    raise exception '"points" is not an array' using errcode = '22023', hint = 'Pass a JSON array of points.';
  end if;
  job := lora_private.lock_attempt(report_training_metrics.job_id, report_training_metrics.attempt);
  if job.status = 'cancelled' then
    return pg_catalog.jsonb_build_object(
      'accepted', 0, 'duplicates', 0, 'replaced', 0, 'refused', '[]'::jsonb, 'warnings', '[]'::jsonb,
      'progress', job.progress, 'cancel_requested', true);
  elsif job.attempt > 32767 then
    raise exception 'training job "%" is at its attempt %, and points are of at most 32767', job.id, job.attempt
      using errcode = 'PT409', hint = 'Create a new job.';
  end if;

  begin
    recorded := lora_private.record_points(job, points, is_replacing);
  exception when data_exception or not_null_violation or check_violation then
    -- A value that cannot be read stops the whole statement: the others are recorded without its point.
    points := lora_private.readable_points(points);
    if points = sent then
      raise;
    end if;
    recorded := lora_private.record_points(job, points, is_replacing);
  end;
  refused := recorded -> 'refused';

  -- What a point holds is looked into only where one is out of the ordinary: 1,000 good ones take a third longer otherwise.
  if recorded -> 'bad' <> '[]' then
    bad := lora_private.indexes_of(recorded -> 'bad');
    refused := refused || lora_private.told_points(sent, bad);
    points := lora_private.without_points(points, bad);
  end if;
  if (recorded ->> 'has_others')::boolean then
    others := lora_private.record_custom_metrics(job, points, is_replacing);
    refused := refused || (others -> 'refused');
    if others -> 'empty' <> '[]' then
      bad := bad || lora_private.indexes_of(others -> 'empty');
      refused := refused || lora_private.told_points(sent, lora_private.indexes_of(others -> 'empty'));
    end if;
    job.current_metrics := lora_private.with_custom_metrics(job.current_metrics, others -> 'newest', others -> 'gone');
  end if;
  if recorded -> 'odd' <> '[]' or others -> 'odd' <> '[]' then
    warnings := lora_private.told_points(
      sent, array(select pg_catalog.unnest(lora_private.indexes_of(recorded -> 'odd') || lora_private.indexes_of(others -> 'odd'))
        except select pg_catalog.unnest(bad)
        except select (entry ->> 'index')::integer from pg_catalog.jsonb_array_elements(recorded -> 'refused') as entry));
  end if;
  if recorded -> 'changed' <> '[]' then
    perform lora_private.replace_points(job.id, job.attempt, recorded -> 'changed');
    job.best_metrics := lora_private.best_after_replacing(job, recorded -> 'changed');
  end if;

  return pg_catalog.jsonb_build_object(
    'accepted', (recorded ->> 'accepted')::integer + coalesce((others ->> 'accepted')::integer, 0),
    'duplicates', (recorded ->> 'duplicates')::integer + coalesce((others ->> 'duplicates')::integer, 0),
    'replaced', pg_catalog.jsonb_array_length(recorded -> 'changed') + coalesce((others ->> 'replaced')::integer, 0),
    'refused', refused,
    'warnings', warnings,
    'progress', lora_private.advance_training_job(
      job, (recorded ->> 'accepted')::integer > 0 or (others ->> 'recorded')::integer > 0, recorded -> 'best',
      nullif(recorded -> 'pace', 'null')),
    'cancel_requested', false);
end
$$;
comment on function public.report_training_metrics(uuid, integer, jsonb, text) is
  'Records metric points of the current attempt once each, moves the job forward, and answers whether to stop';
revoke all on function public.report_training_metrics(uuid, integer, jsonb, text)
  from public, anon, authenticated, service_role;
grant execute on function public.report_training_metrics(uuid, integer, jsonb, text) to service_role;
