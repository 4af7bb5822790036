//! A worker that validates a stored file of any size: it reads the file once, from wherever it is stored, and streams
//! it through the API, chunk by chunk. An example to start one's own from; it knows nothing but HTTP.
//!
//! Invariant: one chunk of the file is in memory at a time; of a file that could not be read to its end nothing is
//! recorded. Whatever else goes wrong, another worker that starts at the first byte ends with the same report, because
//! a chunk that is there already may be sent again.

mod api;

use std::fmt::Write;
use std::io::Read;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub use api::{Api, Failure};

/// Large enough that the requests around the chunks cost little, and small enough that a call is far below the 8 seconds
/// that the platform gives it.
const CHUNK_BYTES: usize = 1 << 20;

/// Somebody with the service key who reads files and has them validated.
#[derive(Debug)]
pub struct Worker {
    api: Api,
    chunk_bytes: usize,
    options: Value,
}

/// What came of a validation.
#[derive(Debug)]
pub struct Validation {
    /// The report, as it is on the row of the dataset.
    pub report: Value,
    /// The SHA-256 of the file to train on, likewise.
    pub content_sha256: String,
    /// Chunks of all files.
    pub chunks: u32,
    /// The longest time that a chunk took, repetitions included. Smaller chunks take less.
    pub slowest_chunk: Duration,
    /// The time that the report took.
    pub finish: Duration,
}

impl Worker {
    /// One that sends chunks of 1 MB and asks for a report with the default options.
    pub fn new(api: Api) -> Self {
        Self { api, chunk_bytes: CHUNK_BYTES, options: json!({}) }
    }

    /// Sends chunks of so many bytes, at most 8 MB.
    ///
    /// # Panics
    /// If it is 0.
    pub fn chunk_bytes(mut self, bytes: usize) -> Self {
        assert!(bytes > 0, "a chunk has bytes");
        self.chunk_bytes = bytes;
        self
    }

    /// Asks for a report with these options, such as `{"profile": "openai"}`.
    pub fn options(mut self, options: Value) -> Self {
        self.options = options;
        self
    }

    /// Drops what was sent of a dataset, for one that was validated before, or in chunks of another size.
    ///
    /// # Errors
    /// Whatever the API says.
    pub fn begin_anew(&self, dataset: &str) -> Result<(), Failure> {
        self.api.update(&format!("/datasets?id=eq.{dataset}"), &json!({"status": "validating"}))
    }

    /// Streams a dataset's file, and one that is held back for validation if there is one, and answers the report.
    ///
    /// A file that is cut off has to end with an error of its reader. A reader that does not know better is found out
    /// only where the database knows how long the stored object is.
    ///
    /// # Errors
    /// If a file cannot be read to its end, or whatever the API says. Nothing is recorded then, and calling it again
    /// with the same files from their beginning is all that has to be done.
    pub fn validate(
        &self,
        dataset: &str,
        file: &mut dyn Read,
        validation_file: Option<&mut dyn Read>,
    ) -> Result<Validation, Failure> {
        let mut stream = Stream {
            worker: self,
            dataset,
            chunks: 0,
            slowest_chunk: Duration::ZERO,
            finished_by_another: false,
        };
        let content_sha256 = stream.send(file, "train")?;
        if let Some(file) = validation_file {
            stream.send(file, "validation")?;
        }
        // Only now, when all files were read to their ends: half a file is a sound file to whoever sees no more of it.
        let start = Instant::now();
        let report = self.api.call(
            "finish_dataset_validation",
            &json!({
                "dataset_id": dataset, "chunks": stream.chunks, "content_sha256": content_sha256,
                "options": self.options,
            }),
        )?;
        Ok(Validation {
            report,
            content_sha256,
            chunks: stream.chunks,
            slowest_chunk: stream.slowest_chunk,
            finish: start.elapsed(),
        })
    }
}

/// The bytes of a chunk as a text that JSON can hold.
///
/// Not as what they mean, because JSON is UTF-8: a file that is not would have to be mended before it is sent, and the
/// report would say that it is sound. Nor has a chunk to end where a character does.
pub fn base64(chunk: &[u8]) -> String {
    STANDARD.encode(chunk)
}

/// The files of a dataset on their way.
struct Stream<'w> {
    worker: &'w Worker,
    dataset: &'w str,
    /// Sent so far. The numbers go on from one file to the next.
    chunks: u32,
    slowest_chunk: Duration,
    finished_by_another: bool,
}

impl Stream<'_> {
    /// Sends a file to its end, and answers its SHA-256, which is computed as the bytes pass: they are read once.
    fn send(&mut self, file: &mut dyn Read, split: &str) -> Result<String, Failure> {
        let size = self.worker.chunk_bytes;
        let mut hash = Sha256::new();
        let mut chunk = Vec::with_capacity(size);
        let mut is_first = true;
        loop {
            // A file may come in whatever pieces the network makes. Cut always at the same bytes, its chunks are the
            // same when they are sent again.
            chunk.clear();
            file.take(size as u64).read_to_end(&mut chunk)?;
            // An empty file is one chunk without a byte: without a chunk there would be no such file.
            if chunk.is_empty() && !is_first {
                break;
            }
            is_first = false;
            hash.update(&chunk);
            self.append(&chunk, split)?;
            if chunk.len() < size {
                break;
            }
        }
        Ok(hash.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        }))
    }

    fn append(&mut self, chunk: &[u8], split: &str) -> Result<(), Failure> {
        self.chunks += 1;
        if self.finished_by_another {
            return Ok(());
        }
        let arguments = json!({
            "dataset_id": self.dataset, "chunk_number": self.chunks, "content": base64(chunk),
            "encoding": "base64", "split": split, "options": self.worker.options,
        });
        // Sent once more when there was no answer: the same bytes under the same number are no harm.
        let start = Instant::now();
        let answer = self.worker.api.call("append_dataset_chunk", &arguments);
        self.slowest_chunk = self.slowest_chunk.max(start.elapsed());
        match answer {
            // Another worker on the same dataset may have come first. The rest is read for its length and its SHA-256, and
            // whoever asks for the report of the same file gets it, while that of another one is refused.
            Err(Failure::Refused { status: 409, .. }) if self.is_finished()? => {
                self.finished_by_another = true;
                Ok(())
            }
            other => other.map(drop),
        }
    }

    /// Whether the dataset has its report. If not, a conflict is another one: chunks of another file, or of another size.
    fn is_finished(&self) -> Result<bool, Failure> {
        let rows = self.worker.api.read(&format!("/datasets?id=eq.{}&select=status", self.dataset))?;
        Ok(matches!(rows[0]["status"].as_str(), Some("ready" | "error")))
    }
}
