//! The right side: results by name, what waits to run, facts of the selected cell.
use egui::{Align, Layout, ScrollArea, Ui};

use super::mark_of;
use crate::{
    app::notebook::{CellState, Command, Doc, Scope},
    base::{
        text::{count, shorten, thousands},
        time::{duration_ms, hhmm},
    },
    model::notebook::{Cell, CellKey, CellKind},
    ui::{
        PageCx,
        theme::CONTROL,
        widgets::{Row, link, mark, section_head, tag},
    },
};

/// Draws it.
pub fn inspector_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let Some(doc) = cx.state.notebook.doc() else { return };
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        variables_ui(ui, cx, doc);
        queue_ui(ui, cx, doc);
        if let Some(cell) = doc.cell() {
            facts_ui(ui, cx, doc, cell);
        }
        notes_ui(ui, cx, doc);
    });
}

fn variables_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc) {
    let theme = cx.theme;
    section_head(ui, theme, "Variables", "", |ui| {
        if !doc.kept.is_empty() {
            ui.label(theme.faint("results kept by name"));
        }
    });
    if doc.kept.is_empty() {
        ui.horizontal(|ui| {
            ui.add_space(12.0);
            ui.add(egui::Label::new(theme.small("A cell that starts with %%sql name << keeps its result here")).wrap());
        });
        ui.add_space(4.0);
    }
    for kept in &doc.kept {
        let shown = Row::new(&kept.name).rule(true).show(ui, theme, |ui| {
            ui.label(egui::RichText::new(shorten(&kept.name, 20)).font(theme.mono(CONTROL)).color(theme.text));
            ui.label(theme.small("table"));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.label(theme.small(format!("{} \u{d7} {}", thousands(kept.rows), kept.columns)));
            });
        });
        if shown.clicked() {
            cx.send(Command::Select(kept.key));
        }
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
    let stale = if waiting.is_empty() { doc.stale() } else { Vec::new() };
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
    for key in waiting.iter().chain(&stale).take(30) {
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
        contents(ui);
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
