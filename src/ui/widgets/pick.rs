//! The field over a list that is narrowed down by typing; the keyboard stays in it and walks the rows below.
use egui::{Align, Id, Key, Layout, Modifiers, Ui};

use super::hair_x;
use crate::ui::theme::Theme;

/// The field of one list.
#[derive(Debug, Clone, Copy)]
pub struct PickField<'a> {
    pub id: &'static str,
    /// What to do here, which is also its name.
    pub hint: &'a str,
    /// Rows that can be chosen now.
    pub rows: usize,
    /// Drawn for the first time: it takes the keyboard.
    pub fresh: bool,
}

/// What its keys did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picked {
    /// Another row is in front, and is to be scrolled to.
    pub moved: bool,
    /// The row in front was taken.
    pub enter: bool,
}

impl PickField<'_> {
    /// Draws it with `right` at its end. `selected` is the row in front: typing goes back to the first.
    pub fn show(
        self,
        ui: &mut Ui,
        theme: &Theme,
        text: &mut String,
        selected: &mut usize,
        right: impl FnOnce(&mut Ui),
    ) -> Picked {
        // Before the field sees them.
        let taken = |key| ui.input_mut(|i| i.consume_key(Modifiers::NONE, key));
        let (down, up, enter) = (taken(Key::ArrowDown), taken(Key::ArrowUp), taken(Key::Enter));
        let last = self.rows.saturating_sub(1);
        *selected = (*selected).min(last);
        if down {
            *selected = if *selected == last { 0 } else { *selected + 1 };
        }
        if up {
            *selected = selected.checked_sub(1).unwrap_or(last);
        }
        ui.horizontal(|ui| {
            ui.set_height(36.0);
            ui.add_space(12.0);
            ui.label(theme.icon("search", 14.0));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.add_space(8.0);
                right(ui);
                let edit = egui::TextEdit::singleline(text)
                    .id(Id::unique(self.id))
                    .font(theme.font(13.0))
                    .frame(egui::Frame::NONE)
                    .align(egui::Align2::LEFT_CENTER)
                    .hint_text(egui::RichText::new(self.hint).color(theme.faint))
                    .desired_width(ui.available_width());
                let response = ui.add(edit);
                response.widget_info(|| {
                    let mut info = egui::WidgetInfo::text_edit(true, "", text.as_str(), self.hint);
                    info.label = Some(self.hint.to_owned());
                    info
                });
                if response.changed() {
                    *selected = 0;
                }
                if self.fresh {
                    response.request_focus();
                }
            });
        });
        hair_x(ui, theme);
        Picked { moved: down || up, enter }
    }
}
