// Who may call which function: nobody none, a user those of users, the service all of them.

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import type { PostgrestSingleResponse } from '@supabase/supabase-js';
import type { Json } from '../../types/database.ts';
import { anon, bare, conversations, description, emptyQueue, gpus, newUser, ok, queuedJob, readyDataset, refused, service } from './platform.ts';
import type { Client, Refusal } from './platform.ts';

afterEach(emptyQueue);

type Calls = Record<string, PromiseLike<PostgrestSingleResponse<Json | object | null>>>;

const days = { from_date: '2026-01-01', to_date: '2026-02-01' };

/** What users call, and the service too; of a job in the queue. */
const ofUsers = (client: Client, dataset_id: string, job_id: string): Calls => ({
  check_dataset: client.rpc('check_dataset', { content: conversations(2) }),
  create_training_job: client.rpc('create_training_job', { dataset_id, gpu_config: gpus }),
  estimate_training_cost: client.rpc('estimate_training_cost', { dataset_id, gpu_config: gpus }),
  training_job_progress: client.rpc('training_job_progress', { job_id }),
  training_job_health: client.rpc('training_job_health', { job_id }),
  training_job_cost: client.rpc('training_job_cost', { job_id }),
  mark_notifications_read: client.rpc('mark_notifications_read', { ids: [] }),
  training_jobs_overview: client.rpc('training_jobs_overview', {}),
  training_metrics_curve: client.rpc('training_metrics_curve', { job_ids: [] }),
  cost_summary: client.rpc('cost_summary', days),
  cost_report: client.rpc('cost_report', days),
  cancel_training_job: client.rpc('cancel_training_job', { job_id }),
  retry_training_job: client.rpc('retry_training_job', { job_id }),
});

/** What is of the user alone: the service says whose. */
const forOneself = (client: Client, whose: { user_id?: string } = {}): Calls => ({
  cost_budget: client.rpc('cost_budget', whose),
  set_cost_budget: client.rpc('set_cost_budget', { monthly_limit: 100, time_zone: 'Europe/Berlin', ...whose }),
});

function ofTheService(client: Client, dataset_id: string, job_id: string, user_id: string): Calls {
  const beat = { job_id, attempt: 1 };
  return {
    validate_dataset: client.rpc('validate_dataset', { dataset_id, content: conversations(3) }),
    append_dataset_chunk: client.rpc('append_dataset_chunk', { dataset_id, chunk_number: 1, content: conversations(3) }),
    finish_dataset_validation: client.rpc('finish_dataset_validation', { dataset_id, chunks: 1 }),
    claim_training_jobs: client.rpc('claim_training_jobs', { worker: 'mine' }),
    heartbeat_training_job: client.rpc('heartbeat_training_job', beat),
    report_training_metrics: client.rpc('report_training_metrics', { ...beat, points: [] }),
    complete_training_job: client.rpc('complete_training_job', beat),
    fail_training_job: client.rpc('fail_training_job', { ...beat, failure_class: 'stalled', message: 'x' }),
    register_model_artifact: client.rpc('register_model_artifact', { ...beat, name: 'x', artifacts: {} }),
    set_model_artifact_status: client.rpc('set_model_artifact_status', { id: job_id, status: 'deployed' }),
    sweep_training_jobs: client.rpc('sweep_training_jobs', {}),
    record_cost: client.rpc('record_cost', { user_id, cost_type: 'storage', amount: 1, idempotency_key: 'x' }),
    correct_cost: client.rpc('correct_cost', { record_id: job_id, amount: 1, reason: 'x', idempotency_key: 'x' }),
  };
}

async function each(calls: Calls, check: (call: Calls[string]) => Promise<unknown>): Promise<void> {
  for (const [name, call] of Object.entries(calls)) {
    await check(call).catch((error: Error) => assert.fail(`${name}: ${error.message}`));
  }
}

const closed = (status: number): Refusal => ({ status, code: '42501', message: /permission denied for function/ });

test('what is of users is for them and the service, and for nobody else', async () => {
  const user = newUser();
  const dataset = await readyDataset(user);
  const { id } = await queuedJob(user, dataset);
  for (const nobody of [anon, bare]) await each(ofUsers(nobody, dataset, id), (call) => refused(call, closed(401)));
  for (const client of [user.client, service]) await each(ofUsers(client, dataset, id), (call) => ok(call, 200));
});

test('what is of one user is for that one', async () => {
  const [user, another] = [newUser(), newUser()];
  const whose = { user_id: user.id };
  for (const nobody of [anon, bare]) await each(forOneself(nobody), (call) => refused(call, closed(401)));
  await each(forOneself(user.client), (call) => ok(call, 200));
  await each(forOneself(service), (call) => refused(call, { status: 400, code: '22023', message: /user_id/, hint: /\w/ }));
  await each(forOneself(service, whose), (call) => ok(call, 200));
  await each(forOneself(another.client, whose), (call) => refused(call, { status: 403, code: '42501', message: /budget/, hint: /\w/ }));
});

test('what is of the service is for no user', async () => {
  const user = newUser();
  const dataset = await readyDataset(user);
  const { id } = await queuedJob(user, dataset);
  for (const nobody of [anon, bare]) await each(ofTheService(nobody, dataset, id, user.id), (call) => refused(call, closed(401)));
  await each(ofTheService(user.client, dataset, id, user.id), (call) => refused(call, closed(403)));
});

test('every function is here', async () => {
  const functions = Object.keys((await description()).paths).filter((path) => path.startsWith('/rpc/')).map((path) => path.slice(5));
  const here = [ofUsers(anon, '', ''), forOneself(anon), ofTheService(anon, '', '', '')].flatMap((calls) => Object.keys(calls));
  assert.deepEqual(here.sort(), functions.sort());
});
