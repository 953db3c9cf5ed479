//! The notebook feature without pixels.
//!
//! [`doc`] is an open document with the honest state of its cells, `edit` changes it, `run` feeds cells to the
//! embedded engine and to kernels one at a time, `save` keeps the file, the journal and the world outside apart,
//! `kept` finds and feeds kernels that outlive the window, `task` does the work off the window's thread.
pub mod assist;
pub mod beside;
mod choice;
pub mod doc;
mod edit;
mod facts;
pub mod files;
pub mod find;
pub mod fold;
mod form;
pub mod full_text;
pub mod history;
pub mod kept;
pub mod kernels;
pub mod keys;
mod offers;
pub mod outside;
pub mod parameters;
pub mod places;
pub mod raw;
pub mod revert;
mod run;
mod save;
pub mod session;
mod store;
mod task;
pub mod tested;
mod whole;
pub mod widgets;

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    AppState, Cx, Effect, Job,
    notify::Notice,
    shell::{self, Page as ShellPage},
};
use crate::{
    base::Error,
    engine::notebook::{Content, Draft},
    model::{
        editor::{Act, Buffer, find::Query},
        export::Form,
        kernel::{Discovery, ExecEvent, ExecId, Label, Outcome, Past, Plan, SessionEvent, Variable},
        notebook::{Cell, CellKey, CellKind, Clip, Notebook, OutputJson, Snapshot},
        run::Params,
        table::{ColumnProfile, Page},
    },
};
pub use choice::{After, Merge, Scope, Step};
pub use doc::{Body, CellState, Conflict, Doc, DocId, Mode, RunEnd};
pub use facts::{kernel_fact, status_facts};
pub use offers::actions;
pub use task::{KernelWish, Runtimes, run};

/// What the notebook page shows.
#[derive(Debug, Default)]
pub struct State {
    pub docs: Vec<Doc>,
    pub active: Option<DocId>,
    next: DocId,
    /// Cells that were cut or copied.
    pub clipboard: Vec<Clip>,
    /// Unsaved edits of windows that ended without saving.
    pub drafts: Vec<Draft>,
    /// Kernels found on this machine, once somebody asked.
    pub kernels: Option<Arc<Discovery>>,
    /// An environment being made, or why it failed.
    pub making: Option<kernels::Making>,
    /// What was chosen, and Jupyter Servers.
    pub picker: kernels::State,
    /// The document a new path is being typed for.
    pub saving_as: Option<DocId>,
    /// Notebooks tested as a folder.
    pub tests: tested::Tests,
    /// Notebooks that were run with parameters from here: the copies are shown when they end.
    pub following: Vec<String>,
}

impl State {
    /// The document in front.
    pub fn doc(&self) -> Option<&Doc> {
        self.docs.iter().find(|d| Some(d.id) == self.active)
    }
    /// The document in front, for changing.
    pub fn doc_mut(&mut self) -> Option<&mut Doc> {
        let active = self.active;
        self.docs.iter_mut().find(|d| Some(d.id) == active)
    }
    /// A document by its number.
    pub fn by_id(&mut self, id: DocId) -> Option<&mut Doc> {
        self.docs.iter_mut().find(|d| d.id == id)
    }
}

/// What a person can ask of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Opens a file of the workspace, or brings it to the front.
    Open(String),
    /// Opens a new notebook that is not on disk yet.
    New,
    Activate(DocId),
    /// The tab to the right (`true`) or left.
    NextTab(bool),
    /// Closes a tab; asks first when it has unsaved changes.
    Close(DocId),
    /// Closes it whatever it holds; the journal keeps unsaved edits no longer.
    CloseAnyway(DocId),

    Select(CellKey),
    /// Extends the selection to this cell.
    SelectTo(CellKey),
    Go {
        step: Step,
        extend: bool,
    },
    SelectAll,
    EnterEdit,
    LeaveEdit,
    ToggleLineNumbers,
    /// Folds or unfolds the part below a heading.
    Fold {
        key: CellKey,
        fold: bool,
    },
    FoldAll(bool),
    /// Left (`true`) and right: fold and unfold, or from heading to heading.
    LeftRight(bool),
    /// A heading above the part the cell stands in, or below it.
    InsertHeading {
        above: bool,
    },
    /// Asks what can stand at the cursor (in characters).
    Complete {
        key: CellKey,
        text: String,
        cursor: usize,
    },
    /// Asks what the name at the cursor is.
    Explain {
        key: CellKey,
        text: String,
        cursor: usize,
    },
    /// Closes what was offered or explained.
    CloseAssist,

    /// What was done to the text of a cell.
    EditCell {
        key: CellKey,
        acts: Vec<Act>,
    },
    /// What was done to a text file.
    EditFile {
        doc: DocId,
        acts: Vec<Act>,
    },
    UndoFile(DocId),
    RedoFile(DocId),
    /// An arrow went beyond the first (`true`) or last row of the cell: its neighbour is edited.
    Beyond(bool),

    /// Opens the bar that finds, with the field that replaces.
    Find {
        replacing: bool,
    },
    CloseFind,
    LookFor {
        query: Query,
        by: String,
        /// In all cells.
        all: bool,
        /// Also in outputs.
        outputs: bool,
    },
    /// The next find (`true`), or the one before.
    FindNext(bool),
    ReplaceOne,
    ReplaceAll,
    /// Goes to a line or a definition.
    Place(places::Command),
    /// Lists what was run before.
    History(history::Command),
    Insert {
        above: bool,
        kind: CellKind,
    },
    Delete,
    Cut,
    CopyCells,
    Paste,
    /// Moves the selected cells by one place.
    Move {
        up: bool,
    },
    /// Drops a cell at a place.
    MoveTo {
        key: CellKey,
        to: usize,
    },
    SetKind(CellKind),
    Heading(usize),
    Merge(Merge),
    /// Splits the cell at a byte of its text.
    Split {
        key: CellKey,
        at: usize,
    },
    ClearOutputs,
    ClearAllOutputs,
    Undo,
    Redo,
    /// Undo inside the focused cell.
    UndoTyping,
    /// And redo.
    RedoTyping,
    /// Makes an old format editable.
    Upgrade,
    /// Makes the selected cell as the last commit has it.
    RevertCell,
    /// Makes the whole file as the last commit has it.
    RevertFile,
    /// Takes that of a cell back, while nothing else was edited.
    UndoRevert {
        doc: DocId,
        revision: u64,
    },

    Run(Scope),
    Interrupt,
    /// Stops the kernel hard after an interrupt did not help.
    Kill,
    /// Runs the cells of a kernel that another window runs now.
    TakeOver(DocId),
    /// Asks, then restarts.
    Restart,
    RestartNow {
        then_all: bool,
    },
    ShutdownKernel,
    /// Answers an `input()`.
    Answer(String),
    /// Which kernel it runs on.
    Kernels(kernels::Command),
    /// Rows of a SQL result for its grid.
    NeedRows {
        doc: DocId,
        key: CellKey,
        first: u64,
        count: usize,
    },
    /// A person used a widget.
    Widget(widgets::Command),
    /// About a version that another program wrote.
    Outside(outside::Command),
    /// Metadata as JSON.
    Raw(raw::Command),
    /// Files that come into a notebook.
    Files(files::Command),
    /// Something that a text points at.
    Beside(beside::Command),
    FullText(full_text::Command),
    /// Shows a result on the data page, as rows or as a chart.
    OpenInData {
        key: CellKey,
        chart: bool,
    },
    /// Shows the engine's plan of a SQL cell, or no longer.
    ShowPlan(Option<CellKey>),
    /// Opens a data frame of the kernel on the data page.
    OpenVariable(String),
    SortVariables(doc::VariableOrder),
    FilterVariables(String),
    RefreshVariables,
    /// Shows what changed since the last commit on the review page.
    Compare,
    Commit,
    /// Notebooks as tests.
    Test(tested::Command),
    /// Opens the form of the notebook's parameters.
    AskParameters,
    /// Makes the selected cell the one that declares parameters, or no longer.
    DeclareParameters,

    /// Shows a script with cells as text, or as a notebook again.
    AsText(DocId),
    Export(Form),
    Save,
    SaveAll,
    /// Asks for another path (`true`), or no longer.
    AskPath(bool),
    /// Saves under another path, relative to the root.
    SaveAs {
        doc: DocId,
        path: String,
    },
    /// Writes over the other program's version.
    SaveOver(DocId),
    /// Takes the version on disk.
    Reload(DocId),
    /// Goes on with the version in the window; the next save writes over the other one.
    KeepMine(DocId),
    UndoReload(DocId),
    RestoreDraft(DocId),
    DiscardDraft(DocId),
    /// The journal's timer.
    Journal(DocId),
}

/// What comes back.
#[derive(Debug, Clone)]
pub enum Event {
    Loaded {
        doc: DocId,
        content: Box<Content>,
        hash: u64,
    },
    LoadFailed {
        doc: DocId,
        error: Error,
    },
    Drafts(Vec<Draft>),
    DraftRead {
        doc: DocId,
        content: Box<Content>,
    },
    Saved {
        doc: DocId,
        path: String,
        hash: u64,
        revision: u64,
    },
    SaveFailed {
        doc: DocId,
        error: Error,
        disk: Option<u64>,
    },
    /// The version found on disk; `None`: the file is gone.
    Disk {
        doc: DocId,
        hash: Option<u64>,
    },
    Started {
        doc: DocId,
        key: CellKey,
        number: u64,
        at: Timestamp,
        exec: Option<ExecId>,
    },
    Sql {
        doc: DocId,
        key: CellKey,
        number: u64,
        result: Result<SqlAnswer, Error>,
        ms: u64,
    },
    Exec {
        doc: DocId,
        key: CellKey,
        number: u64,
        event: ExecEvent,
    },
    /// A kernel cell has ended; `Err`: it could not run.
    Ended {
        doc: DocId,
        key: CellKey,
        number: u64,
        result: Result<Outcome, Error>,
        ms: u64,
    },
    /// No kernel of the notebook's language was found.
    NoKernel {
        doc: DocId,
        key: CellKey,
        number: u64,
        error: Error,
    },
    Kernel {
        doc: DocId,
        spec: Option<Box<crate::model::kernel::KernelSpec>>,
        event: Option<SessionEvent>,
    },
    /// A run that this window did not ask for. `present`: in the kernel's present process.
    Adopted {
        doc: DocId,
        past: Box<Past>,
        present: bool,
    },
    /// What such a run reports.
    ExecOf {
        doc: DocId,
        id: ExecId,
        event: ExecEvent,
    },
    /// The widgets that a kernel has from before this window came.
    Widgets {
        doc: DocId,
        all: serde_json::Value,
    },
    /// All that a run prints is kept in this file, or why it is not.
    Whole {
        doc: DocId,
        run: whole::RunOf,
        kept: Result<String, Error>,
    },
    /// The window has come to text that was sent to it.
    Taken {
        behind: whole::Behind,
        bytes: usize,
    },
    /// A kernel that was kept, or what one left.
    FoundKernel {
        doc: DocId,
        found: Box<kept::Found>,
    },
    /// A cell with what the last commit has in its place.
    Committed {
        doc: DocId,
        revision: u64,
        key: CellKey,
        result: Result<Box<revert::Committed>, Error>,
    },
    Beside(beside::Event),
    Outside(outside::Event),
    Files(files::Event),
    FullText(full_text::Event),
    Kernels(Box<kernels::Event>),
    Store(Box<store::Event>),
    Rows {
        doc: DocId,
        key: CellKey,
        page: Arc<Page>,
    },
    /// The shape of the columns of a SQL result.
    Shapes {
        doc: DocId,
        key: CellKey,
        number: u64,
        profiles: Vec<ColumnProfile>,
    },
    Variables {
        doc: DocId,
        variables: Vec<Variable>,
        /// Names beyond those.
        more: u64,
        memory: Option<u64>,
    },
    Planned {
        doc: DocId,
        key: CellKey,
        plan: Result<String, Error>,
    },
    /// A data frame was copied out of the kernel; some of its rows may be left there.
    FrameCopied {
        doc: DocId,
        key: CellKey,
        name: String,
        copied: Result<(u64, u64, Option<String>), Error>,
    },
    Offered {
        doc: DocId,
        number: u64,
        offer: Option<assist::Offer>,
    },
    Explained {
        doc: DocId,
        number: u64,
        hint: assist::Hint,
    },
    Test(tested::Event),
    History(history::Event),
    /// Where something was found in a long text.
    Found {
        doc: DocId,
        number: u64,
        finds: Vec<find::Found>,
        /// In outputs.
        shown: bool,
    },
}

/// The result of a SQL cell.
#[derive(Debug, Clone)]
pub struct SqlAnswer {
    pub page: Arc<Page>,
    pub name: Option<String>,
    /// As stored in the notebook.
    pub outputs: Vec<OutputJson>,
}

/// Work off the window's thread.
#[derive(Debug, Clone)]
pub enum Task {
    Load {
        doc: DocId,
        path: String,
        as_text: bool,
    },
    /// Makes another kind of file of the notebook and asks where it goes.
    Export {
        book: Box<Notebook>,
        form: Form,
        title: String,
        name: String,
    },
    Drafts,
    ReadDraft {
        doc: DocId,
        path: String,
    },
    DropDraft {
        path: String,
    },
    Keep {
        path: String,
        base: Option<u64>,
        /// What the edits began from.
        from: Option<Snapshot>,
        snapshot: Snapshot,
    },
    /// Keeps what the cells of a text show, which its file does not hold.
    KeepOutputs {
        path: String,
        cells: Vec<Arc<Cell>>,
    },
    Save {
        doc: DocId,
        path: String,
        snapshot: Snapshot,
        expected: Option<u64>,
        revision: u64,
    },
    CheckDisk {
        doc: DocId,
        path: String,
    },
    /// Looks up what the last commit has in the place of the cell `at`.
    Committed {
        doc: DocId,
        path: String,
        snapshot: Snapshot,
        revision: u64,
        key: CellKey,
        at: usize,
    },
    RunSql {
        doc: DocId,
        key: CellKey,
        number: u64,
        sql: String,
        name: Option<String>,
        /// Values the parameters cell holds.
        params: Params,
    },
    /// The engine's plan of a query.
    QueryPlan {
        doc: DocId,
        key: CellKey,
        sql: String,
        params: Params,
    },
    /// Copies a data frame out of the kernel, for the data page.
    CopyFrame {
        doc: DocId,
        key: CellKey,
        name: String,
    },
    /// Asks the kernel for the widgets it has from before this window came.
    Widgets {
        doc: DocId,
    },
    /// Asks the kernel anew what its names stand for.
    Variables {
        doc: DocId,
    },
    RunCode {
        doc: DocId,
        key: CellKey,
        number: u64,
        code: String,
        wish: task::KernelWish,
        label: Option<Box<Label>>,
    },
    Restart {
        doc: DocId,
    },
    Kill {
        doc: DocId,
    },
    Shutdown {
        doc: DocId,
        /// Runs whose outputs the document has.
        done: Vec<ExecId>,
    },
    Answer {
        doc: DocId,
        text: String,
    },
    /// Leaves the kernel to its owner, or ends one that has none.
    Leave {
        doc: DocId,
        /// Runs whose outputs are in the file or thrown away.
        done: Vec<ExecId>,
    },
    /// Looks for the kernel of a notebook that was opened.
    Reattach {
        doc: DocId,
        path: String,
    },
    /// Tells what waits.
    Plan {
        doc: DocId,
        plan: Plan,
    },
    /// Runs the cells of its kernel from now on.
    TakeOver {
        doc: DocId,
    },
    /// Its kernel is found by another path from now on.
    RenameKernel {
        doc: DocId,
        path: String,
    },
    /// Tells what is in the file.
    Settled {
        doc: DocId,
        done: Vec<ExecId>,
    },
    /// Interrupts a cell that no job of this window waits for.
    Interrupt {
        doc: DocId,
    },
    /// Ends what belongs to other opened workspaces.
    EndOthers {
        floor: DocId,
    },
    Beside(beside::Task),
    Outside(outside::Task),
    Files(files::Task),
    FullText(full_text::Task),
    Widget(widgets::Task),
    /// Which kernels there are, environments, servers.
    Kernels(Box<kernels::Task>),
    Store(Box<store::Task>),
    Rows {
        doc: DocId,
        key: CellKey,
        first: u64,
        count: usize,
    },
    Shapes {
        doc: DocId,
        key: CellKey,
        number: u64,
    },
    Ask {
        doc: DocId,
        key: CellKey,
        number: u64,
        what: assist::Ask,
        text: String,
        cursor: usize,
    },
    Test(tested::Task),
    History(history::Task),
    Find {
        doc: DocId,
        number: u64,
        texts: Vec<(CellKey, Buffer)>,
        query: Query,
    },
    FindShown {
        doc: DocId,
        number: u64,
        cells: Vec<Arc<Cell>>,
        live: Option<find::Live>,
        query: Query,
    },
    CompleteSql {
        doc: DocId,
        key: CellKey,
        number: u64,
        text: String,
        cursor: usize,
        files: Vec<String>,
    },
}

/// Handles a command; no I/O.
pub fn command(state: &mut AppState, command: Command, cx: &Cx) -> Vec<Effect> {
    match command {
        Command::Open(path) => open_path(state, &path, cx),
        Command::New => save::new_notebook(state),
        Command::Activate(id) => {
            if state.notebook.docs.iter().any(|d| d.id == id) {
                state.notebook.active = Some(id);
            }
            Vec::new()
        }
        Command::NextTab(right) => next_tab(&mut state.notebook, right),
        Command::Close(id) => save::close(state, id),
        Command::CloseAnyway(id) => save::close_anyway(state, id),
        Command::Run(_)
        | Command::Interrupt
        | Command::Kill
        | Command::Restart
        | Command::RestartNow { .. }
        | Command::ShutdownKernel
        | Command::Answer(_)
        | Command::NeedRows { .. }
        | Command::OpenInData { .. }
        | Command::ShowPlan(_)
        | Command::OpenVariable(_)
        | Command::SortVariables(_)
        | Command::FilterVariables(_)
        | Command::RefreshVariables
        | Command::Compare
        | Command::Commit => {
            let effects = run::command(state, command, cx);
            told(state, effects)
        }
        Command::TakeOver(doc) => vec![Job::io(format!("notebook.drive:{doc}"), Task::TakeOver { doc }).start()],
        Command::AsText(id) => form::as_text(state, id),
        Command::Export(form) => form::export(state, form),
        Command::Test(command) => tested::command(state, command, cx),
        Command::AskParameters => parameters::ask(state, cx),
        Command::DeclareParameters => parameters::toggle(state),
        Command::Kernels(command) => kernels::command(state, command, cx),
        Command::Save
        | Command::SaveAll
        | Command::SaveAs { .. }
        | Command::AskPath(_)
        | Command::SaveOver(_)
        | Command::Reload(_)
        | Command::KeepMine(_)
        | Command::UndoReload(_)
        | Command::RestoreDraft(_)
        | Command::DiscardDraft(_)
        | Command::Journal(_) => save::command(state, command, cx),
        Command::Place(command) => places::command(state, command),
        Command::History(command) => history::command(state, command),
        Command::Widget(command) => widgets::command(state, command),
        Command::Beside(command) => beside::command(state, command, cx),
        Command::Outside(command) => outside::command(state, command, cx),
        Command::Raw(command) => raw::command(state, command, cx),
        Command::Files(command) => files::command(state, command, cx),
        Command::FullText(command) => full_text::command(state, &command),
        Command::Complete { .. } | Command::Explain { .. } | Command::CloseAssist => assist::command(state, command),
        Command::RevertCell | Command::RevertFile | Command::UndoRevert { .. } => revert::command(state, command),
        Command::Find { .. }
        | Command::CloseFind
        | Command::LookFor { .. }
        | Command::FindNext(_)
        | Command::ReplaceOne
        | Command::ReplaceAll => find::command(state, command, cx),
        edit => edit::command(state, edit, cx),
    }
}

fn next_tab(state: &mut State, right: bool) -> Vec<Effect> {
    let count = state.docs.len();
    if let Some(at) = state.docs.iter().position(|d| Some(d.id) == state.active) {
        let to = if right { at + 1 } else { at + count - 1 } % count;
        state.active = state.docs.get(to).map(|d| d.id);
    }
    Vec::new()
}

/// Opens a file of the workspace, or brings it to the front.
pub fn open_path(state: &mut AppState, path: &str, _cx: &Cx) -> Vec<Effect> {
    state.shell.page = ShellPage::Notebook;
    let path = path.to_owned();
    if let Some(doc) = state.notebook.docs.iter().find(|d| d.path == path) {
        let (id, failed) = (doc.id, matches!(doc.body, Body::Failed(_)));
        state.notebook.active = Some(id);
        return if failed { save::load(&mut state.notebook, id) } else { Vec::new() };
    }
    let id = save::add(&mut state.notebook, path);
    save::load(&mut state.notebook, id)
}

/// Folds an event into the state; no I/O.
pub fn event(state: &mut AppState, event: Event, cx: &Cx) -> Vec<Effect> {
    match event {
        Event::Loaded { .. }
        | Event::LoadFailed { .. }
        | Event::Drafts(_)
        | Event::DraftRead { .. }
        | Event::Saved { .. }
        | Event::SaveFailed { .. }
        | Event::Disk { .. } => save::event(state, event, cx),
        Event::Offered { .. } | Event::Explained { .. } => {
            assist::event(state, event);
            Vec::new()
        }
        Event::Committed { .. } => revert::event(state, event),
        Event::History(event) => {
            history::event(state, event);
            Vec::new()
        }
        Event::Test(event) => tested::event(&mut state.notebook, event),
        Event::FullText(event) => full_text::event(state, event, cx),
        Event::Beside(event) => {
            beside::event(state, event);
            Vec::new()
        }
        Event::Outside(event) => outside::event(state, event, cx),
        Event::Files(event) => files::event(state, event, cx),
        Event::Found { doc, number, finds, shown } => {
            let doc = state.notebook.by_id(doc);
            doc.map(|d| find::event(d, number, finds, shown)).unwrap_or_default()
        }
        Event::Widgets { doc, all } => {
            state.notebook.by_id(doc).into_iter().for_each(|d| d.widgets.recall(&all));
            Vec::new()
        }
        Event::Taken { behind, bytes } => {
            behind.taken(bytes);
            Vec::new()
        }
        Event::Whole { doc, run, kept } => whole::event(&mut state.notebook, doc, run, kept),
        Event::Kernels(event) => kernels::event(state, *event, cx),
        Event::Adopted { .. } | Event::ExecOf { .. } | Event::FoundKernel { .. } => {
            let effects = kept::event(state, event, cx);
            told(state, effects)
        }
        other => {
            let mut effects = run::event(state, other, cx);
            effects.extend(state.notebook.docs.iter_mut().flat_map(find::follow));
            told(state, effects)
        }
    }
}

/// What waits is told to kernels that outlive the window.
fn told(state: &mut AppState, mut effects: Vec<Effect>) -> Vec<Effect> {
    effects.extend(state.notebook.docs.iter_mut().filter_map(kept::tell));
    effects
}

/// The folder is trusted from now on: what kernels of its open notebooks left is looked for.
pub fn trusted(state: &AppState) -> Vec<Effect> {
    state.notebook.docs.iter().filter_map(|d| kept::look(state, d.id)).collect()
}

/// A workspace was opened: what was left unsaved is looked for; kernels of the one before are left.
pub fn opened(state: &mut AppState, _cx: &Cx) -> Vec<Effect> {
    // Numbers never come twice in a process, so that late news finds no wrong document.
    state.notebook.next = state.workspace.generation << 32;
    let floor = state.notebook.next;
    let mut effects = kernels::opened(state);
    effects.extend([
        Job::io("notebook.others", Task::EndOthers { floor }).start(),
        Job::io("notebook.drafts", Task::Drafts).start(),
    ]);
    effects
}

/// Files below the root changed on disk (workspace-relative, `/`); no paths: anything may have.
pub fn files_changed(state: &mut AppState, paths: &[String], _cx: &Cx) -> Vec<Effect> {
    state.notebook.docs.iter_mut().for_each(|d| d.beside.forget());
    let changed = |d: &&Doc| paths.is_empty() || paths.contains(&d.path);
    let loaded = |d: &&Doc| matches!(d.body, Body::Notebook(_) | Body::Text(_) | Body::Failed(_)) && !d.saving;
    let docs = state.notebook.docs.iter().filter(loaded).filter(changed);
    docs.filter(|d| d.disk.is_some() || matches!(d.body, Body::Failed(_)))
        .map(|d| {
            Job::io(format!("notebook.disk:{}", d.id), Task::CheckDisk { doc: d.id, path: d.path.clone() }).start()
        })
        .collect()
}

fn notice(error: &Error) -> Effect {
    Effect::Notice(Notice::error(error))
}

fn ask(title: &str, body: String, verb: &str, destructive: bool, command: Command) -> shell::Dialog {
    shell::Dialog::Confirm {
        title: title.to_owned(),
        body,
        verb: verb.to_owned(),
        destructive,
        command: Box::new(command.into()),
    }
}

#[cfg(test)]
mod tests;
