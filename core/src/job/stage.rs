//! Which part of the percent scale a stage owns.
//!
//! Stages are open text: a worker may call its own what it likes. What is unknown counts as preparation
//! before the first step and as training after it, so that no name can make percent jump.

/// A part of the percent scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Band {
    /// In the queue, ours or the GPU provider's: 0.
    Queued,
    /// Before the first step: 0 to 5.
    Preparing,
    /// Steps, with their evaluations and checkpoints: 5 to 95.
    Training,
    /// After the last step: 95 to 100, which only `completed` reaches.
    Saving,
}

impl Band {
    /// The band of a stage, and how far inside of it the stage begins (0 … 1), for stages whose order is
    /// known. `any_step` says whether the attempt has reported a step.
    pub fn of(stage: &str, any_step: bool) -> (Self, f64) {
        match stage {
            "saving" => (Band::Saving, 0.0),
            "uploading" => (Band::Saving, 0.5),
            "queued" | "queued_on_gpu" if !any_step => (Band::Queued, 0.0),
            _ if any_step => (Band::Training, 0.0),
            "setup" => (Band::Preparing, 0.0),
            "downloading" => (Band::Preparing, 0.2),
            "preparing" => (Band::Preparing, 0.4),
            "loading_model" => (Band::Preparing, 0.6),
            "configuring" => (Band::Preparing, 0.8),
            "training" | "evaluating" | "checkpointing" => (Band::Training, 0.0),
            _ => (Band::Preparing, 0.0),
        }
    }

    /// First and last percent of the band.
    pub fn range(self) -> (f64, f64) {
        match self {
            Band::Queued => (0.0, 0.0),
            Band::Preparing => (0.0, 5.0),
            Band::Training => (5.0, 95.0),
            Band::Saving => (95.0, 100.0),
        }
    }

    /// The percent at which a stage begins, in hundredths: what an attempt that was at this stage does not fall below.
    pub fn floor(stage: &str, any_step: bool) -> u16 {
        let (band, inside) = Self::of(stage, any_step);
        let (first, last) = band.range();
        ((first + (last - first) * inside) * 100.0).round() as u16
    }
}
