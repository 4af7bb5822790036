create or replace aggregate lora.job_pace(step integer, reported_at timestamptz) (
  sfunc = lora.job_pace_accum,
  stype = internal,
  combinefunc = lora.job_pace_combine,
  serialfunc = lora.job_pace_serial,
  deserialfunc = lora.job_pace_deserial,
  finalfunc = lora.job_pace_final,
  parallel = safe
);

create or replace aggregate lora.job_pace(step integer, reported_at timestamptz, is_evaluation boolean) (
  sfunc = lora.job_pace_accum,
  stype = internal,
  combinefunc = lora.job_pace_combine,
  serialfunc = lora.job_pace_serial,
  deserialfunc = lora.job_pace_deserial,
  finalfunc = lora.job_pace_final,
  parallel = safe
);
