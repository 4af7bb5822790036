//! `pg-lora plan`: what a run would do, to which tables and under which locks, and who is in its way right now.
//!
//! Invariant: nothing is written, and nothing needed but to read catalogues and the history; whoever has locked a table is
//! not waited for. Rows, sizes and times are the server's own estimates and one measured rate; they are said to be estimates.

use std::collections::BTreeSet;
use std::time::Duration;

use postgres::Transaction;
use postgres::types::Type;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::connect::Session;
use crate::declared::{self, Declared, What};
use crate::effects::{self, Effect, Lock, Work};
use crate::error::{Error, Exit};
use crate::obstacles::{self, Obstacle};
use crate::plan::{self, Plan};
use crate::report::{Report, printable, say};
use crate::sql_tokens::{Kind, tokens};
use crate::survey::Survey;
use crate::{cli, layer, query, sql_error, standing, survey};

/// What one row of a table takes that is written anew: 3 s for a million points, their indexes included.
const REWRITE: Duration = Duration::from_micros(3);

/// How many characters of a query are shown.
const LONGEST_QUERY: usize = 80;

/// What the tables are like now; see `forecast_tables.sql`.
#[derive(Debug, Default, Deserialize)]
struct Now {
    tables: Vec<Size>,
    columns: Vec<Column>,
    indexes: Vec<OnTable>,
    constraints: Vec<OnTable>,
    sessions: Vec<Holder>,
}

#[derive(Clone, Debug, Deserialize)]
struct Size {
    name: String,
    bytes: u64,
    rows: u64,
    analysed: bool,
}

#[derive(Debug, Deserialize)]
struct Column {
    table: String,
    name: String,
    r#type: String,
    not_null: bool,
}

/// An index or a constraint.
#[derive(Debug, Deserialize)]
struct OnTable {
    table: String,
    name: String,
}

/// A session that holds or awaits a lock on a table.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Holder {
    pid: i32,
    application: Option<String>,
    user: Option<String>,
    state: Option<String>,
    /// How long its transaction has been open, or it has waited.
    seconds: Option<u64>,
    table: String,
    mode: String,
    granted: bool,
    query: Option<String>,
    /// Whether what is pending cannot have its own lock beside this one.
    #[serde(default)]
    in_the_way: bool,
}

/// What is done to one table.
#[derive(Debug, Serialize)]
struct Touched {
    table: String,
    /// The strongest.
    lock: &'static str,
    rewrites: Vec<String>,
    scans: Vec<String>,
    /// Whether some of its rows are changed.
    changes_rows: bool,
    rows: u64,
    bytes: u64,
    /// Whether the number of rows is that of an ANALYZE.
    analysed: bool,
    /// Of what is written anew.
    seconds: Option<f64>,
    #[serde(skip)]
    locks: BTreeSet<Lock>,
}

/// A version or a layer that is pending.
#[derive(Debug, Serialize)]
struct Pending {
    r#type: &'static str,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<i32>,
    /// All of its locks are held until it commits.
    seconds: f64,
    tables: Vec<Touched>,
}

/// Runs the command.
pub fn run(session: &mut Session, options: &cli::Plan, report: &mut Report) -> Result<(), Error> {
    report.expect(&["pending", "steps", "sessions", "obstacles"], &["up_to_date", "edition"]);
    let (facts, plan, obstacles, now) = survey::look(session, |transaction, survey| {
        let plan = plan::make_for(&survey, false, options.provider)?;
        let now = look(transaction, &pending_effects(&plan))?;
        let obstacles = obstacles(transaction, &survey, &plan, &now)?;
        Ok((survey.facts, plan, obstacles, now))
    })?;
    report.server(&facts);
    let steps = steps(&plan, &now);
    let sessions = in_the_way(&now.sessions, &steps);
    describe(&plan, &steps, &sessions, &obstacles, report);
    report.set("pending", plan.left());
    report.set("up_to_date", plan.is_empty());
    report.set("edition", plan.edition);
    report.set("steps", &steps);
    report.set("sessions", &sessions);
    report.set("obstacles", &obstacles);
    if options.check && !plan.is_empty() {
        return Err(Error::new(Exit::Pending, "the database is not up to date")
            .detail(format!("pending: {}", plan.left().join(", ")))
            .hint("run pg-lora migrate"));
    }
    Ok(())
}

/// What would refuse the run. The server reads expressions under the lock of their table, which somebody may have, or may be
/// the first in the queue for.
fn obstacles(
    transaction: &mut Transaction,
    survey: &Survey,
    plan: &Plan,
    now: &Now,
) -> Result<Vec<Obstacle>, Error> {
    let failed = |error| sql_error::while_doing(&error, "looking for what stands in the way");
    let locked = |session: &Holder| Lock::named(&session.mode) == Some(Lock::AccessExclusive);
    if plan.is_empty() {
        return Ok(Vec::new());
    }
    if !now.sessions.iter().any(locked) {
        let mut savepoint = transaction.transaction().map_err(failed)?;
        let standing = standing::look(&mut savepoint, plan.applied);
        savepoint.rollback().map_err(failed)?;
        match standing {
            Ok(standing) => return Ok(obstacles::find(survey, plan, &standing)),
            Err(error) if error.exit == Exit::TableLock => {}
            Err(error) => return Err(error),
        }
    }
    say("note: a table is locked: whether something stands in the way is left out");
    Ok(Vec::new())
}

/// What the pending versions do, and the layer of functions, if it is.
fn pending_effects(plan: &Plan) -> Vec<&'static Effect> {
    let is_pending = |effect: &&Effect| match effect.version {
        Some(version) => version > plan.applied as i32,
        None => plan.functions,
    };
    effects::all().iter().filter(is_pending).collect()
}

fn look(transaction: &mut Transaction, effects: &[&Effect]) -> Result<Now, Error> {
    if effects.is_empty() {
        return Ok(Now::default());
    }
    let tables: BTreeSet<&str> = effects.iter().map(|effect| effect.table.as_str()).collect();
    let made: BTreeSet<&str> = effects.iter().filter_map(|effect| effect.makes.as_deref()).collect();
    let tables: Value = json!(tables.union(&made).collect::<Vec<_>>());
    let sql = include_str!("forecast_tables.sql");
    query::json(transaction, sql, &[(&tables, Type::JSONB)], "looking at the tables and their locks")
}

/// The pending versions and layers in their order.
fn steps(plan: &Plan, now: &Now) -> Vec<Pending> {
    let of = |version: Option<i32>| {
        let mut found: Vec<Touched> = Vec::new();
        let effects = effects::all().iter().filter(|effect| effect.version == version);
        for effect in effects {
            touch(&mut found, effect, now);
        }
        found
    };
    let step = |r#type, name: String, version, tables: Vec<Touched>| {
        let seconds = tables.iter().filter_map(|table| table.seconds).sum();
        Pending { r#type, name, version, seconds, tables }
    };
    let mut steps: Vec<Pending> = plan
        .versions
        .iter()
        .map(|version| {
            step("version", version.label().to_owned(), Some(version.number), of(Some(version.number)))
        })
        .collect();
    let provider = plan.provider_step();
    steps.extend(provider.map(|(r#type, name)| step(r#type, name.to_owned(), None, Vec::new())));
    steps.extend(plan.functions.then(|| step("layer", layer::FUNCTIONS.to_owned(), None, of(None))));
    steps
}

/// Adds what one clause does, if its table is there.
fn touch(found: &mut Vec<Touched>, effect: &Effect, now: &Now) {
    let Some(size) = there(now, &effect.table) else { return };
    if effect.makes.as_deref().is_some_and(|made| there(now, made).is_some()) {
        return;
    }
    if effect.adds.as_ref().is_some_and(|(table, name)| stays(now, effect, table, name)) {
        return;
    }
    if effect.drops.as_ref().is_some_and(|(table, name)| !comes(now, effect, table, name)) {
        return;
    }
    let at = found.iter().position(|touched| touched.table == effect.table).unwrap_or_else(|| {
        found.push(Touched {
            table: effect.table.clone(),
            lock: "",
            rewrites: Vec::new(),
            scans: Vec::new(),
            changes_rows: false,
            rows: size.rows,
            bytes: size.bytes,
            analysed: size.analysed,
            seconds: None,
            locks: BTreeSet::new(),
        });
        found.len() - 1
    });
    let touched = &mut found[at];
    touched.locks.insert(effect.lock);
    touched.lock = touched.locks.last().map_or("", |lock| lock.words());
    let column =
        |name: &str| now.columns.iter().find(|column| column.table == effect.table && column.name == *name);
    let clause = effect.clause.clone();
    match &effect.work {
        Work::None => {}
        // A column that is added and there already is left as it is.
        Work::Add { .. } => {}
        Work::Fill { column: name } if column(name).is_some() => {}
        Work::Retype { column: name, r#type }
            if column(name).is_some_and(|column| column.r#type == *r#type) => {}
        Work::NotNull { column: name } if column(name).is_some_and(|column| column.not_null) => {}
        Work::Index { name }
            if clause.starts_with("create ")
                && now.indexes.iter().any(|index| index.table == effect.table && index.name == *name) => {}
        Work::Fill { .. } | Work::Retype { .. } => {
            touched.rewrites.push(clause);
            // One ALTER TABLE writes a table once, however many of its columns change.
            touched.seconds = Some(size.rows as f64 * REWRITE.as_secs_f64());
        }
        Work::NotNull { .. } | Work::Index { .. } | Work::Scan => touched.scans.push(clause),
        Work::Rows => touched.changes_rows = true,
    }
}

/// Whether a constraint that would be added is there already, and no version drops it before: then it is added only where it
/// is not there.
fn stays(now: &Now, effect: &Effect, table: &str, name: &str) -> bool {
    let dropped = |item: &Declared| {
        item.version <= effect.version
            && matches!(&item.what, What::DropConstraint { table: t, name: n } if t == table && n == name)
    };
    now.constraints.iter().any(|one| one.table == table && one.name == name)
        && !declared::all().iter().any(dropped)
}

/// Whether a constraint that would be dropped is there by then: now, or by an earlier version that is pending.
fn comes(now: &Now, effect: &Effect, table: &str, name: &str) -> bool {
    let added = |other: &Effect| {
        other.version < effect.version
            && other.adds.as_ref().is_some_and(|(t, n)| t == table && n == name)
            && there(now, &other.table).is_some()
    };
    now.constraints.iter().any(|one| one.table == table && one.name == name)
        || effects::all().iter().any(added) && there(now, table).is_some()
}

fn there<'a>(now: &'a Now, name: &str) -> Option<&'a Size> {
    now.tables.iter().find(|table| table.name == name)
}

/// The sessions, those in the way of a pending step marked.
fn in_the_way(sessions: &[Holder], steps: &[Pending]) -> Vec<Holder> {
    let blocks = |session: &Holder| {
        let Some(lock) = Lock::named(&session.mode) else { return false };
        let tables = steps.iter().flat_map(|step| &step.tables);
        tables
            .filter(|table| table.table == session.table)
            .any(|table| table.locks.iter().any(|own| own.conflicts(lock)))
    };
    let marked = |session: &Holder| Holder {
        in_the_way: blocks(session),
        query: session.query.as_deref().map(first_words),
        ..session.clone()
    };
    sessions.iter().map(marked).collect()
}

/// The beginning of somebody's query, without the values in it, which may be anything.
fn first_words(query: &str) -> String {
    let mut text = query.to_owned();
    for token in tokens(query).iter().rev().filter(|token| matches!(token.kind, Kind::Literal | Kind::Body)) {
        text.replace_range(token.at.clone(), "'…'");
    }
    text.chars().take(LONGEST_QUERY).collect()
}

fn describe(
    plan: &Plan,
    steps: &[Pending],
    sessions: &[Holder],
    obstacles: &[Obstacle],
    report: &mut Report,
) {
    if plan.is_empty() {
        report.line("plan", "nothing is pending");
        return;
    }
    for step in steps {
        let kind = if step.r#type == "version" { String::new() } else { format!("{} ", step.r#type) };
        let time = match step.seconds {
            0.0 => String::new(),
            seconds => format!(" (about {}, its locks are held as long)", duration(seconds)),
        };
        report.line("pending", &format!("{kind}{}{time}", step.name));
        step.tables.iter().for_each(|table| table.say(report));
    }
    // What has no table to be locked: the platform, rules that no row breaks any more, buckets.
    let named: Vec<String> = steps
        .iter()
        .map(|step| {
            if step.r#type == "version" {
                step.name.clone()
            } else {
                format!("{} {}", step.r#type, step.name)
            }
        })
        .collect();
    for thing in plan.left().iter().filter(|thing| !named.contains(thing)) {
        report.line("pending", thing);
    }
    for Obstacle { r#type, identity, reason, .. } in obstacles {
        report.line("obstacle", &format!("{type} {identity}: {reason}", r#type = r#type));
    }
    for session in sessions {
        report.line(if session.in_the_way { "in the way" } else { "session" }, &session.words());
    }
    say("note: rows, sizes and times are estimates; nothing was written");
}

impl Touched {
    fn say(&self, report: &Report) {
        let Self { table, lock, rows, bytes, .. } = self;
        let size =
            format!("{}{rows} rows, {}", if self.analysed { "about " } else { "perhaps " }, size(*bytes));
        if let Some(seconds) = self.seconds {
            let clauses = self.rewrites.join(", ");
            report.line(
                "rewrites",
                &format!("{table}, {size}, about {} under {lock}: {clauses}", duration(seconds)),
            );
        }
        if !self.scans.is_empty() {
            report.line("scans", &format!("{table}, {size}, under {lock}: {}", self.scans.join(", ")));
        }
        if self.changes_rows {
            report.line("changes", &format!("rows of {table}, {size}, under {lock}"));
        }
        if self.seconds.is_none() && self.scans.is_empty() && !self.changes_rows {
            report.line("locks", &format!("{table}, {lock}"));
        }
    }
}

impl Holder {
    fn words(&self) -> String {
        let or_unseen = |text: &Option<String>| {
            text.as_deref()
                .map_or("not seen by this role".to_owned(), |text| format!("\"{}\"", printable(text)))
        };
        let verb = if self.granted { "holds" } else { "waits for" };
        let lock = Lock::named(&self.mode).map_or("a lock", |lock| lock.words());
        let age =
            self.seconds.map(|seconds| format!(", in its transaction for {seconds} s")).unwrap_or_default();
        let query = self.query.as_deref().map_or("query not seen by this role".to_owned(), printable);
        format!(
            "pid {}, application {}, user {}{age}, {verb} {lock} on {}: {query}",
            self.pid,
            or_unseen(&self.application),
            or_unseen(&self.user),
            self.table
        )
    }
}

fn duration(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 1.0 => "1 s or less".to_owned(),
        seconds if seconds < 120.0 => format!("{seconds:.0} s"),
        seconds => format!("{:.0} min", seconds / 60.0),
    }
}

fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.0} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::{duration, first_words, size};

    #[test]
    fn a_query_is_shown_without_its_values_and_short() {
        assert_eq!(first_words("alter role a password 'secret'"), "alter role a password '…'");
        assert_eq!(first_words("select 'cut off in the mid"), "select '…'");
        assert_eq!(first_words(&"x".repeat(500)).len(), 80);
    }

    #[test]
    fn figures_are_said_in_few_digits() {
        assert_eq!((size(8192), size(1 << 20), size(3 << 30)), ("8 kB".into(), "1 MB".into(), "3 GB".into()));
        assert_eq!(
            (duration(0.2), duration(30.0), duration(300.0)),
            ("1 s or less".into(), "30 s".into(), "5 min".into())
        );
    }
}
