//! Curves of 1 M points: how long a sampling takes beyond reading the rows, and which of the spikes it shows.
//!
//! One job has a million points; a hundred others of the same user have 10,000 and a single spike each, at a step that a
//! seed determines. Rows arrive interleaved, as they do from many jobs.

use pg_lora_tests::Caller;
use pg_lora_tests::random::Random;
use postgres::{Client, SimpleQueryMessage};

use super::super::bed::{Bed, Side, in_turns};
use super::super::measurement::{Measurement, Target};
use super::jobs;
use super::sampling::{self, Peer};

/// What a chart is as wide as.
const MAX_POINTS: usize = 320;

const POINTS: u32 = 1_000_000;

const SPIKED_JOBS: usize = 100;
const SPIKED_POINTS: u32 = 10_000;

const SEED: u64 = 20_260_115;

/// A series of single spikes: the job, and the step of each.
struct Spiked {
    job: String,
    steps: Vec<u32>,
}

/// Runs it.
pub fn run(bed: &mut Bed<'_>) -> anyhow::Result<()> {
    bed.start_over()?;
    let mut client = bed.connect()?;
    let (owner, jobs) = jobs::claimed(&mut client, "curves", 1 + SPIKED_JOBS, POINTS);
    let mut random = Random::stream(SEED, 0);
    // Neither the first nor the last point, which everybody keeps.
    let mut spikes = |count: usize, points: u32| -> Vec<u32> {
        (0..count).map(|_| random.between(2, points as usize - 1) as u32).collect()
    };
    let large = Spiked { job: jobs[0].clone(), steps: spikes(20, POINTS) };
    let small: Vec<Spiked> =
        jobs[1..].iter().map(|job| Spiked { job: job.clone(), steps: spikes(1, SPIKED_POINTS) }).collect();
    fill(&mut client, &large, &small)?;
    client.close()?;
    times(bed, &owner, &large)?;
    shares(bed, &owner, &large, &small)
}

/// A falling loss with noise, and a loss of 9.9 at each spike.
fn fill(client: &mut Client, large: &Spiked, small: &[Spiked]) -> anyhow::Result<()> {
    client.batch_execute(
        "create temporary table series (job uuid, points int); create temporary table spikes (job uuid, step int)",
    )?;
    let all = small.iter().map(|series| (series, SPIKED_POINTS)).chain([(large, POINTS)]);
    for (series, points) in all {
        client.execute(
            "insert into series values ($1::text::uuid, $2)",
            &[&series.job, &i32::try_from(points)?],
        )?;
        for step in &series.steps {
            client.execute(
                "insert into spikes values ($1::text::uuid, $2)",
                &[&series.job, &i32::try_from(*step)?],
            )?;
        }
    }
    client.batch_execute(
        "set session_replication_role = replica;
         insert into public.metrics_points (
           job_id, attempt, \"timestamp\", epoch, step, training_loss, learning_rate, gradient_norm, throughput, gpu_utilization
         )
         select series.job, 1, timestamptz '2026-01-01' + number.step * interval '1 second', 1 + number.step / 400000,
           number.step,
           case when spikes.step is null
             then 0.5 + 2 / (1 + number.step / 50000.0) + hashint4(number.step) / 4e10
             else 9.9
           end,
           0.0002, 0.8, 1800, 95
         from series
         cross join lateral generate_series(1, series.points) as number (step)
         left join spikes on spikes.job = series.job and spikes.step = number.step
         order by number.step, series.job;
         set session_replication_role = origin;
         drop table series, spikes",
    )?;
    client.batch_execute("vacuum (analyze, freeze) public.metrics_points")?;
    Ok(client.batch_execute("checkpoint")?)
}

fn times(bed: &mut Bed<'_>, owner: &Caller, large: &Spiked) -> anyhow::Result<()> {
    let curve = format!(
        "select public.training_metrics_curve(array['{}']::uuid[], max_points => {MAX_POINTS})",
        large.job
    );
    let bare = sampling::bare_scan(&large.job);
    let aggregate = format!(
        "select lora.curve(step::int8, training_loss, {MAX_POINTS}, 'minmaxlttb') from public.metrics_points \
         where job_id = '{}'",
        large.job
    );
    let others = Peer::ALL.map(|peer| peer.sql(&large.job, MAX_POINTS));
    let sides: Vec<Side<'_>> = [&curve, &bare]
        .into_iter()
        .chain(&others)
        .map(|sql| Side::of(owner, sql))
        .chain([&aggregate, &bare].map(|sql| Side::superuser(sql)))
        .collect();
    let medians = in_turns(sides.len(), |at| bed.time(&sides[at]))?;
    let name =
        format!("{MAX_POINTS} of 1 M points through training_metrics_curve, to count, min and max of them");
    let reads = bed.plan(&sides[1])?.scans();
    let measurement = Measurement::new(name, medians[0] / medians[1], "", Target::AtMost(1.3))
        .median("training_metrics_curve", medians[0], "in the function".to_owned())
        .median("count, min, max", medians[1], reads);
    bed.note(measurement, &sides[..2])?;
    for (at, peer) in Peer::ALL.into_iter().enumerate() {
        // Of two statements the first one is all there is to it.
        let first = others[at].split(';').next().unwrap_or_default();
        let reads = bed.plan(&Side::of(owner, first))?.scans();
        let name = format!("the same by {}, to count, min and max", peer.name());
        let measurement = Measurement::new(name, medians[at + 2] / medians[1], "", None).median(
            peer.name(),
            medians[at + 2],
            reads,
        );
        bed.note(measurement, &[])?;
    }
    let measurement = Measurement::new(
        "the superuser's lora.curve of them, to the superuser's count, min and max",
        medians[4] / medians[5],
        "",
        None,
    )
    .median("lora.curve", medians[4], bed.plan(&sides[4])?.scans())
    .median("count, min, max", medians[5], bed.plan(&sides[5])?.scans());
    bed.note(measurement, &[])
}

/// How many of the spikes each shows.
fn shares(bed: &mut Bed<'_>, owner: &Caller, large: &Spiked, small: &[Spiked]) -> anyhow::Result<()> {
    let mut client = bed.connect()?;
    let mut sides: Vec<(&str, Option<Peer>)> = vec![("training_metrics_curve", None)];
    sides.extend(Peer::ALL.map(|peer| (peer.name(), Some(peer))));
    for (who, peer) in sides {
        let mut shown = [0, 0];
        for series in small.iter().chain([large]) {
            let steps = match peer {
                Some(peer) => steps_of(&mut client, owner, peer, &series.job)?,
                None => steps_of_ours(&mut client, owner, &series.job)?,
            };
            anyhow::ensure!(steps.len() <= MAX_POINTS, "{who} shows {} points", steps.len());
            let kept = series.steps.iter().filter(|step| steps.contains(step)).count();
            shown[usize::from(series.job == large.job)] += kept;
        }
        let percent = |shown: usize, of: usize| shown as f64 * 100.0 / of as f64;
        let name =
            format!("single spikes in {SPIKED_JOBS} series of {SPIKED_POINTS} points that {who} shows");
        let target = peer.is_none().then_some(Target::AtLeast(100.0));
        bed.note(Measurement::new(name, percent(shown[0], small.len()), "%", target), &[])?;
        let count = large.steps.len();
        let name = format!("{count} spikes in one series of 1 M points that {who} shows");
        bed.note(Measurement::new(name, percent(shown[1], count), "%", None), &[])?;
    }
    Ok(())
}

fn steps_of_ours(client: &mut Client, owner: &Caller, job: &str) -> anyhow::Result<Vec<u32>> {
    let sql = format!(
        "select public.training_metrics_curve(array['{job}']::uuid[], max_points => {MAX_POINTS}) #> '{{0,x}}'"
    );
    Ok(serde_json::from_value(owner.ask(client, &sql)?)?)
}

/// The steps of a peer's answer. MLflow puts the last row of all, which comes last, in place of the last one selected.
fn steps_of(client: &mut Client, owner: &Caller, peer: Peer, job: &str) -> anyhow::Result<Vec<u32>> {
    let sql = peer.sql(job, MAX_POINTS);
    let rows = owner.run(client, |transaction| transaction.simple_query(&sql))?;
    let mut steps = Vec::new();
    for message in &rows {
        if let SimpleQueryMessage::Row(row) = message {
            steps.push(row.try_get(peer.x())?.unwrap_or_default().parse()?);
        }
    }
    if peer == Peer::Mlflow && steps.len() > MAX_POINTS {
        steps.remove(MAX_POINTS - 1);
    }
    Ok(steps)
}
