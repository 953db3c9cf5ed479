//! The log view: rows of lines that follow the end, first error, search, tries.
use egui::{Align, Frame, Key, Label, Layout, Margin, Modifiers, Panel, Rect, ScrollArea, Sense, Ui, pos2, vec2};

use super::words::{run_mark, task_mark};
use crate::{
    app::runs::{Command, LogView, Tab},
    base::{text, time},
    model::run::{Level, LogLine, Run},
    ui::{
        PageCx,
        theme::{Mark, Theme},
        widgets::{Btn, Row, error_box, hair_x, icon_button, mark, page_head, section_head, segmented, text_field},
    },
};

const ROW: f32 = 22.0;

/// What the log remembers.
#[derive(Debug, Default)]
pub(super) struct View {
    /// The wish to go to a line that was fulfilled last.
    fulfilled: u64,
    /// Put the cursor into the search field.
    search: bool,
}

/// Tasks of the run, and places to jump to.
pub(super) fn nav_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    let Some(run) = cx.state.runs.selected_run().cloned() else { return };
    ui.horizontal(|ui| {
        ui.set_height(43.0);
        ui.add_space(8.0);
        if icon_button(ui, theme, "arrow-left", "Back to the grid").clicked() {
            cx.send(Command::Show(Tab::Grid));
        }
        mark(ui, theme, run_mark(run.state), 14.0);
        ui.add(Label::new(theme.strong(run.title())).truncate());
    });
    hair_x(ui, theme);
    section_head(ui, theme, "Tasks", "", |_| {});
    let mut send = Vec::new();
    for task in &run.tasks {
        let name = format!("Log of {}", task.id);
        let selected = cx.state.runs.log.task == task.id;
        let row = Row::new(&name).selected(selected).show(ui, theme, |ui| {
            mark(ui, theme, task_mark(task.state), 14.0);
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let lasted = task.duration_ms(cx.now).map(time::duration_ms).unwrap_or_default();
                ui.label(theme.small(lasted).color(theme.faint));
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    ui.add(Label::new(theme.body(task.id.as_str())).truncate());
                });
            });
        });
        if row.clicked() {
            send.push(Command::OpenLog { task: task.id.clone(), attempt: None });
        }
    }
    ui.add_space(8.0);
    hair_x(ui, theme);
    section_head(ui, theme, "Jump to", "", |_| {});
    let log = &cx.state.runs.log;
    match log.first_error_line() {
        Some(line) => {
            let row = Row::new("First error").show(ui, theme, |ui| {
                mark(ui, theme, Mark::Failed, 14.0);
                ui.label(theme.body("First error"));
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    ui.label(theme.small((line + 1).to_string()))
                });
            });
            if row.clicked() {
                send.push(Command::FirstError);
            }
        }
        None => {
            Row::new("No error in this log").show(ui, theme, |ui| {
                ui.label(theme.faint("No error in this log"));
            });
        }
    }
    send.into_iter().for_each(|c| cx.send(c));
}

/// The keys of the log.
pub(super) fn keys(ui: &Ui, cx: &mut PageCx<'_>, view: &mut View) {
    let pressed = |key| ui.input_mut(|i| i.consume_key(Modifiers::NONE, key));
    if pressed(Key::Escape) {
        cx.send(Command::Show(Tab::Grid));
    }
    if pressed(Key::E) {
        cx.send(Command::FirstError);
    }
    if pressed(Key::F) {
        cx.send(Command::Follow(!cx.state.runs.log.follow));
    }
    if pressed(Key::Slash) || ui.input_mut(|i| i.consume_key(Modifiers::COMMAND, Key::F)) {
        view.search = true;
    }
    if ui.input_mut(|i| i.consume_key(Modifiers::SHIFT, Key::N)) {
        cx.send(Command::Hit(-1));
    } else if pressed(Key::N) {
        cx.send(Command::Hit(1));
    }
    let by = i64::from(pressed(Key::CloseBracket)) - i64::from(pressed(Key::OpenBracket));
    if by != 0 {
        step_try(cx, by);
    }
}

fn step_try(cx: &mut PageCx<'_>, by: i64) {
    let log = &cx.state.runs.log;
    let Some(task) = cx.state.runs.selected_run().and_then(|r| r.task(&log.task)) else { return };
    let wanted = i64::from(log.attempt) + by;
    if let Some(found) = task.attempts.iter().find(|a| i64::from(a.number) == wanted) {
        let command = Command::OpenLog { task: task.id.clone(), attempt: Some(found.number) };
        cx.send(command);
    }
}

/// The log itself.
pub(super) fn log_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View) {
    let theme = cx.theme;
    let Some(run) = cx.state.runs.selected_run().cloned() else { return };
    log_head_ui(ui, cx, &run);
    tools_ui(ui, cx, view);
    if let Some(error) = &cx.state.runs.log.error {
        Frame::NONE.inner_margin(Margin::same(16)).show(ui, |ui| error_box(ui, theme, error, &[]));
        return;
    }
    foot_ui(ui, cx, &run);
    if cx.state.runs.log.lines.is_empty() {
        let words = if !cx.state.runs.log.loaded {
            ""
        } else if cx.state.runs.log.attempt == 0 {
            "This task did not start, so it has no log"
        } else {
            "Nothing has been written yet"
        };
        Frame::NONE.inner_margin(Margin::same(16)).show(ui, |ui| ui.label(theme.muted(words)));
        return;
    }
    let shown = cx.state.runs.log.shown();
    Panel::right("log-overview")
        .exact_size(36.0)
        .resizable(false)
        .frame(Frame::NONE)
        .show_separator_line(true)
        .show(ui, |ui| overview_ui(ui, cx, shown.as_deref()));
    lines_ui(ui, cx, view, shown.as_deref());
}

fn log_head_ui(ui: &mut Ui, cx: &mut PageCx<'_>, run: &Run) {
    let theme = cx.theme;
    let log = &cx.state.runs.log;
    let task = run.task(&log.task);
    let attempt = task.and_then(|t| t.attempts.iter().find(|a| a.number == log.attempt));
    let note = attempt.map_or_else(String::new, |a| match a.duration_ms(cx.now) {
        Some(ms) if a.ended_at.is_some() => {
            format!("{} after {}", a.state.word().to_lowercase(), time::duration_ms(ms))
        }
        Some(ms) => format!("running for {}", time::duration_ms(ms)),
        None => a.state.word().to_lowercase(),
    });
    let (title, follow, number) = (log.task.clone(), log.follow, log.attempt);
    let any_error = log.errors > 0;
    let mut send = Vec::new();
    page_head(ui, theme, &title, "", |ui| {
        if let Some(task) = task.filter(|t| t.attempts.len() > 1) {
            let labels: Vec<(u32, String)> =
                task.attempts.iter().rev().take(6).rev().map(|a| (a.number, format!("Try {}", a.number))).collect();
            let choices: Vec<(u32, &str)> = labels.iter().map(|(n, l)| (*n, l.as_str())).collect();
            if let Some(n) = segmented(ui, theme, number, &choices) {
                send.push(Command::OpenLog { task: task.id.clone(), attempt: Some(n) });
            }
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if Btn::new("Copy").icon("copy").quiet().name("Copy the log").show(ui, theme).clicked() {
                send.push(Command::CopyLog);
            }
            if Btn::new("Follow").icon("arrow-down").key("F").quiet().on(follow).show(ui, theme).clicked() {
                send.push(Command::Follow(!follow));
            }
            let none = (!any_error).then_some("No error in this log");
            let first = Btn::new("First error").icon("arrow-down-to-line").key("E").disabled(none);
            if first.name("Go to the first error").show(ui, theme).clicked() {
                send.push(Command::FirstError);
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add(Label::new(theme.muted(note.as_str())).truncate());
            });
        });
    });
    send.into_iter().for_each(|c| cx.send(c));
}

fn tools_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View) {
    let theme = cx.theme;
    let log = &cx.state.runs.log;
    let mut text = log.search.clone();
    let (hits, hit, lines) = (log.hits.len(), log.hit, log.lines.len());
    let level = log.only_from.unwrap_or(Level::Info);
    let (errors, warnings) = (log.errors, log.warnings);
    let mut send = Vec::new();
    Frame::NONE.fill(theme.panel).inner_margin(Margin::symmetric(12, 0)).show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.set_height(39.0);
            ui.set_width(ui.available_width());
            let width = (ui.available_width() * 0.35).clamp(160.0, 360.0);
            let field = text_field(ui, theme, &mut text, "Search in the log", "Search, / or Ctrl+F", width);
            if std::mem::take(&mut view.search) {
                field.request_focus();
            }
            if field.changed() {
                send.push(Command::Search(text));
            }
            if field.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter)) {
                send.push(Command::Hit(1));
            }
            if icon_button(ui, theme, "arrow-up", "Hit before, Shift+N").clicked() {
                send.push(Command::Hit(-1));
            }
            if icon_button(ui, theme, "arrow-down", "Next hit, N").clicked() {
                send.push(Command::Hit(1));
            }
            if !cx.state.runs.log.search.is_empty() {
                let words = if hits == 0 { "no hit".to_owned() } else { format!("{} of {hits}", hit + 1) };
                ui.label(theme.small(words));
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if ui.available_width() > 340.0 {
                    ui.label(theme.small(text::count(lines as u64, "line")));
                }
                let (w, e) = (format!("Warnings {warnings}"), format!("Errors {errors}"));
                let choices = [(Level::Info, "All"), (Level::Warn, w.as_str()), (Level::Error, e.as_str())];
                if let Some(level) = segmented(ui, theme, level, &choices) {
                    send.push(Command::OnlyFrom(level));
                }
            });
        });
    });
    hair_x(ui, theme);
    send.into_iter().for_each(|c| cx.send(c));
}

fn foot_ui(ui: &mut Ui, cx: &PageCx<'_>, run: &Run) {
    let theme = cx.theme;
    let log = &cx.state.runs.log;
    let ended = run.task(&log.task).and_then(|t| t.attempts.iter().find(|a| a.number == log.attempt)?.ended_at);
    Panel::bottom("log-foot").exact_size(28.0).resizable(false).frame(Frame::NONE).show_separator_line(true).show(
        ui,
        |ui| {
            ui.horizontal_centered(|ui| {
                ui.add_space(12.0);
                ui.label(theme.small(format!("Local time, {}", time::offset_label(cx.now))));
                if log.skipped_bytes > 0 {
                    let path = run.task(&log.task).and_then(|t| t.last()?.log.clone()).unwrap_or_default();
                    ui.label(theme.small(format!("The end of a long log; all of it is in {path}")));
                }
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    ui.add_space(12.0);
                    ui.label(theme.small(match ended {
                        Some(at) => format!("Complete, ended {}", time::when(at, cx.now)),
                        None if log.attempt == 0 => String::new(),
                        None => "Still being written".to_owned(),
                    }));
                });
            });
        },
    );
}

fn lines_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, shown: Option<&[usize]>) {
    let theme = cx.theme;
    let log = &cx.state.runs.log;
    let count = shown.map_or(log.lines.len(), <[usize]>::len);
    let mut area = ScrollArea::both().auto_shrink(false).id_salt("log-lines").stick_to_bottom(log.follow);
    if let Some((line, wish)) = log.goto
        && wish != view.fulfilled
    {
        view.fulfilled = wish;
        let place = shown.map_or(Some(line), |s| s.binary_search(&line).ok()).unwrap_or(0);
        area = area.vertical_scroll_offset((place as f32 * ROW - ui.available_height() * 0.4).max(0.0));
    }
    let follow = log.follow;
    ui.spacing_mut().item_spacing.y = 0.0;
    let output = area.show_rows(ui, ROW, count, |ui, range| {
        ui.spacing_mut().item_spacing = vec2(0.0, 0.0);
        for place in range {
            let at = shown.map_or(Some(place), |s| s.get(place).copied()).unwrap_or(place);
            if let Some(line) = log.lines.get(at) {
                line_ui(ui, theme, log, at, line);
            }
        }
    });
    // Whoever scrolls up wants to read, not to be carried on.
    let up = ui.input(|i| i.smooth_scroll_delta.y > 0.0) && ui.rect_contains_pointer(output.inner_rect);
    if follow && up {
        cx.send(Command::Follow(false));
    }
}

fn line_ui(ui: &mut Ui, theme: &Theme, log: &LogView, at: usize, line: &LogLine) {
    let width = ui.available_width();
    let current = log.hits.get(log.hit) == Some(&at) && !log.search.is_empty() || log.goto.is_some_and(|g| g.0 == at);
    ui.horizontal(|ui| {
        ui.set_height(ROW);
        ui.set_min_width(width);
        let row = Rect::from_min_size(ui.min_rect().min, vec2(width.max(4_000.0), ROW));
        if line.level == Level::Error {
            ui.painter().rect_filled(row, 0.0, theme.fail_t);
        }
        if current {
            let edge = Rect::from_min_size(row.min, vec2(2.0, ROW));
            ui.painter().rect_filled(edge, 0.0, theme.focus);
        }
        let column = |ui: &mut Ui, width: f32, right: bool, text: egui::RichText| {
            let layout =
                if right { Layout::right_to_left(Align::Center) } else { Layout::left_to_right(Align::Center) };
            ui.allocate_ui_with_layout(vec2(width, ROW), layout, |ui| {
                ui.set_width(width);
                ui.add(Label::new(text).extend().selectable(false));
            });
        };
        column(ui, 52.0, true, theme.code((at + 1).to_string()).size(11.0).color(theme.faint));
        ui.add_space(12.0);
        let clock = line.at.map(|t| t.to_zoned(time::local_zone()).strftime("%H:%M:%S%.3f").to_string());
        column(ui, 108.0, false, theme.code(clock.unwrap_or_default()).color(theme.faint));
        let ink = match line.level {
            Level::Error => theme.fail,
            Level::Warn => theme.warn,
            Level::Info | Level::Debug => theme.faint,
        };
        column(ui, 52.0, false, theme.code(line.level.name()).color(ink));
        column(ui, 80.0, false, theme.code(text::shorten(&line.source, 9)).color(theme.faint));
        ui.add(Label::new(marked(theme, &line.text, &log.search, current)).extend().selectable(true));
        ui.add_space(12.0);
    });
}

/// The text with what was searched for marked.
fn marked(theme: &Theme, text: &str, search: &str, current: bool) -> egui::text::LayoutJob {
    let mut job = egui::text::LayoutJob::default();
    let plain = egui::TextFormat { font_id: theme.mono(12.5), color: theme.text, ..Default::default() };
    let background = if current { theme.sel } else { theme.selsoft };
    let hit = egui::TextFormat { background, ..plain.clone() };
    if search.is_empty() || !text.is_ascii() && !search.is_ascii() {
        job.append(text, 0.0, plain);
        return job;
    }
    let (hay, needle) = (text.as_bytes(), search.as_bytes());
    let (mut from, mut i) = (0, 0);
    while i + needle.len() <= hay.len() {
        let end = i + needle.len();
        let found = hay.get(i..end).is_some_and(|w| w.eq_ignore_ascii_case(needle));
        if found && text.is_char_boundary(i) && text.is_char_boundary(end) {
            job.append(text.get(from..i).unwrap_or_default(), 0.0, plain.clone());
            job.append(text.get(i..end).unwrap_or_default(), 0.0, hit.clone());
            from = end;
            i = end;
        } else {
            i += 1;
        }
    }
    job.append(text.get(from..).unwrap_or_default(), 0.0, plain);
    job
}

/// The whole log as a strip: where errors, warnings and hits are. A click goes there.
fn overview_ui(ui: &mut Ui, cx: &mut PageCx<'_>, shown: Option<&[usize]>) {
    let theme = cx.theme;
    let log = &cx.state.runs.log;
    let (rect, response) = ui.allocate_exact_size(ui.available_size(), Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, "Overview of the log"));
    let count = shown.map_or(log.lines.len(), <[usize]>::len).max(1);
    // Few lines stand where they would on paper, many share the height.
    let step = ((rect.height() - 16.0) / count as f32).min(3.0);
    let painter = ui.painter();
    let every = (count / 2_000).max(1);
    for place in 0..count {
        let at = shown.map_or(Some(place), |s| s.get(place).copied()).unwrap_or(place);
        let Some(line) = log.lines.get(at) else { continue };
        let colour = match line.level {
            Level::Error => theme.fail,
            Level::Warn => theme.warn,
            _ if place % every != 0 => continue,
            _ => theme.bar,
        };
        let y = rect.top() + 8.0 + place as f32 * step;
        let long = (line.text.len() as f32 / 4.0).clamp(4.0, 26.0);
        let bar = Rect::from_min_size(pos2(rect.left() + 4.0, y), vec2(long, step.clamp(1.0, 2.0)));
        painter.rect_filled(bar, 0.0, colour);
    }
}
