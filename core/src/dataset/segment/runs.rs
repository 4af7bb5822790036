//! Lines of a file that come in any order, each under its number.
//!
//! Lines whose numbers follow each other are put together, so that what is held are the gaps between them: for a
//! table that is read in its order one run, for parallel workers one for each stretch that a worker read.

use super::Segment;
use crate::dataset::{Options, Report};
use crate::limits::RUNS;
use crate::{Error, Result};
use std::collections::BTreeMap;

/// Bytes of lines that are read at once: enough to make the joining of segments cheap.
const BATCH_BYTES: usize = 1 << 18;

/// What the bytes of this version begin with.
const MAGIC: &[u8] = b"pg_lora runs 1;";

/// Runs of lines, each by the number of its first one.
#[derive(Debug, Clone)]
pub struct Runs {
    options: Options,
    runs: BTreeMap<i64, Run>,
}

/// Lines whose numbers follow each other.
#[derive(Debug, Clone, Default)]
struct Run {
    last: i64,
    /// What was read of them.
    segment: Option<Segment<'static>>,
    /// Lines behind that which were not read yet, each with its end.
    unread: Vec<u8>,
}

impl Run {
    fn add_line(&mut self, line: &[u8], options: &Options, tick: &mut dyn FnMut()) -> Result<()> {
        self.unread.extend_from_slice(line);
        self.unread.push(b'\n');
        if self.unread.len() >= BATCH_BYTES { self.read(options, tick) } else { Ok(()) }
    }

    /// Reads what is not read yet.
    fn read(&mut self, options: &Options, tick: &mut dyn FnMut()) -> Result<()> {
        if !self.unread.is_empty() {
            let later = Segment::scan(&self.unread, options, tick);
            self.segment = Some(match self.segment.take() {
                Some(segment) => segment.merge(later)?,
                None => later.into_owned(),
            });
            self.unread.clear();
        }
        Ok(())
    }

    /// Goes on with the run behind this one.
    fn append(&mut self, mut later: Run, options: &Options, tick: &mut dyn FnMut()) -> Result<()> {
        self.last = later.last;
        if later.segment.is_none() {
            self.unread.append(&mut later.unread);
            return if self.unread.len() >= BATCH_BYTES { self.read(options, tick) } else { Ok(()) };
        }
        self.read(options, tick)?;
        self.segment = match (self.segment.take(), later.segment) {
            (Some(segment), Some(later)) => Some(segment.merge(later)?),
            (segment, later) => segment.or(later),
        };
        self.unread = later.unread;
        Ok(())
    }
}

impl Runs {
    /// No lines yet.
    pub fn new(options: Options) -> Self {
        Self { options, runs: BTreeMap::new() }
    }

    /// Adds a line, without its line end.
    ///
    /// # Errors
    /// `InvalidArgument` when the number is below 1 or was there before, `OutOfRange` when there are too many gaps.
    pub fn add_line(&mut self, number: i64, line: &[u8], tick: &mut dyn FnMut()) -> Result<()> {
        if number < 1 {
            return Err(Error::invalid_argument(
                format!("the line number {number} is below 1"),
                "Number the lines of a file from 1 on: row_number() does it.",
            ));
        }
        match self.runs.range_mut(..=number).next_back() {
            Some((_, run)) if run.last >= number => Err(stands_twice(number)),
            Some((_, run)) if run.last == number - 1 => {
                run.last = number;
                run.add_line(line, &self.options, tick)
            }
            _ => {
                let mut run = Run { last: number, ..Run::default() };
                run.add_line(line, &self.options, tick)?;
                self.insert(number, run, tick)
            }
        }
    }

    /// Adds the lines of another worker.
    ///
    /// # Errors
    /// As for a line.
    pub fn append(&mut self, other: Runs, tick: &mut dyn FnMut()) -> Result<()> {
        if self.options != other.options {
            return Err(Error::invalid_argument(
                "lines of one file have different options",
                "Pass the same options with each line.",
            ));
        }
        other.runs.into_iter().try_for_each(|(first, run)| {
            let before = self.runs.range(..=run.last).next_back();
            if let Some((_, before)) = before.filter(|(_, before)| before.last >= first) {
                return Err(stands_twice(before.last.min(run.last)));
            }
            self.insert(first, run, tick)
        })
    }

    /// The report on the file: its lines from 1 on, each with its end. Without any line it is empty.
    ///
    /// # Errors
    /// `InvalidArgument` that names the first number that is missing.
    pub fn report(mut self, tick: &mut dyn FnMut()) -> Result<Report> {
        self.join(tick)?;
        let options = &self.options;
        let Some((first, mut run)) = self.runs.pop_first() else {
            return Ok(super::report(b"", options, tick));
        };
        if first > 1 || !self.runs.is_empty() {
            let missing = if first > 1 { 1 } else { run.last + 1 };
            return Err(Error::invalid_argument(
                format!("the line number {missing} is missing"),
                "Number the lines of a file from 1 on without gaps: row_number() does it.",
            ));
        }
        run.read(options, tick)?;
        run.segment.unwrap_or_else(|| unreachable!("a run has a line")).report(options, tick)
    }

    /// The runs as bytes, all lines read.
    ///
    /// # Errors
    /// As for a line.
    pub fn encode(&mut self, tick: &mut dyn FnMut()) -> Result<Vec<u8>> {
        self.join(tick)?;
        let options = &self.options;
        self.runs.values_mut().try_for_each(|run| run.read(options, tick))?;
        let mut bytes = postcard::to_extend(options, MAGIC.to_vec())
            .unwrap_or_else(|_| unreachable!("memory takes all bytes"));
        for (first, run) in &self.runs {
            let Some(segment) = &run.segment else { continue };
            let segment = segment.encode();
            bytes.extend_from_slice(&first.to_le_bytes());
            bytes.extend_from_slice(&run.last.to_le_bytes());
            bytes.extend_from_slice(&(segment.len() as u64).to_le_bytes());
            bytes.extend_from_slice(&segment);
        }
        Ok(bytes)
    }

    /// The runs that were written as these bytes.
    ///
    /// # Errors
    /// `DamagedState` when there are none.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let damaged = || Error::damaged_state("dataset_lines_report");
        let mut runs = BTreeMap::new();
        let options = bytes.strip_prefix(MAGIC).ok_or_else(damaged)?;
        let (options, mut rest) = postcard::take_from_bytes::<Options>(options).map_err(|_| damaged())?;
        let mut last_of_all = 0;
        while !rest.is_empty() {
            let mut number = || -> Option<i64> {
                let (number, later) = rest.split_first_chunk()?;
                rest = later;
                Some(i64::from_le_bytes(*number))
            };
            let (first, last, length) = number()
                .zip(number())
                .zip(number())
                .map(|((first, last), length)| (first, last, length))
                .ok_or_else(damaged)?;
            let length = usize::try_from(length).map_err(|_| damaged())?;
            let (segment, later) = rest.split_at_checked(length).ok_or_else(damaged)?;
            rest = later;
            if first <= last_of_all || last < first || last == i64::MAX || runs.len() >= RUNS {
                return Err(damaged());
            }
            last_of_all = last;
            let segment = Segment::decode(segment).map_err(|_| damaged())?;
            runs.insert(first, Run { last, segment: Some(segment), unread: Vec::new() });
        }
        Ok(Self { options, runs })
    }

    /// Takes a run in that overlaps with no other one. Neighbours are put together later and many at once: to do it for
    /// each line would move all that is there for every line of a file that comes backwards.
    fn insert(&mut self, first: i64, run: Run, tick: &mut dyn FnMut()) -> Result<()> {
        self.runs.insert(first, run);
        if self.runs.len() < RUNS {
            return Ok(());
        }
        self.join(tick)?;
        if self.runs.len() <= RUNS / 2 {
            return Ok(());
        }
        Err(Error::out_of_range(
            format!("the line numbers have more than {} gaps between them", RUNS / 2),
            "Let the lines come in the order of their numbers: order by the number in the aggregate.",
        ))
    }

    /// Puts the runs together that follow each other.
    fn join(&mut self, tick: &mut dyn FnMut()) -> Result<()> {
        let mut runs = std::mem::take(&mut self.runs).into_iter();
        let Some((mut first, mut run)) = runs.next() else { return Ok(()) };
        for (next_first, next) in runs {
            if run.last.checked_add(1) == Some(next_first) {
                run.append(next, &self.options, tick)?;
            } else {
                self.runs.insert(first, std::mem::replace(&mut run, next));
                first = next_first;
            }
        }
        self.runs.insert(first, run);
        Ok(())
    }
}

fn stands_twice(number: i64) -> Error {
    Error::invalid_argument(
        format!("the line number {number} stands twice"),
        "Give each line a number of its own: row_number() does it.",
    )
}

impl Segment<'_> {
    /// The segment without the bytes that it was read from.
    #[must_use]
    pub fn into_owned(self) -> Segment<'static> {
        let Self { reading, digest, head, rest, raw } = self;
        Segment {
            reading,
            digest,
            head: head.into_owned(),
            rest: rest.map(|(body, tail)| (body, tail.into_owned())),
            raw: raw.map(|raw| raw.into_owned().into()),
        }
    }
}
