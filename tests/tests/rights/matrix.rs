//! Every operation on every table by everybody, with rows of a first user in all of them.

use pg_lora_tests::story::{
    GPUS, TABLES, add_dataset, claim, complete, digests, point, queue_job, ready_dataset, report, sign_up,
};
use pg_lora_tests::{Caller, Cluster, Database, Outcome, environment, sqlstate};
use postgres::Client;
use serde_json::json;

/// Select, insert, update, delete, truncate: how many rows, or the SQLSTATE of the refusal.
type Rights = [&'static str; 5];

const NOTHING: Rights = ["42501"; 5];

/// What the first user may do with her own rows. She inserts what is hers: a dataset, a job on it, a notification.
const OWNER: [(&str, Rights); 6] = [
    ("datasets", ["2", "1", "2", "PT409", "42501"]),
    ("training_jobs", ["1", "1", "1", "42501", "42501"]),
    ("metrics_points", ["2", "42501", "42501", "42501", "42501"]),
    ("model_artifacts", ["1", "42501", "1", "42501", "42501"]),
    ("cost_records", ["1", "42501", "42501", "42501", "42501"]),
    ("notifications", ["4", "1", "4", "4", "42501"]),
];

/// What a second user may do with them. Her datasets do not exist for him, so a job on one is not found.
const STRANGER: [(&str, Rights); 6] = [
    ("datasets", ["0", "42501", "0", "0", "42501"]),
    ("training_jobs", ["0", "PT404", "0", "42501", "42501"]),
    ("metrics_points", ["0", "42501", "42501", "42501", "42501"]),
    ("model_artifacts", ["0", "42501", "0", "42501", "42501"]),
    ("cost_records", ["0", "42501", "42501", "42501", "42501"]),
    ("notifications", ["0", "42501", "0", "0", "42501"]),
];

/// What the service may do. A dataset that was used is kept, whoever deletes it.
const SERVICE: [(&str, Rights); 6] = [
    ("datasets", ["2", "1", "2", "PT409", "42501"]),
    ("training_jobs", ["1", "1", "1", "42501", "42501"]),
    ("metrics_points", ["2", "1", "42501", "42501", "42501"]),
    ("model_artifacts", ["1", "23505", "1", "1", "42501"]),
    ("cost_records", ["1", "1", "42501", "42501", "42501"]),
    ("notifications", ["4", "1", "4", "4", "42501"]),
];

/// The first user, after a whole life of the platform: a row of hers is in each of the six tables.
struct Victim {
    caller: Caller,
    dataset: String,
    job: String,
}

impl Victim {
    fn live(db: &mut Client) -> Self {
        let caller = sign_up(db, "alice");
        let dataset = ready_dataset(db, &caller, 3);
        add_dataset(db, &caller, 1);
        let job = queue_job(db, &caller, &dataset, 10);
        assert_eq!(claim(db, "w"), job);
        report(db, &job, json!([point(1, json!(2.5)), point(2, json!(2.0))])).unwrap();
        complete(db, &job).unwrap();
        let victim = Self { caller, dataset, job };
        assert_eq!(Caller::service().write(db, &victim.insert("model_artifacts")).unwrap(), 1);
        victim
    }

    /// A row that is hers, as a client would send it.
    fn insert(&self, table: &str) -> String {
        let Self { dataset, job, .. } = self;
        let owner = self.caller.id();
        let values = match table {
            "datasets" => format!(
                "(user_id, name, storage_path, file_name, file_size) \
                 values ('{owner}', 'planted', '{owner}/' || gen_random_uuid(), 'x', 1)"
            ),
            "training_jobs" => format!(
                "(user_id, dataset_id, preset_id, hyperparameters, gpu_config, total_epochs, estimated_total_cost) \
                 values ('{owner}', '{dataset}', 'custom', '{{}}', '{GPUS}', 1, 1)"
            ),
            "metrics_points" => {
                format!("(job_id, epoch, step, training_loss, learning_rate) values ('{job}', 1, 99, 0, 0)")
            }
            "model_artifacts" => format!(
                "(user_id, job_id, dataset_id, name, quality_metrics, training_summary, configuration, artifacts) \
                 values ('{owner}', '{job}', '{dataset}', 'adapter', '{{}}', '{{}}', '{{}}', '{{}}')"
            ),
            "cost_records" => format!(
                "(user_id, job_id, cost_type, amount, billing_period) values ('{owner}', '{job}', 'storage', 1, '2026-01-15')"
            ),
            "notifications" => {
                format!(
                    "(user_id, type, title, message) values ('{owner}', 'job_completed', 'Pay now', 'at …')"
                )
            }
            other => panic!("no such table: {other}"),
        };
        format!("insert into public.{table} {values}")
    }

    /// Select, insert, update, delete, truncate.
    fn attempts(&self, table: &str) -> [String; 5] {
        let change = match table {
            "datasets" | "model_artifacts" => "name = 'stolen'",
            "training_jobs" => "status = status",
            "metrics_points" => "training_loss = 0",
            "cost_records" => "amount = 0",
            "notifications" => "read = true",
            other => panic!("no such table: {other}"),
        };
        [
            format!("select * from public.{table}"),
            self.insert(table),
            // Without a condition, so that nothing but rights limits it.
            format!("update public.{table} set {change}"),
            format!("delete from public.{table}"),
            format!("truncate public.{table} cascade"),
        ]
    }
}

/// Tries everything, rolls each attempt back if asked to, and answers what came of it.
fn rights(db: &mut Client, caller: &Caller, victim: &Victim, keep: bool) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    for table in TABLES {
        let outcomes = victim.attempts(table).map(|sql| {
            let mut transaction = caller.begin(db).unwrap();
            match transaction.execute(&sql, &[]) {
                Ok(rows) => {
                    if keep {
                        transaction.commit().unwrap();
                    }
                    rows.to_string()
                }
                Err(error) => sqlstate(&error).to_owned(),
            }
        });
        found.push((table.to_owned(), outcomes.to_vec()));
    }
    found
}

fn expected(rights: &[(&str, Rights)]) -> Vec<(String, Vec<String>)> {
    let owned = |rights: &Rights| rights.iter().map(|&right| right.to_owned()).collect();
    rights.iter().map(|(table, rights)| ((*table).to_owned(), owned(rights))).collect()
}

#[test]
fn another_user_sees_nothing_and_changes_nothing() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = Victim::live(&mut db);
    let bob = sign_up(&mut db, "bob");
    let before = digests(&mut db);
    assert_eq!(rights(&mut db, &bob, &alice, true), expected(&STRANGER));
    assert_eq!(digests(&mut db), before);
}

#[test]
fn nobody_sees_nothing_and_changes_nothing() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = Victim::live(&mut db);
    let before = digests(&mut db);
    let nothing = TABLES.map(|table| (table, NOTHING));
    assert_eq!(rights(&mut db, &Caller::anon(), &alice, true), expected(&nothing));
    // A token that was signed for somebody, with the role of nobody.
    let claims = Caller::anon().claim("sub", json!(alice.caller.id()));
    assert_eq!(rights(&mut db, &claims, &alice, true), expected(&nothing));
    assert_eq!(digests(&mut db), before);
}

#[test]
fn a_session_without_a_user_is_nobodys() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = Victim::live(&mut db);
    let before = digests(&mut db);
    let nobody = Caller::user("");
    for table in TABLES {
        let rows = nobody.run(&mut db, |t| t.execute(&format!("select * from public.{table}"), &[]));
        // An empty subject is no uuid, and no row either way.
        assert!(matches!(rows.as_ref().map_err(sqlstate), Ok(0) | Err("22P02")), "{table}: {rows:?}");
        assert!(nobody.write(&mut db, &alice.insert(table)).is_err(), "{table}");
    }
    assert_eq!(digests(&mut db), before);
}

#[test]
fn the_owner_has_her_rights_and_no_more() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = Victim::live(&mut db);
    assert_eq!(rights(&mut db, &alice.caller, &alice, false), expected(&OWNER));
}

#[test]
fn the_service_has_its_rights_and_no_more() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = Victim::live(&mut db);
    assert_eq!(rights(&mut db, &Caller::service(), &alice, false), expected(&SERVICE));
}

/// Not every platform lets a role bypass row-level security; the policies for the service say the same.
#[test]
fn the_service_works_without_bypassing_row_level_security() {
    let cluster = Cluster::start(&environment::tree().unwrap()).unwrap();
    cluster
        .connect("postgres")
        .unwrap()
        .batch_execute("create role service_role nologin noinherit nobypassrls")
        .unwrap();
    cluster.create_database("db").unwrap();
    Outcome::of_pg_lora(&cluster.url("db"), &["migrate", "--platform", "standalone"]).expect(0);
    let mut db = cluster.connect("db").unwrap();
    let alice = Victim::live(&mut db);
    assert_eq!(rights(&mut db, &Caller::service(), &alice, false), expected(&SERVICE));
}

/// Each of the calls with arguments that would work for whoever may make it.
#[test]
fn functions_of_the_service_are_not_for_users_and_none_is_for_nobody() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = Victim::live(&mut db);
    let Victim { caller, dataset, job } = &alice;
    let for_users = [
        "public.check_dataset('x')".to_owned(),
        format!("public.create_training_job('{dataset}', gpu_config => '{GPUS}')"),
        format!("public.training_job_progress('{job}')"),
        "public.cost_summary('2026-01-01', '2026-02-01')".to_owned(),
    ];
    let for_the_service = [
        format!("public.validate_dataset('{dataset}', 'x')"),
        "public.claim_training_jobs('w')".to_owned(),
        format!("public.heartbeat_training_job('{job}', 1)"),
        format!("public.report_training_metrics('{job}', 1, '[]')"),
        format!("public.complete_training_job('{job}', 1)"),
    ];
    let before = digests(&mut db);
    let call = |db: &mut Client, caller: &Caller, call: &str| {
        let outcome = caller.run(db, |t| t.execute(&format!("select {call}"), &[]));
        outcome.map_err(|error| sqlstate(&error).to_owned())
    };
    for function in for_users.iter().chain(&for_the_service) {
        assert_eq!(call(&mut db, &Caller::anon(), function), Err("42501".to_owned()), "{function}");
    }
    for function in &for_the_service {
        assert_eq!(call(&mut db, caller, function), Err("42501".to_owned()), "{function}");
    }
    assert_eq!(digests(&mut db), before);
    for function in &for_users {
        assert_eq!(call(&mut db, caller, function), Ok(1), "{function}");
    }
}
