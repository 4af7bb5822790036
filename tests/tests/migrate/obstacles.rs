//! What stands in the way of a version on a database that is adopted: it is refused by name before anything is written,
//! with the statement after which it is not.

use serde_json::{Value, json};

use crate::{assert_same, schema, seeded, value};

/// What the cases build on.
pub const THEIRS: &str = "create schema another_schema;
    create function public.theirs() returns trigger language plpgsql as $$ begin return new; end $$;";

/// What is expected to stand in the way: its setup, the kind and name that the refusal says, and what to run instead.
type Case = (&'static str, &'static str, &'static str, &'static str);

/// Everything that Postgres lets depend on a column or on a key so that it does not let them change.
const BLOCKING: &[Case] = &[
    (
        "create view public.v as select training_loss from public.metrics_points",
        "view",
        "public.v",
        "drop view public.v;",
    ),
    (
        "create view public.\"V w\" as select * from public.cost_records",
        "view",
        "public.\"V w\"",
        "drop view public.\"V w\";",
    ),
    (
        "create materialized view public.v as select learning_rate from public.metrics_points",
        "materialized view",
        "public.v",
        "drop materialized view public.v;",
    ),
    (
        "create view public.v as select id, epoch, count(*) from public.metrics_points group by id",
        "view",
        "public.v",
        "drop view public.v;",
    ),
    (
        "create rule r as on update to public.metrics_points where new.throughput > 1 do also select 1",
        "rule",
        "r on public.metrics_points",
        "drop rule r on public.metrics_points;",
    ),
    (
        "create rule r as on update to public.datasets do instead nothing",
        "rule",
        "\"r\" on public.datasets",
        "drop rule \"r\" on public.datasets;",
    ),
    (
        "create policy p on public.metrics_points using (training_loss > 1)",
        "policy",
        "p on public.metrics_points",
        "drop policy p on public.metrics_points;",
    ),
    (
        "create table public.t (); create policy p on public.t using (exists (select from public.cost_records where amount > 1))",
        "policy",
        "p on public.t",
        "drop policy p on public.t;",
    ),
    (
        "create trigger t before update of gpu_utilization on public.metrics_points for each row execute function public.theirs()",
        "trigger",
        "t on public.metrics_points",
        "drop trigger t on public.metrics_points;",
    ),
    (
        "create trigger t before update on public.cost_records for each row when (new.amount > 1) execute function public.theirs()",
        "trigger",
        "t on public.cost_records",
        "drop trigger t on public.cost_records;",
    ),
    (
        "alter table public.metrics_points add column g numeric generated always as (training_loss * 2) stored",
        "generated column",
        "public.metrics_points.g",
        "alter table public.metrics_points drop column g;",
    ),
    (
        "create function public.f() returns numeric language sql begin atomic select gradient_norm from public.metrics_points; end",
        "function",
        "public.f()",
        "drop function public.f();",
    ),
    (
        "create publication p for table public.metrics_points (id, training_loss)",
        "publication",
        "p",
        "alter publication p drop table public.metrics_points;",
    ),
    (
        "create publication p for table public.cost_records where (amount > 1)",
        "publication",
        "p",
        "alter publication p drop table public.cost_records;",
    ),
    (
        "create publication p for table public.metrics_points where (step > 1)",
        "publication",
        "p",
        "alter publication p drop table public.metrics_points;",
    ),
    (
        "create publication p for table public.metrics_points (id, epoch)",
        "publication",
        "p",
        "alter publication p drop table public.metrics_points;",
    ),
    (
        "create publication p for table public.metrics_points where (id is not null) with (publish = 'delete')",
        "publication",
        "p",
        "alter publication p drop table public.metrics_points;",
    ),
    (
        "create publication p for table public.datasets where (status = 'ready') with (publish = 'insert, update')",
        "publication",
        "p",
        "alter publication p drop table public.datasets;",
    ),
    (
        "alter table public.training_jobs replica identity full; create publication p for table public.training_jobs (id, status)",
        "publication",
        "p",
        "alter publication p drop table public.training_jobs;",
    ),
    (
        "alter table public.metrics_points replica identity using index metrics_points_pkey",
        "replica identity",
        "of public.metrics_points",
        "alter table public.metrics_points replica identity default;",
    ),
    (
        "alter table public.training_jobs replica identity nothing; create publication p for all tables",
        "replica identity",
        "of public.training_jobs",
        "alter table public.training_jobs replica identity default;",
    ),
    (
        "create index i on public.metrics_points (round(training_loss, 2))",
        "index",
        "public.i",
        "drop index public.i;",
    ),
    (
        "create index i on public.metrics_points using brin (training_loss numeric_minmax_multi_ops)",
        "index",
        "public.i",
        "drop index public.i;",
    ),
    (
        "create statistics public.s on (round(training_loss, 2)), step from public.metrics_points",
        "statistics",
        "public.s",
        "drop statistics public.s;",
    ),
    (
        "alter table public.metrics_points add constraint c check (training_loss % 2 >= 0)",
        "constraint",
        "c on public.metrics_points",
        "alter table public.metrics_points drop constraint c;",
    ),
    (
        "create table public.t (m public.metrics_points[])",
        "column",
        "public.t.m",
        "alter table public.t drop column m;",
    ),
    (
        "create type public.c as (m public.cost_records); create domain public.d as public.c; create table public.t (x public.d)",
        "column",
        "public.t.x",
        "alter table public.t drop column x;",
    ),
    (
        "create table public.t (training_loss numeric(10, 6)); alter table public.metrics_points inherit public.t",
        "column",
        "public.metrics_points.training_loss",
        "alter table public.metrics_points no inherit public.t;",
    ),
    (
        "create table public.child () inherits (public.metrics_points); create view public.v as select training_loss from public.child",
        "view",
        "public.v",
        "drop view public.v;",
    ),
    (
        "create table public.t (point uuid constraint k references public.metrics_points (id))",
        "constraint",
        "k on public.t",
        "alter table public.t drop constraint k;",
    ),
    (
        "create table public.t (path text constraint k references public.datasets (storage_path))",
        "constraint",
        "k on public.t",
        "alter table public.t drop constraint k;",
    ),
];

/// Names of ours that something else has, and tables that are not those of the specification.
const TAKEN: &[Case] = &[
    (
        "create table public.cost_budgets (id int)",
        "table",
        "public.cost_budgets",
        "alter table public.cost_budgets rename to another_name;",
    ),
    (
        "create view public.gpu_prices as select 1 as x",
        "view",
        "public.gpu_prices",
        "alter view public.gpu_prices rename to another_name;",
    ),
    (
        "create type public.gpu_prices as enum ('a')",
        "type",
        "public.gpu_prices",
        "drop type public.gpu_prices;",
    ),
    (
        "create sequence public.training_job_events",
        "sequence",
        "public.training_job_events",
        "alter sequence public.training_job_events rename to another_name;",
    ),
    (
        "create table public.t (x int); create index gpu_prices_pkey on public.t (x)",
        "index",
        "public.gpu_prices_pkey",
        "alter index public.gpu_prices_pkey rename to another_name;",
    ),
    (
        "alter table public.training_jobs add column attempt text",
        "column",
        "public.training_jobs.attempt",
        "alter table public.training_jobs rename column attempt to another_name;",
    ),
    (
        "alter table public.training_jobs add column attempt integer",
        "column",
        "public.training_jobs.attempt",
        "alter table public.training_jobs rename column attempt to another_name;",
    ),
    (
        "alter table public.datasets add constraint datasets_status_check check (status <> 'x')",
        "constraint",
        "datasets_status_check on public.datasets",
        "alter table public.datasets drop constraint datasets_status_check;",
    ),
    (
        "create policy \"Users can view own costs\" on public.cost_records using (auth.uid() = user_id)",
        "policy",
        "\"Users can view own costs\" on public.cost_records",
        "drop policy \"Users can view own costs\" on public.cost_records;",
    ),
    (
        "create policy \"Users can view own files\" on storage.objects for select using (true)",
        "policy",
        "\"Users can view own files\" on storage.objects",
        "drop policy \"Users can view own files\" on storage.objects;",
    ),
    (
        "create index datasets_user_id_created_at_idx on public.datasets (user_id)",
        "index",
        "public.datasets_user_id_created_at_idx",
        "alter index public.datasets_user_id_created_at_idx rename to another_name;",
    ),
    (
        "create function public.cost_summary(a int) returns int language sql as 'select a'",
        "function",
        "public.cost_summary(integer)",
        "alter function public.cost_summary(integer) rename to another_name;",
    ),
    (
        "create trigger a_guard_datasets before insert on public.datasets for each row execute function public.theirs()",
        "trigger",
        "a_guard_datasets on public.datasets",
        "alter trigger a_guard_datasets on public.datasets rename to another_name;",
    ),
    (
        "create schema lora; create function lora.f() returns int language sql as 'select 1'",
        "function",
        "lora.f()",
        "alter function lora.f() set schema another_schema;",
    ),
    (
        "create schema lora_private; create function lora_private.clock() returns int language sql as 'select 1'",
        "function",
        "lora_private.clock()",
        "alter function lora_private.clock() rename to another_name;",
    ),
    (
        "alter table public.datasets alter column name type text",
        "column",
        "public.datasets.name",
        "alter table public.datasets alter column name type character varying(200);",
    ),
    (
        "alter table public.datasets alter column description set not null",
        "column",
        "public.datasets.description",
        "alter table public.datasets alter column description drop not null;",
    ),
    (
        "alter table public.datasets alter column status set default 'ready'",
        "column",
        "public.datasets.status",
        "alter table public.datasets alter column status set default 'uploading';",
    ),
    (
        "alter table public.datasets drop constraint datasets_storage_path_key",
        "constraint",
        "datasets_storage_path_key on public.datasets",
        "alter table public.datasets add constraint datasets_storage_path_key unique (storage_path);",
    ),
    (
        "alter table public.training_jobs drop constraint training_jobs_dataset_id_fkey;
         alter table public.training_jobs add constraint training_jobs_dataset_id_fkey
           foreign key (dataset_id) references public.datasets (id) on delete cascade",
        "constraint",
        "training_jobs_dataset_id_fkey on public.training_jobs",
        "alter table public.training_jobs drop constraint training_jobs_dataset_id_fkey, add constraint \
         training_jobs_dataset_id_fkey foreign key (dataset_id) references public.datasets (id) on delete restrict;",
    ),
    (
        "drop table public.notifications; create view public.notifications as select 1 as id",
        "view",
        "public.notifications",
        "alter view public.notifications rename to another_name;",
    ),
    (
        "alter table public.datasets force row level security",
        "table",
        "public.datasets",
        "alter table public.datasets no force row level security;",
    ),
];

/// Refused with the name and what to run, with nothing written; and where that was run, migrated.
fn is_refused((setup, kind, name, remedy): &Case) {
    let database = seeded();
    let mut db = database.connect();
    db.batch_execute(THEIRS).unwrap();
    db.batch_execute(setup).unwrap_or_else(|error| panic!("{setup}: {error:?}"));
    let before = schema(&database);
    let outcome = database.pg_lora(&["migrate"]).expect(11);
    let words = &outcome.stderr;
    assert!(words.starts_with(&format!("error: {kind} {name} stands in the way\n")), "{setup}: {words}");
    assert!(words.contains("\nhint: ") && words.contains(remedy), "{setup}: {words}");
    let answer = database.pg_lora(&["migrate", "--output", "json"]).expect(11).json();
    let obstacles = answer["obstacles"].as_array().unwrap();
    assert!(obstacles.iter().all(|o| o["type"] == *kind && o["identity"] == *name), "{setup}: {answer}");
    assert_same(&schema(&database), &before);

    db.batch_execute(remedy).unwrap_or_else(|error| panic!("{remedy}: {error:?}"));
    database.pg_lora(&["migrate"]).expect(0);
}

#[test]
fn what_blocks_a_change_of_a_type_or_of_a_key_is_refused_by_name() {
    BLOCKING.iter().for_each(is_refused);
}

#[test]
fn a_name_that_is_taken_is_refused_by_name() {
    TAKEN.iter().for_each(is_refused);
}

#[test]
fn many_things_are_named_at_once() {
    let database = seeded();
    let mut db = database.connect();
    db.batch_execute(
        "create view public.one as select amount from public.cost_records;
         create view public.two as select training_loss from public.metrics_points;
         create table public.gpu_prices (id int)",
    )
    .unwrap();
    let outcome = database.pg_lora(&["migrate"]).expect(11);
    assert!(outcome.stderr.starts_with("error: 3 things stand in the way\n"), "{}", outcome.stderr);
    for line in [
        "table public.gpu_prices: a pending version makes a table of this name",
        "view public.one: a pending version changes column public.cost_records.amount",
        "view public.two: a pending version changes column public.metrics_points.training_loss",
    ] {
        assert!(outcome.stderr.contains(line), "{line}: {}", outcome.stderr);
    }
    let status = database.pg_lora(&["status", "--check"]).expect(5);
    let line = "obstacle   view public.one: a pending version changes column public.cost_records.amount\n";
    assert!(status.stdout.contains(line), "{}", status.stdout);
    let status = database.pg_lora(&["status", "--check", "--output", "json"]).expect(5).json();
    let named: Vec<&Value> = status["obstacles"].as_array().unwrap().iter().map(|o| &o["identity"]).collect();
    assert_eq!(named, ["public.gpu_prices", "public.one", "public.two"], "status names them, too");
    assert_eq!(value(&mut db, "select to_regnamespace('lora_migrate') is null"), json!(true));
}

/// In the order in which they can go.
#[test]
fn what_stands_on_something_that_blocks_is_named_before_it() {
    let database = seeded();
    let mut db = database.connect();
    db.batch_execute(
        "create view public.a as select amount, job_id from public.cost_records;
         create materialized view public.b as select amount from public.a;
         create view public.c as select a.amount from public.a join public.b using (amount);
         create function public.d() returns bigint language sql begin atomic select count(*) from public.c; end;
         create table public.t (x bigint default public.d());
         create view public.e as select public.d() as x",
    )
    .unwrap();
    let refused = database.pg_lora(&["migrate", "--output", "json"]).expect(11).json();
    let remedies: Vec<&str> =
        refused["obstacles"].as_array().unwrap().iter().map(|o| o["remedy"].as_str().unwrap()).collect();
    assert_eq!(
        remedies,
        [
            "alter table public.t alter column x drop default",
            "drop view public.e",
            "drop function public.d()",
            "drop view public.c",
            "drop materialized view public.b",
            "drop view public.a",
        ]
    );
    let reason = "a pending version changes column public.cost_records.amount, which public.a uses";
    assert_eq!(refused["obstacles"][4]["reason"], reason);
    db.batch_execute(&remedies.join("; ")).unwrap();
    database.pg_lora(&["migrate"]).expect(0);
}
