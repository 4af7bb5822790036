//! The only map from core's errors to SQLSTATEs.

use pg_lora_core::{Error, ErrorCode};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::PgSqlErrorCode;

/// An error of core as Postgres reports it: PostgREST answers 400 to all of these, and 503 to a lack of memory.
pub(crate) fn with_sqlstate(error: Error) -> ErrorReport {
    let code = match error.code {
        ErrorCode::InvalidArgument | ErrorCode::DamagedState => {
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE
        }
        ErrorCode::OutOfRange => PgSqlErrorCode::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
        ErrorCode::OutOfMemory => PgSqlErrorCode::ERRCODE_OUT_OF_MEMORY,
    };
    ErrorReport::new(code, error.message, "pg_lora").set_hint(error.hint)
}
