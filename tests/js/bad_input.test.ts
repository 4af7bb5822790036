// What is no request at all, or nobody's: each has a clear status, and leaves everything as it was.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient } from '@supabase/supabase-js';
import { anon, anonKey, bare, clientOf, conversations, gpus, inSeconds, newUser, ok, queuedJob, readyDataset, refused, registration, service, sign, tokenOf, url } from './platform.ts';
import type { Client, User } from './platform.ts';

/** Reads and writes that work for the user. */
function requests(client: Client, user: User, dataset_id: string) {
  return [
    () => client.from('datasets').select('id'),
    () => client.from('datasets').insert(registration(user, 'bad', 7)),
    () => client.from('training_jobs').update({ status: 'cancelled' }).eq('dataset_id', dataset_id),
    () => client.rpc('create_training_job', { dataset_id, gpu_config: gpus }),
    () => client.rpc('cost_summary', { from_date: '2026-01-01', to_date: '2026-02-01' }),
    () => client.rpc('cost_budget', {}),
  ];
}

/** Everything of a user that such a request could have changed. */
async function state(user: User): Promise<string> {
  const datasets = await ok(user.client.from('datasets').select('*').order('id'));
  const jobs = await ok(user.client.from('training_jobs').select('*').order('id'));
  return JSON.stringify([datasets, jobs]);
}

async function refusesAll(client: Client, user: User, dataset: string, status: number, code: string, message: RegExp): Promise<void> {
  const before = await state(user);
  for (const request of requests(client, user, dataset)) await refused<unknown>(request(), { status, code, message });
  assert.equal(await state(user), before);
}

test('without a token, or with the public one, nothing is read or written', async () => {
  const user = newUser();
  const dataset = await readyDataset(user);
  await queuedJob(user, dataset);
  await refusesAll(anon, user, dataset, 401, '42501', /permission denied/);
  await refusesAll(bare, user, dataset, 401, '42501', /permission denied/);
});

test('a token that has expired, or that somebody else signed, is refused', async () => {
  const user = newUser();
  const dataset = await readyDataset(user);
  await queuedJob(user, dataset);
  const claims = { role: 'authenticated', sub: user.id };
  await refusesAll(clientOf(sign({ ...claims, exp: inSeconds(-60) })), user, dataset, 401, 'PGRST301', /JWT expired/);
  await refusesAll(clientOf(sign({ ...claims, exp: inSeconds(60) }, 'another secret of at least 32 characters')), user, dataset, 401, 'PGRST301', /JW/);
  await refusesAll(clientOf('no token'), user, dataset, 401, 'PGRST301', /JW/);
  // Signed, but of a role that nobody may take.
  const postgres = clientOf(sign({ role: 'postgres', exp: inSeconds(60) }));
  await refusesAll(postgres, user, dataset, 403, '42501', /permission denied to set role/);
});

test('a token without a user reads nothing and writes nothing', async () => {
  const user = newUser();
  const dataset = await readyDataset(user);
  await queuedJob(user, dataset);
  const before = await state(user);
  const nobodies: Record<string, string>[] = [{}, { sub: crypto.randomUUID() }];
  for (const claims of nobodies) {
    const nobody = clientOf(sign({ role: 'authenticated', exp: inSeconds(60), ...claims }));
    for (const table of ['datasets', 'training_jobs', 'cost_records', 'notifications', 'model_artifacts', 'cost_budgets'] as const) {
      assert.deepEqual(await ok(nobody.from(table).select('*')), [], table);
    }
    await refused(nobody.from('datasets').insert(registration(user, 'bad', 7)), { status: 403, code: '42501', message: /user_id|policy/ });
    const job = nobody.rpc('create_training_job', { dataset_id: dataset, gpu_config: gpus });
    await refused(job, { status: 404, code: 'PT404', message: new RegExp(dataset), hint: /\w/ });
    assert.deepEqual(await ok(nobody.from('training_jobs').update({ status: 'cancelled' }).eq('dataset_id', dataset).select()), []);
  }
  // A subject that is no id is no user either.
  for (const sub of ['', 'ada']) {
    const odd = clientOf(sign({ role: 'authenticated', exp: inSeconds(60), sub }));
    await refused(odd.from('datasets').select('*'), { status: 400, code: '22P02', message: /uuid/ });
  }
  assert.equal(await state(user), before);
});

test('a name that no argument has is a function that is not there', async () => {
  const user = newUser();
  const untyped = createClient(url, anonKey, { accessToken: async () => tokenOf(user.id) });
  const misspelt = await untyped.rpc('cost_summary', { from: '2026-01-01', to_date: '2026-02-01' });
  assert.deepEqual([misspelt.status, misspelt.error?.code], [404, 'PGRST202']);
  assert.match(misspelt.error?.message ?? '', /cost_summary\(from, to_date\)/);
  const missing = await untyped.rpc('cost_summary', {});
  assert.deepEqual([missing.status, missing.error?.code], [404, 'PGRST202']);
  const unknown = await untyped.rpc('validate_datasets', {});
  assert.deepEqual([unknown.status, unknown.error?.code], [404, 'PGRST202']);
  const column = await untyped.from('datasets').select('id, stauts');
  assert.deepEqual([column.status, column.error?.code], [400, '42703']);
  const table = await untyped.from('lora_private.training_job_paces').select('*');
  assert.equal(table.status, 404);
  const broken = await fetch(`${url}/rest/v1/rpc/cost_budget`, {
    method: 'POST',
    headers: { authorization: `Bearer ${tokenOf(user.id)}`, 'content-type': 'application/json' },
    body: '{"user_id": ',
  });
  assert.equal(broken.status, 400);
});

test('a body that is far too long is refused with the way to send it', { timeout: 600_000 }, async () => {
  const user = newUser();
  const megabytes = process.env.FULL ? 300 : 30;
  const part = conversations(4000);
  const content = part.repeat(Math.ceil((megabytes * 2 ** 20) / part.length));
  const row = registration(user, 'long', content.length);
  await ok(user.client.from('datasets').insert(row));
  const before = await state(user);
  const refusal = { status: 400, code: '22023', message: /8388608/ };
  await refused(user.client.rpc('check_dataset', { content }), { ...refusal, hint: /part of the file/ });
  const chunk = { dataset_id: row.id, chunk_number: 1, content };
  await refused(service.rpc('append_dataset_chunk', chunk), { ...refusal, hint: /chunks/ });
  assert.equal(await state(user), before);
  // The service's one call has no bound but the time that a statement may take, and 32 MB in the portable edition.
  if (process.env.PG_LORA_TEST_PROVIDER === 'portable' && content.length > 32 * 2 ** 20) {
    const whole = { dataset_id: row.id, content };
    await refused(service.rpc('validate_dataset', whole), { status: 400, code: '22023', message: /33554432/, hint: /chunks/ });
    assert.equal(await state(user), before);
    return;
  }
  const report = await ok(service.rpc('validate_dataset', { dataset_id: row.id, content }));
  const recorded = await ok(user.client.from('datasets').select('status, file_size, total_training_pairs').eq('id', row.id).single());
  assert.deepEqual(recorded, { status: 'ready', file_size: content.length, total_training_pairs: report.total_training_pairs });
});

test('of two that finish one validation one records it, and both get it', async () => {
  const user = newUser();
  const content = conversations(50);
  const row = registration(user, 'twice', content.length);
  await ok(user.client.from('datasets').insert(row));
  const middle = content.indexOf('\n', content.length / 2) + 1;
  for (const [index, chunk] of [content.slice(0, middle), content.slice(middle)].entries()) {
    await ok(service.rpc('append_dataset_chunk', { dataset_id: row.id, chunk_number: index + 1, content: chunk }));
  }
  const finish = () => service.rpc('finish_dataset_validation', { dataset_id: row.id, chunks: 2 });
  const reports = await Promise.all(Array.from({ length: 8 }, () => ok(finish())));
  for (const report of reports) assert.deepEqual(report, reports[0]);
  assert.equal(reports[0]?.total_training_pairs, 50);
  const told = await ok(user.client.from('notifications').select('id').eq('type', 'dataset_ready'));
  assert.equal(told.length, 1);
});
