//! A series as it is collected, and the curve that is drawn of it.
//!
//! Points may come in any order and in any parts. They are sorted by x, and by y where x is equal, so that the same set gives the same
//! curve; what is no number is set apart, as marks.

use std::cmp::Ordering;

use serde::Serialize;

use super::memory::{list_of, with_room};
use super::sampling::Method;
use super::smoothing;
use crate::limits::{CURVE_POINTS, SERIES_POINTS};
use crate::{Error, Result};

/// What an x can be.
pub trait Abscissa: Copy + Serialize {
    /// A total order.
    fn order(self, other: Self) -> Ordering;
    /// How far it is from another one.
    fn distance(self, from: Self) -> f64;
    /// Whether it can be drawn.
    fn is_number(self) -> bool;
    /// Its bits.
    fn to_bytes(self) -> [u8; 8];
    /// Of its bits.
    fn from_bytes(bytes: [u8; 8]) -> Self;
}

impl Abscissa for f64 {
    fn order(self, other: Self) -> Ordering {
        self.total_cmp(&other)
    }

    fn distance(self, from: Self) -> f64 {
        self - from
    }

    fn is_number(self) -> bool {
        self.is_finite()
    }

    fn to_bytes(self) -> [u8; 8] {
        self.to_le_bytes()
    }

    fn from_bytes(bytes: [u8; 8]) -> Self {
        Self::from_le_bytes(bytes)
    }
}

impl Abscissa for i64 {
    fn order(self, other: Self) -> Ordering {
        self.cmp(&other)
    }

    // Two of them may be farther apart than either holds.
    fn distance(self, from: Self) -> f64 {
        (i128::from(self) - i128::from(from)) as f64
    }

    fn is_number(self) -> bool {
        true
    }

    fn to_bytes(self) -> [u8; 8] {
        self.to_le_bytes()
    }

    fn from_bytes(bytes: [u8; 8]) -> Self {
        Self::from_le_bytes(bytes)
    }
}

/// What is asked of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Request {
    most: u32,
    method: Method,
    weight: Option<f64>,
}

impl Request {
    /// At most so many points, selected so, of the series as it is or smoothed by this weight.
    ///
    /// # Errors
    /// `InvalidArgument` for fewer than four points, for more than [`CURVE_POINTS`], for an unknown method and for a weight that is none.
    pub fn new(most: i32, method: &str, weight: Option<f64>) -> Result<Self> {
        if !(4..=CURVE_POINTS).contains(&most) {
            return Err(Error::invalid_argument(
                format!("\"max_points\" is {most}"),
                format!(
                    "Ask for 4 (the first, the last, the lowest and the highest) to {CURVE_POINTS} points."
                ),
            ));
        }
        weight.map_or(Ok(()), smoothing::check_weight)?;
        Ok(Self { most: most.unsigned_abs(), method: Method::from_name(method)?, weight })
    }

    /// It in a state of an aggregate, behind its points.
    pub fn encode(&self) -> [u8; REQUEST_BYTES] {
        let mut bytes = [0; REQUEST_BYTES];
        bytes[..4].copy_from_slice(&self.most.to_le_bytes());
        bytes[4] = self.method as u8;
        bytes[5..].copy_from_slice(&self.weight.unwrap_or(0.0).to_le_bytes());
        bytes
    }

    /// The request at the end of a state, and the points before it.
    ///
    /// # Errors
    /// `DamagedState` for what is none.
    pub fn split(state: &[u8]) -> Result<(Self, &[u8])> {
        let damaged = || Error::damaged_state("curve");
        let (points, request) = state.split_last_chunk::<REQUEST_BYTES>().ok_or_else(damaged)?;
        let (most, rest) = request.split_at(4);
        let most = i32::from_le_bytes(most.try_into().map_err(|_| damaged())?);
        let weight = f64::from_le_bytes(rest[1..].try_into().map_err(|_| damaged())?);
        let method = Method::ALL.into_iter().find(|method| *method as u8 == rest[0]).ok_or_else(damaged)?;
        let request = Self::new(most, method.name(), Some(weight)).map_err(|_| damaged())?;
        Ok((request, points))
    }
}

/// Bytes of a request in a state.
const REQUEST_BYTES: usize = 13;

/// Bytes of a point in a state.
const POINT_BYTES: usize = 16;

/// Points that are collected.
#[derive(Debug, Clone)]
pub struct Series<X> {
    points: Vec<(X, f64)>,
    /// As long as each came behind the one before it.
    sorted: bool,
}

impl<X> Default for Series<X> {
    fn default() -> Self {
        Self { points: Vec::new(), sorted: true }
    }
}

/// What is drawn.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema))]
pub struct Curve<X> {
    /// Of the points, in rising order.
    pub x: Vec<X>,
    /// Of the same points.
    pub y: Vec<f64>,
    /// Where points are that cannot be drawn.
    pub marks: Vec<Mark<X>>,
    /// Points of the whole series.
    pub points: usize,
    /// Those among them that are no numbers.
    pub non_finite: usize,
}

/// A run of points that cannot be drawn, with none between them that can.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "types", schemars(rename = "CurveMark"))]
pub struct Mark<X> {
    /// The x of the first one; NULL when that is no number itself.
    pub from: Option<X>,
    /// The x of the last one.
    pub to: Option<X>,
    /// Their y: `NaN`, `Infinity`, `-Infinity`, or `number` of an x that is none.
    pub value: &'static str,
    /// How many there are.
    pub points: usize,
}

fn order<X: Abscissa>(a: &(X, f64), b: &(X, f64)) -> Ordering {
    a.0.order(b.0).then(a.1.total_cmp(&b.1))
}

impl<X: Abscissa> Series<X> {
    /// Adds a point.
    ///
    /// # Errors
    /// `OutOfRange` beyond [`SERIES_POINTS`]; `OutOfMemory`.
    pub fn push(&mut self, x: X, y: f64) -> Result<()> {
        if self.points.len() >= SERIES_POINTS {
            return Err(too_long());
        }
        if self.sorted
            && let Some(last) = self.points.last()
        {
            self.sorted = order(last, &(x, y)) != Ordering::Greater;
        }
        if self.points.len() == self.points.capacity() {
            self.points.try_reserve(self.points.len().max(512)).map_err(|_| no_memory())?;
        }
        self.points.push((x, y));
        Ok(())
    }

    /// Adds the points of another one.
    ///
    /// # Errors
    /// `OutOfRange` beyond [`SERIES_POINTS`]; `OutOfMemory`.
    pub fn append(&mut self, other: &Self) -> Result<()> {
        if self.points.len() + other.points.len() > SERIES_POINTS {
            return Err(too_long());
        }
        self.sorted = self.sorted
            && other.sorted
            && match (self.points.last(), other.points.first()) {
                (Some(last), Some(first)) => order(last, first) != Ordering::Greater,
                _ => true,
            };
        self.points.try_reserve(other.points.len()).map_err(|_| no_memory())?;
        self.points.extend_from_slice(&other.points);
        Ok(())
    }

    /// Whether it has no point.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// The points as they were collected, on their way to another process: 16 bytes each, and room for a request behind them.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let mut bytes =
            with_room(self.points.len() * POINT_BYTES + REQUEST_BYTES, "the state of the series")?;
        for (x, y) in &self.points {
            bytes.extend_from_slice(&x.to_bytes());
            bytes.extend_from_slice(&y.to_le_bytes());
        }
        Ok(bytes)
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// `DamagedState` for bytes that are no whole points; as [`push`](Self::push).
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let (points, rest) = bytes.as_chunks::<POINT_BYTES>();
        if !rest.is_empty() {
            return Err(Error::damaged_state("curve"));
        }
        let mut series = Self::default();
        for point in points {
            let (x, y) = point.split_at(POINT_BYTES / 2);
            let half = |bytes: &[u8]| <[u8; 8]>::try_from(bytes).unwrap_or_default();
            series.push(X::from_bytes(half(x)), f64::from_le_bytes(half(y)))?;
        }
        Ok(series)
    }

    /// The curve. The series is sorted by it and else left as it is.
    ///
    /// # Errors
    /// `OutOfMemory`: what is smoothed, or what is left without that which is no number, is another series.
    pub fn curve(&mut self, request: &Request, tick: &mut dyn FnMut()) -> Result<Curve<X>> {
        if !self.sorted {
            self.points.sort_unstable_by(order);
            self.sorted = true;
        }
        tick();
        let is_number = |(x, y): &(X, f64)| x.is_number() && y.is_finite();
        let non_finite = self.points.iter().filter(|point| !is_number(point)).count();
        let weight = request.weight.filter(|weight| *weight > 0.0);
        let mut copy = Vec::new();
        if non_finite > 0 || weight.is_some() {
            let numbers = self.points.iter().copied().filter(is_number);
            copy = list_of(numbers, self.points.len() - non_finite, "the curve")?;
        }
        tick();
        if let Some(weight) = weight {
            smoothing::smooth(copy.iter_mut().map(|(_, y)| y), weight)?;
            tick();
        }
        let numbers = if non_finite > 0 || weight.is_some() { &copy } else { &self.points };
        let most = request.most as usize;
        let chosen = request.method.select(numbers, most);
        Ok(Curve {
            x: chosen.iter().map(|&index| numbers[index].0).collect(),
            y: chosen.iter().map(|&index| numbers[index].1).collect(),
            marks: if non_finite == 0 { Vec::new() } else { self.marks(most) },
            points: self.points.len(),
            non_finite,
        })
    }

    /// Runs of points that cannot be drawn: the first ones, and the last.
    fn marks(&self, most: usize) -> Vec<Mark<X>> {
        let mut marks: Vec<Mark<X>> = Vec::new();
        let mut goes_on = false;
        for &(x, y) in &self.points {
            let value = match y {
                y if y.is_nan() => "NaN",
                f64::INFINITY => "Infinity",
                f64::NEG_INFINITY => "-Infinity",
                _ if !x.is_number() => "number",
                _ => {
                    goes_on = false;
                    continue;
                }
            };
            let at = Some(x).filter(|x| x.is_number());
            match marks.last_mut() {
                Some(mark) if goes_on && mark.value == value => {
                    mark.to = at;
                    mark.points += 1;
                }
                _ => {
                    // The newest takes the place of the one before it.
                    marks.truncate(most - 1);
                    marks.push(Mark { from: at, to: at, value, points: 1 });
                }
            }
            goes_on = true;
        }
        marks
    }
}

fn no_memory() -> Error {
    Error::out_of_memory("the series")
}

fn too_long() -> Error {
    Error::out_of_range(
        format!("the series has more than {SERIES_POINTS} points"),
        "Ask for a part of it, such as a range of steps.",
    )
}
