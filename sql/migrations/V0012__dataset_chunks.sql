-- Files that are validated chunk by chunk: what was read of each chunk, and which validations were finished. Working
-- tables: nobody's data is in them but as long as a validation needs it. The key to datasets waits for whoever writes to them.

create table lora_private.dataset_chunks (
  dataset_id uuid not null references public.datasets (id) on delete cascade,
  chunk_number integer not null,
  split text not null,
  bytes integer not null,
  content_sha256 bytea not null,
  reading text not null,
  segment bytea not null,
  appended_at timestamptz not null default lora_private.clock(),
  constraint dataset_chunks_pkey primary key (dataset_id, chunk_number),
  constraint dataset_chunks_chunk_number_check check (chunk_number >= 1),
  constraint dataset_chunks_split_check check (split in ('train', 'validation')),
  constraint dataset_chunks_bytes_check check (bytes >= 0)
);
comment on table lora_private.dataset_chunks is 'Chunks of dataset files whose validation is under way';
comment on column lora_private.dataset_chunks.dataset_id is 'Dataset that is validated';
comment on column lora_private.dataset_chunks.chunk_number is 'Place of the chunk in its file, from 1 on over all files of the dataset';
comment on column lora_private.dataset_chunks.split is 'File that the chunk is of: the one to train on, or the one held back for validation';
comment on column lora_private.dataset_chunks.bytes is 'Size of the chunk';
comment on column lora_private.dataset_chunks.content_sha256 is 'SHA-256 of the chunk: the same again is no harm, another one is refused';
comment on column lora_private.dataset_chunks.reading is 'By which edition, rules and options it was read: the parts of one file are read alike';
comment on column lora_private.dataset_chunks.segment is 'What was read; the content itself is not kept, unless it may be part of a document';
comment on column lora_private.dataset_chunks.appended_at is 'When the chunk came';
-- Which ones were abandoned.
create index dataset_chunks_appended_at_idx on lora_private.dataset_chunks (appended_at);

create table lora_private.finished_dataset_validations (
  dataset_id uuid primary key references public.datasets (id) on delete cascade,
  chunks integer not null,
  content_sha256 text,
  options jsonb not null
);
comment on table lora_private.finished_dataset_validations is
  'How each dataset was validated in chunks: a client that finishes once more gets the same report';
comment on column lora_private.finished_dataset_validations.dataset_id is 'Dataset that was validated';
comment on column lora_private.finished_dataset_validations.chunks is 'How many chunks it had';
comment on column lora_private.finished_dataset_validations.content_sha256 is 'SHA-256 of the file, as the client gave it';
comment on column lora_private.finished_dataset_validations.options is 'Options of the validation';

-- Rights are in the layer, beside the functions that they are for.
revoke all on lora_private.dataset_chunks, lora_private.finished_dataset_validations
  from public, anon, authenticated, service_role;
alter table lora_private.dataset_chunks enable row level security;
alter table lora_private.finished_dataset_validations enable row level security;
create policy "Service can work with chunks" on lora_private.dataset_chunks
  for all to service_role using (true) with check (true);
create policy "Service can work with finished validations" on lora_private.finished_dataset_validations
  for all to service_role using (true) with check (true);
