//! Notebooks as tests: the one in front as the window has it, or all below a folder, executed apart from the session.
use std::{path::Path, sync::Arc, time::Duration};

use super::{Command as Notebooks, Doc, DocId, Event as News, State, Task as Work, notice};
use crate::{
    app::{AppState, Cx, Effect, Env, Job, Out, Policy, notify::Notice, review, workspace},
    base::{Error, Result, error::Context, fsx, job::JobCtx, text},
    engine::{
        exec::Progress,
        nbtest::{self, Item, Options},
        workspace::diff_rules,
    },
    model::{
        git::Rev,
        nbtest::{CellResult, Masks, NotebookResult, Policy as How},
        notebook::{CellKey, Snapshot},
        workspace::FileKind,
    },
};

/// What a person can ask.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Tests the notebook in front.
    This,
    /// Tests the notebooks below a folder; empty: all of the workspace.
    Folder(String),
    Cancel,
    /// Puts the result of the notebook in front away.
    Close,
    /// Puts the list of tested notebooks away.
    CloseList,
    /// Compares stored and new outputs side by side.
    Compare,
    /// Opens a notebook of the list with its result.
    Open(String),
    /// Shows or hides how tests are judged.
    Options(bool),
    /// Tests are judged in this way from now on.
    Judge(Judge),
}

/// How tests are judged, as it is typed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Judge {
    /// Only cells marked `nbval-check-output` are compared.
    pub lax: bool,
    /// Relative difference of two numbers that is none; empty: what the workspace says.
    pub tolerance: String,
    /// Most seconds a cell may take; empty: any.
    pub seconds: String,
    /// A file of patterns that are replaced on both sides, as nbval's; empty: none.
    pub masks: String,
}

/// The same, read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Judged {
    lax: bool,
    tolerance: Option<f64>,
    timeout: Option<Duration>,
    masks: Option<String>,
}

impl Judge {
    /// What it says, or what is wrong with it.
    pub fn read(&self) -> Result<Judged> {
        let number = |text: &str| match text.trim() {
            "" => Ok(None),
            text => text.parse::<f64>().map(Some).map_err(|_| Error::user(format!("{text} is no number"))),
        };
        let tolerance = number(&self.tolerance)?;
        if tolerance.is_some_and(|t| !(0.0..1.0).contains(&t)) {
            return Err(
                Error::user("The tolerance is a share of the number").hint("It is at least 0 and below 1: 1e-6")
            );
        }
        let timeout = match number(&self.seconds)? {
            None => None,
            Some(s) if s > 0.0 && s <= 1e9 => Some(Duration::from_secs_f64(s)),
            Some(_) => return Err(Error::user("The time of a cell is a number of seconds above 0")),
        };
        let masks = Some(self.masks.trim().trim_start_matches("./").to_owned()).filter(|m| !m.is_empty());
        if let Some(file) = &masks {
            fsx::inside(Path::new("/"), file)
                .map_err(|_| Error::user("The file of masks leads out of the workspace").hint("Name one below it"))?;
        }
        Ok(Judged { lax: self.lax, tolerance, timeout, masks })
    }
}

/// What comes back.
#[derive(Debug, Clone)]
pub enum Event {
    /// This cell of the notebook runs now.
    At {
        doc: DocId,
        number: u64,
        cell: usize,
    },
    Done {
        doc: DocId,
        number: u64,
        result: NotebookResult,
        sides: Option<Sides>,
    },
    /// It could not begin.
    Failed {
        doc: DocId,
        number: u64,
        error: Error,
    },
    /// One of a folder is done.
    One(NotebookResult),
    FolderDone(Option<Error>),
}

/// Where the tested notebook and its executed copy lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sides {
    pub stored: String,
    pub executed: String,
}

/// Work off the window's thread.
#[derive(Debug, Clone)]
pub enum Task {
    This { doc: DocId, number: u64, path: String, snapshot: Snapshot, how: Judged },
    Folder { paths: Vec<String>, how: Judged },
}

/// The test of an open notebook.
#[derive(Debug, Clone, Default)]
pub struct Test {
    /// Tells a late answer from the one that is waited for.
    pub number: u64,
    /// The cell that runs now, from 0; none when it is over.
    pub at: Option<usize>,
    pub result: Option<Arc<NotebookResult>>,
    pub sides: Option<Sides>,
    /// Cells of the result, as they were named when it began.
    keys: Vec<CellKey>,
    /// State of the notebook that was tested.
    revision: u64,
}

impl Test {
    /// True while it runs.
    pub fn is_running(&self) -> bool {
        self.result.is_none()
    }
    /// The result of a cell.
    pub fn of(&self, key: CellKey) -> Option<&CellResult> {
        let at = self.keys.iter().position(|k| *k == key)?;
        self.result.as_ref()?.cells.iter().find(|c| c.cell == at)
    }
    /// The cell a result is about.
    pub fn key(&self, result: &CellResult) -> Option<CellKey> {
        self.keys.get(result.cell).copied()
    }
    /// The notebook has been edited since.
    pub fn is_old(&self, doc: &Doc) -> bool {
        self.revision != doc.revision()
    }
}

/// Tests of a folder.
#[derive(Debug, Clone, Default)]
pub struct Tests {
    /// Empty: the workspace.
    pub folder: String,
    /// How many there are to be tested; 0 when nothing was asked.
    pub total: usize,
    pub running: bool,
    /// As they end.
    pub results: Vec<Arc<NotebookResult>>,
    /// How tests are judged, of single notebooks, too.
    pub judge: Judge,
    /// It can be changed now.
    pub options: bool,
}

const FOLDER: &str = "notebook.tests";

fn job_key(doc: DocId) -> String {
    format!("notebook.test:{doc}")
}

/// Handles a command; no I/O.
pub(super) fn command(state: &mut AppState, command: Command, cx: &Cx) -> Vec<Effect> {
    match command {
        Command::This => this(state),
        Command::Folder(folder) => below(state, &folder),
        Command::Cancel => {
            let mut effects = vec![Effect::Cancel(FOLDER.to_owned())];
            if let Some(doc) = state.notebook.doc_mut().filter(|d| d.test.as_ref().is_some_and(Test::is_running)) {
                effects.push(Effect::Cancel(job_key(doc.id)));
                doc.test = None;
            }
            state.notebook.tests.running = false;
            effects
        }
        Command::Close => {
            if let Some(doc) = state.notebook.doc_mut() {
                doc.test = None;
            }
            Vec::new()
        }
        Command::CloseList => {
            let Tests { judge, options, .. } = std::mem::take(&mut state.notebook.tests);
            state.notebook.tests = Tests { judge, options, ..Tests::default() };
            vec![Effect::Cancel(FOLDER.to_owned())]
        }
        Command::Compare => compare(state, cx),
        Command::Open(path) => open(state, &path, cx),
        Command::Options(shown) => {
            state.notebook.tests.options = shown;
            state.shell.hide_inspector &= !shown;
            Vec::new()
        }
        Command::Judge(judge) => {
            state.notebook.tests.judge = judge;
            Vec::new()
        }
    }
}

fn this(state: &mut AppState) -> Vec<Effect> {
    if let Some(effects) = workspace::require_trust(state, Notebooks::Test(Command::This)) {
        return effects;
    }
    let how = match state.notebook.tests.judge.read() {
        Ok(how) => how,
        Err(e) => return vec![notice(&e)],
    };
    let Some(doc) = state.notebook.doc_mut() else { return Vec::new() };
    let (Some(snapshot), Some(nb)) = (doc.snapshot(), doc.notebook()) else { return Vec::new() };
    let keys = nb.cells().iter().map(|c| c.key).collect();
    doc.tests += 1;
    let (id, number, path) = (doc.id, doc.tests, doc.path.clone());
    let revision = doc.revision();
    doc.test = Some(Test { number, at: None, result: None, sides: None, keys, revision });
    let title = format!("Testing {}", doc.title());
    let task = Task::This { doc: id, number, path, snapshot, how };
    vec![Job::long(job_key(id), Work::Test(task)).policy(Policy::Replace).titled(title).start()]
}

fn below(state: &mut AppState, folder: &str) -> Vec<Effect> {
    if let Some(effects) = workspace::require_trust(state, Notebooks::Test(Command::Folder(folder.to_owned()))) {
        return effects;
    }
    let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    let files = state.workspace.files(FileKind::Notebook).map(|e| e.path.clone());
    let paths: Vec<String> = files.filter(|p| p.starts_with(&prefix) && p.ends_with(".ipynb")).collect();
    if paths.is_empty() {
        return vec![notice(&Error::user("There is no notebook to test"))];
    }
    let (judge, options) = (state.notebook.tests.judge.clone(), state.notebook.tests.options);
    let how = match judge.read() {
        Ok(how) => how,
        Err(e) => return vec![notice(&e)],
    };
    state.shell.page = crate::app::shell::Page::Notebook;
    let (folder, total) = (folder.to_owned(), paths.len());
    state.notebook.tests = Tests { folder, total, running: true, results: Vec::new(), judge, options };
    let title = format!("Testing {}", text::count(paths.len() as u64, "notebook"));
    vec![Job::long(FOLDER, Work::Test(Task::Folder { paths, how })).policy(Policy::Replace).titled(title).start()]
}

fn compare(state: &mut AppState, cx: &Cx) -> Vec<Effect> {
    let sides = state.notebook.doc().and_then(|d| d.test.as_ref()?.sides.clone());
    let Some(sides) = sides else { return Vec::new() };
    let (base, compare) = (Rev::File(sides.stored), Rev::File(sides.executed));
    review::command(state, review::Command::Show { base, compare, path: None }, cx)
}

fn open(state: &mut AppState, path: &str, cx: &Cx) -> Vec<Effect> {
    let result = state.notebook.tests.results.iter().find(|r| r.path == path).cloned();
    let effects = super::open_path(state, path, cx);
    if let (Some(result), Some(doc)) = (result, state.notebook.doc_mut()) {
        doc.tests += 1;
        let test = Test { number: doc.tests, result: Some(result), revision: doc.revision(), ..Test::default() };
        doc.test = Some(test);
        name_cells(doc);
    }
    effects
}

/// A result of the list is about the cells of the file, which may be read only now.
pub(super) fn name_cells(doc: &mut Doc) {
    let (keys, revision) = (doc.cells().iter().map(|c| c.key).collect::<Vec<_>>(), doc.revision());
    if let Some(test) = doc.test.as_mut().filter(|t| t.keys.is_empty()) {
        test.keys = keys;
        test.revision = revision;
    }
}

/// Folds an event into the state; no I/O.
pub(super) fn event(state: &mut State, event: Event) -> Vec<Effect> {
    match event {
        Event::At { doc, number, cell } => {
            if let Some(test) = current(state, doc, number) {
                test.at = Some(cell);
            }
        }
        Event::Done { doc, number, result, sides } => {
            let title = state.by_id(doc).map(|d| d.title().to_owned()).unwrap_or_default();
            if let Some(test) = current(state, doc, number) {
                let words = result.words();
                let notice = if result.passed() {
                    Notice::success(format!("The test of {title} passed")).body(words)
                } else {
                    Notice {
                        tone: crate::app::notify::Tone::Failure,
                        ..Notice::info(format!("The test of {title} failed"))
                    }
                    .body(words)
                };
                (test.at, test.sides, test.result) = (None, sides, Some(Arc::new(result)));
                if state.active != Some(doc) {
                    return vec![Effect::Notice(notice.action("Show", Notebooks::Activate(doc)))];
                }
            }
        }
        Event::Failed { doc, number, error } => {
            if let Some(found) = state.by_id(doc).filter(|d| d.test.as_ref().is_some_and(|t| t.number == number)) {
                found.test = None;
            }
            return vec![notice(&error)];
        }
        Event::One(result) => {
            if state.tests.running {
                state.tests.results.push(Arc::new(result));
            }
        }
        Event::FolderDone(error) => {
            state.tests.running = false;
            return error.iter().map(notice).collect();
        }
    }
    Vec::new()
}

fn current(state: &mut State, doc: DocId, number: u64) -> Option<&mut Test> {
    state.by_id(doc)?.test.as_mut().filter(|t| t.number == number)
}

/// Carries out a task; blocking allowed.
pub(super) fn run(task: Task, env: &Arc<Env>, cx: &JobCtx, out: &Out) -> Result<()> {
    let root = env.root()?;
    let item = |path: &str| Item { root: root.clone(), file: root.join(path), name: path.to_owned() };
    match task {
        Task::This { doc, number, path, snapshot, how } => {
            let options = match options(&root, how) {
                Ok(options) => options,
                Err(error) => {
                    out.send(News::Test(Event::Failed { doc, number, error }));
                    return Ok(());
                }
            };
            let bytes = snapshot.to_bytes();
            let news = |progress| {
                if let Progress::Cell { index, .. } = progress {
                    out.send(News::Test(Event::At { doc, number, cell: index }));
                }
            };
            let tested = nbtest::test(&item(&path), bytes.clone(), &options, cx, &news);
            cx.check()?;
            // The result is worth more than the comparison.
            let sides = tested.executed.and_then(|copy| keep(&root, &path, &bytes, &copy).ok());
            out.send(News::Test(Event::Done { doc, number, result: tested.result, sides }));
        }
        Task::Folder { paths, how } => {
            let options = match options(&root, how) {
                Ok(options) => options,
                Err(error) => {
                    out.send(News::Test(Event::FolderDone(Some(error))));
                    return Ok(());
                }
            };
            let items: Vec<Item> = paths.iter().map(|p| item(p)).collect();
            let each = |_: usize, tested: &nbtest::Tested| out.send(News::Test(Event::One(tested.result.clone())));
            let done = nbtest::test_all(&items, &options, cx, &each);
            let error = done.err().filter(|e| !e.is_cancelled());
            out.send(News::Test(Event::FolderDone(error)));
        }
    }
    Ok(())
}

fn options(root: &Path, how: Judged) -> Result<Options> {
    let mut rules = diff_rules(root)?;
    rules.tolerance = how.tolerance.unwrap_or(rules.tolerance);
    let mut masks = Masks::default();
    if let Some(file) = &how.masks {
        masks.add(file, &fsx::read_text(&fsx::inside(root, file)?)?)?;
    }
    let policy = How { lax: how.lax, rules, masks, ..How::default() };
    Ok(Options { policy, cell_timeout: how.timeout, ..Options::default() })
}

/// Keeps both sides of the last test of a notebook below `.andon/tests`.
fn keep(root: &Path, path: &str, stored: &[u8], executed: &[u8]) -> Result<Sides> {
    let home = crate::engine::workspace::dot_andon(root)?;
    let dir = home.join("tests").join(format!("{:016x}", fsx::hash(path.as_bytes())));
    std::fs::create_dir_all(&dir).io(|| format!("Could not make {}", dir.display()))?;
    let name = path.rsplit('/').next().unwrap_or(path);
    let side = |which: &str, bytes: &[u8]| {
        let file = dir.join(format!("{which} {name}"));
        fsx::write_atomic(&file, bytes).map(|()| file.display().to_string())
    };
    Ok(Sides { stored: side("stored", stored)?, executed: side("executed", executed)? })
}
