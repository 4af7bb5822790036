// Who speaks to the platform in these tests, with supabase-js as it is published, and how an answer is looked at.
// `cargo xtask test js` starts the platform, signs the users up, and says by variables where all of that is.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createClient, type PostgrestSingleResponse, type SupabaseClient } from '@supabase/supabase-js';
import type { Database, Tables, TablesInsert } from '../../types/database.ts';
import type { ReportedPoint } from '../../types/lora-training.ts';

export type Client = SupabaseClient<Database>;

export function variable(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; run "cargo xtask test js"`);
  return value;
}

/** Of the platform: what is called the project's URL. */
export const url = variable('SUPABASE_URL');
const secret = variable('JWT_SECRET');
const users: string[] = JSON.parse(variable('USER_IDS'));

/** A token that the API takes, as the platform's Auth makes it. */
export function sign(claims: Record<string, string | number | boolean>, key = secret): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const body = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ iss: `${url}/auth/v1`, ...claims })}`;
  return `${body}.${createHmac('sha256', key).update(body).digest('base64url')}`;
}

/** Seconds from now, as a token says when it ends. */
export const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1000) + seconds;

/** The project's public key. */
export const anonKey = variable('SUPABASE_ANON_KEY');

/** The token of a user who has signed in. */
export function tokenOf(user: string): string {
  return sign({ role: 'authenticated', aud: 'authenticated', sub: user, exp: inSeconds(3600) });
}

/** The functions that anybody called. */
export const called = new Set<string>();

const noting: typeof fetch = (input, options) => {
  const [, name] = /\/rpc\/(\w+)/.exec(String(input)) ?? [];
  if (name) called.add(name);
  return fetch(input, options);
};

/** supabase-js as somebody whom a token names. */
export function clientOf(token: string): Client {
  return createClient<Database>(url, anonKey, { accessToken: async () => token, global: { fetch: noting } });
}

/** Nobody who has signed in. */
export const anon = createClient<Database>(url, anonKey, { auth: { persistSession: false } });

/** Somebody without any token: supabase-js by itself sends the public key as one. */
export const bare = createClient<Database>(url, anonKey, {
  auth: { persistSession: false },
  global: {
    fetch: (input, options) => {
      const headers = new Headers(options?.headers);
      headers.delete('authorization');
      return fetch(input, { ...options, headers });
    },
  },
});

const serviceKey = variable('SUPABASE_SERVICE_ROLE_KEY');

/** The platform's own programs. */
export const service = clientOf(serviceKey);

type Described = { description?: string; properties?: Record<string, { description?: string }> };
type Operations = Record<string, { summary?: string; description?: string }>;

/** The API in the words of OpenAPI, as the service sees it. */
export async function description(): Promise<{ paths: Record<string, Operations>; definitions: Record<string, Described> }> {
  const answer = await fetch(`${url}/rest/v1/`, { headers: { authorization: `Bearer ${serviceKey}` } });
  assert.equal(answer.status, 200);
  return JSON.parse(await answer.text());
}

export type User = { id: string; client: Client };

/** Somebody who has signed up, and is in no other test. */
export function newUser(): User {
  const id = users.shift();
  if (!id) throw new Error('all users are in use; js.rs signs more of them up');
  return { id, client: clientOf(tokenOf(id)) };
}

/** The data of an answer that is none of an error; of this status, where one is expected. */
export async function ok<T>(request: PromiseLike<PostgrestSingleResponse<T>>, expected?: number): Promise<T> {
  const { data, error, status } = await request;
  if (error) assert.fail(`${status} ${error.code}: ${error.message} (${error.details}; ${error.hint})`);
  if (expected) assert.equal(status, expected);
  return data;
}

/** The only row of a list. */
export async function only<T>(request: PromiseLike<PostgrestSingleResponse<T[]>>, expected?: number): Promise<T> {
  const rows = await ok(request, expected);
  const [row] = rows;
  assert.ok(row && rows.length === 1, JSON.stringify(rows));
  return row;
}

/** How many rows there are in all, without any of them. */
export async function total(request: PromiseLike<PostgrestSingleResponse<unknown>>): Promise<number | null> {
  const { count, data, error } = await request;
  assert.deepEqual([data, error], [null, null]);
  return count;
}

/** What a refusal has to be. */
export type Refusal = { status: number; code: string; message: RegExp; hint?: RegExp };

/** Checks a refusal: its status, code, and words. One of ours always has a hint; where `hint` is left out, it is Postgres's or PostgREST's. */
export async function refused<T>(request: PromiseLike<PostgrestSingleResponse<T>>, expected: Refusal): Promise<void> {
  const { data, error, status } = await request;
  if (!error) assert.fail(`not refused: ${status} ${JSON.stringify(data)}`);
  const seen = `${status} ${JSON.stringify(error)}`;
  assert.deepEqual([status, error.code], [expected.status, expected.code], seen);
  assert.match(error.message, expected.message, seen);
  if (expected.hint) assert.match(error.hint ?? '', expected.hint, seen);
}

/** What the upload page sends of a file. */
export function registration(user: User, name: string, size: number) {
  const id = crypto.randomUUID();
  return {
    id,
    user_id: user.id,
    name,
    description: null,
    format: 'brightrun_lora_v4' as const,
    status: 'uploading' as const,
    storage_bucket: 'lora-datasets',
    storage_path: `${user.id}/${id}/${name}.jsonl`,
    file_name: `${name}.jsonl`,
    file_size: size,
  };
}

/** A dataset of so many conversations of one pair each. */
export function conversations(count: number): string {
  const line = (number: number) =>
    JSON.stringify({
      conversation_id: `c${number}`,
      turns: [
        { role: 'user', content: `Is bicycle number ${number} there?` },
        { role: 'assistant', content: `Yes, stand ${number} has it.` },
      ],
    });
  return Array.from({ length: count }, (_, number) => `${line(number + 1)}\n`).join('');
}

/** A dataset that is validated; answers its id. */
export async function readyDataset(user: User, count = 3): Promise<string> {
  const content = conversations(count);
  const row = registration(user, `chats-${count}`, content.length);
  await ok(user.client.from('datasets').insert(row));
  await ok(service.rpc('validate_dataset', { dataset_id: row.id, content }));
  return row.id;
}

export const gpus = { gpu_type: 'A100-80GB', num_gpus: 2, gpu_memory_gb: 80, cost_per_gpu_hour: 3.5 };

/** A job in the queue. */
export async function queuedJob(user: User, dataset_id: string, max_steps = 10): Promise<Tables<'training_jobs'>> {
  return await ok(
    user.client.rpc('create_training_job', {
      dataset_id,
      preset_id: 'custom',
      hyperparameters: { max_steps },
      gpu_config: gpus,
    }),
  );
}

/** A point as a worker reports it. */
export function point(step: number, training_loss: ReportedPoint['training_loss'] = 2 / step): ReportedPoint {
  return { step, epoch: 1, training_loss, learning_rate: 0.0002 };
}

/** A worker takes one job, which has to be this one: whatever waits before it was not cleared away by its test. */
export async function claim(job: string): Promise<void> {
  const [claimed] = await ok(service.rpc('claim_training_jobs', { worker: 'worker-1' }));
  assert.deepEqual([claimed?.id, claimed?.status], [job, 'initializing']);
}

/** Cancels what waits: after each test of a file that leaves jobs in the queue. */
export async function emptyQueue(): Promise<void> {
  await ok(service.from('training_jobs').update({ status: 'cancelled' }).eq('status', 'queued'));
}

/** A job with two points, one after the other, that is completed; answers its id. */
export async function completedJob(user: User, dataset: string): Promise<string> {
  const { id: job_id } = await queuedJob(user, dataset);
  await claim(job_id);
  for (const step of [1, 2]) await ok(service.rpc('report_training_metrics', { job_id, attempt: 1, points: [point(step)] }));
  await ok(service.rpc('complete_training_job', { job_id, attempt: 1 }));
  return job_id;
}

/** What the application stores after a job. */
export function newModel(user: User, job_id: string, dataset_id: string): TablesInsert<'model_artifacts'> {
  return {
    user_id: user.id,
    job_id,
    dataset_id,
    name: 'Bicycle support',
    version: '1.0.0',
    status: 'stored',
    quality_metrics: { overall_score: 4.2, final_training_loss: 0.31 },
    training_summary: { epochs_completed: 3, total_steps: 33 },
    configuration: { preset: 'balanced' },
    artifacts: { adapter: { path: `${user.id}/${job_id}/adapter.safetensors`, size: 1024 } },
  };
}
