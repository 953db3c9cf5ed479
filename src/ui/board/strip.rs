//! The flow strip: cycle time, throughput, work in progress, the oldest card, the forecast. Each opens the metrics.
use egui::{Rect, Role, Sense, Ui, UiBuilder, WidgetInfo, pos2, vec2};

use super::{PageCx, card::fit, days};
use crate::{
    app::board::{Command, Picture},
    base::{text::count, time},
    ui::{
        theme::SMALL,
        widgets::{bars, spark},
    },
};

/// Height of the strip.
const HEIGHT: f32 = 52.0;

/// Something small drawn at the right of a part.
enum Sketch {
    None,
    Line(Vec<Option<f64>>),
    Bars(Vec<usize>),
}

struct Part {
    title: String,
    value: String,
    note: String,
    sketch: Sketch,
}

/// Draws the strip.
pub fn strip_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    let width = ui.available_width();
    let parts = parts(cx);
    let narrow = width < 1100.0;
    let (band, _) = ui.allocate_exact_size(vec2(width, HEIGHT), Sense::hover());
    ui.painter().rect_filled(band, 0.0, theme.panel);
    let each = width / parts.len() as f32;
    for (i, part) in parts.into_iter().enumerate() {
        let rect = Rect::from_min_size(pos2(band.left() + each * i as f32, band.top()), vec2(each, HEIGHT - 1.0));
        let response = ui.interact(rect, egui::Id::unique(("board-strip", i)), Sense::click());
        let name = format!("{}: {} {}", part.title, part.value, part.note);
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, name.trim()));
        if response.hovered() {
            ui.painter().rect_filled(rect, 0.0, theme.hover);
        }
        if i > 0 {
            ui.painter().vline(rect.left(), rect.y_range(), theme.hairline());
        }
        let left = rect.left() + 16.0;
        let sketched = !narrow && !matches!(part.sketch, Sketch::None);
        let room = each - 24.0 - if sketched { 88.0 } else { 0.0 };
        let p = ui.painter();
        let title = fit(p, &part.title, theme.font(SMALL), theme.muted, room, 1);
        p.galley(pos2(left, rect.top() + 8.0), title, theme.muted);
        let value = fit(p, &part.value, theme.semibold(15.0), theme.text, room, 1);
        let baseline = rect.top() + 25.0;
        let x = left + value.size().x + 8.0;
        p.galley(pos2(left, baseline), value, theme.text);
        if rect.left() + room + 8.0 - x > 30.0 {
            let note = fit(p, &part.note, theme.font(SMALL), theme.faint, rect.left() + room + 8.0 - x, 1);
            p.galley(pos2(x, baseline + 3.0), note, theme.faint);
        }
        if sketched {
            let place = Rect::from_min_size(pos2(rect.right() - 88.0, rect.top() + 14.0), vec2(72.0, 24.0));
            let mut child = ui.new_child(UiBuilder::new().id_salt(("sketch", i)).max_rect(place));
            match part.sketch {
                Sketch::Line(values) => spark(&mut child, theme, &part.title, &values, vec2(72.0, 24.0), None),
                Sketch::Bars(values) => {
                    let all: Vec<_> = values.into_iter().map(|v| (v as f64, theme.bar)).collect();
                    bars(&mut child, &part.title, &all, vec2(72.0, 24.0));
                }
                Sketch::None => {}
            }
        }
        if response.on_hover_text("Show the metrics").clicked() {
            cx.send(Command::Show(Picture::Metrics));
        }
    }
    ui.painter().hline(band.x_range(), band.bottom() - 0.5, theme.hairline());
}

fn parts(cx: &PageCx<'_>) -> Vec<Part> {
    let board = &cx.state.board;
    let figures = &board.figures;
    let dash = || "\u{2013}".to_owned();
    let wip_columns: Vec<_> = board.board.columns.iter().filter(|c| board.board.is_wip(&c.id)).collect();
    let wip: usize = wip_columns.iter().map(|c| board.board.in_column(&c.id).len()).sum();
    let limits: Option<u32> = wip_columns.iter().map(|c| c.wip).sum();
    let full =
        wip_columns.iter().filter(|c| c.wip.is_some_and(|w| board.board.in_column(&c.id).len() >= w as usize)).count();
    let oldest = figures.ages(cx.now).into_iter().max_by_key(|(_, age)| *age);
    let oldest = oldest.and_then(|(id, _)| board.card(&id.into()));
    let weeks = figures.weeks();
    let forecast = match (figures.done_85, figures.done_50) {
        (Some(sure), Some(half)) => {
            (sure.strftime("%-d %b").to_string(), format!("85 % sure; 50 %: {}", half.strftime("%-d %b")))
        }
        _ => (dash(), "nothing finished yet".to_owned()),
    };
    let recent: Vec<Option<f64>> =
        figures.report.wip_daily.iter().rev().take(28).rev().map(|(_, n)| Some(*n as f64)).collect();
    vec![
        Part {
            title: "Cycle time p85".to_owned(),
            value: figures.p85_ms.map_or_else(dash, days),
            note: figures.p85_before_ms.map_or(String::new(), |ms| format!("was {}", days(ms))),
            sketch: Sketch::Line(figures.p85_weekly_days.clone()),
        },
        Part {
            title: "Throughput".to_owned(),
            value: format!("{:.1} / week", figures.per_week()),
            note: "last 8 weeks".to_owned(),
            sketch: Sketch::Bars(weeks),
        },
        Part {
            title: "WIP".to_owned(),
            value: limits.map_or_else(|| wip.to_string(), |l| format!("{wip} of {l}")),
            note: if full > 0 { format!("{} full", count(full as u64, "column")) } else { String::new() },
            sketch: Sketch::Line(recent),
        },
        Part {
            title: "Oldest open".to_owned(),
            value: oldest.and_then(|c| super::started(cx, &c.id)).map_or_else(dash, |start| time::age(start, cx.now)),
            note: oldest.map_or(String::new(), |c| c.label.clone()),
            sketch: Sketch::None,
        },
        Part {
            title: format!("{} left", count(figures.open as u64, "card")),
            value: forecast.0,
            note: forecast.1,
            sketch: Sketch::None,
        },
    ]
}
