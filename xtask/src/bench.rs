//! `cargo xtask bench`: figures of what this checkout's build takes, each beside what it may take.
//!
//! A fresh server with stated settings for each run; a benchmark is one file that measures on a [`Bed`] and
//! names a target for each figure. A target that is missed is a result and no failure: the verdict says so and
//! the exit code is 0.

mod bed;
mod costs;
mod editions;
mod indexes;
mod jobs;
mod measurement;
mod memory;
mod metrics;
mod migrate;
mod plan;
mod rls;
mod validate;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use clap::ValueEnum;
use pg_lora_tests::{Cluster, Options};
use postgres::Client;
use serde::Serialize;
use serde_json::Value;

use self::bed::Bed;
use self::measurement::Measurement;
use crate::checkout::Checkout;
use crate::db::DATABASE;
use crate::process;
use crate::setup::{self, Prepared};

/// Of a small production server, but for durability: nothing here is worth a disk's wait. Parallel workers are
/// off unless a benchmark turns them on, because how many a query gets depends on what else runs.
const SETTINGS: [(&str, &str); 11] = [
    ("shared_buffers", "1GB"),
    ("effective_cache_size", "3GB"),
    ("work_mem", "4MB"),
    ("maintenance_work_mem", "256MB"),
    ("random_page_cost", "1.1"),
    ("jit", "off"),
    ("max_parallel_workers_per_gather", "0"),
    ("autovacuum", "off"),
    ("max_wal_size", "4GB"),
    ("fsync", "off"),
    ("synchronous_commit", "off"),
];

/// What to measure.
#[derive(clap::Args)]
pub struct Args {
    /// What is measured.
    #[arg(value_enum, value_name = "NAME")]
    name: Benchmark,
    /// At the sizes that a target is stated for, where that takes long; else at a tenth of them.
    #[arg(long)]
    full: bool,
    /// Also write the figures to a file, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Every benchmark; each is a file of its own.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Benchmark {
    /// What row-level security adds to reads.
    Rls,
    /// What the indexes cost that the specification names and others cover.
    Indexes,
    /// What validating a dataset takes.
    Validate,
    /// What migrating takes, and what it keeps others from.
    Migrate,
    /// What working off a queue of jobs takes, and asking for their progress.
    Jobs,
    /// What metrics take: points that come in, curves, pages, bytes.
    Metrics,
    /// What costs take: a month, a year, and what runs.
    Costs,
    /// What each function of schema `lora` takes in either edition.
    Editions,
}

impl Benchmark {
    fn run(self, bed: &mut Bed<'_>, prepared: &Prepared<'_>, full: bool) -> anyhow::Result<()> {
        match self {
            Self::Rls => rls::run(bed),
            Self::Indexes => indexes::run(bed),
            Self::Validate => validate::run(bed, prepared),
            Self::Migrate => migrate::run(bed, prepared, full),
            Self::Jobs => jobs::run(bed, prepared, full),
            Self::Metrics => metrics::run(bed, prepared, full),
            Self::Costs => costs::run(bed, full),
            Self::Editions => editions::run(bed),
        }
    }
}

/// Everything that is printed, in its order.
#[derive(Serialize)]
struct Report {
    benchmark: String,
    /// Whether at the sizes of `--full`.
    full: bool,
    postgres: String,
    /// What the extension says of itself; its profile has to be `release`.
    pg_lora: Value,
    /// Commit of the checkout, if it is one; `changed` if there is more than that.
    commit: Option<String>,
    processors: usize,
    settings: BTreeMap<&'static str, String>,
    rounds: usize,
    /// Milliseconds of `select 1` on the first connection.
    select_1: f64,
    measurements: Vec<Measurement>,
    /// What could not be measured on this machine, with the reason.
    left_out: Vec<String>,
}

/// Measures, and prints what came of it.
pub fn run(checkout: &Checkout, pg_config: Option<&Path>, args: &Args) -> anyhow::Result<()> {
    let prepared = setup::prepare(checkout, pg_config)?;
    let cluster = cluster(&prepared)?;
    let report = measure(&prepared, &cluster, args)?;
    cluster.stop()?;
    print!("{}", report.text());
    if let Some(file) = &args.json {
        let json = serde_json::to_string_pretty(&report)?;
        fs::write(file, json + "\n").with_context(|| format!("could not write \"{}\"", file.display()))?;
    }
    Ok(())
}

fn cluster(prepared: &Prepared<'_>) -> anyhow::Result<Cluster> {
    prepared.with_extension()?;
    let pg_lora = prepared.pg_lora()?;
    let options = SETTINGS.iter().fold(Options::default(), |options, (name, value)| options.set(name, value));
    let cluster = options.start(&prepared.tree)?;
    cluster.create_database(DATABASE)?;
    let mut migrate = Command::new(pg_lora);
    migrate.args(["migrate", "--platform", "standalone"]).env("DATABASE_URL", cluster.url(DATABASE));
    process::run_silently(prepared.checkout, "migrate", &mut migrate)?;
    Ok(cluster)
}

fn measure(prepared: &Prepared<'_>, cluster: &Cluster, args: &Args) -> anyhow::Result<Report> {
    let mut client = cluster.connect(DATABASE)?;
    let mut settings = BTreeMap::new();
    for (name, _) in SETTINGS {
        // As the server has it, which is what counts.
        settings.insert(name, ask(&mut client, &format!("show {name}"))?);
    }
    let pg_lora = ask(&mut client, "select lora.build_info()::text")?;
    // Copies of the database are made only while nobody is connected to it.
    client.close()?;
    let mut bed = Bed::new(cluster)?;
    args.name.run(&mut bed, prepared, args.full)?;
    Ok(Report {
        benchmark: name_of(args.name),
        full: args.full,
        postgres: prepared.tree.version().to_owned(),
        pg_lora: serde_json::from_str(&pg_lora)?,
        commit: commit(prepared.checkout.root()),
        processors: std::thread::available_parallelism()?.get(),
        settings,
        rounds: bed::ROUNDS,
        select_1: bed.yardstick,
        measurements: bed.measurements,
        left_out: bed.left_out,
    })
}

impl Report {
    fn text(&self) -> String {
        let settings: Vec<String> =
            self.settings.iter().map(|(name, value)| format!("{name} {value}")).collect();
        let word = |name: &str| self.pg_lora[name].as_str().unwrap_or("unknown");
        let mut text = format!(
            "{}{}: {}; pg_lora {} ({}, {}); commit {}; {} processors\n{}\n\
             medians of {} rounds; select 1 takes {:.3} ms\n\n",
            self.benchmark,
            if self.full { " --full" } else { "" },
            self.postgres,
            word("version"),
            word("edition"),
            word("profile"),
            self.commit.as_deref().unwrap_or("unknown"),
            self.processors,
            settings.join(", "),
            self.rounds,
            self.select_1,
        );
        for measurement in &self.measurements {
            text += &format!("{measurement}\n");
        }
        for line in &self.left_out {
            text += &format!("{line}\n");
        }
        let with_target = self.measurements.iter().filter(|measurement| measurement.has_target()).count();
        let missed = self.measurements.iter().filter(|measurement| measurement.is_missed()).count();
        text + &format!("\n{} of {with_target} targets met, {missed} missed\n", with_target - missed)
    }
}

fn name_of(benchmark: Benchmark) -> String {
    benchmark.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

fn ask(client: &mut Client, sql: &str) -> anyhow::Result<String> {
    Ok(client.query_one(sql, &[])?.get(0))
}

/// Where there is no git, or no repository, there is no commit.
fn commit(root: &Path) -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").current_dir(root).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changes = git(&["status", "--porcelain", "--untracked-files=no"])?;
    Some(if changes.is_empty() { commit } else { format!("{commit}, changed") })
}
