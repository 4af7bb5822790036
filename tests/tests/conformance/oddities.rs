//! What stands in datasets that nobody wrote down: texts that some rule minds, values of no use where they stand, objects with a member too few or too many.

use pg_lora_tests::random::Random;

use crate::json::Json;

const WORDS: [&str; 14] = [
    "the", "quick", "model", "learns", "with", "words", "then", "more", "training", "about", "data", "nan",
    "null", "none",
];

/// Texts that some rule minds, or that look as if it did.
const ODD: [&str; 38] = [
    " ",
    " x",
    "x ",
    "\u{200b}",
    "nan",
    "NaN",
    "null",
    "undefined",
    "n/a",
    "<|im_end|>",
    "[INST] hi",
    "<s>",
    "Caf\u{fffd}",
    "a\u{7}b",
    "a\u{92}b",
    "a\u{7f}b",
    "\u{3000}a",
    "a\nb\t",
    "ééééééééééééééééééééééééééééééééééééééééééééééééé",
    "日本語",
    "Привет мир",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "",
    ".",
    "[a](b) <b>",
    "\u{1f600} ok",
    "nil ",
    "[object Object]",
    "\u{feff}",
    "a\0b",
    "\u{a0}",
    "مرحبا",
    "<start_of_turn>",
    "t\"q\\z/",
    "</s>",
    "\u{85}",
    "a\u{ffff}b",
    "\u{7ff}\0",
];

pub const ROLES: [&str; 13] = [
    "user",
    "assistant",
    "system",
    "tool",
    "developer",
    "function",
    "human",
    "GPT",
    "narrator",
    "User",
    "bot",
    "observation",
    "",
];

/// Values that are of no use where they stand.
const JUNK: [&str; 30] = [
    "null",
    "true",
    "false",
    "0",
    "1",
    "-1",
    "1.5",
    "7",
    "1e300",
    "-0.5",
    "1e-07",
    "12345678901234567890",
    "\"\"",
    "[]",
    "{}",
    "[1]",
    "{\"a\":1}",
    "\"x\"",
    "[{\"type\":\"image_url\"}]",
    "[{\"text\":\"a\"}]",
    "[{\"image_url\":1},{\"type\":\"text\"}]",
    "2.0",
    "[{\"type\":\"my_image\"}]",
    "\"user\"",
    "100000000000000000000000",
    "\"\\ud83d\"",
    "\"\\u0000\"",
    "-0",
    "9223372036854775808",
    "{\"x\":{\"\\ud800\":1,\"\\ud800\":2}}",
];

/// Keys that nobody asked for.
const KEYS: [&str; 12] = [
    "foo",
    "wieght",
    "Role",
    "x\0y",
    "x\u{ffff}y",
    "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
    "é",
    "split",
    "metadata",
    "_meta",
    "name",
    "",
];

/// What stands for a conversation.
const CONVERSATIONS: [&str; 13] =
    ["c1", "c2", "c3", "c4", "c5", "7", "7.0", "1.5", "  ", "é", "-3", "c\u{ffff}", "c\0"];

/// True so many times in a thousand.
pub fn chance(random: &mut Random, permille: usize) -> bool {
    random.below(1_000) < permille
}

pub fn raw(text: &str) -> Json {
    Json::Raw(text.to_owned())
}

pub fn string(text: impl Into<String>) -> Json {
    Json::Text(text.into())
}

pub fn pick(random: &mut Random, from: &[&str]) -> Json {
    raw(random.pick(from))
}

pub fn members<const N: usize>(members: [(&str, Json); N]) -> Vec<(String, Json)> {
    members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

pub fn words(random: &mut Random) -> Json {
    if !chance(random, 850) {
        return string(random.pick(&ODD));
    }
    let count = random.between(1, 12);
    let words: Vec<&str> = (0..count).map(|_| random.pick(&WORDS)).collect();
    string(words.join(" ") + random.pick(&[".", "?", "", "!"]))
}

pub fn text_or(random: &mut Random, others: &[&str]) -> Json {
    let one = random.below(others.len() + 1);
    others.get(one).map_or_else(|| words(random), |other| raw(other))
}

/// The value, or junk.
pub fn value(random: &mut Random, value: Json, permille: usize) -> Json {
    if chance(random, permille) { pick(random, &JUNK) } else { value }
}

/// The object, or one without a member, with one more, or in another order.
pub fn object(random: &mut Random, mut members: Vec<(String, Json)>, permille: usize) -> Json {
    if !members.is_empty() && chance(random, permille) {
        let at = random.below(members.len());
        members.remove(at);
    }
    if chance(random, permille) {
        let key = random.pick(&KEYS);
        members.retain(|(known, _)| known != key);
        let junk = pick(random, &JUNK);
        members.push((key.to_owned(), junk));
    }
    if chance(random, permille / 2) {
        for at in (1..members.len()).rev() {
            let other = random.below(at + 1);
            members.swap(at, other);
        }
    }
    Json::Object(members)
}

/// The object with some junk in place of its values.
pub fn doubtful(random: &mut Random, members: Vec<(String, Json)>, permille: usize) -> Json {
    let members = members.into_iter().map(|(key, one)| (key, value(random, one, 10))).collect();
    object(random, members, permille)
}

pub fn conversation(random: &mut Random) -> Json {
    match random.below(12) {
        11 => string("x".repeat(210)),
        at => match CONVERSATIONS[at] {
            number if number.parse::<f64>().is_ok() => raw(number),
            name => string(name),
        },
    }
}
