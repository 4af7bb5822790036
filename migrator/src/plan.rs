//! What has to be done, decided from one look at the database. Pure: no connection, no clock.
//!
//! Invariant: an empty plan means that a run would write nothing. What is planned here is decided again under
//! the lock.
//! Refused: a history that this build could not have written.

use crate::ahead::{self, Ahead};
use crate::broken::Broken;
use crate::buckets::{self, Change as BucketChange, Drift};
use crate::cli;
use crate::embedded::{self, FUNCTION_FILES, PlatformThing, Version};
use crate::error::{Error, Exit};
use crate::history::Recorded;
use crate::provider::{self, Edition, Provider};
use crate::survey::Survey;
use crate::variant::{self, Difference};

/// Where the platform keeps what lies in the buckets.
const FILES: &str = "storage.objects";

/// How what waits to be dropped is called.
pub const LEFTOVERS: &str = "leftovers of schema lora";

/// Everything that is to be done, in the order in which it is done.
pub struct Plan {
    /// What the platform lacks. Made only when the user asked for it.
    pub platform: Vec<PlatformThing>,
    pub versions: &'static [Version],
    /// Set where a newer build has migrated the database: then there is nothing to do for this one.
    pub ahead: Option<Ahead>,
    /// How many versions are recorded.
    pub applied: usize,
    /// Who provides schema `lora` in the end.
    pub edition: Edition,
    pub provider: Provider,
    /// Whether parts of another edition or version wait to be dropped.
    pub leftovers: bool,
    /// Whether the layer of functions is another one than this build's.
    pub functions: bool,
    /// Rules that waited for rows to be mended, and that no row breaks any more.
    pub mend: Vec<Broken>,
    pub buckets: Vec<BucketChange>,
    pub drift: Vec<Drift>,
    /// Why buckets are left out, where they are.
    pub buckets_skipped: Option<&'static str>,
    /// Why the policies and triggers for files are left out, where they are.
    pub files_skipped: Option<&'static str>,
}

impl Plan {
    /// Whether the database is in the state that this build describes.
    pub fn is_empty(&self) -> bool {
        self.left().is_empty()
    }

    /// How the database stands to this build, in one word.
    pub fn state(&self) -> &'static str {
        match (&self.ahead, self.is_empty()) {
            (Some(_), _) => "ahead",
            (None, true) => "up_to_date",
            (None, false) => "pending",
        }
    }

    /// Of a database that a newer build has migrated.
    fn nothing(ahead: Ahead) -> Self {
        Self {
            platform: Vec::new(),
            versions: &[],
            ahead: Some(ahead),
            applied: embedded::versions().len(),
            edition: Edition::Native,
            provider: Provider::Current,
            leftovers: false,
            functions: false,
            mend: Vec::new(),
            buckets: Vec::new(),
            drift: Vec::new(),
            buckets_skipped: None,
            files_skipped: None,
        }
    }

    /// What is to be done, each thing by its name.
    pub fn left(&self) -> Vec<String> {
        let platform = self.platform.iter().filter(|thing| thing.required);
        let platform = platform.map(|thing| format!("{} {}", thing.kind, thing.name));
        let versions = self.versions.iter().map(|version| version.label().to_owned());
        let provider = self.provider_step().map(|(kind, name)| format!("{kind} {name}"));
        let leftovers = self.leftovers.then(|| LEFTOVERS.to_owned());
        let functions = self.functions.then(|| "layer functions".to_owned());
        let mend = self.mend.iter().map(|rule| format!("{} {}", rule.r#type, rule.rule));
        let buckets = self.buckets.iter().map(|change| format!("bucket {}", change.id()));
        let layers = provider.into_iter().chain(leftovers).chain(functions);
        platform.chain(versions).chain(layers).chain(mend).chain(buckets).collect()
    }

    /// What is to be done to schema `lora`: its kind and its name.
    pub fn provider_step(&self) -> Option<(&'static str, &'static str)> {
        match (&self.provider, self.edition) {
            (Provider::Current, _) => None,
            (Provider::Switch { .. }, edition) => Some(("edition", edition.name())),
            (_, Edition::Native) => Some(("extension", "pg_lora")),
            (_, Edition::Portable) => Some(("layer", provider::LAYER)),
        }
    }
}

/// Decides. `platform` says whether the user asked for the platform's things to be made. The edition of schema `lora` that is
/// installed stays.
pub fn make(survey: &Survey, platform: bool) -> Result<Plan, Error> {
    make_for(survey, platform, cli::Provider::Auto)
}

/// The same where an edition is asked for.
pub fn make_for(survey: &Survey, platform: bool, wanted: cli::Provider) -> Result<Plan, Error> {
    let ahead = ahead::compare(embedded::versions(), &survey.history, &survey.layers, &survey.settings)?;
    if let Some(ahead) = ahead {
        return Ok(Plan::nothing(ahead));
    }
    let versions = pending(embedded::versions(), &survey.history).map_err(conflict)?;
    let missing = survey.facts.missing_platform();
    let storage_comes = platform && missing.iter().any(|thing| thing.name == buckets::TABLE);
    let (changes, drift, skipped) = match &survey.buckets {
        Some(rows) => {
            let (changes, drift) = buckets::compare(rows, survey.settings.strict_mime_types());
            (changes, drift, None)
        }
        None if storage_comes => (buckets::compare(&[], false).0, Vec::new(), None),
        None if survey.facts.has_table(buckets::TABLE) => {
            (Vec::new(), Vec::new(), Some("this role does not see the rows of \"storage.buckets\""))
        }
        None => (Vec::new(), Vec::new(), Some("there is no table \"storage.buckets\"")),
    };
    let files_skipped = (!platform && missing.iter().any(|thing| thing.name == FILES))
        .then_some("there is no table \"storage.objects\", which has to be there before the first run");
    let layer = survey.layers.iter().find(|layer| layer.name == crate::layer::FUNCTIONS);
    let edition = provider::choose(wanted, &survey.facts, &survey.layers);
    Ok(Plan {
        platform: missing,
        versions,
        ahead: None,
        applied: survey.history.len(),
        edition,
        provider: provider::compare(&survey.facts, &survey.layers, edition),
        leftovers: !provider::left(&survey.layers).is_empty(),
        functions: match layer {
            Some(layer) => layer.hash != embedded::functions_hash(),
            None => !FUNCTION_FILES.is_empty(),
        },
        mend: survey.waiting.iter().filter(|rule| rule.can_be_mended()).cloned().collect(),
        buckets: changes,
        drift,
        buckets_skipped: skipped,
        files_skipped,
    })
}

/// Why a recorded history is not one of this build's.
#[derive(Debug, PartialEq, Eq)]
pub enum Conflict {
    Unknown { recorded: Recorded },
    Renamed { recorded: Recorded, expected: String },
    Changed { recorded: Recorded, file: &'static str, expected: u64, difference: Option<Difference> },
    Gap { missing: &'static str, later: i32 },
}

/// The versions that are not recorded yet; always a tail of the list.
pub fn pending<'a>(embedded: &'a [Version], recorded: &[Recorded]) -> Result<&'a [Version], Conflict> {
    for row in recorded {
        let Some(version) = embedded.iter().find(|version| version.number == row.version) else {
            return Err(Conflict::Unknown { recorded: row.clone() });
        };
        if row.name.as_deref() != Some(version.name.as_str()) {
            return Err(Conflict::Renamed { recorded: row.clone(), expected: version.name.clone() });
        }
        if row.checksum.as_deref() != Some(version.checksum.to_string().as_str()) {
            return Err(Conflict::Changed {
                recorded: row.clone(),
                file: version.file,
                expected: version.checksum,
                difference: row.checksum.as_deref().and_then(|checksum| variant::find(version, checksum)),
            });
        }
    }
    // All rows are known by now, so a list of the embedded length without gaps is a head of it.
    for (version, row) in embedded.iter().zip(recorded) {
        if version.number != row.version {
            return Err(Conflict::Gap { missing: version.label(), later: row.version });
        }
    }
    Ok(&embedded[recorded.len().min(embedded.len())..])
}

/// A conflict in words.
pub fn conflict(conflict: Conflict) -> Error {
    let text = |value: Option<String>| value.unwrap_or_else(|| "nothing".into());
    match conflict {
        Conflict::Unknown { recorded: Recorded { version, name, .. } } => Error::new(
            Exit::History,
            format!("version {version} \"{}\" is recorded in the database and unknown to this build", text(name)),
        )
        .detail(format!("this build ends with version {}", embedded::versions().len()))
        .hint("use the build that applied it, or a newer one"),
        Conflict::Renamed { recorded: Recorded { version, name, .. }, expected } => Error::new(
            Exit::History,
            format!(
                "version {version} is recorded under another name: \"{}\", where this build has \"{expected}\"",
                text(name)
            ),
        )
        .hint("use a build with the released files; a released migration never changes"),
        Conflict::Changed { recorded: row, file, expected, difference: Some(difference) } => Error::new(
            Exit::History,
            format!("version {} was applied from \"{file}\" with {}", row.version, difference.words()),
        )
        .detail(format!(
            "recorded checksum {}, this build has {expected}; but for whitespace the text is the same",
            text(row.checksum)
        ))
        .hint("run pg-lora repair --write, which records the checksum of this build"),
        Conflict::Changed { recorded: Recorded { version, checksum, .. }, file, expected, difference: None } => {
            let found = match &checksum {
                Some(checksum) => format!("checksum = '{}'", checksum.replace('\'', "''")),
                None => "checksum is null".to_owned(),
            };
            Error::new(
                Exit::History,
                format!("version {version} was applied from another text than \"{file}\" of this build"),
            )
            .detail(format!(
                "recorded checksum {}, this build has {expected}; it is no matter of whitespace",
                text(checksum)
            ))
            .hint(format!(
                "use a build with the released files; a released migration never changes. Only if what it made is known to be the same:\n\
                 update lora_migrate.refinery_schema_history set checksum = '{expected}' where version = {version} and {found};"
            ))
        }
        Conflict::Gap { missing, later } => Error::new(
            Exit::History,
            format!("\"{missing}\" is not recorded, although the later version {later} is"),
        )
        .hint("restore the missing row of \"lora_migrate.refinery_schema_history\" if the version was applied"),
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
