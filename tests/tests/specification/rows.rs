//! Row-level security: users can only access their own data.

use pg_lora_tests::story::{self, TABLES};
use pg_lora_tests::{Caller, Database};
use postgres::Client;
use serde_json::json;

use crate::catalogue::{migrated, names};

/// Which rows of a table are a user's.
fn owned(table: &str, user: &Caller) -> String {
    match table {
        "metrics_points" => {
            format!("job_id in (select id from public.training_jobs where user_id = '{}')", user.id())
        }
        _ => format!("user_id = '{}'", user.id()),
    }
}

fn count(db: &mut Client, table: &str, condition: &str) -> i64 {
    db.query_one(&format!("select count(*) from public.{table} where {condition}"), &[]).unwrap().get(0)
}

/// Somebody with rows in all six tables.
fn somebody(db: &mut Client, name: &str) -> Caller {
    let user = story::sign_up(db, name);
    let dataset = story::ready_dataset(db, &user, 20);
    let job = story::queue_job(db, &user, &dataset, 10);
    assert_eq!(story::claim(db, "w"), job);
    story::report(db, &job, json!([story::point(1, json!(2.5))])).unwrap();
    story::complete(db, &job).unwrap();
    story::add_model(db, &user, &job, &dataset);
    let cost = format!(
        "insert into public.cost_records (user_id, job_id, cost_type, amount, billing_period)
         values ('{}', '{job}', 'storage', 0.004, current_date)",
        user.id()
    );
    Caller::service().write(db, &cost).unwrap();
    user
}

#[test]
fn acceptance_2_rls_policies_active_for_user_data_isolation() {
    let things = migrated();
    // The specification forgot it on three of the six; all nine have it.
    for table in names(&things, "table") {
        assert_eq!(things[&format!("table {table}")], "row security on", "{table}");
        let policy = format!("{table}.");
        assert!(
            names(&things, "policy").iter().any(|name| name.starts_with(&policy)),
            "{table} has no policy"
        );
    }
    // The policies are obeyed: nobody who speaks through the API is above them.
    let above = "select array_agg(rolname::text) from pg_roles where rolname in ('anon', 'authenticated') \
                 and (rolsuper or rolbypassrls)";
    let above: Option<Vec<String>> = Database::migrated().connect().query_one(above, &[]).unwrap().get(0);
    assert_eq!(above, None);
}

#[test]
fn verification_4_rls_users_can_only_access_their_own_data() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = somebody(&mut db, "alice");
    let bob = somebody(&mut db, "bob");
    for table in TABLES {
        let (alices, everything) =
            (count(&mut db, table, &owned(table, &alice)), count(&mut db, table, "true"));
        assert!(alices > 0 && alices < everything, "{table}: {alices} of {everything}");
        // Theirs, all of it and nothing else, whatever they ask for.
        let seen = |user: &Caller, db: &mut Client, condition: &str| {
            user.ask(db, &format!("select count(*) from public.{table} where {condition}"))
        };
        assert_eq!(seen(&alice, &mut db, "true").unwrap(), json!(alices), "{table}");
        assert_eq!(seen(&bob, &mut db, "true").unwrap(), json!(everything - alices), "{table}");
        let bobs_view = owned(table, &alice);
        assert_eq!(seen(&bob, &mut db, &bobs_view).unwrap(), json!(0), "{table}");
        assert_eq!(seen(&Caller::service(), &mut db, "true").unwrap(), json!(everything), "{table}");
        let nobody = seen(&Caller::anon(), &mut db, "true").expect_err("anon is refused");
        assert_eq!(pg_lora_tests::sqlstate(&nobody), "42501", "{table}");
    }
    changes_stay_at_home(&mut db, &alice, &bob);
}

/// Bob can do to his own rows what he cannot do to Alice's.
fn changes_stay_at_home(db: &mut Client, alice: &Caller, bob: &Caller) {
    let before = story::digests(db);
    for change in [
        "update public.datasets set name = 'taken'",
        "update public.datasets set deleted_at = now()",
        "update public.model_artifacts set name = 'taken'",
        "update public.notifications set read = true",
        "delete from public.notifications",
    ] {
        let (table, _) = TABLES.iter().find_map(|table| Some((*table, change.find(table)?))).unwrap();
        let hers = format!("{change} where {}", owned(table, alice));
        assert_eq!(bob.write(db, &hers).unwrap(), 0, "{hers}");
    }
    let dataset = format!(
        "insert into public.datasets (user_id, name, storage_path, file_name, file_size) \
         values ('{0}', 'hers', '{0}/x', 'x', 1)",
        alice.id()
    );
    let notification = format!(
        "insert into public.notifications (user_id, type, title, message) values ('{}', 'note', 'x', 'x')",
        alice.id()
    );
    for insert in [dataset, notification] {
        let refused = bob.write(db, &insert).expect_err("a row of Alice's");
        assert_eq!(pg_lora_tests::sqlstate(&refused), "42501", "{insert}");
    }
    assert_eq!(story::digests(db), before);

    let rename = format!("update public.datasets set name = 'mine' where {}", owned("datasets", bob));
    assert_eq!(bob.write(db, &rename).unwrap(), 1);
    let read = format!("update public.notifications set read = true where {}", owned("notifications", bob));
    assert!(bob.write(db, &read).unwrap() > 0);
}
