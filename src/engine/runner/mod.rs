//! The embedded runner.
