//! Workers that die at any moment, in the middle of a call as well, and a queue that loses nothing by it.
//!
//! What each worker was told is compared with what the database has in the end: attempts, events, charges,
//! notifications, points, each counted exactly.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use pg_lora_tests::random::Random;
use pg_lora_tests::story::{GPUS, ready_dataset, sign_up};
use pg_lora_tests::{Caller, Database, environment, sqlstate};
use postgres::{Client, Error};
use serde_json::{Value, json};

const WORKERS: usize = 16;

/// Time stands in a table and moves only ahead, so that leases end when the test says so, however slow the machine is.
const CLOCK: &str = "
create schema test;
grant usage on schema test to public;
create table test.clock (ahead interval not null);
grant select on test.clock to public;
insert into test.clock values ('0');
create or replace function lora_private.clock() returns timestamptz language sql stable parallel safe
set search_path = '' as 'select now() + (select ahead from test.clock)'";

/// All that workers were told, and how it goes on.
#[derive(Default)]
struct World {
    /// Job, attempt, and the worker that it was given to.
    claims: Mutex<Vec<(String, u64, String)>>,
    /// Jobs of which a worker was told that they are complete.
    completed: Mutex<Vec<String>>,
    /// Calls that were sent.
    calls: AtomicUsize,
    /// Calls without an answer.
    lost: AtomicUsize,
    /// Calls of an attempt that was over.
    late: AtomicUsize,
    over: AtomicBool,
}

/// What comes of a call.
enum Heard {
    Answer(Value),
    /// PT409: the attempt is over.
    Stop,
    /// The connection is gone, and nobody knows.
    Nothing,
}

struct Worker<'a> {
    name: String,
    database: &'a Database,
    db: Client,
    random: Random,
    world: &'a World,
}

fn connect(database: &Database, name: &str) -> Client {
    loop {
        let mut db = database.connect();
        // From here on it may be killed.
        if db.batch_execute(&format!("set application_name = '{name}'")).is_ok() {
            return db;
        }
    }
}

impl Worker<'_> {
    /// One call, once in a while with the end of the connection before it is committed.
    fn call(&mut self, sql: &str) -> Heard {
        self.world.calls.fetch_add(1, Ordering::Relaxed);
        let outcome = match self.random.once_in(40) {
            true => self.die_before_the_commit(sql),
            false => Caller::service().ask(&mut self.db, sql),
        };
        let error = match outcome {
            Ok(answer) => return Heard::Answer(answer),
            Err(error) => error,
        };
        match sqlstate(&error) {
            "PT409" => {
                let message = error.as_db_error().unwrap().message().to_owned();
                assert!(message.contains("is over") || message.contains("is completed"), "{sql}: {message}");
                self.world.late.fetch_add(1, Ordering::Relaxed);
                Heard::Stop
            }
            // Terminated, or closed without a word.
            "57P01" | "" => {
                self.world.lost.fetch_add(1, Ordering::Relaxed);
                self.db = connect(self.database, &self.name);
                Heard::Nothing
            }
            _ => panic!("{sql}: {error:?}"),
        }
    }

    fn die_before_the_commit(&mut self, sql: &str) -> Result<Value, Error> {
        let mut request = Caller::service().begin(&mut self.db)?;
        request.query(sql, &[])?;
        request.batch_execute("reset role; select pg_terminate_backend(pg_backend_pid())")?;
        unreachable!("the server goes on without its end");
    }

    /// The same call until it is answered, unless the worker dies of it. None: this job is no longer ours.
    fn insist(&mut self, sql: &str) -> Option<Value> {
        loop {
            match self.call(sql) {
                Heard::Answer(answer) => return Some(answer),
                Heard::Stop => return None,
                Heard::Nothing if self.random.once_in(2) => return None,
                Heard::Nothing => {}
            }
        }
    }

    fn work(&mut self) {
        while !self.world.over.load(Ordering::Relaxed) {
            let most = self.random.between(1, 3);
            // A transaction that began long before it claims.
            let late = if self.random.once_in(10) { 0.1 } else { 0.0 };
            let sql = format!(
                "select jsonb_agg(jsonb_build_object('id', id, 'attempt', attempt)) \
                 from (select pg_sleep({late})) as later, \
                   lateral (select * from public.claim_training_jobs('{}', {most}, 300)) as job",
                self.name
            );
            let Heard::Answer(Value::Array(jobs)) = self.call(&sql) else {
                sleep(Duration::from_millis(20));
                continue;
            };
            let jobs: Vec<(String, u64)> = jobs
                .iter()
                .map(|job| (job["id"].as_str().unwrap().to_owned(), job["attempt"].as_u64().unwrap()))
                .collect();
            let given = jobs.iter().map(|(job, attempt)| (job.clone(), *attempt, self.name.clone()));
            self.world.claims.lock().unwrap().extend(given);
            for (job, attempt) in jobs {
                if self.train(&job, attempt).is_some() {
                    self.world.completed.lock().unwrap().push(job);
                }
            }
        }
    }

    /// None if it did not come to the end, or does not know.
    fn train(&mut self, job: &str, attempt: u64) -> Option<()> {
        let points = json!([
            {"step": 1, "epoch": 1, "training_loss": 2, "learning_rate": 0.0002},
            {"step": 2, "epoch": 1, "training_loss": 1, "learning_rate": 0.0002},
        ]);
        let beat = format!(
            "public.heartbeat_training_job('{job}', {attempt}, checkpoint => '{{\"step\": 1, \"path\": \"{attempt}\"}}')"
        );
        let report = format!("public.report_training_metrics('{job}', {attempt}, '{points}')");
        // With a process that dies goes all that it had claimed.
        for call in [beat, report] {
            let answer = self.insist(&format!("select {call}"))?;
            assert_eq!(answer["cancel_requested"], false);
        }
        if self.random.once_in(30) {
            return None;
        }
        let row =
            self.insist(&format!("select to_jsonb(public.complete_training_job('{job}', {attempt}))"))?;
        assert_eq!(row["status"], "completed");
        Some(())
    }
}

/// Ends a connection of a worker's every so many calls, wherever it is.
fn kill(database: &Database, world: &World, seed: u64) {
    let mut db = database.connect();
    let mut random = Random::stream(seed, 1000);
    let mut next = 20;
    while !world.over.load(Ordering::Relaxed) {
        if world.calls.load(Ordering::Relaxed) >= next {
            let victim = random.below(WORKERS);
            db.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity \
                 where datname = current_database() and application_name = $1",
                &[&format!("worker-{victim}")],
            )
            .unwrap();
            next = world.calls.load(Ordering::Relaxed) + random.between(10, 60);
        }
        sleep(Duration::from_millis(1));
    }
}

/// Sweeps until all jobs are complete. Leases end several times on the way, those of the living too, and whenever
/// nothing else goes on.
fn sweep(database: &Database, world: &World, jobs: i64) {
    let mut db = database.connect();
    let deadline = Instant::now() + Duration::from_secs(1500);
    let (mut ended_at, mut seen, mut moved) = (0, 0, Instant::now());
    loop {
        let done = "select count(*) from public.training_jobs where status = 'completed'";
        let done: i64 = db.query_one(done, &[]).unwrap().get(0);
        if done == jobs {
            world.over.store(true, Ordering::Relaxed);
            return;
        }
        assert!(
            Instant::now() < deadline && !world.over.load(Ordering::Relaxed),
            "{done} of {jobs} are complete"
        );
        if done != seen {
            (seen, moved) = (done, Instant::now());
        }
        if done >= ended_at + jobs / 40 || moved.elapsed() > Duration::from_secs(1) {
            (ended_at, moved) = (done, Instant::now());
            db.execute("update test.clock set ahead = ahead + interval '1 hour'", &[]).unwrap();
        }
        let swept = "select count(*) from public.sweep_training_jobs() where action in ('failed', 'left')";
        assert_eq!(Caller::service().ask(&mut db, swept).unwrap(), 0);
        sleep(Duration::from_millis(50));
    }
}

/// What is not as it has to be, and of how many jobs.
const WRONG: &str = "
with happened as (
  select job_id,
    count(*) filter (where kind = 'created') as created,
    count(*) filter (where to_status = 'initializing') as started,
    count(distinct attempt) filter (where to_status = 'initializing') as attempts,
    count(*) filter (where to_status = 'queued' and kind = 'status') as returned,
    count(*) filter (where to_status = 'completed') as completed,
    count(*) filter (where to_status = 'running') as running,
    count(distinct attempt) filter (where to_status = 'running') as ran,
    count(*) filter (where kind = 'checkpoint') as saved,
    count(distinct attempt) filter (where kind = 'checkpoint') as saves,
    count(*) as events, max(sequence) as last
  from public.training_job_events group by job_id
), charged as (
  select job_id, count(*) as charges, count(distinct details ->> 'attempt') as attempts,
    sum(upper(period) - lower(period)) as billed, range_agg(period) as periods
  from public.cost_records group by job_id
), told as (
  select (metadata ->> 'job_id')::uuid as job_id,
    count(*) filter (where type = 'job_queued') as queued,
    count(*) filter (where type = 'job_started') as started,
    count(*) filter (where type = 'job_completed') as completed, count(*) as notices
  from public.notifications where type like 'job\\_%' and type <> 'job_stalled' group by 1
), measured as (
  select job_id, count(*) as points, count(distinct attempt) as attempts, max(attempt) as last
  from public.metrics_points group by job_id
)
select rule.name, count(*)::bigint, min(job.id::text) from public.training_jobs as job
left join happened on happened.job_id = job.id
left join charged on charged.job_id = job.id
left join told on told.job_id = job.id
left join measured on measured.job_id = job.id
cross join lateral (values
  ('it is complete', job.status = 'completed' and job.progress = 100 and job.current_step = 2),
  ('its events are those of its attempts',
    (happened.created, happened.started, happened.attempts, happened.returned, happened.completed)
      = (1, job.attempt, job.attempt, job.attempt - 1, 1)
    and happened.running = happened.ran and happened.saved = happened.saves and happened.events = happened.last),
  ('each attempt is charged once', (charged.charges, charged.attempts) = (job.attempt, job.attempt)),
  ('no time is charged twice',
    charged.billed = (select sum(upper(period) - lower(period)) from unnest(charged.periods) as period)),
  ('its owner is told once of each change',
    (told.queued, told.started, told.completed, told.notices) = (job.attempt, job.attempt, 1, 2 * job.attempt + 1)),
  ('its points are those of its attempts',
    measured.points = 2 * measured.attempts and measured.last = job.attempt)
) as rule (name, holds)
where rule.holds is not true
group by rule.name";

#[test]
fn no_job_is_lost_or_done_twice_when_workers_are_killed() {
    let jobs: i64 = if environment::full() { 10_000 } else { 1_000 };
    let seed = environment::seed();
    let database = Database::migrated();
    let mut db = database.connect();
    db.batch_execute(CLOCK).unwrap();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let queued = format!(
        "insert into public.training_jobs (user_id, dataset_id, preset_id, hyperparameters, gpu_config, total_epochs, \
           estimated_total_cost, max_attempts) \
         select '{}', '{dataset}', 'custom', '{{\"max_steps\": 2}}', '{GPUS}', 1, 0, 1000 from generate_series(1, {jobs})",
        alice.id()
    );
    assert_eq!(Caller::service().write(&mut db, &queued).unwrap(), jobs as u64);

    let world = World::default();
    std::thread::scope(|scope| {
        let (database, world) = (&database, &world);
        for number in 0..WORKERS {
            scope.spawn(move || {
                // Whoever panics ends the others.
                let _over = Over(world);
                let name = format!("worker-{number}");
                let db = connect(database, &name);
                let random = Random::stream(seed, number as u64);
                Worker { name, database, db, random, world }.work();
            });
        }
        scope.spawn(move || {
            let _over = Over(world);
            kill(database, world, seed);
        });
        let _over = Over(world);
        sweep(database, world, jobs);
    });

    let wrong: Vec<(String, i64, String)> =
        db.query(WRONG, &[]).unwrap().iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    assert!(wrong.is_empty(), "not so of that many jobs, one of which is given: {wrong:?}");
    let total = "select count(*)::bigint, sum(attempt)::bigint from public.training_jobs";
    let row = db.query_one(total, &[]).unwrap();
    let (count, attempts): (i64, i64) = (row.get(0), row.get(1));
    assert_eq!(count, jobs);
    // Nobody was given what somebody else was given, and the events say whom each attempt was given to.
    let claims = world.claims.into_inner().unwrap();
    let given: HashSet<(&String, u64)> = claims.iter().map(|(job, attempt, _)| (job, *attempt)).collect();
    assert_eq!(given.len(), claims.len(), "an attempt was given to two");
    let rows = "select job_id::text, attempt::bigint, payload ->> 'worker' from public.training_job_events \
                where to_status = 'initializing'";
    let started: HashSet<(String, u64, String)> = db
        .query(rows, &[])
        .unwrap()
        .iter()
        .map(|row| (row.get(0), row.get::<_, i64>(1) as u64, row.get(2)))
        .collect();
    assert_eq!(started.len() as i64, attempts);
    for claim in &claims {
        assert!(started.contains(claim), "{claim:?} was answered and is not there");
    }
    let completed = world.completed.into_inner().unwrap();
    assert_eq!(completed.iter().collect::<HashSet<_>>().len(), completed.len(), "completed twice");

    let (calls, lost, late) = (world.calls.into_inner(), world.lost.into_inner(), world.late.into_inner());
    println!(
        "{jobs} jobs in {attempts} attempts, {} claims and {} ends answered, {calls} calls, {lost} lost, {late} late",
        claims.len(),
        completed.len()
    );
    // It was no calm sea.
    assert!(attempts > jobs + jobs / 20 && lost as i64 > jobs / 20 && late > 0, "{attempts}, {lost}, {late}");
}

/// Ends all when it is dropped.
struct Over<'a>(&'a World);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Relaxed);
    }
}
