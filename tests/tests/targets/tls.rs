//! TLS against real servers: what each mode gives, and how each failure is told.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use pg_lora_tests::{Cluster, Options, Outcome, environment};

use crate::certificates::{Authority, Files, self_signed, set_mode};
use crate::{pg_lora, protection, refusal};

/// A server for localhost, the authority that signed it, and one that nobody knows.
struct World {
    files: Files,
    server: Cluster,
    authority: Authority,
    stranger: Authority,
}

const RULES: &str = "\
    hostssl all secured all scram-sha-256\n\
    hostnossl all open all scram-sha-256\n\
    hostssl all certified all cert\n\
    host all either all scram-sha-256\n";

const ROLES: &str = "
    create role secured login password 'open sesame';
    create role open login password 'open sesame';
    create role either login password 'open sesame';
    create role certified login";

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let (files, authority) = (Files::new(), Authority::new("ours"));
    let certificate = authority.issue("server", &["localhost", "127.0.0.1"], 2099);
    let server = files.server(&certificate, &authority, RULES);
    server.connect("postgres").unwrap().batch_execute(ROLES).unwrap();
    files.write("ours.crt", authority.pem());
    let stranger = Authority::new("a stranger");
    files.write("stranger.crt", stranger.pem());
    World { files, server, authority, stranger }
});

impl World {
    fn place(&self) -> String {
        place(&self.server)
    }

    fn target(&self, user: &str, parameters: &str) -> String {
        target(&self.server, user, parameters)
    }

    fn file(&self, name: &str) -> String {
        self.files.path(name).to_str().unwrap().to_owned()
    }
}

fn place(server: &Cluster) -> String {
    format!("localhost:{}", server.tcp_port().unwrap())
}

fn target(server: &Cluster, user: &str, parameters: &str) -> String {
    let port = server.tcp_port().unwrap();
    format!("host=localhost port={port} user={user} password='open sesame' dbname=postgres {parameters}")
}

#[test]
fn each_mode_gives_what_libpq_gives() {
    let root = format!("sslrootcert={}", WORLD.file("ours.crt"));
    for (user, parameters, expected) in [
        ("either", "sslmode=disable", "no TLS"),
        ("either", "sslmode=allow", "no TLS"),
        ("secured", "sslmode=allow", "TLS, server not verified"),
        ("either", "", "TLS, server not verified"),
        ("either", "sslmode=prefer", "TLS, server not verified"),
        ("open", "sslmode=prefer", "no TLS"),
        ("either", "sslmode=require", "TLS, server not verified"),
        ("either", "ssl=true ssl_min_protocol_version=TLSv1.3", "TLS, server not verified"),
        ("either", "sslmode=require ssl_max_protocol_version=TLSv1.2", "TLS, server not verified"),
        ("either", &format!("sslmode=prefer {root}"), "TLS, server not verified"),
        ("either", &format!("sslmode=require {root}"), "TLS verify-ca"),
        ("either", &format!("sslmode=verify-ca {root}"), "TLS verify-ca"),
        ("either", &format!("sslmode=verify-full {root}"), "TLS verify-full"),
        ("either", &format!("sslmode=verify-full {root} hostaddr=127.0.0.1"), "TLS verify-full"),
        (
            "either",
            &format!("sslmode=verify-full {root} ssl_max_protocol_version=TLSv1.2"),
            "TLS verify-full",
        ),
        ("either", &format!("sslmode=require channel_binding=require {root}"), "TLS verify-ca"),
    ] {
        assert_eq!(protection(&WORLD.target(user, parameters), &[]), expected, "{user} {parameters}");
    }
    let socket = format!("{}&sslmode=verify-full", WORLD.server.url("postgres"));
    assert_eq!(protection(&socket, &[]), "unix socket");
    // The same by variables, and as a URL.
    let root = WORLD.file("ours.crt");
    let variables = [("PGSSLMODE", "verify-full"), ("PGSSLROOTCERT", root.as_str())];
    assert_eq!(protection(&WORLD.target("either", ""), &variables), "TLS verify-full");
    let url = format!(
        "postgresql://either:open sesame@{}/postgres?sslmode=verify-ca&sslrootcert={root}",
        WORLD.place()
    );
    assert_eq!(protection(&url, &[]), "TLS verify-ca");
    let strict = format!(
        "postgresql://either:open%20sesame@{}/postgres?sslaccept=strict&sslcert={root}",
        WORLD.place()
    );
    assert_eq!(protection(&strict, &[]), "TLS verify-full");
}

#[test]
fn tls_may_begin_at_once_where_the_server_knows_that() {
    let target = WORLD.target("either", "sslmode=require sslnegotiation=direct connect_timeout=5");
    if WORLD.server.tree().major() >= 17 {
        assert_eq!(protection(&target, &[]), "TLS, server not verified");
    } else {
        // An older one takes it for a client that says nonsense, and no TLS is no reason to go on without.
        let outcome = Outcome::of(&mut pg_lora(&["status"], &[("DATABASE_URL", &target)]));
        assert!([Some(3), Some(4)].contains(&outcome.code), "{outcome:?}");
        assert!(outcome.stderr.starts_with("error: "), "{}", outcome.stderr);
    }
}

#[test]
fn the_file_in_the_home_folder_is_found() {
    let home = Files::new();
    let folder = home.path("");
    let variables = [("HOME", folder.to_str().unwrap())];
    let place = WORLD.place();
    let said = refusal(&WORLD.target("either", "sslmode=verify-ca"), &variables, 4, &place);
    assert_eq!(
        said.replace(folder.to_str().unwrap(), "HOME/"),
        "error: sslmode=verify-ca needs a root certificate to verify the server by, and there is no \
         \"HOME/.postgresql/root.crt\"\n\
         hint: name the file of the server's authority by sslrootcert, or say sslrootcert=system to trust those of \
         this machine\n"
    );
    assert_eq!(
        protection(&WORLD.target("either", "sslmode=require"), &variables),
        "TLS, server not verified"
    );
    home.write(".postgresql/root.crt", WORLD.authority.pem());
    assert_eq!(protection(&WORLD.target("either", "sslmode=require"), &variables), "TLS verify-ca");
    assert_eq!(protection(&WORLD.target("either", "sslmode=verify-full"), &variables), "TLS verify-full");
    home.write(".postgresql/root.crt", WORLD.stranger.pem());
    let said = refusal(&WORLD.target("either", "sslmode=require"), &variables, 4, &place);
    assert!(said.contains("of an unknown authority"), "{said}");
    // The client's own are found there too.
    let (certificate, key) = WORLD.authority.issue("certified", &[], 2099);
    home.write(".postgresql/postgresql.crt", &certificate);
    home.write(".postgresql/postgresql.key", &key);
    home.write(".postgresql/root.crt", WORLD.authority.pem());
    assert_eq!(protection(&WORLD.target("certified", "sslmode=require"), &variables), "TLS verify-ca");
}

#[test]
fn a_root_certificate_that_is_needed_has_to_be_there() {
    let place = WORLD.place();
    for (parameters, words) in [
        ("sslmode=verify-full", "and none was named"),
        (
            "sslmode=verify-full sslrootcert=/no/such/sesame",
            "and the file that sslrootcert names is not there",
        ),
    ] {
        let said = refusal(&WORLD.target("either", parameters), &[], 4, &place);
        assert!(
            said.starts_with("error: sslmode=verify-full needs a root certificate") && said.contains(words),
            "{said}"
        );
    }
    let empty = WORLD.files.write("empty.crt", "nothing");
    let said =
        refusal(&WORLD.target("either", &format!("sslmode=require sslrootcert={empty}")), &[], 4, &place);
    assert!(
        said.starts_with("error: the file that sslrootcert names has no certificate in PEM form\nhint: "),
        "{said}"
    );
    // libpq goes on without one.
    let missing = "sslmode=require sslrootcert=/no/such/file";
    let outcome = crate::reach(&WORLD.target("either", missing), &[]).expect(0);
    assert_eq!(
        outcome.stderr,
        "warning: the file that sslrootcert names is not there, so the server is not verified\n"
    );
}

#[test]
fn the_authorities_of_the_system_are_trusted_on_request() {
    let ours = WORLD.file("ours.crt");
    let target = WORLD.target("either", "sslrootcert=system");
    assert_eq!(protection(&target, &[("SSL_CERT_FILE", &ours)]), "TLS verify-full");
    let stranger = WORLD.file("stranger.crt");
    let said = refusal(&target, &[("SSL_CERT_FILE", &stranger)], 4, &WORLD.place());
    assert!(said.contains("of an unknown authority"), "{said}");
}

#[test]
fn an_unknown_authority_is_told() {
    let stranger = WORLD.file("stranger.crt");
    for mode in ["require", "verify-ca", "verify-full"] {
        let target = WORLD.target("either", &format!("sslmode={mode} sslrootcert={stranger}"));
        assert_eq!(
            refusal(&target, &[], 4, &WORLD.place()),
            "error: the certificate of \"PLACE\" is of an unknown authority\n\
             hint: name the file with the certificate of the server's authority by sslrootcert, or say \
             sslrootcert=system where the system knows it\n"
        );
    }
}

#[test]
fn a_certificate_for_another_host_is_told_with_its_names() {
    let files = Files::new();
    let names = ["db.example.com", "*.example.org", "10.1.2.3"];
    let certificate = WORLD.authority.issue("localhost", &names, 2099);
    let server = files.server(&certificate, &WORLD.authority, RULES);
    server.connect("postgres").unwrap().batch_execute(ROLES).unwrap();
    let root = format!("sslrootcert={}", WORLD.file("ours.crt"));
    // The common name, which would fit, does not count beside others.
    assert_eq!(
        refusal(&target(&server, "either", &format!("sslmode=verify-full {root}")), &[], 4, &place(&server)),
        "error: the certificate of \"PLACE\" is not for \"localhost\"\n\
         detail: it is for \"db.example.com\", \"*.example.org\" and \"10.1.2.3\"\n\
         hint: connect by a name that the certificate has (hostaddr may say the address), or verify the authority \
         alone with sslmode=verify-ca\n"
    );
    assert_eq!(
        protection(&target(&server, "either", &format!("sslmode=verify-ca {root}")), &[]),
        "TLS verify-ca"
    );
    let port = server.tcp_port().unwrap();
    for host in ["db.example.com", "any.example.org"] {
        let named = format!(
            "host={host} hostaddr=127.0.0.1 port={port} user=either password='open sesame' dbname=postgres \
             sslmode=verify-full {root}"
        );
        assert_eq!(protection(&named, &[]), "TLS verify-full");
    }
}

#[test]
fn an_expired_certificate_is_told_with_its_date() {
    let files = Files::new();
    let server =
        files.server(&WORLD.authority.issue("server", &["localhost"], 2021), &WORLD.authority, RULES);
    server.connect("postgres").unwrap().batch_execute(ROLES).unwrap();
    let root = format!("sslrootcert={}", WORLD.file("ours.crt"));
    for mode in ["require", "verify-ca", "verify-full"] {
        assert_eq!(
            refusal(&target(&server, "either", &format!("sslmode={mode} {root}")), &[], 4, &place(&server)),
            "error: the certificate of \"PLACE\" has expired\n\
             detail: it was valid until 2021-02-03T00:00:00Z\n\
             hint: renew the server's certificate; sslmode=require without sslrootcert does not look at it\n"
        );
    }
    assert_eq!(protection(&target(&server, "either", "sslmode=require"), &[]), "TLS, server not verified");
}

/// As the documentation of Postgres makes one: an authority's certificate, with a common name and no other.
#[test]
fn a_certificate_that_stands_itself_in_the_file_is_trusted() {
    let files = Files::new();
    let certificate = self_signed("localhost");
    let server = files.server(&certificate, &WORLD.authority, RULES);
    server.connect("postgres").unwrap().batch_execute(ROLES).unwrap();
    let root = format!("sslrootcert={}", files.write("self.crt", &certificate.0));
    for mode in ["verify-ca", "verify-full"] {
        let found = protection(&target(&server, "either", &format!("sslmode={mode} {root}")), &[]);
        assert_eq!(found, format!("TLS {mode}"));
    }
    let port = server.tcp_port().unwrap();
    let by_address = format!(
        "host=127.0.0.1 port={port} user=either password='open sesame' dbname=postgres sslmode=verify-full {root}"
    );
    let said = refusal(&by_address, &[], 4, &format!("127.0.0.1:{port}"));
    assert!(said.contains("is not for \"127.0.0.1\"\ndetail: it is for \"localhost\"\n"), "{said}");
    // The same names, but another key.
    let other = files.write("other.crt", &self_signed("localhost").0);
    let said = refusal(
        &target(&server, "either", &format!("sslmode=verify-ca sslrootcert={other}")),
        &[],
        4,
        &place(&server),
    );
    assert!(said.contains("unknown authority"), "{said}");
}

#[test]
fn a_client_shows_its_certificate() {
    let (certificate, key) = WORLD.authority.issue("certified", &[], 2099);
    let certificate = WORLD.files.write("certified.crt", &certificate);
    let (key, text) = (WORLD.files.write("certified.key", &key), key);
    let place = WORLD.place();
    let told = |parameters: &str| refusal(&WORLD.target("certified", parameters), &[], 4, &place);
    let with = |certificate: &str, key: &str| format!("sslmode=require sslcert={certificate} sslkey={key}");
    assert_eq!(
        protection(&WORLD.target("certified", &with(&certificate, &key)), &[]),
        "TLS, server not verified"
    );

    let said = told("sslmode=require");
    assert!(
        said.contains("connection requires a valid client certificate (28000)\nhint: name a certificate"),
        "{said}"
    );
    assert!(
        told(&format!("sslmode=require sslcert={certificate}")).contains("no private key for it\nhint: ")
    );
    assert!(told(&with("/no/such/sesame", &key)).contains("the file that sslcert names cannot be read"));
    let other = WORLD.files.write("other.key", &WORLD.stranger.issue("certified", &[], 2099).1);
    assert!(told(&with(&certificate, &other)).contains("the client certificate cannot be used"));
    let encrypted = text.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let encrypted = WORLD.files.write("encrypted.key", &encrypted);
    assert!(
        told(&with(&certificate, &encrypted)).contains("is encrypted\nhint: decrypt it with openssl pkey")
    );
    let open = WORLD.files.write("open.key", &text);
    set_mode(Path::new(&open), 0o644);
    assert!(
        told(&with(&certificate, &open))
            .contains("can be read by others, so it is not used\nhint: run chmod 0600")
    );

    let (certificate, key) = WORLD.stranger.issue("certified", &[], 2099);
    let (certificate, key) =
        (WORLD.files.write("strange.crt", &certificate), WORLD.files.write("strange.key", &key));
    assert_eq!(
        told(&with(&certificate, &key)),
        "error: the server at \"PLACE\" refused the client certificate\n\
         detail: it answered UnknownCA\n\
         hint: name a certificate of an authority that the server knows by sslcert, and its key by sslkey\n"
    );
}

#[test]
fn a_server_without_tls_is_told() {
    let server = Options::default().tcp().start(&environment::tree().unwrap()).unwrap();
    server.connect("postgres").unwrap().batch_execute(ROLES).unwrap();
    for mode in ["require", "verify-ca", "verify-full"] {
        let root = WORLD.file("ours.crt");
        let target = target(&server, "either", &format!("sslmode={mode} sslrootcert={root}"));
        assert_eq!(
            refusal(&target, &[], 4, &place(&server)),
            format!(
                "error: the server at \"PLACE\" does not speak TLS, which sslmode={mode} asks for\n\
                 hint: turn TLS on at the server (ssl = on), or, in a network that you trust, connect with \
                 sslmode=disable\n"
            )
        );
    }
    for mode in ["disable", "allow", "prefer"] {
        assert_eq!(protection(&target(&server, "either", &format!("sslmode={mode}")), &[]), "no TLS");
    }
    let binding = target(&server, "either", "channel_binding=require");
    let said = refusal(&binding, &[], 4, &place(&server));
    assert!(
        said.contains(
            "server did not use channel binding\nhint: check the password and the parameter channel_binding"
        ),
        "{said}"
    );
}

#[test]
fn a_rule_of_the_server_is_told_with_both_ways() {
    for (user, mode) in [("open", "require"), ("secured", "disable")] {
        let said = refusal(&WORLD.target(user, &format!("sslmode={mode}")), &[], 4, &WORLD.place());
        assert!(
            said.contains("no pg_hba.conf entry")
                && said
                    .contains("(28000)\nhint: allow this connection in pg_hba.conf; the server may want TLS"),
            "{said}"
        );
    }
    let wrong = WORLD.target("secured", "sslmode=require").replace("open sesame", "a sesame");
    let said = refusal(&wrong, &[], 4, &WORLD.place());
    assert_eq!(
        said,
        "error: connecting to \"PLACE\": password authentication failed for user \"secured\" (28P01)\n\
         hint: check the user and the password, in the URL or in PGPASSWORD\n"
    );
}

/// A signal cancels what runs, by a request that is as well protected as the connection is.
#[test]
fn a_request_to_cancel_goes_through_tls() {
    let mut db = WORLD.server.connect("postgres").unwrap();
    db.batch_execute("drop database if exists cancelled").unwrap();
    db.batch_execute("create database cancelled owner either").unwrap();
    let mut holder = WORLD.server.connect("cancelled").unwrap();
    // The first thing that the command reads of the database waits for it.
    let mut held = holder.transaction().unwrap();
    held.batch_execute("lock table pg_catalog.pg_extension in access exclusive mode").unwrap();

    let seen = Arc::new(Mutex::new(Vec::new()));
    let proxy = record(WORLD.server.tcp_port().unwrap(), seen.clone());
    let target = format!(
        "host=localhost port={proxy} user=either password='open sesame' dbname=cancelled sslmode=verify-full sslrootcert={}",
        WORLD.file("ours.crt")
    );
    let mut command = pg_lora(&["status"], &[("DATABASE_URL", &target)]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let waiting = "select count(*) from pg_stat_activity where application_name = 'pg-lora' and wait_event_type = 'Lock'
                     and datname = 'cancelled'";
    let deadline = Instant::now() + Duration::from_secs(30);
    while db.query_one(waiting, &[]).unwrap().get::<_, i64>(0) == 0 {
        assert!(Instant::now() < deadline, "it did not come to wait");
        std::thread::sleep(Duration::from_millis(20));
    }
    let began = Instant::now();
    let kill =
        std::process::Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let outcome = Outcome::from(child.wait_with_output().unwrap()).expect(143);
    assert!(began.elapsed() < Duration::from_secs(8), "it was not cancelled: {}", outcome.stderr);
    held.rollback().unwrap();
    let first_words = seen.lock().unwrap().clone();
    // The code of a request for TLS; a plain request to cancel would be …02.
    assert!(first_words.len() >= 2, "{first_words:?}");
    assert!(first_words.iter().all(|code| *code == 80_877_103), "{first_words:?}");
}

/// A port that leads to a server and keeps the code that each connection begins with.
fn record(port: u16, seen: Arc<Mutex<Vec<u32>>>) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let own = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, seen) = (client.unwrap(), seen.clone());
            std::thread::spawn(move || {
                let mut first = [0; 8];
                client.read_exact(&mut first)?;
                seen.lock().unwrap().push(u32::from_be_bytes(first[4..].try_into().unwrap()));
                let mut server = TcpStream::connect(("127.0.0.1", port))?;
                server.write_all(&first)?;
                let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from_client, &mut to_server);
                    let _ = to_server.shutdown(Shutdown::Write);
                });
                std::io::copy(&mut server, &mut client)?;
                client.shutdown(Shutdown::Both)
            });
        }
    });
    own
}
