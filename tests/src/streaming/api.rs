//! Requests to the API, each sent again where that can help.
//!
//! Invariant: what the API refuses is never sent again; what is sent again is only what does no harm twice, and that
//! is for the caller to know.

use std::fmt;
use std::io;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::Request;

/// A call that has no answer by then has none: the platform ends one after 8 seconds itself.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Before the first repetition; each further one waits twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Nobody learns anything by waiting longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Eleven seconds in all: a server that is started anew is there again after one or two.
const ATTEMPTS: u32 = 10;

/// The API as somebody with a token.
#[derive(Debug)]
pub struct Api {
    agent: Agent,
    url: String,
    token: String,
    attempts: u32,
}

/// Why something could not be done.
#[derive(Debug)]
pub enum Failure {
    /// The file could not be read to its end. Not the API's fault.
    Unreadable(io::Error),
    /// The API says no (4xx). It would say so again: this is for a person, or for another piece of code.
    Refused {
        /// HTTP status.
        status: u16,
        /// The SQLSTATE, or PostgREST's own code.
        code: String,
        /// What is wrong.
        message: String,
        /// What to do.
        hint: String,
    },
    /// No answer, or that something is broken there (5xx), as often as was tried.
    Unavailable(String),
}

impl Api {
    /// The URL has no slash at the end. On Supabase it is that of the project with `/rest/v1`, the token is the service
    /// key, which has to be sent as the header `apikey` too, and ureq needs a feature of its own for `https`.
    pub fn new(url: impl Into<String>, token: impl Into<String>) -> Self {
        // That the API refuses something is an answer, and its body says why.
        let agent = Agent::config_builder().http_status_as_error(false).timeout_global(Some(TIMEOUT)).build();
        Self { agent: agent.into(), url: url.into(), token: token.into(), attempts: ATTEMPTS }
    }

    /// Sends a request so often at most.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// Calls a function and answers what it returns.
    ///
    /// # Errors
    /// As all of these: what the API says, or that it says nothing.
    pub fn call(&self, function: &str, arguments: &Value) -> Result<Value, Failure> {
        self.send("POST", &format!("/rpc/{function}"), &arguments.to_string())
    }

    /// Reads rows; the path is everything after the host.
    ///
    /// # Errors
    /// As above.
    pub fn read(&self, path: &str) -> Result<Value, Failure> {
        self.send("GET", path, "")
    }

    /// Changes rows.
    ///
    /// # Errors
    /// As above.
    pub fn update(&self, path: &str, change: &Value) -> Result<(), Failure> {
        self.send("PATCH", path, &change.to_string()).map(drop)
    }

    /// Sends a request until there is an answer that will not get better.
    fn send(&self, method: &str, path: &str, body: &str) -> Result<Value, Failure> {
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            match self.send_once(method, path, body) {
                Err(Failure::Unavailable(_)) if attempt < self.attempts => {}
                answer => return answer,
            }
            sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
            attempt += 1;
        }
    }

    fn send_once(&self, method: &str, path: &str, body: &str) -> Result<Value, Failure> {
        let unavailable = |error: ureq::Error| Failure::Unavailable(format!("{method} {path}: {error}"));
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("Authorization", format!("Bearer {}", self.token))
            .header("Content-Type", "application/json");
        let response = if body.is_empty() {
            self.agent.run(request.body(()).map_err(|error| unavailable(error.into()))?)
        } else {
            self.agent.run(request.body(body).map_err(|error| unavailable(error.into()))?)
        };
        let mut response = response.map_err(unavailable)?;
        let status = response.status().as_u16();
        // An answer that is cut off is none, whatever its status says.
        let text = response.body_mut().read_to_string().map_err(unavailable)?;
        match status {
            200..300 if text.is_empty() => Ok(Value::Null),
            200..300 => serde_json::from_str(&text)
                .map_err(|error| Failure::Unavailable(format!("{method} {path}: {error}: {text}"))),
            // PostgREST's answer to the one who finds that the database has closed a connection of its pool, as after a
            // restart (its issue 4681): a 400 that nobody has said. What the database refuses has a code.
            400 if code(&text).is_empty() => {
                Err(Failure::Unavailable(format!("{method} {path}: 400 without a code: {text}")))
            }
            400..500 => Err(refused(status, &text)),
            _ => Err(Failure::Unavailable(format!("{method} {path}: {status}: {text}"))),
        }
    }
}

fn refused(status: u16, text: &str) -> Failure {
    Failure::Refused {
        status,
        code: code(text),
        // Anything in between may answer too, in words of its own.
        message: word(text, "message").unwrap_or_else(|| text.to_owned()),
        hint: word(text, "hint").unwrap_or_default(),
    }
}

fn code(text: &str) -> String {
    word(text, "code").unwrap_or_default()
}

/// A part of an error of the API.
fn word(text: &str, name: &str) -> Option<String> {
    let error: Value = serde_json::from_str(text).ok()?;
    error[name].as_str().map(str::to_owned)
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "could not read the file: {error}"),
            Self::Refused { status, code, message, hint } => {
                write!(f, "{status} {code}: {message}")?;
                if hint.is_empty() { Ok(()) } else { write!(f, "\nhint: {hint}") }
            }
            Self::Unavailable(why) => write!(f, "no answer from the API: {why}"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread;

    use serde_json::json;

    use super::*;

    /// Answers each request with the next of these, or closes the connection without one; says how many were sent.
    fn answers(answers: &'static [Option<&'static str>]) -> (Api, thread::JoinHandle<usize>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            for (number, answer) in answers.iter().enumerate() {
                let (mut connection, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(connection.try_clone().unwrap());
                let (mut line, mut length) = (String::new(), 0);
                while reader.read_line(&mut line).unwrap() > 2 {
                    if let Some(text) = line.to_lowercase().strip_prefix("content-length:") {
                        length = text.trim().parse().unwrap();
                    }
                    line.clear();
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                assert_eq!(body, br#"{"a":1}"#, "request {number}");
                let Some((status, text)) = answer.and_then(|answer| answer.split_once(' ')) else { continue };
                let length = text.len();
                write!(
                    connection,
                    "HTTP/1.1 {status} x\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}"
                )
                .unwrap();
            }
            answers.len()
        });
        (Api::new(url, "token"), server)
    }

    #[test]
    fn what_may_pass_is_sent_again() {
        let (api, server) = answers(&[
            None,
            Some("503 {\"code\": \"PGRST001\"}"),
            Some("400 "),
            Some("400 {\"code\": \"\", \"message\": \"\"}"),
            Some("200 {\"b\": 2}"),
        ]);
        assert_eq!(api.call("f", &json!({"a": 1})).unwrap(), json!({"b": 2}));
        assert_eq!(server.join().unwrap(), 5);
    }

    #[test]
    fn what_is_refused_is_not_sent_again() {
        let refusal = "409 {\"code\": \"PT409\", \"message\": \"no\", \"hint\": \"Stop.\"}";
        for (answer, shown) in [(refusal, "409 PT409: no\nhint: Stop."), ("413 too large", "413 : too large")]
        {
            let (api, server) = answers(Box::leak(Box::new([Some(answer)])));
            assert_eq!(api.call("f", &json!({"a": 1})).unwrap_err().to_string(), shown);
            assert_eq!(server.join().unwrap(), 1);
        }
    }

    #[test]
    fn not_for_ever() {
        let (api, server) = answers(&[None, Some("500 broken")]);
        let failure = api.attempts(2).call("f", &json!({"a": 1})).unwrap_err();
        assert_eq!(failure.to_string(), "no answer from the API: POST /rpc/f: 500: broken");
        assert_eq!(server.join().unwrap(), 2);
    }
}
