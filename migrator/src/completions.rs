//! `pg-lora completions`: a script for a shell, made of the one definition of the command line.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::report::Report;

/// Prints it.
pub fn print(shell: Shell, report: &mut Report) {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "pg-lora", &mut script);
    // clap_complete 4.6 writes the hyphen of a program's name in two ways, and bash then finds no command's options.
    let script = String::from_utf8_lossy(&script).replace("pg__subcmd__lora", "pg__lora");
    report.text(script.trim_end());
    report.set("shell", shell.to_string());
    report.set("script", script);
}
