//! Histories, right and wrong.

use proptest::prelude::*;

use super::{Conflict, conflict, pending};
use crate::embedded::Version;
use crate::error::Exit;
use crate::history::Recorded;

const LABELS: [&str; 6] = [
    "sql/migrations/V0001__a.sql",
    "sql/migrations/V0002__b.sql",
    "sql/migrations/V0003__c.sql",
    "sql/migrations/V0004__d.sql",
    "sql/migrations/V0005__e.sql",
    "sql/migrations/V0006__f.sql",
];

fn versions(count: usize) -> Vec<Version> {
    (1..=count)
        .map(|number| Version {
            number: number as i32,
            name: LABELS[number - 1].chars().nth(22).unwrap().to_string(),
            checksum: 1000 + number as u64,
            file: LABELS[number - 1],
            sql: "select 1;",
            header: Default::default(),
        })
        .collect()
}

fn rows(versions: &[Version]) -> Vec<Recorded> {
    versions
        .iter()
        .map(|version| Recorded {
            version: version.number,
            name: Some(version.name.clone()),
            checksum: Some(version.checksum.to_string()),
        })
        .collect()
}

#[test]
fn each_kind_of_conflict_is_told_apart_and_named() {
    let embedded = versions(3);
    let good = rows(&embedded);
    let with = |change: &dyn Fn(&mut Vec<Recorded>)| {
        let mut rows = good.clone();
        change(&mut rows);
        let error = conflict(pending(&embedded, &rows).unwrap_err());
        assert_eq!(error.exit, Exit::History);
        error.message
    };
    assert_eq!(
        with(&|rows| rows.push(Recorded { version: 7, name: Some("x".into()), checksum: Some("1".into()) })),
        "version 7 \"x\" is recorded in the database and unknown to this build"
    );
    assert_eq!(
        with(&|rows| rows[1].name = Some("old".into())),
        "version 2 is recorded under another name: \"old\", where this build has \"b\""
    );
    assert_eq!(
        with(&|rows| rows[1].name = None),
        "version 2 is recorded under another name: \"nothing\", where this build has \"b\""
    );
    assert_eq!(
        with(&|rows| rows[2].checksum = Some("12".into())),
        "version 3 was applied from another text than \"sql/migrations/V0003__c.sql\" of this build"
    );
    assert_eq!(
        with(&|rows| drop(rows.remove(0))),
        "\"V0001__a\" is not recorded, although the later version 2 is"
    );
    assert_eq!(
        with(&|rows| drop(rows.remove(1))),
        "\"V0002__b\" is not recorded, although the later version 3 is"
    );
}

#[test]
fn an_empty_build_and_an_empty_history_agree() {
    assert_eq!(pending(&[], &[]).unwrap(), []);
}

proptest! {
    #[test]
    fn what_is_recorded_in_order_is_done_and_the_rest_is_pending(count in 0usize..=6, done in 0usize..=6) {
        let embedded = versions(count);
        let done = done.min(count);
        let recorded = rows(&embedded[..done]);
        prop_assert_eq!(pending(&embedded, &recorded).unwrap(), &embedded[done..]);
    }

    #[test]
    fn any_change_of_any_row_is_a_conflict(
        count in 1usize..=5, row in 0usize..6, kind in 0u8..5, digit in 0u64..1000,
    ) {
        let embedded = versions(count);
        let mut recorded = rows(&embedded);
        let row = row % count;
        let conflict = match kind {
            0 => { recorded[row].name = Some(format!("not {digit}")); true }
            1 => { recorded[row].checksum = Some(digit.to_string()); true }
            2 => { recorded[row].checksum = None; true }
            3 => { recorded[row].version = 100 + digit as i32; true }
            // Without a row before the last one there is a gap; without the last one there is not.
            _ => { recorded.remove(row); row + 1 < count }
        };
        recorded.sort_by_key(|row| row.version);
        prop_assert_eq!(pending(&embedded, &recorded).is_err(), conflict);
    }

    #[test]
    fn a_gap_names_the_first_version_that_is_missing(count in 2usize..=6, missing in 0usize..5) {
        let embedded = versions(count);
        let missing = missing % (count - 1);
        let mut recorded = rows(&embedded);
        recorded.remove(missing);
        prop_assert_eq!(
            pending(&embedded, &recorded).unwrap_err(),
            Conflict::Gap { missing: embedded[missing].label(), later: missing as i32 + 2 }
        );
    }
}
