//! Layers of files: code that is replaced whole whenever it is another one than before. `functions` is one, and `lora` where
//! schema `lora` is the portable edition.
//!
//! Invariant: after a replacement the database holds exactly what the files make. What the layer made is read
//! off the catalogue, not off the files: the functions, triggers and policies that this transaction defined.
//! What the stored manifest has and the new one lacks is dropped in the same transaction, never with cascade.
//! Granting a right on a function does not define it, so a file may grant or revoke on somebody else's
//! without owning it.
//! Refused: a drop that somebody else's object depends on; the dependant is named and nothing is changed.
//!
//! `create or replace` cannot change a function's result, argument names or defaults (42P13). Then the layer
//! is run once more, carefully: its triggers and policies go first, each file is tried under a savepoint, and
//! a function of the manifest that stands in the way is dropped before the file runs. Only those functions
//! lose grants that an operator added; the files state their own. A part of the portable edition is given another name
//! in place of being dropped, because aggregates stand on it until their own file has run.

use postgres::types::Type;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::connect::Session;
use crate::embedded::{self, BUILD_VERSION, FUNCTION_FILES, PORTABLE_FILES, SqlFile};
use crate::error::{Error, Exit};
use crate::patience::Patience;
use crate::step::{self, Done, FailedStatement, Step, Task};
use crate::{ahead, history, settings, sql_error};

/// The name of the layer that `sql/functions` makes.
pub const FUNCTIONS: &str = "functions";
/// Which layers a database has.
pub const TABLE: &str = "lora_migrate.layers";
/// All layers as one jsonb.
pub const RECORDED: &str =
    "select coalesce(jsonb_agg(to_jsonb(l) order by l.name), '[]') from lora_migrate.layers l";

/// invalid_function_definition, with a hint to drop the function first.
const CANNOT_REPLACE: &str = "42P13";
/// insufficient_privilege.
const NOT_ALLOWED: &str = "42501";
/// dependent_objects_still_exist.
const DEPENDED_ON: &str = "2BP01";

/// A layer as it is recorded.
#[derive(Clone, Debug, Deserialize)]
pub struct Layer {
    pub name: String,
    pub hash: String,
    pub manifest: Vec<Object>,
    pub version: String,
}

/// Something that a layer made, as `pg_identify_object` names it: type and identity are what DROP takes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Object {
    pub r#type: String,
    pub schema: Option<String>,
    pub identity: String,
    /// Whether it is no part of the layer any more, and goes as soon as nobody can be at work with it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub left: bool,
}

/// What a layer is made of.
#[derive(Clone, Copy)]
pub struct Files {
    pub name: &'static str,
    folder: &'static str,
    files: &'static [SqlFile],
    /// Whether functions that have to go are called by others of their own layer until these have gone too.
    in_use: bool,
}

/// The layer of functions.
pub const FUNCTION_LAYER: Files =
    Files { name: FUNCTIONS, folder: "sql/functions", files: FUNCTION_FILES, in_use: false };
/// Schema `lora` as the portable edition.
pub const PORTABLE_LAYER: Files =
    Files { name: "lora", folder: "sql/portable", files: PORTABLE_FILES, in_use: true };

/// What running the files of a layer came to.
pub struct Put {
    /// Everything that it consists of now.
    pub made: Vec<Object>,
    /// What the one before had beyond that.
    pub gone: Vec<Object>,
    /// Functions that could not be replaced in place.
    pub recreated: Vec<Object>,
}

/// What a replacement did.
#[derive(Debug, Default, Serialize)]
pub struct Replaced {
    /// How many objects the layer consists of now.
    pub objects: usize,
    /// Objects that are gone.
    pub dropped: Vec<Object>,
    /// Functions that could not be replaced in place.
    pub recreated: Vec<Object>,
}

/// Replaces the layer of functions, unless it is this build's already.
pub fn replace_functions(session: &mut Session, patience: Patience) -> Result<Option<Done<Replaced>>, Error> {
    let task = Task::new("layer", FUNCTIONS, "replacing the layer \"functions\"");
    run(session, patience, task, replace)
}

/// Runs a step that puts a layer in its place, and once more, carefully, where something cannot be replaced.
pub fn run<T>(
    session: &mut Session,
    patience: Patience,
    task: Task,
    mut work: impl FnMut(&mut Step, bool) -> Result<Option<T>, Error>,
) -> Result<Option<Done<T>>, Error> {
    let first = step::run(session, patience, task.clone(), |step| work(step, false));
    match first {
        Err(error) if error.sqlstate.as_deref() == Some(CANNOT_REPLACE) => {
            step::run(session, patience, task, |step| work(step, true))
        }
        outcome => outcome,
    }
}

/// Writes down what a layer is now.
pub fn record(step: &mut Step, name: &str, hash: &str, manifest: &Value) -> Result<(), Error> {
    step.execute(
        "insert into lora_migrate.layers as l (name, hash, manifest, version) values ($1, $2, $3, $4)
         on conflict (name) do update
         set hash = excluded.hash, manifest = excluded.manifest, version = excluded.version, applied_on = now()",
        &[(&name, Type::TEXT), (&hash, Type::TEXT), (manifest, Type::JSONB), (&BUILD_VERSION, Type::TEXT)],
        "recording a layer",
    )?;
    settings::raise_oldest_build(step)
}

fn replace(step: &mut Step, carefully: bool) -> Result<Option<Replaced>, Error> {
    let doing = "replacing the layer \"functions\"";
    history::ensure(step)?;
    let layers: Vec<Layer> = step.json(RECORDED, &[], doing)?;
    let old = layers.into_iter().find(|layer| layer.name == FUNCTIONS);
    let hash = embedded::functions_hash();
    if old.as_ref().is_some_and(|old| old.hash == hash) || ahead::is_now(step)? {
        return Ok(None);
    }
    let old = old.map_or(Vec::new(), |old| old.manifest);
    let Put { made, gone, recreated } = put(step, &FUNCTION_LAYER, &old, carefully)?;
    let (functions, others): (Vec<Object>, Vec<Object>) = gone.into_iter().partition(Object::is_function);
    let dropped: Vec<Object> = others.into_iter().chain(functions).collect();
    for object in &dropped {
        drop_object(step, FUNCTIONS, object)?;
    }
    record(step, FUNCTIONS, &hash, &manifest(&made)?)?;
    Ok(Some(Replaced { objects: made.len(), dropped, recreated }))
}

/// Objects as they are recorded.
pub fn manifest(objects: &[Object]) -> Result<Value, Error> {
    serde_json::to_value(objects)
        .map_err(|error| Error::new(Exit::Internal, format!("writing the manifest: {error}")))
}

/// Runs the files of a layer over what an older one made. What is gone is still there: whoever asked knows when it may go.
pub fn put(step: &mut Step, layer: &Files, old: &[Object], carefully: bool) -> Result<Put, Error> {
    let doing = format!("replacing the layer \"{}\"", layer.name);
    // Bodies may name tables and functions that a later file makes.
    step.run("set local check_function_bodies = off", &doing)?;
    let mut recreated = Vec::new();
    if carefully {
        for object in old.iter().filter(|object| !object.is_function()) {
            clear_away(step, layer, object)?;
        }
    }
    for file in layer.files {
        match carefully {
            true => run_carefully(step, layer, file, old, &mut recreated)?,
            false => step.run_file(file)?,
        }
    }
    if !step.is_intact(&doing)? {
        return Err(Error::new(
            Exit::SqlFailed,
            format!(
                "a file of \"{}\" ended the transaction that it runs in, or reset its settings",
                layer.folder
            ),
        )
        .hint("remove the transaction statement from the file"));
    }
    let made: Vec<Object> = step.json(MADE, &[], &doing)?;
    let gone = old.iter().filter(|object| !made.iter().any(|new| new.is_same(object))).cloned().collect();
    Ok(Put { made, gone, recreated })
}

/// What this transaction defined. A function's row is also written by a grant, its dependencies only by its
/// definition. Members of an extension belong to it.
pub const MADE: &str = "
    select coalesce(jsonb_agg(jsonb_build_object('type', i.type, 'schema', i.schema, 'identity', i.identity)
      order by i.type, i.identity), '[]')
    from (
      select distinct d.classid, d.objid from pg_depend d
        where d.classid = 'pg_proc'::regclass and d.deptype = 'n' and d.xmin = pg_current_xact_id()::xid
      union all select 'pg_trigger'::regclass::oid, oid from pg_trigger
        where xmin = pg_current_xact_id()::xid and not tgisinternal and tgparentid = 0
      union all select 'pg_policy'::regclass::oid, oid from pg_policy where xmin = pg_current_xact_id()::xid
    ) o, pg_identify_object(o.classid, o.objid, 0) i
    where not exists (
      select from pg_depend d where d.classid = o.classid and d.objid = o.objid and d.deptype = 'e')";

impl Object {
    fn is_function(&self) -> bool {
        !matches!(self.r#type.as_str(), "trigger" | "policy")
    }

    /// The same thing, whether or not it is still a part of its layer.
    pub fn is_same(&self, other: &Self) -> bool {
        self.r#type == other.r#type && self.identity == other.identity
    }
}

/// Runs a file, after dropping the functions of the manifest that it cannot replace in place.
fn run_carefully(
    step: &mut Step,
    layer: &Files,
    file: &SqlFile,
    manifest: &[Object],
    recreated: &mut Vec<Object>,
) -> Result<(), Error> {
    let doing = &format!("replacing the layer \"{}\"", layer.name);
    loop {
        step.run("savepoint lora_file", doing)?;
        let outcome = step.try_file(file);
        // Undone even where it worked: rows written under a savepoint carry another transaction id, and would
        // be missing from the manifest.
        step.run("rollback to savepoint lora_file; release savepoint lora_file", doing)?;
        let Err(failed) = outcome else { return step.run_file(file) };
        let Some(object) = standing_in_the_way(step, &failed, manifest)? else {
            return Err(sql_error::in_file(&failed, file));
        };
        match layer.in_use && is_part(&object) {
            true => recreated.push(rename(step, object)?),
            false => {
                drop_object(step, layer.name, &object)?;
                recreated.push(object);
            }
        }
    }
}

/// Whether a function of the portable edition is a part of it that nobody else is meant to call.
fn is_part(object: &Object) -> bool {
    object.identity.starts_with("lora._")
}

/// Gives a function a name of its own, under which whoever stands on it goes on until it is dropped.
fn rename(step: &mut Step, object: Object) -> Result<Object, Error> {
    let doing = "renaming what cannot be replaced";
    let Object { r#type, schema, identity, .. } = object;
    let number: String =
        step.json("select to_jsonb(to_regprocedure($1)::oid::text)", &[(&identity, Type::TEXT)], doing)?;
    step.run(&format!("alter routine {identity} rename to _replaced_{number}"), doing)?;
    let arguments = identity.find('(').map_or("", |at| &identity[at..]);
    Ok(Object { r#type, schema, identity: format!("lora._replaced_{number}{arguments}"), left: true })
}

/// The function of the manifest that the server's hint says to drop. The hint's words are translated, the
/// name in it is not; one that has been dropped is found no more.
fn standing_in_the_way(
    step: &mut Step,
    failed: &FailedStatement,
    manifest: &[Object],
) -> Result<Option<Object>, Error> {
    let Some(hint) = failed
        .error
        .as_db_error()
        .filter(|error| error.code().code() == CANNOT_REPLACE)
        .and_then(|error| error.hint())
    else {
        return Ok(None);
    };
    let functions: Vec<&Object> = manifest.iter().filter(|object| object.is_function()).collect();
    let identities: Value = functions.iter().map(|object| object.identity.as_str()).collect();
    let found: Option<String> = step.json(
        "select to_jsonb((
           select identity from jsonb_array_elements_text($1) as identity
           where strpos($2, to_regprocedure(identity)::text) > 0 limit 1))",
        &[(&identities, Type::JSONB), (&hint, Type::TEXT)],
        "looking for the function that stands in the way",
    )?;
    Ok(functions.into_iter().find(|object| Some(&object.identity) == found.as_ref()).cloned())
}

/// Drops a trigger or a policy that its file makes again. Whoever may make a trigger on a table of the platform may not
/// drop it: such a one is replaced in place, and so is its function.
fn clear_away(step: &mut Step, layer: &Files, object: &Object) -> Result<(), Error> {
    let doing = &format!("replacing the layer \"{}\"", layer.name);
    step.run("savepoint lora_object", doing)?;
    match drop_object(step, layer.name, object) {
        Err(error) if error.sqlstate.as_deref() == Some(NOT_ALLOWED) => {
            step.run("rollback to savepoint lora_object; release savepoint lora_object", doing)
        }
        outcome => outcome.and_then(|()| step.run("release savepoint lora_object", doing)),
    }
}

fn drop_object(step: &mut Step, layer: &str, object: &Object) -> Result<(), Error> {
    let Object { r#type, identity, .. } = object;
    // The names are the server's own, quoted; the table may be gone with its triggers, hence if exists.
    drop_named(step, layer, r#type, identity, identity)
}

/// Drops what is of one type, all at once, or names what depends on it.
pub fn drop_named(
    step: &mut Step,
    layer: &str,
    r#type: &str,
    identities: &str,
    shown: &str,
) -> Result<(), Error> {
    step.try_run(&format!("drop {type} if exists {identities}")).map_err(|error| {
        let refused = sql_error::while_doing(&error, &format!("dropping the {type} {shown}"));
        match error.as_db_error() {
            Some(sent) if sent.code().code() == DEPENDED_ON => {
                let mut refusal = Error::new(
                    Exit::Refused,
                    format!(
                        "the layer \"{layer}\" cannot drop {type} \"{shown}\": something else depends on it"
                    ),
                )
                .hint("drop or change what depends on it, and run the command again");
                refusal.detail = sent.detail().map(str::to_owned);
                refusal.sqlstate = refused.sqlstate;
                refusal
            }
            _ => refused,
        }
    })
}
