//! Why a connection was not opened, and what to do about it.
//!
//! Invariant: the server's own words stay; of the connection string only the place is shown.

use std::error::Error as _;

use crate::error::{Error, Exit};
use crate::target::{Host, Password, Target};
use crate::{sql_error, tls};

/// A server that does not answer, or not as one.
pub fn unreachable(place: &str) -> Error {
    Error::new(Exit::Unreachable, format!("the server at \"{place}\" cannot be reached"))
}

/// Whether the driver failed at TLS.
pub fn is_tls(error: &postgres::Error) -> bool {
    error.to_string() == "error performing TLS handshake"
}

/// An error of the driver for people.
pub fn explained(error: &postgres::Error, host: &Host, target: &Target) -> Error {
    let place = host.place.as_str();
    if error.as_db_error().is_some() {
        return sent(error, host, target);
    }
    if let Some(error) = tls::describe(error, place) {
        return error;
    }
    let cause = sql_error::cause(error);
    let denied = |message: String| Error::new(Exit::Denied, message);
    // The driver tells its kinds of errors apart only by their words: "the server asks for a password and none was
    // given", "… for a method I do not know".
    match error.to_string().as_str() {
        "invalid configuration" if cause.contains("password") => {
            denied(format!("the server at \"{place}\" asks for a password"))
                .hint("put it into the URL, into PGPASSWORD or into the password file (~/.pgpass)")
        }
        "authentication error" => denied(format!("authentication at \"{place}\" failed"))
            .detail(cause)
            .hint("check the password and the parameter channel_binding, and which methods the server's pg_hba.conf names"),
        "error performing TLS handshake" if cause.contains("does not support TLS") => {
            denied(format!("the server at \"{place}\" does not speak TLS, which sslmode={} asks for", tls::word(target.tls.mode)))
                .hint("turn TLS on at the server (ssl = on), or, in a network that you trust, connect with sslmode=disable")
        }
        "error performing TLS handshake" => denied(format!("TLS with \"{place}\" failed"))
            .detail(cause)
            .hint("check that host and port are those of a PostgreSQL server with TLS; sslmode=disable does without"),
        "invalid configuration" => Error::new(Exit::Usage, "the connection string cannot be used").detail(cause),
        _ => {
            let hint = match is_supabase(host, ".supabase.co") {
                true => "the direct host of Supabase has an IPv6 address only, unless the IPv4 add-on is bought: without \
                         IPv6 take the URL of the session pooler (port 5432 of …pooler.supabase.com)",
                false => "check host and port, and that the server is running; --wait 60s waits for one that is starting",
            };
            // What the system says is the innermost cause; where there is none, what the driver says.
            let cause = if error.source().is_some() { cause } else { error.to_string() };
            unreachable(place).detail(cause).hint(hint)
        }
    }
}

/// The server refused, in words of its own.
fn sent(error: &postgres::Error, host: &Host, target: &Target) -> Error {
    let mut error = sql_error::while_doing(error, &format!("connecting to \"{}\"", host.place));
    let state = error.sqlstate.clone().unwrap_or_default();
    if error.message.contains("pg_hba.conf") {
        error.hint = Some(
            "allow this connection in pg_hba.conf; the server may want TLS (sslmode=require) or want none (sslmode=disable)"
                .into(),
        );
    } else if error.message.contains("client certificate") {
        error.hint = Some("name a certificate for this role by sslcert, and its key by sslkey".into());
    } else if error.message.contains("Tenant or user not found") {
        // Supabase's pooler, which answers so before it asks for a password.
        error.exit = Exit::Denied;
        error.hint = Some(
            "write the user as postgres.PROJECT at the pooler, and check the region in the host's name"
                .into(),
        );
    } else if state == "28P01" {
        error.hint = Some(
            match target.password {
                Password::Odd => {
                    "check the user and the password; in a URL the password may need percent-encoding: \"/\", \"?\", \"#\", \
                     \"@\", \":\" and \"%\" are %2F, %3F, %23, %40, %3A and %25"
                }
                Password::File => "check the user, and the line for this server in the password file",
                Password::None | Password::Given => "check the user and the password, in the URL or in PGPASSWORD",
            }
            .into(),
        );
    }
    error
}

fn is_supabase(host: &Host, domain: &str) -> bool {
    let named = |host: &postgres::config::Host| match host {
        postgres::config::Host::Tcp(name) => name.ends_with(domain),
        postgres::config::Host::Unix(_) => false,
    };
    host.config.get_hosts().iter().any(named)
}
