//! The rows of Home and the totals below them.
use egui::{Align, Color32, Layout, Rect, RichText, Sense, Ui, UiBuilder, pos2, vec2};

use crate::{
    app::home::{Command, Level, Picture, Row as HomeRow},
    base::time,
    ui::{
        PageCx,
        theme::{Mark, SMALL, Theme},
        widgets::{Btn, Row, bars, empty_state, mark, section_head, spark, tag},
    },
};

fn level_mark(level: Level) -> Mark {
    match level {
        Level::Red => Mark::Failed,
        Level::Amber => Mark::Warning,
        Level::Grey => Mark::Unknown,
        Level::Done => Mark::Success,
    }
}

/// Draws the rows.
pub fn rows_ui(ui: &mut Ui, cx: &mut PageCx<'_>, follow: bool) {
    let theme = cx.theme;
    let rows: Vec<&HomeRow> = cx.state.home.visible().collect();
    if rows.is_empty() {
        let sentence = if cx.state.home.rows.is_empty() {
            "Nothing needs you: no failed run, no failed check, no blocked card"
        } else {
            "Nothing of this kind needs you"
        };
        empty_state(ui, theme, "circle-check", sentence, &[]);
        return;
    }
    let focused = cx.state.home.focused;
    let mut send = Vec::new();
    for (index, row) in rows.into_iter().enumerate() {
        let on = index == focused;
        let shown =
            Row::new(&row.title).height(60.0).padding(16.0).soft(on).accent(on).rule(true).show(ui, theme, |ui| {
                row_ui(ui, cx, row, on, &mut send);
            });
        if shown.clicked() {
            send.push(Command::Focus(index).into());
        }
        if on && follow {
            shown.scroll_to_me(None);
        }
    }
    cx.send.append(&mut send);
}

/// Columns of a row from the right: action 188, when and where 120, picture 128; the words take the rest.
fn row_ui(ui: &mut Ui, cx: &PageCx<'_>, row: &HomeRow, on: bool, send: &mut Vec<crate::app::Command>) {
    let theme = cx.theme;
    let area = ui.max_rect();
    let narrow = area.width() < 720.0;
    let column =
        |right: f32, width: f32| Rect::from_min_max(pos2(right - width, area.top()), pos2(right, area.bottom()));
    let action = column(area.right(), 188.0);
    let when = column(action.left() - 12.0, 112.0);
    let picture = column(when.left() - 16.0, if narrow { 0.0 } else { 128.0 });
    let words =
        Rect::from_min_max(area.min, pos2(if narrow { when.left() } else { picture.left() } - 16.0, area.bottom()));
    let mut part = |rect: Rect, layout: Layout, draw: &mut dyn FnMut(&mut Ui)| {
        let mut child = ui.new_child(UiBuilder::new().max_rect(rect).layout(layout));
        child.set_clip_rect(rect.intersect(ui.clip_rect()));
        draw(&mut child);
    };
    let centred = Layout::left_to_right(Align::Center);
    part(words, centred, &mut |ui| words_ui(ui, theme, row));
    if !narrow {
        part(picture, centred, &mut |ui| picture_ui(ui, theme, row));
    }
    part(when, Layout::right_to_left(Align::Center), &mut |ui| {
        ui.with_layout(Layout::top_down(Align::Max), |ui| {
            ui.add_space(13.0);
            ui.spacing_mut().item_spacing.y = 2.0;
            if let Some(at) = row.at {
                let short = time::when(at, cx.now);
                let long = format!("{short} \u{b7} {}", time::age(at, cx.now));
                // The age is said where there is room: a second line would push the place out of the row.
                let wide = ui.painter().layout_no_wrap(long.clone(), theme.font(SMALL), theme.muted).size().x;
                let text = if wide <= ui.available_width() { long } else { short };
                ui.add(egui::Label::new(theme.small(text)).truncate());
            }
            ui.add(egui::Label::new(theme.faint(row.place.as_str())).truncate());
        });
    });
    part(action, Layout::right_to_left(Align::Center), &mut |ui| {
        let label = row.action.0.as_str();
        let button = if on {
            // R reruns; where the button does something else, Enter is what presses it.
            Btn::new(label).primary().key(if row.rerun.as_ref() == Some(&row.action.1) { "R" } else { "Enter" })
        } else if row.level == Level::Done {
            Btn::new(label).quiet()
        } else {
            Btn::new(label)
        };
        if button.show(ui, theme).clicked() {
            send.push(row.action.1.clone());
        }
    });
}

fn words_ui(ui: &mut Ui, theme: &Theme, row: &HomeRow) {
    mark(ui, theme, level_mark(row.level), 16.0);
    ui.add_space(4.0);
    ui.with_layout(Layout::top_down(Align::Min), |ui| {
        ui.add_space(11.0);
        ui.spacing_mut().item_spacing.y = 2.0;
        let dimmed = row.level == Level::Done;
        let fade = |text: RichText| if dimmed { text.color(theme.faint) } else { text };
        ui.add(egui::Label::new(fade(theme.strong(row.title.as_str()))).truncate());
        ui.add(egui::Label::new(fade(theme.muted(row.evidence.as_str()))).truncate());
    });
}

fn level_color(theme: &Theme, level: Level) -> Color32 {
    theme.mark(level_mark(level))
}

fn picture_ui(ui: &mut Ui, theme: &Theme, row: &HomeRow) {
    let color = level_color(theme, row.level);
    match &row.picture {
        Picture::None => {}
        Picture::Line(values) => spark(ui, theme, "Values over the last runs", values, vec2(120.0, 36.0), Some(color)),
        Picture::Bars(values) => {
            let last = values.len().saturating_sub(1);
            let all: Vec<_> =
                values.iter().enumerate().map(|(i, v)| (*v, if i == last { color } else { theme.bar })).collect();
            bars(ui, "Values over the last runs", &all, vec2(120.0, 28.0));
        }
        Picture::Share(share) => {
            let (rect, _) = ui.allocate_exact_size(vec2(120.0, 4.0), Sense::hover());
            ui.painter().rect_filled(rect, 2.0, theme.hair);
            let mut done = rect;
            done.set_width(rect.width() * share.clamp(0.0, 1.0));
            ui.painter().rect_filled(done, 2.0, color);
        }
        Picture::Word(word) => drop(tag(ui, theme, word)),
    }
}

/// Draws what comes next on the line.
pub fn next_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    if cx.state.home.next.is_empty() {
        return;
    }
    ui.add_space(12.0);
    let planned = cx.state.home.next.iter().any(|n| n.state.is_none());
    let note = if planned { "schedules start nothing yet: run these by hand" } else { "" };
    section_head(ui, theme, "Next on the line", note, |_| {});
    let mut send = Vec::new();
    for next in &cx.state.home.next {
        let name = format!("{}, {}, {}", next.title, next.when, next.words);
        let row = Row::new(&name).height(28.0).padding(16.0).show(ui, theme, |ui| {
            mark(ui, theme, next.state.map_or(Mark::Skipped, super::side::run_mark), 14.0);
            ui.add_space(4.0);
            for (words, width) in [(theme.label(next.when.as_str()), 128.0), (theme.strong(next.title.as_str()), 128.0)]
            {
                ui.allocate_ui_with_layout(vec2(width, 28.0), Layout::left_to_right(Align::Center), |ui| {
                    ui.set_width(width);
                    ui.add(egui::Label::new(words).truncate());
                });
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.label(theme.faint(next.place.as_str()));
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    ui.add(egui::Label::new(theme.muted(next.words.as_str())).truncate());
                });
            });
        });
        if row.clicked() {
            send.push(next.open.clone());
        }
    }
    ui.add_space(8.0);
    cx.send.append(&mut send);
}

/// Draws the three totals.
pub fn totals_ui(ui: &mut Ui, cx: &PageCx<'_>) {
    let theme = cx.theme;
    let totals = &cx.state.home.totals;
    let area = ui.max_rect();
    let width = area.width() / totals.len().max(1) as f32;
    ui.painter().hline(area.x_range(), area.top(), theme.hairline());
    for (index, total) in totals.iter().enumerate() {
        let left = area.left() + width * index as f32;
        if index > 0 {
            ui.painter().vline(left, area.y_range(), theme.hairline());
        }
        let rect = Rect::from_min_size(pos2(left, area.top()), vec2(width, area.height())).shrink2(vec2(16.0, 12.0));
        let mut child = ui.new_child(UiBuilder::new().max_rect(rect).layout(Layout::top_down(Align::Min)));
        child.set_clip_rect(rect);
        child.spacing_mut().item_spacing.y = 2.0;
        child.label(theme.small(total.title.as_str()));
        child.horizontal(|ui| {
            ui.label(theme.display(total.value.as_str()));
            ui.add(egui::Label::new(theme.muted(total.note.as_str())).truncate());
        });
        match &total.picture {
            Picture::Line(values) => {
                // What was not yet known leaves no gap at the left.
                let known = values.iter().position(Option::is_some).unwrap_or(0);
                let values = values.get(known..).unwrap_or_default();
                spark(&mut child, theme, &total.title, values, vec2(200.0_f32.min(rect.width()), 24.0), None);
            }
            Picture::Bars(values) => {
                let all: Vec<_> = values.iter().map(|v| (*v, theme.bar)).collect();
                bars(&mut child, &total.title, &all, vec2(200.0_f32.min(rect.width()), 20.0));
            }
            _ => {}
        }
    }
}
