create or replace aggregate lora.curve(x double precision, y double precision, max_points integer, method text) (
  sfunc = lora.curve_accum,
  stype = internal,
  combinefunc = lora.curve_combine,
  serialfunc = lora.curve_serial,
  deserialfunc = lora.curve_deserial,
  finalfunc = lora.curve_final,
  -- It sorts the state, and so answers the same however often it is called.
  finalfunc_modify = shareable,
  parallel = safe
);

create or replace aggregate lora.curve(x double precision, y double precision, max_points integer, method text, smoothing double precision) (
  sfunc = lora.curve_accum,
  stype = internal,
  combinefunc = lora.curve_combine,
  serialfunc = lora.curve_serial,
  deserialfunc = lora.curve_deserial,
  finalfunc = lora.curve_final,
  -- It sorts the state, and so answers the same however often it is called.
  finalfunc_modify = shareable,
  parallel = safe
);

create or replace aggregate lora.curve(x bigint, y double precision, max_points integer, method text) (
  sfunc = lora.curve_accum,
  stype = internal,
  combinefunc = lora.curve_bigint_combine,
  serialfunc = lora.curve_bigint_serial,
  deserialfunc = lora.curve_bigint_deserial,
  finalfunc = lora.curve_bigint_final,
  -- It sorts the state, and so answers the same however often it is called.
  finalfunc_modify = shareable,
  parallel = safe
);

create or replace aggregate lora.curve(x bigint, y double precision, max_points integer, method text, smoothing double precision) (
  sfunc = lora.curve_accum,
  stype = internal,
  combinefunc = lora.curve_bigint_combine,
  serialfunc = lora.curve_bigint_serial,
  deserialfunc = lora.curve_bigint_deserial,
  finalfunc = lora.curve_bigint_final,
  -- It sorts the state, and so answers the same however often it is called.
  finalfunc_modify = shareable,
  parallel = safe
);
