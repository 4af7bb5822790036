//! `cargo xtask demo`: a user's first ten minutes, from end to end, through the functions that clients call.
//!
//! `trace` reads what the worker will report, `scenario` plays it against a real database and notes the
//! [`Figures`](figures::Figures), `text` prints them. What can be refused is refused before a server starts.

mod figures;
mod scenario;
mod text;
mod trace;

use std::fs;
use std::path::{Path, PathBuf};

use pg_lora_tests::environment;

use crate::checkout::Checkout;
use crate::{db, process, setup};
use trace::Trace;

/// What the demo runs on.
#[derive(clap::Args)]
pub struct Args {
    /// The dataset to train on, in place of the project's own sample.
    ///
    /// A relative path that does not exist here is looked up in the folder that PG_LORA_DATA names.
    #[arg(long, value_name = "FILE")]
    dataset: Option<PathBuf>,
    /// What the worker reports, one JSON object per line, in place of the project's own trace.
    ///
    /// A line with "step" is a metric point (step, epoch, training_loss, learning_rate, and what else it
    /// measured), one without is a heartbeat with its "stage". Each has a "timestamp"; the run is played at
    /// these times.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Which edition of schema lora answers; the figures are the same.
    #[arg(long, value_name = "EDITION", value_enum, default_value_t = db::Provider::Native)]
    provider: db::Provider,
    /// Leave the database running at the end and print its URL; `cargo xtask db down` ends it.
    #[arg(long)]
    keep: bool,
    /// How to print the figures.
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

/// How to print the figures.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// Why the demo does not go on, with the exit code that `pg-lora` has for the same.
#[derive(Debug)]
pub struct Refusal {
    code: u8,
    message: String,
}

impl Refusal {
    /// A file or an argument that cannot be used.
    fn usage(message: impl Into<String>) -> Self {
        Self { code: 2, message: message.into() }
    }

    /// A dataset with errors.
    fn dataset(message: impl Into<String>) -> Self {
        Self { code: 13, message: message.into() }
    }

    /// The exit code of an error: that of a refusal, or 1.
    pub fn exit_code(error: &anyhow::Error) -> u8 {
        error.downcast_ref::<Self>().map_or(1, |refusal| refusal.code)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

/// Runs the demo.
pub fn run(checkout: &Checkout, pg_config: Option<&Path>, args: &Args) -> anyhow::Result<()> {
    let fixtures = checkout.root().join("tests/fixtures");
    let dataset = match &args.dataset {
        Some(file) => in_data_folder(file),
        None => fixtures.join("sample-pairs.jsonl"),
    };
    let content = read_text(&dataset)?;
    let trace_file = args.trace.clone().unwrap_or_else(|| fixtures.join("sample-trace.jsonl"));
    let trace = Trace::parse(&read_text(&trace_file)?)
        .map_err(|error| Refusal::usage(format!("\"{}\", {error}", trace_file.display())))?;

    let cluster = db::migrated(&setup::prepare(checkout, pg_config)?, args.provider)?;
    let file_name = dataset.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let mut client = cluster.connect(db::DATABASE)?;
    let figures = scenario::play(&mut client, &file_name, &content, &trace)
        .map_err(|error| error.context("the demo's own steps failed"))?;
    drop(client);
    match args.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&figures)?),
        Output::Text => print!("{}", text::render(&figures)?),
    }
    if args.keep {
        let url = db::keep(checkout, cluster)?;
        eprintln!("the database is still running; \"cargo xtask db down\" ends it");
        eprintln!("{url}");
    } else {
        cluster.stop()?;
    }
    if !figures.dataset.training_ready {
        let first = figures.dataset.error_message.as_deref().unwrap_or("it has no training pair");
        return Err(Refusal::dataset(format!(
            "dataset \"{file_name}\" cannot be trained on: {first}\nhint: mend the findings above and run again; no job was created"
        ))
        .into());
    }
    Ok(())
}

/// The file itself, or the one of that name among the extra data.
fn in_data_folder(file: &Path) -> PathBuf {
    match std::env::var_os(environment::DATA).map(|folder| Path::new(&folder).join(file)) {
        Some(extra) if !file.exists() && extra.exists() => extra,
        _ => file.to_owned(),
    }
}

/// A whole file, which has to be text: a `text` argument holds neither NUL nor a byte that is not UTF-8.
fn read_text(path: &Path) -> anyhow::Result<String> {
    let name = path.display();
    let bytes = fs::read(path).map_err(|error| {
        Refusal::usage(format!(
            "cannot read \"{name}\": {}\nhint: pass the path of a file",
            process::os_error(&error)
        ))
    })?;
    let refused = |offset: usize| {
        let hint = "pass a JSONL file saved as UTF-8; unpack it first if it is an archive";
        Refusal::dataset(format!(
            "\"{name}\" is not text: byte {offset} is no part of UTF-8 text\nhint: {hint}"
        ))
    };
    if let Some(offset) = bytes.iter().position(|&byte| byte == 0) {
        return Err(refused(offset).into());
    }
    String::from_utf8(bytes).map_err(|error| refused(error.utf8_error().valid_up_to()).into())
}
