//! The SQL of the table: coloured, editable, run with Ctrl+Enter.
use egui::{Id, Ui};

use crate::{
    app::data::{Command, Tab},
    base::time::duration_ms,
    model::editor::{Act, Document, Language},
    ui::{
        PageCx,
        editor::{CodeEditor, EditorView, Height},
        theme::{MONO, Theme},
        widgets::{Btn, hair_x},
    },
};

/// The text being edited and the query it started from.
#[derive(Debug, Default)]
pub struct Draft {
    document: Document,
    base: String,
    view: EditorView,
}

impl Draft {
    fn text(&self) -> String {
        self.document.editor.buffer().to_string()
    }
    /// Another text, which undo takes back.
    fn put(&mut self, text: &str) {
        self.document.act(&Act::SetText(text.to_owned()), 0);
    }
}

/// Rows shown at most; longer queries are scrolled.
const ROWS: usize = 8;

/// How high the query is drawn: it grows with its text.
fn text_rows(ui: &Ui, theme: &Theme, draft: &Draft, width: f32) -> f32 {
    let advance = ui.fonts_mut(|f| f.glyph_width(&theme.mono(MONO), '0'));
    let columns = (width / advance).max(8.0) as usize;
    let buffer = draft.document.editor.buffer();
    let rows = |l: usize| buffer.line_cut(l, 2_000).0.chars().count().div_ceil(columns).max(1);
    let rows: usize = (0..buffer.lines().min(ROWS + 1)).map(rows).sum();
    rows.clamp(2, ROWS) as f32 * 18.0
}

/// The editor of the query; true when it is to be run.
fn edit_ui(ui: &mut Ui, theme: &Theme, draft: &mut Draft, tab: &Tab, height: f32) -> bool {
    let id = Id::unique(("data-sql", tab.id));
    let run = ui.memory(|m| m.has_focus(id)) && crate::ui::keys::hit(ui, &crate::app::keymap::data::RUN).is_some();
    let now = (ui.input(|i| i.time) * 1000.0) as i64;
    let mut editor = draft.document.editor.clone();
    let output = CodeEditor { height: Height::Fixed(height), ..CodeEditor::new(id, "Query") }.show(
        ui,
        theme,
        &mut editor,
        &mut draft.view,
    );
    for act in &output.done.acts {
        draft.document.act(act, now);
    }
    if output.done.undo {
        draft.document.undo();
    }
    if output.done.redo {
        draft.document.redo();
    }
    if output.done.undo || output.done.redo {
        ui.ctx().request_repaint();
    }
    if output.done.leave {
        ui.memory_mut(|m| m.surrender_focus(id));
    }
    run
}

/// The bar below the chips.
pub(super) fn query_ui(ui: &mut Ui, cx: &mut PageCx<'_>, draft: &mut Draft, tab: &Tab) {
    let theme = cx.theme;
    // A change of the steps shows in the text; what is being typed wins until it is run or put back.
    if draft.base != tab.sql {
        if draft.base.is_empty() {
            draft.document = Document::new(&tab.sql, Language::named("sql"));
        } else {
            draft.put(&tab.sql);
        }
        draft.base.clone_from(&tab.sql);
    }
    let edited = draft.text().trim() != tab.sql.trim();
    let mut run = false;
    let frame = egui::Frame::NONE.fill(theme.bg).inner_margin(egui::Margin { left: 12, right: 12, top: 6, bottom: 6 });
    frame.show(ui, |ui| {
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = 8.0;
            ui.vertical(|ui| {
                ui.add_space(2.0);
                ui.label(egui::RichText::new("SQL").font(theme.mono(11.5)).color(theme.faint));
            });
            let side = if edited { 210.0 } else { 170.0 };
            let width = (ui.available_width() - side).max(120.0);
            let rows = text_rows(ui, theme, draft, width);
            ui.allocate_ui(egui::vec2(width, rows), |ui| {
                ui.set_max_width(width);
                run |= edit_ui(ui, theme, draft, tab, rows);
            });
            let rest = egui::vec2(ui.available_width(), 24.0);
            ui.allocate_ui_with_layout(rest, egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if tab.loading {
                    if Btn::new("Stop").icon("square").show(ui, theme).clicked() {
                        cx.send(Command::Stop(tab.id));
                    }
                } else {
                    run |= Btn::new("Run").icon("play").key("Ctrl Enter").show(ui, theme).clicked();
                }
                if edited && Btn::new("").icon("undo-2").quiet().name("Put the query back").show(ui, theme).clicked() {
                    draft.put(&tab.sql);
                }
                if let Some(ms) = tab.elapsed_ms.filter(|_| !edited && !tab.loading) {
                    ui.label(theme.faint(duration_ms(ms)));
                }
            });
        });
    });
    hair_x(ui, theme);
    if run {
        cx.send(Command::RunSql { tab: tab.id, sql: draft.text() });
    }
}
