//! Rows of a compared table.
use egui::{Align2, Painter, Rect, pos2};

use crate::{
    model::{
        diff::{TableDiff, TableRow},
        textdiff::RowKind,
    },
    ui::theme::{CONTROL, SMALL, Theme, icon},
};

/// Widest column, in letters.
const WIDEST: usize = 28;
/// Width of a letter, about.
const LETTER: f32 = 7.2;

/// Widths of the columns in letters.
pub(super) fn widths(table: &TableDiff) -> Vec<usize> {
    let sample = || table.rows.iter().take(200);
    (0..table.columns.len())
        .map(|c| {
            let cells = sample().flat_map(|r| r.old.iter().chain(&r.new)).filter_map(|r| r.get(c));
            let name = table.columns.get(c).map_or(0, |n| n.0.chars().count());
            let was = table.renamed.get(c).and_then(|w| w.as_ref()).map_or(0, |w| w.chars().count() + 3);
            let cells = cells.map(|t| t.chars().count()).max().unwrap_or(0).max(name + was).clamp(3, WIDEST);
            let by = sample().filter_map(|r| delta(table, r, c)).map(|t| t.chars().count() + 2).max();
            cells + by.unwrap_or(0)
        })
        .collect()
}

/// How much a number changed, as there is room for.
fn delta(table: &TableDiff, row: &TableRow, column: usize) -> Option<String> {
    let delta = row.delta(column)?;
    let percent = delta.percent();
    let both = table.columns.len() <= 4 && !percent.is_empty();
    Some(if both { format!("{}  {percent}", delta.words()) } else { delta.words() })
}

/// Width of all columns together.
pub(super) fn total_width(widths: &[usize]) -> f32 {
    widths.iter().map(|w| *w as f32 * LETTER + 24.0).sum::<f32>() + 24.0
}

/// One side of a table: where it is, what part of its columns is scrolled off.
pub(super) struct Half<'a> {
    pub painter: &'a Painter,
    pub theme: &'a Theme,
    pub rect: Rect,
    pub shift: f32,
    pub widths: &'a [usize],
}

impl Half<'_> {
    fn columns(&self) -> impl Iterator<Item = (usize, Rect)> + '_ {
        let mut x = self.rect.left() + 24.0 - self.shift;
        self.widths.iter().enumerate().map(move |(i, w)| {
            let width = *w as f32 * LETTER + 24.0;
            let cell = Rect::from_min_max(pos2(x, self.rect.top()), pos2(x + width, self.rect.bottom()));
            x += width;
            (i, cell)
        })
    }

    /// Names of the columns; those that came or went are marked.
    pub fn head(&self, table: &TableDiff) {
        for (i, cell) in self.columns() {
            let Some((name, kind)) = table.columns.get(i) else { continue };
            let name = match kind {
                RowKind::Added => format!("+ {name}"),
                RowKind::Removed => format!("\u{2212} {name}"),
                RowKind::Changed => {
                    let was = table.renamed.get(i).and_then(|w| w.as_deref()).unwrap_or_default();
                    format!("{was} \u{2192} {name}")
                }
                RowKind::Same => name.clone(),
            };
            self.text(cell, table.numbers.get(i) == Some(&true), &name, self.theme.muted);
        }
        self.painter.hline(self.rect.x_range(), self.rect.bottom() - 0.5, self.theme.hairline());
    }

    /// A row of this side.
    pub fn row(&self, table: &TableDiff, row: &TableRow, old: bool) {
        let theme = self.theme;
        let cells = if old { &row.old } else { &row.new };
        let Some(cells) = cells else { return };
        let (tint, strong, sign) = if old { (theme.del, theme.delw, "\u{2212}") } else { (theme.add, theme.addw, "+") };
        if row.kind != RowKind::Same {
            self.painter.rect_filled(self.rect, 0.0, tint);
            let at = pos2(self.rect.left() + 12.0, self.rect.center().y);
            self.painter.text(at, Align2::CENTER_CENTER, sign, theme.mono(CONTROL), theme.muted);
        } else if row.moved {
            self.painter.rect_filled(self.rect, 0.0, theme.mov);
            let at = pos2(self.rect.left() + 12.0, self.rect.center().y);
            self.painter.text(at, Align2::CENTER_CENTER, icon("chevrons-up-down"), theme.icon_font(12.0), theme.muted);
        }
        for (i, cell) in self.columns() {
            let hidden = if old { RowKind::Added } else { RowKind::Removed };
            if table.columns.get(i).is_none_or(|c| c.1 == hidden) {
                continue;
            }
            if row.changed.get(i) == Some(&true) {
                self.painter.rect_filled(cell.shrink2(egui::vec2(2.0, 2.0)), 2.0, strong);
            }
            let text = cells.get(i).map(String::as_str).unwrap_or_default();
            self.text(cell, table.numbers.get(i) == Some(&true), text, theme.text);
            if let Some(by) = (!old).then(|| delta(table, row, i)).flatten() {
                let clip = cell.intersect(self.painter.clip_rect());
                let at = pos2(cell.left() + 8.0, cell.center().y);
                self.painter.with_clip_rect(clip).text(at, Align2::LEFT_CENTER, by, theme.font(SMALL), theme.muted);
            }
        }
    }

    fn text(&self, cell: Rect, right: bool, text: &str, color: egui::Color32) {
        let clip = cell.intersect(self.painter.clip_rect());
        if clip.width() <= 0.0 {
            return;
        }
        let text = crate::base::text::shorten(text, WIDEST + 4);
        let (at, align) = if right {
            (pos2(cell.right() - 12.0, cell.center().y), Align2::RIGHT_CENTER)
        } else {
            (pos2(cell.left() + 12.0, cell.center().y), Align2::LEFT_CENTER)
        };
        self.painter.with_clip_rect(clip).text(at, align, text, self.theme.font(CONTROL), color);
    }
}
