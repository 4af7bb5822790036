//! TLS: libpq's modes, certificate files and defaults, by rustls.
//!
//! Invariant: `verify-ca` and `verify-full` never fall back to anything less; `require` verifies the authority where a root
//! certificate is there, as in libpq. No message shows the name of a file that the connection string gave, which could be a
//! part of a password.
//! Refused: a private key that others may read, or that is encrypted; `sslrootcert=system` with less than `verify-full`.

mod verifier;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio_postgres_rustls::MakeRustlsConnect;

pub use verifier::describe;
use verifier::{Roots, Verifier};

use crate::error::{Error, Exit};
use crate::report::say;

/// How much of TLS is asked for; libpq's `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// None.
    Disable,
    /// Only where the server refuses a plain connection.
    Allow,
    /// Where the server has it.
    Prefer,
    /// Always; with any certificate, unless there is a root certificate.
    Require,
    /// Always, with a certificate of a known authority.
    VerifyCa,
    /// The same, for the host that was asked for.
    VerifyFull,
}

/// The words of `sslmode`, the default first.
pub const MODES: &[(&str, Mode)] = &[
    ("prefer", Mode::Prefer),
    ("disable", Mode::Disable),
    ("allow", Mode::Allow),
    ("require", Mode::Require),
    ("verify-ca", Mode::VerifyCa),
    ("verify-full", Mode::VerifyFull),
];

/// A file, and whether somebody named it: one that is only looked for by default may be absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub path: PathBuf,
    pub by_hand: bool,
}

/// Which authorities are trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Those of a file.
    File(Named),
    /// Those of the system.
    System,
    /// There is no file and no place to look for one.
    Nowhere,
}

/// Everything that the parameters say about TLS.
#[derive(Clone, Debug)]
pub struct Settings {
    pub mode: Mode,
    pub trust: Trust,
    pub certificate: Option<Named>,
    pub key: Option<Named>,
    /// Whether TLS begins at once, without asking the server first.
    pub direct: bool,
    /// Whether the server is told which name was asked for.
    pub names_host: bool,
    pub versions: &'static [&'static SupportedProtocolVersion],
}

/// What makes the TLS side of connections, and of requests to cancel.
#[derive(Clone)]
pub struct Connector {
    pub maker: MakeRustlsConnect,
    used: Arc<AtomicBool>,
    verified: Verified,
}

/// What was verified of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verified {
    Nothing,
    Authority,
    Host,
}

impl Connector {
    /// One for a single attempt to connect, because it keeps whether TLS was used.
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        let provider = Arc::new(ring::default_provider());
        let (verified, roots) = match trusted(settings)? {
            None => (Verified::Nothing, None),
            Some(roots) if settings.mode == Mode::VerifyFull => (Verified::Host, Some(roots)),
            Some(roots) => (Verified::Authority, Some(roots)),
        };
        let used = Arc::new(AtomicBool::new(false));
        let verifier = Verifier::new(&provider, roots, verified == Verified::Host, used.clone());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(settings.versions)
            .map_err(|error| Error::new(Exit::Internal, format!("TLS cannot be set up: {error}")))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match identity(settings, &provider)? {
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(|error| {
                Error::new(Exit::Denied, "the client certificate cannot be used")
                    .detail(error.to_string())
                    .hint("name a certificate by sslcert and the private key that belongs to it by sslkey")
            })?,
            None => builder.with_no_client_auth(),
        };
        config.enable_sni = settings.names_host;
        // The verifier has to see every connection: it says whether TLS is used.
        config.resumption = Resumption::disabled();
        if settings.direct {
            config.alpn_protocols = vec![b"postgresql".to_vec()];
        }
        Ok(Self { maker: MakeRustlsConnect::new(config), used, verified })
    }

    /// For messages: what protects the connection that this one has made.
    pub fn description(&self) -> &'static str {
        match (self.used.load(Ordering::SeqCst), self.verified) {
            (false, _) => "no TLS",
            (true, Verified::Nothing) => "TLS, server not verified",
            (true, Verified::Authority) => "TLS verify-ca",
            (true, Verified::Host) => "TLS verify-full",
        }
    }

    /// Whether a TLS connection was made, or nearly.
    pub fn was_used(&self) -> bool {
        self.used.load(Ordering::SeqCst)
    }
}

fn denied(message: impl Into<String>) -> Error {
    Error::new(Exit::Denied, message)
}

/// The certificates to verify by, or None where nothing is verified.
fn trusted(settings: &Settings) -> Result<Option<Roots>, Error> {
    // "allow" and "prefer" verify nothing: whoever can answer in the server's place can as well refuse TLS.
    if settings.mode < Mode::Require {
        return Ok(None);
    }
    let wanted = settings.mode >= Mode::VerifyCa;
    let missing = |what: &str| {
        denied(format!("sslmode={} needs a root certificate to verify the server by, and {what}", word(settings.mode)))
            .hint("name the file of the server's authority by sslrootcert, or say sslrootcert=system to trust those of this machine")
    };
    let file = match &settings.trust {
        Trust::System => return system().map(Some),
        Trust::Nowhere if wanted => return Err(missing("none was named")),
        Trust::Nowhere => return Ok(None),
        Trust::File(file) => file,
    };
    if !file.path.exists() {
        let what = match file.by_hand {
            true => "the file that sslrootcert names is not there".to_owned(),
            false => format!("there is no \"{}\"", file.path.display()),
        };
        if wanted {
            return Err(missing(&what));
        }
        // Once for a run, which may have several connections, or attempts at one.
        static WARNED: Once = Once::new();
        if file.by_hand {
            WARNED.call_once(|| {
                say("warning: the file that sslrootcert names is not there, so the server is not verified");
            });
        }
        return Ok(None);
    }
    let certificates = certificates(file, "sslrootcert")?;
    let mut store = RootCertStore::empty();
    if store.add_parsable_certificates(certificates.iter().cloned()).0 == 0 {
        return Err(denied(format!("{} has no certificate that can be used", called(file, "sslrootcert")))
            .hint(
                "let sslrootcert name a file in PEM form, with the certificate of the server's authority",
            ));
    }
    Ok(Some(Roots { store: Arc::new(store), exact: certificates }))
}

/// The authorities of this machine.
fn system() -> Result<Roots, Error> {
    let found = rustls_native_certs::load_native_certs();
    let mut store = RootCertStore::empty();
    if store.add_parsable_certificates(found.certs).0 == 0 {
        return Err(denied("this machine has no list of trusted authorities")
            .hint("install the package ca-certificates, or name a file by sslrootcert"));
    }
    Ok(Roots { store: Arc::new(store), exact: Vec::new() })
}

/// The client's certificate, with what it is signed by, and its key.
fn identity(
    settings: &Settings,
    provider: &CryptoProvider,
) -> Result<Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>, Error> {
    let Some(file) = settings.certificate.as_ref().filter(|file| file.by_hand || file.path.exists()) else {
        return Ok(None);
    };
    let chain = certificates(file, "sslcert")?;
    let Some(key) = settings.key.as_ref().filter(|key| key.path.exists()) else {
        return Err(denied("there is a client certificate, but no private key for it")
            .hint("name the file of the key by sslkey"));
    };
    check_mode(key)?;
    let name = called(key, "sslkey");
    let text = fs::read(&key.path)
        .map_err(|error| denied(format!("{name} cannot be read")).detail(reason(&error)))?;
    let key = PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
        let encrypted = String::from_utf8_lossy(&text).contains("ENCRYPTED");
        match encrypted {
            true => denied(format!("{name} is encrypted"))
                .hint("decrypt it with openssl pkey, and let sslkey name the result"),
            false => {
                denied(format!("{name} has no private key in PEM form")).hint("let sslkey name one that has")
            }
        }
    })?;
    provider.key_provider.load_private_key(key.clone_key()).map_err(|_| {
        denied(format!("{name} has a kind of key that is not supported"))
            .hint("use an RSA, P-256, P-384 or Ed25519 key")
    })?;
    Ok(Some((chain, key)))
}

/// libpq's rule: its owner alone may read it, or root's group as well where root owns it.
fn check_mode(key: &Named) -> Result<(), Error> {
    let name = called(key, "sslkey");
    let seen = fs::metadata(&key.path)
        .map_err(|error| denied(format!("{name} cannot be read")).detail(reason(&error)))?;
    let closed = if seen.uid() == 0 { 0o027 } else { 0o077 };
    match seen.permissions().mode() & closed {
        0 => Ok(()),
        _ => Err(denied(format!("{name} can be read by others, so it is not used"))
            .hint("run chmod 0600 on the file that sslkey names")),
    }
}

fn certificates(file: &Named, parameter: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let name = called(file, parameter);
    let text = fs::read(&file.path).map_err(|error| {
        denied(format!("{name} cannot be read"))
            .detail(reason(&error))
            .hint(format!("let {parameter} name a file that this user may read"))
    })?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(denied(format!("{name} has no certificate in PEM form"))
            .hint(format!("let {parameter} name one that has"))),
    }
}

/// A file in a message: by the parameter that names it, or by its name where nobody did.
fn called(file: &Named, parameter: &str) -> String {
    match file.by_hand {
        true => format!("the file that {parameter} names"),
        false => format!("\"{}\"", file.path.display()),
    }
}

fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

/// The word for a mode.
pub fn word(mode: Mode) -> &'static str {
    MODES.iter().find(|(_, known)| *known == mode).map_or("", |(word, _)| word)
}

/// Where libpq looks if nothing is said.
pub fn default_file(home: Option<&str>, name: &str) -> Option<Named> {
    home.map(|home| Named { path: Path::new(home).join(".postgresql").join(name), by_hand: false })
}
