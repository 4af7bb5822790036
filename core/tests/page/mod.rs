//! Tables of the documentation that are generated from the code.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The checkout.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Compares, or with `PG_LORA_BLESS=1` replaces, what stands between `<!-- NAME: … -->` and `<!-- end of NAME -->`.
pub fn compare(file: &Path, name: &str, expected: &str) {
    // Tests run in threads, and a page has more than one table.
    static PAGE: Mutex<()> = Mutex::new(());
    let _page = PAGE.lock().unwrap_or_else(PoisonError::into_inner);
    let text = std::fs::read_to_string(file).unwrap();
    let head = text.find(&format!("<!-- {name}: ")).expect("the page has the marker");
    let begin = head + text[head..].find("-->\n").unwrap() + 4;
    let end = text.find(&format!("<!-- end of {name} -->")).expect("the page has the end marker");
    if std::env::var_os("PG_LORA_BLESS").is_some() {
        std::fs::write(file, format!("{}{expected}\n{}", &text[..begin], &text[end..])).unwrap();
    } else {
        assert_eq!(text[begin..end].trim(), expected.trim(), "PG_LORA_BLESS=1 writes the table anew");
    }
}
