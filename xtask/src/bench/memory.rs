//! How much memory a backend needs: the most that was resident, by the kernel's word, of one that did nothing else.

use std::fs;

use anyhow::{Context, bail};
use postgres::Client;

/// The most megabytes (of 2²⁰ bytes) that were resident of a new backend after a query.
pub fn peak(mut client: Client, sql: &str) -> anyhow::Result<f64> {
    if !cfg!(target_os = "linux") {
        bail!("only Linux says it in /proc");
    }
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
