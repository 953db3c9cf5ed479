//! The table widget: any number of rows, both axes virtual, exact at the last row.
//!
//! Positions are rows in `f64`, not points in `f32`: at ten million rows of 24 points an `f32` scroll offset is 16
//! points off. Only what is visible is painted, with text layouts straight to the painter, no widget per cell. Rows
//! that have not come yet are grey bars; the caller loads what [`Shown::rows`] says is visible.
//!
//! ```text
//! let shown = DataGrid::new("flights", &columns, &page).sort(sort).profiles(&profiles).show(ui, theme, &mut view);
//! ```
mod head;
mod keys;
mod paint;
mod scroll;
mod select;

use std::{ops::Range, sync::Arc};

use egui::{Id, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

pub(crate) use head::bar_words;
pub use select::{Selection, selection_text};

use crate::{
    base::text::{count, thousands},
    model::{
        output::html::Look,
        table::{Cell, Column, ColumnProfile, Page},
    },
    ui::theme::Theme,
};

/// Where cells come from.
pub trait Rows {
    /// Rows of the whole table.
    fn total(&self) -> u64;
    /// A cell; `None` while its row has not come.
    fn cell(&self, row: u64, column: usize) -> Option<&Cell>;
}

impl Rows for Page {
    fn total(&self) -> u64 {
        self.total_rows
    }
    fn cell(&self, row: u64, column: usize) -> Option<&Cell> {
        Self::cell(self, row, column)
    }
}

/// How much the head shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Head {
    /// Name and sort, histogram 24, null bar, type: 78 high.
    #[default]
    Full,
    /// Name and type in one line, histogram 18 and null bar when there are profiles: 24 or 48 high.
    Compact,
}

/// What the widget remembers between frames.
#[derive(Debug, Clone, Default)]
pub struct GridView {
    /// First visible row and the part of it above the edge.
    pub(super) top: f64,
    /// Points scrolled to the right.
    pub(super) left: f32,
    pub(super) widths: Vec<f32>,
    pub(super) cursor: Option<(u64, usize)>,
    pub(super) anchor: Option<(u64, usize)>,
    pub(super) whole_rows: bool,
    /// Column being resized and its width when that began.
    pub(super) resizing: Option<(usize, f32)>,
    /// Points between the pointer and the top of the thumb being dragged.
    pub(super) grip: Option<f32>,
    pub(super) names: Vec<String>,
    /// The cursor moved by a key and must be brought into view.
    pub(super) follow: bool,
    visible: Range<u64>,
}

impl GridView {
    /// The selected cell: row and column.
    pub fn cursor(&self) -> Option<(u64, usize)> {
        self.cursor
    }
    /// What is selected.
    pub fn selection(&self) -> Option<Selection> {
        let (cursor, anchor) = (self.cursor?, self.anchor.or(self.cursor)?);
        let columns = if self.whole_rows {
            0..self.widths.len().max(1)
        } else {
            cursor.1.min(anchor.1)..cursor.1.max(anchor.1) + 1
        };
        Some(Selection { rows: cursor.0.min(anchor.0)..cursor.0.max(anchor.0) + 1, columns })
    }
    /// Selects a cell and scrolls it into view.
    pub fn go_to(&mut self, row: u64, column: usize) {
        self.cursor = Some((row, column));
        self.anchor = None;
        self.whole_rows = false;
        self.follow = true;
    }
    /// Back to the first row, nothing selected; widths stay.
    pub fn reset(&mut self) {
        *self = Self {
            widths: std::mem::take(&mut self.widths),
            names: std::mem::take(&mut self.names),
            ..Self::default()
        };
    }
    /// First visible row and how much of it is above the edge.
    pub fn top(&self) -> f64 {
        self.top
    }
    /// Rows on the screen in the last frame.
    pub fn visible(&self) -> Range<u64> {
        self.visible.clone()
    }
}

/// What happened in a frame.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    /// Visible rows; load these.
    pub rows: Range<u64>,
    /// The cursor moved.
    pub moved: bool,
    /// The head of this column was clicked: sort by it.
    pub sort: Option<usize>,
    /// This bar of this column's histogram was clicked: filter by it.
    pub bar: Option<(usize, usize)>,
    /// Ctrl+C; `selection_text` gives the text when all rows have come.
    pub copy: Option<Selection>,
    /// A cell with a link was clicked.
    pub link: Option<Arc<str>>,
    /// Enter or double click on a cell.
    pub open: Option<(u64, usize)>,
}

/// A table to draw.
pub struct DataGrid<'a> {
    id: &'a str,
    columns: &'a [Column],
    rows: &'a dyn Rows,
    profiles: &'a [Option<ColumnProfile>],
    sort: &'a [(usize, bool)],
    head: Head,
    row_height: f32,
    sortable: bool,
    looks: Option<Looks<'a>>,
    /// Columns at the left that name the rows.
    index: usize,
    numbered: bool,
    headless: bool,
}

/// How cells look that are not as others.
pub type Looks<'a> = &'a dyn Fn(u64, usize) -> Option<&'a Look>;

impl std::fmt::Debug for DataGrid<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DataGrid").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Where the parts of the widget lie in this frame.
pub(super) struct Layout {
    pub id: Id,
    pub head: Rect,
    /// Row numbers below the head.
    pub numbers: Rect,
    /// Cells.
    pub body: Rect,
    pub total: u64,
    pub row_height: f32,
    /// Rows that fit, with a fraction.
    pub fit: f64,
    /// Width of all columns.
    pub wide: f32,
    /// Left edge of each column, from the first one, and the end.
    pub edges: Vec<f32>,
}

pub(super) const BAR: f32 = 10.0;
/// Letters of a cell that a column is made wide enough for.
const LETTERS: usize = 40;
/// Columns beyond this many are not measured.
const MEASURED: usize = 200;

impl Layout {
    /// Top of a row on the screen.
    pub fn y(&self, view: &GridView, row: u64) -> f32 {
        // The difference is small, so f32 holds it; the absolute position would not fit.
        self.body.top() + ((row as f64 - view.top) * f64::from(self.row_height)) as f32
    }
    /// The row at a height on the screen.
    pub fn row_at(&self, view: &GridView, y: f32) -> Option<u64> {
        let row = view.top + f64::from(y - self.body.top()) / f64::from(self.row_height);
        (row >= 0.0 && (row as u64) < self.total).then_some(row as u64)
    }
    /// Left and right edge of a column on the screen.
    pub fn x(&self, view: &GridView, column: usize) -> (f32, f32) {
        let from = self.body.left() - view.left;
        (from + self.edges[column], from + self.edges[column + 1])
    }
    /// The column at a place on the screen.
    pub fn column_at(&self, view: &GridView, x: f32) -> Option<usize> {
        let at = x - self.body.left() + view.left;
        let column = self.edges.partition_point(|e| *e <= at);
        (column > 0 && column < self.edges.len()).then(|| column - 1)
    }
    /// Visible rows, the partly visible ones included.
    pub fn rows(&self, view: &GridView) -> Range<u64> {
        let first = view.top.max(0.0) as u64;
        let last = (view.top + self.fit).ceil().max(0.0) as u64;
        first.min(self.total)..last.min(self.total)
    }
    /// Visible columns.
    pub fn columns(&self, view: &GridView) -> Range<usize> {
        let count = self.edges.len() - 1;
        let first = self.edges.partition_point(|e| *e <= view.left).saturating_sub(1).min(count);
        let last = self.edges.partition_point(|e| *e < view.left + self.body.width()).min(count);
        first..last.max(first)
    }
    /// The greatest first row.
    pub fn last_top(&self) -> f64 {
        (self.total as f64 - self.fit).max(0.0)
    }
    /// The greatest scroll to the right.
    pub fn last_left(&self) -> f32 {
        (self.wide - self.body.width()).max(0.0)
    }
}

impl<'a> DataGrid<'a> {
    /// A table; `id` is also its accessible name.
    pub fn new(id: &'a str, columns: &'a [Column], rows: &'a dyn Rows) -> Self {
        Self {
            id,
            columns,
            rows,
            profiles: &[],
            sort: &[],
            head: Head::Full,
            row_height: 24.0,
            sortable: true,
            looks: None,
            index: 0,
            numbered: true,
            headless: false,
        }
    }
    /// Profiles for the head, by column; `None` while not known.
    #[must_use]
    pub fn profiles(mut self, profiles: &'a [Option<ColumnProfile>]) -> Self {
        self.profiles = profiles;
        self
    }
    /// Columns sorted by, strongest first; true: largest first.
    #[must_use]
    pub fn sort(mut self, sort: &'a [(usize, bool)]) -> Self {
        self.sort = sort;
        self
    }
    /// The small head, for notebook outputs and failing rows.
    #[must_use]
    pub fn compact(mut self) -> Self {
        self.head = Head::Compact;
        self
    }
    /// Colours, bars, tooltips and links of single cells.
    #[must_use]
    pub fn looks(mut self, looks: Looks<'a>) -> Self {
        self.looks = Some(looks);
        self
    }
    /// Clicks on a head only move the cursor.
    #[must_use]
    pub fn unsorted(mut self) -> Self {
        self.sortable = false;
        self
    }

    /// So many columns name the rows, and look like it.
    #[must_use]
    pub fn indexed(mut self, columns: usize) -> Self {
        self.index = columns;
        self
    }
    /// No numbers beside the rows.
    #[must_use]
    pub fn unnumbered(mut self) -> Self {
        self.numbered = false;
        self
    }
    /// No head, for columns without names.
    #[must_use]
    pub fn headless(mut self) -> Self {
        self.headless = true;
        self
    }

    fn head_height(&self) -> f32 {
        if self.headless {
            return 0.0;
        }
        match self.head {
            Head::Full => 78.0,
            Head::Compact if self.profiles.iter().any(Option::is_some) => 48.0,
            Head::Compact => 24.0,
        }
    }
    /// Height that shows `rows` rows with their head and, when the columns are wider than `width`, the lower bar.
    /// Widths are known from the second frame on.
    pub fn height_for(&self, view: &GridView, rows: u64, width: f32) -> f32 {
        let same = view.widths.len() == self.columns.len();
        let mut room = width - self.numbers_width();
        if rows < self.rows.total() {
            room -= BAR;
        }
        let bar = if same && view.widths.iter().sum::<f32>() > room { BAR } else { 0.0 };
        self.head_height() + rows as f32 * self.row_height + bar
    }

    fn numbers_width(&self) -> f32 {
        if !self.numbered {
            return 0.0;
        }
        let digits = thousands(self.rows.total().max(1)).len() as f32;
        (digits * 6.8 + 20.0).clamp(44.0, 120.0)
    }

    /// Draws it into all the space there is.
    pub fn show(self, ui: &mut Ui, theme: &Theme, view: &mut GridView) -> Shown {
        let size = ui.available_size();
        let (rect, _) = ui.allocate_exact_size(size.max(vec2(40.0, 40.0)), Sense::hover());
        self.forget_other_columns(view);
        let layout = self.layout(ui, theme, view, rect);
        let mut shown = Shown::default();
        let before = view.cursor;
        let response = ui.interact(rect, layout.id, Sense::click_and_drag());
        scroll::wheel(ui, &layout, view, &response);
        keys::keys(ui, &layout, view, &response, &mut shown, self.columns.len());
        select::pointer(ui, &layout, view, &response, &mut shown);
        scroll::clamp(&layout, view);
        let painter = ui.painter_at(rect);
        painter.rect_filled(rect, 0.0, theme.bg);
        paint::body(&painter, theme, &self, &layout, view);
        if !self.headless {
            head::head(ui, theme, &self, &layout, view, &mut shown);
        }
        scroll::bars(ui, theme, &layout, view);
        self.pointed(&response, &layout, view, &mut shown);
        if response.has_focus() {
            paint::focus(&painter, theme, rect);
        }
        shown.moved |= view.cursor != before;
        shown.rows = layout.rows(view);
        view.visible = shown.rows.clone();
        self.describe(&response, view, &layout);
        shown
    }

    /// What the cell under the mouse says and where it leads.
    fn pointed(&self, response: &egui::Response, layout: &Layout, view: &GridView, shown: &mut Shown) {
        let Some(at) = self.looks.and(response.hover_pos()).filter(|at| layout.body.contains(*at)) else { return };
        let cell = layout.row_at(view, at.y).zip(layout.column_at(view, at.x));
        let Some(look) = cell.and_then(|(row, column)| self.looks?(row, column)) else { return };
        if let Some(link) = &look.link {
            response.ctx.set_cursor_icon(egui::CursorIcon::PointingHand);
            if response.clicked() {
                shown.link = Some(link.clone());
            }
        }
        if let Some(words) = look.tip.as_ref().or(look.link.as_ref()) {
            response.clone().on_hover_text_at_pointer(&**words);
        }
    }

    /// A table with other columns starts with fresh widths and at the first row.
    fn forget_other_columns(&self, view: &mut GridView) {
        let same =
            view.names.len() == self.columns.len() && view.names.iter().zip(self.columns).all(|(n, c)| *n == c.name);
        if !same {
            *view = GridView { names: self.columns.iter().map(|c| c.name.clone()).collect(), ..GridView::default() };
        }
    }

    fn layout(&self, ui: &Ui, theme: &Theme, view: &mut GridView, rect: Rect) -> Layout {
        let total = self.rows.total();
        if view.widths.len() != self.columns.len() {
            view.widths = self.columns.iter().enumerate().map(|(i, c)| self.first_width(ui, theme, i, c)).collect();
        }
        let numbers_width = self.numbers_width();
        let head_height = self.head_height();
        let mut edges = Vec::with_capacity(view.widths.len() + 1);
        let mut at = 0.0;
        edges.push(at);
        for width in &view.widths {
            at += width;
            edges.push(at);
        }
        let inner = Rect::from_min_max(pos2(rect.left() + numbers_width, rect.top() + head_height), rect.max);
        // Bars take their own space only when there is something to scroll.
        let mut body = inner;
        // A height made for all rows may lack a hair of the last one after rounding.
        let rows_fit = f64::from(inner.height() / self.row_height) + 0.02 >= total as f64;
        if !rows_fit {
            body.max.x -= BAR;
        }
        if at > body.width() {
            body.max.y -= BAR;
        }
        if rows_fit && f64::from(body.height() / self.row_height) + 0.02 < total as f64 {
            body.max.x -= BAR;
        }
        body.max = body.max.max(body.min);
        Layout {
            id: ui.make_persistent_id(("data-grid", self.id)),
            head: Rect::from_min_max(rect.min, pos2(body.right(), inner.top())),
            numbers: Rect::from_min_max(pos2(rect.left(), inner.top()), pos2(inner.left(), body.bottom())),
            body,
            total,
            row_height: self.row_height,
            fit: f64::from(body.height() / self.row_height),
            wide: at,
            edges,
        }
    }

    /// Wide enough for the name and the first rows, within reason.
    fn first_width(&self, ui: &Ui, theme: &Theme, index: usize, column: &Column) -> f32 {
        // Of very many columns only the letters are counted.
        if self.columns.len() > MEASURED {
            let letters = |text: &str| text.chars().take(LETTERS).count();
            let cells = (0..self.rows.total().min(4)).filter_map(|row| self.rows.cell(row, index));
            let cells = cells.map(|c| letters(&c.show(column.grouped()))).max().unwrap_or(0);
            return (cells.max(letters(&column.name) + 3) as f32 * 7.0 + 18.0).clamp(56.0, 320.0).ceil();
        }
        let measure = |text: String, font| {
            let text = crate::base::text::shorten(&text, 2 * LETTERS);
            ui.painter().layout_no_wrap(text, font, theme.text).size().x
        };
        let name = measure(column.name.clone(), theme.medium(12.0)) + if self.sortable { 34.0 } else { 20.0 };
        let dtype = match self.head {
            Head::Full => measure(format!("{} \u{b7} 00.0 % null", column.dtype), theme.font(11.5)) + 16.0,
            Head::Compact => 0.0,
        };
        let name = if self.head == Head::Compact {
            name + 8.0 + measure(column.dtype.clone(), theme.font(11.5))
        } else {
            name
        };
        let grouped = column.grouped();
        let cells = (0..self.rows.total().min(30)).filter_map(|row| self.rows.cell(row, index)).map(|cell| {
            let text = crate::base::text::shorten(&cell.show(grouped), LETTERS);
            measure(text, theme.font(12.0)) + 18.0
        });
        let cells = cells.fold(0.0, f32::max);
        name.max(dtype.min(108.0)).max(cells).clamp(56.0, 320.0).ceil()
    }

    fn describe(&self, response: &egui::Response, view: &GridView, layout: &Layout) {
        response.widget_info(|| {
            let mut info = WidgetInfo::labeled(Role::Grid, true, self.id);
            let size = format!("{}, {}", count(layout.total, "row"), count(self.columns.len() as u64, "column"));
            info.current_text_value = Some(match view.cursor.and_then(|(r, c)| Some((r, c, self.columns.get(c)?))) {
                Some((row, index, column)) => {
                    let value =
                        self.rows.cell(row, index).map_or_else(|| "loading".into(), |c| c.show(column.grouped()));
                    format!("Row {}, {}: {value}", thousands(row + 1), column.name)
                }
                None => size,
            });
            info
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(total: u64) -> Layout {
        let body = Rect::from_min_max(pos2(60.0, 178.0), pos2(860.0, 898.0));
        Layout {
            id: Id::NULL,
            head: body,
            numbers: body,
            body,
            total,
            row_height: 24.0,
            fit: 30.0,
            wide: 300.0,
            edges: vec![0.0, 100.0, 180.0, 300.0],
        }
    }

    #[test]
    fn every_key_the_help_lists_for_a_table_does_something() {
        let layout = layout(1_000);
        for row in crate::app::keymap::grid::ALL {
            for chord in row.ways().into_iter().flatten() {
                let (mut modifiers, key) = crate::ui::keys::shortcut(&chord).unwrap();
                modifiers.ctrl |= modifiers.command;
                if (key, modifiers.command) == (egui::Key::C, true) {
                    continue; // Comes as an event of its own.
                }
                let mut view = GridView { cursor: Some((50, 1)), ..GridView::default() };
                let mut shown = Shown::default();
                keys::key_pressed(&layout, &mut view, &mut shown, key, modifiers, 3);
                let same = view.cursor == Some((50, 1)) && view.anchor.is_none() && !view.whole_rows;
                assert!(!same, "{} does nothing", row.key);
            }
        }
    }

    #[test]
    fn every_row_is_exactly_where_it_belongs() {
        let total = 10_000_000;
        let layout = layout(total);
        for first in [0, 1, 1_000_000, 8_388_609, total - 30] {
            let view = GridView { top: first as f64, ..GridView::default() };
            for i in 0..30 {
                let y = layout.y(&view, first + i);
                assert_eq!(y, 178.0 + 24.0 * i as f32, "row {} of {first}", first + i);
                assert_eq!(layout.row_at(&view, y + 12.0), Some(first + i));
            }
            assert_eq!(layout.rows(&view), first..first + 30);
        }
        assert_eq!(layout.last_top(), 9_999_970.0);
        let end = GridView { top: layout.last_top(), ..GridView::default() };
        assert_eq!(layout.y(&end, 9_999_999) + 24.0, 898.0, "the last row ends at the edge");
    }

    #[test]
    fn half_rows_are_visible_at_both_ends() {
        let layout = layout(1000);
        let view = GridView { top: 10.5, ..GridView::default() };
        assert_eq!(layout.rows(&view), 10..41);
        assert_eq!(layout.y(&view, 10), 166.0);
    }

    #[test]
    fn columns_are_found_by_place() {
        let layout = layout(5);
        let view = GridView { left: 50.0, ..GridView::default() };
        assert_eq!(layout.column_at(&view, 60.0), Some(0));
        assert_eq!(layout.column_at(&view, 111.0), Some(1));
        assert_eq!(layout.column_at(&view, 60.0 + 251.0), None);
        assert_eq!(layout.columns(&view), 0..3);
    }
}
