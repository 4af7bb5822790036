//! The cases of `tests/cases`: a function, its arguments, and its answer or refusal.
//!
//! The answers are the extension's, written by `cargo xtask test --only end-to-end --bless every_case` and read before they
//! are committed. An argument is written as in JSON; one of type jsonb that is a string is the text of the document, and
//! null is NULL everywhere; one of type bytea is the text whose bytes it is, or their digits as `{"hex": "…"}`. An aggregate has
//! `rows` in place of `arguments`, or the `query` that makes that many `columns`; `of` is the type of the first argument where
//! there are two functions with so many, or the type of the content or the line. Of a table that is answered the case has its
//! rows. What takes several calls is an expression of SQL, `sql`, such as the report on segments, whose bytes belong to an edition.

use std::collections::BTreeMap;
use std::fmt::Write;

use pg_lora_tests::{environment, golden};
use postgres::Client;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::editions::{Editions, Outcome, literal, outcome, shown};

/// The members of a case as they are written.
type Case = BTreeMap<String, Box<RawValue>>;

/// So many are wanted at least, of all functions together.
const FEWEST: usize = 400;

fn member<'a>(case: &'a Case, name: &str) -> Option<&'a str> {
    case.get(name).map(|value| value.get())
}

fn text_of(case: &Case, name: &str) -> String {
    let text = member(case, name).unwrap_or_else(|| panic!("a case without \"{name}\": {case:?}"));
    serde_json::from_str(text).unwrap_or_else(|_| panic!("\"{name}\" is {text}"))
}

/// The types of the arguments of a function, by name in their order.
fn arguments_of(
    client: &mut Client,
    function: &str,
    count: Option<usize>,
    of: Option<&str>,
) -> Vec<(String, String)> {
    let count = count.map_or(-1, |count| i32::try_from(count).unwrap());
    let rows = client
        .query(
            "select argument.name, pg_catalog.format_type(argument.type, null)
             from pg_catalog.pg_proc, unnest(proargnames, proargtypes::oid[]) with ordinality as argument (name, type, place)
             where pronamespace = 'lora'::regnamespace and proname = $1::text and $2::integer in (-1, pronargs)
               and argument.type is not null
               and coalesce(
                 pg_catalog.format_type(proargtypes[0], null) = $3::text
                   or $3::text in ('text', 'bytea') and pg_catalog.format_type(proargtypes[1], null) = $3::text, true)
             order by argument.place",
            &[&function, &count, &of],
        )
        .unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// A value of a case as an argument of a type.
fn argument(value: &Value, kind: &str) -> String {
    let text = match value {
        Value::Null => return format!("null::{kind}"),
        Value::String(text) if kind == "bytea" => {
            return format!("pg_catalog.convert_to({}, 'UTF8')", literal(text));
        }
        Value::Object(bytes) if kind == "bytea" => {
            format!("\\x{}", bytes["hex"].as_str().expect("digits"))
        }
        Value::String(text) => text.clone(),
        Value::Array(elements) if kind.ends_with("[]") => {
            let element = |element: &Value| match element {
                Value::Null => "null".to_owned(),
                Value::String(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
                other => other.to_string(),
            };
            format!("{{{}}}", elements.iter().map(element).collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    };
    format!("{}::{kind}", literal(&text))
}

/// The expression that a case asks for.
fn expression(client: &mut Client, case: &Case) -> String {
    let function = text_of(case, "function");
    if case.contains_key("sql") {
        let sql = text_of(case, "sql");
        assert!(sql.contains(&format!("lora.{function}(")), "no call of \"{function}\": {sql}");
        return sql;
    }
    if case.contains_key("query") {
        let columns: usize =
            member(case, "columns").and_then(|columns| columns.parse().ok()).expect("columns");
        let names = (1..=columns).map(|at| format!("c{at}")).collect::<Vec<_>>().join(", ");
        let query = text_of(case, "query");
        return format!("(select lora.{function}({names}) from ({query}) as point ({names}))");
    }
    if let Some(rows) = member(case, "rows") {
        let rows: Vec<Vec<Value>> = serde_json::from_str(rows).expect("rows are lists");
        let columns = member(case, "columns")
            .map_or(rows.first().map_or(2, Vec::len), |columns| columns.parse().expect("a count of columns"));
        let of = case.contains_key("of").then(|| text_of(case, "of"));
        let kinds = arguments_of(client, &function, Some(columns), of.as_deref());
        assert_eq!(kinds.len(), columns, "no aggregate \"{function}\" of {columns} columns");
        let names: Vec<String> = (1..=columns).map(|at| format!("c{at}")).collect();
        let nulls: Vec<String> = kinds.iter().map(|(_, kind)| format!("null::{kind}")).collect();
        let mut values = format!("select {} where false", nulls.join(", "));
        for row in &rows {
            let cells: Vec<String> =
                row.iter().zip(&kinds).map(|(cell, (_, kind))| argument(cell, kind)).collect();
            write!(values, " union all select {}", cells.join(", ")).unwrap();
        }
        let names = names.join(", ");
        return format!("(select lora.{function}({names}) from ({values}) as point ({names}))");
    }
    let arguments: BTreeMap<String, Value> =
        serde_json::from_str(member(case, "arguments").unwrap_or("{}")).expect("arguments have names");
    let of = case.contains_key("of").then(|| text_of(case, "of"));
    let kinds: BTreeMap<String, String> =
        arguments_of(client, &function, None, of.as_deref()).into_iter().collect();
    let named = arguments.iter().map(|(name, value)| {
        let kind =
            kinds.get(name).unwrap_or_else(|| panic!("\"{function}\" has no argument \"{name}\": {case:?}"));
        format!("\"{name}\" => {}", argument(value, kind))
    });
    let call = format!("lora.{function}({})", named.collect::<Vec<_>>().join(", "));
    let set = "select pg_catalog.bool_or(proretset) from pg_catalog.pg_proc \
               where pronamespace = 'lora'::regnamespace and proname = $1::text";
    match client.query_one(set, &[&function]).unwrap().get(0) {
        true => format!("(select pg_catalog.jsonb_agg(pg_catalog.to_jsonb(found)) from {call} as found)"),
        false => call,
    }
}

/// What is expected of a case, as the members that say it.
fn expected(outcome: &Outcome) -> (&'static str, String) {
    match outcome {
        Outcome::Answer(text) => ("answer", text.clone()),
        Outcome::Refusal { code, message, detail, hint } => {
            let mut refusal = format!(
                "{{\"sqlstate\": {}, \"message\": {}, \"hint\": {}",
                Value::from(code.as_str()),
                Value::from(message.as_str()),
                Value::from(hint.as_str())
            );
            if !detail.is_empty() {
                write!(refusal, ", \"detail\": {}", Value::from(detail.as_str())).unwrap();
            }
            refusal.push('}');
            ("refusal", refusal)
        }
    }
}

/// A case as the files have it.
fn written(case: &Case, outcome: &Outcome) -> String {
    let mut lines = Vec::new();
    for name in ["about", "function", "arguments", "columns", "of", "rows", "query", "sql"] {
        if let Some(value) = member(case, name) {
            lines.push(format!("    \"{name}\": {value}"));
        }
    }
    let (name, value) = expected(outcome);
    lines.push(format!("    \"{name}\": {value}"));
    format!("  {{\n{}\n  }}", lines.join(",\n"))
}

#[test]
fn every_case_has_its_answer_in_both_editions() {
    let mut editions = Editions::new();
    let mut count = 0;
    let mut problems = Vec::new();
    let mut functions = std::collections::BTreeSet::new();
    let mut files: Vec<_> =
        std::fs::read_dir(golden::path("cases")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let cases: Vec<Case> =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let mut observed = Vec::new();
        let mut abouts = std::collections::BTreeSet::new();
        for case in &cases {
            let about = text_of(case, "about");
            assert!(abouts.insert(about.clone()), "{}: two cases \"{about}\"", file.display());
            let expression = expression(&mut editions.native, case);
            functions.insert(text_of(case, "function"));
            let native = outcome(&mut editions.native, &expression);
            let (name, answer) = expected(&native);
            if !environment::bless() && member(case, name) != Some(answer.as_str()) {
                problems.push(format!("{}, {about}: native says {name} {answer}", file.display()));
            }
            let portable = outcome(&mut editions.portable, &expression);
            if portable != native {
                let shown = shown("native", &native, "portable", &portable);
                problems.push(format!("{}, {about}:\n{shown}", file.display()));
            }
            observed.push(written(case, &native));
        }
        count += cases.len();
        if environment::bless() {
            std::fs::write(&file, format!("[\n{}\n]\n", observed.join(",\n"))).unwrap();
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(count >= FEWEST, "{count} cases only");
    for function in crate::catalogue::COMPARED {
        assert!(functions.contains(function) || function == "build_info", "no case of \"{function}\"");
    }
}
