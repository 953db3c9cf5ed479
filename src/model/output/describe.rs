//! What the window shows of an output, in data: for scripts, and for tests of what is drawn.
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    Output, Table, Text,
    html::{Block, Look},
    view_placed,
    widget::{Control, Widget, Widgets},
};
use crate::model::{
    chart,
    markdown::{self, Context},
    math::Macros,
    notebook::{CellKind, Notebook},
};

/// One output as it is shown. Members that its kind does not have are left out.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Shown {
    /// Place of the cell, and of the output in it; a stream in many pieces has the place of the first.
    pub cell: usize,
    pub output: usize,
    /// `text`, `table`, `html`, `html-tree`, `image`, `plot`, `json`, `markdown`, `latex`, `widget`, `error`, `media`,
    /// `refused` (named, not run) or `fallback` (the next best type stands for it).
    pub kind: &'static str,
    /// Rows and columns of the whole table, without the columns that name its rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<u64>,
    /// Series of a plot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// `{"x": [least, most], ...}` of a plot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub axes: Option<Value>,
    /// All text that can be seen.
    pub text: String,
    /// What is not drawn, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What only this kind has: `format`, `width`, `ename`, `links` and the like.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// All outputs of a notebook as they are shown.
pub fn notebook(book: &Notebook) -> Vec<Shown> {
    let widgets = Widgets::of(book);
    let macros = macros(book);
    let mut all = Vec::new();
    for (cell, of) in book.cells().iter().enumerate() {
        let raw: Vec<_> = of.outputs().collect();
        for (at, output) in view_placed(raw.iter().map(|o| o.text()), &widgets) {
            all.push(Shown { cell, output: at, ..shown_with(&output, &macros) });
        }
    }
    all
}

/// What the Markdown cells of a notebook define for all formulas in it.
pub fn macros(book: &Notebook) -> Macros {
    Macros::of(book.cells().iter().filter(|c| c.kind == CellKind::Markdown).map(|c| &*c.source))
}

/// One output.
pub fn shown(output: &Output) -> Shown {
    shown_with(output, &Macros::default())
}

fn shown_with(output: &Output, macros: &Macros) -> Shown {
    if let Output::Later(later) = output {
        return shown_with(later.read(), macros);
    }
    let mut it = Shown { text: output.to_text(), ..Shown::default() };
    match output {
        Output::Text(text) => {
            it.kind = "text";
            stream(&mut it, text);
        }
        Output::Table(table) => {
            it.kind = "table";
            if let Some(caption) = &table.caption {
                it.text = format!("{caption}\n{}", it.text);
            }
            grid(&mut it, table);
        }
        Output::Page(blocks) => page(&mut it, blocks),
        Output::Image(image) => {
            it.kind = "image";
            it.text = image.words();
            it.set("format", image.mime.trim_start_matches("image/").trim_end_matches("+xml"));
            if let Some((width, height)) = image.pixels {
                it.set("width", width);
                it.set("height", height);
            }
            if let Some((width, height)) = image.size {
                it.set("display_width", width);
                it.set("display_height", height);
            }
            match image.frames(super::MAX_SIDE, None) {
                _ if image.is_heavy() => it.note = Some("Drawn when it is asked for, since it is large".to_owned()),
                Ok(frames) => it.set("frames", frames.all.len()),
                Err(e) => {
                    it.kind = "refused";
                    it.note = Some(e.to_string());
                }
            }
        }
        Output::Markdown(source) => {
            it.kind = "markdown";
            let read = markdown::read(source, &Context { macros, ..Context::default() });
            it.text = read.plain();
            formulas(&mut it, &read);
        }
        Output::Latex(source) => {
            it.kind = "latex";
            if let Some(read) = markdown::latex(source, macros) {
                formulas(&mut it, &read);
            }
            if it.note.is_some() {
                it.kind = "fallback";
            }
        }
        Output::Json(value) => {
            it.kind = "json";
            if let Some(object) = value.as_object() {
                it.set("keys", object.keys().cloned().collect::<Vec<_>>());
            }
        }
        Output::Chart(figure) => plot(&mut it, &chart::describe(figure)),
        Output::Error(failure) => {
            it.kind = "error";
            it.set("ename", failure.ename.as_str());
            it.set("evalue", failure.evalue.as_str());
            if !it.text.contains(&failure.evalue) {
                it.text = format!("{}\n{}", it.text, failure.summary());
            }
        }
        Output::Widget(widget) => control(&mut it, widget),
        Output::Gap(gap) => {
            it.kind = "gap";
            it.note = Some(gap.title());
        }
        Output::Later(_) => {}
        Output::Note(note) => {
            let inner = note.fallback.as_deref().map(|f| shown_with(f, macros));
            it = Shown { kind: if note.refused { "refused" } else { "fallback" }, ..inner.unwrap_or_default() };
            it.note = Some(note.what.clone());
        }
    }
    it
}

/// How many formulas there are, and what is wrong with those that are shown as text.
fn formulas(it: &mut Shown, read: &markdown::Document) {
    let all = read.formulas();
    if all.is_empty() {
        return;
    }
    it.set("formulas", all.len());
    let wrong: Vec<String> = all.iter().filter_map(|f| f.formula().err().map(str::to_owned)).collect();
    if let Some(first) = wrong.first() {
        let count = crate::base::text::count(wrong.len() as u64, "formula");
        it.note = Some(format!("{count} shown as text: {first}"));
    }
}

impl Shown {
    fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.more.insert(key.to_owned(), value.into());
    }
}

fn plot(it: &mut Shown, described: &Value) {
    it.kind = "plot";
    it.text = String::new();
    for (key, value) in described.as_object().into_iter().flatten() {
        match key.as_str() {
            "kind" => {}
            "series" => it.series = value.as_u64(),
            "title" => it.title = value.as_str().map(str::to_owned),
            "note" => it.note = value.as_str().map(str::to_owned),
            "axes" => it.axes = Some(value.clone()),
            "rows" => it.rows = value.as_u64(),
            "columns" => it.columns = value.as_u64(),
            "text" => {
                let lines: Vec<&str> = value.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                it.text = lines.join("\n");
            }
            _ => it.set(key, value.clone()),
        }
    }
}

fn stream(it: &mut Shown, text: &Text) {
    it.set("lines", text.total_lines());
    if text.is_stream() {
        it.set("stream", if text.stderr { "stderr" } else { "stdout" });
    }
    links(it, &[text]);
}

fn grid(it: &mut Shown, table: &Table) {
    let (rows, columns) = table.said().unwrap_or_else(|| {
        let columns = table.page.columns.len() + table.dropped_columns - table.index_columns;
        ((table.page.rows.len() + table.dropped_rows) as u64, columns as u64)
    });
    (it.rows, it.columns) = (Some(rows), Some(columns));
    it.title.clone_from(&table.caption);
    it.set("column_names", table.page.columns.iter().map(|c| c.name.clone()).collect::<Vec<_>>());
    it.set("index_levels", table.index_columns);
    it.set("header_levels", table.head.len());
    it.set("shown_rows", table.page.rows.len());
    let count = |has: &dyn Fn(&Look) -> bool| table.looks.values().filter(|l| has(l)).count();
    for (key, n) in [
        ("cell_backgrounds", count(&|l| l.ground.is_some())),
        ("bars", count(&|l| !l.bars.is_empty())),
        ("coloured_texts", count(&|l| l.ink.is_some())),
    ] {
        if n > 0 {
            it.set(key, n);
        }
    }
    let mut tips: Vec<_> = table.looks.iter().filter_map(|(at, l)| Some((*at, l.tip.clone()?))).collect();
    tips.sort_unstable();
    if !tips.is_empty() {
        it.set("tooltips", tips.iter().map(|(_, t)| t.to_string()).collect::<Vec<_>>());
    }
    let types: Vec<_> = table.page.columns.iter().map(|c| c.dtype.clone()).collect();
    let above = [&table.caption, &table.note].into_iter().flatten().cloned();
    let types = types.iter().any(|t| !t.is_empty()).then(|| types.join("\t"));
    // Names in several rows of the head are joined in the columns and stand alone in the head.
    let links = table.links();
    if !links.is_empty() {
        it.set("links", links);
    }
    let heads = table.head.iter().map(|row| row.join("\t"));
    it.text = above.chain(heads).chain(types).chain([table.to_tsv()]).collect::<Vec<_>>().join("\n");
}

fn page(it: &mut Shown, blocks: &[Block]) {
    it.kind = if blocks.iter().all(|b| matches!(b, Block::Media(_))) { "media" } else { "html" };
    it.text = String::new();
    let mut texts = Vec::new();
    blocks.iter().for_each(|b| block(it, b, &mut texts));
    links(it, &texts);
}

/// What can be seen of a block; of a closed section that is its title.
fn block<'a>(it: &mut Shown, shown: &'a Block, texts: &mut Vec<&'a Text>) {
    let mut line = |text: &str| {
        it.text.push_str(text);
        it.text.push('\n');
    };
    match shown {
        Block::Text(text) => {
            line(&text.plain());
            texts.push(text);
        }
        Block::Image(_) => {
            let images = it.more.get("images").and_then(Value::as_u64).unwrap_or(0);
            it.set("images", images + 1);
        }
        Block::Table(table) => {
            let mut inner = Shown::default();
            grid(&mut inner, table);
            line(&inner.text);
            if it.rows.is_none() {
                (it.rows, it.columns, it.title) = (inner.rows, inner.columns, inner.title);
            }
        }
        Block::Media(media) => {
            line(&media.what());
            it.set("media", media.mime.as_str());
        }
        Block::Fold(fold) => {
            line(&fold.title);
            it.kind = "html-tree";
            if fold.open {
                fold.blocks.iter().for_each(|b| block(it, b, texts));
            }
        }
    }
}

fn control(it: &mut Shown, widget: &Widget) {
    it.kind = "widget";
    it.note = widget.note();
    it.set("widget", widget.model.as_str());
    match widget.root.as_ref().map(|r| &r.control) {
        Some(Control::Box { children, .. }) => {
            it.set("children", children.iter().map(|c| c.model.clone()).collect::<Vec<_>>());
        }
        Some(Control::Progress { value, min, max, .. }) => {
            it.set("value", *value);
            it.set("min", *min);
            it.set("max", *max);
        }
        Some(Control::Slider { values, min, max, .. }) => {
            it.set("value", values.clone());
            it.set("min", *min);
            it.set("max", *max);
        }
        Some(Control::Choose { options, chosen, .. }) => {
            it.set("options", options.clone());
            it.set("index", chosen.clone());
        }
        Some(Control::Button { style }) => it.set("button_style", style.as_str()),
        Some(Control::Pages { titles, .. }) => it.set("titles", titles.clone()),
        _ => {}
    }
}

fn links(it: &mut Shown, texts: &[&Text]) {
    let of = |text: &Text| (1..).map_while(|n| text.link(n).map(str::to_owned)).collect::<Vec<_>>();
    let all: Vec<String> = texts.iter().flat_map(|t| of(t)).collect();
    if !all.is_empty() {
        it.set("links", all);
    }
}
