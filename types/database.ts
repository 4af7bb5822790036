// Written by "pg-lora types": change nothing here, write it anew.

import type {
  AppendedChunk,
  ArtifactStatus,
  BestMetrics,
  BudgetState,
  Checkpoint,
  ChunkEncoding,
  CostBudget,
  CostEstimate,
  CostLine,
  CostRecord,
  CostSummary,
  CurrentMetrics,
  CurveMethod,
  CustomMetric,
  Dataset,
  DatasetFormat,
  DatasetReport,
  DatasetSplit,
  DatasetStatus,
  FailureClass,
  GPUPrice,
  GPURequest,
  HealthFinding,
  HeartbeatAnswer,
  HyperparameterRequest,
  JobStatus,
  Json,
  MetricCurve,
  MetricValue,
  MetricsPoint,
  MetricsReceipt,
  ModelArtifact,
  ModelFile,
  NotificationPriority,
  PaceEstimate,
  PointConflict,
  PresetRequest,
  ReportedPoint,
  ResumePoint,
  SampledConversation,
  SweptThing,
  TrainingJob,
  TrainingJobCost,
  TrainingJobEvent,
  TrainingJobProgress,
  TrainingJobsPage,
  UserNotification,
  ValidationError,
  ValidationOptions,
} from './lora-training.js';

export type { Json };

/** Schema `public`, for `createClient<Database>()`. */
export type Database = {
  public: {
    Tables: {
      /** Limit of what a user spends in a month; the smaller of the two limits counts */
      cost_budgets: {
        Row: CostBudget;
        Insert: {
          user_id: string;
          monthly_limit?: number | null;
          platform_limit?: number | null;
          hard_stop?: boolean;
          time_zone?: string;
          currency?: string;
          created_at?: string;
          updated_at?: string;
        };
        Update: {
          user_id?: string;
          monthly_limit?: number | null;
          platform_limit?: number | null;
          hard_stop?: boolean;
          time_zone?: string;
          currency?: string;
          created_at?: string;
          updated_at?: string;
        };
        Relationships: [];
      };
      /** Ledger: what users were charged. Rows are only ever added; a correction is a row of its own */
      cost_records: {
        Row: CostRecord;
        Insert: {
          id?: string;
          user_id: string;
          job_id?: string | null;
          cost_type: string;
          amount: number;
          details?: Json | null;
          billing_period: string;
          recorded_at?: string | null;
          idempotency_key?: string | null;
          period?: string | null;
          hourly_rate?: number | null;
          gpu_type?: string | null;
          gpus?: number | null;
          currency?: string;
          corrects?: string | null;
        };
        Update: {
          id?: string;
          user_id?: string;
          job_id?: string | null;
          cost_type?: string;
          amount?: number;
          details?: Json | null;
          billing_period?: string;
          recorded_at?: string | null;
          idempotency_key?: string | null;
          period?: string | null;
          hourly_rate?: number | null;
          gpu_type?: string | null;
          gpus?: number | null;
          currency?: string;
          corrects?: string | null;
        };
        Relationships: [
          {
            foreignKeyName: 'cost_records_corrects_fkey';
            columns: ['corrects'];
            isOneToOne: false;
            referencedRelation: 'cost_records';
            referencedColumns: ['id'];
          },
          {
            foreignKeyName: 'cost_records_job_id_fkey';
            columns: ['job_id'];
            isOneToOne: false;
            referencedRelation: 'training_jobs';
            referencedColumns: ['id'];
          },
        ];
      };
      /** Values of metrics without a column in metrics_points, once for each job, metric, attempt and step */
      custom_metrics: {
        Row: CustomMetric;
        Insert: {
          job_id: string;
          metric: string;
          attempt: number;
          step: number;
          value: MetricValue;
        };
        Update: {
          job_id?: string;
          metric?: string;
          attempt?: number;
          step?: number;
          value?: MetricValue;
        };
        Relationships: [
          {
            foreignKeyName: 'custom_metrics_job_id_fkey';
            columns: ['job_id'];
            isOneToOne: false;
            referencedRelation: 'training_jobs';
            referencedColumns: ['id'];
          },
        ];
      };
      /** Files to train on: what their owner registered, and what validation found */
      datasets: {
        Row: Dataset;
        Insert: {
          id?: string;
          user_id: string;
          name: string;
          description?: string | null;
          format?: DatasetFormat;
          status?: DatasetStatus;
          storage_bucket?: string;
          storage_path: string;
          file_name: string;
          file_size: number;
          total_training_pairs?: number | null;
          total_validation_pairs?: number | null;
          total_tokens?: number | null;
          avg_turns_per_conversation?: number | null;
          avg_tokens_per_turn?: number | null;
          training_ready?: boolean;
          validated_at?: string | null;
          validation_errors?: ValidationError[] | null;
          sample_data?: SampledConversation[] | null;
          created_at?: string;
          updated_at?: string;
          deleted_at?: string | null;
          error_message?: string | null;
          content_sha256?: string | null;
          validation_report?: DatasetReport | null;
          ruleset_version?: string | null;
          content_digest?: string | null;
        };
        Update: {
          id?: string;
          user_id?: string;
          name?: string;
          description?: string | null;
          format?: DatasetFormat;
          status?: DatasetStatus;
          storage_bucket?: string;
          storage_path?: string;
          file_name?: string;
          file_size?: number;
          total_training_pairs?: number | null;
          total_validation_pairs?: number | null;
          total_tokens?: number | null;
          avg_turns_per_conversation?: number | null;
          avg_tokens_per_turn?: number | null;
          training_ready?: boolean;
          validated_at?: string | null;
          validation_errors?: ValidationError[] | null;
          sample_data?: SampledConversation[] | null;
          created_at?: string;
          updated_at?: string;
          deleted_at?: string | null;
          error_message?: string | null;
          content_sha256?: string | null;
          validation_report?: DatasetReport | null;
          ruleset_version?: string | null;
          content_digest?: string | null;
        };
        Relationships: [];
      };
      /** Price book: what a GPU costs and does, and when */
      gpu_prices: {
        Row: GPUPrice;
        Insert: {
          gpu_type: string;
          hourly_rate: number;
          tokens_per_second: number;
          valid: string;
          spot_hourly_rate?: number | null;
        };
        Update: {
          gpu_type?: string;
          hourly_rate?: number;
          tokens_per_second?: number;
          valid?: string;
          spot_hourly_rate?: number | null;
        };
        Relationships: [];
      };
      /** What was measured, once for each job, attempt and step */
      metrics_points: {
        Row: MetricsPoint;
        Insert: {
          id?: string;
          job_id: string;
          timestamp?: string | null;
          epoch: number;
          step: number;
          training_loss: MetricValue;
          validation_loss?: MetricValue | null;
          learning_rate: MetricValue;
          gradient_norm?: MetricValue | null;
          throughput?: MetricValue | null;
          gpu_utilization?: MetricValue | null;
          attempt?: number;
        };
        Update: {
          id?: string;
          job_id?: string;
          timestamp?: string | null;
          epoch?: number;
          step?: number;
          training_loss?: MetricValue;
          validation_loss?: MetricValue | null;
          learning_rate?: MetricValue;
          gradient_norm?: MetricValue | null;
          throughput?: MetricValue | null;
          gpu_utilization?: MetricValue | null;
          attempt?: number;
        };
        Relationships: [
          {
            foreignKeyName: 'metrics_points_job_id_fkey';
            columns: ['job_id'];
            isOneToOne: false;
            referencedRelation: 'training_jobs';
            referencedColumns: ['id'];
          },
        ];
      };
      /** Models that jobs made */
      model_artifacts: {
        Row: ModelArtifact;
        Insert: {
          id?: string;
          user_id: string;
          job_id: string;
          dataset_id: string;
          name: string;
          version?: string | null;
          description?: string | null;
          status?: ArtifactStatus | null;
          deployed_at?: string | null;
          quality_metrics: NonNullable<Json>;
          training_summary: NonNullable<Json>;
          configuration: NonNullable<Json>;
          artifacts: NonNullable<Json>;
          parent_model_id?: string | null;
          created_at?: string | null;
          updated_at?: string | null;
          deleted_at?: string | null;
        };
        Update: {
          id?: string;
          user_id?: string;
          job_id?: string;
          dataset_id?: string;
          name?: string;
          version?: string | null;
          description?: string | null;
          status?: ArtifactStatus | null;
          deployed_at?: string | null;
          quality_metrics?: NonNullable<Json>;
          training_summary?: NonNullable<Json>;
          configuration?: NonNullable<Json>;
          artifacts?: NonNullable<Json>;
          parent_model_id?: string | null;
          created_at?: string | null;
          updated_at?: string | null;
          deleted_at?: string | null;
        };
        Relationships: [
          {
            foreignKeyName: 'model_artifacts_dataset_id_fkey';
            columns: ['dataset_id'];
            isOneToOne: false;
            referencedRelation: 'datasets';
            referencedColumns: ['id'];
          },
          {
            foreignKeyName: 'model_artifacts_job_id_fkey';
            columns: ['job_id'];
            isOneToOne: true;
            referencedRelation: 'training_jobs';
            referencedColumns: ['id'];
          },
          {
            foreignKeyName: 'model_artifacts_parent_model_id_fkey';
            columns: ['parent_model_id'];
            isOneToOne: false;
            referencedRelation: 'model_artifacts';
            referencedColumns: ['id'];
          },
        ];
      };
      /** What users are told */
      notifications: {
        Row: UserNotification;
        Insert: {
          id?: string;
          user_id: string;
          type: string;
          title: string;
          message: string;
          priority?: NotificationPriority | null;
          read?: boolean | null;
          action_url?: string | null;
          metadata?: Json | null;
          created_at?: string | null;
          dedupe_key?: string | null;
        };
        Update: {
          id?: string;
          user_id?: string;
          type?: string;
          title?: string;
          message?: string;
          priority?: NotificationPriority | null;
          read?: boolean | null;
          action_url?: string | null;
          metadata?: Json | null;
          created_at?: string | null;
          dedupe_key?: string | null;
        };
        Relationships: [];
      };
      /** What happened to each job, in order. Rows are only ever added */
      training_job_events: {
        Row: TrainingJobEvent;
        Insert: {
          job_id: string;
          sequence?: number;
          at?: string;
          actor: string;
          kind: string;
          from_status?: JobStatus | null;
          to_status?: JobStatus | null;
          attempt: number;
          payload?: Json | null;
        };
        Update: {
          job_id?: string;
          sequence?: number;
          at?: string;
          actor?: string;
          kind?: string;
          from_status?: JobStatus | null;
          to_status?: JobStatus | null;
          attempt?: number;
          payload?: Json | null;
        };
        Relationships: [
          {
            foreignKeyName: 'training_job_events_job_id_fkey';
            columns: ['job_id'];
            isOneToOne: false;
            referencedRelation: 'training_jobs';
            referencedColumns: ['id'];
          },
        ];
      };
      /** Runs of training, from the queue to their end */
      training_jobs: {
        Row: TrainingJob;
        Insert: {
          id?: string;
          user_id: string;
          dataset_id: string;
          preset_id: PresetRequest;
          hyperparameters: HyperparameterRequest;
          gpu_config: GPURequest;
          status?: JobStatus;
          current_stage?: string;
          progress?: number;
          current_epoch?: number;
          total_epochs?: number;
          current_step?: number;
          total_steps?: number | null;
          current_metrics?: CurrentMetrics | null;
          queued_at?: string;
          started_at?: string | null;
          completed_at?: string | null;
          estimated_completion_at?: string | null;
          current_cost?: number;
          estimated_total_cost?: number;
          final_cost?: number | null;
          error_message?: string | null;
          error_stack?: string | null;
          retry_count?: number;
          external_job_id?: string | null;
          artifact_id?: string | null;
          created_at?: string;
          updated_at?: string;
          attempt?: number;
          claimed_by?: string | null;
          lease_expires_at?: string | null;
          last_heartbeat_at?: string | null;
          last_progress_at?: string | null;
          cancel_requested_at?: string | null;
          idempotency_key?: string | null;
          max_attempts?: number;
          failure_class?: string | null;
          retry_of?: string | null;
          resume_from?: ResumePoint | null;
          stage_changed_at?: string | null;
          best_metrics?: BestMetrics | null;
          estimate?: PaceEstimate | null;
        };
        Update: {
          id?: string;
          user_id?: string;
          dataset_id?: string;
          preset_id?: PresetRequest;
          hyperparameters?: HyperparameterRequest;
          gpu_config?: GPURequest;
          status?: JobStatus;
          current_stage?: string;
          progress?: number;
          current_epoch?: number;
          total_epochs?: number;
          current_step?: number;
          total_steps?: number | null;
          current_metrics?: CurrentMetrics | null;
          queued_at?: string;
          started_at?: string | null;
          completed_at?: string | null;
          estimated_completion_at?: string | null;
          current_cost?: number;
          estimated_total_cost?: number;
          final_cost?: number | null;
          error_message?: string | null;
          error_stack?: string | null;
          retry_count?: number;
          external_job_id?: string | null;
          artifact_id?: string | null;
          created_at?: string;
          updated_at?: string;
          attempt?: number;
          claimed_by?: string | null;
          lease_expires_at?: string | null;
          last_heartbeat_at?: string | null;
          last_progress_at?: string | null;
          cancel_requested_at?: string | null;
          idempotency_key?: string | null;
          max_attempts?: number;
          failure_class?: string | null;
          retry_of?: string | null;
          resume_from?: ResumePoint | null;
          stage_changed_at?: string | null;
          best_metrics?: BestMetrics | null;
          estimate?: PaceEstimate | null;
        };
        Relationships: [
          {
            foreignKeyName: 'fk_training_jobs_artifact';
            columns: ['artifact_id'];
            isOneToOne: false;
            referencedRelation: 'model_artifacts';
            referencedColumns: ['id'];
          },
          {
            foreignKeyName: 'training_jobs_dataset_id_fkey';
            columns: ['dataset_id'];
            isOneToOne: false;
            referencedRelation: 'datasets';
            referencedColumns: ['id'];
          },
          {
            foreignKeyName: 'training_jobs_retry_of_fkey';
            columns: ['retry_of'];
            isOneToOne: false;
            referencedRelation: 'training_jobs';
            referencedColumns: ['id'];
          },
        ];
      };
    };
    Views: { [_ in never]: never };
    Functions: {
      /** Reads a part of a dataset's file, cut anywhere and in any order; the same part again is no harm */
      append_dataset_chunk: {
        Args: {
          dataset_id: string;
          chunk_number: number;
          content: string;
          encoding?: ChunkEncoding;
          split?: DatasetSplit;
          options?: ValidationOptions;
        };
        Returns: AppendedChunk;
      };
      /** Cancels a job, queued or started; one that is cancelled already stays so */
      cancel_training_job: {
        Args: {
          job_id: string;
          reason?: string;
        };
        Returns: Database['public']['Tables']['training_jobs']['Row'];
        SetofOptions: {
          from: '*';
          to: 'training_jobs';
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      /** Validates the content of a dataset file and returns the report; records nothing */
      check_dataset: {
        Args: {
          content: string;
          options?: ValidationOptions;
        };
        Returns: DatasetReport;
      };
      /** Hands the oldest queued jobs to a worker, never one job to two of them */
      claim_training_jobs: {
        Args: {
          worker: string;
          max_jobs?: number;
          lease_seconds?: number;
        };
        Returns: Database['public']['Tables']['training_jobs']['Row'][];
        SetofOptions: {
          from: '*';
          to: 'training_jobs';
          isOneToOne: false;
          isSetofReturn: true;
        };
      };
      /**
       * Completes a job: closes its cost interval, writes the ledger row and notifies its owner; fails it when
       * its result says so
       */
      complete_training_job: {
        Args: {
          job_id: string;
          attempt: number;
          result?: Json;
        };
        Returns: Database['public']['Tables']['training_jobs']['Row'];
        SetofOptions: {
          from: '*';
          to: 'training_jobs';
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      /**
       * Takes back a part of what a row of the ledger charged, once for each key, and answers the row that says
       * so
       */
      correct_cost: {
        Args: {
          record_id: string;
          amount: number;
          reason: string;
          idempotency_key: string;
        };
        Returns: Database['public']['Tables']['cost_records']['Row'];
        SetofOptions: {
          from: '*';
          to: 'cost_records';
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      /** What a user may spend in this month, what is spent and committed, and what the month will have cost */
      cost_budget: {
        Args: {
          user_id?: string;
        };
        Returns: BudgetState;
      };
      /**
       * What was spent from a day up to, but not including, another one: a line for each charge and each day of
       * the time zone that it falls on
       */
      cost_report: {
        Args: {
          from_date: string;
          to_date: string;
          time_zone?: string;
        };
        Returns: CostLine[];
      };
      /**
       * What was spent from a day up to, but not including, another one: in all, by day, type, GPU, job and
       * status
       */
      cost_summary: {
        Args: {
          from_date: string;
          to_date: string;
          time_zone?: string;
          job_id?: string;
        };
        Returns: CostSummary;
      };
      /** Puts a training job on a ready dataset into the queue; the same idempotency key gives the same job */
      create_training_job: {
        Args: {
          dataset_id: string;
          preset_id?: PresetRequest;
          hyperparameters?: HyperparameterRequest;
          gpu_config?: GPURequest;
          idempotency_key?: string;
          user_id?: string;
        };
        Returns: Database['public']['Tables']['training_jobs']['Row'];
        SetofOptions: {
          from: '*';
          to: 'training_jobs';
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      /** What training on a dataset would cost: low, expected and high, and by which method they were found */
      estimate_training_cost: {
        Args: {
          dataset_id: string;
          hyperparameters?: HyperparameterRequest;
          gpu_config?: GPURequest;
          preset_id?: PresetRequest;
        };
        Returns: CostEstimate;
      };
      /** Fails a job: closes its cost interval, writes the ledger row and notifies its owner */
      fail_training_job: {
        Args: {
          job_id: string;
          attempt: number;
          failure_class: FailureClass;
          message: string;
          stack?: string;
        };
        Returns: Database['public']['Tables']['training_jobs']['Row'];
        SetofOptions: {
          from: '*';
          to: 'training_jobs';
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      /** Makes the report on a dataset whose chunks have come, records it on its row, and returns it */
      finish_dataset_validation: {
        Args: {
          dataset_id: string;
          chunks: number;
          content_sha256?: string;
          options?: ValidationOptions;
        };
        Returns: DatasetReport;
      };
      /**
       * Says that a worker lives, at which stage it is and what it has saved, renews its lease, and answers
       * whether to stop
       */
      heartbeat_training_job: {
        Args: {
          job_id: string;
          attempt: number;
          stage?: string;
          external_job_id?: string;
          checkpoint?: Checkpoint;
        };
        Returns: HeartbeatAnswer;
      };
      /** Marks notifications of one's own as read, and answers how many were unread */
      mark_notifications_read: {
        Args: {
          ids: string[];
        };
        Returns: number;
      };
      /** Charges what is no GPU time, once for each key, and answers the row of the ledger */
      record_cost: {
        Args: {
          user_id: string;
          cost_type: string;
          amount: number;
          idempotency_key: string;
          job_id?: string;
          period?: string;
          billing_period?: string;
          details?: Json;
          currency?: string;
        };
        Returns: Database['public']['Tables']['cost_records']['Row'];
        SetofOptions: {
          from: '*';
          to: 'cost_records';
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      /** Records the model that a completed job has made, with how it came about, and notifies its owner */
      register_model_artifact: {
        Args: {
          job_id: string;
          attempt: number;
          name: string;
          artifacts: Record<string, ModelFile>;
          quality_metrics?: Json;
          parent_model_id?: string;
          idempotency_key?: string;
        };
        Returns: Database['public']['Tables']['model_artifacts']['Row'];
        SetofOptions: {
          from: '*';
          to: 'model_artifacts';
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      /**
       * Records metric points of the current attempt once each, moves the job forward, and answers whether to
       * stop
       */
      report_training_metrics: {
        Args: {
          job_id: string;
          attempt: number;
          points: ReportedPoint[];
          on_conflict?: PointConflict;
        };
        Returns: MetricsReceipt;
      };
      /** Puts a failed job back into the queue, or repeats a cancelled or completed one by a new job */
      retry_training_job: {
        Args: {
          job_id: string;
        };
        Returns: Database['public']['Tables']['training_jobs']['Row'];
        SetofOptions: {
          from: '*';
          to: 'training_jobs';
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      /** Sets what a user may spend in a month, and answers how far that has gone */
      set_cost_budget: {
        Args: {
          monthly_limit: number | null;
          hard_stop?: boolean;
          time_zone?: string;
          currency?: string;
          user_id?: string;
        };
        Returns: BudgetState;
      };
      /** Moves a model from stored to deployed, or from deployed to archived */
      set_model_artifact_status: {
        Args: {
          id: string;
          status: ArtifactStatus;
        };
        Returns: Database['public']['Tables']['model_artifacts']['Row'];
        SetofOptions: {
          from: '*';
          to: 'model_artifacts';
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      /**
       * Puts jobs whose worker is lost back into the queue or fails them, tells of jobs that stand still, and
       * removes what was abandoned
       */
      sweep_training_jobs: {
        Args: {
          notify?: boolean;
          keep_read_notifications_days?: number;
        };
        Returns: SweptThing[];
      };
      /**
       * What the GPU time of a job costs by an instant, exactly: its intervals, each with its rate, and their
       * sum
       */
      training_job_cost: {
        Args: {
          job_id: string;
          at?: string;
        };
        Returns: TrainingJobCost;
      };
      /** What is wrong with a run: rule, severity, steps, evidence and what to do about it */
      training_job_health: {
        Args: {
          job_id: string;
        };
        Returns: HealthFinding[];
      };
      /** Percent, pace, seconds left, verdict, place in the queue and cost of a job at an instant */
      training_job_progress: {
        Args: {
          job_id: string;
          at?: string;
        };
        Returns: TrainingJobProgress;
      };
      /**
       * A page of jobs, the newest first, with dataset name, progress, verdict, last and best metrics and cost;
       * "next" is the "before" of the page after it
       */
      training_jobs_overview: {
        Args: {
          status?: JobStatus;
          page_size?: number;
          before?: string;
        };
        Returns: TrainingJobsPage;
      };
      /** Points of metrics that are worth drawing, for each job and metric, with marks where they are no numbers */
      training_metrics_curve: {
        Args: {
          job_ids: string[];
          metrics?: string[];
          from_step?: number;
          to_step?: number;
          max_points?: number;
          method?: CurveMethod;
          smoothing?: number;
        };
        Returns: MetricCurve[];
      };
      /**
       * Validates the content of a dataset's file, records status, counts and findings on its row, and returns
       * the report
       */
      validate_dataset: {
        Args: {
          dataset_id: string;
          content: string;
          options?: ValidationOptions;
        };
        Returns: DatasetReport;
      };
    };
    Enums: { [_ in never]: never };
    CompositeTypes: { [_ in never]: never };
  };
};

type SchemaName = keyof Database;
type OfSchema<Name extends SchemaName> = Database[Name];
type Relations<Name extends SchemaName> = OfSchema<Name>['Tables'] & OfSchema<Name>['Views'];
type InSchema = { schema: SchemaName };

/** A row as it is read: `Tables<'datasets'>`, or `Tables<{ schema: 'public' }, 'datasets'>`. */
export type Tables<
  Name extends keyof Relations<'public'> | InSchema,
  Inner extends Name extends InSchema ? keyof Relations<Name['schema']> : never = never,
> = Name extends InSchema
  ? Relations<Name['schema']>[Inner] extends { Row: infer Row } ? Row : never
  : Name extends keyof Relations<'public'>
    ? Relations<'public'>[Name] extends { Row: infer Row } ? Row : never
    : never;

/** A row as it is inserted. */
export type TablesInsert<
  Name extends keyof OfSchema<'public'>['Tables'] | InSchema,
  Inner extends Name extends InSchema ? keyof OfSchema<Name['schema']>['Tables'] : never = never,
> = Name extends InSchema
  ? OfSchema<Name['schema']>['Tables'][Inner] extends { Insert: infer Insert } ? Insert : never
  : Name extends keyof OfSchema<'public'>['Tables']
    ? OfSchema<'public'>['Tables'][Name] extends { Insert: infer Insert } ? Insert : never
    : never;

/** What an update changes. */
export type TablesUpdate<
  Name extends keyof OfSchema<'public'>['Tables'] | InSchema,
  Inner extends Name extends InSchema ? keyof OfSchema<Name['schema']>['Tables'] : never = never,
> = Name extends InSchema
  ? OfSchema<Name['schema']>['Tables'][Inner] extends { Update: infer Update } ? Update : never
  : Name extends keyof OfSchema<'public'>['Tables']
    ? OfSchema<'public'>['Tables'][Name] extends { Update: infer Update } ? Update : never
    : never;

/** A word of an enumeration. */
export type Enums<
  Name extends keyof OfSchema<'public'>['Enums'] | InSchema,
  Inner extends Name extends InSchema ? keyof OfSchema<Name['schema']>['Enums'] : never = never,
> = Name extends InSchema
  ? OfSchema<Name['schema']>['Enums'][Inner]
  : Name extends keyof OfSchema<'public'>['Enums'] ? OfSchema<'public'>['Enums'][Name] : never;

/** A value of a composite type. */
export type CompositeTypes<
  Name extends keyof OfSchema<'public'>['CompositeTypes'] | InSchema,
  Inner extends Name extends InSchema ? keyof OfSchema<Name['schema']>['CompositeTypes'] : never = never,
> = Name extends InSchema
  ? OfSchema<Name['schema']>['CompositeTypes'][Inner]
  : Name extends keyof OfSchema<'public'>['CompositeTypes'] ? OfSchema<'public'>['CompositeTypes'][Name] : never;
