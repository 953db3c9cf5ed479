//! The right side: results by name, what waits to run, facts of the selected cell.
use egui::{Align, Layout, ScrollArea, Ui};

use super::mark_of;
use crate::{
    app::notebook::{CellState, Command, Doc, Scope, doc::VariableOrder},
    base::{
        text::{bytes, count, shorten, thousands},
        time::{duration_ms, hhmm},
    },
    model::notebook::{Cell, CellKey, CellKind},
    ui::{
        PageCx,
        theme::{CONTROL, Theme},
        widgets::{Row, hair_x, icon_button, link, mark, section_head, tag, text_field},
    },
};

/// Draws it.
pub fn inspector_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut super::View) {
    let Some(doc) = cx.state.notebook.doc() else { return };
    if let Some(memory) = doc.memory {
        egui::Panel::bottom(egui::Id::unique("notebook-memory"))
            .frame(egui::Frame::NONE.fill(cx.theme.panel))
            .show_separator_line(false)
            .show(ui, |ui| memory_ui(ui, cx, memory));
    }
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        super::tested::section_ui(ui, cx, doc);
        plan_ui(ui, cx, doc);
        variables_ui(ui, cx, doc);
        queue_ui(ui, cx, doc);
        if let Some(cell) = doc.cell() {
            facts_ui(ui, cx, doc, cell);
            commit_ui(ui, cx, doc);
            super::metadata::files_ui(ui, cx, doc, view);
            super::metadata::metadata_ui(ui, cx, doc, view);
        }
        notes_ui(ui, cx, doc);
    });
}

/// Memory of the kernel's process, at the foot of the panel.
fn memory_ui(ui: &mut Ui, cx: &PageCx<'_>, memory: u64) {
    hair_x(ui, cx.theme);
    ui.horizontal(|ui| {
        ui.set_height(31.0);
        ui.add_space(12.0);
        ui.label(cx.theme.icon("memory-stick", 14.0));
        ui.label(cx.theme.muted(format!("Kernel {}", bytes(memory))));
    });
}

fn variables_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc) {
    let theme = cx.theme;
    section_head(ui, theme, "Variables", "", |ui| {
        if doc.variables.len() > 1 {
            let (word, next) = order_word(doc.variable_order);
            if link(ui, theme, word).on_hover_text("Lists them in another order").clicked() {
                cx.send(Command::SortVariables(next));
            }
        }
        let after = doc.last_count;
        if after > 0 && !doc.variables.is_empty() {
            ui.label(theme.faint(format!("after [{after}]")));
        } else if !doc.kept.is_empty() {
            ui.label(theme.faint("results kept by name"));
        }
    });
    if doc.kept.is_empty() && doc.variables.is_empty() {
        let language = doc.kernel.spec.as_ref().map(|s| s.language.clone()).filter(|l| l != "python");
        let foreign =
            language.map(|l| format!("Names of a kernel for {l} cannot be read from outside: ask it in a cell"));
        let words = if let Some(words) = &foreign {
            words
        } else if doc.kernel.spec.is_some() || !doc.only_sql() {
            "The kernel's names stand here once a cell has run"
        } else {
            "A cell that starts with %%sql name << keeps its result here"
        };
        ui.horizontal(|ui| {
            ui.add_space(12.0);
            ui.add(egui::Label::new(theme.small(words)).wrap());
        });
        ui.add_space(4.0);
    }
    if doc.variables.len() > MANY || !doc.variable_filter.is_empty() {
        ui.horizontal(|ui| {
            ui.set_height(30.0);
            ui.add_space(12.0);
            let (mut text, width) = (doc.variable_filter.clone(), ui.available_width() - 12.0);
            if text_field(ui, theme, &mut text, "Filter the variables", "Name or type", width).changed() {
                cx.send(Command::FilterVariables(text));
            }
        });
    }
    for kept in &doc.kept {
        let size = format!("{} \u{d7} {}", thousands(kept.rows), kept.columns);
        let row = Line {
            name: &kept.name,
            kind: "SQL result",
            size: &size,
            bytes: None,
            about: "Kept by this name",
            opens: false,
        };
        if row.show(ui, theme).clicked() {
            cx.send(Command::Select(kept.key));
        }
    }
    let listed = doc.listed_variables();
    if listed.is_empty() && !doc.variables.is_empty() && !doc.variable_filter.is_empty() {
        note_ui(ui, theme, "No variable has this in its name or type");
    }
    for variable in listed {
        let at = definer(doc, &variable.name);
        let mut about = variable.preview.clone();
        if variable.frame {
            let made = at.map(|k| format!(", made in cell {}", number_of(doc, k))).unwrap_or_default();
            about = format!("{about}\nOpens as a table{made}");
        }
        let (size, about) = (variable.size.as_str(), about.trim());
        let (bytes, opens) = (variable.bytes, variable.frame);
        let row = Line { name: &variable.name, kind: &variable.kind, size, bytes, about, opens };
        if !row.show(ui, theme).clicked() {
            continue;
        }
        match at {
            _ if variable.frame => cx.send(Command::OpenVariable(variable.name.clone())),
            Some(key) => cx.send(Command::Select(key)),
            None => {}
        }
    }
    if doc.more_variables > 0 {
        note_ui(ui, theme, &format!("{} are not listed", count(doc.more_variables, "name")));
    }
}

/// From here on a list needs a filter.
const MANY: usize = 8;

fn note_ui(ui: &mut Ui, theme: &Theme, words: &str) {
    ui.horizontal(|ui| {
        ui.add_space(12.0);
        ui.add(egui::Label::new(theme.small(words)).wrap());
    });
}

/// How they are listed, and what comes next.
fn order_word(order: VariableOrder) -> (&'static str, VariableOrder) {
    match order {
        VariableOrder::Made => ("in order", VariableOrder::Name),
        VariableOrder::Name => ("by name", VariableOrder::Kind),
        VariableOrder::Kind => ("by type", VariableOrder::Memory),
        VariableOrder::Memory => ("by memory", VariableOrder::Made),
    }
}

/// The plan of a query, as the engine has made it.
fn plan_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc) {
    let Some((key, plan)) = &doc.plan else { return };
    let theme = cx.theme;
    section_head(ui, theme, &format!("Plan of cell {}", number_of(doc, *key)), "", |ui| {
        if icon_button(ui, theme, "x", "Close the plan").clicked() {
            cx.send(Command::ShowPlan(None));
        }
    });
    match plan {
        Err(error) => note_ui(ui, theme, &error.to_string()),
        Ok(text) => {
            let outer = egui::Margin { left: 12, right: 12, top: 0, bottom: 8 };
            egui::Frame::NONE.outer_margin(outer).inner_margin(6).corner_radius(4).fill(theme.bg).show(ui, |ui| {
                ui.set_width(ui.available_width());
                ScrollArea::both().id_salt("query-plan").max_height(260.0).auto_shrink([false, true]).show(ui, |ui| {
                    let text = egui::RichText::new(text.as_str()).font(theme.mono(11.5)).color(theme.text);
                    ui.add(egui::Label::new(text).extend().selectable(true));
                });
            });
        }
    }
}

/// The last cell that defines a name.
fn definer(doc: &Doc, name: &str) -> Option<CellKey> {
    let defines = |c: &&std::sync::Arc<Cell>| doc.names(c.key).is_some_and(|n| n.defines.iter().any(|d| d == name));
    doc.cells().iter().rev().find(defines).map(|c| c.key)
}

/// One name: what it is, how large, what it holds.
struct Line<'a> {
    name: &'a str,
    kind: &'a str,
    size: &'a str,
    bytes: Option<u64>,
    about: &'a str,
    /// A click opens it as a table.
    opens: bool,
}

impl Line<'_> {
    fn show(&self, ui: &mut Ui, theme: &Theme) -> egui::Response {
        let name = format!("{}, {} {}", self.name, self.kind, self.size);
        let shown = Row::new(&name).rule(true).show(ui, theme, |ui| {
            let full = ui.max_rect();
            let mut cell = |from: f32, to: f32, right: bool, text: egui::RichText| {
                let rect = egui::Rect::from_min_max(
                    egui::pos2(full.left() + full.width() * from, full.top()),
                    egui::pos2(full.left() + full.width() * to - 4.0, full.bottom()),
                );
                let layout =
                    if right { Layout::right_to_left(Align::Center) } else { Layout::left_to_right(Align::Center) };
                let mut ui = ui.new_child(egui::UiBuilder::new().max_rect(rect).layout(layout));
                ui.set_clip_rect(rect.expand2(egui::vec2(3.0, 0.0)).intersect(ui.clip_rect()));
                ui.add(egui::Label::new(text).truncate());
            };
            let ink = if self.opens { theme.accent } else { theme.text };
            cell(0.0, 0.34, false, egui::RichText::new(self.name).font(theme.mono(CONTROL)).color(ink));
            cell(0.34, 0.58, false, theme.small(self.kind));
            // A plain value says more than its size, which it has not.
            if self.size.is_empty() {
                let value = egui::RichText::new(shorten(self.about, 40)).font(theme.mono(CONTROL)).color(theme.muted);
                cell(0.58, 1.0, true, value);
                return;
            }
            cell(0.58, 0.82, true, theme.small(self.size));
            cell(0.82, 1.02, true, theme.faint(self.bytes.map(bytes).unwrap_or_default()));
        });
        if self.about.is_empty() { shown } else { shown.on_hover_text(self.about) }
    }
}

fn number_of(doc: &Doc, key: CellKey) -> usize {
    doc.notebook().and_then(|n| n.index_of(key)).unwrap_or(0) + 1
}

/// What a cell is about, in a few words: what it defines, else its first line.
fn about(doc: &Doc, cell: &Cell) -> String {
    if let Some(names) = doc.names(cell.key).filter(|n| !n.defines.is_empty()) {
        return shorten(&names.defines.join(", "), 28);
    }
    let line = cell.source.lines().find(|l| !l.trim().is_empty() && !l.starts_with('%')).unwrap_or_default();
    shorten(line.trim(), 28)
}

fn queue_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc) {
    let theme = cx.theme;
    let waiting: Vec<CellKey> = doc.running.iter().map(|r| r.key).chain(doc.queue.iter().copied()).collect();
    let stale: &[CellKey] = if waiting.is_empty() { doc.stale() } else { &[] };
    ui.add_space(8.0);
    let label = format!("Run {} stale", stale.len());
    section_head(ui, theme, "Run queue", "", |ui| {
        if !stale.is_empty() && link(ui, theme, &label).clicked() {
            cx.send(Command::Run(Scope::Stale));
        }
    });
    if waiting.is_empty() && stale.is_empty() {
        ui.horizontal(|ui| {
            ui.add_space(12.0);
            ui.label(theme.small("Nothing waits and nothing is out of date"));
        });
        return;
    }
    for key in waiting.iter().chain(stale).take(30) {
        let Some(cell) = doc.notebook().and_then(|n| n.cell(*key)) else { continue };
        let state = doc.state_of(*key);
        let name = format!("Cell {}, {}", number_of(doc, *key), state.word());
        let shown = Row::new(&name).show(ui, theme, |ui| {
            if let Some(shape) = mark_of(state) {
                mark(ui, theme, shape, 12.0);
            }
            ui.label(
                egui::RichText::new(number_of(doc, *key).to_string()).font(theme.mono(CONTROL)).color(theme.faint),
            );
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let word = match state {
                    CellState::Edited => "edited".to_owned(),
                    CellState::Stale(n) => format!("uses cell {n}"),
                    other => other.word().to_lowercase(),
                };
                ui.label(theme.small(word));
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    ui.add(egui::Label::new(theme.body(about(doc, cell))).truncate());
                });
            });
        });
        if shown.clicked() {
            cx.send(Command::Select(*key));
        }
    }
}

fn fact(ui: &mut Ui, cx: &PageCx<'_>, label: &str, contents: impl FnOnce(&mut Ui)) {
    ui.horizontal(|ui| {
        ui.set_height(24.0);
        ui.add_space(12.0);
        ui.allocate_ui_with_layout(egui::vec2(88.0, 24.0), Layout::left_to_right(Align::Center), |ui| {
            ui.set_min_width(88.0);
            ui.label(cx.theme.muted(label));
        });
        let room = egui::vec2((ui.available_width() - 12.0).max(0.0), 24.0);
        ui.allocate_ui_with_layout(room, Layout::left_to_right(Align::Center), contents);
    });
}

fn facts_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc, cell: &Cell) {
    let theme = cx.theme;
    ui.add_space(8.0);
    section_head(ui, theme, &format!("Cell {}", doc.index() + 1), "", |_| {});
    if cell.kind == CellKind::Code {
        let run = match doc.runs.get(&cell.key) {
            Some(run) => match run.ms {
                Some(ms) => format!("{}, {}", hhmm(run.started), duration_ms(ms)),
                None => format!("since {}", hhmm(run.started)),
            },
            None => "not in this session".to_owned(),
        };
        fact(ui, cx, "Last run", |ui| {
            ui.label(theme.body(run));
        });
        if let Some(names) = doc.names(cell.key) {
            for (label, all) in [("Defines", &names.defines), ("Uses", &names.uses)] {
                if !all.is_empty() {
                    let text = egui::RichText::new(all.join(", ")).font(theme.mono(CONTROL)).color(theme.text);
                    fact(ui, cx, label, |ui| {
                        ui.add(egui::Label::new(text).truncate());
                    });
                }
            }
        }
    }
    let lines = cell.source.lines().count() as u64;
    fact(ui, cx, "Length", |ui| {
        ui.label(theme.body(count(lines, "line")));
    });
    let tags = cell.tags();
    if !tags.is_empty() {
        fact(ui, cx, "Tags", |ui| {
            for name in tags.iter().take(3) {
                tag(ui, theme, name);
            }
        });
    }
    if let Some(id) = &cell.id {
        let id = shorten(id, 24);
        fact(ui, cx, "Id", |ui| {
            ui.label(egui::RichText::new(id).font(theme.mono(CONTROL)).color(theme.muted));
        });
    }
}

/// What differs from the last commit, and the ways back to it.
fn commit_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc) {
    let state = cx.state;
    let file = state.git.status.file(&doc.path);
    if !state.workspace.is_repo || !state.git.loaded || (file.is_none() && !doc.is_dirty()) {
        return;
    }
    let theme = cx.theme;
    let fresh = file.is_some_and(|f| f.untracked);
    ui.add_space(8.0);
    section_head(ui, theme, "Since the last commit", "", |ui| {
        if link(ui, theme, "Compare").clicked() {
            cx.send(Command::Compare);
        }
    });
    if fresh {
        fact(ui, cx, "Notebook", |ui| {
            ui.label(theme.body("new, not committed yet"));
        });
        return;
    }
    let rows = [
        (
            "This cell",
            "Discard its changes",
            "As the last commit has it; Undo brings the changes back",
            Command::RevertCell,
        ),
        ("Notebook", "Discard all changes", "The whole file as the last commit has it, with undo", Command::RevertFile),
    ];
    for (label, words, tip, command) in rows {
        let mut clicked = false;
        fact(ui, cx, label, |ui| clicked = link(ui, theme, words).on_hover_text(tip).clicked());
        if clicked {
            cx.send(command);
        }
    }
}

/// What is odd about the file.
fn notes_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc) {
    let Some(notes) = doc.notebook().map(|n| n.notes()).filter(|n| !n.is_empty()) else { return };
    ui.add_space(8.0);
    section_head(ui, cx.theme, "About the file", "", |_| {});
    for note in notes {
        ui.horizontal(|ui| {
            ui.add_space(12.0);
            ui.add(egui::Label::new(cx.theme.small(note.as_str())).wrap());
        });
        ui.add_space(4.0);
    }
}
