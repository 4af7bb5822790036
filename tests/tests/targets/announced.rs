//! Where something is about to be written is said first, and only then.

use pg_lora_tests::Database;

#[test]
fn the_target_is_named_once_before_the_first_write() {
    let database = Database::empty();
    let line = format!(
        "migrating \"{}\" at {}/.s.PGSQL.{} as postgres (unix socket)\n",
        database.name(),
        database.server().socket_dir().display(),
        database.server().address().port()
    );
    let refused = database.pg_lora(&["migrate"]).expect(11);
    assert!(!refused.stderr.contains("migrating"), "{}", refused.stderr);
    for command in [&["status"][..], &["verify"], &["wait"]] {
        assert!(!database.pg_lora(command).stderr.contains("migrating"));
    }
    let outcome = database.pg_lora(&["migrate", "--platform", "standalone"]).expect(0);
    assert!(outcome.stderr.starts_with(&line), "{}", outcome.stderr);
    assert_eq!(outcome.stderr.matches("migrating").count(), 1);
    let again = database.pg_lora(&["migrate", "--platform", "standalone"]).expect(0);
    assert!(!again.stderr.contains("migrating"), "{}", again.stderr);
}
