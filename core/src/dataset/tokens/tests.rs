//! The estimate: what it counts, that it merges, and that it stays near the real vocabulary.

use super::*;
use proptest::prelude::*;
use std::io::Write;
use std::path::Path;

#[test]
fn nothing_costs_nothing() {
    assert_eq!(Tokens::of("").count(), 0);
    assert_eq!(Tokens::default().error_band_pct(), costs::BAND_ENGLISH_PCT);
}

#[test]
fn it_counts_as_the_tools_do_that_fitted_the_costs() {
    for (text, units) in costs::COUNTED {
        assert_eq!(Tokens::of(text).units, units, "{text}");
    }
}

/// Counted with the vocabulary itself. Half of the messages of EQ-12 had a part in the fit.
#[test]
fn a_real_file_of_pairs_is_within_four_percent() {
    let Some(folder) = std::env::var_os("PG_LORA_DATA") else {
        let _ = writeln!(std::io::stderr(), "skipped: PG_LORA_DATA names no folder with EQ-12");
        return;
    };
    is_within_four_percent(&Path::new(&folder).join("EQ-12-conversations-demo.jsonl"), 25_058, 63_528);
}

/// Nothing of the sample had a part in the fit.
#[test]
fn the_sample_is_within_four_percent() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/sample-pairs.jsonl");
    is_within_four_percent(&sample, 14_447, 43_500);
}

fn is_within_four_percent(file: &Path, content: u64, sequence: u64) {
    let report = crate::dataset::report(&std::fs::read(file).unwrap(), &Default::default(), &mut || ());
    for (counted, exact) in [(report.tokens.content, content), (report.tokens.sequence, sequence)] {
        assert!(counted.abs_diff(exact) * 100 <= exact * 4, "{counted}, and not {exact}");
    }
    assert_eq!(report.tokens.error_band_pct, costs::BAND_ENGLISH_PCT);
}

#[test]
fn what_the_vocabulary_lacks_costs_a_token_for_each_byte() {
    // U+A000, a syllable of Yi, and U+1F9FF, a picture; neither is in it.
    let yi = Tokens::of("\u{a000}\u{a000}").units - Tokens::of("\u{a000}").units;
    let picture = Tokens::of("\u{1f9ff}\u{1f9ff}").units - Tokens::of("\u{1f9ff}").units;
    assert_eq!(picture - yi, UNITS_PER_TOKEN, "four bytes after three");
}

#[test]
fn the_band_is_that_of_the_script() {
    let band = |text: &str| Tokens::of(text).error_band_pct();
    assert_eq!(band("What are the things that they thought of?"), costs::BAND_ENGLISH_PCT);
    assert_eq!(band("Größe ist nicht alles, aber über Maß geht es nicht."), costs::BAND_LATIN_PCT);
    assert_eq!(band("let mut sum = 0; for n in numbers { sum += n; }"), costs::BAND_LATIN_PCT);
    assert_eq!(band("Ну что ж, посмотрим."), costs::BAND_CYRILLIC_PCT);
    assert_eq!(band("مرحبا بالعالم"), costs::BAND_ARABIC_PCT);
    assert_eq!(band("こんにちは、世界。"), costs::BAND_CJK_PCT);
    assert_eq!(band("안녕하세요"), costs::BAND_CJK_PCT);
    assert_eq!(band("नमस्ते दुनिया"), costs::BAND_OTHER_PCT);
    // Of two scripts the less certain one.
    let both = costs::BAND_CJK_PCT.max(costs::BAND_ENGLISH_PCT);
    assert_eq!(band("The rest is in English, but this is not: 日本語日本語"), both);
}

#[test]
fn tables_are_whole() {
    assert!(CLASS.iter().all(|class| usize::from(*class) < CLASSES - 2));
    assert!(BLOCKS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    assert!(BLOCKS.iter().all(|(first, _)| first % 16 == 0));
    assert!(size_of::<Tokens>() <= 64, "it is kept for each column and worker");
    // A chunk of the dearest pairs stays below the bit where "th" is counted.
    let dearest = PAIRS.iter().flatten().max().copied().unwrap_or_default();
    assert!(u64::from(dearest) * (CHUNK as u64) < TH_UNIT);
}

#[test]
fn long_and_short_runs_count_alike() {
    let long = "the other thing ".repeat(20_000);
    let tokens = Tokens::of(&long);
    assert_eq!(tokens, one_by_one(&long));
    assert_eq!(tokens.th, 60_000);
    assert_eq!(tokens.ascii, 320_000);
}

/// The same by the tables alone, a character at a time.
fn one_by_one(text: &str) -> Tokens {
    let mut tokens = Tokens::default();
    let mut before = SPACE;
    let mut last = ' ';
    for character in text.chars() {
        if character.is_ascii() {
            let class = CLASS[character as usize];
            tokens.units += u64::from(PAIRS[usize::from(before)][usize::from(class)]);
            tokens.ascii += 1;
            tokens.th += u64::from((last, character) == ('t', 'h'));
            before = class;
        } else {
            before = tokens.count_character(character, before);
        }
        last = character;
    }
    if !text.is_empty() {
        tokens.units = tokens.units.max(UNITS_PER_TOKEN);
    }
    tokens
}

proptest! {
    #[test]
    fn the_fast_way_is_the_plain_way(text in "(?s).{0,200}|[a-zA-Z é日,.]{0,200}") {
        prop_assert_eq!(Tokens::of(&text), one_by_one(&text));
    }

    #[test]
    fn the_order_of_messages_does_not_matter(texts in prop::collection::vec(".{0,60}", 0..6), cut in 0usize..7) {
        let sum = |texts: &[String]| {
            let mut sum = Tokens::default();
            for text in texts {
                sum.add(Tokens::of(text));
            }
            sum
        };
        let whole = sum(&texts);
        let (left, right) = texts.split_at(cut.min(texts.len()));
        let mut merged = sum(right);
        merged.add(sum(left));
        prop_assert_eq!(whole, merged);
        let backwards: Vec<String> = texts.iter().rev().cloned().collect();
        prop_assert_eq!(whole, sum(&backwards));
    }

    #[test]
    fn a_longer_text_never_costs_less(a in ".{0,60}", b in ".{0,60}") {
        prop_assert!(Tokens::of(&(a.clone() + &b)).units >= Tokens::of(&a).units);
    }
}

#[test]
fn a_long_text_is_counted_in_pieces() {
    let text = "Größe, the other ones: 日本語 and so on. ".repeat(60_000);
    let mut ticks = 0;
    let pieces = Tokens::of_long(&text, &mut || ticks += 1);
    assert_eq!(pieces.count(), Tokens::of(&text).count());
    assert!(ticks >= 2, "{ticks} ticks in {} bytes", text.len());
    assert_eq!(Tokens::of_long("", &mut || ()), Tokens::of(""));
}
