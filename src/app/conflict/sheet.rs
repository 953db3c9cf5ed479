//! A file in conflict as it is worked on: its versions, what merged, what is to decide, and the bytes that come of it.
use std::{collections::BTreeMap, sync::Arc};

use crate::{
    base::{Error, Result, fsx::hash, text},
    model::{
        diff::{CellType, Document, is_notebook},
        merge::{
            Answer, Choices, Chunk, Entry, KeyConflict, Names, Part, Plan, Take, TextPlan, carry, in_our_words,
            is_marked, is_open, merge, names_in, take, written_since,
        },
        notebook::Notebook,
        settle::{is_noted, is_torn, open_cells},
        show::{Look, lines},
    },
};

/// Largest text that is merged by lines.
const MOST_TEXT: usize = 20_000_000;

/// The place of the entry for what stands around the cells.
pub const AROUND: usize = usize::MAX;

/// The versions of a file, and the file as it lies on disk.
#[derive(Debug, Clone, Default)]
pub struct Versions {
    pub base: Option<Vec<u8>>,
    pub ours: Option<Vec<u8>>,
    pub theirs: Option<Vec<u8>>,
    pub now: Option<Vec<u8>>,
    /// A link or a submodule.
    pub special: bool,
    /// git has it as unmerged, so that it is staged once decided.
    pub unmerged: bool,
    /// The file on disk is known to be what git left there.
    pub as_git_left_it: bool,
    /// They are of an open document, which becomes what is decided.
    pub open: bool,
}

impl Versions {
    /// Marks can be left in the file that are not as git left them.
    fn may_be_begun(&self) -> bool {
        self.unmerged && !self.as_git_left_it
    }
}

/// How the file is decided.
#[derive(Debug)]
pub enum Kind {
    /// Cell by cell.
    Notebook(Plan),
    /// Lines by lines.
    Text(TextPlan),
    /// One version as it is.
    Whole,
}

/// A file in conflict.
#[derive(Debug)]
pub struct Sheet {
    pub path: String,
    pub kind: Kind,
    pub entries: Vec<Entry>,
    /// What both sides changed around the cells.
    pub around: Vec<KeyConflict>,
    pub notes: Vec<String>,
    /// The file on disk holds no mark of a conflict: it may have been decided elsewhere.
    pub decided_on_disk: bool,
    /// Somebody has begun to decide the file outside of this page: marks are left in it, and more than what git wrote.
    pub begun: bool,
    /// What is decided is the text as it lies on disk, not the versions anew.
    pub of_file: bool,
    /// What was written in the file since the merge, by entry.
    pub written: BTreeMap<usize, String>,
    /// Names these very versions.
    pub mark: u64,
    /// Why it cannot be decided by parts.
    pub why_whole: Option<String>,
    pub versions: Versions,
    /// The notebook as the merge left it; what was changed since is carried over.
    left: Option<Vec<u8>>,
}

/// What comes of the decisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    Bytes(Vec<u8>),
    Deleted,
    /// The file stays as it lies on disk.
    AsItStands,
}

impl Sheet {
    /// Makes the sheet of a file; of a text that somebody has begun to decide, the sheet of that text.
    pub fn new(path: &str, versions: Versions) -> Self {
        Self::of(path, versions, false)
    }

    /// The same from its versions, whatever somebody wrote in the file since.
    pub fn anew(path: &str, versions: Versions) -> Self {
        Self::of(path, versions, true)
    }

    fn of(path: &str, versions: Versions, anew: bool) -> Self {
        let mark = mark(&versions);
        let mut sheet = Self {
            path: path.to_owned(),
            kind: Kind::Whole,
            entries: Vec::new(),
            around: Vec::new(),
            notes: Vec::new(),
            decided_on_disk: decided_on_disk(path, &versions),
            begun: false,
            of_file: false,
            written: BTreeMap::new(),
            mark,
            why_whole: None,
            versions,
            left: None,
        };
        match sheet.by_parts(anew) {
            Ok(()) => {}
            Err(why) => {
                sheet.kind = Kind::Whole;
                sheet.entries = vec![whole(&sheet.path, &sheet.versions, &why)];
                sheet.why_whole = Some(why);
            }
        }
        sheet
    }

    /// Reads it by cells or lines; else says why it can only be taken whole.
    fn by_parts(&mut self, anew: bool) -> std::result::Result<(), String> {
        let versions = &self.versions;
        if versions.special {
            return Err("a link or a submodule: taken as one side has it".into());
        }
        let (Some(ours), Some(theirs)) = (&versions.ours, &versions.theirs) else {
            let gone = match (&versions.ours, &versions.theirs) {
                (None, Some(_)) => "deleted here, changed there",
                (Some(_), None) => "changed here, deleted there",
                _ => "deleted on both sides",
            };
            return Err(gone.into());
        };
        if is_notebook(&self.path) {
            let empty = Notebook::new_empty().to_bytes();
            let base = versions.base.as_deref().filter(|b| !b.iter().all(u8::is_ascii_whitespace)).unwrap_or(&empty);
            match Plan::new(base, ours, theirs) {
                Ok(mut plan) => {
                    plan.open = self.versions.open;
                    self.left =
                        versions.now.as_deref().filter(|n| is_noted(n)).and_then(|now| left(base, ours, theirs, now));
                    if let (Some(left), Some(now)) = (&self.left, &versions.now)
                        && left != now
                    {
                        self.written = written_since(left, now).unwrap_or_default();
                    }
                    self.begun = self.versions.may_be_begun() && is_torn_by_hand(&self.versions);
                    self.notebook(plan);
                    return Ok(());
                }
                Err(e) => self.notes.push(format!("{e}; it is merged as text")),
            }
        }
        let text = |bytes: &[u8]| -> std::result::Result<String, String> {
            if bytes.len() > MOST_TEXT {
                return Err(format!("{} are too much to be merged by lines", text::bytes(bytes.len() as u64)));
            }
            if bytes.contains(&0) {
                return Err("no text: one version is taken as it is".into());
            }
            String::from_utf8(bytes.to_vec()).map_err(|_| "no UTF-8 text: one version is taken as it is".into())
        };
        let base = text(versions.base.as_deref().unwrap_or_default())?;
        let (ours, theirs) = (text(ours)?, text(theirs)?);
        let all = [base.as_str(), &ours, &theirs];
        let mut plan = TextPlan::new(&base, &ours, &theirs);
        let now = versions.now.as_deref().and_then(|n| std::str::from_utf8(n).ok());
        if let Some(now) = now.filter(|n| versions.may_be_begun() && n.len() <= MOST_TEXT && plan.touched(n, all)) {
            self.begun = true;
            if !anew {
                plan = TextPlan::of_marked(now, &plan, all);
                if let [entry] = plan.entries.as_slice()
                    && plan.is_by_hand()
                {
                    self.written.insert(entry.at, in_our_words(now));
                }
                self.of_file = true;
                self.mark = self.mark.rotate_left(7) ^ hash(now.as_bytes());
            }
        }
        self.entries.clone_from(&plan.entries);
        self.kind = Kind::Text(plan);
        Ok(())
    }

    /// What was decided about these versions is decided about this file, too: begun anew, or as it lies on disk.
    pub fn is_mark_of(&self, mark: u64) -> bool {
        let whole = self::mark(&self.versions);
        let of_file = self.versions.now.as_deref().map(|n| whole.rotate_left(7) ^ hash(n));
        mark == self.mark || mark == whole || Some(mark) == of_file
    }

    /// What somebody wrote in the file since the merge, where the answer is another text.
    pub fn written_else(&self, entry: &Entry, answer: &Answer) -> Option<&str> {
        let text = self.written.get(&entry.at).filter(|_| !self.of_file)?;
        (*text != answer.text(entry)).then_some(text)
    }

    /// Finishing writes over what somebody may have decided in the file outside of this page.
    pub fn writes_over(&self) -> bool {
        // Where it is not certain that nobody did, it is kept as well.
        let marked = self.versions.now.as_deref().is_some_and(is_marked);
        (self.versions.may_be_begun() && marked && !self.of_file) || (self.decided_on_disk && self.versions.unmerged)
    }

    fn notebook(&mut self, plan: Plan) {
        self.entries.clone_from(&plan.entries);
        self.notes.extend(plan.notes.iter().cloned());
        self.around.clone_from(&plan.notebook);
        if !self.around.is_empty() {
            let side = |n: usize| -> Option<Arc<str>> {
                let lines = self.around.iter().map(|c| {
                    format!("{} = {}", c.key, c.values.get(n).and_then(|v| v.as_deref()).unwrap_or("not set"))
                });
                Some(lines.collect::<Vec<_>>().join("\n").into())
            };
            let texts = [side(0), side(1), side(2)];
            self.entries.push(Entry {
                at: AROUND,
                parts: vec![Part::Notebook],
                how: "both changed the notebook's metadata".into(),
                place: "Notebook".into(),
                title: self.around.iter().map(|c| c.key.as_str()).collect::<Vec<_>>().join(", "),
                keys: self.around.clone(),
                texts,
                ..Entry::default()
            });
        }
        self.kind = Kind::Notebook(plan);
    }

    /// The answers with which a person begins: nothing decided, but what was written in the file meanwhile.
    pub fn answers(&self) -> BTreeMap<usize, Answer> {
        let mut all = BTreeMap::new();
        for entry in &self.entries {
            let mut answer = Answer::new(entry);
            if let Some(text) = self.written.get(&entry.at) {
                answer.write(text.clone());
            }
            all.insert(entry.at, answer);
        }
        all
    }

    /// The cell's text is edited as a text.
    pub fn is_text(&self, entry: &Entry) -> bool {
        match self.kind {
            Kind::Notebook(_) => entry.at != AROUND,
            Kind::Text(_) => true,
            Kind::Whole => false,
        }
    }

    /// The language for colours: of a cell's source, or of the file.
    pub fn language(&self) -> &str {
        match &self.kind {
            Kind::Notebook(plan) => plan.language(),
            _ => self.path.rsplit_once('.').map_or("", |(_, e)| e),
        }
    }

    /// Decisions as the merge takes them.
    pub fn choices(&self, answers: &BTreeMap<usize, Answer>) -> Choices {
        let mut choices = Choices::default();
        for entry in &self.entries {
            let Some(answer) = answers.get(&entry.at) else { continue };
            if entry.at == AROUND {
                choices.notebook = answer.metadata.clone();
                continue;
            }
            let choice = answer.choice(entry);
            if choice != Default::default() {
                choices.cells.insert(entry.at, choice);
            }
        }
        choices
    }

    /// What is to be written.
    ///
    /// # Errors
    /// When something is left undecided.
    pub fn made(&self, answers: &BTreeMap<usize, Answer>) -> Result<Made> {
        match &self.kind {
            Kind::Notebook(plan) => {
                let bytes = plan.decide(&self.choices(answers))?;
                match (&self.left, &self.versions.now) {
                    (Some(left), Some(now)) => carry(left, now, &bytes).map(Made::Bytes),
                    _ => Ok(Made::Bytes(bytes)),
                }
            }
            Kind::Text(plan) => {
                let text = plan.decide(|at| answers.get(&at));
                let text = text.ok_or_else(|| Error::user("Not everything is decided"))?;
                Ok(Made::Bytes(text.into_bytes()))
            }
            Kind::Whole => {
                let take = answers.values().next().and_then(|a| a.cell);
                let take = take.ok_or_else(|| Error::user("No version is chosen"))?;
                let bytes = match take {
                    Take::Base => &self.versions.base,
                    Take::Local => &self.versions.ours,
                    Take::Remote => &self.versions.theirs,
                };
                Ok(bytes.clone().map_or(Made::Deleted, Made::Bytes))
            }
        }
    }

    /// The notebook up to a cell, or of the cell alone, for running it; and the place of the cell in it.
    ///
    /// # Errors
    /// When something of it is left undecided.
    pub fn until(&self, answers: &BTreeMap<usize, Answer>, at: usize, alone: bool) -> Result<(Vec<u8>, usize)> {
        match &self.kind {
            Kind::Notebook(plan) if alone => plan.decide_only(&self.choices(answers), at).map(|bytes| (bytes, 0)),
            Kind::Notebook(plan) => plan.decide_until(&self.choices(answers), at),
            _ => Err(Error::user("Only cells of notebooks can be run")),
        }
    }

    /// The outputs that a cell would get, and whether they are old.
    pub fn outcome(&self, entry: &Entry, answer: &Answer) -> Option<(Vec<String>, bool)> {
        let Kind::Notebook(plan) = &self.kind else { return None };
        let (outputs, stale) = plan.outcome(entry, &answer.choice(entry))?;
        Some((outputs.iter().map(|o| o.text().to_owned()).collect(), stale))
    }

    /// The outputs of a cell in one version, as they are written.
    pub fn outputs(&self, entry: &Entry, take: Take) -> Vec<String> {
        let Kind::Notebook(plan) = &self.kind else { return Vec::new() };
        plan.outputs(entry, take).iter().map(|o| o.text().to_owned()).collect()
    }

    /// Any version of the cell has outputs.
    pub fn has_outputs(&self, entry: &Entry) -> bool {
        let Kind::Notebook(plan) = &self.kind else { return false };
        [Take::Base, Take::Local, Take::Remote]
            .iter()
            .any(|t| plan.view(entry, *t).is_some_and(|v| !v.outputs.is_empty()))
    }

    /// Whether it is code that can be run.
    pub fn is_code(&self, entry: &Entry) -> bool {
        matches!(self.kind, Kind::Notebook(_)) && entry.kind == Some(CellType::Code)
    }
}

/// Lines of a notebook's JSON between git's marks that somebody has changed.
fn is_torn_by_hand(versions: &Versions) -> bool {
    let text = |bytes: &Option<Vec<u8>>| bytes.as_deref().map(|b| String::from_utf8_lossy(b).into_owned());
    let Some(now) = text(&versions.now).filter(|now| is_torn(now.as_bytes())) else { return false };
    let all = [&versions.base, &versions.ours, &versions.theirs].map(|v| text(v).unwrap_or_default());
    let all = [all[0].as_str(), &all[1], &all[2]];
    TextPlan::new(all[0], all[1], all[2]).touched(&now, all)
}

fn mark(versions: &Versions) -> u64 {
    let of = |side: &Option<Vec<u8>>| side.as_deref().map_or(1, hash);
    [&versions.base, &versions.ours, &versions.theirs].iter().fold(0, |all, side| all.rotate_left(21) ^ of(side))
}

/// The notebook as the merge wrote it, with the names it used in its marks.
fn left(base: &[u8], ours: &[u8], theirs: &[u8], now: &[u8]) -> Option<Vec<u8>> {
    let sources = Notebook::parse(now).ok()?;
    let names = sources.cells().iter().find_map(|c| names_in(&c.source));
    let (local, remote) = names.unwrap_or_else(|| ("local".to_owned(), "remote".to_owned()));
    merge(base, ours, theirs, Names { local: &local, remote: &remote }).ok().map(|m| m.bytes)
}

/// The file holds no marks and no notes of a merge, and is not what git left of one side.
fn decided_on_disk(path: &str, versions: &Versions) -> bool {
    let Some(now) = versions.now.as_deref() else { return false };
    if [&versions.base, &versions.ours, &versions.theirs].iter().any(|v| v.as_deref() == Some(now)) {
        return false;
    }
    if is_notebook(path) {
        return Notebook::parse(now).is_ok() && !is_noted(now) && open_cells(now).is_ok_and(|open| open.is_empty());
    }
    !is_marked(now) && !now.split(|b| *b == b'\n').any(|line| line.starts_with(b">>>>>>> "))
}

/// The versions of a file that takes no merge by parts: one is chosen.
fn whole(path: &str, versions: &Versions, why: &str) -> Entry {
    let text = |bytes: &Option<Vec<u8>>| -> Option<Arc<str>> {
        let bytes = bytes.as_deref()?;
        let size = text::bytes(bytes.len() as u64);
        if is_notebook(path)
            && let Ok(doc) = Document::parse(path, bytes.to_vec())
        {
            let all = lines(path, &doc, &Look::stable());
            return Some(all.into_iter().map(|l| l.text).collect::<Vec<_>>().join("\n").into());
        }
        match std::str::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') && bytes.len() <= MOST_TEXT => Some(text.into()),
            _ => Some(format!("No text, {size}").into()),
        }
    };
    let texts = [text(&versions.base), text(&versions.ours), text(&versions.theirs)];
    Entry {
        parts: vec![Part::Cell],
        how: why.to_owned(),
        place: "The file".into(),
        title: path.rsplit('/').next().unwrap_or(path).to_owned(),
        chunks: vec![Chunk::Merged(Vec::new())],
        texts,
        ..Entry::default()
    }
}

/// The three versions that a merge noted in a notebook.
pub fn noted(now: &[u8]) -> Result<Versions> {
    let version = |which| take(now, which).map(Some);
    Ok(Versions {
        base: version(Take::Base)?,
        ours: version(Take::Local)?,
        theirs: version(Take::Remote)?,
        now: Some(now.to_vec()),
        special: false,
        unmerged: false,
        as_git_left_it: false,
        open: false,
    })
}

/// A stretch nobody decided is left in a text.
pub fn has_open(text: &str) -> bool {
    is_open(text)
}
