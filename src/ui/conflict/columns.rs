//! Versions beside each other: each with what it changed against the base.
use std::{collections::HashMap, ops::Range, sync::Arc};

use egui::{
    Align, Align2, Layout, Rect, Role, ScrollArea, Sense, Stroke, StrokeKind, Ui, UiBuilder, WidgetInfo, pos2, vec2,
};

use super::{Place, SIDES, View};
use crate::{
    app::conflict::{Command, Kind, Sheet},
    base::time,
    model::{
        editor::Language,
        merge::{Answer, Entry, Part, Pick, Results, Take},
        textdiff::{RowKind, TextDiff},
    },
    ui::{
        PageCx,
        review::line,
        theme::{CONTROL, MONO},
        widgets::{highlight, kbd},
    },
};

/// Height of a line.
pub(super) const LINE: f32 = 19.0;
/// Width of a line number and of the sign behind it.
const NUMBER: f32 = 36.0;
const SIGN: f32 = 16.0;
/// Tallest body of a column; more is scrolled.
const MOST: f32 = 320.0;
/// Height of the head.
const HEAD: f32 = 36.0;

/// A line on screen: of which line of the text, and which part of it.
struct Shown {
    line: usize,
    part: Range<usize>,
    first: bool,
    kind: RowKind,
    words: Vec<Range<u32>>,
}

/// A version laid out for a width.
struct Laid {
    cols: usize,
    diff: Arc<TextDiff>,
    lines: Vec<Shown>,
}

/// Versions laid out, for the entry in front.
#[derive(Default)]
pub(super) struct Columns {
    of: Option<Place>,
    laid: HashMap<usize, Laid>,
}

impl Columns {
    fn get(&mut self, place: Place, take: Take, entry: &Entry, cols: usize) -> Option<&Laid> {
        if self.of != Some(place) {
            self.of = Some(place);
            self.laid.clear();
        }
        let text = entry.text(take)?;
        let key = take as usize;
        if self.laid.get(&key).is_none_or(|l| l.cols != cols) {
            let base = if take == Take::Base { text } else { entry.text(Take::Base).unwrap_or_default() };
            let diff = match self.laid.remove(&key) {
                Some(old) => old.diff,
                None => Arc::new(TextDiff::new(base, text)),
            };
            let lines = laid(&diff, cols);
            self.laid.insert(key, Laid { cols, diff, lines });
        }
        self.laid.get(&key)
    }
}

fn laid(diff: &TextDiff, cols: usize) -> Vec<Shown> {
    let mut all = Vec::with_capacity(diff.new.len());
    for row in &diff.rows {
        let Some(at) = row.new.map(|n| n as usize) else { continue };
        for (n, part) in line::wrap(&line::drawn(diff.new.line(at)), Some(cols)).into_iter().enumerate() {
            let words = line::words_in(&row.new_words, &part);
            all.push(Shown { line: at, part, first: n == 0, kind: row.kind, words });
        }
    }
    all
}

/// Draws the three versions.
pub(super) fn columns_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, sheet: &Sheet, entry: &Entry) {
    let gap = 12.0;
    let width = ((ui.available_width() - gap * 2.0) / 3.0).floor();
    let letter = ui.ctx().fonts_mut(|f| f.glyph_width(&cx.theme.mono(MONO), 'm')).max(1.0);
    let cols = ((width - NUMBER - SIGN - 12.0) / letter).floor().max(8.0) as usize;
    let place = (sheet.mark, entry.at);
    let lines = SIDES.iter().map(|(take, _)| view.columns.get(place, *take, entry, cols).map_or(1, |l| l.lines.len()));
    let tallest = lines.max().unwrap_or(1).max(2) as f32 * LINE + 10.0;
    let body = tallest.min(MOST);
    let (rect, _) = ui.allocate_exact_size(vec2(width * 3.0 + gap * 2.0, HEAD + body + 2.0), Sense::hover());
    for (n, (take, name)) in SIDES.iter().enumerate() {
        let left = rect.left() + (width + gap) * n as f32;
        let area = Rect::from_min_size(pos2(left, rect.top()), vec2(width, HEAD + body + 2.0));
        column_ui(ui, cx, view, (sheet, entry), (*take, name, n), (area, cols));
    }
}

fn column_ui(
    ui: &mut Ui,
    cx: &mut PageCx<'_>,
    view: &mut View,
    (sheet, entry): (&Sheet, &Entry),
    (take, name, n): (Take, &str, usize),
    (area, cols): (Rect, usize),
) {
    let theme = cx.theme;
    let answer = cx.state.conflict.answer(entry);
    let on = answer.is_some_and(|a| stands(a, entry, take));
    let painter = ui.painter().clone();
    painter.rect_filled(area, 6.0, theme.panel);
    let head = Rect::from_min_size(area.min, vec2(area.width(), HEAD));
    let response = ui.interact(head, ui.scope_id().with(("side", n)), Sense::click());
    let words = format!("Take {}", name.to_lowercase());
    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, on, &words));
    let ground = if on {
        theme.sel
    } else if response.hovered() {
        theme.hover
    } else {
        theme.panel
    };
    let radius = egui::CornerRadius { nw: 6, ne: 6, sw: 0, se: 0 };
    painter.rect_filled(head, radius, ground);
    painter.hline(area.x_range(), head.bottom() - 0.5, theme.hairline());
    head_ui(ui, cx, (sheet, entry), (take, name, n), (head, on));
    if response.clicked() {
        cx.send(Command::Pick(Pick::from(take)));
    }
    let edge = if on { Stroke::new(1.0, theme.focus) } else { theme.hairline() };
    painter.rect_stroke(area, 6.0, edge, StrokeKind::Inside);
    if response.has_focus() {
        painter.rect_stroke(head, 6.0, Stroke::new(2.0, theme.focus), StrokeKind::Inside);
    }
    let body = Rect::from_min_max(pos2(area.left() + 1.0, head.bottom()), area.max - vec2(1.0, 1.0));
    let mut child = ui.new_child(UiBuilder::new().max_rect(body).id_salt(("column", n)));
    child.set_clip_rect(body.intersect(ui.clip_rect()));
    let place = (sheet.mark, entry.at);
    let first = entry.first_line;
    let Some(laid) = view.columns.get(place, take, entry, cols) else {
        crate::ui::review::hatch(child.painter(), theme, body);
        let text = match sheet.kind {
            Kind::Whole => "There is no such file",
            Kind::Notebook(_) => "There is no such cell",
            Kind::Text(_) => "Not known: the lines were changed by hand",
        };
        painter.text(body.center(), Align2::CENTER_CENTER, text, theme.font(CONTROL), theme.muted);
        return;
    };
    let language = language(sheet, entry, take);
    let spans = language.and_then(|l| highlight::spans(ui.ctx(), l, laid.diff.new.text()));
    let base = take == Take::Base;
    ScrollArea::vertical().id_salt(("column-scroll", place, n)).auto_shrink(false).show_viewport(
        &mut child,
        |ui, seen| {
            let height = laid.lines.len() as f32 * LINE + 10.0;
            let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
            let from = (((seen.top() - 5.0) / LINE).floor().max(0.0)) as usize;
            let to = ((seen.bottom() / LINE).ceil().max(0.0) as usize).min(laid.lines.len());
            for i in from..to {
                let Some(shown) = laid.lines.get(i) else { continue };
                let top = rect.top() + 5.0 + i as f32 * LINE;
                let band = Rect::from_min_size(pos2(rect.left(), top), vec2(rect.width(), LINE));
                let (tint, strong, sign) = match shown.kind {
                    RowKind::Changed => (Some(theme.mov), theme.sel, "~"),
                    RowKind::Added if !base => (Some(theme.add), theme.addw, "+"),
                    _ => (None, theme.sel, ""),
                };
                if let Some(tint) = tint {
                    ui.painter().rect_filled(band, 0.0, tint);
                }
                let y = band.center().y;
                if shown.first {
                    let number = (first + shown.line + 1).to_string();
                    let at = pos2(band.left() + NUMBER - 8.0, y);
                    ui.painter().text(at, Align2::RIGHT_CENTER, number, theme.mono(11.0), theme.faint);
                    let at = pos2(band.left() + NUMBER + 2.0, y);
                    ui.painter().text(at, Align2::CENTER_CENTER, sign, theme.mono(MONO), theme.muted);
                }
                let whole = laid.diff.new.line(shown.line);
                let text = line::drawn(whole);
                let part = text.get(shown.part.clone()).unwrap_or_default();
                let start = laid.diff.new.start(shown.line) + shown.part.start;
                let galley = line::galley(ui.painter(), theme, part, (start, spans.as_ref()), &shown.words, strong);
                let at = pos2(band.left() + NUMBER + SIGN - 4.0, y - galley.size().y * 0.5);
                ui.painter().galley(at, galley, theme.text);
            }
        },
    );
    let spoken = child.interact(body, child.scope_id().with(("text", n)), Sense::hover());
    let text = entry.text(take).unwrap_or_default().to_owned();
    spoken.widget_info(|| {
        let mut info = WidgetInfo::text_edit(false, "", &text, "");
        info.label = Some(format!("{name} version"));
        info
    });
}

fn head_ui(
    ui: &mut Ui,
    cx: &mut PageCx<'_>,
    (sheet, entry): (&Sheet, &Entry),
    (take, name, n): (Take, &str, usize),
    (head, on): (Rect, bool),
) {
    let theme = cx.theme;
    let inner = head.shrink2(vec2(12.0, 0.0));
    let mut child = ui.new_child(UiBuilder::new().max_rect(inner).layout(Layout::left_to_right(Align::Center)));
    child.set_clip_rect(head.intersect(ui.clip_rect()));
    let (rect, _) = child.allocate_exact_size(vec2(14.0, 14.0), Sense::hover());
    let ink = if on { theme.accent } else { theme.muted };
    child.painter().circle_stroke(rect.center(), 6.0, Stroke::new(1.5, ink));
    if on {
        child.painter().circle_filled(rect.center(), 3.0, ink);
    }
    child.label(theme.strong(name));
    let situation = &cx.state.conflict.situation;
    let note = match take {
        Take::Local => side_words(&situation.ours, cx),
        Take::Remote => side_words(&situation.theirs, cx),
        Take::Base => situation.base.as_ref().map(|c| format!("{}, before both", c.short())).unwrap_or_default(),
    };
    // Where the text is no matter of sides, or is one stretch, the whole is what the side is anyway.
    let merged = entry.parts.is_empty() || entry.parts.contains(&Part::Source);
    let text = matches!(sheet.kind, Kind::Notebook(_)) && merged && entry.text(take).is_some();
    child.with_layout(Layout::right_to_left(Align::Center), |ui| {
        kbd(ui, theme, &(n + 1).to_string());
        if text && ui.available_width() > 90.0 {
            let name = format!("Take the whole of {} (Alt+{})", name.to_lowercase(), n + 1);
            let whole = crate::ui::widgets::link(ui, theme, "Whole").on_hover_text(&name);
            if whole.clicked() {
                cx.send(Command::Whole(take));
            }
        }
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            ui.add(egui::Label::new(theme.faint(note.as_str())).truncate()).on_hover_text(note);
        });
    });
}

fn side_words(side: &crate::model::unmerged::SideName, cx: &PageCx<'_>) -> String {
    match &side.commit {
        Some(commit) => format!("{} \u{b7} {}, {}", side.label, commit.author.name, time::when(commit.at, cx.now)),
        None => side.label.clone(),
    }
}

/// The version is what a person chose in everything that waits for a side.
fn stands(answer: &Answer, entry: &Entry, take: Take) -> bool {
    if answer.typed.is_some() {
        return false;
    }
    if answer.whole == Some(take) {
        return true;
    }
    let picked = !answer.picks.is_empty() && answer.picks.iter().all(|p| *p == Some(Pick::from(take)));
    let other = |part: &Part| match part {
        Part::Outputs => answer.outputs == Some(Results::Of(take)),
        Part::Metadata | Part::Notebook => entry.keys.iter().all(|k| answer.metadata.of(&k.path) == Some(take)),
        Part::Cell => answer.cell == Some(take),
        Part::Source => answer.whole.is_none() && picked,
    };
    !entry.parts.is_empty() && entry.parts.iter().all(other)
}

/// The grammar of a version.
pub(super) fn language(sheet: &Sheet, entry: &Entry, take: Take) -> Option<&'static str> {
    use crate::model::diff::CellType;
    match (&sheet.kind, entry.kind) {
        (Kind::Notebook(_), Some(CellType::Code)) => {
            line::of_cell(entry.text(take).unwrap_or_default(), sheet.language())
        }
        (Kind::Notebook(_), Some(CellType::Markdown)) => Language::grammar("markdown"),
        (Kind::Notebook(_), _) => None,
        (Kind::Text(_), _) => line::of_path(&sheet.path),
        (Kind::Whole, _) => None,
    }
}
