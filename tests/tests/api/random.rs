//! Random histories of a job against a model of what they should end as. A tenth of the rounds without `--full`;
//! the seed is printed by `cargo xtask test`, and PROPTEST_RNG_SEED repeats it.

use std::collections::BTreeMap;

use pg_lora_tests::random::Random;
use pg_lora_tests::story::{claim, complete, job_row, point, queue_job, ready_dataset, sign_up};
use pg_lora_tests::{Caller, Database, environment};
use serde_json::{Value, json};

#[test]
fn whatever_a_worker_sends_each_step_is_recorded_once_and_percent_never_falls() {
    let rounds = if environment::full() { 100 } else { 10 };
    let mut choices = Random::stream(environment::seed(), 0);
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let service = Caller::service();
    let stages = ["downloading", "training", "evaluating", "checkpointing", "saving", "anything at all"];
    for round in 0..rounds {
        let job = queue_job(&mut db, &alice, &dataset, 40);
        assert_eq!(claim(&mut db, "w"), job);
        let mut model: BTreeMap<u32, Value> = BTreeMap::new();
        let mut percent = 0.0;
        for _ in 0..(3 + choices.below(12)) {
            if choices.below(3) == 0 {
                let stage = choices.pick(&stages);
                service
                    .ask(&mut db, &format!("select public.heartbeat_training_job('{job}', 1, '{stage}')"))
                    .unwrap();
            } else {
                let mut batch = Vec::new();
                for _ in 0..choices.below(6) {
                    let step = 1 + choices.below(40) as u32;
                    let loss =
                        [json!(1.5), json!(2.5), json!("NaN"), json!("-Infinity")][choices.below(4)].clone();
                    batch.push(point(step, loss.clone()));
                }
                let known = model.len();
                for sent in &batch {
                    let step = sent["step"].as_u64().unwrap() as u32;
                    model.entry(step).or_insert_with(|| sent["training_loss"].clone());
                }
                let sql = format!("select public.report_training_metrics('{job}', 1, '{}')", json!(batch));
                let answer = service.ask(&mut db, &sql).unwrap();
                let total = answer["accepted"].as_u64().unwrap()
                    + answer["duplicates"].as_u64().unwrap()
                    + answer["refused"].as_array().unwrap().len() as u64;
                assert_eq!(answer["accepted"], model.len() - known, "round {round}: {batch:?}");
                assert_eq!(total, batch.len() as u64, "round {round}: {batch:?}");
            }
            let now = job_row(&mut db, &job)["progress"].as_f64().unwrap();
            assert!((percent..100.0).contains(&now), "round {round}: {now} after {percent}");
            percent = now;
        }
        let sql = format!(
            "select coalesce(jsonb_object_agg(step, to_jsonb(training_loss)), '{{}}') from public.metrics_points \
             where job_id = '{job}'"
        );
        let expected: Value = model.iter().map(|(step, loss)| (step.to_string(), loss.clone())).collect();
        assert_eq!(service.ask(&mut db, &sql).unwrap(), expected, "round {round}");
        if model.is_empty() {
            let cancel = format!("update public.training_jobs set status = 'cancelled' where id = '{job}'");
            assert_eq!(service.write(&mut db, &cancel).unwrap(), 1);
        } else {
            complete(&mut db, &job).unwrap();
            assert_eq!(job_row(&mut db, &job)["progress"], 100.0);
        }
    }
}
