//! The settings page: sections at the left, the chosen one in the middle.
mod connections;
mod kernels;
mod sections;
mod servers;

use egui::{Align, Layout, ScrollArea, Ui};

use super::PageCx;
use crate::{
    app::settings::{Command, Section},
    ui::widgets::{Row, left_panel, page_head},
};

/// What only the page itself needs to remember.
#[derive(Debug, Default)]
pub struct View {
    asked: bool,
}

const SECTIONS: &[(Section, &str, &str)] = &[
    (Section::Connections, "plug", "Connections"),
    (Section::Workspace, "shield", "Workspace and trust"),
    (Section::Git, "git-branch", "Git"),
    (Section::Kernels, "cpu", "Kernels and environments"),
    (Section::Appearance, "palette", "Appearance and notices"),
    (Section::Keys, "keyboard", "Keys"),
    (Section::Store, "hard-drive", "Local store"),
    (Section::About, "info", "About"),
];

/// Draws the page.
pub fn page_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View) {
    let theme = cx.theme;
    let current = cx.state.settings.section;
    if !std::mem::replace(&mut view.asked, true) {
        cx.send(Command::Show(current));
    }
    left_panel(ui, theme, "settings-nav", if ui.available_width() < 1050.0 { 212.0 } else { 232.0 }, |ui| {
        page_head(ui, theme, "Settings", "", |_| ());
        ui.add_space(4.0);
        for (section, icon, title) in SECTIONS {
            let row = Row::new(title).height(30.0).selected(*section == current).show(ui, theme, |ui| {
                ui.label(theme.icon(icon, 16.0));
                ui.add_space(2.0);
                ui.add(egui::Label::new(theme.body(*title)).truncate());
            });
            if row.clicked() {
                cx.send(Command::Show(*section));
            }
        }
    });
    let title = SECTIONS.iter().find(|s| s.0 == current).map_or("", |s| s.2);
    let words = if current == Section::Connections { connections::head_words(cx) } else { String::new() };
    page_head(ui, theme, title, &words, |ui| {
        if current == Section::Connections {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| connections::head_ui(ui, cx));
        }
        if current == Section::Kernels {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| kernels::look_again(ui, cx));
        }
    });
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        egui::Frame::NONE.inner_margin(16).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 8.0;
            match current {
                Section::Connections => {
                    connections::connections_ui(ui, cx);
                    ui.add_space(16.0);
                    servers::servers_ui(ui, cx);
                    sections::secrets_ui(ui, cx);
                }
                Section::Workspace => sections::workspace_ui(ui, cx),
                Section::Git => sections::git_ui(ui, cx),
                Section::Kernels => kernels::kernels_ui(ui, cx),
                Section::Appearance => sections::appearance_ui(ui, cx),
                Section::Keys => sections::keys_ui(ui, cx),
                Section::Store => sections::store_ui(ui, cx),
                Section::About => sections::about_ui(ui, cx),
            }
        });
    });
}
