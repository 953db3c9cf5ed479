//! Terminal text: only the visible rows are laid out, however long it is.
use std::{collections::HashMap, ops::Range};

use egui::{
    Color32, FontId, Frame, Label, Margin, Pos2, Rect, ScrollArea, Sense, Stroke, TextFormat, Ui, UiBuilder, pos2,
    text::LayoutJob, vec2,
};

use super::{Act, menu};
use crate::{
    base::text::thousands,
    model::output::{Ink, Line, Style, Text, text::Columns},
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
/// Rows of an unfolded text that are seen at once; it scrolls in its own box.
const BOX: usize = 30;
/// Rows of a line beyond which it is remembered where they begin.
const LONG: usize = 4;

/// Where rows are cut, kept while the text and the width stay.
#[derive(Debug, Clone, Default)]
pub(super) struct TextView {
    pub open: bool,
    /// A line that is to be seen, and where it was drawn.
    pub aim: Option<usize>,
    pub aimed: Option<Rect>,
    /// The row that the box was scrolled to last.
    gone_to: Option<usize>,
    /// It has been drawn open.
    shown: bool,
    version: u64,
    columns: usize,
    /// First row of each line, and the end.
    starts: Vec<u32>,
    /// Where the rows of long lines begin in their text.
    breaks: HashMap<usize, Vec<u32>>,
}

impl TextView {
    fn update(&mut self, text: &Text, columns: usize) {
        if self.version == text.version() && self.columns == columns && !self.starts.is_empty() {
            return;
        }
        self.version = text.version();
        self.columns = columns;
        self.breaks.clear();
        self.starts.clear();
        let mut at = 0u32;
        for line in text.lines() {
            self.starts.push(at);
            at = at.saturating_add(rows_of(line, columns));
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
    /// Bytes of the line that stand in its row `part`.
    fn bytes(&mut self, index: usize, line: &Line, part: usize) -> Range<usize> {
        let columns = self.columns;
        if line.columns() <= columns {
            return if part == 0 { 0..line.text.len() } else { 0..0 };
        }
        let cut = |rows: &[u32]| {
            let from = rows.get(part).map_or(line.text.len(), |b| *b as usize);
            from..rows.get(part + 1).map_or(line.text.len(), |b| *b as usize)
        };
        if line.columns() <= columns * LONG {
            return cut(&line.rows(columns));
        }
        cut(self.breaks.entry(index).or_insert_with(|| line.rows(columns)))
    }
}

fn rows_of(line: &Line, columns: usize) -> u32 {
    u32::try_from(line.columns().div_ceil(columns).max(1)).unwrap_or(u32::MAX)
}

/// The height a text is likely to take in so much width.
pub(super) fn guess(text: &Text, width: f32) -> f32 {
    if text.is_empty() {
        return 0.0;
    }
    let columns = ((width / 7.5) as usize).max(8);
    let mut rows = 0;
    for line in text.lines() {
        rows += rows_of(line, columns) as usize;
        if rows > FOLD_ABOVE {
            return (HEAD + TAIL) as f32 * ROW + 30.0;
        }
    }
    rows as f32 * ROW
}

/// Draws a text; folded when it is long. `whole` is the place of an output whose text can be had as a whole.
pub(super) fn text_ui(
    ui: &mut Ui,
    theme: &Theme,
    text: &Text,
    view: &mut TextView,
    (name, whole): (&str, Option<usize>),
    acts: &mut Vec<Act>,
) {
    if text.is_empty() {
        return;
    }
    let font = theme.mono(MONO);
    let advance = ui.fonts_mut(|f| f.glyph_width(&font, 'm')).max(1.0);
    let inset = if text.stderr { 8.0 } else { 0.0 };
    let columns_in = |width: f32| (((width - inset - 4.0) / advance).floor() as usize).max(8);
    // In a box there is a bar and an edge beside it.
    let boxed = view.open;
    view.update(text, columns_in(ui.available_width() - if boxed { 24.0 } else { 0.0 }));
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
    let rows_ui = |ui: &mut Ui, view: &mut TextView, range: Range<usize>, acts: &mut Vec<Act>| {
        Rows { theme, text, font: &font, advance, inset, name, whole }.show(ui, view, range, acts)
    };
    if rows <= FOLD_ABOVE {
        let rect = rows_ui(ui, view, 0..rows, acts);
        view.aimed = seen(rect, 0..rows);
        notes(ui, theme, text, whole, acts);
    } else if view.open {
        Frame::NONE.stroke(theme.hairline()).corner_radius(6).inner_margin(Margin::symmetric(4, 3)).show(ui, |ui| {
            let area = ScrollArea::vertical().id_salt("box").max_height(BOX as f32 * ROW).auto_shrink([false, true]);
            // It begins with its first line; at its end it follows what is printed.
            let begin = !std::mem::replace(&mut view.shown, true);
            let mut area =
                if begin { area.vertical_scroll_offset(0.0) } else { area.stick_to_bottom(text.is_stream()) };
            if let Some(row) = aim.filter(|row| view.gone_to != Some(*row)) {
                area = area.vertical_scroll_offset((row as f32 - 3.0).max(0.0) * ROW);
                ui.ctx().request_repaint();
            }
            view.gone_to = aim;
            let shown = area.show(ui, |ui| rows_ui(ui, view, 0..rows, acts));
            view.aimed = seen(shown.inner, 0..rows).filter(|rect| shown.inner_rect.intersects(*rect));
        });
        notes(ui, theme, text, None, acts);
        ui.horizontal(|ui| {
            if link(ui, theme, "Show less").clicked() {
                (view.open, view.shown) = (false, false);
            }
            open_link(ui, theme, whole, acts);
        });
    } else {
        let rect = rows_ui(ui, view, 0..HEAD, acts);
        view.aimed = seen(rect, 0..HEAD);
        ui.horizontal(|ui| {
            ui.add_space(inset);
            let hidden = rows - HEAD - TAIL;
            ui.label(theme.small(format!("{} lines folded", thousands(hidden as u64))));
            if link(ui, theme, &format!("Show all {}", thousands(rows as u64))).clicked() {
                view.open = true;
            }
            open_link(ui, theme, whole, acts);
        });
        let rect = rows_ui(ui, view, rows - TAIL..rows, acts);
        view.aimed = view.aimed.or(seen(rect, rows - TAIL..rows));
        notes(ui, theme, text, None, acts);
    }
    if text.stderr {
        let line =
            Rect::from_min_max(pos2(ui.max_rect().left(), top), pos2(ui.max_rect().left() + 2.0, ui.cursor().top()));
        ui.painter().rect_filled(line.intersect(ui.clip_rect()), 0.0, theme.warn);
    }
}

fn open_link(ui: &mut Ui, theme: &Theme, whole: Option<usize>, acts: &mut Vec<Act>) {
    let Some(at) = whole else { return };
    if link(ui, theme, "Open as a text")
        .on_hover_text("All of it in a tab of its own, where it can be searched")
        .clicked()
    {
        acts.push(Act::OpenText(at));
    }
}

fn notes(ui: &mut Ui, theme: &Theme, text: &Text, whole: Option<usize>, acts: &mut Vec<Act>) {
    let mut short = false;
    if let Some((dropped, _)) = text.gap() {
        let kept = "the first thousand and the last lines are kept";
        ui.label(theme.small(format!("{} lines in the middle are left out here: {kept}", thousands(dropped))));
        short = true;
    }
    if text.cut() > 0 {
        let words = format!("{} characters at the ends of long lines are left out here", thousands(text.cut()));
        ui.label(theme.small(words));
        short = true;
    }
    if short {
        open_link(ui, theme, whole, acts);
    }
}

/// Rows of a text to be drawn.
struct Rows<'a> {
    theme: &'a Theme,
    text: &'a Text,
    font: &'a FontId,
    advance: f32,
    inset: f32,
    name: &'a str,
    whole: Option<usize>,
}

impl Rows<'_> {
    fn show(&self, ui: &mut Ui, view: &mut TextView, range: Range<usize>, acts: &mut Vec<Act>) -> Rect {
        let size = vec2(ui.available_width(), ROW * range.len() as f32);
        let (rect, response) = ui.allocate_exact_size(size, Sense::click());
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Group, true, self.name));
        // What is not all here is copied from where it is.
        let part = self.text.gap().is_some() || self.text.cut() > 0;
        match self.whole.filter(|_| part) {
            Some(at) => {
                response.context_menu(|ui| {
                    if ui.button("Copy output").clicked() {
                        acts.push(Act::CopyText(at));
                        ui.close();
                    }
                });
            }
            None => menu(&response, self.theme, acts, || self.text.plain()),
        }
        let clip = ui.clip_rect();
        if !clip.intersects(rect) {
            return rect;
        }
        let first = ((clip.top() - rect.top()) / ROW).floor().max(0.0) as usize;
        let count = ((clip.height() / ROW).ceil() as usize) + 2;
        let visible = (range.start + first).min(range.end)..(range.start + first + count).min(range.end);
        for row in visible {
            let (index, part) = view.line_at(row);
            let Some(line) = self.text.lines().get(index) else { continue };
            let bytes = view.bytes(index, line, part);
            let at = pos2(rect.left() + self.inset, rect.top() + (row - range.start) as f32 * ROW);
            self.row(ui, line, bytes, at, row, acts);
        }
        rect
    }

    fn row(&self, ui: &mut Ui, line: &Line, bytes: Range<usize>, at: Pos2, row: usize, acts: &mut Vec<Act>) {
        let (job, links) = layout(self.theme, line, bytes, self.font);
        if job.text.is_empty() {
            return;
        }
        let rect = Rect::from_min_size(at, vec2(ui.max_rect().right() - at.x, ROW));
        // Named by its place in the text, so that what is selected stays so while it scrolls.
        let name = ui.scope_id().with(("row", row));
        ui.scope_builder(UiBuilder::new().scope_id(name).max_rect(rect), |ui| {
            let label = ui.add(Label::new(job).selectable(true).extend());
            // Runs with a link lie over the label, so that the rest of the line stays selectable.
            for (columns, number) in links {
                let Some(address) = self.text.link(number) else { continue };
                let from = label.rect.left() + columns.start as f32 * self.advance;
                let area = Rect::from_min_size(pos2(from, rect.top()), vec2(columns.len() as f32 * self.advance, ROW));
                let response = ui.interact(area, ui.make_persistent_id(("link", columns.start)), Sense::click());
                response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Link, true, address));
                if response.on_hover_cursor(egui::CursorIcon::PointingHand).on_hover_text(address).clicked() {
                    acts.push(Act::Open(address.to_owned()));
                }
            }
        });
    }
}

/// A part of a line as a layout job, and where links stand in it.
fn layout(theme: &Theme, line: &Line, bytes: Range<usize>, font: &FontId) -> (LayoutJob, Vec<(Range<usize>, u16)>) {
    let mut job = LayoutJob { break_on_newline: false, ..LayoutJob::default() };
    job.wrap.max_width = f32::INFINITY;
    let mut links: Vec<(Range<usize>, u16)> = Vec::new();
    let mut place = Columns::default();
    for (run, style) in line.part(bytes.start, bytes.end) {
        let begin = place.at;
        let mut shown = String::with_capacity(run.len());
        for c in run.chars() {
            let wide = place.put(c);
            if c == '\t' {
                shown.extend(std::iter::repeat_n(' ', wide));
            } else {
                shown.push(c);
            }
        }
        if style.link > 0 {
            links.push((begin..place.at, style.link));
        }
        job.append(&shown, 0.0, format(theme, style, font));
    }
    (job, links)
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
        let mut row = |line: usize, part: usize| {
            let bytes = view.bytes(line, &text.lines()[line], part);
            layout(&theme, &text.lines()[line], bytes, &font).0.text
        };
        assert_eq!([row(0, 0), row(0, 1), row(0, 2)], ["abcdefgh", "ijklmnop", "qrs"]);
        assert_eq!([row(2, 0), row(2, 1), row(2, 2)].concat(), "漢字漢字漢字漢字漢字");
    }

    #[test]
    fn a_row_of_marks_and_tabs_stays_a_row() {
        let mut text = Text::stream(false);
        text.feed(&format!("a\tb\n{}", "e\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}".repeat(2_000)));
        let mut view = TextView::default();
        view.update(&text, 40);
        let (theme, lines) = (Theme::dark(), text.lines());
        let font = theme.mono(MONO);
        let bytes = view.bytes(0, &lines[0], 0);
        assert_eq!(layout(&theme, &lines[0], bytes, &font).0.text, "a       b");
        let rows = view.rows() - 1;
        assert_eq!(rows, 150, "two marks of each letter take room of their own");
        let all: usize = (0..rows).map(|part| view.bytes(1, &lines[1], part).len()).sum();
        assert_eq!(all, lines[1].text.len(), "no letter is lost");
        assert!((0..rows).all(|part| view.bytes(1, &lines[1], part).len() < 400));
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
