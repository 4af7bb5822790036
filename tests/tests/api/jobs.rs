//! `create_training_job`: what a job in the queue is, and which requests make none.

use pg_lora_tests::story::{GPUS, add_dataset, digests, job_row, ready_dataset, sign_up, validate};
use pg_lora_tests::{Caller, Database, Refusal};
use postgres::Client;
use serde_json::{Value, json};

/// Puts a job into the queue with these arguments, as SQL, and answers its row.
fn create(db: &mut Client, caller: &Caller, arguments: &str) -> Result<Value, postgres::Error> {
    caller.ask(db, &format!("select job from public.create_training_job({arguments}) as job"))
}

#[test]
fn a_job_is_queued_with_what_its_preset_says() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 44);
    let job =
        create(&mut db, &alice, &format!("'{dataset}', 'conservative', gpu_config => '{GPUS}'")).unwrap();

    let expected: [(&str, Value); 13] = [
        ("user_id", json!(alice.id())),
        ("dataset_id", json!(dataset)),
        ("status", json!("queued")),
        ("current_stage", json!("queued")),
        ("progress", json!(0.0)),
        ("current_step", json!(0)),
        ("attempt", json!(1)),
        ("retry_count", json!(0)),
        ("total_epochs", json!(3)),
        // 44 pairs in batches of 4, three times.
        ("total_steps", json!(33)),
        ("current_cost", json!(0.0)),
        ("final_cost", Value::Null),
        ("started_at", Value::Null),
    ];
    for (column, value) in expected {
        assert_eq!(job[column], value, "{column}");
    }
    assert_eq!(job["hyperparameters"]["lora_rank"], 8);
    assert_eq!(job["gpu_config"], serde_json::from_str::<Value>(GPUS).unwrap());
    assert!(job["estimated_total_cost"].as_f64().unwrap() > 0.5, "{job}");

    let note = alice
        .ask(&mut db, "select jsonb_build_array(metadata ->> 'job_id', message) from public.notifications where type = 'job_queued'")
        .unwrap();
    assert_eq!(note, json!([job["id"], "The training on \"practice\" is waiting for a worker."]));
}

#[test]
fn what_is_given_goes_before_the_preset() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 45);
    let with = |parameters: &str| format!("'{dataset}', 'custom', '{parameters}', '{GPUS}'");
    let job = create(&mut db, &alice, &with(r#"{"num_epochs": 2, "batch_size": 4, "seed": 7}"#)).unwrap();
    // The last batch is not full.
    assert_eq!((&job["total_epochs"], &job["total_steps"]), (&json!(2), &json!(24)));
    assert_eq!(
        (&job["hyperparameters"]["seed"], &job["hyperparameters"]["lora_rank"]),
        (&json!(7), &json!(16))
    );
    let job = create(&mut db, &alice, &with(r#"{"max_steps": 100}"#)).unwrap();
    assert_eq!(job["total_steps"], 100);
}

#[test]
fn the_same_key_is_the_same_job() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let other = ready_dataset(&mut db, &alice, 3);
    let request = |dataset: &str, preset: &str, parameters: &str, gpus: &str| {
        format!("'{dataset}', '{preset}', '{parameters}', '{gpus}', 'key-1'")
    };
    let first = request(&dataset, "custom", r#"{"num_epochs": 1}"#, GPUS);
    let job = create(&mut db, &alice, &first).unwrap();
    let before = digests(&mut db);
    assert_eq!(create(&mut db, &alice, &first).unwrap(), job);
    assert_eq!(digests(&mut db), before, "the repeated request left something behind");

    let cheaper = GPUS.replace("3.50", "0.01");
    for (changed, difference) in [
        (
            request(&other, "custom", r#"{"num_epochs": 1}"#, GPUS),
            format!("\"dataset_id\" was \"{dataset}\" and is \"{other}\""),
        ),
        (
            request(&dataset, "balanced", r#"{"num_epochs": 1}"#, GPUS),
            "\"preset_id\" was \"custom\" and is \"balanced\"".to_owned(),
        ),
        (
            request(&dataset, "custom", r#"{"num_epochs": 2}"#, GPUS),
            "; \"hyperparameters.num_epochs\" was 1 and is 2.".to_owned(),
        ),
        (
            request(&dataset, "custom", r#"{"num_epochs": 1, "seed": 1}"#, GPUS),
            "; \"hyperparameters.seed\" was missing and is 1.".to_owned(),
        ),
        (
            request(&dataset, "custom", r#"{"num_epochs": 1}"#, &cheaper),
            "; \"gpu_config.cost_per_gpu_hour\" was 3.50 and is 0.01.".to_owned(),
        ),
        (request(&dataset, "custom", "{}", GPUS), "\"hyperparameters.num_epochs\" was 1 and is".to_owned()),
    ] {
        let refusal = Refusal::of(create(&mut db, &alice, &changed));
        refusal.is("PT409", "idempotency key \"key-1\" was used for another request");
        assert!(refusal.detail.starts_with(&format!("It made job {}; ", job["id"])), "{refusal:?}");
        assert!(refusal.detail.contains(&difference), "{refusal:?} without {difference}");
    }
    assert_eq!(digests(&mut db), before);

    // A key is the user's own: somebody else's is another one.
    let bob = sign_up(&mut db, "bob");
    let his = ready_dataset(&mut db, &bob, 3);
    let his_job = create(&mut db, &bob, &request(&his, "custom", r#"{"num_epochs": 1}"#, GPUS)).unwrap();
    assert_ne!(his_job["id"], job["id"]);
    // The service repeats the request for its user.
    assert_eq!(create(&mut db, &Caller::service(), &first).unwrap()["id"], job["id"]);
}

#[test]
fn the_key_still_answers_when_the_job_has_moved_on() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let request = format!("'{dataset}', 'custom', '{{}}', '{GPUS}', 'key-1'");
    let job = create(&mut db, &alice, &request).unwrap();
    Caller::service().ask(&mut db, "select id from public.claim_training_jobs('w')").unwrap();
    // The dataset is being validated again: a new job would be refused, but this one is not new.
    let validate = format!("update public.datasets set status = 'validating' where id = '{dataset}'");
    assert_eq!(alice.write(&mut db, &validate).unwrap(), 1);
    let again = create(&mut db, &alice, &request).unwrap();
    assert_eq!((&again["id"], &again["status"]), (&job["id"], &json!("initializing")));
}

#[test]
fn two_requests_at_once_with_one_key_make_one_job() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let request = format!("'{dataset}', 'custom', '{{}}', '{GPUS}', 'key-1'");
    let ids: Vec<Value> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| create(&mut database.connect(), &alice, &request).unwrap()["id"].clone()))
            .collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(alice.ask(&mut db, "select count(*) from public.training_jobs").unwrap(), 1);
}

#[test]
fn an_impossible_request_is_named_and_makes_nothing() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let before = digests(&mut db);
    let request =
        |preset: &str, parameters: &str, gpus: &str| format!("'{dataset}', {preset}, {parameters}, {gpus}");
    let good = format!("'{GPUS}'");
    for (arguments, what) in [
        (request("'banana'", "'{}'", &good), "unknown preset \"banana\""),
        (request("null", "'{}'", &good), "unknown preset"),
        (request("'custom'", r#"'{"batch_size": 0}'"#, &good), "\"hyperparameters.batch_size\" is 0"),
        (request("'custom'", r#"'{"batch_size": -4}'"#, &good), "\"hyperparameters.batch_size\" is -4"),
        (request("'custom'", r#"'{"batch_size": 2.5}'"#, &good), "\"hyperparameters.batch_size\" is 2.5"),
        (request("'custom'", r#"'{"batch_size": "8"}'"#, &good), "\"hyperparameters.batch_size\" is \"8\""),
        (request("'custom'", r#"'{"batch_size": null}'"#, &good), "hyperparameters.batch_size"),
        (request("'custom'", r#"'{"batch_size": 1e30}'"#, &good), "hyperparameters.batch_size"),
        (request("'custom'", r#"'{"num_epochs": 0}'"#, &good), "\"hyperparameters.num_epochs\" is 0"),
        (request("'custom'", r#"'{"max_steps": 0}'"#, &good), "\"hyperparameters.max_steps\" is 0"),
        (request("'custom'", "'[]'", &good), "hyperparameters"),
        (request("'custom'", "'7'", &good), "hyperparameters"),
        (request("'custom'", "'null'", &good), "hyperparameters"),
        (request("'custom'", "'{}'", "null"), "gpu_config"),
        (request("'custom'", "'{}'", "'[]'"), "gpu_config"),
        (request("'custom'", "'{}'", "'null'"), "gpu_config"),
        (request("'custom'", "'{}'", &good.replace("2,", "0,")), "\"gpu_config.num_gpus\" is 0"),
        (request("'custom'", "'{}'", &good.replace("\"A100-80GB\"", "7")), "gpu_config.gpu_type"),
        (request("'custom'", "'{}'", &good.replace("3.50", "-1")), "gpu_config.cost_per_gpu_hour"),
        (request("'custom'", "'{}'", &good.replace("3.50", "\"3.50\"")), "gpu_config.cost_per_gpu_hour"),
        (request("'custom'", "'{}'", &good.replace("3.50", "1e40")), "gpu_config.cost_per_gpu_hour"),
    ] {
        Refusal::of(create(&mut db, &alice, &arguments)).is("22023", what);
    }
    assert_eq!(digests(&mut db), before);
}

#[test]
fn a_dataset_has_to_be_ones_own_and_ready() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let bob = sign_up(&mut db, "bob");
    let hers = ready_dataset(&mut db, &alice, 3);
    let not_read = add_dataset(&mut db, &bob, 1);
    let broken = add_dataset(&mut db, &bob, 1);
    validate(&mut db, &broken, "x").unwrap();
    let deleted = ready_dataset(&mut db, &bob, 3);
    let delete = format!("update public.datasets set deleted_at = now() where id = '{deleted}'");
    assert_eq!(bob.write(&mut db, &delete).unwrap(), 1);
    let unknown = "00000000-0000-4000-8000-000000000000";

    let before = digests(&mut db);
    for (dataset, code, what) in [
        (hers.as_str(), "PT404", "does not exist"),
        (unknown, "PT404", "does not exist"),
        (&deleted, "PT404", "does not exist"),
        (&not_read, "PT409", "is not ready"),
        (&broken, "PT409", "is not ready"),
    ] {
        let arguments = format!("'{dataset}', gpu_config => '{GPUS}'");
        Refusal::of(create(&mut db, &bob, &arguments)).is(code, &format!("dataset \"{dataset}\" {what}"));
    }
    Refusal::of(create(&mut db, &bob, &format!("null, gpu_config => '{GPUS}'"))).is("PT404", "dataset");
    // Nor for somebody else, nor by somebody else's hand.
    let as_alice = format!("'{hers}', gpu_config => '{GPUS}', user_id => '{}'", alice.id());
    Refusal::of(create(&mut db, &bob, &as_alice)).is("42501", "oneself");
    let for_bob = format!("'{hers}', gpu_config => '{GPUS}', user_id => '{}'", bob.id());
    Refusal::of(create(&mut db, &Caller::service(), &for_bob)).is("PT404", &hers);
    assert_eq!(digests(&mut db), before);

    let for_alice = format!("'{hers}', gpu_config => '{GPUS}'");
    let job = create(&mut db, &Caller::service(), &for_alice).unwrap();
    assert_eq!(job["user_id"], alice.id());
}

#[test]
fn a_plain_insert_is_prepared_like_a_call() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 44);
    let called =
        create(&mut db, &alice, &format!("'{dataset}', 'balanced', gpu_config => '{GPUS}'")).unwrap();
    // As the application does it, with the figures that it makes up.
    let insert = format!(
        "insert into public.training_jobs (user_id, dataset_id, preset_id, hyperparameters, gpu_config, status, \
           current_stage, total_epochs, total_steps, estimated_total_cost, queued_at) \
         values ('{}', '{dataset}', 'balanced', '{{}}', '{GPUS}', 'queued', 'queued', 99, 99, 0.01, '2000-01-01') \
         returning id::text",
        alice.id()
    );
    let id: String = alice.run(&mut db, |t| Ok(t.query_one(&insert, &[])?.get(0))).unwrap();
    let inserted = job_row(&mut db, &id);
    for column in
        ["hyperparameters", "gpu_config", "total_epochs", "total_steps", "estimated_total_cost", "status"]
    {
        assert_eq!(inserted[column], called[column], "{column}");
    }
    assert!(inserted["queued_at"].as_str() >= called["queued_at"].as_str(), "{inserted}");
}

#[test]
fn an_estimate_takes_the_throughput_of_the_price_book() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    // So many tokens that the time at work outweighs the start.
    let tokens = "update public.datasets set validation_report = jsonb_set(validation_report, '{tokens,sequence}', '36000000')";
    Caller::service().write(&mut db, tokens).unwrap();
    let mut estimate = |gpu: &str| {
        let gpus = format!(r#"{{"gpu_type": "{gpu}", "num_gpus": 1, "cost_per_gpu_hour": 1}}"#);
        let request = format!(
            "select estimated_total_cost from public.create_training_job('{dataset}', 'custom', '{{\"num_epochs\": 1}}', '{gpus}')"
        );
        alice.ask(&mut db, &request).unwrap().as_f64().unwrap()
    };
    // 36 million tokens at 1,800, 2,200 and (unknown: the slowest of the book) 1,200 a second, and 20 minutes around it.
    assert_eq!(estimate("A100-80GB"), 6.39);
    assert_eq!(estimate("H100"), 5.38);
    assert_eq!(estimate("my own"), 9.17);
}
