//! Tests that drive real kernels, windows and large files. A missing tool is named, never skipped in silence.
#[path = "slow/support.rs"]
mod support;
