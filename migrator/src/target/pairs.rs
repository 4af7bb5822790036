//! Connection strings of the form `host=/tmp/x dbname='my db' password=it\'s`.

use crate::error::Error;
use crate::target::parameters::{Parameters, unreadable};

/// Reads one.
pub fn read(text: &str) -> Result<Parameters, Error> {
    let mut pairs = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (key, tail) = rest.split_once('=').ok_or_else(|| unreadable("a key has no value"))?;
        let tail = tail.trim_start();
        let (body, quoted) = tail.strip_prefix('\'').map_or((tail, false), |body| (body, true));
        let (mut value, mut end, mut closed) = (String::new(), body.len(), !quoted);
        let mut characters = body.char_indices();
        while let Some((at, c)) = characters.next() {
            match c {
                '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
                '\'' if quoted => {
                    (end, closed) = (at + 1, true);
                    break;
                }
                c if c.is_whitespace() && !quoted => {
                    end = at;
                    break;
                }
                c => value.push(c),
            }
        }
        if !closed {
            return Err(unreadable("a quoted value is not closed"));
        }
        pairs.push((key.trim_end().to_owned(), value));
        rest = body[end..].trim_start();
    }
    Ok(Parameters::of_text(pairs))
}
