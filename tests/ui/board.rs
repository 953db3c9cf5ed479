//! The board page by keys and names: a whole session without a pointer, and drags with one.
use andon::{
    app::{
        AppState, Command as AnyCommand, Cx, Effect,
        board::{self, Command, Event, Snapshot},
        dispatch,
        shell::{Dialog, Page},
    },
    base::{ids::CardId, time::Clock},
    model::{
        board::{
            Board, Link, LinkKind,
            edit::{Edit, Move, NewCard, Spot},
        },
        ledger::{Projection, Stamper},
    },
    ui::{
        PageCx,
        board::View,
        board::page_ui,
        theme::{Theme, install_fonts},
    },
};
use egui::{Key, Modifiers, accesskit::Role, vec2};
use egui_kittest::{Harness, kittest::Queryable};
use jiff::Timestamp;

struct Fixed(Timestamp);

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// The program without threads: commands go to dispatch, effects are kept.
struct App {
    state: AppState,
    view: View,
    theme: Theme,
    notices: Vec<String>,
    sent: Vec<AnyCommand>,
    clock: i64,
}

impl App {
    fn new() -> Self {
        let mut app = Self {
            state: AppState::default(),
            view: View::default(),
            theme: Theme::dark(),
            notices: Vec::new(),
            sent: Vec::new(),
            clock: 0,
        };
        app.state.shell.page = Page::Board;
        let snapshot = Snapshot {
            projection: Projection::default(),
            board: Board::default(),
            log: Vec::new(),
            damage: Vec::new(),
            pending: 0,
            figures: std::sync::Arc::default(),
            unsent: None,
            stamper: Stamper::new("me".into(), "Ines Duarte"),
            steps: Vec::new(),
            flushes: 0,
        };
        let clock = app.now();
        board::event(&mut app.state, Event::Loaded(std::sync::Arc::new(snapshot)), &Cx { clock: &clock });
        app
    }
    fn now(&self) -> Fixed {
        Fixed(Timestamp::from_second(1_794_900_000 + self.clock).unwrap())
    }
    fn send(&mut self, command: impl Into<AnyCommand>) {
        self.clock += 1;
        let command = command.into();
        self.sent.push(command.clone());
        let clock = self.now();
        for effect in dispatch::dispatch(&mut self.state, command, &Cx { clock: &clock }) {
            if let Effect::Notice(n) = effect {
                self.notices.push(n.title);
            }
        }
    }
    fn edit(&mut self, edit: Edit) {
        self.send(Command::Do(edit));
    }
    fn add(&mut self, title: &str, column: &str) -> CardId {
        let new = NewCard::new(title, column);
        let id = new.id.clone();
        self.edit(Edit::Add(new));
        id
    }
    fn titles(&self, column: &str) -> Vec<String> {
        self.state.board.board.cards_in(column).map(|c| c.title.clone()).collect()
    }
}

fn show(app: App, size: egui::Vec2) -> Harness<'static, App> {
    let mut ready = false;
    Harness::builder().with_size(size).with_max_steps(64).build_ui_state(
        move |ui, app: &mut App| {
            if !ready {
                ready = true;
                install_fonts(ui.ctx());
                app.theme.apply(ui.ctx());
                ui.ctx().request_repaint();
                return;
            }
            ui.spacing_mut().item_spacing.y = 0.0;
            let mut send = Vec::new();
            let now = app.now().0;
            let theme = app.theme.clone();
            let mut cx = PageCx { state: &app.state, theme: &theme, send: &mut send, now };
            page_ui(ui, &mut cx, &mut app.view);
            for command in send {
                app.send(command);
            }
        },
        app,
    )
}

fn started() -> App {
    let mut app = App::new();
    app.edit(Edit::Defaults);
    app
}

fn press(h: &mut Harness<'_, App>, keys: &[Key]) {
    for key in keys {
        h.key_press(*key);
        h.run();
    }
}

fn type_text(h: &mut Harness<'_, App>, text: &str) {
    h.event(egui::Event::Text(text.to_owned()));
    h.run();
}

#[test]
fn an_empty_board_offers_the_usual_columns() {
    let mut h = show(App::new(), vec2(1024.0, 700.0));
    h.run();
    h.get_by_label("Create the usual columns").click();
    h.run();
    assert_eq!(h.state().state.board.board.columns.len(), 5);
    h.get_by_label("New card in Review");
}

#[test]
fn a_session_without_a_pointer_creates_edits_moves_blocks_binds_reruns_and_deletes() {
    let mut h = show(started(), vec2(1440.0, 900.0));
    h.run();
    press(&mut h, &[Key::C]);
    type_text(&mut h, "Route medians on one page");
    press(&mut h, &[Key::Enter]);
    assert_eq!(h.state().titles("ready"), ["Route medians on one page"]);
    press(&mut h, &[Key::C]);
    type_text(&mut h, "Second");
    press(&mut h, &[Key::Enter]);
    assert_eq!(h.state().titles("ready"), ["Second", "Route medians on one page"]);
    assert_eq!(h.state().state.board.open, None, "the Enter that adds a card does not open one");
    // Down to the first card, lift it, two columns to the right, put it down.
    press(&mut h, &[Key::ArrowDown, Key::Space, Key::ArrowRight, Key::ArrowRight, Key::Space]);
    assert_eq!(h.state().titles("in-progress"), ["Route medians on one page"]);
    assert_eq!(h.state().notices.last().unwrap(), "AND-1 moved to In progress");
    // m and the letter of Review: R is taken by Ready.
    press(&mut h, &[Key::M, Key::E]);
    assert_eq!(h.state().titles("review"), ["Route medians on one page"]);
    press(&mut h, &[Key::U]);
    assert_eq!(h.state().titles("in-progress"), ["Route medians on one page"]);
    // A lifted card goes back with Escape.
    press(&mut h, &[Key::Space, Key::ArrowRight, Key::Escape]);
    assert_eq!(h.state().titles("in-progress"), ["Route medians on one page"]);
    // Details: block, bind.
    press(&mut h, &[Key::Enter]);
    h.get_by_label("Block\u{2026}").click();
    h.run();
    h.get_by_role_and_label(Role::TextInput, "Why it is blocked").focus();
    h.run();
    type_text(&mut h, "waits for the rerun");
    press(&mut h, &[Key::Enter]);
    let blocked = |h: &Harness<'_, App>| h.state().state.board.board.cards.values().find_map(|c| c.blocked.clone());
    assert_eq!(blocked(&h).as_deref(), Some("waits for the rerun"));
    h.get_by_role_and_label(Role::TextInput, "Bind to").focus();
    h.run();
    type_text(&mut h, "pipeline:nightly_flights");
    press(&mut h, &[Key::Enter]);
    let card = h.state().state.board.board.find("AND-1").unwrap().clone();
    assert_eq!(card.links, [Link { kind: LinkKind::Pipeline, target: "nightly_flights".to_owned() }]);
    h.state_mut().send(Command::Open(None));
    h.run();
    h.state_mut().sent.clear();
    press(&mut h, &[Key::R]);
    assert_eq!(h.state().sent, [AnyCommand::Board(Command::Rerun(card.id.clone()))]);
    // The workspace is not trusted: nothing runs before the question is answered.
    assert!(matches!(h.state().state.shell.dialog, Some(Dialog::Trust { then: Some(_) })));
    h.state_mut().state.shell.dialog = None;
    h.run();
    press(&mut h, &[Key::Delete]);
    assert_eq!(h.state().state.board.board.cards.len(), 1);
    press(&mut h, &[Key::U]);
    assert_eq!(h.state().state.board.board.cards.len(), 2);
}

#[test]
fn the_filter_takes_the_slash_and_escape_clears_it() {
    let mut app = started();
    app.add("Wind gust nulls", "ready");
    app.add("Carrier codes", "ready");
    let mut h = show(app, vec2(1440.0, 900.0));
    h.run();
    press(&mut h, &[Key::Slash]);
    type_text(&mut h, "gust");
    assert_eq!(h.state().state.board.filter, "gust");
    assert!(h.query_by_label("AND-2 Carrier codes, Ready").is_none());
    h.get_by_label("AND-1 Wind gust nulls, Ready");
    press(&mut h, &[Key::Escape]);
    assert_eq!(h.state().state.board.filter, "");
    h.get_by_label("AND-2 Carrier codes, Ready");
}

/// Presses on one place, goes to another in steps, and lets go.
fn drag(h: &mut Harness<'_, App>, from: egui::Pos2, to: egui::Pos2, release: bool) {
    let button = |pos, pressed| egui::Event::PointerButton {
        pos,
        button: egui::PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    h.event(egui::Event::PointerMoved(from));
    h.run_steps(1);
    h.event(button(from, true));
    h.run_steps(1);
    for i in 1..=6 {
        h.event(egui::Event::PointerMoved(from + (to - from) * (i as f32 / 6.0)));
        h.run_steps(1);
    }
    if release {
        h.event(button(to, false));
        h.run_steps(2);
    }
}

#[test]
fn a_drag_moves_a_card_and_escape_leaves_it() {
    let mut app = started();
    app.add("First", "ready");
    app.add("Second", "ready");
    app.add("There", "review");
    let mut h = show(app, vec2(1440.0, 900.0));
    h.run();
    let from = h.get_by_label("AND-2 Second, Ready").rect().center();
    let to = h.get_by_label("AND-3 There, Review").rect().center() - vec2(0.0, 30.0);
    drag(&mut h, from, to, false);
    press(&mut h, &[Key::Escape]);
    h.event(egui::Event::PointerButton {
        pos: to,
        button: egui::PointerButton::Primary,
        pressed: false,
        modifiers: Modifiers::NONE,
    });
    h.run_steps(2);
    assert_eq!(h.state().titles("ready"), ["First", "Second"]);
    let from = h.get_by_label("AND-2 Second, Ready").rect().center();
    drag(&mut h, from, to, true);
    assert_eq!(h.state().titles("review"), ["Second", "There"]);
    assert_eq!(h.state().notices.last().unwrap(), "AND-2 moved to Review");
}

#[test]
fn a_drop_over_a_soft_limit_asks_and_over_a_hard_one_refuses() {
    let mut app = started();
    app.add("There", "review");
    app.add("Coming", "ready");
    app.edit(Edit::Limit { column: "review".into(), wip: Some(1), hard: false });
    let mut h = show(app, vec2(1440.0, 900.0));
    h.run();
    let from = h.get_by_label("AND-2 Coming, Ready").rect().center();
    let to = h.get_by_label("AND-1 There, Review").rect().center();
    drag(&mut h, from, to, true);
    h.run();
    h.get_by_label("Review is full");
    h.get_by_label("Move anyway").click();
    h.run();
    assert_eq!(h.state().titles("review").len(), 2);
    h.state_mut().send(Command::Undo);
    h.state_mut().edit(Edit::Limit { column: "review".into(), wip: Some(1), hard: true });
    h.run();
    let from = h.get_by_label("AND-2 Coming, Ready").rect().center();
    drag(&mut h, from, to, true);
    h.run();
    assert_eq!(h.state().titles("ready"), ["Coming"]);
    assert!(h.state().notices.last().unwrap().starts_with("Review is full"));
}

#[test]
fn lanes_fold_and_a_card_dropped_in_another_lane_changes_lane() {
    let mut app = started();
    app.edit(Edit::AddLane("Delays".into()));
    app.edit(Edit::AddLane("Weather".into()));
    let card = app.add("Gust", "ready");
    app.edit(Edit::Lane(card.clone(), Some("weather".into())));
    let other = app.add("Feed", "next");
    app.edit(Edit::Lane(other, Some("delays".into())));
    let mut h = show(app, vec2(1440.0, 900.0));
    h.run();
    let from = h.get_by_label("AND-1 Gust, Ready").rect().center();
    let to = h.get_by_label("AND-2 Feed, Next").rect().center() + vec2(0.0, 30.0);
    drag(&mut h, from, to, true);
    let gust = h.state().state.board.board.card(&card).unwrap().clone();
    assert_eq!((gust.column.as_str(), gust.lane.as_deref()), ("next", Some("delays")));
    h.get_by_label("Fold lane Delays").click();
    h.run();
    assert!(h.query_by_label("AND-2 Feed, Next").is_none());
    h.get_by_label("Unfold lane Delays").click();
    h.run();
    h.get_by_label("AND-2 Feed, Next");
}

#[test]
fn the_log_and_the_metrics_are_shown_without_and_with_history() {
    let mut app = started();
    let card = app.add("First", "ready");
    let to_done = Move { cards: vec![card], column: "done".into(), lane: None, spot: Spot::End, reason: None };
    app.edit(Edit::Move(to_done));
    let mut h = show(app, vec2(1024.0, 700.0));
    h.run();
    h.get_by_role_and_label(Role::RadioButton, "Log").click();
    h.run();
    h.get_by_label("Move AND-1 to Done, Ines Duarte");
    h.get_by_role_and_label(Role::RadioButton, "Metrics").click();
    h.run();
    h.get_by_label_contains("Cumulative flow");
}

#[test]
fn ten_thousand_cards_draw_only_what_is_visible() {
    let mut app = started();
    app.edit(Edit::AddLane("One".into()));
    // Straight into the projection: ten thousand edits one by one are not what is looked at here.
    let mut stamper = Stamper::new("w".into(), "Mara");
    let mut all = app.state.board.all.clone();
    let now = app.now().0;
    let keys = andon::model::board::order::spaced(10_000);
    let columns = ["ready", "next", "in-progress", "review", "done"];
    for (n, key) in keys.iter().enumerate() {
        let subject = format!("card/c{n:05}");
        let doc = andon::model::ledger::Doc::default();
        let place = serde_json::json!({"column": columns[n % 5], "key": key});
        for action in [
            andon::model::ledger::Action::Create,
            doc.set("title", None, serde_json::json!(format!("Card number {n}"))),
            doc.set("number", None, serde_json::json!(n + 1)),
            doc.set("place", None, place),
        ] {
            all.apply(&stamper.op(now, subject.clone(), action));
        }
    }
    app.state.board.board = Board::read(&all);
    app.state.board.all = all;
    app.state.board.revision += 1;
    let mut h = show(app, vec2(1440.0, 900.0));
    h.run();
    assert!(h.query_by_label("AND-1 Card number 0, Ready").is_some());
    assert!(h.query_by_label("AND-9996 Card number 9995, Ready").is_none(), "far below");
    let begun = std::time::Instant::now();
    h.run_steps(20);
    let each = begun.elapsed() / 20;
    eprintln!("board with 10,000 cards: {each:?} a frame, unoptimised, with accessibility tree");
    assert!(each < std::time::Duration::from_millis(60), "{each:?} a frame in an unoptimised build");
}

#[test]
fn several_cards_are_chosen_by_key_moved_and_labelled_together() {
    let mut app = started();
    for title in ["One", "Two", "Three"] {
        app.add(title, "ready");
    }
    let mut h = show(app, vec2(1440.0, 900.0));
    h.run();
    // The card added last has the focus.
    press(&mut h, &[Key::ArrowUp, Key::ArrowUp]);
    h.key_press_modifiers(Modifiers::SHIFT, Key::ArrowDown);
    h.run();
    assert_eq!(h.state().state.board.selected.len(), 2);
    h.get_by_label("2 cards chosen");
    press(&mut h, &[Key::M, Key::N]);
    assert_eq!(
        (h.state().titles("next"), h.state().titles("ready")),
        (vec!["One".into(), "Two".into()], vec!["Three".into()])
    );
    h.get_by_label("Label the chosen cards").click();
    h.run();
    h.get_by_role_and_label(Role::TextInput, "Label").focus();
    h.run();
    type_text(&mut h, "Feed");
    press(&mut h, &[Key::Enter]);
    let labelled =
        |h: &Harness<'_, App>| h.state().state.board.board.cards.values().filter(|c| c.labels == ["Feed"]).count();
    assert_eq!(labelled(&h), 2);
    assert_eq!(h.state().notices.last().unwrap(), "2 cards labelled Feed");
    // Escape once for the menu, if it is still there, once for the choice.
    press(&mut h, &[Key::Escape, Key::Escape]);
    assert!(h.state().state.board.selected.is_empty());
    press(&mut h, &[Key::U, Key::U]);
    assert_eq!((labelled(&h), h.state().titles("ready").len()), (0, 3));
    h.key_press_modifiers(Modifiers::SHIFT, Key::U);
    h.run();
    assert_eq!(h.state().titles("ready").len(), 1, "Shift+U does again what was undone");
}

#[test]
fn a_drag_takes_all_chosen_cards_along() {
    let mut app = started();
    for title in ["One", "Two", "Three"] {
        app.add(title, "ready");
    }
    app.add("There", "review");
    let ids: Vec<CardId> = app.state.board.board.in_column("ready").to_vec();
    app.send(Command::Select(vec![ids[0].clone(), ids[2].clone()]));
    let mut h = show(app, vec2(1440.0, 900.0));
    h.run();
    let from = h.get_by_label("AND-3 Three, Ready").rect().center();
    let to = h.get_by_label("AND-4 There, Review").rect().center() + vec2(0.0, 60.0);
    drag(&mut h, from, to, true);
    assert_eq!(h.state().titles("review"), ["There", "One", "Three"]);
    assert_eq!(h.state().notices.last().unwrap(), "2 cards moved to Review");
}

#[test]
fn columns_limits_and_lanes_are_set_in_the_window() {
    let mut h = show(started(), vec2(1024.0, 700.0));
    h.run();
    h.get_by_label("Board settings").click();
    h.run();
    h.get_by_label("Move Review forward").click();
    h.run();
    let order =
        |h: &Harness<'_, App>| h.state().state.board.board.columns.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
    assert_eq!(order(&h), ["Ready", "Next", "Review", "In progress", "Done"]);
    h.get_by_role_and_label(Role::TextInput, "Limit of Review").focus();
    h.run();
    type_text(&mut h, "x");
    press(&mut h, &[Key::Enter]);
    h.get_by_label_contains("is not a limit");
    assert_eq!(h.state().state.board.board.column("review").unwrap().wip, Some(3));
    h.get_by_role_and_label(Role::TextInput, "Limit of Ready").focus();
    h.run();
    type_text(&mut h, "7");
    press(&mut h, &[Key::Enter]);
    let ready = |h: &Harness<'_, App>| h.state().state.board.board.column("ready").unwrap().clone();
    assert_eq!((ready(&h).wip, ready(&h).hard), (Some(7), false));
    h.get_by_role_and_label(Role::TextInput, "Name of the new column").focus();
    h.run();
    type_text(&mut h, "Waiting");
    press(&mut h, &[Key::Enter]);
    assert_eq!(order(&h), ["Ready", "Next", "Review", "In progress", "Waiting", "Done"]);
    h.get_by_label("Remove column Waiting").click();
    h.run();
    assert_eq!(order(&h).len(), 5);
    h.get_by_role_and_label(Role::RadioButton, "Lanes").click();
    h.run();
    h.get_by_role_and_label(Role::TextInput, "Name of the new lane").focus();
    h.run();
    type_text(&mut h, "Weather");
    press(&mut h, &[Key::Enter]);
    assert_eq!(h.state().state.board.board.lanes.len(), 1);
    h.get_by_role_and_label(Role::RadioButton, "Cards").click();
    h.run();
    h.get_by_role_and_label(Role::Switch, "Age").click();
    h.run();
    assert_eq!(h.state().state.board.board.hidden.len(), 1);
    h.get_by_label("Done").click();
    h.run();
    assert!(h.query_by_label("Board settings").is_some());
    for _ in 0..6 {
        h.state_mut().send(Command::Undo);
    }
    assert_eq!(order(&h), ["Ready", "Next", "In progress", "Review", "Done"]);
}

#[test]
fn letters_that_come_with_the_enter_of_a_field_do_not_act_on_the_board() {
    let mut app = started();
    let card = app.add("Gust", "ready");
    app.edit(Edit::Link(card.clone(), Link { kind: LinkKind::Pipeline, target: "nightly".to_owned() }, true));
    app.send(Command::Open(Some(card)));
    let mut h = show(app, vec2(1440.0, 900.0));
    h.run();
    h.get_by_role_and_label(Role::TextInput, "New comment").focus();
    h.run();
    h.state_mut().sent.clear();
    let key =
        |key| egui::Event::Key { key, physical_key: None, pressed: true, repeat: false, modifiers: Modifiers::NONE };
    for event in [key(Key::R), egui::Event::Text("r".to_owned()), key(Key::Enter)] {
        h.event(event);
    }
    h.run();
    let sent = &h.state().sent;
    assert!(!sent.iter().any(|c| matches!(c, AnyCommand::Board(Command::Rerun(_)))), "{sent:?}");
    assert!(
        sent.iter().any(|c| matches!(c, AnyCommand::Board(Command::Do(Edit::Comment(_, t))) if t == "r")),
        "{sent:?}"
    );
}
