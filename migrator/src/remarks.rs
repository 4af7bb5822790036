//! What is not as it is on a fresh database, and stays so until somebody decides: policies and objects of others, rows
//! that break a rule. Said at the end of `migrate` and by `status`, which also says what would refuse the next run.
//!
//! Invariant: it writes nothing and fails nothing; `migrate` and `status --check` end with 0 whatever is remarked.

use std::time::{Duration, Instant};

use postgres::{IsolationLevel, Transaction};

use crate::broken::{self, Broken, Repeated};
use crate::connect::Session;
use crate::error::{Error, Exit};
use crate::foreign::{self, Foreign};
use crate::obstacles::Obstacle;
use crate::provider::{self, Edition};
use crate::report::{Report, say};
use crate::standing::Policy;
use crate::survey::Survey;
use crate::{embedded, obstacles, plan, sql_error, standing, survey};

/// Everything that there is to remark.
#[derive(Default)]
pub struct Remarks {
    obstacles: Vec<Obstacle>,
    foreign: Foreign,
    rules: Vec<Broken>,
    repeated: Option<Repeated>,
    /// Whether the portable edition is where the extension could be.
    offered: bool,
    /// Somebody changes a table right now; what is to remark then will be to remark later.
    locked: bool,
    /// What looking took.
    pub took: Duration,
}

/// Looks and says.
pub fn make(session: &mut Session, report: &mut Report) -> Result<(), Error> {
    expect(report);
    session.interrupt.check()?;
    let failed = |error| sql_error::while_doing(&error, "looking at what is not ours");
    let snapshot = session.client.build_transaction().isolation_level(IsolationLevel::RepeatableRead);
    let mut transaction = snapshot.read_only(true).start().map_err(failed)?;
    let survey = survey::read(&mut transaction);
    let remarks = survey.map_or_else(unseen, |survey| look(&mut transaction, &survey))?;
    transaction.rollback().map_err(failed)?;
    remarks.say(report);
    Ok(())
}

/// Looks, in a transaction that is over then where a table is locked.
pub fn look(transaction: &mut Transaction, survey: &Survey) -> Result<Remarks, Error> {
    let began = Instant::now();
    let mut remarks = find(transaction, survey).or_else(unseen)?;
    remarks.took = began.elapsed();
    Ok(remarks)
}

fn expect(report: &mut Report) {
    report
        .expect(&["obstacles", "foreign_policies", "foreign_objects", "broken_rules"], &["repeated_points"]);
}

fn unseen(error: Error) -> Result<Remarks, Error> {
    match error.exit {
        Exit::TableLock => Ok(Remarks { locked: true, ..Remarks::default() }),
        _ => Err(error),
    }
}

fn find(transaction: &mut Transaction, survey: &Survey) -> Result<Remarks, Error> {
    let applied = survey.history.len();
    let plan = plan::make(survey, false)?;
    if plan.ahead.is_some() {
        // What a newer build made would be taken for somebody else's.
        return Ok(Remarks::default());
    }
    let standing = standing::look(transaction, applied)?;
    let mut remarks = Remarks { obstacles: obstacles::find(survey, &plan, &standing), ..Remarks::default() };
    remarks.offered = plan.edition == Edition::Portable && provider::is_offered(&survey.facts);
    if applied > 0 {
        remarks.foreign = foreign::find(&standing);
    }
    if applied == embedded::versions().len() {
        remarks.rules.clone_from(&survey.waiting);
        remarks.rules.extend(broken::ownership(transaction)?);
        remarks.repeated = broken::repeated(transaction)?.filter(|repeated| repeated.rows > 0);
    }
    Ok(remarks)
}

impl Remarks {
    /// Says them.
    pub fn say(&self, report: &mut Report) {
        expect(report);
        if self.locked {
            say("note: a table is locked: what others made and rows that break a rule are left out");
            return;
        }
        for Obstacle { r#type, identity, reason, .. } in &self.obstacles {
            report.line("obstacle", &format!("{type} {identity}: {reason}", r#type = r#type));
        }
        say_foreign(&self.foreign, report);
        say_rules(&self.rules, report);
        if let Some(Repeated { rows, jobs, .. }) = &self.repeated {
            say(&format!(
                "note: points that were sent more than once stand beside the curves of their jobs, as attempt 0, -1 and so on: \
                 {rows} in {jobs} {}",
                if *jobs == 1 { "job" } else { "jobs" }
            ));
        }
        if self.offered {
            say(&format!("note: {}", provider::OFFERED));
        }
        report.set("obstacles", &self.obstacles);
        report.set("repeated_points", &self.repeated);
    }
}

/// Says what others made.
pub fn say_foreign(foreign: &Foreign, report: &mut Report) {
    for policy in &foreign.policies {
        report.line("foreign", &format!("policy \"{}\" on {}", policy.name, policy.table));
        say(&words_of_policy(policy));
    }
    for object in &foreign.objects {
        report.line("foreign", &format!("{} {}", object.r#type, object.identity));
    }
    report.set("foreign_policies", &foreign.policies);
    report.set("foreign_objects", &foreign.objects);
}

/// Says which rules rows break.
pub fn say_rules(rules: &[Broken], report: &mut Report) {
    for broken in rules {
        report.line("broken", &format!("{} {} on {}", broken.r#type, broken.rule, broken.table));
        words_of_rule(broken).iter().for_each(|words| say(words));
    }
    report.set("broken_rules", rules);
}

fn words_of_policy(policy: &Policy) -> String {
    let Policy { table, name, permissive, command, roles, using, check } = policy;
    let roles = roles.join(", ");
    let condition = |word: &str, text: &Option<String>| text.as_ref().map(|text| format!(", {word} {text}"));
    let using = condition("using", using).unwrap_or_default();
    let check = condition("check", check).unwrap_or_default();
    match permissive {
        true => format!(
            "warning: policy \"{name}\" on {table} is not pg_lora's, and opens rows beside its own: {command} to {roles}{using}{check}\n\
             hint: drop policy \"{}\" on {table}, unless it is meant",
            name.replace('"', "\"\"")
        ),
        false => format!(
            "note: restrictive policy \"{name}\" on {table} is not pg_lora's: {command} to {roles}{using}{check}"
        ),
    }
}

fn words_of_rule(broken: &Broken) -> Vec<String> {
    let Broken { r#type, rule, table, rows, ids, mend } = broken;
    if *rows == Some(0) {
        return vec![format!(
            "note: {type} \"{rule}\" waits, although no row breaks it any more",
            r#type = r#type
        )];
    }
    let (count, one) = match rows {
        None => (format!("rows of {table}, which this role does not see,"), false),
        Some(1) => (format!("1 row of {table}"), true),
        Some(rows) => (format!("{rows} rows of {table}"), false),
    };
    let first = match (ids.len() as u64, *rows) {
        (0, _) => String::new(),
        (shown, Some(rows)) if shown < rows => format!(": {}, …", ids.join(", ")),
        _ => format!(": {}", ids.join(", ")),
    };
    let what = match (r#type.as_str(), one) {
        ("ownership", true) => format!("belongs to another user than what it refers to by \"{rule}\""),
        ("ownership", false) => format!("belong to another user than what they refer to by \"{rule}\""),
        ("index", _) => format!("share what is to be unique by \"{rule}\", which is not made"),
        (_, true) => format!("breaks \"{rule}\""),
        (_, false) => format!("break \"{rule}\""),
    };
    let hint = match mend {
        Some(mend) => format!("{}, then run pg-lora migrate again, or: {mend}", way_out(table)),
        None => {
            "only the owner of the tables can give such a row a parent of its own user, with triggers off"
                .to_owned()
        }
    };
    vec![format!("warning: {count} {what}{first}"), format!("hint: {hint}")]
}

/// How a row that breaks a rule stops breaking it.
fn way_out(table: &str) -> &'static str {
    match table {
        "public.datasets" | "public.model_artifacts" => "correct the row or set its deleted_at",
        "public.training_jobs" => "correct the row or end the job, as failed or cancelled",
        "public.notifications" => "correct the row or mark it as read",
        "public.cost_records" => "correct the row as the owner of the table, with triggers off",
        _ => "correct the row",
    }
}
