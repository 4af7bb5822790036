//! Inputs that were worth keeping, replayed: the smallest ones that the fuzzers of `core/fuzz` found new ways with, and any
//! that a law once failed on.

mod laws;

use std::path::Path;

/// Tries a law on every kept input, and on the examples of all rules.
fn replay(law: fn(&[u8]), name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut replayed = 0;
    for entry in std::fs::read_dir(&folder).expect("the corpus is a part of the project") {
        law(&std::fs::read(entry.unwrap().path()).unwrap());
        replayed += 1;
    }
    assert!(replayed > 0, "{} is empty", folder.display());
    for rule in pg_lora_core::dataset::all_rules() {
        let example = (rule.example)();
        if example.len() < 10_000 {
            law(&example);
        }
    }
}

#[test]
fn scan() {
    replay(laws::scan, "scan");
}

#[test]
fn merge() {
    replay(laws::merge, "merge");
}

#[test]
fn state() {
    replay(laws::state, "state");
}
