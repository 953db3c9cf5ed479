//! Two pictures: beside each other, swiped, as onion skin, blinking, or as a map of what changed.
use std::collections::{HashMap, HashSet};

use egui::{
    Align, Align2, EventFilter, Key, Layout, Painter, Pos2, Rect, Response, Role, Sense, Shape, Stroke, TextureHandle,
    Ui, UiBuilder, WidgetInfo, pos2, vec2,
};

use super::canvas::{Pen, hatch, ring};
use crate::{
    app::{
        review::{Command, Look, PairKey},
        settings,
    },
    model::{
        diff::{Fit, ImageDiff, ImageView, Picture},
        output::Pixels,
    },
    ui::{
        theme::{CONTROL, SMALL},
        widgets::segmented,
    },
};

/// How long a picture is seen while blinking, in seconds.
const BLINK: f64 = 0.7;
/// Textures kept beyond those on screen.
const KEPT: usize = 24;
/// Height of the row of choices.
pub(super) const BAR: f32 = 36.0;
/// Space around pictures that lie over each other.
const PAD: f32 = 12.0;

/// How a person left two pictures.
#[derive(Debug, Clone, Copy)]
struct Pose {
    /// Where the swipe stands, from the left.
    split: f32,
    /// How much of the new one shines through.
    mix: f32,
    /// Blinking is held at this side, true for the new one.
    held: Option<bool>,
}

impl Default for Pose {
    fn default() -> Self {
        Self { split: 0.5, mix: 0.5, held: None }
    }
}

/// What the page remembers of pictures.
#[derive(Default)]
pub(super) struct Gallery {
    textures: HashMap<u64, TextureHandle>,
    used: HashSet<u64>,
    poses: HashMap<PairKey, Pose>,
}

impl Gallery {
    /// Lets go of textures nobody saw in this frame, when there are many.
    pub fn tidy(&mut self) {
        let used = std::mem::take(&mut self.used);
        if self.textures.len() > used.len() + KEPT {
            self.textures.retain(|name, _| used.contains(name));
        }
    }

    fn texture(&mut self, ui: &Ui, name: u64, pixels: &Pixels) -> egui::TextureId {
        self.used.insert(name);
        let make = || {
            let size = [pixels.width as usize, pixels.height as usize];
            let image = egui::ColorImage::from_rgba_unmultiplied(size, &pixels.rgba);
            ui.ctx().load_texture(format!("review-{name:016x}"), image, egui::TextureOptions::LINEAR)
        };
        self.textures.entry(name).or_insert_with(make).id()
    }
}

/// The pair as the app names it.
pub(super) fn key_of(old: Option<&Picture>, new: Option<&Picture>) -> PairKey {
    (old.map(|p| p.hash), new.map(|p| p.hash))
}

/// Width and height of what two pictures cover when they lie over each other, where both sizes are known.
pub(super) fn cover(old: (u32, u32), new: (u32, u32), fit: Option<Fit>) -> (f32, f32) {
    let (w, h) = if fit == Some(Fit::Scaled) { old.max(new) } else { (old.0.max(new.0), old.1.max(new.1)) };
    (w.max(1) as f32, h.max(1) as f32)
}

/// Two pictures laid over each other.
struct Stack<'a> {
    view: &'a ImageView,
    diff: &'a ImageDiff,
    names: (u64, u64),
    whole: Rect,
    old: Rect,
    new: Rect,
}

impl Pen<'_, '_> {
    /// The choice of ways to compare, and in how many places the pictures differ.
    pub(super) fn image_bar(&mut self, ui: &mut Ui, band: Rect, (old, new): (Option<&Picture>, Option<&Picture>)) {
        let theme = self.cx.theme;
        let key = key_of(old, new);
        let place = Rect::from_min_max(band.min + vec2(12.0, 6.0), band.max - vec2(12.0, 6.0));
        let builder =
            UiBuilder::new().id_salt(("look", self.index)).max_rect(place).layout(Layout::left_to_right(Align::Center));
        let mut row = ui.new_child(builder);
        if let Some(look) = segmented(&mut row, theme, self.look(), &Look::ALL) {
            self.send.push(Command::SetLook(look));
        }
        let views = &self.cx.state.review.views;
        if views.is_wanted(key) {
            self.send.push(Command::View(key));
        }
        let Some(diff) = views.get(key).and_then(|v| v.diff.as_ref()) else { return };
        let regions = diff.regions.len() + diff.more_regions;
        if regions == 0 {
            return;
        }
        let words = crate::base::text::count(regions as u64, "region");
        let left = row.min_rect().right() + 12.0;
        let painter = ui.painter().with_clip_rect(Rect::from_min_max(pos2(left, place.top()), place.max));
        let at = pos2(place.right(), place.center().y);
        painter.text(at, Align2::RIGHT_CENTER, words, theme.font(SMALL), theme.muted);
    }

    fn look(&self) -> Look {
        self.cx.state.settings.values.review_pictures
    }

    /// What is known of two pictures, in words.
    pub(super) fn picture_words(&self, old: Option<&Picture>, new: Option<&Picture>) -> String {
        match (old, new) {
            (Some(_), Some(_)) => match self.cx.state.review.views.get(key_of(old, new)).map(|v| &v.diff) {
                Some(Some(diff)) => diff.words(),
                Some(None) => "not compared".to_owned(),
                None => "comparing\u{2026}".to_owned(),
            },
            (Some(one), None) | (None, Some(one)) => one.words(),
            _ => String::new(),
        }
    }

    /// The pictures as the look has them.
    pub(super) fn images(&mut self, ui: &mut Ui, band: Rect, (old, new): (Option<&Picture>, Option<&Picture>)) {
        let key = key_of(old, new);
        let views = &self.cx.state.review.views;
        if views.is_wanted(key) {
            self.send.push(Command::View(key));
        }
        let view = views.get(key).cloned();
        let diff = view.as_ref().and_then(|v| v.diff.clone());
        match (&view, diff, key) {
            (Some(view), Some(diff), (Some(a), Some(b))) if self.look() != Look::SideBySide => {
                let stack = stack(view, &diff, (a, b), band.shrink2(vec2(PAD, PAD)));
                self.stacked(ui, key, &stack);
            }
            _ => self.beside(ui, band, (old, new), view.as_deref()),
        }
    }

    fn beside(
        &mut self,
        ui: &mut Ui,
        band: Rect,
        (old, new): (Option<&Picture>, Option<&Picture>),
        view: Option<&ImageView>,
    ) {
        let theme = self.cx.theme;
        let (left, right) = Self::halves(band);
        let sides = [(left, old, "before", view.map(|v| &v.old)), (right, new, "after", view.map(|v| &v.new))];
        for (rect, picture, label, pixels) in sides {
            let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
            let Some(picture) = picture else {
                hatch(&painter, theme, rect);
                continue;
            };
            let at = pos2(rect.left() + 12.0, rect.top() + 14.0);
            let words = format!("{label}  {}", picture.words());
            painter.text(at, Align2::LEFT_CENTER, &words, theme.font(SMALL), theme.faint);
            let space = Rect::from_min_max(pos2(rect.left() + 12.0, rect.top() + 28.0), rect.max - vec2(12.0, 8.0));
            let Some(pixels) = pixels.and_then(Option::as_ref) else {
                let text = match view {
                    None => "Comparing\u{2026}".to_owned(),
                    Some(view) => view.problem.clone().unwrap_or_else(|| "The picture could not be decoded".to_owned()),
                };
                painter.text(space.min + vec2(0.0, 8.0), Align2::LEFT_CENTER, text, theme.font(CONTROL), theme.muted);
                continue;
            };
            let texture = self.gallery.texture(ui, picture.hash, pixels);
            let (w, h) = picture.size.unwrap_or((pixels.width, pixels.height));
            let size = vec2(w.max(1) as f32, h.max(1) as f32);
            let scale = (space.width() / size.x).min(space.height() / size.y).min(1.0);
            let place = Rect::from_min_size(space.min, size * scale);
            let image = ui.interact(place, ui.scope_id().with(("picture", label, self.index)), Sense::hover());
            image.widget_info(|| WidgetInfo::labeled(Role::Image, true, format!("Picture {words}")));
            painter.image(texture, place, WHOLE, theme.untinted());
            painter.rect_stroke(place, 0.0, theme.hairline(), egui::StrokeKind::Outside);
        }
        ui.painter().vline(left.right() + 0.5, band.y_range(), theme.hairline());
    }

    fn stacked(&mut self, ui: &mut Ui, key: PairKey, stack: &Stack<'_>) {
        let look = self.look();
        let theme = self.cx.theme;
        let painter = ui.painter().with_clip_rect(stack.whole.expand(10.0).intersect(ui.clip_rect()));
        let (Some(a), Some(b)) = (&stack.view.old, &stack.view.new) else { return };
        let old = self.gallery.texture(ui, stack.names.0, a);
        let new = self.gallery.texture(ui, stack.names.1, b);
        let sense = if look == Look::Heat { Sense::hover() } else { Sense::click_and_drag() };
        let response = ui.interact(stack.whole, ui.scope_id().with(("stack", self.index)), sense);
        let mut pose = self.gallery.poses.get(&key).copied().unwrap_or_default();
        let image = |clip: Rect, texture, place: Rect, tint| {
            painter.with_clip_rect(clip.intersect(painter.clip_rect())).image(texture, place, WHOLE, tint);
        };
        let all = stack.whole;
        match look {
            Look::Swipe => {
                pose.split =
                    slide(ui, &response, pose.split, stack.whole, "Swipe, how much of the old picture is seen");
                let x = all.left() + all.width() * pose.split;
                image(Rect::from_min_max(all.min, pos2(x, all.bottom())), old, stack.old, theme.untinted());
                image(Rect::from_min_max(pos2(x, all.top()), all.max), new, stack.new, theme.untinted());
                self.handle(&painter, all, x);
            }
            Look::Onion => {
                pose.mix =
                    slide(ui, &response, pose.mix, stack.whole, "Onion skin, how much of the new picture is seen");
                image(all, old, stack.old, theme.untinted());
                image(all, new, stack.new, theme.fade(theme.untinted(), pose.mix));
                let text = format!("{:.0} % after", pose.mix * 100.0);
                self.plate(&painter, all.left_top() + vec2(8.0, 8.0), &text);
            }
            Look::Blink => {
                let (second, words) = self.blink(ui, &response, &mut pose);
                let (texture, place) = if second { (new, stack.new) } else { (old, stack.old) };
                image(all, texture, place, theme.untinted());
                self.plate(&painter, all.left_top() + vec2(8.0, 8.0), &words);
            }
            Look::Heat | Look::SideBySide => {
                response.widget_info(|| {
                    WidgetInfo::labeled(Role::Image, true, format!("Heat map, {}", stack.diff.words()))
                });
                image(all, new, stack.new, theme.fade(theme.untinted(), 0.3));
                self.heat(ui, &painter, stack);
            }
        }
        painter.rect_stroke(all, 0.0, theme.hairline(), egui::StrokeKind::Outside);
        ring(&painter, theme, all, response.has_focus());
        self.gallery.poses.insert(key, pose);
    }

    /// True while the new picture is seen. Wakes the window only while it blinks.
    fn blink(&mut self, ui: &Ui, response: &Response, pose: &mut Pose) -> (bool, String) {
        let now = ui.input(|i| i.time);
        let running = (now / BLINK) as u64 % 2 == 1;
        let still = self.cx.state.settings.values.reduced_motion;
        if response.clicked() {
            pose.held = match pose.held {
                None if still => Some(true),
                None => Some(running),
                Some(side) if still => Some(!side),
                Some(_) => None,
            };
        }
        let held = if still { Some(pose.held.unwrap_or(false)) } else { pose.held };
        let second = held.unwrap_or(running);
        if held.is_none() {
            let rest = BLINK - now % BLINK;
            ui.ctx().request_repaint_after(std::time::Duration::from_secs_f64(rest.max(0.01)));
        }
        let side = if second { "after" } else { "before" };
        let (name, words) = match (held.is_some(), still) {
            (true, true) => (format!("Picture {side}, press to see the other"), format!("{side}, click for the other")),
            (true, false) => (format!("Blink held at {side}, press to go on"), format!("{side}, held")),
            // A name that changed with every blink would be read out for ever.
            (false, _) => ("Blink, press to hold".to_owned(), side.to_owned()),
        };
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, name.clone()));
        (second, words)
    }

    fn heat(&mut self, ui: &Ui, painter: &Painter, stack: &Stack<'_>) {
        let theme = self.cx.theme;
        if let Some(heat) = &stack.view.heat {
            let name = stack.names.0.rotate_left(7) ^ stack.names.1 ^ 0x6865_6174;
            let texture = self.gallery.texture(ui, name, heat);
            painter.image(texture, stack.whole, WHOLE, theme.untinted());
        }
        // The map has as many pixels as were compared.
        let (w, h) = match stack.diff.fit {
            Fit::Scaled => stack.diff.old.min(stack.diff.new),
            _ => (stack.diff.old.0.max(stack.diff.new.0), stack.diff.old.1.max(stack.diff.new.1)),
        };
        let scale = vec2(stack.whole.width() / w.max(1) as f32, stack.whole.height() / h.max(1) as f32);
        for region in &stack.diff.regions {
            let min = stack.whole.min + vec2(region.x as f32 * scale.x, region.y as f32 * scale.y);
            let size = vec2(region.width as f32 * scale.x, region.height as f32 * scale.y);
            let rect = Rect::from_min_size(min, size).expand(3.0).intersect(stack.whole);
            painter.rect_stroke(rect, 2.0, Stroke::new(1.0, theme.accent), egui::StrokeKind::Inside);
        }
    }

    /// The line of the swipe with its grip and what lies at either side.
    fn handle(&self, painter: &Painter, all: Rect, x: f32) {
        let theme = self.cx.theme;
        let y = all.center().y;
        painter.vline(x, all.y_range(), Stroke::new(2.0, theme.accent));
        painter.circle_filled(pos2(x, y), 9.0, theme.accent);
        for sign in [-1.0, 1.0] {
            let points = vec![pos2(x + sign * 6.5, y), pos2(x + sign * 2.5, y - 3.5), pos2(x + sign * 2.5, y + 3.5)];
            painter.add(Shape::convex_polygon(points, theme.on, Stroke::NONE));
        }
        let top = all.top() + 8.0;
        if x - all.left() > 70.0 {
            self.plate_at(painter, pos2(x - 10.0, top), Align2::RIGHT_TOP, "before");
        }
        if all.right() - x > 60.0 {
            self.plate_at(painter, pos2(x + 10.0, top), Align2::LEFT_TOP, "after");
        }
    }

    fn plate(&self, painter: &Painter, at: Pos2, text: &str) {
        self.plate_at(painter, at, Align2::LEFT_TOP, text);
    }

    /// Words that can be read on any picture.
    fn plate_at(&self, painter: &Painter, at: Pos2, align: Align2, text: &str) {
        let theme = self.cx.theme;
        let galley = painter.layout_no_wrap(text.to_owned(), theme.medium(SMALL), theme.text);
        let rect = align.anchor_size(at, galley.size() + vec2(12.0, 6.0));
        painter.rect(rect, 4.0, theme.panel, theme.hairline(), egui::StrokeKind::Inside);
        painter.galley(rect.min + vec2(6.0, 3.0), galley, theme.text);
    }
}

const WHOLE: Rect = Rect::from_min_max(Pos2::ZERO, pos2(1.0, 1.0));

fn stack<'a>(view: &'a ImageView, diff: &'a ImageDiff, names: (u64, u64), space: Rect) -> Stack<'a> {
    let (w, h) = cover(diff.old, diff.new, Some(diff.fit));
    let scale = (space.width() / w).min(space.height() / h).min(1.0);
    let whole = Rect::from_min_size(space.min, vec2(w, h) * scale);
    let place = |(w, h): (u32, u32)| match diff.fit {
        Fit::Scaled => whole,
        _ => Rect::from_min_size(whole.min, vec2(w as f32, h as f32) * scale),
    };
    Stack { view, diff, names, whole, old: place(diff.old), new: place(diff.new) }
}

/// A place from 0 to 1 set by dragging, by arrow keys and by assistive technology.
fn slide(ui: &Ui, response: &Response, before: f32, rect: Rect, name: &str) -> f32 {
    let mut value = before;
    if let Some(at) = response.interact_pointer_pos() {
        value = (at.x - rect.left()) / rect.width().max(1.0);
        // The arrows go on from where the mouse left it.
        response.request_focus();
    }
    if response.has_focus() {
        let filter = EventFilter { horizontal_arrows: true, ..EventFilter::default() };
        ui.memory_mut(|m| m.set_focus_lock_filter(response.id, filter));
        let (left, right, shift) = ui.input(|i| {
            (i.num_presses(Key::ArrowLeft) as f32, i.num_presses(Key::ArrowRight) as f32, i.modifiers.shift)
        });
        value += (right - left) * if shift { 0.1 } else { 0.02 };
    }
    value += 0.05
        * ui.input(|i| {
            use egui::accesskit::Action;
            i.num_accesskit_action_requests(response.id, Action::Increment) as f32
                - i.num_accesskit_action_requests(response.id, Action::Decrement) as f32
        });
    let value = value.clamp(0.0, 1.0);
    response.widget_info(|| WidgetInfo::slider(true, f64::from(value), name));
    if response.hovered() || response.dragged() {
        ui.ctx().set_cursor_icon(egui::CursorIcon::ResizeHorizontal);
    }
    if value != before {
        ui.ctx().request_repaint();
    }
    value
}

/// The key of the page for the next look.
pub(super) fn next_look(settings: &settings::State) -> Command {
    Command::SetLook(settings.values.review_pictures.next())
}
