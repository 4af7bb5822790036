//! Is the database what this build describes? Asked after a run that wrote, and by `pg-lora verify`.
//!
//! Invariant: success is never reported from what was sent, only from what is there. Nothing is written. A rule that rows
//! break waits, and is no drift; neither is what others made, nor a limit of a bucket.

use postgres::Transaction;

use crate::broken::Broken;
use crate::buckets::Change;
use crate::connect::Session;
use crate::drift::{self, Difference};
use crate::embedded::BUILD_VERSION;
use crate::error::{Error, Exit};
use crate::foreign::{self, Foreign};
use crate::plan::{self, Plan};
use crate::provider::{Edition, Provider};
use crate::report::{Report, say};
use crate::survey::Survey;
use crate::{catalogue, cli, costs, dataset_metrics, remarks, standing, survey, switch};

/// How many differences the one message of an error names.
const NAMED: usize = 10;

/// What comparing came to.
struct Verdict {
    plan: Plan,
    differences: Vec<Difference>,
    /// Rules that rows break.
    waiting: Vec<Broken>,
}

/// Runs the command.
pub fn run(session: &mut Session, options: &cli::Verify, report: &mut Report) -> Result<(), Error> {
    if options.datasets {
        return dataset_metrics::list(session, options.limit, report);
    }
    if options.costs {
        return costs::reconcile(session, options.limit, report);
    }
    report.expect(
        &["pending", "differences", "broken_rules", "foreign_policies", "foreign_objects"],
        &["up_to_date"],
    );
    let (facts, verdict, foreign) = survey::look(session, |transaction, survey| {
        let verdict = judge(transaction, &survey)?;
        let foreign = match verdict.plan.applied {
            0 => Foreign::default(),
            applied => foreign::find(&standing::look(transaction, applied)?),
        };
        Ok((survey.facts, verdict, foreign))
    })?;
    report.server(&facts);
    let Verdict { plan, differences, waiting } = &verdict;
    report.state(plan);
    if let Some(ahead) = &plan.ahead {
        say(&format!("database \"{}\" is ahead, nothing was verified: {}", facts.database, ahead.words()));
        return Ok(());
    }
    let pending = plan.left();
    for thing in &pending {
        report.line("pending", thing);
    }
    for difference in differences {
        report.line(difference.label(), &difference.words());
    }
    remarks::say_foreign(&foreign, report);
    remarks::say_rules(waiting, report);
    report.storage_notes(plan);
    report.set("up_to_date", pending.is_empty());
    report.set("pending", &pending);
    report.set("differences", differences);
    if !pending.is_empty() || !differences.is_empty() {
        return Err(drifted(&verdict, "the database is not what this version makes of it"));
    }
    check_answer(session, plan.edition)?;
    report.line("verified", &format!("database {}, {}", facts.database, plan.edition.words()));
    Ok(())
}

/// Looks again, and asks schema `lora` who it is.
pub fn check(session: &mut Session, report: &mut Report) -> Result<(), Error> {
    let verdict = survey::look(session, |transaction, survey| judge(transaction, &survey))?;
    if verdict.plan.ahead.is_some() {
        // A newer build came in between; what it made is its own to verify.
        return Ok(());
    }
    for difference in &verdict.differences {
        report.line(difference.label(), &difference.words());
    }
    report.set("differences", &verdict.differences);
    // What somebody is still at work with goes with the next run.
    let is_done = verdict.plan.left().iter().all(|thing| thing == plan::LEFTOVERS);
    if !is_done || !verdict.differences.is_empty() {
        return Err(drifted(&verdict, "the database is not what this run should have made of it"));
    }
    check_answer(session, verdict.plan.edition)
}

/// Compares a database with what this build makes, or, where versions are pending, with what those before them make.
fn judge(transaction: &mut Transaction, survey: &Survey) -> Result<Verdict, Error> {
    let plan = plan::make(survey, false)?;
    let mut differences: Vec<Difference> = plan.buckets.iter().map(bucket).collect();
    if plan.applied > 0 {
        let layers = plan.versions.is_empty() && !plan.functions;
        let mut expected = catalogue::expected(plan.applied as i32, layers);
        if plan.edition == Edition::Portable {
            expected = expected.without_extension();
        }
        if plan.edition == Edition::Portable && plan.provider == Provider::Current {
            expected = expected.portable();
        }
        for thing in survey.facts.missing_platform() {
            let on_it = format!(" on {}", thing.name);
            expected.objects.retain(|key, _| !key.ends_with(&on_it));
        }
        differences.extend(drift::compare(&expected, &catalogue::look(transaction)?));
    }
    let waiting: Vec<Broken> = survey.waiting.iter().filter(|rule| !rule.can_be_mended()).cloned().collect();
    // Which rules rows break is looked at once all versions are there.
    let unknown = !plan.versions.is_empty();
    differences.retain(|one| !(one.may_wait() && (unknown || waiting.iter().any(|rule| waits(rule, one)))));
    Ok(Verdict { plan, differences, waiting })
}

/// Whether a difference is that this rule does not hold for every row yet.
fn waits(rule: &Broken, difference: &Difference) -> bool {
    difference.r#type == rule.r#type && difference.identity == format!("{} on {}", rule.rule, rule.table)
}

/// What is to be done to a bucket, as a difference.
fn bucket(change: &Change) -> Difference {
    let public = |public: bool| [("public".to_owned(), public.into())].into_iter().collect();
    let found = match change {
        Change::Create(_) => None,
        Change::MakePrivate(_) => Some(public(true)),
    };
    drift::difference(&format!("bucket {}", change.id()), Some(public(false)), found)
}

fn drifted(verdict: &Verdict, message: &str) -> Error {
    let Verdict { plan, differences, .. } = verdict;
    let mut facts = Vec::new();
    let pending = plan.left();
    if !pending.is_empty() {
        facts.push(format!("pending: {}", pending.join(", ")));
    }
    let shown = differences.iter().take(NAMED).map(|one| format!("{}: {}", one.label(), one.name()));
    facts.extend(shown);
    if differences.len() > NAMED {
        facts.push(format!("and {} more", differences.len() - NAMED));
    }
    let hint = if differences.is_empty() {
        "run pg-lora migrate".to_owned()
    } else if !pending.is_empty() {
        "run pg-lora migrate, and pg-lora verify again: what was changed by hand, migrate does not undo"
            .to_owned()
    } else if differences
        .iter()
        .all(|one| catalogue::is_of_layers(&one.key()) && !one.identity.contains("lora_migrate"))
    {
        let of_lora = |one: &Difference| one.identity.trim_start_matches("on function ").starts_with("lora.");
        let anew = match (differences.iter().all(of_lora), differences.iter().any(of_lora)) {
            (true, _) => "where name = 'lora'",
            (_, true) => "where name in ('functions', 'lora')",
            _ => "where name = 'functions'",
        };
        format!(
            "undo what was changed by hand, or have the layer made anew: \
             update lora_migrate.layers set hash = '' {anew}, and run pg-lora migrate"
        )
    } else {
        "undo what was changed by hand, which pg-lora migrate does not".to_owned()
    };
    Error::new(Exit::Drift, message).detail(facts.join("\n")).hint(hint)
}

fn check_answer(session: &mut Session, edition: Edition) -> Result<(), Error> {
    let (answers, version) = switch::answer(session)?;
    if answers != edition.name() {
        return Err(Error::new(
            Exit::Drift,
            format!(
                "schema \"lora\" answers as the edition \"{answers}\", where \"{}\" is installed",
                edition.name()
            ),
        )
        .hint("undo what was changed by hand"));
    }
    if version == BUILD_VERSION {
        return Ok(());
    }
    Err(match edition {
        Edition::Native => Error::new(
            Exit::Drift,
            format!(
                "the library of extension \"pg_lora\" is version \"{version}\", the catalogue says \"{BUILD_VERSION}\""
            ),
        )
        .hint("install library and SQL files of the same version on the server's machine"),
        Edition::Portable => Error::new(
            Exit::Drift,
            format!("schema \"lora\" answers as version \"{version}\", where \"{BUILD_VERSION}\" is installed"),
        )
        .hint("undo what was changed by hand"),
    })
}
