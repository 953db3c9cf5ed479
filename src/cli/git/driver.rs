//! What git calls by itself: the external diff, textconv, and the merge driver.
//!
//! Their exit codes are git's: an external diff always ends with 0, or git would stop at the first file; a merge
//! driver ends with 0 or 1, or beyond 128 when nothing was merged, since git takes everything up to 128 for
//! conflicts and goes on with the local side.
use std::{
    ffi::{OsStr, OsString},
    io::IsTerminal,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    process::Command,
};

use crate::{
    base::{Error, Result, error::Context, fsx},
    cli::{
        diff,
        merge::conflict_words,
        out::{page, say},
        show::paint,
    },
    model::{
        diff::Document,
        json::{Bytes, Json},
        merge::{Merged, Names, merge as merge_notebooks},
        notebook::Notebook,
        show::{Look, lines},
    },
};

/// git stops.
const STOP: i32 = 129;

/// `andon git diff-driver`, as git calls `diff.andon.command`.
pub(super) fn diff(words: &[OsString]) -> i32 {
    match words {
        [path] => page(&format!("* Unmerged path {}\n", path.to_string_lossy())),
        [path, old, old_hex, old_mode, new, new_hex, new_mode, rest @ ..] => {
            let sides = [(old, old_hex, old_mode), (new, new_hex, new_mode)];
            match differ(path, sides, rest) {
                Ok(text) => page(&text),
                Err(error) => {
                    say(&format!("andon: {error}; shown as lines"));
                    as_lines(old, new);
                }
            }
        }
        _ => {
            say("andon: git diff-driver is called by git, with a path and two files");
            return 2;
        }
    }
    0
}

type Side<'a> = (&'a OsString, &'a OsString, &'a OsString);

fn differ(path: &OsStr, [old, new]: [Side<'_>; 2], rest: &[OsString]) -> Result<String> {
    let read = |file: &OsStr| if file == "/dev/null" { Ok(None) } else { fsx::read(Path::new(file)).map(Some) };
    let (before, after) = (read(old.0)?, read(new.0)?);
    let mut path = path.to_string_lossy().into_owned();
    let mut text = String::new();
    if let [renamed, info, ..] = rest {
        path = renamed.to_string_lossy().into_owned();
        info.to_string_lossy().lines().for_each(|l| text.push_str(&format!("{}\n", crate::base::text::visible(l))));
    }
    let absent = |side: &Side<'_>| side.0 == "/dev/null";
    if old.2 != new.2 && !absent(&old) && !absent(&new) {
        text.push_str(&format!("mode {} became {}\n", old.2.to_string_lossy(), new.2.to_string_lossy()));
    }
    let same = before == after;
    text.push_str(&diff::told(&path, [&name(&old), &name(&new)], before, after, colour()));
    if same && text.is_empty() {
        return Ok(String::new());
    }
    if !text.ends_with("\n\n") {
        text.push('\n');
    }
    Ok(text)
}

/// `7be73ce`, or where the file is from.
fn name((file, hex, _): &Side<'_>) -> String {
    let hex = hex.to_string_lossy();
    if *file == "/dev/null" {
        "nothing".to_owned()
    } else if hex.is_empty() || hex.bytes().all(|b| matches!(b, b'0' | b'.')) {
        "working tree".to_owned()
    } else {
        hex.chars().take(7).collect()
    }
}

/// As git's own settings have it; its pager counts as a terminal.
fn colour() -> bool {
    if std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty()) {
        return false;
    }
    let shown = std::io::stdout().is_terminal() || std::env::var_os("GIT_PAGER_IN_USE").is_some_and(|v| v == "true");
    let tty = if shown { "true" } else { "false" };
    match Command::new("git").args(["config", "--get-colorbool", "color.diff", tty]).output() {
        Ok(said) => said.stdout.starts_with(b"true"),
        Err(_) => shown,
    }
}

/// git's own comparison by lines.
fn as_lines(old: &OsStr, new: &OsStr) {
    let mut git = Command::new("git");
    git.args(["--no-pager", "diff", "--no-index", "--no-ext-diff", "--no-textconv", "--"]).args([old, new]);
    if let Err(e) = git.status() {
        say(&format!("andon: could not start git: {e}"));
    }
}

/// `andon git textconv`: the notebook as text; a file that is no notebook as it is, with the reason above it.
pub(super) fn textconv(file: &Path) -> i32 {
    let shown = fsx::read(file).map(|bytes| match Document::parse("", bytes.clone()) {
        Ok(doc) => paint(&lines("", &doc, &Look::stable()), false).into_bytes(),
        Err(_) => match broken(&bytes) {
            Some(why) => [format!("=== not a readable notebook: {why} ===\n").as_bytes(), &bytes[..]].concat(),
            None => bytes,
        },
    });
    match shown {
        Ok(bytes) => {
            use std::io::Write;
            let mut out = std::io::stdout().lock();
            // A closed pipe is git's way to say that it has seen enough.
            let _ = out.write_all(&bytes).and_then(|()| out.flush());
            0
        }
        Err(error) => {
            say(&format!("andon: {error}"));
            1
        }
    }
}

/// Why JSON cannot be read; none for what is no JSON at all, such as what Git LFS leaves in a file's place.
fn broken(bytes: &[u8]) -> Option<String> {
    bytes.trim_ascii_start().starts_with(b"{").then_some(())?;
    let error = Json::parse(bytes).err()?;
    let (line, column) = error.line_col(bytes);
    Some(format!("line {line}, column {column}"))
}

/// What git tells a merge driver.
struct Call<'a> {
    base: &'a Path,
    local: &'a Path,
    remote: &'a Path,
    marker: String,
    path: String,
    names: [String; 3],
}

/// `andon git merge-driver`, as git calls `merge.andon.driver`.
pub(super) fn merge(words: &[OsString]) -> i32 {
    let [base, local, remote, rest @ ..] = words else {
        say("andon: git merge-driver is called by git, with three files");
        return STOP;
    };
    // git before 2.45 leaves names that it does not know as they are.
    let word = |n: usize, usual: &str| {
        let given = rest.get(n).map(|w| w.to_string_lossy().into_owned());
        given.filter(|w| !(w.is_empty() || w.len() == 2 && w.starts_with('%'))).unwrap_or_else(|| usual.to_owned())
    };
    let call = Call {
        base: Path::new(base),
        local: Path::new(local),
        remote: Path::new(remote),
        marker: word(0, "7"),
        path: word(1, &local.to_string_lossy()),
        names: [word(2, "base"), word(3, "local"), word(4, "remote")],
    };
    // An end by panic would be 101, which git takes for conflicts.
    match catch_unwind(AssertUnwindSafe(|| call.run())) {
        Ok(Ok(conflicts)) => i32::from(conflicts),
        Ok(Err(error)) => {
            say(&format!("andon: {}: {error}", call.path));
            say(&format!("  {}", error.hint.as_deref().unwrap_or("Nothing was merged")));
            STOP
        }
        Err(_) => {
            say(&format!("andon: {}: Andon failed; nothing was merged", call.path));
            STOP
        }
    }
}

impl Call<'_> {
    /// Merges into the local file; true when conflicts are left.
    fn run(&self) -> Result<bool> {
        let (base, local, remote) = (fsx::read(self.base)?, fsx::read(self.local)?, fsx::read(self.remote)?);
        // Both sides made the file: git gives an empty one for what was before.
        let base = if base.iter().all(u8::is_ascii_whitespace) { Notebook::new_empty().to_bytes() } else { base };
        let [base, local, remote] = [base, local, remote].map(Bytes::from);
        if let Some(why) = unreadable([("base", &base), ("local", &local), ("remote", &remote)]) {
            return self.as_text(&why, [&base, &local, &remote]);
        }
        let names = Names { local: &self.names[1], remote: &self.names[2] };
        let mut merged = merge_notebooks(&base, &local, &remote, names).map_err(|e| {
            e.hint("Nothing was merged. To merge it as text: echo '*.ipynb merge=text' >> .git/info/attributes")
        })?;
        if !merged.conflicts.is_empty() && self.is_inner() {
            merged.bytes = base.into_vec();
            merged.conflicts.clear();
        } else {
            self.tell(&merged);
        }
        fsx::write_atomic(self.local, &merged.bytes)?;
        Ok(!merged.conflicts.is_empty())
    }

    /// git merges several common ancestors into one before it merges the sides. Nobody sees that file, and marks in
    /// it would come back as text that nobody wrote: where they conflict, the older version stands.
    fn is_inner(&self) -> bool {
        self.names[1].starts_with("Temporary merge branch") && self.names[2].starts_with("Temporary merge branch")
    }

    fn tell(&self, merged: &Merged) {
        let path = &self.path;
        merged.notes.iter().for_each(|n| say(&format!("{path}: {n}")));
        // A cell in conflict is to be decided before it is run.
        let decided = |at: &&usize| merged.conflicts.iter().all(|c| c.merged != Some(**at));
        for at in merged.stale.iter().filter(decided) {
            say(&format!("{path}: cell {} has an output of an older source: run it again", at + 1));
        }
        merged.conflicts.iter().for_each(|c| say(&format!("{path}: {}", conflict_words(c))));
        if !merged.conflicts.is_empty() {
            say(&format!("{path}: one side as a whole: andon merge --take local|remote {path}"));
            say(&format!("{path}: decided by hand, in any notebook program: andon merge --done {path}"));
        }
    }

    /// The merge that git would have made without Andon.
    fn as_text(&self, why: &Error, [base, local, remote]: [&[u8]; 3]) -> Result<bool> {
        let path = &self.path;
        say(&format!("andon: {path}: {why}"));
        if [base, local, remote].iter().any(|b| is_binary(b)) {
            say(&format!("{path}: not text either; the local version stands, the other is: git checkout --theirs"));
            return Ok(true);
        }
        let mut git = Command::new("git");
        git.args(["merge-file", &format!("--marker-size={}", self.marker)]);
        [&self.names[1], &self.names[0], &self.names[2]].iter().for_each(|n| {
            git.arg("-L").arg(n);
        });
        git.args([self.local, self.base, self.remote]);
        let status = git.status().io(|| "Could not start git merge-file".to_owned())?;
        match status.code() {
            Some(0) => {
                say(&format!("{path}: merged by lines instead; look at it"));
                Ok(false)
            }
            Some(1..=127) => {
                say(&format!(
                    "{path}: merged by lines instead, with conflict marks: it is no notebook until they are decided"
                ));
                Ok(true)
            }
            _ => Err(Error::io("git merge-file failed")),
        }
    }
}

/// Why a version cannot be merged as a notebook: which one, and where it is broken.
fn unreadable(versions: [(&str, &Bytes); 3]) -> Option<Error> {
    versions.into_iter().find_map(|(name, bytes)| match Notebook::parse(bytes) {
        Ok(book) => {
            let why = book.read_only()?;
            Some(Error::user(format!("The {name} version is a notebook of an old format")).because_of(why))
        }
        Err(error) => {
            let placed = Json::parse(bytes).err().map(|e| e.about(&format!("The {name} version"), bytes));
            Some(placed.unwrap_or_else(|| Error { what: format!("The {name} version: {}", error.what), ..error }))
        }
    })
}

/// As git decides it.
fn is_binary(bytes: &[u8]) -> bool {
    memchr::memchr(0, bytes.get(..bytes.len().min(8_000)).unwrap_or_default()).is_some()
}
