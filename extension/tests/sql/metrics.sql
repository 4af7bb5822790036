-- The figures of a row against each other.
select code, severity, column_name, error from lora.dataset_metric_findings(
  '{"total_training_pairs": 44, "total_validation_pairs": 0, "total_tokens": 8800, "file_size": 4000, "avg_tokens_per_turn": 201}');

-- Against its status: NULL is missing, a column that is not there is not looked at.
select code, severity, column_name, error from lora.dataset_metric_findings(
  '{"status": "ready", "training_ready": false, "validated_at": null, "total_training_pairs": 0, "total_tokens": null, "validation_errors": [1]}');
select code from lora.dataset_metric_findings('{"status": "ready"}');
select code, column_name, suggestion from lora.dataset_metric_findings('{"status": "error", "error_message": null, "validation_errors": []}');

-- What only Postgres holds: NaN, infinity and numbers beyond any float.
select code, column_name, error
from (values (numeric 'NaN', numeric '-Infinity', bigint '-9223372036854775808')) as figures (avg_turns_per_conversation, avg_tokens_per_turn, total_tokens),
  lora.dataset_metric_findings(to_jsonb(figures));
select error from lora.dataset_metric_findings('{"total_tokens": 9007199254740993, "file_size": 9007199254740992}');

-- Against a report, which also says that a guess was none.
create temporary view file as
  select lora.dataset_report('{"conversation_id":"a","turns":[{"role":"user","content":"How do I reset it?"},{"role":"assistant","content":"Hold the button."}]}'::text) as report;
select code, severity, column_name, regexp_replace(error, '\d+$', 'N') as error
from file, lora.dataset_metric_findings(
  '{"total_training_pairs": 1, "total_validation_pairs": 0, "total_tokens": 200, "file_size": 1000, "avg_turns_per_conversation": 2, "training_ready": true}', report);
select count(*) as findings
from file, lora.dataset_metric_findings(report || jsonb_build_object('file_size', report -> 'bytes', 'status', 'ready'), report);
select code, severity, error from lora.dataset_metric_findings('{"total_tokens": 1}', '{"total_tokens": "many"}');
select code from lora.dataset_metric_findings('{"total_training_pairs": 1, "total_tokens": 200}', '{"total_training_pairs": 1, "total_tokens": 200}');

-- NULL has no findings.
select count(*) as findings from lora.dataset_metric_findings(null, '{}');
select count(*) as findings from lora.dataset_metric_findings('{"file_size": -1}', null);

-- What is no row is refused by the key.
select * from lora.dataset_metric_findings('[]');
\echo :SQLSTATE
select * from lora.dataset_metric_findings('{"file_size": "large"}');
\echo :SQLSTATE
select * from lora.dataset_metric_findings('{"total_tokens": 1e400}');
\echo :SQLSTATE
