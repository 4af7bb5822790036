//! Passwords: pasted into a URL as they are, in variables, in a password file, and refused ones.

use std::path::Path;
use std::sync::LazyLock;

use pg_lora_tests::{Cluster, Options, environment};

use crate::certificates::{Files, set_mode};
use crate::{protection, reach, refusal};

/// With everything that a URL has other uses for, and that can be read in one way all the same.
const PASSWORD: &str = "a@b/c?d#e:f% sesame";

static SERVER: LazyLock<Cluster> = LazyLock::new(|| {
    let server = Options::default().tcp().start(&environment::tree().unwrap()).unwrap();
    let mut db = server.connect("postgres").unwrap();
    db.batch_execute(&format!("create role visitor login password '{PASSWORD}'")).unwrap();
    server
});

fn place() -> String {
    format!("127.0.0.1:{}", SERVER.tcp_port().unwrap())
}

#[test]
fn a_raw_password_works() {
    assert_eq!(protection(&format!("postgresql://visitor:{PASSWORD}@{}/postgres", place()), &[]), "no TLS");
}

#[test]
fn a_refused_raw_password_is_told_to_be_encoded() {
    let said = refusal(&format!("postgresql://visitor:no@sesame%41@{}/postgres", place()), &[], 4, &place());
    assert_eq!(
        said,
        "error: connecting to \"PLACE\": password authentication failed for user \"visitor\" (28P01)\n\
         hint: check the user and the password; in a URL the password may need percent-encoding: \"/\", \"?\", \"#\", \
         \"@\", \":\" and \"%\" are %2F, %3F, %23, %40, %3A and %25\n"
    );
}

#[test]
fn a_string_that_can_be_read_in_two_ways_is_explained() {
    let target = format!("postgresql://visitor:1?user=sesame@{}/postgres", place());
    assert_eq!(
        refusal(&target, &[], 2, &place()),
        "error: the connection string cannot be understood\n\
         detail: it can be read in several ways, as more than one thing could end the password\n\
         hint: write postgresql://user:password@host:5432/database, with \"/\", \"?\", \"#\", \"@\" and \"%\" in a password as \
         %2F, %3F, %23, %40 and %25\n"
    );
}

#[test]
fn variables_name_a_database() {
    let port = SERVER.tcp_port().unwrap().to_string();
    let variables = [
        ("PGHOST", "127.0.0.1"),
        ("PGPORT", &port),
        ("PGUSER", "visitor"),
        ("PGPASSWORD", PASSWORD),
        ("PGDATABASE", "postgres"),
    ];
    let outcome = reach("", &variables).expect(0);
    assert_eq!(outcome.json()["server"]["role"], "visitor");
    // What the string says is stronger.
    let said = refusal(&format!("postgresql://nobody_here@{}/postgres", place()), &variables, 4, &place());
    assert!(said.contains("password authentication failed for user \"nobody_here\""), "{said}");
}

#[test]
fn a_password_file_is_read_and_one_that_others_may_read_is_not() {
    let home = Files::new();
    let escaped = PASSWORD.replace(':', "\\:");
    let file = home.write(
        ".pgpass",
        &format!("# of this test\nelsewhere:*:*:*:x\n127.0.0.1:*:postgres:visitor:{escaped}\n"),
    );
    let folder = home.path("");
    let variables = [("HOME", folder.to_str().unwrap())];
    let target = format!("postgresql://visitor@{}/postgres", place());
    assert_eq!(protection(&target, &variables), "no TLS");
    assert_eq!(protection(&target, &[("PGPASSFILE", &file)]), "no TLS");
    assert_eq!(protection(&format!("{target}?passfile={file}"), &[]), "no TLS");

    set_mode(Path::new(&file), 0o644);
    assert_eq!(
        refusal(&target, &variables, 4, &place()),
        "warning: the password file can be read by others, so it is not used; run chmod 0600 on it\n\
         error: the server at \"PLACE\" asks for a password\n\
         hint: put it into the URL, into PGPASSWORD or into the password file (~/.pgpass)\n"
    );
    home.write(".pgpass", "*:*:*:*:a wrong sesame\n");
    let said = refusal(&target, &variables, 4, &place());
    assert!(
        said.ends_with("(28P01)\nhint: check the user, and the line for this server in the password file\n"),
        "{said}"
    );
}

#[test]
fn the_first_server_that_fits_is_taken() {
    let port = SERVER.tcp_port().unwrap();
    let hosts =
        format!("host=127.0.0.1,127.0.0.1 port=1,{port} user=visitor password='{PASSWORD}' dbname=postgres");
    for needs in ["any", "read-write", "primary"] {
        let outcome = reach(&format!("{hosts} target_session_attrs={needs}"), &[]).expect(0);
        assert_eq!(outcome.json()["connection"]["place"], place());
    }
    let read_only = format!(
        "{hosts} target_session_attrs=read-write options='-c default_transaction_read_only=on' connect_timeout=2"
    );
    let outcome = pg_lora_tests::Outcome::of_pg_lora(&read_only, &["status"]).expect(3);
    assert_eq!(
        outcome.stderr.replace(&place(), "PLACE"),
        "error: none of the servers at \"127.0.0.1:1,PLACE\" can be used\n\
         detail: the server at \"127.0.0.1:1\" cannot be reached: connection refused (os error 111)\n  \
         the server at \"PLACE\" takes no writes\n\
         hint: check hosts and ports, and that a server is running\n"
    );
}

/// Supabase's pooler answers so to a user without the project's name, in place of asking for a password.
#[test]
fn a_user_that_a_shared_pooler_does_not_know_is_told_how_it_is_written() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let place = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let client = listener.accept().unwrap().0;
        crate::waiting::refuse(client, "XX000", "Tenant or user not found");
    });
    assert_eq!(
        refusal(&format!("postgresql://postgres:sesame@{place}/postgres?sslmode=disable"), &[], 4, &place),
        "error: connecting to \"PLACE\": Tenant or user not found (XX000)\n\
         hint: write the user as postgres.PROJECT at the pooler, and check the region in the host's name\n"
    );
}
