use jiff::Timestamp;
use proptest::prelude::*;

use super::{
    edit::{Actions, Edit, Move, NewCard, Spot, actions, inverse, rebase},
    *,
};
use crate::{
    base::ids::WriterId,
    model::ledger::{Op, Stamper, project},
};

/// A board in memory with everything that writes it.
struct Desk {
    all: Projection,
    board: Board,
    stamper: Stamper,
    ops: Vec<Op>,
    clock: i64,
}

impl Desk {
    fn new(name: &str) -> Self {
        let stamper = Stamper::new(WriterId(name.to_owned()), name);
        let mut desk =
            Self { all: project([]), board: Board::default(), stamper, ops: Vec::new(), clock: 1_790_000_000_000 };
        desk.edit(&Edit::Defaults).unwrap();
        desk
    }
    fn apply(&mut self, actions: Actions) {
        for (subject, action) in actions {
            self.clock += 1000;
            let now = Timestamp::from_millisecond(self.clock).unwrap();
            let op = self.stamper.op(now, subject.clone(), action);
            self.all.apply(&op);
            self.ops.push(op);
            self.board.refresh(&self.all, &subject);
        }
    }
    /// Does it and gives what takes it back.
    fn edit(&mut self, edit: &Edit) -> Result<Actions, Error> {
        let (actions, _) = actions(&self.board, &self.all, edit)?;
        let back = inverse(&self.all, &actions);
        self.apply(actions);
        Ok(back)
    }
    fn add(&mut self, title: &str, column: &str) -> CardId {
        let new = NewCard::new(title, column);
        let id = new.id.clone();
        self.edit(&Edit::Add(new)).unwrap();
        id
    }
    fn titles(&self, column: &str) -> Vec<&str> {
        self.board.cards_in(column).map(|c| c.title.as_str()).collect()
    }
}

fn shift(card: &CardId, column: &str, spot: Spot) -> Edit {
    Edit::Move(Move { cards: vec![card.clone()], column: column.to_owned(), lane: None, spot, reason: None })
}

#[test]
fn cards_get_numbers_and_keep_their_order() {
    let mut desk = Desk::new("a");
    let one = desk.add("one", "ready");
    let two = desk.add("two", "ready");
    let three = desk.add("three", "ready");
    assert_eq!(desk.board.card(&three).unwrap().label, "AND-3");
    desk.edit(&shift(&three, "ready", Spot::Before(one.clone()))).unwrap();
    desk.edit(&shift(&one, "ready", Spot::End)).unwrap();
    assert_eq!(desk.titles("ready"), ["three", "two", "one"]);
    let at = desk.ops.len();
    desk.edit(&shift(&one, "ready", Spot::End)).unwrap();
    desk.edit(&shift(&two, "ready", Spot::Before(one.clone()))).unwrap();
    assert_eq!(desk.ops.len(), at, "a move to where it is writes nothing");
    assert_eq!(desk.board, Board::read(&desk.all));
}

#[test]
fn a_hard_limit_refuses_and_a_soft_one_keeps_the_reason() {
    let mut desk = Desk::new("a");
    let cards: Vec<CardId> = (0..5).map(|n| desk.add(&n.to_string(), "ready")).collect();
    desk.edit(&Edit::Limit { column: "review".into(), wip: Some(2), hard: true }).unwrap();
    for card in &cards[..2] {
        desk.edit(&shift(card, "review", Spot::End)).unwrap();
    }
    assert_eq!(desk.board.wip_after(&cards[2..3], "review"), Wip::Over { after: 3, limit: 2, hard: true });
    let refused = desk.edit(&shift(&cards[2], "review", Spot::End)).unwrap_err();
    assert!(refused.what.contains("Review is full") && refused.hint.is_some());
    desk.edit(&Edit::Limit { column: "review".into(), wip: Some(2), hard: false }).unwrap();
    let over = Edit::Move(Move {
        cards: vec![cards[2].clone()],
        column: "review".into(),
        lane: None,
        spot: Spot::Top,
        reason: Some("release today".into()),
    });
    desk.edit(&over).unwrap();
    assert_eq!(desk.board.card(&cards[2]).unwrap().over_reason.as_deref(), Some("release today"));
    assert_eq!(desk.board.breaches(), [("Review".to_owned(), 3, 2)]);
    assert_eq!(desk.board.wip_after(&cards[2..3], "review"), Wip::Free { after: 3 }, "it is there already");
}

#[test]
fn two_clones_that_take_one_number_both_keep_their_card() {
    let mut a = Desk::new("a");
    let mut b = Desk::new("b");
    b.all = project(&a.ops);
    b.ops = a.ops.clone();
    b.board = Board::read(&b.all);
    let one = a.add("mine", "ready");
    b.clock += 60_000;
    let two = b.add("yours", "ready");
    let all = project(a.ops.iter().chain(&b.ops));
    let board = Board::read(&all);
    assert_eq!(
        (board.card(&one).unwrap().label.as_str(), board.card(&two).unwrap().label.as_str()),
        ("AND-1", "AND-1b")
    );
    assert_eq!(board.find("and-1b").unwrap().title, "yours");
    assert_eq!(board.find("1").unwrap().title, "mine");
}

#[test]
fn wrong_names_get_the_nearest_right_one() {
    let mut desk = Desk::new("a");
    desk.add("one", "ready");
    assert_eq!(desk.board.find_column("Reveiw").unwrap_err().hint.unwrap(), "Did you mean \"Review\"?");
    assert_eq!(desk.board.find("AND-2").unwrap_err().hint.unwrap(), "Did you mean AND-1?");
    assert!("pipelin:x".parse::<Link>().is_err() && "pipeline:".parse::<Link>().is_err());
}

#[test]
fn a_gap_that_is_used_up_is_spaced_anew_in_the_same_step() {
    let mut desk = Desk::new("a");
    let (top, one, two) = (desk.add("top", "ready"), desk.add("one", "ready"), desk.add("two", "ready"));
    for n in 0..400 {
        let (moving, fixed) = if n % 2 == 0 { (&one, &two) } else { (&two, &one) };
        desk.edit(&shift(moving, "ready", Spot::Before(fixed.clone()))).unwrap();
        assert_eq!(desk.board.in_column("ready")[0], top);
        assert!(desk.board.cards.values().all(|c| c.key.len() <= order::MAX_LEN));
    }
}

#[test]
fn words_say_what_was_done() {
    let mut desk = Desk::new("a");
    let card = desk.add("Route medians", "ready");
    desk.edit(&shift(&card, "done", Spot::End)).unwrap();
    desk.edit(&Edit::Block(card.clone(), Some("waits for #412".into()))).unwrap();
    desk.edit(&Edit::Label(card.clone(), "Report".into(), true)).unwrap();
    let last: Vec<&Op> = desk.ops.iter().rev().take(3).rev().collect();
    let message = words::message(&desk.all, &last);
    assert_eq!(
        message,
        "Move AND-1 to Done, and 2 more\n\n- Move AND-1 to Done\n- Block AND-1: waits for #412\n- Label AND-1 Report\n"
    );
    let created: Vec<&Op> = desk.ops.iter().filter(|o| o.subject.starts_with("card/")).take(4).collect();
    assert_eq!(words::message(&desk.all, &created), "Add AND-1 \u{201c}Route medians\u{201d}");
}

#[test]
fn the_ledger_gives_the_events_of_the_flow() {
    let mut desk = Desk::new("a");
    let card = desk.add("one", "ready");
    for column in ["in-progress", "in-progress", "done"] {
        desk.edit(&shift(&card, column, Spot::Top)).unwrap();
    }
    desk.edit(&Edit::Delete(card.clone())).unwrap();
    desk.edit(&Edit::Restore(card.clone())).unwrap();
    let names: Vec<&str> = history::events(&desk.ops).iter().map(|e| e.kind.name()).collect();
    assert_eq!(names, ["create", "move", "move", "delete", "restore"]);
    let day = |d: &str| d.parse().unwrap();
    let now = Timestamp::from_millisecond(desk.clock + 60_000).unwrap();
    let config = history::config(&desk.board, jiff::tz::TimeZone::UTC, now, day("2026-09-01"), day("2026-09-30"));
    let report = crate::model::flow::measure(&config, &history::events(&desk.ops));
    assert_eq!(report.cycle.n, 1);
    assert_eq!(report.cards[&card.0].cycle_ms, Some(1000));
    assert!(report.anomalies.is_empty(), "{:?}", report.anomalies);
}

#[test]
fn columns_and_lanes_are_put_in_another_order_and_back() {
    let mut desk = Desk::new("a");
    let names = |desk: &Desk| desk.board.columns.iter().map(|c| c.id.clone()).collect::<Vec<_>>();
    let place = |column: &str, to| Edit::PlaceColumn { column: column.into(), to };
    let before = names(&desk);
    let back = desk.edit(&place("review", 0)).unwrap();
    assert_eq!(names(&desk), ["review", "ready", "next", "in-progress", "done"]);
    desk.apply(rebase(&desk.all, &back));
    assert_eq!(names(&desk), before);
    for n in 0..200 {
        desk.edit(&place(&before[n % 5], (n * 3) % 5)).unwrap();
        assert_eq!(names(&desk)[(n * 3) % 5], before[n % 5], "step {n}");
    }
    desk.edit(&Edit::AddLane("Delays".into())).unwrap();
    desk.edit(&Edit::AddLane("Weather".into())).unwrap();
    desk.edit(&Edit::PlaceLane { lane: "weather".into(), to: 0 }).unwrap();
    desk.edit(&Edit::LaneLimit("weather".into(), Some(2))).unwrap();
    let lanes: Vec<_> = desk.board.lanes.iter().map(|l| (l.name.as_str(), l.wip)).collect();
    assert_eq!(lanes, [("Weather", Some(2)), ("Delays", None)]);
}

#[test]
fn the_layout_refuses_what_would_leave_no_board() {
    let mut desk = Desk::new("a");
    desk.add("one", "ready");
    let refused = |desk: &mut Desk, edit: Edit| desk.edit(&edit).unwrap_err().what;
    assert_eq!(refused(&mut desk, Edit::RemoveColumn("ready".into())), "Ready still holds 1 card");
    assert!(refused(&mut desk, Edit::ColumnKind("done".into(), ColumnKind::Queue)).contains("finished"));
    assert!(refused(&mut desk, Edit::RenameColumn("next".into(), "review".into())).contains("already"));
    assert!(refused(&mut desk, Edit::AddColumn { name: " ".into(), kind: ColumnKind::Queue }).contains("name"));
    desk.edit(&Edit::ColumnKind("review".into(), ColumnKind::Done)).unwrap();
    desk.edit(&Edit::ColumnKind("done".into(), ColumnKind::Active)).unwrap();
    desk.edit(&Edit::Policy("next".into(), "Has a data owner".into())).unwrap();
    assert_eq!(desk.board.column("next").unwrap().policy, "Has a data owner");
    desk.edit(&Edit::Start("in-progress".into())).unwrap();
    assert!(!desk.board.is_wip("next"));
}

#[test]
fn lanes_follow_people_pipelines_and_labels_and_a_drop_sets_them() {
    let mut desk = Desk::new("a");
    let (one, two) = (desk.add("one", "ready"), desk.add("two", "ready"));
    assert!(!desk.board.has_lanes());
    desk.edit(&Edit::Assign(one.clone(), Some("Mara".into()))).unwrap();
    desk.edit(&Edit::Label(two.clone(), "Feed".into(), true)).unwrap();
    desk.edit(&Edit::Link(two.clone(), "pipeline:pipelines/nightly.toml".parse().unwrap(), true)).unwrap();
    let lanes = |desk: &Desk| desk.board.groups().into_iter().map(|(_, name)| name).collect::<Vec<_>>();
    desk.edit(&Edit::Group(Grouping::Assignee)).unwrap();
    assert_eq!(lanes(&desk), ["Mara", "Nobody"]);
    for edit in desk.board.regroup(&[one.clone(), two.clone()], Some("Mara")) {
        desk.edit(&edit).unwrap();
    }
    assert_eq!(lanes(&desk), ["Mara"]);
    desk.edit(&Edit::Group(Grouping::Label)).unwrap();
    assert_eq!(lanes(&desk), ["Feed", "No label"]);
    assert_eq!(desk.board.regroup(std::slice::from_ref(&two), None), [Edit::Label(two.clone(), "Feed".into(), false)]);
    desk.edit(&Edit::Group(Grouping::Pipeline)).unwrap();
    assert_eq!(lanes(&desk), ["nightly", "No pipeline"]);
    assert!(desk.board.regroup(&[one], Some("nightly")).is_empty(), "a drop binds nothing");
    desk.edit(&Edit::ShowFact(Fact::Age, false)).unwrap();
    assert_eq!(desk.board.hidden.iter().collect::<Vec<_>>(), [&Fact::Age]);
    assert_eq!(desk.board, Board::read(&desk.all));
    let again = Edit::ShowFact(Fact::Age, true);
    desk.edit(&again).unwrap();
    assert!(desk.board.hidden.is_empty());
}

#[test]
fn a_move_taken_back_leaves_the_card_as_old_in_its_column_as_it_was() {
    let mut desk = Desk::new("a");
    let card = desk.add("one", "ready");
    desk.edit(&shift(&card, "next", Spot::End)).unwrap();
    let entered = |desk: &Desk| desk.board.card(&card).unwrap().entered;
    let stays = |desk: &Desk| -> Vec<(String, i64)> {
        let of = |e: crate::model::flow::Event| match e.kind {
            crate::model::flow::EventKind::Create { to } | crate::model::flow::EventKind::Move { to, .. } => {
                Some((to, e.ms))
            }
            _ => None,
        };
        history::events(&desk.ops).into_iter().filter_map(of).collect()
    };
    let (came, before) = (entered(&desk), stays(&desk));
    desk.clock += 60 * 60 * 1000;
    let back = desk.edit(&shift(&card, "done", Spot::End)).unwrap();
    let (done, after) = (entered(&desk), stays(&desk));
    assert!(done > came && after.len() == 3);
    desk.clock += 60 * 60 * 1000;
    let back = rebase(&desk.all, &back);
    let forth = inverse(&desk.all, &back);
    desk.apply(back);
    assert_eq!((entered(&desk), stays(&desk)), (came, before.clone()), "as if it had never been done");
    desk.clock += 60 * 60 * 1000;
    let again = rebase(&desk.all, &forth);
    let once_more = inverse(&desk.all, &again);
    desk.apply(again);
    assert_eq!((entered(&desk), stays(&desk)), (done, after), "and redone it was done when it was done first");
    let undone = rebase(&desk.all, &once_more);
    desk.apply(undone);
    assert_eq!((entered(&desk), stays(&desk)), (came, before));
    assert_eq!(desk.board, Board::read(&desk.all));
    // Who opens the ledger later reads the same, and so does the undo that is made from it.
    let read = Board::read(&project(desk.ops.iter()));
    assert_eq!(read.card(&card).unwrap().entered, came);
    desk.edit(&shift(&card, "review", Spot::Top)).unwrap();
    let steps = history::steps(&desk.ops, &WriterId("a".into()), 1);
    let back = rebase(&desk.all, &steps[0].inverse);
    desk.apply(back);
    assert_eq!(entered(&desk), came);
    // A place within the column is no stay of its own.
    desk.add("two", "next");
    desk.edit(&shift(&card, "next", Spot::End)).unwrap();
    assert_eq!(entered(&desk), came);
}

fn any_edit(cards: &[CardId], pick: (u8, usize, usize, u8)) -> Edit {
    let (what, a, b, n) = pick;
    let card = cards[a % cards.len()].clone();
    let column = ["ready", "next", "in-progress", "review", "done"][b % 5];
    match what % 11 {
        0 => Edit::Add(NewCard::new(format!("new {n}"), column)),
        1 | 2 => shift(&card, column, Spot::Top),
        3 => shift(&card, column, Spot::Before(cards[b % cards.len()].clone())),
        4 => Edit::Title(card, format!("title {n}")),
        5 => Edit::Block(card, (n % 2 == 0).then(|| format!("because {n}"))),
        6 => Edit::Label(card, format!("l{}", n % 3), n % 2 == 0),
        7 => Edit::AddCheck(card, format!("check {n}")),
        8 => Edit::Delete(card),
        9 => {
            Edit::Move(Move { cards: cards.to_vec(), column: column.into(), lane: None, spot: Spot::End, reason: None })
        }
        _ => Edit::Link(card, Link { kind: LinkKind::Pipeline, target: format!("p{}", n % 2) }, n % 2 == 0),
    }
}

/// What a person sees, without keys and times.
fn picture(board: &Board) -> Vec<String> {
    let mut out = Vec::new();
    for column in &board.columns {
        for c in board.cards_in(&column.id) {
            let checks: Vec<_> = c.checklist.iter().map(|c| &c.text).collect();
            out.push(format!(
                "{} {} {} {:?} {:?} {:?} {:?}",
                column.id, c.label, c.title, c.blocked, c.labels, c.links, checks
            ));
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn undoing_everything_gives_the_board_before_and_redoing_the_board_after(
        picks in prop::collection::vec((any::<u8>(), 0..6usize, 0..6usize, any::<u8>()), 1..30)
    ) {
        let mut desk = Desk::new("a");
        let cards: Vec<CardId> = (0..4).map(|n| desk.add(&format!("card {n}"), "ready")).collect();
        let times = |desk: &Desk| cards.iter().map(|c| desk.board.card(c).map(|c| c.entered)).collect::<Vec<_>>();
        let (before, came) = (picture(&desk.board), times(&desk));
        let mut undo = Vec::new();
        for pick in picks {
            if let Ok(back) = desk.edit(&any_edit(&cards, pick)) {
                undo.push(back);
            }
            prop_assert_eq!(&desk.board, &Board::read(&desk.all), "the board read piece by piece is the board read whole");
        }
        let after = picture(&desk.board);
        let mut redo = Vec::new();
        for back in undo.into_iter().rev() {
            let back = rebase(&desk.all, &back);
            redo.push(inverse(&desk.all, &back));
            desk.apply(back);
        }
        prop_assert_eq!(picture(&desk.board), before);
        prop_assert_eq!(times(&desk), came);
        for forth in redo.into_iter().rev() {
            let forth = rebase(&desk.all, &forth);
            desk.apply(forth);
        }
        prop_assert_eq!(picture(&desk.board), after);
    }
}
