//! Fetching, pulling, pushing and cloning: by the git command, with the person's own agent, helpers and proxies.
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use super::{
    GitContext, Repo,
    askpass::Asks,
    branch::BECAUSE,
    command::{Answer, Call},
    refusal::remote_refusal,
};
use crate::{
    base::{Error, Result, error::Context, job::JobCtx},
    model::git::{Fetched, Head, Merged, Pulled, Pushed},
};

impl Repo {
    /// Names of the remotes.
    pub fn remotes(&self) -> Result<Vec<String>> {
        let all = self.git.remotes().git(|| "Could not read the remotes".into())?;
        Ok(all.iter().filter_map(|name| name.ok().flatten().map(str::to_owned)).collect())
    }

    /// Adds a remote.
    pub fn add_remote(&self, name: &str, url: &str, cx: &JobCtx) -> Result<()> {
        let url = url.trim();
        if url.is_empty() || url.starts_with('-') {
            return Err(Error::user("A remote needs an address").hint("For example: git@example.org:team/project.git"));
        }
        self.act(&format!("Could not add the remote {name}"), &["remote", "add", "--", name, url], cx).map(drop)
    }

    fn dir(&self) -> &Path {
        self.git.workdir().unwrap_or(self.git.path())
    }

    fn remote_call(&self, what: &str, words: &[&str], asks: Option<&Asks>, cx: &JobCtx) -> Result<Answer> {
        let answer = Call::new(self.dir(), words, BECAUSE).asks(asks).run(cx)?;
        if answer.ok { Ok(answer) } else { Err(remote_refusal(what, &answer)) }
    }

    fn remote_branches(&self) -> BTreeMap<String, git2::Oid> {
        let Ok(all) = self.git.references_glob("refs/remotes/*") else { return BTreeMap::new() };
        all.flatten()
            .filter_map(|r| Some((String::from_utf8_lossy(r.shorthand_bytes()).into_owned(), r.target()?)))
            .collect()
    }

    /// Fetches from all remotes; nothing here changes but what is known of them.
    pub fn fetch(&self, asks: Option<&Asks>, cx: &JobCtx) -> Result<Fetched> {
        let remotes = self.remotes()?;
        let what = match remotes.as_slice() {
            [] => return Err(no_remote()),
            [one] => format!("Could not fetch from {one}"),
            _ => "Could not fetch from all remotes".to_owned(),
        };
        let before = self.remote_branches();
        let words: &[&str] = match remotes.as_slice() {
            [one] => &["fetch", "--progress", "--no-recurse-submodules", "--", one.as_str()],
            _ => &["fetch", "--progress", "--no-recurse-submodules", "--all"],
        };
        self.remote_call(&what, words, asks, cx)?;
        let after = self.remote_branches();
        let own = |name: &str| name.split_once('/').is_some_and(|(_, b)| b.starts_with(super::OWN_BRANCHES));
        let news = after.iter().filter(|(name, id)| before.get(*name) != Some(id) && !own(name));
        let news = news.map(|(name, _)| name.clone()).filter(|n| !n.ends_with("/HEAD")).collect();
        Ok(Fetched { remotes, news, upstream: self.tracking() })
    }

    /// The upstream of the current branch with commits ahead and behind.
    fn tracking(&self) -> Option<(String, u64, u64)> {
        let Ok(Head::Branch { branch, .. }) = self.head() else { return None };
        let local = self.git.find_branch(&branch, git2::BranchType::Local).ok()?;
        let upstream = local.upstream().ok()?;
        let name = upstream.name().ok().flatten()?.to_owned();
        let (ahead, behind) = self.git.graph_ahead_behind(local.get().target()?, upstream.get().target()?).ok()?;
        Some((name, ahead as u64, behind as u64))
    }

    /// Fetches and moves the branch forward. Where both sides went on nothing more is done: that is a merge to be
    /// asked for.
    pub fn pull(&self, asks: Option<&Asks>, cx: &JobCtx) -> Result<Pulled> {
        let what = "Could not pull";
        self.need_work()?;
        self.need_calm(what)?;
        let branch = match self.head()? {
            Head::Branch { branch, .. } | Head::Unborn { branch } => branch,
            _ => {
                return Err(Error::user(what)
                    .because_of("HEAD is detached: no branch follows a remote one here")
                    .hint("Switch to a branch first"));
            }
        };
        self.fetch(asks, cx)?;
        let Some((upstream, ahead, behind)) = self.tracking() else {
            return self.pull_unborn_or_say_why(&branch, cx);
        };
        match (ahead, behind) {
            (_, 0) => Ok(Pulled::Same { upstream }),
            (0, behind) => match self.merge(&upstream, false, cx)? {
                (Merged::FastForward, Some(moved)) => Ok(Pulled::Forward { upstream, commits: behind, moved }),
                _ => Ok(Pulled::Same { upstream }),
            },
            (ahead, behind) => Ok(Pulled::Diverged { upstream, ahead, behind }),
        }
    }

    fn pull_unborn_or_say_why(&self, branch: &str, cx: &JobCtx) -> Result<Pulled> {
        let config = self.git.config().ok();
        let get = |key: &str| config.as_ref().and_then(|c| c.get_string(&format!("branch.{branch}.{key}")).ok());
        if let (Some(remote), Some(merge)) = (get("remote"), get("merge")) {
            let short = merge.strip_prefix("refs/heads/").unwrap_or(&merge).to_owned();
            let upstream = format!("{remote}/{short}");
            if self.is_unborn()? && self.resolve(&upstream).is_ok() {
                self.act("Could not pull", &["merge", "--ff-only", "--quiet", &upstream], cx)?;
                return Ok(Pulled::Same { upstream });
            }
            return Err(Error::user(format!("{upstream} is gone"))
                .because_of("The remote has no such branch any more")
                .hint("Push to make it again, or switch to another branch"));
        }
        Err(Error::user(format!("{branch} follows no remote branch"))
            .hint("Push it once: that makes its remote branch and follows it"))
    }

    /// Pushes the current branch, never by force; the first time it gets a branch of its name on the remote.
    pub fn push(&self, asks: Option<&Asks>, cx: &JobCtx) -> Result<Pushed> {
        let branch = match self.head()? {
            Head::Branch { branch, .. } => branch,
            Head::Unborn { .. } => {
                return Err(Error::user("There is nothing to push").because_of("There is no commit yet"));
            }
            _ => {
                return Err(Error::user("Could not push")
                    .because_of("HEAD is detached: no branch holds what you committed")
                    .hint("Make a branch here, then push it"));
            }
        };
        let remotes = self.remotes()?;
        let config = self.git.config().git(|| "Could not read git's settings".into())?;
        let get = |key: &str| config.get_string(&format!("branch.{branch}.{key}")).ok();
        let followed = get("remote").zip(get("merge")).filter(|(r, _)| remotes.contains(r));
        let first = followed.is_none();
        let (remote, theirs) = match followed {
            Some((remote, merge)) => (remote, merge.strip_prefix("refs/heads/").unwrap_or(&merge).to_owned()),
            None => {
                let preferred = config.get_string("remote.pushDefault").ok();
                let usual = || remotes.iter().find(|r| *r == "origin").or(remotes.first()).cloned();
                (preferred.or_else(usual).ok_or_else(no_remote)?, branch.clone())
            }
        };
        let to = format!("{remote}/{theirs}");
        let known = self.resolve(&format!("refs/remotes/{to}")).ok().flatten();
        let commits = match &known {
            Some(known) => self.commits_between(known, "HEAD", 10_000, cx)?.len(),
            None => self.log("HEAD", 10_000, cx)?.len(),
        };
        let spec = format!("refs/heads/{branch}:refs/heads/{theirs}");
        let mut words = vec!["push", "--progress", "--porcelain"];
        if first {
            words.push("--set-upstream");
        }
        words.extend(["--", &remote, &spec]);
        let what = format!("Could not push to {remote}");
        let answer = Call::new(self.dir(), &words, BECAUSE).asks(asks).run(cx)?;
        if answer.ok {
            return Ok(Pushed { to, commits: commits as u64, first });
        }
        Err(push_refusal(&what, &to, &answer))
    }
}

/// Why a push was refused, and what to do.
fn push_refusal(what: &str, to: &str, answer: &Answer) -> Error {
    let refused = answer.out.lines().find(|l| l.starts_with('!')).unwrap_or_default();
    let why = refused.rsplit_once('(').map(|(_, why)| why.trim_end_matches(')').to_owned());
    if ["[rejected]"].iter().any(|w| refused.contains(w)) {
        return Error::remote(format!("{to} has commits that you do not have"))
            .because_of("So the push was refused, and nothing was changed there")
            .hint("Pull first, then push again");
    }
    if refused.contains("[remote rejected]") {
        let said: Vec<&str> = answer
            .err
            .lines()
            .filter_map(|l| l.strip_prefix("remote:"))
            .map(str::trim)
            .filter(|l| !l.is_empty())
            .collect();
        let mut error = Error::remote(format!("The server refused the push to {to}"));
        if let Some(why) = why {
            error = error.because_of(why);
        }
        if !said.is_empty() {
            error = error.because_of(said.join("\n"));
        }
        return error.hint("It may be protected: push to a branch of your own, and ask for a review there");
    }
    let error = remote_refusal(what, answer);
    if error.hint.is_none() && answer.err.contains("failed to push some refs") && refused.is_empty() {
        return error.hint("The pre-push hook said no; mend what it names, then push again");
    }
    error
}

fn no_remote() -> Error {
    Error::user("This repository has no remote")
        .hint("Add one with: git remote add origin URL, or \"Add a remote\" here")
}

/// The folder that a clone of `url` gets by itself.
pub fn clone_name(url: &str) -> String {
    let url = url.trim().trim_end_matches('/');
    let last = url.rsplit(['/', ':']).next().unwrap_or_default();
    last.strip_suffix(".git").unwrap_or(last).to_owned()
}

/// Clones `url` into `folder`, which must not be there or be empty; gives the folder. What a clone that failed or was
/// cancelled leaves behind is taken away again.
pub fn clone(url: &str, folder: &Path, asks: Option<&Asks>, cx: &JobCtx) -> Result<PathBuf> {
    let url = url.trim();
    if url.is_empty() || url.starts_with('-') {
        return Err(Error::user("A clone needs the address of a repository")
            .hint("For example: https://example.org/team/project.git"));
    }
    // `ext::sh -c ...` would run a program of whoever wrote the address.
    if url.split_once("::").is_some_and(|(kind, _)| kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')) {
        return Err(Error::user("This kind of address is not cloned from the window").because_of(url.to_owned()));
    }
    if fs::symlink_metadata(folder).is_ok() {
        let empty = fs::read_dir(folder).is_ok_and(|mut d| d.next().is_none());
        if !empty {
            return Err(Error::user(format!("{} already exists", folder.display()))
                .because_of("A clone needs a folder that is new or empty")
                .hint("Choose another folder"));
        }
    }
    let parent = folder.parent().filter(|p| !p.as_os_str().is_empty());
    let parent = parent.ok_or_else(|| Error::user("The clone needs a folder to go to"))?;
    fs::create_dir_all(parent).io(|| format!("Could not make {}", parent.display()))?;
    let place = folder.to_string_lossy().into_owned();
    let words = ["clone", "--progress", "--", url, &place];
    let existed = folder.is_dir();
    let answer = Call::new(parent, &words, BECAUSE).asks(asks).run(cx);
    match answer {
        Ok(answer) if answer.ok => Ok(folder.to_path_buf()),
        Ok(answer) if answer.err.contains("Clone succeeded, but checkout failed") => {
            Err(remote_refusal(&format!("{url} was cloned, but its files could not be written"), &answer))
        }
        ended => {
            // git cleans up by itself, unless it was killed.
            if !existed && folder.is_dir() {
                let _ = fs::remove_dir_all(folder);
            }
            match ended {
                Ok(answer) => Err(remote_refusal(&format!("Could not clone {url}"), &answer)),
                Err(e) => Err(e),
            }
        }
    }
}
