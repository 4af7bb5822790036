//! Sums that have to be the same by any way of adding up: parts of an interval, days, types, GPUs, jobs, states, the windows
//! that a range is cut into, and the users of a platform. Over random ledgers with corrections, late rows, and rows of
//! applications.

use pg_lora_tests::random::Random;
use pg_lora_tests::story::{claim, ready_dataset, set_clock};
use pg_lora_tests::{Caller, Database, environment};
use postgres::Client;
use serde_json::{Value, json};

use crate::settled::is_settled;
use crate::{call, queue_on, somebody};

const ZONES: [&str; 8] = [
    "UTC",
    "Europe/Berlin",
    "America/Havana",
    "America/Santiago",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Atlantic/Azores",
    "Pacific/Kiritimati",
];

/// Intervals with up to twenty cuts each, none of which costs less than nothing, and all of which cost what the whole does.
const PARTS: &str = "
with whole as materialized (
  select number, timestamptz '2015-01-01Z' + random() * interval '12 years' as since,
    interval '1 microsecond' * (10 ^ (random() * 13))::bigint as length,
    case when random() < 0.2 then 0.0000000001 else round((10 ^ (random() * 6 - 2))::numeric, 10) end as hourly_rate,
    (random() * 100)::integer as gpus,
    (array[interval '0', '1 second', '1 minute', '1 hour'])[1 + (number % 7) % 4] as granularity,
    (array[interval '0', '90 seconds', '1 hour'])[1 + number % 3] as minimum,
    array(select random() from generate_series(1, number % 21)) as cuts
  from generate_series(1, $1::integer) as number
), cut as (
  select number, lora.interval_cost(tstzrange(since, at), hourly_rate, gpus, granularity, minimum) as cost, at
  from whole cross join lateral (
    select since union select since + length union select since + length * share from unnest(cuts) as share
  ) as instant (at)
), part as (
  select number, cost - lag(cost) over (partition by number order by at) as cost from cut
), sum as (
  select number, coalesce(sum(cost), 0) as cost, count(*) as parts, coalesce(min(cost), 0) as least from part group by number
)
select count(*), sum(parts)::bigint, count(*) filter (where least < 0 or sum.cost::text is distinct from
  lora.interval_cost(tstzrange(since, since + length), hourly_rate, gpus, granularity, minimum)::text)
from whole join sum using (number)";

#[test]
fn any_partition_of_an_interval_sums_to_the_whole() {
    let intervals = if environment::full() { 100_000 } else { 10_000 };
    let database = Database::migrated();
    let mut db = database.connect();
    let share = Random::stream(environment::seed(), 0).below(1_000_000);
    db.batch_execute(&format!("select setseed({share} / 1000000.0)")).unwrap();
    let row = db.query_one(PARTS, &[&intervals]).unwrap();
    let (wholes, parts, wrong): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
    println!("{wholes} intervals in {parts} parts");
    assert_eq!((wholes, wrong), (i64::from(intervals), 0));
    assert!(parts > 9 * wholes);
}

/// A day of two years, so that windows begin and end in the middle of what was spent.
fn day(random: &mut Random) -> String {
    format!("{}-{:02}-{:02}", random.between(2024, 2025), random.between(1, 12), random.between(1, 28))
}

fn instant(random: &mut Random) -> String {
    let (hour, minute, second) = (random.below(24), random.below(60), random.below(60));
    format!("{} {hour:02}:{minute:02}:{second:02}.{:06}Z", day(random), random.below(1_000_000))
}

/// A job of a user's, once or several times tried, that ends in whichever way.
fn run(db: &mut Client, random: &mut Random, user: &Caller, dataset: &str) {
    let service = Caller::service();
    let gpus = json!({
        "gpu_type": random.pick(&["H100", "A100-80GB", "RTX 4090"]), "num_gpus": random.between(1, 8),
        "cost_per_gpu_hour": random.between(1, 100_000) as f64 / 1000.0,
    });
    set_clock(db, &instant(random));
    let job = queue_on(db, user, dataset, &gpus);
    for attempt in 1..=random.between(1, 3) {
        if attempt > 1 {
            call(db, user, &format!("retry_training_job('{job}')")).unwrap();
        }
        assert_eq!(claim(db, "w"), job);
        let later = format!(
            "select (lora_private.clock() + {} * interval '1 microsecond')::text",
            random.bits() >> 27
        );
        let later: String = db.query_one(&later, &[]).unwrap().get(0);
        set_clock(db, &later);
        let end = match random.below(3) {
            0 => format!(
                "complete_training_job('{job}', {attempt}, '{{\"reason_without_steps\": \"a drill\"}}')"
            ),
            1 => format!("cancel_training_job('{job}')"),
            _ => format!("fail_training_job('{job}', {attempt}, 'stalled', 'a drill')"),
        };
        if call(db, &service, &end).unwrap()["status"] != "failed" {
            return;
        }
    }
}

/// One charge of any other kind, as the service or an application makes it.
fn charge(db: &mut Client, random: &mut Random, user: &Caller, number: usize) {
    let service = Caller::service();
    let amount = format!("{}.{:010}", random.below(100), random.bits() % 10_000_000_000);
    let (begin, kind) = (instant(random), random.pick(&["storage", "transfer", "inference_tokens"]));
    let id = user.id();
    let sql = match random.below(4) {
        0 => format!(
            "select public.record_cost('{id}', '{kind}', {amount}, 'key-{number}', \
               period => tstzrange('{begin}', timestamptz '{begin}' + interval '31 days'))"
        ),
        1 => format!(
            "select public.record_cost('{id}', '{kind}', {amount}, 'key-{number}', billing_period => '{}')",
            day(random)
        ),
        // An application's row of GPU time, whose amount is the cost of its period, and one whose amount is not.
        kind => format!(
            "insert into public.cost_records (user_id, cost_type, amount, billing_period, period, hourly_rate, gpu_type, gpus) \
             select '{id}', 'training_compute', {}, (lower(period) at time zone 'UTC')::date, period, 3.3333333333, {}, 3 \
             from tstzrange('{begin}', timestamptz '{begin}' + {} * interval '1 microsecond') as period",
            if kind == 2 { "lora.interval_cost(period, 3.3333333333, 3)" } else { &amount },
            random.pick(&["'H100'", "null", "'A100-80GB'"]),
            1 + (random.bits() >> 26),
        ),
    };
    service.write(db, &sql).unwrap();
}

/// Takes back a part of some row.
fn correct(db: &mut Client, random: &mut Random, number: usize) {
    let share = random.between(1, 100) as f64 / 100.0;
    let sql = format!(
        "select count(public.correct_cost(id, round(amount * {share}, 10), 'a credit', 'credit-{number}')) \
         from (select id, amount from public.cost_records as record \
           where corrects is null and round(amount * {share}, 10) > 0 \
             and not exists (select from public.cost_records as other where other.corrects = record.id) \
           order by md5(id::text || '{}') limit 1) as picked",
        random.bits()
    );
    assert_eq!(Caller::service().ask(db, &sql).unwrap(), 1);
}

/// What of a summary does not sum to its total, by name.
fn faults(arguments: &str) -> String {
    format!(
        "with answer as materialized (select public.cost_summary({arguments}) as summary) \
         select jsonb_build_object( \
           'total', (select summary ->> 'total' from answer), \
           'records', (select summary -> 'records' from answer), \
           'groupings', (select count(*) from answer cross join jsonb_object_keys(summary) as key where key like 'by\\_%'), \
           'faults', (select coalesce(jsonb_agg(jsonb_build_array(entry.key, entry.value, summary -> 'total')), '[]') \
             from answer cross join jsonb_each(summary) as entry \
             where entry.key like 'by\\_%' and (summary ->> 'total') is distinct from ( \
               select coalesce(sum((item ->> 'amount')::numeric), 0)::numeric(30, 10)::text \
               from jsonb_array_elements(entry.value) as item)))"
    )
}

/// The total of a summary, of which every grouping sums to it.
fn total(db: &mut Client, who: &Caller, arguments: &str) -> String {
    let answer = who.ask(db, &faults(arguments)).unwrap();
    assert_eq!(answer["faults"], json!([]), "{} asks for {arguments}", who.id());
    assert_eq!(answer["groupings"], 5);
    answer["total"].as_str().unwrap().to_owned()
}

/// The sum of decimals, by the server.
fn sum(db: &mut Client, amounts: &[String]) -> String {
    let sql =
        "select coalesce(sum(amount::numeric), 0)::numeric(30, 10)::text from unnest($1::text[]) as amount";
    db.query_one(sql, &[&amounts]).unwrap().get(0)
}

#[test]
fn every_grouping_sums_to_the_total_whoever_asks_for_whichever_days() {
    let (users, jobs, charges, questions) =
        if environment::full() { (8, 200, 3_000, 150) } else { (4, 30, 300, 20) };
    let mut random = Random::stream(environment::seed(), 1);
    let database = Database::migrated();
    let mut db = database.connect();
    let users: Vec<Caller> = (0..users).map(|_| somebody(&mut db)).collect();
    let datasets: Vec<String> = users.iter().map(|user| ready_dataset(&mut db, user, 3)).collect();
    for _ in 0..jobs {
        let whose = random.below(users.len());
        run(&mut db, &mut random, &users[whose], &datasets[whose]);
    }
    is_settled(&mut db);
    for number in 0..charges {
        let whose = random.below(users.len());
        charge(&mut db, &mut random, &users[whose], number);
        if number % 5 == 4 {
            correct(&mut db, &mut random, number);
        }
    }
    is_settled(&mut db);

    // All days, in any zone: the ledger itself.
    let all = |zone: &str| format!("'2020-01-01', '2030-01-01', '{zone}'");
    let ledger: String =
        db.query_one("select sum(amount)::text from public.cost_records", &[]).unwrap().get(0);
    for zone in ZONES {
        assert_eq!(total(&mut db, &Caller::service(), &all(zone)), ledger, "{zone}");
        let totals: Vec<String> = users.iter().map(|user| total(&mut db, user, &all(zone))).collect();
        assert_eq!(sum(&mut db, &totals), ledger, "the users in {zone}");
    }
    // Any days: by owners and by the service, and cut into any windows.
    for _ in 0..questions {
        let zone = random.pick(&ZONES);
        let mut cuts: Vec<String> = (0..random.between(2, 5)).map(|_| day(&mut random)).collect();
        cuts.sort();
        let whole = format!("'{}', '{}', '{zone}'", cuts[0], cuts[cuts.len() - 1]);
        let by_service = total(&mut db, &Caller::service(), &whole);
        let by_owners: Vec<String> = users.iter().map(|user| total(&mut db, user, &whole)).collect();
        assert_eq!(sum(&mut db, &by_owners), by_service, "the users from {whole}");
        let whose = random.below(users.len());
        let windows: Vec<String> = cuts
            .windows(2)
            .map(|two| total(&mut db, &users[whose], &format!("'{}', '{}', '{zone}'", two[0], two[1])))
            .collect();
        assert_eq!(sum(&mut db, &windows), by_owners[whose], "the windows {cuts:?} in {zone}");
    }
    each_job_costs_what_it_is_said_to_cost(&mut db, &users);
    let shape = "select jsonb_build_object('rows', count(*), 'corrections', count(corrects), 'of jobs', count(job_id), \
                 'late', count(*) filter (where billing_period < recorded_at - interval '31 days'), 'sum', sum(amount)::text) \
                 from public.cost_records";
    println!("{}", Caller::service().ask(&mut db, shape).unwrap());
}

/// What `by_job` says of a job is the total of the summary of that job alone.
fn each_job_costs_what_it_is_said_to_cost(db: &mut Client, users: &[Caller]) {
    let days = "'2024-03-01', '2025-07-01', 'America/Havana'";
    for user in users {
        let by_job =
            user.ask(db, &format!("select (public.cost_summary({days}) -> 'by_job')::text")).unwrap();
        let sql = format!(
            "select coalesce(jsonb_agg(item ->> 'job_id'), '[]') from jsonb_array_elements('{}') as item \
             where item ->> 'job_id' is not null",
            by_job.as_str().unwrap()
        );
        let Value::Array(jobs) = user.ask(db, &sql).unwrap() else { panic!("{by_job}") };
        for job in &jobs {
            let job = job.as_str().unwrap();
            let said = format!(
                "select item ->> 'amount' from jsonb_array_elements('{}') as item where item ->> 'job_id' = '{job}'",
                by_job.as_str().unwrap()
            );
            let said = user.ask(db, &said).unwrap();
            assert_eq!(json!(total(db, user, &format!("{days}, '{job}'"))), said, "{job}");
        }
    }
}
