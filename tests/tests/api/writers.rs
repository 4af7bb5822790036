//! Many points from writers that retry, mix up and die: the tables end exactly right.
//!
//! Every point's values follow from its step, so that what is there can be compared with what should be by one query.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use pg_lora_tests::random::Random;
use pg_lora_tests::story::{claimed, job_row};
use pg_lora_tests::{Caller, Database, environment, sqlstate};
use postgres::{Client, Error};
use serde_json::{Value, json};

/// What is reported of a step: a loss that falls, except where it is no number, an evaluation now and then.
fn point(step: usize) -> Value {
    let loss = match step % 1000 {
        999 => json!("NaN"),
        _ => json!(1.0 + 1.0 / step as f64),
    };
    let mut point =
        json!({"step": step, "epoch": step / 100, "training_loss": loss, "learning_rate": 0.0002});
    if step.is_multiple_of(50) {
        point["validation_loss"] = json!(2.0 + 1.0 / step as f64);
        point["eval/f1"] = json!(step as f64 / 1024.0);
    }
    point
}

/// The steps in an order in which neighbours stay near each other, as writers that overtake each other send them.
fn shuffled(steps: usize, random: &mut Random) -> Vec<usize> {
    let mut order: Vec<usize> = (1..=steps).collect();
    for at in 0..order.len() {
        let other = (at + random.below(5_000)).min(order.len() - 1);
        order.swap(at, other);
    }
    order
}

/// What is not as it has to be of a job whose steps were all reported.
fn wrong(db: &mut Client, job: &str, steps: usize) -> Vec<String> {
    let sql = format!(
        "with expected as (
           select step, step / 100 as epoch, case step % 1000 when 999 then 'NaN' else 1 + 1 / step::float8 end as training_loss,
             case step % 50 when 0 then 2 + 1 / step::float8 end as validation_loss
           from generate_series(1, {steps}) as step
         )
         select format('point %s', coalesce(expected.step, point.step)) from expected
         full join (select * from public.metrics_points where job_id = '{job}') as point using (step)
         where (point.attempt, point.epoch, point.training_loss, point.validation_loss, point.learning_rate)
           is distinct from (1::smallint, expected.epoch, expected.training_loss, expected.validation_loss, 0.0002::float8)
         union all
         select format('eval/f1 %s', coalesce(expected.step, custom.step)) from (select * from expected where step % 50 = 0) as expected
         full join (select * from public.custom_metrics where job_id = '{job}') as custom using (step)
         where (custom.metric, custom.value) is distinct from ('eval/f1', expected.step / 1024.0::float8)
         limit 5"
    );
    db.query(&sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

#[test]
fn eight_writers_of_one_job_record_each_point_once() {
    let steps = if environment::full() { 100_000 } else { 10_000 };
    let seed = environment::seed();
    let database = Database::migrated();
    let mut db = database.connect();
    let (_, job) = claimed(&mut db, "alice", steps as u32);
    let accepted = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (mut db, job, accepted) = (database.connect(), &job, &accepted);
            scope.spawn(move || {
                // Each sends three of eight of all steps, so that most come from several; and each batch once more, now and then.
                let mut random = Random::stream(seed, number);
                let own = shuffled(steps, &mut random);
                let own: Vec<usize> =
                    own.into_iter().filter(|step| (step % 8 + 8 - number as usize) % 8 < 3).collect();
                for batch in own.chunks(100) {
                    let points: Vec<Value> = batch.iter().map(|step| point(*step)).collect();
                    let sql =
                        format!("select public.report_training_metrics('{job}', 1, '{}')", json!(points));
                    for _ in 0..=usize::from(random.once_in(5)) {
                        let answer = Caller::service().ask(&mut db, &sql).unwrap();
                        assert_eq!(answer["refused"], json!([]));
                        let counts =
                            ["accepted", "duplicates"].map(|count| answer[count].as_u64().unwrap() as usize);
                        assert_eq!(counts[0] + counts[1], batch.len());
                        accepted.fetch_add(counts[0], Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(accepted.into_inner(), steps, "what was accepted, all writers together");
    assert_eq!(wrong(&mut db, &job, steps), [""; 0]);
    let row = job_row(&mut db, &job);
    assert_eq!(row["current_step"], steps);
    let last_finite = steps as f64;
    assert_eq!(row["best_metrics"]["training_loss"]["value"], json!(1.0 + 1.0 / last_finite), "{row}");
}

/// Answers of a writer that is killed in the middle: unknown, so that it sends the same again.
fn send(db: &mut Client, database: &Database, name: &str, sql: &str, lost: &AtomicUsize) -> Value {
    loop {
        let error: Error = match Caller::service().ask(db, sql) {
            Ok(answer) => return answer,
            Err(error) => error,
        };
        assert!(matches!(sqlstate(&error), "57P01" | ""), "{error:?}");
        lost.fetch_add(1, Ordering::Relaxed);
        *db = connect(database, name);
    }
}

fn connect(database: &Database, name: &str) -> Client {
    loop {
        let mut db = database.connect();
        if db.batch_execute(&format!("set application_name = '{name}'")).is_ok() {
            return db;
        }
    }
}

#[test]
fn a_million_points_end_right_though_their_writers_crash() {
    let steps = if environment::full() { 1_000_000 } else { 100_000 };
    let seed = environment::seed();
    let database = Database::migrated();
    let mut db = database.connect();
    let (_, job) = claimed(&mut db, "alice", steps as u32);
    let mut random = Random::stream(seed, 100);
    let order = shuffled(steps, &mut random);
    let batches = Mutex::new(order.chunks(1_000).collect::<Vec<_>>());
    let (lost, sent, over) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|number| {
                let (database, job, batches, lost, sent) = (&database, &job, &batches, &lost, &sent);
                scope.spawn(move || {
                    let name = format!("writer-{number}");
                    let mut db = connect(database, &name);
                    let mut random = Random::stream(seed, number);
                    loop {
                        let Some(batch) = batches.lock().unwrap().pop() else { return };
                        let points: Vec<Value> = batch.iter().map(|step| point(*step)).collect();
                        let sql =
                            format!("select public.report_training_metrics('{job}', 1, '{}')", json!(points));
                        // One that lost its own memory begins a batch again.
                        for _ in 0..=usize::from(random.once_in(10)) {
                            let answer = send(&mut db, database, &name, &sql, lost);
                            assert_eq!(answer["refused"], json!([]));
                            sent.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                })
            })
            .collect();
        let (database, sent, over) = (&database, &sent, &over);
        scope.spawn(move || {
            let mut db = database.connect();
            let mut random = Random::stream(seed, 200);
            let mut next = 3;
            while !over.load(Ordering::Relaxed) {
                if sent.load(Ordering::Relaxed) >= next {
                    let victim = random.below(4);
                    db.execute(
                        "select pg_terminate_backend(pid) from pg_stat_activity \
                         where datname = current_database() and application_name = $1",
                        &[&format!("writer-{victim}")],
                    )
                    .unwrap();
                    next = sent.load(Ordering::Relaxed) + random.between(2, 9);
                }
                std::thread::sleep(Duration::from_millis(random.between(1, 20) as u64));
            }
        });
        let outcomes: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
        over.store(true, Ordering::Relaxed);
        assert!(outcomes.iter().all(Result::is_ok), "a writer failed");
    });
    assert_eq!(wrong(&mut db, &job, steps), [""; 0]);
    assert_eq!(job_row(&mut db, &job)["current_step"], steps);
    let (lost, batches) = (lost.into_inner(), steps / 1_000);
    println!("{steps} points in {batches} batches, {lost} answers lost");
    // It was no calm sea.
    assert!(lost > batches / 40, "{lost} answers were lost");
}
