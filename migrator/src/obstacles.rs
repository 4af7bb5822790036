//! What of others stands in the way of the pending versions and of the layer of functions. Pure.
//!
//! Invariant: whatever would make a version fail in the middle, or would silently be kept or replaced although it is
//! not what this build describes, is named here before anything is written, each with the statement that takes it out
//! of the way. What does not block is not refused.

use serde::Serialize;

use crate::declared::{self, Declared, Shape, What};
use crate::error::{Error, Exit};
use crate::foreign::SEED_FUNCTION;
use crate::layer;
use crate::plan::Plan;
use crate::provider::Provider;
use crate::standing::{Column, Dependant, Standing, in_schema_of};
use crate::survey::Survey;

/// One thing that stands in the way.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Obstacle {
    pub r#type: String,
    pub identity: String,
    /// Why it is in the way.
    pub reason: String,
    /// The statement after which it is not.
    pub remedy: String,
}

/// All of them.
pub fn find(survey: &Survey, plan: &Plan, standing: &Standing) -> Vec<Obstacle> {
    let mut search = Search {
        standing,
        role: &survey.facts.role,
        applied: plan.applied as i32,
        all: declared::all(),
        found: Vec::new(),
    };
    if !plan.versions.is_empty() {
        search.names();
        search.rules();
        search.dependants();
    }
    if plan.functions {
        search.layer(survey);
    }
    match plan.provider {
        Provider::Missing => search.schema_lora(),
        Provider::Switch { .. } => search.editions(survey),
        _ => {}
    }
    search.found
}

/// The refusal, where there are any.
pub fn refuse(obstacles: &[Obstacle]) -> Result<(), Error> {
    if obstacles.is_empty() {
        return Ok(());
    }
    let line = |o: &Obstacle| format!("{} {}: {}", o.r#type, o.identity, o.reason);
    let mut remedies: Vec<String> = obstacles.iter().map(|o| format!("{};", o.remedy)).collect();
    remedies.dedup();
    Err(Error::new(
        Exit::Refused,
        match obstacles {
            [Obstacle { r#type, identity, .. }] => format!("{type} {identity} stands in the way", r#type = r#type),
            _ => format!("{} things stand in the way", obstacles.len()),
        },
    )
    .detail(obstacles.iter().map(line).collect::<Vec<_>>().join("\n"))
    .hint(format!(
        "run what follows, or what does you the same service, and the command again; what is dropped can be made again afterwards:\n{}",
        remedies.join("\n")
    )))
}

struct Search<'a> {
    standing: &'a Standing,
    role: &'a str,
    /// Versions up to this one are recorded, and what they made is ours.
    applied: i32,
    all: &'a [Declared],
    found: Vec<Obstacle>,
}

impl Search<'_> {
    fn add(&mut self, r#type: &str, identity: String, reason: impl Into<String>, remedy: String) {
        let obstacle = Obstacle { r#type: r#type.to_owned(), identity, reason: reason.into(), remedy };
        // Several versions may make, and replace, one function.
        if !self.found.contains(&obstacle) {
            self.found.push(obstacle);
        }
    }

    /// Whether a version that is recorded, or the first, which describes what the specification's SQL made, declares
    /// the like.
    fn known(&self, wanted: impl Fn(&What) -> bool) -> bool {
        let old = |version| version <= self.applied.max(1);
        self.all.iter().any(|item| item.version.is_some_and(old) && wanted(&item.what))
    }

    /// Whether a pending version declares the like.
    fn pending(&self, wanted: impl Fn(&What) -> bool) -> bool {
        let new = |version| version > self.applied;
        self.all.iter().any(|item| item.version.is_some_and(new) && wanted(&item.what))
    }

    fn dependants(&mut self) {
        for dependant in &self.standing.dependants {
            let reason = format!("a pending version changes {}", dependant.needs);
            self.add(&dependant.r#type, dependant.identity.clone(), reason, dependant.remedy.clone());
        }
    }

    /// Everything that the pending versions make under a name that is taken.
    fn names(&mut self) {
        let (all, applied) = (self.all, self.applied);
        for item in all.iter().filter(|item| item.version.is_some_and(|version| version > applied)) {
            match &item.what {
                What::Table { name, if_absent } => self.table(name, *if_absent),
                What::Column { table, name, shape, created } => self.column(table, name, shape, *created),
                What::Constraint { table, name, definition, inline } => {
                    self.constraint(table, name, definition, *inline);
                }
                What::Index { table, name, statement, concurrently, .. } => {
                    self.index(table, name, statement, *concurrently);
                }
                What::Policy { table, name } => self.policy(table, name),
                _ => {}
            }
        }
    }

    fn table(&mut self, name: &str, if_absent: bool) {
        let Some(relation) = self.standing.relation(name) else {
            if self.standing.types.iter().any(|r#type| r#type == name) {
                self.add(
                    "type",
                    name.into(),
                    "a pending version makes a table of this name",
                    format!("drop type {name}"),
                );
            }
            return;
        };
        let kind = kind(&relation.kind);
        if !if_absent {
            let reason = "a pending version makes a table of this name";
            self.add(kind, name.into(), reason, format!("alter {kind} {name} rename to another_name"));
        } else if relation.kind != "r" {
            let reason = "a table is expected under this name";
            self.add(kind, name.into(), reason, format!("alter {kind} {name} rename to another_name"));
        } else if !relation.owned {
            let reason = format!("it belongs to \"{}\", and only its owner may change it", relation.owner);
            self.add(kind, name.into(), reason, format!("alter table {name} owner to \"{}\"", self.role));
        } else if relation.forced {
            let reason = "row-level security binds its owner too, and so what runs with the owner's rights";
            self.add(kind, name.into(), reason, format!("alter table {name} no force row level security"));
        }
    }

    /// Whether the table was there before, and is one that may be.
    fn adopted(&self, table: &str) -> bool {
        let made_anew = |what: &What| matches!(what, What::Table { name, if_absent: false } if name == table);
        self.standing.relation(table).is_some_and(|relation| relation.kind == "r") && !self.pending(made_anew)
    }

    /// Rules that replace writes: the versions write, too.
    fn rules(&mut self) {
        let standing = self.standing;
        let our_table = |table: &str| {
            let same = |what: &What| matches!(what, What::Table { name, .. } if name == table);
            self.all.iter().any(|item| same(&item.what))
        };
        let replacing = standing.rules.iter().filter(|rule| rule.instead && our_table(&rule.table));
        for rule in replacing.collect::<Vec<_>>() {
            let identity = format!("\"{}\" on {}", rule.name, rule.table);
            let remedy = format!("drop rule {identity}");
            self.add("rule", identity, "it replaces writes, those of the pending versions too", remedy);
        }
    }

    fn column(&mut self, table: &str, name: &str, shape: &Shape, created: bool) {
        if !self.adopted(table) {
            return;
        }
        let identity = format!("{table}.{name}");
        let Some(column) = self.standing.column(table, name) else {
            if created {
                let not_null = if shape.not_null { " not null" } else { "" };
                let remedy = format!("alter table {table} add column {name} {}{not_null}", shape.r#type);
                self.add("column", identity, "the table that is there lacks it", remedy);
            }
            return;
        };
        if let Some((reason, remedy)) = self.differs(table, column, shape) {
            // One of the specification is mended; one of another application's makes room.
            let remedy = match created {
                true => format!("alter table {table} {remedy}"),
                false => format!("alter table {table} rename column {name} to another_name"),
            };
            self.add("column", identity, reason, remedy);
        }
    }

    /// How a column that is there differs from what is described, and the action that mends it.
    fn differs(&self, table: &str, column: &Column, shape: &Shape) -> Option<(String, String)> {
        let Column { name, r#type, .. } = column;
        let is_this = |t: &String, c: &String| t == table && c == name;
        let becomes = |what: &What| {
            matches!(what, What::Retype { table, column, r#type: to }
            if is_this(table, column) && to == r#type)
        };
        if column.generated {
            return Some(("its values are generated".into(), format!("alter column {name} drop expression")));
        }
        if *r#type != shape.r#type && !self.pending(becomes) {
            let expected = &shape.r#type;
            let reason = format!("it is {type}, and {expected} is expected", r#type = r#type);
            return Some((reason, format!("alter column {name} type {expected}")));
        }
        let made_not_null =
            |what: &What| matches!(what, What::NotNull { table, column } if is_this(table, column));
        if shape.not_null && !column.not_null {
            return Some(("it may be NULL".into(), format!("alter column {name} set not null")));
        }
        if column.not_null && !shape.not_null && !self.pending(made_not_null) {
            return Some(("it may not be NULL".into(), format!("alter column {name} drop not null")));
        }
        let set_later =
            |what: &What| matches!(what, What::Default { table, column } if is_this(table, column));
        let default = |text: &Option<String>| text.as_deref().map(same_text);
        if default(&column.default) != default(&shape.default) && !self.pending(set_later) {
            let found = column.default.as_deref().unwrap_or("nothing");
            return Some(match &shape.default {
                Some(expected) => (
                    format!("its default is {found}, and {expected} is expected"),
                    format!("alter column {name} set default {expected}"),
                ),
                None => (
                    format!("its default is {found}, and none is expected"),
                    format!("alter column {name} drop default"),
                ),
            });
        }
        None
    }

    fn constraint(&mut self, table: &str, name: &str, definition: &str, inline: bool) {
        let identity = format!("{name} on {table}");
        let same = |what: &What| matches!(what, What::Constraint { table: t, name: n, .. } if t == table && n == name);
        match self.standing.constraint(table, name) {
            Some(_) if !self.known(same) => {
                let reason = "a pending version makes a constraint of this name";
                self.add(
                    "constraint",
                    identity,
                    reason,
                    format!("alter table {table} drop constraint {name}"),
                );
            }
            // Of the first version, on a table of the specification; unless a pending version makes it anew.
            Some(found) if self.adopted(table) && same_text(&found.definition) != same_text(definition) => {
                let gone = |what: &What| matches!(what, What::DropConstraint { table: t, name: n } if t == table && n == name);
                if !self.pending(gone) {
                    let reason = format!("it is {}, and {definition} is expected", found.definition);
                    let remedy = format!(
                        "alter table {table} drop constraint {name}, add constraint {name} {definition}"
                    );
                    self.add("constraint", identity, reason, remedy);
                }
            }
            Some(_) => {}
            None if inline && self.adopted(table) => {
                let remedy = format!("alter table {table} add constraint {name} {definition}");
                self.add("constraint", identity, "the table that is there lacks it", remedy);
            }
            // Keys have an index of their name.
            None => {
                let index = in_schema_of(table, name);
                let makes_index =
                    ["primary key", "unique", "exclude"].iter().any(|key| definition.starts_with(key));
                if let Some(relation) = self.standing.relation(&index).filter(|_| makes_index) {
                    let kind = kind(&relation.kind);
                    let reason = "a pending version makes a key of this name";
                    self.add(
                        kind,
                        index.clone(),
                        reason,
                        format!("alter {kind} {index} rename to another_name"),
                    );
                }
            }
        }
    }

    /// What was built outside of a transaction may be there already, or be left invalid, which is mended where the
    /// version is applied.
    fn index(&mut self, table: &str, name: &str, statement: &str, concurrently: bool) {
        let index = in_schema_of(table, name);
        let Some(relation) = self.standing.relation(&index) else { return };
        let kind = kind(&relation.kind);
        let is_same = |definition: &String| same_text(definition) == same_text(statement);
        if relation.definition.as_ref().is_some_and(is_same) && (concurrently || relation.valid == Some(true))
        {
            return;
        }
        let reason = match (&relation.definition, relation.valid) {
            (Some(_), Some(false)) => "it is not valid: making it has failed once".to_owned(),
            (Some(definition), _) => format!("it is another one than is expected: {definition}"),
            (None, _) => "a pending version makes an index of this name".to_owned(),
        };
        self.add(kind, index.clone(), reason, format!("alter {kind} {index} rename to another_name"));
    }

    fn policy(&mut self, table: &str, name: &str) {
        let there = self.standing.policies.iter().any(|policy| policy.table == table && policy.name == name);
        let same = |t: &String, n: &String| t == table && n == name;
        // The specification's own, on its own tables, are replaced; on a table of the platform it would be somebody's.
        let replaced = |what: &What| {
            matches!(what, What::DropPolicy { table, name } if same(table, name))
                && table.starts_with("public.")
        };
        let ours = |what: &What| matches!(what, What::Policy { table, name } if same(table, name));
        if there && !self.pending(replaced) && !(self.applied > 0 && self.known(ours)) {
            let identity = format!("\"{}\" on {table}", name.replace('"', "\"\""));
            let remedy = format!("drop policy {identity}");
            self.add("policy", identity, "a pending version makes a policy of this name", remedy);
        }
    }

    /// Functions and triggers that the layer would replace, or stand beside, although it did not make them.
    fn layer(&mut self, survey: &Survey) {
        let manifest = survey.layers.iter().find(|layer| layer.name == layer::FUNCTIONS);
        let made = |identity: &str| {
            manifest.is_some_and(|layer| layer.manifest.iter().any(|object| object.identity == identity))
        };
        let (standing, all, applied) = (self.standing, self.all, self.applied);
        for item in all {
            match &item.what {
                What::Function { name } => {
                    // What is in our own schema is ours, once there is a version of ours.
                    let own = applied > 0 && name.starts_with("lora_private.");
                    for function in
                        standing.functions.iter().filter(|function| function.name == *name && !own)
                    {
                        if !made(&function.identity) {
                            let (kind, identity) = (&function.r#type, function.identity.clone());
                            let reason = "this build has a function of this name";
                            let remedy = format!("alter {kind} {identity} rename to another_name");
                            self.add(kind, identity, reason, remedy);
                        }
                    }
                }
                What::Trigger { table, name } => {
                    let same = |t: &&crate::standing::Trigger| t.table == *table && t.name == *name;
                    let Some(trigger) = standing.triggers.iter().find(same) else { continue };
                    let identity = format!("{name} on {table}");
                    let ours = trigger.function.starts_with("lora_private.")
                        || trigger.function == format!("{SEED_FUNCTION}()");
                    if !ours && !made(&identity) {
                        let remedy = format!("alter trigger {name} on {table} rename to another_name");
                        self.add("trigger", identity, "this build has a trigger of this name", remedy);
                    }
                }
                _ => {}
            }
        }
    }

    fn schema_lora(&mut self) {
        let standing = self.standing;
        for function in standing.functions.iter().filter(|function| function.name.starts_with("lora.")) {
            let (kind, identity) = (&function.r#type, function.identity.clone());
            let remedy = format!("alter {kind} {identity} set schema another_schema");
            self.add(kind, identity, "schema \"lora\" is for pg_lora's functions alone", remedy);
        }
    }

    /// What others made of parts that only one edition has.
    fn editions(&mut self, survey: &Survey) {
        for Dependant { r#type, identity, needs, remedy } in &survey.facts.lora_dependants {
            let reason = format!("it depends on {needs}, which only one edition of schema \"lora\" has");
            self.add(r#type, identity.clone(), reason, remedy.clone());
        }
    }
}

/// `relkind` in a word that ALTER takes.
fn kind(relkind: &str) -> &'static str {
    match relkind {
        "v" => "view",
        "m" => "materialized view",
        "i" | "I" => "index",
        "S" => "sequence",
        "c" => "type",
        "f" => "foreign table",
        _ => "table",
    }
}

/// Two definitions are the same when they differ only in what the server writes out or leaves out: case, spaces,
/// parentheses, quotes, casts of constants, the default kind of index.
pub fn same_text(text: &str) -> String {
    let text =
        text.to_lowercase().replace("if not exists", "").replace("using btree", "").replace("not valid", "");
    let mut plain = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find("::") {
        plain.push_str(&rest[..at]);
        let cast = &rest[at + 2..];
        let end = cast
            .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ' ' || c == '"'))
            .unwrap_or(cast.len());
        rest = &cast[end..];
    }
    plain.push_str(rest);
    plain.retain(|c| !c.is_whitespace() && !"()\"".contains(c));
    plain
}

#[cfg(test)]
mod tests {
    use super::{Obstacle, refuse, same_text};

    #[test]
    fn definitions_compare_as_the_server_means_them() {
        for (ours, servers) in [
            (
                "create index if not exists i\n  on public.a (b, c desc) where d is null",
                "CREATE INDEX i ON public.a USING btree (b, c DESC) WHERE (d IS NULL)",
            ),
            ("'USD'", "'USD'::bpchar"),
            ("'x'", "'x'::character varying"),
            ("foreign key (a) references b (id)", "FOREIGN KEY (a) REFERENCES b(id) NOT VALID"),
        ] {
            assert_eq!(same_text(ours), same_text(servers));
        }
        assert_ne!(same_text("unique (a)"), same_text("unique (b)"));
    }

    #[test]
    fn a_refusal_names_each_thing_and_what_to_do() {
        let obstacle = |identity: &str| Obstacle {
            r#type: "view".into(),
            identity: identity.into(),
            reason: "because".into(),
            remedy: format!("drop view {identity}"),
        };
        assert!(refuse(&[]).is_ok());
        let error = refuse(&[obstacle("public.a"), obstacle("public.b")]).unwrap_err();
        assert_eq!(error.message, "2 things stand in the way");
        assert_eq!(error.detail.unwrap(), "view public.a: because\nview public.b: because");
        assert!(error.hint.unwrap().ends_with("drop view public.a;\ndrop view public.b;"));
    }
}
