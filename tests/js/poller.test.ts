// The application's poller: it drives jobs by direct updates with the service key, and charges them itself.

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import type { TablesInsert } from '../../types/database.ts';
import { completedJob, emptyQueue, newUser, ok, only, queuedJob, readyDataset, refused, service, total } from './platform.ts';
import type { User } from './platform.ts';

afterEach(emptyQueue);

/** Takes a queued job to its training, as the poller does it. */
async function start(id: string): Promise<void> {
  const submitted = {
    status: 'initializing',
    current_stage: 'queued_on_gpu',
    external_job_id: `runpod-${id}`,
    started_at: '2026-03-01T10:00:00.000Z',
  } as const;
  await ok(service.from('training_jobs').update(submitted).eq('id', id), 204);
  const running = {
    status: 'running',
    current_stage: 'training',
    progress: 25.5,
    current_epoch: 1,
    current_step: 3,
    current_metrics: { training_loss: 1.7, learning_rate: 0.0002 },
    current_cost: 1.25,
  } as const;
  await ok(service.from('training_jobs').update(running).eq('id', id), 204);
}

/** What it writes down of every look at a job. */
function measured(job_id: string, step: number): TablesInsert<'metrics_points'> {
  return {
    job_id,
    epoch: 1,
    step,
    training_loss: 1.7,
    validation_loss: null,
    learning_rate: 0.0002,
    gradient_norm: 0.8,
    throughput: 1800,
    gpu_utilization: 93.5,
    timestamp: '2026-03-01T10:05:00.000Z',
  };
}

/** What it charges. */
function compute(user: User, job_id: string): TablesInsert<'cost_records'> {
  const details = { gpu_type: 'A100-80GB', num_gpus: 2, hours: 1 };
  return { user_id: user.id, job_id, cost_type: 'training_compute', amount: 4.1, details, billing_period: '2026-03-01' };
}

/** A user's charges, counted. */
const charges = (user: User) => user.client.from('cost_records').select('*', { count: 'exact', head: true });

test('the poller takes the five oldest jobs', async () => {
  const user = newUser();
  const dataset = await readyDataset(user);
  const jobs: string[] = [];
  for (let number = 0; number < 7; number += 1) jobs.push((await queuedJob(user, dataset)).id);
  const list = service.from('training_jobs').select('*, dataset:datasets!dataset_id(*)').eq('status', 'queued');
  const found = await ok(list.order('queued_at', { ascending: true }).limit(5), 200);
  assert.deepEqual(found.map((row) => row.id), jobs.slice(0, 5));
  for (const row of found) assert.deepEqual([row.dataset.id, row.dataset.status], [dataset, 'ready']);
});

test('the poller drives a job to its end and charges it', async () => {
  const user = newUser();
  const { id } = await queuedJob(user, await readyDataset(user));
  await start(id);
  const active = service.from('training_jobs').select('*').in('status', ['initializing', 'running']).not('external_job_id', 'is', null);
  const seen = await only(active);
  assert.deepEqual([seen.id, seen.current_stage, seen.progress], [id, 'training', 25.5]);
  assert.deepEqual([seen.current_cost, seen.external_job_id], [1.25, `runpod-${id}`]);
  for (const step of [3, 4, 5]) await ok(service.from('metrics_points').insert(measured(id, step)), 201);
  // The same step again, thirty seconds later, is not a second point.
  await refused(service.from('metrics_points').insert(measured(id, 5)), { status: 409, code: '23505', message: /./ });
  const once = { onConflict: 'job_id,attempt,step', ignoreDuplicates: true };
  await ok(service.from('metrics_points').upsert([measured(id, 4), measured(id, 5)], once));
  assert.equal(await total(user.client.from('metrics_points').select('*', { count: 'exact', head: true }).eq('job_id', id)), 3);
  // Nor does it change what the first one says.
  const merged = service.from('metrics_points').upsert(measured(id, 5), { onConflict: 'job_id,attempt,step' });
  await refused(merged, { status: 403, code: '42501', message: /permission denied/ });

  const done = {
    status: 'completed',
    current_stage: 'completed',
    progress: 100,
    final_cost: 4.1,
    completed_at: '2026-03-01T11:00:00.000Z',
  } as const;
  await ok(service.from('training_jobs').update(done).eq('id', id), 204);
  const row = await only(user.client.from('training_jobs').select().eq('id', id));
  assert.deepEqual([row.status, row.progress, row.final_cost], ['completed', 100, 4.1]);
  assert.equal(row.completed_at, '2026-03-01T11:00:00+00:00', 'the end is said by whoever drives the job');
  assert.equal(await total(charges(user)), 0, 'nobody else charges it');
  await ok(service.from('cost_records').insert(compute(user, id)), 201);
  assert.equal((await only(user.client.from('cost_records').select())).amount, 4.1);
});

test('the poller writes down a failure', async () => {
  const user = newUser();
  const { id } = await queuedJob(user, await readyDataset(user));
  await start(id);
  const failed = {
    status: 'failed',
    error_message: 'CUDA out of memory',
    error_stack: 'at train.py:77',
    completed_at: '2026-03-01T10:30:00.000Z',
    final_cost: 0.9,
  } as const;
  await ok(service.from('training_jobs').update(failed).eq('id', id), 204);
  const row = await only(user.client.from('training_jobs').select().eq('id', id));
  assert.deepEqual([row.status, row.error_message], ['failed', 'CUDA out of memory']);
  assert.deepEqual([row.error_stack, row.final_cost], ['at train.py:77', 0.9]);
});

// The one request of the application that is refused.
test('a job that was charged when it was closed is not charged again', async () => {
  const user = newUser();
  const id = await completedJob(user, await readyDataset(user));
  assert.equal(await total(charges(user).eq('cost_type', 'training_compute')), 1);
  const again = service.from('cost_records').insert(compute(user, id));
  await refused(again, { status: 409, code: 'PT409', message: new RegExp(id), hint: /\w/ });
  assert.equal(await total(charges(user)), 1);
  // What else the run has cost is another matter.
  const storage = { user_id: user.id, job_id: id, cost_type: 'storage', amount: 0.5, billing_period: '2026-03-01' };
  await ok(service.from('cost_records').insert(storage), 201);
});

test('costs are read since a date', async () => {
  const user = newUser();
  for (const [amount, day] of [[0.004, '2026-02-28'], [0.25, '2026-03-01'], [4.1, '2026-03-02']] as const) {
    const row = { user_id: user.id, cost_type: 'storage', amount, billing_period: day, recorded_at: `${day}T12:00:00Z` };
    await ok(service.from('cost_records').insert(row), 201);
  }
  const since = user.client.from('cost_records').select('*').eq('user_id', user.id).gte('billing_period', '2026-03-01');
  const rows = await ok(since.order('recorded_at', { ascending: false }));
  assert.deepEqual(rows.map((row) => row.amount), [4.1, 0.25]);
  assert.equal((await only(user.client.from('cost_records').select().lt('billing_period', '2026-03-01'))).amount, 0.004);
  assert.deepEqual(await ok(newUser().client.from('cost_records').select()), []);
});
