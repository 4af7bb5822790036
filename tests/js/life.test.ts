// The whole life of a dataset, a job and a model, by supabase-js alone: who does what is the platform's own division of work.
// Together the tests of this file call every function of the API; the last one says so.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HYPERPARAMETER_PRESETS } from '../../types/lora-training.ts';
import { called, claim, conversations, gpus, newUser, ok, point, queuedJob, readyDataset, registration, service, description } from './platform.ts';

test('a dataset becomes ready, a job trains on it, a model comes of it', async () => {
  const user = newUser();
  const content = conversations(40);

  // The user registers the file, uploads it (storage is not here), and says so.
  const row = registration(user, 'support', content.length);
  const dataset = await ok(user.client.from('datasets').insert(row).select().single());
  assert.deepEqual([dataset.status, dataset.training_ready, dataset.id], ['uploading', false, row.id]);
  await ok(user.client.from('datasets').update({ status: 'validating' }).eq('id', row.id));
  const first = await ok(user.client.rpc('check_dataset', { content: conversations(2) }));
  assert.equal(first.total_training_pairs, 2);

  // The service reads it in chunks, as raw bytes.
  const bytes = Buffer.from(content);
  const middle = 1001;
  for (const [index, chunk] of [bytes.subarray(0, middle), bytes.subarray(middle)].entries()) {
    const sent = { dataset_id: row.id, chunk_number: index + 1, content: chunk.toString('base64'), encoding: 'base64' } as const;
    const appended = await ok(service.rpc('append_dataset_chunk', sent));
    assert.equal(appended.chunk_number, index + 1);
  }
  const report = await ok(service.rpc('finish_dataset_validation', { dataset_id: row.id, chunks: 2 }));
  assert.deepEqual([report.training_ready, report.total_training_pairs], [true, 40]);
  const ready = await ok(user.client.from('datasets').select('status, total_training_pairs, sample_data, validation_report').eq('id', row.id).single());
  assert.deepEqual([ready.status, ready.total_training_pairs, ready.sample_data?.length], ['ready', 40, 3]);
  assert.equal(ready.validation_report?.total_training_pairs, 40);

  // What it will cost, and how much there is.
  const request = { dataset_id: row.id, preset_id: 'conservative', hyperparameters: { max_steps: 12 }, gpu_config: gpus } as const;
  const estimate = await ok(user.client.rpc('estimate_training_cost', request));
  assert.deepEqual([estimate.steps, estimate.method], [12, 'formula']);
  const budget = await ok(user.client.rpc('set_cost_budget', { monthly_limit: 100, hard_stop: true, time_zone: 'Europe/Berlin' }));
  assert.equal(budget.monthly_limit, 100);

  // The same request twice is one job.
  const job = await ok(user.client.rpc('create_training_job', { ...request, idempotency_key: 'once' }));
  const again = await ok(user.client.rpc('create_training_job', { ...request, idempotency_key: 'once' }));
  assert.deepEqual([again.id, job.status, job.total_steps], [job.id, 'queued', 12]);
  assert.equal(job.hyperparameters.lora_rank, HYPERPARAMETER_PRESETS.conservative.lora_rank);
  const { committed } = await ok(user.client.rpc('cost_budget', {}));
  assert.equal(committed, job.estimated_total_cost);

  // A worker takes it, and tells what it measures; a point that is sent twice is one.
  await claim(job.id);
  const beat = { job_id: job.id, attempt: 1 };
  const heartbeat = await ok(service.rpc('heartbeat_training_job', { ...beat, stage: 'loading_model' }));
  assert.equal(heartbeat.cancel_requested, false);
  const points = Array.from({ length: 12 }, (_, index) => point(index + 1));
  points[6] = { ...point(7, 'NaN'), validation_loss: 1.5, 'eval/f1': 0.7 };
  const receipt = await ok(service.rpc('report_training_metrics', { ...beat, points: [...points, point(1)] }));
  assert.deepEqual([receipt.accepted, receipt.duplicates, receipt.refused], [12, 1, []]);
  const recorded = await ok(user.client.from('metrics_points').select('training_loss').eq('job_id', job.id).order('step'));
  assert.deepEqual(recorded.map((one) => one.training_loss), points.map((one) => one.training_loss));
  await ok(service.rpc('heartbeat_training_job', { ...beat, checkpoint: { step: 12, path: 'checkpoints/12', size: 1024 } }));

  // What its owner sees meanwhile.
  const progress = await ok(user.client.rpc('training_job_progress', { job_id: job.id }));
  assert.deepEqual([progress.status, progress.step, progress.total_steps], ['running', 12, 12]);
  const page = await ok(user.client.rpc('training_jobs_overview', { page_size: 10 }));
  assert.deepEqual([page.jobs.length, page.jobs[0]?.dataset_name], [1, 'support']);
  const [curve] = await ok(user.client.rpc('training_metrics_curve', { job_ids: [job.id], metrics: ['training_loss'] }));
  assert.equal(curve?.marks.length, 1, 'the point that is none is marked');
  const health = await ok(user.client.rpc('training_job_health', { job_id: job.id }));
  assert.ok(health.some((finding) => finding.rule === 'non_finite'));
  const cost = await ok(user.client.rpc('training_job_cost', { job_id: job.id }));
  assert.equal(cost.intervals.length, 1);

  // It is done, and a model is there.
  const completed = await ok(service.rpc('complete_training_job', beat));
  assert.deepEqual([completed.status, completed.progress], ['completed', 100]);
  const file = { path: `${user.id}/${job.id}/adapter.safetensors`, size: 1024, sha256: 'ab'.repeat(32) };
  const model = await ok(service.rpc('register_model_artifact', { ...beat, name: 'Support', artifacts: { adapter: file } }));
  assert.deepEqual([model.status, model.job_id, model.dataset_id], ['stored', job.id, row.id]);
  const deployed = await ok(service.rpc('set_model_artifact_status', { id: model.id, status: 'deployed' }));
  assert.ok(deployed.deployed_at);
  const models = await ok(
    user.client
      .from('model_artifacts')
      .select('id, name, artifacts, job:training_jobs!job_id(id, status, final_cost), dataset:datasets!dataset_id(id, name)')
      .is('deleted_at', null),
  );
  assert.equal(models.length, 1);
  assert.deepEqual([models[0]?.job.status, models[0]?.dataset.name, models[0]?.artifacts.adapter?.size], ['completed', 'support', 1024]);

  // What was paid, and what the owner was told.
  const storage = { user_id: user.id, cost_type: 'storage', amount: 0.004, idempotency_key: `storage-${user.id}` };
  const charge = await ok(service.rpc('record_cost', storage));
  await ok(service.rpc('correct_cost', { record_id: charge.id, amount: 0.001, reason: 'a day less', idempotency_key: `less-${user.id}` }));
  const summary = await ok(user.client.rpc('cost_summary', { from_date: '2020-01-01', to_date: '2100-01-01', time_zone: 'Europe/Berlin' }));
  assert.deepEqual(summary.by_type.map((group) => group.cost_type).sort(), ['storage', 'training_compute']);
  const report_of_costs = await ok(user.client.rpc('cost_report', { from_date: '2020-01-01', to_date: '2100-01-01' }));
  assert.equal(report_of_costs.length, 3);
  const told = await ok(user.client.from('notifications').select('id, type').eq('read', false).order('created_at'));
  const types = told.map((one) => one.type);
  for (const type of ['dataset_ready', 'job_queued', 'job_started', 'job_completed', 'artifact_ready']) assert.ok(types.includes(type), type);
  assert.equal(await ok(user.client.rpc('mark_notifications_read', { ids: told.map((one) => one.id) })), told.length);
  const unread = await user.client.from('notifications').select('*', { count: 'exact', head: true }).eq('read', false);
  assert.equal(unread.count, 0);
});

test('a job fails, is tried again, and is cancelled', async () => {
  const user = newUser();
  const dataset = await readyDataset(user);
  const job = await queuedJob(user, dataset);
  await claim(job.id);
  const failure = { job_id: job.id, attempt: 1, failure_class: 'out_of_memory', message: 'CUDA out of memory', stack: 'at train' } as const;
  const failed = await ok(service.rpc('fail_training_job', failure));
  assert.deepEqual([failed.status, failed.failure_class, failed.error_message], ['failed', 'out_of_memory', 'CUDA out of memory']);
  const retried = await ok(user.client.rpc('retry_training_job', { job_id: job.id }));
  assert.deepEqual([retried.id, retried.status, retried.attempt], [job.id, 'queued', 2]);
  const cancelled = await ok(user.client.rpc('cancel_training_job', { job_id: job.id, reason: 'not needed any more' }));
  assert.equal(cancelled.status, 'cancelled');
  const events = await ok(user.client.from('training_job_events').select('to_status, attempt').eq('job_id', job.id).order('sequence'));
  assert.deepEqual(events.map((event) => event.to_status), ['queued', 'initializing', 'failed', 'queued', 'cancelled']);
});

test('the service validates a small file in one call, and sweeps', async () => {
  const user = newUser();
  const content = conversations(3);
  const row = registration(user, 'small', content.length);
  await ok(user.client.from('datasets').insert(row));
  const report = await ok(service.rpc('validate_dataset', { dataset_id: row.id, content, options: { min_examples: 2 } }));
  assert.equal(report.training_ready, true);
  assert.deepEqual(await ok(service.rpc('sweep_training_jobs', { notify: false })), []);
});

test('every function of the API was called', async () => {
  const functions = Object.keys((await description()).paths).filter((path) => path.startsWith('/rpc/')).map((path) => path.slice(5));
  assert.ok(functions.length > 25, `${functions.length}`);
  assert.deepEqual(functions.filter((name) => !called.has(name)), []);
});
