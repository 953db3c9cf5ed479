//! The board by keyboard alone: arrows or h j k l, Space, m, Enter, /, u, R, C, Delete.
use egui::{Event, Ui};

use super::{PageCx, View, ask, grid::Carry, plan::Plan};
use crate::{
    app::{
        board::Command,
        keymap::{KeyRow, board},
    },
    base::ids::CardId,
    model::board::{
        Board,
        edit::{Edit, Move, Spot},
    },
    ui::keys::hit,
};

/// One letter for each column: the first of its name that no other has taken.
pub fn letters(board: &Board) -> Vec<char> {
    let mut taken: Vec<char> = Vec::new();
    for column in &board.columns {
        let own = column.name.to_lowercase();
        let free = |c: &char| c.is_ascii_alphanumeric() && !taken.contains(c);
        let letter = own.chars().find(free).or_else(|| ('a'..='z').find(free));
        taken.push(letter.unwrap_or(' '));
    }
    taken
}

fn taken(ui: &Ui, row: &KeyRow) -> bool {
    hit(ui, row).is_some()
}

/// Handles the keys of the board.
pub fn keys(ui: &Ui, cx: &mut PageCx<'_>, view: &mut View) {
    let floating = cx.state.shell.palette.is_some() || cx.state.shell.dialog.is_some();
    let asking = view.composer.is_some() || cx.state.board.asking.is_some() || view.settings.open;
    // On a slow frame the last letters of a text and the Enter that ends it come together: a field that had the focus
    // when the frame began was what they were meant for.
    let typing = ui.ctx().egui_wants_keyboard_input();
    let was_typing = std::mem::replace(&mut view.typing, typing);
    if floating || asking || typing || was_typing {
        return;
    }
    let focus = cx.state.board.focus.clone().filter(|f| view.plan.find(f).is_some());
    if view.moving {
        choose_column(ui, cx, view, focus);
        return;
    }
    if view.carry.is_some() {
        carrying(ui, cx, view);
        return;
    }
    // Shift first: a key without modifiers is also met while Shift is held.
    if extend(ui, cx, view, focus.as_ref()) {
        return;
    }
    let step = direction(ui);
    if step != (0, 0) {
        let next = match &focus {
            Some(card) => neighbour(&view.plan, card, step),
            None => first(&view.plan),
        };
        if let Some(next) = next {
            // Reading on with the details open shows the next card's.
            let command =
                if cx.state.board.open.is_some() { Command::Open(Some(next)) } else { Command::Focus(Some(next)) };
            cx.send(command);
            view.reveal = true;
            view.ring = true;
        }
    }
    if taken(ui, &board::SELECT_ALL) {
        let all = view.plan.lanes.iter().flat_map(|l| &l.cells).flatten().map(|s| s.id.clone()).collect();
        cx.send(Command::Select(all));
    }
    if taken(ui, &board::FILTER) {
        view.filter = Some(cx.state.board.filter.clone());
        view.focus_filter = true;
    }
    if taken(ui, &board::NEW) {
        let column = focus.as_ref().and_then(|f| cx.state.board.card(f)).map(|c| c.column.clone());
        view.composer = Some(ask::Composer::new(&cx.state.board, column));
    }
    if taken(ui, &board::REDO) {
        cx.send(Command::Redo);
    }
    if taken(ui, &board::UNDO) {
        cx.send(Command::Undo);
    }
    let chosen = !cx.state.board.selected.is_empty();
    if (chosen || cx.state.board.open.is_some()) && taken(ui, &board::CLOSE) {
        cx.send(if chosen { Command::Select(Vec::new()) } else { Command::Open(None) });
    }
    if let Some(card) = focus {
        on_card(ui, cx, view, card);
    }
}

fn on_card(ui: &Ui, cx: &mut PageCx<'_>, view: &mut View, card: CardId) {
    if taken(ui, &board::OPEN) {
        cx.send(Command::Open(Some(card.clone())));
    }
    if taken(ui, &board::LIFT) {
        view.carry = Carry::lift(&view.plan, &card, cx.state.board.chosen(&card));
        view.ring = true;
    }
    if taken(ui, &board::SELECT) {
        cx.send(Command::Toggle(card.clone()));
        view.ring = true;
    }
    if taken(ui, &board::MOVE) {
        view.moving = true;
    }
    if taken(ui, &board::RERUN) {
        cx.send(Command::Rerun(card.clone()));
    }
    if taken(ui, &board::DELETE) {
        let cards = cx.state.board.chosen(&card);
        cx.send(Command::Do(match cards.as_slice() {
            [_] => Edit::Delete(card),
            all => {
                let title = format!("{} deleted", crate::base::text::count(all.len() as u64, "card"));
                Edit::Many { title, edits: cards.into_iter().map(Edit::Delete).collect() }
            }
        }));
    }
}

fn direction(ui: &Ui) -> (i32, i32) {
    if taken(ui, &board::LEFT) {
        (-1, 0)
    } else if taken(ui, &board::RIGHT) {
        (1, 0)
    } else if taken(ui, &board::UP) {
        (0, -1)
    } else if taken(ui, &board::DOWN) {
        (0, 1)
    } else {
        (0, 0)
    }
}

/// A lifted card follows the arrows until it is put down.
fn carrying(ui: &Ui, cx: &mut PageCx<'_>, view: &mut View) {
    let Some(carry) = view.carry.as_mut().filter(|c| !c.by_pointer) else { return };
    let (dx, dy) = direction(ui);
    if (dx, dy) != (0, 0) {
        carry.step(dx, dy);
    }
    if taken(ui, &board::LIFT) || taken(ui, &board::OPEN) {
        let edit = carry.as_edit(&cx.state.board.board);
        view.carry = None;
        view.reveal = true;
        if let Some(edit) = edit {
            cx.send(Command::Do(edit));
        }
    }
}

/// After `m`: the letter of a column moves the card there; anything else ends it.
fn choose_column(ui: &Ui, cx: &mut PageCx<'_>, view: &mut View, focus: Option<CardId>) {
    let typed: Option<String> = ui.input(|i| {
        i.events.iter().find_map(|e| match e {
            Event::Text(t) => Some(t.to_lowercase()),
            Event::Key { key, pressed: true, .. } => Some(key.symbol_or_name().to_lowercase()),
            _ => None,
        })
    });
    let Some(typed) = typed else { return };
    ui.input_mut(|i| i.events.retain(|e| !matches!(e, Event::Text(_) | Event::Key { .. })));
    view.moving = false;
    let board = &cx.state.board.board;
    let at = letters(board).iter().position(|l| typed == l.to_string());
    if let (Some(column), Some(card)) = (at.and_then(|i| board.columns.get(i)), focus) {
        let cards = cx.state.board.chosen(&card);
        let m = Move { cards, column: column.id.clone(), lane: None, spot: Spot::Top, reason: None };
        view.reveal = true;
        cx.send(Command::Do(Edit::Move(m)));
    }
}

/// Shift with an arrow takes the next card to those chosen.
fn extend(ui: &Ui, cx: &mut PageCx<'_>, view: &mut View, focus: Option<&CardId>) -> bool {
    let Some(card) = focus else { return false };
    let steps = [(-1, 0), (1, 0), (0, -1), (0, 1)];
    let Some(step) = hit(ui, &board::EXTEND).and_then(|n| steps.get(n)).copied() else { return false };
    if let Some(next) = neighbour(&view.plan, card, step) {
        let mut chosen: Vec<CardId> = cx.state.board.selected.iter().cloned().collect();
        chosen.extend([card.clone(), next.clone()]);
        cx.send(Command::Select(chosen));
        cx.send(Command::Focus(Some(next)));
        view.reveal = true;
        view.ring = true;
    }
    true
}

/// The cards from one to another in reading order: down a column, then the next one, lane by lane.
pub fn between(plan: &Plan, from: &CardId, to: &CardId) -> Vec<CardId> {
    let all: Vec<&CardId> =
        plan.lanes.iter().filter(|l| !l.folded).flat_map(|l| &l.cells).flatten().map(|s| &s.id).collect();
    let at = |card: &CardId| all.iter().position(|c| *c == card);
    match (at(from), at(to)) {
        (Some(a), Some(b)) => all[a.min(b)..=a.max(b)].iter().map(|c| (*c).clone()).collect(),
        _ => vec![to.clone()],
    }
}

fn first(plan: &Plan) -> Option<CardId> {
    plan.lanes.iter().filter(|l| !l.folded).flat_map(|l| &l.cells).flatten().next().map(|s| s.id.clone())
}

/// The card beside another: up and down through the lanes of its column, left and right at about the same height.
fn neighbour(plan: &Plan, card: &CardId, (dx, dy): (i32, i32)) -> Option<CardId> {
    let (column, lane, index) = plan.find(card)?;
    let open = |l: &usize| !plan.lanes[*l].folded;
    if dy != 0 {
        let stack: Vec<&CardId> =
            (0..plan.lanes.len()).filter(open).flat_map(|l| &plan.lanes[l].cells[column]).map(|s| &s.id).collect();
        let at = stack.iter().position(|c| *c == card)? as i32 + dy;
        return stack.get(usize::try_from(at).ok()?).map(|c| (*c).clone());
    }
    let y = |l: usize, c: usize, i: usize| {
        let slot = &plan.lanes[l].cells[c][i];
        plan.lanes[l].top + slot.top
    };
    let own = y(lane, column, index);
    let mut at = column as i32 + dx;
    while let Ok(c) = usize::try_from(at) {
        if c >= plan.columns.len() {
            return None;
        }
        let all =
            (0..plan.lanes.len()).filter(open).flat_map(|l| (0..plan.lanes[l].cells[c].len()).map(move |i| (l, i)));
        let near = all.min_by_key(|(l, i)| ((*l != lane), (y(*l, c, *i) - own).abs() as i64));
        if let Some((l, i)) = near {
            return Some(plan.lanes[l].cells[c][i].id.clone());
        }
        at += dx;
    }
    None
}
