//! Reads the HTML that data tools put out: tables become tables, the rest styled text. Nothing is ever run or fetched.
//!
//! A tolerant tokenizer over a flat walk: deep nesting does not recurse, unclosed tags do no harm.
mod fold;
mod sheet;
mod style;
pub(in crate::model) mod tokens;

use std::sync::Arc;

pub use self::{fold::Fold, sheet::Look, style::colour, tokens::decode};
use self::{
    fold::Folds,
    sheet::{Element, Sheet},
    style::apply_css,
    tokens::{Token, Tokens, attribute},
};
use super::{
    image::Image,
    table::{Builder, Table},
    text::{Style, Text},
};

/// HTML longer than this is not read.
pub const MAX_HTML: usize = 16 * 1024 * 1024;

/// Elements with a style lie no deeper in each other than this; what is deeper looks like what is around it.
const DEEPEST: usize = 200;

/// A piece of a page, from top to bottom.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    Text(Text),
    Table(Table),
    Image(Image),
    Fold(Fold),
    Media(Media),
}

impl Block {
    /// Its text, for the clipboard and for searching.
    pub fn plain(&self) -> String {
        fold::plain(self)
    }
}

/// Sound or film inside the page: not played, offered to be saved or opened elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Media {
    /// `audio/wav`.
    pub mime: String,
    pub base64: Arc<str>,
}

impl Media {
    /// `Sound (audio/wav)`.
    pub fn what(&self) -> String {
        format!("{} ({})", if self.mime.starts_with("audio/") { "Sound" } else { "Film" }, self.mime)
    }
    /// The name of a file for it; of endings that a system might run there is none.
    pub fn file_name(&self) -> String {
        let kind = self.mime.split_once('/').map_or("", |(_, kind)| kind).trim_start_matches("x-");
        let ending = match kind.split(';').next().unwrap_or_default().trim() {
            "wav" | "wave" => "wav",
            "mpeg" | "mp3" => {
                if self.mime.starts_with("audio/") {
                    "mp3"
                } else {
                    "mpg"
                }
            }
            "ogg" => "ogg",
            "webm" => "webm",
            "mp4" => "mp4",
            "flac" => "flac",
            "aac" => "aac",
            "quicktime" => "mov",
            _ => "bin",
        };
        format!("output.{ending}")
    }
}

/// What was read from a page.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    pub blocks: Vec<Block>,
    /// Things that are not drawn, in words: `a script`, `a frame of example.org`.
    pub left_out: Vec<String>,
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
                "style" => {
                    let css = tokens.raw_until("style");
                    reader.sheet.read(css);
                }
                "template" | "svg" | "head" | "noscript" | "title" => {
                    let inside = tokens.raw_until(&name);
                    // Symbols of a page that uses them stand in a picture without a size.
                    let symbols = attributes.contains("width: 0") || attributes.contains("icon");
                    if name == "svg" && inside.len() > 200 && !symbols {
                        reader.leave_out("a vector picture");
                    }
                }
                "textarea" => reader.text(tokens.raw_until("textarea")),
                "iframe" | "object" | "embed" | "video" | "audio" | "canvas" => {
                    let source = attribute(attributes, "src").or_else(|| attribute(attributes, "data"));
                    let inside = if name == "embed" { "" } else { tokens.raw_until(&name) };
                    reader.embedded(&name, source.or_else(|| source_inside(inside)));
                }
                _ => reader.open(&name, attributes),
            },
        }
    }
    reader.finish()
}

/// The address of the first `<source>` of a sound or film.
fn source_inside(html: &str) -> Option<String> {
    let mut tokens = Tokens { rest: html };
    tokens.find_map(|t| match t {
        Token::Open(name, attributes) if name == "source" => attribute(attributes, "src"),
        _ => None,
    })
}

/// A `<table>` that is being read, and what stood around it.
#[derive(Default)]
struct Open {
    builder: Builder,
    /// True inside `<caption>`.
    in_caption: bool,
    id: String,
    class: String,
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
    folds: Folds,
    sheet: Sheet,
    /// The mark of a list's item, put before its first word.
    bullet: Option<String>,
    /// A letter follows that stands for a symbol.
    symbol: bool,
    /// An element that is not shown, and how deep its like are inside of it.
    skipped: Option<(String, usize)>,
}

/// Shown by the tools only where their own style is missing, or only while the mouse is over them.
const UNSEEN: [&str; 2] = ["text-repr-fallback", "param-doc-description"];

impl Reader {
    fn leave_out(&mut self, what: &str) {
        if !self.page.left_out.iter().any(|w| w == what) {
            self.page.left_out.push(what.to_owned());
        }
    }

    fn text(&mut self, raw: &str) {
        if self.skipped.is_some() {
            return;
        }
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
        if std::mem::take(&mut self.symbol) && run.chars().count() == 1 {
            return;
        }
        if let Some(bullet) = self.bullet.take() {
            self.text.styled(&bullet, Style::default());
        }
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
        let mut text = std::mem::take(&mut self.text);
        if !text.is_empty() {
            text.set_prose(self.pre == 0);
            self.page.blocks.push(Block::Text(text));
        }
    }

    fn push_style(&mut self, name: &str, change: impl FnOnce(&mut Style)) {
        if self.styles.len() < DEEPEST {
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
        if let Some((skipped, depth)) = &mut self.skipped {
            *depth += usize::from(skipped == name);
            return;
        }
        let class = attribute(attributes, "class").unwrap_or_default();
        let help = class.contains("sk-estimator-doc-link");
        if UNSEEN.iter().any(|u| class.contains(u)) || help && name == "a" {
            self.skipped = Some((name.to_owned(), 1));
            return;
        }
        self.symbol = help;
        if self.fold_open(name, attributes) || self.table_tag(name, attributes) {
            return;
        }
        let css = attribute(attributes, "style").unwrap_or_default();
        if let Some(open) = self.tables.last_mut().filter(|o| !o.in_caption) {
            let safe = |href: &String| href.starts_with("https://") || href.starts_with("http://");
            open.builder.inside(name, attribute(attributes, "href").filter(safe), &css);
        }
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
            "span" | "code" | "kbd" | "samp" | "tt" | "label" | "summary" => {
                if name == "summary" {
                    self.break_line();
                }
                let code = matches!(name, "code" | "kbd" | "samp" | "tt");
                self.push_style(name, |s| {
                    s.code |= code;
                    apply_css(s, &css);
                });
            }
            "pre" => {
                self.break_line();
                // What stands in columns is no sentence.
                if self.tables.is_empty() && self.pre == 0 {
                    self.flush();
                }
                self.pre += 1;
                self.push_style(name, |s| apply_css(s, &css));
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.break_line();
                let level = name.as_bytes().get(1).map_or(1, |b| b - b'0');
                self.push_style(name, |s| (s.bold, s.heading) = (true, level));
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
                    self.bullet = Some(mark);
                    self.space = false;
                }
            }
            // Beside the term that it explains.
            "dd" if self.line_open && self.tables.is_empty() => {
                self.space = true;
                self.push_style(name, |s| apply_css(s, &css));
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
        if let Some((skipped, depth)) = &mut self.skipped {
            *depth -= usize::from(skipped == name);
            if *depth == 0 {
                self.skipped = None;
            }
            return;
        }
        if matches!(name, "li" | "ul" | "ol") {
            // An item without a word has no dot either.
            self.bullet = None;
        }
        if self.fold_close(name) {
            return;
        }
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
                if self.tables.is_empty() && self.pre == 1 {
                    self.flush();
                }
                self.pre = self.pre.saturating_sub(1);
                self.pop_style(name);
                self.break_line();
            }
            "ul" | "ol" => {
                self.lists.pop();
                self.break_line();
            }
            // Its explanation follows on the line.
            "dt" => self.pop_style(name),
            "li" | "p" | "div" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "section" | "article" | "header"
            | "footer" | "blockquote" | "details" | "summary" | "dl" | "dd" | "center" | "figure" | "figcaption" => {
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
                    let of = |name: &str| attribute(attributes, name).unwrap_or_default();
                    self.tables.push(Open { id: of("id"), class: of("class"), ..Open::default() });
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
                if matches!(name, "td" | "th") && (!self.sheet.is_empty() || attributes.contains("style")) {
                    let of = |name: &str| attribute(attributes, name).unwrap_or_default();
                    let (id, class) = (of("id"), of("class"));
                    let element = Element { tag: name, id: &id, class: &class };
                    let table = Element { tag: "table", id: &open.id, class: &open.class };
                    open.builder.look(self.sheet.look(element, table, &of("style")));
                }
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
                if let Some(table) = open.builder.finish(!open.class.contains("dataframe")) {
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
        let data = source.as_deref().and_then(|s| s.strip_prefix("data:")?.split_once(";base64,"));
        if let Some((mime, base64)) = data.filter(|(mime, _)| mime.starts_with("audio/") || mime.starts_with("video/"))
            && self.tables.is_empty()
        {
            self.flush();
            self.page.blocks.push(Block::Media(Media { mime: mime.to_owned(), base64: base64.into() }));
            return;
        }
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
        self.end_folds();
        self.flush();
        join_notes(&mut self.page.blocks);
        self.page
    }
}

/// `1000 rows × 2 columns` below a table and `shape: (3, 2)` above it become part of the table.
fn join_notes(blocks: &mut Vec<Block>) {
    let note_of = |block: Option<&Block>, wanted: &dyn Fn(&str) -> bool| match block? {
        Block::Text(text) if text.lines().len() == 1 => Some(text.plain()).filter(|t| wanted(t.trim())),
        _ => None,
    };
    let mut rest = std::mem::take(blocks).into_iter().peekable();
    while let Some(block) = rest.next() {
        let Block::Table(mut table) = block else {
            blocks.push(block);
            continue;
        };
        let below = note_of(rest.peek(), &|t| t.contains("rows ×") || t.contains("row ×"));
        if below.is_some() {
            rest.next();
        }
        let above = note_of(blocks.last(), &|t| t.starts_with("shape: ("));
        if above.is_some() {
            blocks.pop();
            table.second_head_is_types();
        }
        table.note = above.or(below).map(|t| t.trim().to_owned());
        blocks.push(Block::Table(table));
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::Ink;
    use super::*;
    use proptest::prelude::*;

    fn all_text(html: &str) -> String {
        let blocks = parse(html).blocks;
        let texts = blocks.iter().map(|b| match b {
            Block::Text(t) => t.plain(),
            Block::Table(t) => t.to_tsv(),
            other => other.plain(),
        });
        texts.collect::<Vec<_>>().join("\n---\n")
    }

    #[test]
    fn paragraphs_lists_and_code_become_lines() {
        let html = "<h1>Title</h1><p>some <b>bold</b> &amp; <a href='https://e.org'>link</a></p><ul><li>one<li>two\
                    <ul><li>deep</ul></ul><pre>x = 1\n  y</pre>";
        assert_eq!(all_text(html), "Title\nsome bold & link\n• one\n• two\n  • deep\n---\nx = 1\n  y");
        let prose: Vec<bool> =
            parse(html).blocks.iter().map(|b| matches!(b, Block::Text(text) if text.is_prose())).collect();
        assert_eq!(prose, [true, false]);
    }

    #[test]
    fn sections_open_and_close() {
        let folds = |html: &str| -> Vec<(String, bool, String)> {
            let of = |b: &Block| match b {
                Block::Fold(f) => {
                    Some((f.title.clone(), f.open, f.blocks.iter().map(Block::plain).collect::<Vec<_>>().join("|")))
                }
                _ => None,
            };
            parse(html).blocks.iter().filter_map(of).collect()
        };
        let found = folds("<details><summary>A <b>b</b></summary><p>x</p></details><details open>y</details>");
        assert_eq!(found, [("A b".into(), false, "x".into()), ("Details".into(), true, "y".into())]);
        let toggle =
            "<input type=checkbox checked><label title='Show/Hide all'></label><div class=z>in<div>ner</div></div>out";
        assert_eq!(folds(toggle), [("all".into(), true, "in\nner".into())]);
        assert_eq!(all_text("<ul><li></li></ul>a<dl><dt>b :<dd>c</dl>"), "a\nb : c");
        assert_eq!(folds("<details><summary>only a title</summary></details>"), []);
        assert_eq!(all_text("<pre class=xr-text-repr-fallback>no<pre>no</pre></pre>yes"), "yes");
        let deep = "<details><summary>s</summary>x".repeat(5_000);
        assert!(all_text(&deep).contains('x'));
    }

    #[test]
    fn sounds_are_kept_to_be_saved() {
        let page = parse("<audio controls><source src='data:audio/wav;base64,AAAA' type='audio/wav'>no</audio>");
        let [Block::Media(media)] = page.blocks.as_slice() else { panic!("{page:?}") };
        assert_eq!((media.mime.as_str(), media.file_name().as_str()), ("audio/wav", "output.wav"));
        assert!(page.left_out.is_empty());
        let odd = Media { mime: "audio/x-desktop".into(), base64: "".into() };
        assert_eq!(odd.file_name(), "output.bin");
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
        assert_eq!(colour("hsl(120, 100%, 25%)"), Some(Ink::Rgb(0, 128, 0)));
        assert_eq!(colour("hsla(0deg 100% 50% / 0.5)"), Some(Ink::Rgb(255, 0, 0)));
    }

    #[test]
    fn deep_nesting_and_broken_tags_do_no_harm() {
        let deep = "<div>".repeat(30_000) + "x";
        assert_eq!(all_text(&deep), "x");
        assert_eq!(all_text("1 < 2 <b>and <i>so</b> on <a href=\"x>y"), "1 < 2 and so on y");
        assert_eq!(all_text("&lt;tag&gt; &amp; &eacute; &#128512; &nosuch; &#x41;"), "<tag> & é 😀 &nosuch; A");
    }

    #[test]
    fn hostile_pages_cost_little_and_run_nothing() {
        let begun = std::time::Instant::now();
        let rules: String = "#x,".repeat(200_000);
        let pages = [
            "<div>".repeat(100_000) + "x" + &"</div>".repeat(100_000),
            "<table><tr><td>".repeat(100_000),
            "<details><summary>".repeat(100_000),
            "<b><i><span style='color:red'>".repeat(50_000) + &"</b></q></i>".repeat(100_000),
            format!("<table>{}", "<tr>".to_owned() + &"<td>1</td>".repeat(1_000).repeat(1_000)),
            format!("<table>{}", "<tr><td colspan=1000 rowspan=1000>x</td>".repeat(20_000)),
            format!("<table><tr>{}</tr>{}", "<td>".repeat(30_000) + "<td rowspan=900>x", "<tr></tr>".repeat(900)),
            format!("<style>{rules}#y{{{}}}</style><table><tr><td id=x>1</table>", "color:red;".repeat(20_000)),
            format!("<style>{rules}#y .pd-t::after{{content:'{}'}}</style>", "t".repeat(200_000)),
            "<table><tr><td>1</td></tr></table><p>1 rows × 1 columns</p>".repeat(20_000),
            (0..60_000).map(|n| format!("<a href='https://e.org/{n}'>x</a>")).collect(),
            "<a href=\"".repeat(200_000),
            "<!--".repeat(200_000),
            "&lol".repeat(200_000) + "&#xffffffff;&#0;",
            "<!DOCTYPE x [<!ENTITY a \"&b;&b;\"><!ENTITY b \"&a;&a;\">]>&a;".repeat(1_000),
            "<ul><li>".repeat(50_000) + "deep",
            "<iframe src='https://e.org'>".repeat(50_000),
            "<p style=\"background:url(https://e.org/track.png);behavior:url(x)\">p</p>".repeat(10_000),
            "<".repeat(500_000),
            "<img src=x onerror=evil()>".repeat(20_000),
        ];
        for page in &pages {
            let read = parse(page);
            let cells: usize = read.blocks.iter().map(cells_of).sum();
            assert!(cells <= 1_100_000, "{cells} cells of {}", &page[..60]);
        }
        // Unoptimised, and beside other tests.
        assert!(begun.elapsed() < std::time::Duration::from_secs(90), "{:?}", begun.elapsed());
        let million = parse(&pages[4]);
        let [Block::Table(table)] = million.blocks.as_slice() else { panic!() };
        assert!(table.page.columns.len() >= 500_000 || table.dropped_rows > 0 || !table.page.rows.is_empty());
        let safe =
            "<a href='javascript:evil()'>a</a><a href='data:text/html,x'>b</a><object data='file:///etc/passwd'>";
        let Some(Block::Text(text)) = parse(safe).blocks.into_iter().next() else { panic!() };
        assert_eq!((text.plain().as_str(), text.link(1)), ("ab", None));
    }

    fn cells_of(block: &Block) -> usize {
        match block {
            Block::Table(t) => t.page.rows.iter().map(Vec::len).sum(),
            Block::Fold(f) => f.blocks.iter().map(cells_of).sum(),
            _ => 0,
        }
    }

    proptest! {
        #[test]
        fn no_input_breaks_it(html in "(<[a-z/!]{0,6}[ a-z='\"]{0,8}>?|&[a-z#0-9]{0,4};?|[a-zé<> ]|<t[dhr]>|<table>|</table>){0,60}", raw in any::<String>()) {
            parse(&html);
            parse(&raw);
        }
    }
}
