//! The finds by file: only rows in sight are laid out.
use egui::{
    Align, EventFilter, Id, Key, Layout, Modifiers, ScrollArea, Sense, Stroke, TextFormat, Ui, WidgetInfo,
    text::LayoutJob, vec2,
};

use crate::{
    app::search::{Command, Row, State},
    model::{
        editor::find::{Finder, Query},
        search::{FileHits, Hit},
        workspace::FileKind,
    },
    ui::{
        PageCx,
        theme::{BODY, CONTROL, SMALL, Theme},
        widgets::{self, icon_button},
    },
};

const ROW: f32 = 22.0;
/// Letters shown before a find, so that it is seen in a narrow panel.
const BEFORE: usize = 16;

/// What the list remembers.
#[derive(Debug, Default)]
pub struct View {
    /// The request to bring the chosen row into sight that was done last.
    revealed: u64,
    /// The query made ready, for what replaces a find.
    finder: Option<(Query, Option<Finder>)>,
}

fn list_id() -> Id {
    Id::unique("workspace-search-list")
}

/// Draws it.
pub fn list_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View) {
    let search = &cx.state.search;
    if view.finder.as_ref().is_none_or(|(query, _)| *query != search.ask.query) {
        view.finder = Some((search.ask.query.clone(), search.ask.query.compile().ok().flatten()));
    }
    let rows = search.rows();
    let id = list_id();
    let area = ui.available_rect_before_wrap();
    let response = ui.interact(area, id, Sense::focusable_noninteractive());
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Group, true, "Search results"));
    let focused = response.has_focus();
    if focused {
        keys(ui, cx, search);
    }
    let mut scroll = ScrollArea::vertical().id_salt("search-results").auto_shrink(false);
    if view.revealed != search.reveal {
        view.revealed = search.reveal;
        if let Some(at) = search.chosen.and_then(|c| rows.iter().position(|r| *r == c)) {
            let top = at as f32 * ROW;
            let shown = ui.ctx().data(|d| d.get_temp::<f32>(id.with("offset"))).unwrap_or(0.0);
            let height = area.height();
            if top < shown + ROW {
                scroll = scroll.vertical_scroll_offset((top - ROW).max(0.0));
            } else if top + 2.0 * ROW > shown + height {
                scroll = scroll.vertical_scroll_offset(top + 2.0 * ROW - height);
            }
        }
    }
    ui.spacing_mut().item_spacing.y = 0.0;
    let finder = view.finder.as_ref().and_then(|(_, f)| f.as_ref()).filter(|_| search.replacing);
    let output = scroll.show_rows(ui, ROW, rows.len(), |ui, range| {
        for row in rows.iter().skip(range.start).take(range.len()) {
            let Some(file) = search.file(*row) else { continue };
            let chosen = search.chosen == Some(*row);
            let clicked = match search.hit(*row) {
                None => file_ui(ui, cx, search, *row, file, chosen),
                Some(hit) => hit_ui(ui, cx, *row, (file, hit), finder, chosen, &search.by),
            };
            if clicked {
                ui.memory_mut(|m| m.request_focus(id));
                cx.send(Command::Go(*row));
            }
        }
    });
    ui.ctx().data_mut(|d| d.insert_temp(id.with("offset"), output.state.unclamped_offset().y));
}

fn keys(ui: &Ui, cx: &mut PageCx<'_>, search: &State) {
    let filter = EventFilter { tab: false, horizontal_arrows: true, vertical_arrows: true, escape: false };
    ui.memory_mut(|m| m.set_focus_lock_filter(list_id(), filter));
    let taken = |k: Key| ui.input_mut(|i| i.modifiers.is_none() && i.consume_key(Modifiers::NONE, k));
    for (key, command) in [
        (Key::ArrowDown, Command::Step(true, 1)),
        (Key::ArrowUp, Command::Step(false, 1)),
        (Key::PageDown, Command::Step(true, 15)),
        (Key::PageUp, Command::Step(false, 15)),
        (Key::Home, Command::Step(false, usize::MAX / 2)),
        (Key::End, Command::Step(true, usize::MAX / 2)),
        (Key::ArrowLeft, Command::LeftRight(true)),
        (Key::ArrowRight, Command::LeftRight(false)),
        (Key::Enter, Command::GoChosen),
    ] {
        if taken(key) {
            cx.send(command);
        }
    }
    if let Some(row) = search.chosen
        && taken(Key::Delete)
    {
        cx.send(Command::Drop(row));
    }
}

/// What can be done with a row, while the pointer is over it: to the right.
fn tools_ui(ui: &mut Ui, cx: &mut PageCx<'_>, row: Row, replaces: bool) {
    let theme = cx.theme;
    ui.spacing_mut().item_spacing.x = 0.0;
    let what = if row.hit.is_some() { "this find" } else { "this file" };
    if icon_button(ui, theme, "x", &format!("Take {what} off the list")).clicked() {
        cx.send(Command::Drop(row));
    }
    let words = if row.hit.is_some() { "Replace this one" } else { "Replace all in this file" };
    if replaces && cx.state.search.replacing && icon_button(ui, theme, "replace", words).clicked() {
        cx.send(Command::Replace(row));
    }
}

fn file_ui(ui: &mut Ui, cx: &mut PageCx<'_>, search: &State, row: Row, file: &FileHits, chosen: bool) -> bool {
    let theme = cx.theme;
    let folded = search.folded.contains(&file.path);
    let count = file.hits.len();
    let name = format!("{}, {}", file.path, crate::base::text::count(count as u64, "result"));
    let over = ui.rect_contains_pointer(row_rect(ui));
    let shown = widgets::Row::new(&name).height(ROW).padding(8.0).selected(chosen).show(ui, theme, |ui| {
        ui.spacing_mut().item_spacing.x = 5.0;
        ui.label(theme.icon(if folded { "chevron-right" } else { "chevron-down" }, 12.0));
        ui.label(theme.icon(FileKind::of(&file.path).icon(), 14.0));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if over {
                tools_ui(ui, cx, row, file.hits.iter().any(Hit::is_source));
            } else {
                let more = if file.more { "+" } else { "" };
                ui.label(theme.faint(format!("{count}{more}")));
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
                let mut job = LayoutJob::default();
                job.append(name, 0.0, TextFormat::simple(theme.font(BODY), theme.text));
                job.append(folder, 8.0, TextFormat::simple(theme.font(SMALL), theme.faint));
                ui.add(egui::Label::new(job).truncate().selectable(false));
            });
        });
    });
    shown.clicked()
}

/// Where the next row will lie.
fn row_rect(ui: &Ui) -> egui::Rect {
    egui::Rect::from_min_size(ui.cursor().min, vec2(ui.available_width(), ROW))
}

fn hit_ui(
    ui: &mut Ui,
    cx: &mut PageCx<'_>,
    row: Row,
    (file, hit): (&FileHits, &Hit),
    finder: Option<&Finder>,
    chosen: bool,
    by: &str,
) -> bool {
    let theme = cx.theme;
    let name = format!("{} {}: {}", file.path, hit.at(), hit.words);
    let over = ui.rect_contains_pointer(row_rect(ui));
    let by = finder.filter(|_| hit.is_source()).map(|f| hit.preview(f, by));
    let shown = widgets::Row::new(&name).height(ROW).padding(8.0).selected(chosen).show(ui, theme, |ui| {
        ui.add_space(20.0);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if over {
                tools_ui(ui, cx, row, hit.is_source());
            } else {
                let at = if file.cells { hit.at() } else { format!("{}", hit.line + 1) };
                ui.label(egui::RichText::new(at).font(theme.font(10.5)).color(theme.faint));
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add(egui::Label::new(line(theme, hit, by.as_deref())).truncate().selectable(false));
            });
        });
    });
    shown.clicked()
}

/// The line with the find marked, and what would replace it behind it.
fn line(theme: &Theme, hit: &Hit, by: Option<&str>) -> LayoutJob {
    let mut job = LayoutJob::default();
    let plain = TextFormat::simple(theme.mono(CONTROL), theme.muted);
    let part = |range: std::ops::Range<usize>| hit.words.get(range).unwrap_or_default();
    let find = match by {
        None => TextFormat {
            color: theme.text,
            background: theme.fade(theme.warn, 0.28),
            ..TextFormat::simple(theme.mono(CONTROL), theme.text)
        },
        Some(_) => TextFormat {
            color: theme.readable(theme.fail, theme.fail_t),
            background: theme.fail_t,
            strikethrough: Stroke::new(1.0, theme.fail),
            ..TextFormat::simple(theme.mono(CONTROL), theme.text)
        },
    };
    let before = part(0..hit.mark.start);
    let skip = before.chars().count().saturating_sub(BEFORE);
    // A word or two are not worth the dots.
    if skip > 6 {
        let rest: String = before.chars().skip(skip).collect();
        job.append(&format!("\u{2026}{rest}"), 0.0, plain.clone());
    } else {
        job.append(before, 0.0, plain.clone());
    }
    job.append(part(hit.mark.clone()), 0.0, find);
    if let Some(by) = by {
        let new = TextFormat {
            background: theme.ok_t,
            ..TextFormat::simple(theme.mono(CONTROL), theme.readable(theme.ok, theme.ok_t))
        };
        job.append(&by.replace(['\n', '\t'], " "), 0.0, new);
    }
    job.append(part(hit.mark.end..hit.words.len()), 0.0, plain);
    job
}
