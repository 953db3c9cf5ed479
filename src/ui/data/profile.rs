//! All columns as a table: one row a column, sortable by nothing, read at a glance.
use egui::Ui;

use crate::{
    app::data::Tab,
    base::text::{shorten, thousands},
    model::table::{Cell, Column, ColumnProfile, Kind, Page, Shape},
    ui::{
        PageCx,
        widgets::{
            self,
            grid::{DataGrid, GridView},
        },
    },
};

/// The profile view of a table.
pub(super) fn profile_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut GridView, tab: &Tab) {
    if tab.profiles.iter().all(Option::is_none) {
        widgets::empty_state(ui, cx.theme, "chart-column", "Counting the values of every column", &[]);
        return;
    }
    let page = page(tab);
    let name = format!("Profile of {}", tab.title);
    let shown = DataGrid::new(&name, &page.columns, &page).compact().unsorted().show(ui, cx.theme, view);
    if shown.moved
        && let Some((row, _)) = view.cursor()
    {
        cx.send(crate::app::data::Command::Focus { tab: tab.id, column: row as usize });
    }
}

fn page(tab: &Tab) -> Page {
    let text = |n: &str| Column::new(n, "", Kind::Text);
    let float = |n: &str| Column::new(n, "", Kind::Float);
    // The row count of a column is "Int" so that it is grouped; min and max keep the text of their type.
    let int = |n: &str| Column::new(n, "", Kind::Int);
    let columns = [
        text("column"),
        text("type"),
        int("nulls"),
        float("null %"),
        int("distinct"),
        text("min"),
        text("max"),
        float("mean"),
        float("median"),
        float("p95"),
        float("std dev"),
        text("most frequent"),
        text("from"),
    ];
    let rows = tab.profiles.iter().enumerate().map(|(i, p)| row(tab, i, p.as_ref())).collect();
    Page { columns: columns.into(), first_row: 0, rows, total_rows: tab.columns.len() as u64 }
}

fn row(tab: &Tab, index: usize, profile: Option<&ColumnProfile>) -> Vec<Cell> {
    let column = &tab.columns[index];
    let mut row = vec![Cell::Text(column.name.clone()), Cell::Text(column.dtype.clone())];
    let Some(p) = profile else {
        row.extend(std::iter::repeat_n(Cell::Null, 11));
        return row;
    };
    let number = |v: Option<f64>| {
        v.filter(|_| column.kind.is_number()).map_or(Cell::Null, |v| Cell::Float((v * 1e4).round() / 1e4))
    };
    let edge = |c: &Cell| if c.is_null() { Cell::Null } else { Cell::Text(shorten(&c.show(column.grouped()), 40)) };
    let top = match &p.shape {
        Shape::Top(top) => top.first().map_or(Cell::Null, |t| {
            Cell::Text(format!("{} ({})", shorten(&t.value.show(false), 30), thousands(t.count)))
        }),
        _ => Cell::Null,
    };
    let from = match p.sampled {
        Some(_) => format!("sample of {}", thousands(p.rows)),
        None if p.distinct_approx => "all rows, distinct about".to_owned(),
        None => "all rows".to_owned(),
    };
    row.extend([
        Cell::Int(p.nulls as i64),
        Cell::Float((p.null_share() * 1000.0).round() / 10.0),
        p.distinct.map_or(Cell::Null, |d| Cell::Int(d as i64)),
        edge(&p.min),
        edge(&p.max),
        number(p.mean),
        number(p.median),
        number(p.p95),
        number(p.std),
        top,
        Cell::Text(from),
    ]);
    row
}
