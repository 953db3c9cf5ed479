//! The status bar: branch, changes, trust, what the page says; running work, the last run, problems, the clock.
use egui::{Align, CursorIcon, Layout, Role, Sense, Ui, WidgetInfo, vec2};

use crate::{
    app::shell::{self, Fact, Tone},
    base::{text, time},
    ui::{
        PageCx,
        theme::{Mark, icon, paint_mark},
        widgets::{focus_ring, mark},
    },
};

/// Draws the bar, 24 high.
pub fn status_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    let rect = ui.max_rect().shrink2(egui::vec2(8.0, 0.0));
    let layout = Layout::left_to_right(Align::Center);
    ui.scope_builder(egui::UiBuilder::new().max_rect(rect).layout(layout), |ui| {
        ui.spacing_mut().item_spacing.x = 8.0;
        let open = cx.state.workspace.root.is_some();
        let left = if open { shell::status_left(cx.state) } else { Vec::new() };
        let right = if open { shell::status_right(cx.state, cx.now) } else { Vec::new() };
        if !open {
            ui.add_space(4.0);
            ui.label(theme.small(format!("Andon {}", env!("CARGO_PKG_VERSION"))));
        }
        // The right side is laid out first, so that a long fact at the left is what is cut.
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add_space(4.0);
            ui.label(theme.small(format!("{} ({})", time::hhmm(cx.now), time::offset_label(cx.now))));
            ui.add_space(4.0);
            right.iter().rev().for_each(|fact| fact_ui(ui, cx, fact));
            // The last run says it already when it is what failed.
            problem_ui(ui, cx, &right);
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                left.iter().for_each(|fact| fact_ui(ui, cx, fact));
            });
        });
    });
}

/// The newest failure among the notices still shown.
fn problem_ui(ui: &mut Ui, cx: &PageCx<'_>, told: &[Fact]) {
    let theme = cx.theme;
    let failure = |n: &&crate::app::notify::Notice| n.tone == crate::app::notify::Tone::Failure;
    let newest = cx.state.notices.shown.iter().rev().find(failure);
    if let Some(notice) = newest.filter(|n| !told.iter().any(|f| f.text.starts_with(&n.title))) {
        ui.scope(|ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            ui.label(theme.small(text::shorten(&notice.title, 60)));
            mark(ui, theme, Mark::Failed, 12.0);
        });
        ui.add_space(8.0);
    }
}

/// A sign and words; those that lead somewhere answer to pointer and keys.
fn fact_ui(ui: &mut Ui, cx: &mut PageCx<'_>, fact: &Fact) {
    let theme = cx.theme;
    let most = (ui.available_width() - 20.0).max(0.0);
    let letters = ((most / 6.0) as usize).clamp(4, 64);
    if most < 30.0 {
        return;
    }
    let galley = ui.painter().layout_no_wrap(
        text::shorten(&fact.text, letters),
        theme.font(crate::ui::theme::SMALL),
        theme.muted,
    );
    let sign = if fact.tone == Tone::Plain { 0.0 } else { 17.0 };
    let sense = if fact.command.is_some() { Sense::click() } else { Sense::hover() };
    let (rect, response) = ui.allocate_exact_size(vec2(galley.size().x + sign + 8.0, 20.0), sense);
    let role = if fact.command.is_some() { Role::Button } else { Role::Label };
    response.widget_info(|| WidgetInfo::labeled(role, true, fact.text.as_str()));
    let painter = ui.painter();
    if fact.command.is_some() && response.hovered() {
        painter.rect_filled(rect, 4.0, theme.hover);
    }
    let at = egui::pos2(rect.left() + 10.0, rect.center().y);
    let mark = match fact.tone {
        Tone::Plain | Tone::Branch => None,
        Tone::Running => Some(Mark::Running),
        Tone::Success => Some(Mark::Success),
        Tone::Failed => Some(Mark::Failed),
        Tone::Warning => Some(Mark::Warning),
    };
    match mark {
        Some(mark) => paint_mark(painter, theme, mark, at, 12.0),
        None if fact.tone == Tone::Branch => {
            painter.text(at, egui::Align2::CENTER_CENTER, icon("git-branch"), theme.icon_font(12.0), theme.muted);
        }
        None => {}
    }
    let ink = if response.hovered() && fact.command.is_some() { theme.text } else { theme.muted };
    painter.galley_with_override_text_color(
        egui::pos2(rect.left() + 4.0 + sign, rect.center().y - galley.size().y * 0.5),
        galley,
        ink,
    );
    if response.has_focus() {
        focus_ring(ui, theme, rect.shrink(1.0), 4.0);
    }
    let Some(command) = &fact.command else { return };
    if response.on_hover_cursor(CursorIcon::PointingHand).on_hover_text(fact.tip.as_str()).clicked() {
        cx.send.push(command.clone());
    }
}
