-- validate_dataset: the report on a dataset's file, recorded on its row. For the service, which has read the
-- file from storage; a client could pass any content.
create or replace function public.validate_dataset(dataset_id uuid, content text, options jsonb default '{}')
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  dataset public.datasets;
begin
  if content is null or options is null then
    raise exception '"content" and "options" must not be null'
      using errcode = '22023', hint = 'Pass the content of the file; options may be left out.';
  end if;
  dataset := lora_private.dataset_to_validate(dataset_id);
  perform lora_private.refuse_other_size(dataset, pg_catalog.octet_length(content));
  return lora_private.record_dataset_report(
    dataset,
    lora.dataset_report(content, options),
    pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(content, 'UTF8')), 'hex')
  );
end
$$;
comment on function public.validate_dataset(uuid, text, jsonb) is
  'Validates the content of a dataset''s file, records status, counts and findings on its row, and returns the report';
revoke all on function public.validate_dataset(uuid, text, jsonb) from public, anon, authenticated, service_role;
grant execute on function public.validate_dataset(uuid, text, jsonb) to service_role;
