//! A PgBouncer pools as it was asked to, and is gone with its owner.

use pg_lora_tests::{Database, Pgbouncer, PoolMode, sqlstate};
use postgres::Client;

fn backend(client: &mut Client) -> String {
    match &client.simple_query("select pg_backend_pid()").unwrap()[..] {
        [_, postgres::SimpleQueryMessage::Row(row), ..] => row.get(0).unwrap().to_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn in_transaction_mode_clients_share_a_connection_of_the_server() {
    let database = Database::empty();
    let pgbouncer = Pgbouncer::start(database.server(), PoolMode::Transaction, 1).unwrap();
    let mut one = pgbouncer.connect(database.name()).unwrap();
    let mut other = pgbouncer.connect(database.name()).unwrap();
    assert_eq!(backend(&mut one), backend(&mut other));
    // What a session keeps is everybody's.
    one.simple_query("set application_name = 'mine'").unwrap();
    let seen = other.simple_query("select current_setting('application_name')").unwrap();
    assert!(format!("{seen:?}").contains("mine"), "{seen:?}");
}

#[test]
fn in_session_mode_a_client_has_one_to_itself() {
    let database = Database::empty();
    let pgbouncer = Pgbouncer::start(database.server(), PoolMode::Session, 2).unwrap();
    let mut one = pgbouncer.connect(database.name()).unwrap();
    let mut other = pgbouncer.connect(database.name()).unwrap();
    let pid = backend(&mut one);
    assert_ne!(pid, backend(&mut other));
    assert_eq!(pid, backend(&mut one));
}

#[test]
fn every_role_of_the_server_is_let_in_and_nobody_else() {
    let database = Database::empty();
    let mut db = database.connect();
    db.batch_execute("drop role if exists pooled_visitor; create role pooled_visitor login").unwrap();
    let pgbouncer = Pgbouncer::start(database.server(), PoolMode::Session, 2).unwrap();
    let url = |role: &str| pgbouncer.url(database.name()).replacen("postgres:@", &format!("{role}@"), 1);
    let mut visitor = Client::connect(&url("pooled_visitor"), postgres::NoTls).unwrap();
    let seen = visitor.simple_query("select current_user").unwrap();
    assert!(format!("{seen:?}").contains("pooled_visitor"), "{seen:?}");
    let error = Client::connect(&url("nobody_here"), postgres::NoTls).err().unwrap();
    assert_ne!(sqlstate(&error), "", "{error:?}");
    drop(visitor);
    drop(pgbouncer);
    db.batch_execute("drop role pooled_visitor").unwrap();
}

#[test]
fn it_is_gone_after_drop_with_a_client_that_is_still_connected() {
    let database = Database::empty();
    let pgbouncer = Pgbouncer::start(database.server(), PoolMode::Session, 2).unwrap();
    let mut client = pgbouncer.connect(database.name()).unwrap();
    backend(&mut client);
    let dir = pgbouncer.dir().to_owned();
    let began = std::time::Instant::now();
    drop(pgbouncer);
    assert!(began.elapsed() < std::time::Duration::from_secs(8), "it waited for its client");
    assert!(!dir.exists());
    assert!(client.simple_query("select 1").is_err());
}
