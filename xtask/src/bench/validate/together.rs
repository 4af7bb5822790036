//! Together's own check of a fine-tuning file, from PyPI, in an environment of its own.
//!
//! It stops at the first fault and checks less; it is timed on a file without one, from its call to its answer:
//! neither Python's start nor its imports count.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use serde::Deserialize;

use crate::checkout::Checkout;
use crate::process;
use crate::setup::say;

const VERSION: &str = "1.6.0";

const CHECK: &str = r#"
import json, sys, time
from together.utils.files import check_file
start = time.perf_counter()
report = check_file(sys.argv[1])
seconds = time.perf_counter() - start
print(json.dumps({"seconds": seconds, "passed": report["is_check_passed"], "samples": report["num_samples"] or 0}))
"#;

/// A Python that has it.
pub struct Together(PathBuf);

/// What one check says.
pub struct Run {
    /// Milliseconds of the check.
    pub time: f64,
    /// Whether it found nothing wrong.
    pub passed: bool,
    /// Lines that it checked.
    pub samples: u64,
}

/// As [`CHECK`] prints it.
#[derive(Deserialize)]
struct Answer {
    seconds: f64,
    passed: bool,
    samples: u64,
}

impl Together {
    /// Installs it unless it is there. An error is why it cannot be had here.
    pub fn provide(checkout: &Checkout) -> anyhow::Result<Self> {
        let folder = checkout.place(&format!("bench/together-{VERSION}"))?;
        let python = folder.join("bin/python");
        if !has_it(&python) {
            say(&format!("installing together {VERSION} from PyPI"));
            let python3 = process::in_path("python3").context("there is no python3 in PATH")?;
            let mut make = Command::new(python3);
            process::run_silently(checkout, "together", make.args(["-m", "venv", "--clear"]).arg(&folder))?;
            let mut install = Command::new(&python);
            install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
            install.arg(format!("together=={VERSION}"));
            process::run_silently(checkout, "together", &mut install)?;
        }
        Ok(Self(python))
    }

    /// Checks a file once.
    pub fn run(&self, file: &Path) -> anyhow::Result<Run> {
        let mut check = Command::new(&self.0);
        // Its bar of progress is for people, and not a part of the check.
        check.args(["-c", CHECK]).arg(file).env("TQDM_DISABLE", "1");
        let Answer { seconds, passed, samples } = serde_json::from_str(&process::output(&mut check)?)?;
        Ok(Run { time: seconds * 1000.0, passed, samples })
    }
}

fn has_it(python: &Path) -> bool {
    let ask = "import importlib.metadata; print(importlib.metadata.version('together'))";
    let answer = Command::new(python).args(["-c", ask]).output();
    answer.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim() == VERSION)
}
