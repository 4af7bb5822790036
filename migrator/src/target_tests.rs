//! Connection strings as people write them, right and wrong.

use postgres::config::Host;

use super::resolve;
use crate::error::{Error, Exit};
use crate::secret::Secret;

fn read(text: &str) -> Result<super::Target, Error> {
    read_with(text, &[])
}

fn read_with(text: &str, environment: &[(&str, &str)]) -> Result<super::Target, Error> {
    let url: Option<Secret> = Some(text).filter(|text| !text.is_empty()).map(|text| text.parse().unwrap());
    resolve(url.as_ref(), |name| {
        environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    })
}

/// user, password, database, place.
fn parts(target: &super::Target) -> (&str, &str, &str, &str) {
    let password = target.config.get_password().map_or("", |bytes| std::str::from_utf8(bytes).unwrap());
    (
        target.config.get_user().unwrap_or(""),
        password,
        target.config.get_dbname().unwrap_or(""),
        target.place.as_str(),
    )
}

#[test]
fn urls_and_pairs_say_the_same() {
    for (text, expected) in [
        ("postgresql://u:p@h:5433/d", ("u", "p", "d", "h:5433")),
        ("postgres://u@h/d", ("u", "", "d", "h:5432")),
        ("postgresql://u:p%40%2F@h/d%20x", ("u", "p@/", "d x", "h:5432")),
        ("postgresql://u:p@ss:word@h/d", ("u", "p@ss:word", "d", "h:5432")),
        ("postgresql://u:p#x@h/d", ("u", "p#x", "d", "h:5432")),
        ("postgresql://[::1]:6000/d", ("", "", "d", "::1:6000")),
        ("postgresql://u@a:1,b:2/d", ("u", "", "d", "a:1,b:2")),
        ("postgresql://postgres@/db?host=/tmp/x", ("postgres", "", "db", "/tmp/x/.s.PGSQL.5432")),
        ("postgresql://postgres@%2Ftmp%2Fx:6000/db", ("postgres", "", "db", "/tmp/x/.s.PGSQL.6000")),
        ("postgresql:///db?user=u&password=p&host=h&port=7", ("u", "p", "db", "h:7")),
        ("postgresql://u@h/d?sslmode=prefer&application_name=x", ("u", "", "d", "h:5432")),
        ("host=/tmp/x dbname=db user=postgres", ("postgres", "", "db", "/tmp/x/.s.PGSQL.5432")),
        ("host = h  dbname='my db' password='it\\'s' user=a\\ b", ("a b", "it's", "my db", "h:5432")),
        ("hostaddr=127.0.0.1 port=7 dbname=d user=u", ("u", "", "d", "127.0.0.1:7")),
    ] {
        let target = read(text).unwrap_or_else(|error| panic!("{text}: {}", error.render()));
        assert_eq!(parts(&target), expected, "{text}");
    }
}

#[test]
fn a_socket_folder_is_no_host_name() {
    let target = read("host=/tmp/x dbname=d").unwrap();
    assert!(matches!(target.config.get_hosts(), [Host::Unix(path)] if path.to_str() == Some("/tmp/x")));
}

#[test]
fn variables_fill_what_the_string_leaves_open() {
    let environment =
        [("PGHOST", "h"), ("PGPORT", "7"), ("PGUSER", "u"), ("PGPASSWORD", "p"), ("PGDATABASE", "d")];
    assert_eq!(parts(&read_with("", &environment).unwrap()), ("u", "p", "d", "h:7"));
    assert_eq!(parts(&read_with("postgresql://x@y/z", &environment).unwrap()), ("x", "p", "z", "y:7"));
    let error = read_with("", &[("PGHOST", ""), ("PGSSLMODE", "disable")]).err().unwrap();
    assert_eq!((error.exit, error.message.as_str()), (Exit::Usage, "no database was named"));
}

#[test]
fn the_timeout_is_ten_seconds_or_what_is_said() {
    assert_eq!(read("postgresql://h/d").unwrap().timeout.as_secs(), 10);
    assert_eq!(read("postgresql://h/d?connect_timeout=3").unwrap().timeout.as_secs(), 3);
    assert_eq!(read("postgresql://h/d?connect_timeout=0").unwrap().timeout.as_secs(), 10);
}

#[test]
fn tls_is_refused_before_the_parameters_that_only_tls_knows() {
    for mode in ["require", "verify-ca", "verify-full"] {
        let error = read(&format!("postgresql://u:p@h/d?sslrootcert=x&sslmode={mode}")).err().unwrap();
        assert_eq!(error.exit, Exit::Denied);
        assert!(error.message.contains(mode), "{}", error.message);
    }
    assert_eq!(read("postgresql://h/d?sslmode=banana").err().unwrap().exit, Exit::Usage);
}

#[test]
fn nothing_of_a_string_that_cannot_be_read_is_shown() {
    for text in [
        "postgresql://u:hun/ter2@h/d",
        "postgresql://u:1/ter2@h/d",
        "postgresql://u:1?ter2=x@h/d",
        "postgresql://u:hun?ter2@h/d",
        "postgresql://u:hunter2@h:port/d",
        "postgresql://u:hunter2@h:99999/d",
        "postgresql://u:hunter2%@h/d",
        "postgresql://u:hunter2%ff@h/d",
        "postgresql://u@h/d?password=hunter2&ter2=1",
        "postgresql://u@h/d?hunter2",
        "host=h password=hun ter2",
        "host=h password=hun ter2=x",
        "host=h password='hunter2",
        "mysql://u:hunter2@h/d",
        "hunter2",
    ] {
        let error = read(text).err().unwrap_or_else(|| panic!("{text} was understood"));
        let shown = format!("{}{error:?}", error.render());
        assert_eq!(error.exit, Exit::Usage, "{text}");
        assert!(!shown.contains("hun") && !shown.contains("ter2"), "{text}: {shown}");
    }
    let error = read("postgresql://h/d?pgbouncer=true").err().unwrap();
    assert_eq!(error.message, "the connection parameter \"pgbouncer\" is not supported");
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic_and_no_password_is_shown(
        before in "(postgres(ql)?://)?[a-z:/@?&=%' \\\\]{0,12}",
        after in "[a-z0-9:/@?&=%#' \\\\,\\[\\]é]{0,30}",
    ) {
        if let Err(error) = read(&format!("{before}QXZ{after}")) {
            proptest::prop_assert!(!error.render().contains("QXZ"));
        }
    }
}
