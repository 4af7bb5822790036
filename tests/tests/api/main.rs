//! The API in `public`, function by function, called as clients and workers call it.

mod chunks;
mod costs;
mod datasets;
mod endings;
mod hostile;
mod jobs;
mod metrics;
mod models;
mod progress;
mod queue;
mod random;
mod states;
