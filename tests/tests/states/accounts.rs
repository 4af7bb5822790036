//! Deleting an account, whatever an adopted database holds: nobody's rows can block it.

use pg_lora_tests::story::{add_model, claim, complete, point, queue_job, ready_dataset, report, sign_up};
use pg_lora_tests::{Caller, Database};
use postgres::Client;
use serde_json::{Value, json};

use crate::{adopt, row};

/// A dataset, a completed job and a model of it.
fn furnish(db: &mut Client, user: &Caller) -> [String; 3] {
    let dataset = ready_dataset(db, user, 3);
    let job = queue_job(db, user, &dataset, 10);
    assert_eq!(claim(db, "w"), job);
    report(db, &job, json!([point(1, json!(2.5))])).unwrap();
    complete(db, &job).unwrap();
    let model = add_model(db, user, &job, &dataset);
    [dataset, job, model]
}

/// Every pointer from bob's rows to alice's, on rows that break the rules besides, so that no update of them passes.
#[test]
fn rows_that_break_a_rule_and_hang_on_it_do_not_block_it() {
    let database = Database::migrated();
    let mut db = database.connect();
    let (alice, bob) = (sign_up(&mut db, "alice"), sign_up(&mut db, "bob"));
    let [_, hers, her_model] = furnish(&mut db, &alice);
    let [_, his, his_model] = furnish(&mut db, &bob);
    let [dataset, unknown, _] = furnish(&mut db, &bob);
    let running = queue_job(&mut db, &bob, &dataset, 5);
    adopt(
        &mut db,
        &format!(
            "update public.training_jobs set artifact_id = '{her_model}', progress = 150, current_cost = -1, retry_of = '{hers}'
               where id in ('{hers}', '{his}', '{unknown}', '{running}');
             update public.training_jobs set status = 'banana' where id = '{unknown}';
             update public.training_jobs set status = 'running' where id = '{running}';
             update public.model_artifacts set parent_model_id = '{her_model}', status = 'banana' where id in ('{her_model}', '{his_model}');
             insert into public.cost_records (user_id, job_id, cost_type, amount, billing_period)
               values ('{bob}', '{hers}', 'Odd Type', -5, '2026-01-01'), ('{bob}', '{hers}', 'Odd Type', 'NaN', '2026-01-01')",
            bob = bob.id(),
        ),
    );
    let delete = format!("delete from auth.users where id = '{}'", alice.id());
    assert_eq!(db.execute(&delete, &[]).unwrap(), 1);

    for (job, status) in [(&his, "completed"), (&unknown, "failed"), (&running, "failed")] {
        let found = row(&mut db, "training_jobs", job);
        assert_eq!((&found["artifact_id"], &found["retry_of"]), (&Value::Null, &Value::Null), "{found}");
        assert_eq!(found["status"], status, "{found}");
    }
    let model = row(&mut db, "model_artifacts", &his_model);
    assert_eq!(model["parent_model_id"], Value::Null);
    assert_ne!(model["deleted_at"], Value::Null, "it could not be unlinked in any other way");
    let left = "select jsonb_build_array((select count(*) from public.training_jobs), (select count(*) from public.model_artifacts), \
                (select count(*) from public.cost_records where cost_type = 'Odd Type' and job_id is null))";
    assert_eq!(Caller::service().ask(&mut db, left).unwrap(), json!([3, 2, 2]));
}

#[test]
fn a_user_deletes_their_own_account_with_a_job_under_way() {
    let database = Database::migrated();
    let mut db = database.connect();
    let alice = sign_up(&mut db, "alice");
    let [dataset, _, _] = furnish(&mut db, &alice);
    queue_job(&mut db, &alice, &dataset, 5);
    claim(&mut db, "w");
    let delete = format!("delete from auth.users where id = '{}'", alice.id());
    assert_eq!(db.execute(&delete, &[]).unwrap(), 1);
    for table in pg_lora_tests::story::TABLES.into_iter().chain(["training_job_events", "cost_budgets"]) {
        let count = format!("select count(*) from public.{table}");
        assert_eq!(Caller::service().ask(&mut db, &count).unwrap(), 0, "{table}");
    }
}
