//! Cells by runs: rows are cells, columns stored runs, the newest at the right.
use egui::{Align2, Color32, Rect, Role, ScrollArea, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};

use crate::{
    app::review::{
        Command,
        matrix::{Column, Grid},
    },
    base::{
        text::{count, shorten},
        time,
    },
    model::{
        diff::CellType,
        matrix::{CellState, Row},
        run::RunState,
    },
    ui::{
        PageCx,
        theme::{CONTROL, Mark, SMALL, Theme, paint_mark},
        widgets::{Btn, empty_state, error_box, hair_x, toolbar},
    },
};

const ROW: f32 = 22.0;
const PITCH: f32 = 40.0;
const NAMES: f32 = 260.0;
const HEAD: f32 = 44.0;

/// Draws the runs of the notebook in front.
pub(super) fn matrix_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    let runs = &cx.state.review.runs;
    let mut back = false;
    toolbar(ui, theme, |ui| {
        back = Btn::new("Comparison").icon("arrow-left").name("Back to the comparison").show(ui, theme).clicked();
        let path = runs.path.as_deref().unwrap_or_default();
        ui.label(theme.strong("Cells by runs"));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            legend(ui, theme);
            // The path is in the sentence below as well.
            if ui.available_width() > 120.0 {
                ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                    ui.add(egui::Label::new(theme.faint(path)).truncate());
                });
            }
        });
    });
    if back {
        cx.send(Command::ShowRuns(false));
    }
    if let Some(error) = &runs.error {
        egui::Frame::NONE.inner_margin(16.0).show(ui, |ui| {
            if error_box(ui, theme, error, &["Try again"]).is_some() {
                cx.send(Command::ShowRuns(true));
            }
        });
        return;
    }
    let Some(grid) = runs.grid.clone() else { return };
    if grid.columns.is_empty() {
        let sentence =
            "No stored run kept this notebook. Run it, or a pipeline with it, and each run is a column here.";
        empty_state(ui, theme, "layout-grid", sentence, &[]);
        return;
    }
    facts_ui(ui, cx, &grid);
    hair_x(ui, theme);
    grid_ui(ui, cx, &grid);
}

fn legend(ui: &mut Ui, theme: &Theme) {
    let all = [CellState::NotRun, CellState::Failed, CellState::Outputs, CellState::Source, CellState::Same];
    for state in all {
        let words = if state == CellState::Same { "same" } else { state.words() };
        ui.label(theme.faint(words));
        let (rect, _) = ui.allocate_exact_size(vec2(14.0, 14.0), Sense::hover());
        cell(ui.painter(), theme, state, rect);
    }
}

/// The newest run that differs from the one before, and where first.
fn facts_ui(ui: &mut Ui, cx: &mut PageCx<'_>, grid: &Grid) {
    let theme = cx.theme;
    let newest = (0..grid.columns.len()).rev().find_map(|run| {
        let row = grid.matrix.first.get(run).copied().flatten()?;
        Some((run, row, grid.columns.get(run)?, grid.matrix.rows.get(row)?))
    });
    ui.horizontal(|ui| {
        ui.add_space(16.0);
        ui.set_min_height(36.0);
        match newest {
            Some((run, row, column, cell)) => {
                let number = cell.at.get(run).copied().flatten().map_or(0, |n| n + 1);
                let state = cell.states.get(run).copied().unwrap_or(CellState::Same);
                let words = format!("First difference in {}: cell {number}, {}", column.name, state.words());
                ui.label(theme.label(words));
                if Btn::new("Compare").icon("git-compare").show(ui, theme).clicked() {
                    cx.send(Command::CompareRuns { run, row });
                }
            }
            None => {
                ui.label(theme.muted("No run differs from the one before"));
            }
        }
        let mut note = count(grid.columns.len() as u64, "run");
        if grid.older > 0 {
            note.push_str(&format!(", {} older not shown", grid.older));
        }
        ui.label(theme.faint(note));
    });
}

fn grid_ui(ui: &mut Ui, cx: &mut PageCx<'_>, grid: &Grid) {
    let theme = cx.theme;
    let rows = grid.matrix.rows.len();
    let room = ui.available_size();
    let names = if room.x < 760.0 { 180.0 } else { NAMES };
    let mut send = None;
    let width = grid.columns.len() as f32 * PITCH;
    // Few runs stand at the left, beside the names; of many the newest are in sight.
    ScrollArea::both().id_salt(("review-runs", &grid.path)).auto_shrink(false).stick_to_right(true).show_viewport(
        ui,
        |ui, seen| {
            let size = vec2(names + width + 24.0, HEAD + rows as f32 * ROW + 24.0);
            let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
            let first = ((seen.top() - HEAD) / ROW).floor().max(0.0) as usize;
            let last = (((seen.bottom() - HEAD) / ROW).ceil().max(0.0) as usize).min(rows);
            // Names stay at the left and heads at the top while the cells go below them.
            let left = rect.left() + seen.left();
            let top = rect.top() + seen.top();
            let area = Rect::from_min_max(pos2(left + names, top + HEAD), pos2(rect.right(), rect.bottom() + 100.0));
            let x = |run: usize| rect.left() + names + run as f32 * PITCH;
            let y = |row: usize| rect.top() + HEAD + row as f32 * ROW;
            let mut inner = ui.new_child(egui::UiBuilder::new().max_rect(area));
            inner.set_clip_rect(area.intersect(ui.clip_rect()));
            for row in first..last {
                let Some(line) = grid.matrix.rows.get(row) else { continue };
                for (run, column) in grid.columns.iter().enumerate() {
                    let spot = Rect::from_min_size(pos2(x(run), y(row)), vec2(PITCH, ROW));
                    if !spot.intersects(inner.clip_rect()) {
                        continue;
                    }
                    if cell_ui(&inner, cx, grid, (run, row), (line, column), spot) {
                        send = Some(Command::CompareRuns { run, row });
                    }
                }
            }
            let painter = ui.painter();
            let ground = Rect::from_min_max(pos2(left, top), pos2(left + names, rect.bottom() + 100.0));
            painter.rect_filled(ground, 0.0, theme.bg);
            for row in first..last {
                let Some(line) = grid.matrix.rows.get(row) else { continue };
                name_ui(ui, theme, line, Rect::from_min_size(pos2(left, y(row)), vec2(names, ROW)), row);
            }
            let band = Rect::from_min_max(pos2(left, top), pos2(rect.right().max(left + room.x), top + HEAD));
            ui.painter().rect_filled(band, 0.0, theme.bg);
            let heads = ui
                .painter()
                .with_clip_rect(Rect::from_min_max(pos2(left + names, top), band.max).intersect(ui.clip_rect()));
            for (run, column) in grid.columns.iter().enumerate() {
                head_ui(ui, &heads, cx, column, Rect::from_min_size(pos2(x(run), top), vec2(PITCH, HEAD)));
            }
            ui.painter().hline(band.x_range(), band.bottom() - 0.5, theme.hairline());
        },
    );
    if let Some(command) = send {
        cx.send(command);
    }
}

fn name_ui(ui: &Ui, theme: &Theme, row: &Row, rect: Rect, index: usize) {
    let here = row.at.iter().rev().flatten().next().map_or(0, |n| n + 1);
    let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
    let y = rect.center().y;
    let ink = if row.kind == CellType::Code { theme.text } else { theme.muted };
    painter.text(pos2(rect.left() + 40.0, y), Align2::RIGHT_CENTER, here.to_string(), theme.mono(SMALL), theme.faint);
    let title = if row.title.is_empty() { "empty" } else { row.title.as_str() };
    let room = ((rect.width() - 60.0) / 6.6) as usize;
    painter.text(pos2(rect.left() + 50.0, y), Align2::LEFT_CENTER, shorten(title, room), theme.font(CONTROL), ink);
    let response = ui.interact(rect, ui.scope_id().with(("cell-name", index)), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("Cell {here}: {title}")));
}

fn head_ui(ui: &Ui, painter: &egui::Painter, cx: &PageCx<'_>, column: &Column, rect: Rect) {
    let theme = cx.theme;
    let at = pos2(rect.center().x, rect.top() + 14.0);
    painter.text(at, Align2::CENTER_CENTER, format!("#{}", column.number), theme.mono(10.5), theme.muted);
    let mark = match column.state {
        RunState::Success => Mark::Success,
        RunState::Failed => Mark::Failed,
        RunState::Running => Mark::Running,
        RunState::Queued => Mark::Queued,
        RunState::Cancelled | RunState::Interrupted => Mark::Cancelled,
    };
    paint_mark(painter, theme, mark, pos2(rect.center().x, rect.top() + 31.0), 12.0);
    let response =
        ui.interact(rect.intersect(painter.clip_rect()), ui.scope_id().with(("run", &column.run.0)), Sense::hover());
    let words = format!("{}, {}, {}", column.name, mark.word(), time::when(column.at, cx.now));
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &words));
    response.on_hover_text(words);
}

fn cell_ui(
    ui: &Ui,
    cx: &PageCx<'_>,
    grid: &Grid,
    (run, row): (usize, usize),
    (line, column): (&Row, &Column),
    spot: Rect,
) -> bool {
    let theme = cx.theme;
    let state = line.states.get(run).copied().unwrap_or(CellState::Absent);
    let square = Rect::from_center_size(spot.center(), vec2(PITCH - 6.0, ROW - 4.0));
    let response = ui.interact(spot, ui.scope_id().with(("run-cell", run, row)), Sense::click());
    let number = line.at.get(run).copied().flatten().map(|n| n + 1);
    let cell_words = number.map_or_else(|| "Cell".to_owned(), |n| format!("Cell {n}"));
    let words = format!("{cell_words} in {}: {}", column.name, state.words());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &words));
    let painter = ui.painter();
    cell(painter, theme, state, square);
    if grid.matrix.first.get(run).copied().flatten() == Some(row) {
        painter.rect_stroke(square.expand(1.0), 4.0, Stroke::new(2.0, theme.text), StrokeKind::Outside);
    }
    if response.hovered() || response.has_focus() {
        painter.rect_stroke(square, 3.0, Stroke::new(2.0, theme.focus), StrokeKind::Inside);
    }
    let tip = if run == 0 {
        format!("{words}\nClick to see what this run kept")
    } else {
        format!("{words}\n{}\nClick to compare it with the run before", shorten(&line.title, 80))
    };
    response.on_hover_text(tip).clicked()
}

/// The sign of a state: colour, and a shape where colour alone would not tell.
fn cell(painter: &egui::Painter, theme: &Theme, state: CellState, rect: Rect) {
    let radius = 3.0;
    let fill = |color: Color32| {
        painter.rect_filled(rect, radius, color);
    };
    match state {
        CellState::Absent => {}
        CellState::First | CellState::Same => fill(theme.bar),
        CellState::Source => fill(theme.accent),
        CellState::Outputs => fill(theme.warn),
        CellState::Failed => {
            fill(theme.fail);
            painter.text(rect.center(), Align2::CENTER_CENTER, "\u{00d7}", theme.semibold(13.0), theme.on);
        }
        CellState::NotRun => {
            painter.rect_stroke(rect, radius, Stroke::new(1.0, theme.border), StrokeKind::Inside);
        }
    }
}
