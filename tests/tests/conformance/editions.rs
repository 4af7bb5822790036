//! Both editions, and what they answer to a call.

use std::collections::BTreeSet;

use pg_lora_tests::Database;
use postgres::{Client, SimpleQueryMessage};
use serde_json::Value;

/// What a call came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The answer as the text of its jsonb; `null` for NULL.
    Answer(String),
    Refusal {
        code: String,
        message: String,
        detail: String,
        hint: String,
    },
}

/// One database for each edition, on one server.
pub struct Editions {
    pub native: Client,
    pub portable: Client,
    _databases: [Database; 2],
}

impl Editions {
    pub fn new() -> Self {
        let databases = [Database::migrated_to("native"), Database::portable()];
        let [native, portable] = databases.each_ref().map(Database::connect);
        Self { native, portable, _databases: databases }
    }

    /// The outcome of an expression in both: the extension's first.
    pub fn ask(&mut self, expression: &str) -> [Outcome; 2] {
        [outcome(&mut self.native, expression), outcome(&mut self.portable, expression)]
    }

    /// The same outcome of both, or what differs.
    pub fn agree(&mut self, expression: &str) -> Result<Outcome, String> {
        let [native, portable] = self.ask(expression);
        if native == portable {
            return Ok(native);
        }
        let asked: String = expression.chars().take(3_000).collect();
        Err(format!("select {asked}\n{}", shown("native", &native, "portable", &portable)))
    }
}

/// The question, without what a report says of the edition that made it: the only place where the two may differ.
fn question(expression: &str) -> String {
    format!(
        "select case pg_catalog.jsonb_typeof(answer) when 'object' then answer - '{{edition,rules_not_evaluated}}'::text[] else answer end
         from (select pg_catalog.to_jsonb({expression}) as answer offset 0) as asked"
    )
}

/// Evaluates an expression.
pub fn outcome(client: &mut Client, expression: &str) -> Outcome {
    match client.simple_query(&question(expression)) {
        Ok(messages) => {
            let row = messages.into_iter().find_map(|message| match message {
                SimpleQueryMessage::Row(row) => Some(row),
                _ => None,
            });
            let row = row.unwrap_or_else(|| panic!("no row of {expression}"));
            Outcome::Answer(row.get(0).unwrap_or("null").to_owned())
        }
        Err(error) => {
            let error = error.as_db_error().unwrap_or_else(|| panic!("{expression}: {error:?}"));
            let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
            Outcome::Refusal {
                code: error.code().code().to_owned(),
                message: error.message().to_owned(),
                detail: text(error.detail()),
                hint: text(error.hint()),
            }
        }
    }
}

/// Two outcomes, or what differs in two answers.
pub fn shown(one: &str, outcome: &Outcome, other: &str, another: &Outcome) -> String {
    if let (Outcome::Answer(answer), Outcome::Answer(another)) = (outcome, another) {
        let read = |text: &str| serde_json::from_str::<Value>(text).expect("the text of a jsonb");
        let mut found = Vec::new();
        compare("", &read(answer), &read(another), &mut found);
        let lines = found.iter().take(8).map(|(path, a, b)| format!("{path}\n  {one}: {a}\n  {other}: {b}"));
        return lines.collect::<Vec<_>>().join("\n");
    }
    format!("{one}: {outcome:?}\n{other}: {another:?}")
}

/// The places where two values differ, with what stands there.
fn compare(path: &str, one: &Value, other: &Value, found: &mut Vec<(String, String, String)>) {
    match (one, other) {
        (Value::Object(left), Value::Object(right)) => {
            let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            for key in keys {
                let path = format!("{path}.{key}");
                compare(
                    &path,
                    left.get(key).unwrap_or(&Value::Null),
                    right.get(key).unwrap_or(&Value::Null),
                    found,
                );
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (at, (left, right)) in left.iter().zip(right).enumerate() {
                compare(&format!("{path}[{at}]"), left, right, found);
            }
        }
        _ if one != other => found.push((path.to_owned(), one.to_string(), other.to_string())),
        _ => {}
    }
}

/// A text as a literal of SQL.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
