//! The one error type of this crate: what a caller did wrong, never what a dataset holds.
//!
//! A fault inside a dataset is a [`Finding`](crate::dataset::Finding) of its report; an [`Error`] means that
//! the question itself could not be answered. Each has a stable code, a message that names the thing, and a
//! hint. The extension maps codes to SQLSTATEs in one place.

use std::fmt;

/// `Result` with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Stable identity of an [`Error`]; the text of messages may change, these names may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// An option, or an argument, has a name or a value outside of its domain.
    InvalidArgument,
    /// A figure left the range in which the answer would still be exact.
    OutOfRange,
    /// Bytes that claim to be an aggregate's state are not.
    DamagedState,
    /// There is no memory for the answer.
    OutOfMemory,
}

/// What went wrong, for a person: `message` names the thing, `hint` says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Stable identity.
    pub code: ErrorCode,
    /// Lower case, no final period, the thing in double quotes.
    pub message: String,
    /// An imperative sentence.
    pub hint: String,
}

impl Error {
    /// An argument outside of its domain.
    pub fn invalid_argument(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code: ErrorCode::InvalidArgument, message: message.into(), hint: hint.into() }
    }

    /// A figure beyond the range of exact answers.
    pub fn out_of_range(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code: ErrorCode::OutOfRange, message: message.into(), hint: hint.into() }
    }

    /// No memory for this thing. Whatever grows with its input asks for memory before it is used, in a way that may be refused: a server
    /// that runs out of memory in Rust would end as a whole.
    pub fn out_of_memory(what: &str) -> Self {
        Self {
            code: ErrorCode::OutOfMemory,
            message: format!("there is no memory for {what}"),
            hint: "Ask for a part of it, such as a range of steps, or again when the server has less to do."
                .into(),
        }
    }

    /// A state that was not written by this version of the aggregate.
    pub fn damaged_state(what: &str) -> Self {
        Self {
            code: ErrorCode::DamagedState,
            message: format!("the state of aggregate \"{what}\" is damaged"),
            hint: "Pass only states that the same version of the aggregate has written.".into(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
