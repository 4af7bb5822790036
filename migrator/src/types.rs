//! `pg-lora types`: TypeScript and JSON Schemas of what clients see, written from core's documents and the catalogue of the connected
//! database.
//!
//! Invariant: the same database and the same build give the same bytes, on every version of Postgres. `--check` writes nothing.
//! Refused: a database that lacks a table of ours, of which there would be no types.

mod database;
mod described;
mod live;
mod script;
mod training;

use std::fs;
use std::io;
use std::path::Path;

use serde_json::json;

use crate::connect::Session;
use crate::declared::{self, What};
use crate::embedded::BUILD_VERSION;
use crate::error::{Error, Exit, listed};
use crate::report::Report;
use crate::{cli, survey};
use described::Described;
use live::Live;

/// How each file of TypeScript begins.
const HEAD: &str = "// Written by \"pg-lora types\": change nothing here, write it anew.\n";

/// A file: its name and its text.
type File = (&'static str, String);

/// Runs the command.
pub fn run(session: &mut Session, options: &cli::Types, report: &mut Report) -> Result<(), Error> {
    report.expect(&["files"], &[]);
    report.set("folder", options.out.display().to_string());
    let (facts, live) = survey::look(session, |transaction, survey| {
        Ok((survey.facts, Live::read(transaction, "looking at the schema")?))
    })?;
    report.server(&facts);
    let files = files(&live)?;
    if options.check { check(&options.out, &files, report) } else { write(&options.out, files, report) }
}

/// Everything that is written.
fn files(live: &Live) -> Result<Vec<File>, Error> {
    let tables = tables();
    let missing: Vec<String> = tables
        .iter()
        .filter(|table| live.relation(table).is_none())
        .map(|table| format!("public.{table}"))
        .collect();
    if !missing.is_empty() {
        return Err(Error::new(Exit::Refused, format!("the database has no {}", listed(&missing)))
            .hint("run pg-lora migrate first: types are those of the tables that are there"));
    }
    let described = Described::new();
    let schema = serde_json::to_string_pretty(&described.json_schema()).expect("text keys serialise");
    Ok(vec![
        ("lora-training.ts", training::file(live, &described, &tables)),
        ("database.ts", database::file(live, &described, &tables)),
        ("lora-training.schema.json", schema + "\n"),
        ("presets.mjs", training::module()),
    ])
}

/// Our tables in `public`, in the order in which they are made.
fn tables() -> Vec<String> {
    let names = declared::all().iter().filter_map(|declared| match &declared.what {
        What::Table { name, .. } => name.strip_prefix("public.").map(str::to_owned),
        _ => None,
    });
    names.fold(Vec::new(), |mut known, name| {
        if !known.contains(&name) {
            known.push(name);
        }
        known
    })
}

fn write(folder: &Path, files: Vec<File>, report: &mut Report) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(|error| failed("make", folder, &error))?;
    let mut states = Vec::new();
    for (name, text) in files {
        let path = folder.join(name);
        let is_there = standing(&path)?.is_some_and(|there| there == text);
        if !is_there {
            // Beside its place first, so that a file that is there is whole.
            let half = folder.join(format!(".{name}.half"));
            fs::write(&half, text).map_err(|error| failed("write", &half, &error))?;
            fs::rename(&half, &path).map_err(|error| failed("write", &path, &error))?;
            report.changed = true;
        }
        let state = if is_there { "unchanged" } else { "written" };
        report.line(state, &path.display().to_string());
        states.push(json!({"name": name, "state": state}));
    }
    report.set("files", states);
    Ok(())
}

fn check(folder: &Path, files: &[File], report: &mut Report) -> Result<(), Error> {
    let mut states = Vec::new();
    let mut differences = Vec::new();
    for (name, text) in files {
        let path = folder.join(name);
        let state = match standing(&path)? {
            None => {
                differences.push(format!("\"{}\" is not there", path.display()));
                "missing"
            }
            // A checkout may have other line ends.
            Some(there) if there.replace("\r\n", "\n") == *text => "unchanged",
            Some(there) => {
                differences.push(first_difference(&path, &there, text));
                "differs"
            }
        };
        report.line(state, &path.display().to_string());
        states.push(json!({"name": name, "state": state}));
    }
    report.set("files", states);
    if differences.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        Exit::Drift,
        format!("\"{}\" is not what pg-lora {BUILD_VERSION} would write", folder.display()),
    )
    .detail(differences.join("\n"))
    .hint(format!("run pg-lora types --out {}", folder.display())))
}

fn first_difference(path: &Path, there: &str, text: &str) -> String {
    let (mut old, mut new) = (there.lines(), text.lines());
    let mut line = 0;
    loop {
        line += 1;
        match (old.next(), new.next()) {
            (None, None) => return format!("{}: line ends differ", path.display()),
            (old, new) if old == new => {}
            (old, new) => {
                let shown = |line: Option<&str>| {
                    line.map_or("nothing".to_owned(), |line| format!("\"{}\"", line.trim()))
                };
                return format!(
                    "{}:{line}: there is {}, and should be {}",
                    path.display(),
                    shown(old),
                    shown(new)
                );
            }
        }
    }
}

fn standing(path: &Path) -> Result<Option<String>, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path, &error)),
    }
}

fn failed(verb: &str, path: &Path, error: &io::Error) -> Error {
    Error::new(Exit::Usage, format!("could not {verb} \"{}\": {error}", path.display()))
}
