//! The places of this checkout.
//!
//! Invariant: everything that xtask makes lies under `target/pg_lora`, so `cargo clean` removes it; the one
//! exception is said out loud (see `tree`).

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::Value;

use crate::process;

/// Where the sources are and where the build goes.
pub struct Checkout {
    root: PathBuf,
    target: PathBuf,
    metadata: Value,
}

impl Checkout {
    /// The checkout that this program was built from.
    pub fn find() -> anyhow::Result<Self> {
        let manifest_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest_dir.parent().context("xtask is not in a workspace")?.to_owned();
        let output = process::cargo(&root)
            .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
            .output()
            .context("could not run \"cargo metadata\"")?;
        if !output.status.success() {
            bail!("\"cargo metadata\" failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        let metadata: Value = serde_json::from_slice(&output.stdout)?;
        let target =
            metadata["target_directory"].as_str().context("cargo metadata names no target folder")?;
        Ok(Self { target: PathBuf::from(target), root, metadata })
    }

    /// The folder with Cargo.toml.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What `cargo metadata --no-deps` says of the workspace.
    pub fn metadata(&self) -> &Value {
        &self.metadata
    }

    /// The program that `cargo build` made of a binary target.
    pub fn built(&self, program: &str) -> PathBuf {
        self.target.join("debug").join(program)
    }

    /// A file or folder of ours under `target/pg_lora`; the folder above it exists afterwards and everybody may
    /// read it, whatever the umask says, because servers run as another user.
    pub fn place(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.target.join("pg_lora").join(name);
        let parent = path.parent().context("a place has a parent")?;
        make_readable_dir(parent)?;
        Ok(path)
    }
}

/// Makes a folder, and those above it, that everybody may enter.
pub fn make_readable_dir(dir: &Path) -> anyhow::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    if let Some(parent) = dir.parent() {
        make_readable_dir(parent)?;
    }
    fs::create_dir(dir)
        .and_then(|()| fs::set_permissions(dir, fs::Permissions::from_mode(0o755)))
        .with_context(|| format!("could not make \"{}\"", dir.display()))
}
