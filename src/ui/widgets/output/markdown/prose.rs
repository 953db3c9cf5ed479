//! Texts that people wrote in Markdown outside of notebooks: comments, cards.
use std::collections::HashMap;

use egui::Ui;

use super::{
    super::{Act, OutputsView, Pictures},
    Setting, markdown_ui,
};
use crate::{
    base::fsx,
    model::markdown::{self, Context, Document},
    ui::theme::Theme,
};

/// Texts that people wrote in Markdown outside of notebooks: comments, cards. Nothing in them is fetched, and pictures are
/// drawn only when they stand in the text itself.
#[derive(Default)]
pub struct Prose {
    read: HashMap<u64, (Document, OutputsView)>,
    pictures: Pictures,
}

impl std::fmt::Debug for Prose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prose").field("texts", &self.read.len()).finish_non_exhaustive()
    }
}

/// Texts that are remembered.
const TEXTS: usize = 400;

/// Draws such a text; gives the addresses of links that were clicked.
pub fn prose_ui(ui: &mut Ui, theme: &Theme, text: &str, prose: &mut Prose) -> Vec<String> {
    if prose.read.len() > TEXTS {
        prose.read.clear();
    }
    prose.pictures.collect(ui.ctx());
    let name = fsx::hash(text.as_bytes());
    let read = || (markdown::read(text, &Context::default()), OutputsView::default());
    let (document, view) = prose.read.entry(name).or_insert_with(read);
    let acts = ui.push_id(("prose", name), |ui| {
        markdown_ui(ui, theme, document, view, &mut prose.pictures, &Setting::default())
    });
    let address = |act| match act {
        Act::Open(address) | Act::Follow(address) => Some(address),
        _ => None,
    };
    acts.inner.into_iter().filter_map(address).collect()
}
