//! The specification's own TypeScript, as it stands there, against ours: whoever compiled with the one compiles with the other.

use pg_lora_tests::{Outcome, seed};
use serde_json::Value;

use super::project;

/// The names of the specification that are objects, and those that are words.
const OBJECTS: [&str; 6] =
    ["Dataset", "TrainingJob", "HyperparameterConfig", "GPUConfig", "CurrentMetrics", "ValidationError"];
const WORDS: [&str; 3] = ["DatasetStatus", "JobStatus", "PresetId"];

/// `Pick<Ours, keyof Seed>` equals `Seed`, both ways.
const HEAD: &str = "
import type * as Seed from './seed.js';
import type * as Ours from './types/lora-training.js';
type Assignable<A, B> = [A] extends [B] ? true : false;
type Same<A, B> = Assignable<A, B> extends true ? Assignable<B, A> : false;
type Holds<A, B> = Exclude<keyof B, keyof A> extends never ? Same<Pick<A, keyof B & keyof A>, B> : false;
declare function holds<_ extends true>(): void;
";

fn statements() -> String {
    let objects = OBJECTS.map(|name| format!("holds<Holds<Ours.{name}, Seed.{name}>>();\n"));
    let words = WORDS.map(|name| format!("holds<Same<Ours.{name}, Seed.{name}>>();\n"));
    let presets = "holds<Same<typeof Ours.HYPERPARAMETER_PRESETS, typeof Seed.HYPERPARAMETER_PRESETS>>();\n";
    [HEAD, &objects.concat(), &words.concat(), presets].concat()
}

#[test]
fn every_type_of_the_specification_is_ours_as_far_as_it_goes() {
    let names =
        seed::TYPESCRIPT.lines().filter_map(|line| line.strip_prefix("export ")?.split_whitespace().nth(1));
    let names: Vec<&str> = names.map(|name| name.trim_end_matches(':')).collect();
    let mut known = [&OBJECTS[..], &WORDS, &["HYPERPARAMETER_PRESETS"]].concat();
    known.sort_unstable();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, known, "a name of the specification is not compared");

    let project = project();
    project.write("seed.ts", seed::TYPESCRIPT);
    project.write("same.ts", &statements());
    project.compile_alone(&["same.ts"], &["--module", "nodenext"]).expect(0);
}

/// A comparison that takes everything would say nothing.
#[test]
fn a_specification_that_says_something_else_does_not_hold() {
    let project = project();
    project.write("same.ts", &statements());
    for (was, is) in [
        ("  user_id: string;\n", "  user_id: number;\n"),
        ("  description: string | null;", "  description: string;"),
        ("  warmup_steps?: number;", "  warmup_steps: number;"),
        ("  file_name: string;", "  file_nom: string;"),
        ("'uploading' | ", ""),
        ("error: string;\n  suggestion", "error: { text: string };\n  suggestion"),
        ("  gpu_memory_gb: number;", "  gpu_memory_gb?: number;"),
    ] {
        assert!(seed::TYPESCRIPT.contains(was), "{was}");
        project.write("seed.ts", &seed::TYPESCRIPT.replacen(was, is, 1));
        let outcome = project.compile_alone(&["same.ts"], &["--module", "nodenext"]);
        assert!(outcome.stdout.contains("same.ts"), "{was} → {is}: {}", outcome.stdout);
    }
}

#[test]
fn the_presets_are_the_specifications_when_they_run() {
    let project = project();
    project.write("seed.ts", seed::TYPESCRIPT);
    project.write("presets.mjs", &super::text("presets.mjs"));
    let presets = |file: &str| -> Value {
        let script = format!(
            "import('./{file}').then((module) => console.log(JSON.stringify(module.HYPERPARAMETER_PRESETS)))"
        );
        Outcome::of(&mut project.node(&["-e", &script])).expect(0).json()
    };
    let of_the_specification = presets("seed.ts");
    assert_eq!(of_the_specification.as_object().unwrap().len(), 4);
    for file in ["types/lora-training.ts", "presets.mjs"] {
        assert_eq!(presets(file), of_the_specification, "{file}");
    }
}
