//! Selecting with the pointer, and what is selected as text.
use std::{fmt::Write, ops::Range};

use egui::{Response, Ui};

use super::{GridView, Layout, Rows, Shown};
use crate::model::table::Column;

/// A block of cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    pub rows: Range<u64>,
    pub columns: Range<usize>,
}

/// The selection as tab-separated lines, with a head line when more than one row is selected; `None` while some of
/// its rows have not come. Numbers are plain, so that they paste as numbers.
pub fn selection_text(rows: &dyn Rows, columns: &[Column], selection: &Selection) -> Option<String> {
    let several = selection.rows.end - selection.rows.start > 1;
    let range = selection.columns.start..selection.columns.end.min(columns.len());
    let mut out = String::new();
    if several {
        let names: Vec<&str> = columns[range.clone()].iter().map(|c| c.name.as_str()).collect();
        out.push_str(&names.join("\t"));
        out.push('\n');
    }
    for row in selection.rows.clone() {
        for column in range.clone() {
            let text = rows.cell(row, column)?.plain();
            let _ = write!(out, "{}{}", if column > range.start { "\t" } else { "" }, field(&text));
        }
        if several {
            out.push('\n');
        }
    }
    Some(out)
}

/// Quotes what would break the grid of a spreadsheet.
fn field(text: &str) -> String {
    if text.contains(['\t', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// Clicks and drags over cells and row numbers.
pub(super) fn pointer(ui: &Ui, layout: &Layout, view: &mut GridView, response: &Response, shown: &mut Shown) {
    let Some(at) = response.interact_pointer_pos() else { return };
    if at.y < layout.body.top() || at.y > layout.body.bottom() && !response.dragged() {
        return;
    }
    let pressed = response.drag_started() || response.clicked();
    if pressed {
        response.request_focus();
    }
    let in_numbers = at.x < layout.body.left();
    let clamped = at.y.clamp(layout.body.top(), layout.body.bottom() - 1.0);
    let Some(row) = layout.row_at(view, clamped) else { return };
    let column = layout.column_at(view, at.x.clamp(layout.body.left(), layout.body.right() - 1.0));
    let last = layout.edges.len().saturating_sub(2);
    if pressed {
        let shift = ui.input(|i| i.modifiers.shift);
        if shift && view.cursor.is_some() {
            view.anchor = view.anchor.or(view.cursor);
        } else {
            view.anchor = None;
            view.whole_rows = in_numbers;
        }
        if in_numbers {
            view.cursor = Some((row, view.cursor.map_or(0, |c| c.1)));
        } else if let Some(column) = column {
            view.cursor = Some((row, column));
        }
    } else if response.dragged() && view.cursor.is_some() {
        view.anchor = view.anchor.or(view.cursor);
        let column = if view.whole_rows { view.cursor.map_or(0, |c| c.1) } else { column.unwrap_or(last) };
        view.cursor = Some((row, column));
        // Dragging beyond an edge scrolls.
        if at.y > layout.body.bottom() || at.y < layout.body.top() + 4.0 {
            view.follow = true;
            let step = if at.y > layout.body.bottom() { 1.0 } else { -1.0 };
            view.top += step;
            ui.ctx().request_repaint();
        }
    }
    if response.double_clicked() && !in_numbers {
        shown.open = view.cursor;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::table::{Cell, Kind, Page};

    #[test]
    fn a_selection_pastes_into_a_spreadsheet() {
        let columns: Arc<[Column]> =
            Arc::from([Column::new("a", "i64", Kind::Int), Column::new("b", "str", Kind::Text)]);
        let rows = vec![vec![Cell::Int(-1234), Cell::Text("x\ty".into())], vec![Cell::Null, Cell::Text("z".into())]];
        let page = Page { columns: columns.clone(), first_row: 5, rows, total_rows: 100 };
        let text = |rows, cols| selection_text(&page, &columns, &Selection { rows, columns: cols });
        assert_eq!(text(5..7, 0..2).unwrap(), "a\tb\n-1234\t\"x\ty\"\n\tz\n");
        assert_eq!(text(5..6, 0..1).unwrap(), "-1234", "one cell is just its value");
        assert_eq!(text(5..8, 0..1), None, "a row that has not come");
    }
}
