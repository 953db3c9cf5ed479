//! Searching the files of a folder: what git ignores, tools' own folders, binary and overlong files are left out, and
//! what an editor holds counts rather than the file. Finds come file by file, in the order of the paths.
mod replace;
#[cfg(test)]
mod tests;
mod walk;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

pub use replace::{Edit, Kept, Replaced, replace, sources, take_back};

use crate::{
    base::{Error, Result, fsx, job::JobCtx, text::bytes},
    model::{
        editor::{
            Buffer,
            find::{Finder, Query},
            for_editor,
        },
        notebook::{Cell, Notebook},
        output::Widgets,
        script::Script,
        search::{Ask, FileHits, Hit, Place, Tally, in_cells, in_text},
    },
};

/// Longer texts are not searched.
pub const TEXT_LIMIT: u64 = 64 << 20;
/// Longer notebooks are not searched.
pub const NOTEBOOK_LIMIT: u64 = 512 << 20;
/// Files that may be done while an earlier one is still being searched.
const AHEAD: usize = 256;
/// Names of files that are told about at most.
const TOLD: usize = 100;

/// What an editor holds of a file.
#[derive(Debug, Clone)]
pub enum Held {
    Text(Buffer),
    Cells(Vec<std::sync::Arc<Cell>>),
}

/// A file that is open.
#[derive(Debug, Clone)]
pub struct Open {
    /// Relative to the root.
    pub path: String,
    pub held: Held,
}

/// A search.
#[derive(Debug, Clone)]
pub struct Search {
    /// Paths are told relative to it.
    pub root: PathBuf,
    /// Files and folders to search; none: the root.
    pub paths: Vec<PathBuf>,
    pub ask: Ask,
    pub open: Vec<Open>,
    /// Scripts and Markdown that are notebooks are searched by cells.
    pub scripts: bool,
    /// Finds at most.
    pub most: usize,
}

/// What became of one file.
enum Found {
    Nothing,
    Hits(FileHits),
    Large(u64),
    Unread(String),
    /// No text.
    Binary,
    Stopped,
}

/// One file to search.
enum Job<'a> {
    File(&'a Path, String),
    Open(&'a Open),
}

impl Job<'_> {
    fn path(&self) -> &str {
        match self {
            Self::File(_, path) => path,
            Self::Open(open) => &open.path,
        }
    }
}

/// What the threads share: files that are done and wait for an earlier one.
struct Order {
    next: usize,
    ready: BTreeMap<usize, Found>,
    tally: Tally,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Carries a search out; `found` is called for each file with finds, in order.
pub fn search(search: &Search, cx: &JobCtx, found: &(dyn Fn(FileHits) + Sync)) -> Result<Tally> {
    let Some(finder) = search.ask.query.compile()? else { return Ok(Tally::default()) };
    let raw = raw_finder(&search.ask.query);
    let files = walk::files(search, cx)?;
    let mut jobs: Vec<Job<'_>> = search.open.iter().filter(|o| files.takes(&o.path)).map(Job::Open).collect();
    let held = |path: &str| search.open.iter().any(|o| o.path == path);
    jobs.extend(files.paths.iter().filter(|(_, path)| !held(path)).map(|(file, path)| Job::File(file, path.clone())));
    if !search.open.is_empty() {
        jobs.sort_by_cached_key(|job| walk::key(job.path()));
    }
    let work = Work {
        search,
        finder,
        raw,
        jobs,
        taken: AtomicUsize::new(0),
        enough: AtomicBool::new(false),
        order: Mutex::new(Order { next: 0, ready: BTreeMap::new(), tally: files.tally }),
        moved: Condvar::new(),
        found,
        cx,
    };
    thread::scope(|scope| {
        for n in 1..threads() {
            let spawned = thread::Builder::new().name(format!("andon-search-{n}")).spawn_scoped(scope, || work.go());
            if let Err(e) = spawned {
                tracing::warn!("one thread less to search with: {e}");
            }
        }
        work.go();
    });
    cx.check()?;
    let mut tally = std::mem::take(&mut lock(&work.order).tally);
    tally.full |= work.enough.load(Ordering::Relaxed);
    Ok(tally)
}

fn threads() -> usize {
    thread::available_parallelism().map_or(2, usize::from).clamp(1, 4)
}

/// Words every file with a find holds: cheaper to look for than to read a notebook.
fn raw_finder(query: &Query) -> Option<Finder> {
    let words = Query { text: query.literal()?.to_owned(), case: query.case, ..Query::default() };
    words.compile().ok().flatten()
}

struct Work<'a> {
    search: &'a Search,
    finder: Finder,
    raw: Option<Finder>,
    jobs: Vec<Job<'a>>,
    taken: AtomicUsize,
    enough: AtomicBool,
    order: Mutex<Order>,
    moved: Condvar,
    found: &'a (dyn Fn(FileHits) + Sync),
    cx: &'a JobCtx,
}

impl Work<'_> {
    fn goes_on(&self) -> bool {
        !self.enough.load(Ordering::Relaxed) && !self.cx.cancel.is_cancelled()
    }

    /// Takes one file after the other until there are none.
    fn go(&self) {
        loop {
            let n = self.taken.fetch_add(1, Ordering::Relaxed);
            let Some(job) = self.jobs.get(n) else { return };
            // Whatever is wrong with one file, those that wait for it must go on.
            let look = std::panic::AssertUnwindSafe(|| self.one(job));
            let one = if self.goes_on() {
                std::panic::catch_unwind(look)
                    .unwrap_or_else(|_| Found::Unread("it could not be searched; this is a fault of Andon".to_owned()))
            } else {
                Found::Stopped
            };
            self.done(n, one);
        }
    }

    /// Tells what is in order; one that is far ahead waits, so that little is held.
    fn done(&self, n: usize, one: Found) {
        let mut order = lock(&self.order);
        while n > order.next + AHEAD {
            order = self.moved.wait(order).unwrap_or_else(PoisonError::into_inner);
        }
        order.ready.insert(n, one);
        loop {
            let next = order.next;
            let Some(one) = order.ready.remove(&next) else { break };
            order.next += 1;
            self.tell(next, one, &mut order.tally);
        }
        let next = order.next;
        drop(order);
        self.moved.notify_all();
        if next.is_multiple_of(512) {
            self.cx.progress(Some(next as f32 / self.jobs.len().max(1) as f32), String::new());
        }
    }

    fn tell(&self, n: usize, one: Found, tally: &mut Tally) {
        let path = || self.jobs.get(n).map_or_else(String::new, |j| j.path().to_owned());
        if matches!(one, Found::Stopped) || !self.goes_on() {
            return;
        }
        tally.files += usize::from(!matches!(one, Found::Binary));
        match one {
            Found::Hits(mut file) => {
                let left = self.search.most - tally.hits;
                if file.hits.len() > left || file.more {
                    file.hits.truncate(left);
                    file.more = true;
                    self.enough.store(true, Ordering::Relaxed);
                    tally.full = true;
                }
                if !file.hits.is_empty() {
                    tally.hits += file.hits.len();
                    tally.with += 1;
                    (self.found)(file);
                }
            }
            Found::Large(size) if tally.large.len() < TOLD => tally.large.push(format!("{} ({})", path(), bytes(size))),
            Found::Unread(why) if tally.unread.len() < TOLD => tally.unread.push((path(), why)),
            _ => {}
        }
    }

    fn one(&self, job: &Job<'_>) -> Found {
        match job {
            Job::Open(open) => self.open(open),
            Job::File(file, path) => self.file(file, path),
        }
    }

    fn outcome(path: &str, hits: Vec<Hit>, more: bool, cells: bool) -> Found {
        if hits.is_empty() {
            return Found::Nothing;
        }
        let path = path.to_owned();
        Found::Hits(FileHits { path, hits, hash: None, cells, foreign: false, more })
    }

    fn open(&self, open: &Open) -> Found {
        let mut hits = Vec::new();
        match &open.held {
            Held::Text(buffer) => {
                let text = buffer.to_string();
                let more = in_text(&self.finder, &text, (Place::Text, 0), self.search.most, &mut hits);
                Self::outcome(&open.path, hits, more, false)
            }
            Held::Cells(cells) => self.cells(&open.path, cells, &Widgets::default()),
        }
    }

    fn cells(&self, path: &str, cells: &[std::sync::Arc<Cell>], widgets: &Widgets) -> Found {
        let mut hits = Vec::new();
        let outputs = self.search.ask.outputs.then_some(widgets);
        match in_cells(&self.finder, cells, outputs, self.search.most, &mut hits, &|| self.goes_on()) {
            Some(more) => Self::outcome(path, hits, more, true),
            None => Found::Stopped,
        }
    }

    fn file(&self, file: &Path, path: &str) -> Found {
        let book = is_notebook(path);
        let limit = if book { NOTEBOOK_LIMIT } else { TEXT_LIMIT };
        let read = match read(file, limit) {
            Ok(read) => read,
            Err(found) => return found,
        };
        if memchr::memchr(0, &read).is_some() {
            return Found::Binary;
        }
        // Of the bytes as they are on disk, also where they are no UTF-8.
        let (text, foreign) = match String::from_utf8(read) {
            Ok(text) => (text, None),
            Err(e) => (String::from_utf8_lossy(e.as_bytes()).into_owned(), Some(fsx::hash(e.as_bytes()))),
        };
        // What a person looks for stands in the sources of a notebook as it stands in its file.
        let shown = book && self.search.ask.outputs;
        if self.raw.as_ref().is_some_and(|f| !shown && !f.is_in(&text)) {
            return Found::Nothing;
        }
        let hash = |text: &str| Some(foreign.unwrap_or_else(|| fsx::hash(text.as_bytes())));
        let found = if book {
            self.notebook(path, text)
        } else {
            let script = if self.search.scripts && foreign.is_none() { Script::read(path, &text) } else { None };
            match script.and_then(|s| s.notebook().ok()) {
                Some(nb) => with_hash(self.cells(path, nb.cells(), &Widgets::default()), || hash(&text)),
                None => {
                    let (plain, _) = for_editor(&text);
                    let mut hits = Vec::new();
                    let more = in_text(&self.finder, &plain, (Place::Text, 0), self.search.most, &mut hits);
                    with_hash(Self::outcome(path, hits, more, false), || hash(&text))
                }
            }
        };
        match found {
            Found::Hits(file) => Found::Hits(FileHits { foreign: foreign.is_some(), ..file }),
            other => other,
        }
    }

    fn notebook(&self, path: &str, text: String) -> Found {
        if text.trim().is_empty() {
            return Found::Nothing;
        }
        let bytes = text.into_bytes();
        let hash = fsx::hash(&bytes);
        match Notebook::parse(bytes) {
            Ok(nb) => {
                let widgets = if self.search.ask.outputs { Widgets::of(&nb) } else { Widgets::default() };
                with_hash(self.cells(path, nb.cells(), &widgets), || Some(hash))
            }
            Err(e) => Found::Unread(e.what),
        }
    }
}

/// The bytes of a file, or what became of it instead.
fn read(file: &Path, limit: u64) -> std::result::Result<Vec<u8>, Found> {
    let unread = |e: std::io::Error| Found::Unread(e.to_string());
    // Nobody waits at the end of a pipe.
    match fs::metadata(file) {
        Ok(meta) if meta.len() > limit => return Err(Found::Large(meta.len())),
        Ok(meta) if !meta.is_file() => return Err(Found::Binary),
        Ok(_) => {}
        Err(e) => return Err(unread(e)),
    }
    fs::read(file).map_err(unread)
}

fn with_hash(found: Found, hash: impl FnOnce() -> Option<u64>) -> Found {
    match found {
        Found::Hits(file) => Found::Hits(FileHits { hash: hash(), ..file }),
        other => other,
    }
}

/// True for a file that is read as a notebook.
pub fn is_notebook(path: &str) -> bool {
    path.to_lowercase().ends_with(".ipynb")
}

/// A pattern that cannot be understood.
fn bad_pattern(pattern: &str, cause: &(dyn std::error::Error + 'static)) -> Error {
    Error::user(format!("{pattern} is not a pattern of paths"))
        .because(cause)
        .hint("Write patterns such as *.py, src or data/**/*.csv, with commas between them")
}
