//! Where a training job stands: its states, percent, pace, the time that is left, and whether it is well.
//!
//! All of it is computed from the points and stages of one attempt and an instant that the caller gives. Instants are
//! microseconds on any clock, as long as it is the same one for all of them; where it is not, because a worker's clock is wrong,
//! answers may be, too, but they are bounded and nothing fails.

mod pace;
mod prior;
mod progress;
mod stage;
mod status;
mod tempo;
mod verdict;

pub use pace::{Pace, Point};
pub use prior::Prior;
pub use progress::{Eta, Progress, Snapshot, progress};
pub use status::Status;
pub use tempo::{Description, Often};
pub use verdict::{
    LEASE, OTHER_STAGE, STAGE_BUDGETS, Signs, TRAINING_LEAST, TRAINING_MOST, Verdict, verdict,
};
