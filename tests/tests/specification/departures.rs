//! Where the migrated database differs from the specification on purpose, and why.

use crate::catalogue::Things;

/// A difference and the things that have it.
pub struct Departure {
    things: &'static [&'static str],
    specified: &'static str,
    ours: &'static str,
    reason: &'static str,
}

/// How a thing is that is not there.
const ABSENT: &str = "absent";

const DEPARTURES: [Departure; 16] = [
    Departure {
        things: &[
            "column datasets.format null",
            "column datasets.status null",
            "column datasets.storage_bucket null",
            "column datasets.training_ready null",
            "column datasets.created_at null",
            "column datasets.updated_at null",
            "column training_jobs.status null",
            "column training_jobs.current_stage null",
            "column training_jobs.progress null",
            "column training_jobs.current_epoch null",
            "column training_jobs.current_step null",
            "column training_jobs.queued_at null",
            "column training_jobs.current_cost null",
            "column training_jobs.retry_count null",
            "column training_jobs.created_at null",
            "column training_jobs.updated_at null",
        ],
        specified: "null",
        ours: "not null",
        reason: "the specification's own TypeScript says that these sixteen are never null",
    },
    Departure {
        things: &[
            "column cost_records.recorded_at default",
            "column datasets.created_at default",
            "column datasets.updated_at default",
            "column metrics_points.timestamp default",
            "column model_artifacts.created_at default",
            "column model_artifacts.updated_at default",
            "column notifications.created_at default",
            "column training_jobs.created_at default",
            "column training_jobs.queued_at default",
            "column training_jobs.updated_at default",
        ],
        specified: "now()",
        ours: "lora_private.clock()",
        reason: "the time is read in one place, which tests can move; it is now() everywhere else",
    },
    Departure {
        things: &["column cost_records.amount type"],
        specified: "numeric(10,2)",
        ours: "numeric(20,10)",
        reason: "cents round to zero: a tick of 0.004 would be 0.00, and an hour of them nothing",
    },
    Departure {
        things: &[
            "column metrics_points.gradient_norm type",
            "column metrics_points.training_loss type",
            "column metrics_points.validation_loss type",
        ],
        specified: "numeric(10,6)",
        ours: "double precision",
        reason: "a diverged run has a loss beyond any numeric(10,6), or none at all, and its points are the ones to keep",
    },
    Departure {
        things: &["column metrics_points.learning_rate type"],
        specified: "numeric(12,10)",
        ours: "double precision",
        reason: "a learning rate of 1e-12 would be 0",
    },
    Departure {
        things: &["column metrics_points.throughput type"],
        specified: "numeric(10,2)",
        ours: "double precision",
        reason: "a measurement like the others of its point: no figure of a worker is refused for its size",
    },
    Departure {
        things: &["column metrics_points.gpu_utilization type"],
        specified: "numeric(5,2)",
        ours: "double precision",
        reason: "a measurement like the others of its point, and NaN where the worker could not read it",
    },
    Departure {
        things: &["constraint metrics_points.metrics_points_pkey"],
        specified: "PRIMARY KEY (id)",
        ours: "PRIMARY KEY (job_id, attempt, step)",
        reason: "a point that is sent twice is one point, and a retry has a curve of its own",
    },
    Departure {
        things: &["constraint training_jobs.fk_training_jobs_artifact"],
        specified: "FOREIGN KEY (artifact_id) REFERENCES public.model_artifacts(id)",
        ours: "FOREIGN KEY (artifact_id) REFERENCES public.model_artifacts(id) ON DELETE SET NULL",
        reason: "job and model refer to each other: without it neither could ever be deleted",
    },
    Departure {
        things: &["constraint datasets.datasets_storage_path_key"],
        specified: "UNIQUE (storage_path)",
        ours: ABSENT,
        reason: "bucket and path are unique, among datasets that are not deleted: the path of a deleted one can be used again",
    },
    Departure {
        things: &["table cost_records", "table metrics_points", "table notifications"],
        specified: "row security off",
        ours: "row security on",
        reason: "without it anybody reads and writes every row, without an account",
    },
    Departure {
        things: &[
            "policy datasets.Users can create own datasets roles",
            "policy datasets.Users can update own datasets roles",
            "policy datasets.Users can view own datasets roles",
            "policy model_artifacts.Users can view own models roles",
            "policy training_jobs.Users can create own jobs roles",
            "policy training_jobs.Users can view own jobs roles",
        ],
        specified: "public",
        ours: "authenticated",
        reason: "nobody without an account owns anything, so the policy is not even looked at for them",
    },
    Departure {
        things: &[
            "policy datasets.Users can create own datasets check",
            "policy datasets.Users can update own datasets using",
            "policy datasets.Users can view own datasets using",
            "policy model_artifacts.Users can view own models using",
            "policy training_jobs.Users can create own jobs check",
            "policy training_jobs.Users can view own jobs using",
        ],
        specified: "(auth.uid() = user_id)",
        ours: "(user_id = ( SELECT auth.uid() AS uid))",
        reason: "the same, asked once for a query and not for every row: a fifth of the time over 100,000 rows",
    },
    Departure {
        things: &["policy datasets.Users can update own datasets check"],
        specified: "none",
        ours: "(user_id = ( SELECT auth.uid() AS uid))",
        reason: "what the row may become is said and not left to a default",
    },
    Departure {
        things: &[
            "trigger datasets.update_datasets_updated_at calls",
            "trigger model_artifacts.update_model_artifacts_updated_at calls",
            "trigger training_jobs.update_training_jobs_updated_at calls",
        ],
        specified: "public.update_updated_at_column()",
        ours: "lora_private.set_updated_at()",
        reason: "the name is a very common one: an application's own function of it would be overwritten",
    },
    Departure {
        things: &["function public.update_updated_at_column()"],
        specified: "trigger",
        ours: ABSENT,
        reason: "its work is done under another name; where there is one it is left alone",
    },
];

/// Every difference that is not in the table as it is, and every one in the table that is none.
pub fn unexplained(specified: &Things, ours: &Things) -> Vec<String> {
    let mut known: Vec<(&str, &str, &str)> = Vec::new();
    for departure in &DEPARTURES {
        known.extend(departure.things.iter().map(|thing| (*thing, departure.specified, departure.ours)));
    }
    let without_reason = DEPARTURES.iter().filter(|departure| departure.reason.is_empty());
    let mut problems: Vec<String> =
        without_reason.map(|departure| format!("without a reason: {:?}", departure.things)).collect();
    for (thing, how) in specified {
        let found = ours.get(thing).map_or(ABSENT, String::as_str);
        let explained = known.iter().position(|known| *known == (thing.as_str(), how.as_str(), found));
        match explained {
            Some(at) => drop(known.swap_remove(at)),
            None if how == found => {}
            None => problems.push(format!("{thing}: {how} → {found}")),
        }
    }
    problems.extend(
        known.iter().map(|(thing, from, to)| format!("no departure any more: {thing}: {from} → {to}")),
    );
    problems
}
