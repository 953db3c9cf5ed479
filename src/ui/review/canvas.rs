//! Draws what is on screen of a comparison.
use egui::{Align2, Color32, Mesh, Painter, Rect, Role, ScrollArea, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};

use super::{
    View,
    layout::{GAP, Item, LINE, Side, Wrap},
    line, table,
};
use crate::{
    app::review::{
        Command, Mode, Shown,
        threads::{self, Here},
    },
    base::text::{count, shorten},
    model::{
        diff::{CellChange, CellDiff, CellView, FileShape, Link, Metric, NotebookDiff, OutputChange, OutputDetail},
        review::At,
        textdiff::{Row, RowKind},
    },
    ui::{
        PageCx,
        theme::{CONTROL, MONO, SMALL, Theme, icon},
        widgets::{highlight::Spans, sideways_bar},
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

    fn fold(&mut self, ui: &mut Ui, band: Rect, key: usize, (same, rerun): (usize, usize), open: bool) {
        let theme = self.cx.theme;
        let rect = Rect::from_min_size(band.min, vec2(band.width(), 28.0));
        let mut parts = Vec::new();
        if same > 0 {
            parts.push(format!("{} unchanged", count(same as u64, "cell")));
        }
        if rerun > 0 {
            let noun = if same > 0 { rerun.to_string() } else { count(rerun as u64, "cell") };
            parts.push(format!("{noun} only re-run, {}", if open { "shown" } else { "hidden" }));
        }
        let text = parts.join("  \u{b7}  ");
        let verb = if open { "Hide" } else { "Show" };
        let response = ui.interact(rect, ui.scope_id().with(("fold", key)), Sense::click());
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("{verb} {text}")));
        let fill = if response.hovered() { theme.hover } else { theme.panel };
        let painter = ui.painter();
        painter.rect_filled(rect, 4.0, fill);
        let y = rect.center().y;
        let glyph = icon("chevrons-up-down");
        painter.text(pos2(rect.left() + 19.0, y), Align2::CENTER_CENTER, glyph, theme.icon_font(14.0), theme.muted);
        painter.text(pos2(rect.left() + 34.0, y), Align2::LEFT_CENTER, text, theme.font(CONTROL), theme.muted);
        painter.text(pos2(rect.right() - 12.0, y), Align2::RIGHT_CENTER, verb, theme.font(CONTROL), theme.accent);
        ring(painter, theme, rect, response.has_focus());
        if response.clicked() {
            self.send.push(Command::ToggleRow(key));
        }
    }

    fn hidden(&mut self, ui: &mut Ui, band: Rect, key: usize, lines: usize) {
        let theme = self.cx.theme;
        let rect = band.shrink2(vec2(1.0, 0.0));
        let response = ui.interact(rect, ui.scope_id().with(("hidden", key)), Sense::click());
        let text = format!("{lines} the same");
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("Show {text}")));
        let painter = ui.painter();
        painter.rect_filled(rect, 0.0, if response.hovered() { theme.hover } else { theme.panel });
        let y = rect.center().y;
        let at = pos2(rect.left() + 19.0, y);
        painter.text(at, Align2::CENTER_CENTER, icon("unfold-vertical"), theme.icon_font(14.0), theme.muted);
        painter.text(pos2(rect.left() + 34.0, y), Align2::LEFT_CENTER, text, theme.font(SMALL), theme.muted);
        ring(painter, theme, rect, response.has_focus());
        if response.clicked() {
            self.send.push(Command::ToggleRow(key));
        }
    }

    fn head(&mut self, ui: &mut Ui, band: Rect, first: usize, until: usize, folded: bool) {
        let theme = self.cx.theme;
        let FileShape::Notebook(diff) = &self.shown.diff.shape else { return };
        let Some(row) = diff.cells.get(first) else { return };
        let focused = self.cx.state.review.focused_row().is_some_and(|r| (first..until).contains(&r));
        let title = title(row, until - first);
        let tag = words(diff, row, until - first);
        let shown = row.is_shown();
        // What stands here only for what is said about it can be folded as well.
        let alone = until == first + 1 && !shown;
        let sense = if shown || alone { Sense::click() } else { Sense::hover() };
        let response = ui.interact(band, ui.scope_id().with(("head", first)), sense);
        if shown {
            response.widget_info(|| WidgetInfo::selected(Role::Button, true, focused, format!("{title} {tag}")));
        }
        let painter = ui.painter();
        let fill = if response.hovered() && shown { theme.hover } else { theme.panel };
        roof(painter, theme, band, fill, folded);
        if focused {
            let edge = Rect::from_min_size(band.min, vec2(2.0, band.height()));
            painter.rect_filled(edge, 0.0, theme.accent);
        }
        let y = band.center().y;
        let strong = painter.layout_no_wrap(title, theme.semibold(13.0), theme.text);
        let mut x = band.left() + 12.0;
        painter.galley(pos2(x, y - strong.size().y * 0.5), strong.clone(), theme.text);
        x += strong.size().x + 8.0;
        let moved = row.moved && matches!(row.change, CellChange::Same | CellChange::Rerun);
        let (ground, ink) = if moved { (theme.mov, theme.accent) } else { (theme.idle_t, theme.muted) };
        let room = ((band.right() - x - if shown { 280.0 } else { 150.0 }) / 6.4).clamp(8.0, 90.0) as usize;
        let chip = painter.layout_no_wrap(shorten(&tag, room), theme.medium(SMALL), ink);
        let plate = Rect::from_min_size(pos2(x, y - 10.0), vec2(chip.size().x + 12.0, 20.0));
        painter.rect_filled(plate, 4.0, ground);
        painter.galley(pos2(x + 6.0, y - chip.size().y * 0.5), chip, ink);
        let spoken = first + 1 == until;
        if shown {
            self.viewed_box(ui, band, first, until);
        }
        self.said_box(ui, band, first..until, (shown, spoken, folded));
        let glyph = icon(if folded { "chevron-right" } else { "chevron-down" });
        if shown {
            let at = pos2(band.right() - 18.0, y);
            ui.painter().text(at, Align2::CENTER_CENTER, glyph, theme.icon_font(14.0), theme.muted);
        }
        ring(ui.painter(), theme, band, response.has_focus());
        if response.clicked() {
            if let Some(at) = self.cx.state.review.changes().iter().position(|c| *c == first) {
                self.send.push(Command::Focus(at));
            }
            self.send.push(Command::ToggleRow(first));
        }
    }

    /// At the right of a cell's head: who approved it, what is said while it is folded, and the buttons for both.
    fn said_box(
        &mut self,
        ui: &mut Ui,
        band: Rect,
        rows: std::ops::Range<usize>,
        (shown, single, folded): (bool, bool, bool),
    ) {
        let theme = self.cx.theme;
        let talk = &self.cx.state.review.talk;
        let first = rows.start;
        let mut right = band.right() - if shown { 108.0 } else { 34.0 };
        let y = band.center().y;
        let has_past = single
            && matches!(&self.shown.diff.shape, FileShape::Notebook(b) if b.cells.get(first).is_some_and(|c| c.new.is_some()));
        if has_past {
            let glyph = ("history", theme.muted);
            if self.head_button(ui, pos2(right - 24.0, y), ("past", first), glyph, "History of this cell (H)") {
                self.send.push(Command::TellCell(Some(first)));
            }
            right -= 28.0;
        }
        if single {
            let mine = self.cx.state.board.person().is_some_and(|me| talk.placing.is_approved_by(first, me));
            if shown {
                let name = if mine { "Take your approval of this cell back (A)" } else { "Approve this cell (A)" };
                let (glyph, ink) = if mine { ("circle-check", theme.ok) } else { ("circle-dashed", theme.muted) };
                if self.head_button(ui, pos2(right - 24.0, y), ("approve", first), (glyph, ink), name) {
                    self.send.push(Command::Talk(threads::Command::Approve(Some(first))));
                }
                right -= 28.0;
            }
            let glyph = ("message-square-plus", theme.muted);
            if self.head_button(ui, pos2(right - 24.0, y), ("say", first), glyph, "Comment on this cell (C)") {
                let here = Here { row: first, at: At::Whole };
                self.send.push(Command::Talk(threads::Command::Comment(Some(here))));
            }
            right -= 30.0;
            // Only what lies on disk can be discarded.
            if shown && crate::app::git::work::discards_cells(self.cx.state) {
                let name = "Discard the change of this cell (Delete)";
                if self.head_button(ui, pos2(right - 24.0, y), ("discard", first), ("eraser", theme.muted), name) {
                    self.send.push(Command::Discard(Some(first)));
                }
                right -= 28.0;
            }
            for (name, at) in talk.placing.approvers(first).iter().rev().take(4) {
                let rect = Rect::from_center_size(pos2(right - 10.0, y), vec2(20.0, 20.0));
                let response = ui.interact(rect, ui.scope_id().with(("approved", first, name)), Sense::hover());
                let words = format!("Approved by {name}");
                response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &words));
                super::thread::paint_avatar(ui.painter(), theme, name, rect);
                let ok = rect.right_bottom() - vec2(3.0, 3.0);
                ui.painter().circle_filled(ok, 4.0, theme.ok);
                response.on_hover_text(format!("{words}, {}", crate::base::time::when(*at, self.cx.now)));
                right -= 24.0;
            }
        }
        let said = rows
            .flat_map(|row| talk.placing.on_row(row))
            .filter(|(_, id)| talk.drafts.contains_key(id) || talk.thread(id).is_some_and(|t| !t.resolved));
        let said = said.count();
        if folded && said > 0 {
            super::thread::paint_count(ui.painter(), theme, pos2(right - 4.0, y), said);
        }
    }

    fn head_button(
        &self,
        ui: &Ui,
        left: egui::Pos2,
        key: (&str, usize),
        (glyph, ink): (&str, Color32),
        name: &str,
    ) -> bool {
        let theme = self.theme();
        let rect = Rect::from_min_size(left - vec2(0.0, 12.0), vec2(24.0, 24.0));
        let response = ui.interact(rect, ui.scope_id().with(key), Sense::click());
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, name));
        let painter = ui.painter();
        if response.hovered() {
            painter.rect_filled(rect, 4.0, theme.sel);
        }
        painter.text(rect.center(), Align2::CENTER_CENTER, icon(glyph), theme.icon_font(14.0), ink);
        ring(painter, theme, rect, response.has_focus());
        response.on_hover_text(name).clicked()
    }

    fn viewed_box(&mut self, ui: &mut Ui, band: Rect, first: usize, until: usize) {
        let theme = self.cx.theme;
        let on = (first..until).all(|r| self.cx.state.review.viewed_rows.contains(&r));
        let rect = Rect::from_min_max(
            pos2(band.right() - 104.0, band.top() + 6.0),
            pos2(band.right() - 34.0, band.bottom() - 6.0),
        );
        let response = ui.interact(rect, ui.scope_id().with(("viewed", first)), Sense::click());
        response.widget_info(|| WidgetInfo::selected(Role::CheckBox, true, on, "Viewed"));
        let painter = ui.painter();
        if response.hovered() {
            painter.rect_filled(rect, 4.0, theme.hover);
        }
        let y = rect.center().y;
        let (glyph, ink) = if on { ("square-check", theme.accent) } else { ("square", theme.muted) };
        let at = pos2(rect.left() + 12.0, y);
        painter.text(at, Align2::CENTER_CENTER, icon(glyph), theme.icon_font(14.0), ink);
        painter.text(pos2(rect.left() + 24.0, y), Align2::LEFT_CENTER, "Viewed", theme.font(SMALL), theme.muted);
        ring(painter, theme, rect, response.has_focus());
        if response.clicked() {
            for row in first..until {
                self.send.push(Command::ToggleViewed(Some(row)));
            }
        }
    }

    fn file_head(&self, ui: &Ui, band: Rect) {
        let theme = self.theme();
        roof(ui.painter(), theme, band, theme.panel, false);
        let y = band.center().y;
        let painter = ui.painter();
        let name = painter.layout_no_wrap(self.shown.path.clone(), theme.semibold(13.0), theme.text);
        painter.galley(pos2(band.left() + 12.0, y - name.size().y * 0.5), name, theme.text);
        let note = match &self.shown.diff.shape {
            FileShape::Text(d) => format!("+{} \u{2212}{}", d.added, d.removed),
            FileShape::Image { old, new } => self.picture_words(old.as_deref(), new.as_deref()),
            _ => String::new(),
        };
        painter.text(pos2(band.right() - 12.0, y), Align2::RIGHT_CENTER, note, theme.font(SMALL), theme.faint);
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

    /// What a comment on a line of a text would be about; none in outputs.
    fn place(&self, text: usize, index: usize, old: bool, line: usize) -> Option<Here> {
        let at = At::Line { old, line };
        match (&self.shown.diff.shape, self.layout.owners.get(text).copied().flatten()) {
            (FileShape::Notebook(_), Some(row)) => Some(Here { row, at }),
            (FileShape::Text(_), _) => Some(Here { row: index, at }),
            _ => None,
        }
    }

    /// Says who wrote a line of the new side, where that is asked for; gives what is left of its room.
    fn blame(&self, ui: &Ui, rect: Rect, (text, line): (usize, usize), old: bool) -> Rect {
        let (FileShape::Notebook(book), true) = (&self.shown.diff.shape, self.cx.state.review.told.blame) else {
            return rect;
        };
        let Some(row) = self.layout.owners.get(text).copied().flatten() else { return rect };
        if let Some(cell) = book.cells.get(row).and_then(|c| c.new).filter(|_| !old) {
            super::past::blame_ui(ui, self.cx, rect, (cell, line));
        }
        // Beside each other only the new side says it; below each other both leave room.
        if old && !self.unified {
            return rect;
        }
        rect.with_min_x(rect.left() + super::past::BLAME)
    }

    fn line(&mut self, ui: &Ui, band: Rect, (id, index): (usize, usize), side: Side) {
        let said = self.draw_line(ui, band, (id, index), side);
        self.send.extend(said);
    }

    fn draw_line(&self, ui: &Ui, band: Rect, (id, index): (usize, usize), side: Side) -> Option<Command> {
        let (text, inks) = (self.layout.texts.get(id)?, self.layout.inks.get(id)?);
        let mut said = None;
        let row = text.rows.get(index)?;
        let theme = self.theme();
        let inner = band.shrink2(vec2(1.0, 0.0));
        let mut draw = |rect: Rect, old: bool, both: bool| {
            let at = if old { row.old } else { row.new };
            let Some(at) = at else { return hatch(ui.painter(), theme, rect) };
            let at = at as usize;
            let (lines, words) = if old { (&text.old, &row.old_words) } else { (&text.new, &row.new_words) };
            let colours = (lines.start(at), inks[usize::from(!old)].as_ref());
            let rect = self.blame(ui, rect, (id, at), old);
            let numbers = if both && self.unified {
                (row.old, row.new)
            } else if old {
                (row.old, None)
            } else {
                (None, row.new)
            };
            self.text_line(ui, rect, lines.line(at), colours, row, words, numbers, old);
            if let Some(here) = self.place(id, index, old, at).filter(|_| ui.rect_contains_pointer(rect))
                && let Some(command) = plus(ui, theme, rect, here)
            {
                said = Some(command);
            }
        };
        match (self.unified, side) {
            (true, Side::Old) => draw(inner, true, false),
            (true, Side::New | Side::Both) => draw(inner, false, side == Side::Both),
            (false, _) => {
                let (left, right) = Self::halves(band);
                draw(left, true, false);
                draw(right, false, false);
                ui.painter().vline(left.right() + 0.5, band.y_range(), theme.hairline());
            }
        }
        said
    }

    #[allow(clippy::too_many_arguments, reason = "one line on screen has that many sides")]
    fn text_line(
        &self,
        ui: &Ui,
        rect: Rect,
        text: &str,
        colours: (usize, Option<&Spans>),
        row: &Row,
        words: &[std::ops::Range<u32>],
        numbers: (Option<u32>, Option<u32>),
        old: bool,
    ) {
        let theme = self.theme();
        let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
        let differs = row.kind != RowKind::Same;
        let (tint, strong, sign) = if old { (theme.del, theme.delw, "\u{2212}") } else { (theme.add, theme.addw, "+") };
        if differs {
            painter.rect_filled(rect, 0.0, tint);
        }
        let y = rect.top() + LINE * 0.5;
        let number = |n: u32, right: f32| {
            let at = pos2(right, y);
            painter.text(at, Align2::RIGHT_CENTER, (n + 1).to_string(), theme.mono(11.0), theme.faint);
        };
        let mut x = rect.left() + NUMBER;
        if self.unified {
            numbers.0.iter().for_each(|n| number(*n, rect.left() + NUMBER - 8.0));
            numbers.1.iter().for_each(|n| number(*n, rect.left() + NUMBER * 2.0 - 8.0));
            x += NUMBER;
        } else {
            numbers.0.or(numbers.1).iter().for_each(|n| number(*n, x - 8.0));
        }
        if differs {
            painter.text(pos2(x + 4.0, y), Align2::CENTER_CENTER, sign, theme.mono(CONTROL), theme.muted);
        }
        x += SIGN;
        let body = Rect::from_min_max(pos2(x, rect.top()), rect.max);
        let painter = painter.with_clip_rect(body.intersect(painter.clip_rect()));
        let (text, cols) = (line::drawn(text), self.layout.wrap().line);
        // Tables may be scrolled while lines are wrapped.
        let shift = if cols.is_some() { 0.0 } else { self.shift };
        for (n, part) in line::wrap(&text, cols).into_iter().enumerate() {
            let words = line::words_in(words, &part);
            let colours = (colours.0 + part.start, colours.1);
            let galley = line::galley(&painter, theme, text.get(part).unwrap_or_default(), colours, &words, strong);
            let at = pos2(x - shift, y + LINE * n as f32 - galley.size().y * 0.5);
            painter.galley(at, galley, theme.text);
        }
    }

    fn value(&self, ui: &Ui, band: Rect, added: bool, text: &str) {
        let theme = self.theme();
        let rect = band.shrink2(vec2(1.0, 0.0));
        let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
        painter.rect_filled(rect, 0.0, if added { theme.add } else { theme.del });
        let sign = if added { "+" } else { "\u{2212}" };
        let y = rect.top() + LINE * 0.5;
        painter.text(pos2(rect.left() + 20.0, y), Align2::CENTER_CENTER, sign, theme.mono(CONTROL), theme.muted);
        for (n, part) in line::wrap(text, self.layout.wrap().value).into_iter().enumerate() {
            let at = pos2(rect.left() + 36.0, y + LINE * n as f32);
            let part = text.get(part).unwrap_or_default();
            painter.text(at, Align2::LEFT_CENTER, part, theme.mono(CONTROL), theme.text);
        }
    }

    fn output_head(&mut self, ui: &Ui, band: Rect, row: usize, output: usize) {
        let theme = self.cx.theme;
        let FileShape::Notebook(diff) = &self.shown.diff.shape else { return };
        let Some(output) = diff.cells.get(row).and_then(|r| r.outputs.get(output)) else { return };
        let verb = match output.change {
            OutputChange::Added => "added",
            OutputChange::Removed => "removed",
            _ => "changed",
        };
        let painter = ui.painter();
        let rect = band.shrink2(vec2(1.0, 0.0));
        painter.rect_filled(rect, 0.0, theme.panel);
        painter.hline(rect.x_range(), rect.top() + 0.5, theme.hairline());
        let what = match output.class.as_str() {
            _ if matches!(output.detail, OutputDetail::Table(_)) => "table",
            _ if matches!(output.detail, OutputDetail::Chart(_)) => "chart",
            "stream:stdout" => "printed text",
            "stream:stderr" => "warnings and errors",
            "error" => "error",
            "text/html" => "HTML",
            c if c.starts_with("image/") => "image",
            "text/plain" => "text",
            "text/markdown" => "Markdown",
            other => other,
        };
        let y = rect.center().y;
        let number = output.new.or(output.old).map_or(0, |n| n + 1);
        let text = format!("Output {number}: {what} {verb}");
        painter.text(pos2(rect.left() + 12.0, y), Align2::LEFT_CENTER, text, theme.medium(SMALL), theme.muted);
        let now = output.new;
        let mut note = match &output.detail {
            OutputDetail::Table(t) => t.words(),
            OutputDetail::Chart(c) => c.words(),
            OutputDetail::Image { old, new } => self.picture_words(old.as_deref(), new.as_deref()),
            OutputDetail::Text(t) => format!("+{} \u{2212}{}", t.added, t.removed),
            OutputDetail::Same => String::new(),
        };
        if !output.noise.is_empty() {
            note.push_str(&format!("  \u{b7}  hidden: {}", output.noise.words()));
        }
        let right = rect.right() - if now.is_some() { 42.0 } else { 12.0 };
        painter.text(pos2(right, y), Align2::RIGHT_CENTER, note, theme.font(SMALL), theme.faint);
        if let Some(n) = now {
            let (name, key) = (format!("Comment on output {}", n + 1), ("say-output", row * 1_000 + n));
            let glyph = ("message-square-plus", theme.muted);
            if self.head_button(ui, pos2(rect.right() - 34.0, y), key, glyph, &name) {
                let here = Here { row, at: At::Output(n) };
                self.send.push(Command::Talk(threads::Command::Comment(Some(here))));
            }
        }
    }

    /// A number before and after, and by how much.
    fn metric(&self, ui: &Ui, band: Rect, metric: &Metric) {
        let theme = self.theme();
        let rect = band.shrink2(vec2(1.0, 0.0));
        let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
        let y = rect.center().y;
        let mut x = rect.left() + 12.0;
        let mut put = |text: &str, font, ink: Color32, ground: Option<Color32>| {
            let galley = painter.layout_no_wrap(text.to_owned(), font, ink);
            let pad = if ground.is_some() { 6.0 } else { 0.0 };
            let size = galley.size();
            if let Some(ground) = ground {
                let plate = Rect::from_min_size(pos2(x, y - 9.0), vec2(size.x + pad * 2.0, 18.0));
                painter.rect_filled(plate, 3.0, ground);
            }
            painter.galley(pos2(x + pad, y - size.y * 0.5), galley, ink);
            x += size.x + pad * 2.0 + 8.0;
        };
        put(&metric.label, theme.font(CONTROL), theme.text, None);
        put(&metric.old, theme.mono(CONTROL), theme.text, Some(theme.del));
        put("\u{2192}", theme.font(CONTROL), theme.muted, None);
        put(&metric.new, theme.mono(CONTROL), theme.text, Some(theme.add));
        let percent = metric.delta.percent();
        let by =
            if percent.is_empty() { metric.delta.words() } else { format!("{}  ({percent})", metric.delta.words()) };
        put(&by, theme.font(SMALL), theme.muted, None);
        let response = ui.interact(rect, ui.scope_id().with(("metric", self.index)), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, metric.words()));
    }

    /// A part of a chart and what became of it.
    fn part(&self, ui: &Ui, band: Rect, change: OutputChange, name: &str) {
        let theme = self.theme();
        let rect = band.shrink2(vec2(1.0, 0.0));
        let (sign, ground) = match change {
            OutputChange::Added => ("+", theme.add),
            OutputChange::Removed => ("\u{2212}", theme.del),
            _ => ("~", theme.mov),
        };
        let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
        painter.rect_filled(rect, 0.0, ground);
        let y = rect.center().y;
        painter.text(pos2(rect.left() + 16.0, y), Align2::CENTER_CENTER, sign, theme.mono(CONTROL), theme.muted);
        painter.text(pos2(rect.left() + 28.0, y), Align2::LEFT_CENTER, name, theme.medium(CONTROL), theme.text);
    }

    fn table(&self, ui: &Ui, band: Rect, id: usize, index: Option<usize>) {
        let theme = self.theme();
        let (Some(table), Some(widths)) = (self.layout.tables.get(id), self.layout.widths.get(id)) else { return };
        let draw = |rect: Rect, old: bool, row: Option<usize>| {
            let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
            let half = table::Half { painter: &painter, theme, rect, shift: self.shift, widths };
            match row.and_then(|r| table.rows.get(r)) {
                None => half.head(table),
                Some(row) if (if old { &row.old } else { &row.new }).is_none() => hatch(&painter, theme, rect),
                Some(row) => half.row(table, row, old),
            }
        };
        let (left, right) = Self::halves(band);
        draw(left, true, index);
        draw(right, false, index);
        ui.painter().vline(left.right() + 0.5, band.y_range(), theme.hairline());
    }
}

/// The sign in the gutter of the line below the pointer, which begins a comment on it.
fn plus(ui: &Ui, theme: &Theme, rect: Rect, here: Here) -> Option<Command> {
    let At::Line { old, line } = here.at else { return None };
    let spot = Rect::from_min_size(rect.min + vec2(2.0, 1.0), vec2(18.0, LINE - 2.0));
    let response = ui.interact(spot, ui.scope_id().with(("say", here.row, old, line)), Sense::click());
    let side = if old { "old line" } else { "line" };
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("Comment on {side} {}", line + 1)));
    let fill = if response.hovered() { theme.accent } else { theme.raised };
    let ink = if response.hovered() { theme.on } else { theme.accent };
    let painter = ui.painter();
    painter.rect(spot, 4.0, fill, theme.hairline(), egui::StrokeKind::Inside);
    painter.text(spot.center(), Align2::CENTER_CENTER, icon("plus"), theme.icon_font(13.0), ink);
    ring(painter, theme, spot, response.has_focus());
    let clicked = response.on_hover_text(format!("Comment on {side} {}", line + 1)).clicked();
    clicked.then(|| Command::Talk(threads::Command::Comment(Some(here))))
}

/// The rounded top of a box with its ground.
fn roof(painter: &Painter, theme: &Theme, band: Rect, fill: Color32, folded: bool) {
    let low = if folded { 6 } else { 0 };
    let radius = egui::CornerRadius { nw: 6, ne: 6, sw: low, se: low };
    painter.rect(band, radius, fill, theme.hairline(), egui::StrokeKind::Inside);
}

pub(super) fn ring(painter: &Painter, theme: &Theme, rect: Rect, focused: bool) {
    if focused {
        painter.rect_stroke(rect, 4.0, Stroke::new(2.0, theme.focus), egui::StrokeKind::Inside);
    }
}

/// Slanted lines where a side has nothing, in one mesh; they go on from row to row.
pub(in crate::ui) fn hatch(painter: &Painter, theme: &Theme, rect: Rect) {
    const STEP: f32 = 8.0;
    let rect = rect.intersect(painter.clip_rect());
    if !rect.is_positive() {
        return;
    }
    let color = theme.fade(theme.hair, 0.7);
    let mut mesh = Mesh::default();
    // Lines of constant x + y, so that neighbouring rows meet.
    let mut sum = ((rect.left() + rect.top()) / STEP).ceil() * STEP;
    while sum < rect.right() + rect.bottom() {
        let (from, to) = (sum - rect.top(), sum - rect.bottom());
        let (x0, y0) = if from > rect.right() { (rect.right(), sum - rect.right()) } else { (from, rect.top()) };
        let (x1, y1) = if to < rect.left() { (rect.left(), sum - rect.left()) } else { (to, rect.bottom()) };
        let first = mesh.vertices.len() as u32;
        for (x, y) in [(x0, y0), ((x0 + 1.2).min(rect.right()), y0), ((x1 + 1.2).min(rect.right()), y1), (x1, y1)] {
            mesh.colored_vertex(pos2(x, y), color);
        }
        mesh.add_triangle(first, first + 1, first + 2);
        mesh.add_triangle(first, first + 2, first + 3);
        sum += STEP;
    }
    painter.add(mesh);
}

/// `Cell 14`, `Cells 15 to 17`, `Old cell 3`.
fn title(row: &CellDiff, rows: usize) -> String {
    match (row.new, row.old) {
        (Some(n), _) if rows > 1 => format!("Cells {} to {}", n + 1, n + rows),
        (Some(n), _) => format!("Cell {}", n + 1),
        (None, Some(n)) => format!("Old cell {}", n + 1),
        _ => String::new(),
    }
}

/// `Source changed`, `Moved from 9, text the same`, `Added, split off old cell 4`.
fn words(diff: &NotebookDiff, row: &CellDiff, rows: usize) -> String {
    let mut parts: Vec<String> = Vec::new();
    match row.change {
        CellChange::Added => parts.push("Added".to_owned()),
        CellChange::Removed => parts.push("Removed".to_owned()),
        CellChange::Rerun if !row.moved => {
            let count = |c: Option<&CellView>| c.and_then(|c| c.count).map_or("none".to_owned(), |n| n.to_string());
            parts.push(format!("Only re-run: [{}] became [{}]", count(diff.old_cell(row)), count(diff.new_cell(row))));
        }
        CellChange::Same if !row.moved => parts.push("Unchanged".to_owned()),
        _ => {}
    }
    if let (true, Some(old)) = (row.moved, row.old) {
        let from = if rows > 1 { format!("{} to {}", old + 1, old + rows) } else { (old + 1).to_string() };
        parts.push(format!("Moved from {from}"));
        if matches!(row.change, CellChange::Same | CellChange::Rerun) {
            parts.push("text the same".to_owned());
        }
    }
    if row.change == CellChange::Changed {
        let outputs = !row.outputs.is_empty();
        parts.push(match (row.source.is_some(), outputs) {
            (true, true) => "source and outputs changed".to_owned(),
            (true, false) => "source changed".to_owned(),
            (false, true) => "outputs changed, source the same".to_owned(),
            _ if row.retyped.is_some() => "type changed".to_owned(),
            _ => "details changed".to_owned(),
        });
    }
    match row.link {
        Some(Link::SplitFrom(n)) => parts.push(format!("split off old cell {}", n + 1)),
        Some(Link::JoinedInto(n)) => parts.push(format!("joined into cell {}", n + 1)),
        None => {}
    }
    let text = parts.join(", ");
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
