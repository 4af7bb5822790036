//! Starts a cluster, prints its folder, and holds it until killed: the owner that `tests/cluster.rs` kills. With the
//! argument `--postgrest` it also starts and prints one, for `tests/http`.

use std::io::Write;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use pg_lora_tests::{Cluster, Postgrest, environment};

fn main() -> anyhow::Result<()> {
    let cluster = Cluster::start(&environment::tree()?)?;
    print(cluster.socket_dir())?;
    let mut held = None;
    if std::env::args().any(|argument| argument == "--postgrest") {
        let roles = "create role anon; create role authenticated; create role service_role";
        cluster.connect("postgres")?.batch_execute(roles)?;
        print(held.insert(Postgrest::start(&cluster, "postgres")?).dir())?;
    }
    loop {
        sleep(Duration::from_secs(3600));
    }
}

fn print(dir: &Path) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{}", dir.display())?;
    Ok(out.flush()?)
}
