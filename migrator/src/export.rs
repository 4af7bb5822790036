//! `pg-lora export --to supabase`: the same SQL as files for `supabase/migrations`, for those whose pipeline runs
//! `supabase db push`. Needs no database.
//!
//! Invariant: a file that is there is never changed: an export adds files, and leaves a layer out whose newest file does
//! the same. What was pushed is read by `status` as what `migrate` has done.
//! Refused, before anything is written: a file of ours that does something else than this build's of the same number; another
//! edition of schema `lora` than the one whose file is there.

mod number;
mod supabase;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::cli::{self, Provider};
use crate::embedded::BUILD_VERSION;
use crate::error::{Error, Exit};
use crate::provider::Edition;
use crate::report::{Report, say};
use supabase::{Exported, MARK};

/// Where the Supabase CLI looks, from the root of a project.
const PROJECT: &str = "supabase";
const MIGRATIONS: &str = "supabase/migrations";

/// Runs the command.
pub fn run(options: &cli::Export, report: &mut Report) -> Result<(), Error> {
    report.expect(&["files"], &["folder"]);
    let folder = folder(options)?;
    report.set("folder", folder.display().to_string());
    let found = read(&folder)?;
    let edition = edition(options.provider);
    check_edition(edition, &found)?;
    let mut files = Vec::new();
    for file in supabase::files(edition)? {
        let there = standing(&file, &found)?;
        files.push((file, there));
    }
    fs::create_dir_all(&folder).map_err(|error| failed("make", &folder, &error))?;
    let mut states = Vec::new();
    for (file, there) in &files {
        let name = there.clone().unwrap_or_else(|| file.name());
        if there.is_none() {
            write(&folder, file)?;
            report.changed = true;
        }
        let state = if there.is_none() { "written" } else { "unchanged" };
        report.line(state, &folder.join(&name).display().to_string());
        states.push(json!({ "name": name, "state": state }));
    }
    report.set("files", states);
    say(
        "hint: run supabase db push, with --include-all where files of your own have later numbers, then pg-lora status --check",
    );
    Ok(())
}

/// Hosted Supabase loads no library of one's own.
fn edition(provider: Provider) -> Edition {
    match provider {
        Provider::Native => Edition::Native,
        Provider::Auto | Provider::Portable => Edition::Portable,
    }
}

/// Files do not switch: of two editions in one folder the one that is pushed later would be refused.
fn check_edition(edition: Edition, found: &[(String, String)]) -> Result<(), Error> {
    let other = if edition == Edition::Native { Edition::Portable } else { Edition::Native };
    let ending = format!("_pg_lora_{}.sql", supabase::slug_of(other));
    let Some((name, _)) = found.iter().find(|(name, _)| name.ends_with(&ending)) else { return Ok(()) };
    let (edition, other) = (edition.name(), other.name());
    Err(Error::new(
        Exit::Refused,
        format!("\"{name}\" makes the {other} edition of schema \"lora\", and the {edition} one is asked for"),
    )
    .detail("files that are pushed do not switch from one edition to the other")
    .hint(format!(
        "add --provider {other}; to switch, run pg-lora migrate --provider {edition} on each database and put an export of that edition in place of these files"
    )))
}

fn folder(options: &cli::Export) -> Result<PathBuf, Error> {
    match &options.out {
        Some(out) => Ok(out.clone()),
        None if Path::new(PROJECT).is_dir() => Ok(MIGRATIONS.into()),
        None => Err(Error::new(Exit::Usage, format!("there is no folder \"{PROJECT}\" here"))
            .hint("run it in the root of the project, or name the folder of the migrations: --out DIR")),
    }
}

/// Our files that are there already: name and what each says that it does.
fn read(folder: &Path) -> Result<Vec<(String, String)>, Error> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed("read", folder, &error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| failed("read", folder, &error))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !name.contains("_pg_lora_") || !name.ends_with(".sql") {
            continue;
        }
        let text = fs::read_to_string(&path).map_err(|error| failed("read", &path, &error))?;
        let mark = text.lines().find_map(|line| line.strip_prefix(MARK)).unwrap_or_default();
        found.push((name, mark.to_owned()));
    }
    found.sort();
    Ok(found)
}

/// The name of the file that does what this one would do; None where it has to be written.
fn standing(file: &Exported, found: &[(String, String)]) -> Result<Option<String>, Error> {
    let ending = format!("_{}", file.slug);
    let newest = found.iter().rfind(|(name, _)| name.ends_with(&ending));
    match newest {
        Some((name, content)) if *content == file.content => Ok(Some(name.clone())),
        Some((name, _)) if *name >= file.name() => Err(Error::new(
            Exit::Refused,
            format!("\"{name}\" is not what pg-lora {BUILD_VERSION} would write"),
        )
        .detail("a file that was pushed is never changed")
        .hint("use the build that wrote it, or a newer one; remove the file if it was never pushed")),
        _ => Ok(None),
    }
}

/// Beside its place first, so that a file that is there is whole.
fn write(folder: &Path, file: &Exported) -> Result<(), Error> {
    let path = folder.join(file.name());
    let half = folder.join(format!(".{}.half", file.name()));
    fs::write(&half, &file.text).map_err(|error| failed("write", &half, &error))?;
    fs::rename(&half, &path).map_err(|error| failed("write", &path, &error))
}

fn failed(verb: &str, path: &Path, error: &io::Error) -> Error {
    Error::new(Exit::Usage, format!("could not {verb} \"{}\": {error}", path.display()))
}
