// Lists and their pages, a table as CSV, and how the API describes itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anon, description, newUser, ok, refused, registration, service } from './platform.ts';
import type { Client } from './platform.ts';

test('a page says how many there are in all', async () => {
  const user = newUser();
  const rows = Array.from({ length: 30 }, (_, number) => registration(user, `chats ${String(number).padStart(2, '0')}`, 100));
  await ok(user.client.from('datasets').insert(rows));
  const page = (from: number, to: number) =>
    user.client.from('datasets').select('name', { count: 'exact' }).is('deleted_at', null).order('name').range(from, to);
  const first = await page(0, 24);
  assert.deepEqual([first.status, first.count, first.data?.length, first.data?.[0]?.name], [206, 30, 25, 'chats 00']);
  const second = await page(25, 49);
  assert.deepEqual([second.status, second.count, second.data?.length, second.data?.at(-1)?.name], [206, 30, 5, 'chats 29']);
  await refused(page(50, 74), { status: 416, code: 'PGRST103', message: /range/i });
  const all = await user.client.from('datasets').select('*', { count: 'exact', head: true }).ilike('name', '%chats 1%');
  assert.deepEqual([all.status, all.count, all.data], [200, 10, null]);
});

test('rows end at a thousand, sums do not', async () => {
  const user = newUser();
  const rows = Array.from({ length: 1200 }, (_, number) => ({
    user_id: user.id,
    cost_type: 'storage',
    amount: 0.0001,
    billing_period: '2026-01-31',
    idempotency_key: `${user.id} ${number}`,
  }));
  await ok(service.from('cost_records').insert(rows));
  const listed = await user.client.from('cost_records').select('amount', { count: 'exact' });
  assert.deepEqual([listed.status, listed.count, listed.data?.length], [206, 1200, 1000]);
  const summary = await ok(user.client.rpc('cost_summary', { from_date: '2026-01-01', to_date: '2026-02-01' }));
  assert.deepEqual([summary.total, summary.records], [0.12, 1200]);
});

test('a report of costs is a CSV', async () => {
  const user = newUser();
  for (const day of [1, 2, 3]) {
    const charge = { user_id: user.id, cost_type: 'storage', amount: 0.25, idempotency_key: `${user.id} ${day}`, billing_period: `2026-01-0${day}` };
    await ok(service.rpc('record_cost', charge));
  }
  const days = { from_date: '2026-01-01', to_date: '2026-01-03' };
  const csv = (client: Client, get: boolean) => client.rpc('cost_report', days, { get }).order('day', { ascending: false }).csv();
  const another = newUser();
  for (const get of [false, true]) {
    const [header, ...lines] = (await ok(csv(user.client, get), 200)).trimEnd().split('\n');
    assert.equal(header, 'day,cost_type,gpu_type,gpus,hourly_rate,job_id,job_status,currency,amount,is_open,record_id');
    assert.equal(lines.length, 2, 'the last day is not included');
    assert.match(lines[0] ?? '', /^2026-01-02,storage,,,,,,USD,0\.2500000000,f,/);
    assert.match(lines[1] ?? '', /^2026-01-01,storage,,,,,,USD,0\.2500000000,f,/);
    assert.equal((await ok(csv(another.client, get), 200)).trim(), '');
    await refused(csv(anon, get), { status: 401, code: '42501', message: /permission denied/ });
  }
});

test('the API describes itself in our words', async () => {
  const { paths, definitions } = await description();
  const functions = Object.entries(paths).filter(([path]) => path.startsWith('/rpc/'));
  assert.ok(functions.length > 25);
  for (const [path, { post }] of functions) assert.ok(post?.summary, `${path} has no comment`);
  assert.match(paths['/rpc/claim_training_jobs']?.post?.summary ?? '', /^[A-Z]/);
  const tables = Object.entries(definitions);
  assert.ok(tables.length >= 9, tables.map(([name]) => name).join());
  for (const [name, table] of tables) {
    assert.ok(table.description, `table ${name} has no comment`);
    for (const [column, { description }] of Object.entries(table.properties ?? {})) {
      // A note on keys is PostgREST's own.
      assert.match(description ?? '', /^(?!Note:)./, `${name}.${column} has no comment`);
    }
  }
});
