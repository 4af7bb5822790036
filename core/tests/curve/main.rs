//! Laws of curves, and the selections against naive ones that were written independently.

mod naive;

use naive::Point;
use pg_lora_core::metric::{Curve, Request, Series};
use proptest::prelude::*;

const METHODS: [&str; 4] = ["minmax", "lttb", "minmaxlttb", "last"];

fn series(points: &[Point]) -> Series<f64> {
    let mut series = Series::default();
    points.iter().for_each(|(x, y)| series.push(*x, *y).unwrap());
    series
}

fn curve(points: &[Point], most: i32, method: &str) -> Curve<f64> {
    series(points).curve(&Request::new(most, method, None).unwrap(), &mut || ()).unwrap()
}

fn drawn(curve: &Curve<f64>) -> Vec<Point> {
    curve.x.iter().copied().zip(curve.y.iter().copied()).collect()
}

fn sorted(points: &[Point]) -> Vec<Point> {
    let mut points = points.to_vec();
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    points
}

/// Values of all kinds, with ties in x and in y.
fn points(most: usize) -> impl Strategy<Value = Vec<Point>> {
    let y = prop_oneof![8 => -1e3..1e3, 1 => (-3_i32..3).prop_map(f64::from)];
    let x = prop_oneof![3 => (0_u32..500).prop_map(f64::from), 1 => -1e4..1e4];
    proptest::collection::vec((x, y), 1..most)
}

/// The same, and what is no number among them.
fn any_points(most: usize) -> impl Strategy<Value = Vec<Point>> {
    let strange = prop_oneof![
        Just(f64::NAN),
        Just(-f64::NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(-0.0),
        any::<f64>()
    ];
    let point = prop_oneof![
        10 => ((0_u32..300).prop_map(f64::from), -1e3..1e3),
        1 => ((0_u32..300).prop_map(f64::from), strange.clone()),
        1 => (strange, -1e3..1e3),
    ];
    proptest::collection::vec(point, 0..most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_is_drawn_are_points_and_the_ends_and_extremes_are_among_them(points in points(400), most in 4_i32..60, method in 0_usize..4) {
        let curve = curve(&points, most, METHODS[method]);
        let drawn = drawn(&curve);
        prop_assert!(drawn.len() <= most as usize);
        let all = sorted(&points);
        prop_assert!(drawn.len() == all.len() || all.len() > most as usize);
        prop_assert_eq!((drawn[0], drawn[drawn.len() - 1]), (all[0], all[all.len() - 1]));
        // Each as often as it is there, at most.
        let mut rest = all.iter();
        prop_assert!(drawn.iter().all(|point| rest.any(|other| other == point)), "{drawn:?}");
        let extreme = |points: &[Point], pick: fn(f64, f64) -> f64| points.iter().map(|point| point.1).reduce(pick);
        prop_assert_eq!(extreme(&drawn, f64::min), extreme(&all, f64::min));
        prop_assert_eq!(extreme(&drawn, f64::max), extreme(&all, f64::max));
    }

    #[test]
    fn the_largest_triangles_are_those_of_the_naive_way(points in points(600), most in 4_usize..80) {
        let all = sorted(&points);
        prop_assume!(all.len() > most);
        let expected = naive::with_extremes(naive::largest_triangles(&all, most - 2), &all);
        prop_assert_eq!(drawn(&curve(&points, most as i32, "lttb")), expected);
    }

    #[test]
    fn the_lowest_and_the_highest_are_those_of_the_naive_way(points in points(600), most in 4_usize..80) {
        let all = sorted(&points);
        prop_assume!(all.len() > most);
        prop_assert_eq!(drawn(&curve(&points, most as i32, "minmax")), naive::lowest_and_highest(&all, (most - 2) / 2));
        let before = if all.len() > most * 4 { naive::lowest_and_highest(&all, (most * 4 - 2) / 2) } else { all.clone() };
        let expected = naive::with_extremes(naive::largest_triangles(&before, most - 2), &all);
        prop_assert_eq!(drawn(&curve(&points, most as i32, "minmaxlttb")), expected);
    }

    #[test]
    fn one_spike_is_never_lost(count in 50_usize..5_000, spike in any::<prop::sample::Index>(), depth in any::<bool>(), method in 0_usize..4) {
        let spike = spike.index(count);
        let height = if depth { -9.9 } else { 9.9 };
        let points: Vec<Point> = (0..count)
            .map(|step| (step as f64, if step == spike { height } else { 2.0 + (step as f64 * 0.7).sin() * 0.06 }))
            .collect();
        prop_assert!(drawn(&curve(&points, 32, METHODS[method])).contains(&(spike as f64, height)));
    }

    #[test]
    fn the_order_and_the_parts_do_not_matter(
        points in any_points(300), shuffled in any::<u64>(), cut in any::<prop::sample::Index>(), most in 4_i32..40,
        method in 0_usize..4, weight in proptest::option::of(0.0..0.99),
    ) {
        let request = Request::new(most, METHODS[method], weight).unwrap();
        let mut ordered = points.clone();
        ordered.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let expected = series(&ordered).curve(&request, &mut || ()).unwrap();
        let text = |curve: &Curve<f64>| serde_json::to_string(&(format!("{:?} {:?}", curve.x, curve.y), &curve.marks, curve.points, curve.non_finite)).unwrap();
        let mut other = points.clone();
        if !other.is_empty() {
            other.rotate_left(shuffled as usize % points.len());
            other.reverse();
        }
        prop_assert_eq!(text(&series(&other).curve(&request, &mut || ()).unwrap()), text(&expected));
        let middle = cut.index(points.len() + 1);
        let mut left = series(&points[..middle]);
        left.append(&Series::decode(&series(&points[middle..]).encode().unwrap()).unwrap()).unwrap();
        prop_assert_eq!(text(&left.curve(&request, &mut || ()).unwrap()), text(&expected));
        prop_assert_eq!(expected.points, points.len());
        let numbers = points.iter().filter(|(x, y)| x.is_finite() && y.is_finite()).count();
        prop_assert_eq!(expected.non_finite, points.len() - numbers);
    }
}

#[test]
fn what_is_no_number_is_marked_where_it_is() {
    let (nan, infinity) = (f64::NAN, f64::INFINITY);
    let points = [
        (1.0, 2.0),
        (2.0, nan),
        (3.0, nan),
        (4.0, infinity),
        (5.0, 1.0),
        (6.0, nan),
        (7.0, -infinity),
        (infinity, 3.0),
    ];
    let curve = curve(&points, 4, "minmax");
    assert_eq!(drawn(&curve), [(1.0, 2.0), (5.0, 1.0)]);
    let marks = serde_json::to_value(&curve.marks).unwrap();
    assert_eq!(
        marks,
        serde_json::json!([
            {"from": 2.0, "to": 3.0, "value": "NaN", "points": 2},
            {"from": 4.0, "to": 4.0, "value": "Infinity", "points": 1},
            {"from": 6.0, "to": 6.0, "value": "NaN", "points": 1},
            // The last of them, whatever there is no room for.
            {"from": null, "to": null, "value": "number", "points": 1}
        ])
    );
    assert_eq!((curve.points, curve.non_finite), (8, 6));
}

#[test]
fn series_that_are_hardly_any_are_drawn_as_they_are() {
    for method in METHODS {
        assert_eq!(drawn(&curve(&[], 4, method)), []);
        assert_eq!(drawn(&curve(&[(1.0, 2.0)], 4, method)), [(1.0, 2.0)]);
        let constant: Vec<Point> = (0..100).map(|step| (f64::from(step), 2.0)).collect();
        let drawn = drawn(&curve(&constant, 10, method));
        assert!(drawn.len() <= 10 && drawn[0] == (0.0, 2.0) && drawn[drawn.len() - 1] == (99.0, 2.0));
        let diverged: Vec<Point> = (0..100).map(|step| (f64::from(step), f64::NAN)).collect();
        let curve = curve(&diverged, 10, method);
        assert_eq!((curve.x.len(), curve.marks.len(), curve.marks[0].points), (0, 1, 100));
    }
}

#[test]
fn the_ends_of_all_integers_are_an_x_as_any_other() {
    for method in METHODS {
        let mut series = Series::default();
        for (x, y) in
            [(i64::MAX, 1.0), (i64::MIN, 2.0), (0, 9.0), (-1, 3.0), (1_767_225_600_000_000, -4.0), (1, 5.0)]
        {
            series.push(x, y).unwrap();
        }
        let curve = series.curve(&Request::new(4, method, None).unwrap(), &mut || ()).unwrap();
        assert_eq!(curve.x, [i64::MIN, 0, 1_767_225_600_000_000, i64::MAX], "{method}");
    }
    // Values whose sums and triangles are beyond all numbers.
    let vast: Vec<Point> =
        (0..100).map(|step| (f64::from(step) * 1e306, if step % 2 == 0 { 1e308 } else { -1e308 })).collect();
    for method in METHODS {
        assert!(curve(&vast, 8, method).y.iter().all(|y| y.abs() == 1e308));
    }
}

#[test]
fn smoothing_is_of_the_whole_series() {
    let points: Vec<Point> = (0..1_000).map(|step| (f64::from(step), f64::from(step * step % 97))).collect();
    let mut whole: Vec<f64> = points.iter().map(|point| point.1).collect();
    pg_lora_core::metric::smooth(whole.iter_mut(), 0.6).unwrap();
    let request = Request::new(50, "minmaxlttb", Some(0.6)).unwrap();
    let curve = series(&points).curve(&request, &mut || ()).unwrap();
    assert!(curve.x.iter().zip(&curve.y).all(|(x, y)| whole[*x as usize] == *y));
}

#[test]
fn a_damaged_state_is_refused() {
    let state = series(&[(1.0, 2.0), (3.0, 4.0)]).encode().unwrap();
    assert_eq!(state.len(), 32);
    for length in [1, 15, 17, 31] {
        assert!(Series::<f64>::decode(&state[..length]).is_err(), "{length}");
    }
}

#[test]
fn what_cannot_be_asked_is_refused() {
    for (most, method, weight, message) in [
        (3, "minmax", None, "\"max_points\" is 3"),
        (-1, "minmax", None, "\"max_points\" is -1"),
        (100_001, "minmax", None, "\"max_points\" is 100001"),
        (10, "LTTB", None, "\"method\" is \"LTTB\""),
        (10, "lttb", Some(1.0), "\"weight\" is 1"),
    ] {
        assert_eq!(Request::new(most, method, weight).unwrap_err().message, message);
    }
}
