//! Reads the HTML that data tools put out: tables become tables, the rest styled text. Nothing is ever run or fetched.
//!
//! A tolerant tokenizer over a flat walk: deep nesting does not recurse, unclosed tags do no harm.
use super::{
    image::Image,
    table::{Builder, Table},
    text::{Ink, Style, Text},
};

/// HTML longer than this is not read.
pub const MAX_HTML: usize = 16 * 1024 * 1024;

/// A piece of a page, from top to bottom.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    Text(Text),
    Table(Table),
    Image(Image),
}

/// What was read from a page.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    pub blocks: Vec<Block>,
    /// Things that are not drawn, in words: `a script`, `a frame of example.org`.
    pub left_out: Vec<String>,
}

/// A token of HTML.
#[derive(Debug, PartialEq)]
enum Token<'a> {
    Text(&'a str),
    /// Name in lower case, attributes as written, true when it closes itself.
    Open(String, &'a str),
    Close(String),
}

struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            let Some(at) = self.tag_start() else {
                return Some(Token::Text(std::mem::take(&mut self.rest)));
            };
            if at > 0 {
                let (text, rest) = self.rest.split_at(at);
                self.rest = rest;
                return Some(Token::Text(text));
            }
            if let Some(comment) = self.rest.strip_prefix("<!--") {
                self.rest = comment.split_once("-->").map_or("", |(_, after)| after);
                continue;
            }
            let end = tag_end(self.rest);
            let (tag, rest) = self.rest.split_at(end);
            self.rest = rest;
            let tag = tag.trim_start_matches('<').trim_end_matches('>');
            if tag.starts_with(['!', '?']) {
                continue;
            }
            if let Some(name) = tag.strip_prefix('/') {
                return Some(Token::Close(tag_name(name)));
            }
            let name = tag_name(tag);
            let attributes = tag.get(name.len()..).unwrap_or_default();
            return Some(Token::Open(name, attributes));
        }
    }
}

impl<'a> Tokens<'a> {
    /// Where the next tag begins; a `<` before anything but a letter, `/`, `!` or `?` is text.
    fn tag_start(&self) -> Option<usize> {
        let bytes = self.rest.as_bytes();
        memchr::memchr_iter(b'<', bytes)
            .find(|at| bytes.get(at + 1).is_some_and(|b| b.is_ascii_alphabetic() || matches!(b, b'/' | b'!' | b'?')))
    }

    /// Passes over the inside of an element whose content is no HTML; returns it.
    fn raw_until(&mut self, name: &str) -> &'a str {
        let lower = self.rest.to_ascii_lowercase();
        let end = lower.find(&format!("</{name}")).unwrap_or(self.rest.len());
        let (inside, rest) = self.rest.split_at(end);
        self.rest = rest.get(tag_end(rest)..).unwrap_or_default();
        inside
    }
}

/// Length of the tag at the start, with `>` inside quoted attributes passed over.
fn tag_end(text: &str) -> usize {
    let mut quote = None;
    for (i, b) in text.bytes().enumerate() {
        match (quote, b) {
            (None, b'>') => return i + 1,
            (None, b'"' | b'\'') => quote = Some(b),
            (Some(q), b) if q == b => quote = None,
            _ => {}
        }
    }
    // A quote that is never closed would swallow the rest of the page.
    text.find('>').map_or(text.len(), |i| i + 1)
}

fn tag_name(tag: &str) -> String {
    tag.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect::<String>().to_ascii_lowercase()
}

/// The value of an attribute, entities decoded.
fn attribute(attributes: &str, wanted: &str) -> Option<String> {
    let mut rest = attributes;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        if rest.is_empty() {
            return None;
        }
        let end = rest.find(|c: char| c.is_whitespace() || c == '=' || c == '/').unwrap_or(rest.len()).max(1);
        let end = (end..=rest.len()).find(|i| rest.is_char_boundary(*i)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let name = name.to_ascii_lowercase();
        let after = after.trim_start();
        let Some(value) = after.strip_prefix('=') else {
            if name == wanted {
                return Some(String::new());
            }
            rest = after;
            continue;
        };
        let value = value.trim_start();
        let (value, tail) = match value.chars().next() {
            Some(q @ ('"' | '\'')) => value.get(1..).unwrap_or_default().split_once(q).unwrap_or((&value[1..], "")),
            _ => value.split_at(value.find(char::is_whitespace).unwrap_or(value.len())),
        };
        if name == wanted {
            return Some(decode(value));
        }
        rest = tail;
    }
}

/// Replaces entities by their characters.
pub fn decode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(34).position(|b| b == b';');
        let decoded = end.and_then(|end| entity(rest.get(1..end)?).map(|c| (c, end + 1)));
        match decoded {
            Some((c, used)) => {
                out.push_str(&c);
                rest = &rest[used..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn entity(name: &str) -> Option<String> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return Some(char::from_u32(code).filter(|c| *c != '\0').unwrap_or('\u{fffd}').to_string());
    }
    const NAMED: &[(&str, &str)] = &[
        ("amp", "&"),
        ("lt", "<"),
        ("gt", ">"),
        ("quot", "\""),
        ("apos", "'"),
        ("nbsp", "\u{a0}"),
        ("times", "×"),
        ("hellip", "…"),
        ("mdash", "—"),
        ("ndash", "–"),
        ("middot", "·"),
        ("bull", "•"),
        ("copy", "©"),
        ("reg", "®"),
        ("deg", "°"),
        ("plusmn", "±"),
        ("micro", "µ"),
        ("euro", "€"),
        ("pound", "£"),
        ("yen", "¥"),
        ("cent", "¢"),
        ("laquo", "«"),
        ("raquo", "»"),
        ("lsquo", "‘"),
        ("rsquo", "’"),
        ("ldquo", "“"),
        ("rdquo", "”"),
        ("larr", "←"),
        ("rarr", "→"),
        ("uarr", "↑"),
        ("darr", "↓"),
        ("harr", "↔"),
        ("le", "≤"),
        ("ge", "≥"),
        ("ne", "≠"),
        ("asymp", "≈"),
        ("infin", "∞"),
        ("sum", "∑"),
        ("radic", "√"),
        ("alpha", "α"),
        ("beta", "β"),
        ("gamma", "γ"),
        ("delta", "δ"),
        ("epsilon", "ε"),
        ("lambda", "λ"),
        ("mu", "μ"),
        ("pi", "π"),
        ("sigma", "σ"),
        ("tau", "τ"),
        ("phi", "φ"),
        ("omega", "ω"),
        ("Delta", "Δ"),
        ("Sigma", "Σ"),
        ("Omega", "Ω"),
        ("sup2", "²"),
        ("sup3", "³"),
        ("frac12", "½"),
        ("frac14", "¼"),
        ("check", "✓"),
        ("cross", "✗"),
        ("star", "☆"),
        ("eacute", "é"),
        ("egrave", "è"),
        ("agrave", "à"),
        ("auml", "ä"),
        ("ouml", "ö"),
        ("uuml", "ü"),
        ("Auml", "Ä"),
        ("Ouml", "Ö"),
        ("Uuml", "Ü"),
        ("szlig", "ß"),
        ("ccedil", "ç"),
        ("ntilde", "ñ"),
        ("oslash", "ø"),
        ("aring", "å"),
        ("aelig", "æ"),
        ("sect", "§"),
        ("para", "¶"),
        ("dagger", "†"),
        ("ensp", " "),
        ("emsp", " "),
        ("thinsp", " "),
        ("zwnj", ""),
        ("zwj", ""),
        ("shy", ""),
    ];
    NAMED.iter().find(|(n, _)| *n == name).map(|(_, c)| (*c).to_owned())
}

/// Reads a page.
pub fn parse(html: &str) -> Page {
    let mut reader = Reader::default();
    let mut tokens = Tokens { rest: html };
    while let Some(token) = tokens.next() {
        match token {
            Token::Text(text) => reader.text(text),
            Token::Close(name) => reader.close(&name),
            Token::Open(name, attributes) => match name.as_str() {
                "script" => {
                    tokens.raw_until("script");
                    reader.leave_out("a script");
                }
                "style" | "template" | "svg" | "head" | "noscript" | "title" => {
                    let inside = tokens.raw_until(&name);
                    if name == "svg" && inside.len() > 200 {
                        reader.leave_out("a vector picture");
                    }
                }
                "textarea" => reader.text(tokens.raw_until("textarea")),
                "iframe" | "object" | "embed" | "video" | "audio" | "canvas" => {
                    let source = attribute(attributes, "src").or_else(|| attribute(attributes, "data"));
                    if !matches!(name.as_str(), "embed") {
                        tokens.raw_until(&name);
                    }
                    reader.embedded(&name, source);
                }
                _ => reader.open(&name, attributes),
            },
        }
    }
    reader.finish()
}

/// A `<table>` that is being read, and what stood around it.
#[derive(Default)]
struct Open {
    builder: Builder,
    /// True inside `<caption>`.
    in_caption: bool,
}

#[derive(Default)]
struct Reader {
    page: Page,
    text: Text,
    line_open: bool,
    space: bool,
    styles: Vec<(String, Style)>,
    style: Style,
    lists: Vec<Option<u32>>,
    pre: usize,
    tables: Vec<Open>,
}

impl Reader {
    fn leave_out(&mut self, what: &str) {
        if !self.page.left_out.iter().any(|w| w == what) {
            self.page.left_out.push(what.to_owned());
        }
    }

    fn text(&mut self, raw: &str) {
        let decoded = decode(raw);
        if let Some(open) = self.tables.last_mut() {
            // Text between the tags of a table belongs to nothing.
            open.builder.text(&decoded, open.in_caption, self.pre > 0);
            return;
        }
        if self.pre > 0 {
            for (i, line) in decoded.split('\n').enumerate() {
                if i > 0 {
                    self.text.newline();
                    self.line_open = false;
                }
                if !line.is_empty() {
                    self.put(line.trim_end_matches('\r'));
                }
            }
            return;
        }
        let begins_blank = decoded.starts_with(|c: char| c.is_ascii_whitespace());
        self.space |= begins_blank;
        let words: Vec<&str> = decoded.split_ascii_whitespace().collect();
        if words.is_empty() {
            return;
        }
        if self.line_open && self.space {
            self.text.styled(" ", Style::default());
        }
        self.put(&words.join(" "));
        self.space = decoded.ends_with(|c: char| c.is_ascii_whitespace());
    }

    fn put(&mut self, run: &str) {
        self.text.styled(run, self.style);
        self.line_open = true;
    }

    /// Ends the line, if something stands on it.
    fn break_line(&mut self) {
        if let Some(open) = self.tables.last_mut() {
            open.builder.text(" ", open.in_caption, false);
            return;
        }
        if self.line_open {
            self.text.newline();
        }
        self.line_open = false;
        self.space = false;
    }

    fn flush(&mut self) {
        self.break_line();
        let text = std::mem::take(&mut self.text);
        if !text.is_empty() {
            self.page.blocks.push(Block::Text(text));
        }
    }

    fn push_style(&mut self, name: &str, change: impl FnOnce(&mut Style)) {
        if self.styles.len() < 2_000 {
            self.styles.push((name.to_owned(), self.style));
            change(&mut self.style);
        }
    }

    fn pop_style(&mut self, name: &str) {
        if let Some(at) = self.styles.iter().rposition(|(n, _)| n == name)
            && let Some((_, before)) = self.styles.get(at).cloned()
        {
            self.styles.truncate(at);
            self.style = before;
        }
    }

    fn open(&mut self, name: &str, attributes: &str) {
        if self.table_tag(name, attributes) {
            return;
        }
        let css = attribute(attributes, "style").unwrap_or_default();
        match name {
            "br" => match self.tables.last_mut() {
                Some(open) => open.builder.text(" ", open.in_caption, false),
                None => {
                    self.text.newline();
                    self.line_open = false;
                    self.space = false;
                }
            },
            "hr" => {
                self.break_line();
                if self.tables.is_empty() {
                    self.put(&"\u{2500}".repeat(24));
                    self.break_line();
                }
            }
            "img" => self.image(attributes),
            "input" | "meta" | "link" | "col" | "colgroup" | "wbr" => {}
            "b" | "strong" | "th" => self.push_style(name, |s| s.bold = true),
            "i" | "em" | "cite" | "var" => self.push_style(name, |s| s.italic = true),
            "u" | "ins" => self.push_style(name, |s| s.underline = true),
            "s" | "del" | "strike" => self.push_style(name, |s| s.strike = true),
            "small" => self.push_style(name, |s| s.faint = true),
            "mark" => self.push_style(name, |s| s.inverse = true),
            "font" => {
                let ink = attribute(attributes, "color").and_then(|c| colour(&c));
                self.push_style(name, |s| s.fg = ink.unwrap_or(s.fg));
            }
            "a" => {
                let href = attribute(attributes, "href").unwrap_or_default();
                let safe = href.starts_with("https://") || href.starts_with("http://");
                let link = if safe { self.text.add_link(&href) } else { 0 };
                self.push_style(name, |s| {
                    s.link = link;
                    s.underline |= link > 0;
                });
            }
            "span" | "code" | "kbd" | "label" | "summary" => {
                if name == "summary" {
                    self.break_line();
                }
                self.push_style(name, |s| apply_css(s, &css));
            }
            "pre" => {
                self.break_line();
                self.pre += 1;
                self.push_style(name, |s| apply_css(s, &css));
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.break_line();
                self.push_style(name, |s| s.bold = true);
            }
            "ul" | "ol" => {
                self.break_line();
                self.lists.push((name == "ol").then_some(1));
            }
            "li" => {
                self.break_line();
                let indent = "  ".repeat(self.lists.len().clamp(1, 20) - 1);
                let mark = match self.lists.last_mut() {
                    Some(Some(n)) => {
                        *n += 1;
                        format!("{indent}{}. ", *n - 1)
                    }
                    _ => format!("{indent}\u{2022} "),
                };
                if self.tables.is_empty() {
                    self.put(&mark);
                    self.space = false;
                }
            }
            "p" | "div" | "section" | "article" | "header" | "footer" | "blockquote" | "details" | "dl" | "dt"
            | "dd" | "center" | "figure" | "figcaption" | "form" | "fieldset" | "main" | "nav" => {
                self.break_line();
                self.push_style(name, |s| apply_css(s, &css));
            }
            _ => {}
        }
    }

    fn close(&mut self, name: &str) {
        match name {
            "table" => self.end_table(),
            "caption" => {
                if let Some(open) = self.tables.last_mut() {
                    open.in_caption = false;
                }
            }
            "td" | "th" | "tr" | "thead" | "tbody" | "tfoot" => {
                if let Some(open) = self.tables.last_mut() {
                    open.builder.close(name);
                }
            }
            "pre" => {
                self.pre = self.pre.saturating_sub(1);
                self.pop_style(name);
                self.break_line();
            }
            "ul" | "ol" => {
                self.lists.pop();
                self.break_line();
            }
            "li" | "p" | "div" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "section" | "article" | "header"
            | "footer" | "blockquote" | "details" | "summary" | "dl" | "dt" | "dd" | "center" | "figure"
            | "figcaption" => {
                self.break_line();
                self.pop_style(name);
            }
            _ => self.pop_style(name),
        }
    }

    /// Handles the tags of tables; false for all others.
    fn table_tag(&mut self, name: &str, attributes: &str) -> bool {
        match name {
            "table" => {
                if self.tables.is_empty() {
                    self.flush();
                }
                if self.tables.len() < 50 {
                    self.tables.push(Open::default());
                }
                true
            }
            "caption" => {
                if let Some(open) = self.tables.last_mut() {
                    open.in_caption = true;
                }
                true
            }
            "thead" | "tbody" | "tfoot" | "tr" | "td" | "th" => {
                let Some(open) = self.tables.last_mut() else {
                    // A cell outside of a table is only text.
                    self.break_line();
                    return true;
                };
                open.in_caption = false;
                let span = |which: &str| {
                    attribute(attributes, which).and_then(|v| v.trim().parse::<usize>().ok()).unwrap_or(1)
                };
                open.builder.open(name, span("colspan"), span("rowspan"));
                true
            }
            _ => false,
        }
    }

    fn end_table(&mut self) {
        let Some(open) = self.tables.pop() else { return };
        match self.tables.last_mut() {
            // A table inside a cell becomes the text of that cell.
            Some(outer) => {
                let text = open.builder.into_text();
                outer.builder.text(&text, false, false);
            }
            None => {
                if let Some(table) = open.builder.finish() {
                    self.page.blocks.push(Block::Table(table));
                }
            }
        }
    }

    fn image(&mut self, attributes: &str) {
        let source = attribute(attributes, "src").unwrap_or_default();
        let alt = attribute(attributes, "alt").unwrap_or_default();
        let size =
            |which: &str| attribute(attributes, which).and_then(|v| v.trim_end_matches("px").parse::<f32>().ok());
        let image = Image::from_data_uri(&source, size("width"), size("height"));
        match image {
            Some(image) if self.tables.is_empty() => {
                self.flush();
                self.page.blocks.push(Block::Image(image));
            }
            _ => {
                if !source.starts_with("data:") && !source.is_empty() {
                    self.leave_out("a picture from elsewhere");
                }
                let label = if alt.is_empty() { "[picture]".to_owned() } else { format!("[picture: {alt}]") };
                self.text(&label);
            }
        }
    }

    fn embedded(&mut self, name: &str, source: Option<String>) {
        let what = match name {
            "video" => "a video",
            "audio" => "a sound",
            "canvas" => "a canvas",
            _ => "a frame",
        };
        self.leave_out(what);
        let link = source.filter(|s| s.starts_with("https://") || s.starts_with("http://"));
        if let Some(link) = link
            && self.tables.is_empty()
        {
            self.break_line();
            let number = self.text.add_link(&link);
            self.text.styled(&link, Style { link: number, underline: true, ..Style::default() });
            self.line_open = true;
            self.break_line();
        }
    }

    fn finish(mut self) -> Page {
        while !self.tables.is_empty() {
            self.end_table();
        }
        self.flush();
        join_notes(&mut self.page.blocks);
        self.page
    }
}

/// `1000 rows × 2 columns` below a table and `shape: (3, 2)` above it become part of the table.
fn join_notes(blocks: &mut Vec<Block>) {
    let note_of = |block: &Block, wanted: &dyn Fn(&str) -> bool| match block {
        Block::Text(text) if text.lines().len() == 1 => Some(text.plain()).filter(|t| wanted(t.trim())),
        _ => None,
    };
    let mut i = 0;
    while i < blocks.len() {
        if !matches!(blocks.get(i), Some(Block::Table(_))) {
            i += 1;
            continue;
        }
        let below = blocks.get(i + 1).and_then(|b| note_of(b, &|t| t.contains("rows ×") || t.contains("row ×")));
        if below.is_some() {
            blocks.remove(i + 1);
        }
        let above = i.checked_sub(1).and_then(|j| note_of(blocks.get(j)?, &|t| t.starts_with("shape: (")));
        if above.is_some() {
            i -= 1;
            blocks.remove(i);
        }
        if let Some(Block::Table(table)) = blocks.get_mut(i) {
            if above.is_some() {
                table.second_head_is_types();
            }
            table.note = above.or(below).map(|t| t.trim().to_owned());
        }
        i += 1;
    }
}

fn apply_css(style: &mut Style, css: &str) {
    for declaration in css.split(';') {
        let Some((name, value)) = declaration.split_once(':') else { continue };
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "color" => style.fg = colour(value).unwrap_or(style.fg),
            "background-color" | "background" => style.bg = colour(value).unwrap_or(style.bg),
            "font-weight" => style.bold = value == "bold" || value.parse::<u32>().is_ok_and(|n| n >= 600),
            "font-style" => style.italic = value == "italic" || value == "oblique",
            "text-decoration" => {
                style.underline |= value.contains("underline");
                style.strike |= value.contains("line-through");
            }
            _ => {}
        }
    }
}

/// `#rgb`, `#rrggbb`, `rgb(1, 2, 3)` and the common names.
pub fn colour(text: &str) -> Option<Ink> {
    let text = text.trim().to_ascii_lowercase();
    if let Some(hex) = text.strip_prefix('#') {
        let digits: Vec<u8> = hex.chars().filter_map(|c| c.to_digit(16).map(|d| d as u8)).collect();
        return match *digits.as_slice() {
            [r, g, b] | [r, g, b, _] if hex.len() <= 4 => Some(Ink::Rgb(r * 17, g * 17, b * 17)),
            [a, b, c, d, e, f, ..] if hex.len() == 6 || hex.len() == 8 => {
                Some(Ink::Rgb(a * 16 + b, c * 16 + d, e * 16 + f))
            }
            _ => None,
        };
    }
    if let Some(inside) = text.strip_prefix("rgb").and_then(|t| t.split_once('(')).map(|(_, t)| t) {
        let mut numbers = inside.split([',', ' ', ')', '/']).filter_map(|n| n.trim().parse::<f32>().ok());
        let mut next = || numbers.next().map(|n| n.clamp(0.0, 255.0) as u8);
        return Some(Ink::Rgb(next()?, next()?, next()?));
    }
    const NAMED: &[(&str, u32)] = &[
        ("black", 0x00_0000),
        ("white", 0xff_ffff),
        ("red", 0xff_0000),
        ("green", 0x00_8000),
        ("blue", 0x00_00ff),
        ("yellow", 0xff_ff00),
        ("orange", 0xff_a500),
        ("purple", 0x80_0080),
        ("gray", 0x80_8080),
        ("grey", 0x80_8080),
        ("silver", 0xc0_c0c0),
        ("maroon", 0x80_0000),
        ("olive", 0x80_8000),
        ("lime", 0x00_ff00),
        ("aqua", 0x00_ffff),
        ("cyan", 0x00_ffff),
        ("teal", 0x00_8080),
        ("navy", 0x00_0080),
        ("fuchsia", 0xff_00ff),
        ("magenta", 0xff_00ff),
        ("gold", 0xff_d700),
        ("pink", 0xff_c0cb),
        ("brown", 0xa5_2a2a),
        ("crimson", 0xdc_143c),
        ("darkred", 0x8b_0000),
        ("darkgreen", 0x00_6400),
        ("darkblue", 0x00_008b),
        ("lightgreen", 0x90_ee90),
        ("lightblue", 0xad_d8e6),
        ("lightyellow", 0xff_ffe0),
        ("lightgray", 0xd3_d3d3),
        ("lightgrey", 0xd3_d3d3),
        ("tomato", 0xff_6347),
        ("coral", 0xff_7f50),
        ("salmon", 0xfa_8072),
        ("indigo", 0x4b_0082),
        ("violet", 0xee_82ee),
    ];
    let value = NAMED.iter().find(|(n, _)| *n == text).map(|(_, v)| *v)?;
    Some(Ink::Rgb((value >> 16) as u8, (value >> 8) as u8, value as u8))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all_text(html: &str) -> String {
        let blocks = parse(html).blocks;
        let texts = blocks.iter().map(|b| match b {
            Block::Text(t) => t.plain(),
            Block::Table(t) => t.to_tsv(),
            Block::Image(_) => "[image]".into(),
        });
        texts.collect::<Vec<_>>().join("\n---\n")
    }

    #[test]
    fn paragraphs_lists_and_code_become_lines() {
        let html = "<h1>Title</h1><p>some <b>bold</b> &amp; <a href='https://e.org'>link</a></p><ul><li>one<li>two\
                    <ul><li>deep</ul></ul><pre>x = 1\n  y</pre>";
        assert_eq!(all_text(html), "Title\nsome bold & link\n• one\n• two\n  • deep\nx = 1\n  y");
    }

    #[test]
    fn scripts_and_styles_never_show() {
        let page = parse("<style>.a{color:red}</style><script>alert('<b>x</b>')</script><p>seen</p><SCRIPT>1</SCRIPT>");
        assert_eq!(page.left_out, ["a script"]);
        assert_eq!(page.blocks.len(), 1);
        assert_eq!(all_text("<script>never closed"), "");
    }

    #[test]
    fn colours_of_spans_are_kept() {
        let page = parse("<span style='color:#c00;font-weight:bold'>red</span> <font color=green>g</font>");
        let Block::Text(text) = &page.blocks[0] else { panic!() };
        let runs: Vec<_> = text.lines()[0].runs().map(|(t, s)| (t.to_owned(), s.fg, s.bold)).collect();
        assert_eq!(runs[0], ("red".into(), Ink::Rgb(0xcc, 0, 0), true));
        assert_eq!(runs[2], ("g".into(), Ink::Rgb(0, 0x80, 0), false));
    }

    #[test]
    fn deep_nesting_and_broken_tags_do_no_harm() {
        let deep = "<div>".repeat(30_000) + "x";
        assert_eq!(all_text(&deep), "x");
        assert_eq!(all_text("1 < 2 <b>and <i>so</b> on <a href=\"x>y"), "1 < 2 and so on y");
        assert_eq!(all_text("&lt;tag&gt; &amp; &eacute; &#128512; &nosuch; &#x41;"), "<tag> & é 😀 &nosuch; A");
    }

    proptest! {
        #[test]
        fn no_input_breaks_it(html in "(<[a-z/!]{0,6}[ a-z='\"]{0,8}>?|&[a-z#0-9]{0,4};?|[a-zé<> ]|<t[dhr]>|<table>|</table>){0,60}", raw in any::<String>()) {
            parse(&html);
            parse(&raw);
        }
    }
}
