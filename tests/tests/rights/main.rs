//! Who may do what: two users, nobody, and the service, against every table and function.
//!
//! `matrix` tries every operation and every column, `guards` values that hide what they are, `catalogue` reads what is
//! granted, `hostile` is what may not be written by anybody, `holes` are what the specification's own schema lets happen. `worlds` are databases with any default privileges.

mod catalogue;
mod changes;
mod guards;
mod holes;
mod hostile;
mod matrix;
mod storage;
mod worlds;
