//! The chart view: columns and kind at the top, the picture below; bars and histograms filter with a click.
use egui::{ComboBox, Rect, Role, ScrollArea, Sense, Ui, WidgetInfo, pos2, vec2};
use egui_plot::{Bar, BarChart, FilledArea, HoverPosition, Line, Plot, PlotPoints, Points};

use crate::{
    app::data::{Command, Tab},
    base::text::{count, shorten},
    model::table::{
        Column, ColumnProfile, Filter, Kind, Op,
        chart::{Chart, ChartSpec, Figure, Mark, marks_for},
        show_float,
    },
    ui::{
        PageCx,
        theme::Theme,
        widgets::{self, segmented, toolbar},
    },
};

/// Draws the view.
pub(super) fn chart_ui(ui: &mut Ui, cx: &mut PageCx<'_>, tab: &Tab) {
    let Some(spec) = &tab.chart_spec else {
        widgets::empty_state(ui, cx.theme, "chart-column", "Waiting for the columns", &[]);
        return;
    };
    choices_ui(ui, cx, tab, spec);
    match &tab.chart {
        Some(Ok(chart)) if chart.points.is_empty() => {
            let sentence = "No row has a value that could be drawn";
            widgets::empty_state(ui, cx.theme, "chart-column", sentence, &[]);
        }
        Some(Ok(chart)) => {
            head_ui(ui, cx, chart);
            match chart.spec.mark {
                Mark::Bar => bars_ui(ui, cx, tab, chart),
                _ => plot_ui(ui, cx.theme, tab, chart),
            }
        }
        Some(Err(error)) => {
            egui::Frame::NONE.inner_margin(16).show(ui, |ui| widgets::error_box(ui, cx.theme, error, &[]));
        }
        None => {
            ui.add_space(24.0);
            ui.vertical_centered(|ui| ui.label(cx.theme.small("Drawing")));
        }
    }
}

fn choices_ui(ui: &mut Ui, cx: &mut PageCx<'_>, tab: &Tab, spec: &ChartSpec) {
    let theme = cx.theme;
    let mut wanted = spec.clone();
    toolbar(ui, theme, |ui| {
        let mut x = spec.x.clone();
        let mut y = spec.y.clone();
        if y.is_some() || spec.mark == Mark::Bar {
            ui.label(theme.small("Height"));
            height_ui(ui, tab, spec, &mut y, &mut wanted);
        } else {
            ui.label(theme.small("Rows"));
        }
        ui.label(theme.small("by"));
        ComboBox::from_id_salt("chart-x").selected_text(shorten(&x, 20)).width(130.0).show_ui(ui, |ui| {
            for column in tab.columns.iter() {
                ui.selectable_value(&mut x, column.name.clone(), column.name.as_str());
            }
        });
        if spec.y.is_none() && spec.mark != Mark::Bar {
            // A height turns the distribution into a line or points.
            ComboBox::from_id_salt("chart-add").selected_text("against\u{2026}").width(90.0).show_ui(ui, |ui| {
                for column in tab.columns.iter().filter(|c| c.kind.is_number() && c.name != x) {
                    ui.selectable_value(&mut y, Some(column.name.clone()), column.name.as_str());
                }
            });
        }
        if (x != spec.x || y != spec.y)
            && let Some(new) = ChartSpec::of(&tab.columns, &x, y.as_deref())
        {
            wanted = new;
        }
        let kind = |name: &str| tab.columns.iter().find(|c| c.name == name).map_or(Kind::Other, |c| c.kind);
        let marks = marks_for(kind(&wanted.x), wanted.y.as_deref().map(kind));
        let labels: Vec<(Mark, &str)> = marks.iter().map(|m| (*m, m.word())).collect();
        if labels.len() > 1
            && let Some(mark) = segmented(ui, theme, wanted.mark, &labels)
        {
            wanted = wanted.with_mark(mark);
        }
    });
    if wanted != *spec {
        cx.send(Command::SetChart { tab: tab.id, spec: wanted });
    }
}

fn height_ui(ui: &mut Ui, tab: &Tab, spec: &ChartSpec, y: &mut Option<String>, wanted: &mut ChartSpec) {
    let shown = spec.y.as_deref().map_or("rows", |y| y).to_owned();
    ComboBox::from_id_salt("chart-y").selected_text(shorten(&shown, 20)).width(130.0).show_ui(ui, |ui| {
        ui.selectable_value(y, None, "rows");
        for column in tab.columns.iter().filter(|c| c.kind.is_number()) {
            ui.selectable_value(y, Some(column.name.clone()), column.name.as_str());
        }
    });
    if spec.mark == Mark::Bar && spec.y.is_some() {
        ComboBox::from_id_salt("chart-figure").selected_text(spec.figure.word()).width(80.0).show_ui(ui, |ui| {
            for figure in Figure::ALL {
                ui.selectable_value(&mut wanted.figure, figure, figure.word());
            }
        });
    }
}

/// Title, what it counts, and how points stand for rows.
fn head_ui(ui: &mut Ui, cx: &PageCx<'_>, chart: &Chart) {
    let theme = cx.theme;
    ui.horizontal(|ui| {
        ui.set_height(32.0);
        ui.add_space(16.0);
        ui.label(theme.label(chart.spec.title()));
        ui.label(theme.small(count(chart.rows, "row")));
        if !chart.note.is_empty() {
            ui.add(egui::Label::new(theme.small(chart.note.as_str())).truncate());
        }
    });
}

/// An edge as the column writes it.
fn edge(column: &Column, value: f64) -> String {
    let rounded = if column.kind == Kind::Int { value.round() } else { value };
    ColumnProfile::empty(column.clone()).edge_text(rounded)
}

/// One bar a row, longest first.
fn bars_ui(ui: &mut Ui, cx: &mut PageCx<'_>, tab: &Tab, chart: &Chart) {
    let theme = cx.theme;
    let column = tab.columns.iter().find(|c| c.name == chart.spec.x);
    let (least, most) = chart.points.iter().fold((0.0_f64, 0.0_f64), |(a, b), p| (a.min(p.y), b.max(p.y)));
    let span = (most - least).max(f64::MIN_POSITIVE);
    ScrollArea::vertical().id_salt("chart-bars").auto_shrink(false).show(ui, |ui| {
        for (point, label) in chart.points.iter().zip(&chart.labels) {
            let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 26.0), Sense::click());
            let words = format!("{label}: {}", show_float(point.y));
            response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &words));
            if response.hovered() {
                ui.painter().rect_filled(rect, 0.0, theme.hover);
            }
            let names = (rect.width() * 0.28).clamp(90.0, 220.0);
            let middle = rect.center().y;
            let name = shorten(label, (names / 7.0) as usize);
            let at = pos2(rect.left() + 16.0 + names - 8.0, middle);
            ui.painter().text(at, egui::Align2::RIGHT_CENTER, name, theme.font(12.0), theme.text);
            let field = Rect::from_min_max(
                pos2(rect.left() + 16.0 + names, rect.top() + 4.0),
                pos2(rect.right() - 96.0, rect.bottom() - 4.0),
            );
            let place = |v: f64| field.left() + field.width() * ((v - least) / span) as f32;
            let (from, to) = (place(point.y.min(0.0)), place(point.y.max(0.0)));
            let bar = Rect::from_min_max(pos2(from, field.top()), pos2(to.max(from + 1.0), field.bottom()));
            ui.painter().rect_filled(bar, 0.0, if response.hovered() { theme.accent } else { theme.s1 });
            let value = tick(point.y);
            let at = pos2(bar.right() + 6.0, middle);
            ui.painter().text(at, egui::Align2::LEFT_CENTER, value, theme.font(11.5), theme.muted);
            if let Some(column) = column.filter(|_| response.clicked()) {
                let (op, values): (Op, &[&str]) =
                    if label == "null" { (Op::IsNull, &[]) } else { (Op::Eq, &[label.as_str()]) };
                let filter = Filter::new(column.name.clone(), column.kind, op, values);
                cx.send(Command::AddFilter { tab: tab.id, filter });
            }
            response.on_hover_text("Click to keep only these rows");
        }
    });
}

/// Round values over a height, five to ten of them: a grid of tens alone leaves a low chart with one.
fn rungs((low, high): (f64, f64)) -> Vec<egui_plot::GridMark> {
    let raw = (high - low) / 8.0;
    if !raw.is_finite() || raw <= 0.0 {
        return Vec::new();
    }
    let power = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|k| k * power).into_iter().find(|s| *s >= raw).unwrap_or(raw);
    let first = (low / step).ceil() as i64;
    let marks = (first..).map(|n| n as f64 * step).take_while(|v| *v <= high).take(40);
    // Thick enough to be labelled, however low the chart is.
    marks.map(|value| egui_plot::GridMark { value, step_size: high - low }).collect()
}

fn plot_ui(ui: &mut Ui, theme: &Theme, tab: &Tab, chart: &Chart) {
    let x_column = tab.columns.iter().find(|c| c.name == chart.spec.x).cloned();
    let Some(x_column) = x_column else { return };
    let y_name = chart.spec.y.clone().unwrap_or_else(|| "rows".to_owned());
    let size = (ui.available_size() - vec2(24.0, 12.0)).max(vec2(120.0, 80.0));
    let columns = (x_column.clone(), x_column.clone());
    // Years and dates are no thousands.
    let axis = move |mark: egui_plot::GridMark, _: &std::ops::RangeInclusive<f64>| axis_text(&columns.0, mark.value);
    let hovered = move |at: &HoverPosition<'_>| match at {
        HoverPosition::NearDataPoint { position, .. } | HoverPosition::Elsewhere { position } => {
            Some(format!("{}\n{y_name} {}", edge(&columns.1, position.x), show_float(position.y)))
        }
    };
    ui.horizontal(|ui| {
        ui.add_space(12.0);
        let plot = Plot::new(("data-chart", tab.id, &chart.spec.x, &chart.spec.y, chart.spec.mark.word()))
            .width(size.x)
            .height(size.y)
            .show_background(false)
            .allow_scroll(false)
            .x_axis_formatter(axis)
            .y_axis_formatter(|mark, _| tick(mark.value))
            .y_grid_spacer(|input| rungs(input.bounds))
            .grid_color(theme.fade(theme.hair, 0.8))
            .show_grid([false, true])
            .grid_spacing(egui::Rangef::new(40.0, 240.0))
            .label_formatter(hovered);
        let name = format!("{} of {}", chart.spec.mark.word(), chart.spec.title());
        let shown = plot.show(ui, |plot| match chart.spec.mark {
            Mark::Histogram => {
                let bar = |p: &crate::model::table::chart::Point| {
                    Bar::new(f64::midpoint(p.x, p.to), p.y).width((p.to - p.x) * 0.94).fill(theme.s1)
                };
                plot.bar_chart(BarChart::new("rows", chart.points.iter().map(bar).collect()).color(theme.s1));
            }
            Mark::Scatter => {
                let points: PlotPoints<'_> = chart.points.iter().map(|p| [p.x, p.y]).collect();
                plot.points(Points::new("rows", points).radius(2.0).color(theme.fade(theme.s1, 0.7)));
            }
            _ => {
                if !chart.note.is_empty() {
                    let of = |pick: fn(&crate::model::table::chart::Point) -> f64| {
                        chart.points.iter().map(pick).collect::<Vec<f64>>()
                    };
                    let area = FilledArea::new("range", &of(|p| p.x), &of(|p| p.low), &of(|p| p.high));
                    plot.add(area.fill_color(theme.fade(theme.s1, 0.25)));
                }
                let points: PlotPoints<'_> = chart.points.iter().map(|p| [p.x, p.y]).collect();
                plot.line(Line::new("value", points).width(1.5).color(theme.s1));
            }
        });
        shown.response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &name));
    });
}

/// Whole numbers without decimals.
fn tick(value: f64) -> String {
    let text = show_float(value);
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// A tick: dates without their time where it is midnight.
fn axis_text(column: &Column, value: f64) -> String {
    let text = edge(column, value);
    match column.kind {
        Kind::Datetime => text.strip_suffix(" 00:00:00").unwrap_or(text.trim_end_matches(":00")).to_owned(),
        Kind::Int if value.fract() != 0.0 => String::new(),
        Kind::Float => tick(value),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_low_chart_has_more_than_one_rung() {
        let values = |low, high| rungs((low, high)).into_iter().map(|m| m.value).collect::<Vec<_>>();
        assert_eq!(values(-50.0, 1050.0), [0.0, 200.0, 400.0, 600.0, 800.0, 1000.0]);
        assert_eq!(values(0.0, 1.0), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        assert!(values(1.0, 1.0).is_empty() && values(0.0, f64::INFINITY).is_empty());
    }
}
