//! The functions of both editions have the same signatures, promises, rights and comments.

use std::collections::BTreeMap;

use postgres::Client;

use crate::editions::Editions;

/// The functions that both editions have. A new one is named here; one that is not named here has to be among the others.
pub const COMPARED: [&str; 22] = [
    "add_points_to_job_pace",
    "add_stage_to_job_pace",
    "build_info",
    "cost_breakdown",
    "curve",
    "curve_health",
    "dataset_metric_findings",
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
    "metric_point_findings",
    "normalize_gpu_config",
    "normalize_hyperparameters",
    "smooth",
];

/// What the portable edition has no files for yet.
const OTHERS: [&str; 6] = [
    "dataset_findings",
    "dataset_lines_report",
    "dataset_report",
    "merge_segments",
    "scan_segment",
    "segment_report",
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

#[test]
fn both_editions_have_the_same_functions() {
    let mut editions = Editions::new();
    let mut native = functions(&mut editions.native);
    let portable = functions(&mut editions.portable);
    for (signature, (name, _)) in &native {
        let known = COMPARED.iter().chain(&OTHERS).any(|known| known == name);
        assert!(known, "{signature} is in no list; name it in COMPARED, or among the others");
    }
    native.retain(|_, (name, _)| COMPARED.contains(&name.as_str()));
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
          and (prosecdef or not coalesce('search_path=\"\"' = any (proconfig), false)
            or provolatile = 'v' or proparallel <> 's' or not pg_catalog.has_function_privilege('public', oid, 'execute'))";
    let loose: Vec<String> =
        editions.portable.query(loose, &[]).unwrap().iter().map(|row| row.get(0)).collect();
    assert!(loose.is_empty(), "{loose:?}");
    // A block that catches errors is a subtransaction, which no parallel worker can begin.
    let catching = "select oid::regprocedure::text from pg_catalog.pg_proc
        where pronamespace = 'lora'::regnamespace and prosrc ~* '\\mexception\\s+when\\M'";
    let catching = editions.portable.query(catching, &[]).unwrap();
    assert!(catching.is_empty(), "{catching:?}");
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
