// The programs of the README and of docs/supabase.md, run as they stand there.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { createClient } from '@supabase/supabase-js';
import type { Database } from '../../types/database.ts';
import type { DatasetReport } from '../../types/lora-training.ts';
import { invoice, list, start } from '../../jobs.ts';
import { mainJob } from '../../main-job.ts';
import { upload } from '../../upload.ts';
import { anonKey, completedJob, conversations, newUser, ok, readyDataset, refused, registration, service, sign, inSeconds, tokenOf, url, variable } from './platform.ts';
import type { Client, User } from './platform.ts';

test('the program of the README does the main job', async () => {
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

const folder = 'supabase/functions/validate-dataset';

/** On Node, where little of Deno is there, and on Deno itself. */
const runtimes: Record<string, () => ChildProcess> = {
  node: () => spawn(process.execPath, ['--import', './tests/fixtures/deno.ts', `${folder}/index.ts`], { stdio: ['ignore', 'pipe', 'inherit'] }),
  deno: () => {
    const env = { ...process.env, DENO_SERVE_ADDRESS: 'tcp:127.0.0.1:0', NO_COLOR: '1' };
    const flags = ['run', '--node-modules-dir=manual', '--no-prompt', '--allow-net', '--allow-env', 'index.ts'];
    return spawn(variable('DENO'), flags, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  },
};

const servers: Record<string, { program: ChildProcess; address: string }> = {};

before(
  async () => {
    for (const [name, start] of Object.entries(runtimes)) {
      const program = start();
      const address = await new Promise<string>((found, gone) => {
        let said = '';
        const listen = (words: Buffer) => {
          said += words.toString();
          const [address] = /http:\/\/127\.0\.0\.1:\d+/.exec(said) ?? [];
          if (address) found(address);
        };
        program.stdout?.on('data', listen);
        program.stderr?.on('data', listen);
        program.once('exit', () => gone(new Error(`the function did not start on ${name}: ${said}`)));
      });
      servers[name] = { program, address };
    }
  },
  { timeout: 60_000 },
);

after(() => Object.values(servers).forEach(({ program }) => program.kill()));

function store(path: string, content: Buffer): void {
  const file = join(variable('BUCKETS'), path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}

/** A file in its bucket, registered by its owner. */
async function stored(user: User, content: Buffer): Promise<string> {
  const row = registration(user, 'stored', content.length);
  await ok(user.client.from('datasets').insert(row));
  store(`${row.storage_bucket}/${row.storage_path}`, content);
  return row.id;
}

/** A browser whose uploads are kept, or refused, in the place of the storage server, and whose functions run here. */
function browser(user: User, runtime: string, refuses = false): Client {
  const elsewhere: typeof fetch = async (input, options) => {
    const request = new Request(input, options);
    const [, object] = /\/storage\/v1\/object\/(.+)/.exec(request.url) ?? [];
    if (request.url.includes('/functions/v1/validate-dataset')) return fetch(new Request(servers[runtime]?.address ?? '', request));
    if (!object) return fetch(request);
    if (refuses) return Response.json({ statusCode: '413', error: 'Payload too large', message: 'The object exceeded the maximum allowed size' }, { status: 400 });
    const [file] = [...(await request.formData()).values()].filter((value) => value instanceof File);
    if (file) store(object, Buffer.from(await file.arrayBuffer()));
    return Response.json({ Id: crypto.randomUUID(), Key: object });
  };
  return createClient<Database>(url, anonKey, { accessToken: async () => tokenOf(user.id), global: { fetch: elsewhere } });
}

async function invoke(runtime: string, dataset_id: string, token: string | null): Promise<{ status: number; body: DatasetReport & { code?: string; message?: string } }> {
  const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
  const answer = await fetch(servers[runtime]?.address ?? '', { method: 'POST', headers, body: JSON.stringify({ dataset_id }) });
  return { status: answer.status, body: JSON.parse(await answer.text()) };
}

for (const runtime of Object.keys(runtimes)) {
  test(`on ${runtime}, the function validates a stored file as one call does`, async () => {
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
      const { status, body } = await invoke(runtime, id, tokenOf(user.id));
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

  test(`on ${runtime}, of two calls at once one records the report, and both get it`, async () => {
    const user = newUser();
    const id = await stored(user, Buffer.from(conversations(9000)));
    const token = tokenOf(user.id);
    const answers = await Promise.all([invoke(runtime, id, token), invoke(runtime, id, token)]);
    // And whoever asks again when it is done.
    answers.push(await invoke(runtime, id, token));
    for (const answer of answers) assert.deepEqual(answer, { status: 200, body: answers[0]?.body });
    assert.equal(answers[0]?.body.total_training_pairs, 9000);
    const told = await ok(user.client.from('notifications').select('id').eq('type', 'dataset_ready'));
    assert.equal(told.length, 1);
  });

  test(`on ${runtime}, a file is uploaded, validated, and taken back where storage refuses it`, async () => {
    const user = newUser();
    const file = new File([conversations(30)], 'Schlüssel & Räder #1.jsonl');
    const report = await upload(browser(user, runtime), user.id, file);
    assert.equal(report?.total_training_pairs, 30);
    const row = await ok(user.client.from('datasets').select('status, file_name, file_size').single());
    assert.deepEqual(row, { status: 'ready', file_name: file.name, file_size: file.size });
    await assert.rejects(upload(browser(user, runtime, true), user.id, file), /maximum allowed size/);
    assert.equal((await ok(user.client.from('datasets').select('id'))).length, 1);
  });

  test(`on ${runtime}, chunks of somebody else stop the function until the dataset is validated anew`, async () => {
    const user = newUser();
    const id = await stored(user, Buffer.from(conversations(9000)));
    const token = tokenOf(user.id);
    const other = { dataset_id: id, chunk_number: 1, content: 'another cut of it' };
    await ok(service.rpc('append_dataset_chunk', other));
    const stopped = await invoke(runtime, id, token);
    assert.deepEqual([stopped.status, stopped.body.code], [409, 'PT409']);
    assert.match(stopped.body.message ?? '', /chunk 1 .*another content/);
    await ok(service.from('datasets').update({ status: 'validating' }).eq('id', id));
    assert.equal((await invoke(runtime, id, token)).body.total_training_pairs, 9000);
    // Done is done, whoever did it; nothing is downloaded again.
    store(`lora-datasets/${user.id}/${id}/stored.jsonl`, Buffer.from('gone'));
    assert.equal((await invoke(runtime, id, token)).body.total_training_pairs, 9000);
  });

  test(`on ${runtime}, the function is for whose dataset it is`, async () => {
    const [user, another] = [newUser(), newUser()];
    const id = await stored(user, Buffer.from(conversations(3)));
    assert.equal((await invoke(runtime, id, tokenOf(another.id))).status, 404);
    assert.deepEqual([(await invoke(runtime, id, null)).status, (await invoke(runtime, id, 'no token')).status], [401, 401]);
    const address = servers[runtime]?.address ?? '';
    const authorization = `Bearer ${tokenOf(user.id)}`;
    for (const body of ['{"dataset', 'null', '[]', '{}', '{"dataset_id": null}', '{"dataset_id": "no id"}', '{"dataset_id": {"a": 1}}']) {
      const answer = await fetch(address, { method: 'POST', headers: { authorization }, body });
      assert.equal(answer.status, 400, body);
      assert.equal(answer.headers.get('access-control-allow-origin'), '*');
    }
    const asked = await fetch(address, { method: 'OPTIONS' });
    const allowed = asked.headers.get('access-control-allow-headers') ?? '';
    for (const header of ['authorization', 'apikey', 'content-type', 'x-client-info']) assert.ok(allowed.includes(header), allowed);
    // What validation is to find is not the caller's to say.
    const forged = { dataset_id: id, options: { exact_tokens: { content: 1, sequence: 1, method: 'mine' }, min_examples: 0 } };
    const answer = await fetch(address, { method: 'POST', headers: { authorization }, body: JSON.stringify(forged) });
    const report: DatasetReport = JSON.parse(await answer.text());
    assert.ok(report.total_tokens > 10, `${report.total_tokens}`);
    // Nor may a row of the service's lead the function to somebody else's file.
    const hers = await stored(another, Buffer.from(conversations(3)));
    const storage_path = `${user.id}/../${another.id}/${hers}/stored.jsonl`;
    const trap = await ok(service.from('datasets').insert({ ...registration(user, 'trap', 7), storage_path }).select('id').single());
    assert.equal((await invoke(runtime, trap.id, tokenOf(user.id))).status, 409);
    const row = registration(user, 'not uploaded', 7);
    await ok(user.client.from('datasets').insert(row));
    assert.equal((await invoke(runtime, row.id, tokenOf(user.id))).status, 409);
    assert.equal((await ok(user.client.from('datasets').select('status').eq('id', row.id).single())).status, 'uploading');
  });
}
