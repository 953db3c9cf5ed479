//! Vector pictures become pixels. They read no file and no address, run no script, and what would take the machine is
//! refused before it is drawn: a thread that draws cannot be stopped.
use std::sync::{Arc, LazyLock};

use resvg::{
    tiny_skia::{Pixmap, Transform},
    usvg::{
        self, FontResolver, ImageHrefResolver, ImageKind, Node, Options, Paint, Rect, Tree,
        filter::{Filter, Kind},
        fontdb::{self, Database, Family},
    },
};

use super::{
    html::{
        decode,
        tokens::{Token, Tokens},
    },
    image::{Pixels, size_of as raster_size},
};
use crate::base::{Error, Result, error::Context, job, text};

pub const MIME: &str = "image/svg+xml";
/// Sources longer than this are drawn only when a person asks for it.
pub const HEAVY: usize = 8 * 1024 * 1024;
/// Sources longer than this are never read.
const MAX_SOURCE: usize = 64 * 1024 * 1024;
/// Pixels of the region of a filter.
const MAX_FILTERED: f32 = 2_000_000.0;
const MAX_OCTAVES: u32 = 8;
const MAX_DEVIATION: f32 = 100.0;
/// Pixels of a picture or a pattern inside.
const MAX_INSIDE: u64 = 16 * 1024 * 1024;
/// Pixels that are held at once in layers over each other.
const MAX_LAYERS: f32 = 128.0 * 1024.0 * 1024.0;
/// Pixels that are touched at all, an estimate of the time.
const MAX_WORK: f32 = 4e9;
/// Elements lie no deeper in each other than this; each takes its place on the stack.
const MAX_DEPTH: usize = 300;
/// References make up to a thousand of them.
const STACK: usize = 256 * 1024 * 1024;

/// How large to draw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fit {
    /// As the picture says, with no side longer than this.
    Natural { side: u32 },
    /// This wide, with no side longer than that.
    Width { width: u32, side: u32 },
}

/// Width and height in pixels as the head of the source tells them.
pub fn size_of(source: &str) -> Option<(f32, f32)> {
    let bytes = source.as_bytes();
    let at = memchr::memmem::find_iter(bytes, b"<svg")
        .take(100)
        .find(|at| bytes.get(at + 4).is_some_and(|b| b.is_ascii_whitespace() || matches!(b, b'>' | b'/')))?;
    let tag = source.get(at + 4..)?;
    let tag = tag.get(..tag.find('>')?)?;
    let value = |name: &str| {
        tag.match_indices(name).find_map(|(at, _)| {
            let before = tag.get(..at)?.chars().next_back()?;
            let rest = tag.get(at + name.len()..)?.trim_start().strip_prefix('=')?.trim_start();
            let quote = rest.chars().next().filter(|q| matches!(q, '"' | '\''))?;
            before.is_whitespace().then(|| rest.get(1..)?.split(quote).next()).flatten()
        })
    };
    let numbers: Vec<f32> = value("viewBox")
        .map(|v| v.split([' ', ',', '\n', '\t']).filter(|n| !n.is_empty()).map_while(|n| n.parse().ok()).collect())
        .unwrap_or_default();
    let area = match *numbers.as_slice() {
        [_, _, w, h] if w > 0.0 && h > 0.0 => Some((w, h)),
        _ => None,
    };
    let side = |name: &str, whole: Option<f32>| match value(name).map(str::trim) {
        Some(text) => length(text, whole),
        None => whole,
    };
    match (side("width", area.map(|a| a.0)), side("height", area.map(|a| a.1)), area) {
        (Some(w), Some(h), _) => Some((w, h)),
        // Browsers give such a picture this size.
        (None, None, None) => Some((300.0, 150.0)),
        (Some(w), None, _) => Some((w, 150.0)),
        (None, Some(h), _) => Some((300.0, h)),
        (None, None, Some(area)) => Some(area),
    }
    .filter(|(w, h)| w.is_finite() && h.is_finite() && *w > 0.0 && *h > 0.0)
}

/// `12pt` in pixels; a share is one of `whole`.
fn length(text: &str, whole: Option<f32>) -> Option<f32> {
    let split = text.find(|c: char| c.is_ascii_alphabetic() || c == '%').unwrap_or(text.len());
    // `1e3` is a number.
    let power = text
        .get(split..)?
        .strip_prefix(['e', 'E'])
        .is_some_and(|r| r.starts_with(|c: char| c.is_ascii_digit() || c == '-'));
    let split = if power { text.len() } else { split };
    let number: f32 = text.get(..split)?.trim().parse().ok()?;
    let unit = match text.get(split..)?.trim() {
        "" | "px" => 1.0,
        "pt" => 96.0 / 72.0,
        "pc" => 16.0,
        "in" => 96.0,
        "cm" => 96.0 / 2.54,
        "mm" => 96.0 / 25.4,
        "em" => 12.0,
        "ex" => 6.0,
        "%" => return whole.map(|w| w * number / 100.0),
        _ => return None,
    };
    Some(number * unit).filter(|n| *n > 0.0)
}

/// The words in it.
pub fn words(source: &str) -> String {
    let mut tokens = Tokens { rest: source };
    let (mut out, mut inside) = (String::new(), false);
    while let Some(token) = tokens.next() {
        match token {
            Token::Open(name, attributes) if name == "text" => {
                inside = !attributes.ends_with('/');
                if !out.is_empty() && !out.ends_with('\n') {
                    out.push('\n');
                }
            }
            Token::Open(name, _) if matches!(name.as_str(), "style" | "script") => drop(tokens.raw_until(&name)),
            Token::Close(name) if name == "text" => inside = false,
            Token::Text(text) if inside => out.push_str(decode(text).trim_matches('\n')),
            _ => {}
        }
    }
    out
}

/// Draws it, within limits. Takes milliseconds, for hostile ones seconds: not for the window's thread.
pub fn draw(source: &str, fit: Fit) -> Result<Pixels> {
    if source.len() > MAX_SOURCE {
        let size = text::bytes(source.len() as u64);
        return Err(Error::user(format!("The vector picture is too large to be drawn ({size})"))
            .hint("Save it and open it in another program"));
    }
    // The readers recurse.
    job::with_stack("andon-svg", STACK, || draw_here(source, fit))
        .unwrap_or_else(|| Err(Error::user("The vector picture could not be drawn")))
}

fn draw_here(source: &str, fit: Fit) -> Result<Pixels> {
    let what = || "The vector picture could not be read".to_owned();
    if !shallow(source) {
        return Err(Error::user(what()).because_of("its elements lie too deep in each other, or come out of entities"));
    }
    let tree = Tree::from_str(source, &options()).config(what)?;
    let size = tree.size();
    let (scale, side) = match fit {
        Fit::Natural { side } => (1.0, side),
        Fit::Width { width, side } => (width.max(1) as f32 / size.width(), side),
    };
    let scale = scale.min(side as f32 / size.width().max(size.height()));
    let pixels = |n: f32| (n * scale).round().clamp(1.0, side as f32) as u32;
    let (width, height) = (pixels(size.width()), pixels(size.height()));
    bounded(&tree, scale, (width * height) as f32)?;
    let mut pixmap = Pixmap::new(width, height).ok_or_else(|| Error::user(what()))?;
    let to = Transform::from_scale(width as f32 / size.width(), height as f32 / size.height());
    resvg::render(&tree, to, &mut pixmap.as_mut());
    let rgba = pixmap.pixels().iter().flat_map(|p| {
        let p = p.demultiply();
        [p.red(), p.green(), p.blue(), p.alpha()]
    });
    Ok(Pixels { width, height, rgba: rgba.collect() })
}

/// True when its elements lie in each other within reason: the reader of XML recurses.
fn shallow(source: &str) -> bool {
    let bytes = source.as_bytes();
    let (mut at, mut depth) = (0, 0usize);
    while let Some(n) = memchr::memchr(b'<', &bytes[at..]) {
        let from = at + n;
        let rest = &bytes[from..];
        let skip = |end: &[u8]| memchr::memmem::find(rest, end).map_or(rest.len(), |n| n + end.len());
        if rest.starts_with(b"<!--") {
            at = from + skip(b"-->");
        } else if rest.starts_with(b"<![CDATA[") {
            at = from + skip(b"]]>");
        } else if rest.starts_with(b"<!ENTITY") {
            let end = skip(b">");
            // Elements that entities bring cannot be counted here.
            if memchr::memchr(b'<', &rest[1..end]).is_some() || memchr::memmem::find(&rest[..end], b"&#").is_some() {
                return false;
            }
            at = from + end;
        } else if rest.starts_with(b"</") {
            depth = depth.saturating_sub(1);
            at = from + 2;
        } else if rest.starts_with(b"<!") || rest.starts_with(b"<?") {
            at = from + 2;
        } else {
            let mut quote = None;
            let end = rest.iter().position(|b| match (quote, b) {
                (None, b'>') => true,
                (None, b'"' | b'\'') => {
                    quote = Some(*b);
                    false
                }
                (Some(q), b) if q == *b => {
                    quote = None;
                    false
                }
                _ => false,
            });
            let Some(end) = end else { return true };
            depth += usize::from(rest.get(end.wrapping_sub(1)) != Some(&b'/'));
            if depth > MAX_DEPTH {
                return false;
            }
            at = from + end;
        }
    }
    true
}

fn options() -> Options<'static> {
    Options {
        font_family: "sans-serif".to_owned(),
        image_href_resolver: ImageHrefResolver {
            // Pictures that stand in the source itself and are of a size to be decoded; never a file or an address.
            resolve_data: Box::new(|mime, data, _| {
                let kind = match mime {
                    "image/png" => ImageKind::PNG,
                    "image/jpeg" | "image/jpg" => ImageKind::JPEG,
                    _ => return None,
                };
                let mime = if mime == "image/jpg" { "image/jpeg" } else { mime };
                let (w, h) = raster_size(mime, &data)?;
                (u64::from(w) * u64::from(h) <= MAX_INSIDE).then(|| kind(data))
            }),
            resolve_string: Box::new(|_, _| None),
        },
        font_resolver: FontResolver {
            select_font: Box::new(|font, db| {
                let named = font.families().iter().find_map(|family| {
                    use usvg::FontFamily as F;
                    match family {
                        F::Serif => Some(SERIF),
                        F::SansSerif | F::Cursive | F::Fantasy => Some(SANS),
                        F::Monospace => Some(MONO),
                        F::Named(name) => stands_for(name),
                    }
                });
                find(db, named.unwrap_or(SANS), font.weight(), font.style() != usvg::FontStyle::Normal)
            }),
            select_fallback: FontResolver::default_fallback_selector(),
        },
        fontdb: FONTS.clone(),
        ..Options::default()
    }
}

const SANS: &str = "Inter";
const MONO: &str = "JetBrains Mono";
const SERIF: &str = "KaTeX_Main";

/// The shipped family that is nearest to a named one, if its name tells.
fn stands_for(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|w| name.contains(w));
    if has(&["mono", "courier", "consol", "menlo", "code", "typewriter"]) {
        Some(MONO)
    } else if has(&["sans", "arial", "helvetica", "verdana", "inter", "roboto", "open", "tahoma", "segoe", "gothic"]) {
        Some(SANS)
    } else if has(&["serif", "times", "roman", "georgia", "garamond", "palatino", "cmr", "stix"]) {
        Some(SERIF)
    } else {
        None
    }
}

fn find(db: &Database, family: &str, weight: u16, italic: bool) -> Option<fontdb::ID> {
    let style = if italic { fontdb::Style::Italic } else { fontdb::Style::Normal };
    let families = [Family::Name(family), Family::Name(SANS)];
    db.query(&fontdb::Query { families: &families, weight: fontdb::Weight(weight), style, ..Default::default() })
}

/// The shipped faces: a machine may have no fonts, and the picture is to be the same everywhere.
static FONTS: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut db = Database::new();
    let faces: [&'static [u8]; 5] = [
        include_bytes!("../../../assets/fonts/Inter-Regular.ttf"),
        include_bytes!("../../../assets/fonts/Inter-Medium.ttf"),
        include_bytes!("../../../assets/fonts/Inter-SemiBold.ttf"),
        include_bytes!("../../../assets/fonts/JetBrainsMono-Regular.ttf"),
        include_bytes!("../../../assets/fonts/JetBrainsMono-Medium.ttf"),
    ];
    for face in faces.into_iter().chain(crate::model::math::faces()) {
        db.load_font_source(fontdb::Source::Binary(Arc::new(face)));
    }
    db.set_sans_serif_family(SANS);
    db.set_monospace_family(MONO);
    db.set_serif_family(SERIF);
    Arc::new(db)
});

/// Refuses what would take too much memory or time at this scale.
fn bounded(tree: &Tree, scale: f32, canvas: f32) -> Result<()> {
    let refuse = |why: &str| {
        Error::user(format!("The vector picture is not drawn, since {why}"))
            .hint("Save it and open it in another program")
    };
    let area = |r: Rect| ((r.width() * scale) * (r.height() * scale)).min(canvas * 4.0);
    for filter in tree.filters() {
        heavy_filter(filter, scale).map_or(Ok(()), |why| Err(refuse(why)))?;
    }
    for pattern in tree.patterns() {
        let r = pattern.rect();
        let t = pattern.transform();
        let grown = scale * scale * (t.sx * t.sy - t.kx * t.ky).abs().max(1.0);
        if r.width() * r.height() * grown > MAX_INSIDE as f32 {
            return Err(refuse("it has a pattern that is too large"));
        }
    }
    let mut work = 0.0f32;
    let mut groups = vec![(tree.root(), 0.0f32)];
    while let Some((group, held)) = groups.pop() {
        let mut held = held;
        if group.should_isolate() {
            let layer = area(group.abs_layer_bounding_box().to_rect());
            // A mask is as large as the canvas.
            let masks = canvas * f32::from(u8::from(group.mask().is_some() || group.clip_path().is_some()));
            held += layer + masks;
            work += layer + masks;
            if !group.filters().is_empty() && layer > MAX_FILTERED {
                return Err(refuse("it has a filter over a large part"));
            }
        }
        if held > MAX_LAYERS {
            return Err(refuse("it has too many layers over each other"));
        }
        for node in group.children() {
            match node {
                Node::Group(inner) => groups.push((inner, held)),
                Node::Text(inner) => groups.push((inner.flattened(), held)),
                Node::Path(path) => {
                    let each = area(path.abs_stroke_bounding_box());
                    let patterned = |p: Option<&Paint>| matches!(p, Some(Paint::Pattern(_)));
                    let costly =
                        patterned(path.fill().map(|f| f.paint())) || patterned(path.stroke().map(|s| s.paint()));
                    work += each * if costly { 4.0 } else { 1.0 } + path.data().len() as f32;
                    work += path.stroke().and_then(|s| dashes(s, each)).unwrap_or(0.0);
                }
                Node::Image(image) => work += area(image.abs_bounding_box()) * 4.0,
            }
        }
        // What a group is cut with is drawn, too.
        groups.extend(group.clip_path().map(|c| (c.root(), held)));
        groups.extend(group.mask().map(|m| (m.root(), held)));
        if work > MAX_WORK {
            return Err(refuse("that would take too long"));
        }
    }
    Ok(())
}

/// Dashes cost by their number.
fn dashes(stroke: &usvg::Stroke, area: f32) -> Option<f32> {
    let all: f32 = stroke.dasharray()?.iter().sum();
    Some(area.sqrt() / all.max(1e-3) * 100.0)
}

fn heavy_filter(filter: &Filter, scale: f32) -> Option<&'static str> {
    let rect = filter.rect();
    if rect.width() * rect.height() * scale * scale > MAX_FILTERED {
        return Some("it has a filter over a large part");
    }
    let many = filter.primitives().len() > 50;
    let heavy = filter.primitives().iter().any(|p| match p.kind() {
        Kind::Turbulence(t) => t.num_octaves() > MAX_OCTAVES,
        Kind::GaussianBlur(b) => b.std_dev_x().get().max(b.std_dev_y().get()) * scale > MAX_DEVIATION,
        Kind::DropShadow(s) => s.std_dev_x().get().max(s.std_dev_y().get()) * scale > MAX_DEVIATION,
        Kind::Morphology(m) => m.radius_x().get().max(m.radius_y().get()) * scale > MAX_DEVIATION,
        Kind::ConvolveMatrix(c) => c.matrix().columns() * c.matrix().rows() > 400,
        _ => false,
    });
    (many || heavy).then_some("it has a filter that would take too long")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    const NS: &str = "xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink'";

    fn drawn(source: &str) -> Result<Pixels> {
        let begun = Instant::now();
        let drawn = draw(source, Fit::Natural { side: 4096 });
        // Unoptimised, and beside other tests.
        assert!(begun.elapsed() < Duration::from_mins(1), "{:?}", begun.elapsed());
        drawn
    }

    fn ink(pixels: &Pixels) -> usize {
        pixels.rgba.chunks(4).filter(|p| p[3] > 0).count()
    }

    #[test]
    fn sizes_stand_in_the_head() {
        assert_eq!(size_of("<?xml version='1.0'?><svg width='72pt' height=\"36pt\">"), Some((96.0, 48.0)));
        assert_eq!(size_of("<svg viewBox='0 0 30 20' stroke-width='4'/>"), Some((30.0, 20.0)));
        assert_eq!(size_of("<svg width='100%' viewBox='0, 0, 30, 20' height='50%'>"), Some((30.0, 10.0)));
        assert_eq!(size_of("<svg\nwidth = '1e3' height='2in'>"), Some((1000.0, 192.0)));
        assert_eq!(size_of("<svg>"), Some((300.0, 150.0)));
        assert_eq!(
            (size_of("<svgx>"), size_of("no"), size_of("<svg width='-3' height='0'>")),
            (None, None, Some((300.0, 150.0)))
        );
    }

    #[test]
    fn shapes_and_letters_are_drawn_sharp_at_any_scale() {
        let source = format!(
            "<svg {NS} width='40' height='20'><rect width='20' height='20' fill='#c00'/>\
             <text x='21' y='15' font-family='DejaVu Sans' font-size='12'>Hi</text></svg>"
        );
        let pixels = drawn(&source).unwrap();
        assert_eq!((pixels.width, pixels.height, &pixels.rgba[..4]), (40, 20, &[0xcc, 0, 0, 255][..]));
        assert!(ink(&pixels) > 400 + 20, "letters are drawn with a shipped face");
        let large = draw(&source, Fit::Width { width: 160, side: 4096 }).unwrap();
        assert_eq!((large.width, large.height), (160, 80));
        for family in ["serif", "monospace", "No Such Font", "Times New Roman, serif"] {
            let text = format!("<svg {NS} width='40' height='20'><text y='15' font-family='{family}'>Hi</text></svg>");
            assert!(ink(&drawn(&text).unwrap()) > 10, "{family}");
        }
    }

    #[test]
    fn its_words_are_known() {
        let source = "<svg><style>text{}</style><text x='1'>a &amp; <tspan>b</tspan></text><g/><text>c</text><title>t</title></svg>";
        assert_eq!(words(source), "a & b\nc");
    }

    #[test]
    fn no_file_is_read() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/screenshots/home.png");
        for href in [file.to_owned(), format!("file://{file}"), "https://example.org/x.png".to_owned()] {
            let source =
                format!("<svg {NS} width='40' height='20'><image xlink:href='{href}' width='40' height='20'/></svg>");
            assert_eq!(ink(&drawn(&source).unwrap()), 0, "{href}");
        }
    }

    #[test]
    fn pictures_inside_are_drawn_unless_they_are_too_large() {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        let image = |w: u32| {
            let mut bytes = std::io::Cursor::new(Vec::new());
            image::RgbaImage::from_pixel(w, 2, image::Rgba([1, 2, 3, 255]))
                .write_to(&mut bytes, image::ImageFormat::Png)
                .unwrap();
            let data = STANDARD.encode(bytes.into_inner());
            format!(
                "<svg {NS} width='40' height='20'><image xlink:href='data:image/png;base64,{data}' width='40' height='20'/></svg>"
            )
        };
        assert!(ink(&drawn(&image(40)).unwrap()) > 70);
        assert_eq!(ink(&drawn(&image(9_000_000)).unwrap()), 0);
    }

    #[test]
    fn bombs_are_refused_in_time() {
        let uses: String = (1..9)
            .map(|n| format!("<g id='a{n}'>{}</g>", format!("<use xlink:href='#a{}'/>", n - 1).repeat(10)))
            .collect();
        let uses = format!("<svg {NS} width='9' height='9'><rect id='a0' width='9' height='9'/>{uses}</svg>");
        assert!(drawn(&uses).is_err());
        let entities: String =
            (1..9).map(|n| format!("<!ENTITY a{n} '{}'>", format!("&a{};", n - 1).repeat(10))).collect();
        let entities = format!(
            "<!DOCTYPE svg [<!ENTITY a0 'ha'>{entities}]><svg {NS} width='9' height='9'><text>&a8;</text></svg>"
        );
        assert!(drawn(&entities).is_err());
        let nested = |n: usize, with: &str| {
            format!(
                "<svg {NS} width='99' height='99'>{}<rect width='99' height='99'/>{}</svg>",
                format!("<g {with}>").repeat(n),
                "</g>".repeat(n)
            )
        };
        assert!(drawn(&nested(20_000, "")).is_err());
        assert!(drawn(&nested(280, "")).is_ok());
        let chain: String = (1..2_000).map(|n| format!("<g id='a{n}'><use xlink:href='#a{}'/></g>", n - 1)).collect();
        let chain = format!("<svg {NS} width='9' height='9'><rect id='a0' width='9' height='9'/>{chain}</svg>");
        drawn(&chain).ok();
        let layers = nested(280, "opacity='.99'");
        assert!(drawn(&layers.replace("width='99' height='99'", "width='4000' height='4000'")).is_err());
    }

    #[test]
    fn filters_that_would_not_end_are_refused() {
        let filtered = |primitive: &str| {
            format!(
                "<svg {NS} width='4000' height='4000'><filter id='f'>{primitive}</filter><rect width='4000' height='4000' filter='url(#f)'/></svg>"
            )
        };
        assert!(
            drawn(&filtered("<feGaussianBlur stdDeviation='900'/><feTurbulence numOctaves='200' baseFrequency='1'/>"))
                .is_err()
        );
        assert!(drawn(&filtered("<feGaussianBlur stdDeviation='2'/>")).is_err(), "over 16 million pixels");
        let small = filtered("<feGaussianBlur stdDeviation='2'/>").replace("4000", "100");
        assert!(ink(&drawn(&small).unwrap()) > 5_000);
        assert!(drawn(&small.replace("<feG", "<feTurbulence numOctaves='20' baseFrequency='1'/><feG")).is_err());
    }

    #[test]
    fn sizes_are_not_trusted() {
        let huge = drawn(&format!("<svg {NS} width='200000' height='200000'><circle r='90000'/></svg>")).unwrap();
        assert_eq!((huge.width, huge.height), (4096, 4096));
        let pattern = format!(
            "<svg {NS} width='90' height='90'><pattern id='p' width='99999' height='99999' patternUnits='userSpaceOnUse'>\
             <rect width='9' height='9'/></pattern><rect width='90' height='90' fill='url(#p)'/></svg>"
        );
        assert!(drawn(&pattern).is_err());
        let many = format!(
            "<svg {NS} width='4000' height='4000'>{}</svg>",
            "<rect width='4000' height='4000'/>".repeat(2_000)
        );
        assert!(drawn(&many).is_err());
        assert!(drawn("<svg").is_err() && drawn("").is_err());
    }
}
