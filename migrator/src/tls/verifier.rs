//! Who the server is: its chain, its dates, its name.
//!
//! Invariant: a chain is always verified before a name, and by webpki. What is decided here is only what libpq allows beyond
//! that: a certificate that stands itself in the file of roots, and the common name where a certificate has no other names.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{AlertDescription, CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};
use x509_cert::Certificate;
use x509_cert::der::asn1::{Ia5StringRef, PrintableStringRef, Utf8StringRef};
use x509_cert::der::oid::db::rfc4519::COMMON_NAME;
use x509_cert::der::{DateTime, Decode};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use crate::error::{Error, Exit, listed};

/// What a chain may end in.
#[derive(Debug)]
pub struct Roots {
    pub store: Arc<RootCertStore>,
    /// The same as they stand in the file: a server's own certificate among them is trusted as it is.
    pub exact: Vec<CertificateDer<'static>>,
}

/// Verifies as much as the mode asks for.
#[derive(Debug)]
pub struct Verifier {
    roots: Option<Roots>,
    host: bool,
    provider: Arc<CryptoProvider>,
    used: Arc<AtomicBool>,
}

impl Verifier {
    /// Without roots nothing is verified. `used` is set when a server has shown its certificate.
    pub fn new(
        provider: &Arc<CryptoProvider>,
        roots: Option<Roots>,
        host: bool,
        used: Arc<AtomicBool>,
    ) -> Self {
        Self { roots, host, provider: provider.clone(), used }
    }

    fn verify(
        &self,
        roots: &Roots,
        server: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        // As openssl does; webpki would refuse an authority's certificate as a server's.
        if roots.exact.contains(server) {
            within_dates(server, now)?;
        } else {
            let algorithms = self.provider.signature_verification_algorithms.all;
            let parsed = ParsedCertificate::try_from(server)?;
            let chain = verify_server_cert_signed_by_trust_anchor(
                &parsed,
                &roots.store,
                intermediates,
                now,
                algorithms,
            );
            // webpki's word for a self-signed one is that an authority's certificate is used as a server's.
            chain.map_err(|error| match error {
                rustls::Error::InvalidCertificate(CertificateError::Other(_)) if is_self_signed(server) => {
                    CertificateError::UnknownIssuer.into()
                }
                error => error,
            })?;
        }
        if !self.host {
            return Ok(());
        }
        let names = Names::of(server);
        let fits = match names.alternative.is_empty() {
            // libpq, and RFC 6125 6.4.4: the common name counts where there is no other.
            true => names.common.as_deref().is_some_and(|common| is_named(common, name)),
            false => verify_server_name(&ParsedCertificate::try_from(server)?, name).is_ok(),
        };
        match fits {
            true => Ok(()),
            false => Err(CertificateError::NotValidForNameContext {
                expected: name.to_owned(),
                presented: names.all(),
            }
            .into()),
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        server: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.used.store(true, Ordering::SeqCst);
        if let Some(roots) = &self.roots {
            self.verify(roots, server, intermediates, name, now)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        // A signature by somebody whose certificate nobody looks at says nothing, and webpki does not read every old one.
        match self.roots {
            None => Ok(HandshakeSignatureValid::assertion()),
            Some(_) => verify_tls12_signature(
                message,
                certificate,
                signature,
                &self.provider.signature_verification_algorithms,
            ),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        match self.roots {
            None => Ok(HandshakeSignatureValid::assertion()),
            Some(_) => verify_tls13_signature(
                message,
                certificate,
                signature,
                &self.provider.signature_verification_algorithms,
            ),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn is_self_signed(certificate: &CertificateDer<'_>) -> bool {
    Certificate::from_der(certificate)
        .is_ok_and(|read| read.tbs_certificate.issuer == read.tbs_certificate.subject)
}

/// A certificate that is trusted as it is has to be in force all the same.
fn within_dates(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), rustls::Error> {
    let read = Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
    let validity = read.tbs_certificate.validity;
    let end = UnixTime::since_unix_epoch(validity.not_after.to_unix_duration());
    let begin = UnixTime::since_unix_epoch(validity.not_before.to_unix_duration());
    if now > end {
        return Err(CertificateError::ExpiredContext { time: now, not_after: end }.into());
    }
    if now < begin {
        return Err(CertificateError::NotValidYetContext { time: now, not_before: begin }.into());
    }
    Ok(())
}

/// Whom a certificate is for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Names {
    /// DNS names and addresses.
    alternative: Vec<String>,
    common: Option<String>,
}

impl Names {
    fn of(certificate: &CertificateDer<'_>) -> Self {
        let Ok(read) = Certificate::from_der(certificate) else { return Self::default() };
        let mut alternative = Vec::new();
        if let Ok(Some((_, names))) = read.tbs_certificate.get::<SubjectAltName>() {
            for name in names.0 {
                match name {
                    GeneralName::DnsName(name) => alternative.push(name.to_string()),
                    GeneralName::IpAddress(bytes) => alternative.extend(address(bytes.as_bytes())),
                    _ => {}
                }
            }
        }
        let parts = read.tbs_certificate.subject.0.iter().flat_map(|part| part.0.iter());
        let common = parts.filter(|part| part.oid == COMMON_NAME).find_map(|part| {
            let text = |text: &str| text.to_owned();
            let value = &part.value;
            value
                .decode_as::<Utf8StringRef>()
                .map(|found| text(found.as_str()))
                .or_else(|_| value.decode_as::<PrintableStringRef>().map(|found| text(found.as_str())))
                .or_else(|_| value.decode_as::<Ia5StringRef>().map(|found| text(found.as_str())))
                .ok()
        });
        Self { alternative, common }
    }

    fn all(self) -> Vec<String> {
        match self.alternative.is_empty() {
            true => self.common.into_iter().collect(),
            false => self.alternative,
        }
    }
}

fn address(bytes: &[u8]) -> Option<String> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(|bytes| std::net::Ipv4Addr::from(bytes).to_string()),
        16 => <[u8; 16]>::try_from(bytes).ok().map(|bytes| std::net::Ipv6Addr::from(bytes).to_string()),
        _ => None,
    }
}

/// Whether a common name is that of a host. Its "*" stands for the whole first label, as in libpq.
fn is_named(common: &str, host: &ServerName<'_>) -> bool {
    let host = match host {
        ServerName::DnsName(name) => name.as_ref().trim_end_matches('.').to_owned(),
        other => return other.to_str() == common,
    };
    match common.strip_prefix("*.") {
        Some(domain) => host
            .split_once('.')
            .is_some_and(|(label, rest)| !label.is_empty() && rest.eq_ignore_ascii_case(domain)),
        None => host.eq_ignore_ascii_case(common),
    }
}

/// What went wrong in TLS, if that is what an error of the driver is about.
pub fn describe(error: &postgres::Error, place: &str) -> Option<Error> {
    let denied = |message: String| Error::new(Exit::Denied, message);
    let found = rustls_error(error)?;
    Some(match found {
        rustls::Error::InvalidCertificate(why) => match why {
            CertificateError::NotValidForNameContext { expected, presented } => {
                let names = match presented.is_empty() {
                    true => "it has no names".to_owned(),
                    false => format!("it is for {}", listed(presented)),
                };
                denied(format!("the certificate of \"{place}\" is not for \"{}\"", expected.to_str()))
                    .detail(names)
                    .hint("connect by a name that the certificate has (hostaddr may say the address), or verify the authority alone with sslmode=verify-ca")
            }
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                denied(format!("the certificate of \"{place}\" is of an unknown authority")).hint(
                    "name the file with the certificate of the server's authority by sslrootcert, or say \
                     sslrootcert=system where the system knows it",
                )
            }
            CertificateError::ExpiredContext { not_after, .. } => {
                denied(format!("the certificate of \"{place}\" has expired"))
                    .detail(format!("it was valid until {}", day(*not_after)))
                    .hint("renew the server's certificate; sslmode=require without sslrootcert does not look at it")
            }
            CertificateError::NotValidYetContext { not_before, .. } => {
                denied(format!("the certificate of \"{place}\" is not valid yet"))
                    .detail(format!("it is valid from {}", day(*not_before)))
                    .hint("set the clock of this machine, or renew the server's certificate; sslmode says how much is verified")
            }
            other => denied(format!("the certificate of \"{place}\" cannot be verified"))
                .detail(rustls::Error::InvalidCertificate(other.clone()).to_string())
                .hint("give the server a certificate of today's form (X.509 version 3), or ask for less by sslmode"),
        },
        rustls::Error::AlertReceived(alert) => match alert {
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::DecryptError
            | AlertDescription::AccessDenied => denied(format!("the server at \"{place}\" refused the client certificate"))
                .detail(format!("it answered {alert:?}"))
                .hint("name a certificate of an authority that the server knows by sslcert, and its key by sslkey"),
            _ => denied(format!("the server at \"{place}\" broke off the TLS handshake"))
                .detail(format!("it answered {alert:?}"))
                .hint("look into the server's log; sslmode=disable does without TLS"),
        },
        other => denied(format!("TLS with \"{place}\" failed"))
            .detail(other.to_string())
            .hint("look into the server's log; sslmode=disable does without TLS"),
    })
}

/// rustls's own words, below the driver's and the system's.
fn rustls_error(error: &postgres::Error) -> Option<&rustls::Error> {
    let mut next = std::error::Error::source(error);
    while let Some(found) = next {
        if let Some(found) = found.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        // The system's error does not count what it wraps among its sources.
        if let Some(inner) = found.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref)
            && let Some(found) = inner.downcast_ref::<rustls::Error>()
        {
            return Some(found);
        }
        next = found.source();
    }
    None
}

fn day(time: UnixTime) -> String {
    let date = DateTime::from_unix_duration(std::time::Duration::from_secs(time.as_secs()));
    date.map_or_else(|_| "a date that is not understood".to_owned(), |date| date.to_string())
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::{ServerName, UnixTime};

    use super::{day, is_named};

    #[test]
    fn a_common_name_is_compared_as_libpq_does() {
        let host = |name: &'static str| ServerName::try_from(name).unwrap();
        for (common, name, expected) in [
            ("db.example.com", "DB.example.com", true),
            ("*.example.com", "db.example.com", true),
            ("*.example.com", "a.db.example.com", false),
            ("*.example.com", "example.com", false),
            ("db.example.com", "db.example.org", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("*", "db", false),
        ] {
            assert_eq!(is_named(common, &host(name)), expected, "{common} {name}");
        }
    }

    #[test]
    fn a_day_is_written_in_utc() {
        let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_700_000_000));
        assert_eq!(day(time), "2023-11-14T22:13:20Z");
    }
}
