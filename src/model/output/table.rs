//! Tables read from HTML and from typed JSON, as pages of ready-to-show cells.
use std::{collections::HashMap, sync::Arc};

use serde_json::Value;

use super::html::Look;
use crate::{
    base::text::{escape_html, shorten, thousands},
    model::{
        kernel::Bundle,
        table::{Cell, Column, Kind, Page},
    },
};

/// Cells beyond this are counted, not kept.
const MAX_CELLS: usize = 500_000;
/// The widest span that is believed.
const MAX_SPAN: usize = 1_000;
/// Columns beyond this are counted, not kept.
const MAX_COLUMNS: usize = 2_000;
/// Letters of the name of a column.
const MAX_NAME: usize = 200;
/// Places of the grid that cells are spread over; rows beyond are counted, not kept.
const MAX_PLACES: usize = 2 * MAX_CELLS;

/// A table as an output shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    pub page: Page,
    /// Leading columns that name the rows, as a data frame's index does.
    pub index_columns: usize,
    /// Rows of the head as they were written; the names in `page` join them.
    pub head: Vec<Vec<String>>,
    pub caption: Option<String>,
    /// `1000 rows × 2 columns`, `shape: (3, 2)`: what the tool said about the whole.
    pub note: Option<String>,
    /// Rows that were too many to keep.
    pub dropped_rows: usize,
    /// Columns that were too many to keep.
    pub dropped_columns: usize,
    /// Cells of the body that look different, by row and column.
    pub looks: HashMap<(u32, u32), Look>,
    /// A cell reaches over several rows.
    pub spanned: bool,
}

impl Table {
    /// Addresses that cells lead to, in the order of the rows.
    pub fn links(&self) -> Vec<&str> {
        let mut all: Vec<_> = self.looks.iter().filter_map(|(at, look)| Some((at, look.link.as_deref()?))).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, link)| link).collect()
    }

    /// True when rows can be put in another order: all of them are here, and none of them spans others.
    pub fn is_plain(&self) -> bool {
        let whole = self.dropped_rows == 0 && self.said().is_none_or(|(rows, _)| rows == self.page.rows.len() as u64);
        let gap = |row: &Vec<Cell>| {
            row.iter().all(|c| matches!(c, Cell::Text(t) if t == "..." || t == "\u{2026}" || t.is_empty()))
        };
        whole && !self.spanned && self.page.rows.len() > 1 && !self.page.rows.iter().any(gap)
    }

    /// The order of rows by a column: numbers by their value, before words, and what is missing at the end.
    pub fn order_by(&self, column: usize, descending: bool) -> Vec<u32> {
        let key = |row: &u32| -> (u8, f64, String) {
            match self.page.rows.get(*row as usize).and_then(|r| r.get(column)) {
                Some(Cell::Int(n)) => (0, *n as f64, String::new()),
                Some(Cell::UInt(n)) => (0, *n as f64, String::new()),
                Some(Cell::Float(n)) if !n.is_nan() => (0, *n, String::new()),
                Some(Cell::Bool(b)) => (0, f64::from(u8::from(*b)), String::new()),
                Some(cell) if is_missing(cell) => (2, 0.0, String::new()),
                Some(Cell::Text(text)) => match number(text) {
                    Some(n) => (0, n, String::new()),
                    None => (1, 0.0, text.to_lowercase()),
                },
                _ => (2, 0.0, String::new()),
            }
        };
        let mut rows: Vec<(u32, (u8, f64, String))> = (0..self.page.rows.len() as u32).map(|r| (r, key(&r))).collect();
        rows.sort_by(|(_, a), (_, b)| {
            let values = a.1.total_cmp(&b.1).then_with(|| a.2.cmp(&b.2));
            let values = if descending { values.reverse() } else { values };
            // What is missing stays at the end both ways.
            (a.0 == 2).cmp(&(b.0 == 2)).then(if descending { b.0.cmp(&a.0) } else { a.0.cmp(&b.0) }).then(values)
        });
        rows.into_iter().map(|(row, _)| row).collect()
    }

    /// Rows and columns separated by tabs, with the head, for the clipboard.
    pub fn to_tsv(&self) -> String {
        let clean = |text: &str| text.replace(['\t', '\n', '\r'], " ");
        let mut lines = Vec::with_capacity(self.page.rows.len() + 1);
        lines.push(self.page.columns.iter().map(|c| clean(&c.name)).collect::<Vec<_>>().join("\t"));
        lines.extend(self.page.rows.iter().map(|row| {
            let cells = row.iter().map(|cell| match cell {
                Cell::Null => String::new(),
                cell => clean(&cell.plain()),
            });
            cells.collect::<Vec<_>>().join("\t")
        }));
        lines.join("\n")
    }

    /// Rows and columns of the whole, as the tool said: `1000 rows × 2 columns`, `shape: (500, 1)`.
    pub fn said(&self) -> Option<(u64, u64)> {
        let number = |t: &str| t.chars().filter(char::is_ascii_digit).collect::<String>().parse::<u64>().ok();
        let note = self.note.as_deref()?;
        let (rows, columns) = match note.strip_prefix("shape: (") {
            Some(shape) => shape.rsplit_once(", ").or_else(|| shape.split_once(','))?,
            None => note.split_once('\u{d7}')?,
        };
        Some((number(rows)?, number(columns).or_else(|| note.ends_with(",)").then_some(1))?))
    }

    /// polars writes the types of the columns below their names.
    pub(super) fn second_head_is_types(&mut self) {
        if self.head.len() != 2 {
            return;
        }
        let (Some(names), Some(types)) = (self.head.first(), self.head.get(1)) else { return };
        let columns = names
            .iter()
            .zip(types)
            .map(|(name, dtype)| Column::new(shorten(name, MAX_NAME), shorten(dtype, MAX_NAME), kind_of_polars(dtype)));
        self.page.columns = columns.collect();
    }
}

fn kind_of_polars(dtype: &str) -> Kind {
    match dtype {
        "f32" | "f64" => Kind::Float,
        "bool" => Kind::Bool,
        "date" => Kind::Date,
        "time" => Kind::Time,
        "str" | "cat" | "enum" => Kind::Text,
        t if t.starts_with("datetime") => Kind::Datetime,
        t if t.starts_with("duration") => Kind::Duration,
        t if t.starts_with("decimal") => Kind::Float,
        t if t.starts_with(['i', 'u']) && t[1..].bytes().all(|b| b.is_ascii_digit()) => Kind::Int,
        _ => Kind::Other,
    }
}

/// A result of Andon's own engine as an output in nbformat's JSON: an HTML table that every front end shows, with the
/// types of the columns in a second row of the head, and plain text beside it.
pub fn table_json(page: &Page) -> String {
    let shape = format!("shape: ({}, {})", thousands(page.total_rows), page.columns.len());
    let row = |tag: &str, cells: Vec<String>| {
        let cells: Vec<String> = cells.iter().map(|c| format!("<{tag}>{}</{tag}>", escape_html(c))).collect();
        format!("<tr>{}</tr>", cells.concat())
    };
    let names = row("th", page.columns.iter().map(|c| c.name.clone()).collect());
    let types = row("td", page.columns.iter().map(|c| c.dtype.clone()).collect());
    let show = |cell: &Cell| if cell.is_null() { "null".to_owned() } else { cell.plain().into_owned() };
    let mut rows: Vec<Vec<String>> = page.rows.iter().map(|r| r.iter().map(show).collect()).collect();
    if (page.rows.len() as u64) < page.total_rows {
        rows.push(vec!["…".to_owned(); page.columns.len()]);
    }
    let body: String = rows.iter().map(|r| row("td", r.clone()) + "\n").collect();
    let html = format!(
        "<small>{shape}</small><table border=\"1\" class=\"dataframe\">\n<thead>\n{names}\n{types}\n</thead>\n<tbody>\n{body}</tbody>\n</table>"
    );
    let bundle = Bundle {
        data: [
            ("text/html".to_owned(), html.into()),
            ("text/plain".to_owned(), plain_table(page, &rows, &shape).into()),
        ]
        .into_iter()
        .collect(),
        metadata: serde_json::Map::new(),
    };
    super::collect::bundle_json("execute_result", bundle, Some(None)).to_string()
}

/// Aligned columns, for front ends without HTML.
fn plain_table(page: &Page, rows: &[Vec<String>], shape: &str) -> String {
    let shown = rows.get(..rows.len().min(20)).unwrap_or_default();
    let width = |i: usize, name: &str| {
        let cells = shown.iter().filter_map(|r| r.get(i)).map(|c| c.chars().count());
        cells.chain([name.chars().count()]).max().unwrap_or(0).min(40)
    };
    let widths: Vec<usize> = page.columns.iter().enumerate().map(|(i, c)| width(i, &c.name)).collect();
    let line = |cells: Vec<&str>| {
        let padded = cells.iter().zip(&widths).zip(page.columns.iter()).map(|((cell, &w), column)| {
            let cell = shorten(cell, 40);
            if column.kind.is_number() { format!("{cell:>w$}") } else { format!("{cell:<w$}") }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines = vec![shape.to_owned(), line(page.columns.iter().map(|c| c.name.as_str()).collect())];
    lines.extend(shown.iter().map(|r| line(r.iter().map(String::as_str).collect())));
    lines.join("\n")
}

struct RawCell {
    text: String,
    head: bool,
    columns: usize,
    rows: usize,
    look: Option<Box<Look>>,
}

#[derive(Default)]
struct RawRow {
    cells: Vec<RawCell>,
    in_head: bool,
}

/// Takes the tags of a table as they come.
#[derive(Default)]
pub(super) struct Builder {
    rows: Vec<RawRow>,
    caption: String,
    in_head: bool,
    cell_open: bool,
    cells: usize,
    dropped: usize,
}

impl Builder {
    pub(super) fn open(&mut self, tag: &str, columns: usize, rows: usize) {
        match tag {
            "thead" => self.in_head = true,
            "tbody" | "tfoot" => {
                self.in_head = false;
                self.cell_open = false;
            }
            "tr" => self.row(),
            _ => {
                if self.rows.is_empty() {
                    self.row();
                }
                self.cells += 1;
                self.cell_open = self.cells <= MAX_CELLS;
                if let Some(row) = self.rows.last_mut().filter(|_| self.cell_open) {
                    row.cells.push(RawCell {
                        text: String::new(),
                        head: tag == "th",
                        columns: columns.clamp(1, MAX_SPAN),
                        rows: rows.clamp(1, MAX_SPAN),
                        look: None,
                    });
                }
            }
        }
    }

    /// The open cell looks like this.
    pub(super) fn look(&mut self, look: Look) {
        if let Some(cell) = self.cell().filter(|_| !look.is_plain()) {
            cell.look = Some(Box::new(look));
        }
    }

    /// An element inside the open cell; what it says holds for the whole cell.
    pub(super) fn inside(&mut self, name: &str, link: Option<String>, css: &str) {
        if !self.cell_open || !matches!(name, "a" | "b" | "strong" | "i" | "em" | "span" | "font" | "code") {
            return;
        }
        if link.is_none() && css.is_empty() && matches!(name, "a" | "span" | "font" | "code") {
            return;
        }
        let Some(cell) = self.cell() else { return };
        // Of several parts none speaks for the whole.
        let first = cell.text.trim().is_empty();
        let look = cell.look.get_or_insert_default();
        if first {
            look.bold |= matches!(name, "b" | "strong");
            look.italic |= matches!(name, "i" | "em");
            look.apply(css);
        }
        look.link = look.link.take().or(link.map(Into::into));
    }

    fn cell(&mut self) -> Option<&mut RawCell> {
        if !self.cell_open {
            return None;
        }
        self.rows.last_mut()?.cells.last_mut()
    }

    fn row(&mut self) {
        self.cell_open = false;
        if self.cells >= MAX_CELLS || self.rows.len() >= MAX_CELLS {
            self.dropped += 1;
        } else {
            self.rows.push(RawRow { cells: Vec::new(), in_head: self.in_head });
        }
    }

    pub(super) fn close(&mut self, tag: &str) {
        self.cell_open = false;
        if tag == "thead" {
            self.in_head = false;
        }
    }

    pub(super) fn text(&mut self, text: &str, caption: bool, keep_space: bool) {
        let target = if caption {
            &mut self.caption
        } else if self.cell_open {
            match self.rows.last_mut().and_then(|r| r.cells.last_mut()) {
                Some(cell) => &mut cell.text,
                None => return,
            }
        } else {
            return;
        };
        if keep_space {
            target.push_str(text);
            return;
        }
        for part in text.split_inclusive(|c: char| c.is_ascii_whitespace()) {
            let word = part.trim_end_matches(|c: char| c.is_ascii_whitespace());
            target.push_str(word);
            if word.len() < part.len() && !target.is_empty() && !target.ends_with(' ') {
                target.push(' ');
            }
        }
    }

    fn take_titles(&mut self) {
        let wide = self.rows.iter().map(|r| r.cells.iter().map(|c| c.columns).sum::<usize>()).max().unwrap_or(0);
        let is_title = |row: &RawRow| {
            row.in_head
                && matches!(row.cells.as_slice(), [only] if only.columns > 1 && only.columns >= wide && only.rows == 1)
        };
        let titles = self.rows.iter().take_while(|r| is_title(r)).count();
        for row in self.rows.drain(..titles) {
            let words = row.cells.iter().map(|c| c.text.trim()).collect::<String>();
            if !self.caption.is_empty() && !words.is_empty() {
                self.caption.push('\n');
            }
            self.caption.push_str(&words);
        }
    }

    /// The cells' texts, for a table inside a cell.
    pub(super) fn into_text(self) -> String {
        let rows = self.rows.iter().map(|r| {
            let cells: Vec<&str> = r.cells.iter().map(|c| c.text.trim()).collect();
            cells.join(" ")
        });
        rows.collect::<Vec<_>>().join("; ")
    }

    /// `titled`: rows of the head that are one cell over all columns are no names but a title.
    pub(super) fn finish(mut self, titled: bool) -> Option<Table> {
        if titled {
            self.take_titles();
        }
        let caption = Some(self.caption.trim().to_owned()).filter(|c| !c.is_empty());
        let declared = self.rows.iter().take_while(|r| r.in_head).count();
        let bold = self.rows.iter().take_while(|r| !r.cells.is_empty() && r.cells.iter().all(|c| c.head)).count();
        let head_rows = if declared > 0 { declared } else { bold.min(self.rows.len().saturating_sub(1)) };
        // Columns of row names: heads at the beginning of rows of the body.
        let body = self.rows.get(head_rows..).unwrap_or_default();
        let index_columns = body.iter().map(leading_heads).max().unwrap_or(0);
        let grid = spread(&self.rows);
        let wide = grid.iter().map(Vec::len).max().unwrap_or(0);
        let width = wide.min(MAX_COLUMNS);
        // Rows are filled up to the widest one.
        let kept = grid.len().min(MAX_PLACES / width.max(1));
        let dropped = self.dropped + (self.rows.len() - kept);
        // Without a row the names of rows are where the head is empty.
        let nameless = || grid.first().map_or(0, |row| row.iter().take_while(|p| p.text.is_empty()).count());
        let index_columns = if body.is_empty() { nameless() } else { index_columns };
        if width == 0 {
            return None;
        }
        let cell = |row: &Vec<Place>, i: usize| row.get(i).map_or("", |p| p.text.as_str()).to_owned();
        let head: Vec<Vec<String>> =
            grid.iter().take(head_rows.min(kept)).map(|row| (0..width).map(|i| cell(row, i)).collect()).collect();
        let rows: Vec<&Vec<Place>> = grid.iter().take(kept).skip(head_rows).collect();
        let columns: Vec<Column> = (0..width)
            .map(|i| {
                let values = rows.iter().filter_map(|r| r.get(i)).map(|p| p.text.as_str());
                let kind = kind_of(values);
                Column::new(name_of(&head, i), "", kind)
            })
            .collect();
        let cells = rows.iter().map(|row| {
            let place = |i: usize| row.get(i).filter(|p| !p.repeated);
            (0..width).map(|i| place(i).map_or(Cell::Text(String::new()), |p| Cell::Text(p.text.clone()))).collect()
        });
        let cells: Vec<Vec<Cell>> = cells.collect();
        let looks = rows.iter().enumerate().flat_map(|(row, places)| {
            let places = places.iter().take(width).enumerate().filter(|(_, p)| !p.repeated);
            places.filter_map(move |(column, p)| Some(((row as u32, column as u32), (**p.look.as_ref()?).clone())))
        });
        let looks = looks.collect();
        let rows = cells;
        let spanned = body.iter().any(|r| r.cells.iter().any(|c| c.rows > 1 || c.columns > 1));
        let total_rows = rows.len() as u64;
        let page = Page { columns: columns.into(), first_row: 0, rows, total_rows };
        Some(Table {
            page,
            index_columns: index_columns.min(width),
            head,
            caption,
            note: None,
            dropped_rows: dropped,
            dropped_columns: wide - width,
            looks,
            spanned,
        })
    }
}

fn leading_heads(row: &RawRow) -> usize {
    if row.cells.iter().all(|c| c.head) {
        return 0;
    }
    row.cells.iter().take_while(|c| c.head).map(|c| c.columns).sum()
}

#[derive(Clone, Default)]
struct Place {
    text: String,
    look: Option<Arc<Look>>,
    /// Below or beside the cell that spans it.
    repeated: bool,
}

/// Lays cells out on a grid, spans filled in; ends where the grid would become too large.
fn spread(rows: &[RawRow]) -> Vec<Vec<Place>> {
    let mut grid: Vec<Vec<Place>> = Vec::with_capacity(rows.len());
    // For each column: how many rows below are still taken, and by what.
    let mut taken: Vec<(usize, Place)> = Vec::new();
    let mut places = 0;
    for row in rows {
        if places > MAX_PLACES {
            break;
        }
        let hanging = taken.iter().rposition(|(left, _)| *left > 0).map_or(0, |n| n + 1);
        let mut out: Vec<Place> = Vec::new();
        let mut cells = row.cells.iter();
        let mut next = cells.next();
        loop {
            let column = out.len();
            if let Some((left, place)) = taken.get_mut(column).filter(|(left, _)| *left > 0) {
                *left -= 1;
                out.push(Place { repeated: true, ..place.clone() });
                continue;
            }
            let Some(cell) = next else {
                // What hangs over from above may lie further to the right.
                if column < hanging {
                    out.push(Place::default());
                    continue;
                }
                break;
            };
            let text = cell.text.trim().to_owned();
            let look = cell.look.as_deref().cloned().map(Arc::new);
            let columns = cell.columns.min(MAX_PLACES.saturating_sub(places + out.len()).max(1));
            for i in 0..columns {
                // The head keeps the text over all columns it spans, since it names each of them.
                let place = Place { text: text.clone(), look: look.clone(), repeated: i > 0 };
                if cell.rows > 1 {
                    if taken.len() <= column + i {
                        taken.resize(column + i + 1, (0, Place::default()));
                    }
                    if let Some(slot) = taken.get_mut(column + i) {
                        *slot = (cell.rows - 1, place.clone());
                    }
                }
                out.push(place);
            }
            next = cells.next();
        }
        places += out.len();
        grid.push(out);
    }
    grid
}

/// Joins the rows of the head: `q1 · min`.
fn name_of(head: &[Vec<String>], column: usize) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for row in head {
        let part = row.get(column).map_or("", String::as_str);
        if !part.is_empty() && parts.last() != Some(&part) {
            parts.push(part);
        }
    }
    shorten(&parts.join(" \u{b7} "), MAX_NAME)
}

/// Right-aligned when every value reads as a number.
fn kind_of<'a>(values: impl Iterator<Item = &'a str>) -> Kind {
    let (mut numbers, mut whole) = (0, true);
    for value in values {
        match value {
            "" | "NaN" | "nan" | "None" | "null" | "<NA>" | "NaT" | "..." | "…" | "inf" | "-inf" => continue,
            _ => {}
        }
        if number(value).is_none() {
            return Kind::Text;
        }
        let plain: String = value.chars().filter(|c| !matches!(c, ',' | '_' | '%' | ' ')).collect();
        whole &= plain.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        numbers += 1;
    }
    match (numbers, whole) {
        (0, _) => Kind::Text,
        (_, true) => Kind::Int,
        _ => Kind::Float,
    }
}

/// True for what tools write where there is no value.
pub(super) fn is_missing(cell: &Cell) -> bool {
    match cell {
        Cell::Null => true,
        Cell::Float(n) => n.is_nan(),
        Cell::Text(text) => matches!(text.as_str(), "" | "NaN" | "nan" | "None" | "null" | "<NA>" | "NaT"),
        _ => false,
    }
}

/// The number a cell shows: `1,234`, `12 %`.
pub(super) fn number(text: &str) -> Option<f64> {
    let plain: String = text.chars().filter(|c| !matches!(c, ',' | '_' | '%' | ' ')).collect();
    plain.replace('\u{2212}', "-").parse().ok()
}

/// A table of words.
pub fn of_words(head: Vec<String>, rows: Vec<Vec<String>>) -> Table {
    let width = head.len().min(MAX_COLUMNS);
    let column = |(i, name): (usize, &String)| {
        let kind = kind_of(rows.iter().filter_map(|r| r.get(i)).map(String::as_str));
        Column::new(shorten(name, MAX_NAME), "", kind)
    };
    let columns: Arc<[Column]> = head.iter().take(width).enumerate().map(column).collect();
    let kept = rows.len().min(MAX_PLACES / width.max(1));
    let row = |row: &Vec<String>| (0..width).map(|i| Cell::Text(row.get(i).cloned().unwrap_or_default())).collect();
    let page = Page { columns, first_row: 0, rows: rows.iter().take(kept).map(row).collect(), total_rows: kept as u64 };
    Table {
        page,
        index_columns: 0,
        caption: None,
        note: None,
        dropped_rows: rows.len() - kept,
        dropped_columns: head.len() - width,
        looks: HashMap::new(),
        spanned: false,
        head: vec![head],
    }
}

/// `application/vnd.dataresource+json`: typed fields and records.
pub(super) fn from_dataresource(value: &Value) -> Option<Table> {
    let fields = value.pointer("/schema/fields")?.as_array()?;
    let keys: Vec<String> = value
        .pointer("/schema/primaryKey")
        .map(|k| match k {
            Value::String(s) => vec![s.clone()],
            Value::Array(list) => list.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect(),
            _ => Vec::new(),
        })
        .unwrap_or_default();
    let column = |field: &Value| {
        let name = field.get("name").map_or(String::new(), plain);
        let dtype = field.get("type").and_then(Value::as_str).unwrap_or("any").to_owned();
        let kind = match dtype.as_str() {
            "integer" => Kind::Int,
            "number" => Kind::Float,
            "boolean" => Kind::Bool,
            "datetime" => Kind::Datetime,
            "date" => Kind::Date,
            "time" => Kind::Time,
            "duration" => Kind::Duration,
            "string" => Kind::Text,
            _ => Kind::Other,
        };
        Column::new(name, dtype, kind)
    };
    let columns: Arc<[Column]> = fields.iter().take(MAX_COLUMNS).map(column).collect();
    let records = value.get("data")?.as_array()?;
    let limit = MAX_CELLS / columns.len().max(1);
    let row = |record: &Value| -> Vec<Cell> {
        columns.iter().map(|c| record.get(&c.name).map_or(Cell::Null, to_cell)).collect()
    };
    let rows: Vec<Vec<Cell>> = records.iter().take(limit).map(row).collect();
    let head = vec![columns.iter().map(|c| c.name.clone()).collect()];
    let index_columns = columns.iter().take_while(|c| keys.contains(&c.name)).count();
    let page = Page { columns, first_row: 0, total_rows: rows.len() as u64, rows };
    let dropped_rows = records.len().saturating_sub(limit);
    Some(Table {
        page,
        index_columns,
        head,
        caption: None,
        note: None,
        dropped_rows,
        dropped_columns: fields.len().saturating_sub(MAX_COLUMNS),
        looks: HashMap::new(),
        spanned: false,
    })
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn to_cell(value: &Value) -> Cell {
    match value {
        Value::Null => Cell::Null,
        Value::Bool(b) => Cell::Bool(*b),
        Value::String(s) => Cell::Text(s.clone()),
        Value::Number(n) => match (n.as_i64(), n.as_u64(), n.as_f64()) {
            (Some(v), ..) => Cell::Int(v),
            (None, Some(v), _) => Cell::UInt(v),
            (None, None, Some(v)) => Cell::Float(v),
            _ => Cell::Text(n.to_string()),
        },
        other => Cell::Text(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::html::{Block, parse};
    use super::*;

    fn table(html: &str) -> Table {
        let found = parse(html).blocks.into_iter().find_map(|b| match b {
            Block::Table(t) => Some(t),
            _ => None,
        });
        found.expect("a table")
    }

    #[test]
    fn spans_are_laid_out_and_heads_joined() {
        let t = table(
            "<table><thead><tr><th></th><th colspan=2>q1</th></tr><tr><th></th><th>min</th><th>max</th></tr></thead>\
             <tbody><tr><th rowspan=2>N</th><td>1</td><td>2</td></tr><tr><td>3</td><td>4.5</td></tr></tbody></table>",
        );
        let names: Vec<_> = t.page.columns.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["", "q1 · min", "q1 · max"]);
        assert_eq!(t.index_columns, 1);
        assert_eq!(t.page.columns[1].kind, Kind::Int);
        assert_eq!(t.page.columns[2].kind, Kind::Float);
        assert_eq!(t.to_tsv(), "\tq1 · min\tq1 · max\nN\t1\t2\n\t3\t4.5");
    }

    #[test]
    fn a_cell_over_the_whole_head_is_a_title() {
        let html = |class: &str| {
            format!(
                "<table class='{class}'><thead><tr><th colspan=2>Bill</th></tr><tr><th colspan=2>June</th></tr>\
                 <tr><th>item</th><th>cost</th></tr></thead><tbody><tr><td>a</td><td>$1</td></tr></tbody></table>"
            )
        };
        let t = table(&html("gt_table"));
        let names: Vec<_> = t.page.columns.iter().map(|c| c.name.as_str()).collect();
        assert_eq!((t.caption.as_deref(), names), (Some("Bill\nJune"), vec!["item", "cost"]));
        // Names of pandas in several rows are names.
        assert_eq!(table(&html("dataframe")).page.columns[0].name, "Bill \u{b7} June \u{b7} item");
    }

    #[test]
    fn cells_keep_their_looks_and_links() {
        let t = table(
            "<style>#a_row0_col0{background-color:gold}</style><table id=a><tr><th></th><th>v</th></tr>\
             <tr><th>0</th><td id=a_row0_col0><a href='https://x.org/a'>A</a></td></tr>\
             <tr><th>1</th><td><b>bold</b></td></tr></table>",
        );
        let look = &t.looks[&(0, 1)];
        assert_eq!(
            (look.ground, look.link.as_deref()),
            (Some(super::super::text::Ink::Rgb(255, 215, 0)), Some("https://x.org/a"))
        );
        assert!(t.looks[&(1, 1)].bold && t.looks.len() == 2);
        assert_eq!(t.links(), ["https://x.org/a"]);
        let t = table("<table><tr><td>x<td><a href='javascript:1'>y</a></table>");
        assert!(t.links().is_empty());
    }

    #[test]
    fn rows_are_sorted_by_what_they_show() {
        let t =
            table("<table><tr><th>n<th>w</tr><tr><td>1,000<td>b<tr><td>NaN<td>A<tr><td>-2<td>c<tr><td>30<td></table>");
        assert!(t.is_plain());
        assert_eq!(t.order_by(0, false), [2, 3, 0, 1]);
        assert_eq!(t.order_by(0, true), [0, 3, 2, 1]);
        assert_eq!(t.order_by(1, false), [1, 0, 2, 3]);
        let cut = table("<table><tr><th>n</tr><tr><td>1<tr><td>...<tr><td>9</table>");
        assert!(!cut.is_plain());
    }

    #[test]
    fn unclosed_and_uneven_rows_are_filled() {
        let t = table("<table><tr><th>a<th>b<tr><td>1<tr><td>2<td>3<td>4");
        assert_eq!(t.page.columns.len(), 3);
        assert_eq!(t.page.rows.len(), 2);
        assert_eq!(t.to_tsv(), "a\tb\t\n1\t\t\n2\t3\t4");
    }

    #[test]
    fn a_span_of_a_million_costs_little() {
        let t = table("<table><tr><td colspan=1000000 rowspan=1000000>x</td></tr><tr><td>y</td></tr></table>");
        assert!(t.page.columns.len() <= 2 * MAX_SPAN + 2);
    }

    #[test]
    fn typed_records_keep_their_types() {
        let t = from_dataresource(&serde_json::json!({
            "schema": {"fields": [{"name": "index", "type": "integer"}, {"name": "x", "type": "number"}], "primaryKey": ["index"]},
            "data": [{"index": 0, "x": 1.5}, {"index": 1, "x": null}]
        }))
        .unwrap();
        assert_eq!(t.index_columns, 1);
        assert_eq!(t.page.rows[1], [Cell::Int(1), Cell::Null]);
        assert_eq!(t.page.columns[1].kind, Kind::Float);
    }
}
