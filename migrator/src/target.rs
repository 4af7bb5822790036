//! Which database: the connection string, the variables and the password file, read the way libpq reads them.
//!
//! Invariant: no message of this module repeats a part of the connection string that could belong to a
//! password. A password with a raw "/", "?" or "@" shifts everything after it, so hosts and names are shown only
//! when the string could be read in one way, and values of other parameters never.
//! Refused: parameters that are not known, and those that cannot be honoured and would be missed ([`parameters`]).

mod pairs;
mod parameters;
mod passfile;
mod url;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use postgres::Config;
use postgres::config::{ChannelBinding, SslMode, SslNegotiation};
use rustls::version::{TLS12, TLS13};

use crate::error::{Error, Exit};
use crate::report::say;
use crate::secret::Secret;
use crate::tls::{self, Mode, Named, Trust};
use parameters::{Parameters, unreadable};

/// How long opening a connection may take where connect_timeout says nothing else.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// What pg_stat_activity shows.
const APPLICATION_NAME: &str = "pg-lora";
/// Where TLS can be: both, the newer, the older.
const BOTH: &[&rustls::SupportedProtocolVersion] = &[&TLS13, &TLS12];

/// A database to connect to.
#[derive(Clone)]
pub struct Target {
    /// In the order in which they are tried.
    pub hosts: Vec<Host>,
    /// For each host.
    pub timeout: Duration,
    pub tls: tls::Settings,
    pub needs: Needs,
    pub password: Password,
}

/// One server of a target.
#[derive(Clone)]
pub struct Host {
    pub config: Config,
    /// For messages: host and port, or the socket. Never user, password or parameters.
    pub place: String,
    /// Over a unix socket there is no TLS, whatever is asked for; libpq's rule.
    pub is_socket: bool,
}

/// What a server has to be, apart from reachable; libpq's `target_session_attrs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    Nothing,
    /// Takes writes.
    ReadWrite,
    /// Is no standby.
    Primary,
}

/// Where the password is from, for hints when the server refuses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Password {
    /// There is none.
    None,
    Given,
    /// A URL has it, with characters that have to be percent-encoded there.
    Odd,
    File,
}

/// The connection strings that there are.
#[derive(Default)]
pub struct Strings<'a> {
    /// Of the command line or the environment: the PG* variables only fill what it leaves open.
    pub first: Option<&'a Secret>,
    /// Of the configuration file, which is weaker than any variable.
    pub last: Option<&'a Secret>,
}

/// Finds the database in the connection strings and the environment.
pub fn resolve(strings: &Strings, variable: impl Fn(&str) -> Option<String>) -> Result<Target, Error> {
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    let mut odd = false;
    let mut parameters = match strings.first.or(strings.last).map(|text| text.expose().trim()) {
        Some(text) if url::is_one(text) => {
            let url = url::read(text)?;
            odd = url.odd_password;
            url.parameters
        }
        Some(text) if text.starts_with(['"', '\'']) => {
            return Err(unreadable("it begins with a quotation mark, which a shell would have taken off"));
        }
        Some(text) if text.contains('=') => pairs::read(text)?,
        Some(_) => return Err(unreadable("it is neither a URL nor a list of key=value pairs")),
        None => Parameters::default(),
    };
    let named = strings.first.is_some() || strings.last.is_some();
    parameters.add_variables(variable, strings.first.is_none());
    if !named && !parameters.name_a_database() {
        return Err(match variable("PGSERVICE") {
            None => Error::new(Exit::Usage, "no database was named").hint(
                "pass --database-url postgresql://user@host:5432/database, or set PG_LORA_DATABASE_URL, \
                 DATABASE_URL or the PG* variables",
            ),
            Some(_) => Error::new(Exit::Usage, "the variable \"PGSERVICE\" is not supported")
                .hint("pass what the service file says by --database-url: service files are not read"),
        });
    }
    if variable("PGSERVICE").is_some() {
        say("warning: PGSERVICE is set, but service files are not read");
    }
    parameters.check()?;
    odd &= parameters.is_of_text("password");
    configure(&parameters, odd, variable("HOME").as_deref(), variable("USER"))
}

fn configure(
    parameters: &Parameters,
    odd_password: bool,
    home: Option<&str>,
    system_user: Option<String>,
) -> Result<Target, Error> {
    let mut config = Config::new();
    config.application_name(APPLICATION_NAME);
    if let Some(user) = parameters.get("user") {
        config.user(user);
    }
    if let Some(password) = parameters.get("password") {
        config.password(password);
    }
    if let Some(database) = parameters.get("dbname") {
        config.dbname(database);
    }
    if let Some(options) = parameters.get("options") {
        config.options(options);
    }
    let timeout = match parameters.number("connect_timeout")? {
        // libpq: zero and less mean no limit; here they mean the default.
        Some(seconds @ 1..) => Duration::from_secs(seconds.unsigned_abs()),
        _ => CONNECT_TIMEOUT,
    };
    config.connect_timeout(timeout);
    keep_alive(parameters, &mut config)?;
    if parameters.word("gssencmode", &[("prefer", false), ("disable", false), ("require", true)])? {
        return Err(
            parameters.wrong("gssencmode", "gssencmode=require asks for Kerberos, which is not spoken")
        );
    }
    config.channel_binding(parameters.word(
        "channel_binding",
        &[
            ("prefer", ChannelBinding::Prefer),
            ("disable", ChannelBinding::Disable),
            ("require", ChannelBinding::Require),
        ],
    )?);
    let needs = parameters.word(
        "target_session_attrs",
        &[("any", Needs::Nothing), ("read-write", Needs::ReadWrite), ("primary", Needs::Primary)],
    )?;
    let tls = tls_settings(parameters, home)?;
    if tls.direct {
        config.ssl_negotiation(SslNegotiation::Direct);
    }
    let mut hosts = hosts(parameters, &config)?;
    let mut password = match (parameters.get("password"), odd_password) {
        (None, _) => Password::None,
        (Some(_), false) => Password::Given,
        (Some(_), true) => Password::Odd,
    };
    if password == Password::None && look_up_passwords(parameters, &mut hosts, home, system_user)? {
        password = Password::File;
    }
    Ok(Target { hosts, timeout, tls, needs, password })
}

/// A server that is gone without a word is noticed within a minute, and not after the two hours of the system.
fn keep_alive(parameters: &Parameters, config: &mut Config) -> Result<(), Error> {
    let positive = |key: &str, otherwise: i64| {
        Ok(parameters.number(key)?.filter(|number| *number > 0).unwrap_or(otherwise).unsigned_abs())
    };
    config
        .keepalives(parameters.number("keepalives")? != Some(0))
        .keepalives_idle(Duration::from_secs(positive("keepalives_idle", 30)?))
        .keepalives_interval(Duration::from_secs(positive("keepalives_interval", 10)?))
        .keepalives_retries(u32::try_from(positive("keepalives_count", 3)?).unwrap_or(u32::MAX));
    match positive("tcp_user_timeout", 0)? {
        0 => {}
        milliseconds => drop(config.tcp_user_timeout(Duration::from_millis(milliseconds))),
    }
    Ok(())
}

fn tls_settings(parameters: &Parameters, home: Option<&str>) -> Result<tls::Settings, Error> {
    let named =
        |key: &str| parameters.get(key).map(|path| Named { path: PathBuf::from(path), by_hand: true });
    let or_default = |key: &str, name: &str| named(key).or_else(|| tls::default_file(home, name));
    let direct = parameters.word("sslnegotiation", &[("postgres", false), ("direct", true)])?;
    let system = parameters.get("sslrootcert") == Some("system");
    // Prisma's word for how much is verified, and its sslcert, which is the authority's certificate.
    let strict = parameters
        .word("sslaccept", &[("", None), ("strict", Some(true)), ("accept_invalid_certs", Some(false))])?;
    let prisma =
        strict.is_some() && parameters.get("sslkey").is_none() && parameters.get("sslrootcert").is_none();
    let mut mode = match parameters.get("sslmode") {
        Some(_) => parameters.word("sslmode", tls::MODES)?,
        None if system => Mode::VerifyFull,
        // JDBC's spelling, which libpq reads too.
        None if parameters.word("ssl", &[("false", false), ("true", true)])? => Mode::Require,
        None => Mode::Prefer,
    };
    if strict == Some(true) {
        mode = Mode::VerifyFull;
    }
    if system && mode != Mode::VerifyFull {
        return Err(parameters.wrong(
            "sslrootcert",
            "sslrootcert=system trusts every public authority, so it needs sslmode=verify-full",
        ));
    }
    if direct && mode < Mode::Require {
        return Err(
            parameters.wrong("sslnegotiation", "sslnegotiation=direct needs sslmode=require or stronger")
        );
    }
    let trust = match (system, prisma.then(|| named("sslcert")).flatten()) {
        (true, _) => Trust::System,
        (_, Some(file)) => Trust::File(file),
        (false, None) => match or_default("sslrootcert", "root.crt") {
            Some(file) if strict == Some(true) && !file.by_hand && !file.path.exists() => Trust::System,
            Some(file) => Trust::File(file),
            None if strict == Some(true) => Trust::System,
            None => Trust::Nowhere,
        },
    };
    let sends = parameters.word("sslcertmode", &[("allow", true), ("require", true), ("disable", false)])?;
    let identity = |key: &str, name: &str| or_default(key, name).filter(|_| sends && !prisma);
    let versions = |key: &str, otherwise: u8| {
        let words = [("", otherwise), ("TLSv1", 0), ("TLSv1.1", 1), ("TLSv1.2", 2), ("TLSv1.3", 3)];
        parameters.word(key, &words)
    };
    let versions = match (versions("ssl_min_protocol_version", 2)?, versions("ssl_max_protocol_version", 3)?)
    {
        (3, 3) => &BOTH[..1],
        (0..=2, 3) => BOTH,
        (0..=2, 2) => &BOTH[1..],
        _ => return Err(parameters.wrong("ssl_max_protocol_version", "only TLS 1.2 and TLS 1.3 are spoken")),
    };
    Ok(tls::Settings {
        mode,
        trust,
        certificate: identity("sslcert", "postgresql.crt"),
        key: identity("sslkey", "postgresql.key"),
        direct,
        names_host: parameters.word("sslsni", &[("1", true), ("0", false)])?,
        versions,
    })
}

/// One configuration for each host, so that each has its own TLS, its own password and its own words in errors.
fn hosts(parameters: &Parameters, config: &Config) -> Result<Vec<Host>, Error> {
    let list = |key: &str| -> Vec<&str> {
        parameters.get(key).map(|value| value.split(',').collect()).unwrap_or_default()
    };
    let ports: Vec<u16> = list("port")
        .into_iter()
        .map(|port| match port.trim() {
            "" => Ok(5432),
            port => port.parse().ok().filter(|port| *port != 0).ok_or(()),
        })
        .collect::<Result<_, _>>()
        .map_err(|()| parameters.wrong("port", "the port is not a number from 1 to 65535"))?;
    let addresses: Vec<IpAddr> = list("hostaddr")
        .into_iter()
        .map(|address| address.parse())
        .collect::<Result<_, _>>()
        .map_err(|_| parameters.wrong("hostaddr", "hostaddr is not an IP address"))?;
    let mut names = list("host");
    if names.is_empty() && addresses.is_empty() {
        names.push("");
    }
    if !names.is_empty() && !addresses.is_empty() && names.len() != addresses.len() {
        return Err(parameters.wrong("hostaddr", "it names hosts and addresses, but not one for each"));
    }
    let count = names.len().max(addresses.len());
    if ports.len() > 1 && ports.len() != count {
        return Err(parameters.wrong("port", "it names several ports, but not one for each host"));
    }
    let host = |at: usize| {
        let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
        let address = addresses.get(at).copied();
        let name = match (names.get(at).copied().unwrap_or_default(), address) {
            // The address is what a certificate can be verified by, then.
            ("", Some(address)) => address.to_string(),
            ("", None) => default_host(port),
            (name, _) => name.to_owned(),
        };
        let is_socket = name.starts_with('/') && address.is_none();
        let mut config = config.clone();
        config.host(&name).port(port).ssl_mode(SslMode::Disable);
        let place = match (is_socket, address) {
            (true, _) => format!("{name}/.s.PGSQL.{port}"),
            (_, Some(address)) if address.to_string() != name => format!("{name} ({address}):{port}"),
            _ => format!("{name}:{port}"),
        };
        if let Some(address) = address {
            config.hostaddr(address);
        }
        Host { config, place, is_socket }
    };
    Ok((0..count).map(host).collect())
}

/// Where libpq looks when nothing is said: the distributions' socket, else the loopback.
fn default_host(port: u16) -> String {
    ["/var/run/postgresql", "/tmp"]
        .into_iter()
        .find(|folder| Path::new(&format!("{folder}/.s.PGSQL.{port}")).exists())
        .unwrap_or("localhost")
        .to_owned()
}

/// Takes the passwords of the password file. Says whether it had one.
fn look_up_passwords(
    parameters: &Parameters,
    hosts: &mut [Host],
    home: Option<&str>,
    system_user: Option<String>,
) -> Result<bool, Error> {
    let Some(file) = parameters.get("passfile").map(PathBuf::from).or_else(|| passfile::default_file(home))
    else {
        return Ok(false);
    };
    let Some(user) = parameters.get("user").map(str::to_owned).or(system_user) else { return Ok(false) };
    let database = parameters.get("dbname").unwrap_or(&user);
    let mut found = false;
    for host in hosts {
        let port = host.config.get_ports().first().copied().unwrap_or(5432).to_string();
        let name = match host.config.get_hosts() {
            // libpq: the socket that nobody named is the machine itself.
            [postgres::config::Host::Unix(_)] if parameters.get("host").is_none() => "localhost".to_owned(),
            [postgres::config::Host::Unix(folder)] => folder.to_string_lossy().into_owned(),
            [postgres::config::Host::Tcp(name)] => name.clone(),
            _ => continue,
        };
        match passfile::password(&file, [&name, &port, database, &user]) {
            Ok(Some(password)) => {
                host.config.password(password);
                found = true;
            }
            Ok(None) => {}
            Err(warning) => {
                say(&format!("warning: {warning}"));
                break;
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
