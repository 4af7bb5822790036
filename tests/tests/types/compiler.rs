//! A folder with our types in it, beside what a test wants to have compiled with them.

use std::fs;
use std::path::Path;
use std::process::Command;

use pg_lora_tests::{Outcome, Scratch, environment};

use super::text;

/// The files of types/ that are TypeScript.
pub const FILES: [&str; 2] = ["lora-training.ts", "database.ts"];

pub struct Project(Scratch);

impl Project {
    /// Our types in the folder `types`, and supabase-js.
    pub fn new() -> Self {
        let project = Self::empty();
        fs::create_dir(project.path().join("types")).unwrap();
        for file in FILES {
            project.write(&format!("types/{file}"), &text(file));
        }
        let modules = project.path().join("node_modules");
        std::os::unix::fs::symlink(environment::node_modules().unwrap(), modules).unwrap();
        project
    }

    pub fn empty() -> Self {
        let project = Self(Scratch::new().unwrap());
        project.write("package.json", r#"{"type": "module"}"#);
        fs::create_dir(project.path().join("no-types")).unwrap();
        project
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    /// Compiles files at their strictest; `more` are further options.
    pub fn compile(&self, files: &[&str], more: &[&str]) -> Outcome {
        let mut compiler = Command::new("node");
        compiler.arg(environment::typescript().unwrap()).current_dir(self.path());
        compiler
            .args(["--strict", "--noEmit", "--target", "es2022", "--skipLibCheck"])
            .args(more)
            .args(files);
        Outcome::of(&mut compiler)
    }

    /// The same without anybody else's types.
    pub fn compile_alone(&self, files: &[&str], more: &[&str]) -> Outcome {
        let alone = ["--lib", "es2022", "--typeRoots", "no-types"];
        self.compile(files, &[&alone, more].concat())
    }
}

#[test]
fn ours_compile_at_their_strictest_in_every_kind_of_project() {
    let project = Project::new();
    let files = FILES.map(|file| format!("types/{file}"));
    let files = files.each_ref().map(String::as_str);
    let strictest = [
        "--exactOptionalPropertyTypes",
        "--noUncheckedIndexedAccess",
        "--noImplicitOverride",
        "--noPropertyAccessFromIndexSignature",
        "--isolatedModules",
        "--verbatimModuleSyntax",
        "--erasableSyntaxOnly",
    ];
    project.compile_alone(&files, &[&strictest[..], &["--module", "nodenext"]].concat()).expect(0);
    for (module, resolution) in [("commonjs", "node10"), ("esnext", "bundler"), ("preserve", "bundler")] {
        project.compile_alone(&files, &["--module", module, "--moduleResolution", resolution]).expect(0);
    }
    // The one that is copied into an application needs no other.
    let alone = Project::empty();
    alone.write("lora-training.ts", &text("lora-training.ts"));
    alone.compile_alone(&["lora-training.ts"], &["--module", "nodenext"]).expect(0);
    // Whatever has no type of its own has one.
    for file in FILES {
        let text = text(file);
        let code = text.lines().filter(|line| !line.trim_start().starts_with(['*', '/']));
        assert!(code.clone().all(|line| !line.contains(": any")), "{file}");
        assert!(code.count() > 300, "{file}");
    }
}
