//! The board of a sample: a story in TOML, told through the ledger as its people would have done it.
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::{
    base::{Error, Result, error::Context, ids},
    engine::ledger::Ledger,
    model::{
        board::{
            Board, Link,
            edit::{self, Edit, Move, NewCard, Spot},
        },
        ledger::{Op, Projection, Stamper},
    },
};

/// `.sample/board.toml`. Times are `9d 10:20`: 10:20 UTC nine days before the copy is made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Story {
    /// Short name to name.
    people: BTreeMap<String, String>,
    #[serde(default)]
    lanes: Vec<String>,
    card: Vec<CardStory>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CardStory {
    title: String,
    lane: Option<String>,
    #[serde(default)]
    labels: Vec<String>,
    who: Option<String>,
    #[serde(default)]
    body: String,
    #[serde(default)]
    links: Vec<String>,
    /// `9d 10:20 In progress`: where it was put, first to last.
    path: Vec<String>,
    #[serde(default)]
    checks: Vec<String>,
    /// How many of the checks are ticked.
    #[serde(default)]
    ticked: usize,
    /// `9d 10:20 MO Text`.
    #[serde(default)]
    notes: Vec<String>,
    /// `9d 10:20 MO Reason`, then perhaps the time it went on.
    #[serde(default)]
    blocked: Vec<String>,
}

/// What happens to a card at a time.
enum Deed<'a> {
    Put(&'a str),
    Block(Option<&'a str>),
    Note(&'a str),
}

struct Step<'a> {
    at: Timestamp,
    card: usize,
    by: Option<&'a str>,
    deed: Deed<'a>,
}

/// Tells the story into the ledger, ending on the day before `now`.
pub(super) fn seed(ledger: &Ledger, story: &[u8], now: Timestamp) -> Result<()> {
    let text = std::str::from_utf8(story).config(|| "The board of the sample is not UTF-8 text".to_owned())?;
    let story: Story = toml::from_str(text).config(|| "The board of the sample cannot be read".to_owned())?;
    let ops = Teller::new(&story)?.tell(now)?;
    ledger.append(&ops)?;
    ledger.flush().map(|_| ())
}

struct Teller<'a> {
    story: &'a Story,
    projection: Projection,
    board: Board,
    /// One writer for each person, as if each had a clone.
    writers: BTreeMap<&'a str, Stamper>,
    ids: BTreeMap<usize, ids::CardId>,
    ops: Vec<Op>,
}

impl<'a> Teller<'a> {
    fn new(story: &'a Story) -> Result<Self> {
        if story.people.is_empty() {
            return Err(Error::bug("The board of the sample names no people"));
        }
        let writers = story
            .people
            .iter()
            .map(|(short, name)| (short.as_str(), Stamper::new(ids::WriterId(ids::random(12)), name.clone())))
            .collect();
        let (projection, board, ids, ops) = Default::default();
        Ok(Self { story, projection, board, writers, ids, ops })
    }

    fn tell(mut self, now: Timestamp) -> Result<Vec<Op>> {
        let steps = self.steps(now)?;
        let first = steps.first().map_or(now, |s| s.at);
        let founder = self.writers.keys().next().copied().unwrap_or_default();
        let before = |minutes: i64| first.checked_sub(SignedDuration::from_mins(minutes)).unwrap_or(first);
        self.carry_out(before(30), founder, &Edit::Defaults)?;
        for lane in &self.story.lanes {
            self.carry_out(before(20), founder, &Edit::AddLane(lane.clone()))?;
        }
        for step in &steps {
            self.step(step, founder)?;
        }
        Ok(self.ops)
    }

    fn steps(&self, now: Timestamp) -> Result<Vec<Step<'a>>> {
        let mut steps = Vec::new();
        for (card, c) in self.story.card.iter().enumerate() {
            for put in &c.path {
                let (at, column) = when(put, now)?;
                steps.push(Step { at, card, by: c.who.as_deref(), deed: Deed::Put(column) });
            }
            for (i, blocked) in c.blocked.iter().enumerate() {
                let (at, rest) = when(blocked, now)?;
                let (by, reason) = rest.split_once(' ').unwrap_or((c.who.as_deref().unwrap_or_default(), rest));
                let deed = Deed::Block((i % 2 == 0).then_some(reason));
                steps.push(Step { at, card, by: Some(by), deed });
            }
            for note in &c.notes {
                let (at, rest) = when(note, now)?;
                let (by, text) = rest.split_once(' ').unwrap_or_default();
                steps.push(Step { at, card, by: Some(by), deed: Deed::Note(text) });
            }
        }
        steps.sort_by_key(|s| (s.at, s.card));
        Ok(steps)
    }

    fn step(&mut self, step: &Step<'a>, founder: &'a str) -> Result<()> {
        let card = &self.story.card[step.card];
        let by = step.by.filter(|b| self.writers.contains_key(b)).unwrap_or(founder);
        let Some(id) = self.ids.get(&step.card).cloned() else { return self.add(step, card, by) };
        let edit = match step.deed {
            Deed::Put(column) => Edit::Move(Move {
                cards: vec![id.clone()],
                column: self.board.find_column(column)?.id.clone(),
                lane: None,
                spot: Spot::Top,
                reason: None,
            }),
            Deed::Block(reason) => Edit::Block(id.clone(), reason.map(str::to_owned)),
            Deed::Note(text) => Edit::Comment(id.clone(), text.to_owned()),
        };
        self.carry_out(step.at, by, &edit)?;
        // Work that began is ticked off as far as the story says.
        let begun = matches!(step.deed, Deed::Put(column) if column.eq_ignore_ascii_case("in progress"));
        if begun {
            let done: Vec<String> = self
                .board
                .card(&id)
                .map(|c| c.checklist.iter().take(card.ticked).map(|k| k.id.clone()).collect())
                .unwrap_or_default();
            for check in done {
                self.carry_out(step.at, by, &Edit::Tick(id.clone(), check, true))?;
            }
        }
        Ok(())
    }

    fn add(&mut self, step: &Step<'a>, card: &'a CardStory, by: &'a str) -> Result<()> {
        let Deed::Put(column) = step.deed else {
            return Err(Error::bug(format!("The card {} of the sample does something before it is there", card.title)));
        };
        let mut new = NewCard::new(card.title.clone(), self.board.find_column(column)?.id.clone());
        new.lane = card.lane.as_ref().map(|l| self.board.find_lane(l).map(|l| l.id.clone())).transpose()?;
        new.labels.clone_from(&card.labels);
        new.assignee = card.who.as_ref().and_then(|w| self.story.people.get(w)).cloned();
        card.body.trim().clone_into(&mut new.body);
        new.links = card.links.iter().map(|l| l.parse::<Link>()).collect::<Result<_>>()?;
        let id = new.id.clone();
        self.ids.insert(step.card, id.clone());
        self.carry_out(step.at, by, &Edit::Add(new))?;
        for check in &card.checks {
            self.carry_out(step.at, by, &Edit::AddCheck(id.clone(), check.clone()))?;
        }
        Ok(())
    }

    fn carry_out(&mut self, at: Timestamp, by: &str, edit: &Edit) -> Result<()> {
        let (actions, _) = edit::actions(&self.board, &self.projection, edit)?;
        let Some(writer) = self.writers.get_mut(by) else { return Err(Error::bug(format!("Nobody is called {by}"))) };
        writer.observe(self.projection.latest(), at);
        for (subject, action) in actions {
            let op = writer.op(at, subject, action);
            self.projection.apply(&op);
            self.board.refresh(&self.projection, &op.subject);
            self.ops.push(op);
        }
        Ok(())
    }
}

/// The time at the start of a line, and the rest of it.
fn when(line: &str, now: Timestamp) -> Result<(Timestamp, &str)> {
    let wrong = || Error::bug(format!("“{line}” does not start with a time such as 9d 10:20"));
    let (days, rest) = line.split_once("d ").ok_or_else(wrong)?;
    let (clock, rest) = rest.split_at_checked(5).ok_or_else(wrong)?;
    let (hours, minutes) = clock.split_once(':').ok_or_else(wrong)?;
    let number = |text: &str| text.parse::<i64>().map_err(|e| wrong().because(&e));
    let midnight = now.as_second() - now.as_second().rem_euclid(86_400);
    let second = midnight - number(days)? * 86_400 + number(hours)? * 3600 + number(minutes)? * 60;
    let at = Timestamp::from_second(second).map_err(|e| wrong().because(&e))?;
    Ok((at, rest.trim_start()))
}
