-- set_model_artifact_status: stored, then deployed, then archived; the same state again is no change.
create or replace function public.set_model_artifact_status(id uuid, status text)
returns public.model_artifacts
language plpgsql
set search_path = ''
as $$
declare
  model public.model_artifacts;
begin
  if (status in ('stored', 'deployed', 'archived')) is not true then
    raise exception '"status" is %', coalesce('"' || pg_catalog.left(status, 50) || '"', 'null')
      using errcode = '22023', hint = 'Use stored, deployed or archived.';
  end if;
  update public.model_artifacts as artifact set status = set_model_artifact_status.status
  where artifact.id = set_model_artifact_status.id and artifact.deleted_at is null
  returning * into model;
  if not found then
    raise exception 'model "%" does not exist', coalesce(set_model_artifact_status.id::text, 'null')
      using errcode = 'PT404', hint = 'Pass the id of a model that is not deleted.';
  end if;
  return model;
end
$$;
comment on function public.set_model_artifact_status(uuid, text) is
  'Moves a model from stored to deployed, or from deployed to archived';
revoke all on function public.set_model_artifact_status(uuid, text) from public, anon, authenticated, service_role;
grant execute on function public.set_model_artifact_status(uuid, text) to service_role;
