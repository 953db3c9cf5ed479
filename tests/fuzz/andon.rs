//! The floors `base` and `model` of Andon alone: what the fuzz targets call. The whole package would drag in a window and
//! an SQL engine, half an hour of compiling under a fuzzer's flags, and nothing of that takes part.
#![allow(dead_code, unused, reason = "what the other floors use is not used here")]
#[path = "../../src/base/mod.rs"]
pub mod base;
#[path = "../../src/model/mod.rs"]
pub mod model;
