//! The data of the benchmark: statements that fill a database, run by the superuser with triggers off, which is
//! how 1 M rows take seconds. Rows are those of validated datasets and completed jobs, but for reports: a wider row
//! would hide what a policy costs.

/// Ids that the statements and the queries agree on.
pub const IDS: &str = "create schema bench;
    create function bench.user_id(number int) returns uuid language sql immutable
      as $$ select ('00000000-0000-4000-8000-' || lpad(number::text, 12, '0'))::uuid $$;
    create function bench.job_id(number int) returns uuid language sql immutable
      as $$ select ('00000000-0000-4000-9000-' || lpad(number::text, 12, '0'))::uuid $$;
    insert into auth.users (id, email)
      select bench.user_id(number), number || '@example.org' from generate_series(1, 1200) as number";

/// 200,000 datasets, as many jobs and as many points of metrics. Every second dataset and job is the owner's;
/// the others belong to so many users as `bench.others` says. Rows arrive interleaved, as they do from many
/// users.
pub const READS: &str = r#"
    alter table public.datasets disable trigger all;
    alter table public.training_jobs disable trigger all;
    alter table public.metrics_points disable trigger all;

    insert into public.datasets (
      id, user_id, name, description, format, status, storage_path, file_name, file_size, total_training_pairs,
      total_validation_pairs, total_tokens, training_ready, validated_at, created_at, updated_at,
      deleted_at
    )
    select
      gen_random_uuid(), owner, 'practice ' || number, 'the conversations of week ' || number % 50, 'brightrun_lora_v4',
      'ready', owner || '/' || number || '/practice.jsonl', 'practice.jsonl', 1000000 + number, 900, 100, 400000, true,
      at, at, at, case when number % 40 < 2 then at + interval '1 day' end
    from (
      select number, timestamptz '2026-01-01' + number * interval '1 minute' as at,
        bench.user_id(
          case number % 2 when 0 then 1 else 101 + number / 2 % current_setting('bench.others')::int end
        ) as owner
      from generate_series(1, 200000) as number
    ) as made;

    insert into public.training_jobs (
      user_id, dataset_id, preset_id, hyperparameters, gpu_config, status, current_stage, total_epochs, current_step,
      total_steps, progress, estimated_total_cost, final_cost, started_at, completed_at, queued_at, created_at, updated_at
    )
    select
      user_id, id, 'balanced', '{"rank": 16, "batch_size": 4, "num_epochs": 3, "learning_rate": 0.0002}',
      '{"gpu_type": "A100-80GB", "num_gpus": 2, "gpu_memory_gb": 80, "cost_per_gpu_hour": 3.50}',
      'completed', 'completed', 3, 675, 675, 100, 12.50, 11.75, created_at, updated_at, created_at, created_at, updated_at
    from public.datasets
    order by created_at;

    -- Users 11 and 12 have 10 and 1,000 jobs; the first job of each has 100,000 points.
    insert into public.training_jobs (
      id, user_id, dataset_id, preset_id, hyperparameters, gpu_config, status, total_epochs, estimated_total_cost,
      started_at
    )
    select
      case number when 1 then bench.job_id(of) else gen_random_uuid() end, bench.user_id(of), dataset.id, 'balanced', '{}',
      '{}', 'running', 3, 12.50, now()
    from (values (11, 10), (12, 1000)) as had (of, jobs)
    cross join generate_series(1, jobs) as number
    cross join (select id from public.datasets limit 1) as dataset;

    insert into public.metrics_points (
      job_id, attempt, timestamp, epoch, step, training_loss, learning_rate, gradient_norm, throughput, gpu_utilization
    )
    select
      bench.job_id(of), 1, timestamptz '2026-06-01' + step * interval '1 second', 1 + step / 40000, step,
      2.0 / (1 + step), 0.0002, 0.8, 12.5, 97.5
    from generate_series(1, 100000) as step
    cross join (values (11), (12)) as running (of);

    alter table public.datasets enable trigger all;
    alter table public.training_jobs enable trigger all;
    alter table public.metrics_points enable trigger all;
"#;

/// 1,000,000 datasets of 100 users, 10,000 each, every twentieth deleted. Users 2 to 100 are at work all the
/// time; user 1 left when the others began, so that all that is newest belongs to others.
pub const PAGES: &str = r#"
    alter table public.datasets disable trigger all;

    insert into public.datasets (
      id, user_id, name, description, format, status, storage_path, file_name, file_size, total_training_pairs,
      total_validation_pairs, total_tokens, training_ready, validated_at, created_at, updated_at,
      deleted_at
    )
    select
      gen_random_uuid(), owner, 'practice ' || number, 'the conversations of week ' || number % 50, 'brightrun_lora_v4',
      'ready', owner || '/' || number || '/practice.jsonl', 'practice.jsonl', 1000000 + number, 900, 100, 400000, true,
      at, at, at, case when number / 100 % 20 = 0 then at + interval '1 day' end
    from (
      select number, timestamptz '2025-01-01' + number * interval '30 seconds' as at,
        bench.user_id(case when number <= 10000 then 1 else 2 + number % 99 end) as owner
      from generate_series(1, 1000000) as number
    ) as made;

    alter table public.datasets enable trigger all;
"#;
