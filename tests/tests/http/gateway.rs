//! What stands before the API on the platform: it serves it below `/rest/v1`, where supabase-js looks for it. This one can lose
//! answers: the request arrives and is done, and nobody hears of it. And it can hold the files of a bucket, so that a function
//! finds what it downloads.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fs, thread};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::streaming::proxy::message;

/// A gateway before the API of a URL.
pub struct Gateway<'a> {
    /// Host and port.
    server: &'a str,
    loses: &'a (dyn Fn(&str) -> bool + Sync),
    files: Option<&'a Path>,
}

impl<'a> Gateway<'a> {
    pub fn before(url: &'a str) -> Self {
        let server = url.strip_prefix("http://").expect("a URL of this machine");
        Self { server, loses: &|_| false, files: None }
    }

    /// Lost are the answers to the requests whose path `loses` picks.
    pub fn losing(self, loses: &'a (dyn Fn(&str) -> bool + Sync)) -> Self {
        Self { loses, ..self }
    }

    /// Users download the files of a folder as objects of storage: `bucket/path`, where the path begins with their id.
    pub fn with_files(self, folder: &'a Path) -> Self {
        Self { files: Some(folder), ..self }
    }

    /// Serves as long as `work` takes, which gets the address.
    pub fn run<T>(&self, work: impl FnOnce(&str) -> T) -> T {
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
                    scope.spawn(|| drop(self.pass(client)));
                }
            });
            let _end = End(&over, address);
            work(&format!("http://{address}"))
        })
    }

    /// One request for each connection.
    fn pass(&self, mut client: TcpStream) -> io::Result<()> {
        let request = String::from_utf8(message(&client)?).map_err(io::Error::other)?;
        let Some(path) = request.split(' ').nth(1) else { return Ok(()) };
        let answer = if let Some(object) = path.strip_prefix("/storage/v1/object/") {
            self.object(&request, object)
        } else {
            let Some(path) = path.strip_prefix("/rest/v1") else { return Ok(()) };
            let mut server = TcpStream::connect(self.server)?;
            server.write_all(request.replacen("/rest/v1", "", 1).as_bytes())?;
            let answer = message(&server)?;
            if (self.loses)(path) {
                return Ok(());
            }
            answer
        };
        let head = answer.iter().position(|byte| *byte == b'\n').map_or(answer.len(), |end| end + 1);
        client.write_all(&answer[..head])?;
        client.write_all(b"Connection: close\r\n")?;
        client.write_all(&answer[head..])
    }

    /// A download, as the storage server answers it: whose file it is says its path, who asks the token.
    fn object(&self, request: &str, object: &str) -> Vec<u8> {
        let (object, _) = object.split_once('?').unwrap_or((object, ""));
        let owner = object.split('/').nth(1);
        let file = self.files.filter(|_| subject(request).as_deref() == owner);
        let file = file.and_then(|folder| fs::read(folder.join(object)).ok());
        let (status, kind, body) = match file {
            Some(bytes) => ("200 OK", "application/jsonl", bytes),
            None => (
                "400 Bad Request",
                "application/json",
                br#"{"statusCode":"404","error":"not_found","message":"Object not found"}"#.to_vec(),
            ),
        };
        let head =
            format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len());
        [head.into_bytes(), body].concat()
    }
}

/// Whom the token of a request is of.
fn subject(request: &str) -> Option<String> {
    let (_, token) = request.split_once("Bearer ")?;
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&payload).ok()?;
    Some(claims["sub"].as_str()?.to_owned())
}

/// Ends the gateway, also when a test fails.
struct End<'a>(&'a AtomicBool, SocketAddr);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.1));
    }
}
