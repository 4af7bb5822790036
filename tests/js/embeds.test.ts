// Related rows in one request. Between two tables PostgREST finds the way by itself as long as there is one; where there are
// two, a hint names the column or the key. A second key anywhere would break the application's lists.

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { completedJob, emptyQueue, gpus, newModel, newUser, ok, only, readyDataset, refused, service } from './platform.ts';

afterEach(emptyQueue);

/** Somebody's dataset, a job on it, and its model, linked both ways. */
async function linked() {
  const user = newUser();
  const dataset = await readyDataset(user);
  const job = await completedJob(user, dataset);
  const { id: model } = await ok(service.from('model_artifacts').insert(newModel(user, job, dataset)).select('id').single(), 201);
  await ok(service.from('training_jobs').update({ artifact_id: model }).eq('id', job), 204);
  return { user, client: user.client, dataset, job, model };
}

const ids = (rows: { id: string }[]) => rows.map((row) => row.id);

test('a job brings its dataset, and a dataset its jobs and models, without a hint', async () => {
  const { user, client, dataset, job, model } = await linked();
  for (const reader of [client, service]) {
    const of_job = await only(reader.from('training_jobs').select('*, datasets(*)').eq('user_id', user.id), 200);
    assert.equal(of_job.datasets.id, dataset);
    const jobs = await only(reader.from('datasets').select('*, training_jobs(*)').eq('user_id', user.id), 200);
    assert.deepEqual(ids(jobs.training_jobs), [job]);
    const models = await only(reader.from('datasets').select('*, model_artifacts(*)').eq('user_id', user.id), 200);
    assert.deepEqual(ids(models.model_artifacts), [model]);
  }
  assert.deepEqual(await ok(newUser().client.from('training_jobs').select('*, datasets(*)'), 200), []);
});

test('everything that hangs on a job comes without a hint', async () => {
  const { client, job } = await linked();
  const hanging = client.from('training_jobs').select('id, metrics_points(*), training_job_events(*), cost_records(*)');
  const found = await only(hanging.eq('id', job), 200);
  for (const [table, least] of [['metrics_points', 2], ['training_job_events', 4], ['cost_records', 1]] as const) {
    const rows = found[table];
    assert.ok(rows.length >= least && rows.every((row) => row.job_id === job), `${table}: ${JSON.stringify(rows)}`);
  }
  // And the other way.
  assert.equal((await only(client.from('metrics_points').select('*, training_jobs(id, status)').limit(1))).training_jobs.id, job);
  assert.equal((await only(client.from('training_job_events').select('*, training_jobs(id, status)').limit(1))).training_jobs.id, job);
  assert.equal((await only(client.from('cost_records').select('*, training_jobs(id, status)').limit(1))).training_jobs?.id, job);
});

// Two keys lead between them: to the model of a job, and to the job of a model.
test('between jobs and models a hint names the way', async () => {
  const { client, dataset, job, model } = await linked();
  const models = () => client.from('model_artifacts');
  const jobs = () => client.from('training_jobs');
  assert.equal((await only(models().select('*, training_jobs!job_id(*)'))).training_jobs.id, job);
  assert.equal((await only(models().select('*, datasets!dataset_id(*)'))).datasets.id, dataset);
  assert.equal((await only(models().select('*, training_jobs!model_artifacts_job_id_fkey(*)'))).training_jobs.id, job);
  assert.equal((await only(models().select('*, job:training_jobs!job_id(id, datasets!dataset_id(name))'))).job.id, job);
  assert.equal((await only(jobs().select('*, model_artifacts!artifact_id(*)'))).model_artifacts?.id, model);
  assert.equal((await only(jobs().select('*, model_artifacts!fk_training_jobs_artifact(*)'))).model_artifacts?.id, model);
  assert.equal((await only(jobs().select('*, model_artifacts!job_id(*)'))).model_artifacts?.id, model);
  assert.equal((await only(jobs().select('*, model_artifacts!model_artifacts_job_id_fkey(*)'))).model_artifacts?.id, model);
  assert.equal((await only(jobs().select('*, datasets!dataset_id(*)'))).datasets.id, dataset);
  assert.equal((await only(jobs().select('*, datasets!training_jobs_dataset_id_fkey(*)'))).datasets.id, dataset);
  // A model could be that of several jobs, as far as keys go: a list.
  assert.deepEqual(ids((await only(models().select('*, training_jobs!artifact_id(*)'))).training_jobs), [job]);
  assert.deepEqual(ids((await only(models().select('*, training_jobs!fk_training_jobs_artifact(*)'))).training_jobs), [job]);
  // The specification's own two keys: without a hint it was ambiguous before.
  await refused(jobs().select('*, model_artifacts(*)'), { status: 300, code: 'PGRST201', message: /more than one relationship/ });
});

test('a row that refers to one of its own table brings it', async () => {
  const { user, client, dataset, job } = await linked();
  const retry = {
    user_id: user.id,
    dataset_id: dataset,
    preset_id: 'balanced' as const,
    hyperparameters: {},
    gpu_config: gpus,
    total_epochs: 1,
    estimated_total_cost: 0,
    retry_of: job,
  };
  await ok(service.from('training_jobs').insert(retry), 201);
  const row = await only(client.from('training_jobs').select('id, retry_of(id)').eq('status', 'queued'));
  assert.equal(row.retry_of?.id, job);
});
