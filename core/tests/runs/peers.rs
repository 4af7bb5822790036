//! What others say of the time that is left, computed from the same history.

use crate::heard::Heard;

/// LLaMA-Factory (`LogCallback._timing`): elapsed / step × steps left, since training began in this process; the step is that of
/// the whole run, so that after a resume the steps of earlier processes count as this one's.
pub fn llama_factory(heard: &Heard<'_>) -> Option<f64> {
    let (step, total) = (heard.newest_step()?, heard.run.parameters.total_steps);
    Some(heard.trained_for()? / step as f64 * (total - step) as f64)
}

/// Unsloth: the same since the step that the session began with.
pub fn unsloth(heard: &Heard<'_>) -> Option<f64> {
    let (step, total) = (heard.newest_step()?, heard.run.parameters.total_steps);
    let own = step - heard.attempt().resumed_from;
    Some(heard.trained_for()? / own as f64 * (total - step) as f64)
}
