use std::{path::Path, time::Duration};

use super::*;
use crate::{
    app::{env::NoWaker, host::Host},
    base::time::{Clock, SystemClock},
    engine::dirs::Dirs,
    model::board::edit::Spot,
};

/// The present, in the machine's time zone.
struct Fixed(Timestamp);

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        self.0
    }
}

fn at(s: i64) -> Fixed {
    Fixed(Timestamp::from_second(1_794_900_000 + s).unwrap())
}

/// A state whose ledger has been read and is empty.
fn fresh() -> AppState {
    let mut state = AppState::default();
    let snapshot = Snapshot {
        projection: Projection::default(),
        board: Board::default(),
        log: Vec::new(),
        damage: Vec::new(),
        pending: 0,
        figures: Arc::default(),
        unsent: None,
        stamper: Stamper::new("me".into(), "Ines Duarte"),
        steps: Vec::new(),
        flushes: 0,
    };
    let clock = at(0);
    event(&mut state, Event::Loaded(Arc::new(snapshot)), &Cx { clock: &clock });
    state
}

fn send(state: &mut AppState, c: Command) -> Vec<Effect> {
    let clock = at(state.board.revision as i64);
    command(state, c, &Cx { clock: &clock })
}

fn notices(effects: &[Effect]) -> Vec<String> {
    effects.iter().filter_map(|e| if let Effect::Notice(n) = e { Some(n.title.clone()) } else { None }).collect()
}

fn add(state: &mut AppState, title: &str, column: &str) -> CardId {
    let new = NewCard::new(title, column);
    let id = new.id.clone();
    send(state, Command::Do(Edit::Add(new)));
    id
}

fn shift(card: &CardId, column: &str) -> Command {
    let m = Move { cards: vec![card.clone()], column: column.to_owned(), lane: None, spot: Spot::End, reason: None };
    Command::Do(Edit::Move(m))
}

#[test]
fn a_move_shows_at_once_is_written_once_and_can_be_undone() {
    let mut state = fresh();
    send(&mut state, Command::Do(Edit::Defaults));
    let card = add(&mut state, "Route medians", "review");
    let effects = send(&mut state, shift(&card, "done"));
    assert_eq!(notices(&effects), ["AND-1 moved to Done"]);
    let Some(Effect::Start(job)) = effects.first() else { panic!("{effects:?}") };
    assert_eq!((job.key.as_str(), job.policy), ("board.write", Policy::Queue));
    assert!(!effects.iter().any(|e| matches!(e, Effect::After(..))), "one flush gathers all edits of two seconds");
    assert_eq!(state.board.card(&card).unwrap().column, "done");
    assert_eq!(state.board.log[0].what, "Move AND-1 to Done");
    let effects = send(&mut state, Command::Undo);
    assert_eq!(notices(&effects), ["Undone: AND-1 moved to Done"]);
    assert_eq!(state.board.card(&card).unwrap().column, "review");
    send(&mut state, Command::Redo);
    assert_eq!(state.board.card(&card).unwrap().column, "done");
    assert_eq!(state.board.focus, Some(card));
}

#[test]
fn a_soft_limit_asks_for_a_reason_and_a_hard_one_refuses() {
    let mut state = fresh();
    send(&mut state, Command::Do(Edit::Defaults));
    let limit = |hard| Command::Do(Edit::Limit { column: "review".into(), wip: Some(1), hard });
    send(&mut state, limit(false));
    let (one, two) = (add(&mut state, "one", "review"), add(&mut state, "two", "ready"));
    assert!(send(&mut state, shift(&two, "review")).is_empty());
    assert!(state.board.asking.is_some());
    send(&mut state, Command::CancelAsk);
    assert_eq!(state.board.card(&two).unwrap().column, "ready");
    send(&mut state, shift(&two, "review"));
    send(&mut state, Command::Answer("both go out today".into()));
    assert_eq!(state.board.card(&two).unwrap().over_reason.as_deref(), Some("both go out today"));
    assert_eq!(state.board.log[0].what, "Move AND-2 to Review over its limit: both go out today");
    let rows = attention(&state);
    assert!(rows.iter().any(|r| r.trouble == Trouble::OverLimit && r.evidence == "2 cards of 1"), "{rows:?}");
    send(&mut state, limit(true));
    send(&mut state, shift(&one, "done"));
    send(&mut state, shift(&two, "done"));
    send(&mut state, shift(&one, "review"));
    let effects = send(&mut state, shift(&two, "review"));
    assert_eq!(notices(&effects), ["Review is full: it would hold 2 of 1"]);
    assert_eq!(state.board.card(&two).unwrap().column, "done");
}

#[test]
fn what_was_done_during_a_read_is_not_lost() {
    let mut state = fresh();
    send(&mut state, Command::Do(Edit::Defaults));
    let before = Snapshot {
        projection: state.board.all.clone(),
        board: state.board.board.clone(),
        log: Vec::new(),
        damage: Vec::new(),
        pending: 0,
        figures: Arc::default(),
        unsent: None,
        stamper: Stamper::new("me".into(), "Ines Duarte"),
        steps: Vec::new(),
        flushes: 0,
    };
    let card = add(&mut state, "meanwhile", "ready");
    let clock = at(99);
    event(&mut state, Event::Loaded(Arc::new(before)), &Cx { clock: &clock });
    assert_eq!(state.board.card(&card).unwrap().title, "meanwhile");
    let error = Error::io("The disk is full");
    event(&mut state, Event::WriteFailed(error.clone()), &Cx { clock: &clock });
    assert_eq!(state.board.unsaved, Some(error));
    let effects = send(&mut state, Command::Retry);
    let Some(Effect::Start(Job { task: crate::app::Task::Board(Task::Append(ops)), .. })) = effects.first() else {
        panic!("{effects:?}")
    };
    assert!(ops.iter().any(|o| o.subject.ends_with(&card.0)), "everything unwritten goes again");
}

#[test]
fn steps_done_within_a_millisecond_stay_apart() {
    let mut state = fresh();
    let clock = at(0);
    let mut ops = Vec::new();
    let mut step = |state: &mut AppState, c: Command| {
        for effect in command(state, c, &Cx { clock: &clock }) {
            if let Effect::Start(Job { task: crate::app::Task::Board(Task::Append(more)), .. }) = effect {
                ops.extend(more);
            }
        }
    };
    step(&mut state, Command::Do(Edit::Defaults));
    let new = NewCard::new("First", "ready");
    let card = new.id.clone();
    step(&mut state, Command::Do(Edit::Add(new)));
    step(&mut state, shift(&card, "done"));
    let log: Vec<&str> = state.board.log.iter().take(2).map(|r| r.what.as_str()).collect();
    assert_eq!(log, ["Move AND-1 to Done", "Add AND-1 \u{201c}First\u{201d}"]);
    let read: Vec<String> = history::steps(&ops, &"me".into(), 2).into_iter().map(|s| s.title).collect();
    assert_eq!(read, ["Add AND-1 \u{201c}First\u{201d}", "Move AND-1 to Done"]);
}

#[test]
fn a_read_that_began_before_a_flush_does_not_undo_its_news() {
    let mut state = fresh();
    let clock = at(0);
    let cx = Cx { clock: &clock };
    let read = |flushes| {
        Event::Loaded(Arc::new(Snapshot {
            projection: Projection::default(),
            board: Board::default(),
            log: Vec::new(),
            damage: Vec::new(),
            pending: 3,
            figures: Arc::default(),
            unsent: None,
            stamper: Stamper::new("me".into(), "Ines Duarte"),
            steps: Vec::new(),
            flushes,
        }))
    };
    event(&mut state, Event::Flushed { figures: Arc::default(), pending: 0, unsent: None }, &cx);
    let effects = event(&mut state, read(0), &cx);
    assert_eq!(state.board.pending, 0);
    let Some(Effect::Start(Job { task: crate::app::Task::Board(Task::Load(1)), .. })) = effects.first() else {
        panic!("it is read again: {effects:?}")
    };
    assert!(event(&mut state, read(1), &cx).is_empty());
    assert_eq!(state.board.pending, 3);
}

#[test]
fn the_board_is_synced_only_in_a_folder_that_is_trusted() {
    let mut state = fresh();
    assert!(!send(&mut state, Command::Sync).iter().any(|e| matches!(e, Effect::Start(_))));
    assert!(matches!(state.shell.dialog, Some(crate::app::shell::Dialog::Trust { .. })));
    state.workspace.trusted = true;
    assert!(matches!(send(&mut state, Command::Sync)[..], [Effect::Start(_)]));
}

#[test]
fn the_filter_knows_people_labels_and_blocked_cards() {
    let mut state = fresh();
    send(&mut state, Command::Do(Edit::Defaults));
    let card = add(&mut state, "Wind gust nulls", "ready");
    send(&mut state, Command::Do(Edit::Assign(card.clone(), Some("Mara Okafor".into()))));
    send(&mut state, Command::Do(Edit::Label(card.clone(), "Quality".into(), true)));
    send(&mut state, Command::Do(Edit::Block(card.clone(), Some("waits for ASOS".into()))));
    send(&mut state, Command::Do(Edit::Due(card.clone(), Some("2020-01-31".parse().unwrap()))));
    send(&mut state, Command::Do(Edit::Link(card.clone(), "pipeline:nightly".parse().unwrap(), true)));
    let card = state.board.card(&card).unwrap();
    for (text, hit) in [
        ("gust and-1", true),
        ("@mara #qual is:blocked", true),
        ("@ines", false),
        ("-@ines", true),
        ("@nobody", false),
        ("asos", true),
        ("gust rain", false),
        ("\"gust nulls\"", true),
        ("\"nulls gust\"", false),
        ("in:ready -in:done is:open pipeline:night", true),
        ("is:overdue", true),
        ("is:red", false),
        ("-is:blocked", false),
        ("is:bl", true),
        ("", true),
    ] {
        assert_eq!(filter::Filter::parse(text).fits(&state, card, at(0).0), hit, "{text}");
    }
    assert_eq!(filter::Filter::parse("is:gone").unknown, ["gone"]);
    let one = filter::toggled("gust", "lane:two words");
    assert_eq!(one, "gust lane:\"two words\"");
    assert_eq!(filter::toggled(&one, "lane:two words"), "gust");
}

#[test]
fn a_notice_offers_undo_only_while_it_is_about_the_last_step() {
    let mut state = fresh();
    send(&mut state, Command::Do(Edit::Defaults));
    let card = add(&mut state, "one", "ready");
    let show = |state: &mut AppState, effects: Vec<Effect>| {
        for effect in effects {
            if let Effect::Notice(notice) = effect {
                state.notices.push(notice, at(0).0);
            }
        }
    };
    let effects = send(&mut state, shift(&card, "next"));
    show(&mut state, effects);
    assert_eq!(state.notices.shown.len(), 1);
    let effects = send(&mut state, Command::Undo);
    show(&mut state, effects);
    let offered: Vec<_> = state.notices.shown.iter().filter_map(|n| n.action.as_ref()).map(|a| a.0.as_str()).collect();
    assert_eq!(offered, ["Redo"]);
    assert!(state.notices.history.iter().all(|n| n.action.is_none()));
}

#[test]
fn the_focused_card_alone_is_chosen_and_others_are_added() {
    let mut state = fresh();
    send(&mut state, Command::Do(Edit::Defaults));
    let all: Vec<CardId> = ["one", "two"].map(|t| add(&mut state, t, "ready")).to_vec();
    send(&mut state, Command::Focus(Some(all[0].clone())));
    send(&mut state, Command::Toggle(all[0].clone()));
    assert!(state.board.selected.contains(&all[0]), "X on the card that has the focus");
    send(&mut state, Command::Focus(Some(all[1].clone())));
    send(&mut state, Command::Toggle(all[1].clone()));
    assert_eq!(state.board.selected.len(), 2);
    send(&mut state, Command::Toggle(all[1].clone()));
    assert_eq!(state.board.selected.iter().collect::<Vec<_>>(), [&all[0]]);
}

#[test]
fn cards_chosen_together_move_and_are_labelled_as_one_step() {
    let mut state = fresh();
    send(&mut state, Command::Do(Edit::Defaults));
    let all: Vec<CardId> = ["one", "two", "three"].map(|t| add(&mut state, t, "ready")).to_vec();
    send(&mut state, Command::Focus(Some(all[2].clone())));
    send(&mut state, Command::Toggle(all[0].clone()));
    assert_eq!(state.board.chosen(&all[0]), [all[0].clone(), all[2].clone()], "the focused one is taken along");
    assert_eq!(state.board.chosen(&all[1]), [all[1].clone()], "another card stands for itself");
    let cards = state.board.chosen(&all[0]);
    let m = Move { cards: cards.clone(), column: "next".into(), lane: None, spot: Spot::End, reason: None };
    let effects = send(&mut state, Command::Do(Edit::Move(m)));
    assert_eq!(notices(&effects), ["2 cards moved to Next"]);
    let edits = cards.iter().map(|c| Edit::Label(c.clone(), "Feed".into(), true)).collect();
    send(&mut state, Command::Do(Edit::Many { title: "2 cards labelled Feed".into(), edits }));
    let labelled = |s: &AppState| s.board.board.cards.values().filter(|c| !c.labels.is_empty()).count();
    assert_eq!(labelled(&state), 2);
    send(&mut state, Command::Undo);
    assert_eq!(labelled(&state), 0);
    send(&mut state, Command::Undo);
    assert_eq!(state.board.board.in_column("ready").len(), 3);
}

fn host(root: &Path, home: &Path) -> Host {
    let mut host = Host::new(Dirs::below(home), Arc::new(SystemClock), Arc::new(NoWaker)).unwrap();
    host.send(crate::app::workspace::Command::Open(root.to_path_buf()));
    assert!(host.settle(Duration::from_secs(20)));
    host
}

#[test]
fn the_whole_loop_ends_in_a_commit_and_survives_a_restart() {
    let (dir, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let repo = git2::Repository::init(dir.path()).unwrap();
    let mut host = host(dir.path(), home.path());
    assert!(host.state.board.loaded && host.state.board.board.is_empty());
    host.send(Command::Do(Edit::Defaults));
    host.send(add_command("First", "ready"));
    let card = host.state.board.focus.clone().unwrap();
    host.send(shift(&card, "in-progress"));
    host.send(Command::Flush);
    assert!(host.settle(Duration::from_secs(20)));
    assert_eq!((host.state.board.pending, host.state.board.unsaved.clone()), (0, None));
    assert_eq!(host.state.board.figures.open, 1);
    let tip = repo.find_reference("refs/heads/andon/board").unwrap().peel_to_commit().unwrap();
    assert!(tip.message().unwrap().contains("Add AND-1"), "{:?}", tip.message());
    // Another process moves the card; the window hears of it.
    let ledger = Ledger::open(dir.path()).unwrap();
    let loaded = ledger.load().unwrap();
    let other = edit::actions(
        &Board::read(&loaded.projection),
        &loaded.projection,
        &Edit::Title(card.clone(), "Renamed elsewhere".into()),
    );
    let mut stamper = ledger.stamper(&loaded, Timestamp::now()).unwrap();
    let ops: Vec<Op> = other.unwrap().0.into_iter().map(|(s, a)| stamper.op(Timestamp::now(), s, a)).collect();
    ledger.append(&ops).unwrap();
    host.send(Command::Reload);
    assert!(host.settle(Duration::from_secs(20)));
    assert_eq!(host.state.board.card(&card).unwrap().title, "Renamed elsewhere");
    drop(host);
    let mut host = self::host(dir.path(), home.path());
    assert_eq!(host.state.board.card(&card).unwrap().column, "in-progress");
    // What was done before the restart can be taken back, one step after the other.
    let titles: Vec<&str> = host.state.board.undo.iter().map(|s| s.title.as_str()).collect();
    assert_eq!(
        titles.iter().rev().take(3).rev().collect::<Vec<_>>(),
        [
            &"Add AND-1 \u{201c}Renamed elsewhere\u{201d}",
            &"Move AND-1 to In progress",
            &"Name AND-1 \u{201c}Renamed elsewhere\u{201d}"
        ]
    );
    host.send(Command::Undo);
    assert_eq!(host.state.board.card(&card).unwrap().title, "First");
    host.send(Command::Undo);
    assert_eq!(host.state.board.card(&card).unwrap().column, "ready");
    host.send(Command::Undo);
    assert!(host.state.board.card(&card).is_none());
    host.send(Command::Redo);
    assert_eq!(host.state.board.card(&card).unwrap().column, "ready");
}

/// A run of `nightly` that ended at `secs` on the clock of [`at`].
fn ended(number: u64, ok: bool, secs: i64) -> crate::model::run::Run {
    use crate::model::run::{RunState, TaskState, tests::run};
    let bad = if ok { TaskState::Success } else { TaskState::Failed };
    let mut r = run([TaskState::Success, bad, TaskState::Success, TaskState::Success]);
    r.id = format!("run{number}").as_str().into();
    r.number = number;
    r.state = if ok { RunState::Success } else { RunState::Failed };
    r.queued_at = at(secs - 60).0;
    r.ended_at = Some(at(secs).0);
    r
}

#[test]
fn a_card_is_red_while_its_pipeline_is_and_finished_work_stays_finished() {
    use live::{Standing, Tone, of_card, standing};
    let mut state = fresh();
    send(&mut state, Command::Do(Edit::Defaults));
    let link: Link = "pipeline:nightly".parse().unwrap();
    let open = add(&mut state, "Open work", "in-progress");
    let done = add(&mut state, "Finished work", "review");
    for card in [&open, &done] {
        send(&mut state, Command::Do(Edit::Link(card.clone(), link.clone(), true)));
    }
    let ran = |state: &mut AppState, run| {
        let event = crate::app::runs::Event::Changed(Arc::new(run));
        crate::app::runs::event(state, event, &Cx { clock: &at(9_000) });
    };
    let stands = |state: &AppState, id: &CardId| {
        let card = state.board.card(id).unwrap();
        let live = of_card(state, card);
        (standing(&state.board, card, live.as_ref()), live.map(|l| l.tone))
    };
    ran(&mut state, ended(1, true, 10));
    assert_eq!(stands(&state, &open), (Standing::Plain, Some(Tone::Success)));
    let clock = at(100);
    command(&mut state, shift(&done, "done"), &Cx { clock: &clock });
    ran(&mut state, ended(2, false, 500));
    assert_eq!(stands(&state, &open), (Standing::Red, Some(Tone::Failed)));
    assert_eq!(stands(&state, &done), (Standing::FailedSince, Some(Tone::Failed)), "it was finished before");
    let rows = attention(&state);
    let red: Vec<_> = rows.iter().filter(|r| r.trouble == Trouble::Failed).map(|r| r.card.clone()).collect();
    assert_eq!(red, [Some(open.clone())], "only work that is not finished asks for somebody by its card");
    // An older run that is told late changes nothing; the rerun of the newest does.
    ran(&mut state, ended(1, true, 10));
    assert_eq!(stands(&state, &open).0, Standing::Red);
    let mut again = ended(2, true, 900);
    again.round = 2;
    ran(&mut state, again);
    assert_eq!(stands(&state, &open), (Standing::Plain, Some(Tone::Success)));
    assert_eq!(stands(&state, &done), (Standing::Plain, Some(Tone::Success)));
    // Work that is called finished while its pipeline is red does not hide it.
    ran(&mut state, ended(3, false, 1_000));
    let clock = at(2_000);
    command(&mut state, shift(&open, "done"), &Cx { clock: &clock });
    assert_eq!(stands(&state, &open).0, Standing::Red);
}
