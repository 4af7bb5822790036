//! tests/js: supabase-js as it is published, against the real API, by Node's own test runner. Each file of it is one test here,
//! with a platform of its own. The programs of the README and of docs/ lie beside them, and are checked and run with them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pg_lora_tests::javascript::Project;
use pg_lora_tests::story::sign_up;
use pg_lora_tests::{Caller, Outcome, Postgrest, environment};

use crate::client::Platform;
use crate::gateway::Gateway;

/// How many people there are; no two tests of a file have the same.
const USERS: usize = 40;

const OPTIONS: [&str; 5] = ["--module", "nodenext", "--types", "node", "--allowImportingTsExtensions"];

/// The folder of a function, as the Supabase CLI has it.
const FUNCTION: &str = "supabase/functions/validate-dataset";

/// What a program of the documentation imports or is run by, beside the types.
const FIXTURES: [(&str, &str); 2] = [
    ("train.ts", include_str!("../../fixtures/train.ts")),
    ("tests/fixtures/deno.ts", include_str!("../../fixtures/deno.ts")),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The programs in TypeScript of a page, each below `<!-- NAME -->`.
///
/// # Panics
/// If one has no name.
fn programs(page: &str) -> Vec<(&str, &str)> {
    let blocks = page.split("\n```ts\n").collect::<Vec<&str>>();
    let named = |pair: &[&'_ str]| {
        let (before, rest) = (pair[0].trim_end(), pair[1]);
        let name = before.lines().last().and_then(|line| line.strip_prefix("<!-- ")?.strip_suffix(" -->"));
        (name.map(str::len), rest.find("\n```\n"))
    };
    let mut found = Vec::new();
    for pair in blocks.windows(2) {
        let (Some(length), Some(end)) = named(pair) else {
            panic!("a program has no name, or no end: {}", pair[1])
        };
        let before = pair[0].trim_end();
        let name = &before[before.len() - " -->".len() - length..before.len() - " -->".len()];
        found.push((name, &pair[1][..=end]));
    }
    found
}

/// The tests and the documentation's programs, beside the types as they are in the checkout; all their names.
fn project() -> (Project, Vec<String>) {
    let project = Project::new();
    project.copy(&root().join("types"), "types");
    let mut files = project.copy(&root().join("tests/js"), "tests/js");
    let mut pages = vec![root().join("README.md")];
    pages.extend(fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    for page in pages.iter().filter(|page| page.extension().is_some_and(|kind| kind == "md")) {
        for (name, text) in programs(&fs::read_to_string(page).unwrap()) {
            project.write(name, text);
            files.push(name.to_owned());
        }
    }
    for (name, text) in FIXTURES {
        project.write(name, text);
        files.push(name.to_owned());
    }
    project.write(&format!("{FUNCTION}/deno.json"), imports_of_the_function());
    project.install(&format!("{FUNCTION}/node_modules"));
    (project, files)
}

/// What docs/supabase.md has for the function's `deno.json`.
fn imports_of_the_function() -> &'static str {
    let page = include_str!("../../../docs/supabase.md");
    let (_, rest) = page.split_once("```json\n").expect("the page has it");
    rest.split_once("```").expect("a block has an end").0
}

/// Deno in the function's folder, with the packages that are there.
fn deno(project: &Project, command: &str) -> Command {
    let mut deno = Command::new(environment::deno().unwrap());
    deno.args([command, "--node-modules-dir=manual", "index.ts"]).current_dir(project.path().join(FUNCTION));
    deno.env("DENO_DIR", project.path().join("deno")).env("DENO_NO_UPDATE_CHECK", "1");
    deno
}

/// Runs a file on a platform of its own.
#[track_caller]
fn passes(file: &str) {
    let platform = Platform::migrated();
    let mut db = platform.database.connect();
    let users: Vec<String> =
        (0..USERS).map(|number| sign_up(&mut db, &format!("user {number}")).id().to_owned()).collect();
    let (project, _) = project();
    let buckets = project.path().join("buckets");
    fs::create_dir(&buckets).unwrap();
    let key = Postgrest::token(&Caller::service());
    Gateway::before(&platform.postgrest().url()).with_files(&buckets).run(|url| {
        let mut node = project.node(&["--test", "--test-reporter=spec", &format!("tests/js/{file}.test.ts")]);
        node.env("SUPABASE_URL", url)
            .env("SUPABASE_ANON_KEY", Postgrest::token(&Caller::anon()))
            .env("SUPABASE_SERVICE_ROLE_KEY", &key)
            .env("JWT_SECRET", Postgrest::SECRET)
            .env("USER_IDS", serde_json::json!(users).to_string())
            .env("BUCKETS", &buckets)
            .env("DENO", environment::deno().unwrap())
            .env("DENO_DIR", project.path().join("deno"))
            .env("DENO_NO_UPDATE_CHECK", "1");
        if environment::full() {
            node.env("FULL", "1");
        }
        let outcome = Outcome::of(&mut node).expect(0);
        let said = &outcome.stdout;
        assert!(!said.contains("tests 0\n"), "{said}");
        assert!(said.contains("skipped 0\n") && said.contains("todo 0\n"), "{said}");
    });
}

macro_rules! files {
    ($($name:ident),* $(,)?) => {
        const FILES: &[&str] = &[$(stringify!($name)),*];
        $(#[test]
        fn $name() {
            passes(stringify!($name));
        })*
    };
}

files![
    bad_input,
    datasets,
    embeds,
    functions,
    jobs,
    life,
    lists,
    models,
    notifications,
    pages,
    poller,
    refusals,
];

#[test]
fn every_file_is_run_and_all_types_hold() {
    let (project, files) = project();
    let tests: BTreeSet<&str> =
        files.iter().filter_map(|file| file.strip_prefix("tests/js/")?.strip_suffix(".test.ts")).collect();
    assert_eq!(tests, FILES.iter().copied().collect::<BTreeSet<&str>>());
    for file in files.iter().filter(|file| file.starts_with("tests/js/")) {
        let text = fs::read_to_string(project.path().join(file)).unwrap();
        for any in [": any", "as any", "<any", "any[]", "@ts-ignore", "@ts-expect-error"] {
            assert!(!text.contains(any), "{file} has \"{any}\"");
        }
    }
    assert!(files.iter().any(|file| file.ends_with("/index.ts")), "{files:?}");
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    project.compile(&files, &OPTIONS).expect(0);
    Outcome::of(&mut deno(&project, "check")).expect(0);
}
