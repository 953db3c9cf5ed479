//! Draws a text in Markdown, block by block; what stands inside of a paragraph is in `paragraph`.
mod code;
mod formula;
mod paragraph;
mod prose;
mod table;

use std::sync::Arc;

use egui::{Frame, Margin, Rect, Sense, Stroke, Ui, UiBuilder, pos2, vec2};

pub use self::prose::{Prose, prose_ui};
use super::{Act, Draw, ItemView, Pictures, disclosure};
use crate::{
    model::{
        markdown::{Alert, Block, Document, Inline, Item},
        output::Image,
    },
    ui::theme::{BODY, Theme},
};

/// Widest text in points; longer lines are hard to read.
const WIDEST: f32 = 860.0;

/// Pictures that stand beside the notebook, by the path the text gives: `None` while nobody has asked.
pub type Files<'a> = &'a dyn Fn(&str) -> Option<Result<Arc<Image>, String>>;

/// What a text needs besides itself.
pub struct Setting<'a> {
    pub files: Files<'a>,
    /// Words can be selected with the mouse.
    pub selectable: bool,
}

impl Default for Setting<'_> {
    fn default() -> Self {
        Self { files: &|_| Some(Err("not beside this text".to_owned())), selectable: true }
    }
}

/// Size, height of a line and weight of words.
#[derive(Clone, Copy)]
struct Face {
    size: f32,
    line: f32,
    heavy: bool,
    faint: bool,
}

const TEXT: Face = Face { size: BODY, line: 20.0, heavy: false, faint: false };

fn heading(level: u8) -> Face {
    let (size, line) = match level {
        1 => (22.0, 30.0),
        2 => (18.0, 26.0),
        3 => (15.5, 23.0),
        4 => (14.0, 21.0),
        _ => (13.0, 20.0),
    };
    Face { size, line, heavy: true, faint: false }
}

/// Entries of a list beyond which only those that are seen are laid out.
const LONG: usize = 60;
/// Numbers that the parts of one block have.
const PARTS: usize = 1 << 24;

/// The height a block is likely to take.
fn guess(block: &Block, width: f32) -> f32 {
    let words = |words: &[Inline], face: Face| {
        let letters: usize = words.iter().map(|w| if let Inline::Text(t, _) = w { t.len() } else { 8 }).sum();
        (letters as f32 * face.size * 0.5 / width.max(40.0)).ceil().max(1.0) * face.line
    };
    match block {
        Block::Heading { level, words: all, .. } => words(all, heading(*level)) + 4.0,
        Block::Paragraph { words: all, .. } => words(all, TEXT),
        Block::Code { text, .. } => text.lines().count() as f32 * 18.0 + 12.0,
        Block::Quote { blocks, .. } | Block::Footnote { blocks, .. } => blocks.iter().map(|b| guess(b, width)).sum(),
        Block::List { items, .. } => items.iter().flat_map(|i| &i.blocks).map(|b| guess(b, width)).sum(),
        Block::Table(grid) => (grid.rows.len() + 1) as f32 * 28.0,
        Block::Rule => 9.0,
        Block::Page(page) => page.iter().map(|b| super::guess_block(b, width)).sum(),
        Block::Fold { open, blocks, .. } => {
            22.0 + if *open { blocks.iter().map(|b| guess(b, width)).sum() } else { 0.0 }
        }
    }
}

impl Draw<'_> {
    /// A whole text.
    pub(super) fn document(&mut self, ui: &mut Ui, doc: &Document, item: &mut ItemView, setting: &Setting<'_>) {
        let width = ui.available_width().min(WIDEST);
        ui.scope(|ui| {
            ui.set_max_width(width);
            ui.spacing_mut().item_spacing = vec2(6.0, 7.0);
            // The parts of each block have numbers of their own, whether the blocks before it are drawn or not.
            let mut stack = std::mem::take(&mut item.stack);
            let guess = |i: usize, width: f32| doc.blocks.get(i).map_or(0.0, |b| guess(b, width));
            stack.show(ui, (doc.blocks.len(), 7.0), guess, |ui, i| {
                let Some(block) = doc.blocks.get(i) else { return };
                if i > 0 && matches!(block, Block::Heading { .. }) {
                    ui.add_space(if matches!(block, Block::Heading { level: ..=2, .. }) { 6.0 } else { 3.0 });
                }
                let mut next = i * PARTS;
                Text { draw: self, doc, setting }.block(ui, block, item, &mut next, TEXT);
            });
            item.stack = stack;
        });
    }
}

struct Text<'d, 'a, 'b> {
    draw: &'b mut Draw<'d>,
    doc: &'a Document,
    setting: &'b Setting<'b>,
}

impl<'a> Text<'_, 'a, '_> {
    fn theme(&self) -> Theme {
        self.draw.theme.clone()
    }

    /// `next` counts the parts that keep a state of their own.
    fn blocks(&mut self, ui: &mut Ui, blocks: &'a [Block], item: &mut ItemView, next: &mut usize, face: Face) {
        for block in blocks {
            self.block(ui, block, item, next, face);
        }
    }

    fn block(&mut self, ui: &mut Ui, block: &'a Block, item: &mut ItemView, next: &mut usize, face: Face) {
        let theme = self.theme();
        match block {
            Block::Heading { level, words, .. } => {
                if ui.cursor().top() > ui.min_rect().top() + 1.0 {
                    ui.add_space(if *level <= 2 { 6.0 } else { 3.0 });
                }
                self.words(ui, words, heading(*level), false);
            }
            Block::Paragraph { words, centered } => self.words(ui, words, face, *centered),
            Block::Code { language, text } => self.code(ui, language, text),
            Block::Quote { kind, blocks } => self.quote(ui, *kind, blocks, item, next, face),
            Block::List { first, tight, items } => self.list(ui, (*first, *tight), items, item, next, face),
            Block::Table(grid) => self.table(ui, grid, next),
            Block::Rule => {
                let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 9.0), Sense::hover());
                ui.painter().hline(rect.x_range(), rect.center().y, Stroke::new(1.0, theme.border));
            }
            Block::Page(page) => {
                *next += 1;
                let view = item.parts.entry(*next).or_default();
                ui.push_id(("page", *next), |ui| self.draw.page(ui, page, view));
            }
            Block::Fold { title, open, blocks } => {
                *next += 1;
                let here = *next;
                let turned = item.parts.entry(here).or_default().open;
                let mut shown = *open != turned;
                ui.push_id(("fold", here), |ui| {
                    if disclosure(ui, &theme, title, shown) {
                        item.parts.entry(here).or_default().open = !turned;
                        shown = !shown;
                    }
                    if shown {
                        ui.indent("inside", |ui| self.blocks(ui, blocks, item, next, face));
                    }
                });
                // Parts below keep their numbers whether it is open or not.
                *next = here + 1_000;
            }
            Block::Footnote { number, blocks } => {
                let small = Face { size: 12.0, line: 18.0, ..face };
                self.marked(ui, &format!("{number}."), 22.0, |text, ui| text.blocks(ui, blocks, item, next, small));
            }
        }
    }

    /// Something with a mark at its left.
    fn marked(&mut self, ui: &mut Ui, mark: &str, room: f32, inside: impl FnOnce(&mut Self, &mut Ui)) {
        let theme = self.theme();
        let top = ui.cursor().min;
        let rect = Rect::from_min_max(
            top + vec2(room, 0.0),
            pos2(ui.max_rect().right().max(top.x + room + 40.0), f32::INFINITY),
        );
        let at = pos2(top.x + room - 7.0, top.y + 10.0);
        ui.painter().text(at, egui::Align2::RIGHT_CENTER, mark, theme.font(BODY), theme.muted);
        let mut inner = ui.new_child(UiBuilder::new().max_rect(rect).id_salt(("marked", ui.next_auto_id())));
        inside(self, &mut inner);
        let used = inner.min_rect();
        ui.allocate_rect(Rect::from_min_max(top, used.max.max(top + vec2(room, 18.0))), Sense::hover());
    }

    fn list(
        &mut self,
        ui: &mut Ui,
        (first, tight): (Option<u64>, bool),
        items: &'a [Item],
        view: &mut ItemView,
        next: &mut usize,
        face: Face,
    ) {
        let gap = if tight { 2.0 } else { 7.0 };
        ui.scope(|ui| {
            ui.spacing_mut().item_spacing.y = gap;
            if items.len() <= LONG {
                for (i, entry) in items.iter().enumerate() {
                    self.entry(ui, (entry, i, first), view, next, face);
                }
                return;
            }
            // Of a long list only what is seen is laid out, so that its entries need numbers of their own.
            *next += 1;
            let here = *next;
            let mut stack = std::mem::take(&mut view.parts.entry(here).or_default().stack);
            let guess = |i: usize, width: f32| -> f32 {
                items.get(i).map_or(0.0, |e| e.blocks.iter().map(|b| guess(b, width)).sum())
            };
            stack.show(ui, (items.len(), gap), guess, |ui, i| {
                ui.spacing_mut().item_spacing.y = gap;
                let mut own = here + 1 + i * 64;
                if let Some(entry) = items.get(i) {
                    self.entry(ui, (entry, i, first), view, &mut own, face);
                }
            });
            view.parts.entry(here).or_default().stack = stack;
            *next = here + 1 + items.len() * 64;
        });
    }

    /// One entry of a list.
    fn entry(
        &mut self,
        ui: &mut Ui,
        (entry, i, first): (&'a Item, usize, Option<u64>),
        view: &mut ItemView,
        next: &mut usize,
        face: Face,
    ) {
        let mark = match (entry.checked, first) {
            (Some(_), _) => String::new(),
            (None, Some(n)) => format!("{}.", n.saturating_add(i as u64)),
            (None, None) => "\u{2022}".to_owned(),
        };
        let top = ui.cursor().min;
        let room = if mark.len() > 3 { 24.0 + 7.0 * (mark.len() - 3) as f32 } else { 24.0 };
        self.marked(ui, &mark, room, |text, ui| text.blocks(ui, &entry.blocks, view, next, face));
        if let Some(done) = entry.checked {
            let theme = self.theme();
            let at = pos2(top.x + 12.0, top.y + 10.0);
            let symbol = crate::ui::theme::icon(if done { "square-check" } else { "square" });
            let ink = if done { theme.accent } else { theme.muted };
            ui.painter().text(at, egui::Align2::CENTER_CENTER, symbol, theme.icon_font(14.0), ink);
        }
    }

    fn quote(
        &mut self,
        ui: &mut Ui,
        kind: Option<Alert>,
        blocks: &'a [Block],
        item: &mut ItemView,
        next: &mut usize,
        face: Face,
    ) {
        let theme = self.theme();
        let (ink, symbol) = match kind {
            None => (theme.border, ""),
            Some(Alert::Note) => (theme.accent, "info"),
            Some(Alert::Tip) => (theme.ok, "lightbulb"),
            Some(Alert::Important) => (theme.accent, "message-square"),
            Some(Alert::Warning) => (theme.warn, "triangle-alert"),
            Some(Alert::Caution) => (theme.fail, "octagon-alert"),
        };
        let top = ui.cursor().min;
        let inner = Frame::NONE.inner_margin(Margin { left: 14, right: 0, top: 1, bottom: 1 }).show(ui, |ui| {
            ui.set_width(ui.available_width());
            if let Some(kind) = kind {
                ui.horizontal(|ui| {
                    ui.label(theme.icon(symbol, 14.0).color(ink));
                    ui.label(
                        egui::RichText::new(kind.word())
                            .font(theme.semibold(BODY))
                            .color(theme.readable(ink, theme.bg)),
                    );
                });
            }
            self.blocks(ui, blocks, item, next, Face { faint: kind.is_none(), ..face });
        });
        let bar = Rect::from_min_max(top, pos2(top.x + 3.0, inner.response.rect.bottom()));
        ui.painter().rect_filled(bar, 1.5, ink);
    }
}

/// Draws a text that is no output: a Markdown cell.
pub fn markdown_ui(
    ui: &mut Ui,
    theme: &Theme,
    doc: &Document,
    view: &mut super::OutputsView,
    pictures: &mut Pictures,
    setting: &Setting<'_>,
) -> Vec<Act> {
    let mut acts = Vec::new();
    let item = view.items.entry(usize::MAX).or_default();
    let mut draw =
        Draw { theme, pictures, acts: &mut acts, macros: &view.macros, live: None, listening: false, at_home: false };
    draw.document(ui, doc, item, setting);
    acts
}
