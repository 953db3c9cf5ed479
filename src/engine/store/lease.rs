//! Who executes a run, and whether it still lives.
use std::fs;

use jiff::Timestamp;

use super::LEASE_SECS;
use crate::base::ids::random;

/// The owner of a run. `token` is new for each execution, so that an owner that lost its run cannot write to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub token: String,
    pub pid: i64,
    /// When the process started, in the system's own unit; tells it from a later one with the same number.
    pub started: i64,
    pub host: String,
}

impl Lease {
    /// A lease of this process.
    pub fn new() -> Self {
        let pid = i64::from(std::process::id());
        Self { token: random(12), pid, started: process_started(pid).unwrap_or(0), host: host() }
    }
    /// Whether the owner can still be at work. On the same machine its process decides, elsewhere its heartbeat.
    pub(super) fn is_alive(&self, heartbeat: Timestamp, now: Timestamp) -> bool {
        if self.host == host() {
            return process_started(self.pid).is_some_and(|s| s == self.started || self.started == 0);
        }
        now.as_second() - heartbeat.as_second() < LEASE_SECS
    }
}

impl Default for Lease {
    fn default() -> Self {
        Self::new()
    }
}

/// Machine, boot and process namespace: within one, process numbers can be compared.
fn host() -> String {
    let name = |path: &str| fs::read_to_string(path).map(|s| s.trim().to_owned()).ok();
    let machine = name("/proc/sys/kernel/hostname").or_else(|| name("/etc/hostname")).unwrap_or_else(host_name);
    let boot: String = name("/proc/sys/kernel/random/boot_id").unwrap_or_default().chars().take(8).collect();
    let space = fs::read_link("/proc/self/ns/pid").map(|p| p.to_string_lossy().into_owned()).unwrap_or_default();
    format!("{machine} {boot} {}", space.trim_start_matches("pid:"))
}

#[cfg(unix)]
fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
fn host_name() -> String {
    "this machine".to_owned()
}

/// When a living process started: clock ticks since boot on Linux; `None` when there is no such process.
#[cfg(target_os = "linux")]
pub fn process_started(pid: i64) -> Option<i64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold blanks; the fields after it do not.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    // A zombie has ended and only waits to be collected.
    (fields.next()? != "Z").then_some(())?;
    fields.nth(18)?.parse().ok()
}

/// When a living process started, where only its existence can be told: 0.
#[cfg(all(unix, not(target_os = "linux")))]
pub fn process_started(pid: i64) -> Option<i64> {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).ok()?)?;
    match rustix::process::test_kill_process(pid) {
        Ok(()) | Err(rustix::io::Errno::PERM) => Some(0),
        Err(_) => None,
    }
}

/// Without a way to ask, heartbeats decide.
#[cfg(not(unix))]
pub fn process_started(_: i64) -> Option<i64> {
    Some(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_one_of_another_time_does_not() {
        let (mine, now) = (Lease::new(), Timestamp::now());
        assert!(mine.is_alive(now - jiff::Span::new().hours(9), now), "a machine that slept keeps its runs");
        let other = Lease { started: mine.started + 1, ..mine.clone() };
        assert!(!other.is_alive(now, now), "same number, other process");
        let far = Lease { host: "elsewhere".into(), ..mine };
        assert!(far.is_alive(now, now));
        assert!(!far.is_alive(now - jiff::Span::new().seconds(LEASE_SECS), now));
    }
}
