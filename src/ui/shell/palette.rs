//! The command palette: everything that can be gone to or done now.
use egui::{Align, Context, Id, Key, Layout, Modal, Modifiers, ScrollArea, Ui, text::LayoutJob};

use crate::{
    app::{
        action::Action,
        shell::{self, Command, PaletteMode},
    },
    base::text::fuzzy,
    ui::{
        PageCx,
        theme::{BODY, Theme, icon},
        widgets::{Row, hair_x, kbd},
    },
};

use super::notices::pop_frame;

/// The text typed and what it found.
#[derive(Debug, Default)]
pub struct View {
    query: String,
    selected: usize,
    /// Asked for and matched once a change of the query, not every frame.
    found: Option<Found>,
    open: bool,
}

#[derive(Debug)]
struct Found {
    query: String,
    total: usize,
    rows: Vec<(Action, Vec<usize>)>,
}

const MOST: usize = 60;

/// Draws the palette when it is open.
pub fn palette_ui(ctx: &Context, cx: &mut PageCx<'_>, view: &mut View) {
    let Some(mode) = cx.state.shell.palette else {
        *view = View::default();
        return;
    };
    let first = !std::mem::replace(&mut view.open, true);
    if view.found.as_ref().is_none_or(|f| f.query != view.query) {
        view.found = Some(search(cx, mode, &view.query));
        view.selected = 0;
    }
    let theme = cx.theme;
    let modal = Modal::new(Id::unique("palette"))
        .frame(pop_frame(theme).inner_margin(0))
        .backdrop_color(theme.fade(theme.bg, 0.6))
        .area(
            egui::Area::new(Id::unique("palette-area"))
                .order(egui::Order::Foreground)
                .anchor(egui::Align2::CENTER_TOP, egui::vec2(0.0, 56.0)),
        );
    let shown = modal.show(ctx, |ui| {
        ui.set_width(640.0);
        ui.spacing_mut().item_spacing.y = 0.0;
        field_ui(ui, cx, view, mode, first);
        hair_x(ui, theme);
        rows_ui(ui, cx, view);
        hair_x(ui, theme);
        foot_ui(ui, theme);
    });
    if shown.should_close() {
        cx.send(Command::ClosePalette);
    }
}

fn search(cx: &PageCx<'_>, mode: PaletteMode, query: &str) -> Found {
    let mut all = shell::actions(cx.state);
    if mode == PaletteMode::Commands {
        all.retain(|a| a.group != "Files" && a.group != "Go to");
    }
    let total = all.len();
    let mut rows: Vec<(i32, Action, Vec<usize>)> = all
        .into_iter()
        .filter_map(|action| {
            if query.trim().is_empty() {
                return Some((0, action, Vec::new()));
            }
            let found = fuzzy(query, &action.title)?;
            let penalty = if action.unavailable.is_some() { 1000 } else { 0 };
            Some((found.score - penalty, action, found.positions))
        })
        .collect();
    rows.sort_by_key(|r| std::cmp::Reverse(r.0));
    rows.truncate(MOST);
    // Groups stand in the order of their best row, the rows of a group together.
    let mut order: Vec<&'static str> = Vec::new();
    for (_, action, _) in &rows {
        let group = group_of(action);
        if !order.contains(&group) {
            order.push(group);
        }
    }
    rows.sort_by_key(|(score, action, _)| (order.iter().position(|g| *g == group_of(action)), -score));
    Found { query: query.to_owned(), total, rows: rows.into_iter().map(|(_, a, p)| (a, p)).collect() }
}

fn group_of(action: &Action) -> &'static str {
    if action.unavailable.is_some() { "Cannot now" } else { action.group }
}

fn field_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, mode: PaletteMode, first: bool) {
    let theme = cx.theme;
    let rows = view.found.as_ref().map_or(0, |f| f.rows.len());
    let (down, up, enter) = ui.input_mut(|i| {
        (
            i.consume_key(Modifiers::NONE, Key::ArrowDown),
            i.consume_key(Modifiers::NONE, Key::ArrowUp),
            i.consume_key(Modifiers::NONE, Key::Enter),
        )
    });
    if down && rows > 0 {
        view.selected = (view.selected + 1) % rows;
    }
    if up && rows > 0 {
        view.selected = (view.selected + rows - 1) % rows;
    }
    if enter {
        choose(cx, view, view.selected);
    }
    ui.horizontal(|ui| {
        ui.set_height(44.0);
        ui.add_space(16.0);
        let sign = if mode == PaletteMode::Commands { "chevron-right" } else { "search" };
        ui.label(theme.icon(sign, 16.0).color(theme.accent));
        let hint = if mode == PaletteMode::Commands { "Run a command" } else { "Go to anything or run a command" };
        let edit = egui::TextEdit::singleline(&mut view.query)
            .id(Id::unique("palette-query"))
            .font(theme.font(15.0))
            .frame(egui::Frame::NONE)
            .align(egui::Align2::LEFT_CENTER)
            .hint_text(egui::RichText::new(hint).color(theme.faint))
            .desired_width(500.0);
        let response = ui.add(edit);
        response.widget_info(|| {
            let mut info = egui::WidgetInfo::text_edit(true, "", view.query.as_str(), hint);
            info.label = Some("Search commands".to_owned());
            info
        });
        if first || !response.has_focus() {
            response.request_focus();
        }
        if let Some(found) = &view.found {
            ui.label(theme.faint(format!("{} of {}", found.rows.len(), found.total)));
        }
    });
}

fn choose(cx: &mut PageCx<'_>, view: &View, index: usize) {
    let Some((action, _)) = view.found.as_ref().and_then(|f| f.rows.get(index)) else { return };
    if action.unavailable.is_none() {
        cx.send(Command::ClosePalette);
        cx.send.push(action.command.clone());
    }
}

fn rows_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View) {
    let theme = cx.theme;
    let Some(found) = view.found.take() else { return };
    let mut clicked = None;
    ScrollArea::vertical().max_height(400.0).show(ui, |ui| {
        ui.add_space(4.0);
        let mut group = "";
        for (index, (action, positions)) in found.rows.iter().enumerate() {
            if group_of(action) != group {
                group = group_of(action);
                ui.horizontal(|ui| {
                    ui.set_height(26.0);
                    ui.add_space(16.0);
                    ui.label(theme.section(group));
                });
            }
            let selected = index == view.selected;
            let row = Row::new(&action.title)
                .height(32.0)
                .padding(16.0)
                .selected(selected)
                .show(ui, theme, |ui| row_ui(ui, theme, action, positions));
            if selected {
                row.scroll_to_me(None);
            }
            if row.clicked() {
                clicked = Some(index);
            }
        }
        if found.rows.is_empty() {
            ui.horizontal(|ui| {
                ui.set_height(40.0);
                ui.add_space(16.0);
                ui.label(theme.muted("Nothing matches; a part of each word is enough"));
            });
        }
        ui.add_space(4.0);
    });
    view.found = Some(found);
    if let Some(index) = clicked {
        choose(cx, view, index);
    }
}

fn row_ui(ui: &mut Ui, theme: &Theme, action: &Action, positions: &[usize]) {
    let unavailable = action.unavailable.is_some();
    ui.label(egui::RichText::new(icon(action.icon).to_string()).font(theme.icon_font(16.0)).color(theme.muted));
    ui.label(highlighted(theme, &action.title, positions, unavailable));
    let detail = action.unavailable.as_deref().unwrap_or(&action.detail);
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        if !action.key.is_empty() {
            kbd(ui, theme, action.key);
        }
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            ui.add(egui::Label::new(theme.faint(detail)).truncate());
        });
    });
}

fn highlighted(theme: &Theme, title: &str, positions: &[usize], unavailable: bool) -> LayoutJob {
    let mut job = LayoutJob::default();
    let plain = if unavailable { theme.faint } else { theme.text };
    for (index, c) in title.chars().enumerate() {
        let hit = positions.contains(&index);
        let (font, color) = if hit { (theme.semibold(BODY), theme.accent) } else { (theme.font(BODY), plain) };
        job.append(&c.to_string(), 0.0, egui::TextFormat::simple(font, color));
    }
    job
}

fn foot_ui(ui: &mut Ui, theme: &Theme) {
    ui.horizontal(|ui| {
        ui.set_height(32.0);
        ui.add_space(16.0);
        for (key, does) in [("\u{2191}", ""), ("\u{2193}", "choose"), ("Enter", "run"), ("Esc", "close")] {
            kbd(ui, theme, key);
            if !does.is_empty() {
                ui.label(theme.small(does));
            }
        }
    });
}
