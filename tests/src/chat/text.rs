//! Text as it stands in chats: English words as frequent as their rank in a list says (Zipf's law), in sentences
//! and paragraphs, now and then a word of another script, a quotation, a list, a line of code.
//!
//! Invariant: no text begins or ends with white space, nor holds anything that a validation could object to.

use std::sync::LazyLock;

use crate::random::Random;

/// The most frequent first.
static WORDS: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| include_str!("words.txt").split_whitespace().collect());

/// For each word the share of it and those before it, in parts of 2³².
static UP_TO: LazyLock<Vec<u64>> = LazyLock::new(|| {
    // Mandelbrot's offset for English; without it "the" would be every seventh word.
    let shares: Vec<f64> = (0..WORDS.len()).map(|rank| 1.0 / (rank as f64 + 2.7)).collect();
    let all: f64 = shares.iter().sum();
    let mut sum = 0.0;
    let up_to = |share: &f64| {
        sum += share;
        (sum / all * f64::from(u32::MAX)) as u64
    };
    shares.iter().map(up_to).collect()
});

const FOREIGN: [&str; 24] = [
    "café",
    "naïve",
    "Größe",
    "São",
    "señor",
    "smörgåsbord",
    "Łódź",
    "Zürich",
    "Привет",
    "Москва",
    "данные",
    "東京",
    "日本語",
    "数据",
    "한국어",
    "नमस्ते",
    "مرحبا",
    "שלום",
    "Ελλάδα",
    "😀",
    "👍🏽",
    "🚀",
    "→",
    "€",
];

const CODE: [&str; 4] = [
    "\n\n```python\nif path == \"C:\\\\data\":\n\tprint(\"found\")\n```\n\n",
    "\n\n```sql\nselect count(*) from \"Orders\" where total >= 10;\n```\n\n",
    "\n\n```json\n{\"role\": \"user\", \"content\": \"[1, 2]\"}\n```\n\n",
    "\n\n```sh\ngrep -c '\\bword\\b' notes.txt\n```\n\n",
];

/// What a user asks. The first message of an example names a number that no other example has.
pub(super) fn question(random: &mut Random, number: Option<u64>) -> String {
    let mut text = String::new();
    if let Some(number) = number {
        let what = random.pick(&["Order", "Ticket", "Case", "Invoice", "Booking", "Draft"]);
        text = format!("{what} {number}: ");
    }
    for at in 0..random.between(1, 3) {
        if at > 0 {
            text.push(' ');
        }
        sentence(random, &mut text, if at == 0 { '?' } else { '.' });
    }
    text
}

/// What an assistant replies.
pub(super) fn reply(random: &mut Random) -> String {
    let mut text = String::new();
    for at in 0..random.between(3, 9) {
        if at > 0 {
            match random.below(40) {
                0 => text.push_str(random.pick(&CODE)),
                1..=7 => text.push_str("\n\n"),
                8..=12 => text.push_str("\n- "),
                _ => text.push(' '),
            }
        }
        sentence(random, &mut text, '.');
    }
    text
}

/// What the assistant is told to be.
pub(super) fn instruction(random: &mut Random) -> String {
    let mut text = "You are a helpful assistant. ".to_owned();
    sentence(random, &mut text, '.');
    text
}

fn sentence(random: &mut Random, text: &mut String, end: char) {
    let words = random.between(5, 18);
    for at in 0..words {
        if at > 0 {
            text.push_str(if at + 1 < words && random.once_in(12) { ", " } else { " " });
        }
        let word = word(random);
        if at == 0 {
            text.push(word.as_bytes()[0].to_ascii_uppercase().into());
            text.push_str(&word[1..]);
        } else {
            match random.below(120) {
                0 => text.push_str(random.pick(&FOREIGN)),
                1 => text.extend(["\"", word, "\""]),
                2 => text.push_str(&random.between(2, 5000).to_string()),
                _ => text.push_str(word),
            }
        }
    }
    text.push(end);
}

fn word(random: &mut Random) -> &'static str {
    let share = random.bits() >> 32;
    let rank = UP_TO.partition_point(|up_to| *up_to < share);
    WORDS[rank.min(WORDS.len() - 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequent_words_are_frequent_and_rare_ones_occur() {
        let mut random = Random::stream(1, 1);
        let (mut first, mut last) = (0, 0);
        for _ in 0..100_000 {
            let word = word(&mut random);
            first += u32::from(word == WORDS[0]);
            last += u32::from(word == WORDS[WORDS.len() - 1]);
        }
        assert!((4_000..12_000).contains(&first) && (5..200).contains(&last), "{first} {last}");
    }

    #[test]
    fn texts_are_not_padded() {
        let mut random = Random::stream(1, 2);
        for _ in 0..1000 {
            let text = reply(&mut random);
            assert!(text.len() > 20 && text == text.trim() && !text.contains('\0'), "{text:?}");
        }
    }
}
