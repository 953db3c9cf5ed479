//! The shape of the board in the window: columns, lanes, what cards show. Every change is an edit of the ledger at once,
//! so that it can be undone and merges like a move.
use std::collections::HashMap;

use egui::{Align, Frame, Id, Key, Label, Layout, Margin, Modal, ScrollArea, Ui, vec2};

use super::PageCx;
use crate::{
    app::board::Command,
    base::text::count,
    model::board::{Board, Column, ColumnKind, Fact, Grouping, Lane, edit::Edit},
    ui::widgets::{Btn, hair_x, icon_button, segmented, switch, text_field},
};

/// What is being changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Part {
    #[default]
    Columns,
    Lanes,
    Cards,
}

/// What the dialog remembers: texts being typed, by field.
#[derive(Debug, Default)]
pub struct View {
    pub open: bool,
    part: Part,
    drafts: HashMap<String, String>,
    new_column: String,
    new_kind: ColumnKind,
    new_lane: String,
    wrong: Option<String>,
}

fn act(cx: &mut PageCx<'_>, edit: Edit) {
    cx.send(Command::Do(edit));
}

/// Draws the dialog while it is open.
pub fn settings_ui(ui: &Ui, cx: &mut PageCx<'_>, view: &mut View) {
    if !view.open {
        return;
    }
    let theme = cx.theme;
    let frame = Frame::NONE
        .fill(theme.raised)
        .stroke(egui::Stroke::new(1.0, theme.border))
        .corner_radius(8)
        .shadow(theme.shadow());
    let modal = Modal::new(Id::unique("board-settings")).frame(frame).backdrop_color(theme.fade(theme.bg, 0.6));
    let width = (ui.ctx().content_rect().width() - 64.0).min(880.0);
    let shown = modal.show(ui.ctx(), |ui| {
        ui.set_width(width);
        ui.spacing_mut().item_spacing = vec2(8.0, 0.0);
        let mut done = head_ui(ui, cx, view);
        ScrollArea::vertical().max_height(440.0).auto_shrink([false, true]).show(ui, |ui| {
            ui.set_min_height(240.0);
            ui.spacing_mut().item_spacing = vec2(8.0, 0.0);
            match view.part {
                Part::Columns => columns_ui(ui, cx, view),
                Part::Lanes => lanes_ui(ui, cx, view),
                Part::Cards => cards_ui(ui, cx),
            }
        });
        done |= foot_ui(ui, cx, view);
        done
    });
    let over = cx.state.shell.dialog.is_some() || cx.state.board.asking.is_some();
    if shown.inner || (shown.should_close() && !over) {
        *view = View::default();
    }
}

fn head_ui(ui: &mut Ui, cx: &PageCx<'_>, view: &mut View) -> bool {
    let theme = cx.theme;
    let mut close = false;
    ui.horizontal(|ui| {
        ui.set_height(47.0);
        ui.add_space(20.0);
        ui.label(theme.heading("Board settings"));
        ui.add_space(8.0);
        let parts = [(Part::Columns, "Columns"), (Part::Lanes, "Lanes"), (Part::Cards, "Cards")];
        if let Some(part) = segmented(ui, theme, view.part, &parts) {
            view.part = part;
            view.wrong = None;
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add_space(12.0);
            close = icon_button(ui, theme, "x", "Close the settings").clicked();
        });
    });
    hair_x(ui, theme);
    close
}

fn foot_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &View) -> bool {
    let theme = cx.theme;
    hair_x(ui, theme);
    let mut done = false;
    ui.horizontal(|ui| {
        ui.set_height(52.0);
        ui.add_space(20.0);
        match &view.wrong {
            Some(words) => ui.label(theme.small(words.as_str()).color(theme.fail)),
            None => ui.label(theme.small("Each change is kept at once, for everybody, and can be undone")),
        };
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add_space(20.0);
            done = Btn::new("Done").primary().show(ui, theme).clicked();
            let none = cx.state.board.undo.is_empty().then_some("Nothing was done");
            if Btn::new("Undo").icon("undo-2").quiet().disabled(none).show(ui, theme).clicked() {
                cx.send(Command::Undo);
            }
        });
    });
    done
}

/// A field that shows `value`, keeps what is being typed, and gives it when it was changed and left.
fn draft(
    ui: &mut Ui,
    cx: &PageCx<'_>,
    drafts: &mut HashMap<String, String>,
    (key, name, hint): (String, &str, &str),
    value: &str,
    width: f32,
) -> Option<String> {
    let mut text = drafts.get(&key).cloned().unwrap_or_else(|| value.to_owned());
    let place = Layout::left_to_right(Align::Center);
    let shown = ui.allocate_ui_with_layout(vec2(width, 36.0), place, |ui| {
        ui.set_width(width);
        text_field(ui, cx.theme, &mut text, name, hint, width)
    });
    let field = shown.inner;
    if field.changed() {
        drafts.insert(key.clone(), text.clone());
    }
    if !field.lost_focus() {
        return None;
    }
    let typed = drafts.remove(&key)?;
    let escaped = ui.input(|i| i.key_pressed(Key::Escape));
    (!escaped && typed.trim() != value).then(|| typed.trim().to_owned())
}

/// Reads a limit; an error says what is wrong.
fn limit(text: &str) -> Result<Option<u32>, String> {
    match text.trim() {
        "" => Ok(None),
        t => match t.parse::<u32>() {
            Ok(n) if n > 0 => Ok(Some(n)),
            _ => Err(format!("{t:?} is not a limit: write a whole number from 1 up, or nothing for no limit")),
        },
    }
}

fn cell(ui: &mut Ui, width: f32, contents: impl FnOnce(&mut Ui)) {
    ui.allocate_ui_with_layout(vec2(width, 36.0), Layout::left_to_right(Align::Center), |ui| {
        ui.set_width(width);
        contents(ui);
    });
}

fn heads(ui: &mut Ui, cx: &PageCx<'_>, all: &[(&str, f32)]) {
    ui.horizontal(|ui| {
        ui.set_height(28.0);
        ui.add_space(20.0);
        for (name, width) in all {
            ui.allocate_ui_with_layout(vec2(*width, 28.0), Layout::left_to_right(Align::Center), |ui| {
                ui.set_width(*width);
                ui.add(Label::new(cx.theme.small(*name)).truncate());
            });
        }
    });
    hair_x(ui, cx.theme);
}

/// Buttons that put an item one place up or down.
fn order_ui(ui: &mut Ui, cx: &PageCx<'_>, name: &str, at: usize, n: usize) -> Option<usize> {
    let mut to = None;
    let first = (at == 0).then_some("It is the first");
    let last = (at + 1 == n).then_some("It is the last");
    let up = format!("Move {name} forward");
    if Btn::new("").icon("arrow-up").quiet().name(&up).disabled(first).show(ui, cx.theme).clicked() {
        to = at.checked_sub(1);
    }
    let down = format!("Move {name} back");
    if Btn::new("").icon("arrow-down").quiet().name(&down).disabled(last).show(ui, cx.theme).clicked() {
        to = Some(at + 1);
    }
    to
}

fn kind_ui(ui: &mut Ui, salt: &str, name: &str, now: ColumnKind) -> Option<ColumnKind> {
    let mut chosen = None;
    let all = [ColumnKind::Queue, ColumnKind::Active, ColumnKind::Done];
    let shown = egui::ComboBox::from_id_salt(salt).width(80.0).selected_text(now.word()).show_ui(ui, |ui| {
        for kind in all {
            if ui.selectable_label(kind == now, kind.word()).clicked() && kind != now {
                chosen = Some(kind);
            }
        }
    });
    let words = format!("Work in {name}: {}", now.word());
    shown.response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ComboBox, true, words.clone()));
    chosen
}

const MOVE: f32 = 64.0;
const KIND: f32 = 100.0;
const LIMIT: f32 = 72.0;
const HARD: f32 = 96.0;
const BIN: f32 = 32.0;

fn columns_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View) {
    let board = &cx.state.board.board;
    let rest = (ui.available_width() - 40.0 - MOVE - KIND - LIMIT - HARD - BIN - 48.0).max(240.0);
    let (name, policy) = (rest * 0.42, rest * 0.58);
    let titles = [
        ("", MOVE),
        ("Column", name),
        ("Work there is", KIND),
        ("Limit", LIMIT),
        ("Over it", HARD),
        ("What must be true of its cards", policy),
    ];
    heads(ui, cx, &titles);
    for (at, column) in board.columns.iter().enumerate() {
        column_ui(ui, cx, view, (board, at, column), (name, policy));
    }
    ui.horizontal(|ui| {
        ui.set_height(44.0);
        ui.add_space(20.0 + MOVE + 8.0);
        let field = text_field(ui, cx.theme, &mut view.new_column, "Name of the new column", "New column", name);
        let enter = field.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
        cell(ui, KIND, |ui| {
            if let Some(kind) = kind_ui(ui, "new-kind", "the new column", view.new_kind) {
                view.new_kind = kind;
            }
        });
        let reason = view.new_column.trim().is_empty().then_some("Write its name first");
        let add = Btn::new("Add column").icon("plus").disabled(reason).show(ui, cx.theme).clicked();
        if (add || enter) && reason.is_none() {
            act(cx, Edit::AddColumn { name: std::mem::take(&mut view.new_column), kind: view.new_kind });
        }
    });
    ui.horizontal(|ui| {
        ui.set_height(36.0);
        ui.add_space(20.0);
        ui.label(cx.theme.muted("Work counts as started from"));
        let start = board.column(&board.start).map_or("", |c| c.name.as_str());
        let mut chosen = None;
        let shown = egui::ComboBox::from_id_salt("start-column").selected_text(start).show_ui(ui, |ui| {
            for c in board.columns.iter().filter(|c| c.kind != ColumnKind::Done) {
                if ui.selectable_label(c.id == board.start, &c.name).clicked() {
                    chosen = Some(c.id.clone());
                }
            }
        });
        let name = format!("Work counts as started from: {start}");
        shown.response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ComboBox, true, name.clone()));
        ui.label(cx.theme.muted("on: cycle time, work in progress and age are counted from there"));
        if let Some(column) = chosen.filter(|c| *c != board.start) {
            act(cx, Edit::Start(column));
        }
    });
}

fn column_ui(
    ui: &mut Ui,
    cx: &mut PageCx<'_>,
    view: &mut View,
    (board, at, column): (&Board, usize, &Column),
    (name, policy): (f32, f32),
) {
    let theme = cx.theme;
    let id = || column.id.clone();
    ui.push_id(("column", &column.id), |ui| {
        ui.horizontal(|ui| {
            ui.set_height(36.0);
            ui.add_space(20.0);
            cell(ui, MOVE, |ui| {
                ui.spacing_mut().item_spacing.x = 0.0;
                if let Some(to) = order_ui(ui, cx, &column.name, at, board.columns.len()) {
                    act(cx, Edit::PlaceColumn { column: id(), to });
                }
            });
            let key = |what: &str| format!("{what}:{}", column.id);
            let label = format!("Name of column {}", column.name);
            let new = draft(ui, cx, &mut view.drafts, (key("name"), &label, "A name is needed"), &column.name, name);
            if let Some(text) = new {
                act(cx, Edit::RenameColumn(id(), text));
            }
            cell(ui, KIND, |ui| {
                if let Some(kind) = kind_ui(ui, "kind", &column.name, column.kind) {
                    act(cx, Edit::ColumnKind(id(), kind));
                }
            });
            let label = format!("Limit of {}", column.name);
            let now = column.wip.map_or(String::new(), |n| n.to_string());
            if let Some(text) = draft(ui, cx, &mut view.drafts, (key("wip"), &label, "none"), &now, LIMIT) {
                match limit(&text) {
                    Ok(wip) => {
                        view.wrong = None;
                        act(cx, Edit::Limit { column: id(), wip, hard: column.hard && wip.is_some() });
                    }
                    Err(words) => view.wrong = Some(words),
                }
            }
            cell(ui, HARD, |ui| {
                if column.wip.is_some() {
                    if let Some(hard) = segmented(ui, theme, column.hard, &[(false, "ask"), (true, "refuse")]) {
                        act(cx, Edit::Limit { column: id(), wip: column.wip, hard });
                    }
                } else {
                    ui.label(theme.faint("no limit"));
                }
            });
            let label = format!("Policy of {}", column.name);
            let hint = "anything";
            if let Some(text) = draft(ui, cx, &mut view.drafts, (key("policy"), &label, hint), &column.policy, policy) {
                act(cx, Edit::Policy(id(), text));
            }
            let n = board.in_column(&column.id).len();
            let reason = (n > 0).then(|| format!("It holds {}: move them first", count(n as u64, "card")));
            let label = format!("Remove column {}", column.name);
            let bin = Btn::new("").icon("trash-2").quiet().name(&label).disabled(reason.as_deref());
            if bin.show(ui, theme).clicked() {
                act(cx, Edit::RemoveColumn(id()));
            }
        });
    });
    hair_x(ui, theme);
}

fn lanes_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View) {
    let theme = cx.theme;
    let board = &cx.state.board.board;
    ui.horizontal(|ui| {
        ui.set_height(48.0);
        ui.add_space(20.0);
        ui.label(theme.muted("Lanes by"));
        let choices = Grouping::ALL.map(|g| (g, g.word()));
        if let Some(by) = segmented(ui, theme, board.grouping, &choices) {
            act(cx, Edit::Group(by));
        }
    });
    hair_x(ui, theme);
    if board.grouping != Grouping::Lane {
        let words = match board.grouping {
            Grouping::Assignee => "A lane a person. A card dropped into another lane is assigned to its person.",
            Grouping::Label => "A lane a label, the first of a card by name. A drop into another lane exchanges it.",
            Grouping::Pipeline => "A lane a pipeline that cards are bound to. A drop moves a card, it binds nothing.",
            _ => "No lanes: one stretch of columns.",
        };
        ui.horizontal(|ui| {
            ui.set_height(36.0);
            ui.add_space(20.0);
            ui.add(Label::new(theme.muted(words)).wrap());
        });
        return;
    }
    let name = (ui.available_width() - 40.0 - MOVE - LIMIT - BIN - 120.0).clamp(200.0, 360.0);
    heads(ui, cx, &[("", MOVE), ("Lane", name), ("Limit", LIMIT), ("Unfinished", 80.0)]);
    for (at, lane) in board.lanes.iter().enumerate() {
        lane_ui(ui, cx, view, (board, at, lane), name);
    }
    ui.horizontal(|ui| {
        ui.set_height(44.0);
        ui.add_space(20.0 + MOVE + 8.0);
        let field = text_field(ui, theme, &mut view.new_lane, "Name of the new lane", "New lane", name);
        let enter = field.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
        let reason = view.new_lane.trim().is_empty().then_some("Write its name first");
        let add = Btn::new("Add lane").icon("plus").disabled(reason).show(ui, theme).clicked();
        if (add || enter) && reason.is_none() {
            act(cx, Edit::AddLane(std::mem::take(&mut view.new_lane)));
        }
    });
}

fn lane_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, (board, at, lane): (&Board, usize, &Lane), name: f32) {
    let theme = cx.theme;
    ui.push_id(("lane", &lane.id), |ui| {
        ui.horizontal(|ui| {
            ui.set_height(36.0);
            ui.add_space(20.0);
            cell(ui, MOVE, |ui| {
                ui.spacing_mut().item_spacing.x = 0.0;
                if let Some(to) = order_ui(ui, cx, &lane.name, at, board.lanes.len()) {
                    act(cx, Edit::PlaceLane { lane: lane.id.clone(), to });
                }
            });
            let key = |what: &str| format!("lane-{what}:{}", lane.id);
            let label = format!("Name of lane {}", lane.name);
            let new = draft(ui, cx, &mut view.drafts, (key("name"), &label, "A name is needed"), &lane.name, name);
            if let Some(text) = new {
                act(cx, Edit::RenameLane(lane.id.clone(), text));
            }
            let label = format!("Limit of lane {}", lane.name);
            let now = lane.wip.map_or(String::new(), |n| n.to_string());
            if let Some(text) = draft(ui, cx, &mut view.drafts, (key("wip"), &label, "none"), &now, LIMIT) {
                match limit(&text) {
                    Ok(wip) => {
                        view.wrong = None;
                        act(cx, Edit::LaneLimit(lane.id.clone(), wip));
                    }
                    Err(words) => view.wrong = Some(words),
                }
            }
            cell(ui, 80.0, |ui| {
                ui.label(theme.muted(board.lane_wip(&lane.id).to_string()));
            });
            let label = format!("Remove lane {}", lane.name);
            let bin = icon_button(ui, theme, "trash-2", &label);
            if bin.on_hover_text("Its cards stay, without a lane").clicked() {
                act(cx, Edit::RemoveLane(lane.id.clone()));
            }
        });
    });
    hair_x(ui, theme);
}

fn cards_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    Frame::NONE.inner_margin(Margin::symmetric(20, 12)).show(ui, |ui| {
        ui.label(
            theme.muted("What cards show besides their label and title. Red, blocked and ageing are always shown."),
        );
        ui.add_space(8.0);
        for fact in Fact::ALL {
            let on = !cx.state.board.board.hidden.contains(&fact);
            ui.horizontal(|ui| {
                ui.set_height(32.0);
                if switch(ui, theme, on, fact.word()) {
                    act(cx, Edit::ShowFact(fact, !on));
                }
            });
        }
    });
}
