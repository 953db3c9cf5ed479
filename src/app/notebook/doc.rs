//! An open document: the notebook, what is selected in it, what ran and what waits.
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use jiff::Timestamp;

use super::{
    assist::Assist,
    beside::Beside,
    find::Find,
    fold::{Folds, first_level},
    session::{Session, TextDoc, language_of},
    tested::Test,
};
use crate::{
    base::Error,
    engine::notebook::Draft,
    model::{
        editor::{Editor, Selections},
        kernel::{ExecId, KernelInfo, KernelSpec, SessionState, Variable},
        names::{Names, names_of},
        notebook::{Cell, CellKey, CellKind, Notebook, Snapshot},
        output::{Collector, Widgets},
        params::{DECLARED, tagged},
        table::{ColumnProfile, Page},
    },
};

/// Number of an open document, never used twice in a process.
pub type DocId = u64;

/// What a document holds.
#[derive(Debug)]
pub enum Body {
    /// Being read.
    Loading,
    /// Could not be read.
    Failed(Error),
    Notebook(Box<Notebook>),
    Text(TextDoc),
}

/// Which keys mean what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Letters are commands.
    #[default]
    Command,
    /// Letters are text.
    Edit,
}

/// The file changed under an open document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    /// Another program wrote this version.
    Changed(u64),
    /// It was deleted.
    Gone,
}

/// One execution of a cell in this session.
#[derive(Debug)]
pub struct CellRun {
    /// It ran on the embedded engine rather than on a kernel.
    pub sql: bool,
    /// Sessions count up with every restart; a run of an earlier one proves nothing.
    pub epoch: u64,
    /// Order of runs in the document.
    pub number: u64,
    /// The text that ran.
    pub source: Arc<str>,
    pub started: Timestamp,
    /// Empty while it runs.
    pub ms: Option<u64>,
    pub end: RunEnd,
    /// What it has shown so far.
    pub live: Collector,
    /// The rows of a SQL result, as far as they were asked for.
    pub table: Option<SqlTable>,
    /// A line the code asks for: prompt, and whether it is a password.
    pub input: Option<(String, bool)>,
    /// Its number, where the kernel outlives the window.
    pub exec: Option<ExecId>,
    /// Its outputs are in the file.
    pub settled: bool,
    /// Its outputs are being written into the cell.
    pub storing: bool,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum RunEnd {
    Running,
    Ok,
    /// The code failed; its output tells.
    Failed,
    /// The embedded engine refused it, or its kernel could not be reached: shown below the cell.
    Error(Error),
    /// There was no kernel to run it on; the cell has not run.
    NoKernel(Error),
    Interrupted,
}

/// A SQL result on screen.
#[derive(Debug, Clone, PartialEq)]
pub struct SqlTable {
    /// Where it is kept, if it has a name.
    pub name: Option<String>,
    /// The rows last asked for.
    pub page: Arc<Page>,
    pub ms: u64,
    /// Shape of each column, once counted.
    pub profiles: Vec<Option<ColumnProfile>>,
}

/// A result that later cells can use by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    pub name: String,
    pub rows: u64,
    pub columns: usize,
    pub key: CellKey,
}

/// How the variables are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VariableOrder {
    /// As the kernel has them: the oldest first.
    #[default]
    Made,
    Name,
    Kind,
    /// The largest first.
    Memory,
}

/// A cell that runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Running {
    pub key: CellKey,
    pub number: u64,
    /// An interrupt was asked for.
    pub stopping: bool,
}

/// What the toolbar's chip says about the kernel.
#[derive(Debug, Default)]
pub struct KernelView {
    pub spec: Option<KernelSpec>,
    pub state: Option<SessionState>,
    pub info: Option<KernelInfo>,
    /// Why there is none, once one was needed.
    pub missing: Option<Error>,
    /// Which one the person chose, by id.
    pub chosen: Option<String>,
}

/// The honest state of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CellState {
    /// Text: it has no state.
    Plain,
    Never,
    /// Its outputs come from the file or from before a restart.
    Earlier,
    Queued,
    Running,
    Fresh,
    Edited,
    /// It uses what this cell (its number, from 1) has changed since.
    Stale(usize),
    Failed,
}

impl CellState {
    /// What a person reads.
    pub fn word(self) -> String {
        match self {
            Self::Plain => String::new(),
            Self::Never => "Not run".into(),
            Self::Earlier => "From an earlier session".into(),
            Self::Queued => "Queued".into(),
            Self::Running => "Running".into(),
            Self::Fresh => "Fresh".into(),
            Self::Edited => "Edited since run".into(),
            Self::Stale(cell) => format!("Stale: cell {cell} changed"),
            Self::Failed => "Failed".into(),
        }
    }
    /// True when "Run stale" would run it.
    pub fn needs_run(self) -> bool {
        matches!(self, Self::Edited | Self::Stale(_) | Self::Failed | Self::Never | Self::Earlier)
    }
    /// How much it matters in a summary.
    fn weight(self) -> u8 {
        match self {
            Self::Plain => 0,
            Self::Fresh => 1,
            Self::Never => 2,
            Self::Earlier => 3,
            Self::Queued => 4,
            Self::Running => 5,
            Self::Stale(_) => 6,
            Self::Edited => 7,
            Self::Failed => 8,
        }
    }
}

/// A heading with the state of what stands below it.
#[derive(Debug, Clone, PartialEq)]
pub struct OutlineRow {
    pub key: CellKey,
    /// Place of its cell.
    pub at: usize,
    pub level: usize,
    pub title: String,
    pub state: CellState,
}

/// An open document.
#[derive(Debug)]
pub struct Doc {
    pub id: DocId,
    /// Relative to the root.
    pub path: String,
    pub body: Body,
    /// Version on disk that the document started from; `None` for a file not written yet.
    pub disk: Option<u64>,
    pub conflict: Option<Conflict>,
    /// Unsaved edits of a crashed window, offered until the person decides.
    pub draft: Option<Draft>,
    /// A script with cells is shown as text all the same.
    pub as_text: bool,
    pub saving: bool,
    /// Saved again once the present save is done.
    pub save_again: bool,
    pub save_error: Option<Error>,
    /// A timer for the journal is set.
    pub journal_due: bool,
    /// The state last kept in the journal.
    pub journaled: Option<u64>,
    /// What was here before it was read anew as something else, until the next edit.
    pub before_reload: Option<Box<Notebook>>,
    /// Metadata being edited as JSON.
    pub raw: Option<Box<super::raw::Raw>>,
    /// Metadata that were closed with something written in them.
    pub(super) raw_put_away: Option<Box<super::raw::Raw>>,
    /// The attachment whose name is being typed.
    pub naming: Option<(CellKey, String)>,
    /// What is known of versions that other programs wrote.
    pub outside: super::outside::Outside,

    pub mode: Mode,
    pub selected: CellKey,
    /// The other end of a selection of several cells.
    pub anchor: CellKey,
    /// Line and column of the cursor, from 1.
    pub cursor: (usize, usize),
    /// Counts requests to bring the selected cell into view.
    pub reveal: u64,
    /// Counts requests to give the keyboard to the text that is edited.
    pub grab: u64,
    /// Cells whose Markdown is shown as source though they are not edited.
    pub unrendered: Vec<CellKey>,
    pub line_numbers: bool,

    pub runs: HashMap<CellKey, CellRun>,
    pub queue: VecDeque<CellKey>,
    pub running: Option<Running>,
    /// Which kernel session is the present one.
    pub epoch: u64,
    /// Which SQL session is the present one.
    pub sql_epoch: u64,
    pub run_count: u64,
    /// The highest number of an execution in this session, as the gutter shows it.
    pub last_count: i64,
    /// The last number was given to a query, which the kernel knows nothing of.
    pub count_ahead: bool,
    pub kernel: KernelView,
    /// What is told to and found of a kernel that outlives the window.
    pub kept_kernel: super::kept::Kernel,
    pub kept: Vec<Kept>,
    /// What the kernel's names stand for, as of the last run.
    pub variables: Vec<Variable>,
    /// Names of the kernel beyond those.
    pub more_variables: u64,
    pub variable_order: VariableOrder,
    /// Only names that hold these letters are shown.
    pub variable_filter: String,
    /// The plan of a query that is shown.
    pub plan: Option<(CellKey, Result<String, Error>)>,
    /// Memory of the kernel's process in bytes.
    pub memory: Option<u64>,
    /// What is offered or explained at the cursor.
    pub assist: Assist,
    /// Widgets of the present session.
    pub widgets: Widgets,
    /// What texts show that lies beside the notebook.
    pub beside: Beside,
    /// Folded headings.
    pub folds: Folds,
    /// The cell being edited, while letters are text.
    pub session: Option<Session>,
    /// Where the cursors of other cells were left.
    pub carets: HashMap<CellKey, Selections>,
    /// What is looked for.
    pub find: Option<Find>,
    /// What was run before, while it is listed.
    pub past: Option<super::history::Past>,

    /// The last test of it, and how many there were.
    pub test: Option<Test>,
    pub tests: u64,
    /// What its tab says instead of the end of the path.
    pub name: Option<String>,

    /// A long cell is being written in: what it defines is looked for when the letters rest.
    pub typing: Option<CellKey>,

    names: HashMap<CellKey, (Arc<str>, Arc<Names>)>,
    states: HashMap<CellKey, CellState>,
    outline: Vec<OutlineRow>,
    stale: Vec<CellKey>,
    only_sql: bool,
    declares: bool,
}

impl Doc {
    /// A document being read.
    pub fn new(id: DocId, path: String) -> Self {
        Self {
            id,
            path,
            body: Body::Loading,
            disk: None,
            conflict: None,
            draft: None,
            as_text: false,
            saving: false,
            save_again: false,
            save_error: None,
            journal_due: false,
            journaled: None,
            before_reload: None,
            raw: None,
            raw_put_away: None,
            naming: None,
            outside: super::outside::Outside::default(),
            mode: Mode::Command,
            selected: CellKey(0),
            anchor: CellKey(0),
            cursor: (1, 1),
            reveal: 0,
            grab: 0,
            unrendered: Vec::new(),
            line_numbers: false,
            runs: HashMap::new(),
            queue: VecDeque::new(),
            running: None,
            epoch: 1,
            sql_epoch: 1,
            run_count: 0,
            last_count: 0,
            count_ahead: false,
            kernel: KernelView::default(),
            kept_kernel: super::kept::Kernel::default(),
            kept: Vec::new(),
            variables: Vec::new(),
            beside: Beside::default(),
            widgets: Widgets::default(),
            more_variables: 0,
            variable_order: VariableOrder::default(),
            variable_filter: String::new(),
            plan: None,
            memory: None,
            assist: Assist::default(),
            folds: Folds::default(),
            session: None,
            carets: HashMap::new(),
            find: None,
            past: None,
            test: None,
            tests: 0,
            name: None,
            typing: None,
            names: HashMap::new(),
            states: HashMap::new(),
            outline: Vec::new(),
            stale: Vec::new(),
            only_sql: false,
            declares: false,
        }
    }

    /// Last part of the path, or what an executed copy is called.
    pub fn title(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| self.path.rsplit('/').next().unwrap_or(&self.path))
    }
    /// The notebook, unless it is being read, broken, or a text file.
    pub fn notebook(&self) -> Option<&Notebook> {
        match &self.body {
            Body::Notebook(n) => Some(n),
            _ => None,
        }
    }
    /// The notebook for changing.
    pub fn notebook_mut(&mut self) -> Option<&mut Notebook> {
        match &mut self.body {
            Body::Notebook(n) => Some(n),
            _ => None,
        }
    }
    /// The cells; none for other documents.
    pub fn cells(&self) -> &[Arc<Cell>] {
        self.notebook().map(Notebook::cells).unwrap_or_default()
    }
    /// True when it differs from the file, or is the only copy of it.
    pub fn is_dirty(&self) -> bool {
        match &self.body {
            Body::Notebook(_) | Body::Text(_) if self.conflict == Some(Conflict::Gone) => true,
            Body::Notebook(_) if self.disk.is_none() && self.conflict.is_none() => true,
            _ => self.has_edits(),
        }
    }
    /// True when somebody or something changed it since it was read or saved.
    pub fn has_edits(&self) -> bool {
        match &self.body {
            Body::Notebook(n) => n.is_dirty(),
            Body::Text(t) => t.document.history.state() != t.document.history.saved(),
            _ => false,
        }
    }
    /// Name of the present state.
    pub fn revision(&self) -> u64 {
        match &self.body {
            Body::Notebook(n) => n.revision(),
            Body::Text(t) => t.document.history.state(),
            _ => 0,
        }
    }
    /// The bytes to write, to be joined by a job.
    pub fn snapshot(&self) -> Option<Snapshot> {
        match &self.body {
            Body::Notebook(n) => Some(n.snapshot()),
            Body::Text(t) => Some(Snapshot::from(t.to_bytes())),
            _ => None,
        }
    }

    /// Place of the selected cell.
    pub fn index(&self) -> usize {
        self.notebook().and_then(|n| n.index_of(self.selected)).unwrap_or(0)
    }
    /// The selected cell.
    pub fn cell(&self) -> Option<&Arc<Cell>> {
        self.notebook()?.cell(self.selected)
    }
    /// Keys of all selected cells, in order; a folded heading stands for its whole part.
    pub fn selection(&self) -> Vec<CellKey> {
        let Some(nb) = self.notebook() else { return Vec::new() };
        let a = self.index();
        let b = nb.index_of(self.anchor).unwrap_or(a);
        self.with_hidden(nb.cells().iter().skip(a.min(b)).take(a.abs_diff(b) + 1).map(|c| c.key).collect())
    }
    /// True when the cell is among the selected ones.
    pub fn is_selected(&self, index: usize) -> bool {
        let Some(nb) = self.notebook() else { return false };
        let a = self.index();
        let b = nb.index_of(self.anchor).unwrap_or(a);
        (a.min(b)..=a.max(b)).contains(&index)
    }
    /// Selects one cell and brings it into view.
    pub fn select(&mut self, key: CellKey) {
        if self.selected != key
            && let Some(nb) = self.notebook_mut()
        {
            nb.end_typing();
        }
        self.unfold_to(key);
        if self.selected != key {
            self.end();
        }
        self.selected = key;
        self.anchor = key;
        self.reveal += 1;
        self.assist.close();
    }
    /// Selects the cell at a place, or the nearest one.
    pub fn select_index(&mut self, index: usize) {
        let cells = self.cells();
        if let Some(key) = cells.get(index.min(cells.len().saturating_sub(1))).map(|c| c.key) {
            self.select(key);
        }
    }
    /// After a change: the selection points to cells that exist, and every state is worked out again.
    pub fn settle(&mut self) {
        let Some(nb) = self.notebook() else { return };
        if nb.cell(self.selected).is_none() {
            let key = nb.cells().first().map_or(CellKey(0), |c| c.key);
            self.selected = key;
        }
        if self.notebook().is_some_and(|n| n.cell(self.anchor).is_none()) {
            self.anchor = self.selected;
        }
        self.follow();
        self.work_out_states();
    }

    /// Begins to edit the selected cell, with these cursors or those it was left with.
    pub fn begin(&mut self, cursors: Option<Selections>) {
        self.mode = Mode::Edit;
        let Some(cell) = self.cell().cloned() else { return };
        let kept = cursors.or_else(|| match &self.session {
            Some(session) if session.key == cell.key => Some(session.editor.selections().clone()),
            _ => self.carets.get(&cell.key).cloned(),
        });
        match &mut self.session {
            Some(session) if session.key == cell.key => session.editor.select(kept.unwrap_or_default()),
            _ => self.session = Some(Session::new(&cell, language_of(self, &cell), kept)),
        }
        self.cursor = self.session.as_ref().map_or((1, 1), |s| s.editor.place());
    }
    /// Ends editing; the cursors stay where they are for the next time.
    pub fn end(&mut self) {
        self.past = None;
        if let Some(session) = self.session.take() {
            self.carets.insert(session.key, session.editor.selections().clone());
        }
    }
    /// The text being edited.
    pub fn editor(&self) -> Option<&Editor> {
        match &self.body {
            Body::Text(text) => Some(&text.document.editor),
            _ => self.session.as_ref().map(|s| &s.editor),
        }
    }
    /// The editor follows its cell.
    pub(super) fn follow(&mut self) {
        let Some(mut session) = self.session.take() else { return };
        if self.mode != Mode::Edit || session.key != self.selected {
            self.carets.insert(session.key, session.editor.selections().clone());
            if self.mode == Mode::Edit {
                self.begin(None);
            }
            return;
        }
        let Some(cell) = self.notebook().and_then(|n| n.cell(session.key)).cloned() else { return };
        let language = language_of(self, &cell);
        session.follow(&cell, language);
        self.cursor = session.editor.place();
        self.session = Some(session);
    }

    /// The kernel's variables as they are to be listed. What a query gave to the kernel is listed with its cell.
    pub fn listed_variables(&self) -> Vec<&Variable> {
        let wanted = self.variable_filter.trim().to_lowercase();
        let fits = |v: &&Variable| {
            wanted.is_empty() || v.name.to_lowercase().contains(&wanted) || v.kind.to_lowercase().contains(&wanted)
        };
        let own = |v: &&Variable| self.kept.iter().all(|k| k.name != v.name);
        let mut all: Vec<&Variable> = self.variables.iter().filter(own).filter(fits).collect();
        match self.variable_order {
            VariableOrder::Made => {}
            VariableOrder::Name => all.sort_by_key(|v| v.name.to_lowercase()),
            VariableOrder::Kind => all.sort_by_key(|v| (v.kind.clone(), v.name.to_lowercase())),
            VariableOrder::Memory => all.sort_by_key(|v| std::cmp::Reverse(v.bytes)),
        }
        all
    }

    /// What the cell defines and uses.
    pub fn names(&self, key: CellKey) -> Option<&Names> {
        self.names.get(&key).map(|(_, n)| &**n)
    }
    /// The honest state of a cell.
    pub fn state_of(&self, key: CellKey) -> CellState {
        self.states.get(&key).copied().unwrap_or(CellState::Plain)
    }
    /// Headings with the state of each part.
    pub fn outline(&self) -> &[OutlineRow] {
        &self.outline
    }
    /// Cells that "Run stale" runs: those which ran and are out of date, failed, or depend on such.
    pub fn stale(&self) -> &[CellKey] {
        &self.stale
    }
    /// True when every cell of code runs on the embedded engine.
    pub fn only_sql(&self) -> bool {
        self.only_sql
    }

    /// True when a cell declares parameters.
    pub fn declares(&self) -> bool {
        self.declares
    }

    /// True when the run belongs to a session that still lives.
    pub fn is_present(&self, run: &CellRun) -> bool {
        run.epoch == if run.sql { self.sql_epoch } else { self.epoch }
    }

    fn own_state(&self, cell: &Cell) -> CellState {
        if cell.kind != CellKind::Code {
            return CellState::Plain;
        }
        if self.running.as_ref().is_some_and(|r| r.key == cell.key) {
            return CellState::Running;
        }
        if self.queue.contains(&cell.key) {
            return CellState::Queued;
        }
        match self.runs.get(&cell.key) {
            Some(run) if self.is_present(run) && run.ms.is_some() && !matches!(run.end, RunEnd::NoKernel(_)) => {
                if run.source != cell.source {
                    return CellState::Edited;
                }
                match run.end {
                    RunEnd::Ok => CellState::Fresh,
                    RunEnd::Running => CellState::Running,
                    RunEnd::Failed | RunEnd::Error(_) | RunEnd::NoKernel(_) | RunEnd::Interrupted => CellState::Failed,
                }
            }
            _ if cell.has_outputs() || cell.execution_count.is_some() => CellState::Earlier,
            Some(run) if run.ms.is_some() && !matches!(run.end, RunEnd::NoKernel(_)) => CellState::Earlier,
            _ => CellState::Never,
        }
    }

    /// One pass from the top: a cell is stale when the nearest cell above that defines a name it uses has changed,
    /// or has run later than it did.
    fn work_out_states(&mut self) {
        let Some(nb) = self.notebook() else { return };
        let language = nb.language();
        let cells: Vec<Arc<Cell>> = nb.cells().to_vec();
        self.names.retain(|k, _| nb_has(&cells, *k));
        for cell in cells.iter().filter(|c| c.kind == CellKind::Code) {
            let later = self.typing == Some(cell.key) && self.mode == Mode::Edit && self.selected == cell.key;
            let known = self
                .names
                .get(&cell.key)
                .is_some_and(|(s, _)| later || Arc::ptr_eq(s, &cell.source) || *s == cell.source);
            if !known {
                let names = Arc::new(names_of(&cell.source, &language));
                self.names.insert(cell.key, (cell.source.clone(), names));
            }
        }
        let mut states: HashMap<CellKey, CellState> = HashMap::with_capacity(cells.len());
        let mut definers: HashMap<&str, (usize, CellKey)> = HashMap::new();
        for (i, cell) in cells.iter().enumerate() {
            let mut state = self.own_state(cell);
            let names = self.names.get(&cell.key).map(|(_, n)| n);
            if let (CellState::Fresh, Some(names)) = (state, names) {
                let mine = self.runs.get(&cell.key).map_or(0, |r| r.number);
                let changed = names.uses.iter().filter_map(|u| definers.get(u.as_str())).find(|(_, d)| {
                    let theirs = self.runs.get(d).filter(|r| self.is_present(r)).map_or(0, |r| r.number);
                    theirs > mine || matches!(states.get(d), Some(CellState::Edited | CellState::Stale(_)))
                });
                if let Some((at, _)) = changed {
                    state = CellState::Stale(at + 1);
                }
            }
            states.insert(cell.key, state);
            for name in names.into_iter().flat_map(|n| &n.defines) {
                definers.insert(name, (i, cell.key));
            }
        }
        let outline = outline(&cells, &states);
        let out_of_date =
            |k: &CellKey| matches!(states.get(k), Some(CellState::Edited | CellState::Stale(_) | CellState::Failed));
        self.stale = cells.iter().map(|c| c.key).filter(out_of_date).collect();
        let mut code = cells.iter().filter(|c| c.kind == CellKind::Code && !c.source.trim().is_empty()).peekable();
        self.only_sql = code.peek().is_some() && code.all(|c| Self::is_sql(c));
        self.declares = tagged(&cells, DECLARED).is_some();
        let level = |c: &Arc<Cell>| Some((c.key, first_level(c.kind, &c.source)?));
        let levels = cells.iter().filter_map(level).collect();
        self.states = states;
        self.outline = outline;
        self.refold(levels);
        // What came to stand below a folded heading while it was selected stays in sight.
        self.unfold_to(self.selected);
    }

    /// True when the cell runs on the embedded engine.
    pub fn is_sql(cell: &Cell) -> bool {
        let rest = cell.source.trim_start().strip_prefix("%%sql").filter(|_| cell.kind == CellKind::Code);
        rest.is_some_and(|r| r.is_empty() || r.starts_with(char::is_whitespace))
    }
}

fn nb_has(cells: &[Arc<Cell>], key: CellKey) -> bool {
    // Keys are handed out in rising order, and most cells keep their place.
    cells.get(key.0 as usize).is_some_and(|c| c.key == key) || cells.iter().any(|c| c.key == key)
}

/// Headings outside of code fences, each with the most telling state of the code cells until the next one.
fn outline(cells: &[Arc<Cell>], states: &HashMap<CellKey, CellState>) -> Vec<OutlineRow> {
    let mut rows: Vec<OutlineRow> = Vec::new();
    for (at, cell) in cells.iter().enumerate() {
        if cell.kind == CellKind::Markdown {
            let mut fenced = false;
            for line in cell.source.lines() {
                fenced ^= line.trim_start().starts_with("```");
                let level = line.bytes().take_while(|b| *b == b'#').count();
                let title = line.get(level..).unwrap_or_default();
                if !fenced && (1..=6).contains(&level) && title.starts_with(' ') {
                    let title = title.trim().trim_end_matches('#').trim().replace(['*', '`'], "");
                    rows.push(OutlineRow { key: cell.key, at, level, title, state: CellState::Plain });
                }
            }
        } else if let (Some(row), Some(state)) = (rows.last_mut(), states.get(&cell.key))
            && state.weight() > row.state.weight()
        {
            row.state = *state;
        }
    }
    rows
}
