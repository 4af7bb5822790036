//! An older build on a database that a newer one has migrated. The decision is pure.
//!
//! Invariant: at or above the oldest build that the database names, the older build changes nothing and succeeds, so
//! that an image can be rolled back; what it would have made of the database is decided by the newer one.
//! Refused: a database that names a newer build as the oldest one, or was made by a newer one that named none.

use serde::Serialize;

use crate::embedded::{self, BUILD_VERSION, Version};
use crate::error::{Error, Exit};
use crate::history::{self, Recorded};
use crate::layer::{self, Layer};
use crate::plan::{self, Conflict};
use crate::settings::{self, Settings};
use crate::step::Step;

/// How far the database is ahead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ahead {
    /// Recorded versions that this build does not know.
    pub versions: Vec<Unknown>,
    /// The newest build that replaced a layer, where it is newer than this one.
    pub build: Option<String>,
    /// The oldest build that can work with it.
    pub oldest_build: String,
}

/// A version that this build does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unknown {
    pub version: i32,
    pub name: Option<String>,
}

impl Ahead {
    /// For lines: what is newer there.
    pub fn words(&self) -> String {
        let Self { versions, build, oldest_build } = self;
        let of = build.as_ref().map(|build| format!(", made by pg-lora {build}")).unwrap_or_default();
        let versions = match versions.as_slice() {
            [] => "layers".to_owned(),
            [one] => format!("version {}", one.version),
            [first, .., last] => format!("versions {} to {}", first.version, last.version),
        };
        format!(
            "{versions} unknown to this build {BUILD_VERSION}{of}; {oldest_build} and newer can work with it"
        )
    }
}

/// Three numbers and what may follow them: a version before its release is older than the release.
type Comparable = ([u64; 3], bool);

/// A version of a build for comparing; None where it is not one.
fn comparable(version: &str) -> Option<Comparable> {
    let version = version.split('+').next()?;
    let (numbers, released) = match version.split_once('-') {
        Some((numbers, _)) => (numbers, false),
        None => (version, true),
    };
    let numbers: Vec<u64> = numbers.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    Some((numbers.try_into().ok()?, released))
}

/// Whether the database is one of a newer build; an error where this build may not touch it.
pub fn compare(
    embedded: &[Version],
    history: &[Recorded],
    layers: &[Layer],
    settings: &Settings,
) -> Result<Option<Ahead>, Error> {
    let this = comparable(BUILD_VERSION);
    let last = embedded.last().map_or(0, |version| version.number);
    let (known, unknown): (Vec<_>, Vec<_>) = history.iter().cloned().partition(|row| row.version <= last);
    let newer =
        layers.iter().map(|layer| layer.version.as_str()).filter(|version| comparable(version) > this);
    let build = newer.max_by_key(|version| comparable(version)).map(str::to_owned);
    let words = || match (unknown.as_slice(), &build) {
        ([], None) => None,
        ([], Some(build)) => Some(format!("it was made by pg-lora {build}")),
        ([first, ..], _) => Some(format!(
            "version {} \"{}\" is recorded and unknown to this build, which ends with version {last}",
            first.version,
            first.name.as_deref().unwrap_or("nothing"),
        )),
    };
    check_oldest(settings).map_err(|error| Error { detail: words(), ..error })?;
    let oldest = settings.oldest_build.clone();
    if unknown.is_empty() && build.is_none() {
        return Ok(None);
    }
    // What was applied after ours must have been applied to ours.
    let pending = plan::pending(embedded, &known).map_err(plan::conflict)?;
    if let (Some(missing), Some(later)) = (pending.first(), unknown.first()) {
        let gap = Conflict::Gap { missing: missing.label(), later: later.version };
        return Err(plan::conflict(gap));
    }
    match (oldest, unknown.first(), build) {
        (Some(oldest_build), _, build) => {
            let versions =
                unknown.into_iter().map(|Recorded { version, name, .. }| Unknown { version, name }).collect();
            Ok(Some(Ahead { versions, build, oldest_build }))
        }
        (None, Some(row), _) => Err(plan::conflict(Conflict::Unknown { recorded: row.clone() })),
        (None, None, build) => Err(Error::new(
            Exit::History,
            format!(
                "the database was made by pg-lora {}, which does not say whether {BUILD_VERSION} can work with it",
                build.unwrap_or_default()
            ),
        )
        .hint("use the build that migrated it, or a newer one")),
    }
}

/// Refuses a database that only a newer build can work with.
pub fn check_oldest(settings: &Settings) -> Result<(), Error> {
    match &settings.oldest_build {
        Some(oldest) if comparable(oldest).is_none() => Err(Error::new(
            Exit::History,
            format!("the database names \"{oldest}\" as the oldest build, which is no version"),
        )
        .hint("use the build that migrated it last")),
        Some(oldest) if comparable(oldest) > comparable(BUILD_VERSION) => Err(Error::new(
            Exit::History,
            format!("the database needs pg-lora {oldest} or newer, and this is {BUILD_VERSION}"),
        )
        .hint(format!("use pg-lora {oldest} or newer"))),
        _ => Ok(()),
    }
}

/// Whether a newer build is ahead now, under the lock, where another runner may have been in between.
pub fn is_now(step: &mut Step) -> Result<bool, Error> {
    let history = history::recorded(step)?;
    let layers: Vec<Layer> = step.json(layer::RECORDED, &[], "reading the layers")?;
    let settings = settings::recorded(step)?;
    Ok(compare(embedded::versions(), &history, &layers, &settings)?.is_some())
}

#[cfg(test)]
mod tests {
    use super::{comparable, compare};
    use crate::embedded::{self, BUILD_VERSION, OLDEST_BUILD};
    use crate::error::Exit;
    use crate::history::Recorded;
    use crate::layer::Layer;
    use crate::settings::Settings;

    fn history(tomorrow: i32) -> Vec<Recorded> {
        let row = |version, name: &str, checksum: u64| Recorded {
            version,
            name: Some(name.to_owned()),
            checksum: Some(checksum.to_string()),
        };
        let known = embedded::versions().iter().map(|v| row(v.number, &v.name, v.checksum));
        let last = embedded::versions().len() as i32;
        known.chain((1..=tomorrow).map(|n| row(last + n, "of_tomorrow", 7))).collect()
    }

    fn layers(version: &str) -> Vec<Layer> {
        let manifest = Vec::new();
        vec![Layer { name: "functions".into(), hash: "x".into(), manifest, version: version.into() }]
    }

    fn oldest(build: Option<&str>) -> Settings {
        Settings { oldest_build: build.map(str::to_owned), ..Settings::default() }
    }

    #[test]
    fn builds_are_compared_by_number() {
        assert!(comparable("0.10.0") > comparable("0.9.12"));
        assert!(comparable("1.0.0-rc.1") < comparable("1.0.0"));
        assert!(comparable("1.0.0-rc.1") > comparable("0.9.9"));
        for text in ["", "1", "1.2", "1.2.3.4", "1.x.3", "-1.0.0"] {
            assert_eq!(comparable(text), None, "{text}");
        }
        // What the database keeps has to be three numbers, and no newer than this build.
        assert_eq!(comparable(OLDEST_BUILD).map(|(_, released)| released), Some(true));
        assert!(comparable(OLDEST_BUILD) <= comparable(BUILD_VERSION));
    }

    #[test]
    fn the_oldest_build_decides() {
        let versions = embedded::versions();
        let look = |tomorrow, layer: &str, floor| {
            compare(versions, &history(tomorrow), &layers(layer), &oldest(floor))
        };
        assert_eq!(look(0, BUILD_VERSION, Some(BUILD_VERSION)).unwrap(), None);
        assert_eq!(look(0, BUILD_VERSION, None).unwrap(), None);
        let ahead = look(2, "999.0.0", Some(BUILD_VERSION)).unwrap().unwrap();
        assert_eq!(ahead.versions.len(), 2);
        assert_eq!(ahead.build.as_deref(), Some("999.0.0"));
        assert!(ahead.words().starts_with("versions "), "{}", ahead.words());
        // A newer build that changed nothing but functions.
        assert!(look(0, "999.0.0", Some("0.0.1")).unwrap().unwrap().versions.is_empty());
        for (tomorrow, layer, floor) in [
            (0, BUILD_VERSION, Some("999.0.0")),
            (1, "999.0.0", Some("999.0.0")),
            (1, BUILD_VERSION, None),
            (0, "999.0.0", None),
            (0, BUILD_VERSION, Some("tomorrow")),
        ] {
            let error = look(tomorrow, layer, floor).unwrap_err();
            assert_eq!(error.exit, Exit::History, "{tomorrow} {layer} {floor:?}");
            assert!(error.hint.is_some());
        }
    }

    #[test]
    fn what_is_missing_below_is_a_gap() {
        for missing in [0, embedded::versions().len() - 1] {
            let mut history = history(1);
            history.remove(missing);
            let error =
                compare(embedded::versions(), &history, &[], &oldest(Some(BUILD_VERSION))).unwrap_err();
            assert!(
                error.message.contains("is not recorded, although the later version"),
                "{}",
                error.message
            );
        }
    }
}
