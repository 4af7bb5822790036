//! How others select the points of a curve, re-stated on our table: the statements that they send, with their tables and
//! columns replaced by ours. Everything else is theirs, the order in which they read included.
//!
//! Both are better off here than at home: MLflow reads its values from a table with a row for each of them, Determined
//! takes them out of a `jsonb`.

/// MLflow 3.17's `SqlAlchemyStore._sample_rows_with_window_functions`: the first row of each of so many buckets, then the last
/// row of all, which its Python puts in place of the last one selected. `key` is the column here, `is_nan` the value itself.
const MLFLOW: &str = r#"
select ranked.value, ranked."timestamp", ranked.step, ranked.is_nan
from (
  select bucketed.value, bucketed."timestamp", bucketed.step, bucketed.is_nan,
    row_number() over (
      partition by bucketed.bucket order by bucketed.step, bucketed."timestamp", bucketed.value, bucketed.is_nan
    ) as rn
  from (
    select training_loss as value, "timestamp", step, training_loss = 'NaN' as is_nan,
      ntile(MAX_POINTS) over (order by step, "timestamp", training_loss, training_loss = 'NaN') as bucket
    from public.metrics_points
    where job_id = 'JOB'
  ) as bucketed
) as ranked
where ranked.rn = 1
order by ranked.step, ranked."timestamp", ranked.value, ranked.is_nan;
select training_loss as value, "timestamp", step, training_loss = 'NaN' as is_nan
from public.metrics_points
where job_id = 'JOB'
order by step desc, "timestamp" desc, training_loss desc, training_loss = 'NaN' desc
limit 1"#;

/// Determined's `trials.MetricsTimeSeries`, `batches` on the x axis: so many rows in a random order, which a seed makes
/// repeatable there.
const DETERMINED: &str = r#"
select * from (
  select (select setseed(1)) as _seed, step as batches, job_id as trial_id, "timestamp" as time,
    training_loss, epoch::float8 as epoch
  from public.metrics_points
  where job_id = 'JOB' and step >= 0 and (step <= 0 or step <= 2147483647) and "timestamp" > '1970-01-01'
  order by random()
  limit MAX_POINTS
) as downsample
order by batches"#;

/// Whose statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    Mlflow,
    Determined,
}

impl Peer {
    pub const ALL: [Self; 2] = [Self::Mlflow, Self::Determined];

    pub fn name(self) -> &'static str {
        match self {
            Self::Mlflow => "MLflow's sampling",
            Self::Determined => "Determined's sampling",
        }
    }

    /// The column of its answer that is x.
    pub fn x(self) -> &'static str {
        match self {
            Self::Mlflow => "step",
            Self::Determined => "batches",
        }
    }

    /// Its statements for so many points of a job.
    pub fn sql(self, job: &str, max_points: usize) -> String {
        let text = match self {
            Self::Mlflow => MLFLOW,
            Self::Determined => DETERMINED,
        };
        text.replace("JOB", job).replace("MAX_POINTS", &max_points.to_string())
    }
}

/// What any sampling has to read: the same rows, by the same caller.
pub fn bare_scan(job: &str) -> String {
    format!(
        "select count(training_loss), min(training_loss), max(training_loss) from public.metrics_points \
         where job_id = '{job}'"
    )
}
