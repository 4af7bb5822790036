//! In how many places a currency is paid.

/// Currencies whose smallest unit is no hundredth: ISO 4217, list one, of 2026-01-01.
const EXPONENTS: [(&str, usize); 26] = [
    ("BHD", 3),
    ("BIF", 0),
    ("CLF", 4),
    ("CLP", 0),
    ("DJF", 0),
    ("GNF", 0),
    ("IQD", 3),
    ("ISK", 0),
    ("JOD", 3),
    ("JPY", 0),
    ("KMF", 0),
    ("KRW", 0),
    ("KWD", 3),
    ("LYD", 3),
    ("OMR", 3),
    ("PYG", 0),
    ("RWF", 0),
    ("TND", 3),
    ("UGX", 0),
    ("UYI", 0),
    ("UYW", 4),
    ("VND", 0),
    ("VUV", 0),
    ("XAF", 0),
    ("XOF", 0),
    ("XPF", 0),
];

/// Decimal places of a currency; two for one that is not known.
pub(super) fn places(currency: &str) -> usize {
    let known = EXPONENTS.binary_search_by_key(&currency, |(code, _)| code);
    known.map_or(2, |at| EXPONENTS[at].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn are_found() {
        assert!(EXPONENTS.is_sorted());
        assert_eq!(["USD", "EUR", "JPY", "KWD", "XOF", "BHD", "???"].map(places), [2, 2, 0, 3, 0, 3, 2]);
    }
}
