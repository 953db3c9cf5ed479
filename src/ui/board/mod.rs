//! The board page: head, flow strip, and one of three pictures: the board itself, its metrics, its log.
//!
//! [`plan`] says where every card lies, [`grid`] draws what is visible of it and handles the pointer, [`keys`] the
//! keyboard, [`card`] paints one card, [`detail`] is the panel at the right, [`ask`] the questions over the page.
mod ask;
mod bulk;
mod card;
mod detail;
mod grid;
mod keys;
mod log;
mod metrics;
mod plan;
mod settings;
mod strip;

use std::{collections::HashMap, sync::Arc};

use egui::{Align, Key, Layout, Ui};

use super::{
    PageCx,
    widgets::{Btn, empty_state, error_box, hair_y, icon_button, page_head, right_panel, segmented, text_field},
};
use crate::{
    app::board::{
        Command, Picture,
        filter::{Filter, STATES, toggled},
        live::{self, Live},
    },
    base::ids::CardId,
    model::board::{Card, ColumnKind, Grouping, Link, edit::Edit},
};

/// Text in one row of at most this width.
pub(super) fn fit_text(
    p: &egui::Painter,
    text: &str,
    font: egui::FontId,
    color: egui::Color32,
    width: f32,
) -> Arc<egui::Galley> {
    card::fit(p, text, font, color, width, 1)
}

/// What only the page itself needs to remember.
#[derive(Debug, Default)]
pub struct View {
    plan: Arc<plan::Plan>,
    links: (u64, Vec<Link>),
    carry: Option<grid::Carry>,
    /// `m` was pressed: the next letter names a column.
    moving: bool,
    /// Focus moved by a key: bring it into sight, and show the ring.
    reveal: bool,
    ring: bool,
    /// A field had the focus when the last frame ended.
    typing: bool,
    scroll_x: f32,
    filter: Option<String>,
    focus_filter: bool,
    composer: Option<ask::Composer>,
    reason: String,
    detail: detail::View,
    settings: settings::View,
    bulk: bulk::View,
}

/// Live states of everything that cards are bound to.
pub(super) type States = HashMap<Link, Live>;

/// Draws the page.
pub fn page_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View) {
    let board = &cx.state.board;
    head_ui(ui, cx, view);
    if let Some(error) = &board.error {
        if error_box(ui, cx.theme, error, &["Try again"]).is_some() {
            cx.send(Command::Reload);
        }
        return;
    }
    if !board.loaded {
        return;
    }
    if board.board.is_empty() {
        if empty_state(
            ui,
            cx.theme,
            "kanban",
            "No board yet: it shows who works on what",
            &["Create the usual columns"],
        )
        .is_some()
        {
            cx.send(Command::Do(Edit::Defaults));
        }
        return;
    }
    strip::strip_ui(ui, cx);
    if let Some(error) = &board.unsaved
        && error_box(ui, cx.theme, error, &["Try again"]).is_some()
    {
        cx.send(Command::Retry);
    }
    let states = states(cx, view);
    // The key that answers a question must not act on the board in the same frame.
    let asked = view.composer.is_some() || board.asking.is_some() || view.settings.open;
    settings::settings_ui(ui, cx, &mut view.settings);
    ask::asks_ui(ui, cx, view);
    if board.picture == Picture::Board {
        bulk::bulk_ui(ui, cx, &mut view.bulk);
    }
    if board.picture == Picture::Board && !cx.state.shell.hide_inspector {
        let open = board.open.as_ref().and_then(|id| board.card(id));
        if let Some(card) = open {
            right_panel(ui, cx.theme, "board-detail", 340.0, |ui| {
                detail::detail_ui(ui, cx, &mut view.detail, card, &states);
            });
        }
    }
    match board.picture {
        Picture::Board => {
            if !asked {
                keys::keys(ui, cx, view);
            }
            grid::grid_ui(ui, cx, view, &states);
        }
        Picture::Metrics => metrics::metrics_ui(ui, cx),
        Picture::Log => log::log_ui(ui, cx),
    }
}

/// Looks up the state of every distinct link once a frame; which links there are is kept until the board changes.
fn states(cx: &PageCx<'_>, view: &mut View) -> States {
    let board = &cx.state.board;
    if view.links.0 != board.revision {
        let mut all: Vec<Link> = board.board.cards.values().flat_map(|c| c.links.iter().cloned()).collect();
        all.sort();
        all.dedup();
        view.links = (board.revision, all);
    }
    view.links.1.iter().filter_map(|l| Some((l.clone(), live::of_link(cx.state, l)?))).collect()
}

/// Of a card's links the one that needs most attention.
pub(super) fn worst<'a>(states: &'a States, card: &Card) -> Option<&'a Live> {
    card.links.iter().filter_map(|l| states.get(l)).min_by_key(|l| l.urgency())
}

fn head_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View) {
    let theme = cx.theme;
    let board = &cx.state.board;
    page_head(ui, theme, "Board", "", |ui| {
        if board.board.is_empty() {
            return;
        }
        let pictures = [(Picture::Board, "Board"), (Picture::Metrics, "Metrics"), (Picture::Log, "Log")];
        if let Some(picture) = segmented(ui, theme, board.picture, &pictures) {
            cx.send(Command::Show(picture));
        }
        if board.picture != Picture::Metrics {
            hair_y(ui, theme);
            filter_ui(ui, cx, view);
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if Btn::new("New card").icon("plus").key("C").primary().show(ui, theme).clicked() {
                view.composer = Some(ask::Composer::new(&cx.state.board, None));
            }
            if icon_button(ui, theme, "undo-2", "Undo (U)").clicked() {
                cx.send(Command::Undo);
            }
            if icon_button(ui, theme, "settings-2", "Board settings").clicked() {
                view.settings.open = true;
            }
            lanes_ui(ui, cx);
            if cx.state.workspace.is_repo && ui.available_width() > 120.0 {
                let waiting = cx.state.board.pending;
                let label = if waiting > 0 { format!("Saving {waiting}") } else { "Sync".to_owned() };
                let button = Btn::new(&label).icon("refresh-cw").quiet().name("Sync the board with origin");
                if button.show(ui, theme).on_hover_text("Fetch, merge and push the board's branch").clicked() {
                    cx.send(Command::Sync);
                }
            }
        });
    });
}

fn filter_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View) {
    let theme = cx.theme;
    if view.filter.is_none() && !cx.state.board.filter.is_empty() {
        view.filter = Some(cx.state.board.filter.clone());
    }
    let Some(text) = view.filter.as_mut() else {
        if Btn::new("Filter").icon("filter").key("/").quiet().show(ui, theme).clicked() {
            view.filter = Some(String::new());
            view.focus_filter = true;
        }
        return;
    };
    let hint = "words, @person, #label, lane:, in:, is:red";
    let field = text_field(ui, theme, text, "Filter cards", hint, 288.0);
    if std::mem::take(&mut view.focus_filter) {
        field.request_focus();
    }
    if field.changed() {
        cx.send(Command::Filter(text.clone()));
    }
    let unknown = Filter::parse(text).unknown;
    if let Some(word) = unknown.first() {
        let known = STATES.map(|(k, _)| k).join(", ");
        ui.label(theme.small(format!("is:{word} says nothing")).color(theme.warn))
            .on_hover_text(format!("is: {known}"));
    }
    if let Some(token) = token_menu(ui, cx) {
        *text = toggled(text, &token);
        cx.send(Command::Filter(text.clone()));
    }
    let left = field.lost_focus();
    let escaped = left && ui.input(|i| i.key_pressed(Key::Escape));
    let cleared = icon_button(ui, theme, "x", "Clear the filter").clicked();
    let gone = left && text.is_empty() && cx.state.board.filter.is_empty() && !egui::Popup::is_any_open(ui.ctx());
    if cleared || escaped || gone {
        view.filter = None;
        cx.send(Command::Filter(String::new()));
    }
}

/// What lanes are made of.
fn lanes_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let now = cx.state.board.board.grouping;
    let wide = ui.available_width() > 180.0;
    let label = if wide { format!("Lanes: {}", now.word()) } else { String::new() };
    let button = Btn::new(&label).icon("rows-3").quiet().name("Choose the lanes").show(ui, cx.theme);
    egui::Popup::menu(&button).show(|ui| {
        for by in Grouping::ALL {
            if ui.selectable_label(by == now, by.word()).clicked() && by != now {
                cx.send(Command::Do(Edit::Group(by)));
                ui.close();
            }
        }
    });
}

/// A menu of what can be filtered by; gives the token that was chosen.
fn token_menu(ui: &mut Ui, cx: &PageCx<'_>) -> Option<String> {
    let button = icon_button(ui, cx.theme, "list-filter", "Add to the filter");
    let mut chosen = None;
    egui::Popup::menu(&button).show(|ui| {
        let board = &cx.state.board.board;
        let mut row = |ui: &mut Ui, words: &str, token: String| {
            if ui.button(words).clicked() {
                chosen = Some(token);
                ui.close();
            }
        };
        for (word, means) in STATES {
            row(ui, means, format!("is:{word}"));
        }
        ui.separator();
        for person in board.people().into_iter().take(8) {
            row(ui, person, format!("@{person}"));
        }
        ui.separator();
        for label in board.labels().into_iter().take(8) {
            row(ui, &format!("Label {label}"), format!("#{label}"));
        }
        for lane in board.lanes.iter().take(8) {
            row(ui, &format!("Lane {}", lane.name), format!("lane:{}", lane.name));
        }
    });
    chosen
}

/// Age of a card in words: since it was started, else since it was made; how long it took when it is done.
pub(super) fn age(cx: &PageCx<'_>, card: &Card) -> String {
    let figures = cx.state.board.figures.card(&card.id);
    let done = cx.state.board.board.column(&card.column).is_some_and(|c| c.kind == ColumnKind::Done);
    if done && let Some(ms) = figures.and_then(|f| f.cycle_ms) {
        return days(ms);
    }
    crate::base::time::age(started(cx, &card.id).unwrap_or(card.created), cx.now)
}

/// When work on an unfinished card began.
pub(super) fn started(cx: &PageCx<'_>, card: &CardId) -> Option<jiff::Timestamp> {
    let start = cx.state.board.figures.card(card)?.start_ms?;
    jiff::Timestamp::from_millisecond(start).ok()
}

/// True for started work that is older than 85 % of finished work got.
pub(super) fn is_ageing(cx: &PageCx<'_>, card: &Card) -> bool {
    let board = &cx.state.board;
    let Some(p85) = board.figures.expectation_ms().filter(|_| board.board.is_wip(&card.column)) else { return false };
    started(cx, &card.id).is_some_and(|s| cx.now.as_millisecond() - s.as_millisecond() > p85)
}

/// `6.5 d`; hours below a day, minutes below an hour.
pub(super) fn days(ms: i64) -> String {
    if ms < 3_600_000 {
        format!("{} min", ms / 60_000)
    } else if ms < 86_400_000 {
        format!("{:.1} h", ms as f64 / 3_600_000.0)
    } else {
        format!("{:.1} d", ms as f64 / 86_400_000.0)
    }
}
