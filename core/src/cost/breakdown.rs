//! Amounts added up by every grouping at once, in one pass.
//!
//! Invariant: order does not matter and merging partial states gives the answer of one pass; every grouping
//! sums exactly to the total. Currencies are never added together.

use super::amount::Amount;
use crate::limits::{COST_GROUPS, COST_KEY_BYTES};
use crate::{Error, Result};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::collections::BTreeMap;

/// The groupings, in the order of a row's keys: name of the list, name of the key in its entries.
const GROUPINGS: [(&str, &str); 5] = [
    ("by_day", "day"),
    ("by_type", "cost_type"),
    ("by_gpu", "gpu_type"),
    ("by_job", "job_id"),
    ("by_status", "status"),
];

/// First byte of an encoded state; it rises when the encoding changes.
const STATE_VERSION: u8 = 1;

/// One amount with what it is grouped by. A missing key is a group of its own.
#[derive(Debug, Clone, Copy)]
pub struct CostRow<'a> {
    /// What is added.
    pub amount: Amount,
    /// ISO 4217 code.
    pub currency: &'a str,
    /// Day, in whatever time zone the caller groups by, as `2026-01-31`.
    pub day: Option<&'a str>,
    /// Kind of cost.
    pub cost_type: Option<&'a str>,
    /// GPU that was used.
    pub gpu_type: Option<&'a str>,
    /// Job that it was used for.
    pub job_id: Option<&'a str>,
    /// Status of that job.
    pub status: Option<&'a str>,
}

/// Sums of all groupings: the state of the aggregate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Breakdown {
    currency: Option<String>,
    rows: u64,
    total: Amount,
    groups: [Groups; GROUPINGS.len()],
}

/// Sums of one grouping.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Groups {
    by_key: BTreeMap<String, Amount>,
    without_key: Option<Amount>,
}

impl Groups {
    fn add(&mut self, key: Option<&str>, amount: Amount) -> Result<()> {
        let sum = match key {
            None => self.without_key.get_or_insert_default(),
            // Looked up by the borrowed key first: nearly every row belongs to a group that is known already.
            Some(key) if self.by_key.contains_key(key) => {
                self.by_key.get_mut(key).expect("the key was found in the line above")
            }
            Some(key) => {
                check_key(key)?;
                if self.by_key.len() >= COST_GROUPS {
                    return Err(Error::out_of_range(
                        format!("a cost breakdown holds at most {COST_GROUPS} groups of a kind"),
                        "Narrow the range of dates, or add up one job at a time.",
                    ));
                }
                self.by_key.entry(key.to_owned()).or_default()
            }
        };
        *sum = sum.checked_add(amount)?;
        Ok(())
    }

    fn iter(&self) -> impl Iterator<Item = (Option<&str>, Amount)> {
        let with_key = self.by_key.iter().map(|(key, amount)| (Some(key.as_str()), *amount));
        with_key.chain(self.without_key.map(|amount| (None, amount)))
    }
}

impl Breakdown {
    /// Adds a row.
    ///
    /// # Errors
    /// `InvalidArgument` for a second currency or an endless key, `OutOfRange` beyond
    /// [`COST_GROUPS`] keys of one grouping.
    pub fn add(&mut self, row: &CostRow<'_>) -> Result<()> {
        self.same_currency(Some(row.currency))?;
        let keys = [row.day, row.cost_type, row.gpu_type, row.job_id, row.status];
        for (groups, key) in self.groups.iter_mut().zip(keys) {
            groups.add(key, row.amount)?;
        }
        self.total = self.total.checked_add(row.amount)?;
        self.rows += 1;
        Ok(())
    }

    /// Adds what another state holds.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        self.same_currency(other.currency.as_deref())?;
        for (groups, others) in self.groups.iter_mut().zip(&other.groups) {
            for (key, amount) in others.iter() {
                groups.add(key, amount)?;
            }
        }
        self.total = self.total.checked_add(other.total)?;
        self.rows += other.rows;
        Ok(())
    }

    fn same_currency(&mut self, currency: Option<&str>) -> Result<()> {
        match (&self.currency, currency) {
            (_, None) => Ok(()),
            (None, Some(new)) => {
                check_key(new)?;
                self.currency = Some(new.to_owned());
                Ok(())
            }
            (Some(known), Some(new)) if known == new => Ok(()),
            (Some(known), Some(new)) => Err(Error::invalid_argument(
                format!("amounts in \"{known}\" and \"{new}\" cannot be added together"),
                "Group the query by currency.",
            )),
        }
    }

    /// The answer as JSON text. Amounts are JSON numbers with all ten places; entries stand in the order of
    /// their keys, the group without a key last.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("text keys and decimals serialise")
    }

    /// The state as bytes, for another process of the same version.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![STATE_VERSION];
        put_text(&mut bytes, self.currency.as_deref());
        bytes.extend(self.rows.to_le_bytes());
        bytes.extend(self.total.units().to_le_bytes());
        for groups in &self.groups {
            bytes.extend((groups.iter().count() as u32).to_le_bytes());
            for (key, amount) in groups.iter() {
                put_text(&mut bytes, key);
                bytes.extend(amount.units().to_le_bytes());
            }
        }
        bytes
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// `DamagedState` for anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        Self::take(&mut Reader(bytes)).ok_or_else(|| Error::damaged_state("cost_breakdown"))
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        if reader.array::<1>()? != [STATE_VERSION] {
            return None;
        }
        let mut state = Self {
            currency: reader.text()?.map(str::to_owned),
            rows: u64::from_le_bytes(reader.array()?),
            total: reader.amount()?,
            ..Self::default()
        };
        for groups in &mut state.groups {
            for _ in 0..u32::from_le_bytes(reader.array()?) {
                let key = reader.text()?;
                groups.add(key, reader.amount()?).ok()?;
            }
        }
        reader.0.is_empty().then_some(state)
    }
}

/// NULL is the length that no key reaches.
const NO_TEXT: u32 = u32::MAX;

fn put_text(bytes: &mut Vec<u8>, text: Option<&str>) {
    bytes.extend(text.map_or(NO_TEXT, |text| text.len() as u32).to_le_bytes());
    bytes.extend(text.unwrap_or_default().bytes());
}

/// Reads an encoded state; `None` as soon as it is not what it should be.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    fn amount(&mut self) -> Option<Amount> {
        Some(Amount::from_units(i128::from_le_bytes(self.array()?)))
    }

    fn text(&mut self) -> Option<Option<&'a str>> {
        let length = u32::from_le_bytes(self.array()?);
        if length == NO_TEXT {
            return Some(None);
        }
        let (head, rest) = self.0.split_at_checked(length as usize)?;
        self.0 = rest;
        Some(Some(std::str::from_utf8(head).ok()?))
    }
}

impl Serialize for Breakdown {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3 + GROUPINGS.len()))?;
        map.serialize_entry("currency", &self.currency)?;
        map.serialize_entry("records", &self.rows)?;
        map.serialize_entry("total", &self.total.to_json())?;
        for (groups, (list, key)) in self.groups.iter().zip(GROUPINGS) {
            let entries: Vec<Entry<'_>> = groups.iter().map(|(name, sum)| Entry { key, name, sum }).collect();
            map.serialize_entry(list, &entries)?;
        }
        map.end()
    }
}

/// One line of a grouping: `{"day": "2026-01-31", "amount": 4.1000000000}`.
struct Entry<'a> {
    key: &'static str,
    name: Option<&'a str>,
    sum: Amount,
}

impl Serialize for Entry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry(self.key, &self.name)?;
        map.serialize_entry("amount", &self.sum.to_json())?;
        map.end()
    }
}

fn check_key(key: &str) -> Result<()> {
    if key.len() > COST_KEY_BYTES {
        return Err(Error::invalid_argument(
            format!("a group key has {} bytes, {COST_KEY_BYTES} at most are kept", key.len()),
            "Group by a shorter name.",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn row<'a>(amount: i128, day: Option<&'a str>, cost_type: &'a str) -> CostRow<'a> {
        CostRow {
            amount: Amount::from_units(amount),
            currency: "USD",
            day,
            cost_type: Some(cost_type),
            gpu_type: None,
            job_id: None,
            status: None,
        }
    }

    #[test]
    fn answers_every_grouping() {
        let mut state = Breakdown::default();
        state.add(&row(1, Some("2026-01-02"), "storage")).unwrap();
        state.add(&row(2, Some("2026-01-01"), "training_compute")).unwrap();
        state.add(&row(4, None, "storage")).unwrap();
        let answer: serde_json::Value = serde_json::from_str(&state.to_json()).unwrap();
        assert_eq!(answer["records"], 3);
        assert!(state.to_json().contains("\"total\":0.0000000007"));
        assert!(state.to_json().contains(
            r#""by_type":[{"cost_type":"storage","amount":0.0000000005},{"cost_type":"training_compute","amount":0.0000000002}]"#
        ));
        assert_eq!(answer["by_day"][2]["day"], serde_json::Value::Null);
    }

    #[test]
    fn currencies_are_never_added_together() {
        let mut state = Breakdown::default();
        state.add(&row(1, None, "storage")).unwrap();
        let euro = CostRow { currency: "EUR", ..row(1, None, "storage") };
        let error = state.add(&euro).unwrap_err();
        assert_eq!(error.message, "amounts in \"USD\" and \"EUR\" cannot be added together");
        let mut other = Breakdown::default();
        other.add(&euro).unwrap();
        assert!(state.merge(&other).is_err());
    }

    #[test]
    fn endless_keys_are_refused() {
        let long = "x".repeat(COST_KEY_BYTES + 1);
        assert!(Breakdown::default().add(&row(1, None, &long)).is_err());
    }

    proptest! {
        #[test]
        fn merging_gives_the_answer_of_one_pass(
            rows in proptest::collection::vec((-1_000_000_i128..1_000_000, proptest::option::of("[a-c]"), "[x-z]"), 0..60),
            at in 0_usize..60,
        ) {
            let of = |rows: &[(i128, Option<String>, String)]| {
                let mut state = Breakdown::default();
                for (amount, day, cost_type) in rows {
                    state.add(&row(*amount, day.as_deref(), cost_type)).unwrap();
                }
                state
            };
            let (left, right) = rows.split_at(at.min(rows.len()));
            let mut merged = of(right);
            merged.merge(&Breakdown::decode(&of(left).encode()).unwrap()).unwrap();
            prop_assert_eq!(merged.to_json(), of(&rows).to_json());
            for groups in &merged.groups {
                prop_assert_eq!(groups.iter().map(|(_, sum)| sum.units()).sum::<i128>(), merged.total.units());
            }
        }

        #[test]
        fn damaged_states_are_refused(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0_usize..100) {
            let _ = Breakdown::decode(&bytes);
            let mut state = Breakdown::default();
            state.add(&row(5, Some("2026-01-01"), "storage")).unwrap();
            bytes = state.encode();
            prop_assert_eq!(Breakdown::decode(&bytes).unwrap(), state);
            bytes.truncate(bytes.len() - 1 - cut.min(bytes.len() - 1));
            prop_assert!(Breakdown::decode(&bytes).is_err());
        }
    }
}
