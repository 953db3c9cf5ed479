//! The list of all that can run a notebook's cells, by where it is.
use egui::{Align, Label, Layout, Response, ScrollArea, Ui, vec2};

use super::View;
use crate::{
    app::{
        notebook::{
            Command as NotebookCommand, Doc,
            kernels::{Ask, Command, ServerNews, choice_of, servers},
        },
        workspace,
    },
    base::{
        text::{count, fuzzy},
        time,
    },
    model::{
        jupyter::{Running, Server},
        kernel::{Interpreter, KernelSpec, Origin},
    },
    ui::{
        PageCx,
        theme::Mark,
        widgets::{Btn, PickField, Row, error_box, hair_x, icon_button, link, mark, progress_bar, tag},
    },
};

/// What a row of the list stands for.
enum Entry {
    Heading(String),
    Kernel(Box<KernelSpec>),
    /// A Python without ipykernel.
    Bare(Box<Interpreter>),
    Server(Server),
    Start(Box<KernelSpec>),
    Attach(Box<KernelSpec>, Running),
}

impl Entry {
    /// What is looked for in.
    fn words(&self) -> String {
        match self {
            Self::Heading(_) | Self::Server(_) => String::new(),
            Self::Kernel(k) | Self::Start(k) => format!("{} {} {}", k.display_name, k.language, place(k)),
            Self::Bare(p) => format!("Python {} {}", p.version, p.path.display()),
            Self::Attach(k, r) => format!("{} {}", r.title.as_deref().unwrap_or_default(), k.display_name),
        }
    }
    fn is_head(&self) -> bool {
        matches!(self, Self::Heading(_) | Self::Server(_))
    }
}

/// Where a kernel of this machine comes from.
fn place(kernel: &KernelSpec) -> String {
    match (&kernel.python, &kernel.resource_dir) {
        (Some(python), _) => python.display().to_string(),
        (None, Some(dir)) => dir.display().to_string(),
        (None, None) => kernel.argv.first().cloned().unwrap_or_default(),
    }
}

fn heading(kernel: &KernelSpec) -> &'static str {
    match kernel.origin {
        Origin::Workspace => "In this folder",
        Origin::Active => "Active environment",
        Origin::User if kernel.resource_dir.is_some() => "Your kernelspecs",
        Origin::User => "Your environments",
        Origin::System | Origin::Path if kernel.resource_dir.is_some() => "This machine's kernelspecs",
        Origin::System | Origin::Path => "This machine",
        Origin::Server => "On a server",
    }
}

/// All rows, in the order in which they are offered.
fn entries(cx: &PageCx<'_>, query: &str) -> Vec<Entry> {
    let mut all: Vec<Entry> = Vec::new();
    if let Some(found) = &cx.state.notebook.kernels {
        let mut last = "";
        for kernel in &found.kernels {
            let head = heading(kernel);
            if head != last {
                last = head;
                all.push(Entry::Heading(head.to_owned()));
            }
            all.push(Entry::Kernel(Box::new(kernel.clone())));
        }
    }
    for server in servers(cx.state) {
        let listing = cx.state.notebook.picker.servers.get(&server.url).and_then(|n| n.result.clone());
        all.push(Entry::Server(server));
        if let Some(Ok(listing)) = listing {
            let running = listing.running.iter();
            all.extend(running.map(|r| Entry::Attach(Box::new(listing.attach(r)), r.clone())));
            all.extend(listing.specs.iter().map(|s| Entry::Start(Box::new(s.clone()))));
        }
    }
    if let Some(found) = &cx.state.notebook.kernels {
        let mut bare = found.interpreters.iter().filter(|i| i.ipykernel.is_none() && i.is_recent()).peekable();
        if bare.peek().is_some() {
            all.push(Entry::Heading("Python without ipykernel".to_owned()));
        }
        all.extend(bare.map(|i| Entry::Bare(Box::new(i.clone()))));
    }
    if query.is_empty() {
        return all;
    }
    all.retain(|e| e.is_head() || fuzzy(query, &e.words()).is_some());
    // A heading above nothing says nothing.
    let heads: Vec<bool> = all.iter().map(Entry::is_head).collect();
    let mut index = 0;
    all.retain(|_| {
        let empty = heads[index] && heads.get(index + 1).copied().unwrap_or(true);
        index += 1;
        !empty
    });
    all
}

/// Draws it; `room` is the height it may take.
pub(super) fn picker_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, room: f32) {
    let state = cx.state;
    let Some(doc) = state.notebook.doc() else { return };
    let query = view.text.trim().to_owned();
    let all = entries(cx, &query);
    let enter = field_ui(ui, cx, view, all.iter().filter(|e| !e.is_head()).count());
    file_ui(ui, cx, doc);
    hair_x(ui, cx.theme);
    busy_ui(ui, cx);
    let high = (room - 190.0).clamp(120.0, 520.0);
    let area = ScrollArea::vertical().max_height(high).min_scrolled_height(high).auto_shrink([false, true]);
    area.show(ui, |ui| {
        let mut number = 0;
        for entry in &all {
            let on = !entry.is_head() && number == view.selected;
            let response = entry_ui(ui, cx, doc, entry, on);
            if entry.is_head() {
                continue;
            }
            if on && view.moved {
                response.scroll_to_me(None);
            }
            if response.clicked() || (on && enter) {
                take(cx, entry);
            }
            number += 1;
        }
        if all.is_empty() && !state.notebook.picker.looking {
            ui.add_space(12.0);
            note(
                ui,
                cx,
                if query.is_empty() {
                    "No kernel and no Python was found on this machine"
                } else {
                    "Nothing here is called that"
                },
            );
            ui.add_space(12.0);
        }
        problems_ui(ui, cx);
    });
    hair_x(ui, cx.theme);
    foot_ui(ui, cx, doc);
}

/// What choosing a row does.
fn take(cx: &mut PageCx<'_>, entry: &Entry) {
    match entry {
        Entry::Kernel(spec) | Entry::Start(spec) | Entry::Attach(spec, _) => cx.kernels(Command::Choose(spec.clone())),
        // Only its button changes an environment: a row that is hit by mistake must not.
        Entry::Bare(_) | Entry::Heading(_) | Entry::Server(_) => {}
    }
}

/// One click from a Python without ipykernel to a kernel.
fn complete(cx: &mut PageCx<'_>, python: &Interpreter) {
    if python.takes_packages() {
        cx.kernels(Command::Install(Box::new(python.clone())));
    } else {
        cx.kernels(Command::Ask(Ask::Environment { base: Some(python.path.clone()) }));
    }
}

/// The field that narrows the list down; tells whether Enter was pressed.
fn field_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, rows: usize) -> bool {
    let theme = cx.theme;
    let fresh = !std::mem::replace(&mut view.opened, true);
    let field = PickField { id: "kernel-query", hint: "Find a kernel or an environment", rows, fresh };
    let picked = field.show(ui, theme, &mut view.text, &mut view.selected, |ui| {
        if icon_button(ui, theme, "refresh-cw", "Look again, and ask every Python anew").clicked() {
            cx.kernels(Command::LookAgain);
        }
    });
    view.moved = picked.moved;
    picked.enter && rows > 0
}

fn note(ui: &mut Ui, cx: &PageCx<'_>, words: &str) {
    ui.horizontal(|ui| {
        ui.add_space(12.0);
        ui.add(Label::new(cx.theme.muted(words)).truncate());
    });
}

/// What the file says, and what was chosen over it.
fn file_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc) {
    let theme = cx.theme;
    let Some(nb) = doc.notebook() else { return };
    let display = nb.metadata_text(&["kernelspec", "display_name"]);
    let asked = match (display.or_else(|| nb.kernel_name()), nb.kernel_name()) {
        (Some(display), Some(name)) if display != name => format!("The file asks for {display} ({name})"),
        (Some(display), _) => format!("The file asks for {display}"),
        (None, _) => format!("The file names no kernel; its language is {}", nb.language()),
    };
    let choice = choice_of(cx.state, doc).map(|(c, own)| (c.name.clone(), own));
    ui.horizontal(|ui| {
        ui.set_height(28.0);
        ui.add_space(12.0);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add_space(12.0);
            let differs = doc.kernel.spec.as_ref().filter(|s| {
                nb.kernel_name().as_ref() != Some(&s.name)
                    || nb.metadata_text(&["kernelspec", "display_name"]).as_ref() != Some(&s.display_name)
            });
            if differs.is_some() && link(ui, theme, "Write the one in use into it").clicked() {
                cx.kernels(Command::WriteIntoFile);
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add(Label::new(theme.muted(asked)).truncate());
            });
        });
    });
    let Some((name, own)) = choice else { return };
    ui.horizontal(|ui| {
        ui.set_height(28.0);
        ui.add_space(12.0);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add_space(12.0);
            if link(ui, theme, "Forget").clicked() {
                cx.kernels(Command::Forget { workspace: !own });
            }
            let whole = cx.state.notebook.picker.choices.workspace.as_ref().map(|c| c.name.as_str());
            if own && whole != Some(name.as_str()) && link(ui, theme, "Use for this workspace").clicked() {
                cx.kernels(Command::ForWorkspace);
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let words = if own { "Chosen for this notebook" } else { "Chosen for this workspace" };
                ui.add(Label::new(theme.muted(format!("{words}: {name}"))).truncate());
            });
        });
    });
}

fn busy_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    if let Some(making) = cx.state.notebook.making.as_ref().filter(|m| m.runs()) {
        let row = Row::new(&making.title).height(32.0).show(ui, theme, |ui| {
            progress_bar(ui, theme, None, 60.0);
            ui.add(Label::new(theme.body(making.title.as_str())).truncate());
        });
        if row.clicked() {
            cx.kernels(Command::Ask(Ask::Making));
        }
        hair_x(ui, theme);
    } else if cx.state.notebook.picker.looking && cx.state.notebook.kernels.is_none() {
        ui.horizontal(|ui| {
            ui.set_height(32.0);
            ui.add_space(12.0);
            progress_bar(ui, theme, None, 60.0);
            ui.label(theme.muted("Looking for kernels and asking each Python"));
        });
    }
}

fn entry_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc, entry: &Entry, on: bool) -> Response {
    let used = doc.kernel.spec.as_ref().map(|s| s.id.as_str());
    match entry {
        Entry::Heading(title) => {
            let shown = ui.horizontal(|ui| {
                ui.set_height(26.0);
                ui.add_space(12.0);
                ui.label(cx.theme.section(title.as_str()));
            });
            shown.response
        }
        Entry::Kernel(kernel) => {
            let kind = cx.state.notebook.kernels.as_ref().and_then(|found| {
                let python = found.interpreters.iter().find(|i| Some(&i.path) == kernel.python.as_ref())?;
                Some(python.kind.word())
            });
            let version = kernel.version.clone().unwrap_or_else(|| kernel.language.clone());
            let facts = (version.as_str(), kind.filter(|_| kernel.resource_dir.is_none()));
            two_lines(
                ui,
                cx,
                "cpu",
                (&kernel.display_name, &place(kernel)),
                facts,
                (on, used == Some(&kernel.id)),
                |_, _| {},
            )
        }
        Entry::Bare(python) => bare_ui(ui, cx, python, on),
        Entry::Server(server) => {
            let news = cx.state.notebook.picker.servers.get(&server.url).cloned().unwrap_or_default();
            server_ui(ui, cx, server, &news)
        }
        Entry::Start(kernel) => {
            let title = format!("Start {}", kernel.display_name);
            let about = format!("{}, a new kernel on the server", kernel.name);
            two_lines(
                ui,
                cx,
                "play",
                (&title, &about),
                (&kernel.language, None),
                (on, used == Some(&kernel.id)),
                |_, _| {},
            )
        }
        Entry::Attach(kernel, running) => attach_ui(ui, cx, kernel, running, (on, used == Some(&kernel.id))),
    }
}

/// A row: icon, name and facts, and below them a muted line; `right` draws at the right end.
fn two_lines(
    ui: &mut Ui,
    cx: &mut PageCx<'_>,
    icon: &str,
    (title, about): (&str, &str),
    (version, kind): (&str, Option<&str>),
    (on, used): (bool, bool),
    right: impl FnOnce(&mut Ui, &mut PageCx<'_>),
) -> Response {
    let theme = cx.theme;
    let name = if used { format!("{title}, in use") } else { title.to_owned() };
    let shown = Row::new(&name).height(42.0).selected(on).accent(used).show(ui, theme, |ui| {
        ui.label(theme.icon(if used { "check" } else { icon }, 14.0));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            right(ui, cx);
            if let Some(kind) = kind {
                tag(ui, theme, kind);
            }
            ui.label(theme.muted(version));
            let size = vec2(ui.available_width(), 36.0);
            ui.allocate_ui_with_layout(size, Layout::top_down(Align::Min), |ui| {
                ui.spacing_mut().item_spacing.y = 1.0;
                ui.add_space(1.0);
                ui.add(Label::new(theme.body(title)).truncate());
                ui.add(Label::new(theme.faint(about)).truncate());
            });
        });
    });
    shown.on_hover_text(about)
}

fn bare_ui(ui: &mut Ui, cx: &mut PageCx<'_>, python: &Interpreter, on: bool) -> Response {
    let path = python.path.display().to_string();
    let title = format!("Python {}", python.version);
    let (label, tip) = if python.takes_packages() {
        ("Install ipykernel", "Installs ipykernel there and uses it for this notebook")
    } else {
        ("Make an environment", "Others share it: an environment is made from it instead")
    };
    let python = python.clone();
    two_lines(ui, cx, "package", (&title, &path), ("", Some(python.kind.word())), (on, false), |ui, cx| {
        if Btn::new(label).show(ui, cx.theme).on_hover_text(tip).clicked() {
            complete(cx, &python);
        }
    })
}

fn attach_ui(
    ui: &mut Ui,
    cx: &mut PageCx<'_>,
    kernel: &KernelSpec,
    running: &Running,
    (on, used): (bool, bool),
) -> Response {
    let title = format!("Attach to {}", running.title.as_deref().unwrap_or(&kernel.display_name));
    let when = running.last_activity.map(|at| format!(", used {}", time::when(at, cx.now))).unwrap_or_default();
    let seen = count(running.connections, "connection");
    let about = format!("{}, {}{when}, {seen}", kernel.display_name, running.state);
    let (url, id) = (kernel.remote.as_ref().map(|r| r.server.clone()).unwrap_or_default(), running.id.clone());
    two_lines(ui, cx, "plug", (&title, &about), ("", None), (on, used), |ui, cx| {
        if icon_button(ui, cx.theme, "power", "Stop this kernel").clicked() {
            cx.kernels(Command::Stop { url, kernel: id });
        }
    })
}

fn server_ui(ui: &mut Ui, cx: &mut PageCx<'_>, server: &Server, news: &ServerNews) -> Response {
    let theme = cx.theme;
    let shown = ui.horizontal(|ui| {
        ui.set_height(30.0);
        ui.add_space(12.0);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add_space(8.0);
            if icon_button(ui, theme, "trash-2", &format!("Forget the server {}", server.name)).clicked() {
                cx.kernels(Command::AskRemove(server.clone()));
            }
            if icon_button(ui, theme, "key", &format!("Another token for {}", server.name)).clicked() {
                cx.kernels(Command::Ask(Ask::Server { known: Some(server.clone()) }));
            }
            if icon_button(ui, theme, "refresh-cw", &format!("Ask {} again", server.name)).clicked() {
                cx.kernels(Command::LookAt(server.url.clone()));
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.label(theme.section(format!("Jupyter server {}", server.name)));
                let version =
                    news.result.as_ref().and_then(|r| r.as_ref().ok()).map(|l| format!(", version {}", l.version));
                let whose = if server.shared { ", in andon.toml" } else { "" };
                let about = format!("{}{}{whose}", server.url, version.unwrap_or_default());
                ui.add(Label::new(theme.faint(about)).truncate());
            });
        });
    });
    match &news.result {
        Some(Err(error)) => {
            egui::Frame::NONE.inner_margin(egui::Margin::symmetric(12, 6)).show(ui, |ui| {
                match error_box(ui, theme, error, &["Token\u{2026}", "Try again"]) {
                    Some(0) => cx.kernels(Command::Ask(Ask::Server { known: Some(server.clone()) })),
                    Some(_) => cx.kernels(Command::LookAt(server.url.clone())),
                    None => {}
                }
            });
        }
        None if news.looking => note(ui, cx, "Asking what it has"),
        _ => {}
    }
    shown.response
}

/// What was found and cannot be used.
fn problems_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    if let Some(error) = &cx.state.notebook.picker.problem {
        egui::Frame::NONE.inner_margin(egui::Margin::symmetric(12, 6)).show(ui, |ui| {
            if error_box(ui, theme, error, &["Look again"]).is_some() {
                cx.kernels(Command::LookAgain);
            }
        });
    }
    let Some(found) = cx.state.notebook.kernels.clone().filter(|f| !f.problems.is_empty()) else { return };
    ui.horizontal(|ui| {
        ui.set_height(26.0);
        ui.add_space(12.0);
        ui.label(theme.section("Cannot be used"));
    });
    for problem in &found.problems {
        ui.horizontal(|ui| {
            ui.set_height(24.0);
            ui.add_space(12.0);
            mark(ui, theme, Mark::Warning, 12.0);
            ui.add(Label::new(theme.faint(problem.as_str())).truncate()).on_hover_text(problem);
        });
    }
    ui.add_space(8.0);
}

fn foot_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc) {
    let theme = cx.theme;
    let untrusted = !cx.state.workspace.trusted;
    ui.horizontal(|ui| {
        ui.set_height(44.0);
        ui.add_space(12.0);
        if Btn::new("Create environment\u{2026}").icon("package").show(ui, theme).clicked() {
            cx.kernels(Command::Ask(Ask::Environment { base: None }));
        }
        if Btn::new("Jupyter server\u{2026}").icon("server").show(ui, theme).clicked() {
            cx.kernels(Command::Ask(Ask::Server { known: None }));
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add_space(12.0);
            let alive = doc.kernel.state.as_ref().is_some_and(|s| s.is_alive());
            if alive {
                if icon_button(ui, theme, "power", "Stop the kernel").clicked() {
                    cx.send(crate::app::shell::Command::CloseDialog);
                    cx.send(NotebookCommand::ShutdownKernel);
                }
                if icon_button(ui, theme, "rotate-cw", "Restart the session\u{2026}").clicked() {
                    cx.send(crate::app::shell::Command::CloseDialog);
                    cx.send(NotebookCommand::Restart);
                }
            } else if untrusted && link(ui, theme, "Trust this folder\u{2026}").clicked() {
                cx.send(workspace::Command::AskTrust(None));
            }
        });
    });
}
