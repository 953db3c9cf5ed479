//! Draws what is on screen of a comparison: `head` the bars above cells and between them, `text` lines, `output` results,
//! `paint` what they have in common.
mod head;
mod output;
mod paint;
mod text;

use std::ops::Range;

use egui::{Align2, Rect, ScrollArea, Sense, Ui, pos2, vec2};

pub(in crate::ui) use paint::hatch;
pub(super) use paint::ring;

use super::{
    View,
    layout::{GAP, Item, Wrap},
    table,
};
use crate::{
    app::review::{Command, Mode, Shown},
    model::diff::FileShape,
    ui::{
        PageCx,
        theme::{CONTROL, MONO, SMALL, Theme},
        widgets::sideways_bar,
    },
};

/// Space at the left and right of the boxes.
const MARGIN: f32 = 16.0;
/// Width of a line number.
const NUMBER: f32 = 40.0;
/// Width of the sign behind it.
const SIGN: f32 = 16.0;

/// Draws the comparison, scrolled.
pub(super) fn canvas_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, shown: &Shown) {
    let width = ui.available_width();
    let unified = cx.state.review.mode == Mode::Unified;
    let half = if unified { width - MARGIN * 2.0 } else { (width - MARGIN * 2.0) * 0.5 };
    let (wrap, look) = (wrap(ui, cx, half, unified), cx.state.settings.values.review_pictures);
    view.layout.update(&cx.state.review, shown, half, (wrap, look));
    let hidden = scroll_sideways(ui, view, half);
    let mut area = ScrollArea::vertical().id_salt(("review", &shown.path)).auto_shrink(false);
    if let Some(offset) = follow_talk(cx, view).or(follow(cx, view, shown)) {
        area = area.vertical_scroll_offset(offset);
    }
    let mut send = Vec::new();
    let seen = area.show_viewport(ui, |ui, viewport| {
        let (rect, _) = ui.allocate_exact_size(vec2(width, view.layout.height() + 40.0), Sense::hover());
        let View { layout, gallery, shift, voices, seen, .. } = view;
        *seen = (viewport.top(), viewport.bottom());
        let visible = layout.visible(viewport.top(), viewport.bottom());
        layout.colour(ui.ctx(), visible.clone());
        let mut pen = Pen {
            cx,
            shown,
            gallery,
            voices,
            high: Vec::new(),
            shift: *shift,
            unified,
            send: &mut send,
            layout,
            front: front(cx, shown),
            index: 0,
        };
        for i in visible {
            let (Some(item), Some(top), Some(next)) = (layout.items.get(i), layout.tops.get(i), layout.tops.get(i + 1))
            else {
                continue;
            };
            let band = Rect::from_min_max(
                pos2(rect.left() + MARGIN, rect.top() + top),
                pos2(rect.right() - MARGIN, rect.top() + next),
            );
            pen.index = i;
            pen.item(ui, item, band);
        }
        let high = pen.high;
        if layout.measure(&high) {
            ui.ctx().request_repaint();
        }
    });
    view.gallery.tidy();
    send.into_iter().for_each(|c| cx.send(c));
    if hidden > 0.0 {
        let foot = seen.inner_rect.shrink2(vec2(MARGIN, 0.0));
        sideways_bar(ui, cx.theme, foot, &mut view.shift, (half, hidden));
    }
}

/// The rows of the change in front, where it is one of a text.
fn front(cx: &PageCx<'_>, shown: &Shown) -> Range<usize> {
    let FileShape::Text(text) = &shown.diff.shape else { return 0..0 };
    cx.state.review.focused_row().and_then(|row| text.change_at(row)).unwrap_or(0..0)
}

/// How many letters fit into a line, where lines are wrapped.
fn wrap(ui: &Ui, cx: &PageCx<'_>, half: f32, unified: bool) -> Wrap {
    if !cx.state.settings.values.wrap_lines {
        return Wrap::default();
    }
    let letter = |font| ui.ctx().fonts_mut(|f| f.glyph_width(&font, 'm')).max(1.0);
    let numbers = if unified { NUMBER * 2.0 } else { NUMBER } + blame_width(cx);
    let fit = |width: f32, letter: f32| Some((width / letter).floor().max(8.0) as usize);
    let whole = if unified { half } else { half * 2.0 };
    Wrap {
        line: fit(half - numbers - SIGN - 10.0, letter(cx.theme.mono(MONO))),
        value: fit(whole - 48.0, letter(cx.theme.mono(CONTROL))),
    }
}

/// Width of the column that says who wrote a line.
fn blame_width(cx: &PageCx<'_>) -> f32 {
    if cx.state.review.told.blame { super::past::BLAME } else { 0.0 }
}

/// Where to scroll to, once, when another change comes to the front.
fn follow(cx: &PageCx<'_>, view: &mut View, shown: &Shown) -> Option<f32> {
    let review = &cx.state.review;
    let now = (shown.revision, review.focus);
    let before = view.followed.replace(now);
    let led = std::mem::replace(&mut view.led, review.told.led) != review.told.led;
    // A comparison made anew in place does not scroll, a file just opened begins at its top.
    let moved = match before {
        _ if led => true,
        Some((revision, focus)) if revision == now.0 => focus != now.1,
        _ => review.focus > 0,
    };
    let top = review.focused_row().filter(|_| moved).and_then(|row| view.layout.top_of(row))?;
    Some((top - GAP * 4.0).max(0.0))
}

/// Where to scroll to, once, when a thread or a new comment comes to the front and is out of sight.
fn follow_talk(cx: &PageCx<'_>, view: &mut View) -> Option<f32> {
    let talk = &cx.state.review.talk;
    let now = (talk.front.clone()?, talk.asked.as_ref().map_or(0, |a| a.1));
    if view.led_to.as_ref() == Some(&now) {
        return None;
    }
    let (top, bottom) = view.layout.voice(&now.0)?;
    view.led_to = Some(now);
    let (from, to) = view.seen;
    let in_sight = top >= from && bottom <= to;
    (!in_sight).then(|| (top - 120.0).max(0.0))
}

/// Follows the wheel; says how much is cut at the right.
fn scroll_sideways(ui: &Ui, view: &mut View, half: f32) -> f32 {
    let wrapped = view.layout.wrap().line.is_some();
    let letters = if wrapped { 0.0 } else { view.layout.longest as f32 * 7.6 };
    let tables = view.layout.widths.iter().map(|w| table::total_width(w)).fold(0.0, f32::max);
    let most = ((letters + NUMBER + SIGN + 24.0).max(tables) - half).max(0.0);
    if ui.rect_contains_pointer(ui.max_rect()) {
        view.shift -= ui.input(|i| i.smooth_scroll_delta().x);
    }
    view.shift = view.shift.clamp(0.0, most);
    most
}

pub(super) struct Pen<'a, 'b> {
    pub(super) cx: &'a PageCx<'b>,
    shown: &'a Shown,
    pub(super) gallery: &'a mut super::image::Gallery,
    pub(super) voices: &'a mut super::thread::Voices,
    /// Heights of the threads that were drawn, by item.
    high: Vec<(usize, f32)>,
    shift: f32,
    unified: bool,
    pub(super) send: &'a mut Vec<Command>,
    layout: &'a super::layout::Layout,
    /// Rows of the change in front, of a text.
    front: Range<usize>,
    /// The item being drawn, for names of widgets.
    pub(super) index: usize,
}

impl Pen<'_, '_> {
    fn theme(&self) -> &Theme {
        self.cx.theme
    }

    fn item(&mut self, ui: &mut Ui, item: &Item, band: Rect) {
        match item {
            Item::Note(text) => {
                let at = pos2(band.left(), band.center().y);
                ui.painter().text(at, Align2::LEFT_CENTER, text, self.theme().font(CONTROL), self.theme().muted);
            }
            Item::Fold { key, same, rerun, open } => self.fold(ui, band, *key, (*same, *rerun), *open),
            Item::Head { row, until, folded } => self.head(ui, band, *row, *until, *folded),
            Item::FileHead => self.file_head(ui, band),
            Item::Line { text, row, side, .. } => {
                self.walls(ui, band);
                self.line(ui, band, (*text, *row), *side);
            }
            Item::Hidden { key, count } => {
                self.walls(ui, band);
                self.hidden(ui, band, *key, *count);
            }
            Item::Fact(text) => {
                self.walls(ui, band);
                let at = pos2(band.left() + 12.0, band.center().y);
                ui.painter().text(at, Align2::LEFT_CENTER, text, self.theme().font(SMALL), self.theme().muted);
            }
            Item::Value { added, text, .. } => {
                self.walls(ui, band);
                self.value(ui, band, *added, text);
            }
            Item::Metric(metric) => {
                self.walls(ui, band);
                self.metric(ui, band, metric);
            }
            Item::Part { change, name } => {
                self.walls(ui, band);
                self.part(ui, band, *change, name);
            }
            Item::OutputHead { row, output } => {
                self.walls(ui, band);
                self.output_head(ui, band, *row, *output);
            }
            Item::TableHead { table } | Item::TableRow { table, .. } => {
                self.walls(ui, band);
                let row = if let Item::TableRow { row, .. } = item { Some(*row) } else { None };
                self.table(ui, band, *table, row);
            }
            Item::ImageBar { old, new } => {
                self.walls(ui, band);
                self.image_bar(ui, band, (old.as_deref(), new.as_deref()));
            }
            Item::Images { old, new, .. } => {
                self.walls(ui, band);
                self.images(ui, band, (old.as_deref(), new.as_deref()));
            }
            Item::Talk { id, loose, .. } => self.talk(ui, band, id, *loose),
            Item::End { folded: true } => {}
            Item::End { folded: false } => self.end(ui, band),
        }
    }

    fn talk(&mut self, ui: &mut Ui, band: Rect, id: &str, loose: bool) {
        let mut rect = band;
        if loose {
            rect.max.y -= GAP;
        }
        let orphan = self.cx.state.review.talk.placing.orphans.iter().any(|o| o == id);
        let mut desk = super::thread::Desk { cx: self.cx, send: self.send, voices: self.voices, loose: orphan };
        let height = desk.show(ui, id, rect);
        self.walls(ui, rect);
        if loose {
            ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, self.theme().hairline());
        }
        self.high.push((self.index, height));
    }

    /// The two edges of a box and its ground.
    fn walls(&self, ui: &Ui, band: Rect) {
        let theme = self.theme();
        ui.painter().vline(band.left() + 0.5, band.y_range(), theme.hairline());
        ui.painter().vline(band.right() - 0.5, band.y_range(), theme.hairline());
    }

    fn end(&self, ui: &Ui, band: Rect) {
        let theme = self.theme();
        let foot = Rect::from_min_size(band.min, vec2(band.width(), 5.0));
        let radius = egui::CornerRadius { nw: 0, ne: 0, sw: 6, se: 6 };
        let painter = ui.painter().with_clip_rect(foot.intersect(ui.clip_rect()));
        // Drawn taller and cut, so that only its lower edge is seen.
        let tall = Rect::from_min_max(foot.min - vec2(0.0, 20.0), foot.max);
        painter.rect_stroke(tall, radius, theme.hairline(), egui::StrokeKind::Inside);
    }

    /// The middle between the two sides, and each side's part of a band.
    pub(super) fn halves(band: Rect) -> (Rect, Rect) {
        let inner = band.shrink2(vec2(1.0, 0.0));
        let x = inner.center().x.round();
        (
            Rect::from_min_max(inner.min, pos2(x, inner.bottom())),
            Rect::from_min_max(pos2(x + 1.0, inner.top()), inner.max),
        )
    }
}
