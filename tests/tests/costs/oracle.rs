//! What Postgres says that intervals cost against an implementation that shares nothing with it: `tests/oracle/costs.py`,
//! with Python's `decimal` and `zoneinfo`. 1,000,000 random intervals with `--full`, a tenth without, equal to the last digit.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use pg_lora_tests::random::Random;
use pg_lora_tests::{Caller, Database, environment};
use postgres::Client;
use serde_json::json;

const ORACLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/oracle/costs.py");

/// What it prints, a table for each kind of line, and an account for each zone.
const TABLES: &str = "
create schema oracle;
grant usage on schema oracle to public;
create table oracle.span (zone text, since timestamptz, until timestamptz, seconds integer);
create table oracle.interval (
  number integer, zone text, since timestamptz, until timestamptz, hourly_rate numeric, gpus integer, granularity interval,
  minimum interval, cost text, is_tie boolean, in_ledger boolean);
create table oracle.day (zone text, day date, amount numeric(30, 10));
create table oracle.owner (zone text, id uuid default gen_random_uuid());
grant select on all tables in schema oracle to public";

/// Runs the oracle and copies what it prints into the tables while it comes.
fn consult(database: &Database, seed: u64, intervals: i64) {
    let mut oracle = Command::new("python3")
        .args([ORACLE, "--seed", &seed.to_string(), "--intervals", &intervals.to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("could not run \"python3\": {error}\nhint: install \"python3\""));
    let mut connections = [database.connect(), database.connect(), database.connect()];
    let [spans, lines, days] = &mut connections;
    let mut spans = spans.copy_in("copy oracle.span from stdin").unwrap();
    let mut rows = lines.copy_in("copy oracle.interval from stdin").unwrap();
    let mut days = days.copy_in("copy oracle.day from stdin").unwrap();
    for line in BufReader::new(oracle.stdout.take().unwrap()).split(b'\n') {
        let mut line = line.unwrap();
        line.push(b'\n');
        let tab = line.iter().position(|byte| *byte == b'\t').unwrap();
        let (kind, fields) = (&line[..tab], &line[tab + 1..]);
        match kind {
            b"span" => spans.write_all(fields).unwrap(),
            b"interval" => rows.write_all(fields).unwrap(),
            b"day" => days.write_all(fields).unwrap(),
            _ => panic!("{}", String::from_utf8_lossy(&line)),
        }
    }
    let mut words = String::new();
    oracle.stderr.take().unwrap().read_to_string(&mut words).unwrap();
    assert!(oracle.wait().unwrap().success(), "{words}");
    spans.finish().unwrap();
    days.finish().unwrap();
    assert_eq!(rows.finish().unwrap(), intervals as u64);
}

/// The same intervals on a server without the library, where schema `lora` is SQL and PL/pgSQL.
fn on_the_portable_edition(db: &mut Client) -> Vec<String> {
    let portable = Database::portable();
    let mut other = portable.connect();
    other.batch_execute(TABLES).unwrap();
    let mut lines = db.copy_out("copy oracle.interval to stdout").unwrap();
    let mut rows = other.copy_in("copy oracle.interval from stdin").unwrap();
    std::io::copy(&mut lines, &mut rows).unwrap();
    rows.finish().unwrap();
    found(&mut other, OTHER_COSTS)
}

/// The first column of each row.
fn found(db: &mut Client, sql: &str) -> Vec<String> {
    db.query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

fn count(db: &mut Client, sql: &str) -> i64 {
    db.query_one(sql, &[]).unwrap().get(0)
}

/// Both sides have to mean the same by a zone, or nothing else can be compared: local times of the server at both ends of
/// each span, and each day in between.
const OTHER_ZONES: &str = "
select distinct zone from oracle.span
cross join lateral (
  select generate_series(since, until - interval '1 microsecond', interval '1 day') union all select until - interval '1 microsecond'
) as at (instant)
where instant at time zone zone <> instant at time zone 'UTC' + seconds * interval '1 second'";

/// Intervals that cost something else.
const OTHER_COSTS: &str = "
select format('%s: %s', interval, asked.cost) from oracle.interval
cross join lateral (
  select case
    -- As most callers do it, and as all arguments allow it.
    when in_ledger then lora.interval_cost(tstzrange(since, until), hourly_rate, gpus)
    else lora.interval_cost(tstzrange(since, until), hourly_rate, gpus, granularity, minimum)
  end as cost
) as asked
where interval.cost is distinct from asked.cost::text limit 5";

/// The ledger as it stands when they are charged, in an order of its own: rows come late. How they come in, row by row, is
/// not what is tried here, and takes ten times as long as all the rest.
const LEDGER: &str = "
set session_replication_role = replica;
insert into oracle.owner (zone) select distinct zone from oracle.interval;
insert into auth.users (id, email) select id, id || '@example.org' from oracle.owner;
insert into public.cost_records (user_id, cost_type, amount, billing_period, period, hourly_rate, gpu_type, gpus)
  select owner.id, 'training_compute', interval.cost::numeric, (since at time zone 'UTC')::date, tstzrange(since, until),
    hourly_rate, 'GPU ' || gpus % 7, gpus
  from oracle.interval join oracle.owner using (zone) where in_ledger order by hashint4(number);
reset session_replication_role;
analyze public.cost_records, oracle.day, oracle.interval";

/// Figures of a zone that differ from the oracle's, as the `cost_summary` of the one user who has spent something there
/// shows them.
fn other_figures(zone: &str, from: &str, to: &str) -> String {
    format!(
        "with answer as (select public.cost_summary('{from}', '{to}', '{zone}') as summary), \
         asked as (
           select (entry ->> 'day')::date as day, entry ->> 'amount' as amount
           from answer cross join jsonb_array_elements(summary -> 'by_day') as entry), \
         known as (select day, amount from oracle.day where zone = '{zone}' and day >= '{from}' and day < '{to}'), \
         compared (what, asked, known) as (
           -- An interval without any time is on a day as well, with nothing.
           select day::text, coalesce(asked.amount, '0.0000000000'), coalesce(known.amount::text, '0.0000000000')
           from asked full join known using (day)
           union all
           select 'total', (select summary ->> 'total' from answer), (select coalesce(sum(amount), 0)::numeric(30, 10)::text from known)
           union all
           select 'all days', (select coalesce(sum(amount::numeric), 0)::numeric(30, 10)::text from asked),
             (select coalesce(sum(amount), 0)::numeric(30, 10)::text from known)
         ) \
         select to_jsonb(coalesce(array_agg(compared::text), '{{}}')) from compared where asked is distinct from known"
    )
}

/// Days of the middle of the years in question.
fn window(random: &mut Random) -> (String, String) {
    let mut days = [(); 2].map(|()| {
        let (year, month, day) = (random.between(2012, 2026), random.between(1, 12), random.between(1, 28));
        format!("{year}-{month:02}-{day:02}")
    });
    days.sort();
    let [from, to] = days;
    (from, to)
}

#[test]
fn a_million_intervals_cost_what_decimal_arithmetic_says() {
    let intervals: i64 = if environment::full() { 1_000_000 } else { 100_000 };
    let database = Database::migrated();
    let mut db = database.connect();
    db.batch_execute(TABLES).unwrap();
    let start = Instant::now();
    let lap = |what: &str| println!("{what} after {:.1} s", start.elapsed().as_secs_f64());
    consult(&database, environment::seed(), intervals);
    lap("the oracle has spoken");
    let zones = found(&mut db, OTHER_ZONES);
    assert!(
        zones.is_empty(),
        "python3 and the server have different rules for {zones:?}\nhint: bring both to the same \"tzdata\""
    );
    let others = found(&mut db, OTHER_COSTS);
    assert!(others.is_empty(), "{others:#?}");
    lap("each interval has its price");
    let others = on_the_portable_edition(&mut db);
    assert!(others.is_empty(), "the portable edition: {others:#?}");
    lap("and on the portable edition");

    db.batch_execute(LEDGER).unwrap();
    lap("the ledger is written");
    let owners: Vec<(String, String)> = db
        .query("select zone, id::text from oracle.owner order by zone", &[])
        .unwrap()
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    let mut random = Random::stream(environment::seed(), 0);
    for (zone, owner) in &owners {
        for (from, to) in [("2011-01-01".to_owned(), "2028-01-01".to_owned()), window(&mut random)] {
            let others = Caller::user(owner).ask(&mut db, &other_figures(zone, &from, &to)).unwrap();
            assert_eq!(others, json!([]), "{zone} from {from} to {to}: what, summary, oracle");
        }
    }
    let all = "select jsonb_build_array(summary ->> 'total', summary -> 'records') \
               from public.cost_summary('2011-01-01', '2028-01-01', 'Pacific/Apia') as summary";
    let known =
        "select jsonb_build_array(sum(cost::numeric)::text, count(*)) from oracle.interval where in_ledger";
    let service = Caller::service();
    assert_eq!(service.ask(&mut db, all).unwrap(), service.ask(&mut db, known).unwrap());
    lap("each day of each zone has its sum");

    // What was compared is what it was meant to be.
    let ties = count(&mut db, "select count(*) from oracle.interval where is_tie");
    let rows = count(&mut db, "select count(*) from public.cost_records");
    let days = count(&mut db, "select count(*) from oracle.day");
    let split = count(
        &mut db,
        "select count(*) from oracle.interval where in_ledger \
           and (since at time zone zone)::date < ((until - interval '1 microsecond') at time zone zone)::date",
    );
    println!(
        "{intervals} intervals, {ties} ties, {rows} rows of the ledger, {split} of them over midnight, {days} days of {} zones",
        owners.len()
    );
    assert!(ties > intervals / 200 && rows > intervals / 2 && split > intervals / 10 && owners.len() > 30);
}
