//! `lora-training.ts`: rows, documents, answers and presets in one file that needs no other; `presets.mjs`, the presets for those who have
//! no compiler.

use std::fmt::Write as _;

use pg_lora_core::document::hyperparameter_presets;
use serde_json::Value;

use super::described::{Described, row_name};
use super::live::{Column, Kind, Live, Relation};
use super::{HEAD, script};

const JSON: &str = "\
/** Any JSON value. */
export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[];
";

/// The file.
pub fn file(live: &Live, described: &Described, tables: &[String]) -> String {
    let mut text = format!(
        "{HEAD}//\n\
         // Rows, documents and answers of pg_lora, and its presets. The file needs no other one.\n\n{JSON}"
    );
    heading(&mut text, "Documents, answers and words");
    for (name, schema) in &described.definitions {
        writeln!(text, "{}", script::declaration(name, schema)).expect("a String");
    }
    text.pop();
    heading(&mut text, "Rows");
    for relation in tables.iter().filter_map(|table| live.relation(table)) {
        writeln!(text, "{}", row(live, described, relation)).expect("a String");
    }
    text.pop();
    heading(&mut text, "Presets");
    text.push_str(
        "/** The hyperparameters that each preset stands for; `custom` is where one's own start from. */\n",
    );
    text.push_str("export const HYPERPARAMETER_PRESETS: Record<PresetId, HyperparameterConfig> = ");
    text.push_str(&presets());
    text
}

/// The presets as a module.
pub fn module() -> String {
    format!("{HEAD}\nexport const HYPERPARAMETER_PRESETS = {}", presets())
}

fn heading(text: &mut String, what: &str) {
    write!(text, "\n// {what}\n\n").expect("a String");
}

fn row(live: &Live, described: &Described, relation: &Relation) -> String {
    let about = format!("A row of `{}`. {}", relation.name, relation.comment.as_deref().unwrap_or_default());
    let mut text = script::comment(Some(&about), "");
    writeln!(text, "export type {} = {{", row_name(&relation.name)).expect("a String");
    for column in &relation.columns {
        text.push_str(&script::comment(column.comment.as_deref(), "  "));
        let of = held(live, described, relation, column);
        writeln!(text, "  {}: {of};", script::key(&column.name)).expect("a String");
    }
    text + "};\n"
}

/// What a column of a table of ours holds. Types of the schema alone are not known in this file.
fn held(live: &Live, described: &Described, relation: &Relation, column: &Column) -> String {
    let of = match described.column(&relation.name, &column.name) {
        Some(schema) => script::of(schema, "  "),
        None => plain(&live.kind(&column.r#type)),
    };
    script::nullable(of, live.is_nullable(relation, column))
}

fn plain(kind: &Kind) -> String {
    match kind {
        Kind::Boolean => "boolean".to_owned(),
        Kind::Number => "number".to_owned(),
        Kind::Text | Kind::Enumeration(_) => "string".to_owned(),
        Kind::Words(words) => script::union(words.iter().map(|word| script::literal(word))),
        Kind::Array(of) => script::array(&plain(of)),
        _ => "Json".to_owned(),
    }
}

/// An object, in the order in which the presets get bolder.
fn presets() -> String {
    let mut text = String::from("{\n");
    for (name, preset) in hyperparameter_presets() {
        writeln!(text, "  {}: {{", script::key(name)).expect("a String");
        let json = serde_json::to_string(&preset).expect("a preset is JSON");
        for (name, value) in members(&json) {
            let value = value.as_str().map_or_else(|| value.to_string(), script::literal);
            writeln!(text, "    {}: {value},", script::key(&name)).expect("a String");
        }
        text.push_str("  },\n");
    }
    text + "};\n"
}

/// Members of an object in their own order, which `Value` does not keep.
fn members(json: &str) -> Vec<(String, Value)> {
    let value: Value = serde_json::from_str(json).expect("it was just written");
    let Value::Object(object) = value else { return Vec::new() };
    let mut members: Vec<_> = object.into_iter().collect();
    members.sort_by_key(|(name, _)| json.find(&format!("\"{name}\":")));
    members
}
