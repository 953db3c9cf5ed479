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
        merge::{Names, merge},
        notebook::Notebook,
    },
};

/// `andon git difftool LOCAL REMOTE [MERGED]`.
pub(super) fn difftool(words: &[OsString]) -> Result<i32> {
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

/// `andon git mergetool BASE LOCAL REMOTE MERGED`: writes what merges, asks which version stands where it does not.
pub(super) fn mergetool(words: &[OsString]) -> Result<i32> {
    let [base, local, remote, merged] = words else {
        return Err(Error::user("git mergetool wants four files: BASE LOCAL REMOTE MERGED"));
    };
    let read = |file: &OsString| fsx::read(Path::new(file));
    let base = if base.is_empty() { Vec::new() } else { read(base).unwrap_or_default() };
    let base = if base.iter().all(u8::is_ascii_whitespace) { Notebook::new_empty().to_bytes() } else { base };
    let (mine, theirs) = (read(local)?, read(remote)?);
    let out = Path::new(merged);
    let result = merge(&base, &mine, &theirs, Names { local: "local", remote: "remote" });
    match &result {
        Ok(result) if result.conflicts.is_empty() => {
            fsx::write_atomic(out, &result.bytes)?;
            say(&format!("{}: merged without conflicts", out.display()));
            return Ok(0);
        }
        Ok(result) => result.conflicts.iter().for_each(|c| say(&conflict_words(c))),
        Err(error) => say(&format!("{error}")),
    }
    match question(out)? {
        Answer::Local => fsx::write_atomic(out, &mine).map(|()| 0),
        Answer::Remote => fsx::write_atomic(out, &theirs).map(|()| 0),
        Answer::Neither => {
            say(&format!("{} stays as it is", out.display()));
            Ok(1)
        }
    }
}

enum Answer {
    Local,
    Remote,
    Neither,
}

fn question(file: &Path) -> Result<Answer> {
    let mut line = String::new();
    for _ in 0..5 {
        let ask =
            format!("{}: take the whole (l)ocal or (r)emote version, or (q)uit and decide by hand? ", file.display());
        let _ = std::io::stderr().write_all(ask.as_bytes());
        line.clear();
        let read = std::io::stdin().lock().read_line(&mut line);
        if read.map_err(|e| Error::io("Could not read the answer").because(&e))? == 0 {
            say("");
            break;
        }
        match line.trim() {
            "l" | "local" => return Ok(Answer::Local),
            "r" | "remote" => return Ok(Answer::Remote),
            "q" | "quit" => break,
            _ => {}
        }
    }
    Ok(Answer::Neither)
}
