-- check_dataset: the report on a file, without recording anything.
create or replace function public.check_dataset(content text, options jsonb default '{}')
returns jsonb
language plpgsql stable
set search_path = ''
as $$
begin
  if content is null or options is null then
    raise exception '"content" and "options" must not be null'
      using errcode = '22023', hint = 'Pass the content of the file; options may be left out.';
  elsif pg_catalog.octet_length(content) > 8388608 then
    raise exception 'the content has % bytes, 8388608 at most are checked in one call', pg_catalog.octet_length(content)
      using errcode = '22023', hint = 'Check a part of the file, or upload it and have it validated.';
  end if;
  return lora.dataset_report(content, options);
end
$$;
comment on function public.check_dataset(text, jsonb) is
  'Validates the content of a dataset file and returns the report; records nothing';
revoke all on function public.check_dataset(text, jsonb) from public, anon, authenticated, service_role;
grant execute on function public.check_dataset(text, jsonb) to authenticated, service_role;
