//! The bar that finds and replaces, above a file or the cells.
use egui::{Align, Frame, Id, Key, Layout, Margin, Modifiers, TextEdit, Ui, vec2};

use crate::{
    app::{
        keymap::editor,
        notebook::{Command, Doc},
    },
    base::text::thousands,
    model::editor::find::{Finder, Query},
    ui::{
        PageCx, keys,
        theme::{CONTROL, SMALL},
        widgets::{Btn, icon_button},
    },
};

/// What the bar remembers.
#[derive(Debug, Default)]
pub struct Bar {
    /// The request to write into the field that was done last.
    focus: (u64, u64),
    text: String,
    by: String,
    /// What the texts were taken from.
    of: Option<Query>,
    /// The query made ready.
    finder: Option<Finder>,
}

impl Bar {
    /// What is looked for, to be marked in what is drawn.
    pub fn finder(&self) -> Option<&Finder> {
        self.finder.as_ref()
    }
}

fn by_id() -> Id {
    Id::unique("find-by")
}

fn field_id() -> Id {
    Id::unique("find-text")
}

/// Sends what an editor's keys asked of the bar.
pub fn keys(cx: &mut PageCx<'_>, doc: &Doc, open: Option<bool>, next: Option<bool>) {
    if let Some(replacing) = open {
        cx.send(Command::Find { replacing });
    }
    if let Some(next) = next {
        cx.send(if doc.find.is_some() { Command::FindNext(next) } else { Command::Find { replacing: false } });
    }
}

/// Takes the keys of the page that have to do with finding.
pub fn page_keys(ui: &Ui, cx: &mut PageCx<'_>, doc: &Doc) {
    if crate::ui::editor::is_typing(ui.ctx()) {
        return;
    }
    let open = keys::hit(ui, &editor::REPLACE).map(|_| true).or_else(|| keys::hit(ui, &editor::FIND).map(|_| false));
    let next = keys::hit(ui, &editor::FIND_NEXT).map(|n| n == 0);
    self::keys(cx, doc, open, next);
    // Wherever the focus is by now: egui has taken it from the field.
    if doc.find.is_some() && ui.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Escape)) {
        cx.send(Command::CloseFind);
    }
}

/// Draws the bar while something is looked for.
pub fn bar_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc, bar: &mut Bar) {
    let theme = cx.theme;
    let Some(find) = &doc.find else {
        bar.of = None;
        return;
    };
    if bar.of.as_ref() != Some(&find.query) {
        bar.text.clone_from(&find.query.text);
        bar.by.clone_from(&find.by);
        bar.of = Some(find.query.clone());
        bar.finder = find.query.compile().ok().flatten();
    }
    let mut query = find.query.clone();
    let (mut all, mut outputs) = (find.all, find.outputs);
    let mut changed = false;
    let frame = Frame::NONE.fill(theme.panel).inner_margin(Margin::symmetric(12, 5));
    // Beside two panels there is little room.
    let tight = ui.available_width() < 780.0;
    frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing = vec2(if tight { 3.0 } else { 6.0 }, 5.0);
        ui.horizontal(|ui| {
            ui.set_min_height(24.0);
            let response = field(ui, theme, field_id(), "Find", &mut bar.text, (find.replacing, tight));
            if find.replacing && tab(ui, &response, Modifiers::NONE) {
                ui.memory_mut(|m| m.request_focus(by_id()));
            }
            if bar.focus != (doc.id, find.focus) {
                bar.focus = (doc.id, find.focus);
                ui.memory_mut(|m| m.request_focus(field_id()));
                select_all(ui, &bar.text);
            }
            changed |= response.changed();
            if response.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter)) {
                let back = ui.input(|i| i.modifiers.shift);
                cx.send(Command::FindNext(!back));
                response.request_focus();
            }
            for (label, name, on) in [
                ("Aa", "Match capitals", &mut query.case),
                ("ab", "Whole words", &mut query.word),
                (".*", "Regular expression", &mut query.regex),
            ] {
                if Btn::new(label).quiet().on(*on).name(name).show(ui, theme).clicked() {
                    *on = !*on;
                    changed = true;
                }
            }
            if icon_button(ui, theme, "arrow-up", "Find before (Shift+F3)").clicked() {
                cx.send(Command::FindNext(false));
            }
            if icon_button(ui, theme, "arrow-down", "Next find (F3)").clicked() {
                cx.send(Command::FindNext(true));
            }
            if doc.notebook().is_some() {
                let label = if all { "In all cells" } else { "In this cell" };
                if Btn::new(label).quiet().on(!all).name("Look in this cell alone").show(ui, theme).clicked() {
                    all = !all;
                    changed = true;
                }
                let shown = Btn::new("Outputs").quiet().on(outputs).name("Also look in what outputs show");
                if shown.show(ui, theme).clicked() {
                    outputs = !outputs;
                    changed = true;
                }
            }
            let bad = find.error.is_some() || (find.finds.is_empty() && !find.query.text.is_empty() && !find.looking);
            let words = match &find.error {
                Some(e) => e.to_string(),
                None => find.words(),
            };
            let ink = if bad { theme.fail } else { theme.muted };
            ui.label(egui::RichText::new(words).font(theme.font(SMALL)).color(ink));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if icon_button(ui, theme, "x", "Close (Esc)").clicked() {
                    cx.send(Command::CloseFind);
                }
                let replace = Btn::new(if tight { "" } else { "Replace" }).quiet().name("Replace");
                let replace = if tight { replace.icon("replace") } else { replace.key("Ctrl H") };
                if !find.replacing && replace.show(ui, theme).on_hover_text("Replace (Ctrl+H)").clicked() {
                    cx.send(Command::Find { replacing: true });
                }
            });
        });
        if let Some((line, words)) = find.unseen() {
            ui.horizontal(|ui| {
                ui.label(theme.small(format!("Line {}, which is left out below:", thousands(line as u64))));
                let words = egui::RichText::new(words).font(theme.mono(CONTROL)).color(theme.text);
                ui.add(egui::Label::new(words).truncate().selectable(true));
            });
        }
        if find.replacing {
            ui.horizontal(|ui| {
                ui.set_min_height(24.0);
                let response = field(ui, theme, by_id(), "Replace by", &mut bar.by, (true, tight));
                if tab(ui, &response, Modifiers::SHIFT) {
                    ui.memory_mut(|m| m.request_focus(field_id()));
                } else if tab(ui, &response, Modifiers::NONE) {
                    response.surrender_focus();
                }
                changed |= response.changed();
                let none = find.finds.is_empty().then_some("Nothing was found");
                let enter = response.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
                if Btn::new("Replace").disabled(none).name("Replace this one").show(ui, theme).clicked() || enter {
                    cx.send(Command::ReplaceOne);
                    if enter {
                        response.request_focus();
                    }
                }
                if Btn::new("Replace all").disabled(none).show(ui, theme).clicked() {
                    cx.send(Command::ReplaceAll);
                }
                if query.regex {
                    ui.label(theme.faint("$1 stands for the first group, \\n for a line break"));
                }
            });
        }
    });
    ui.painter().hline(ui.max_rect().x_range(), ui.cursor().top(), theme.hairline());
    if changed {
        query.text.clone_from(&bar.text);
        bar.of = Some(query.clone());
        bar.finder = query.compile().ok().flatten();
        cx.send(Command::LookFor { query, by: bar.by.clone(), all, outputs });
    }
}

/// Tab pressed in a field that keeps it.
fn tab(ui: &Ui, response: &egui::Response, modifiers: Modifiers) -> bool {
    response.has_focus() && ui.input_mut(|i| i.modifiers == modifiers && i.consume_key(modifiers, Key::Tab))
}

/// `keeps`: Tab goes to the other field rather than to the next button. `tight`: there is little room.
fn field(
    ui: &mut Ui,
    theme: &crate::ui::theme::Theme,
    id: Id,
    name: &str,
    text: &mut String,
    (keeps, tight): (bool, bool),
) -> egui::Response {
    let edit = TextEdit::singleline(text)
        .id(id)
        .lock_focus(keeps)
        .font(theme.mono(CONTROL))
        .hint_text(name)
        .margin(Margin::symmetric(8, 4))
        .desired_width(if tight { 150.0 } else { 240.0 });
    let response = ui.add(edit);
    response.widget_info(|| {
        let mut info = egui::WidgetInfo::text_edit(true, "", text.as_str(), name);
        info.label = Some(name.to_owned());
        info
    });
    response
}

fn select_all(ui: &Ui, text: &str) {
    use egui::text::{CCursor, CCursorRange, CharIndex};
    let mut state = egui::text_edit::TextEditState::load(ui.ctx(), field_id()).unwrap_or_default();
    let end = CCursor::new(CharIndex(text.chars().count()));
    state.cursor.set_char_range(Some(CCursorRange::two(CCursor::new(CharIndex(0)), end)));
    state.store(ui.ctx(), field_id());
}
