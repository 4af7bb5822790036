-- Reports, as a client sees them.
set timezone = 'UTC';
select jsonb_pretty(lora.dataset_report(
  '{"_meta":{"total_pairs":3}}
{"conversation_id":"a","system_prompt":"Help.","current_user_input":"How do I reset it?","target_response":"Hold the button."}
{"conversation_id":"a","system_prompt":"Help.","current_user_input":"And then?","target_response":"Wait for the light.","split":"validation"}'
));

-- Six lines with one fault each: errors on all of them, nothing to train on.
create temporary view six as select string_agg(line, E'\n' order by number) as content from (values
  (1, '{"conversation_id":"a","turns":[{"role":"user","content":"Is anybody there?"}]}'),
  (2, '{"conversation_id":"b","turns":[]}'),
  (3, '{"turns":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello"}]}'),
  (4, '{"conversation_id":"d"}'),
  (5, '{"conversation_id":"e", oops'),
  (6, '{"conversation_id":"f","turns":[{"role":"user"},{"role":"assistant","content":"Hello"}]}')
) as line (number, line);
select finding ->> 'line' as line, finding ->> 'severity' as severity, finding ->> 'code' as code,
  finding ->> 'path' as path, finding ->> 'offset' as "offset", finding ->> 'error' as error
from six, jsonb_array_elements(lora.dataset_report(content) -> 'findings') as finding;
select report -> 'valid' as valid, report -> 'training_ready' as ready, report -> 'total_training_pairs' as pairs,
  report -> 'counts' as counts
from six, lora.dataset_report(content) as report;

-- Ten findings of a code are kept, all are counted.
select report -> 'counts' as counts, jsonb_array_length(report -> 'findings') as kept, report -> 'truncated' as truncated
from lora.dataset_report(repeat(E'nope\n', 1000)) as report;

-- What cannot be answered is refused with its SQLSTATE.
select lora.dataset_report('{}'::text, '{"min_examples": "many"}');
\echo :SQLSTATE
select lora.dataset_report('{}'::text, '{"profile": "unheard-of"}');
\echo :SQLSTATE
select lora.dataset_report('{}'::text, '{"windw": 4096}');
\echo :SQLSTATE
