//! The parameters of a connection: their names, which variables stand for them, and what is made of each.
//!
//! Invariant: no error of this module shows a value. A password that shifted everything after it could be any of them;
//! names are only shown where they are in the list below.
//! Refused by name: what cannot be honoured and would make the connection less safe, or another one, if it were left out.

use crate::error::{Error, Exit, listed};

/// The variables of libpq, and the parameter that each stands for.
pub const VARIABLES: &[(&str, &str)] = &[
    ("PGHOST", "host"),
    ("PGHOSTADDR", "hostaddr"),
    ("PGPORT", "port"),
    ("PGUSER", "user"),
    ("PGPASSWORD", "password"),
    ("PGDATABASE", "dbname"),
    ("PGPASSFILE", "passfile"),
    ("PGOPTIONS", "options"),
    ("PGCONNECT_TIMEOUT", "connect_timeout"),
    ("PGTARGETSESSIONATTRS", "target_session_attrs"),
    ("PGSSLMODE", "sslmode"),
    ("PGSSLROOTCERT", "sslrootcert"),
    ("PGSSLCERT", "sslcert"),
    ("PGSSLKEY", "sslkey"),
    ("PGSSLNEGOTIATION", "sslnegotiation"),
    ("PGSSLSNI", "sslsni"),
    ("PGSSLCERTMODE", "sslcertmode"),
    ("PGSSLMINPROTOCOLVERSION", "ssl_min_protocol_version"),
    ("PGSSLMAXPROTOCOLVERSION", "ssl_max_protocol_version"),
    ("PGCHANNELBINDING", "channel_binding"),
    ("PGGSSENCMODE", "gssencmode"),
    ("PGSSLCRL", "sslcrl"),
    ("PGSSLCRLDIR", "sslcrldir"),
    ("PGREQUIREAUTH", "require_auth"),
    ("PGREQUIREPEER", "requirepeer"),
];

/// With one of these a database is named.
pub const NAMING: &[&str] = &["host", "hostaddr", "port", "user", "password", "dbname"];

/// What is honoured.
pub const HONOURED: &[&str] = &[
    "host",
    "hostaddr",
    "port",
    "user",
    "password",
    "passfile",
    "dbname",
    "options",
    "connect_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
    "target_session_attrs",
    "sslmode",
    "ssl",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "sslnegotiation",
    "sslsni",
    "sslcertmode",
    "ssl_min_protocol_version",
    "ssl_max_protocol_version",
    "channel_binding",
    "gssencmode",
    "sslaccept",
];

/// What is read and changes nothing: a name of this program's own, what concerns Kerberos alone, and what other
/// clients write for their pools.
pub const IGNORED: &[&str] = &[
    "application_name",
    "fallback_application_name",
    "client_encoding",
    "load_balance_hosts",
    "sslcompression",
    "min_protocol_version",
    "max_protocol_version",
    "krbsrvname",
    "gsslib",
    "gssdelegation",
    "pgbouncer",
    "connection_limit",
    "pool_timeout",
    "socket_timeout",
    "max_idle_connection_lifetime",
    "single_use_connections",
    "statement_cache_size",
    "schema",
    "uselibpqcompat",
    "supa",
    "workaround",
];

/// What is refused, and what to do instead.
pub const REFUSED: &[(&str, &str)] = &[
    ("service", "write what the service file says into the connection string: service files are not read"),
    (
        "servicefile",
        "write what the service file says into the connection string: service files are not read",
    ),
    (
        "sslidentity",
        "take certificate and key out of the file with openssl pkcs12, and name them by sslcert and sslkey",
    ),
    ("sslpassword", "decrypt the key with openssl pkey, and name the result by sslkey"),
    ("sslcrl", "remove it: revocation lists are not read"),
    ("sslcrldir", "remove it: revocation lists are not read"),
    (
        "require_auth",
        "remove it, and use sslmode=verify-full: the method of authentication is the server's choice",
    ),
    ("requirepeer", "remove it: the owner of the server's process is not looked at"),
    ("replication", "remove it: no statement runs on such a connection"),
];

/// Whether a name is one that a connection string may have. Names that are not are never shown.
pub fn is_known(key: &str) -> bool {
    HONOURED.contains(&key) || IGNORED.contains(&key) || REFUSED.iter().any(|(name, _)| *name == key)
}

/// Where a parameter was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// In the connection string.
    Text,
    /// In a variable of this name.
    Variable(&'static str),
}

/// Parameters, each at most once.
#[derive(Clone, Default)]
pub struct Parameters(Vec<(String, String, Source)>);

impl Parameters {
    /// Those of a connection string. What comes last of a name counts, as in libpq.
    pub fn of_text(pairs: Vec<(String, String)>) -> Self {
        let mut parameters = Self::default();
        for (key, value) in pairs {
            parameters.put(&key, value, Source::Text);
        }
        parameters
    }

    /// Says a parameter, whatever was said before.
    pub fn put(&mut self, key: &str, value: String, source: Source) {
        self.0.retain(|(known, _, _)| known != key);
        self.0.push((key.to_owned(), value, source));
    }

    /// Fills from the variables what is open; or everything that they say, where they are stronger.
    pub fn add_variables(&mut self, variable: impl Fn(&str) -> Option<String>, stronger: bool) {
        let given = |this: &Self, key: &str| this.0.iter().any(|(known, _, _)| known == key);
        let addressed = given(self, "host") || given(self, "hostaddr");
        for (name, key) in VARIABLES {
            let Some(value) = variable(name) else { continue };
            // A host of the string is not to be reached at an address of the environment, nor the reverse.
            let host = ["host", "hostaddr"].contains(key);
            if stronger && host {
                self.0.retain(|(known, _, source)| {
                    *source != Source::Text || !["host", "hostaddr"].contains(&known.as_str())
                });
            }
            if stronger || !(given(self, key) || host && addressed) {
                self.put(key, value, Source::Variable(name));
            }
        }
    }

    /// Whether it is said which database is meant.
    pub fn name_a_database(&self) -> bool {
        NAMING.iter().any(|key| self.get(key).is_some())
    }

    /// The value of a parameter that is not empty.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, value, _)| known == key && !value.is_empty())
            .map(|(_, value, _)| value.as_str())
    }

    /// Whether a parameter was said in the connection string.
    pub fn is_of_text(&self, key: &str) -> bool {
        self.0.iter().any(|(known, _, source)| known == key && *source == Source::Text)
    }

    /// Refuses what is not known and what cannot be honoured.
    pub fn check(&self) -> Result<(), Error> {
        for (key, _, source) in &self.0 {
            if !is_known(key) {
                return Err(unreadable("it has a parameter that is not known"));
            }
            if let Some((name, hint)) = REFUSED.iter().find(|(name, _)| name == key) {
                let what = match source {
                    Source::Text => format!("the connection parameter \"{name}\""),
                    Source::Variable(variable) => format!("the variable \"{variable}\""),
                };
                return Err(Error::new(Exit::Usage, format!("{what} is not supported")).hint(*hint));
            }
        }
        Ok(())
    }

    /// One of the words that a parameter may have; the first of them where nothing is said.
    pub fn word<T: Copy>(&self, key: &str, words: &[(&'static str, T)]) -> Result<T, Error> {
        let Some(value) = self.get(key) else { return Ok(words[0].1) };
        words.iter().find(|(word, _)| *word == value).map(|(_, meaning)| *meaning).ok_or_else(|| {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.wrong(key, &format!("\"{key}\" is none of {}", listed(&names).replace(" and ", ", ")))
        })
    }

    /// A number that a parameter may have.
    pub fn number(&self, key: &str) -> Result<Option<i64>, Error> {
        let number =
            |value: &str| value.parse().map_err(|_| self.wrong(key, &format!("{key} is not a number")));
        self.get(key).map(number).transpose()
    }

    /// Something is wrong with a parameter. `why` shows no value.
    pub fn wrong(&self, key: &str, why: &str) -> Error {
        match self.0.iter().find(|(known, _, _)| known == key) {
            Some((_, _, Source::Variable(name))) => {
                Error::new(Exit::Usage, format!("the variable \"{name}\" cannot be understood"))
                    .detail(why)
                    .hint("correct the variable, or unset it")
            }
            _ => unreadable(why),
        }
    }
}

/// A connection string that has no meaning. `why` shows nothing of it.
pub fn unreadable(why: &str) -> Error {
    Error::new(Exit::Usage, "the connection string cannot be understood")
        .detail(why)
        .hint("write postgresql://user:password@host:5432/database, with \"/\", \"?\", \"#\", \"@\" and \"%\" in a password as %2F, %3F, %23, %40 and %25")
}
