//! Every check, each in one place: its code, severities, title, suggestion and an example that it finds.
//!
//! A finding is raised only through a [`Rule`], so that no code exists without a suggestion. A new rule is an
//! entry of the file of its subject here, and the line that raises it.

pub mod content;
pub mod field;
pub mod file;
pub mod json;
pub mod line;
pub mod pairs;
pub mod repeats;
pub mod roles;
pub mod tools;
pub mod window;

use super::rule::Rule;

/// Version of the set of rules. It rises when a rule is added, removed, or judges differently.
pub const RULESET_VERSION: &str = "2";

/// Codes of rules that the portable edition, which is SQL, cannot tell: there a coarser finding stands on the same line, and the verdict is the
/// same. A rule that Postgres makes impossible to tell is named here; so far there is none.
pub const NOT_IN_SQL: &[&str] = &[];

/// All rules, in the order in which they are documented.
pub fn all_rules() -> impl Iterator<Item = &'static Rule> {
    [
        file::LIST,
        line::LIST,
        json::LIST,
        field::LIST,
        roles::LIST,
        content::LIST,
        tools::LIST,
        pairs::LIST,
        window::LIST,
        repeats::LIST,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// A sound line of the shape `messages`.
const GOOD: &str = r#"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello"}]}"#;

fn lines(lines: &[&str]) -> Vec<u8> {
    lines.join("\n").into_bytes()
}

/// A line of the shape `messages`.
fn messages(messages: &str) -> Vec<u8> {
    format!(r#"{{"messages":[{messages}]}}"#).into_bytes()
}

/// A line of the shape `pairs` with more members.
fn pair(members: &str) -> Vec<u8> {
    format!(
        r#"{{"id":"1","conversation_id":"c","turn_number":2,"system_prompt":"Help.","current_user_input":"Hi","target_response":"Hello"{members}}}"#
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_snake_case_and_explained() {
        let mut seen = HashSet::new();
        for rule in all_rules() {
            assert!(seen.insert(rule.code), "code \"{}\" stands twice", rule.code);
            assert!(rule.code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'));
            assert!(rule.suggestion.ends_with('.'), "{}: a suggestion is a sentence", rule.code);
            assert!(!rule.title.is_empty());
        }
    }
}
