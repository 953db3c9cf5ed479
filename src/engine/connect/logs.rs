//! Logs of other systems, kept beside those of Andon's own runs and in the same form, so that one reader serves both.
use std::fs;

use jiff::SignedDuration;

use super::Connector;
use crate::{
    base::{Error, Result, error::Context, job::JobCtx},
    engine::store::{LogWriter, Store},
    model::run::Run,
};

/// Lines come in behind the end of an attempt: only after so long its log is whole.
const LATE: SignedDuration = SignedDuration::from_secs(60);

/// Fetches an attempt's log into its file, page by page; gives how many lines it has. A log of an attempt that is over and
/// was fetched whole is not fetched again.
pub fn fetch_log(
    connector: &dyn Connector,
    store: &Store,
    run: &Run,
    task: &str,
    attempt: u32,
    cx: &JobCtx,
) -> Result<u64> {
    let found = run.task(task).and_then(|t| t.attempts.iter().find(|a| a.number == attempt));
    let over = found.is_some_and(|a| a.state.is_final());
    let path = store.kept(&crate::engine::store::log_path(&run.id, task, attempt));
    let whole = path.with_extension("log.whole");
    if over && whole.exists() && path.exists() {
        return Ok(found.map_or(0, |a| a.log_lines));
    }
    let mut writer = LogWriter::beside(store.root(), &run.id, task, attempt)?;
    let mut from: Option<String> = None;
    loop {
        cx.check()?;
        let page = connector.log(run, task, attempt, from.as_deref(), cx)?;
        for line in &page.lines {
            writer.write(line)?;
        }
        if page.lines.is_empty() || page.next.is_none() || page.next == from {
            break;
        }
        from = page.next;
    }
    let (lines, first) = (writer.lines, writer.first_error);
    writer.put_in_place()?;
    // A clock that is ahead of the system's makes it whole too late, which costs one more look.
    let old = found.and_then(|a| a.ended_at).is_none_or(|e| cx.clock.now().duration_since(e) > LATE);
    if over && old {
        fs::write(&whole, "").io(|| format!("Could not write {}", whole.display()))?;
    }
    store.set_log(&run.id, task, attempt, lines, first)?;
    if found.is_none() && lines == 0 {
        return Err(Error::user(format!("{task} has no try {attempt} in {}", run.title())));
    }
    Ok(lines)
}
