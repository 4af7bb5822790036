//! Speaking to the database as a client of the HTTP API does.
//!
//! PostgREST opens a transaction per request and sets the search path, the role and the claims of the token in
//! it with one `set_config` each, local to the transaction. [`Caller`] does the same in the same order, so that a
//! policy or a guard sees no difference. Errors stay `postgres::Error`: tests look at their SQLSTATE.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use postgres::{Client, Error, IsolationLevel, Transaction};
use serde_json::{Map, Value, json};

/// What PostgREST sets on a Supabase project: the exposed schema first, then the extra search path.
const SEARCH_PATH: &str = r#""public", "extensions""#;

/// Who is asking: a role and the claims of a token.
#[derive(Debug, Clone, PartialEq)]
pub struct Caller {
    role: String,
    claims: Map<String, Value>,
}

impl Caller {
    /// Somebody without an account.
    pub fn anon() -> Self {
        Self::with_role("anon")
    }

    /// A user who has signed in; `id` is the id in auth.users.
    pub fn user(id: impl ToString) -> Self {
        Self::with_role("authenticated")
            .claim("aud", json!("authenticated"))
            .claim("sub", json!(id.to_string()))
            .claim("aal", json!("aal1"))
            .claim("is_anonymous", json!(false))
    }

    /// The platform's own workers, who hold the service key.
    pub fn service() -> Self {
        Self::with_role("service_role")
    }

    /// The same caller with one claim more, or with another value for it.
    pub fn claim(mut self, name: &str, value: Value) -> Self {
        self.claims.insert(name.to_owned(), value);
        self
    }

    /// The database role that requests run as.
    pub fn role(&self) -> &str {
        &self.role
    }

    /// The id in auth.users of a user who has signed in; empty for everybody else.
    pub fn id(&self) -> &str {
        self.claims.get("sub").and_then(Value::as_str).unwrap_or_default()
    }

    /// One request that is one question: the first value of the first row, as JSON.
    ///
    /// # Errors
    /// Whatever the server says.
    ///
    /// # Panics
    /// If the answer has no row.
    pub fn ask(&self, client: &mut Client, sql: &str) -> Result<Value, Error> {
        let question = format!("select to_jsonb(answer.value) from ({sql}) as answer (value)");
        let value: Option<Value> = self.run(client, |t| Ok(t.query_one(&question, &[])?.get(0)))?;
        Ok(value.unwrap_or_default())
    }

    /// One request that writes: how many rows it touched.
    ///
    /// # Errors
    /// Whatever the server says.
    pub fn write(&self, client: &mut Client, sql: &str) -> Result<u64, Error> {
        self.run(client, |t| t.execute(sql, &[]))
    }

    /// The claims as PostgREST puts them into `request.jwt.claims`.
    pub fn claims(&self) -> String {
        Value::Object(self.claims.clone()).to_string()
    }

    /// One request: runs `work` in a transaction as this caller and commits it; an error rolls it back.
    ///
    /// # Errors
    /// Whatever the server says, of `work` or of a check deferred to the commit.
    pub fn run<T>(
        &self,
        client: &mut Client,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut transaction = self.begin(client)?;
        let answer = work(&mut transaction)?;
        transaction.commit()?;
        Ok(answer)
    }

    /// The open transaction of a request, for tests in which several are under way at once. Dropped without
    /// `commit` it is rolled back.
    ///
    /// # Errors
    /// If the role does not exist, or the connection may not become it.
    pub fn begin<'c>(&self, client: &'c mut Client) -> Result<Transaction<'c>, Error> {
        let mut transaction = client
            .build_transaction()
            .isolation_level(IsolationLevel::ReadCommitted)
            .read_only(false)
            .start()?;
        transaction.execute(
            "select set_config('search_path', $1, true), set_config('role', $2, true), \
             set_config('request.jwt.claims', $3, true), set_config('request.method', 'POST', true), \
             set_config('request.path', '/', true), set_config('request.headers', '{}', true), \
             set_config('request.cookies', '{}', true)",
            &[&SEARCH_PATH, &self.role, &self.claims()],
        )?;
        Ok(transaction)
    }

    fn with_role(role: &str) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
        Self { role: role.to_owned(), claims: Map::new() }
            .claim("role", json!(role))
            .claim("iss", json!("supabase"))
            .claim("iat", json!(now))
            .claim("exp", json!(now + 3600))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_users_claims_name_the_user_and_the_role() {
        let caller = Caller::user("7b0e").claim("aal", json!("aal2"));
        let claims: Value = serde_json::from_str(&caller.claims()).unwrap();
        assert_eq!(caller.role(), "authenticated");
        assert_eq!(claims["sub"], "7b0e");
        assert_eq!(claims["role"], "authenticated");
        assert_eq!(claims["aal"], "aal2");
    }

    #[test]
    fn anon_and_service_have_no_subject() {
        for caller in [Caller::anon(), Caller::service()] {
            let claims: Value = serde_json::from_str(&caller.claims()).unwrap();
            assert_eq!(claims["role"], caller.role());
            assert_eq!(claims.get("sub"), None);
        }
    }
}
