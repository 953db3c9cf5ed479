//! Draws a text in Markdown: every paragraph is one layout, with room left in it for formulas and pictures.
use std::{collections::HashMap, ops::Range, sync::Arc};

use egui::{
    Align, Color32, FontId, Frame, Galley, Label, Margin, Pos2, Rect, ScrollArea, Sense, Stroke, TextFormat, Ui,
    UiBuilder, pos2, text::LayoutJob, vec2,
};

use super::{Act, Draw, ItemView, Pictures, disclosure, image, menu};
use crate::{
    base::fsx,
    model::{
        markdown::{self, Alert, Block, Context, Document, From, Grid, Inline, Item, Picture, Side, Style, words_of},
        math::{self, Math},
        output::{Image, Ink},
    },
    ui::{
        theme::{BODY, MONO, Theme},
        widgets::highlight,
    },
};

/// Size of a formula's em beside letters of size 1: letters of both are then equally high.
const EM: f32 = 1.21;
/// Widest text in points; longer lines are hard to read.
const WIDEST: f32 = 860.0;
/// A formula wider than the place is made smaller down to this share, and scrolled beyond it.
const SMALLEST: f32 = 0.6;

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

/// Something that takes room in a line.
struct Room<'a> {
    /// Where its two letters begin.
    at: usize,
    width: f32,
    above: f32,
    below: f32,
    what: What<'a>,
}

enum What<'a> {
    Formula(&'a Math, f32),
    Picture(&'a Picture, Option<Arc<Image>>),
}

/// A paragraph that has been laid out.
struct Laid<'a> {
    galley: Arc<Galley>,
    rooms: Vec<Room<'a>>,
    links: Vec<(Range<usize>, u16)>,
    /// Words with an explanation.
    tips: Vec<(Range<usize>, String)>,
    /// Underlined words, and whether as links are; egui would put the line below the room between rows.
    lines: Vec<(Range<usize>, bool)>,
    /// Distance from the top of a row to its line.
    base: f32,
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

    fn code(&mut self, ui: &mut Ui, language: &str, text: &str) {
        let theme = self.theme();
        let text = text.strip_suffix('\n').unwrap_or(text);
        let spans = grammar(language).and_then(|l| highlight::spans(ui.ctx(), l, text));
        let mut job = LayoutJob::default();
        job.wrap.max_width = f32::INFINITY;
        let format =
            |color| TextFormat { font_id: theme.mono(MONO), color, line_height: Some(18.0), ..TextFormat::default() };
        let mut at = 0;
        for (end, ink) in spans.iter().flat_map(|s| s.iter()) {
            job.append(text.get(at..*end as usize).unwrap_or_default(), 0.0, format(ink.color(&theme)));
            at = *end as usize;
        }
        job.append(text.get(at..).unwrap_or_default(), 0.0, format(theme.text));
        Frame::NONE.fill(theme.sunken).corner_radius(4).inner_margin(Margin::symmetric(10, 6)).show(ui, |ui| {
            ui.set_width(ui.available_width());
            ScrollArea::horizontal().id_salt(ui.next_auto_id()).show(ui, |ui| {
                let response = ui.add(Label::new(job).selectable(self.setting.selectable));
                if self.setting.selectable {
                    menu(&response, &theme, self.draw.acts, || text.to_owned());
                }
            });
        });
    }

    /// Columns as wide as their words, made narrower together where they do not fit.
    fn table(&mut self, ui: &mut Ui, grid: &'a Grid, next: &mut usize) {
        const PAD: f32 = 10.0;
        *next += 1;
        let theme = self.theme();
        let columns = grid.sides.len().max(grid.head.len()).max(1);
        let head = Face { heavy: true, ..TEXT };
        let rows: Vec<(&[Vec<Inline>], Face)> = std::iter::once((grid.head.as_slice(), head))
            .chain(grid.rows.iter().map(|r| (r.as_slice(), TEXT)))
            .collect();
        let mut widths = vec![24.0f32; columns];
        for (row, face) in rows.iter().take(200) {
            for (cell, width) in row.iter().zip(&mut widths) {
                let laid = self.lay(ui, cell, *face, f32::INFINITY, Align::Min);
                *width = width.max(laid.galley.rect.width() + 2.0 * PAD);
            }
        }
        let whole: f32 = widths.iter().sum();
        let room = ui.available_width();
        if whole > room {
            // Narrow columns keep their width as far as that goes.
            let fair = room / columns as f32;
            let small: f32 = widths.iter().filter(|w| **w <= fair).sum();
            let large: f32 = widths.iter().filter(|w| **w > fair).sum();
            let share = ((room - small) / large.max(1.0)).clamp(0.05, 1.0);
            widths.iter_mut().filter(|w| **w > fair).for_each(|w| *w = (*w * share).max(40.0));
        }
        let whole: f32 = widths.iter().sum();
        let id = *next;
        ScrollArea::horizontal().id_salt(("table", id)).show(ui, |ui| {
            let left = ui.cursor().left();
            let top = ui.cursor().top();
            let mut y = top;
            for (n, (row, face)) in rows.iter().enumerate() {
                let mut x = left;
                let mut height = face.line;
                let mut cells = Vec::new();
                for (i, width) in widths.iter().enumerate() {
                    let side = grid.sides.get(i).copied().unwrap_or_default();
                    let align = match side {
                        Side::Left => Align::Min,
                        Side::Center => Align::Center,
                        Side::Right => Align::Max,
                    };
                    let words = row.get(i).map_or(&[][..], Vec::as_slice);
                    let laid = self.lay(ui, words, *face, (width - 2.0 * PAD).max(20.0), align);
                    height = height.max(laid.galley.rect.height());
                    let at = match side {
                        Side::Left => x + PAD,
                        Side::Center => x + width / 2.0,
                        Side::Right => x + width - PAD,
                    };
                    cells.push((laid, at));
                    x += width;
                }
                let line = Rect::from_min_size(pos2(left, y), vec2(whole, height + 8.0));
                if n > 0 && n % 2 == 0 {
                    ui.painter().rect_filled(line, 0.0, theme.panel);
                }
                for (laid, at) in cells {
                    self.show(ui, &laid, pos2(at, y + 4.0), *face);
                }
                y = line.bottom();
                let ink = if n == 0 { theme.border } else { theme.hair };
                ui.painter().hline(line.x_range(), y - 0.5, Stroke::new(1.0, ink));
            }
            ui.allocate_rect(Rect::from_min_max(pos2(left, top), pos2(left + whole, y)), Sense::hover());
        });
    }

    /// A paragraph; formulas and pictures with a line of their own stand between its parts.
    fn words(&mut self, ui: &mut Ui, words: &'a [Inline], face: Face, centered: bool) {
        let own = |w: &Inline| matches!(w, Inline::Math(m) if m.display);
        for part in words.split_inclusive(own) {
            let (line, last) = match part.split_last() {
                Some((Inline::Math(math), before)) if math.display => (before, Some(math)),
                _ => (part, None),
            };
            if !words_of(line).trim().is_empty()
                || line.iter().any(|w| matches!(w, Inline::Math(_) | Inline::Picture(_)))
            {
                self.line(ui, line, face, centered);
            }
            if let Some(math) = last {
                self.display(ui, math, face);
            }
        }
    }

    fn line(&mut self, ui: &mut Ui, words: &'a [Inline], face: Face, centered: bool) {
        let width = ui.available_width();
        let laid = self.lay(ui, words, face, width, if centered { Align::Center } else { Align::Min });
        let (rect, _) = ui.allocate_exact_size(vec2(width, laid.galley.rect.height()), Sense::hover());
        let x = if centered { rect.center().x } else { rect.left() };
        self.show(ui, &laid, pos2(x, rect.top()), face);
    }

    /// A formula on a line of its own, in the middle.
    fn display(&mut self, ui: &mut Ui, math: &'a Math, face: Face) {
        let theme = self.theme();
        let em = face.size * EM;
        let formula = match self.draw.pictures.typeset(ui.ctx(), math) {
            Some(Ok(formula)) => formula,
            None => {
                ui.label(theme.small("Typesetting a long formula\u{2026}"));
                return;
            }
            Some(Err(why)) => {
                let words = egui::RichText::new(math.source.trim()).font(theme.mono(MONO)).color(theme.text);
                let text = self.setting.selectable;
                let response = ui.add(Label::new(words).wrap().selectable(text));
                response.on_hover_text(why);
                ui.label(theme.small(format!("Formula shown as text: {why}")));
                return;
            }
        };
        let (mut wide, mut high) = (formula.width * em, (formula.height + formula.depth) * em);
        if wide < 0.5 {
            return;
        }
        let room = ui.available_width();
        let share = (room / wide).clamp(SMALLEST, 1.0);
        (wide, high) = (wide * share, high * share);
        let em = em * share;
        let mut paint = |ui: &mut Ui, width: f32| {
            let (rect, response) = ui.allocate_exact_size(vec2(width.max(wide), high + 8.0), Sense::click());
            response
                .widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, format!("Formula {}", math.source)));
            let left = rect.left() + (rect.width() - wide) / 2.0;
            formula_ui(
                ui,
                &theme,
                math,
                em,
                pos2(left, rect.top() + 4.0 + formula.height * em),
                self.draw.pictures,
                theme.text,
            );
            menu(&response, &theme, self.draw.acts, || math.source.trim().to_owned());
        };
        if wide > room {
            ScrollArea::horizontal().id_salt(ui.next_auto_id()).show(ui, |ui| paint(ui, wide));
        } else {
            paint(ui, room);
        }
    }

    /// Lays a paragraph out, with room for what is no letter.
    fn lay(&mut self, ui: &Ui, words: &'a [Inline], face: Face, width: f32, align: Align) -> Laid<'a> {
        let theme = self.theme();
        let mut job = LayoutJob::default();
        job.wrap.max_width = width;
        job.halign = align;
        let (mut rooms, mut links, mut tips, mut lines) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut at = 0;
        for inline in words {
            let begin = at;
            match inline {
                Inline::Text(text, style) => {
                    let text = if at == 0 { text.trim_start() } else { text };
                    job.append(text, 0.0, format(&theme, *style, face));
                    at += text.chars().count();
                    if style.underline || style.link > 0 && style.script == 0 {
                        lines.push((begin..at, style.link > 0));
                    }
                    if style.link > 0 {
                        links.push((begin..at, style.link));
                    }
                }
                Inline::Break => {
                    job.append("\n", 0.0, format(&theme, Style::default(), face));
                    at += 1;
                }
                Inline::Math(math) => match self.draw.pictures.typeset(ui.ctx(), math) {
                    // It only defined something.
                    Some(Ok(formula)) if formula.width < 0.01 => {}
                    None => {
                        job.append("\u{2026}", 0.0, format(&theme, Style::default(), face));
                        at += 1;
                    }
                    Some(Ok(formula)) => {
                        let em = face.size * EM;
                        let fit = (width / (formula.width * em).max(1.0)).clamp(SMALLEST, 1.0);
                        let em = em * fit;
                        let (above, below) = (formula.height * em, formula.depth * em);
                        rooms.push(Room { at, width: formula.width * em, above, below, what: What::Formula(math, em) });
                    }
                    Some(Err(why)) => {
                        let style = Style { code: true, ..Style::default() };
                        job.append(&math.source, 0.0, format(&theme, style, face));
                        at += math.source.chars().count();
                        tips.push((begin..at, format!("Formula shown as text: {why}")));
                    }
                },
                Inline::Picture(picture) => match self.picture_room(picture, width) {
                    Ok((image, size)) => {
                        let what = What::Picture(picture, image);
                        rooms.push(Room { at, width: size.x, above: size.y, below: 0.0, what });
                        if picture.link > 0 {
                            links.push((at..at + 2, picture.link));
                        }
                    }
                    Err(words) => {
                        let style = Style { small: true, italic: true, link: picture.link, ..Style::default() };
                        job.append(&words, 0.0, format(&theme, style, face));
                        at += words.chars().count();
                        if let From::Address(address) = &picture.from {
                            tips.push((begin..at, address.clone()));
                        }
                        if picture.link > 0 {
                            links.push((begin..at, picture.link));
                        }
                    }
                },
            }
            if let Some(room) = rooms.last().filter(|r: &&Room<'_>| r.at == at) {
                blank(ui, &mut job, &theme, room.width, face.line);
                at += 2;
            }
        }
        let galley = ui.painter().layout_job(job);
        let x = LayoutJob::single_section("x".to_owned(), format(&theme, Style::default(), face));
        let base =
            ui.painter().layout_job(x).rows.first().and_then(|r| r.glyphs.first()).map_or(face.size, |g| g.pos.y);
        let galley = if rooms.is_empty() { galley } else { spread(&galley, &rooms, base) };
        Laid { galley, rooms, links, tips, lines, base }
    }

    /// The size of a picture on screen, or the words that stand for it.
    fn picture_room(&mut self, picture: &Picture, width: f32) -> Result<(Option<Arc<Image>>, egui::Vec2), String> {
        let alt = |what: &str| {
            if picture.alt.is_empty() { format!("[{what}]") } else { format!("[{what}: {}]", picture.alt) }
        };
        let image = match &picture.from {
            From::Here(image) => Arc::new(image.clone()),
            From::File(path) => match (self.setting.files)(path) {
                Some(Ok(image)) => image,
                Some(Err(why)) => return Err(format!("{} ({why})", alt(&format!("picture {path}")))),
                None => {
                    let act = Act::Need(path.clone());
                    if !self.draw.acts.contains(&act) {
                        self.draw.acts.push(act);
                    }
                    let size = vec2(picture.width.unwrap_or(160.0), picture.height.unwrap_or(90.0));
                    return Ok((None, size.min(vec2(width, 4_000.0))));
                }
            },
            From::Address(_) => return Err(alt("picture from elsewhere, not fetched")),
            From::Missing => return Err(alt("picture that is not there")),
        };
        let (w, h) = image.natural_size().unwrap_or((160.0, 60.0));
        let (w, h) = match (picture.width, picture.height) {
            (Some(pw), Some(ph)) => (pw, ph),
            (Some(pw), None) => (pw, h * pw / w.max(1.0)),
            (None, Some(ph)) => (w * ph / h.max(1.0), ph),
            (None, None) => (w, h),
        };
        let share = (width / w.max(1.0)).min(1.0);
        Ok((Some(image), vec2((w * share).max(1.0), (h * share).clamp(1.0, 20_000.0))))
    }

    /// Paints a paragraph; `at` is its left, middle or right as it was laid out.
    fn show(&mut self, ui: &mut Ui, laid: &Laid<'a>, at: Pos2, face: Face) {
        let theme = self.theme();
        let galley = &laid.galley;
        let rect = galley.rect.translate(at.to_vec2());
        let ink = if face.faint { theme.muted } else { theme.text };
        let selectable = self.setting.selectable && !galley.is_empty();
        if selectable {
            let builder = UiBuilder::new().max_rect(rect).id_salt(("line", ui.next_auto_id()));
            ui.scope_builder(builder, |ui| ui.add(Label::new(galley.clone()).selectable(true)));
        } else if ui.is_rect_visible(rect) {
            ui.painter().galley(at, galley.clone(), ink);
            let words = galley.job.text.replace("\u{a0}\u{a0}", " ");
            let response = ui.interact(rect, ui.scope_id().with(("line", ui.next_auto_id())), Sense::hover());
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &words));
            ui.skip_ahead_auto_ids(1);
        }
        for room in &laid.rooms {
            let Some((row_top, left, _)) = places(galley, room.at..room.at + 1).first().copied() else { continue };
            let line = pos2(at.x + left, at.y + row_top + laid.base);
            match &room.what {
                What::Formula(math, em) => formula_ui(ui, &theme, math, *em, line, self.draw.pictures, ink),
                What::Picture(picture, image) => {
                    let rect = Rect::from_min_size(line - vec2(0.0, room.above), vec2(room.width, room.above));
                    match image {
                        Some(image) => image::paint(ui, &theme, image, rect, self.draw.pictures, self.draw.acts),
                        None => drop(ui.painter().rect_filled(rect, 4.0, theme.panel)),
                    }
                    let response =
                        ui.interact(rect, ui.scope_id().with(("picture", ui.next_auto_id())), Sense::hover());
                    ui.skip_ahead_auto_ids(1);
                    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, &picture.alt));
                    if !picture.alt.is_empty() {
                        response.on_hover_text(&picture.alt);
                    }
                }
            }
        }
        for (range, link) in &laid.lines {
            let color = if *link { theme.accent } else { ink };
            for (top, left, size) in places(galley, range.clone()) {
                let from = at + vec2(left, top + laid.base + 2.5);
                ui.painter().hline(from.x..=from.x + size.x, from.y, Stroke::new(1.0, color));
            }
        }
        for (range, number) in &laid.links {
            self.link(ui, galley, range.clone(), *number, at);
        }
        for (range, tip) in &laid.tips {
            for (top, left, size) in places(galley, range.clone()) {
                let rect = Rect::from_min_size(at + vec2(left, top), size);
                let id = ui.scope_id().with(("tip", ui.next_auto_id()));
                ui.skip_ahead_auto_ids(1);
                ui.interact(rect, id, Sense::hover()).on_hover_text(tip);
            }
        }
    }

    fn link(&mut self, ui: &mut Ui, galley: &Galley, range: Range<usize>, number: u16, at: Pos2) {
        let Some(address) = self.doc.link(number) else { return };
        for (top, left, size) in places(galley, range) {
            let rect = Rect::from_min_size(at + vec2(left, top), size);
            let id = ui.scope_id().with(("link", ui.next_auto_id()));
            ui.skip_ahead_auto_ids(1);
            let response = ui.interact(rect, id, Sense::click());
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Link, true, &**address));
            let response = response.on_hover_cursor(egui::CursorIcon::PointingHand).on_hover_text(&**address);
            if response.clicked() {
                self.draw.acts.push(
                    if address.starts_with("http://")
                        || address.starts_with("https://")
                        || address.starts_with("mailto:")
                    {
                        Act::Open(address.to_string())
                    } else {
                        Act::Follow(address.to_string())
                    },
                );
            }
        }
    }
}

/// Paints a formula with its line at a place.
fn formula_ui(ui: &Ui, theme: &Theme, math: &Math, em: f32, line: Pos2, pictures: &mut Pictures, ink: Color32) {
    let Ok(formula) = math.formula() else { return };
    let margin = math::MARGIN * em;
    let points = ui.ctx().pixels_per_point();
    let (wide, high) = (formula.width + 2.0 * math::MARGIN, formula.height + formula.depth + 2.0 * math::MARGIN);
    let size = vec2((wide * em * points).ceil() / points, (high * em * points).ceil() / points);
    let at = line - vec2(margin, formula.height * em + margin);
    // On a pixel, or it is blurred.
    let at = pos2((at.x * points).round() / points, (at.y * points).round() / points);
    let rect = Rect::from_min_size(at, size);
    if !ui.is_rect_visible(rect) || formula.width <= 0.0 {
        return;
    }
    if let Some(texture) = pictures.formula(ui, math, em * points, ink) {
        let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
        ui.painter().image(texture, rect, whole, theme.untinted());
    }
}

/// Two letters without ink that together are so wide, and never part.
fn blank(ui: &Ui, job: &mut LayoutJob, theme: &Theme, width: f32, line: f32) {
    let font = theme.font(1.0);
    let own = ui.fonts_mut(|f| f.glyph_width(&font, '\u{a0}'));
    // Space between letters stands before each of a section but the very first of a line.
    let spaced = |space: f32| TextFormat {
        font_id: font.clone(),
        extra_letter_spacing: space,
        line_height: Some(line),
        ..TextFormat::default()
    };
    job.append("\u{a0}", 0.0, spaced(0.0));
    job.append("\u{a0}", 0.0, spaced((width - 2.0 * own).max(0.0)));
}

/// The rows moved apart where something in them is higher or deeper than letters are.
fn spread(galley: &Galley, rooms: &[Room<'_>], base: f32) -> Arc<Galley> {
    let mut galley = galley.clone();
    let (mut first, mut down) = (0, 0.0f32);
    let mut bounds = Rect::NOTHING;
    for row in &mut galley.rows {
        let last = first + row.glyphs.len() + usize::from(row.ends_with_newline);
        let inside = rooms.iter().filter(|r| (first..last).contains(&r.at));
        let (above, below) = inside.fold((0.0f32, 0.0f32), |(a, b), r| (a.max(r.above), b.max(r.below)));
        down += (above + 1.0 - base).max(0.0);
        row.pos.y = (row.pos.y + down).round();
        down += (below + 2.0 - (row.size.y - base)).max(0.0);
        bounds |= row.visuals.mesh_bounds.translate(row.pos.to_vec2());
        first = last;
    }
    galley.rect.max.y += down;
    galley.mesh_bounds = bounds;
    Arc::new(galley)
}

/// Where letters stand: top of the row, left, and size, for each row they are in.
fn places(galley: &Galley, range: Range<usize>) -> Vec<(f32, f32, egui::Vec2)> {
    let mut out = Vec::new();
    let mut first = 0;
    for row in &galley.rows {
        let last = first + row.glyphs.len();
        let (from, to) = (range.start.max(first), range.end.min(last));
        if from < to
            && let (Some(a), Some(b)) = (row.glyphs.get(from - first), row.glyphs.get(to - first - 1))
        {
            let left = row.pos.x + a.pos.x;
            let right = row.pos.x + b.pos.x + b.advance_width;
            out.push((row.pos.y, left, vec2((right - left).max(1.0), row.size.y)));
        }
        first = last + usize::from(row.ends_with_newline);
    }
    out
}

fn format(theme: &Theme, style: Style, face: Face) -> TextFormat {
    let scripted = style.script != 0;
    let size = match (scripted, style.small || style.code) {
        (true, _) => face.size * 0.72,
        (false, true) => face.size * 0.92,
        (false, false) => face.size,
    };
    let font = if style.code {
        theme.mono(size)
    } else if style.bold || face.heavy {
        theme.semibold(size)
    } else {
        FontId::proportional(size)
    };
    let rgb = |ink: Ink| match ink {
        Ink::Rgb(r, g, b) => Some(theme.rgb(r, g, b)),
        _ => None,
    };
    let ground = match (style.ground.and_then(rgb), style.mark, style.code) {
        (Some(ground), ..) => ground,
        (None, true, _) => theme.warn_t,
        (None, false, true) => theme.sunken,
        _ => Color32::TRANSPARENT,
    };
    let on = if ground == Color32::TRANSPARENT { theme.bg } else { ground };
    let plain = if face.faint || style.small { theme.muted } else { theme.text };
    let color = match style.ink.and_then(rgb) {
        _ if style.link > 0 => theme.accent,
        Some(ink) => theme.readable(ink, on),
        None if ground != Color32::TRANSPARENT => theme.readable(plain, on),
        None => plain,
    };
    let line = |on: bool| if on { Stroke::new(1.0, color) } else { Stroke::NONE };
    TextFormat {
        font_id: font,
        color,
        background: ground,
        italics: style.italic,
        strikethrough: line(style.strike),
        line_height: Some(if scripted { face.line * 0.7 } else { face.line }),
        valign: match style.script {
            1 => Align::Min,
            -1 => Align::Max,
            _ => Align::BOTTOM,
        },
        ..TextFormat::default()
    }
}

/// The grammar for a word behind the fence.
fn grammar(language: &str) -> Option<&'static str> {
    Some(match language {
        "py" | "python" | "python3" | "ipython" | "ipython3" => "Python",
        "sql" => "SQL",
        "json" => "JSON",
        "toml" => "TOML",
        "yaml" | "yml" => "YAML",
        "sh" | "bash" | "shell" | "console" | "zsh" => "Bourne Again Shell (bash)",
        "r" => "R",
        "js" | "javascript" => "JavaScript",
        "html" => "HTML",
        "css" => "CSS",
        "c" => "C",
        "cpp" | "c++" => "C++",
        "rust" | "rs" => "Rust",
        "java" => "Java",
        "scala" => "Scala",
        "xml" => "XML",
        "diff" => "Diff",
        "tex" | "latex" => "LaTeX",
        _ => return None,
    })
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

/// Texts that people wrote in Markdown outside of notebooks: comments, cards. Nothing in them is fetched, and pictures are
/// drawn only when they stand in the text itself.
#[derive(Default)]
pub struct Prose {
    read: HashMap<u64, (Document, super::OutputsView)>,
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
    let read = || (markdown::read(text, &Context::default()), super::OutputsView::default());
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
