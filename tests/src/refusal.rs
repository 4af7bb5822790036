//! What a client reads when the database refuses something.

use postgres::Error;

/// An error that the server raised, in the parts that PostgREST hands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The SQLSTATE.
    pub code: String,
    /// What was refused.
    pub message: String,
    /// Facts about it; may be empty.
    pub detail: String,
    /// What to do about it; may be empty.
    pub hint: String,
}

impl Refusal {
    /// The refusal that a call ended with.
    ///
    /// # Panics
    /// If it was not refused, or not by the server.
    #[track_caller]
    pub fn of<T: std::fmt::Debug>(outcome: Result<T, Error>) -> Self {
        let error = outcome.expect_err("a refusal");
        let error = error.as_db_error().unwrap_or_else(|| panic!("not of the server: {error}"));
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        Self {
            code: error.code().code().to_owned(),
            message: error.message().to_owned(),
            detail: text(error.detail()),
            hint: text(error.hint()),
        }
    }

    /// Checks the SQLSTATE, that the message says `what`, and that there is a hint: the form of every error of
    /// ours that a user can cause.
    ///
    /// # Panics
    /// If one of them is not so.
    #[track_caller]
    pub fn is(&self, code: &str, what: &str) {
        assert!(self.code == code && self.message.contains(what), "not {code} \"{what}\": {self:?}");
        assert!(!self.hint.is_empty(), "without a hint: {self:?}");
    }

    /// Checks the SQLSTATE only: for what Postgres itself refuses.
    ///
    /// # Panics
    /// If it is another one.
    #[track_caller]
    pub fn has_code(&self, code: &str) {
        assert_eq!(self.code, code, "{self:?}");
    }
}
