//! What each index costs that the specification names and another one covers: the time of inserts with it and
//! without it, and its size. Figures for docs/security.md; nothing here has a target.
//!
//! On copies of the tables, without triggers and keys to other tables: only the index is the difference.

use super::bed::{Bed, Side};
use super::measurement::Measurement;

/// A table, the index, and 100,000 rows of it in the order in which they come: metrics job by job, the rest of
/// 1,000 owners mixed.
const REDUNDANT: [(&str, &str, &str); 4] = [
    (
        "metrics_points",
        "idx_metrics_points_job_id",
        "(job_id, attempt, epoch, step, training_loss, learning_rate) select job, 1, 1, step, 1, 1e-4 \
         from (select gen_random_uuid() as job from generate_series(1, 10) offset 0) as jobs, generate_series(1, 10000) as step",
    ),
    (
        "cost_records",
        "idx_cost_records_user_id",
        "(user_id, cost_type, amount, billing_period) select md5((n % 1000)::text)::uuid, 'storage', 1, \
         date '2026-01-01' + n / 1000 from generate_series(1, 100000) as n",
    ),
    (
        "notifications",
        "idx_notifications_user_id",
        "(user_id, type, title, message) select md5((n % 1000)::text)::uuid, 'job_queued', 'title', 'message' \
         from generate_series(1, 100000) as n",
    ),
    (
        "model_artifacts",
        "idx_model_artifacts_job_id",
        "(user_id, job_id, dataset_id, name, version, quality_metrics, training_summary, configuration, artifacts) \
         select md5((n % 1000)::text)::uuid, gen_random_uuid(), gen_random_uuid(), 'model', gen_random_uuid(), '{}', '{}', '{}', '{}' \
         from generate_series(1, 100000) as n",
    ),
];

/// Runs it.
pub fn run(bed: &mut Bed<'_>) -> anyhow::Result<()> {
    bed.execute("create schema bench")?;
    for (table, index, rows) in REDUNDANT {
        for copy in ["both", "one"] {
            bed.execute(&format!("create table bench.{table}_{copy} (like public.{table} including all)"))?;
        }
        // The copy's own name of the index is Postgres's choice; it is the one of these columns that is not unique.
        let found = format!(
            "select copied.indexrelid::regclass::text from pg_index as ours join pg_index as copied \
               on copied.indkey = ours.indkey and copied.indisunique = ours.indisunique \
             where ours.indexrelid = 'public.{index}'::regclass and copied.indrelid = 'bench.{table}_%s'::regclass"
        );
        let without = bed.ask(&found.replace("%s", "one"))?;
        bed.execute(&format!("drop index {without}"))?;
        let [both, one] = ["both", "one"].map(|copy| format!("insert into bench.{table}_{copy} {rows}"));
        let name = format!("insert of 100k {table} with {index}, to without");
        bed.compare(&name, None, &[Side::superuser(&both), Side::superuser(&one)])?;
        let with = bed.ask(&found.replace("%s", "both"))?;
        let bytes = bed.ask(&format!(
            "select pg_relation_size('{with}') * 1.0 / (select count(*) from bench.{table}_both)"
        ))?;
        let name = format!("{index}: bytes of index for a row");
        bed.note(Measurement::new(name, bytes.parse()?, "B", None), &[])?;
    }
    Ok(())
}
