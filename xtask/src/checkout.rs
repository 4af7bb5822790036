//! The places of this checkout.
//!
//! Invariant: everything that xtask makes lies under `target/pg_lora`, so `cargo clean` removes it; the one
//! exception is said out loud (see `tree`).

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::process;
use crate::setup::say;

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

    /// The program that `cargo build --release` made of a binary target.
    pub fn built_for_release(&self, program: &str) -> PathBuf {
        self.target.join("release").join(program)
    }

    /// The program that `cargo build --release --example` made.
    pub fn built_example(&self, name: &str) -> PathBuf {
        self.target.join("release/examples").join(name)
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

/// Holds this checkout's set-up for one process at a time, until dropped.
pub struct Lock {
    _file: File,
}

impl Checkout {
    /// Waits until no other process prepares this checkout.
    pub fn lock(&self) -> anyhow::Result<Lock> {
        let path = self.place("lock")?;
        let file = File::create(&path).with_context(|| format!("could not write \"{}\"", path.display()))?;
        // One that finds nothing to do is over at once, and not worth a word.
        for _ in 0..20 {
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => sleep(Duration::from_millis(50)),
                _ => return Ok(Lock { _file: file }),
            }
        }
        say("waiting for another one in this checkout");
        file.lock().with_context(|| format!("could not lock \"{}\"", path.display()))?;
        Ok(Lock { _file: file })
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
