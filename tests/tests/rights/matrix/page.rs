//! The matrix as a page that a person can read.

use std::fmt::Write;

use super::probe::Line;
use crate::worlds::WORLDS;

const HEAD: &str = "# Who may do what: what was tried, and what came of it

Written by `cargo xtask test --only end-to-end --bless`, from what was observed, and compared with it at every run. The same run compares it
with what is allowed, which is written down in `allowed.rs`, `tables.rs`, `calls.rs` and `files.rs`.

Every row that is named belongs to **owner**. **anon** has no account, **other** is another user with rows of her own, **service** holds
the service key. An insert is of a row that says it is the owner's. What was refused has changed nothing, by the digests of all tables.

| word | meaning |
|---|---|
| yes | one row is written and says what was sent; a function answers |
| the database's | one row is written; in the column stands what the database says, and not what was sent |
| no row | no such row exists for the caller, and nothing is written |
| own rows, all rows | what is seen |
| 42501 … | the SQLSTATE of the refusal; *column*: its message names the column; *hint*: it says how to do it right |

PostgREST answers 42501 as 403 (401 to anon), PT404 as 404, PT409, 23503 and 23505 as 409, 22023 and 23514 as 400.

The same comes of everything here in a plain database and in each of these:
";

/// The whole page.
pub fn page(lines: &[Line]) -> String {
    let mut page = HEAD.to_owned();
    for world in &WORLDS {
        write(&mut page, format_args!("\n- {}", world.name));
    }
    page.push('\n');
    let mut section = "";
    for line in lines {
        if line.section != section {
            section = line.section;
            write(
                &mut page,
                format_args!(
                    "\n## {section}\n\n| | anon | owner | other | service |\n|---|---|---|---|---|\n"
                ),
            );
        }
        write(&mut page, format_args!("| {} | {} |\n", line.operation, line.observed.join(" | ")));
    }
    page
}

fn write(page: &mut String, what: std::fmt::Arguments<'_>) {
    page.write_fmt(what).expect("a String takes everything");
}
