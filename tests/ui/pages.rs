//! Every page of the default sample, in both themes, at the two sizes the design names.
use std::time::{Duration, Instant};

use andon::{
    app::shell::{Command, Page},
    engine::sample,
    ui::theme::Theme,
};
use egui_kittest::kittest::{NodeT, Queryable};

use crate::live::{App, go, window};

/// Control as a Linux keyboard sends it.
const CTRL: egui::Modifiers = egui::Modifiers { ctrl: true, command: true, ..egui::Modifiers::NONE };
const SIZES: [(f32, f32); 2] = [(1440.0, 900.0), (1024.0, 700.0)];

fn every_page(theme: Theme) {
    for size in SIZES {
        let mut harness = window(App::with_sample(theme.clone(), sample::DEFAULT), size);
        for page in Page::ALL {
            go(&mut harness, page);
            assert_eq!(harness.state().host.state.shell.page, page);
            let right = harness
                .root()
                .children_recursive()
                .filter_map(|n| n.accesskit_node().bounding_box())
                .map(|r| r.x1 as f32)
                .fold(0.0, f32::max);
            assert!(
                right <= size.0 + 1.0 || page == Page::Board || page == Page::Data,
                "{page:?} reaches to {right} of {}",
                size.0
            );
            let failures: Vec<_> = harness
                .state()
                .host
                .state
                .notices
                .shown
                .iter()
                .filter(|n| n.tone == andon::app::notify::Tone::Failure)
                .collect();
            assert!(failures.is_empty(), "{page:?}: {failures:?}");
        }
    }
}

#[test]
fn every_page_draws_in_the_dark_theme() {
    every_page(Theme::dark());
}

#[test]
fn every_page_draws_in_the_light_theme() {
    every_page(Theme::light());
}

#[test]
fn the_start_page_offers_the_samples() {
    let mut harness = window(App::new(Theme::dark()), SIZES[0]);
    harness.run_steps(3);
    for sample in sample::list() {
        assert!(harness.query_all_by_label_contains(&sample.title).next().is_some(), "{}", sample.title);
    }
}

#[test]
fn control_and_a_digit_goes_to_a_page() {
    let mut harness = window(App::with_sample(Theme::dark(), sample::DEFAULT), SIZES[0]);
    harness.run_steps(2);
    harness.key_press_modifiers(CTRL, egui::Key::Num5);
    harness.run_steps(2);
    assert_eq!(harness.state().host.state.shell.page, Page::Runs);
}

#[test]
fn the_palette_finds_a_command_and_escape_closes_it() {
    let mut harness = window(App::with_sample(Theme::dark(), sample::DEFAULT), SIZES[0]);
    harness.run_steps(2);
    harness.key_press_modifiers(CTRL | egui::Modifiers::SHIFT, egui::Key::P);
    harness.run_steps(2);
    assert!(harness.state().host.state.shell.palette.is_some());
    harness.event(egui::Event::Text("show or hide the nav".to_owned()));
    harness.run_steps(2);
    harness.key_press(egui::Key::Enter);
    harness.run_steps(2);
    assert!(harness.state().host.state.shell.hide_navigator);
    assert!(harness.state().host.state.shell.palette.is_none());
    harness.state_mut().host.send(Command::ToggleNavigator);
}

#[test]
fn nothing_moves_in_a_window_at_rest() {
    let mut harness = window(App::with_sample(Theme::dark(), sample::DEFAULT), SIZES[0]);
    for page in Page::ALL {
        go(&mut harness, page);
        let steps = harness.try_run().unwrap_or_else(|e| panic!("{page:?} never comes to rest: {e}"));
        assert!(steps <= 8, "{page:?} took {steps} frames to come to rest");
    }
}

/// A timer that winds itself up again would draw frames for ever.
#[test]
fn timers_run_out_when_nothing_happens() {
    let mut app = App::new(Theme::dark());
    app.host.send(Command::Go(Page::Board));
    app.host.send(andon::app::workspace::Command::OpenSample(sample::DEFAULT.to_owned()));
    app.settle();
    let until = Instant::now() + Duration::from_secs(20);
    while let Some(at) = app.host.next_timer() {
        assert!(Instant::now() < until, "a timer still waits");
        std::thread::sleep(at.saturating_duration_since(Instant::now()));
        app.host.drain(Duration::from_millis(4));
    }
}

/// The journal's timer had not fired yet when the window was closed.
#[test]
fn the_last_keystrokes_are_kept_when_the_window_is_closed_at_once() {
    use andon::app::notebook;
    let mut app = App::with_sample(Theme::dark(), sample::DEFAULT);
    app.host.send(notebook::Command::Open("notebooks/cold_nights.ipynb".to_owned()));
    app.settle();
    let key = app.host.state.notebook.doc().unwrap().notebook().unwrap().cells().last().unwrap().key;
    app.host.send(notebook::Command::EditCell {
        key,
        acts: vec![andon::model::editor::Act::SetText("the very last words".to_owned())],
    });
    assert!(app.host.wind_up(Duration::from_secs(20)));
    let kept = app.host.state.workspace.root.clone().unwrap().join(".andon");
    let mut found = false;
    let mut folders = vec![kept];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                found |= String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap()).contains("the very last words");
            }
        }
    }
    assert!(found, "no draft holds what was typed");
}
