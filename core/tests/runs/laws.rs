//! What holds of any history, however strange.

use crate::random::Random;
use crate::row::Row;
use crate::runs::{Event, Kind, News, Run, SECOND};
use pg_lora_core::job::{Pace, Point, Status};

/// 10,000 at full size, a tenth of them otherwise.
fn histories() -> u64 {
    if full() { 10_000 } else { 1_000 }
}

/// Whether the tests run at full size; the variable is that of the end-to-end tests.
pub fn full() -> bool {
    std::env::var_os("PG_LORA_TEST_FULL").is_some_and(|value| value == "1")
}

/// A random history of one attempt: stages in any order, names of its own, steps that come late or twice or beyond the end, a clock
/// that jumps.
fn history(random: &mut Random) -> (Option<i64>, Vec<Event>) {
    let stages = [
        "queued",
        "queued_on_gpu",
        "setup",
        "downloading",
        "preparing",
        "loading_model",
        "configuring",
        "training",
        "evaluating",
        "checkpointing",
        "saving",
        "uploading",
        "my own stage",
    ];
    let total = random.between(1, 500) as i64;
    let (mut now, mut step) = (0, 0);
    let events = (0..random.between(1, 120)).map(|_| {
        now += random.between(0, 60) as i64 * SECOND;
        let news = if random.once_in(3) {
            News::Heartbeat { stage: random.pick(&stages) }
        } else {
            step += random.between(0, 12) as i64;
            let late = if random.once_in(6) { random.between(0, 30) as i64 } else { 0 };
            let wrong = if random.once_in(9) { random.between(0, 100_000) as i64 - 50_000 } else { 0 };
            News::Point {
                step: (step - late).max(0),
                reported_at: now + wrong * SECOND,
                is_evaluation: random.once_in(10),
            }
        };
        Event { at: now, attempt: 1, news }
    });
    let events = events.collect();
    ((!random.once_in(10)).then_some(total), events)
}

#[test]
fn percent_never_falls_within_an_attempt_and_is_100_only_at_the_end() {
    let (mut rises, mut looks) = (0, 0);
    for number in 0..histories() {
        let mut random = Random::stream(7, number);
        let (total, events) = history(&mut random);
        let mut row = Row::default();
        let mut before = 0.0;
        for event in &events {
            row.hear(event);
            // Also long after, and before: percent does not follow the clock.
            for at in [event.at, event.at + 1_000_000 * SECOND, 0] {
                let percent = row.progress(total, at).percent;
                assert!(percent >= before && percent < 100.0, "{number}: {percent} after {before}, {row:?}");
                rises += usize::from(percent > before);
                before = percent;
            }
            looks += 1;
        }
        row.hear(&Event { at: 1_000_000 * SECOND, attempt: 1, news: News::Completed });
        assert_eq!(row.progress(total, 0).percent, 100.0);
    }
    assert!(rises * 10 > looks, "the histories are dull: {rises} of {looks}");
}

#[test]
fn percent_of_a_played_run_never_falls_and_goes_from_start_to_end() {
    for kind in Kind::ALL {
        let run = Run::of(kind, 5);
        let (mut row, mut before) = (Row::default(), (0, 0.0));
        for event in &run.events {
            row.hear(event);
            let percent = row.progress(Some(run.parameters.total_steps), event.at).percent;
            assert!(event.attempt != before.0 || percent >= before.1, "{kind:?}");
            before = (event.attempt, percent);
        }
        assert_eq!(before.1 == 100.0, run.trouble.is_none(), "{kind:?}");
    }
}

#[test]
fn any_order_and_any_parts_of_points_say_the_same() {
    for number in 0..histories() / 10 {
        let mut random = Random::stream(8, number);
        let (_, events) = history(&mut random);
        let points = events.iter().filter_map(|event| match event.news {
            News::Point { step, reported_at, is_evaluation } => {
                Some(Point { step, at: reported_at, is_evaluation })
            }
            _ => None,
        });
        let mut points: Vec<Point> = points.collect();
        let whole = Pace::of(&points).unwrap();
        for index in (1..points.len()).rev() {
            points.swap(index, random.below(index + 1));
        }
        let (left, right) = points.split_at(random.below(points.len() + 1));
        let (mut left, right) = (Pace::of(left).unwrap(), Pace::of(right).unwrap());
        left.merge(&right);
        assert_eq!(left, whole, "{number}");

        let row = |pace| Row { status: Status::Running, stage: "training", pace, ..Row::default() };
        let at = random.between(0, 10_000) as i64 * SECOND;
        assert_eq!(row(left).progress(Some(500), at), row(whole).progress(Some(500), at));
    }
}
