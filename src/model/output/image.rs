//! Pictures in outputs: kept encoded, sized without decoding, decoded within limits when they are drawn.
use std::{io::Cursor, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use image::{
    AnimationDecoder, Frame, ImageDecoder, ImageFormat, ImageReader, Limits,
    codecs::{gif::GifDecoder, webp::WebPDecoder},
};
use serde_json::Value;

use super::svg;
use crate::base::{Error, Result, error::Context, fsx, text};

/// Encoded bytes beyond this are not decoded.
const MAX_ENCODED: usize = 64 * 1024 * 1024;
/// Decoded pixels beyond this are not decoded; of a film, those of all its frames.
const MAX_PIXELS: u64 = 64 * 1024 * 1024;
/// The longest side a picture is decoded to; larger ones are scaled down, since graphics cards have a limit too.
pub const MAX_SIDE: u32 = 4096;
/// Frames faster than this are slowed down, as browsers do.
const FASTEST: Duration = Duration::from_millis(20);
const SLOWED: Duration = Duration::from_millis(100);

/// A picture as it stands in a notebook.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    /// `image/png`.
    pub mime: String,
    /// Base64; of a vector picture its source.
    data: Arc<str>,
    /// Names the content, for caches.
    pub hash: u64,
    /// Size in pixels, when the head could be read.
    pub pixels: Option<(u32, u32)>,
    /// Size on screen in points, when the output says so.
    pub size: Option<(f32, f32)>,
}

/// Decoded pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct Pixels {
    pub width: u32,
    pub height: u32,
    /// RGBA, not premultiplied.
    pub rgba: Vec<u8>,
}

impl Pixels {
    /// As a PNG in base64.
    pub fn to_png(&self) -> Option<String> {
        let mut bytes = Cursor::new(Vec::new());
        let view = image::ImageBuffer::<image::Rgba<u8>, &[u8]>::from_raw(self.width, self.height, &self.rgba)?;
        view.write_to(&mut bytes, ImageFormat::Png).ok()?;
        Some(STANDARD.encode(bytes.into_inner()))
    }
}

/// A picture, or one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Frames {
    /// Each with the time it stays.
    pub all: Vec<(Pixels, Duration)>,
    /// Frames that were left out since they are too many.
    pub dropped: bool,
}

impl Frames {
    fn still(pixels: Pixels) -> Self {
        Self { all: vec![(pixels, Duration::ZERO)], dropped: false }
    }
    /// The frame that is shown at this time after the first, and how long it stays.
    pub fn at(delays: &[Duration], since: Duration) -> (usize, Duration) {
        let whole: Duration = delays.iter().sum();
        if delays.len() < 2 || whole.is_zero() {
            return (0, Duration::MAX);
        }
        let mut left = Duration::from_nanos((since.as_nanos() % whole.as_nanos()) as u64);
        for (i, delay) in delays.iter().enumerate() {
            if left < *delay {
                return (i, delay.saturating_sub(left));
            }
            left = left.saturating_sub(*delay);
        }
        (0, whole)
    }
}

impl Image {
    /// A picture from base64 text, in which spaces and line feeds are passed over, or from the source of an SVG.
    pub fn new(mime: &str, data: &str, metadata: Option<&Value>) -> Self {
        let vector = mime == svg::MIME;
        let blank = |text: &str| {
            let text = text.as_bytes();
            memchr::memchr3(b'\n', b'\r', b' ', text).or_else(|| memchr::memchr2(b'\t', b'\x0c', text)).is_some()
        };
        let data: Arc<str> =
            if !vector && blank(data) { data.split_ascii_whitespace().collect::<String>().into() } else { data.into() };
        let hash = fsx::hash(data.as_bytes());
        let number = |key: &str| metadata?.get(key)?.as_f64().map(|n| n as f32).filter(|n| *n > 0.0);
        let mut image = Self { mime: mime.to_owned(), data, hash, pixels: None, size: None };
        image.pixels = image.read_size();
        let ratio = |known: f32, (a, b): (u32, u32)| known * b as f32 / a.max(1) as f32;
        image.size = match (number("width"), number("height"), image.pixels) {
            (Some(w), Some(h), _) => Some((w, h)),
            (Some(w), None, Some((pw, ph))) => Some((w, ratio(w, (pw, ph)))),
            (None, Some(h), Some((pw, ph))) => Some((ratio(h, (ph, pw)), h)),
            _ => None,
        };
        image
    }

    /// From `data:image/png;base64,...`; none for anything else.
    pub fn from_data_uri(uri: &str, width: Option<f32>, height: Option<f32>) -> Option<Self> {
        let (mime, data) = uri.trim().strip_prefix("data:")?.split_once(";base64,")?;
        let size = serde_json::json!({ "width": width, "height": height });
        if mime == svg::MIME {
            let source = String::from_utf8(STANDARD.decode(data.trim()).ok()?).ok()?;
            return Some(Self::new(mime, &source, Some(&size)));
        }
        super::RASTER.contains(&mime).then(|| Self::new(mime, data, Some(&size)))
    }

    /// From a file's bytes.
    pub fn from_bytes(mime: &str, bytes: &[u8], width: Option<f32>, height: Option<f32>) -> Self {
        let size = serde_json::json!({ "width": width, "height": height });
        match std::str::from_utf8(bytes) {
            Ok(source) if mime == svg::MIME => Self::new(mime, source, Some(&size)),
            _ => Self::new(mime, &STANDARD.encode(bytes), Some(&size)),
        }
    }

    /// Drawn from its description, so sharp at any size.
    pub fn is_vector(&self) -> bool {
        self.mime == svg::MIME
    }

    /// So large that it is drawn only when a person asks for it.
    pub fn is_heavy(&self) -> bool {
        self.is_vector() && self.data.len() > svg::HEAVY
    }

    /// Size of the file in bytes.
    pub fn len(&self) -> usize {
        if self.is_vector() { self.data.len() } else { self.data.len() / 4 * 3 }
    }

    /// True for a picture without content.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The words in a vector picture.
    pub fn words(&self) -> String {
        if self.is_vector() && !self.is_heavy() { svg::words(&self.data) } else { String::new() }
    }

    /// False when it is certain that nothing can be drawn of it: broken base64, or bytes of something else.
    pub fn is_sound(&self) -> bool {
        let base64 = || self.data.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
        // Of what is too large it is told that, whatever else is wrong with it.
        self.pixels.is_some() && (self.is_vector() || self.len() > MAX_ENCODED || base64())
    }

    /// Size on screen in points: as told, else one point a pixel.
    pub fn natural_size(&self) -> Option<(f32, f32)> {
        self.size.or(self.pixels.map(|(w, h)| (w as f32, h as f32)))
    }

    /// The file's bytes.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        if self.len() > MAX_ENCODED {
            let size = text::bytes(self.len() as u64);
            return Err(Error::user(format!("The picture is too large to be drawn ({size})"))
                .hint("Save it and open it in another program"));
        }
        if self.is_vector() {
            return Ok(self.data.as_bytes().to_vec());
        }
        STANDARD.decode(self.data.as_bytes()).config(|| "The picture's base64 text is broken".to_owned())
    }

    /// The file in base64, to be saved, and a name for it.
    pub fn file(&self) -> (String, Arc<str>) {
        let ending = match self.mime.as_str() {
            "image/png" => "png",
            "image/jpeg" => "jpg",
            "image/gif" => "gif",
            "image/webp" => "webp",
            _ => "svg",
        };
        let base64 = if self.is_vector() { STANDARD.encode(self.data.as_bytes()).into() } else { self.data.clone() };
        (format!("output.{ending}"), base64)
    }

    fn read_size(&self) -> Option<(u32, u32)> {
        if self.is_vector() {
            return svg::size_of(&self.data).map(|(w, h)| (w.ceil().max(1.0) as u32, h.ceil().max(1.0) as u32));
        }
        // The sizes stand near the beginning; metadata of a camera may come first in a JPEG.
        let head = self.data.len().min(256 * 1024) / 4 * 4;
        size_of(&self.mime, &STANDARD.decode(self.data.get(..head)?).ok()?)
    }

    /// Decodes, within limits, and scales down what is larger than [`MAX_SIDE`]. Takes milliseconds: not for the
    /// window's thread.
    pub fn decode(&self) -> Result<Pixels> {
        self.decode_to(MAX_SIDE)
    }

    /// As [`Image::decode`], for a screen that takes no more than `side` pixels in a row.
    pub fn decode_to(&self, side: u32) -> Result<Pixels> {
        if self.is_vector() {
            return svg::draw(&self.data, svg::Fit::Natural { side: side.min(MAX_SIDE) });
        }
        decode(&self.mime, self.bytes()?, side)
    }

    /// All that is shown of it one after the other, and a vector picture for a place this many pixels wide.
    pub fn frames(&self, side: u32, width: Option<u32>) -> Result<Frames> {
        match (self.mime.as_str(), width) {
            (svg::MIME, Some(width)) => {
                svg::draw(&self.data, svg::Fit::Width { width, side: side.min(MAX_SIDE) }).map(Frames::still)
            }
            ("image/gif" | "image/webp", _) => frames(&self.mime, &self.bytes()?, side),
            _ => self.decode_to(side).map(Frames::still),
        }
    }
}

/// The frames of a GIF or WebP; a still picture has one.
fn frames(mime: &str, bytes: &[u8], side: u32) -> Result<Frames> {
    let what = || format!("The {} picture could not be decoded", mime.trim_start_matches("image/"));
    let (w, h) = size_of(mime, bytes).ok_or_else(|| Error::user(what()))?;
    let one = u64::from(w.min(side)) * u64::from(h.min(side));
    let most = (MAX_PIXELS / 4 / one.max(1)).clamp(1, 2_000) as usize;
    let collect = |frames: image::Frames<'_>| {
        let mut all = Vec::new();
        let mut dropped = false;
        for frame in frames {
            if all.len() == most {
                dropped = true;
                break;
            }
            match frame {
                Ok(frame) => all.push(frame_of(frame, side)),
                // What came before a break is shown.
                Err(_) => break,
            }
        }
        Frames { all, dropped }
    };
    if u64::from(w) * u64::from(h) <= MAX_PIXELS {
        let mut limits = Limits::default();
        limits.max_alloc = Some(MAX_PIXELS * 8);
        let many = if mime == "image/gif" {
            let mut decoder = GifDecoder::new(Cursor::new(bytes)).config(what)?;
            decoder.set_limits(limits).config(what)?;
            Some(collect(decoder.into_frames()))
        } else {
            let mut decoder = WebPDecoder::new(Cursor::new(bytes)).config(what)?;
            decoder.set_limits(limits).config(what)?;
            decoder.has_animation().then(|| collect(decoder.into_frames()))
        };
        if let Some(many) = many.filter(|f| f.all.len() > 1) {
            return Ok(many);
        }
    }
    decode(mime, bytes, side).map(Frames::still)
}

fn frame_of(frame: Frame, side: u32) -> (Pixels, Duration) {
    let delay = Duration::from(frame.delay());
    let mut rgba = frame.into_buffer();
    let longest = rgba.width().max(rgba.height());
    if longest > side {
        let to = |n: u32| (u64::from(n) * u64::from(side) / u64::from(longest)).max(1) as u32;
        rgba = image::imageops::thumbnail(&rgba, to(rgba.width()), to(rgba.height()));
    }
    let pixels = Pixels { width: rgba.width(), height: rgba.height(), rgba: rgba.into_raw() };
    (pixels, if delay < FASTEST { SLOWED } else { delay })
}

fn format_of(mime: &str) -> Option<ImageFormat> {
    Some(match mime {
        "image/png" => ImageFormat::Png,
        "image/jpeg" => ImageFormat::Jpeg,
        "image/gif" => ImageFormat::Gif,
        "image/webp" => ImageFormat::WebP,
        _ => return None,
    })
}

/// Width and height as the head of a picture's file tells them.
pub fn size_of(mime: &str, bytes: &[u8]) -> Option<(u32, u32)> {
    ImageReader::with_format(Cursor::new(bytes), format_of(mime)?).into_dimensions().ok()
}

/// Decodes a picture's file, within limits, to no more than `side` pixels in a row, at most [`MAX_SIDE`].
pub fn decode(mime: &str, bytes: impl AsRef<[u8]>, side: u32) -> Result<Pixels> {
    let side = side.min(MAX_SIDE);
    let bytes = bytes.as_ref();
    let what = || format!("The {} picture could not be decoded", mime.trim_start_matches("image/"));
    if bytes.len() > MAX_ENCODED {
        return Err(Error::user(format!("The picture is too large to be drawn ({})", text::bytes(bytes.len() as u64)))
            .hint("Open it in another program"));
    }
    let format = format_of(mime).ok_or_else(|| Error::user(what()))?;
    if let Some((w, h)) = size_of(mime, bytes)
        && u64::from(w) * u64::from(h) > MAX_PIXELS
    {
        return Err(Error::user(format!("The picture is too large to be drawn ({w} × {h} pixels)"))
            .hint("Open it in another program"));
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_PIXELS * 8);
    reader.limits(limits);
    let decoded = reader.decode().config(what)?;
    let decoded = if decoded.width().max(decoded.height()) > side { decoded.thumbnail(side, side) } else { decoded };
    let rgba = decoded.into_rgba8();
    Ok(Pixels { width: rgba.width(), height: rgba.height(), rgba: rgba.into_raw() })
}

/// The same picture at another size; meant for smaller ones, whose pixels are means.
pub fn shrink(pixels: &Pixels, width: u32, height: u32) -> Pixels {
    let view = image::ImageBuffer::<image::Rgba<u8>, &[u8]>::from_raw(pixels.width, pixels.height, &pixels.rgba);
    match view {
        Some(view) if (width, height) != (pixels.width, pixels.height) && width > 0 && height > 0 => {
            let small = image::imageops::thumbnail(&view, width, height);
            Pixels { width, height, rgba: small.into_raw() }
        }
        _ => pixels.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> String {
        let mut bytes = Vec::new();
        image::RgbaImage::from_pixel(width, height, image::Rgba([1, 2, 3, 255]))
            .write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)
            .unwrap();
        STANDARD.encode(bytes)
    }

    #[test]
    fn size_is_known_without_decoding_and_metadata_come_first() {
        let text = png(20, 10);
        let image = Image::new("image/png", &text, None);
        assert_eq!((image.pixels, image.natural_size()), (Some((20, 10)), Some((20.0, 10.0))));
        let half = Image::new("image/png", &text, Some(&serde_json::json!({"width": 10})));
        assert_eq!(half.natural_size(), Some((10.0, 5.0)));
        assert_eq!(half.hash, image.hash);
        let pixels = image.decode().unwrap();
        assert_eq!((pixels.width, pixels.height, &pixels.rgba[..4]), (20, 10, &[1, 2, 3, 255][..]));
    }

    #[test]
    fn broken_pictures_say_so() {
        assert!(Image::new("image/png", "!!!", None).decode().unwrap_err().what.contains("base64"));
        let e = Image::new("image/png", &STANDARD.encode(b"no picture"), None).decode().unwrap_err();
        assert!(e.what.contains("png picture could not be decoded"), "{e}");
        let cut = png(50, 50);
        let cut = &cut[..cut.len() / 8 * 4];
        assert!(Image::new("image/png", cut, None).decode().is_err());
    }

    #[test]
    fn broken_pictures_are_told_from_sound_ones() {
        assert!(Image::new("image/png", &png(3, 3), None).is_sound());
        assert!(!Image::new("image/png", "!!!", None).is_sound());
        assert!(!Image::new("image/png", &STANDARD.encode(b"no picture"), None).is_sound());
        let mut broken = png(30, 30);
        broken.replace_range(60..61, "#");
        assert!(!Image::new("image/png", &broken, None).is_sound());
        assert!(!Image::new("image/svg+xml", "no picture", None).is_sound());
    }

    #[test]
    fn a_film_keeps_its_frames_and_their_times() {
        let mut bytes = Vec::new();
        {
            let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
            for (n, ms) in [(10u8, 200u32), (200, 0), (90, 300)] {
                let buffer = image::RgbaImage::from_pixel(4, 2, image::Rgba([n, n, n, 255]));
                let delay = image::Delay::from_numer_denom_ms(ms, 1);
                encoder.encode_frame(Frame::from_parts(buffer, 0, 0, delay)).unwrap();
            }
        }
        let frames = Image::new("image/gif", &STANDARD.encode(&bytes), None).frames(MAX_SIDE, None).unwrap();
        let delays: Vec<Duration> = frames.all.iter().map(|(_, d)| *d).collect();
        assert_eq!(delays, [Duration::from_millis(200), SLOWED, Duration::from_millis(300)]);
        assert!(!frames.dropped && frames.all[1].0.rgba[0] > 150);
        let at = |ms: u64| Frames::at(&delays, Duration::from_millis(ms)).0;
        assert_eq!([at(0), at(199), at(200), at(310), at(599), at(600), at(6_050)], [0, 0, 1, 2, 2, 0, 0]);
        let still = Image::new("image/gif", &STANDARD.encode(&bytes[..bytes.len() / 2]), None).frames(MAX_SIDE, None);
        assert!(still.is_err() || still.is_ok_and(|f| f.all.len() < 3));
    }

    #[test]
    fn a_huge_picture_is_scaled_down() {
        let image = Image::new("image/png", &png(6000, 20), None);
        let pixels = image.decode().unwrap();
        assert!(pixels.width <= MAX_SIDE);
    }
}
