//! The portable edition in `sql/portable` has the tables and the limits of the code: they are written there, between
//! `-- Generated: NAME.` and `-- End.`, by `PG_LORA_BLESS=1`, and compared otherwise. What it answers is compared with the
//! extension by the conformance tests.

use pg_lora_core::dataset::tokens::tables;
use pg_lora_core::dataset::{NOT_IN_SQL, Profile, RULESET_VERSION, Shape, all_rules, metric_rules};
use pg_lora_core::document::{GPU_ALIASES, HYPERPARAMETER_ALIASES, hyperparameter_presets};
use pg_lora_core::job::{LEASE, OTHER_STAGE, STAGE_BUDGETS, Status, TRAINING_LEAST, TRAINING_MOST};
use pg_lora_core::limits::{
    COST_GROUPS, COST_JOBS, CURVE_POINTS, HEALTH_POINTS, PACE_PAUSES, PACE_RECENT, PACE_STRETCHES,
    QUOTE_CHARS, SERIES_POINTS,
};
use pg_lora_core::metric::{Method, PRESELECTED, RULES, THRESHOLDS};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../sql/portable")
}

/// Lines are indented as the marker is.
#[track_caller]
fn compare(file: &str, name: &str, lines: &[String]) {
    static FILES: Mutex<()> = Mutex::new(());
    let _files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
    let path = folder().join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    let marker = format!("-- Generated: {name}.\n");
    let head = text.find(&marker).expect("the file has the marker");
    let indent = head - text[..head].rfind('\n').map_or(0, |end| end + 1);
    let begin = head + marker.len();
    let end = begin + text[begin..].find(&format!("{:indent$}-- End.\n", "")).expect("the block has an end");
    let expected: String = lines.iter().fold(String::new(), |mut all, line| {
        writeln!(all, "{:indent$}{line}", "").unwrap();
        all
    });
    if std::env::var_os("PG_LORA_BLESS").is_some() {
        std::fs::write(&path, format!("{}{expected}{}", &text[..begin], &text[end..])).unwrap();
    } else {
        assert_eq!(text[begin..end], expected, "PG_LORA_BLESS=1 writes {name} in {file} anew");
    }
}

#[test]
fn transitions() {
    let quoted =
        |names: &[Status]| names.iter().map(|to| format!("'{}'", to.name())).collect::<Vec<_>>().join(", ");
    let lines: Vec<String> = Status::ALL
        .iter()
        .filter(|from| !from.next().is_empty())
        .map(|from| format!("when '{}' then \"to\" in ({})", from.name(), quoted(from.next())))
        .collect();
    compare("job_status.sql", "transitions", &lines);
    compare("job_status.sql", "statuses", &[quoted(&Status::ALL)]);
}

#[test]
fn budgets() {
    let budgets = STAGE_BUDGETS.iter().map(|(stage, seconds, _)| format!("when '{stage}' then {seconds}"));
    let lines: Vec<String> = budgets.chain([format!("else {OTHER_STAGE}")]).collect();
    compare("job_stage.sql", "budgets", &lines);
}

#[test]
fn documents() {
    let presets = hyperparameter_presets();
    let count = presets.len();
    let lines: Vec<String> = presets
        .iter()
        .enumerate()
        .map(|(at, (name, preset))| {
            let preset = serde_json::to_string(preset).unwrap();
            format!("'{name}', '{preset}'::pg_catalog.jsonb{}", if at + 1 < count { "," } else { "" })
        })
        .collect();
    compare("hyperparameters.sql", "presets", &lines);
    for (file, name, aliases) in [
        ("gpu_config.sql", "gpu aliases", GPU_ALIASES.as_slice()),
        ("hyperparameters.sql", "hyperparameter aliases", HYPERPARAMETER_ALIASES.as_slice()),
    ] {
        let pairs = aliases.iter().map(|(alias, standard)| format!("['{alias}', '{standard}']"));
        compare(file, name, &[pairs.collect::<Vec<_>>().join(", ")]);
    }
}

#[test]
fn metrics() {
    let methods = Method::ALL.map(|method| format!("'{}'", method.name())).join(", ");
    compare("curve.sql", "methods", std::slice::from_ref(&methods));
    compare("curve_sampling.sql", "methods", &[methods]);
    let rules: Vec<String> = RULES
        .iter()
        .enumerate()
        .map(|(at, rule)| {
            let suggestion = rule.suggestion.replace('\'', "''");
            let end = if at + 1 < RULES.len() { "," } else { "" };
            format!("({}, '{}', '{}', '{suggestion}'){end}", at + 1, rule.name, rule.severity)
        })
        .collect();
    compare("curve_health.sql", "rules of health", &rules);
}

/// Rows of a list of values.
fn rows(rows: impl Iterator<Item = String>) -> Vec<String> {
    let mut rows: Vec<String> = rows.map(|row| format!("({row}),")).collect();
    if let Some(last) = rows.last_mut() {
        last.pop();
    }
    rows
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[test]
fn datasets() {
    let of_lines = all_rules().map(|rule| {
        let levels = Profile::ALL.map(|profile| literal(rule.severity(profile).name())).join(", ");
        let (title, suggestion) = (literal(rule.title), literal(rule.suggestion));
        let portable = !NOT_IN_SQL.contains(&rule.code);
        format!("{}, {levels}, {}, {title}, {suggestion}, {portable}", literal(rule.code), rule.once)
    });
    compare("dataset_rules.sql", "rules of datasets", &rows(of_lines));
    let once = all_rules().filter(|rule| rule.once).map(|rule| literal(rule.code));
    compare("dataset_findings.sql", "rules that are found once", &[once.collect::<Vec<_>>().join(", ")]);
    let shapes = Shape::ALL.map(|shape| format!("{}, {}", literal(shape.name()), literal(shape.reason())));
    compare("dataset_summary.sql", "reasons of shapes", &rows(shapes.into_iter()));
    let profiles = Profile::ALL.map(|profile| {
        let shapes = profile.shapes().map_or("null::pg_catalog.jsonb".to_owned(), |shapes| {
            literal(&serde_json::to_string(shapes).unwrap())
        });
        let (window, least) = (profile.window(), profile.min_examples());
        let (most, bytes) = (profile.max_examples(), profile.max_bytes());
        format!("{}, {window}, {least}, {most}, {bytes}, {shapes}", literal(profile.name()))
    });
    compare("dataset_options.sql", "profiles of validation", &rows(profiles.into_iter()));
    let bands = tables().bands.map(|(script, percent)| format!("{}, {percent}", literal(script)));
    compare("dataset_summary.sql", "bands of scripts", &rows(bands.into_iter()));
    let of_figures = metric_rules::ALL.iter().enumerate().map(|(at, rule)| {
        let (severity, suggestion) = (literal(rule.severity.name()), literal(rule.suggestion));
        format!("{}, {}, {severity}, {suggestion}", at + 1, literal(rule.code))
    });
    compare("dataset_metric_findings.sql", "rules of figures", &rows(of_figures));
}

/// Elements of an array, as many on a line as there is room for.
fn wrapped(elements: impl Iterator<Item = String>) -> Vec<String> {
    let mut lines = vec![String::new()];
    for element in elements {
        let line = lines.last_mut().unwrap();
        if line.len() + element.len() > 130 {
            lines.push(element + ",");
        } else {
            line.push_str(&element);
            line.push(',');
        }
    }
    if let Some(last) = lines.last_mut() {
        last.pop();
    }
    lines
}

#[test]
fn tokens() {
    let tables = tables();
    let classes = tables.pairs.len();
    let places = tables.classes.iter().map(|class| usize::from(*class)).chain([classes - 2, classes - 1]);
    compare("token_costs.sql", "classes of characters", &wrapped(places.map(|class| class.to_string())));
    let mut costs = Vec::new();
    for line in tables.pairs {
        let mut line = wrapped(line.iter().map(u16::to_string));
        line[0].insert(0, '[');
        line.last_mut().unwrap().push_str("],");
        costs.extend(line);
    }
    costs.last_mut().unwrap().pop();
    compare("token_costs.sql", "costs of pairs", &costs);
    compare("token_costs.sql", "costs of letters", &wrapped(tables.low.iter().map(u16::to_string)));
    let known = tables.known.iter().map(|(first, words)| {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        format!("{first}, '{}'", base64(&bytes))
    });
    let known: Vec<String> =
        rows(known).iter().flat_map(|row| row.split('\n').map(str::to_owned).collect::<Vec<_>>()).collect();
    compare("token_costs.sql", "known characters", &known);
    // The last block begins where no character is known.
    let blocks = tables.blocks.iter().filter(|(first, _)| *first < 0x1_0000);
    let blocks = [(0, 0)].iter().chain(blocks).map(|(first, cost)| format!("({first},{cost})"));
    compare("token_costs.sql", "blocks of characters", &wrapped(blocks));
    let names = ["latin", "cyrillic", "arabic", "cjk", "other"];
    let scripts = tables.scripts.iter().map(|(first, end, name)| {
        let script = names.iter().position(|known| known == name).expect("a script") + 1;
        format!("({first},{end},{script})")
    });
    compare("token_costs.sql", "scripts of characters", &wrapped(scripts));
}

/// In lines, as RFC 4648 has it.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        if text.len() % 129 == 128 {
            text.push('\n');
        }
        let bits =
            chunk.iter().fold(0, |bits, byte| bits << 8 | usize::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..4 {
            let letter = ALPHABET[bits >> (18 - 6 * at) & 63];
            text.push(if at <= chunk.len() { letter.into() } else { '=' });
        }
    }
    text
}

#[test]
fn versions() {
    let version = format!("'version', '{}',", pg_lora_core::VERSION);
    let ruleset = format!("'ruleset_version', '{}',", RULESET_VERSION);
    compare("build_info.sql", "versions", &[version, ruleset]);
}

/// `name constant type := value; -- LIMIT`, where the limit is one of the code.
#[test]
fn limits() {
    let limits = [
        ("PACE_PAUSES", PACE_PAUSES as f64),
        ("PACE_RECENT", PACE_RECENT as f64),
        ("PACE_STRETCHES", PACE_STRETCHES as f64),
        ("TRAINING_LEAST", TRAINING_LEAST),
        ("TRAINING_MOST", TRAINING_MOST),
        ("LEASE", LEASE),
        ("CURVE_POINTS", f64::from(CURVE_POINTS)),
        ("SERIES_POINTS", SERIES_POINTS as f64),
        ("HEALTH_POINTS", HEALTH_POINTS as f64),
        ("COST_GROUPS", COST_GROUPS as f64),
        ("COST_JOBS", COST_JOBS as f64),
        ("PRESELECTED", PRESELECTED as f64),
        ("QUOTE_CHARS", QUOTE_CHARS as f64),
        ("RULESET_VERSION", RULESET_VERSION.parse().unwrap()),
    ];
    let limits = [limits.as_slice(), THRESHOLDS.as_slice()].concat();
    let mut seen = vec![0; limits.len()];
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        for line in text.lines() {
            let Some((code, limit)) = line.split_once("; -- ") else { continue };
            let at = limits.iter().position(|(name, _)| *name == limit);
            let at = at.unwrap_or_else(|| panic!("{}: no such limit: {line}", path.display()));
            let value = code.rsplit(":= ").next().and_then(|value| value.parse::<f64>().ok());
            assert_eq!(value, Some(limits[at].1), "{}: {line}", path.display());
            seen[at] += 1;
        }
    }
    assert!(!seen.contains(&0), "a limit that the portable edition does not name: {seen:?}");
}
