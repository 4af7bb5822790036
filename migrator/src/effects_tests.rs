//! What is read off texts, and off the project's own.

use super::{Effect, Lock, Reader, Unknown, Work, all, named};
use crate::embedded::{self, FUNCTION_FILES};

fn read(text: &str) -> (Vec<(String, Lock, Work)>, Vec<Unknown>) {
    let mut reader = Reader { named: named(text), ..Reader::default() };
    reader.read(text);
    (
        reader.effects.into_iter().map(|Effect { table, lock, work, .. }| (table, lock, work)).collect(),
        reader.unknown,
    )
}

#[test]
fn each_clause_has_its_lock_and_its_work() {
    let column = |name: &str| name.to_owned();
    for (text, lock, work) in [
        ("alter table public.a add column b int", Lock::AccessExclusive, Work::Add { column: column("b") }),
        (
            "alter table public.a add column if not exists b int default 1",
            Lock::AccessExclusive,
            Work::Add { column: column("b") },
        ),
        (
            "alter table public.a add column b uuid default gen_random_uuid()",
            Lock::AccessExclusive,
            Work::Fill { column: column("b") },
        ),
        (
            "alter table public.a alter column b type numeric(20, 10)",
            Lock::AccessExclusive,
            Work::Retype { column: column("b"), r#type: "numeric(20,10)".into() },
        ),
        (
            "alter table public.a alter column b set not null",
            Lock::AccessExclusive,
            Work::NotNull { column: column("b") },
        ),
        ("alter table public.a alter column b set default now()", Lock::AccessExclusive, Work::None),
        ("alter table public.a add constraint c check (b > 0)", Lock::AccessExclusive, Work::Scan),
        ("alter table public.a add constraint c check (b > 0) not valid", Lock::AccessExclusive, Work::None),
        (
            "alter table public.a add constraint c primary key (b)",
            Lock::AccessExclusive,
            Work::Index { name: column("c") },
        ),
        ("alter table public.a validate constraint c", Lock::ShareUpdateExclusive, Work::Scan),
        ("alter table public.a set (fillfactor = 80)", Lock::ShareUpdateExclusive, Work::None),
        ("alter table public.a disable trigger t", Lock::ShareRowExclusive, Work::None),
        ("alter table public.a enable row level security", Lock::AccessExclusive, Work::None),
        (
            "create unique index if not exists i on public.a (b)",
            Lock::Share,
            Work::Index { name: column("i") },
        ),
        ("create policy \"p\" on public.a for update to b using (true)", Lock::AccessExclusive, Work::None),
        (
            "create or replace trigger t before update on public.a for each row execute function b()",
            Lock::ShareRowExclusive,
            Work::None,
        ),
        ("comment on column public.a.b is 'x'", Lock::ShareUpdateExclusive, Work::None),
        ("update public.a set b = 1", Lock::RowExclusive, Work::Rows),
        (
            "do $$ begin if true then update public.a set b = 1; end if; end $$",
            Lock::RowExclusive,
            Work::Rows,
        ),
    ] {
        assert_eq!(read(text), (vec![("public.a".to_owned(), lock, work)], vec![]), "{text}");
    }
}

#[test]
fn a_foreign_key_locks_both_of_its_tables() {
    let (found, unknown) =
        read("alter table public.a add constraint c foreign key (b) references public.d (id)");
    assert_eq!(
        found,
        [
            ("public.a".to_owned(), Lock::ShareRowExclusive, Work::Scan),
            ("public.d".to_owned(), Lock::ShareRowExclusive, Work::None),
        ]
    );
    assert_eq!(unknown, []);
    let mut reader = Reader::default();
    reader.read("create table public.a (b uuid references auth.users (id), c uuid references public.a (b))");
    let [one] = &reader.effects[..] else { panic!("{:?}", reader.effects) };
    assert_eq!((one.table.as_str(), one.makes.as_deref()), ("auth.users", Some("public.a")));
}

#[test]
fn a_statement_that_is_put_together_is_of_all_tables_that_the_text_names() {
    let text = "do $$ begin for t in select 'public.datasets'::regclass union select 'public.gpu_prices'::regclass loop
        execute format('alter table %s validate constraint %I', t, c); end loop; end $$";
    let tables: Vec<String> = read(text).0.into_iter().map(|(table, ..)| table).collect();
    assert_eq!(tables, ["public.datasets", "public.gpu_prices"]);
    let text = "do $$ begin perform 'public.datasets'::regclass;
        execute format('comment on column public.%I.%I is %L', t, c, d); end $$";
    let (effects, unknown) = read(text);
    assert_eq!(
        (effects, unknown),
        (vec![("public.datasets".to_owned(), Lock::ShareUpdateExclusive, Work::None)], vec![])
    );
}

#[test]
fn what_is_not_understood_is_said() {
    for text in [
        "alter table public.a alter column b type int using b::int",
        "alter table public.a add column b int references public.c (id)",
        "alter table public.a set unlogged",
        "alter table %s set unlogged",
        "create index concurrently i on public.a (b)",
        "truncate public.a",
        "lock table public.a",
        "drop table public.a",
        "reindex table public.a",
    ] {
        assert_eq!(read(text).1.len(), 1, "{text}");
    }
    for text in [
        "grant truncate on public.a to b",
        "create trigger_less_word",
        "grant select, truncate, update on public.a to b",
    ] {
        assert_eq!(read(text), (vec![], vec![]), "{text}");
    }
}

/// Whoever adds a statement of a new form to a version comes by here.
#[test]
fn every_statement_of_the_project_is_understood() {
    let versions = embedded::versions().iter().map(|version| version.sql);
    let mut words = 0;
    for text in versions.chain(FUNCTION_FILES.iter().map(|file| file.text)) {
        assert_eq!(read(text).1, [], "{}", text.lines().next().unwrap_or_default());
        // Bodies of functions run later, and are not the version's.
        let code = |line: &&str| !line.trim_start().starts_with("--");
        words += text
            .lines()
            .filter(code)
            .filter(|line| {
                let line = line.trim_start();
                [
                    "alter table ",
                    "create index ",
                    "create unique index ",
                    "create policy ",
                    "create or replace trigger ",
                ]
                .iter()
                .any(|start| line.starts_with(start))
            })
            .count();
    }
    let mut statements: Vec<usize> = all()
        .iter()
        .filter(|effect| {
            [
                "create index",
                "create unique",
                "create policy",
                "create or",
                "add ",
                "alter ",
                "drop constraint",
                "enable ",
                "disable ",
                "validate ",
                "set (",
            ]
            .iter()
            .any(|start| effect.clause.starts_with(start))
                && effect.makes.is_none()
                && !effect.clause.starts_with("alter publication")
        })
        .map(|effect| effect.statement)
        .collect();
    statements.dedup();
    // Three of them are put together in texts: triggers off, triggers on, constraints validated.
    assert_eq!(statements.len(), words + 3);
}

#[test]
fn what_is_known_to_take_long_is_among_it() {
    let rewritten: Vec<(i32, &str)> = all()
        .iter()
        .filter(|effect| matches!(effect.work, Work::Retype { .. } | Work::Fill { .. }))
        .map(|effect| (effect.version.unwrap(), effect.table.as_str()))
        .collect();
    let mut rewritten = rewritten;
    rewritten.dedup();
    assert_eq!(rewritten, [(2, "public.metrics_points"), (2, "public.cost_records")]);
    let validated =
        all().iter().filter(|effect| effect.version == Some(7) && effect.work == Work::Scan).count();
    assert_eq!(validated, 6);
}

#[test]
fn locks_conflict_as_the_manual_says() {
    let table =
        ["       X", "      XX", "    XXXX", "   XXXXX", "  XX XXX", "  XXXXXX", " XXXXXXX", "XXXXXXXX"];
    for (row, (one, ..)) in table.iter().zip(Lock::ALL) {
        let found: String =
            Lock::ALL.iter().map(|(other, ..)| if one.conflicts(*other) { 'X' } else { ' ' }).collect();
        assert_eq!(*row, found, "{one:?}");
    }
    assert_eq!(Lock::named("ShareRowExclusiveLock"), Some(Lock::ShareRowExclusive));
}
