//! Checks and embeds the SQL of the project.
//!
//! Writes `embedded_files.rs` with one list per folder of `sql/`, sorted by path. The text of the migrations
//! is embedded by refinery's macro; here they are only checked and their paths kept, for messages.
//! Refuses to build, naming file and line, what `sql_text` and `sql_header` refuse, and any file whose name has not the form
//! of its folder.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

#[allow(dead_code, reason = "the program runs the statements, this script only reads them")]
#[path = "src/sql_text.rs"]
mod sql_text;

#[allow(dead_code, reason = "the same")]
#[path = "src/sql_tokens.rs"]
mod sql_tokens;

#[allow(dead_code, reason = "the same")]
#[path = "src/sql_header.rs"]
mod sql_header;

struct Found {
    /// From the root of the project, with forward slashes: what messages show.
    path: String,
    text: String,
}

fn main() {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("..");
    let mut problems = Vec::new();
    let mut generated = String::new();
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/sql_text.rs");
    println!("cargo::rerun-if-changed=src/sql_tokens.rs");
    println!("cargo::rerun-if-changed=src/sql_header.rs");
    println!("cargo::rerun-if-changed=../sql");

    let migrations = read(&root, "migrations", &mut problems);
    let functions = read(&root, "functions", &mut problems);
    let platform = read(&root, "platform", &mut problems);

    let mut paths = String::new();
    for (index, file) in migrations.iter().enumerate() {
        let expected = index + 1;
        match migration_number(&file.path) {
            None => problems.push(format!(
                "{}: a migration is named sql/migrations/V0001__noun_phrase.sql",
                file.path
            )),
            Some(number) if number != expected => problems.push(format!(
                "{}: has number {number} where {expected} is expected; migrations are numbered without gaps or repeats",
                file.path
            )),
            Some(number) => writeln!(paths, "    ({number}, {:?}),", file.path).expect("a String"),
        }
    }
    writeln!(
        generated,
        "/// Version and path of each migration.\npub const MIGRATION_PATHS: &[(i32, &str)] = &[\n{paths}];"
    )
    .expect("a String");

    let portable = read(&root, "portable", &mut problems);

    for file in functions.iter().chain(&portable) {
        if !snake_case(Path::new(&file.path).file_stem().and_then(|stem| stem.to_str()).unwrap_or("")) {
            problems.push(format!("{}: a file of functions is named in snake_case", file.path));
        }
    }
    list(&mut generated, "FUNCTION_FILES", "What `sql/functions` holds.", &functions);
    list(&mut generated, "PORTABLE_FILES", "What `sql/portable` holds.", &portable);

    for file in &platform {
        if !platform_header(&file.text) {
            problems.push(format!(
                "{}:1: the first line of a platform file is \"-- required: KIND NAME\" or \"-- optional: KIND NAME\", KIND one of role, schema, table, function",
                file.path
            ));
        }
    }
    list(&mut generated, "PLATFORM_FILES", "What `sql/platform` holds.", &platform);

    if !problems.is_empty() {
        for problem in problems {
            println!("cargo::error={problem}");
        }
        std::process::exit(1);
    }
    let out = PathBuf::from(std::env::var("OUT_DIR").expect("cargo sets it")).join("embedded_files.rs");
    std::fs::write(out, generated).expect("OUT_DIR can be written");
}

/// All files below `sql/<folder>`, sorted by path. What is wrong with one goes to `problems`.
fn read(root: &Path, folder: &str, problems: &mut Vec<String>) -> Vec<Found> {
    let mut paths = Vec::new();
    walk(&root.join("sql").join(folder), &format!("sql/{folder}"), &mut paths);
    paths.sort_by(|(_, one), (_, other)| one.cmp(other));
    let mut files = Vec::new();
    for (location, path) in paths {
        if !path.ends_with(".sql") {
            problems.push(format!("{path}: only .sql files belong below sql/{folder}"));
            continue;
        }
        match std::fs::read_to_string(&location) {
            Ok(text) => {
                let header = match folder {
                    "migrations" => sql_header::refusals(&text),
                    _ => sql_header::misplaced(&text),
                };
                for sql_text::Refusal { line, reason } in sql_text::refusals(&text).into_iter().chain(header)
                {
                    problems.push(format!("{path}:{line}: {reason}"));
                }
                files.push(Found { path, text });
            }
            Err(error) => problems.push(format!("{path}: cannot be read as UTF-8 text: {error}")),
        }
    }
    files
}

/// A folder that is not there is an empty one.
fn walk(location: &Path, path: &str, found: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(location).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let (location, path) = (entry.path(), format!("{path}/{name}"));
        if location.is_dir() {
            walk(&location, &path, found);
        } else {
            found.push((location, path));
        }
    }
}

/// The number of `sql/migrations/V<four digits>__<snake_case>.sql`.
fn migration_number(path: &str) -> Option<usize> {
    let stem = path.strip_prefix("sql/migrations/V")?.strip_suffix(".sql")?;
    let (digits, name) = stem.split_once("__")?;
    (digits.len() == 4 && snake_case(name)).then(|| digits.parse().ok())?
}

fn snake_case(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c == '_' || c.is_ascii_lowercase() || c.is_ascii_digit())
}

fn platform_header(text: &str) -> bool {
    let first = text.lines().next().unwrap_or("");
    let Some(thing) = first.strip_prefix("-- required: ").or_else(|| first.strip_prefix("-- optional: "))
    else {
        return false;
    };
    matches!(thing.split_once(' '), Some(("role" | "schema" | "table" | "function", name)) if !name.is_empty())
}

fn list(generated: &mut String, name: &str, comment: &str, files: &[Found]) {
    writeln!(generated, "/// {comment}\npub const {name}: &[SqlFile] = &[").expect("a String");
    for Found { path, .. } in files {
        writeln!(
            generated,
            "    SqlFile {{ path: {path:?}, text: include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {:?})) }},",
            format!("/../{path}")
        )
        .expect("a String");
    }
    generated.push_str("];\n");
}
