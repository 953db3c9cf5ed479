//! The bar that goes to a line by its number.
use egui::{Frame, Id, Key, Margin, Modifiers, TextEdit, Ui};

use crate::{
    app::notebook::{Command, Doc, DocId, places},
    base::text::thousands,
    ui::{
        PageCx,
        theme::CONTROL,
        widgets::{Btn, icon_button},
    },
};

/// What the bar remembers.
#[derive(Debug, Default)]
pub struct Bar {
    of: Option<DocId>,
    text: String,
    first: bool,
}

impl Bar {
    /// Opens it.
    pub fn open(&mut self, doc: &Doc) {
        *self = Self { of: Some(doc.id), text: String::new(), first: true };
    }
}

/// `12` or `12:5`: a line and a column.
fn read(text: &str) -> Option<(usize, usize)> {
    let (line, column) = text.trim().split_once([':', ',']).unwrap_or((text.trim(), "1"));
    Some((line.trim().parse().ok().filter(|n| *n > 0)?, column.trim().parse().unwrap_or(1)))
}

/// Draws it while it is open.
pub fn bar_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc, bar: &mut Bar) {
    if bar.of != Some(doc.id) {
        return;
    }
    let Some(lines) = doc.editor().map(|e| e.buffer().lines()) else {
        bar.of = None;
        return;
    };
    let theme = cx.theme;
    let (mut go, mut close) = (false, ui.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Escape)));
    Frame::NONE.fill(theme.panel).inner_margin(Margin::symmetric(12, 5)).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal(|ui| {
            ui.set_min_height(24.0);
            let edit = TextEdit::singleline(&mut bar.text)
                .id(Id::unique("go-to-line"))
                .font(theme.mono(CONTROL))
                .hint_text(egui::RichText::new("Line").color(theme.faint))
                .margin(Margin::symmetric(8, 4))
                .desired_width(110.0);
            let response = ui.add(edit);
            response.widget_info(|| {
                let mut info = egui::WidgetInfo::text_edit(true, "", bar.text.as_str(), "Line");
                info.label = Some("Line to go to".to_owned());
                info
            });
            if std::mem::take(&mut bar.first) {
                response.request_focus();
            }
            go = response.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
            let wrong = read(&bar.text).is_none().then_some("Write the number of a line");
            go |= Btn::new("Go").disabled(wrong).show(ui, theme).clicked();
            ui.label(theme.small(format!("of {} lines; 12:5 is a line and a column", thousands(lines as u64))));
            close |= icon_button(ui, theme, "x", "Close (Esc)").clicked();
        });
    });
    ui.painter().hline(ui.max_rect().x_range(), ui.cursor().top(), theme.hairline());
    match read(&bar.text) {
        Some((line, column)) if go => {
            cx.send(Command::Place(places::Command::Line { line, column }));
            bar.of = None;
        }
        _ if go => bar.first = true,
        _ if close => {
            let (line, column) = doc.cursor;
            cx.send(Command::Place(places::Command::Line { line, column }));
            bar.of = None;
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_may_come_with_a_column() {
        assert_eq!(
            ["12", " 3:7 ", "4,2", "5:", "0", "x", ""].map(read),
            [Some((12, 1)), Some((3, 7)), Some((4, 2)), Some((5, 1)), None, None, None]
        );
    }
}
