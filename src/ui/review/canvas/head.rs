//! The bars of a comparison: heads of cells and files with their buttons, and what is folded away.
use egui::{Align2, Color32, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use super::{
    Pen,
    paint::{ring, roof},
};
use crate::{
    app::review::{
        Command,
        threads::{self, Here},
    },
    base::text::{count, shorten},
    model::{
        diff::{CellChange, CellDiff, CellView, FileShape, Link, NotebookDiff},
        review::At,
    },
    ui::theme::{CONTROL, SMALL, icon},
};

impl Pen<'_, '_> {
    pub(super) fn fold(&mut self, ui: &mut Ui, band: Rect, key: usize, (same, rerun): (usize, usize), open: bool) {
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

    pub(super) fn hidden(&mut self, ui: &mut Ui, band: Rect, key: usize, lines: usize) {
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

    pub(super) fn head(&mut self, ui: &mut Ui, band: Rect, first: usize, until: usize, folded: bool) {
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
            if shown && crate::app::git::work::discards_parts(self.cx.state) {
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
                super::super::thread::paint_avatar(ui.painter(), theme, name, rect);
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
            super::super::thread::paint_count(ui.painter(), theme, pos2(right - 4.0, y), said);
        }
    }

    pub(super) fn head_button(
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

    pub(super) fn file_head(&self, ui: &Ui, band: Rect) {
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
