//! How much memory a backend needs for a validation: the most that was resident, by the kernel's word, of a backend
//! that did nothing else; and how much that is beyond one that only has read the value.
//!
//! Pages of shared buffers count as the backend's own in both, so their difference is free of them.

use std::fs;

use anyhow::Context;

use super::super::bed::Bed;
use super::super::measurement::{Measurement, Target};
use super::{ONLY_READ, OURS, OURS_FAULTY};

/// What a validation of lines may need beside its input, as docs/benchmarks.md says.
const BESIDE_THE_INPUT: f64 = 64.0;

/// Runs it.
pub fn run(bed: &mut Bed<'_>) -> anyhow::Result<()> {
    if !cfg!(target_os = "linux") {
        bed.leave_out("peak memory of the backend", &anyhow::anyhow!("only Linux says it in /proc"));
        return Ok(());
    }
    let read = peak(bed, ONLY_READ)?;
    bed.note(Measurement::new("peak memory of a backend that only reads the value", read, "MB", None), &[])?;
    for (what, sql) in [("sound", OURS), ("faulty", OURS_FAULTY)] {
        let ours = peak(bed, sql)?;
        let name = format!("peak memory of a backend that validates the {what} file");
        bed.note(Measurement::new(name, ours, "MB", None), &[])?;
        let name = format!("the same beyond reading the value, {what} file");
        bed.note(Measurement::new(name, ours - read, "MB", Target::AtMost(BESIDE_THE_INPUT)), &[])?;
    }
    Ok(())
}

/// The most megabytes (of 2²⁰ bytes) that were resident of a new backend after a query.
pub(super) fn peak(bed: &Bed<'_>, sql: &str) -> anyhow::Result<f64> {
    let mut client = bed.connect()?;
    client.simple_query(sql)?;
    let pid: i32 = client.query_one("select pg_backend_pid()", &[])?.get(0);
    let file = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&file).with_context(|| format!("could not read \"{file}\""))?;
    Ok(high_water(&status).with_context(|| format!("there is no VmHWM in \"{file}\""))? / 1024.0)
}

/// Kilobytes of the line `VmHWM`.
fn high_water(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_high_water_mark_is_read() {
        assert_eq!(high_water("VmPeak:\t  99 kB\nVmHWM:\t   20480 kB\nVmRSS:\t 1 kB\n"), Some(20480.0));
        assert_eq!(high_water("VmPeak:\t  99 kB\n"), None);
    }
}
