//! Models, as the application stores and lists them.

use serde_json::{Value, json};

use crate::life::Life;

#[test]
fn a_model_is_stored_listed_and_linked_to_its_job() {
    let mut life = Life::begin();
    let dataset = life.ready_dataset();
    let job = life.completed_job(&dataset);
    let model = life.service.insert_single("/model_artifacts?select=*", &life.artifact(&job, &dataset));
    let model = model.expect(201).object();
    // The job is over, and its one figure that is not is the model.
    let one = format!("/training_jobs?id=eq.{job}");
    life.service.update(&one, &json!({"artifact_id": model["id"]})).expect(204);
    assert_eq!(life.alice.get(&one).row()["artifact_id"], model["id"]);

    let list = format!(
        "/model_artifacts?select=*,job:training_jobs!job_id(id,status,final_cost),dataset:datasets!dataset_id(id,name)\
         &user_id=eq.{}&deleted_at=is.null&order=created_at.desc",
        life.alice_id
    );
    let row = life.alice.get(&list).expect(200).row();
    assert_eq!((&row["job"]["id"], &row["job"]["status"]), (&json!(job), &json!("completed")));
    assert_eq!(row["dataset"]["id"], *dataset);
    assert_eq!(life.bob.get(&list).rows().len(), 0);

    let one = format!("/model_artifacts?id=eq.{}", model["id"].as_str().unwrap());
    let names = json!({"name": "Bicycles", "description": "of our shop", "version": "1.1.0"});
    let row = life.alice.update_and_select(&one, &names).expect(200).row();
    assert_eq!((&row["name"], &row["version"]), (&json!("Bicycles"), &json!("1.1.0")));
    let deleted = json!({"deleted_at": "2026-03-01T00:00:00Z"});
    assert!(life.alice.update_and_select(&one, &deleted).expect(200).row()["deleted_at"].is_string());
}

#[test]
fn the_service_deploys_and_archives_a_model() {
    let mut life = Life::begin();
    let dataset = life.ready_dataset();
    let job = life.completed_job(&dataset);
    life.service.insert("/model_artifacts", &life.artifact(&job, &dataset)).expect(201);
    let deployed =
        life.service.update_and_select("/model_artifacts?status=eq.stored", &json!({"status": "deployed"}));
    assert!(deployed.expect(200).row()["deployed_at"].is_string());
    life.service.update("/model_artifacts?status=eq.deployed", &json!({"status": "archived"})).expect(204);
    let back = life.service.update("/model_artifacts?status=eq.archived", &json!({"status": "stored"}));
    back.is_refused(409, "PT409", "archived");
}

#[test]
fn models_are_ordered_by_their_score() {
    let mut life = Life::begin();
    let dataset = life.ready_dataset();
    for (score, name) in [(3.5, "second"), (4.9, "first"), (2.0, "third")] {
        let job = life.completed_job(&dataset);
        let mut model = life.artifact(&job, &dataset);
        model["name"] = json!(name);
        model["quality_metrics"]["overall_score"] = json!(score);
        life.service.insert("/model_artifacts", &model).expect(201);
    }
    let names = |order: &str| -> Vec<Value> {
        let rows = life.alice.get(&format!("/model_artifacts?select=name&order={order}")).expect(200).rows();
        rows.into_iter().map(|row| row["name"].clone()).collect()
    };
    assert_eq!(names("quality_metrics->overall_score.desc"), ["first", "second", "third"]);
    assert_eq!(names("created_at.desc"), ["third", "first", "second"]);
}
