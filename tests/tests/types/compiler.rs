//! The compiler takes the TypeScript in types/, in whatever kind of project it lies.

use pg_lora_tests::javascript::Project;

use super::{project, text};

/// The files of types/ that are TypeScript.
pub const FILES: [&str; 2] = ["lora-training.ts", "database.ts"];

#[test]
fn ours_compile_at_their_strictest_in_every_kind_of_project() {
    let project = project();
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
