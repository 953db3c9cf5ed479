//! The sections of the settings page.
use egui::{Align, Layout, Ui, vec2};
use egui_extras::{Size, StripBuilder};

use crate::{
    app::{keymap, settings::Command, shell, workspace},
    base::text,
    ui::{
        PageCx,
        theme::{Mark, Theme},
        widgets::{Btn, Row, hair_x, link, mark, segmented, switch},
    },
};

/// A label 112 wide and what belongs to it.
fn line(ui: &mut Ui, cx: &mut PageCx<'_>, label: &str, contents: impl FnOnce(&mut Ui, &mut PageCx<'_>)) {
    ui.horizontal(|ui| {
        let theme = cx.theme;
        ui.allocate_ui_with_layout(vec2(112.0, 24.0), Layout::left_to_right(Align::Center), |ui| {
            ui.set_width(112.0);
            ui.label(theme.muted(label));
        });
        contents(ui, cx);
    });
}

fn words(ui: &mut Ui, cx: &mut PageCx<'_>, label: &str, value: &str) {
    line(ui, cx, label, |ui, cx| {
        ui.add(egui::Label::new(cx.theme.body(value)).truncate().selectable(true));
    });
}

pub fn note(ui: &mut Ui, cx: &PageCx<'_>, sentence: &str) {
    ui.add(egui::Label::new(cx.theme.small(sentence)).wrap());
}

/// Names of columns, 32 high; `widths` are shares of the whole.
pub fn table_head(ui: &mut Ui, theme: &Theme, widths: &[f32], names: &[&str]) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 32.0), egui::Sense::hover());
    let mut x = rect.left();
    for (width, name) in widths.iter().zip(names) {
        let at = egui::pos2(x, rect.center().y);
        ui.painter().text(at, egui::Align2::LEFT_CENTER, name, theme.font(crate::ui::theme::SMALL), theme.muted);
        x += width * rect.width() + GAP;
    }
    ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, theme.hairline());
}

/// Between two columns of a table.
const GAP: f32 = 12.0;

/// The cells of a row, each with its share of the width; the last one has what is left.
pub fn table_row(ui: &mut Ui, widths: &[f32], mut cell: impl FnMut(&mut Ui, usize)) {
    let (inside, last) = (ui.spacing().item_spacing, widths.len().saturating_sub(1));
    let area = ui.max_rect();
    ui.scope_builder(egui::UiBuilder::new().max_rect(area), |ui| {
        ui.spacing_mut().item_spacing.x = GAP;
        let mut row = StripBuilder::new(ui).clip(true).cell_layout(Layout::left_to_right(Align::Center));
        for (n, width) in widths.iter().enumerate() {
            row = row.size(if n == last { Size::remainder() } else { Size::relative(*width) });
        }
        row.horizontal(|mut row| {
            for column in 0..widths.len() {
                row.cell(|ui| {
                    ui.spacing_mut().item_spacing = inside;
                    cell(ui, column);
                });
            }
        });
    });
}

/// Whether secrets can be kept.
pub fn secrets_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    ui.add_space(16.0);
    ui.spacing_mut().item_spacing.y = 8.0;
    ui.label(cx.theme.section("Secrets"));
    keyring_ui(ui, cx);
}

fn keyring_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    let Some(facts) = cx.state.settings.facts.clone() else {
        ui.label(theme.muted("Asking the keyring"));
        return;
    };
    ui.horizontal(|ui| {
        mark(ui, theme, if facts.keyring_ok { Mark::Success } else { Mark::Warning }, 14.0);
        let sentence =
            facts.keyring_problem.as_deref().unwrap_or("Secrets are kept in the system's keyring and nowhere else");
        ui.add(egui::Label::new(theme.body(sentence)).wrap());
    });
    if !facts.keyring_ok {
        note(
            ui,
            cx,
            "Start a secret service (GNOME Keyring, KWallet, KeePassXC) and retry; in scripts set ANDON_SECRET_<NAME> instead",
        );
        if Btn::new("Retry").icon("refresh-cw").show(ui, theme).clicked() {
            cx.send(Command::Measure);
        }
    }
}

/// Where the folder is and whether it may run things.
pub fn workspace_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    let Some(root) = cx.state.workspace.root.clone() else {
        ui.label(theme.muted("No folder is open"));
        return;
    };
    let name = cx.state.workspace.name.clone();
    words(ui, cx, "Name", &name);
    words(ui, cx, "Folder", &root.display().to_string());
    let files = cx.state.workspace.entries.len();
    words(
        ui,
        cx,
        "Files",
        &format!(
            "{}{}",
            text::thousands(files as u64),
            if cx.state.workspace.cut { ", the rest is not listed" } else { "" }
        ),
    );
    line(ui, cx, "Trust", |ui, cx| {
        if cx.state.workspace.trusted {
            mark(ui, cx.theme, Mark::Success, 14.0);
            ui.label(cx.theme.body("Trusted: its notebooks and pipelines may run"));
        } else {
            mark(ui, cx.theme, Mark::Warning, 14.0);
            ui.label(cx.theme.body("Not trusted: everything is shown, nothing runs"));
            if Btn::new("Trust this folder\u{2026}").show(ui, cx.theme).clicked() {
                cx.send(workspace::Command::AskTrust(None));
            }
        }
    });
    if let Some(error) = cx.state.workspace.config_error.clone() {
        crate::ui::widgets::error_box(ui, theme, &error, &[]);
    }
    ui.add_space(8.0);
    ui.label(theme.section("Recent folders"));
    for recent in cx.state.workspace.recents.clone() {
        Row::new(&recent.path).height(36.0).padding(0.0).rule(true).show(ui, theme, |ui| {
            ui.label(theme.icon("folder-git-2", 16.0));
            ui.label(theme.label(&recent.name));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if Btn::new("Forget")
                    .quiet()
                    .show(ui, theme)
                    .on_hover_text("Takes it off the list; the folder stays")
                    .clicked()
                {
                    cx.send(workspace::Command::Forget(recent.path.clone()));
                }
                if Btn::new("Open").show(ui, theme).clicked() {
                    cx.send(workspace::Command::Open(recent.path.clone().into()));
                }
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    ui.add(egui::Label::new(theme.faint(&recent.path)).truncate());
                });
            });
        });
    }
}

/// Who commits, and where to.
pub fn git_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let facts = cx.state.settings.facts.clone();
    if !cx.state.workspace.is_repo {
        note(ui, cx, "The folder is not a git repository; run git init in it to keep versions");
        return;
    }
    let branch = shell::branch(cx.state).unwrap_or_else(|| "none yet".to_owned());
    words(ui, cx, "Branch", &branch);
    let author = facts
        .as_ref()
        .and_then(|f| f.author.clone())
        .unwrap_or_else(|| "not set: git config user.name and user.email".to_owned());
    words(ui, cx, "Author", &author);
    let remote = facts.as_ref().and_then(|f| f.remote.clone()).unwrap_or_else(|| "none".to_owned());
    words(ui, cx, "Remote", &remote);
    note(
        ui,
        cx,
        "The board is kept on the branch andon/board, beside your own branches; nothing is pushed unless you push it",
    );
}

/// Theme, motion, notices.
pub fn appearance_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    let values = cx.state.settings.values.clone();
    line(ui, cx, "Theme", |ui, cx| {
        let mut choices = vec![("dark", "Dark"), ("light", "Light"), ("system", "As the system")];
        choices.extend(cx.state.settings.themes.keys().map(|n| (n.as_str(), n.as_str())));
        if let Some(name) = segmented(ui, theme, values.theme.as_str(), &choices) {
            cx.send.push(Command::SetTheme(name.to_owned()).into());
        }
    });
    note(
        ui,
        cx,
        "A theme of your own is a TOML file in the themes folder beside settings.toml; start from a copy of dark.toml",
    );
    line(ui, cx, "Motion", |ui, cx| {
        if switch(ui, theme, values.reduced_motion, "Nothing moves or fades") {
            cx.send(Command::SetReducedMotion(!values.reduced_motion));
        }
    });
    line(ui, cx, "Notices", |ui, cx| {
        if switch(
            ui,
            theme,
            values.desktop_notices,
            "Desktop notification when a run fails while the window is elsewhere",
        ) {
            cx.send(Command::SetDesktopNotices(!values.desktop_notices));
        }
    });
}

/// Every key.
pub fn keys_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    let mut context = "";
    for row in keymap::all() {
        if row.context != context {
            context = row.context;
            ui.add_space(8.0);
            ui.label(theme.section(context));
            hair_x(ui, theme);
        }
        crate::ui::keys::row_ui(ui, theme, &row, 250.0);
    }
}

/// What Andon keeps on this machine.
pub fn store_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let Some(facts) = cx.state.settings.facts.clone() else { return };
    words(ui, cx, "History", &format!("{} in .andon/andon.db", text::bytes(facts.store_bytes)));
    words(
        ui,
        cx,
        "All of .andon",
        &format!("{}: history, logs, executed notebooks, recovery journal", text::bytes(facts.andon_bytes)),
    );
    words(ui, cx, "Samples", &facts.data_dir);
    words(ui, cx, "Settings file", &facts.config_file);
    note(ui, cx, ".andon/ keeps itself out of git by a .gitignore of its own; your .gitignore is never edited");
    line(ui, cx, "", |ui, cx| {
        if link(ui, cx.theme, "Copy the path of the settings file").clicked() {
            cx.send(shell::Command::Copy(facts.config_file.clone()));
        }
    });
}

/// Version, licences.
pub fn about_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let version = format!("Andon {}", env!("CARGO_PKG_VERSION"));
    words(ui, cx, "Version", &version);
    words(ui, cx, "Licence", "MIT or Apache-2.0, at your choice");
    words(ui, cx, "Fonts", "Inter and JetBrains Mono (SIL OFL 1.1), Lucide icons (ISC)");
    note(
        ui,
        cx,
        "An andon is the signal board over a production line: anyone can see where the line has stopped, and anyone can act",
    );
}
