//! The status bar: branch, what the page says, problems, the clock with its offset.
use egui::{Align, Layout, Ui};

use crate::{
    app::{shell, workspace},
    base::time,
    ui::{
        PageCx,
        theme::Mark,
        widgets::{link, mark},
    },
};

/// Draws the bar, 24 high.
pub fn status_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    let rect = ui.max_rect().shrink2(egui::vec2(12.0, 0.0));
    let layout = Layout::left_to_right(Align::Center);
    ui.scope_builder(egui::UiBuilder::new().max_rect(rect).layout(layout), |ui| {
        ui.spacing_mut().item_spacing.x = 16.0;
        if cx.state.workspace.root.is_none() {
            ui.label(theme.small(format!("Andon {}", env!("CARGO_PKG_VERSION"))));
        } else {
            left_ui(ui, cx);
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.label(theme.small(format!("{} ({})", time::hhmm(cx.now), time::offset_label(cx.now))));
            if let Some(notice) =
                cx.state.notices.shown.iter().rev().find(|n| n.tone == crate::app::notify::Tone::Failure)
            {
                ui.scope(|ui| {
                    ui.spacing_mut().item_spacing.x = 4.0;
                    ui.label(theme.small(crate::base::text::shorten(&notice.title, 60)));
                    mark(ui, theme, Mark::Failed, 12.0);
                });
            }
        });
    });
}

fn left_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    if let Some(branch) = shell::branch(cx.state) {
        ui.scope(|ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            ui.label(theme.icon("git-branch", 12.0));
            ui.label(theme.small(branch));
        });
    } else if !cx.state.workspace.is_repo {
        ui.label(theme.small("Not a git repository"));
    }
    if !cx.state.workspace.trusted {
        ui.scope(|ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            mark(ui, theme, Mark::Warning, 12.0);
            ui.label(theme.small("Not trusted: nothing runs"));
            if link(ui, theme, "Trust\u{2026}").clicked() {
                cx.send(workspace::Command::AskTrust(None));
            }
        });
    }
    for fact in shell::status_facts(cx.state) {
        ui.label(theme.small(fact));
    }
}
