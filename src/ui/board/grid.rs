//! The grid of lanes and columns: only what is visible is drawn; cards are carried by pointer or by key.
use std::sync::Arc;

use egui::{
    Align2, Id, Key, LayerId, Order, Painter, Pos2, Rect, Role, ScrollArea, Sense, Ui, Vec2, WidgetInfo, pos2, vec2,
};

use super::{
    PageCx, States, View, ask,
    card::{self, Look, fit},
    plan::{self, GAP, LANE_HEAD, Plan},
};
use crate::{
    app::board::Command,
    base::ids::CardId,
    model::board::{
        Board, Grouping, Wip,
        edit::{Edit, Move, Spot},
    },
    ui::{
        theme::{BODY, Mark, SMALL, icon},
        widgets::icon_button,
    },
};

/// Height of the column heads.
const HEAD: f32 = 36.0;
/// Height of the cell that shows where a drop would go.
const CUE: f32 = 56.0;

/// Where a carried card would go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    pub column: usize,
    pub lane: usize,
    /// Among the other cards of the cell.
    pub index: usize,
}

/// A card on its way, by pointer or lifted by key.
#[derive(Debug, Clone)]
pub struct Carry {
    pub card: CardId,
    /// All that go: the cards chosen together when it is one of them.
    pub cards: Vec<CardId>,
    pub by_pointer: bool,
    /// Pointer to the card's corner.
    grip: Vec2,
    pub target: Target,
    /// The layout when it was lifted: what others change meanwhile does not move the target.
    plan: Arc<Plan>,
    moved: bool,
}

impl Carry {
    /// Lifts a card by key.
    pub fn lift(plan: &Arc<Plan>, card: &CardId, cards: Vec<CardId>) -> Option<Self> {
        let (column, lane, index) = plan.find(card)?;
        let before = plan.lanes[lane].cells[column][..index].iter().filter(|s| cards.contains(&s.id)).count();
        let target = Target { column, lane, index: index - before };
        let (card, plan) = (card.clone(), plan.clone());
        Some(Self { card, cards, by_pointer: false, grip: Vec2::ZERO, target, plan, moved: true })
    }
    fn others(&self, target: Target) -> impl Iterator<Item = &plan::Slot> {
        let cell = self.plan.lanes.get(target.lane).and_then(|l| l.cells.get(target.column));
        cell.into_iter().flatten().filter(|s| !self.cards.contains(&s.id))
    }
    /// Moves the target by steps of columns, cells and lanes.
    pub fn step(&mut self, dx: i32, dy: i32) {
        let columns = self.plan.columns.len() as i32;
        let t = &mut self.target;
        t.column = (t.column as i32 + dx).clamp(0, columns - 1) as usize;
        let target = *t;
        let n = self.others(target).count();
        let t = &mut self.target;
        t.index = t.index.min(n);
        if dy > 0 {
            if t.index < n {
                t.index += 1;
            } else if let Some(next) = (t.lane + 1..self.plan.lanes.len()).find(|l| !self.plan.lanes[*l].folded) {
                (t.lane, t.index) = (next, 0);
            }
        } else if dy < 0 {
            if t.index > 0 {
                t.index -= 1;
            } else if let Some(before) = (0..t.lane).rev().find(|l| !self.plan.lanes[*l].folded) {
                t.lane = before;
                let target = *t;
                self.target.index = self.others(target).count();
            }
        }
    }
    /// What a drop here does: the move, and what the lane it goes into sets on the cards.
    pub fn as_edit(&self, board: &Board) -> Option<Edit> {
        let m = self.as_move(board)?;
        let group = self.plan.lanes.get(self.target.lane)?;
        let mut edits = board.regroup(&self.cards, group.id.as_deref());
        if edits.is_empty() {
            return Some(Edit::Move(m));
        }
        let column = board.column(&m.column).map_or("", |c| c.name.as_str());
        let who = match self.cards.as_slice() {
            [one] => board.card(one).map_or("Card".to_owned(), |c| c.label.clone()),
            all => crate::base::text::count(all.len() as u64, "card"),
        };
        let title = format!("{who} moved to {column}, {}", group.name);
        edits.insert(0, Edit::Move(m));
        Some(Edit::Many { title, edits })
    }
    /// The move that a drop here makes.
    fn as_move(&self, board: &Board) -> Option<Move> {
        let column = self.plan.columns.get(self.target.column)?.clone();
        let lane = self.plan.lanes.get(self.target.lane)?;
        let others: Vec<&CardId> = self.others(self.target).map(|s| &s.id).collect();
        let spot = match others.get(self.target.index) {
            Some(next) => Spot::Before((*next).clone()),
            None => match others.last() {
                // Behind the last card of its lane: in front of whatever follows that one in the column.
                Some(last) => {
                    let order = board.in_column(&column);
                    let after = order.iter().skip_while(|c| c != last).skip(1).find(|c| !self.cards.contains(c));
                    after.map_or(Spot::End, |c| Spot::Before(c.clone()))
                }
                None => Spot::End,
            },
        };
        let own = board.grouping == Grouping::Lane && !board.lanes.is_empty();
        let lane = own.then(|| lane.id.clone());
        Some(Move { cards: self.cards.clone(), column, lane, spot, reason: None })
    }
    /// The top of the gap where it would go, below the cells' top.
    fn gap(&self) -> f32 {
        let mut top = GAP;
        for (i, slot) in self.others(self.target).enumerate() {
            if i == self.target.index {
                return slot.top;
            }
            top = slot.top + slot.height + GAP;
        }
        top
    }
    fn aim(&mut self, at: Pos2) {
        let (Some(column), Some(lane)) = (self.plan.column_at(at.x), self.plan.lane_at(at.y)) else { return };
        let y = at.y - self.plan.lanes[lane].top - self.plan.lanes[lane].head;
        let index = self.others(Target { column, lane, index: 0 }).filter(|s| s.top + s.height * 0.5 < y).count();
        self.target = Target { column, lane, index };
    }
}

/// What a drop does, in words, and how it is meant.
pub fn outcome(board: &Board, m: &Move) -> (String, Mark) {
    let card = m.cards.first().and_then(|c| board.card(c));
    let name = board.column(&m.column).map_or("", |c| c.name.as_str());
    if m.cards.iter().all(|c| board.card(c).is_some_and(|c| c.column == m.column)) {
        let lane = m.lane.clone().flatten();
        let same = m.lane.is_none() || card.is_some_and(|c| c.lane == lane);
        let lane = lane.as_deref().and_then(|l| board.lane(l)).map_or("no lane", |l| l.name.as_str());
        return (if same { "Drop here".to_owned() } else { format!("Drop in {lane}") }, Mark::Running);
    }
    match board.wip_after(&m.cards, &m.column) {
        Wip::Over { after, limit, hard: false } => {
            (format!("{name} would be {after} of {limit}: asks for a reason"), Mark::Warning)
        }
        Wip::Over { limit, hard: true, .. } => (format!("{name} is full: {limit} is a hard limit"), Mark::Failed),
        Wip::Within { after, limit } => (format!("Drop in {name}: then {after} of {limit}"), Mark::Running),
        Wip::Free { .. } => {
            let from = card.and_then(|c| board.column(&c.column));
            let left = from.and_then(|c| {
                Some((c.name.as_str(), board.in_column(&c.id).len().saturating_sub(m.cards.len()), c.wip?))
            });
            let rest = left.map_or(String::new(), |(from, n, wip)| format!(": {from} is then {n} of {wip}"));
            (format!("Drop in {name}{rest}"), Mark::Running)
        }
    }
}

/// Draws heads and grid.
pub fn grid_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, states: &States) {
    let width = ui.available_width();
    view.plan = plan::make(cx, states, width, &view.plan);
    let plan = view.carry.as_ref().map_or_else(|| view.plan.clone(), |c| c.plan.clone());
    heads_ui(ui, cx, view, &plan, width);
    if plan.shown == 0 && !cx.state.board.filter.is_empty() {
        let (rect, _) = ui.allocate_exact_size(vec2(width, 40.0), Sense::hover());
        let words = format!("No card matches \u{201c}{}\u{201d}", cx.state.board.filter);
        ui.painter().text(
            rect.left_center() + vec2(16.0, 0.0),
            Align2::LEFT_CENTER,
            words,
            cx.theme.font(BODY),
            cx.theme.muted,
        );
    }
    let area = ScrollArea::both().id_salt("board-grid").auto_shrink(false);
    let shown = area.show_viewport(ui, |ui, viewport| {
        ui.set_width(plan.width.max(viewport.width()));
        ui.set_height(plan.height.max(viewport.height()));
        let origin = ui.max_rect().min;
        let visible = viewport;
        for (index, lane) in plan.lanes.iter().enumerate() {
            if lane.top > visible.bottom() || lane.top + lane.head + lane.height < visible.top() {
                continue;
            }
            lane_ui(ui, cx, view, states, &plan, (index, lane), origin, visible);
        }
        reveal(ui, cx, view, &plan, origin);
        carry_ui(ui, cx, view, states, &plan, origin);
    });
    view.scroll_x = shown.state.clamped_offset().x;
}

fn heads_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, plan: &Plan, width: f32) {
    let theme = cx.theme;
    let (band, _) = ui.allocate_exact_size(vec2(width, HEAD), Sense::hover());
    let p = ui.painter().with_clip_rect(band.intersect(ui.clip_rect()));
    p.hline(band.x_range(), band.bottom() - 0.5, theme.hairline());
    let board = &cx.state.board.board;
    let mut compose = None;
    for (i, column) in board.columns.iter().enumerate() {
        let left = band.left() + plan.left(i) - view.scroll_x;
        let rect = Rect::from_min_size(pos2(left, band.top()), vec2(plan.column_width, HEAD));
        if !band.intersects(rect) {
            continue;
        }
        let n = board.in_column(&column.id).len();
        let mut x = rect.left() + 4.0;
        if view.moving {
            let cap = Rect::from_min_size(pos2(x, rect.center().y - 8.0), vec2(16.0, 16.0));
            p.rect_filled(cap, 3.0, theme.accent);
            let letter = super::keys::letters(board).get(i).copied().unwrap_or(' ').to_ascii_uppercase();
            p.text(cap.center(), Align2::CENTER_CENTER, letter, theme.mono(11.0), theme.on);
            x += 22.0;
        }
        let right = rect.right() - 30.0;
        let name = fit(&p, &column.name, theme.semibold(BODY), theme.text, right - x - 40.0, 1);
        p.galley(pos2(x, rect.center().y - name.size().y * 0.5), name.clone(), theme.text);
        x += name.size().x + 8.0;
        let full = column.wip.is_some_and(|w| n >= w as usize);
        let over = column.wip.is_some_and(|w| n > w as usize);
        let count = match column.wip {
            Some(w) => format!("{n} / {w}"),
            None if column.kind == crate::model::board::ColumnKind::Done => {
                let week = board.cards_in(&column.id).filter(|c| cx.now.duration_since(c.entered).as_hours() < 168);
                format!("{} this week", week.count())
            }
            None => n.to_string(),
        };
        let (font, ink) = if full { (theme.semibold(SMALL), theme.text) } else { (theme.font(SMALL), theme.muted) };
        let ink = if over { theme.warn } else { ink };
        let count = fit(&p, &count, font, ink, right - x, 1);
        p.galley(pos2(x, rect.center().y - count.size().y * 0.5), count.clone(), ink);
        x += count.size().x + 8.0;
        if full && right - x > 40.0 {
            let words = if over { "over WIP" } else { "WIP full" };
            let words = fit(&p, words, theme.font(SMALL), if over { theme.warn } else { theme.muted }, right - x, 1);
            let ink = if over { theme.warn } else { theme.muted };
            p.galley(pos2(x, rect.center().y - words.size().y * 0.5), words, ink);
        }
        let plus = Rect::from_center_size(pos2(rect.right() - 14.0, rect.center().y), vec2(24.0, 24.0));
        let mut child = ui.new_child(egui::UiBuilder::new().id_salt(("head", &column.id)).max_rect(plus));
        child.set_clip_rect(band.intersect(ui.clip_rect()));
        if icon_button(&mut child, theme, "plus", &format!("New card in {}", column.name)).clicked() {
            compose = Some(column.id.clone());
        }
    }
    if let Some(column) = compose {
        view.composer = Some(ask::Composer::new(&cx.state.board, Some(column)));
    }
}

#[expect(clippy::too_many_arguments, reason = "all of it is one lane's place on the page")]
fn lane_ui(
    ui: &mut Ui,
    cx: &mut PageCx<'_>,
    view: &mut View,
    states: &States,
    plan: &Arc<Plan>,
    (index, lane): (usize, &plan::Lane),
    origin: Pos2,
    visible: Rect,
) {
    if lane.head > 0.0 {
        lane_head_ui(ui, cx, lane, index, origin, visible);
    }
    let top = lane.top + lane.head;
    let carried = view.carry.as_ref().filter(|c| c.moved).map_or(Vec::new(), |c| c.cards.clone());
    for (c, cell) in lane.cells.iter().enumerate().filter(|_| !lane.folded) {
        let left = plan.left(c);
        if left > visible.right() || left + plan.column_width < visible.left() {
            continue;
        }
        // The first card that reaches into sight; the rest follows in order.
        let first = cell.partition_point(|s| top + s.top + s.height < visible.top());
        for slot in cell[first..].iter().take_while(|s| top + s.top < visible.bottom()) {
            let Some(card) = cx.state.board.card(&slot.id) else { continue };
            let min = origin + vec2(left, top + slot.top);
            let rect = Rect::from_min_size(min, vec2(plan.column_width, slot.height));
            let focused = cx.state.board.focus.as_ref() == Some(&slot.id);
            let chosen = cx.state.board.selected.contains(&slot.id);
            let look = if carried.contains(&slot.id) {
                Look::Ghost
            } else if focused || chosen {
                Look::Focused { ring: focused && view.ring, chosen }
            } else {
                Look::Normal
            };
            let response = card::card_ui(ui, cx, rect, card, states, look);
            if response.drag_started_by(egui::PointerButton::Primary) && view.carry.is_none() {
                let at = response.interact_pointer_pos().unwrap_or(min);
                let target = plan.find(&slot.id).map(|(column, lane, index)| Target { column, lane, index });
                if let Some(target) = target {
                    let (card, plan, grip) = (slot.id.clone(), plan.clone(), min - at);
                    let cards = cx.state.board.chosen(&card);
                    view.carry = Some(Carry { card, cards, by_pointer: true, grip, target, plan, moved: true });
                    cx.send(Command::Focus(Some(slot.id.clone())));
                }
            }
            if response.clicked() {
                view.ring = false;
                let keys = ui.input(|i| i.modifiers);
                if keys.command || keys.ctrl {
                    cx.send(Command::Toggle(slot.id.clone()));
                } else if keys.shift {
                    let from = cx.state.board.focus.clone().unwrap_or_else(|| slot.id.clone());
                    cx.send(Command::Select(super::keys::between(plan, &from, &slot.id)));
                } else {
                    if !cx.state.board.selected.is_empty() {
                        cx.send(Command::Select(Vec::new()));
                    }
                    cx.send(Command::Open(Some(slot.id.clone())));
                }
            }
        }
    }
}

fn lane_head_ui(ui: &mut Ui, cx: &mut PageCx<'_>, lane: &plan::Lane, index: usize, origin: Pos2, visible: Rect) {
    let theme = cx.theme;
    // Lane heads stay where they are when the columns are scrolled sideways.
    let min = pos2(origin.x + visible.left(), origin.y + lane.top);
    let rect = Rect::from_min_size(min, vec2(visible.width(), LANE_HEAD));
    let key = lane.id.clone().unwrap_or_default();
    let response = ui.interact(rect, Id::unique(("board-lane", &key)), Sense::click());
    let words = if lane.folded { "Unfold" } else { "Fold" };
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("{words} lane {}", lane.name)));
    let p = ui.painter();
    if index > 0 {
        p.hline(rect.x_range(), rect.top() + 0.5, theme.hairline());
    }
    p.hline(rect.x_range(), rect.bottom() - 0.5, theme.hairline());
    if response.hovered() {
        p.rect_filled(rect.shrink2(vec2(0.0, 1.0)), 0.0, theme.hover);
    }
    let mid = rect.center().y;
    let chevron = if lane.folded { "chevron-right" } else { "chevron-down" };
    p.text(pos2(rect.left() + 18.0, mid), Align2::CENTER_CENTER, icon(chevron), theme.icon_font(12.0), theme.faint);
    let name = p.layout_no_wrap(lane.name.clone(), theme.semibold(SMALL), theme.text);
    let x = rect.left() + 32.0;
    let after = x + name.size().x + 8.0;
    p.galley(pos2(x, mid - name.size().y * 0.5), name, theme.text);
    let ink = if lane.over { theme.warn } else { theme.faint };
    p.text(pos2(after, mid), Align2::LEFT_CENTER, &lane.note, theme.font(SMALL), ink);
    if response.has_focus() {
        p.rect_stroke(rect, 2.0, egui::Stroke::new(2.0, theme.focus), egui::StrokeKind::Inside);
    }
    if response.clicked() {
        cx.send(Command::Fold(key));
    }
}

/// Scrolls to the card that a key has moved the focus to.
fn reveal(ui: &Ui, cx: &PageCx<'_>, view: &mut View, plan: &Plan, origin: Pos2) {
    if !std::mem::take(&mut view.reveal) {
        return;
    }
    let Some((column, lane, index)) = cx.state.board.focus.as_ref().and_then(|f| plan.find(f)) else { return };
    let (slot, lane) = (&plan.lanes[lane].cells[column][index], &plan.lanes[lane]);
    let min = origin + vec2(plan.left(column), lane.top + lane.head + slot.top);
    let rect = Rect::from_min_size(min, vec2(plan.column_width, slot.height));
    ui.scroll_to_rect(rect.expand(GAP), None);
}

/// The card under the pointer, the cell it would drop into, and the drop itself.
fn carry_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, states: &States, plan: &Plan, origin: Pos2) {
    let Some(carry) = view.carry.as_mut() else { return };
    let pointer = ui.input(|i| i.pointer.latest_pos());
    if ui.input_mut(|i| i.consume_key(egui::Modifiers::NONE, Key::Escape)) {
        view.carry = None;
        return;
    }
    if carry.by_pointer
        && let Some(at) = pointer
    {
        carry.aim(pos2(at.x - origin.x, at.y - origin.y));
        autoscroll(ui, at);
    }
    let board = &cx.state.board.board;
    let Some(edit) = carry.as_edit(board) else { return };
    let Some((mut words, mark)) = edit.as_move().map(|m| outcome(board, m)) else { return };
    if let (Edit::Many { .. }, Some(group)) = (&edit, carry.plan.lanes.get(carry.target.lane)) {
        words.push_str(&format!(" \u{b7} {}", group.name));
    }
    let lane = &plan.lanes[carry.target.lane];
    let top = if lane.folded { lane.top } else { lane.top + lane.head + carry.gap() };
    let min = origin + vec2(plan.left(carry.target.column), top);
    let rect = Rect::from_min_size(min, vec2(plan.column_width, CUE));
    let above = ui.ctx().layer_painter(LayerId::new(Order::Foreground, Id::unique("board-carry")));
    let clip = ui.clip_rect();
    card::cue(&above.with_clip_rect(clip), cx, rect, &words, mark);
    if carry.by_pointer {
        if let (Some(at), Some(card)) = (pointer, cx.state.board.card(&carry.card)) {
            for behind in (1..carry.cards.len().min(3)).rev() {
                let off = vec2(5.0, 5.0) * behind as f32;
                carried(&above, cx, states, plan, card, at + carry.grip + off);
            }
            carried(&above, cx, states, plan, card, at + carry.grip);
            if carry.cards.len() > 1 {
                let center = at + carry.grip + vec2(plan.column_width, 0.0);
                above.circle_filled(center, 11.0, cx.theme.accent);
                let n = carry.cards.len().to_string();
                above.text(center, Align2::CENTER_CENTER, n, cx.theme.semibold(SMALL), cx.theme.on);
            }
        }
        if ui.input(|i| !i.pointer.primary_down()) {
            view.carry = None;
            view.ring = false;
            cx.send(Command::Do(edit));
        }
    } else {
        ui.scroll_to_rect(rect.expand(GAP), None);
    }
}

fn carried(p: &Painter, cx: &PageCx<'_>, states: &States, plan: &Plan, card: &crate::model::board::Card, at: Pos2) {
    let height = plan.find(&card.id).map_or(80.0, |(c, l, i)| plan.lanes[l].cells[c][i].height);
    let rect = Rect::from_min_size(at, vec2(plan.column_width, height));
    card::paint(p, cx, rect, card, states, Look::Carried, false);
}

/// Scrolls while a card is held near an edge.
fn autoscroll(ui: &Ui, at: Pos2) {
    let area = ui.clip_rect();
    let near = 36.0;
    let pull = |from_low: f32, from_high: f32| {
        let low = (near - from_low).clamp(0.0, near);
        let high = (near - from_high).clamp(0.0, near);
        (low - high) * 0.4
    };
    let delta = vec2(pull(at.x - area.left(), area.right() - at.x), pull(at.y - area.top(), area.bottom() - at.y));
    if delta != Vec2::ZERO {
        ui.scroll_with_delta(delta);
        ui.ctx().request_repaint();
    }
}
