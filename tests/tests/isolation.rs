//! Sessions against each other: `isolation/*.spec`, played by Postgres's own isolationtester, in each order that
//! their steps can come in. What comes of it is in `isolation/expected`, for people to read.
//!
//! Invariant, whatever the files say: nothing ends in a deadlock, in 40001, in waiting for ever, or in a state that
//! `isolation/world.sql` calls wrong.

use std::fs::File;
use std::process::Command;

use pg_lora_tests::{Database, environment, golden};

/// What no order of steps may end in.
const NEVER: [&str; 7] = [
    "deadlock detected",
    "40P01",
    "could not serialize",
    "40001",
    "timed out",
    "canceling statement",
    "WRONG",
];

fn play(spec: &str) {
    let database = Database::migrated();
    database.connect().batch_execute(include_str!("../isolation/world.sql")).unwrap();
    let tester = environment::isolationtester().unwrap_or_else(|error| panic!("{error:#}"));
    let output = Command::new(tester)
        .arg(database.url())
        // A step that nothing lets go on is cancelled after twice this many seconds.
        .env("PG_TEST_TIMEOUT_DEFAULT", "30")
        .stdin(File::open(golden::path(&format!("isolation/{spec}.spec"))).unwrap())
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{spec}: {}\n{words}", output.status);
    let observed = String::from_utf8(output.stdout).unwrap();
    for never in NEVER {
        assert!(!observed.contains(never), "{spec}: {never}\n{observed}\n{words}");
    }
    golden::compare(&format!("isolation/expected/{spec}.out"), &observed);
}

macro_rules! specs {
    ($($spec:ident: $test:ident,)*) => {
        const SPECS: &[&str] = &[$(stringify!($spec)),*];
        $(
            #[test]
            fn $test() {
                play(stringify!($spec));
            }
        )*
    };
}

specs! {
    account: an_account_is_deleted_or_gets_a_job_but_never_both,
    account_work: an_account_is_deleted_or_worked_for_without_a_deadlock,
    budget: jobs_at_once_do_not_pass_a_budget_together,
    cancel_complete: a_job_is_cancelled_or_completed_and_charged_once,
    changed_dataset: a_job_is_not_created_on_a_dataset_that_is_changed_under_it,
    chunks: two_clients_validate_a_dataset_once,
    claims: two_workers_never_claim_one_job,
    datasets: two_first_uploads_of_a_path_make_one_dataset,
    endings: a_job_ends_once_whoever_ends_it,
    endings_retry: a_job_that_is_retried_while_it_ends_goes_on_once,
    endings_work: a_job_that_is_worked_on_while_it_ends_keeps_no_half,
    notices: two_notifications_of_one_event_are_one,
    objects: a_dataset_follows_the_file_that_is_stored_in_the_end,
    retries: two_requests_for_another_attempt_make_one,
    retry_sweep: a_lost_job_is_failed_swept_or_retried_and_each_attempt_counts_once,
    validation: a_file_that_is_replaced_while_it_is_validated_is_not_ready,
}

#[test]
fn every_spec_is_played() {
    let mut files: Vec<String> = std::fs::read_dir(golden::path("isolation"))
        .unwrap()
        .filter_map(|entry| {
            entry.unwrap().file_name().into_string().unwrap().strip_suffix(".spec").map(str::to_owned)
        })
        .collect();
    files.sort();
    assert_eq!(files, SPECS);
}
