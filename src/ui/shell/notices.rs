//! Notices at the lower right, the list of past ones, the list of jobs.
use egui::{Align, Area, Context, Frame, Id, Layout, Margin, Order, Ui, vec2};

use crate::{
    app::{
        notify::{Notice, Tone},
        shell::{Command, Page},
    },
    base::time,
    ui::{
        PageCx, home,
        theme::{Mark, Theme},
        widgets::{Btn, icon_button, mark, progress_bar, section_head},
    },
};

/// Width of what a notice says.
const WIDEST: f32 = 376.0;
/// From here on its button stands beside the words, else below them.
const ROOMY: f32 = 330.0;
/// What the frame adds to it.
const FRAME: f32 = 26.0;

fn tone_mark(tone: Tone) -> Mark {
    match tone {
        Tone::Info => Mark::Queued,
        Tone::Success => Mark::Success,
        Tone::Warning => Mark::Warning,
        Tone::Failure => Mark::Failed,
    }
}

/// What floats.
pub fn pop_frame(theme: &Theme) -> Frame {
    Frame::NONE
        .fill(theme.raised)
        .stroke(egui::Stroke::new(1.0, theme.border))
        .corner_radius(8)
        .shadow(theme.shadow())
        .inner_margin(Margin::symmetric(12, 8))
}

/// Draws notices, and the lists when asked for.
pub fn notices_ui(ctx: &Context, cx: &mut PageCx<'_>) {
    if !cx.state.notices.shown.is_empty() && !cx.state.shell.show_notices {
        let anchor = Area::new(Id::unique("notices")).order(Order::Foreground);
        anchor.anchor(egui::Align2::RIGHT_BOTTOM, vec2(-12.0, -36.0)).show(ctx, |ui| {
            ui.spacing_mut().item_spacing.y = 8.0;
            let width = width(ctx, cx);
            for index in 0..cx.state.notices.shown.len() {
                notice_ui(ui, cx, index, width);
            }
        });
    }
    if cx.state.shell.show_notices {
        list(ctx, cx, "notice-list", past_ui);
    }
    if cx.state.shell.show_jobs {
        list(ctx, cx, "job-list", jobs_ui);
    }
}

fn list(ctx: &Context, cx: &mut PageCx<'_>, id: &str, contents: impl FnOnce(&mut Ui, &mut PageCx<'_>)) {
    let area = Area::new(Id::unique(id)).order(Order::Foreground).anchor(egui::Align2::RIGHT_TOP, vec2(-8.0, 40.0));
    area.show(ctx, |ui| {
        pop_frame(cx.theme).inner_margin(Margin::same(4)).show(ui, |ui| {
            ui.set_width(420.0);
            contents(ui, cx);
        });
    });
}

/// As wide as reads well; on Home no wider than the panel at the right, so that the totals stay in sight.
fn width(ctx: &Context, cx: &PageCx<'_>) -> f32 {
    let shell = &cx.state.shell;
    if shell.page != Page::Home || shell.hide_inspector || cx.state.workspace.root.is_none() {
        return WIDEST;
    }
    (home::side_width(ctx.content_rect().width() - super::RAIL) - 2.0 * 12.0 - FRAME).min(WIDEST)
}

fn notice_ui(ui: &mut Ui, cx: &mut PageCx<'_>, index: usize, width: f32) {
    let theme = cx.theme;
    let Some(notice) = cx.state.notices.shown.get(index).cloned() else { return };
    pop_frame(theme).show(ui, |ui| {
        ui.set_width(width);
        let mut acted = false;
        let act = |ui: &mut Ui| {
            let clicked = notice.action.as_ref().map(|(label, _)| Btn::new(label).show(ui, theme).clicked());
            clicked == Some(true)
        };
        // Centred, it would be as high as there is room, and the area grows with it from frame to frame.
        ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
            if icon_button(ui, theme, "x", "Dismiss").clicked() {
                cx.send(Command::DismissNotice(index));
            }
            if width >= ROOMY {
                acted = act(ui);
            }
            ui.with_layout(Layout::left_to_right(Align::Min), |ui| {
                ui.add_space(2.0);
                mark(ui, theme, tone_mark(notice.tone), 16.0);
                ui.vertical(|ui| {
                    text_ui(ui, theme, &notice);
                    if width < ROOMY && notice.action.is_some() {
                        ui.add_space(4.0);
                        acted = act(ui);
                    }
                });
            });
        });
        if let Some((_, command)) = notice.action.as_ref().filter(|_| acted) {
            cx.send.push((**command).clone());
            cx.send(Command::DismissNotice(index));
        }
    });
}

fn text_ui(ui: &mut Ui, theme: &Theme, notice: &Notice) {
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        ui.horizontal_wrapped(|ui| {
            ui.add(egui::Label::new(theme.strong(notice.title.as_str())).wrap());
            if notice.count > 1 {
                ui.label(theme.faint(format!("{} times", notice.count)));
            }
        });
        if !notice.body.is_empty() {
            ui.add(egui::Label::new(theme.small(notice.body.as_str())).wrap());
        }
    });
}

fn past_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    section_head(ui, theme, "Notices", "", |_| ());
    let all: Vec<Notice> =
        cx.state.notices.shown.iter().chain(&cx.state.notices.history).rev().take(20).cloned().collect();
    if all.is_empty() {
        ui.horizontal(|ui| {
            ui.add_space(12.0);
            ui.label(theme.muted("Nothing has happened yet"));
        });
        ui.add_space(8.0);
    }
    egui::ScrollArea::vertical().max_height(420.0).show(ui, |ui| {
        for notice in all {
            Frame::NONE.inner_margin(Margin::symmetric(12, 6)).show(ui, |ui| {
                ui.horizontal_top(|ui| {
                    mark(ui, theme, tone_mark(notice.tone), 14.0);
                    text_ui(ui, theme, &notice);
                    if let Some(at) = notice.at {
                        ui.label(theme.faint(time::when(at, cx.now)));
                    }
                });
            });
        }
    });
}

fn jobs_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    section_head(ui, theme, "Running now", "", |_| ());
    if cx.state.jobs.is_empty() {
        ui.label(theme.muted("Nothing runs"));
    }
    for job in cx.state.jobs.clone() {
        Frame::NONE.inner_margin(Margin::symmetric(12, 6)).show(ui, |ui| {
            ui.horizontal(|ui| {
                mark(ui, theme, if job.cancelling { Mark::Cancelled } else { Mark::Running }, 14.0);
                ui.vertical(|ui| {
                    ui.spacing_mut().item_spacing.y = 4.0;
                    ui.label(theme.body(job.title.as_str()));
                    progress_bar(ui, theme, job.share, 280.0);
                    if !job.note.is_empty() {
                        ui.label(theme.faint(job.note.as_str()));
                    }
                });
                let label = if job.cancelling { "Cancelling" } else { "Cancel" };
                if Btn::new(label).quiet().icon("x").show(ui, theme).clicked() {
                    cx.send(Command::CancelJob(job.key.clone()));
                }
            });
        });
    }
}
