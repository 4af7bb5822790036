//! Something between the worker and the API that loses answers: the request arrives and is done, and nobody hears of it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Passes requests on to a server, and every second answer back. The other ones are lost on the way.
pub struct LossyProxy<'a> {
    listener: TcpListener,
    /// Host and port.
    server: &'a str,
    lost: AtomicUsize,
}

impl<'a> LossyProxy<'a> {
    pub fn to(url: &'a str) -> Self {
        let server = url.strip_prefix("http://").expect("a URL of this machine");
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        Self { listener, server, lost: AtomicUsize::new(0) }
    }

    /// Works as long as somebody uses its address, and says how many answers were lost.
    pub fn run<T>(&self, work: impl FnOnce(String) -> T) -> (T, usize) {
        let address = self.listener.local_addr().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0.. {
                    let (client, _) = self.listener.accept().unwrap();
                    match self.pass(client, number % 2 == 0) {
                        Ok(true) => {}
                        // Only who wants this to end sends nothing.
                        Ok(false) => break,
                        Err(error) => panic!("request {number}: {error}"),
                    }
                }
            });
            let answer = work(format!("http://{address}"));
            drop(TcpStream::connect(address));
            (answer, self.lost.load(Ordering::Relaxed))
        })
    }

    /// One request; false if there is none.
    fn pass(&self, mut client: TcpStream, loses: bool) -> io::Result<bool> {
        let request = message(&client)?;
        if request.is_empty() {
            return Ok(false);
        }
        let mut server = TcpStream::connect(self.server)?;
        server.write_all(&request)?;
        let answer = message(&server)?;
        if loses {
            self.lost.fetch_add(1, Ordering::Relaxed);
        } else {
            client.write_all(&answer)?;
        }
        Ok(true)
    }
}

/// A message of HTTP, as it comes: with a length, in pieces that end with an empty one, or of a head alone.
pub fn message(stream: &TcpStream) -> io::Result<Vec<u8>> {
    let mut reader = BufReader::new(stream);
    let (mut message, mut length, mut in_pieces) = (Vec::new(), 0, false);
    loop {
        let start = message.len();
        if reader.read_until(b'\n', &mut message)? <= 2 {
            break;
        }
        let line = String::from_utf8_lossy(&message[start..]).to_lowercase();
        if let Some(number) = line.strip_prefix("content-length:") {
            length = number.trim().parse().map_err(io::Error::other)?;
        }
        in_pieces |= line.starts_with("transfer-encoding: chunked");
    }
    let body = message.len();
    message.resize(body + length, 0);
    reader.read_exact(&mut message[body..])?;
    while in_pieces && !message.ends_with(b"\r\n0\r\n\r\n") {
        if reader.read_until(b'\n', &mut message)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(message)
}
