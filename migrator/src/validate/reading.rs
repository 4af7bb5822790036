//! Reading a file in blocks, several of them at once.
//!
//! The blocks are cut anywhere: what each holds is a segment, and segments are put together in the order of the file, so
//! the report does not depend on how many threads there were. At most two blocks for each thread are in memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::SystemTime;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pg_lora_core::dataset::{Options, Segment};
use sha2::{Digest, Sha256};

use crate::error::{Error, Exit};
use crate::interrupt::Interrupt;

/// Large enough for the joining of segments to cost nothing, small enough to be shared out evenly.
const BLOCK_BYTES: usize = 4 << 20;

/// The name of standard input.
const STANDARD_INPUT: &str = "-";

/// What is read, and what it was when it was opened.
pub struct Source<'f> {
    file: &'f Path,
    reader: Box<dyn Read>,
    /// Size and time of the last change; `None` for what is no file.
    state: Option<(u64, Option<SystemTime>)>,
    /// Of the bytes that were read, if it was asked for.
    sha256: Option<Sha256>,
}

/// Whether this file is standard input.
pub fn is_standard_input(file: &Path) -> bool {
    file.as_os_str() == STANDARD_INPUT
}

impl<'f> Source<'f> {
    /// Opens a file, or standard input when it is called "-".
    pub fn open(file: &'f Path) -> Result<Self, Error> {
        if is_standard_input(file) {
            return Ok(Self { file, reader: Box::new(io::stdin().lock()), state: None, sha256: None });
        }
        let opened = File::open(file).map_err(|error| unreadable(file, &error))?;
        let metadata = opened.metadata().map_err(|error| unreadable(file, &error))?;
        if metadata.is_dir() {
            let error = Error::new(Exit::Usage, format!("\"{}\" is a folder", file.display()));
            return Err(error.hint("name a file, or \"-\" for standard input"));
        }
        let state = metadata.is_file().then(|| (metadata.len(), metadata.modified().ok()));
        Ok(Self { file, reader: Box::new(opened), state, sha256: None })
    }

    /// The same, with a SHA-256 of what is read. It has no merge: it is computed where the bytes pass in order.
    pub fn hashed(self) -> Self {
        Self { sha256: Some(Sha256::new()), ..self }
    }

    /// Reads it to its end, by so many threads.
    pub fn read(
        &mut self,
        options: &Options,
        threads: usize,
        interrupt: &Interrupt,
    ) -> Result<Segment<'static>, Error> {
        let bar = self.progress();
        let segment = match threads {
            0 | 1 => read_alone(self, options, &bar, interrupt),
            _ => read_together(self, options, threads, &bar, interrupt),
        };
        bar.finish_and_clear();
        segment
    }

    /// A report on two states of a file would be one on neither.
    pub fn check_unchanged(&self) -> Result<(), Error> {
        let Some(before) = self.state else { return Ok(()) };
        let metadata = std::fs::metadata(self.file).map_err(|error| unreadable(self.file, &error))?;
        if (metadata.len(), metadata.modified().ok()) == before {
            return Ok(());
        }
        let error = Error::new(
            Exit::Refused,
            format!("the file \"{}\" changed while it was read", self.file.display()),
        );
        Err(error.hint("validate it again when nobody writes to it any more"))
    }

    /// The SHA-256 of what was read, in lower-case hexadecimal digits.
    pub fn sha256(self) -> Option<String> {
        let digest = self.sha256?.finalize();
        Some(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// A bar for whoever sits in front of it; nothing for a pipeline.
    fn progress(&self) -> ProgressBar {
        let Some((size, _)) = self.state else { return ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
        ProgressBar::with_draw_target(Some(size), ProgressDrawTarget::stderr())
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
    }

    /// The next block; `None` at the end.
    fn block(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let mut block = Vec::with_capacity(BLOCK_BYTES);
        let mut limited = self.reader.by_ref().take(BLOCK_BYTES as u64);
        limited.read_to_end(&mut block).map_err(|error| unreadable(self.file, &error))?;
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(&block);
        }
        Ok((!block.is_empty()).then_some(block))
    }
}

fn unreadable(file: &Path, error: &io::Error) -> Error {
    Error::new(Exit::Usage, format!("could not read \"{}\": {error}", file.display()))
        .hint("name a file that is there and may be read, or \"-\" for standard input")
}

/// What core refuses, in its words.
pub fn refused(error: pg_lora_core::Error) -> Error {
    Error::new(Exit::Refused, error.message).hint(error.hint)
}

fn read_alone(
    source: &mut Source<'_>,
    options: &Options,
    bar: &ProgressBar,
    interrupt: &Interrupt,
) -> Result<Segment<'static>, Error> {
    let mut whole = Segment::scan(b"", options, &mut || ());
    while let Some(block) = source.block()? {
        interrupt.check()?;
        bar.inc(block.len() as u64);
        whole = whole.merge(Segment::scan(&block, options, &mut || ())).map_err(refused)?;
    }
    Ok(whole)
}

/// A block under its number, and what it holds.
type Block = (usize, Vec<u8>);
type Scanned = (usize, Segment<'static>);

fn read_together(
    source: &mut Source<'_>,
    options: &Options,
    threads: usize,
    bar: &ProgressBar,
    interrupt: &Interrupt,
) -> Result<Segment<'static>, Error> {
    thread::scope(|scope| {
        let (blocks, taken) = sync_channel::<Block>(threads);
        let (scanned, done) = sync_channel::<Scanned>(threads);
        // Held by the threads alone: when the last one ends, whoever sends is told.
        let taken = Arc::new(Mutex::new(taken));
        for _ in 0..threads {
            let (taken, scanned) = (Arc::clone(&taken), scanned.clone());
            scope.spawn(move || scan_blocks(&taken, &scanned, options));
        }
        drop((taken, scanned));
        let joiner = scope.spawn(move || join(&done, options));
        let sent = send_blocks(source, &blocks, bar, interrupt);
        drop(blocks);
        let joined = joiner.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        sent.and(joined)
    })
}

fn send_blocks(
    source: &mut Source<'_>,
    blocks: &SyncSender<Block>,
    bar: &ProgressBar,
    interrupt: &Interrupt,
) -> Result<(), Error> {
    let mut number = 0;
    while let Some(block) = source.block()? {
        interrupt.check()?;
        bar.inc(block.len() as u64);
        if blocks.send((number, block)).is_err() {
            // The joiner says why nobody takes them.
            break;
        }
        number += 1;
    }
    Ok(())
}

fn scan_blocks(taken: &Mutex<Receiver<Block>>, scanned: &SyncSender<Scanned>, options: &Options) {
    loop {
        let next = taken.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((number, block)) = next else { return };
        if scanned.send((number, Segment::scan(&block, options, &mut || ()).into_owned())).is_err() {
            return;
        }
    }
}

/// Puts the segments together in the order of the file, whenever the next one is there.
fn join(done: &Receiver<Scanned>, options: &Options) -> Result<Segment<'static>, Error> {
    let mut whole = Segment::scan(b"", options, &mut || ());
    let mut waiting = BTreeMap::new();
    let mut next = 0;
    for (number, segment) in done {
        waiting.insert(number, segment);
        while let Some(segment) = waiting.remove(&next) {
            whole = whole.merge(segment).map_err(refused)?;
            next += 1;
        }
    }
    Ok(whole)
}
