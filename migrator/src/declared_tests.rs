//! What is read off a text, and off the project's own.

use super::{Key, Shape, What, all, read};

#[test]
fn a_table_has_columns_and_the_constraints_that_stand_with_them() {
    let found = read(
        "create table if not exists public.a (
           id uuid primary key default gen_random_uuid(),
           b varchar(50) not null unique,
           c numeric(10, 2) default 0,
           d uuid references public.\"E\" (id) on delete cascade,
           constraint a_c_check check (c > 0 and c < 5)
         );",
    );
    let column = |name: &str, r#type: &str, not_null, default: Option<&str>| What::Column {
        table: "public.a".into(),
        name: name.into(),
        shape: Shape { r#type: r#type.into(), not_null, default: default.map(str::to_owned) },
        created: true,
    };
    let constraint = |name: &str, definition: &str| What::Constraint {
        table: "public.a".into(),
        name: name.into(),
        definition: definition.into(),
        inline: true,
    };
    assert_eq!(
        found,
        [
            What::Table { name: "public.a".into(), if_absent: true },
            column("id", "uuid", true, Some("gen_random_uuid()")),
            constraint("a_pkey", "primary key (id)"),
            column("b", "character varying(50)", true, None),
            constraint("a_b_key", "unique (b)"),
            column("c", "numeric(10,2)", false, Some("0")),
            column("d", "uuid", false, None),
            constraint("a_d_fkey", "foreign key (d) references public.\"E\" (id) on delete cascade"),
            constraint("a_c_check", "check (c > 0 and c < 5)"),
        ]
    );
}

#[test]
fn what_a_do_block_does_counts_and_what_a_comment_or_a_function_says_does_not() {
    let found = read(
        "-- create table public.no (a int);
         create or replace function public.f() returns void language sql as $$ create table public.no (a int) $$;
         do $$ begin
           if true then alter table public.a add constraint k foreign key (b) references c (d); end if;
           execute 'create or replace trigger t after insert on x.y for each row execute function z()';
         end $$;",
    );
    assert_eq!(
        found,
        [
            What::Function { name: "public.f".into() },
            What::Constraint {
                table: "public.a".into(),
                name: "k".into(),
                definition: "foreign key (b) references c (d)".into(),
                inline: false
            },
            What::Trigger { table: "x.y".into(), name: "t".into() },
        ]
    );
}

#[test]
fn a_unique_index_knows_what_it_keeps_apart() {
    let text = "create unique index if not exists i on public.a (b, lower(c)) where d is null";
    let key = Key { columns: "b, lower(c)".into(), predicate: Some("d is null".into()) };
    let expected = What::Index {
        table: "public.a".into(),
        name: "i".into(),
        unique: Some(key),
        statement: text.into(),
        concurrently: false,
    };
    assert_eq!(read(text), [expected]);
}

/// The columns whose type changes under the rows of an adopted database: whoever adds one here has thought of what may
/// depend on it.
#[test]
fn the_columns_that_change_their_type() {
    let retyped: Vec<String> = all()
        .iter()
        .filter_map(|declared| match &declared.what {
            What::Retype { table, column, r#type } => {
                Some(format!("{table}.{column} {type}", r#type = r#type))
            }
            _ => None,
        })
        .collect();
    assert_eq!(
        retyped,
        [
            "public.metrics_points.training_loss double precision",
            "public.metrics_points.validation_loss double precision",
            "public.metrics_points.learning_rate double precision",
            "public.metrics_points.gradient_norm double precision",
            "public.metrics_points.throughput double precision",
            "public.metrics_points.gpu_utilization double precision",
            "public.cost_records.amount numeric(20,10)",
        ]
    );
}

#[test]
fn the_tables_whose_rows_change() {
    let mut updated: Vec<&str> = all()
        .iter()
        .filter_map(|declared| match &declared.what {
            What::Update { table } => Some(table.as_str()),
            _ => None,
        })
        .collect();
    updated.dedup();
    assert_eq!(updated, ["public.metrics_points", "public.datasets", "public.training_jobs"]);
}

/// No statement of a kind that is read is written in a form that is not: each begins with words that occur nowhere else.
#[test]
fn every_statement_of_the_project_is_read() {
    let count = |wanted: fn(&What) -> bool| all().iter().filter(|declared| wanted(&declared.what)).count();
    let texts = || {
        let versions = crate::embedded::versions().iter().map(|version| version.sql);
        versions.chain(crate::embedded::FUNCTION_FILES.iter().map(|file| file.text))
    };
    let said = |words: &str| -> usize {
        let code = |line: &&str| !line.trim_start().starts_with("--");
        texts().map(|text| text.lines().filter(code).filter(|line| line.contains(words)).count()).sum()
    };
    assert_eq!(count(|what| matches!(what, What::Table { .. })), said("create table "));
    assert_eq!(
        count(|what| matches!(what, What::Index { .. })),
        said("create index ") + said("create unique index ")
    );
    assert_eq!(count(|what| matches!(what, What::Policy { .. })), said("create policy "));
    assert_eq!(count(|what| matches!(what, What::Trigger { .. })), said("create or replace trigger "));
    assert_eq!(count(|what| matches!(what, What::Function { .. })), said("create or replace function "));
    assert_eq!(
        count(|what| matches!(what, What::Retype { .. })),
        said(" type double precision") + said(" type numeric(")
    );
    let constraints = count(|what| matches!(what, What::Constraint { inline: false, .. }));
    assert_eq!(constraints, said("add constraint "));
    assert_eq!(said("create trigger ") + said("create function ") + said("create procedure "), 0);
    assert_eq!(said("create view ") + said("create type ") + said("create sequence "), 0);
}
