//! `pg-lora adopt`: which state a database without a history corresponds to, and the history of it.
//!
//! Invariant: nothing is recorded that is not there: a version counts as applied when everything that it and those before
//! it make is found, by the snapshot that the versions themselves made. What the layers make is not looked at, as
//! `migrate` makes it anew; it is only written down what of it is there, so that `migrate` takes it for ours.
//! Refused: a state that differs from all that this build knows, and one in which something stands in the way of the
//! versions that follow.

use postgres::Transaction;
use postgres::types::Type;
use serde_json::{Value, json};

use crate::catalogue::{self, Catalogue};
use crate::connect::Session;
use crate::drift::{self, Difference};
use crate::embedded::{self, Version};
use crate::error::{Error, Exit};
use crate::foreign::{self, Foreign};
use crate::history::{self, Recorded};
use crate::layer::{self, Layer, Object};
use crate::obstacles::{self, Obstacle};
use crate::plan::{self, Plan};
use crate::report::{Report, say};
use crate::step::{self, Task};
use crate::survey::{self, Survey};
use crate::{cli, preflight, query, remarks, standing};

/// A thing that the first version makes and the specification does not.
const MARK: &str = "schema lora_private";

/// What a database corresponds to.
#[derive(Debug, PartialEq, Eq)]
enum State {
    /// Nothing of ours.
    Empty,
    /// The specification's SQL, run by hand. `migrate` adopts it by itself.
    Specification { differences: Vec<Difference> },
    /// What this version makes, and, beside rules that rows may break, nothing differs.
    Version { number: i32, alike: Vec<i32>, differences: Vec<Difference> },
    /// None of them; the version that it is nearest to.
    Unknown { nearest: i32, differences: Vec<Difference> },
}

/// Everything that is found out about a database without a history.
struct Finding {
    survey: Survey,
    plan: Plan,
    state: State,
    obstacles: Vec<Obstacle>,
    foreign: Foreign,
    /// What of the layer of functions is there.
    manifest: Vec<Object>,
}

/// Runs the command.
pub fn run(session: &mut Session, options: &cli::Adopt, report: &mut Report) -> Result<(), Error> {
    let lists = ["differences", "obstacles", "foreign_policies", "foreign_objects", "alike", "recorded"];
    report.expect(&lists, &["state", "adopted_version"]);
    let finding = match survey::look(session, find)? {
        Ok(finding) => finding,
        Err(survey) => return already(&survey, report),
    };
    report.server(&finding.survey.facts);
    describe(&finding, report);
    refuse(&finding)?;
    let State::Version { number, .. } = finding.state else { return Ok(()) };
    let versions = &embedded::versions()[..number as usize];
    if !options.write {
        say(
            "nothing was written; pg-lora adopt --write records this, and pg-lora migrate goes on from there",
        );
        return Ok(());
    }
    preflight::check(&finding.survey, &finding.plan, false)?;
    let task = Task::new("adopt", "history", "recording the versions");
    let written = step::run(session, options.waiting.patience(), task, |step| {
        // What was found is found again under the lock, which another runner may have held until now.
        let survey = survey::read(step.transaction())?;
        let Ok(now) = find(step.transaction(), survey)? else { return Ok(None) };
        if now.state != finding.state || now.manifest != finding.manifest {
            return Err(Error::new(Exit::Refused, "the database was changed in the meantime")
                .hint("run the command again when nobody else changes it"));
        }
        refuse(&now)?;
        history::ensure(step)?;
        versions.iter().try_for_each(|version| history::record(step, version))?;
        if !now.manifest.is_empty() {
            let manifest = serde_json::to_value(&now.manifest)
                .map_err(|error| Error::new(Exit::Internal, format!("writing the manifest: {error}")))?;
            // No hash is its own: whatever is there, migrate replaces it.
            layer::record(step, layer::FUNCTIONS, "", &manifest)?;
        }
        Ok(Some(()))
    })?;
    match written {
        Some(_) => report.versions_recorded(versions),
        None => say("another runner has recorded a history in the meantime, nothing was written"),
    }
    Ok(())
}

/// A database that has a history has nothing to be adopted.
fn already(survey: &Survey, report: &mut Report) -> Result<(), Error> {
    report.server(&survey.facts);
    // One that is not ours is no history to go on from.
    plan::make(survey, false)?;
    report.set("state", "recorded");
    report
        .line("state", &format!("{} versions are recorded, there is nothing to adopt", survey.history.len()));
    Ok(())
}

/// Finds out; the survey comes back where there is a history.
fn find(transaction: &mut Transaction, mut survey: Survey) -> Result<Result<Finding, Survey>, Error> {
    if !survey.history.is_empty() {
        return Ok(Err(survey));
    }
    let found = catalogue::look(transaction)?;
    let missing: Vec<&str> = survey.facts.missing_platform().iter().map(|thing| thing.name).collect();
    let state = recognise(&found, &missing);
    let number = match &state {
        State::Version { number, .. } => *number,
        _ => 0,
    };
    // The rest is what a run would look at, were the history there.
    let manifest = manifest(transaction, &found)?;
    survey.history = embedded::versions()[..number as usize].iter().map(recorded).collect();
    survey.layers = vec![Layer {
        name: layer::FUNCTIONS.to_owned(),
        hash: String::new(),
        manifest: manifest.clone(),
        version: String::new(),
    }];
    let plan = plan::make(&survey, false)?;
    let standing = standing::look(transaction, number as usize)?;
    let obstacles = match state {
        // Not known from where to go on.
        State::Unknown { .. } => Vec::new(),
        _ => obstacles::find(&survey, &plan, &standing),
    };
    let foreign = match state {
        State::Empty | State::Unknown { .. } => Foreign::default(),
        _ => foreign::find(&standing),
    };
    Ok(Ok(Finding { survey, plan, state, obstacles, foreign, manifest }))
}

fn recorded(version: &Version) -> Recorded {
    let Version { number, name, checksum, .. } = version;
    Recorded { version: *number, name: Some(name.clone()), checksum: Some(checksum.to_string()) }
}

/// Tells which state it is. Pure. `missing` is what the platform lacks, and nothing can stand on.
fn recognise(found: &Catalogue, missing: &[&str]) -> State {
    if !found.contains_key(MARK) {
        let tables = |key: &&String| key.starts_with("table public.");
        return match found.keys().any(|key| tables(&key)) {
            false => State::Empty,
            true => State::Specification { differences: from_specification(found) },
        };
    }
    let last = embedded::versions().len() as i32;
    let of = |version| {
        let mut expected = catalogue::expected(version, false);
        expected.objects.retain(|key, _| !missing.iter().any(|thing| key.ends_with(&format!(" on {thing}"))));
        drift::compare(&expected, found)
    };
    let candidates: Vec<(i32, Vec<Difference>)> = (1..=last).map(|version| (version, of(version))).collect();
    let hard = |differences: &[Difference]| differences.iter().filter(|one| !one.may_wait()).count();
    // Of versions that make no difference here the first: those after it are run, and find nothing to do.
    let (number, differences) = candidates
        .iter()
        .min_by_key(|(_, differences)| (hard(differences), differences.len()))
        .expect("a build has versions");
    if hard(differences) > 0 {
        return State::Unknown { nearest: *number, differences: differences.clone() };
    }
    let same = candidates.iter().filter(|(other, others)| other != number && others == differences);
    State::Version {
        number: *number,
        alike: same.map(|(other, _)| *other).collect(),
        differences: differences.clone(),
    }
}

/// What the specification's tables, columns, keys and indexes are is what the first version makes of them, which leaves
/// alone whatever is there.
fn from_specification(found: &Catalogue) -> Vec<Difference> {
    let mut expected = catalogue::expected(1, false);
    let is_of_it = |key: &str| {
        let kinds = ["column public.", "constraint ", "index "];
        kinds.iter().any(|kind| key.starts_with(kind)) || key.starts_with("table public.")
    };
    expected.objects.retain(|key, _| is_of_it(key));
    let mut differences = drift::compare(&expected, found);
    differences.retain(|one| is_of_it(&one.key()) && !(one.r#type == "table" && one.found.is_some()));
    differences
}

/// What of the layer of functions is there, as `pg_identify_object` names it.
fn manifest(transaction: &mut Transaction, found: &Catalogue) -> Result<Vec<Object>, Error> {
    let is_ours = |key: &&String| {
        (key.starts_with("function ") || key.starts_with("trigger ")) && catalogue::is_of_layers(key)
    };
    let keys: Value = found.keys().filter(is_ours).map(String::as_str).collect();
    query::json(
        transaction,
        "select coalesce(jsonb_agg(jsonb_build_object('type', i.type, 'schema', i.schema, 'identity', i.identity)
           order by i.type, i.identity), '[]')
         from (
           select 'pg_proc'::regclass as classid, p.oid, 'function ' || n.nspname || '.' || p.proname || '(' || (
             select coalesce(string_agg(format_type(type, null), ', ' order by number), '')
             from unnest(p.proargtypes) with ordinality as argument(type, number)) || ')' as key
           from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname in ('public', 'lora_private')
           union all
           select 'pg_trigger'::regclass, t.oid, 'trigger ' || tgname || ' on ' || n.nspname || '.' || relname
           from pg_trigger t join pg_class c on c.oid = tgrelid join pg_namespace n on n.oid = relnamespace
           where not tgisinternal
         ) as thing, pg_identify_object(thing.classid, thing.oid, 0) as i
         where key in (select jsonb_array_elements_text($1))",
        &[(&keys, Type::JSONB)],
        "looking for what is there of the layer of functions",
    )
}

fn describe(finding: &Finding, report: &mut Report) {
    let (state, words, differences) = match &finding.state {
        State::Empty => ("empty", "nothing of pg_lora is here; pg-lora migrate makes it".to_owned(), &[][..]),
        State::Specification { differences } => (
            "specification",
            "the specification's SQL, run by hand; there is nothing to record, pg-lora migrate adopts it"
                .to_owned(),
            &differences[..],
        ),
        State::Version { number, alike, differences } => {
            let label = label(*number);
            let same = alike.iter().map(|number| self::label(*number)).collect::<Vec<_>>().join(", ");
            let same = if same.is_empty() {
                same
            } else {
                format!("; {same} would leave no other trace here, and is run again")
            };
            report.set("adopted_version", number);
            report.set("alike", alike);
            ("version", format!("version {number}, {label}{same}"), &differences[..])
        }
        State::Unknown { nearest, differences } => (
            "unknown",
            format!("none that this build knows; nearest to version {nearest}, {}", label(*nearest)),
            &differences[..],
        ),
    };
    report.set("state", state);
    report.line("state", &words);
    for difference in differences {
        report.line(difference.label(), &difference.words());
    }
    report.set("differences", differences);
    for Obstacle { r#type, identity, reason, .. } in &finding.obstacles {
        report.line("obstacle", &format!("{type} {identity}: {reason}", r#type = r#type));
    }
    report.set("obstacles", &finding.obstacles);
    report.set("layers", json!({ "functions": finding.manifest.len() }));
    remarks::say_foreign(&finding.foreign, report);
}

fn label(number: i32) -> &'static str {
    embedded::versions()[number as usize - 1].label()
}

/// The refusal, where the state is none, or nothing could follow on it.
fn refuse(finding: &Finding) -> Result<(), Error> {
    if let State::Unknown { nearest, differences } = &finding.state {
        let shown = differences.iter().take(20).map(Difference::words).collect::<Vec<_>>().join("\n");
        return Err(Error::new(
            Exit::Refused,
            format!("the database corresponds to no version of this build: it differs from version {nearest} in {} things", differences.len()),
        )
        .detail(shown)
        .hint("change back what differs, and run the command again; or restore the schema lora_migrate too"));
    }
    obstacles::refuse(&finding.obstacles)
}

#[cfg(test)]
#[path = "adopt_tests.rs"]
mod tests;
