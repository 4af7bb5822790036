//! Metrics without a column of their own: kept, once each, and drawn like the others.

use pg_lora_tests::story::{claim, claimed, job_row, point, report, report_of, sign_up};
use pg_lora_tests::{Caller, Database, Refusal};
use postgres::Client;
use serde_json::{Value, json};

fn with(step: u32, others: Value) -> Value {
    let mut point = point(step, json!(2.0));
    point.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
    point
}

fn values(db: &mut Client, caller: &Caller) -> Value {
    let sql = "select coalesce(jsonb_agg(jsonb_build_array(attempt, metric, step, value) order by attempt, metric, step), '[]') \
               from public.custom_metrics";
    caller.ask(db, sql).unwrap()
}

fn counts(answer: &Value) -> [i64; 3] {
    ["accepted", "duplicates", "replaced"].map(|count| answer[count].as_i64().unwrap())
}

#[test]
fn any_metric_is_kept_once() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, job) = claimed(&mut db, "alice", 100);
    // An evaluation before the first step, by itself.
    let answer = report(&mut db, &job, json!([{"step": 0, "eval/f1": 0.25}])).unwrap();
    assert_eq!((counts(&answer), &answer["progress"]), ([1, 0, 0], &json!(0.0)), "{answer}");
    let row = job_row(&mut db, &job);
    assert_eq!(row["current_metrics"], json!({"custom": {"eval/f1": {"step": 0, "value": 0.25}}}));

    let batch = json!([
        with(1, json!({"train/reward": "NaN", "eval/f1": null})),
        with(2, json!({"train/reward": "0.5", "scheduler": "cosine"})),
        {"step": 2, "eval/f1": 0.5, "timestamp": "2026-01-15T23:00:00Z"},
    ]);
    let answer = report(&mut db, &job, batch.clone()).unwrap();
    assert_eq!((counts(&answer), &answer["refused"]), ([3, 0, 0], &json!([])), "{answer}");
    let [warning] = answer["warnings"].as_array().unwrap().as_slice() else { panic!("{answer}") };
    assert_eq!((&warning["index"], &warning["findings"][0]["code"]), (&json!(1), &json!("not_kept")));
    let kept = json!([
        [1, "eval/f1", 0, 0.25],
        [1, "eval/f1", 2, 0.5],
        [1, "train/reward", 1, "NaN"],
        [1, "train/reward", 2, 0.5],
    ]);
    assert_eq!(values(&mut db, &alice), kept);

    let again = report(&mut db, &job, batch).unwrap();
    assert_eq!((counts(&again), &again["refused"]), ([0, 3, 0], &json!([])), "{again}");
    let changed = report(
        &mut db,
        &job,
        json!([{"step": 2, "eval/f1": 0.75}, with(2, json!({"eval/f1": 0.625})), with(3, json!({"eval/f1": 0.5}))]),
    );
    let changed = changed.unwrap();
    assert_eq!(counts(&changed), [1, 1, 0], "{changed}");
    for (refused, index) in changed["refused"].as_array().unwrap().iter().zip([0, 1]) {
        assert_eq!(
            (&refused["index"], &refused["step"], &refused["metric"]),
            (&json!(index), &json!(2), &json!("eval/f1"))
        );
    }
    assert_eq!(values(&mut db, &alice)[1], kept[1]);
    // What is refused stands nowhere, and a point of which nothing is kept is refused.
    let none =
        report(&mut db, &job, json!([{"step": 3, "eval/f1": 0.125}, {"step": 4, "note": "hello"}])).unwrap();
    assert_eq!((counts(&none), &none["warnings"]), ([0, 0, 0], &json!([])), "{none}");
    let refused = |at: usize| (&none["refused"][at]["index"], &none["refused"][at]["metric"]);
    assert_eq!([refused(0), refused(1)], [(&json!(0), &json!("eval/f1")), (&json!(1), &Value::Null)]);
    // Another client sees none of it.
    let bob = sign_up(&mut db, "bob");
    assert_eq!(values(&mut db, &bob), json!([]));

    let current = &job_row(&mut db, &job)["current_metrics"];
    assert_eq!(
        current["custom"],
        json!({"eval/f1": {"step": 3, "value": 0.5}, "train/reward": {"step": 2, "value": 0.5}})
    );
    assert_eq!(current["training_loss"], 2.0);
}

#[test]
fn a_value_is_replaced_when_that_is_asked_for() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, job) = claimed(&mut db, "alice", 100);
    let replace = |db: &mut Client, points: Value| report_of(db, &job, 1, points, "replace").unwrap();
    assert_eq!(
        counts(&replace(&mut db, json!([{"step": 1, "eval/f1": 0.25}, {"step": 1, "eval/f1": 0.5}]))),
        [1, 1, 0]
    );
    let answer =
        replace(&mut db, json!([{"step": 1, "eval/f1": "Infinity"}, with(1, json!({"eval/f1": 0.75}))]));
    assert_eq!((counts(&answer), &answer["refused"]), ([1, 1, 0], &json!([])), "{answer}");
    assert_eq!(counts(&replace(&mut db, json!([{"step": 1, "eval/f1": "-Infinity"}]))), [0, 0, 1]);
    assert_eq!(values(&mut db, &alice), json!([[1, "eval/f1", 1, "-Infinity"]]));
    let helper = format!("select lora_private.replace_custom_metrics('{job}', 2, '[]')::text");
    Refusal::of(Caller::service().ask(&mut db, &helper)).is("22023", "has not begun");
}

#[test]
fn a_value_that_no_number_replaces_is_not_shown_any_more() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (_, job) = claimed(&mut db, "alice", 100);
    let mut newest = |points: Value| {
        report_of(&mut db, &job, 1, points, "replace").unwrap();
        job_row(&mut db, &job)["current_metrics"]["custom"].clone()
    };
    newest(json!([{"step": 1, "f1": 0.25}, {"step": 2, "f1": 0.5, "f2": 0.5}]));
    assert_eq!(
        newest(json!([{"step": 2, "f1": "NaN"}])),
        json!({"f1": {"step": 1, "value": 0.25}, "f2": {"step": 2, "value": 0.5}})
    );
    assert_eq!(newest(json!([{"step": 1, "f1": "Infinity"}])), json!({"f2": {"step": 2, "value": 0.5}}));
    assert_eq!(newest(json!([{"step": 2, "f2": "NaN"}])), Value::Null);
    let shown = newest(json!([{"step": 2, "f1": 0.75}, {"step": 1, "f1": "-Infinity"}]));
    assert_eq!(shown, json!({"f1": {"step": 2, "value": 0.75}}));
}

#[test]
fn a_point_and_a_job_have_room_for_a_hundred() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (_, job) = claimed(&mut db, "alice", 100);
    let named = |from: u32, to: u32| {
        let mut others = json!({});
        (from..to).for_each(|n| others[format!("m{n:03}")] = json!(n));
        others
    };
    let mut long = named(0, 99);
    long["m".repeat(201)] = json!(1);
    long["z"] = json!(1);
    let answer = report(&mut db, &job, json!([with(1, long)])).unwrap();
    let codes: Vec<&Value> =
        answer["warnings"][0]["findings"].as_array().unwrap().iter().map(|found| &found["code"]).collect();
    assert_eq!(codes, ["not_kept", "too_many_metrics"], "{answer}");
    report(&mut db, &job, json!([with(2, named(50, 150))])).unwrap();
    let count = |db: &mut Client, sql: &str| db.query_one(sql, &[]).unwrap().get::<_, i64>(0);
    assert_eq!(count(&mut db, "select count(*) from public.custom_metrics"), 199);
    let current = &job_row(&mut db, &job)["current_metrics"]["custom"];
    assert_eq!(current.as_object().unwrap().len(), 100);
    assert_eq!(current["m098"], json!({"step": 2, "value": 98}));
}

#[test]
fn a_curve_of_any_metric_is_stitched_from_attempts() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, job) = claimed(&mut db, "alice", 100);
    let batch: Vec<Value> = (1..=30)
        .map(|n| if n % 10 == 0 { with(n, json!({"eval/f1": n})) } else { point(n, json!(2.0)) })
        .collect();
    report(&mut db, &job, json!(batch)).unwrap();
    let fail = format!("select to_jsonb(public.fail_training_job('{job}', 1, 'stalled', 'lost'))");
    Caller::service().ask(&mut db, &fail).unwrap();
    alice.ask(&mut db, &format!("select to_jsonb(public.retry_training_job('{job}'))")).unwrap();
    assert_eq!(claim(&mut db, "w"), job);
    let resumed = |db: &mut Client, points: Value| report_of(db, &job, 2, points, "refuse").unwrap();
    // It goes on from step 25: the evaluation at 30 is overtaken before the new attempt has evaluated anything.
    resumed(&mut db, json!([point(26, json!(1.5))]));
    let drawn = |metrics: &str| {
        let sql = format!("select public.training_metrics_curve(array['{job}'::uuid], '{metrics}')");
        alice.ask(&mut database.connect(), &sql).unwrap()
    };
    let curve = &drawn("{eval/f1}")[0];
    assert_eq!(
        (&curve["metric"], &curve["x"], &curve["y"]),
        (&json!("eval/f1"), &json!([10, 20]), &json!([10.0, 20.0]))
    );
    resumed(&mut db, json!([{"step": 20, "eval/f1": "NaN"}, {"step": 40, "eval/f1": 4}]));
    let curves = drawn("{eval/f1,training_loss,eval/none}");
    assert_eq!((&curves[0]["x"], &curves[0]["y"]), (&json!([10, 40]), &json!([10.0, 4.0])), "{curves}");
    assert_eq!(curves[0]["marks"][0]["from"], 20);
    assert_eq!((&curves[1]["points"], &curves[2]["points"]), (&json!(26), &json!(0)));
    let bob = sign_up(&mut db, "bob");
    let sql = format!("select public.training_metrics_curve(array['{job}'::uuid], '{{eval/f1}}')");
    Refusal::of(bob.ask(&mut db, &sql)).is("PT404", "does not exist");
}
