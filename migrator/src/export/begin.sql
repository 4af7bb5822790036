select pg_catalog.set_config(name, value, true) from (values
  ('search_path', ''), ('standard_conforming_strings', 'on'), ('lock_timeout', '3s'), ('statement_timeout', '10min'),
  ('lora_migrate.nonce', '{number}')) as setting (name, value);
