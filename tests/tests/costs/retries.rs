//! Every write of a worker, an owner and the service, sent ten times: one after the other, as somebody does who does not hear
//! the answer, and from ten connections at once. Nothing is charged twice.

use std::sync::Barrier;

use pg_lora_tests::story::{job_row, point, ready_dataset, set_clock};
use pg_lora_tests::{Caller, Database, sqlstate};
use postgres::{Client, Error};
use serde_json::{Value, json};

use crate::settled::is_settled;
use crate::{charged, queue_on, somebody};

const TIMES: usize = 10;

/// How the same request is sent ten times.
#[derive(Debug, Clone, Copy)]
enum Way {
    InSequence,
    AtOnce,
}

/// A platform on which everything is sent ten times.
struct Insistent {
    database: Database,
    db: Client,
    way: Way,
    /// Of the day, by its clock. It goes on by one with each claim.
    hour: u32,
}

/// What ten requests were told.
struct Told {
    answers: Vec<Value>,
    /// Messages of those that the state refused (PT409).
    refusals: Vec<String>,
}

impl Told {
    #[track_caller]
    fn of(outcomes: Vec<Result<Value, Error>>) -> Self {
        let mut told = Self { answers: Vec::new(), refusals: Vec::new() };
        for outcome in outcomes {
            match outcome {
                Ok(answer) => told.answers.push(answer),
                // A deadlock, a duplicate key or a serialization failure would be no answer.
                Err(error) if sqlstate(&error) == "PT409" => {
                    told.refusals.push(error.as_db_error().unwrap().message().to_owned());
                }
                Err(error) => panic!("{error:?}"),
            }
        }
        told
    }

    /// One was done, and the others were told why they were not.
    #[track_caller]
    fn once(&self, why: &str) -> &Value {
        assert_eq!((self.answers.len(), self.refusals.len()), (1, TIMES - 1), "{:?}", self.refusals);
        assert!(self.refusals.iter().all(|message| message.contains(why)), "{:?}", self.refusals);
        &self.answers[0]
    }

    /// All were told the same.
    #[track_caller]
    fn alike(&self) -> &Value {
        assert_eq!(self.refusals, [""; 0]);
        assert!(self.answers.iter().all(|answer| *answer == self.answers[0]), "{:?}", self.answers);
        &self.answers[0]
    }
}

impl Insistent {
    fn begin(way: Way) -> Self {
        let database = Database::migrated();
        let db = database.connect();
        Self { database, db, way, hour: 1 }
    }

    /// The same request ten times: a question, or a write, which is told how many rows it changed.
    #[track_caller]
    fn send(&mut self, who: &Caller, sql: &str) -> Told {
        let ask = |db: &mut Client| match sql.starts_with("select") {
            true => who.ask(db, sql),
            false => who.write(db, sql).map(|rows| json!(rows)),
        };
        let outcomes = match self.way {
            Way::InSequence => (0..TIMES).map(|_| ask(&mut self.db)).collect(),
            Way::AtOnce => {
                let mut connections: Vec<Client> = (0..TIMES).map(|_| self.database.connect()).collect();
                let barrier = Barrier::new(TIMES);
                std::thread::scope(|scope| {
                    let senders: Vec<_> = connections
                        .iter_mut()
                        .map(|db| {
                            scope.spawn(|| {
                                barrier.wait();
                                ask(db)
                            })
                        })
                        .collect();
                    senders.into_iter().map(|sender| sender.join().unwrap()).collect()
                })
            }
        };
        Told::of(outcomes)
    }

    /// The same function ten times.
    #[track_caller]
    fn call(&mut self, who: &Caller, function: &str) -> Told {
        self.send(who, &format!("select to_jsonb(public.{function})"))
    }

    /// Somebody, and a job of theirs on two GPUs at $3.50 that waits in the queue.
    fn queued(&mut self) -> (Caller, String) {
        let alice = somebody(&mut self.db);
        let dataset = ready_dataset(&mut self.db, &alice, 3);
        let gpus = json!({"gpu_type": "A100-80GB", "num_gpus": 2, "cost_per_gpu_hour": 3.50});
        let job = queue_on(&mut self.db, &alice, &dataset, &gpus);
        (alice, job)
    }

    /// Ten claims of the one job in the queue: one of them has it, the others have nothing. Then an hour goes by, which
    /// costs $7.
    #[track_caller]
    fn claim(&mut self, job: &str, attempt: u32) {
        set_clock(&mut self.db, &format!("2026-01-15 {}:00Z", self.hour));
        let claim = "select coalesce(jsonb_agg(jsonb_build_array(id, attempt)), '[]') from public.claim_training_jobs('w')";
        let told = self.send(&Caller::service(), claim);
        let given: Vec<&Value> = told.answers.iter().filter(|answer| **answer != json!([])).collect();
        assert_eq!((given, told.answers.len()), (vec![&json!([[job, attempt]])], TIMES));
        self.is_charged(job, attempt - 1);
        self.hour += 1;
        set_clock(&mut self.db, &format!("2026-01-15 {}:00Z", self.hour));
    }

    /// A job has been charged for so many attempts of an hour each.
    #[track_caller]
    fn is_charged(&mut self, job: &str, attempts: u32) {
        let amounts = vec!["7.0000000000"; attempts as usize].join(" ");
        let amounts = if attempts == 0 { "nothing" } else { &amounts };
        assert_eq!(charged(&mut self.db, job), amounts, "{:?}", self.way);
        is_settled(&mut self.db);
    }

    /// Rows of the ledger, and their sum.
    fn ledger(&mut self) -> Value {
        let sql = "select jsonb_build_array(count(*), sum(amount)::text) from public.cost_records";
        Caller::service().ask(&mut self.db, sql).unwrap()
    }
}

#[test]
fn a_worker_that_sends_everything_ten_times_is_charged_for_each_attempt_once() {
    for way in [Way::InSequence, Way::AtOnce] {
        let mut platform = Insistent::begin(way);
        let service = Caller::service();
        let (alice, job) = platform.queued();
        let report = |attempt: u32| {
            format!("report_training_metrics('{job}', {attempt}, '{}')", json!([point(1, json!(2.0))]))
        };

        platform.claim(&job, 1);
        let beat =
            format!("heartbeat_training_job('{job}', 1, checkpoint => '{{\"step\": 1, \"path\": \"a\"}}')");
        assert_eq!(platform.call(&service, &beat).alike()["cancel_requested"], false);
        let told = platform.call(&service, &report(1));
        let sum = |what: &str| told.answers.iter().map(|answer| answer[what].as_u64().unwrap()).sum::<u64>();
        assert_eq!((sum("accepted"), sum("duplicates")), (1, 9));
        platform.is_charged(&job, 0);
        let fail = |attempt: u32| {
            format!("fail_training_job('{job}', {attempt}, 'infrastructure', 'the node is gone')")
        };
        assert_eq!(platform.call(&service, &fail(1)).once("cannot become failed")["final_cost"], 7.0);
        platform.is_charged(&job, 1);

        let again = format!("retry_training_job('{job}')");
        assert_eq!(platform.call(&alice, &again).once("is queued")["attempt"], 2);
        platform.is_charged(&job, 1);
        platform.claim(&job, 2);
        platform.call(&service, &report(2));
        let complete = |attempt: u32| format!("complete_training_job('{job}', {attempt})");
        assert_eq!(platform.call(&service, &complete(2)).once("cannot become completed")["final_cost"], 14.0);
        platform.is_charged(&job, 2);

        // Late words of both attempts, an hour later.
        set_clock(&mut platform.db, "2026-01-16 00:00Z");
        for late in [beat, report(1), report(2), fail(1), fail(2), complete(1), complete(2)] {
            let told = platform.call(&service, &late);
            assert_eq!((told.answers, told.refusals.len()), (vec![], TIMES), "{late}");
        }
        platform.is_charged(&job, 2);
        assert_eq!(job_row(&mut platform.db, &job)["final_cost"], 14.0);
    }
}

#[test]
fn a_job_that_is_cancelled_ten_times_is_charged_once_and_repeated_once() {
    for way in [Way::InSequence, Way::AtOnce] {
        let mut platform = Insistent::begin(way);
        let service = Caller::service();
        let (alice, job) = platform.queued();
        platform.claim(&job, 1);
        let cancel = format!("cancel_training_job('{job}', 'wrong file')");
        assert_eq!(platform.call(&alice, &cancel).alike()["final_cost"], 7.0);
        platform.is_charged(&job, 1);
        // Later by the owner and by the service, while the worker hears of it.
        set_clock(&mut platform.db, "2026-01-15 20:00Z");
        for who in [&alice, &service] {
            assert_eq!(platform.call(who, &cancel).alike()["final_cost"], 7.0);
        }
        let beat = format!("heartbeat_training_job('{job}', 1)");
        assert_eq!(platform.call(&service, &beat).alike()["cancel_requested"], true);
        let done = format!("complete_training_job('{job}', 1, '{{\"reason_without_steps\": \"a drill\"}}')");
        assert_eq!(platform.call(&service, &done).answers, Vec::<Value>::new());
        platform.is_charged(&job, 1);

        let again = format!("retry_training_job('{job}')");
        let repeated = platform.call(&alice, &again).alike()["id"].as_str().unwrap().to_owned();
        assert_ne!(repeated, job);
        platform.hour = 21;
        platform.claim(&repeated, 1);
        // The repeated one too, while it runs.
        assert_eq!(platform.call(&alice, &again).alike()["id"], json!(repeated));
        platform.call(&alice, &format!("cancel_training_job('{repeated}')")).alike();
        platform.is_charged(&repeated, 1);
        platform.is_charged(&job, 1);
        assert_eq!(platform.ledger(), json!([2, "14.0000000000"]));
    }
}

/// Updates of the table, and sweeps: whoever closes a claimed job.
#[test]
fn a_job_that_is_closed_ten_times_by_other_doors_is_charged_once() {
    for way in [Way::InSequence, Way::AtOnce] {
        let mut platform = Insistent::begin(way);
        let service = Caller::service();
        for (before, status) in [(Some("running"), "completed"), (None, "failed"), (None, "cancelled")] {
            let (_, job) = platform.queued();
            platform.claim(&job, 1);
            for status in before.into_iter().chain([status]) {
                let set = format!(
                    "update public.training_jobs set status = '{status}', final_cost = 99, current_cost = 99, \
                     completed_at = '2026-01-15 23:00Z' where id = '{job}' and status <> 'queued'"
                );
                // Columns that are sent along with a status that the job has already are those of a record.
                let told = platform.send(&service, &set);
                assert!(told.answers.iter().all(|answer| *answer == 1), "{status}: {:?}", told.answers);
            }
            platform.is_charged(&job, 1);
            assert_eq!(job_row(&mut platform.db, &job)["final_cost"], 7.0, "{status}");
            let set = format!("update public.training_jobs set status = '{status}' where id = '{job}'");
            assert_eq!(*platform.send(&service, &set).alike(), 1);
            platform.is_charged(&job, 1);
        }

        let (alice, job) = platform.queued();
        platform.claim(&job, 1);
        let back = format!(
            "update public.training_jobs set status = 'queued' where id = '{job}' and status in ('initializing', 'running')"
        );
        let told = platform.send(&service, &back);
        assert_eq!(told.answers.iter().filter(|answer| **answer == 1).count(), 1, "{:?}", told.answers);
        platform.is_charged(&job, 1);
        platform.claim(&job, 2);
        // The lease of five minutes is over.
        let sweep = "select count(*) from public.sweep_training_jobs() where action = 'queued again'";
        let told = platform.send(&service, sweep);
        assert_eq!(told.answers.iter().filter(|answer| **answer == 1).count(), 1, "{:?}", told.answers);
        platform.is_charged(&job, 2);
        platform.call(&alice, &format!("cancel_training_job('{job}')")).alike();
        platform.is_charged(&job, 2);
        assert_eq!(job_row(&mut platform.db, &job)["final_cost"], 14.0);
    }
}

#[test]
fn a_charge_and_a_correction_that_are_sent_ten_times_are_on_the_ledger_once() {
    for way in [Way::InSequence, Way::AtOnce] {
        let mut platform = Insistent::begin(way);
        let service = Caller::service();
        let (alice, job) = platform.queued();
        platform.claim(&job, 1);
        platform.call(&alice, &format!("cancel_training_job('{job}')")).alike();
        let storage = format!(
            "record_cost('{}', 'storage', 0.1234567891, 'storage-1', '{job}', '[2026-01-01 00:00Z, 2026-02-01 00:00Z)')",
            alice.id()
        );
        let row = platform.call(&service, &storage).alike().clone();
        assert_eq!(platform.ledger(), json!([2, "7.1234567891"]));
        let credit =
            format!("correct_cost('{}', 0.1, 'deleted early', 'credit-1')", row["id"].as_str().unwrap());
        platform.call(&service, &credit).alike();
        let run = format!(
            "select id from public.cost_records where job_id = '{job}' and cost_type = 'training_compute'"
        );
        let run = service.ask(&mut platform.db, &run).unwrap();
        let credit =
            format!("correct_cost('{}', 7, 'the node was faulty', 'credit-2')", run.as_str().unwrap());
        platform.call(&service, &credit).alike();
        assert_eq!(platform.ledger(), json!([4, "0.0234567891"]));
        // Another key takes back nothing more of what is gone already.
        let other = credit.replace("credit-2", "credit-3");
        assert_eq!(platform.call(&service, &other).answers, Vec::<Value>::new());
        assert_eq!(platform.ledger(), json!([4, "0.0234567891"]));
        is_settled(&mut platform.db);
    }
}
