//! MLflow's own store of metrics (`SqlAlchemyStore`), from PyPI, in an environment of its own, at the versions of
//! `xtask/tools/mlflow/requirements.txt`.
//!
//! One process for a whole benchmark: it is told how many batches to log and says how long each took, so that neither
//! Python's start nor its imports count. Its database is one of its own on the same server.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::Context;
use pg_lora_tests::Cluster;
use postgres::Client;
use serde::{Deserialize, Serialize};

use crate::checkout::Checkout;
use crate::process;
use crate::setup::say;

/// What it consists of, below `xtask/tools`.
const TOOLS: &str = "xtask/tools/mlflow";

const DATABASE: &str = "bench_mlflow";

/// Values that each point has there.
pub const VALUES: usize = 5;

/// The most points that a batch may have: MLflow takes 1,000 values at once.
pub const BATCH: usize = 1000 / VALUES;

/// A Python that has it.
pub struct Installed {
    python: PathBuf,
    program: PathBuf,
    artifacts: PathBuf,
    log: PathBuf,
}

/// The store at work.
pub struct Store {
    process: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    version: String,
    logged: usize,
    client: Client,
}

/// What a value takes there.
#[derive(Debug, Clone, Copy)]
pub struct Bytes {
    /// With its indexes.
    pub all: f64,
    /// These alone.
    pub indexes: f64,
}

#[derive(Serialize)]
struct Load {
    batches: usize,
    points: usize,
}

#[derive(Deserialize)]
struct Started {
    version: String,
}

#[derive(Deserialize)]
struct Answer {
    milliseconds: Vec<f64>,
}

impl Installed {
    /// Installs it unless it is there. An error is why it cannot be had here.
    pub fn provide(checkout: &Checkout) -> anyhow::Result<Self> {
        let folder = checkout.place("bench/mlflow")?;
        let tools = checkout.root().join(TOOLS);
        let requirements = tools.join("requirements.txt");
        let wanted = fs::read(&requirements)
            .with_context(|| format!("could not read \"{}\"", requirements.display()))?;
        let python = folder.join("bin/python");
        let complete = folder.join(".complete");
        if !fs::read(&complete).is_ok_and(|installed| installed == wanted) {
            say("installing mlflow from PyPI");
            let python3 = process::in_path("python3").context("there is no python3 in PATH")?;
            let mut make = Command::new(python3);
            process::run_silently(checkout, "mlflow", make.args(["-m", "venv", "--clear"]).arg(&folder))?;
            let mut install = Command::new(&python);
            install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
            process::run_silently(checkout, "mlflow", install.arg(&requirements)).context(
                "could not install mlflow\nhint: pip has to reach its index; run \"python3 -m pip download mlflow\"",
            )?;
            fs::write(&complete, &wanted)?;
        }
        Ok(Self {
            python,
            program: tools.join("store.py"),
            artifacts: folder.join("artifacts"),
            log: checkout.place("log/mlflow-store.log")?,
        })
    }

    /// Makes its database, with so many runs that take their batches in turns.
    pub fn start(&self, cluster: &Cluster, runs: usize) -> anyhow::Result<Store> {
        cluster.create_database(DATABASE)?;
        // SQLAlchemy 2.1 would take psycopg 3; MLflow's documentation names this one.
        let url =
            format!("postgresql+psycopg2://postgres@/{DATABASE}?host={}", cluster.socket_dir().display());
        let log =
            File::create(&self.log).with_context(|| format!("could not write \"{}\"", self.log.display()))?;
        let mut process = Command::new(&self.python)
            .arg(&self.program)
            .arg(url)
            .arg(&self.artifacts)
            .arg(runs.to_string())
            // It tells its makers what it is used for, unless it is told not to.
            .envs([("MLFLOW_DISABLE_TELEMETRY", "true"), ("DO_NOT_TRACK", "true")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("could not run \"{}\"", self.python.display()))?;
        let requests = process.stdin.take().context("mlflow's store has no input")?;
        let answers = BufReader::new(process.stdout.take().context("mlflow's store has no output")?);
        let client = cluster.connect(DATABASE)?;
        let mut store = Store { process, requests, answers, version: String::new(), logged: 0, client };
        let started: Result<Started, _> = store.line();
        let last_words = || {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            log.lines().last().unwrap_or_default().to_owned()
        };
        store.version =
            started.with_context(|| format!("mlflow's store did not start: {}", last_words()))?.version;
        Ok(store)
    }
}

impl Store {
    /// Which MLflow it is.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Logs so many batches of so many points; the milliseconds of each `log_batch`.
    pub fn log(&mut self, batches: usize, points: usize) -> anyhow::Result<Vec<f64>> {
        let load = serde_json::to_string(&Load { batches, points })?;
        writeln!(self.requests, "{load}").and_then(|()| self.requests.flush())?;
        let answer: Answer = self.line()?;
        self.logged += batches * points;
        Ok(answer.milliseconds)
    }

    /// Whether its table holds what it was told, and no more.
    pub fn is_complete(&mut self) -> anyhow::Result<bool> {
        let values: i64 = self.client.query_one("select count(*) from metrics", &[])?.get(0);
        Ok(values == (self.logged * VALUES) as i64)
    }

    /// What its table takes for a value, as inserted and after REINDEX.
    pub fn bytes(&mut self) -> anyhow::Result<[Bytes; 2]> {
        let as_inserted = self.bytes_now()?;
        self.client.batch_execute("reindex table metrics")?;
        Ok([as_inserted, self.bytes_now()?])
    }

    fn bytes_now(&mut self) -> anyhow::Result<Bytes> {
        let row = self.client.query_one(
            "select pg_total_relation_size('metrics')::float8 / count(*), pg_indexes_size('metrics')::float8 / count(*) \
             from metrics",
            &[],
        )?;
        Ok(Bytes { all: row.get(0), indexes: row.get(1) })
    }

    fn line<T: for<'a> Deserialize<'a>>(&mut self) -> anyhow::Result<T> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        anyhow::ensure!(!line.is_empty(), "mlflow's store ended\nhint: see the log of mlflow-store");
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
