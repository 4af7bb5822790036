//! cargo-pgrx, and its configuration.
//!
//! Its version is that of the library, exactly: pgrx checks it. Somebody's other version, and their `~/.pgrx`,
//! stay as they are; our configuration names our private trees only, and nothing is ever downloaded for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use pg_lora_tests::Tree;

use crate::checkout::{Checkout, make_readable_dir};
use crate::process;
use crate::setup::{Prepared, say};

/// The version of pgrx, pgrx-tests and cargo-pgrx. `tidy` holds the manifests to it.
pub const VERSION: &str = "0.18.1";

/// Finds cargo-pgrx of the right version, or installs it.
pub fn provide(checkout: &Checkout) -> anyhow::Result<PathBuf> {
    let private = checkout.place("tools/bin/cargo-pgrx")?;
    let shared = process::in_path("cargo-pgrx");
    for candidate in shared.iter().chain([&private]) {
        if version_of(candidate).as_deref() == Some(VERSION) {
            return Ok(candidate.clone());
        }
    }
    say(&format!("installing cargo-pgrx {VERSION}, which takes about four minutes"));
    // From a neutral folder and without our flags: it is a tool of the machine, not a part of this workspace.
    let mut cargo = process::cargo(Path::new("/"));
    cargo.args(["install", "cargo-pgrx", "--version", VERSION, "--locked"]);
    // Its defaults want OpenSSL and pkg-config, for downloads that we never ask for.
    cargo.arg("--no-default-features");
    for name in ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
        cargo.env_remove(name);
    }
    if shared.is_some() {
        cargo.arg("--root").arg(checkout.place("tools")?);
    }
    process::run_silently(checkout, "cargo-pgrx", &mut cargo)?;
    if shared.is_some() {
        return Ok(private);
    }
    process::in_path("cargo-pgrx").or_else(in_cargo_home).context(
        "cargo-pgrx was installed, but is not in PATH\nhint: add the folder bin of CARGO_HOME to PATH",
    )
}

fn version_of(program: &Path) -> Option<String> {
    let output = Command::new(program).args(["pgrx", "--version"]).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().strip_prefix("cargo-pgrx ").map(str::to_owned)
}

fn in_cargo_home() -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")))?;
    Some(home.join("bin/cargo-pgrx")).filter(|file| file.is_file())
}

/// Which of the two private trees pgrx works with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// Builds go into the tree that everything else uses.
    Builds,
    /// pgrx's own tests install a test build into their tree.
    Tests,
}

impl Home {
    /// The folder that PGRX_HOME names. One for each version of Postgres: pgrx builds its bindings again when the
    /// file in it changes.
    pub fn dir(self, checkout: &Checkout, major: u16) -> anyhow::Result<PathBuf> {
        match self {
            Self::Builds => checkout.place(&format!("pgrx/{major}")),
            Self::Tests => checkout.place(&format!("pgrx/{major}-test")),
        }
    }
}

/// Tells pgrx where our trees are.
pub fn configure(checkout: &Checkout, builds: &Tree, tests: &Tree) -> anyhow::Result<()> {
    for (home, tree) in [(Home::Builds, builds), (Home::Tests, tests)] {
        let dir = home.dir(checkout, tree.major())?;
        make_readable_dir(&dir)?;
        let file = dir.join("config.toml");
        let config = format!("[configs]\npg{} = {:?}\n", tree.major(), tree.pg_config());
        if fs::read_to_string(&file).ok().as_ref() != Some(&config) {
            fs::write(&file, config).with_context(|| format!("could not write \"{}\"", file.display()))?;
        }
    }
    Ok(())
}

/// `cargo pgrx …` in this workspace, with one of our homes.
pub fn command(prepared: &Prepared<'_>, home: Home) -> anyhow::Result<Command> {
    // What it installs must be readable for the servers' account, whatever our umask is.
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "umask 022 && exec \"$@\"", "sh"]).arg(&prepared.cargo_pgrx).arg("pgrx");
    command.current_dir(prepared.checkout.root());
    process::forget_cargo(&mut command);
    // RUSTFLAGS would drop the section that the schema is embedded in; the others name other servers.
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "PGRX_PG_CONFIG_PATH", "PGRX_PG_CONFIG_AS_ENV"] {
        command.env_remove(name);
    }
    command
        .env("PGRX_HOME", home.dir(prepared.checkout, prepared.tree.major())?)
        .env("CARGO_PGRX", &prepared.cargo_pgrx);
    Ok(command)
}
