//! What holds of any bytes, however they came about: the tests replay kept inputs, the fuzzers of `core/fuzz` look for new
//! ones.

#![allow(dead_code, reason = "each of the fuzzers tries one law")]

use pg_lora_core::dataset::{Options, Segment, report};

/// A report is made, is sound in itself, and can be stored.
pub fn scan(content: &[u8]) {
    for profile in ["brightrun", "openai", "mistral", "together"] {
        let options = Options::from_json(&format!("{{\"profile\": \"{profile}\", \"window\": 16}}")).unwrap();
        let report = report(content, &options, &mut || ());
        assert_eq!(report.bytes, content.len() as u64);
        assert_eq!(report.valid, report.errors == 0);
        assert_eq!(report.training_ready, report.valid && report.total_training_pairs > 0);
        for finding in &report.findings {
            assert!(finding.line <= report.lines && finding.offset <= report.bytes, "{finding:?}");
            assert!(report.counts[finding.code] > 0 && !finding.error.is_empty());
        }
        // An escaped backslash before these letters is a backslash and these letters.
        let json = serde_json::to_string(&report).unwrap().replace(r"\\", "");
        assert!(!json.contains(r"\u0000"), "jsonb cannot hold {json}");
    }
}

/// Two parts, cut where the first two bytes say, make the whole.
pub fn merge(bytes: &[u8]) {
    let Some((cut, content)) = bytes.split_first_chunk::<2>() else { return };
    let options = Options::default();
    let whole = report(content, &options, &mut || ());
    let cut = usize::from(u16::from_le_bytes(*cut)) % (content.len() + 1);
    let (a, b) = content.split_at(cut);
    let scan = |part| Segment::decode(&Segment::scan(part, &options, &mut || ()).encode()).unwrap();
    let parts = scan(a).merge(scan(b)).unwrap().report(&options, &mut || ()).unwrap();
    assert_eq!(parts, whole, "cut at {cut}");
}

/// Bytes that claim to be a segment are refused, or can be merged and reported without an end in a panic.
pub fn state(bytes: &[u8]) {
    let options = Options::default();
    let _ = Segment::decode(bytes);
    // Made up between the beginning and the checksum of a real one, which few random bytes would have.
    let mut state = Segment::scan(b"", &options, &mut || ()).encode();
    let begin = state.iter().position(|byte| *byte == b';').unwrap_or(0) + 1;
    state.truncate(begin);
    state.extend_from_slice(bytes);
    let checksum = xxhash_rust::xxh3::xxh3_64(&state).to_le_bytes();
    state.extend_from_slice(&checksum);
    let Ok(made_up) = Segment::decode(&state) else { return };
    let real =
        Segment::scan(b"{\"prompt\":\"a\",\"completion\":\"b\"}\n{\"prompt\":\"c\"", &options, &mut || ());
    let both = made_up.clone().merge(real.clone()).and_then(|both| both.merge(made_up.clone()));
    let turned = real.merge(made_up.clone());
    for segment in [Ok(made_up), both, turned].into_iter().flatten() {
        let _ = segment.report(&options, &mut || ());
    }
}
