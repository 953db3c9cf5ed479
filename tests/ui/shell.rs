//! The frame around the pages: rail, palette, dialogs, start page.
use andon::{
    app::{
        AppState, Command,
        home::{self, Level, Picture, Row},
        notify::{Notice, Tone},
        shell::{self, Dialog, Page},
        workspace,
    },
    base::Error,
    model::workspace::Recent,
    ui::theme::Theme,
};
use egui::{Key, Modifiers, accesskit::Role};
use egui_kittest::kittest::Queryable;

use crate::support::{morning, stage, stage_with};

fn open() -> AppState {
    let mut state = AppState::default();
    state.workspace.root = Some("/w/demo".into());
    state.workspace.name = "demo".into();
    state.workspace.trusted = true;
    state
}

fn row(key: &str, level: Level, title: &str) -> Row {
    Row {
        key: key.into(),
        level,
        filter: home::Filter::Runs,
        title: title.into(),
        evidence: "1,284 of 18,732 rows outside".into(),
        picture: Picture::Line(vec![Some(1.0), None, Some(2.0)]),
        at: Some(morning()),
        place: "local".into(),
        action: ("Open run".into(), shell::Command::Go(Page::Runs).into()),
        rerun: None,
    }
}

#[test]
fn without_a_folder_the_start_page_offers_to_open_one() {
    let mut state = AppState::default();
    state.workspace.recents.push(Recent {
        path: "/w/a".into(),
        name: "flights".into(),
        trusted: true,
        opened: 0,
        red: 3,
    });
    state.workspace.error = Some(Error::user("Could not open /gone").hint("Check the path"));
    let mut h = stage(state);
    h.get_by_label("Could not open /gone");
    h.get_by_role_and_label(Role::Button, "Open a folder\u{2026}").click();
    h.run_steps(2);
    assert!(h.state().sent.contains(&workspace::Command::PickFolder.into()));
    h.get_by_role_and_label(Role::ListItem, "flights").click();
    h.run_steps(2);
    assert!(h.state().sent.contains(&workspace::Command::Open("/w/a".into()).into()));
}

#[test]
fn ctrl_digits_and_the_rail_go_to_pages() {
    let mut h = stage(open());
    h.key_press_modifiers(Modifiers::COMMAND, Key::Num5);
    h.run_steps(2);
    assert_eq!(h.state().state.shell.page, Page::Runs);
    h.get_by_role_and_label(Role::Tab, "Settings").click();
    h.run_steps(2);
    assert_eq!(h.state().state.shell.page, Page::Settings);
}

#[test]
fn the_palette_finds_and_runs_a_command_by_keys_alone() {
    let mut h = stage(open());
    h.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::P);
    h.run_steps(3);
    h.get_by_label("Search commands").type_text("light theme");
    h.run_steps(3);
    h.key_press(Key::Enter);
    h.run_steps(3);
    assert_eq!(h.state().state.settings.values.theme, "light");
    assert!(h.state().state.shell.palette.is_none());
}

#[test]
fn escape_closes_the_palette_and_nothing_else_happens() {
    let mut h = stage(open());
    h.key_press_modifiers(Modifiers::COMMAND, Key::P);
    h.run_steps(3);
    h.key_press(Key::Escape);
    h.run_steps(3);
    assert!(h.state().state.shell.palette.is_none());
    assert_eq!(h.state().state.shell.page, Page::Home);
}

#[test]
fn trust_is_asked_with_the_folder_in_view() {
    let mut state = open();
    state.workspace.trusted = false;
    state.shell.dialog = Some(Dialog::Trust { then: Some(Box::new(shell::Command::Go(Page::Runs).into())) });
    let mut h = stage(state);
    h.get_by_label("/w/demo");
    h.get_by_role_and_label(Role::Button, "Trust and go on").click();
    h.run_steps(3);
    assert!(h.state().state.workspace.trusted);
    assert_eq!(h.state().state.shell.page, Page::Runs);
}

#[test]
fn home_is_worked_by_keys() {
    let mut state = open();
    state.home.rows =
        vec![row("a", Level::Red, "nightly failed in quality_check"), row("b", Level::Amber, "AND-137 is ageing")];
    let mut h = stage(state);
    h.get_by_role_and_label(Role::ListItem, "AND-137 is ageing");
    h.key_press(Key::J);
    h.run_steps(2);
    assert_eq!(h.state().state.home.focused, 1);
    h.key_press(Key::S);
    h.run_steps(2);
    assert!(h.state().sent.contains(&Command::Home(home::Command::Snooze("b".into()))));
    h.key_press(Key::Enter);
    h.run_steps(2);
    assert_eq!(h.state().state.shell.page, Page::Runs);
}

#[test]
fn a_notice_of_several_lines_stays_where_it_is() {
    let mut state = open();
    let body =
        "check_list: CheckFailed: airport_list.enough_airports: there are 100 rows, should be between 3000 and 4000";
    state.notices.push(Notice::new(Tone::Failure, "airport_list #6 failed").body(body), morning());
    let mut h = stage(state);
    let before = h.get_by_label("Dismiss").rect();
    h.run_steps(10);
    let after = h.get_by_label("Dismiss").rect();
    assert_eq!(before, after);
    assert!(after.top() > 700.0 && h.get_by_label(body).rect().height() > 20.0, "{after:?}");
}

#[test]
fn every_settings_section_draws_in_both_themes_and_sizes() {
    for (theme, size) in [(Theme::dark(), [1440.0, 900.0]), (Theme::light(), [1024.0, 700.0])] {
        let mut state = open();
        state.shell.page = Page::Settings;
        let mut h = stage_with(state, theme, size.into());
        for title in [
            "Connections",
            "Workspace and trust",
            "Git",
            "Kernels and environments",
            "Appearance and notices",
            "Keys",
            "Local store",
            "About",
        ] {
            h.get_by_role_and_label(Role::ListItem, title).click();
            h.run_steps(2);
        }
        h.get_by_label("Version");
    }
}

#[test]
fn a_notice_leaves_the_totals_of_home_in_sight() {
    for (width, side) in [(1024.0, 744.0), (1440.0, 1076.0)] {
        let mut state = open();
        state.shell.page = Page::Home;
        let long = "Something happened that takes more than one line to be told in full";
        let notice = Notice::info(long).action("Show it", shell::Command::Go(Page::Runs));
        state.notices.shown.push(notice);
        let mut h = stage_with(state, Theme::light(), egui::vec2(width, 700.0));
        h.run_steps(3);
        let text = h.get_by_label(long).rect();
        assert!(text.left() >= side, "{text:?}");
        h.get_by_role_and_label(Role::Button, "Show it").click();
        h.run_steps(2);
        assert_eq!(h.state().state.shell.page, Page::Runs);
    }
}
