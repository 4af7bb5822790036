//! What a server answers, and what stands in its columns, held against the JSON Schemas: a key that is not described, and one that is
//! missing, fails. So what is put together in SQL cannot drift from the types.

use std::collections::BTreeSet;

use boon::{Compiler, Schemas};
use pg_lora_tests::story::{
    GPUS, add_dataset, claim, complete, pairs, point, queue_job, ready_dataset, report, report_of, set_clock,
    sign_up, validate,
};
use pg_lora_tests::{Caller, Database};
use postgres::Client;
use serde_json::{Value, json};

use super::text;

const PLACE: &str = "https://example.org/types.json";

/// The schemas, and which of them something was held against.
struct Described {
    schema: Value,
    seen: BTreeSet<String>,
}

impl Described {
    fn load() -> Self {
        let schema = serde_json::from_str(&text("lora-training.schema.json")).unwrap();
        Self { schema, seen: BTreeSet::new() }
    }

    /// Names of functions with `()`, or of columns.
    fn names(&self) -> impl Iterator<Item = &String> {
        let all = self.schema["$defs"].as_object().unwrap().keys();
        all.filter(|name| name.ends_with("()") || name.contains('.'))
    }

    fn refuses(&self, name: &str, values: &[Value]) -> Option<String> {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource(PLACE, self.schema.clone()).unwrap();
        let index = compiler.compile(&format!("{PLACE}#/$defs/{name}"), &mut schemas);
        let index = index.unwrap_or_else(|error| panic!("{name}: {error:#}"));
        values.iter().find_map(|value| {
            let error = schemas.validate(value, index).err()?;
            Some(format!("{name}: {error:#}\n{value:#}"))
        })
    }

    #[track_caller]
    fn check(&mut self, name: &str, values: &[Value]) {
        assert_eq!(self.refuses(name, values), None);
        if !values.is_empty() {
            self.seen.insert(name.to_owned());
        }
    }

    /// Asks a function, and answers what it answers.
    #[track_caller]
    fn call(&mut self, db: &mut Client, caller: &Caller, call: &str) -> Value {
        let answer = caller
            .ask(db, &format!("select public.{call}"))
            .unwrap_or_else(|error| panic!("{call}: {error:?}"));
        let (name, _) = call.split_once('(').unwrap();
        self.check(&format!("{name}()"), std::slice::from_ref(&answer));
        answer
    }

    /// What stands in every column that is described.
    #[track_caller]
    fn columns(&mut self, db: &mut Client) {
        let names: Vec<String> = self.names().filter(|name| name.contains('.')).cloned().collect();
        for name in names {
            let (table, column) = name.split_once('.').unwrap();
            let values = format!(
                "select coalesce(jsonb_agg(distinct to_jsonb({column})), '[]') from public.{table} where {column} is not null"
            );
            let values: Value = db.query_one(&values, &[]).unwrap().get(0);
            self.check(&name, values.as_array().unwrap());
        }
    }
}

const NOW: &str = "2026-03-01 12:00:00+00";

#[test]
fn every_answer_and_every_document_is_what_it_is_said_to_be() {
    let database = Database::migrated();
    let mut db = database.connect();
    let mut described = Described::load();
    set_clock(&mut db, NOW);
    let (alice, service) = (sign_up(&mut db, "alice"), Caller::service());
    datasets(&mut described, &mut db, &alice, &service);
    jobs(&mut described, &mut db, &alice, &service);
    described.columns(&mut db);
    let unseen: Vec<&String> = described.names().filter(|name| !described.seen.contains(*name)).collect();
    assert!(unseen.is_empty(), "nothing was held against {unseen:?}");
}

fn datasets(described: &mut Described, db: &mut Client, alice: &Caller, service: &Caller) {
    for (content, options) in [
        ("", "{}"),
        ("nope\n{}\n[1]\n", "{}"),
        (
            "\u{feff}{\"prompt\": \"Is it open?\", \"completion\": \"From nine on.\"}\n\n",
            r#"{"profile": "openai"}"#,
        ),
        (
            r#"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "weight": 0}]}"#,
            r#"{"declared_format": "brightrun_lora_v4", "window": 1, "min_examples": 5}"#,
        ),
        (
            r#"{"instruction": "x", "input": "y", "output": "z", "split": "validation"}"#,
            r#"{"exact_tokens": {"content": 7, "method": "mine"}}"#,
        ),
        (r#"{"training_pairs": [], "total_pairs": 7}"#, "{}"),
    ] {
        let content = content.replace('\'', "''");
        described.call(db, alice, &format!("check_dataset('{content}', '{options}')"));
        described.call(db, alice, &format!("check_dataset('{}{content}', '{options}')", pairs(2)));
    }
    let bad = add_dataset(db, alice, 5);
    validate(db, &bad, "nope\n").unwrap();
    let whole = add_dataset(db, alice, 5);
    described.call(db, service, &format!("validate_dataset('{whole}', '{}')", pairs(4)));
    let parts = add_dataset(db, alice, 5);
    let append = |number: u32, split: &str| {
        format!("append_dataset_chunk('{parts}', {number}, '{}', split => '{split}')", pairs(3))
    };
    for (number, split) in [(1, "train"), (1, "train"), (2, "validation")] {
        described.call(db, service, &append(number, split));
    }
    let finish = format!("finish_dataset_validation('{parts}', 2)");
    let report = described.call(db, service, &finish);
    assert!(
        report["validation_file"].is_object() && !report["findings"].as_array().unwrap().is_empty(),
        "{report}"
    );
    described.call(db, service, &finish);
    let abandoned = add_dataset(db, alice, 5);
    service.ask(db, &format!("select public.append_dataset_chunk('{abandoned}', 1, 'x')")).unwrap();
}

fn jobs(described: &mut Described, db: &mut Client, alice: &Caller, service: &Caller) {
    let dataset = ready_dataset(db, alice, 40);
    let create =
        format!("select id from public.create_training_job('{dataset}', 'balanced', gpu_config => '{GPUS}')");
    let job = alice.ask(db, &create).unwrap().as_str().unwrap().to_owned();
    // The clock stands still, and of two jobs of one instant either is the first.
    set_clock(db, "2026-03-01 12:00:00.5+00");
    let waiting = queue_job(db, alice, &dataset, 500);
    let looks = |described: &mut Described, db: &mut Client| {
        for job in [&job, &waiting] {
            described.call(db, alice, &format!("training_job_progress('{job}')"));
            described.call(db, alice, &format!("training_job_progress('{job}', '2026-03-01 12:00:01+00')"));
            described.call(db, alice, &format!("training_job_progress('{job}', '2026-04-01 12:00:00+00')"));
            described.call(db, alice, &format!("training_job_health('{job}')"));
            described.call(db, alice, &format!("training_job_cost('{job}')"));
            described.call(db, alice, &format!("training_job_cost('{job}', '2026-03-01 12:00:01+00')"));
        }
        described.call(db, service, "training_jobs_overview(page_size => 1)");
        described.call(db, alice, "training_jobs_overview()");
    };
    looks(described, db);
    assert_eq!(claim(db, "w"), job);
    looks(described, db);
    let beat = |more: &str| format!("heartbeat_training_job('{job}', 1{more})");
    described.call(db, service, &beat(", 'loading_model'"));
    described.call(
        db,
        service,
        &beat(r#", 'training', 'external', '{"step": 3, "path": "a/b", "size": 7}'"#),
    );
    let told = |more: &str, points: Value| format!("report_training_metrics('{job}', 1, '{points}'{more})");
    described.call(db, service, &told("", json!([{"step": 0, "eval/f1": 0.5}])));
    described.columns(db);
    looks(described, db);
    for step in 1..=60 {
        set_clock(db, &format!("2026-03-01 12:{step:02}:00+00").replace("12:60", "13:00"));
        let mut reported = point(step, json!(3.0 / f64::from(step)));
        if step % 20 == 0 {
            reported["validation_loss"] = json!(2.0 + f64::from(step));
            reported["gradient_norm"] = json!(1.5);
            reported["throughput"] = json!(1800);
            reported["gpu_utilization"] = json!(95.5);
            reported["eval/f1"] = json!(0.7);
        }
        report(db, &job, json!([reported])).unwrap();
        if step % 20 == 1 {
            looks(described, db);
        }
    }
    let odd = json!([
        point(60, json!(9.5)), point(1, json!(3.0)), 7, {"step": "x"}, {"step": 70}, {"step": -1, "epoch": 1, "training_loss": 1, "learning_rate": 1},
        {"step": 71, "epoch": 1, "training_loss": 1, "learning_rate": 7}, {"step": 60, "eval/f1": 0.1}, {"step": 72, "mine": "no"}, {"step": 73, "": 1},
    ]);
    let receipt = described.call(db, service, &told("", odd));
    assert!(
        receipt["refused"].as_array().unwrap().len() > 4
            && !receipt["warnings"].as_array().unwrap().is_empty(),
        "{receipt}"
    );
    described.call(db, service, &told(", 'replace'", json!([point(60, json!(0.01))])));
    for (step, loss) in
        (80..130).zip([json!("NaN"), json!("Infinity"), json!("-Infinity"), json!(900.0)].iter().cycle())
    {
        report(db, &job, json!([point(step, loss.clone())])).unwrap();
    }
    looks(described, db);
    let findings = described.call(db, alice, &format!("training_job_health('{job}')"));
    assert!(findings.as_array().unwrap().len() > 1, "{findings}");
    let curves = "'{training_loss,validation_loss,eval/f1,nothing}'";
    for more in
        ["", ", smoothing => 0.6", ", from_step => 10, to_step => 20, max_points => 4, method => 'last'"]
    {
        described.call(db, alice, &format!("training_metrics_curve('{{{job},{waiting}}}', {curves}{more})"));
    }
    described.columns(db);

    // The next attempt goes on where the first one ended.
    let lost = "select coalesce(jsonb_agg(thing), '[]') from public.sweep_training_jobs(keep_read_notifications_days => 0) as thing";
    alice
        .ask(db, "select public.mark_notifications_read(array(select id from public.notifications))")
        .unwrap();
    set_clock(db, "2026-03-03 12:00:00+00");
    let swept = service.ask(db, lost).unwrap();
    let kinds: BTreeSet<&str> =
        swept.as_array().unwrap().iter().map(|thing| thing["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, BTreeSet::from(["chunks", "job", "notifications", "queue"]), "{swept}");
    described.check("sweep_training_jobs()", swept.as_array().unwrap());
    looks(described, db);
    let claimed = "select jsonb_agg(id order by id) from public.claim_training_jobs('w', 10)";
    assert_eq!(service.ask(db, claimed).unwrap().as_array().unwrap().len(), 2);
    looks(described, db);
    report_of(db, &job, 2, json!([point(4, json!(1.0)), point(5, json!(0.5))]), "refuse").unwrap();
    looks(described, db);
    described.columns(db);

    set_clock(db, "2026-03-03 12:04:00+00");
    let running = "select jsonb_agg(line) from public.cost_report('2026-01-01', '2027-01-01') as line";
    let running = alice.ask(db, running).unwrap();
    assert!(running.as_array().unwrap().iter().any(|line| line["is_open"] == true), "{running}");
    described.check("cost_report()", running.as_array().unwrap());
    described.call(db, alice, "cost_summary('2026-01-01', '2027-01-01')");

    alice.ask(db, &format!("select id from public.cancel_training_job('{waiting}', 'enough')")).unwrap();
    for call in [
        format!("heartbeat_training_job('{waiting}', 1)"),
        format!("report_training_metrics('{waiting}', 1, '[]')"),
    ] {
        assert_eq!(described.call(db, service, &call)["cancel_requested"], true);
    }
    service.ask(db, &format!("select id from public.complete_training_job('{job}', 2)")).unwrap();
    let files = json!({"a": {"path": format!("{}/a", alice.id()), "size": 1, "sha256": "ab".repeat(32)}});
    service
        .ask(db, &format!("select id from public.register_model_artifact('{job}', 2, 'adapter', '{files}')"))
        .unwrap();
    looks(described, db);
    service
        .ask(db, &format!("select id from public.record_cost('{}', 'storage', 0.5, 'key')", alice.id()))
        .unwrap();
    let lines =
        "select coalesce(jsonb_agg(line), '[]') from public.cost_report('2026-01-01', '2027-01-01') as line";
    let lines = alice.ask(db, lines).unwrap();
    described.check("cost_report()", lines.as_array().unwrap());
    described.call(db, alice, "cost_summary('2026-01-01', '2027-01-01', 'Europe/Berlin')");
    described.call(db, alice, "cost_summary('2020-01-01', '2020-02-01')");
    described.call(db, alice, &format!("cost_summary('2026-01-01', '2027-01-01', job_id => '{job}')"));

    let failed = queue_job(db, alice, &dataset, 3);
    assert_eq!(claim(db, "w"), failed);
    service
        .ask(
            db,
            &format!("select id from public.fail_training_job('{failed}', 1, 'out_of_memory', 'too large')"),
        )
        .unwrap();
    let other = queue_job(db, alice, &dataset, 3);
    assert_eq!(claim(db, "w"), other);
    report(db, &other, json!([point(1, json!(1.0))])).unwrap();
    complete(db, &other).unwrap();
    looks(described, db);
}

/// Schemas that take everything would say nothing.
#[test]
fn a_key_more_or_less_is_refused() {
    let database = Database::migrated();
    let mut db = database.connect();
    let described = Described::load();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 3);
    let good = alice.ask(&mut db, &format!("select public.training_job_progress('{job}')")).unwrap();
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut value = good.clone();
        change(&mut value);
        described.refuses("training_job_progress()", &[value]).is_some()
    };
    assert!(!refused(&|_| ()));
    assert!(refused(&|value| value["another"] = json!(1)));
    assert!(refused(&|value| value["eta"]["another"] = json!(1)));
    assert!(refused(&|value| value["percent"] = json!("1")));
    assert!(refused(&|value| value["status"] = json!("banana")));
    let keys: Vec<String> = good.as_object().unwrap().keys().cloned().collect();
    assert!(keys.len() > 10);
    for key in keys {
        assert!(refused(&|value| drop(value.as_object_mut().unwrap().remove(&key))), "without {key}");
    }
}
