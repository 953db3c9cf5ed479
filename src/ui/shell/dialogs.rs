//! Questions over the page: trust, a folder's path, keys, yes or no.
use egui::{Align, Context, Id, Key, Layout, Margin, Modal, Ui};

use crate::{
    app::{
        Command as AnyCommand,
        keymap::{self, KeyRow},
        shell::{Command, Dialog},
        workspace,
    },
    ui::{
        PageCx,
        notebook::kernels,
        widgets::{Btn, text_field},
    },
};

use super::notices::pop_frame;

/// Drafts of the dialogs.
#[derive(Debug, Default)]
pub struct View {
    typed: Option<String>,
    git: crate::ui::git::View,
    kernels: crate::ui::notebook::kernels::View,
}

/// Draws the open dialog.
pub fn dialogs_ui(ctx: &Context, cx: &mut PageCx<'_>, view: &mut View) {
    let Some(dialog) = cx.state.shell.dialog.clone() else {
        *view = View::default();
        return;
    };
    let theme = cx.theme;
    if let Dialog::Git(ask) = &dialog
        && crate::ui::git::is_panel(ask)
    {
        panel_ui(ctx, cx, view, ask);
        return;
    }
    if let Dialog::Kernel(ask) = &dialog
        && kernels::is_panel(ask)
    {
        kernels::panel_ui(ctx, cx, &mut view.kernels);
        return;
    }
    // Each kind has its own size to remember.
    let kind = match &dialog {
        Dialog::Git(ask) => format!("{:?}", std::mem::discriminant(&**ask)),
        Dialog::Kernel(ask) => format!("{:?}", std::mem::discriminant(ask)),
        _ => String::new(),
    };
    let modal = Modal::new(Id::unique(("dialog", std::mem::discriminant(&dialog), kind)))
        .frame(pop_frame(theme).inner_margin(Margin::same(20)))
        .backdrop_color(theme.fade(theme.bg, 0.6));
    let shown = modal.show(ctx, |ui| {
        ui.set_width(if matches!(dialog, Dialog::Keys | Dialog::Commit) { 640.0 } else { 480.0 });
        ui.spacing_mut().item_spacing.y = 8.0;
        match dialog {
            Dialog::Trust { then } => trust_ui(ui, cx, then),
            Dialog::OpenFolder { typed } => folder_ui(ui, cx, view, typed),
            Dialog::Keys => keys_ui(ui, cx),
            Dialog::Commit => crate::ui::git::commit_ui(ui, cx),
            Dialog::Kernel(ask) => kernels::ask_ui(ui, cx, &mut view.kernels, &ask),
            Dialog::Git(ask) => crate::ui::git::ask_ui(ui, cx, &mut view.git, &ask),
            Dialog::Confirm { title, body, verb, destructive, command } => {
                confirm_ui(ui, cx, (&title, &body, &verb), destructive, *command);
            }
        }
    });
    if shown.should_close() {
        cx.send(Command::CloseDialog);
    }
}

/// What hangs below the command bar.
fn panel_ui(ctx: &Context, cx: &mut PageCx<'_>, view: &mut View, ask: &crate::app::git::work::Ask) {
    let theme = cx.theme;
    let area = egui::Area::new(Id::unique("git-panel-area"))
        .order(egui::Order::Foreground)
        .anchor(egui::Align2::LEFT_TOP, egui::vec2(48.0, 40.0));
    let modal = Modal::new(Id::unique("git-panel"))
        .frame(pop_frame(theme).inner_margin(0))
        .backdrop_color(theme.fade(theme.bg, 0.4))
        .area(area);
    let shown = modal.show(ctx, |ui| {
        ui.set_width(520.0);
        crate::ui::git::ask_ui(ui, cx, &mut view.git, ask);
    });
    if shown.should_close() {
        cx.send(Command::CloseDialog);
    }
}

fn buttons(ui: &mut Ui, cx: &mut PageCx<'_>, yes: &Btn<'_>, commands: impl FnOnce(&mut PageCx<'_>)) {
    let theme = cx.theme;
    ui.add_space(8.0);
    let size = egui::vec2(ui.available_width(), 28.0);
    ui.allocate_ui_with_layout(size, Layout::right_to_left(Align::Center), |ui| {
        let enter = ui.input(|i| i.key_pressed(Key::Enter));
        if yes.clone().show(ui, theme).clicked() || enter {
            commands(cx);
        }
        if Btn::new("Cancel").show(ui, theme).clicked() {
            cx.send(Command::CloseDialog);
        }
    });
}

fn trust_ui(ui: &mut Ui, cx: &mut PageCx<'_>, then: Option<Box<AnyCommand>>) {
    let theme = cx.theme;
    ui.label(theme.heading(format!("Trust {}?", cx.state.workspace.name)));
    let path = cx.state.workspace.root.as_ref().map(|r| r.display().to_string()).unwrap_or_default();
    ui.label(theme.code(path));
    ui.add(egui::Label::new(theme.muted("Its notebooks and pipelines can run any program with your rights. Until you trust it, everything is shown and nothing runs.")).wrap());
    let verb = if then.is_some() { "Trust and go on" } else { "Trust this folder" };
    buttons(ui, cx, &Btn::new(verb).primary(), |cx| cx.send(workspace::Command::Trust { then }));
}

fn folder_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, typed: String) {
    let theme = cx.theme;
    ui.label(theme.heading("Open a folder"));
    let first = view.typed.is_none();
    let text = view.typed.get_or_insert(typed);
    let field = text_field(ui, theme, text, "Path of the folder", "/home/me/project", 480.0);
    if first {
        field.request_focus();
    }
    ui.label(theme.small("A folder, a notebook or a data file; ~ is your home"));
    let path = text.trim().to_owned();
    let empty = text.trim().is_empty();
    let yes = Btn::new("Open").primary().disabled(empty.then_some("Type a path first"));
    buttons(ui, cx, &yes, |cx| {
        if !empty {
            cx.send(Command::CloseDialog);
            cx.send(workspace::Command::Open(path.into()));
        }
    });
}

fn keys_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    ui.label(theme.heading("Keys"));
    let rows: Vec<KeyRow> = keymap::of_page(cx.state.shell.page);
    // As high as the window allows from the first frame on, so that the dialog does not move.
    let high = (ui.ctx().content_rect().height() - 180.0).clamp(120.0, 480.0);
    let area = egui::ScrollArea::vertical().auto_shrink([false, true]).max_height(high).min_scrolled_height(high);
    area.show(ui, |ui| {
        let mut context = "";
        for row in rows {
            if row.context != context {
                context = row.context;
                ui.add_space(8.0);
                ui.label(theme.section(context));
            }
            crate::ui::keys::row_ui(ui, theme, &row, 250.0);
        }
    });
    ui.add_space(4.0);
    if Btn::new("Close").show(ui, theme).clicked() {
        cx.send(Command::CloseDialog);
    }
}

fn confirm_ui(
    ui: &mut Ui,
    cx: &mut PageCx<'_>,
    (title, body, verb): (&str, &str, &str),
    destructive: bool,
    command: AnyCommand,
) {
    let theme = cx.theme;
    ui.label(theme.heading(title));
    ui.add(egui::Label::new(theme.muted(body)).wrap());
    let yes = if destructive { Btn::new(verb).destructive() } else { Btn::new(verb).primary() };
    buttons(ui, cx, &yes, |cx| {
        cx.send(Command::CloseDialog);
        cx.send.push(command);
    });
}
