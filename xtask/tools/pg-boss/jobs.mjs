// Both sides of `cargo xtask bench jobs`, through the same driver: so many connections, each of which takes jobs, says
// that it lives, and completes them, until so many are done.
//
//   node jobs.mjs ours|pg-boss prepare|run URL '{"jobs": 1000, "batch": 50, "workers": 8}'
//
// Prints one JSON object. Seconds are those of the work, without the start of the program and of its connections; the
// server's are the processor time of its processes for these connections, as the kernel counts it.

import { readFileSync } from 'node:fs';
import pg from 'pg';
import { PgBoss } from 'pg-boss';

const NAME = 'pg_lora_bench';
const QUEUE = 'training';
const CLAIMS = JSON.stringify({ role: 'service_role' });
// The kernel's unit in /proc, whatever the machine.
const TICKS = 100;

const [side, what, connectionString, text] = process.argv.slice(2);
const { jobs, batch, workers } = JSON.parse(text);

// As any worker in Node would call the functions: one statement for each step of each batch.
async function ours() {
  const pool = new pg.Pool({ connectionString, application_name: NAME, max: workers });
  const clients = await Promise.all(Array.from({ length: workers }, () => pool.connect()));
  for (const client of clients) {
    await client.query("select set_config('request.jwt.claims', $1, false)", [CLAIMS]);
    await client.query('set role service_role');
  }
  const step = call => `select count(*)::int as count
    from unnest($1::uuid[], $2::int[]) as job (id, attempt), lateral ${call}`;
  const heartbeat = step("public.heartbeat_training_job(job.id, job.attempt, 'training') as answer");
  const complete = step('public.complete_training_job(job.id, job.attempt, \'{"reason_without_steps": "none is played"}\') as answer');
  return {
    async claim(worker) {
      const { rows } = await clients[worker].query({
        name: 'claim', text: 'select id, attempt from public.claim_training_jobs($1, $2)', values: [`worker-${worker}`, batch],
      });
      return rows;
    },
    async heartbeat(worker, taken) {
      const { rows } = await clients[worker].query({ name: 'heartbeat', text: heartbeat, values: arrays(taken) });
      return rows[0].count;
    },
    async complete(worker, taken) {
      const { rows } = await clients[worker].query({ name: 'complete', text: complete, values: arrays(taken) });
      return rows[0].count;
    },
    async end() {
      clients.forEach(client => client.release());
      await pool.end();
    },
  };
}

function arrays(taken) {
  return [taken.map(job => job.id), taken.map(job => job.attempt)];
}

// Its own API, which sends one statement for each step of each batch; what it hands out is fenced to its attempt, as ours.
// Its supervision and its clockwork are off, as nothing here needs them.
async function boss(migrate) {
  const boss = new PgBoss({
    connectionString, application_name: NAME, max: workers, migrate, supervise: false, schedule: false,
  });
  boss.on('error', error => { throw error; });
  await boss.start();
  return {
    boss,
    claim: () => boss.fetch(QUEUE, { batchSize: batch }),
    heartbeat: async (_, taken) => (await boss.touch(QUEUE, taken)).affected,
    complete: async (_, taken) => (await boss.complete(QUEUE, taken, { reason: 'none is played' })).affected,
    end: () => boss.stop({ graceful: false }),
  };
}

async function prepare() {
  const side = await boss(true);
  await side.boss.createQueue(QUEUE, { heartbeatSeconds: 300 });
  for (let left = jobs; left > 0; left -= 10000) {
    const some = Array.from({ length: Math.min(left, 10000) }, (_, number) => ({ data: { job: left - number } }));
    await side.boss.insert(QUEUE, some);
  }
  await side.end();
  return {};
}

async function run() {
  const played = side === 'ours' ? await ours() : await boss(false);
  const watcher = new pg.Client({ connectionString });
  await watcher.connect();
  // Connections are opened when they are first needed.
  if (side !== 'ours') {
    const db = played.boss.getDb();
    await Promise.all(Array.from({ length: workers }, () => db.executeSql('select pg_sleep(0.2)')));
  }
  const processes = async () => {
    const { rows } = await watcher.query('select pid from pg_stat_activity where application_name = $1', [NAME]);
    return rows.map(row => row.pid);
  };
  const pids = await processes();
  const before = processorSeconds(pids);
  let left = jobs;
  let done = 0;
  let calls = 0;
  const play = async worker => {
    while (left > 0) {
      left -= batch;
      const taken = await played.claim(worker);
      if (taken.length === 0) return;
      const alive = await played.heartbeat(worker, taken);
      const completed = await played.complete(worker, taken);
      if (alive !== taken.length || completed !== taken.length) {
        throw new Error(`of ${taken.length} jobs ${alive} were alive and ${completed} completed`);
      }
      calls += 3;
      done += completed;
    }
  };
  const start = performance.now();
  const usage = process.cpuUsage();
  await Promise.all(Array.from({ length: workers }, (_, worker) => play(worker)));
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(usage);
  const same = (await processes()).length === pids.length && pids.length >= workers;
  const serverSeconds = processorSeconds(pids) - before;
  await watcher.end();
  await played.end();
  return { done, calls, seconds, server_seconds: serverSeconds, client_seconds: (user + system) / 1e6, same_connections: same };
}

function processorSeconds(pids) {
  const ticks = pid => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The program's name stands in parentheses and may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return Number(fields[11]) + Number(fields[12]);
  };
  return pids.reduce((sum, pid) => sum + ticks(pid), 0) / TICKS;
}

console.log(JSON.stringify(await (what === 'prepare' ? prepare() : run())));
