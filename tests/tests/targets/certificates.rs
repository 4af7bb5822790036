//! Authorities, certificates and the files that hold them, made for one run.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use pg_lora_tests::{Account, Cluster, Options, Scratch, environment};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

/// Who signs certificates.
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// Certificate and key for a common name and other names, in force until a year.
    pub fn issue(&self, common: &str, names: &[&str], until: i32) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = params(common, names, until);
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    /// Its own certificate.
    pub fn pem(&self) -> &str {
        &self.pem
    }
}

/// A certificate that nobody else has signed, as the documentation of Postgres makes one: without other names.
pub fn self_signed(common: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = params(common, &[], 2099);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn params(common: &str, names: &[&str], until: i32) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, common);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(until, 2, 3);
    params
}

/// A folder with files of TLS; gone with this value.
pub struct Files {
    scratch: Scratch,
}

impl Files {
    pub fn new() -> Self {
        Self { scratch: Scratch::new().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// Writes a file that its owner alone may read.
    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        set_mode(&path, 0o600);
        path.to_str().unwrap().to_owned()
    }

    /// The same, for a server to read.
    fn write_for_server(&self, name: &str, text: &str) -> String {
        let path = self.write(name, text);
        if let Some(account) = Account::for_servers().unwrap() {
            account.own(Path::new(&path)).unwrap();
        }
        path
    }

    /// A server with TLS that has this certificate and lets in by these rules. Its superuser has no password.
    pub fn server(
        &self,
        (certificate, key): &(String, String),
        authority: &Authority,
        rules: &str,
    ) -> Cluster {
        let rules = format!("local all postgres trust\n{rules}");
        Options::default()
            .tcp()
            .set("ssl", "on")
            .set("ssl_cert_file", &self.write_for_server("server.crt", certificate))
            .set("ssl_key_file", &self.write_for_server("server.key", key))
            .set("ssl_ca_file", &self.write_for_server("clients.crt", authority.pem()))
            .set("hba_file", &self.write_for_server("hba.conf", &rules))
            .start(&environment::tree().unwrap())
            .unwrap()
    }
}

pub fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
