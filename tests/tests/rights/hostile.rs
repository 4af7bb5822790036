//! What no row may hold that is written from now on, whoever writes it, and what would only cost its readers.

use pg_lora_tests::story::{GPUS, add_dataset, ready_dataset, sign_up};
use pg_lora_tests::{Caller, Database, Refusal};

/// The checks let go of an old row that is deleted, read or without a job.
#[test]
fn the_way_out_of_old_rows_is_none_for_new_ones() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let owner = alice.id();
    let notice = |columns: &str, values: &str| {
        format!(
            "insert into public.notifications (user_id, title, message, read, {columns}) values ('{owner}', 't', 'm', true, {values})"
        )
    };
    let dataset = |column: &str, value: &str| {
        format!(
            "insert into public.datasets (user_id, name, storage_path, file_name, deleted_at, {column}) \
             values ('{owner}', 'x', '{owner}/x.jsonl', 'x', now(), {value})"
        )
    };
    let cost = |columns: &str, values: &str| {
        format!("insert into public.cost_records (user_id, {columns}) values ('{owner}', {values})")
    };
    let statements = [
        ("notifications_type_check", notice("type", "'BA NA'")),
        ("notifications_priority_check", notice("type, priority", "'x_y', 'urgent'")),
        ("datasets_format_check", dataset("file_size, format", "1, 'banana'")),
        ("datasets_file_size_check", dataset("file_size", "-1")),
        ("datasets_total_tokens_check", dataset("file_size, total_tokens", "1, -1")),
        ("datasets_status_training_ready_check", dataset("file_size, training_ready", "1, true")),
        (
            "cost_records_cost_type_check",
            cost("cost_type, amount, billing_period", "'BA NA', 1, '2026-01-01'"),
        ),
        (
            "cost_records_amount_corrects_check",
            cost("cost_type, amount, billing_period", "'other', -1, '2026-01-01'"),
        ),
        (
            "cost_records_billing_period_check",
            cost("cost_type, amount, billing_period", "'other', 1, 'infinity'"),
        ),
    ];
    for (check, sql) in &statements {
        // The service, and the owner of the tables.
        let by_service = Caller::service().write(&mut db, sql);
        for outcome in [by_service, db.execute(sql.as_str(), &[])] {
            Refusal::of(outcome).is("23514", &format!("\"{check}\""));
        }
    }
    Refusal::of(alice.write(&mut db, &statements[0].1)).is("23514", "\"notifications_type_check\"");
    // What breaks no rule may begin there.
    for sql in [
        notice("type", "'x_y'"),
        dataset("file_size", "1"),
        cost("cost_type, amount, billing_period", "'other', 1, '2026-01-01'"),
    ] {
        assert_eq!(Caller::service().write(&mut db, &sql).unwrap(), 1, "{sql}");
    }
}

#[test]
fn no_text_or_document_of_a_client_is_larger_than_of_use() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let dataset = ready_dataset(&mut db, &alice, 3);
    let request = |hyperparameters: &str, gpus: &str| {
        format!(
            "select id from public.create_training_job('{dataset}', 'custom', '{{\"max_steps\": 3}}'::jsonb || {hyperparameters}, '{GPUS}'::jsonb || {gpus})"
        )
    };
    let filled = "jsonb_build_object('x', repeat('x', 65536))";
    Refusal::of(alice.ask(&mut db, &request(filled, "'{}'"))).is("22023", "\"hyperparameters\" has ");
    Refusal::of(alice.ask(&mut db, &request("'{}'", filled))).is("22023", "\"gpu_config\" has ");
    let fits = "jsonb_build_object('x', repeat('x', 60000))";
    alice.ask(&mut db, &request(fits, fits)).unwrap();

    let long = "description = repeat('ü', 10001)";
    let other = add_dataset(&mut db, &alice, 1);
    let describe = |change: &str| format!("update public.datasets set {change} where id = '{other}'");
    Refusal::of(alice.write(&mut db, &describe(long))).is("22023", "\"description\" has 10001 characters");
    let insert = format!(
        "insert into public.datasets (user_id, name, storage_path, file_name, file_size, description) \
         values ('{owner}', 'x', '{owner}/y.jsonl', 'x', 1, repeat('x', 10001))",
        owner = alice.id()
    );
    Refusal::of(alice.write(&mut db, &insert)).is("22023", "\"description\" has 10001 characters");
    // The description that the service has given stays until it is changed.
    assert_eq!(Caller::service().write(&mut db, &describe(long)).unwrap(), 1);
    assert_eq!(alice.write(&mut db, &describe("name = 'other'")).unwrap(), 1);
}

#[test]
fn a_budget_has_a_time_zone_and_a_currency_whoever_writes_it() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let insert = |column: &str, value: &str| {
        format!(
            "insert into public.cost_budgets (user_id, {column}) values ('{}', '{value}') \
             on conflict (user_id) do update set {column} = excluded.{column}",
            alice.id()
        )
    };
    for round in 0..2 {
        for (column, value, what) in [
            ("time_zone", "Mars/Olympus", "\"time_zone\" is \"Mars/Olympus\""),
            ("time_zone", "", "\"time_zone\" is \"\""),
            ("currency", "usd", "\"currency\" is \"usd\""),
            ("currency", "U1", "\"currency\" is \"U1 \""),
        ] {
            let sql = insert(column, value);
            for outcome in [
                alice.write(&mut db, &sql),
                Caller::service().write(&mut db, &sql),
                db.execute(sql.as_str(), &[]),
            ] {
                Refusal::of(outcome).is("22023", what);
            }
        }
        assert_eq!(alice.write(&mut db, &insert("time_zone", "Europe/Berlin")).unwrap(), 1, "{round}");
    }
}
