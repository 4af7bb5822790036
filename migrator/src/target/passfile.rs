//! `.pgpass`: passwords by host, port, database and user, as libpq reads them.
//!
//! Refused: a file that others may read, with a warning and without a look into it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The password for a connection, if the file has one. A warning is a sentence for people.
pub fn password(file: &Path, of: [&str; 4]) -> Result<Option<String>, String> {
    let Ok(seen) = fs::metadata(file) else { return Ok(None) };
    if !seen.is_file() {
        return Err("the password file is not a plain file, so it is not read".to_owned());
    }
    if seen.permissions().mode() & 0o077 != 0 {
        return Err(
            "the password file can be read by others, so it is not used; run chmod 0600 on it".to_owned()
        );
    }
    match fs::read(file) {
        Ok(bytes) => Ok(look_up(&String::from_utf8_lossy(&bytes), of)),
        Err(_) => Err("the password file cannot be read".to_owned()),
    }
}

/// Where it is if nothing is said.
pub fn default_file(home: Option<&str>) -> Option<PathBuf> {
    home.map(|home| Path::new(home).join(".pgpass"))
}

/// The first line whose host, port, database and user are those or "*".
fn look_up(text: &str, of: [&str; 4]) -> Option<String> {
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields = fields(line);
        let (password, keys) = fields.split_last().filter(|(_, keys)| keys.len() == 4)?;
        let fits = keys.iter().zip(of).all(|((key, literal), value)| key == value || key == "*" && *literal);
        (fits && !password.0.is_empty()).then(|| password.0.clone())
    })
}

/// Up to five fields, without their escapes, and whether they had none. The last one is the rest of the line.
fn fields(line: &str) -> Vec<(String, bool)> {
    let mut fields = vec![(String::new(), true)];
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        let last = fields.len() == 5;
        let field = fields.last_mut().expect("there is one from the beginning");
        match c {
            ':' if !last => fields.push((String::new(), true)),
            // libpq ends the password there, because a colon and more may follow one day.
            ':' => break,
            '\\' => {
                field.0.extend(characters.next());
                field.1 = false;
            }
            c => field.0.push(c),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::{look_up, password};

    const FILE: &str = "# a comment\n\nh:5432:d:u:first\nh:5432:d:u:second\nh:*:*:u:any of h\n\
                        *:6000:a\\:b:o\\\\c:it\\:s \\\\\n\\*:1:d:u:a star\nshort:1:d\nlocalhost:*:*:*:here\n";

    #[test]
    fn the_first_line_that_fits_counts() {
        for (of, expected) in [
            (["h", "5432", "d", "u"], Some("first")),
            (["h", "5433", "x", "u"], Some("any of h")),
            (["h", "5433", "x", "v"], None),
            (["x", "6000", "a:b", "o\\c"], Some("it:s \\")),
            (["*", "1", "d", "u"], Some("a star")),
            (["y", "1", "d", "u"], None),
            (["short", "1", "d", "u"], None),
            (["localhost", "1", "d", "anybody"], Some("here")),
        ] {
            assert_eq!(look_up(FILE, of).as_deref(), expected, "{of:?}");
        }
    }

    #[test]
    fn a_file_that_others_may_read_is_not_used() {
        let file = std::env::temp_dir().join(format!("pg-lora-passfile-{}", std::process::id()));
        fs::write(&file, "*:*:*:*:hunter2\n").unwrap();
        let of = ["h", "1", "d", "u"];
        for (mode, used) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            match password(&file, of) {
                Ok(found) => assert!(used && found.as_deref() == Some("hunter2"), "{mode:o}"),
                Err(warning) => assert!(!used && !warning.contains("hunter2"), "{mode:o}: {warning}"),
            }
        }
        fs::remove_file(&file).unwrap();
        assert_eq!(password(&file, of), Ok(None));
        assert!(password(&std::env::temp_dir(), of).is_err());
    }
}
