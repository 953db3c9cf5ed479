//! Marks on what was found in outputs, whatever draws them: the letters on the screen are searched.
use egui::{Rect, Shape, Stroke, StrokeKind, Ui, epaint::TextShape, pos2, text::CCursor, text::CharIndex};

use crate::{
    app::notebook::{Doc, DocId},
    model::editor::find::Finder,
    ui::theme::Theme,
};

/// Frames until heights have settled after a jump.
const FRAMES: u8 = 6;
/// Words of the window among those of outputs.
const OURS: [&str; 6] = ["Copy", "Filter", "All rows", "Show less", "Show all", "Go to line"];

/// The place in an output that is being scrolled to.
#[derive(Debug, Default)]
pub struct Spot {
    of: Option<(DocId, u64)>,
    /// Frames for which it is still brought into sight.
    pub frames: u8,
    /// It was drawn in this frame.
    pub drawn: bool,
}

impl Spot {
    /// Begins a frame.
    pub fn begin(&mut self, doc: &Doc) {
        self.drawn = false;
        let Some(find) = doc.find.as_ref().filter(|f| f.outputs) else {
            self.frames = 0;
            return;
        };
        let now = Some((doc.id, find.reveal));
        if self.of != now {
            self.of = now;
            self.frames = FRAMES;
        }
    }
}

/// How much has been painted before the outputs.
pub fn begin(ui: &Ui) -> usize {
    let layer = ui.layer_id();
    ui.ctx().graphics(|g| g.get(layer).map_or(0, |list| list.all_entries().len()))
}

/// Marks what was painted since `from`; `aimed` is where the current find lies, and which one of its line it is.
pub fn paint(ui: &Ui, theme: &Theme, from: usize, finder: Option<&Finder>, aimed: Option<(Rect, usize)>) {
    let Some(finder) = finder else { return };
    let layer = ui.layer_id();
    let mut found: Vec<(Rect, Rect)> = Vec::new();
    ui.ctx().graphics(|g| {
        for entry in g.get(layer).into_iter().flat_map(|list| list.all_entries().skip(from)) {
            texts(&entry.shape, &mut |text| {
                for rect in rects(text, finder) {
                    if rect.intersects(entry.clip_rect) {
                        found.push((rect, entry.clip_rect));
                    }
                }
            });
        }
    });
    let mut nth = 0;
    for (rect, clip) in found {
        let painter = ui.painter().with_clip_rect(clip.intersect(ui.clip_rect()));
        let here = aimed.is_some_and(|(at, wanted)| {
            let inside = at.contains(rect.center());
            nth += usize::from(inside);
            inside && nth == wanted + 1
        });
        painter.rect_filled(rect, 2.0, theme.fade(theme.warn, if here { 0.45 } else { 0.22 }));
        if here {
            painter.rect_stroke(rect, 2.0, Stroke::new(1.0, theme.warn), StrokeKind::Inside);
        }
    }
}

fn texts(shape: &Shape, each: &mut impl FnMut(&TextShape)) {
    match shape {
        Shape::Vec(all) => all.iter().for_each(|s| texts(s, each)),
        Shape::Text(text) => each(text),
        _ => {}
    }
}

/// Where finds lie in a text; one that is wrapped has a part on each row.
fn rects(text: &TextShape, finder: &Finder) -> Vec<Rect> {
    let galley = &text.galley;
    let words = galley.text();
    let mut out = Vec::new();
    if OURS.iter().any(|w| words.starts_with(w)) {
        return out;
    }
    finder.each(words, |find| {
        let chars = |byte: usize| words.get(..byte).map_or(0, |t| t.chars().count());
        let at = |n: usize| galley.pos_from_cursor(CCursor::new(CharIndex(n)));
        let (a, b) = (at(chars(find.start)), at(chars(find.end)));
        let by = text.pos.to_vec2();
        if (a.min.y - b.min.y).abs() < 1.0 {
            out.push(Rect::from_min_max(a.min, b.max).translate(by));
        } else {
            out.push(Rect::from_min_max(a.min, pos2(galley.rect.right(), a.max.y)).translate(by));
            out.push(Rect::from_min_max(pos2(galley.rect.left(), b.min.y), b.max).translate(by));
        }
        out.len() < 500
    });
    out
}
