//! An object of JSON on its way into a table: fields renamed, filled in and checked, everything else as it came.
//!
//! Invariant: a number keeps its digits. A price that went through a float would be another one.

use crate::{Error, Result};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;
use std::ops::RangeInclusive;

/// The members of a document, in the order in which they came.
pub(super) struct Fields {
    /// What the document is called in messages.
    name: &'static str,
    members: Vec<(String, Box<RawValue>)>,
}

impl Fields {
    /// Reads a document.
    ///
    /// # Errors
    /// `InvalidArgument` for what is no object.
    pub fn parse(name: &'static str, text: &str) -> Result<Self> {
        let refused =
            || Error::invalid_argument(format!("\"{name}\" is not an object"), "Pass a JSON object.");
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let members = (&mut deserializer).deserialize_map(Members).map_err(|_| refused())?;
        deserializer.end().map_err(|_| refused())?;
        Ok(Self { name, members })
    }

    /// Gives fields their standard names. One that is there under both keeps the standard one.
    pub fn rename(&mut self, aliases: &[(&str, &str)]) {
        for (alias, standard) in aliases {
            let Some(at) = self.members.iter().position(|(name, _)| name == alias) else { continue };
            if self.members.iter().any(|(name, _)| name == standard) {
                self.members.remove(at);
            } else {
                self.members[at].0 = (*standard).to_owned();
            }
        }
    }

    /// Adds the members of other fields that are not there.
    pub fn complete_from(&mut self, defaults: Fields) {
        for (name, value) in defaults.members {
            if self.get(&name).is_none() {
                self.members.push((name, value));
            }
        }
    }

    /// A member's value, as it was written.
    fn get(&self, field: &str) -> Option<&str> {
        self.members.iter().find(|(name, _)| name == field).map(|(_, value)| value.get())
    }

    /// Whether a member is there and not null.
    pub fn has(&self, field: &str) -> bool {
        self.get(field).is_some_and(|value| value != "null")
    }

    /// Refuses a value.
    fn refused(&self, field: &str, hint: impl Into<String>) -> Error {
        let value = self.get(field).unwrap_or("missing");
        let shown: String = value.chars().take(50).collect();
        Error::invalid_argument(format!("\"{}.{field}\" is {shown}", self.name), hint)
    }

    /// Checks a whole number in a range, and writes it as one: 8.0 becomes 8, which readers of integers take.
    pub fn whole(&mut self, field: &str, range: RangeInclusive<u32>) -> Result<()> {
        let number = self.float(field).filter(|number| number.fract() == 0.0);
        let Some(number) = number
            .filter(|number| (f64::from(*range.start())..=f64::from(*range.end())).contains(number))
            .map(|number| number as u32)
        else {
            let (least, most) = (range.start(), range.end());
            return Err(self.refused(field, format!("Give a whole number from {least} to {most}.")));
        };
        if let Some((_, value)) = self.members.iter_mut().find(|(name, _)| name == field) {
            *value = RawValue::from_string(number.to_string()).expect("a number is JSON");
        }
        Ok(())
    }

    /// The same of a field that may be left out.
    pub fn optional_whole(&mut self, field: &str, range: RangeInclusive<u32>) -> Result<()> {
        if self.get(field).is_some() { self.whole(field, range) } else { Ok(()) }
    }

    /// A number that passes a test.
    pub fn number(&self, field: &str, hint: &str, test: impl FnOnce(f64) -> bool) -> Result<()> {
        self.float(field).filter(|number| test(*number)).map(|_| ()).ok_or_else(|| self.refused(field, hint))
    }

    /// The same of a field that may be left out.
    pub fn optional_number(&self, field: &str, hint: &str, test: impl FnOnce(f64) -> bool) -> Result<()> {
        if self.get(field).is_some() { self.number(field, hint, test) } else { Ok(()) }
    }

    /// True or false, of a field that may be left out or null.
    pub fn optional_truth(&self, field: &str, hint: &str) -> Result<()> {
        match self.get(field) {
            None | Some("true" | "false" | "null") => Ok(()),
            Some(_) => Err(self.refused(field, hint)),
        }
    }

    /// A text of a length in characters.
    pub fn text(&self, field: &str, length: RangeInclusive<usize>) -> Result<()> {
        let text = self.get(field).and_then(|value| serde_json::from_str::<String>(value).ok());
        if text.is_some_and(|text| length.contains(&text.chars().count())) {
            return Ok(());
        }
        let (least, most) = (length.start(), length.end());
        Err(self.refused(field, format!("Give a text of {least} to {most} characters.")))
    }

    /// A value as it was written, if it is a number.
    pub fn decimal(&self, field: &str) -> Option<&str> {
        self.get(field)
            .filter(|value| value.starts_with(|first: char| first == '-' || first.is_ascii_digit()))
    }

    /// Refuses a value that [`decimal`](Self::decimal) gave.
    pub fn refuse(&self, field: &str, hint: &str) -> Error {
        self.refused(field, hint)
    }

    fn float(&self, field: &str) -> Option<f64> {
        self.decimal(field)?.parse().ok().filter(|number: &f64| number.is_finite())
    }

    /// The document again.
    pub fn to_json(&self) -> String {
        let mut json = String::from("{");
        for (at, (name, value)) in self.members.iter().enumerate() {
            if at > 0 {
                json.push(',');
            }
            json.push_str(&serde_json::to_string(name).expect("a text is JSON"));
            json.push(':');
            json.push_str(value.get());
        }
        json.push('}');
        json
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, Box<RawValue>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> std::result::Result<Self::Value, A::Error> {
        let mut members: Self::Value = Vec::new();
        while let Some(name) = access.next_key::<String>()? {
            let value = access.next_value::<Box<RawValue>>()?;
            members.retain(|(known, _)| *known != name);
            members.push((name, value));
        }
        Ok(members)
    }
}

/// What a document of ours serializes to.
pub(super) fn of(name: &'static str, document: &impl serde::Serialize) -> Fields {
    let text = serde_json::to_string(document).expect("a document has text keys only");
    Fields::parse(name, &text).expect("a document is an object")
}

/// Reads back what was checked.
pub(super) fn read<T: for<'de> Deserialize<'de>>(fields: &Fields) -> Result<T> {
    serde_json::from_str(&fields.to_json()).map_err(|error| {
        Error::invalid_argument(
            format!("\"{}\" cannot be read: {error}", fields.name),
            "Check the types of its fields.",
        )
    })
}
