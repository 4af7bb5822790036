//! `cargo xtask test`: every test, in phases.
//!
//! A phase that fails does not hide the ones after it: all are run, and the list of failures ends the run. Only
//! without a prepared machine nothing can be said. The random seed is printed and can be given back.

use std::hash::{BuildHasher, RandomState};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, bail};
use pg_lora_tests::{Account, Scratch, environment};

use crate::checkout::Checkout;
use crate::db::Provider;
use crate::setup::{self, Prepared};
use crate::{
    deno, isolation, node, old_server, packages, pgrx, postgrest, process, regress, server_extensions,
    supabase_cli, supabase_js, tidy, typescript,
};

/// proptest reads it by this name.
const PROPTEST_SEED: &str = "PROPTEST_RNG_SEED";

/// What to run.
#[derive(clap::Args)]
pub struct Args {
    /// The sizes that are measured against targets, in place of about a tenth of them.
    #[arg(long)]
    full: bool,
    /// These phases only, with commas between them.
    #[arg(long, value_enum, value_name = "PHASE", value_delimiter = ',')]
    only: Vec<Phase>,
    /// Which edition of schema lora the end-to-end tests migrate to.
    ///
    /// Those that are about one edition, or both, take theirs either way. With portable the phases of the extension
    /// itself (extension, golden) are left out; asked for with --only they are refused.
    #[arg(long, value_name = "EDITION", value_enum, default_value_t = Provider::Native)]
    provider: Provider,
    /// Take what the golden SQL prints now, and what the end-to-end tests observe, as what is expected.
    #[arg(long)]
    bless: bool,
    /// Only tests whose name contains this; tidy is left out.
    filter: Option<String>,
}

/// The parts of the suite, in the order they are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Phase {
    /// What the compiler does not check.
    Tidy,
    /// Unit tests, property tests, doctests; no server.
    Unit,
    /// The extension's own tests, inside a server.
    Extension,
    /// The extension's SQL, compared with what it printed before.
    Golden,
    /// Whole programs against real servers.
    EndToEnd,
}

impl Phase {
    const ALL: [Self; 5] = [Self::Tidy, Self::Unit, Self::Extension, Self::Golden, Self::EndToEnd];

    fn name(self) -> &'static str {
        match self {
            Self::Tidy => "tidy",
            Self::Unit => "unit",
            Self::Extension => "extension",
            Self::Golden => "golden",
            Self::EndToEnd => "end-to-end",
        }
    }

    /// Whether its tests make random data from the seed.
    fn is_random(self) -> bool {
        matches!(self, Self::Unit | Self::EndToEnd)
    }

    /// Whether it is about the extension itself.
    fn is_native(self) -> bool {
        matches!(self, Self::Extension | Self::Golden)
    }
}

impl Args {
    fn runs(&self, phase: Phase) -> bool {
        if self.only.is_empty() {
            return phase != Phase::Tidy || self.filter.is_none();
        }
        self.only.contains(&phase)
    }

    /// Refuses a phase that was asked for and would be left out.
    fn check(&self) -> anyhow::Result<()> {
        match self.only.iter().find(|phase| self.leaves_out(**phase)) {
            Some(phase) => {
                bail!(
                    "--only {} with --provider portable: it is about the native edition itself",
                    phase.name()
                )
            }
            None => Ok(()),
        }
    }

    fn leaves_out(&self, phase: Phase) -> bool {
        self.provider == Provider::Portable && phase.is_native()
    }
}

/// Runs them.
pub fn run(checkout: &Checkout, pg_config: Option<&std::path::Path>, args: &Args) -> anyhow::Result<()> {
    args.check()?;
    let suite = Suite {
        prepared: setup::prepare(checkout, pg_config)?,
        args,
        seed: seed(std::env::var(PROPTEST_SEED).ok())?,
    };
    let (version, edition) = (suite.prepared.tree.version(), args.provider.name());
    eprintln!("{version}, {edition} edition; seed {} ({PROPTEST_SEED} repeats it)", suite.seed);
    let mut failed = Vec::new();
    for phase in Phase::ALL.into_iter().filter(|phase| args.runs(*phase)) {
        eprintln!("\n── {} ──", phase.name());
        if args.leaves_out(phase) {
            eprintln!("── {}: left out, it is about the native edition itself", phase.name());
            continue;
        }
        let start = Instant::now();
        let outcome = suite.run(phase);
        let seconds = start.elapsed().as_secs_f64();
        match outcome {
            Ok(()) => eprintln!("── {}: passed in {seconds:.1} s", phase.name()),
            Err(error) => {
                eprintln!("{}\n── {}: FAILED after {seconds:.1} s", process::report(&error), phase.name());
                failed.push(phase);
            }
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = failed.iter().map(|phase| phase.name()).collect();
    let random = failed.iter().any(|phase| phase.is_random());
    let hint = if random {
        format!("\nhint: {PROPTEST_SEED}={} repeats random data", suite.seed)
    } else {
        String::new()
    };
    bail!("failed: {}{hint}", names.join(", "))
}

struct Suite<'a> {
    prepared: Prepared<'a>,
    args: &'a Args,
    seed: u64,
}

impl Suite<'_> {
    fn run(&self, phase: Phase) -> anyhow::Result<()> {
        match phase {
            Phase::Tidy => tidy::run(&self.prepared),
            Phase::Unit => self.cargo_test(&[]),
            Phase::Extension => self.extension(),
            Phase::Golden => {
                self.prepared.with_extension()?;
                regress::run(&self.prepared, self.args.filter.as_deref(), self.args.bless)
            }
            Phase::EndToEnd => self.end_to_end(),
        }
    }

    fn cargo_test(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let mut cargo = process::cargo(self.prepared.checkout.root());
        cargo.args(["test", "--no-fail-fast"]).args(arguments).args(&self.args.filter);
        self.sizes(&mut cargo);
        process::run_or_fail(&mut cargo)
    }

    /// pgrx's framework starts a server of its own. It stops it at exit, but not when it is killed: its folder
    /// is a scratch folder, and that stops whatever still runs there.
    fn extension(&self) -> anyhow::Result<()> {
        let scratch = Scratch::new()?;
        let mut command = pgrx::command(&self.prepared, pgrx::Home::Tests)?;
        command.args(["test", &format!("pg{}", self.prepared.tree.major()), "--package", "pg_lora"]);
        command.args(&self.args.filter).arg("--pgdata").arg(scratch.path());
        if let Some(account) = Account::for_servers()? {
            command.args(["--runas", account.name()]);
        }
        // The framework connects as this user, and containers often have none in the environment.
        if std::env::var_os("USER").is_none() {
            command.env("USER", user_name()?);
        }
        self.sizes(&mut command);
        process::run_or_fail(&mut command)
    }

    fn end_to_end(&self) -> anyhow::Result<()> {
        self.prepared.with_extension()?;
        server_extensions::provide(self.prepared.checkout, &self.prepared.tree)?;
        let mut cargo = process::cargo(self.prepared.checkout.root());
        cargo.args(["test", "--no-fail-fast", "--package", "pg-lora-tests"]).args(&self.args.filter);
        cargo.env(environment::PG_CONFIG, self.prepared.tree.pg_config());
        cargo.env(environment::BIN, self.prepared.pg_lora()?);
        cargo.env(environment::XTASK, std::env::current_exe()?);
        cargo.env(environment::OLD_PG_CONFIG, old_server::provide(self.prepared.checkout)?);
        cargo.env(environment::POSTGREST, postgrest::provide(self.prepared.checkout)?);
        cargo.env(environment::PGBOUNCER, packages::pgbouncer()?);
        cargo.env(environment::CARGO_PGRX, &self.prepared.cargo_pgrx);
        let home = pgrx::Home::Builds.dir(self.prepared.checkout, self.prepared.tree.major())?;
        cargo.env(environment::PGRX_HOME, home);
        cargo.env(environment::SUPABASE, supabase_cli::provide(self.prepared.checkout)?);
        cargo.env(environment::NODE, node::provide(self.prepared.checkout)?);
        cargo.env(environment::DENO, deno::provide(self.prepared.checkout)?);
        cargo.env(environment::TYPESCRIPT, typescript::provide(self.prepared.checkout)?);
        cargo.env(environment::SUPABASE_JS, supabase_js::provide(self.prepared.checkout)?);
        cargo.env(environment::ISOLATIONTESTER, isolation::tester(&self.prepared.tree)?);
        cargo.env(environment::PROVIDER, self.args.provider.name());
        if self.args.bless {
            cargo.env(environment::BLESS, "1");
        }
        self.sizes(&mut cargo);
        process::run_or_fail(&mut cargo)
    }

    fn sizes(&self, command: &mut Command) {
        let seed = self.seed.to_string();
        command.env(PROPTEST_SEED, &seed).env(environment::SEED, &seed);
        if self.args.full {
            command.env(environment::FULL, "1");
            // Ten times proptest's own number.
            command.env("PROPTEST_CASES", "2560");
        }
    }
}

fn seed(given: Option<String>) -> anyhow::Result<u64> {
    match given {
        Some(text) => text.parse().with_context(|| format!("{PROPTEST_SEED} is not a number: \"{text}\"")),
        None => Ok(RandomState::new().hash_one(std::process::id())),
    }
}

fn user_name() -> anyhow::Result<String> {
    let output = Command::new("id").arg("-un").output().context("could not run \"id\"")?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(only: &[Phase], filter: Option<&str>) -> Args {
        let filter = filter.map(str::to_owned);
        Args { full: false, only: only.to_vec(), provider: Provider::Native, bless: false, filter }
    }

    fn chosen(args: &Args) -> Vec<&'static str> {
        Phase::ALL.into_iter().filter(|phase| args.runs(*phase)).map(Phase::name).collect()
    }

    #[test]
    fn everything_runs_unless_narrowed() {
        assert_eq!(chosen(&args(&[], None)).len(), Phase::ALL.len());
        assert_eq!(chosen(&args(&[], Some("cost"))), ["unit", "extension", "golden", "end-to-end"]);
        assert_eq!(chosen(&args(&[Phase::Tidy], Some("cost"))), ["tidy"]);
        assert_eq!(chosen(&args(&[Phase::EndToEnd, Phase::Golden], None)), ["golden", "end-to-end"]);
    }

    #[test]
    fn only_the_phases_of_the_extension_itself_are_left_out() {
        for phase in Phase::ALL {
            assert!(!args(&[], None).leaves_out(phase));
            let portable = Args { provider: Provider::Portable, ..args(&[], None) };
            assert_eq!(portable.leaves_out(phase), ["extension", "golden"].contains(&phase.name()));
            let only = Args { provider: Provider::Portable, ..args(&[Phase::Unit, phase], None) };
            assert_eq!(only.check().is_err(), portable.leaves_out(phase));
        }
    }

    #[test]
    fn a_given_seed_counts() {
        assert_eq!(seed(Some("42".to_owned())).unwrap(), 42);
        assert!(seed(Some("x".to_owned())).is_err());
    }
}
