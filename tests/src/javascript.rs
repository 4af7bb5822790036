//! A folder with programs in TypeScript, as an application has it: supabase-js beside them, the compiler at its strictest,
//! Node to run them.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::{Outcome, Scratch, environment};

/// Such a folder, gone with this value.
#[derive(Debug)]
pub struct Project(Scratch);

impl Project {
    /// With supabase-js and Node's types.
    ///
    /// # Panics
    /// If it cannot be made, as everything here does.
    pub fn new() -> Self {
        let project = Self::empty();
        project.install("node_modules");
        project
    }

    /// Has supabase-js and Node's types at another place of it.
    pub fn install(&self, folder: &str) {
        let installed = environment::node_modules().unwrap_or_else(|error| panic!("{error}"));
        std::os::unix::fs::symlink(installed, self.path().join(folder)).expect("a link");
    }

    /// Without anybody's packages.
    pub fn empty() -> Self {
        let project = Self(Scratch::new().unwrap_or_else(|error| panic!("{error}")));
        project.write("package.json", r#"{"type": "module"}"#);
        fs::create_dir(project.path().join("no-types")).expect("a folder");
        project
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Puts a file into it, below folders that come into being where they are not there.
    pub fn write(&self, name: &str, text: &str) {
        let file = self.path().join(name);
        fs::create_dir_all(file.parent().expect("a file is in a folder")).expect("a folder");
        fs::write(file, text).expect("a file");
    }

    /// Copies the files of a folder into one of it; answers their names in it, in order.
    pub fn copy(&self, from: &Path, to: &str) -> Vec<String> {
        let entries = fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
        let mut names = Vec::new();
        for entry in entries.map(|entry| entry.expect("an entry")) {
            if entry.file_type().expect("a type").is_file() {
                let name = format!("{to}/{}", entry.file_name().to_string_lossy());
                self.write(&name, &fs::read_to_string(entry.path()).expect("a text"));
                names.push(name);
            }
        }
        names.sort();
        names
    }

    /// Checks files at their strictest; `more` are further options.
    pub fn compile(&self, files: &[&str], more: &[&str]) -> Outcome {
        let compiler = environment::typescript().unwrap_or_else(|error| panic!("{error}"));
        let strict = ["--strict", "--noEmit", "--target", "es2022", "--skipLibCheck"];
        Outcome::of(self.node(&[]).arg(compiler).args(strict).args(more).args(files))
    }

    /// The same without anybody else's types: those of browsers take most of the time.
    pub fn compile_alone(&self, files: &[&str], more: &[&str]) -> Outcome {
        let alone = ["--lib", "es2022", "--typeRoots", "no-types"];
        self.compile(files, &[&alone, more].concat())
    }

    /// Node in this folder, with arguments.
    pub fn node(&self, arguments: &[&str]) -> Command {
        let mut node = Command::new(environment::node().unwrap_or_else(|error| panic!("{error}")));
        node.args(arguments).current_dir(self.path());
        node
    }
}

impl Default for Project {
    fn default() -> Self {
        Self::new()
    }
}
