//! Versions after the project's own, from a folder: SQL that the project never has.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use pg_lora_tests::{Database, Outcome, program};

use crate::versions::versions;

/// A folder of them, removed with this value.
pub struct Further {
    folder: PathBuf,
}

impl Further {
    /// One file for each text, with the numbers that come after the project's.
    pub fn new(texts: &[&str]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("pglora-further-{}-{number}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let first = versions().len() + 1;
        for (index, text) in texts.iter().enumerate() {
            std::fs::write(folder.join(format!("V{:04}__further.sql", first + index)), text).unwrap();
        }
        Self { folder }
    }

    /// The name of the first one.
    pub fn label(&self) -> String {
        format!("V{:04}__further", versions().len() + 1)
    }

    /// Replaces the first one.
    pub fn rewrite(&self, text: &str) {
        std::fs::write(self.folder.join(format!("{}.sql", self.label())), text).unwrap();
    }

    /// `pg-lora` that has these versions too.
    pub fn command(&self, url: &str, arguments: &[&str]) -> Command {
        let mut command = program::pg_lora(arguments);
        command.env("DATABASE_URL", url).env("PG_LORA_FURTHER_VERSIONS", &self.folder);
        command
    }

    /// Runs it.
    pub fn run(&self, database: &Database, arguments: &[&str]) -> Outcome {
        Outcome::of(&mut self.command(&database.url(), arguments))
    }

    /// Runs it without what the build would refuse.
    pub fn run_unchecked(&self, database: &Database, arguments: &[&str]) -> Outcome {
        Outcome::of(self.command(&database.url(), arguments).env("PG_LORA_FURTHER_VERSIONS_UNCHECKED", "1"))
    }
}

impl Drop for Further {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
