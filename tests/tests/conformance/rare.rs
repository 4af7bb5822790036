//! What `tests/cases` cannot write: numbers of more digits than a float has, arrays that begin elsewhere, settings of a session.

use crate::editions::{Editions, Outcome};

/// Exactly between the largest float and what would be the next one, and between 0 and the smallest.
const HALVES: [&str; 2] = ["2::numeric ^ 1024 - 2::numeric ^ 970", "5::numeric ^ 1075 * 1e-1075"];

fn agree(editions: &mut Editions, expression: &str) -> Outcome {
    editions.agree(expression).unwrap_or_else(|difference| panic!("{difference}"))
}

#[test]
fn numbers_halfway_between_floats() {
    let mut editions = Editions::new();
    for half in HALVES {
        for number in [
            half.to_owned(),
            format!("-({half})"),
            format!("({half}) * (1 + 1e-60)"),
            format!("({half}) * (1 - 1e-60)"),
        ] {
            let document = |key: &str| format!("jsonb_build_object('{key}', {number})");
            agree(
                &mut editions,
                &format!(
                    "(select jsonb_agg(f) from lora.metric_point_findings({} || '{{\"step\": 1}}') as f)",
                    document("training_loss")
                ),
            );
            agree(
                &mut editions,
                &format!("lora.normalize_hyperparameters({}, 'custom')", document("weight_decay")),
            );
            agree(&mut editions, &format!("lora.normalize_gpu_config({})", document("gpu_memory_gb")));
            let line = format!(
                "jsonb_build_object('prompt', 'ask', 'completion', 'tell', 'metadata', {number})::text"
            );
            agree(&mut editions, &format!("lora.dataset_report({line}, '{{\"min_examples\": 0}}')"));
        }
    }
}

#[test]
fn arrays_that_begin_elsewhere() {
    let mut editions = Editions::new();
    for observed in ["[0:2]={0.1,0.25,0.5}", "{{0.1},{0.25},{0.5}}", "[5:7]={0.5,0.25,0.1}"] {
        agree(&mut editions, &format!("lora.estimate_cost(100, 1000, 1, 1000, 3.6, 1, '{observed}')"));
    }
}

#[test]
fn sums_at_the_ends_of_what_an_amount_holds() {
    let mut editions = Editions::new();
    let most = "9999999999999999999999999999.9999999999";
    for amounts in [
        format!("(-{most}), (-7014118346046923173168730371.5884105729)"),
        format!("(-{most}), (-7014118346046923173168730371.5884105730)"),
        format!("({most}), (7014118346046923173168730371.5884105728)"),
        format!("({most}), ({most}), (-{most}), (-{most})"),
    ] {
        agree(
            &mut editions,
            &format!(
                "(select lora.cost_breakdown(amount, 'USD', null, null, null, null, null) from (values {amounts}) as charge (amount))"
            ),
        );
    }
    // Seventeen thousand of them are too many, though the rest takes it back.
    let outcome = agree(
        &mut editions,
        "(select lora.cost_breakdown(case when number <= 17040 then 999e21 else -999e21 end, 'USD', null, null, null, null, null)
          from generate_series(1, 17090) as number)",
    );
    assert!(matches!(outcome, Outcome::Refusal { code, .. } if code == "22003"));
}

#[test]
fn settings_of_a_session_change_no_answer() {
    let mut editions = Editions::new();
    for setting in
        ["array_nulls = off", "extra_float_digits = 0", "bytea_output = 'escape'", "datestyle = 'German'"]
    {
        for session in [&mut editions.native, &mut editions.portable] {
            session.batch_execute(&format!("set {setting}")).unwrap();
        }
        for expression in [
            "lora.cost_breakdown(1, 'USD', null, null, null, null, null)",
            "(select lora.cost_breakdown(1, 'USD', null, 'kind ' || number, null, null, null) from generate_series(1, 500) as number)",
            "lora.dataset_report('{\"prompt\":\"ask\",\"completion\":\"tell\",\"metadata\":0.1}', '{}')",
            "lora.interval_cost('[2026-01-15 23:00+00, 2026-01-16 00:30+00)', 3.5, 2)",
        ] {
            assert!(
                matches!(agree(&mut editions, expression), Outcome::Answer(_)),
                "{setting}: {expression}"
            );
        }
    }
}
