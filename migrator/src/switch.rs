//! Schema `lora` brought to an edition and to this build's version of it, in place.
//!
//! Invariant: whatever is called from outside keeps its OID, its rights (those that were taken from everybody too) and what stands on it, also where another edition answers
//! from then on: functions are replaced and never dropped and made again. One transaction: whoever looks sees the one or
//! the other.
//! * To the extension: its install script takes the functions that are named by the setting `lora_migrate.adopted` into the
//!   extension before it replaces them (`extension/sql/adopted.sql`). From it: they are taken out, the extension is dropped, and the
//!   files run over them.
//! * Aggregates change the type of their state in place. A query that was planned before and looks its aggregate up after that would have the
//!   state of one edition and the function of the other, so the tables that the API aggregates are locked at the very end: nobody is
//!   between the two then.
//! * What only the other edition has is called by functions that are at work right now. It is recorded as left, and dropped once
//!   every transaction that was open at the switch has ended (`clear`).
//! * Segments of chunks are bytes of one edition: validations that are under way begin anew.
//!
//! Refused: something of others that stands on what only the other edition has.

use std::thread::sleep;
use std::time::{Duration, Instant};

use postgres::types::Type;
use serde_json::Value;

use crate::connect::Session;
use crate::embedded::BUILD_VERSION;
use crate::error::{Error, Exit};
use crate::layer::{self, Layer, Object, PORTABLE_LAYER, Put};
use crate::patience::Patience;
use crate::provider::{self, Edition, LAYER, Provider};
use crate::report::say;
use crate::step::{self, Done, Step, Task};
use crate::survey::Facts;
use crate::{ahead, cli, history, query, sql_error, survey};

/// The tables that the API's queries aggregate by functions of schema `lora`, and the one that segments are in.
const ASKED: [&str; 5] = [
    "public.training_jobs",
    "public.metrics_points",
    "public.custom_metrics",
    "public.cost_records",
    "lora_private.dataset_chunks",
];
/// A try for their locks. Shorter than the second after which a server looks for deadlocks, so that nobody who holds one of them
/// and wants another is ended for it.
const TRY: &str = "300ms";
const PAUSE: Duration = Duration::from_millis(100);
const TRIES: u32 = 8;
/// How often to look whether older transactions have ended.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What was done.
pub struct Applied {
    pub edition: Edition,
    pub before: Provider,
    /// How many datasets have to send their chunks again.
    pub restarted: u64,
    /// Functions that could not be replaced in place.
    pub recreated: Vec<Object>,
}

/// Brings schema `lora` to what is wanted, unless it is that already.
pub fn run(
    session: &mut Session,
    patience: Patience,
    wanted: cli::Provider,
    doing: &str,
) -> Result<Option<Done<Applied>>, Error> {
    let task = Task::new("layer", LAYER, doing);
    layer::run(session, patience, task, |step, carefully| apply(step, wanted, carefully))
}

fn apply(step: &mut Step, wanted: cli::Provider, carefully: bool) -> Result<Option<Applied>, Error> {
    let doing = "bringing schema \"lora\" up to date";
    history::ensure(step)?;
    if ahead::is_now(step)? {
        return Ok(None);
    }
    let facts = survey::facts(step.transaction())?;
    let layers: Vec<Layer> = step.json(layer::RECORDED, &[], doing)?;
    let edition = provider::choose(wanted, &facts, &layers);
    let before = provider::compare(&facts, &layers, edition);
    if before == Provider::Current {
        return Ok(None);
    }
    provider::check(&facts, &layers, edition)?;
    step.run(
        "create schema if not exists lora;
         revoke all on schema lora from public, anon, authenticated, service_role;
         grant usage on schema lora to anon, authenticated, service_role",
        doing,
    )?;
    let old = provider::recorded(&layers).map_or(Vec::new(), |layer| layer.manifest.clone());
    let mut old: Vec<Object> = old.into_iter().filter(|object| object.r#type != "extension").collect();
    let is_switch = matches!(before, Provider::Switch { .. });
    let closed = if is_switch { closed_to_public(step)? } else { Vec::new() };
    let (mut objects, gone, recreated) = match edition {
        Edition::Portable => {
            if facts.extension.is_some() {
                old.extend(take_out_of_extension(step)?);
            }
            let Put { made, gone, recreated } = layer::put(step, &PORTABLE_LAYER, &old, carefully)?;
            (made, gone, recreated)
        }
        Edition::Native => {
            let recreated = install(step, &facts, &before, &mut old, carefully)?;
            let extension = Object {
                r#type: "extension".to_owned(),
                schema: Some(LAYER.to_owned()),
                identity: "pg_lora".to_owned(),
                left: false,
            };
            (vec![extension], old, recreated)
        }
    };
    close_again(step, &closed)?;
    let renamed = recreated.iter().filter(|object| object.left).cloned();
    let left = still_there(step, gone.into_iter().chain(renamed).collect())?;
    refuse_dependants(step, &left)?;
    let replaces = is_switch || edition == Edition::Portable && before != Provider::Missing;
    let mut restarted = 0;
    if replaces {
        wait_for_queries(step)?;
    }
    if is_switch {
        restarted = restart_validations(step)?;
    }
    objects.extend(left);
    layer::record(step, LAYER, &provider::mark(edition), &layer::manifest(&objects)?)?;
    Ok(Some(Applied { edition, before, restarted, recreated }))
}

/// Functions of schema `lora` that not everybody may call: an operator has said so, or they are an operator's own.
fn closed_to_public(step: &mut Step) -> Result<Vec<String>, Error> {
    step.json(
        "select coalesce(jsonb_agg(p.oid::regprocedure::text), '[]') from pg_proc p
         where pronamespace = to_regnamespace('lora') and not exists (
           select from aclexplode(coalesce(proacl, acldefault('f', proowner))) where grantee = 0)",
        &[],
        "looking for who may call what",
    )
}

/// Either edition opens its functions to everybody, and the extension all that are in the schema.
fn close_again(step: &mut Step, functions: &[String]) -> Result<(), Error> {
    let doing = "keeping what was revoked";
    let there: Vec<String> = step.json(
        "select coalesce(jsonb_agg(name), '[]') from unnest($1) as name where to_regprocedure(name) is not null",
        &[(&functions, Type::TEXT_ARRAY)],
        doing,
    )?;
    match there.as_slice() {
        [] => Ok(()),
        there => step.run(&format!("revoke all on routine {} from public", there.join(", ")), doing),
    }
}

/// The functions of the extension, which stay, without it.
fn take_out_of_extension(step: &mut Step) -> Result<Vec<Object>, Error> {
    let doing = "taking schema \"lora\" out of extension \"pg_lora\"";
    let members: Vec<Object> = step.json(MEMBERS, &[(&false, Type::BOOL)], doing)?;
    release(step, &members, doing)?;
    step.run("drop extension pg_lora", doing)?;
    Ok(members)
}

fn release(step: &mut Step, members: &[Object], doing: &str) -> Result<(), Error> {
    let one = |object: &Object| format!("alter extension pg_lora drop {type} {}", object.identity, type = object.r#type);
    step.run(&members.iter().map(one).collect::<Vec<_>>().join(";"), doing)
}

/// What the extension consists of; with $1 only what this transaction has not defined.
const MEMBERS: &str = "
    select coalesce(jsonb_agg(jsonb_build_object('type', i.type, 'schema', i.schema, 'identity', i.identity)
      order by i.type, i.identity), '[]')
    from pg_extension e join pg_depend d on d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid and d.deptype = 'e',
      pg_identify_object(d.classid, d.objid, 0) i
    where e.extname = 'pg_lora' and not ($1 and exists (
      select from pg_depend n
      where n.classid = d.classid and n.objid = d.objid and n.deptype = 'n' and n.xmin = pg_current_xact_id()::xid))";

/// Creates or updates the extension, over the functions of the portable edition if these are there.
fn install(
    step: &mut Step,
    facts: &Facts,
    before: &Provider,
    old: &mut Vec<Object>,
    carefully: bool,
) -> Result<Vec<Object>, Error> {
    let doing = "installing extension \"pg_lora\"";
    let mut recreated = Vec::new();
    if facts.extension.is_some() {
        if matches!(before, Provider::Other { .. }) {
            // The version is this build's own constant, three numbers with dots: it needs no quoting.
            step.run(&format!("alter extension pg_lora update to '{BUILD_VERSION}'"), doing)?;
        }
        return Ok(recreated);
    }
    if facts.portable {
        // This build's own, so that each of its functions is one of the extension's too.
        let put = layer::put(step, &PORTABLE_LAYER, old, carefully)?;
        recreated = put.recreated;
        *old = put.made.into_iter().chain(put.gone).collect();
    }
    let adopted: Vec<&Object> = old.iter().filter(|object| !object.identity.starts_with("lora._")).collect();
    let adopted = Value::from_iter(adopted.iter().map(|object| object.identity.as_str())).to_string();
    step.execute("select set_config('lora_migrate.adopted', $1, true)", &[(&adopted, Type::TEXT)], doing)?;
    step.run(&format!("create extension pg_lora schema lora version '{BUILD_VERSION}'"), doing)?;
    step.run("set local lora_migrate.adopted = ''", doing)?;
    // What it took in and does not have itself.
    let members: Vec<Object> = step.json(MEMBERS, &[(&true, Type::BOOL)], doing)?;
    release(step, &members, doing)?;
    Ok(recreated)
}

/// Those that are functions in schema `lora` and belong to no extension, marked as left.
fn still_there(step: &mut Step, objects: Vec<Object>) -> Result<Vec<Object>, Error> {
    let mut left: Vec<Object> = step.json(
        "select coalesce(jsonb_agg(object order by object ->> 'identity'), '[]') from jsonb_array_elements($1) as object
         where exists (
           select from pg_proc p where p.oid = to_regprocedure(object ->> 'identity')
             and not exists (select from pg_depend where classid = 'pg_proc'::regclass and objid = p.oid and deptype = 'e'))",
        &[(&layer::manifest(&objects)?, Type::JSONB)],
        "looking for what the other edition leaves",
    )?;
    left.iter_mut().for_each(|object| object.left = true);
    left.dedup_by(|one, other| one.is_same(other));
    Ok(left)
}

/// Refuses what would not survive that these are dropped.
fn refuse_dependants(step: &mut Step, left: &[Object]) -> Result<(), Error> {
    let found: Vec<String> = step.json(
        "with part as (
           select to_regprocedure(object ->> 'identity')::oid as oid from jsonb_array_elements($1) as object
         )
         select coalesce(jsonb_agg(distinct pg_describe_object(d.classid, d.objid, d.objsubid) || ' depends on '
           || pg_describe_object(d.refclassid, d.refobjid, 0)), '[]')
         from pg_depend d join part on part.oid = d.refobjid
         where d.refclassid = 'pg_proc'::regclass and d.deptype in ('n', 'a')
           and not (d.classid = 'pg_proc'::regclass and d.objid in (select oid from part))",
        &[(&layer::manifest(left)?, Type::JSONB)],
        "looking for what stands on the other edition",
    )?;
    match found.as_slice() {
        [] => Ok(()),
        found => Err(Error::new(
            Exit::Refused,
            "something else depends on parts of schema \"lora\" that only one edition or version has",
        )
        .detail(found.join("\n"))
        .hint("drop or change what depends on them, and run the command again; nothing was changed")),
    }
}

/// Locks the tables that are aggregated, when nobody is at it.
fn wait_for_queries(step: &mut Step) -> Result<(), Error> {
    let doing = "waiting for queries that use schema \"lora\"";
    let tables: Vec<String> = step.json(
        "select coalesce(jsonb_agg(name order by place), '[]') from unnest($1) with ordinality as asked (name, place)
         where to_regclass(name) is not null",
        &[(&ASKED.as_slice(), Type::TEXT_ARRAY)],
        doing,
    )?;
    if tables.is_empty() {
        return Ok(());
    }
    let lock = format!("lock table {} in access exclusive mode", tables.join(", "));
    for number in 1.. {
        step.run(&format!("savepoint lora_tables; set local lock_timeout = '{TRY}'"), doing)?;
        match step.try_run(&lock) {
            Ok(()) => return step.run("set local lock_timeout = '3s'", doing),
            Err(error) => {
                let mut error = sql_error::while_doing(&error, doing);
                if error.exit != Exit::TableLock {
                    return Err(error);
                }
                step.run("rollback to savepoint lora_tables; release savepoint lora_tables", doing)?;
                if number == TRIES {
                    error.detail = holders(step, &tables)?;
                    return Err(error);
                }
                sleep(PAUSE);
            }
        }
    }
    Ok(())
}

/// Who uses them.
fn holders(step: &mut Step, tables: &[String]) -> Result<Option<String>, Error> {
    step.json(
        "select to_jsonb(string_agg(distinct format('pid %s, application \"%s\", user \"%s\" uses %s', l.pid, a.application_name,
           a.usename, l.relation::regclass), E'\\n'))
         from pg_locks l join pg_stat_activity a on a.pid = l.pid
         where l.granted and l.pid <> pg_backend_pid() and l.relation = any ($1::regclass[]::oid[])
           and l.database = (select oid from pg_database where datname = current_database())",
        &[(&tables, Type::TEXT_ARRAY)],
        "asking who uses the tables",
    )
}

/// Forgets the chunks of all datasets; `finish_dataset_validation` says why they are gone. A dataset that is being deleted needs no
/// mark, and is not waited for.
fn restart_validations(step: &mut Step) -> Result<u64, Error> {
    let doing = "restarting validations that are under way";
    let there: bool =
        step.json("select to_jsonb(to_regclass('lora_private.dataset_chunks') is not null)", &[], doing)?;
    if !there {
        return Ok(0);
    }
    step.json(
        "with gone as (
           delete from lora_private.dataset_chunks returning dataset_id
         ), kept as (
           select id from public.datasets where id in (select dataset_id from gone) for key share skip locked
         ), marked as (
           insert into lora_private.finished_dataset_validations as finished (dataset_id, chunks, options)
           select id, 0, '{}' from kept
           on conflict (dataset_id) do update set chunks = 0, content_sha256 = null, options = '{}'
         )
         select to_jsonb(count(distinct dataset_id)) from gone",
        &[],
        doing,
    )
}

/// Drops what was left, as soon as nobody can be at work with it. Says so where that takes too long: the next run does it.
pub fn clear(session: &mut Session, patience: Patience) -> Result<Option<Done<usize>>, Error> {
    let doing = "dropping what the other edition of schema \"lora\" left";
    let failed = |error| sql_error::while_doing(&error, doing);
    let began = Instant::now();
    let mut older: Option<Vec<String>> = None;
    loop {
        session.interrupt.check()?;
        let mut transaction = session.client.transaction().map_err(failed)?;
        let open: Vec<String> = query::json(&mut transaction, OPEN, &[], doing)?;
        transaction.rollback().map_err(failed)?;
        let left = match older {
            None => open,
            Some(before) => before.into_iter().filter(|one| open.contains(one)).collect(),
        };
        if left.is_empty() {
            break;
        }
        if began.elapsed() >= patience.tables {
            say(&format!(
                "note: parts of the other edition of schema \"lora\" stay for {} older transactions; run pg-lora migrate again when they have ended",
                left.len()
            ));
            return Ok(None);
        }
        older = Some(left);
        session.interrupt.sleep(LOOK_EVERY)?;
    }
    step::run(session, patience, Task::new("layer", LAYER, doing), drop_left)
}

/// Transactions of this database, by the number that each has as long as it is open.
const OPEN: &str = "
    select coalesce(jsonb_agg(l.virtualtransaction), '[]') from pg_locks l join pg_stat_activity a on a.pid = l.pid
    where l.locktype = 'virtualxid' and l.mode = 'ExclusiveLock' and l.pid <> pg_backend_pid()
      and a.datid = (select oid from pg_database where datname = current_database())";

fn drop_left(step: &mut Step) -> Result<Option<usize>, Error> {
    let doing = "dropping what the other edition left";
    history::ensure(step)?;
    if ahead::is_now(step)? {
        return Ok(None);
    }
    let layers: Vec<Layer> = step.json(layer::RECORDED, &[], doing)?;
    let Some(recorded) = provider::recorded(&layers) else { return Ok(None) };
    let (left, kept): (Vec<Object>, Vec<Object>) =
        recorded.manifest.iter().cloned().partition(|object| object.left);
    if left.is_empty() {
        return Ok(None);
    }
    let there = still_there(step, left)?;
    if !there.is_empty() {
        let names: Vec<&str> = there.iter().map(|object| object.identity.as_str()).collect();
        // All at once, as some stand on others of them.
        layer::drop_named(step, LAYER, "routine", &names.join(", "), "of the other edition")?;
    }
    layer::record(step, LAYER, &recorded.hash, &layer::manifest(&kept)?)?;
    Ok(Some(there.len()))
}

/// What schema `lora` says of itself: which edition, and its version. Of the extension that is the library's word, which can be
/// another file than the one the catalogue was made from.
pub fn answer(session: &mut Session) -> Result<(String, String), Error> {
    let doing = "asking schema \"lora\" for its version";
    let mut transaction =
        session.client.transaction().map_err(|error| sql_error::while_doing(&error, doing))?;
    let info: Value =
        query::json(&mut transaction, "select to_jsonb(info) from lora.build_info() as info", &[], doing)?;
    let text = |key: &str| info[key].as_str().unwrap_or_default().to_owned();
    Ok((text("edition"), text("version")))
}
