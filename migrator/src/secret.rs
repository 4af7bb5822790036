//! Connection strings and passwords, which no output may contain.
//!
//! Invariant: a [`Secret`] has no printable form; the text leaves it only through [`Secret::expose`], and
//! only the modules that open a connection call that. [`redacted`] is for the one place where text of the
//! user's comes back unasked: the messages of the command-line parser.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// A text that `Debug` and `Display` do not show.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// The text itself. Never into a message.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for Secret {
    /// No text is refused here: a refusal by the command-line parser would repeat it.
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(***)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// The text without what stands before the `@` of a URL and without what follows `password=`.
///
/// It takes too much rather than too little: up to the last `@` of the line, and from `password=` on the rest
/// of it.
pub fn redacted(text: &str) -> String {
    text.split('\n').map(redacted_line).collect::<Vec<_>>().join("\n")
}

fn redacted_line(line: &str) -> String {
    let mut line = line.to_owned();
    if let Some((start, end)) = line.find("://").zip(line.rfind('@'))
        && start + 3 <= end
    {
        line.replace_range(start + 3..end, "***");
    }
    // An ASCII comparison keeps the byte positions of the original.
    if let Some(start) = line.to_ascii_lowercase().find("password=") {
        line.replace_range(start + "password=".len().., "***");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::{Secret, redacted};

    #[test]
    fn a_secret_has_no_printable_form() {
        let secret: Secret = "postgresql://u:hunter2@h/db".parse().unwrap();
        assert!(!format!("{secret} {secret:?} {:?} {secret:#?}", Some(&secret)).contains("hunter2"));
        assert_eq!(secret.expose(), "postgresql://u:hunter2@h/db");
    }

    #[test]
    fn no_part_of_a_password_survives_redaction() {
        for text in [
            "error: unexpected argument 'postgresql://u:hunter2@h/db' found",
            "unexpected argument 'postgres://u:hun ter2@x@h/db' found\n\nUsage: pg-lora",
            "unexpected argument 'host=h password=hunter2 x' found",
            "unexpected argument 'PASSWORD='hun ter2'' found",
            "'postgresql://h/db?user=u&password=hunter2' found",
        ] {
            let text = redacted(text);
            assert!(!text.contains("hun") && !text.contains("ter2"), "{text}");
        }
    }

    #[test]
    fn everything_else_stays() {
        for text in ["unexpected argument '--frob' found\n\ntip: see --help", "@ ://", "a@b://c", ""] {
            assert_eq!(redacted(text), text);
        }
    }
}
