// Models, as the application stores and lists them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ArtifactStatus } from '../../types/lora-training.ts';
import { completedJob, newModel, newUser, ok, only, readyDataset, refused, service } from './platform.ts';
import type { Client } from './platform.ts';

test('a model is stored, linked to its job, listed, renamed and deleted', async () => {
  const user = newUser();
  const { client } = user;
  const dataset = await readyDataset(user);
  const job = await completedJob(user, dataset);
  const { id } = await ok(service.from('model_artifacts').insert(newModel(user, job, dataset)).select().single(), 201);
  // The job is over, and its one figure that is not is the model.
  await ok(service.from('training_jobs').update({ artifact_id: id }).eq('id', job), 204);
  assert.equal((await only(client.from('training_jobs').select().eq('id', job))).artifact_id, id);

  const list = (reader: Client) =>
    reader
      .from('model_artifacts')
      .select('*, job:training_jobs!job_id(id, status, final_cost), dataset:datasets!dataset_id(id, name)')
      .eq('user_id', user.id)
      .is('deleted_at', null)
      .order('created_at', { ascending: false });
  const row = await only(list(client), 200);
  assert.deepEqual([row.id, row.job.id, row.job.status, row.dataset.id], [id, job, 'completed', dataset]);
  assert.deepEqual(await ok(list(newUser().client)), []);

  const names = { name: 'Bicycles', description: 'of our shop', version: '1.1.0' };
  const renamed = await only(client.from('model_artifacts').update(names).eq('id', id).select(), 200);
  assert.deepEqual({ ...renamed, ...names }, renamed);
  const removed = await only(client.from('model_artifacts').update({ deleted_at: '2026-03-01T00:00:00Z' }).eq('id', id).select(), 200);
  assert.equal(typeof removed.deleted_at, 'string');
  assert.deepEqual(await ok(list(client), 200), []);
});

test('the service deploys and archives a model', async () => {
  const user = newUser();
  const dataset = await readyDataset(user);
  const job = await completedJob(user, dataset);
  await ok(service.from('model_artifacts').insert(newModel(user, job, dataset)), 201);
  const change = (from: ArtifactStatus, to: ArtifactStatus) =>
    service.from('model_artifacts').update({ status: to }).eq('user_id', user.id).eq('status', from);
  const deployed = await only(change('stored', 'deployed').select(), 200);
  assert.equal(typeof deployed.deployed_at, 'string');
  await ok(change('deployed', 'archived'), 204);
  await refused(change('archived', 'stored'), { status: 409, code: 'PT409', message: /archived/, hint: /\w/ });
});

test('models are ordered by their score', async () => {
  const user = newUser();
  const dataset = await readyDataset(user);
  for (const [overall_score, name] of [[3.5, 'second'], [4.9, 'first'], [2, 'third']] as const) {
    const job = await completedJob(user, dataset);
    const model = { ...newModel(user, job, dataset), name, quality_metrics: { overall_score, final_training_loss: 0.31 } };
    await ok(service.from('model_artifacts').insert(model), 201);
  }
  const names = async (column: string) => {
    const rows = await ok(user.client.from('model_artifacts').select('name').order(column, { ascending: false }), 200);
    return rows.map((row) => row.name);
  };
  assert.deepEqual(await names('quality_metrics->overall_score'), ['first', 'second', 'third']);
  assert.deepEqual(await names('created_at'), ['third', 'first', 'second']);
});
