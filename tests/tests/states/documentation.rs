//! What docs/security.md draws is what the database has: the states, and the keys between the tables.

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

/// `parent, parent's side, child's side, child`, with the sides as Mermaid has them.
fn drawn_keys(page: &str) -> Vec<[String; 4]> {
    let diagram = page.split("erDiagram\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let mut keys: Vec<[String; 4]> = diagram
        .lines()
        .filter_map(|line| line.split_once(" : "))
        .map(|(edge, _)| {
            let words: Vec<&str> = edge.split_whitespace().collect();
            let (parent, child) = words[1].split_once("--").unwrap();
            [words[0], parent, child, words[2]].map(str::to_owned)
        })
        .collect();
    keys.sort();
    keys
}

#[test]
fn the_diagram_of_tables_has_every_key_and_every_table() {
    let page = include_str!("../../../docs/security.md");
    let database = Database::migrated();
    let mut db = database.connect();
    let sql = "select parent.relname::text, case when a.attnotnull then '||' else '|o' end, \
                 case when exists (select from pg_index as i where i.indrelid = key.conrelid and i.indisunique \
                   and i.indnkeyatts = 1 and i.indkey[0] = key.conkey[1] and i.indpred is null) then 'o|' else 'o{' end, \
                 child.relname::text \
               from pg_constraint as key join pg_class as parent on parent.oid = key.confrelid \
               join pg_class as child on child.oid = key.conrelid \
               join pg_attribute as a on a.attrelid = key.conrelid and a.attnum = key.conkey[1] \
               where key.contype = 'f' and key.connamespace = 'public'::regnamespace";
    let rows = db.query(sql, &[]).unwrap();
    let mut keys: Vec<[String; 4]> = rows.iter().map(|row| [0, 1, 2, 3].map(|n| row.get(n))).collect();
    keys.sort();
    assert_eq!(drawn_keys(page), keys);
    let diagram = page.split("erDiagram\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let tables =
        "select relname::text from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace";
    for row in db.query(tables, &[]).unwrap() {
        let table: String = row.get(0);
        assert!(diagram.split_whitespace().any(|word| word == table), "{table} is not drawn");
    }
}
