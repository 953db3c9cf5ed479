//! What a person has to decide about a document, above its contents.
use egui::{Align, Frame, Layout, Margin, Ui, vec2};

use super::View;
use crate::{
    app::{
        notebook::{
            Command, Conflict, Doc,
            kernels::{self, Ask},
            outside,
        },
        shell::Dialog,
    },
    base::time,
    ui::{
        PageCx,
        theme::{BODY, Mark},
        widgets::{Btn, error_box, mark, text_field},
    },
};

/// A tinted strip with a sentence and its buttons; below one another where they do not fit on a line.
fn strip(ui: &mut Ui, cx: &mut PageCx<'_>, state: Mark, text: &str, actions: &[(&str, Command)]) {
    let theme = cx.theme;
    let words = ui.painter().layout_no_wrap(text.to_owned(), theme.font(BODY), theme.text).size().x;
    let buttons: f32 = actions.iter().map(|(label, _)| label.chars().count() as f32 * 7.0 + 30.0).sum();
    if words + buttons + 70.0 > ui.available_width() {
        Frame::NONE.fill(theme.tint(state)).inner_margin(Margin::symmetric(16, 8)).show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.horizontal_top(|ui| {
                mark(ui, theme, state, 14.0);
                ui.add(egui::Label::new(theme.body(text)).wrap());
            });
            ui.add_space(6.0);
            ui.horizontal(|ui| {
                ui.add_space(22.0);
                for (label, command) in actions {
                    if Btn::new(label).show(ui, theme).clicked() {
                        cx.send(command.clone());
                    }
                }
            });
        });
        return;
    }
    Frame::NONE.fill(theme.tint(state)).inner_margin(Margin::symmetric(16, 6)).show(ui, |ui| {
        let size = vec2(ui.available_width(), 24.0);
        ui.allocate_ui_with_layout(size, Layout::right_to_left(Align::Center), |ui| {
            for (label, command) in actions.iter().rev() {
                if Btn::new(label).show(ui, theme).clicked() {
                    cx.send(command.clone());
                }
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                mark(ui, theme, state, 14.0);
                ui.add(egui::Label::new(theme.body(text)).truncate());
            });
        });
    });
}

/// Another program wrote the file while it has unsaved edits here.
fn changed_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc) {
    let id = doc.id;
    let outside = |command: outside::Command| Command::Outside(command);
    let compare = ("Compare", outside(outside::Command::Compare(id)));
    let mine = ("Keep mine", Command::KeepMine(id));
    let theirs = ("Load theirs", Command::Reload(id));
    let again = ("Look again", outside(outside::Command::Again(id)));
    let said = "Changed on disk by another program while you have unsaved edits";
    match doc.outside.look.as_ref().map(|l| &l.found) {
        None => strip(ui, cx, Mark::Warning, said, &[mine, theirs]),
        Some(Err(error)) => {
            let what = if doc.has_edits() { "your unsaved edits" } else { "the version before" };
            let text = format!("Another program wrote what cannot be opened: {error}. What you see is {what}");
            strip(ui, cx, Mark::Failed, &text, &[again, mine]);
        }
        Some(Ok(found)) => {
            let words = found.words();
            let colon = if words.is_empty() { "" } else { ": " };
            let merge = outside(outside::Command::Merge(id));
            match (found.clashes(), &found.merged) {
                (Some(0), _) => {
                    let text = format!("{said}{colon}{words}");
                    strip(ui, cx, Mark::Warning, &text, &[("Merge", merge), compare, mine, theirs]);
                }
                (Some(_), _) => {
                    let text = format!("{said}{colon}{words}");
                    strip(ui, cx, Mark::Warning, &text, &[("Merge\u{2026}", merge), compare, mine, theirs]);
                }
                (None, Some(Err(e))) => {
                    let text = format!("{said}{colon}{words}. They cannot be merged: {}", e.what);
                    strip(ui, cx, Mark::Warning, &text, &[compare, mine, theirs]);
                }
                (None, _) => {
                    let text = format!("{said}. What both began from is not known, so they cannot be merged");
                    strip(ui, cx, Mark::Warning, &text, &[compare, mine, theirs]);
                }
            }
        }
    }
}

/// All of them.
pub fn banners_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc, view: &mut View) {
    let id = doc.id;
    crate::ui::conflict::banner_ui(ui, cx, Some(&doc.path));
    match doc.conflict {
        Some(Conflict::Changed(_)) => changed_ui(ui, cx, doc),
        Some(Conflict::Gone) => strip(
            ui,
            cx,
            Mark::Warning,
            "The file was deleted on disk; what you see is the only copy",
            &[("Save it again", Command::Save)],
        ),
        None => {}
    }
    if doc.kept_kernel.elsewhere && doc.kernel.state.as_ref().is_some_and(|s| s.is_alive()) {
        let text = "The kernel is driven by another window; what its cells print is shown here, too";
        strip(ui, cx, Mark::Unknown, text, &[("Take over", Command::TakeOver(id))]);
    }
    if let Some(draft) = &doc.draft {
        let text = format!("Unsaved edits of {} were kept when Andon ended", time::when(draft.at, cx.now));
        let actions = [("Bring them back", Command::RestoreDraft(id)), ("Discard", Command::DiscardDraft(id))];
        strip(ui, cx, Mark::Warning, &text, &actions);
    }
    if let Some(why) = doc.notebook().and_then(|n| n.read_only()) {
        strip(ui, cx, Mark::Unknown, why, &[("Convert to format 4", Command::Upgrade)]);
    }
    let shown = matches!(cx.state.shell.dialog, Some(Dialog::Kernel(Ask::Making)));
    if let Some(making) = cx.state.notebook.making.as_ref().filter(|_| !shown) {
        let kernels = |command| Command::Kernels(command);
        if making.runs() {
            let text = format!("{}: {}", making.title, making.last());
            let show = kernels(kernels::Command::Ask(Ask::Making));
            strip(ui, cx, Mark::Running, &text, &[("Show", show), ("Cancel", kernels(kernels::Command::Cancel))]);
        } else {
            let text = format!("{} failed", making.title);
            let show = kernels(kernels::Command::Ask(Ask::Making));
            let again = kernels(kernels::Command::Again);
            strip(ui, cx, Mark::Failed, &text, &[("Show why", show), ("Try again", again)]);
        }
    }
    if let Some(error) = &doc.save_error {
        let mut clicked = None;
        Frame::NONE.inner_margin(Margin::symmetric(16, 8)).show(ui, |ui| {
            let next = error.hint.as_deref().unwrap_or("Save again, or save somewhere else");
            let error = error.clone().hint(format!("{next}. Your edits stay here until then"));
            clicked = error_box(ui, cx.theme, &error, &["Try again", "Save somewhere else\u{2026}"]);
        });
        match clicked {
            Some(0) => cx.send(Command::Save),
            Some(_) => cx.send(Command::AskPath(true)),
            None => {}
        }
    }
    save_as_ui(ui, cx, doc, view);
}

fn save_as_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc, view: &mut View) {
    let asked = cx.state.notebook.saving_as == Some(doc.id);
    let fresh = asked && view.save_as.as_ref().is_none_or(|(of, _)| *of != doc.id);
    if fresh {
        view.save_as = Some((doc.id, doc.path.clone()));
    }
    if !asked && view.save_as.as_ref().is_some_and(|(of, _)| *of == doc.id) {
        view.save_as = None;
    }
    let Some((of, mut path)) = view.save_as.take().filter(|(of, _)| *of == doc.id) else { return };
    let theme = cx.theme;
    Frame::NONE.fill(theme.panel).inner_margin(Margin::symmetric(16, 8)).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal(|ui| {
            ui.label(theme.body("Save as"));
            let room = (ui.available_width() - 170.0).clamp(160.0, 420.0);
            let field = text_field(ui, theme, &mut path, "Path of the file", "notebooks/name.ipynb", room);
            if fresh {
                field.request_focus();
            }
            let enter = field.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
            let cancel = field.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Escape));
            if Btn::new("Save").primary().show(ui, theme).clicked() || enter {
                cx.send(Command::SaveAs { doc: of, path: path.clone() });
            } else if Btn::new("Cancel").quiet().show(ui, theme).clicked() || cancel {
                cx.send(Command::AskPath(false));
            }
        });
    });
    view.save_as = Some((of, path));
}
