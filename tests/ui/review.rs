//! The review page and the commit dialog, drawn without a display.
use std::sync::Arc;

use andon::{
    app::{
        AppState, Command, Cx, git,
        review::{self, Event, Listed, Look},
    },
    base::time::FixedClock,
    model::{
        diff::{FileShape, ImageView, compare_files},
        git::{Change, ChangedFile, ChangedFiles, FileState, Head, Rev},
    },
    ui::{PageCx, review::View, theme::Theme},
};
use egui_kittest::{
    Harness,
    kittest::{NodeT, Queryable},
};

use crate::support;

struct Page {
    state: AppState,
    theme: Theme,
    view: View,
    sent: Vec<Command>,
    dialog: bool,
}

fn clock() -> FixedClock {
    FixedClock(jiff::Timestamp::from_second(1_795_000_000).unwrap())
}

fn notebook(sources: &[String]) -> Vec<u8> {
    let cells: Vec<_> = sources
        .iter()
        .map(|s| {
            let outputs = serde_json::json!([{"output_type": "stream", "name": "stdout", "text": format!("{} ok\n", s.len())}]);
            serde_json::json!({"cell_type": "code", "source": s, "metadata": {}, "outputs": outputs, "execution_count": 1})
        })
        .collect();
    serde_json::json!({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}).to_string().into_bytes()
}

fn comparing(path: &str, old: Vec<u8>, new: Vec<u8>) -> Page {
    let mut state = AppState::default();
    state.workspace.root = Some("/w".into());
    state.git.loaded = true;
    state.git.status.head = Head::Branch { branch: "main".into(), commit: "0".repeat(40) };
    let clock = clock();
    let cx = Cx { clock: &clock };
    let file = ChangedFile { path: path.into(), old_path: None, change: Change::Modified, untracked: false };
    let listed =
        Listed { files: ChangedFiles { files: vec![file], more: 0 }, commits: Vec::new(), parted: None, both: false };
    review::command(&mut state, review::Command::Visit, &cx);
    let (base, compare) = (Rev::head(), Rev::WorkingTree);
    let event = Event::Files { base: base.clone(), compare: compare.clone(), result: Box::new(Ok(listed)) };
    review::event(&mut state, event, &cx);
    let diff = Arc::new(compare_files(path, Some(old.into()), Some(new.into())));
    let counts = review::Counts { added: 1, removed: 1, quiet: false, mark: 7 };
    let fresh = review::Fresh { diff, counts };
    let event = Event::Diff { path: path.into(), base, compare, turn: 1, result: Box::new(Ok(fresh)) };
    review::event(&mut state, event, &cx);
    Page { state, theme: Theme::dark(), view: View::default(), sent: Vec::new(), dialog: false }
}

fn harness<'a>(page: Page) -> Harness<'a, Page> {
    let now = clock().0;
    let mut first = true;
    support::page(page, move |ui, page: &mut Page| {
        if std::mem::take(&mut first) {
            andon::ui::theme::install_fonts(ui.ctx());
            page.theme.apply(ui.ctx());
            return;
        }
        ui.spacing_mut().item_spacing.y = 0.0;
        let mut cx = PageCx { state: &page.state, theme: &page.theme, send: &mut page.sent, now };
        if page.dialog {
            andon::ui::git::commit_ui(ui, &mut cx);
        } else {
            andon::ui::review::page_ui(ui, &mut cx, &mut page.view);
        }
    })
}

fn cells(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("step_{n} = run({n})\nprint(step_{n})")).collect()
}

#[test]
fn a_changed_cell_stands_between_folds_and_can_be_marked_as_viewed() {
    let old = cells(12);
    let mut new = old.clone();
    new[5] = "step_5 = run(55)\nprint(step_5)".into();
    let mut h = harness(comparing("a.ipynb", notebook(&old), notebook(&new)));
    h.run_steps(4);
    h.get_by_label("Show 5 cells unchanged").click();
    h.run_steps(2);
    assert!(h.state().sent.iter().any(|c| matches!(c, Command::Review(review::Command::ToggleRow(_)))));
    h.get_by_label_contains("Cell 6 Source and outputs changed");
    h.get_by_label("Viewed").click();
    h.run_steps(2);
    assert!(h.state().sent.contains(&review::Command::ToggleViewed(Some(5)).into()));
    h.get_by_label("Unified").click();
    h.run_steps(2);
    assert!(h.state().sent.contains(&review::Command::SetMode(review::Mode::Unified).into()));
}

#[test]
fn keys_step_mark_and_change_the_layout() {
    let (old, mut new) = (cells(4), cells(4));
    new[1].push_str("\nmore = 1");
    let mut h = harness(comparing("a.ipynb", notebook(&old), notebook(&new)));
    h.run_steps(4);
    for key in [egui::Key::N, egui::Key::P, egui::Key::V, egui::Key::U] {
        h.key_press(key);
        h.run_steps(2);
    }
    let sent = &h.state().sent;
    let expected: [Command; 4] = [
        review::Command::Next.into(),
        review::Command::Previous.into(),
        review::Command::ToggleViewed(None).into(),
        review::Command::SetMode(review::Mode::Unified).into(),
    ];
    assert!(expected.iter().all(|c| sent.contains(c)), "{sent:?}");
}

#[test]
fn long_lines_are_wrapped_until_somebody_wants_them_cut() {
    let long = format!("total = {}", "first_number + ".repeat(30));
    let (old, new) = (vec![long.clone()], vec![long.replace("first", "other")]);
    let mut h = harness(comparing("a.ipynb", notebook(&old), notebook(&new)));
    h.run_steps(4);
    let bar = "Scroll what is cut at the right";
    assert!(h.query_by_label(bar).is_none(), "nothing is cut");
    h.key_press(egui::Key::W);
    h.run_steps(2);
    let cut = andon::app::settings::Command::SetWrapLines(false);
    assert!(h.state().sent.contains(&cut.into()));
    h.get_by_label("Cut long lines (W)");
    h.state_mut().state.settings.values.wrap_lines = false;
    h.run_steps(3);
    h.get_by_label("Wrap long lines (W)");
    // The lists at the left are not scrolled by it.
    assert!(h.get_by_label(bar).rect().left() > 200.0);
    h.get_by_label(bar).click();
    h.run_steps(2);
}

#[test]
fn a_folder_without_a_repository_offers_to_make_one() {
    let mut page = comparing("a.ipynb", notebook(&cells(1)), notebook(&cells(2)));
    page.state.git.status.head = Head::None;
    let mut h = harness(page);
    h.run_steps(3);
    h.get_by_label("Make it a repository").click();
    h.run_steps(2);
    assert!(h.state().sent.contains(&git::Command::Init.into()));
}

#[test]
fn the_commit_dialog_lists_files_and_says_why_it_cannot_commit_yet() {
    let mut page = comparing("a.ipynb", notebook(&cells(1)), notebook(&cells(2)));
    page.dialog = true;
    let file = |path: &str| FileState {
        path: path.into(),
        old_path: None,
        staged: None,
        changed: Some(Change::Modified),
        untracked: false,
        conflicted: false,
    };
    page.state.git.status.files = vec![file("a.ipynb"), file("b.txt")];
    page.state.git.status.commit_runs = vec!["pre-commit hook".into()];
    page.state.git.commit.chosen.insert("a.ipynb".into());
    page.state.git.commit.message = "Mend the units".into();
    let mut h = harness(page);
    h.run_steps(4);
    h.get_by_label_contains("pre-commit hook");
    h.get_by_role_and_label(egui::accesskit::Role::ListItem, "b.txt").click();
    h.run_steps(2);
    assert!(h.state().sent.contains(&git::Command::Toggle("b.txt".into()).into()));
    h.get_by_label("Commit 1 file").click();
    h.run_steps(2);
    assert!(h.state().sent.contains(&git::Command::Commit.into()));
}

#[test]
fn the_changes_of_a_file_are_discarded_from_its_row_only_where_they_lie_on_disk() {
    let name = "Discard the changes of a.ipynb";
    let mut page = comparing("a.ipynb", notebook(&cells(1)), notebook(&cells(2)));
    let mut committed = comparing("a.ipynb", notebook(&cells(1)), notebook(&cells(2)));
    let file = FileState {
        path: "a.ipynb".into(),
        old_path: None,
        staged: None,
        changed: Some(Change::Modified),
        untracked: false,
        conflicted: false,
    };
    page.state.git.status.files = vec![file.clone()];
    let mut h = harness(page);
    h.run_steps(4);
    h.get_by_label(name).click();
    h.run_steps(2);
    let discard = git::work::Work::Discard(vec!["a.ipynb".into()]);
    assert!(h.state().sent.contains(&discard.into()), "{:?}", h.state().sent);
    committed.state.git.status.files = vec![file];
    committed.state.review.compare = Rev::At("units".into());
    let mut h = harness(committed);
    h.run_steps(4);
    assert!(h.query_by_label(name).is_none());
}

#[test]
fn content_that_is_not_here_is_not_offered_for_approval() {
    let pointer = |c: char| {
        let oid = c.to_string().repeat(64);
        format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 12300000\n").into_bytes()
    };
    let is_offered = |path: &str, old: Vec<u8>, new: Vec<u8>| {
        let mut page = comparing(path, old, new);
        let shown = page.state.review.shown.clone().unwrap();
        page.state.review.talk.placing = Arc::new(review::threads::placing(&shown, &[], &[], &[]));
        let mut h = harness(page);
        h.run_steps(4);
        !h.get_by_label("Approve this file").accesskit_node().is_disabled()
    };
    assert!(!is_offered("model.bin", pointer('a'), pointer('b')));
    assert!(is_offered("notes.txt", b"a".to_vec(), b"b".to_vec()));
}

/// CPU time of frames while scrolling through 1,000 changed cells. The bound holds for unoptimised code too.
#[test]
fn a_comparison_of_a_thousand_cells_scrolls_without_drawing_all_of_it() {
    let old = cells(1_000);
    let new: Vec<String> = old.iter().map(|s| format!("{s}\nextra = {}", s.len())).collect();
    let mut h = harness(comparing("a.ipynb", notebook(&old), notebook(&new)));
    h.run_steps(4);
    h.event(egui::Event::PointerMoved(egui::pos2(700.0, 400.0)));
    h.step();
    let mut times = Vec::new();
    for _ in 0..40 {
        h.event(egui::Event::MouseWheel {
            unit: egui::MouseWheelUnit::Point,
            delta: egui::vec2(0.0, -700.0),
            modifiers: egui::Modifiers::NONE,
            phase: egui::TouchPhase::Move,
            source: egui::MouseWheelSource::Wheel,
        });
        let start = std::time::Instant::now();
        h.step();
        times.push(start.elapsed());
    }
    times.sort();
    let p95 = times[times.len() * 95 / 100];
    println!("frames of 1,000 changed cells: median {:?}, p95 {p95:?}", times[times.len() / 2]);
    assert!(p95.as_millis() < 120, "{p95:?}");
}

fn png(mark: Option<(u32, u32)>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let picture = image::RgbaImage::from_fn(200, 120, |x, y| {
        let on = mark.is_some_and(|(a, b)| (a..a + 30).contains(&x) && (b..b + 20).contains(&y));
        if on { image::Rgba([200, 30, 30, 255]) } else { image::Rgba([250, 250, 250, 255]) }
    });
    picture.write_to(&mut std::io::Cursor::new(&mut bytes), image::ImageFormat::Png).unwrap();
    bytes
}

/// Two pictures as the page has them once the job has compared them.
fn pictures(look: Look) -> Page {
    let mut page = comparing("plot.png", png(Some((20, 20))), png(Some((120, 60))));
    page.state.settings.values.review_pictures = look;
    let shown = page.state.review.shown.as_ref().unwrap();
    let FileShape::Image { old: Some(old), new: Some(new) } = &shown.diff.shape else { panic!("no picture") };
    let view = Arc::new(ImageView::new(Some(old), Some(new)));
    let key = (Some(old.hash), Some(new.hash));
    review::event(&mut page.state, Event::Viewed { key, view }, &Cx { clock: &clock() });
    page
}

#[test]
fn pictures_are_asked_for_once_they_are_seen() {
    let mut h = harness(comparing("plot.png", png(None), png(Some((1, 1)))));
    h.run_steps(4);
    assert!(h.state().sent.iter().any(|c| matches!(c, Command::Review(review::Command::View(_)))));
}

#[test]
fn each_way_to_compare_pictures_can_be_chosen_and_says_how_much_changed() {
    let mut h = harness(pictures(Look::SideBySide));
    h.run_steps(4);
    h.get_by_label_contains("Picture before  PNG, 200 \u{d7} 120");
    for (look, name) in Look::ALL {
        if look != Look::SideBySide {
            h.get_by_label(name).click();
            h.run_steps(2);
            assert!(h.state().sent.contains(&review::Command::SetLook(look).into()), "{name}");
        }
    }
    h.key_press(egui::Key::I);
    h.run_steps(2);
    let sent = h.state().sent.iter().filter(|c| **c == review::Command::SetLook(Look::Swipe).into()).count();
    assert_eq!(sent, 2, "the key takes the next one");
    let mut h = harness(pictures(Look::Heat));
    h.run_steps(4);
    h.get_by_label_contains("Heat map, 5.0 % of pixels changed, SSIM 0.");
}

#[test]
fn swipe_and_onion_skin_move_by_mouse_and_by_keys() {
    for (look, name) in [(Look::Swipe, "Swipe, how much"), (Look::Onion, "Onion skin, how much")] {
        let mut h = harness(pictures(look));
        h.run_steps(4);
        let value = |h: &Harness<'_, Page>| {
            use egui_kittest::kittest::NodeT;
            h.get_by_label_contains(name).accesskit_node().numeric_value().unwrap()
        };
        assert_eq!(value(&h), 0.5);
        let rect = h.get_by_label_contains(name).rect();
        let at = egui::pos2(rect.left() + rect.width() * 0.25, rect.center().y);
        h.event(egui::Event::PointerMoved(at));
        for pressed in [true, false] {
            let modifiers = egui::Modifiers::NONE;
            h.event(egui::Event::PointerButton { pos: at, button: egui::PointerButton::Primary, pressed, modifiers });
            h.run_steps(2);
        }
        assert!((value(&h) - 0.25).abs() < 0.02, "{name}: {}", value(&h));
        assert!(h.get_by_label_contains(name).is_focused(), "the mouse gives it to the keys");
        for _ in 0..5 {
            h.key_press(egui::Key::ArrowRight);
            h.run_steps(1);
        }
        h.run_steps(2);
        assert!((value(&h) - 0.35).abs() < 0.02, "{name}: {}", value(&h));
        assert!(h.get_by_label_contains(name).is_focused(), "arrows do not walk away from it");
    }
}

/// Frames wanted at rest: none for still pictures, for blinking ones only until it is held.
#[test]
fn only_blinking_wakes_the_window() {
    let wants = |h: &Harness<'_, Page>| {
        let output = h.output().viewport_output.values().map(|v| v.repaint_delay).min();
        output.is_some_and(|d| d < std::time::Duration::from_secs(5))
    };
    for (look, _) in Look::ALL {
        let mut h = harness(pictures(look));
        h.run_steps(12);
        assert_eq!(wants(&h), look == Look::Blink, "{look:?}");
        if look == Look::Blink {
            h.get_by_label("Blink, press to hold").click();
            h.run_steps(12);
            h.get_by_label_contains("Blink held at");
            assert!(!wants(&h), "held");
        }
    }
}

fn with_output(output: &serde_json::Value) -> Vec<u8> {
    let cell = serde_json::json!({"cell_type": "code", "source": "show()", "metadata": {}, "outputs": [output], "execution_count": 1});
    serde_json::json!({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}).to_string().into_bytes()
}

#[test]
fn numbers_are_listed_before_and_after() {
    let printed =
        |text: &str| with_output(&serde_json::json!({"output_type": "stream", "name": "stdout", "text": text}));
    let (old, new) = (printed("accuracy 0.914\nfit took 3 s\n"), printed("accuracy 0.921\nfit took 4 s\n"));
    let mut h = harness(comparing("a.ipynb", old, new));
    h.run_steps(4);
    h.get_by_label("accuracy 0.914 \u{2192} 0.921 (+0.8 %)");
}

#[test]
fn the_picker_offers_every_kind_of_side_and_is_driven_by_keys() {
    let mut page = comparing("a.ipynb", notebook(&cells(1)), notebook(&cells(2)));
    let info = |id: &str, summary: &str| andon::model::git::CommitInfo {
        id: id.repeat(40),
        summary: summary.into(),
        body: String::new(),
        author: andon::model::git::Author { name: "Jonas Weber".into(), email: "j@example.org".into() },
        at: clock().0,
        parents: Vec::new(),
    };
    page.state.git.recent = vec![info("a", "Mend the units")];
    page.state.git.work.stashes = vec![andon::model::git::Stash {
        index: 0,
        id: "b".repeat(40),
        message: "half done".into(),
        branch: Some("main".into()),
        base: "c".repeat(40),
        untracked: false,
        at: clock().0,
        files: 1,
    }];
    page.state.review.recent = vec![Rev::At("v1.0".into())];
    let mut h = harness(page);
    h.run_steps(4);
    h.get_by_label("Base: HEAD (main)").click();
    h.run_steps(3);
    for name in ["v1.0", "Working tree", "Staged changes", "Unsaved edits", "half done", "aaaaaaa  Mend the units"] {
        h.get_by_role_and_label(egui::accesskit::Role::ListItem, name);
    }
    h.get_by_label("Find a revision").type_text("half");
    h.run_steps(3);
    assert!(h.state().sent.contains(&review::Command::FindCommits("half".into()).into()));
    h.key_press(egui::Key::Enter);
    h.run_steps(3);
    assert!(
        h.state().sent.contains(&review::Command::SetBase(Rev::Stash("b".repeat(40))).into()),
        "{:?}",
        h.state().sent
    );
}

#[test]
fn two_branches_that_both_went_on_say_what_is_compared() {
    let mut page = comparing("a.ipynb", notebook(&cells(1)), notebook(&cells(2)));
    page.state.review.both = true;
    page.state.review.parted = Some("1".repeat(40));
    let mut h = harness(page);
    h.run_steps(4);
    h.get_by_label("Only changes since they parted").click();
    h.run_steps(2);
    assert!(h.state().sent.contains(&review::Command::SinceParted(false).into()));
}
