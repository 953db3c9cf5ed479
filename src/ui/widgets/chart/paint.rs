//! Marks as shapes: built once for a size and a range, kept, and moved with the page.
use std::{collections::HashMap, sync::Arc};

use egui::{
    Align2, Color32, Mesh, Painter, Pos2, Rect, Shape, Stroke, StrokeKind, TextureHandle, Ui, epaint::TextShape, pos2,
    vec2,
};

use super::{ChartView, Map, Sheet, circle, raster};
use crate::{
    base::text::shorten,
    model::chart::{At, Dash, Figure, Form, Frame, Ink, Inks, Label, Many, Mark, Panel, Pen, Series, Target, Wedge},
    ui::theme::SMALL,
};

/// Points beyond this many are drawn as one picture.
const MANY: usize = 1_500;
/// Cells of a grid beyond this many are drawn as one picture.
const CELLS: usize = 6_000;
/// Points of one line that are kept after thinning.
const LINE: usize = 40_000;
/// Rectangles, lines and gaps in a line beyond this many are drawn as one picture, or only so many of them.
const SHAPES: usize = 20_000;
const GAPS: usize = 4_000;
/// Words that are laid out at most.
const WORDS: usize = 5_000;
/// Dashes of one line; a longer one is drawn without gaps.
const DASHES: f32 = 20_000.0;
/// Marks of a panel that are made into shapes on a thread.
const HEAVY: usize = 60_000;
/// Side of the squares that points are found by, and points that are looked at in one.
const SQUARE: f32 = 24.0;
const MOST_IN_SQUARE: usize = 2_000;

/// What a panel's shapes were made for.
#[derive(Debug, Clone, PartialEq)]
struct Key {
    size: [f32; 2],
    x: [f64; 2],
    y: [f64; 2],
    hidden: Vec<bool>,
    ppp: f32,
    ground: Color32,
    text: Color32,
}

/// Shapes of a panel whose left upper corner is the origin.
pub(super) struct Painted {
    key: Key,
    shapes: Vec<Shape>,
    /// Pictures the shapes use.
    _textures: Vec<TextureHandle>,
    /// Where the points of series with very many lie.
    near: HashMap<usize, Near>,
}

impl Painted {
    /// Points of a series that may be near a place of the panel.
    pub(super) fn near(&self, series: usize, at: Pos2) -> impl Iterator<Item = usize> + '_ {
        let near = self.near.get(&series);
        let (x, y) = ((at.x / SQUARE).floor() as i32, (at.y / SQUARE).floor() as i32);
        let squares = (-1..=1).flat_map(move |dy| (-1..=1).map(move |dx| (x + dx, y + dy)));
        squares.filter_map(move |square| near?.0.get(&square)).flatten().map(|i| *i as usize)
    }
}

/// Points by the squares of the panel they lie in.
#[derive(Default)]
struct Near(HashMap<(i32, i32), Vec<u32>>);

/// A panel that is being made into shapes.
pub(super) struct Pending {
    key: Key,
    done: Arc<egui::mutex::Mutex<Option<Painted>>>,
}

/// About how many marks a panel has.
fn weight(panel: &Panel) -> usize {
    let of = |mark: &Mark| match mark {
        Mark::Line { points, .. } => points.len(),
        Mark::Area { along, .. } => along.len(),
        Mark::Points { at, .. } => at.len(),
        Mark::Rects { rects, .. } => rects.len(),
        Mark::Grid { z, .. } => z.len(),
        Mark::Segments { lines, .. } => lines.len(),
        Mark::Texts(_) => 0,
        Mark::Wedges(wedges) => wedges.len() * 20,
    };
    panel.series.iter().flat_map(|s| &s.marks).map(of).sum()
}

/// True when the points of a series are looked up by place.
pub(super) fn is_many(points: &[At]) -> bool {
    points.len() > HEAVY
}

/// Makes the shapes of a panel.
fn make(ctx: &egui::Context, sheet: &Sheet<'_>, map: Map<'_>, panel: &Panel, key: Key) -> Painted {
    let mut make = Make { ctx: ctx.clone(), sheet, shapes: Vec::new(), textures: Vec::new(), map };
    let mut near = HashMap::new();
    for (i, (series, hidden)) in panel.series.iter().zip(&key.hidden).enumerate() {
        if *hidden {
            continue;
        }
        series.marks.iter().for_each(|m| make.mark(m));
        if let Target::Points(at) = &series.target
            && is_many(at)
        {
            let mut squares = Near::default();
            for (i, p) in at.iter().enumerate() {
                let at = map.at(*p);
                if at.x.is_finite() && at.y.is_finite() && map.place.expand(1.0).contains(at) {
                    let square = squares.0.entry(((at.x / SQUARE) as i32, (at.y / SQUARE) as i32)).or_default();
                    if square.len() < MOST_IN_SQUARE {
                        square.push(i as u32);
                    }
                }
            }
            near.insert(i, squares);
        }
    }
    let Make { shapes, textures, .. } = make;
    Painted { key, shapes, _textures: textures, near }
}

/// Has the shapes of a heavy panel made on a thread.
fn start(ui: &Ui, sheet: &Sheet<'_>, figure: Arc<Figure>, (at, map): (usize, &Map<'_>), key: &Key) -> Option<Pending> {
    let done = Arc::new(egui::mutex::Mutex::new(None));
    let (slot, ctx, theme) = (done.clone(), ui.ctx().clone(), sheet.theme.clone());
    let (x, y, place, own) = (map.x, map.y, map.place, key.clone());
    let work = move || {
        let sheet = Sheet::new(&figure, &theme);
        let map = Map { figure: &figure, x, y, place };
        if let Some(panel) = figure.panels.get(at) {
            *slot.lock() = Some(make(&ctx, &sheet, map, panel, own));
        }
        ctx.request_repaint();
    };
    let thread = std::thread::Builder::new().name("andon-chart".into()).spawn(work);
    thread.ok().map(|_| Pending { key: key.clone(), done })
}

/// Draws the marks of one panel.
pub(super) fn panel(ui: &Ui, sheet: &Sheet<'_>, view: &mut ChartView, at: usize, place: Rect) {
    let panel = &sheet.figure.panels[at];
    // Marks at the edge are whole while all is shown; zoomed in, what lies beyond the edge is cut.
    let zoomed = [panel.x, panel.y]
        .into_iter()
        .any(|a| sheet.figure.axes.get(a).is_some_and(|axis| view.ranges.contains_key(&axis.link)));
    let painter = ui.painter_at(place.expand(if zoomed { 0.0 } else { 14.0 }));
    let hidden: Vec<bool> = panel.series.iter().map(|s| view.is_hidden(sheet.figure, s.legend)).collect();
    if panel.frame == Frame::Table {
        return table(&painter, sheet, panel, place);
    }
    let key = Key {
        size: [place.width(), place.height()],
        x: view.range(sheet.figure, panel.x),
        y: view.range(sheet.figure, panel.y),
        hidden: hidden.clone(),
        ppp: painter.pixels_per_point(),
        ground: sheet.ground,
        text: sheet.text,
    };
    if view.cache.get(&at).is_none_or(|c| c.key != key) {
        let origin = Rect::from_min_size(Pos2::ZERO, place.size());
        let map = Map::new(sheet.figure, view, panel, origin);
        match view.of.clone().filter(|_| weight(panel) > HEAVY) {
            Some(figure) => {
                let made = view.pending.get(&at).and_then(|p| p.done.lock().take());
                if let Some(made) = made {
                    view.pending.remove(&at);
                    view.cache.insert(at, made);
                }
                // One at a time: the newest wish follows the one that is being made.
                let stale = view.cache.get(&at).is_none_or(|c| c.key != key);
                if stale && !view.pending.contains_key(&at) {
                    let pending = start(ui, sheet, figure, (at, &map), &key);
                    view.pending.extend(pending.map(|p| (at, p)));
                }
            }
            None => {
                let made = make(ui.ctx(), sheet, map, panel, key.clone());
                view.cache.insert(at, made);
            }
        }
    }
    if let Some(painted) = view.cache.get(&at) {
        for shape in &painted.shapes {
            let mut shape = shape.clone();
            shape.translate(place.min.to_vec2());
            painter.add(shape);
        }
    }
    if let Some(pending) = view.pending.get(&at) {
        let words = if pending.key == key { "Drawing\u{2026}" } else { "Waiting to be drawn\u{2026}" };
        let spot = place.center_top() + vec2(0.0, 12.0);
        let written = painter.text(spot, Align2::CENTER_TOP, words, sheet.theme.font(SMALL), sheet.muted);
        let response = ui.interact(written, ui.scope_id().with(("drawing", at)), egui::Sense::hover());
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, words));
    }
    // Words are laid out anew: their glyphs may move in the atlas.
    let map = Map::new(sheet.figure, view, panel, place);
    for (series, hidden) in panel.series.iter().zip(&hidden) {
        if *hidden {
            continue;
        }
        for mark in &series.marks {
            mark_words(&painter, sheet, view, (panel, series), &map, mark);
        }
    }
}

fn mark_words(
    painter: &Painter,
    sheet: &Sheet<'_>,
    view: &ChartView,
    (panel, series): (&Panel, &Series),
    map: &Map<'_>,
    mark: &Mark,
) {
    match mark {
        Mark::Texts(labels) => {
            let (middle, radius) = circle(map.place);
            for label in labels.iter().take(WORDS) {
                // Where there is a circle, words belong to the square around it.
                let at = match panel.frame {
                    Frame::Round => {
                        let [x, y] = label.at.map(|v| v as f32 * 2.0 - 1.0);
                        middle + vec2(x, -y) * radius
                    }
                    _ => map.at(label.at),
                };
                if map.place.expand(40.0).contains(at) {
                    match below(sheet, series, label) {
                        Some(ground) => {
                            let ink = Ink::Own(over(ground, sheet).to_srgba_unmultiplied());
                            words(painter, sheet, &Label { ink, ..label.clone() }, at);
                        }
                        None => words(painter, sheet, label, at),
                    }
                }
            }
        }
        Mark::Rects { rects, inks, labels, .. } if !labels.is_empty() => {
            for (i, (rect, label)) in rects.iter().zip(labels).enumerate().take(WORDS) {
                if let Some(rect) = map.rect(*rect)
                    && !label.is_empty()
                {
                    inside(painter, sheet, rect, label, sheet.ink(inks.at(i)));
                }
            }
        }
        Mark::Grid { x, y, z, scale, labels } if !labels.is_empty() => {
            let columns = x.len().saturating_sub(1).max(1);
            let Some(scale) = sheet.figure.scales.get(*scale) else { return };
            for (i, label) in labels.iter().enumerate().filter(|(_, l)| !l.is_empty()).take(WORDS) {
                let (c, r) = (i % columns, i / columns);
                if let (Some(x), Some(y)) = (x.get(c..c + 2), y.get(r..r + 2))
                    && let Some(rect) = map.rect([x[0], y[0], x[1], y[1]])
                {
                    let ground = z.get(i).and_then(|z| scale.color(*z)).map_or(sheet.ground, crate::ui::theme::rgba);
                    inside(painter, sheet, rect, label, ground);
                }
            }
        }
        Mark::Wedges(wedges) if panel.frame == Frame::Round => {
            let (middle, radius) = circle(map.place);
            for wedge in wedges.iter().filter(|w| !w.label.is_empty() && !view.is_hidden(sheet.figure, w.legend)) {
                wedge_words(painter, sheet, wedge, middle, radius);
            }
        }
        _ => {}
    }
}

/// The colour that words without one of their own stand on, when that is a rectangle of their series.
fn below(sheet: &Sheet<'_>, series: &Series, label: &Label) -> Option<Color32> {
    let [x, y] = label.at;
    let rects = series.marks.iter().rev().filter(|_| label.ink == Ink::Text);
    rects.into_iter().find_map(|mark| {
        let Mark::Rects { rects, inks, alpha, .. } = mark else { return None };
        let on = |r: &[f64; 4]| r[0].min(r[2]) < x && x < r[0].max(r[2]) && r[1].min(r[3]) < y && y < r[1].max(r[3]);
        let i = rects.iter().rposition(on)?;
        Some(crate::ui::theme::mix(sheet.ground, sheet.ink(inks.at(i)), *alpha))
    })
}

/// Words in the middle of a rectangle, when they fit.
fn inside(painter: &Painter, sheet: &Sheet<'_>, rect: Rect, text: &str, ground: Color32) {
    let rect = rect.intersect(painter.clip_rect());
    let galley = painter.layout_no_wrap(shorten(text, 40), sheet.theme.font(SMALL), sheet.text);
    if galley.size().x > rect.width() + 1.0 || galley.size().y > rect.height() + 3.0 {
        return;
    }
    let color = over(ground, sheet);
    let galley = painter.layout_no_wrap(shorten(text, 40), sheet.theme.font(SMALL), color);
    painter.galley(rect.center() - galley.size() / 2.0, galley, color);
}

/// Ink that is read on a colour.
fn over(ground: Color32, sheet: &Sheet<'_>) -> Color32 {
    let [r, g, b, a] = ground.to_srgba_unmultiplied();
    if a < 120 {
        return sheet.text;
    }
    crate::ui::theme::rgba(if crate::model::chart::color::lightness([r, g, b, a]) > 0.55 {
        [24, 27, 33, 255]
    } else {
        [255; 4]
    })
}

fn wedge_words(painter: &Painter, sheet: &Sheet<'_>, wedge: &Wedge, middle: Pos2, radius: f32) {
    let wide = (wedge.to - wedge.from) as f32;
    let mid = (f64::midpoint(wedge.from, wedge.to) * std::f64::consts::TAU) as f32;
    let direction = vec2(mid.sin(), -mid.cos());
    let along =
        if wedge.inner == 0.0 && wide > 0.999 { 0.0 } else { f64::midpoint(wedge.inner.max(0.25), wedge.outer) as f32 };
    let at = middle + direction * radius * along;
    let ground = sheet.ink(wedge.ink);
    let galley = painter.layout_no_wrap(shorten(&wedge.label, 24), sheet.theme.font(SMALL), over(ground, sheet));
    // Only where the sector is as wide as the words.
    let room = wide * std::f32::consts::TAU * radius * along.max(0.3);
    let deep = (wedge.outer - wedge.inner) as f32 * radius;
    if room >= galley.size().y * 1.2 && (room.max(deep) >= galley.size().x || wide > 0.999) {
        let color = over(ground, sheet);
        painter.galley(at - galley.size() / 2.0, galley, color);
    }
}

/// Words at a place, with an arrow when they stand aside.
pub(super) fn words(painter: &Painter, sheet: &Sheet<'_>, label: &Label, at: Pos2) {
    let color = sheet.ink(label.ink);
    let font = if label.bold { sheet.theme.semibold(label.size) } else { sheet.theme.font(label.size) };
    let galley = painter.layout_no_wrap(label.text.clone(), font, color);
    let size = galley.size();
    let place = at + vec2(label.shift[0], label.shift[1]);
    if label.arrow && label.shift != [0.0; 2] {
        let stroke = Stroke::new(1.0, color);
        painter.line_segment([place, at], stroke);
        let back = (place - at).normalized() * 7.0;
        for turn in [0.4_f32, -0.4] {
            painter.line_segment([at, at + egui::emath::Rot2::from_angle(turn) * back], stroke);
        }
    }
    if label.angle != 0.0 {
        let turn = label.angle.to_radians();
        let half = egui::emath::Rot2::from_angle(turn) * (size / 2.0);
        painter.add(Shape::Text(TextShape::new(place - half, galley, color).with_angle(turn)));
        return;
    }
    let side = |s: i8| match s {
        -1 => egui::Align::Min,
        1 => egui::Align::Max,
        _ => egui::Align::Center,
    };
    // Words that stand off an arrow are centred above or below its end.
    let down = if label.arrow { i8::from(label.shift[1] < 0.0) * 2 - 1 } else { label.down };
    let rect = Align2([side(label.across), side(down)]).anchor_size(place, size);
    painter.galley(rect.min, galley, color);
}

struct Make<'a> {
    ctx: egui::Context,
    sheet: &'a Sheet<'a>,
    shapes: Vec<Shape>,
    textures: Vec<TextureHandle>,
    map: Map<'a>,
}

impl Make<'_> {
    fn mark(&mut self, mark: &Mark) {
        match mark {
            Mark::Line { points, pen, alpha } => self.line(points, *pen, *alpha),
            Mark::Area { along, low, high, upright, ink, alpha } => {
                let color = self.sheet.theme.fade(self.sheet.ink(*ink), *alpha);
                self.area(along, low, high, *upright, color);
            }
            Mark::Points { at, inks, sizes, forms, hollow, alpha } => {
                self.points(at, inks, sizes, forms, *hollow, *alpha);
            }
            Mark::Rects { rects, inks, alpha, edge, .. } => self.rects(rects, inks, *alpha, *edge),
            Mark::Grid { x, y, z, scale, .. } => self.grid(x, y, z, *scale),
            Mark::Segments { lines, inks, width, dash, alpha } => {
                // Of very many the eye does not miss some.
                for (i, [x0, y0, x1, y1]) in lines.iter().enumerate().step_by(lines.len().div_ceil(SHAPES).max(1)) {
                    let ends = [self.map.at([*x0, *y0]), self.map.at([*x1, *y1])];
                    if ends.iter().all(|p| p.x.is_finite() && p.y.is_finite()) && self.near(&ends) {
                        let color = self.sheet.theme.fade(self.sheet.ink(inks.at(i)), *alpha);
                        let pen = Pen { ink: inks.at(i), width: *width, dash: *dash };
                        self.shapes.extend(stroke(self.clipped(ends).to_vec(), pen, color));
                    }
                }
            }
            Mark::Texts(_) => {}
            Mark::Wedges(wedges) => self.wedges(wedges),
        }
    }

    /// Some of it can be seen.
    fn near(&self, ends: &[Pos2; 2]) -> bool {
        Rect::from_two_pos(ends[0], ends[1]).intersects(self.map.place.expand(10.0))
    }

    /// Ends far outside are brought near along the line, so that dashes are not made for what nobody sees.
    fn clipped(&self, [a, b]: [Pos2; 2]) -> [Pos2; 2] {
        let wide = self.map.place.expand(2000.0);
        if wide.contains(a) && wide.contains(b) {
            return [a, b];
        }
        [wide.clamp(a), wide.clamp(b)]
    }

    fn line(&mut self, points: &[At], pen: Pen, alpha: f32) {
        let color = self.sheet.theme.fade(self.sheet.ink(pen.ink), alpha);
        let pieces = thin(points, &self.map);
        let step = pieces.len().div_ceil(GAPS).max(1);
        for piece in pieces.into_iter().step_by(step) {
            match piece.as_slice() {
                [] => {}
                [only] => self.shapes.push(Shape::circle_filled(*only, (pen.width / 2.0).max(1.0), color)),
                _ => self.shapes.extend(stroke(piece, pen, color)),
            }
        }
    }

    fn area(&mut self, along: &[f64], low: &[f64], high: &[f64], upright: bool, color: Color32) {
        let mut mesh = Mesh::default();
        let mut before: Option<(Pos2, u32)> = None;
        let dense = along.len() > 4000;
        for ((a, l), h) in along.iter().zip(low).zip(high) {
            let (p, q) = if upright { ([*a, *l], [*a, *h]) } else { ([*l, *a], [*h, *a]) };
            let (p, q) = (self.map.at(p), self.map.at(q));
            if !(p.x.is_finite() && p.y.is_finite() && q.x.is_finite() && q.y.is_finite()) {
                before = None;
                continue;
            }
            let moved = |last: Pos2| if upright { (p.x - last.x).abs() } else { (p.y - last.y).abs() };
            if dense && before.is_some_and(|(last, _)| moved(last) < 0.5) {
                continue;
            }
            let n = mesh.vertices.len() as u32;
            mesh.colored_vertex(p, color);
            mesh.colored_vertex(q, color);
            if let Some((_, m)) = before {
                mesh.add_triangle(m, m + 1, n);
                mesh.add_triangle(m + 1, n, n + 1);
            }
            before = Some((p, n));
        }
        self.shapes.push(Shape::mesh(mesh));
    }

    fn points(&mut self, at: &Arc<[At]>, inks: &Inks, sizes: &Many<f32>, forms: &Many<Form>, hollow: bool, alpha: f32) {
        let visible = self.map.place.expand(20.0);
        let seen: Vec<(usize, Pos2)> = at
            .iter()
            .enumerate()
            .map(|(i, p)| (i, self.map.at(*p)))
            .filter(|(_, p)| p.x.is_finite() && p.y.is_finite() && visible.contains(*p))
            .collect();
        let color = |i: usize| self.sheet.theme.fade(self.sheet.ink(inks.at(i)), alpha);
        let size = |i: usize| sizes.at(i).unwrap_or(6.0);
        if seen.len() > MANY {
            let ppp = self.ctx.pixels_per_point();
            let dots = seen.iter().map(|(i, p)| raster::Dot {
                at: *p,
                size: size(*i),
                color: color(*i),
                form: forms.at(*i).unwrap_or_default(),
                hollow,
            });
            let image = raster::dots(dots, self.map.place, ppp);
            self.picture("chart-points", image);
            return;
        }
        let shapes =
            seen.iter().flat_map(|(i, p)| marker(*p, size(*i), forms.at(*i).unwrap_or_default(), color(*i), hollow));
        let shapes: Vec<Shape> = shapes.collect();
        self.shapes.extend(shapes);
    }

    /// Puts a picture of the panel in the place of shapes.
    fn picture(&mut self, name: &str, image: egui::ColorImage) {
        let texture = self.ctx.load_texture(name, image, egui::TextureOptions::NEAREST);
        let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
        // The picture has whole pixels, the panel may end within one.
        let area = Rect::from_min_size(self.map.place.min, texture.size_vec2() / self.ctx.pixels_per_point());
        self.shapes.push(Shape::image(texture.id(), area, whole, self.sheet.theme.untinted()));
        self.textures.push(texture);
    }

    fn rects(&mut self, rects: &[[f64; 4]], inks: &Inks, alpha: f32, edge: Option<Pen>) {
        let ppp = self.ctx.pixels_per_point();
        let snap = |v: f32| (v * ppp).round() / ppp;
        let limit = self.map.place.expand(4.0);
        let mut mesh = Mesh::default();
        if rects.len() > SHAPES {
            let seen = rects.iter().enumerate().filter_map(|(i, rect)| {
                let rect = self.map.rect(*rect).filter(|r| r.intersects(limit))?;
                Some((rect, self.sheet.theme.fade(self.sheet.ink(inks.at(i)), alpha)))
            });
            let image = raster::rects(seen, self.map.place, ppp);
            self.picture("chart-bars", image);
            return;
        }
        for (i, rect) in rects.iter().enumerate() {
            let Some(r) = self.map.rect(*rect) else { continue };
            if !r.intersects(limit) {
                continue;
            }
            let r = r.intersect(limit);
            let mut r = Rect::from_min_max(pos2(snap(r.min.x), snap(r.min.y)), pos2(snap(r.max.x), snap(r.max.y)));
            // What is not nothing stays visible.
            if rect[0] != rect[2] && r.width() < 1.0 / ppp {
                r.max.x = r.min.x + 1.0 / ppp;
            }
            mesh.add_colored_rect(r, self.sheet.theme.fade(self.sheet.ink(inks.at(i)), alpha));
        }
        self.shapes.push(Shape::mesh(mesh));
        let Some(pen) = edge else { return };
        let stroke = Stroke::new(pen.width.min(6.0), self.sheet.ink(pen.ink));
        for rect in rects.iter().take(20_000) {
            if let Some(r) = self.map.rect(*rect).filter(|r| r.intersects(limit)) {
                self.shapes.push(Shape::rect_stroke(r, 0.0, stroke, StrokeKind::Middle));
            }
        }
    }

    fn grid(&mut self, x: &[f64], y: &[f64], z: &[f64], scale: usize) {
        let Some(scale) = self.sheet.figure.scales.get(scale) else { return };
        let (columns, rows) = (x.len().saturating_sub(1), y.len().saturating_sub(1));
        if columns == 0 || rows == 0 || z.len() < columns * rows {
            return;
        }
        let px: Vec<f32> = x.iter().map(|v| self.map.x(*v)).collect();
        let py: Vec<f32> = y.iter().map(|v| self.map.y(*v)).collect();
        let color = |v: f64| scale.color(v).map_or(Color32::TRANSPARENT, crate::ui::theme::rgba);
        if columns * rows > CELLS {
            let image =
                raster::cells(&px, &py, self.map.place, self.ctx.pixels_per_point(), |c, r| color(z[r * columns + c]));
            self.picture("chart-cells", image);
            return;
        }
        let ppp = self.ctx.pixels_per_point();
        let snap = |v: f32| (v * ppp).round() / ppp;
        let mut mesh = Mesh::default();
        for r in 0..rows {
            for c in 0..columns {
                let v = z[r * columns + c];
                let rect = Rect::from_two_pos(pos2(snap(px[c]), snap(py[r])), pos2(snap(px[c + 1]), snap(py[r + 1])));
                if !v.is_nan() && rect.min.x.is_finite() && rect.min.y.is_finite() {
                    mesh.add_colored_rect(rect, color(v));
                }
            }
        }
        self.shapes.push(Shape::mesh(mesh));
    }

    fn wedges(&mut self, wedges: &[Wedge]) {
        let (middle, radius) = circle(self.map.place);
        for wedge in wedges {
            let color = self.sheet.ink(wedge.ink);
            let turn = |t: f64, r: f64| {
                let angle = (t * std::f64::consts::TAU) as f32;
                middle + vec2(angle.sin(), -angle.cos()) * (r as f32) * radius
            };
            let steps = (((wedge.to - wedge.from).abs() * 180.0).ceil() as usize).clamp(1, 360);
            let at = |i: usize| wedge.from + (wedge.to - wedge.from) * i as f64 / steps as f64;
            let mut mesh = Mesh::default();
            for i in 0..=steps {
                mesh.colored_vertex(turn(at(i), wedge.inner), color);
                mesh.colored_vertex(turn(at(i), wedge.outer), color);
                if i > 0 {
                    let n = i as u32 * 2;
                    mesh.add_triangle(n - 2, n - 1, n);
                    mesh.add_triangle(n - 1, n, n + 1);
                }
            }
            self.shapes.push(Shape::mesh(mesh));
            // A line in the ground's colour parts the sectors and smooths their edges.
            let mut outline: Vec<Pos2> = (0..=steps).map(|i| turn(at(i), wedge.outer)).collect();
            if wedge.to - wedge.from > 0.999 {
                self.shapes.push(Shape::closed_line(outline, Stroke::new(1.0, self.sheet.ground)));
                continue;
            }
            outline.extend((0..=steps).rev().map(|i| turn(at(i), wedge.inner)));
            self.shapes.push(Shape::closed_line(outline, Stroke::new(1.0, self.sheet.ground)));
        }
    }
}

/// Points of a line on the screen, in pieces between gaps; dense ones keep the ends and extremes of every pixel.
fn thin(points: &[At], map: &Map<'_>) -> Vec<Vec<Pos2>> {
    let mut pieces = vec![Vec::new()];
    let dense = points.len() > 4000;
    let mut column: Option<Column> = None;
    let limit = map.place.expand(3000.0);
    for p in points {
        let at = map.at(*p);
        if !at.x.is_finite() || !at.y.is_finite() {
            if let (Some(c), Some(piece)) = (column.take(), pieces.last_mut()) {
                c.put(piece);
            }
            if pieces.last().is_some_and(|p| !p.is_empty()) {
                pieces.push(Vec::new());
            }
            continue;
        }
        let at = limit.clamp(at);
        let Some(piece) = pieces.last_mut() else { continue };
        if !dense {
            piece.push(at);
            continue;
        }
        let key = (at.x * 2.0).floor() as i32;
        match &mut column {
            Some(c) if c.key == key => c.take(at),
            _ => {
                if let Some(c) = column.take() {
                    c.put(piece);
                }
                column = Some(Column { key, first: at, low: at, high: at, last: at });
            }
        }
    }
    if let (Some(c), Some(piece)) = (column, pieces.last_mut()) {
        c.put(piece);
    }
    // A line that goes to and fro keeps every so-many-th of its points.
    let total: usize = pieces.iter().map(Vec::len).sum();
    let step = total.div_ceil(LINE).max(1);
    if step > 1 {
        pieces.iter_mut().for_each(|p| *p = p.iter().copied().step_by(step).collect());
    }
    pieces
}

/// What a line does within half a point of the screen.
struct Column {
    key: i32,
    first: Pos2,
    low: Pos2,
    high: Pos2,
    last: Pos2,
}

impl Column {
    fn take(&mut self, at: Pos2) {
        if at.y < self.low.y {
            self.low = at;
        }
        if at.y > self.high.y {
            self.high = at;
        }
        self.last = at;
    }
    fn put(self, piece: &mut Vec<Pos2>) {
        for p in [self.first, self.low, self.high, self.last] {
            if piece.last() != Some(&p) {
                piece.push(p);
            }
        }
    }
}

/// A line with its dashes.
pub(super) fn stroke(points: Vec<Pos2>, pen: Pen, color: Color32) -> Vec<Shape> {
    let stroke = Stroke::new(pen.width.clamp(0.25, 40.0), color);
    let w = pen.width.max(1.0);
    let length: f32 = points.windows(2).map(|p| p[0].distance(p[1])).sum();
    if length > DASHES * w {
        return vec![Shape::line(points, stroke)];
    }
    match pen.dash {
        Dash::Dot => Shape::dashed_line(&points, stroke, w * 1.5, w * 2.0),
        Dash::Dash => Shape::dashed_line(&points, stroke, w * 3.5, w * 2.5),
        Dash::LongDash => Shape::dashed_line(&points, stroke, w * 6.0, w * 3.0),
        Dash::DashDot => Shape::dashed_line_with_offset(&points, stroke, &[w * 5.0, w * 1.5], &[w * 2.5, w * 2.5], 0.0),
        Dash::Solid => vec![Shape::line(points, stroke)],
    }
}

/// One marker.
pub(super) fn marker(at: Pos2, size: f32, form: Form, color: Color32, hollow: bool) -> Vec<Shape> {
    let r = size / 2.0;
    let line = Stroke::new(1.5, color);
    let polygon = |points: Vec<Pos2>| {
        vec![if hollow { Shape::closed_line(points, line) } else { Shape::convex_polygon(points, color, Stroke::NONE) }]
    };
    let corner = |turns: &[(f32, f32)]| turns.iter().map(|(x, y)| at + vec2(*x, *y) * r).collect::<Vec<_>>();
    let cross = |ends: [(f32, f32); 4]| {
        let e = ends.map(|(x, y)| at + vec2(x, y) * r);
        let line = Stroke::new((size * 0.28).max(1.0), color);
        vec![Shape::line_segment([e[0], e[1]], line), Shape::line_segment([e[2], e[3]], line)]
    };
    match form {
        Form::Circle if hollow => vec![Shape::circle_stroke(at, (r - 0.75).max(0.5), line)],
        Form::Circle => vec![Shape::circle_filled(at, r, color)],
        Form::Square => polygon(corner(&[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)])),
        Form::Diamond => polygon(corner(&[(0.0, -1.3), (1.0, 0.0), (0.0, 1.3), (-1.0, 0.0)])),
        Form::Up => polygon(corner(&[(0.0, -1.1), (1.05, 0.8), (-1.05, 0.8)])),
        Form::Down => polygon(corner(&[(0.0, 1.1), (-1.05, -0.8), (1.05, -0.8)])),
        Form::Left => polygon(corner(&[(-1.1, 0.0), (0.8, -1.05), (0.8, 1.05)])),
        Form::Right => polygon(corner(&[(1.1, 0.0), (-0.8, 1.05), (-0.8, -1.05)])),
        Form::Cross => cross([(-1.1, 0.0), (1.1, 0.0), (0.0, -1.1), (0.0, 1.1)]),
        Form::X => cross([(-0.85, -0.85), (0.85, 0.85), (-0.85, 0.85), (0.85, -0.85)]),
        Form::Star => {
            let mut all = cross([(-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0)]);
            all.extend(cross([(-0.7, -0.7), (0.7, 0.7), (-0.7, 0.7), (0.7, -0.7)]));
            all
        }
        Form::Dashed => vec![Shape::line_segment([at - vec2(r, 0.0), at + vec2(r, 0.0)], line)],
    }
}

/// The data of a table trace, as many rows as fit.
fn table(painter: &Painter, sheet: &Sheet<'_>, panel: &Panel, place: Rect) {
    let Some(data) = panel.series.first().map(|s| &s.data).filter(|d| !d.columns.is_empty()) else { return };
    let wide = place.width() / data.columns.len() as f32;
    let row = 24.0;
    let fits = ((place.height() / row) as usize).saturating_sub(1);
    let rows = data.rows();
    let shown = if rows > fits { fits.saturating_sub(1) } else { rows };
    let cell =
        |c: usize, r: usize| Rect::from_min_size(place.min + vec2(wide * c as f32, row * r as f32), vec2(wide, row));
    let letters = ((wide - 12.0) / 6.5).max(2.0) as usize;
    for (c, (name, values)) in data.columns.iter().enumerate() {
        painter.rect_filled(cell(c, 0), 0.0, crate::ui::theme::mix(sheet.ground, sheet.text, 0.07));
        let write = |r: usize, text: &str, font| {
            let at = cell(c, r).left_center() + vec2(6.0, 0.0);
            painter.text(at, Align2::LEFT_CENTER, shorten(text, letters), font, sheet.text);
        };
        write(0, name, sheet.theme.semibold(SMALL));
        for r in 0..shown {
            write(r + 1, &values.show(r), sheet.theme.font(SMALL));
        }
    }
    let last = shown + 1;
    for r in 0..=last {
        painter.hline(place.x_range(), place.top() + row * r as f32, Stroke::new(1.0, sheet.grid));
    }
    if shown < rows {
        let words = format!("{} more rows", rows - shown);
        painter.text(
            cell(0, last).left_center() + vec2(6.0, 0.0),
            Align2::LEFT_CENTER,
            words,
            sheet.theme.font(SMALL),
            sheet.muted,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::chart::{Axis, Side, Source};

    #[test]
    fn a_dense_line_keeps_its_extremes_and_gaps() {
        let mut figure = Figure::new(Source::Plotly);
        for side in [Side::Bottom, Side::Left] {
            figure.axes.push(Axis { range: [0.0, 100_000.0], ..Axis::new("a", side) });
        }
        let place = Rect::from_min_size(Pos2::ZERO, vec2(600.0, 300.0));
        let map = Map { figure: &figure, x: (0, [0.0, 100_000.0]), y: (1, [-1.0, 1.0]), place };
        let mut points: Vec<At> = (0..100_000).map(|i| [f64::from(i), 0.0]).collect();
        points[50_003][1] = 1.0;
        points[70_000][1] = f64::NAN;
        let pieces = thin(&points, &map);
        assert_eq!(pieces.len(), 2);
        assert!(pieces.iter().map(Vec::len).sum::<usize>() < 6_000);
        assert!(pieces[0].iter().any(|p| p.y == 0.0), "the one high value is kept");
    }
}
