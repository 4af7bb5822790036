//! Dataset validation in parts: segments of a file, and lines of a table.

use crate::arg::{JsonText, TextBytes};
use crate::dataset::{as_json, options_of};
use crate::error::with_sqlstate;
use crate::state;
use crate::tick;
use pg_lora_core::Error;
use pg_lora_core::dataset::{Runs, Segment};
use pgrx::Internal;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Reads a part of a dataset file, cut anywhere: merge_segments puts the parts together, segment_report makes the report
#[pg_extern(immutable, parallel_safe, strict, create_or_replace, cost = 100000)]
fn scan_segment(content: &[u8], options: default!(JsonText, "'{}'")) -> Result<Vec<u8>, ErrorReport> {
    Ok(Segment::scan(content, &options_of(&options)?, &mut tick).encode())
}

/// Makes the report on a dataset whose segment is given, and that of the file that is held back for validation
#[pg_extern(immutable, parallel_safe, create_or_replace, cost = 10000)]
fn segment_report(
    segment: Option<&[u8]>,
    options: default!(Option<JsonText>, "'{}'"),
    validation_segment: default!(Option<&[u8]>, "NULL"),
) -> Result<Option<JsonText>, ErrorReport> {
    let (Some(segment), Some(options)) = (segment, options) else { return Ok(None) };
    let options = options_of(&options)?;
    let report = Segment::decode(segment).and_then(|segment| match validation_segment {
        None => segment.report(&options, &mut tick),
        Some(held_back) => segment.report_with_validation(Segment::decode(held_back)?, &options, &mut tick),
    });
    Ok(Some(as_json(&report.map_err(with_sqlstate)?.answer())))
}

/// The parts so far; `None` before the first one.
type Merged = Option<Segment<'static>>;

#[pg_extern(immutable, parallel_safe, create_or_replace, cost = 10000)]
fn merge_segments_accum(
    state: Option<Internal>,
    segment: Option<&[u8]>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Internal, ErrorReport> {
    let (state, merged) = state::get_or_insert::<Merged>(state, fcinfo)?;
    let later = segment
        .ok_or_else(|| {
            Error::invalid_argument(
                "a segment is NULL",
                "Pass every part of the file; one that is left out changes the report.",
            )
        })
        .and_then(Segment::decode);
    let whole = later.and_then(|later| match merged.take() {
        Some(earlier) => earlier.merge(later),
        None => Ok(later),
    });
    *merged = Some(whole.map_err(with_sqlstate)?);
    tick();
    Ok(state)
}

#[pg_extern(immutable, parallel_safe, create_or_replace)]
fn merge_segments_final(state: Option<Internal>) -> Option<Vec<u8>> {
    state::get::<Merged>(state.as_ref())?.as_ref().map(Segment::encode)
}

pgrx::extension_sql_file!(
    "../sql/merge_segments.sql",
    name = "merge_segments",
    requires = [merge_segments_accum, merge_segments_final]
);

/// The lines so far; `None` before the first one.
type Lines = Option<Runs>;

#[pg_extern(immutable, parallel_safe, create_or_replace, cost = 2000)]
fn dataset_lines_report_accum(
    state: Option<Internal>,
    line_number: Option<i64>,
    line: Option<&[u8]>,
    options: Option<JsonText>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Internal, ErrorReport> {
    add_line(state, line_number, line, options, fcinfo)
}

#[pg_extern(name = "dataset_lines_report_accum", immutable, parallel_safe, create_or_replace, cost = 2000)]
fn dataset_lines_report_accum_text(
    state: Option<Internal>,
    line_number: Option<i64>,
    line: Option<TextBytes<'_>>,
    options: Option<JsonText>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Internal, ErrorReport> {
    add_line(state, line_number, line.map(|line| line.0), options, fcinfo)
}

fn add_line(
    state: Option<Internal>,
    line_number: Option<i64>,
    line: Option<&[u8]>,
    options: Option<JsonText>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Internal, ErrorReport> {
    let (state, lines) = state::get_or_insert::<Lines>(state, fcinfo)?;
    let (Some(number), Some(line)) = (line_number, line) else {
        let error = Error::invalid_argument(
            "a line or its number is NULL",
            "Pass every line with its number; a line without anything on it is ''.",
        );
        return Err(with_sqlstate(error));
    };
    // The options of the first line count: they are an argument of the aggregate, the same in each row.
    let runs = match lines {
        Some(runs) => runs,
        None => {
            let options = options.as_ref().map(options_of).transpose()?.unwrap_or_default();
            lines.insert(Runs::new(options))
        }
    };
    runs.add_line(number, line, &mut tick).map_err(with_sqlstate)?;
    Ok(state)
}

#[pg_extern(immutable, parallel_safe, create_or_replace, cost = 10000)]
fn dataset_lines_report_combine(
    left: Option<Internal>,
    right: Option<Internal>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Internal, ErrorReport> {
    let (state, lines) = state::get_or_insert::<Lines>(left, fcinfo)?;
    let Some(Some(other)) = state::get::<Lines>(right.as_ref()) else { return Ok(state) };
    match lines {
        Some(runs) => runs.append(other.clone(), &mut tick).map_err(with_sqlstate)?,
        None => *lines = Some(other.clone()),
    }
    Ok(state)
}

#[pg_extern(immutable, parallel_safe, create_or_replace)]
fn dataset_lines_report_serial(
    state: Option<Internal>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Vec<u8>, ErrorReport> {
    let (_, lines) = state::get_or_insert::<Lines>(state, fcinfo)?;
    let bytes = lines.as_mut().map(|runs| runs.encode(&mut tick)).transpose();
    Ok(bytes.map_err(with_sqlstate)?.unwrap_or_default())
}

#[pg_extern(immutable, parallel_safe, create_or_replace)]
fn dataset_lines_report_deserial(
    bytes: Option<&[u8]>,
    _unused: Option<Internal>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<Internal, ErrorReport> {
    let (state, lines) = state::get_or_insert::<Lines>(None, fcinfo)?;
    // A worker without a row has no options either.
    if let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) {
        *lines = Some(Runs::decode(bytes).map_err(with_sqlstate)?);
    }
    Ok(state)
}

#[pg_extern(immutable, parallel_safe, create_or_replace)]
fn dataset_lines_report_final(state: Option<Internal>) -> Result<Option<JsonText>, ErrorReport> {
    // As other aggregates: NULL of no rows.
    let Some(Some(runs)) = state::get::<Lines>(state.as_ref()) else { return Ok(None) };
    let report = runs.clone().report(&mut tick).map_err(with_sqlstate)?;
    Ok(Some(as_json(&report.answer())))
}

pgrx::extension_sql_file!(
    "../sql/dataset_lines_report.sql",
    name = "dataset_lines_report",
    requires = [
        dataset_lines_report_accum,
        dataset_lines_report_accum_text,
        dataset_lines_report_combine,
        dataset_lines_report_serial,
        dataset_lines_report_deserial,
        dataset_lines_report_final
    ]
);
