//! Programs in groups of their own, so that one that is ended takes its children with it.
use std::process::Command;

/// Starts the program as the head of a new group.
#[cfg(unix)]
pub(super) fn group(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

#[cfg(not(unix))]
pub(super) fn group(_: &mut Command) {}

/// Asks a group to end, or ends it.
#[cfg(unix)]
pub(super) fn signal(pid: i64, by_force: bool) {
    let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) else { return };
    let signal = if by_force { rustix::process::Signal::KILL } else { rustix::process::Signal::TERM };
    // A group that is gone already is what was wanted.
    let _ = rustix::process::kill_process_group(pid, signal);
}

#[cfg(not(unix))]
pub(super) fn signal(_: i64, _: bool) {}
