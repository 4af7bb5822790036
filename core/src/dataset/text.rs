//! What the text of a message may hold that it should not, and how text is shown.

use crate::limits::QUOTE_CHARS;
use std::borrow::Cow;

/// Whether a text shows nothing: white space and characters without width only.
pub(super) fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || is_invisible(c))
}

/// Characters that have no width: joiners, marks of direction, variation selectors and tags, fillers of Hangul and Braille.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e01ef}'
    )
}

/// Whether a text begins or ends with white space.
pub(super) fn is_padded(text: &str) -> bool {
    text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace)
}

/// Whether a text is no more than a program's word for nothing.
pub(super) fn is_junk(text: &str) -> bool {
    const WORDS: [&str; 8] = ["nan", "null", "none", "undefined", "n/a", "<na>", "nil", "[object object]"];
    text.len() <= 20 && WORDS.contains(&text.trim().to_ascii_lowercase().as_str())
}

/// Tokens that the chat templates of Llama, Mistral, ChatML and Gemma put between messages.
const CONTROL_TOKENS: [&str; 22] = [
    "<|im_start|>",
    "<|im_end|>",
    "<|im_sep|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|begin_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<|end|>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<s>",
    "</s>",
    "<<SYS>>",
    "<</SYS>>",
    "[INST]",
    "[/INST]",
    "[TOOL_CALLS]",
];

/// The first control token of a chat template in a text.
pub(super) fn control_token(text: &str) -> Option<&'static str> {
    memchr::memchr2_iter(b'<', b'[', text.as_bytes()).find_map(|at| {
        // What stands there, as bytes: a token begins and ends with ASCII.
        let rest = &text.as_bytes()[at..];
        CONTROL_TOKENS.into_iter().find(|token| rest.starts_with(token.as_bytes()))
    })
}

/// Whether a text that had no escapes holds a byte with which U+FFFD, DEL, or one of the control characters begins that
/// wrongly decoded Windows text is full of. One look for all of them: most texts have none.
pub(super) fn has_odd_bytes(text: &str) -> bool {
    memchr::memchr3(0x7f, 0xc2, 0xef, text.as_bytes()).is_some()
}

/// The first control character of a text that is neither tab nor line end. NUL, which has a rule of its own, is in no
/// text that was read.
pub(super) fn control_character(text: &str) -> Option<char> {
    text.chars().find(|&c| c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
}

/// What stands for NUL in a text that was read: U+FFFF, which is no character. No text of Postgres holds NUL, so
/// `sql/portable` needs it; with the same here both editions answer the same of either.
pub(super) const NUL_STAND_IN: char = '\u{ffff}';

/// A text with the stand-in in the place of NUL; another copy only if it holds any.
pub(super) fn without_nul(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', NUL_STAND_IN.encode_utf8(&mut [0; 4])).into() } else { text }
}

/// A text of the file as a message quotes it.
pub(super) fn quote(text: &str) -> String {
    format!("\"{}\"", cut(text, QUOTE_CHARS))
}

/// At most `chars` characters of a text, without NUL, which jsonb cannot hold, and without its stand-in.
pub(super) fn cut(text: &str, chars: usize) -> String {
    let mut rest = text.chars().map(|c| if matches!(c, '\0' | NUL_STAND_IN) { '\u{fffd}' } else { c });
    let mut kept: String = rest.by_ref().take(chars).collect();
    if rest.next().is_some() {
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_text_from_what_only_looks_like_it() {
        assert!(is_blank("\u{3164}\u{fe0f}\u{e0020}\u{202a}") && !is_blank("❤\u{fe0f}"));
        assert!(is_blank("\u{200b} \n") && is_blank("") && !is_blank("."));
        assert!(is_padded("a ") && is_padded("\na") && !is_padded("a b") && !is_padded(""));
        assert!(
            is_junk("NaN")
                && is_junk(" undefined ")
                && is_junk("[object Object]")
                && !is_junk("none of them")
        );
        assert_eq!(control_token("x < y, [1], <|im_end|>"), Some("<|im_end|>"));
        assert_eq!(control_token("ask [INST] now"), Some("[INST]"));
        assert_eq!(control_token("<b>bold</b> [a](b) é<"), None);
        assert!(has_odd_bytes("Caf\u{fffd}") && has_odd_bytes("don\u{92}t") && has_odd_bytes("\u{7f}"));
        assert!(!has_odd_bytes("plain, naïve, 日本語"));
        assert_eq!(control_character("a\tb\nc\rd"), None);
        assert_eq!(control_character("a\u{7}b"), Some('\u{7}'));
        assert_eq!(control_character("don\u{92}t"), Some('\u{92}'));
        assert_eq!(control_character("£5 a\u{7f}"), Some('\u{7f}'));
        assert_eq!(cut("é\0é", 2), "é\u{fffd}…");
        assert_eq!(cut("\u{ffff}é", 2), "\u{fffd}é");
        assert_eq!(without_nul("a\0é\0".into()), "a\u{ffff}é\u{ffff}");
        assert!(matches!(without_nul("é".into()), Cow::Borrowed("é")));
    }
}
