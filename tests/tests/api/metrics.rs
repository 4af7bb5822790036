//! `report_training_metrics`: each point recorded once, in any order, whatever its values are.

use pg_lora_tests::story::{claimed, digests, job_row, point, report, report_of, set_clock};
use pg_lora_tests::{Caller, Database, Refusal, sqlstate};
use postgres::Client;
use serde_json::{Value, json};

/// Steps and losses as the owner reads them, NaN and infinity as their names.
fn curve(db: &mut Client, owner: &Caller) -> Value {
    let sql = "select coalesce(jsonb_agg(jsonb_build_array(step, training_loss) order by step), '[]') from public.metrics_points";
    owner.ask(db, sql).unwrap()
}

#[test]
fn a_point_is_recorded_with_all_it_says() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, job) = claimed(&mut db, "alice", 100);
    let full = json!({
        "step": 10, "epoch": 2, "timestamp": "2026-01-15T23:10:00.25Z", "training_loss": 1.25, "validation_loss": 1.5,
        "learning_rate": 1e-12, "gradient_norm": 0.5, "throughput": 1777.04, "gpu_utilization": 95.11,
        "worker_version": "not a column",
    });
    let answer = report(&mut db, &job, json!([full])).unwrap();
    assert_eq!(
        (&answer["accepted"], &answer["duplicates"], &answer["refused"]),
        (&json!(1), &json!(0), &json!([]))
    );

    let row = alice
        .ask(&mut db, "select to_jsonb(p) - array['id', 'job_id'] from public.metrics_points p")
        .unwrap();
    assert_eq!(
        row,
        json!({
            "attempt": 1, "step": 10, "epoch": 2, "timestamp": "2026-01-15T23:10:00.25+00:00", "training_loss": 1.25,
            "validation_loss": 1.5, "learning_rate": 1e-12, "gradient_norm": 0.5, "throughput": 1777.04,
            "gpu_utilization": 95.11,
        })
    );
    let row = job_row(&mut db, &job);
    assert_eq!(
        (&row["status"], &row["current_step"], &row["current_epoch"]),
        (&json!("running"), &json!(10), &json!(2))
    );
    assert_eq!(
        row["current_metrics"],
        json!({"training_loss": 1.25, "validation_loss": 1.5, "learning_rate": 1e-12, "throughput": 1777.04, "gpu_utilization": 95.11})
    );
}

#[test]
fn a_point_that_is_sent_again_is_a_duplicate_and_a_changed_one_is_refused() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, job) = claimed(&mut db, "alice", 100);
    let batch = json!([point(1, json!(2.5)), point(2, json!(2.25))]);
    assert_eq!(report(&mut db, &job, batch.clone()).unwrap()["accepted"], 2);
    let before = curve(&mut db, &alice);

    let again = report(&mut db, &job, batch).unwrap();
    assert_eq!(
        (&again["accepted"], &again["duplicates"], &again["refused"]),
        (&json!(0), &json!(2), &json!([]))
    );

    let changed = report(&mut db, &job, json!([point(2, json!(9.0)), point(3, json!(2.0))])).unwrap();
    assert_eq!((&changed["accepted"], &changed["duplicates"]), (&json!(1), &json!(0)));
    assert_eq!(changed["refused"][0]["step"], 2, "{changed}");
    assert!(!changed["refused"][0]["reason"].as_str().unwrap().is_empty());
    assert_eq!(curve(&mut db, &alice), json!([before[0], before[1], [3, 2]]));

    // The same within one batch: the first one counts.
    let twice =
        json!([point(5, json!(1.0)), point(5, json!(1.0)), point(6, json!(1.5)), point(6, json!(1.75))]);
    let answer = report(&mut db, &job, twice).unwrap();
    assert_eq!((&answer["accepted"], &answer["duplicates"]), (&json!(2), &json!(1)));
    assert_eq!(answer["refused"].as_array().unwrap().len(), 1, "{answer}");
    assert_eq!(curve(&mut db, &alice)[4], json!([6, 1.5]));
}

#[test]
fn every_measured_value_counts_for_whether_a_point_is_the_same() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (_, job) = claimed(&mut db, "alice", 100);
    let full = json!({
        "step": 1, "epoch": 1, "training_loss": 1.25, "validation_loss": 1.5, "learning_rate": 0.5,
        "gradient_norm": 0.5, "throughput": 10.0, "gpu_utilization": 95.0,
    });
    assert_eq!(report(&mut db, &job, json!([full])).unwrap()["accepted"], 1);
    for field in [
        "epoch",
        "training_loss",
        "validation_loss",
        "learning_rate",
        "gradient_norm",
        "throughput",
        "gpu_utilization",
    ] {
        let mut changed = full.clone();
        changed[field] = json!(7);
        let answer = report(&mut db, &job, json!([changed])).unwrap();
        assert_eq!(
            (&answer["duplicates"], answer["refused"].as_array().unwrap().len()),
            (&json!(0), 1),
            "{field}"
        );
    }
}

#[test]
fn the_order_does_not_matter() {
    let database = Database::migrated();
    let mut db = database.connect();
    set(&mut db);
    let (alice, job) = claimed(&mut db, "alice", 100);
    // A fixed shuffle of 1 to 40: 17 and 41 have no common factor.
    let shuffled: Vec<Value> =
        (1..=40).map(|n| point(n * 17 % 41, json!(3.0 - f64::from(n * 17 % 41) / 100.0))).collect();
    for batch in shuffled.chunks(7) {
        let answer = report(&mut db, &job, json!(batch)).unwrap();
        assert_eq!(answer["accepted"], batch.len());
    }
    let steps: Vec<i64> =
        curve(&mut db, &alice).as_array().unwrap().iter().map(|p| p[0].as_i64().unwrap()).collect();
    assert_eq!(steps, (1..=40).collect::<Vec<_>>());
    let row = job_row(&mut db, &job);
    assert_eq!((&row["current_step"], &row["current_metrics"]["training_loss"]), (&json!(40), &json!(2.6)));
}

fn set(db: &mut Client) {
    set_clock(db, "2026-01-15 23:00Z");
}

#[test]
fn a_run_that_diverged_is_recorded() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, job) = claimed(&mut db, "alice", 100);
    report(&mut db, &job, json!([point(1, json!(2.5))])).unwrap();
    let diverged = json!([point(2, json!(98765.4321)), point(3, json!("NaN")), point(4, json!("Infinity"))]);
    assert_eq!(report(&mut db, &job, diverged.clone()).unwrap()["accepted"], 3);
    let row = job_row(&mut db, &job);
    let metrics = &row["current_metrics"];
    assert_eq!(metrics["training_loss"], 98765.4321, "the last finite one: {metrics}");
    assert_eq!(metrics["non_finite"], true);

    let again = report(&mut db, &job, diverged).unwrap();
    assert_eq!((&again["duplicates"], &again["refused"]), (&json!(3), &json!([])), "NaN is the same NaN");
    assert_eq!(curve(&mut db, &alice), json!([[1, 2.5], [2, 98765.4321], [3, "NaN"], [4, "Infinity"]]));

    for value in ["-Infinity", "NaN"] {
        let mut all = json!({"step": 5, "epoch": 1});
        for field in [
            "training_loss",
            "validation_loss",
            "learning_rate",
            "gradient_norm",
            "throughput",
            "gpu_utilization",
        ] {
            all[field] = json!(value);
        }
        all["step"] = json!(if value == "NaN" { 6 } else { 5 });
        assert_eq!(report(&mut db, &job, json!([all])).unwrap()["accepted"], 1);
        let metrics = job_row(&mut db, &job)["current_metrics"].to_string();
        assert!(!metrics.contains("NaN") && !metrics.contains("Infinity"), "{metrics}");
    }
    // It recovers, and the mark goes.
    report(&mut db, &job, json!([point(7, json!(1.5))])).unwrap();
    let metrics = job_row(&mut db, &job)["current_metrics"].clone();
    assert_eq!((&metrics["training_loss"], metrics.get("non_finite")), (&json!(1.5), None));
}

#[test]
fn a_bad_point_is_named_and_the_others_are_recorded() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, job) = claimed(&mut db, "alice", 100);
    let with = |field: &str, value: Value| {
        let mut bad = point(300, json!(2.0));
        bad[field] = value;
        bad
    };
    let bad = [
        (json!({"epoch": 1, "training_loss": 1, "learning_rate": 1}), "step", "missing"),
        (json!({"step": 300, "training_loss": 1, "learning_rate": 1}), "epoch", "missing"),
        (with("training_loss", Value::Null), "training_loss", "missing"),
        (with("learning_rate", Value::Null), "learning_rate", "missing"),
        (with("step", json!(-1)), "step", "negative"),
        (with("step", json!(2_147_483_648_i64)), "step", "out_of_range"),
        (with("step", json!(2.5)), "step", "not_a_whole_number"),
        (with("step", json!("three")), "step", "not_a_whole_number"),
        (with("step", json!([3])), "step", "not_a_whole_number"),
        (with("epoch", json!("NaN")), "epoch", "not_a_whole_number"),
        (with("epoch", json!(true)), "epoch", "not_a_whole_number"),
        (with("training_loss", json!("high")), "training_loss", "not_a_number"),
        (with("training_loss", json!(true)), "training_loss", "not_a_number"),
        (with("training_loss", json!({"a": 1})), "training_loss", "not_a_number"),
        (with("gradient_norm", json!("?")), "gradient_norm", "not_a_number"),
        (with("gpu_utilization", json!(100.5)), "gpu_utilization", "out_of_range"),
        (with("timestamp", json!("yesterday noon")), "timestamp", "not_an_instant"),
        (with("timestamp", json!(17)), "timestamp", "not_an_instant"),
        // Postgres would take these.
        (with("timestamp", json!("yesterday")), "timestamp", "not_an_instant"),
        (with("timestamp", json!("now")), "timestamp", "not_an_instant"),
        (with("timestamp", json!("12026-01-15T23:00:00Z")), "timestamp", "not_an_instant"),
        (with("timestamp", json!("2026-01-15T24:00:00Z")), "timestamp", "not_an_instant"),
        (with("timestamp", json!("2026-01-15T23:00:60Z")), "timestamp", "not_an_instant"),
        (with("timestamp", json!("2026-01-15 23:00 America/New_York")), "timestamp", "not_an_instant"),
        (with("timestamp", json!("2026-02-30T23:00:00Z")), "timestamp", "not_an_instant"),
        (with("timestamp", json!("infinity")), "timestamp", "not_an_instant"),
        (json!({"eval/f1": 0.5}), "step", "missing"),
        (json!({"step": 300, "eval/f1": null}), "epoch", "missing"),
        (json!(7), "", "not_an_object"),
        (json!(null), "", "not_an_object"),
        (json!([1, 2]), "", "not_an_object"),
    ];
    let mut batch = Vec::new();
    for (number, (bad, field, code)) in (1..).zip(&bad) {
        let good = point(number, json!(2.0));
        batch.extend([good.clone(), bad.clone()]);
        let answer = report(&mut db, &job, json!([good, bad])).unwrap();
        assert_eq!((&answer["accepted"], &answer["duplicates"]), (&json!(1), &json!(0)), "{bad}: {answer}");
        let [refused] = answer["refused"].as_array().unwrap().as_slice() else { panic!("{bad}: {answer}") };
        assert_eq!(refused["index"], 1, "{bad}");
        assert_eq!(refused["reason"], refused["findings"][0]["error"], "{bad}");
        let found = &refused["findings"][0];
        let named = if field.is_empty() { Value::Null } else { json!(field) };
        assert_eq!((&found["code"], &found["field"]), (&json!(code), &named), "{bad}: {answer}");
    }
    let steps = curve(&mut db, &alice);
    assert_eq!(steps.as_array().unwrap().len(), bad.len());

    // All of them in one batch, sent again: the good ones are known, each bad one is at its place.
    let answer = report(&mut db, &job, json!(batch)).unwrap();
    assert_eq!((&answer["accepted"], &answer["duplicates"]), (&json!(0), &json!(bad.len())));
    let places: Vec<u64> = answer["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|refused| refused["index"].as_u64().unwrap())
        .collect();
    assert_eq!(places, (0..bad.len() as u64).map(|n| 2 * n + 1).collect::<Vec<_>>());
    assert_eq!(curve(&mut db, &alice), steps);

    for not_a_batch in [json!({}), json!("x"), json!(null), point(2, json!(1.0))] {
        Refusal::of(report(&mut db, &job, not_a_batch)).is("22023", "\"points\" is not an array");
    }
    let null = format!("select public.report_training_metrics('{job}', 1, null)");
    Refusal::of(Caller::service().ask(&mut db, &null)).is("22023", "\"points\" is not an array");
}

#[test]
fn a_number_that_no_double_holds_is_named() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (_, job) = claimed(&mut db, "alice", 100);
    let points = r#"[{"step": 1, "epoch": 0, "training_loss": 1e400, "learning_rate": 1e-4},
        {"step": 2, "epoch": 0, "training_loss": 1e-400, "learning_rate": 1e-4}]"#;
    let sql = format!("select public.report_training_metrics('{job}', 1, '{points}')");
    let answer = Caller::service().ask(&mut db, &sql).unwrap();
    assert_eq!((&answer["accepted"], answer["refused"].as_array().unwrap().len()), (&json!(0), 2));
    for refused in answer["refused"].as_array().unwrap() {
        assert_eq!(refused["findings"][0]["code"], "out_of_range", "{answer}");
    }
}

#[test]
fn what_looks_wrong_is_recorded_and_named() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (_, job) = claimed(&mut db, "alice", 100);
    let mut odd = point(2, json!(2.0));
    odd["learning_rate"] = json!(1000);
    odd["gradient_norm"] = json!(-1);
    let answer = report(&mut db, &job, json!([point(1, json!(2.0)), odd])).unwrap();
    assert_eq!((&answer["accepted"], &answer["refused"]), (&json!(2), &json!([])));
    let [warning] = answer["warnings"].as_array().unwrap().as_slice() else { panic!("{answer}") };
    assert_eq!((&warning["index"], &warning["step"]), (&json!(1), &json!(2)));
    let codes: Vec<&Value> =
        warning["findings"].as_array().unwrap().iter().map(|found| &found["code"]).collect();
    assert_eq!(codes, ["learning_rate_too_high", "negative"]);
}

#[test]
fn what_is_sent_last_replaces_what_stands_there_when_that_is_asked_for() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, job) = claimed(&mut db, "alice", 100);
    let replace = |db: &mut Client, points: Value| report_of(db, &job, 1, points, "replace").unwrap();
    let counts =
        |answer: &Value| ["accepted", "duplicates", "replaced"].map(|count| answer[count].as_i64().unwrap());
    let first = replace(
        &mut db,
        json!([point(1, json!(2.5)), point(2, json!(0.5)), point(3, json!(2.0)), point(1, json!(2.75))]),
    );
    assert_eq!(counts(&first), [3, 1, 0], "the later one of a step counts: {first}");
    let again = replace(
        &mut db,
        json!([point(1, json!(2.75)), point(2, json!(2.25)), point(2, json!(2.125)), point(4, json!("NaN"))]),
    );
    assert_eq!((counts(&again), &again["refused"]), ([1, 2, 1], &json!([])), "{again}");
    let last = replace(&mut db, json!([point(4, json!(1.75))]));
    assert_eq!(counts(&last), [0, 0, 1]);

    assert_eq!(curve(&mut db, &alice), json!([[1, 2.75], [2, 2.125], [3, 2], [4, 1.75]]));
    let row = job_row(&mut db, &job);
    // The lowest one was 0.5, which is no longer there.
    assert_eq!(row["best_metrics"]["training_loss"], json!({"value": 1.75, "step": 4, "attempt": 1}));
    assert_eq!(row["current_metrics"]["training_loss"], 1.75);
    // Another one than the best is replaced: by a better one, and by a worse one; what the service keeps beside them stays.
    db.batch_execute(
        "update public.training_jobs set best_metrics = best_metrics || '{\"accuracy\": {\"value\": 7}}'",
    )
    .unwrap();
    replace(&mut db, json!([point(1, json!(0.5)), point(3, json!(7.0))]));
    let best = job_row(&mut db, &job)["best_metrics"].clone();
    assert_eq!(best["training_loss"], json!({"value": 0.5, "step": 1, "attempt": 1}));
    assert!(best["accuracy"].is_object(), "{best}");

    for (argument, said) in
        [("'overwrite'", "\"on_conflict\" is \"overwrite\""), ("null", "\"on_conflict\" is null")]
    {
        let sql = format!("select public.report_training_metrics('{job}', 1, '[]', {argument})");
        Refusal::of(Caller::service().ask(&mut db, &sql)).is("22023", said);
    }
    // Nobody replaces anything but through this function, not even the service, and only in the current attempt.
    let update = "update public.metrics_points set training_loss = 0";
    assert_eq!(sqlstate(&Caller::service().write(&mut db, update).unwrap_err()), "42501");
    let helper = format!("select lora_private.replace_points('{job}', 2, '[]')::text");
    Refusal::of(Caller::service().ask(&mut db, &helper)).is("22023", "has not begun");
}

#[test]
fn an_attempt_that_no_point_can_name_is_refused() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (_, job) = claimed(&mut db, "alice", 100);
    db.batch_execute(&format!(
        "set session_replication_role = replica;
         update public.training_jobs set attempt = 32768, max_attempts = 40000 where id = '{job}';
         set session_replication_role = origin"
    ))
    .unwrap();
    let answer = report_of(&mut db, &job, 32768, json!([point(1, json!(2.0))]), "refuse");
    Refusal::of(answer).is("PT409", "at most 32767");
}

#[test]
fn an_empty_batch_is_none() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (_, job) = claimed(&mut db, "alice", 100);
    let before = digests(&mut db);
    let answer = report(&mut db, &job, json!([])).unwrap();
    assert_eq!(
        answer,
        json!({"accepted": 0, "duplicates": 0, "replaced": 0, "refused": [], "warnings": [], "progress": 0.0,
            "cancel_requested": false})
    );
    assert_eq!(digests(&mut db), before);
}

#[test]
fn several_writers_at_once_record_each_point_once() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, job) = claimed(&mut db, "alice", 100);
    let accepted: i64 = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|_| {
                let (mut db, job) = (database.connect(), &job);
                scope.spawn(move || {
                    let batch =
                        |from: u32| (from..from + 10).map(|n| point(n, json!(1.0))).collect::<Vec<_>>();
                    (0..5)
                        .map(|n| {
                            report(&mut db, job, json!(batch(n * 10 + 1))).unwrap()["accepted"]
                                .as_i64()
                                .unwrap()
                        })
                        .sum::<i64>()
                })
            })
            .collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).sum()
    });
    assert_eq!(accepted, 50);
    assert_eq!(curve(&mut db, &alice).as_array().unwrap().len(), 50);
    assert_eq!(job_row(&mut db, &job)["current_step"], 50);
}
