//! What there was before the page was opened: decisions of an earlier time, and a text that somebody began to decide.
use egui::{Align, Frame, Layout, Margin, Ui};

use crate::{
    app::conflict::{Command, Kind},
    base::{text::count, time},
    model::merge::Kept,
    ui::{
        PageCx,
        theme::Mark,
        widgets::{Btn, mark, segmented},
    },
};

/// Draws it above the entry in front; nothing where there is nothing to say.
pub(super) fn kept_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    begun_ui(ui, cx);
    if let Some((decisions, at)) = cx.state.conflict.taken_up {
        let n = count(decisions as u64, "decision");
        let words = format!("{n} of {} taken up again; nothing of it is written yet.", time::when(at, cx.now));
        ui.add(egui::Label::new(cx.theme.muted(words)).wrap());
    }
    let earlier = cx.state.conflict.earlier.clone();
    for kept in earlier.iter().take(3) {
        earlier_ui(ui, cx, kept);
    }
}

fn strip(ui: &mut Ui, cx: &mut PageCx<'_>, words: &str, right: impl FnOnce(&mut Ui, &mut PageCx<'_>)) {
    let theme = cx.theme;
    let margin = Margin::symmetric(12, 6);
    Frame::NONE.fill(theme.tint(Mark::Warning)).corner_radius(6).inner_margin(margin).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = 6.0;
        ui.horizontal(|ui| {
            mark(ui, theme, Mark::Warning, 14.0);
            ui.add(egui::Label::new(theme.body(words)).wrap());
        });
        let size = egui::vec2(ui.available_width(), 24.0);
        ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| right(ui, cx));
    });
}

/// The text on disk is not what git left there any more.
fn begun_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let Some(sheet) = cx.state.conflict.sheet.clone().filter(|s| s.begun) else { return };
    let words = match (&sheet.kind, sheet.of_file) {
        (_, false) => {
            "Somebody has begun to decide this file outside of this page. Finishing it from the two versions \
                       writes over that; what the file holds now is then kept for 30 days."
                .to_owned()
        }
        (Kind::Text(plan), true) if plan.is_by_hand() => {
            "Somebody has begun to decide this file outside of this page, and marks are left that do not belong \
             together. The text is as the file has it."
                .to_owned()
        }
        (_, true) => {
            let open = count(sheet.entries.len() as u64, "place");
            let verb = if sheet.entries.len() == 1 { "is" } else { "are" };
            format!(
                "Somebody has begun to decide this file outside of this page. {open} {verb} still between marks; the \
                 rest stays as it was written."
            )
        }
    };
    if matches!(sheet.kind, Kind::Notebook(_)) {
        let words = "Somebody has changed this file since git wrote its marks into it. Finishing writes over that; what the \
                     file holds now is then kept for 30 days.";
        ui.add(egui::Label::new(cx.theme.muted(words)).wrap());
        return;
    }
    strip(ui, cx, &words, |ui, cx| {
        ui.label(cx.theme.muted("Decide"));
        let choices = [(true, "What is in the file"), (false, "The two versions anew")];
        if let Some(of_file) = segmented(ui, cx.theme, sheet.of_file, &choices)
            && of_file != sheet.of_file
        {
            cx.send(Command::Anew(!of_file));
        }
    });
}

/// Decisions about other versions of the file.
fn earlier_ui(ui: &mut Ui, cx: &mut PageCx<'_>, kept: &Kept) {
    let Some(mark) = kept.mark() else { return };
    let fitting = cx.state.conflict.fitting(kept).len();
    let n = count(kept.len() as u64, "decision");
    let when = time::when(kept.at, cx.now);
    let (verb, them) = if kept.len() == 1 { ("is", "It is") } else { ("are", "They are") };
    let fits = match fitting {
        0 => format!("{them} about nothing that is open here."),
        1 => "1 of them is about the very same conflict here.".to_owned(),
        n => format!("{n} of them are about the very same conflicts here."),
    };
    let words = format!("{n} of {when} {verb} about other versions of this file, and not used. {fits}");
    strip(ui, cx, &words, |ui, cx| {
        let theme = cx.theme;
        if fitting > 0 {
            let label =
                if fitting == 1 { "Use the one that fits".to_owned() } else { format!("Use the {fitting} that fit") };
            if Btn::new(&label).icon("check").show(ui, theme).clicked() {
                cx.send(Command::UseEarlier(mark));
            }
        }
        if Btn::new("Copy them").icon("copy").quiet().show(ui, theme).clicked() {
            cx.send(Command::CopyEarlier(mark));
        }
        if Btn::new("Forget them").icon("x").quiet().show(ui, theme).clicked() {
            cx.send(Command::ForgetEarlier(mark));
        }
    });
}
