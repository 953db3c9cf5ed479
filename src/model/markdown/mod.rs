//! Markdown as Jupyter means it, read into blocks: GFM, formulas, the HTML that notebooks use, attachments.
//!
//! Formulas are cut out before Markdown is read, since its escapes would eat them, and come back for a private letter.
mod build;
mod html;

use std::sync::Arc;

use pulldown_cmark::{Options, Parser};

use self::build::Builder;
use super::{
    math::{Macros, Math, Piece, pieces},
    output::{self, Image, Ink, Text, html::Block as Page, table},
};

/// Texts longer than this are shown as they are written.
pub const MAX_SOURCE: usize = 1024 * 1024;

/// A text, ready to be drawn.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Document {
    pub blocks: Vec<Block>,
    /// Addresses by the numbers of styles, from 1.
    pub links: Vec<Arc<str>>,
}

impl Document {
    /// The address a style leads to.
    pub fn link(&self, number: u16) -> Option<&Arc<str>> {
        self.links.get(usize::from(number).checked_sub(1)?)
    }
    /// All formulas.
    pub fn formulas(&self) -> Vec<&Math> {
        let mut all = Vec::new();
        each(&self.blocks, &mut |inlines| {
            all.extend(inlines.iter().filter_map(|i| if let Inline::Math(m) = i { Some(m) } else { None }));
        });
        all
    }
    /// All words that can be seen, line by line; formulas as their source.
    pub fn plain(&self) -> String {
        let mut out = String::new();
        plain_into(&self.blocks, &mut out);
        out
    }
}

/// A part of a text, from top to bottom.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    Heading {
        level: u8,
        words: Vec<Inline>,
        anchor: String,
    },
    Paragraph {
        words: Vec<Inline>,
        centered: bool,
    },
    Code {
        language: String,
        text: Arc<str>,
    },
    Quote {
        kind: Option<Alert>,
        blocks: Vec<Block>,
    },
    List {
        first: Option<u64>,
        tight: bool,
        items: Vec<Item>,
    },
    Table(Grid),
    Rule,
    /// HTML that is more than words.
    Page(Vec<Page>),
    Fold {
        title: String,
        open: bool,
        blocks: Vec<Block>,
    },
    /// A note by its number.
    Footnote {
        number: usize,
        blocks: Vec<Block>,
    },
}

/// What a quotation is about, as GitHub marks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alert {
    Note,
    Tip,
    Important,
    Warning,
    Caution,
}

impl Alert {
    /// Its title.
    pub fn word(self) -> &'static str {
        match self {
            Self::Note => "Note",
            Self::Tip => "Tip",
            Self::Important => "Important",
            Self::Warning => "Warning",
            Self::Caution => "Caution",
        }
    }
}

/// An entry of a list.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Item {
    /// A task, and whether it is done.
    pub checked: Option<bool>,
    pub blocks: Vec<Block>,
}

/// Where the words of a column stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Side {
    #[default]
    Left,
    Center,
    Right,
}

/// A table of words.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Grid {
    pub sides: Vec<Side>,
    pub head: Vec<Vec<Inline>>,
    pub rows: Vec<Vec<Vec<Inline>>>,
}

/// A part of a line.
#[derive(Debug, Clone, PartialEq)]
pub enum Inline {
    Text(String, Style),
    Math(Math),
    Picture(Picture),
    Break,
}

/// How words look.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Style {
    pub bold: bool,
    pub italic: bool,
    pub strike: bool,
    pub underline: bool,
    pub code: bool,
    pub mark: bool,
    pub small: bool,
    /// Above (1) or below (-1) the line.
    pub script: i8,
    pub ink: Option<Ink>,
    pub ground: Option<Ink>,
    /// 0: none, else the number of an address.
    pub link: u16,
}

/// A picture in a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    pub from: From,
    pub alt: String,
    /// As the text says it, in points.
    pub width: Option<f32>,
    pub height: Option<f32>,
    /// 0: none, else the number of an address.
    pub link: u16,
}

/// Where a picture is.
#[derive(Debug, Clone, PartialEq)]
pub enum From {
    /// In the notebook itself.
    Here(Image),
    /// A file, relative to the notebook, as it is written.
    File(String),
    /// Elsewhere: never fetched by itself.
    Address(String),
    /// An attachment that is not there, or text that is no picture.
    Missing,
}

/// What a text stands in.
pub struct Context<'a> {
    pub macros: &'a Macros,
    /// Finds an attachment by its name.
    pub attachments: &'a dyn Fn(&str) -> Option<Image>,
}

impl Default for Context<'_> {
    fn default() -> Self {
        static NONE: std::sync::LazyLock<Macros> = std::sync::LazyLock::new(Macros::default);
        Self { macros: &NONE, attachments: &|_| None }
    }
}

/// Letters that stand for formulas, out of those for private use.
const FIRST: u32 = 0xF_0000;
const LAST: u32 = 0xF_FFFD;

/// What a private letter stands for.
pub(super) enum Held<'a> {
    Math {
        source: &'a str,
        display: bool,
        whole: &'a str,
    },
    /// It stood in the text.
    Letter(&'a str),
}

/// Reads a text. Never fails: what is not understood stays words.
pub fn read(source: &str, cx: &Context<'_>) -> Document {
    if source.len() > MAX_SOURCE {
        return Document { blocks: vec![as_written(source)], links: Vec::new() };
    }
    let (text, held) = hold(source);
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_GFM;
    let mut builder = Builder::new(cx, &held);
    for event in Parser::new_ext(&text, options) {
        builder.event(event);
    }
    let mut document = builder.finish();
    bound(&mut document.blocks);
    document
}

/// The sentences of a page as blocks: headings, paragraphs, lists.
pub fn of_text(text: &Text) -> Document {
    let mut blocks = Vec::new();
    let mut words: Vec<Inline> = Vec::new();
    let mut list: Vec<Entry> = Vec::new();
    let end = |words: &mut Vec<Inline>, list: &mut Vec<Entry>, blocks: &mut Vec<Block>| {
        if !words.is_empty() {
            blocks.push(Block::Paragraph { words: std::mem::take(words), centered: false });
        }
        blocks.extend(nested(&std::mem::take(list)));
    };
    for line in text.lines() {
        let plain = line.text.trim();
        let mut inlines: Vec<Inline> =
            line.runs().map(|(run, style)| Inline::Text(run.to_owned(), style_of(style))).collect();
        let level = line.runs().filter(|(run, _)| !run.trim().is_empty()).map(|(_, s)| s.heading).min().unwrap_or(0);
        if let Some((depth, number, mark)) = entry(&line.text) {
            if !words.is_empty() {
                end(&mut words, &mut list, &mut blocks);
            }
            cut_front(&mut inlines, mark);
            list.push((depth, number, inlines));
        } else if plain.is_empty() {
            end(&mut words, &mut list, &mut blocks);
        } else if level > 0 {
            end(&mut words, &mut list, &mut blocks);
            blocks.push(Block::Heading { level, words: inlines, anchor: String::new() });
        } else if plain.chars().all(|c| c == '\u{2500}') && plain.chars().count() > 10 {
            end(&mut words, &mut list, &mut blocks);
            blocks.push(Block::Rule);
        } else {
            if !list.is_empty() {
                end(&mut words, &mut list, &mut blocks);
            }
            if !words.is_empty() {
                words.push(Inline::Break);
            }
            words.extend(inlines);
        }
    }
    end(&mut words, &mut list, &mut blocks);
    bound(&mut blocks);
    Document { blocks, links: text.links().iter().map(|l| Arc::from(l.as_str())).collect() }
}

/// How deep an entry of a list lies, its number, and what it says.
type Entry = (usize, Option<u64>, Vec<Inline>);

/// Depth and number of an entry, and the bytes of its mark.
fn entry(line: &str) -> Option<(usize, Option<u64>, usize)> {
    let rest = line.trim_start_matches(' ');
    let spaces = line.len() - rest.len();
    if let Some(after) = rest.strip_prefix("\u{2022} ") {
        return Some((spaces / 2, None, line.len() - after.len()));
    }
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let after = rest.get(digits..)?.strip_prefix(". ")?;
    Some((spaces / 2, Some(rest.get(..digits)?.parse().ok()?), line.len() - after.len()))
}

/// Takes bytes off the beginning of words.
fn cut_front(words: &mut Vec<Inline>, mut bytes: usize) {
    while bytes > 0 {
        let Some(Inline::Text(text, _)) = words.first_mut() else { return };
        if text.len() > bytes {
            text.drain(..bytes);
            return;
        }
        bytes -= text.len();
        words.remove(0);
    }
}

fn nested(all: &[Entry]) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut rest = all;
    while let Some((depth, first, _)) = rest.first() {
        let mut items: Vec<Item> = Vec::new();
        while let Some((d, number, words)) = rest.first() {
            if d == depth && number.is_some() == first.is_some() {
                let paragraph = Block::Paragraph { words: words.clone(), centered: false };
                items.push(Item { checked: None, blocks: vec![paragraph] });
                rest = &rest[1..];
            } else if d > depth {
                let inner = rest.iter().take_while(|(d, ..)| d > depth).count();
                let (children, after) = rest.split_at(inner);
                if let Some(item) = items.last_mut() {
                    item.blocks.extend(nested(children));
                }
                rest = after;
            } else {
                break;
            }
        }
        blocks.push(Block::List { first: *first, tight: true, items });
    }
    blocks
}

fn style_of(style: output::text::Style) -> Style {
    let own = |ink: Ink| (ink != Ink::Default).then_some(ink);
    Style {
        bold: style.bold && style.heading == 0,
        italic: style.italic,
        strike: style.strike,
        underline: style.underline && style.link == 0,
        code: style.code,
        mark: style.inverse,
        small: style.faint,
        script: 0,
        ink: own(style.fg),
        ground: own(style.bg),
        link: style.link,
    }
}

/// Letters of a paragraph or a block of code that are laid out at once, and cells of a table; what is larger is shown by
/// what draws only a part of it.
const MAX_LETTERS: usize = 20_000;
const MAX_CELLS: usize = 2_000;

fn as_written(text: &str) -> Block {
    Block::Page(vec![Page::Text(Text::parse(text))])
}

/// Puts what is too large to be laid out as a whole into what needs not to be.
fn bound(blocks: &mut [Block]) {
    for block in blocks {
        match block {
            Block::Paragraph { words, .. } | Block::Heading { words, .. } => {
                let letters: usize = words.iter().map(|w| if let Inline::Text(t, _) = w { t.len() } else { 1 }).sum();
                if letters > MAX_LETTERS || words.len() > MAX_CELLS {
                    *block = as_written(&words_of(words));
                }
            }
            Block::Code { text, .. } if text.len() > MAX_LETTERS => *block = as_written(text),
            Block::Table(grid) => {
                let columns = grid.head.len().max(1);
                let letters = |row: &Vec<Vec<Inline>>| row.iter().map(|c| words_of(c).len()).sum::<usize>();
                let large = columns * grid.rows.len() > MAX_CELLS || columns > 200;
                if large || grid.rows.iter().map(letters).sum::<usize>() > 4 * MAX_LETTERS {
                    let row = |row: &Vec<Vec<Inline>>| row.iter().map(|c| words_of(c)).collect::<Vec<_>>();
                    let table = table::of_words(row(&grid.head), grid.rows.iter().map(row).collect());
                    *block = Block::Page(vec![Page::Table(table)]);
                }
            }
            Block::Quote { blocks, .. } | Block::Fold { blocks, .. } | Block::Footnote { blocks, .. } => bound(blocks),
            Block::List { items, .. } => items.iter_mut().for_each(|i| bound(&mut i.blocks)),
            _ => {}
        }
    }
}

/// Reads LaTeX as IPython puts it out: formulas with words between them. None when there is no formula in it.
pub fn latex(source: &str, macros: &Macros) -> Option<Document> {
    let all = pieces(source);
    if source.len() > MAX_SOURCE || !all.iter().any(|p| matches!(p, Piece::Math { .. })) {
        return None;
    }
    let mut words = Vec::new();
    for piece in all {
        match piece {
            Piece::Math { source, display, .. } => {
                // `$\displaystyle x$` is how sympy asks for a line of its own.
                words.push(Inline::Math(Math::new(source, display, macros)));
            }
            Piece::Text(text) => {
                for (i, line) in text.split('\n').enumerate() {
                    if i > 0 && !words.is_empty() {
                        words.push(Inline::Break);
                    }
                    let line = if words.is_empty() { line.trim_start() } else { line };
                    if !line.is_empty() {
                        words.push(Inline::Text(line.to_owned(), Style::default()));
                    }
                }
            }
        }
    }
    while matches!(words.last(), Some(Inline::Break)) {
        words.pop();
    }
    Some(Document { blocks: vec![Block::Paragraph { words, centered: false }], links: Vec::new() })
}

/// The text with letters in place of its formulas.
fn hold(source: &str) -> (String, Vec<Held<'_>>) {
    let mut held = Vec::new();
    let mut text = String::with_capacity(source.len());
    let letter = |held: &mut Vec<Held<'_>>, text: &mut String| {
        let code = FIRST + held.len() as u32;
        let c = char::from_u32(code).filter(|_| code <= LAST);
        text.extend(c);
        c.is_some()
    };
    for piece in pieces(source) {
        match piece {
            Piece::Math { source, display, whole } => {
                if letter(&mut held, &mut text) {
                    held.push(Held::Math { source, display, whole });
                } else {
                    text.push_str(whole);
                }
            }
            Piece::Text(words) => {
                for (at, c) in words.char_indices() {
                    if (FIRST..=LAST).contains(&u32::from(c)) {
                        if letter(&mut held, &mut text)
                            && let Some(own) = words.get(at..at + c.len_utf8())
                        {
                            held.push(Held::Letter(own));
                        }
                    } else {
                        text.push(c);
                    }
                }
            }
        }
    }
    (text, held)
}

/// The anchor of a heading as Jupyter makes it: spaces become dashes.
pub fn anchor(words: &str) -> String {
    words.trim().replace(' ', "-")
}

/// True when a link to `wanted` means the heading with `anchor`; GitHub writes them in small letters without signs.
pub fn is_anchor(anchor: &str, wanted: &str) -> bool {
    let plain = |text: &str| {
        text.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect::<String>().to_lowercase()
    };
    anchor == wanted || plain(anchor) == plain(wanted)
}

/// Calls `f` with the words of every line.
fn each<'a>(blocks: &'a [Block], f: &mut impl FnMut(&'a [Inline])) {
    let mut stack: Vec<&Block> = blocks.iter().rev().collect();
    while let Some(block) = stack.pop() {
        match block {
            Block::Heading { words, .. } | Block::Paragraph { words, .. } => f(words),
            Block::Table(grid) => {
                grid.head.iter().chain(grid.rows.iter().flatten()).for_each(|words| f(words));
            }
            Block::Quote { blocks, .. } | Block::Fold { blocks, .. } | Block::Footnote { blocks, .. } => {
                stack.extend(blocks.iter().rev());
            }
            Block::List { items, .. } => stack.extend(items.iter().rev().flat_map(|i| i.blocks.iter().rev())),
            Block::Code { .. } | Block::Rule | Block::Page(_) => {}
        }
    }
}

/// The words of a line.
pub fn words_of(words: &[Inline]) -> String {
    let mut out = String::new();
    for inline in words {
        match inline {
            Inline::Text(text, _) => out.push_str(text),
            Inline::Math(math) => out.push_str(&math.source),
            Inline::Picture(picture) => out.push_str(&picture.alt),
            Inline::Break => out.push('\n'),
        }
    }
    out
}

fn plain_into(blocks: &[Block], out: &mut String) {
    for block in blocks {
        match block {
            Block::Heading { words, .. } | Block::Paragraph { words, .. } => {
                out.push_str(&words_of(words));
                out.push('\n');
            }
            Block::Code { text, .. } => {
                out.push_str(text.trim_end());
                out.push('\n');
            }
            Block::Quote { blocks, .. } => plain_into(blocks, out),
            Block::Fold { title, blocks, open } => {
                out.push_str(title);
                out.push('\n');
                if *open {
                    plain_into(blocks, out);
                }
            }
            Block::Footnote { number, blocks } => {
                out.push_str(&format!("{number} "));
                plain_into(blocks, out);
            }
            Block::List { items, .. } => items.iter().for_each(|i| plain_into(&i.blocks, out)),
            Block::Table(grid) => {
                for row in std::iter::once(&grid.head).chain(&grid.rows) {
                    let cells: Vec<String> = row.iter().map(|w| words_of(w)).collect();
                    out.push_str(&cells.join("\t"));
                    out.push('\n');
                }
            }
            Block::Rule => {}
            Block::Page(page) => {
                for block in page {
                    out.push_str(&block.plain());
                    out.push('\n');
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
