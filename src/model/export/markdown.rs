//! A notebook as Markdown to be read: code in fences, outputs as text and tables.
use crate::model::{
    notebook::{Cell, CellKind, Notebook},
    output::{self, Output},
    table,
};

/// The whole notebook.
pub(super) fn write(book: &Notebook) -> String {
    let language = book.language();
    let cells = book.cells().iter().filter(|c| !c.source.trim().is_empty() || c.has_outputs());
    let parts: Vec<String> = cells.map(|c| cell(c, &language)).collect();
    parts.join("\n\n") + "\n"
}

fn cell(cell: &Cell, language: &str) -> String {
    match cell.kind {
        CellKind::Markdown => with_attachments(cell),
        CellKind::Raw => fenced(&cell.source, ""),
        CellKind::Code => {
            let mut parts = vec![fenced(&cell.source, language)];
            let outputs: Vec<String> = cell.outputs().map(|o| String::from_utf8_lossy(&o).into_owned()).collect();
            parts.extend(output::view(outputs.iter().map(String::as_str)).iter().map(shown));
            parts.retain(|p| !p.is_empty());
            parts.join("\n\n")
        }
    }
}

/// Pictures of the cell go into the text.
fn with_attachments(cell: &Cell) -> String {
    let mut text = cell.source.to_string();
    for (name, forms) in cell.attachments() {
        if let Some((mime, data)) = forms.first() {
            text = text.replace(&format!("attachment:{name}"), &format!("data:{mime};base64,{}", data.trim()));
        }
    }
    text
}

fn shown(output: &Output) -> String {
    match output {
        Output::Table(table) => pipes(table),
        Output::Markdown(text) => text.to_string(),
        Output::Image(image) => match image.bytes() {
            Ok(bytes) => format!("![output](data:{};base64,{})", image.mime, super::html::base64(&bytes)),
            Err(_) => fenced("A picture that cannot be read", "text"),
        },
        other => {
            let text = output::describe::shown(other).text;
            if text.trim().is_empty() { String::new() } else { fenced(text.trim_end(), "text") }
        }
    }
}

fn pipes(table: &output::Table) -> String {
    let clean = |text: &str| text.replace('|', "\\|").replace(['\n', '\r'], " ");
    let line = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    let mut lines = vec![line(table.page.columns.iter().map(|c| clean(&c.name)).collect())];
    lines.push(line(table.page.columns.iter().map(|_| "---".to_owned()).collect()));
    lines.extend(table.page.rows.iter().map(|row| {
        line(
            row.iter()
                .map(|c| if matches!(c, table::Cell::Null) { String::new() } else { clean(&c.plain()) })
                .collect(),
        )
    }));
    if let Some(note) = &table.note {
        lines.push(format!("\n{note}"));
    }
    lines.join("\n")
}

/// A fence longer than any inside.
fn fenced(text: &str, info: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{info}\n{text}\n{fence}")
}
