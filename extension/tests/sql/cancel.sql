-- A long validation ends when it is told to, and soon.
create temporary table slow as
  select repeat('{"conversation_id":"a","turns":[{"role":"user","content":"' || repeat('x', 900) || '"},{"role":"assistant","content":"ok"}]}' || E'\n', 200000) as content;
create temporary table began as select clock_timestamp() as at;
set statement_timeout = '50ms';
select lora.dataset_report(content) is null from slow;
\echo :SQLSTATE
reset statement_timeout;
select clock_timestamp() - at < interval '5 seconds' as soon from began;
-- The server is well afterwards.
select lora.dataset_report('{}'::text) -> 'valid' as valid;
