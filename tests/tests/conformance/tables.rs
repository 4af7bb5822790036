//! What the editions know by name, all of it: statuses, stages, presets.

use pg_lora_tests::golden;

use crate::editions::{Editions, literal};

const STATUSES: [&str; 8] =
    ["queued", "initializing", "running", "completed", "failed", "cancelled", "paused", "Queued"];

/// The stages that `docs/jobs.md` has from the code, and some that nobody knows.
fn stages() -> Vec<String> {
    let page = std::fs::read_to_string(golden::path("../docs/jobs.md")).unwrap();
    let begin = page.find("<!-- budgets: ").expect("the table of budgets");
    let table = &page[begin..begin + page[begin..].find("<!-- end of budgets").unwrap()];
    let named = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let mut stages: Vec<String> = named.map(str::to_owned).collect();
    assert!(stages.len() >= 12, "{stages:?}");
    stages.extend(["", "my own", "Training", "training "].map(str::to_owned));
    stages
}

#[test]
fn every_change_of_status() {
    let mut editions = Editions::new();
    for from in STATUSES {
        for to in STATUSES {
            let call = format!("lora.is_job_transition({}, {})", literal(from), literal(to));
            editions.agree(&call).unwrap_or_else(|difference| panic!("{difference}"));
        }
    }
}

/// Bands and budgets show in percent and in the verdict of each stage.
#[test]
fn every_stage_in_every_status() {
    let mut editions = Editions::new();
    let point = "lora.add_points_to_job_pace(null, array[40, 41], array['2026-01-01', '2026-01-01 00:00:10']::timestamptz[])";
    for status in STATUSES {
        for stage in stages() {
            for pace in ["null", point] {
                let (status, stage) = (literal(status), literal(&stage));
                let at = "'2026-01-01 00:10'::timestamptz";
                for call in [
                    format!("lora.job_progress_of_pace({status}, {stage}, 100, {pace}, {at})"),
                    format!(
                        "lora.job_verdict({status}, {stage}, {at}, {at}, stage_since => '2026-01-01', pace => {pace})"
                    ),
                    format!("lora.add_stage_to_job_pace({pace}, {stage}, {at})"),
                ] {
                    editions.agree(&call).unwrap_or_else(|difference| panic!("{difference}"));
                }
            }
        }
    }
}

#[test]
fn every_preset() {
    let mut editions = Editions::new();
    let presets = editions.agree("lora.hyperparameter_presets()");
    presets.unwrap_or_else(|difference| panic!("{difference}"));
    for preset in ["conservative", "balanced", "aggressive", "custom", "fast", "quality", "", "Custom"] {
        let call = format!("lora.normalize_hyperparameters('{{}}', {})", literal(preset));
        editions.agree(&call).unwrap_or_else(|difference| panic!("{difference}"));
    }
}

/// The state of the portable aggregate is combined as the extension's is.
#[test]
fn the_portable_pace_is_the_same_with_parallel_workers() {
    let mut editions = Editions::new();
    let db = &mut editions.portable;
    db.batch_execute(
        "create table public.points as
           select n % 9000 as step, timestamptz '2026-01-01' + (n % 9000) * interval '2 s' + n / 9000 * interval '1 s' as reported_at,
             n % 100 = 0 as is_evaluation
           from generate_series(1, 20000) as n;
         analyze public.points;
         alter table public.points set (parallel_workers = 4);
         set max_parallel_workers_per_gather = 0",
    )
    .unwrap();
    let question = "select lora.job_pace(step, reported_at, is_evaluation)::text, lora.job_pace(step, reported_at)::text from public.points";
    let ask = |db: &mut postgres::Client| -> (String, String) {
        let row = db.query_one(question, &[]).unwrap();
        (row.get(0), row.get(1))
    };
    let alone = ask(db);
    db.batch_execute(
        "set max_parallel_workers_per_gather = 4; set parallel_setup_cost = 0; set parallel_tuple_cost = 0;
         set min_parallel_table_scan_size = 0",
    )
    .unwrap();
    let plan = db.query(&format!("explain (costs off) {question}"), &[]).unwrap();
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    assert!(plan.iter().any(|line| line.contains("Partial Aggregate")), "{plan:#?}");
    assert_eq!(ask(db), alone);
    // Everything else runs in a worker as well: an error, too.
    let worker =
        "select lora.job_pace(case when step = 8999 then -1 else step end, reported_at) from public.points";
    let refused = db.query(worker, &[]).unwrap_err();
    assert_eq!(refused.as_db_error().unwrap().message(), "\"steps\" contains -1");
    let expressions = "select count(distinct lora.job_progress('running', 'training', 20000, array[step, step + 1], array[reported_at, reported_at + interval '1 s'], reported_at)),
        count(distinct lora.job_verdict('running', 'training', reported_at, reported_at, pace => lora.add_points_to_job_pace(null, array[step, step + 1], array[reported_at, reported_at])))
        from (select * from public.points limit 500) as point";
    let row = db.query_one(expressions, &[]).unwrap();
    assert!(row.get::<_, i64>(0) > 100 && row.get::<_, i64>(1) > 0);
}
