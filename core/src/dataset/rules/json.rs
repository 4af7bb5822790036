//! The JSON of a line, whatever it stands for.

use super::super::rule::{ERROR, Rule, rules};
use super::{GOOD, lines, messages};

rules! {
    /// A line that no JSON parser accepts.
    INVALID_JSON: "invalid_json", ERROR,
        "a line that is not valid JSON",
        "Write each example as one complete JSON object on one line.",
        || lines(&[GOOD, r#"{"messages":["#]);
    /// NaN and its kind, which Python writes and JSON does not know.
    NON_FINITE_NUMBER: "non_finite_number", ERROR,
        "NaN or Infinity in place of a number",
        "Write null, or leave the field out: JSON has no NaN and no Infinity.",
        || lines(&[GOOD, r#"{"messages":[],"score":NaN}"#]);
    /// A number that no double holds.
    NUMBER_OUT_OF_RANGE: "number_out_of_range", ERROR,
        "a number beyond the range of a double",
        "Write the number as text, or leave it out.",
        || lines(&[GOOD, r#"{"messages":[],"score":1e999}"#]);
    /// Half of a surrogate pair.
    UNPAIRED_SURROGATE: "unpaired_surrogate", ERROR,
        "half of a surrogate pair in a \\u escape",
        "Write the whole character; text was cut in the middle of one, often of an emoji.",
        || lines(&[GOOD, r#"{"messages":[],"text":"\ud83d"}"#]);
    /// More nesting than any format needs.
    NESTING_TOO_DEEP: "nesting_too_deep", ERROR,
        "JSON nested deeper than 64 levels",
        "Flatten the object; no format that is accepted here nests that deep.",
        || format!("{GOOD}\n{}{}", "[".repeat(65), "]".repeat(65)).into_bytes();
    /// More values than any example has.
    TOO_MANY_VALUES: "too_many_values", ERROR,
        "an example with more than 200000 keys and values",
        "Split the example into several lines.",
        || format!("{GOOD}\n[{}0]", "0,".repeat(crate::limits::LINE_VALUES as usize)).into_bytes();
    /// One key twice in one object.
    DUPLICATE_KEY: "duplicate_key", ERROR,
        "a key that stands twice in one object",
        "Keep one of the two; parsers disagree on which one counts.",
        || messages(r#"{"role":"user","role":"user","content":"Hi"},{"role":"assistant","content":"Hello"}"#);
    /// A string that Postgres cannot store as jsonb.
    NUL_CHARACTER: "nul_character", ERROR,
        "a NUL character (\\u0000) in a string",
        "Remove the NUL character; databases and tokenizers refuse it.",
        || messages(r#"{"role":"user","content":"Hi\u0000"},{"role":"assistant","content":"Hello"}"#);
    /// JSON, but not an object.
    NOT_AN_OBJECT: "not_an_object", ERROR,
        "a line that is not a JSON object",
        "Write one JSON object on each line, not an array or a bare value.",
        || lines(&[GOOD, "[1]"]);
}
