//! What `git difftool` and `git mergetool` start: words on the terminal, and one question.
use std::{
    ffi::OsString,
    io::{BufRead, IsTerminal, Write},
    path::Path,
};

use crate::{
    base::{Error, Result, fsx},
    cli::{
        diff,
        merge::conflict_words,
        out::{page, say},
    },
    model::{
        diff::is_notebook,
        merge::{Names, merge},
        notebook::Notebook,
        settle::{is_noted, open_cells, settled},
    },
};

/// `andon git difftool [--window] LOCAL REMOTE [MERGED]`.
pub(super) fn difftool(words: &[OsString]) -> Result<i32> {
    let (window, words) = match words {
        [first, rest @ ..] if first == "--window" => (true, rest),
        all => (false, all),
    };
    if let (true, [old, new, ..]) = (window, words)
        && has_window()
    {
        return in_window(old, new);
    }
    if window {
        say("andon: there is no display to show a window on; in words instead");
    }
    let [old, new, rest @ ..] = words else {
        return Err(Error::user("git difftool wants two files"));
    };
    let name = rest.first().unwrap_or(new).to_string_lossy().into_owned();
    let read = |file: &OsString| {
        let path = Path::new(file);
        if file == "/dev/null" { Ok(None) } else { fsx::read(path).map(Some) }
    };
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let sides = [old.to_string_lossy(), new.to_string_lossy()];
    page(&diff::told(&name, [&sides[0], &sides[1]], read(old)?, read(new)?, colour));
    Ok(0)
}

/// Both files in the window; git waits, since it takes its own copies away afterwards.
#[cfg(feature = "gui")]
fn in_window(old: &OsString, new: &OsString) -> Result<i32> {
    use crate::model::git::Rev;
    let file = |word: &OsString| {
        let full = std::path::absolute(word).unwrap_or_else(|_| Path::new(word).to_path_buf());
        Rev::File(full.to_string_lossy().into_owned())
    };
    let here = std::env::current_dir().map_err(|e| Error::io("The present folder is gone").because(&e))?;
    crate::cli::open::compare(crate::cli::out::workspace_above(&here), (file(old), file(new)), None)
}

#[cfg(not(feature = "gui"))]
fn in_window(_: &OsString, _: &OsString) -> Result<i32> {
    Err(Error::user("This build has no window"))
}

/// `andon git mergetool BASE LOCAL REMOTE MERGED`: writes what merges, asks which version stands where it does not.
pub(super) fn mergetool(words: &[OsString]) -> Result<i32> {
    let in_window = words.first().is_some_and(|w| w == "--window");
    let words = words.get(usize::from(in_window)..).unwrap_or_default();
    if let ([_, _, _, merged], true) = (words, in_window) {
        window(Path::new(merged))?;
        return Ok(i32::from(!is_decided(Path::new(merged))));
    }
    let [base, local, remote, merged] = words else {
        return Err(Error::user("git mergetool wants four files: BASE LOCAL REMOTE MERGED"));
    };
    let read = |file: &OsString| fsx::read(Path::new(file));
    let base = if base.is_empty() { Vec::new() } else { read(base).unwrap_or_default() };
    let base = if base.iter().all(u8::is_ascii_whitespace) { Notebook::new_empty().to_bytes() } else { base };
    let (mine, theirs) = (read(local)?, read(remote)?);
    let out = Path::new(merged);
    let result = merge(&base, &mine, &theirs, Names { local: "local", remote: "remote" });
    let clean = match result {
        Ok(result) if result.conflicts.is_empty() => Some(result.bytes),
        Ok(result) => {
            result.conflicts.iter().for_each(|c| say(&conflict_words(c)));
            None
        }
        Err(error) => {
            say(&format!("{error}"));
            None
        }
    };
    // What lies there is replaced unasked only where it is no notebook, or nobody's work but git's.
    let now = fsx::read(out).unwrap_or_default();
    if let (Some(bytes), true) = (&clean, now == mine || Notebook::parse(now.as_slice()).is_err()) {
        fsx::write_atomic(out, bytes)?;
        say(&format!("{}: merged without conflicts", out.display()));
        return Ok(0);
    }
    for _ in 0..100 {
        let bytes = match question(out, clean.is_some())? {
            Answer::Local => &mine,
            Answer::Remote => &theirs,
            Answer::Cells => clean.as_ref().unwrap_or(&mine),
            Answer::Merged => match as_it_stands(out) {
                Ok(()) => return Ok(0),
                Err(error) => {
                    say(&format!("{error}"));
                    error.hint.iter().for_each(|h| say(&format!("  {h}")));
                    continue;
                }
            },
            Answer::Window => {
                window(out)?;
                if is_decided(out) {
                    return Ok(0);
                }
                continue;
            }
            Answer::Quit => break,
        };
        return fsx::write_atomic(out, bytes).map(|()| 0);
    }
    say(&format!("{} stays as it is", out.display()));
    Ok(1)
}

/// Accepts the file that a person decided, without the merge's notes.
fn as_it_stands(file: &Path) -> Result<()> {
    let bytes = fsx::read(file)?;
    Notebook::parse(bytes.as_slice())?;
    if is_noted(&bytes) || !open_cells(&bytes)?.is_empty() {
        fsx::write_atomic(file, &settled(&bytes)?)?;
    }
    Ok(())
}

/// git's marks and a merge's notes are gone from the file, or the file itself is.
fn is_decided(file: &Path) -> bool {
    let Ok(bytes) = fsx::read(file) else { return !file.exists() };
    let whole = !is_notebook(&file.to_string_lossy()) || Notebook::parse(bytes.as_slice()).is_ok();
    let marks: [&[u8]; 2] = [b"<<<<<<< ", b">>>>>>> "];
    let marked = bytes.split(|b| *b == b'\n').any(|line| marks.iter().any(|m| line.starts_with(m)));
    whole && !marked && !is_noted(&bytes) && open_cells(&bytes).map_or(true, |open| open.is_empty())
}

/// The conflicts of the file in the window; comes back when it is closed.
fn window(file: &Path) -> Result<()> {
    let me = std::env::current_exe().map_err(|e| Error::io("Could not find this program's own file").because(&e))?;
    let ended = std::process::Command::new(me).args(["open", "--conflicts"]).arg(file).status();
    ended.map(drop).map_err(|e| Error::io("Could not open the window").because(&e))
}

fn has_window() -> bool {
    let set = |key| std::env::var_os(key).is_some_and(|v| !v.is_empty());
    cfg!(feature = "gui") && (set("DISPLAY") || set("WAYLAND_DISPLAY"))
}

#[derive(Debug, Clone, Copy)]
enum Answer {
    Local,
    Remote,
    Merged,
    Cells,
    Window,
    Quit,
}

/// Asks until it understands; the end of input is a quit.
fn question(file: &Path, clean: bool) -> Result<Answer> {
    let mut choices = vec![
        ("local", "the whole local version", Answer::Local),
        ("remote", "the whole remote version", Answer::Remote),
        ("merged", "the file as it stands, decided by hand", Answer::Merged),
    ];
    if clean {
        choices.push(("cells", "merged by cells, without conflicts", Answer::Cells));
    }
    if has_window() {
        choices.push(("window", "decide it cell by cell in the window", Answer::Window));
    }
    choices.push(("quit", "leave it undecided", Answer::Quit));
    say(&format!("{}:", file.display()));
    choices.iter().for_each(|(word, what, _)| say(&format!("  {word:<7} {what}")));
    let mut line = String::new();
    loop {
        let _ = std::io::stderr().write_all(b"Which (the first letter will do)? ");
        line.clear();
        let read = std::io::stdin().lock().read_line(&mut line);
        if read.map_err(|e| Error::io("Could not read the answer").because(&e))? == 0 {
            say("");
            return Ok(Answer::Quit);
        }
        let word = line.trim();
        if let Some(choice) = choices.iter().find(|c| !word.is_empty() && c.0.starts_with(word)) {
            return Ok(choice.2);
        }
    }
}
