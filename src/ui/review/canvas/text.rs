//! Lines of a comparison, beside or below each other, with their numbers, authors and the sign to comment on them.
use egui::{Align2, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use super::{
    super::{
        layout::{LINE, Side},
        line, past,
    },
    NUMBER, Pen, SIGN,
    paint::{hatch, ring},
};
use crate::{
    app::review::{
        Command,
        threads::{self, Here},
    },
    model::{
        diff::FileShape,
        review::At,
        textdiff::{Row, RowKind},
    },
    ui::{
        theme::{CONTROL, Theme, icon},
        widgets::highlight::Spans,
    },
};

impl Pen<'_, '_> {
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
            past::blame_ui(ui, self.cx, rect, (cell, line));
        }
        // Beside each other only the new side says it; below each other both leave room.
        if old && !self.unified {
            return rect;
        }
        rect.with_min_x(rect.left() + past::BLAME)
    }

    pub(super) fn line(&mut self, ui: &Ui, band: Rect, (id, index): (usize, usize), side: Side) {
        let said = self.draw_line(ui, band, (id, index), side);
        self.send.extend(said);
        self.change(ui, band, index, side);
    }

    /// Of a text: shows which change is in front, and at its first line the button that takes it back.
    fn change(&mut self, ui: &Ui, band: Rect, index: usize, side: Side) {
        let FileShape::Text(text) = &self.shown.diff.shape else { return };
        if self.front.contains(&index) {
            let edge = Rect::from_min_size(band.min, vec2(2.0, band.height()));
            ui.painter().rect_filled(edge, 0.0, self.theme().accent);
        }
        let first = text.change_at(index).is_some_and(|rows| rows.start == index);
        // Below each other a changed line is drawn twice.
        let again = side == Side::New && text.rows.get(index).is_some_and(|r| r.old.is_some());
        if !first || again || !crate::app::git::work::discards_parts(self.cx.state) {
            return;
        }
        let line = text.rows.get(index).and_then(|r| r.new.or(r.old)).map_or(0, |n| n + 1);
        let name = format!("Discard the change at line {line} (Delete)");
        let at = pos2(band.right() - 28.0, band.top() + LINE * 0.5);
        if self.head_button(ui, at, ("discard-lines", index), ("eraser", self.theme().muted), &name) {
            self.send.push(Command::Discard(Some(index)));
        }
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

    pub(super) fn value(&self, ui: &Ui, band: Rect, added: bool, text: &str) {
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
