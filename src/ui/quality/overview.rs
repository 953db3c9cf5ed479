//! The overview: the chart in front, the suite over its runs, the metrics of the latest runs.
use egui::{Align, Frame, Layout, Margin, Rect, ScrollArea, Ui, UiBuilder, pos2, vec2};

use super::{Draft, View, plot, rows, suite_grid};
use crate::{
    app::quality::{self, Chart, Command, Subject, Tone},
    base::{text, time},
    model::quality::{Status, note::Note},
    ui::{
        PageCx,
        theme::{Mark, Theme},
        widgets::{Btn, icon_button, mark, switch, text_field},
    },
};

/// Most tiles drawn; the rest is reached by the palette.
const TILES: usize = 24;
/// Height of a tile with the space below it.
const TILE_HEIGHT: f32 = 112.0;

/// Draws the view.
pub(super) fn overview_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View) {
    let all = ui.available_rect_before_wrap();
    let has_foot =
        cx.state.quality.rows.is_some() || cx.state.quality.history.metrics(cx.state.quality.axis()).next().is_some();
    let foot = if has_foot { foot_height(cx, all) } else { 0.0 };
    let split = all.top() + all.height() - foot;
    let suites = !cx.state.quality.suite_paths().is_empty();
    let right = if suites { (all.width() * 0.41).clamp(330.0, 640.0) } else { 0.0 };
    let middle = all.right() - right;
    let theme = cx.theme;
    let cursor = view.cursor;
    view.cursor = None;
    part(ui, "chart", Rect::from_min_max(all.min, pos2(middle, split)), |ui| chart_part(ui, cx, view, cursor));
    if suites {
        ui.painter().vline(middle, all.top()..=split, theme.hairline());
        part(ui, "suite", Rect::from_min_max(pos2(middle, all.top()), pos2(all.right(), split)), |ui| {
            suite_grid::grid_ui(ui, cx);
        });
    }
    if has_foot {
        ui.painter().hline(all.x_range(), split, theme.hairline());
        let rect = Rect::from_min_max(pos2(all.left(), split + 1.0), all.max);
        if cx.state.quality.rows.is_some() {
            part(ui, "rows", rect, |ui| rows::rows_ui(ui, cx, view));
        } else {
            part(ui, "tiles", rect, |ui| tiles(ui, cx, view, cursor));
        }
    }
    ui.advance_cursor_after_rect(all);
    if view.cursor.is_some() || cursor.is_some() {
        // The other plots follow the pointer one frame later; without a move nothing is asked for.
        if view.cursor != cursor {
            ui.ctx().request_repaint();
        }
    }
}

/// As high as its tiles need, at most a good third.
fn foot_height(cx: &PageCx<'_>, all: Rect) -> f32 {
    let q = &cx.state.quality;
    let most = (all.height() * 0.38).clamp(150.0, 360.0);
    if q.rows.is_some() {
        return most;
    }
    let tiles = q.history.metrics(q.axis()).count().min(TILES);
    let lines = tiles.div_ceil(tile_columns(all.width() - 44.0));
    (lines as f32 * TILE_HEIGHT + 48.0).min(most)
}

fn tile_columns(width: f32) -> usize {
    ((width / 250.0).floor() as usize).clamp(1, 4)
}

fn part(ui: &mut Ui, id: &str, rect: Rect, contents: impl FnOnce(&mut Ui)) {
    let inner = rect.shrink2(vec2(16.0, 8.0));
    ui.scope_builder(UiBuilder::new().id_salt(id).max_rect(inner).layout(Layout::top_down(Align::Min)), |ui| {
        ui.set_clip_rect(rect.intersect(ui.clip_rect()));
        contents(ui);
    });
}

fn chart_part(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, cursor: Option<(f64, crate::model::series::Axis)>) {
    let theme = cx.theme;
    let Some(chart) = cx.state.quality.chart() else {
        nothing_plotted(ui, cx);
        return;
    };
    title(ui, cx, chart);
    let verdict = chart.verdict(chosen_dot(cx, chart, view));
    let strip = 60.0;
    let height = (ui.available_height() - strip).max(100.0);
    let rect = Rect::from_min_size(ui.cursor().min, vec2(ui.available_width(), height));
    let window = cx.state.quality.window(chart, cx.now);
    let chosen = chosen_dot(cx, chart, view);
    let mut clicked = None;
    let as_table = cx.state.quality.as_table;
    ui.scope_builder(UiBuilder::new().max_rect(rect), |ui| {
        if as_table {
            clicked = table(ui, theme, chart);
            return;
        }
        let shared = cursor.filter(|(_, axis)| *axis == chart.axis).map(|c| c.0);
        let said = plot::chart_ui(ui, theme, chart, window, chosen, shared);
        view.cursor = said.cursor.map(|x| (x, chart.axis));
        clicked = said.clicked;
    });
    ui.advance_cursor_after_rect(rect);
    if let Some(i) = clicked {
        look_at(cx, chart, view, i);
    }
    verdict_strip(ui, cx, view, chart, &verdict);
}

/// Clicking a point opens its run; one that was evaluated by hand is looked at here.
fn look_at(cx: &mut PageCx<'_>, chart: &Chart, view: &mut View, i: usize) {
    let dot = &chart.dots[i];
    view.dot = Some((chart.title.clone(), i));
    cx.send(Command::LookAt { subject: chart.subject.clone(), evaluation: dot.evaluation.clone() });
    if let Some(open) = dot.run.as_ref().map(quality::open_run) {
        cx.send(open);
    }
}

/// The point looked at: the one clicked, or that of the evaluation chosen in the grid.
fn chosen_dot(cx: &PageCx<'_>, chart: &Chart, view: &View) -> Option<usize> {
    let evaluation = cx.state.quality.evaluation.as_ref();
    match evaluation {
        Some(id) => chart.dots.iter().position(|d| d.evaluation.as_ref() == Some(id)),
        None => {
            let metric = matches!(chart.subject, Subject::Metric { .. });
            view.dot.as_ref().filter(|(title, i)| metric && *title == chart.title && *i < chart.dots.len()).map(|d| d.1)
        }
    }
}

fn nothing_plotted(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    let words = match &cx.state.quality.selected {
        Some(Subject::Check { path, id }) => {
            format!("{}.{id} has not been evaluated yet", cx.state.quality.suite_name(path))
        }
        _ => "Nothing has been measured yet".to_owned(),
    };
    ui.add_space(8.0);
    ui.label(theme.body(words));
    ui.label(theme.muted("Run the checks, or a pipeline with a check task; each evaluation is one point here"));
}

fn title(ui: &mut Ui, cx: &mut PageCx<'_>, chart: &Chart) {
    let theme = cx.theme;
    ui.allocate_ui_with_layout(vec2(ui.available_width(), 28.0), Layout::right_to_left(Align::Center), |ui| {
        let as_table = cx.state.quality.as_table;
        let (icon, name) = if as_table { ("activity", "Show as plot") } else { ("table-2", "Show as table") };
        if icon_button(ui, theme, icon, name).clicked() {
            cx.send(Command::ShowTable(!as_table));
        }
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            ui.add(egui::Label::new(theme.strong(chart.title.as_str())).truncate());
            ui.add(egui::Label::new(theme.small(chart.note.as_str())).truncate());
        });
    });
}

/// The note being written, in place of the verdict.
fn note_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, chart: &Chart) -> bool {
    let theme = cx.theme;
    let Some(draft) = view.note.as_mut().filter(|d| d.note.on == chart.subject.key()) else { return false };
    let Some(dot) = chart.dots.iter().find(|d| d.at == draft.note.at) else { return false };
    let mut over = false;
    Frame::NONE.fill(theme.selsoft).corner_radius(6).inner_margin(Margin::symmetric(12, 8)).show(ui, |ui| {
        ui.allocate_ui_with_layout(vec2(ui.available_width(), 32.0), Layout::right_to_left(Align::Center), |ui| {
            let nothing = draft.note.is_empty() && !draft.exists;
            let reason = nothing.then_some("Write something, or begin new limits");
            let enter = ui.input(|i| i.key_pressed(egui::Key::Enter)) && !nothing;
            if Btn::new("Save note").primary().disabled(reason).show(ui, theme).clicked() || enter {
                cx.send.push(Command::Annotate(draft.note.clone()).into());
                over = true;
            }
            let escape = ui.input(|i| i.key_pressed(egui::Key::Escape));
            over |= icon_button(ui, theme, "x", "Write no note").clicked() || escape;
            if draft.exists && icon_button(ui, theme, "trash-2", "Take the note away").clicked() {
                let empty = Note { text: String::new(), new_limits: false, ..draft.note.clone() };
                cx.send.push(Command::Annotate(empty).into());
                over = true;
            }
            if switch(ui, theme, draft.note.new_limits, "New limits from here") {
                draft.note.new_limits = !draft.note.new_limits;
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.label(theme.small(chart.when(dot)));
                let width = ui.available_width();
                let field = text_field(ui, theme, &mut draft.note.text, "Note", "What changed here?", width);
                if std::mem::take(&mut draft.fresh) {
                    field.request_focus();
                }
            });
        });
    });
    if over {
        view.note = None;
    }
    true
}

fn verdict_strip(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, chart: &Chart, verdict: &quality::Verdict) {
    let theme = cx.theme;
    if let Some(error) = &cx.state.quality.history.notes_error {
        ui.label(theme.small(format!("Notes are not shown: {error}")).color(theme.warn));
    }
    ui.add_space(8.0);
    if note_ui(ui, cx, view, chart) {
        return;
    }
    let (tint, sign) = match verdict.tone {
        Tone::Fail => (theme.fail_t, Mark::Failed),
        Tone::Warn => (theme.warn_t, Mark::Warning),
        Tone::Good => (theme.ok_t, Mark::Success),
        Tone::Idle => (theme.idle_t, Mark::Queued),
    };
    Frame::NONE.fill(tint).corner_radius(6).inner_margin(Margin::symmetric(12, 8)).show(ui, |ui| {
        ui.allocate_ui_with_layout(vec2(ui.available_width(), 32.0), Layout::right_to_left(Align::Center), |ui| {
            let run = verdict.dot.and_then(|i| chart.dots[i].run.clone());
            if let Some(run) = run
                && Btn::new("Open run").icon("list-tree").show(ui, theme).clicked()
            {
                cx.send(quality::open_run(&run));
            }
            let rows = matches!(chart.subject, Subject::Check { .. })
                && cx.state.quality.result().is_some_and(|r| r.rows_sql.is_some());
            if rows && Btn::new("Failing rows").icon("table-2").show(ui, theme).clicked() {
                cx.send(Command::ShowRows);
            }
            if let Some(dot) = verdict.dot {
                let note = chart.note_at(dot);
                let words = if note.is_some() { "Change the note at this point" } else { "Annotate this point" };
                if icon_button(ui, theme, "message-square", words).clicked() {
                    let (text, new_limits) = note.map(|(t, n)| (t.to_owned(), n)).unwrap_or_default();
                    let (on, at) = (chart.subject.key(), chart.dots[dot].at);
                    let note = Note { on, at, text, new_limits };
                    view.note = Some(Draft { exists: chart.note_at(dot).is_some(), note, fresh: true });
                }
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                mark(ui, theme, sign, 14.0);
                let mut job = egui::text::LayoutJob::default();
                job.append(&verdict.bold, 0.0, egui::TextFormat::simple(theme.semibold(13.0), theme.text));
                job.append(&verdict.rest, 0.0, egui::TextFormat::simple(theme.font(13.0), theme.muted));
                job.wrap.max_rows = 2;
                job.wrap.overflow_character = Some('\u{2026}');
                ui.add(egui::Label::new(job).wrap()).on_hover_text(format!("{}{}", verdict.bold, verdict.rest));
            });
        });
    });
}

/// The chart's points as rows; returns the row clicked.
fn table(ui: &mut Ui, theme: &Theme, chart: &Chart) -> Option<usize> {
    let mut clicked = None;
    let widths = [0.17, 0.14, 0.15, 0.11, 0.11, 0.11, 0.21];
    let cells = |ui: &mut Ui, row: [&str; 7], strong: bool| {
        let width = ui.available_width();
        for (i, (words, share)) in row.iter().zip(widths).enumerate() {
            let layout = if (2..6).contains(&i) {
                Layout::right_to_left(Align::Center)
            } else {
                Layout::left_to_right(Align::Center)
            };
            ui.allocate_ui_with_layout(vec2(width * share - 8.0, 24.0), layout, |ui| {
                let rich = if strong { theme.section(*words) } else { theme.body(*words) };
                ui.add(egui::Label::new(rich).truncate());
            });
        }
    };
    ui.horizontal(|ui| cells(ui, ["Run at", "Data of", "Value", "Lower", "Mean", "Upper", ""], true));
    let count = chart.dots.len();
    ScrollArea::vertical().id_salt("points").auto_shrink(false).show_rows(ui, 24.0, count, |ui, range| {
        for row in range {
            let i = count - 1 - row;
            let dot = &chart.dots[i];
            let limit = |v: f64| if v.is_finite() { chart.show(v) } else { String::new() };
            let l = &chart.limits[i];
            let value = if dot.value.is_finite() { chart.show(dot.value) } else { "none".to_owned() };
            let data = dot.data_time.map(|d| d.strftime("%-d %b %Y").to_string()).unwrap_or_default();
            let verdict = chart.signal_at(i).map(|s| s.words(l)).unwrap_or_else(|| match dot.status {
                Some(s) if s != Status::Passed => s.word().to_owned(),
                _ => String::new(),
            });
            let at = time::day_hhmm(dot.at);
            let words = [&at, &data, &value, &limit(l.lower), &limit(l.center), &limit(l.upper), &verdict]
                .map(|s| s.to_owned());
            let name = format!("{at}, {value}, {verdict}");
            let row = crate::ui::widgets::Row::new(&name).padding(0.0);
            if row.show(ui, theme, |ui| cells(ui, std::array::from_fn(|k| words[k].as_str()), false)).clicked() {
                clicked = Some(i);
            }
        }
    });
    clicked
}

fn tiles(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, cursor: Option<(f64, crate::model::series::Axis)>) {
    let theme = cx.theme;
    let q = &cx.state.quality;
    let charts: Vec<&Chart> = q.history.metrics(q.axis()).collect();
    ui.allocate_ui_with_layout(vec2(ui.available_width(), 24.0), Layout::left_to_right(Align::Center), |ui| {
        ui.label(theme.strong("Metrics of the latest runs"));
        let shown = charts.len().min(TILES);
        let note = if shown < charts.len() {
            format!("{shown} of {}, one time axis a pipeline", charts.len())
        } else {
            "one time axis a pipeline".to_owned()
        };
        ui.label(theme.small(note));
    });
    ui.add_space(4.0);
    let width = ui.available_width();
    // The bar of the list lies over its right edge.
    let width = width - 12.0;
    let columns = tile_columns(width);
    let tile = (width - 20.0 * (columns - 1) as f32) / columns as f32;
    let mut chosen = None;
    ScrollArea::vertical().id_salt("tiles").auto_shrink(false).show(ui, |ui| {
        for line in charts[..charts.len().min(TILES)].chunks(columns) {
            ui.horizontal_top(|ui| {
                ui.spacing_mut().item_spacing.x = 20.0;
                for chart in line {
                    ui.allocate_ui_with_layout(vec2(tile, TILE_HEIGHT - 4.0), Layout::top_down(Align::Min), |ui| {
                        ui.set_width(tile);
                        tile_ui(ui, cx, view, chart, cursor, &mut chosen);
                    });
                }
            });
        }
    });
    if let Some(subject) = chosen {
        cx.send(Command::Select(subject));
    }
}

fn tile_ui(
    ui: &mut Ui,
    cx: &PageCx<'_>,
    view: &mut View,
    chart: &Chart,
    cursor: Option<(f64, crate::model::series::Axis)>,
    chosen: &mut Option<Subject>,
) {
    let theme = cx.theme;
    ui.spacing_mut().item_spacing.y = 2.0;
    let Subject::Metric { pipeline, task, name } = &chart.subject else { return };
    ui.add(egui::Label::new(theme.small(format!("{name}, {pipeline} / {task}"))).truncate());
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        let value = chart.last().map_or_else(|| "none".to_owned(), |d| chart.unit.show(d.value));
        let big = egui::RichText::new(value).font(theme.semibold(15.0)).color(theme.text);
        ui.label(big);
        if !chart.suffix.is_empty() {
            ui.label(theme.small(chart.suffix.as_str()));
        }
        if chart.signal_now().is_some() {
            mark(ui, theme, Mark::Warning, 12.0).on_hover_text(chart.verdict(None).bold);
        }
    });
    let window = cx.state.quality.window(chart, cx.now);
    let shared = cursor.filter(|(_, axis)| *axis == chart.axis).map(|c| c.0);
    let response = plot::tile_line(ui, theme, chart, window, 56.0, shared);
    if let Some(pointer) = response.hover_pos() {
        let plot = plot::tile_area(response.rect);
        let at = window.0 + f64::from((pointer.x - plot.left()) / plot.width()) * (window.1 - window.0);
        view.cursor = Some((at, chart.axis));
        let near = chart.dots.iter().min_by(|a, b| (a.x - at).abs().total_cmp(&(b.x - at).abs()));
        if let Some(dot) = near {
            let lines = [format!("{}: {}", chart.show(dot.value), chart.when(dot)), text::shorten(&chart.title, 60)];
            plot::tooltip(ui, theme, pointer, &lines);
        }
    }
    if response.clicked() {
        *chosen = Some(chart.subject.clone());
    }
    ui.add_space(8.0);
}
