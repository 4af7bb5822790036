//! Which database: the connection string and the PG* variables, read the way libpq reads them.
//!
//! Invariant: no message of this module repeats a part of the connection string that could belong to a
//! password. A password with a raw "/", "?" or "@" shifts everything after it, so hosts, names and values are
//! shown only when the string could be read in one way.
//! Refused: sslmode=require and stronger (this version speaks no TLS), and parameters it does not know.

use std::path::Path;
use std::time::Duration;

use postgres::Config;
use postgres::config::SslMode;

use crate::error::{Error, Exit};
use crate::secret::Secret;

/// How long opening a connection may take where connect_timeout says nothing else.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// What pg_stat_activity shows.
const APPLICATION_NAME: &str = "pg-lora";
/// The variables that fill what the connection string leaves open.
const VARIABLES: &[(&str, &str)] = &[
    ("PGHOST", "host"),
    ("PGPORT", "port"),
    ("PGUSER", "user"),
    ("PGPASSWORD", "password"),
    ("PGDATABASE", "dbname"),
    ("PGSSLMODE", "sslmode"),
    ("PGCONNECT_TIMEOUT", "connect_timeout"),
];
/// Parameters of other clients: their names are no part of anybody's password.
const NAMEABLE: &[&str] = &[
    "channel_binding",
    "connection_limit",
    "gssencmode",
    "keepalives",
    "keepalives_idle",
    "pgbouncer",
    "pool_timeout",
    "schema",
    "sslcert",
    "sslkey",
    "sslrootcert",
    "statement_cache_size",
    "target_session_attrs",
];

/// A database to connect to.
#[derive(Clone)]
pub struct Target {
    pub config: Config,
    pub timeout: Duration,
    /// For messages: host and port, or the socket's folder. Never user, password or parameters.
    pub place: String,
}

/// Finds the database in the connection string and the environment; the former wins.
pub fn resolve(url: Option<&Secret>, variable: impl Fn(&str) -> Option<String>) -> Result<Target, Error> {
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    let mut parameters = match url.map(|url| url.expose().trim()) {
        Some(text) if text.starts_with("postgres://") || text.starts_with("postgresql://") => from_url(text)?,
        Some(text) if text.contains('=') => from_pairs(text)?,
        Some(_) => return Err(unreadable("it is neither a URL nor a list of key=value pairs")),
        None if !VARIABLES[..5].iter().any(|(name, _)| variable(name).is_some()) => {
            return Err(Error::new(Exit::Usage, "no database was named").hint(
                "pass --database-url postgresql://user@host:5432/database, or set PG_LORA_DATABASE_URL, \
                 DATABASE_URL or the PG* variables",
            ));
        }
        None => Vec::new(),
    };
    for (name, key) in VARIABLES {
        let given =
            parameters.iter().any(|(known, _)| known == key || (*key == "host" && known == "hostaddr"));
        if let Some(value) = variable(name).filter(|_| !given) {
            parameters.push(((*key).to_owned(), value));
        }
    }
    configure(&parameters)
}

fn configure(parameters: &[(String, String)]) -> Result<Target, Error> {
    let (mut config, mut timeout) = (Config::new(), CONNECT_TIMEOUT);
    let mut hosts: Vec<&str> = Vec::new();
    let mut ports: Vec<u16> = Vec::new();
    config.application_name(APPLICATION_NAME).ssl_mode(SslMode::Disable);
    // First of all, because a string that asks for TLS mostly carries parameters that only TLS knows.
    if let Some((_, mode)) = parameters.iter().find(|(key, _)| key == "sslmode") {
        check_sslmode(mode)?;
    }
    for (key, value) in parameters {
        match key.as_str() {
            "user" => drop(config.user(value)),
            "password" => drop(config.password(value)),
            "dbname" => drop(config.dbname(value)),
            "options" => drop(config.options(value)),
            "host" => hosts = value.split(',').collect(),
            "port" => {
                ports = value
                    .split(',')
                    .map(|port| if port.is_empty() { Ok(5432) } else { port.parse() })
                    .collect::<Result<_, _>>()
                    .map_err(|_| unreadable("the port is not a number from 1 to 65535"))?;
            }
            "hostaddr" => {
                for address in value.split(',') {
                    let address = address.parse().map_err(|_| unreadable("hostaddr is not an IP address"))?;
                    config.hostaddr(address);
                    hosts.clear();
                }
            }
            "connect_timeout" => {
                let seconds =
                    value.parse::<i64>().map_err(|_| unreadable("connect_timeout is not a number"))?;
                // libpq: zero and less mean no limit; here they mean the default.
                timeout = u64::try_from(seconds).ok().filter(|s| *s > 0).map_or(timeout, Duration::from_secs);
            }
            // Ours wins: the name is what people look for in pg_stat_activity.
            "sslmode" | "application_name" | "fallback_application_name" | "client_encoding" => {}
            known if NAMEABLE.contains(&known) => {
                return Err(Error::new(
                    Exit::Usage,
                    format!("the connection parameter \"{known}\" is not supported"),
                )
                .hint("remove it from the connection string"));
            }
            _ => return Err(unreadable("it has a parameter that is not known")),
        }
    }
    let addressed = !config.get_hostaddrs().is_empty();
    let default = default_host(ports.first().copied().unwrap_or(5432));
    if hosts.iter().all(|host| host.is_empty()) {
        hosts = if addressed { Vec::new() } else { vec![&default] };
    }
    for host in hosts.iter().copied() {
        config.host(host);
    }
    if ports.len() > 1 && ports.len() != hosts.len().max(config.get_hostaddrs().len()) {
        return Err(unreadable("it names several ports, but not one for each host"));
    }
    for port in &ports {
        config.port(*port);
    }
    config.connect_timeout(timeout);
    let place = describe(&config, &hosts, &ports);
    Ok(Target { config, timeout, place })
}

fn check_sslmode(mode: &str) -> Result<(), Error> {
    match mode {
        // "allow" and "prefer" settle for a plain connection, which is all there is here.
        "disable" | "allow" | "prefer" => Ok(()),
        "require" | "verify-ca" | "verify-full" => Err(Error::new(
            Exit::Denied,
            format!("sslmode={mode} asks for TLS, which this version of pg-lora does not speak yet"),
        )
        .hint("connect over a unix socket or a network you trust with sslmode=disable or sslmode=prefer")),
        _ => Err(unreadable("sslmode is none of disable, allow, prefer, require, verify-ca, verify-full")),
    }
}

fn describe(config: &Config, hosts: &[&str], ports: &[u16]) -> String {
    let addresses = config.get_hostaddrs().iter().map(ToString::to_string);
    let names = hosts.iter().map(|host| (*host).to_owned()).chain(addresses.filter(|_| hosts.is_empty()));
    names
        .enumerate()
        .map(|(index, name)| {
            let port = ports.get(index).or(ports.first()).copied().unwrap_or(5432);
            if name.starts_with('/') { format!("{name}/.s.PGSQL.{port}") } else { format!("{name}:{port}") }
        })
        .collect::<Vec<_>>()
        .join(",")
}

/// Where libpq looks when nothing is said: the distributions' socket, else the loopback.
fn default_host(port: u16) -> String {
    ["/var/run/postgresql", "/tmp"]
        .into_iter()
        .find(|folder| Path::new(&format!("{folder}/.s.PGSQL.{port}")).exists())
        .unwrap_or("localhost")
        .to_owned()
}

fn unreadable(why: &str) -> Error {
    Error::new(Exit::Usage, "the connection string cannot be understood")
        .detail(why)
        .hint("write postgresql://user:password@host:5432/database, with \"/\", \"?\", \"#\", \"@\" and \"%\" in a password as %2F, %3F, %23, %40 and %25")
}

/// `postgresql://user:password@host:port,host:port/database?key=value&key=value`.
fn from_url(text: &str) -> Result<Vec<(String, String)>, Error> {
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut parameters = Vec::new();
    let mut add = |key: &str, value: &str| -> Result<(), Error> {
        if !value.is_empty() {
            parameters.push((decoded(key)?, decoded(value)?));
        }
        Ok(())
    };
    // A raw "@" in the password does no harm: the last one ends it.
    let hosts = match authority.rsplit_once('@') {
        Some((login, hosts)) => {
            let (user, password) = login.split_once(':').unwrap_or((login, ""));
            add("user", user)?;
            add("password", password)?;
            hosts
        }
        // A raw "/" or "?" in the password: what looks like host and port are the user and half of the
        // password.
        None if authority.contains(':') && rest.contains('@') => {
            return Err(unreadable("there is an \"@\" after what looks like the host"));
        }
        None => authority,
    };
    let (mut names, mut ports) = (Vec::new(), Vec::new());
    for host in hosts.split(',') {
        let (name, port) = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
            Some((name, port)) => (name, port.strip_prefix(':').unwrap_or(port)),
            None => host.split_once(':').unwrap_or((host, "")),
        };
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
        add(key, value)?;
    }
    Ok(last_of_each(parameters))
}

/// A parameter after the question mark wins over the same thing before it, as in libpq.
fn last_of_each(parameters: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut kept: Vec<(String, String)> = Vec::new();
    for (key, value) in parameters {
        kept.retain(|(known, _)| *known != key);
        kept.push((key, value));
    }
    kept
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

/// `host=/tmp/x dbname='my db' password=it\'s`.
fn from_pairs(text: &str) -> Result<Vec<(String, String)>, Error> {
    let mut parameters = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (key, tail) = rest.split_once('=').ok_or_else(|| unreadable("a key has no value"))?;
        let tail = tail.trim_start();
        let (body, quoted) = tail.strip_prefix('\'').map_or((tail, false), |body| (body, true));
        let (mut value, mut end, mut closed) = (String::new(), body.len(), !quoted);
        let mut characters = body.char_indices();
        while let Some((at, c)) = characters.next() {
            match c {
                '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
                '\'' if quoted => {
                    (end, closed) = (at + 1, true);
                    break;
                }
                c if c.is_whitespace() && !quoted => {
                    end = at;
                    break;
                }
                c => value.push(c),
            }
        }
        if !closed {
            return Err(unreadable("a quoted value is not closed"));
        }
        parameters.push((key.trim_end().to_owned(), value));
        rest = body[end..].trim_start();
    }
    Ok(last_of_each(parameters))
}

#[cfg(test)]
#[path = "target_tests.rs"]
mod tests;
