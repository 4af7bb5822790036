//! Charges, intervals and estimates that nobody wrote down, with figures at the ends of what an amount holds.

use pg_lora_tests::random::Random;

use crate::editions::literal;
use crate::random::agree;

/// An amount, or what is none.
fn amount(random: &mut Random) -> String {
    let odd = [
        "NaN",
        "Infinity",
        "-Infinity",
        "0.00000000001",
        "1e28",
        "-1e28",
        "9999999999999999999999999999.9999999999",
        "0",
        "-1",
        "0.0000000001",
        "1.50000000000000",
    ];
    match random.below(12) {
        0 => format!("{}::numeric", literal(random.pick(&odd))),
        1 => "null::numeric".to_owned(),
        2 => format!("{}::numeric", random.between(0, 1_000_000)),
        3 => format!("-{}.{:04}::numeric", random.between(0, 100), random.between(0, 9_999)),
        _ => format!("{}.{:010}::numeric", random.between(0, 100), random.between(0, 9_999_999_999)),
    }
}

/// An instant, by the microsecond.
fn instant(random: &mut Random) -> String {
    if random.once_in(30) {
        return random
            .pick(&["infinity", "-infinity", "4713-01-01 00:00Z BC", "294276-12-31 23:59:59.999999Z"])
            .to_owned();
    }
    format!(
        "20{:02}-{:02}-{:02} {:02}:{:02}:{:02}.{:06}Z",
        random.between(0, 40),
        random.between(1, 12),
        random.between(1, 28),
        random.between(0, 23),
        random.between(0, 59),
        random.between(0, 59),
        random.pick(&[0, 0, 1, 500_000, 999_999]),
    )
}

fn period(random: &mut Random) -> String {
    match random.below(25) {
        0 => "null::tstzrange".to_owned(),
        1 => "'empty'::tstzrange".to_owned(),
        2 => format!("'[{},)'::tstzrange", instant(random)),
        _ => {
            let (one, other) = (instant(random), instant(random));
            let bounds = random.pick(&["[)", "[]", "()", "(]"]);
            format!(
                "tstzrange(least({0}::timestamptz, {1}::timestamptz), greatest({0}::timestamptz, {1}::timestamptz), '{bounds}')",
                literal(&one),
                literal(&other)
            )
        }
    }
}

fn interval(random: &mut Random) -> String {
    let odd = [
        "1 month",
        "-1 second",
        "2000000000 days",
        "-2000000000 days",
        "1 day",
        "178000000 years",
        "-1 month 31 days",
    ];
    match random.below(8) {
        0 => format!("interval {}", literal(random.pick(&odd))),
        1 | 2 => "interval '0'".to_owned(),
        _ => {
            format!("interval '{}.{:06} seconds'", random.between(0, 4_000), random.pick(&[0, 0, 1, 123_456]))
        }
    }
}

#[test]
fn random_intervals() {
    agree("interval_cost", |random, _| {
        let mut arguments = vec![period(random), amount(random)];
        if random.once_in(2) {
            let gpus = random.pick(&["0", "1", "1", "2", "8", "4096", "-1", "2147483647", "null"]);
            arguments.push(gpus.to_owned());
            if random.once_in(2) {
                arguments.push(interval(random));
                arguments.push(interval(random));
            }
        }
        Ok(format!("lora.interval_cost({})", arguments.join(", ")))
    });
}

#[test]
fn random_charges() {
    agree("cost_breakdown", |random, _| {
        let count = random.between(0, 30);
        let text = |random: &mut Random, known: &[&str]| match random.below(30) {
            0 => format!("repeat('é', {})::text", random.pick(&[99, 100, 101])),
            1..5 => "null::text".to_owned(),
            _ => format!("{}::text", literal(random.pick(known))),
        };
        // Most calls have an answer: what is refused is refused by one row.
        let sound = !random.once_in(3);
        let rows: Vec<String> = (0..count)
            .map(|_| {
                let amount = if sound {
                    format!("{}.{:010}::numeric", random.between(0, 100), random.between(0, 9_999_999_999))
                } else {
                    amount(random)
                };
                let currency = if sound || !random.once_in(20) {
                    "'JPY'::text".to_owned()
                } else {
                    text(random, &["JPY", "USD"])
                };
                let day = match random.below(30) {
                    0 if !sound => "date 'infinity'".to_owned(),
                    1..4 => "null::date".to_owned(),
                    4 => "date '0044-03-15 BC'".to_owned(),
                    _ => format!("date '2026-01-01' + {}", random.between(0, 400)),
                };
                let kind = if sound {
                    "'storage'::text".to_owned()
                } else {
                    text(random, &["storage", "a", "B", ""])
                };
                let status = literal(random.pick(&["running", "completed", "é", "Z"]));
                let job = if random.once_in(4) {
                    "null::uuid".to_owned()
                } else {
                    format!("md5('{}')::uuid", random.between(0, 12))
                };
                let gpu = literal(random.pick(&["H100", "A100-80GB", ""]));
                format!("({amount}, {currency}, {day}, {kind}, {gpu}::text, {job}, {status}::text)")
            })
            .collect();
        let rows = if rows.is_empty() {
            "select null::numeric, null::text, null::date, null::text, null::text, null::uuid, null::text where false".to_owned()
        } else {
            format!("values {}", rows.join(", "))
        };
        // More than a state has room for, now and then with a job for each.
        let times = if random.once_in(8) { random.between(2, 40) } else { 1 };
        let job = random.pick(&["job", "job", "md5(job::text || n)::uuid"]);
        Ok(format!(
            "(select lora.cost_breakdown(amount, currency, day, kind, gpu, {job}, status)
              from generate_series(1, {times}) as n cross join ({rows}) as charge (amount, currency, day, kind, gpu, job, status))"
        ))
    });
}

#[test]
fn random_estimates_of_costs() {
    agree("estimate_cost", |random, _| {
        let float = |random: &mut Random| {
            if random.once_in(12) {
                random.pick(&["0", "-1", "'NaN'", "'Infinity'", "1e300", "1e-300", "null"]).to_owned()
            } else {
                format!("{}.{}", random.between(0, 4_000), random.between(0, 999_999))
            }
        };
        let whole = |random: &mut Random, most: usize| {
            if random.once_in(15) {
                random.pick(&["0", "-1", "2147483647", "null"]).to_owned()
            } else {
                random.between(1, most).to_string()
            }
        };
        let rate = if random.once_in(10) {
            random.pick(&["-1", "'NaN'", "0.00000000001", "1e27", "1e28", "0", "0.0000000001"]).to_owned()
        } else {
            format!("{}.{:010}", random.between(0, 100), random.between(0, 9_999_999_999))
        };
        let observed = if random.once_in(2) {
            String::new()
        } else {
            let mut shares = [(); 3].map(|()| random.between(1, 5_000) as f64 / 1_000.0);
            if !random.once_in(10) {
                shares.sort_by(f64::total_cmp);
            }
            format!(", array{shares:?}::double precision[]")
        };
        Ok(format!(
            "lora.estimate_cost({}, {}, {}, {}, {rate}, {}{observed})",
            whole(random, 100_000),
            float(random),
            whole(random, 50),
            float(random),
            whole(random, 64),
        ))
    });
}
