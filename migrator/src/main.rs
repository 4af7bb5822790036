//! pg-lora.
fn main() {}
