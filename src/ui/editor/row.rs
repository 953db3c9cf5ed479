//! One row as it is drawn: its text with tabs spread and colours, and where each place of the text lies in it.
use std::{ops::Range, sync::Arc};

use egui::{
    Color32, Galley, Stroke, Ui,
    text::{ByteIndex, CCursor, CharIndex, LayoutJob, LayoutSection, TextFormat},
};

use super::{colours::Line, rows::LONGEST};
use crate::{
    model::editor::{Buffer, column},
    ui::{
        theme::{MONO, Theme},
        widgets::inks::Ink,
    },
};

/// Height of a row.
pub const ROW: f32 = 18.0;

/// A row laid out.
pub struct Row {
    pub line: usize,
    /// Which row of its line it is.
    pub nth: usize,
    /// Places of the text it shows.
    pub part: Range<usize>,
    pub galley: Arc<Galley>,
    /// For each character the one it begins at in what is drawn; none where they are the same.
    map: Option<Vec<u32>>,
    /// Characters drawn at most.
    shown: usize,
    /// It is the last of its line and says that there is more.
    pub cut: bool,
    /// Text being composed: where, and how many characters are drawn there.
    preedit: Option<(usize, usize)>,
}

/// What a row is made of.
pub struct Source<'a> {
    pub buffer: &'a Buffer,
    pub theme: &'a Theme,
    pub inks: Option<&'a Line>,
    pub preedit: Option<(usize, &'a str)>,
    pub dim: bool,
}

/// Letters that are written from right to left, which the toolkit cannot order.
fn right_to_left(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}' | '\u{10800}'..='\u{10fff}')
}

/// A sign for what has none.
fn drawn(c: char) -> char {
    if c.is_control() && c != '\t' { '\u{fffd}' } else { c }
}

impl Row {
    /// Lays a row out.
    pub fn new(ui: &Ui, source: &Source<'_>, line: usize, nth: usize, part: Range<usize>) -> Self {
        let Source { buffer, theme, inks, preedit, dim } = source;
        let start = buffer.line_start(line);
        let limit = (start + LONGEST).max(part.start);
        let end = part.end.min(limit);
        let cut = part.end > limit;
        let text = buffer.slice(part.start..end);
        let first_byte = buffer.byte_of(part.start) - buffer.byte_of(start);
        let mut job = Job::new(theme, text.len() + 16);
        let (mut total, mut byte) = (0, first_byte);
        if part.start > start && buffer.slice(start..part.start).contains('\t') {
            total = column::of(buffer, part.start);
        }
        let compose = preedit.filter(|(at, _)| (part.start..=end).contains(at));
        let mut map = Vec::new();
        let plain = text.is_ascii() && !text.contains('\t') && compose.is_none() && text.bytes().all(|b| b >= b' ');
        if plain {
            job.text.push_str(&text);
        } else {
            map.reserve(end - part.start + 1);
        }
        let spread = text.chars().any(right_to_left);
        let mut spans = inks.map(|l| l.iter().copied()).into_iter().flatten().peekable();
        let mut composed = None;
        if plain {
            while byte < first_byte + text.len() {
                while spans.next_if(|(e, _)| usize::from(*e) <= byte).is_some() {}
                let (to, ink) = spans.peek().map_or((usize::MAX, Ink::Plain), |(e, i)| (usize::from(*e), *i));
                let to = to.min(first_byte + text.len());
                job.section(byte - first_byte..to - first_byte, ink, *dim);
                byte = to;
            }
        } else {
            let mut drawn_chars = 0_u32;
            for (i, c) in text.chars().enumerate() {
                if let Some((at, words)) = compose.filter(|(at, _)| *at == part.start + i) {
                    composed = Some((at, words.chars().count()));
                    drawn_chars += job.composed(words);
                }
                map.push(drawn_chars);
                while spans.next_if(|(e, _)| usize::from(*e) <= byte).is_some() {}
                let ink = spans.peek().map_or(Ink::Plain, |(_, i)| *i);
                let width = column::width(c, total);
                if c == '\t' {
                    job.push(&" ".repeat(width), ink, *dim, false);
                    drawn_chars += width as u32;
                } else {
                    job.push(drawn(c).encode_utf8(&mut [0; 4]), ink, *dim, spread);
                    drawn_chars += 1;
                }
                total += width;
                byte += c.len_utf8();
            }
            if let Some((at, words)) = compose.filter(|(at, _)| *at == end) {
                composed = Some((at, words.chars().count()));
                drawn_chars += job.composed(words);
            }
            map.push(drawn_chars);
        }
        let shown = end - part.start;
        let galley = ui.fonts_mut(|f| f.layout_job(job.finish()));
        let map = if plain { None } else { Some(map) };
        Self { line, nth, part, galley, map, shown, cut, preedit: composed }
    }

    fn drawn_at(&self, at: usize) -> usize {
        let inside = at.saturating_sub(self.part.start).min(self.shown);
        match &self.map {
            Some(map) => map.get(inside).or(map.last()).map_or(0, |n| *n as usize),
            None => inside,
        }
    }
    fn x_drawn(&self, drawn: usize) -> f32 {
        self.galley.pos_from_cursor(CCursor::new(CharIndex(drawn))).min.x
    }
    /// Where a place of the text lies, from the left of the row; behind what is being composed there.
    pub fn x(&self, at: usize) -> f32 {
        self.x_drawn(self.drawn_at(at))
    }
    /// From where to where text is being composed.
    pub fn preedit_x(&self) -> Option<(f32, f32)> {
        let (at, len) = self.preedit?;
        let end = self.drawn_at(at);
        Some((self.x_drawn(end.saturating_sub(len)), self.x_drawn(end)))
    }
    /// The place of the text nearest to a point.
    pub fn at(&self, buffer: &Buffer, x: f32) -> usize {
        let drawn = self.galley.cursor_from_pos(egui::vec2(x, ROW / 2.0)).index.0;
        let inside = match &self.map {
            Some(map) => {
                let next = map.partition_point(|m| (*m as usize) < drawn);
                // The nearer edge of a tab.
                match (next.checked_sub(1).and_then(|i| map.get(i)), map.get(next)) {
                    (Some(a), Some(b)) if drawn - (*a as usize) < (*b as usize) - drawn => next - 1,
                    _ => next.min(self.shown),
                }
            }
            None => drawn.min(self.shown),
        };
        let at = buffer.snap(self.part.start + inside);
        // The end of a wrapped row is the beginning of the next one.
        at.clamp(self.part.start, self.part.end)
    }
    /// How wide it is.
    pub fn width(&self) -> f32 {
        self.galley.size().x
    }
}

struct Job<'a> {
    job: LayoutJob,
    text: String,
    theme: &'a Theme,
}

impl<'a> Job<'a> {
    fn new(theme: &'a Theme, size: usize) -> Self {
        Self { job: LayoutJob::default(), text: String::with_capacity(size), theme }
    }
    fn format(&self, ink: Ink, dim: bool) -> TextFormat {
        let color = ink.color(self.theme);
        let color: Color32 = if dim { self.theme.fade(color, 0.7) } else { color };
        TextFormat { font_id: self.theme.mono(MONO), color, line_height: Some(ROW), ..TextFormat::default() }
    }
    fn section(&mut self, range: Range<usize>, ink: Ink, dim: bool) {
        let format = self.format(ink, dim);
        let byte_range = ByteIndex(range.start)..ByteIndex(range.end);
        self.job.sections.push(LayoutSection { leading_space: 0.0, byte_range, format });
    }
    /// Adds text; a section of its own for each letter (`apart`) keeps the toolkit from joining and ordering them.
    fn push(&mut self, text: &str, ink: Ink, dim: bool, apart: bool) {
        let from = self.text.len();
        self.text.push_str(text);
        let to = self.text.len();
        let format = self.format(ink, dim);
        match self.job.sections.last_mut() {
            Some(last) if !apart && last.format == format => last.byte_range.end = ByteIndex(to),
            _ => {
                let byte_range = ByteIndex(from)..ByteIndex(to);
                self.job.sections.push(LayoutSection { leading_space: 0.0, byte_range, format });
            }
        }
    }
    fn composed(&mut self, words: &str) -> u32 {
        let from = self.text.len();
        self.text.push_str(words);
        let mut format = self.format(Ink::Plain, false);
        format.underline = Stroke::new(1.0, self.theme.text);
        let byte_range = ByteIndex(from)..ByteIndex(self.text.len());
        self.job.sections.push(LayoutSection { leading_space: 0.0, byte_range, format });
        words.chars().count() as u32
    }
    fn finish(mut self) -> LayoutJob {
        if self.job.sections.is_empty() {
            self.section(0..self.text.len(), Ink::Plain, false);
        }
        self.job.text = self.text;
        self.job.break_on_newline = false;
        self.job.wrap.max_width = f32::INFINITY;
        self.job
    }
}
