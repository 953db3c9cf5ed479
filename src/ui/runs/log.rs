//! The log view: rows of lines that follow the end, first error, search, tries.
use egui::{Align, Frame, Key, Label, Layout, Margin, Panel, Rect, Sense, Ui, UiBuilder, pos2, vec2};

use super::words::{run_mark, task_mark};
use crate::{
    app::{
        keymap,
        runs::{Command, LogId, LogView, Tab},
    },
    base::{text, time},
    model::run::{Level, LogLine, Run},
    ui::{
        PageCx,
        keys::hit,
        theme::{Mark, Theme},
        widgets::{
            Btn, Row, error_box, hair_x, icon_button, mark, page_head, section_head, segmented, sideways_bar,
            text_field,
        },
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
    /// The log that was drawn last.
    of: Option<LogId>,
    /// First row in sight, with its fraction: a log has more rows than a picture has points.
    top: f64,
    /// Points scrolled to the right.
    left: f32,
    /// Widest line seen.
    wide: f32,
    /// Rows that fit, when the page was drawn last.
    fit: f64,
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
    match log.index.first_error() {
        Some(line) => {
            let row = Row::new("First error").show(ui, theme, |ui| {
                mark(ui, theme, Mark::Failed, 14.0);
                ui.label(theme.body("First error"));
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    ui.label(theme.small(text::thousands(line + 1)))
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
    if let Some(line) = log.index.first_warning {
        let row = Row::new("First warning").show(ui, theme, |ui| {
            mark(ui, theme, Mark::Warning, 14.0);
            ui.label(theme.body("First warning"));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.label(theme.small(text::thousands(line + 1)));
            });
        });
        if row.clicked() {
            send.push(Command::GoLine(line));
        }
    }
    send.into_iter().for_each(|c| cx.send(c));
}

/// The keys of the log.
pub(super) fn keys(ui: &Ui, cx: &mut PageCx<'_>, view: &mut View) {
    if hit(ui, &keymap::log::BACK).is_some() {
        cx.send(Command::Show(Tab::Grid));
    }
    if hit(ui, &keymap::log::ERROR).is_some() {
        cx.send(Command::FirstError);
    }
    if hit(ui, &keymap::log::FOLLOW).is_some() {
        cx.send(Command::Follow(!cx.state.runs.log.follow));
    }
    if hit(ui, &keymap::log::SEARCH).is_some() {
        view.search = true;
    }
    match hit(ui, &keymap::log::HIT) {
        Some(0) => cx.send(Command::Hit(1)),
        Some(_) => cx.send(Command::Hit(-1)),
        None => {}
    }
    let rows = cx.state.runs.log.rows() as f64;
    let steps = [-1.0, 1.0, -view.fit + 1.0, view.fit - 1.0, -rows, rows];
    if let Some(by) = hit(ui, &keymap::log::SCROLL).and_then(|n| steps.get(n)) {
        view.top += by;
        if *by < 0.0 && cx.state.runs.log.follow {
            cx.send(Command::Follow(false));
        }
    }
    match hit(ui, &keymap::log::SHIFT) {
        Some(0) => view.left += 80.0,
        Some(_) => view.left -= 80.0,
        None => {}
    }
    let by = match hit(ui, &keymap::log::TRY) {
        Some(0) => -1,
        Some(_) => 1,
        None => 0,
    };
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
    let log = &cx.state.runs.log;
    if log.rows() == 0 {
        let words = if !log.loaded {
            ""
        } else if log.attempt == 0 {
            "This task did not start, so it has no log"
        } else if log.only_from.is_some() {
            "No line is that loud"
        } else {
            "Nothing has been written yet"
        };
        Frame::NONE.inner_margin(Margin::same(16)).show(ui, |ui| ui.label(theme.muted(words)));
        return;
    }
    Panel::right("log-overview")
        .exact_size(36.0)
        .resizable(false)
        .frame(Frame::NONE)
        .show_separator_line(true)
        .show(ui, |ui| overview_ui(ui, cx, view));
    lines_ui(ui, cx, view);
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
    let any_error = log.index.errors > 0;
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
    let (hits, hit, lines) = (log.hits_total, log.hit, log.index.lines);
    let level = log.only_from.unwrap_or(Level::Info);
    let (errors, warnings) = (log.index.errors, log.index.warnings);
    let size = text::bytes(log.index.bytes);
    let searching = log.searching;
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
                let words = match hits {
                    0 if searching => "searching\u{2026}".to_owned(),
                    0 => "no hit".to_owned(),
                    n => format!("{} of {}{}", hit + 1, text::thousands(n), if searching { "\u{2026}" } else { "" }),
                };
                ui.label(theme.small(words));
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if ui.available_width() > 340.0 {
                    ui.label(theme.small(format!("{}, {size}", text::count(lines, "line"))));
                }
                let (w, e) = (text::thousands(warnings), text::thousands(errors));
                let (w, e) = (format!("Warnings {w}"), format!("Errors {e}"));
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
                if !log.complete && log.loaded && log.attempt > 0 && ended.is_some() {
                    ui.label(theme.small("Reading\u{2026}"));
                }
                if log.only_from.is_some() && log.index.is_cut() {
                    ui.label(theme.small("Only the first of them are listed"));
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

/// Brings the place in range, after following the end, going to a wish and scrolling.
fn place(ui: &Ui, cx: &mut PageCx<'_>, view: &mut View, area: Rect) {
    let log = &cx.state.runs.log;
    let rows = log.rows() as f64;
    if view.of != log.id() {
        (view.of, view.top, view.left, view.wide) = (log.id(), 0.0, 0.0, 0.0);
    }
    // The bar at the foot lies over no line.
    let bar = if view.wide > area.width() { 14.0 } else { 0.0 };
    view.fit = f64::from((area.height() - bar) / ROW);
    let last = (rows - view.fit).max(0.0);
    if let Some((line, wish)) = log.goto
        && wish != view.fulfilled
    {
        view.fulfilled = wish;
        let at = log.shown.as_ref().map_or(line, |s| s.partition_point(|l| *l < line) as u64);
        view.top = at as f64 - view.fit * 0.4;
        view.left = 0.0;
    } else if log.follow {
        view.top = last;
    }
    if ui.rect_contains_pointer(area) {
        let delta = ui.input(|i| i.smooth_scroll_delta);
        view.top -= f64::from(delta.y / ROW);
        view.left -= delta.x;
        // Whoever scrolls up wants to read, not to be carried on.
        if log.follow && delta.y > 0.0 {
            cx.send(Command::Follow(false));
        }
    }
    view.top = view.top.clamp(0.0, last);
    view.left = view.left.clamp(0.0, (view.wide - area.width()).max(0.0));
}

fn lines_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View) {
    let theme = cx.theme;
    let area = ui.available_rect_before_wrap();
    place(ui, cx, view, area);
    let log = &cx.state.runs.log;
    let (first, end) = (view.top as u64, (view.top + view.fit).ceil() as u64 + 1);
    // Some more on both sides, so that slow scrolling never meets an empty row.
    let missing = log.missing(first.saturating_sub(64), end + 64);
    let mut child = ui.new_child(UiBuilder::new().id_salt("log-lines").max_rect(area));
    child.set_clip_rect(area.intersect(ui.clip_rect()));
    let mut wide: f32 = 0.0;
    for place in first..end.min(log.rows()) {
        let at = log.line_at(place);
        let y = area.top() + ((place as f64 - view.top) * f64::from(ROW)) as f32;
        let row = Rect::from_min_size(pos2(area.left() - view.left, y), vec2(area.width().max(4_000.0), ROW));
        let builder = UiBuilder::new().id_salt(("line", at)).max_rect(row);
        let mut line_ui_ = child.new_child(builder.layout(Layout::left_to_right(Align::Center)));
        line_ui_.spacing_mut().item_spacing = vec2(0.0, 0.0);
        line_ui(&mut line_ui_, theme, log, at, log.line(at));
        wide = wide.max(line_ui_.min_rect().right() - row.left());
    }
    let hidden = view.wide.max(wide) - area.width();
    if hidden > 0.0 {
        let foot = area.shrink2(vec2(12.0, 0.0));
        sideways_bar(ui, theme, foot, &mut view.left, (area.width(), hidden));
    }
    view.wide = if view.left > 0.0 { view.wide.max(wide) } else { wide };
    ui.advance_cursor_after_rect(area);
    if !missing.is_empty() {
        cx.send(Command::NeedLog(missing));
    }
}

fn line_ui(ui: &mut Ui, theme: &Theme, log: &LogView, at: u64, line: Option<&LogLine>) {
    let current = log.hits.get(log.hit) == Some(&at) && !log.search.is_empty() || log.goto.is_some_and(|g| g.0 == at);
    let row = ui.max_rect();
    let Some(line) = line else {
        ui.add_space(24.0);
        ui.label(theme.code(text::thousands(at + 1)).size(11.0).color(theme.faint));
        return;
    };
    if line.level == Level::Error {
        ui.painter().rect_filled(row, 0.0, theme.fail_t);
    }
    if current {
        let edge = Rect::from_min_size(pos2(ui.clip_rect().left(), row.top()), vec2(2.0, ROW));
        ui.painter().rect_filled(edge, 0.0, theme.focus);
    }
    let column = |ui: &mut Ui, width: f32, right: bool, text: egui::RichText| {
        let layout = if right { Layout::right_to_left(Align::Center) } else { Layout::left_to_right(Align::Center) };
        ui.allocate_ui_with_layout(vec2(width, ROW), layout, |ui| {
            ui.set_width(width);
            ui.add(Label::new(text).extend().selectable(false));
        });
    };
    column(
        ui,
        if at < 99_999 { 52.0 } else { 72.0 },
        true,
        theme.code((at + 1).to_string()).size(11.0).color(theme.faint),
    );
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

/// The whole log as a strip: how long lines are, where errors, warnings and hits stand, and what is in sight. It is the
/// scroll bar: a click or drag goes there.
fn overview_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View) {
    let theme = cx.theme;
    let log = &cx.state.runs.log;
    let (rect, response) = ui.allocate_exact_size(ui.available_size(), Sense::click_and_drag());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ScrollBar, true, "Overview of the log"));
    let lines = log.index.lines.max(1) as f32;
    // Few lines stand where they would on paper, many share the height.
    let step = ((rect.height() - 16.0) / lines).min(3.0);
    let top = rect.top() + 8.0;
    let y = |line: u64| top + line as f32 * step;
    let painter = ui.painter();
    let stroke = |line: u64, long: f32, ink: egui::Color32| {
        let size = vec2(long, step.clamp(1.0, 2.0));
        painter.rect_filled(Rect::from_min_size(pos2(rect.left() + 4.0, y(line)), size), 0.0, ink);
    };
    let (stride, strokes) = log.index.strokes();
    // No more strokes than there are points.
    let every = (strokes.len() / (rect.height().max(1.0) as usize).max(1)).max(1);
    for (i, long) in strokes.iter().enumerate().step_by(every) {
        stroke(i as u64 * stride, f32::from(*long).clamp(4.0, 26.0), theme.bar);
    }
    let mut drawn = (f32::MIN, Level::Debug);
    for (line, level) in log.index.loud() {
        let at = y(u64::from(*line));
        if at - drawn.0 < 1.0 && drawn.1 >= *level {
            continue;
        }
        drawn = (at, *level);
        stroke(u64::from(*line), 26.0, if *level == Level::Error { theme.fail } else { theme.warn });
    }
    let mut last = f32::MIN;
    for line in &log.hits {
        if y(*line) - last >= 1.0 {
            last = y(*line);
            let mark = Rect::from_min_size(pos2(rect.right() - 5.0, last), vec2(4.0, step.clamp(1.5, 3.0)));
            painter.rect_filled(mark, 0.0, theme.accent);
        }
    }
    let (from, to) = (log.line_at(view.top as u64), log.line_at((view.top + view.fit) as u64).min(log.index.lines));
    let seen = Rect::from_min_max(pos2(rect.left(), y(from)), pos2(rect.right(), y(to).max(y(from) + 8.0)));
    painter.rect_filled(seen, 0.0, theme.fade(theme.text, 0.10));
    if (response.clicked() || response.dragged())
        && let Some(at) = response.interact_pointer_pos()
    {
        let line = f64::from(((at.y - top) / step).clamp(0.0, lines - 1.0));
        let place = log.shown.as_ref().map_or(line, |s| s.partition_point(|l| (*l as f64) < line) as f64);
        view.top = place - view.fit * 0.5;
        if log.follow {
            cx.send(Command::Follow(false));
        }
    }
    if ui.rect_contains_pointer(rect) {
        view.top -= f64::from(ui.input(|i| i.smooth_scroll_delta.y) / ROW);
    }
}
