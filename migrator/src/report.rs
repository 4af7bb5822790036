//! What a command says: one line for each thing on stdout, or one JSON object; words go to stderr.
//!
//! Invariant: stdout holds data and nothing else; with `--output json` exactly one object, also when the
//! command failed.

use std::io::Write as _;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::broken::Broken;
use crate::buckets::{Change, Drift};
use crate::cli::Output;
use crate::embedded::{BUILD_VERSION, PlatformThing, Version};
use crate::error::Error;
use crate::layer::{Object, Replaced};
use crate::patience::counted;
use crate::plan::Plan;
use crate::provider::{Edition, Provider};
use crate::schedule;
use crate::settings::Settings;
use crate::step::Effort;
use crate::survey::Facts;
use crate::switch::Applied;

/// Collects what a command has to say, and says what can be said at once.
pub struct Report {
    output: Output,
    began: Instant,
    object: Map<String, Value>,
    /// Whether the run wrote anything.
    pub changed: bool,
}

/// A sentence for people, on stderr. Like every output here it cannot fail: a reader that has gone away (`|
/// head`) is no reason to leave a migration half-way.
pub fn say(words: &str) {
    let _ = writeln!(std::io::stderr(), "{}", words.trim_end());
}

/// A text of a row as one line of a terminal: its control characters are seen and not obeyed.
pub fn printable(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut line, char| {
        match char.is_control() {
            true => line.extend(char.escape_default()),
            false => line.push(char),
        }
        line
    })
}

impl Report {
    /// An empty report of a command.
    pub fn new(command: &str, output: Output) -> Self {
        let mut object = Map::new();
        object.insert("command".into(), command.into());
        object.insert("version".into(), BUILD_VERSION.into());
        Self { output, began: Instant::now(), object, changed: false }
    }

    /// Whether it is read by people, and not by a program.
    pub fn is_text(&self) -> bool {
        self.output == Output::Text
    }

    /// A line of data: what happened or is the case, and to what.
    pub fn line(&self, label: &str, text: &str) {
        if self.output == Output::Text {
            let _ = writeln!(std::io::stdout(), "{label:<10} {text}");
        }
    }

    /// A line of data that has a form of its own.
    pub fn text(&self, text: &str) {
        if self.output == Output::Text {
            let _ = writeln!(std::io::stdout(), "{text}");
        }
    }

    /// A key of the JSON object.
    pub fn set(&mut self, key: &str, value: impl Serialize) {
        self.object.insert(key.into(), serde_json::to_value(value).unwrap_or(Value::Null));
    }

    /// Keys that the JSON object has even where there is nothing to say: lists, and things.
    pub fn expect(&mut self, lists: &[&str], things: &[&str]) {
        for key in lists {
            self.set(key, json!([]));
        }
        for key in things {
            self.set(key, Value::Null);
        }
    }

    /// Looking at the result took so long, beside what was done before.
    pub fn looked(&mut self, took: Duration) {
        self.set("looked_milliseconds", took.as_millis() as u64);
    }

    fn push(&mut self, key: &str, value: Value) {
        if let Value::Array(list) = self.object.entry(key).or_insert_with(|| json!([])) {
            list.push(value);
        }
    }

    /// Which database this is about.
    pub fn server(&mut self, facts: &Facts) {
        self.set(
            "server",
            json!({ "postgres": facts.server_version, "database": facts.database, "role": facts.role }),
        );
    }

    /// Which environment the database is.
    pub fn environment(&mut self, settings: &Settings) {
        self.set("environment", &settings.environment);
    }

    /// The database was given a label.
    pub fn labelled(&mut self, label: Option<&str>) {
        self.changed = true;
        self.line("labelled", label.unwrap_or_default());
        self.set("environment", label);
    }

    /// The sweep is called by the database.
    pub fn sweep_scheduled(&mut self) {
        self.changed = true;
        self.line("scheduled", &format!("{}, every minute", schedule::NAME));
        self.set("sweep_scheduled", schedule::NAME);
    }

    /// How the database stands to this build.
    pub fn state(&mut self, plan: &Plan) {
        self.set("state", plan.state());
        self.set("ahead", &plan.ahead);
    }

    /// Things of the platform were made.
    pub fn platform_created(&mut self, things: &[PlatformThing]) {
        self.changed = true;
        for thing in things {
            self.line("created", &format!("{} {}", thing.kind, thing.name));
            self.push("platform_created", json!({ "kind": thing.kind, "name": thing.name }));
        }
    }

    /// A version was applied.
    pub fn version_applied(&mut self, version: &Version, effort: Effort) {
        self.changed = true;
        self.line("applied", &format!("{} ({})", version.label(), words_of(effort)));
        self.push(
            "versions_applied",
            json!({
                "version": version.number, "name": version.name,
                "milliseconds": effort.took.as_millis() as u64, "retries": effort.retries,
            }),
        );
    }

    /// Versions were recorded whose work was found.
    pub fn versions_recorded(&mut self, versions: &[Version]) {
        self.changed = true;
        for version in versions {
            self.line("recorded", version.label());
            self.push("recorded", json!({ "version": version.number, "name": version.name }));
        }
    }

    /// Schema `lora` was created, updated, completed, or switched to another edition.
    pub fn provider_applied(&mut self, applied: &Applied, effort: Effort) {
        self.changed = true;
        let Applied { edition, before, restarted, recreated } = applied;
        let (action, from) = match before {
            Provider::Missing => ("created", None),
            Provider::Other { version } => ("updated", Some(version.clone())),
            Provider::Current | Provider::Incomplete => ("completed", None),
            Provider::Switch { from } => ("switched", Some(from.name().to_owned())),
        };
        let was = match (before, &from) {
            (Provider::Switch { .. }, Some(from)) => format!(", it was {from}"),
            // A layer of files changes within a version too.
            (_, Some(from)) if *edition == Edition::Native || from != BUILD_VERSION => {
                format!(", it was {from}")
            }
            _ => String::new(),
        };
        for object in recreated {
            self.line("recreated", &format!("{} {}", object.r#type, object.identity));
        }
        self.line(action, &format!("{}{was} ({})", edition.words(), words_of(effort)));
        if *restarted > 0 {
            self.line(
                "restarted",
                &format!("validation of {}", counted(*restarted as u32, "dataset", "datasets")),
            );
            say(
                "note: chunks that were read by the other edition are gone; whoever sent them is told to send them again",
            );
        }
        self.set(
            "lora",
            json!({ "edition": edition, "action": action, "version": BUILD_VERSION, "from": from, "restarted_validations": restarted }),
        );
    }

    /// What an edition left is gone.
    pub fn leftovers_dropped(&mut self, count: usize, effort: Effort) {
        self.changed = true;
        self.line("dropped", &format!("{count} parts that were left of schema lora ({})", words_of(effort)));
        self.set("leftovers_dropped", count);
    }

    /// The layer of functions was replaced.
    pub fn functions_replaced(&mut self, replaced: &Replaced, effort: Effort) {
        self.changed = true;
        let name = |object: &Object| format!("{} {}", object.r#type, object.identity);
        for object in &replaced.recreated {
            self.line("recreated", &name(object));
        }
        for object in &replaced.dropped {
            self.line("dropped", &name(object));
        }
        self.line("replaced", &format!("functions: {} objects ({})", replaced.objects, words_of(effort)));
        self.set("functions", replaced);
    }

    /// Rules hold for every row now.
    pub fn rules_mended(&mut self, rules: &[Broken]) {
        self.changed = true;
        for rule in rules {
            self.line("mended", &format!("{} {} on {}", rule.r#type, rule.rule, rule.table));
            self.push("rules_mended", json!({ "type": rule.r#type, "rule": rule.rule, "table": rule.table }));
        }
    }

    /// Buckets were created or made private.
    pub fn buckets_changed(&mut self, changes: &[Change]) {
        self.changed = true;
        for change in changes {
            match change {
                Change::Create(id) => self.line("created", &format!("bucket {id}")),
                Change::MakePrivate(id) => self.line("private", &format!("bucket {id}, it was public")),
            }
        }
        self.set("buckets_changed", changes);
    }

    /// What storage lacks, and what is otherwise than this version sets it; both stay so.
    pub fn storage_notes(&mut self, plan: &Plan) {
        if let Some(why) = plan.buckets_skipped {
            say(&format!("note: buckets are left out: {why}"));
        }
        if let Some(why) = plan.files_skipped {
            say(&format!("note: policies and triggers for files are left out: {why}"));
        }
        for Drift { bucket, column, expected, found } in &plan.drift {
            say(&format!(
                "note: bucket \"{bucket}\": {column} is {found} and not {expected}, which is left as it is"
            ));
        }
        self.set("buckets_skipped", plan.buckets_skipped);
        self.set("files_skipped", plan.files_skipped);
        self.set("buckets_drift", &plan.drift);
    }

    /// Ends the report: the JSON object on stdout, or the error's lines on stderr. Gives the exit code.
    pub fn finish(mut self, outcome: Result<(), Error>) -> u8 {
        if self.output == Output::Json {
            self.set("changed", self.changed);
            self.set("milliseconds", self.began.elapsed().as_millis() as u64);
            self.set("error", outcome.as_ref().err());
            let _ = writeln!(std::io::stdout(), "{}", Value::Object(self.object));
        }
        match outcome {
            Ok(()) => 0,
            Err(error) => {
                say(&error.render());
                error.exit as u8
            }
        }
    }
}

/// `120 ms, 2 retries`.
fn words_of(effort: Effort) -> String {
    let Effort { took, retries } = effort;
    match retries {
        0 => format!("{} ms", took.as_millis()),
        _ => format!("{} ms, {}", took.as_millis(), counted(retries, "retry", "retries")),
    }
}
