//! The states that docs/security.md draws are those that the database allows.

use pg_lora_tests::Database;

/// `from --> to` of the diagram below a heading.
fn drawn(page: &str, heading: &str) -> Vec<(String, String)> {
    let section =
        page.split(&format!("### {heading}\n")).nth(1).unwrap_or_else(|| panic!("no \"{heading}\""));
    let diagram = section.split("```mermaid\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let mut arrows: Vec<(String, String)> = diagram
        .lines()
        .filter_map(|line| line.split_once(" --> "))
        .map(|(from, to)| (from.trim().to_owned(), to.split(':').next().unwrap().trim().to_owned()))
        .filter(|(from, to)| from != "[*]" && to != "[*]")
        .collect();
    arrows.sort();
    arrows
}

#[test]
fn the_diagrams_are_the_tables_of_the_database() {
    let page = include_str!("../../../docs/security.md");
    let database = Database::migrated();
    let mut db = database.connect();
    for (heading, function, states) in [
        ("Jobs", "lora.is_job_transition", "{queued,initializing,running,completed,failed,cancelled}"),
        ("Datasets", "lora_private.is_dataset_transition", "{uploading,validating,ready,error}"),
        ("Models", "lora_private.is_model_artifact_transition", "{stored,deployed,archived}"),
    ] {
        let sql = format!(
            "select one, other from unnest('{states}'::text[]) as one, unnest('{states}'::text[]) as other \
             where one <> other and {function}(one, other) order by 1, 2"
        );
        let rows = db.query(&sql, &[]).unwrap();
        let allowed: Vec<(String, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        assert_eq!(drawn(page, heading), allowed, "{heading}");
    }
}
