//! What the slow tests share: which tools the machine has.
#![allow(dead_code, reason = "each test binary uses its part")]
use std::process::Command;

/// True when `tool` can be started. A missing one fails the test with its name, unless the person running the tests
/// says with `ANDON_TESTS_WITHOUT=tool,other` that it cannot be had.
#[track_caller]
pub fn has(tool: &str) -> bool {
    let found =
        Command::new("sh").args(["-c", &format!("command -v {tool}")]).output().is_ok_and(|o| o.status.success());
    if found {
        return true;
    }
    let waived = std::env::var("ANDON_TESTS_WITHOUT").is_ok_and(|v| v.split(',').any(|t| t == tool));
    assert!(waived, "{tool} is missing: run .ci/test, which installs it, or set ANDON_TESTS_WITHOUT={tool}");
    eprintln!("LEFT OUT: this test needs {tool}");
    false
}
