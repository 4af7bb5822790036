//! Calls that nobody wrote down: the same outcome in both editions, refusals and their words included.

use pg_lora_tests::environment;
use pg_lora_tests::random::Random;
use serde_json::{Map, Value, json};

use crate::attempts::{self, FAR, STAGES, any_instant, arrays, attempt, instant};
use crate::editions::{Editions, literal};

const STATUSES: [&str; 9] = [
    "running",
    "running",
    "running",
    "initializing",
    "initializing",
    "queued",
    "completed",
    "failed",
    "cancelled",
];

/// Calls of each function.
fn calls() -> usize {
    if environment::full() { 10_000 } else { 200 }
}

/// Asks both editions as often as this size of the suite does, each time something else; shows the first few differences.
pub fn agree(name: &str, call: impl FnMut(&mut Random, &mut Paces) -> Result<String, String>) {
    agree_on(calls(), name, call);
}

/// The same of so many calls.
pub fn agree_on(
    calls: usize,
    name: &str,
    mut call: impl FnMut(&mut Random, &mut Paces) -> Result<String, String>,
) {
    let seed = environment::seed();
    let mut paces = Paces { editions: Editions::new(), kept: Vec::new() };
    let mut differences = Vec::new();
    let mut answers = 0;
    for number in 0..calls {
        let mut random = Random::stream(seed, number as u64);
        match call(&mut random, &mut paces) {
            Err(difference) => differences.push(difference),
            Ok(expression) => match paces.editions.agree(&expression) {
                Ok(crate::editions::Outcome::Answer(_)) => answers += 1,
                Ok(_) => {}
                Err(difference) => differences.push(format!("call {number}: {difference}")),
            },
        }
        if differences.len() == 3 {
            break;
        }
    }
    assert!(differences.is_empty(), "{name}, seed {seed}:\n{}", differences.join("\n\n"));
    assert!(answers > calls / 10, "{name}: only {answers} of {calls} calls had an answer");
}

/// Now and then something that the argument is not.
fn or_null(random: &mut Random, text: String) -> String {
    if random.once_in(25) { "null".to_owned() } else { text }
}

fn status(random: &mut Random) -> String {
    let status = if random.once_in(40) { "paused" } else { random.pick(&STATUSES) };
    let status = literal(status);
    or_null(random, status)
}

fn stage(random: &mut Random) -> String {
    let stage = literal(random.pick(&STAGES));
    or_null(random, stage)
}

/// The stage that a pace was told of last, or any.
fn stage_of(random: &mut Random, pace: &str) -> String {
    let told = read(pace).and_then(|document| Some(literal(document.get("stage")?.as_str()?)));
    told.filter(|_| !random.once_in(3)).unwrap_or_else(|| stage(random))
}

fn total(random: &mut Random) -> String {
    let total = random.pick(&[0, 1, 50, 100, 250, 1_000, 1_000, 5_000, 200_000, i32::MAX, -1]);
    or_null(random, total.to_string())
}

fn at(random: &mut Random) -> String {
    let at = literal(&any_instant(random));
    or_null(random, format!("{at}::timestamptz"))
}

/// An instant soon after the newest point of a pace, or any.
fn at_of(random: &mut Random, pace: &str) -> String {
    /// 2026-01-01, in microseconds since 2000.
    const BEGIN: i64 = 820_540_800_000_000;
    let newest = read(pace).and_then(|document| document.get("reported_at")?.as_array()?.last()?.as_i64());
    match newest.and_then(|newest| newest.checked_sub(BEGIN)).filter(|micros| micros.abs() < 1 << 50) {
        Some(micros) if !random.once_in(4) => {
            let later = random.pick(&[1_000_000, 20_000_000, 400_000_000]);
            format!("{}::timestamptz", literal(&instant(micros + random.below(later) as i64)))
        }
        _ => at(random),
    }
}

/// A number as JSON writes it, of any size.
fn number(random: &mut Random) -> String {
    let fixed = [
        "0",
        "1",
        "-1",
        "0.5",
        "1.0",
        "8",
        "8.0",
        "2.50",
        "16",
        "64",
        "1024",
        "1025",
        "4096",
        "100000",
        "100000.5",
        "1e3",
        "1e-3",
        "0.00020000000000000001",
        "1e15",
        "123456789012345678901234567890",
        "1e308",
        "1.7e308",
        "1e309",
        "1e-320",
        "1e-400",
        "-0.0",
        "9223372036854775807",
        "9223372036854775808",
        "0.12345678901",
        "4.2000000001",
        "0.0000000001",
        "0.00000000001",
        "99999.9999999999",
        "2147483648",
        "4294967296",
        "0.99999999999999999999",
    ];
    match random.below(3) {
        0 => random.pick(&fixed).to_owned(),
        1 => random.between(0, 300).to_string(),
        _ => format!("{}.{}", random.below(1_000), random.below(1_000_000)),
    }
}

/// A value that a field should not have, or should.
fn value(random: &mut Random) -> String {
    match random.below(12) {
        0 => "null".to_owned(),
        1 => "true".to_owned(),
        2 => "[1, 2]".to_owned(),
        3 => r#"{"a": {"b": [null, "ä"]}}"#.to_owned(),
        4 => Value::from("ü\"\\\n x".repeat(random.below(60))).to_string(),
        5 => Value::from("mistralai/Mistral-7B-v0.1").to_string(),
        6 => r#""2e-4""#.to_owned(),
        _ => number(random),
    }
}

fn estimate(random: &mut Random) -> String {
    if random.once_in(3) {
        return "null".to_owned();
    }
    if random.once_in(20) {
        let value = value(random);
        return format!("{}::jsonb", literal(&value));
    }
    let mut fields = Vec::new();
    for field in ["seconds_per_step", "preparation_seconds", "pause_seconds_per_step", "from_step", "points"]
    {
        let is_needed = field == "seconds_per_step";
        if random.once_in(if is_needed { 20 } else { 2 }) != is_needed {
            let value = if random.once_in(15) { value(random) } else { number(random) };
            fields.push(format!("\"{field}\": {value}"));
        }
    }
    format!("{}::jsonb", literal(&format!("{{{}}}", fields.join(", "))))
}

/// Both editions, and paces that they agree on.
pub struct Paces {
    editions: Editions,
    kept: Vec<String>,
}

impl Paces {
    /// A pace, sometimes no longer one. A new attempt is played while there are few, and now and then.
    fn one(&mut self, random: &mut Random) -> Result<String, String> {
        if self.kept.len() < 300 && random.once_in(3) || random.once_in(25) {
            let events = attempt(random);
            self.kept.extend(attempts::tell(&mut self.editions, &events[..events.len().min(40)])?);
        }
        if self.kept.is_empty() || random.once_in(30) {
            return Ok("null".to_owned());
        }
        let pace = self.kept[random.below(self.kept.len())].clone();
        Ok(if random.once_in(12) { damaged(random, &pace) } else { pace })
    }
}

/// The document that a literal holds.
fn read(pace: &str) -> Option<Map<String, Value>> {
    let text = pace.strip_prefix('\'')?.strip_suffix("'::jsonb")?.replace("''", "'");
    serde_json::from_str(&text).ok()
}

fn damaged(random: &mut Random, pace: &str) -> String {
    let mut document = read(pace).expect("a pace is an object");
    let keys: Vec<String> = document.keys().cloned().collect();
    let key = keys[random.below(keys.len())].clone();
    let junk = [
        json!(null),
        json!(0),
        json!(1),
        json!(-1),
        json!(64),
        json!(5),
        json!(1.5),
        json!([]),
        json!([1]),
        json!([3, 1]),
        json!([[1, 2]]),
        json!([[1, 0]]),
        json!([[1, 2, 3]]),
        json!([[0.5, 1]]),
        json!("evaluating"),
        json!({}),
        json!(10_001),
        json!(i64::MIN),
        json!(u64::MAX),
        json!((0..17).collect::<Vec<i64>>()),
        json!((0..81).collect::<Vec<i64>>()),
        json!(true),
        json!("x".repeat(201)),
        json!([i64::MAX]),
        json!([[i64::MAX, i64::MAX]]),
        json!([1.0]),
    ];
    match random.below(6) {
        0 => drop(document.remove(&key)),
        1 => drop(document.insert("more".to_owned(), json!(1))),
        _ => drop(document.insert(key, junk[random.below(junk.len())].clone())),
    }
    format!("{}::jsonb", literal(&Value::Object(document).to_string()))
}

#[test]
fn random_changes_of_status() {
    agree("is_job_transition", |random, _| {
        let (from, to) = (status(random), status(random));
        Ok(format!("lora.is_job_transition({from}, {to})"))
    });
}

#[test]
fn random_points_in_arrays() {
    agree("job_progress", |random, _| {
        let mut points = attempts::points(&attempt(random));
        if random.once_in(3) {
            for at in (1..points.len()).rev() {
                points.swap(at, random.below(at + 1));
            }
        }
        let [steps, times, mut evaluations] = arrays(&points);
        if random.once_in(4) {
            evaluations = "null".to_owned();
        } else if random.once_in(30) {
            evaluations = "'{true}'".to_owned();
        }
        let (steps, times) = (or_null(random, steps), or_null(random, times));
        let (status, stage, total, at) = (status(random), stage(random), total(random), at(random));
        let (estimate, started) = (estimate(random), self::at(random));
        Ok(format!(
            "lora.job_progress({status}, {stage}, {total}, {steps}, {times}, {at}, {evaluations}, {estimate}, {started})"
        ))
    });
}

#[test]
fn random_paces_and_what_is_left() {
    agree("job_progress_of_pace", |random, paces| {
        let pace = paces.one(random)?;
        let (status, stage, total, at) =
            (status(random), stage_of(random, &pace), total(random), at_of(random, &pace));
        let (estimate, started) = (estimate(random), self::at(random));
        Ok(format!(
            "lora.job_progress_of_pace({status}, {stage}, {total}, {pace}, {at}, {estimate}, {started})"
        ))
    });
}

#[test]
fn random_paces_and_their_verdict() {
    agree("job_verdict", |random, paces| {
        let pace = paces.one(random)?;
        let (status, stage) = (status(random), stage(random));
        let now = random.below(1 << 36) as i64;
        let near = |random: &mut Random| {
            let text = match random.below(8) {
                0 => random.pick(&FAR).to_owned(),
                1 => return "null".to_owned(),
                _ => instant(now - random.below(8_000_000_000) as i64 + 400_000_000),
            };
            format!("{}::timestamptz", literal(&text))
        };
        let instants: Vec<String> = (0..5).map(|_| near(random)).collect();
        Ok(format!("lora.job_verdict({status}, {stage}, {}, {pace})", instants.join(", ")))
    });
}

#[test]
fn random_paces_described() {
    agree("describe_job_pace", |random, paces| Ok(format!("lora.describe_job_pace({})", paces.one(random)?)));
}

#[test]
fn random_points_and_stages_added() {
    // As often each.
    agree_on(2 * calls(), "add_points_to_job_pace, add_stage_to_job_pace", |random, paces| {
        let pace = paces.one(random)?;
        let [mut steps, mut times, mut evaluations] =
            arrays(&attempts::points(&attempt(random)).into_iter().take(50).collect::<Vec<_>>());
        if random.once_in(2) {
            let (stage, at) = (stage(random), at(random));
            return Ok(format!("lora.add_stage_to_job_pace({pace}, {stage}, {at})"));
        }
        match random.below(20) {
            0 => steps = "'{{1,2},{3,4}}'".to_owned(),
            1 => times = "'{2026-01-01}'".to_owned(),
            2 => evaluations = "'{{true,false}}'".to_owned(),
            3 => (steps, times, evaluations) = ("'{}'".to_owned(), "null".to_owned(), "'{}'".to_owned()),
            4 => {
                steps = "'{{1,2},{3,4}}'".to_owned();
                times = "'{{2026-01-01,2026-01-02},{2026-01-03,2026-01-04}}'".to_owned();
                evaluations = "'{t,f,t,t}'".to_owned();
            }
            _ => {}
        }
        Ok(format!("lora.add_points_to_job_pace({pace}, {steps}, {times}, {evaluations})"))
    });
}

#[test]
fn random_points_in_rows() {
    agree("job_pace", |random, _| {
        let mut events = attempts::points(&attempt(random));
        let more = attempts::points(&attempt(random));
        events.extend(more);
        let [steps, times, evaluations] = arrays(&events);
        let columns = if random.once_in(2) { "step, at" } else { "step, at, is_evaluation" };
        let none = if random.once_in(40) { "where false" } else { "" };
        Ok(format!(
            "(select lora.job_pace({columns}) from unnest({steps}, {times}, {evaluations}) as point (step, at, is_evaluation) {none})"
        ))
    });
}

fn document(random: &mut Random, fields: &[(&str, &str)]) -> String {
    if random.once_in(30) {
        let value = value(random);
        return format!("{}::jsonb", literal(&value));
    }
    let mut members = Vec::new();
    for (field, usual) in fields {
        if random.once_in(4) && *field != fields[0].0 {
            continue;
        }
        let value = if random.once_in(10) { value(random) } else { (*usual).to_owned() };
        members.push(format!("\"{field}\": {value}"));
    }
    if random.once_in(3) {
        members.push(format!("\"other\": {}", value(random)));
    }
    format!("{}::jsonb", literal(&format!("{{{}}}", members.join(", "))))
}

#[test]
fn random_documents_of_gpus() {
    agree("normalize_gpu_config", |random, _| {
        let names = if random.once_in(3) { ["type", "count"] } else { ["gpu_type", "num_gpus"] };
        let count = random.between(1, 16).to_string();
        let number = number(random);
        let mut fields =
            vec![(names[0], "\"H100\""), (names[1], count.as_str()), ("cost_per_gpu_hour", number.as_str())];
        fields.push(("gpu_memory_gb", "80"));
        fields.push(("spot", random.pick(&["true", "false", "null"])));
        if random.once_in(5) {
            fields.push(("gpu_type", "\"A100-80GB\""));
        }
        if random.once_in(5) {
            fields.push(("count", "7"));
        }
        Ok(format!("lora.normalize_gpu_config({})", document(random, &fields)))
    });
}

#[test]
fn random_hyperparameters() {
    agree("normalize_hyperparameters", |random, _| {
        let presets = ["conservative", "balanced", "aggressive", "custom", "fast", "quality"];
        let preset = if random.once_in(25) {
            "hüge ".repeat(random.below(20))
        } else {
            random.pick(&presets).to_owned()
        };
        let spelled = random.once_in(2);
        let fields = [
            ("base_model", "\"mistralai/Mistral-7B-v0.1\""),
            ("learning_rate", "0.0002"),
            ("batch_size", "8"),
            (if spelled { "epochs" } else { "num_epochs" }, "5"),
            (if spelled { "rank" } else { "lora_rank" }, "16"),
            (if spelled { "alpha" } else { "lora_alpha" }, "32"),
            (if spelled { "dropout" } else { "lora_dropout" }, "0.1"),
            ("lora_rank", "64"),
            ("warmup_steps", "100"),
            ("weight_decay", "0.01"),
            ("gradient_accumulation_steps", "4"),
            ("max_steps", "10000"),
        ];
        let count = random.between(1, fields.len());
        let document = document(random, &fields[..count]);
        Ok(format!("lora.normalize_hyperparameters({document}, {})", literal(&preset)))
    });
}

/// A point with fields that it should have, or should not.
fn point(random: &mut Random) -> String {
    const TEXTS: [&str; 24] = [
        "NaN",
        "nan",
        "-nan",
        "Infinity",
        "-INF",
        "+infinity",
        "infinit",
        " 7 ",
        "1e5",
        "1E+05",
        ".5",
        "5.",
        ".",
        "-",
        "1e12345",
        "1e-400",
        "0e-9999",
        "0x1A",
        "2026-01-15",
        "2026-02-30T10:00:00Z",
        "2024-02-29 23:59:59.5+05:30",
        "2026-01-15T23:00+1500",
        "0000-01-01",
        "now",
    ];
    let mut fields = Vec::new();
    for field in [
        "step",
        "epoch",
        "training_loss",
        "learning_rate",
        "validation_loss",
        "gradient_norm",
        "throughput",
        "gpu_utilization",
        "timestamp",
        "eval/f1",
        "train/réward",
        "",
    ] {
        if random.once_in(3) {
            continue;
        }
        let value = match random.below(4) {
            0 => Value::from(random.pick(&TEXTS)).to_string(),
            1 => value(random),
            2 => random.between(0, 3).to_string(),
            _ => number(random),
        };
        fields.push(format!("{}: {value}", Value::from(field)));
    }
    match random.below(40) {
        0 => "null".to_owned(),
        1 => literal("[1]") + "::jsonb",
        2 => {
            let many: Vec<String> = (0..random.between(90, 150)).map(|n| format!("\"m{n}\": {n}")).collect();
            literal(&format!("{{\"step\": 1, {}}}", many.join(", "))) + "::jsonb"
        }
        _ => literal(&format!("{{{}}}", fields.join(", "))) + "::jsonb",
    }
}

#[test]
fn metric_point_findings() {
    agree("metric_point_findings", |random, _| {
        let point = point(random);
        Ok(format!(
            "(select pg_catalog.jsonb_agg(pg_catalog.to_jsonb(found)) from lora.metric_point_findings({point}) as found)"
        ))
    });
}
