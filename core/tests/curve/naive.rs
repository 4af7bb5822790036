//! The same selections written down as their authors describe them, without a thought for speed: what the crate's are held against.
//!
//! Steinarsson, "Downsampling Time Series for Visual Representation" (2013), section 4.2: the first and the last point are kept; the points
//! between them are split into as many buckets as points are still wanted; of each bucket, from left to right, the point is kept that
//! makes the largest triangle with the point kept before and the mean of the bucket behind; the first one of several.

/// A point.
pub type Point = (f64, f64);

/// The triangle between three points.
fn triangle(a: Point, b: Point, c: Point) -> f64 {
    ((a.0 - c.0) * (b.1 - a.1) - (a.0 - b.0) * (c.1 - a.1)).abs()
}

/// The points of bucket number `number` of `count`, over the points between the first and the last one.
fn bucket(inner: &[Point], number: usize, count: usize) -> &[Point] {
    &inner[number * inner.len() / count..(number + 1) * inner.len() / count]
}

/// Largest triangle three buckets: exactly `wanted` points of more than that.
pub fn largest_triangles(points: &[Point], wanted: usize) -> Vec<Point> {
    let inner = &points[1..points.len() - 1];
    let last = points[points.len() - 1];
    let buckets = wanted - 2;
    let mut kept = vec![points[0]];
    for number in 0..buckets {
        let behind = if number + 1 < buckets { bucket(inner, number + 1, buckets) } else { &[last] };
        let mut mean = (0.0, 0.0);
        for point in behind {
            mean.0 += point.0 - points[0].0;
            mean.1 += point.1;
        }
        let mean = (mean.0 / behind.len() as f64, mean.1 / behind.len() as f64);
        let from_first = |point: Point| (point.0 - points[0].0, point.1);
        let before = from_first(kept[kept.len() - 1]);
        let candidates = bucket(inner, number, buckets);
        let mut best = candidates[0];
        for candidate in candidates {
            if triangle(before, from_first(*candidate), mean) > triangle(before, from_first(best), mean) {
                best = *candidate;
            }
        }
        kept.push(best);
    }
    kept.push(last);
    kept
}

/// The lowest and the highest point of each of `count` buckets between the first and the last one, and these.
pub fn lowest_and_highest(points: &[Point], count: usize) -> Vec<Point> {
    let inner = &points[1..points.len() - 1];
    let mut kept = vec![0];
    for number in 0..count {
        let from = 1 + number * inner.len() / count;
        let places: Vec<usize> = (from..from + bucket(inner, number, count).len()).collect();
        let of = |wanted: f64| *places.iter().find(|&&place| points[place].1 == wanted).unwrap();
        let values = || places.iter().map(|&place| points[place].1);
        kept.push(of(values().fold(f64::INFINITY, f64::min)));
        kept.push(of(values().fold(f64::NEG_INFINITY, f64::max)));
    }
    kept.push(points.len() - 1);
    kept.sort_unstable();
    kept.dedup();
    kept.into_iter().map(|place| points[place]).collect()
}

/// With the first lowest and the first highest point, where they are not there.
pub fn with_extremes(mut kept: Vec<Point>, points: &[Point]) -> Vec<Point> {
    let values = || points.iter().map(|point| point.1);
    for wanted in [values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max)] {
        let extreme = *points.iter().find(|point| point.1 == wanted).unwrap();
        if !kept.contains(&extreme) {
            kept.push(extreme);
        }
    }
    kept.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    kept
}

/// The first, the first lowest and the first highest point, and of the others as many of the newest as there is room for.
pub fn newest(points: &[Point], most: usize) -> Vec<Point> {
    let values = || points.iter().map(|point| point.1);
    let lowest = points.iter().position(|point| point.1 == values().fold(f64::INFINITY, f64::min)).unwrap();
    let highest =
        points.iter().position(|point| point.1 == values().fold(f64::NEG_INFINITY, f64::max)).unwrap();
    let mut kept = std::collections::BTreeSet::from([0, lowest, highest]);
    for place in (0..points.len()).rev() {
        if kept.len() < most {
            kept.insert(place);
        }
    }
    kept.into_iter().map(|place| points[place]).collect()
}
