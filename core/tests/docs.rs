//! The documentation says what the code does: tables in it are generated, and compared here.

use pg_lora_core::dataset::rules;
use std::fmt::Write;
use std::path::Path;

#[test]
fn the_table_of_rules_is_that_of_the_code() {
    let mut table = String::from("\n| code | severity | found | suggestion |\n|---|---|---|---|\n");
    for rule in rules::ALL {
        let severity = format!("{:?}", rule.severity).to_lowercase();
        writeln!(table, "| `{}` | {severity} | {} | {} |", rule.code, rule.title, rule.suggestion).unwrap();
    }
    compare(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/datasets.md"), "rules", &table);
}

/// Compares, or with `PG_LORA_BLESS=1` replaces, what stands between `<!-- NAME: … -->` and `<!-- end of NAME -->`.
fn compare(file: &Path, name: &str, expected: &str) {
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
