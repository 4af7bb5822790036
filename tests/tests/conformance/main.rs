//! Schema `lora` has two editions, and whoever calls it cannot tell which one answers: the extension in one database and
//! `sql/portable` in another one of the same server, with the same signatures, and the same answers to the cases of
//! `tests/cases` and to random ones.
//!
//! So far for the topics job, metric, cost, document and meta, and for what datasets are judged and measured by; the rest of the
//! functions on datasets has no portable edition yet.

mod attempts;
mod cases;
mod catalogue;
mod charges;
mod editions;
mod random;
mod random_costs;
mod random_datasets;
mod random_metrics;
mod series;
mod tables;
