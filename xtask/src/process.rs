//! Running other programs, and how their failures read.
//!
//! Words go to stderr. A program that works in silence writes to a log file, which is shown only if it fails.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, bail};

use crate::checkout::Checkout;
use crate::interrupt;

/// `cargo`, in a folder, as if it had been called from a shell: without the variables that `cargo run` set for
/// us, which make build scripts run again.
pub fn cargo(folder: &Path) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(folder).stdin(Stdio::null());
    forget_cargo(&mut command);
    command
}

/// Removes from a command's environment what the cargo around us set for us alone.
pub fn forget_cargo(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_for_us_alone) {
            command.env_remove(name);
        }
    }
}

fn is_for_us_alone(name: &str) -> bool {
    matches!(
        name,
        "CARGO"
            | "CARGO_MANIFEST_DIR"
            | "CARGO_MANIFEST_PATH"
            | "CARGO_PRIMARY_PACKAGE"
            | "CARGO_CRATE_NAME"
            | "CARGO_BIN_NAME"
            | "CARGO_TARGET_TMPDIR"
            | "OUT_DIR"
    ) || name.starts_with("CARGO_PKG_")
        || name.starts_with("CARGO_BIN_EXE_")
}

/// Runs a command whose output people want to see, its words on stderr.
pub fn run(command: &mut Command) -> anyhow::Result<ExitStatus> {
    command.stdin(Stdio::null());
    interrupt::status_of(command).with_context(|| format!("could not run {}", name_of(command)))
}

/// As [`run`], and a failure is an error.
pub fn run_or_fail(command: &mut Command) -> anyhow::Result<()> {
    let status = run(command)?;
    if !status.success() {
        bail!("{} failed ({status})", name_of(command));
    }
    Ok(())
}

/// Runs a command in silence; if it fails, shows everything it said and errs.
pub fn run_silently(checkout: &Checkout, log: &str, command: &mut Command) -> anyhow::Result<()> {
    let path = checkout.place(&format!("log/{log}.log"))?;
    let file = File::create(&path).with_context(|| format!("could not write \"{}\"", path.display()))?;
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    let status =
        interrupt::status_of(command).with_context(|| format!("could not run {}", name_of(command)))?;
    if !status.success() {
        eprintln!("{}", String::from_utf8_lossy(&fs::read(&path)?).trim_end());
        bail!("{} failed ({status})", name_of(command));
    }
    Ok(())
}

/// Runs a command for what it prints on stdout; if it fails, its words on stderr are the error.
pub fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("could not run {}", name_of(command)))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        bail!("{} failed ({}): {}", name_of(command), output.status, words.trim_end());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A command as in an error message: the program and what it was to do, not every option.
fn name_of(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    let shell = words.iter().position(|word| word == "sh").filter(|_| words[0] == "/bin/sh");
    let words = &words[shell.map_or(0, |at| at + 1)..];
    let shown: Vec<&str> = words.iter().take(4).map(String::as_str).collect();
    format!("\"{}{}\"", shown.join(" "), if words.len() > shown.len() { " …" } else { "" })
}

/// The file of a program in PATH.
pub fn in_path(program: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// What the system said, without the number that no reader needs.
pub fn os_error(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

/// An error as people read it: what failed and why in one line, hints on lines of their own at the end.
pub fn report(error: &anyhow::Error) -> String {
    let mut what = Vec::new();
    let mut hints = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string();
        let mut parts = text.split("\nhint: ");
        what.extend(parts.next().filter(|text| !text.is_empty()).map(str::to_owned));
        hints.extend(parts.map(|hint| format!("\nhint: {hint}")));
    }
    format!("error: {}{}", what.join(": "), hints.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_come_last() {
        let error = anyhow::anyhow!("no such server\nhint: try another").context("could not start");
        assert_eq!(report(&error), "error: could not start: no such server\nhint: try another");
    }

    #[test]
    fn cargos_variables_for_us_do_not_reach_others() {
        assert!(is_for_us_alone("CARGO_PKG_NAME"));
        assert!(!is_for_us_alone("CARGO_HOME"));
        assert!(!is_for_us_alone("CARGO_TARGET_DIR"));
    }

    #[test]
    fn a_command_is_named_by_its_first_words() {
        let mut command = Command::new("cargo");
        command.args(["test", "-p", "core", "--quiet"]);
        assert_eq!(name_of(&command), "\"cargo test -p core …\"");
        let mut wrapped = Command::new("/bin/sh");
        wrapped.args(["-c", "umask 022 && exec \"$@\"", "sh", "cargo-pgrx", "pgrx"]);
        assert_eq!(name_of(&wrapped), "\"cargo-pgrx pgrx\"");
    }
}
