//! What a rule is. The rules themselves are in [`rules`](super::rules), one place each.

use super::profile::Profile;
use serde::Serialize;

/// How bad a finding is. The order matters: kept findings are sorted by it first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema))]
pub enum Severity {
    /// The dataset cannot be used for training.
    Error,
    /// The dataset can be used, but perhaps not as its author thinks.
    Warning,
    /// Worth knowing.
    Info,
}

impl Severity {
    /// The name, as reports use it.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        }
    }
}

/// The severity of a rule for each profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Levels {
    brightrun: Severity,
    openai: Severity,
    mistral: Severity,
    together: Severity,
}

/// An error in every profile.
pub(super) const ERROR: Levels = Levels::same(Severity::Error);
/// A warning in every profile.
pub(super) const WARNING: Levels = Levels::same(Severity::Warning);
/// A remark in every profile.
pub(super) const INFO: Levels = Levels::same(Severity::Info);

impl Levels {
    const fn same(severity: Severity) -> Self {
        Self { brightrun: severity, openai: severity, mistral: severity, together: severity }
    }

    /// The same, but an error in the given profiles: the consumer refuses such a file.
    pub(super) const fn error_for(mut self, profiles: &[Profile]) -> Self {
        let mut at = 0;
        while at < profiles.len() {
            match profiles[at] {
                Profile::Brightrun => self.brightrun = Severity::Error,
                Profile::Openai => self.openai = Severity::Error,
                Profile::Mistral => self.mistral = Severity::Error,
                Profile::Together => self.together = Severity::Error,
            }
            at += 1;
        }
        self
    }
}

/// One check: everything that is said about it, once.
#[derive(Debug)]
pub struct Rule {
    /// Stable code: part of the API.
    pub code: &'static str,
    /// How bad it is, by profile.
    pub levels: Levels,
    /// What is found, as a noun phrase for lists of rules.
    pub title: &'static str,
    /// What a person can do about it.
    pub suggestion: &'static str,
    /// One finding for the whole file, on the first line concerned, in place of one for each line: for what
    /// a program does on every line, where ten findings say no more than one.
    pub once: bool,
    /// A file in which this is wrong, and perhaps what follows from it: the rule's own test. Empty for two rules whose
    /// examples would be too large; two others need an option, see the test.
    pub example: fn() -> Vec<u8>,
}

impl Rule {
    /// How bad a finding of this rule is for a profile.
    pub fn severity(&self, profile: Profile) -> Severity {
        match profile {
            Profile::Brightrun => self.levels.brightrun,
            Profile::Openai => self.levels.openai,
            Profile::Mistral => self.levels.mistral,
            Profile::Together => self.levels.together,
        }
    }
}

/// Declares the rules of a file of [`rules`](super::rules) and their list, so that none can be left out of it.
macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident: $code:literal, $levels:expr, $title:literal, $suggestion:literal $($once:ident)?,
        $example:expr;)+) => {
        $(
            $(#[$doc])*
            pub static $name: Rule = Rule {
                code: $code,
                levels: $levels,
                title: $title,
                suggestion: $suggestion,
                once: rules!(@once $($once)?),
                example: $example,
            };
        )+
        pub(super) static LIST: &[&Rule] = &[$(&$name),+];
    };
    (@once) => { false };
    (@once once) => { true };
}
pub(super) use rules;
