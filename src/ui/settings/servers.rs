//! The Jupyter servers: how each is, when it answered last, and what can be done with it.
use egui::{Align, Label, Layout, Ui};

use super::sections::{note, table_head, table_row};
use crate::{
    app::{
        notebook::kernels::{Ask, Command, ServerNews, servers, servers_waiting},
        workspace,
    },
    base::{text::count, time},
    model::jupyter::Server,
    ui::{
        PageCx,
        theme::Mark,
        widgets::{Btn, Row, error_box, icon_button, mark},
    },
};

/// Shares of the columns: name, address, state, last seen, what can be done.
const WIDTHS: [f32; 5] = [0.16, 0.28, 0.28, 0.12, 0.16];

/// Draws the list.
pub fn servers_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    ui.horizontal(|ui| {
        ui.label(theme.section("Jupyter servers"));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if Btn::new("Add a server\u{2026}").icon("plus").show(ui, theme).clicked() {
                cx.kernels(Command::Ask(Ask::Server { known: None }));
            }
        });
    });
    waiting_ui(ui, cx);
    let all = servers(cx.state);
    if all.is_empty() {
        if !servers_waiting(cx.state).is_empty() {
            return;
        }
        note(ui, cx, "None yet. Notebooks can run on the kernels of a server: give its address and its token here");
        return;
    }
    ui.spacing_mut().item_spacing.y = 0.0;
    table_head(ui, theme, &WIDTHS, &["Name", "Address", "State", "Last seen", ""]);
    for server in &all {
        server_ui(ui, cx, server);
    }
    ui.add_space(8.0);
    let keyring = cx.state.settings.facts.as_ref().is_none_or(|f| f.keyring_ok);
    let tokens = if keyring { "Tokens are in the system's keyring" } else { "Tokens are kept until Andon closes" };
    note(ui, cx, &format!("{tokens}; a server of andon.toml is there for everybody who opens the folder"));
}

/// Servers that andon.toml names and nobody has asked yet: an address from elsewhere is not asked unseen.
fn waiting_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let waiting = servers_waiting(cx.state);
    let (names, counts) = match waiting.as_slice() {
        [] => return,
        [one] => (format!("the server {one}"), "It counts"),
        [first @ .., last] => (format!("the servers {} and {last}", first.join(", ")), "They count"),
    };
    let words = format!("andon.toml of this folder names {names}. {counts} once the folder is trusted");
    ui.horizontal(|ui| {
        mark(ui, cx.theme, Mark::Warning, 14.0);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if Btn::new("Trust this folder\u{2026}")
                .name("Trust this folder for its servers")
                .show(ui, cx.theme)
                .clicked()
            {
                cx.send(workspace::Command::AskTrust(None));
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add(Label::new(cx.theme.body(words.as_str())).truncate()).on_hover_text(&words);
            });
        });
    });
    ui.add_space(4.0);
}

fn server_ui(ui: &mut Ui, cx: &mut PageCx<'_>, server: &Server) {
    let theme = cx.theme;
    let news = cx.state.notebook.picker.servers.get(&server.url).cloned().unwrap_or_default();
    let (state, words) = state_of(&news);
    let now = cx.now;
    let seen = cx.state.notebook.picker.seen.get(&server.url).map_or("never".to_owned(), |at| time::when(*at, now));
    ui.push_id(("server", server.shared, &server.name), |ui| {
        let shown = Row::new(&server.name).height(36.0).padding(0.0).rule(true).show(ui, theme, |ui| {
            table_row(ui, &WIDTHS, |ui, column| match column {
                0 => {
                    mark(ui, theme, state, 14.0);
                    ui.add(Label::new(theme.label(&server.name)).truncate());
                }
                1 => drop(ui.add(Label::new(theme.muted(&server.url)).truncate().selectable(true))),
                2 => drop(ui.add(Label::new(theme.muted(words.as_str())).truncate())),
                3 => drop(ui.add(Label::new(theme.muted(seen.as_str())).truncate())),
                _ => {
                    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                        ui.spacing_mut().item_spacing.x = 2.0;
                        let name = &server.name;
                        if icon_button(ui, theme, "trash-2", &format!("Forget the server {name}")).clicked() {
                            cx.kernels(Command::AskRemove(server.clone()));
                        }
                        if icon_button(ui, theme, "key", &format!("Another token for {name}")).clicked() {
                            cx.kernels(Command::Ask(Ask::Server { known: Some(server.clone()) }));
                        }
                        if icon_button(ui, theme, "refresh-cw", &format!("Test the connection to {name}")).clicked() {
                            cx.kernels(Command::LookAt(server.url.clone()));
                        }
                    });
                }
            });
        });
        let whose = if server.shared { "In andon.toml of this folder" } else { "In your own settings" };
        shown.on_hover_text(whose);
        if let Some(Err(error)) = &news.result {
            ui.add_space(6.0);
            match error_box(ui, theme, error, &["Token\u{2026}", "Try again"]) {
                Some(0) => cx.kernels(Command::Ask(Ask::Server { known: Some(server.clone()) })),
                Some(_) => cx.kernels(Command::LookAt(server.url.clone())),
                None => {}
            }
            ui.add_space(6.0);
        }
    });
}

fn state_of(news: &ServerNews) -> (Mark, String) {
    match (&news.result, news.looking) {
        (_, true) => (Mark::Running, "Being asked".to_owned()),
        (None, false) => (Mark::Skipped, "Not asked yet".to_owned()),
        (Some(Err(_)), false) => (Mark::Failed, "Cannot be used now".to_owned()),
        (Some(Ok(listing)), false) => {
            let running = count(listing.running.len() as u64, "kernel");
            (Mark::Success, format!("Answers: version {}, {running} running", listing.version))
        }
    }
}
