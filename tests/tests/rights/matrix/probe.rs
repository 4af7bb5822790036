//! Tries what `allowed` and its tables list, and says what came of it in their words.
//!
//! Each try is a request of its own and is rolled back, unless it was refused: then there must be nothing to roll back,
//! and the digests of all tables say whether that is so.

use pg_lora_tests::{Caller, Refusal};
use postgres::{Client, Error};

use super::allowed::{Callers, Column, NONE, OURS, Section, YES};
use super::calls::CALLS;
use super::files::FILES;
use super::tables::SECTIONS;
use super::victim::Victim;

/// One line of the matrix.
pub struct Line {
    pub section: &'static str,
    pub operation: String,
    /// What is allowed, for nobody, the owner, another user and the service.
    pub allowed: Callers,
    pub observed: [String; 4],
    /// What the server said to each, if it refused.
    pub words: [String; 4],
}

/// One request: what it is, and which column it is about.
struct Try<'a> {
    /// Run before, by the owner of the tables.
    before: &'a str,
    statement: String,
    column: &'a str,
}

/// Everything of which it is written down who may do it.
pub fn matrix(db: &mut Client, victim: &Victim) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut line = |section, operation: String, what: &Try<'_>, allowed: Callers| {
        let outcomes = [0, 1, 2, 3].map(|n| match allowed[n] {
            "" => (String::new(), String::new()),
            _ => request(db, &victim.callers[n], victim, what),
        });
        let (observed, words) = (outcomes.clone().map(|o| o.0), outcomes.map(|o| o.1));
        lines.push(Line { section, operation, allowed, observed, words });
    };
    for section in &SECTIONS {
        let fill = |text: &str| text.replace("{table}", section.table).replace("{row}", section.row);
        for (name, statement, allowed) in section.whole {
            let statement = if *name == "select" { select(section.table) } else { fill(statement) };
            line(section.title, (*name).to_owned(), &Try { before: "", statement, column: "" }, *allowed);
        }
        if !section.new_row.is_empty() {
            let what = Try { before: section.before_insert, statement: insert(section, None), column: "" };
            line(section.title, "insert".to_owned(), &what, section.insert);
        }
        for column in
            section.columns.iter().filter(|column| !column.2[0].is_empty() || !column.2[2].is_empty())
        {
            let statement = insert(section, Some(column));
            let what = Try { before: section.before_insert, statement, column: column.0 };
            line(
                section.title,
                format!("insert `{} = {}`", column.0, column.1),
                &what,
                section.insert_of(column),
            );
        }
        for column in
            section.columns.iter().filter(|column| !column.2[1].is_empty() || !column.2[3].is_empty())
        {
            let (name, value, _) = column;
            let statement = fill(&format!(
                "update public.{{table}} set {name} = {value} where {{row}} returning {name} is not distinct from {value}"
            ));
            let what = Try { before: "", statement, column: name };
            line(section.title, format!("update `{name} = {value}`"), &what, section.update_of(column));
        }
    }
    for (call, allowed) in CALLS {
        let statement = format!("select true from public.{call} limit 1");
        line("Functions", format!("`{call}`"), &Try { before: "", statement, column: "" }, allowed);
    }
    for (name, statement, allowed) in FILES {
        let what = Try { before: "", statement: statement.to_owned(), column: "" };
        line("Files", name.to_owned(), &what, allowed);
    }
    lines
}

/// How many rows there are, and how many of them are the caller's.
fn select(table: &str) -> String {
    let own = match table {
        "metrics_points" | "custom_metrics" | "training_job_events" => {
            "job_id in (select id from public.training_jobs where user_id = '{me}')"
        }
        "gpu_prices" => "false",
        _ => "user_id = '{me}'",
    };
    format!("select count(*), count(*) filter (where {own}) from public.{table}")
}

fn insert(section: &Section, column: Option<&Column>) -> String {
    let (name, value) = column.map_or(("", ""), |column| (column.0, column.1));
    let usual = section.new_row.iter().filter(|(usual, _)| *usual != name).copied();
    let (names, values): (Vec<_>, Vec<_>) = usual.chain(column.map(|_| (name, value))).unzip();
    let kept =
        if name.is_empty() { "true".to_owned() } else { format!("{name} is not distinct from {value}") };
    format!(
        "insert into public.{} ({}) values ({}) returning {kept}",
        section.table,
        names.join(", "),
        values.join(", ")
    )
}

/// What came of it, and the words of a refusal.
fn request(db: &mut Client, caller: &Caller, victim: &Victim, what: &Try<'_>) -> (String, String) {
    let statement = victim.fill(&what.statement);
    if statement.starts_with("select count(*)") {
        return seen(db, caller, &statement);
    }
    let mut transaction = caller.begin(db).unwrap();
    if !what.before.is_empty() {
        let before = victim.fill(what.before);
        let role = caller.role();
        transaction.batch_execute(&format!("set local role none; {before}; set local role {role}")).unwrap();
    }
    match transaction.query(&statement, &[]) {
        Err(error) => refused(error, what.column),
        // Truncate answers nothing.
        Ok(_) if statement.starts_with("truncate") => (YES.to_owned(), String::new()),
        Ok(rows) => {
            let kept: Vec<bool> = rows.iter().map(|row| row.get(0)).collect();
            let outcome = match kept.as_slice() {
                [] => NONE.to_owned(),
                [true] => YES.to_owned(),
                [false] => OURS.to_owned(),
                more => format!("{} rows", more.len()),
            };
            (outcome, String::new())
        }
    }
}

/// Which of the rows that are there the caller sees.
fn seen(db: &mut Client, caller: &Caller, count: &str) -> (String, String) {
    let me = if caller.id().is_empty() { "00000000-0000-4000-8000-000000000000" } else { caller.id() };
    let count = count.replace("{me}", me);
    let both = |row: postgres::Row| -> (i64, i64) { (row.get(0), row.get(1)) };
    let (all, own) = both(db.query_one(&count, &[]).unwrap());
    match caller.run(db, |t| t.query_one(&count, &[])).map(both) {
        Err(error) => refused(error, ""),
        Ok((0, _)) => (NONE.to_owned(), String::new()),
        Ok((seen, _)) if seen == all => ("all rows".to_owned(), String::new()),
        Ok(seen) if seen == (own, own) => ("own rows".to_owned(), String::new()),
        Ok((seen, own)) => (format!("{seen} rows, {own} of them own"), String::new()),
    }
}

/// The SQLSTATE, whether the message names the column, and whether there is a hint.
fn refused(error: Error, column: &str) -> (String, String) {
    let refusal = Refusal::of::<()>(Err(error));
    let mut outcome = refusal.code.clone();
    if !column.is_empty() && refusal.message.contains(&format!("\"{column}\"")) {
        outcome.push_str(", column");
    }
    if !refusal.hint.is_empty() {
        outcome.push_str(", hint");
    }
    (outcome, refusal.message)
}
