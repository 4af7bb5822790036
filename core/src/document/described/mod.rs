//! Documents that are put together outside of this crate, each described once: what JSON Schemas and TypeScript are made of.
//!
//! Invariant: nothing is computed from these types. Where this crate makes the document itself, its own type is the description. Tests
//! compare what a server answers with the schemas, so that none of them says what is not so.

mod costs;
mod datasets;
mod jobs;
mod metrics;
mod models;
mod words;

pub use costs::*;
pub use datasets::*;
pub use jobs::*;
pub use metrics::*;
pub use models::*;
pub use words::*;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use schemars::JsonSchema;
    use schemars::generate::SchemaSettings;
    use serde_json::{Value, json};

    use super::{GPURequest, HyperparameterRequest, ReportedPoint, ValidationOptions};
    use crate::dataset::Options;
    use crate::document::{GPU_ALIASES, GpuConfig, HYPERPARAMETER_ALIASES, HyperparameterConfig};
    use crate::metric::point_findings;

    /// Names of the members of an object.
    fn members<T: JsonSchema>() -> BTreeSet<String> {
        let schema =
            SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>();
        schema.as_value()["properties"].as_object().expect("an object").keys().cloned().collect()
    }

    /// A document's own members, and the names that stand for some of them.
    fn with(own: BTreeSet<String>, aliases: &[(&str, &str)]) -> BTreeSet<String> {
        assert!(aliases.iter().all(|(_, standard)| own.contains(*standard)));
        own.into_iter().chain(aliases.iter().map(|(alias, _)| (*alias).to_owned())).collect()
    }

    #[test]
    fn what_may_be_asked_for_is_the_document_and_its_other_names() {
        let own = members::<HyperparameterConfig>();
        assert_eq!(members::<HyperparameterRequest>(), with(own, &HYPERPARAMETER_ALIASES));
        assert_eq!(members::<GPURequest>(), with(members::<GpuConfig>(), &GPU_ALIASES));
    }

    #[test]
    fn options_are_those_that_are_understood() {
        let names = members::<ValidationOptions>();
        assert_eq!(names.len(), 5);
        for name in names {
            let refused = Options::from_json(&json!({ &name: null }).to_string()).expect_err(&name);
            assert!(!refused.message.contains("unknown"), "{}", refused.message);
            // The refusal of any other lists all of them.
            let unknown = Options::from_json(r#"{"x": 1}"#).expect_err("x is none");
            assert!(unknown.hint.contains(&format!("\"{name}\"")), "{name}: {}", unknown.hint);
        }
    }

    #[test]
    fn a_points_own_fields_are_no_metrics_of_another_name() {
        let severities = |field: &str, value: Value| -> Vec<&'static str> {
            let point =
                json!({"step": 1, "epoch": 1, "training_loss": 1, "learning_rate": 0.1, field: value});
            point_findings(&point.to_string()).into_iter().map(|finding| finding.severity).collect()
        };
        assert_eq!(severities("eval/f1", json!([])), ["warning"]);
        let fields = members::<ReportedPoint>();
        assert_eq!(fields.len(), 9);
        for field in fields {
            assert_eq!(severities(&field, json!([])), ["error"], "{field}");
        }
    }
}
