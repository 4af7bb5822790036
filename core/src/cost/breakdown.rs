//! Amounts added up by every grouping at once, in one pass.
//!
//! Invariant: order does not matter and merging partial states gives the answer of one pass; every grouping
//! sums exactly to the total. Currencies are never added together.

use super::amount::Amount;
use super::currency;
use super::day::Day;
use crate::limits::{COST_GROUPS, COST_JOBS, COST_KEY_BYTES};
use crate::{Error, Result};
use serde::de::DeserializeOwned;
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use uuid::Uuid;

/// First byte of an encoded state; it rises when the encoding changes.
const STATE_VERSION: u8 = 2;

/// One amount with what it is grouped by. A missing key is a group of its own.
#[derive(Debug, Clone, Copy)]
pub struct CostRow<'a> {
    /// What is added.
    pub amount: Amount,
    /// ISO 4217 code.
    pub currency: &'a str,
    /// Day, in whatever time zone the caller groups by.
    pub day: Option<Day>,
    /// Kind of cost.
    pub cost_type: Option<&'a str>,
    /// GPU that was used.
    pub gpu_type: Option<&'a str>,
    /// Job that it was used for.
    pub job_id: Option<Uuid>,
    /// Status of that job.
    pub status: Option<&'a str>,
}

/// Sums of all groupings: the state of the aggregate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Breakdown(Sums);

/// A new grouping is a member here, one in [`CostRow`], and a line in each function below that names them all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Sums {
    currency: Option<String>,
    rows: u64,
    total: i128,
    by_day: Groups<Day>,
    by_type: Groups<String>,
    by_gpu: Groups<String>,
    by_job: Groups<Uuid>,
    by_status: Groups<String>,
}

/// Sums of one grouping, in whole 10⁻¹⁰.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(serialize = "K: Serialize", deserialize = "K: DeserializeOwned"))]
struct Groups<K: Eq + Hash> {
    by_key: HashMap<K, i128>,
    without_key: Option<i128>,
}

impl<K: Eq + Hash> Default for Groups<K> {
    fn default() -> Self {
        Self { by_key: HashMap::new(), without_key: None }
    }
}

impl<K: Eq + Hash + Ord + ToString> Groups<K> {
    fn add<Q>(&mut self, key: Option<&Q>, units: i128, most: usize) -> Result<()>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
    {
        let Some(key) = key else {
            let sum = self.without_key.get_or_insert_default();
            *sum = added(*sum, units)?;
            return Ok(());
        };
        // A copy of the key is made for a new group only: nearly every row belongs to one that is known.
        if let Some(sum) = self.by_key.get_mut(key) {
            *sum = added(*sum, units)?;
            return Ok(());
        }
        if self.by_key.len() >= most {
            return Err(Error::out_of_range(
                format!("a cost breakdown holds at most {most} groups of a kind"),
                "Narrow the range of dates, or add up one job at a time.",
            ));
        }
        self.by_key.insert(key.to_owned(), units);
        Ok(())
    }

    fn merge<Q>(&mut self, other: &Self, most: usize) -> Result<()>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
    {
        if let Some(units) = other.without_key {
            self.add(None, units, most)?;
        }
        other.by_key.iter().try_for_each(|(key, units)| self.add(Some(key.borrow()), *units, most))
    }

    /// In the order of their keys, the group without one last.
    fn entries(&self, name: &'static str) -> Vec<Entry> {
        let mut keys: Vec<&K> = self.by_key.keys().collect();
        keys.sort_unstable();
        let with_key = keys.into_iter().map(|key| (Some(key.to_string()), self.by_key[key]));
        with_key
            .chain(self.without_key.map(|units| (None, units)))
            .map(|(key, units)| Entry { name, key, sum: Amount::from_units(units) })
            .collect()
    }
}

fn added(sum: i128, units: i128) -> Result<i128> {
    sum.checked_add(units)
        .ok_or_else(|| Error::out_of_range("the sum of amounts is too large", "Add up fewer rows at once."))
}

impl Breakdown {
    /// Adds a row.
    ///
    /// # Errors
    /// `InvalidArgument` for a second currency or an endless key, `OutOfRange` beyond
    /// [`COST_GROUPS`] keys of one grouping, or [`COST_JOBS`] jobs.
    pub fn add(&mut self, row: &CostRow<'_>) -> Result<()> {
        self.same_currency(Some(row.currency))?;
        for key in [row.cost_type, row.gpu_type, row.status].into_iter().flatten() {
            check_key(key)?;
        }
        let (sums, units) = (&mut self.0, row.amount.units());
        sums.by_day.add(row.day.as_ref(), units, COST_GROUPS)?;
        sums.by_type.add(row.cost_type, units, COST_GROUPS)?;
        sums.by_gpu.add(row.gpu_type, units, COST_GROUPS)?;
        sums.by_job.add(row.job_id.as_ref(), units, COST_JOBS)?;
        sums.by_status.add(row.status, units, COST_GROUPS)?;
        sums.total = added(sums.total, units)?;
        sums.rows += 1;
        Ok(())
    }

    /// Adds what another state holds.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn merge(&mut self, Self(other): &Self) -> Result<()> {
        self.same_currency(other.currency.as_deref())?;
        let sums = &mut self.0;
        sums.by_day.merge(&other.by_day, COST_GROUPS)?;
        sums.by_type.merge::<str>(&other.by_type, COST_GROUPS)?;
        sums.by_gpu.merge::<str>(&other.by_gpu, COST_GROUPS)?;
        sums.by_job.merge(&other.by_job, COST_JOBS)?;
        sums.by_status.merge::<str>(&other.by_status, COST_GROUPS)?;
        sums.total = added(sums.total, other.total)?;
        sums.rows += other.rows;
        Ok(())
    }

    fn same_currency(&mut self, currency: Option<&str>) -> Result<()> {
        match (&self.0.currency, currency) {
            (_, None) => Ok(()),
            (None, Some(new)) => {
                check_key(new)?;
                self.0.currency = Some(new.to_owned());
                Ok(())
            }
            (Some(known), Some(new)) if known == new => Ok(()),
            (Some(known), Some(new)) => Err(Error::invalid_argument(
                format!("amounts in \"{known}\" and \"{new}\" cannot be added together"),
                "Group the query by currency.",
            )),
        }
    }

    /// The answer as JSON text. Amounts are JSON numbers with all ten places; `rounded` is the total in the places in which its
    /// currency is paid, half to even. Entries stand in the order of their keys, the group without a key last.
    pub fn to_json(&self) -> String {
        serde_json::to_string(&Answer(&self.0)).expect("text keys and decimals serialise")
    }

    /// The state as bytes, for another process of the same version.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![STATE_VERSION];
        bytes
            .extend(postcard::to_allocvec(&self.0).expect("a state has nothing that postcard does not know"));
        bytes
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// `DamagedState` for anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let sums =
            bytes.strip_prefix(&[STATE_VERSION]).and_then(|bytes| postcard::take_from_bytes(bytes).ok());
        match sums {
            Some((sums, [])) => Ok(Self(sums)),
            _ => Err(Error::damaged_state("cost_breakdown")),
        }
    }
}

struct Answer<'a>(&'a Sums);

impl Serialize for Answer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let Self(sums) = self;
        let total = Amount::from_units(sums.total);
        let places = sums.currency.as_deref().map_or(2, currency::places);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("currency", &sums.currency)?;
        map.serialize_entry("records", &sums.rows)?;
        map.serialize_entry("total", &total.to_json())?;
        map.serialize_entry("rounded", &total.rounded(places))?;
        map.serialize_entry("by_day", &sums.by_day.entries("day"))?;
        map.serialize_entry("by_type", &sums.by_type.entries("cost_type"))?;
        map.serialize_entry("by_gpu", &sums.by_gpu.entries("gpu_type"))?;
        map.serialize_entry("by_job", &sums.by_job.entries("job_id"))?;
        map.serialize_entry("by_status", &sums.by_status.entries("status"))?;
        map.end()
    }
}

/// One line of a grouping: `{"day": "2026-01-31", "amount": 4.1000000000}`.
struct Entry {
    name: &'static str,
    key: Option<String>,
    sum: Amount,
}

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry(self.name, &self.key)?;
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

    fn row(amount: i128, day: Option<i32>, cost_type: &str) -> CostRow<'_> {
        CostRow {
            amount: Amount::from_units(amount),
            currency: "USD",
            day: day.map(Day),
            cost_type: Some(cost_type),
            gpu_type: None,
            job_id: None,
            status: None,
        }
    }

    #[test]
    fn answers_every_grouping() {
        let mut state = Breakdown::default();
        state.add(&row(1, Some(9_498), "storage")).unwrap();
        state.add(&row(2, Some(9_497), "training_compute")).unwrap();
        state.add(&row(4, None, "storage")).unwrap();
        let answer: serde_json::Value = serde_json::from_str(&state.to_json()).unwrap();
        assert_eq!(answer["records"], 3);
        assert!(state.to_json().contains("\"total\":0.0000000007,\"rounded\":0.00,"));
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
            rows in proptest::collection::vec((-1_000_000_i128..1_000_000, proptest::option::of(0..3), "[x-z]"), 0..60),
            at in 0_usize..60,
        ) {
            let of = |rows: &[(i128, Option<i32>, String)]| {
                let mut state = Breakdown::default();
                for (amount, day, cost_type) in rows {
                    state.add(&row(*amount, *day, cost_type)).unwrap();
                }
                state
            };
            let (left, right) = rows.split_at(at.min(rows.len()));
            let mut merged = of(right);
            merged.merge(&Breakdown::decode(&of(left).encode()).unwrap()).unwrap();
            prop_assert_eq!(merged.to_json(), of(&rows).to_json());
            let Breakdown(sums) = &merged;
            let of_groups = |entries: Vec<Entry>| entries.iter().map(|entry| entry.sum.units()).sum::<i128>();
            for entries in [sums.by_day.entries(""), sums.by_type.entries(""), sums.by_job.entries("")] {
                prop_assert_eq!(of_groups(entries), sums.total);
            }
        }

        #[test]
        fn damaged_states_are_refused(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0_usize..100) {
            let _ = Breakdown::decode(&bytes);
            let mut state = Breakdown::default();
            state.add(&row(5, Some(9_497), "storage")).unwrap();
            bytes = state.encode();
            prop_assert_eq!(Breakdown::decode(&bytes).unwrap(), state);
            bytes.truncate(bytes.len() - 1 - cut.min(bytes.len() - 1));
            prop_assert!(Breakdown::decode(&bytes).is_err());
        }
    }
}
