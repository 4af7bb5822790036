//! Which points of a series are drawn when there is no room for all of them.
//!
//! A series here is sorted and holds numbers only. A method answers indexes in rising order: the first, the last, the lowest and the
//! highest point always (of several that are equal the first one), and never more than was asked for.

use super::series::Abscissa;
use crate::{Error, Result};

/// Points that are selected beforehand for each one that is wanted, by `minmaxlttb`: the ratio that its authors recommend
/// (Van Der Donckt et al., 2023).
pub const PRESELECTED: usize = 4;

/// A way to select.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "types", schemars(rename = "CurveMethod", rename_all = "lowercase"))]
pub enum Method {
    /// The lowest and the highest point of stretches of equally many points.
    MinMax,
    /// Largest triangle three buckets (Steinarsson, 2013): what the eye would keep. It does not guarantee an extreme, so both are added.
    Lttb,
    /// The same of what `minmax` selects: as good to look at, many times faster.
    MinMaxLttb,
    /// The newest points.
    Last,
}

impl Method {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::MinMax, Self::Lttb, Self::MinMaxLttb, Self::Last];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::MinMax => "minmax",
            Self::Lttb => "lttb",
            Self::MinMaxLttb => "minmaxlttb",
            Self::Last => "last",
        }
    }

    /// By its name.
    ///
    /// # Errors
    /// `InvalidArgument` for a name that is none.
    pub fn from_name(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name).ok_or_else(|| {
            let shown: String = name.chars().take(50).collect();
            Error::invalid_argument(
                format!("\"method\" is \"{shown}\""),
                "Use minmax, lttb, minmaxlttb or last.",
            )
        })
    }

    /// Indexes of at most `most` points of a sorted series of numbers; `most` is at least 4.
    pub(super) fn select<X: Abscissa>(self, points: &[(X, f64)], most: usize) -> Vec<usize> {
        if points.len() <= most {
            return (0..points.len()).collect();
        }
        let whole =
            || (lttb(points, points.len(), |place| place, most - 2), extremes(points, 0..points.len()));
        // The lowest and the highest of all are among those of the stretches, and looked for there.
        let (mut chosen, extremes) = match self {
            Self::MinMax => return min_max(points, most),
            Self::Lttb => whole(),
            Self::MinMaxLttb => match most.saturating_mul(PRESELECTED) {
                before if before < points.len() => {
                    let before = min_max(points, before);
                    (lttb(points, before.len(), |place| before[place], most - 2), extremes(points, before))
                }
                _ => whole(),
            },
            Self::Last => {
                // So many that there is room for the others, which may be among them.
                let newest = points.len() - (most - 3)..points.len();
                (std::iter::once(0).chain(newest).collect(), extremes(points, 0..points.len()))
            }
        };
        for extreme in extremes {
            if let Err(place) = chosen.binary_search(&extreme) {
                chosen.insert(place, extreme);
            }
        }
        if self == Self::Last {
            // Room that the extremes did not need.
            let mut next = points.len() - (most - 3);
            while chosen.len() < most && next > 1 {
                next -= 1;
                if let Err(place) = chosen.binary_search(&next) {
                    chosen.insert(place, next);
                }
            }
        }
        chosen
    }
}

/// The first lowest and the first highest point of those at these indexes, of which there is one.
fn extremes<X: Abscissa>(points: &[(X, f64)], among: impl IntoIterator<Item = usize>) -> [usize; 2] {
    let mut among = among.into_iter();
    let first = among.next().unwrap_or_default();
    among.fold([first; 2], |[lowest, highest], index| {
        let y = points[index].1;
        [
            if y < points[lowest].1 { index } else { lowest },
            if y > points[highest].1 { index } else { highest },
        ]
    })
}

fn min_max<X: Abscissa>(points: &[(X, f64)], most: usize) -> Vec<usize> {
    let inner = points.len() - 2;
    let buckets = (most - 2) / 2;
    let mut chosen = Vec::with_capacity(most);
    chosen.push(0);
    for bucket in 0..buckets {
        // Products of counts of points: far from what a usize holds.
        let (from, to) = (1 + bucket * inner / buckets, 1 + (bucket + 1) * inner / buckets);
        let [lowest, highest] = extremes(points, from..to);
        chosen.push(lowest.min(highest));
        if lowest != highest {
            chosen.push(lowest.max(highest));
        }
    }
    chosen.push(points.len() - 1);
    chosen
}

/// Of the points at `count` rising indexes, at least as many as are wanted. `wanted` is at least 2.
fn lttb<X: Abscissa>(
    points: &[(X, f64)],
    count: usize,
    index: impl Fn(usize) -> usize,
    wanted: usize,
) -> Vec<usize> {
    let last = count - 1;
    let mut chosen = Vec::with_capacity(wanted + 2);
    chosen.push(index(0));
    if wanted > 2 {
        let buckets = wanted - 2;
        let start = |bucket: usize| 1 + bucket * (last - 1) / buckets;
        let origin = points[index(0)].0;
        let at = |place: usize| {
            let (x, y) = points[index(place)];
            (x.distance(origin), y)
        };
        let mut before = at(0);
        for bucket in 0..buckets {
            let (from, to) = (start(bucket), start(bucket + 1));
            // The middle of the bucket that follows; behind the last one there is the last point alone.
            let (next_from, next_to) =
                if bucket + 1 == buckets { (last, last + 1) } else { (to, start(bucket + 2)) };
            let count = (next_to - next_from) as f64;
            let sum = (next_from..next_to).map(at).fold((0.0, 0.0), |sum, (x, y)| (sum.0 + x, sum.1 + y));
            let after = (sum.0 / count, sum.1 / count);
            let (mut best, mut largest) = (from, -1.0);
            for place in from..to {
                let (x, y) = at(place);
                let area =
                    ((before.0 - after.0) * (y - before.1) - (before.0 - x) * (after.1 - before.1)).abs();
                // An area beyond all numbers compares as larger once; one that is none never does.
                if area > largest {
                    (best, largest) = (place, area);
                }
            }
            chosen.push(index(best));
            before = at(best);
        }
    }
    chosen.push(index(last));
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_found_by_its_name_and_no_other() {
        for method in Method::ALL {
            assert_eq!(Method::from_name(method.name()).unwrap(), method);
        }
        let refused = Method::from_name(&"x".repeat(500)).unwrap_err();
        assert_eq!(refused.message, format!("\"method\" is \"{}\"", "x".repeat(50)));
    }

    #[test]
    fn the_newest_points_leave_room_for_the_others() {
        let select = |values: &[f64], most| {
            let points: Vec<(i64, f64)> = values.iter().enumerate().map(|(x, y)| (x as i64, *y)).collect();
            Method::Last.select(&points, most)
        };
        let rising: Vec<f64> = (0..20).map(f64::from).collect();
        assert_eq!(select(&rising, 4), [0, 17, 18, 19]);
        let mut spiked = rising.clone();
        (spiked[5], spiked[9]) = (-1.0, 99.0);
        assert_eq!(select(&spiked, 6), [0, 5, 9, 17, 18, 19]);
        assert_eq!(select(&spiked, 4), [0, 5, 9, 19]);
    }
}
