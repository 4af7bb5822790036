//! Modules that nobody declares: the compiler never sees such a file, so it says nothing about it.

use super::{Problem, Source};

pub(super) fn check(sources: &[Source]) -> Vec<Problem> {
    sources.iter().filter(|source| is_module(source) && !is_declared(source, sources)).map(orphan).collect()
}

fn orphan(source: &Source) -> Problem {
    Problem::new(&source.path, 1, "no module above declares this file")
}

/// Below `src` every file is a module, but for the roots of crates.
fn is_module(source: &Source) -> bool {
    let Some((_, below)) = source.path.split_once("/src/") else { return false };
    source.has_suffix(".rs") && !["lib.rs", "main.rs"].contains(&below) && !below.starts_with("bin/")
}

/// A file is declared by the one that its folder belongs to, or as the `#[path]` of a module beside it.
fn is_declared(source: &Source, sources: &[Source]) -> bool {
    let (folder, file) = source.path.rsplit_once('/').unwrap_or(("", &source.path));
    let (home, name) = match file {
        "mod.rs" => folder.rsplit_once('/').unwrap_or(("", folder)),
        _ => (folder, file.trim_end_matches(".rs")),
    };
    let (declaration, path) = (format!("mod {name};"), format!("#[path = \"{file}\"]"));
    let declares = |other: &Source| {
        let parents = ["lib.rs", "main.rs", "mod.rs"].map(|parent| format!("{home}/{parent}"));
        let is_parent = parents.contains(&other.path) || other.path == format!("{home}.rs");
        let is_beside = other.path.rsplit_once('/').is_some_and(|(beside, _)| beside == folder);
        other
            .lines()
            .any(|(_, line)| is_parent && line.ends_with(&declaration) || is_beside && line.contains(&path))
    };
    sources.iter().any(declares)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_nobody_declares_is_found() {
        let sources = [
            Source::new("core/src/lib.rs", "pub mod dataset;\n"),
            Source::new("core/src/dataset/mod.rs", "mod shape;\nmod rules;\n"),
            Source::new(
                "core/src/dataset/shape.rs",
                "#[cfg(test)]\n#[path = \"shape_tests.rs\"]\nmod tests;\n",
            ),
            Source::new("core/src/dataset/shape_tests.rs", ""),
            Source::new("core/src/dataset/rules/mod.rs", ""),
            Source::new("core/src/dataset/pairs.rs", ""),
            Source::new("xtask/src/tidy.rs", "mod texts;\n"),
            Source::new("xtask/src/main.rs", "mod tidy;\n"),
            Source::new("xtask/src/tidy/texts.rs", ""),
            Source::new("tests/src/bin/tool.rs", ""),
            Source::new("core/tests/dataset.rs", ""),
        ];
        let found: Vec<_> = check(&sources).into_iter().map(|problem| problem.path).collect();
        assert_eq!(found, ["core/src/dataset/pairs.rs"]);
    }
}
