//! Which environment a database is: a label that the first `migrate --env` writes down, and that every later one has to
//! know.
//!
//! Invariant: a run under another label, or under none, is refused before it writes; a label changes only where the
//! present one is named.

use crate::cli;
use crate::connect::Session;
use crate::error::{Error, Exit};
use crate::patience::Patience;
use crate::settings::{self, Settings};
use crate::step::{self, Step, Task};

/// The name of the setting.
const SETTING: &str = "environment";

/// The longest label.
const LONGEST: usize = 63;

/// A label as the command line takes it. Empty is none, as a variable that is set to nothing.
pub fn label(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    match text.len() <= LONGEST && text.chars().all(fits) {
        true => Ok(text.to_owned()),
        false => Err(format!("a label is up to {LONGEST} letters, digits, \"-\", \"_\" or \".\"")),
    }
}

/// Refuses a command that means another database. Some is what is to be written down first.
pub fn check<'a>(
    settings: &Settings,
    given: Option<&'a str>,
    relabel: Option<&str>,
) -> Result<Option<&'a str>, Error> {
    let refused = |message: String| Err(Error::new(Exit::Refused, message));
    match (settings.environment.as_deref(), given, relabel) {
        (None, _, Some(old)) => {
            refused(format!("the database has no environment label, and \"{old}\" was to be replaced"))
                .map_err(|error| error.hint("leave out --relabel"))
        }
        (None, given, None) => Ok(given),
        (Some(recorded), _, Some(old)) if old != recorded => refused(format!(
            "the database is labelled \"{recorded}\", and \"{old}\" was to be replaced"
        ))
        .map_err(|error| error.hint("look whether it is the database that is meant")),
        (Some(recorded), Some(given), Some(_)) => Ok(Some(given).filter(|given| *given != recorded)),
        (Some(recorded), Some(given), None) if given == recorded => Ok(None),
        (Some(recorded), Some(given), None) => {
            refused(format!("the database is labelled \"{recorded}\", and the command means \"{given}\"")).map_err(
                |error| {
                    error.hint(format!(
                        "name the database of \"{given}\"; if this is it: pg-lora migrate --env {given} --relabel {recorded}"
                    ))
                },
            )
        }
        (Some(recorded), None, _) => {
            refused(format!("the database is labelled \"{recorded}\", and the command names no environment"))
                .map_err(|error| error.hint(format!("add --env {recorded} if this is the database that is meant")))
        }
    }
}

/// Writes the label down, unless another runner has done so meanwhile, whose label then counts.
pub fn record(session: &mut Session, patience: Patience, options: &cli::Migrate) -> Result<bool, Error> {
    let task = Task::new("environment", SETTING, "recording the environment");
    let written = step::run(session, patience, task, |step: &mut Step| {
        crate::history::ensure(step)?;
        let settings = settings::recorded(step)?;
        let (given, relabel) = (options.environment.label(), options.relabel.as_deref());
        match check(&settings, given, relabel)? {
            Some(label) => settings::write(step, SETTING, label).map(Some),
            None => Ok(None),
        }
    })?;
    Ok(written.is_some())
}

#[cfg(test)]
mod tests {
    use super::{check, label};
    use crate::error::Exit;
    use crate::settings::Settings;

    #[test]
    fn a_label_is_one_short_word() {
        assert_eq!(label("eu-1.production_2").as_deref(), Ok("eu-1.production_2"));
        assert_eq!(label("").as_deref(), Ok(""));
        for text in ["two words", "x\ny", "größe", "a\"b", "a;b", &"x".repeat(64)] {
            assert!(label(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_combination_is_decided() {
        let settings =
            |label: Option<&str>| Settings { environment: label.map(str::to_owned), ..Settings::default() };
        // Recorded, given, to be replaced: what is written, or the words of the refusal.
        let cases = [
            (None, None, None, Ok(None)),
            (None, Some("a"), None, Ok(Some("a"))),
            (None, Some("a"), Some("b"), Err("no environment label, and \"b\"")),
            (Some("a"), Some("a"), None, Ok(None)),
            (Some("a"), Some("A"), None, Err("labelled \"a\", and the command means \"A\"")),
            (Some("a"), None, None, Err("labelled \"a\", and the command names no")),
            (Some("a"), Some("b"), Some("a"), Ok(Some("b"))),
            (Some("a"), Some("a"), Some("a"), Ok(None)),
            (Some("a"), Some("b"), Some("c"), Err("labelled \"a\", and \"c\"")),
            (Some("a"), Some("a"), Some("c"), Err("labelled \"a\", and \"c\"")),
        ];
        for (recorded, given, relabel, expected) in cases {
            match (check(&settings(recorded), given, relabel), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(error), Err(words)) => {
                    assert!(error.message.contains(words), "{}", error.message);
                    assert!(error.exit == Exit::Refused && error.hint.is_some());
                }
                (found, _) => panic!("{recorded:?} {given:?} {relabel:?}: {found:?}"),
            }
        }
    }
}
