//! The stored form of a SQL result: an HTML table as polars writes it, which GitHub and Jupyter draw and Andon reads
//! back with its types, and plain text beside it.
use serde_json::json;

use super::OutputJson;
use crate::{base::text::count, model::table::Page};

/// Rows that go into the file; the whole result is one run away.
pub const STORED_ROWS: usize = 20;

/// A result as an output of a notebook. Stores at most [`STORED_ROWS`] of the page's rows.
pub fn sql_output(page: &Page, execution_count: Option<i64>) -> OutputJson {
    let data = json!({ "text/html": html(page), "text/plain": plain(page) });
    let output = json!({
        "data": data, "execution_count": execution_count, "metadata": {}, "output_type": "execute_result",
    });
    OutputJson(output.to_string().into())
}

fn shape(page: &Page) -> String {
    format!("shape: ({}, {})", page.total_rows, page.columns.len())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn html(page: &Page) -> String {
    let row = |tag: &str, cells: Vec<String>| {
        let cells: String = cells.iter().map(|c| format!("<{tag}>{}</{tag}>", escaped(c))).collect();
        format!("<tr>{cells}</tr>\n")
    };
    let names = row("th", page.columns.iter().map(|c| c.name.clone()).collect());
    let types = row("td", page.columns.iter().map(|c| c.dtype.clone()).collect());
    let rows: String = page
        .rows
        .iter()
        .take(STORED_ROWS)
        .map(|r| row("td", r.iter().map(|c| c.plain().into_owned()).collect()))
        .collect();
    let shape = shape(page);
    format!(
        "<div>\n<small>{shape}</small>\n<table border=\"1\" class=\"dataframe\">\n<thead>\n{names}{types}</thead>\n<tbody>\n{rows}</tbody>\n</table>\n</div>"
    )
}

fn plain(page: &Page) -> String {
    let mut lines: Vec<Vec<String>> = vec![page.columns.iter().map(|c| c.name.clone()).collect()];
    lines.extend(page.rows.iter().take(STORED_ROWS).map(|r| r.iter().map(|c| c.plain().replace('\n', " ")).collect()));
    let width = |i: usize| lines.iter().filter_map(|l| l.get(i)).map(|c| c.chars().count()).max().unwrap_or(0).min(40);
    let widths: Vec<usize> = (0..page.columns.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let cells = line.iter().zip(&widths).zip(page.columns.iter()).map(|((cell, width), column)| {
            let cell = crate::base::text::shorten(cell, 40);
            if column.kind.is_number() { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text.push_str(&format!("[{} x {}]", count(page.total_rows, "row"), count(page.columns.len() as u64, "column")));
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::table::{Cell, Column, Kind};

    #[test]
    fn a_result_is_stored_so_that_others_can_read_it() {
        let columns = Arc::from([Column::new("a<b", "i64", Kind::Int), Column::new("t", "str", Kind::Text)]);
        let rows = vec![vec![Cell::Int(-5), Cell::Text("x & y".into())], vec![Cell::Int(1200), Cell::Null]];
        let page = Page { columns, first_row: 0, rows, total_rows: 18_732 };
        let output: serde_json::Value = serde_json::from_str(&sql_output(&page, Some(3)).0).unwrap();
        let html = output["data"]["text/html"].as_str().unwrap();
        assert!(html.contains("shape: (18732, 2)") && html.contains("a&lt;b") && html.contains("<td>x &amp; y</td>"));
        let plain = output["data"]["text/plain"].as_str().unwrap();
        assert_eq!(plain, " a<b  t\n  -5  x & y\n1200\n[18,732 rows x 2 columns]");
        assert_eq!(output["execution_count"], 3);
    }
}
