// Jobs, as the application's pages use them.

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import type { TablesInsert } from '../../types/database.ts';
import type { PresetId, PresetRequest } from '../../types/lora-training.ts';
import { claim, completedJob, emptyQueue, newUser, ok, only, queuedJob, readyDataset, refused } from './platform.ts';
import type { Client, User } from './platform.ts';

afterEach(emptyQueue);

/** What the page of a new job sends, in its own spelling. */
function newJob(user: User, dataset_id: string): TablesInsert<'training_jobs'> {
  return {
    user_id: user.id,
    dataset_id,
    preset_id: 'fast',
    hyperparameters: { learning_rate: 0.0002, batch_size: 2, epochs: 2, rank: 8 },
    gpu_config: { type: 'A100-80GB', count: 2 },
    status: 'queued',
    current_stage: 'queued',
    progress: 0,
    total_epochs: 2,
    total_steps: 33,
    estimated_total_cost: 4.1,
  };
}

test('a job is queued in the application\'s spelling and stored in the specification\'s', async () => {
  const user = newUser();
  const dataset = await readyDataset(user);
  const row = await ok(user.client.from('training_jobs').insert(newJob(user, dataset)).select().single(), 201);
  assert.deepEqual([row.status, row.preset_id], ['queued', 'custom']);
  const { gpu_type, num_gpus, cost_per_gpu_hour } = row.gpu_config;
  assert.deepEqual([gpu_type, num_gpus, cost_per_gpu_hour], ['A100-80GB', 2, 3.5], 'the price is that of the book');
  const { num_epochs, lora_rank, batch_size, learning_rate } = row.hyperparameters;
  assert.deepEqual([num_epochs, lora_rank, batch_size, learning_rate], [2, 8, 2, 0.0002]);
  for (const name of ['type', 'count']) assert.ok(!(name in row.gpu_config), name);
  for (const name of ['epochs', 'rank']) assert.ok(!(name in row.hyperparameters), name);
  // Three pairs in batches of two are two steps, twice; the database counts and estimates by itself.
  assert.deepEqual([row.total_epochs, row.total_steps], [2, 4]);
  assert.ok(row.estimated_total_cost > 0, `${row.estimated_total_cost}`);
});

test('every preset of the application makes a job, by either way in', async () => {
  const user = newUser();
  const dataset_id = await readyDataset(user);
  const presets: [PresetRequest, PresetId][] = [
    ['conservative', 'conservative'],
    ['balanced', 'balanced'],
    ['aggressive', 'aggressive'],
    ['custom', 'custom'],
    ['fast', 'custom'],
    ['quality', 'custom'],
  ];
  for (const [preset_id, stored] of presets) {
    const row = newJob(user, dataset_id);
    const { gpu_config } = row;
    const hyperparameters = { ...row.hyperparameters, alpha: 32, dropout: 0.1 };
    const inserted = await ok(user.client.from('training_jobs').insert({ ...row, preset_id, hyperparameters }).select().single(), 201);
    const created = await ok(user.client.rpc('create_training_job', { dataset_id, preset_id, hyperparameters, gpu_config }), 200);
    for (const job of [inserted, created]) {
      const { lora_alpha, lora_dropout } = job.hyperparameters;
      assert.deepEqual([job.preset_id, lora_alpha, lora_dropout], [stored, 32, 0.1], preset_id);
    }
    for (const column of ['hyperparameters', 'gpu_config', 'total_steps', 'estimated_total_cost'] as const) {
      assert.deepEqual(inserted[column], created[column], `${preset_id}: ${column}`);
    }
  }
});

test('a list of jobs comes with their datasets', async () => {
  const user = newUser();
  const dataset = await readyDataset(user);
  for (let number = 0; number < 12; number += 1) await queuedJob(user, dataset);
  const list = (client: Client, from: number) =>
    client
      .from('training_jobs')
      .select('*, dataset:datasets!dataset_id(id, name, format, total_training_pairs)', { count: 'exact' })
      .eq('user_id', user.id)
      .order('created_at', { ascending: false })
      .range(from, from + 9);
  const page = await list(user.client, 0);
  assert.deepEqual([page.status, page.count, page.data?.length], [206, 12, 10]);
  for (const row of page.data ?? []) assert.deepEqual([row.dataset.id, row.dataset.total_training_pairs], [dataset, 3]);
  assert.equal((await ok(list(user.client, 10))).length, 2);
  assert.deepEqual(await ok(list(user.client, 0).eq('status', 'running'), 200), []);
  assert.deepEqual(await ok(list(newUser().client, 0), 200), []);

  // One key leads there, so the same comes without its column.
  const plain = user.client.from('training_jobs').select('id, dataset:datasets(id, total_training_pairs)').eq('user_id', user.id);
  const rows = await ok(plain.order('created_at', { ascending: false }).limit(10), 200);
  assert.deepEqual(rows.map((row) => row.id), page.data?.map((row) => row.id));
  for (const row of rows) assert.deepEqual(row.dataset, { id: dataset, total_training_pairs: 3 });
});

test('a user cancels a job, and the database says when and at what price', async () => {
  const user = newUser();
  const dataset = await readyDataset(user);
  const sent = { status: 'cancelled', completed_at: '1999-01-01T00:00:00.000Z', final_cost: 1_000_000 } as const;
  const cancel = (job: string) => user.client.from('training_jobs').update(sent).eq('id', job).eq('user_id', user.id);
  const cancelled = async (job: string) => {
    const row = await only(cancel(job).select(), 200);
    assert.equal(row.status, 'cancelled');
    assert.ok(row.completed_at && row.completed_at > '2020', JSON.stringify(row));
    assert.notEqual(row.final_cost, sent.final_cost);
    return row;
  };
  const queued = await queuedJob(user, dataset);
  await cancelled(queued.id);
  const { id } = await queuedJob(user, dataset);
  await claim(id);
  const row = await cancelled(id);
  assert.equal(typeof row.cancel_requested_at, 'string');
  // Twice, and in the plain form.
  await ok(cancel(id), 204);
  await ok(user.client.from('training_jobs').update({ status: 'cancelled' }).eq('id', id).eq('user_id', user.id), 204);
  const kept = await only(user.client.from('training_jobs').select().eq('id', id).eq('user_id', user.id));
  assert.equal(kept.completed_at, row.completed_at);
});

test('a page of one job has its row and its points', async () => {
  const user = newUser();
  const dataset = await readyDataset(user);
  const job = await completedJob(user, dataset);
  const one = (client: Client) => client.from('training_jobs').select('*, dataset:datasets!dataset_id(*)').eq('id', job).single();
  const row = await ok(one(user.client), 200);
  assert.deepEqual([row.status, row.dataset.id], ['completed', dataset]);
  const points = (client: Client) => client.from('metrics_points').select('*').eq('job_id', job).order('timestamp', { ascending: true }).limit(100);
  assert.deepEqual((await ok(points(user.client), 200)).map((point) => point.step), [1, 2]);
  // To somebody else it is not there.
  const another = newUser();
  await refused(one(another.client), { status: 406, code: 'PGRST116', message: /./ });
  assert.deepEqual(await ok(points(another.client)), []);
});
