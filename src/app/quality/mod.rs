//! The quality feature without pixels: suites, their history, control charts, and evaluating now.
mod chart;
mod history;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub use chart::{Chart, Dot, Event as ChartEvent, EventKind, Subject, Tone, Verdict};
pub use history::{Evaluation, History};

use super::{
    AppState, Cx, Effect, Env, Job, Out, Policy,
    action::Action,
    home,
    notify::{Notice, Tone as NoticeTone},
    shell::Page,
    workspace,
};
use crate::{
    base::{Error, Result, ids::RunId, job::JobCtx, text},
    engine::{quality, store},
    model::{
        quality::{
            CheckPoint, Status, Suite, SuiteResult,
            note::{NOTES, Note},
        },
        series::Axis,
        table,
    },
};

/// Rows of failing data fetched for the page.
pub const ROWS_SHOWN: usize = 500;
/// Key of the job that evaluates.
pub const CHECK_JOB: &str = "quality.check";

/// The views of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum View {
    #[default]
    Overview,
    Checks,
}

/// How much time the plots show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Range {
    Days7,
    #[default]
    Days30,
    Days90,
    All,
}

impl Range {
    /// Its length in seconds; none for everything.
    pub fn secs(self) -> Option<f64> {
        match self {
            Self::Days7 => Some(7.0 * 86_400.0),
            Self::Days30 => Some(30.0 * 86_400.0),
            Self::Days90 => Some(90.0 * 86_400.0),
            Self::All => None,
        }
    }
    /// The range that shows a series of this length well.
    pub fn fitting(secs: f64) -> Self {
        const DAY: f64 = 86_400.0;
        match secs {
            s if s < 2.0 * DAY => Self::All,
            s if s <= 7.5 * DAY => Self::Days7,
            s if s > 31.0 * DAY && s <= 92.0 * DAY => Self::Days90,
            _ => Self::Days30,
        }
    }
}

/// A check file of the workspace.
#[derive(Debug, Clone, PartialEq)]
pub struct SuiteFile {
    pub path: String,
    pub suite: Result<Suite>,
}

impl SuiteFile {
    /// Its name, or the file's when it cannot be read.
    pub fn name(&self) -> &str {
        match &self.suite {
            Ok(suite) => &suite.name,
            Err(_) => self.path.trim_start_matches("checks/").trim_end_matches(".toml"),
        }
    }
}

/// Failing rows of one result.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// `delays.dep_delay_in_range`.
    pub title: String,
    pub sql: String,
    /// None while it is read; the first [`ROWS_SHOWN`] rows.
    pub page: Option<Result<table::Page>>,
    /// How many there are.
    pub total: u64,
}

/// What the quality page shows.
#[derive(Debug, Default)]
pub struct State {
    pub suites: Vec<SuiteFile>,
    pub history: Arc<History>,
    /// True once the history has been read, so that an empty page can say so.
    pub loaded: bool,
    /// Why the history could not be read.
    pub error: Option<Error>,
    pub view: View,
    pub range: Range,
    range_chosen: bool,
    /// None: the one that tells more.
    pub axis_chosen: Option<Axis>,
    pub selected: Option<Subject>,
    /// Evaluation of the result looked at; none for the newest.
    pub evaluation: Option<String>,
    /// The suite of the grid and of the list, by path.
    pub suite: Option<String>,
    /// Suites being evaluated, by path.
    pub running: BTreeSet<String>,
    /// Suites that could not be evaluated at all, by path.
    pub failed: BTreeMap<String, Error>,
    pub as_table: bool,
    pub rows: Option<Rows>,
    /// A load is under way and something changed since it began.
    again: bool,
    loading: bool,
}

impl State {
    /// The axis in use.
    pub fn axis(&self) -> Axis {
        self.axis_chosen.unwrap_or(self.history.axis)
    }
    /// The chart in front.
    pub fn chart(&self) -> Option<&Chart> {
        self.history.chart(self.selected.as_ref()?, self.axis())
    }
    /// What a chart shows: from and to in seconds. Ends now, or with its data when that is old; a suite's checks and
    /// a pipeline's metrics share it.
    pub fn window(&self, chart: &Chart, now: jiff::Timestamp) -> (f64, f64) {
        let now = crate::model::series::seconds(now);
        let axis = chart.axis;
        let (first, last) = self.history.span(chart, self.axis());
        if first > last {
            return (now - 86_400.0, now);
        }
        match self.range.secs() {
            Some(secs) => {
                let end = if axis == Axis::Run && now >= last && now - last < secs / 3.0 { now } else { last };
                (end - secs, end)
            }
            None => (first, last.max(first + 1.0)),
        }
    }
    /// Name of a suite by its path.
    pub fn suite_name<'a>(&'a self, path: &'a str) -> &'a str {
        let file = self.suites.iter().find(|s| s.path == path);
        file.map_or_else(|| path.trim_start_matches("checks/").trim_end_matches(".toml"), SuiteFile::name)
    }
    /// Paths of all suites, those with a file first.
    pub fn suite_paths(&self) -> Vec<String> {
        let mut all: Vec<String> = self.suites.iter().map(|s| s.path.clone()).collect();
        for path in self.history.suites() {
            if !all.iter().any(|p| p == path) {
                all.push(path.to_owned());
            }
        }
        all
    }
    /// Ids of the checks of a suite in the order of the page: what failed last first, then as in the file.
    pub fn check_ids(&self, path: &str) -> Vec<String> {
        let file = self.suites.iter().find(|s| s.path == path).and_then(|s| s.suite.as_ref().ok());
        let mut ids: Vec<String> = match file {
            Some(suite) => suite.checks.iter().map(|c| c.id.clone()).collect(),
            None => self.history.checks_of(path).map(str::to_owned).collect(),
        };
        let newest = self.history.newest(path).map(|e| e.id.clone()).unwrap_or_default();
        let rank = |id: &String| self.history.cell(path, id, &newest).map_or(Status::Passed, |p| p.status);
        ids.sort_by_key(|id| std::cmp::Reverse(rank(id)));
        ids
    }
    /// The result that is looked at: of the chosen evaluation, else the newest.
    pub fn result(&self) -> Option<&CheckPoint> {
        let Some(Subject::Check { path, id }) = &self.selected else { return None };
        match &self.evaluation {
            Some(evaluation) => self.history.cell(path, id, evaluation).or_else(|| self.history.latest(path, id)),
            None => self.history.latest(path, id),
        }
    }
}

/// What a person can ask of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    Show(View),
    SetRange(Range),
    SetAxis(Axis),
    Select(Subject),
    /// Goes to the page and selects.
    Open(Subject),
    /// Looks at the result of one evaluation.
    LookAt {
        subject: Subject,
        evaluation: Option<String>,
    },
    SelectSuite(String),
    ShowTable(bool),
    /// Evaluates these suites, all when empty, with these parameters over the defaults.
    RunChecks {
        paths: Vec<String>,
        params: BTreeMap<String, String>,
    },
    CancelChecks,
    /// Shows the failing rows of the result that is looked at.
    ShowRows,
    CloseRows,
    /// Writes on a chart, or takes away what was written there when the note is empty.
    Annotate(Note),
    /// Reads the history again.
    Reload,
}

/// What comes back.
#[derive(Debug, Clone)]
pub enum Event {
    Loaded {
        suites: Vec<SuiteFile>,
        history: Arc<History>,
    },
    LoadFailed(Error),
    /// A suite was evaluated and its results are kept.
    Evaluated(Box<SuiteResult>),
    /// What was written on a chart is in its file.
    Annotated,
    NotEvaluated {
        path: String,
        error: Error,
    },
    /// The job that evaluates has ended.
    Ended,
    Rows {
        sql: String,
        page: Result<table::Page>,
    },
}

/// What runs off the window's thread.
#[derive(Debug, Clone)]
pub enum Task {
    Load,
    Evaluate { paths: Vec<String>, params: BTreeMap<String, String> },
    Rows { sql: String },
    Annotate(Note),
}

/// Handles a command; no I/O.
pub fn command(state: &mut AppState, command: Command, _cx: &Cx) -> Vec<Effect> {
    let q = &mut state.quality;
    match command {
        Command::Show(view) => q.view = view,
        Command::SetRange(range) => {
            q.range = range;
            q.range_chosen = true;
        }
        Command::SetAxis(axis) => {
            q.axis_chosen = Some(axis);
            q.range_chosen = false;
            fit_range(q);
        }
        Command::Select(subject) => select(q, subject, None),
        Command::Open(subject) => {
            q.view = View::Overview;
            select(q, subject, None);
            state.shell.page = Page::Quality;
            state.shell.palette = None;
        }
        Command::LookAt { subject, evaluation } => select(q, subject, evaluation),
        Command::SelectSuite(path) => {
            let worst = q.check_ids(&path).first().cloned();
            if let Some(id) = worst {
                select(q, Subject::Check { path: path.clone(), id }, None);
            }
            q.suite = Some(path);
        }
        Command::ShowTable(on) => q.as_table = on,
        Command::RunChecks { paths, params } => return run_checks(state, paths, params),
        Command::CancelChecks => return vec![Effect::Cancel(CHECK_JOB.to_owned())],
        Command::ShowRows => return show_rows(q),
        Command::CloseRows => q.rows = None,
        Command::Annotate(note) => {
            return vec![Job::io("quality.note", Task::Annotate(note)).policy(Policy::Queue).start()];
        }
        Command::Reload => return load(state),
    }
    Vec::new()
}

fn select(q: &mut State, subject: Subject, evaluation: Option<String>) {
    if let Subject::Check { path, .. } = &subject {
        q.suite = Some(path.clone());
    }
    if q.selected.as_ref() != Some(&subject) || q.evaluation != evaluation {
        q.rows = None;
    }
    q.selected = Some(subject);
    q.evaluation = evaluation;
    fit_range(q);
}

/// Opens on the range that has data, unless a person chose one.
fn fit_range(q: &mut State) {
    if q.range_chosen {
        return;
    }
    let Some(chart) = q.chart() else { return };
    let (Some(first), Some(last)) = (chart.dots.first(), chart.dots.last()) else { return };
    q.range = Range::fitting(last.x - first.x);
}

fn run_checks(state: &mut AppState, paths: Vec<String>, params: BTreeMap<String, String>) -> Vec<Effect> {
    let wish = Command::RunChecks { paths: paths.clone(), params: params.clone() };
    if let Some(effects) = workspace::require_trust(state, wish) {
        return effects;
    }
    let q = &mut state.quality;
    if !q.running.is_empty() {
        return Vec::new();
    }
    let known = q.suites.iter().map(|s| s.path.clone());
    let paths: Vec<String> = if paths.is_empty() { known.collect() } else { paths };
    if paths.is_empty() {
        let notice = Notice::info("There are no checks yet").body("A suite is one TOML file in checks/");
        return vec![Effect::Notice(notice)];
    }
    q.running = paths.iter().cloned().collect();
    q.failed.retain(|path, _| !paths.contains(path));
    let title = match paths.as_slice() {
        [one] => format!("Checking {}", q.suite_name(one)),
        many => format!("Checking {}", text::count(many.len() as u64, "suite")),
    };
    vec![Job::long(CHECK_JOB, Task::Evaluate { paths, params }).titled(title).start()]
}

fn show_rows(q: &mut State) -> Vec<Effect> {
    let Some(result) = q.result() else { return Vec::new() };
    let Some(sql) = result.rows_sql.clone() else { return Vec::new() };
    q.rows = Some(Rows { title: result.full_name(), sql: sql.clone(), page: None, total: 0 });
    vec![Job::cpu("quality.rows", Task::Rows { sql }).start()]
}

/// Reads suites and history; a load under way is followed by another one.
fn load(state: &mut AppState) -> Vec<Effect> {
    let q = &mut state.quality;
    if q.loading {
        q.again = true;
        return Vec::new();
    }
    q.loading = true;
    vec![Job::io("quality.load", Task::Load).policy(Policy::Queue).start()]
}

/// The store has new runs, metrics or results: called by the runs feature.
pub fn store_changed(state: &mut AppState) -> Vec<Effect> {
    load(state)
}

/// Folds an event into the state; no I/O.
pub fn event(state: &mut AppState, event: Event, _cx: &Cx) -> Vec<Effect> {
    let q = &mut state.quality;
    match event {
        Event::Loaded { suites, history } => {
            (q.suites, q.history, q.loaded, q.error) = (suites, history, true, None);
            ensure_selection(q);
            return loaded(state);
        }
        Event::LoadFailed(error) => {
            (q.loaded, q.error) = (true, Some(error));
            return loaded(state);
        }
        Event::Evaluated(result) => {
            q.running.remove(&result.path);
            let notice = verdict_notice(&result);
            let elsewhere = state.shell.page != Page::Quality;
            let mut effects = load(state);
            if elsewhere {
                effects.push(Effect::Notice(notice));
            }
            return effects;
        }
        Event::NotEvaluated { path, error } => {
            q.running.remove(&path);
            q.failed.insert(path, error);
        }
        Event::Annotated => return load(state),
        Event::Ended => q.running.clear(),
        Event::Rows { sql, page } => {
            if let Some(rows) = q.rows.as_mut().filter(|r| r.sql == sql) {
                rows.total = page.as_ref().map_or(0, |p| p.total_rows);
                // The table shows what is here; the data page has the rest.
                rows.page = Some(page.map(|p| table::Page { total_rows: p.rows.len() as u64, ..p }));
            }
        }
    }
    Vec::new()
}

fn loaded(state: &mut AppState) -> Vec<Effect> {
    state.quality.loading = false;
    if std::mem::take(&mut state.quality.again) { load(state) } else { Vec::new() }
}

fn verdict_notice(result: &SuiteResult) -> Notice {
    let tone = match result.status() {
        Status::Failed | Status::Error => NoticeTone::Failure,
        Status::Warning => NoticeTone::Warning,
        Status::Passed | Status::Info => NoticeTone::Success,
    };
    let body = result.first_problem().unwrap_or_default();
    let open = super::shell::Command::Go(Page::Quality);
    Notice::new(tone, format!("{}: {}", result.suite, result.summary())).body(body).action("Open", open)
}

/// Keeps the selection while it exists; else the check that failed last, else the first there is.
fn ensure_selection(q: &mut State) {
    let exists = |q: &State, s: &Subject| match s {
        Subject::Check { path, id } => q.check_ids(path).contains(id),
        Subject::Metric { .. } => q.history.chart(s, Axis::Run).is_some(),
    };
    if let Some(selected) = q.selected.clone()
        && exists(q, &selected)
    {
        fit_range(q);
        return;
    }
    // A suite that was asked for before it was read.
    if let Some(path) = q.suite.clone()
        && let Some(id) = q.check_ids(&path).first().cloned()
    {
        return select(q, Subject::Check { path, id }, None);
    }
    // A failure with a history shows more than one that was evaluated once.
    let failing = attention_points(q);
    let long = |p: &CheckPoint| q.history.results(&p.path, &p.check).len() >= crate::model::spc::MIN_BASELINE;
    let failed = failing.iter().find(|(_, p)| long(p)).or(failing.first());
    let failed = failed.map(|(_, p)| (p.path.clone(), p.check.clone()));
    let first = || {
        let paths = q.suite_paths();
        let with_history = paths.iter().find(|p| q.history.newest(p).is_some()).or(paths.first())?;
        Some((with_history.clone(), q.check_ids(with_history).first()?.clone()))
    };
    match failed.or_else(first) {
        Some((path, id)) => select(q, Subject::Check { path, id }, None),
        None => {
            let metric = q.history.metrics(Axis::Run).next().map(|c| c.subject.clone());
            q.selected = metric;
            fit_range(q);
        }
    }
}

/// Carries out a task; blocking allowed.
pub fn run(task: Task, env: &Arc<Env>, cx: &JobCtx, out: &Out) -> Result<()> {
    let root = env.root()?;
    match task {
        Task::Load => match read(&root) {
            Ok(history) => out.send(Event::Loaded { suites: suite_files(&root), history: Arc::new(history) }),
            Err(error) => out.send(Event::LoadFailed(error)),
        },
        Task::Evaluate { paths, params } => {
            let result = evaluate(&root, &paths, &params, cx, out);
            out.send(Event::Ended);
            return result;
        }
        Task::Annotate(note) => {
            quality::put_note(&root, &note)?;
            out.send(Event::Annotated);
        }
        Task::Rows { sql } => {
            let session = crate::engine::sql::Session::new(&root);
            let page = session.query(&sql, cx).and_then(|frame| frame.page(0, ROWS_SHOWN));
            out.send(Event::Rows { sql, page });
        }
    }
    Ok(())
}

fn suite_files(root: &std::path::Path) -> Vec<SuiteFile> {
    quality::list(root).into_iter().map(|(path, suite)| SuiteFile { path, suite }).collect()
}

/// Looking at a workspace makes no database in it.
fn read(root: &std::path::Path) -> Result<History> {
    if !root.join(".andon/andon.db").exists() {
        return Ok(History::default());
    }
    let store = store::Store::open(root)?;
    let records = store.check_results(&store::CheckQuery::default())?;
    let metrics = store.metrics(&store::MetricQuery::default())?;
    let runs = store.runs(&store::RunQuery { per_pipeline: Some(400), ..store::RunQuery::default() })?;
    Ok(History::with(&records, &metrics, &runs, quality::notes(root)))
}

fn evaluate(
    root: &std::path::Path,
    paths: &[String],
    params: &BTreeMap<String, String>,
    cx: &JobCtx,
    out: &Out,
) -> Result<()> {
    let store = store::Store::open(root)?;
    for path in paths {
        cx.check()?;
        let result = quality::load(root, path).and_then(|suite| quality::evaluate(root, &suite, params, cx));
        match result {
            Ok(result) => {
                store.add_check_results(&result.records(None, None))?;
                out.send(Event::Evaluated(Box::new(result)));
            }
            Err(e) if e.is_cancelled() => return Err(e),
            Err(error) => out.send(Event::NotEvaluated { path: path.clone(), error }),
        }
    }
    Ok(())
}

/// A workspace was opened: loads what the page needs.
pub fn opened(state: &mut AppState, _cx: &Cx) -> Vec<Effect> {
    state.quality = State::default();
    load(state)
}

/// Files below the root changed on disk (workspace-relative, `/`).
pub fn files_changed(state: &mut AppState, paths: &[String], _cx: &Cx) -> Vec<Effect> {
    if paths.iter().any(|p| p.starts_with("checks/") || p == NOTES) { load(state) } else { Vec::new() }
}

/// What the palette offers from here.
pub fn actions(state: &AppState) -> Vec<Action> {
    let q = &state.quality;
    let idle = q.running.is_empty();
    let run = |paths: Vec<String>| Command::RunChecks { paths, params: BTreeMap::new() };
    let mut all = vec![
        Action::new("Quality", "Run all checks", run(Vec::new()))
            .icon("play")
            .only_if(!q.suites.is_empty(), "No suite in checks/")
            .only_if(idle, "Checks are running"),
    ];
    for file in &q.suites {
        let missing = file.suite.as_ref().map(Suite::missing_params).unwrap_or_default();
        all.push(
            Action::new("Quality", format!("Run the checks of {}", file.name()), run(vec![file.path.clone()]))
                .detail(file.path.clone())
                .icon("play")
                .only_if(missing.is_empty(), "It needs parameters")
                .only_if(idle, "Checks are running"),
        );
    }
    for chart in q.history.charts(Axis::Run) {
        all.push(
            Action::new("Quality", format!("Plot {}", chart.title), Command::Open(chart.subject.clone()))
                .detail(chart.note.clone())
                .icon("activity"),
        );
    }
    all
}

/// Newest results that need a person, worst first, then newest, with the status they have.
fn attention_points(q: &State) -> Vec<(Status, &CheckPoint)> {
    let mut all: Vec<(Status, &CheckPoint)> = Vec::new();
    for path in q.history.suites() {
        // A check that was taken out of its file is history, not a problem.
        let ids = q.check_ids(path);
        let Some(newest) = q.history.newest(path) else { continue };
        let points = ids.iter().filter_map(|id| q.history.cell(path, id, &newest.id));
        all.extend(points.filter(|p| !matches!(p.status, Status::Passed | Status::Info)).map(|p| (p.status, p)));
    }
    all.sort_by_key(|(status, p)| (!status.stops(), std::cmp::Reverse(p.at)));
    all
}

/// What needs a person, for Home: failed checks, then patterns on control charts, newest first.
pub fn attention(state: &AppState) -> Vec<home::Row> {
    let q = &state.quality;
    let axis = q.axis();
    let mut rows: Vec<home::Row> = Vec::new();
    for (status, point) in attention_points(q) {
        let subject = Subject::Check { path: point.path.clone(), id: point.check.clone() };
        let chart = q.history.chart(&subject, axis);
        rows.push(home::Row {
            key: format!("check:{}:{}", point.path, point.check),
            level: if status.stops() { home::Level::Red } else { home::Level::Amber },
            filter: home::Filter::Data,
            title: point.full_name(),
            evidence: point.message.clone(),
            picture: chart.map_or(home::Picture::None, |c| home::Picture::Line(c.spark(20))),
            at: Some(point.at),
            place: point.suite.clone(),
            action: ("Look at it".to_owned(), open(subject)),
            rerun: Some(Command::RunChecks { paths: vec![point.path.clone()], params: BTreeMap::new() }.into()),
        });
    }
    for chart in q.history.charts(axis) {
        let key = format!("chart:{}", chart.subject.key());
        let Some((dot, signal)) = chart.signal_now() else { continue };
        if dot.fails() || (dot.status.is_some() && gone(q, &chart.subject)) {
            continue;
        }
        let limits = chart.last_limits();
        let words = limits.map(|l| signal.words(&l)).unwrap_or_default();
        rows.push(home::Row {
            key,
            level: home::Level::Amber,
            filter: home::Filter::Data,
            title: chart.title.clone(),
            evidence: format!("{words}: {}", chart.show(dot.value)),
            picture: home::Picture::Line(chart.spark(20)),
            at: Some(dot.at),
            place: "control chart".to_owned(),
            action: ("Look at it".to_owned(), open(chart.subject.clone())),
            rerun: None,
        });
    }
    rows.sort_by_key(|r| (r.level, std::cmp::Reverse(r.at)));
    rows
}

/// True for a check that is no longer in its file.
fn gone(q: &State, subject: &Subject) -> bool {
    matches!(subject, Subject::Check { path, id } if !q.check_ids(path).contains(id))
}

fn open(subject: Subject) -> super::Command {
    Command::Open(subject).into()
}

/// Opens a check file on this page; called by [`super::workspace::open_file`].
pub fn open_path(state: &mut AppState, path: &str, cx: &Cx) -> Vec<Effect> {
    state.shell.page = Page::Quality;
    state.quality.view = View::Checks;
    command(state, Command::SelectSuite(path.to_owned()), cx)
}

/// Opens the page of a run.
pub fn open_run(run: &RunId) -> super::Command {
    super::runs::Command::OpenRun(run.clone()).into()
}

/// Opens a query on the data page.
pub fn open_query(sql: &str) -> super::Command {
    super::data::Command::OpenQuery(sql.to_owned()).into()
}
