//! Any file: a notebook by cells, text by lines, an image as a picture, the rest by size.
use std::sync::Arc;

use super::{Document, NotebookDiff, Rules, image};
use crate::{
    base::{Result, error::Context, fsx::hash, job::both, text},
    model::{
        json::Bytes,
        lfs::Pointer,
        output::{MAX_SIDE, Pixels, decode, size_of, svg},
        textdiff::TextDiff,
    },
};

/// Longest text that is compared by lines.
const MAX_TEXT: usize = 64_000_000;

/// An image as stored, not decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub mime: String,
    pub bytes: Vec<u8>,
    /// Names the content, for textures.
    pub hash: u64,
    /// Width and height in pixels, where the header tells.
    pub size: Option<(u32, u32)>,
}

impl Picture {
    /// An image of this mime type.
    pub fn new(mime: &str, bytes: Vec<u8>) -> Self {
        let size = match mime {
            svg::MIME => std::str::from_utf8(&bytes).ok().and_then(svg::size_of).map(|(w, h)| {
                let side = |n: f32| n.round().clamp(1.0, MAX_SIDE as f32) as u32;
                (side(w), side(h))
            }),
            _ => size_of(mime, &bytes),
        };
        Self { mime: mime.to_owned(), hash: hash(&bytes), bytes, size }
    }
    /// Decodes it, within limits. Takes milliseconds: not for the window's thread.
    pub fn decode(&self) -> Result<Pixels> {
        if self.mime == svg::MIME {
            let source = std::str::from_utf8(&self.bytes).config(|| "The vector picture is no text".to_owned())?;
            return svg::draw(source, svg::Fit::Natural { side: MAX_SIDE });
        }
        decode(&self.mime, &self.bytes, MAX_SIDE)
    }
    /// `PNG, 640 × 480, 21 kB`.
    pub fn words(&self) -> String {
        let kind = self.mime.trim_start_matches("image/").trim_end_matches("+xml").to_uppercase();
        let size = self.size.map(|(w, h)| format!(", {w} \u{d7} {h}")).unwrap_or_default();
        format!("{kind}{size}, {}", text::bytes(self.bytes.len() as u64))
    }
}

/// What is compared.
#[derive(Debug, Clone)]
pub enum FileShape {
    Notebook(Arc<NotebookDiff>),
    Text(Arc<TextDiff>),
    Image {
        old: Option<Arc<Picture>>,
        new: Option<Arc<Picture>>,
    },
    /// Sizes of what cannot be shown.
    Binary {
        old: Option<u64>,
        new: Option<u64>,
        same: bool,
    },
    /// Git LFS keeps the content of a side, and it is not on this machine.
    Kept {
        old: Option<Kept>,
        new: Option<Kept>,
    },
    /// Neither side has the file.
    Missing,
}

/// A side of a file that Git LFS keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    Elsewhere(Pointer),
    /// The content is here, of this size.
    Here(u64),
}

impl Kept {
    fn of(bytes: &Bytes) -> Self {
        Pointer::read(bytes).map_or(Self::Here(bytes.len() as u64), Self::Elsewhere)
    }
    /// `12.3 MB, sha256 1a2b3c4d5e6f, not on this machine`.
    pub fn words(&self) -> String {
        match self {
            Self::Elsewhere(pointer) => format!("{}, not on this machine", pointer.words()),
            Self::Here(size) => format!("{}, on this machine", text::bytes(*size)),
        }
    }
    /// Bytes of the content.
    pub fn size(&self) -> u64 {
        match self {
            Self::Elsewhere(pointer) => pointer.size,
            Self::Here(size) => *size,
        }
    }
}

/// The comparison of one file.
#[derive(Debug, Clone)]
pub struct FileDiff {
    pub shape: FileShape,
    /// Why it is not shown as what its name says.
    pub note: Option<String>,
    pub same_bytes: bool,
    /// An image of other bytes and the same pixels.
    pub same_picture: bool,
}

impl FileDiff {
    /// Lines or cell lines added and removed.
    pub fn lines(&self) -> Option<(u64, u64)> {
        match &self.shape {
            FileShape::Notebook(n) => Some((n.summary.lines_added, n.summary.lines_removed)),
            FileShape::Text(t) => Some((u64::from(t.added), u64::from(t.removed))),
            _ => None,
        }
    }
    /// True when a reader sees no difference, noise aside.
    pub fn is_quiet(&self) -> bool {
        match &self.shape {
            FileShape::Notebook(n) => n.is_quiet(),
            FileShape::Text(t) => t.is_same(),
            FileShape::Image { .. } => self.same_bytes || self.same_picture,
            FileShape::Binary { same, .. } => *same,
            FileShape::Kept { old, new } => old == new,
            FileShape::Missing => true,
        }
    }
}

/// True for a notebook's name.
pub fn is_notebook(path: &str) -> bool {
    extension(path) == "ipynb"
}

fn extension(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map(|(_, e)| e.to_lowercase()).unwrap_or_default()
}

/// Compares a file; none is a side on which it does not exist.
pub fn compare_files(path: &str, old: Option<Bytes>, new: Option<Bytes>) -> FileDiff {
    compare_files_by(path, old, new, &Rules::default())
}

/// Compares a file by the rules of its workspace.
pub fn compare_files_by(path: &str, old: Option<Bytes>, new: Option<Bytes>, rules: &Rules) -> FileDiff {
    let same_bytes = old == new;
    let mut note = None;
    if [&old, &new].into_iter().flatten().any(|side| Pointer::read(side).is_some()) {
        let shape = FileShape::Kept { old: old.as_ref().map(Kept::of), new: new.as_ref().map(Kept::of) };
        return FileDiff { shape, note, same_bytes, same_picture: false };
    }
    if is_notebook(path) && (old.is_some() || new.is_some()) {
        match notebook(path, old.clone(), new.clone(), rules) {
            Ok(diff) => {
                return FileDiff { shape: FileShape::Notebook(Arc::new(diff)), note, same_bytes, same_picture: false };
            }
            Err(e) => note = Some(format!("Shown as text: {e}")),
        }
    }
    let mime = match extension(path).as_str() {
        "png" => Some("image/png"),
        "jpg" | "jpeg" => Some("image/jpeg"),
        "gif" => Some("image/gif"),
        "webp" => Some("image/webp"),
        _ => None,
    };
    if let (Some(mime), true) = (mime, old.is_some() || new.is_some()) {
        let picture = |bytes: Option<Bytes>| bytes.map(|b| Arc::new(Picture::new(mime, b.into_vec())));
        let (old, new) = (picture(old), picture(new));
        let same_picture = match (&old, &new) {
            (Some(a), Some(b)) => !same_bytes && image::same_picture(a, b),
            _ => false,
        };
        return FileDiff { shape: FileShape::Image { old, new }, note, same_bytes, same_picture };
    }
    let size = |bytes: &Option<Bytes>| bytes.as_ref().map(|b| b.len() as u64);
    let sizes = (size(&old), size(&new));
    if sizes == (None, None) {
        return FileDiff { shape: FileShape::Missing, note, same_bytes, same_picture: false };
    }
    let large = sizes.0.max(sizes.1).unwrap_or(0) > MAX_TEXT as u64;
    if large {
        note = Some(format!("Larger than {}: not compared by lines", text::bytes(MAX_TEXT as u64)));
    }
    match (large, as_text(old), as_text(new)) {
        (false, Some(a), Some(b)) => {
            FileDiff { shape: FileShape::Text(Arc::new(TextDiff::new(a, b))), note, same_bytes, same_picture: false }
        }
        _ => FileDiff {
            shape: FileShape::Binary { old: sizes.0, new: sizes.1, same: same_bytes },
            note,
            same_bytes,
            same_picture: false,
        },
    }
}

/// Two notebooks longer than this are read side by side: it takes longer than a thread to begin.
const BESIDE: usize = 1 << 18;

fn notebook(path: &str, old: Option<Bytes>, new: Option<Bytes>, rules: &Rules) -> Result<NotebookDiff> {
    let parse = |bytes: Option<Bytes>| match bytes {
        // An empty file is a notebook that nobody has begun.
        Some(bytes) if !bytes.iter().all(u8::is_ascii_whitespace) => Document::parse(path, bytes),
        _ => Ok(Document::empty()),
    };
    let large = |side: &Option<Bytes>| side.as_ref().is_some_and(|b| b.len() > BESIDE);
    let (old, new) =
        if large(&old) && large(&new) { both(|| parse(old.clone()), || parse(new)) } else { (parse(old), parse(new)) };
    Ok(NotebookDiff::by(Arc::new(old?), Arc::new(new?), rules))
}

/// UTF-8 without NUL, byte order mark taken off; none for anything else.
fn as_text(bytes: Option<Bytes>) -> Option<String> {
    let bytes = bytes.map(Bytes::into_vec).unwrap_or_default();
    if memchr::memchr(0, bytes.get(..bytes.len().min(8_000)).unwrap_or_default()).is_some() {
        return None;
    }
    let text = String::from_utf8(bytes).ok()?;
    Some(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}
