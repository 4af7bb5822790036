//! Schema `lora`, provided by the extension `pg_lora`.
//!
//! Invariant: the installed version of the extension is this build's, in schema `lora`, which the API roles
//! may use and in which only its owner may create.
//! Refused, before anything is written: a server that does not offer this build's version, or offers no way
//! to it from the one that is installed; an extension that sits in another schema.

use serde_json::{Value, json};

use crate::connect::Session;
use crate::embedded::BUILD_VERSION;
use crate::error::{Error, Exit, listed};
use crate::layer::{self, Layer};
use crate::step::Step;
use crate::survey::{Extension, Facts};
use crate::{ahead, history, query, sql_error, survey};

/// The name of the layer.
pub const LAYER: &str = "lora";

/// How the installed provider stands to this build's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Provider {
    Current,
    Missing,
    /// Another version is installed.
    Other {
        version: String,
    },
    /// The right version; grants or its record are missing.
    Incomplete,
}

/// What the layer's record holds in place of a hash.
pub fn mark() -> String {
    format!("native {BUILD_VERSION}")
}

/// Compares.
pub fn compare(facts: &Facts, layers: &[Layer]) -> Provider {
    let recorded = layers.iter().any(|layer| layer.name == LAYER && layer.hash == mark());
    match &facts.extension {
        None => Provider::Missing,
        Some(extension) if extension.version != BUILD_VERSION => {
            Provider::Other { version: extension.version.clone() }
        }
        Some(extension) if extension.schema == "lora" && facts.schema_lora_usable && recorded => {
            Provider::Current
        }
        Some(_) => Provider::Incomplete,
    }
}

/// Whether the provider can be brought to this build's version at all.
pub fn check(facts: &Facts) -> Result<(), Error> {
    let offered = facts.extension_versions.iter().any(|version| version == BUILD_VERSION);
    match &facts.extension {
        Some(Extension { schema, .. }) if schema != "lora" => Err(Error::new(
            Exit::Refused,
            format!("extension \"pg_lora\" is installed in schema \"{schema}\", and not in \"lora\""),
        )
        .hint("drop the extension there, and run the command again")),
        Some(Extension { version, .. }) if version == BUILD_VERSION => Ok(()),
        Some(Extension { version, .. }) if !facts.extension_updatable => {
            Err(not_offered(facts).detail(format!(
                "version \"{version}\" is installed, and the server has no way from it to \"{BUILD_VERSION}\""
            )))
        }
        None if !offered => Err(not_offered(facts)),
        _ => Ok(()),
    }
}

/// What `--provider portable` meets in this build.
pub fn no_portable_edition() -> Error {
    Error::new(Exit::Refused, format!("pg-lora {BUILD_VERSION} has no portable edition of schema \"lora\""))
        .hint("use --provider native on a server that has the extension")
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
    .hint("install it on the server's machine: cargo pgrx install --release --pg-config /path/to/pg_config")
}

/// Creates or updates the extension. Some says what was done.
pub fn apply(step: &mut Step) -> Result<Option<Provider>, Error> {
    let doing = "installing extension \"pg_lora\"";
    history::ensure(step)?;
    if ahead::is_now(step)? {
        return Ok(None);
    }
    let facts = survey::facts(step.transaction())?;
    let layers: Vec<Layer> = step.json(layer::RECORDED, &[], doing)?;
    let found = compare(&facts, &layers);
    // The version is this build's own constant, three numbers with dots: it needs no quoting.
    let change = match &found {
        Provider::Current => return Ok(None),
        Provider::Missing => format!("create extension pg_lora schema lora version '{BUILD_VERSION}'"),
        Provider::Other { .. } => format!("alter extension pg_lora update to '{BUILD_VERSION}'"),
        Provider::Incomplete => String::new(),
    };
    check(&facts)?;
    step.run(
        &format!(
            "create schema if not exists lora;
             revoke all on schema lora from public, anon, authenticated, service_role;
             grant usage on schema lora to anon, authenticated, service_role;
             {change}"
        ),
        doing,
    )?;
    let manifest = json!([{ "type": "extension", "schema": "lora", "identity": "pg_lora" }]);
    layer::record(step, LAYER, &mark(), &manifest)?;
    Ok(Some(found))
}

/// What the installed library says its version is. It can be another file than the one the catalogue was made
/// from.
pub fn library_version(session: &mut Session) -> Result<String, Error> {
    let doing = "asking extension \"pg_lora\" for its version";
    let mut transaction =
        session.client.transaction().map_err(|error| sql_error::while_doing(&error, doing))?;
    let info: Value =
        query::json(&mut transaction, "select to_jsonb(info) from lora.build_info() as info", &[], doing)?;
    Ok(info["version"].as_str().unwrap_or_default().to_owned())
}
