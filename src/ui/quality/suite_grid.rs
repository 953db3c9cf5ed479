//! A suite over its runs: rows are checks, columns are evaluations.
use egui::{Align, Layout, Rect, Role, ScrollArea, Sense, Ui, WidgetInfo, pos2, vec2};

use super::{mark_of, open_file, plot};
use crate::{
    app::quality::{Command, Evaluation, Subject},
    base::{text, time},
    model::quality::Status,
    ui::{
        PageCx,
        theme::{Mark, paint_grid_mark},
        widgets::{Btn, link, mark},
    },
};

/// Distance of two columns.
const PITCH: f32 = 22.0;
/// Side of a cell.
const CELL: f32 = 12.0;
const NAME: f32 = 156.0;
const VALUE: f32 = 72.0;
/// Height of the heading of the other suites.
const OTHERS_HEAD: f32 = 36.0;

/// Draws the grid of the suite in front.
pub(super) fn grid_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    let q = &cx.state.quality;
    let paths = q.suite_paths();
    let Some(path) = q.suite.clone().filter(|s| paths.contains(s)).or_else(|| paths.first().cloned()) else { return };
    let ids = q.check_ids(&path);
    let axis = q.axis();
    let evaluations = q.history.evaluations(&path, axis);
    let columns = (((ui.available_width() - NAME - VALUE) / PITCH).floor().max(1.0) as usize).min(30);
    let shown: Vec<&Evaluation> = evaluations[evaluations.len().saturating_sub(columns)..].to_vec();
    head(ui, cx, &path, &paths, ids.len(), &shown);
    if let Some(Err(error)) = q.suites.iter().find(|s| s.path == path).map(|s| s.suite.as_ref()) {
        crate::ui::widgets::error_box(ui, theme, error, &[]);
    }
    if let Some(error) = q.failed.get(&path) {
        crate::ui::widgets::error_box(ui, theme, error, &[]);
    }
    let foot = 28.0;
    let others: Vec<&String> = paths.iter().filter(|p| **p != path).collect();
    // The other suites get the room this one leaves.
    let left = ui.available_height() - foot - 24.0 * ids.len() as f32 - OTHERS_HEAD;
    let fit = ((left / 24.0).floor().max(0.0) as usize).min(others.len());
    let below = if fit > 0 { OTHERS_HEAD + 24.0 * fit as f32 } else { 0.0 };
    let height = ui.available_height() - foot - below;
    ScrollArea::vertical().id_salt("suite-grid").auto_shrink([false, true]).max_height(height.max(60.0)).show_rows(
        ui,
        24.0,
        ids.len(),
        |ui, range| {
            ui.spacing_mut().item_spacing.y = 0.0;
            for id in &ids[range] {
                row(ui, cx, &path, id, &shown);
            }
        },
    );
    ui.allocate_ui_with_layout(vec2(ui.available_width(), foot), Layout::right_to_left(Align::Center), |ui| {
        if q.suites.iter().any(|s| s.path == path) && link(ui, theme, &format!("Open {path}")).clicked() {
            open_file(cx, &path);
        }
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            if let Some(newest) = cx.state.quality.history.newest(&path) {
                let data = newest.data_time.map(|d| format!(", data of {}", d.strftime("%-d %b %Y")));
                ui.label(theme.small(format!("Last {}{}", time::when(newest.at, cx.now), data.unwrap_or_default())));
            }
        });
    });
    if fit > 0 {
        others_ui(ui, cx, &others[..fit], others.len(), columns);
    }
}

/// The suites that are not in front: how each of their last evaluations went at its worst.
fn others_ui(ui: &mut Ui, cx: &mut PageCx<'_>, others: &[&String], all: usize, columns: usize) {
    let theme = cx.theme;
    ui.allocate_ui_with_layout(vec2(ui.available_width(), OTHERS_HEAD), Layout::left_to_right(Align::Max), |ui| {
        ui.label(theme.section("Other suites"));
        let note = if others.len() < all {
            format!("{} of {all}, the worst of each run", others.len())
        } else {
            "the worst of each run".to_owned()
        };
        ui.add(egui::Label::new(theme.small(note)).truncate());
    });
    ui.spacing_mut().item_spacing.y = 0.0;
    for path in others {
        other_row(ui, cx, path, columns);
    }
}

fn other_row(ui: &mut Ui, cx: &mut PageCx<'_>, path: &str, columns: usize) {
    let theme = cx.theme;
    let q = &cx.state.quality;
    let evaluations = q.history.evaluations(path, q.axis());
    let shown = &evaluations[evaluations.len().saturating_sub(columns)..];
    let name = q.suite_name(path);
    let newest = q.history.newest_statuses(path);
    let good = newest.iter().filter(|s| matches!(s, Status::Passed | Status::Info)).count();
    let value = if newest.is_empty() { "not run yet".to_owned() } else { format!("{good} of {}", newest.len()) };
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 24.0), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("Show suite {name}, {value}")));
    let painter = ui.painter_at(rect);
    if response.hovered() {
        painter.rect_filled(rect, 2.0, theme.hover);
    }
    if response.has_focus() {
        painter.rect_stroke(rect, 2.0, egui::Stroke::new(2.0, theme.focus), egui::StrokeKind::Inside);
    }
    let font = theme.font(12.0);
    let words = elided(&painter, name, font.clone(), theme.text, NAME - 12.0);
    painter.galley(pos2(rect.left() + 4.0, rect.center().y - words.size().y * 0.5), words, theme.text);
    let left = rect.right() - VALUE - shown.len() as f32 * PITCH;
    for (i, evaluation) in shown.iter().enumerate() {
        let cell = Rect::from_center_size(pos2(left + (i as f32 + 0.5) * PITCH, rect.center().y), vec2(CELL, CELL));
        let worst = q.history.statuses(path, &evaluation.id).into_iter().max();
        paint_grid_mark(&painter, theme, worst.map_or(Mark::Skipped, mark_of), cell);
        let area = Rect::from_center_size(cell.center(), vec2(PITCH, 24.0));
        if let Some(pointer) = response.hover_pos().filter(|p| area.contains(*p)) {
            let data =
                evaluation.data_time.map(|d| format!(", data of {}", d.strftime("%-d %b %Y"))).unwrap_or_default();
            let lines = [
                format!("{name}: {}", worst.map_or("no result", Status::word)),
                format!("{}{data}", time::day_hhmm(evaluation.at)),
            ];
            plot::tooltip(ui, theme, pointer, &lines);
        }
    }
    let color = match newest.into_iter().max() {
        Some(Status::Failed | Status::Error) => theme.fail,
        Some(Status::Warning) => theme.warn,
        _ => theme.muted,
    };
    let value = elided(&painter, &value, font, color, VALUE - 8.0);
    painter.galley(pos2(rect.right() - 4.0 - value.size().x, rect.center().y - value.size().y * 0.5), value, color);
    if response.clicked() {
        cx.send(Command::SelectSuite(path.to_owned()));
    }
}

fn head(ui: &mut Ui, cx: &mut PageCx<'_>, path: &str, paths: &[String], checks: usize, shown: &[&Evaluation]) {
    let theme = cx.theme;
    ui.allocate_ui_with_layout(vec2(ui.available_width(), 28.0), Layout::right_to_left(Align::Center), |ui| {
        let q = &cx.state.quality;
        let statuses = q.history.newest_statuses(path);
        let count = |wanted: &[Status]| statuses.iter().filter(|s| wanted.contains(s)).count();
        let totals = [
            (Mark::Success, count(&[Status::Passed, Status::Info]), theme.muted),
            (Mark::Unknown, count(&[Status::Error]), theme.muted),
            (Mark::Warning, count(&[Status::Warning]), theme.warn),
            (Mark::Failed, count(&[Status::Failed]), theme.fail),
        ];
        ui.spacing_mut().item_spacing.x = 4.0;
        for (sign, n, color) in totals {
            if n > 0 {
                ui.label(egui::RichText::new(n.to_string()).font(theme.medium(11.5)).color(color));
                mark(ui, theme, sign, 12.0);
                ui.add_space(4.0);
            }
        }
        let running = q.running.contains(path);
        if running {
            mark(ui, theme, Mark::Running, 14.0);
        }
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            let name = q.suite_name(path);
            let mut chosen = None;
            if paths.len() > 1 {
                let button =
                    Btn::new(&format!("Suite {name}")).icon("chevron-down").name("Choose a suite").show(ui, theme);
                egui::Popup::menu(&button).show(|ui| {
                    for p in paths {
                        let worst = q.history.newest_statuses(p).into_iter().max();
                        let words = match worst {
                            Some(s) if s != Status::Passed => format!("{} ({})", q.suite_name(p), s.word()),
                            _ => q.suite_name(p).to_owned(),
                        };
                        if ui.selectable_label(p == path, theme.body(words)).clicked() {
                            chosen = Some(p.clone());
                        }
                    }
                });
            } else {
                ui.label(theme.strong(format!("Suite {name}")));
            }
            let runs = match shown.len() {
                0 => "not evaluated yet".to_owned(),
                n => text::count(n as u64, "run"),
            };
            let note = format!("{} \u{d7} {runs}", text::count(checks as u64, "check"));
            ui.add(egui::Label::new(theme.small(note)).truncate());
            if let Some(path) = chosen {
                cx.send(Command::SelectSuite(path));
            }
        });
    });
}

fn row(ui: &mut Ui, cx: &mut PageCx<'_>, path: &str, id: &str, shown: &[&Evaluation]) {
    let theme = cx.theme;
    let q = &cx.state.quality;
    let subject = Subject::Check { path: path.to_owned(), id: id.to_owned() };
    let selected = q.selected.as_ref() == Some(&subject);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 24.0), Sense::click());
    let newest = shown.last().and_then(|e| q.history.cell(path, id, &e.id));
    let last = newest.map_or_else(|| "no result".to_owned(), |p| format!("{}, {}", p.status.word(), p.last_value()));
    response.widget_info(|| WidgetInfo::selected(Role::ListItem, true, selected, format!("{id}: {last}")));
    let painter = ui.painter_at(rect);
    if selected || response.hovered() {
        painter.rect_filled(rect, 2.0, theme.hover);
    }
    if response.has_focus() {
        painter.rect_stroke(rect, 2.0, egui::Stroke::new(2.0, theme.focus), egui::StrokeKind::Inside);
    }
    let font = theme.font(12.0);
    let name = elided(&painter, id, font.clone(), theme.text, NAME - 12.0);
    painter.galley(pos2(rect.left() + 4.0, rect.center().y - name.size().y * 0.5), name, theme.text);
    let right = rect.right() - VALUE;
    let left = right - shown.len() as f32 * PITCH;
    let mut hit = None;
    for (i, evaluation) in shown.iter().enumerate() {
        let center = pos2(left + (i as f32 + 0.5) * PITCH, rect.center().y);
        let point = q.history.cell(path, id, &evaluation.id);
        let cell = Rect::from_center_size(center, vec2(CELL, CELL));
        paint_grid_mark(&painter, theme, point.map_or(Mark::Skipped, |p| mark_of(p.status)), cell);
        let area = Rect::from_center_size(center, vec2(PITCH, 24.0));
        if response.hover_pos().is_some_and(|p| area.contains(p)) {
            painter.rect_stroke(cell.expand(3.0), 3.0, egui::Stroke::new(1.0, theme.focus), egui::StrokeKind::Inside);
            hit = Some((*evaluation, point));
        }
        if selected && q.evaluation.as_ref() == Some(&evaluation.id) {
            painter.rect_stroke(cell.expand(3.0), 3.0, egui::Stroke::new(1.5, theme.focus), egui::StrokeKind::Inside);
        }
    }
    let color = match newest.map(|p| p.status) {
        Some(Status::Failed | Status::Error) => theme.fail,
        Some(Status::Warning) => theme.warn,
        _ => theme.muted,
    };
    let value = newest.map_or_else(|| "\u{2013}".to_owned(), |p| p.last_value());
    let value = elided(&painter, &value, font, color, VALUE - 8.0);
    painter.galley(pos2(rect.right() - 4.0 - value.size().x, rect.center().y - value.size().y * 0.5), value, color);
    if let (Some((evaluation, point)), Some(pointer)) = (hit, response.hover_pos()) {
        let at = time::day_hhmm(evaluation.at);
        let data = evaluation.data_time.map(|d| format!(", data of {}", d.strftime("%-d %b %Y"))).unwrap_or_default();
        let lines = match point {
            Some(p) => [
                format!("{} {}: {}", p.check, p.status.word(), p.last_value()),
                format!("{at}{data}"),
                p.message.clone(),
            ],
            None => [id.to_owned(), format!("{at}{data}"), "was not part of this evaluation".to_owned()],
        };
        plot::tooltip(ui, theme, pointer, &lines);
    }
    if response.clicked() {
        let evaluation = hit.filter(|(_, p)| p.is_some()).map(|(e, _)| e.id.clone());
        cx.send(Command::LookAt { subject, evaluation });
    } else if response.double_clicked()
        && let Some(open) = hit.and_then(|(e, _)| e.run.as_ref()).map(crate::app::quality::open_run)
    {
        cx.send(open);
    }
}

/// One line of at most this width.
pub(super) fn elided(
    painter: &egui::Painter,
    words: &str,
    font: egui::FontId,
    color: egui::Color32,
    width: f32,
) -> std::sync::Arc<egui::Galley> {
    let mut job = egui::text::LayoutJob::simple_singleline(words.to_owned(), font, color);
    job.wrap.max_width = width;
    job.wrap.max_rows = 1;
    job.wrap.break_anywhere = true;
    job.wrap.overflow_character = Some('\u{2026}');
    painter.layout_job(job)
}
