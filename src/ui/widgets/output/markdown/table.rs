//! A table of a text: columns as wide as their words.
use egui::{Align, Rect, ScrollArea, Sense, Stroke, Ui, pos2, vec2};

use super::{Face, TEXT, Text};
use crate::model::markdown::{Grid, Inline, Side};

impl<'a> Text<'_, 'a, '_> {
    /// Columns as wide as their words, made narrower together where they do not fit.
    pub(super) fn table(&mut self, ui: &mut Ui, grid: &'a Grid, next: &mut usize) {
        const PAD: f32 = 10.0;
        *next += 1;
        let theme = self.theme();
        let columns = grid.sides.len().max(grid.head.len()).max(1);
        let head = Face { heavy: true, ..TEXT };
        let rows: Vec<(&[Vec<Inline>], Face)> = std::iter::once((grid.head.as_slice(), head))
            .chain(grid.rows.iter().map(|r| (r.as_slice(), TEXT)))
            .collect();
        let mut widths = vec![24.0f32; columns];
        for (row, face) in rows.iter().take(200) {
            for (cell, width) in row.iter().zip(&mut widths) {
                let laid = self.lay(ui, cell, *face, f32::INFINITY, Align::Min);
                *width = width.max(laid.galley.rect.width() + 2.0 * PAD);
            }
        }
        let whole: f32 = widths.iter().sum();
        let room = ui.available_width();
        if whole > room {
            // Narrow columns keep their width as far as that goes.
            let fair = room / columns as f32;
            let small: f32 = widths.iter().filter(|w| **w <= fair).sum();
            let large: f32 = widths.iter().filter(|w| **w > fair).sum();
            let share = ((room - small) / large.max(1.0)).clamp(0.05, 1.0);
            widths.iter_mut().filter(|w| **w > fair).for_each(|w| *w = (*w * share).max(40.0));
        }
        let whole: f32 = widths.iter().sum();
        let id = *next;
        ScrollArea::horizontal().id_salt(("table", id)).show(ui, |ui| {
            let left = ui.cursor().left();
            let top = ui.cursor().top();
            let mut y = top;
            for (n, (row, face)) in rows.iter().enumerate() {
                let mut x = left;
                let mut height = face.line;
                let mut cells = Vec::new();
                for (i, width) in widths.iter().enumerate() {
                    let side = grid.sides.get(i).copied().unwrap_or_default();
                    let align = match side {
                        Side::Left => Align::Min,
                        Side::Center => Align::Center,
                        Side::Right => Align::Max,
                    };
                    let words = row.get(i).map_or(&[][..], Vec::as_slice);
                    let laid = self.lay(ui, words, *face, (width - 2.0 * PAD).max(20.0), align);
                    height = height.max(laid.galley.rect.height());
                    let at = match side {
                        Side::Left => x + PAD,
                        Side::Center => x + width / 2.0,
                        Side::Right => x + width - PAD,
                    };
                    cells.push((laid, at));
                    x += width;
                }
                let line = Rect::from_min_size(pos2(left, y), vec2(whole, height + 8.0));
                if n > 0 && n % 2 == 0 {
                    ui.painter().rect_filled(line, 0.0, theme.panel);
                }
                for (laid, at) in cells {
                    self.show(ui, &laid, pos2(at, y + 4.0), *face);
                }
                y = line.bottom();
                let ink = if n == 0 { theme.border } else { theme.hair };
                ui.painter().hline(line.x_range(), y - 0.5, Stroke::new(1.0, ink));
            }
            ui.allocate_rect(Rect::from_min_max(pos2(left, top), pos2(left + whole, y)), Sense::hover());
        });
    }
}
