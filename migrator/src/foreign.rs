//! What others made on our tables: it stays, and is named. Pure.
//!
//! Invariant: ours is what the embedded SQL declares. A permissive policy of others is a warning, because such policies
//! are OR-ed with ours: a forgotten one opens to its roles what ours keep closed.

use crate::declared::{self, What};
use crate::standing::{Named, Policy, Standing};

/// The specification's trigger function: the database of an application that ran the specification's SQL has it, and
/// possibly uses it for tables of its own.
pub const SEED_FUNCTION: &str = "public.update_updated_at_column";

/// What is not ours.
#[derive(Debug, Default)]
pub struct Foreign {
    pub policies: Vec<Policy>,
    pub objects: Vec<Named>,
}

/// Tells apart.
pub fn find(standing: &Standing) -> Foreign {
    let is_ours = |wanted: &dyn Fn(&What) -> bool| declared::all().iter().any(|item| wanted(&item.what));
    let our_table = |table: &str| is_ours(&|what| matches!(what, What::Table { name, .. } if name == table));
    let policies = standing.policies.iter().filter(|policy| {
        let ours = |what: &What| matches!(what, What::Policy { table, name } if *table == policy.table && *name == policy.name);
        our_table(&policy.table) && !is_ours(&ours)
    });
    let mut objects = Vec::new();
    let mut add =
        |r#type: &str, identity: String| objects.push(Named { r#type: r#type.to_owned(), identity });
    for trigger in standing.triggers.iter().filter(|trigger| our_table(&trigger.table)) {
        let ours = |what: &What| matches!(what, What::Trigger { table, name } if *table == trigger.table && *name == trigger.name);
        if !is_ours(&ours) {
            add("trigger", format!("{} on {}", trigger.name, trigger.table));
            if !is_our_function(&trigger.function) {
                add("function", trigger.function.clone());
            }
        }
    }
    for function in &standing.functions {
        let inside = function.name.starts_with("lora_private.") && !is_our_function(&function.identity);
        if inside || function.name == SEED_FUNCTION {
            add(&function.r#type, function.identity.clone());
        }
    }
    for column in standing.columns.iter().filter(|column| our_table(&column.table)) {
        let ours = |what: &What| matches!(what, What::Column { table, name, .. } if *table == column.table && *name == column.name);
        if !is_ours(&ours) {
            add("column", format!("{}.{}", column.table, column.name));
        }
    }
    for constraint in standing.constraints.iter().filter(|constraint| our_table(&constraint.table)) {
        let ours = |what: &What| matches!(what, What::Constraint { table, name, .. } if *table == constraint.table && *name == constraint.name);
        if !is_ours(&ours) {
            add("constraint", format!("{} on {}", constraint.name, constraint.table));
        }
    }
    for index in standing.indexes.iter().filter(|index| our_table(&index.table)) {
        let ours = |what: &What| matches!(what, What::Index { name, .. } if *name == index.name);
        if !is_ours(&ours) {
            add("index", format!("{} on {}", index.name, index.table));
        }
    }
    for rule in standing.rules.iter().filter(|rule| our_table(&rule.table)) {
        add("rule", format!("{} on {}", rule.name, rule.table));
    }
    objects.extend(standing.others.iter().filter(|other| !is_our_function(&other.identity)).cloned());
    objects.sort();
    objects.dedup();
    Foreign { policies: policies.cloned().collect(), objects }
}

/// Whether the embedded SQL makes a function of this name.
fn is_our_function(identity: &str) -> bool {
    let called = identity.split('(').next().unwrap_or(identity);
    declared::all().iter().any(|item| matches!(&item.what, What::Function { name } if name == called))
}
