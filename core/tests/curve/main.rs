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
    fn the_newest_points_are_those_of_the_naive_way(points in points(600), most in 4_usize..80) {
        let all = sorted(&points);
        prop_assume!(all.len() > most);
        prop_assert_eq!(drawn(&curve(&points, most as i32, "last")), naive::newest(&all, most));
    }

    /// Microseconds since whenever: only how far they are apart counts.
    #[test]
    fn integers_from_anywhere_are_drawn_as_from_zero(
        points in proptest::collection::vec((0_i32..1_000_000, -1e3..1e3), 1..300), start in any::<i64>(), most in 4_i32..40,
        method in 0_usize..4,
    ) {
        let start = start.min(i64::MAX - 1_000_000);
        let near: Vec<Point> = points.iter().map(|(x, y)| (f64::from(*x), *y)).collect();
        let expected = drawn(&curve(&near, most, METHODS[method]));
        let mut far = Series::default();
        points.iter().for_each(|(x, y)| far.push(start + i64::from(*x), *y).unwrap());
        let far = far.curve(&Request::new(most, METHODS[method], None).unwrap(), &mut || ()).unwrap();
        let moved: Vec<Point> = far.x.iter().map(|x| (x - start) as f64).zip(far.y).collect();
        prop_assert_eq!(moved, expected);
    }

    #[test]
    fn one_spike_is_never_lost(
        noise in proptest::collection::vec(1.5..2.5, 50..2_000), spike in any::<prop::sample::Index>(), depth in any::<bool>(),
    ) {
        let spike = spike.index(noise.len());
        let height = if depth { -9.9 } else { 9.9 };
        let points: Vec<Point> =
            noise.iter().enumerate().map(|(step, y)| (step as f64, if step == spike { height } else { *y })).collect();
        for method in METHODS {
            prop_assert!(drawn(&curve(&points, 32, method)).contains(&(spike as f64, height)), "{method}");
        }
    }

    /// As Postgres may spread rows: any order, each to any of the workers, whose states go through bytes and are merged in any order.
    #[test]
    fn the_order_the_workers_and_the_merges_do_not_matter(
        (points, shuffled) in any_points(300).prop_flat_map(|points| (Just(points.clone()), Just(points).prop_shuffle())),
        worker_of in proptest::collection::vec(0_usize..5, 300), merged in Just([0_usize, 1, 2, 3, 4]).prop_shuffle(),
        most in 4_i32..40, method in 0_usize..4, weight in proptest::option::of(0.0..0.99),
    ) {
        let request = Request::new(most, METHODS[method], weight).unwrap();
        let text = |mut series: Series<f64>| {
            let curve = series.curve(&request, &mut || ()).unwrap();
            let marks = serde_json::to_string(&curve.marks).unwrap();
            // To the bit: NaN and -0.0 are no equals of themselves, or of 0.0.
            format!("{:?} {:?} {marks} {} {}", curve.x, curve.y, curve.points, curve.non_finite)
        };
        let mut ordered = points.clone();
        ordered.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let expected = text(series(&ordered));
        prop_assert_eq!(&text(series(&points)), &expected);
        prop_assert_eq!(&text(series(&shuffled)), &expected);
        let mut workers = vec![Series::default(); 5];
        for (point, worker) in shuffled.iter().zip(worker_of) {
            workers[worker].push(point.0, point.1).unwrap();
        }
        let mut all = Series::default();
        for worker in merged {
            all.append(&Series::decode(&workers[worker].encode().unwrap()).unwrap()).unwrap();
        }
        prop_assert_eq!(&text(all), &expected);
        // And states that were merged among themselves before.
        let [left, mut all] = [&[0, 1, 2][..], &[4, 3]].map(|part| {
            let mut series = Series::default();
            part.iter().for_each(|&worker| series.append(&workers[worker]).unwrap());
            series
        });
        all.append(&left).unwrap();
        prop_assert_eq!(&text(all), &expected);
        let curve = series(&points).curve(&request, &mut || ()).unwrap();
        prop_assert_eq!(curve.points, points.len());
        let numbers = points.iter().filter(|(x, y)| x.is_finite() && y.is_finite()).count();
        prop_assert_eq!(curve.non_finite, points.len() - numbers);
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

/// Whatever x is: at infinity there is no place to draw at, and where several points share a place they are ordered by y.
#[test]
fn ties_and_infinities_in_x_are_in_their_places() {
    let infinity = f64::INFINITY;
    let mut points: Vec<Point> =
        (0..40).map(|number| (f64::from(number / 8), f64::from(number * 7 % 8))).collect();
    points.extend([
        (infinity, 99.0),
        (-infinity, -99.0),
        (-infinity, f64::NAN),
        (f64::NAN, 1.0),
        (infinity, 98.0),
    ]);
    for method in METHODS {
        let curve = curve(&points, 12, method);
        assert_eq!((curve.points, curve.non_finite), (45, 5));
        let drawn = drawn(&curve);
        assert_eq!((drawn[0], drawn[drawn.len() - 1]), ((0.0, 0.0), (4.0, 7.0)), "{method}");
        assert!(drawn.is_sorted() && drawn.len() <= 12, "{method}: {drawn:?}");
        let marks: Vec<(Option<f64>, &str, usize)> =
            curve.marks.iter().map(|mark| (mark.from, mark.value, mark.points)).collect();
        // In the order of x: -infinity, infinity, NaN.
        assert_eq!(marks, [(None, "number", 1), (None, "NaN", 1), (None, "number", 3)], "{method}");
    }
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
