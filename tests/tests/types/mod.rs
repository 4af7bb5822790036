//! The TypeScript and the JSON Schemas in types/: that they are those of a migrated database, that the compiler, npm and supabase-js take
//! them, that the specification's own TypeScript holds against them, and that a server answers what they say.

mod answers;
mod checked;
mod clients;
mod compiler;
mod filled;
mod package;
mod specification;
mod supabase_cli;
mod words;

use std::path::{Path, PathBuf};

use pg_lora_tests::javascript::Project;

/// The folder `types`.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../types")
}

/// The text of one of its files.
fn text(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap()
}

/// An application with our types in its folder `types`.
fn project() -> Project {
    let project = Project::new();
    for file in compiler::FILES {
        project.write(&format!("types/{file}"), &text(file));
    }
    project
}
