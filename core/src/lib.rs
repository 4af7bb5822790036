//! Dataset validation, job progress and exact cost, free of Postgres.
