//! The specification's TypeScript, read line by line as far as it describes rows, and given to the compiler as it is.

use pg_lora_tests::javascript::Project;
use pg_lora_tests::{Outcome, seed};
use serde_json::Value;

/// A field of an interface.
#[derive(Debug)]
pub struct Field {
    pub name: String,
    /// Without `| null`.
    pub kind: String,
    pub nullable: bool,
}

/// The fields of an interface, in their order.
pub fn fields(interface: &str) -> Vec<Field> {
    let head = format!("export interface {interface} {{\n");
    let (_, rest) = seed::TYPESCRIPT.split_once(&head).unwrap_or_else(|| panic!("no interface {interface}"));
    let (body, _) = rest.split_once("\n}").expect("the interface has an end");
    body.lines()
        .map(|line| {
            let (code, _) = line.split_once("//").unwrap_or((line, ""));
            let code = code.trim().strip_suffix(';').unwrap_or_else(|| panic!("no field: {line}"));
            let (name, kind) = code.split_once(": ").unwrap_or_else(|| panic!("no field: {line}"));
            let not_null = kind.strip_suffix(" | null");
            let nullable = not_null.is_some();
            Field { name: name.to_owned(), kind: not_null.unwrap_or(kind).to_owned(), nullable }
        })
        .collect()
}

/// The values of a union of texts, named or spelled out, in alphabetical order; none for any other type.
pub fn values(kind: &str) -> Option<Vec<String>> {
    let named = format!("export type {kind} = ");
    let union = match seed::TYPESCRIPT.split_once(&named) {
        Some((_, rest)) => rest.split_once(';').expect("the type has an end").0,
        None => kind,
    };
    let value = |text: &str| text.strip_prefix('\'')?.strip_suffix('\'').map(str::to_owned);
    let mut values = union.split(" | ").map(value).collect::<Option<Vec<String>>>()?;
    values.sort();
    Some(values)
}

/// Runs the compiler on a text, at its strictest.
pub fn compile(text: &str) -> Outcome {
    compile_in(&Project::empty(), text)
}

/// What an expression of a text is when it is run.
pub fn evaluate(text: &str, name: &str) -> Value {
    let project = Project::empty();
    compile_in(&project, text).expect(0);
    let script = format!("import('./{FILE}').then((module) => console.log(JSON.stringify(module.{name})))");
    Outcome::of(&mut project.node(&["-e", &script])).expect(0).json()
}

const FILE: &str = "lora-training.ts";

fn compile_in(project: &Project, text: &str) -> Outcome {
    project.write(FILE, text);
    project.compile_alone(&[FILE], &["--module", "nodenext"])
}
