//! `cargo xtask db`: a database with everything migrated that outlives us, for people who want to play.
//!
//! One at a time; where it lives is written down under `target`. A database that is not complete is never left
//! behind: the server is detached only after the migration.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, anyhow};
use pg_lora_tests::{Cluster, Detached, Tree};

use crate::checkout::Checkout;
use crate::process;
use crate::setup::{self, Prepared};

/// The name of the migrated database in each of our clusters.
pub const DATABASE: &str = "pg_lora";

/// What to do with the database.
#[derive(clap::Subcommand)]
pub enum Action {
    /// Start a server, migrate a database, leave it running and print its URL. Twice is fine.
    Up,
    /// Print the URL, and nothing else.
    Url,
    /// Open psql on it.
    Psql {
        /// What psql is called with, besides the URL.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
        arguments: Vec<String>,
    },
    /// Stop the server and remove everything.
    Down,
}

/// Does it.
pub fn run(checkout: &Checkout, pg_config: Option<&Path>, action: Action) -> anyhow::Result<()> {
    match action {
        Action::Up => up(checkout, pg_config),
        Action::Url => {
            println!("{}", running(checkout)?.0.url(DATABASE));
            Ok(())
        }
        Action::Psql { arguments } => psql(checkout, &arguments),
        Action::Down => down(checkout),
    }
}

/// Which edition of schema `lora` a database has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Provider {
    /// The extension, which is built for it
    Native,
    /// SQL and PL/pgSQL
    Portable,
}

/// A throw-away cluster with one migrated database, [`DATABASE`].
pub fn migrated(prepared: &Prepared<'_>, provider: Provider) -> anyhow::Result<Cluster> {
    let name = match provider {
        Provider::Native => {
            prepared.with_extension()?;
            "native"
        }
        Provider::Portable => "portable",
    };
    let pg_lora = prepared.pg_lora()?;
    let cluster = Cluster::start(&prepared.tree)?;
    cluster.create_database(DATABASE)?;
    let mut migrate = Command::new(pg_lora);
    migrate
        .args(["migrate", "--platform", "standalone", "--provider", name])
        .env("DATABASE_URL", cluster.url(DATABASE));
    process::run_silently(prepared.checkout, "migrate", &mut migrate)?;
    Ok(cluster)
}

/// Lets a cluster outlive us as the one that `url`, `psql` and `down` are about, and says its URL. One that was
/// left running before is stopped.
pub fn keep(checkout: &Checkout, cluster: Cluster) -> anyhow::Result<String> {
    sweep(checkout)?;
    // Written first: if we are killed in between, the cluster goes and the note is swept, not the other way round.
    let file = state_file(checkout)?;
    let state = format!("{}\n{}\n", cluster.socket_dir().display(), cluster.tree().pg_config().display());
    fs::write(&file, state).with_context(|| format!("could not write \"{}\"", file.display()))?;
    Ok(cluster.detach()?.url(DATABASE))
}

fn up(checkout: &Checkout, pg_config: Option<&Path>) -> anyhow::Result<()> {
    let url = match running(checkout) {
        Ok((database, _)) => {
            eprintln!("the database is running already; \"cargo xtask db down\" ends it");
            database.url(DATABASE)
        }
        Err(_) => keep(checkout, migrated(&setup::prepare(checkout, pg_config)?, Provider::Native)?)?,
    };
    println!("{url}");
    Ok(())
}

fn psql(checkout: &Checkout, arguments: &[String]) -> anyhow::Result<()> {
    let (database, pg_config) = running(checkout)?;
    let program = Tree::from_pg_config(&pg_config)?.client("psql")?;
    // Replaces us, so that psql has the terminal and its signals to itself.
    let error = Command::new(program).arg(database.url(DATABASE)).args(arguments).exec();
    Err(error).context("could not run psql")
}

fn down(checkout: &Checkout) -> anyhow::Result<()> {
    if running(checkout).is_err() {
        eprintln!("no database is running");
    }
    sweep(checkout)
}

/// Ends what an earlier call left, also if its server is long gone.
fn sweep(checkout: &Checkout) -> anyhow::Result<()> {
    if let Some((dir, _)) = state(checkout)? {
        Detached::sweep(&dir)?;
        fs::remove_file(state_file(checkout)?)?;
    }
    Ok(())
}

fn running(checkout: &Checkout) -> anyhow::Result<(Detached, PathBuf)> {
    let hint = "no database is running\nhint: run \"cargo xtask db up\"";
    let (dir, pg_config) = state(checkout)?.context(hint)?;
    Ok((Detached::open(&dir).map_err(|_| anyhow!(hint))?, pg_config))
}

/// Two lines: the server's folder, and the pg_config of what it runs from.
fn state(checkout: &Checkout) -> anyhow::Result<Option<(PathBuf, PathBuf)>> {
    let text = fs::read_to_string(state_file(checkout)?).unwrap_or_default();
    let mut lines = text.lines().map(PathBuf::from);
    Ok(lines.next().zip(lines.next()))
}

fn state_file(checkout: &Checkout) -> anyhow::Result<PathBuf> {
    checkout.place("db")
}
