//! A demo that is stopped leaves no server and no folder behind.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use pg_lora_tests::{Outcome, program};

/// A folder for the demo's own folder, so that it is not taken for another one's. Short, as sockets lie in it.
fn own_temp_dir(name: &str) -> PathBuf {
    let dir = PathBuf::from(format!("/tmp/plt-{}-{name}", std::process::id()));
    fs::create_dir(&dir).unwrap();
    // Servers run as another user, who has to make and remove folders here.
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o1777)).unwrap();
    dir
}

/// The pid of the server in a folder below, once it takes connections.
fn server_below(dir: &Path) -> Option<String> {
    let cluster = fs::read_dir(dir)
        .unwrap()
        .flatten()
        .find(|entry| entry.file_name().to_string_lossy().starts_with("pglora-"))?;
    let text = fs::read_to_string(cluster.path().join("data/postmaster.pid")).ok()?;
    let ready = text.lines().nth(7).is_some_and(|state| state.trim_end() == "ready");
    ready.then(|| text.lines().next().unwrap_or_default().to_owned())
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}");
        sleep(Duration::from_millis(20));
    }
}

fn interrupted(signal: &str, code: i32) {
    let dir = own_temp_dir(signal);
    let mut command = program::xtask(&["demo", "--output", "json"]);
    let demo = command.env("TMPDIR", &dir).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = wait_for("no server was started", || server_below(&dir));
    let server = Path::new("/proc").join(&pid);
    assert!(server.exists());

    // To the demo alone, as a pipeline sends it; a terminal would send it to the children as well.
    let kill = Command::new("kill").args(["-s", signal, &demo.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let began = Instant::now();
    let outcome: Outcome = demo.wait_with_output().unwrap().into();
    let outcome = outcome.expect(code);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(outcome.stdout, "", "half an answer");
    wait_for("the server outlived the demo", || (!server.exists()).then_some(()));
    wait_for("its folder outlived the demo", || fs::read_dir(&dir).unwrap().next().is_none().then_some(()));
    fs::remove_dir(&dir).unwrap();
}

#[test]
fn ctrl_c_leaves_nothing_behind() {
    interrupted("INT", 130);
}

#[test]
fn termination_leaves_nothing_behind() {
    interrupted("TERM", 143);
}
