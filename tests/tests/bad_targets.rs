//! Databases that cannot be used: one clear message each, the right exit code, and never a password.

use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use pg_lora_tests::{Cluster, Options, Outcome, environment, program};

/// With characters that a URL has to encode, so that both spellings are looked for.
const SECRET: &str = "hunter2 &/%ü";
const ENCODED: &str = "hunter2%20%26%2F%25%C3%BC";

/// A server on TCP, where every role needs its password.
static SERVER: LazyLock<Cluster> = LazyLock::new(|| {
    let cluster = Options::default().tcp().start(&environment::tree().unwrap()).unwrap();
    let mut db = cluster.connect("postgres").unwrap();
    db.batch_execute(&format!(
        "create role visitor login password '{SECRET}'; create role disabled nologin password '{SECRET}'"
    ))
    .unwrap();
    cluster
});

/// Runs `status` and `migrate`, both spellings of naming the database, and checks what must hold of every error: the
/// code, some words, a hint, and no part of the password anywhere. Answers what the last one said.
#[track_caller]
fn refused(url: &str, code: i32, words: &[&str]) -> String {
    let mut said = String::new();
    for arguments in [&["status"][..], &["migrate"], &["migrate", "--output", "json"], &["status", "--check"]]
    {
        let by_option: Vec<&str> = arguments.iter().copied().chain(["--database-url", url]).collect();
        let by_name: Vec<String> = vec![format!("--database-url={url}")];
        let mut joined = program::pg_lora(arguments);
        joined.args(&by_name);
        for outcome in [
            Outcome::of_pg_lora(url, arguments),
            Outcome::of(&mut program::pg_lora(&by_option)),
            Outcome::of(&mut joined),
            Outcome::of(program::pg_lora(arguments).env("PG_LORA_DATABASE_URL", url)),
        ] {
            let outcome = outcome.expect(code);
            keeps_the_secret(&outcome);
            for words in words {
                assert!(outcome.stderr.contains(words), "\"{words}\": {}", outcome.stderr);
            }
            assert!(outcome.stderr.starts_with("error: "), "{}", outcome.stderr);
            assert!(outcome.stderr.contains("\nhint: "), "{}", outcome.stderr);
            if arguments.contains(&"json") {
                assert_eq!(outcome.json()["error"]["exit_code"], code);
            }
            said = outcome.stderr;
        }
    }
    said
}

#[track_caller]
fn keeps_the_secret(outcome: &Outcome) {
    let all = format!("{}{}", outcome.stdout, outcome.stderr);
    for part in [SECRET, ENCODED, "hunter2", "%C3%BC"] {
        assert!(!all.contains(part), "\"{part}\" is shown: {all}");
    }
}

#[test]
fn a_server_that_is_not_there_is_unreachable() {
    // Port 1 is nobody's: a free one could be taken by the next test.
    let place = "127.0.0.1:1";
    refused(&format!("postgresql://u:{ENCODED}@{place}/db"), 3, &[place, "cannot be reached"]);
    refused(
        &format!("postgresql://u:{ENCODED}@/db?host=/no/such/folder"),
        3,
        &["/no/such/folder", "cannot be reached"],
    );
    refused(
        &format!("host=no-such-host.invalid user=u password='{SECRET}' dbname=db"),
        3,
        &["no-such-host.invalid"],
    );
}

#[test]
fn a_server_that_does_not_answer_is_given_up() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let place = silent.local_addr().unwrap();
    let url = format!("postgresql://u:{ENCODED}@{place}/db?connect_timeout=1");
    let began = Instant::now();
    let outcome = Outcome::of_pg_lora(&url, &["status"]).expect(3);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(outcome.stderr.contains("no answer within 1 s"), "{}", outcome.stderr);
    keeps_the_secret(&outcome);
}

#[test]
fn something_else_that_answers_is_no_database() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let place = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = std::io::Write::write_all(&mut stream.unwrap(), b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let outcome = Outcome::of_pg_lora(&format!("postgresql://u:{ENCODED}@{place}/db"), &["status"]).expect(3);
    keeps_the_secret(&outcome);
    assert!(outcome.stderr.contains(&place.to_string()), "{}", outcome.stderr);
}

#[test]
fn a_wrong_password_is_denied() {
    let wrong = SERVER.address().tcp_url("postgres", "visitor", "a guess with hunter2 in it");
    refused(&wrong, 4, &["password authentication failed for user \"visitor\"", "(28P01)"]);
    // A role that does not exist is not to be told from a wrong password.
    let nobody = SERVER.address().tcp_url("postgres", "nobody-here", SECRET);
    refused(&nobody, 4, &["password authentication failed for user \"nobody-here\""]);
    let without = SERVER.address().tcp_url("postgres", "visitor", "");
    refused(&without, 4, &["password"]);
    let disabled = SERVER.address().tcp_url("postgres", "disabled", SECRET);
    refused(&disabled, 4, &["is not permitted to log in"]);
}

#[test]
fn the_right_password_is_not_shown_either() {
    let right = SERVER.address().tcp_url("postgres", "visitor", SECRET);
    let outcome = Outcome::of_pg_lora(&right, &["status"]).expect(0);
    keeps_the_secret(&outcome);
    let refused = Outcome::of_pg_lora(&right, &["migrate"]).expect(11);
    keeps_the_secret(&refused);
    // Neither in what other sessions see.
    let mut db = SERVER.connect("postgres").unwrap();
    let seen = db.query_one(
        "select count(*) from pg_stat_activity where query like '%hunter2%' and pid <> pg_backend_pid()",
        &[],
    );
    assert_eq!(seen.unwrap().get::<_, i64>(0), 0);
    assert!(
        !SERVER
            .log()
            .replace(&format!("create role visitor login password '{SECRET}'"), "")
            .contains("hunter2")
    );
}

/// It may be made in a moment, by whoever starts server and migration together: hence the code that means "retry".
#[test]
fn a_database_that_is_not_there_is_unreachable() {
    let url = SERVER.address().tcp_url("no-such-database", "visitor", SECRET);
    refused(&url, 3, &["database \"no-such-database\" does not exist", "(3D000)"]);
}

#[test]
fn a_text_that_is_no_target_is_a_usage_error() {
    for url in [
        format!("mysql://u:{ENCODED}@h/db"),
        format!("postgresql://u:{ENCODED}@h:port/db"),
        format!("postgresql://u:{ENCODED}%zz@h/db"),
        format!("postgresql://u:{ENCODED}@h/db?sslmode={SECRET}"),
        format!("postgresql://u:{ENCODED}@h/db?port={ENCODED}"),
        format!("postgresql://u:1?password={ENCODED}@h/db"),
        format!("\"postgresql://u:{ENCODED}@h/db\""),
        format!("postgresql://u:{ENCODED}@h/db?no_such_parameter=1"),
        format!("host=h password='{SECRET}"),
        format!("u:{ENCODED}@h/db"),
    ] {
        refused(&url, 2, &["the connection string cannot be understood"]);
    }
    let outcome = Outcome::of(&mut program::pg_lora(&["status"])).expect(2);
    assert!(
        outcome.stderr.contains("no database was named") && outcome.stderr.contains("hint: "),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_mistake_on_the_command_line_does_not_show_it() {
    let url = format!("postgresql://u:{ENCODED}@h/db");
    for arguments in [
        vec!["migrate", &url],
        vec!["status", "--databse-url", &url],
        vec![&url],
        vec!["--database-url"],
        vec!["migrate", "--platform", &url],
        vec!["migrate", "--output", &url],
        vec!["status", "--database-url", &url, &url],
    ] {
        let outcome = Outcome::of(&mut program::pg_lora(&arguments)).expect(2);
        keeps_the_secret(&outcome);
        assert!(outcome.stderr.starts_with("error: "), "{}", outcome.stderr);
        assert_eq!(outcome.stdout, "");
    }
    let help = Outcome::of(program::pg_lora(&["--help"]).env("DATABASE_URL", &url)).expect(0);
    keeps_the_secret(&help);
    let help = Outcome::of(program::pg_lora(&["--help"]).env("PG_LORA_DATABASE_URL", &url)).expect(0);
    keeps_the_secret(&help);
}

/// What asks for TLS is refused where there is none, not silently done without. More of it is in `targets/tls.rs`.
#[test]
fn a_connection_that_must_be_encrypted_is_refused() {
    let url = SERVER.address().tcp_url("postgres", "visitor", SECRET);
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    refused(&format!("{url}?sslmode=require"), 4, &["does not speak TLS"]);
    refused(&format!("{url}?sslmode=verify-full&sslrootcert={root}"), 4, &["no certificate in PEM form"]);
    refused(
        &format!("{url}?sslmode=verify-ca&sslrootcert=/{ENCODED}"),
        4,
        &["the file that sslrootcert names is not there"],
    );
    refused(
        &format!("{url}?sslmode=require&sslcert=/{ENCODED}&sslkey={root}"),
        4,
        &["the file that sslcert names"],
    );
    for mode in ["disable", "prefer", "allow"] {
        Outcome::of_pg_lora(&format!("{url}?sslmode={mode}"), &["status"]).expect(0);
    }
}

#[test]
fn a_parameter_that_is_not_honoured_is_refused_by_name() {
    let url = SERVER.address().tcp_url("postgres", "visitor", SECRET);
    for parameter in ["service", "sslpassword", "sslidentity", "require_auth", "replication", "sslcrl"] {
        let message = format!("the connection parameter \"{parameter}\" is not supported");
        refused(&format!("{url}?{parameter}={ENCODED}"), 2, &[&message]);
    }
}

/// Raw, as people paste it: it is the right one, or the server refuses it.
#[test]
fn a_pasted_password_is_not_shown_either() {
    let url = format!("postgresql://visitor:{SECRET}@127.0.0.1:{}/postgres", SERVER.address().port());
    keeps_the_secret(&Outcome::of_pg_lora(&url, &["status"]).expect(0));
    refused(&url.replace("hunter2", "no hunter2"), 4, &["(28P01)", "percent-encoding"]);
}

#[test]
fn a_server_that_is_too_old_is_refused() {
    let tree = environment::old_tree().unwrap();
    assert_eq!(tree.major(), 14);
    let cluster = Cluster::start(&tree).unwrap();
    let said =
        refused(&cluster.url("postgres"), 11, &["the server is PostgreSQL 14.", "pg_lora needs 15 or later"]);
    assert!(said.contains("hint: upgrade the server"), "{said}");
    for command in [&["migrate", "--platform", "standalone"][..], &["status"]] {
        Outcome::of_pg_lora(&cluster.url("postgres"), command).expect(11);
    }
    let mut db = cluster.connect("postgres").unwrap();
    let written =
        "select (select count(*) from pg_namespace where nspname !~ '^(pg_|information_schema|public)')
                     + (select count(*) from pg_roles where rolname !~ '^(pg_|postgres)')";
    assert_eq!(db.query_one(written, &[]).unwrap().get::<_, i64>(0), 0);
}

/// A psql, a pg_dump or a person who looks at the processes must not see it either.
#[test]
fn a_password_in_the_environment_is_not_on_the_command_line() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("postgresql://u:{ENCODED}@{}/db?connect_timeout=3", silent.local_addr().unwrap());
    let mut command: Command = program::pg_lora(&["status"]);
    let mut child = command.env("DATABASE_URL", url).stderr(std::process::Stdio::null()).spawn().unwrap();
    let shown = std::fs::read(format!("/proc/{}/cmdline", child.id())).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!String::from_utf8_lossy(&shown).contains("hunter2"));
}
