//! Buttons, links, segmented switches.
use egui::{Align2, CornerRadius, Response, Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, vec2};

use crate::ui::theme::{CONTROL, Theme, icon, mix};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Face {
    Normal,
    Primary,
    Quiet,
    Destructive,
}

/// A button 24 high: `Btn::new("Run").icon("play").key("Shift Enter").show(ui, theme)`.
#[derive(Debug, Clone)]
pub struct Btn<'a> {
    label: &'a str,
    icon: Option<&'a str>,
    key: &'a str,
    face: Face,
    on: bool,
    disabled: Option<&'a str>,
    name: Option<&'a str>,
    height: f32,
}

impl<'a> Btn<'a> {
    /// A normal button.
    pub fn new(label: &'a str) -> Self {
        Self { label, icon: None, key: "", face: Face::Normal, on: false, disabled: None, name: None, height: 24.0 }
    }
    /// The one filled button of a page.
    #[must_use]
    pub fn primary(mut self) -> Self {
        self.face = Face::Primary;
        self
    }
    /// Without a face until hovered.
    #[must_use]
    pub fn quiet(mut self) -> Self {
        self.face = Face::Quiet;
        self
    }
    /// Red words: deletes or discards.
    #[must_use]
    pub fn destructive(mut self) -> Self {
        self.face = Face::Destructive;
        self
    }
    /// Icon before the label.
    #[must_use]
    pub fn icon(mut self, icon: &'a str) -> Self {
        self.icon = Some(icon);
        self
    }
    /// Key printed behind the label.
    #[must_use]
    pub fn key(mut self, key: &'a str) -> Self {
        self.key = key;
        self
    }
    /// Pressed in.
    #[must_use]
    pub fn on(mut self, on: bool) -> Self {
        self.on = on;
        self
    }
    /// Greyed with this reason as its tooltip, when there is one.
    #[must_use]
    pub fn disabled(mut self, reason: Option<&'a str>) -> Self {
        self.disabled = reason;
        self
    }
    /// Accessible name where the label says too little.
    #[must_use]
    pub fn name(mut self, name: &'a str) -> Self {
        self.name = Some(name);
        self
    }
    /// Another height; dialogs and the start page use 32.
    #[must_use]
    pub fn height(mut self, height: f32) -> Self {
        self.height = height;
        self
    }

    /// Draws it. `clicked()` is never true while disabled.
    pub fn show(self, ui: &mut Ui, theme: &Theme) -> Response {
        let font = if self.face == Face::Primary { theme.semibold(CONTROL) } else { theme.medium(CONTROL) };
        let label = ui.painter().layout_no_wrap(self.label.to_owned(), font, egui::Color32::PLACEHOLDER);
        let key = (!self.key.is_empty())
            .then(|| ui.painter().layout_no_wrap(self.key.to_owned(), theme.mono(10.5), egui::Color32::PLACEHOLDER));
        let icon_only = self.label.is_empty();
        let mut width = if icon_only { self.height } else { label.size().x + 16.0 };
        if self.icon.is_some() && !icon_only {
            width += 20.0;
        }
        if let Some(key) = &key {
            width += key.size().x + 16.0;
        }
        let sense = if self.disabled.is_some() { Sense::hover() } else { Sense::click() };
        let (rect, response) = ui.allocate_exact_size(vec2(width, self.height), sense);
        let name = self.name.unwrap_or(if icon_only { self.icon.unwrap_or("button") } else { self.label });
        let enabled = self.disabled.is_none();
        response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, name));
        if ui.is_rect_visible(rect) {
            let (fill, line, text) = self.colours(theme, &response);
            let painter = ui.painter();
            painter.rect(rect, CornerRadius::same(4), fill, Stroke::new(1.0, line), StrokeKind::Inside);
            if response.has_focus() {
                painter.rect_stroke(
                    rect.expand(2.0),
                    CornerRadius::same(6),
                    Stroke::new(2.0, theme.focus),
                    StrokeKind::Inside,
                );
            }
            let mut x = rect.left() + 8.0;
            if let Some(name) = self.icon {
                let at = if icon_only { rect.center() } else { egui::pos2(x + 7.0, rect.center().y) };
                painter.text(at, Align2::CENTER_CENTER, icon(name), theme.icon_font(14.0), text);
                x += 20.0;
            }
            if !icon_only {
                painter.galley(egui::pos2(x, rect.center().y - label.size().y * 0.5), label.clone(), text);
                x += label.size().x + 8.0;
            }
            if let Some(key) = key {
                let size = key.size() + vec2(8.0, 2.0);
                let cap = egui::Rect::from_min_size(egui::pos2(x, rect.center().y - size.y * 0.5), size);
                let (edge, ink) = if self.face == Face::Primary { (text, text) } else { (theme.hair, theme.faint) };
                painter.rect_stroke(cap, 3.0, Stroke::new(1.0, theme.fade(edge, 0.75)), StrokeKind::Inside);
                painter.galley(cap.center() - key.size() * 0.5, key, ink);
            }
        }
        match self.disabled {
            Some(reason) => response.on_hover_text(reason),
            None => response,
        }
    }

    fn colours(&self, theme: &Theme, response: &Response) -> (egui::Color32, egui::Color32, egui::Color32) {
        use crate::ui::theme::CLEAR;
        if self.disabled.is_some() {
            return (CLEAR, theme.hair, theme.faint);
        }
        let (hovered, down) = (response.hovered(), response.is_pointer_button_down_on() || self.on);
        match self.face {
            Face::Primary => {
                let fill = if hovered { mix(theme.accent, theme.text, 0.15) } else { theme.accent };
                (fill, fill, theme.on)
            }
            Face::Quiet => {
                let fill = if down {
                    theme.sel
                } else if hovered {
                    theme.hover
                } else {
                    CLEAR
                };
                (fill, CLEAR, if hovered || self.on { theme.text } else { theme.muted })
            }
            face => {
                let fill = if down {
                    theme.sel
                } else if hovered {
                    theme.hover
                } else {
                    theme.raised
                };
                (fill, theme.hair, if face == Face::Destructive { theme.fail } else { theme.text })
            }
        }
    }
}

/// A square quiet button with an icon; `name` is its accessible name and tooltip.
pub fn icon_button(ui: &mut Ui, theme: &Theme, icon: &str, name: &str) -> Response {
    Btn::new("").icon(icon).quiet().name(name).show(ui, theme).on_hover_text(name)
}

/// Words in the accent colour that can be clicked.
pub fn link(ui: &mut Ui, theme: &Theme, label: &str) -> Response {
    let galley = ui.painter().layout_no_wrap(label.to_owned(), theme.font(CONTROL), theme.accent);
    let (rect, response) = ui.allocate_exact_size(galley.size(), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Link, true, label));
    let painter = ui.painter();
    painter.galley(rect.min, galley, theme.accent);
    if response.hovered() || response.has_focus() {
        painter.hline(rect.x_range(), rect.bottom() - 1.0, Stroke::new(1.0, theme.accent));
    }
    response.on_hover_cursor(egui::CursorIcon::PointingHand)
}

/// A row of choices of which one is on; returns the newly chosen one.
pub fn segmented<T: Copy + PartialEq>(ui: &mut Ui, theme: &Theme, current: T, choices: &[(T, &str)]) -> Option<T> {
    let mut chosen = None;
    let labels: Vec<_> = choices
        .iter()
        .map(|(_, l)| ui.painter().layout_no_wrap((*l).to_owned(), theme.medium(CONTROL), egui::Color32::PLACEHOLDER))
        .collect();
    let width: f32 = labels.iter().map(|g| g.size().x + 16.0).sum();
    let (frame, _) = ui.allocate_exact_size(vec2(width, 24.0), Sense::hover());
    let mut x = frame.left();
    for ((value, name), galley) in choices.iter().zip(labels) {
        let rect = egui::Rect::from_min_size(egui::pos2(x, frame.top()), vec2(galley.size().x + 16.0, 24.0));
        x = rect.right();
        let response = ui.interact(rect, ui.scope_id().with(("segment", *name)), Sense::click());
        let on = *value == current;
        response.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, on, *name));
        let painter = ui.painter();
        let fill = if on {
            theme.sel
        } else if response.hovered() {
            theme.hover
        } else {
            crate::ui::theme::CLEAR
        };
        painter.rect_filled(rect, 4.0, fill);
        let text = if on { theme.text } else { theme.muted };
        painter.galley(rect.center() - galley.size() * 0.5, galley, text);
        if x < frame.right() - 1.0 {
            painter.vline(x, rect.y_range(), theme.hairline());
        }
        if response.has_focus() {
            painter.rect_stroke(rect, 4.0, Stroke::new(2.0, theme.focus), StrokeKind::Inside);
        }
        if response.clicked() {
            chosen = Some(*value);
        }
    }
    ui.painter().rect_stroke(frame, 4.0, theme.hairline(), StrokeKind::Inside);
    chosen.filter(|c| *c != current)
}

/// An on-off switch with its label behind it; true when it was toggled.
pub fn switch(ui: &mut Ui, theme: &Theme, on: bool, label: &str) -> bool {
    let galley = ui.painter().layout_no_wrap(label.to_owned(), theme.font(13.0), theme.text);
    let (rect, response) = ui.allocate_exact_size(Vec2::new(36.0 + galley.size().x, 24.0), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Switch, true, on, label));
    let track = egui::Rect::from_min_size(egui::pos2(rect.left(), rect.center().y - 8.0), vec2(28.0, 16.0));
    let painter = ui.painter();
    let (fill, knob) = if on { (theme.accent, theme.on) } else { (theme.panel, theme.border) };
    painter.rect(track, 8.0, fill, Stroke::new(1.0, if on { theme.accent } else { theme.border }), StrokeKind::Inside);
    let x = if on { track.right() - 8.0 } else { track.left() + 8.0 };
    painter.circle_filled(egui::pos2(x, track.center().y), 5.0, knob);
    if response.has_focus() {
        painter.rect_stroke(track.expand(2.0), 10.0, Stroke::new(2.0, theme.focus), StrokeKind::Inside);
    }
    painter.galley(egui::pos2(rect.left() + 36.0, rect.center().y - galley.size().y * 0.5), galley, theme.text);
    response.clicked()
}
