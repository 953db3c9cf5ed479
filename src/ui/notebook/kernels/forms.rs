//! The forms: a new environment, what is being made, a Jupyter Server.
use std::path::{Path, PathBuf};

use egui::{Align, Label, Layout, ScrollArea, Ui, vec2};

use super::View;
use crate::{
    app::{
        notebook::kernels::{Command, Secret},
        shell,
    },
    base::{text::count, time},
    model::{
        jupyter::{Address, Server},
        kernel::Interpreter,
    },
    ui::{
        PageCx,
        theme::Mark,
        widgets::{Btn, check_box, combo, error_box, mark, progress_bar, secret_field, segmented, text_field},
    },
};

/// Width of a field.
const WIDE: f32 = 480.0;

/// What is typed of a new environment.
#[derive(Debug)]
pub(super) struct Environment {
    folder: String,
    base: Option<PathBuf>,
    packages: String,
    /// Files that name packages, and whether each is used.
    files: Vec<(String, bool)>,
}

/// What is typed of a server.
#[derive(Debug, Default)]
pub(super) struct ServerDraft {
    name: String,
    named: bool,
    address: String,
    token: Secret,
    shared: bool,
    fresh: bool,
}

fn label(ui: &mut Ui, cx: &PageCx<'_>, words: &str) {
    ui.add_space(2.0);
    ui.label(cx.theme.section(words));
}

/// The Pythons an environment can be made from, newest first.
fn bases(cx: &PageCx<'_>) -> Vec<Interpreter> {
    let Some(found) = &cx.state.notebook.kernels else { return Vec::new() };
    let number = |i: &Interpreter| i.version.split('.').map(|p| p.parse().unwrap_or(0)).collect::<Vec<u32>>();
    let mut all: Vec<Interpreter> =
        found.interpreters.iter().filter(|i| !i.is_venv && number(i) >= vec![3, 9]).cloned().collect();
    all.sort_by_key(|i| std::cmp::Reverse(number(i)));
    all
}

fn base_words(python: &Interpreter) -> String {
    format!("Python {}, {} ({})", python.version, python.path.display(), python.kind.word())
}

/// The names of a line, as a shell would part them: quotes hold together.
fn split(text: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut quote = None;
    for c in text.chars() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, c)
                if c.is_whitespace()
                    || c == ',' && !all.last().is_some_and(|w| w.contains(['<', '>', '=', '[', '~'])) =>
            {
                all.push(String::new());
            }
            (_, c) => {
                if let Some(word) = all.last_mut() {
                    word.push(c);
                }
            }
        }
    }
    all.retain(|w| !w.is_empty());
    all
}

/// A free name for the folder.
fn free_folder(cx: &PageCx<'_>) -> String {
    let root = cx.state.workspace.root.clone().unwrap_or_default();
    let taken = |name: &str| {
        let found = cx.state.notebook.kernels.iter().flat_map(|f| &f.interpreters);
        found.map(|i| &i.prefix).any(|p| *p == root.join(name))
    };
    let names = std::iter::once(".venv".to_owned()).chain((2..).map(|n| format!(".venv-{n}")));
    names.take(100).find(|n| !taken(n)).unwrap_or_else(|| ".venv".to_owned())
}

/// Draws the form of a new environment.
pub(super) fn environment_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, base: Option<&Path>) {
    let theme = cx.theme;
    let fresh = view.environment.is_none();
    if fresh {
        view.environment = Some(Environment {
            folder: free_folder(cx),
            base: base.map(Path::to_path_buf),
            packages: String::new(),
            files: Vec::new(),
        });
    }
    let Some(draft) = view.environment.as_mut() else { return };
    for offer in &cx.state.notebook.picker.offers {
        if !draft.files.iter().any(|(name, _)| name == offer) {
            // The first one is meant by most; the others are often for something else.
            draft.files.push((offer.clone(), draft.files.is_empty()));
        }
    }
    ui.label(theme.heading("Create a Python environment"));
    ui.add(
        Label::new(theme.muted("With ipykernel, in a folder of this workspace. Notebooks and terminals can use it."))
            .wrap(),
    );
    label(ui, cx, "Folder");
    let field = text_field(ui, theme, &mut draft.folder, "Folder of the environment", ".venv", WIDE);
    if fresh {
        field.request_focus();
    }
    label(ui, cx, "Python");
    let all = bases(cx);
    let chosen = draft.base.as_ref().and_then(|b| all.iter().find(|i| i.path == *b));
    let words = match (&draft.base, chosen, all.first()) {
        (_, Some(python), _) => base_words(python),
        (Some(path), None, _) => path.display().to_string(),
        (None, None, Some(newest)) => format!("The newest: {}", base_words(newest)),
        (None, None, None) if cx.state.notebook.picker.looking => "Looking for Pythons".to_owned(),
        (None, None, None) => "No Python 3.9 or newer was found".to_owned(),
    };
    let none = all.is_empty() && draft.base.is_none() && !cx.state.notebook.picker.looking;
    combo(ui, theme, "Python", (&words, WIDE), |ui| {
        ui.selectable_value(&mut draft.base, None, "The newest one");
        for python in &all {
            ui.selectable_value(&mut draft.base, Some(python.path.clone()), base_words(python));
        }
    });
    label(ui, cx, "Packages");
    text_field(ui, theme, &mut draft.packages, "Packages besides ipykernel", "pandas matplotlib \"polars>=1\"", WIDE);
    if !draft.files.is_empty() {
        label(ui, cx, "And those of");
        ui.horizontal_wrapped(|ui| {
            for (name, on) in &mut draft.files {
                check_box(ui, theme, on, name);
            }
        });
    }
    let folder = draft.folder.trim().to_owned();
    let missing = if folder.is_empty() {
        Some("Name a folder first")
    } else if none {
        Some("There is no Python to make it from")
    } else {
        None
    };
    let command = Command::Make {
        folder,
        base: draft.base.clone(),
        packages: split(&draft.packages),
        requirements: draft.files.iter().filter(|(_, on)| *on).map(|(n, _)| n.clone()).collect(),
    };
    foot(ui, cx, &Btn::new("Create").primary().disabled(missing), missing.is_none(), command);
}

/// Cancel at the right, the main button before it; Enter is the main one.
fn foot(ui: &mut Ui, cx: &mut PageCx<'_>, yes: &Btn<'_>, can: bool, command: Command) {
    let theme = cx.theme;
    ui.add_space(8.0);
    ui.allocate_ui_with_layout(vec2(ui.available_width(), 28.0), Layout::right_to_left(Align::Center), |ui| {
        let enter = can && ui.input(|i| i.key_pressed(egui::Key::Enter));
        if yes.clone().show(ui, theme).clicked() || enter {
            cx.kernels(command);
        }
        if Btn::new("Cancel").show(ui, theme).clicked() {
            cx.send(shell::Command::CloseDialog);
        }
    });
}

/// Draws what is being made, or why it failed.
pub(super) fn making_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    let Some(making) = cx.state.notebook.making.clone() else {
        ui.label(theme.muted("Nothing is being made"));
        if Btn::new("Close").show(ui, theme).clicked() {
            cx.send(shell::Command::CloseDialog);
        }
        return;
    };
    ui.label(theme.heading(making.title.as_str()));
    if making.runs() {
        progress_bar(ui, theme, None, WIDE);
        let ms = (cx.now.as_millisecond() - making.since.as_millisecond()).max(0) as u64;
        ui.horizontal(|ui| {
            ui.set_width(WIDE);
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.label(theme.faint(time::duration_ms(ms)));
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    ui.add(Label::new(theme.body(making.last())).truncate());
                });
            });
        });
        ui.ctx().request_repaint_after(std::time::Duration::from_millis(500));
    }
    let area = ScrollArea::vertical().max_height(160.0).min_scrolled_height(160.0).auto_shrink([false, false]);
    egui::Frame::NONE.fill(theme.bg).corner_radius(4).inner_margin(8).show(ui, |ui| {
        area.stick_to_bottom(true).show(ui, |ui| {
            for line in &making.lines {
                ui.add(Label::new(theme.code(line.as_str())).truncate().selectable(true));
            }
        });
    });
    if let Some(error) = &making.error {
        error_box(ui, theme, error, &[]);
    }
    ui.add_space(8.0);
    ui.allocate_ui_with_layout(vec2(ui.available_width(), 28.0), Layout::right_to_left(Align::Center), |ui| {
        if making.runs() {
            if Btn::new("Go on in the background").primary().show(ui, theme).clicked() {
                cx.send(shell::Command::CloseDialog);
            }
            if Btn::new("Cancel").show(ui, theme).clicked() {
                cx.kernels(Command::Cancel);
            }
        } else {
            if Btn::new("Try again").primary().show(ui, theme).clicked() {
                cx.kernels(Command::Again);
            }
            if Btn::new("Close").show(ui, theme).clicked() {
                cx.send(shell::Command::CloseDialog);
            }
        }
    });
}

/// Draws the form of a server: an address and a token, tried before they are kept.
pub(super) fn server_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, known: Option<&Server>) {
    let theme = cx.theme;
    let draft = view.server.get_or_insert_with(|| match known {
        Some(s) => ServerDraft {
            name: s.name.clone(),
            named: true,
            address: s.url.clone(),
            shared: s.shared,
            ..ServerDraft::default()
        },
        None => ServerDraft::default(),
    });
    let title = known.map_or("Connect to a Jupyter server".to_owned(), |s| format!("Token for {}", s.name));
    ui.label(theme.heading(title));
    let mut changed = false;
    label(ui, cx, "Address");
    if let Some(server) = known {
        ui.label(theme.code(server.url.as_str()));
    } else {
        let hint = "http://127.0.0.1:8888/, or what the browser's address bar shows";
        let field = text_field(ui, theme, &mut draft.address, "Address of the server", hint, WIDE);
        if !std::mem::replace(&mut draft.fresh, true) {
            field.request_focus();
        }
        changed |= field.changed();
    }
    label(ui, cx, "Token");
    changed |= secret_field(ui, theme, &mut draft.token.0, "Token of the server", WIDE).changed();
    ui.add(
        Label::new(
            theme.small(
                "It is kept in the system's keyring and in no file. `jupyter server list` shows it on the server.",
            ),
        )
        .wrap(),
    );
    let parsed = Address::parse(&draft.address).ok();
    if !draft.named {
        draft.name = parsed.as_ref().map(Address::name).unwrap_or_default();
    }
    if known.is_none() {
        label(ui, cx, "Name, and who has it");
        ui.horizontal(|ui| {
            let field = text_field(ui, theme, &mut draft.name, "Name of the server", "gpu", 190.0);
            draft.named |= field.changed();
            if cx.state.workspace.root.is_some() {
                let whole = [(false, "Only me"), (true, "Everybody, in andon.toml")];
                if let Some(shared) = segmented(ui, theme, draft.shared, &whole) {
                    draft.shared = shared;
                }
            }
        });
    }
    if changed {
        cx.kernels(Command::Changed);
    }
    let (address, token) = (draft.address.clone(), draft.token.clone());
    let (name, shared) = (draft.name.trim().to_owned(), draft.shared);
    tested_ui(ui, cx);
    let test = cx.state.notebook.picker.test.as_ref().map(|(_, news)| news.clone());
    let fine = test.as_ref().is_some_and(|n| matches!(n.result, Some(Ok(_))));
    let looking = test.as_ref().is_some_and(|n| n.looking);
    if fine {
        let taken = known.is_none()
            && crate::app::notebook::kernels::servers(cx.state).iter().any(|s| s.name == name && s.shared == shared);
        let missing = if name.is_empty() {
            Some("Give it a name")
        } else if taken {
            Some("Another server has this name")
        } else {
            None
        };
        let command = Command::Add { name, address, token, shared };
        foot(ui, cx, &Btn::new("Keep").primary().disabled(missing), missing.is_none(), command);
    } else {
        let empty = address.trim().is_empty();
        let missing = if empty { Some("Type an address first") } else { looking.then_some("It is being tried") };
        let command = Command::Test { address, token };
        foot(ui, cx, &Btn::new("Try it").primary().disabled(missing), missing.is_none(), command);
    }
}

/// What trying it gave.
fn tested_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    let Some((url, news)) = cx.state.notebook.picker.test.clone() else { return };
    ui.add_space(4.0);
    match &news.result {
        Some(Ok(listing)) => {
            ui.horizontal(|ui| {
                mark(ui, theme, Mark::Success, 14.0);
                let (kinds, running) = (listing.specs.len() as u64, listing.running.len() as u64);
                ui.label(theme.body(format!(
                    "Jupyter server {}: {}, {} running",
                    listing.version,
                    count(kinds, "kind of kernel").replace("kind of kernels", "kinds of kernels"),
                    count(running, "kernel"),
                )));
            });
        }
        Some(Err(error)) => {
            error_box(ui, theme, error, &[]);
        }
        None => {
            ui.horizontal(|ui| {
                progress_bar(ui, theme, None, 60.0);
                ui.label(theme.muted(format!("Trying {url}")));
            });
        }
    }
    if news.result.as_ref().is_some_and(|r| r.is_ok()) && url.starts_with("http://") && !Address::is_loopback(&url) {
        ui.horizontal(|ui| {
            mark(ui, theme, Mark::Warning, 14.0);
            ui.add(
                Label::new(
                    theme.muted("Over http the token and all data can be read on the way. Use https, or a tunnel."),
                )
                .wrap(),
            );
        });
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn packages_are_parted_as_a_shell_does() {
        assert_eq!(split("pandas  'polars>=1, <2' numpy"), ["pandas", "polars>=1, <2", "numpy"]);
        assert_eq!(split("a, b,c"), ["a", "b", "c"]);
        assert_eq!(split("pandas>=2,<3 x[y,z]"), ["pandas>=2,<3", "x[y,z]"]);
        assert!(split("  ").is_empty());
    }
}
