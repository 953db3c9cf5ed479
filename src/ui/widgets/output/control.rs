//! Controls of a widget that lives in a kernel: what a person does is told to it.
use egui::{Id, Key, Rect, Sense, TextEdit, Ui, pos2, vec2};
use serde_json::{Map, Value, json};

use super::{Act, Draw};
use crate::{
    model::output::widget::{Choice, Control, Node, Told},
    ui::{
        theme::{CONTROL, Theme},
        widgets::{Btn, check_box, combo, focus_ring},
    },
};

const TRACK: f32 = 160.0;

impl Draw<'_> {
    fn tell(&mut self, node: &Node, key: &str, value: Value) {
        let change: Map<String, Value> = [(key.to_owned(), value)].into_iter().collect();
        self.acts.push(Act::Widget { id: node.id.clone(), change });
    }

    /// Draws a control that listens; false for what has nothing to listen to.
    pub(super) fn live_control(&mut self, ui: &mut Ui, node: &Node) -> bool {
        match &node.control {
            Control::Slider { .. } => self.slider(ui, node),
            Control::Choose { how, options, chosen } => self.live_choice(ui, node, *how, options, chosen),
            Control::Check { on, button } => {
                let clicked = if *button {
                    Btn::new(&node.label).on(*on).show(ui, self.theme).clicked()
                } else {
                    let mut now = *on;
                    check_box(ui, self.theme, &mut now, &node.label)
                };
                if clicked {
                    self.tell(node, "value", json!(!*on));
                }
            }
            Control::Field { .. } => self.field(ui, node),
            Control::Button { style } => {
                let button = Btn::new(&node.label);
                let button = match style.as_str() {
                    "danger" => button.destructive(),
                    "primary" | "success" | "info" => button.primary(),
                    _ => button,
                };
                if button.show(ui, self.theme).clicked() {
                    self.acts.push(Act::WidgetEvent { id: node.id.clone(), content: json!({ "event": "click" }) });
                }
            }
            _ => return false,
        }
        true
    }

    fn slider(&mut self, ui: &mut Ui, node: &Node) {
        let Control::Slider { values, min, max, step, whole, base, continuous } = &node.control else { return };
        let theme = self.theme;
        // A logarithmic slider moves by exponents.
        let inner = |v: f64| base.map_or(v, |b| v.max(f64::MIN_POSITIVE).log(b));
        let outer = |v: f64| base.map_or(v, |b| b.powf(v));
        let (low, high) = (inner(*min), inner(*max));
        let id = Id::unique(("widget", &node.id));
        let held: Option<Vec<f64>> = ui.data(|d| d.get_temp(id));
        let mut now = held.unwrap_or_else(|| values.clone());
        let (rect, response) = ui.allocate_exact_size(vec2(TRACK, 18.0), Sense::click_and_drag());
        let share = |v: f64| ((inner(v) - low) / (high - low).max(f64::MIN_POSITIVE)).clamp(0.0, 1.0) as f32;
        let round = |v: f64| {
            let v = if *step > 0.0 { low + ((v - low) / step).round() * step } else { v };
            // No trace of how numbers are kept: 0.30000000000000004.
            let v = outer(v.clamp(low, high));
            if *whole { v.round() } else { (v * 1e10).round() / 1e10 }
        };
        if let Some(at) = response.interact_pointer_pos() {
            response.request_focus();
            let value = round(low + (high - low) * f64::from(((at.x - rect.left()) / rect.width()).clamp(0.0, 1.0)));
            set_nearest(&mut now, value);
        }
        if response.has_focus() {
            let keys = [(Key::ArrowLeft, -1.0), (Key::ArrowDown, -1.0), (Key::ArrowRight, 1.0), (Key::ArrowUp, 1.0)];
            let moved: f64 = ui.input(|i| keys.iter().filter(|(k, _)| i.key_pressed(*k)).map(|(_, n)| n).sum());
            if moved != 0.0
                && let Some(last) = now.last_mut()
            {
                *last = round(inner(*last) + moved * step.max(if *whole { 1.0 } else { 1e-9 }));
            }
        }
        track(ui, theme, rect, &now, share, response.has_focus());
        let words: Vec<String> = now.iter().map(f64::to_string).collect();
        let words = words.join(" \u{2013} ");
        response.widget_info(|| {
            let mut info = egui::WidgetInfo::slider(true, now.last().copied().unwrap_or(0.0), &node.label);
            info.current_text_value = Some(words.clone());
            info
        });
        ui.label(theme.small(words));
        let dragged = response.dragged();
        if dragged && !continuous {
            ui.data_mut(|d| d.insert_temp(id, now.clone()));
        } else {
            ui.data_mut(|d| d.remove::<Vec<f64>>(id));
        }
        if now != *values && (*continuous || !dragged) {
            let number = |v: &f64| if *whole { json!(*v as i64) } else { json!(v) };
            let value = match now.as_slice() {
                [one] => number(one),
                many => many.iter().map(number).collect(),
            };
            self.tell(node, "value", value);
        }
    }

    fn live_choice(&mut self, ui: &mut Ui, node: &Node, how: Choice, options: &[String], chosen: &[usize]) {
        let theme = self.theme;
        let is = |i: usize| chosen.contains(&i);
        let many = matches!(node.model.as_str(), "SelectMultipleModel" | "SelectionRangeSliderModel");
        let mut now: Option<usize> = None;
        match how {
            Choice::Dropdown | Choice::Slider => {
                let words: Vec<&str> = chosen.iter().filter_map(|i| options.get(*i)).map(String::as_str).collect();
                let words = words.join(" \u{2013} ");
                let list = |ui: &mut Ui| {
                    for (i, option) in options.iter().enumerate() {
                        if ui.selectable_label(is(i), theme.body(option.as_str())).clicked() {
                            now = Some(i);
                        }
                    }
                };
                ui.push_id(&node.id, |ui| combo(ui, theme, &node.label, (&words, TRACK), list));
            }
            Choice::Radio => drop(ui.vertical(|ui| {
                for (i, option) in options.iter().enumerate() {
                    if ui.radio(is(i), theme.body(option.as_str())).clicked() {
                        now = Some(i);
                    }
                }
            })),
            Choice::Buttons => drop(ui.horizontal(|ui| {
                for (i, option) in options.iter().enumerate() {
                    if Btn::new(option).on(is(i)).show(ui, theme).clicked() {
                        now = Some(i);
                    }
                }
            })),
            Choice::List => {
                let area = egui::ScrollArea::vertical().id_salt(("widget", &node.id)).max_height(140.0);
                egui::Frame::NONE.fill(theme.sunken).stroke(theme.hairline()).corner_radius(4).inner_margin(4).show(
                    ui,
                    |ui| {
                        area.show(ui, |ui| {
                            ui.set_width(TRACK);
                            for (i, option) in options.iter().enumerate() {
                                if ui.selectable_label(is(i), theme.body(option.as_str())).clicked() {
                                    now = Some(i);
                                }
                            }
                        });
                    },
                );
            }
        }
        let Some(picked) = now else { return };
        if !many {
            self.tell(node, "index", json!(picked));
            return;
        }
        let with = ui.input(|i| i.modifiers.command || i.modifiers.ctrl);
        let mut all: Vec<usize> = chosen.to_vec();
        if node.model == "SelectionRangeSliderModel" {
            all.push(picked);
            all = vec![all.iter().copied().min().unwrap_or(picked), picked.max(all.first().copied().unwrap_or(picked))];
        } else if !with {
            all = vec![picked];
        } else if is(picked) {
            all.retain(|i| *i != picked);
        } else {
            all.push(picked);
            all.sort_unstable();
        }
        self.tell(node, "index", json!(all));
    }

    fn field(&mut self, ui: &mut Ui, node: &Node) {
        let Control::Field { text, hint, secret, long, value, continuous } = &node.control else { return };
        let theme = self.theme;
        let id = Id::unique(("widget", &node.id));
        let written: Option<String> = ui.data(|d| d.get_temp(id));
        let mut now = written.unwrap_or_else(|| text.clone());
        let edit = if *long { TextEdit::multiline(&mut now).desired_rows(4) } else { TextEdit::singleline(&mut now) };
        let edit = edit
            .id(id)
            .margin(egui::Margin::symmetric(8, 3))
            .hint_text(hint.as_str())
            .password(*secret)
            .font(theme.font(CONTROL));
        let response = ui.add(edit.desired_width(if *long { 260.0 } else { TRACK }));
        response.widget_info(|| {
            let mut info = egui::WidgetInfo::text_edit(true, "", "", "");
            info.label = Some(node.label.clone());
            info.current_text_value = (!secret).then(|| now.clone());
            info
        });
        let done = response.lost_focus();
        if response.has_focus() {
            ui.data_mut(|d| d.insert_temp(id, now.clone()));
        } else {
            ui.data_mut(|d| d.remove::<String>(id));
        }
        let direct = *continuous && *value == Told::Text;
        if now != *text && (done || direct && response.changed()) {
            let told = match value {
                Told::Text => Some(json!(now)),
                Told::Whole => now.trim().parse::<i64>().ok().map(|n| json!(n)),
                Told::Number => now.trim().parse::<f64>().ok().filter(|n| n.is_finite()).map(|n| json!(n)),
                Told::Date => date(&now),
            };
            if let Some(told) = told {
                self.tell(node, "value", told);
            }
        }
        if done && !long && ui.input(|i| i.key_pressed(Key::Enter)) {
            self.acts.push(Act::WidgetEvent { id: node.id.clone(), content: json!({ "event": "submit" }) });
        }
    }
}

/// Of a range that end moves which is nearer.
fn set_nearest(values: &mut [f64], value: f64) {
    match values {
        [low, high] => {
            let lower = (value - *low).abs() < (value - *high).abs() || value < *low;
            *(if lower { low } else { high }) = value;
        }
        [one, ..] => *one = value,
        [] => {}
    }
}

fn track(ui: &Ui, theme: &Theme, rect: Rect, values: &[f64], share: impl Fn(f64) -> f32, focused: bool) {
    let at = |v: f64| pos2(rect.left() + share(v) * rect.width(), rect.center().y);
    let track = Rect::from_center_size(rect.center(), vec2(rect.width(), 4.0));
    ui.painter().rect_filled(track, 2.0, theme.hair);
    let from = values.first().filter(|_| values.len() > 1).map_or(rect.left(), |v| at(*v).x);
    if let Some(to) = values.last() {
        let part = Rect::from_min_max(pos2(from, track.top()), pos2(at(*to).x.max(from), track.bottom()));
        ui.painter().rect_filled(part, 2.0, theme.accent);
    }
    for value in values {
        ui.painter().circle(at(*value), 6.0, theme.raised, egui::Stroke::new(1.5, theme.accent));
    }
    if focused {
        focus_ring(ui, theme, rect, 4.0);
    }
}

/// `2024-01-31` as the kernel takes it, with months from 0.
fn date(text: &str) -> Option<Value> {
    let day: jiff::civil::Date = text.trim().parse().ok()?;
    Some(json!({ "year": day.year(), "month": day.month() - 1, "date": day.day() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearer_end_of_a_range_moves() {
        let moved = |value: f64| {
            let mut ends = [2.0, 8.0];
            set_nearest(&mut ends, value);
            ends
        };
        assert_eq!((moved(3.0), moved(7.0), moved(9.0), moved(1.0)), ([3.0, 8.0], [2.0, 7.0], [2.0, 9.0], [1.0, 8.0]));
    }

    #[test]
    fn dates_count_months_from_zero() {
        assert_eq!(date("2024-01-31"), Some(json!({ "year": 2024, "month": 0, "date": 31 })));
        assert_eq!(date("soon"), None);
    }
}
