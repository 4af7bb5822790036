//! Files that are sound but for one byte, which is left out, replaced or one too many; and files that end anywhere, or with one such byte. What
//! breaks, where, and in which words is the same in both editions; random damage seldom hits a byte of each kind.

use pg_lora_tests::environment;

use crate::editions::Editions;
use crate::random_files::bytes;

/// A file of each way of reading, with every kind of token in what is read and in what is skipped.
const FILES: [&str; 5] = [
    r#"{"prompt":"aé\u00e9\ud83d\ude00","completion":"b\\ \"c\"","metadata":{"n":[-1.5e+3,0.5E7,true,false,null,{},[]]}}"#,
    "[\n{\"prompt\":\"a\\u00e9\\n\",\"completion\":\"b\",\"weight\":-0.5e-1},\n{\"prompt\":\"c\",\"completion\":\"d\",\"metadata\":{\"n\":[true,null]}}\n]\n",
    "{\n\"dataset_metadata\":{\"total_turns\":1,\"é日\":[-1.5e+3,0,12E7,true,false,null,\"\\ud83d\\ude00\"]},\n\"training_pairs\":[\n{\"prompt\":\"a\",\"completion\":\"b\"}]}",
    "{\n\"training_file_metadata\":{\"total_conversations\":1.0},\n\"conversations\":[{\"conversation_metadata\":{\"n\":[-2e1,\"é\"]},\"training_pairs\":[{\"prompt\":\"a\\t\",\"completion\":\"b\"}]}]\n}\n",
    "prompt,completion\n\"aé \"\"b\"\", c\",d\ne,\"f\ng\"\n",
];

/// Bytes that mean something to a reader of JSON or of tables, and two that mean nothing to any.
const BYTES: &[u8] = b"\"\\{}[],:-+.0eEntu \t\r\n\0\xff";

/// What one byte makes of a file.
fn broken(file: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for at in 0..file.len() {
        let (before, behind) = file.split_at(at);
        found.push(before.to_vec());
        found.push([before, &behind[1..]].concat());
        for byte in BYTES {
            found.push([before, &[*byte]].concat());
            found.push([before, &[*byte], behind].concat());
            found.push([before, &[*byte], &behind[1..]].concat());
        }
    }
    found
}

#[test]
fn every_byte_that_breaks_a_file() {
    let mut editions = Editions::new();
    // Plain form takes one of eleven, which is no divisor of how many a byte of the file has: so each kind of damage comes.
    let step = if environment::full() { 1 } else { 11 };
    let mut differences = Vec::new();
    for file in FILES {
        for broken in broken(file.as_bytes()).iter().step_by(step) {
            let asked = format!("lora.dataset_report({}, '{{\"min_examples\":0}}')", bytes(broken));
            if let Err(difference) = editions.agree(&asked) {
                differences.push(format!("{:?}\n{difference}", String::from_utf8_lossy(broken)));
            }
        }
    }
    assert!(
        differences.is_empty(),
        "{} files:\n{}",
        differences.len(),
        differences[..differences.len().min(40)].join("\n\n")
    );
}
