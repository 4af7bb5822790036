//! The platform as its clients see it: through a real PostgREST, with the requests that supabase-js sends.
//!
//! `datasets`, `jobs`, `poller`, `models` and `notices` are the application's own requests, which keep working;
//! `embeds` brings related rows along; `matrix`, `refusals` and `functions` check what each refusal looks like,
//! `hostile` that no request is an internal error or gets around a guard; `server` is about the HTTP layer itself;
//! `streaming` is a worker that sends a file in chunks, whatever happens meanwhile; `workers` runs the programs of
//! docs/jobs.md, behind the `gateway` that the platform has.

mod client;
mod datasets;
mod embeds;
mod functions;
mod gateway;
mod hostile;
mod jobs;
mod js;
mod life;
mod matrix;
mod models;
mod notices;
mod poller;
mod refusals;
mod server;
mod streaming;
mod workers;
