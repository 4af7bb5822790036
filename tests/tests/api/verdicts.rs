//! What the database keeps of an attempt as it goes on, and what it says of it: the pace, what is expected of the next attempt, the
//! verdict, the place in the queue, and the page that shows all of it.

use pg_lora_tests::story::{
    claim, complete, job_row, point, queue_job, ready_dataset, report, set_clock, sign_up,
};
use pg_lora_tests::{Caller, Database, Refusal};
use postgres::Client;
use serde_json::{Value, json};

use crate::{call, events, notices};

fn progress(db: &mut Client, caller: &Caller, job: &str) -> Value {
    call(db, caller, &format!("training_job_progress('{job}')")).unwrap()
}

fn beat(db: &mut Client, job: &str, attempt: u32, stage: &str) {
    let beat = format!("heartbeat_training_job('{job}', {attempt}, '{stage}')");
    call(db, &Caller::service(), &beat).unwrap();
}

fn sweep(db: &mut Client, arguments: &str) -> Value {
    let sql = format!(
        "select coalesce(jsonb_agg(row order by row.kind, row.job_id), '[]') from public.sweep_training_jobs({arguments}) as row"
    );
    Caller::service().ask(db, &sql).unwrap()
}

/// Instants after the evening on which these runs begin.
fn at(seconds: u32) -> String {
    format!("2026-01-15 20:{:02}:{:02}Z", seconds / 60, seconds % 60)
}

/// A job of so many steps, claimed for an hour.
fn claimed(db: &mut Client, steps: u32) -> (Caller, String) {
    set_clock(db, &at(0));
    let alice = sign_up(db, "alice");
    let dataset = ready_dataset(db, &alice, 3);
    let job = queue_job(db, &alice, &dataset, steps);
    let claim = "select id from public.claim_training_jobs('w', 1, 3600)";
    assert_eq!(Caller::service().ask(db, claim).unwrap(), json!(job));
    (alice, job)
}

/// Steps of ten seconds, five of them in a report, with an evaluation of 30 s behind every twentieth.
fn run(db: &mut Client, job: &str, steps: u32) -> u32 {
    let mut now = 0;
    for last in (5..=steps).step_by(5) {
        let points: Vec<Value> = (last - 4..=last)
            .map(|step| {
                now += 10;
                let mut point = point(step, json!(2.0));
                point["timestamp"] = json!(at(now));
                if step % 20 == 0 {
                    point["validation_loss"] = json!(2.1);
                }
                point
            })
            .collect();
        set_clock(db, &at(now));
        report(db, job, json!(points)).unwrap();
        if last % 20 == 0 {
            beat(db, job, 1, "evaluating");
            now += 30;
            set_clock(db, &at(now));
            beat(db, job, 1, "training");
        }
    }
    now
}

#[test]
fn what_is_kept_of_an_attempt_is_what_its_points_say() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, job) = claimed(&mut db, 400);
    run(&mut db, &job, 200);
    let kept = "select pace - array['evaluating', 'stage', 'since', 'since_step'] from lora_private.training_job_paces";
    let of_points = "select lora.job_pace(step, \"timestamp\", validation_loss is not null order by random())
                       - array['evaluating', 'stage', 'since', 'since_step'] from public.metrics_points";
    let mut of = |sql: &str| -> Value {
        let mut pace: Value = db.query_one(sql, &[]).unwrap().get(0);
        pace["furthest"] = json!(0);
        pace
    };
    assert_eq!(of(kept), of(of_points));
    let answer = progress(&mut db, &alice, &job);
    // 200 steps and ten evaluations, but for one of them that comes with the last step.
    assert_eq!((&answer["seconds_per_step"], &answer["eta"]["method"]), (&json!(10.0), &json!("measured")));
    let expected = answer["eta"]["expected"].as_f64().unwrap();
    assert!((2_260.0..=2_310.0).contains(&expected), "{answer}");
    assert_eq!(answer["verdict"], "ok");
    // The same in the past, as far as points tell: an evaluation is there, how long it took only its stage says.
    let past = call(&mut db, &alice, &format!("training_job_progress('{job}', '{}')", at(200))).unwrap();
    assert_eq!((&past["step"], &past["verdict_reason"]), (&json!(20), &json!("past")));
}

#[test]
fn a_point_that_is_sent_again_changes_no_pace() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (_, job) = claimed(&mut db, 400);
    run(&mut db, &job, 20);
    let kept = |db: &mut Client| -> Value {
        db.query_one("select pace from lora_private.training_job_paces", &[]).unwrap().get(0)
    };
    let before = kept(&mut db);
    set_clock(&mut db, &at(900));
    let again = report(&mut db, &job, json!([point(3, json!(2.0)), point(4, json!(9.0))])).unwrap();
    assert_eq!((&again["duplicates"], &again["refused"][0]["step"]), (&json!(1), &json!(4)));
    assert_eq!(kept(&mut db), before);
}

#[test]
fn an_attempt_is_estimated_before_it_shows_anything() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, job) = claimed(&mut db, 400);
    // By the price book: the preparation, and steps with their evaluations.
    let estimate = job_row(&mut db, &job)["estimate"].clone();
    let first = progress(&mut db, &alice, &job);
    let steps = 400.0 * estimate["seconds_per_step"].as_f64().unwrap();
    assert_eq!(first["eta"]["expected"].as_f64().unwrap(), (600.0 + steps).round(), "{estimate}");
    assert_eq!((&first["eta"]["method"], &first["percent"]), (&json!("estimate"), &json!(0.0)));

    run(&mut db, &job, 100);
    let beat = format!(
        "heartbeat_training_job('{job}', 1, checkpoint => '{{\"step\": 100, \"path\": \"checkpoint-100\"}}')"
    );
    call(&mut db, &Caller::service(), &beat).unwrap();
    let again = format!("update public.training_jobs set status = 'queued' where id = '{job}'");
    Caller::service().write(&mut db, &again).unwrap();
    let row = job_row(&mut db, &job);
    assert_eq!(
        row["estimate"],
        json!({"preparation_seconds": 600.0, "seconds_per_step": 10.0, "pause_seconds_per_step": 1.5, "from_step": 100})
    );
    assert_eq!(claim(&mut db, "another"), job);
    let second = progress(&mut db, &alice, &job);
    assert_eq!(second["eta"]["expected"], 600.0 + 300.0 * 11.5, "{second}");
    // The pace of the attempt before is none of this one.
    assert_eq!((&second["step"], &second["seconds_per_step"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_dataset_whose_tokens_nobody_knows_foretells_nothing() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    db.batch_execute("alter table public.datasets disable trigger user; update public.datasets set total_tokens = 0, validation_report = '{}'; alter table public.datasets enable trigger user").unwrap();
    let job = queue_job(&mut db, &alice, &dataset, 10);
    assert_eq!(job_row(&mut db, &job)["estimate"], Value::Null);
    claim(&mut db, "w");
    assert_eq!(progress(&mut db, &alice, &job)["eta"]["reason"], "no_points");
}

#[test]
fn points_that_an_application_inserts_by_itself_have_a_pace() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, job) = claimed(&mut db, 100);
    let points = format!(
        "insert into public.metrics_points (job_id, step, epoch, training_loss, learning_rate, \"timestamp\")
         select '{job}', step, 1, 2.0, 0.001, timestamptz '{}' + step * interval '10 s' from generate_series(1, 40) as step",
        at(0)
    );
    Caller::service().write(&mut db, &points).unwrap();
    set_clock(&mut db, &at(400));
    // Whether or not the worker beats as well.
    for stage in [None, Some("training")] {
        if let Some(stage) = stage {
            beat(&mut db, &job, 1, stage);
        }
        let answer = progress(&mut db, &alice, &job);
        assert_eq!(
            (&answer["step"], &answer["eta"]["expected"], &answer["verdict"]),
            (&json!(40), &json!(600.0), &json!("ok"))
        );
    }
}

#[test]
fn a_job_that_stands_still_is_told_of_once_in_an_attempt() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, job) = claimed(&mut db, 400);
    let now = run(&mut db, &job, 100);
    let verdict = |db: &mut Client| {
        let answer = progress(db, &alice, &job);
        (answer["verdict"].clone(), answer["verdict_reason"].clone())
    };
    // One report is due in 50 s, and five steps late it stands still.
    set_clock(&mut db, &at(now + 90));
    assert_eq!(verdict(&mut db), (json!("ok"), json!("progressing")));
    assert_eq!(sweep(&mut db, ""), json!([]));
    set_clock(&mut db, &at(now + 200));
    // A heartbeat is no progress.
    call(&mut db, &Caller::service(), &format!("heartbeat_training_job('{job}', 1)")).unwrap();
    assert_eq!(verdict(&mut db), (json!("stalled"), json!("no_progress")));

    // Asked not to, it tells nobody.
    assert_eq!(sweep(&mut db, "notify => false")[0]["action"], "stalled");
    assert_eq!(events(&mut db, &job, "stalled"), Vec::<Value>::new());
    let told = sweep(&mut db, "");
    assert_eq!(
        (&told[0]["action"], &told[0]["job_id"], &told[0]["attempt"]),
        (&json!("notified"), &json!(job), &json!(1))
    );
    assert!(
        told[0]["reason"]
            .as_str()
            .unwrap()
            .starts_with("in stage \"training\" nothing was reported for 200 s, "),
        "{told}"
    );
    assert_eq!(told[0]["since"], json!(format!("{}+00:00", at(now).replace(' ', "T").trim_end_matches('Z'))));
    assert_eq!(sweep(&mut db, "")[0]["action"], "stalled");
    let written = events(&mut db, &job, "stalled");
    assert_eq!(
        (written.len(), &written[0]["stage"], &written[0]["reason"]),
        (1, &json!("training"), &json!("no_progress"))
    );
    let note = "select jsonb_build_array(title, message, priority) from public.notifications where type = 'job_stalled'";
    let message = "The training on \"practice\" has reported nothing for 200 s, in stage \"training\".";
    assert_eq!(alice.ask(&mut db, note).unwrap(), json!(["Training stands still", message, "high"]));

    // It goes on, stands still again, and has been told of; the next attempt has not.
    report(&mut db, &job, json!([point(101, json!(2.0))])).unwrap();
    assert_eq!(sweep(&mut db, ""), json!([]));
    set_clock(&mut db, "2026-01-15 21:30Z");
    call(&mut db, &Caller::service(), &format!("heartbeat_training_job('{job}', 1)")).unwrap();
    assert_eq!(sweep(&mut db, "")[0]["action"], "stalled");
    Caller::service()
        .write(&mut db, &format!("update public.training_jobs set status = 'queued' where id = '{job}'"))
        .unwrap();
    let claim = "select id from public.claim_training_jobs('w', 1, 36000)";
    assert_eq!(Caller::service().ask(&mut db, claim).unwrap(), json!(job));
    set_clock(&mut db, "2026-01-15 21:45Z");
    assert_eq!(sweep(&mut db, "")[0]["action"], "notified", "setup has ten minutes");
    let types = notices(&mut db, &alice);
    assert_eq!(
        types.as_array().unwrap().iter().filter(|one| **one == json!("job_stalled")).count(),
        2,
        "{types}"
    );
}

#[test]
fn who_drives_a_job_without_claiming_it_is_not_told_that_it_stands_still() {
    let database = Database::migrated();
    let mut db = database.connect();
    set_clock(&mut db, &at(0));
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    for status in ["initializing", "running"] {
        let drive = format!(
            "update public.training_jobs set status = '{status}', current_stage = 'training' where id = '{job}'"
        );
        Caller::service().write(&mut db, &drive).unwrap();
    }
    set_clock(&mut db, "2026-01-17 00:00Z");
    let answer = progress(&mut db, &alice, &job);
    assert_eq!((&answer["verdict"], &answer["verdict_reason"]), (&json!("ok"), &json!("unknown")));
    assert_eq!(sweep(&mut db, ""), json!([]));
}

#[test]
fn a_worker_without_a_lease_that_falls_silent_is_told_of() {
    let database = Database::migrated();
    let mut db = database.connect();
    set_clock(&mut db, &at(0));
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    let claim = format!(
        "update public.training_jobs set status = 'initializing', claimed_by = 'own', last_heartbeat_at = '{}' where id = '{job}'",
        at(0)
    );
    Caller::service().write(&mut db, &claim).unwrap();
    set_clock(&mut db, &at(300));
    assert_eq!(sweep(&mut db, ""), json!([]));
    set_clock(&mut db, &at(301));
    let answer = progress(&mut db, &alice, &job);
    assert_eq!((&answer["verdict"], &answer["verdict_reason"]), (&json!("lost"), &json!("no_heartbeat")));
    assert_eq!(sweep(&mut db, "")[0]["action"], "notified");
    assert_eq!(sweep(&mut db, "")[0]["action"], "stalled");
    assert_eq!(events(&mut db, &job, "stalled")[0]["reason"], "no_heartbeat");
}

#[test]
fn a_job_that_waits_is_told_its_place_among_all_and_when_its_turn_comes() {
    let database = Database::migrated();
    let mut db = database.connect();
    set_clock(&mut db, &at(0));
    let [alice, bob] = ["alice", "bob"].map(|name| sign_up(&mut db, name));
    let [hers, his] = [&alice, &bob].map(|user| ready_dataset(&mut db, user, 3));
    for second in 1..=12 {
        set_clock(&mut db, &at(second));
        queue_job(&mut db, &bob, &his, 10);
    }
    set_clock(&mut db, &at(20));
    let job = queue_job(&mut db, &alice, &hers, 10);
    let first = progress(&mut db, &alice, &job);
    assert_eq!(
        (&first["queue_position"], &first["expected_start_at"], &first["verdict"]),
        (&json!(13), &Value::Null, &json!("waiting"))
    );
    // It costs nothing yet, and will cost what was estimated.
    assert_eq!(first["cost"]["projected"], job_row(&mut db, &job)["estimated_total_cost"]);
    for minute in 1..=6 {
        set_clock(&mut db, &at(60 * minute));
        claim(&mut db, "w");
    }
    set_clock(&mut db, &at(420));
    // Six in six minutes.
    let later = progress(&mut db, &alice, &job);
    assert_eq!(later["queue_position"], 7);
    assert_eq!(later["expected_start_at"], "2026-01-15T20:14:00+00:00");
    set_clock(&mut db, "2026-01-15 22:00Z");
    let waiting = sweep(&mut db, "");
    let queue = waiting.as_array().unwrap().iter().find(|row| row["kind"] == "queue").unwrap();
    assert_eq!(
        (&queue["reason"], &queue["job_id"]),
        (&json!("7 jobs have waited for a worker for more than an hour"), &Value::Null)
    );
    // A place is nobody's once the job has left the queue.
    let left = format!("update public.training_jobs set status = 'cancelled' where id = '{job}'");
    alice.write(&mut db, &left).unwrap();
    assert_eq!(progress(&mut db, &alice, &job)["queue_position"], Value::Null);
}

#[test]
fn an_overview_has_each_job_once_whatever_comes_meanwhile() {
    let database = Database::migrated();
    let mut db = database.connect();
    set_clock(&mut db, &at(0));
    let [alice, bob] = ["alice", "bob"].map(|name| sign_up(&mut db, name));
    let [hers, his] = [&alice, &bob].map(|user| ready_dataset(&mut db, user, 3));
    // Many of one instant: the id decides.
    let mut jobs: Vec<String> = (0..7).map(|_| queue_job(&mut db, &alice, &hers, 10)).collect();
    let others = queue_job(&mut db, &bob, &his, 10);
    let page = |db: &mut Client, who: &Caller, arguments: &str| {
        call(db, who, &format!("training_jobs_overview({arguments})")).unwrap()
    };
    let mut seen = Vec::new();
    let mut before = "null".to_owned();
    loop {
        let answer = page(&mut db, &alice, &format!("null, 3, {before}"));
        seen.extend(
            answer["jobs"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()),
        );
        let Some(next) = answer["next"].as_str() else { break };
        before = format!("'{next}'");
        set_clock(&mut db, &at(60));
        queue_job(&mut db, &alice, &hers, 10);
    }
    jobs.sort();
    jobs.reverse();
    assert_eq!(seen, jobs);
    assert_eq!(page(&mut db, &Caller::service(), "page_size => 100")["jobs"].as_array().unwrap().len(), 10);

    let first = claim(&mut db, "w");
    let mut told = point(4, json!(1.5));
    told["validation_loss"] = json!(1.75);
    report(&mut db, &first, json!([point(3, json!(1.25)), told])).unwrap();
    let running = page(&mut db, &Caller::service(), "'running'");
    let [one] = running["jobs"].as_array().unwrap().as_slice() else { panic!("{running}") };
    let service = Caller::service();
    assert_eq!(one["progress"], progress(&mut db, &service, &first));
    assert_eq!(
        (
            &one["id"],
            &one["dataset_name"],
            &one["last_metrics"]["training_loss"],
            &one["best_metrics"]["training_loss"]["value"]
        ),
        (&json!(first), &json!("practice"), &json!(1.5), &json!(1.25))
    );
    assert_eq!((&running["next"], &page(&mut db, &alice, "'completed'")["jobs"]), (&Value::Null, &json!([])));

    let refused = |db: &mut Client, arguments: &str| {
        Refusal::of(call(db, &alice, &format!("training_jobs_overview({arguments})")))
    };
    refused(&mut db, "'banana'").is("22023", "\"status\" is \"banana\"");
    for size in ["0", "101", "null"] {
        refused(&mut db, &format!("null, {size}")).is("22023", "\"page_size\" is");
    }
    refused(&mut db, &format!("null, 5, '{others}'")).is("PT404", &others);
}

#[test]
fn nobody_sees_or_writes_what_is_kept_of_other_jobs() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, job) = claimed(&mut db, 100);
    run(&mut db, &job, 20);
    let bob = sign_up(&mut db, "bob");
    let count = "select count(*) from lora_private.training_job_paces";
    assert_eq!((alice.ask(&mut db, count).unwrap(), bob.ask(&mut db, count).unwrap()), (json!(1), json!(0)));
    assert_eq!(Refusal::of(Caller::anon().ask(&mut db, count)).code, "42501");
    for statement in [
        "update lora_private.training_job_paces set attempt = 7",
        "delete from lora_private.training_job_paces",
        "truncate lora_private.training_job_paces",
    ] {
        assert_eq!(Refusal::of(alice.write(&mut db, statement)).code, "42501");
    }
    set_clock(&mut db, &at(1200));
    complete(&mut db, &job).unwrap();
    db.execute("delete from auth.users where email = 'alice@example.org'", &[]).unwrap();
    assert_eq!(Caller::service().ask(&mut db, count).unwrap(), json!(0));
}
