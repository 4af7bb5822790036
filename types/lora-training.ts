// Written by "pg-lora types": change nothing here, write it anew.
//
// Rows, documents and answers of pg_lora, and its presets. The file needs no other one.

/** Any JSON value. */
export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[];

// Documents, answers and words

/** What `append_dataset_chunk` answers. */
export type AppendedChunk = {
  /** As it was sent. */
  chunk_number: number;
  /** Size of the chunk. */
  bytes: number;
  /** Whether it was there already. */
  duplicate: boolean;
};

/** Status of a model. */
export type ArtifactStatus = 'stored' | 'deployed' | 'archived';

/** `training_jobs.best_metrics`: the lowest losses so far. */
export type BestMetrics = {
  /** Lowest training loss. */
  training_loss?: BestValue;
  /** Lowest validation loss. */
  validation_loss?: BestValue;
};

/** The best value of a metric. */
export type BestValue = {
  /** Value. */
  value: number;
  /** Step that it is of. */
  step: number;
  /** Attempt that reported it. */
  attempt: number;
};

/** From one instant to another one. */
export type BudgetPeriod = {
  /** Begin. */
  from: string;
  /** End. */
  to: string;
};

/** What `cost_budget` and `set_cost_budget` answer: a budget, and how far its month has gone. */
export type BudgetState = {
  /** The smaller of the two limits; null without one. */
  limit: number | null;
  /** Limit that the owner chose. */
  monthly_limit: number | null;
  /** Limit that the operator set. */
  platform_limit: number | null;
  /** Whether no job starts beyond the owner's limit. */
  hard_stop: boolean;
  /** The limit beyond which no job starts; null without one. */
  hard_limit: number | null;
  /** ISO 4217 code. */
  currency: string;
  /** Whose months are meant. */
  time_zone: string;
  /** The month. */
  period: BudgetPeriod;
  /** Spent in it, what runs included. */
  spent: number;
  /** What queued and running jobs are still expected to take. */
  committed: number;
  /** What is left of the limit; null without one. */
  remaining: number | null;
  /** What the month will have cost. */
  forecast: number;
  /** What of it has led to nothing. */
  waste: BudgetWaste;
  /** Shares of the limit that the owner is told of. */
  thresholds: BudgetThreshold[];
};

/** A share of a limit. */
export type BudgetThreshold = {
  /** Share, in percent. */
  percent: number;
  /** The same as an amount; null without a limit. */
  amount: number | null;
  /** Whether what is spent and committed has come so far. */
  reached: boolean;
};

/** What of a month's cost has led to nothing. */
export type BudgetWaste = {
  /** Attempts that failed. */
  failed: number;
  /** Attempts that were cancelled. */
  cancelled: number;
  /** Attempts that were lost with their worker. */
  lost: number;
  /** How long runs have stood still. */
  stalled: number;
};

/** A checkpoint that a worker has saved. */
export type Checkpoint = {
  /** Step after which it was saved. */
  step: number;
  /** Where the next attempt finds it. */
  path: string;
  /** Size in bytes. */
  size?: number | null;
};

/** How a chunk is written in a text. */
export type ChunkEncoding = 'utf8' | 'base64';

/** What `estimate_training_cost` answers. */
export type CostEstimate = {
  /** Four times out of five it is not cheaper, where it was found by similar runs. */
  low: number;
  /** What is expected. */
  expected: number;
  /** As `low`, above. */
  high: number;
  /** How long the run takes. */
  hours: number;
  /** Optimizer steps. */
  steps: number;
  /** How it was found: `formula`, or by what similar runs have taken. */
  method: string;
  /** ISO 4217 code. */
  currency: string;
};

/** An attempt's GPU time. */
export type CostInterval = {
  /** Attempt. */
  attempt: number | null;
  /** When it began. */
  from: string;
  /** When it ended; null while it goes on. */
  to: string | null;
  /** GPU. */
  gpu_type: string | null;
  /** How many. */
  gpus: number | null;
  /** Price of one for an hour. */
  hourly_rate: number | null;
  /** Cost by the instant. */
  amount: number;
};

/** A line of `cost_report`: a charge, or what runs, on one day. */
export type CostLine = {
  /** Day of the time zone. */
  day: string;
  /** Kind of cost. */
  cost_type: string;
  /** GPU. */
  gpu_type: string | null;
  /** How many. */
  gpus: number | null;
  /** Price of one for an hour. */
  hourly_rate: number | null;
  /** Job. */
  job_id: string | null;
  /** Its status. */
  job_status: string | null;
  /** ISO 4217 code. */
  currency: string;
  /** What was spent. */
  amount: number;
  /** Whether it goes on. */
  is_open: boolean;
  /** Row of the ledger; null of what goes on. */
  record_id: string | null;
};

/** What was spent on a day. */
export type CostOfDay = {
  /** Day, as `2026-01-31`. */
  day: string | null;
  /** Sum. */
  amount: number;
};

/** What was spent on a GPU. */
export type CostOfGPU = {
  /** GPU, as jobs name it. */
  gpu_type: string | null;
  /** Sum. */
  amount: number;
};

/** What was spent on a job. */
export type CostOfJob = {
  /** Job. */
  job_id: string | null;
  /** Sum. */
  amount: number;
};

/** What was spent on jobs of a status. */
export type CostOfStatus = {
  /** Status of the jobs. */
  status: string | null;
  /** Sum. */
  amount: number;
};

/** What was spent on a kind of cost. */
export type CostOfType = {
  /** Kind, such as `training_compute`. */
  cost_type: string | null;
  /** Sum. */
  amount: number;
};

/** What `cost_summary` answers. Amounts have ten places; a group without a key has null. */
export type CostSummary = {
  /** ISO 4217 code; null without a record. */
  currency: string | null;
  /** Rows of the ledger. */
  records: number;
  /** Sum of all. */
  total: number;
  /** The same in the places in which the currency is paid. */
  rounded: number;
  /** What runs, and is in the sums already. */
  open_intervals: OpenIntervals;
  /** By day of the time zone. */
  by_day: CostOfDay[];
  /** By kind of cost. */
  by_type: CostOfType[];
  /** By GPU. */
  by_gpu: CostOfGPU[];
  /** By job. */
  by_job: CostOfJob[];
  /** By status of the job. */
  by_status: CostOfStatus[];
  /** First day. */
  from_date: string;
  /** Day after the last one. */
  to_date: string;
  /** Whose days they are. */
  time_zone: string;
};

/**
 * `training_jobs.current_metrics`: the newest values that are numbers. A job that has reported nothing but
 * metrics of its own has `custom` alone, although the specification's TypeScript has a loss and a rate always.
 */
export type CurrentMetrics = {
  /** Learning rate of the newest step. */
  learning_rate: number;
  /** Loss of the newest step. */
  training_loss: number;
  /** Metrics without a column, by name. */
  custom?: Record<string, CustomValue>;
  /** Percent. */
  gpu_utilization?: number;
  /** The newest training loss is no number; `training_loss` is the last that was. */
  non_finite?: boolean;
  /** Tokens a second. */
  throughput?: number;
  /** Loss of the newest evaluation. */
  validation_loss?: number;
};

/** A run of points that cannot be drawn, with none between them that can. */
export type CurveMark = {
  /** The x of the first one; NULL when that is no number itself. */
  from: number | null;
  /** The x of the last one. */
  to: number | null;
  /** Their y: `NaN`, `Infinity`, `-Infinity`, or `number` of an x that is none. */
  value: string;
  /** How many there are. */
  points: number;
};

/** A way to select. */
export type CurveMethod = 'minmax' | 'lttb' | 'minmaxlttb' | 'last';

/** The newest value of a metric without a column. */
export type CustomValue = {
  /** Value. */
  value: number;
  /** Step that it is of. */
  step: number;
};

/** One fault of a dataset. `line`, `error` and `suggestion` are the application's own names for it. */
export type DatasetFinding = {
  /** 1-based physical line; 0 for the file as a whole. */
  line: number;
  /** What is wrong, naming the thing. */
  error: string;
  /** What to do about it. */
  suggestion: string;
  /** Stable code of the rule. */
  code: string;
  /** How bad it is. */
  severity: Severity;
  /** Where in the line's object, such as `turns[2].content`; NULL for the line as a whole. */
  path: string | null;
  /** 0-based byte offset in the file of the fault, or of its line. */
  offset: number;
  /** At most 120 characters of the text there. */
  excerpt: string | null;
  /** `validation`: line and offset are those of the file that is held back. Left out for the file to train on. */
  split?: DatasetSplit;
};

/** What a client says that the file of a dataset is; what was found is `validation_report.shape`. */
export type DatasetFormat = 'brightrun_lora_v4' | 'brightrun_lora_v3';

/** A report as callers get it: with the edition that made it, which is no part of its identity. */
export type DatasetReport = {
  /** No error was found. */
  valid: boolean;
  /** `valid`, and there is at least one training pair. */
  training_ready: boolean;
  /** Shape of the first example, or of the document; NULL when there is none. */
  shape: DatasetShape | null;
  /** What tells the shape. */
  shape_reason: string | null;
  /** Profile of the validation. */
  profile: ValidationProfile;
  /** Version of the rules. */
  ruleset_version: string;
  /** Size of the content. */
  bytes: number;
  /** Physical lines, blank ones included. */
  lines: number;
  /** Trainable examples that are not held back for validation. */
  total_training_pairs: number;
  /**
   * Trainable examples that are held back: in a file of their own, or by a line that says `"split":
   * "validation"`.
   */
  total_validation_pairs: number;
  /** Distinct conversations among the examples. */
  conversations: number;
  /** User and assistant messages; of a document the elements of `training_pairs`. */
  messages: number;
  /** Pairs that the file itself declares; NULL when it does not. Exporters often count messages there. */
  declared_pairs: number | null;
  /** Conversations that a document declares; NULL when it does not. */
  declared_conversations: number | null;
  /** Content tokens: each user and assistant message once. */
  total_tokens: number;
  /** `messages / conversations`, two decimals; NULL without a conversation. */
  avg_turns_per_conversation: number | null;
  /** `total_tokens / messages`, two decimals; NULL without a message. */
  avg_tokens_per_turn: number | null;
  /** Tokens, with how they were counted. */
  tokens: TokenReport;
  /** Messages of a conversation. */
  turns: Spread;
  /** Exact number of findings of severity error, kept or not. */
  errors: number;
  /** Exact number of findings of severity warning, kept or not; what is found once for a file counts once. */
  warnings: number;
  /** Exact number of findings of every code, kept or not. */
  counts: Record<string, number>;
  /** The first findings, worst first. */
  findings: DatasetFinding[];
  /** Whether there were more findings than are kept. */
  truncated: boolean;
  /** The first conversations. */
  sample: SampledConversation[];
  /** Identity of the content: 32 hexadecimal digits, the same however it was divided. */
  content_digest: string;
  /** Which edition made it: `native` or `portable`. */
  edition: string;
  /**
   * Codes of rules that this edition cannot tell, with a coarser finding on the same line in their place. The
   * native one tells all.
   */
  rules_not_evaluated: string[];
  /** The file that is held back for validation; left out when there is none. */
  validation_file?: ValidationFile;
};

/** The shape of a file: that of its first example. */
export type DatasetShape =
  | 'pairs'
  | 'turns'
  | 'messages'
  | 'conversations'
  | 'sharegpt'
  | 'alpaca'
  | 'completion'
  | 'full'
  | 'individual';

/** A part of a dataset: what is trained on, and what is held back to see what was learned. */
export type DatasetSplit = 'train' | 'validation';

/** Status of a dataset. */
export type DatasetStatus = 'uploading' | 'validating' | 'ready' | 'error';

/** Token counts that the caller has. */
export type ExactTokens = {
  /** Each user and assistant message once. */
  content: number;
  /** Name of the tokenizer. */
  method: string;
  /** What an epoch costs; the estimate stands when left out. */
  sequence?: number;
};

/** Why an attempt failed. */
export type FailureClass =
  | 'user_error'
  | 'infrastructure'
  | 'out_of_memory'
  | 'diverged'
  | 'budget'
  | 'stalled';

/** `training_jobs.gpu_config`. */
export type GPUConfig = {
  /** GPU, as the price book names it. */
  gpu_type: string;
  /** How many of them. */
  num_gpus: number;
  /** Price of one for an hour, frozen when the job is made: that of the price book where it was left out. */
  cost_per_gpu_hour: number;
  /** Memory of one, in GB. A job that was asked for without it lacks it. */
  gpu_memory_gb: number;
  /** Whether they may be taken away at any time, at a lower price. */
  spot?: boolean;
};

/**
 * GPUs as they may be asked for: a type and a number, by either of their names; what the price book knows may be
 * left out.
 */
export type GPURequest = {
  /** Price of one for an hour; that of the price book when left out. */
  cost_per_gpu_hour?: number | null;
  /** `num_gpus`, by its short name. */
  count?: number;
  /** Memory of one, in GB. */
  gpu_memory_gb?: number;
  /** GPU, as the price book names it. */
  gpu_type?: string;
  /** How many of them. */
  num_gpus?: number;
  /** Whether they may be taken away at any time, at a lower price. */
  spot?: boolean;
  /** `gpu_type`, by its short name. */
  type?: string;
};

/** One thing that is wrong. */
export type HealthFinding = {
  /** Name of the rule. */
  rule: 'non_finite' | 'divergence' | 'overfit' | 'learning_rate_zero' | 'gradient_spike' | 'throughput_drop' | 'gpu_idle' | 'plateau';
  /** Of the rule. */
  severity: Severity;
  /** First step that it holds at. */
  from_step: number;
  /** Last one. */
  to_step: number;
  /** The figures that it rests on. */
  evidence: Json;
  /** Of the rule. */
  suggestion: string;
};

/** What `heartbeat_training_job` answers. */
export type HeartbeatAnswer = {
  /** Whether to stop. */
  cancel_requested: boolean;
  /** Until when the worker may be silent; null of a cancelled job. */
  lease_expires_at: string | null;
};

/** `training_jobs.hyperparameters`. */
export type HyperparameterConfig = {
  /** Name of the model that is tuned, as its hub knows it. */
  base_model: string;
  /** Peak learning rate. */
  learning_rate: number;
  /** Examples in one optimizer step. */
  batch_size: number;
  /** Passes over the dataset. */
  num_epochs: number;
  /** Rank of the adapter's matrices. */
  lora_rank: number;
  /** Scale of the adapter. */
  lora_alpha: number;
  /** Dropout of the adapter's inputs, 0 to 1. */
  lora_dropout: number;
  /** Batches that make one optimizer step; 1 when left out. */
  gradient_accumulation_steps?: number;
  /** Optimizer steps, in place of the epochs. */
  max_steps?: number;
  /** Steps over which the learning rate rises; the trainer's own when left out. */
  warmup_steps?: number;
  /** Decay of the weights; the trainer's own when left out. */
  weight_decay?: number;
};

/**
 * Hyperparameters as they may be sent: what is left out comes from the preset, and the short names are
 * understood.
 */
export type HyperparameterRequest = {
  /** `lora_alpha`, by its short name. */
  alpha?: number;
  /** Name of the model that is tuned, as its hub knows it. */
  base_model?: string;
  /** Examples in one optimizer step. */
  batch_size?: number;
  /** `lora_dropout`, by its short name. */
  dropout?: number;
  /** `num_epochs`, by its short name. */
  epochs?: number;
  /** Batches that make one optimizer step. */
  gradient_accumulation_steps?: number;
  /** Peak learning rate, above 0 and at most 1. */
  learning_rate?: number;
  /** Scale of the adapter. */
  lora_alpha?: number;
  /** Dropout of the adapter's inputs, 0 to below 1. */
  lora_dropout?: number;
  /** Rank of the adapter's matrices. */
  lora_rank?: number;
  /** Optimizer steps, in place of the epochs. */
  max_steps?: number;
  /** Passes over the dataset. */
  num_epochs?: number;
  /** `lora_rank`, by its short name. */
  rank?: number;
  /** Steps over which the learning rate rises. */
  warmup_steps?: number;
  /** Decay of the weights. */
  weight_decay?: number;
};

/** What a job costs. */
export type JobCost = {
  /** Up to the instant; null while it is not charged. */
  current: number | null;
  /** At the end, as far as that can be told. */
  projected: number | null;
};

/** A job's status, as the tables store it. */
export type JobStatus = 'queued' | 'initializing' | 'running' | 'completed' | 'failed' | 'cancelled';

/** A series of `training_metrics_curve`. */
export type MetricCurve = {
  /** Job. */
  job_id: string;
  /** Metric, as it was asked for. */
  metric: string;
  /** Of the points, in rising order. */
  x: number[];
  /** Of the same points. */
  y: number[];
  /** Where points are that cannot be drawn. */
  marks: CurveMark[];
  /** Points of the whole series. */
  points: number;
  /** Those among them that are no numbers. */
  non_finite: number;
};

/** A measured number. JSON has no NaN and no infinity: those come, and go, as texts. */
export type MetricValue = number | NonFinite;

/** What `report_training_metrics` answers. */
export type MetricsReceipt = {
  /** Points that are new. */
  accepted: number;
  /** Points that were recorded before. */
  duplicates: number;
  /** Points whose values took the place of others. */
  replaced: number;
  /** Points that were not recorded. */
  refused: ToldPoint[];
  /** Points that were, and should be looked at. */
  warnings: ToldPoint[];
  /** Percent of the job. */
  progress: number;
  /** Whether to stop. */
  cancel_requested: boolean;
};

/**
 * `model_artifacts.configuration`: what its job was asked for. An application that inserts models by itself may
 * have written anything.
 */
export type ModelConfiguration = {
  /** GPUs. */
  gpu_config?: GPUConfig;
  /** Hyperparameters. */
  hyperparameters?: HyperparameterConfig;
  /** Preset. */
  preset_id?: PresetId;
};

/** A file of a model, as it is registered. */
export type ModelFile = {
  /** Path in the bucket, which begins with the owner's id. */
  path: string;
  /** Size in bytes. */
  size: number;
  /** 64 hexadecimal digits. */
  sha256: string;
};

/** What a run that diverges reports. */
export type NonFinite = 'NaN' | 'Infinity' | '-Infinity';

/** How urgent a notification is. */
export type NotificationPriority = 'low' | 'medium' | 'high';

/** Attempts that go on, and so have no row of the ledger yet. */
export type OpenIntervals = {
  /** How many. */
  count: number;
  /** What they cost so far, on the days that are asked for. */
  amount: number;
  /** Until when. */
  until: string;
};

/** `training_jobs.estimate`: what is expected of the attempt before it shows its pace. */
export type PaceEstimate = {
  /** Seconds until the first step begins. */
  preparation_seconds: number;
  /** Seconds of a step, pauses apart. */
  seconds_per_step: number;
  /** Seconds of evaluations and checkpoints for each step. */
  pause_seconds_per_step: number;
  /** Step after which the attempt goes on. */
  from_step: number;
};

/** What to do with a point whose step is recorded with another value. */
export type PointConflict = 'refuse' | 'replace';

/** One thing that is wrong with a point. */
export type PointFinding = {
  /** Stable code. */
  code: string;
  /** `error`, and the point cannot be recorded, or `warning`. */
  severity: Severity;
  /** The field, or none of the point as a whole. */
  field: string | null;
  /** What is wrong, naming the thing. */
  error: string;
  /** What to do about it. */
  suggestion: string;
};

/** A preset of hyperparameters. */
export type PresetId = 'conservative' | 'balanced' | 'aggressive' | 'custom';

/** A preset as it may be asked for: the application's own `fast` and `quality` are stored as `custom`. */
export type PresetRequest = PresetId | 'fast' | 'quality';

/**
 * A point as `report_training_metrics` takes it. Any other key is a metric of its own. A point of such metrics
 * alone needs nothing but its step.
 */
export type ReportedPoint = {
  /** Optimizer step. */
  step: number;
  /** Epoch. */
  epoch?: number;
  /** Percent. */
  gpu_utilization?: MetricValue | null;
  /** Norm of the gradient before it is clipped. */
  gradient_norm?: MetricValue | null;
  /** Learning rate of the step. */
  learning_rate?: MetricValue;
  /** Tokens a second. */
  throughput?: MetricValue | null;
  /** When it was measured; now when left out. */
  timestamp?: string;
  /** Loss of the step. */
  training_loss?: MetricValue;
  /** Loss of an evaluation. */
  validation_loss?: MetricValue | null;
} & { [name: string]: Json | undefined };

/** `training_jobs.resume_from`: the last checkpoint of the attempts before this one. */
export type ResumePoint = {
  /** Attempt that saved it. */
  attempt: number;
  /** Step after which it was saved. */
  step: number;
  /** Where it is. */
  path: string;
  /** Size in bytes. */
  size?: number;
};

/** A conversation of the sample. */
export type SampledConversation = {
  /** Its id, as the file gives it; NULL when its shape has none. */
  conversation_id: string | null;
  /** Its first messages. */
  turns: SampledMessage[];
};

/** A message of the sample. */
export type SampledMessage = {
  /** `user` or `assistant`. */
  role: string;
  /** Its text, cut when long. */
  content: string;
};

/** How bad a finding is. The order matters: kept findings are sorted by it first. */
export type Severity = 'error' | 'warning' | 'info';

/** For how long nothing was reported. */
export type Silence = {
  /** How long it is. */
  seconds: number;
  /** How long it may be. */
  budget_seconds: number | null;
};

/** What reports say of a distribution. NULL without a number. */
export type Spread = {
  /** Smallest, exactly. */
  min: number | null;
  /** Median, by nearest rank: exact to 4,096, beyond it the lower end of a sixteenth of an octave. */
  p50: number | null;
  /** 95th percentile, likewise. */
  p95: number | null;
  /** Largest, exactly. */
  max: number | null;
};

/**
 * A file of `model_artifacts.artifacts`. Those of models that an application inserted by itself may lack all but
 * the path.
 */
export type StoredModelFile = {
  /** Path in the bucket. */
  path: string;
  /** 64 hexadecimal digits. */
  sha256?: string;
  /** Size in bytes. */
  size?: number;
};

/** A thing that `sweep_training_jobs` has done, or has seen. */
export type SweptThing = {
  /** `job`, `queue`, `chunks` or `notifications`. */
  kind: string;
  /** The job; null of what is no job. */
  job_id: string | null;
  /** Its attempt. */
  attempt: number | null;
  /** `queued again`, `failed`, `notified`, `stalled`, `left`, `waiting` or `removed`. */
  action: string;
  /** Why. */
  reason: string;
  /** Since when. */
  since: string | null;
};

/** Seconds that are left: an interval and what is expected, or a reason why there is none. */
export type TimeLeft = {
  /** Four times out of five the truth is not below it. */
  low: number | null;
  /** Steps at the attempt's pace, with the pauses that are still to come. */
  expected: number | null;
  /** As `low`, above. */
  high: number | null;
  /**
   * Why the three are NULL: `queued`, `no_points`, `one_point`, `total_steps_unknown`, `implausible` (more than
   * ten years: a worker's clock was wrong), `saving` or `ended`.
   */
  reason: string | null;
  /** `measured`, or `estimate` where it is what was expected before the attempt; NULL where there is none. */
  method: string | null;
};

/** Token counts and their error. */
export type TokenReport = {
  /** How tokens were counted: the name of the estimator, or the caller's own. */
  method: string;
  /** How far `content` and `sequence` may be off, in percent; 0 when the caller has counted both. */
  error_band_pct: number;
  /** Each user and assistant message once. */
  content: number;
  /** What an epoch costs: for each example its system prompt, history, input and reply. */
  sequence: number;
  /** Messages of the examples by role, by estimate; a history is not counted again. */
  by_role: Record<string, number>;
  /** Smallest, exactly. */
  min: number | null;
  /** Median, by nearest rank: exact to 4,096, beyond it the lower end of a sixteenth of an octave. */
  p50: number | null;
  /** 95th percentile, likewise. */
  p95: number | null;
  /** Largest, exactly. */
  max: number | null;
  /** The longest example that counts as fitting. */
  window: number;
  /** Examples that are longer, by estimate. */
  over_window: number;
};

/** A point of a batch, and what is wrong with it. */
export type ToldPoint = {
  /** Place in the batch, from 0. */
  index: number;
  /** Its step, as it was sent. */
  step: Json;
  /** The first reason. */
  reason: string;
  /** All that is wrong; left out where another value is recorded. */
  findings?: PointFinding[];
  /** The metric of its own that is meant. */
  metric?: string;
};

/** A dataset as it was when a model was made of it. */
export type TrainedDataset = {
  /** Dataset. */
  id: string;
  /** Its name. */
  name: string;
  /** Identity of its content. */
  content_digest?: string;
  /** SHA-256 of its content. */
  content_sha256?: string;
  /** Its content tokens. */
  total_tokens?: number;
  /** Its training pairs. */
  total_training_pairs?: number;
};

/** What `training_job_cost` answers. */
export type TrainingJobCost = {
  /** Job. */
  job_id: string;
  /** Instant by which it costs that. */
  at: string;
  /** Status of the job. */
  status: JobStatus;
  /** One for each attempt that was claimed by then. */
  intervals: CostInterval[];
  /** ISO 4217 code. */
  currency: string;
  /** Sum of the intervals, ten places. */
  total: number;
  /** The same in the places in which the currency is paid. */
  rounded: number;
};

/** What `training_job_progress` answers. */
export type TrainingJobProgress = {
  /** Status of the job. */
  status: JobStatus;
  /** Stage that its worker announced last. */
  stage: string;
  /** Attempt that all of this is of. */
  attempt: number;
  /** 0 to 100, two decimals; 100 only when completed. */
  percent: number;
  /** Newest step of the attempt; NULL before the first one. */
  step: number | null;
  /** Steps of the whole run, when known. */
  total_steps: number | null;
  /** Seconds per step of this attempt, pauses apart; NULL below two points. */
  seconds_per_step: number | null;
  /** Seconds left, counted from the instant asked for. */
  eta: TimeLeft;
  /** Whether it is well; null of an instant of the past. */
  verdict: Verdict | null;
  /**
   * Why: `ended`, `unknown`, `progressing`, `in_stage`, `slow_steps`, `no_progress`, `stage_too_long`,
   * `queue_too_long`, `lease_expired`, `no_heartbeat`, `queued`, or `past` and `unknown_status`, of which there
   * is no verdict.
   */
  verdict_reason: string;
  /** For how long nothing was reported; null where that is no sign. */
  silence: Silence | null;
  /** How many jobs are claimed before it, and one; null of a job that is not queued. */
  queue_position: number | null;
  /** When its turn comes, as workers went on in the last hour. */
  expected_start_at: string | null;
  /** What it costs. */
  cost: JobCost;
};

/** A job of a page of `training_jobs_overview`. */
export type TrainingJobSummary = {
  /** Job. */
  id: string;
  /** Dataset that it trains on. */
  dataset_id: string;
  /** Name of the dataset. */
  dataset_name: string | null;
  /** Preset. */
  preset_id: PresetId;
  /** Model that is tuned. */
  base_model: string | null;
  /** GPUs. */
  gpu_config: GPUConfig;
  /** When it was made. */
  created_at: string;
  /** Since when it waited. */
  queued_at: string;
  /** When its attempt began. */
  started_at: string | null;
  /** When it ended. */
  completed_at: string | null;
  /** Model that it has made. */
  artifact_id: string | null;
  /** Kind of its failure. */
  failure_class: string | null;
  /** What went wrong. */
  error_message: string | null;
  /** Newest metrics. */
  last_metrics: CurrentMetrics | null;
  /** Lowest losses. */
  best_metrics: BestMetrics | null;
  /** As `training_job_progress` answers it. */
  progress: TrainingJobProgress;
};

/** What `training_jobs_overview` answers. */
export type TrainingJobsPage = {
  /** The newest first. */
  jobs: TrainingJobSummary[];
  /** The `before` of the next page; null on the last one. */
  next: string | null;
};

/**
 * `model_artifacts.training_summary`: how it came about, as far as that is known. An application that inserts
 * models by itself may have written anything.
 */
export type TrainingSummary = {
  /** Attempts that it took. */
  attempts?: number;
  /** Lowest losses. */
  best_metrics?: BestMetrics;
  /** What it cost, two places. */
  cost?: number;
  /** What it was trained on. */
  dataset?: TrainedDataset;
  /** Epochs that were done. */
  epochs?: number;
  /** Metrics at the end. */
  final_metrics?: CurrentMetrics;
  /** Steps that were done. */
  steps?: number;
  /** Steps that were to do. */
  total_steps?: number;
  /** How long the last one took. */
  training_seconds?: number;
};

/**
 * An element of `datasets.validation_errors`. The database writes all members; the rows of an application may
 * hold the first three alone.
 */
export type ValidationError = {
  /** 1-based line; 0 for the file as a whole. */
  line: number;
  /** What is wrong, naming the thing. */
  error: string;
  /** Stable code of the rule. */
  code?: string;
  /** At most 120 characters of the text there. */
  excerpt?: string | null;
  /** 0-based byte offset in the file. */
  offset?: number;
  /** Where in the line's object, such as `turns[2].content`; null for the line as a whole. */
  path?: string | null;
  /** How bad it is. */
  severity?: Severity;
  /** `validation` where it is about the file that is held back. */
  split?: DatasetSplit;
  /** What to do about it. */
  suggestion?: string;
};

/** What a report says of the file that is held back. */
export type ValidationFile = {
  /** Shape of its first example, or of the document; NULL when there is none. */
  shape: DatasetShape | null;
  /** Size of its content. */
  bytes: number;
  /** Physical lines, blank ones included. */
  lines: number;
  /** Identity of its content. */
  content_digest: string;
};

/** What may be asked of a validation. Any other key is refused. */
export type ValidationOptions = {
  /** What the file is taken for: `brightrun_lora_v4`, `brightrun_lora_v3` or the name of a shape. */
  declared_format?: string;
  /** Token counts of the real tokenizer, in place of the estimate. */
  exact_tokens?: ExactTokens;
  /** Fewest training pairs, in place of the profile's. */
  min_examples?: number;
  /** Who trains on the file; `brightrun` when left out. */
  profile?: ValidationProfile;
  /** Longest example in tokens, in place of the profile's. */
  window?: number;
};

/** Who trains on the file. */
export type ValidationProfile = 'brightrun' | 'openai' | 'mistral' | 'together';

/** How a job is. */
export type Verdict = 'ok' | 'slow' | 'stalled' | 'lost' | 'waiting';

// Rows

/** A row of `datasets`. Files to train on: what their owner registered, and what validation found */
export type Dataset = {
  /** The dataset */
  id: string;
  /** Owner; never changes */
  user_id: string;
  /** Name that the owner gave it */
  name: string;
  /** What the owner says of it */
  description: string | null;
  /** Format that was declared; the shape that was found is in validation_report */
  format: DatasetFormat;
  /** uploading, validating, ready or error */
  status: DatasetStatus;
  /** Bucket of the file */
  storage_bucket: string;
  /** Path of the file in its bucket, never a URL; begins with the id of the owner */
  storage_path: string;
  /** Name that the file had where it came from */
  file_name: string;
  /** Bytes of the file: as declared, and as storage measured as soon as it is there */
  file_size: number;
  /** Pairs to train on; set by validation */
  total_training_pairs: number | null;
  /** Pairs that are held back; set by validation */
  total_validation_pairs: number | null;
  /** Tokens of the content; set by validation */
  total_tokens: number | null;
  /** Messages of a conversation, on average; set by validation */
  avg_turns_per_conversation: number | null;
  /** Tokens of a message, on average; set by validation */
  avg_tokens_per_turn: number | null;
  /** Whether jobs may train on it; set by validation */
  training_ready: boolean;
  /** When it was validated last */
  validated_at: string | null;
  /** What keeps it from being ready, the first of each kind; NULL when nothing does */
  validation_errors: ValidationError[] | null;
  /** Its first three conversations */
  sample_data: SampledConversation[] | null;
  /** When it was registered */
  created_at: string;
  /** When the row was last changed */
  updated_at: string;
  /** When its owner deleted it; NULL brings it back */
  deleted_at: string | null;
  /** Why the dataset is not usable, in one line; set by validation */
  error_message: string | null;
  /** SHA-256 of the content that was validated, in hex */
  content_sha256: string | null;
  /** The whole report of the last validation */
  validation_report: DatasetReport | null;
  /** Version of the rules of the last validation */
  ruleset_version: string | null;
  /** Identity of the content that was validated, the same in however many chunks it came */
  content_digest: string | null;
};

/** A row of `training_jobs`. Runs of training, from the queue to their end */
export type TrainingJob = {
  /** The job */
  id: string;
  /** Owner; never changes */
  user_id: string;
  /** Dataset that it trains on */
  dataset_id: string;
  /** Preset whose hyperparameters hold where none are given */
  preset_id: PresetId;
  /** All hyperparameters, those of the preset included */
  hyperparameters: HyperparameterConfig;
  /** GPUs, and what one of them costs for an hour, frozen when the job is made */
  gpu_config: GPUConfig;
  /** queued, initializing, running, completed, failed or cancelled */
  status: JobStatus;
  /** What is being done, in the words of the worker */
  current_stage: string;
  /** Percent, weighted by stage; 100 only when completed */
  progress: number;
  /** Epoch of the newest point */
  current_epoch: number;
  /** Epochs that there will be */
  total_epochs: number;
  /** Furthest optimizer step of the current attempt */
  current_step: number;
  /** Optimizer steps that there will be; NULL when nobody can know */
  total_steps: number | null;
  /** Last finite values; non_finite says that the newest was none */
  current_metrics: CurrentMetrics | null;
  /** When it joined the queue, or returned to it */
  queued_at: string;
  /** When the current attempt began, from which on its GPUs cost */
  started_at: string | null;
  /** When it ended, in whatever way */
  completed_at: string | null;
  /** When it will end, at the pace so far */
  estimated_completion_at: string | null;
  /** Cost so far, rounded for display */
  current_cost: number;
  /** Cost that is expected, rounded for display; estimated by the database */
  estimated_total_cost: number;
  /** Cost of all attempts when it ended, rounded for display */
  final_cost: number | null;
  /** Why it failed, in one line */
  error_message: string | null;
  /** Where in the program it failed */
  error_stack: string | null;
  /** Attempts before this one */
  retry_count: number;
  /** Name of the run at the provider of the GPUs; set by the service */
  external_job_id: string | null;
  /** Model that came of it */
  artifact_id: string | null;
  /** When it was asked for */
  created_at: string;
  /** When the row was last changed */
  updated_at: string;
  /** Rises each time the job returns to the queue; a worker names it in every write */
  attempt: number;
  /** Name of the worker that claimed the job */
  claimed_by: string | null;
  /** When the claim lapses unless a heartbeat renews it */
  lease_expires_at: string | null;
  /** When the worker was last heard of */
  last_heartbeat_at: string | null;
  /** When the worker last reported a step */
  last_progress_at: string | null;
  /** When the owner asked for the end of the job */
  cancel_requested_at: string | null;
  /** The caller's own key of the request that made the job */
  idempotency_key: string | null;
  /** How often the job may be tried in all */
  max_attempts: number;
  /** Kind of the failure, which decides whether another attempt makes sense */
  failure_class: string | null;
  /** Finished job that this one repeats */
  retry_of: string | null;
  /** Last checkpoint of the attempts before this one: attempt, step, path, size */
  resume_from: ResumePoint | null;
  /** When the current stage began */
  stage_changed_at: string | null;
  /** Lowest losses so far, each with its step and attempt */
  best_metrics: BestMetrics | null;
  /**
   * What is expected of the attempt before it shows its pace: preparation_seconds, seconds_per_step,
   * pause_seconds_per_step, from_step
   */
  estimate: PaceEstimate | null;
};

/** A row of `metrics_points`. What was measured, once for each job, attempt and step */
export type MetricsPoint = {
  /** The point */
  id: string;
  /** Job */
  job_id: string;
  /** When it was measured, by the clock of the worker */
  timestamp: string | null;
  /** Epoch of the step */
  epoch: number;
  /** Optimizer step */
  step: number;
  /** Training loss; NaN and infinity are kept */
  training_loss: MetricValue;
  /** Validation loss, of an evaluation */
  validation_loss: MetricValue | null;
  /** Learning rate */
  learning_rate: MetricValue;
  /** Norm of the gradient */
  gradient_norm: MetricValue | null;
  /** Tokens in a second */
  throughput: MetricValue | null;
  /** Percent of the time that the GPUs were at work */
  gpu_utilization: MetricValue | null;
  /** Attempt of the job that reported the point */
  attempt: number;
};

/** A row of `model_artifacts`. Models that jobs made */
export type ModelArtifact = {
  /** The model */
  id: string;
  /** Owner; never changes */
  user_id: string;
  /** Job that made it */
  job_id: string;
  /** Dataset that it was trained on */
  dataset_id: string;
  /** Name that the owner gave it */
  name: string;
  /** Version; there is one of each name and version */
  version: string | null;
  /** What the owner says of it */
  description: string | null;
  /** stored, deployed or archived */
  status: ArtifactStatus | null;
  /** When it was deployed */
  deployed_at: string | null;
  /** How good it is, as the worker measured it */
  quality_metrics: NonNullable<Json>;
  /** How it was trained, from the job */
  training_summary: TrainingSummary;
  /** Preset, hyperparameters and GPUs of the job */
  configuration: ModelConfiguration;
  /** Its files by name: path in the bucket lora-models, size in bytes, sha256 */
  artifacts: Record<string, StoredModelFile>;
  /** Model that it was trained on from */
  parent_model_id: string | null;
  /** When it was registered */
  created_at: string | null;
  /** When the row was last changed */
  updated_at: string | null;
  /** When its owner deleted it; NULL brings it back */
  deleted_at: string | null;
};

/**
 * A row of `cost_records`. Ledger: what users were charged. Rows are only ever added; a correction is a row of
 * its own
 */
export type CostRecord = {
  /** The row */
  id: string;
  /** Who was charged */
  user_id: string;
  /** Job that it is for; NULL when it is for none, or the job is gone */
  job_id: string | null;
  /** What it is for, such as training_compute or storage */
  cost_type: string;
  /** Exact amount in the currency, ten places */
  amount: number;
  /** What else is to be said of it */
  details: Json | null;
  /** Day of the charge, in UTC: that of the begin of its period */
  billing_period: string;
  /** When the row was written */
  recorded_at: string | null;
  /** Key of the event that is charged; it can be charged once */
  idempotency_key: string | null;
  /** When the GPUs were held, for costs by time */
  period: string | null;
  /** Price of one GPU for one hour during the period */
  hourly_rate: number | null;
  /** GPU that was held */
  gpu_type: string | null;
  /** Number of GPUs that were held */
  gpus: number | null;
  /** ISO 4217 code */
  currency: string;
  /** Row whose amount this one corrects */
  corrects: string | null;
};

/** A row of `notifications`. What users are told */
export type UserNotification = {
  /** The notification */
  id: string;
  /** Who is told */
  user_id: string;
  /** What happened, such as job_completed */
  type: string;
  /** Title */
  title: string;
  /** What is said */
  message: string;
  /** low, medium or high */
  priority: NotificationPriority | null;
  /** Whether it was read */
  read: boolean | null;
  /** Where a click leads */
  action_url: string | null;
  /** What it is of: ids of job, dataset or model, and figures */
  metadata: Json | null;
  /** When it was written */
  created_at: string | null;
  /** Event that the notification tells of, set by the database; NULL for all others */
  dedupe_key: string | null;
};

/** A row of `training_job_events`. What happened to each job, in order. Rows are only ever added */
export type TrainingJobEvent = {
  /** Job that it happened to */
  job_id: string;
  /** Place among the events of the job, from 1 */
  sequence: number;
  /** When it happened */
  at: string;
  /** Who did it: a user, a worker, the service or the database */
  actor: string;
  /** What happened, in one word */
  kind: string;
  /** Status before, of a change of status */
  from_status: JobStatus | null;
  /** Status after, of a change of status */
  to_status: JobStatus | null;
  /** Attempt of the job that it belongs to */
  attempt: number;
  /** Facts of the kind: step, path and size of a checkpoint */
  payload: Json | null;
};

/** A row of `gpu_prices`. Price book: what a GPU costs and does, and when */
export type GPUPrice = {
  /** GPU, as jobs name it */
  gpu_type: string;
  /** Price of one GPU for one hour */
  hourly_rate: number;
  /** Tokens that one GPU trains on in a second, for estimates */
  tokens_per_second: number;
  /** When the price holds; prices of one GPU do not overlap */
  valid: string;
  /** Price of one GPU for one hour that may be taken away at any time; none when NULL */
  spot_hourly_rate: number | null;
};

/** A row of `cost_budgets`. Limit of what a user spends in a month; the smaller of the two limits counts */
export type CostBudget = {
  /** Whose budget it is */
  user_id: string;
  /** Limit that the owner chose; none when NULL */
  monthly_limit: number | null;
  /** Limit that the operator set; none when NULL */
  platform_limit: number | null;
  /** Whether no job starts beyond the limit, or only a notification says so */
  hard_stop: boolean;
  /** Time zone whose months are meant */
  time_zone: string;
  /** ISO 4217 code of the limits */
  currency: string;
  /** When the budget was made */
  created_at: string;
  /** When the budget was last changed */
  updated_at: string;
};

/**
 * A row of `custom_metrics`. Values of metrics without a column in metrics_points, once for each job, metric,
 * attempt and step
 */
export type CustomMetric = {
  /** Job */
  job_id: string;
  /** Name, as the worker reports it */
  metric: string;
  /** Attempt of the job that reported the value */
  attempt: number;
  /** Optimizer step */
  step: number;
  /** Value; NaN and infinity are kept */
  value: MetricValue;
};

// Presets

/** The hyperparameters that each preset stands for; `custom` is where one's own start from. */
export const HYPERPARAMETER_PRESETS: Record<PresetId, HyperparameterConfig> = {
  conservative: {
    base_model: 'mistralai/Mistral-7B-v0.1',
    learning_rate: 0.0001,
    batch_size: 4,
    num_epochs: 3,
    lora_rank: 8,
    lora_alpha: 16,
    lora_dropout: 0.05,
  },
  balanced: {
    base_model: 'mistralai/Mistral-7B-v0.1',
    learning_rate: 0.0002,
    batch_size: 8,
    num_epochs: 5,
    lora_rank: 16,
    lora_alpha: 32,
    lora_dropout: 0.1,
  },
  aggressive: {
    base_model: 'mistralai/Mistral-7B-v0.1',
    learning_rate: 0.0003,
    batch_size: 16,
    num_epochs: 10,
    lora_rank: 32,
    lora_alpha: 64,
    lora_dropout: 0.1,
  },
  custom: {
    base_model: 'mistralai/Mistral-7B-v0.1',
    learning_rate: 0.0002,
    batch_size: 8,
    num_epochs: 5,
    lora_rank: 16,
    lora_alpha: 32,
    lora_dropout: 0.1,
  },
};
