//! What differs, of catalogues that are the expected one up to one thing.

use serde_json::json;

use super::{Difference, Kind, compare};
use crate::catalogue::{Catalogue, expected};
use crate::embedded;

fn last() -> i32 {
    embedded::versions().len() as i32
}

/// What is expected, as if it had been found.
fn whole(version: i32, layers: bool) -> Catalogue {
    let objects = expected(version, layers).objects;
    objects.into_iter().map(|(key, properties)| (key.to_owned(), properties.clone())).collect()
}

fn differences(change: impl FnOnce(&mut Catalogue)) -> Vec<Difference> {
    let mut found = whole(last(), true);
    change(&mut found);
    compare(&expected(last(), true), &found)
}

#[test]
fn what_is_expected_differs_in_nothing() {
    assert_eq!(differences(|_| ()), []);
    for version in 1..=last() {
        assert_eq!(compare(&expected(version, false), &whole(version, false)), [], "{version}");
    }
}

#[test]
fn each_difference_has_its_object_and_only_what_differs() {
    let key = "column public.datasets.name";
    let found = differences(|all| drop(all.get_mut(key).unwrap().insert("type".into(), json!("text"))));
    let [one] = &found[..] else { panic!("{found:?}") };
    assert_eq!(one.difference, Kind::Different);
    assert_eq!(one.words(), "column public.datasets.name: type is text, expected character varying(200)");
    assert_eq!(serde_json::to_value(one).unwrap()["expected"], json!({"type": "character varying(200)"}));

    let found = differences(|all| drop(all.get_mut(key).unwrap().insert("default".into(), json!("'x'"))));
    assert_eq!(found[0].words(), "column public.datasets.name: default is 'x', expected nothing");

    let found = differences(|all| drop(all.remove("grant on table public.gpu_prices to authenticated")));
    assert_eq!(found[0].label(), "missing");
    assert_eq!(found[0].words(), "grant on table public.gpu_prices to authenticated: expected rights select");
}

#[test]
fn what_others_made_is_no_difference_and_what_bears_a_name_of_ours_is() {
    let add =
        |key: &'static str| differences(move |all| drop(all.insert(key.into(), Default::default()))).len();
    for foreign in [
        "column public.datasets.theirs",
        "index theirs on public.datasets",
        "policy theirs on public.datasets",
        "trigger theirs on public.datasets",
        "constraint theirs on public.datasets",
        "policy theirs on storage.objects",
        "grant on column public.datasets.theirs to anon",
    ] {
        assert_eq!(add(foreign), 0, "{foreign}");
    }
    for ours in [
        "grant on table public.datasets to anon",
        "grant on column public.datasets.name to authenticated",
        "function public.check_dataset(text)",
        // Of a version, until another one dropped it.
        "constraint datasets_storage_path_key on public.datasets",
    ] {
        assert_eq!(add(ours), 1, "{ours}");
    }
}

#[test]
fn without_the_layers_what_they_make_is_not_looked_at() {
    for version in 1..=last() {
        let mut found = whole(version, false);
        found.extend(whole(last(), true).into_iter().filter(|(key, _)| super::catalogue::is_of_layers(key)));
        found.insert("grant on table public.datasets to public".into(), Default::default());
        assert_eq!(compare(&expected(version, false), &found), [], "{version}");
        found.insert("grant on schema lora_private to anon".into(), Default::default());
        assert_eq!(compare(&expected(version, false), &found).len(), 1, "{version}");
    }
}
