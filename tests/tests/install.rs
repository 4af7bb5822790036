//! What README.md says about installing, run as it stands there, into folders of the test's own.
//!
//! The plain suite reuses what is built already: the migrator in the profile for development, the extension as
//! `cargo xtask setup` builds it. The full one builds both from nothing, as somebody does who has just cloned it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use pg_lora_tests::{Cluster, Outcome, Scratch, Tree, environment};
use serde_json::json;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The one line of the page that begins so, without what is a comment on it.
fn line(begins: &str) -> Vec<String> {
    let page = fs::read_to_string(root().join("README.md")).unwrap();
    let found: Vec<&str> = page
        .lines()
        .map(|line| line.trim().trim_matches('`'))
        .filter(|line| line.starts_with(begins))
        .collect();
    let [line] = found.as_slice() else { panic!("{begins}: {found:?}") };
    line.split('#').next().unwrap().split_whitespace().map(str::to_owned).collect()
}

/// A command of the page in the checkout, with the caller's environment but for what cargo told this test.
fn command(words: &[String]) -> Command {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).current_dir(root());
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        let told = name.starts_with("CARGO")
            && !["CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_NET_OFFLINE"].contains(&&*name);
        if told || name.starts_with("PGRX_") || name == "RUSTFLAGS" {
            command.env_remove(name.as_ref());
        }
    }
    command
}

/// A copy of the Postgres under test without the extension, which servers can read.
fn copy(tree: &Tree, folder: &Path) -> PathBuf {
    // The lowest folder that holds all of it.
    let holds =
        |folder: &&Path| [tree.pkglibdir(), tree.sharedir()].iter().all(|part| part.starts_with(folder));
    let whole = tree.bindir().ancestors().find(holds).expect("a tree in one folder");
    let place = folder.join("postgres");
    Outcome::of(Command::new("cp").arg("-a").arg(whole).arg(&place)).expect(0);
    let moved = |path: &Path| place.join(path.strip_prefix(whole).unwrap());
    fs::remove_file(moved(tree.pkglibdir()).join("pg_lora.so")).unwrap();
    for entry in fs::read_dir(moved(tree.sharedir()).join("extension")).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("pg_lora") {
            fs::remove_file(path).unwrap();
        }
    }
    let pg_config = moved(tree.pg_config());
    // A program looks for the folders beside itself; a script has them written in.
    if let Ok(script) = fs::read_to_string(&pg_config) {
        fs::write(&pg_config, script.replace(whole.to_str().unwrap(), place.to_str().unwrap())).unwrap();
    }
    pg_config
}

#[test]
fn both_are_installed_as_the_readme_says_and_work() {
    let scratch = Scratch::new().unwrap();
    fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o711)).unwrap();

    let mut install = command(&line("cargo install --path"));
    install.arg("--root").arg(scratch.path()).arg("--quiet");
    if environment::full() {
        install.arg("--target-dir").arg(scratch.path().join("built"));
    } else {
        install.arg("--debug");
    }
    Outcome::of(&mut install).expect(0);
    let pg_lora = scratch.path().join("bin/pg-lora");
    let version = Outcome::of(Command::new(&pg_lora).arg("--version")).expect(0).stdout;
    assert_eq!(version, format!("pg-lora {}\n", env!("CARGO_PKG_VERSION")));

    let tree = environment::tree().unwrap();
    let pg_config = copy(&tree, scratch.path());
    let migrate = |server: &Cluster, arguments: &[&str]| {
        Outcome::of(Command::new(&pg_lora).args(arguments).env("DATABASE_URL", server.url("postgres")))
    };
    // Without the extension the migrator says how to install it, in the words of the page.
    let copied = Tree::from_pg_config(&pg_config).unwrap();
    assert!(copied.sharedir().starts_with(scratch.path()), "{}", copied.sharedir().display());
    let server = Cluster::start(&copied).unwrap();
    let refused = migrate(&server, &["migrate", "--platform", "standalone"]).expect(11);
    assert!(refused.stderr.contains("cargo pgrx install --release --pg-config"), "{}", refused.stderr);

    let mut words = line("cargo pgrx install");
    let place =
        words.iter_mut().find(|word| word.contains("PGRX_PG_CONFIG_PATH")).expect("the server's pg_config");
    *place = pg_config.display().to_string();
    let major = tree.major();
    if major != 15 {
        words.extend(["--no-default-features".into(), "--features".into(), format!("pg{major}")]);
    }
    let mut install = command(&words);
    if environment::full() {
        install.env("PGRX_PG_CONFIG_PATH", &pg_config).env("CARGO_TARGET_DIR", scratch.path().join("built"));
    } else {
        // The configuration that it is built with already; another one would build everything anew.
        install.env("PGRX_HOME", environment::pgrx_home().unwrap());
    }
    let cargo_pgrx = environment::cargo_pgrx().unwrap();
    let path = std::env::var("PATH").unwrap();
    install.env("PATH", format!("{}:{path}", cargo_pgrx.parent().unwrap().display()));
    Outcome::of(&mut install).expect(0);

    migrate(&server, &["migrate", "--platform", "standalone"]).expect(0);
    let status = migrate(&server, &["status", "--check", "--output", "json"]).expect(0).json();
    assert_eq!(status["lora"]["state"], json!("current"));
}
