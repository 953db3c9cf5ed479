//! Searching and replacing in the whole workspace.
//!
//! The panel stands in the place of the notebook page's files. A search is one job; what came of it is kept in the order
//! of the paths, bounded. A place is opened by opening its file and, once that is read, going there (`go`). Replacing
//! changes open documents in one step each and leaves other files to a job (`replace`).
mod go;
mod offers;
mod replace;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::Duration};

use super::{
    AppState, Command as AnyCommand, Cx, Effect, Env, Job, Out, Policy,
    notebook::{self, Body},
    shell::{self, Page},
};
use crate::{
    base::{Error, Result, job::JobCtx, text},
    engine::search as engine,
    model::search::{Ask, FileHits, Hit, MOST, Tally},
};

pub use go::arrived;
pub use offers::actions;

/// A search begins when nobody has typed for this long.
const PAUSE: Duration = Duration::from_millis(180);
/// And when files have not changed for this long.
const SETTLE: Duration = Duration::from_millis(600);
const KEY: &str = "search";

/// A row of the list: a file, or a find in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    pub file: usize,
    pub hit: Option<usize>,
}

/// What the panel shows.
#[derive(Debug, Default)]
pub struct State {
    /// It stands in the place of the files.
    pub open: bool,
    pub ask: Ask,
    /// What replaces it.
    pub by: String,
    pub replacing: bool,
    /// The fields for patterns of paths are shown.
    pub patterns: bool,
    pub files: Vec<FileHits>,
    /// What the search came to; none while it goes on.
    pub tally: Option<Tally>,
    pub running: bool,
    pub error: Option<Error>,
    pub folded: BTreeSet<String>,
    pub chosen: Option<Row>,
    /// Counts requests to write into the field.
    pub focus: u64,
    /// Counts requests to bring the chosen row into sight.
    pub reveal: u64,
    /// What is found while the old list is still shown: files have changed.
    incoming: Option<Vec<FileHits>>,
    /// Numbers tell late finds from those that are waited for.
    asked: u64,
    /// The place to go to once its file is read.
    going: Option<(String, Hit)>,
    /// A replacement a job makes in files that are not open.
    writing: Option<replace::Part>,
    /// What was taken back at once in open documents while a job takes back the rest.
    taking: Option<replace::Back>,
    /// The last replacement, as long as it can be taken back.
    pub last: Option<replace::Last>,
}

impl State {
    /// Finds that are listed.
    pub fn hits(&self) -> usize {
        self.files.iter().map(|f| f.hits.len()).sum()
    }
    /// The file of a row.
    pub fn file(&self, row: Row) -> Option<&FileHits> {
        self.files.get(row.file)
    }
    /// The find of a row.
    pub fn hit(&self, row: Row) -> Option<&Hit> {
        self.file(row)?.hits.get(row.hit?)
    }
    /// Rows that are not folded away, in order.
    pub fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::with_capacity(self.files.len() * 4);
        for (file, of) in self.files.iter().enumerate() {
            rows.push(Row { file, hit: None });
            if !self.folded.contains(&of.path) {
                rows.extend((0..of.hits.len()).map(|hit| Row { file, hit: Some(hit) }));
            }
        }
        rows
    }
    /// What the list comes to, in words.
    pub fn words(&self) -> String {
        let (hits, files) = (self.hits() as u64, self.files.len() as u64);
        let found = format!("{} in {}", text::count(hits, "result"), text::count(files, "file"));
        match &self.tally {
            _ if self.ask.query.text.is_empty() => String::new(),
            None if hits == 0 => "Searching\u{2026}".to_owned(),
            None => format!("{found}, searching\u{2026}"),
            Some(tally) if hits == 0 && tally.full => "Stopped".to_owned(),
            Some(tally) if hits == 0 => format!("Nothing found in {}", text::count(tally.files as u64, "file")),
            Some(tally) if tally.full => format!("The first {found}; there are more"),
            Some(_) => found,
        }
    }
    /// What was not searched, a sentence each.
    pub fn left_out(&self) -> Vec<String> {
        let Some(tally) = &self.tally else { return Vec::new() };
        let name = |many: &[String]| {
            let shown = many.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
            if many.len() > 3 { format!("{shown} and {} more", many.len() - 3) } else { shown }
        };
        let mut out = Vec::new();
        if !tally.large.is_empty() {
            out.push(format!("Too large to be searched: {}", name(&tally.large)));
        }
        if !tally.unread.is_empty() {
            let all: Vec<String> = tally.unread.iter().map(|(path, why)| format!("{path} ({why})")).collect();
            out.push(format!("Could not be read: {}", name(&all)));
        }
        out
    }
    /// The chosen row, if it is still there and not folded away.
    fn place(&self, rows: &[Row]) -> Option<usize> {
        self.chosen.and_then(|c| rows.iter().position(|r| *r == c))
    }
}

/// What can be asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Opens the panel, looking for what is selected in the text in front.
    Open {
        replacing: bool,
    },
    Close,
    Look(Ask),
    By(String),
    TogglePatterns,
    ToggleReplace,
    /// Searches again.
    Again,
    Stop,
    /// Forgets what was looked for and what was found.
    Clear,
    Fold {
        path: String,
        fold: bool,
    },
    FoldAll(bool),
    Choose(Row),
    /// Down (`true`) or up by so many rows.
    Step(bool, usize),
    /// Left (`true`) and right: fold, unfold, from a find to its file.
    LeftRight(bool),
    /// Goes to the place of a row; a file alone is folded or unfolded.
    Go(Row),
    GoChosen,
    /// Goes to the next (`true`) or previous find.
    Next(bool),
    /// Takes a row off the list.
    Drop(Row),
    /// Replaces a find, or all of a file.
    Replace(Row),
    /// Asks, then replaces everything that is listed.
    ReplaceAll,
    ReplaceAllNow,
    /// Takes the last replacement back.
    TakeBack(u64),
}

/// What comes back.
#[derive(Debug, Clone)]
pub enum Event {
    Found { asked: u64, files: Vec<FileHits> },
    Done { asked: u64, result: Result<Tally, Error> },
    Replaced { number: u64, result: Result<engine::Replaced, Error> },
    TakenBack { result: Result<engine::Replaced, Error> },
}

/// Work off the window's thread.
#[derive(Debug, Clone)]
pub enum Task {
    Search { asked: u64, ask: Ask, open: Vec<engine::Open>, pause: Duration },
    Replace { number: u64, ask: Ask, by: String, edits: Vec<engine::Edit> },
    TakeBack(engine::Kept),
}

/// Handles a command; no I/O.
pub fn command(state: &mut AppState, command: Command, cx: &Cx) -> Vec<Effect> {
    match command {
        Command::Open { replacing } => return open(state, replacing),
        Command::Close => state.search.open = false,
        Command::Look(ask) => {
            if ask != state.search.ask {
                state.search.ask = ask;
                return look(state, PAUSE, false);
            }
        }
        Command::Again => return look(state, Duration::ZERO, false),
        Command::By(by) => state.search.by = by,
        Command::TogglePatterns => state.search.patterns = !state.search.patterns,
        Command::ToggleReplace => state.search.replacing = !state.search.replacing,
        Command::Stop => {
            let search = &mut state.search;
            search.asked += 1;
            search.running = false;
            search.incoming = None;
            search.tally.get_or_insert_default().full = true;
            return vec![Effect::Cancel(KEY.to_owned())];
        }
        Command::Clear => {
            let kept = std::mem::take(&mut state.search);
            state.search = State {
                open: true,
                replacing: kept.replacing,
                patterns: kept.patterns,
                focus: kept.focus + 1,
                asked: kept.asked + 1,
                last: kept.last,
                writing: kept.writing,
                ..State::default()
            };
            return vec![Effect::Cancel(KEY.to_owned())];
        }
        Command::Fold { path, fold } => turn(&mut state.search, &path, fold),
        Command::FoldAll(fold) => {
            let all = state.search.files.iter().map(|f| f.path.clone());
            state.search.folded = if fold { all.collect() } else { BTreeSet::new() };
        }
        Command::Choose(row) => choose(&mut state.search, row),
        Command::Step(down, by) => step(&mut state.search, down, by),
        Command::LeftRight(left) => left_right(&mut state.search, left),
        Command::Go(row) => return go_to_row(state, row, cx),
        Command::GoChosen => {
            let first = (!state.search.files.is_empty()).then_some(Row { file: 0, hit: Some(0) });
            return state.search.chosen.or(first).map_or_else(Vec::new, |row| go_to_row(state, row, cx));
        }
        Command::Next(next) => return next_hit(state, next, cx),
        Command::Drop(row) => drop_row(&mut state.search, row),
        Command::Replace(row) => return replace::row(state, row, cx),
        Command::ReplaceAll => return replace::ask(state),
        Command::ReplaceAllNow => return replace::all(state, cx),
        Command::TakeBack(number) => return replace::take_back(state, number, cx),
    }
    Vec::new()
}

fn open(state: &mut AppState, replacing: bool) -> Vec<Effect> {
    let selected = notebook::find::selected_line(state);
    state.shell.page = Page::Notebook;
    state.shell.hide_navigator = false;
    let search = &mut state.search;
    search.open = true;
    search.replacing |= replacing;
    search.focus += 1;
    let Some(text) = selected else { return Vec::new() };
    let text = if search.ask.query.regex { regex::escape(&text) } else { text };
    if text == search.ask.query.text {
        return Vec::new();
    }
    search.ask.query.text = text;
    look(state, Duration::ZERO, false)
}

/// Starts a search; a quiet one leaves the old list until it has ended.
fn look(state: &mut AppState, pause: Duration, quiet: bool) -> Vec<Effect> {
    let search = &mut state.search;
    search.asked += 1;
    search.error = None;
    search.incoming = quiet.then(Vec::new);
    if !quiet {
        search.chosen = None;
        search.files.clear();
        search.folded.clear();
        search.tally = None;
    }
    if let Err(e) = search.ask.query.compile() {
        search.error = Some(e);
    }
    search.running = search.error.is_none() && !search.ask.query.text.is_empty();
    if !search.running {
        search.files.clear();
        return vec![Effect::Cancel(KEY.to_owned())];
    }
    let open = state.notebook.docs.iter().filter_map(held).collect();
    let search = &state.search;
    let task = Task::Search { asked: search.asked, ask: search.ask.clone(), open, pause };
    vec![Job::long(KEY, task).policy(Policy::Replace).titled("Searching the workspace").start()]
}

/// What an open document holds.
fn held(doc: &notebook::Doc) -> Option<engine::Open> {
    let held = match &doc.body {
        Body::Text(text) => engine::Held::Text(text.document.editor.buffer().clone()),
        Body::Notebook(nb) => engine::Held::Cells(nb.cells().to_vec()),
        _ => return None,
    };
    Some(engine::Open { path: doc.path.clone(), held })
}

fn turn(search: &mut State, path: &str, fold: bool) {
    if fold {
        search.folded.insert(path.to_owned());
    } else {
        search.folded.remove(path);
    }
}

fn choose(search: &mut State, row: Row) {
    search.chosen = Some(row);
    search.reveal += 1;
}

fn step(search: &mut State, down: bool, by: usize) {
    let rows = search.rows();
    let Some(last) = rows.len().checked_sub(1) else { return };
    let to = match search.place(&rows) {
        Some(at) if down => (at + by).min(last),
        Some(at) => at.saturating_sub(by),
        None if down => 0,
        None => last,
    };
    choose(search, rows[to]);
}

fn left_right(search: &mut State, left: bool) {
    let Some(row) = search.chosen else { return };
    let Some(path) = search.file(row).map(|f| f.path.clone()) else { return };
    match (row.hit, left) {
        (Some(_), true) => choose(search, Row { hit: None, ..row }),
        (Some(_), false) => {}
        (None, true) => turn(search, &path, true),
        (None, false) if search.folded.contains(&path) => turn(search, &path, false),
        (None, false) => step(search, true, 1),
    }
}

fn go_to_row(state: &mut AppState, row: Row, cx: &Cx) -> Vec<Effect> {
    choose(&mut state.search, row);
    let Some(file) = state.search.file(row) else { return Vec::new() };
    let path = file.path.clone();
    match state.search.hit(row).cloned() {
        Some(hit) => go::go(state, path, hit, cx),
        None => {
            let fold = !state.search.folded.contains(&path);
            turn(&mut state.search, &path, fold);
            Vec::new()
        }
    }
}

fn next_hit(state: &mut AppState, next: bool, cx: &Cx) -> Vec<Effect> {
    let search = &state.search;
    let of = |(file, f): (usize, &FileHits)| (0..f.hits.len()).map(move |hit| Row { file, hit: Some(hit) });
    let rows: Vec<Row> = search.files.iter().enumerate().flat_map(of).collect();
    let Some(last) = rows.len().checked_sub(1) else { return Vec::new() };
    let to = match search.chosen {
        None if next => 0,
        None => last,
        // From a file to its first find.
        Some(row) if next => rows.iter().position(|r| *r > row).unwrap_or(0),
        Some(row) => rows.iter().rposition(|r| *r < row).unwrap_or(last),
    };
    let row = rows[to];
    if let Some(path) = state.search.file(row).map(|f| f.path.clone()) {
        turn(&mut state.search, &path, false);
    }
    go_to_row(state, row, cx)
}

/// Takes a row off the list; the row that comes into its place is chosen.
fn drop_row(search: &mut State, row: Row) {
    let Some(file) = search.files.get_mut(row.file) else { return };
    match row.hit {
        Some(hit) if hit < file.hits.len() => {
            file.hits.remove(hit);
        }
        Some(_) => return,
        None => file.hits.clear(),
    }
    if file.hits.is_empty() {
        search.files.remove(row.file);
    }
    let rows = search.rows();
    let at = rows.partition_point(|r| *r < row).min(rows.len().saturating_sub(1));
    search.chosen = rows.get(at).copied();
}

/// Folds an event into the state; no I/O.
pub fn event(state: &mut AppState, event: Event, cx: &Cx) -> Vec<Effect> {
    let search = &mut state.search;
    match event {
        Event::Found { asked, files } if asked == search.asked => match &mut search.incoming {
            Some(incoming) => incoming.extend(files),
            None => search.files.extend(files),
        },
        Event::Done { asked, result } if asked == search.asked => {
            search.running = false;
            if let Some(new) = search.incoming.take() {
                renewed(search, new);
            }
            match result {
                Ok(tally) => search.tally = Some(tally),
                Err(e) if e.is_cancelled() => search.tally.get_or_insert_default().full = true,
                Err(e) => search.error = Some(e),
            }
        }
        Event::Found { .. } | Event::Done { .. } => {}
        Event::Replaced { number, result } => return replace::replaced(state, number, result, cx),
        Event::TakenBack { result } => return replace::taken_back(state, result),
    }
    Vec::new()
}

/// A newer list takes the place of the shown one: what was chosen stays chosen.
fn renewed(search: &mut State, new: Vec<FileHits>) {
    let chosen = search.chosen.and_then(|row| Some((search.file(row)?.path.clone(), row.hit)));
    search.files = new;
    search.chosen = chosen.and_then(|(path, hit)| {
        let file = search.files.iter().position(|f| f.path == path)?;
        let most = search.files.get(file)?.hits.len();
        Some(Row { file, hit: hit.map(|h| h.min(most.saturating_sub(1))) })
    });
}

/// Carries out a task; blocking allowed.
pub fn run(task: Task, env: &Arc<Env>, cx: &JobCtx, out: &Out) -> Result<()> {
    match task {
        Task::Search { asked, ask, open, pause } => {
            let result = search(env.root()?, ask, open, pause, cx, &|files| out.send(Event::Found { asked, files }));
            out.send(Event::Done { asked, result });
        }
        Task::Replace { number, ask, by, edits } => {
            let result = ask.query.compile().and_then(|finder| match finder {
                Some(finder) => engine::replace(&env.root()?, &finder, &by, &edits, cx),
                None => Ok(engine::Replaced::default()),
            });
            out.send(Event::Replaced { number, result });
        }
        Task::TakeBack(kept) => {
            let result = env.root().and_then(|root| engine::take_back(&root, &kept));
            out.send(Event::TakenBack { result });
        }
    }
    Ok(())
}

/// Finds are sent in handfuls: one by one they would fill the frames.
fn search(
    root: PathBuf,
    ask: Ask,
    open: Vec<engine::Open>,
    pause: Duration,
    cx: &JobCtx,
    send: &(dyn Fn(Vec<FileHits>) + Sync),
) -> Result<Tally> {
    let until = std::time::Instant::now() + pause;
    while std::time::Instant::now() < until {
        cx.check()?;
        std::thread::sleep(Duration::from_millis(10));
    }
    let search = engine::Search { root, paths: Vec::new(), ask, open, scripts: true, most: MOST };
    let waiting: std::sync::Mutex<(Vec<FileHits>, Option<std::time::Instant>)> = std::sync::Mutex::default();
    let found = |file: FileHits| {
        let Ok(mut waiting) = waiting.lock() else { return };
        waiting.0.push(file);
        let due = waiting.1.is_none_or(|at| at.elapsed() > Duration::from_millis(40));
        if due || waiting.0.len() >= 64 {
            waiting.1 = Some(std::time::Instant::now());
            send(std::mem::take(&mut waiting.0));
        }
    };
    let tally = engine::search(&search, cx, &found)?;
    let rest = waiting.into_inner().unwrap_or_default().0;
    if !rest.is_empty() {
        send(rest);
    }
    Ok(tally)
}

/// A workspace was opened.
pub fn opened(_: &mut AppState, _: &Cx) -> Vec<Effect> {
    Vec::new()
}

/// Files changed on disk: what is listed may be no more.
pub fn files_changed(state: &mut AppState, paths: &[String], _: &Cx) -> Vec<Effect> {
    let ours = |p: &String| !p.starts_with(".git/") && !p.starts_with(".andon/");
    let search = &state.search;
    if !search.open || search.ask.query.text.is_empty() || search.error.is_some() || !paths.iter().any(ours) {
        return Vec::new();
    }
    let quiet = search.tally.is_some() || search.incoming.is_some();
    look(state, SETTLE, quiet)
}

fn confirm(title: String, body: String, verb: &str, command: Command) -> shell::Dialog {
    shell::Dialog::Confirm {
        title,
        body,
        verb: verb.to_owned(),
        destructive: false,
        command: Box::new(AnyCommand::Search(command)),
    }
}
