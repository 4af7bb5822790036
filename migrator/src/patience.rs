//! How long a step waits for others, and how it tries again.
//!
//! Invariant: between two tries nothing is held and nothing is asked for, so that whoever came in between goes first.

use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::interrupt::Interrupt;
use crate::{error::Error, report};

/// The first pause; each is twice as long as the one before, up to [`LONGEST`].
const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(5);

/// How long to wait, and for what.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For another runner.
    pub runners: Duration,
    /// For tables that others use.
    pub tables: Duration,
}

/// The tries of one step for the locks of its tables.
pub struct Tries {
    began: Instant,
    budget: Duration,
    retries: u32,
}

impl Tries {
    /// None yet.
    pub fn new(patience: Patience) -> Self {
        Self { began: Instant::now(), budget: patience.tables, retries: 0 }
    }

    /// How many came after the first.
    pub fn retries(&self) -> u32 {
        self.retries
    }

    /// What is left of the budget.
    pub fn left(&self) -> Duration {
        self.budget.saturating_sub(self.began.elapsed())
    }

    /// One that is not for a table's sake.
    pub fn count(&mut self) {
        self.retries += 1;
    }

    /// Pauses before the next try, or gives the error back, completed, when the budget is used up. `holders` are those
    /// who were in the way.
    pub fn again(
        &mut self,
        mut error: Error,
        doing: &str,
        holders: Option<String>,
        interrupt: &Interrupt,
    ) -> Result<(), Error> {
        if self.left().is_zero() {
            let held = holders.map(|holders| format!("the lock is held by {holders}"));
            let tried = format!(
                "given up after {} s, {}",
                self.began.elapsed().as_secs(),
                counted(self.retries, "retry", "retries")
            );
            let facts = [error.detail.take(), held, Some(tried)];
            error.detail = Some(facts.into_iter().flatten().collect::<Vec<_>>().join("\n"));
            return Err(error);
        }
        self.retries += 1;
        let pause = pause(self.retries).min(self.left());
        let held = holders.map_or_else(|| error.message.clone(), |holders| format!("held by {holders}"));
        report::say(&format!(
            "{doing}: waiting for a table lock, {held}; rolled back, retry {} in {} ms",
            self.retries,
            pause.as_millis()
        ));
        interrupt.sleep(pause)
    }
}

/// `no retries`, `1 retry`, `2 retries`.
pub fn counted(number: u32, one: &str, many: &str) -> String {
    match number {
        0 => format!("no {many}"),
        1 => format!("1 {one}"),
        more => format!("{more} {many}"),
    }
}

/// Twice as long each time, and anything between half and all of that, so that runners that failed together do not meet
/// again.
fn pause(retry: u32) -> Duration {
    let most = FIRST.saturating_mul(1 << (retry - 1).min(8)).min(LONGEST);
    let share = (Uuid::new_v4().as_u128() & 0xffff) as f64 / f64::from(0xffff_u16);
    most.mul_f64(0.5 + share / 2.0)
}

#[cfg(test)]
mod tests {
    use super::{FIRST, LONGEST, counted, pause};

    #[test]
    fn pauses_grow_to_a_bound_and_are_never_the_same() {
        for retry in 1..40 {
            let pause = pause(retry);
            assert!(pause >= FIRST / 2 && pause <= LONGEST, "{retry}: {pause:?}");
        }
        assert!(pause(1) <= FIRST);
        assert!(pause(9) >= LONGEST / 2);
        let first = pause(9);
        assert!((0..20).any(|_| pause(9) != first));
    }

    #[test]
    fn numbers_have_their_word() {
        assert_eq!(counted(0, "retry", "retries"), "no retries");
        assert_eq!(counted(1, "retry", "retries"), "1 retry");
        assert_eq!(counted(2, "retry", "retries"), "2 retries");
    }
}
