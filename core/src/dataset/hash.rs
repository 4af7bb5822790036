//! 64-bit hashes of texts and values, to compare examples that are not kept. XXH3 with fixed seeds: the same
//! on every machine, because hashes of one file may come from several.

use super::json::Json;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Hash of a text.
pub(super) fn of_text(text: &str) -> u64 {
    xxh3_64(text.as_bytes())
}

/// Hash of a sequence of texts of which `before` is what came so far.
pub(super) fn chain(before: u64, text: &str) -> u64 {
    xxh3_64_with_seed(text.as_bytes(), before.rotate_left(7) ^ 0x9e37_79b9_7f4a_7c15)
}

/// Hash of a JSON value, in which the order of an object's keys does not matter.
pub(super) fn of_value(value: Json<'_>) -> u64 {
    if let Some(text) = value.text() {
        return chain(1, text);
    }
    if let Some(number) = value.number() {
        return chain(number.to_bits(), "number");
    }
    if value.is_object() {
        let members = value.members().map(|(key, value)| chain(of_value(value), key));
        return chain(members.fold(2, u64::wrapping_add), "object");
    }
    if value.is_array() {
        return value.elements().fold(3, |hash, element| chain(hash ^ of_value(element), "element"));
    }
    chain(value.boolean().map_or(4, |truth| 5 + u64::from(truth)), "")
}

#[cfg(test)]
mod tests {
    use super::super::json::Tape;
    use super::*;

    fn value(text: &str) -> u64 {
        let mut tape = Tape::default();
        tape.parse(text).unwrap();
        of_value(tape.root())
    }

    #[test]
    fn equal_values_have_equal_hashes_and_others_do_not() {
        assert_eq!(value(r#"{"a":1,"b":[2,"x"]}"#), value(r#"{"b":[2.0,"\u0078"],"a":1}"#));
        let all = [
            "1",
            "\"1\"",
            "[1]",
            "[[1]]",
            "[1,2]",
            "[2,1]",
            "{}",
            "[]",
            "null",
            "true",
            "false",
            r#"{"a":{"b":1}}"#,
            r#"{"b":{"a":1}}"#,
        ];
        let hashes: std::collections::HashSet<u64> = all.iter().map(|text| value(text)).collect();
        assert_eq!(hashes.len(), all.len());
        assert_ne!(chain(of_text("a"), "b"), chain(of_text("b"), "a"));
    }
}
