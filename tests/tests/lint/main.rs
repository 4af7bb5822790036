//! What a reader of the catalogue objects to: the rules of Supabase's database linter, as queries of our own, and
//! plpgsql_check on every function. Nothing is found in a migrated database, and each rule finds an offence that is
//! planted for it.

mod functions;
mod rules;
