// Notifications, as the application sends and reads them. Some of them the database writes by itself; whoever sends one of
// those again succeeds, and there is one row.

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import type { Json, TablesInsert } from '../../types/database.ts';
import { claim, completedJob, emptyQueue, newUser, ok, queuedJob, readyDataset, service, total } from './platform.ts';
import type { Client, User } from './platform.ts';

afterEach(emptyQueue);

/** What the application sends. */
function notice(user: User, type: string, metadata: Json): TablesInsert<'notifications'> {
  const words = { title: 'As the application says it', message: 'in its words' };
  return { user_id: user.id, type, ...words, priority: 'medium', action_url: '/training/jobs', metadata };
}

/** Sends one in both forms: each succeeds, and there is one row afterwards, as there was before if the database has written it. */
async function send(user: User, sender: Client, type: string, metadata: Json): Promise<void> {
  const ids = async () => (await ok(user.client.from('notifications').select().eq('type', type))).map((row) => row.id);
  const [known] = await ids();
  const sent = notice(user, type, metadata);
  const { id } = await ok(sender.from('notifications').insert(sent).select().single(), 201);
  assert.deepEqual(await ids(), [known ?? id], type);
  assert.equal(id, known ?? id, type);
  if (known) {
    await ok(sender.from('notifications').insert(sent), 201);
    assert.deepEqual(await ids(), [known], type);
  }
}

test('what the database has said already is said once', async () => {
  const user = newUser();
  const dataset_id = await readyDataset(user);
  await send(user, service, 'dataset_ready', { dataset_id });
  const job_id = await completedJob(user, dataset_id);
  await send(user, user.client, 'job_queued', { job_id, dataset_id });
  await send(user, service, 'job_started', { job_id, dataset_id });
  await send(user, service, 'job_completed', { job_id, dataset_id });
  await send(user, service, 'artifact_ready', { job_id, artifact_id: job_id });
});

test('the end of a job is said once', async () => {
  const user = newUser();
  const dataset = await readyDataset(user);
  const cancelled = await queuedJob(user, dataset);
  await ok(user.client.from('training_jobs').update({ status: 'cancelled' }).eq('id', cancelled.id), 204);
  await send(user, user.client, 'job_cancelled', { job_id: cancelled.id });

  const failed = await queuedJob(user, dataset);
  await claim(failed.id);
  await ok(service.from('training_jobs').update({ status: 'failed', error_message: 'out of memory' }).eq('id', failed.id), 204);
  await send(user, service, 'job_failed', { job_id: failed.id });
});

test('two jobs have a notification each', async () => {
  const user = newUser();
  const dataset = await readyDataset(user);
  for (const job of [await queuedJob(user, dataset), await queuedJob(user, dataset)]) {
    await ok(user.client.from('notifications').insert(notice(user, 'job_queued', { job_id: job.id })), 201);
  }
  assert.equal(await total(user.client.from('notifications').select('*', { count: 'exact', head: true }).eq('type', 'job_queued')), 2);
});

test('the newest are listed, counted, read and deleted', async () => {
  const user = newUser();
  const { client } = user;
  for (let number = 0; number < 25; number += 1) {
    const created_at = `2026-03-01T10:00:${String(number).padStart(2, '0')}Z`;
    await ok(service.from('notifications').insert({ ...notice(user, 'news', { number }), created_at }), 201);
  }
  const list = client.from('notifications').select('*').eq('user_id', user.id).order('created_at', { ascending: false }).limit(20);
  const [newest, ...older] = await ok(list, 200);
  assert.deepEqual([newest?.metadata, older.length], [{ number: 24 }, 19]);
  const id = newest?.id ?? '';

  const unread = () => client.from('notifications').select('*', { count: 'exact', head: true }).eq('user_id', user.id).eq('read', false);
  assert.equal(await total(unread()), 25);
  await ok(client.from('notifications').update({ read: true }).eq('id', id).eq('user_id', user.id), 204);
  assert.equal(await total(unread()), 24);
  assert.equal(await total(newUser().client.from('notifications').select('*', { count: 'exact', head: true })), 0);
  assert.equal((await ok(client.from('notifications').delete().eq('id', id).select(), 200)).length, 1);
});
