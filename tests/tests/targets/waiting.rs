//! Waiting for a database that is starting, and for nothing else.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::time::{Duration, Instant};

use pg_lora_tests::{Database, Options, Outcome, environment, free_port};

use crate::pg_lora;

const PASSWORD: &str = "open sesame";

/// Runs a command, does something after a while, and answers how it ended.
fn meanwhile(arguments: &[&str], target: &str, after: Duration, work: impl FnOnce()) -> Outcome {
    let mut command = pg_lora(arguments, &[("DATABASE_URL", target)]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(after);
    work();
    Outcome::from(child.wait_with_output().unwrap())
}

#[test]
fn a_server_that_starts_later_is_waited_for() {
    let port = free_port().unwrap();
    let target = format!("postgresql://visitor:{PASSWORD}@127.0.0.1:{port}/later?sslmode=disable");
    let mut server = None;
    let outcome = meanwhile(&["status", "--wait", "60s"], &target, Duration::from_secs(2), || {
        let cluster = Options::default().tcp_port(port).start(&environment::tree().unwrap()).unwrap();
        let mut db = cluster.connect("postgres").unwrap();
        // A role that is not there yet is no reason to wait: it is not to be told from a wrong password.
        db.batch_execute(&format!("create role visitor login password '{PASSWORD}'")).unwrap();
        std::thread::sleep(Duration::from_secs(1));
        db.batch_execute("create database later").unwrap();
        server = Some(cluster);
    });
    // Between the server's first word and the role's coming a try can fall: then the command has ended with 4, rightly.
    if outcome.code == Some(4) {
        let again = Outcome::of_pg_lora(&target, &["status", "--wait", "10s"]).expect(0);
        assert!(!again.stderr.contains("waiting"), "{}", again.stderr);
        return;
    }
    let outcome = outcome.expect(0);
    assert!(
        outcome.stderr.starts_with(&format!(
            "waiting up to 60 s: the server at \"127.0.0.1:{port}\" cannot be reached: connection refused"
        )),
        "{}",
        outcome.stderr
    );
    assert_eq!(outcome.stderr.matches("waiting").count(), 1, "{}", outcome.stderr);
}

#[test]
fn a_database_that_is_made_later_is_waited_for() {
    let database = Database::empty();
    let name = format!("{}_later", database.name());
    let target = database.server().url(&name);
    let outcome = meanwhile(&["wait"], &target, Duration::from_secs(2), || {
        database.server().create_database(&name).unwrap();
    })
    .expect(0);
    assert!(outcome.stdout.starts_with(&format!("ready      \"{name}\" at ")), "{}", outcome.stdout);
    assert!(outcome.stderr.contains("does not exist"), "{}", outcome.stderr);
    database.connect().batch_execute(&format!("drop database {name} with (force)")).unwrap();
}

/// What a server says while it starts is real; that it says so for two seconds is not.
#[test]
fn a_server_that_says_that_it_is_starting_is_waited_for() {
    let database = Database::empty();
    let socket =
        database.server().socket_dir().join(format!(".s.PGSQL.{}", database.server().address().port()));
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for (count, client) in listener.incoming().enumerate() {
            let client = client.unwrap();
            match count {
                0..3 => refuse(client, "57P03", "the database system is starting up"),
                _ => forward(client, &socket),
            }
        }
    });
    let target = format!("postgresql://postgres@127.0.0.1:{port}/{}?sslmode=disable", database.name());
    let outcome = Outcome::of_pg_lora(&target, &["wait"]).expect(0);
    assert!(
        outcome.stderr.starts_with(&format!(
            "waiting up to 60 s: connecting to \"127.0.0.1:{port}\": the database system is starting up\n"
        )),
        "{}",
        outcome.stderr
    );
}

/// What a server sends that lets nobody in.
pub fn refuse(mut client: TcpStream, state: &str, words: &str) {
    let mut length = [0; 4];
    client.read_exact(&mut length).unwrap();
    let mut rest = vec![0; u32::from_be_bytes(length) as usize - 4];
    client.read_exact(&mut rest).unwrap();
    let body = format!("SFATAL\0VFATAL\0C{state}\0M{words}\0\0");
    let mut message = vec![b'E'];
    message.extend((body.len() as u32 + 4).to_be_bytes());
    message.extend(body.as_bytes());
    client.write_all(&message).unwrap();
}

fn forward(client: TcpStream, socket: &std::path::Path) {
    let server = std::os::unix::net::UnixStream::connect(socket).unwrap();
    let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let (mut from_server, mut to_client) = (server, client);
    std::thread::spawn(move || std::io::copy(&mut from_client, &mut to_server));
    std::thread::spawn(move || std::io::copy(&mut from_server, &mut to_client));
}

#[test]
fn waiting_ends_with_the_time() {
    let port = free_port().unwrap();
    for (host, why) in
        [("127.0.0.1", "connection refused"), ("no-such-host.invalid", "failed to lookup address")]
    {
        let target = format!("postgresql://u:{PASSWORD}@{host}:{port}/db");
        let began = Instant::now();
        let outcome = Outcome::of_pg_lora(&target, &["wait", "--wait", "2s"]).expect(3);
        assert!(began.elapsed() >= Duration::from_secs(1) && began.elapsed() < Duration::from_secs(20));
        let said = outcome.stderr;
        assert!(
            said.starts_with(&format!(
                "waiting up to 2 s: the server at \"{host}:{port}\" cannot be reached: {why}"
            )),
            "{said}"
        );
        let end = "\ndetail: the database did not accept connections within 2 s; at the last attempt: ";
        assert!(
            said.contains("\nerror: the server at ") && said.contains(end) && said.contains("\nhint: "),
            "{said}"
        );
        assert!(!said.contains("sesame"), "{said}");
    }
    // No time is one attempt, without a word of waiting.
    let outcome =
        Outcome::of_pg_lora(&format!("postgresql://u@127.0.0.1:{port}/db"), &["status", "--wait", "0"])
            .expect(3);
    assert!(outcome.stderr.starts_with("error: "), "{}", outcome.stderr);
}

#[test]
fn somebody_who_waits_hears_of_it_every_ten_seconds() {
    let (wait, times) = if environment::full() { ("32s", 3) } else { ("11s", 1) };
    let port = free_port().unwrap();
    let outcome =
        Outcome::of_pg_lora(&format!("postgresql://u@127.0.0.1:{port}/db"), &["wait", "--wait", wait])
            .expect(3);
    let beats: Vec<&str> =
        outcome.stderr.lines().filter(|line| line.starts_with("still waiting, ")).collect();
    assert_eq!(beats.len(), times, "{}", outcome.stderr);
    assert!(
        beats
            .iter()
            .all(|line| line.contains(&format!(" s: the server at \"127.0.0.1:{port}\" cannot be reached")))
    );
}

#[test]
fn what_waiting_does_not_mend_ends_it_at_once() {
    let server = Options::default().tcp().start(&environment::tree().unwrap()).unwrap();
    let mut db = server.connect("postgres").unwrap();
    db.batch_execute(&format!("create role visitor login password '{PASSWORD}'")).unwrap();
    let wrong = server.address().tcp_url("postgres", "visitor", "a wrong sesame");
    let right = server.address().tcp_url("postgres", "visitor", PASSWORD);
    for (target, code, words) in [
        (wrong.as_str(), 4, "password authentication failed"),
        (&format!("{right}?sslmode=require"), 4, "does not speak TLS"),
        (&format!("{right}?sslmode=banana"), 2, "sslmode"),
    ] {
        for arguments in [&["migrate", "--wait", "60s"][..], &["wait"]] {
            let began = Instant::now();
            let outcome = Outcome::of_pg_lora(target, arguments).expect(code);
            assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
            assert!(
                outcome.stderr.starts_with("error: ") && outcome.stderr.contains(words),
                "{}",
                outcome.stderr
            );
            assert!(!outcome.stderr.contains("sesame"), "{}", outcome.stderr);
        }
    }
}

#[test]
fn a_signal_ends_it() {
    let port = free_port().unwrap();
    let target = format!("postgresql://u@127.0.0.1:{port}/db");
    let mut command = pg_lora(&["wait"], &[("DATABASE_URL", &target)]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(1));
    let kill =
        std::process::Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let began = Instant::now();
    Outcome::from(child.wait_with_output().unwrap()).expect(130);
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_time_that_is_none_is_refused() {
    for time in ["soon", "-1", "1d", ""] {
        let outcome = Outcome::of(&mut pg_lora(&["wait", &format!("--wait={time}")], &[])).expect(2);
        assert!(outcome.stderr.contains("--wait"), "{}", outcome.stderr);
    }
}
