-- optional: table storage.buckets
-- As on Supabase the API roles hold the table grants and row-level security decides: without a policy nobody
-- but service_role sees a bucket. TRUNCATE, which knows no row-level security, is granted to nobody.
create table storage.buckets (
  id text not null primary key,
  name text not null,
  owner uuid,
  owner_id text,
  public boolean default false,
  avif_autodetection boolean default false,
  file_size_limit bigint,
  allowed_mime_types text[],
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);
create unique index bname on storage.buckets (name);
alter table storage.buckets enable row level security;
revoke all on table storage.buckets from public, anon, authenticated, service_role;
grant select, insert, update, delete on table storage.buckets to anon, authenticated, service_role;
