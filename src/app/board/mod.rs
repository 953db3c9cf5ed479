//! The board feature without pixels.
//!
//! An edit is applied to the board in memory at once, goes to the journal on a job thread, and from there to the branch
//! two seconds after the last one. What another process or a fetch brings arrives as a fresh load; edits that it does not
//! know yet are put on top again, so that nothing a person did ever jumps back.
mod attention;
pub mod figures;
pub mod filter;
pub mod live;
#[cfg(test)]
mod test;

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

pub use attention::{Attention, Trouble, attention};
pub use figures::Figures;

use super::{AppState, Command as AnyCommand, Cx, Effect, Env, Job, Out, Policy, action::Action, notify::Notice};
use crate::{
    base::{Error, Result, ids::CardId, job::JobCtx},
    engine::ledger::Ledger,
    model::{
        board::{
            Board, Card, Link, LinkKind, Wip,
            edit::{self, Edit, Move, NewCard, Step},
            history, words,
        },
        ledger::{Damage, Op, Projection, Stamper},
    },
};

/// Rows kept for the log view.
const LOG_ROWS: usize = 1000;
/// Steps that can be undone.
const UNDO_DEPTH: usize = 500;
/// Steps of an earlier session that can be undone.
const UNDO_KEPT: usize = 50;
/// How long edits are gathered into one commit.
const BATCH: Duration = Duration::from_secs(2);

/// Which picture of the board is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Picture {
    #[default]
    Board,
    Metrics,
    Log,
}

/// A line of the log view.
#[derive(Debug, Clone, PartialEq)]
pub struct LogRow {
    pub op: String,
    pub at: Timestamp,
    pub by: String,
    /// `Move AND-146 to Done`.
    pub what: String,
    /// The card to open.
    pub card: Option<CardId>,
}

/// What the board page shows.
#[derive(Debug, Default)]
pub struct State {
    /// False until the ledger has been read once.
    pub loaded: bool,
    /// Why it could not be read.
    pub error: Option<Error>,
    /// Why the last edit could not be written; the edits are still in memory.
    pub unsaved: Option<Error>,
    pub board: Board,
    pub all: Projection,
    pub figures: Arc<Figures>,
    /// Newest first.
    pub log: Vec<LogRow>,
    pub damage: Vec<Damage>,
    pub pending: usize,
    pub picture: Picture,
    pub focus: Option<CardId>,
    /// The card whose details are shown.
    pub open: Option<CardId>,
    pub filter: String,
    pub folded: BTreeSet<String>,
    /// Cards chosen together.
    pub selected: BTreeSet<CardId>,
    /// A move over a soft limit that waits for its reason.
    pub asking: Option<Edit>,
    pub undo: Vec<Step>,
    pub redo: Vec<Step>,
    /// Counts changes of the board, so that the page can keep its layout.
    pub revision: u64,
    stamper: Option<Stamper>,
    /// Edits that the last load did not know.
    recent: Vec<Op>,
    /// Edits not yet in the journal.
    unwritten: HashSet<String>,
    flush_waits: bool,
    /// Flushes heard of: a read that began before the last one tells old news.
    flushes: u64,
    /// Review threads that the remote does not have yet; none where nothing can be pushed.
    pub unsent: Option<Unsent>,
}

/// What of the review waits to be pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unsent {
    pub comments: usize,
    /// Approvals, resolved threads and what else is no comment.
    pub other: usize,
}

impl Unsent {
    /// Counts operations of the review.
    pub fn of<'a>(ops: impl IntoIterator<Item = &'a Op>) -> Self {
        use crate::model::ledger::{Action, kind};
        let (mut comments, mut said, mut done) = (0, BTreeSet::new(), BTreeSet::new());
        for op in ops {
            // What was done at once is one change.
            let deed = (op.subject.as_str(), op.hlc.ms);
            match (&op.action, kind(&op.subject)) {
                (Action::Set { field, .. }, "review") if field == "comments" => {
                    comments += 1;
                    said.insert(deed);
                }
                (_, "review" | "approval") => {
                    done.insert(deed);
                }
                _ => {}
            }
        }
        Self { comments, other: done.difference(&said).count() }
    }
    fn join(self, more: Self) -> Self {
        Self { comments: self.comments + more.comments, other: self.other + more.other }
    }
}

/// What a person can ask of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Does it, unless a limit wants a reason first.
    Do(Edit),
    /// The reason for the move that was asked about; an empty one is allowed.
    Answer(String),
    /// The move that was asked about is not made.
    CancelAsk,
    Undo,
    Redo,
    Show(Picture),
    Focus(Option<CardId>),
    /// Chooses these cards together and no others.
    Select(Vec<CardId>),
    /// Takes a card to those chosen together, or out of them.
    Toggle(CardId),
    Open(Option<CardId>),
    Filter(String),
    /// Folds or unfolds a lane; the empty name is for cards without one.
    Fold(String),
    /// Runs what the card is bound to again.
    Rerun(CardId),
    /// Shows what a link points to.
    Follow(Link),
    /// Writes what could not be written again.
    Retry,
    Reload,
    /// Puts the journal on the branch.
    Flush,
    /// Fetches, merges and pushes.
    Sync,
}

/// What comes back.
#[derive(Debug, Clone)]
pub enum Event {
    Loaded(Arc<Snapshot>),
    LoadFailed(Error),
    Written(Vec<String>),
    WriteFailed(Error),
    Flushed { figures: Arc<Figures>, pending: usize, unsent: Option<Unsent> },
    FlushFailed(Error),
    Synced { words: String, changed: bool, unsent: Option<Unsent> },
}

/// A read of the ledger.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub projection: Projection,
    pub board: Board,
    pub log: Vec<LogRow>,
    pub damage: Vec<Damage>,
    pub pending: usize,
    pub figures: Arc<Figures>,
    pub unsent: Option<Unsent>,
    pub stamper: Stamper,
    /// What this clone did last and can take back, oldest first.
    pub steps: Vec<Step>,
    /// How many flushes were known when the read began.
    pub flushes: u64,
}

/// What runs off the window's thread.
#[derive(Debug, Clone)]
pub enum Task {
    /// Reads the ledger, begun with so many flushes known.
    Load(u64),
    Append(Vec<Op>),
    Flush,
    Sync,
}

impl State {
    /// The person edits are made by; none while the ledger is not read or git knows no name.
    pub fn person(&self) -> Option<&str> {
        self.stamper.as_ref().map(|s| s.by.as_str()).filter(|by| *by != crate::engine::ledger::NOBODY)
    }
    /// A card by id.
    pub fn card(&self, id: &CardId) -> Option<&Card> {
        self.board.card(id)
    }
    /// What an action on this card acts on: all cards chosen together when it is one of them, in the board's order; else
    /// the card alone.
    pub fn chosen(&self, card: &CardId) -> Vec<CardId> {
        if !self.selected.contains(card) {
            return vec![card.clone()];
        }
        let order = self.board.columns.iter().flat_map(|c| self.board.in_column(&c.id));
        order.filter(|c| self.selected.contains(*c)).cloned().collect()
    }
}

/// Handles a command; no I/O.
pub fn command(state: &mut AppState, command: Command, cx: &Cx) -> Vec<Effect> {
    match command {
        Command::Do(edit) => do_edit(state, edit, cx),
        Command::Answer(reason) => match state.board.asking.take() {
            Some(edit) => {
                let reason = reason.trim();
                do_edit(state, edit.with_reason(if reason.is_empty() { "no reason given" } else { reason }), cx)
            }
            None => Vec::new(),
        },
        Command::CancelAsk => {
            state.board.asking = None;
            Vec::new()
        }
        Command::Undo => undo(state, cx),
        Command::Redo => redo(state, cx),
        Command::Show(picture) => {
            state.board.picture = picture;
            Vec::new()
        }
        Command::Focus(card) => {
            state.board.focus = card;
            Vec::new()
        }
        Command::Select(cards) => {
            state.board.selected = cards.into_iter().collect();
            Vec::new()
        }
        Command::Toggle(card) => {
            let board = &mut state.board;
            // The first one chosen beside the focused card takes that along.
            if board.selected.is_empty() {
                let beside = board.focus.clone().filter(|f| *f != card && board.board.card(f).is_some());
                board.selected.extend(beside);
            }
            if !board.selected.remove(&card) {
                board.selected.insert(card.clone());
            }
            board.focus = Some(card);
            Vec::new()
        }
        Command::Open(card) => {
            if card.is_some() {
                state.shell.page = super::shell::Page::Board;
                state.shell.hide_inspector = false;
                state.board.focus.clone_from(&card);
                if state.board.picture == Picture::Metrics {
                    state.board.picture = Picture::Board;
                }
            }
            state.board.open = card;
            Vec::new()
        }
        Command::Filter(text) => {
            state.board.filter = text;
            state.board.revision += 1;
            Vec::new()
        }
        Command::Fold(lane) => {
            if !state.board.folded.remove(&lane) {
                state.board.folded.insert(lane);
            }
            state.board.revision += 1;
            Vec::new()
        }
        Command::Rerun(card) => live::rerun(state, &card, cx),
        Command::Follow(link) => live::follow(state, &link, cx),
        Command::Retry => {
            state.board.unsaved = None;
            let ops: Vec<Op> =
                state.board.recent.iter().filter(|o| state.board.unwritten.contains(&o.id)).cloned().collect();
            if ops.is_empty() { vec![flush_job()] } else { vec![write_job(ops)] }
        }
        Command::Reload => vec![load_job(&state.board)],
        Command::Flush => {
            state.board.flush_waits = false;
            vec![flush_job()]
        }
        Command::Sync => {
            // git does what the repository's own configuration says: another ssh, a remote that is a program.
            if let Some(asked) = super::workspace::require_trust(state, Command::Sync) {
                return asked;
            }
            vec![Job::io("board.sync", Task::Sync).policy(Policy::Reject).titled("Syncing the board").start()]
        }
    }
}

fn load_job(board: &State) -> Effect {
    Job::io("board.load", Task::Load(board.flushes)).start()
}

fn write_job(ops: Vec<Op>) -> Effect {
    Job::io("board.write", Task::Append(ops)).policy(Policy::Queue).start()
}

fn flush_job() -> Effect {
    Job::io("board.write", Task::Flush).policy(Policy::Queue).start()
}

fn do_edit(state: &mut AppState, edit: Edit, cx: &Cx) -> Vec<Effect> {
    let board = &mut state.board;
    if !board.loaded {
        return vec![Effect::Notice(Notice::error(
            &Error::user("The board is still being read").hint("Try again in a moment"),
        ))];
    }
    if let Some(m) = edit.as_move()
        && m.reason.is_none()
        && matches!(board.board.wip_after(&m.cards, &m.column), Wip::Over { hard: false, .. })
    {
        board.asking = Some(edit);
        return Vec::new();
    }
    let (actions, title) = match edit::actions(&board.board, &board.all, &edit) {
        Ok(done) => done,
        Err(e) => return vec![Effect::Notice(Notice::error(&e))],
    };
    if actions.is_empty() {
        return Vec::new();
    }
    let inverse = edit::inverse(&board.all, &actions);
    let effects = apply(board, actions, cx);
    match &edit {
        Edit::Add(new) => board.focus = Some(new.id.clone()),
        Edit::Move(m) if !m.cards.iter().any(|c| board.focus.as_ref() == Some(c)) => {
            board.focus = m.cards.first().cloned();
        }
        Edit::Delete(card) if board.open.as_ref() == Some(card) => board.open = None,
        _ => {}
    }
    board.selected.retain(|id| board.board.cards.contains_key(id));
    board.undo.push(Step { title: title.clone(), inverse });
    if board.undo.len() > UNDO_DEPTH {
        board.undo.remove(0);
    }
    board.redo.clear();
    withdraw(state);
    let mut effects = effects;
    if is_told(&edit) {
        effects.push(Effect::Notice(Notice::info(title).action("Undo", Command::Undo)));
    }
    effects
}

/// Records what another feature keeps in the ledger; gives what takes it back.
pub fn record(state: &mut AppState, actions: edit::Actions, cx: &Cx) -> Result<(edit::Actions, Vec<Effect>)> {
    let board = &mut state.board;
    if !board.loaded || board.stamper.is_none() {
        return Err(match &board.error {
            Some(error) => error.clone(),
            None => Error::user("The ledger is still being read").hint("Try again in a moment"),
        });
    }
    let inverse = edit::inverse(&board.all, &actions);
    Ok((inverse, apply(board, actions, cx)))
}

/// Edits whose result may be out of sight get a notice with Undo; typing in the details does not.
fn is_told(edit: &Edit) -> bool {
    use Edit::{Add, Delete, Group, Many, Move, RemoveColumn, RemoveLane};
    matches!(edit, Move(_) | Delete(_) | Add(_) | RemoveColumn(_) | RemoveLane(_) | Group(_) | Many { .. })
}

/// Stamps actions, applies them in memory and sends them on their way.
fn apply(board: &mut State, actions: edit::Actions, cx: &Cx) -> Vec<Effect> {
    let Some(stamper) = board.stamper.as_mut() else { return Vec::new() };
    let now = stamper.begin(cx.now());
    let ops: Vec<Op> = actions.into_iter().map(|(s, a)| stamper.op(now, s, a)).collect();
    put(board, &ops);
    board.unwritten.extend(ops.iter().map(|op| op.id.clone()));
    board.recent.extend(ops.iter().cloned());
    board.revision += 1;
    board.pending += ops.len();
    board.unsent = board.unsent.map(|u| u.join(Unsent::of(&ops)));
    let mut effects = vec![write_job(ops)];
    if !std::mem::replace(&mut board.flush_waits, true) {
        effects.push(Effect::After(BATCH, Box::new(Command::Flush.into())));
    }
    effects
}

/// Folds operations of a step into what is shown; the log words them once all are known.
fn put(board: &mut State, ops: &[Op]) {
    let mut fresh = Vec::with_capacity(ops.len());
    for op in ops {
        if board.all.apply(op) {
            board.board.refresh(&board.all, &op.subject);
            fresh.push(op);
        }
    }
    for op in fresh {
        if let Some(row) = log_row(&board.board, &board.all, op) {
            board.log.insert(0, row);
        }
    }
    board.log.truncate(LOG_ROWS);
}

fn log_row(board: &Board, all: &Projection, op: &Op) -> Option<LogRow> {
    use crate::model::ledger::{id_of, kind};
    // A new card's first values are part of its creation.
    let born = all.doc(&op.subject).and_then(|d| d.created.clone());
    let is_create = op.action == crate::model::ledger::Action::Create;
    if !is_create && born.is_some_and(|(at, by)| by == op.by && op.hlc.ms == at.ms) {
        return None;
    }
    if !matches!(kind(&op.subject), "card" | "column" | "lane" | "board") {
        return None;
    }
    let card = (kind(&op.subject) == "card").then(|| CardId(id_of(&op.subject).to_owned()));
    Some(LogRow {
        op: op.id.clone(),
        at: op.hlc.instant(),
        by: op.by.clone(),
        what: words::describe(board, all, op)?,
        card,
    })
}

/// Undo and Redo are about the last step: the notice of an older one would take back another than it names.
fn withdraw(state: &mut AppState) {
    state.notices.withdraw(|c| matches!(c, super::Command::Board(Command::Undo | Command::Redo)));
}

fn undo(state: &mut AppState, cx: &Cx) -> Vec<Effect> {
    let board = &mut state.board;
    let Some(step) = board.undo.pop() else {
        return vec![Effect::Notice(Notice::info("Nothing to undo on the board"))];
    };
    let actions = edit::rebase(&board.all, &step.inverse);
    let inverse = edit::inverse(&board.all, &actions);
    let title = format!("Undone: {}", step.title);
    board.redo.push(Step { title: step.title, inverse });
    let mut effects = apply(board, actions, cx);
    withdraw(state);
    effects.push(Effect::Notice(Notice::info(title).action("Redo", Command::Redo)));
    effects
}

fn redo(state: &mut AppState, cx: &Cx) -> Vec<Effect> {
    let board = &mut state.board;
    let Some(step) = board.redo.pop() else {
        return vec![Effect::Notice(Notice::info("Nothing to redo on the board"))];
    };
    let actions = edit::rebase(&board.all, &step.inverse);
    let inverse = edit::inverse(&board.all, &actions);
    let title = format!("Redone: {}", step.title);
    board.undo.push(Step { title: step.title, inverse });
    let mut effects = apply(board, actions, cx);
    withdraw(state);
    effects.push(Effect::Notice(Notice::info(title).action("Undo", Command::Undo)));
    effects
}

/// Folds an event into the state; no I/O.
pub fn event(state: &mut AppState, event: Event, cx: &Cx) -> Vec<Effect> {
    let board = &mut state.board;
    match event {
        Event::Loaded(snapshot) => {
            let mut effects = loaded(board, Arc::unwrap_or_clone(snapshot), cx);
            effects.extend(super::review::ledger_changed(state));
            effects
        }
        Event::LoadFailed(error) => {
            board.error = Some(error);
            Vec::new()
        }
        Event::Written(ids) => {
            for id in ids {
                board.unwritten.remove(&id);
            }
            if board.unwritten.is_empty() {
                board.unsaved = None;
            }
            Vec::new()
        }
        Event::WriteFailed(error) | Event::FlushFailed(error) => {
            board.unsaved = Some(error);
            Vec::new()
        }
        Event::Flushed { figures, pending, unsent } => {
            board.flushes += 1;
            board.unsent = unsent;
            board.figures = figures;
            board.pending = pending;
            board.revision += 1;
            if board.unwritten.is_empty() {
                board.unsaved = None;
            }
            Vec::new()
        }
        Event::Synced { words, changed, unsent } => {
            board.unsent = unsent;
            let mut effects = vec![Effect::Notice(Notice::success(words))];
            if changed {
                effects.push(load_job(board));
            }
            effects
        }
    }
}

fn loaded(board: &mut State, snapshot: Snapshot, cx: &Cx) -> Vec<Effect> {
    let first = !std::mem::replace(&mut board.loaded, true);
    board.error = None;
    board.all = snapshot.projection;
    board.board = snapshot.board;
    board.log = snapshot.log;
    // A flush that was heard of during the read knows better, and what it did not read is read now.
    let overtaken = snapshot.flushes != board.flushes;
    if !overtaken {
        board.figures = snapshot.figures;
        board.pending = snapshot.pending;
        board.unsent = snapshot.unsent;
    }
    let last = board.stamper.take().map(|s| s.last).unwrap_or_default();
    let mut stamper = snapshot.stamper;
    stamper.last = stamper.last.max(last);
    board.stamper = Some(stamper);
    // What was done since the read began goes on top again.
    let recent = std::mem::take(&mut board.recent);
    board.recent = recent.into_iter().filter(|op| !board.all.knows(&op.id)).collect();
    let recent = board.recent.clone();
    if !overtaken {
        board.unsent = board.unsent.map(|u| u.join(Unsent::of(&recent)));
    }
    put(board, &recent);
    board.selected.retain(|id| board.board.cards.contains_key(id));
    let gone = |id: &Option<CardId>| id.as_ref().is_some_and(|id| board.board.card(id).is_none());
    let (no_focus, no_open) = (gone(&board.focus), gone(&board.open));
    if no_focus {
        board.focus = None;
    }
    if no_open {
        board.open = None;
    }
    board.revision += 1;
    let mut effects = Vec::new();
    if overtaken {
        effects.push(load_job(board));
    }
    if snapshot.damage.len() > board.damage.len() {
        let n = crate::base::text::count(snapshot.damage.len() as u64, "line");
        let what = format!("{n} of the board's log cannot be read");
        effects.push(Effect::Notice(Notice::new(super::notify::Tone::Warning, what).body("They are kept as they are")));
    }
    board.damage = snapshot.damage;
    if first && board.undo.is_empty() {
        board.undo = snapshot.steps;
    }
    if first {
        for (writer, ahead) in board.all.ahead(cx.now()) {
            let minutes = ahead / 60_000;
            let what = format!("A clock is {minutes} min ahead");
            let body = format!("Edits of the clone {writer} carry stamps from the future; later edits still win");
            effects.push(Effect::Notice(Notice::new(super::notify::Tone::Warning, what).body(body)));
        }
    }
    effects
}

/// Carries out a task; blocking allowed.
pub fn run(task: Task, env: &Arc<Env>, cx: &JobCtx, out: &Out) -> Result<()> {
    let ledger = Ledger::open(&env.root()?)?;
    match task {
        Task::Load(flushes) => match snapshot(&ledger, flushes, cx) {
            Ok(snapshot) => out.send(Event::Loaded(Arc::new(snapshot))),
            Err(e) if e.is_cancelled() => {}
            Err(e) => out.send(Event::LoadFailed(e)),
        },
        Task::Append(ops) => match ledger.append(&ops) {
            Ok(()) => out.send(Event::Written(ops.into_iter().map(|o| o.id).collect())),
            Err(e) => out.send(Event::WriteFailed(e)),
        },
        Task::Flush => match ledger.flush() {
            Ok(_) => {
                let loaded = ledger.load()?;
                let board = Board::read(&loaded.projection);
                let figures = Arc::new(Figures::measure(&board, &loaded.ops, cx.clock.now()));
                let unsent = unsent(&ledger, &loaded)?;
                out.send(Event::Flushed { figures, pending: loaded.pending, unsent });
            }
            Err(e) => out.send(Event::FlushFailed(e)),
        },
        Task::Sync => {
            use crate::engine::ledger::Synced;
            let report = ledger.sync("origin", cx)?;
            let received = crate::base::text::count(report.received as u64, "change");
            let words = match report.outcome {
                Synced::NoRemote => "The board has no remote to sync with".to_owned(),
                Synced::Same => "The board is in sync".to_owned(),
                Synced::Sent => "The board was pushed".to_owned(),
                Synced::Received => format!("The board received {received}"),
                Synced::Merged => format!("The board received {received} and was pushed"),
            };
            let unsent = unsent(&ledger, &ledger.load()?)?;
            out.send(Event::Synced { words, changed: report.received > 0, unsent });
        }
    }
    Ok(())
}

fn unsent(ledger: &Ledger, loaded: &crate::engine::ledger::Loaded) -> Result<Option<Unsent>> {
    Ok(ledger.unsent("origin", &["review", "approval"], loaded)?.map(Unsent::of))
}

fn snapshot(ledger: &Ledger, flushes: u64, cx: &JobCtx) -> Result<Snapshot> {
    let loaded = ledger.load()?;
    cx.check()?;
    let now = cx.clock.now();
    let board = Board::read(&loaded.projection);
    let figures = Arc::new(Figures::measure(&board, &loaded.ops, now));
    cx.check()?;
    let stamper = ledger.stamper(&loaded, now)?;
    let unsent = unsent(ledger, &loaded)?;
    let mut log = Vec::new();
    for op in loaded.ops.iter().rev() {
        log.extend(log_row(&board, &loaded.projection, op));
        if log.len() >= LOG_ROWS {
            break;
        }
    }
    let steps = history::steps(&loaded.ops, &stamper.writer, UNDO_KEPT);
    let (projection, damage, pending) = (loaded.projection, loaded.damage, loaded.pending);
    Ok(Snapshot { projection, board, log, damage, pending, figures, unsent, stamper, steps, flushes })
}

/// A workspace was opened: loads what the page needs.
pub fn opened(state: &mut AppState, _cx: &Cx) -> Vec<Effect> {
    state.board = State::default();
    vec![load_job(&state.board)]
}

/// Files below the root changed on disk (workspace-relative, `/`). An empty list asks to look at everything.
pub fn files_changed(state: &mut AppState, paths: &[String], _cx: &Cx) -> Vec<Effect> {
    let ours = |p: &String| {
        p.contains("refs/heads/andon/board")
            || p == ".git/packed-refs"
            || p.starts_with(".andon/ledger-journal")
            || p.starts_with(".andon/ledger/")
    };
    if paths.is_empty() || paths.iter().any(ours) { vec![load_job(&state.board)] } else { Vec::new() }
}

/// What the palette offers from here.
pub fn actions(state: &AppState) -> Vec<Action> {
    let board = &state.board;
    let mut all = Vec::new();
    let row = |title: &str, command: Command| Action::new("Board", title, command).icon("kanban");
    all.push(row("Show the board", Command::Show(Picture::Board)));
    all.push(row("Show the flow metrics of the board", Command::Show(Picture::Metrics)));
    all.push(row("Show the log of the board", Command::Show(Picture::Log)));
    if board.loaded && board.board.is_empty() {
        all.push(row("Create the usual columns", Command::Do(Edit::Defaults)));
    }
    let last = board.undo.last().map_or(String::new(), |s| s.title.clone());
    all.push(
        row("Undo on the board", Command::Undo)
            .detail(last)
            .key("U")
            .only_if(!board.undo.is_empty(), "nothing was done"),
    );
    all.push(row("Redo on the board", Command::Redo).only_if(!board.redo.is_empty(), "nothing was undone"));
    all.push(row("Sync the board with origin", Command::Sync).only_if(state.workspace.is_repo, "no git repository"));
    if let Some(card) = board.focus.as_ref().and_then(|id| board.card(id)) {
        for column in board.board.columns.iter().filter(|c| c.id != card.column) {
            let m = Move {
                cards: vec![card.id.clone()],
                column: column.id.clone(),
                lane: None,
                spot: edit::Spot::End,
                reason: None,
            };
            all.push(row(&format!("Move {} to {}", card.label, column.name), Command::Do(Edit::Move(m))).key("M"));
        }
        let bound = card.links.iter().any(|l| l.kind == LinkKind::Pipeline || l.kind == LinkKind::Check);
        all.push(
            row(&format!("Rerun what {} is bound to", card.label), Command::Rerun(card.id.clone()))
                .key("R")
                .only_if(bound, "not bound to a pipeline"),
        );
        all.push(row(&format!("Delete {}", card.label), Command::Do(Edit::Delete(card.id.clone()))));
    }
    for card in board.board.cards.values().take(2000) {
        all.push(
            Action::new("Cards", format!("{} {}", card.label, card.title), Command::Open(Some(card.id.clone())))
                .icon("kanban")
                .detail(board.board.column(&card.column).map_or(String::new(), |c| c.name.clone())),
        );
    }
    all
}

/// A command that adds a card with this title to a column.
pub fn add_command(title: impl Into<String>, column: impl Into<String>) -> AnyCommand {
    Command::Do(Edit::Add(NewCard::new(title, column))).into()
}
