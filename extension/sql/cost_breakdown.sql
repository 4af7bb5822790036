create or replace aggregate lora.cost_breakdown(
  amount numeric, currency text, day date, cost_type text, gpu_type text, job_id uuid, status text
) (
  sfunc = lora.cost_breakdown_accum,
  stype = internal,
  combinefunc = lora.cost_breakdown_combine,
  serialfunc = lora.cost_breakdown_serial,
  deserialfunc = lora.cost_breakdown_deserial,
  finalfunc = lora.cost_breakdown_final,
  parallel = safe
);
