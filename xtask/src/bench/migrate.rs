//! What `pg-lora migrate` takes: against dbmate with the same SQL, and for how long its versions keep everybody off a
//! large table.
//!
//! Both sides are whole programs, from their start to their end, over the same socket of the same server, on databases
//! that have the platform already. What pg-lora does beyond dbmate (buckets, verifying, remarks) is told apart by the run
//! log and by what the program itself says, and is a line of its own.

mod dbmate;
mod held;
mod points;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use serde::Deserialize;

use self::dbmate::{Dbmate, Functions};
use super::bed::{Bed, in_turns, median, milliseconds};
use super::measurement::{Measurement, Target};
use crate::process;
use crate::setup::Prepared;

/// What both sides begin with: the platform, and nothing of ours.
const PLATFORM: &str = "bench_platform";

/// How often a run that has nothing to do is repeated in one round.
const REPEATED: u32 = 10;

/// What there has to be after the files of dbmate as after pg-lora; its own history is no part of it.
const MADE: &str = "select md5(string_agg(what, chr(10) order by what collate \"C\")) from (
    select format('table %s %s', oid::regclass, relacl) as what from pg_class
      where relnamespace in ('public'::regnamespace, 'lora_private'::regnamespace) and relname <> 'schema_migrations'
        and relname <> 'schema_migrations_pkey'
    union all select format('function %s %s %s', oid::regprocedure, md5(prosrc), proacl) from pg_proc
      where pronamespace in ('public'::regnamespace, 'lora_private'::regnamespace, 'lora'::regnamespace)
    union all select format('policy %s %s', polrelid::regclass, polname) from pg_policy
      where polrelid::regclass::text not like 'lora_migrate.%'
    union all select format('trigger %s %s', tgrelid::regclass, tgname) from pg_trigger where not tgisinternal
    union all select format('constraint %s %s %s', conrelid::regclass, conname, convalidated) from pg_constraint
      where connamespace in ('public'::regnamespace, 'lora_private'::regnamespace) and conrelid <> 0
        and conname <> 'schema_migrations_pkey'
  ) as thing";

/// Runs it.
pub fn run(bed: &mut Bed<'_>, prepared: &Prepared<'_>, full: bool) -> anyhow::Result<()> {
    let program = prepared.released_pg_lora()?;
    platform(bed, prepared)?;
    match Dbmate::provide(prepared.checkout) {
        Ok(dbmate) => beside_dbmate(bed, prepared, &program, &dbmate)?,
        Err(error) => bed.leave_out("pg-lora migrate, to dbmate", &error),
    }
    points::run(bed, prepared, &program, full)
}

/// Makes [`PLATFORM`] from this project's own files. Roles belong to the server and are there already.
fn platform(bed: &Bed<'_>, prepared: &Prepared<'_>) -> anyhow::Result<()> {
    let cluster = bed.cluster();
    cluster.create_database(PLATFORM)?;
    let mut client = cluster.connect(PLATFORM)?;
    for file in sql_files(&prepared.checkout.root().join("sql/platform"))? {
        let text = read(&file)?;
        if !text.starts_with("-- required: role") {
            client.batch_execute(&text).with_context(|| format!("could not run \"{}\"", file.display()))?;
        }
    }
    Ok(())
}

/// A copy of [`PLATFORM`].
fn fresh(bed: &Bed<'_>, name: &str) -> anyhow::Result<()> {
    let mut client = bed.cluster().connect("postgres")?;
    client.batch_execute(&format!("drop database if exists {name}"))?;
    client.batch_execute(&format!("create database {name} template {PLATFORM}"))?;
    Ok(client.close()?)
}

fn beside_dbmate(
    bed: &mut Bed<'_>,
    prepared: &Prepared<'_>,
    program: &Path,
    dbmate: &Dbmate,
) -> anyhow::Result<()> {
    let files = dbmate::write(prepared.checkout, Functions::AsTheyAre)?;
    let joined = dbmate::write(prepared.checkout, Functions::InOneFile)?;
    let names = ["bench_ours", "bench_dbmate", "bench_dbmate_joined"];
    let mut beyond = Vec::new();
    let medians = in_turns(names.len(), |at| {
        let name = names[at];
        fresh(bed, name)?;
        let taken = match at {
            0 => {
                let run = ours(bed, program, name)?;
                beyond.push(run.beyond);
                run.apply
            }
            1 => dbmate.migrate(bed.cluster(), name, &files)?,
            _ => dbmate.migrate(bed.cluster(), name, &joined)?,
        };
        Ok(taken)
    })?;
    let made = names.map(|name| made(bed, name)).into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    let same = made.iter().all(|one| *one == made[0]);
    let [apply, theirs, in_one] = [medians[0], medians[1], medians[2]];
    let (versions, functions) = (sql_files(&files)?.len(), sql_files(&joined)?.len());
    let figure = |name: String, theirs: f64, count: usize| {
        Measurement::new(name, apply / theirs, "", Target::AtMost(1.0))
            .median("pg-lora migrate", apply, "versions, extension and functions".to_owned())
            .median("dbmate migrate", theirs, format!("{count} files"))
            .condition("the same tables, functions, policies, triggers and constraints after both", same)
    };
    let name = "everything applied on an empty database, to dbmate with each file of functions by itself";
    bed.note(figure(name.to_owned(), theirs, versions), &[])?;
    let name = "everything applied on an empty database, to dbmate with all functions in one file";
    bed.note(figure(name.to_owned(), in_one, functions), &[])?;
    let beyond = median(beyond);
    let name = "what pg-lora does beyond it: buckets, verifying the whole catalogue, remarks";
    bed.note(Measurement::new(name, beyond, "ms", None), &[])?;

    let mut looked = Vec::new();
    let medians = in_turns(2, |at| {
        let start = Instant::now();
        let mut beyond = 0.0;
        for _ in 0..REPEATED {
            match at {
                0 => beyond += migrate(bed, program, names[0])?.looked_milliseconds,
                _ => drop(dbmate.migrate(bed.cluster(), names[1], &files)?),
            }
        }
        if at == 0 {
            looked.push(beyond / f64::from(REPEATED));
        }
        Ok((milliseconds(start.elapsed()) - beyond) / f64::from(REPEATED))
    })?;
    let name = "nothing to do, to dbmate";
    let measurement = Measurement::new(name, medians[0] / medians[1], "", Target::AtMost(1.0))
        .median("pg-lora migrate", medians[0], "versions, layers, rules and buckets looked at".to_owned())
        .median("dbmate migrate", medians[1], format!("{versions} files"));
    bed.note(measurement, &[])?;
    let name = "what pg-lora does beyond it: remarks on what others made and on rows that break a rule";
    bed.note(Measurement::new(name, median(looked), "ms", None), &[])
}

/// Milliseconds of a run on an empty database.
struct Run {
    /// From the program's start until versions, extension and functions are done.
    apply: f64,
    /// From then until its end.
    beyond: f64,
}

fn ours(bed: &Bed<'_>, program: &Path, name: &str) -> anyhow::Result<Run> {
    let began = seconds_since_epoch();
    let start = Instant::now();
    migrate(bed, program, name)?;
    let whole = milliseconds(start.elapsed());
    // The step that follows the functions and whatever looks between them at rules: all that is the same work.
    let sql = "select extract(epoch from started_at)::float8 from lora_migrate.runs where kind = 'buckets'";
    let mut client = bed.cluster().connect(name)?;
    let buckets: f64 = client.query_one(sql, &[]).context("the run log has no buckets")?.get(0);
    client.close()?;
    // Server and program read one clock.
    let apply = (buckets - began) * 1000.0;
    Ok(Run { apply, beyond: whole - apply })
}

/// Of what a run says.
#[derive(Deserialize)]
struct Answer {
    /// Milliseconds of verifying and remarking.
    looked_milliseconds: f64,
}

fn migrate(bed: &Bed<'_>, program: &Path, name: &str) -> anyhow::Result<Answer> {
    let mut command = Command::new(program);
    command.args(["migrate", "--output", "json"]).env("DATABASE_URL", bed.cluster().url(name));
    Ok(serde_json::from_str(&process::output(&mut command)?)?)
}

fn made(bed: &Bed<'_>, name: &str) -> anyhow::Result<String> {
    let mut client = bed.cluster().connect(name)?;
    let made = client.query_one(MADE, &[])?.get(0);
    client.close()?;
    Ok(made)
}

fn seconds_since_epoch() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// The files of a folder in their order.
fn sql_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let files = crate::tree::entries(folder)?;
    Ok(files.into_iter().filter(|file| file.extension().is_some_and(|ending| ending == "sql")).collect())
}

fn read(file: &Path) -> anyhow::Result<String> {
    fs::read_to_string(file).with_context(|| format!("could not read \"{}\"", file.display()))
}
