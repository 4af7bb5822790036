//! Ctrl-C, and what CI sends instead of it.
//!
//! Children run in process groups of their own, so that a signal to us alone ends them as surely as Ctrl-C in a
//! terminal does: we pass it on, wait for them, and exit with 128 + the signal. Servers end by the closing of
//! their pipes (see `pg_lora_tests::Scratch`), which needs nothing from here.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, exit};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::Context;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// How long children may take to end before they are killed.
const PATIENCE: Duration = Duration::from_secs(5);

static CHILDREN: Mutex<Children> = Mutex::new(Children { groups: Vec::new(), interrupted: false });

struct Children {
    groups: Vec<u32>,
    interrupted: bool,
}

/// From here on signals end our children too.
pub fn listen() -> anyhow::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("could not listen for signals")?;
    thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            children().interrupted = true;
            signal_all("TERM");
            let deadline = Instant::now() + PATIENCE;
            while !children().groups.is_empty() && Instant::now() < deadline {
                sleep(Duration::from_millis(20));
            }
            signal_all("KILL");
            exit(128 + signal);
        }
    });
    Ok(())
}

/// Runs a command to its end, in a process group that an interrupt reaches. After an interrupt it does not
/// return: the process is about to exit, and the child's failure means nothing.
pub fn status_of(command: &mut Command) -> io::Result<ExitStatus> {
    command.process_group(0);
    let mut child = {
        let mut children = children();
        if children.interrupted {
            drop(children);
            wait_for_exit();
        }
        let child = command.spawn()?;
        children.groups.push(child.id());
        child
    };
    let status = child.wait();
    let mut children = children();
    children.groups.retain(|group| *group != child.id());
    if children.interrupted {
        drop(children);
        wait_for_exit();
    }
    status
}

fn children() -> MutexGuard<'static, Children> {
    CHILDREN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait_for_exit() -> ! {
    loop {
        sleep(Duration::from_secs(1));
    }
}

/// The shell's own `kill` knows process groups, and every machine has it.
fn signal_all(signal: &str) {
    let groups = children().groups.clone();
    for group in groups {
        let _ = Command::new("/bin/sh").args(["-c", &format!("kill -s {signal} -- -{group}")]).status();
    }
}
