//! What stands below a cell: a SQL result as a grid, outputs as they are drawn, an error in place, a question of the
//! code.
use std::{collections::HashMap, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use crossbeam_channel::{Receiver, Sender, bounded};
use egui::{Align, Frame, Layout, Margin, Ui, vec2};

use super::{Place, View, marks};
use crate::{
    app::{
        notebook::{
            Command, Doc, RunEnd, beside,
            doc::{CellRun, SqlTable},
            full_text,
            kernels::{self, Making},
            widgets,
        },
        shell, workspace,
    },
    base::{
        Error,
        text::{bytes, thousands},
        time::duration_ms,
    },
    model::{
        chart,
        editor::Act as Edit,
        json::Bytes,
        markdown::{self, Context, Document},
        math::Macros,
        notebook::{Cell, CellKind},
        output::{self, Image, Output},
    },
    ui::{
        PageCx,
        theme::SMALL,
        widgets::{
            Btn, error_box,
            grid::{DataGrid, GridView, selection_text},
            link,
            output::{Act, Aim, OutputsView, Pictures, Setting, markdown_ui, outputs_with},
            text_field,
        },
    },
};

/// Rows of a SQL result seen without scrolling.
const GRID_ROWS: u64 = 10;
/// Rows asked for beyond the visible ones.
const MARGIN_ROWS: u64 = 200;

/// Decoded outputs and where their tables are scrolled.
#[derive(Default)]
pub struct Cache {
    entries: HashMap<Place, Entry>,
    pictures: Pictures,
    /// The state of the widgets of the notebook that was drawn last, and the metadata it was read from.
    widgets: Option<(Bytes, output::Widgets)>,
    texts: Texts,
    reader: Option<Reader>,
}

impl Cache {
    /// Takes what the thread has read.
    fn collect(&mut self) {
        let Some(reader) = &self.reader else { return };
        while let Ok((place, cell, read)) = reader.done.try_recv() {
            if let Some(entry) = self.entries.get_mut(&place)
                && entry
                    .of
                    .as_ref()
                    .is_some_and(|of| Arc::ptr_eq(of, &cell) || of.outputs().count() == cell.outputs().count())
            {
                entry.take(read);
            }
        }
    }
}

/// Markdown cells as they are drawn, and what they define for all formulas.
#[derive(Default)]
struct Texts {
    read: HashMap<Place, Read>,
    macros: Macros,
    /// The cells the definitions were taken from.
    of: Vec<Arc<str>>,
}

struct Read {
    cell: Arc<Cell>,
    macros: Macros,
    document: Arc<Document>,
    view: OutputsView,
}

impl Texts {
    /// What the notebook defines now. Cells are compared by their place in memory, so that this costs little.
    fn update(&mut self, doc: &Doc) {
        let now = || doc.cells().iter().filter(|c| c.kind == CellKind::Markdown).map(|c| &c.source);
        if self.of.len() == now().count() && self.of.iter().zip(now()).all(|(a, b)| Arc::ptr_eq(a, b)) {
            return;
        }
        self.of = now().cloned().collect();
        let macros = Macros::of(self.of.iter().map(|s| &**s));
        if macros != self.macros {
            self.macros = macros;
        }
    }

    fn read(&mut self, place: Place, cell: &Arc<Cell>) -> &mut Read {
        if self.read.len() > 600 {
            self.read.retain(|p, _| *p == place);
        }
        let macros = self.macros.clone();
        let fresh = |view: OutputsView| {
            let attached = cell.attachments();
            let attachment = |name: &str| {
                let (_, forms) = attached.iter().find(|(n, _)| n == name)?;
                forms.iter().map(|(mime, data)| Image::new(mime, data, None)).find(Image::is_sound)
            };
            let cx = Context { macros: &macros, attachments: &attachment };
            let document = Arc::new(markdown::read(&cell.source, &cx));
            Read { cell: cell.clone(), macros: macros.clone(), document, view }
        };
        let kept = self.read.entry(place).or_insert_with(|| fresh(OutputsView::default()));
        let same = Arc::ptr_eq(&kept.cell, cell) || Arc::ptr_eq(&kept.cell.source, &cell.source);
        if !same || kept.macros != macros {
            let view = std::mem::take(&mut kept.view);
            *kept = fresh(view);
        }
        kept
    }
}

/// The text of a Markdown cell.
pub fn text_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc, cell: &Arc<Cell>, view: &mut View) {
    let Cache { pictures, texts, .. } = &mut view.outputs;
    texts.update(doc);
    let Read { document, view, .. } = texts.read((doc.id, cell.key), cell);
    let files = |path: &str| doc.beside.picture(path);
    let setting = Setting { files: &files, selectable: false };
    for act in markdown_ui(ui, cx.theme, document, view, pictures, &setting) {
        carry_out(cx, doc, (cell, &[]), act);
    }
}

/// The state of a notebook's widgets, read again only when its metadata have changed.
fn widgets_of<'a>(kept: &'a mut Option<(Bytes, output::Widgets)>, doc: &Doc) -> &'a output::Widgets {
    let book = doc.notebook();
    let now = book.map_or_else(|| Bytes::from(&b""[..]), |b| b.metadata().clone());
    if kept.as_ref().is_none_or(|(old, _)| old.as_ptr() != now.as_ptr() || old.len() != now.len()) {
        *kept = Some((now, book.map(output::Widgets::of).unwrap_or_default()));
    }
    &kept.get_or_insert_with(|| (Bytes::from(&b""[..]), output::Widgets::default())).1
}

#[derive(Default)]
struct Entry {
    /// The cell the outputs were decoded from.
    of: Option<Arc<Cell>>,
    outputs: Vec<Output>,
    view: OutputsView,
    grid: GridView,
    /// Rows that were asked for and have not come.
    asked: Option<u64>,
    /// Place of each output in the cell.
    places: Vec<usize>,
    /// The outputs are being read on a thread.
    reading: bool,
    /// The files beside the notebook when charts were read.
    files: u64,
}

/// Outputs of more bytes than this are read on a thread; of those that take long to read, fewer.
const LARGE: usize = 512 * 1024;
const INTRICATE: usize = 64 * 1024;

fn is_heavy(cell: &Cell) -> bool {
    let (mut all, mut intricate) = (0, 0);
    for output in cell.outputs() {
        all += output.len();
        if all > LARGE {
            return true;
        }
        // Pictures are only kept.
        if output.len() > 1_000 && memchr::memmem::find(&output, b"\"image/").is_none() {
            intricate += output.len();
        }
    }
    intricate > INTRICATE
}

type Placed = Vec<(usize, Output)>;
type Work = (Place, Arc<Cell>, output::Widgets, egui::Context);

/// The thread that reads large outputs.
struct Reader {
    tasks: Sender<Work>,
    done: Receiver<(Place, Arc<Cell>, Placed)>,
}

impl Reader {
    fn start() -> Self {
        let (tasks, todo) = bounded::<Work>(64);
        let (tx, done) = bounded(64);
        let work = move || {
            for (place, cell, widgets, ctx) in todo {
                let read = read(&cell, &widgets);
                if tx.send((place, cell, read)).is_err() {
                    return;
                }
                ctx.request_repaint();
            }
        };
        if let Err(e) = std::thread::Builder::new().name("andon-outputs".into()).spawn(work) {
            tracing::error!("no thread for outputs: {e}");
        }
        Self { tasks, done }
    }
}

fn read(cell: &Cell, widgets: &output::Widgets) -> Placed {
    let raw: Vec<_> = cell.outputs().collect();
    output::view_placed(raw.iter().map(|o| o.text()), widgets)
}

/// The bundle of an output.
fn bundle(cell: &Cell, at: usize) -> Option<serde_json::Map<String, serde_json::Value>> {
    let raw = cell.outputs().nth(at)?;
    let value: serde_json::Value = serde_json::from_str(raw.text()).ok()?;
    value.get("data")?.as_object().cloned()
}

impl Entry {
    /// Decodes again only when the outputs themselves have changed.
    fn read(
        &mut self,
        (place, cell): (Place, &Arc<Cell>),
        widgets: &output::Widgets,
        (reader, ctx): (&mut Option<Reader>, &egui::Context),
    ) {
        if let Some(old) = &self.of {
            if Arc::ptr_eq(old, cell) {
                return;
            }
            let same =
                old.outputs().len() == cell.outputs().len() && old.outputs().zip(cell.outputs()).all(|(a, b)| a == b);
            if same {
                self.of = Some(cell.clone());
                return;
            }
        }
        self.of = Some(cell.clone());
        if is_heavy(cell) {
            let reader = reader.get_or_insert_with(Reader::start);
            self.reading = true;
            if reader.tasks.try_send((place, cell.clone(), widgets.clone(), ctx.clone())).is_err() {
                // A full queue is tried again with the next frame.
                self.of = None;
                ctx.request_repaint();
            }
            return;
        }
        self.take(read(cell, widgets));
    }

    fn take(&mut self, read: Placed) {
        (self.places, self.outputs) = read.into_iter().unzip();
        self.reading = false;
        self.files = 0;
    }

    /// Charts whose data lie in files beside the notebook are read with them.
    fn charts(&mut self, cx: &mut PageCx<'_>, doc: &Doc, cell: &Cell) {
        for (output, place) in self.outputs.iter_mut().zip(&self.places) {
            let Output::Chart(figure) = output else { continue };
            for path in figure.wants.iter().filter(|p| !doc.beside.knows(p)) {
                cx.send(Command::Beside(beside::Command::Data { doc: doc.id, path: path.clone() }));
            }
            if figure.wants.is_empty() || self.files == doc.beside.revision() + 1 {
                continue;
            }
            let files = |path: &str| doc.beside.data(path).map(|t| t.to_string());
            if let Some(now) = bundle(cell, *place).and_then(|data| chart::from_bundle_with(&data, &files)) {
                *figure = Arc::new(now);
            }
        }
        self.files = doc.beside.revision() + 1;
    }
}

/// Draws all of it.
pub fn outputs_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc, cell: &Arc<Cell>, view: &mut View) {
    let run = doc.runs.get(&cell.key);
    let live = run.is_some_and(|r| r.ms.is_none() && !r.live.views().is_empty());
    let error = run.is_some_and(|r| matches!(r.end, RunEnd::Error(_) | RunEnd::NoKernel(_) | RunEnd::Interrupted));
    if !cell.has_outputs() && !live && !error && run.is_none_or(|r| r.input.is_none() && r.table.is_none()) {
        return;
    }
    let place = (doc.id, cell.key);
    if view.outputs.entries.len() > 600 {
        view.outputs.entries.clear();
    }
    view.outputs.collect();
    let Cache { entries, pictures, widgets, texts, reader } = &mut view.outputs;
    let entry = entries.entry(place).or_default();
    let find = doc.find.as_ref().filter(|f| f.outputs);
    let current = find.and_then(|f| f.in_output(cell.key));
    let reveal = view.spot.frames > 0 && current.is_some();
    let aim = |o: &crate::app::notebook::find::InOutput| Aim { output: o.output, line: o.line, tab: o.tab, reveal };
    entry.view.aim(current.map(|(output, _)| aim(output)));
    let from = find.map(|_| marks::begin(ui));
    texts.update(doc);
    entry.view.set_macros(&texts.macros);
    entry.view.set_at_home();
    Frame::NONE.inner_margin(Margin { left: 8, right: 8, top: 4, bottom: 4 }).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = 6.0;
        let table = run.filter(|r| doc.is_present(r)).and_then(|r| r.table.as_ref());
        if let Some(table) = table {
            if let Some((o, _)) = current.filter(|_| reveal)
                && let Some(row) = o.number.checked_sub(1)
                && entry.grid.cursor() != Some((row as u64, o.tab))
            {
                entry.grid.go_to(row as u64, o.tab);
            }
            table_ui(ui, cx, doc, cell, table, entry);
        } else {
            let outputs = match run.filter(|_| live) {
                Some(run) => run.live.views(),
                None => {
                    entry.read((place, cell), widgets_of(widgets, doc), (reader, ui.ctx()));
                    // What the run has shown stays until its outputs have been read.
                    let shown = run.filter(|r| entry.reading && !r.live.views().is_empty());
                    match shown {
                        Some(run) => run.live.views(),
                        None if entry.reading => {
                            ui.label(cx.theme.small("Reading the outputs\u{2026}"));
                            &[]
                        }
                        None => {
                            entry.charts(cx, doc, cell);
                            entry.outputs.as_slice()
                        }
                    }
                }
            };
            let listening = Some(&doc.widgets).filter(|w| !w.is_empty());
            let acts = outputs_with(ui, cx.theme, outputs, &mut entry.view, pictures, listening);
            view.grown += entry.view.take_grown();
            // While it runs, outputs are in the places they are drawn in.
            let running: Vec<usize> = if live { (0..outputs.len()).collect() } else { Vec::new() };
            let places = if live { &running } else { &entry.places };
            for act in acts {
                carry_out(cx, doc, (cell, places), act);
            }
        }
        if let Some(run) = run {
            whole_ui(ui, cx, run);
            end_ui(ui, cx, run);
            input_ui(ui, cx, run, &mut view.answer);
        }
        let aimed = current.map(|_| entry.view.aimed().unwrap_or((ui.min_rect(), false)));
        if let Some(from) = from {
            // The row of a table is marked by the table.
            let line = aimed.filter(|(_, exact)| *exact).map(|(rect, _)| rect);
            marks::paint(ui, cx.theme, from, view.find.finder(), line.zip(current.map(|(_, nth)| nth)));
        }
        if let Some((rect, _)) = aimed.filter(|_| reveal) {
            view.spot.drawn = true;
            let near = rect.with_max_y(rect.max.y.min(rect.min.y + 200.0)).expand2(vec2(0.0, 40.0));
            ui.scroll_to_rect_animation(near, None, egui::style::ScrollAnimation::none());
        }
    });
}

/// What a browser is given of an output: a page with its chart, or all HTML and scripts of the cell, since one output loads
/// what the next one fills.
fn browser_page(cell: &Cell, at: usize) -> Option<String> {
    let joined = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Array(lines) => Some(lines.iter().filter_map(|l| l.as_str()).collect()),
        _ => None,
    };
    if let Some(page) = bundle(cell, at).and_then(|data| chart::page(&data)) {
        return Some(page);
    }
    let mut page = String::new();
    for at in 0..cell.outputs().len() {
        let Some(data) = bundle(cell, at) else { continue };
        if let Some(html) = data.get("text/html").and_then(joined) {
            page.push_str(&html);
        } else if let Some(script) = data.get("application/javascript").and_then(joined) {
            page.push_str(&format!("<script>{}</script>", script.replace("</script", "<\\/script")));
        }
        page.push('\n');
    }
    (!page.trim().is_empty()).then(|| format!("<!doctype html><meta charset=\"utf-8\">\n{page}"))
}

fn carry_out(cx: &mut PageCx<'_>, doc: &Doc, (cell, places): (&Cell, &[usize]), act: Act) {
    match act {
        Act::Widget { id, change } => {
            cx.send(Command::Widget(widgets::Command::Change { key: cell.key, id, change }));
        }
        Act::WidgetEvent { id, content } => {
            cx.send(Command::Widget(widgets::Command::Event { key: cell.key, id, content }));
        }
        Act::Browse(at) => {
            let Some(page) = places.get(at).and_then(|at| browser_page(cell, *at)) else { return };
            let base64 = STANDARD.encode(page).into();
            cx.send(workspace::Command::KeepFile { name: "output.html".to_owned(), base64, open: true });
        }
        Act::CopyText(at) | Act::OpenText(at) => {
            let Some(at) = places.get(at).copied() else { return };
            let (doc, key) = (doc.id, cell.key);
            cx.send(Command::FullText(match act {
                Act::CopyText(_) => full_text::Command::Copy { doc, key, at },
                _ => full_text::Command::Open { doc, key, at },
            }));
        }
        Act::Follow(address) => cx.send(Command::Beside(beside::Command::Follow(address))),
        Act::Need(path) => cx.send(Command::Beside(beside::Command::Picture { doc: doc.id, path })),
        Act::Copy(text) => cx.send(shell::Command::Copy(text)),
        Act::Open(url) => cx.send(shell::Command::OpenUrl(url)),
        Act::File { name, base64, open } => cx.send(workspace::Command::KeepFile { name, base64, open }),
        Act::GoToLine(line) => {
            cx.send(Command::Select(cell.key));
            cx.send(Command::EnterEdit);
            cx.send(Command::EditCell { key: cell.key, acts: vec![Edit::GoToLine(line.saturating_sub(1))] });
        }
    }
}

/// The grid of a SQL result with its foot.
fn table_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc, cell: &Cell, table: &SqlTable, entry: &mut Entry) {
    let theme = cx.theme;
    let page = &table.page;
    let index = doc.notebook().and_then(|n| n.index_of(cell.key)).unwrap_or(0) + 1;
    let name = format!("Result of cell {index}");
    Frame::NONE.stroke(theme.hairline()).corner_radius(6).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let grid = DataGrid::new(&name, &page.columns, &**page).profiles(&table.profiles).compact().unsorted();
        let width = ui.available_width();
        let height = grid.height_for(&entry.grid, page.total_rows.clamp(1, GRID_ROWS), width);
        let size = vec2(width, height);
        let shown = ui
            .allocate_ui(size, |ui| {
                ui.set_min_size(size);
                grid.show(ui, theme, &mut entry.grid)
            })
            .inner;
        // Rows the grid shows and the page does not hold are fetched, once a place.
        let missing = shown.rows.clone().find(|r| !page.holds(*r));
        match missing {
            Some(_) if entry.asked != Some(shown.rows.start) => {
                let first = shown.rows.start.saturating_sub(MARGIN_ROWS / 2);
                let rows = shown.rows.end - first + MARGIN_ROWS / 2;
                entry.asked = Some(shown.rows.start);
                cx.send(Command::NeedRows { doc: doc.id, key: cell.key, first, count: rows as usize });
            }
            Some(_) => {}
            None => entry.asked = None,
        }
        if let Some(text) = shown.copy.and_then(|s| selection_text(&**page, &page.columns, &s)) {
            cx.send(shell::Command::Copy(text));
        }
        foot_ui(ui, cx, doc, cell, table);
    });
}

fn foot_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc, cell: &Cell, table: &SqlTable) {
    let theme = cx.theme;
    ui.horizontal(|ui| {
        ui.set_min_height(28.0);
        ui.add_space(8.0);
        let note = |text: String| egui::RichText::new(text).font(theme.font(SMALL)).color(theme.muted);
        if let Some(name) = &table.name {
            ui.label(egui::RichText::new(name.as_str()).font(theme.mono(SMALL)).color(theme.muted));
        }
        let rows = table.page.total_rows;
        ui.label(note(format!(
            "{} {} \u{d7} {}",
            thousands(rows),
            if rows == 1 { "row" } else { "rows" },
            table.page.columns.len()
        )));
        ui.label(note(duration_ms(table.ms)));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add_space(8.0);
            if link(ui, theme, "Open in Data").clicked() {
                cx.send(Command::OpenInData { key: cell.key, chart: false });
            }
            let planned = doc.plan.as_ref().is_some_and(|p| p.0 == cell.key);
            if link(ui, theme, if planned { "Hide plan" } else { "Plan" }).clicked() {
                cx.send(Command::ShowPlan((!planned).then_some(cell.key)));
            }
            if link(ui, theme, "Chart").clicked() {
                cx.send(Command::OpenInData { key: cell.key, chart: true });
            }
            if let Some(name) = &table.name
                && doc.cells().last().is_some_and(|c| c.key == cell.key)
                && link(ui, theme, &format!("Query {name}")).clicked()
            {
                cx.send(Command::Insert { above: false, kind: crate::model::notebook::CellKind::Code });
                cx.send(Command::EnterEdit);
            }
        });
    });
}

/// Where all of it is, when more was printed than the notebook keeps.
fn whole_ui(ui: &mut Ui, cx: &mut PageCx<'_>, run: &CellRun) {
    let Some(file) = run.live.whole().filter(|_| run.live.left_out() > 0) else { return };
    ui.horizontal_wrapped(|ui| {
        let left_out = bytes(run.live.left_out());
        ui.label(cx.theme.small(format!("{left_out} more were printed than the notebook keeps")));
        let path = cx.state.workspace.root.as_ref().map(|root| root.join(file).display().to_string());
        let Some(path) = path else { return };
        if link(ui, cx.theme, "Open the whole text").on_hover_text(&path).clicked() {
            cx.send(shell::Command::OpenUrl(path.clone()));
        }
        if link(ui, cx.theme, "Copy its path").clicked() {
            cx.send(shell::Command::Copy(path));
        }
    });
}

/// Why it did not run to its end.
fn end_ui(ui: &mut Ui, cx: &mut PageCx<'_>, run: &CellRun) {
    match &run.end {
        RunEnd::NoKernel(error) => {
            if cx.state.notebook.making.as_ref().is_some_and(Making::runs) {
                ui.label(cx.theme.small("An environment is being made; run the cell again when it is ready"));
                return;
            }
            let error = Error { hint: None, ..error.clone() };
            let actions = ["Create an environment with ipykernel", "Choose a kernel\u{2026}"];
            match error_box(ui, cx.theme, &error, &actions) {
                Some(0) => {
                    let ask = kernels::Ask::Environment { base: None };
                    cx.send(Command::Kernels(kernels::Command::Ask(ask)));
                }
                Some(_) => cx.send(Command::Kernels(kernels::Command::Pick)),
                None => {}
            }
        }
        RunEnd::Error(error) => {
            error_box(ui, cx.theme, error, &[]);
        }
        RunEnd::Interrupted => {
            ui.label(cx.theme.small("Interrupted"));
        }
        _ => {}
    }
}

/// The field for `input()`; the code waits until it is answered or interrupted.
fn input_ui(ui: &mut Ui, cx: &mut PageCx<'_>, run: &CellRun, answer: &mut String) {
    let Some((prompt, password)) = &run.input else { return };
    let theme = cx.theme;
    ui.horizontal(|ui| {
        ui.label(theme.code(prompt.as_str()));
        let name = format!("Answer to {prompt}");
        let response = if *password {
            let edit = egui::TextEdit::singleline(answer).password(true).desired_width(280.0);
            let response = ui.add(edit);
            response.widget_info(|| {
                let mut info = egui::WidgetInfo::text_edit(true, "", "", "");
                info.label = Some(name.clone());
                info
            });
            response
        } else {
            text_field(ui, theme, answer, &name, "", 280.0)
        };
        let enter = response.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
        if Btn::new("Answer").show(ui, theme).clicked() || enter {
            cx.send(Command::Answer(std::mem::take(answer)));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::notebook::{Notebook, OutputJson};

    #[test]
    fn a_browser_gets_what_belongs_together() {
        let mut book = Notebook::new_empty();
        let key = book.insert(0, CellKind::Code, "show()").unwrap();
        let output = |data: serde_json::Value| {
            let all = serde_json::json!({ "output_type": "display_data", "metadata": {}, "data": data });
            OutputJson::from(all.to_string())
        };
        let outputs = [
            output(serde_json::json!({ "application/javascript": "load('</script>')" })),
            output(serde_json::json!({ "text/html": ["<div id='a'>", "</div>"] })),
            output(serde_json::json!({ "application/javascript": "fill('a')", "text/plain": "x" })),
        ];
        book.set_outputs(key, &outputs, None).unwrap();
        let page = browser_page(book.cell(key).unwrap(), 2).unwrap();
        assert!(page.contains("<div id='a'></div>") && page.contains("<script>fill('a')</script>"), "{page}");
        assert!(page.contains(r"load('<\/script>')"));
    }
}
