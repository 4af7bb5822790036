//! The API in `public`, function by function, called as clients and workers call it.

mod datasets;
mod jobs;
