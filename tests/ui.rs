//! Tests of the pages, drawn without a display and found by role and label.
#![cfg(feature = "gui")]
#[path = "ui/support.rs"]
mod support;
