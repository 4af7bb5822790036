//! Rules of health: each finds what it is for, and nothing is wrong with a run that is well.

use pg_lora_core::metric::{Finding, RULES, Reading, Readings};
use proptest::prelude::*;

/// A run of so many steps as it should be: the loss falls with some noise, everything else is steady.
fn well(steps: i64) -> Vec<Reading> {
    (1..=steps)
        .map(|step| {
            let noise = ((step * 7_919) % 101) as f64 / 101.0 - 0.5;
            let loss = 0.8 + 1.8 * (-3.0 * step as f64 / steps as f64).exp() + 0.05 * noise;
            Reading {
                step,
                training_loss: Some(loss),
                validation_loss: (step % 50 == 0).then_some(loss + 0.1),
                learning_rate: Some(2e-4 * (1.0 - step as f64 / steps as f64)),
                gradient_norm: Some(0.8 + 0.3 * noise),
                throughput: Some(1_800.0 + 90.0 * noise),
                gpu_utilization: Some(95.0 + 4.0 * noise),
            }
        })
        .collect()
}

fn findings(readings: &[Reading]) -> Vec<Finding> {
    let mut all = Readings::default();
    readings.iter().for_each(|reading| all.push(*reading).unwrap());
    all.findings(&mut || ()).unwrap()
}

/// What is found of a run that was changed from some step on: rule, first and last step.
fn broken(steps: i64, from: i64, change: impl Fn(&mut Reading, i64)) -> Vec<(&'static str, i64, i64)> {
    let mut run = well(steps);
    for reading in run.iter_mut().filter(|reading| reading.step >= from) {
        let behind = reading.step - from;
        change(reading, behind);
    }
    findings(&run).iter().map(|finding| (finding.rule, finding.from_step, finding.to_step)).collect()
}

#[test]
fn nothing_is_wrong_with_a_run_that_is_well() {
    for steps in [0, 1, 9, 30, 200, 1_000, 5_000] {
        assert_eq!(findings(&well(steps)), [], "{steps}");
    }
}

#[test]
fn each_rule_finds_what_it_is_for() {
    let found = broken(300, 250, |reading, behind| {
        if behind < 5 {
            reading.training_loss = Some(f64::NAN);
        }
    });
    assert_eq!(found, [("non_finite", 250, 254)]);
    let found = broken(300, 120, |reading, behind| {
        if behind == 0 {
            reading.gradient_norm = Some(f64::INFINITY);
        }
    });
    assert_eq!(found, [("non_finite", 120, 120)]);
    // To three times the best, and by less but out of all that was usual.
    assert_eq!(broken(300, 280, |reading, _| reading.training_loss = Some(5.0)), [("divergence", 280, 300)]);
    assert_eq!(broken(300, 290, |reading, _| reading.training_loss = Some(2.2)), [("divergence", 291, 300)]);
    // One batch is none.
    let spike = |reading: &mut Reading, behind| {
        if behind < 3 {
            reading.training_loss = Some(9.0);
        }
    };
    assert_eq!(broken(300, 280, spike), []);
    let rising = |reading: &mut Reading, behind| {
        if let Some(loss) = &mut reading.validation_loss {
            *loss = 1.2 + behind as f64 / 500.0;
        }
    };
    assert_eq!(broken(500, 200, rising), [("overfit", 350, 500)]);
    assert_eq!(
        broken(300, 270, |reading, _| reading.learning_rate = Some(0.0)),
        [("learning_rate_zero", 270, 300)]
    );
    assert_eq!(broken(300, 292, |reading, _| reading.learning_rate = Some(0.0)), []);
    let shaken = |reading: &mut Reading, behind| {
        if behind == 0 || behind == 40 {
            reading.gradient_norm = Some(20.0 + behind as f64);
        }
    };
    assert_eq!(broken(300, 200, shaken), [("gradient_spike", 200, 240)]);
    assert_eq!(
        broken(300, 281, |reading, _| reading.throughput = Some(700.0)),
        [("throughput_drop", 281, 300)]
    );
    assert_eq!(broken(300, 260, |reading, _| reading.gpu_utilization = Some(3.0)), [("gpu_idle", 260, 300)]);
    assert_eq!(broken(300, 290, |reading, _| reading.gpu_utilization = Some(3.0)), []);
    let flat = |reading: &mut Reading, _| {
        let noise = ((reading.step * 7_919) % 101) as f64 / 101.0 - 0.5;
        reading.training_loss = Some(1.2 + 0.02 * noise);
    };
    assert_eq!(broken(500, 300, flat), [("plateau", 401, 500)]);
}

#[test]
fn a_finding_says_what_it_rests_on_and_what_to_do() {
    let mut run = well(300);
    run[199].gradient_norm = Some(20.0);
    let [finding] = findings(&run).try_into().unwrap();
    assert_eq!(
        (finding.evidence["spikes"].as_i64(), finding.evidence["highest"].as_f64()),
        (Some(1), Some(20.0))
    );
    let rule = RULES.iter().find(|rule| rule.name == "gradient_spike").unwrap();
    assert_eq!((finding.severity, finding.suggestion), (rule.severity, rule.suggestion));
    for rule in RULES {
        assert!(rule.suggestion.ends_with('.') && !rule.when.ends_with('.'), "{}", rule.name);
    }
}

fn reading() -> impl Strategy<Value = Reading> {
    let figure = || proptest::option::of(prop_oneof![4 => -10.0..10.0, 1 => any::<f64>(), 1 => Just(0.0)]);
    (0_i64..400, figure(), figure(), figure(), figure(), figure(), figure()).prop_map(
        |(
            step,
            training_loss,
            validation_loss,
            learning_rate,
            gradient_norm,
            throughput,
            gpu_utilization,
        )| Reading {
            step,
            training_loss,
            validation_loss,
            learning_rate,
            gradient_norm,
            throughput,
            gpu_utilization,
        },
    )
}

proptest! {
    #[test]
    fn the_order_and_the_parts_do_not_matter(mut readings in proptest::collection::vec(reading(), 0..300), cut in any::<prop::sample::Index>()) {
        let expected = findings(&readings);
        let text = |findings: &[Finding]| serde_json::to_string(findings).unwrap();
        let middle = cut.index(readings.len() + 1);
        let mut left = Readings::default();
        let mut right = Readings::default();
        readings[middle..].iter().for_each(|reading| left.push(*reading).unwrap());
        readings[..middle].iter().for_each(|reading| right.push(*reading).unwrap());
        left.append(&Readings::decode(&right.encode().unwrap()).unwrap()).unwrap();
        prop_assert_eq!(text(&left.findings(&mut || ()).unwrap()), text(&expected));
        readings.reverse();
        prop_assert_eq!(text(&findings(&readings)), text(&expected));
        for finding in &expected {
            prop_assert!(finding.from_step <= finding.to_step);
        }
    }
}

#[test]
fn a_damaged_state_is_refused() {
    let mut all = Readings::default();
    all.push(well(1)[0]).unwrap();
    let mut state = all.encode().unwrap();
    assert!(Readings::decode(&state[1..]).is_err());
    state[8] = 64;
    assert!(Readings::decode(&state).is_err());
}
