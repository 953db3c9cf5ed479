//! What differs between a run and the last one that succeeded.
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Commit, Run};

/// What sort of thing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    Commit,
    Uncommitted,
    Pipeline,
    Input,
    Parameter,
    Environment,
}

/// How to take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It differs.
    Changed,
    /// It differs as it does from run to run: the date of the data, files of another date.
    Expected,
    /// It is the same; listed because its sameness is an answer.
    Same,
}

/// One row of "what changed since the last success".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub kind: ChangeKind,
    /// `day`, `data/flights.parquet`, `python`; empty where the kind says it all.
    pub name: String,
    pub before: Option<String>,
    pub after: Option<String>,
    pub verdict: Verdict,
}

impl Change {
    fn new(kind: ChangeKind, name: &str, before: Option<&str>, after: Option<&str>) -> Self {
        let verdict = if before == after { Verdict::Same } else { Verdict::Changed };
        Self {
            kind,
            name: name.to_owned(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
            verdict,
        }
    }
    /// `2026-11-15 → 2026-11-16`, `new`, `gone`, `same`.
    pub fn words(&self) -> String {
        match (&self.before, &self.after) {
            _ if self.verdict == Verdict::Same => "same".to_owned(),
            (Some(b), Some(a)) => format!("{b} \u{2192} {a}"),
            (None, Some(a)) => format!("new: {a}"),
            (Some(b), None) => format!("gone, was {b}"),
            (None, None) => String::new(),
        }
    }
}

/// Compares a run with the last success: commit, uncommitted changes, pipeline, inputs, parameters, environment, in
/// this order. Commit and environment are always there; of the others only what differs.
pub fn what_changed(last_success: &Run, this: &Run) -> Vec<Change> {
    let mut all = vec![commit(last_success, this)];
    let (before, after) = (&last_success.record, &this.record);
    if before.dirty != after.dirty {
        let words = |run: &Run| match (&run.record.dirty, run.record.dirty_files.as_slice()) {
            (None, _) => "none".to_owned(),
            (Some(hash), []) => hash.clone(),
            (Some(hash), files) => format!("{hash} in {}", files.join(", ")),
        };
        all.push(Change::new(ChangeKind::Uncommitted, "", Some(&words(last_success)), Some(&words(this))));
    }
    if before.source_hash != after.source_hash {
        let (b, a) = (before.source_hash.as_deref(), after.source_hash.as_deref());
        all.push(Change::new(ChangeKind::Pipeline, &this.source, b, a));
    }
    all.extend(inputs(last_success, this));
    all.extend(params(last_success, this));
    all.extend(environment(last_success, this));
    all
}

fn commit(last: &Run, this: &Run) -> Change {
    let words = |c: &Option<Commit>| c.as_ref().map(|c| format!("{} {}", c.short(), c.summary));
    let (b, a) = (words(&last.record.commit), words(&this.record.commit));
    Change::new(ChangeKind::Commit, "", b.as_deref(), a.as_deref())
}

fn inputs(last: &Run, this: &Run) -> Vec<Change> {
    let (before, after) = (last.inputs(), this.inputs());
    let other_data = last.data_time != this.data_time;
    let mut names: Vec<&str> = before.keys().chain(after.keys()).copied().collect();
    names.sort_unstable();
    names.dedup();
    names
        .into_iter()
        .map(|name| Change::new(ChangeKind::Input, name, before.get(name).copied(), after.get(name).copied()))
        .filter(|c| c.verdict == Verdict::Changed)
        // A task that did not start has read nothing; that is no change of its inputs.
        .filter(|c| c.after.is_some() || this.tasks.iter().all(|t| !t.attempts.is_empty()))
        .map(|mut c| {
            if other_data && (c.before.is_none() || c.after.is_none()) {
                c.verdict = Verdict::Expected;
            }
            c
        })
        .collect()
}

fn params(last: &Run, this: &Run) -> Vec<Change> {
    let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    let mut names: Vec<&String> = this.params.keys().collect();
    names.extend(last.params.keys().filter(|k| !this.params.contains_key(*k)));
    names
        .into_iter()
        .map(|name| {
            let (b, a) = (last.params.get(name).map(text), this.params.get(name).map(text));
            let mut change = Change::new(ChangeKind::Parameter, name, b.as_deref(), a.as_deref());
            if change.verdict == Verdict::Changed && a.is_some() && a == this.data_time && b == last.data_time {
                change.verdict = Verdict::Expected;
            }
            change
        })
        .filter(|c| c.verdict != Verdict::Same)
        .collect()
}

fn environment(last: &Run, this: &Run) -> Vec<Change> {
    let (before, after) = (&last.record.environment, &this.record.environment);
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let mut all: Vec<Change> = names
        .into_iter()
        .map(|n| {
            let (b, a) = (before.get(n).map(String::as_str), after.get(n).map(String::as_str));
            Change::new(ChangeKind::Environment, n, b, a)
        })
        .filter(|c| c.verdict != Verdict::Same)
        .collect();
    let kernel = |run: &Run| run.tasks.iter().find_map(|t| t.last()?.kernel.clone());
    let (b, a) = (kernel(last), kernel(this));
    if b.is_some() && a.is_some() && a != b {
        all.push(Change::new(ChangeKind::Environment, "kernel", b.as_deref(), a.as_deref()));
    }
    if all.is_empty() {
        let words: Vec<_> =
            ["andon", "python", "kernel"].iter().filter_map(|k| after.get(*k).map(|v| format!("{k} {v}"))).collect();
        let words = words.join(", ");
        all.push(Change::new(ChangeKind::Environment, "", Some(&words), Some(&words)));
    }
    all
}
