//! What a run is refused for, and with which exit code.

use serde_json::{Value, json};

use super::check;
use crate::cli::Provider as Wanted;
use crate::embedded::{self, BUILD_VERSION};
use crate::error::{Error, Exit};
use crate::history::Recorded;
use crate::layer::Layer;
use crate::plan::{self, Plan};
use crate::provider::{self, Edition, Provider};
use crate::settings::Settings;
use crate::survey::Survey;

/// The catalogues of a complete database, with some of it replaced.
fn facts(changes: Value) -> Value {
    let mut facts = json!({
        "server_version": "15.1", "database": "d", "role": "r", "encoding": "UTF8", "read_only": false,
        "may_create_schemas": true, "may_create_roles": true,
        "platform": embedded::platform().map(|thing| thing.name).collect::<Vec<_>>(),
        "tables": { "storage.buckets": { "readable": true, "filtered": false } },
        "extension": { "version": BUILD_VERSION, "schema": "lora" },
        "extension_versions": [BUILD_VERSION], "extension_updatable": false, "extension_allowed": true, "portable": false, "lora_owned": true, "lora_dependants": [],
        "schema_lora_usable": true,
    });
    for (key, value) in changes.as_object().unwrap() {
        facts[key] = value.clone();
    }
    facts
}

fn layer(name: &str, hash: String) -> Layer {
    Layer { name: name.into(), hash, manifest: Vec::new(), version: BUILD_VERSION.into() }
}

/// A database that is up to date but for the changes.
fn survey(changes: Value) -> Survey {
    let history = embedded::versions().iter().map(|version| Recorded {
        version: version.number,
        name: Some(version.name.clone()),
        checksum: Some(version.checksum.to_string()),
    });
    Survey {
        facts: serde_json::from_value(facts(changes)).unwrap(),
        history: history.collect(),
        layers: vec![
            layer("lora", format!("native {BUILD_VERSION}")),
            layer("functions", embedded::functions_hash()),
        ],
        settings: Settings::default(),
        buckets: Some(vec![
            json!({ "id": "lora-datasets", "public": false }),
            json!({ "id": "lora-models", "public": false }),
        ]),
        waiting: Vec::new(),
    }
}

fn checked(survey: &Survey, platform: bool) -> (Plan, Result<(), Error>) {
    checked_for(survey, platform, Wanted::Auto)
}

fn checked_for(survey: &Survey, platform: bool, wanted: Wanted) -> (Plan, Result<(), Error>) {
    let plan = plan::make_for(survey, platform, wanted).unwrap();
    let outcome = check(survey, &plan, platform);
    (plan, outcome)
}

fn refusal(changes: Value, platform: bool) -> Error {
    checked(&survey(changes), platform).1.expect_err("a refusal")
}

#[test]
fn an_up_to_date_database_needs_no_right_at_all() {
    let survey = survey(json!({ "read_only": true, "may_create_schemas": false, "may_create_roles": false }));
    for platform in [false, true] {
        let (plan, outcome) = checked(&survey, platform);
        assert_eq!(plan.left(), Vec::<String>::new());
        assert!(plan.is_empty() && outcome.is_ok());
    }
}

#[test]
fn everything_that_is_left_is_named_in_the_order_of_the_run() {
    let mut survey = survey(json!({ "extension": null }));
    survey.history.clear();
    survey.layers.clear();
    survey.buckets = Some(vec![json!({ "id": "lora-models", "public": true })]);
    let left = checked(&survey, false).0.left();
    let versions: Vec<_> = embedded::versions().iter().map(|version| version.label().to_owned()).collect();
    assert_eq!(left[..versions.len()], versions);
    assert_eq!(
        left[versions.len()..],
        ["extension pg_lora", "layer functions", "bucket lora-datasets", "bucket lora-models"]
    );
}

#[test]
fn a_plain_postgres_is_refused_with_the_option_that_helps_unless_it_was_given() {
    let plain = || json!({ "platform": [], "tables": {} });
    let error = refusal(plain(), false);
    assert_eq!(error.exit, Exit::Refused);
    assert!(error.detail.unwrap().contains("role anon, role authenticated, role service_role, schema auth"));
    assert!(error.hint.unwrap().contains("--platform standalone"));
    assert!(checked(&survey(plain()), true).1.is_ok());
}

#[test]
fn without_the_storage_schema_buckets_are_left_out_and_with_the_platform_they_come() {
    let mut survey = survey(json!({
        "platform": embedded::platform()
            .map(|thing| thing.name)
            .filter(|name| !name.contains("storage"))
            .collect::<Vec<_>>(),
        "tables": {},
    }));
    survey.buckets = None;
    let (plan, outcome) = checked(&survey, false);
    assert!(
        plan.is_empty() && plan.buckets_skipped.is_some() && plan.files_skipped.is_some() && outcome.is_ok()
    );
    let (plan, outcome) = checked(&survey, true);
    assert_eq!(plan.left(), ["bucket lora-datasets", "bucket lora-models"]);
    assert!(plan.buckets_skipped.is_none() && plan.files_skipped.is_none() && outcome.is_ok());
}

#[test]
fn a_standby_is_refused_where_something_is_to_be_written() {
    assert_eq!(refusal(json!({ "read_only": true, "extension": null }), false).exit, Exit::Refused);
}

#[test]
fn a_database_that_cannot_hold_every_text_is_refused() {
    let error = refusal(json!({ "encoding": "LATIN1", "extension": null }), false);
    assert_eq!(error.exit, Exit::Refused);
    assert_eq!(error.message, "database \"d\" has the encoding LATIN1, and pg_lora needs UTF8");
}

#[test]
fn an_extension_that_cannot_be_had_is_refused() {
    for (changes, detail) in [
        (json!({ "extension": null, "extension_versions": [] }), "it offers no version of it"),
        (
            json!({ "extension": null, "extension_versions": ["0.0.8", "0.0.9"] }),
            "it offers \"0.0.8\" and \"0.0.9\"",
        ),
        (json!({ "extension": { "version": "9.9.9", "schema": "lora" } }), "version \"9.9.9\" is installed"),
        (json!({ "extension": { "version": BUILD_VERSION, "schema": "public" } }), ""),
    ] {
        let error = checked_for(&survey(changes), false, Wanted::Native).1.expect_err("a refusal");
        assert_eq!(error.exit, Exit::Refused);
        assert!(error.detail.unwrap_or_default().starts_with(detail));
        assert!(error.hint.is_some());
    }
    let updatable =
        json!({ "extension": { "version": "0.0.9", "schema": "lora" }, "extension_updatable": true });
    let (plan, outcome) = checked(&survey(updatable), false);
    assert_eq!(plan.provider, Provider::Other { version: "0.0.9".into() });
    assert!(outcome.is_ok());
}

#[test]
fn lost_grants_or_a_lost_record_of_the_provider_are_noticed() {
    assert_eq!(
        checked(&survey(json!({ "schema_lora_usable": false })), false).0.provider,
        Provider::Incomplete
    );
    let survey = survey(json!({}));
    assert_eq!(provider::compare(&survey.facts, &[], Edition::Native), Provider::Incomplete);
    assert_eq!(provider::compare(&survey.facts, &survey.layers, Edition::Native), Provider::Current);
}

/// The same database with schema `lora` from the files.
fn portable(mut changes: Value, hash: &str) -> Survey {
    changes["portable"] = json!(true);
    changes["extension"] = Value::Null;
    let mut survey = survey(changes);
    survey.layers[0].hash = hash.to_owned();
    survey
}

#[test]
fn what_is_installed_stays_unless_the_other_edition_is_asked_for() {
    let mark = provider::mark(Edition::Portable);
    for (survey, wanted, edition, provider, left) in [
        (survey(json!({})), Wanted::Auto, Edition::Native, Provider::Current, ""),
        (survey(json!({})), Wanted::Native, Edition::Native, Provider::Current, ""),
        (
            survey(json!({})),
            Wanted::Portable,
            Edition::Portable,
            Provider::Switch { from: Edition::Native },
            "edition portable",
        ),
        (portable(json!({}), &mark), Wanted::Auto, Edition::Portable, Provider::Current, ""),
        (portable(json!({}), &mark), Wanted::Portable, Edition::Portable, Provider::Current, ""),
        (
            portable(json!({}), &mark),
            Wanted::Native,
            Edition::Native,
            Provider::Switch { from: Edition::Portable },
            "edition native",
        ),
        (
            portable(json!({}), "portable x"),
            Wanted::Auto,
            Edition::Portable,
            Provider::Other { version: BUILD_VERSION.into() },
            "layer lora",
        ),
        // Run by hand, or over what the record of an extension has outlived.
        (
            portable(json!({}), "native x"),
            Wanted::Auto,
            Edition::Portable,
            Provider::Incomplete,
            "layer lora",
        ),
        (
            portable(json!({ "schema_lora_usable": false }), &mark),
            Wanted::Auto,
            Edition::Portable,
            Provider::Incomplete,
            "layer lora",
        ),
    ] {
        let (plan, outcome) = checked_for(&survey, false, wanted);
        assert_eq!((plan.edition, &plan.provider), (edition, &provider), "{wanted:?}");
        assert_eq!(plan.left().join(", "), left);
        assert!(outcome.is_ok());
    }
}

#[test]
fn an_empty_database_has_the_extension_where_it_can() {
    for (changes, edition) in [
        (json!({}), Edition::Native),
        (json!({ "extension_versions": ["0.0.1"] }), Edition::Portable),
        (json!({ "extension_versions": [] }), Edition::Portable),
        (json!({ "extension_allowed": false }), Edition::Portable),
    ] {
        let mut survey = survey(changes);
        survey.facts.extension = None;
        survey.layers.clear();
        let (plan, outcome) = checked(&survey, false);
        assert_eq!((plan.edition, &plan.provider), (edition, &Provider::Missing));
        assert!(outcome.is_ok());
    }
}

#[test]
fn whoever_does_not_own_schema_lora_switches_nothing() {
    let mark = provider::mark(Edition::Portable);
    for (survey, wanted) in [
        (survey(json!({ "lora_owned": false })), Wanted::Portable),
        (portable(json!({ "lora_owned": false }), &mark), Wanted::Native),
        (portable(json!({ "lora_owned": false }), "portable x"), Wanted::Auto),
        (portable(json!({ "extension_allowed": false }), &mark), Wanted::Native),
    ] {
        let error = checked_for(&survey, false, wanted).1.expect_err("a refusal");
        assert_eq!((error.exit, error.hint.is_some()), (Exit::Denied, true), "{}", error.message);
    }
    assert!(checked(&survey(json!({ "lora_owned": false })), false).1.is_ok());
}

#[test]
fn missing_rights_are_said_before_anything_is_written() {
    let mut nothing = survey(json!({ "extension": null, "may_create_schemas": false }));
    nothing.layers.clear();
    let error = checked(&nothing, false).1.expect_err("a refusal");
    assert_eq!((error.exit, error.hint.is_some()), (Exit::Denied, true));
    let error = refusal(json!({ "platform": [], "may_create_roles": false }), true);
    assert_eq!((error.exit, error.message.as_str()), (Exit::Denied, "role \"r\" may not create roles"));
}
