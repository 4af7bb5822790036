//! The npm package: `npm pack` makes it, and whoever installs it can use it.

use std::fs;
use std::path::Path;
use std::process::Command;

use pg_lora_tests::javascript::Project;
use pg_lora_tests::{Outcome, environment};
use serde_json::Value;

use super::{folder, text};

const FILES: [&str; 6] = [
    "README.md",
    "database.ts",
    "lora-training.schema.json",
    "lora-training.ts",
    "package.json",
    "presets.mjs",
];

/// `npm pack` in a folder of its own; answers the name of the package's file.
fn pack(into: &Path) -> String {
    let mut npm = Command::new("npm");
    npm.args(["pack", "--json", "--offline"]).arg(folder()).current_dir(into);
    npm.env("HOME", into).env("npm_config_update_notifier", "false");
    let packed = Outcome::of(&mut npm).expect(0).json();
    let package = packed.as_array().map_or_else(|| &packed, |list| &list[0]);
    package["filename"].as_str().unwrap_or_else(|| panic!("{packed}")).to_owned()
}

#[test]
fn it_holds_what_is_meant_and_runs_nothing() {
    let project = Project::empty();
    let package = pack(project.path());
    let listed =
        Outcome::of(Command::new("tar").args(["-tzf", &package]).current_dir(project.path())).expect(0);
    let mut files: Vec<&str> =
        listed.stdout.lines().map(|file| file.strip_prefix("package/").unwrap()).collect();
    files.sort_unstable();
    assert_eq!(files, FILES);
    let manifest: Value = serde_json::from_str(&text("package.json")).unwrap();
    for key in ["scripts", "dependencies", "bin", "private"] {
        assert_eq!(manifest[key], Value::Null, "{key}");
    }
    assert_eq!(manifest["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn an_application_that_has_installed_it_compiles_and_runs() {
    let project = Project::empty();
    let package = pack(project.path());
    let modules = project.path().join("node_modules");
    fs::create_dir(&modules).unwrap();
    for entry in fs::read_dir(environment::node_modules().unwrap()).unwrap() {
        let entry = entry.unwrap();
        std::os::unix::fs::symlink(entry.path(), modules.join(entry.file_name())).unwrap();
    }
    let mut tar = Command::new("tar");
    tar.args(["-xzf", &package]).current_dir(project.path());
    Outcome::of(&mut tar).expect(0);
    fs::rename(project.path().join("package"), modules.join("pg-lora-types")).unwrap();

    let page = text("README.md");
    let (_, program) = page.split_once("```ts\n").expect("the page has a program");
    let (program, _) = program.split_once("```").expect("the program has an end");
    let rest = "declare const url: string, key: string, job_id: string;\n";
    let used = "export const used: [TrainingJobProgress | null, number] = [progress, HYPERPARAMETER_PRESETS.custom.num_epochs];\n\
                export const status: 'queued' | 'initializing' | 'running' | 'completed' | 'failed' | 'cancelled' | undefined = jobs?.[0]?.status;\n\
                export const dataset: string | undefined = jobs?.[0]?.dataset.name;\n";
    project.write("application.ts", &[program, rest, used].concat());
    for (module, resolution) in [("nodenext", "nodenext"), ("esnext", "bundler")] {
        let options = ["--module", module, "--moduleResolution", resolution, "--types", "node"];
        project.compile(&["application.ts"], &options).expect(0);
    }
    project.write(
        "application.mjs",
        "import { HYPERPARAMETER_PRESETS } from 'pg-lora-types';\nconsole.log(JSON.stringify(Object.keys(HYPERPARAMETER_PRESETS)));\n",
    );
    let ran = Outcome::of(&mut project.node(&["application.mjs"])).expect(0);
    assert_eq!(ran.json(), serde_json::json!(["conservative", "balanced", "aggressive", "custom"]));
}
