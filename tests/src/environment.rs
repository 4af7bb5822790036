//! What `cargo xtask test` hands to the tests: which Postgres, which programs, which data, which size.
//!
//! Refuses to search for any of it, because a test that finds an old build by itself tests the wrong thing.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::Tree;

/// The `pg_config` of the tree that the extension is installed in.
pub const PG_CONFIG: &str = "PG_LORA_PG_CONFIG";
/// The built `pg-lora`.
pub const BIN: &str = "PG_LORA_BIN";
/// The built `xtask`.
pub const XTASK: &str = "PG_LORA_XTASK";
/// The `pg_config` of a PostgreSQL 14, which has to be refused.
pub const OLD_PG_CONFIG: &str = "PG_LORA_POSTGRES_14";
/// PostgREST, the program.
pub const POSTGREST: &str = "PG_LORA_POSTGREST";
/// PgBouncer, the program.
pub const PGBOUNCER: &str = "PG_LORA_PGBOUNCER";
/// The Supabase CLI, the program.
pub const SUPABASE: &str = "PG_LORA_SUPABASE";
/// cargo-pgrx of the right version, the program.
pub const CARGO_PGRX: &str = "PG_LORA_CARGO_PGRX";
/// The folder that `PGRX_HOME` names where the extension is built.
pub const PGRX_HOME: &str = "PG_LORA_PGRX_HOME";
/// Postgres's own `isolationtester`.
pub const ISOLATIONTESTER: &str = "PG_LORA_ISOLATIONTESTER";
/// `1`: what the tests observe becomes what they expect (`cargo xtask test --bless`).
pub const BLESS: &str = "PG_LORA_TEST_BLESS";
/// Node that runs TypeScript, the program.
pub const NODE: &str = "PG_LORA_NODE";
/// Deno, the program.
pub const DENO: &str = "PG_LORA_DENO";
/// The compiler of the npm package `typescript`.
pub const TYPESCRIPT: &str = "PG_LORA_TYPESCRIPT";
/// The `package.json` of supabase-js, in a folder `node_modules` with what it needs.
pub const SUPABASE_JS: &str = "PG_LORA_SUPABASE_JS";
/// A folder with more data than the checkout holds. Optional.
pub const DATA: &str = "PG_LORA_DATA";
/// `1`: the sizes of `cargo xtask test --full`.
pub const FULL: &str = "PG_LORA_TEST_FULL";
/// The edition of schema `lora` that databases are migrated to, as `--provider` names it.
pub const PROVIDER: &str = "PG_LORA_TEST_PROVIDER";
/// The number that random test data starts from.
pub const SEED: &str = "PG_LORA_TEST_SEED";

/// The Postgres installation under test, with the extension in it.
pub fn tree() -> anyhow::Result<Tree> {
    Tree::from_pg_config(&file(PG_CONFIG, std::env::var_os(PG_CONFIG))?)
}

/// The built `pg-lora`.
pub fn pg_lora() -> anyhow::Result<PathBuf> {
    file(BIN, std::env::var_os(BIN))
}

/// The built `xtask`.
pub fn xtask() -> anyhow::Result<PathBuf> {
    file(XTASK, std::env::var_os(XTASK))
}

/// A Postgres installation that is too old.
pub fn old_tree() -> anyhow::Result<Tree> {
    Tree::of_any_version(&file(OLD_PG_CONFIG, std::env::var_os(OLD_PG_CONFIG))?)
}

/// The HTTP layer.
pub fn postgrest() -> anyhow::Result<PathBuf> {
    file(POSTGREST, std::env::var_os(POSTGREST))
}

/// The pooler.
pub fn pgbouncer() -> anyhow::Result<PathBuf> {
    file(PGBOUNCER, std::env::var_os(PGBOUNCER))
}

/// The CLI of the platform.
pub fn supabase() -> anyhow::Result<PathBuf> {
    file(SUPABASE, std::env::var_os(SUPABASE))
}

/// The program that builds and installs the extension.
pub fn cargo_pgrx() -> anyhow::Result<PathBuf> {
    file(CARGO_PGRX, std::env::var_os(CARGO_PGRX))
}

/// The configuration that the extension is built with.
pub fn pgrx_home() -> anyhow::Result<PathBuf> {
    let config = std::env::var_os(PGRX_HOME).map(|folder| PathBuf::from(folder).join("config.toml").into());
    let config = file(PGRX_HOME, config)?;
    Ok(config.parent().context("a file is in a folder")?.to_owned())
}

/// Postgres's own program that plays sessions against each other.
pub fn isolationtester() -> anyhow::Result<PathBuf> {
    file(ISOLATIONTESTER, std::env::var_os(ISOLATIONTESTER))
}

/// Whether what is observed becomes what is expected.
pub fn bless() -> bool {
    std::env::var_os(BLESS).is_some_and(|value| value == "1")
}

/// The program that runs TypeScript.
pub fn node() -> anyhow::Result<PathBuf> {
    file(NODE, std::env::var_os(NODE))
}

/// What Supabase's functions run on.
pub fn deno() -> anyhow::Result<PathBuf> {
    file(DENO, std::env::var_os(DENO))
}

/// The TypeScript compiler, for node.
pub fn typescript() -> anyhow::Result<PathBuf> {
    file(TYPESCRIPT, std::env::var_os(TYPESCRIPT))
}

/// The folder `node_modules` that holds supabase-js.
pub fn node_modules() -> anyhow::Result<PathBuf> {
    let description = file(SUPABASE_JS, std::env::var_os(SUPABASE_JS))?;
    Ok(description.ancestors().nth(3).context("a package is in a folder")?.to_owned())
}

/// Whether the tests run at full size, and not at about a tenth of it.
pub fn full() -> bool {
    std::env::var_os(FULL).is_some_and(|value| value == "1")
}

/// The edition of schema `lora` that a database gets where a test does not say which: `native` or `portable`.
///
/// # Panics
/// If the variable names another one.
pub fn provider() -> &'static str {
    match std::env::var(PROVIDER).as_deref() {
        Err(_) | Ok("native") => "native",
        Ok("portable") => "portable",
        Ok(other) => panic!("{PROVIDER} is \"{other}\"\nhint: \"native\" or \"portable\""),
    }
}

/// Whether that is the portable one.
pub fn is_portable() -> bool {
    provider() == "portable"
}

/// The number that random test data starts from: the run's own, so that a failure can be repeated.
pub fn seed() -> u64 {
    std::env::var(SEED).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// A file of the extra data. Where it is not there, says on standard error, past the test harness, that the
/// caller is skipped.
pub fn extra_data(name: &str) -> Option<PathBuf> {
    let found = find_extra(std::env::var_os(DATA).as_deref().map(Path::new), name);
    if found.is_none() {
        skipped(&format!("\"{name}\" is not in the folder {DATA}"));
    }
    found
}

/// Says on standard error, past the test harness, that something is not tested here.
pub fn skipped(why: &str) {
    // `eprintln!` would be captured and dropped with the output of a passing test.
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

fn find_extra(folder: Option<&Path>, name: &str) -> Option<PathBuf> {
    folder.map(|folder| folder.join(name)).filter(|path| path.exists())
}

fn file(variable: &str, value: Option<OsString>) -> anyhow::Result<PathBuf> {
    let path = value
        .map(PathBuf::from)
        .with_context(|| format!("{variable} is not set\nhint: run \"cargo xtask test\", which sets it"))?;
    if !path.is_file() {
        bail!("{variable} names \"{}\", which is not a file", path.display());
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unset_variable_says_what_to_run() {
        let error = file("PG_LORA_BIN", None).unwrap_err().to_string();
        assert_eq!(error, "PG_LORA_BIN is not set\nhint: run \"cargo xtask test\", which sets it");
    }

    #[test]
    fn a_variable_that_names_nothing_is_an_error() {
        let error = file("PG_LORA_BIN", Some("/no/such/file".into())).unwrap_err().to_string();
        assert!(error.contains("/no/such/file"), "{error}");
    }

    #[test]
    fn extra_data_may_be_absent() {
        assert_eq!(find_extra(None, "x"), None);
        assert_eq!(find_extra(Some(Path::new("/no/such/folder")), "x"), None);
        assert_eq!(find_extra(Some(Path::new("/")), "tmp"), Some(PathBuf::from("/tmp")));
    }
}
