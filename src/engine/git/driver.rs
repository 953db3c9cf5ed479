//! Notebooks by cells in the merges that Andon itself begins, whether or not anybody has enabled its driver.
//!
//! Nothing is configured for it: the driver and the line that names it are given to the one call. git reads attributes
//! from `.git/info/attributes` first, then the `.gitattributes` of the folders, then the person's own file, then the
//! system's, and of one file the last line that fits. Only the person's file can be another one for a call, so a copy
//! is made for it: Andon's line, then all the system's and the person's files say. Whoever chose another driver for
//! notebooks, in any of these places, keeps it.
use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use super::{
    Repo,
    branch::BECAUSE,
    command::{Answer, Call},
};
use crate::{
    base::{Result, job::JobCtx},
    engine::dirs::Dirs,
    model::entries::{self, Parts, attributes},
};

/// What is known by these names would be said twice.
const DRIVER: &str = "merge.andon.driver";
const MERGE: Parts = Parts { diff: false, merge: true, tools: false };

/// Words for git that come before its verb, and the file they name; it is gone with this.
struct Driver {
    words: Vec<String>,
    _attributes: NamedTempFile,
}

impl Repo {
    /// Merges of this repository take notebooks by cells, with the program that this is. Nothing where it is not known.
    #[must_use]
    pub fn merging_by(mut self, program: Option<PathBuf>) -> Self {
        // A program of another name may know nothing of the words that a driver is called with.
        self.driver = program.filter(|p| p.file_stem().is_some_and(|name| name == "andon"));
        self
    }

    /// Runs git in the working tree for something that may merge files.
    pub(super) fn call_merging(&self, words: &[&str], cx: &JobCtx) -> Result<Answer> {
        let Some(driver) = self.notebook_driver(cx)? else { return self.call(words, cx) };
        let words: Vec<&str> = driver.words.iter().map(String::as_str).chain(words.iter().copied()).collect();
        self.call(&words, cx)
    }

    fn notebook_driver(&self, cx: &JobCtx) -> Result<Option<Driver>> {
        let Some(program) = self.driver.as_deref().and_then(Path::to_str) else { return Ok(None) };
        let names = r"^(merge\.andon\.driver|merge\.default|core\.attributesfile)$";
        let said = self.ask(&["config", "-z", "--get-regexp", names], cx)?;
        let configured = |key: &str| {
            let pairs = said.out.split('\0').map(|p| p.split_once('\n').unwrap_or((p, "")));
            pairs.filter(|(k, _)| k.eq_ignore_ascii_case(key)).map(|(_, value)| value.to_owned()).next_back()
        };
        if configured("merge.default").is_some() {
            // What no line says anything about is merged as this person says.
            return Ok(None);
        }
        let mut words: Vec<String> = Vec::new();
        let mut set = |key: &str, value: &str| words.extend(["-c".to_owned(), format!("{key}={value}")]);
        if configured(DRIVER).is_none() {
            entries::entries(MERGE, Some(program)).iter().for_each(|e| set(e.key, &e.value));
        }
        let mut text = format!("{}\n", attributes::line(MERGE)).into_bytes();
        for file in self.attribute_files(configured("core.attributesFile").is_some(), cx)? {
            // A file that git cannot read either says nothing.
            let Ok(bytes) = fs::read(&file) else { continue };
            text.extend(bytes);
            text.push(b'\n');
        }
        let made = tempfile::Builder::new().prefix("andon-attributes-").tempfile();
        let Ok(mut file) = made.and_then(|mut f| f.write_all(&text).map(|()| f)) else { return Ok(None) };
        let Some(path) = file.path().to_str().map(str::to_owned) else { return Ok(None) };
        if file.flush().is_err() {
            return Ok(None);
        }
        set("core.attributesFile", &path);
        Ok(Some(Driver { words, _attributes: file }))
    }

    /// The system's attributes file and the person's, in the order in which a later one counts more.
    fn attribute_files(&self, configured: bool, cx: &JobCtx) -> Result<Vec<PathBuf>> {
        let one = |answer: Answer| Some(answer.out).filter(|out| answer.ok && !out.is_empty()).map(PathBuf::from);
        let system = one(self.ask(&["var", "GIT_ATTR_SYSTEM"], cx)?);
        let person = match one(self.ask(&["var", "GIT_ATTR_GLOBAL"], cx)?) {
            // git before 2.41 knows no such variable.
            None if configured => one(self.ask(&["config", "--type=path", "--get", "core.attributesFile"], cx)?),
            None => Some(Dirs::config_home().join("git/attributes")),
            found => found,
        };
        Ok(system.into_iter().chain(person).collect())
    }

    fn ask(&self, words: &[&str], cx: &JobCtx) -> Result<Answer> {
        let dir = self.git.workdir().unwrap_or(self.git.path());
        Call::new(dir, words, BECAUSE).run(cx)
    }
}
