//! The extension's golden SQL: `extension/tests/sql/*.sql` must print `extension/tests/expected/*.out`.
//!
//! Run by Postgres's own pg_regress, on a throw-away cluster with nothing but the extension in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use pg_lora_tests::{Cluster, Tree};

use crate::setup::Prepared;
use crate::{process, tree};

/// pg_regress's own name for it.
const DATABASE: &str = "regression";

/// Runs the golden files whose name contains `filter`. With `bless`, what they print becomes what is expected.
pub fn run(prepared: &Prepared<'_>, filter: Option<&str>, bless: bool) -> anyhow::Result<()> {
    let source = prepared.checkout.root().join("extension/tests");
    let names = names(&source.join("sql"), filter)?;
    if names.is_empty() {
        eprintln!("no golden file to run");
        return Ok(());
    }
    let work = prepared.checkout.place("regress")?;
    lay_out(&names, &source, &work)?;

    let cluster = Cluster::start(&prepared.tree)?;
    cluster.create_database(DATABASE)?;
    cluster
        .connect(DATABASE)?
        .batch_execute("create schema lora; create extension pg_lora schema lora")
        .context("could not create the extension")?;

    let psql = prepared.tree.client("psql")?;
    let mut command = Command::new(pg_regress(&prepared.tree)?);
    command
        .arg("--use-existing")
        .arg(format!("--dbname={DATABASE}"))
        .arg(format!("--inputdir={}", work.display()))
        .arg(format!("--outputdir={}", work.display()))
        .arg(format!("--bindir={}", psql.parent().context("psql lies in a folder")?.display()))
        .arg(format!("--host={}", cluster.socket_dir().display()))
        .arg(format!("--port={}", cluster.address().port()))
        .arg("--user=postgres")
        .args(&names)
        .current_dir(&work);
    let passed = process::run(&mut command)?.success();
    if passed {
        return Ok(());
    }
    if bless {
        return accept(&names, &work.join("results"), &source.join("expected"));
    }
    let diffs = fs::read_to_string(work.join("regression.diffs")).unwrap_or_default();
    eprintln!("{}", diffs.trim_end());
    bail!(
        "golden SQL prints something else\nhint: if it is right, run \"cargo xtask test --only golden --bless\""
    )
}

fn names(folder: &Path, filter: Option<&str>) -> anyhow::Result<Vec<String>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let files = tree::entries(folder)?;
    let names = files.iter().filter(|file| file.extension().is_some_and(|kind| kind == "sql"));
    let names = names.filter_map(|file| file.file_stem()).map(|stem| stem.to_string_lossy().into_owned());
    Ok(names.filter(|name| filter.is_none_or(|part| name.contains(part))).collect())
}

/// Server packages made for applications come without it; one of another version runs the same files.
fn pg_regress(tree: &Tree) -> anyhow::Result<PathBuf> {
    let own = tree.pkglibdir().join("pgxs/src/test/regress/pg_regress");
    let others = (15..=19).rev().map(|major| {
        PathBuf::from(format!("/usr/lib/postgresql/{major}/lib/pgxs/src/test/regress/pg_regress"))
    });
    std::iter::once(own).chain(others).find(|file| file.is_file()).context(
        "there is no pg_regress on this machine\nhint: install the distribution's postgresql-server-dev package",
    )
}

/// Copies the files to a folder of ours: pg_regress stops at a file without an expected one, and here it gets an
/// empty one, so that the others are still run.
fn lay_out(names: &[String], source: &Path, work: &Path) -> anyhow::Result<()> {
    if work.exists() {
        fs::remove_dir_all(work).with_context(|| format!("could not remove \"{}\"", work.display()))?;
    }
    for folder in ["sql", "expected", "results"] {
        fs::create_dir_all(work.join(folder))?;
    }
    for name in names {
        fs::copy(source.join(format!("sql/{name}.sql")), work.join(format!("sql/{name}.sql")))?;
        let expected = fs::read(source.join(format!("expected/{name}.out"))).unwrap_or_default();
        fs::write(work.join(format!("expected/{name}.out")), expected)?;
    }
    Ok(())
}

fn accept(names: &[String], results: &Path, expected: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(expected)?;
    for name in names {
        let file = format!("{name}.out");
        let result = results.join(&file);
        fs::copy(&result, expected.join(&file))
            .with_context(|| format!("\"{name}\" did not run to its end: no \"{}\"", result.display()))?;
    }
    eprintln!("accepted {}; look at the difference before you commit it", names.join(", "));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sql_files_are_tests_and_the_filter_narrows_them() {
        let dir = std::env::temp_dir().join(format!("regress-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        for name in ["cost.sql", "job.sql", "notes.txt"] {
            fs::write(dir.join(name), "").unwrap();
        }
        let all = names(&dir, None).unwrap();
        let one = names(&dir, Some("jo")).unwrap();
        fs::remove_dir_all(&dir).unwrap();
        assert_eq!(all, ["cost", "job"]);
        assert_eq!(one, ["job"]);
        assert!(names(Path::new("/no/such/folder"), None).unwrap().is_empty());
    }
}
