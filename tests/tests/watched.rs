//! `pg-lora jobs`, `pg-lora watch` and `pg-lora migrate --schedule-sweep`: training jobs from the command line.

use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use pg_lora_tests::story::{claim, complete, point, queue_job, ready_dataset, report, sign_up};
use pg_lora_tests::{Caller, Cluster, Database, Options, Outcome, environment, program};
use postgres::Client;
use serde_json::json;

const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";

/// A job of ten steps in the queue, and its owner.
fn queued(db: &mut Client) -> (Caller, String) {
    let alice = sign_up(db, "alice");
    let dataset = ready_dataset(db, &alice, 3);
    let job = queue_job(db, &alice, &dataset, 10);
    (alice, job)
}

fn watch(database: &Database, job: &str) -> Child {
    let mut command = program::pg_lora(&["watch", job, "--every", "1s"]);
    command.env("DATABASE_URL", database.url()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn jobs_are_listed_a_line_each() {
    let database = Database::migrated();
    let mut db = database.connect();
    let none = database.pg_lora(&["jobs"]).expect(0);
    assert_eq!((none.stdout.as_str(), none.stderr.as_str()), ("", "there are no such jobs\n"));
    let (alice, first) = queued(&mut db);
    let rename = "update public.datasets set name = E'quarter\\x1b[2J'";
    alice.write(&mut db, rename).unwrap();
    assert_eq!(claim(&mut db, "w"), first);
    report(&mut db, &first, json!([point(4, json!(2.0))])).unwrap();
    let dataset = "select id from public.datasets";
    let dataset = alice.ask(&mut db, dataset).unwrap().as_str().unwrap().to_owned();
    let second = queue_job(&mut db, &alice, &dataset, 10);

    let listed = database.pg_lora(&["jobs"]).expect(0);
    let [queued, running] = listed.stdout.lines().collect::<Vec<_>>()[..] else {
        panic!("{}", listed.stdout)
    };
    let begins =
        format!("queued     {second} \"quarter\\u{{1b}}[2J\" 0.0 %, number 1 in the queue, will cost ");
    assert!(queued.starts_with(&begins), "{queued}");
    let begins = format!("running    {first} \"quarter\\u{{1b}}[2J\" 41.0 %, step 4 of 10, ");
    assert!(running.starts_with(&begins), "{running}");

    let page = database.pg_lora(&["jobs", "--page-size", "1"]).expect(0);
    assert_eq!(page.stdout.lines().count(), 1);
    assert_eq!(page.stderr, format!("note: there are more; --before {second} lists them\n"));
    let after = database.pg_lora(&["jobs", "--before", &second]).expect(0);
    assert!(after.stdout.starts_with(&format!("running    {first} ")) && after.stdout.lines().count() == 1);
    let only = database.pg_lora(&["jobs", "--status", "queued"]).expect(0);
    assert!(only.stdout.starts_with(&format!("queued     {second} ")) && only.stdout.lines().count() == 1);
}

#[test]
fn what_cannot_be_shown_is_refused() {
    let database = Database::migrated();
    for (arguments, code) in [
        (&["jobs", "--page-size", "101"][..], 2),
        (&["jobs", "--status", "banana"], 2),
        (&["jobs", "--before", UNKNOWN], 8),
        (&["watch", "banana"], 2),
        (&["watch", UNKNOWN, "--every", "0"], 2),
        (&["watch", UNKNOWN], 8),
    ] {
        let refused = database.pg_lora(arguments).expect(code);
        assert_eq!(refused.stdout, "", "{arguments:?}");
        assert!(refused.stderr.contains("error: "), "{arguments:?}: {}", refused.stderr);
    }
    let absent = database.pg_lora(&["watch", UNKNOWN]);
    let words = format!("training job \"{UNKNOWN}\" does not exist");
    assert!(absent.stderr.contains(&words) && absent.stderr.contains("hint: "), "{}", absent.stderr);
    for arguments in [&["jobs"][..], &["watch", UNKNOWN]] {
        let refused = Database::empty().pg_lora(arguments).expect(11);
        assert!(
            refused.stderr.contains("hint: run pg-lora migrate, then this command again"),
            "{}",
            refused.stderr
        );
    }
}

#[test]
fn a_job_is_watched_until_it_is_over() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (_, job) = queued(&mut db);
    let watcher = watch(&database, &job);
    sleep(Duration::from_millis(1500));
    assert_eq!(claim(&mut db, "w"), job);
    for (step, loss) in [(1, 3.0), (5, 2.0), (9, 1.0)] {
        report(&mut db, &job, json!([point(step, json!(loss))])).unwrap();
        sleep(Duration::from_millis(1500));
    }
    complete(&mut db, &job).unwrap();
    let outcome: Outcome = watcher.wait_with_output().unwrap().into();
    let told = outcome.expect(0).stdout;
    let lines: Vec<&str> = told.lines().collect();
    assert!(lines[0].starts_with("queued       0.0 %, number 1 in the queue"), "{told}");
    assert!(lines.iter().any(|line| line.starts_with("running     50.0 %, step 5 of 10, ")), "{told}");
    assert!(lines.iter().any(|line| line.ends_with(", loss 1.0000 █▅▁")), "{told}");
    assert!(lines.last().unwrap().starts_with("completed  100.0 %, step 9 of 10, "), "{told}");
    // Nothing is said twice.
    assert!(lines.windows(2).all(|pair| pair[0] != pair[1]), "{told}");
}

#[test]
fn who_waits_for_a_job_that_fails_is_told_so() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, job) = queued(&mut db);
    assert_eq!(claim(&mut db, "w"), job);
    let fail = format!("select public.fail_training_job('{job}', 1, 'out_of_memory', 'CUDA out of memory')");
    Caller::service().ask(&mut db, &fail).unwrap();
    let failed = database.pg_lora(&["watch", &job]).expect(14);
    assert!(failed.stdout.starts_with("failed "), "{}", failed.stdout);
    assert!(failed.stderr.contains(&format!("error: training job \"{job}\" is failed")), "{}", failed.stderr);
    assert!(
        failed.stderr.contains("CUDA out of memory") && failed.stderr.contains("hint: "),
        "{}",
        failed.stderr
    );
    database.pg_lora(&["watch", &job, "--once"]).expect(0);
    // A signal ends it as any other command.
    let again = format!("select public.retry_training_job('{job}')");
    alice.ask(&mut db, &again).unwrap();
    let watcher = watch(&database, &job);
    sleep(Duration::from_millis(1500));
    Command::new("kill").args(["-s", "INT", &watcher.id().to_string()]).status().unwrap();
    Outcome::from(watcher.wait_with_output().unwrap()).expect(130);
}

#[test]
fn a_connection_that_is_lost_is_made_again() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (_, job) = queued(&mut db);
    let watcher = watch(&database, &job);
    sleep(Duration::from_millis(1500));
    let end = "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'pg-lora%' and datname = current_database()";
    assert!(!db.query(end, &[]).unwrap().is_empty());
    assert_eq!(claim(&mut db, "w"), job);
    report(&mut db, &job, json!([point(1, json!(3.0))])).unwrap();
    sleep(Duration::from_millis(2500));
    complete(&mut db, &job).unwrap();
    let outcome = Outcome::from(watcher.wait_with_output().unwrap()).expect(0);
    assert!(outcome.stderr.contains("; connecting again"), "{}", outcome.stderr);
    assert!(outcome.stdout.contains("completed  100.0 %"), "{}", outcome.stdout);
}

/// In front of a terminal of a hundred columns, which `script` makes.
fn in_terminal(database: &Database, arguments: &str) -> Child {
    let program = program::pg_lora(&[]).get_program().to_string_lossy().into_owned();
    let mut terminal = Command::new("script");
    let command = format!("stty cols 100 rows 40; exec '{program}' {arguments}");
    terminal.args(["-qec", &command, "/dev/null"]).env("DATABASE_URL", database.url()).env("TERM", "xterm");
    terminal.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Lines that stay in a terminal: what is behind the last one that was cleared.
fn kept(outcome: &Outcome) -> Vec<String> {
    let text = outcome.stdout.replace('\r', "");
    // And what moves the cursor back up.
    let kept = text.rsplit("\u{1b}[2K").next().unwrap();
    let kept = kept.strip_prefix("\u{1b}[").and_then(|kept| Some(kept.split_once('A')?.1)).unwrap_or(kept);
    kept.trim_start_matches('\n').lines().map(str::to_owned).collect()
}

fn is_drawn(text: &str) -> bool {
    text.contains(|char| ('\u{2800}'..='\u{28ff}').contains(&char))
}

#[test]
fn a_terminal_shows_a_bar() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (_, job) = queued(&mut db);
    assert_eq!(claim(&mut db, "w"), job);
    report(&mut db, &job, json!([point(1, json!(3.0)), point(5, json!(2.0))])).unwrap();
    let shown = in_terminal(&database, &format!("watch {job} --every 1s"));
    sleep(Duration::from_millis(2500));
    report(&mut db, &job, json!([point(6, json!(1.25))])).unwrap();
    sleep(Duration::from_millis(1500));
    complete(&mut db, &job).unwrap();
    let outcome = Outcome::from(shown.wait_with_output().unwrap()).expect(0);
    let text = &outcome.stdout;
    assert!(text.contains("running \"practice\"") && text.contains("████████████████████"), "{text}");
    assert!(text.contains("step 5 of 10") && text.contains("\u{1b}["), "{text}");
    assert!(text.contains("completed  100.0 %"), "{text}");
    // The curve grows with the run, and the last one stays.
    for newest in ["training loss 2.0000 at step 5, ", "training loss 1.2500 at step 6, "] {
        assert!(text.contains(newest), "{text}");
    }
    let kept = kept(&outcome);
    assert!(
        kept[0].starts_with("training loss 1.2500 at step 6, lowest 1.2500 at 6, highest 3.0000 at 1"),
        "{kept:#?}"
    );
    assert!(kept.last().unwrap().starts_with("completed  100.0 %"), "{kept:#?}");
}

#[test]
fn a_terminal_shows_the_curves_of_the_losses() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 2_000);
    let once = format!("watch {job} --once");
    let look = |arguments: &str| Outcome::from(in_terminal(&database, arguments).wait_with_output().unwrap());
    // Nothing was reported.
    let nothing = look(&once).expect(0);
    assert!(nothing.stdout.contains("queued") && !is_drawn(&nothing.stdout), "{}", nothing.stdout);
    assert_eq!(claim(&mut db, "w"), job);
    let mut points: Vec<serde_json::Value> = (1..=1_000)
        .map(|step| {
            let loss = match step {
                500 => json!(9.9),
                101 | 102 => json!("NaN"),
                _ => json!(2.0),
            };
            point(step, loss)
        })
        .collect();
    for (step, loss) in [(300, 1.75), (600, 1.5), (900, 1.625)] {
        points[step - 1]["validation_loss"] = json!(loss);
    }
    report(&mut db, &job, json!(points)).unwrap();

    let shown = look(&once).expect(0);
    let lines = kept(&shown);
    let text = lines.join("\n");
    let place = |begins: &str| {
        lines.iter().position(|line| line.starts_with(begins)).unwrap_or_else(|| panic!("{text}"))
    };
    let training = place("training loss 2.0000 at step 1000, lowest 2.0000 at 1, highest 9.9000 at 500");
    let picture = &lines[training + 1..place("2 points are no numbers: NaN at steps 101 to 102") - 1];
    // Each line reaches from the axis to the figures; the spike stands in the middle of all of them.
    assert!(picture[0].ends_with(" 9.9000") && picture.last().unwrap().ends_with(" 2.0000"), "{text}");
    for line in picture {
        let cells: Vec<char> = line.chars().take_while(|&char| is_drawn(&char.to_string())).collect();
        assert_eq!(cells.len(), 92, "{text}");
        assert!(cells[44..=47].iter().any(|&cell| cell != '\u{2800}'), "{text}");
    }
    let dotted = |line: &String| {
        line.chars().filter(|&char| is_drawn(&char.to_string()) && char != '\u{2800}').count()
    };
    assert!(dotted(&picture[0]) <= 3 && dotted(picture.last().unwrap()) == 92, "{text}");
    let steps = &lines[training + 1 + picture.len()];
    assert!(steps.starts_with("1  ") && steps.ends_with("  1000"), "{text}");
    // Three evaluations are not lost among a thousand steps, and have a scale of their own.
    let validation = place("validation loss 1.6250 at step 900, lowest 1.5000 at 600, highest 1.7500 at 300");
    assert!(lines[validation + 1].ends_with(" 1.7500"), "{text}");
    // Its first one stands where the same step stands above.
    let first = lines[validation + 1].chars().position(|char| !['\u{2800}', '⡁'].contains(&char)).unwrap();
    assert!((26..=29).contains(&first), "{text}");
    assert_eq!(lines[lines.len() - 2], *steps);
    assert!(lines.last().unwrap().starts_with("running "), "{text}");

    // Nothing is drawn for a program, nor of what there is not.
    let piped = database.pg_lora(&["watch", &job, "--once"]).expect(0);
    assert_eq!((piped.stdout.lines().count(), piped.stderr.as_str()), (1, ""));
    assert!(!is_drawn(&piped.stdout), "{}", piped.stdout);
    let object = look(&format!("{once} --output json")).expect(0);
    assert!(object.stdout.contains("\"command\"") && !is_drawn(&object.stdout), "{}", object.stdout);
    let absent = look(&format!("watch {UNKNOWN}")).expect(8);
    let words = format!("training job \"{UNKNOWN}\" does not exist");
    assert!(absent.stdout.contains(&words) && !is_drawn(&absent.stdout), "{}", absent.stdout);

    // An edition that cannot draw says so once, and the job is watched all the same.
    for x in ["bigint", "double precision"] {
        let curve = format!("lora.curve({x}, double precision, integer, text)");
        if !environment::is_portable() {
            db.batch_execute(&format!("alter extension pg_lora drop aggregate {curve}")).unwrap();
        }
        db.batch_execute(&format!("drop aggregate {curve}")).unwrap();
    }
    let watcher = in_terminal(&database, &format!("watch {job} --every 1s"));
    sleep(Duration::from_millis(1500));
    report(&mut db, &job, json!([point(1_001, json!(2.0))])).unwrap();
    sleep(Duration::from_millis(1500));
    complete(&mut db, &job).unwrap();
    let watched = Outcome::from(watcher.wait_with_output().unwrap()).expect(0);
    let text = &watched.stdout;
    let why = "note: the losses are not drawn: function lora.curve(bigint, double precision, integer, text) does not exist";
    assert_eq!(text.matches(why).count(), 1, "{text}");
    assert!(!is_drawn(text) && text.contains("completed  100.0 %"), "{text}");
}

/// A server with pg_cron, whose schedules run in its database `postgres`; None where there is no package of it.
fn server_with_cron() -> Option<Cluster> {
    let tree = environment::tree().unwrap();
    if !tree.sharedir().join("extension/pg_cron.control").is_file() {
        environment::skipped(&format!("pg_cron, as there is no package of it for {}", tree.version()));
        return None;
    }
    let options = Options::default().set("shared_preload_libraries", "pg_cron");
    // Without it pg_cron makes connections, over TCP.
    Some(options.set("cron.use_background_workers", "on").start(&tree).unwrap())
}

#[test]
fn the_sweep_is_scheduled_where_it_is_asked_for() {
    let Some(server) = server_with_cron() else { return };
    let mut db = server.connect("postgres").unwrap();
    let migrate = |arguments: &[&str]| {
        let arguments = [&["migrate", "--platform", "standalone"], arguments].concat();
        Outcome::of(program::pg_lora(&arguments).env("DATABASE_URL", server.url("postgres")))
    };
    // Refused before anything is written.
    let refused = migrate(&["--schedule-sweep"]).expect(11);
    assert!(
        refused.stderr.contains("\"pg_cron\" is not installed in database \"postgres\""),
        "{}",
        refused.stderr
    );
    assert!(db.query("select from pg_namespace where nspname = 'lora_migrate'", &[]).unwrap().is_empty());

    db.batch_execute("create extension pg_cron").unwrap();
    migrate(&[]).expect(0);
    let jobs = "select coalesce(jsonb_agg(jsonb_build_array(jobname, schedule, active) order by jobname), '[]') from cron.job";
    let mut scheduled = || -> serde_json::Value { db.query_one(jobs, &[]).unwrap().get(0) };
    assert_eq!(scheduled(), json!([]), "never by default");
    let made = migrate(&["--schedule-sweep", "--output", "json"]).expect(0).json();
    assert_eq!(
        (&made["sweep_scheduled"], &made["changed"]),
        (&json!("pg_lora sweep_training_jobs"), &json!(true))
    );
    let expected = json!([["pg_lora sweep_training_jobs", "* * * * *", true]]);
    assert_eq!(scheduled(), expected);
    let again = migrate(&["--schedule-sweep", "--output", "json"]).expect(0).json();
    assert_eq!((&again["sweep_scheduled"], &again["changed"]), (&json!(null), &json!(false)));
    assert_eq!(scheduled(), expected);

    // It does what it is there for: a job whose worker is gone is back in the queue.
    let (_, job) = queued(&mut db);
    let claim = "select id from public.claim_training_jobs('w', 1, 1)";
    assert_eq!(Caller::service().ask(&mut db, claim).unwrap(), json!(job));
    sleep(Duration::from_millis(1100));
    if environment::full() {
        let deadline = Instant::now() + Duration::from_secs(130);
        let back = format!("select from public.training_jobs where id = '{job}' and status = 'queued'");
        while db.query(&back, &[]).unwrap().is_empty() {
            assert!(Instant::now() < deadline, "the schedule was never run");
            sleep(Duration::from_secs(1));
        }
    } else {
        let command: String = db.query_one("select command from cron.job", &[]).unwrap().get(0);
        assert_eq!(db.query_one(&command, &[]).unwrap().get::<_, i64>(0), 1);
    }

    // Another one of that name is somebody's decision.
    db.batch_execute("select cron.alter_job(jobid, schedule => '*/5 * * * *') from cron.job").unwrap();
    migrate(&["--schedule-sweep"]).expect(0);
    let kept: serde_json::Value = db.query_one(jobs, &[]).unwrap().get(0);
    assert_eq!(kept, json!([["pg_lora sweep_training_jobs", "*/5 * * * *", true]]));
}
