create or replace aggregate lora.dataset_lines_report(line_number bigint, line text, options jsonb) (
  sfunc = lora.dataset_lines_report_accum,
  stype = internal,
  combinefunc = lora.dataset_lines_report_combine,
  serialfunc = lora.dataset_lines_report_serial,
  deserialfunc = lora.dataset_lines_report_deserial,
  finalfunc = lora.dataset_lines_report_final,
  parallel = safe
);

create or replace aggregate lora.dataset_lines_report(line_number bigint, line bytea, options jsonb) (
  sfunc = lora.dataset_lines_report_accum,
  stype = internal,
  combinefunc = lora.dataset_lines_report_combine,
  serialfunc = lora.dataset_lines_report_serial,
  deserialfunc = lora.dataset_lines_report_deserial,
  finalfunc = lora.dataset_lines_report_final,
  parallel = safe
);
