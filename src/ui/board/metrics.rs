//! The flow metrics: cumulative flow, cycle times, ageing work, forecast; each with one sentence of reading below.
use egui::{Align2, Color32, Painter, Pos2, Rect, Role, Sense, Shape, Stroke, Ui, WidgetInfo, pos2, vec2};
use jiff::{Span, civil::Date};

use super::{PageCx, days};
use crate::{
    app::board::{Command, Figures, Picture},
    base::text::count,
    model::board::ColumnKind,
    ui::theme::{BODY, SMALL, mix},
};

/// Room for the axis at the left, and for times below.
const LEFT: f32 = 44.0;
const BELOW: f32 = 22.0;

/// Draws the four plots.
pub fn metrics_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    let all = ui.available_rect_before_wrap();
    ui.allocate_rect(all, Sense::hover());
    let half = vec2((all.width() * 0.5).floor(), (all.height() * 0.5).floor());
    let at = |x: usize, y: usize| {
        Rect::from_min_size(all.min + vec2(half.x * x as f32, half.y * y as f32), half).shrink2(vec2(16.0, 8.0))
    };
    flow_plot(ui, cx, at(0, 0));
    cycle_plot(ui, cx, at(1, 0));
    age_plot(ui, cx, at(0, 1));
    forecast_plot(ui, cx, at(1, 1));
    let p = ui.painter();
    p.vline(all.left() + half.x, all.y_range(), theme.hairline());
    p.hline(all.x_range(), all.top() + half.y, theme.hairline());
}

/// A plot's frame: title, note and reading; gives the rectangle for the data.
fn frame(ui: &Ui, cx: &PageCx<'_>, rect: Rect, title: &str, note: &str, reading: &str) -> Rect {
    let theme = cx.theme;
    let p = ui.painter();
    let head = p.layout_no_wrap(title.to_owned(), theme.semibold(BODY), theme.text);
    let x = rect.left() + head.size().x + 10.0;
    p.galley(pos2(rect.left(), rect.top() + 4.0), head, theme.text);
    let note = super::card::fit(p, note, theme.font(SMALL), theme.muted, rect.right() - x, 1);
    p.galley(pos2(x, rect.top() + 6.0), note, theme.muted);
    let below = super::card::fit(p, reading, theme.font(SMALL), theme.muted, rect.width(), 1);
    p.galley(pos2(rect.left(), rect.bottom() - 18.0), below, theme.muted);
    let response = ui.interact(rect, egui::Id::unique(("board-metric", title)), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, format!("{title}: {reading}")));
    Rect::from_min_max(pos2(rect.left() + LEFT, rect.top() + 42.0), pos2(rect.right(), rect.bottom() - 26.0 - BELOW))
}

fn nothing(ui: &Ui, cx: &PageCx<'_>, area: Rect, words: &str) {
    ui.painter().text(area.center(), Align2::CENTER_CENTER, words, cx.theme.font(BODY), cx.theme.faint);
}

/// A round step for about four lines up to `max`.
fn step(max: f64) -> f64 {
    let raw = (max / 4.0).max(1e-9);
    let power = 10f64.powf(raw.log10().floor());
    let unit = raw / power;
    power
        * if unit <= 1.0 {
            1.0
        } else if unit <= 2.0 {
            2.0
        } else if unit <= 5.0 {
            5.0
        } else {
            10.0
        }
}

/// Grid lines with their values; gives the top of the axis.
fn y_axis(p: &Painter, cx: &PageCx<'_>, area: Rect, max: f64, unit: &str, whole: bool) -> f64 {
    let theme = cx.theme;
    let mut by = step(max.max(1e-6));
    if whole {
        by = by.max(1.0).round();
    }
    let top = (max / by).ceil().max(1.0) * by;
    let n = (top / by).round() as i32;
    for i in 0..=n {
        let value = by * f64::from(i);
        let y = area.bottom() - (value / top) as f32 * area.height();
        p.hline(area.x_range(), y, theme.hairline());
        let decimals = usize::from(by < 1.0 || by.fract() > 1e-9);
        let label = if i == n { format!("{value:.decimals$}{unit}") } else { format!("{value:.decimals$}") };
        p.text(pos2(area.left() - 8.0, y), Align2::RIGHT_CENTER, label, theme.font(SMALL), theme.muted);
    }
    top
}

/// Dates below a plot; gives the x of a day.
fn x_days(p: &Painter, cx: &PageCx<'_>, area: Rect, from: Date, to: Date) -> impl Fn(f64) -> f32 + use<> {
    // The last day counts up to its end, so that what was finished today lies inside.
    let total = f64::from((to - from).get_days()).max(1.0) + 1.0;
    let every = ((total / (f64::from(area.width()) / 90.0)).ceil().max(1.0) / 7.0).ceil() as i64 * 7;
    let mut day = from;
    while day <= to {
        let share = f64::from((day - from).get_days()) / total;
        let x = area.left() + share as f32 * area.width();
        if x < area.right() - 20.0 {
            let align = if day == from { Align2::LEFT_TOP } else { Align2::CENTER_TOP };
            let label = day.strftime("%-d %b").to_string();
            p.text(pos2(x, area.bottom() + 6.0), align, label, cx.theme.font(SMALL), cx.theme.muted);
        }
        match day.checked_add(Span::new().days(every)) {
            Ok(next) => day = next,
            Err(_) => break,
        }
    }
    move |n: f64| area.left() + (n / total) as f32 * area.width()
}

fn dashed(p: &Painter, from: Pos2, to: Pos2, color: Color32) {
    p.extend(Shape::dashed_line(&[from, to], Stroke::new(1.0, color), 5.0, 4.0));
}

fn window(figures: &Figures) -> Option<(Date, Date)> {
    let all = &figures.report.throughput_daily;
    Some((all.first()?.0, all.last()?.0))
}

fn flow_plot(ui: &Ui, cx: &PageCx<'_>, rect: Rect) {
    let theme = cx.theme;
    let board = &cx.state.board.board;
    let figures = &cx.state.board.figures;
    let cfd = &figures.report.cfd;
    let little = &figures.report.little;
    let weeks = figures.weeks().len().max(1) as f64;
    let (arrive, leave) = (little.arrivals as f64 / weeks, little.departures as f64 / weeks);
    let unstable = little.ratio.is_some_and(|r| !(0.8..=1.25).contains(&r));
    let end = if unstable { "; not stable, do not forecast from averages" } else { "" };
    let reading = format!("Started {arrive:.1} a week, finished {leave:.1}{end}");
    let area = frame(ui, cx, rect, "Cumulative flow", "cards in each column at each day's end", &reading);
    let p = ui.painter();
    let Some((from, to)) = window(figures).filter(|_| cfd.len() > 1) else {
        return nothing(ui, cx, area, "Needs two days of history");
    };
    // Finished cards lie at the bottom, as they came; what waits at the top.
    let order: Vec<usize> = (0..board.columns.len()).rev().collect();
    let total = |row: &[usize]| row.iter().sum::<usize>() as f64;
    let max = cfd.iter().map(|(_, row)| total(row)).fold(1.0, f64::max);
    let top = y_axis(p, cx, area, max, "", true);
    let x = x_days(p, cx, area, from, to);
    let y = |v: f64| area.bottom() - (v / top) as f32 * area.height();
    let n = cfd.len();
    let mut base = vec![0.0; n];
    let mut legend = area.left() + 8.0;
    for column in order {
        let fill = column_color(cx, column);
        let upper: Vec<f64> =
            cfd.iter().zip(&base).map(|((_, row), b)| b + row.get(column).copied().unwrap_or(0) as f64).collect();
        let mut mesh = egui::Mesh::default();
        for i in 0..n {
            mesh.colored_vertex(pos2(x(i as f64 + 1.0), y(base[i])), fill);
            mesh.colored_vertex(pos2(x(i as f64 + 1.0), y(upper[i])), fill);
            if i > 0 {
                let at = 2 * i as u32;
                mesh.add_triangle(at - 2, at - 1, at);
                mesh.add_triangle(at - 1, at, at + 1);
            }
        }
        p.add(mesh);
        base = upper;
        let name = board.columns.get(column).map_or("", |c| c.name.as_str());
        let swatch = Rect::from_min_size(pos2(legend, area.top() - 14.0), vec2(8.0, 8.0));
        p.rect_filled(swatch, 0.0, fill);
        let text = p.layout_no_wrap(name.to_owned(), theme.font(SMALL), theme.muted);
        let width = text.size().x;
        p.galley(pos2(legend + 14.0, swatch.center().y - text.size().y * 0.5), text, theme.muted);
        legend += width + 32.0;
    }
}

/// Grey for what waits and what is finished, blue where somebody works.
fn column_color(cx: &PageCx<'_>, index: usize) -> Color32 {
    let theme = cx.theme;
    let columns = &cx.state.board.board.columns;
    let kind = columns.get(index).map_or(ColumnKind::Queue, |c| c.kind);
    let same = columns.iter().take(index).filter(|c| c.kind == kind).count() as f32;
    match kind {
        ColumnKind::Done => mix(theme.bg, theme.bar, 0.75 - 0.2 * same.min(2.0)),
        ColumnKind::Active => mix(theme.bg, if (same as usize).is_multiple_of(2) { theme.s1 } else { theme.s7 }, 0.8),
        ColumnKind::Queue => mix(theme.bg, theme.s3, 0.28 + 0.16 * same.min(3.0)),
    }
}

fn cycle_plot(ui: &mut Ui, cx: &mut PageCx<'_>, rect: Rect) {
    let theme = cx.theme;
    let board = &cx.state.board;
    let figures = board.figures.clone();
    let cycle = &figures.report.cycle;
    let tz = time_zone();
    let date = |ms: i64| jiff::Timestamp::from_millisecond(ms).unwrap_or_default().to_zoned(tz.clone()).date();
    let span = window(&figures);
    let points: Vec<(&String, i64, i64, i64)> = figures
        .report
        .cards
        .iter()
        .filter_map(|(id, c)| Some((id, c.finish_ms?, c.cycle_ms?, c.blocked_ms)))
        .filter(|(_, f, _, _)| span.is_some_and(|(a, b)| (a..=b).contains(&date(*f))))
        .collect();
    let reading = match (cycle.ms[2], cycle.ms[0]) {
        (Some(p85), Some(p50)) => format!("Half were done in {}, 85 % in {}", days(p50), days(p85)),
        _ => "No card was finished in this time".to_owned(),
    };
    let note = format!("{} finished, one point each", count(cycle.n as u64, "card"));
    let area = frame(ui, cx, rect, "Cycle time", &note, &reading);
    let Some((from, to)) = span.filter(|_| !points.is_empty()) else {
        return nothing(ui, cx, area, "No card was finished in the last eight weeks");
    };
    let area = area.with_max_x(area.right() - 56.0);
    let p = ui.painter().clone();
    let day = |ms: i64| ms as f64 / 86_400_000.0;
    let max = points.iter().map(|(_, _, c, _)| day(*c)).fold(0.0, f64::max);
    let top = y_axis(&p, cx, area, max, " d", false);
    let x = x_days(&p, cx, area, from, to);
    let y = |v: f64| area.bottom() - (v / top) as f32 * area.height();
    for (value, name) in [(cycle.ms[0], "p50"), (cycle.ms[2], "p85"), (cycle.ms[3], "p95")] {
        if let Some(ms) = value {
            let line = y(day(ms));
            dashed(&p, pos2(area.left(), line), pos2(area.right(), line), theme.muted);
            let label = format!("{name} {}", days(ms));
            p.text(pos2(area.right() + 4.0, line), Align2::LEFT_CENTER, label, theme.font(SMALL), theme.muted);
        }
    }
    let first = from.to_zoned(tz).map_or(0, |z| z.timestamp().as_millisecond());
    let places: Vec<(Pos2, &String, i64, i64)> =
        points.iter().map(|(id, f, c, b)| (pos2(x(day(*f - first)), y(day(*c))), *id, *c, *b)).collect();
    for (at, _, _, blocked) in &places {
        dot(&p, *at, if *blocked > 0 { theme.warn } else { theme.s1 }, *blocked > 0);
    }
    let pointer = ui.input(|i| i.pointer.hover_pos()).filter(|at| area.expand(6.0).contains(*at));
    let near = pointer.and_then(|at| {
        let hit = places.iter().min_by(|a, b| a.0.distance(at).total_cmp(&b.0.distance(at)))?;
        (hit.0.distance(at) < 10.0).then_some(hit)
    });
    if let Some((at, id, cycle, blocked)) = near {
        let card = board.card(&id.as_str().into());
        let title = card.map_or_else(|| "A deleted card".to_owned(), |c| format!("{} {}", c.label, c.title));
        let rest = if *blocked > 0 { format!(", blocked {} of it", days(*blocked)) } else { String::new() };
        tip(&p, cx, *at, rect, &title, &format!("{}{rest}", days(*cycle)));
        if ui.input(|i| i.pointer.primary_clicked())
            && let Some(card) = card
        {
            let id = card.id.clone();
            cx.send(Command::Show(Picture::Board));
            cx.send(Command::Open(Some(id)));
        }
    }
}

fn time_zone() -> jiff::tz::TimeZone {
    crate::base::time::local_zone()
}

fn dot(p: &Painter, at: Pos2, color: Color32, diamond: bool) {
    if diamond {
        let r = 5.0;
        let all = vec![at + vec2(0.0, -r), at + vec2(r, 0.0), at + vec2(0.0, r), at + vec2(-r, 0.0)];
        p.add(Shape::convex_polygon(all, color, Stroke::NONE));
    } else {
        p.circle_filled(at, 3.5, color);
    }
}

/// A tooltip beside a point, 12 points away and never outside.
fn tip(p: &Painter, cx: &PageCx<'_>, at: Pos2, within: Rect, title: &str, note: &str) {
    let theme = cx.theme;
    let a = super::card::fit(p, title, theme.font(BODY), theme.text, 260.0, 1);
    let b = super::card::fit(p, note, theme.font(SMALL), theme.muted, 260.0, 1);
    let size = vec2(a.size().x.max(b.size().x) + 16.0, a.size().y + b.size().y + 12.0);
    let left = if at.x + 12.0 + size.x > within.right() { at.x - 12.0 - size.x } else { at.x + 12.0 };
    let top = (at.y - size.y * 0.5).clamp(within.top(), (within.bottom() - size.y).max(within.top()));
    let rect = Rect::from_min_size(pos2(left, top), size);
    p.rect(rect, 6.0, theme.raised, Stroke::new(1.0, theme.border), egui::StrokeKind::Inside);
    p.galley(rect.min + vec2(8.0, 5.0), a.clone(), theme.text);
    p.galley(rect.min + vec2(8.0, 6.0 + a.size().y), b, theme.muted);
}

fn age_plot(ui: &Ui, cx: &PageCx<'_>, rect: Rect) {
    let theme = cx.theme;
    let board = &cx.state.board.board;
    let figures = &cx.state.board.figures;
    let columns: Vec<_> = board.columns.iter().filter(|c| board.is_wip(&c.id)).collect();
    let now = cx.now.as_millisecond();
    let mut dots = Vec::new();
    for (i, column) in columns.iter().enumerate() {
        for card in board.cards_in(&column.id) {
            if let Some(start) = figures.card(&card.id).and_then(|f| f.start_ms) {
                dots.push((i, card, (now - start) as f64 / 86_400_000.0));
            }
        }
    }
    let p85 = figures.p85_ms.map(|ms| ms as f64 / 86_400_000.0);
    let late: Vec<&str> =
        dots.iter().filter(|(_, _, age)| p85.is_some_and(|p| *age > p)).map(|(_, c, _)| c.label.as_str()).collect();
    let reading = match (late.as_slice(), p85) {
        (_, None) => "Nothing was finished yet, so there is no line to be late by".to_owned(),
        ([], _) => "Nothing is past the 85 % line".to_owned(),
        ([one], _) => format!("{one} is past the 85 % line; nothing else is"),
        (all, _) => format!("{} are past the 85 % line: {}", count(all.len() as u64, "card"), all.join(", ")),
    };
    let area = frame(ui, cx, rect, "Ageing work", "days since started; dashed: 85 % leave the column by", &reading);
    if dots.is_empty() {
        return nothing(ui, cx, area, "Nothing is in progress");
    }
    let p = ui.painter();
    let pace = |id: &str| figures.report.pace_days.get(id).and_then(|v| v[1]);
    let most = dots.iter().map(|d| d.2).chain(p85).chain(columns.iter().filter_map(|c| pace(&c.id)).map(|d| d as f64));
    let top = y_axis(p, cx, area, most.fold(1.0, f64::max), " d", false);
    let width = area.width() / columns.len().max(1) as f32;
    let y = |v: f64| area.bottom() - (v / top) as f32 * area.height();
    for (i, column) in columns.iter().enumerate() {
        let left = area.left() + width * i as f32;
        p.text(
            pos2(left + width * 0.5, area.bottom() + 6.0),
            Align2::CENTER_TOP,
            &column.name,
            theme.font(SMALL),
            theme.muted,
        );
        if let Some(limit) = pace(&column.id) {
            let line = y(limit as f64);
            let band = Rect::from_min_max(pos2(left + 2.0, line), pos2(left + width - 2.0, area.bottom()));
            p.rect_filled(band, 0.0, theme.fade(theme.raised, 0.6));
            dashed(p, pos2(left + 2.0, line), pos2(left + width - 2.0, line), theme.muted);
            let label = format!("85 % leave by {limit} d");
            p.text(pos2(left + width - 4.0, line - 3.0), Align2::RIGHT_BOTTOM, label, theme.font(SMALL), theme.muted);
        }
    }
    for i in 0..columns.len() {
        let own: Vec<_> = dots.iter().filter(|d| d.0 == i).collect();
        let left = area.left() + width * i as f32;
        for (n, (_, card, age)) in own.iter().enumerate() {
            let share = (n as f32 + 0.5) / own.len() as f32;
            let at = pos2(area.left() + width * (i as f32 + 0.15 + 0.6 * share), y(*age));
            let past = p85.is_some_and(|p| *age > p);
            let color = if card.blocked.is_some() {
                theme.fail
            } else if past {
                theme.warn
            } else {
                theme.s1
            };
            dot(p, at, color, past || card.blocked.is_some());
            if own.len() <= 8 {
                let words = if card.blocked.is_some() { format!("{} blocked", card.label) } else { card.label.clone() };
                let words = p.layout_no_wrap(words, theme.font(SMALL), theme.text);
                // At the left of the dot where the next column would begin under the words.
                let over = at.x + 8.0 + words.size().x > left + width - 2.0;
                let x = if over { at.x - 8.0 - words.size().x } else { at.x + 8.0 };
                p.galley(pos2(x, at.y - words.size().y * 0.5), words, theme.text);
            }
        }
    }
}

fn forecast_plot(ui: &Ui, cx: &PageCx<'_>, rect: Rect) {
    let theme = cx.theme;
    let figures = &cx.state.board.figures;
    let law = &figures.report.forecast.when_law;
    let open = count(figures.open as u64, "open card");
    let reading = figures.done_85.map_or("Without a finished card there is no forecast".to_owned(), |d| {
        format!("85 % sure by {}, if the team and its work stay as they are", d.strftime("%-d %B"))
    });
    let title = format!("When will the {open} be done?");
    let area = frame(ui, cx, rect, &title, "exact, from the daily throughput of 8 weeks", &reading);
    let today = cx.now.to_zoned(time_zone()).date();
    if law.is_empty() || figures.open == 0 {
        return nothing(
            ui,
            cx,
            area,
            if figures.open == 0 { "Everything is done" } else { "Nothing was finished yet" },
        );
    }
    let p = ui.painter();
    let first = law.iter().position(|q| *q > 0.0005).unwrap_or(0);
    let last = law.iter().rposition(|q| *q > 0.0005).map_or(law.len(), |i| i + 1).max(first + 1);
    let shown = &law[first..last];
    let top = y_axis(p, cx, area, shown.iter().copied().fold(0.0, f64::max) * 100.0, " %", false);
    let width = area.width() / shown.len() as f32;
    let when = figures.report.forecast.when_days;
    let (mut before, mut tier) = (f32::MIN, 0.0);
    for (i, q) in shown.iter().enumerate() {
        let day = (first + i + 1) as u32;
        let left = area.left() + width * i as f32;
        let height = (q * 100.0 / top) as f32 * area.height();
        let bar = Rect::from_min_max(
            pos2(left, area.bottom() - height),
            pos2(left + (width - 1.0).max(width * 0.6), area.bottom()),
        );
        let sure = when[2].is_none_or(|d| day <= d);
        p.rect_filled(bar, 0.0, if sure { theme.s1 } else { theme.fade(theme.s1, 0.4) });
        for (at, name) in [(when[0], "50 %"), (when[2], "85 %"), (when[3], "95 %")] {
            if at == Some(day) {
                let x = left + width * 0.5;
                dashed(p, pos2(x, area.top() - 8.0), pos2(x, area.bottom()), theme.text);
                let date = today.checked_add(Span::new().days(i64::from(day))).unwrap_or(today);
                let label = format!("{name}: {}", date.strftime("%-d %b"));
                let label = p.layout_no_wrap(label, theme.font(SMALL), theme.text);
                tier = if x < before { tier + 14.0 } else { 0.0 };
                before = x + label.size().x + 8.0;
                p.galley(pos2(x + 4.0, area.top() - 12.0 + tier), label, theme.text);
            }
        }
    }
    let every = (shown.len() / 5).max(1);
    for i in (0..shown.len()).step_by(every) {
        let date = today.checked_add(Span::new().days((first + i + 1) as i64)).unwrap_or(today);
        let x = area.left() + width * (i as f32 + 0.5);
        if x < area.right() - 16.0 {
            let label = date.strftime("%-d %b").to_string();
            p.text(pos2(x, area.bottom() + 6.0), Align2::CENTER_TOP, label, theme.font(SMALL), theme.muted);
        }
    }
}
