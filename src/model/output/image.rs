//! Pictures in outputs: kept encoded, sized without decoding, decoded within limits when they are drawn.
use std::{io::Cursor, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use image::{ImageFormat, ImageReader, Limits};
use serde_json::Value;

use crate::base::{Error, Result, error::Context, fsx, text};

/// Encoded bytes beyond this are not decoded.
const MAX_ENCODED: usize = 64 * 1024 * 1024;
/// Decoded pixels beyond this are not decoded.
const MAX_PIXELS: u64 = 64 * 1024 * 1024;
/// The longest side a picture is decoded to; larger ones are scaled down, since graphics cards have a limit too.
pub const MAX_SIDE: u32 = 4096;

/// A picture as it stands in a notebook.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    /// `image/png`.
    pub mime: String,
    base64: Arc<str>,
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

impl Image {
    /// A picture from base64 text; spaces and line feeds in it are passed over.
    pub fn new(mime: &str, base64: &str, metadata: Option<&Value>) -> Self {
        let compact: String = if base64.bytes().any(|b| b.is_ascii_whitespace()) {
            base64.split_whitespace().collect()
        } else {
            base64.to_owned()
        };
        let hash = fsx::hash(compact.as_bytes());
        let number = |key: &str| metadata?.get(key)?.as_f64().map(|n| n as f32).filter(|n| *n > 0.0);
        let mut image = Self { mime: mime.to_owned(), base64: compact.into(), hash, pixels: None, size: None };
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
    pub(super) fn from_data_uri(uri: &str, width: Option<f32>, height: Option<f32>) -> Option<Self> {
        let (mime, data) = uri.strip_prefix("data:")?.split_once(";base64,")?;
        if !super::RASTER.contains(&mime) {
            return None;
        }
        let size = serde_json::json!({ "width": width, "height": height });
        Some(Self::new(mime, data, Some(&size)))
    }

    /// Size on screen in points: as told, else one point a pixel.
    pub fn natural_size(&self) -> Option<(f32, f32)> {
        self.size.or(self.pixels.map(|(w, h)| (w as f32, h as f32)))
    }

    /// The file's bytes.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        if self.base64.len() / 4 * 3 > MAX_ENCODED {
            let size = text::bytes((self.base64.len() / 4 * 3) as u64);
            return Err(Error::user(format!("The picture is too large to be drawn ({size})"))
                .hint("Open it in another program"));
        }
        STANDARD.decode(self.base64.as_bytes()).config(|| "The picture's base64 text is broken".to_owned())
    }

    fn read_size(&self) -> Option<(u32, u32)> {
        // The sizes stand near the beginning; metadata of a camera may come first in a JPEG.
        let head = self.base64.len().min(256 * 1024) / 4 * 4;
        size_of(&self.mime, &STANDARD.decode(self.base64.get(..head)?).ok()?)
    }

    /// Decodes, within limits, and scales down what is larger than [`MAX_SIDE`]. Takes milliseconds: not for the
    /// window's thread.
    pub fn decode(&self) -> Result<Pixels> {
        self.decode_to(MAX_SIDE)
    }

    /// As [`Image::decode`], for a screen that takes no more than `side` pixels in a row.
    pub fn decode_to(&self, side: u32) -> Result<Pixels> {
        decode(&self.mime, self.bytes()?, side)
    }
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
    fn a_huge_picture_is_scaled_down() {
        let image = Image::new("image/png", &png(6000, 20), None);
        let pixels = image.decode().unwrap();
        assert!(pixels.width <= MAX_SIDE);
    }
}
