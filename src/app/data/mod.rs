//! The data feature without pixels: open tables, their steps, and what of them is loaded.
//!
//! A [`Tab`] is one table with a list of steps. Steps, filter chips and the SQL text are one state: each change makes a
//! new revision, the view of that revision is computed by a job, and pages of older revisions are dropped.
mod extra;
mod job;
mod pages;
mod steps;
#[cfg(test)]
mod tests;

use std::{ops::Range, sync::Arc};

use jiff::Timestamp;

use super::{
    AppState, Cx, Effect, Env, Job, Out, Policy, action::Action, notebook, notify::Notice, shell::Page as ShellPage,
};
use crate::{
    base::{Error, Result, job::JobCtx, text},
    model::{
        notebook::CellKey,
        table::{
            Column, ColumnProfile, Filter, Page, Step, ViewSpec,
            chart::{Chart, ChartSpec},
            finding::{Finding, Leader},
            lex,
        },
    },
};

pub(super) use job::as_cell;
pub use pages::{PAGE_ROWS, Pages};

/// Number of an open table, unique in the process.
pub type TabId = u64;

/// Where a table comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A file, glob or folder, relative to the workspace.
    File(String),
    /// The result of a query.
    Query(String),
    /// The result of a SQL cell of an open notebook.
    Cell { doc: notebook::DocId, key: CellKey, title: String, sql: String },
}

impl Origin {
    /// As the source of a query.
    pub fn sql(&self) -> Option<String> {
        match self {
            Self::File(path) => Some(lex::text(path)),
            Self::Query(_) | Self::Cell { .. } => None,
        }
    }
}

/// How a table is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Face {
    #[default]
    Grid,
    /// All columns as rows.
    Profile,
    Chart,
}

/// An open table.
#[derive(Debug, Clone)]
pub struct Tab {
    pub id: TabId,
    pub origin: Origin,
    pub title: String,
    pub columns: Arc<[Column]>,
    /// Rows of the table before any step, once known.
    pub rows: Option<u64>,
    pub steps: Vec<Step>,
    /// Step lists before the last changes, for undo.
    pub past: Vec<Vec<Step>>,
    /// Rows left after each step, where known.
    pub step_rows: Vec<Option<u64>>,
    /// Rows of the present view; `None` while it is computed.
    pub view_rows: Option<u64>,
    /// The query of the present state.
    pub sql: String,
    /// Counts changes of the steps.
    pub revision: u64,
    pub pages: Pages,
    /// Profiles of the whole table by column.
    pub profiles: Vec<Option<ColumnProfile>>,
    /// The column the inspector shows, and its profile over the rows that are left.
    pub focus: Option<usize>,
    pub focus_profile: Option<(u64, ColumnProfile)>,
    pub notes: Vec<String>,
    /// The table could not be opened.
    pub error: Option<Error>,
    /// A filter or a query could not be carried out; the rows shown are those before.
    pub view_error: Option<Error>,
    pub loading: bool,
    /// When the running query began.
    pub since: Option<Timestamp>,
    pub elapsed_ms: Option<u64>,
    /// The file was changed on disk since it was read.
    pub stale: bool,
    pub face: Face,
    pub chart_spec: Option<ChartSpec>,
    /// The chart that came last; it stays until the next one has come.
    pub chart: Option<Result<Arc<Chart>>>,
    /// What the rows left of a revision have in common.
    leaders: Option<(u64, Finding)>,
}

impl Tab {
    fn new(id: TabId, origin: Origin) -> Self {
        let title = match &origin {
            Origin::File(path) => path.trim_end_matches('/').rsplit('/').next().unwrap_or(path).to_owned(),
            Origin::Query(_) => "Query".to_owned(),
            Origin::Cell { title, .. } => title.clone(),
        };
        let sql = match &origin {
            Origin::File(path) => ViewSpec::default().to_sql(&lex::text(path)),
            Origin::Query(sql) | Origin::Cell { sql, .. } => sql.clone(),
        };
        Self {
            id,
            origin,
            title,
            columns: Arc::from([]),
            rows: None,
            steps: Vec::new(),
            past: Vec::new(),
            step_rows: Vec::new(),
            view_rows: None,
            sql,
            revision: 0,
            pages: Pages::default(),
            profiles: Vec::new(),
            focus: None,
            focus_profile: None,
            notes: Vec::new(),
            error: None,
            view_error: None,
            loading: true,
            since: None,
            elapsed_ms: None,
            stale: false,
            face: Face::default(),
            chart_spec: None,
            chart: None,
            leaders: None,
        }
    }
    /// What the engine is asked for.
    pub fn spec(&self) -> ViewSpec {
        ViewSpec::of(&self.steps)
    }
    /// The sort as column numbers, strongest first.
    pub fn sort(&self) -> Vec<(usize, bool)> {
        let at = |name: &str| self.columns.iter().position(|c| c.name == name);
        self.spec().sort.iter().filter_map(|s| Some((at(&s.column)?, s.descending))).collect()
    }
    /// The profile of the focused column: of the rows that are left when it has come, else of the whole table.
    pub fn focused(&self) -> Option<&ColumnProfile> {
        let focus = self.focus?;
        let name = &self.columns.get(focus)?.name;
        if !self.spec().filters.is_empty() {
            return self
                .focus_profile
                .as_ref()
                .filter(|(r, p)| *r == self.revision && p.column.name == *name)
                .map(|(_, p)| p);
        }
        self.profiles.get(focus)?.as_ref()
    }
    /// True once every header shows exact figures.
    pub fn is_profile_exact(&self) -> bool {
        !self.profiles.is_empty() && self.profiles.iter().all(|p| p.as_ref().is_some_and(|p| p.sampled.is_none()))
    }
    /// Rows the grid has: of the view, else what is known to be there.
    pub fn shown_rows(&self) -> u64 {
        self.view_rows.or(self.rows).unwrap_or_else(|| self.pages.seen())
    }
    fn job(&self, what: &str) -> String {
        format!("data.{what}:{}", self.id)
    }
    fn name(&self) -> String {
        text::shorten(&self.title, 40)
    }
}

/// What the data page shows.
#[derive(Debug, Default)]
pub struct State {
    pub tabs: Vec<Tab>,
    pub active: Option<TabId>,
    next: u64,
}

impl State {
    /// The tab in front.
    pub fn active(&self) -> Option<&Tab> {
        self.tab(self.active?)
    }
    /// A tab by its number.
    pub fn tab(&self, id: TabId) -> Option<&Tab> {
        self.tabs.iter().find(|t| t.id == id)
    }
    fn tab_mut(&mut self, id: TabId) -> Option<&mut Tab> {
        self.tabs.iter_mut().find(|t| t.id == id)
    }
}

/// What a person can ask of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Opens a file of the workspace, or brings its tab to the front.
    Open(String),
    /// Opens a tab on the result of a query.
    OpenQuery(String),
    /// Opens a tab on the result a SQL cell has shown; `sql` is its query.
    OpenCell {
        doc: notebook::DocId,
        key: CellKey,
        title: String,
        sql: String,
    },
    Activate(TabId),
    Close(TabId),
    /// Reads the file again, keeping the steps.
    Reload(TabId),
    AddFilter {
        tab: TabId,
        filter: Filter,
    },
    SetStep {
        tab: TabId,
        index: usize,
        step: Step,
    },
    ToggleStep {
        tab: TabId,
        index: usize,
    },
    DeleteStep {
        tab: TabId,
        index: usize,
    },
    MoveStep {
        tab: TabId,
        index: usize,
        up: bool,
    },
    /// Puts a step at another place.
    MoveStepTo {
        tab: TabId,
        index: usize,
        to: usize,
    },
    /// Shows rows, profiles or a chart.
    Show {
        tab: TabId,
        face: Face,
    },
    SetChart {
        tab: TabId,
        spec: ChartSpec,
    },
    /// Adds a check to the end of a file of checks; `head` begins a new file.
    AddCheck {
        tab: TabId,
        path: String,
        head: String,
        block: String,
    },
    ClearSteps(TabId),
    UndoSteps(TabId),
    /// Smallest first, largest first, not at all, in turn.
    SortBy {
        tab: TabId,
        column: usize,
    },
    /// Keeps the rows of one bar of a column's histogram.
    FilterBar {
        tab: TabId,
        column: usize,
        bar: usize,
    },
    /// Runs an edited query; one that is a filter and an order of the same table becomes steps.
    RunSql {
        tab: TabId,
        sql: String,
    },
    /// Loads what the grid shows.
    NeedRows {
        tab: TabId,
        rows: Range<u64>,
    },
    /// The inspector shows this column.
    Focus {
        tab: TabId,
        column: usize,
    },
    /// Copies rows that may not be loaded as tab-separated lines.
    CopyRows {
        tab: TabId,
        rows: Range<u64>,
        columns: Range<usize>,
    },
    /// Writes the rows that are left to a file, relative to the workspace; the ending says the format.
    Export {
        tab: TabId,
        path: String,
    },
    /// Makes a notebook with a SQL cell of the same query.
    ToNotebook(TabId),
    /// Stops what is being computed for a tab.
    Stop(TabId),
}

/// A table as it is first known.
#[derive(Debug, Clone)]
pub struct OpenedTable {
    pub columns: Arc<[Column]>,
    pub rows: Option<u64>,
    pub notes: Vec<String>,
    pub page: Arc<Page>,
    pub elapsed_ms: u64,
    /// Pages deep in it are slow until the whole file has been read once.
    pub needs_prepare: bool,
}

/// What comes back.
#[derive(Debug, Clone)]
pub enum Event {
    Opened {
        tab: TabId,
        table: OpenedTable,
    },
    OpenFailed {
        tab: TabId,
        error: Error,
    },
    /// A file that can only be read from the start was read once; columns may have changed type.
    Prepared {
        tab: TabId,
        table: OpenedTable,
    },
    Viewed {
        tab: TabId,
        revision: u64,
        rows: u64,
        step_rows: Vec<Option<u64>>,
        page: Arc<Page>,
        elapsed_ms: u64,
        /// Further pages are slow until a copy by rows has been made.
        needs_prepare: bool,
    },
    ViewFailed {
        tab: TabId,
        revision: u64,
        error: Error,
    },
    Queried {
        tab: TabId,
        sql: String,
        table: OpenedTable,
    },
    QueryFailed {
        tab: TabId,
        error: Error,
    },
    Page {
        tab: TabId,
        revision: u64,
        page: Arc<Page>,
    },
    PagesFailed {
        tab: TabId,
        revision: u64,
        error: Error,
    },
    Profiles {
        tab: TabId,
        profiles: Vec<ColumnProfile>,
    },
    Profile {
        tab: TabId,
        profile: ColumnProfile,
    },
    FocusProfile {
        tab: TabId,
        revision: u64,
        profile: ColumnProfile,
    },
    Copied {
        text: String,
        rows: u64,
    },
    Exported {
        path: String,
        rows: u64,
    },
    NotebookWritten {
        path: String,
    },
    Charted {
        tab: TabId,
        revision: u64,
        spec: ChartSpec,
        chart: Result<Arc<Chart>>,
    },
    Compared {
        tab: TabId,
        revision: u64,
        leaders: Vec<Leader>,
    },
    CheckAdded {
        path: String,
        id: String,
    },
}

/// What runs off the window's thread.
#[derive(Debug, Clone)]
pub enum Task {
    Open { tab: TabId, origin: Origin },
    Prepare { tab: TabId },
    View { tab: TabId, revision: u64, steps: Vec<Step> },
    PrepareView { tab: TabId, revision: u64 },
    Query { tab: TabId, sql: String },
    Pages { tab: TabId, revision: u64, pages: Vec<u64> },
    Profile { tab: TabId },
    FocusProfile { tab: TabId, revision: u64, column: String },
    Copy { tab: TabId, revision: u64, rows: Range<u64>, columns: Range<usize> },
    Export { tab: TabId, revision: u64, path: String },
    ToNotebook { title: String, sql: String },
    Chart { tab: TabId, revision: u64, spec: ChartSpec },
    Compare { tab: TabId, revision: u64, columns: Vec<String> },
    AddCheck { path: String, head: String, block: String },
    Close { tab: TabId },
    CloseOthers { generation: u64 },
}

/// Handles a command; no I/O.
pub fn command(state: &mut AppState, command: Command, cx: &Cx) -> Vec<Effect> {
    match command {
        Command::Open(path) => open(state, Origin::File(path), cx),
        Command::OpenQuery(sql) => open(state, Origin::Query(sql), cx),
        Command::OpenCell { doc, key, title, sql } => open_cell(state, Origin::Cell { doc, key, title, sql }, cx),
        Command::Activate(id) => {
            state.data.active = Some(id);
            Vec::new()
        }
        Command::Close(id) => close(state, id),
        Command::Reload(id) => with(state, id, |tab| reload(tab, cx)),
        Command::RunSql { tab, sql } => with(state, tab, |tab| steps::run_sql(tab, sql, cx)),
        Command::NeedRows { tab, rows } => with(state, tab, |tab| need_rows(tab, &rows)),
        Command::Focus { tab, column } => with(state, tab, |tab| focus(tab, column)),
        Command::CopyRows { tab, rows, columns } => with(state, tab, |tab| {
            let task = Task::Copy { tab: tab.id, revision: tab.revision, rows, columns };
            vec![Job::cpu(tab.job("copy"), task).titled(format!("Copying rows of {}", tab.name())).start()]
        }),
        Command::Export { tab, path } => with(state, tab, |tab| {
            let title = format!("Exporting {}", tab.name());
            let task = Task::Export { tab: tab.id, revision: tab.revision, path };
            vec![Job::long(tab.job("export"), task).titled(title).start()]
        }),
        Command::ToNotebook(id) => with(state, id, |tab| {
            let task = Task::ToNotebook { title: tab.title.clone(), sql: tab.sql.clone() };
            vec![Job::io(tab.job("notebook"), task).policy(Policy::Reject).start()]
        }),
        Command::Stop(id) => with(state, id, stop),
        Command::Show { .. } | Command::SetChart { .. } | Command::AddCheck { .. } => extra::command(state, command),
        change => steps::command(state, change, cx),
    }
}

fn with(state: &mut AppState, id: TabId, act: impl FnOnce(&mut Tab) -> Vec<Effect>) -> Vec<Effect> {
    state.data.tab_mut(id).map_or_else(Vec::new, act)
}

fn open(state: &mut AppState, origin: Origin, cx: &Cx) -> Vec<Effect> {
    state.shell.page = ShellPage::Data;
    if let Some(known) = state.data.tabs.iter().find(|t| t.origin == origin).map(|t| t.id) {
        state.data.active = Some(known);
        let failed = state.data.tab(known).is_some_and(|t| t.error.is_some());
        return if failed { command(state, Command::Reload(known), cx) } else { Vec::new() };
    }
    state.data.next += 1;
    // Tables of a workspace closed before keep other numbers, so that late jobs cannot mix them up.
    let id = state.workspace.generation << 24 | state.data.next;
    let mut tab = Tab::new(id, origin);
    let effects = reload(&mut tab, cx);
    state.data.tabs.push(tab);
    state.data.active = Some(id);
    effects
}

/// Opens what a SQL cell of the notebook in front has shown.
pub fn open_notebook_cell(state: &mut AppState, key: CellKey, chart: bool, cx: &Cx) -> Vec<Effect> {
    let Some(doc) = state.notebook.doc() else { return Vec::new() };
    let cell = doc.cells().iter().find(|c| c.key == key);
    let Some(sql) = cell.and_then(|c| crate::model::table::sql_cell(&c.source)) else { return Vec::new() };
    let file = doc.path.rsplit('/').next().unwrap_or(&doc.path);
    let title = sql.name.clone().unwrap_or_else(|| format!("Result of {file}"));
    let origin = Origin::Cell { doc: doc.id, key, title, sql: sql.sql };
    let effects = open_cell(state, origin, cx);
    let active = state.data.active;
    if let Some(tab) = active.and_then(|id| state.data.tab_mut(id)) {
        tab.face = if chart { Face::Chart } else { Face::Grid };
    }
    effects
}

/// A cell run again has another result, so its tab reads it again.
fn open_cell(state: &mut AppState, origin: Origin, cx: &Cx) -> Vec<Effect> {
    let place = |o: &Origin| match o {
        Origin::Cell { doc, key, .. } => Some((*doc, *key)),
        _ => None,
    };
    let wanted = place(&origin);
    let Some(tab) = state.data.tabs.iter_mut().find(|t| place(&t.origin) == wanted) else {
        return open(state, origin, cx);
    };
    tab.origin = origin;
    let id = tab.id;
    let effects = reload(tab, cx);
    state.data.active = Some(id);
    state.shell.page = ShellPage::Data;
    effects
}

fn reload(tab: &mut Tab, cx: &Cx) -> Vec<Effect> {
    tab.loading = true;
    tab.error = None;
    tab.since = Some(cx.now());
    let task = Task::Open { tab: tab.id, origin: tab.origin.clone() };
    vec![Job::cpu(tab.job("open"), task).titled(format!("Opening {}", tab.name())).start()]
}

fn close(state: &mut AppState, id: TabId) -> Vec<Effect> {
    let Some(at) = state.data.tabs.iter().position(|t| t.id == id) else { return Vec::new() };
    let tab = state.data.tabs.remove(at);
    if state.data.active == Some(id) {
        let next = state.data.tabs.get(at).or(state.data.tabs.last());
        state.data.active = next.map(|t| t.id);
    }
    let mut effects: Vec<Effect> = JOBS.iter().map(|what| Effect::Cancel(tab.job(what))).collect();
    effects.push(Job::io(tab.job("close"), Task::Close { tab: id }).start());
    effects
}

const JOBS: [&str; 11] =
    ["open", "prepare", "view", "rows", "query", "pages", "profile", "focus", "copy", "chart", "compare"];

fn stop(tab: &mut Tab) -> Vec<Effect> {
    tab.loading = false;
    tab.pages.forget_pending();
    JOBS.iter().map(|what| Effect::Cancel(tab.job(what))).collect()
}

fn need_rows(tab: &mut Tab, rows: &Range<u64>) -> Vec<Effect> {
    if tab.loading || tab.error.is_some() {
        return Vec::new();
    }
    let Some(pages) = tab.pages.want(rows, tab.shown_rows()) else { return Vec::new() };
    let task = Task::Pages { tab: tab.id, revision: tab.revision, pages };
    vec![Job::cpu(tab.job("pages"), task).start()]
}

fn focus(tab: &mut Tab, column: usize) -> Vec<Effect> {
    if column >= tab.columns.len() {
        return Vec::new();
    }
    tab.focus = Some(column);
    focus_profile(tab)
}

/// The inspector describes the rows that are left; without a filter the header's profile is the same.
fn focus_profile(tab: &Tab) -> Vec<Effect> {
    let known = tab.focused().is_some_and(|p| p.sampled.is_none());
    let Some(column) = tab.focus.and_then(|c| tab.columns.get(c)) else { return Vec::new() };
    if known || tab.loading || tab.spec().filters.is_empty() {
        return Vec::new();
    }
    let task = Task::FocusProfile { tab: tab.id, revision: tab.revision, column: column.name.clone() };
    vec![Job::cpu(tab.job("focus"), task).start()]
}

/// Folds an event into the state; no I/O.
pub fn event(state: &mut AppState, event: Event, cx: &Cx) -> Vec<Effect> {
    match event {
        Event::Opened { tab, table } => with(state, tab, |tab| opened_table(tab, table, cx)),
        Event::OpenFailed { tab, error } => with(state, tab, |tab| {
            tab.loading = false;
            tab.error = Some(error);
            Vec::new()
        }),
        Event::Prepared { tab, table } => with(state, tab, |tab| {
            tab.notes.clone_from(&table.notes);
            let changed = tab.columns != table.columns;
            (tab.columns, tab.rows) = (table.columns.clone(), table.rows);
            if changed || tab.spec().is_plain() {
                tab.pages.reset();
                tab.pages.put(table.page);
            }
            tab.step_rows.clear();
            let mut effects = profile(tab);
            if !tab.spec().is_plain() {
                effects.extend(steps::view(tab, cx));
            }
            effects
        }),
        Event::Viewed { tab, revision, rows, step_rows, page, elapsed_ms, needs_prepare } => with(state, tab, |tab| {
            if tab.revision != revision {
                return Vec::new();
            }
            tab.loading = false;
            tab.view_error = None;
            tab.view_rows = Some(rows);
            tab.step_rows = step_rows;
            tab.elapsed_ms = Some(elapsed_ms);
            tab.pages.reset();
            tab.pages.put(page);
            let mut effects = focus_profile(tab);
            effects.extend(extra::ask(tab));
            effects.extend(extra::compare(tab));
            if needs_prepare {
                let title = format!("Preparing {} for scrolling", tab.name());
                let job = Job::long(tab.job("rows"), Task::PrepareView { tab: tab.id, revision });
                effects.push(job.titled(title).start());
            }
            effects
        }),
        Event::ViewFailed { tab, revision, error } => with(state, tab, |tab| {
            if tab.revision == revision {
                tab.loading = false;
                tab.view_error = Some(error);
            }
            Vec::new()
        }),
        Event::Queried { tab, sql, table } => with(state, tab, |tab| {
            tab.origin = Origin::Query(sql.clone());
            tab.sql = sql;
            tab.revision += 1;
            (tab.steps, tab.past) = (Vec::new(), Vec::new());
            opened_table(tab, table, cx)
        }),
        Event::QueryFailed { tab, error } => with(state, tab, |tab| {
            tab.loading = false;
            tab.view_error = Some(error);
            Vec::new()
        }),
        other => event_more(state, other, cx),
    }
}

fn event_more(state: &mut AppState, event: Event, cx: &Cx) -> Vec<Effect> {
    match event {
        Event::Page { tab, revision, page } => with(state, tab, |tab| {
            if tab.revision == revision {
                tab.pages.put(page);
            }
            Vec::new()
        }),
        Event::PagesFailed { tab, revision, error } => with(state, tab, |tab| {
            if tab.revision == revision {
                tab.pages.forget_pending();
                tab.view_error = Some(error);
                tab.loading = false;
            }
            Vec::new()
        }),
        Event::Profiles { tab, profiles } => with(state, tab, |tab| {
            tab.profiles = vec![None; tab.columns.len()];
            for profile in profiles {
                set_profile(tab, profile);
            }
            Vec::new()
        }),
        Event::Profile { tab, profile } => with(state, tab, |tab| {
            set_profile(tab, profile);
            Vec::new()
        }),
        Event::FocusProfile { tab, revision, profile } => with(state, tab, |tab| {
            if tab.revision == revision {
                tab.focus_profile = Some((revision, profile));
            }
            Vec::new()
        }),
        Event::Copied { text, rows } => {
            vec![Effect::Copy(text), Effect::Notice(Notice::success(format!("Copied {}", text::count(rows, "row"))))]
        }
        Event::Exported { path, rows } => {
            vec![Effect::Notice(Notice::success(format!("Wrote {} to {path}", text::count(rows, "row"))))]
        }
        Event::NotebookWritten { path } => super::workspace::open_file(state, &path, cx),
        more => extra::event(state, more),
    }
}

fn set_profile(tab: &mut Tab, profile: ColumnProfile) {
    let Some(at) = tab.columns.iter().position(|c| c.name == profile.column.name) else { return };
    if tab.profiles.len() != tab.columns.len() {
        tab.profiles = vec![None; tab.columns.len()];
    }
    tab.profiles[at] = Some(profile);
}

fn opened_table(tab: &mut Tab, table: OpenedTable, cx: &Cx) -> Vec<Effect> {
    tab.loading = false;
    tab.stale = false;
    tab.error = None;
    tab.view_error = None;
    tab.elapsed_ms = Some(table.elapsed_ms);
    tab.notes = table.notes;
    if tab.columns != table.columns {
        tab.profiles = vec![None; table.columns.len()];
        // The inspector starts with the first column that has something to measure.
        let first = table.columns.iter().position(|c| c.kind.is_number());
        tab.focus = first.or_else(|| (!table.columns.is_empty()).then_some(0));
    }
    tab.columns = table.columns;
    tab.rows = table.rows;
    tab.view_rows = None;
    tab.step_rows.clear();
    tab.pages.reset();
    tab.pages.put(table.page);
    let mut effects = profile(tab);
    tab.chart = None;
    if tab.spec().is_plain() {
        effects.extend(extra::ask(tab));
    }
    if table.needs_prepare {
        let title = format!("Reading {}", tab.name());
        effects.push(
            Job::long(tab.job("prepare"), Task::Prepare { tab: tab.id }).titled(title).policy(Policy::Replace).start(),
        );
    }
    if !tab.spec().is_plain() {
        effects.extend(steps::view(tab, cx));
    }
    effects
}

fn profile(tab: &Tab) -> Vec<Effect> {
    let title = format!("Profiling {}", tab.name());
    let job = Job::long(tab.job("profile"), Task::Profile { tab: tab.id }).titled(title);
    vec![Effect::Cancel(tab.job("profile")), job.policy(Policy::Replace).start()]
}

/// Carries out a task; blocking allowed.
pub fn run(task: Task, env: &Arc<Env>, cx: &JobCtx, out: &Out) -> Result<()> {
    job::run(task, env, cx, out)
}

/// A workspace was opened: loads what the page needs.
pub fn opened(state: &mut AppState, _cx: &Cx) -> Vec<Effect> {
    let task = Task::CloseOthers { generation: state.workspace.generation };
    vec![Job::io("data.close", task).start()]
}

/// Files below the root changed on disk (workspace-relative, `/`).
pub fn files_changed(state: &mut AppState, paths: &[String], _cx: &Cx) -> Vec<Effect> {
    for tab in &mut state.data.tabs {
        let Origin::File(path) = &tab.origin else { continue };
        let folder = format!("{}/", path.trim_end_matches('/'));
        tab.stale |= paths.iter().any(|p| p == path || p.starts_with(&folder));
    }
    Vec::new()
}

/// What the palette offers from here.
pub fn actions(state: &AppState) -> Vec<Action> {
    let mut all = Vec::new();
    for entry in state.workspace.files(crate::model::workspace::FileKind::Data) {
        let open = Command::Open(entry.path.clone());
        all.push(Action::new("Data", entry.name(), open).detail(entry.path.clone()).icon("table-2"));
    }
    let Some(tab) = state.data.active() else { return all };
    let name = tab.name();
    all.push(
        Action::new("Data", format!("Make a notebook from {name}"), Command::ToNotebook(tab.id)).icon("notebook-text"),
    );
    all.push(Action::new("Data", format!("Read {name} again"), Command::Reload(tab.id)).icon("refresh-cw"));
    let clear = Action::new("Data", "Remove all filters and sorts", Command::ClearSteps(tab.id)).icon("eraser");
    all.push(clear.only_if(!tab.steps.is_empty(), "There are no filters or sorts"));
    all.push(Action::new("Data", format!("Close {name}"), Command::Close(tab.id)).icon("x"));
    all
}

/// Opens a file of the workspace on this page; called by [`super::workspace::open_file`].
pub fn open_path(state: &mut AppState, path: &str, cx: &Cx) -> Vec<Effect> {
    open(state, Origin::File(path.to_owned()), cx)
}
