//! Draws a widget as its saved state shows it. Its pages can be turned; its controls stand still, since no kernel
//! listens to them.
use std::sync::Arc;

use egui::{Frame, Margin, Rect, Sense, Ui, pos2, vec2};

use super::{Draw, ItemView, disclosure, image};
use crate::{
    model::output::{
        html::Block,
        widget::{Choice, Control, Node, Widget},
    },
    ui::widgets::{Btn, progress_bar, tag},
};

const STILL: &str = "Shown as it was saved; run the cell to use it";
const TRACK: f32 = 160.0;

impl Draw<'_> {
    pub(super) fn widget(&mut self, ui: &mut Ui, widget: &Widget, item: &mut ItemView) {
        let theme = self.theme;
        let live = self.live.filter(|all| all.has(&widget.id));
        let now = live.map(|all| match &item.widget {
            Some((revision, kept)) if *revision == all.revision() && kept.id == widget.id => kept.clone(),
            _ => Arc::new(widget.now(all)),
        });
        if let (Some(all), Some(now)) = (live, &now) {
            item.widget = Some((all.revision(), now.clone()));
        }
        let widget = now.as_deref().unwrap_or(widget);
        self.listening = now.is_some();
        match &widget.root {
            Some(root) => {
                let mut next = 0;
                ui.scope(|ui| {
                    ui.spacing_mut().item_spacing = vec2(8.0, 6.0);
                    self.node(ui, root, item, &mut next);
                });
            }
            None => super::text::text_ui(ui, theme, &widget.plain, &mut item.text, ("Widget", None), self.acts),
        }
        self.listening = false;
        if let Some(note) = widget.note() {
            ui.horizontal(|ui| {
                ui.label(theme.icon("info", 14.0));
                ui.add(egui::Label::new(theme.small(note)).wrap());
            });
        }
    }

    /// `next` counts the parts that keep a state of their own.
    fn node(&mut self, ui: &mut Ui, node: &Node, item: &mut ItemView, next: &mut usize) {
        let theme = self.theme;
        match &node.control {
            Control::Box { row: true, children } => {
                ui.horizontal_wrapped(|ui| children.iter().for_each(|c| self.node(ui, c, item, next)));
            }
            Control::Box { row: false, children } => {
                ui.vertical(|ui| children.iter().for_each(|c| self.node(ui, c, item, next)));
            }
            Control::Pages { tabs, titles, open, children } => {
                let now = self.pages(ui, (*tabs, titles, *open), children, item, next);
                if self.listening && now != *open {
                    let change = [("selected_index".to_owned(), serde_json::json!(now))].into_iter().collect();
                    self.acts.push(super::Act::Widget { id: node.id.clone(), change });
                }
            }
            // One line needs no more room than its words.
            Control::Page(blocks) if matches!(blocks.as_slice(), [Block::Text(t)] if t.lines().len() == 1) => {
                let words: String = blocks.iter().map(Block::plain).collect();
                ui.label(theme.body(words.trim_end()));
            }
            Control::Page(blocks) => {
                let view = part(item, next);
                ui.vertical(|ui| self.page(ui, blocks, view));
            }
            Control::Outputs(outputs) => {
                let view = part(item, next);
                view.blocks.resize_with(outputs.len(), ItemView::default);
                ui.vertical(|ui| {
                    for (i, (output, view)) in outputs.iter().zip(&mut view.blocks).enumerate() {
                        ui.push_id(("inside", i), |ui| self.output(ui, output, view, i));
                    }
                });
            }
            Control::Image(image) => image::image_ui(ui, theme, image, self.pictures, self.acts),
            _ => {
                let response = ui
                    .horizontal(|ui| {
                        if !node.label.is_empty()
                            && !matches!(node.control, Control::Button { .. } | Control::Check { .. })
                        {
                            ui.label(theme.body(node.label.as_str()));
                        }
                        if !(self.listening && self.live_control(ui, node)) {
                            self.control(ui, node);
                        }
                    })
                    .response;
                if !self.listening {
                    response.on_hover_text(STILL);
                }
            }
        }
    }

    fn control(&self, ui: &mut Ui, node: &Node) {
        let theme = self.theme;
        match &node.control {
            Control::Label(text) => drop(ui.label(theme.body(text.as_str()))),
            Control::Progress { value, min, max, style } => {
                let share = ((value - min) / (max - min).max(f64::MIN_POSITIVE)) as f32;
                let failed = style == "danger";
                let words = format!("{value} / {max}");
                let bar = ui.allocate_ui(vec2(TRACK, 18.0), |ui| {
                    ui.centered_and_justified(|ui| progress_bar(ui, theme, Some(share), TRACK));
                });
                // Tools write their own numbers beside it.
                bar.response.on_hover_text(&words);
                if failed {
                    ui.label(theme.body(words).color(theme.fail));
                }
            }
            Control::Slider { values, min, max, .. } => {
                let (rect, _) = ui.allocate_exact_size(vec2(TRACK, 18.0), Sense::hover());
                // Room for the grip at both ends.
                let rect = rect.shrink2(vec2(7.0, 0.0));
                let at = |v: f64| {
                    let share = ((v - min) / (max - min).max(f64::MIN_POSITIVE)).clamp(0.0, 1.0) as f32;
                    pos2(rect.left() + share * rect.width(), rect.center().y)
                };
                let track = Rect::from_center_size(rect.center(), vec2(rect.width(), 4.0));
                ui.painter().rect_filled(track, 2.0, theme.hair);
                let ends = (values.first().copied().filter(|_| values.len() > 1).unwrap_or(*min), values.last());
                if let (from, Some(to)) = ends {
                    let part = Rect::from_min_max(pos2(at(from).x, track.top()), pos2(at(*to).x, track.bottom()));
                    ui.painter().rect_filled(part, 2.0, theme.muted);
                }
                for value in values {
                    ui.painter().circle(at(*value), 6.0, theme.raised, egui::Stroke::new(1.5, theme.muted));
                }
                let words: Vec<String> = values.iter().map(f64::to_string).collect();
                ui.label(theme.small(words.join(" \u{2013} ")));
            }
            Control::Choose { how, options, chosen } => self.choose(ui, *how, options, chosen),
            Control::Check { on, button: true } => {
                tag(ui, theme, &format!("{}{}", if *on { "\u{2713} " } else { "" }, node.label));
            }
            Control::Check { on, button: false } => {
                ui.label(theme.icon(if *on { "square-check" } else { "square" }, 16.0));
                ui.label(theme.body(node.label.as_str()));
            }
            Control::Field { text, hint, secret, long, .. } => {
                let shown = if *secret { "\u{2022}".repeat(text.chars().count().max(6)) } else { text.clone() };
                let words = if shown.is_empty() { theme.faint(hint.as_str()) } else { theme.body(shown) };
                framed(ui, theme, if *long { 260.0 } else { TRACK }, |ui| drop(ui.label(words)));
            }
            Control::Button { style } => {
                let button = Btn::new(&node.label).disabled(Some(STILL));
                let button = if style == "danger" { button.destructive() } else { button };
                button.show(ui, theme);
            }
            _ => drop(ui.label(theme.small(format!("[{}]", node.model.trim_end_matches("Model"))))),
        }
    }

    fn choose(&self, ui: &mut Ui, how: Choice, options: &[String], chosen: &[usize]) {
        let theme = self.theme;
        let is = |i: usize| chosen.contains(&i);
        match how {
            Choice::Dropdown | Choice::Slider => framed(ui, theme, TRACK, |ui| {
                let words =
                    chosen.iter().filter_map(|i| options.get(*i)).cloned().collect::<Vec<_>>().join(" \u{2013} ");
                ui.label(theme.body(words));
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    ui.label(theme.icon("chevron-down", 14.0));
                });
            }),
            Choice::Radio => drop(ui.vertical(|ui| {
                for (i, option) in options.iter().enumerate() {
                    ui.horizontal(|ui| {
                        let (rect, _) = ui.allocate_exact_size(vec2(14.0, 16.0), Sense::hover());
                        ui.painter().circle_stroke(rect.center(), 5.5, egui::Stroke::new(1.5, theme.muted));
                        if is(i) {
                            ui.painter().circle_filled(rect.center(), 3.0, theme.text);
                        }
                        ui.label(theme.body(option.as_str()));
                    });
                }
            })),
            Choice::Buttons => drop(ui.horizontal(|ui| {
                for (i, option) in options.iter().enumerate() {
                    let fill = if is(i) { theme.sel } else { theme.sunken };
                    let frame = Frame::NONE.fill(fill).stroke(theme.hairline()).corner_radius(4);
                    frame.inner_margin(Margin::symmetric(8, 3)).show(ui, |ui| ui.label(theme.body(option.as_str())));
                }
            })),
            Choice::List => framed(ui, theme, TRACK, |ui| {
                ui.vertical(|ui| {
                    for (i, option) in options.iter().enumerate().take(12) {
                        let words = if is(i) { theme.strong(option.as_str()) } else { theme.body(option.as_str()) };
                        ui.label(words);
                    }
                    if options.len() > 12 {
                        ui.label(theme.small(format!("{} more", options.len() - 12)));
                    }
                });
            }),
        }
    }

    fn pages(
        &mut self,
        ui: &mut Ui,
        (tabs, titles, open): (bool, &[String], Option<usize>),
        children: &[Node],
        item: &mut ItemView,
        next: &mut usize,
    ) -> Option<usize> {
        let theme = self.theme;
        let id = ui.scope_id().with(("pages", *next));
        *next += 1;
        // The kernel knows which page is open when it listens.
        let kept = ui.data(|d| d.get_temp::<Option<usize>>(id)).filter(|_| !self.listening);
        let mut now = kept.unwrap_or(open);
        let title = |i: usize| titles.get(i).cloned().unwrap_or_else(|| (i + 1).to_string());
        ui.vertical(|ui| {
            if tabs {
                ui.horizontal(|ui| {
                    for i in 0..children.len() {
                        if Btn::new(&title(i)).quiet().on(now == Some(i)).show(ui, theme).clicked() {
                            now = Some(i);
                        }
                    }
                });
                if let Some(child) = now.and_then(|i| children.get(i)) {
                    self.node(ui, child, item, next);
                }
            } else {
                for (i, child) in children.iter().enumerate() {
                    if disclosure(ui, theme, &title(i), now == Some(i)) {
                        now = if now == Some(i) { None } else { Some(i) };
                    }
                    if now == Some(i) {
                        ui.indent(("page", i), |ui| self.node(ui, child, item, next));
                    }
                }
            }
        });
        ui.data_mut(|d| d.insert_temp(id, now));
        now
    }
}

/// The state of the next part that has one.
fn part<'a>(item: &'a mut ItemView, next: &mut usize) -> &'a mut ItemView {
    *next += 1;
    item.parts.entry(*next).or_default()
}

fn framed(ui: &mut Ui, theme: &crate::ui::theme::Theme, width: f32, contents: impl FnOnce(&mut Ui)) {
    Frame::NONE
        .fill(theme.sunken)
        .stroke(theme.hairline())
        .corner_radius(4)
        .inner_margin(Margin::symmetric(8, 3))
        .show(ui, |ui| {
            ui.set_width(width);
            contents(ui);
        });
}
