//! `andon board`
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::out::{Common, document, finish, line, say};
use crate::{
    base::{
        Error, Result,
        text::{count, shorten},
        time,
    },
    engine::ledger::{Home, Ledger, Loaded},
    model::{
        board::{
            Board, Card, Column, ColumnKind, Link, Wip,
            edit::{self, Edit, Move, NewCard, Spot},
            history, words,
        },
        flow,
        ledger::{Action, Op, kind},
    },
};

const SCHEMA: &str = "andon.board/1";

/// Arguments of `andon board`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    pub command: Option<Sub>,
    #[command(flatten)]
    pub common: Common,
}

/// What to do with the board.
#[derive(Debug, clap::Subcommand)]
pub enum Sub {
    /// Show columns and cards (what `andon board` alone does)
    List {
        /// Only this column, by name or id
        #[arg(long)]
        column: Option<String>,
        /// Only this lane, by name or id
        #[arg(long)]
        lane: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Add a card; makes the usual columns on an empty board
    Add {
        /// Its title
        title: String,
        /// Column by name or id; the first when left out
        #[arg(long)]
        column: Option<String>,
        /// Lane by name or id
        #[arg(long)]
        lane: Option<String>,
        /// Label, once for each
        #[arg(long)]
        label: Vec<String>,
        /// Person it is assigned to
        #[arg(long)]
        assignee: Option<String>,
        /// Text in Markdown
        #[arg(long)]
        body: Option<String>,
        /// What it is bound to, as KIND:TARGET (pipeline, notebook, check, run, commit), once for each
        #[arg(long)]
        link: Vec<Link>,
        /// Why the column's limit is exceeded
        #[arg(long)]
        reason: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Move cards to a column
    Move {
        /// Cards by label (AND-12, 12) or id
        #[arg(required = true)]
        cards: Vec<String>,
        /// Column by name or id
        #[arg(long, value_name = "COLUMN")]
        to: String,
        /// Put them first in the column
        #[arg(long, conflicts_with = "before")]
        top: bool,
        /// Put them in front of this card
        #[arg(long, value_name = "CARD")]
        before: Option<String>,
        /// Lane by name or id; "none" takes them out of theirs
        #[arg(long)]
        lane: Option<String>,
        /// Why the column's limit is exceeded
        #[arg(long)]
        reason: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Change a card
    Edit {
        /// Card by label (AND-12, 12) or id
        card: String,
        #[command(flatten)]
        change: Box<Change>,
        #[command(flatten)]
        common: Common,
    },
    /// Show what was done, newest first
    Log {
        /// Only of this card
        #[arg(long)]
        card: Option<String>,
        /// At most so many
        #[arg(long, short = 'n', default_value_t = 30)]
        limit: usize,
        #[command(flatten)]
        common: Common,
    },
    /// Fetch, merge and push the board's branch
    Sync {
        /// Name of the remote
        #[arg(long, default_value = "origin")]
        remote: String,
        #[command(flatten)]
        common: Common,
    },
}

/// Changes of a card.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
pub struct Change {
    /// New title
    #[arg(long)]
    pub title: Option<String>,
    /// New text in Markdown
    #[arg(long)]
    pub body: Option<String>,
    /// Lane by name or id; "none" takes it out
    #[arg(long)]
    pub lane: Option<String>,
    /// Adds a label
    #[arg(long)]
    pub label: Vec<String>,
    /// Takes a label off
    #[arg(long)]
    pub unlabel: Vec<String>,
    /// Assigns it; "none" takes the person off
    #[arg(long)]
    pub assignee: Option<String>,
    /// Blocks it for this reason
    #[arg(long, value_name = "REASON", conflicts_with = "unblock")]
    pub block: Option<String>,
    /// Unblocks it
    #[arg(long)]
    pub unblock: bool,
    /// Estimate in points; "none" clears it
    #[arg(long)]
    pub estimate: Option<String>,
    /// Due date YYYY-MM-DD; "none" clears it
    #[arg(long)]
    pub due: Option<String>,
    /// Binds it, as KIND:TARGET
    #[arg(long)]
    pub link: Vec<Link>,
    /// Unbinds it
    #[arg(long)]
    pub unlink: Vec<Link>,
    /// Adds a line to its checklist
    #[arg(long)]
    pub check: Vec<String>,
    /// Ticks a line of its checklist, by its text
    #[arg(long)]
    pub tick: Vec<String>,
    /// Adds a comment
    #[arg(long)]
    pub comment: Option<String>,
    /// Deletes it; `--restore` brings it back
    #[arg(long, conflicts_with = "restore")]
    pub delete: bool,
    /// Brings a deleted card back
    #[arg(long)]
    pub restore: bool,
}

/// Runs it and gives the exit code.
pub fn run(args: &Args) -> i32 {
    let common = match &args.command {
        None => args.common.clone(),
        Some(
            Sub::List { common, .. }
            | Sub::Add { common, .. }
            | Sub::Move { common, .. }
            | Sub::Edit { common, .. }
            | Sub::Log { common, .. }
            | Sub::Sync { common, .. },
        ) => Common {
            workspace: common.workspace.clone().or_else(|| args.common.workspace.clone()),
            json: common.json || args.common.json,
        },
    };
    finish(common.json, execute(args, &common))
}

/// The board of one call.
struct Desk {
    ledger: Ledger,
    loaded: Loaded,
    board: Board,
    now: Timestamp,
}

impl Desk {
    fn open(common: &Common) -> Result<Self> {
        let ledger = Ledger::open(&common.root()?)?;
        let loaded = ledger.load()?;
        let board = Board::read(&loaded.projection);
        for damage in &loaded.damage {
            say(&format!("andon: line {} of {} cannot be read and is kept: {}", damage.line, damage.file, damage.why));
        }
        Ok(Self { ledger, loaded, board, now: Timestamp::now() })
    }
    /// Does it and writes it down; gives what was done in words.
    fn act(&mut self, edit: &Edit) -> Result<String> {
        let (actions, did) = edit::actions(&self.board, &self.loaded.projection, edit)?;
        let mut stamper = self.ledger.stamper(&self.loaded, self.now)?;
        let now = stamper.begin(self.now);
        let ops: Vec<Op> = actions.into_iter().map(|(s, a)| stamper.op(now, s, a)).collect();
        self.ledger.append(&ops)?;
        for op in ops {
            self.loaded.projection.apply(&op);
            self.board.refresh(&self.loaded.projection, &op.subject);
            self.loaded.ops.push(op);
        }
        Ok(did)
    }
    /// Moves the journal to the branch. What is in the journal is safe, so a failure is only said.
    fn flush(&self) {
        if let Err(e) = self.ledger.flush() {
            say(&format!("andon: saved, but not committed yet: {e}"));
        }
    }
    fn changed(&self, json_wanted: bool, did: &str, cards: &[String]) {
        self.flush();
        if json_wanted {
            let cards: Vec<Value> = cards.iter().filter_map(|id| self.card(id)).collect();
            document(SCHEMA, json!({ "did": did, "cards": cards }));
        }
        say(did);
    }
    fn card(&self, id: &str) -> Option<Value> {
        self.board.card(&id.into()).map(|c| card_json(&self.board, c))
    }
}

fn execute(args: &Args, common: &Common) -> Result<i32> {
    let mut desk = Desk::open(common)?;
    match &args.command {
        None => list(&desk, None, None, common.json)?,
        Some(Sub::List { column, lane, .. }) => list(&desk, column.as_deref(), lane.as_deref(), common.json)?,
        Some(Sub::Add { .. }) => add(&mut desk, args.command.as_ref(), common.json)?,
        Some(Sub::Move { cards, to, top, before, lane, reason, .. }) => {
            let column = desk.board.find_column(to)?.clone();
            let ids = cards.iter().map(|c| desk.board.find(c).map(|c| c.id.clone())).collect::<Result<Vec<_>>>()?;
            let spot = match before {
                Some(card) => Spot::Before(desk.board.find(card)?.id.clone()),
                None if *top => Spot::Top,
                None => Spot::End,
            };
            let lane = lane.as_deref().map(|l| lane_of(&desk.board, l)).transpose()?;
            warn_over(&desk.board, &ids, &column, reason.as_deref());
            let edit =
                Edit::Move(Move { cards: ids.clone(), column: column.id.clone(), lane, spot, reason: reason.clone() });
            let did = desk.act(&edit)?;
            let ids: Vec<String> = ids.into_iter().map(|c| c.0).collect();
            desk.changed(common.json, &did, &ids);
        }
        Some(Sub::Edit { card, change, .. }) => change_card(&mut desk, card, change, common.json)?,
        Some(Sub::Log { card, limit, .. }) => log(&desk, card.as_deref(), *limit, common.json)?,
        Some(Sub::Sync { remote, .. }) => {
            let report = desk.ledger.sync(remote, &super::out::context(!common.json))?;
            let what = format!("{:?}", report.outcome).to_lowercase();
            if common.json {
                document(SCHEMA, json!({ "sync": { "outcome": what, "received": report.received } }));
            }
            say(&format!("Board and {remote}: {what}, {} received", count(report.received as u64, "change")));
        }
    }
    Ok(0)
}

fn lane_of(board: &Board, text: &str) -> Result<Option<String>> {
    if text.eq_ignore_ascii_case("none") { Ok(None) } else { board.find_lane(text).map(|l| Some(l.id.clone())) }
}

fn warn_over(board: &Board, cards: &[crate::base::ids::CardId], column: &Column, reason: Option<&str>) {
    if let Wip::Over { after, limit, hard: false } = board.wip_after(cards, &column.id) {
        let why = if reason.is_none() { "; --reason says why" } else { "" };
        say(&format!("andon: {} now holds {after} of {limit}{why}", column.name));
    }
}

fn add(desk: &mut Desk, sub: Option<&Sub>, json_wanted: bool) -> Result<()> {
    let Some(Sub::Add { title, column, lane, label, assignee, body, link, reason, .. }) = sub else {
        return Err(Error::bug("Not an add"));
    };
    // Looked up before anything is written: a mistyped name must not leave a half-made board.
    let fresh = desk.board.is_empty();
    if fresh {
        let (actions, _) = edit::actions(&desk.board, &desk.loaded.projection, &Edit::Defaults)?;
        let mut trial = desk.loaded.projection.clone();
        let mut stamper = crate::model::ledger::Stamper::new("trial".into(), "");
        for (s, a) in actions {
            trial.apply(&stamper.op(desk.now, s, a));
        }
        if let Some(c) = column {
            Board::read(&trial).find_column(c)?;
        }
    } else if let Some(c) = column {
        desk.board.find_column(c)?;
    }
    let lane = lane.as_deref().map(|l| lane_of(&desk.board, l)).transpose()?.flatten();
    if title.trim().is_empty() {
        return Err(Error::user("A card needs a title"));
    }
    if fresh {
        desk.act(&Edit::Defaults)?;
    }
    let column = match column {
        Some(c) => desk.board.find_column(c)?.clone(),
        None => desk.board.columns.first().cloned().ok_or_else(|| Error::user("The board has no column"))?,
    };
    let new = NewCard {
        lane,
        labels: label.clone(),
        assignee: assignee.clone(),
        body: body.clone().unwrap_or_default(),
        links: link.clone(),
        reason: reason.clone(),
        ..NewCard::new(title.clone(), column.id.clone())
    };
    warn_over(&desk.board, std::slice::from_ref(&new.id), &column, reason.as_deref());
    let id = new.id.0.clone();
    let did = desk.act(&Edit::Add(new))?;
    desk.changed(json_wanted, &did, &[id]);
    Ok(())
}

fn change_card(desk: &mut Desk, name: &str, change: &Change, json_wanted: bool) -> Result<()> {
    if change.restore {
        let id = deleted_card(desk, name)?;
        let did = desk.act(&Edit::Restore(id.as_str().into()))?;
        desk.changed(json_wanted, &did, &[id]);
        return Ok(());
    }
    let card = desk.board.find(name)?.clone();
    let edits = edits_of(&desk.board, &card, change)?;
    let mut did = Vec::new();
    for edit in &edits {
        did.push(desk.act(edit)?);
    }
    desk.changed(json_wanted, &did.join("; "), &[card.id.0]);
    Ok(())
}

fn deleted_card(desk: &Desk, name: &str) -> Result<String> {
    let number = name.rsplit_once('-').map_or(name, |(_, n)| n);
    let gone = desk.loaded.projection.of_kind("card").filter(|d| d.is_deleted());
    let hit = |d: &&crate::model::ledger::Doc| {
        let by_number = number.parse().is_ok_and(|n: u64| d.get("number").as_u64() == Some(n));
        by_number || crate::model::ledger::id_of(&d.subject) == name
    };
    let found = gone.filter(hit).max_by_key(|d| d.last);
    found.map(|d| crate::model::ledger::id_of(&d.subject).to_owned()).ok_or_else(|| {
        Error::user(format!("No deleted card {name:?}")).hint("See what was deleted with: andon board log")
    })
}

fn edits_of(board: &Board, card: &Card, c: &Change) -> Result<Vec<Edit>> {
    let id = || card.id.clone();
    let some = |text: &str| (!text.eq_ignore_ascii_case("none")).then(|| text.to_owned());
    let mut out = Vec::new();
    out.extend(c.title.clone().map(|t| Edit::Title(id(), t)));
    out.extend(c.body.clone().map(|t| Edit::Body(id(), t)));
    if let Some(lane) = &c.lane {
        out.push(Edit::Lane(id(), lane_of(board, lane)?));
    }
    out.extend(c.label.iter().map(|l| Edit::Label(id(), l.clone(), true)));
    for label in &c.unlabel {
        if !card.labels.contains(label) {
            return Err(Error::user(format!("{} has no label {label:?}", card.label))
                .hint(format!("It has: {}", card.labels.join(", "))));
        }
        out.push(Edit::Label(id(), label.clone(), false));
    }
    out.extend(c.assignee.as_deref().map(|a| Edit::Assign(id(), some(a))));
    out.extend(c.block.clone().map(|r| Edit::Block(id(), Some(r))));
    if c.unblock {
        out.push(Edit::Block(id(), None));
    }
    if let Some(text) = &c.estimate {
        let parse = |t: String| t.parse::<f64>().map_err(|_| Error::user(format!("{t:?} is no number of points")));
        out.push(Edit::Estimate(id(), some(text).map(parse).transpose()?));
    }
    if let Some(text) = &c.due {
        let parse = |t: String| {
            t.parse().map_err(|e| Error::user(format!("{t:?} is no date")).because(&e).hint("Write it as 2026-11-30"))
        };
        out.push(Edit::Due(id(), some(text).map(parse).transpose()?));
    }
    out.extend(c.link.iter().map(|l| Edit::Link(id(), l.clone(), true)));
    out.extend(c.unlink.iter().map(|l| Edit::Link(id(), l.clone(), false)));
    out.extend(c.check.iter().map(|t| Edit::AddCheck(id(), t.clone())));
    for text in &c.tick {
        let line = card.checklist.iter().find(|l| l.text.eq_ignore_ascii_case(text)).ok_or_else(|| {
            let near = crate::base::text::nearest(text, card.checklist.iter().map(|l| l.text.as_str()));
            let error = Error::user(format!("{} has no checklist line {text:?}", card.label));
            near.map_or(error.clone(), |n| error.hint(format!("Did you mean {n:?}?")))
        })?;
        out.push(Edit::Tick(id(), line.id.clone(), true));
    }
    out.extend(c.comment.clone().map(|t| Edit::Comment(id(), t)));
    if c.delete {
        out.push(Edit::Delete(id()));
    }
    Ok(out)
}

fn card_json(board: &Board, c: &Card) -> Value {
    let checks: Vec<Value> = c.checklist.iter().map(|l| json!({ "text": l.text, "done": l.done })).collect();
    let comments: Vec<Value> =
        c.comments.iter().map(|m| json!({ "by": m.by, "at": m.at.to_string(), "text": m.text })).collect();
    let also: Vec<Value> =
        c.also_set.iter().map(|a| json!({ "field": a.field, "value": a.value, "by": a.by })).collect();
    json!({
        "id": c.id, "label": c.label, "title": c.title, "column": c.column,
        "column_name": board.column(&c.column).map(|c| &c.name), "lane": c.lane, "labels": c.labels,
        "assignee": c.assignee, "blocked": c.blocked, "estimate": c.estimate, "due": c.due.map(|d| d.to_string()),
        "links": c.links.iter().map(Link::to_string).collect::<Vec<_>>(), "checklist": checks, "comments": comments,
        "body": c.body, "created": c.created.to_string(), "created_by": c.created_by, "entered": c.entered.to_string(),
        "over_reason": c.over_reason, "also_set": also,
    })
}

fn list(desk: &Desk, column: Option<&str>, lane: Option<&str>, json_wanted: bool) -> Result<()> {
    let board = &desk.board;
    let column = column.map(|c| board.find_column(c)).transpose()?;
    let lane = lane.map(|l| board.find_lane(l)).transpose()?;
    let shown: Vec<&Column> = board.columns.iter().filter(|c| column.is_none_or(|o| o.id == c.id)).collect();
    let in_lane = |c: &&Card| lane.is_none_or(|l| c.lane.as_deref() == Some(l.id.as_str()));
    let flow = measures(desk);
    if json_wanted {
        let columns: Vec<Value> = shown
            .iter()
            .map(|c| {
                let cards: Vec<Value> = board.cards_in(&c.id).filter(in_lane).map(|c| card_json(board, c)).collect();
                json!({
                    "id": c.id, "name": c.name, "kind": c.kind.name(), "wip": c.wip, "hard": c.hard,
                    "count": board.in_column(&c.id).len(), "cards": cards,
                })
            })
            .collect();
        let lanes: Vec<Value> =
            board.lanes.iter().map(|l| json!({ "id": l.id, "name": l.name, "wip": l.wip })).collect();
        let over: Vec<Value> = board
            .breaches()
            .into_iter()
            .map(|(name, n, limit)| json!({ "name": name, "count": n, "limit": limit }))
            .collect();
        let home = match desk.ledger.home() {
            Home::Branch { branch, .. } => json!({ "branch": branch, "commit": desk.loaded.head }),
            Home::Folder(_) => json!({ "folder": ".andon/ledger" }),
        };
        let flow = json!({
            "cycle_days_p85": flow.cycle.days[2], "finished": flow.cycle.n, "wip": flow.little.wip_to,
            "throughput_weekly": flow.throughput_weekly.iter().map(|(w, n)| json!([w, n])).collect::<Vec<_>>(),
        });
        document(
            SCHEMA,
            json!({ "columns": columns, "lanes": lanes, "over_limit": over, "flow": flow, "ledger": home, "pending": desk.loaded.pending }),
        );
        return Ok(());
    }
    if board.is_empty() {
        say("The board is empty: andon board add \"First card\" makes the usual columns and a card");
        return Ok(());
    }
    for c in shown {
        let n = board.in_column(&c.id).len();
        let limit = c.wip.map_or(String::new(), |w| format!(" / {w}"));
        let full = c.wip.is_some_and(|w| n > w as usize);
        line(&format!("{}  {n}{limit}{}", c.name, if full { "  over its limit" } else { "" }));
        for card in board.cards_in(&c.id).filter(in_lane) {
            let age = age(desk, &flow, c, card);
            let mut facts = vec![age];
            facts.extend(card.assignee.clone());
            facts.extend(card.labels.iter().cloned());
            facts.extend(card.blocked.as_ref().map(|b| format!("blocked: {b}")));
            line(&format!("  {:<9} {}  ({})", card.label, shorten(&card.title, 60), facts.join(", ")));
        }
    }
    Ok(())
}

fn age(desk: &Desk, flow: &flow::Report, column: &Column, card: &Card) -> String {
    let figures = flow.cards.get(&card.id.0);
    let days = |ms: i64| format!("{:.1} d", ms as f64 / 86_400_000.0);
    match figures {
        Some(f) if column.kind == ColumnKind::Done => f.cycle_ms.map_or_else(|| "done".to_owned(), days),
        Some(flow::CardFlow { start_ms: Some(start), .. }) => {
            time::age(Timestamp::from_millisecond(*start).unwrap_or(card.created), desk.now)
        }
        _ => time::age(card.created, desk.now),
    }
}

fn measures(desk: &Desk) -> flow::Report {
    let tz = time::local_zone();
    let today = desk.now.to_zoned(tz.clone()).date();
    let from = today.checked_sub(jiff::Span::new().days(55)).unwrap_or(today);
    let config = history::config(&desk.board, tz, desk.now, from, today);
    flow::measure(&config, &history::events(&desk.loaded.ops))
}

fn log(desk: &Desk, card: Option<&str>, limit: usize, json_wanted: bool) -> Result<()> {
    let only = card.map(|c| desk.board.find(c).map(|c| edit::subject(&c.id))).transpose()?;
    let created: BTreeMap<&str, &Op> =
        desk.loaded.ops.iter().filter(|o| o.action == Action::Create).map(|o| (o.subject.as_str(), o)).collect();
    let mut rows: Vec<(&Op, String)> = Vec::new();
    for op in desk.loaded.ops.iter().rev() {
        if rows.len() >= limit {
            break;
        }
        // A new card's first values are part of its creation.
        let born = created.get(op.subject.as_str());
        let part = born.is_some_and(|b| b.id != op.id && b.by == op.by && op.hlc.ms - b.hlc.ms < 50);
        let shown = only.as_ref().is_none_or(|s| *s == op.subject);
        let ours = matches!(kind(&op.subject), "card" | "column" | "lane" | "board");
        if part || !shown || !ours {
            continue;
        }
        if let Some(words) = words::describe(&desk.board, &desk.loaded.projection, op) {
            rows.push((op, words));
        }
    }
    if json_wanted {
        let all: Vec<Value> = rows
            .iter()
            .map(|(op, words)| json!({ "at": op.hlc.instant().to_string(), "by": op.by, "what": words, "op": op }))
            .collect();
        document(SCHEMA, json!({ "log": all }));
        return Ok(());
    }
    for (op, words) in rows {
        line(&format!("{}  {}  {words}", time::day_hhmm(op.hlc.instant()), op.by));
    }
    Ok(())
}
