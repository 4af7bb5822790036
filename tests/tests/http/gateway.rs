//! What stands before the API on the platform: it serves it below `/rest/v1`, where supabase-js looks for it. This one
//! loses answers as well: the request arrives and is done, and nobody hears of it.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::streaming::proxy::message;

/// Serves the API of a URL as long as `work` takes, which gets the address. Lost are the answers to the requests whose
/// path `loses` picks.
pub fn behind_a_gateway<T>(
    url: &str,
    loses: impl Fn(&str) -> bool + Sync,
    work: impl FnOnce(&str) -> T,
) -> T {
    let server = url.strip_prefix("http://").expect("a URL of this machine");
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for client in listener.incoming().flatten() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                // A client that is killed leaves a connection that breaks.
                scope.spawn(|| drop(pass(client, server, &loses)));
            }
        });
        let _end = End(&over, address);
        work(&format!("http://{address}"))
    })
}

/// Ends the gateway, also when a test fails.
struct End<'a>(&'a AtomicBool, SocketAddr);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.1));
    }
}

/// One request for each connection.
fn pass(mut client: TcpStream, server: &str, loses: impl Fn(&str) -> bool) -> io::Result<()> {
    let request = String::from_utf8(message(&client)?).map_err(io::Error::other)?;
    let Some(path) = request.split(' ').nth(1).and_then(|path| path.strip_prefix("/rest/v1")) else {
        return Ok(());
    };
    let mut server = TcpStream::connect(server)?;
    server.write_all(request.replacen("/rest/v1", "", 1).as_bytes())?;
    let answer = message(&server)?;
    if loses(path) {
        return Ok(());
    }
    let head = answer.iter().position(|byte| *byte == b'\n').map_or(answer.len(), |end| end + 1);
    client.write_all(&answer[..head])?;
    client.write_all(b"Connection: close\r\n")?;
    client.write_all(&answer[head..])
}
