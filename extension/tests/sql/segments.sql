-- A file gives one report: in one value, in parts, as lines in any order, with workers or without.
create table files as
  select string_agg(format('{"prompt":"question %s","completion":"answer %s"}', n, n % 50), E'\n' order by n) || E'\nnope\n' as content
  from generate_series(1, 20000) as n;
create table parts as
  select n, substr(content, (n - 1) * 30011 + 1, 30011) as part
  from (select convert_to(content, 'UTF8') as content from files) as file,
    generate_series(1, length(content) / 30011 + 1) as n;
create table lines as
  select number, line
  from files, string_to_table(rtrim(content, E'\n'), E'\n') with ordinality as line (line, number);
analyze parts;
analyze lines;

set max_parallel_workers_per_gather = 0;
create temporary table whole as select lora.dataset_report(content) as report from files;
select report -> 'total_training_pairs' as pairs, report -> 'lines' as lines, report -> 'counts' as counts from whole;
select lora.segment_report(lora.merge_segments(lora.scan_segment(part) order by n)) = (select report from whole) as parts_are_the_whole
from parts;
select lora.dataset_lines_report(number, line, '{}') = (select report from whole) as lines_are_the_whole from lines;
select lora.dataset_lines_report(number, convert_to(line, 'UTF8'), '{}' order by number desc) = (select report from whole) as backwards_too
from lines where number <= 20001;

-- Any number of workers gives the answer of one.
set max_parallel_workers_per_gather = 4;
set parallel_setup_cost = 0;
set parallel_tuple_cost = 0;
set min_parallel_table_scan_size = 0;
alter table lines set (parallel_workers = 4);
alter table parts set (parallel_workers = 4);
explain (costs off) select lora.dataset_lines_report(number, line, '{}') from lines;
select lora.dataset_lines_report(number, line, '{}') = (select report from whole) as workers_too from lines;
-- Without "offset 0" the planner would pull the scan up to where the parts are merged, out of the workers' hands. The plans
-- of the versions of Postgres differ above that.
create function pg_temp.workers_scan(query text) returns boolean language plpgsql as $$
declare
  plan jsonb;
begin
  execute 'explain (verbose, format json) ' || query into plan;
  return jsonb_path_exists(plan, '$.** ? (@."Parallel Aware" == true).Output[*] ? (@ like_regex "scan_segment")');
end
$$;
select pg_temp.workers_scan(
  'select lora.segment_report(lora.merge_segments(segment order by n))
   from (select n, lora.scan_segment(part) as segment from parts offset 0) as segments'
) as workers_scan;
select lora.segment_report(lora.merge_segments(segment order by n)) = (select report from whole) as workers_too
from (select n, lora.scan_segment(part) as segment from parts offset 0) as segments;
set max_parallel_workers_per_gather = 0;

-- A file that is held back beside it.
select report -> 'total_training_pairs' as pairs, report -> 'total_validation_pairs' as held_back, report -> 'lines' as lines,
  report -> 'validation_file' as file, report -> 'counts' as counts, report #> '{findings,1}' as finding
from lora.segment_report(
  lora.scan_segment(E'{"prompt":"a","completion":"b"}\nnope'), '{}', lora.scan_segment(E'\nnope\n{"prompt":"a","completion":"c"}')
) as report;
select lora.segment_report(lora.scan_segment('{}'), '{}', '\xdeadbeef');
\echo :SQLSTATE
select lora.segment_report(null) is null and lora.segment_report(lora.scan_segment('{}'), null) is null as nothing_of_null;

-- Nothing at all.
select lora.dataset_lines_report(number, line, '{}') is null as no_lines, lora.merge_segments(null) is null as no_parts
from lines where false;
select lora.segment_report(lora.scan_segment('')) -> 'counts' as empty;

-- What cannot be put together is refused.
select lora.segment_report('\x');
\echo :SQLSTATE
select lora.segment_report('\xdeadbeef');
\echo :SQLSTATE
select lora.merge_segments(segment) from (values (lora.scan_segment('{}')), ('\x00'::bytea)) as segments (segment);
\echo :SQLSTATE
select lora.merge_segments(segment) from (values (lora.scan_segment('{}')), (null)) as segments (segment);
\echo :SQLSTATE
select lora.merge_segments(segment)
from (values (lora.scan_segment('{}')), (lora.scan_segment('{}', '{"profile": "openai"}'))) as segments (segment);
\echo :SQLSTATE
select lora.segment_report(lora.scan_segment('{}'), '{"window": 4096}');
\echo :SQLSTATE
select lora.dataset_lines_report(number, '{}', '{}') from (values (1), (3)) as lines (number);
\echo :SQLSTATE
select lora.dataset_lines_report(number, '{}', '{}') from (values (1), (1)) as lines (number);
\echo :SQLSTATE
select lora.dataset_lines_report(0, '{}', '{}');
\echo :SQLSTATE
select lora.dataset_lines_report(1, null::text, '{}');
\echo :SQLSTATE
select lora.dataset_lines_report(1, '{}', '{"windw": 1}');
\echo :SQLSTATE
select lora.dataset_lines_report(2 * n, '{}', '{}') from generate_series(1, 10001) as n;
\echo :SQLSTATE
drop table files, parts, lines;
