//! Datasets, as the application's pages and its validator use them.

use serde_json::{Value, json};

use crate::life::Life;

/// What the page of the upload sends; the id is made by the client, because it is part of the path.
fn new_dataset(life: &Life, name: &str) -> Value {
    let id = id_of(name);
    json!({
        "id": id, "user_id": life.alice_id, "name": name, "description": "of our shop",
        "format": "brightrun_lora_v4", "status": "uploading",
        "storage_bucket": "lora-datasets", "storage_path": format!("{}/{id}/{name}.jsonl", life.alice_id),
        "file_name": format!("{name}.jsonl"), "file_size": 290,
    })
}

/// A uuid that a name stands for.
fn id_of(name: &str) -> String {
    let hex: String = name.bytes().cycle().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[test]
fn a_user_registers_confirms_and_deletes_a_dataset() {
    let life = Life::begin();
    let sent = new_dataset(&life, "bicycles");
    let row = life.alice.insert_single("/datasets?select=*", &sent).expect(201).object();
    for (name, value) in sent.as_object().unwrap() {
        assert_eq!(&row[name], value, "{name}");
    }
    assert_eq!((&row["training_ready"], &row["deleted_at"]), (&json!(false), &Value::Null));

    let one = format!("/datasets?id=eq.{}&user_id=eq.{}", id_of("bicycles"), life.alice_id);
    let row = life.alice.update_and_select(&one, &json!({"status": "validating"})).expect(200).row();
    assert_eq!(row["status"], "validating");
    // Storage may have said so already.
    life.alice.update_single(&one, &json!({"status": "validating"})).expect(200);
    // The time is the database's, whatever the clock of the browser says.
    let row = life.alice.update_and_select(&one, &json!({"deleted_at": "1999-01-01T00:00:00.000Z"}));
    assert!(row.expect(200).row()["deleted_at"].as_str().unwrap() > "2020");
    assert!(life.alice.get(&format!("{one}&deleted_at=is.null")).expect(200).rows().is_empty());
}

/// supabase-js names the columns of a list of rows in the URL.
#[test]
fn a_list_of_rows_is_inserted_by_its_columns() {
    let life = Life::begin();
    let rows = json!([new_dataset(&life, "a"), new_dataset(&life, "b")]);
    let names: Vec<String> = rows[0].as_object().unwrap().keys().map(|name| format!("\"{name}\"")).collect();
    life.alice.insert(&format!("/datasets?columns={}", names.join(",")), &rows).expect(201);
    assert_eq!(life.alice.count("/datasets").total(), 2);
}

#[test]
fn a_list_has_pages_a_count_and_filters() {
    let mut life = Life::begin();
    for number in 0..30 {
        let name = format!("{} {number}", if number % 3 == 0 { "Chat" } else { "Mail" });
        life.alice.insert("/datasets", &new_dataset(&life, &name)).expect(201);
    }
    let oldest = "update public.datasets set created_at = '2020-01-01' where name = 'Mail 29'";
    life.db.batch_execute(oldest).unwrap();
    let deleted = format!("/datasets?id=eq.{}", id_of("Chat 0"));
    life.alice.update(&deleted, &json!({"deleted_at": "2026-01-01T00:00:00Z"})).expect(204);

    let list = format!(
        "/datasets?select=*&user_id=eq.{}&deleted_at=is.null&order=created_at.desc&limit=25",
        life.alice_id
    );
    let first = life.alice.get_counted(&format!("{list}&offset=0")).expect(206);
    assert_eq!((first.total(), first.rows().len()), (29, 25));
    let second = life.alice.get_counted(&format!("{list}&offset=25")).expect(206);
    assert_eq!((second.total(), second.rows().len()), (29, 4));
    assert_eq!(second.rows()[3]["name"], "Mail 29");

    let chats = life.alice.get_counted(&format!("{list}&offset=0&name=ilike.%chat%")).expect(200);
    assert_eq!((chats.total(), chats.rows().len()), (9, 9));
    let ready = life.alice.get_counted(&format!("{list}&offset=0&status=eq.ready")).expect(200);
    assert_eq!(ready.total(), 0);
    assert_eq!(life.bob.get_counted("/datasets?select=*&limit=25").total(), 0);
}

/// The application's validator reads what waits and writes its findings with the service key, in one update.
#[test]
fn the_applications_validator_writes_what_it_found() {
    let life = Life::begin();
    for name in ["good", "bad"] {
        life.alice.insert("/datasets", &new_dataset(&life, name)).expect(201);
        let one = format!("/datasets?id=eq.{}", id_of(name));
        life.alice.update(&one, &json!({"status": "validating"})).expect(204);
    }
    let waiting = life.service.get("/datasets?select=*&status=eq.validating&deleted_at=is.null&limit=10");
    assert_eq!(waiting.rows().len(), 2);

    let good = format!("/datasets?id=eq.{}", id_of("good"));
    let sample = json!([{"conversation_id": "a", "turns": []}]);
    life.service
        .update(
            &good,
            &json!({
                "status": "ready", "training_ready": true, "validated_at": "2026-03-01T10:00:00.000Z",
                "total_training_pairs": 1567, "total_validation_pairs": 175, "total_tokens": 1_240_000,
                "avg_turns_per_conversation": 6.25, "avg_tokens_per_turn": 118.5,
                "sample_data": sample, "error_message": null,
            }),
        )
        .expect(204);
    let bad = format!("/datasets?id=eq.{}", id_of("bad"));
    let errors = json!([{"line": 3, "error": "not JSON", "suggestion": "Escape the quote."}]);
    let verdict = json!({"status": "error", "error_message": "1 error", "validation_errors": errors});
    life.service.update(&bad, &verdict).expect(204);

    let row = life.alice.get(&good).row();
    assert_eq!((&row["status"], &row["training_ready"]), (&json!("ready"), &json!(true)));
    assert_eq!((&row["total_training_pairs"], &row["sample_data"]), (&json!(1567), &sample));
    let row = life.alice.get(&bad).row();
    assert_eq!((&row["status"], &row["training_ready"]), (&json!("error"), &json!(false)));
    assert_eq!((&row["error_message"], &row["validation_errors"]), (&json!("1 error"), &errors));
}
