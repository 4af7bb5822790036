//! Series and runs that nobody wrote down: such as are reported, and such as nobody should report, with figures at the ends of what a float
//! holds.

use pg_lora_tests::environment;
use pg_lora_tests::random::Random;

use crate::editions::{Editions, literal};
use crate::random::agree;

/// Figures that are special to somebody.
const ODD: [f64; 24] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    1e23,
    -9.5e15,
    1e16,
    9_007_199_254_740_993.0,
    1e100,
    -1e-100,
    1e-150,
    1e-200,
    -1e-310,
    5e-324,
    -5e-324,
    1e200,
    8.9e307,
    -1.7e308,
    f64::MAX,
    f64::MIN,
    f64::EPSILON,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
];

/// A number from 0 to 1.
fn share(random: &mut Random) -> f64 {
    random.below(1_000_001) as f64 / 1e6
}

/// Any float, of any size.
fn any(random: &mut Random) -> f64 {
    match random.below(3) {
        0 => random.pick(&ODD),
        1 => f64::from_bits(random.bits()),
        _ => (share(random) - 0.5) * 10f64.powi(random.between(0, 300) as i32 - 150),
    }
}

/// Figures of one kind: like a loss, one value, few values, whole numbers, of any size, tiny ones, or whatever there is.
fn heights(random: &mut Random, count: usize) -> Vec<f64> {
    let kind = random.below(8);
    let spike = random.below(count.max(1));
    let scale = random.pick(&[1.0, 1e-3, 1e120, 1e-160, 1e-300, 4e-323, 1e300]);
    (0..count)
        .map(|at| {
            let loss = 2.5 / (1.0 + at as f64 / 50.0) + 0.1 * share(random);
            match kind {
                0 | 1 if at == spike => 9.9,
                0 => loss,
                1 if random.once_in(15) => random.pick(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 3.0]),
                1 => loss,
                2 => 0.7,
                3 => random.pick(&[0.0, -0.0, 0.5, 1.0]),
                4 => random.below(50) as f64 - 25.0,
                5 => loss * scale,
                6 if random.once_in(10) => any(random),
                6 => loss - 1.0,
                _ => any(random),
            }
        })
        .collect()
}

/// Where they are: steps one after the other, with gaps, several at a place, instants in microseconds, any integers.
fn steps(random: &mut Random, count: usize) -> Vec<i64> {
    let kind = random.below(6);
    let mut step = random.pick(&[0, 1, -40, 1_767_225_600_000_000, i64::MAX - 5_000, i64::MIN]);
    (0..count)
        .map(|_| {
            step = step.saturating_add(match kind {
                0 => 1,
                1 => random.between(1, 40) as i64,
                2 => i64::from(random.once_in(4)),
                3 => random.between(1, 1 << 45) as i64,
                _ => 10,
            });
            match kind {
                4 => random.bits() as i64,
                5 => random.pick(&[i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX]),
                _ => step,
            }
        })
        .collect()
}

fn shuffle<T>(random: &mut Random, values: &mut [T]) {
    for at in (1..values.len()).rev() {
        values.swap(at, random.below(at + 1));
    }
}

/// A list as a literal; now and then an element is NULL.
fn list(random: &mut Random, kind: &str, values: impl Iterator<Item = String>) -> String {
    let seldom = random.pick(&[30, 1_000_000]);
    let elements: Vec<String> =
        values.map(|value| if random.once_in(seldom) { "null".to_owned() } else { value }).collect();
    format!("'{{{}}}'::{kind}[]", elements.join(","))
}

fn floats(random: &mut Random, values: &[f64]) -> String {
    list(random, "float8", values.iter().map(|value| format!("{value:e}")))
}

fn weight(random: &mut Random) -> String {
    let fixed = ["0", "-0.0", "0.5", "0.6", "0.6", "0.9", "0.999", "1e-200", "5e-324", "0.9999999999999999"];
    match random.below(20) {
        0 => literal(random.pick(&["NaN", "inf", "-inf", "1", "-1e-7", "1e300", "2.5"])) + "::float8",
        1 => {
            format!("{:e}::float8", share(random).min(0.999_999) * random.pick(&[1.0, 1e-9, 1e-160, 1e-320]))
        }
        2 => "null::float8".to_owned(),
        _ => format!("{}::float8", literal(random.pick(&fixed))),
    }
}

#[test]
fn random_series_smoothed() {
    agree("smooth", |random, _| {
        let count = random.pick(&[0, 1, 2, 30, 200, 2_000]);
        let mut values = heights(random, count);
        if random.once_in(5) {
            // What fades away.
            values.iter_mut().skip(3).for_each(|value| *value = 0.0);
        }
        let values = floats(random, &values);
        // As text, in which a −0 shows.
        Ok(format!("lora.smooth({values}, {})::text", weight(random)))
    });
}

#[test]
fn random_series_drawn() {
    agree("curve", |random, _| {
        let count = random.pick(&[0, 1, 3, 5, 12, 40, 40, 150, 150, 400, 700, 2_500]);
        let y = heights(random, count);
        let y = floats(random, &y);
        let x = if random.once_in(2) {
            let mut x = steps(random, count);
            if random.once_in(2) {
                shuffle(random, &mut x);
            }
            list(random, "int8", x.iter().map(i64::to_string))
        } else {
            let mut x: Vec<f64> = match random.below(3) {
                0 => heights(random, count),
                1 => (0..count).map(|at| at as f64 / 8.0).collect(),
                _ => steps(random, count).into_iter().map(|x| x as f64).collect(),
            };
            if random.once_in(2) {
                shuffle(random, &mut x);
            }
            floats(random, &x)
        };
        let most = match random.below(30) {
            0 => random.pick(&["3", "null", "-1", "100001", "100000"]).to_owned(),
            _ => random.pick(&[4, 4, 5, 6, 7, 8, 9, 20, 33, 100, 320]).to_string(),
        };
        let method = match random.below(40) {
            0 => random.pick(&["null", "'Lttb'", "''", "repeat('ü', 60)"]),
            _ => random.pick(&["'minmax'", "'lttb'", "'minmaxlttb'", "'last'"]),
        };
        let smoothing = if random.once_in(2) { format!(", {}", weight(random)) } else { String::new() };
        // The minus makes a NaN with a sign, which is before all others.
        let minus = if random.once_in(4) { "-" } else { "" };
        Ok(format!(
            "(select lora.curve(x, {minus}y, {most}, {method}{smoothing}) from unnest({x}, {y}) as point (x, y))"
        ))
    });
}

/// One figure of a run: steady with noise, or gone wrong at the end, or in the middle, or nothing that a run has.
fn figure(random: &mut Random, count: usize, usual: f64) -> Vec<f64> {
    let kind = random.below(9);
    let noise = random.pick(&[0.0, 0.001, 0.05, 0.5, 3.0]);
    let wrong = random.pick(&[0.0, 0.04, 0.3, 2.0, 4.0, 12.0, -1.0]);
    let from = count.saturating_sub(random.pick(&[3, 10, 20, 40, 100]));
    let trend = random.pick(&[0.0, 0.0, 1e-3, -1e-3, 0.01]);
    (0..count)
        .map(|at| {
            let value = usual * (1.0 + noise * share(random) + trend * at as f64);
            match kind {
                0..=2 if at >= from => value * wrong,
                3 if random.once_in(40) => value * 15.0,
                4 if random.once_in(30) => random.pick(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0]),
                5 => usual,
                6 if at * 2 > count => value * wrong,
                7 if random.once_in(8) => any(random),
                8 if random.once_in(2) => any(random),
                _ => value,
            }
        })
        .collect()
}

#[test]
fn random_runs_and_their_health() {
    agree("curve_health", |random, _| {
        let count = random.pick(&[0, 1, 4, 12, 30, 60, 110, 130, 250, 500]);
        let mut order: Vec<usize> = (0..count).collect();
        if random.once_in(2) {
            shuffle(random, &mut order);
        }
        let step = random.pick(&[0, 1, 1_000_000, i64::MAX - 5_000, i64::MIN]);
        let repeats = random.pick(&[1, 1, 2, 7]);
        let every = random.pick(&[1, 3, 10, 25]);
        let steps = order.iter().map(|at| (step + (at / repeats) as i64).to_string()).collect::<Vec<_>>();
        let mut columns = vec![list(random, "int8", steps.into_iter())];
        for (place, usual) in [2.0, 2.1, 2e-4, 0.8, 1_800.0, 95.0].into_iter().enumerate() {
            let usual =
                if random.once_in(10) { random.pick(&[0.0, 9.0, 1e-320, 1e307, -1.0]) } else { usual };
            let figures = figure(random, count, usual);
            let missing = random.once_in(12);
            let values = order.iter().map(|&at| match place {
                _ if missing => "null".to_owned(),
                1 if at % every != 0 => "null".to_owned(),
                _ => format!("{:e}", figures[at]),
            });
            let values: Vec<String> = values.collect();
            columns.push(list(random, "float8", values.into_iter()));
        }
        Ok(format!(
            "(select lora.curve_health(a, b, c, d, e, f, g) from unnest({}) as point (a, b, c, d, e, f, g))",
            columns.join(", ")
        ))
    });
}

/// What the extension leaves to the processor.
#[test]
fn random_floats_in_sql_are_those_of_the_processor() {
    let mut editions = Editions::new();
    let mut random = Random::stream(environment::seed(), 0);
    let count = if environment::full() { 100_000 } else { 10_000 };
    let mut float = || match random.below(3) {
        0 => random.below(400) as f64 * 5e-324,
        1 => share(&mut random) * random.pick(&[0.9, 1.7e308, 1e-300, 4e-323]),
        _ => any(&mut random),
    };
    let pairs: Vec<(f64, f64)> = (0..count).map(|_| (float(), float())).collect();
    let (one, other): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    let rows = editions.portable.query(
        "select lora._sum(one, other), lora._product(one, other), case when other <> 0 then lora._quotient(one, other) end
         from unnest($1::float8[], $2::float8[]) with ordinality as pair (one, other, place) order by place",
        &[&one, &other],
    );
    for (row, (one, other)) in rows.unwrap().iter().zip(pairs) {
        let same = |answer: f64, expected: f64| {
            answer.to_bits() == expected.to_bits() || (answer.is_nan() && expected.is_nan())
        };
        assert!(same(row.get(0), one + other), "{one:e} + {other:e} is {:e}", row.get::<_, f64>(0));
        assert!(same(row.get(1), one * other), "{one:e} × {other:e} is {:e}", row.get::<_, f64>(1));
        let quotient: Option<f64> = row.get(2);
        assert!(
            quotient.is_none_or(|answer| same(answer, one / other)),
            "{one:e} / {other:e} is {quotient:?}"
        );
    }
}
