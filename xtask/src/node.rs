//! Node, which runs TypeScript as it stands: the machine's own where it is new enough, else an npm package.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;
use pg_lora_tests::environment;

use crate::checkout::Checkout;
use crate::npm::{self, Package};
use crate::{process, tree};

const VERSION: &str = "24.21.0";

/// The first that strips types without being asked to, and that supabase-js runs on.
const OLDEST: (u32, u32) = (22, 18);

/// Finds it, or fetches it unless it is there, and says where the program is.
pub fn provide(checkout: &Checkout) -> anyhow::Result<PathBuf> {
    if let Some(given) = std::env::var_os(environment::NODE) {
        return std::path::absolute(given).context("the path of Node is empty");
    }
    if let Some(program) = process::in_path("node") {
        let output = Command::new(&program).arg("--version").output();
        let version = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        if version.is_ok_and(|version| is_new_enough(&version)) {
            return Ok(program);
        }
    }
    let home = tree::home(checkout)?.join(format!("node-{VERSION}"));
    let architecture = npm::architecture("Node", &["x64", "arm64"])?;
    let spec = format!("node-linux-{architecture}@{VERSION}");
    Package { spec: &spec, what: "Node", log: "node" }.program(checkout, &home, "bin/node")
}

/// Of what `node --version` prints.
fn is_new_enough(version: &str) -> bool {
    let mut parts = version.trim().trim_start_matches('v').split('.').map_while(|part| part.parse().ok());
    match (parts.next(), parts.next()) {
        // In the line of 23 it came later.
        (Some(23), Some(minor)) => minor >= 6,
        (Some(major), Some(minor)) => (major, minor) >= OLDEST,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_new_enough_when_it_runs_typescript() {
        for (version, expected) in [
            ("v20.20.2\n", false),
            ("v22.17.9", false),
            ("v22.18.0", true),
            ("v23.5.0", false),
            ("v24.1.0\n", true),
            ("24", false),
            ("", false),
        ] {
            assert_eq!(is_new_enough(version), expected, "{version}");
        }
    }
}
