import { createClient } from '@supabase/supabase-js';
import type { Database, Tables, TablesInsert, TablesUpdate, Enums } from './types/database.js';
import { HYPERPARAMETER_PRESETS } from './types/lora-training.js';
import type { Dataset, DatasetStatus, HealthFinding, JobStatus, MetricValue, TrainingJobProgress } from './types/lora-training.js';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function is<A, B>(_equal: Equal<A, B>): void {}

const supabase = createClient<Database>('http://localhost', 'key');

export async function list(user: string) {
  const { data, error } = await supabase
    .from('datasets')
    .select('*', { count: 'exact' })
    .eq('user_id', user)
    .in('status', ['ready', 'error'])
    .is('deleted_at', null)
    .order('created_at', { ascending: false })
    .range(0, 24);
  if (error) throw error;
  is<typeof data, Dataset[]>(true);
  const some = await supabase.from('datasets').select('id, status, validation_errors').single();
  if (some.data) {
    is<DatasetStatus, typeof some.data.status>(true);
    const line: number | undefined = some.data.validation_errors?.[0]?.line;
    return line;
  }
}

export async function embeds() {
  const jobs = await supabase.from('training_jobs').select('id, status, dataset:datasets(id, name), metrics_points(step, training_loss)');
  for (const job of jobs.data ?? []) {
    is<typeof job.status, JobStatus>(true);
    is<typeof job.dataset, { id: string; name: string }>(true);
    is<typeof job.metrics_points, { step: number; training_loss: MetricValue }[]>(true);
  }
  const hinted = await supabase.from('training_jobs').select('*, datasets!dataset_id(name, status)');
  for (const job of hinted.data ?? []) {
    is<typeof job.datasets, { name: string; status: DatasetStatus }>(true);
  }
  const models = await supabase
    .from('model_artifacts')
    .select('id, job:training_jobs!job_id(id, status, final_cost), dataset:datasets!dataset_id(name)');
  for (const model of models.data ?? []) {
    is<typeof model.job, { id: string; status: JobStatus; final_cost: number | null }>(true);
    is<typeof model.dataset, { name: string }>(true);
  }
}

export async function calls(job: string) {
  const progress = await supabase.rpc('training_job_progress', { job_id: job });
  if (progress.data) is<typeof progress.data, TrainingJobProgress>(true);
  const health = await supabase.rpc('training_job_health', { job_id: job });
  if (health.data) is<typeof health.data, HealthFinding[]>(true);
  const made = await supabase.rpc('create_training_job', {
    dataset_id: job, preset_id: 'fast', hyperparameters: { rank: 8, max_steps: 10 }, gpu_config: { type: 'H100', count: 1 },
  });
  if (made.data) is<typeof made.data, Tables<'training_jobs'>>(true);
  const claimed = await supabase.rpc('claim_training_jobs', { worker: 'w' });
  for (const one of claimed.data ?? []) is<typeof one.status, JobStatus>(true);
  await supabase.rpc('report_training_metrics', {
    job_id: job, attempt: 1, points: [{ step: 1, epoch: 1, training_loss: 'NaN', learning_rate: 0.1, 'eval/f1': 0.5 }],
  });
  const swept = await supabase.rpc('sweep_training_jobs', {});
  for (const thing of swept.data ?? []) is<typeof thing.job_id, string | null>(true);
  const page = await supabase.rpc('training_jobs_overview', { status: 'running' });
  const percent: number | undefined = page.data?.jobs[0]?.progress.percent;
  return percent;
}
export async function writes(user: string) {
  const row: TablesInsert<'training_jobs'> = {
    user_id: user, dataset_id: user, preset_id: 'balanced', hyperparameters: HYPERPARAMETER_PRESETS.balanced, gpu_config: { gpu_type: 'H100', num_gpus: 1 },
  };
  const change: TablesUpdate<'training_jobs'> = { status: 'cancelled' };
  const job = await supabase.from('training_jobs').insert(row).select().single();
  if (job.data) is<typeof job.data, Tables<'training_jobs'>>(true);
  await supabase.from('training_jobs').update(change).eq('id', user);
}
is<Tables<{ schema: 'public' }, 'datasets'>, Dataset>(true);
is<keyof Database['public']['Enums'], never>(true);
export type None = Enums<never>;
