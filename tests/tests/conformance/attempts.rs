//! Attempts that nobody planned: points and stages as a worker sends them, or as nobody should.

use pg_lora_tests::random::Random;

use crate::editions::{Editions, Outcome, literal};

/// Microseconds of a second.
const SECOND: i64 = 1_000_000;
/// 2026-01-01, in days since 1970.
const FIRST_DAY: i64 = 20_454;

/// Instants at the ends of what Postgres knows.
pub const FAR: [&str; 7] = [
    "infinity",
    "-infinity",
    "0001-01-01 00:00:00+00",
    "4713-11-24 00:00:00+00 BC",
    "294276-12-31 23:59:59.999999+00",
    "1999-12-31 23:59:59.999999+00",
    "2000-01-01 00:00:00+00",
];

pub const STAGES: [&str; 17] = [
    "queued",
    "queued_on_gpu",
    "setup",
    "downloading",
    "preparing",
    "loading_model",
    "configuring",
    "training",
    "training",
    "evaluating",
    "evaluating",
    "checkpointing",
    "checkpointing",
    "saving",
    "uploading",
    "my own",
    "ein Zustand, dessen Name länger ist als alles, was man einem Zustand an Namen gönnt: äöüßéèêàçñ, äöüßéèêàçñ, äöüßéèêàçñ, \
     äöüßéèêàçñ, äöüßéèêàçñ, äöüßéèêàçñ, äöüßéèêàçñ, 日本語の名前もここにある, 日本語の名前もここにある",
];

/// An instant of a run, so many microseconds after its beginning.
pub fn instant(micros: i64) -> String {
    let days = micros.div_euclid(86_400 * SECOND) + FIRST_DAY;
    let rest = micros.rem_euclid(86_400 * SECOND);
    // Days to a date of the Gregorian calendar (Hinnant, "chrono-compatible low-level date algorithms").
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let seconds = rest / SECOND;
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}.{:06}+00",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        rest % SECOND
    )
}

/// A point as SQL takes it: a step, an instant, whether it has a validation loss; None is NULL.
pub type Point = (Option<i64>, Option<String>, Option<bool>);

/// The three arrays of points.
pub fn arrays(points: &[Point]) -> [String; 3] {
    let list = |elements: Vec<String>, kind: &str| format!("'{{{}}}'::{kind}[]", elements.join(","));
    let null = || "null".to_owned();
    [
        list(
            points.iter().map(|(step, ..)| step.map_or_else(null, |step| step.to_string())).collect(),
            "integer",
        ),
        list(
            points.iter().map(|(_, at, _)| at.as_ref().map_or_else(null, |at| format!("\"{at}\""))).collect(),
            "timestamptz",
        ),
        list(points.iter().map(|(.., is)| is.map_or_else(null, |is| is.to_string())).collect(), "boolean"),
    ]
}

/// What happens in an attempt.
#[derive(Debug, Clone)]
pub enum Event {
    Points(Vec<Point>),
    Stage(String, String),
}

/// A run: steps of about the same length, reports every so many of them, evaluations and checkpoints, some of which are
/// announced, a clock that is set back or jumps ahead now and then.
fn usual(random: &mut Random) -> Vec<Event> {
    let mut events = Vec::new();
    let reports = random.pick(&[3, 12, 40, 90, 200, 700]);
    let every = random.pick(&[1, 1, 2, 5, 10, 25]);
    let seconds = random.pick(&[0.2, 1.0, 7.5, 60.0, 900.0]);
    let noise = random.pick(&[0.0, 0.02, 0.2, 1.5]);
    let evaluates = random.pick(&[0, 7, 20, 50]);
    let saves = random.pick(&[0, 9, 40]);
    let (announces, marks) = (random.once_in(2), random.once_in(2));
    let odd_clock = random.once_in(6);
    let mut now = random.between(0, 1_000_000_000) as i64;
    let mut step = random.pick(&[0, 1, 1, 1, 500, 100_000]);
    let mut batch = Vec::new();
    for stage in ["downloading", "loading_model", "training"] {
        if random.once_in(2) {
            events.push(Event::Stage(stage.to_owned(), instant(now)));
            now += random.between(1, 600) as i64 * SECOND;
        }
    }
    for report in 1..=reports {
        for _ in 0..every {
            step += 1;
            let share = random.below(1_000_001) as f64 / 1e6;
            now += (seconds * (1.0 + noise * share) * 1e6) as i64;
        }
        let evaluated = evaluates > 0 && report % evaluates == 0;
        let saved = saves > 0 && report % saves == 0;
        if odd_clock && random.once_in(20) {
            now += random.pick(&[-3_600, -5, 86_400, 4_000]) * SECOND;
        }
        batch.push((Some(step), Some(instant(now)), (evaluated && marks).then_some(true)));
        if random.once_in(3) || (announces && (evaluated || saved)) {
            events.push(Event::Points(std::mem::take(&mut batch)));
        }
        for (name, takes_place) in [("evaluating", evaluated), ("checkpointing", saved)] {
            if takes_place {
                if announces {
                    events.push(Event::Stage(name.to_owned(), instant(now)));
                }
                now += random.between(SECOND as usize, 200 * SECOND as usize) as i64;
                if announces && !random.once_in(10) {
                    events.push(Event::Stage("training".to_owned(), instant(now)));
                }
            }
        }
    }
    events.push(Event::Points(batch));
    events
}

/// What no worker sends: any step at any time.
fn unusual(random: &mut Random) -> Vec<Event> {
    let steps = random.pick(&[4, 30, 3_000, i32::MAX as usize]);
    let mut events = Vec::new();
    for _ in 0..random.between(1, 12) {
        if random.once_in(3) {
            events.push(Event::Stage(random.pick(&STAGES).to_owned(), any_instant(random)));
            continue;
        }
        let points = (0..random.below(40)).map(|_| {
            let step = random.below(steps) as i64;
            let step = if random.once_in(400) { -step } else { step };
            (
                (!random.once_in(400)).then_some(step),
                (!random.once_in(400)).then(|| any_instant(random)),
                random.pick(&[None, Some(false), Some(false), Some(true)]),
            )
        });
        events.push(Event::Points(points.collect()));
    }
    events
}

/// An instant near the beginning of a run, or far from it.
pub fn any_instant(random: &mut Random) -> String {
    match random.below(12) {
        0 => random.pick(&FAR).to_owned(),
        1 => instant(-(random.below(1 << 50) as i64)),
        2 => instant(random.below(1 << 50) as i64),
        _ => instant(random.below(1 << 36) as i64),
    }
}

pub fn attempt(random: &mut Random) -> Vec<Event> {
    if random.once_in(3) { unusual(random) } else { usual(random) }
}

/// The points of an attempt, in their order.
pub fn points(events: &[Event]) -> Vec<Point> {
    let points = events.iter().filter_map(|event| match event {
        Event::Points(points) => Some(points.clone()),
        Event::Stage(..) => None,
    });
    points.flatten().collect()
}

/// Tells both editions of an attempt, event by event, and keeps each pace that they agree on.
pub fn tell(editions: &mut Editions, events: &[Event]) -> Result<Vec<String>, String> {
    let mut pace = "null".to_owned();
    let mut paces = Vec::new();
    for event in events {
        let call = match event {
            Event::Points(points) => {
                let [steps, times, evaluations] = arrays(points);
                format!("lora.add_points_to_job_pace({pace}, {steps}, {times}, {evaluations})")
            }
            Event::Stage(stage, at) => {
                format!("lora.add_stage_to_job_pace({pace}, {}, {})", literal(stage), literal(at))
            }
        };
        // A refusal leaves the pace as it was.
        if let Outcome::Answer(kept) = editions.agree(&call)? {
            pace = format!("{}::jsonb", literal(&kept));
            paces.push(pace.clone());
        }
    }
    Ok(paces)
}
