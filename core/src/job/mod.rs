//! Where a training job stands: its states, percent, pace and the time that is left.
//!
//! Progress is computed from the points of one attempt and an instant that the caller gives. Instants are
//! microseconds on any clock, as long as it is the same one for all of them.

mod pace;
mod progress;
mod stage;
mod status;

pub use pace::{Pace, Point};
pub use progress::{Eta, Progress, Snapshot, progress};
pub use status::Status;
