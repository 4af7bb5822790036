//! The bytes of a line, before anything is known of its JSON.

use super::super::rule::{ERROR, INFO, Rule, WARNING, rules};
use super::GOOD;

rules! {
    /// Bytes that are not UTF-8.
    INVALID_UTF8: "invalid_utf8", ERROR,
        "a line that is not UTF-8",
        "Save the file as UTF-8.",
        || b"{\"a\":\"\xe9\"}".to_vec();
    /// A line beyond the parser's limit.
    LINE_TOO_LONG: "line_too_long", ERROR,
        "a line longer than 16 MB",
        "Check that the file has one example on each line and that no line end was lost.",
        || format!("{GOOD}\n\"{}\"", "x".repeat(crate::limits::LINE_BYTES)).into_bytes();
    /// A byte order mark.
    BYTE_ORDER_MARK: "byte_order_mark", WARNING,
        "a byte order mark before line 1",
        "Save the file as UTF-8 without a byte order mark; some trainers refuse it.",
        || format!("\u{feff}{GOOD}").into_bytes();
    /// Lines with nothing on them.
    BLANK_LINE: "blank_line", WARNING,
        "blank lines",
        "Remove blank lines; some trainers stop at the first one." once,
        || format!("{GOOD}\n \n{GOOD}").into_bytes();
    /// Lines that end in CR LF.
    CRLF: "crlf", INFO,
        "lines that end in CR LF",
        "Save the file with LF line ends to keep its digest stable." once,
        || format!("{GOOD}\r\n").into_bytes();
}
