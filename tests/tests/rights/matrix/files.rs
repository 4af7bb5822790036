//! Files in the two buckets. Rows of storage are the platform's: a refusal there is Postgres's own, and a file that a
//! policy hides is no row.

use super::allowed::{Callers, DENIED, NONE, YES};

/// What to call it, the statement, and what comes of it.
pub const FILES: [(&str, &str, Callers); 12] = [
    (
        "`lora-datasets`: select",
        "select true from storage.objects where bucket_id = 'lora-datasets' and name = '{owner}/free.jsonl'",
        [NONE, YES, NONE, YES],
    ),
    (
        "`lora-datasets`: insert",
        "insert into storage.objects (bucket_id, name) values ('lora-datasets', '{owner}/x/new.jsonl') returning true",
        [DENIED, YES, DENIED, YES],
    ),
    (
        "`lora-datasets`: insert outside of every user's folder",
        "insert into storage.objects (bucket_id, name) values ('lora-datasets', 'x/{owner}/new.jsonl') returning true",
        [DENIED, DENIED, DENIED, YES],
    ),
    (
        "`lora-datasets`: update",
        "update storage.objects set metadata = '{}' where bucket_id = 'lora-datasets' and name = '{owner}/free.jsonl' returning true",
        [NONE, YES, NONE, YES],
    ),
    (
        "`lora-datasets`: move to another user's folder",
        "update storage.objects set name = '{third}/free.jsonl' where bucket_id = 'lora-datasets' and name = '{owner}/free.jsonl' returning true",
        [NONE, DENIED, NONE, YES],
    ),
    (
        "`lora-datasets`: delete",
        "delete from storage.objects where bucket_id = 'lora-datasets' and name = '{owner}/free.jsonl' returning true",
        [NONE, YES, NONE, YES],
    ),
    (
        "`lora-datasets`: update of a file that a job uses",
        "update storage.objects set metadata = '{}' where bucket_id = 'lora-datasets' and name = '{used file}' returning true",
        [NONE, NONE, NONE, YES],
    ),
    (
        "`lora-datasets`: delete of a file that a job uses",
        "delete from storage.objects where bucket_id = 'lora-datasets' and name = '{used file}' returning true",
        [NONE, NONE, NONE, YES],
    ),
    (
        "`lora-models`: select",
        "select true from storage.objects where bucket_id = 'lora-models' and name = '{owner}/adapter.tar.gz'",
        [NONE, YES, NONE, YES],
    ),
    (
        "`lora-models`: insert",
        "insert into storage.objects (bucket_id, name) values ('lora-models', '{owner}/new.tar.gz') returning true",
        [DENIED, DENIED, DENIED, YES],
    ),
    (
        "`lora-models`: update",
        "update storage.objects set metadata = '{}' where bucket_id = 'lora-models' and name = '{owner}/adapter.tar.gz' returning true",
        [NONE, NONE, NONE, YES],
    ),
    (
        "`lora-models`: delete",
        "delete from storage.objects where bucket_id = 'lora-models' and name = '{owner}/adapter.tar.gz' returning true",
        [NONE, NONE, NONE, YES],
    ),
];
