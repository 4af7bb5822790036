//! Models: stored, deployed, archived.

use pg_lora_tests::story::{
    add_model, claim, complete, point, queue_job, ready_dataset, report, set_clock, sign_up,
};
use pg_lora_tests::{Caller, Database, Refusal};
use postgres::Client;
use serde_json::{Value, json};

use crate::{adopt, refused, row, set};

fn completed_job(db: &mut Client, user: &Caller, dataset: &str) -> String {
    let job = queue_job(db, user, dataset, 10);
    assert_eq!(claim(db, "w"), job);
    report(db, &job, json!([point(1, json!(2.5))])).unwrap();
    complete(db, &job).unwrap();
    job
}

#[test]
fn every_change_is_allowed_or_refused_as_the_page_says() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let service = Caller::service();
    let states = ["stored", "deployed", "archived"];
    for (at, from) in states.into_iter().enumerate() {
        for to in states {
            let job = completed_job(&mut db, &alice, &dataset);
            let model = add_model(&mut db, &alice, &job, &dataset);
            for step in &states[1..=at] {
                set(&mut db, &service, "model_artifacts", &model, &format!("status = '{step}'"));
            }
            let change = format!("status = '{to}'");
            if from == to || states.iter().position(|state| *state == to) == Some(at + 1) {
                set(&mut db, &service, "model_artifacts", &model, &change);
            } else {
                refused(&mut db, &service, "model_artifacts", &model, &change)
                    .is("PT409", &format!("is \"{from}\" and cannot become \"{to}\""));
            }
            let deployed = row(&mut db, "model_artifacts", &model);
            assert_eq!(deployed["deployed_at"] != Value::Null, deployed["status"] != "stored", "{deployed}");
        }
    }
}

#[test]
fn a_model_begins_stored() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = completed_job(&mut db, &alice, &dataset);
    for status in ["deployed", "archived", "banana"] {
        let sql = format!(
            "insert into public.model_artifacts (user_id, job_id, dataset_id, name, status, quality_metrics, training_summary, \
             configuration, artifacts) values ('{}', '{job}', '{dataset}', 'm', '{status}', '{{}}', '{{}}', '{{}}', '{{}}')",
            alice.id()
        );
        Refusal::of(Caller::service().write(&mut db, &sql))
            .is("PT409", &format!("a model cannot begin as \"{status}\""));
    }
}

#[test]
fn a_status_that_nobody_knows_is_left_by_storing_or_by_deleting() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let [one, other] = [0, 1].map(|_| {
        let job = completed_job(&mut db, &alice, &dataset);
        add_model(&mut db, &alice, &job, &dataset)
    });
    adopt(&mut db, "update public.model_artifacts set status = 'banana'");
    let service = Caller::service();
    refused(&mut db, &service, "model_artifacts", &one, "status = 'deployed'").is("PT409", "is \"banana\"");
    set(&mut db, &service, "model_artifacts", &one, "status = 'stored'");
    set(&mut db, &alice, "model_artifacts", &other, "deleted_at = now()");
}

#[test]
fn a_model_that_is_deleted_for_good_is_forgotten_by_its_job_and_by_nothing_else() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = completed_job(&mut db, &alice, &dataset);
    let model = add_model(&mut db, &alice, &job, &dataset);
    let service = Caller::service();
    set(&mut db, &service, "training_jobs", &job, &format!("artifact_id = '{model}'"));
    let delete = format!("delete from public.model_artifacts where id = '{model}'");
    assert_eq!(service.write(&mut db, &delete).unwrap(), 1);
    let found = row(&mut db, "training_jobs", &job);
    assert_eq!((&found["artifact_id"], &found["status"]), (&Value::Null, &json!("completed")));
}

#[test]
fn when_a_model_was_deployed_only_the_database_says() {
    let database = Database::migrated();
    let mut db = database.connect();
    set_clock(&mut db, "2026-01-02 00:00Z");
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = completed_job(&mut db, &alice, &dataset);
    let model = add_model(&mut db, &alice, &job, &dataset);
    let service = Caller::service();
    let early = "deployed_at = '2000-01-01'";
    set(&mut db, &service, "model_artifacts", &model, early);
    assert_eq!(row(&mut db, "model_artifacts", &model)["deployed_at"], Value::Null);
    // As applications write it, both at once.
    set(&mut db, &service, "model_artifacts", &model, &format!("status = 'deployed', {early}"));
    set(&mut db, &service, "model_artifacts", &model, early);
    assert_eq!(row(&mut db, "model_artifacts", &model)["deployed_at"], "2026-01-02T00:00:00+00:00");
}
