//! The file as a whole: what it is, and how much of it.

use super::super::rule::{ERROR, Rule, WARNING, rules};
use super::{GOOD, lines};

rules! {
    /// No line with anything on it.
    EMPTY_FILE: "empty_file", ERROR,
        "a file without content",
        "Upload a JSONL file with one training example on each line.",
        || b"\n \n".to_vec();
    /// Compressed, or of a format that is no text.
    BINARY_FILE: "binary_file", ERROR,
        "a file that is compressed or in a binary format",
        "Unpack or convert the file, and upload the JSONL text itself.",
        || b"\x1f\x8b\x08\x00\x00".to_vec();
    /// One JSON array in place of lines.
    JSON_ARRAY: "json_array", ERROR,
        "a JSON array in place of one object on each line",
        "Write each element on a line of its own, without the brackets and commas; jq -c '.[]' does it.",
        || format!("[{GOOD},\n{GOOD}]").into_bytes();
    /// A table in place of lines of JSON.
    CSV_FILE: "csv_file", ERROR,
        "a table of comma- or tab-separated values",
        "Convert each row to a JSON object on a line of its own, such as {\"prompt\": …, \"completion\": …}.",
        || b"prompt,completion\nHi,Hello\n".to_vec();
    /// One object, or several, each over many lines.
    PRETTY_PRINTED: "pretty_printed", ERROR,
        "objects that are spread over several lines",
        "Write each object on one line; jq -c . does it.",
        || b"{\n  \"prompt\": \"Hi\",\n  \"completion\": \"Hello\"\n}\n".to_vec();
    /// A JSON document beyond what is held in memory.
    DOCUMENT_TOO_LARGE: "document_too_large", ERROR,
        "a JSON document of more than 64 MB",
        "Export the training pairs as JSONL, one on each line: there is no such limit for lines.",
        || {
            let mut document = b"{\n\"training_file_metadata\": {},\n\"conversations\": [\n".to_vec();
            document.resize(crate::limits::DOCUMENT_BYTES + 1, b' ');
            document
        };
    /// More than the consumer of the profile takes.
    FILE_TOO_LARGE: "file_too_large", ERROR,
        "a file larger than the profile's limit",
        "Split the file, or leave examples out.",
        // 500 MB are too much for an example; the tests of `finish` have one.
        Vec::new;
    /// A shape that the consumer of the profile does not read.
    SHAPE_NOT_ACCEPTED: "shape_not_accepted", ERROR,
        "a shape that the profile's consumer does not read",
        "Convert the examples to {\"messages\": [{\"role\", \"content\"}, …]}, or validate for another profile.",
        || lines(&[r#"{"instruction":"Say hello","output":"Hello"}"#]);
    /// Fewer examples than the options ask for, or none with a pair.
    TOO_FEW_EXAMPLES: "too_few_examples", ERROR,
        "fewer training examples than required, or none with a pair",
        "Add examples that are no validation ones: each needs a user message with the assistant's reply to it.",
        || lines(&[r#"{"_meta":{}}"#]);
    /// More pairs than the consumer takes, or the table can count.
    TOO_MANY_EXAMPLES: "too_many_examples", ERROR,
        "more training pairs than the profile's limit",
        "Split the file, or leave examples out.",
        // Nor do 2,147,483,648 pairs fit.
        Vec::new;
    /// A line of another shape than the first example.
    MIXED_SHAPES: "mixed_shapes", ERROR,
        "a line of another shape than the first example",
        "Keep one shape in each file; split the file in two.",
        || lines(&[GOOD, r#"{"prompt":"Hi","completion":"Hello"}"#]);
    /// The header's count is not what the file holds.
    DECLARED_COUNT_MISMATCH: "declared_count_mismatch", WARNING,
        "a declared count that differs from the counted one",
        "Correct the declared count, or leave it out; exporters often count messages there.",
        || format!("{{\"_meta\":{{\"total_pairs\":9}}}}\n{GOOD}").into_bytes();
    /// The caller declared another format than the file has.
    DECLARED_FORMAT_MISMATCH: "declared_format_mismatch", WARNING,
        "a declared format that differs from the shape that was found",
        "Correct the dataset's \"format\"; the shape that was found is the one that counts.",
        || lines(&[GOOD]);
    /// Beyond what is compared.
    COMPARISON_LIMITED: "comparison_limited", WARNING,
        "more examples than are compared with each other",
        "Nothing to do; repeats, conflicts and leakage among later examples are not looked for.",
        || {
            let mut file = Vec::new();
            for n in 0..=crate::limits::EXAMPLES_COMPARED {
                file.extend_from_slice(format!("{{\"prompt\":\"{n}\",\"completion\":\"x\"}}\n").as_bytes());
            }
            file
        };
}
