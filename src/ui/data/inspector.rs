//! Steps, the profile of the focused column over the rows that are left, and the whole text of a long cell.
use egui::{Rect, Role, ScrollArea, Sense, Ui, WidgetInfo, pos2, vec2};

use crate::{
    app::{
        data::{Command, Origin, Tab},
        keymap,
        shell::Command as ShellCommand,
    },
    base::text::{count, shorten, thousands},
    model::table::{Cell, ColumnProfile, Shape, Step, chart::ChartSpec, show_float},
    ui::{
        PageCx,
        keys::hit,
        theme::Theme,
        widgets::{Btn, Row, grid::GridView, hair_x, icon_button, section_head},
    },
};

/// The inspector of the data page.
pub(super) fn inspector_ui(ui: &mut Ui, cx: &mut PageCx<'_>, tab: &Tab, grid: &GridView, dragging: &mut Option<usize>) {
    let theme = cx.theme;
    section_head(ui, theme, "Steps", "", |ui| {
        if !tab.past.is_empty() && icon_button(ui, theme, "undo-2", "Undo the last step").clicked() {
            cx.send(Command::UndoSteps(tab.id));
        }
        if icon_button(ui, theme, "copy", "Copy as SQL").clicked() {
            cx.send(ShellCommand::Copy(tab.sql.clone()));
        }
    });
    hair_x(ui, theme);
    ScrollArea::vertical().id_salt("data-inspector").auto_shrink(false).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        steps_ui(ui, cx, tab, dragging);
        hair_x(ui, theme);
        match (tab.focus.and_then(|c| tab.columns.get(c)), tab.focused()) {
            (Some(column), profile) => {
                section_head(ui, theme, &column.name, &column.dtype, |_| {});
                match profile {
                    Some(profile) => profile_ui(ui, cx, tab, profile),
                    None => note(ui, theme, "Counting"),
                }
            }
            (None, _) => note(ui, theme, "Select a cell to see the profile of its column"),
        }
        finding_ui(ui, cx, tab);
        value_ui(ui, cx, tab, grid);
    });
}

/// One sentence at most about what is odd, with the picture that shows it.
fn finding_ui(ui: &mut Ui, cx: &mut PageCx<'_>, tab: &Tab) {
    let theme = cx.theme;
    let Some(finding) = tab.finding() else { return };
    ui.add_space(8.0);
    egui::Frame::NONE.inner_margin(egui::Margin::symmetric(12, 4)).show(ui, |ui| {
        crate::ui::widgets::box_frame(theme).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 6.0;
            ui.set_width(ui.available_width());
            ui.add(egui::Label::new(theme.label(finding.title.as_str())).wrap());
            ui.add(egui::Label::new(theme.small(finding.detail.as_str())).wrap());
            let label = format!("Show by {}", shorten(&finding.column, 18));
            if Btn::new(&label).icon("chart-column").show(ui, theme).clicked()
                && let Some(spec) = ChartSpec::of(&tab.columns, &finding.column, None)
            {
                cx.send(Command::SetChart { tab: tab.id, spec });
            }
        });
    });
}

fn note(ui: &mut Ui, theme: &Theme, words: &str) {
    ui.add_space(8.0);
    ui.horizontal(|ui| {
        ui.add_space(12.0);
        ui.add(egui::Label::new(theme.small(words)).wrap());
    });
    ui.add_space(8.0);
}

fn steps_ui(ui: &mut Ui, cx: &mut PageCx<'_>, tab: &Tab, dragging: &mut Option<usize>) {
    let theme = cx.theme;
    let what = match &tab.origin {
        Origin::File(path) => path.rsplit('/').next().unwrap_or(path).to_owned(),
        Origin::Query(sql) | Origin::Cell { sql, .. } => {
            shorten(&sql.split_whitespace().collect::<Vec<_>>().join(" "), 60)
        }
    };
    let title = if matches!(tab.origin, Origin::File(_)) { "Open" } else { "Query" };
    let rows = tab.rows.map(thousands).unwrap_or_default();
    step_row(ui, theme, 1, "file-input", title, &what, &rows, true, |_| {});
    for (index, step) in tab.steps.iter().enumerate() {
        let (icon, title) = match step {
            Step::Filter { .. } => ("funnel", "Filter"),
            Step::Sort { by, .. } if by.descending => ("arrow-down-wide-narrow", "Sort"),
            Step::Sort { .. } => ("arrow-up-narrow-wide", "Sort"),
        };
        let rows = tab.step_rows.get(index).copied().flatten().map(thousands).unwrap_or_default();
        let detail = step.detail();
        let on = step.is_on();
        let send = &mut *cx.send;
        let response = step_row(ui, theme, index + 2, icon, title, &detail, &rows, on, |ui| {
            if icon_button(ui, theme, "x", &format!("Delete step {}", index + 2)).clicked() {
                send.push(Command::DeleteStep { tab: tab.id, index }.into());
            }
            let (icon, name) = if on { ("eye", "Switch off") } else { ("eye-off", "Switch on") };
            if icon_button(ui, theme, icon, &format!("{name} step {}", index + 2)).clicked() {
                send.push(Command::ToggleStep { tab: tab.id, index }.into());
            }
        });
        drag_ui(ui, cx, tab, index, &response, dragging);
        if response.has_focus() {
            if let Some(way) = hit(ui, &keymap::data::STEP_MOVE) {
                cx.send(Command::MoveStep { tab: tab.id, index, up: way == 0 });
            }
            if hit(ui, &keymap::data::STEP_TOGGLE).is_some() {
                cx.send(Command::ToggleStep { tab: tab.id, index });
            }
            if hit(ui, &keymap::data::STEP_DELETE).is_some() {
                cx.send(Command::DeleteStep { tab: tab.id, index });
            }
        }
    }
}

/// A step is dragged to its new place; a line shows where it would go.
fn drag_ui(
    ui: &Ui,
    cx: &mut PageCx<'_>,
    tab: &Tab,
    index: usize,
    response: &egui::Response,
    dragging: &mut Option<usize>,
) {
    let theme = cx.theme;
    let grip = response.interact(Sense::drag());
    if grip.drag_started() {
        *dragging = Some(index);
    }
    if response.hovered() && tab.steps.len() > 1 && dragging.is_none() {
        ui.ctx().set_cursor_icon(egui::CursorIcon::Grab);
    }
    let Some(from) = *dragging else { return };
    ui.ctx().set_cursor_icon(egui::CursorIcon::Grabbing);
    let pointer = ui.input(|i| i.pointer.interact_pos());
    let over = pointer.is_some_and(|p| response.rect.y_range().contains(p.y));
    if from == index {
        ui.painter().rect_stroke(response.rect, 0.0, egui::Stroke::new(1.0, theme.focus), egui::StrokeKind::Inside);
    } else if over {
        let y = if from < index { response.rect.bottom() } else { response.rect.top() };
        ui.painter().hline(response.rect.x_range(), y, egui::Stroke::new(2.0, theme.focus));
    }
    if ui.input(|i| i.pointer.any_released()) {
        if over && from != index {
            cx.send(Command::MoveStepTo { tab: tab.id, index: from, to: index });
        }
        // The last row ends the drag, wherever it was let go.
        if over || index + 1 == tab.steps.len() {
            *dragging = None;
        }
    }
}

#[allow(clippy::too_many_arguments)]
fn step_row(
    ui: &mut Ui,
    theme: &Theme,
    number: usize,
    icon: &str,
    title: &str,
    detail: &str,
    rows: &str,
    on: bool,
    actions: impl FnOnce(&mut Ui),
) -> egui::Response {
    let name = format!("Step {number}, {title}: {detail}");
    Row::new(&name).height(44.0).rule(true).show(ui, theme, |ui| {
        let hovered = ui.rect_contains_pointer(ui.max_rect());
        ui.label(theme.faint(number.to_string()));
        ui.label(theme.icon(icon, 14.0));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if hovered || !on {
                ui.spacing_mut().item_spacing.x = 0.0;
                actions(ui);
            } else {
                ui.label(theme.small(rows));
            }
            ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                ui.vertical(|ui| {
                    ui.spacing_mut().item_spacing.y = 0.0;
                    ui.add_space(5.0);
                    let shade = |t: egui::RichText| if on { t } else { t.color(theme.faint).strikethrough() };
                    ui.add(egui::Label::new(shade(theme.label(title))).truncate());
                    ui.add(egui::Label::new(shade(theme.small(detail))).truncate());
                });
            });
        });
    })
}

fn profile_ui(ui: &mut Ui, cx: &mut PageCx<'_>, tab: &Tab, profile: &ColumnProfile) {
    let theme = cx.theme;
    let padding = 12.0;
    match &profile.shape {
        Shape::Histogram(bins) => {
            let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 60.0), Sense::hover());
            response
                .widget_info(|| WidgetInfo::labeled(Role::Image, true, format!("Histogram: {}", profile.sentence())));
            let area = Rect::from_min_max(
                pos2(rect.left() + padding, rect.top()),
                pos2(rect.right() - padding, rect.bottom() - 4.0),
            );
            let step = area.width() / bins.len().max(1) as f32;
            let under = response.hover_pos().map(|p| ((p.x - area.left()) / step).max(0.0) as usize);
            for (i, share) in profile.bars().into_iter().enumerate() {
                let tall = if share > 0.0 { (share * area.height()).max(1.0) } else { 0.0 };
                let left = area.left() + step * i as f32;
                let bar = Rect::from_min_max(pos2(left, area.bottom() - tall), pos2(left + step - 1.0, area.bottom()));
                ui.painter().rect_filled(bar, 0.0, if under == Some(i) { theme.accent } else { theme.s1 });
            }
            if let Some(under) = under.filter(|u| *u < bins.len()) {
                response.on_hover_text_at_pointer(crate::ui::widgets::grid::bar_words(profile, under));
            }
            if profile.column.kind.is_number() || profile.column.kind == crate::model::table::Kind::Date {
                ends(ui, theme, profile);
            }
        }
        Shape::Top(top) => {
            let most = top.first().map_or(1, |t| t.count).max(1);
            for (i, top) in top.iter().take(8).enumerate() {
                let shown = shorten(&top.value.show(false).replace('\n', " "), 40);
                let response = Row::new(&shown).show(ui, theme, |ui| {
                    let full = ui.max_rect();
                    let width = full.width() * top.count as f32 / most as f32;
                    let bar =
                        Rect::from_min_size(pos2(full.left(), full.top() + 3.0), vec2(width, full.height() - 6.0));
                    ui.painter().rect_filled(bar, 2.0, theme.selsoft);
                    ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                        ui.label(theme.small(thousands(top.count)));
                        ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                            ui.add_space(6.0);
                            ui.add(egui::Label::new(theme.body(shown.as_str())).truncate());
                        });
                    });
                });
                let whole = tab.profiles.get(tab.focus.unwrap_or(usize::MAX)).and_then(Option::as_ref);
                if response.on_hover_text("Click to keep only these rows").clicked()
                    && let Some(bar) = whole
                        .and_then(|p| position(p, &top.value))
                        .or(Some(i).filter(|_| tab.spec().filters.is_empty()))
                {
                    cx.send(Command::FilterBar { tab: tab.id, column: tab.focus.unwrap_or(0), bar });
                }
            }
        }
        Shape::None => {}
    }
    ui.add_space(8.0);
    facts(ui, theme, profile);
    if let Some(all) = profile.sampled {
        note(ui, theme, &format!("From a sample of {} of {}", thousands(profile.rows), count(all, "row")));
    }
}

fn position(profile: &ColumnProfile, value: &Cell) -> Option<usize> {
    match &profile.shape {
        Shape::Top(top) => top.iter().position(|t| t.value == *value),
        _ => None,
    }
}

fn ends(ui: &mut Ui, theme: &Theme, profile: &ColumnProfile) {
    ui.horizontal(|ui| {
        ui.add_space(12.0);
        ui.label(theme.small(profile.min.show(profile.column.grouped())));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.add_space(12.0);
            ui.label(theme.small(profile.max.show(profile.column.grouped())));
        });
    });
}

fn facts(ui: &mut Ui, theme: &Theme, profile: &ColumnProfile) {
    let number = |v: Option<f64>| v.filter(|_| profile.column.kind.is_number()).map(short);
    let edge = |c: &Cell| (!c.is_null()).then(|| shorten(&c.show(profile.column.grouped()), 24));
    let about = if profile.distinct_approx { "\u{2248} " } else { "" };
    let distinct = profile.distinct.map(|d| format!("{about}{}", thousands(d)));
    let numeric = profile.column.kind.is_number();
    let all = [
        ("Min", edge(&profile.min)),
        ("Nulls", Some(thousands(profile.nulls))),
        ("Median", number(profile.median)),
        ("Distinct", distinct),
        ("p95", number(profile.p95)),
        ("Mean", number(profile.mean)),
        ("Max", edge(&profile.max)),
        ("Std dev", number(profile.std)),
    ];
    let known: Vec<(&str, String)> = all.into_iter().filter_map(|(n, v)| Some((n, v?))).collect();
    // Numbers fit two columns; texts and dates need the whole line.
    let columns = if numeric { 2 } else { 1 };
    let width = (ui.available_width() - 24.0 - 16.0 * (columns - 1) as f32) / columns as f32;
    for line in known.chunks(columns) {
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 22.0), Sense::hover());
        for (i, (name, value)) in line.iter().enumerate() {
            let left = rect.left() + 12.0 + (width + 16.0) * i as f32;
            let middle = rect.center().y;
            ui.painter().text(pos2(left, middle), egui::Align2::LEFT_CENTER, *name, theme.font(13.0), theme.muted);
            ui.painter().text(
                pos2(left + width, middle),
                egui::Align2::RIGHT_CENTER,
                value,
                theme.font(13.0),
                theme.text,
            );
        }
    }
}

/// A statistic in at most about eight characters.
fn short(v: f64) -> String {
    let abs = v.abs();
    let rounded = if abs >= 1000.0 {
        v.round()
    } else if abs >= 1.0 {
        (v * 100.0).round() / 100.0
    } else {
        (v * 10_000.0).round() / 10_000.0
    };
    let text = show_float(rounded);
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// The whole text of the selected cell when the grid had to cut it.
fn value_ui(ui: &mut Ui, cx: &mut PageCx<'_>, tab: &Tab, grid: &GridView) {
    let theme = cx.theme;
    let Some((row, column)) = grid.cursor() else { return };
    let Some(Cell::Text(text)) = tab.pages.cell(row, column) else { return };
    if text.chars().count() < 28 && !text.contains('\n') {
        return;
    }
    hair_x(ui, theme);
    section_head(ui, theme, "Value", &count(text.chars().count() as u64, "character"), |ui| {
        if icon_button(ui, theme, "copy", "Copy the value").clicked() {
            cx.send(ShellCommand::Copy(text.clone()));
        }
    });
    egui::Frame::NONE.inner_margin(egui::Margin::symmetric(12, 4)).show(ui, |ui| {
        let shown = shorten(text, 4000);
        ui.add(egui::Label::new(theme.code(shown)).wrap().selectable(true));
    });
}
