//! State of aggregates: a Rust value that lives as long as its group.

use pgrx::memcxt::PgMemoryContexts;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{Internal, pg_sys};

/// The state at hand, or a new one in the aggregate's memory context, and a reference to its value.
///
/// The current memory context lives for one row only; a state made there would be gone at the second one.
///
/// # Errors
/// When the function was not called by an aggregate.
pub(crate) fn get_or_insert<T: Default>(
    state: Option<Internal>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Result<(Internal, &'static mut T), ErrorReport> {
    // A state that is there was made below, in its group's context: asking for the context again would take a sixth of the
    // time of a row of `curve`.
    let datum = match state.and_then(Internal::into_datum) {
        Some(datum) => datum,
        None if is_of_another_edition(fcinfo) => return Err(replaced()),
        None => PgMemoryContexts::For(context(fcinfo)?).leak_and_drop_on_delete(T::default()).into(),
    };
    // SAFETY: a datum of type internal reaches this aggregate's functions only from one of them, and all of
    // them make it here as a T in the aggregate's context, which outlives every call for the group. Postgres
    // calls them one after the other, so no second reference exists.
    let value = unsafe { &mut *datum.cast_mut_ptr::<T>() };
    Ok((Internal::from(Some(datum)), value))
}

/// Whether the query was planned when the aggregate was another one, and its state of another type: Postgres would take the pointer
/// for such a value.
fn is_of_another_edition(fcinfo: pg_sys::FunctionCallInfo) -> bool {
    // SAFETY: fcinfo is the one that Postgres called this function with; what it answers is NULL, as in a window, which asks the
    // catalogue for the type when it begins, or a node of the plan, which outlives the call.
    unsafe { pg_sys::AggGetAggref(fcinfo).as_ref() }
        .is_some_and(|aggregate| aggregate.aggtranstype != pg_sys::INTERNALOID)
}

fn replaced() -> ErrorReport {
    ErrorReport::new(
        PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        "the aggregate was replaced while its query began",
        "pg_lora",
    )
    .set_hint("Send the query again.")
}

fn context(fcinfo: pg_sys::FunctionCallInfo) -> Result<pg_sys::MemoryContext, ErrorReport> {
    let mut context: pg_sys::MemoryContext = std::ptr::null_mut();
    // SAFETY: fcinfo is the one that Postgres called this function with.
    if unsafe { pg_sys::AggCheckCallContext(fcinfo, &mut context) } == 0 {
        return Err(ErrorReport::new(
            PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
            "the function is a part of an aggregate",
            "pg_lora",
        )
        .set_hint("Call the aggregate in place of its parts."));
    }
    Ok(context)
}

/// The value of a state; `None` before the first row.
pub(crate) fn get<T>(state: Option<&Internal>) -> Option<&T> {
    // SAFETY: as in `get_or_insert`: an initialised state of this aggregate is a T.
    state.and_then(|state| unsafe { state.get::<T>() })
}
