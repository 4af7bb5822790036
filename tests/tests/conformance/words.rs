//! Words and characters that rules know by name, each wherever it may mean something. `sql/portable` has these lists by hand: a word that only one
//! edition knows shows here, as does one that core comes to know.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pg_lora_tests::environment;

use crate::editions::{Editions, literal};

/// Lines of one file: of each fault ten places are told.
const LINES: usize = 40;

/// Every string that the source of core's rules writes out, for want of one list: it looks words up in constants, in patterns and by key.
fn words() -> BTreeSet<String> {
    fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|end| end == "rs") {
                found.push(path);
            }
        }
    }
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/src/dataset"), &mut files);
    let mut words = BTreeSet::new();
    for file in files {
        let source = std::fs::read_to_string(file).unwrap();
        let quoted = source.lines().flat_map(|line| line.split('"').skip(1).step_by(2));
        words.extend(quoted.filter(|word| word.len() <= 40 && !word.contains('\\')).map(str::to_owned));
    }
    for known in ["<|im_sep|>", "[TOOL_CALLS]", "prompter", "conversation_id", "training_pairs", "undefined"]
    {
        assert!(words.contains(known), "{known} is none of {words:?}");
    }
    words
}

/// JSON with a word in it, where `§` stands.
const PLACES: [&str; 14] = [
    r#"{"messages":[{"role":"user","content":"§"},{"role":"assistant","content":"Yes, § it is."}]}"#,
    r#"{"messages":[{"role":§,"content":"Is it?"},{"role":"assistant","content":"It is."}]}"#,
    r#"{"messages":[{"role":"user","content":"Is it?",§:"x"},{"role":"assistant","content":"It is."}]}"#,
    r#"{"messages":[{"role":"user","content":"Is it?"},{"role":"assistant","content":"It is."}],§:"x"}"#,
    r#"{"turns":[{"role":"user","content":"Is it?"},{"role":"assistant","content":"It is."}],"conversation_id":"c",§:"x"}"#,
    r#"{"conversations":[{"role":"user","content":"Is it?"},{"role":"assistant","content":"It is."}],§:"x"}"#,
    r#"{"conversations":[{"from":§,"value":"Is it?"},{"from":"gpt","value":"It is."}]}"#,
    r#"{"conversations":[{"from":"human","value":"Is it?",§:"x"},{"from":"gpt","value":"It is."}],§:"x"}"#,
    r#"{"instruction":"Is it?","output":"It is.",§:"x"}"#,
    r#"{"prompt":"Is it?","completion":"It is.",§:"x"}"#,
    r#"{"prompt":"Is it?","completion":"It is.","split":§}"#,
    r#"{"conversation_id":"c","turn_number":1,"system_prompt":"Be kind.","conversation_history":[{"role":"user","content":"Hm?",§:"x"}],
        "current_user_input":"Is it?","target_response":"It is.",§:"x"}"#,
    r#"{"messages":[{"role":"user","content":[{"type":§,§:"x"}]},{"role":"assistant","content":"It is.","tool_calls":[{"id":"a","type":"function",
        "function":{"name":§,"arguments":"{}"}}]}]}"#,
    r#"{"_meta":{§:"x"}}"#,
];

fn in_json(place: &str, word: &str) -> String {
    let quoted = serde_json::to_string(word).unwrap();
    // Within a string of the place the quotes are there already.
    place
        .replace("\"§\"", &quoted)
        .replace("Yes, § it", &format!("Yes, {} it", &quoted[1..quoted.len() - 1]))
        .replace('§', &quoted)
}

/// Asks about files; what differs fails with the first line that differs by itself, or with the whole.
fn agree(editions: &mut Editions, files: impl Iterator<Item = String>) -> usize {
    let mut report = |content: &str| {
        editions.agree(&format!("lora.dataset_report({}::text, '{{\"min_examples\":0}}')", literal(content)))
    };
    let mut asked = 0;
    for file in files {
        if let Err(difference) = report(&file) {
            let line = file.lines().find_map(|line| report(line).err());
            panic!("{}", line.unwrap_or(difference));
        }
        asked += 1;
    }
    asked
}

#[test]
fn every_word_that_a_rule_knows() {
    let mut editions = Editions::new();
    let words: Vec<String> = words().into_iter().collect();
    for place in PLACES {
        // A place may be written on two lines, and is one of a file.
        let place = place.replace('\n', " ");
        let lines: Vec<String> = words.iter().map(|word| in_json(&place, word)).collect();
        assert!(agree(&mut editions, lines.chunks(LINES).map(|lines| lines.join("\n"))) > 0);
    }
    // What a whole file begins with: a table's column, a document's key.
    let tables = words.iter().map(|word| format!("{word},other\n1,2\n"));
    assert_eq!(agree(&mut editions, tables), words.len());
    let documents = words.iter().map(|word| in_json("{\n §: {\"x\": 1},\n \"training_pairs\": []\n}", word));
    assert_eq!(agree(&mut editions, documents), words.len());
}

/// Those that show nothing, are white space, or control something: with all around them, and in full the whole basic plane.
#[test]
fn every_character_that_a_rule_knows() {
    let mut editions = Editions::new();
    let ranges = if environment::full() {
        vec![1..=0xffff, 0x1_0000..=0x1_07ff, 0xe_0000..=0xe_02ff, 0x10_ff00..=0x10_ffff]
    } else {
        vec![1..=0x3fff, 0xfd00..=0xffff, 0xe_0000..=0xe_02ff]
    };
    let characters: Vec<char> = ranges.into_iter().flatten().filter_map(char::from_u32).collect();
    let places = |character: char| {
        [format!("{character}"), format!("x {character}"), format!("{character} x"), format!("x{character}x")]
    };
    let files = characters.chunks(LINES).map(|some| {
        let contents = some.iter().flat_map(|character| places(*character));
        contents.map(|content| {
            let content = serde_json::to_string(&content).unwrap();
            format!(r#"{{"messages":[{{"role":"user","content":{content}}},{{"role":"assistant","content":"It is."}}]}}"#)
        }).collect::<Vec<_>>().join("\n")
    });
    assert!(agree(&mut editions, files) > 0);
}
