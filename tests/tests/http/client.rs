//! Requests as supabase-js sends them, and what comes back.

use std::fmt;
use std::sync::LazyLock;

use pg_lora_tests::{Caller, Database, Postgrest};
use serde_json::Value;
use ureq::http::Request;
use ureq::{Agent, Body};

/// Without a pool of connections: that PostgREST has closed one shows only when the next request is sent on it.
/// Nor with redirections: PostgREST answers 300 to an ambiguous request, and leads nowhere.
static AGENT: LazyLock<Agent> = LazyLock::new(|| {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_idle_connections(0)
        .build()
        .into()
});

/// A migrated database of one test, served over HTTP.
pub struct Platform {
    // Before the database, which it is connected to: fields are dropped in their order.
    postgrest: Postgrest,
    pub database: Database,
}

impl Platform {
    pub fn migrated() -> Self {
        Self::on(Database::migrated())
    }

    pub fn on(database: Database) -> Self {
        let postgrest = Postgrest::start(database.server(), database.name());
        Self { postgrest: postgrest.unwrap_or_else(|error| panic!("{error:#}")), database }
    }

    pub fn postgrest(&self) -> &Postgrest {
        &self.postgrest
    }

    /// One client: everything it sends carries its token.
    pub fn client(&self, caller: &Caller) -> Client {
        Client::of(&self.postgrest, caller)
    }

    /// One that sends no token at all. (supabase-js sends that of `anon`.)
    pub fn without_token(&self) -> Client {
        Client { url: self.postgrest.url(), token: None }
    }
}

/// Somebody who sends requests.
pub struct Client {
    url: String,
    token: Option<String>,
}

const MINIMAL: (&str, &str) = ("Prefer", "return=minimal");
const REPRESENTATION: (&str, &str) = ("Prefer", "return=representation");
const COUNT: (&str, &str) = ("Prefer", "count=exact");
const ROLLBACK: (&str, &str) = ("Prefer", "tx=rollback");

impl Client {
    pub fn of(postgrest: &Postgrest, caller: &Caller) -> Self {
        Self { url: postgrest.url(), token: Some(Postgrest::token(caller)) }
    }

    /// Breaks the signature of its token.
    pub fn forge(&mut self) {
        let token = self.token.take().expect("a token");
        let (rest, _) = token.rsplit_once('.').expect("a token has three parts");
        self.token = Some(format!("{rest}.{}", "A".repeat(43)));
    }

    /// `.from(table).select(…)`: the path is everything after the host.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], None)
    }

    /// `.select(…, { count: 'exact', head: true })`.
    #[track_caller]
    pub fn count(&self, path: &str) -> Answer {
        self.send("HEAD", path, &[COUNT], None)
    }

    /// `.insert(row)`: nothing is asked back.
    #[track_caller]
    pub fn insert(&self, path: &str, row: &Value) -> Answer {
        self.send("POST", path, &[MINIMAL], Some(row))
    }

    /// `.upsert(row)`: nothing is asked back.
    #[track_caller]
    pub fn upsert(&self, path: &str, row: &Value) -> Answer {
        self.send("POST", path, &[MINIMAL, ("Prefer", "resolution=merge-duplicates")], Some(row))
    }

    /// `.rpc(function, arguments)`.
    #[track_caller]
    pub fn rpc(&self, function: &str, arguments: &Value) -> Answer {
        self.send("POST", &format!("/rpc/{function}"), &[], Some(arguments))
    }

    /// Any of these, rolled back; answers the rows.
    #[track_caller]
    pub fn attempt(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.send(method, path, &[REPRESENTATION, ROLLBACK], body)
    }

    #[track_caller]
    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("{}{}", self.url, encoded(path)));
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = match body {
            Some(body) => {
                let request = request.header("Content-Type", "application/json").body(body.to_string());
                AGENT.run(request.expect("a request"))
            }
            None => AGENT.run(request.body(()).expect("a request")),
        };
        let response = response.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        Answer::read(&format!("{method} {path}"), response)
    }
}

/// In a URL that a browser builds, an arrow does not stay as it is.
fn encoded(path: &str) -> String {
    path.replace('>', "%3E")
}

/// What came back.
pub struct Answer {
    request: String,
    pub status: u16,
    /// The header `Content-Range`, in which the count is.
    range: String,
    /// The text, as it came.
    pub text: String,
}

impl Answer {
    fn read(request: &str, mut response: ureq::http::Response<Body>) -> Self {
        let range = response.headers().get("Content-Range").and_then(|range| range.to_str().ok());
        Self {
            request: request.to_owned(),
            status: response.status().as_u16(),
            range: range.unwrap_or_default().to_owned(),
            text: response.body_mut().read_to_string().unwrap_or_else(|error| panic!("{request}: {error}")),
        }
    }

    /// The same answer, if it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self}");
        self
    }

    /// The rows of a list, or the value of a function.
    #[track_caller]
    pub fn json(&self) -> Value {
        assert!((200..300).contains(&self.status), "{self}");
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// The rows of a list.
    #[track_caller]
    pub fn rows(&self) -> Vec<Value> {
        match self.json() {
            Value::Array(rows) => rows,
            other => panic!("not a list: {other}"),
        }
    }

    /// The only row of a list.
    #[track_caller]
    pub fn row(&self) -> Value {
        let rows = self.rows();
        assert_eq!(rows.len(), 1, "{self}");
        rows.into_iter().next().unwrap_or_default()
    }

    /// How many rows there are in all, when that was asked for.
    #[track_caller]
    pub fn total(&self) -> u64 {
        let total = self.range.rsplit('/').next().and_then(|total| total.parse().ok());
        total.unwrap_or_else(|| panic!("no count: {self}"))
    }

    /// Checks the status, the code, that the message says `what`, and that there is a hint: the form of every error
    /// of ours that a client can cause.
    #[track_caller]
    pub fn is_refused(&self, status: u16, code: &str, what: &str) {
        self.has_code(status, code);
        let error: Value = serde_json::from_str(&self.text).expect("an error in JSON");
        let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        assert!(text("message").contains(what), "not \"{what}\": {self}");
        assert!(!text("hint").is_empty(), "without a hint: {self}");
    }

    /// Checks the status and the code only: for what Postgres itself refuses.
    #[track_caller]
    pub fn has_code(&self, status: u16, code: &str) {
        let error: Value = serde_json::from_str(&self.text).unwrap_or_default();
        assert!(self.status == status && error["code"] == code, "not {status} {code}: {self}");
    }
}

/// What a failing test shows.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} answers {}: {}", self.request, self.status, self.text)
    }
}
