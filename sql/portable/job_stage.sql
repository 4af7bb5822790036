-- job_stage: which part of the percent scale a stage owns, and how long it may be silent.

-- First and last percent of a stage's band, and how far inside of it the stage begins (0 … 1). What is unknown counts as
-- preparation before the first step and as training after it.
create or replace function lora._job_band(
  stage text, any_step boolean,
  out band text, out least_percent double precision, out most_percent double precision, out inside double precision
)
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  inside := 0;
  if stage in ('saving', 'uploading') then
    band := 'saving'; least_percent := 95; most_percent := 100;
    if stage = 'uploading' then
      inside := 0.5;
    end if;
  elsif any_step or stage in ('training', 'evaluating', 'checkpointing') then
    band := 'training'; least_percent := 5; most_percent := 95;
  elsif stage in ('queued', 'queued_on_gpu') then
    band := 'queued'; least_percent := 0; most_percent := 0;
  else
    band := 'preparing'; least_percent := 0; most_percent := 5;
    inside := case stage
      when 'downloading' then 0.2 when 'preparing' then 0.4 when 'loading_model' then 0.6 when 'configuring' then 0.8
      else 0
    end;
  end if;
end
$$;
grant execute on function lora._job_band(text, boolean) to public;

-- Seconds that a stage may be silent, whatever was seen of the attempt.
create or replace function lora._stage_budget(stage text)
returns double precision
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return case stage
    -- Generated: budgets.
    when 'queued' then 3600
    when 'queued_on_gpu' then 1800
    when 'setup' then 600
    when 'downloading' then 3600
    when 'preparing' then 1800
    when 'loading_model' then 1800
    when 'configuring' then 600
    when 'evaluating' then 1800
    when 'checkpointing' then 900
    when 'saving' then 1800
    when 'uploading' then 3600
    else 3600
    -- End.
  end;
end
$$;
grant execute on function lora._stage_budget(text) to public;
