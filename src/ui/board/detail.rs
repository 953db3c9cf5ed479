//! The details of a card: text in Markdown, checklist, what it is bound to, why it is blocked, comments.
use egui::{Align, Key, Layout, ScrollArea, TextEdit, Ui, vec2};

use super::{PageCx, States, age, card::mark};
use crate::{
    app::{
        board::{Command, live},
        workspace,
    },
    base::{ids::CardId, time},
    model::board::{
        Card, Link, LinkKind,
        edit::{Edit, Move, Spot},
    },
    ui::{
        theme::{CONTROL, SMALL},
        widgets::{
            Btn, hair_x, icon_button, link, mark as mark_widget,
            output::{Prose, prose_ui},
            segmented, tag, text_field,
        },
    },
};

/// Drafts of the panel, for one card.
#[derive(Default)]
pub struct View {
    card: Option<CardId>,
    title: String,
    body: String,
    /// What the ledger said when the drafts were taken.
    base: (String, String),
    editing: bool,
    prose: Prose,
    label: String,
    person: String,
    blocked: String,
    blocking: bool,
    check: String,
    link: String,
    link_error: Option<String>,
    comment: String,
    due: String,
    estimate: String,
    field_error: Option<String>,
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").field("card", &self.card).finish_non_exhaustive()
    }
}

impl View {
    /// Takes the drafts from the card; what somebody is just writing stays when others change the card.
    fn follow(&mut self, card: &Card) {
        let values = (card.title.clone(), card.body.clone());
        if self.card.as_ref() != Some(&card.id) {
            *self = Self {
                card: Some(card.id.clone()),
                title: values.0.clone(),
                body: values.1.clone(),
                base: values,
                due: card.due.map_or(String::new(), |d| d.to_string()),
                estimate: card.estimate.map_or(String::new(), |e| e.to_string()),
                person: card.assignee.clone().unwrap_or_default(),
                ..Self::default()
            };
            return;
        }
        if self.title == self.base.0 {
            self.title.clone_from(&values.0);
        }
        if self.body == self.base.1 {
            self.body.clone_from(&values.1);
        }
        self.base = values;
    }
}

/// Sends an edit.
fn act(cx: &mut PageCx<'_>, edit: Edit) {
    cx.send(Command::Do(edit));
}

/// Draws the panel.
pub fn detail_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, card: &Card, states: &States) {
    // A draft of another card is kept as an edit of that card, never dropped.
    if let Some(old) = view.card.clone().filter(|c| *c != card.id) {
        if view.body != view.base.1 {
            act(cx, Edit::Body(old.clone(), view.body.clone()));
        }
        if view.title != view.base.0 && !view.title.trim().is_empty() {
            act(cx, Edit::Title(old, view.title.clone()));
        }
    }
    view.follow(card);
    let theme = cx.theme;
    head_ui(ui, cx, card);
    hair_x(ui, theme);
    ScrollArea::vertical().id_salt(("board-detail", &card.id)).auto_shrink(false).show(ui, |ui| {
        egui::Frame::NONE.inner_margin(egui::Margin::symmetric(12, 12)).show(ui, |ui| {
            ui.spacing_mut().item_spacing = vec2(8.0, 8.0);
            title_ui(ui, cx, view, card);
            conflicts_ui(ui, cx, card);
            place_ui(ui, cx, card);
            blocked_ui(ui, cx, view, card);
            links_ui(ui, cx, view, card, states);
            body_ui(ui, cx, view, card);
            checklist_ui(ui, cx, view, card);
            facts_ui(ui, cx, view, card);
            comments_ui(ui, cx, view, card);
        });
    });
}

fn head_ui(ui: &mut Ui, cx: &mut PageCx<'_>, card: &Card) {
    let theme = cx.theme;
    ui.allocate_ui_with_layout(vec2(ui.available_width(), 36.0), Layout::left_to_right(Align::Center), |ui| {
        ui.set_min_height(36.0);
        ui.add_space(12.0);
        ui.label(theme.strong(card.label.as_str()));
        let note = format!("{} old, by {}", time::age(card.created, cx.now), card.created_by);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add_space(8.0);
            if icon_button(ui, theme, "x", "Close the details").clicked() {
                cx.send(Command::Open(None));
            }
            if icon_button(ui, theme, "trash-2", &format!("Delete {}", card.label)).clicked() {
                act(cx, Edit::Delete(card.id.clone()));
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add(egui::Label::new(theme.faint(note)).truncate());
            });
        });
    });
}

fn title_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, card: &Card) {
    let theme = cx.theme;
    let width = ui.available_width();
    let edit = TextEdit::multiline(&mut view.title)
        .font(theme.semibold(15.0))
        .desired_rows(1)
        .desired_width(width)
        .frame(egui::Frame::NONE.inner_margin(egui::Margin::symmetric(0, 2)))
        .return_key(None);
    let response = ui.add(edit);
    response.widget_info(|| {
        let mut info = egui::WidgetInfo::text_edit(true, "", card.title.as_str(), "Title");
        info.label = Some("Title".to_owned());
        info
    });
    view.title = view.title.replace(['\n', '\r'], " ");
    if response.has_focus() && ui.input(|i| i.key_pressed(Key::Enter)) {
        response.surrender_focus();
    }
    if response.lost_focus() && view.title.trim() != card.title {
        if view.title.trim().is_empty() {
            view.title.clone_from(&card.title);
        } else {
            act(cx, Edit::Title(card.id.clone(), view.title.clone()));
        }
    }
}

/// Values others set at the same time, and cards that an edit brought back.
fn conflicts_ui(ui: &mut Ui, cx: &mut PageCx<'_>, card: &Card) {
    let theme = cx.theme;
    for other in &card.also_set {
        let frame = egui::Frame::NONE.fill(theme.warn_t).corner_radius(4).inner_margin(egui::Margin::symmetric(8, 6));
        frame.show(ui, |ui| {
            let words = format!("{} was also set to \u{201c}{}\u{201d} by {}", other.field, other.value, other.by);
            ui.add(egui::Label::new(theme.body(words)).wrap());
            if Btn::new("Keep what is shown").show(ui, theme).clicked() {
                let (field, item) = (other.field.clone(), other.item.clone());
                act(cx, Edit::Settle { card: card.id.clone(), field, item });
            }
        });
    }
    if let Some(by) = &card.revived_from {
        ui.label(theme.small(format!("{by} had deleted it; a later edit brought it back")).color(theme.warn));
    }
    if let Some(reason) = &card.over_reason {
        ui.add(egui::Label::new(theme.small(format!("Moved over the limit: {reason}")).color(theme.warn)).wrap());
    }
}

fn place_ui(ui: &mut Ui, cx: &mut PageCx<'_>, card: &Card) {
    let theme = cx.theme;
    let board = &cx.state.board.board;
    let row = |ui: &mut Ui, name: &str, contents: &mut dyn FnMut(&mut Ui)| {
        ui.horizontal(|ui| {
            ui.allocate_ui_with_layout(vec2(72.0, 24.0), Layout::left_to_right(Align::Center), |ui| {
                ui.set_min_width(72.0);
                ui.label(theme.muted(name));
            });
            contents(ui);
        });
    };
    let mut to = None;
    row(ui, "Column", &mut |ui| {
        let name = board.column(&card.column).map_or("", |c| c.name.as_str());
        combo(ui, cx, "Column", name, |ui| {
            for column in &board.columns {
                if ui.selectable_label(column.id == card.column, &column.name).clicked() {
                    to = Some(column.id.clone());
                }
            }
        });
        ui.label(theme.faint(age(cx, card)));
    });
    let mut lane = None;
    if !board.lanes.is_empty() {
        row(ui, "Lane", &mut |ui| {
            let name = card.lane.as_deref().and_then(|l| board.lane(l)).map_or("No lane", |l| l.name.as_str());
            combo(ui, cx, "Lane", name, |ui| {
                if ui.selectable_label(card.lane.is_none(), "No lane").clicked() {
                    lane = Some(None);
                }
                for l in &board.lanes {
                    if ui.selectable_label(card.lane.as_ref() == Some(&l.id), &l.name).clicked() {
                        lane = Some(Some(l.id.clone()));
                    }
                }
            });
        });
    }
    if let Some(column) = to.filter(|c| *c != card.column) {
        let m = Move { cards: vec![card.id.clone()], column, lane: None, spot: Spot::Top, reason: None };
        act(cx, Edit::Move(m));
    }
    if let Some(lane) = lane {
        act(cx, Edit::Lane(card.id.clone(), lane));
    }
}

fn combo(ui: &mut Ui, cx: &PageCx<'_>, name: &str, shown: &str, contents: impl FnOnce(&mut Ui)) {
    let text = egui::RichText::new(shown).font(cx.theme.font(CONTROL)).color(cx.theme.text);
    let response = egui::ComboBox::from_id_salt(("card", name)).selected_text(text).show_ui(ui, contents).response;
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ComboBox, true, format!("{name}: {shown}")));
}

fn section(ui: &mut Ui, cx: &PageCx<'_>, title: &str) {
    ui.add_space(4.0);
    ui.label(cx.theme.section(title));
}

fn blocked_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, card: &Card) {
    let theme = cx.theme;
    if let Some(reason) = &card.blocked {
        let frame = egui::Frame::NONE.fill(theme.fail_t).corner_radius(4).inner_margin(egui::Margin::symmetric(8, 6));
        frame.show(ui, |ui| {
            ui.horizontal(|ui| {
                ui.label(theme.icon("ban", 14.0).color(theme.fail));
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    if Btn::new("Unblock").show(ui, theme).clicked() {
                        act(cx, Edit::Block(card.id.clone(), None));
                    }
                    ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                        let words = theme.body(format!("Blocked: {reason}")).color(theme.fail);
                        ui.add(egui::Label::new(words).wrap());
                    });
                });
            });
        });
        view.blocking = false;
        return;
    }
    if !view.blocking {
        if Btn::new("Block\u{2026}").icon("ban").quiet().show(ui, theme).clicked() {
            view.blocking = true;
            view.blocked.clear();
        }
        return;
    }
    ui.horizontal(|ui| {
        let width = ui.available_width() - 120.0;
        let field = text_field(ui, theme, &mut view.blocked, "Why it is blocked", "What it waits for", width);
        if view.blocked.is_empty() && ui.ctx().memory(|m| m.focused().is_none()) {
            field.request_focus();
        }
        let enter = field.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
        let reason = view.blocked.trim().is_empty().then_some("A blocked card needs a reason");
        if (Btn::new("Block").disabled(reason).show(ui, theme).clicked() || enter) && reason.is_none() {
            act(cx, Edit::Block(card.id.clone(), Some(view.blocked.clone())));
        }
        if Btn::new("Cancel").quiet().show(ui, theme).clicked() {
            view.blocking = false;
        }
    });
}

fn links_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, card: &Card, states: &States) {
    let theme = cx.theme;
    section(ui, cx, "Bound to");
    for bound in &card.links {
        ui.horizontal(|ui| {
            let state = states.get(bound);
            match state {
                Some(live) => mark_widget(ui, theme, mark(live.tone), 14.0),
                None => ui.label(theme.icon(link_icon(bound.kind), 14.0)),
            };
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if icon_button(ui, theme, "x", &format!("Unlink {}", bound.target)).clicked() {
                    act(cx, Edit::Link(card.id.clone(), bound.clone(), false));
                }
                if state.is_some_and(|l| l.can_rerun) && Btn::new("Rerun").icon("rotate-cw").show(ui, theme).clicked() {
                    cx.send(Command::Rerun(card.id.clone()));
                }
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    let words = state.map_or_else(|| live::name_of(&bound.target).to_owned(), |l| l.text.clone());
                    if link(ui, theme, &words).on_hover_text(bound.to_string()).clicked() {
                        cx.send(state.map_or_else(|| Command::Follow(bound.clone()), live::open_command));
                    }
                });
            });
        });
        if let Some(error) = states.get(bound).and_then(|l| l.error.as_ref()) {
            ui.add(egui::Label::new(theme.small(error.as_str())).wrap());
        }
    }
    let width = ui.available_width();
    let field =
        text_field(ui, theme, &mut view.link, "Bind to", "pipeline:name, notebook:path, check:name, commit:id", width);
    if field.lost_focus() && !view.link.trim().is_empty() && ui.input(|i| i.key_pressed(Key::Enter)) {
        match view.link.parse::<Link>() {
            Ok(new) => {
                act(cx, Edit::Link(card.id.clone(), new, true));
                view.link.clear();
                view.link_error = None;
            }
            Err(e) => view.link_error = Some(e.hint.unwrap_or(e.what)),
        }
    }
    if let Some(error) = &view.link_error {
        ui.add(egui::Label::new(theme.small(error.as_str()).color(theme.fail)).wrap());
    }
}

fn link_icon(kind: LinkKind) -> &'static str {
    match kind {
        LinkKind::Pipeline => "list-tree",
        LinkKind::Notebook => "notebook-text",
        LinkKind::Check => "activity",
        LinkKind::Run => "history",
        LinkKind::Commit => "link",
    }
}

fn body_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, card: &Card) {
    let theme = cx.theme;
    ui.add_space(4.0);
    ui.horizontal(|ui| {
        ui.label(theme.section("Text"));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let choices = [(true, "Edit"), (false, "Preview")];
            if let Some(editing) = segmented(ui, theme, view.editing, &choices) {
                view.editing = editing;
                if !editing && view.body != card.body {
                    act(cx, Edit::Body(card.id.clone(), view.body.clone()));
                }
            }
        });
    });
    if view.editing {
        let edit = TextEdit::multiline(&mut view.body)
            .font(theme.mono(SMALL + 0.5))
            .desired_rows(8)
            .desired_width(f32::INFINITY)
            .background_color(theme.bg);
        let response = ui.add(edit);
        response.widget_info(|| {
            let mut info = egui::WidgetInfo::text_edit(true, "", card.body.as_str(), "Markdown");
            info.label = Some("Text in Markdown".to_owned());
            info
        });
        if response.lost_focus() && view.body != card.body {
            act(cx, Edit::Body(card.id.clone(), view.body.clone()));
        }
    } else if view.body.trim().is_empty() {
        ui.label(theme.faint("Nothing written yet"));
    } else {
        let links = prose_ui(ui, theme, &view.body, &mut view.prose);
        links.into_iter().for_each(|address| cx.send(workspace::Command::Follow(address)));
    }
}

fn checklist_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, card: &Card) {
    let theme = cx.theme;
    let (done, all) = card.checks();
    section(ui, cx, &if all > 0 { format!("Checklist {done}/{all}") } else { "Checklist".to_owned() });
    for check in &card.checklist {
        ui.horizontal(|ui| {
            let mut ticked = check.done;
            let text = if check.done { theme.muted(check.text.as_str()) } else { theme.body(check.text.as_str()) };
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if icon_button(ui, theme, "x", &format!("Remove {}", check.text)).clicked() {
                    act(cx, Edit::RemoveCheck(card.id.clone(), check.id.clone()));
                }
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    if ui.checkbox(&mut ticked, text).changed() {
                        act(cx, Edit::Tick(card.id.clone(), check.id.clone(), ticked));
                    }
                });
            });
        });
    }
    let width = ui.available_width();
    let field = text_field(ui, theme, &mut view.check, "New checklist line", "Add a line", width);
    if field.lost_focus() && !view.check.trim().is_empty() && ui.input(|i| i.key_pressed(Key::Enter)) {
        act(cx, Edit::AddCheck(card.id.clone(), std::mem::take(&mut view.check)));
        field.request_focus();
    }
}

fn facts_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, card: &Card) {
    let theme = cx.theme;
    section(ui, cx, "Labels");
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(4.0, 4.0);
        for label in &card.labels {
            if tag(ui, theme, &format!("{label} \u{00d7}")).on_hover_text(format!("Take {label} off")).clicked() {
                act(cx, Edit::Label(card.id.clone(), label.clone(), false));
            }
        }
        let field = text_field(ui, theme, &mut view.label, "New label", "Add a label", 120.0);
        if field.lost_focus() && !view.label.trim().is_empty() && ui.input(|i| i.key_pressed(Key::Enter)) {
            act(cx, Edit::Label(card.id.clone(), std::mem::take(&mut view.label), true));
        }
    });
    let entered = |ui: &Ui, r: &egui::Response| r.lost_focus() && !ui.input(|i| i.key_pressed(Key::Escape));
    section(ui, cx, "Person, due date, estimate");
    let width = ui.available_width();
    let field = text_field(ui, theme, &mut view.person, "Assigned to", "Nobody yet", width);
    if entered(ui, &field) && view.person.trim() != card.assignee.as_deref().unwrap_or("") {
        let person = Some(view.person.trim().to_owned()).filter(|p| !p.is_empty());
        act(cx, Edit::Assign(card.id.clone(), person));
    }
    ui.horizontal(|ui| {
        let half = (width - 8.0) * 0.5;
        let due = text_field(ui, theme, &mut view.due, "Due date", "2026-11-30", half);
        if entered(ui, &due) {
            let text = view.due.trim();
            match (text.is_empty(), text.parse::<jiff::civil::Date>()) {
                (true, _) if card.due.is_some() => act(cx, Edit::Due(card.id.clone(), None)),
                (false, Ok(day)) if card.due != Some(day) => act(cx, Edit::Due(card.id.clone(), Some(day))),
                _ => {}
            }
            let bad = !text.is_empty() && text.parse::<jiff::civil::Date>().is_err();
            view.field_error = bad.then(|| "Write the date as 2026-11-30".to_owned());
        }
        let estimate = text_field(ui, theme, &mut view.estimate, "Estimate", "Points", half);
        if entered(ui, &estimate) {
            let text = view.estimate.trim();
            match (text.is_empty(), text.parse::<f64>()) {
                (true, _) if card.estimate.is_some() => act(cx, Edit::Estimate(card.id.clone(), None)),
                (false, Ok(n)) if card.estimate != Some(n) => act(cx, Edit::Estimate(card.id.clone(), Some(n))),
                _ => {}
            }
            let bad = !text.is_empty() && text.parse::<f64>().is_err();
            view.field_error = bad.then(|| "An estimate is a number".to_owned());
        }
    });
    if let Some(error) = &view.field_error {
        ui.label(theme.small(error.as_str()).color(theme.fail));
    }
}

fn comments_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, card: &Card) {
    let theme = cx.theme;
    section(ui, cx, "Comments");
    for comment in &card.comments {
        ui.horizontal(|ui| {
            ui.label(theme.label(comment.by.as_str()));
            ui.label(theme.faint(time::when(comment.at, cx.now)));
        });
        let links = prose_ui(ui, theme, &comment.text, &mut view.prose);
        links.into_iter().for_each(|address| cx.send(workspace::Command::Follow(address)));
    }
    let width = ui.available_width();
    let field = text_field(ui, theme, &mut view.comment, "New comment", "Write a comment", width);
    if field.lost_focus() && !view.comment.trim().is_empty() && ui.input(|i| i.key_pressed(Key::Enter)) {
        act(cx, Edit::Comment(card.id.clone(), std::mem::take(&mut view.comment)));
    }
}
