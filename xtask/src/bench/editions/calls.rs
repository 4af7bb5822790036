//! What is called, and on what.

/// A function that answers in less than a millisecond.
pub struct Call {
    pub name: &'static str,
    /// Columns `a`, `b`, … of one row, which are the arguments.
    arguments: &'static str,
    expression: &'static str,
    /// How often in one statement.
    pub times: u32,
}

impl Call {
    /// The answer, once.
    pub fn answer(&self) -> String {
        format!("with i as materialized (select {}) select {} from i", self.arguments, self.expression)
    }

    /// The answers of many calls, counted.
    pub fn many(&self) -> String {
        format!(
            "with i as materialized (select {}) select count({}) from i, generate_series(1, {})",
            self.arguments, self.expression, self.times
        )
    }
}

/// An aggregate over a table.
pub struct Aggregate {
    pub name: &'static str,
    pub sql: &'static str,
    /// Milliseconds that it may take in plain SQL.
    pub most: Option<f64>,
    /// How many times faster the extension has to be.
    pub least_gain: Option<f64>,
}

/// An attempt of 2,000 steps: 79 points, each fifth an evaluation.
const PACE: &str = "lora.add_points_to_job_pace(null,
    array(select 25 * n from generate_series(1, 79) as n),
    array(select timestamptz '2026-01-01' + n * interval '50 s' from generate_series(1, 79) as n),
    array(select n % 5 = 0 from generate_series(1, 79) as n)) as a";

pub const CALLS: [Call; 18] = [
    Call {
        name: "is_job_transition",
        arguments: "'running'::text as a, 'completed'::text as b",
        expression: "lora.is_job_transition(i.a, i.b)",
        times: 2000,
    },
    Call { name: "describe_job_pace", arguments: PACE, expression: "lora.describe_job_pace(i.a)", times: 200 },
    Call {
        name: "add_points_to_job_pace, one point",
        arguments: PACE,
        expression: "lora.add_points_to_job_pace(i.a, array[2001], array[timestamptz '2026-01-01 03:00'])",
        times: 200,
    },
    Call {
        name: "add_stage_to_job_pace",
        arguments: PACE,
        expression: "lora.add_stage_to_job_pace(i.a, 'evaluating', timestamptz '2026-01-01 03:00')",
        times: 200,
    },
    Call {
        name: "job_progress_of_pace",
        arguments: PACE,
        expression: "lora.job_progress_of_pace('running', 'training', 4000, i.a, timestamptz '2026-01-01 01:06')",
        times: 200,
    },
    Call {
        name: "job_progress, 64 points",
        arguments: "array(select 10 * n from generate_series(1, 64) as n) as a,
            array(select timestamptz '2026-01-01' + n * interval '20 s' from generate_series(1, 64) as n) as b",
        expression: "lora.job_progress('running', 'training', 1000, i.a, i.b, timestamptz '2026-01-01 00:22')",
        times: 200,
    },
    Call {
        name: "job_verdict",
        arguments: PACE,
        expression: "lora.job_verdict('running', 'training', timestamptz '2026-01-01 01:10', timestamptz '2026-01-01 01:09',
            timestamptz '2026-01-01 01:06', timestamptz '2026-01-01 01:15', timestamptz '2026-01-01', i.a)",
        times: 200,
    },
    Call {
        name: "metric_point_findings",
        arguments: r#"'{"step": 7, "epoch": 1, "training_loss": 1.5, "learning_rate": 7, "gpu_utilization": 120}'::jsonb as a"#,
        expression: "(select jsonb_agg(finding) from lora.metric_point_findings(i.a) as finding)",
        times: 200,
    },
    Call {
        name: "estimate_tokens of 300 bytes of English",
        arguments: "repeat('The key of stand seven is lost, and the trailer is back. ', 5) || 'Thanks a lot.' as a",
        expression: "lora.estimate_tokens(i.a)",
        times: 500,
    },
    Call {
        name: "dataset_metric_findings",
        arguments: r#"'{"total_training_pairs": 10, "total_tokens": 90000, "avg_tokens_per_turn": 7, "file_size": 100}'::jsonb as a"#,
        expression: "(select jsonb_agg(finding) from lora.dataset_metric_findings(i.a) as finding)",
        times: 200,
    },
    Call {
        name: "dataset_rules",
        arguments: "1 as a",
        expression: "(select count(rule) from lora.dataset_rules() as rule where i.a > 0)",
        times: 200,
    },
    Call {
        name: "normalize_gpu_config",
        arguments: r#"'{"type": "A100-80GB", "count": 2, "cost_per_gpu_hour": 3.5}'::jsonb as a"#,
        expression: "lora.normalize_gpu_config(i.a)",
        times: 1000,
    },
    Call {
        name: "normalize_hyperparameters",
        arguments: r#"'{"epochs": 3, "rank": 8, "learning_rate": 0.0002}'::jsonb as a"#,
        expression: "lora.normalize_hyperparameters(i.a, 'balanced')",
        times: 1000,
    },
    Call {
        name: "hyperparameter_presets",
        arguments: "1 as a",
        expression: "(select lora.hyperparameter_presets() where i.a > 0)",
        times: 1000,
    },
    Call {
        name: "interval_cost",
        arguments: "tstzrange('2026-01-01', '2026-01-01 01:23:45.678901') as a, 3.5::numeric as b",
        expression: "lora.interval_cost(i.a, i.b, 2)",
        times: 2000,
    },
    Call {
        name: "estimate_cost by the formula",
        arguments: "33 as a, 5775.0::double precision as b",
        expression: "lora.estimate_cost(i.a, i.b, 3, 1800, 3.5, 2)",
        times: 1000,
    },
    Call {
        name: "estimate_cost by what was observed",
        arguments: "array[0.8, 1.0, 1.3]::double precision[] as a",
        expression: "lora.estimate_cost(33, 5775, 3, 1800, 3.5, 2, i.a)",
        times: 1000,
    },
    Call { name: "build_info", arguments: "1 as a", expression: "(select lora.build_info() - '{edition,version,postgres_version}'::text[] where i.a > 0)", times: 1000 },
];

/// What the aggregates read.
pub const TABLES: &str = "
     create unlogged table points as
       select n as step, (2 + sin(n / 500.0) + case when n % 99991 = 0 then 9 else 0 end)::double precision as loss,
         timestamptz '2026-01-01' + n * interval '1 s' as reported_at
       from generate_series(1, 1000000) as n;
     create unlogged table charges as
       select (n % 1000) / 100.0 + 0.0000000001 as amount, date '2026-01-01' + n % 365 as day, 'training_compute' as cost_type,
         'A100-80GB' as gpu_type, ('00000000-0000-4000-8000-' || lpad((n % 1000)::text, 12, '0'))::uuid as job_id
       from generate_series(1, 100000) as n;
     analyze points, charges";

/// Of a table `chats` (megabytes, content) with chats of 1 and of 16 MB (of 2²⁰ bytes): the lines of the first, and what each
/// edition makes of the second, in parts of 1 MB and as a whole.
pub const PARTS: &str = "
     create unlogged table chat_lines as
       select line_number, line from chats, regexp_split_to_table(rtrim(convert_from(content, 'UTF8'), chr(10)), chr(10))
         with ordinality as line (line, line_number)
       where megabytes = 1;
     create unlogged table chat_base64 as select translate(encode(content, 'base64'), chr(10), '') as content from chats where megabytes = 1;
     create unlogged table chat_parts as
       select number, lora.scan_segment(substr(content, 1 + (number - 1) * 1048576, 1048576)) as segment
       from chats, generate_series(1, 16) as number where megabytes = 16;
     create unlogged table chat_whole as select lora.merge_segments(segment order by number) as segment from chat_parts;
     analyze chat_lines, chat_parts";

/// Milliseconds for a megabyte at 5 MB/s.
const MEGABYTE: f64 = 1_048_576.0 / 5_000.0;

pub const AGGREGATES: [Aggregate; 16] = [
    Aggregate {
        name: "dataset_report of 1 MB of chats, at 5 MB/s",
        sql: "select md5((lora.dataset_report(content) - '{edition,rules_not_evaluated}'::text[])::text) from chats where megabytes = 1",
        most: Some(MEGABYTE),
        least_gain: Some(10.0),
    },
    Aggregate {
        name: "dataset_report of 16 MB of chats, at 5 MB/s",
        sql: "select md5((lora.dataset_report(content) - '{edition,rules_not_evaluated}'::text[])::text) from chats where megabytes = 16",
        most: Some(16.0 * MEGABYTE),
        least_gain: Some(10.0),
    },
    Aggregate {
        name: "dataset_findings of 1 MB of chats",
        sql: "select count(found) from chats, lora.dataset_findings(content) as found where megabytes = 1",
        most: None,
        least_gain: Some(10.0),
    },
    // Its bytes belong to an edition.
    Aggregate {
        name: "scan_segment of 1 MB of chats, at 5 MB/s",
        sql: "select lora.scan_segment(content) is not null from chats where megabytes = 1",
        most: Some(MEGABYTE),
        least_gain: Some(10.0),
    },
    Aggregate {
        name: "a chunk of 1 MB in base64, scanned",
        sql: "select lora.scan_segment(decode(content, 'base64')) is not null from chat_base64",
        most: Some(2000.0),
        least_gain: None,
    },
    Aggregate {
        name: "merge_segments of 16 parts of 1 MB",
        sql: "select lora.merge_segments(segment order by number) is not null from chat_parts",
        most: None,
        least_gain: None,
    },
    Aggregate {
        name: "segment_report of 16 MB of chats",
        sql: "select md5((lora.segment_report(segment) - '{edition,rules_not_evaluated}'::text[])::text) from chat_whole",
        most: None,
        least_gain: None,
    },
    Aggregate {
        name: "dataset_lines_report of 1 MB of chats",
        sql: "select md5((lora.dataset_lines_report(line_number, line, '{}') - '{edition,rules_not_evaluated}'::text[])::text) from chat_lines",
        most: None,
        least_gain: None,
    },
    Aggregate {
        name: "curve, 320 points of 1,000 by minmaxlttb",
        sql: "select lora.curve(step::bigint, loss, 320, 'minmaxlttb') from points where step <= 1000",
        most: None,
        least_gain: None,
    },
    Aggregate {
        name: "curve, 320 points of 1,000,000 by minmaxlttb",
        sql: "select lora.curve(step::bigint, loss, 320, 'minmaxlttb') from points",
        most: Some(2500.0),
        least_gain: Some(4.0),
    },
    Aggregate {
        name: "curve, 320 points of 100,000 by lttb, smoothed",
        sql: "select lora.curve(step::bigint, loss, 320, 'lttb', 0.6) from points where step <= 100000",
        most: None,
        least_gain: Some(4.0),
    },
    Aggregate {
        name: "estimate_tokens of 1 MB of English",
        sql: "select lora.estimate_tokens(string_agg('Bicycle ' || n || ' is at stand ' || n % 17 || ', and the key hangs where it always does. ', ''))
          from generate_series(1, 14000) as n",
        most: Some(200.0),
        least_gain: None,
    },
    Aggregate {
        name: "curve_health of 100,000 points",
        sql: "select lora.curve_health(step::bigint, loss, null, 0.0002, null, null, null) from points where step <= 100000",
        most: None,
        least_gain: None,
    },
    Aggregate {
        name: "job_pace of 100,000 points",
        sql: "select lora.job_pace(step, reported_at) from points where step <= 100000",
        most: None,
        least_gain: None,
    },
    Aggregate {
        name: "smooth of 100,000 values",
        sql: "select md5(lora.smooth(array(select loss from points where step <= 100000 order by step), 0.6)::text)",
        most: None,
        least_gain: None,
    },
    Aggregate {
        name: "cost_breakdown of 100,000 charges of 1,000 jobs",
        sql: "select lora.cost_breakdown(amount, 'USD', day, cost_type, gpu_type, job_id, 'completed') from charges",
        most: None,
        least_gain: None,
    },
];
