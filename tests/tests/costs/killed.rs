//! The server is killed in the middle of closing 1,000 intervals (a tenth without `--full`), again and again: by SIGKILL of a
//! process that is closing one, which takes all others along, by an immediate stop, or by the end of their connections. What is
//! there when it is up again agrees, and holds all that anybody was told.

use std::collections::HashSet;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use pg_lora_tests::random::Random;
use pg_lora_tests::story::{ready_dataset, sign_up};
use pg_lora_tests::{Caller, Cluster, Options, Outcome, environment, sqlstate};
use postgres::{Client, Error};
use serde_json::Value;

use crate::settled::is_settled;

const DATABASE: &str = "platform";
const CLOSERS: usize = 6;

/// Time goes on by itself, and by hours where the test says so.
const CLOCK: &str = "
create schema test;
grant usage on schema test to public;
create table test.clock (ahead interval not null);
grant select on test.clock to public;
insert into test.clock values ('0');
create or replace function lora_private.clock() returns timestamptz language sql stable parallel safe
set search_path = '' as 'select now() + (select ahead from test.clock)'";

/// How the server, or a part of it, ends.
#[derive(Debug, Clone, Copy)]
enum End {
    /// SIGKILL of a process that is at work: the server ends all of them, and recovers from its log.
    Killed,
    /// All processes at once, without a checkpoint.
    Stopped,
    /// All connections of those who close, the server stays.
    Cut,
}

/// An attempt that goes on, and the way in which it is to be closed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Attempt {
    job: String,
    number: i32,
    door: usize,
}

impl Attempt {
    /// The request that closes it. Sent again, it is refused with PT409 or changes nothing.
    fn request(&self, owner: &Caller) -> (Caller, String) {
        let Self { job, number, door } = self;
        let update = |set: &str| {
            format!(
                "update public.training_jobs set {set} where id = '{job}' and attempt = {number} and status in ('initializing', 'running')"
            )
        };
        let service = Caller::service();
        match door {
            0 => (
                service,
                format!(
                    "select public.complete_training_job('{job}', {number}, '{{\"reason_without_steps\": \"a drill\"}}')"
                ),
            ),
            1 => (
                service,
                format!("select public.fail_training_job('{job}', {number}, 'infrastructure', 'a drill')"),
            ),
            2 => (owner.clone(), format!("select public.cancel_training_job('{job}', 'a drill')")),
            3 => (owner.clone(), update("status = 'cancelled'")),
            4 => (service, update("status = 'failed', final_cost = 0.01, completed_at = now()")),
            5 => (service, update("status = 'queued'")),
            // Two changes in one transaction.
            _ => (
                service,
                format!(
                    "do $$ begin {}; {}; end $$",
                    update("status = 'running'"),
                    update("status = 'completed'")
                ),
            ),
        }
    }
}

/// How many doors there are.
const DOORS: usize = 7;

struct Platform {
    cluster: Cluster,
    owner: Caller,
}

impl Platform {
    /// A server of this test's own, which keeps what it says that it has, and so many attempts that have gone on for
    /// hours, some of them not the first one of their job.
    fn begin(jobs: i64) -> Self {
        let options = Options::default().set("synchronous_commit", "on").set("autovacuum", "off");
        let cluster = options.start(&environment::tree().unwrap()).unwrap();
        cluster.create_database(DATABASE).unwrap();
        Outcome::of_pg_lora(&cluster.url(DATABASE), &["migrate", "--platform", "standalone"]).expect(0);
        let mut db = cluster.connect(DATABASE).unwrap();
        db.batch_execute(CLOCK).unwrap();
        let owner = sign_up(&mut db, "alice");
        let dataset = ready_dataset(&mut db, &owner, 3);
        let service = Caller::service();
        let queue = format!(
            "insert into public.training_jobs (user_id, dataset_id, preset_id, hyperparameters, gpu_config, total_epochs, \
               estimated_total_cost, max_attempts) \
             select '{}', '{dataset}', 'custom', '{{\"max_steps\": 2}}', \
               jsonb_build_object('gpu_type', 'H100', 'num_gpus', 1 + number % 8, 'cost_per_gpu_hour', 0.0100000001 * number), 1, 0, 9 \
             from generate_series(1, {jobs}) as number",
            owner.id()
        );
        assert_eq!(service.write(&mut db, &queue).unwrap(), jobs as u64);
        let platform = Self { cluster, owner };
        platform.claim_all(&mut db);
        let fail = "update public.training_jobs set status = 'failed' where id::text < '4'";
        service.write(&mut db, fail).unwrap();
        let again = "update public.training_jobs set status = 'queued' where status = 'failed'";
        assert!(service.write(&mut db, again).unwrap() > 0);
        platform.claim_all(&mut db);
        platform
    }

    /// All jobs that wait, by one claim, and three hours go by.
    fn claim_all(&self, db: &mut Client) {
        let claim = "select count(*) from public.claim_training_jobs('w', 1000, 86400)";
        Caller::service().ask(db, claim).unwrap();
        db.execute("update test.clock set ahead = ahead + interval '3 hours'", &[]).unwrap();
    }

    /// A connection, as soon as the server has recovered.
    fn connect(&self) -> Client {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            match self.cluster.connect(DATABASE) {
                Ok(db) => return db,
                Err(error) => assert!(Instant::now() < deadline, "{error:#}\n{}", self.cluster.log()),
            }
            sleep(Duration::from_millis(20));
        }
    }

    /// Attempts that go on, in any order, each with a door of its own.
    fn going_on(&self, db: &mut Client, random: &mut Random) -> Vec<Attempt> {
        let sql = "select id::text, attempt::integer from public.training_jobs where status in ('initializing', 'running') order by id";
        let rows = db.query(sql, &[]).unwrap();
        let mut attempts: Vec<_> = rows
            .iter()
            .map(|row| Attempt { job: row.get(0), number: row.get(1), door: random.below(DOORS) })
            .collect();
        for last in (1..attempts.len()).rev() {
            attempts.swap(last, random.below(last + 1));
        }
        attempts
    }

    /// Closes attempts from several connections until they are all closed or the server ends in this way, after so many
    /// were closed. Answers those of which somebody was told, and those of which nobody was.
    fn close(&self, attempts: Vec<Attempt>, end: End, after: usize) -> (Vec<Attempt>, Vec<Attempt>) {
        let (open, told, untold) = (Mutex::new(attempts), Mutex::new(Vec::new()), Mutex::new(Vec::new()));
        let closed = AtomicUsize::new(0);
        let mut killer = self.connect();
        let mut connections: Vec<Client> = (0..CLOSERS).map(|_| self.connect()).collect();
        std::thread::scope(|scope| {
            for db in &mut connections {
                db.batch_execute("set application_name = 'closer'").unwrap();
                let (open, told, untold, closed) = (&open, &told, &untold, &closed);
                scope.spawn(move || {
                    loop {
                        let Some(attempt) = open.lock().unwrap().pop() else { return };
                        let (who, request) = attempt.request(&self.owner);
                        let outcome = who.write(db, &request);
                        match outcome.as_ref().map_err(sqlstate) {
                            Ok(_) => told.lock().unwrap().push(attempt),
                            // An earlier request of ours has closed it, and the answer was lost.
                            Err("PT409") => told.lock().unwrap().push(attempt),
                            Err(_) if is_lost(outcome.as_ref().unwrap_err()) => {
                                untold.lock().unwrap().push(attempt);
                                return;
                            }
                            Err(state) => panic!("{state}: {request}: {outcome:?}"),
                        }
                        closed.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            while closed.load(Ordering::Relaxed) < after {
                if open.lock().unwrap().is_empty() {
                    return;
                }
                sleep(Duration::from_micros(200));
            }
            self.end(&mut killer, end);
        });
        drop(connections);
        (told.into_inner().unwrap(), untold.into_inner().unwrap())
    }

    fn end(&self, killer: &mut Client, end: End) {
        match end {
            End::Stopped => self.cluster.crash().unwrap(),
            End::Cut => {
                let cut = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'closer'";
                killer.execute(cut, &[]).unwrap();
            }
            End::Killed => {
                // In the middle of a statement, if one is within reach.
                let at_work = "select pid from pg_stat_activity where application_name = 'closer' \
                               order by state = 'active' and query like '%training_job%' desc limit 1";
                if let Some(row) = killer.query_opt(at_work, &[]).unwrap() {
                    kill(row.get(0), killer);
                }
            }
        }
    }
}

/// Ends a process of the server by SIGKILL, and waits for the server to notice, which ends everybody else's as well.
fn kill(pid: i32, witness: &mut Client) {
    let status = Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    assert!(status.success(), "the process {pid} was gone");
    while witness.simple_query("select 1").is_ok() {
        sleep(Duration::from_millis(1));
    }
}

/// Terminated, ended along with the server, or closed without a word.
fn is_lost(error: &Error) -> bool {
    matches!(sqlstate(error), "57P01" | "57P02" | "57P03" | "")
}

/// What the jobs themselves say of attempts: closed, and how.
fn closed(db: &mut Client, attempts: &[Attempt]) -> HashSet<Attempt> {
    let jobs: Vec<&str> = attempts.iter().map(|attempt| attempt.job.as_str()).collect();
    let sql = "select id::text, attempt::integer, status from public.training_jobs where id::text = any ($1)";
    let rows = db.query(sql, &[&jobs]).unwrap();
    let goes_on = |row: &postgres::Row| matches!(row.get(2), "initializing" | "running");
    let open: HashSet<(String, i32)> =
        rows.iter().filter(|row| goes_on(row)).map(|row| (row.get(0), row.get(1))).collect();
    attempts
        .iter()
        .filter(|attempt| !open.contains(&(attempt.job.clone(), attempt.number)))
        .cloned()
        .collect()
}

#[test]
fn the_ledger_and_the_jobs_agree_after_the_server_was_killed_while_it_closed_them() {
    let jobs: i64 = if environment::full() { 1_000 } else { 100 };
    let mut random = Random::stream(environment::seed(), 3);
    let platform = Platform::begin(jobs);
    let mut db = platform.connect();
    is_settled(&mut db);
    let mut attempts = platform.going_on(&mut db, &mut random);
    assert_eq!(attempts.len() as i64, jobs);
    let (mut kills, mut done_untold, mut undone) = (0, 0, 0);
    while !attempts.is_empty() {
        let end = [End::Killed, End::Stopped, End::Killed, End::Cut][kills % 4];
        let after = random.between(1, jobs as usize / 25);
        let (told, untold) = platform.close(attempts, end, after);
        kills += 1;

        db = platform.connect();
        is_settled(&mut db);
        assert_eq!(closed(&mut db, &told).len(), told.len(), "{end:?}: what somebody was told is there");
        let there = closed(&mut db, &untold);
        done_untold += there.len();
        undone += untold.len() - there.len();
        // Whoever heard nothing sends the same again; what was closed stays as it was.
        let before = ledger(&mut db);
        for attempt in &there {
            let (who, request) = attempt.request(&platform.owner);
            let outcome = who.write(&mut db, &request);
            if let Err(error) = outcome {
                assert_eq!(sqlstate(&error), "PT409", "{error:?}");
            }
        }
        assert_eq!(ledger(&mut db), before, "{end:?}");
        attempts = platform.going_on(&mut db, &mut random);
    }
    is_settled(&mut db);
    let sql = "select (select count(*) from public.training_job_events where to_status = 'initializing'), \
               (select count(*) from public.cost_records), (select count(distinct idempotency_key) from public.cost_records)";
    let row = db.query_one(sql, &[]).unwrap();
    let (ran, charges, keys): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
    assert_eq!((charges, keys), (ran, ran), "each attempt that ran is charged once");
    // The reconciliation says the same.
    Outcome::of_pg_lora(&platform.cluster.url(DATABASE), &["verify", "--costs"]).expect(0);
    println!(
        "{ran} attempts of {jobs} jobs closed through {kills} ends of the server; of {} requests without an answer {done_untold} were done",
        done_untold + undone
    );
    // It was no calm sea.
    assert!(kills > 3 && undone > kills, "{kills} kills, {undone} undone");
}

/// All jobs at once, as an operator does who gives the queue back: all of them, or none.
#[test]
fn a_server_that_is_killed_while_one_transaction_closes_all_jobs_has_closed_none() {
    let jobs: i64 = if environment::full() { 1_000 } else { 100 };
    let platform = Platform::begin(jobs);
    let before = ledger(&mut platform.connect());
    for sql in [
        "update public.training_jobs set status = 'cancelled' where status in ('initializing', 'running')",
        "update public.training_jobs set status = 'queued' where status in ('initializing', 'running')",
    ] {
        let mut db = platform.connect();
        let pid: i32 = db.query_one("select pg_backend_pid()", &[]).unwrap().get(0);
        let mut request = Caller::service().begin(&mut db).unwrap();
        assert_eq!(request.execute(sql, &[]).unwrap(), jobs as u64);
        let charged = "select count(*) from public.cost_records where recorded_at = lora_private.clock()";
        assert_eq!(request.query_one(charged, &[]).unwrap().get::<_, i64>(0), jobs);
        kill(pid, &mut platform.connect());
        let lost = request.commit().unwrap_err();
        assert!(is_lost(&lost), "{lost:?}");
        let mut db = platform.connect();
        assert_eq!(ledger(&mut db), before);
        is_settled(&mut db);
    }
    // And once more without that.
    let mut db = platform.connect();
    let all =
        "update public.training_jobs set status = 'cancelled' where status in ('initializing', 'running')";
    assert_eq!(Caller::service().write(&mut db, all).unwrap(), jobs as u64);
    is_settled(&mut db);
    assert_ne!(ledger(&mut db), before);
}

/// Number, sum and digest of all rows of the ledger.
fn ledger(db: &mut Client) -> Value {
    let sql = "select jsonb_build_array(count(*), sum(amount)::text, md5(string_agg(record::text, ' ' order by id))) \
               from public.cost_records as record";
    Caller::service().ask(db, sql).unwrap()
}
