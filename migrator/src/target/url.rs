//! Connection strings of the form `postgresql://user:password@host:port,host:port/database?key=value&key=value`, with a
//! password as people paste it.
//!
//! Invariant: a string is taken only if it can be read in one way. Wherever an "@" stands, the login may end: each such
//! reading counts in which hosts, ports and the database's name have the form of such and every parameter is known. With
//! none or several of them the error shows nothing of the string.

use crate::error::Error;
use crate::target::parameters::{self, Parameters, unreadable};

/// A URL that was understood.
pub struct Url {
    pub parameters: Parameters,
    /// Whether the password is written with characters that a URL has other uses for: if the server refuses it, that may be
    /// why.
    pub odd_password: bool,
}

/// What Supabase's pages show in place of a password.
const PLACEHOLDERS: &[&str] =
    &["[YOUR-PASSWORD]", "[YOUR_PASSWORD]", "[PASSWORD]", "YOUR-PASSWORD", "<password>"];

/// Whether a text is meant as a URL of this kind.
pub fn is_one(text: &str) -> bool {
    text.starts_with("postgres://") || text.starts_with("postgresql://")
}

/// Reads one.
pub fn read(text: &str) -> Result<Url, Error> {
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    let ends = std::iter::once(None).chain(rest.match_indices('@').map(|(at, _)| Some(at)));
    let mut readings = ends.filter_map(|end| {
        let login = end.map(|end| &rest[..end]);
        // A user has no such characters; before a password they would have begun something else.
        if login.is_some_and(|login| login.split(':').next().unwrap_or_default().contains(['/', '?', '#'])) {
            return None;
        }
        let body = &rest[end.map_or(0, |end| end + 1)..];
        read_body(body).ok().map(|pairs| (login, pairs))
    });
    let (login, mut pairs) = match (readings.next(), readings.next()) {
        (Some(reading), None) => reading,
        (Some(_), Some(_)) => {
            return Err(unreadable(
                "it can be read in several ways, as more than one thing could end the password",
            ));
        }
        (None, _) => return Err(diagnosis(rest)),
    };
    let mut odd_password = false;
    if let Some(login) = login {
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        if PLACEHOLDERS.contains(&password) {
            return Err(unreadable(
                "the password is still the placeholder of the page that it was copied from",
            ));
        }
        odd_password = password.contains(['@', '/', '?', '#', '%', ':', '[', ']', ' ', '+', '&']);
        // Parameters after the question mark win over the same things before it, as in libpq.
        let login = [("user", user), ("password", password)];
        for (at, (key, value)) in login.into_iter().filter(|(_, value)| !value.is_empty()).enumerate() {
            pairs.insert(at, (key.to_owned(), decoded_login(value)?));
        }
    }
    Ok(Url { parameters: Parameters::of_text(pairs), odd_password })
}

/// Why there is no reading at all: what is wrong with the one that most people would mean.
fn diagnosis(rest: &str) -> Error {
    let authority = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
    let body = match authority.rfind('@') {
        Some(at) => &rest[at + 1..],
        None if authority.contains(':') && rest.contains('@') => {
            return unreadable("there is an \"@\" after what looks like the host");
        }
        None => rest,
    };
    read_body(body).err().unwrap_or_else(|| unreadable("it has no form that is known"))
}

/// Hosts, database and parameters.
fn read_body(body: &str) -> Result<Vec<(String, String)>, Error> {
    let (hosts, rest) = body.split_at(body.find(['/', '?']).unwrap_or(body.len()));
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut pairs = Vec::new();
    let mut add = |key: &str, value: &str| -> Result<(), Error> {
        if !value.is_empty() {
            pairs.push((key.to_owned(), decoded(value)?));
        }
        Ok(())
    };
    let (mut names, mut ports) = (Vec::new(), Vec::new());
    for host in hosts.split(',') {
        let (name, port) = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
            Some((name, port)) if name.parse::<std::net::Ipv6Addr>().is_ok() => {
                (name, port.strip_prefix(':').unwrap_or(port))
            }
            Some(_) => return Err(unreadable("what stands in brackets is no IPv6 address")),
            None => host.split_once(':').unwrap_or((host, "")),
        };
        let is_name = |c: char| c.is_alphanumeric() || "-._~%".contains(c);
        if !host.starts_with('[') && !name.chars().all(is_name) {
            return Err(unreadable("what stands for the host is no name of one"));
        }
        if !port.is_empty() && !port.parse::<u16>().is_ok_and(|port| port != 0) {
            return Err(unreadable("the port is not a number from 1 to 65535"));
        }
        names.push(name);
        ports.push(port);
    }
    for (key, values) in [("host", names), ("port", ports)] {
        // An empty one among others stands for the default; all of them empty say nothing.
        if values.iter().any(|value| !value.is_empty()) {
            add(key, &values.join(","))?;
        }
    }
    let database = path.strip_prefix('/').unwrap_or("");
    if database.contains(['/', '@']) {
        return Err(unreadable("the database's name has a \"/\" or an \"@\" in it"));
    }
    add("dbname", database)?;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or_else(|| unreadable("a parameter has no value"))?;
        let key = decoded(key)?;
        if !parameters::is_known(&key) {
            return Err(unreadable("it has a parameter that is not known"));
        }
        add(&key, value)?;
    }
    Ok(pairs)
}

/// User and password may be pasted as they are: where no "%" begins an escape, each is meant.
fn decoded_login(text: &str) -> Result<String, Error> {
    let escapes = text.match_indices('%').filter(|(at, _)| {
        text.as_bytes().get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    match (escapes.count(), text.matches('%').count()) {
        (0, _) => Ok(text.to_owned()),
        (escapes, all) if escapes == all => decoded(text),
        _ => Err(unreadable(
            "of several \"%\" in the login some are followed by two hexadecimal digits, and some are not",
        )),
    }
}

fn decoded(text: &str) -> Result<String, Error> {
    let wrong = || unreadable("a \"%\" is not followed by two hexadecimal digits of UTF-8 text");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let digits =
            tail.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit)).ok_or_else(wrong)?;
        let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| wrong())?);
        rest = &tail[2..];
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}
