//! What a caller may ask of a validation. An unknown key is refused by name: a misspelt option that is
//! silently ignored is a validation that did not happen.

use super::profile::Profile;
use super::shape::Shape;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Options of a validation, as given in a JSON object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// Who trains on the file.
    pub profile: Profile,
    /// Longest example in tokens; the profile's when `None`.
    pub window: Option<u64>,
    /// Fewest training pairs; the profile's when `None`.
    pub min_examples: Option<u64>,
    /// Token counts of the real tokenizer, in place of the estimate.
    pub exact_tokens: Option<ExactTokens>,
    /// The shape that the caller takes the file for.
    pub declared_format: Option<DeclaredFormat>,
}

/// Token counts that the caller has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExactTokens {
    /// Each user and assistant message once.
    pub content: u64,
    /// What an epoch costs; the estimate stands when `None`.
    pub sequence: Option<u64>,
    /// Name of the tokenizer.
    pub method: String,
}

/// A format as the `datasets` table and its users call it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclaredFormat {
    /// As it was given.
    pub name: String,
    /// Shapes that go by this name.
    pub shapes: Vec<Shape>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            profile: Profile::Brightrun,
            window: None,
            min_examples: None,
            exact_tokens: None,
            declared_format: None,
        }
    }
}

const KEYS: &str = "Use \"profile\", \"window\", \"min_examples\", \"exact_tokens\" or \"declared_format\".";

impl Options {
    /// Reads a JSON object such as `{"profile": "openai", "min_examples": 50}`.
    ///
    /// # Errors
    /// `InvalidArgument` that names the key, or what else is no object of options.
    pub fn from_json(text: &str) -> Result<Self> {
        let refused = |message: String| {
            Error::invalid_argument(message, "Pass a JSON object, such as {\"profile\": \"brightrun\"}.")
        };
        let value: Value = serde_json::from_str(text)
            .map_err(|error| refused(format!("options cannot be read: {error}")))?;
        let Value::Object(members) = value else {
            return Err(refused("options must be a JSON object".into()));
        };
        let mut options = Self::default();
        for (key, value) in members {
            match key.as_str() {
                "profile" => options.profile = profile(&value)?,
                "window" => options.window = Some(whole(&key, &value, 1)?),
                "min_examples" => options.min_examples = Some(whole(&key, &value, 0)?),
                "exact_tokens" => options.exact_tokens = Some(exact_tokens(value)?),
                "declared_format" => options.declared_format = Some(declared_format(&value)?),
                _ => return Err(Error::invalid_argument(format!("unknown option \"{key}\""), KEYS)),
            }
        }
        Ok(options)
    }

    /// The window that counts.
    pub fn window(&self) -> u64 {
        self.window.unwrap_or(self.profile.window())
    }

    /// The fewest pairs that count.
    pub fn min_examples(&self) -> u64 {
        self.min_examples.unwrap_or(self.profile.min_examples())
    }
}

fn refused(key: &str, value: &Value, hint: impl Into<String>) -> Error {
    Error::invalid_argument(format!("option \"{key}\" has the value {value}"), hint)
}

fn whole(key: &str, value: &Value, least: u64) -> Result<u64> {
    value
        .as_u64()
        .filter(|&number| number >= least)
        .ok_or_else(|| refused(key, value, format!("Use a whole number, {least} or more.")))
}

/// A count of tokens: a bigint holds it, and so does a double.
fn tokens(key: &str, value: &Value) -> Result<u64> {
    const MOST: u64 = 1_000_000_000_000_000;
    let count = whole(key, value, 0)?;
    if count > MOST {
        Err(refused(key, value, format!("Use a whole number, {MOST} at most.")))
    } else {
        Ok(count)
    }
}

fn profile(value: &Value) -> Result<Profile> {
    value.as_str().and_then(Profile::of).ok_or_else(|| {
        let names: Vec<String> = Profile::ALL.iter().map(|known| format!("\"{}\"", known.name())).collect();
        refused("profile", value, format!("Use one of {}.", names.join(", ")))
    })
}

fn exact_tokens(value: Value) -> Result<ExactTokens> {
    const HINT: &str = "Use {\"content\": 25058, \"sequence\": 63528, \"method\": \"mistral-7b\"}; sequence may be left out.";
    let Value::Object(members) = value else { return Err(refused("exact_tokens", &value, HINT)) };
    let (mut content, mut sequence, mut method) = (None, None, None);
    for (key, value) in members {
        let path = format!("exact_tokens.{key}");
        match key.as_str() {
            "content" => content = Some(tokens(&path, &value)?),
            "sequence" => sequence = Some(tokens(&path, &value)?),
            "method" => {
                let name = value
                    .as_str()
                    .filter(|name| !name.is_empty() && name.len() <= 100 && !name.contains('\0'));
                method = Some(
                    name.ok_or_else(|| refused(&path, &value, "Use the name of the tokenizer."))?.to_owned(),
                );
            }
            _ => return Err(Error::invalid_argument(format!("unknown option \"{path}\""), HINT)),
        }
    }
    match (content, method) {
        (Some(content), Some(method)) => Ok(ExactTokens { content, sequence, method }),
        _ => Err(Error::invalid_argument("option \"exact_tokens\" lacks \"content\" or \"method\"", HINT)),
    }
}

/// The application stores `brightrun_lora_v4` and writes `brightrun-lora-v4`; shapes go by their own names.
fn declared_format(value: &Value) -> Result<DeclaredFormat> {
    let name = value.as_str().unwrap_or_default();
    let shapes = match name.replace('-', "_").as_str() {
        "brightrun_lora_v4" => vec![Shape::Pairs, Shape::Full],
        "brightrun_lora_v3" => vec![Shape::Individual],
        other => Shape::ALL.into_iter().filter(|shape| shape.name() == other).collect(),
    };
    if shapes.is_empty() {
        let hint =
            "Use \"brightrun_lora_v3\", \"brightrun_lora_v4\" or the name of a shape, such as \"messages\".";
        return Err(refused("declared_format", value, hint));
    }
    Ok(DeclaredFormat { name: name.to_owned(), shapes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_known_and_names_what_is_not() {
        assert_eq!(Options::from_json("{}").unwrap(), Options::default());
        let options = Options::from_json(
            r#"{"profile": "openai", "min_examples": 3, "window": 9, "exact_tokens": {"content": 5, "method": "x"}, "declared_format": "brightrun-lora-v4"}"#,
        )
        .unwrap();
        assert_eq!((options.profile, options.min_examples(), options.window()), (Profile::Openai, 3, 9));
        assert_eq!(options.exact_tokens.unwrap().content, 5);
        assert_eq!(options.declared_format.unwrap().shapes, [Shape::Pairs, Shape::Full]);
        assert_eq!(Options::from_json(r#"{"profile": "openai"}"#).unwrap().min_examples(), 10);
    }

    #[test]
    fn refuses_by_name() {
        let refused = |text: &str| Options::from_json(text).unwrap_err().message;
        assert_eq!(refused(r#"{"min_exampels": 10}"#), "unknown option \"min_exampels\"");
        assert_eq!(refused(r#"{"profile": "huge"}"#), "option \"profile\" has the value \"huge\"");
        assert_eq!(refused(r#"{"min_examples": -1}"#), "option \"min_examples\" has the value -1");
        assert_eq!(refused(r#"{"window": 0}"#), "option \"window\" has the value 0");
        assert_eq!(refused(r#"{"exact_tokens": {"contnt": 1}}"#), "unknown option \"exact_tokens.contnt\"");
        assert_eq!(
            refused(r#"{"exact_tokens": {"content": 1}}"#),
            "option \"exact_tokens\" lacks \"content\" or \"method\""
        );
        assert_eq!(
            refused(r#"{"declared_format": "v9"}"#),
            "option \"declared_format\" has the value \"v9\""
        );
        assert!(
            refused(r#"{"exact_tokens": {"content": 9e18, "method": "x"}}"#)
                .starts_with("option \"exact_tokens.content\"")
        );
        assert!(
            refused(r#"{"exact_tokens": {"content": 9000000000000000000, "method": "x"}}"#)
                .starts_with("option")
        );
        assert_eq!(refused("[]"), "options must be a JSON object");
    }
}
