//! The list of keys says what is so: each key it names is pressed on its page, and something takes it.
use andon::{
    app::{
        AppState, Command, board,
        keymap::{self, KeyRow},
        notebook, runs,
        shell::{self, Page},
        workspace,
    },
    engine::sample,
    ui::{keys::shortcut, shell::Region, theme::Theme},
};
use egui::{Key, Modifiers};
use egui_kittest::Harness;

use crate::{
    live::{App, go, window},
    support::{Stage, stage},
};

/// The window over the sample as it is once everything is loaded; jobs no longer run.
fn sample_state(pages: &[Page], commands: Vec<Command>) -> AppState {
    let mut app = App::with_sample(Theme::dark(), sample::DEFAULT);
    for command in commands {
        app.host.send(command);
        app.settle();
    }
    let mut harness = window(app, (1440.0, 900.0));
    for page in pages {
        go(&mut harness, *page);
    }
    std::mem::take(&mut harness.state_mut().host.state)
}

fn send(h: &mut Harness<'_, Stage>, command: impl Into<Command>) {
    let clock = andon::base::time::FixedClock(crate::support::morning());
    andon::app::dispatch::dispatch(&mut h.state_mut().state, command.into(), &andon::app::Cx { clock: &clock });
}

/// Presses every way of these rows, each after `prepare`.
#[track_caller]
fn obeyed(h: &mut Harness<'_, Stage>, rows: &[KeyRow], mut prepare: impl FnMut(&mut Harness<'_, Stage>, &KeyRow)) {
    for row in rows {
        for way in row.ways() {
            send(h, shell::Command::CloseDialog);
            send(h, shell::Command::ClosePalette);
            prepare(h, row);
            h.ctx.memory_mut(|m| m.focused().into_iter().for_each(|id| m.surrender_focus(id)));
            h.run_steps(3);
            h.state_mut().left.clear();
            for chord in &way {
                let (modifiers, key) = shortcut(chord).unwrap();
                press(h, modifiers, key);
            }
            assert!(h.state().left.is_empty(), "{}: nothing took {:?} ({})", row.context, way, row.does);
        }
    }
}

/// As a Linux keyboard sends it.
fn press(h: &mut Harness<'_, Stage>, modifiers: Modifiers, key: Key) {
    let modifiers = Modifiers { ctrl: modifiers.command, ..modifiers };
    h.key_press_modifiers(modifiers, key);
    h.run_steps(2);
}

#[test]
fn the_keys_of_the_window_are_taken_everywhere() {
    let mut h = stage(sample_state(&[], Vec::new()));
    let rows: Vec<KeyRow> = keymap::global::ALL.iter().copied().filter(|r| *r != keymap::global::HELP).collect();
    obeyed(&mut h, &rows, |h, row| {
        send(h, shell::Command::Go(Page::Runs));
        if *row == keymap::global::BACK {
            send(h, shell::Command::ShowDialog(shell::Dialog::Keys));
        }
    });
    send(&mut h, shell::Command::Back);
    h.run_steps(2);
    h.event(egui::Event::Text("?".into()));
    h.run_steps(2);
    assert_eq!(h.state().state.shell.dialog, Some(shell::Dialog::Keys));
}

#[test]
fn the_keys_of_home_are_taken() {
    let mut h = stage(sample_state(&[Page::Home], Vec::new()));
    obeyed(&mut h, keymap::home::ALL, |h, _| send(h, shell::Command::Go(Page::Home)));
}

#[test]
fn the_keys_of_the_board_are_taken() {
    let mut h = stage(sample_state(&[Page::Board], Vec::new()));
    obeyed(&mut h, keymap::board::ALL, |h, row| {
        send(h, shell::Command::Go(Page::Board));
        let views = &mut h.state_mut().views;
        views.board = andon::ui::board::View::default();
        h.state_mut().state.board.asking = None;
        send(h, board::Command::Select(Vec::new()));
        let card = h.state().state.board.board.cards.keys().next().cloned();
        send(h, board::Command::Open(card.clone().filter(|_| *row == keymap::board::CLOSE)));
        send(h, board::Command::Focus(card));
    });
}

#[test]
fn the_keys_of_runs_and_of_their_log_are_taken() {
    let mut h = stage(sample_state(&[Page::Runs], Vec::new()));
    obeyed(&mut h, keymap::runs::ALL, |h, row| {
        send(h, shell::Command::Go(Page::Runs));
        h.state_mut().state.runs.dialog = None;
        let tab = if *row == keymap::runs::BACK { runs::Tab::Gantt } else { runs::Tab::Grid };
        send(h, runs::Command::Show(tab));
    });
    obeyed(&mut h, keymap::log::ALL, |h, _| {
        h.state_mut().views.runs = andon::ui::runs::View::default();
        send(h, runs::Command::Show(runs::Tab::Log));
    });
}

#[test]
fn the_keys_of_review_are_taken() {
    let mut h = stage(sample_state(&[Page::Review], Vec::new()));
    assert!(h.state().state.review.suggested && h.state().state.review.shown.is_some(), "the sample has a branch");
    obeyed(&mut h, keymap::review::ALL, |h, _| send(h, shell::Command::Go(Page::Review)));
}

#[test]
fn the_keys_of_data_are_taken() {
    let open = workspace::Command::OpenFile("data/raw/airports.csv".into());
    let mut h = stage(sample_state(&[Page::Data], vec![open.into()]));
    obeyed(&mut h, &[keymap::data::FILTER], |h, _| send(h, shell::Command::Go(Page::Data)));
}

#[test]
fn the_keys_of_a_notebook_are_taken() {
    let open = workspace::Command::OpenFile("notebooks/cold_nights.ipynb".into());
    let mut h = stage(sample_state(&[Page::Notebook], vec![open.into()]));
    let mut rows = notebook::keys::BOTH.to_vec();
    // Closing comes last: there is no notebook afterwards.
    rows.sort_by_key(|r| r.does.starts_with("Close"));
    obeyed(&mut h, notebook::keys::COMMAND, |h, _| {
        send(h, notebook::Command::LeaveEdit);
    });
    obeyed(&mut h, &rows, |h, _| {
        send(h, notebook::Command::LeaveEdit);
    });
}

#[test]
fn the_keys_of_a_text_are_taken_while_it_is_written_in() {
    let open = workspace::Command::OpenFile("notebooks/cold_nights.ipynb".into());
    let mut h = stage(sample_state(&[Page::Notebook], vec![open.into()]));
    let rows = keymap::editor::ALL.iter().chain(notebook::keys::EDIT);
    for row in rows {
        for way in row.ways() {
            send(&mut h, notebook::Command::CloseFind);
            send(&mut h, notebook::Command::LeaveEdit);
            let key = h.state().state.notebook.doc().unwrap().cells()[1].key;
            h.run_steps(2);
            send(&mut h, notebook::Command::Select(key));
            send(&mut h, notebook::Command::EnterEdit);
            h.run_steps(4);
            h.state_mut().left.clear();
            for chord in &way {
                let (modifiers, key) = shortcut(chord).unwrap();
                press(&mut h, modifiers, key);
            }
            assert!(h.state().left.is_empty(), "{}: nothing took {:?} ({})", row.context, way, row.does);
            assert!(h.state().state.shell.dialog.is_none(), "{}: {way:?} is the text's alone", row.does);
        }
    }
}

/// A row nobody asks for would be a lie.
#[test]
fn every_row_of_the_table_is_asked_for_by_the_window() {
    fn read(dir: &std::path::Path, all: &mut String) {
        for entry in std::fs::read_dir(dir).unwrap().flatten() {
            if entry.path().is_dir() {
                read(&entry.path(), all);
            } else {
                all.push_str(&std::fs::read_to_string(entry.path()).unwrap());
            }
        }
    }
    let src = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = String::new();
    read(&src.join("ui"), &mut all);
    let table = std::fs::read_to_string(src.join("app/keymap.rs")).unwrap();
    let mut module = "";
    for line in table.lines().map(str::trim).take_while(|l| *l != "#[cfg(test)]") {
        if let Some((name, _)) = line.split_once(" \"").filter(|_| line.ends_with("\" {") && !line.starts_with('(')) {
            module = name;
        } else if let Some((name, _)) = line.split_once(": \"")
            && module != "grid"
        {
            assert!(all.contains(&format!("{module}::{name}")), "nothing asks for {module}::{name}");
        }
    }
}

#[test]
fn f6_walks_the_parts_of_the_window_and_back() {
    let mut h = stage(sample_state(&[Page::Runs], Vec::new()));
    send(&mut h, shell::Command::Go(Page::Runs));
    h.run_steps(3);
    let mut seen = Vec::new();
    for _ in 0..6 {
        press(&mut h, Modifiers::NONE, Key::F6);
        seen.push(h.state().views.regions.current().unwrap());
    }
    for region in [Region::Rail, Region::Navigator, Region::Page, Region::Status, Region::Bar] {
        assert!(seen.contains(&region), "{region:?} is not among {seen:?}");
    }
    let last = seen[seen.len() - 2];
    press(&mut h, Modifiers::SHIFT, Key::F6);
    assert_eq!(h.state().views.regions.current(), Some(last));
    // In the rail Enter goes to the page that has the focus.
    while h.state().views.regions.current() != Some(Region::Rail) {
        press(&mut h, Modifiers::NONE, Key::F6);
    }
    press(&mut h, Modifiers::NONE, Key::Enter);
    assert_eq!(h.state().state.shell.page, Page::Home);
}
