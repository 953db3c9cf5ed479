//! Very many marks as one picture at the screen's own pixels.
use egui::{Color32, ColorImage, Pos2, Rect};

use crate::model::chart::Form;

/// One marker.
pub(super) struct Dot {
    pub at: Pos2,
    pub size: f32,
    pub color: Color32,
    pub form: Form,
    pub hollow: bool,
}

fn size(place: Rect, ppp: f32) -> [usize; 2] {
    [place.width(), place.height()].map(|v| ((v * ppp).ceil() as usize).clamp(1, 8192))
}

/// Coverage of a pixel whose middle is at (x, y) from a marker of radius `r`, all in pixels.
fn cover(form: Form, x: f32, y: f32, r: f32, hollow: bool) -> f32 {
    let far = match form {
        Form::Square => x.abs().max(y.abs()) - r * 0.9,
        Form::Diamond => (x.abs() + y.abs() * 0.77 - r) * 0.75,
        Form::Cross => return band(x.abs().min(y.abs()), r * 0.28).min(band(x.abs().max(y.abs()), r)),
        Form::X => {
            let (a, b) = ((x + y).abs() * 0.707, (x - y).abs() * 0.707);
            return band(a.min(b), r * 0.28).min(band(a.max(b), r));
        }
        Form::Dashed => return band(y.abs(), 0.75).min(band(x.abs(), r)),
        Form::Up => (y - r * 0.8).max((x.abs() * 1.8 - y - r * 1.1) * 0.48),
        Form::Down => (-y - r * 0.8).max((x.abs() * 1.8 + y - r * 1.1) * 0.48),
        _ => x.hypot(y) - r,
    };
    if hollow { (1.25 - (far + 0.75).abs()).clamp(0.0, 1.0) } else { (0.5 - far).clamp(0.0, 1.0) }
}

fn band(distance: f32, half: f32) -> f32 {
    (half.max(0.5) + 0.5 - distance).clamp(0.0, 1.0)
}

/// Draws markers over each other.
pub(super) fn dots(all: impl Iterator<Item = Dot>, place: Rect, ppp: f32) -> ColorImage {
    let [w, h] = size(place, ppp);
    let mut pixels = vec![Color32::TRANSPARENT; w * h];
    // A marker that is opaque and on the same half pixel as the one before it of its colour changes nothing.
    let mut last: Vec<u32> = vec![0; w * h];
    for dot in all {
        let (cx, cy) = ((dot.at.x - place.left()) * ppp, (dot.at.y - place.top()) * ppp);
        let r = dot.size * ppp / 2.0;
        let [cr, cg, cb, ca] = dot.color.to_array();
        if ca == 255 && cx >= 0.0 && cy >= 0.0 && (cx as usize) < w && (cy as usize) < h {
            let slot = &mut last[cy as usize * w + cx as usize];
            let key = u32::from_le_bytes([cr, cg, cb, 255]);
            if *slot == key {
                continue;
            }
            *slot = key;
        }
        let reach = r * 1.4 + 1.0;
        let range =
            |c: f32, n: usize| ((c - reach).floor().max(0.0) as usize)..((c + reach).ceil().max(0.0) as usize).min(n);
        for y in range(cy, h) {
            for x in range(cx, w) {
                let share = cover(dot.form, x as f32 + 0.5 - cx, y as f32 + 0.5 - cy, r, dot.hollow);
                if share > 0.0 {
                    let pixel = &mut pixels[y * w + x];
                    *pixel = blend(*pixel, dot.color, share);
                }
            }
        }
    }
    ColorImage::new([w, h], pixels)
}

/// Fills rectangles over each other.
pub(super) fn rects(all: impl Iterator<Item = (Rect, Color32)>, place: Rect, ppp: f32) -> ColorImage {
    let [w, h] = size(place, ppp);
    let mut pixels = vec![Color32::TRANSPARENT; w * h];
    // Bars of one column of pixels after each other change only what they add to it.
    let mut last: Vec<(u32, u32, Color32)> = vec![(0, 0, Color32::TRANSPARENT); w];
    for (rect, color) in all {
        let side = |from: f32, to: f32, origin: f32, n: usize| {
            let first = (((from - origin) * ppp).round().max(0.0) as usize).min(n);
            // What is not nothing stays visible.
            let end = (((to - origin) * ppp).round().max(0.0) as usize).max(first + 1).min(n);
            first..end
        };
        let (columns, rows) =
            (side(rect.left(), rect.right(), place.left(), w), side(rect.top(), rect.bottom(), place.top(), h));
        for x in columns {
            let whole = (rows.start as u32, rows.end as u32, color);
            let slot = &mut last[x];
            if color.is_opaque() && slot.2 == color && slot.0 <= whole.0 && slot.1 >= whole.1 {
                continue;
            }
            *slot = whole;
            for y in rows.clone() {
                let pixel = &mut pixels[y * w + x];
                *pixel = if color.is_opaque() { color } else { blend(*pixel, color, 1.0) };
            }
        }
    }
    ColorImage::new([w, h], pixels)
}

/// One premultiplied colour over another.
fn blend(under: Color32, over: Color32, share: f32) -> Color32 {
    let (u, o) = (under.to_array(), over.to_array());
    let keep = 1.0 - f32::from(o[3]) / 255.0 * share;
    let mix = |i: usize| (f32::from(u[i]) * keep + f32::from(o[i]) * share).round().min(255.0) as u8;
    Color32::from_rgba_premultiplied(mix(0), mix(1), mix(2), mix(3))
}

/// Cells between edges on the screen; `color` takes column and row.
pub(super) fn cells(
    px: &[f32],
    py: &[f32],
    place: Rect,
    ppp: f32,
    color: impl Fn(usize, usize) -> Color32,
) -> ColorImage {
    let [w, h] = size(place, ppp);
    let find = |edges: &[f32], n: usize, origin: f32| -> Vec<Option<usize>> {
        let descending = edges.first() > edges.last();
        (0..n)
            .map(|i| {
                let at = origin + (i as f32 + 0.5) / ppp;
                let after =
                    if descending { edges.partition_point(|e| *e > at) } else { edges.partition_point(|e| *e <= at) };
                after.checked_sub(1).filter(|_| after < edges.len())
            })
            .collect()
    };
    let (columns, rows) = (find(px, w, place.left()), find(py, h, place.top()));
    let mut pixels = Vec::with_capacity(w * h);
    for r in &rows {
        pixels.extend(columns.iter().map(|c| match (c, r) {
            (Some(c), Some(r)) => color(*c, *r),
            _ => Color32::TRANSPARENT,
        }));
    }
    ColorImage::new([w, h], pixels)
}

#[cfg(test)]
mod tests {
    use egui::{pos2, vec2};

    use super::*;

    #[test]
    fn many_points_become_one_picture() {
        let place = Rect::from_min_size(Pos2::ZERO, vec2(100.0, 50.0));
        let dot = |x: f32| Dot { at: pos2(x, 25.0), size: 6.0, color: Color32::RED, form: Form::Circle, hollow: false };
        let image = dots([10.0, 10.0, 90.0].into_iter().map(dot), place, 2.0);
        assert_eq!(image.size, [200, 100]);
        assert_eq!(image.pixels[50 * 200 + 20], Color32::RED);
        assert_eq!(image.pixels[50 * 200 + 100], Color32::TRANSPARENT);
    }

    #[test]
    fn bars_narrower_than_a_pixel_are_seen() {
        let place = Rect::from_min_size(Pos2::ZERO, vec2(10.0, 10.0));
        let bar = |x: f32, top: f32| (Rect::from_min_max(pos2(x, top), pos2(x + 0.01, 10.0)), Color32::RED);
        let image = rects([bar(2.0, 5.0), bar(2.1, 8.0), bar(2.2, 1.0)].into_iter(), place, 1.0);
        assert_eq!(
            (image.pixels[12], image.pixels[92], image.pixels[2]),
            (Color32::RED, Color32::RED, Color32::TRANSPARENT)
        );
    }

    #[test]
    fn cells_fill_the_place_between_their_edges() {
        let place = Rect::from_min_size(Pos2::ZERO, vec2(4.0, 2.0));
        let image =
            cells(&[0.0, 2.0, 4.0], &[2.0, 0.0], place, 1.0, |c, _| if c == 0 { Color32::RED } else { Color32::BLUE });
        assert_eq!(image.pixels[..4], [Color32::RED, Color32::RED, Color32::BLUE, Color32::BLUE]);
    }
}
