//! What others built on the tables of a database that is adopted, and what blocks nothing: it stays, and is named.

use pg_lora_tests::Database;
use serde_json::json;

use crate::obstacles::THEIRS;
use crate::{recorded, seeded, value};

/// What looks like the above and does not block.
const HARMLESS: &str = "
create view public.v1 as select id, job_id, step from public.metrics_points;
create view public.v2 as select m from public.metrics_points m;
create materialized view public.v3 as select count(*) from public.datasets;
create table public.theirs (dataset_id uuid references public.datasets);
create rule r as on insert to public.metrics_points do also select 1;
create policy p on public.metrics_points using (step > 1);
create trigger t1 before insert or update on public.metrics_points for each row execute function public.theirs();
create trigger t2 before update on public.metrics_points for each row when (old.* is distinct from new.*)
  execute function public.theirs();
create function public.f1(m public.metrics_points) returns numeric language sql as 'select m.training_loss';
create function public.f2() returns setof public.cost_records language sql as 'select * from public.cost_records';
create function public.f3() returns bigint language sql begin atomic select count(*) from public.metrics_points; end;
create publication p1 for table public.metrics_points;
create publication p2 for table public.metrics_points (id, step) where (step > 1) with (publish = 'insert');
create publication p3 for table public.datasets (id, name) where (id is not null);
create index i1 on public.metrics_points (training_loss);
create index i2 on public.metrics_points (job_id) where training_loss > 1.5;
create index i3 on public.metrics_points using brin (training_loss);
create statistics public.s1 on training_loss, step from public.metrics_points;
alter table public.metrics_points add constraint c1 check (training_loss > 0.5);
alter table public.metrics_points add column theirs numeric default 1;
alter table public.training_jobs replica identity using index training_jobs_pkey;
create table public.child () inherits (public.metrics_points);
grant select (training_loss) on public.metrics_points to anon;
create index training_jobs_user_id_created_at_idx on public.training_jobs (user_id, created_at desc);
alter table public.cost_records add column gpus integer;
";

#[test]
fn what_does_not_block_is_not_refused_and_is_named_afterwards() {
    let database = seeded();
    let mut db = database.connect();
    db.batch_execute(THEIRS).unwrap();
    db.batch_execute(HARMLESS).unwrap();
    let answer = database.pg_lora(&["migrate", "--output", "json"]).expect(0).json();
    assert_eq!(answer["obstacles"], json!([]));
    let named: Vec<String> = answer["foreign_objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|object| {
            format!("{} {}", object["type"].as_str().unwrap(), object["identity"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        named,
        [
            "column public.metrics_points.theirs",
            "constraint c1 on public.metrics_points",
            "constraint theirs_dataset_id_fkey on public.theirs",
            "function public.f1(public.metrics_points)",
            "function public.f2()",
            "function public.f3()",
            "function public.theirs()",
            "function public.update_updated_at_column()",
            "index i1 on public.metrics_points",
            "index i2 on public.metrics_points",
            "index i3 on public.metrics_points",
            "materialized view public.v3",
            "publication p1",
            "publication p2",
            "publication p3",
            "rule r on public.metrics_points",
            "statistics public.s1",
            "table public.child",
            "trigger t1 on public.metrics_points",
            "trigger t2 on public.metrics_points",
            "view public.v1",
            "view public.v2",
        ]
    );
    let granted = "select has_column_privilege('anon', 'public.metrics_points', 'training_loss', 'select')";
    assert_eq!(value(&mut db, granted), json!(false), "rights are all ours to give");
    assert_eq!(recorded(&mut db), recorded(&mut Database::migrated().connect()));
}

/// Permissive policies are OR-ed: one that nobody remembers opens what ours keep closed.
#[test]
fn a_policy_that_somebody_added_is_a_warning() {
    let database = seeded();
    let mut db = database.connect();
    let open = "create policy \"Open\" on public.cost_records for select to anon, authenticated using (true);
                create policy \"Closed\" on public.datasets as restrictive for insert with check (name <> '')";
    db.batch_execute(open).unwrap();
    let expected = json!([
        {
            "table": "public.cost_records", "name": "Open", "permissive": true, "command": "select",
            "roles": ["anon", "authenticated"], "using": "true", "check": null
        },
        {
            "table": "public.datasets", "name": "Closed", "permissive": false, "command": "insert",
            "roles": ["public"], "using": null, "check": "((name)::text <> ''::text)"
        }
    ]);
    let migrated = database.pg_lora(&["migrate", "--output", "json"]).expect(0);
    let status = database.pg_lora(&["status", "--check", "--output", "json"]).expect(0);
    for outcome in [migrated, status] {
        assert_eq!(outcome.json()["foreign_policies"], expected);
        for words in [
            "warning: policy \"Open\" on public.cost_records is not pg_lora's, and opens rows beside its own: \
             select to anon, authenticated, using true\nhint: drop policy \"Open\" on public.cost_records",
            "note: restrictive policy \"Closed\" on public.datasets is not pg_lora's",
        ] {
            assert!(outcome.stderr.contains(words), "{words}: {}", outcome.stderr);
        }
    }
    db.batch_execute(
        "drop policy \"Open\" on public.cost_records; drop policy \"Closed\" on public.datasets",
    )
    .unwrap();
    let again = database.pg_lora(&["migrate", "--output", "json"]).expect(0);
    assert_eq!((&again.json()["foreign_policies"], &again.json()["changed"]), (&json!([]), &json!(false)));
    assert!(!again.stderr.contains("policy"), "{}", again.stderr);
}

#[test]
fn on_a_fresh_database_there_is_nothing_foreign_and_nothing_broken() {
    let database = Database::migrated();
    for command in ["migrate", "status"] {
        let answer = database.pg_lora(&[command, "--output", "json"]).expect(0).json();
        for list in ["obstacles", "foreign_policies", "foreign_objects", "broken_rules"] {
            assert_eq!(answer[list], json!([]), "{command} {list}");
        }
        assert_eq!(answer["repeated_points"], json!(null));
    }
}
