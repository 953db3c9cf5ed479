//! The command bar: workspace, branch, search, running work, notices.
use egui::{Align, Align2, Layout, Rect, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};

use crate::{
    app::{
        git::work as git,
        shell::{self, Command, PaletteMode},
        workspace,
    },
    ui::{
        PageCx,
        theme::{CONTROL, Mark, icon, paint_logo, paint_mark},
        widgets::{Btn, Row, icon_button, progress_bar},
    },
};

/// Draws the bar, 36 high.
pub fn bar_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let rect = ui.max_rect();
    let theme = cx.theme;
    let logo = Rect::from_center_size(pos2(rect.left() + 22.0, rect.center().y), vec2(16.0, 16.0));
    paint_logo(ui.painter(), theme, logo);
    let narrow = rect.width() < 1100.0;
    let search = Rect::from_center_size(rect.center(), vec2(if narrow { 280.0 } else { 400.0 }, 24.0));
    let left = Rect::from_min_max(pos2(rect.left() + 48.0, rect.top()), pos2(search.left() - 8.0, rect.bottom()));
    let right = Rect::from_min_max(pos2(search.right() + 8.0, rect.top()), pos2(rect.right() - 8.0, rect.bottom()));
    let child = |rect, layout| egui::UiBuilder::new().max_rect(rect).layout(layout);
    ui.scope_builder(child(left, Layout::left_to_right(Align::Center)), |ui| {
        ui.set_clip_rect(left);
        workspace_menu(ui, cx);
        if let Some(branch) = shell::branch(cx.state) {
            branch_ui(ui, cx, &branch);
        }
    });
    search_field(ui, cx, search);
    ui.scope_builder(child(right, Layout::right_to_left(Align::Center)), |ui| {
        ui.set_clip_rect(right);
        ui.spacing_mut().item_spacing.x = 4.0;
        if icon_button(ui, theme, "panel-right", "Show or hide the inspector").clicked() {
            cx.send(Command::ToggleInspector);
        }
        let bell = icon_button(ui, theme, "bell", "Notices");
        if !cx.state.notices.shown.is_empty() {
            ui.painter().circle_filled(bell.rect.right_top() + vec2(-6.0, 6.0), 3.0, theme.accent);
        }
        if bell.clicked() {
            cx.send(Command::ToggleNotices);
        }
        job_ui(ui, cx);
    });
}

fn workspace_menu(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    let name = if cx.state.workspace.root.is_some() { cx.state.workspace.name.as_str() } else { "No folder open" };
    let galley = ui.painter().layout_no_wrap(name.to_owned(), theme.semibold(CONTROL), theme.text);
    let (rect, response) = ui.allocate_exact_size(vec2(galley.size().x + 34.0, 24.0), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, format!("Workspace {name}")));
    if response.hovered() {
        ui.painter().rect_filled(rect, 4.0, theme.hover);
    }
    if response.has_focus() {
        ui.painter().rect_stroke(rect, 4.0, Stroke::new(2.0, theme.focus), StrokeKind::Inside);
    }
    ui.painter().galley(pos2(rect.left() + 8.0, rect.center().y - galley.size().y * 0.5), galley, theme.text);
    ui.painter().text(
        pos2(rect.right() - 12.0, rect.center().y),
        Align2::CENTER_CENTER,
        icon("chevron-down"),
        theme.icon_font(14.0),
        theme.muted,
    );
    egui::Popup::menu(&response).width(300.0).show(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let recents: Vec<_> = cx.state.workspace.recents.iter().take(8).cloned().collect();
        for recent in recents {
            let row = Row::new(&recent.name).height(36.0).show(ui, theme, |ui| {
                ui.label(theme.icon("folder-git-2", 16.0));
                ui.vertical(|ui| {
                    ui.spacing_mut().item_spacing.y = 0.0;
                    ui.label(theme.label(&recent.name));
                    ui.add(egui::Label::new(theme.faint(&recent.path)).truncate());
                });
            });
            if row.clicked() {
                cx.send(workspace::Command::Open(recent.path.clone().into()));
                ui.close();
            }
        }
        if Row::new("Open a folder")
            .height(28.0)
            .show(ui, theme, |ui| {
                ui.label(theme.icon("folder-open", 14.0));
                ui.label(theme.body("Open a folder\u{2026}"));
            })
            .clicked()
        {
            cx.send(workspace::Command::PickFolder);
            ui.close();
        }
        if cx.state.workspace.root.is_some()
            && Row::new("Close the folder")
                .height(28.0)
                .show(ui, theme, |ui| {
                    ui.label(theme.icon("x", 14.0));
                    ui.label(theme.body("Close the folder"));
                })
                .clicked()
        {
            cx.send(workspace::Command::Close);
            ui.close();
        }
    });
}

/// The branch, with what is not pushed or pulled yet; a click opens the list of branches.
fn branch_ui(ui: &mut Ui, cx: &mut PageCx<'_>, branch: &str) {
    let theme = cx.theme;
    let distance = match cx.state.git.status.ahead_behind {
        Some((0, 0)) | None => String::new(),
        Some((a, 0)) => format!("  \u{2191}{a}"),
        Some((0, b)) => format!("  \u{2193}{b}"),
        Some((a, b)) => format!("  \u{2191}{a} \u{2193}{b}"),
    };
    let letters = ((ui.available_width() - 60.0) / 7.0).max(4.0) as usize;
    let label = format!("{}{distance}", crate::base::text::shorten(branch, letters));
    let button = Btn::new(&label).icon("git-branch").quiet().name("Branches").show(ui, theme);
    if button.on_hover_text(format!("{branch}: branches, stashes, remotes (Ctrl+Shift+B)")).clicked() {
        cx.send.push(git::Command::Ask(git::Ask::Branches).into());
    }
}

fn search_field(ui: &mut Ui, cx: &mut PageCx<'_>, rect: Rect) {
    let theme = cx.theme;
    let response = ui.interact(rect, ui.scope_id().with("search"), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, "Go to anything or run a command"));
    let painter = ui.painter();
    let line = if response.hovered() { theme.border } else { theme.hair };
    painter.rect(rect, 4.0, theme.bg, Stroke::new(1.0, line), StrokeKind::Inside);
    let y = rect.center().y;
    painter.text(
        pos2(rect.left() + 15.0, y),
        Align2::CENTER_CENTER,
        icon("search"),
        theme.icon_font(14.0),
        theme.muted,
    );
    painter.text(
        pos2(rect.left() + 30.0, y),
        Align2::LEFT_CENTER,
        "Go to anything or run a command",
        theme.font(CONTROL),
        theme.faint,
    );
    let key = painter.layout_no_wrap("Ctrl P".to_owned(), theme.mono(10.5), theme.faint);
    let cap = Rect::from_center_size(pos2(rect.right() - 10.0 - key.size().x * 0.5, y), key.size() + vec2(8.0, 2.0));
    painter.rect_stroke(cap, 3.0, theme.hairline(), StrokeKind::Inside);
    painter.galley(cap.center() - key.size() * 0.5, key, theme.faint);
    if response.clicked() {
        cx.send(Command::OpenPalette(PaletteMode::GoTo));
    }
}

/// Running work: title and share of the newest job; a click opens the list.
fn job_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    // What ends within a second is not worth a flicker.
    let lasting =
        |j: &&crate::app::state::JobRow| cx.now.as_millisecond() - j.since.as_millisecond() > shell::LASTING_MS;
    let Some(job) = cx.state.jobs.iter().rfind(lasting) else { return };
    let more = cx.state.jobs.len() - 1;
    let text = if more > 0 { format!("{} and {more} more", job.title) } else { job.title.clone() };
    progress_bar(ui, theme, job.share, 44.0);
    if Btn::new(&crate::base::text::shorten(&text, 36)).quiet().name("Jobs").show(ui, theme).clicked() {
        cx.send(Command::ToggleJobs);
    }
    let (rect, _) = ui.allocate_exact_size(vec2(14.0, 14.0), Sense::hover());
    paint_mark(ui.painter(), theme, Mark::Running, rect.center(), 12.0);
}
