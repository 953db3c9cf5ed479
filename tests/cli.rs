//! Tests of the layers and of the command line: quick, no display, no Python.
#[path = "cli/contract.rs"]
mod contract;
#[path = "cli/layering.rs"]
mod layering;
#[path = "cli/support.rs"]
mod support;
