//! Every operation on every table by everybody, as the status that a client gets. Each is rolled back.

use pg_lora_tests::story::GPUS;
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::life::Life;

/// Select, insert, update, delete: the status and how many rows, or the status and the code of the refusal.
type Rights = [&'static str; 4];

const NOTHING: Rights = ["401 42501"; 4];
const NONE: &str = "403 42501";

/// Alice with her own rows.
const OWNER: [(&str, Rights); 9] = [
    ("datasets", ["200 2", "201 1", "200 2", "409 PT409"]),
    ("training_jobs", ["200 1", "201 1", "200 1", NONE]),
    ("metrics_points", ["200 2", NONE, NONE, NONE]),
    ("model_artifacts", ["200 1", NONE, "200 1", NONE]),
    ("cost_records", ["200 1", NONE, NONE, NONE]),
    ("notifications", ["200 4", "201 1", "200 4", "200 4"]),
    ("training_job_events", ["200 4", NONE, NONE, NONE]),
    ("gpu_prices", ["200 4", NONE, NONE, NONE]),
    ("cost_budgets", ["200 1", "409 23505", "200 1", NONE]),
];

/// Bob with hers. What he cannot see is not there, and Postgres has no error for that; her dataset is not found.
const STRANGER: [(&str, Rights); 9] = [
    ("datasets", ["200 0", NONE, "200 0", "200 0"]),
    ("training_jobs", ["200 0", "404 PT404", "200 0", NONE]),
    ("metrics_points", ["200 0", NONE, NONE, NONE]),
    ("model_artifacts", ["200 0", NONE, "200 0", NONE]),
    ("cost_records", ["200 0", NONE, NONE, NONE]),
    ("notifications", ["200 0", NONE, "200 0", "200 0"]),
    ("training_job_events", ["200 0", NONE, NONE, NONE]),
    ("gpu_prices", ["200 4", NONE, NONE, NONE]),
    ("cost_budgets", ["200 0", NONE, "200 0", NONE]),
];

/// The service. It is bound by keys and states; the ledger and the log are only added to.
const SERVICE: [(&str, Rights); 9] = [
    ("datasets", ["200 2", "201 1", "200 2", "409 PT409"]),
    ("training_jobs", ["200 1", "201 1", "200 1", NONE]),
    ("metrics_points", ["200 2", "201 1", NONE, NONE]),
    ("model_artifacts", ["200 1", "409 23505", "200 1", "200 1"]),
    ("cost_records", ["200 1", "201 1", NONE, NONE]),
    ("notifications", ["200 4", "201 1", "200 4", "200 4"]),
    ("training_job_events", ["200 4", "201 1", NONE, NONE]),
    ("gpu_prices", ["200 4", "201 1", "200 4", "200 4"]),
    ("cost_budgets", ["200 1", "409 23505", "200 1", "200 1"]),
];

/// Alice, after a whole life of the platform: a row of hers is in each table.
struct Victim {
    life: Life,
    dataset: String,
    job: String,
}

impl Victim {
    fn live() -> Self {
        let mut life = Life::begin();
        let dataset = life.ready_dataset();
        life.new_dataset();
        let job = life.completed_job(&dataset);
        life.service.insert("/model_artifacts", &life.artifact(&job, &dataset)).expect(201);
        let budget = json!({"user_id": life.alice_id, "monthly_limit": 100});
        life.alice.insert("/cost_budgets", &budget).expect(201);
        Self { life, dataset, job }
    }

    /// A row that is hers, as a client would send it, and a change of all that are.
    fn row_and_change(&self, table: &str) -> (Value, Value) {
        let Self { life, dataset, job } = self;
        let owner = &life.alice_id;
        match table {
            "datasets" => (
                json!({
                    "user_id": owner, "name": "planted", "storage_path": format!("{owner}/x/x.jsonl"),
                    "file_name": "x.jsonl", "file_size": 1,
                }),
                json!({"name": "stolen"}),
            ),
            "training_jobs" => (
                json!({
                    "user_id": owner, "dataset_id": dataset, "preset_id": "custom", "hyperparameters": {},
                    "gpu_config": serde_json::from_str::<Value>(GPUS).unwrap(),
                    "total_epochs": 1, "estimated_total_cost": 1,
                }),
                json!({"status": "completed"}),
            ),
            "metrics_points" => (
                json!({"job_id": job, "epoch": 1, "step": 99, "training_loss": 0, "learning_rate": 0}),
                json!({"training_loss": 0}),
            ),
            "model_artifacts" => (life.artifact(job, dataset), json!({"description": "stolen"})),
            "cost_records" => (
                json!({
                    "user_id": owner, "job_id": job, "cost_type": "storage", "amount": 1,
                    "billing_period": "2026-01-15",
                }),
                json!({"amount": 0}),
            ),
            "notifications" => (
                json!({"user_id": owner, "type": "news", "title": "Pay now", "message": "at …"}),
                json!({"read": true}),
            ),
            "training_job_events" => (
                json!({"job_id": job, "sequence": 99, "actor": "me", "kind": "note", "attempt": 1}),
                json!({"actor": "me"}),
            ),
            "gpu_prices" => (
                json!({
                    "gpu_type": "T4", "hourly_rate": 0.5, "tokens_per_second": 100,
                    "valid": "[2026-01-01T00:00:00Z,)",
                }),
                json!({"tokens_per_second": 1}),
            ),
            "cost_budgets" => (json!({"user_id": owner, "monthly_limit": 1}), json!({"monthly_limit": 1})),
            other => panic!("no such table: {other}"),
        }
    }

    /// What comes of everything.
    fn rights(&self, client: &Client) -> Vec<(&'static str, Vec<String>)> {
        let rights = |table| {
            let (row, change) = self.row_and_change(table);
            let path = format!("/{table}");
            vec![
                outcome(&client.attempt("GET", &path, None)),
                outcome(&client.attempt("POST", &path, Some(&row))),
                outcome(&client.attempt("PATCH", &path, Some(&change))),
                outcome(&client.attempt("DELETE", &path, None)),
            ]
        };
        OWNER.iter().map(|(table, _)| (*table, rights(*table))).collect()
    }

    fn check(&self, who: &str, client: &Client, expected: &[(&str, Rights)]) {
        for ((table, found), (_, expected)) in self.rights(client).iter().zip(expected) {
            assert_eq!(found, expected, "{who} on {table}: select, insert, update, delete");
        }
    }
}

fn outcome(answer: &Answer) -> String {
    let body: Value = serde_json::from_str(&answer.text).unwrap_or_else(|error| panic!("{error}: {answer}"));
    match body.as_array() {
        Some(rows) => format!("{} {}", answer.status, rows.len()),
        None => format!("{} {}", answer.status, body["code"].as_str().unwrap_or_default()),
    }
}

#[test]
fn nobody_is_refused_everything() {
    let victim = Victim::live();
    let nothing = OWNER.map(|(table, _)| (table, NOTHING));
    victim.check("nobody", &victim.life.nobody, &nothing);
    victim.check("nobody without a token", &victim.life.platform.without_token(), &nothing);
}

#[test]
fn another_user_is_refused_or_finds_nothing() {
    let victim = Victim::live();
    victim.check("another user", &victim.life.bob, &STRANGER);
}

#[test]
fn the_owner_has_her_rights_and_no_more() {
    let victim = Victim::live();
    victim.check("the owner", &victim.life.alice, &OWNER);
}

#[test]
fn the_service_has_its_rights_and_no_more() {
    let victim = Victim::live();
    victim.check("the service", &victim.life.service, &SERVICE);
}
