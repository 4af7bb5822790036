//! States, as if they had been found.

use super::{State, recognise};
use crate::catalogue::{Catalogue, expected};
use crate::embedded;

fn last() -> i32 {
    embedded::versions().len() as i32
}

fn state(version: i32) -> Catalogue {
    let objects = expected(version, false).objects;
    objects.into_iter().map(|(key, properties)| (key.to_owned(), properties.clone())).collect()
}

#[test]
fn each_version_is_recognised_by_what_it_makes() {
    for version in 1..=last() {
        let State::Version { number, alike, differences } = recognise(&state(version), &[]) else {
            panic!("{version}")
        };
        // One that leaves no trace in the catalogue is taken for the one before it.
        assert!(number == version || alike.contains(&version), "{version}: {number} {alike:?}");
        assert!(number <= version && differences.is_empty(), "{version}");
    }
    assert_eq!(recognise(&Catalogue::new(), &[]), State::Empty);
}

#[test]
fn a_thing_too_little_or_too_much_is_no_version() {
    for version in [1, 4, last()] {
        let whole = state(version);
        let keys = whole.keys().filter(|key| !key.starts_with("index ") && *key != super::MARK);
        // Each kind of thing is among every seventh.
        for key in keys.step_by(7) {
            let mut less = whole.clone();
            less.remove(key);
            // What one version makes alone is the one before where it is not there.
            match recognise(&less, &[]) {
                State::Version { number, differences, .. } => {
                    assert!(number < version && differences.is_empty(), "{version} without {key}")
                }
                State::Unknown { differences, .. } => assert!(!differences.is_empty()),
                other => assert!(
                    other == State::Empty || matches!(other, State::Specification { .. }),
                    "{version} without {key}: {other:?}"
                ),
            }
        }
    }
}

#[test]
fn rules_that_rows_break_do_not_hide_a_version() {
    let mut found = state(last());
    found.remove("index model_artifacts_user_id_name_version_key on public.model_artifacts");
    for rule in [
        "constraint datasets_status_check on public.datasets",
        "constraint cost_records_gpus_check on public.cost_records",
    ] {
        found.get_mut(rule).unwrap().insert("valid".into(), false.into());
    }
    let State::Version { number, differences, .. } = recognise(&found, &[]) else { panic!() };
    assert_eq!((number, differences.len()), (last(), 3));
}

#[test]
fn where_the_platform_lacks_a_table_nothing_stands_on_it() {
    let mut found = state(last());
    found.retain(|key, _| !key.ends_with(" on storage.objects"));
    assert!(matches!(recognise(&found, &[]), State::Unknown { .. }));
    assert!(
        matches!(recognise(&found, &["storage.objects"]), State::Version { number, .. } if number == last())
    );
}
