//! Pixels of a formula: outlines of the shipped faces, lines and rectangles.
use std::{collections::HashMap, sync::LazyLock};

use ratex_font::FontId;
use ratex_layout::FallbackGlyphMetrics;
use ratex_types::{Color, DisplayItem, PathCommand};
use resvg::tiny_skia::{FillRule, Paint, Path, PathBuilder, Pixmap, Rect, Stroke, Transform};
use ttf_parser::{Face, OutlineBuilder};

use super::Formula;
use crate::model::output::Pixels;

/// Sides of a picture in pixels.
const MAX_WIDTH: f32 = 4000.0;
const MAX_HEIGHT: f32 = 2000.0;
/// Room around, since letters may reach over their box; in em.
pub const MARGIN: f32 = 0.08;

macro_rules! faces {
    ($($name:literal => $file:literal),* $(,)?) => {
        &[$(($name, include_bytes!(concat!("../../../assets/fonts/katex/KaTeX_", $file, ".ttf")))),*]
    };
}

/// By the names of the display list.
static FACES: &[(&str, &[u8])] = faces! {
    "AMS-Regular" => "AMS-Regular",
    "Caligraphic-Regular" => "Caligraphic-Regular",
    "Fraktur-Regular" => "Fraktur-Regular",
    "Fraktur-Bold" => "Fraktur-Bold",
    "Main-Bold" => "Main-Bold",
    "Main-BoldItalic" => "Main-BoldItalic",
    "Main-Italic" => "Main-Italic",
    "Main-Regular" => "Main-Regular",
    "Math-BoldItalic" => "Math-BoldItalic",
    "Math-Italic" => "Math-Italic",
    "SansSerif-Bold" => "SansSerif-Bold",
    "SansSerif-Italic" => "SansSerif-Italic",
    "SansSerif-Regular" => "SansSerif-Regular",
    "Script-Regular" => "Script-Regular",
    "Size1-Regular" => "Size1-Regular",
    "Size2-Regular" => "Size2-Regular",
    "Size3-Regular" => "Size3-Regular",
    "Size4-Regular" => "Size4-Regular",
    "Typewriter-Regular" => "Typewriter-Regular",
};

static PARSED: LazyLock<HashMap<&'static str, Face<'static>>> =
    LazyLock::new(|| FACES.iter().filter_map(|(name, bytes)| Some((*name, Face::parse(bytes, 0).ok()?))).collect());

/// For letters that the fonts for formulas lack.
static PLAIN: LazyLock<Option<Face<'static>>> =
    LazyLock::new(|| Face::parse(include_bytes!("../../../assets/fonts/Inter-Regular.ttf"), 0).ok());

/// The faces with serifs, for other pictures.
pub fn faces() -> impl Iterator<Item = &'static [u8]> {
    FACES.iter().filter(|(name, _)| name.starts_with("Main-")).map(|(_, bytes)| *bytes)
}

/// The size of a letter that the fonts for formulas lack, in em.
pub(super) fn fallback_metrics(c: char) -> Option<FallbackGlyphMetrics> {
    let main = PARSED.get("Main-Regular")?;
    if main.glyph_index(c).is_some() {
        return None;
    }
    let face = PLAIN.as_ref()?;
    let em = f64::from(face.units_per_em());
    let glyph = face.glyph_index(c)?;
    let inked = face.glyph_bounding_box(glyph)?;
    Some(FallbackGlyphMetrics {
        width: f64::from(face.glyph_hor_advance(glyph)?) / em,
        height: f64::from(inked.y_max.max(0)) / em,
        depth: f64::from((-inked.y_min).max(0)) / em,
    })
}

/// Draws a formula with this many pixels to an em in an ink of its own; around it stands [`MARGIN`].
pub fn draw(formula: &Formula, em: f32, ink: [u8; 3]) -> Pixels {
    let wide = (formula.width + 2.0 * MARGIN).max(0.01);
    let high = (formula.height + formula.depth + 2.0 * MARGIN).max(0.01);
    let em = em.min(MAX_WIDTH / wide).min(MAX_HEIGHT / high).max(0.1);
    let (width, height) = ((wide * em).ceil().max(1.0) as u32, (high * em).ceil().max(1.0) as u32);
    let Some(mut pixmap) = Pixmap::new(width, height) else {
        return Pixels { width: 1, height: 1, rgba: vec![0; 4] };
    };
    let to = Transform::from_scale(em, em).pre_translate(MARGIN, MARGIN);
    for item in &formula.list.items {
        paint(&mut pixmap, item, to, ink);
    }
    let rgba = pixmap.pixels().iter().flat_map(|p| {
        let p = p.demultiply();
        [p.red(), p.green(), p.blue(), p.alpha()]
    });
    Pixels { width, height, rgba: rgba.collect() }
}

fn colour(color: &Color, ink: [u8; 3]) -> Paint<'static> {
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    if *color == Color::BLACK {
        paint.set_color_rgba8(ink[0], ink[1], ink[2], 255);
    } else {
        let part = |n: f32| (n.clamp(0.0, 1.0) * 255.0).round() as u8;
        paint.set_color_rgba8(part(color.r), part(color.g), part(color.b), part(color.a));
    }
    paint
}

fn paint(pixmap: &mut Pixmap, item: &DisplayItem, to: Transform, ink: [u8; 3]) {
    match item {
        DisplayItem::GlyphPath { x, y, scale, font, char_code, color } => {
            let Some((path, em)) = outline(font, *char_code) else { return };
            let size = *scale as f32 / em;
            let to = to.pre_translate(*x as f32, *y as f32).pre_scale(size, -size);
            pixmap.fill_path(&path, &colour(color, ink), FillRule::Winding, to, None);
        }
        DisplayItem::Line { x, y, width, thickness, color, dashed } => {
            // No line is thinner than a pixel, or it fades away.
            let thick = (*thickness as f32).max(1.0 / to.sy.abs().max(0.1));
            let top = *y as f32 - thick / 2.0;
            let (left, right) = (*x as f32, (*x + *width) as f32);
            let dash = if *dashed { (thick * 3.0).max((right - left) / 2_000.0) } else { right - left };
            let mut at = left;
            while at < right {
                if let Some(rect) = Rect::from_ltrb(at, top, (at + dash).min(right), top + thick) {
                    pixmap.fill_rect(rect, &colour(color, ink), to, None);
                }
                at += (dash * 2.0).max(1e-3);
            }
        }
        DisplayItem::Rect { x, y, width, height, color } => {
            let (x, y) = (*x as f32, *y as f32);
            if let Some(rect) = Rect::from_ltrb(x, y, x + *width as f32, y + *height as f32) {
                pixmap.fill_rect(rect, &colour(color, ink), to, None);
            }
        }
        DisplayItem::Path { x, y, commands, fill, color } => {
            let to = to.pre_translate(*x as f32, *y as f32);
            if *fill {
                // Each part by itself: parts that overlap must not cut each other out.
                for part in parts(commands) {
                    if let Some(path) = path_of(part) {
                        pixmap.fill_path(&path, &colour(color, ink), FillRule::Winding, to, None);
                    }
                }
            } else if let Some(path) = path_of(commands) {
                let stroke = Stroke { width: 0.04, ..Stroke::default() };
                pixmap.stroke_path(&path, &colour(color, ink), &stroke, to, None);
            }
        }
    }
}

fn parts(commands: &[PathCommand]) -> impl Iterator<Item = &[PathCommand]> {
    let begins = commands.iter().enumerate().filter(|(i, c)| *i > 0 && matches!(c, PathCommand::MoveTo { .. }));
    let mut cuts: Vec<usize> = std::iter::once(0).chain(begins.map(|(i, _)| i)).collect();
    cuts.push(commands.len());
    let ranges: Vec<_> = cuts.windows(2).filter_map(|w| commands.get(*w.first()?..*w.last()?)).collect();
    ranges.into_iter().filter(|p| !p.is_empty())
}

fn path_of(commands: &[PathCommand]) -> Option<Path> {
    let mut path = PathBuilder::new();
    for command in commands {
        match *command {
            PathCommand::MoveTo { x, y } => path.move_to(x as f32, y as f32),
            PathCommand::LineTo { x, y } => path.line_to(x as f32, y as f32),
            PathCommand::CubicTo { x1, y1, x2, y2, x, y } => {
                path.cubic_to(x1 as f32, y1 as f32, x2 as f32, y2 as f32, x as f32, y as f32);
            }
            PathCommand::QuadTo { x1, y1, x, y } => path.quad_to(x1 as f32, y1 as f32, x as f32, y as f32),
            PathCommand::Close => path.close(),
        }
    }
    path.finish()
}

/// The outline of a letter and the units of its em.
fn outline(font: &str, code: u32) -> Option<(Path, f32)> {
    let id = FontId::parse(font).unwrap_or(FontId::MainRegular);
    let c = ratex_font::katex_ttf_glyph_char(id, code);
    let own = PARSED.get(font).or_else(|| PARSED.get("Main-Regular"));
    let candidates = [own, PARSED.get("Main-Regular"), PLAIN.as_ref()];
    candidates.into_iter().flatten().find_map(|face| {
        let mut outline = Outline(PathBuilder::new());
        face.outline_glyph(face.glyph_index(c)?, &mut outline)?;
        Some((outline.0.finish()?, f32::from(face.units_per_em())))
    })
}

struct Outline(PathBuilder);

impl OutlineBuilder for Outline {
    fn move_to(&mut self, x: f32, y: f32) {
        self.0.move_to(x, y);
    }
    fn line_to(&mut self, x: f32, y: f32) {
        self.0.line_to(x, y);
    }
    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        self.0.quad_to(x1, y1, x, y);
    }
    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        self.0.cubic_to(x1, y1, x2, y2, x, y);
    }
    fn close(&mut self) {
        self.0.close();
    }
}
