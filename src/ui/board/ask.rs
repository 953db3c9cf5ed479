//! Questions over the page: a new card, the reason for a move over a limit.
use egui::{Align, Id, Key, Layout, Modal, Ui};

use super::{PageCx, View, grid::outcome};
use crate::{
    app::board::{Command, State},
    model::board::{
        Wip,
        edit::{Edit, NewCard, Spot},
    },
    ui::widgets::{Btn, segmented, text_field},
};

/// A card being written.
#[derive(Debug, Default)]
pub struct Composer {
    title: String,
    column: String,
    lane: Option<String>,
    reason: String,
    /// Frames in which the field asks for the focus: the first one of a dialog only measures it.
    fresh: u8,
}

impl Composer {
    /// Starts one in a column; in the first when none is named. It comes into the lane of the focused card.
    pub fn new(state: &State, column: Option<String>) -> Self {
        let first = state.board.columns.first().map(|c| c.id.clone()).unwrap_or_default();
        let lane = state.focus.as_ref().and_then(|f| state.card(f)).and_then(|c| c.lane.clone());
        Self { column: column.unwrap_or(first), lane, fresh: 3, ..Self::default() }
    }
}

fn modal<R>(ui: &Ui, cx: &PageCx<'_>, id: &str, contents: impl FnOnce(&mut Ui) -> R) -> (R, bool) {
    let theme = cx.theme;
    let frame = egui::Frame::NONE
        .fill(theme.raised)
        .stroke(egui::Stroke::new(1.0, theme.border))
        .corner_radius(8)
        .shadow(theme.shadow())
        .inner_margin(egui::Margin::same(20));
    let shown =
        Modal::new(Id::unique(id)).frame(frame).backdrop_color(theme.fade(theme.bg, 0.6)).show(ui.ctx(), |ui| {
            ui.set_width(480.0);
            ui.spacing_mut().item_spacing.y = 8.0;
            contents(ui)
        });
    let close = shown.should_close();
    (shown.inner, close)
}

/// Draws the open question, if there is one.
pub fn asks_ui(ui: &Ui, cx: &mut PageCx<'_>, view: &mut View) {
    if let Some(mut composer) = view.composer.take() {
        let mut done = None;
        let ((), close) = modal(ui, cx, "board-new", |ui| done = composer_ui(ui, cx, &mut composer));
        match done {
            Some(edit) => cx.send(Command::Do(edit)),
            None if close => {}
            None => view.composer = Some(composer),
        }
        view.reveal |= view.composer.is_none();
        view.ring |= view.composer.is_none();
        return;
    }
    if let Some(m) = cx.state.board.asking.as_ref().and_then(Edit::as_move).cloned() {
        let board = &cx.state.board.board;
        let (words, _) = outcome(board, &m);
        let column = board.column(&m.column).map_or("", |c| c.name.as_str()).to_owned();
        let mut answer = None;
        let ((), close) = modal(ui, cx, "board-reason", |ui| {
            let theme = cx.theme;
            ui.label(theme.heading(format!("{column} is full")));
            ui.label(theme.muted(words.replace(": asks for a reason", "")));
            let fresh = view.reason.is_empty() && ui.ctx().memory(|m| m.focused().is_none());
            let field = text_field(ui, theme, &mut view.reason, "Reason", "Why it goes in all the same", 480.0);
            if fresh {
                field.request_focus();
            }
            let enter = field.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if Btn::new("Move anyway").primary().show(ui, theme).clicked() || enter {
                    answer = Some(true);
                }
                if Btn::new("Cancel").show(ui, theme).clicked() {
                    answer = Some(false);
                }
            });
        });
        match answer {
            Some(true) => cx.send(Command::Answer(std::mem::take(&mut view.reason))),
            Some(false) => cx.send(Command::CancelAsk),
            None if close => cx.send(Command::CancelAsk),
            None => return,
        }
        view.reason.clear();
    }
}

fn composer_ui(ui: &mut Ui, cx: &PageCx<'_>, c: &mut Composer) -> Option<Edit> {
    let theme = cx.theme;
    let board = &cx.state.board.board;
    ui.label(theme.heading("New card"));
    let field = text_field(ui, theme, &mut c.title, "Title of the new card", "What is to be done", 480.0);
    if c.fresh > 0 {
        c.fresh -= 1;
        field.request_focus();
        ui.ctx().request_repaint();
    }
    let enter = field.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
    if board.columns.len() <= 6 {
        let columns: Vec<(usize, &str)> = board.columns.iter().enumerate().map(|(i, c)| (i, c.name.as_str())).collect();
        let at = board.columns.iter().position(|o| o.id == c.column).unwrap_or(0);
        if let Some(chosen) = segmented(ui, theme, at, &columns) {
            c.column.clone_from(&board.columns[chosen].id);
        }
    } else {
        choose(ui, cx, c);
    }
    if !board.lanes.is_empty() {
        lane_choice(ui, cx, c);
    }
    let new = NewCard { lane: c.lane.clone(), spot: Spot::Top, ..NewCard::new(c.title.clone(), c.column.clone()) };
    let wip = board.wip_after(std::slice::from_ref(&new.id), &c.column);
    let refused = matches!(wip, Wip::Over { hard: true, .. });
    if let Wip::Over { after, limit, hard } = wip {
        let words = if hard { "a hard limit" } else { "say why, if you like" };
        ui.label(theme.small(format!("It would hold {after} of {limit}: {words}")).color(theme.warn));
        if !hard {
            text_field(ui, theme, &mut c.reason, "Reason", "Why it goes in all the same", 480.0);
        }
    }
    let reason = match (c.title.trim().is_empty(), refused) {
        (true, _) => Some("Write a title first"),
        (_, true) => Some("The column is full"),
        _ => None,
    };
    let mut add = enter && reason.is_none();
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        add |= Btn::new("Add card").key("Enter").primary().disabled(reason).show(ui, theme).clicked();
    });
    let why = Some(c.reason.trim()).filter(|r| !r.is_empty()).map(str::to_owned);
    add.then_some(Edit::Add(NewCard { reason: why, ..new }))
}

fn choose(ui: &mut Ui, cx: &PageCx<'_>, c: &mut Composer) {
    let board = &cx.state.board.board;
    let name = board.column(&c.column).map_or("", |c| c.name.as_str()).to_owned();
    egui::ComboBox::from_id_salt("new-column").selected_text(name).show_ui(ui, |ui| {
        for column in &board.columns {
            ui.selectable_value(&mut c.column, column.id.clone(), &column.name);
        }
    });
}

fn lane_choice(ui: &mut Ui, cx: &PageCx<'_>, c: &mut Composer) {
    let board = &cx.state.board.board;
    let mut all: Vec<(usize, &str)> = vec![(0, "No lane")];
    all.extend(board.lanes.iter().enumerate().map(|(i, l)| (i + 1, l.name.as_str())));
    let at = c.lane.as_deref().and_then(|l| board.lanes.iter().position(|o| o.id == l)).map_or(0, |i| i + 1);
    if all.len() <= 6 {
        if let Some(chosen) = segmented(ui, cx.theme, at, &all) {
            c.lane = chosen.checked_sub(1).map(|i| board.lanes[i].id.clone());
        }
        return;
    }
    egui::ComboBox::from_id_salt("new-lane").selected_text(all[at].1).show_ui(ui, |ui| {
        for (i, name) in all {
            if ui.selectable_label(i == at, name).clicked() {
                c.lane = i.checked_sub(1).map(|i| board.lanes[i].id.clone());
            }
        }
    });
}
