//! The panel that searches the workspace: fields, what came of it, and the list of finds.
mod list;

use egui::{Align, Frame, Id, Key, Layout, Margin, Modifiers, TextEdit, Ui, vec2};

use super::{
    PageCx,
    theme::{CONTROL, SMALL},
    widgets::{Btn, hair_x, icon_button, link, section_head},
};
use crate::{
    app::search::{Command, State},
    model::search::Ask,
};

/// What the panel remembers.
#[derive(Debug, Default)]
pub struct View {
    text: String,
    by: String,
    include: String,
    exclude: String,
    /// What the fields were taken from.
    of: Option<(Ask, String)>,
    /// The request to write into the field that was done last.
    focus: u64,
    list: list::View,
}

fn field_id(name: &str) -> Id {
    Id::unique(("workspace-search", name))
}

/// Draws it.
pub fn panel_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View) {
    let search = &cx.state.search;
    let now = (search.ask.clone(), search.by.clone());
    if view.of.as_ref() != Some(&now) {
        view.text.clone_from(&now.0.query.text);
        view.include.clone_from(&now.0.include);
        view.exclude.clone_from(&now.0.exclude);
        view.by.clone_from(&now.1);
        view.of = Some(now);
    }
    head_ui(ui, cx, search);
    let mut ask = search.ask.clone();
    let mut changed = false;
    Frame::NONE.inner_margin(Margin { left: 12, right: 10, top: 0, bottom: 6 }).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing = vec2(4.0, 5.0);
        keys(ui, cx);
        changed |= query_ui(ui, cx, view, &mut ask);
        if search.replacing {
            replace_ui(ui, cx, view);
        }
        changed |= switches_ui(ui, cx, &mut ask);
        if search.patterns {
            changed |= patterns_ui(ui, cx, view, &mut ask);
        }
    });
    if changed {
        view.of = Some((ask.clone(), search.by.clone()));
        cx.send(Command::Look(ask));
    }
    hair_x(ui, cx.theme);
    outcome_ui(ui, cx, search);
    list::list_ui(ui, cx, &mut view.list);
}

fn head_ui(ui: &mut Ui, cx: &mut PageCx<'_>, search: &State) {
    let theme = cx.theme;
    section_head(ui, theme, "Search", "all files", |ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        if icon_button(ui, theme, "x", "Back to the files").clicked() {
            cx.send(Command::Close);
        }
        let folded = !search.files.is_empty() && search.folded.len() >= search.files.len();
        let (icon, name) = if folded { ("unfold-vertical", "Unfold all") } else { ("fold-vertical", "Fold all") };
        if icon_button(ui, theme, icon, name).clicked() {
            cx.send(Command::FoldAll(!folded));
        }
        if icon_button(ui, theme, "eraser", "Clear the search").clicked() {
            cx.send(Command::Clear);
        }
        if icon_button(ui, theme, "refresh-cw", "Search again").clicked() {
            cx.send(Command::Again);
        }
    });
}

/// Keys of the list while somebody writes into a field of the panel.
fn keys(ui: &Ui, cx: &mut PageCx<'_>) {
    let ours = ["text", "by", "include", "exclude"].map(field_id);
    if !ui.memory(|m| m.focused()).is_some_and(|id| ours.contains(&id)) {
        return;
    }
    let taken = |m: Modifiers, k: Key| ui.input_mut(|i| i.modifiers == m && i.consume_key(m, k));
    for (key, down, by) in
        [(Key::ArrowDown, true, 1), (Key::ArrowUp, false, 1), (Key::PageDown, true, 15), (Key::PageUp, false, 15)]
    {
        if taken(Modifiers::NONE, key) {
            cx.send(Command::Step(down, by));
        }
    }
    if taken(Modifiers::COMMAND, Key::H) {
        cx.send(Command::ToggleReplace);
    }
    if taken(Modifiers::COMMAND, Key::Enter) && cx.state.search.replacing {
        cx.send(Command::ReplaceAll);
    }
}

fn query_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, ask: &mut Ask) -> bool {
    let theme = cx.theme;
    let search = &cx.state.search;
    let mut changed = false;
    ui.horizontal(|ui| {
        let room = ui.available_width() - 96.0;
        let response = field(ui, cx, "text", "Search", &mut view.text, room);
        if view.focus != search.focus {
            view.focus = search.focus;
            response.request_focus();
            select_all(ui, response.id, &view.text);
        }
        if response.changed() {
            ask.query.text.clone_from(&view.text);
            changed = true;
        }
        if response.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter)) {
            cx.send(Command::GoChosen);
        }
        ui.spacing_mut().item_spacing.x = 0.0;
        for (label, name, on) in [
            ("Aa", "Match capitals", &mut ask.query.case),
            ("ab", "Whole words", &mut ask.query.word),
            (".*", "Regular expression", &mut ask.query.regex),
        ] {
            if Btn::new(label).quiet().on(*on).name(name).show(ui, theme).on_hover_text(name).clicked() {
                *on = !*on;
                changed = true;
            }
        }
    });
    changed
}

fn replace_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View) {
    let theme = cx.theme;
    let search = &cx.state.search;
    ui.horizontal(|ui| {
        let room = ui.available_width() - 96.0;
        let response = field(ui, cx, "by", "Replace by", &mut view.by, room);
        if response.changed() {
            view.of = Some((search.ask.clone(), view.by.clone()));
            cx.send(Command::By(view.by.clone()));
        }
        let none = match (search.files.is_empty(), search.is_writing()) {
            (true, _) => Some("Nothing was found"),
            (_, true) => Some("Files are being written"),
            _ => None,
        };
        let button = Btn::new("Replace all").disabled(none).name("Replace everything that is listed");
        if button.show(ui, theme).clicked() {
            cx.send(Command::ReplaceAll);
        }
    });
    if search.ask.query.regex {
        ui.label(theme.faint("$1 stands for the first group, \\n for a line break"));
    }
}

fn switches_ui(ui: &mut Ui, cx: &mut PageCx<'_>, ask: &mut Ask) -> bool {
    let theme = cx.theme;
    let search = &cx.state.search;
    let mut changed = false;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        if Btn::new("Replace")
            .quiet()
            .on(search.replacing)
            .name("Show the field that replaces")
            .show(ui, theme)
            .clicked()
        {
            cx.send(Command::ToggleReplace);
        }
        let outputs = Btn::new("Outputs").quiet().on(ask.outputs).name("Also search what outputs show");
        if outputs.show(ui, theme).on_hover_text("Also search what the outputs of notebooks show").clicked() {
            ask.outputs = !ask.outputs;
            changed = true;
        }
        let limited = !ask.include.is_empty() || !ask.exclude.is_empty();
        let label = if limited && !search.patterns { "Some files" } else { "Files" };
        let files = Btn::new(label).quiet().on(search.patterns || limited).name("Which files are searched");
        if files.show(ui, theme).clicked() {
            cx.send(Command::TogglePatterns);
        }
    });
    changed
}

fn patterns_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, ask: &mut Ask) -> bool {
    let mut changed = false;
    let theme = cx.theme;
    ui.label(theme.faint("Only in"));
    let room = ui.available_width();
    if field_hint(ui, cx, "include", "Only in these files", "src, *.py", &mut view.include, room).changed() {
        ask.include.clone_from(&view.include);
        changed = true;
    }
    ui.label(theme.faint("Not in"));
    if field_hint(ui, cx, "exclude", "Not in these files", "data, *.csv", &mut view.exclude, room).changed() {
        ask.exclude.clone_from(&view.exclude);
        changed = true;
    }
    ui.label(theme.faint("What git ignores is never searched"));
    changed
}

/// How many, whether it goes on, and what was left out.
fn outcome_ui(ui: &mut Ui, cx: &mut PageCx<'_>, search: &State) {
    let theme = cx.theme;
    let words = search.words();
    Frame::NONE.inner_margin(Margin { left: 12, right: 10, top: 4, bottom: 2 }).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing = vec2(8.0, 2.0);
        if let Some(error) = &search.error {
            let mut text = error.to_string();
            if let Some(hint) = &error.hint {
                text += &format!(". {hint}");
            }
            ui.add(egui::Label::new(egui::RichText::new(text).font(theme.font(SMALL)).color(theme.fail)).wrap());
            return;
        }
        ui.horizontal(|ui| {
            ui.set_min_height(20.0);
            ui.label(egui::RichText::new(words).font(theme.font(SMALL)).color(theme.muted));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if search.running && search.tally.is_none() && link(ui, theme, "Stop").clicked() {
                    cx.send(Command::Stop);
                } else if let Some(last) = &search.last {
                    let response = link(ui, theme, "Take back");
                    let tip = format!("Take back the replacement of {}", last.words());
                    if response.on_hover_text(tip).clicked() {
                        cx.send(Command::TakeBack(last.number));
                    }
                }
            });
        });
        for sentence in search.left_out() {
            ui.add(egui::Label::new(theme.faint(sentence)).wrap());
        }
        if search.ask.query.text.is_empty() {
            ui.add_space(4.0);
            let hint = "Looks through text files and the cells of notebooks, as they are in the window. \
                        Arrows walk the list, Enter goes to the place.";
            ui.add(egui::Label::new(theme.faint(hint)).wrap());
        }
    });
}

fn field(ui: &mut Ui, cx: &PageCx<'_>, id: &str, name: &str, text: &mut String, width: f32) -> egui::Response {
    field_hint(ui, cx, id, name, name, text, width)
}

fn field_hint(
    ui: &mut Ui,
    cx: &PageCx<'_>,
    id: &str,
    name: &str,
    hint: &str,
    text: &mut String,
    width: f32,
) -> egui::Response {
    let theme = cx.theme;
    let edit = TextEdit::singleline(text)
        .id(field_id(id))
        .font(theme.mono(CONTROL))
        .hint_text(egui::RichText::new(hint).color(theme.faint))
        .margin(Margin::symmetric(8, 4))
        .desired_width((width - 16.0).max(60.0));
    let response = ui.add(edit);
    response.widget_info(|| {
        let mut info = egui::WidgetInfo::text_edit(true, "", text.as_str(), hint);
        info.label = Some(name.to_owned());
        info
    });
    response
}

fn select_all(ui: &Ui, id: Id, text: &str) {
    use egui::text::{CCursor, CCursorRange, CharIndex};
    let mut state = egui::text_edit::TextEditState::load(ui.ctx(), id).unwrap_or_default();
    let end = CCursor::new(CharIndex(text.chars().count()));
    state.cursor.set_char_range(Some(CCursorRange::two(CCursor::new(CharIndex(0)), end)));
    state.store(ui.ctx(), id);
}
