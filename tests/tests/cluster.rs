//! Clusters start, answer, and leave nothing behind, however their owner ends.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use pg_lora_tests::{Caller, Cluster, Detached, Options, environment, sqlstate};

fn server_pid(dir: &Path) -> String {
    let text = std::fs::read_to_string(dir.join("data/postmaster.pid")).unwrap();
    text.lines().next().unwrap().to_owned()
}

fn runs(pid: &str) -> bool {
    Path::new("/proc").join(pid).exists()
}

#[test]
fn a_cluster_answers_and_is_gone_after_drop() {
    let cluster = Cluster::start(&environment::tree().unwrap()).unwrap();
    cluster.create_database("it's \"quoted\" & spaced").unwrap();
    let mut client = cluster.connect("it's \"quoted\" & spaced").unwrap();
    let row = client
        .query_one("select current_setting('server_encoding'), current_setting('listen_addresses'), 1", &[])
        .unwrap();
    assert_eq!(row.get::<_, &str>(0), "UTF8");
    assert_eq!(row.get::<_, &str>(1), "");
    assert_eq!(row.get::<_, i32>(2), 1);
    assert_eq!(cluster.tcp_port(), None);
    assert!(cluster.log().contains("ready to accept connections"));

    let dir = cluster.socket_dir().to_owned();
    let pid = server_pid(&dir);
    assert!(runs(&pid));
    // A client that is still connected does not keep the server alive.
    drop(cluster);
    assert!(!runs(&pid));
    assert!(!dir.exists());
    assert!(client.simple_query("select 1").is_err());
}

#[test]
fn psql_reads_the_same_url() {
    let cluster = Cluster::start(&environment::tree().unwrap()).unwrap();
    let psql = cluster.tree().client("psql").unwrap();
    let output =
        Command::new(psql).args(["-XAt", "-c", "select 1", &cluster.url("postgres")]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "1\n", "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn tcp_is_there_on_request_and_wants_a_password() {
    let cluster = Options::default()
        .tcp()
        .set("application_name", "o'clock")
        .start(&environment::tree().unwrap())
        .unwrap();
    assert_eq!(cluster.tcp_port(), Some(cluster.address().port()));
    let mut client = cluster.connect("postgres").unwrap();
    client.batch_execute("create role visitor login password 'open sesame'").unwrap();

    let right = cluster.address().tcp_url("postgres", "visitor", "open sesame");
    let mut visitor = postgres::Client::connect(&right, postgres::NoTls).unwrap();
    let row = visitor.query_one("select current_setting('application_name')", &[]).unwrap();
    assert_eq!(row.get::<_, &str>(0), "o'clock");

    let wrong = cluster.address().tcp_url("postgres", "visitor", "guess");
    let error = postgres::Client::connect(&wrong, postgres::NoTls).err().unwrap();
    assert_eq!(sqlstate(&error), "28P01");
}

#[test]
fn a_failed_start_shows_the_servers_own_words() {
    let error = Options::default()
        .set("no_such_setting", "1")
        .start(&environment::tree().unwrap())
        .unwrap_err()
        .to_string();
    assert!(error.contains("did not start"), "{error}");
    assert!(error.contains("no_such_setting"), "{error}");
}

#[test]
fn what_was_committed_is_there_after_a_crash() {
    let options = Options::default().set("synchronous_commit", "on");
    let cluster = options.start(&environment::tree().unwrap()).unwrap();
    let mut client = cluster.connect("postgres").unwrap();
    client.batch_execute("create table kept as select 1 as number").unwrap();
    let dir = cluster.socket_dir().to_owned();
    let pid = server_pid(&dir);
    cluster.crash().unwrap();
    assert!(!runs(&pid));
    assert!(client.simple_query("select 1").is_err(), "a connection outlived the crash");
    let row = cluster.connect("postgres").unwrap().query_one("select number from kept", &[]).unwrap();
    assert_eq!(row.get::<_, i32>(0), 1);
    assert!(cluster.log().contains("automatic recovery in progress"));

    let pid = server_pid(&dir);
    drop(cluster);
    assert!(!dir.exists());
    // Nobody of ours waits for the second server, so its number stays until the system takes it back.
    assert!(soon(|| !runs(&pid)), "the server outlived its owner");
}

/// Looks until it is so, or time is up.
fn soon(is_so: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        if Instant::now() > deadline {
            return false;
        }
        sleep(Duration::from_millis(20));
    }
    true
}

#[test]
fn a_panic_stops_the_server() {
    let tree = environment::tree().unwrap();
    let dir = std::sync::Mutex::new(PathBuf::new());
    let outcome = std::panic::catch_unwind(|| {
        let cluster = Cluster::start(&tree).unwrap();
        *dir.lock().unwrap() = cluster.socket_dir().to_owned();
        std::panic::resume_unwind(Box::new("on purpose"));
    });
    assert!(outcome.is_err());
    let dir = dir.into_inner().unwrap();
    assert!(dir.starts_with("/") && !dir.exists());
}

#[test]
fn sigkill_of_the_owner_stops_the_server() {
    let mut owner = Command::new(env!("CARGO_BIN_EXE_hold-cluster")).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(owner.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let dir = PathBuf::from(line.trim_end());
    let pid = server_pid(&dir);
    assert!(runs(&pid));

    owner.kill().unwrap();
    owner.wait().unwrap();
    assert!(soon(|| !runs(&pid)), "the server outlived its owner");
    assert!(soon(|| !dir.exists()), "the folder outlived its owner");
}

#[test]
fn a_detached_server_stays_until_it_is_stopped() {
    let cluster = Cluster::start(&environment::tree().unwrap()).unwrap();
    let dir = cluster.detach().unwrap().dir().to_owned();
    let found = Detached::open(&dir).unwrap();
    let pid = server_pid(&dir);
    found.connect("postgres").unwrap().simple_query("select 1").unwrap();
    found.stop().unwrap();
    assert!(!runs(&pid));
    assert!(!dir.exists());
    assert!(Detached::open(&dir).is_err());
}

#[test]
fn callers_have_their_role_and_claims_for_one_transaction() {
    let cluster = Cluster::start(&environment::tree().unwrap()).unwrap();
    let mut client = cluster.connect("postgres").unwrap();
    client.batch_execute("create role anon; create role authenticated; create role service_role").unwrap();
    let who = "select current_user::text, current_setting('request.jwt.claims')::json ->> 'sub'";

    let seen = Caller::user("u-1").run(&mut client, |t| t.query_one(who, &[])).unwrap();
    assert_eq!(seen.get::<_, &str>(0), "authenticated");
    assert_eq!(seen.get::<_, Option<&str>>(1), Some("u-1"));
    let seen = Caller::anon().run(&mut client, |t| t.query_one(who, &[])).unwrap();
    assert_eq!(seen.get::<_, &str>(0), "anon");
    assert_eq!(seen.get::<_, Option<&str>>(1), None);

    let error =
        Caller::service().run(&mut client, |t| t.batch_execute("create table public.x ()")).unwrap_err();
    assert_eq!(sqlstate(&error), "42501");
    // Nothing of it stays on the connection.
    let row = client
        .query_one("select current_user::text, current_setting('request.jwt.claims', true)", &[])
        .unwrap();
    assert_eq!(row.get::<_, &str>(0), "postgres");
    assert_eq!(row.get::<_, Option<&str>>(1).unwrap_or_default(), "");
}
