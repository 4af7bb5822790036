//! What people have tried: each of these once did harm, and must not again.

use pg_lora_tests::story::{
    GPUS, claim, complete, job_row, pairs, point, queue_job, ready_dataset, report, set_clock, sign_up,
};
use pg_lora_tests::{Caller, Database, Refusal};
use postgres::Client;
use serde_json::{Value, json};

fn write(db: &mut Client, who: &Caller, sql: &str) {
    assert_eq!(who.write(db, sql).unwrap(), 1, "{sql}");
}

fn request(dataset: &str, gpus: &Value) -> String {
    format!(
        "select id from public.create_training_job('{dataset}', 'custom', '{{\"max_steps\": 10}}', '{gpus}')"
    )
}

/// A claimed job whose gpu_config is spoiled, as one of an adopted database may be.
fn spoiled(db: &mut Client, user: &Caller, dataset: &str, gpu_config: &str) -> String {
    let job = queue_job(db, user, dataset, 10);
    db.batch_execute(&format!(
        "set session_replication_role = replica;
         update public.training_jobs set gpu_config = gpu_config || '{gpu_config}' where id = '{job}';
         reset session_replication_role"
    ))
    .unwrap();
    assert_eq!(claim(db, "w"), job);
    job
}

#[test]
fn a_callers_own_types_do_not_run_with_the_rights_of_the_owner() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    // pg_temp comes first for types, whatever search_path says.
    let mut insert = alice.begin(&mut db).unwrap();
    insert
        .batch_execute(
            "create function pg_temp.evil(v anyelement) returns boolean language plpgsql as $$ begin
               if current_user <> 'authenticated' then raise exception 'ran as %', current_user; end if;
               return true;
             end $$;
             create domain pg_temp.text as pg_catalog.text check (pg_temp.evil(value));
             create domain pg_temp.date as pg_catalog.date check (pg_temp.evil(value));
             create domain pg_temp.jsonb as pg_catalog.jsonb check (pg_temp.evil(value));
             create domain pg_temp.timestamptz as pg_catalog.timestamptz check (pg_temp.evil(value));
             create domain pg_temp.uuid as pg_catalog.uuid check (pg_temp.evil(value));",
        )
        .unwrap();
    let sql = format!(
        "insert into public.training_jobs (user_id, dataset_id, preset_id, hyperparameters, gpu_config, total_epochs, \
         estimated_total_cost) values ('{}', '{dataset}', 'balanced', '{{}}', \
         '{{\"gpu_type\": \"H100\", \"num_gpus\": 1, \"cost_per_gpu_hour\": 1}}', 0, 0)",
        alice.id()
    );
    assert_eq!(insert.execute(&sql, &[]).unwrap(), 1);
    insert.rollback().unwrap();
}

#[test]
fn a_callers_own_record_does_not_run_with_the_rights_of_the_owner() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let completed = queue_job(&mut db, &alice, &dataset, 10);
    assert_eq!(claim(&mut db, "w"), completed);
    report(&mut db, &completed, json!([point(10, json!(1.0))])).unwrap();
    complete(&mut db, &completed).unwrap();
    queue_job(&mut db, &alice, &dataset, 10);
    let stored = "insert into storage.objects (bucket_id, name, metadata) \
                  select storage_bucket, storage_path, '{\"size\": 1}' from public.datasets returning id";
    let request = request(&dataset, &serde_json::from_str(GPUS).unwrap());
    let model = format!(
        "insert into public.model_artifacts (user_id, job_id, dataset_id, name, quality_metrics, training_summary, \
         configuration, artifacts) values ('{}', '{completed}', '{dataset}', 'm', '{{}}', '{{}}', '{{}}', '{{}}') returning id",
        alice.id()
    );
    // A job checks its owner; a file that is replaced sends a dataset back, and tells its jobs.
    let service = Caller::service();
    for (who, sql) in [(&alice, request.as_str()), (&service, model.as_str()), (&service, stored)] {
        // Types are looked up once for a connection, so it has to be a new one.
        let mut db = database.connect();
        let mut attack = who.begin(&mut db).unwrap();
        attack
            .batch_execute(
                "create function pg_temp.evil(v uuid) returns boolean language plpgsql as $$ begin
                   raise exception 'ran as %', current_user;
                 end $$;
                 create domain pg_temp.evil_uuid as uuid check (pg_temp.evil(value));
                 create type pg_temp.record as (column_name text, id pg_temp.evil_uuid, user_id uuid)",
            )
            .unwrap();
        assert_eq!(attack.query(sql, &[]).unwrap().len(), 1, "{sql}");
        attack.rollback().unwrap();
    }
}

/// What the grammar itself means, whatever types there are. All other names are looked up.
const KEY_WORDS: [&str; 20] = [
    "bigint",
    "bit",
    "boolean",
    "char",
    "character",
    "dec",
    "decimal",
    "double",
    "float",
    "int",
    "integer",
    "interval",
    "national",
    "nchar",
    "numeric",
    "real",
    "smallint",
    "time",
    "timestamp",
    "varchar",
];

/// The words, signs and literals (each as `'`) of a body, without comments.
fn tokens(body: &str) -> Vec<String> {
    let is_word = |c: char| c.is_alphanumeric() || "_.%$\"".contains(c);
    let mut tokens: Vec<String> = Vec::new();
    let mut rest = body;
    while let Some(first) = rest.chars().next() {
        let end = if rest.starts_with("--") {
            rest.find('\n').unwrap_or(rest.len())
        } else if first == '\'' {
            // A quote inside of a literal is two of them, and so two literals.
            rest[1..].find('\'').map_or(rest.len(), |at| at + 2)
        } else if is_word(first) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        let (token, after) = rest.split_at(end);
        if first == '\'' {
            tokens.push("'".to_owned());
        } else if !first.is_whitespace() && !token.starts_with("--") {
            tokens.push(token.to_lowercase());
        }
        rest = after;
    }
    tokens
}

/// Whether the innermost parenthesis that is open after these opens a cast.
fn is_in_cast(tokens: &[String]) -> bool {
    let mut closed = 0;
    let opening = tokens.iter().rposition(|token| {
        closed += i32::from(token == ")") - i32::from(token == "(");
        closed < 0
    });
    opening.is_some_and(|at| at > 0 && tokens[at - 1] == "cast")
}

/// The types that a body names without their schema: in casts, declarations, lists of columns, and before literals.
fn types_without_schema(body: &str, types: &[String]) -> Vec<String> {
    let tokens = tokens(body);
    let at = |at: usize| tokens.get(at).map_or("", String::as_str);
    let is_name = |word: &str| word.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '"');
    let mut named: Vec<&str> = Vec::new();
    let mut declaring = false;
    for (here, token) in tokens.iter().enumerate() {
        let before = here.checked_sub(1).map_or("", at);
        match token.as_str() {
            "declare" => declaring = true,
            "begin" => declaring = false,
            "::" => named.push(at(here + 1)),
            // A type before a literal: date '2026-01-01'.
            "'" if types.iter().any(|name| name == before) => named.push(before),
            // cast(x as text), and a list of columns: as element (number integer, point jsonb).
            "as" if at(here + 2) == ")" && is_in_cast(&tokens[..here]) => named.push(at(here + 1)),
            // Not a query that is named: with x as materialized (select …).
            "as" if is_name(at(here + 1)) && at(here + 1) != "materialized" && at(here + 2) == "(" => {
                let list = tokens[here + 3..].iter().take_while(|word| *word != ")");
                let list: Vec<&str> = list.map(String::as_str).collect();
                let columns = list.split(|word| *word == ",");
                named.extend(columns.filter(|words| words.len() == 2).map(|words| words[1]));
            }
            _ => {}
        }
        if declaring && (["declare", ";"].contains(&token.as_str())) && at(here + 1) != "begin" {
            named.push(at(here + 2 + usize::from(at(here + 2) == "constant")));
        }
    }
    // That of a variable is one that was looked up already, a column's has its table before it.
    let is_of_a_variable = |word: &str| word.ends_with("%type") && !word.contains('.');
    let unsafe_ones = named
        .into_iter()
        .filter(|word| !word.contains('.') && !KEY_WORDS.contains(word) && !is_of_a_variable(word));
    unsafe_ones.map(str::to_owned).collect()
}

#[test]
fn no_body_that_a_definer_runs_names_a_type_that_a_caller_could_have_made() {
    let database = Database::migrated();
    let mut db = database.connect();
    let types = "select array_agg(typname::text) from pg_type where typnamespace = 'pg_catalog'::regnamespace and typelem = 0
                 and typname <> 'any' and typname <> 'char' and format_type(oid, null) = typname";
    let types: Vec<String> = db.query_one(types, &[]).unwrap().get(0);
    // Whatever a definer calls runs with its rights.
    let bodies = "select pg_proc.oid::regprocedure::text, prosrc from pg_proc join pg_language on pg_language.oid = prolang
                  where lanname in ('sql', 'plpgsql')
                    -- Of such a function the types of a caller are looked at last.
                    and not coalesce('search_path=pg_catalog, pg_temp' = any (proconfig), false)
                    and (pronamespace in ('lora_private'::regnamespace, 'lora'::regnamespace)
                      or prosecdef and pronamespace = 'public'::regnamespace)";
    let bodies = db.query(bodies, &[]).unwrap();
    assert!(bodies.len() > 40);
    let mut found = Vec::new();
    for row in bodies {
        let (name, body): (String, String) = (row.get(0), row.get(1));
        found.extend(types_without_schema(&body, &types).iter().map(|word| format!("{name}: {word}")));
    }
    assert!(found.is_empty(), "without a schema: {found:#?}");
    for (body, named) in [
        ("declare job record; begin end", "record"),
        ("declare a integer; b datasets%rowtype; begin end", "datasets%rowtype"),
        ("declare a constant text[] := '{}'; begin end", "text"),
        ("begin end; declare -- ; \n a pg_catalog.text := 'it''s'; b uuid; begin end", "uuid"),
        ("select 'a'::text", "text"),
        ("select cast(a as jsonb)", "jsonb"),
        ("select pg_catalog.jsonb_to_record(a) as x (a integer, b bytea)", "bytea"),
        ("select date '2026-01-01'", "date"),
    ] {
        assert_eq!(types_without_schema(body, &types), [named], "{body}");
    }
}

#[test]
fn no_job_can_be_made_that_cannot_be_closed() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    for (gpus, what) in [
        (
            json!({"gpu_type": "X", "num_gpus": 4096, "cost_per_gpu_hour": 100_000}),
            "more than 100000 an hour",
        ),
        (json!({"gpu_type": "x".repeat(51), "num_gpus": 1, "cost_per_gpu_hour": 1}), "gpu_type"),
        (json!({"gpu_type": "", "num_gpus": 1, "cost_per_gpu_hour": 1}), "gpu_type"),
        (json!({"gpu_type": "X", "num_gpus": 1, "cost_per_gpu_hour": -1}), "cost_per_gpu_hour"),
        (
            json!({"gpu_type": "X", "num_gpus": 1, "cost_per_gpu_hour": 0.333333333333_f64}),
            "cost_per_gpu_hour",
        ),
        (json!({"gpu_type": "X", "num_gpus": 1.5, "cost_per_gpu_hour": 1}), "num_gpus"),
    ] {
        Refusal::of(alice.ask(&mut db, &request(&dataset, &gpus))).is("22023", what);
    }
    // Python writes 2.0 for a number that was once divided; it is whole all the same.
    alice
        .ask(
            &mut db,
            &request(&dataset, &json!({"gpu_type": "X", "num_gpus": 2.0, "cost_per_gpu_hour": 1.0})),
        )
        .unwrap();
    let key = "k".repeat(201);
    let sql = format!(
        "select id from public.create_training_job('{dataset}', idempotency_key => '{key}', gpu_config => '{{\"gpu_type\": \"X\", \"num_gpus\": 1, \"cost_per_gpu_hour\": 1}}')"
    );
    Refusal::of(alice.ask(&mut db, &sql)).is("22023", "\"idempotency_key\" has 201 characters");
}

#[test]
fn the_most_expensive_job_can_be_closed_after_years() {
    let database = Database::migrated();
    let mut db = database.connect();
    set_clock(&mut db, "2026-01-01 00:00Z");
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let gpus = json!({"gpu_type": "X", "num_gpus": 1000, "cost_per_gpu_hour": 100});
    alice.ask(&mut db, &request(&dataset, &gpus)).unwrap();
    let job = claim(&mut db, "w");
    report(&mut db, &job, json!([point(10, json!(1.0))])).unwrap();
    set_clock(&mut db, "2036-01-01 00:00Z");
    complete(&mut db, &job).unwrap();
    let row = job_row(&mut db, &job);
    assert_eq!(
        (&row["status"], &row["final_cost"]),
        (&json!("completed"), &json!(99999999.99)),
        "for display"
    );
    let amount = alice.ask(&mut db, "select amount::text from public.cost_records").unwrap();
    assert_eq!(amount, "8764800000.0000000000", "3652 days of 24 hours");
}

#[test]
fn a_job_with_an_unusable_price_can_be_closed_and_is_not_charged() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    for gpu_config in [
        r#"{"cost_per_gpu_hour": -3.5}"#,
        r#"{"cost_per_gpu_hour": "3.5"}"#,
        r#"{"cost_per_gpu_hour": 0.3333333333333}"#,
        r#"{"cost_per_gpu_hour": 1e300}"#,
        r#"{"num_gpus": 1.5}"#,
        r#"{"num_gpus": 10000000000}"#,
        r#"{"num_gpus": null}"#,
    ] {
        let job = spoiled(&mut db, &alice, &dataset, gpu_config);
        report(&mut db, &job, json!([point(1, json!(1.0))])).unwrap();
        let beat = format!("select public.heartbeat_training_job('{job}', 1, 'saving')");
        Caller::service().ask(&mut db, &beat).unwrap();
        complete(&mut db, &job).unwrap();
        assert_eq!(job_row(&mut db, &job)["final_cost"], Value::Null, "{gpu_config}");
    }
    assert_eq!(alice.ask(&mut db, "select count(*) from public.cost_records").unwrap(), 0);
}

#[test]
fn no_row_of_the_ledger_stops_the_summary() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let rows = [
        "3, null, null, null, repeat('g', 300)",
        "1, '[2026-01-01,2026-01-02)', 1e8, 2000000000, 'H100'",
        "1, '[4713-01-01 BC,294276-01-01)', 0, 1, 'H100'",
        "1, '[2026-01-01,)', 1, 1, 'H100'",
        "1, '[2026-01-01,2026-01-02)', 0.333333333333, 1, 'H100'",
        "1, 'empty', 1, 1, null",
        "1, '[294270-01-01,294276-12-31 23:59Z)', 1, 1, null",
        "1, '[4714-11-24 BC,4714-11-25 BC)', 1, 1, null",
    ];
    for row in rows {
        let sql = format!(
            "insert into public.cost_records (user_id, cost_type, billing_period, amount, period, hourly_rate, gpus, \
             gpu_type) values ('{}', 'other', '2026-01-01', {row})",
            alice.id()
        );
        write(&mut db, &Caller::service(), &sql);
    }
    // As one of a database that was adopted: what is said of new rows was not there yet.
    db.batch_execute(&format!(
        "alter table public.cost_records drop constraint cost_records_amount_check;
         set session_replication_role = replica;
         insert into public.cost_records (user_id, cost_type, billing_period, amount)
         values ('{}', 'other', '2026-01-01', 'NaN');
         reset session_replication_role",
        alice.id()
    ))
    .unwrap();
    let summary = alice.ask(&mut db, "select public.cost_summary('2026-01-01', '2026-01-02')").unwrap();
    assert_eq!((&summary["total"], &summary["records"]), (&json!(10.0), &json!(8)), "3 and seven times 1");

    let sql = format!(
        "insert into public.cost_records (user_id, cost_type, billing_period, amount, currency) \
         values ('{}', 'other', '2026-01-01', 1, 'EUR')",
        alice.id()
    );
    write(&mut db, &Caller::service(), &sql);
    let mixed = alice.ask(&mut db, "select public.cost_summary('2026-01-01', '2026-01-02')");
    Refusal::of(mixed).is("22023", "several currencies");
    // Elsewhere it stops nothing.
    write(&mut db, &Caller::service(), &sql.replace("'2026-01-01'", "'2026-01-03'"));
    let euros = alice.ask(&mut db, "select public.cost_summary('2026-01-02', '2026-01-04')").unwrap();
    assert_eq!((&euros["total"], &euros["currency"]), (&json!(1.0), &json!("EUR")));
    let none = alice.ask(&mut db, "select public.cost_summary('2026-01-04', '2026-01-05')").unwrap();
    assert_eq!((&none["total"], &none["records"]), (&json!(0.0), &json!(0)));
}

#[test]
fn a_time_that_cannot_be_blocks_no_later_point() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 1000);
    claim(&mut db, "w");
    let mut year_one = point(1, json!(1.0));
    year_one["timestamp"] = json!("0001-01-01T00:00:00Z");
    report(&mut db, &job, json!([year_one])).unwrap();
    for step in 2..5 {
        assert_eq!(report(&mut db, &job, json!([point(step, json!(1.0))])).unwrap()["accepted"], 1);
    }
    let answer = alice.ask(&mut db, &format!("select public.training_job_progress('{job}')")).unwrap();
    assert_eq!(answer["step"], 4);
    let infinite = alice.ask(&mut db, &format!("select public.training_job_progress('{job}', 'infinity')"));
    Refusal::of(infinite).is("22023", "\"at\" is infinite");
    for at in ["294276-12-31", "2400-01-01"] {
        let far = alice.ask(&mut db, &format!("select public.training_job_progress('{job}', '{at}')"));
        Refusal::of(far).is("22023", "\"at\" is more than 100 years ahead");
    }
    alice.ask(&mut db, &format!("select public.training_job_progress('{job}', '4713-01-01 BC')")).unwrap();
}

#[test]
fn no_status_is_no_way_around_the_states() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    claim(&mut db, "w");
    let sql = format!("update public.training_jobs set status = null where id = '{job}'");
    Refusal::of(Caller::service().write(&mut db, &sql)).is("PT409", "cannot become");
}

#[test]
fn an_end_written_beforehand_does_not_shorten_the_bill() {
    let database = Database::migrated();
    let mut db = database.connect();
    set_clock(&mut db, "2026-01-01 00:00Z");
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    claim(&mut db, "w");
    let service = Caller::service();
    write(
        &mut db,
        &service,
        &format!("update public.training_jobs set completed_at = started_at where id = '{job}'"),
    );
    set_clock(&mut db, "2026-01-01 01:00Z");
    write(
        &mut db,
        &service,
        &format!("update public.training_jobs set status = 'failed' where id = '{job}'"),
    );
    let amount = alice.ask(&mut db, "select amount::text from public.cost_records").unwrap();
    assert_eq!(amount, "7.0000000000");
}

#[test]
fn a_line_of_nothing_but_brackets_costs_no_memory() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    // 8 MB of these once took 600 MB of memory and a second.
    let content = "select '[' || repeat(repeat('[', 62) || '0' || repeat(']', 62) || ',', 66575) || '0]'";
    let sql = format!("select public.check_dataset(({content})) #> '{{findings,1,code}}'");
    assert_eq!(alice.ask(&mut db, &sql).unwrap(), "too_many_values");
    assert_eq!(
        alice.ask(&mut db, &format!("select public.check_dataset($c${}$c$) -> 'valid'", pairs(100))).unwrap(),
        true
    );
}

#[test]
fn what_an_adopted_row_may_hold_stops_no_worker() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let job = queue_job(&mut db, &alice, &dataset, 10);
    claim(&mut db, "w");
    let service = Caller::service();
    // Rows that are older than the checks.
    db.batch_execute("alter table public.metrics_points drop constraint metrics_points_step_check").unwrap();
    write(
        &mut db,
        &service,
        &format!(
            "update public.training_jobs set total_steps = 0, current_metrics = 'null' where id = '{job}'"
        ),
    );
    write(
        &mut db,
        &service,
        &format!(
            "insert into public.metrics_points (job_id, step, epoch, training_loss, learning_rate, timestamp) \
             values ('{job}', -5, 0, 1, 1, null)"
        ),
    );
    report(&mut db, &job, json!([point(1, json!(1.0))])).unwrap();
    let answer = alice.ask(&mut db, &format!("select public.training_job_progress('{job}')")).unwrap();
    assert_eq!(answer["eta"]["reason"], "total_steps_unknown");
}
