//! cargo-pgrx, and its configuration.
//!
//! Its version is that of the library, exactly: pgrx checks it. Somebody's other version, and their `~/.pgrx`,
//! stay as they are; our configuration names our private trees only, and nothing is ever downloaded for it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use pg_lora_tests::Tree;

use crate::checkout::Checkout;
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

/// Tells pgrx where our trees are: one home for builds, one for its own tests.
pub fn configure(checkout: &Checkout, private: &Tree, for_tests: &Tree) -> anyhow::Result<()> {
    for (home, tree) in [("pgrx", private), ("pgrx-test", for_tests)] {
        let file = checkout.place(&format!("{home}/config.toml"))?;
        let before = fs::read_to_string(&file).unwrap_or_default();
        let after = with_tree(&before, tree.major(), tree.pg_config(), Path::is_file);
        // pgrx rebuilds its bindings when the file's time changes.
        if after != before {
            fs::write(&file, after).with_context(|| format!("could not write \"{}\"", file.display()))?;
        }
    }
    Ok(())
}

/// The configuration with one tree more. Trees that are gone must go from it, since pgrx asks all of them.
fn with_tree(config: &str, major: u16, pg_config: &Path, exists: impl Fn(&Path) -> bool) -> String {
    let mut trees: BTreeMap<String, String> = config
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .map(|(label, path)| (label.to_owned(), path.trim_matches('"').to_owned()))
        .filter(|(_, path)| exists(Path::new(path)))
        .collect();
    trees.insert(format!("pg{major}"), pg_config.to_string_lossy().into_owned());
    let lines: Vec<String> = trees.iter().map(|(label, path)| format!("{label} = \"{path}\"\n")).collect();
    format!("[configs]\n{}", lines.concat())
}

/// `cargo pgrx …` in this workspace, with one of our homes.
pub fn command(prepared: &Prepared<'_>, home: &str) -> anyhow::Result<Command> {
    // What it installs must be readable for the servers' account, whatever our umask is.
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "umask 022 && exec \"$@\"", "sh"]).arg(&prepared.cargo_pgrx).arg("pgrx");
    command.current_dir(prepared.checkout.root());
    process::forget_cargo(&mut command);
    // RUSTFLAGS would drop the section that the schema is embedded in; the others name other servers.
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "PGRX_PG_CONFIG_PATH", "PGRX_PG_CONFIG_AS_ENV"] {
        command.env_remove(name);
    }
    command.env("PGRX_HOME", home_dir(prepared.checkout, home)?).env("CARGO_PGRX", &prepared.cargo_pgrx);
    Ok(command)
}

/// The folder of one of our homes.
pub fn home_dir(checkout: &Checkout, home: &str) -> anyhow::Result<PathBuf> {
    checkout.place(home)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_are_added_and_the_vanished_go() {
        let one = with_tree("", 15, Path::new("/t/15/pg_config"), |_| true);
        assert_eq!(one, "[configs]\npg15 = \"/t/15/pg_config\"\n");
        let two = with_tree(&one, 17, Path::new("/t/17/pg_config"), |_| true);
        assert_eq!(two, "[configs]\npg15 = \"/t/15/pg_config\"\npg17 = \"/t/17/pg_config\"\n");
        assert_eq!(with_tree(&two, 17, Path::new("/t/17/pg_config"), |_| true), two, "no change, no rebuild");
        let gone = with_tree(&two, 17, Path::new("/t/17/pg_config"), |path| !path.starts_with("/t/15"));
        assert_eq!(gone, "[configs]\npg17 = \"/t/17/pg_config\"\n");
    }
}
