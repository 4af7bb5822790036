//! Two users who have lived a whole life on the platform: rows of the first, which everybody tries to get at, and of
//! the second, who is one of those who try.

use pg_lora_tests::Caller;
use pg_lora_tests::story::{
    GPUS, add_dataset, claim, complete, pairs, point, queue_job, ready_dataset, report, sign_up,
};
use postgres::Client;
use serde_json::json;

/// Everything that an attack could change.
const TABLES: [&str; 15] = [
    "public.datasets",
    "public.training_jobs",
    "public.metrics_points",
    "public.custom_metrics",
    "public.model_artifacts",
    "public.cost_records",
    "public.notifications",
    "public.training_job_events",
    "public.gpu_prices",
    "public.cost_budgets",
    "lora_private.dataset_chunks",
    "lora_private.training_job_paces",
    "lora_private.finished_dataset_validations",
    "storage.objects",
    "auth.users",
];

/// The callers, and the rows that a statement may name.
pub struct Victim {
    /// Nobody, the owner of the rows, another user, the service.
    pub callers: [Caller; 4],
    rows: Vec<(&'static str, String)>,
}

impl Victim {
    pub fn live(db: &mut Client) -> Self {
        let [owner, other, third] = ["alice", "bob", "carol"].map(|name| sign_up(db, name));
        let others = ready_dataset(db, &other, 3);
        complete_job(db, &other, &others);
        add_model(db, &other, &others);
        let ready = ready_dataset(db, &owner, 3);
        let second = ready_dataset(db, &owner, 3);
        let uploading = add_dataset(db, &owner, pairs(1).len());
        let completed = complete_job(db, &owner, &ready);
        let model = add_model(db, &owner, &ready);
        let bare = complete_job(db, &owner, &ready);
        let running = start_job(db, &owner, &ready);
        let queued = queue_job(db, &owner, &ready, 10);
        for user in [&owner, &other] {
            let budget = format!(
                "insert into public.cost_budgets (user_id, monthly_limit) values ('{}', 100)",
                user.id()
            );
            user.write(db, &budget).unwrap();
            for (bucket, name) in [("lora-datasets", "free.jsonl"), ("lora-models", "adapter.tar.gz")] {
                let file = format!(
                    "insert into storage.objects (bucket_id, name) values ('{bucket}', '{}/{name}')",
                    user.id()
                );
                db.batch_execute(&file).unwrap();
            }
        }
        let used = format!(
            "insert into storage.objects (bucket_id, name) select storage_bucket, storage_path from public.datasets where id = '{ready}'"
        );
        // As the storage server, which may do anything there.
        db.batch_execute(&used).unwrap();
        let mut one = |sql: &str| -> String { db.query_one(sql, &[]).unwrap().get(0) };
        let cost = one(&format!("select id::text from public.cost_records where job_id = '{completed}'"));
        let notice = one(&format!(
            "select id::text from public.notifications where user_id = '{}' and type = 'dataset_ready' limit 1",
            owner.id()
        ));
        let used = one(&format!("select storage_path from public.datasets where id = '{ready}'"));
        let rows = [
            ("owner", owner.id().to_owned()),
            ("other", other.id().to_owned()),
            ("third", third.id().to_owned()),
            ("new", "00000000-0000-4000-8000-00000000000f".to_owned()),
            ("GPUS", GPUS.to_owned()),
        ];
        let theirs = [
            ("uploading", uploading),
            ("ready", ready),
            ("second", second),
            ("others", others),
            ("queued", queued),
            ("running", running),
            ("completed", completed),
            ("bare", bare),
            ("model", model),
            ("cost", cost),
            ("notice", notice),
            ("used file", used),
        ];
        Self {
            callers: [Caller::anon(), owner, other, Caller::service()],
            rows: rows.into_iter().chain(theirs).collect(),
        }
    }

    /// A statement with the rows that it names.
    pub fn fill(&self, statement: &str) -> String {
        self.rows
            .iter()
            .fold(statement.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
    }
}

/// A digest of everything: equal as long as no row is added, changed or removed.
pub fn digests(db: &mut Client) -> Vec<(&'static str, String)> {
    let mut digest = |table: &str| {
        let sql = format!(
            "select md5(coalesce(string_agg(row::text, ' ' order by row::text), '')) from {table} as row"
        );
        db.query_one(&sql, &[]).unwrap().get(0)
    };
    TABLES.map(|table| (table, digest(table))).to_vec()
}

fn start_job(db: &mut Client, owner: &Caller, dataset: &str) -> String {
    let job = queue_job(db, owner, dataset, 10);
    assert_eq!(claim(db, "w"), job);
    let evaluation = json!({"step": 1, "eval/f1": 0.5});
    report(db, &job, json!([point(1, json!(2.5)), point(2, json!(2.0)), evaluation])).unwrap();
    job
}

fn complete_job(db: &mut Client, owner: &Caller, dataset: &str) -> String {
    let job = start_job(db, owner, dataset);
    complete(db, &job).unwrap();
    job
}

/// A model of the only completed job on a dataset.
fn add_model(db: &mut Client, owner: &Caller, dataset: &str) -> String {
    let sql = format!(
        "insert into public.model_artifacts (user_id, job_id, dataset_id, name, quality_metrics, training_summary, configuration, artifacts)
         select '{}', id, dataset_id, 'adapter', '{{}}', '{{}}', '{{}}', '{{}}' from public.training_jobs where dataset_id = '{dataset}'
         returning id::text",
        owner.id()
    );
    Caller::service().run(db, |t| Ok(t.query_one(&sql, &[])?.get(0))).unwrap()
}
