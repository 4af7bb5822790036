//! One example under examination: where it is, what was found in it, and the checks that every field shares.

use super::example::Role;
use super::findings::{At, Findings, Place};
use super::json::Json;
use super::options::Options;
use super::path::Path;
use super::rule::{Rule, Severity};
use super::rules::{content, field, roles};
use super::shapes;
use super::text;
use std::borrow::Cow;
use std::fmt::Arguments;

/// An example, or a line that is none, while it is looked at.
pub(super) struct Check<'c, 'a> {
    pub options: &'c Options,
    pub place: Place<'a>,
    /// Where the example is in its document; empty for a line.
    pub prefix: &'a str,
    /// Whether no error was found yet. An example that has one cannot be trained on and counts for nothing.
    pub sound: bool,
    findings: &'c mut Findings,
}

impl<'c, 'a> Check<'c, 'a> {
    pub fn new(options: &'c Options, place: Place<'a>, prefix: &'a str, findings: &'c mut Findings) -> Self {
        Self { options, place, prefix, sound: true, findings }
    }

    /// The example itself, from which paths go on.
    pub fn root(&self) -> Path<'a> {
        Path::root(self.prefix)
    }

    /// What the example is called in messages.
    pub fn noun(&self) -> &'static str {
        if self.prefix.is_empty() { "line" } else { "value" }
    }

    /// A fault at a value.
    pub fn raise(&mut self, rule: &'static Rule, path: &Path<'_>, error: Arguments<'_>) {
        self.raise_with(rule, path, error, None);
    }

    /// A fault at a value, with a suggestion better than the rule's own.
    pub fn raise_with(
        &mut self,
        rule: &'static Rule,
        path: &Path<'_>,
        error: Arguments<'_>,
        suggestion: Option<Arguments<'_>>,
    ) {
        self.sound &= rule.severity(self.options.profile) != Severity::Error;
        self.findings.raise(rule, self.place, At::Value(path), error, suggestion);
    }

    /// A fault at a byte of the text.
    pub fn raise_at(&mut self, rule: &'static Rule, byte: usize, error: Arguments<'_>) {
        self.sound &= rule.severity(self.options.profile) != Severity::Error;
        self.findings.raise(rule, self.place, At::Byte(byte), error, None);
    }

    /// A field that has to be there is not.
    pub fn missing(&mut self, path: &Path<'_>) {
        self.raise(&field::MISSING_FIELD, path, format_args!("\"{path}\" is missing"));
    }

    /// A field holds something else than it has to.
    pub fn wrong_type(&mut self, path: &Path<'_>, expected: &str, found: Json<'_>) {
        let found = found.described();
        self.raise(&field::WRONG_TYPE, path, format_args!("\"{path}\" is {found}, {expected} is expected"));
    }

    /// A field that has to hold text that says something.
    pub fn required_text<'o>(&mut self, object: Json<'o>, key: &str, parent: &Path<'_>) -> Option<&'o str> {
        self.required(object.get(key), &parent.key(key))
    }

    /// The same of a value that was looked up already.
    pub fn required<'o>(&mut self, value: Option<Json<'o>>, path: &Path<'_>) -> Option<&'o str> {
        if value.is_none() {
            self.missing(path);
        }
        self.text(value?, path)
    }

    /// An id that has to be there: text or a whole number.
    pub fn required_id<'o>(
        &mut self,
        object: Json<'o>,
        key: &str,
        parent: &Path<'_>,
    ) -> Option<Cow<'o, str>> {
        let id = shapes::id(object, key);
        if id.is_none() {
            self.required_text(object, key, parent);
        }
        id
    }

    /// A field that may be missing, null or empty, and holds text otherwise.
    pub fn optional_text<'o>(&mut self, object: Json<'o>, key: &str, parent: &Path<'_>) -> Option<&'o str> {
        let value = object.get(key).filter(|value| !value.is_null() && value.text() != Some(""))?;
        self.text(value, &parent.key(key))
    }

    /// A text that is trained on, with everything that may be wrong with one.
    pub fn text<'o>(&mut self, value: Json<'o>, path: &Path<'_>) -> Option<&'o str> {
        let Some(text) = value.text() else {
            self.no_text(value, path);
            return None;
        };
        if text::is_blank(text) {
            self.raise(&content::EMPTY_CONTENT, path, format_args!("\"{path}\" is empty"));
            return None;
        }
        if text::is_padded(text) {
            self.raise(
                &content::PADDED_CONTENT,
                path,
                format_args!("\"{path}\" begins or ends with white space"),
            );
        }
        if text::is_junk(text) {
            self.raise(&content::JUNK_CONTENT, path, format_args!("\"{path}\" is only \"{}\"", text.trim()));
        }
        if let Some(token) = text::control_token(text) {
            self.raise(
                &content::CONTROL_TOKEN,
                path,
                format_args!("\"{path}\" holds the control token \"{token}\""),
            );
        }
        self.characters(text, value.is_escaped(), path);
        Some(text)
    }

    /// Characters that do not belong into a text.
    fn characters(&mut self, text: &str, is_escaped: bool, path: &Path<'_>) {
        if !is_escaped && !text::has_odd_bytes(text) {
            return;
        }
        if text.contains('\u{fffd}') {
            self.raise(&content::REPLACEMENT_CHARACTER, path, format_args!("\"{path}\" holds U+FFFD"));
        }
        if let Some(control) = text::control_character(text) {
            let code = u32::from(control);
            self.raise(
                &content::CONTROL_CHARACTER,
                path,
                format_args!("\"{path}\" holds the control character U+{code:04X}"),
            );
        }
    }

    /// Something that is no text where one has to be: parts of a message, an image among them, or just wrong.
    fn no_text(&mut self, value: Json<'_>, path: &Path<'_>) {
        let is_image = |part: Json<'_>| {
            part.has("image_url")
                || part.get("type").and_then(Json::text).is_some_and(|kind| kind.contains("image"))
        };
        if let Some(index) = value.elements().position(is_image) {
            let part = path.index(index);
            return self.raise(&field::IMAGE_DATA, &part, format_args!("\"{part}\" is an image"));
        }
        if value.elements().next().is_some_and(|part| part.has("text")) {
            let error = format_args!("\"{path}\" is a list of parts, text is expected");
            let suggestion = format_args!("Join the texts of the parts into one string.");
            return self.raise_with(&field::WRONG_TYPE, path, error, Some(suggestion));
        }
        self.wrong_type(path, "text", value);
    }

    /// The role of a message. One that other tools use is refused with the name that is meant.
    pub fn role(&mut self, value: Option<Json<'_>>, path: &Path<'_>) -> Option<Role> {
        let Some(value) = value else {
            self.missing(path);
            return None;
        };
        let Some(name) = value.text() else {
            self.wrong_type(path, "text", value);
            return None;
        };
        let role = Role::of(name);
        if role.is_none() {
            let shown = text::quote(name);
            let error = format_args!("\"{path}\" is {shown}, which is no known role");
            match Role::meant_by(name) {
                Some(meant) => {
                    let suggestion = format_args!("Use \"{}\" in place of {shown}.", meant.name());
                    self.raise_with(&roles::UNKNOWN_ROLE, path, error, Some(suggestion));
                }
                None => self.raise(&roles::UNKNOWN_ROLE, path, error),
            }
        }
        role
    }

    /// Whether a message's weight keeps it out of the loss.
    pub fn is_weightless(&mut self, value: Option<Json<'_>>, path: &Path<'_>) -> bool {
        let Some(value) = value.filter(|value| !value.is_null()) else { return false };
        let weight = value.number().filter(|&weight| weight == 0.0 || weight == 1.0);
        if weight.is_none() {
            self.raise(&roles::INVALID_WEIGHT, path, format_args!("\"{path}\" is {}", value.described()));
        }
        weight == Some(0.0)
    }

    /// Whether the example says that it is held back for validation.
    pub fn is_validation(&mut self, object: Json<'_>) -> bool {
        let Some(value) = object.get("split").filter(|value| !value.is_null()) else { return false };
        match value.text() {
            Some("validation") => true,
            Some("train") => false,
            other => {
                let shown = other.map_or(value.described(), |text| text::quote(text).into());
                let error = format_args!("\"split\" is {shown}: the example counts as one to train on");
                self.raise(&field::UNKNOWN_SPLIT, &self.root().key("split"), error);
                false
            }
        }
    }

    /// Names the keys of an object that its shape does not have.
    pub fn known_keys(&mut self, object: Json<'_>, known: &[&str], parent: &Path<'_>) {
        for (key, _) in object.members().filter(|(key, _)| !known.contains(key)) {
            self.unknown_key(key, parent);
        }
    }

    /// A key that the shape does not have.
    pub fn unknown_key(&mut self, key: &str, parent: &Path<'_>) {
        let shown = text::quote(key);
        self.raise(&field::UNKNOWN_KEY, &parent.key(key), format_args!("{shown} is no key of this shape"));
    }
}
