//! Rows of lists, keys and one-line fields.
use egui::{Align, Layout, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui, UiBuilder, WidgetInfo, vec2};

use crate::ui::theme::{CONTROL, Theme};

/// A full-width clickable row: `Row::new("run 412").height(24.0).selected(true).show(ui, theme, |ui| ..)`.
/// Its contents are laid out from left to right, centred.
#[derive(Debug, Clone)]
pub struct Row<'a> {
    name: &'a str,
    height: f32,
    padding: f32,
    selected: bool,
    soft: bool,
    accent: bool,
    rule: bool,
}

impl<'a> Row<'a> {
    /// A row with this accessible name.
    pub fn new(name: &'a str) -> Self {
        Self { name, height: 24.0, padding: 12.0, selected: false, soft: false, accent: false, rule: false }
    }
    /// Height: 24 lists, 28 with a button, 36 tables of things, 44 two lines, 60 Home.
    #[must_use]
    pub fn height(mut self, height: f32) -> Self {
        self.height = height;
        self
    }
    /// Space left and right of the contents.
    #[must_use]
    pub fn padding(mut self, padding: f32) -> Self {
        self.padding = padding;
        self
    }
    /// Selected in its list.
    #[must_use]
    pub fn selected(mut self, selected: bool) -> Self {
        self.selected = selected;
        self
    }
    /// The softer selection: focused row of Home and tables.
    #[must_use]
    pub fn soft(mut self, soft: bool) -> Self {
        self.soft = soft;
        self
    }
    /// 2 px accent bar at the left edge.
    #[must_use]
    pub fn accent(mut self, accent: bool) -> Self {
        self.accent = accent;
        self
    }
    /// Hairline below.
    #[must_use]
    pub fn rule(mut self, rule: bool) -> Self {
        self.rule = rule;
        self
    }

    /// Draws it; buttons inside keep their own clicks.
    pub fn show(self, ui: &mut Ui, theme: &Theme, contents: impl FnOnce(&mut Ui)) -> Response {
        let width = ui.available_width();
        let (rect, response) = ui.allocate_exact_size(vec2(width, self.height), Sense::click());
        let selected = self.selected || self.soft;
        response.widget_info(|| WidgetInfo::selected(Role::ListItem, true, selected, self.name));
        if !ui.is_rect_visible(rect) {
            return response;
        }
        let fill = if self.selected {
            Some(theme.sel)
        } else if self.soft {
            Some(theme.selsoft)
        } else if response.contains_pointer() && above_edge(ui, rect) {
            Some(theme.hover)
        } else {
            None
        };
        if let Some(fill) = fill {
            ui.painter().rect_filled(rect, 0.0, fill);
        }
        if self.accent {
            let bar = Rect::from_min_size(rect.min, vec2(2.0, rect.height()));
            ui.painter().rect_filled(bar, 0.0, theme.accent);
        }
        if self.rule {
            ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, theme.hairline());
        }
        if response.has_focus() {
            ui.painter().rect_stroke(rect, 0.0, Stroke::new(2.0, theme.focus), StrokeKind::Inside);
        }
        let inner = rect.shrink2(vec2(self.padding, 0.0));
        let mut child = ui.new_child(UiBuilder::new().max_rect(inner).layout(Layout::left_to_right(Align::Center)));
        child.set_clip_rect(rect.intersect(ui.clip_rect()));
        child.spacing_mut().item_spacing.x = 8.0;
        contents(&mut child);
        response
    }
}

/// False on the lower edge, which belongs to the next row as well: only one of the two is lit.
fn above_edge(ui: &Ui, rect: Rect) -> bool {
    ui.input(|i| i.pointer.latest_pos()).is_none_or(|p| p.y < rect.bottom())
}

/// A navigator row: icon, label, note at the right; indented by level.
pub fn nav_row(
    ui: &mut Ui,
    theme: &Theme,
    icon: &str,
    label: &str,
    note: &str,
    level: usize,
    selected: bool,
) -> Response {
    Row::new(label).selected(selected).show(ui, theme, |ui| {
        ui.add_space(12.0 * level as f32);
        ui.label(theme.icon(icon, 14.0));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if !note.is_empty() {
                ui.label(theme.faint(note));
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add(egui::Label::new(theme.body(label)).truncate());
            });
        });
    })
}

/// A key as it stands on the keyboard.
pub fn kbd(ui: &mut Ui, theme: &Theme, key: &str) {
    let galley = ui.painter().layout_no_wrap(key.to_owned(), theme.mono(10.5), theme.muted);
    let (rect, _) = ui.allocate_exact_size(galley.size() + vec2(8.0, 2.0), Sense::hover());
    // Seen on every ground it stands on: the hairline is lost on a dialog.
    let edge = Stroke::new(1.0, theme.fade(theme.border, 0.7));
    ui.painter().rect_stroke(rect, 3.0, edge, StrokeKind::Inside);
    ui.painter().galley(rect.center() - galley.size() * 0.5, galley, theme.muted);
}

/// A one-line field 24 high. `name` is its accessible name, `hint` greyed inside while empty.
pub fn text_field(ui: &mut Ui, theme: &Theme, text: &mut String, name: &str, hint: &str, width: f32) -> Response {
    let response = field(ui, theme, text, (hint, false), width);
    response.widget_info(|| {
        let mut info = WidgetInfo::text_edit(true, "", text.as_str(), hint);
        info.label = Some(name.to_owned());
        info
    });
    response
}

/// The same for what nobody may read: neither from the screen nor from what a screen reader is told.
pub fn secret_field(ui: &mut Ui, theme: &Theme, text: &mut String, name: &str, width: f32) -> Response {
    let response = field(ui, theme, text, ("", true), width);
    response.widget_info(|| {
        let mut info = WidgetInfo::text_edit(true, "", "", "");
        info.label = Some(name.to_owned());
        info
    });
    response
}

fn field(ui: &mut Ui, theme: &Theme, text: &mut String, (hint, secret): (&str, bool), width: f32) -> Response {
    let edit = egui::TextEdit::singleline(text)
        .password(secret)
        .font(theme.font(CONTROL))
        .hint_text(egui::RichText::new(hint).color(theme.faint))
        .desired_width(width)
        .margin(egui::Margin::symmetric(8, 3))
        .background_color(theme.bg);
    let frame = ui.scope(|ui| {
        let v = &mut ui.visuals_mut().widgets;
        v.inactive.bg_stroke = Stroke::new(1.0, theme.border);
        v.hovered.bg_stroke = Stroke::new(1.0, theme.border);
        ui.visuals_mut().selection.stroke = Stroke::new(2.0, theme.focus);
        ui.add(edit)
    });
    frame.inner
}
