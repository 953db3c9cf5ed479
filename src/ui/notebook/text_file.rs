//! A text file of the workspace: SQL, Python, TOML, Markdown.
use egui::{Frame, Id, Margin, ScrollArea, Ui};

use super::View;
use crate::{
    app::notebook::{Command, Doc, doc::TextDoc},
    ui::{
        PageCx,
        theme::MONO,
        widgets::{Btn, highlight, toolbar},
    },
};

/// Draws it.
pub fn text_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc, text: &TextDoc, view: &mut View) {
    let theme = cx.theme;
    toolbar(ui, theme, |ui| {
        let clean = (!doc.is_dirty()).then_some("Nothing has changed");
        if Btn::new("Save").icon("save").key("Ctrl S").disabled(clean).show(ui, theme).clicked() {
            cx.send(Command::Save);
        }
        ui.label(theme.faint(doc.path.as_str()));
    });
    let language = doc.path.rsplit('.').next().and_then(highlight::grammar);
    let colours = view.file_colours.entry(doc.id).or_default();
    let id = Id::unique(("text-file", doc.id));
    let mut buffer = text.text.clone();
    ScrollArea::both().id_salt(("text", doc.id)).auto_shrink(false).show(ui, |ui| {
        Frame::NONE.inner_margin(Margin::symmetric(16, 8)).show(ui, |ui| {
            let mut layouter = |ui: &Ui, text: &dyn egui::TextBuffer, _: f32| {
                colours.update(ui, language, text.as_str());
                colours.galley(ui, theme, f32::INFINITY)
            };
            let output = egui::TextEdit::multiline(&mut buffer)
                .id(id)
                .font(theme.mono(MONO))
                .frame(Frame::NONE)
                .lock_focus(true)
                .desired_width(f32::INFINITY)
                .desired_rows(24)
                .layouter(&mut layouter)
                .show(ui);
            let response = output.response.response.clone();
            let name = format!("Text of {}", doc.title());
            response.widget_info(|| {
                let mut info = egui::WidgetInfo::text_edit(true, "", "", "");
                info.label = Some(name.clone());
                info
            });
            if let Some(range) = output.cursor_range {
                let before: String = text.text.chars().take(range.primary.index.0).collect();
                let line = before.matches('\n').count() + 1;
                let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
                if doc.cursor != (line, column) {
                    cx.send(Command::Cursor { line, column });
                }
            }
            if response.changed() {
                cx.send(Command::TypeFile { doc: doc.id, text: buffer.clone() });
            }
        });
    });
}
