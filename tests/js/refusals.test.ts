// Every refusal of the contract as supabase-js hears it: the status by its kind, the code, the column or the row in the message,
// and what to do instead in the hint.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PostgrestSingleResponse } from '@supabase/supabase-js';
import type { Json, TablesInsert, TablesUpdate } from '../../types/database.ts';
import { claim, completedJob, conversations, gpus, newModel, newUser, ok, queuedJob, readyDataset, refused, registration, service } from './platform.ts';
import type { Refusal, User } from './platform.ts';

const UNKNOWN = '00000000-0000-4000-8000-000000000000';

function newJob(user: User, dataset_id: string): TablesInsert<'training_jobs'> {
  const documents = { hyperparameters: {}, gpu_config: gpus };
  return { user_id: user.id, dataset_id, preset_id: 'balanced', ...documents, total_epochs: 1, estimated_total_cost: 1 };
}

/** Somebody with a completed job, its model, and a job in the queue. */
async function world() {
  const user = newUser();
  const dataset = await readyDataset(user);
  const job = await completedJob(user, dataset);
  const model = await ok(service.from('model_artifacts').insert(newModel(user, job, dataset)).select().single());
  return { user, client: user.client, dataset, job, model: model.id };
}

async function all<T>(refusal: Refusal, requests: Record<string, PromiseLike<PostgrestSingleResponse<T>>>): Promise<void> {
  for (const [what, request] of Object.entries(requests)) {
    await refused(request, refusal).catch((error: Error) => assert.fail(`${what}: ${error.message}`));
  }
}

/** Of a column that is not the user's. */
const column = (table: string, name: string): Refusal => ({
  status: 403,
  code: '42501',
  message: new RegExp(`column "${name}" of "${table}"`),
  hint: /\w/,
});

test('42501: a column that is not the user\'s is named', async () => {
  const { user, client, dataset, model } = await world();
  const registered = registration(user, 'practice', 7);
  const datasets: Record<string, Partial<TablesInsert<'datasets'>>> = {
    status: { status: 'ready' },
    training_ready: { training_ready: true },
    total_tokens: { total_tokens: 7 },
    validated_at: { validated_at: '2026-01-01T00:00:00Z' },
    storage_bucket: { storage_bucket: 'lora-models' },
    storage_path: { storage_path: 'somebody/else/x.jsonl' },
  };
  for (const [name, value] of Object.entries(datasets)) {
    await refused(client.from('datasets').insert({ ...registered, ...value }), column('datasets', name));
  }
  const changes: Record<string, TablesUpdate<'datasets'>> = {
    status: { status: 'error' },
    training_ready: { training_ready: false },
    file_size: { file_size: 2 },
  };
  for (const [name, value] of Object.entries(changes)) {
    await refused(client.from('datasets').update(value).eq('id', dataset), column('datasets', name));
  }

  const jobs: Record<string, Partial<TablesInsert<'training_jobs'>>> = {
    status: { status: 'completed' },
    progress: { progress: 100 },
    current_cost: { current_cost: -1 },
    final_cost: { final_cost: 0 },
    external_job_id: { external_job_id: 'squatted' },
    max_attempts: { max_attempts: 99 },
  };
  for (const [name, value] of Object.entries(jobs)) {
    await refused(client.from('training_jobs').insert({ ...newJob(user, dataset), ...value }), column('training_jobs', name));
  }
  const queued = await queuedJob(user, dataset);
  const changed: Record<string, TablesUpdate<'training_jobs'>> = {
    status: { status: 'running' },
    progress: { progress: 100 },
    gpu_config: { gpu_config: { gpu_type: 'H100', num_gpus: 1 } },
  };
  for (const [name, value] of Object.entries(changed)) {
    await refused(client.from('training_jobs').update(value).eq('id', queued.id), column('training_jobs', name));
  }
  await ok(client.rpc('cancel_training_job', { job_id: queued.id }));

  for (const [name, value] of Object.entries<TablesUpdate<'model_artifacts'>>({ status: { status: 'deployed' }, quality_metrics: { quality_metrics: { overall_score: 5 } }, artifacts: { artifacts: {} } })) {
    await refused(client.from('model_artifacts').update(value).eq('id', model), column('model_artifacts', name));
  }
  for (const [name, value] of Object.entries<TablesUpdate<'notifications'>>({ message: { message: 'x' }, type: { type: 'news' }, priority: { priority: 'low' } })) {
    await refused(client.from('notifications').update(value).eq('user_id', user.id), column('notifications', name));
  }
  const budget = client.from('cost_budgets').insert({ user_id: user.id, platform_limit: 1_000_000 });
  await refused(budget, column('cost_budgets', 'platform_limit'));
});

test('42501: what is another user\'s, and what nobody may do', async () => {
  const { user, client, dataset, job } = await world();
  const another = newUser();
  const for_another = { dataset_id: dataset, gpu_config: gpus, user_id: user.id };
  await refused(another.client.rpc('create_training_job', for_another), { status: 403, code: '42501', message: /oneself/, hint: /\w/ });
  const remains: Refusal = { status: 403, code: '42501', message: /training_jobs/, hint: /[Cc]ancel/ };
  for (const anybody of [client, service]) await refused(anybody.from('training_jobs').delete().eq('id', job), remains);
  await refused(client.from('training_jobs').delete(), remains);
  // The ledger and the log are closed by the lack of a right: there is no way to do it right.
  await refused(service.from('cost_records').update({ amount: 0 }).eq('user_id', user.id), { status: 403, code: '42501', message: /permission denied/ });
  await refused(service.from('training_job_events').delete().eq('job_id', job), { status: 403, code: '42501', message: /permission denied/ });
});

test('PT402: a job beyond the budget is payment required, by every way in', async () => {
  const user = newUser();
  const dataset = await readyDataset(user);
  await ok(user.client.rpc('set_cost_budget', { monthly_limit: 1, hard_stop: true }));
  const beyond: Refusal = { status: 402, code: 'PT402', message: /does not fit into the budget/, hint: /\w/ };
  for (const ask of [
    () => user.client.from('training_jobs').insert(newJob(user, dataset)),
    () => service.from('training_jobs').insert(newJob(user, dataset)),
    () => user.client.rpc('create_training_job', { dataset_id: dataset, gpu_config: gpus }),
  ]) {
    await refused<unknown>(ask(), beyond);
    const { error } = await ask();
    assert.match(`${error?.message} ${error?.details}`, /Of 1 USD, 0\.00 are spent and 0\.00 committed/);
  }
  await ok(user.client.from('cost_budgets').update({ monthly_limit: 100 }).eq('user_id', user.id));
  const job = await ok(user.client.from('training_jobs').insert(newJob(user, dataset)).select('id, estimated_total_cost').single());
  const budget = await ok(user.client.rpc('cost_budget', {}));
  assert.deepEqual([budget.limit, budget.committed], [100, job.estimated_total_cost]);
  assert.ok(budget.committed > 0);
  await ok(user.client.rpc('cancel_training_job', { job_id: job.id }));
});

test('PT409: a state that does not allow it', async () => {
  const { user, client, dataset, job, model } = await world();
  const conflict = (thing: string): Refusal => ({ status: 409, code: 'PT409', message: new RegExp(thing), hint: /\w/ });
  await refused(client.from('training_jobs').update({ status: 'cancelled' }).eq('id', job), conflict(job));
  await refused(service.from('training_jobs').update({ status: 'running' }).eq('id', job), conflict(job));
  await refused(service.from('training_jobs').update({ final_cost: 99 }).eq('id', job), conflict('final_cost'));
  await refused(client.rpc('cancel_training_job', { job_id: job }), conflict(job));
  await refused(client.from('datasets').delete().eq('id', dataset), conflict(dataset));
  await refused(service.from('datasets').delete().eq('id', dataset), conflict(dataset));
  for (const status of ['deployed', 'archived'] as const) await ok(service.rpc('set_model_artifact_status', { id: model, status }));
  await refused(service.rpc('set_model_artifact_status', { id: model, status: 'deployed' }), conflict(model));
  await refused(service.rpc('append_dataset_chunk', { dataset_id: dataset, chunk_number: 1, content: 'x' }), conflict(dataset));

  // Nothing is ready that was not read, and nothing trains on it.
  const unread = registration(user, 'unread', 7);
  await ok(client.from('datasets').insert(unread));
  await refused(client.from('training_jobs').insert(newJob(user, unread.id)), conflict(unread.id));
  await refused(client.rpc('create_training_job', { dataset_id: unread.id, gpu_config: gpus }), conflict(unread.id));
  await refused(service.from('datasets').update({ status: 'ready', training_ready: true }).eq('id', unread.id), conflict(unread.id));
  await refused(service.rpc('finish_dataset_validation', { dataset_id: unread.id, chunks: 2 }), conflict('chunk'));

  // A worker whose attempt is over, or whose job was not claimed.
  const queued = await queuedJob(user, dataset);
  const of_a_job = { job_id: queued.id, attempt: 1 };
  // What no type would let pass is sent as a program without types sends it.
  const unknown: Record<'status', string> = { status: 'banana' };
  await refused(service.from('training_jobs').update(unknown as TablesUpdate<'training_jobs'>).eq('id', queued.id), conflict('banana'));
  await refused(service.rpc('heartbeat_training_job', of_a_job), conflict(queued.id));
  await refused(service.rpc('complete_training_job', of_a_job), conflict(queued.id));
  await claim(queued.id);
  await refused(service.rpc('complete_training_job', of_a_job), conflict(queued.id));
  await ok(service.rpc('fail_training_job', { ...of_a_job, failure_class: 'infrastructure', message: 'no GPU is left' }));
  await ok(client.rpc('retry_training_job', { job_id: queued.id }));
  await claim(queued.id);
  await refused(service.rpc('heartbeat_training_job', of_a_job), conflict(queued.id));
  await refused(service.rpc('report_training_metrics', { ...of_a_job, points: [] }), conflict(queued.id));
  await ok(client.rpc('cancel_training_job', { job_id: queued.id }));

  // Closing a job has charged it.
  const compute = { user_id: user.id, job_id: job, cost_type: 'training_compute', amount: 4.1, billing_period: '2026-03-01' };
  await refused(service.from('cost_records').insert(compute), conflict(job));
});

test('PT404: what is not there, and what is somebody else\'s, in the same words', async () => {
  const { user, dataset, job } = await world();
  const another = newUser();
  const asked = async (thing: string, ask: (id: string) => PromiseLike<PostgrestSingleResponse<object | Json | null>>) => {
    await refused(ask(thing), { status: 404, code: 'PT404', message: new RegExp(thing), hint: /\w/ });
    const [hers, nobodys] = [(await ask(thing)).error, (await ask(UNKNOWN)).error];
    assert.equal(JSON.stringify(hers), JSON.stringify(nobodys).replaceAll(UNKNOWN, thing));
  };
  const { client } = another;
  await asked(job, (job_id) => client.rpc('training_job_progress', { job_id }));
  await asked(job, (job_id) => client.rpc('training_job_health', { job_id }));
  await asked(job, (job_id) => client.rpc('training_job_cost', { job_id }));
  await asked(job, (job_id) => client.rpc('cancel_training_job', { job_id }));
  await asked(job, (job_id) => client.rpc('retry_training_job', { job_id }));
  await asked(job, (job_id) => client.rpc('training_metrics_curve', { job_ids: [job_id] }));
  await asked(job, (job_id) => client.rpc('cost_summary', { from_date: '2020-01-01', to_date: '2099-01-01', job_id }));
  await asked(dataset, (dataset_id) => client.rpc('create_training_job', { dataset_id, gpu_config: gpus }));
  await asked(dataset, (dataset_id) => client.rpc('estimate_training_cost', { dataset_id, gpu_config: gpus }));
  await asked(dataset, (dataset_id) => client.from('training_jobs').insert(newJob(another, dataset_id)));

  // Where Postgres gives no error, nothing tells them apart either.
  for (const id of [job, UNKNOWN]) {
    assert.deepEqual(await ok(client.from('training_jobs').update({ status: 'cancelled' }).eq('id', id).select()), []);
    await refused(client.from('training_jobs').update({ status: 'cancelled' }).eq('id', id).select().single(), { status: 406, code: 'PGRST116', message: /./ });
    await ok(client.from('training_jobs').update({ status: 'cancelled' }).eq('id', id), 204);
    assert.deepEqual(await ok(client.from('training_job_events').select().eq('job_id', id)), []);
  }
  for (const id of [dataset, UNKNOWN]) {
    assert.deepEqual(await ok(client.from('datasets').update({ name: 'mine' }).eq('id', id).select()), []);
    for (const change of [{ name: 'mine' }, { status: 'ready' }] as const) await ok(client.from('datasets').update(change).eq('id', id), 204);
    assert.deepEqual(await ok(client.from('datasets').delete().eq('id', id).select()), []);
    assert.deepEqual(await ok(client.from('datasets').select().eq('id', id), 200), []);
    await refused(client.from('datasets').select().eq('id', id).single(), { status: 406, code: 'PGRST116', message: /./ });
  }

  const removals = [job, UNKNOWN].map((id) => client.from('training_jobs').delete().eq('id', id));
  const [hers, nobodys] = await Promise.all(removals);
  assert.deepEqual([hers?.status, hers?.error], [403, nobodys?.error]);

  const nothing: Refusal = { status: 404, code: 'PT404', message: new RegExp(UNKNOWN), hint: /\w/ };
  const of_a_job = { job_id: UNKNOWN, attempt: 1 };
  await all<Json | object | null>(nothing, {
    progress: service.rpc('training_job_progress', { job_id: UNKNOWN }),
    validate: service.rpc('validate_dataset', { dataset_id: UNKNOWN, content: conversations(1) }),
    append: service.rpc('append_dataset_chunk', { dataset_id: UNKNOWN, chunk_number: 1, content: '' }),
    finish: service.rpc('finish_dataset_validation', { dataset_id: UNKNOWN, chunks: 1 }),
    heartbeat: service.rpc('heartbeat_training_job', of_a_job),
    report: service.rpc('report_training_metrics', { ...of_a_job, points: [] }),
    complete: service.rpc('complete_training_job', of_a_job),
    fail: service.rpc('fail_training_job', { ...of_a_job, failure_class: 'stalled', message: 'x' }),
    register: service.rpc('register_model_artifact', { ...of_a_job, name: 'x', artifacts: {} }),
    deploy: service.rpc('set_model_artifact_status', { id: UNKNOWN, status: 'deployed' }),
    correct: service.rpc('correct_cost', { record_id: UNKNOWN, amount: 1, reason: 'x', idempotency_key: UNKNOWN }),
  });
  assert.ok(user.id);
});

test('22023: an argument that is none is named', async () => {
  const { user, client, dataset, job, model } = await world();
  const bad = (thing: RegExp): Refusal => ({ status: 400, code: '22023', message: thing, hint: /\w/ });
  const documents: [RegExp, Partial<Record<'preset_id' | 'gpu_config' | 'hyperparameters', Json>>][] = [
    [/reckless/, { preset_id: 'reckless' }],
    [/num_gpus/, { gpu_config: { gpu_type: 'A100-80GB', num_gpus: 0, cost_per_gpu_hour: 1 } }],
    [/gpu_type/, { gpu_config: { num_gpus: 1, cost_per_gpu_hour: 1 } }],
    [/cost_per_gpu_hour/, { gpu_config: { gpu_type: 'H100', num_gpus: 1, cost_per_gpu_hour: -1 } }],
    [/num_epochs/, { hyperparameters: { num_epochs: 0 } }],
    [/hyperparameters/, { hyperparameters: [] }],
  ];
  for (const [thing, document] of documents) {
    // What no type would let pass is sent as a program without types sends it.
    const row = { ...newJob(user, dataset), ...document } as TablesInsert<'training_jobs'>;
    await refused(client.from('training_jobs').insert(row), bad(thing));
  }
  const dates = { from_date: '2026-02-01', to_date: '2026-01-01' };
  await refused(client.rpc('cost_summary', dates), bad(/from_date/));
  await refused(client.rpc('cost_report', dates), bad(/from_date/));
  await refused(client.rpc('cost_summary', { from_date: '2026-01-01', to_date: '2026-02-01', time_zone: 'Mars/Olympus' }), bad(/Mars\/Olympus/));
  await refused(client.rpc('training_metrics_curve', { job_ids: [job], max_points: 3 }), bad(/max_points/));
  await refused(client.rpc('training_jobs_overview', { page_size: 0 }), bad(/page_size/));
  await refused(client.rpc('set_cost_budget', { monthly_limit: -1 }), bad(/monthly_limit/));
  await refused(service.rpc('cost_budget', {}), bad(/user_id/));
  await refused(service.rpc('claim_training_jobs', { worker: '' }), bad(/worker/));
  await refused(service.rpc('claim_training_jobs', { worker: 'w', max_jobs: 0 }), bad(/max_jobs/));
  await refused(service.rpc('append_dataset_chunk', { dataset_id: dataset, chunk_number: 0, content: '' }), bad(/chunk_number/));
  await refused(service.rpc('record_cost', { user_id: user.id, cost_type: 'No type', amount: 1, idempotency_key: 'x' }), bad(/cost_type/));
  const unknown = { dataset_id: dataset, content: 'x', options: { no_such_option: 1 } } as const;
  await refused(client.rpc('check_dataset', { content: 'x', options: unknown.options as object }), bad(/no_such_option/));
  const queued = await queuedJob(user, dataset);
  await claim(queued.id);
  await refused(service.rpc('heartbeat_training_job', { job_id: queued.id, attempt: 2 }), bad(new RegExp(queued.id)));
  await ok(client.rpc('cancel_training_job', { job_id: queued.id }));
  assert.ok(model);
});

test('what Postgres itself refuses is a bad request, or a conflict', async () => {
  const { user, client, dataset, job } = await world();
  const registered = registration(user, 'practice', 7);
  const bad = (code: string): Refusal => ({ status: 400, code, message: /\w/ });
  await refused(client.from('datasets').insert({ ...registered, file_size: -1 }), bad('23514'));
  await refused(service.from('datasets').update({ total_tokens: -1 }).eq('id', dataset), bad('23514'));
  const much: Record<'progress', Json> = { progress: 'much' };
  await refused(service.from('training_jobs').update(much as TablesUpdate<'training_jobs'>).eq('id', job), bad('22P02'));
  await refused(client.from('datasets').select('id').eq('id', 'mine'), bad('22P02'));
  await refused(client.from('notifications').insert({ user_id: user.id, type: 'Not a type', title: 't', message: 'm' }), bad('23514'));
  const nothing = { user_id: user.id } as TablesInsert<'datasets'>;
  await refused(client.from('datasets').insert(nothing), bad('23502'));

  const conflict = (code: string): Refusal => ({ status: 409, code, message: /\w/ });
  const step = { job_id: job, epoch: 1, step: 1, training_loss: 1, learning_rate: 0.1 };
  await refused(service.from('metrics_points').insert(step), conflict('23505'));
  await refused(service.from('metrics_points').insert({ ...step, job_id: UNKNOWN }), conflict('23503'));
  await ok(client.from('datasets').insert(registered));
  await refused(client.from('datasets').insert(registered), conflict('23505'));
  await refused(client.from('datasets').insert({ ...registered, id: crypto.randomUUID() }), conflict('23505'));
  await refused(service.from('model_artifacts').insert(newModel(user, job, dataset)), conflict('23505'));
});
