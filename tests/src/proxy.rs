//! A proxy between a client and the server of a [`Cluster`]: it sees each statement go by, and ends the connection where
//! a test says so.
//!
//! It listens on a free port of 127.0.0.1 and reads as much of the protocol as it takes to tell statements from the rest:
//! Query and Parse, each of which is one of this project's statements. What the server answers goes back unread.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;

use crate::Cluster;

/// The codes in place of a protocol version that ask for encryption, and the one that cancels.
const SSL_REQUEST: u32 = 80_877_103;
const GSSENC_REQUEST: u32 = 80_877_104;

/// What happens to a statement, and to the connection that it came on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on to the server.
    Forward,
    /// It does not, and both ends are closed.
    Cut,
    /// It does, and the client is cut off before the answer comes.
    ForwardAndCut,
    /// As [`Verdict::Cut`], and whoever connects afterwards is turned away.
    CutForGood,
}

/// Decides by a statement's number, which counts from 1 over all connections, and its text.
type Judge = dyn FnMut(usize, &str) -> Verdict + Send;

struct Shared {
    socket: PathBuf,
    judge: Mutex<(usize, Box<Judge>)>,
    closed: AtomicBool,
}

/// A running proxy. It ends with this value; open connections end with their client or server.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Starts one, with someone to decide about each statement.
    ///
    /// # Errors
    /// If there is no port to listen on.
    pub fn start(
        cluster: &Cluster,
        judge: impl FnMut(usize, &str) -> Verdict + Send + 'static,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("could not listen on 127.0.0.1")?;
        let port = listener.local_addr()?.port();
        let address = cluster.address();
        let socket = address.socket_dir().join(format!(".s.PGSQL.{}", address.port()));
        let judge: Box<Judge> = Box::new(judge);
        let shared =
            Arc::new(Shared { socket, judge: Mutex::new((0, judge)), closed: AtomicBool::new(false) });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if Arc::strong_count(&accepting) == 1 {
                    return;
                }
                let shared = Arc::clone(&accepting);
                // A connection that breaks is what this is for.
                std::thread::spawn(move || drop(serve(&client, &shared)));
            }
        });
        Ok(Self { port, shared })
    }

    /// URL of a database through it, as the superuser `postgres`.
    pub fn url(&self, database: &str) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// How many statements have come by.
    pub fn statements(&self) -> usize {
        self.shared.judge.lock().unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts, which sees that it is alone as soon as this value is gone; until then it
        // turns everybody away.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn serve(client: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    if shared.closed.load(Ordering::SeqCst) {
        return client.shutdown(Shutdown::Both);
    }
    client.set_nodelay(true)?;
    let server = UnixStream::connect(&shared.socket)?;
    let (mut answers, mut back) = (server.try_clone()?, client.try_clone()?);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut answers, &mut back);
        let _ = back.shutdown(Shutdown::Both);
    });
    let outcome = forward(client, &server, shared);
    // A statement that was forwarded is read by the server before it sees the end.
    let _ = server.shutdown(Shutdown::Write);
    let _ = client.shutdown(Shutdown::Both);
    outcome
}

/// Forwards what the client sends until it ends, or is ended.
fn forward(mut client: &TcpStream, mut server: &UnixStream, shared: &Shared) -> std::io::Result<()> {
    loop {
        let message = read(client, None)?;
        server.write_all(&message)?;
        let code = u32::from_be_bytes(message[4..8].try_into().unwrap_or_default());
        if code != SSL_REQUEST && code != GSSENC_REQUEST {
            break;
        }
    }
    loop {
        let mut kind = [0];
        client.read_exact(&mut kind)?;
        let message = read(client, Some(kind[0]))?;
        match statement(&message).map_or(Verdict::Forward, |text| shared.judge(&text)) {
            Verdict::Forward => server.write_all(&message)?,
            Verdict::ForwardAndCut => {
                client.shutdown(Shutdown::Both)?;
                return server.write_all(&message);
            }
            Verdict::Cut => return server.shutdown(Shutdown::Both),
            Verdict::CutForGood => {
                shared.closed.store(true, Ordering::SeqCst);
                return server.shutdown(Shutdown::Both);
            }
        }
    }
}

impl Shared {
    fn judge(&self, text: &str) -> Verdict {
        let mut judge = self.judge.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, decide) = &mut *judge;
        *number += 1;
        decide(*number, text)
    }
}

/// One message with its kind, if it has one, and its length.
fn read(mut from: &TcpStream, kind: Option<u8>) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let mut message: Vec<u8> = kind.into_iter().chain(length).collect();
    let rest = (u32::from_be_bytes(length) as usize).saturating_sub(4);
    let start = message.len();
    message.resize(start + rest, 0);
    from.read_exact(&mut message[start..])?;
    Ok(message)
}

/// The text of a Query or Parse message.
fn statement(message: &[u8]) -> Option<String> {
    let mut texts = message.get(5..)?.split(|byte| *byte == 0);
    let text = match message.first()? {
        b'Q' => texts.next()?,
        b'P' => texts.nth(1)?,
        _ => return None,
    };
    Some(String::from_utf8_lossy(text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::statement;

    #[test]
    fn statements_are_told_from_the_rest() {
        assert_eq!(statement(b"Q\0\0\0\x0dselect 1\0").as_deref(), Some("select 1"));
        assert_eq!(statement(b"P\0\0\0\x10s1\0select 2\0\0\0").as_deref(), Some("select 2"));
        assert_eq!(statement(b"P\0\0\0\x10\0select 2\0\0\0").as_deref(), Some("select 2"));
        assert_eq!(statement(b"S\0\0\0\x04"), None);
        assert_eq!(statement(b""), None);
    }
}
