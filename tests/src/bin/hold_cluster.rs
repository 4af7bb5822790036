//! Starts a cluster, prints its folder, and holds it until killed: the owner that `tests/cluster.rs` kills.

use std::io::Write;
use std::thread::sleep;
use std::time::Duration;

use pg_lora_tests::{Cluster, environment};

fn main() -> anyhow::Result<()> {
    let cluster = Cluster::start(&environment::tree()?)?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", cluster.socket_dir().display())?;
    out.flush()?;
    loop {
        sleep(Duration::from_secs(3600));
    }
}
