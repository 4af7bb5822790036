//! `training_metrics_curve`: what is drawn of runs, whatever attempts and gaps they have.

use pg_lora_tests::story::{claim, claimed, point, report, sign_up};
use pg_lora_tests::{Caller, Database, Refusal};
use postgres::Client;
use serde_json::{Value, json};

use crate::{call, events};

fn curves(db: &mut Client, who: &Caller, arguments: &str) -> Value {
    call(db, who, &format!("training_metrics_curve({arguments})")).unwrap()
}

fn report_again(db: &mut Client, job: &str, attempt: u32, steps: std::ops::RangeInclusive<u32>, loss: f64) {
    let points: Vec<Value> = steps.map(|step| point(step, json!(loss))).collect();
    let sql = format!("select public.report_training_metrics('{job}', {attempt}, $1)");
    Caller::service().run(db, |t| t.execute(&sql, &[&json!(points)])).unwrap();
}

#[test]
fn each_metric_of_each_job_is_sampled_by_itself() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, first) = claimed(&mut db, "alice", 3_000);
    let points: Vec<Value> = (1..=2_000)
        .map(|step| {
            let mut point = point(step, if step == 777 { json!(9.9) } else { json!(2.0) });
            if step % 500 == 0 {
                point["validation_loss"] = json!(f64::from(step) / 1_000.0);
            }
            point
        })
        .collect();
    report(&mut db, &first, json!(points)).unwrap();
    let (service, second) = (Caller::service(), claimed(&mut db, "bob", 10).1);
    report(
        &mut db,
        &second,
        json!([point(1, json!("NaN")), point(2, json!(1.0)), point(3, json!("Infinity"))]),
    )
    .unwrap();

    let answer = curves(
        &mut db,
        &service,
        &format!(
            "array['{second}', '{first}']::uuid[], '{{validation_loss,training_loss}}', max_points => 16"
        ),
    );
    let series = answer.as_array().unwrap();
    let of: Vec<(&Value, &Value)> = series.iter().map(|one| (&one["job_id"], &one["metric"])).collect();
    let (first, second) = (json!(first), json!(second));
    let (training, validation) = (json!("training_loss"), json!("validation_loss"));
    assert_eq!(
        of,
        [(&second, &validation), (&second, &training), (&first, &validation), (&first, &training)]
    );
    // Nothing was evaluated; the other has a spike, and two marks.
    assert_eq!((&series[0]["x"], &series[0]["points"]), (&json!([]), &json!(0)));
    assert_eq!(
        (&series[1]["x"], &series[1]["y"], &series[1]["non_finite"]),
        (&json!([2]), &json!([1.0]), &json!(2))
    );
    assert_eq!(series[1]["marks"][0], json!({"from": 1, "to": 1, "value": "NaN", "points": 1}));
    // The sparse one is not thinned by the other.
    assert_eq!(
        (&series[2]["x"], &series[2]["y"]),
        (&json!([500, 1000, 1500, 2000]), &json!([0.5, 1.0, 1.5, 2.0]))
    );
    let steps = series[3]["x"].as_array().unwrap();
    assert!(steps.len() <= 16 && steps.contains(&json!(777)), "{steps:?}");

    // The range comes before the sampling, and smoothing is of all of it.
    let part = curves(
        &mut db,
        &alice,
        &format!("array[{first}]::uuid[], from_step => 770, to_step => 779").replace('"', "'"),
    );
    assert_eq!(part[0]["x"], json!([770, 771, 772, 773, 774, 775, 776, 777, 778, 779]));
    let smoothed = format!("array[{first}]::uuid[], from_step => 776, to_step => 778, smoothing => 0.5")
        .replace('"', "'");
    let smoothed = &curves(&mut db, &alice, &smoothed)[0]["y"];
    assert_eq!(
        *smoothed,
        json!([2.0, (0.5 * 1.0 + 0.5 * 9.9) / 0.75, (0.5 * (0.5 * 1.0 + 0.5 * 9.9) + 1.0) / 0.875])
    );
}

#[test]
fn what_a_later_attempt_overtook_is_no_part_of_the_curve() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, job) = claimed(&mut db, "alice", 100);
    report_again(&mut db, &job, 1, 1..=50, 3.0);
    let again = format!("update public.training_jobs set status = 'queued' where id = '{job}'");
    let begin = |db: &mut Client| {
        Caller::service().write(db, &again).unwrap();
        assert_eq!(claim(db, "w"), job);
    };
    begin(&mut db);
    // From the checkpoint of step 30 on, and not as far as the first one yet.
    report_again(&mut db, &job, 2, 31..=40, 2.0);
    let drawn = |db: &mut Client, range: &str| {
        let answer = curves(db, &alice, &format!("array['{job}']::uuid[]{range}"));
        let list = |key: &str| answer[0][key].as_array().unwrap().clone();
        list("x")
            .into_iter()
            .zip(list("y"))
            .map(|(x, y)| (x.as_i64().unwrap(), y.as_f64().unwrap()))
            .collect::<Vec<_>>()
    };
    let expected: Vec<(i64, f64)> =
        (1..=30).map(|step| (step, 3.0)).chain((31..=40).map(|step| (step, 2.0))).collect();
    assert_eq!(drawn(&mut db, ""), expected);
    assert_eq!(drawn(&mut db, ", from_step => 30, to_step => 31"), [(30, 3.0), (31, 2.0)]);
    // One that has not reported yet has overtaken nothing, and one from the beginning all.
    begin(&mut db);
    assert_eq!(drawn(&mut db, ""), expected);
    report_again(&mut db, &job, 3, 1..=2, 1.0);
    assert_eq!(drawn(&mut db, ""), [(1, 1.0), (2, 1.0)]);
    assert_eq!(drawn(&mut db, ", from_step => 3"), []);
    // Points that were sent twice before there were attempts stand beside the curve.
    db.batch_execute("alter table public.metrics_points disable trigger user").unwrap();
    db.execute(&format!("insert into public.metrics_points (job_id, attempt, step, epoch, training_loss, learning_rate) values ('{job}', 0, 1, 1, 7, 1)"), &[]).unwrap();
    assert_eq!(drawn(&mut db, ""), [(1, 1.0), (2, 1.0)]);
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, job) = claimed(&mut db, "alice", 100);
    let bob = sign_up(&mut db, "bob");
    let refused = |db: &mut Client, who: &Caller, arguments: &str| {
        Refusal::of(call(db, who, &format!("training_metrics_curve({arguments})")))
    };
    let mine = format!("array['{job}']::uuid[]");
    for (arguments, what) in [
        ("null".to_owned(), "\"job_ids\" has no jobs"),
        ("array_fill(gen_random_uuid(), array[101])".to_owned(), "\"job_ids\" has 101 jobs"),
        (format!("{mine}, '{{}}'"), "\"metrics\" has 0 names"),
        (format!("{mine}, array['training_loss', '']"), "metric \"\" is no name"),
        (format!("{mine}, array[repeat('m', 201)]"), "is no name"),
        (format!("{mine}, array[null]::text[]"), "metric null is no name"),
        (format!("{mine}, from_step => 7, to_step => 6"), "\"from_step\" is 7, behind \"to_step\" 6"),
    ] {
        refused(&mut db, &alice, &arguments).is("22023", what);
    }
    // Another column is no metric, and a name is never part of a statement.
    for name in ["id", "training_loss''); select 1; --", "x\" from pg_authid --"] {
        let curve =
            call(&mut db, &alice, &format!("training_metrics_curve({mine}, array['{name}'])")).unwrap();
        assert_eq!((&curve[0]["points"], curve.as_array().unwrap().len()), (&json!(0), 1), "{name}");
    }
    report(&mut db, &job, json!([point(1, json!(2.0))])).unwrap();
    for (arguments, what) in [
        ("max_points => 3", "\"max_points\" is 3"),
        ("method => 'random'", "\"method\" is \"random\""),
        ("smoothing => 1", "\"smoothing\" is 1"),
        ("smoothing => 'NaN'", "\"smoothing\" is NaN"),
    ] {
        refused(&mut db, &alice, &format!("{mine}, {arguments}")).is("22023", what);
    }
    let hidden = refused(&mut db, &bob, &mine);
    hidden.is("PT404", &format!("training job \"{job}\" does not exist"));
    assert_eq!(curves(&mut db, &bob, "'{}'"), json!([]));
}

#[test]
fn a_run_that_diverges_is_told_of_once_in_an_attempt() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, job) = claimed(&mut db, "alice", 1_000);
    let bob = sign_up(&mut db, "bob");
    let health = |db: &mut Client, who: &Caller| call(db, who, &format!("training_job_health('{job}')"));
    assert_eq!(health(&mut db, &alice).unwrap(), json!([]));
    report_again(&mut db, &job, 1, 1..=50, 2.0);
    assert_eq!(health(&mut db, &alice).unwrap(), json!([]));
    // One loss is a spike, and ten are none.
    report_again(&mut db, &job, 1, 51..=51, 9.0);
    assert_eq!(events(&mut db, &job, "divergence"), Vec::<Value>::new());
    report_again(&mut db, &job, 1, 52..=60, 9.0);
    report_again(&mut db, &job, 1, 61..=70, 9.5);
    let told = events(&mut db, &job, "divergence");
    assert_eq!((told.len(), &told[0]["from_step"], &told[0]["to_step"]), (1, &json!(51), &json!(60)));
    report(&mut db, &job, json!([point(71, json!("NaN"))])).unwrap();
    report(&mut db, &job, json!([point(72, json!("-Infinity"))])).unwrap();
    assert_eq!(events(&mut db, &job, "non_finite").len(), 1);
    let messages = "select jsonb_agg(jsonb_build_array(type, message) order by type) from public.notifications where type in ('job_diverged', 'job_non_finite')";
    assert_eq!(
        alice.ask(&mut db, messages).unwrap(),
        json!([
            [
                "job_diverged",
                "The training on \"practice\" has a loss far above its best one, since step 51."
            ],
            ["job_non_finite", "The training on \"practice\" reports what is no number, since step 71."]
        ])
    );
    let found = health(&mut db, &alice).unwrap();
    let rules: Vec<&Value> = found.as_array().unwrap().iter().map(|finding| &finding["rule"]).collect();
    assert_eq!(rules, ["non_finite", "divergence"]);
    assert_eq!((&found[1]["from_step"], &found[1]["evidence"]["best"]), (&json!(51), &json!(2.0)));

    // The next attempt goes on from before, is well, and would be told of anew.
    Caller::service()
        .write(&mut db, &format!("update public.training_jobs set status = 'queued' where id = '{job}'"))
        .unwrap();
    assert_eq!(claim(&mut db, "w"), job);
    report_again(&mut db, &job, 2, 41..=60, 1.9);
    assert_eq!(health(&mut db, &alice).unwrap(), json!([]));
    report_again(&mut db, &job, 2, 61..=61, f64::MAX);
    report_again(&mut db, &job, 2, 62..=80, 8.0);
    assert_eq!(events(&mut db, &job, "divergence").len(), 2);
    assert_eq!(
        alice.ask(&mut db, "select count(*) from public.notifications where type = 'job_diverged'").unwrap(),
        json!(2)
    );
    Refusal::of(health(&mut db, &bob)).is("PT404", &format!("training job \"{job}\" does not exist"));
}
