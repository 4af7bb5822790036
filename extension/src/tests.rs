//! What only a server can show: conversions, NULLs, memory, damaged input, SQLSTATEs.

#[pgrx::pg_schema]
mod tests {
    use pgrx::prelude::*;

    fn text(query: &str) -> Option<String> {
        Spi::get_one::<String>(query).expect("the query runs")
    }

    /// The SQLSTATE and the hint that a query ends with.
    fn refused(query: &str) -> (String, String) {
        Spi::run(
            "create or replace function pg_temp.refused(query text, out state text, out hint text) language plpgsql as $$
             begin
               execute query;
             exception when others then
               get stacked diagnostics state = returned_sqlstate, hint = pg_exception_hint;
             end $$",
        )
        .expect("the function is made");
        let (state, hint) = Spi::get_two_with_args::<String, String>(
            "select state, hint from pg_temp.refused($1)",
            &[query.into()],
        )
        .expect("the query runs");
        (state.unwrap_or_default(), hint.unwrap_or_default())
    }

    const REFUSED: &str = "22023";

    #[pg_test]
    fn null_arguments_give_null() {
        for call in [
            "lora.dataset_report(null::text)",
            "lora.dataset_report(null::bytea)",
            "lora.dataset_report('{}'::text, null)",
            "lora.job_progress(null, 'training', 1, '{}', '{}', now())",
            "lora.job_progress('running', 'training', 1, '{}', '{}', null)",
            "lora.job_progress_of_pace(null, 'training', 1, null, now())",
            "lora.job_progress_of_pace('running', 'training', 1, null, null)",
            "lora.job_verdict(null, 'training', now())",
            "lora.job_verdict('running', 'training', null)",
            "lora.job_pace(null, now())",
            "lora.job_pace(1, null, true)",
            "lora.describe_job_pace(null)",
            "lora.interval_cost(null, 1)",
            "lora.interval_cost('empty', null)",
            "lora.estimate_cost(1, 1, 1, 1, null)",
        ] {
            assert_eq!(text(&format!("select ({call})::text")), None, "{call}");
        }
        assert_eq!(
            text("select lora.job_progress('running', null, null, null, null, now()) #>> '{eta,reason}'")
                .as_deref(),
            Some("no_points")
        );
    }

    /// A worker's clock may say anything.
    #[pg_test]
    fn infinite_times_break_nothing() {
        for (first, second) in
            [("-infinity", "infinity"), ("infinity", "-infinity"), ("4713-01-01 BC", "294276-12-31")]
        {
            let kept = format!(
                "lora.add_stage_to_job_pace(lora.add_stage_to_job_pace(lora.add_points_to_job_pace(null, '{{1,2,3}}',
                   array['{first}', now(), '{second}']::timestamptz[], '{{true,false,null}}'), 'evaluating', '{first}'), 'training', '{second}')"
            );
            for at in ["now()", "'infinity'", "'-infinity'"] {
                let known = text(&format!(
                    "select lora.job_progress_of_pace('running', 'training', 9, {kept}, {at}) ->> 'step'
                       || (lora.job_verdict('running', 'training', {at}, {at}, '{first}', '{second}', null, {kept}) ->> 'verdict' <> '')::text"
                ));
                assert_eq!(known.as_deref(), Some("3true"), "{first} {second} {at}");
            }
        }
    }

    #[pg_test]
    fn text_and_bytea_give_the_same_report() {
        let same = Spi::get_one::<bool>(
            "select lora.dataset_report(content) = lora.dataset_report(convert_to(content, 'UTF8'))
             from (select E'{\"conversation_id\":\"ü\",\"turns\":[]}\\r\\n\\nnope' as content) as file",
        );
        assert_eq!(same, Ok(Some(true)));
    }

    #[pg_test]
    fn a_compressed_and_toasted_value_is_read_whole() {
        Spi::run(
            "create temporary table files (content text, raw bytea);
             insert into files select line, convert_to(line, 'UTF8') from (
               select string_agg(format('{\"conversation_id\":\"c%s\",\"turns\":[{\"role\":\"user\",\"content\":\"%s\"},{\"role\":\"assistant\",\"content\":\"ok\"}]}', n, md5(n::text)), E'\\n') as line
               from generate_series(1, 20000) as n
             ) as file",
        )
        .expect("the table is filled");
        let counts = Spi::get_two::<i64, i64>(
            "select (lora.dataset_report(content) -> 'total_training_pairs')::bigint, (lora.dataset_report(raw) -> 'conversations')::bigint from files",
        );
        assert_eq!(counts, Ok((Some(20_000), Some(20_000))));
    }

    #[pg_test]
    fn any_bytes_are_a_finding_and_never_an_error() {
        for bytes in ["\\x", "\\x00", "\\xff", "\\x1f8b0800", "\\xefbbbf", "\\x7b00", "\\x0a0d0a"] {
            let valid = text(&format!("select lora.dataset_report('{bytes}'::bytea) ->> 'valid'"));
            assert_eq!(valid.as_deref(), Some("false"), "{bytes}");
        }
        let deep = text("select lora.dataset_report(repeat('[', 100000)) #>> '{findings,1,code}'");
        assert_eq!(deep.as_deref(), Some("nesting_too_deep"));
    }

    /// How often each of these findings is raised on a content that SQL makes.
    fn counts(content: &str) -> Option<String> {
        text(&format!("select lora.dataset_report({content}) ->> 'counts'"))
    }

    #[pg_test]
    fn bad_input_has_its_own_code() {
        let reply = |text: &str| {
            format!(
                "$f${{\"messages\":[{{\"role\":\"user\",\"content\":\"Hi\"}},{{\"role\":\"assistant\",\"content\":{text}}}]}}$f$"
            )
        };
        for (content, code) in [
            (reply("\"Hello\\u0000\""), "nul_character"),
            (reply("\"\\ud83d\""), "unpaired_surrogate"),
            (reply("1e999"), "number_out_of_range"),
            (reply("NaN"), "non_finite_number"),
            (format!("convert_to({}, 'UTF8') || '\\x0a00'::bytea", reply("\"Hello\"")), "invalid_json"),
            (format!("'\\xefbbbf'::bytea || convert_to({}, 'UTF8')", reply("\"Hello\"")), "byte_order_mark"),
            (format!("{} || E'\\r\\n'", reply("\"Hello\"")), "crlf"),
            ("'\\x7b22e9227d'::bytea".to_owned(), "invalid_utf8"),
            ("'\\x1f8b08000000'::bytea".to_owned(), "binary_file"),
            ("''::text".to_owned(), "empty_file"),
            ("E'\\n \\n\\t\\n'".to_owned(), "empty_file"),
            ("'{\"a\":' || repeat('[', 100000)".to_owned(), "nesting_too_deep"),
            ("repeat('{\"a\":', 100000)".to_owned(), "nesting_too_deep"),
            ("'{\"messages\":\"' || repeat('x', 20000000) || '\"}'".to_owned(), "line_too_long"),
            ("'[' || repeat('0,', 300000) || '0]'".to_owned(), "too_many_values"),
            ("'[{\"messages\":[]}]'::text".to_owned(), "json_array"),
            ("E'prompt,completion\\nHi,Hello\\n'".to_owned(), "csv_file"),
            ("E'{\\n \"training_pairs\": [\\n  {]\\n}'".to_owned(), "invalid_json"),
        ] {
            let counts = counts(&content).unwrap_or_default();
            assert!(counts.contains(&format!("\"{code}\"")), "{code}: {counts}");
        }
    }

    #[pg_test]
    fn a_line_of_300_mb_is_a_finding() {
        let counts = counts(
            "convert_to('{\"messages\":\"', 'UTF8') || convert_to(repeat('0123456789', 30000000), 'UTF8')",
        );
        assert_eq!(counts.as_deref(), Some("{\"line_too_long\": 1, \"too_few_examples\": 1}"));
    }

    #[pg_test]
    fn findings_and_rules_come_as_rows() {
        let row = text(
            "select string_agg(concat_ws('|', line, severity, code, path, byte_offset), ' ' order by line)
             from lora.dataset_findings(E'{\"prompt\":\"Hi\",\"completion\":\" Hello\"}\\nnope'::text)",
        );
        assert_eq!(row.as_deref(), Some("1|warning|padded_content|completion|28 2|error|invalid_json|39"));
        let same = Spi::get_one::<bool>(
            "select array_agg(code) = (select array_agg(code) from lora.dataset_findings('nope'::bytea)) from lora.dataset_findings('nope'::text)",
        );
        assert_eq!(same, Ok(Some(true)));
        let severities =
            text("select severities::text from lora.dataset_rules() where code = 'reply_truncated'");
        let expected =
            r#"{"openai": "error", "mistral": "error", "together": "error", "brightrun": "warning"}"#;
        assert_eq!(severities.as_deref(), Some(expected));
    }

    #[pg_test]
    fn tokens_are_estimated_as_a_report_does() {
        let same = Spi::get_one::<bool>(
            "select lora.estimate_tokens('Hello there') + lora.estimate_tokens('Hi') =
               (lora.dataset_report('{\"prompt\":\"Hi\",\"completion\":\"Hello there\"}'::text) -> 'total_tokens')::bigint",
        );
        assert_eq!(same, Ok(Some(true)));
        assert_eq!(Spi::get_one::<i64>("select lora.estimate_tokens('')"), Ok(Some(0)));
        assert_eq!(Spi::get_one::<i64>("select lora.estimate_tokens(null)"), Ok(None));
    }

    #[pg_test]
    fn options_that_no_tree_can_hold_are_refused() {
        for options in [
            "'{\"min_examples\": 1e400}'",
            "'{\"min_examples\": 1.5}'",
            "'{\"unknown\": 1}'",
            "'{\"window\": 0}'",
            "'{\"exact_tokens\": {\"content\": 1}}'",
            "'{\"exact_tokens\": {\"content\": 1, \"method\": \"x\", \"more\": 1}}'",
            "'{\"declared_format\": \"csv\"}'",
            "'[]'",
            "'1'",
            "(repeat('[', 500) || repeat(']', 500))::jsonb",
        ] {
            let (state, hint) = refused(&format!("select lora.dataset_report('{{}}'::text, {options})"));
            assert_eq!(state, REFUSED, "{options}");
            assert!(!hint.is_empty(), "{options}");
        }
    }

    #[pg_test]
    fn every_refusal_has_a_state_below_500_and_a_hint() {
        for (call, expected) in [
            ("lora.is_job_transition('queued', 'banana')", REFUSED),
            ("lora.job_progress('paused', '', 1, null, null, now())", REFUSED),
            ("lora.job_progress('running', '', 0, null, null, now())", REFUSED),
            ("lora.job_progress('running', '', 1, '{1}', null, now())", REFUSED),
            ("lora.job_progress('running', '', 1, '{null}', array[now()], now())", REFUSED),
            ("lora.job_progress('running', '', 1, '{-1}', array[now()], now())", REFUSED),
            ("lora.job_progress('running', '', 1, '{1}', array[now()], now(), '{}')", REFUSED),
            (
                "lora.job_progress('running', '', 1, null, null, now(), null, '{\"seconds_per_step\": 1e400}')",
                REFUSED,
            ),
            ("lora.job_progress_of_pace('running', '', 1, '{\"steps\": []}', now())", REFUSED),
            ("lora.job_progress_of_pace('paused', '', 1, null, now())", REFUSED),
            ("lora.job_verdict('paused', '', now())", REFUSED),
            ("lora.job_verdict('running', '', now(), pace => '3')", REFUSED),
            ("lora.job_pace(-1, now())", REFUSED),
            ("lora.add_points_to_job_pace('null', '{}', '{}')", REFUSED),
            ("lora.add_points_to_job_pace(null, '{1}', '{}')", REFUSED),
            ("lora.add_points_to_job_pace(null, '{-1}', array[now()])", REFUSED),
            ("lora.add_stage_to_job_pace('[]', 'training', now())", REFUSED),
            ("lora.describe_job_pace('{}')", REFUSED),
            ("* from lora.dataset_metric_findings('[]')", REFUSED),
            ("* from lora.dataset_metric_findings('{\"total_tokens\": \"many\"}')", REFUSED),
            ("* from lora.dataset_metric_findings('{\"total_tokens\": 1e400}')", REFUSED),
            ("lora.interval_cost('[2026-01-01,)', 1)", REFUSED),
            ("lora.interval_cost('(,2026-01-01)', 1)", REFUSED),
            ("lora.interval_cost('[-infinity,infinity]', 1)", REFUSED),
            ("lora.interval_cost('[2026-01-01,2026-01-02)', -1)", REFUSED),
            ("lora.interval_cost('[2026-01-01,2026-01-02)', 'NaN')", REFUSED),
            ("lora.interval_cost('[2026-01-01,2026-01-02)', 'infinity')", REFUSED),
            ("lora.interval_cost('[2026-01-01,2026-01-02)', 0.00000000001)", REFUSED),
            ("lora.interval_cost('[2026-01-01,2026-01-02)', 1, -1)", REFUSED),
            ("lora.interval_cost('[2026-01-01,2026-01-02)', 1, 1, '1 month')", REFUSED),
            ("lora.interval_cost('[2026-01-01,2026-01-02)', 1, 1, '-1 s')", REFUSED),
            ("lora.interval_cost('[2026-01-01,2026-01-02)', 1e28)", "22003"),
            ("lora.interval_cost('[4713-01-01 BC,294276-12-31)', 9e27, 2147483647)", "22003"),
            ("lora.estimate_cost(0, 1, 1, 1, 1)", REFUSED),
            ("lora.estimate_cost(1, 'NaN', 1, 1, 1)", REFUSED),
            ("lora.estimate_cost(1, 1, 1, 0, 1)", REFUSED),
            ("lora.estimate_cost(1, 1e300, 1, 1, 1)", "22003"),
            ("lora.cost_breakdown(1, null, null, null, null, null, null)", REFUSED),
            ("lora.cost_breakdown('NaN', 'USD', null, null, null, null, null)", REFUSED),
            ("lora.cost_breakdown(1, 'USD', 'infinity', null, null, null, null)", REFUSED),
            ("lora.cost_breakdown(1, 'USD', null, repeat('x', 201), null, null, null)", REFUSED),
        ] {
            let (state, hint) = refused(&format!("select {call}"));
            assert_eq!(state, expected, "{call}");
            assert!(hint.ends_with('.'), "{call}: hint \"{hint}\"");
        }
    }

    #[pg_test]
    fn amounts_are_exact_to_the_last_digit() {
        let sum = text(
            "select (lora.cost_breakdown(lora.interval_cost(tstzrange(at, at + '1 s'), 16), 'USD', null, 'x', null, null, null) -> 'total')::text
             from generate_series(timestamptz '2026-01-01', '2026-01-01 00:59:59', '1 s') as at",
        );
        // Each tick of 0.00444… was rounded by itself; one interval over the hour is 16 exactly.
        assert_eq!(sum.as_deref(), Some("15.9999998400"));
        assert_eq!(
            text("select lora.interval_cost('[2026-01-01,2026-01-01 01:00)', 16)::text").as_deref(),
            Some("16.0000000000")
        );
        let big = text(
            "select (lora.cost_breakdown(9999999999.9999999999, 'USD', null, null, null, null, null) -> 'total')::text from generate_series(1, 1000)",
        );
        assert_eq!(big.as_deref(), Some("9999999999999.9999999000"));
    }

    #[pg_test]
    fn the_state_outlives_its_rows_and_may_be_read_more_than_once() {
        let groups = Spi::get_one::<i64>(
            "select count(*) from (
               select lora.cost_breakdown(1, 'USD', date '2026-01-01' + n % 50, 'type ' || n % 7, repeat('g', n % 100), null, 'done') as answer
               from generate_series(1, 100000) as n group by n % 3
             ) as sums where jsonb_array_length(answer -> 'by_day') = 50 and jsonb_array_length(answer -> 'by_gpu') = 100",
        );
        assert_eq!(groups, Ok(Some(3)));
        let running = text(
            "select string_agg(total, ' ' order by n) from (
               select n, (lora.cost_breakdown(n, 'USD', null, null, null, null, null) over (order by n) ->> 'total')::numeric::int::text as total
               from generate_series(1, 5) as n
             ) as sums",
        );
        assert_eq!(running.as_deref(), Some("1 3 6 10 15"));
    }

    #[pg_test]
    fn a_calendar_day_is_a_key_as_it_is_written() {
        for day in ["0001-01-01", "1999-12-31", "2024-02-29", "9999-12-31"] {
            let key = text(&format!(
                "select lora.cost_breakdown(1, 'USD', '{day}', null, null, null, null) #>> '{{by_day,0,day}}'"
            ));
            assert_eq!(key.as_deref(), Some(day));
        }
    }

    #[pg_test]
    fn every_function_says_what_it_does_and_what_may_be_done_with_it() {
        let silent = text(
            "select string_agg(p.oid::regprocedure::text, ', ') from pg_proc p
             where p.pronamespace = 'lora'::regnamespace and obj_description(p.oid, 'pg_proc') is null
               and p.prorettype <> 'internal'::regtype and not ('internal'::regtype = any (p.proargtypes))",
        );
        assert_eq!(silent, None, "functions without a comment");
        let unsafe_ones = text(
            "select string_agg(p.oid::regprocedure::text, ', ') from pg_proc p
             where p.pronamespace = 'lora'::regnamespace and (p.proparallel <> 's' or p.provolatile = 'v')",
        );
        assert_eq!(unsafe_ones, None, "functions that are volatile or not parallel safe");
    }

    #[pg_test]
    fn findings_on_figures_come_as_rows() {
        let count = |call: &str| {
            Spi::get_one::<i64>(&format!("select count(*) from lora.dataset_metric_findings({call})"))
                .expect("the query runs")
        };
        assert_eq!(count("null"), Some(0));
        assert_eq!(count("null, '{}'"), Some(0));
        assert_eq!(count("'{}', null"), Some(0));
        assert_eq!(count("'{\"file_size\": -1, \"total_tokens\": -1}'"), Some(2));
        // Whatever else a row holds is passed over.
        assert_eq!(
            count(
                "jsonb_build_object('sample_data', (repeat('[', 500) || repeat(']', 500))::jsonb, 'x', 1e400)"
            ),
            Some(0)
        );
        let first = text(
            "select concat_ws('|', code, severity, column_name, error, suggestion)
             from lora.dataset_metric_findings('{\"total_training_pairs\": 44, \"total_tokens\": 8800}')",
        );
        let first = first.expect("a finding");
        assert!(first.starts_with("guessed_tokens|warning|total_tokens|\"total_tokens\" is 8800"), "{first}");
        // A row for each row, however many.
        let all = Spi::get_one::<i64>(
            "select count(*) from generate_series(1, 10000) as n,
               lora.dataset_metric_findings(jsonb_build_object('total_tokens', -n))",
        );
        assert_eq!(all, Ok(Some(10_000)));
    }

    #[pg_test]
    fn build_info_is_of_this_build() {
        assert_eq!(text("select lora.build_info() ->> 'edition'").as_deref(), Some("native"));
        let version = text("select extversion::text from pg_extension where extname = 'pg_lora'");
        assert_eq!(text("select lora.build_info() ->> 'version'"), version);
    }
}
