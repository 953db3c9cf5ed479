//! Which kernel a notebook runs on: the list under the kernel's name, and the forms that lead to another one.
mod forms;
mod picker;

use egui::{Area, Context, Id, Modal, Order, Rect, Ui};

use crate::{
    app::{
        notebook::{
            Command as NotebookCommand,
            kernels::{Ask, Command},
        },
        shell,
    },
    ui::{PageCx, shell::pop_frame},
};

/// Width of the list.
const WIDTH: f32 = 500.0;

/// Drafts of the forms, and where one is in the list.
#[derive(Debug, Default)]
pub struct View {
    text: String,
    selected: usize,
    moved: bool,
    opened: bool,
    environment: Option<forms::Environment>,
    server: Option<forms::ServerDraft>,
}

impl PageCx<'_> {
    pub(in crate::ui) fn kernels(&mut self, command: Command) {
        self.send(NotebookCommand::Kernels(command));
    }
}

/// True for what hangs below the kernel's name instead of standing in the middle.
pub fn is_panel(ask: &Ask) -> bool {
    *ask == Ask::Pick
}

/// Where the kernel's name was drawn, for the list to hang from.
fn anchor_id() -> Id {
    Id::unique("kernel-chip")
}

/// Notes where the kernel's name stands.
pub(super) fn note_anchor(ui: &Ui, rect: Rect) {
    ui.ctx().data_mut(|d| d.insert_temp(anchor_id(), rect));
}

/// Draws the list.
pub fn panel_ui(ctx: &Context, cx: &mut PageCx<'_>, view: &mut View) {
    let theme = cx.theme;
    let window = ctx.content_rect();
    let anchor: Option<Rect> = ctx.data(|d| d.get_temp(anchor_id()));
    let (right, top) = anchor.map_or((window.right() - 16.0, 80.0), |r| (r.right(), r.bottom() + 6.0));
    let left = (right - WIDTH).max(8.0).min(window.right() - WIDTH - 8.0);
    let area = Area::new(Id::unique("kernel-panel-area")).order(Order::Foreground).fixed_pos(egui::pos2(left, top));
    let modal = Modal::new(Id::unique("kernel-panel"))
        .frame(pop_frame(theme).inner_margin(0))
        .backdrop_color(theme.fade(theme.bg, 0.4))
        .area(area);
    let room = window.bottom() - top - 24.0;
    let shown = modal.show(ctx, |ui| {
        ui.set_width(WIDTH);
        ui.spacing_mut().item_spacing.y = 0.0;
        picker::picker_ui(ui, cx, view, room);
    });
    if shown.should_close() {
        cx.send(shell::Command::CloseDialog);
    }
}

/// Draws a form.
pub fn ask_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, ask: &Ask) {
    match ask {
        Ask::Pick => {}
        Ask::Environment { base } => forms::environment_ui(ui, cx, view, base.as_deref()),
        Ask::Making => forms::making_ui(ui, cx),
        Ask::Server { known } => forms::server_ui(ui, cx, view, known.as_ref()),
    }
}
