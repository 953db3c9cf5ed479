//! The ledger of a folder without git: the same files in .andon/ledger/.
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use super::{Stored, hand_op, journal::Journal};
use crate::{
    base::{Error, Result, error::Context, fsx},
    model::ledger::{self, Hlc, Op, Projection, file, parse_log, project},
};

/// Log lines by file, for the operations of a journal: `log/2026-11/<writer>.jsonl`. Lines that cannot be read go to
/// `log/damaged.jsonl`.
pub(super) fn by_file(lines: &str) -> (BTreeMap<String, String>, Vec<Op>) {
    let (mut out, mut ops): (BTreeMap<String, String>, Vec<Op>) = (BTreeMap::new(), Vec::new());
    for line in lines.lines().filter(|l| !l.trim().is_empty()) {
        let path = match Op::parse(line) {
            Ok(op) => {
                let writer: String = op.writer.0.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
                let path = format!("log/{}/{}.jsonl", op.month(), if writer.is_empty() { "unnamed" } else { &writer });
                ops.push(op);
                path
            }
            Err(_) => "log/damaged.jsonl".to_owned(),
        };
        let text = out.entry(path).or_default();
        text.push_str(line);
        text.push('\n');
    }
    (out, ops)
}

fn walk(dir: &Path, out: &mut Vec<PathBuf>) -> Result<()> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(Error::io(format!("Could not read {}", dir.display())).because(&e)),
    };
    for entry in entries {
        let path = entry.io(|| format!("Could not read {}", dir.display()))?.path();
        if path.is_dir() { walk(&path, out)? } else { out.push(path) }
    }
    out.sort();
    Ok(())
}

pub(super) fn load(dir: &Path) -> Result<Stored> {
    let mut paths = Vec::new();
    walk(&dir.join("log"), &mut paths)?;
    let mut stored = Stored::default();
    for path in paths {
        let text = String::from_utf8_lossy(&fsx::read(&path)?).into_owned();
        let (ops, damage) = parse_log(&fsx::relative(dir, &path), &text);
        stored.ops.extend(ops);
        stored.damage.extend(damage);
    }
    Ok(stored)
}

fn write(dir: &Path, path: &str, text: &str) -> Result<()> {
    let path = dir.join(path);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).io(|| format!("Could not make the folder {}", parent.display()))?;
    }
    fsx::write_atomic(&path, text.as_bytes())
}

pub(super) fn flush(dir: &Path, lines: &str) -> Result<()> {
    let (files, ops) = by_file(lines);
    for (path, added) in files {
        let old = fs::read(dir.join(&path)).unwrap_or_default();
        write(dir, &path, &ledger::merge_text(&String::from_utf8_lossy(&old), &added))?;
    }
    let all = project(&load(dir)?.ops);
    let mut paths: Vec<String> = ops.iter().map(|op| file::path(&op.subject)).collect();
    paths.sort();
    paths.dedup();
    for path in paths {
        if let Some(text) = file::render(&all, &path) {
            write(dir, &path, &text)?;
        }
    }
    Ok(())
}

/// Edits made by hand in the readable files become operations.
pub(super) fn adopt_edits(dir: &Path, journal: &Journal, by: &str) -> Result<()> {
    if !dir.join("log").is_dir() {
        return Ok(());
    }
    let locked = journal.lock()?;
    let mut paths = Vec::new();
    walk(dir, &mut paths)?;
    let all = project(&load(dir)?.ops);
    let mut ops = Vec::new();
    for path in paths {
        let name = fsx::relative(dir, &path);
        // A subject's file always ends in .toml.
        if name != "board.toml" && file::subject(&name).is_none() {
            continue;
        }
        let bytes = fsx::read(&path)?;
        let text = String::from_utf8_lossy(&bytes);
        if file::render(&all, &name).as_deref() == Some(&*text) {
            continue;
        }
        let modified = fs::metadata(&path).and_then(|m| m.modified()).ok();
        let at = modified.and_then(|t| jiff::Timestamp::try_from(t).ok()).unwrap_or_default();
        // A file that is no TOML stays as it is until it is mended.
        if let Ok(found) = file::edits(&all, &name, &text) {
            ops.extend(stamped(&all, &text, by, Hlc::at(at), found));
        }
    }
    if !ops.is_empty() {
        journal.append_locked(&ops)?;
        drop(locked);
        // At once, so that the files say what the log says before anybody looks again.
        let _locked = journal.lock()?;
        flush(dir, &journal.lines()?)?;
        journal.clear()?;
    }
    Ok(())
}

/// Hand edits as operations, in order.
pub(super) fn stamped(
    all: &Projection,
    source: &str,
    by: &str,
    at: Hlc,
    found: Vec<(String, ledger::Action)>,
) -> Vec<Op> {
    let mut stamp = at;
    let mut out = Vec::new();
    for (subject, action) in found {
        // Later than what the file's author saw, whatever the clock said.
        let seen = all.doc(&subject).map_or(Hlc::default(), |d| d.last);
        stamp = stamp.max(seen).next();
        out.push(hand_op(source, by, stamp, subject, action));
    }
    out
}

/// A ledger that was kept in a folder moves into the journal, from where the next flush puts it on the branch.
pub(super) fn adopt_folder(journal: &Journal) -> Result<()> {
    let dir = journal.folder();
    if !dir.join("log").is_dir() {
        return Ok(());
    }
    let _locked = journal.lock()?;
    let mut paths = Vec::new();
    walk(&dir.join("log"), &mut paths)?;
    let mut lines = String::new();
    for path in paths {
        let text = String::from_utf8_lossy(&fsx::read(&path)?).into_owned();
        lines.push_str(&text);
        if !lines.is_empty() && !lines.ends_with('\n') {
            lines.push('\n');
        }
    }
    journal.append_text(&lines)?;
    // Kept under another name: nothing a person made is thrown away.
    let aside = (0..1000)
        .map(|n| dir.with_file_name(if n == 0 { "ledger.moved".to_owned() } else { format!("ledger.moved-{n}") }))
        .find(|p| !p.exists())
        .ok_or_else(|| Error::io("Too many moved ledgers in .andon"))?;
    fs::rename(&dir, &aside).io(|| format!("Could not move {}", dir.display()))
}
