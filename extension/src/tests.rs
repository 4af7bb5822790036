//! What only a server can show: conversions, NULLs, memory, cancel, parallel plans.
