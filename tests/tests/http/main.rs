//! The platform as its clients see it, through a real PostgREST.
//!
//! `js` runs tests/js: the application's own requests, each function of the API and each refusal, by supabase-js. What no such client sends
//! or sees is here: `matrix` tries every operation on every table as everybody, `hostile` checks that no request is an internal error or
//! gets around a guard; `server` is about the HTTP layer itself; `streaming` is a worker that sends a file in chunks, whatever happens
//! meanwhile; `workers` runs the programs of docs/jobs.md, behind the `gateway` that the platform has.

mod client;
mod gateway;
mod hostile;
mod js;
mod life;
mod matrix;
mod server;
mod streaming;
mod workers;
