//! From an error of the driver to an error of this program: which exit code, and the server's own words.
//!
//! Invariant: an error that the server sent keeps its SQLSTATE, message, detail and hint; one that it did not
//! send says which connection it is about and nothing of how that connection was authenticated.

use postgres::error::{DbError, ErrorPosition};

use crate::embedded::SqlFile;
use crate::error::{Error, Exit};
use crate::place::Place;
use crate::step::FailedStatement;

/// A statement of this program's own failed while `doing` something.
pub fn while_doing(error: &postgres::Error, doing: &str) -> Error {
    match error.as_db_error() {
        Some(sent) => {
            let mut error = sent_by_server(sent);
            error.message = format!("{doing}: {}", error.message);
            error
        }
        None => not_sent(error, doing),
    }
}

/// A file of SQL failed.
pub fn in_file(failed: &FailedStatement, file: &SqlFile) -> Error {
    let Some(sent) = failed.error.as_db_error() else { return not_sent(&failed.error, file.path) };
    let mut error = sent_by_server(sent);
    // The server counts characters of the statement, from 1. Where it names none, the statement is to blame; inside
    // of a function or a DO block the server's context, below, says where it was.
    let inside = match sent.position() {
        Some(ErrorPosition::Original(position)) => *position as usize,
        _ => 1,
    };
    let before = file.text[..failed.at].chars().count();
    error.place = Some(Place::at_character(file.path, file.text, before + inside).into());
    let rolled_back = format!("rolled back: nothing of \"{}\" was kept", file.path);
    let facts = [error.detail.take(), sent.where_().map(str::to_owned), Some(rolled_back)];
    error.detail = Some(facts.into_iter().flatten().collect::<Vec<_>>().join("\n"));
    error
}

fn sent_by_server(sent: &DbError) -> Error {
    let code = sent.code().code();
    let mut error = Error::new(exit_of(code), sent.message());
    error.sqlstate = Some(code.to_owned());
    error.detail = sent.detail().map(str::to_owned);
    error.hint = sent.hint().map(str::to_owned).or_else(|| own_hint(code).map(str::to_owned));
    error
}

/// Which exit code a SQLSTATE means for a pipeline: above all, whether trying again can help.
fn exit_of(sqlstate: &str) -> Exit {
    match sqlstate {
        "28000" | "28P01" | "42501" => Exit::Denied,
        "55P03" | "40P01" => Exit::TableLock,
        "25006" => Exit::Refused,
        // The database does not exist (yet), too many connections, starting up, shutting down.
        "3D000" | "53300" | "57P01" | "57P02" | "57P03" => Exit::Unreachable,
        _ if sqlstate.starts_with("08") => Exit::Unreachable,
        _ => Exit::SqlFailed,
    }
}

/// What to do about it, where the server does not say.
fn own_hint(sqlstate: &str) -> Option<&'static str> {
    match sqlstate {
        "55P03" | "40P01" => {
            Some("end the session that holds the lock, or run the command again when it is done")
        }
        "3D000" => Some("create the database, or name another one"),
        "53300" | "57P01" | "57P02" | "57P03" => Some("run the command again in a moment"),
        "28000" => Some("check the user, and what the server's pg_hba.conf allows it"),
        "28P01" => Some("check the user and the password, in the URL or in PGPASSWORD"),
        _ => None,
    }
}

/// An error of the driver's own: the connection ended in the middle of something, or there is a defect here.
fn not_sent(error: &postgres::Error, doing: &str) -> Error {
    // The driver tells its kinds of errors apart only by their words.
    let words = error.to_string();
    if error.is_closed() || words == "error communicating with the server" {
        Error::new(Exit::Unreachable, format!("{doing}: the connection to the server was lost"))
            .detail(cause(error))
            .hint("run the command again: the server rolls back what was not committed")
    } else {
        Error::new(Exit::Internal, format!("{doing}: {words}")).detail(cause(error))
    }
}

/// The innermost cause of an error that the server did not send.
pub fn cause(error: &postgres::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(next) = innermost.source() {
        innermost = next;
    }
    let words = innermost.to_string();
    let mut characters = words.chars();
    // The system's sentences begin with a capital; messages here do not.
    match characters.next() {
        Some(first) => first.to_lowercase().chain(characters).collect(),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::exit_of;
    use crate::error::Exit;

    #[test]
    fn sqlstates_map_to_the_documented_exit_codes() {
        for (sqlstate, exit) in [
            ("28P01", Exit::Denied),
            ("28000", Exit::Denied),
            ("42501", Exit::Denied),
            ("55P03", Exit::TableLock),
            ("57P03", Exit::Unreachable),
            ("08006", Exit::Unreachable),
            ("3D000", Exit::Unreachable),
            ("25006", Exit::Refused),
            ("42601", Exit::SqlFailed),
            ("57014", Exit::SqlFailed),
            ("40P01", Exit::TableLock),
        ] {
            assert_eq!(exit_of(sqlstate), exit, "{sqlstate}");
        }
    }
}
