//! Verdicts on simulated runs: no pause that is announced is ever called stalled, a hang and a death are found.

use crate::row::Row;
use crate::runs::{HEARTBEAT, Kind, LEASE, Reporting, Run, SECOND, Trouble};
use crate::{REPORTED, laws};
use std::collections::BTreeMap;

/// Calls `look` just before each event, when the silence before it is longest, with the row and the instant.
fn follow(run: &Run, mut look: impl FnMut(&Row, i64)) -> Row {
    let mut row = Row::default();
    for event in &run.events {
        // Between two attempts the job is lost, and back in the queue.
        if event.attempt == row.attempt {
            look(&row, event.at - 1);
        }
        row.hear(event);
    }
    row
}

/// All at full size, an eighth of them otherwise: each event of each is looked at.
fn runs(kind: Kind) -> impl Iterator<Item = Run> {
    let runs = if laws::full() { REPORTED.count() } else { REPORTED.count() / 8 };
    REPORTED.take(runs).map(move |seed| Run::of(kind, seed))
}

#[test]
fn no_run_is_called_stalled_or_lost_while_it_is_well() {
    let mut others = BTreeMap::new();
    for kind in Kind::ALL {
        for run in runs(kind) {
            let troubled = run.trouble.map_or(i64::MAX, |(Trouble::Hangs(at) | Trouble::Dies(at))| at);
            follow(&run, |row, at| {
                let verdict = row.verdict(at);
                if at < troubled && !["ok", "waiting"].contains(&verdict.verdict) {
                    *others.entry((kind.title(), verdict.verdict)).or_insert(0) += 1;
                    let tolerated = match verdict.verdict {
                        "slow" => {
                            matches!(kind, Kind::SlowDisk | Kind::ClockBackwards | Kind::UnannouncedPauses)
                        }
                        // A pause that nobody announced, or a disk's, is no different from a hang that ended.
                        "stalled" => matches!(kind, Kind::SlowDisk | Kind::UnannouncedPauses),
                        _ => false,
                    };
                    assert!(tolerated, "{kind:?} {} {:?} {verdict:?}", run.seed, run.parameters);
                }
            });
        }
    }
    println!("{others:#?}");
}

#[test]
fn a_silence_that_nobody_announced_is_seldom_called_stalled() {
    for (kind, one_in) in [(Kind::UnannouncedPauses, 15), (Kind::SlowDisk, 200)] {
        let (mut silences, mut stalled) = (0, 0);
        for run in runs(kind) {
            let p = &run.parameters;
            silences += run.attempts[0].pauses.len();
            silences += if kind == Kind::SlowDisk { p.total_steps as usize / p.slow_step_in } else { 0 };
            let mut last = None;
            follow(&run, |row, at| {
                let newest = row.pace.newest();
                if row.verdict(at).verdict == "stalled" && last != newest {
                    stalled += 1;
                    last = newest;
                }
            });
        }
        println!("{}: {stalled} of {silences} silences are called stalled", kind.title());
        assert!(stalled * one_in < silences, "{kind:?}: {stalled} of {silences}");
    }
}

#[test]
fn a_hang_is_found() {
    let mut found: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for run in runs(Kind::Hang) {
        let Some(Trouble::Hangs(since)) = run.trouble else { panic!("a hang") };
        let mut row = Row::default();
        let mut at = None;
        let mut events = run.events.iter().peekable();
        // Every second of the last events, in which the worker only beats.
        for now in (since..).step_by(SECOND as usize) {
            while let Some(event) = events.next_if(|event| event.at <= now) {
                row.hear(event);
            }
            if row.verdict(now).verdict == "stalled" {
                at = Some(now);
                break;
            }
            assert!(events.peek().is_some(), "{} is never found", run.seed);
        }
        let p = &run.parameters;
        let after = (at.unwrap() - since) as f64 / SECOND as f64;
        let (name, report) = match p.reporting {
            Reporting::Steps(1) => ("every step", 0.0),
            Reporting::Steps(steps) => ("5 or 10 steps", (steps - 1) as f64 * p.step_seconds),
            // The poll that sees the last step, the one that was due, and two for a pause of which one saw a half: a long report, and a
            // pause that nobody announced.
            Reporting::Polls => ("polls", 4.0 * HEARTBEAT as f64 / SECOND as f64),
        };
        // Six of the slowest of sixteen steps: 3 standard deviations above the usual one.
        let slowest = p.step_seconds * (3.0 * p.noise).exp();
        let promised = f64::max(90.0, 6.0 * slowest + report * (3.0 * p.noise).exp());
        assert!(
            after <= promised + 1.0,
            "{}: {after} s, promised {promised} s, {:?}",
            run.seed,
            row.verdict(at.unwrap())
        );
        found.entry(name).or_default().push(after);
    }
    for (reporting, seconds) in &mut found {
        seconds.sort_by(f64::total_cmp);
        println!(
            "{reporting}: {:.0} s in the middle, {:.0} s at most",
            seconds[seconds.len() / 2],
            seconds[seconds.len() - 1]
        );
    }
}

#[test]
fn a_silent_death_is_lost_when_the_lease_ends() {
    for run in runs(Kind::SilentDeath) {
        let Some(Trouble::Dies(at)) = run.trouble else { panic!("a death") };
        let row = follow(&run, |_, _| ());
        let lease = row.lease_expires_at.unwrap();
        assert!(lease <= at + LEASE && lease > at + LEASE - HEARTBEAT - SECOND, "{}", run.seed);
        assert_ne!(row.verdict(lease).verdict, "lost");
        assert_eq!(row.verdict(lease + 1).verdict, "lost");
        // Without a lease the heartbeat that is missing says the same.
        let row = Row { lease_expires_at: None, ..row };
        assert_eq!(
            (row.verdict(lease).reason, row.verdict(lease + 1).reason),
            (row.verdict(lease).reason, "no_heartbeat")
        );
    }
}

#[test]
fn a_worker_that_was_lost_comes_back_well() {
    for run in runs(Kind::TwoPreemptions) {
        let mut row = Row::default();
        let mut lost = 0;
        for event in &run.events {
            let is_new = event.attempt != row.attempt && row.attempt > 0;
            lost += usize::from(is_new && row.verdict(event.at).verdict == "lost");
            row.hear(event);
            let verdict = row.verdict(event.at);
            assert!(
                ["ok", "waiting"].contains(&verdict.verdict),
                "{} {:?} {verdict:?}",
                run.seed,
                run.parameters
            );
        }
        // The gap may be shorter than the lease.
        assert!(lost <= 2);
        assert_eq!(row.verdict(i64::MAX).reason, "ended");
    }
}
