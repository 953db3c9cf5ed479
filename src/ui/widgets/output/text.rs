//! Terminal text: only the visible rows are laid out, however long it is.
use std::ops::Range;

use egui::{Color32, FontId, Label, Pos2, Rect, Sense, Stroke, TextFormat, Ui, UiBuilder, pos2, text::LayoutJob, vec2};
use unicode_width::UnicodeWidthChar;

use super::{Act, menu};
use crate::{
    base::text::thousands,
    model::output::{Ink, Line, Style, Text},
    ui::{
        theme::{CONTROL, MONO, Theme},
        widgets::link,
    },
};

/// Height of a row.
pub(super) const ROW: f32 = 18.0;
/// Texts with more rows are folded at first.
const FOLD_ABOVE: usize = 40;
/// Rows of a folded text before and after the fold.
const HEAD: usize = 12;
const TAIL: usize = 18;

/// Where rows are cut, kept while the text and the width stay.
#[derive(Debug, Clone, Default)]
pub(super) struct TextView {
    pub open: bool,
    /// A line that is to be seen, and where it was drawn.
    pub aim: Option<usize>,
    pub aimed: Option<Rect>,
    version: u64,
    columns: usize,
    /// First row of each line, and the end.
    starts: Vec<u32>,
}

impl TextView {
    fn update(&mut self, text: &Text, columns: usize) {
        if self.version == text.version() && self.columns == columns && !self.starts.is_empty() {
            return;
        }
        self.version = text.version();
        self.columns = columns;
        self.starts.clear();
        let mut at = 0u32;
        for line in text.lines() {
            self.starts.push(at);
            at += rows_of(line, columns);
        }
        self.starts.push(at);
    }
    fn rows(&self) -> usize {
        self.starts.last().copied().unwrap_or(0) as usize
    }
    /// The line that row `row` belongs to, and which of its rows it is.
    fn line_at(&self, row: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|s| *s as usize <= row).saturating_sub(1);
        (line, row - self.starts.get(line).copied().unwrap_or(0) as usize)
    }
}

fn rows_of(line: &Line, columns: usize) -> u32 {
    // Most lines are ASCII and short: then bytes are columns.
    if line.text.len() <= columns {
        return 1;
    }
    let width: usize = line.text.chars().map(|c| c.width().unwrap_or(0)).sum();
    u32::try_from(width.div_ceil(columns).max(1)).unwrap_or(u32::MAX)
}

/// Draws a text; folded when it is long.
pub(super) fn text_ui(ui: &mut Ui, theme: &Theme, text: &Text, view: &mut TextView, name: &str, acts: &mut Vec<Act>) {
    if text.is_empty() {
        return;
    }
    let font = theme.mono(MONO);
    let advance = ui.fonts_mut(|f| f.glyph_width(&font, 'm')).max(1.0);
    let inset = if text.stderr { 8.0 } else { 0.0 };
    let width = ui.available_width();
    let columns = (((width - inset - 4.0) / advance).floor() as usize).max(8);
    view.update(text, columns);
    let rows = view.rows();
    let top = ui.cursor().top();
    let aim = view.aim.and_then(|line| view.starts.get(line)).map(|row| *row as usize).filter(|row| *row < rows);
    if aim.is_some_and(|row| rows > FOLD_ABOVE && (HEAD..rows - TAIL).contains(&row)) {
        view.open = true;
    }
    let seen = |rect: Rect, range: Range<usize>| {
        aim.filter(|row| range.contains(row)).map(|row| {
            let top = rect.top() + (row - range.start) as f32 * ROW;
            Rect::from_min_max(pos2(rect.left(), top), pos2(rect.right(), top + ROW))
        })
    };
    view.aimed = None;
    if rows <= FOLD_ABOVE || view.open {
        let rect = rows_ui(ui, theme, text, view, &font, 0..rows, inset, name, acts);
        view.aimed = seen(rect, 0..rows);
        notes(ui, theme, text);
        if rows > FOLD_ABOVE && link(ui, theme, "Show less").clicked() {
            view.open = false;
        }
    } else {
        let rect = rows_ui(ui, theme, text, view, &font, 0..HEAD, inset, name, acts);
        view.aimed = seen(rect, 0..HEAD);
        ui.horizontal(|ui| {
            ui.add_space(inset);
            let hidden = rows - HEAD - TAIL;
            ui.label(theme.small(format!("{} lines folded", thousands(hidden as u64))));
            if link(ui, theme, &format!("Show all {}", thousands(rows as u64))).clicked() {
                view.open = true;
            }
        });
        let rect = rows_ui(ui, theme, text, view, &font, rows - TAIL..rows, inset, name, acts);
        view.aimed = view.aimed.or(seen(rect, rows - TAIL..rows));
        notes(ui, theme, text);
    }
    if text.stderr {
        let line =
            Rect::from_min_max(pos2(ui.max_rect().left(), top), pos2(ui.max_rect().left() + 2.0, ui.cursor().top()));
        ui.painter().rect_filled(line.intersect(ui.clip_rect()), 0.0, theme.warn);
    }
}

fn notes(ui: &mut Ui, theme: &Theme, text: &Text) {
    if let Some((dropped, _)) = text.gap() {
        let kept = "the first thousand and the last lines are kept";
        ui.label(theme.small(format!("{} lines in the middle are left out: {kept}", thousands(dropped))));
    }
    if text.cut() > 0 {
        ui.label(theme.small(format!("{} characters at the ends of long lines are left out", thousands(text.cut()))));
    }
}

#[allow(clippy::too_many_arguments, reason = "one call site draws the two halves of a folded text")]
fn rows_ui(
    ui: &mut Ui,
    theme: &Theme,
    text: &Text,
    view: &TextView,
    font: &FontId,
    range: Range<usize>,
    inset: f32,
    name: &str,
    acts: &mut Vec<Act>,
) -> Rect {
    let size = vec2(ui.available_width(), ROW * range.len() as f32);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Group, true, name));
    menu(&response, theme, acts, || text.plain());
    let clip = ui.clip_rect();
    if !clip.intersects(rect) {
        return rect;
    }
    let first = ((clip.top() - rect.top()) / ROW).floor().max(0.0) as usize;
    let count = ((clip.height() / ROW).ceil() as usize) + 2;
    let visible = (range.start + first).min(range.end)..(range.start + first + count).min(range.end);
    for row in visible {
        let (index, part) = view.line_at(row);
        let Some(line) = text.lines().get(index) else { continue };
        let at = pos2(rect.left() + inset, rect.top() + (row - range.start) as f32 * ROW);
        row_ui(ui, theme, text, line, part, view.columns, font, at, row, acts);
    }
    rect
}

#[allow(clippy::too_many_arguments, reason = "the innermost step of a loop")]
fn row_ui(
    ui: &mut Ui,
    theme: &Theme,
    text: &Text,
    line: &Line,
    part: usize,
    columns: usize,
    font: &FontId,
    at: Pos2,
    row: usize,
    acts: &mut Vec<Act>,
) {
    let (job, links) = layout(theme, line, part, columns, font);
    if job.text.is_empty() {
        return;
    }
    let rect = Rect::from_min_size(at, vec2(ui.max_rect().right() - at.x, ROW));
    ui.scope_builder(UiBuilder::new().id_salt(("row", row)).max_rect(rect), |ui| {
        let label = ui.add(Label::new(job).selectable(true).extend());
        // Runs with a link lie over the label, so that the rest of the line stays selectable.
        for (columns, number) in links {
            let Some(address) = text.link(number) else { continue };
            let advance = ui.fonts_mut(|f| f.glyph_width(font, 'm'));
            let from = label.rect.left() + columns.start as f32 * advance;
            let area = Rect::from_min_size(pos2(from, rect.top()), vec2(columns.len() as f32 * advance, ROW));
            let response = ui.interact(area, ui.make_persistent_id(("link", columns.start)), Sense::click());
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Link, true, address));
            if response.on_hover_cursor(egui::CursorIcon::PointingHand).on_hover_text(address).clicked() {
                acts.push(Act::Open(address.to_owned()));
            }
        }
    });
}

/// Row `part` of a line as a layout job, and where links stand in it.
fn layout(
    theme: &Theme,
    line: &Line,
    part: usize,
    columns: usize,
    font: &FontId,
) -> (LayoutJob, Vec<(Range<usize>, u16)>) {
    let (from, to) = (part * columns, (part + 1) * columns);
    let mut job = LayoutJob { break_on_newline: false, ..LayoutJob::default() };
    job.wrap.max_width = f32::INFINITY;
    let mut links: Vec<(Range<usize>, u16)> = Vec::new();
    let mut column = 0;
    for (run, style) in line.runs() {
        let start = column;
        let width: usize = if run.is_ascii() { run.len() } else { run.chars().map(|c| c.width().unwrap_or(0)).sum() };
        column += width;
        if column <= from {
            continue;
        }
        if start >= to {
            break;
        }
        let piece = if start >= from && column <= to { run } else { cut(run, start, from, to) };
        let begin = start.max(from) - from;
        if style.link > 0 {
            links.push((begin..column.min(to) - from, style.link));
        }
        job.append(piece, 0.0, format(theme, style, font));
    }
    (job, links)
}

/// The part of `run` (which begins at column `start`) between two columns.
fn cut(run: &str, start: usize, from: usize, to: usize) -> &str {
    let mut column = start;
    let (mut begin, mut end) = (None, run.len());
    for (at, c) in run.char_indices() {
        if column >= from && begin.is_none() {
            begin = Some(at);
        }
        if column >= to {
            end = at;
            break;
        }
        column += c.width().unwrap_or(0);
    }
    run.get(begin.unwrap_or(end)..end).unwrap_or_default()
}

/// The egui format of a style.
pub(super) fn format(theme: &Theme, style: Style, font: &FontId) -> TextFormat {
    let ground_of = |ink: Ink| match ink {
        Ink::Default => None,
        Ink::Palette(n) => Some(theme.ansi_ground(n)),
        Ink::Rgb(r, g, b) => Some(theme.rgb(r, g, b)),
    };
    let color_on = |ink: Ink, ground: Color32| match ink {
        Ink::Default => theme.readable(theme.text, ground),
        Ink::Palette(n) => theme.ansi(n, ground),
        Ink::Rgb(r, g, b) => theme.readable(theme.rgb(r, g, b), ground),
    };
    let (mut color, background) = if style.inverse {
        let ground = if style.fg == Ink::Default { theme.text } else { color_on(style.fg, theme.bg) };
        let own = ground_of(style.bg).unwrap_or(theme.bg);
        (theme.readable(own, ground), Some(ground))
    } else {
        let ground = ground_of(style.bg);
        (color_on(style.fg, ground.unwrap_or(theme.bg)), ground)
    };
    if style.faint && style.fg == Ink::Default && background.is_none() {
        color = theme.muted;
    }
    if style.link > 0 {
        color = theme.accent;
    }
    let line = |on: bool| if on { Stroke::new(1.0, color) } else { Stroke::NONE };
    TextFormat {
        font_id: font.clone(),
        color,
        background: background.unwrap_or(Color32::TRANSPARENT),
        italics: style.italic,
        underline: line(style.underline || style.link > 0),
        strikethrough: line(style.strike),
        line_height: Some(ROW),
        ..TextFormat::default()
    }
    .bolder(theme, style.bold)
}

trait Bolder {
    fn bolder(self, theme: &Theme, bold: bool) -> Self;
}

impl Bolder for TextFormat {
    /// The monospaced font has no bold face of the same width, so bold default text is drawn brighter than faint and
    /// coloured text keeps its colour.
    fn bolder(mut self, theme: &Theme, bold: bool) -> Self {
        if bold && self.color == theme.muted {
            self.color = theme.text;
        }
        self
    }
}

/// Plain words in the proportional font, for notes.
pub(super) fn words(theme: &Theme, text: &str) -> egui::RichText {
    egui::RichText::new(text).font(theme.font(CONTROL)).color(theme.muted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_cut_into_rows_without_losing_a_letter() {
        let mut text = Text::stream(false);
        text.feed("\u{1b}[31mabcdefghij\u{1b}[0mklmnopqrs\nshort\n漢字漢字漢字漢字漢字");
        let mut view = TextView::default();
        view.update(&text, 8);
        assert_eq!(view.starts, [0, 3, 4, 7]);
        assert_eq!(view.line_at(2), (0, 2));
        assert_eq!(view.line_at(3), (1, 0));
        let theme = Theme::dark();
        let font = theme.mono(MONO);
        let row = |line: usize, part: usize| layout(&theme, &text.lines()[line], part, 8, &font).0.text;
        assert_eq!([row(0, 0), row(0, 1), row(0, 2)], ["abcdefgh", "ijklmnop", "qrs"]);
        assert_eq!([row(2, 0), row(2, 1), row(2, 2)].concat(), "漢字漢字漢字漢字漢字");
    }

    #[test]
    fn text_on_a_colour_of_the_program_stays_readable() {
        let theme = Theme::light();
        let font = theme.mono(MONO);
        let yellow = Style { fg: Ink::Rgb(255, 255, 0), ..Style::default() };
        assert_ne!(format(&theme, yellow, &font).color, theme.rgb(255, 255, 0), "yellow on white is darkened");
        let inverse = Style { inverse: true, ..Style::default() };
        assert_eq!(format(&theme, inverse, &font).background, theme.text);
    }
}
