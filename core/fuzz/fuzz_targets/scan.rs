//! Tries the law `scan` on bytes that libFuzzer makes up.
#![no_main]

#[path = "../../tests/laws/mod.rs"]
mod laws;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| laws::scan(bytes));
