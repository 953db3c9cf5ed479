//! A paragraph: one layout, with room left in it for formulas and pictures.
use std::{ops::Range, sync::Arc};

use egui::{
    Align, Color32, FontId, Galley, Label, Pos2, Rect, Sense, Stroke, TextFormat, Ui, UiBuilder, pos2, text::LayoutJob,
    vec2,
};

use super::{
    super::{Act, image},
    Face, Text,
    formula::{EM, SMALLEST, formula_ui},
};
use crate::{
    model::{
        markdown::{From, Inline, Picture, Style, words_of},
        math::Math,
        output::{Image, Ink},
    },
    ui::theme::Theme,
};

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
pub(super) struct Laid<'a> {
    pub(super) galley: Arc<Galley>,
    rooms: Vec<Room<'a>>,
    links: Vec<(Range<usize>, u16)>,
    /// Words with an explanation.
    tips: Vec<(Range<usize>, String)>,
    /// Underlined words, and whether as links are; egui would put the line below the room between rows.
    lines: Vec<(Range<usize>, bool)>,
    /// Distance from the top of a row to its line.
    base: f32,
}

impl<'a> Text<'_, 'a, '_> {
    /// A paragraph; formulas and pictures with a line of their own stand between its parts.
    pub(super) fn words(&mut self, ui: &mut Ui, words: &'a [Inline], face: Face, centered: bool) {
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

    /// Lays a paragraph out, with room for what is no letter.
    pub(super) fn lay(&mut self, ui: &Ui, words: &'a [Inline], face: Face, width: f32, align: Align) -> Laid<'a> {
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
    pub(super) fn show(&mut self, ui: &mut Ui, laid: &Laid<'a>, at: Pos2, face: Face) {
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
