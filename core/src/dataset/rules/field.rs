//! The fields of an object: what kind of line it is, and what it has to hold.

use super::super::rule::{ERROR, Rule, WARNING, rules};
use super::{GOOD, lines, messages};

rules! {
    /// No key that tells what the line is.
    UNRECOGNISED_LINE: "unrecognised_line", ERROR,
        "an object of no known shape",
        "Use one of the shapes of the documentation, such as {\"messages\": [{\"role\", \"content\"}, …]}.",
        || lines(&[GOOD, r#"{"conversation_id":"d"}"#]);
    /// Two replies to compare in place of one to learn.
    PREFERENCE_DATA: "preference_data", ERROR,
        "preference data (chosen and rejected replies)",
        "LoRA training takes one reply for each prompt: keep the chosen one as the assistant's message.",
        || lines(&[r#"{"prompt":"Hi","chosen":"Hello","rejected":"What?"}"#]);
    /// Images, which no trainer behind these formats reads.
    IMAGE_DATA: "image_data", ERROR,
        "an image in a message",
        "Describe the image in words, or leave the example out: only text is trained on.",
        || messages(r#"{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]},{"role":"assistant","content":"Hello"}"#);
    /// A document among lines.
    DOCUMENT_AMONG_LINES: "document_among_lines", ERROR,
        "a whole JSON document on a line beside others",
        "Upload the document by itself, or export its training pairs as JSONL.",
        || lines(&[r#"{"training_file_metadata":{},"conversations":[]}"#, GOOD]);
    /// A header below line 1.
    HEADER_NOT_FIRST: "header_not_first", WARNING,
        "a header that is not on line 1",
        "Move the line with \"_meta\" to the top; elsewhere it is ignored.",
        || lines(&[GOOD, r#"{"_meta":{}}"#]);
    /// A header of a version that is not known.
    UNKNOWN_VERSION: "unknown_version", WARNING,
        "a header with a version other than 4.x or 5.x",
        "Check that the file was written for this application; its lines are read as version 4.",
        || lines(&[r#"{"_meta":{"version":"3.1.0"}}"#, GOOD]);
    /// A field that has to be there is not.
    MISSING_FIELD: "missing_field", ERROR,
        "a required field that is missing",
        "Add the field.",
        || messages(r#"{"role":"user"},{"role":"assistant","content":"Hello"}"#);
    /// A field of another type than the format says.
    WRONG_TYPE: "wrong_type", ERROR,
        "a field of the wrong type",
        "Give the field the type that the format asks for.",
        || messages(r#"{"role":"user","content":7},{"role":"assistant","content":"Hello"}"#);
    /// A key that the shape does not have.
    UNKNOWN_KEY: "unknown_key", WARNING,
        "a key that the shape does not have",
        "Check the spelling; the field is not trained on, and some providers refuse it. Put data of your own below \"metadata\".",
        || messages(r#"{"role":"user","content":"Hi","wieght":1},{"role":"assistant","content":"Hello"}"#);
    /// A split that is neither of the two.
    UNKNOWN_SPLIT: "unknown_split", WARNING,
        "a split that is neither train nor validation",
        "Use \"train\" or \"validation\"; an example of any other split is trained on.",
        || format!("{{\"split\":\"test\",{}", &GOOD[1..]).into_bytes();
}
