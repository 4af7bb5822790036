-- The parts come in the order of the file: merge_segments(segment order by number). So there is no way to combine the
-- states of workers; what takes time, scan_segment, they do all the same.
create or replace aggregate lora.merge_segments(segment bytea) (
  sfunc = lora.merge_segments_accum,
  stype = internal,
  finalfunc = lora.merge_segments_final,
  parallel = safe
);
