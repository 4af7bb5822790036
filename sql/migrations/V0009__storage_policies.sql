-- Whose files are whose: a user's are those in the folder of the user's id. The service, which bypasses row-level
-- security in storage, writes models. In a version of its own: on older platforms a policy here holds locks on many
-- tables of storage and auth until it is committed.
do $$
begin
  if pg_catalog.to_regclass('storage.objects') is null then
    raise notice 'there is no storage schema: no policies for files';
    return;
  end if;
  drop policy if exists "Users can view own files" on storage.objects;
  create policy "Users can view own files" on storage.objects
    for select to authenticated
    using (bucket_id in ('lora-datasets', 'lora-models') and (storage.foldername(name))[1] = (select auth.uid())::text);
  drop policy if exists "Users can upload own dataset files" on storage.objects;
  create policy "Users can upload own dataset files" on storage.objects
    for insert to authenticated
    -- A file that a job is about to read, or reads, stays as it is, and none comes where one is missing.
    with check (
      bucket_id = 'lora-datasets' and (storage.foldername(name))[1] = (select auth.uid())::text
      and not exists (
        select from public.datasets as dataset
        join public.training_jobs as job on job.dataset_id = dataset.id
        where dataset.storage_bucket = objects.bucket_id and dataset.storage_path = objects.name
          and job.status in ('queued', 'initializing', 'running')
      )
    );
  drop policy if exists "Users can replace own dataset files not in use" on storage.objects;
  create policy "Users can replace own dataset files not in use" on storage.objects
    for update to authenticated
    using (
      bucket_id = 'lora-datasets' and (storage.foldername(name))[1] = (select auth.uid())::text
      and not exists (
        select from public.datasets as dataset
        join public.training_jobs as job on job.dataset_id = dataset.id
        where dataset.storage_bucket = objects.bucket_id and dataset.storage_path = objects.name
          and job.status in ('queued', 'initializing', 'running')
      )
    )
    with check (
      bucket_id = 'lora-datasets' and (storage.foldername(name))[1] = (select auth.uid())::text
      and not exists (
        select from public.datasets as dataset
        join public.training_jobs as job on job.dataset_id = dataset.id
        where dataset.storage_bucket = objects.bucket_id and dataset.storage_path = objects.name
          and job.status in ('queued', 'initializing', 'running')
      )
    );
  drop policy if exists "Users can delete own dataset files not in use" on storage.objects;
  create policy "Users can delete own dataset files not in use" on storage.objects
    for delete to authenticated
    using (
      bucket_id = 'lora-datasets' and (storage.foldername(name))[1] = (select auth.uid())::text
      and not exists (
        select from public.datasets as dataset
        join public.training_jobs as job on job.dataset_id = dataset.id
        where dataset.storage_bucket = objects.bucket_id and dataset.storage_path = objects.name
          and job.status in ('queued', 'initializing', 'running')
      )
    );
end
$$;
