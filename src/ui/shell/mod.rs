//! The frame around the pages: command bar, rail, status bar, palette, dialogs, notices.
mod bar;
mod dialogs;
mod keys;
mod notices;
mod palette;
mod rail;
mod regions;
mod start;
mod status;

pub(super) use notices::pop_frame;

use egui::{CentralPanel, Frame, Panel, Ui};

use super::{PageCx, board, conflict, data, home, notebook, quality, review, runs, settings};
use crate::app::shell::Page;
pub use regions::{Region, Regions};

/// What only the window remembers: one view a page, and the shell's own drafts.
#[derive(Debug, Default)]
pub struct Views {
    pub home: home::View,
    pub notebook: notebook::View,
    pub data: data::View,
    pub board: board::View,
    pub runs: runs::View,
    pub quality: quality::View,
    pub review: review::View,
    pub conflict: conflict::View,
    pub settings: settings::View,
    palette: palette::View,
    dialogs: dialogs::View,
    /// Where the parts of the window are, for F6.
    pub regions: Regions,
    generation: u64,
}

/// Width of the rail at the left.
const RAIL: f32 = 44.0;

/// Draws the whole window.
pub fn window_ui(ui: &mut Ui, cx: &mut PageCx<'_>, views: &mut Views) {
    if views.generation != cx.state.workspace.generation {
        *views = Views { generation: cx.state.workspace.generation, ..Views::default() };
    }
    keys::global_keys(ui, cx, &mut views.regions);
    let lent = keys::lend_focus(ui.ctx());
    let theme = cx.theme;
    let band = Frame::NONE.fill(theme.panel);
    let bar = Panel::top("bar").exact_size(36.0).frame(band).show_separator_line(true);
    let bar = bar.show(ui, |ui| bar::bar_ui(ui, cx)).response.rect;
    let status = Panel::bottom("status").exact_size(24.0).frame(band).show_separator_line(true);
    let status = status.show(ui, |ui| status::status_ui(ui, cx)).response.rect;
    let rail = Panel::left("rail").exact_size(RAIL).resizable(false).frame(band);
    let rail = rail.show(ui, |ui| rail::rail_ui(ui, cx)).response.rect;
    let middle = CentralPanel::no_frame().frame(Frame::NONE.fill(theme.bg)).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        page_ui(ui, cx, views);
    });
    for (region, rect) in [(Region::Bar, bar), (Region::Rail, rail), (Region::Status, status)] {
        views.regions.set(region, Some(rect));
    }
    views.regions.set_page(ui.ctx(), middle.response.rect);
    regions::frame_ui(ui, theme, &mut views.regions);
    palette::palette_ui(ui.ctx(), cx, &mut views.palette);
    dialogs::dialogs_ui(ui.ctx(), cx, &mut views.dialogs);
    notices::notices_ui(ui.ctx(), cx);
    keys::give_back(ui.ctx(), lent);
}

fn page_ui(ui: &mut Ui, cx: &mut PageCx<'_>, views: &mut Views) {
    if cx.state.workspace.root.is_none() && cx.state.shell.page != Page::Settings {
        start::start_ui(ui, cx);
        return;
    }
    match cx.state.shell.page {
        Page::Home => home::page_ui(ui, cx, &mut views.home),
        Page::Notebook => notebook::page_ui(ui, cx, &mut views.notebook),
        Page::Data => data::page_ui(ui, cx, &mut views.data),
        Page::Board => board::page_ui(ui, cx, &mut views.board),
        Page::Runs => runs::page_ui(ui, cx, &mut views.runs),
        Page::Quality => quality::page_ui(ui, cx, &mut views.quality),
        Page::Review if cx.state.conflict.in_front => conflict::page_ui(ui, cx, &mut views.conflict),
        Page::Review => review::page_ui(ui, cx, &mut views.review),
        Page::Settings => settings::page_ui(ui, cx, &mut views.settings),
    }
}
