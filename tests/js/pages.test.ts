// The programs of the README and of docs/supabase.md, run as they stand there.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import type { DatasetReport } from '../../types/lora-training.ts';
import { invoice, list, start } from '../../jobs.ts';
import { mainJob } from '../../main-job.ts';
import { completedJob, conversations, newUser, ok, readyDataset, registration, service, tokenOf, variable } from './platform.ts';
import type { User } from './platform.ts';

test('the ten lines of the README do the main job', async () => {
  const user = newUser();
  const file = { id: crypto.randomUUID(), user_id: user.id, text: conversations(20) };
  const { progress, costs } = await mainJob(user.client, service, file);
  assert.deepEqual([progress.status, progress.percent, progress.step], ['completed', 100, 1]);
  assert.deepEqual(costs.by_type.map((group) => group.cost_type), ['training_compute']);
});

test('jobs are started once, listed in pages, and invoiced', async () => {
  const user = newUser();
  const dataset = await readyDataset(user);
  await completedJob(user, dataset);
  const first = await start(user.client, dataset, 'button');
  assert.equal((await start(user.client, dataset, 'button')).id, first.id);
  const { jobs, count } = await list(user.client, 0);
  assert.deepEqual([count, jobs[0]?.id, jobs[0]?.dataset.id], [2, first.id, dataset]);
  assert.match(await invoice(user.client, '2020-01-01', '2100-01-01', 'Europe/Berlin'), /,training_compute,A100-80GB,2,/);
  await ok(user.client.rpc('cancel_training_job', { job_id: first.id }));
  await ok(user.client.rpc('set_cost_budget', { monthly_limit: 0.01, hard_stop: true }));
  await assert.rejects(start(user.client, dataset, 'another button'), /beyond the budget: .*does not fit/);
});

let server: ChildProcess;
let address: string;

before(async () => {
  const program = 'supabase/functions/validate-dataset/index.ts';
  server = spawn(process.execPath, ['--import', './tests/fixtures/deno.ts', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  address = await new Promise<string>((found, gone) => {
    server.stdout?.once('data', (line: Buffer) => found(line.toString().trim()));
    server.once('exit', () => gone(new Error('the function did not start')));
  });
});

after(() => server.kill());

/** A file in its bucket, registered by its owner. */
async function stored(user: User, content: Buffer): Promise<string> {
  const row = registration(user, 'stored', content.length);
  await ok(user.client.from('datasets').insert(row));
  const path = join(variable('BUCKETS'), row.storage_bucket, row.storage_path);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return row.id;
}

async function invoke(dataset_id: string, token: string | null): Promise<{ status: number; body: DatasetReport & { code?: string; message?: string } }> {
  const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
  const answer = await fetch(address, { method: 'POST', headers, body: JSON.stringify({ dataset_id }) });
  return { status: answer.status, body: JSON.parse(await answer.text()) };
}

test('the function validates a stored file as one call does', async () => {
  const user = newUser();
  const chunk = 768 * 1024;
  const umlauts = JSON.stringify({ conversation_id: 'ä', turns: [{ role: 'user', content: 'Wo hängt der Schlüssel? 自転車 🚲' }, { role: 'assistant', content: 'Am Ständer.' }] });
  const long = `${umlauts}\n`.repeat(Math.ceil((2.5 * 2 ** 20) / Buffer.byteLength(umlauts)));
  const broken = Buffer.concat([Buffer.from(conversations(10)), Buffer.from([0x7b, 0xff, 0xfe, 0x0a])]);
  // As long as a whole number of chunks: nothing is left for another one.
  const whole = Buffer.from(conversations(12000)).subarray(0, 2 * chunk);
  assert.equal(whole.length, 2 * chunk);
  for (const content of [Buffer.from(''), Buffer.from(conversations(20)), Buffer.from(long), broken, whole]) {
    const id = await stored(user, content);
    const { status, body } = await invoke(id, tokenOf(user.id));
    assert.equal(status, 200, JSON.stringify(body));
    const row = await ok(user.client.from('datasets').select('status, validation_report').eq('id', id).single());
    assert.deepEqual(row.validation_report, body);
    assert.equal(row.status, body.training_ready ? 'ready' : 'error');
    if (content !== broken) {
      const twin = await stored(user, content);
      assert.deepEqual(await ok(service.rpc('validate_dataset', { dataset_id: twin, content: content.toString() })), body);
    } else {
      assert.deepEqual([row.status, body.total_training_pairs, body.findings.some((finding) => finding.line === 11)], ['error', 10, true]);
    }
  }
});

test('of two calls at once both get the report, and a second one later too', async () => {
  const user = newUser();
  const id = await stored(user, Buffer.from(conversations(9000)));
  const token = tokenOf(user.id);
  const answers = await Promise.all([invoke(id, token), invoke(id, token)]);
  const reports = answers.filter(({ status }) => status === 200);
  // One that is overtaken in the middle of the file is told so; asking again answers what the other one found.
  for (const { status, body } of answers) assert.ok(status === 200 || (status === 409 && body.code === 'PT409'), JSON.stringify(body));
  assert.equal(reports[0]?.body.total_training_pairs, 9000);
  const told = await ok(user.client.from('notifications').select('id').eq('type', 'dataset_ready'));
  assert.equal(told.length, 1);
});

test('the function is for whose dataset it is', async () => {
  const [user, another] = [newUser(), newUser()];
  const id = await stored(user, Buffer.from(conversations(3)));
  assert.equal((await invoke(id, tokenOf(another.id))).status, 404);
  assert.deepEqual([(await invoke(id, null)).status, (await invoke(id, 'no token')).status], [401, 401]);
  const row = registration(user, 'not uploaded', 7);
  await ok(user.client.from('datasets').insert(row));
  assert.equal((await invoke(row.id, tokenOf(user.id))).status, 502);
  const rows = await ok(user.client.from('datasets').select('status'));
  assert.deepEqual(rows, [{ status: 'uploading' }, { status: 'uploading' }]);
});
