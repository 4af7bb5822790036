//! The workers and the webhook of docs/jobs.md, run as they stand there: real programs against the real API, behind a
//! gateway that loses answers.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread::sleep;
use std::time::{Duration, Instant};

use pg_lora_tests::javascript::Project;
use pg_lora_tests::story::{digests, job_row};
use pg_lora_tests::{Caller, Outcome, Postgrest, Scratch};
use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::life::Life;

/// Longer than anything here takes on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(120);

const PAGE: &str = include_str!("../../../docs/jobs.md");

/// The program below a marker of the page.
fn program(name: &str) -> String {
    let (_, rest) = PAGE.split_once(&format!("<!-- {name} -->\n\n```")).expect("the page has it");
    let (_, text) = rest.split_once('\n').expect("a block has a first line");
    let (text, _) = text.split_once("\n```\n").expect("a block has an end");
    assert!(text.lines().count() <= 52, "{name} has become long");
    format!("{text}\n")
}

/// A folder with programs in TypeScript that compile.
fn compiled(files: &[(&str, &str)]) -> Project {
    let project = Project::new();
    for (name, text) in files {
        project.write(name, text);
    }
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    let options = ["--module", "nodenext", "--types", "node", "--allowImportingTsExtensions"];
    project.compile(&names, &options).expect(0);
    project
}

/// A program with the service key, which finds the API at an address.
fn with_key(mut command: Command, url: &str) -> Command {
    command
        .env("SUPABASE_URL", url)
        .env("SUPABASE_SERVICE_ROLE_KEY", Postgrest::token(&Caller::service()))
        .env("WORKER", "of-the-page")
        .env("LEASE_SECONDS", "3");
    command
}

/// A worker that is at work until this value is gone.
struct Worker {
    child: Child,
}

impl Worker {
    /// What it says is added to a file.
    fn start(mut command: Command, says: &Path) -> Self {
        let file = File::options().create(true).append(true).open(says).unwrap();
        Self { child: command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file).spawn().unwrap() }
    }

    /// Waits for it to end by itself; answers its exit code.
    fn ends(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < deadline, "the worker goes on");
            sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until a job is as wanted; answers its row.
fn wait_for(life: &mut Life, job: &str, says: &Path, wanted: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let row = job_row(&mut life.db, job);
        if wanted(&row) {
            return row;
        }
        let said = || fs::read_to_string(says).unwrap_or_default();
        assert!(Instant::now() < deadline, "it does not come: {row}\nthe worker says:\n{}", said());
        sleep(Duration::from_millis(20));
    }
}

fn queue(life: &Life, dataset: &str, steps: u32, practice: Value) -> String {
    let wanted = json!({
        "dataset_id": dataset, "preset_id": "custom",
        "hyperparameters": {"max_steps": steps, "practice": practice},
        "gpu_config": {"gpu_type": "H100", "num_gpus": 1, "cost_per_gpu_hour": 4},
    });
    life.alice.rpc("create_training_job", &wanted).json()["id"].as_str().unwrap().to_owned()
}

/// The database's clock jumps ahead until the lease of the one job at work is over and a sweep finds it before its worker
/// beats again.
fn lose(life: &mut Life, hours: &mut u32) {
    loop {
        *hours += 1;
        let sql = format!(
            "create or replace function lora_private.clock() returns timestamptz language sql stable parallel safe \
             set search_path = '' as 'select now() + interval ''{hours} hours'''"
        );
        life.db.batch_execute(&sql).unwrap();
        let rows = life.service.rpc("sweep_training_jobs", &json!({})).rows();
        // It tells of jobs that wait as well.
        if rows.iter().any(|row| row["action"] == "queued again") {
            return;
        }
        assert!(*hours < 100, "the sweep finds nothing");
    }
}

/// `first..last` for each attempt, if each step between them is there once.
fn steps(life: &Life, job: &str) -> Vec<(i64, i64, i64)> {
    let points =
        life.service.get(&format!("/metrics_points?select=attempt,step&job_id=eq.{job}&order=attempt,step"));
    let mut runs: Vec<(i64, i64, i64)> = Vec::new();
    for point in points.rows() {
        let (attempt, step) = (point["attempt"].as_i64().unwrap(), point["step"].as_i64().unwrap());
        match runs.last_mut() {
            Some(run) if run.0 == attempt && run.2 + 1 == step => run.2 = step,
            _ => runs.push((attempt, step, step)),
        }
    }
    runs
}

/// What has happened to a job, in order: states, and the steps of checkpoints.
fn history(life: &Life, job: &str) -> Vec<String> {
    let events = life.service.get(&format!("/training_job_events?select=*&job_id=eq.{job}&order=sequence"));
    let word = |event: &Value| match event["to_status"].as_str() {
        Some(status) => status.to_owned(),
        None => format!("{} {}", event["kind"].as_str().unwrap(), event["payload"]["step"]),
    };
    events.rows().iter().map(word).collect()
}

fn charges(life: &Life, job: &str) -> usize {
    life.service.get(&format!("/cost_records?select=id&job_id=eq.{job}")).rows().len()
}

/// All that a worker meets: a job to its end, one that is cancelled under it, one that breaks, one that does nothing, one that
/// it loses, and one that it dies with.
fn does_the_work(start: &dyn Fn(&str) -> Command, says: &Path) {
    let mut life = Life::begin();
    let dataset = life.ready_dataset();
    let [plain, unwanted, broken, idle, lost, deadly] = [
        (120, json!({"saves_every": 60})),
        (10_000, json!({"saves_every": 5, "seconds": 0.05})),
        (10, json!({"saves_every": 5, "breaks_at": 7})),
        (10, json!({"skips": true})),
        (60, json!({"saves_every": 5, "seconds": 0.2})),
        (12, json!({"saves_every": 4, "dies_at": [7, 13]})),
    ]
    .map(|(steps, practice)| queue(&life, &dataset, steps, practice));
    // Of each call, the first answer is lost, and the third: that of the report with 50 points.
    let asked: Mutex<HashMap<String, u32>> = Mutex::default();
    let loses = |path: &str| {
        let mut asked = asked.lock().unwrap();
        let number = asked.entry(path.to_owned()).or_default();
        *number += 1;
        !path.contains("claim") && [1, 3].contains(number)
    };
    let mut hours = 0;
    let url = life.platform.postgrest().url();
    Gateway::before(&url).losing(&loses).run(|url| {
        let mut worker = Worker::start(start(url), says);
        let ended =
            |row: &Value| ["completed", "failed", "cancelled"].contains(&row["status"].as_str().unwrap());
        let row = wait_for(&mut life, &plain, says, ended);
        assert_eq!(
            (&row["status"], &row["claimed_by"]),
            (&json!("completed"), &json!("of-the-page")),
            "{row}"
        );
        assert_eq!(steps(&life, &plain), [(1, 1, 120)]);
        let whole = ["queued", "initializing", "running", "checkpoint 60", "checkpoint 120", "completed"];
        assert_eq!(history(&life, &plain), whole);
        assert_eq!(charges(&life, &plain), 1);
        let diverged = format!("/metrics_points?select=training_loss&job_id=eq.{plain}&step=eq.1");
        assert_eq!(life.service.get(&diverged).row()["training_loss"], "NaN");

        wait_for(&mut life, &unwanted, says, |row| row["current_step"].as_i64() >= Some(5));
        life.alice.rpc("cancel_training_job", &json!({"job_id": unwanted, "reason": "too dear"})).expect(200);
        let before = steps(&life, &unwanted);
        let row = wait_for(&mut life, &broken, says, ended);
        for (column, value) in [
            ("status", "failed"),
            ("failure_class", "out_of_memory"),
            ("error_message", "CUDA out of memory"),
        ] {
            assert_eq!(row[column], value, "{column}");
        }
        assert!(row["error_stack"].as_str().unwrap().contains("train"), "{row}");
        assert_eq!(steps(&life, &broken), [(1, 1, 5)], "what is behind the last report is gone");
        assert_eq!((steps(&life, &unwanted), charges(&life, &unwanted)), (before, 1));
        assert_eq!(history(&life, &unwanted).last().unwrap(), "cancelled");

        let row = wait_for(&mut life, &idle, says, ended);
        assert_eq!(
            (&row["status"], &row["error_message"]),
            (&json!("failed"), &json!("no step was trained")),
            "{row}"
        );

        // The worker beats, and yet is swept, as one whose machine had stopped: the next thing it hears is to stop.
        wait_for(&mut life, &lost, says, |row| row["current_step"].as_i64() >= Some(5));
        lose(&mut life, &mut hours);
        assert_eq!(worker.ends(), Some(9));
        assert_eq!(steps(&life, &deadly), [(1, 1, 4)]);
        lose(&mut life, &mut hours);
        let mut next = Worker::start(start(url), says);
        let row = wait_for(&mut life, &lost, says, ended);
        let found = (&row["status"], &row["attempt"], charges(&life, &lost));
        assert_eq!(found, (&json!("completed"), &json!(2), 2), "{row}");

        // The second attempt goes on from the checkpoint, and dies when all is done; the third has nothing to do.
        assert_eq!(next.ends(), Some(9));
        assert_eq!(steps(&life, &deadly), [(1, 1, 4), (2, 5, 12)]);
        lose(&mut life, &mut hours);
        let _last = Worker::start(start(url), says);
        let row = wait_for(&mut life, &deadly, says, ended);
        let saved = json!({"step": 12, "path": "checkpoints/12", "size": 1024, "attempt": 2});
        assert_eq!((&row["status"], &row["resume_from"]), (&json!("completed"), &saved), "{row}");
        let found = (&row["attempt"], steps(&life, &deadly).len(), charges(&life, &deadly));
        assert_eq!(found, (&json!(3), 2, 3), "{row}");
        let known = format!("/training_job_events?select=payload&job_id=eq.{deadly}&kind=eq.result");
        let reason = life.service.get(&known).row()["payload"]["reason_without_steps"].clone();
        assert!(reason.as_str().unwrap().starts_with("nothing was left after"), "{reason}");
    });
    let asked = asked.lock().unwrap();
    for function in
        ["heartbeat_training_job", "report_training_metrics", "complete_training_job", "fail_training_job"]
    {
        assert!(asked[&format!("/rpc/{function}")] > 1, "{function} was not sent again: {asked:?}");
    }
    let said = fs::read_to_string(says).unwrap();
    for word in ["is completed", "is failed", "cancelled", "is over"] {
        assert!(said.contains(word), "the worker does not say \"{word}\":\n{said}");
    }
}

#[test]
fn the_worker_in_typescript_does_the_work() {
    let train = include_str!("../../fixtures/train.ts");
    let project = compiled(&[("worker.ts", &program("worker.ts")), ("train.ts", train)]);
    let start = |url: &str| with_key(project.node(&["worker.ts"]), url);
    does_the_work(&start, &project.path().join("says"));
}

#[test]
fn the_worker_in_python_does_the_work() {
    let scratch = Scratch::new().unwrap();
    fs::write(scratch.path().join("worker.py"), program("worker.py")).unwrap();
    fs::write(scratch.path().join("train.py"), include_str!("../../fixtures/train.py")).unwrap();
    // -B: no compiled files beside.
    let start = |url: &str| {
        let mut python = Command::new("python3");
        python.args(["-B", "worker.py"]).current_dir(scratch.path());
        with_key(python, url)
    };
    does_the_work(&start, &scratch.path().join("says"));
}

/// Every request of the page's table is answered as it says there.
#[test]
fn the_requests_of_the_page_are_answered_as_it_says() {
    let mut life = Life::begin();
    let dataset = life.ready_dataset();
    let (_, table) = PAGE.split_once("<!-- requests -->").unwrap();
    let (table, _) = table.split_once("<!-- end of requests -->").unwrap();
    let first_json = |cell: &str| -> Value {
        let (_, rest) = cell.split_once('`').unwrap_or_else(|| panic!("no example: {cell}"));
        let text = rest.split('`').next().unwrap();
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
    };
    let mut job = life.queued_job(&dataset);
    let mut functions = Vec::new();
    for line in table.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").collect();
        let function = cells[0].trim().trim_matches('`');
        let (mut body, mut expected) = (first_json(cells[1]), first_json(cells[2]));
        if function == "fail_training_job" {
            // A job ends once.
            job = life.queued_job(&dataset);
            life.service.rpc("claim_training_jobs", &json!({"worker": "w"})).expect(200);
        }
        if body.get("job_id").is_some() {
            body["job_id"] = json!(job);
        }
        let mut answer = life.service.rpc(function, &body).json();
        if let Value::Array(rows) = &mut answer {
            assert_eq!((rows.len(), &rows[0]["id"]), (1, &json!(job)));
            (answer, expected) = (rows.remove(0), expected[0].take());
        }
        for (field, value) in expected.as_object().unwrap() {
            let found =
                answer.get(field).unwrap_or_else(|| panic!("{function} answers no \"{field}\": {answer}"));
            // What differs from run to run is left out.
            assert!(
                *value == json!("…") || value == found,
                "{function}, \"{field}\": {found} and not {value}"
            );
        }
        functions.push(function.to_owned());
    }
    assert_eq!(functions.len(), 6, "{functions:?}");
}

/// A job at work under the provider's id of its run.
fn run_of_provider(life: &mut Life, dataset: &str, id: &str, steps: u32) -> String {
    let job = life.queued_job(dataset);
    assert_eq!(life.service.rpc("claim_training_jobs", &json!({"worker": "poller"})).row()["id"], job);
    let beat = json!({"job_id": job, "attempt": 1, "external_job_id": id});
    life.service.rpc("heartbeat_training_job", &beat).expect(200);
    let points: Vec<Value> = (1..=steps)
        .map(|step| json!({"step": step, "epoch": 1, "training_loss": 1, "learning_rate": 0.0002}))
        .collect();
    life.service
        .rpc("report_training_metrics", &json!({"job_id": job, "attempt": 1, "points": points}))
        .expect(200);
    job
}

/// Deliveries to the webhook, those of one list at once; answers status and text of each.
fn deliver(project: &Project, url: &str, deliveries: &Value) -> Vec<Vec<(u64, String)>> {
    let mut command = with_key(project.node(&["deliver.ts"]), url);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(deliveries.to_string().as_bytes()).unwrap();
    let outcome = Outcome::from(child.wait_with_output().unwrap()).expect(0);
    serde_json::from_value(outcome.json()).unwrap()
}

#[test]
fn a_webhook_ends_a_job_once_however_often_and_late_it_is_delivered() {
    let webhook = program("webhook.ts");
    let deliver_ts = include_str!("../../fixtures/deliver.ts");
    let project = compiled(&[("webhook.ts", &webhook), ("deliver.ts", deliver_ts)]);
    let mut life = Life::begin();
    let dataset = life.ready_dataset();
    let ids = ["run-1", "run-2", "run-3", "run-4"];
    let [inside, good, outside, cancelled] = ids.map(|id| run_of_provider(&mut life, &dataset, id, 2));
    let silent = run_of_provider(&mut life, &dataset, "run-5", 0);
    life.alice.rpc("cancel_training_job", &json!({"job_id": cancelled})).expect(200);

    let failed_inside = json!({
        "id": "run-1", "status": "COMPLETED", "output": {"status": "failed", "error": "CUDA out of memory"},
    });
    let completed = |id: &str| json!({"id": id, "status": "COMPLETED", "output": {"status": "success"}});
    let failed_outside = json!({"id": "run-3", "status": "FAILED", "error": "no GPU is left"});
    let mut with_reason = completed("run-5");
    with_reason["output"]["reason_without_steps"] = json!("the dataset was trained on before");
    let url = life.platform.postgrest().url();
    let all = Gateway::before(&url).run(|url| {
        let before = digests(&mut life.db);
        let none = json!([[
            "wrong key", [], {"id": 7}, completed("run-of-nobody"), {"id": "run-1", "status": "IN_PROGRESS"},
            completed("run-5"),
        ]]);
        let refused: Vec<u64> = deliver(&project, url, &none)[0].iter().map(|answer| answer.0).collect();
        assert_eq!(refused, [401, 400, 400, 404, 200, 409]);
        assert_eq!(digests(&mut life.db), before, "they have changed something");
        deliver(
            &project,
            url,
            &json!([
                // Eight at once, then late.
                vec![&failed_inside; 8], [completed("run-1"), failed_inside],
                vec![completed("run-2"); 8], [completed("run-2"), {"id": "run-2", "status": "FAILED"}],
                // Who is first has it, whatever the other says.
                [failed_outside], [completed("run-3"), failed_outside],
                [completed("run-4")], [with_reason],
            ]),
        )
    });
    let ends = ["failed", "failed", "completed", "completed", "failed", "failed", "cancelled", "completed"];
    for (answers, end) in all.iter().zip(ends) {
        for (status, text) in answers {
            assert_eq!((*status, text.as_str()), (200, format!("the job is {end}").as_str()), "{all:?}");
        }
    }
    for (job, end, class, notice) in [
        (&inside, "failed", json!("out_of_memory"), "job_failed"),
        (&good, "completed", Value::Null, "job_completed"),
        (&outside, "failed", json!("infrastructure"), "job_failed"),
        (&cancelled, "cancelled", Value::Null, "job_cancelled"),
        (&silent, "completed", Value::Null, "job_completed"),
    ] {
        let row = job_row(&mut life.db, job);
        assert_eq!((&row["status"], &row["failure_class"]), (&json!(end), &class), "{row}");
        let ends = history(&life, job).iter().filter(|word| *word == end).count();
        let told = format!("/notifications?select=type&metadata->>job_id=eq.{job}&type=eq.{notice}");
        assert_eq!((ends, charges(&life, job), life.alice.get(&told).rows().len()), (1, 1, 1), "{row}");
    }
    assert_eq!(job_row(&mut life.db, &outside)["error_message"], "no GPU is left");

    // Another attempt has a run of its own: the old one's is nobody's any more.
    life.alice.rpc("retry_training_job", &json!({"job_id": inside})).expect(200);
    assert_eq!(life.service.rpc("claim_training_jobs", &json!({"worker": "poller"})).row()["attempt"], 2);
    let before = digests(&mut life.db);
    let late = Gateway::before(&url).run(|url| deliver(&project, url, &json!([[completed("run-1")]])));
    assert_eq!(late[0][0].0, 404);
    assert_eq!(digests(&mut life.db), before);
}
