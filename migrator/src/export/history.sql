create schema if not exists lora_migrate;
create table if not exists lora_migrate.refinery_schema_history (
  version int4 primary key,
  name varchar(255),
  applied_on varchar(255),
  checksum varchar(255)
);
