//! The API in `public`, function by function, called as clients and workers call it.

mod chunks;
mod costs;
mod datasets;
mod hostile;
mod jobs;
mod metrics;
mod progress;
mod queue;
mod random;
mod states;
