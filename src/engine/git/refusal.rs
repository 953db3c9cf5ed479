//! What git said when it would not, in words that say what to do.
use super::command::Answer;
use crate::base::Error;

/// Words of git, what they mean, and what to do about it. The first that fits is taken.
type Known = (&'static [&'static str], &'static str, &'static str);

const LOCAL: &[Known] = &[
    (
        &[".lock': File exists", "lock file already exists"],
        "Another git program is at work in this repository",
        "Wait until it has ended; if none runs, delete the lock file that is named",
    ),
    (
        &["Read-only file system", "insufficient permission", ": Permission denied", "unable to create file"],
        "The folder cannot be written",
        "Make it writable for your user, or open a copy",
    ),
    (&["No space left on device"], "The disk is full", "Free some space, then try again"),
    (
        &["Please tell me who you are", "empty ident name", "unable to auto-detect email"],
        "git does not know your name and address",
        "Set them once with: git config --global user.name \"Mara Okafor\" and user.email \"mara@example.org\"",
    ),
    (
        &["dubious ownership"],
        "The repository belongs to another user",
        "Allow it with: git config --global --add safe.directory FOLDER",
    ),
    (
        &["is not a git command", "git-lfs: not found", "git-lfs: command not found", "git-lfs filter-process: "],
        "A program that this repository needs is not installed",
        "Install what is named (for large files: git-lfs), then try again",
    ),
    (
        &[
            "gpg failed to sign",
            "failed to sign the data",
            "Couldn't load public key",
            "No private key found",
            "incorrect passphrase supplied",
            "failed to write commit object",
        ],
        "The commit could not be signed",
        "Unlock your key once (gpg --sign, or ssh-add), or look at user.signingKey and gpg.format",
    ),
];

const REMOTE: &[Known] = &[
    (
        &["Host key verification failed"],
        "The server of the remote is not known yet",
        "Connect to it once on the command line (ssh HOST) and compare its key",
    ),
    (
        &["Permission denied (publickey", "Permission denied (password", "Permission denied (keyboard"],
        "The remote did not accept your key",
        "Add your key to the agent with ssh-add, and its public half to your account on the server",
    ),
    (
        &[
            "could not read Username",
            "could not read Password",
            "terminal prompts disabled",
            "Authentication failed",
            "HTTP Basic: Access denied",
            "Invalid username or",
        ],
        "The remote did not accept the name and password",
        "Most servers want an access token in place of the password; a helper keeps it: \
         git config --global credential.helper libsecret (or osxkeychain, manager)",
    ),
    (
        &[
            "Could not resolve host",
            "Could not connect",
            "Failed to connect",
            "Connection refused",
            "Connection timed out",
            "Network is unreachable",
            "early EOF",
            "the remote end hung up unexpectedly",
        ],
        "The remote cannot be reached",
        "Look at the network or the VPN, then try again; nothing was changed",
    ),
    (
        &[
            "does not appear to be a git repository",
            "epository not found",
            "does not exist",
            "No such remote",
            "No such file or directory",
            "not found",
        ],
        "The remote is gone, or you may not see it",
        "Look at its address with: git remote -v; change it with: git remote set-url NAME URL",
    ),
];

/// The error for a call that failed. `what` says what was being done: `Could not switch to fix/units`.
pub(super) fn refusal(what: &str, answer: &Answer) -> Error {
    let said = answer.last_words();
    if let Some(files) = in_the_way(&said) {
        return Error::user(what)
            .because_of(format!("These files have changes that would be lost: {}", files.join(", ")))
            .hint("Commit or stash them first");
    }
    explained(Error::user(what), &said, LOCAL)
}

/// [`refusal`] of a call that needs a remote.
pub(super) fn remote_refusal(what: &str, answer: &Answer) -> Error {
    let said = answer.last_words();
    let fits = |known: &Known| known.0.iter().any(|w| said.contains(w));
    match REMOTE.iter().find(|k| fits(k)) {
        Some(_) => explained(Error::remote(what), &said, REMOTE),
        None => refusal(what, answer),
    }
}

fn explained(error: Error, said: &str, list: &[Known]) -> Error {
    let plain = plain(said);
    match list.iter().find(|(words, ..)| words.iter().any(|w| said.contains(w))) {
        Some((_, why, hint)) => {
            let error = error.because_of(*why);
            let error = if plain.is_empty() { error } else { error.because_of(plain) };
            error.hint(*hint)
        }
        None => error.because_of(if plain.is_empty() { "git gave no reason".to_owned() } else { plain }),
    }
}

/// Files that git would have had to write over.
pub(super) fn in_the_way(said: &str) -> Option<Vec<String>> {
    let mut lines = said.lines();
    lines.find(|l| l.contains("would be overwritten by"))?;
    let files: Vec<String> = lines.take_while(|l| l.starts_with('\t')).map(|l| l.trim().to_owned()).collect();
    (!files.is_empty()).then_some(files)
}

/// git's words without what it advises and without its own marks.
fn plain(said: &str) -> String {
    let useful = said.lines().filter(|l| !l.starts_with("hint:") && !l.trim().is_empty());
    let bare = useful.map(|l| {
        let l = l.trim();
        ["error: ", "fatal: ", "remote: "].iter().find_map(|p| l.strip_prefix(p)).unwrap_or(l).trim()
    });
    let lines: Vec<&str> = bare.filter(|l| !l.is_empty() && *l != "Aborting").collect();
    lines.get(lines.len().saturating_sub(6)..).unwrap_or_default().join("\n")
}
