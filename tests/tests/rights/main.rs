//! Who may do what: two users, nobody, and the service, against every table and function.
//!
//! `matrix` tries every operation, `guards` every column that is not a client's to decide, `catalogue` reads what is
//! granted, in databases with any default privileges.

mod catalogue;
mod changes;
mod guards;
mod matrix;
mod more_tables;
mod storage;
