//! The migration lock: one advisory lock per database, of the transaction; of the session only while a file runs outside
//! of a transaction.
//!
//! Invariant: it is tried, never waited for inside the server: a blocking wait would deadlock with
//! `create index concurrently`. Through a transaction pooler a session's lock outlives its client, so nothing that
//! keeps it runs there. Elsewhere it ends with the process of the server that does the work, neither before nor after.

use postgres::Transaction;
use postgres::types::Type;

use crate::error::Error;
use crate::query;

/// "pg_lora" in ASCII and a zero.
pub const KEY: i64 = 0x7067_5f6c_6f72_6100;

/// The statement that tries; its row says "t" where the lock was obtained, and which process of the server this is.
pub fn attempt() -> String {
    format!("select pg_try_advisory_xact_lock({KEY}), pg_backend_pid()")
}

/// The statement by which a session that has the lock in a transaction keeps it after that.
pub fn keep() -> String {
    format!("select pg_try_advisory_lock({KEY})")
}

/// The statement that ends it.
pub fn release() -> String {
    format!("select pg_advisory_unlock({KEY})")
}

/// Who holds the lock, for a message.
pub fn holder(transaction: &mut Transaction) -> Result<String, Error> {
    query::json(
        transaction,
        "select to_jsonb(coalesce(
           string_agg(format('pid %s, application \"%s\", user \"%s\", in its transaction for %s s',
             l.pid, a.application_name, a.usename, extract(epoch from clock_timestamp() - a.xact_start)::int), '; '),
           'a session that has just ended'))
         from pg_locks l left join pg_stat_activity a on a.pid = l.pid
         where l.locktype = 'advisory' and l.granted and l.objsubid = 1
           and l.database = (select oid from pg_database where datname = current_database())
           and l.classid::bigint = $1 >> 32 and l.objid::bigint = $1 & 4294967295",
        &[(&KEY, Type::INT8)],
        "asking who holds the migration lock",
    )
}
