//! Another program wrote the file while it has unsaved edits here: what came there, what is here, and the ways on.
//!
//! A job reads the file, merges it with the edits over what both began from, and says how much each side changed. The
//! person then merges as one undoable step, decides conflicts on their page, or takes one version; the other is kept.
use super::{Body, Command as Page, Conflict, Doc, DocId, Event as News, edit, kept, notice, save, session::TextDoc};
use crate::{
    app::{
        AppState, Cx, Effect, Env, Job, Out, Policy,
        conflict::{self, OpenMerge},
        notify::{Notice, Tone},
        review,
    },
    base::{Error, Result, fsx, job::JobCtx, text::count},
    engine::notebook::{self as disk, Content},
    model::{
        diff::is_notebook,
        editor::{Act, Change},
        git::Rev,
        json::Bytes,
        merge::{self, Chunk, Names},
        notebook::{Notebook, Snapshot, TakenIn},
        textdiff::TextDiff,
    },
};

/// Larger texts are not merged by lines.
const MOST_TEXT: usize = 20_000_000;

/// What is known of the other version.
#[derive(Debug, Default)]
pub struct Outside {
    /// What both versions began from: the file as it was read or written last.
    pub base: Option<Snapshot>,
    /// What is being written.
    pub(super) sent: Option<Snapshot>,
    pub look: Option<Look>,
    /// A merge was asked for before it was known how it goes.
    merge_next: bool,
    /// What unsaved edits of an earlier window began from, while they are being restored.
    pub(super) of_draft: Option<Snapshot>,
    /// The state after another version came in, which one undo takes back.
    pub(super) came_in: Option<u64>,
}

/// The file on disk, compared with the document.
#[derive(Debug, Clone)]
pub struct Look {
    /// Version on disk.
    pub hash: u64,
    /// State of the document.
    pub revision: u64,
    pub found: Result<Found, Error>,
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Found {
    base: Option<Bytes>,
    mine: Bytes,
    theirs: Bytes,
    /// `2 cells`.
    pub there: String,
    pub here: String,
    /// How they go together; none where it is not known what both began from, or why not.
    pub merged: Option<Result<Merged, Error>>,
}

/// Both versions in one.
#[derive(Debug, Clone)]
pub struct Merged {
    content: Content,
    /// It is the version on disk.
    same: bool,
    /// Places that both changed, each in its way.
    pub clashes: usize,
}

impl Found {
    /// What a person reads of both sides.
    pub fn words(&self) -> String {
        let sides = match (self.there.is_empty(), self.here.is_empty()) {
            (true, true) => return String::new(),
            (true, false) => format!("only its layout there, {} here", self.here),
            (false, true) => format!("{} there, only the layout here", self.there),
            (false, false) => format!("{} there, {} here", self.there, self.here),
        };
        match &self.merged {
            Some(Ok(m)) if m.clashes > 0 => {
                let (n, verb) = (count(m.clashes as u64, "place"), if m.clashes == 1 { "was" } else { "were" });
                format!("{sides}; {n} {verb} changed on both sides")
            }
            _ => sides,
        }
    }
    /// Number of places to decide; none when they cannot be merged.
    pub fn clashes(&self) -> Option<usize> {
        self.merged.as_ref()?.as_ref().ok().map(|m| m.clashes)
    }
}

/// Requests.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Merges the version on disk into the document; conflicts are decided on their page.
    Merge(DocId),
    /// Shows both versions side by side.
    Compare(DocId),
    /// Looks at the file once more.
    Again(DocId),
    /// Takes what was decided about versions of which `theirs` is the one on disk, over `mine`.
    Decided { doc: DocId, hash: u64, mine: Bytes, bytes: Bytes },
}

/// What comes back.
#[derive(Debug, Clone)]
pub enum Event {
    Looked {
        doc: DocId,
        look: Box<Look>,
    },
    /// The version that edits began from; those of an earlier window that are about to be restored, or those here.
    Base {
        doc: DocId,
        base: Snapshot,
        of_draft: bool,
    },
    /// A version was kept in this file, so that nothing is lost.
    Kept {
        doc: DocId,
        path: String,
        mine: bool,
    },
    /// Decided cells with what was edited meanwhile.
    Ready {
        doc: DocId,
        hash: u64,
        revision: u64,
        result: Box<Result<Content>>,
    },
    /// The unsaved edits can be compared.
    Comparable {
        path: String,
    },
}

/// Work.
#[derive(Debug, Clone)]
pub enum Task {
    Look {
        doc: DocId,
        path: String,
        as_text: bool,
        base: Option<Snapshot>,
        mine: Snapshot,
        revision: u64,
    },
    /// Keeps a version; none: the one on disk. `told`: the person hears of it.
    Keep {
        doc: DocId,
        path: String,
        version: Option<Snapshot>,
        mine: bool,
        told: bool,
    },
    /// Merges what was decided with what was edited since.
    Carry {
        doc: DocId,
        path: String,
        hash: u64,
        mine: Bytes,
        decided: Bytes,
        now: Snapshot,
        revision: u64,
        as_text: bool,
    },
    Compare {
        path: String,
        base: Option<u64>,
        snapshot: Snapshot,
    },
    /// Reads what is on disk as what both versions begin from, if it still is that version.
    Base {
        doc: DocId,
        path: String,
        hash: u64,
    },
}

/// Looks at the file of a document in conflict.
pub fn look(doc: &Doc) -> Option<Effect> {
    let mine = doc.snapshot()?;
    let task = Task::Look {
        doc: doc.id,
        path: doc.path.clone(),
        as_text: doc.as_text,
        base: doc.outside.base.clone(),
        mine,
        revision: doc.revision(),
    };
    Some(Job::cpu(format!("notebook.outside:{}", doc.id), super::Task::Outside(task)).policy(Policy::Latest).start())
}

/// The same, when the document has changed since.
pub fn look_again(doc: &Doc) -> Option<Effect> {
    let old = doc.outside.look.as_ref().is_none_or(|l| l.revision != doc.revision());
    if matches!(doc.conflict, Some(Conflict::Changed(_))) && old { look(doc) } else { None }
}

/// Keeps what is here before it is given up.
pub fn keep_mine(doc: &Doc) -> Option<Effect> {
    Some(keep(doc, Some(doc.snapshot()?), (true, true)))
}

/// Keeps the version on disk before it is written over. `told`: nothing of it is here.
pub fn keep_theirs(doc: &Doc, told: bool) -> Effect {
    let known = doc.outside.look.as_ref().and_then(|l| l.found.as_ref().ok());
    keep(doc, known.map(|found| Snapshot::from(found.theirs.to_vec())), (false, told))
}

fn keep(doc: &Doc, version: Option<Snapshot>, (mine, told): (bool, bool)) -> Effect {
    let task = Task::Keep { doc: doc.id, path: doc.path.clone(), version, mine, told };
    // Before anything is saved.
    Job::io(format!("notebook.save:{}", doc.id), super::Task::Outside(task)).policy(Policy::Queue).start()
}

pub(super) fn command(state: &mut AppState, command: Command, cx: &Cx) -> Vec<Effect> {
    match command {
        Command::Merge(id) => merge(state, id, cx),
        Command::Again(id) => state.notebook.by_id(id).and_then(|d| look(d)).into_iter().collect(),
        Command::Compare(id) => {
            let Some(doc) = state.notebook.by_id(id) else { return Vec::new() };
            let Some(snapshot) = doc.snapshot() else { return Vec::new() };
            let task = Task::Compare { path: doc.path.clone(), base: doc.disk, snapshot };
            let key = format!("notebook.journal:{}", doc.path);
            vec![Job::io(key, super::Task::Outside(task)).policy(Policy::Queue).start()]
        }
        Command::Decided { doc, hash, mine, bytes } => {
            let Some(doc) = state.notebook.by_id(doc) else {
                let error = Error::user("The file was closed before it was merged");
                return vec![notice(&error.hint("Open it again; what was decided is kept"))];
            };
            let Some(now) = doc.snapshot() else { return Vec::new() };
            let task = Task::Carry {
                doc: doc.id,
                path: doc.path.clone(),
                hash,
                mine,
                decided: bytes,
                now,
                revision: doc.revision(),
                as_text: doc.as_text,
            };
            vec![Job::cpu(format!("notebook.carry:{}", doc.id), super::Task::Outside(task)).start()]
        }
    }
}

fn merge(state: &mut AppState, id: DocId, cx: &Cx) -> Vec<Effect> {
    let Some(doc) = state.notebook.by_id(id) else { return Vec::new() };
    let Some(Conflict::Changed(hash)) = doc.conflict else { return Vec::new() };
    let now = doc.revision();
    let Some(look) = doc.outside.look.clone().filter(|l| l.revision == now && l.hash == hash) else {
        doc.outside.merge_next = true;
        return self::look(doc).into_iter().collect();
    };
    doc.outside.merge_next = false;
    let found = match look.found {
        Ok(found) => found,
        Err(e) => return vec![notice(&e)],
    };
    match found.merged {
        None => {
            let error = Error::user("It is not known what both versions began from");
            vec![notice(&error.hint("Compare them, then keep one; the other is kept as a file"))]
        }
        Some(Err(e)) => vec![notice(&e)],
        Some(Ok(merged)) if merged.clashes > 0 => {
            let open = OpenMerge {
                path: doc.path.clone(),
                doc: id,
                hash,
                base: found.base,
                mine: found.mine,
                theirs: found.theirs,
            };
            conflict::open_edited(state, open)
        }
        Some(Ok(merged)) => {
            let theirs = keep_theirs(doc, false);
            let mut all = come_in(doc, merged.content, (hash, Some(merged.same)), cx);
            doc.outside.base = Some(Snapshot::from(found.theirs.to_vec()));
            all.push(theirs);
            all
        }
    }
}

/// All that was changed here is in the version on disk as well, such as outputs that both windows show: nobody is asked.
fn all_there(doc: &mut Doc, cx: &Cx) -> Option<Vec<Effect>> {
    let look = doc.outside.look.clone()?;
    let found = look.found.ok()?;
    let merged = found.merged?.ok().filter(|m| m.same && m.clashes == 0)?;
    let mut effects = come_in(doc, merged.content, (look.hash, Some(true)), cx);
    doc.outside.base = Some(Snapshot::from(found.theirs.to_vec()));
    effects.retain(|e| !matches!(e, Effect::Notice(n) if n.tone == Tone::Success));
    Some(effects)
}

/// Puts merged content into the document as one step. `same`: it is the version on disk.
fn come_in(doc: &mut Doc, content: Content, (hash, same): (u64, Option<bool>), cx: &Cx) -> Vec<Effect> {
    let mut effects = Vec::new();
    let came = match take(doc, content, "Merge with the file on disk", cx.now().as_millisecond()) {
        Ok(came) => came,
        Err(e) => return vec![notice(&e)],
    };
    doc.disk = Some(hash);
    doc.conflict = None;
    doc.save_error = None;
    doc.outside.look = None;
    let now = doc.revision();
    match (&mut doc.body, same) {
        (Body::Notebook(nb), Some(true)) => nb.mark_saved(now),
        (Body::Text(text), Some(true)) => text.document.history.mark_saved(now),
        (Body::Notebook(nb), _) => nb.mark_changed(),
        (Body::Text(text), _) => text.document.history.mark_changed(),
        _ => {}
    }
    edit::changed(doc, &mut effects);
    doc.outside.came_in = Some(now);
    if same == Some(true) && doc.journaled.take().is_some() && doc.draft.is_none() {
        effects.push(save::drop_draft(doc));
    }
    let title = format!("Merged the other version of {}", doc.title());
    let body = if came.is_empty() { "Nothing of it was missing here".to_owned() } else { format!("Came in: {came}") };
    let saved = if same == Some(true) { "" } else { ". Save to write it to the file" };
    let undo = Page::UndoReload(doc.id);
    effects.push(Effect::Notice(Notice::success(title).body(format!("{body}{saved}")).action("Undo", undo)));
    effects
}

/// Makes the document what `content` is, as one step of its history; gives what came in, in words.
pub(super) fn take(doc: &mut Doc, content: Content, label: &'static str, now_ms: i64) -> Result<String> {
    let came = match (&mut doc.body, content) {
        (Body::Notebook(nb), Content::Notebook(new)) if nb.fits(&new) => {
            let taken = nb.take_in(&new, label)?;
            for key in &taken.edited {
                doc.unrendered.retain(|k| k != key);
            }
            taken.words()
        }
        (Body::Text(text), Content::Text(new)) => {
            let words = text.take(&new, now_ms);
            doc.cursor = text.document.editor.place();
            words
        }
        _ => return Err(Error::user("The file is another kind of file now").hint("Load the version on disk")),
    };
    doc.settle();
    kept::find_homes(doc, Some);
    Ok(came)
}

impl TextDoc {
    /// Makes it another version as one step; what is equal keeps its cursors. Gives what changed, in words.
    pub fn take(&mut self, new: &str, now_ms: i64) -> String {
        let other = Self::new(new, "");
        let (old, new) = (self.text(), other.text());
        self.set_ends(&other);
        let diff = TextDiff::new(old.as_str(), new.as_str());
        self.document.history.pause();
        self.act(&[Act::Replace(changes(&old, &new, &diff))], now_ms);
        // Whatever lines cannot say, such as a last line without its end.
        if self.text() != new {
            self.act(&[Act::SetText(new)], now_ms);
        }
        self.document.history.pause();
        match (diff.added, diff.removed) {
            (0, 0) => String::new(),
            (added, removed) => count(u64::from(added.max(removed)), "line"),
        }
    }
}

/// Changed stretches of lines, so that cursors elsewhere stay where they are.
fn changes(old: &str, new: &str, diff: &TextDiff) -> Vec<Change> {
    let starts = |text: &str| -> Vec<(usize, usize)> {
        let (mut all, mut chars, mut bytes) = (vec![(0, 0)], 0, 0);
        for line in text.split_inclusive('\n') {
            chars += line.chars().count();
            bytes += line.len();
            all.push((chars, bytes));
        }
        all
    };
    let (a, b) = (starts(old), starts(new));
    let place = |all: &[(usize, usize)], line: usize| all.get(line).or(all.last()).copied().unwrap_or_default();
    let mut out = Vec::new();
    let mut row = 0;
    while row < diff.rows.len() {
        let Some(rows) = diff.change_at(row) else {
            row += 1;
            continue;
        };
        let (from, into) = diff.lines_of(&rows);
        let range = place(&a, from.start).0..place(&a, from.end).0;
        let text = new.get(place(&b, into.start).1..place(&b, into.end).1).unwrap_or_default();
        out.push(Change { range, text: text.to_owned() });
        row = rows.end;
    }
    out
}

pub(super) fn event(state: &mut AppState, event: Event, cx: &Cx) -> Vec<Effect> {
    match event {
        Event::Looked { doc: id, look } => {
            let Some(doc) = state.notebook.by_id(id) else { return Vec::new() };
            let Some(Conflict::Changed(_)) = doc.conflict else { return Vec::new() };
            if doc.disk == Some(look.hash) {
                // Back to what it was.
                doc.conflict = None;
                doc.outside.look = None;
                return Vec::new();
            }
            let stale = look.revision != doc.revision();
            doc.conflict = Some(Conflict::Changed(look.hash));
            doc.outside.look = Some(*look);
            if !stale && let Some(effects) = all_there(doc, cx) {
                return effects;
            }
            match (stale, doc.outside.merge_next) {
                (true, true) => self::look(doc).into_iter().collect(),
                (false, true) => merge(state, id, cx),
                _ => Vec::new(),
            }
        }
        Event::Base { doc, base, of_draft } => {
            if let Some(doc) = state.notebook.by_id(doc) {
                let place = if of_draft { &mut doc.outside.of_draft } else { &mut doc.outside.base };
                *place = Some(base);
            }
            Vec::new()
        }
        Event::Kept { doc, path, mine } => {
            let Some(doc) = state.notebook.by_id(doc) else { return Vec::new() };
            let whose = if mine { "Your version" } else { "The other version" };
            let title = format!("{whose} of {} is kept for 30 days", doc.title());
            vec![Effect::Notice(Notice::info(title).body(path.clone()).action("Open it", Page::Open(path)))]
        }
        Event::Ready { doc: id, hash, revision, result } => {
            let Some(doc) = state.notebook.by_id(id) else { return Vec::new() };
            match *result {
                Ok(_) if doc.conflict != Some(Conflict::Changed(hash)) => {
                    let error = Error::user(format!("{} changed on disk once more", doc.title()));
                    vec![notice(&error.hint("Merge again from the notebook page; what was decided is offered there"))]
                }
                Ok(_) if doc.revision() != revision => {
                    let error = Error::user(format!("{} was edited while it was merged", doc.title()));
                    vec![notice(&error.hint("Finish the merge again"))]
                }
                Ok(content) => {
                    let theirs = keep_theirs(doc, false);
                    let mut effects = come_in(doc, content, (hash, None), cx);
                    state.conflict.forget(id);
                    let Some(doc) = state.notebook.by_id(id) else { return effects };
                    effects.push(theirs);
                    effects.extend(save::reread_base(doc));
                    effects.extend(super::open_path(state, &path_of(state, id), cx));
                    effects
                }
                Err(e) => vec![notice(&e)],
            }
        }
        Event::Comparable { path } => {
            let show = review::Command::Show { base: Rev::WorkingTree, compare: Rev::Draft, path: Some(path) };
            review::command(state, show, cx)
        }
    }
}

fn path_of(state: &AppState, id: DocId) -> String {
    state.notebook.docs.iter().find(|d| d.id == id).map(|d| d.path.clone()).unwrap_or_default()
}

/// Carries out a task; blocking allowed.
pub(super) fn run(task: Task, env: &Env, cx: &JobCtx, out: &Out) -> Result<()> {
    let root = env.root()?;
    match task {
        Task::Look { doc, path, as_text, base, mine, revision } => {
            let file = fsx::inside(&root, &path)?;
            let Some(hash) = disk::version(&file)? else {
                out.send(News::Disk { doc, hash: None });
                return Ok(());
            };
            let (hash, found) = match disk::load_bytes(&file, as_text) {
                Ok((hash, theirs, content)) => {
                    cx.check()?;
                    (hash, Ok(find(&path, as_text, base, &mine, (theirs, content))))
                }
                Err(e) => (hash, Err(e)),
            };
            cx.check()?;
            out.send(News::Outside(Event::Looked { doc, look: Box::new(Look { hash, revision, found }) }));
        }
        Task::Keep { doc, path, version, mine, told } => {
            let bytes = match version {
                Some(version) => version.to_bytes(),
                None => match fsx::inside(&root, &path).and_then(|f| fsx::read(&f)) {
                    Ok(bytes) => bytes,
                    // It is gone meanwhile, so that nothing will be written over.
                    Err(_) => return Ok(()),
                },
            };
            let path = disk::keep_version(&root, &path, &bytes, env.clock.now())?;
            if told {
                out.send(News::Outside(Event::Kept { doc, path, mine }));
            }
        }
        Task::Carry { doc, path, hash, mine, decided, now, revision, as_text } => {
            let now = now.to_bytes();
            let result = carried(&path, &mine, &decided, &now).and_then(|bytes| disk::content(&path, bytes, as_text));
            out.send(News::Outside(Event::Ready { doc, hash, revision, result: Box::new(result) }));
        }
        Task::Base { doc, path, hash } => {
            let bytes = fsx::inside(&root, &path).and_then(|f| fsx::read(&f));
            if let Some(bytes) = bytes.ok().filter(|b| fsx::hash(b) == hash) {
                out.send(News::Outside(Event::Base { doc, base: Snapshot::from(bytes), of_draft: false }));
            }
        }
        Task::Compare { path, base, snapshot } => {
            disk::keep_draft(&root, &path, base, env.clock.now(), &snapshot.to_bytes())?;
            out.send(News::Outside(Event::Comparable { path }));
        }
    }
    Ok(())
}

/// What was decided, with what was edited in the document since.
fn carried(path: &str, mine: &[u8], decided: &[u8], now: &[u8]) -> Result<Vec<u8>> {
    if mine == now {
        return Ok(decided.to_vec());
    }
    let (bytes, clashes) = together(path, mine, now, decided)?;
    if clashes > 0 {
        return Err(Error::user(format!("{path} was edited where the merge decided something"))
            .hint("Undo those edits, or begin the merge again from the notebook page"));
    }
    Ok(bytes)
}

fn find(path: &str, as_text: bool, base: Option<Snapshot>, mine: &Snapshot, theirs: (Vec<u8>, Content)) -> Found {
    let mine = Bytes::from(mine.to_bytes());
    let base = base.map(|b| Bytes::from(b.to_bytes()));
    let (theirs, content) = (Bytes::from(theirs.0), theirs.1);
    let touched = |now: &Bytes| -> String {
        let Some(base) = &base else { return changed(path, as_text, &mine, now) };
        changed(path, as_text, base, now)
    };
    let (there, here) = (touched(&theirs), if base.is_some() { touched(&mine) } else { String::new() });
    let merged = base.as_ref().map(|base| -> Result<Merged> {
        let (bytes, clashes) = together(path, base, &mine, &theirs)?;
        let same = bytes == theirs[..];
        let content = if same { content } else { disk::content(path, bytes, as_text)? };
        Ok(Merged { content, same, clashes })
    });
    Found { base, mine, theirs, there, here, merged }
}

/// Both versions in one, and in how many places they clash.
fn together(path: &str, base: &[u8], mine: &[u8], theirs: &[u8]) -> Result<(Vec<u8>, usize)> {
    if is_notebook(path) {
        let merged = merge::merge_open(base, mine, theirs, Names { local: "yours", remote: "on disk" })?;
        let mut places: Vec<_> = merged.conflicts.iter().map(|c| (c.base, c.local, c.remote)).collect();
        places.sort_unstable();
        places.dedup();
        return Ok((merged.bytes, places.len()));
    }
    let [base, mine, theirs] = [base, mine, theirs].map(|b| {
        let text = std::str::from_utf8(b).ok().filter(|t| t.len() <= MOST_TEXT);
        text.ok_or_else(|| Error::user(format!("{path} cannot be merged by lines")).hint("Keep one of the versions"))
    });
    let merged = merge::merge_text(base?, mine?, theirs?);
    let clashes = merged.chunks.iter().filter(|c| matches!(c, Chunk::Conflict { .. })).count();
    Ok((merged.text("yours", "on disk").into_bytes(), clashes))
}

/// How much a version changed, in words.
fn changed(path: &str, as_text: bool, base: &Bytes, now: &Bytes) -> String {
    let book = |bytes: &Bytes| match disk::content(path, bytes.to_vec(), as_text) {
        Ok(Content::Notebook(nb)) => Some(nb),
        _ => None,
    };
    if let (Some(old), Some(new)) = (book(base), book(now)) {
        return cells(&old, &new);
    }
    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    let diff = TextDiff::new(text(base), text(now));
    match diff.added.max(diff.removed) {
        0 => String::new(),
        n => count(u64::from(n), "line"),
    }
}

fn cells(old: &Notebook, new: &Notebook) -> String {
    let taken: TakenIn = old.differences(new);
    match taken.cells() {
        0 if taken.around => "the notebook's metadata".to_owned(),
        0 => String::new(),
        n => count(n as u64, "cell"),
    }
}
