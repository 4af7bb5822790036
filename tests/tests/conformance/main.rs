//! Schema `lora` has two editions, and whoever calls it cannot tell which one answers: the extension in one database and
//! `sql/portable` in another one of the same server, with the same signatures, and the same answers to the cases of
//! `tests/cases` and to random ones.

mod attempts;
mod broken;
mod cases;
mod catalogue;
mod charges;
mod editions;
mod files;
mod json;
mod large_files;
mod oddities;
mod random;
mod random_costs;
mod random_datasets;
mod random_files;
mod random_metrics;
mod rare;
mod series;
mod tables;
mod words;
