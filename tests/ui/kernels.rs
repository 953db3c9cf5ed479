//! Kernels in the window: rows of the picker, servers in the settings, marks where output is missing, options of tests.
use andon::{
    app::{
        Command as AnyCommand,
        notebook::{Command, kernels, tested},
        settings::{self, Section},
        shell::{Dialog, Page},
        workspace,
    },
    base::Error,
    model::{
        jupyter::Server,
        kernel::ExecEvent,
        output::{Collector, Gap},
    },
    ui::{
        theme::Theme,
        widgets::output::{OutputsView, Pictures, outputs_ui},
    },
};
use egui::accesskit::Role;
use egui_kittest::{Harness, kittest::Queryable};

use crate::{
    notebook::{chose, open, picking},
    support::{Stage, morning, stage, stage_with},
};

#[test]
fn a_click_on_a_row_installs_nothing_anywhere_in_it() {
    let mut h = stage(picking());
    h.get_by_role_and_label(Role::Button, "Kernel: No kernel yet").click();
    h.run_steps(3);
    let changes = |c: &kernels::Command| {
        matches!(c, kernels::Command::Install(_) | kernels::Command::Make { .. } | kernels::Command::Ask(_))
    };
    let buttons: Vec<egui::Rect> = ["Install ipykernel", "Make an environment"]
        .map(|name| h.get_by_role_and_label(Role::Button, name).rect())
        .into();
    // Left of the button, above, below and between: the row itself, its words, its margins.
    for button in buttons {
        for x in [
            button.left() - 330.0,
            button.left() - 200.0,
            button.left() - 60.0,
            button.left() - 3.0,
            button.right() + 4.0,
        ] {
            for y in [button.center().y, button.top() - 3.0, button.bottom() + 3.0] {
                h.hover_at(egui::pos2(x, y));
                h.run_steps(1);
                h.drag_at(egui::pos2(x, y));
                h.drop_at(egui::pos2(x, y));
                h.run_steps(2);
                assert!(!chose(&h, changes), "a click at {x}, {y} beside {button:?}");
                assert!(h.state().state.notebook.making.is_none());
            }
        }
    }
    // A kernel's own row is taken by a click anywhere.
    h.get_by_role_and_label(Role::ListItem, "Python 3.12 (.venv)").click();
    h.run_steps(2);
    assert!(chose(&h, |c| matches!(c, kernels::Command::Choose(s) if s.id == "/w/.venv/bin/python")));
}

#[test]
fn settings_say_that_servers_of_the_folder_count_once_it_is_trusted() {
    let mut state = picking();
    state.workspace.trusted = false;
    state.shell.page = Page::Settings;
    state.settings.section = Section::Connections;
    let mut h = stage(state);
    h.run_steps(2);
    h.get_by_label("andon.toml of this folder names the server gpu. It counts once the folder is trusted");
    assert!(h.query_by_label_contains("None yet. Notebooks").is_none());
    h.get_by_role_and_label(Role::Button, "Trust this folder for its servers").click();
    h.run_steps(2);
    assert!(h.state().sent.contains(&AnyCommand::from(workspace::Command::AskTrust(None))));
}

fn servers() -> Harness<'static, Stage> {
    let mut state = picking();
    state.shell.page = Page::Settings;
    state.settings.section = Section::Connections;
    let own: toml::Table = "[slow]\nkind = 'jupyter'\nurl = 'http://10.0.0.9:8888/'".parse().unwrap();
    state.settings.values.other.insert("connections".into(), own.into());
    let refused = Error::remote("The Jupyter server does not answer").hint("Look whether it runs");
    let news = kernels::ServerNews { looking: false, result: Some(Err(refused)) };
    state.notebook.picker.servers.insert("http://10.0.0.9:8888/".into(), news);
    state.notebook.picker.seen.insert("http://gpu/".into(), morning());
    let mut h = stage(state);
    h.run_steps(2);
    h
}

#[test]
fn settings_list_the_servers_with_how_they_are_and_what_can_be_done() {
    let mut h = servers();
    for words in ["gpu", "http://gpu/", "slow", "The Jupyter server does not answer", "never"] {
        assert!(h.query_all_by_label_contains(words).count() > 0, "{words}");
    }
    let look = |url: &str| {
        let url = url.to_owned();
        move |c: &kernels::Command| matches!(c, kernels::Command::LookAt(u) if *u == url)
    };
    h.get_by_role_and_label(Role::Button, "Test the connection to gpu").click();
    h.run_steps(2);
    assert!(chose(&h, look("http://gpu/")) && !chose(&h, look("http://10.0.0.9:8888/")));
    assert!(h.query_all_by_label_contains("Being asked").count() > 0);
    // Another token: the form with the address, for this one server.
    h.get_by_role_and_label(Role::Button, "Another token for slow").click();
    h.run_steps(3);
    h.get_by_label("Token for slow");
    assert!(matches!(&h.state().state.shell.dialog,
        Some(Dialog::Kernel(kernels::Ask::Server { known: Some(s) })) if s.name == "slow"));
    h.state_mut().state.shell.dialog = None;
    h.run_steps(2);
    // Forgetting asks first, and leaves the page as it is.
    h.get_by_role_and_label(Role::Button, "Forget the server slow").click();
    h.run_steps(3);
    h.get_by_label("Forget the Jupyter server slow?");
    assert!(!chose(&h, |c| matches!(c, kernels::Command::Remove(_))));
    h.get_by_role_and_label(Role::Button, "Forget it").click();
    h.run_steps(3);
    assert!(chose(&h, |c| matches!(c, kernels::Command::Remove(Server { name, .. }) if name == "slow")));
    assert!(h.query_all_by_label("slow").next().is_none() && h.state().state.shell.dialog.is_none());
    h.get_by_role_and_label(Role::Button, "Add a server\u{2026}").click();
    h.run_steps(3);
    h.get_by_label("Connect to a Jupyter server");
}

#[test]
fn opening_the_connections_asks_every_server_once() {
    let mut h = servers();
    let show = settings::Command::Show(Section::Connections);
    assert!(h.state().sent.contains(&AnyCommand::from(show)), "{:?}", h.state().sent);
    h.run_steps(4);
    let shown = h.state().sent.iter().filter(|c| matches!(c, AnyCommand::Settings(settings::Command::Show(_)))).count();
    assert_eq!(shown, 1);
    assert!(h.state().state.notebook.picker.servers.values().all(|n| n.looking));
}

#[test]
fn a_hole_in_the_output_is_a_band_that_says_how_much_is_missing_and_when() {
    let at = |s: i64| jiff::Timestamp::from_second(s).unwrap();
    let lost = Gap {
        what: "The connection to the server was lost for 6 seconds".into(),
        messages: Some(14),
        away: Some((at(1_795_000_000), at(1_795_000_006))),
        ..Gap::default()
    };
    let dropped = Gap {
        what: "Its limit of 1,000,000 bytes per second was exceeded".into(),
        hint: "Print less".into(),
        dropped: true,
        ..Gap::default()
    };
    for theme in [Theme::dark(), Theme::light()] {
        let mut live = Collector::new();
        live.apply(&ExecEvent::Stream { stderr: false, text: "before\n".into() });
        for gap in [&lost, &dropped] {
            live.apply(&ExecEvent::Display { bundle: gap.bundle(), display_id: None });
        }
        live.apply(&ExecEvent::Stream { stderr: false, text: "after\n".into() });
        let outputs = live.views().to_vec();
        let (mut view, mut pictures) = (OutputsView::default(), Pictures::default());
        let mut h = Harness::builder().with_size(egui::vec2(700.0, 300.0)).allow_missing_glyphs().build_ui(move |ui| {
            theme.apply(ui.ctx());
            outputs_ui(ui, &theme, &outputs, &mut view, &mut pictures);
        });
        h.run_steps(2);
        assert!(h.query_all_by_label("Output is missing here: 14 messages").count() > 0);
        assert!(h.query_all_by_label("The server dropped output here").count() > 0);
        assert!(h.query_all_by_label_contains("Disconnected from ").count() > 0);
        h.get_by_label("The connection to the server was lost for 6 seconds.");
        h.get_by_label("Print less.");
    }
}

#[test]
fn how_tests_are_judged_is_set_beside_the_result() {
    let mut state = open();
    state.notebook.tests.options = true;
    let mut h = stage_with(state, Theme::light(), egui::vec2(1024.0, 700.0));
    h.run_steps(2);
    h.get_by_role_and_label(Role::RadioButton, "Marked cells").click();
    h.run_steps(2);
    h.get_by_label("Most seconds a cell may take").focus();
    h.run_steps(1);
    h.get_by_label("Most seconds a cell may take").type_text("x");
    h.run_steps(2);
    h.get_by_label("x is no number");
    let judge = h.state().state.notebook.tests.judge.clone();
    assert!(judge.lax && judge.seconds == "x");
    h.get_by_label("Test now").click();
    h.run_steps(2);
    let this = |c: &AnyCommand| *c == AnyCommand::from(Command::Test(tested::Command::This));
    assert!(h.state().sent.iter().any(this));
    assert!(h.state().state.notebook.doc().unwrap().test.is_none(), "nothing starts with what cannot be meant");
}
