//! `estimate_training_cost` and the estimate of a new job: one figure, by the formula or by what similar runs have taken.

use pg_lora_tests::story::{
    GPUS, add_dataset, claim, complete, pairs, point, ready_dataset, report, set_clock, sign_up, validate,
};
use pg_lora_tests::{Caller, Database, Refusal, environment};
use postgres::{Client, Error};
use serde_json::{Value, json};

use crate::call;

/// Three epochs in batches of four.
const PARAMETERS: &str = r#"{"num_epochs": 3, "batch_size": 4}"#;

fn estimate(
    db: &mut Client,
    caller: &Caller,
    dataset: &str,
    parameters: &str,
    gpus: &str,
) -> Result<Value, Error> {
    call(db, caller, &format!("estimate_training_cost('{dataset}', '{parameters}', '{gpus}')"))
}

fn create(
    db: &mut Client,
    caller: &Caller,
    dataset: &str,
    parameters: &str,
    gpus: &str,
) -> Result<Value, Error> {
    call(
        db,
        caller,
        &format!(
            "create_training_job('{dataset}', 'custom', '{parameters}', '{gpus}', gen_random_uuid()::text)"
        ),
    )
}

/// A run of so many seconds; its job.
fn run(db: &mut Client, user: &Caller, dataset: &str, seconds: u32) -> String {
    let job = create(db, user, dataset, PARAMETERS, GPUS).unwrap()["id"].as_str().unwrap().to_owned();
    set_clock(db, "2026-03-01 10:00Z");
    assert_eq!(claim(db, "w"), job);
    report(db, &job, json!([point(1, json!(2.0))])).unwrap();
    set_clock(db, &format!("2026-03-01 10:00Z'' + interval ''{seconds} s"));
    complete(db, &job).unwrap();
    job
}

/// The figures, rounded as a job shows them.
fn cents(answer: &Value) -> [f64; 3] {
    ["low", "expected", "high"].map(|figure| (answer[figure].as_f64().unwrap() * 100.0).round() / 100.0)
}

#[test]
fn an_estimate_and_a_job_say_the_same() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 44);
    for (parameters, gpus) in [
        (PARAMETERS, GPUS),
        (r#"{"max_steps": 100}"#, GPUS),
        (
            r#"{"num_epochs": 7, "batch_size": 2, "gradient_accumulation_steps": 4}"#,
            r#"{"type": "H100", "count": 8}"#,
        ),
        ("{}", r#"{"gpu_type": "nobody knows it", "num_gpus": 1, "cost_per_gpu_hour": 0.0000000001}"#),
    ] {
        let answer = call(
            &mut db,
            &alice,
            &format!("estimate_training_cost('{dataset}', '{parameters}', '{gpus}', preset_id => 'custom')"),
        )
        .unwrap();
        let job = create(&mut db, &alice, &dataset, parameters, gpus).unwrap();
        assert_eq!(answer["steps"], job["total_steps"], "{parameters}");
        assert_eq!(cents(&answer)[1], job["estimated_total_cost"].as_f64().unwrap(), "{parameters}");
        assert_eq!((&answer["method"], &answer["currency"]), (&json!("formula"), &json!("USD")));
        let [low, expected, high] = cents(&answer);
        assert!(low <= expected && expected <= high, "{answer}");
        let keys: Vec<&String> = answer.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["currency", "expected", "high", "hours", "low", "method", "steps"]);
    }
    // Whatever a client says of its own job's estimate.
    let insert = format!(
        "insert into public.training_jobs (user_id, dataset_id, preset_id, hyperparameters, gpu_config, total_epochs, estimated_total_cost) \
         values ('{}', '{dataset}', 'custom', '{PARAMETERS}', '{GPUS}', 1, 0.01) returning to_jsonb(estimated_total_cost)",
        alice.id()
    );
    let by_insert: Value = alice.run(&mut db, |t| Ok(t.query_one(&insert, &[])?.get(0))).unwrap();
    let by_estimate = estimate(&mut db, &alice, &dataset, PARAMETERS, GPUS).unwrap();
    assert_eq!(by_insert.as_f64().unwrap(), cents(&by_estimate)[1]);
}

#[test]
fn half_and_twice_the_time_lie_around_the_formula() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 44);
    let sql = format!(
        "select to_jsonb(array[(answer ->> 'low')::numeric - 0.5, (answer ->> 'high')::numeric - 0.5] \
           = array[((answer ->> 'expected')::numeric - 0.5) / 2, ((answer ->> 'expected')::numeric - 0.5) * 2]) \
         from public.estimate_training_cost('{dataset}', '{PARAMETERS}', '{GPUS}') as answer"
    );
    assert_eq!(alice.ask(&mut db, &sql).unwrap(), json!(true));
}

/// The specification's own dataset: 33 steps, about 4.10.
#[test]
fn eq12_costs_what_the_formula_says() {
    let Some(folder) = std::env::var_os(environment::DATA) else {
        eprintln!("skipped: {} is not set", environment::DATA);
        return;
    };
    let path = std::path::Path::new(&folder).join("EQ-12-conversations-demo.jsonl");
    let content = std::fs::read_to_string(path).unwrap();
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = add_dataset(&mut db, &alice, content.len());
    validate(&mut db, &dataset, &content).unwrap();
    let by_estimate = estimate(&mut db, &alice, &dataset, PARAMETERS, GPUS).unwrap();
    assert_eq!((&by_estimate["steps"], cents(&by_estimate)[1]), (&json!(33), 4.11), "{by_estimate}");
    // As the real tokenizer counts them.
    let options = r#"{"exact_tokens": {"content": 25058, "sequence": 63528, "method": "mistral-7b"}}"#;
    let counted = format!("select public.validate_dataset('{dataset}', $1, '{options}')");
    let report: Value = Caller::service()
        .run(&mut db, |t| {
            t.execute(
                &format!("update public.datasets set status = 'validating' where id = '{dataset}'"),
                &[],
            )?;
            Ok(t.query_one(&counted, &[&content])?.get(0))
        })
        .unwrap();
    assert_eq!(report["tokens"]["sequence"], 63_528, "{}", report["tokens"]);
    let answer = estimate(&mut db, &alice, &dataset, PARAMETERS, GPUS).unwrap();
    assert_eq!((&answer["steps"], cents(&answer)[1]), (&json!(33), 4.10), "{answer}");
    let exact =
        format!("select public.estimate_training_cost('{dataset}', '{PARAMETERS}', '{GPUS}') ->> 'expected'");
    assert_eq!(alice.ask(&mut db, &exact).unwrap(), "4.1029388889");
}

#[test]
fn five_runs_of_three_users_count_more_than_the_formula() {
    let database = Database::migrated();
    let mut db = database.connect();
    let users = ["alice", "bob", "carol", "dave"].map(|name| sign_up(&mut db, name));
    set_clock(&mut db, "2026-03-01 09:00Z");
    let datasets = users.each_ref().map(|user| ready_dataset(&mut db, user, 44));
    let dave = &users[3];
    let ask = |db: &mut Client| estimate(db, dave, &datasets[3], PARAMETERS, GPUS).unwrap();
    let by_formula = ask(&mut db);
    assert_eq!(by_formula["method"], "formula");

    // Four of two, five of two: not enough.
    for (user, seconds) in [(0, 1000), (0, 1100), (1, 900), (1, 1200), (0, 1300)] {
        run(&mut db, &users[user], &datasets[user], seconds);
        assert_eq!(ask(&mut db), by_formula, "nobody learns what one or two have paid");
    }
    // What failed, was cancelled, ran on other GPUs or on another model is no run like this one.
    run(&mut db, &users[2], &datasets[2], 1000);
    let answer = ask(&mut db);
    assert_eq!(answer["method"], "similar_jobs");
    // Quartiles of 900, 1000, 1000, 1100, 1200, 1300 s on two GPUs at 3.50, and the storage; three digits of the share of the formula.
    for (figure, seconds) in cents(&answer).into_iter().zip([1000.0, 1050.0, 1175.0]) {
        let exact = seconds * 7.0 / 3600.0 + 0.5;
        assert!((figure - exact).abs() <= 0.011 + exact * 0.005, "{figure} for {seconds} s: {answer}");
    }
    assert_eq!(answer["hours"], 0.29);
    // A new job says the same, and foretells its time from it.
    let job = create(&mut db, dave, &datasets[3], PARAMETERS, GPUS).unwrap();
    assert_eq!(job["estimated_total_cost"].as_f64().unwrap(), cents(&answer)[1]);

    for (parameters, gpus) in [
        (r#"{"num_epochs": 3, "batch_size": 16}"#, GPUS.to_owned()),
        (r#"{"num_epochs": 15, "batch_size": 4}"#, GPUS.to_owned()),
        (r#"{"num_epochs": 3, "batch_size": 4, "base_model": "another"}"#, GPUS.to_owned()),
        (PARAMETERS, GPUS.replace("\"num_gpus\": 2", "\"num_gpus\": 4")),
        (PARAMETERS, GPUS.replace("A100-80GB", "H100")),
    ] {
        let other = estimate(&mut db, dave, &datasets[3], parameters, &gpus).unwrap();
        assert_eq!(other["method"], "formula", "{parameters} on {gpus}");
    }
    // Twice the epochs take twice the tokens; the price is the asker's own.
    let longer =
        estimate(&mut db, dave, &datasets[3], r#"{"num_epochs": 6, "batch_size": 8}"#, GPUS).unwrap();
    assert_eq!(longer["method"], "similar_jobs");
    assert!(cents(&longer)[1] > cents(&answer)[1], "{longer}");
    let cheaper = estimate(&mut db, dave, &datasets[3], PARAMETERS, &GPUS.replace("3.50", "0")).unwrap();
    assert_eq!(cents(&cheaper), [0.5; 3]);
    // What is long ago is forgotten.
    set_clock(&mut db, "2026-07-01 09:00Z");
    assert_eq!(ask(&mut db)["method"], "formula");
}

/// One who runs a thousand jobs does not become what everybody is told, and neither does what an adopted job holds stop anybody.
#[test]
fn runs_that_nobody_can_read_are_passed_over() {
    let database = Database::migrated();
    let mut db = database.connect();
    let users = ["alice", "bob", "carol"].map(|name| sign_up(&mut db, name));
    set_clock(&mut db, "2026-03-01 09:00Z");
    let datasets = users.each_ref().map(|user| ready_dataset(&mut db, user, 44));
    for (user, seconds) in [(0, 1000), (0, 1000), (1, 1000), (1, 1000), (2, 1000)] {
        run(&mut db, &users[user], &datasets[user], seconds);
    }
    let good = estimate(&mut db, &users[2], &datasets[2], PARAMETERS, GPUS).unwrap();
    assert_eq!(good["method"], "similar_jobs");
    for spoiled in [
        r#"hyperparameters - 'batch_size'"#,
        r#"hyperparameters || '{"batch_size": "four"}'"#,
        r#"hyperparameters || '{"batch_size": 0}'"#,
        r#"hyperparameters || '{"gradient_accumulation_steps": []}'"#,
    ] {
        db.batch_execute(&format!(
            "begin; set local session_replication_role = replica; \
             update public.training_jobs set hyperparameters = {spoiled} \
             where id = (select id from public.training_jobs where user_id = '{}' limit 1)",
            users[0].id()
        ))
        .unwrap();
        let sql = format!(
            "select public.estimate_training_cost('{}', '{PARAMETERS}', '{GPUS}') ->> 'method'",
            datasets[2]
        );
        let method: String = db.query_one(&sql, &[]).unwrap().get(0);
        db.batch_execute("rollback").unwrap();
        assert_eq!(method, "formula", "{spoiled}: four are left");
    }
}

#[test]
fn an_estimate_of_nothing_is_refused() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, bob) = (sign_up(&mut db, "alice"), sign_up(&mut db, "bob"));
    let dataset = ready_dataset(&mut db, &alice, 3);
    let content = pairs(3);
    let uploading = add_dataset(&mut db, &alice, content.len());
    Refusal::of(estimate(&mut db, &bob, &dataset, "{}", GPUS)).is("PT404", &dataset);
    Refusal::of(estimate(&mut db, &alice, &uploading, "{}", GPUS)).is("PT409", "not ready");
    Refusal::of(estimate(&mut db, &alice, &dataset, r#"{"num_epochs": 0}"#, GPUS))
        .is("22023", "hyperparameters.num_epochs");
    Refusal::of(estimate(&mut db, &alice, &dataset, "{}", "{}")).is("22023", "gpu_config.gpu_type");
    Refusal::of(estimate(&mut db, &alice, &dataset, "{}", r#"{"type": "T4", "count": 1}"#))
        .is("22023", "cost_per_gpu_hour");
    Refusal::of(call(&mut db, &alice, "estimate_training_cost(null)")).is("PT404", "null");
    Refusal::of(call(
        &mut db,
        &alice,
        &format!("estimate_training_cost('{dataset}', gpu_config => '{GPUS}', preset_id => 'best')"),
    ))
    .is("22023", "best");
    Refusal::of(call(&mut db, &Caller::anon(), &format!("estimate_training_cost('{dataset}')")))
        .has_code("42501");
    // Deleted: gone for an estimate as it is for a job.
    alice
        .write(&mut db, &format!("update public.datasets set deleted_at = now() where id = '{dataset}'"))
        .unwrap();
    Refusal::of(estimate(&mut db, &alice, &dataset, "{}", GPUS)).is("PT404", &dataset);
}

#[test]
fn a_spot_gpu_costs_what_the_book_says_of_it_when_the_job_is_made() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    set_clock(&mut db, "2026-03-01 09:00Z");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let spot = r#"{"type": "A100-80GB", "count": 2, "spot": true}"#;
    let refusal = Refusal::of(create(&mut db, &alice, &dataset, "{}", spot));
    refusal.is("22023", "gpu_config.cost_per_gpu_hour");
    assert_eq!(refusal.detail, "The price book has no spot price of \"A100-80GB\" for today.");
    assert!(refusal.hint.contains("leave out \"spot\""), "{refusal:?}");

    let price = |db: &mut Client, rate: &str| {
        let sql =
            format!("update public.gpu_prices set spot_hourly_rate = {rate} where gpu_type = 'A100-80GB'");
        Caller::service().write(db, &sql)
    };
    assert_eq!(price(&mut db, "1.05").unwrap(), 1);
    let job = create(&mut db, &alice, &dataset, "{}", spot).unwrap();
    assert_eq!(
        job["gpu_config"],
        json!({"gpu_type": "A100-80GB", "num_gpus": 2, "spot": true, "cost_per_gpu_hour": 1.05})
    );
    let on_demand = create(&mut db, &alice, &dataset, "{}", &spot.replace("true", "false")).unwrap();
    assert_eq!(on_demand["gpu_config"]["cost_per_gpu_hour"], 3.5);
    let own = spot.replace("true", "true, \"cost_per_gpu_hour\": 0.9");
    assert_eq!(
        create(&mut db, &alice, &dataset, "{}", &own).unwrap()["gpu_config"]["cost_per_gpu_hour"],
        0.9
    );
    // What is paid is what stands in the job, whatever the book says from now on.
    price(&mut db, "9").unwrap();
    let id = job["id"].as_str().unwrap();
    Caller::service().ask(&mut db, "select count(*) from public.claim_training_jobs('w', 3)").unwrap();
    report(&mut db, id, json!([point(1, json!(2.0))])).unwrap();
    set_clock(&mut db, "2026-03-01 10:00Z");
    complete(&mut db, id).unwrap();
    let charged = format!(
        "select jsonb_build_array(amount, hourly_rate, details -> 'spot') from public.cost_records where job_id = '{id}'"
    );
    assert_eq!(alice.ask(&mut db, &charged).unwrap(), json!([2.1, 1.05, true]));
    for bad in ["-1", "'NaN'", "'Infinity'"] {
        assert!(price(&mut db, bad).is_err(), "{bad}");
    }
    for bad in ["1", "\"true\"", "{}"] {
        Refusal::of(create(&mut db, &alice, &dataset, "{}", &spot.replace("true", bad)))
            .is("22023", "gpu_config.spot");
    }
}
