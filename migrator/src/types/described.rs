//! Which documents, words and numbers stand in which column, argument and answer: what the catalogue does not tell.
//!
//! Invariant: this is the one place for it. A new function that answers a document has a line in [`RESULTS`]; without one its answer is
//! `Json`, and a test names it.

use std::collections::BTreeMap;

use pg_lora_core::dataset::{Answer, Conversation, Split};
use pg_lora_core::document::described::{
    AppendedChunk, ArtifactStatus, BestMetrics, Checkpoint, ChunkEncoding, CostLine, CostSummary,
    CurrentMetrics, DatasetFormat, DatasetStatus, FailureClass, GPURequest, HeartbeatAnswer,
    HyperparameterRequest, MetricCurve, MetricValue, MetricsReceipt, ModelConfiguration, ModelFile,
    NotificationPriority, PaceEstimate, PointConflict, PresetId, PresetRequest, ReportedPoint, ResumePoint,
    StoredModelFile, SweptThing, TrainingJobCost, TrainingJobProgress, TrainingJobsPage, TrainingSummary,
    ValidationError, ValidationOptions,
};
use pg_lora_core::document::{GpuConfig, HyperparameterConfig};
use pg_lora_core::job::Status;
use pg_lora_core::metric::{self, Method};
use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

/// Makes the schema of a type, and those that it refers to.
pub type Describe = fn(&mut SchemaGenerator) -> Schema;

fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// What functions answer; of one that returns a table, what its rows are.
const RESULTS: &[(&str, Describe)] = &[
    ("append_dataset_chunk", of::<AppendedChunk>),
    ("check_dataset", of::<Answer>),
    ("cost_report", of::<CostLine>),
    ("cost_summary", of::<CostSummary>),
    ("finish_dataset_validation", of::<Answer>),
    ("heartbeat_training_job", of::<HeartbeatAnswer>),
    ("report_training_metrics", of::<MetricsReceipt>),
    ("sweep_training_jobs", of::<SweptThing>),
    ("training_job_cost", of::<TrainingJobCost>),
    ("training_job_health", of::<Vec<metric::Finding>>),
    ("training_job_progress", of::<TrainingJobProgress>),
    ("training_jobs_overview", of::<TrainingJobsPage>),
    ("training_metrics_curve", of::<Vec<MetricCurve>>),
    ("validate_dataset", of::<Answer>),
];

/// What arguments may be, where that is no plain type.
const ARGUMENTS: &[(&str, &str, Describe)] = &[
    ("append_dataset_chunk", "encoding", of::<ChunkEncoding>),
    ("append_dataset_chunk", "options", of::<ValidationOptions>),
    ("append_dataset_chunk", "split", of::<Split>),
    ("check_dataset", "options", of::<ValidationOptions>),
    ("create_training_job", "gpu_config", of::<GPURequest>),
    ("create_training_job", "hyperparameters", of::<HyperparameterRequest>),
    ("create_training_job", "preset_id", of::<PresetRequest>),
    ("fail_training_job", "failure_class", of::<FailureClass>),
    ("finish_dataset_validation", "options", of::<ValidationOptions>),
    ("heartbeat_training_job", "checkpoint", of::<Checkpoint>),
    ("register_model_artifact", "artifacts", of::<BTreeMap<String, ModelFile>>),
    ("report_training_metrics", "on_conflict", of::<PointConflict>),
    ("report_training_metrics", "points", of::<Vec<ReportedPoint>>),
    ("set_model_artifact_status", "status", of::<ArtifactStatus>),
    ("training_jobs_overview", "status", of::<Status>),
    ("training_metrics_curve", "method", of::<Method>),
    ("validate_dataset", "options", of::<ValidationOptions>),
];

/// What columns hold, where that is no plain type, and what may be written there, where that is something else.
const COLUMNS: &[(&str, &str, Describe, Option<Describe>)] = &[
    ("custom_metrics", "value", of::<MetricValue>, None),
    ("datasets", "format", of::<DatasetFormat>, None),
    ("datasets", "sample_data", of::<Vec<Conversation>>, None),
    ("datasets", "status", of::<DatasetStatus>, None),
    ("datasets", "validation_errors", of::<Vec<ValidationError>>, None),
    ("datasets", "validation_report", of::<Answer>, None),
    ("metrics_points", "gpu_utilization", of::<MetricValue>, None),
    ("metrics_points", "gradient_norm", of::<MetricValue>, None),
    ("metrics_points", "learning_rate", of::<MetricValue>, None),
    ("metrics_points", "throughput", of::<MetricValue>, None),
    ("metrics_points", "training_loss", of::<MetricValue>, None),
    ("metrics_points", "validation_loss", of::<MetricValue>, None),
    ("model_artifacts", "artifacts", of::<BTreeMap<String, StoredModelFile>>, Some(of::<Value>)),
    ("model_artifacts", "configuration", of::<ModelConfiguration>, Some(of::<Value>)),
    ("model_artifacts", "status", of::<ArtifactStatus>, None),
    ("model_artifacts", "training_summary", of::<TrainingSummary>, Some(of::<Value>)),
    ("notifications", "priority", of::<NotificationPriority>, None),
    ("training_job_events", "from_status", of::<Status>, None),
    ("training_job_events", "to_status", of::<Status>, None),
    ("training_jobs", "best_metrics", of::<BestMetrics>, None),
    ("training_jobs", "current_metrics", of::<CurrentMetrics>, None),
    ("training_jobs", "estimate", of::<PaceEstimate>, None),
    ("training_jobs", "gpu_config", of::<GpuConfig>, Some(of::<GPURequest>)),
    ("training_jobs", "hyperparameters", of::<HyperparameterConfig>, Some(of::<HyperparameterRequest>)),
    ("training_jobs", "preset_id", of::<PresetId>, Some(of::<PresetRequest>)),
    ("training_jobs", "resume_from", of::<ResumePoint>, None),
    ("training_jobs", "status", of::<Status>, None),
];

/// Columns that have no default and are filled in all the same, by a trigger.
const FILLED: &[(&str, &str)] = &[
    ("metrics_points", "attempt"),
    ("training_job_events", "sequence"),
    ("training_jobs", "estimated_total_cost"),
    ("training_jobs", "total_epochs"),
];

/// What the rows of our tables are called, where that is not the table's own name in the singular.
const ROWS: &[(&str, &str)] = &[("gpu_prices", "GPUPrice"), ("notifications", "UserNotification")];

/// All that is described.
pub struct Described {
    results: BTreeMap<&'static str, Schema>,
    /// By function and argument, with a point between.
    arguments: BTreeMap<String, Schema>,
    /// By table and column, likewise.
    columns: BTreeMap<String, Schema>,
    written: BTreeMap<String, Schema>,
    /// Schemas by the names of their types.
    pub definitions: Map<String, Value>,
}

impl Described {
    /// Makes all schemas.
    pub fn new() -> Self {
        let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
        let make = &mut generator;
        let mut described = Self {
            results: RESULTS.iter().map(|(name, describe)| (*name, describe(make))).collect(),
            arguments: ARGUMENTS
                .iter()
                .map(|(name, argument, of)| (member(name, argument), of(make)))
                .collect(),
            columns: COLUMNS.iter().map(|(table, column, of, _)| (member(table, column), of(make))).collect(),
            written: COLUMNS
                .iter()
                .filter_map(|(table, column, _, of)| Some((member(table, column), of.as_ref()?(make))))
                .collect(),
            definitions: Map::new(),
        };
        described.definitions = generator.take_definitions(true);
        described.definitions.values_mut().for_each(close);
        described
    }

    /// What a function answers.
    pub fn result(&self, function: &str) -> Option<&Value> {
        self.results.get(function).map(Schema::as_value)
    }

    /// What an argument may be.
    pub fn argument(&self, function: &str, argument: &str) -> Option<&Value> {
        self.arguments.get(&member(function, argument)).map(Schema::as_value)
    }

    /// What a column holds.
    pub fn column(&self, table: &str, column: &str) -> Option<&Value> {
        self.columns.get(&member(table, column)).map(Schema::as_value)
    }

    /// Whether a column of a table of ours is filled in although it has no default.
    pub fn is_filled(&self, table: &str, column: &str) -> bool {
        FILLED.contains(&(table, column))
    }

    /// What may be written to a column.
    pub fn written(&self, table: &str, column: &str) -> Option<&Value> {
        self.written.get(&member(table, column)).map(Schema::as_value).or_else(|| self.column(table, column))
    }

    /// One JSON Schema of everything: `#/$defs/` and the name of a type, a function with `()`, or a table with its column.
    pub fn json_schema(&self) -> Value {
        let mut definitions = self.definitions.clone();
        for (function, schema) in &self.results {
            definitions.insert(format!("{function}()"), schema.as_value().clone());
        }
        for (column, schema) in &self.columns {
            definitions.insert(column.clone(), schema.as_value().clone());
        }
        definitions.values_mut().for_each(without_marks);
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Documents of pg_lora",
            "description": "#/$defs/ and the name of a type, of a column (\"datasets.validation_report\"), or of a function that answers \
                            it (\"training_job_progress()\").",
            "$defs": definitions,
        })
    }
}

fn member(of: &str, name: &str) -> String {
    format!("{of}.{name}")
}

/// What a row of one of our tables is called.
pub fn row_name(table: &str) -> String {
    if let Some((_, name)) = ROWS.iter().find(|(known, _)| *known == table) {
        return (*name).to_owned();
    }
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    };
    table.strip_suffix('s').unwrap_or(table).split('_').map(word).collect()
}

/// An object has the members that are described and no others, unless it says so. A member that may be left out is never null, unless it
/// says so.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            let required: Vec<String> = members
                .get("required")
                .and_then(Value::as_array)
                .map(|names| names.iter().filter_map(Value::as_str).map(str::to_owned).collect())
                .unwrap_or_default();
            if let Some(Value::Object(properties)) = members.get_mut("properties") {
                for (_, property) in properties.iter_mut().filter(|(name, _)| !required.contains(name)) {
                    if property["x-nullable"] != true {
                        never_null(property);
                    }
                }
                members.entry("additionalProperties").or_insert(false.into());
            }
            members.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

fn never_null(schema: &mut Value) {
    let Value::Object(members) = schema else { return };
    if let Some(Value::Array(types)) = members.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            members.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(choices)) = members.get_mut("anyOf") {
        choices.retain(|choice| choice["type"] != "null");
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            members.remove("anyOf");
            members.extend(only);
        }
    }
}

/// Marks are for the TypeScript alone.
fn without_marks(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.retain(|name, _| !name.starts_with("x-"));
            members.values_mut().for_each(without_marks);
        }
        Value::Array(items) => items.iter_mut().for_each(without_marks),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_names_in_the_singular() {
        let names =
            ["datasets", "training_jobs", "metrics_points", "gpu_prices", "notifications"].map(row_name);
        assert_eq!(names, ["Dataset", "TrainingJob", "MetricsPoint", "GPUPrice", "UserNotification"]);
    }

    #[test]
    fn what_may_be_left_out_is_never_null_unless_it_says_so() {
        let described = Described::new();
        let member = |of: &str, name: &str| described.definitions[of]["properties"][name].clone();
        assert_eq!(member("HyperparameterConfig", "warmup_steps")["type"], "integer");
        assert_eq!(member("ValidationError", "excerpt")["type"], json!(["string", "null"]));
        assert_eq!(member("ValidationError", "severity")["$ref"], "#/$defs/Severity");
        assert_eq!(member("DatasetReport", "declared_pairs")["type"], json!(["integer", "null"]));
        assert_eq!(described.definitions["DatasetReport"]["additionalProperties"], false);
        assert_eq!(described.definitions["GPUConfig"]["additionalProperties"], true);
    }

    #[test]
    fn marks_do_not_leave_the_program() {
        assert!(!Described::new().json_schema().to_string().contains("\"x-"));
    }
}
