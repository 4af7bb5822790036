//! What a caller may ask of a validation. An unknown key is refused by name: a misspelt option that is
//! silently ignored is a validation that did not happen.

use crate::{Error, Result};

/// Options of a validation, as given in a JSON object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Name of the set of severities and constants; `brightrun` is the only one yet.
    pub profile: String,
    /// Fewest training pairs of a valid dataset.
    pub min_examples: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { profile: "brightrun".into(), min_examples: 1 }
    }
}

impl Options {
    /// Reads a JSON object such as `{"profile": "brightrun", "min_examples": 10}`.
    pub fn from_json(text: &str) -> Result<Self> {
        let value: serde_json::Value = serde_json::from_str(text).map_err(|error| {
            Error::invalid_argument(
                format!("options cannot be read: {error}"),
                "Pass a JSON object, such as {\"profile\": \"brightrun\"}.",
            )
        })?;
        let serde_json::Value::Object(members) = value else {
            return Err(Error::invalid_argument(
                "options must be a JSON object",
                "Pass a JSON object, such as {\"profile\": \"brightrun\"}.",
            ));
        };
        let mut options = Self::default();
        for (key, value) in members {
            match key.as_str() {
                "profile" => match value.as_str() {
                    Some("brightrun") => options.profile = "brightrun".into(),
                    _ => {
                        return Err(Error::invalid_argument(
                            format!("option \"profile\" has the unknown value {value}"),
                            "Use \"brightrun\".",
                        ));
                    }
                },
                "min_examples" => {
                    options.min_examples = value.as_u64().ok_or_else(|| {
                        Error::invalid_argument(
                            format!("option \"min_examples\" has the value {value}"),
                            "Use a whole number, 0 or more.",
                        )
                    })?;
                }
                _ => {
                    return Err(Error::invalid_argument(
                        format!("unknown option \"{key}\""),
                        "Use \"profile\" or \"min_examples\".",
                    ));
                }
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_known_and_names_what_is_not() {
        assert_eq!(Options::from_json("{}").unwrap(), Options::default());
        assert_eq!(Options::from_json(r#"{"min_examples": 10}"#).unwrap().min_examples, 10);
        let refused = |text: &str| Options::from_json(text).unwrap_err().message;
        assert_eq!(refused(r#"{"min_exampels": 10}"#), "unknown option \"min_exampels\"");
        assert_eq!(refused(r#"{"profile": "huge"}"#), "option \"profile\" has the unknown value \"huge\"");
        assert_eq!(refused(r#"{"min_examples": -1}"#), "option \"min_examples\" has the value -1");
        assert_eq!(refused("[]"), "options must be a JSON object");
    }
}
