//! dbmate, and this project's SQL as files for it: one for each version, then the extension, then the functions.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::Context;
use pg_lora_tests::Cluster;

use super::super::bed::milliseconds;
use super::{read, sql_files};
use crate::checkout::{Checkout, make_readable_dir};
use crate::npm::{self, Package};
use crate::{process, tree};

const VERSION: &str = "2.36.0";

/// As the migrator has it.
const EXTENSION: &str = "create schema if not exists lora;
revoke all on schema lora from public, anon, authenticated, service_role;
grant usage on schema lora to anon, authenticated, service_role;
create extension pg_lora schema lora;
";

/// Bodies name what later files make.
const UNCHECKED: &str = "set local check_function_bodies = off;\n";

/// How the functions come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Functions {
    /// A file for each of ours, and so a transaction for each.
    AsTheyAre,
    InOneFile,
}

/// The program.
pub struct Dbmate(PathBuf);

impl Dbmate {
    /// Fetches it unless it is there. An error is why it cannot be had here.
    pub fn provide(checkout: &Checkout) -> anyhow::Result<Self> {
        let home = tree::home(checkout)?.join(format!("dbmate-{VERSION}"));
        let architecture = npm::architecture("dbmate", &["x64", "arm64"])?;
        let spec = format!("@dbmate/linux-{architecture}@{VERSION}");
        let package = Package { spec: &spec, what: "dbmate", log: "dbmate" };
        Ok(Self(package.program(checkout, &home, "bin/dbmate")?))
    }

    /// Milliseconds of `dbmate migrate`, which looks at no more than the history and the files.
    pub fn migrate(&self, cluster: &Cluster, database: &str, files: &Path) -> anyhow::Result<f64> {
        let url = format!(
            "postgres://postgres@/{database}?socket={}&sslmode=disable",
            cluster.socket_dir().display()
        );
        let mut command = Command::new(&self.0);
        command.args(["--no-dump-schema", "--env-file", "/dev/null", "--migrations-dir"]).arg(files);
        command.arg("migrate").env("DATABASE_URL", url);
        let start = Instant::now();
        process::output(&mut command)?;
        Ok(milliseconds(start.elapsed()))
    }
}

/// Writes the files, and says where they are.
pub fn write(checkout: &Checkout, functions: Functions) -> anyhow::Result<PathBuf> {
    let name = if functions == Functions::InOneFile { "joined" } else { "files" };
    let folder = checkout.place(&format!("bench/dbmate/{name}"))?;
    tree::remove(&folder)?;
    make_readable_dir(&folder)?;
    let mut number = 0;
    let mut add = |name: &str, sql: &str| {
        number += 1;
        let path = folder.join(format!("{number:014}_{name}.sql"));
        fs::write(&path, format!("-- migrate:up\n{sql}\n-- migrate:down\n"))
            .with_context(|| format!("could not write \"{}\"", path.display()))
    };
    let sql = checkout.root().join("sql");
    for file in sql_files(&sql.join("migrations"))? {
        add(&stem(&file), &read(&file)?)?;
    }
    add("extension", EXTENSION)?;
    let files = sql_files(&sql.join("functions"))?;
    match functions {
        Functions::AsTheyAre => {
            for file in files {
                add(&stem(&file), &format!("{UNCHECKED}{}", read(&file)?))?;
            }
        }
        Functions::InOneFile => {
            let texts = files.iter().map(|file| read(file)).collect::<anyhow::Result<Vec<_>>>()?;
            add("functions", &format!("{UNCHECKED}{}", texts.join("\n")))?;
        }
    }
    Ok(folder)
}

fn stem(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
