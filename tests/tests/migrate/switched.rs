//! Switching schema `lora` from one edition to the other while applications go on: nobody sees an error, what stands on it
//! survives, and it is done wholly or not at all.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use pg_lora_tests::story::{self, GPUS};
use pg_lora_tests::{Caller, Database, environment, program, sqlstate};
use postgres::Client;
use serde_json::{Value, json};

use crate::concurrent::{end, start, wait_until};
use crate::killed::{kill_at, wait_for_locks};
use crate::supabase::Project;
use crate::{assert_same, schema, value};

const EDITION: &str = "select lora.build_info() ->> 'edition'";
const EDITIONS: [&str; 2] = ["portable", "native"];

/// Switches, and says what the run reported.
fn switch(database: &Database, edition: &str) -> Value {
    database.pg_lora(&["migrate", "--provider", edition, "--output", "json"]).expect(0).json()
}

/// What a caller can tell of each function that both editions have: its OID, its rights, its comment.
const FUNCTIONS: &str = "select jsonb_object_agg(oid::regprocedure, jsonb_build_array(oid::bigint, proacl::text, proowner::regrole,
      obj_description(oid, 'pg_proc')))
    from pg_proc where pronamespace = 'lora'::regnamespace and proname !~ '^_'
      and 'internal'::regtype <> all (proargtypes::oid[]) and prorettype <> 'internal'::regtype";

/// Functions of either edition alone.
const PARTS: &str =
    "select count(*) from pg_proc where pronamespace = 'lora'::regnamespace and (proname ~ '^_'
    or 'internal'::regtype = any (proargtypes::oid[]) or prorettype = 'internal'::regtype)
    and not exists (select from pg_depend where objid = pg_proc.oid and deptype = 'e')";

/// A finished job with points and a dataset, and one that runs; who owns them, and both.
fn with_jobs(db: &mut Client) -> (Caller, String, String) {
    let alice = story::sign_up(db, "alice");
    let dataset = story::ready_dataset(db, &alice, 20);
    let points = |from: u32, to: u32| -> Value {
        (from..=to).map(|step| story::point(step, json!(1.0 + 1.0 / f64::from(step)))).collect()
    };
    let finished = story::queue_job(db, &alice, &dataset, 600);
    assert_eq!(story::claim(db, "w"), finished);
    story::report(db, &finished, points(1, 600)).unwrap();
    story::complete(db, &finished).unwrap();
    let running = story::queue_job(db, &alice, &dataset, 100_000);
    assert_eq!(story::claim(db, "w"), running);
    story::report(db, &running, points(1, 50)).unwrap();
    (alice, finished, running)
}

/// What one client does, again and again; the answer where it has to be the same each time.
type Call<'c> = Box<dyn FnMut(&mut Client, u32) -> Result<Option<String>, postgres::Error> + Send + 'c>;

/// A question that is prepared once for a connection.
fn prepared<'c>(sql: &'c str) -> Call<'c> {
    let mut statement = None;
    Box::new(move |db, _| {
        if statement.is_none() {
            statement = Some(db.prepare(sql)?);
        }
        Ok(Some(db.query_one(statement.as_ref().unwrap(), &[])?.get(0)))
    })
}

fn asked<'c>(caller: &'c Caller, sql: String) -> Call<'c> {
    Box::new(move |db, _| Ok(Some(caller.ask(db, &sql)?.to_string())))
}

#[test]
fn six_clients_see_no_error_while_it_goes_to_and_fro() {
    let switches = if environment::full() { 20 } else { 6 };
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, finished, running) = with_jobs(&mut db);
    db.batch_execute(
        "create function public.both(text, jsonb) returns text language plpgsql as $$
         declare tokens bigint := lora.estimate_tokens($1);
         begin
           if not lora.is_job_transition('queued', 'initializing') then raise 'never'; end if;
           return tokens || ' ' || lora.normalize_gpu_config($2);
         end $$",
    )
    .unwrap();
    let service = Caller::service();
    let curve = format!(
        "select public.training_metrics_curve(array['{finished}']::uuid[], '{{training_loss,learning_rate}}', max_points => 40)"
    );
    let progress = format!("select public.training_job_progress('{finished}')");
    let health = format!("select public.training_job_health('{finished}')");
    let costs = "select public.cost_summary('2020-01-01', '2020-02-01') - 'open_intervals'".to_owned();
    let of_job = format!("select public.training_job_cost('{finished}') - 'at'");
    let estimate = format!(
        "select public.estimate_training_cost((select dataset_id from public.training_jobs limit 1), '{{\"num_epochs\": 2}}', '{GPUS}')"
    );
    let text = "prose, with a word or two — and 漢字".repeat(20);
    let tokens = format!("select lora.estimate_tokens('{text}')::text");
    let documents = format!("select lora.normalize_gpu_config('{GPUS}')::text");
    let hyperparameters = "select lora.normalize_hyperparameters('{\"rank\": 8}', 'balanced')::text";
    let smooth = "select lora.smooth(array[1, 2, 3, 2, 1, 5]::float8[], 0.6)::text";
    let pace = "select lora.describe_job_pace(lora.add_points_to_job_pace(null, array[1, 2, 3], array['2026-01-01 00:00', '2026-01-01 00:01', '2026-01-01 00:02']::timestamptz[]))::text";
    let presets = "select lora.hyperparameter_presets()::text";
    let both = format!("select public.both('{text}', '{GPUS}')");
    let of_running = running.clone();
    let clients: Vec<Vec<Call>> = vec![
        vec![asked(&alice, progress), asked(&alice, curve), asked(&alice, health)],
        vec![asked(&alice, costs), asked(&alice, of_job), asked(&alice, estimate)],
        vec![
            Box::new(|db, round| {
                let step = 51 + round;
                story::report(db, &running, json!([story::point(step, json!(0.5))])).map(|_| None)
            }),
            Box::new(|db, _| {
                let sql = format!("select public.training_job_progress('{of_running}')");
                service.ask(db, &sql).map(|_| None)
            }),
        ],
        vec![prepared(&tokens), prepared(&documents), prepared(hyperparameters)],
        vec![prepared(&both), prepared(smooth), prepared(pace)],
        vec![
            prepared(presets),
            Box::new(|db, _| {
                let dataset = "select count(*)::text from lora.dataset_rules()";
                Ok(Some(db.query_one(dataset, &[])?.get(0)))
            }),
            Box::new(|db, _| {
                let sql = "select lora.interval_cost('[2026-01-01 00:00, 2026-01-01 01:30)', 3.5, 2)::text";
                Ok(Some(db.query_one(sql, &[])?.get(0)))
            }),
        ],
    ];
    let over = AtomicBool::new(false);
    let counts: Vec<u32> = std::thread::scope(|scope| {
        let threads: Vec<_> = clients
            .into_iter()
            .map(|mut calls| {
                let (mut db, over) = (database.connect(), &over);
                scope.spawn(move || {
                    let mut first: BTreeMap<usize, String> = BTreeMap::new();
                    let mut round = 0;
                    while !over.load(Ordering::Relaxed) {
                        for (number, call) in calls.iter_mut().enumerate() {
                            let answer = call(&mut db, round).unwrap_or_else(|error| {
                                over.store(true, Ordering::Relaxed);
                                panic!("call {number} of round {round}: {error:?}")
                            });
                            if let Some(answer) = answer {
                                let before = first.entry(number).or_insert_with(|| answer.clone());
                                assert_eq!(*before, answer, "call {number}");
                            }
                        }
                        round += 1;
                    }
                    round
                })
            })
            .collect();
        for number in 0..switches {
            let edition = EDITIONS[number % 2];
            let outcome = database.pg_lora(&["migrate", "--provider", edition]);
            // The clients end whatever it came to.
            if outcome.code != Some(0) || over.load(Ordering::Relaxed) {
                over.store(true, Ordering::Relaxed);
                outcome.expect(0);
            }
        }
        over.store(true, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    eprintln!("rounds of each client: {counts:?}");
    assert!(counts.iter().all(|rounds| *rounds > switches as u32), "{counts:?}");
    assert_eq!(value(&mut db, PARTS), json!(0), "parts of the portable edition are left");
    database.pg_lora(&["verify"]).expect(0);
    db.batch_execute("drop function public.both").unwrap();
    assert_same(&schema(&database), &schema(&Database::migrated()));
}

#[test]
fn whatever_stands_on_it_survives() {
    let database = Database::migrated();
    let mut db = database.connect();
    db.batch_execute(
        "create role analyst;
         revoke execute on function lora.smooth(double precision[], double precision) from public;
         grant execute on function lora.smooth(double precision[], double precision) to analyst with grant option;
         create table public.notes (id int primary key, body text, old text, new text,
           tokens bigint generated always as (lora.estimate_tokens(body)) stored,
           constraint moves check (lora.is_job_transition(old, new)));
         create index notes_tokens on public.notes (lora.estimate_tokens(body));
         insert into public.notes select n, repeat('word ', n), 'queued', 'initializing' from generate_series(1, 500) n;
         create view public.paces as select lora.job_pace(id, timestamptz '2026-01-01' + id * interval '1 minute') as pace,
           lora.curve(id::bigint, tokens::float8, 10, 'lttb') as curve from public.notes;
         create materialized view public.kept as select lora.estimate_tokens(body) as tokens from public.notes;
         create function public.atomic(text) returns bigint language sql begin atomic select lora.estimate_tokens($1); end;
         create table public.defaulted (document jsonb default lora.hyperparameter_presets());",
    )
    .unwrap();
    let mut other = database.connect();
    let view = other.prepare("select pace::text || curve::text from public.paces").unwrap();
    let mut answer = |db: &mut Client| {
        let own: String = other.query_one(&view, &[]).unwrap().get(0);
        let found = "select id from public.notes where lora.estimate_tokens(body) = 100 order by id limit 1";
        db.batch_execute(
            "set enable_seqscan = off; insert into public.defaulted default values; refresh materialized view public.kept;
             update public.notes set body = body || 'x' where id = 1; update public.notes set body = 'word ' where id = 1",
        )
        .unwrap();
        let refused =
            db.execute("insert into public.notes values (0, '', 'completed', 'queued')", &[]).unwrap_err();
        assert_eq!(sqlstate(&refused), "23514");
        (
            own,
            value(db, found),
            value(db, "select sum(tokens) from public.notes"),
            value(db, "select sum(tokens) from public.kept"),
            value(db, "select public.atomic('one two')"),
            value(db, "select count(distinct document) from public.defaulted"),
        )
    };
    let before = (answer(&mut db), value(&mut db, FUNCTIONS));
    for edition in ["portable", "native", "portable", "native"] {
        let plan = database.pg_lora(&["plan", "--provider", edition, "--output", "json"]).expect(0).json();
        assert_eq!(
            (&plan["pending"], &plan["obstacles"]),
            (&json!([format!("edition {edition}")]), &json!([]))
        );
        let answered = switch(&database, edition);
        assert_eq!(answered["lora"]["from"], if edition == "native" { "portable" } else { "native" });
        assert!(answered["leftovers_dropped"].as_u64().unwrap() > 0);
        database.pg_lora(&["verify"]).expect(0);
        assert_eq!(value(&mut db, EDITION), edition);
        assert_eq!(answer(&mut db), before.0, "{edition}");
        let functions = value(&mut db, FUNCTIONS);
        let names =
            |functions: &Value| -> Vec<String> { functions.as_object().unwrap().keys().cloned().collect() };
        assert_eq!(names(&functions), names(&before.1), "{edition}");
        for (name, state) in functions.as_object().unwrap() {
            // What a switch has to keep of a function: its OID, its owner, what others were granted, its comment.
            let first = &before.1[name];
            assert!(first == state, "{name}: {first} {state}");
        }
        let granted = "select has_function_privilege('analyst', 'lora.smooth(double precision[], double precision)', 'execute with grant option')";
        assert_eq!(value(&mut db, granted), json!(true));
        assert_eq!(value(&mut db, PARTS).as_u64().unwrap() > 0, edition == "portable");
    }
    db.batch_execute("drop owned by analyst; drop role analyst").unwrap();
}

#[test]
fn what_stands_on_parts_of_one_edition_is_named_before_anything_is_touched() {
    let database = Database::migrated_to("portable");
    let mut db = database.connect();
    let theirs = "create aggregate public.own_pace(integer, timestamptz) (sfunc = lora._job_pace_add, stype = bigint[]);
        create view public.own_micros as select lora._micros(now())";
    db.batch_execute(theirs).unwrap();
    let refuses = |edition: &str, named: &[&str]| {
        let before = schema(&database);
        let plan = database.pg_lora(&["plan", "--provider", edition, "--output", "json"]).expect(0).json();
        assert_eq!(plan["obstacles"].as_array().unwrap().len(), named.len(), "{plan}");
        let refused = database.pg_lora(&["migrate", "--provider", edition]).expect(11);
        for name in named {
            assert!(refused.stderr.contains(name), "{name}: {}", refused.stderr);
        }
        assert_same(&schema(&database), &before);
    };
    refuses(
        "native",
        &[
            "drop aggregate public.own_pace(integer,timestamp with time zone);",
            "drop view public.own_micros;",
        ],
    );
    // Nobody is refused for it who does not switch.
    database.pg_lora(&["migrate"]).expect(0);
    database.pg_lora(&["status", "--check"]).expect(0);
    db.batch_execute("drop aggregate public.own_pace(integer, timestamptz); drop view public.own_micros")
        .unwrap();
    switch(&database, "native");
    db.batch_execute(
        "create aggregate public.own_pace(integer, timestamptz) (sfunc = lora.job_pace_accum, stype = internal, finalfunc = lora.job_pace_final)",
    )
    .unwrap();
    refuses("portable", &["drop aggregate public.own_pace(integer,timestamp with time zone);"]);
    db.batch_execute("drop aggregate public.own_pace(integer, timestamptz)").unwrap();
    switch(&database, "portable");
    assert_same(&schema(&database), &schema(&Database::migrated_to("portable")));
}

/// Somebody may be at work with what the other edition leaves.
#[test]
fn what_is_left_waits_for_older_transactions() {
    let database = Database::migrated_to("portable");
    let mut db = database.connect();
    let mut open = database.connect();
    let mut older = open.transaction().unwrap();
    older
        .batch_execute("select lora.normalize_gpu_config('{\"gpu_type\": \"A100\", \"num_gpus\": 1}')")
        .unwrap();
    let arguments = ["migrate", "--provider", "native", "--table-lock-wait", "1"];
    let outcome = database.pg_lora(&arguments).expect(0);
    assert!(
        outcome.stderr.contains("stay for 1 older transactions; run pg-lora migrate again"),
        "{}",
        outcome.stderr
    );
    assert_eq!(value(&mut db, EDITION), "native");
    assert!(value(&mut db, PARTS).as_u64().unwrap() > 0);
    let status = database.pg_lora(&["status", "--check", "--output", "json"]).expect(5).json();
    assert_eq!(status["pending"], json!(["leftovers of schema lora"]));
    assert!(status["lora"]["left"].as_u64().unwrap() > 0, "{status}");
    older.batch_execute("select lora._micros(now())").unwrap();
    older.commit().unwrap();
    let answer = database.pg_lora(&["migrate", "--output", "json"]).expect(0).json();
    assert!(answer["leftovers_dropped"].as_u64().unwrap() > 0, "{answer}");
    assert_same(&schema(&database), &schema(&Database::migrated()));
    // And those that are left when it goes back are parts again.
    let mut older = open.transaction().unwrap();
    older.batch_execute("select now()").unwrap();
    for edition in ["portable", "native", "portable"] {
        database.pg_lora(&["migrate", "--provider", edition, "--table-lock-wait", "0"]).expect(0);
        assert_eq!(value(&mut db, EDITION), edition);
    }
    older.commit().unwrap();
    database.pg_lora(&["migrate"]).expect(0);
    database.pg_lora(&["verify"]).expect(0);
    assert_same(&schema(&database), &schema(&Database::migrated_to("portable")));
}

fn append(db: &mut Client, dataset: &str, number: i32, content: &str) -> Result<Value, postgres::Error> {
    let sql = format!("select public.append_dataset_chunk('{dataset}', $1, $2)");
    Caller::service().run(db, |t| Ok(t.query_one(&sql, &[&number, &content])?.get(0)))
}

fn finish(db: &mut Client, dataset: &str, chunks: i32) -> Result<Value, postgres::Error> {
    Caller::service().ask(db, &format!("select public.finish_dataset_validation('{dataset}', {chunks})"))
}

/// Segments are bytes of one edition.
#[test]
fn validations_that_are_under_way_begin_anew_and_say_so() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = story::sign_up(&mut db, "alice");
    let content = story::pairs(10);
    let (one, two) = content.split_at(content.len() / 2);
    let datasets = [0, 1].map(|_| story::add_dataset(&mut db, &alice, content.len()));
    for dataset in &datasets {
        append(&mut db, dataset, 1, one).unwrap();
    }
    // A chunk that is being read while the switch begins.
    let mut second = database.connect();
    let service = Caller::service();
    let mut reading = service.begin(&mut second).unwrap();
    let sql = format!("select public.append_dataset_chunk('{}', 2, $1)", datasets[0]);
    reading.query_one(&sql, &[&two]).unwrap();
    let runner = start(&database, &["migrate", "--provider", "portable", "--output", "json"]);
    wait_until(
        &mut db,
        "select from pg_locks where relation = 'lora_private.dataset_chunks'::regclass and not granted",
    );
    sleep(Duration::from_millis(50));
    reading.commit().unwrap();
    let outcome = end(runner).expect(0);
    assert_eq!(outcome.json()["lora"]["restarted_validations"], json!(2), "{outcome:?}");
    assert!(outcome.stderr.contains("told to send them again"), "{}", outcome.stderr);
    assert_eq!(value(&mut db, "select count(*) from lora_private.dataset_chunks"), json!(0));
    for dataset in &datasets {
        let refused = finish(&mut db, dataset, 2).unwrap_err();
        let refused = refused.as_db_error().unwrap();
        assert_eq!(refused.code().code(), "PT409");
        assert_eq!(refused.message(), format!("the chunks of dataset \"{dataset}\" have to be sent again"));
        assert_eq!(
            refused.detail(),
            Some(
                "Schema lora was switched to its other edition since the validation began; 0 of 2 chunks came after that."
            )
        );
        assert!(refused.hint().unwrap().starts_with("Append all chunks again"));
    }
    assert_eq!(switch(&database, "native")["lora"]["restarted_validations"], json!(0));
    let refused = finish(&mut db, &datasets[0], 2).unwrap_err();
    assert!(refused.as_db_error().unwrap().message().ends_with("have to be sent again"));
    append(&mut db, &datasets[0], 2, two).unwrap();
    let refused = finish(&mut db, &datasets[0], 2).unwrap_err();
    assert!(refused.as_db_error().unwrap().detail().unwrap().contains("1 of 2 chunks came after that"));
    append(&mut db, &datasets[0], 1, one).unwrap();
    let report = finish(&mut db, &datasets[0], 2).unwrap();
    assert_eq!(report["training_ready"], json!(true), "{report}");
    assert_eq!(finish(&mut db, &datasets[0], 2).unwrap(), report);
    // Who cuts the file in another way may do so.
    append(&mut db, &datasets[1], 1, &content).unwrap();
    assert_eq!(finish(&mut db, &datasets[1], 1).unwrap()["training_ready"], json!(true));
}

/// Killed at any statement: the one edition or the other, whole, and the next run goes on.
#[test]
fn a_switch_that_is_killed_is_done_wholly_or_not_at_all() {
    let stride = if environment::full() { 3 } else { 60 };
    let database = Database::migrated();
    let mut db = database.connect();
    let whole = EDITIONS.map(|edition| api(&mut Database::migrated_to(edition).connect()));
    let mut killed = 0;
    for edition in ["portable", "native"] {
        let mut statement = 1;
        loop {
            let before = value(&mut db, EDITION);
            let make = |url: &str| {
                let mut command = program::pg_lora(&["migrate", "--provider", edition]);
                command.env("DATABASE_URL", url);
                command
            };
            if !kill_at(&database, statement, statement % 2 == 0, &make) {
                break;
            }
            killed += 1;
            wait_for_locks(&mut db);
            let after = value(&mut db, EDITION);
            let place = EDITIONS.iter().position(|edition| after == *edition).unwrap();
            assert_eq!(api(&mut db), whole[place], "killed at statement {statement} on the way to {edition}");
            let recorded = "select split_part(hash, ' ', 1) from lora_migrate.layers where name = 'lora'";
            assert_eq!(value(&mut db, recorded), after);
            // Once it is committed only parts are left to be dropped, in statements that come earlier.
            statement = if before == after { statement + stride } else { 1 };
        }
        assert_eq!(value(&mut db, EDITION), edition);
        assert_eq!(value(&mut db, PARTS).as_u64().unwrap() > 0, edition == "portable");
        database.pg_lora(&["verify"]).expect(0);
    }
    assert!(killed > 20, "only {killed} were killed");
    eprintln!("{killed} runners were killed");
    assert_same(&schema(&database), &schema(&Database::migrated()));
}

/// What there is to be called, and how it is defined.
fn api(db: &mut Client) -> Value {
    let functions = "select jsonb_agg(jsonb_build_array(p.oid::regprocedure, prosrc, aggtransfn, aggtranstype::regtype,
          (select extname from pg_depend d join pg_extension e on e.oid = refobjid where objid = p.oid and deptype = 'e')) order by p.oid::regprocedure::text)
        from pg_proc p left join pg_aggregate on aggfnoid = p.oid
        where pronamespace = 'lora'::regnamespace and proname !~ '^_'
          and 'internal'::regtype <> all (proargtypes::oid[]) and prorettype <> 'internal'::regtype";
    value(db, functions)
}

/// A trusted extension is made by whoever may create in the database, and owned by the server.
#[test]
fn without_a_superuser_it_goes_to_the_extension_and_not_back() {
    let project = Project::start(&["project"]);
    project.allow_policies();
    project.pg_lora("project", &["migrate", "--provider", "portable"]).expect(0);
    project.pg_lora("project", &["migrate", "--provider", "native"]).expect(0);
    project.pg_lora("project", &["verify"]).expect(0);
    let refused = project.pg_lora("project", &["migrate", "--provider", "portable"]).expect(4);
    assert!(refused.stderr.contains("do not belong to role \"postgres\""), "{}", refused.stderr);
    assert_eq!(value(&mut project.connect("postgres", "project"), EDITION), "native");
    // Whoever is not its owner does not even look at it.
    let mut db = project.connect("supabase_admin", "project");
    assert_eq!(value(&mut db, PARTS), json!(0));
}

/// Nobody takes over another role's function by naming it.
#[test]
fn the_extension_takes_in_what_the_role_owns_and_nothing_else() {
    let project = Project::start(&["project"]);
    let mut admin = project.connect("supabase_admin", "project");
    admin
        .batch_execute(
            "create schema lora; grant all on schema lora to postgres;
             create function lora.smooth(\"values\" double precision[], weight double precision) returns double precision[]
               language sql immutable as 'select $1'",
        )
        .unwrap();
    let mut db = project.connect("postgres", "project");
    for adopted in [
        "",
        "[]",
        "[\"lora.smooth(double precision[],double precision)\"]",
        "[\"lora.smooth(double precision[],double precision); alter role postgres superuser\"]",
    ] {
        let sql = format!("select set_config('lora_migrate.adopted', '{adopted}', false)");
        db.batch_execute(&sql).unwrap();
        let refused = db.batch_execute("create extension pg_lora schema lora").unwrap_err();
        let message = refused.as_db_error().unwrap().message();
        assert!(
            message.contains("is not a member of extension") || message.contains("expected a"),
            "{adopted}: {message}"
        );
    }
    assert_eq!(value(&mut db, "select rolsuper from pg_roles where rolname = current_user"), json!(false));
}
