//! Related rows in one request. Between two tables PostgREST finds the way by itself as long as there is one; where
//! there are two, a hint names the column or the key. A second key anywhere would break the application's lists.

use serde_json::{Value, json};

use crate::client::Client;
use crate::life::Life;

/// Alice's dataset, her job on it, and its model, linked both ways.
struct Linked {
    life: Life,
    dataset: String,
    job: String,
    model: String,
}

impl Linked {
    fn make() -> Self {
        let mut life = Life::begin();
        let dataset = life.ready_dataset();
        let job = life.completed_job(&dataset);
        let row = life.service.insert_single("/model_artifacts?select=id", &life.artifact(&job, &dataset));
        let model = row.expect(201).object()["id"].as_str().unwrap().to_owned();
        let link = json!({"artifact_id": model});
        life.service.update(&format!("/training_jobs?id=eq.{job}"), &link).expect(204);
        Self { life, dataset, job, model }
    }

    /// The embedded rows of the only row of a list.
    #[track_caller]
    fn embedded(&self, client: &Client, path: &str, name: &str) -> Value {
        client.get(path).expect(200).row()[name].clone()
    }
}

#[test]
fn a_job_brings_its_dataset_and_a_dataset_its_jobs_without_a_hint() {
    let linked = Linked::make();
    let Linked { life, dataset, job, .. } = &linked;
    for client in [&life.alice, &life.service] {
        let found = linked.embedded(client, "/training_jobs?select=*,datasets(*)", "datasets");
        assert_eq!(found["id"], **dataset);
        let found = linked.embedded(client, "/datasets?select=*,training_jobs(*)", "training_jobs");
        assert_eq!((found.as_array().unwrap().len(), &found[0]["id"]), (1, &json!(job)));
        let found = linked.embedded(client, "/datasets?select=*,model_artifacts(*)", "model_artifacts");
        assert_eq!(found.as_array().unwrap().len(), 1);
    }
    assert_eq!(life.bob.get("/training_jobs?select=*,datasets(*)").expect(200).rows().len(), 0);
}

#[test]
fn everything_that_hangs_on_a_job_comes_without_a_hint() {
    let linked = Linked::make();
    let job = &linked.job;
    for (table, count) in [("metrics_points", 2), ("training_job_events", 4), ("cost_records", 1)] {
        let path = format!("/training_jobs?select=id,{table}(*)&id=eq.{job}");
        let found = linked.embedded(&linked.life.alice, &path, table);
        let rows = found.as_array().unwrap_or_else(|| panic!("{table}: {found}"));
        assert!(rows.len() >= count && rows.iter().all(|row| row["job_id"] == **job), "{table}: {found}");
        // And the other way.
        let path = format!("/{table}?select=*,training_jobs(id,status)&limit=1");
        assert_eq!(linked.embedded(&linked.life.alice, &path, "training_jobs")["id"], **job, "{table}");
    }
}

/// Two keys lead between jobs and models: the model of a job, and the job of a model.
#[test]
fn between_jobs_and_models_a_hint_names_the_way() {
    let linked = Linked::make();
    let Linked { life, dataset, job, model } = &linked;
    for (path, name, id) in [
        ("/model_artifacts?select=*,training_jobs!job_id(*)", "training_jobs", job),
        ("/model_artifacts?select=*,datasets!dataset_id(*)", "datasets", dataset),
        ("/model_artifacts?select=*,training_jobs!model_artifacts_job_id_fkey(*)", "training_jobs", job),
        ("/model_artifacts?select=*,job:training_jobs!job_id(id,datasets!dataset_id(name))", "job", job),
        ("/training_jobs?select=*,model_artifacts!artifact_id(*)", "model_artifacts", model),
        ("/training_jobs?select=*,model_artifacts!fk_training_jobs_artifact(*)", "model_artifacts", model),
        ("/training_jobs?select=*,model_artifacts!job_id(*)", "model_artifacts", model),
        ("/training_jobs?select=*,model_artifacts!model_artifacts_job_id_fkey(*)", "model_artifacts", model),
        ("/training_jobs?select=*,datasets!dataset_id(*)", "datasets", dataset),
        ("/training_jobs?select=*,datasets!training_jobs_dataset_id_fkey(*)", "datasets", dataset),
    ] {
        assert_eq!(linked.embedded(&life.alice, path, name)["id"], **id, "{path}");
    }
    // A model could be that of several jobs, as far as keys go: a list.
    for hint in ["artifact_id", "fk_training_jobs_artifact"] {
        let path = format!("/model_artifacts?select=*,training_jobs!{hint}(*)");
        let found = linked.embedded(&life.alice, &path, "training_jobs");
        assert_eq!((found.as_array().unwrap().len(), &found[0]["id"]), (1, &json!(job)), "{hint}");
    }
    // The specification's own two keys: without a hint it was ambiguous before.
    life.alice.get("/training_jobs?select=*,model_artifacts(*)").has_code(300, "PGRST201");
}

#[test]
fn a_row_that_refers_to_one_of_its_own_table_brings_it() {
    let linked = Linked::make();
    let Linked { life, dataset, job, .. } = &linked;
    let retry = json!({
        "user_id": life.alice_id, "dataset_id": dataset, "preset_id": "balanced", "hyperparameters": {},
        "gpu_config": {"gpu_type": "A100-80GB", "num_gpus": 1, "cost_per_gpu_hour": 3.5},
        "total_epochs": 1, "estimated_total_cost": 0, "retry_of": job,
    });
    life.service.insert("/training_jobs", &retry).expect(201);
    let path = "/training_jobs?select=id,retry_of(id)&status=eq.queued";
    assert_eq!(linked.embedded(&life.alice, path, "retry_of")["id"], **job);
}
