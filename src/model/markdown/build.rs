//! From the events of the parser to blocks. A flat walk: what lies deep in each other does not recurse.
use std::{collections::HashMap, sync::Arc};

use pulldown_cmark::{Alignment, BlockQuoteKind, CodeBlockKind, Event, Tag, TagEnd};

use super::{
    Alert, Block, Context, Document, FIRST, From, Grid, Held, Inline, Item, LAST, Picture, Side, Style, anchor,
    words_of,
};
use crate::model::{math::Math, output::Image};

/// Blocks lie no deeper in each other than this.
const DEEPEST: usize = 60;

/// What is open.
pub(super) enum Frame {
    Quote(Option<Alert>),
    List { first: Option<u64>, tight: bool, items: Vec<Item> },
    Item { checked: Option<bool> },
    Footnote(usize),
    Fold { title: Option<String>, open: bool },
}

/// A heading or a cell that is being read.
enum Line {
    Paragraph,
    Heading(u8),
    Cell,
    /// The title of a section.
    Summary,
}

pub(super) struct Builder<'a> {
    cx: &'a Context<'a>,
    held: &'a [Held<'a>],
    /// Blocks of what is open, outermost first; one more than `frames`.
    blocks: Vec<Vec<Block>>,
    frames: Vec<Frame>,
    /// Containers beyond [`DEEPEST`], which are passed over.
    too_deep: usize,
    line: Line,
    words: Vec<Inline>,
    /// Words of Markdown; the parser gives them in pieces.
    pending: String,
    pub(super) style: Style,
    /// What Markdown's own marks changed.
    marks: Vec<Style>,
    /// What tags changed.
    pub(super) tags: Vec<(String, Style)>,
    pub(super) centered: usize,
    code: Option<(String, String)>,
    table: Option<Grid>,
    row: Vec<Vec<Inline>>,
    /// HTML that is read as a whole.
    pub(super) raw: Option<String>,
    picture: Option<(From, String, Style)>,
    links: Vec<Arc<str>>,
    notes: HashMap<String, usize>,
    footnotes: Vec<(usize, Vec<Block>)>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(cx: &'a Context<'a>, held: &'a [Held<'a>]) -> Self {
        Self {
            cx,
            held,
            blocks: vec![Vec::new()],
            frames: Vec::new(),
            too_deep: 0,
            line: Line::Paragraph,
            words: Vec::new(),
            pending: String::new(),
            style: Style::default(),
            marks: Vec::new(),
            tags: Vec::new(),
            centered: 0,
            code: None,
            table: None,
            row: Vec::new(),
            raw: None,
            picture: None,
            links: Vec::new(),
            notes: HashMap::new(),
            footnotes: Vec::new(),
        }
    }

    pub(super) fn event(&mut self, event: Event<'_>) {
        if let (Event::Text(text), None, None) = (&event, &self.code, &self.picture) {
            self.pending.push_str(text);
            return;
        }
        let pending = std::mem::take(&mut self.pending);
        self.text(&pending);
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => match (&mut self.code, &mut self.picture) {
                (Some((_, code)), _) => code.push_str(&restored(self.held, &text)),
                (None, Some((_, alt, _))) => alt.push_str(&restored(self.held, &text)),
                _ => self.text(&text),
            },
            Event::Code(text) => {
                let text = restored(self.held, &text);
                let style = Style { code: true, ..self.style };
                match &mut self.picture {
                    Some((_, alt, _)) => alt.push_str(&text),
                    None => self.words.push(Inline::Text(text, style)),
                }
            }
            Event::InlineMath(text) | Event::DisplayMath(text) => self.text(&text),
            Event::Html(text) => match &mut self.raw {
                Some(raw) => raw.push_str(&text),
                None => self.tags_of(&text),
            },
            Event::InlineHtml(text) => self.tags_of(&text),
            Event::FootnoteReference(label) => {
                let number = self.note(&label);
                let link = self.link(&format!("#fn-{number}"));
                let style = Style { script: 1, link, ..self.style };
                self.words.push(Inline::Text(number.to_string(), style));
            }
            Event::SoftBreak => match &mut self.picture {
                Some((_, alt, _)) => alt.push(' '),
                None => self.plain(" "),
            },
            Event::HardBreak => self.words.push(Inline::Break),
            Event::Rule => {
                self.end_line();
                self.put(Block::Rule);
            }
            Event::TaskListMarker(done) => {
                if let Some(Frame::Item { checked }) = self.frames.last_mut() {
                    *checked = Some(done);
                }
            }
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph => self.end_line(),
            Tag::Heading { level, .. } => self.begin_heading(level as u8),
            Tag::BlockQuote(kind) => {
                let kind = kind.map(|k| match k {
                    BlockQuoteKind::Note => Alert::Note,
                    BlockQuoteKind::Tip => Alert::Tip,
                    BlockQuoteKind::Important => Alert::Important,
                    BlockQuoteKind::Warning => Alert::Warning,
                    BlockQuoteKind::Caution => Alert::Caution,
                });
                self.open(Frame::Quote(kind));
            }
            Tag::CodeBlock(kind) => {
                self.end_line();
                let language = match kind {
                    CodeBlockKind::Fenced(info) => {
                        info.split([' ', ',', '{', '}']).find(|w| !w.is_empty()).unwrap_or_default().to_lowercase()
                    }
                    CodeBlockKind::Indented => String::new(),
                };
                self.code = Some((language, String::new()));
            }
            Tag::HtmlBlock => {
                self.end_line();
                self.raw = Some(String::new());
            }
            Tag::List(first) => self.open(Frame::List { first, tight: true, items: Vec::new() }),
            Tag::Item => self.open(Frame::Item { checked: None }),
            Tag::FootnoteDefinition(label) => {
                let number = self.note(&label);
                self.open(Frame::Footnote(number));
            }
            Tag::Table(sides) => {
                self.end_line();
                let side = |a: &Alignment| match a {
                    Alignment::Center => Side::Center,
                    Alignment::Right => Side::Right,
                    Alignment::Left | Alignment::None => Side::Left,
                };
                self.table = Some(Grid { sides: sides.iter().map(side).collect(), ..Grid::default() });
            }
            Tag::TableHead | Tag::TableRow => self.row.clear(),
            Tag::TableCell => {
                self.words.clear();
                self.line = Line::Cell;
            }
            Tag::Emphasis => self.mark(|s| s.italic = true),
            Tag::Strong => self.mark(|s| s.bold = true),
            Tag::Strikethrough => self.mark(|s| s.strike = true),
            Tag::Superscript => self.mark(|s| s.script = 1),
            Tag::Subscript => self.mark(|s| s.script = -1),
            Tag::Link { dest_url, .. } => {
                let link = self.link(&restored(self.held, &dest_url));
                self.mark(|s| s.link = link);
            }
            Tag::Image { dest_url, .. } => {
                let from = self.source_of(&restored(self.held, &dest_url), None, None);
                self.picture = Some((from, String::new(), self.style));
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph => {
                self.end_line();
                // A list with paragraphs stands wide.
                let at = self.frames.len();
                if let Some(Frame::List { tight, .. }) = at.checked_sub(2).and_then(|i| self.frames.get_mut(i)) {
                    *tight = false;
                }
            }
            TagEnd::Heading(_) => self.end_line(),
            TagEnd::BlockQuote(_) | TagEnd::List(_) | TagEnd::Item | TagEnd::FootnoteDefinition => self.close(),
            TagEnd::CodeBlock => {
                if let Some((language, text)) = self.code.take() {
                    self.put(Block::Code { language, text: text.into() });
                }
            }
            TagEnd::HtmlBlock => {
                if let Some(raw) = self.raw.take() {
                    self.html_block(&raw);
                }
            }
            TagEnd::Table => {
                if let Some(grid) = self.table.take() {
                    self.put(Block::Table(grid));
                }
                self.line = Line::Paragraph;
            }
            TagEnd::TableHead => {
                let row = std::mem::take(&mut self.row);
                if let Some(grid) = &mut self.table {
                    grid.head = row;
                }
            }
            TagEnd::TableRow => {
                let row = std::mem::take(&mut self.row);
                if let Some(grid) = &mut self.table {
                    grid.rows.push(row);
                }
            }
            TagEnd::TableCell => {
                let words = std::mem::take(&mut self.words);
                self.row.push(words);
            }
            TagEnd::Emphasis
            | TagEnd::Strong
            | TagEnd::Strikethrough
            | TagEnd::Superscript
            | TagEnd::Subscript
            | TagEnd::Link => {
                if let Some(before) = self.marks.pop() {
                    self.style = before;
                }
            }
            TagEnd::Image => {
                if let Some((from, alt, style)) = self.picture.take() {
                    self.words.push(Inline::Picture(Picture {
                        from,
                        alt,
                        width: None,
                        height: None,
                        link: style.link,
                    }));
                }
            }
            _ => {}
        }
    }

    fn mark(&mut self, change: impl FnOnce(&mut Style)) {
        self.marks.push(self.style);
        change(&mut self.style);
    }

    /// The number of a note, in the order in which they are met.
    fn note(&mut self, label: &str) -> usize {
        let next = self.notes.len() + 1;
        *self.notes.entry(label.to_owned()).or_insert(next)
    }

    /// The number of an address; 0 for what is none.
    pub(super) fn link(&mut self, address: &str) -> u16 {
        let address = address.trim();
        let lower = address.to_ascii_lowercase();
        // What would run something is no link.
        let unsafe_ = lower.split(':').next().is_some_and(|scheme| {
            scheme.len() < lower.len()
                && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
                && !matches!(scheme, "http" | "https" | "mailto" | "attachment")
        });
        if address.is_empty() || unsafe_ || self.links.len() >= usize::from(u16::MAX) {
            return 0;
        }
        if let Some(at) = self.links.iter().position(|l| &**l == address).filter(|_| self.links.len() < 2_000) {
            return at as u16 + 1;
        }
        self.links.push(address.into());
        self.links.len() as u16
    }

    /// Where a picture is, by its address.
    pub(super) fn source_of(&self, address: &str, width: Option<f32>, height: Option<f32>) -> From {
        let lower = address.to_ascii_lowercase();
        if let Some(name) = address.strip_prefix("attachment:") {
            let plain = decoded(name);
            let found = (self.cx.attachments)(name).or_else(|| (self.cx.attachments)(&plain));
            found.map_or(From::Missing, From::Here)
        } else if lower.starts_with("data:") {
            Image::from_data_uri(address, width, height).map_or(From::Missing, From::Here)
        } else if lower.starts_with("http://") || lower.starts_with("https://") || lower.starts_with("//") {
            From::Address(address.to_owned())
        } else if lower.contains("://") || address.is_empty() {
            From::Missing
        } else {
            From::File(decoded(address))
        }
    }

    /// Words, with formulas for the letters that stand for them.
    pub(super) fn text(&mut self, text: &str) {
        let mut from = 0;
        for (at, c) in text.char_indices().filter(|(_, c)| (FIRST..=LAST).contains(&u32::from(*c))) {
            let held = self.held.get((u32::from(c) - FIRST) as usize);
            self.linked(&text[from..at]);
            from = at + c.len_utf8();
            match held {
                Some(Held::Math { source, display, .. }) => {
                    self.words.push(Inline::Math(Math::new(source, *display, self.cx.macros)));
                }
                Some(Held::Letter(own)) => self.plain(own),
                None => {}
            }
        }
        self.linked(&text[from..]);
    }

    /// Words in which addresses lead to what they name.
    fn linked(&mut self, text: &str) {
        let mut rest = text;
        while self.style.link == 0
            && let Some(at) = [rest.find("https://"), rest.find("http://")].into_iter().flatten().min()
        {
            let end = rest[at..]
                .find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"'))
                .map_or(rest.len(), |n| at + n);
            let mut address = rest[at..end].trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '*', '_']);
            if address.ends_with(')') && !address.contains('(') {
                address = &address[..address.len() - 1];
            }
            if address.len() <= "https://".len() {
                break;
            }
            self.plain(&rest[..at]);
            let link = self.link(address);
            let style = Style { link, ..self.style };
            self.words.push(Inline::Text(address.to_owned(), style));
            rest = &rest[at + address.len()..];
        }
        self.plain(rest);
    }

    /// Words in the style of the place.
    pub(super) fn plain(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if let Some(Inline::Text(last, style)) = self.words.last_mut()
            && *style == self.style
        {
            last.push_str(text);
        } else {
            self.words.push(Inline::Text(text.to_owned(), self.style));
        }
    }

    pub(super) fn push(&mut self, inline: Inline) {
        self.words.push(inline);
    }

    pub(super) fn in_line(&self) -> bool {
        !self.words.is_empty()
    }

    pub(super) fn in_cell(&self) -> bool {
        matches!(self.line, Line::Cell)
    }

    pub(super) fn begin_heading(&mut self, level: u8) {
        self.end_line();
        self.line = Line::Heading(level.clamp(1, 6));
    }

    /// Begins the title of a section.
    pub(super) fn begin_summary(&mut self) {
        self.end_line();
        if matches!(self.frames.last(), Some(Frame::Fold { .. })) {
            self.line = Line::Summary;
        }
    }

    /// Ends the line that is being read.
    pub(super) fn end_line(&mut self) {
        if self.in_cell() {
            return;
        }
        let mut words = std::mem::take(&mut self.words);
        let line = std::mem::replace(&mut self.line, Line::Paragraph);
        while matches!(words.last(), Some(Inline::Break)) || blank(words.last()) {
            words.pop();
        }
        while blank(words.first()) {
            words.remove(0);
        }
        if words.is_empty() {
            return;
        }
        let centered = self.centered > 0;
        match line {
            Line::Heading(level) => {
                let anchor = anchor(&words_of(&words));
                self.put(Block::Heading { level, words, anchor });
            }
            Line::Summary => {
                if let Some(Frame::Fold { title, .. }) = self.frames.last_mut() {
                    *title = Some(words_of(&words).trim().to_owned());
                }
            }
            _ => self.put(Block::Paragraph { words, centered }),
        }
    }

    pub(super) fn put(&mut self, block: Block) {
        if let Some(blocks) = self.blocks.last_mut() {
            blocks.push(block);
        }
    }

    pub(super) fn open(&mut self, frame: Frame) {
        self.end_line();
        if self.frames.len() >= DEEPEST {
            self.too_deep += 1;
            return;
        }
        self.frames.push(frame);
        self.blocks.push(Vec::new());
    }

    /// True when a section is open that `</details>` can end.
    pub(super) fn in_fold(&self) -> bool {
        matches!(self.frames.last(), Some(Frame::Fold { .. }))
    }

    pub(super) fn close(&mut self) {
        self.end_line();
        if self.too_deep > 0 {
            self.too_deep -= 1;
            return;
        }
        // A section that was not ended ends with what it stands in.
        while self.in_fold() {
            self.close_one();
        }
        self.close_one();
    }

    pub(super) fn close_one(&mut self) {
        self.end_line();
        let (Some(frame), true) = (self.frames.pop(), self.blocks.len() > 1) else { return };
        let Some(blocks) = self.blocks.pop() else { return };
        match frame {
            Frame::Quote(kind) => self.put(Block::Quote { kind, blocks }),
            Frame::List { first, tight, items } => self.put(Block::List { first, tight, items }),
            Frame::Item { checked } => {
                if let Some(Frame::List { items, .. }) = self.frames.last_mut() {
                    items.push(Item { checked, blocks });
                } else {
                    blocks.into_iter().for_each(|b| self.put(b));
                }
            }
            Frame::Footnote(number) => self.footnotes.push((number, blocks)),
            Frame::Fold { title, open } => {
                self.put(Block::Fold { title: title.unwrap_or_else(|| "Details".to_owned()), open, blocks });
            }
        }
    }

    pub(super) fn finish(mut self) -> Document {
        let pending = std::mem::take(&mut self.pending);
        self.text(&pending);
        self.line = Line::Paragraph;
        self.end_line();
        while !self.frames.is_empty() {
            self.close_one();
        }
        let mut blocks = self.blocks.pop().unwrap_or_default();
        self.footnotes.sort_by_key(|(number, _)| *number);
        if !self.footnotes.is_empty() {
            blocks.push(Block::Rule);
        }
        blocks.extend(self.footnotes.into_iter().map(|(number, blocks)| Block::Footnote { number, blocks }));
        Document { blocks, links: self.links }
    }

    /// The text of HTML with its formulas in it.
    pub(super) fn restored(&self, text: &str) -> String {
        restored(self.held, text)
    }
}

fn blank(inline: Option<&Inline>) -> bool {
    matches!(inline, Some(Inline::Text(text, style)) if !style.code && text.trim().is_empty())
}

/// The text as it was written.
fn restored(held: &[Held<'_>], text: &str) -> String {
    if !text.chars().any(|c| (FIRST..=LAST).contains(&u32::from(c))) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match u32::from(c).checked_sub(FIRST).and_then(|at| held.get(at as usize)) {
            Some(Held::Math { whole, .. }) => out.push_str(whole),
            Some(Held::Letter(own)) => out.push_str(own),
            None => out.push(c),
        }
    }
    out
}

/// `my%20picture.png` is a file with a space.
fn decoded(address: &str) -> String {
    let bytes = address.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(b) = bytes.get(at) {
        let code = (*b == b'%').then(|| u8::from_str_radix(address.get(at + 1..at + 3)?, 16).ok()).flatten();
        out.push(code.unwrap_or(*b));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8(out).unwrap_or_else(|_| address.to_owned())
}
