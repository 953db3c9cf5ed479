//! The entries by which git calls Andon: what stands in its config, and the lines of its attributes ([`attributes`]).
//!
//! Every command is a small shell function. It looks for Andon first and does by itself what git would have done
//! when there is none, so that a repository stays usable where Andon is not installed. It also stands between git
//! and Andon's exit code: git takes 1 to 128 from a merge driver for conflicts and goes on with the local side, so
//! that a driver which crashed must not end with such a number.
pub mod attributes;

/// Which entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    pub diff: bool,
    pub merge: bool,
    pub tools: bool,
}

impl Parts {
    /// All of them.
    pub const ALL: Self = Self { diff: true, merge: true, tools: true };
}

/// A value in git's config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// `diff.andon.command`.
    pub key: &'static str,
    pub value: String,
}

/// Keys that hold commands, with the words by which a command is known as Andon's, whatever version wrote it.
const COMMANDS: [(&str, &str); 5] = [
    ("diff.andon.command", " git diff-driver "),
    ("diff.andon.textconv", " git textconv "),
    ("merge.andon.driver", " git merge-driver "),
    ("difftool.andon.cmd", " git difftool "),
    ("mergetool.andon.cmd", " git mergetool "),
];
/// What the driver is called in git's own messages.
const NAME: &str = "Andon: notebooks by cells";
/// Heads of hunks: the heading, function or class above, and SQL cells.
const XFUNCNAME: &str = "^(#{1,6} +[^ ].*|((async +)?def|class) .*|%%[a-z]+ .*)$";

/// Every key that is written, in the order in which it is written.
pub const KEYS: [&str; 8] = [
    "diff.andon.command",
    "diff.andon.textconv",
    "diff.andon.xfuncname",
    "merge.andon.name",
    "merge.andon.driver",
    "difftool.andon.cmd",
    "mergetool.andon.cmd",
    "mergetool.andon.trustExitCode",
];

/// The entries for `parts`. `program` is the full path of Andon where it is not found by its name.
pub fn entries(parts: Parts, program: Option<&str>) -> Vec<Entry> {
    let find = find(program);
    let mut all = Vec::new();
    let mut put = |key, value| all.push(Entry { key, value });
    if parts.diff {
        put("diff.andon.command", diff_command(&find));
        put("diff.andon.textconv", textconv(&find));
        put("diff.andon.xfuncname", XFUNCNAME.to_owned());
    }
    if parts.merge {
        put("merge.andon.name", NAME.to_owned());
        put("merge.andon.driver", merge_driver(&find));
    }
    if parts.tools {
        put("difftool.andon.cmd", difftool(&find));
        put("mergetool.andon.cmd", mergetool(&find));
        put("mergetool.andon.trustExitCode", "true".to_owned());
    }
    all
}

/// True for a value that Andon wrote, this version or an earlier one.
pub fn is_ours(key: &str, value: &str) -> bool {
    match COMMANDS.iter().find(|(k, _)| *k == key) {
        Some((_, words)) => value.contains("a=andon") && value.contains(words),
        None => match key {
            "diff.andon.xfuncname" => value == XFUNCNAME,
            "merge.andon.name" => value == NAME,
            "mergetool.andon.trustExitCode" => value == "true",
            _ => false,
        },
    }
}

/// The full path a command of ours begins with; none when it finds Andon by name.
pub fn program_of(command: &str) -> Option<String> {
    let quoted = command.split_once("a='")?.1;
    let quoted = quoted.split("'; command -v").next()?;
    let path = quoted.replace("'\\''", "'");
    Some(if command.contains(" git merge-driver ") { path.replace("%%", "%") } else { path })
}

/// Sets `a` to the name of the program.
fn find(program: Option<&str>) -> String {
    match program {
        None => "a=andon;".to_owned(),
        Some(path) => {
            format!("a={}; command -v \"$a\" >/dev/null 2>&1 || a=andon;", quote(path))
        }
    }
}

/// One word of a shell command.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

const FOUND: &str = "if command -v \"$a\" >/dev/null 2>&1; then";

/// git ends at once when an external diff fails, so this one never does: what Andon cannot show is shown as lines.
fn diff_command(find: &str) -> String {
    format!(
        "f() {{ {find} {FOUND} \"$a\" git diff-driver \"$@\"; s=$?; \
         if test $s -eq 0 || test $s -gt 128; then exit 0; fi; fi; \
         if test $# -lt 5; then echo \"* Unmerged path $1\"; exit 0; fi; \
         git --no-pager diff --no-index --no-ext-diff --no-textconv -- \"$2\" \"$5\"; exit 0; }}; f"
    )
}

fn textconv(find: &str) -> String {
    format!("f() {{ {find} {FOUND} \"$a\" git textconv \"$1\" && exit 0; fi; cat -- \"$1\"; }}; f")
}

fn merge_driver(find: &str) -> String {
    // git fills in what follows a percent sign.
    let find = find.replace('%', "%%");
    format!(
        "f() {{ {find} {FOUND} \"$a\" git merge-driver \"$@\"; s=$?; \
         if test $s -gt 1; then exit 129; fi; exit $s; fi; \
         git merge-file --marker-size=\"$4\" -L \"${{7:-ours}}\" -L \"${{6:-base}}\" -L \"${{8:-theirs}}\" \
         \"$2\" \"$1\" \"$3\"; }}; f %O %A %B %L %P %S %X %Y"
    )
}

fn difftool(find: &str) -> String {
    format!(
        "{find} {FOUND} \"$a\" git difftool \"$LOCAL\" \"$REMOTE\" \"$MERGED\"; else \
         git --no-pager diff --no-index --no-ext-diff --no-textconv -- \"$LOCAL\" \"$REMOTE\"; fi"
    )
}

fn mergetool(find: &str) -> String {
    format!(
        "{find} {FOUND} \"$a\" git mergetool \"$BASE\" \"$LOCAL\" \"$REMOTE\" \"$MERGED\"; else \
         echo 'andon is not installed here' >&2; false; fi"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_written_once_and_known_again() {
        let all = entries(Parts::ALL, None);
        assert_eq!(all.iter().map(|e| e.key).collect::<Vec<_>>(), KEYS);
        assert!(all.iter().all(|e| is_ours(e.key, &e.value)));
        assert!(!is_ours("merge.andon.driver", "my-own-driver %O %A %B"));
        assert!(!is_ours("diff.andon.xfuncname", "^def"));
        let merge = entries(Parts { diff: false, merge: true, tools: false }, None);
        assert_eq!(merge.len(), 2);
    }

    #[test]
    fn paths_with_blanks_quotes_and_percents_come_back() {
        let path = "/opt/it's 100% \"mine\"/andon";
        for entry in entries(Parts::ALL, Some(path)).iter().filter(|e| e.value.contains("a=")) {
            assert_eq!(program_of(&entry.value).as_deref(), Some(path), "{}", entry.value);
            assert!(is_ours(entry.key, &entry.value));
        }
        assert_eq!(program_of(&entries(Parts::ALL, None)[0].value), None);
    }
}
