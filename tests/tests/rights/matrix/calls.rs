//! Every function of the API, by everybody, with arguments that work for whoever may call it.

use super::allowed::{Callers, DENIED, NONE, UNKNOWN, YES};

const SERVICE: Callers = [DENIED, DENIED, DENIED, YES];
const USERS: Callers = [DENIED, YES, YES, YES];
/// As many lines as there are charges: none in that month.
const REPORT: Callers = [DENIED, NONE, NONE, NONE];
/// Something of the owner.
const OWN: Callers = [DENIED, YES, UNKNOWN, YES];

pub const CALLS: [(&str, Callers); 37] = [
    ("append_dataset_chunk('{uploading}', 1, '{}')", SERVICE),
    ("append_dataset_chunk('{ready}', 1, '{}')", [DENIED, DENIED, DENIED, "PT409, hint"]),
    ("cancel_training_job('{queued}')", OWN),
    ("cancel_training_job('{completed}')", [DENIED, "PT409, hint", UNKNOWN, "PT409, hint"]),
    ("check_dataset('{}')", USERS),
    ("claim_training_jobs('w')", SERVICE),
    ("complete_training_job('{running}', 1)", SERVICE),
    ("correct_cost('{cost}', 0.0000000001, 'credit', 'correction')", SERVICE),
    // Of nobody, for the service: it says whose.
    ("cost_budget()", [DENIED, YES, YES, "22023, hint"]),
    ("cost_budget('{owner}')", [DENIED, YES, "42501, hint", YES]),
    ("cost_report('2026-01-01', '2026-02-01')", REPORT),
    ("cost_summary('2026-01-01', '2026-02-01')", USERS),
    ("cost_summary('2026-01-01', '2026-02-01', job_id => '{completed}')", OWN),
    ("create_training_job('{ready}', gpu_config => '{GPUS}')", OWN),
    (
        "create_training_job('{ready}', gpu_config => '{GPUS}', user_id => '{owner}')",
        [DENIED, YES, "42501, hint", YES],
    ),
    (
        "create_training_job('{uploading}', gpu_config => '{GPUS}')",
        [DENIED, "PT409, hint", UNKNOWN, "PT409, hint"],
    ),
    ("estimate_training_cost('{ready}', gpu_config => '{GPUS}')", OWN),
    ("fail_training_job('{running}', 1, 'stalled', 'it hangs')", SERVICE),
    ("finish_dataset_validation('{uploading}', 1)", [DENIED, DENIED, DENIED, "PT409, hint"]),
    ("heartbeat_training_job('{running}', 1)", SERVICE),
    ("mark_notifications_read('{}')", USERS),
    ("training_jobs_overview()", USERS),
    ("training_job_health('{completed}')", OWN),
    ("training_metrics_curve('{{completed}}')", OWN),
    (
        "register_model_artifact('{bare}', 1, 'adapter', '{\"a\": {\"path\": \"{owner}/a\", \"size\": 1, \"sha256\": \"\
         00000000000000000000000000000000000000000000000000000000000000aa\"}}')",
        SERVICE,
    ),
    ("record_cost('{owner}', 'storage', 1, 'storage-1')", SERVICE),
    ("report_training_metrics('{running}', 1, '[]')", SERVICE),
    ("retry_training_job('{completed}')", OWN),
    ("retry_training_job('{running}')", [DENIED, "PT409, hint", UNKNOWN, "PT409, hint"]),
    ("set_cost_budget(7)", [DENIED, YES, YES, "22023, hint"]),
    ("set_cost_budget(7, true, user_id => '{owner}')", [DENIED, YES, "42501, hint", YES]),
    ("set_cost_budget(-1, user_id => '{owner}')", [DENIED, "22023, hint", "42501, hint", "22023, hint"]),
    ("set_model_artifact_status('{model}', 'deployed')", SERVICE),
    // There is nothing to do.
    ("sweep_training_jobs()", [DENIED, DENIED, DENIED, NONE]),
    ("training_job_cost('{completed}')", OWN),
    ("training_job_progress('{queued}')", OWN),
    ("validate_dataset('{uploading}', '{}')", SERVICE),
];

/// The name of the function that is called.
pub fn name(call: &str) -> &str {
    call.split('(').next().unwrap_or_default()
}
