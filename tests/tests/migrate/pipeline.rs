//! What docs/migrate.md tells a pipeline to run, run as the pipeline does.

use std::fs;
use std::path::Path;
use std::process::Command;

use pg_lora_tests::{Database, Outcome, Scratch, environment};
use serde_json::{Value, json};

/// The script of the step for GitHub Actions.
fn script() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/migrate.md");
    let page = fs::read_to_string(page).unwrap();
    let script = page.split("  run: |\n").nth(1).expect("a step").split("```").next().unwrap();
    script.lines().map(|line| line.strip_prefix("    ").unwrap().to_owned() + "\n").collect()
}

/// Runs it with `pg-lora` in the path, as the runner's shell does.
fn step(script: &str, url: &str, folder: &Path) -> Outcome {
    let pg_lora = environment::pg_lora().unwrap();
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", pg_lora.parent().unwrap().display());
    let mut command = Command::new("bash");
    command.args(["--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script]);
    command.current_dir(folder).env("PATH", path).env("DATABASE_URL", url).env("PG_LORA_ENV", "production");
    Outcome::of(&mut command)
}

#[test]
fn the_step_for_github_actions_migrates_tries_again_and_fails() {
    let (folder, database, script) = (Scratch::new().unwrap(), crate::seeded(), script());
    let answer = || -> Value {
        serde_json::from_str(&fs::read_to_string(folder.path().join("migrate.json")).unwrap()).unwrap()
    };
    step(&script, &database.url(), folder.path()).expect(0);
    assert_eq!((&answer()["changed"], &answer()["environment"]), (&json!(true), &json!("production")));
    step(&script, &database.url(), folder.path()).expect(0);
    assert_eq!(answer()["changed"], json!(false));

    // A server that is not there yet is worth three tries; what has no chance is tried once.
    let tries = script.replace("sleep 20", "echo again");
    assert_ne!(tries, script);
    let nowhere = "host=/no/such/folder dbname=x user=x";
    assert_eq!(step(&tries, nowhere, folder.path()).expect(3).stdout, "again\nagain\nagain\n");
    let other = Database::migrated();
    other.pg_lora(&["migrate", "--env", "staging"]).expect(0);
    assert_eq!(step(&tries, &other.url(), folder.path()).expect(11).stdout, "");
    assert_eq!(answer()["error"]["exit_code"], json!(11));
}
