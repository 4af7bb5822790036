//! The extension pg_lora.
