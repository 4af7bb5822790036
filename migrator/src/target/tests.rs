//! Connection strings as people write them, right and wrong.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use postgres::config::{ChannelBinding, Host, SslNegotiation};

use super::parameters::{HONOURED, IGNORED, REFUSED, VARIABLES};
use super::{Needs, Password, Strings, resolve};
use crate::error::{Error, Exit};
use crate::secret::Secret;
use crate::tls::{Mode, Named, Trust};

fn read(text: &str) -> Result<super::Target, Error> {
    read_with(text, &[])
}

fn read_with(text: &str, environment: &[(&str, &str)]) -> Result<super::Target, Error> {
    let url: Option<Secret> = Some(text).filter(|text| !text.is_empty()).map(|text| text.parse().unwrap());
    read_strings(&Strings { first: url.as_ref(), last: None }, environment)
}

fn read_strings(strings: &Strings, environment: &[(&str, &str)]) -> Result<super::Target, Error> {
    resolve(strings, |name| {
        environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    })
}

#[track_caller]
fn understood(text: &str) -> super::Target {
    read(text).unwrap_or_else(|error| panic!("{text}: {}", error.render()))
}

/// user, password, database, places.
fn parts(target: &super::Target) -> (String, String, String, String) {
    let config = &target.hosts[0].config;
    let password = config.get_password().map_or("", |bytes| std::str::from_utf8(bytes).unwrap());
    let places: Vec<&str> = target.hosts.iter().map(|host| host.place.as_str()).collect();
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    (text(config.get_user()), password.to_owned(), text(config.get_dbname()), places.join(","))
}

fn owned(parts: (&str, &str, &str, &str)) -> (String, String, String, String) {
    (parts.0.to_owned(), parts.1.to_owned(), parts.2.to_owned(), parts.3.to_owned())
}

#[test]
fn urls_and_pairs_say_the_same() {
    for (text, expected) in [
        ("postgresql://u:p@h:5433/d", ("u", "p", "d", "h:5433")),
        ("postgres://u@h/d", ("u", "", "d", "h:5432")),
        ("postgresql://u:p%40%2F@h/d%20x", ("u", "p@/", "d x", "h:5432")),
        ("postgresql://[::1]:6000/d", ("", "", "d", "::1:6000")),
        ("postgresql://u@a:1,b:2/d", ("u", "", "d", "a:1,b:2")),
        ("postgresql://u@a,b:2/d", ("u", "", "d", "a:5432,b:2")),
        ("postgresql://postgres@/db?host=/tmp/x", ("postgres", "", "db", "/tmp/x/.s.PGSQL.5432")),
        ("postgresql://postgres@%2Ftmp%2Fx:6000/db", ("postgres", "", "db", "/tmp/x/.s.PGSQL.6000")),
        ("postgresql:///db?user=u&password=p&host=h&port=7", ("u", "p", "db", "h:7")),
        ("postgresql://u@h/d?sslmode=prefer&application_name=x", ("u", "", "d", "h:5432")),
        ("postgresql://u:p@h/d?user=v", ("v", "p", "d", "h:5432")),
        ("postgresql://admin@server:p@h/d", ("admin@server", "p", "d", "h:5432")),
        ("host=/tmp/x dbname=db user=postgres", ("postgres", "", "db", "/tmp/x/.s.PGSQL.5432")),
        ("host = h  dbname='my db' password='it\\'s' user=a\\ b", ("a b", "it's", "my db", "h:5432")),
        ("hostaddr=127.0.0.1 port=7 dbname=d user=u", ("u", "", "d", "127.0.0.1:7")),
        ("host=h hostaddr=127.0.0.1 dbname=d user=u", ("u", "", "d", "h (127.0.0.1):5432")),
        ("  postgresql://u:p@h/d\n", ("u", "p", "d", "h:5432")),
    ] {
        assert_eq!(parts(&understood(text)), owned(expected), "{text}");
    }
}

#[test]
fn a_password_may_be_pasted_as_it_is_where_that_can_be_read_in_one_way() {
    for (written, meant) in [
        ("p@ss:word", "p@ss:word"),
        ("p#x", "p#x"),
        ("hun/ter2", "hun/ter2"),
        ("1/ter2", "1/ter2"),
        ("hun?ter2", "hun?ter2"),
        ("1?ter2=x", "1?ter2=x"),
        ("a@b/c?d#e", "a@b/c?d#e"),
        ("a@b/c@d", "a@b/c@d"),
        ("50%off", "50%off"),
        ("100%", "100%"),
        ("two words &", "two words &"),
        ("é", "é"),
        ("%C3%A9%40", "é@"),
        ("[x]", "[x]"),
    ] {
        let target = understood(&format!("postgresql://u:{written}@h:5433/d?sslmode=require"));
        assert_eq!(parts(&target), owned(("u", meant, "d", "h:5433")), "{written}");
        assert_eq!(target.password == Password::Given, ["é"].contains(&written), "{written}");
    }
}

#[test]
fn a_socket_folder_is_no_host_name() {
    let target = understood("host=/tmp/x dbname=d sslmode=verify-full");
    assert!(
        matches!(target.hosts[0].config.get_hosts(), [Host::Unix(path)] if path.to_str() == Some("/tmp/x"))
    );
    assert!(target.hosts[0].is_socket);
    assert!(!understood("host=h").hosts[0].is_socket);
}

#[test]
fn supabase_names_a_database_in_three_ways() {
    for (text, user, place) in [
        (
            "postgresql://postgres:p@db.abcdefghijkl.supabase.co:5432/postgres",
            "postgres",
            "db.abcdefghijkl.supabase.co:5432",
        ),
        (
            "postgresql://postgres.abcdefghijkl:p@aws-0-eu-central-1.pooler.supabase.com:5432/postgres",
            "postgres.abcdefghijkl",
            "aws-0-eu-central-1.pooler.supabase.com:5432",
        ),
        (
            "postgres://postgres.abcdefghijkl:p@aws-0-eu-central-1.pooler.supabase.com:6543/postgres?sslmode=require&supa=base-pooler.x",
            "postgres.abcdefghijkl",
            "aws-0-eu-central-1.pooler.supabase.com:6543",
        ),
    ] {
        assert_eq!(parts(&understood(text)), owned((user, "p", "postgres", place)));
    }
    let error = read("postgresql://postgres:[YOUR-PASSWORD]@db.x.supabase.co:5432/postgres").err().unwrap();
    assert!(error.detail.unwrap().contains("placeholder"));
}

#[test]
fn parameters_of_prisma_are_read() {
    let target = understood(
        "postgresql://u:p@h:6543/d?schema=public&pgbouncer=true&connection_limit=1&pool_timeout=20&statement_cache_size=0&socket_timeout=5",
    );
    assert_eq!(parts(&target), owned(("u", "p", "d", "h:6543")));
    assert_eq!(target.tls.mode, Mode::Prefer);
    let strict = understood("postgresql://h/d?sslaccept=strict");
    assert_eq!((strict.tls.mode, strict.tls.trust), (Mode::VerifyFull, Trust::System));
    // Its sslcert is the authority's.
    let file = understood("postgresql://h/d?sslmode=require&sslcert=/ca.pem&sslaccept=strict").tls;
    assert_eq!(file.trust, Trust::File(Named { path: "/ca.pem".into(), by_hand: true }));
    assert_eq!((file.mode, file.certificate), (Mode::VerifyFull, None));
    let lax = understood("postgresql://h/d?sslmode=require&sslaccept=accept_invalid_certs").tls;
    assert_eq!((lax.mode, lax.trust), (Mode::Require, Trust::Nowhere));
}

#[test]
fn variables_fill_what_the_string_leaves_open() {
    let environment =
        [("PGHOST", "h"), ("PGPORT", "7"), ("PGUSER", "u"), ("PGPASSWORD", "p"), ("PGDATABASE", "d")];
    assert_eq!(parts(&read_with("", &environment).unwrap()), owned(("u", "p", "d", "h:7")));
    assert_eq!(parts(&read_with("postgresql://x@y/z", &environment).unwrap()), owned(("x", "p", "z", "y:7")));
    // An address of the environment is not that of the string's host.
    let addressed = [("PGHOSTADDR", "10.0.0.1"), ("PGSSLMODE", "verify-ca"), ("PGOPTIONS", "-c a=b")];
    let target = read_with("host=y", &addressed).unwrap();
    assert_eq!(target.hosts[0].place, "y:5432");
    assert_eq!(target.tls.mode, Mode::VerifyCa);
    assert_eq!(target.hosts[0].config.get_options(), Some("-c a=b"));
    assert_eq!(read_with("", &addressed).unwrap().hosts[0].place, "10.0.0.1:5432");
    let error = read_with("", &[("PGHOST", ""), ("PGSSLMODE", "disable")]).err().unwrap();
    assert_eq!((error.exit, error.message.as_str()), (Exit::Usage, "no database was named"));
}

#[test]
fn every_variable_is_a_parameter_that_is_known() {
    for (name, key) in VARIABLES {
        assert!(HONOURED.contains(key) || REFUSED.iter().any(|(known, _)| known == key), "{name}");
    }
}

#[test]
fn the_string_of_the_file_is_weaker_than_variables() {
    let file: Secret = "postgresql://x:y@file:1/z".parse().unwrap();
    let url: Secret = "postgresql://x:y@first/z".parse().unwrap();
    let environment = [("PGHOST", "h"), ("PGUSER", "u")];
    let target = read_strings(&Strings { first: None, last: Some(&file) }, &environment).unwrap();
    assert_eq!(parts(&target), owned(("u", "y", "z", "h:1")));
    let target = read_strings(&Strings { first: Some(&url), last: Some(&file) }, &environment).unwrap();
    assert_eq!(parts(&target), owned(("x", "y", "z", "first:5432")));
}

#[test]
fn a_service_is_said_not_to_be_read() {
    let error = read_with("", &[("PGSERVICE", "s")]).err().unwrap();
    assert_eq!(
        (error.exit, error.message.as_str()),
        (Exit::Usage, "the variable \"PGSERVICE\" is not supported")
    );
    let error = read("service=hunter2").err().unwrap();
    assert_eq!(error.message, "the connection parameter \"service\" is not supported");
    assert!(read_with("host=h", &[("PGSERVICE", "s")]).is_ok());
}

#[test]
fn the_timeout_is_ten_seconds_or_what_is_said() {
    assert_eq!(understood("postgresql://h/d").timeout.as_secs(), 10);
    assert_eq!(understood("postgresql://h/d?connect_timeout=3").timeout.as_secs(), 3);
    assert_eq!(understood("postgresql://h/d?connect_timeout=0").timeout.as_secs(), 10);
    assert_eq!(read_with("host=h", &[("PGCONNECT_TIMEOUT", "4")]).unwrap().timeout.as_secs(), 4);
    let error = read_with("host=h", &[("PGCONNECT_TIMEOUT", "hunter2")]).err().unwrap();
    assert_eq!(error.message, "the variable \"PGCONNECT_TIMEOUT\" cannot be understood");
}

#[test]
fn parameters_of_the_connection_are_honoured() {
    let target = understood(
        "host=h keepalives_idle=7 keepalives_interval=8 keepalives_count=9 tcp_user_timeout=1500 channel_binding=require \
         target_session_attrs=read-write gssencmode=disable options='-c x=y'",
    );
    let config = &target.hosts[0].config;
    assert_eq!(config.get_keepalives_idle().as_secs(), 7);
    assert_eq!(config.get_keepalives_interval().unwrap().as_secs(), 8);
    assert_eq!(config.get_keepalives_retries(), Some(9));
    assert_eq!(config.get_tcp_user_timeout().unwrap().as_millis(), 1500);
    assert_eq!(config.get_channel_binding(), ChannelBinding::Require);
    assert_eq!(config.get_options(), Some("-c x=y"));
    assert_eq!(target.needs, Needs::ReadWrite);
    assert!(!understood("host=h keepalives=0").hosts[0].config.get_keepalives());
    assert_eq!(understood("host=h").hosts[0].config.get_keepalives_idle().as_secs(), 30);
    assert_eq!(understood("host=h target_session_attrs=primary").needs, Needs::Primary);
    for (text, words) in [
        ("host=h gssencmode=require", "Kerberos"),
        ("host=h target_session_attrs=standby", "\"any\", \"read-write\", \"primary\""),
        ("host=h channel_binding=x", "\"prefer\", \"disable\", \"require\""),
        ("host=h keepalives_idle=x", "keepalives_idle is not a number"),
        ("host=a,b port=1,2,3", "not one for each host"),
        ("host=a,b hostaddr=127.0.0.1", "not one for each"),
        ("host=h hostaddr=x", "hostaddr is not an IP address"),
        ("host=h port=0", "the port"),
    ] {
        let error = read(text).err().unwrap_or_else(|| panic!("{text} was understood"));
        assert_eq!(error.exit, Exit::Usage);
        assert!(error.detail.as_deref().unwrap_or_default().contains(words), "{text}: {error:?}");
    }
}

#[test]
fn tls_is_what_the_parameters_of_libpq_say() {
    let tls = |text: &str| understood(text).tls;
    for (word, mode) in crate::tls::MODES {
        assert_eq!(tls(&format!("postgresql://h/d?sslmode={word}")).mode, *mode);
    }
    assert_eq!(tls("host=h").mode, Mode::Prefer);
    assert_eq!(tls("postgresql://h/d?ssl=true").mode, Mode::Require);
    let system = tls("host=h sslrootcert=system");
    assert_eq!((system.mode, system.trust), (Mode::VerifyFull, Trust::System));
    let direct = understood("host=h sslmode=require sslnegotiation=direct");
    assert!(direct.tls.direct);
    assert_eq!(direct.hosts[0].config.get_ssl_negotiation(), SslNegotiation::Direct);
    assert_eq!(tls("host=h ssl_min_protocol_version=TLSv1.3").versions.len(), 1);
    assert_eq!(tls("host=h sslcertmode=disable sslcert=/x sslkey=/y").certificate, None);
    assert!(!tls("host=h sslsni=0").names_host);

    let home = read_with("host=h", &[("HOME", "/home/x")]).unwrap().tls;
    let file = |name: &str| Named { path: format!("/home/x/.postgresql/{name}").into(), by_hand: false };
    assert_eq!(home.trust, Trust::File(file("root.crt")));
    assert_eq!((home.certificate, home.key), (Some(file("postgresql.crt")), Some(file("postgresql.key"))));
    let named =
        read_with("host=h", &[("PGSSLROOTCERT", "/r"), ("PGSSLCERT", "/c"), ("PGSSLKEY", "/k")]).unwrap().tls;
    assert_eq!(named.trust, Trust::File(Named { path: "/r".into(), by_hand: true }));
    assert_eq!(named.certificate.unwrap().path.to_str(), Some("/c"));
    assert_eq!(named.key.unwrap().path.to_str(), Some("/k"));

    for (text, words) in [
        ("host=h sslmode=banana", "sslmode"),
        ("host=h sslmode=require sslrootcert=system", "verify-full"),
        ("host=h sslnegotiation=direct", "sslmode=require or stronger"),
        ("host=h ssl_max_protocol_version=TLSv1.1", "TLS 1.2 and TLS 1.3"),
    ] {
        let error = read(text).err().unwrap_or_else(|| panic!("{text} was understood"));
        assert_eq!(error.exit, Exit::Usage);
        assert!(error.detail.as_deref().unwrap_or_default().contains(words), "{text}: {error:?}");
    }
}

#[test]
fn a_password_file_gives_what_is_not_said() {
    let file = std::env::temp_dir().join(format!("pg-lora-target-{}", std::process::id()));
    fs::write(
        &file,
        "a:5432:d:u:of a\nb:*:d:u:of b\nlocalhost:*:*:u:of the machine\n/tmp/x:*:*:u:of a socket\n",
    )
    .unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let environment = [("PGPASSFILE", file.to_str().unwrap()), ("PGUSER", "u")];
    let passwords = |text: &str| -> Vec<String> {
        let target = read_with(text, &environment).unwrap();
        let password = |host: &super::Host| {
            String::from_utf8_lossy(host.config.get_password().unwrap_or_default()).into_owned()
        };
        target.hosts.iter().map(password).collect()
    };
    assert_eq!(passwords("postgresql://a,b/d"), ["of a", "of b"]);
    assert_eq!(passwords("postgresql://a:6000,c/d"), ["", ""]);
    assert_eq!(passwords("host=/tmp/x dbname=d"), ["of a socket"]);
    assert_eq!(passwords("postgresql://u:mine@a/d"), ["mine"]);
    assert_eq!(passwords("host=c,b dbname=d user=v"), ["", ""]);
    let target = read_with("postgresql://b/d", &environment).unwrap();
    assert_eq!(target.password, Password::File);
    fs::remove_file(&file).unwrap();
}

#[test]
fn nothing_of_a_string_that_cannot_be_read_is_shown() {
    for text in [
        "postgresql://u:1?user=ter2@h/d",
        "postgresql://u:hunter2@h/d?user=x@y",
        "postgresql://hun:5432/d?user=u&password=ter2@x",
        "postgresql://u:hunter2@h:port/d",
        "postgresql://u:hunter2@h:99999/d",
        "postgresql://u:hunter2@h:0/d",
        "postgresql://u:hunter2%40%@h/d",
        "postgresql://u:hunter2%ff@h/d",
        "postgresql://u:hun ter2@h ter2/d",
        "postgresql://u:hunter2@[ter2]/d",
        "postgresql://u:hunter2@h/d/ter2",
        "postgresql://u@h/d?password=hunter2&ter2=1",
        "postgresql://u@h/d?hunter2",
        "postgresql://u@h/d?sslmode=hunter2",
        "postgresql://u@h/d?sslidentity=hunter2",
        "postgresql://u@h/d?port=hunter2",
        "\"postgresql://u:hunter2@h/d\"",
        "'postgresql://u:hunter2@h/d'",
        "DATABASE_URL=postgresql://u:hunter2@h/d",
        "host=h password=hun ter2",
        "host=h password=hun ter2=x",
        "host=h password='hunter2",
        "host=h sslpassword=hunter2",
        "mysql://u:hunter2@h/d",
        "hunter2",
    ] {
        let error = read(text).err().unwrap_or_else(|| panic!("{text} was understood"));
        let shown = format!("{}{error:?}", error.render());
        assert_eq!(error.exit, Exit::Usage, "{text}");
        assert!(error.hint.is_some(), "{text}");
        assert!(!shown.contains("hun") && !shown.contains("ter2"), "{text}: {shown}");
    }
}

/// What a person who meets one of them looks for.
#[test]
fn the_documentation_has_every_parameter_and_variable() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/migrate.md")).unwrap();
    let names = HONOURED.iter().chain(IGNORED).copied().chain(REFUSED.iter().map(|(name, _)| *name));
    for name in names.chain(VARIABLES.iter().map(|(name, _)| *name)) {
        assert!(page.contains(&format!("`{name}`")), "\"{name}\" is not in docs/migrate.md");
    }
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

    /// Every parameter with a value that it cannot have, and every place where the text can be cut.
    #[test]
    fn no_value_of_a_parameter_is_shown(at in 0..HONOURED.len(), value in "QXZ[a-z0-9,/@ ]{0,9}", as_url: bool) {
        let (key, quoted) = (HONOURED[at], value.replace(' ', "%20"));
        let text = match as_url {
            true => format!("postgresql://u:p@h/d?{key}={quoted}"),
            false => format!("host=h {key}='{value}'"),
        };
        if let Err(error) = read(&text) {
            proptest::prop_assert!(!error.render().contains("QXZ"), "{}", error.render());
        }
        for (name, _) in VARIABLES {
            if let Err(error) = read_with("host=h", &[(*name, value.as_str())]) {
                proptest::prop_assert!(!error.render().contains("QXZ"), "{}", error.render());
            }
        }
    }

    /// A password of any characters, pasted as it is: it is read as it is, or nothing of it is shown.
    #[test]
    fn a_pasted_password_is_read_as_it_is_or_refused(password in "[a-z0-9:/@?#&=\\[\\],. !]{1,20}") {
        match read(&format!("postgresql://u:{password}@h:5433/d?sslmode=require")) {
            Ok(target) => {
                let parts = parts(&target);
                proptest::prop_assert_eq!(parts, owned(("u", &password, "d", "h:5433")));
            }
            Err(error) => proptest::prop_assert!(password.len() < 4 || !error.render().contains(&password)),
        }
    }
}
