//! Tabs of open documents, and the toolbar of a notebook.
use egui::{Align, Layout, Rect, Role, Sense, Stroke, Ui, UiBuilder, WidgetInfo, vec2};

use super::View;
use crate::{
    app::{
        notebook::{
            After, Command, Doc, Scope,
            kernels::{self, Ask},
        },
        shell::Dialog,
    },
    model::{kernel::SessionState, notebook::CellKind, workspace::FileKind},
    ui::{
        PageCx,
        theme::{BODY, Mark, icon, paint_mark},
        widgets::{Btn, hair_x, hair_y, icon_button, toolbar},
    },
};

/// The strip of tabs, 32 high.
pub fn tabs_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let (strip, _) = ui.allocate_exact_size(vec2(ui.available_width(), 31.0), Sense::hover());
    ui.painter().rect_filled(strip, 0.0, cx.theme.panel);
    let mut child = ui.new_child(UiBuilder::new().max_rect(strip).layout(Layout::left_to_right(Align::Min)));
    child.set_clip_rect(strip.intersect(ui.clip_rect()));
    child.spacing_mut().item_spacing.x = 0.0;
    let state = cx.state;
    let room = strip.width() / state.notebook.docs.len().max(1) as f32;
    for doc in &state.notebook.docs {
        tab_ui(&mut child, cx, doc, room.clamp(84.0, 220.0));
    }
    hair_x(ui, cx.theme);
}

fn tab_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc, room: f32) {
    let theme = cx.theme;
    let on = cx.state.notebook.active == Some(doc.id);
    let ink = if on { theme.text } else { theme.muted };
    let title = crate::base::text::shorten(doc.title(), ((room - 62.0) / 6.6).max(6.0) as usize);
    let galley = ui.painter().layout_no_wrap(title, theme.font(BODY), ink);
    let width = galley.size().x + 62.0;
    let (rect, response) = ui.allocate_exact_size(vec2(width, 31.0), Sense::click());
    let dirty = doc.is_dirty();
    let name = if dirty { format!("{}, not saved", doc.title()) } else { doc.title().to_owned() };
    response.widget_info(|| WidgetInfo::selected(Role::Tab, true, on, &name));
    let painter = ui.painter();
    if on {
        painter.rect_filled(rect, 0.0, theme.bg);
        painter.rect_filled(Rect::from_min_size(rect.min, vec2(rect.width(), 2.0)), 0.0, theme.accent);
    } else if response.hovered() {
        painter.rect_filled(rect, 0.0, theme.hover);
    }
    painter.vline(rect.right() - 0.5, rect.y_range(), theme.hairline());
    let symbol = icon(FileKind::of(&doc.path).icon());
    let y = rect.center().y;
    let at = egui::pos2(rect.left() + 18.0, y);
    painter.text(at, egui::Align2::CENTER_CENTER, symbol, theme.icon_font(14.0), ink);
    painter.galley(egui::pos2(rect.left() + 32.0, y - galley.size().y * 0.5), galley, ink);
    let close = Rect::from_center_size(egui::pos2(rect.right() - 15.0, y), vec2(20.0, 20.0));
    let cross = ui.interact(close, response.id.with("close"), Sense::click());
    let label = format!("Close {}", doc.title());
    cross.widget_info(|| WidgetInfo::labeled(Role::Button, true, &label));
    let hovered = response.hovered() || cross.hovered();
    if cross.hovered() {
        ui.painter().rect_filled(close, 4.0, theme.hover);
    }
    if dirty && !cross.hovered() {
        ui.painter().circle_filled(close.center(), 3.0, theme.warn);
    } else if hovered || on {
        let ink = if cross.hovered() { theme.text } else { theme.faint };
        ui.painter().text(close.center(), egui::Align2::CENTER_CENTER, icon("x"), theme.icon_font(14.0), ink);
    }
    if response.has_focus() {
        ui.painter().rect_stroke(rect.shrink(1.0), 2.0, Stroke::new(2.0, theme.focus), egui::StrokeKind::Inside);
    }
    if cross.clicked() || response.middle_clicked() {
        cx.send(Command::Close(doc.id));
    } else if response.clicked() {
        cx.send(Command::Activate(doc.id));
    }
    response.on_hover_text(&doc.path);
}

/// The toolbar of a notebook, 40 high.
pub fn toolbar_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc, view: &mut View, narrow: bool) {
    let theme = cx.theme;
    let wide = ui.available_width() > 700.0;
    let roomy = ui.available_width() > 900.0;
    // Beside an open drawer: what has a key and stands elsewhere, too, gives way.
    let slim = ui.available_width() < 600.0;
    toolbar(ui, theme, |ui| {
        let mut run = Btn::new("Run").icon("play");
        if ui.available_width() > 800.0 {
            // The first to give way: with "Run 1 stale" and Save the row is full in a window of 1024.
            run = run.key("Shift Enter");
        }
        if run.show(ui, theme).on_hover_text("Run the selected cells and go on").clicked() {
            cx.send(Command::Run(Scope::Selected(After::Advance)));
        }
        let stale = doc.stale().len();
        let label = if stale > 0 { format!("Run {stale} stale") } else { "Run all".to_owned() };
        if Btn::new(&label).icon("list-restart").show(ui, theme).clicked() {
            cx.send(Command::Run(if stale > 0 { Scope::Stale } else { Scope::All }));
        }
        stop_ui(ui, cx, doc);
        if icon_button(ui, theme, "rotate-cw", "Restart the session").clicked() {
            cx.send(Command::Restart);
        }
        if !slim {
            hair_y(ui, theme);
            if icon_button(ui, theme, "plus", "Insert a cell below").clicked() {
                cx.send(Command::Insert { above: false, kind: CellKind::Code });
                cx.send(Command::EnterEdit);
            }
            if icon_button(ui, theme, "trash-2", "Delete the selected cells").clicked() {
                cx.send(Command::Delete);
            }
        }
        if doc.is_dirty() && icon_button(ui, theme, "save", "Save").clicked() {
            cx.send(Command::Save);
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if narrow {
                let drawer = Btn::new("").icon("panel-right").quiet().on(view.inspect);
                if drawer.name("Variables, queue and facts of the cell").show(ui, theme).clicked() {
                    view.inspect = !view.inspect;
                }
            }
            let label = if slim { "" } else { "Commit\u{2026}" };
            let commit = Btn::new(label).icon("git-commit-horizontal").name("Commit\u{2026}");
            if cx.state.workspace.is_repo && commit.show(ui, theme).clicked() {
                cx.send(Command::Commit);
            }
            // As much of the kernel's name as the buttons at the left leave room for, beside the test.
            let most = if roomy { 32.0 } else { 18.0 };
            let letters = ((ui.available_width() - 86.0) / 7.0).clamp(3.0, most) as usize;
            kernel_chip(ui, cx, doc, letters);
            more_ui(ui, cx, doc, wide);
            if roomy && cx.state.workspace.is_repo {
                let compare = Btn::new("Compare").icon("git-compare").quiet().name("Compare with the last commit");
                if compare.show(ui, theme).clicked() {
                    cx.send(Command::Compare);
                }
            }
        });
    });
}

/// Testing, and running with other parameters.
fn more_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc, wide: bool) {
    let theme = cx.theme;
    // What the buttons at the left have not taken; the palette has all of it, too.
    if ui.available_width() < 34.0 {
        return;
    }
    let testing = doc.test.as_ref().is_some_and(|t| t.is_running());
    let button = Btn::new("").icon("list-checks").quiet().name("Test this notebook");
    let button = button.disabled(testing.then_some("The test runs"));
    let tip = "Runs all cells apart from the session and compares what they put out with what is stored";
    if button.show(ui, theme).on_hover_text(tip).clicked() {
        cx.send(Command::Test(crate::app::notebook::tested::Command::This));
    }
    let room = ui.available_width() >= 34.0;
    if wide
        && room
        && doc.declares()
        && icon_button(ui, theme, "sliders-horizontal", "Run with parameters\u{2026}").clicked()
    {
        cx.send(Command::AskParameters);
    }
}

fn stop_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc) {
    let theme = cx.theme;
    let Some(running) = &doc.running else {
        Btn::new("").icon("square").quiet().name("Interrupt").disabled(Some("Nothing runs")).show(ui, theme);
        return;
    };
    // An interrupt that has not helped for a while gets a harder one beside it.
    let stuck = match &doc.kernel.state {
        Some(SessionState::Interrupting { since, .. }) => cx.now.as_second() - since.as_second() >= 5,
        _ => false,
    };
    if running.stopping && stuck {
        if Btn::new("Stop now").icon("octagon-x").destructive().show(ui, theme).clicked() {
            cx.send(Command::Kill);
        }
    } else if running.stopping {
        let (words, why) = match &doc.kernel.state {
            Some(SessionState::Interrupting { heard: true, .. }) => (
                "Still running",
                "The kernel has the interrupt, but the code goes on; it can be stopped hard in a moment",
            ),
            Some(SessionState::Interrupting { .. }) => ("Interrupt sent", "The kernel has not answered yet"),
            _ => ("Stopping", "The interrupt was sent"),
        };
        Btn::new(words).icon("square").disabled(Some(why)).show(ui, theme);
        ui.ctx().request_repaint_after(std::time::Duration::from_secs(1));
    } else if icon_button(ui, theme, "square", "Interrupt").clicked() {
        cx.send(Command::Interrupt);
    }
}

/// Mark and words of the kernel chip.
fn kernel_words(cx: &PageCx<'_>, doc: &Doc) -> (Mark, String) {
    let chosen = kernels::choice_of(cx.state, doc).map(|(c, _)| c.name.clone()).filter(|n| !n.is_empty());
    let name = doc.kernel.spec.as_ref().map(|s| s.display_name.clone()).or(chosen);
    match (&doc.kernel.state, name) {
        _ if doc.kernel.missing.is_some() => (Mark::Failed, "No kernel".to_owned()),
        (Some(SessionState::Idle), Some(name)) => (Mark::Success, name),
        (Some(SessionState::Busy), Some(name)) => (Mark::Running, name),
        (Some(SessionState::Closed), Some(name)) => (Mark::Skipped, name),
        (Some(SessionState::Dead { .. }), Some(name)) => (Mark::Failed, format!("{name} died")),
        (Some(SessionState::Failed { .. }), Some(name)) => (Mark::Failed, format!("{name} did not start")),
        (Some(SessionState::Away { .. }), Some(name)) => (Mark::Warning, format!("{name}, reconnecting")),
        (Some(SessionState::Interrupting { .. }), Some(name)) => (Mark::Warning, format!("{name}, interrupting")),
        (Some(state), Some(name)) => (Mark::Running, format!("{name}, {}", state.word())),
        (None, Some(name)) => (Mark::Skipped, name),
        (_, None) if doc.only_sql() => (Mark::Success, "SQL, embedded".to_owned()),
        (_, None) => (Mark::Skipped, "No kernel yet".to_owned()),
    }
}

fn kernel_chip(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc, letters: usize) {
    let theme = cx.theme;
    let (mark, words) = kernel_words(cx, doc);
    let words = crate::base::text::shorten(&words, letters);
    let galley = ui.painter().layout_no_wrap(words.clone(), theme.medium(12.0), theme.muted);
    let (rect, response) = ui.allocate_exact_size(vec2(galley.size().x + 34.0, 24.0), Sense::click());
    let name = format!("Kernel: {words}");
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &name));
    let open = matches!(cx.state.shell.dialog, Some(Dialog::Kernel(Ask::Pick)));
    if response.hovered() || open {
        ui.painter().rect_filled(rect, 4.0, theme.hover);
    }
    paint_mark(ui.painter(), theme, mark, egui::pos2(rect.left() + 13.0, rect.center().y), 10.0);
    let at = egui::pos2(rect.left() + 26.0, rect.center().y - galley.size().y * 0.5);
    ui.painter().galley(at, galley, theme.muted);
    super::kernels::note_anchor(ui, rect);
    let tip = match &doc.kernel.state {
        Some(SessionState::Away { why, .. }) => format!("The connection to the server is being made again: {why}"),
        _ => "Choose the kernel of this notebook".to_owned(),
    };
    if response.on_hover_text(tip).clicked() {
        cx.send(Command::Kernels(kernels::Command::Pick));
    }
}
