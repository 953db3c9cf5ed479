//! The start page: open a folder, recent ones, samples.
use egui::{Align, Layout, Rect, ScrollArea, Sense, Ui, vec2};

use crate::{
    app::{git::work as git, shell, workspace},
    base::time,
    ui::{
        PageCx,
        theme::{Mark, paint_logo},
        widgets::{Btn, Row, box_frame, error_box, mark, progress_bar},
    },
};

/// Draws the page shown while no folder is open.
pub fn start_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        let width = ui.available_width().min(760.0);
        let left = (ui.available_width() - width) * 0.5;
        ui.add_space((ui.available_height() * 0.12).max(24.0));
        ui.horizontal_top(|ui| {
            ui.add_space(left);
            ui.vertical(|ui| {
                ui.set_width(width);
                ui.spacing_mut().item_spacing.y = 8.0;
                title_ui(ui, cx);
                if let Some(opening) = &cx.state.workspace.opening {
                    ui.label(theme.muted(format!("Opening {opening}")));
                    progress_bar(ui, theme, None, width);
                }
                if let Some(error) = &cx.state.workspace.error {
                    error_box(ui, theme, error, &[]);
                }
                ui.add_space(16.0);
                recents_ui(ui, cx);
                ui.add_space(16.0);
                samples_ui(ui, cx, width);
                ui.add_space(8.0);
                ui.horizontal(|ui| {
                    ui.label(theme.icon("shield", 14.0));
                    ui.label(theme.small(
                        "Opening is safe: a folder from elsewhere shows everything and runs nothing until you trust it",
                    ));
                });
            });
        });
    });
}

fn title_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    ui.horizontal(|ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(40.0, 40.0), Sense::hover());
        paint_logo(ui.painter(), theme, Rect::from_center_size(rect.center(), vec2(36.0, 36.0)));
        ui.add_space(8.0);
        ui.vertical(|ui| {
            ui.label(theme.display("Andon"));
            ui.label(theme.muted("Notebooks, runs, quality and the board of one repository, in one place"));
        });
    });
    ui.add_space(8.0);
    ui.horizontal(|ui| {
        if Btn::new("Open a folder\u{2026}")
            .icon("folder-open")
            .primary()
            .key("Ctrl O")
            .height(32.0)
            .show(ui, theme)
            .clicked()
        {
            cx.send(workspace::Command::PickFolder);
        }
        if Btn::new("Type its path\u{2026}").height(32.0).show(ui, theme).clicked() {
            cx.send(shell::Command::ShowDialog(shell::Dialog::OpenFolder { typed: String::new() }));
        }
        if Btn::new("Clone\u{2026}").icon("download").height(32.0).show(ui, theme).clicked() {
            cx.send.push(git::Command::Ask(git::Ask::Clone).into());
        }
        ui.label(theme.muted("or drop a folder, a notebook or a data file here"));
    });
}

fn recents_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    if cx.state.workspace.recents.is_empty() {
        return;
    }
    ui.label(theme.section("Recent"));
    let recents: Vec<_> = cx.state.workspace.recents.iter().take(6).cloned().collect();
    box_frame(theme).inner_margin(0).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let last = recents.len() - 1;
        for (index, recent) in recents.iter().enumerate() {
            let row = Row::new(&recent.name).height(52.0).padding(16.0).rule(index < last).show(ui, theme, |ui| {
                ui.label(theme.icon("folder-git-2", 16.0));
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    let at = jiff::Timestamp::from_second(recent.opened).unwrap_or_default();
                    ui.label(theme.faint(time::when(at, cx.now)));
                    ui.add_space(12.0);
                    match (recent.trusted, recent.red) {
                        // From the right: the word, then its mark.
                        (false, _) => {
                            ui.label(theme.muted("not trusted yet"));
                            mark(ui, theme, Mark::Skipped, 14.0);
                        }
                        (true, 0) => {}
                        (true, red) => {
                            ui.label(theme.strong(format!("{red} red")).color(theme.fail));
                            mark(ui, theme, Mark::Failed, 14.0);
                        }
                    }
                    ui.with_layout(Layout::top_down(Align::Min), |ui| {
                        ui.add_space(8.0);
                        ui.spacing_mut().item_spacing.y = 0.0;
                        ui.label(theme.label(&recent.name));
                        ui.add(egui::Label::new(theme.faint(&recent.path)).truncate());
                    });
                });
            });
            if row.clicked() {
                cx.send(workspace::Command::Open(recent.path.clone().into()));
            }
        }
    });
}

fn samples_ui(ui: &mut Ui, cx: &mut PageCx<'_>, width: f32) {
    let theme = cx.theme;
    ui.horizontal(|ui| {
        ui.label(theme.section("Samples"));
        ui.label(theme.faint("copied to your data folder, with a real history; nothing of yours is touched"));
    });
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 16.0;
        for sample in shell::samples() {
            let (rect, response) = ui.allocate_exact_size(vec2((width - 16.0) * 0.5, 92.0), Sense::click());
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &sample.title));
            let fill = if response.hovered() { theme.hover } else { theme.panel };
            ui.painter().rect(rect, 6.0, fill, theme.hairline(), egui::StrokeKind::Inside);
            let mut child =
                ui.new_child(egui::UiBuilder::new().max_rect(rect.shrink(16.0)).layout(Layout::top_down(Align::Min)));
            child.spacing_mut().item_spacing.y = 4.0;
            child.label(theme.strong(sample.title.as_str()));
            child.add(egui::Label::new(theme.small(sample.summary.as_str())).wrap());
            if response.on_hover_cursor(egui::CursorIcon::PointingHand).clicked() {
                cx.send(workspace::Command::OpenSample(sample.name.clone()));
            }
        }
    });
}
