//! The history of a cell at the right, and who wrote a line in the gutter.
use egui::{Align, Align2, Layout, Rect, Role, ScrollArea, Sense, Ui, WidgetInfo, pos2, vec2};

use super::thread::avatar;
use crate::{
    app::review::{Command, past::When},
    base::{text::shorten, time},
    model::blame::Deed,
    ui::{
        PageCx,
        theme::{SMALL, Theme},
        widgets::{Row, error_box, hair_x, icon_button, right_panel},
    },
};

/// Width of the column that says who wrote a line.
pub(super) const BLAME: f32 = 128.0;

/// Draws the history of the cell that was asked about, if any.
pub(super) fn history_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let told = &cx.state.review.told;
    let Some((cell, title)) = told.cell.clone() else { return };
    let theme = cx.theme;
    let mut send = None;
    right_panel(ui, theme, "review-past", 300.0, |ui| {
        ui.allocate_ui_with_layout(vec2(ui.available_width(), 36.0), Layout::left_to_right(Align::Center), |ui| {
            ui.set_min_height(36.0);
            ui.add_space(12.0);
            ui.label(theme.strong(format!("History of cell {}", cell + 1)));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.add_space(8.0);
                if icon_button(ui, theme, "x", "Close the history of the cell").clicked() {
                    send = Some(Command::TellCell(None));
                }
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    ui.add(egui::Label::new(theme.faint(title.as_str())).truncate());
                });
            });
        });
        hair_x(ui, theme);
        if let Some(error) = &told.error {
            egui::Frame::NONE.inner_margin(12.0).show(ui, |ui| error_box(ui, theme, error, &[]));
            return;
        }
        let Some(past) = &told.past else {
            egui::Frame::NONE.inner_margin(12.0).show(ui, |ui| ui.label(theme.muted("Reading the history")));
            return;
        };
        let deeds: Vec<(&When, Deed)> = past.deeds(cell).collect();
        ScrollArea::vertical().id_salt("cell-history").auto_shrink(false).show_rows(
            ui,
            48.0,
            deeds.len(),
            |ui, range| {
                for (when, deed) in deeds.get(range).unwrap_or_default() {
                    if version_ui(ui, cx, when, *deed) {
                        send = Some(Command::CompareVersion(Box::new((*when).clone())));
                    }
                }
            },
        );
    });
    if let Some(command) = send {
        cx.send(command);
    }
}

fn version_ui(ui: &mut Ui, cx: &PageCx<'_>, when: &When, deed: Deed) -> bool {
    let theme = cx.theme;
    let summary = when.commit.as_ref().map_or("Not committed yet", |c| c.summary.as_str());
    let name = format!("{}: {summary}, {}", capital(deed.word()), when.author());
    let row = Row::new(&name).height(48.0).rule(true).show(ui, theme, |ui| {
        avatar(ui, theme, when.author(), 24.0);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            ui.add_space(6.0);
            ui.horizontal(|ui| {
                ui.label(theme.label(capital(deed.word())));
                ui.add(egui::Label::new(theme.body(summary)).truncate());
            });
            let mut note = when.author().to_owned();
            if let Some(c) = &when.commit {
                note = format!("{note}, {}, {}", time::when(c.at, cx.now), c.short());
            }
            ui.add(egui::Label::new(theme.faint(note)).truncate());
        });
    });
    let tip = match &when.commit {
        Some(c) => format!(
            "{} by {}, {}\n{summary}\nClick to compare it with the version before",
            c.short(),
            c.author.name,
            time::day_hhmm(c.at)
        ),
        None => "Click to compare it with the last commit".to_owned(),
    };
    row.on_hover_text(tip).clicked()
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Says who wrote a line and when, unless the line above has the same origin.
pub(super) fn blame_ui(ui: &Ui, cx: &PageCx<'_>, rect: Rect, (cell, line): (usize, usize)) {
    let theme: &Theme = cx.theme;
    let Some(past) = &cx.state.review.told.past else { return };
    let Some((version, when)) = past.of_line(cell, line) else { return };
    let above = line.checked_sub(1).and_then(|n| past.of_line(cell, n)).map(|(v, _)| v);
    let spot = Rect::from_min_size(rect.min, vec2(BLAME - 6.0, rect.height().min(20.0)));
    let column = rect.with_max_x(spot.right());
    let painter = ui.painter().with_clip_rect(column.intersect(ui.clip_rect()));
    let ink = if when.commit.is_none() { theme.warn } else { theme.faint };
    if above != Some(version) {
        let who = shorten(when.author().split_whitespace().next().unwrap_or_default(), 10);
        let y = spot.top() + 10.0;
        let who = if when.commit.is_none() { "not committed".to_owned() } else { who };
        painter.text(pos2(spot.left() + 24.0, y), Align2::LEFT_CENTER, who, theme.font(SMALL), ink);
        if let Some(at) = when.at() {
            let day = time::when(at, cx.now);
            painter.text(pos2(spot.right(), y), Align2::RIGHT_CENTER, day, theme.font(SMALL), ink);
        }
    } else {
        painter.vline(spot.left() + 26.0, rect.y_range(), theme.hairline());
    }
    if ui.rect_contains_pointer(spot) {
        let response = ui.interact(spot, ui.scope_id().with(("blame", cell, line)), Sense::hover());
        let words = match &when.commit {
            Some(c) => format!("{} by {}, {}\n{}", c.short(), c.author.name, time::day_hhmm(c.at), c.summary),
            None => "Not committed yet".to_owned(),
        };
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &words));
        response.on_hover_text(words);
    }
}
