// Datasets, as the application's pages and its validator use them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newUser, ok, only, registration, service, total } from './platform.ts';

test('a user registers, confirms and deletes a dataset', async () => {
  const user = newUser();
  const { client } = user;
  // The id is made by the client, because it is part of the path.
  const sent = { ...registration(user, 'bicycles', 290), description: 'of our shop' };
  const row = await ok(client.from('datasets').insert(sent).select().single(), 201);
  assert.deepEqual({ ...row, ...sent }, row);
  assert.deepEqual([row.training_ready, row.deleted_at], [false, null]);

  const confirm = () => client.from('datasets').update({ status: 'validating' }).eq('id', row.id).eq('user_id', user.id);
  assert.equal((await only(confirm().select(), 200)).status, 'validating');
  // Storage may have said so already.
  await ok(confirm().select().single(), 200);
  // The time is the database's, whatever the clock of the browser says.
  const remove = client.from('datasets').update({ deleted_at: '1999-01-01T00:00:00.000Z' }).eq('id', row.id).eq('user_id', user.id);
  const removed = await only(remove.select(), 200);
  assert.ok(removed.deleted_at && removed.deleted_at > '2020', JSON.stringify(removed));
  assert.deepEqual(await ok(client.from('datasets').select().eq('id', row.id).eq('user_id', user.id).is('deleted_at', null), 200), []);
});

test('a list of rows is inserted at once', async () => {
  const user = newUser();
  await ok(user.client.from('datasets').insert([registration(user, 'a', 290), registration(user, 'b', 290)]), 201);
  assert.equal(await total(user.client.from('datasets').select('*', { count: 'exact', head: true })), 2);
});

test('a registration that is sent again is one row', async () => {
  const user = newUser();
  const row = registration(user, 'bicycles', 290);
  await ok(user.client.from('datasets').upsert(row));
  await ok(user.client.from('datasets').upsert(row, { onConflict: 'id', ignoreDuplicates: true }));
  const renamed = await ok(user.client.from('datasets').upsert({ ...row, name: 'Bicycles' }).select().single());
  assert.deepEqual([renamed.id, renamed.name], [row.id, 'Bicycles']);
  assert.equal(await total(user.client.from('datasets').select('*', { count: 'exact', head: true })), 1);
});

test('a list has pages, a count and filters', async () => {
  const user = newUser();
  const { client } = user;
  const rows = Array.from({ length: 30 }, (_, number) => registration(user, `${number % 3 === 0 ? 'Chat' : 'Mail'} ${number}`, 290));
  for (const row of rows) await ok(client.from('datasets').insert(row), 201);
  await ok(service.from('datasets').update({ created_at: '2020-01-01T00:00:00Z' }).eq('user_id', user.id).eq('name', 'Mail 29'), 204);
  await ok(client.from('datasets').update({ deleted_at: '2026-01-01T00:00:00Z' }).eq('user_id', user.id).eq('name', 'Chat 0'), 204);

  const list = (from: number) =>
    client
      .from('datasets')
      .select('*', { count: 'exact' })
      .eq('user_id', user.id)
      .is('deleted_at', null)
      .order('created_at', { ascending: false })
      .range(from, from + 24);
  const first = await list(0);
  assert.deepEqual([first.status, first.count, first.data?.length, first.data?.[0]?.name], [206, 29, 25, 'Mail 28']);
  const second = await list(25);
  assert.deepEqual([second.status, second.count, second.data?.length, second.data?.[3]?.name], [206, 29, 4, 'Mail 29']);

  const chats = await list(0).ilike('name', '%chat%');
  assert.deepEqual([chats.status, chats.count, chats.data?.length], [200, 9, 9]);
  const ready = await list(0).eq('status', 'ready');
  assert.deepEqual([ready.status, ready.count, ready.data], [200, 0, []]);
  const others = await newUser().client.from('datasets').select('*', { count: 'exact' }).limit(25);
  assert.deepEqual([others.status, others.count, others.data], [200, 0, []]);
});

test('the validator reads what waits and writes what it found, each in one update', async () => {
  const user = newUser();
  const { client } = user;
  const [good, bad] = [registration(user, 'good', 290), registration(user, 'bad', 290)];
  for (const row of [good, bad]) {
    await ok(client.from('datasets').insert(row), 201);
    await ok(client.from('datasets').update({ status: 'validating' }).eq('id', row.id), 204);
  }
  const waiting = await ok(service.from('datasets').select().eq('status', 'validating').is('deleted_at', null).limit(10));
  assert.deepEqual(waiting.map((row) => row.id).sort(), [good.id, bad.id].sort());

  const sample_data = [{ conversation_id: 'a', turns: [] }];
  const found = {
    status: 'ready' as const,
    training_ready: true,
    validated_at: '2026-03-01T10:00:00.000Z',
    total_training_pairs: 1567,
    total_validation_pairs: 175,
    total_tokens: 1_240_000,
    avg_turns_per_conversation: 6.25,
    avg_tokens_per_turn: 118.5,
    sample_data,
    error_message: null,
  };
  await ok(service.from('datasets').update(found).eq('id', good.id), 204);
  const validation_errors = [{ line: 3, error: 'not JSON', suggestion: 'Escape the quote.' }];
  await ok(service.from('datasets').update({ status: 'error', error_message: '1 error', validation_errors }).eq('id', bad.id), 204);

  const ready = await only(client.from('datasets').select().eq('id', good.id));
  assert.deepEqual([ready.status, ready.training_ready, ready.total_training_pairs, ready.sample_data], ['ready', true, 1567, sample_data]);
  const wrong = await only(client.from('datasets').select().eq('id', bad.id));
  assert.deepEqual([wrong.status, wrong.training_ready, wrong.error_message], ['error', false, '1 error']);
  assert.deepEqual(wrong.validation_errors, validation_errors);
});
