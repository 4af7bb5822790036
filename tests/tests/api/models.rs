//! `register_model_artifact` and `set_model_artifact_status`: the model that a job has made.

use pg_lora_tests::story::{
    claim, complete, digests, job_row, point, queue_job, ready_dataset, report, sign_up,
};
use pg_lora_tests::{Caller, Database, Refusal};
use postgres::{Client, Error};
use serde_json::{Value, json};

fn completed_job(db: &mut Client, user: &Caller, dataset: &str) -> String {
    let job = queue_job(db, user, dataset, 2);
    assert_eq!(claim(db, "w"), job);
    report(db, &job, json!([point(1, json!(2.5)), point(2, json!(1.5))])).unwrap();
    complete(db, &job).unwrap();
    job
}

fn files(user: &Caller) -> Value {
    json!({
        "adapter_model.safetensors": {"path": format!("{}/m/adapter_model.safetensors", user.id()), "size": 4096, "sha256": "ab".repeat(32)},
        "adapter_config.json": {"path": format!("{}/m/adapter_config.json", user.id()), "size": 512, "sha256": "CD".repeat(32)},
    })
}

fn register(db: &mut Client, job: &str, name: &str, files: &Value, more: &str) -> Result<Value, Error> {
    let sql = format!("select to_jsonb(public.register_model_artifact('{job}', 1, $1, $2{more}))");
    Caller::service().run(db, |t| Ok(t.query_one(&sql, &[&name, files])?.get(0)))
}

#[test]
fn a_model_says_how_it_came_about() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = completed_job(&mut db, &alice, &dataset);
    let quality = ", '{\"overall_score\": 0.9}', idempotency_key => 'k'";
    let model = register(&mut db, &job, "Support", &files(&alice), quality).unwrap();
    for (column, value) in [
        ("user_id", json!(alice.id())),
        ("dataset_id", json!(dataset)),
        ("version", json!("1.0.0")),
        ("status", json!("stored")),
        ("quality_metrics", json!({"overall_score": 0.9})),
        ("artifacts", files(&alice)),
    ] {
        assert_eq!(model[column], value, "{column}");
    }
    let row = job_row(&mut db, &job);
    assert_eq!(row["artifact_id"], model["id"]);
    assert_eq!(model["configuration"]["hyperparameters"], row["hyperparameters"]);
    assert_eq!(model["configuration"]["gpu_config"], row["gpu_config"]);
    let summary = &model["training_summary"];
    assert_eq!((&summary["steps"], &summary["attempts"]), (&json!(2), &json!(1)), "{summary}");
    assert_eq!(summary["best_metrics"]["training_loss"], json!({"step": 2, "value": 1.5, "attempt": 1}));
    assert_eq!(summary["dataset"]["id"], json!(dataset));
    assert_eq!(summary["cost"], row["final_cost"]);
    let told = "select jsonb_build_array(title, message, metadata) from public.notifications where type = 'artifact_ready'";
    assert_eq!(
        alice.ask(&mut db, told).unwrap(),
        json!(["Model ready", "\"Support\" 1.0.0 is stored.", {"artifact_id": model["id"], "job_id": job, "dataset_id": dataset}])
    );

    // Whoever does not know whether it arrived asks again; whoever means something else is refused.
    let before = digests(&mut db);
    assert_eq!(register(&mut db, &job, "Support", &files(&alice), quality).unwrap(), model);
    for (name, more, what) in [
        ("Support", ", '{\"overall_score\": 0.8}', idempotency_key => 'k'", "\"quality_metrics\""),
        ("Other", quality, "\"name\""),
        ("Support", ", '{\"overall_score\": 0.9}'", "\"idempotency_key\""),
    ] {
        let refusal = Refusal::of(register(&mut db, &job, name, &files(&alice), more));
        refusal.is("PT409", "has the model");
        assert!(refusal.detail.contains(what), "{refusal:?}");
    }
    assert_eq!(digests(&mut db), before);
}

#[test]
fn versions_of_a_name_count_up_and_a_model_has_a_parent() {
    let database = Database::migrated();
    let mut db = database.connect();
    let [alice, bob] = ["alice", "bob"].map(|name| sign_up(&mut db, name));
    let mut make = |user: &Caller, name: &str, parent: Option<&Value>| {
        let dataset = ready_dataset(&mut db, user, 3);
        let job = completed_job(&mut db, user, &dataset);
        let more =
            parent.map_or(String::new(), |id| format!(", parent_model_id => '{}'", id.as_str().unwrap()));
        register(&mut db, &job, name, &files(user), &more)
    };
    let first = make(&alice, "Support", None).unwrap();
    let second = make(&alice, "Support", Some(&first["id"])).unwrap();
    assert_eq!((&second["version"], &second["parent_model_id"]), (&json!("1.1.0"), &first["id"]));
    assert_eq!(make(&alice, "Sales", None).unwrap()["version"], "1.0.0");
    assert_eq!(make(&bob, "Support", None).unwrap()["version"], "1.0.0");
    Refusal::of(make(&bob, "Support", Some(&first["id"]))).is("PT404", "parent_model_id");
    let rename = format!(
        "update public.model_artifacts set version = '2.7.3' where id = '{}'",
        second["id"].as_str().unwrap()
    );
    assert_eq!(alice.write(&mut db, &rename).unwrap(), 1);
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = completed_job(&mut db, &alice, &dataset);
    assert_eq!(register(&mut db, &job, "Support", &files(&alice), "").unwrap()["version"], "2.8.0");
}

#[test]
fn what_is_no_model_is_refused_by_its_field() {
    let database = Database::migrated();
    let mut db = database.connect();
    let [alice, bob] = ["alice", "bob"].map(|name| sign_up(&mut db, name));
    let dataset = ready_dataset(&mut db, &alice, 3);
    let running = queue_job(&mut db, &alice, &dataset, 10);
    assert_eq!(claim(&mut db, "w"), running);
    Refusal::of(register(&mut db, &running, "x", &files(&alice), ""))
        .is("PT409", "is initializing, not completed");
    let cancel = format!("select public.cancel_training_job('{running}')");
    alice.write(&mut db, &cancel).unwrap();

    let job = completed_job(&mut db, &alice, &dataset);
    let with = |field: &str, value: Value| {
        let mut files = files(&alice);
        files["adapter_config.json"][field] = value;
        files
    };
    let before = digests(&mut db);
    for (files, what) in [
        (json!({}), "\"artifacts\" names no file"),
        (json!([]), "\"artifacts\" names no file"),
        (json!({"a": "path"}), "\"artifacts.a\" is \"path\""),
        (json!({"a": {}}), "\"artifacts.a.path\" is missing"),
        (with("path", json!(format!("{}/x", bob.id()))), "\"artifacts.adapter_config.json.path\""),
        (with("size", json!("512")), "\"artifacts.adapter_config.json.size\" is \"512\""),
        (with("size", json!(-1)), "\"artifacts.adapter_config.json.size\" is -1"),
        (with("size", json!(1.5)), "\"artifacts.adapter_config.json.size\" is 1.5"),
        (with("sha256", json!("abc")), "\"artifacts.adapter_config.json.sha256\" is \"abc\""),
        (with("sha256", Value::Null), "\"artifacts.adapter_config.json.sha256\""),
    ] {
        Refusal::of(register(&mut db, &job, "x", &files, "")).is("22023", what);
    }
    Refusal::of(register(&mut db, &job, "", &files(&alice), "")).is("22023", "\"name\" has 0");
    Refusal::of(register(&mut db, &job, &"x".repeat(201), &files(&alice), ""))
        .is("22023", "\"name\" has 201");
    Refusal::of(register(&mut db, &job, "x", &files(&alice), ", '[]'")).is("22023", "quality_metrics");
    for (attempt, code) in [("2", "22023"), ("null", "22023")] {
        let sql =
            format!("select public.register_model_artifact('{job}', {attempt}, 'x', '{}')", files(&alice));
        Refusal::of(Caller::service().ask(&mut db, &sql)).is(code, "has not begun");
    }
    assert_eq!(digests(&mut db), before);
}

#[test]
fn a_model_is_deployed_and_archived() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = completed_job(&mut db, &alice, &dataset);
    let model = register(&mut db, &job, "Support", &files(&alice), "").unwrap();
    let id = model["id"].as_str().unwrap();
    let mut set = |status: &str| {
        let sql = format!("select to_jsonb(public.set_model_artifact_status('{id}', {status}))");
        Caller::service().ask(&mut db, &sql)
    };
    Refusal::of(set("'archived'")).is("PT409", "is \"stored\" and cannot become \"archived\"");
    Refusal::of(set("'gone'")).is("22023", "\"status\" is \"gone\"");
    Refusal::of(set("null")).is("22023", "\"status\" is null");
    let deployed = set("'deployed'").unwrap();
    assert!(deployed["status"] == "deployed" && deployed["deployed_at"] != Value::Null, "{deployed}");
    assert_eq!(set("'deployed'").unwrap()["deployed_at"], deployed["deployed_at"]);
    assert_eq!(set("'archived'").unwrap()["status"], "archived");
    Refusal::of(set("'deployed'")).is("PT409", "is \"archived\"");
    let delete = format!("update public.model_artifacts set deleted_at = now() where id = '{id}'");
    assert_eq!(alice.write(&mut db, &delete).unwrap(), 1);
    let again = format!("select public.set_model_artifact_status('{id}', 'archived')");
    Refusal::of(Caller::service().ask(&mut db, &again)).is("PT404", id);
}
