//! Draws what a cell put out: terminal text, tables, pictures, Markdown, JSON, tracebacks, notes.
//!
//! ```text
//! for act in outputs_ui(ui, theme, outputs, &mut view.outputs, &mut views.pictures) { ... }
//! ```
//! [`OutputsView`] is one cell's own state (what is unfolded, where its tables are scrolled); [`Pictures`] is one for
//! the window. Long texts draw only their visible rows, so the caller may put this into any scroll area.
mod control;
mod gap;
mod image;
mod json;
mod markdown;
mod stack;
mod text;
mod widget;

use std::{collections::HashMap, sync::Arc};

use egui::{Align, CornerRadius, Frame, Layout, Margin, Rect, Response, Sense, Ui, UiBuilder, vec2};
use serde_json::{Map, Value};

pub use self::{
    image::{Pictures, thumb_ui},
    markdown::{Files, Prose, Setting, markdown_ui, prose_ui},
};
use self::{
    json::JsonView,
    stack::Stack,
    text::{TextView, words},
};
use super::{
    chart::{Ask, ChartView, chart_ui},
    grid::{DataGrid, GridView, Rows, selection_text},
    link,
};
use crate::{
    base::text::{bytes, count, shorten, thousands},
    model::{
        chart::Figure,
        markdown::{self as text_model, Document},
        math::Macros,
        output::{
            Failure, Note, Output, Table, Widget, Widgets,
            html::{Block, Fold, Media},
            profiles,
        },
        table::{Cell, ColumnProfile, Page},
    },
    ui::theme::{CONTROL, MONO, SMALL, Theme, icon},
};

/// Rows of a table that are shown without scrolling.
const TABLE_ROWS: u64 = 12;
/// Lines of sentences that are set as such; more of them are a log.
const PROSE: usize = 400;
/// Space between outputs.
const GAP: f32 = 6.0;

/// What a person asked for on an output.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// Put this on the clipboard.
    Copy(String),
    /// Open this address in a browser.
    Open(String),
    /// Put the whole text of the output at this place on the clipboard, or open it as a text.
    CopyText(usize),
    OpenText(usize),
    /// Go to this line of the cell, counted from 1.
    GoToLine(usize),
    /// Go to where a link inside the notebook or the workspace leads: `#heading`, `other.ipynb`.
    Follow(String),
    /// Read this picture beside the notebook, by the path a text gives.
    Need(String),
    /// A person changed a widget of the kernel.
    Widget {
        id: String,
        change: Map<String, Value>,
    },
    /// A person did something with a widget that is no value: a click.
    WidgetEvent {
        id: String,
        content: Value,
    },
    /// Show the output at this place in a browser, scripts and all.
    Browse(usize),
    /// Keep these bytes, in base64, as a file: where the person says, or (`open`) only to be opened by the system.
    File {
        name: String,
        base64: Arc<str>,
        open: bool,
    },
}

/// One cell's state of its outputs.
#[derive(Default)]
pub struct OutputsView {
    items: HashMap<usize, ItemView>,
    aim: Option<Aim>,
    aimed: Option<(Rect, bool)>,
    stack: Stack,
    /// What outputs above the view have grown by since somebody asked.
    grown: f32,
    /// What the notebook defines for its formulas.
    macros: Macros,
    /// They stand in a notebook, which has the whole of what is shown in part.
    at_home: bool,
}

impl std::fmt::Debug for OutputsView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutputsView").field("items", &self.items.len()).finish_non_exhaustive()
    }
}

/// A place in an output that somebody looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aim {
    pub output: usize,
    /// Line of its text.
    pub line: Option<usize>,
    /// Tabs before the place in its line: the column of a table.
    pub tab: usize,
    /// It is to be brought into sight.
    pub reveal: bool,
}

impl OutputsView {
    /// What is to be seen with the next frame: its section is opened, its row of a table selected.
    pub fn aim(&mut self, aim: Option<Aim>) {
        if self.aim.is_some() || aim.is_some() {
            self.items.values_mut().for_each(|i| i.text.aim = None);
        }
        self.aim = aim;
        self.aimed = None;
    }
    /// Where that was drawn, and whether it is the line alone rather than the whole output.
    pub fn aimed(&self) -> Option<(Rect, bool)> {
        self.aimed
    }
    /// Forgets everything, as when the cell runs again.
    pub fn reset(&mut self) {
        self.items.clear();
        self.stack = Stack::default();
    }
    /// How much outputs above the view have grown: what is read must not move because of it.
    pub fn take_grown(&mut self) -> f32 {
        std::mem::take(&mut self.grown)
    }
    /// They stand in a notebook, which can be asked for the whole of an output and to show it elsewhere.
    pub fn set_at_home(&mut self) {
        self.at_home = true;
    }
    /// Formulas know what the notebook defines.
    pub fn set_macros(&mut self, macros: &Macros) {
        if self.macros != *macros {
            self.macros = macros.clone();
        }
    }
    /// Unfolds or folds the traceback of the last error, for Enter on a selected cell. False when there is none.
    pub fn toggle_error(&mut self, outputs: &[Output]) -> bool {
        let Some(at) = outputs.iter().rposition(|o| matches!(o, Output::Error(_))) else { return false };
        let item = self.items.entry(at).or_default();
        item.open = !item.open;
        true
    }
}

#[derive(Default)]
struct ItemView {
    open: bool,
    text: TextView,
    grid: GridView,
    order: Order,
    document: Option<(Arc<str>, Macros, Arc<Document>)>,
    /// A widget as it was when the kernel's were at this revision.
    widget: Option<(u64, Arc<Widget>)>,
    json: JsonView,
    chart: Option<Box<ChartView>>,
    /// Sentences of a page.
    prose: Option<(u64, Arc<Document>)>,
    blocks: Vec<ItemView>,
    stack: Stack,
    /// Parts of a widget that keep a state.
    parts: HashMap<usize, ItemView>,
    inner: Option<Box<ItemView>>,
}

/// Draws the outputs of one cell below each other.
pub fn outputs_ui(
    ui: &mut Ui,
    theme: &Theme,
    outputs: &[Output],
    view: &mut OutputsView,
    pictures: &mut Pictures,
) -> Vec<Act> {
    outputs_with(ui, theme, outputs, view, pictures, None)
}

/// The same beside a kernel, whose widgets listen.
pub fn outputs_with(
    ui: &mut Ui,
    theme: &Theme,
    outputs: &[Output],
    view: &mut OutputsView,
    pictures: &mut Pictures,
    live: Option<&Widgets>,
) -> Vec<Act> {
    let mut acts = Vec::new();
    ui.spacing_mut().item_spacing.y = 6.0;
    pictures.collect(ui.ctx());
    let OutputsView { items, stack, grown, macros, at_home, aim, aimed } = view;
    let at_home = *at_home;
    let guess = |i: usize, width: f32| outputs.get(i).map_or(0.0, |o| guess(o, width));
    // What somebody looks for is drawn wherever it is, so that it can be gone to.
    let must = aim.map(|a| a.output);
    *grown += stack.show_with(ui, (outputs.len(), GAP), must, guess, |ui, i| {
        let Some(output) = outputs.get(i) else { return };
        let item = items.entry(i).or_default();
        let aim = aim.filter(|a| a.output == i);
        if let Some(aim) = aim {
            item.aim(output, aim);
        }
        let mut draw = Draw { theme, macros, pictures, acts: &mut acts, live, listening: false, at_home };
        draw.output(ui, output, item, i);
        if aim.is_some() {
            *aimed = item.aimed().map(|rect| (rect, true)).or(Some((ui.min_rect(), false)));
        }
    });
    acts
}

impl ItemView {
    /// Opens what hides a place.
    fn aim(&mut self, output: &Output, aim: Aim) {
        let below = |line: Option<usize>| line.and_then(|n| n.checked_sub(1));
        match output {
            Output::Text(_) => self.text.aim = aim.line,
            // The bar is its first line.
            Output::Error(_) => {
                self.text.aim = below(aim.line);
                self.open |= self.text.aim.is_some() && aim.reveal;
            }
            Output::Table(_) if aim.reveal => {
                let Some(row) = below(aim.line) else { return };
                let shown = match &self.order.rows {
                    Some(order) => order.iter().position(|r| *r as usize == row),
                    None => Some(row),
                };
                if let Some(row) = shown.filter(|row| self.grid.cursor() != Some((*row as u64, aim.tab))) {
                    self.grid.go_to(row as u64, aim.tab);
                }
            }
            Output::Note(note) => {
                if let (Some(inner), Some(line)) = (&note.fallback, below(aim.line)) {
                    self.inner.get_or_insert_default().aim(inner, Aim { line: Some(line), ..aim });
                }
            }
            _ => {}
        }
    }
    fn aimed(&self) -> Option<Rect> {
        self.text.aimed.filter(|_| self.text.aim.is_some()).or_else(|| self.inner.as_ref()?.aimed())
    }
}

/// The height an output is likely to take.
fn guess(output: &Output, width: f32) -> f32 {
    match output {
        Output::Text(text) => text::guess(text, width),
        Output::Table(table) => guess_table(table),
        Output::Page(blocks) => blocks.iter().map(|b| guess_block(b, width) + GAP).sum(),
        Output::Image(image) => image::guess(image, width),
        Output::Markdown(source) | Output::Latex(source) => guess_words(source, width),
        Output::Json(_) => 120.0,
        Output::Chart(figure) => figure.height.unwrap_or(340.0) + 28.0,
        Output::Error(_) => 28.0,
        Output::Widget(_) | Output::Gap(_) => 40.0,
        Output::Note(note) => 24.0 + note.fallback.as_deref().map_or(0.0, |o| guess(o, width)),
        Output::Later(later) => later.ready().map_or(18.0, |o| guess(o, width)),
    }
}

fn guess_table(table: &Table) -> f32 {
    (table.page.total_rows.clamp(1, TABLE_ROWS) + 1) as f32 * 24.0 + 28.0
}

fn guess_block(block: &Block, width: f32) -> f32 {
    match block {
        Block::Text(text) => text::guess(text, width),
        Block::Table(table) => guess_table(table),
        Block::Image(image) => image::guess(image, width),
        Block::Fold(fold) if fold.open => 22.0 + fold.blocks.iter().map(|b| guess_block(b, width)).sum::<f32>(),
        Block::Fold(_) | Block::Media(_) => 22.0,
    }
}

fn guess_words(text: &str, width: f32) -> f32 {
    let columns = (width / 6.5).max(20.0);
    text.lines().take(2_000).map(|l| (l.len() as f32 / columns).ceil().max(1.0) * 20.0).sum()
}

struct Draw<'a> {
    theme: &'a Theme,
    macros: &'a Macros,
    pictures: &'a mut Pictures,
    acts: &'a mut Vec<Act>,
    /// Widgets of the kernel.
    live: Option<&'a Widgets>,
    /// What is drawn now listens.
    listening: bool,
    at_home: bool,
}

impl Draw<'_> {
    fn output(&mut self, ui: &mut Ui, output: &Output, item: &mut ItemView, index: usize) {
        let theme = self.theme;
        match output {
            Output::Text(text) => {
                let name = match (text.is_stream(), text.stderr) {
                    (true, true) => "Error stream",
                    (true, false) => "Output stream",
                    _ => "Text output",
                };
                text::text_ui(ui, theme, text, &mut item.text, (name, self.at_home.then_some(index)), self.acts);
            }
            Output::Table(table) => self.table(ui, table, item, index),
            Output::Page(blocks) => self.page(ui, blocks, item),
            Output::Image(image) => image::image_ui(ui, theme, image, self.pictures, self.acts),
            Output::Markdown(source) | Output::Latex(source) => {
                let latex = matches!(output, Output::Latex(_));
                let read = self.read(source, item, latex);
                self.document(ui, &read, item, &Setting::default());
            }
            Output::Json(value) => json::json_ui(ui, theme, value, &mut item.json, self.acts),
            Output::Chart(figure) => self.chart(ui, figure, item, index),
            Output::Error(failure) => self.error(ui, failure, item, index),
            Output::Widget(widget) => self.widget(ui, widget, item),
            Output::Gap(gap) => gap::gap_ui(ui, theme, gap),
            Output::Note(note) => self.note(ui, note, item, index),
            Output::Later(later) => match later.ready() {
                Some(output) => self.output(ui, output, item, index),
                None => {
                    self.pictures.read(ui.ctx(), later);
                    ui.label(theme.small("Reading a large output\u{2026}"));
                }
            },
        }
    }

    /// The text as blocks, read once.
    fn read(&self, source: &Arc<str>, item: &mut ItemView, latex: bool) -> Arc<Document> {
        if let Some((old, macros, read)) = &item.document
            && Arc::ptr_eq(old, source)
            && macros == self.macros
        {
            return read.clone();
        }
        let cx = text_model::Context { macros: self.macros, ..text_model::Context::default() };
        let read = if latex { text_model::latex(source, self.macros) } else { None };
        let read = Arc::new(read.unwrap_or_else(|| text_model::read(source, &cx)));
        item.document = Some((source.clone(), self.macros.clone(), read.clone()));
        read
    }

    fn page(&mut self, ui: &mut Ui, blocks: &[Block], item: &mut ItemView) {
        item.blocks.resize_with(blocks.len(), ItemView::default);
        let (all, gap) = (&mut item.blocks, ui.spacing().item_spacing.y);
        let guess = |i: usize, width: f32| blocks.get(i).map_or(0.0, |b| guess_block(b, width));
        item.stack.show(ui, (blocks.len(), gap), guess, |ui, i| {
            let (Some(block), Some(item)) = (blocks.get(i), all.get_mut(i)) else { return };
            match block {
                Block::Text(text) if text.is_prose() && text.lines().len() <= PROSE => {
                    let read = match &item.prose {
                        Some((version, read)) if *version == text.version() => read.clone(),
                        _ => Arc::new(text_model::of_text(text)),
                    };
                    item.prose = Some((text.version(), read.clone()));
                    self.document(ui, &read, item, &Setting::default());
                }
                Block::Text(text) => {
                    text::text_ui(ui, self.theme, text, &mut item.text, ("HTML output", None), self.acts);
                }
                Block::Table(table) => self.table(ui, table, item, i),
                Block::Image(image) => image::image_ui(ui, self.theme, image, self.pictures, self.acts),
                Block::Fold(fold) => self.fold(ui, fold, item),
                Block::Media(media) => self.media(ui, media),
            }
        });
    }

    /// A section that opens and closes; `item.open` says that a person turned it.
    fn fold(&mut self, ui: &mut Ui, fold: &Fold, item: &mut ItemView) {
        let open = fold.open != item.open;
        if disclosure(ui, self.theme, &fold.title, open) {
            item.open = !item.open;
        }
        if open {
            ui.indent("fold", |ui| self.page(ui, &fold.blocks, item));
        }
    }

    fn media(&mut self, ui: &mut Ui, media: &Media) {
        let theme = self.theme;
        ui.horizontal(|ui| {
            ui.label(theme.icon("file", 14.0));
            ui.label(theme.body(media.what()));
            ui.label(theme.faint(bytes(media.base64.len() as u64 / 4 * 3)));
            for (label, open) in [("Save\u{2026}", false), ("Open", true)] {
                if link(ui, theme, label).clicked() {
                    self.acts.push(Act::File { name: media.file_name(), base64: media.base64.clone(), open });
                }
            }
        });
    }

    /// A chart, with its data as a table below when that is asked for.
    fn chart(&mut self, ui: &mut Ui, figure: &Arc<Figure>, item: &mut ItemView, index: usize) {
        let view = item.chart.get_or_insert_default();
        for ask in chart_ui(ui, self.theme, figure, view, self.at_home) {
            self.acts.push(match ask {
                Ask::Copy(text) => Act::Copy(text),
                Ask::Save(png) => Act::File { name: "chart.png".to_owned(), base64: png, open: false },
                Ask::Browse => Act::Browse(index),
            });
        }
        if view.open {
            let table = view.table(figure);
            if !table.page.columns.is_empty() {
                self.table(ui, &table, item, index);
            }
        }
    }

    fn note(&mut self, ui: &mut Ui, note: &Note, item: &mut ItemView, index: usize) {
        let theme = self.theme;
        ui.horizontal(|ui| {
            ui.label(theme.icon("info", 14.0));
            ui.label(words(theme, &note.what));
            if note.bytes > 0 {
                ui.label(theme.faint(bytes(note.bytes as u64)));
            }
            if note.refused && self.at_home {
                let response = link(ui, theme, "Open in browser");
                if response
                    .on_hover_text("A page with this output opens in your browser, where its scripts run")
                    .clicked()
                {
                    self.acts.push(Act::Browse(index));
                }
            }
        });
        if let Some(fallback) = &note.fallback {
            let inner = item.inner.get_or_insert_default();
            ui.push_id("fallback", |ui| self.output(ui, fallback, inner, index));
        }
    }

    /// A bar with the last line; Enter or a click unfolds the traceback.
    fn error(&mut self, ui: &mut Ui, failure: &Failure, item: &mut ItemView, index: usize) {
        let theme = self.theme;
        let lines = failure.traceback.total_lines();
        let width = ui.available_width();
        let (bar, response) = ui.allocate_exact_size(vec2(width, 28.0), Sense::click());
        let summary = shorten(&failure.summary(), 400);
        response.widget_info(|| egui::WidgetInfo::selected(egui::Role::DisclosureTriangle, true, item.open, &summary));
        let radius =
            CornerRadius { nw: 4, ne: 4, sw: if item.open { 0 } else { 4 }, se: if item.open { 0 } else { 4 } };
        ui.painter().rect_filled(bar, radius, theme.fail_t);
        ui.painter().rect_filled(bar.with_max_x(bar.left() + 2.0), 0.0, theme.fail);
        if response.has_focus() {
            super::focus_ring(ui, theme, bar, 4.0);
        }
        let line = failing_line(&failure.traceback.plain());
        let mut inner = ui.new_child(
            UiBuilder::new()
                .id_salt("bar")
                .max_rect(bar.shrink2(vec2(8.0, 2.0)))
                .layout(Layout::right_to_left(Align::Center)),
        );
        if link(&mut inner, theme, "Copy").clicked() {
            self.acts.push(Act::Copy(Output::Error(failure.clone()).to_text()));
        }
        if let Some(line) = line
            && link(&mut inner, theme, &format!("Go to line {line}")).clicked()
        {
            self.acts.push(Act::GoToLine(line));
        }
        inner.with_layout(Layout::left_to_right(Align::Center), |ui| {
            ui.set_clip_rect(ui.clip_rect().intersect(ui.max_rect()));
            ui.label(theme.icon(if item.open { "chevron-down" } else { "chevron-right" }, 14.0));
            let color = theme.readable(theme.fail, theme.fail_t);
            let words = egui::RichText::new(&summary).font(theme.mono(CONTROL)).color(color);
            // What went wrong is worth more than how long its trace is.
            let wide = ui.painter().layout_no_wrap(summary.clone(), theme.mono(CONTROL), color).size().x;
            let lines = if wide + 120.0 > ui.available_width() { 0 } else { lines };
            let room = ui.available_width() - if lines > 1 { 120.0 } else { 0.0 };
            ui.scope(|ui| {
                ui.set_max_width(room.max(80.0));
                ui.add(egui::Label::new(words).truncate().selectable(false));
            });
            if lines > 1 && !item.open {
                ui.label(theme.small(format!("{} folded", count(lines, "line"))));
            }
        });
        let key =
            response.has_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter) || i.key_pressed(egui::Key::Space));
        if response.clicked() || key {
            item.open = !item.open;
        }
        if item.open && !failure.traceback.is_empty() {
            ui.add_space(-6.0);
            Frame::NONE.fill(theme.sunken).inner_margin(Margin::symmetric(10, 6)).show(ui, |ui| {
                ui.set_width(ui.available_width());
                text::text_ui(
                    ui,
                    theme,
                    &failure.traceback,
                    &mut item.text,
                    ("Traceback", self.at_home.then_some(index)),
                    self.acts,
                );
            });
        }
    }

    /// A grid with a foot that says how much there is.
    fn table(&mut self, ui: &mut Ui, table: &Table, item: &mut ItemView, index: usize) {
        let theme = self.theme;
        if let Some(caption) = &table.caption {
            ui.label(theme.label(caption));
        }
        let name = format!("Table output {}", index + 1);
        Frame::NONE.stroke(theme.hairline()).corner_radius(6).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            item.order.update(table);
            let rows = Ordered { page: &table.page, order: item.order.rows.as_deref() };
            let place = |row: u64, column: usize| Some((rows.at(row)? as u32, column as u32));
            let look = |row: u64, column: usize| table.looks.get(&place(row, column)?);
            let sorted: Vec<(usize, bool)> = item.order.by.into_iter().collect();
            let columns = &table.page.columns;
            let mut grid = DataGrid::new(&name, columns, &rows).compact().sort(&sorted);
            if !table.looks.is_empty() {
                grid = grid.looks(&look);
            }
            if !table.is_plain() {
                grid = grid.unsorted();
            }
            if table.index_columns > 0 || !table.is_plain() {
                grid = grid.indexed(table.index_columns).unnumbered();
            }
            if columns.iter().all(|c| c.name.is_empty() && c.dtype.is_empty()) {
                grid = grid.headless();
            }
            if item.order.profiling {
                let made = item.order.profiles.get_or_insert_with(|| profiles(table));
                grid = grid.profiles(made);
            }
            let width = ui.available_width();
            let height = grid.height_for(&item.grid, rows.total().clamp(1, TABLE_ROWS), width);
            let size = vec2(width, height);
            let shown = ui
                .allocate_ui(size, |ui| {
                    ui.set_min_size(size);
                    grid.show(ui, theme, &mut item.grid)
                })
                .inner;
            if let Some(text) = shown.copy.and_then(|s| selection_text(&rows, columns, &s)) {
                self.acts.push(Act::Copy(text));
            }
            self.acts.extend(shown.link.map(|link| Act::Open(link.to_string())));
            if let Some(column) = shown.sort {
                item.order.turn(column);
            }
            self.table_foot(ui, table, &mut item.order);
        });
    }

    fn table_foot(&mut self, ui: &mut Ui, table: &Table, order: &mut Order) {
        let theme = self.theme;
        let rows = table.page.rows.len() as u64;
        ui.horizontal(|ui| {
            ui.set_min_height(28.0);
            ui.add_space(8.0);
            let columns = table.page.columns.len() - table.index_columns;
            let words = table.note.clone().unwrap_or_else(|| format!("{} × {}", count(rows, "row"), columns));
            ui.label(egui::RichText::new(words).font(theme.font(SMALL)).color(theme.muted));
            if table.dropped_rows > 0 {
                let words = format!("{} more rows are not shown", thousands(table.dropped_rows as u64));
                ui.label(theme.small(words));
            }
            if table.dropped_columns > 0 {
                let words = format!("{} more columns are not shown", thousands(table.dropped_columns as u64));
                ui.label(theme.small(words));
            }
            if let Some(found) = order.rows.as_ref().filter(|_| !order.filter.is_empty()) {
                ui.label(theme.small(format!("{} found", thousands(found.len() as u64))));
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.add_space(8.0);
                if link(ui, theme, "Copy").clicked() {
                    self.acts.push(Act::Copy(table.to_tsv()));
                }
                if rows > 2 && table.is_plain() {
                    let words = if order.profiling { "Hide profile" } else { "Profile" };
                    if link(ui, theme, words).clicked() {
                        order.profiling = !order.profiling;
                    }
                }
                if rows > 2 && table.is_plain() {
                    if order.filtering {
                        super::text_field(ui, theme, &mut order.filter, "Filter rows", "Filter rows", 160.0);
                    }
                    if link(ui, theme, if order.filtering { "All rows" } else { "Filter" }).clicked() {
                        order.filtering = !order.filtering;
                        order.filter.clear();
                    }
                }
            });
        });
    }
}

/// A column and whether its largest values come first.
type Sorted = Option<(usize, bool)>;

/// The rows of a table as a person wants to see them.
#[derive(Debug, Clone, Default)]
struct Order {
    /// Sorted by this column; true: largest first.
    by: Sorted,
    filter: String,
    filtering: bool,
    /// The head shows what each column holds.
    profiling: bool,
    profiles: Option<Vec<Option<ColumnProfile>>>,
    /// What `rows` was made for.
    made: Option<(Sorted, String, usize)>,
    rows: Option<Vec<u32>>,
}

impl Order {
    /// A head was clicked: up, down, as it came.
    fn turn(&mut self, column: usize) {
        self.by = match self.by {
            Some((at, false)) if at == column => Some((column, true)),
            Some((at, true)) if at == column => None,
            _ => Some((column, false)),
        };
    }

    fn update(&mut self, table: &Table) {
        let now = (self.by, self.filter.clone(), table.page.rows.len());
        if self.made.as_ref() == Some(&now) {
            return;
        }
        if self.made.as_ref().is_some_and(|m| m.2 != now.2) {
            self.profiles = None;
        }
        let all = || (0..table.page.rows.len() as u32).collect::<Vec<u32>>();
        let sorted = self.by.map(|(column, down)| table.order_by(column, down));
        self.rows = if self.filter.is_empty() {
            sorted
        } else {
            let wanted = self.filter.to_lowercase();
            let mut rows = sorted.unwrap_or_else(all);
            let holds = |row: &u32| {
                let cells = table.page.rows.get(*row as usize).into_iter().flatten();
                cells.into_iter().any(|c: &Cell| c.plain().to_lowercase().contains(&wanted))
            };
            rows.retain(holds);
            Some(rows)
        };
        self.made = Some(now);
    }
}

/// A page in another order.
struct Ordered<'a> {
    page: &'a Page,
    order: Option<&'a [u32]>,
}

impl Ordered<'_> {
    fn at(&self, row: u64) -> Option<u64> {
        match self.order {
            Some(order) => order.get(row as usize).map(|r| u64::from(*r)),
            None => Some(row),
        }
    }
}

impl Rows for Ordered<'_> {
    fn total(&self) -> u64 {
        self.order.map_or(self.page.total_rows, |o| o.len() as u64)
    }
    fn cell(&self, row: u64, column: usize) -> Option<&Cell> {
        self.page.cell(self.at(row)?, column)
    }
}

/// A title with an arrow that opens and closes what is below it; true when it was turned.
fn disclosure(ui: &mut Ui, theme: &Theme, title: &str, open: bool) -> bool {
    let width = ui.available_width();
    let (rect, response) = ui.allocate_exact_size(vec2(width, 22.0), Sense::click());
    response.widget_info(|| egui::WidgetInfo::selected(egui::Role::DisclosureTriangle, true, open, title));
    if response.has_focus() {
        super::focus_ring(ui, theme, rect, 4.0);
    }
    let mut row = ui.new_child(UiBuilder::new().max_rect(rect).layout(Layout::left_to_right(Align::Center)));
    row.spacing_mut().item_spacing.x = 4.0;
    row.label(theme.icon(if open { "chevron-down" } else { "chevron-right" }, 14.0));
    row.add(egui::Label::new(theme.label(title)).truncate().selectable(false));
    let key = response.has_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter) || i.key_pressed(egui::Key::Space));
    response.clicked() || key
}

/// The line of the cell a traceback points at: `Cell In[3], line 7`, the last one.
fn failing_line(traceback: &str) -> Option<usize> {
    let (_, after) = traceback.rsplit_once("Cell In[")?;
    let (_, after) = after.split_once("], line ")?;
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// A context menu with Copy.
fn menu(response: &Response, theme: &Theme, acts: &mut Vec<Act>, text: impl Fn() -> String) {
    response.context_menu(|ui| {
        let words = egui::RichText::new(format!("{}  Copy output", icon("copy"))).font(theme.font(MONO));
        if ui.button(words).clicked() {
            acts.push(Act::Copy(text()));
            ui.close();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_failing_line_is_read_from_the_traceback() {
        assert_eq!(failing_line("Cell In[1], line 3, in f()\nCell In[2], line 12\n     10 x"), Some(12));
        assert_eq!(failing_line("File x.py, line 3"), None);
    }
}
