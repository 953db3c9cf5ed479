//! The editor of cells, files and queries: draws what is seen of an [`Editor`] and turns keys and the pointer into
//! [`Act`]s.
//!
//! It owns no text. A caller hands it a copy of the editor its document holds, which is cheap; acts are carried out on
//! the copy at once, so that a letter is on the screen in the frame it was typed in, and given back for the document.
//! [`rows`] knows how lines are wrapped, [`row`] lays one out, [`colours`] come from a thread, `keys` and `mouse` read
//! what a person does, `paint` draws, `access` tells assistive technology.
mod access;
mod colours;
mod folds;
mod keys;
mod mouse;
mod paint;
mod row;
mod rows;

use std::ops::Range;

use egui::{Context, Id, Rect, Response, Sense, Ui, pos2, vec2};

use self::{
    colours::Colours,
    folds::Folds,
    mouse::{Clicks, Drag},
    row::{ROW, Row, Source},
    rows::Rows,
};
use crate::{
    model::editor::{Act, Editor, Selections},
    ui::theme::{MONO, Theme},
};

/// Space between the numbers and the text.
const GAP: f32 = 14.0;
/// Width of a scroll bar.
const BAR: f32 = 10.0;

/// How much room an editor takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Height {
    /// As much as the text, at least so many rows; the wheel belongs to the page.
    Text(usize),
    /// This much; it scrolls by itself.
    Fixed(f32),
}

/// Where Tab asks for names instead of indenting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Assist {
    #[default]
    Never,
    /// After a letter, a dot or a bracket.
    AfterName,
    /// Anywhere but before the first sign of a line.
    InLine,
}

/// A question about the name at the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    Complete,
    Explain,
}

/// Ground and sign of a line, beside its number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LineMark {
    pub fill: egui::Color32,
    pub sign: &'static str,
    pub ink: egui::Color32,
}

/// An editor to draw.
pub struct CodeEditor<'a> {
    pub id: Id,
    /// Accessible name: `Cell 3 source`.
    pub name: &'a str,
    pub hint: &'a str,
    pub read_only: bool,
    /// Lines are numbered, the first by this.
    pub numbers: Option<usize>,
    pub wrap: bool,
    pub height: Height,
    pub assist: Assist,
    /// It is a cell: Escape, Ctrl+M and the keys that split a cell are its own, and so are arrows beyond its edges.
    pub cell: bool,
    /// It is only looked at until somebody clicks: no cursor, no current line.
    pub idle: bool,
    /// Places that were found, and which of them is in front.
    pub finds: &'a [Range<usize>],
    pub find: Option<usize>,
    /// Grounds of lines.
    pub marks: Option<&'a dyn Fn(usize) -> Option<LineMark>>,
}

impl<'a> CodeEditor<'a> {
    /// An editor as tall as its text, wrapped, without anything else.
    pub fn new(id: Id, name: &'a str) -> Self {
        Self {
            id,
            name,
            hint: "",
            read_only: false,
            numbers: None,
            wrap: true,
            height: Height::Text(1),
            assist: Assist::Never,
            cell: false,
            idle: false,
            finds: &[],
            find: None,
            marks: None,
        }
    }
}

/// What an editor remembers between frames.
#[derive(Default)]
pub struct EditorView {
    colours: Colours,
    rows: Rows,
    folds: Folds,
    /// What lies above and left of the window, in points.
    scroll: (f64, f32),
    /// The widest row seen.
    widest: f32,
    drag: Option<Drag>,
    clicks: Clicks,
    preedit: Option<String>,
    /// When the cursor moved last: it does not blink right after.
    moved_at: f64,
    /// Cursor and text of the last frame.
    last: Option<(u64, u64, usize)>,
    /// A selection that was told to the desktop.
    told: Option<(usize, usize)>,
    /// A part of a scroll bar that is held: vertical or not, and where.
    bar: Option<(bool, f32)>,
    /// Text runs told to assistive technology: node, places.
    runs: Vec<(egui::accesskit::NodeId, Range<usize>)>,
    value: Option<((u64, u64), String)>,
    /// Bring the cursor into sight with the next frame.
    pub reveal: bool,
}

impl EditorView {
    /// Brings folds and rows up to the text.
    fn follow(&mut self, editor: &Editor, columns: usize) {
        self.folds.follow(editor);
        self.rows.update(editor, columns, &self.folds);
    }
    /// Folds every part, or nothing any more.
    pub fn fold_all(&mut self, editor: &Editor, close: bool) {
        self.folds.every(editor, close);
    }
    /// Folds the part at the cursor, or unfolds it.
    pub fn fold_here(&mut self, editor: &mut Editor, close: bool, done: &mut keys::Done) {
        let line = editor.buffer().line_of(editor.selections().primary().head);
        self.folds.follow(editor);
        let to = self.folds.at(editor, line, close);
        if to != line {
            // What is hidden holds no cursor.
            let at = editor.buffer().line_end(to);
            done.act(editor, Act::Select(Selections::at(at)));
        }
    }
}

impl std::fmt::Debug for EditorView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EditorView").finish_non_exhaustive()
    }
}

/// What happened in a frame.
#[derive(Debug)]
pub struct Output {
    pub response: Response,
    /// What was asked for by keys and on the text.
    pub done: keys::Done,
    /// The pointer was pressed on the text.
    pub pressed: bool,
    /// Where the cursor is on the screen.
    pub caret: Rect,
    /// Where the text begins.
    pub text_left: f32,
}

/// True while an editor has the keyboard, so that letters are text.
pub fn is_typing(ctx: &Context) -> bool {
    ctx.memory(|m| m.focused()).is_some_and(|id| ctx.data(|d| d.get_temp::<bool>(id.with("editor")).unwrap_or(false)))
}

/// Where everything lies in this frame.
struct Frame {
    /// All of it.
    rect: Rect,
    /// The text, without numbers and bars.
    text: Rect,
    /// Width of a letter.
    advance: f32,
    /// Rows that are seen.
    seen: Range<usize>,
}

/// What all parts of the drawing need.
struct Cx<'a> {
    of: &'a CodeEditor<'a>,
    theme: &'a Theme,
    frame: &'a Frame,
    focused: bool,
}

impl Frame {
    fn y(&self, view: &EditorView, row: usize) -> f32 {
        (f64::from(self.rect.top()) + row as f64 * f64::from(ROW) - view.scroll.0) as f32
    }
}

/// Width of the numbers of so many lines.
pub fn numbers_width(ui: &Ui, theme: &Theme, last: usize) -> f32 {
    let advance = ui.fonts_mut(|f| f.glyph_width(&theme.mono(MONO), '0'));
    // Room for three digits, so that the text of a small file does not stick to the edge nor move as it grows.
    (last.max(100).ilog10() + 1) as f32 * advance + GAP
}

impl CodeEditor<'_> {
    /// Draws it over the width there is, on the colour behind it.
    pub fn show(self, ui: &mut Ui, theme: &Theme, editor: &mut Editor, view: &mut EditorView) -> Output {
        let advance = ui.fonts_mut(|f| f.glyph_width(&theme.mono(MONO), '0'));
        let width = ui.available_width();
        let gutter = self.numbers.map_or(0.0, |first| numbers_width(ui, theme, first + editor.buffer().lines()));
        let side = if matches!(self.height, Height::Fixed(_)) { BAR } else { 0.0 };
        let columns = if self.wrap { ((width - gutter - side - 2.0) / advance).floor().max(8.0) as usize } else { 0 };
        view.follow(editor, columns);

        let focused = ui.memory(|m| m.has_focus(self.id));
        if focused || !self.idle {
            ui.data_mut(|d| d.insert_temp(self.id.with("editor"), true));
        }
        let mut done = keys::Done::default();
        // A menu over the text has the keys: Escape closes it.
        let menu = egui::Popup::is_any_open(ui.ctx());
        if focused && !menu {
            let page = match self.height {
                Height::Fixed(h) => (h / ROW) as usize,
                Height::Text(_) => 24,
            };
            keys::read(&self, ui, editor, view, page.saturating_sub(2).max(1), &mut done);
            view.follow(editor, columns);
        } else if !focused {
            view.preedit = None;
        }

        let total = view.rows.total();
        let height = match self.height {
            Height::Text(least) => total.max(least) as f32 * ROW,
            Height::Fixed(h) => h,
        };
        let (rect, _) = ui.allocate_exact_size(vec2(width, height), Sense::hover());
        let response = ui.interact(rect, self.id, Sense::click_and_drag());
        let text = Rect::from_min_max(pos2(rect.left() + gutter, rect.top()), pos2(rect.right() - side, rect.bottom()));
        let mut frame = Frame { rect, text, advance, seen: 0..0 };
        if side > 0.0 {
            mouse::wheel(ui, &response, &frame, view, total);
        }
        frame.seen = self.seen(ui, &frame, view);
        let cx = Cx { of: &self, theme, frame: &frame, focused };
        let pressed = mouse::read(&cx, ui, &response, editor, view, &mut done);
        view.follow(editor, columns);
        let caret = self.reveal(ui, theme, &mut frame, editor, view, !done.acts.is_empty());

        let lines = view.rows.line_of(frame.seen.start).0..view.rows.line_of(frame.seen.end.saturating_sub(1)).0 + 1;
        view.colours.update(ui.ctx(), editor, lines);
        let drawn = self.rows_seen(ui, theme, &frame, editor, view);
        let cx = Cx { of: &self, theme, frame: &frame, focused };
        paint::paint(&cx, ui, editor, view, &drawn);
        if side > 0.0 {
            paint::bars(ui, theme, &frame, view, &response);
        }
        access::tell(&cx, ui, &response, editor, view, &drawn);
        if focused {
            self.keep_keyboard(ui, &frame, caret);
        }
        self.tell_selection(ui, editor, view, focused);
        Output { response, done, pressed, caret, text_left: text.left() }
    }

    /// Rows between the edges of what is seen.
    fn seen(&self, ui: &Ui, frame: &Frame, view: &EditorView) -> Range<usize> {
        let clip = ui.clip_rect().intersect(frame.rect);
        if clip.height() <= 0.0 {
            return 0..0;
        }
        let row = |y: f32| ((f64::from(y - frame.rect.top()) + view.scroll.0) / f64::from(ROW)).max(0.0);
        let total = view.rows.total();
        let from = (row(clip.top()).floor() as usize).min(total);
        from..(row(clip.bottom()).ceil() as usize).min(total).max(from)
    }

    /// Lays out what is seen.
    fn rows_seen(&self, ui: &Ui, theme: &Theme, frame: &Frame, editor: &Editor, view: &EditorView) -> Vec<Row> {
        let buffer = editor.buffer();
        let head = editor.selections().primary().head;
        let preedit = view.preedit.as_deref().map(|t| (head, t));
        let mut out = Vec::with_capacity(frame.seen.len());
        let mut row = frame.seen.start;
        while row < frame.seen.end {
            let (line, nth) = view.rows.line_of(row);
            let parts = view.rows.parts(buffer, line);
            let inks = view.colours.line(line);
            let source = Source { buffer, theme, inks, preedit, dim: false };
            for (i, part) in parts.into_iter().enumerate().skip(nth) {
                if row >= frame.seen.end {
                    break;
                }
                out.push(Row::new(ui, &source, line, i, part));
                row += 1;
            }
        }
        out
    }

    fn one_row(ui: &Ui, theme: &Theme, editor: &Editor, view: &EditorView, row: usize) -> Row {
        let buffer = editor.buffer();
        let (line, nth) = view.rows.line_of(row);
        let part = view.rows.parts(buffer, line).into_iter().nth(nth).unwrap_or_else(|| {
            let end = buffer.line_end(line);
            end..end
        });
        let preedit = view.preedit.as_deref().map(|t| (editor.selections().primary().head, t));
        Row::new(ui, &Source { buffer, theme, inks: None, preedit, dim: false }, line, nth, part)
    }

    /// Brings the cursor into sight when it has moved; returns where it is.
    fn reveal(
        &self,
        ui: &Ui,
        theme: &Theme,
        frame: &mut Frame,
        editor: &Editor,
        view: &mut EditorView,
        acted: bool,
    ) -> Rect {
        let focused = ui.memory(|m| m.has_focus(self.id));
        let head = editor.selections().primary().head;
        let row = view.rows.row_of(editor.buffer(), head);
        let now = (editor.serial(), editor.revision(), head);
        let known = view.last.replace(now);
        let moved = known.is_some_and(|k| k.0 == now.0 && k != now) && focused;
        let laid = (focused || view.reveal).then(|| Self::one_row(ui, theme, editor, view, row));
        let x = laid.as_ref().map_or(0.0, |r| r.x(head));
        if moved {
            view.moved_at = ui.input(|i| i.time);
        }
        let wanted = moved || view.reveal || acted;
        // While the pointer is held it leads: what it is over is in sight.
        let wanted = wanted && !(view.drag.is_some() && matches!(self.height, Height::Fixed(_)));
        if wanted && matches!(self.height, Height::Fixed(_)) {
            let (top, height) = (row as f64 * f64::from(ROW), f64::from(frame.rect.height()));
            // Far away it comes to the middle, near it moves as little as it must.
            if top < view.scroll.0 || top + f64::from(ROW) > view.scroll.0 + height {
                let far = top + height < view.scroll.0 || top > view.scroll.0 + 2.0 * height;
                view.scroll.0 = if far {
                    top - height / 2.0
                } else if top < view.scroll.0 {
                    top
                } else {
                    top + f64::from(ROW) - height
                };
            }
            if !self.wrap {
                let room = frame.text.width() - 24.0;
                view.scroll.1 = view.scroll.1.clamp((x - room).max(0.0), (x - 24.0).max(0.0).max((x - room).max(0.0)));
            }
            mouse::clamp(frame, view, view.rows.total());
            frame.seen = self.seen(ui, frame, view);
        }
        let top = frame.y(view, row);
        let caret = Rect::from_min_size(pos2(frame.text.left() + x - view.scroll.1, top), vec2(1.0, ROW));
        if wanted && matches!(self.height, Height::Text(_)) && (moved || view.reveal) {
            ui.scroll_to_rect_animation(caret.expand2(vec2(0.0, ROW)), None, egui::style::ScrollAnimation::none());
        }
        view.reveal = false;
        caret
    }

    fn keep_keyboard(&self, ui: &Ui, frame: &Frame, caret: Rect) {
        let filter = egui::EventFilter { tab: true, horizontal_arrows: true, vertical_arrows: true, escape: true };
        ui.memory_mut(|m| m.set_focus_lock_filter(self.id, filter));
        if self.read_only {
            return;
        }
        let global = ui.ctx().layer_transform_to_global(ui.layer_id()).unwrap_or_default();
        ui.output_mut(|o| {
            o.ime = Some(egui::output::IMEOutput {
                purpose: egui::IMEPurpose::Normal,
                rect: global * frame.text,
                cursor_rect: global * caret,
                should_interrupt_composition: false,
            });
        });
    }

    /// Tells the desktop what is selected, for the middle button.
    fn tell_selection(&self, ui: &Ui, editor: &Editor, view: &mut EditorView, focused: bool) {
        let s = editor.selections().primary();
        let now = (!s.is_empty() && focused).then(|| (s.start(), s.end()));
        if now != view.told && !ui.input(|i| i.pointer.any_down()) {
            view.told = now;
            if now.is_some() && s.end() - s.start() < 1_000_000 {
                ui.ctx().send_cmd(egui::OutputCommand::TextSelectionSettled(editor.selected()));
            }
        }
    }
}
