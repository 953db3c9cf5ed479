//! Pictures compared by their pixels: how many changed and where, how alike both look, and a heat map.
//!
//! The likeness is SSIM as in Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to
//! structural similarity", IEEE Transactions on Image Processing 13(4), 2004: on luma, under a Gaussian window of
//! 11 × 11 with σ = 1.5, K1 = 0.01, K2 = 0.03, the mean over all places where the window fits. As the authors advise,
//! a large picture is averaged down first: here to at most [`SSIM_PIXELS`], which bounds the cost.
use std::{borrow::Cow, sync::Arc};

use serde::Serialize;

use super::file::Picture;
use crate::{
    base::Result,
    model::output::{Pixels, shrink},
};

/// Difference of a channel, of 255, that a lossy encoding may make without changing the picture.
const LOSSY: u8 = 8;
/// The same after one side was scaled to the size of the other.
const SCALED: u8 = 48;
/// Least likeness of two lossy encodings of one picture.
const SAME_SSIM: f64 = 0.99;
/// Pictures of more pixels than this are averaged down before their likeness is taken.
pub const SSIM_PIXELS: u64 = 1 << 20;
/// Most changed regions that are listed.
const MAX_REGIONS: usize = 32;
/// Larger pictures are not decoded to find out whether they are the same after all.
const CHECKED_PIXELS: u64 = 16 * 1024 * 1024;
/// Longest side of what is kept for the screen.
pub const SHOWN_SIDE: u32 = 1600;

/// True when both files hold the same picture in another encoding; cheap when they obviously do not. Only what can be
/// compared in full is called the same.
pub(super) fn same_picture(old: &Picture, new: &Picture) -> bool {
    let affordable = |p: &Picture| p.size.is_some_and(|(w, h)| u64::from(w) * u64::from(h) <= CHECKED_PIXELS);
    if old.size != new.size || !affordable(old) || !affordable(new) {
        return false;
    }
    let (Ok(a), Ok(b)) = (old.decode(), new.decode()) else { return false };
    if tolerance(old, new) == 0 {
        return a == b || ImageDiff::decoded((old, &a), (new, &b)).is_same_picture();
    }
    ImageDiff::decoded((old, &a), (new, &b)).is_same_picture()
}

/// How the two pictures were laid over each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// Both have one size.
    Same,
    /// One shape in two sizes: the larger was scaled to the smaller.
    Scaled,
    /// Two shapes: compared from the upper left corner, what only one of them covers counts as changed.
    Corner,
}

/// A rectangle in which pixels changed, in pixels of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Region {
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub height: u32,
    /// Changed pixels inside.
    pub pixels: u64,
}

/// How much each pixel changed: 0 not at all, 255 from black to white.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heat {
    pub width: u32,
    pub height: u32,
    pub values: Vec<u8>,
}

/// A comparison of two decoded pictures.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageDiff {
    /// Width and height as decoded.
    pub old: (u32, u32),
    pub new: (u32, u32),
    pub fit: Fit,
    /// Too large to be decoded in full: not all pixels were compared.
    pub reduced: bool,
    /// A channel may differ by this much and count as the same.
    pub tolerance: u8,
    /// Pixels that changed, and all that were compared.
    pub changed: u64,
    pub total: u64,
    /// Largest difference of a channel, of 255.
    pub largest: u8,
    /// Likeness from 1, the same, down to -1; none for two shapes.
    pub ssim: Option<f64>,
    /// Where pixels changed, the most changed first.
    pub regions: Vec<Region>,
    /// Regions beyond those listed.
    pub more_regions: usize,
    pub heat: Heat,
}

impl ImageDiff {
    /// Decodes and compares two pictures. Takes up to seconds for the largest: not for the window's thread.
    pub fn of(old: &Picture, new: &Picture) -> Result<Self> {
        let (a, b) = (old.decode()?, new.decode()?);
        Ok(Self::decoded((old, &a), (new, &b)))
    }

    fn decoded((old, a): (&Picture, &Pixels), (new, b): (&Picture, &Pixels)) -> Self {
        let reduced = |p: &Picture, d: &Pixels| p.size.is_some_and(|size| size != (d.width, d.height));
        Self { reduced: reduced(old, a) || reduced(new, b), ..Self::new(a, b, tolerance(old, new)) }
    }

    /// Compares decoded pixels.
    pub fn new(old: &Pixels, new: &Pixels, tolerance: u8) -> Self {
        let sizes = ((old.width, old.height), (new.width, new.height));
        let fit = fit_of(sizes.0, sizes.1);
        let (a, b, tolerance) = match fit {
            Fit::Scaled => {
                let (w, h) = sizes.0.min(sizes.1);
                (Cow::Owned(shrink(old, w, h)), Cow::Owned(shrink(new, w, h)), tolerance.max(SCALED))
            }
            _ => (Cow::Borrowed(old), Cow::Borrowed(new), tolerance),
        };
        let (heat, changed, total, largest) = heat(&a, &b, tolerance);
        let ssim = (fit != Fit::Corner && total > 0).then(|| if largest == 0 { 1.0 } else { ssim(&a, &b) });
        let mut regions = if changed > 0 { regions(&heat) } else { Vec::new() };
        let more_regions = regions.len().saturating_sub(MAX_REGIONS);
        regions.truncate(MAX_REGIONS);
        Self {
            old: sizes.0,
            new: sizes.1,
            fit,
            reduced: false,
            tolerance,
            changed,
            total,
            largest,
            ssim,
            regions,
            more_regions,
            heat,
        }
    }

    /// Share of the pixels that changed, 0 to 1.
    pub fn share(&self) -> f64 {
        if self.total == 0 { 0.0 } else { self.changed as f64 / self.total as f64 }
    }

    /// Both show the same picture; only the file differs. Lossy encodings may leave traces within the tolerance.
    pub fn is_same_picture(&self) -> bool {
        let alike = self.largest == 0 || self.ssim.is_some_and(|s| s >= SAME_SSIM);
        self.fit == Fit::Same && !self.reduced && self.changed == 0 && alike
    }

    /// `2.3 % of pixels changed, SSIM 0.94`, or in what else the pictures differ.
    pub fn words(&self) -> String {
        let size = |(w, h): (u32, u32)| format!("{w} \u{d7} {h}");
        let sizes = format!("{} became {}", size(self.old), size(self.new));
        let ssim = self.ssim.map(|s| format!("SSIM {}", floor_text(s))).unwrap_or_default();
        match self.fit {
            Fit::Same if self.is_same_picture() => "same picture, re-encoded".to_owned(),
            Fit::Same => format!("{} of pixels changed, {ssim}", percent(self.share())),
            Fit::Scaled if self.changed == 0 => format!("{sizes}, else the same, {ssim}"),
            Fit::Scaled => format!("{sizes}, scaled to compare: {ssim}"),
            Fit::Corner => format!("{sizes}, {} of pixels changed", percent(self.share())),
        }
    }
}

/// A share for people; what is there is never rounded to nothing.
fn percent(share: f64) -> String {
    match share * 100.0 {
        p if p <= 0.0 => "0 %".to_owned(),
        p if p < 0.1 => "fewer than 0.1 %".to_owned(),
        p if p < 10.0 => format!("{p:.1} %"),
        p if p < 100.0 => format!("{:.0} %", p.min(99.0)),
        _ => "100 %".to_owned(),
    }
}

/// Two digits, and 1.00 only for what is the same.
fn floor_text(ssim: f64) -> String {
    match ssim {
        s if s >= 1.0 => "1.00".to_owned(),
        s if s >= 0.99 => format!("{:.4}", s.min(0.9999)),
        s => format!("{s:.2}"),
    }
}

/// What a channel may differ by: lossless encodings of one kind are compared exactly.
pub(super) fn tolerance(old: &Picture, new: &Picture) -> u8 {
    let lossless = old.mime == new.mime && matches!(old.mime.as_str(), "image/png" | "image/gif" | "image/svg+xml");
    if lossless { 0 } else { LOSSY }
}

fn fit_of(a: (u32, u32), b: (u32, u32)) -> Fit {
    if a == b {
        return Fit::Same;
    }
    let ratio = |(w, h): (u32, u32)| f64::from(w) / f64::from(h.max(1));
    let alike = (ratio(a) / ratio(b).max(f64::EPSILON) - 1.0).abs() < 0.01;
    // Of a few pixels no shape can be told.
    let large = a.0.min(a.1).min(b.0).min(b.1) >= 16;
    if alike && large { Fit::Scaled } else { Fit::Corner }
}

type Rgba = [u8; 4];

fn pixels(row: &[u8]) -> impl Iterator<Item = Rgba> + '_ {
    row.chunks_exact(4).map(|p| p.try_into().unwrap_or_default())
}

/// The largest difference of a channel on any ground: what is fully transparent has no colour.
fn delta(x: Rgba, y: Rgba) -> u8 {
    if x == y {
        return 0;
    }
    let [xr, xg, xb, xa] = x;
    let [yr, yg, yb, ya] = y;
    if xa == 255 && ya == 255 {
        return xr.abs_diff(yr).max(xg.abs_diff(yg)).max(xb.abs_diff(yb));
    }
    let over = |c: u8, a: u8| ((u32::from(c) * u32::from(a) + 127) / 255) as u8;
    let part = |c: u8, d: u8| over(c, xa).abs_diff(over(d, ya));
    part(xr, yr).max(part(xg, yg)).max(part(xb, yb)).max(xa.abs_diff(ya))
}

/// The heat map, changed pixels, compared pixels, and the largest difference, tolerated ones included.
fn heat(a: &Pixels, b: &Pixels, tolerance: u8) -> (Heat, u64, u64, u8) {
    let (width, height) = (a.width.max(b.width), a.height.max(b.height));
    let mut values = Vec::with_capacity(width as usize * height as usize);
    let (mut changed, mut total, mut largest) = (0, 0, 0);
    let row = |p: &'_ Pixels, y: u32| {
        let line = p.width as usize * 4;
        (y < p.height).then(|| y as usize * line..(y as usize + 1) * line)
    };
    for y in 0..height {
        let old = row(a, y).and_then(|r| a.rgba.get(r)).unwrap_or_default();
        let new = row(b, y).and_then(|r| b.rgba.get(r)).unwrap_or_default();
        let common = old.len().min(new.len()) / 4;
        for (x, y) in pixels(old).zip(pixels(new)) {
            let d = delta(x, y);
            largest = largest.max(d);
            let over = d > tolerance;
            changed += u64::from(over);
            values.push(if over { d } else { 0 });
        }
        // One side alone, then neither.
        let alone = (old.len().max(new.len()) / 4) - common;
        values.extend(std::iter::repeat_n(255, alone));
        values.resize(values.len() + width as usize - common - alone, 0);
        changed += alone as u64;
        total += (common + alone) as u64;
        if alone > 0 {
            largest = 255;
        }
    }
    (Heat { width, height, values }, changed, total, largest)
}

impl Heat {
    /// A smaller map in which no change is lost: each place shows the largest of what it stands for.
    pub fn fit(&self, side: u32) -> Self {
        let step = self.width.max(self.height).div_ceil(side.max(1)).max(1) as usize;
        if step == 1 {
            return self.clone();
        }
        let (width, height) = ((self.width as usize).div_ceil(step), (self.height as usize).div_ceil(step));
        let mut values = vec![0u8; width * height];
        for (y, row) in self.values.chunks(self.width as usize).enumerate() {
            let Some(out) = values.get_mut(y / step * width..(y / step + 1) * width) else { continue };
            for (slot, part) in out.iter_mut().zip(row.chunks(step)) {
                *slot = part.iter().copied().max().unwrap_or(0).max(*slot);
            }
        }
        Self { width: width as u32, height: height as u32, values }
    }

    /// As pixels to lay over the picture: clear where nothing changed, else from amber for little to red for much.
    pub fn pixels(&self) -> Pixels {
        let mut rgba = Vec::with_capacity(self.values.len() * 4);
        for value in &self.values {
            let v = u32::from(*value);
            let colour = if v == 0 { [0; 4] } else { [255, (176 - v * 150 / 255) as u8, (32 - v / 9) as u8, 255] };
            rgba.extend_from_slice(&colour);
        }
        Pixels { width: self.width, height: self.height, rgba }
    }
}

#[derive(Clone, Copy)]
struct Tile {
    left: u32,
    top: u32,
    right: u32,
    bottom: u32,
    pixels: u64,
}

impl Tile {
    const EMPTY: Self = Self { left: u32::MAX, top: u32::MAX, right: 0, bottom: 0, pixels: 0 };

    fn join(&mut self, other: &Self) {
        (self.left, self.top) = (self.left.min(other.left), self.top.min(other.top));
        (self.right, self.bottom) = (self.right.max(other.right), self.bottom.max(other.bottom));
        self.pixels += other.pixels;
    }
}

/// Boxes around changes that lie near each other, by tiles, so that the cost does not depend on their number.
fn regions(heat: &Heat) -> Vec<Region> {
    let step = heat.width.max(heat.height).div_ceil(192).max(8);
    let columns = heat.width.div_ceil(step) as usize;
    let mut tiles = vec![Tile::EMPTY; columns * heat.height.div_ceil(step) as usize];
    for (y, row) in heat.values.chunks(heat.width.max(1) as usize).enumerate() {
        let y = y as u32;
        for (x, _) in row.iter().enumerate().filter(|(_, v)| **v > 0) {
            let x = x as u32;
            if let Some(tile) = tiles.get_mut((y / step) as usize * columns + (x / step) as usize) {
                tile.join(&Tile { left: x, top: y, right: x + 1, bottom: y + 1, pixels: 1 });
            }
        }
    }
    let mut seen = vec![false; tiles.len()];
    let mut found = Vec::new();
    for start in 0..tiles.len() {
        let mut stack = vec![start];
        let mut whole = Tile::EMPTY;
        while let Some(at) = stack.pop() {
            let (Some(tile), Some(seen)) = (tiles.get(at), seen.get_mut(at)) else { continue };
            if tile.pixels == 0 || std::mem::replace(seen, true) {
                continue;
            }
            whole.join(tile);
            let (x, y) = (at % columns, at / columns);
            for y in y.saturating_sub(1)..=y + 1 {
                stack.extend((x.saturating_sub(1)..=(x + 1).min(columns - 1)).map(|x| y * columns + x));
            }
        }
        if whole.pixels > 0 {
            found.push(Region {
                x: whole.left,
                y: whole.top,
                width: whole.right - whole.left,
                height: whole.bottom - whole.top,
                pixels: whole.pixels,
            });
        }
    }
    found.sort_by_key(|r| (std::cmp::Reverse(r.pixels), r.y, r.x));
    found
}

/// Luma on white, averaged down where there are too many pixels.
struct Luma {
    width: usize,
    height: usize,
    values: Vec<f32>,
}

impl Luma {
    fn new(p: &Pixels) -> Self {
        let all = u64::from(p.width) * u64::from(p.height);
        let step = (all as f64 / SSIM_PIXELS as f64).sqrt().ceil().max(1.0) as usize;
        // Rows and columns that do not fill a step are left out, as in the authors' own program.
        let (width, height) = ((p.width as usize / step).max(1), (p.height as usize / step).max(1));
        let mut values = vec![0f32; width * height];
        for (y, row) in p.rgba.chunks(p.width.max(1) as usize * 4).take(height * step).enumerate() {
            let Some(out) = values.get_mut(y / step * width..(y / step + 1) * width) else { continue };
            for (slot, part) in out.iter_mut().zip(row.chunks(step * 4)) {
                *slot += pixels(part).map(luma).sum::<f32>();
            }
        }
        let scale = 1.0 / (step * step) as f32;
        values.iter_mut().for_each(|v| *v *= scale);
        Self { width, height, values }
    }
}

fn luma([r, g, b, a]: Rgba) -> f32 {
    let y = 0.299 * f32::from(r) + 0.587 * f32::from(g) + 0.114 * f32::from(b);
    if a == 255 { y } else { 255.0 + (y - 255.0) * f32::from(a) / 255.0 }
}

/// The window's weights along one side.
fn gaussian(length: usize) -> Vec<f32> {
    let middle = (length as f64 - 1.0) / 2.0;
    let raw: Vec<f64> = (0..length).map(|i| (-(i as f64 - middle).powi(2) / (2.0 * 1.5 * 1.5)).exp()).collect();
    let sum: f64 = raw.iter().sum();
    raw.iter().map(|v| (v / sum) as f32).collect()
}

/// Adds `weight` times each value.
fn add(out: &mut [f32], weight: f32, values: &[f32]) {
    for (slot, value) in out.iter_mut().zip(values) {
        *slot += weight * value;
    }
}

/// Mean SSIM of two pictures of one size. The window is applied to rows first, then to columns over the last eleven
/// rows, so that only those are kept.
fn ssim(a: &Pixels, b: &Pixels) -> f64 {
    const WINDOW: usize = 11;
    let (a, b) = (Luma::new(a), Luma::new(b));
    let (across, down) = (gaussian(WINDOW.min(a.width)), gaussian(WINDOW.min(a.height)));
    let width = a.width + 1 - across.len();
    let mut ring: Vec<[Vec<f32>; 5]> = vec![std::array::from_fn(|_| vec![0f32; width]); down.len()];
    let mut sums: [Vec<f32>; 5] = std::array::from_fn(|_| vec![0f32; width]);
    let (mut total, mut places) = (0f64, 0u64);
    for (y, (x_row, y_row)) in a.values.chunks(a.width).zip(b.values.chunks(a.width)).enumerate() {
        let product = |p: &[f32], q: &[f32]| p.iter().zip(q).map(|(p, q)| p * q).collect::<Vec<f32>>();
        let maps: [&[f32]; 5] = [x_row, y_row, &product(x_row, x_row), &product(y_row, y_row), &product(x_row, y_row)];
        if let Some(slots) = ring.get_mut(y % down.len()) {
            for (slot, map) in slots.iter_mut().zip(maps) {
                slot.fill(0.0);
                for (k, weight) in across.iter().enumerate() {
                    add(slot, *weight, map.get(k..k + width).unwrap_or_default());
                }
            }
        }
        if y + 1 < down.len() {
            continue;
        }
        for (n, sum) in sums.iter_mut().enumerate() {
            sum.fill(0.0);
            for (k, weight) in down.iter().enumerate() {
                let row = ring.get((y + 1 + k) % down.len()).and_then(|r| r.get(n));
                add(sum, *weight, row.map(Vec::as_slice).unwrap_or_default());
            }
        }
        let [mx, my, xx, yy, xy] = &sums;
        for ((((mx, my), xx), yy), xy) in mx.iter().zip(my).zip(xx).zip(yy).zip(xy) {
            total += f64::from(place(*mx, *my, (*xx, *yy, *xy)));
        }
        places += width as u64;
    }
    if places == 0 { 1.0 } else { total / places as f64 }
}

/// The index at one place, of means and mean products under the window.
fn place(mx: f32, my: f32, (xx, yy, xy): (f32, f32, f32)) -> f32 {
    const C1: f32 = (0.01 * 255.0) * (0.01 * 255.0);
    const C2: f32 = (0.03 * 255.0) * (0.03 * 255.0);
    let (mxx, myy, mxy) = (mx * mx, my * my, mx * my);
    let (vx, vy, cov) = (xx - mxx, yy - myy, xy - mxy);
    ((2.0 * mxy + C1) * (2.0 * cov + C2)) / ((mxx + myy + C1) * (vx + vy + C2))
}

/// Two pictures made ready for the screen: decoded, small enough for it, and compared.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageView {
    pub old: Option<Arc<Pixels>>,
    pub new: Option<Arc<Pixels>>,
    /// When there are two that could be decoded; its heat map is small enough for the screen.
    pub diff: Option<Arc<ImageDiff>>,
    /// The heat map to lay over a picture.
    pub heat: Option<Arc<Pixels>>,
    /// Why a side cannot be shown.
    pub problem: Option<String>,
}

impl ImageView {
    /// Decodes and compares. Takes up to seconds for the largest: not for the window's thread.
    pub fn new(old: Option<&Picture>, new: Option<&Picture>) -> Self {
        let mut problem = None;
        let mut decode = |p: Option<&Picture>, side: &str| match p.map(Picture::decode) {
            Some(Ok(pixels)) => Some(pixels),
            Some(Err(e)) => {
                problem.get_or_insert_with(|| format!("{side}: {e}"));
                None
            }
            None => None,
        };
        let (a, b) = (decode(old, "Before"), decode(new, "After"));
        let mut diff = match (&a, &b, old, new) {
            (Some(a), Some(b), Some(old), Some(new)) => Some(ImageDiff::decoded((old, a), (new, b))),
            _ => None,
        };
        if let Some(diff) = &mut diff {
            diff.heat = diff.heat.fit(SHOWN_SIDE);
        }
        let heat = diff.as_ref().map(|d| Arc::new(d.heat.pixels()));
        let fit = |p: Option<Pixels>| p.map(|p| Arc::new(for_screen(p)));
        Self { old: fit(a), new: fit(b), diff: diff.map(Arc::new), heat, problem }
    }
    /// Memory it takes, about.
    pub fn bytes(&self) -> usize {
        let one = |p: &Option<Arc<Pixels>>| p.as_ref().map_or(0, |p| p.rgba.len());
        one(&self.old) + one(&self.new) + one(&self.heat) * 5 / 4
    }
}

fn for_screen(p: Pixels) -> Pixels {
    let long = p.width.max(p.height);
    if long <= SHOWN_SIDE {
        return p;
    }
    let scale = f64::from(SHOWN_SIDE) / f64::from(long);
    let side = |n: u32| ((f64::from(n) * scale).round() as u32).clamp(1, SHOWN_SIDE);
    shrink(&p, side(p.width), side(p.height))
}

#[cfg(test)]
#[path = "image_test.rs"]
mod tests;
