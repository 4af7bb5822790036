create or replace aggregate lora.curve_health(
  step bigint, training_loss double precision, validation_loss double precision, learning_rate double precision,
  gradient_norm double precision, throughput double precision, gpu_utilization double precision
) (
  sfunc = lora.curve_health_accum,
  stype = internal,
  combinefunc = lora.curve_health_combine,
  serialfunc = lora.curve_health_serial,
  deserialfunc = lora.curve_health_deserial,
  finalfunc = lora.curve_health_final,
  -- It sorts the state, and so answers the same however often it is called.
  finalfunc_modify = shareable,
  parallel = safe
);
