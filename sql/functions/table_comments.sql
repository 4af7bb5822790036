-- What the tables and columns of the specification are, for whoever reads the catalogue: PostgREST's OpenAPI, the dashboard, `pg-lora types`. In the
-- layer and no version: words leave no trace by which a version could be told.
--
-- What an operator has said of one of them stays: pg_graphql, for one, has its settings there.
do $$
declare
  described record;
begin
  for described in
    select known.table_name, known.column_name, known.text
    from (values
      ('datasets', null, 'Files to train on: what their owner registered, and what validation found'),
      ('datasets', 'id', 'The dataset'),
      ('datasets', 'user_id', 'Owner; never changes'),
      ('datasets', 'name', 'Name that the owner gave it'),
      ('datasets', 'description', 'What the owner says of it'),
      ('datasets', 'format', 'Format that was declared; the shape that was found is in validation_report'),
      ('datasets', 'status', 'uploading, validating, ready or error'),
      ('datasets', 'storage_bucket', 'Bucket of the file'),
      ('datasets', 'storage_path', 'Path of the file in its bucket, never a URL; begins with the id of the owner'),
      ('datasets', 'file_name', 'Name that the file had where it came from'),
      ('datasets', 'file_size', 'Bytes of the file: as declared, and as storage measured as soon as it is there'),
      ('datasets', 'total_training_pairs', 'Pairs to train on; set by validation'),
      ('datasets', 'total_validation_pairs', 'Pairs that are held back; set by validation'),
      ('datasets', 'total_tokens', 'Tokens of the content; set by validation'),
      ('datasets', 'avg_turns_per_conversation', 'Messages of a conversation, on average; set by validation'),
      ('datasets', 'avg_tokens_per_turn', 'Tokens of a message, on average; set by validation'),
      ('datasets', 'training_ready', 'Whether jobs may train on it; set by validation'),
      ('datasets', 'validated_at', 'When it was validated last'),
      ('datasets', 'validation_errors', 'What keeps it from being ready, the first of each kind; NULL when nothing does'),
      ('datasets', 'sample_data', 'Its first three conversations'),
      ('datasets', 'created_at', 'When it was registered'),
      ('datasets', 'updated_at', 'When the row was last changed'),
      ('datasets', 'deleted_at', 'When its owner deleted it; NULL brings it back'),
      ('training_jobs', null, 'Runs of training, from the queue to their end'),
      ('training_jobs', 'id', 'The job'),
      ('training_jobs', 'user_id', 'Owner; never changes'),
      ('training_jobs', 'dataset_id', 'Dataset that it trains on'),
      ('training_jobs', 'preset_id', 'Preset whose hyperparameters hold where none are given'),
      ('training_jobs', 'hyperparameters', 'All hyperparameters, those of the preset included'),
      ('training_jobs', 'gpu_config', 'GPUs, and what one of them costs for an hour, frozen when the job is made'),
      ('training_jobs', 'status', 'queued, initializing, running, completed, failed or cancelled'),
      ('training_jobs', 'current_stage', 'What is being done, in the words of the worker'),
      ('training_jobs', 'progress', 'Percent, weighted by stage; 100 only when completed'),
      ('training_jobs', 'current_epoch', 'Epoch of the newest point'),
      ('training_jobs', 'total_epochs', 'Epochs that there will be'),
      ('training_jobs', 'current_step', 'Furthest optimizer step of the current attempt'),
      ('training_jobs', 'total_steps', 'Optimizer steps that there will be; NULL when nobody can know'),
      ('training_jobs', 'current_metrics', 'Last finite values; non_finite says that the newest was none'),
      ('training_jobs', 'queued_at', 'When it joined the queue, or returned to it'),
      ('training_jobs', 'started_at', 'When the current attempt began, from which on its GPUs cost'),
      ('training_jobs', 'completed_at', 'When it ended, in whatever way'),
      ('training_jobs', 'estimated_completion_at', 'When it will end, at the pace so far'),
      ('training_jobs', 'current_cost', 'Cost so far, rounded for display'),
      ('training_jobs', 'estimated_total_cost', 'Cost that is expected, rounded for display; estimated by the database'),
      ('training_jobs', 'final_cost', 'Cost of all attempts when it ended, rounded for display'),
      ('training_jobs', 'error_message', 'Why it failed, in one line'),
      ('training_jobs', 'error_stack', 'Where in the program it failed'),
      ('training_jobs', 'retry_count', 'Attempts before this one'),
      ('training_jobs', 'external_job_id', 'Name of the run at the provider of the GPUs; set by the service'),
      ('training_jobs', 'artifact_id', 'Model that came of it'),
      ('training_jobs', 'created_at', 'When it was asked for'),
      ('training_jobs', 'updated_at', 'When the row was last changed'),
      ('metrics_points', null, 'What was measured, once for each job, attempt and step'),
      ('metrics_points', 'id', 'The point'),
      ('metrics_points', 'job_id', 'Job'),
      ('metrics_points', 'timestamp', 'When it was measured, by the clock of the worker'),
      ('metrics_points', 'epoch', 'Epoch of the step'),
      ('metrics_points', 'step', 'Optimizer step'),
      ('metrics_points', 'training_loss', 'Training loss; NaN and infinity are kept'),
      ('metrics_points', 'validation_loss', 'Validation loss, of an evaluation'),
      ('metrics_points', 'learning_rate', 'Learning rate'),
      ('metrics_points', 'gradient_norm', 'Norm of the gradient'),
      ('metrics_points', 'throughput', 'Tokens in a second'),
      ('metrics_points', 'gpu_utilization', 'Percent of the time that the GPUs were at work'),
      ('model_artifacts', null, 'Models that jobs made'),
      ('model_artifacts', 'id', 'The model'),
      ('model_artifacts', 'user_id', 'Owner; never changes'),
      ('model_artifacts', 'job_id', 'Job that made it'),
      ('model_artifacts', 'dataset_id', 'Dataset that it was trained on'),
      ('model_artifacts', 'name', 'Name that the owner gave it'),
      ('model_artifacts', 'version', 'Version; there is one of each name and version'),
      ('model_artifacts', 'description', 'What the owner says of it'),
      ('model_artifacts', 'status', 'stored, deployed or archived'),
      ('model_artifacts', 'deployed_at', 'When it was deployed'),
      ('model_artifacts', 'quality_metrics', 'How good it is, as the worker measured it'),
      ('model_artifacts', 'training_summary', 'How it was trained, from the job'),
      ('model_artifacts', 'configuration', 'Preset, hyperparameters and GPUs of the job'),
      ('model_artifacts', 'artifacts', 'Its files by name: path in the bucket lora-models, size in bytes, sha256'),
      ('model_artifacts', 'parent_model_id', 'Model that it was trained on from'),
      ('model_artifacts', 'created_at', 'When it was registered'),
      ('model_artifacts', 'updated_at', 'When the row was last changed'),
      ('model_artifacts', 'deleted_at', 'When its owner deleted it; NULL brings it back'),
      ('cost_records', null, 'Ledger: what users were charged. Rows are only ever added; a correction is a row of its own'),
      ('cost_records', 'id', 'The row'),
      ('cost_records', 'user_id', 'Who was charged'),
      ('cost_records', 'job_id', 'Job that it is for; NULL when it is for none, or the job is gone'),
      ('cost_records', 'cost_type', 'What it is for, such as training_compute or storage'),
      ('cost_records', 'details', 'What else is to be said of it'),
      ('cost_records', 'billing_period', 'Day of the charge, in UTC: that of the begin of its period'),
      ('cost_records', 'recorded_at', 'When the row was written'),
      ('notifications', null, 'What users are told'),
      ('notifications', 'id', 'The notification'),
      ('notifications', 'user_id', 'Who is told'),
      ('notifications', 'type', 'What happened, such as job_completed'),
      ('notifications', 'title', 'Title'),
      ('notifications', 'message', 'What is said'),
      ('notifications', 'priority', 'low, medium or high'),
      ('notifications', 'read', 'Whether it was read'),
      ('notifications', 'action_url', 'Where a click leads'),
      ('notifications', 'metadata', 'What it is of: ids of job, dataset or model, and figures'),
      ('notifications', 'created_at', 'When it was written')
    ) as known (table_name, column_name, text)
    join pg_catalog.pg_class as ours on ours.oid = pg_catalog.to_regclass('public.' || known.table_name)
    left join pg_catalog.pg_attribute as attribute on attribute.attrelid = ours.oid and attribute.attname = known.column_name
    -- A table is its own column 0.
    where pg_catalog.col_description(ours.oid, coalesce(attribute.attnum, 0)) is null
  loop
    if described.column_name is null then
      execute pg_catalog.format('comment on table public.%I is %L', described.table_name, described.text);
    else
      execute pg_catalog.format('comment on column public.%I.%I is %L', described.table_name, described.column_name, described.text);
    end if;
  end loop;
end
$$;
