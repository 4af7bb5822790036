//! What people have tried: each of these once did harm, and must not again.

use pg_lora_tests::story::{
    claim, complete, job_row, pairs, point, queue_job, ready_dataset, report, set_clock, sign_up,
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

/// A claimed job whose gpu_config the service has spoiled, as one of an adopted database may be.
fn spoiled(db: &mut Client, user: &Caller, dataset: &str, gpu_config: &str) -> String {
    let job = queue_job(db, user, dataset, 10);
    let sql = format!(
        "update public.training_jobs set gpu_config = gpu_config || '{gpu_config}' where id = '{job}'"
    );
    write(db, &Caller::service(), &sql);
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
fn no_body_that_a_definer_runs_names_a_type_that_a_caller_could_have_made() {
    let database = Database::migrated();
    let rows = database
        .connect()
        .query(
            "select oid::regprocedure::text, prosrc from pg_proc
             where pronamespace = 'lora_private'::regnamespace or prosecdef and pronamespace = 'public'::regnamespace",
            &[],
        )
        .unwrap();
    assert!(!rows.is_empty());
    // Key words of the grammar always mean pg_catalog; these do not.
    for row in rows {
        let (name, body): (String, String) = (row.get(0), row.get(1));
        for word in
            ["text", "uuid", "jsonb", "json", "date", "bytea", "name", "regclass", "tstzrange", "timestamptz"]
        {
            for use_of_it in
                [format!("::{word}"), format!(" {word};"), format!(" {word} :="), format!(" {word}[]")]
            {
                assert!(!body.contains(&use_of_it), "{name}: \"{use_of_it}\" without its schema");
            }
        }
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
    ];
    for row in rows {
        let sql = format!(
            "insert into public.cost_records (user_id, cost_type, billing_period, amount, period, hourly_rate, gpus, \
             gpu_type) values ('{}', 'other', '2026-01-01', {row})",
            alice.id()
        );
        write(&mut db, &Caller::service(), &sql);
    }
    // As one of a database that was adopted: the check of new rows was not there yet.
    db.batch_execute(&format!(
        "alter table public.cost_records drop constraint cost_records_amount_check;
         insert into public.cost_records (user_id, cost_type, billing_period, amount)
         values ('{}', 'other', '2026-01-01', 'NaN')",
        alice.id()
    ))
    .unwrap();
    let summary = alice.ask(&mut db, "select public.cost_summary('2026-01-01', '2026-01-02')").unwrap();
    assert_eq!((&summary["total"], &summary["records"]), (&json!(8.0), &json!(6)), "3 and five times 1");

    let sql = format!(
        "insert into public.cost_records (user_id, cost_type, billing_period, amount, currency) \
         values ('{}', 'other', '2026-01-01', 1, 'EUR')",
        alice.id()
    );
    write(&mut db, &Caller::service(), &sql);
    let mixed = alice.ask(&mut db, "select public.cost_summary('2026-01-01', '2026-01-02')");
    Refusal::of(mixed).is("22023", "several currencies");
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
