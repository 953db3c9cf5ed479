//! Painting rows: only what is visible, with text layouts that egui caches from frame to frame.
use egui::{
    Align2, Color32, Painter, Rect, Stroke, StrokeKind,
    epaint::text::{LayoutJob, TextFormat, TextWrapping},
    pos2, vec2,
};

use super::{DataGrid, GridView, Layout};
use crate::{
    base::text::thousands,
    model::{
        output::{Ink, html::Look},
        table::{Cell, Kind},
    },
    ui::theme::{SMALL, Theme},
};

const PAD: f32 = 8.0;
/// Longest text laid out in a cell; what is beyond cannot be seen.
const LONGEST: usize = 200;

/// Rows, row numbers and the selection.
pub(super) fn body(painter: &Painter, theme: &Theme, grid: &DataGrid<'_>, layout: &Layout, view: &GridView) {
    let cells = painter.with_clip_rect(layout.body);
    let numbers = painter.with_clip_rect(layout.numbers);
    let rows = layout.rows(view);
    let columns = layout.columns(view);
    let last = layout.y(view, rows.end).clamp(layout.numbers.top(), layout.numbers.bottom());
    numbers.rect_filled(Rect::from_min_max(layout.numbers.min, pos2(layout.numbers.right(), last)), 0.0, theme.panel);
    let selection = view.selection();
    let end = layout.x_end(view);
    for row in rows.clone() {
        let y = layout.y(view, row);
        let line = Rect::from_min_max(pos2(layout.body.left(), y), pos2(end, y + layout.row_height));
        let selected = selection.as_ref().is_some_and(|s| s.rows.contains(&row));
        if selected {
            cells.rect_filled(line, 0.0, theme.sel);
            numbers.rect_filled(
                Rect::from_min_max(pos2(layout.numbers.left(), y), pos2(layout.numbers.right(), y + layout.row_height)),
                0.0,
                theme.sel,
            );
        }
        for column in columns.clone() {
            let (left, right) = layout.x(view, column);
            let rect = Rect::from_min_max(pos2(left, y), pos2(right, y + layout.row_height));
            match grid.rows.cell(row, column) {
                Some(cell) => {
                    if column < grid.index && !selected {
                        cells.rect_filled(rect, 0.0, theme.panel);
                    }
                    let look = grid.looks.and_then(|looks| looks(row, column)).filter(|_| !selected);
                    one(&cells, theme, grid, column, (cell, look), rect);
                }
                None => placeholder(&cells, theme, row, column, rect),
            }
        }
        cells.hline(layout.body.left()..=end, y + layout.row_height - 0.5, theme.hairline());
        if !grid.numbered {
            continue;
        }
        let at = pos2(layout.numbers.right() - PAD, y + layout.row_height * 0.5);
        let ink = if selected { theme.text } else { theme.faint };
        numbers.text(at, Align2::RIGHT_CENTER, thousands(row + 1), theme.font(11.0), ink);
        numbers.hline(layout.numbers.x_range(), y + layout.row_height - 0.5, theme.hairline());
    }
    let bottom = rows.end.checked_sub(1).map_or(layout.body.top(), |last| layout.y(view, last) + layout.row_height);
    let bottom = bottom.min(layout.body.bottom());
    for column in columns {
        let (_, right) = layout.x(view, column);
        cells.vline(right - 0.5, layout.body.top()..=bottom, theme.hairline());
    }
    numbers.vline(layout.numbers.right() - 0.5, layout.numbers.top()..=bottom, theme.hairline());
    cursor(&cells, theme, layout, view);
}

impl Layout {
    fn x_end(&self, view: &GridView) -> f32 {
        (self.body.left() - view.left + self.wide).min(self.body.right())
    }
}

fn cursor(painter: &Painter, theme: &Theme, layout: &Layout, view: &GridView) {
    if let Some(selection) = view.selection().filter(|_| view.anchor.is_some() && !view.whole_rows) {
        let (left, _) = layout.x(view, selection.columns.start);
        let (_, right) = layout.x(view, (selection.columns.end - 1).min(layout.edges.len() - 2));
        let bottom = layout.y(view, selection.rows.end);
        let block = Rect::from_min_max(pos2(left, layout.y(view, selection.rows.start)), pos2(right, bottom));
        painter.rect_filled(block, 0.0, theme.fade(theme.focus, 0.18));
    }
    let Some((row, column)) = view.cursor else { return };
    if !layout.rows(view).contains(&row) || column + 1 >= layout.edges.len() {
        return;
    }
    let (left, right) = layout.x(view, column);
    let y = layout.y(view, row);
    let rect = Rect::from_min_max(pos2(left, y), pos2(right - 1.0, y + layout.row_height - 1.0));
    painter.rect_stroke(rect, 0.0, Stroke::new(1.5, theme.focus), StrokeKind::Inside);
}

fn one(
    painter: &Painter,
    theme: &Theme,
    grid: &DataGrid<'_>,
    column: usize,
    (cell, look): (&Cell, Option<&Look>),
    rect: Rect,
) {
    let index = column < grid.index;
    let column = &grid.columns[column];
    let ink = match cell {
        Cell::Null => theme.faint,
        _ => theme.text,
    };
    let right = column.kind.is_number() || column.kind == Kind::Duration;
    let shown = cell.show(column.grouped());
    let font_id = if index { theme.medium(12.0) } else { theme.font(12.0) };
    let plain = TextFormat { font_id, color: if index { theme.muted } else { ink }, ..TextFormat::default() };
    match look {
        None => text(painter, &shown, plain, rect, right),
        Some(look) => {
            let format = ground(painter, theme, look, plain, rect);
            text(painter, &shown, format, rect, look.right.unwrap_or(right));
        }
    }
}

/// Paints what a cell with a look of its own stands on; gives the format of its text.
fn ground(painter: &Painter, theme: &Theme, look: &Look, plain: TextFormat, rect: Rect) -> TextFormat {
    let rgb = |ink: Option<Ink>| match ink {
        Some(Ink::Rgb(r, g, b)) => Some(theme.rgb(r, g, b)),
        _ => None,
    };
    let ground = rgb(look.ground);
    if let Some(fill) = ground {
        painter.rect_filled(rect, 0.0, fill);
    }
    let mut under = ground.unwrap_or(theme.bg);
    for (ink, from, to) in &look.bars {
        if let Some(fill) = rgb(Some(*ink)) {
            let x = |share: f32| rect.left() + rect.width() * share;
            painter.rect_filled(rect.with_min_x(x(*from)).with_max_x(x(*to)).shrink2(vec2(0.0, 3.0)), 0.0, fill);
            // Numbers stand at the right.
            if *to > 0.85 {
                under = fill;
            }
        }
    }
    let color = rgb(look.ink).unwrap_or(plain.color);
    let color = if look.link.is_some() { theme.accent } else { color };
    // Whoever chose both knew what they did.
    let chosen = look.ink.is_some() && look.ground.is_some() && look.link.is_none();
    let color = if chosen { color } else { theme.readable(color, under) };
    TextFormat {
        font_id: if look.bold { theme.semibold(12.0) } else { plain.font_id },
        color,
        italics: look.italic,
        underline: if look.link.is_some() { Stroke::new(1.0, color) } else { Stroke::NONE },
        ..TextFormat::default()
    }
}

/// One line in a cell, cut with an ellipsis where it does not fit.
fn text(painter: &Painter, shown: &str, format: TextFormat, rect: Rect, right: bool) {
    let line: String = shown.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let ink = format.color;
    let mut job = LayoutJob::single_section(line, format);
    job.wrap = TextWrapping::truncate_at_width((rect.width() - PAD * 2.0).max(8.0));
    let galley = painter.layout_job(job);
    let x = if right { rect.right() - PAD - galley.size().x } else { rect.left() + PAD };
    painter.galley(pos2(x, rect.center().y - galley.size().y * 0.5), galley, ink);
}

/// A grey bar for a cell that has not come; its width differs so that a column does not look like a block.
fn placeholder(painter: &Painter, theme: &Theme, row: u64, column: usize, rect: Rect) {
    let share = 0.35 + 0.45 * ((row * 7 + column as u64 * 13) % 10) as f32 / 10.0;
    let width = ((rect.width() - PAD * 2.0) * share).max(6.0);
    let bar = Rect::from_min_size(pos2(rect.left() + PAD, rect.center().y - 3.0), vec2(width, 6.0));
    painter.rect_filled(bar, 3.0, theme.hover);
}

/// The ring around a focused table.
pub(super) fn focus(painter: &Painter, theme: &Theme, rect: Rect) {
    painter.rect_stroke(rect, 0.0, Stroke::new(1.0, theme.fade(theme.focus, 0.6)), StrokeKind::Inside);
}

/// Small text at a place, cut to a width.
pub(super) fn label(painter: &Painter, theme: &Theme, shown: &str, ink: Color32, at: egui::Pos2, width: f32) {
    let format = TextFormat { font_id: theme.font(SMALL), color: ink, ..TextFormat::default() };
    let mut job = LayoutJob::single_section(shown.to_owned(), format);
    job.wrap = TextWrapping::truncate_at_width(width.max(8.0));
    let galley = painter.layout_job(job);
    painter.galley(at, galley, ink);
}
