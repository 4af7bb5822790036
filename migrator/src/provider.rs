//! Schema `lora`, and who provides it: the extension `pg_lora`, or `sql/portable`, a layer of files. Pure.
//!
//! Invariant: what is installed stays unless another edition is asked for by name. The installed version of the extension is
//! this build's, in schema `lora`; the files of the portable edition are this build's; the API roles may use the schema, and
//! only its owner may create in it.
//! Refused, before anything is written: a server that does not offer this build's version, or offers no way
//! to it from the one that is installed; an extension that sits in another schema; functions of somebody else.

use serde::Serialize;

use crate::cli;
use crate::embedded::{self, BUILD_VERSION};
use crate::error::{Error, Exit, listed};
use crate::layer::{Layer, Object};
use crate::survey::{Extension, Facts};

/// The name of the layer.
pub const LAYER: &str = "lora";

/// How the record of the portable edition begins.
const PORTABLE: &str = "portable";

/// What there is to remark where the portable edition is on a server that has the extension too.
pub const OFFERED: &str = "the server offers the extension too, which is faster; pg-lora migrate --provider native switches to it, in place";

/// Who provides schema `lora`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Edition {
    /// The extension.
    Native,
    /// SQL and PL/pgSQL.
    Portable,
}

impl Edition {
    /// As `lora.build_info()` and `--provider` name it.
    pub fn name(self) -> &'static str {
        match self {
            Edition::Native => "native",
            Edition::Portable => "portable",
        }
    }

    /// For people, with the version of this build.
    pub fn words(self) -> String {
        match self {
            Edition::Native => format!("extension pg_lora {BUILD_VERSION}"),
            Edition::Portable => format!("portable edition {BUILD_VERSION}"),
        }
    }
}

/// How the installed provider stands to this build's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Provider {
    Current,
    Missing,
    /// Another version of the same edition is installed.
    Other {
        version: String,
    },
    /// The right version; grants or its record are missing.
    Incomplete,
    /// The other edition is installed.
    Switch {
        from: Edition,
    },
}

/// What the layer's record holds: of the portable edition with the hash of its files.
pub fn mark(edition: Edition) -> String {
    match edition {
        Edition::Native => format!("native {BUILD_VERSION}"),
        Edition::Portable => format!("{PORTABLE} {}", embedded::portable_hash()),
    }
}

/// The record of the layer.
pub fn recorded(layers: &[Layer]) -> Option<&Layer> {
    layers.iter().find(|layer| layer.name == LAYER)
}

/// What is there.
pub fn installed(facts: &Facts, layers: &[Layer]) -> Option<Edition> {
    let is_recorded = recorded(layers).is_some_and(|layer| layer.hash.starts_with(PORTABLE));
    match &facts.extension {
        Some(_) => Some(Edition::Native),
        None if facts.portable || is_recorded => Some(Edition::Portable),
        None => None,
    }
}

/// What is to be there.
pub fn choose(wanted: cli::Provider, facts: &Facts, layers: &[Layer]) -> Edition {
    match (wanted, installed(facts, layers)) {
        (cli::Provider::Native, _) => Edition::Native,
        (cli::Provider::Portable, _) => Edition::Portable,
        (cli::Provider::Auto, Some(edition)) => edition,
        (cli::Provider::Auto, None) if is_offered(facts) && facts.extension_allowed => Edition::Native,
        (cli::Provider::Auto, None) => Edition::Portable,
    }
}

/// Compares.
pub fn compare(facts: &Facts, layers: &[Layer], edition: Edition) -> Provider {
    match installed(facts, layers) {
        None => return Provider::Missing,
        Some(from) if from != edition => return Provider::Switch { from },
        Some(_) => {}
    }
    let recorded = recorded(layers);
    let is_recorded = recorded.is_some_and(|layer| layer.hash == mark(edition));
    match (edition, &facts.extension, recorded) {
        (Edition::Native, Some(extension), _) if extension.version != BUILD_VERSION => {
            Provider::Other { version: extension.version.clone() }
        }
        (Edition::Native, Some(extension), _) if extension.schema != LAYER => Provider::Incomplete,
        (Edition::Portable, _, Some(layer)) if layer.hash.starts_with(PORTABLE) && !is_recorded => {
            Provider::Other { version: layer.version.clone() }
        }
        (Edition::Portable, ..) if !facts.portable => Provider::Incomplete,
        _ if facts.schema_lora_usable && is_recorded => Provider::Current,
        _ => Provider::Incomplete,
    }
}

/// What an earlier edition or version left behind, because somebody might have been at work with it.
pub fn left(layers: &[Layer]) -> Vec<&Object> {
    recorded(layers).map_or(Vec::new(), |layer| layer.manifest.iter().filter(|object| object.left).collect())
}

/// Whether the server has the extension of this build.
pub fn is_offered(facts: &Facts) -> bool {
    facts.extension_versions.iter().any(|version| version == BUILD_VERSION)
}

/// Whether the edition can be brought to this build's version at all.
pub fn check(facts: &Facts, layers: &[Layer], edition: Edition) -> Result<(), Error> {
    if let Some(Extension { schema, .. }) = &facts.extension
        && schema != LAYER
    {
        return Err(Error::new(
            Exit::Refused,
            format!("extension \"pg_lora\" is installed in schema \"{schema}\", and not in \"lora\""),
        )
        .hint("drop the extension there, and run the command again"));
    }
    let provider = compare(facts, layers, edition);
    if provider == Provider::Current {
        return Ok(());
    }
    let replaces = edition == Edition::Portable || matches!(provider, Provider::Switch { .. });
    if replaces && !facts.lora_owned {
        return Err(Error::new(
            Exit::Denied,
            format!("schema \"lora\" or functions in it do not belong to role \"{}\"", facts.role),
        )
        .detail("whoever does not own a function can neither replace it nor take it out of an extension")
        .hint("use a superuser, or the role that owns schema \"lora\" and everything in it"));
    }
    match (edition, &facts.extension) {
        (Edition::Portable, _) => Ok(()),
        (_, Some(Extension { version, .. })) if version == BUILD_VERSION => Ok(()),
        (_, Some(Extension { version, .. })) if !facts.extension_updatable => {
            Err(not_offered(facts).detail(format!(
                "version \"{version}\" is installed, and the server has no way from it to \"{BUILD_VERSION}\""
            )))
        }
        (_, None) if !is_offered(facts) => Err(not_offered(facts)),
        (_, None) if !facts.extension_allowed => Err(Error::new(
            Exit::Denied,
            format!("role \"{}\" may not create extension \"pg_lora\"", facts.role),
        )
        .hint(format!(
            "use a superuser, or grant create on database \"{}\" to \"{}\", or take --provider portable",
            facts.database, facts.role
        ))),
        _ => Ok(()),
    }
}

fn not_offered(facts: &Facts) -> Error {
    Error::new(
        Exit::Refused,
        format!("the server does not offer extension \"pg_lora\" in version \"{BUILD_VERSION}\""),
    )
    .detail(match facts.extension_versions.as_slice() {
        [] => "it offers no version of it".to_owned(),
        versions => format!("it offers {}", listed(versions)),
    })
    .hint(
        "install it on the server's machine: cargo pgrx install --release --pg-config /path/to/pg_config; \
         or take --provider portable, which needs no library",
    )
}
