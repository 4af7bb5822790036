// What ours says more exactly than the Supabase CLI, which knows the catalogue alone: column or argument by column, and answer by answer.
import type * as Ours from './types/lora-training.js';

export type Columns = {
  custom_metrics: { value: Ours.MetricValue };
  datasets: {
    format: Ours.DatasetFormat;
    sample_data: Ours.SampledConversation[] | null;
    status: Ours.DatasetStatus;
    validation_errors: Ours.ValidationError[] | null;
    validation_report: Ours.DatasetReport | null;
  };
  cost_records: { period: string | null };
  gpu_prices: { valid: string };
  metrics_points: {
    gpu_utilization: Ours.MetricValue | null;
    gradient_norm: Ours.MetricValue | null;
    learning_rate: Ours.MetricValue;
    throughput: Ours.MetricValue | null;
    training_loss: Ours.MetricValue;
    validation_loss: Ours.MetricValue | null;
  };
  model_artifacts: {
    artifacts: Record<string, Ours.StoredModelFile>;
    configuration: Ours.ModelConfiguration;
    status: Ours.ArtifactStatus | null;
    training_summary: Ours.TrainingSummary;
  };
  notifications: { priority: Ours.NotificationPriority | null };
  training_job_events: { from_status: Ours.JobStatus | null; to_status: Ours.JobStatus | null };
  training_jobs: {
    best_metrics: Ours.BestMetrics | null;
    current_metrics: Ours.CurrentMetrics | null;
    estimate: Ours.PaceEstimate | null;
    gpu_config: Ours.GPUConfig;
    hyperparameters: Ours.HyperparameterConfig;
    preset_id: Ours.PresetId;
    resume_from: Ours.ResumePoint | null;
    status: Ours.JobStatus;
  };
};

// What is written, where that is something else than what is read.
export type Written = {
  model_artifacts: { artifacts: Ours.Json & {}; configuration: Ours.Json & {}; training_summary: Ours.Json & {} };
  training_jobs: {
    gpu_config: Ours.GPURequest;
    hyperparameters: Ours.HyperparameterRequest;
    preset_id: Ours.PresetRequest;
  };
};

// Where ours takes and gives more, because the CLI does not know it: numbers that are none arrive as texts, rows of a function hold NULLs,
// and triggers fill in what has no default.
export type Wider = {
  custom_metrics: 'value';
  metrics_points: 'gpu_utilization' | 'gradient_norm' | 'learning_rate' | 'throughput' | 'training_loss' | 'validation_loss';
};
export type Filled = {
  metrics_points: 'attempt';
  training_job_events: 'sequence';
  training_jobs: 'estimated_total_cost' | 'total_epochs';
};
export type WiderAnswers = 'cost_report' | 'sweep_training_jobs';

export type Arguments = {
  append_dataset_chunk: { encoding?: Ours.ChunkEncoding; options?: Ours.ValidationOptions; split?: Ours.DatasetSplit };
  check_dataset: { options?: Ours.ValidationOptions };
  create_training_job: {
    gpu_config?: Ours.GPURequest;
    hyperparameters?: Ours.HyperparameterRequest;
    preset_id?: Ours.PresetRequest;
  };
  fail_training_job: { failure_class: Ours.FailureClass };
  finish_dataset_validation: { options?: Ours.ValidationOptions };
  heartbeat_training_job: { checkpoint?: Ours.Checkpoint };
  record_cost: { period?: string };
  register_model_artifact: { artifacts: Record<string, Ours.ModelFile> };
  report_training_metrics: { on_conflict?: Ours.PointConflict; points: Ours.ReportedPoint[] };
  set_model_artifact_status: { status: Ours.ArtifactStatus };
  training_jobs_overview: { status?: Ours.JobStatus };
  training_metrics_curve: { method?: Ours.CurveMethod };
  validate_dataset: { options?: Ours.ValidationOptions };
};

export type Answers = {
  append_dataset_chunk: Ours.AppendedChunk;
  check_dataset: Ours.DatasetReport;
  cost_summary: Ours.CostSummary;
  finish_dataset_validation: Ours.DatasetReport;
  heartbeat_training_job: Ours.HeartbeatAnswer;
  report_training_metrics: Ours.MetricsReceipt;
  training_job_cost: Ours.TrainingJobCost;
  training_job_health: Ours.HealthFinding[];
  training_job_progress: Ours.TrainingJobProgress;
  training_jobs_overview: Ours.TrainingJobsPage;
  training_metrics_curve: Ours.MetricCurve[];
  validate_dataset: Ours.DatasetReport;
};
