//! Plans of one edition of schema `lora` that meet the aggregates of the other one, as a query can that begins in the instant of a
//! switch.

use pg_lora_tests::{Database, sqlstate};
use postgres::Client;

use crate::value;

/// A plan that is older than the switch, and an aggregate that is younger: an error, and never a state that is taken for another type.
#[test]
fn a_plan_of_the_other_edition_is_refused() {
    let database = Database::migrated();
    let mut db = database.connect();
    // The parts of both editions, and aggregates of the portable one in a schema of their own.
    db.batch_execute("create schema other").unwrap();
    let parts = parts_of(&Database::portable_files()).concat();
    db.batch_execute(&format!("set search_path = ''; {parts}")).unwrap_or_else(|error| panic!("{error:?}"));
    let names = "select jsonb_agg(oid::regprocedure::text order by oid) from pg_proc where pronamespace = 'other'::regnamespace";
    for name in value(&mut db, names).as_array().unwrap() {
        let other = name.as_str().unwrap();
        let native = other.replacen("other.", "lora.", 1);
        if !GUARDED.iter().any(|guarded| native.starts_with(guarded)) {
            continue;
        }
        let mut client = database.connect();
        let call = call(&native);
        client
            .batch_execute(&format!(
                "set plan_cache_mode = force_generic_plan; prepare p as {call}; execute p"
            ))
            .unwrap();
        swap(&mut db, &native, other);
        let refused = client.batch_execute("execute p").unwrap_err();
        assert_eq!(sqlstate(&refused), "0A000", "{native}: {refused:?}");
        // Those that are planned now are the other edition's.
        let mut later = database.connect();
        later
            .batch_execute(&format!(
                "set plan_cache_mode = force_generic_plan; prepare p as {call}; execute p"
            ))
            .unwrap();
        swap(&mut db, &native, other);
        let refused = later.batch_execute("execute p").unwrap_err();
        assert_eq!(sqlstate(&refused), "55000", "{native}: {refused:?}");
        client.batch_execute("execute p").unwrap();
    }
}

/// Aggregates whose portable state has a value to begin with, which no other type takes.
const GUARDED: [&str; 3] = ["lora.job_pace(", "lora.curve(", "lora.curve_health("];

/// The files without what the extension has: parts, and aggregates in schema `other`.
fn parts_of(files: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = files;
    // The comment before the next one ends with it.
    while let Some(at) = rest.find("\ncreate or replace ") {
        rest = &rest[at + 1..];
        let end = rest[1..].find("\ncreate or replace ").map_or(rest.len(), |end| end + 1);
        let text = &rest[..end];
        if text.starts_with("create or replace function lora._") {
            found.push(format!("{text}\n"));
        } else if text.starts_with("create or replace aggregate lora.") {
            let body = text.find("\n);\n").map_or(text, |end| &text[..end + 4]);
            found.push(body.replacen("aggregate lora.", "aggregate other.", 1));
        }
        rest = &rest[end..];
    }
    found
}

/// A query of some rows with the aggregate.
fn call(aggregate: &str) -> String {
    let name = aggregate.split('(').next().unwrap();
    let arguments = aggregate.split_once('(').unwrap().1.trim_end_matches(')');
    let arguments: Vec<String> = arguments
        .split(',')
        .map(|r#type| match r#type {
            "text" => "'lttb'".to_owned(),
            "timestamp with time zone" => "now() + n * interval '1 minute'".to_owned(),
            "boolean" => "false".to_owned(),
            "double precision" if name == "lora.curve" => "(n / 1000.0)::double precision".to_owned(),
            r#type => format!("n::{type}"),
        })
        .collect();
    // The third argument of a curve is a constant.
    let arguments = arguments.join(", ");
    let arguments = if name == "lora.curve" { arguments.replace("n::integer", "10") } else { arguments };
    format!("select {name}({arguments}) from generate_series(1, 500) n")
}

/// Gives two aggregates each other's definition, behind the back of plans.
fn swap(db: &mut Client, one: &str, other: &str) {
    let columns = "aggtransfn, aggfinalfn, aggcombinefn, aggserialfn, aggdeserialfn, aggtranstype, agginitval, aggfinalmodify, aggfinalextra, aggtransspace";
    // Nothing is created for it: that would make every plan anew.
    let sql = format!(
        "set allow_system_table_mods = on;
         update pg_aggregate a set ({columns}) = (
           select {columns} from pg_aggregate b
           where b.aggfnoid in ('{one}'::regprocedure, '{other}'::regprocedure) and b.aggfnoid <> a.aggfnoid)
         where aggfnoid in ('{one}'::regprocedure, '{other}'::regprocedure)"
    );
    db.batch_execute(&sql).unwrap_or_else(|error| panic!("{error:?}"));
}
