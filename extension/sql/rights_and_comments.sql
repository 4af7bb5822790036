-- Rights are stated, not inherited from whatever default privileges the installing role has.
-- The functions are pure: they read nothing but their arguments.
grant execute on all functions in schema lora to public;

comment on function lora.dataset_report(bytea, jsonb) is
  'Validates a dataset file and reports everything that is wrong with it';
comment on function lora.dataset_report(text, jsonb) is
  'Validates a dataset file and reports everything that is wrong with it';
comment on function lora.dataset_findings(bytea, jsonb) is
  'Validates a dataset file and answers what is wrong with it as rows, worst first';
comment on function lora.dataset_findings(text, jsonb) is
  'Validates a dataset file and answers what is wrong with it as rows, worst first';
comment on function lora.dataset_rules() is
  'Lists the rules of dataset validation: severities by profile, whether a finding stands for the whole file, what to do, and whether the portable edition tells it';
comment on function lora.estimate_tokens(text) is
  'Estimates how many tokens a text has for a tokenizer such as Mistral''s';
comment on function lora.scan_segment(bytea, jsonb) is
  'Reads a part of a dataset file, cut anywhere: merge_segments puts the parts together, segment_report makes the report';
comment on aggregate lora.merge_segments(bytea) is
  'Puts the segments of a dataset file together, in the order of the file';
comment on function lora.segment_report(bytea, jsonb, bytea) is
  'Makes the report on a dataset whose segment is given, and that of the file that is held back for validation';
comment on aggregate lora.dataset_lines_report(bigint, text, jsonb) is
  'Validates the numbered lines of a dataset, in any order, and reports everything that is wrong with it';
comment on aggregate lora.dataset_lines_report(bigint, bytea, jsonb) is
  'Validates the numbered lines of a dataset, in any order, and reports everything that is wrong with it';
comment on function lora.dataset_metric_findings(jsonb, jsonb) is
  'What is wrong with the figures of a dataset''s row, against each other and against a report';
comment on function lora.is_job_transition(text, text) is
  'Whether a job may go from one status to another one; the same one again is no change';
comment on function lora.job_progress(text, text, integer, integer[], timestamptz[], timestamptz, boolean[], jsonb, timestamptz) is
  'Percent and seconds left of one attempt, from its points';
comment on function lora.job_progress_of_pace(text, text, integer, jsonb, timestamptz, jsonb, timestamptz) is
  'Percent and seconds left of one attempt, from the pace that is kept of it';
comment on function lora.job_verdict(text, text, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, jsonb) is
  'Whether a job is well: ok, slow, stalled, lost or waiting, by its two clocks and its stage';
comment on aggregate lora.job_pace(integer, timestamptz) is
  'What is to be kept of the points of one attempt, however many they are';
comment on aggregate lora.job_pace(integer, timestamptz, boolean) is
  'What is to be kept of the points of one attempt, however many they are';
comment on function lora.add_points_to_job_pace(jsonb, integer[], timestamptz[], boolean[]) is
  'Adds points to the pace that is kept of an attempt, in any order; without a pace it begins one';
comment on function lora.add_stage_to_job_pace(jsonb, text, timestamptz) is
  'Adds the stage that a worker announces to the pace that is kept of its attempt, in the order in which stages are announced';
comment on function lora.describe_job_pace(jsonb) is
  'What a pace says: seconds per step, pauses and how often they come; NULL while that is not known';
comment on aggregate lora.curve(double precision, double precision, integer, text) is
  'The points of a series that are worth drawing: the first, last, lowest and highest always, and marks where it is no number';
comment on aggregate lora.curve(double precision, double precision, integer, text, double precision) is
  'The points of a series that are worth drawing: the first, last, lowest and highest always, smoothed as a whole before, and marks where it is no number';
comment on aggregate lora.curve(bigint, double precision, integer, text) is
  'The points of a series that are worth drawing: the first, last, lowest and highest always, and marks where it is no number';
comment on aggregate lora.curve(bigint, double precision, integer, text, double precision) is
  'The points of a series that are worth drawing: the first, last, lowest and highest always, smoothed as a whole before, and marks where it is no number';
comment on aggregate lora.curve_health(bigint, double precision, double precision, double precision, double precision, double precision, double precision) is
  'What is wrong with a run, as its points show it: rule, severity, steps, evidence and what to do about it';
comment on function lora.smooth(double precision[], double precision) is
  'Smooths a series as TensorBoard does: a moving average with exponential weights, without the pull towards 0 at its beginning';
comment on function lora.metric_point_findings(jsonb) is
  'What is wrong with a reported point: errors, for which it cannot be recorded, and warnings';
comment on function lora.interval_cost(tstzrange, numeric, integer, interval, interval) is
  'Exact cost of an interval of GPU time: hourly_rate x gpus x billed time, rounded once to ten places';
comment on function lora.estimate_cost(integer, double precision, integer, double precision, numeric, integer, double precision[]) is
  'What a run will cost: low, expected and high, from its work, its epochs, the price and what finished runs have taken';
comment on aggregate lora.cost_breakdown(numeric, text, date, text, text, uuid, text) is
  'Amounts added up in all, by day, type, GPU, job and status, in one pass';
comment on function lora.build_info() is
  'Which edition of schema lora answers, its version and how it was built';
comment on function lora.hyperparameter_presets() is
  'Hyperparameters of each preset, by name';
comment on function lora.normalize_gpu_config(jsonb) is
  'The document of a job''s GPUs under its standard names, every field checked';
comment on function lora.normalize_hyperparameters(jsonb, text) is
  'Hyperparameters under their standard names, filled in from a preset, every field checked';
