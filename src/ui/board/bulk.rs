//! What can be done with several cards at once: a bar below the board while more than one is chosen.
use egui::{Align, Frame, Key, Layout, Margin, Panel, Popup, Ui};

use super::PageCx;
use crate::{
    app::board::Command,
    base::{ids::CardId, text::count},
    model::board::edit::{Edit, Move, Spot},
    ui::widgets::{Btn, text_field},
};

/// What the bar remembers.
#[derive(Debug, Default)]
pub struct View {
    label: String,
    person: String,
    reason: String,
}

fn many(cx: &mut PageCx<'_>, cards: &[CardId], did: &str, edit: impl Fn(CardId) -> Edit) {
    let title = format!("{} {did}", count(cards.len() as u64, "card"));
    cx.send(Command::Do(Edit::Many { title, edits: cards.iter().cloned().map(edit).collect() }));
}

/// Draws the bar.
pub fn bulk_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View) {
    let Some(first) = cx.state.board.selected.first() else { return };
    let cards = cx.state.board.chosen(first);
    let theme = cx.theme;
    let frame = Frame::NONE.fill(theme.selsoft).inner_margin(Margin::symmetric(16, 0));
    Panel::bottom("board-bulk").exact_size(44.0).resizable(false).frame(frame).show_separator_line(true).show(
        ui,
        |ui| {
            ui.horizontal_centered(|ui| {
                ui.spacing_mut().item_spacing.x = 8.0;
                ui.label(theme.strong(format!("{} chosen", count(cards.len() as u64, "card"))));
                move_ui(ui, cx, &cards);
                assign_ui(ui, cx, view, &cards);
                label_ui(ui, cx, view, &cards);
                block_ui(ui, cx, view, &cards);
                let bin = Btn::new("Delete").icon("trash-2").quiet().destructive().name("Delete the chosen cards");
                if bin.show(ui, theme).clicked() {
                    many(cx, &cards, "deleted", Edit::Delete);
                }
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    if Btn::new("Clear").key("Esc").quiet().name("Choose no cards").show(ui, theme).clicked() {
                        cx.send(Command::Select(Vec::new()));
                    }
                });
            });
        },
    );
}

fn move_ui(ui: &mut Ui, cx: &mut PageCx<'_>, cards: &[CardId]) {
    let button = Btn::new("Move to\u{2026}").icon("arrow-right").name("Move the chosen cards").show(ui, cx.theme);
    Popup::menu(&button).show(|ui| {
        for column in cx.state.board.board.columns.clone() {
            if ui.button(&column.name).clicked() {
                let spot = Spot::End;
                let m = Move { cards: cards.to_vec(), column: column.id, lane: None, spot, reason: None };
                cx.send(Command::Do(Edit::Move(m)));
                ui.close();
            }
        }
        if !cx.state.board.board.lanes.is_empty() {
            ui.separator();
            for lane in cx.state.board.board.lanes.clone() {
                if ui.button(format!("Lane {}", lane.name)).clicked() {
                    let id = lane.id.clone();
                    many(cx, cards, &format!("moved to {}", lane.name), |c| Edit::Lane(c, Some(id.clone())));
                    ui.close();
                }
            }
        }
    });
}

/// A field in a menu whose text is used with Enter.
fn typed(ui: &mut Ui, cx: &PageCx<'_>, text: &mut String, name: &str, hint: &str) -> Option<String> {
    let field = text_field(ui, cx.theme, text, name, hint, 200.0);
    let enter = field.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
    (enter && !text.trim().is_empty()).then(|| std::mem::take(text).trim().to_owned())
}

fn assign_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, cards: &[CardId]) {
    let button = Btn::new("Assign\u{2026}").icon("user").name("Assign the chosen cards").show(ui, cx.theme);
    let menu = Popup::menu(&button).close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside);
    menu.show(|ui| {
        let mut to = typed(ui, cx, &mut view.person, "Person", "Name, then Enter").map(Some);
        for person in cx.state.board.board.people() {
            if ui.button(person).clicked() {
                to = Some(Some(person.to_owned()));
            }
        }
        if ui.button("Nobody").clicked() {
            to = Some(None);
        }
        if let Some(to) = to {
            let did = to.as_ref().map_or("unassigned".to_owned(), |p| format!("assigned to {p}"));
            many(cx, cards, &did, |c| Edit::Assign(c, to.clone()));
            ui.close();
        }
    });
}

fn label_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, cards: &[CardId]) {
    let button = Btn::new("Label\u{2026}").icon("tag").name("Label the chosen cards").show(ui, cx.theme);
    let menu = Popup::menu(&button).close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside);
    menu.show(|ui| {
        let mut chosen = typed(ui, cx, &mut view.label, "Label", "Label, then Enter").map(|l| (l, true));
        let board = &cx.state.board.board;
        for label in board.labels() {
            let has = |c: &&CardId| board.card(c).is_some_and(|c| c.labels.iter().any(|l| l == label));
            let all = cards.iter().filter(has).count() == cards.len();
            if ui.selectable_label(all, label).clicked() {
                chosen = Some((label.to_owned(), !all));
            }
        }
        if let Some((label, on)) = chosen {
            let did = if on { format!("labelled {label}") } else { format!("no longer {label}") };
            many(cx, cards, &did, |c| Edit::Label(c, label.clone(), on));
            ui.close();
        }
    });
}

fn block_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, cards: &[CardId]) {
    let blocked = |c: &CardId| cx.state.board.card(c).is_some_and(|c| c.blocked.is_some());
    if cards.iter().all(blocked) {
        if Btn::new("Unblock").icon("ban").quiet().name("Unblock the chosen cards").show(ui, cx.theme).clicked() {
            many(cx, cards, "unblocked", |c| Edit::Block(c, None));
        }
        return;
    }
    let button = Btn::new("Block\u{2026}").icon("ban").quiet().name("Block the chosen cards").show(ui, cx.theme);
    let menu = Popup::menu(&button).close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside);
    menu.show(|ui| {
        if let Some(reason) = typed(ui, cx, &mut view.reason, "Why they are blocked", "What they wait for, then Enter")
        {
            many(cx, cards, "blocked", |c| Edit::Block(c, Some(reason.clone())));
            ui.close();
        }
    });
}
