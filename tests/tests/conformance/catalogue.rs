//! The functions of both editions have the same signatures, promises, rights and comments.

use std::collections::{BTreeMap, BTreeSet};

use postgres::{Client, Row};
use serde_json::Value;

use crate::editions::Editions;

/// The functions of schema `lora`, which both editions have. A new one is named here; one that is in one edition only fails.
pub const COMPARED: [&str; 28] = [
    "add_points_to_job_pace",
    "add_stage_to_job_pace",
    "build_info",
    "cost_breakdown",
    "curve",
    "curve_health",
    "dataset_findings",
    "dataset_lines_report",
    "dataset_metric_findings",
    "dataset_report",
    "dataset_rules",
    "describe_job_pace",
    "estimate_cost",
    "estimate_tokens",
    "hyperparameter_presets",
    "interval_cost",
    "is_job_transition",
    "job_pace",
    "job_progress",
    "job_progress_of_pace",
    "job_verdict",
    "merge_segments",
    "metric_point_findings",
    "normalize_gpu_config",
    "normalize_hyperparameters",
    "scan_segment",
    "segment_report",
    "smooth",
];

/// Name and arguments of each function that can be called, with all that a caller can tell. What takes or answers `internal`
/// belongs to an aggregate, and what begins with an underscore to the portable edition. The state of a portable curve or breakdown
/// has cursors of its own process, so it cannot be combined with that of another one.
const FUNCTIONS: &str = "
    select proname::text, proname || '(' || pg_catalog.pg_get_function_arguments(oid) || ')', pg_catalog.jsonb_build_object(
      'result', pg_catalog.pg_get_function_result(oid), 'kind', prokind, 'volatile', provolatile, 'parallel', proparallel,
      'strict', proisstrict, 'set', proretset, 'definer', prosecdef, 'leakproof', proleakproof, 'variadic', provariadic,
      'names', proargnames, 'modes', proargmodes, 'defaults', pronargdefaults,
      'comment', pg_catalog.obj_description(oid, 'pg_proc'),
      'public', pg_catalog.has_function_privilege('public', oid, 'execute'),
      'combines', (select aggcombinefn <> 0 from pg_catalog.pg_aggregate where aggfnoid = pg_proc.oid and proname !~ '^(curve|cost_breakdown)'),
      'aggregate', (select pg_catalog.format('%s %s %s', aggkind, aggnumdirectargs, aggfinalmodify) from pg_catalog.pg_aggregate where aggfnoid = pg_proc.oid)
    )::text
    from pg_catalog.pg_proc
    where pronamespace = 'lora'::regnamespace and proname !~ '^_'
      and 'internal'::regtype <> all (proargtypes::oid[]) and prorettype <> 'internal'::regtype";

/// By name and arguments.
fn functions(client: &mut Client) -> BTreeMap<String, (String, String)> {
    let rows = client.query(FUNCTIONS, &[]).unwrap();
    rows.iter().map(|row| (row.get(1), (row.get(0), row.get(2)))).collect()
}

/// A function of the portable edition, and what keeps it from a parallel worker.
struct Part {
    signature: String,
    name: String,
    is_unsafe: bool,
    /// It has a block that catches errors: a subtransaction, which no parallel worker can begin.
    catches: bool,
    /// It has a cursor, which is one of the process that opened it.
    holds: bool,
    calls: BTreeSet<String>,
}

/// Name by name what a function calls, as its body says it, and an aggregate by its support functions.
const PARTS: &str = "
    select pg_proc.oid::regprocedure::text, proname::text, proparallel = 'u', prokind <> 'a' and prosrc ~* '\\mexception\\s+when\\M',
      prokind <> 'a' and prosrc ~* '\\mrefcursor\\M',
      case prokind
        when 'a' then (
          select pg_catalog.array_agg(part.proname::text)
          from pg_catalog.pg_aggregate
          join pg_catalog.pg_proc as part on part.oid in (aggtransfn, aggfinalfn, aggcombinefn, aggmtransfn, aggminvtransfn, aggmfinalfn)
          where aggfnoid = pg_proc.oid and part.pronamespace = 'lora'::regnamespace)
        else array(select called[1] from pg_catalog.regexp_matches(prosrc, 'lora\\.(\\w+)\\(', 'g') as called)
      end
    from pg_catalog.pg_proc
    where pronamespace = 'lora'::regnamespace";

fn parts(client: &mut Client) -> Vec<Part> {
    let rows = client.query(PARTS, &[]).unwrap();
    let part = |row: &Row| Part {
        signature: row.get(0),
        name: row.get(1),
        is_unsafe: row.get(2),
        catches: row.get(3),
        holds: row.get(4),
        calls: row.get::<_, Option<Vec<String>>>(5).unwrap_or_default().into_iter().collect(),
    };
    rows.iter().map(part).collect()
}

/// The names of the functions for which this holds, and of those that call one of them, over any number of others.
fn reaching(parts: &[Part], holds: impl Fn(&Part) -> bool) -> BTreeSet<&str> {
    let mut reached: BTreeSet<&str> =
        parts.iter().filter(|part| holds(part)).map(|part| part.name.as_str()).collect();
    loop {
        let before = reached.len();
        let calling =
            parts.iter().filter(|part| part.calls.iter().any(|name| reached.contains(name.as_str())));
        let calling: Vec<&str> = calling.map(|part| part.name.as_str()).collect();
        reached.extend(calling);
        if reached.len() == before {
            return reached;
        }
    }
}

/// One that catches errors may be parallel unsafe where the extension's is safe, and then an aggregate combines nothing.
#[test]
fn both_editions_have_the_same_functions() {
    let mut editions = Editions::new();
    let native = functions(&mut editions.native);
    let mut portable = functions(&mut editions.portable);
    let parts = parts(&mut editions.portable);
    let catching = reaching(&parts, |part| part.catches);
    for (signature, (name, promises)) in &native {
        assert!(COMPARED.contains(&name.as_str()), "{signature} is not in the list; name it in COMPARED");
        let Some((_, here)) = portable.get_mut(signature) else { continue };
        let there: Value = serde_json::from_str(promises).unwrap();
        let mut excepted: Value = serde_json::from_str(here).unwrap();
        if catching.contains(name.as_str()) && excepted["parallel"] == "u" && there["parallel"] == "s" {
            excepted["parallel"] = there["parallel"].clone();
            if excepted["combines"] == false {
                excepted["combines"] = there["combines"].clone();
            }
        }
        if excepted == there {
            here.clone_from(promises);
        }
    }
    assert_eq!(portable, native);
    for name in COMPARED {
        assert!(native.values().any(|(known, _)| known == name), "no function \"{name}\" any more");
    }
}

/// Nothing of a caller's settings changes an answer, and nobody gets more rights by calling.
#[test]
fn portable_functions_pin_their_search_path_and_run_as_the_caller() {
    let mut editions = Editions::new();
    let loose = "select oid::regprocedure::text from pg_catalog.pg_proc
        where pronamespace = 'lora'::regnamespace and prokind <> 'a'
          and (prosecdef or not coalesce('search_path=pg_catalog, pg_temp' = any (proconfig), false)
            or provolatile = 'v' or proparallel not in ('s', 'u') or not pg_catalog.has_function_privilege('public', oid, 'execute'))";
    let loose: Vec<String> =
        editions.portable.query(loose, &[]).unwrap().iter().map(|row| row.get(0)).collect();
    assert!(loose.is_empty(), "{loose:?}");
}

/// What a parallel worker cannot do, no function does that is promised to be safe; and none is unsafe without such a reason.
#[test]
fn portable_functions_that_catch_errors_are_parallel_unsafe_with_their_callers() {
    let mut editions = Editions::new();
    let parts = parts(&mut editions.portable);
    let bound = reaching(&parts, |part| part.catches || part.is_unsafe);
    let excused = reaching(&parts, |part| part.catches || part.holds);
    let mut wrong = Vec::new();
    for part in &parts {
        if !part.is_unsafe && bound.contains(part.name.as_str()) {
            wrong.push(format!(
                "{} reaches a block that catches errors, or an unsafe function, and is not parallel unsafe",
                part.signature
            ));
        }
        if part.is_unsafe && !excused.contains(part.name.as_str()) {
            wrong.push(format!("{} is parallel unsafe without a reason", part.signature));
        }
    }
    assert!(parts.iter().any(|part| part.catches), "nothing catches errors any more: the exception can go");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_files_of_the_portable_edition_can_be_run_again() {
    let mut editions = Editions::new();
    let before = functions(&mut editions.portable);
    editions.portable.batch_execute("set role portable_owner; set search_path = ''").unwrap();
    editions.portable.batch_execute(&pg_lora_tests::Database::portable_files()).unwrap();
    assert_eq!(functions(&mut editions.portable), before);
}

#[test]
fn the_editions_differ_in_name_only() {
    let mut editions = Editions::new();
    // The extension says for which minor version it was built, which need not be the server's.
    let question = "select (lora.build_info() - array['edition', 'profile', 'postgres_version']) || jsonb_build_object('major', split_part(lora.build_info() ->> 'postgres_version', '.', 1)),
        lora.build_info() ->> 'edition',
        (select pg_catalog.jsonb_agg(key order by key) from pg_catalog.jsonb_object_keys(lora.build_info()) as key)";
    let ask = |client: &mut Client| {
        let row = client.query_one(question, &[]).unwrap();
        let (info, edition, keys): (serde_json::Value, String, serde_json::Value) =
            (row.get(0), row.get(1), row.get(2));
        (info, edition, keys)
    };
    let (native, portable) = (ask(&mut editions.native), ask(&mut editions.portable));
    assert_eq!((native.1.as_str(), portable.1.as_str()), ("native", "portable"));
    assert_eq!((native.0, native.2), (portable.0, portable.2));
}
