//! Flags by variables and by a file: which is stronger, and what is refused.

use pg_lora_tests::{Database, Outcome};

use crate::certificates::Files;
use crate::pg_lora;

#[test]
fn the_command_line_is_stronger_than_variables_and_they_than_the_file() {
    let (database, files) = (Database::empty(), Files::new());
    let url = database.url();
    let file =
        files.write("pg-lora.toml", &format!("database-url = \"{url}\"\noutput = \"json\"\nlock-wait = 5\n"));
    let nowhere = "postgresql://u@127.0.0.1:1/db";
    let run = |arguments: &[&str], variables: &[(&str, &str)]| {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--config", &file]).collect();
        Outcome::of(&mut pg_lora(&arguments, variables))
    };
    // The file alone, and the file by a variable.
    assert_eq!(run(&["status"], &[]).expect(0).json()["command"], "status");
    let by_variable = Outcome::of(&mut pg_lora(&["status"], &[("PG_LORA_CONFIG", &file)]));
    assert_eq!(by_variable.expect(0).json()["command"], "status");
    // Each that is stronger.
    assert!(run(&["status"], &[("PG_LORA_OUTPUT", "text")]).expect(0).stdout.starts_with("server "));
    assert!(
        run(&["status", "--output", "text"], &[("PG_LORA_OUTPUT", "json")])
            .expect(0)
            .stdout
            .starts_with("server ")
    );
    for (variables, arguments) in [
        (&[("DATABASE_URL", nowhere)][..], &["status"][..]),
        (&[("PG_LORA_DATABASE_URL", nowhere), ("DATABASE_URL", &url)], &["status"]),
        (&[("PG_LORA_DATABASE_URL", &url)], &["status", "--database-url", nowhere]),
        (&[("PGHOST", "127.0.0.1"), ("PGPORT", "1")], &["status"]),
    ] {
        let outcome = run(arguments, variables).expect(3);
        assert!(outcome.stderr.contains("127.0.0.1:1"), "{}", outcome.stderr);
    }
    // What is set to nothing is not set.
    run(
        &["status"],
        &[("PG_LORA_DATABASE_URL", ""), ("DATABASE_URL", " "), ("PGHOST", ""), ("PG_LORA_LOCK_WAIT", "")],
    )
    .expect(0);
}

#[test]
fn flags_without_a_value_are_set_too() {
    let (database, files) = (Database::empty(), Files::new());
    let on = files.write("on.toml", "check = true\nlimit = 3\n");
    let off = files.write("off.toml", "check = false\n");
    let run = |variables: &[(&str, &str)], arguments: &[&str]| {
        Outcome::of(pg_lora(arguments, variables).env("DATABASE_URL", database.url()))
    };
    run(&[], &["status"]).expect(0);
    run(&[], &["status", "--config", &on]).expect(5);
    run(&[], &["status", "--config", &off]).expect(0);
    run(&[("PG_LORA_CHECK", "1")], &["status"]).expect(5);
    run(&[("PG_LORA_CHECK", "false")], &["status"]).expect(0);
    run(&[("PG_LORA_CHECK", "0")], &["status", "--config", &on]).expect(0);
    // Keys of other commands lie still: "check" is none of "wait".
    run(&[], &["wait", "--config", &on]).expect(0);
    let refused = run(&[("PG_LORA_LOCK_WAIT", "soon")], &["migrate"]).expect(2);
    assert!(refused.stderr.contains("--lock-wait"), "{}", refused.stderr);
}

#[test]
fn a_file_that_cannot_be_used_is_refused_without_what_is_in_it() {
    let files = Files::new();
    for (text, words) in [
        ("lock_wait = 5", "has a key that is not known: \"lock_wait\""),
        ("write = true", "has a key that is not known: \"write\""),
        ("config = 'x'", "has a key that is not known: \"config\""),
        ("\n\ndatabase-url = postgresql://u:sesame@h/d", "is no TOML: line 3"),
        ("database-url = 'postgresql://u:sesame@h/d", "is no TOML: line 1"),
        ("lock-wait = { sesame = 1 }", "has no value for \"lock-wait\" that a flag can have"),
        ("check = 'sesame'", "has no true or false for \"check\""),
    ] {
        let file = files.write("bad.toml", text);
        let outcome = Outcome::of(&mut pg_lora(&["status", "--config", &file], &[])).expect(2);
        let said = outcome.stderr.replace(&file, "FILE");
        assert!(said.starts_with(&format!("error: the configuration file \"FILE\" {words}\n")), "{said}");
        assert!(said.contains("\nhint: ") && !said.contains("sesame"), "{said}");
        assert_eq!(outcome.stdout, "");
    }
    let outcome = Outcome::of(&mut pg_lora(&["status", "--config", "/no/such/file"], &[])).expect(2);
    assert!(
        outcome.stderr.starts_with("error: the configuration file \"/no/such/file\" cannot be read\n"),
        "{}",
        outcome.stderr
    );
    let wrong = files.write("wrong.toml", "lock-wait = 'soon'\ndatabase-url = 'postgresql://u:sesame@h/d'");
    let outcome = Outcome::of(&mut pg_lora(&["migrate", "--config", &wrong], &[])).expect(2);
    assert!(
        outcome.stderr.contains("--lock-wait") && !outcome.stderr.contains("sesame"),
        "{}",
        outcome.stderr
    );
}
