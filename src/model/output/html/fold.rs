//! Sections that open and close: `<details>`, and the check box, label and `<div>` that xarray and scikit-learn make them of.
use std::collections::VecDeque;

use super::{Block, Reader, tokens::attribute};

/// Sections lie no deeper in each other than this; what is deeper stands open.
const DEEPEST: usize = 20;
/// Elements that are followed to their end.
const MOST_DIVS: usize = 20_000;

/// A section of a page.
#[derive(Debug, Clone, PartialEq)]
pub struct Fold {
    pub title: String,
    /// As the page opens it.
    pub open: bool,
    pub blocks: Vec<Block>,
}

/// What the end of a `<div>` ends, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Div {
    Plain,
    /// Stands on the line of its neighbours.
    Inline,
    Fold,
    /// A part of a section's title.
    Title,
}

/// A section that is being read.
#[derive(Debug)]
struct Frame {
    /// What stood before it.
    before: Vec<Block>,
    title: String,
    open: bool,
    details: bool,
    /// It cannot be opened, and is nothing when it is empty.
    disabled: bool,
}

/// A title whose section follows.
#[derive(Debug)]
struct Toggle {
    title: String,
    open: bool,
    disabled: bool,
}

/// A check box has come; its label follows.
#[derive(Debug, Clone, Copy)]
struct CheckBox {
    open: bool,
    disabled: bool,
}

/// Text that becomes a title.
#[derive(Debug)]
struct Caption {
    before: Vec<Block>,
    of: CaptionOf,
}

#[derive(Debug)]
enum CaptionOf {
    Summary,
    Label { of: CheckBox, hint: String },
    Toggle,
}

#[derive(Debug, Default)]
pub(super) struct Folds {
    frames: Vec<Frame>,
    divs: Vec<Div>,
    caption: Option<Caption>,
    checkbox: Option<CheckBox>,
    toggles: VecDeque<Toggle>,
}

impl Reader {
    /// Handles the tags that sections are made of; false for all others.
    pub(super) fn fold_open(&mut self, name: &str, attributes: &str) -> bool {
        if !self.tables.is_empty() {
            return false;
        }
        match name {
            "input" => {
                let kind = attribute(attributes, "type").unwrap_or_default();
                if kind.eq_ignore_ascii_case("checkbox") {
                    let has = |name: &str| attribute(attributes, name).is_some();
                    self.folds.checkbox = Some(CheckBox { open: has("checked"), disabled: has("disabled") });
                }
                true
            }
            "label" => {
                let Some(of) = self.folds.checkbox.take() else { return false };
                let hint = attribute(attributes, "title").unwrap_or_default();
                self.begin_caption(CaptionOf::Label { of, hint })
            }
            "summary" => self.folds.frames.last().is_some_and(|f| f.details) && self.begin_caption(CaptionOf::Summary),
            "details" => {
                let open = attribute(attributes, "open").is_some();
                self.begin_fold(Toggle { title: String::new(), open, disabled: false }, true);
                true
            }
            "div" => {
                let class = attribute(attributes, "class").unwrap_or_default();
                let kind = self.div_kind(&class);
                if self.folds.divs.len() < MOST_DIVS {
                    self.folds.divs.push(kind);
                }
                kind != Div::Plain
            }
            _ => false,
        }
    }

    fn div_kind(&mut self, class: &str) -> Div {
        if ["xr-var-name", "xr-var-dims", "xr-var-dtype", "xr-var-preview"].iter().any(|c| class.contains(c)) {
            if self.line_open {
                self.text("  ");
            }
            return Div::Inline;
        }
        if self.folds.caption.is_some() || self.folds.toggles.is_empty() {
            return Div::Plain;
        }
        if class.contains("inline") {
            return if self.begin_caption(CaptionOf::Toggle) { Div::Title } else { Div::Plain };
        }
        match self.folds.toggles.pop_front() {
            Some(toggle) if self.folds.frames.len() < DEEPEST => {
                self.begin_fold(toggle, false);
                Div::Fold
            }
            _ => Div::Plain,
        }
    }

    /// Handles the end of what [`Reader::fold_open`] handled; false for all others.
    pub(super) fn fold_close(&mut self, name: &str) -> bool {
        if !self.tables.is_empty() {
            return false;
        }
        match name {
            "label" | "summary" if self.folds.caption.is_some() => {
                self.end_caption();
                true
            }
            "details" => {
                while let Some(frame) = self.folds.frames.last() {
                    let details = frame.details;
                    if !details && !self.folds.frames.iter().any(|f| f.details) {
                        break;
                    }
                    self.end_fold();
                    if details {
                        break;
                    }
                }
                true
            }
            "div" => match self.folds.divs.pop() {
                Some(Div::Inline) => true,
                Some(Div::Title) => {
                    self.end_caption();
                    true
                }
                Some(Div::Fold) => {
                    if self.folds.frames.last().is_some_and(|f| !f.details) {
                        self.end_fold();
                    }
                    true
                }
                _ => false,
            },
            "li" | "section" => {
                if self.folds.caption.is_none() {
                    self.loose_titles();
                }
                false
            }
            _ => false,
        }
    }

    /// Ends all that is open.
    pub(super) fn end_folds(&mut self) {
        self.end_caption();
        self.loose_titles();
        while !self.folds.frames.is_empty() {
            self.end_fold();
        }
    }

    fn begin_fold(&mut self, Toggle { title, open, disabled }: Toggle, details: bool) {
        if self.folds.frames.len() < DEEPEST {
            self.flush_before_title();
            let before = std::mem::take(&mut self.page.blocks);
            self.folds.frames.push(Frame { before, title, open, details, disabled });
        }
    }

    /// Ends what stands before a title; an item of a list needs no dot then, since a title has a mark of its own.
    fn flush_before_title(&mut self) {
        self.flush();
        self.bullet = None;
    }

    fn end_fold(&mut self) {
        self.flush();
        let Some(frame) = self.folds.frames.pop() else { return };
        let blocks = std::mem::replace(&mut self.page.blocks, frame.before);
        let title = if frame.title.is_empty() && !blocks.is_empty() { "Details".to_owned() } else { frame.title };
        if blocks.is_empty() {
            if !frame.disabled {
                self.line(&title);
            }
        } else {
            self.page.blocks.push(Block::Fold(Fold { title, open: frame.open, blocks }));
        }
    }

    fn begin_caption(&mut self, of: CaptionOf) -> bool {
        if self.folds.caption.is_some() {
            return false;
        }
        self.flush_before_title();
        let before = std::mem::take(&mut self.page.blocks);
        self.folds.caption = Some(Caption { before, of });
        true
    }

    fn end_caption(&mut self) {
        self.flush();
        let Some(caption) = self.folds.caption.take() else { return };
        let blocks = std::mem::replace(&mut self.page.blocks, caption.before);
        let words: Vec<String> = blocks.iter().map(plain).collect();
        let words = words.join(" ").split_whitespace().filter(|w| *w != "\u{2022}").collect::<Vec<_>>().join(" ");
        let folds = &mut self.folds;
        match caption.of {
            CaptionOf::Summary => {
                if let Some(frame) = folds.frames.last_mut() {
                    frame.title = words;
                }
            }
            CaptionOf::Label { of: CheckBox { open, disabled }, hint } => {
                // `Show/Hide data repr` stands for a symbol.
                let hint = hint.rsplit_once("Hide ").map_or(hint.as_str(), |(_, what)| what).to_owned();
                let title = if words.is_empty() { hint } else { words };
                folds.toggles.push_back(Toggle { title, open, disabled });
            }
            CaptionOf::Toggle => {
                if let Some(toggle) = folds.toggles.back_mut() {
                    toggle.title.push(' ');
                    toggle.title.push_str(&words);
                }
            }
        }
    }

    /// Titles without a section are lines.
    fn loose_titles(&mut self) {
        for toggle in std::mem::take(&mut self.folds.toggles) {
            self.line(&toggle.title);
        }
    }

    fn line(&mut self, text: &str) {
        if !text.is_empty() {
            self.break_line();
            self.put(text);
            self.break_line();
        }
    }
}

/// The words of a block.
pub(super) fn plain(block: &Block) -> String {
    match block {
        Block::Text(text) => text.plain(),
        Block::Table(table) => table.to_tsv(),
        Block::Image(_) => "[picture]".to_owned(),
        Block::Media(media) => format!("[{}]", media.what()),
        Block::Fold(fold) => {
            let inner: Vec<String> = fold.blocks.iter().map(plain).collect();
            format!("{}\n{}", fold.title, inner.join("\n"))
        }
    }
}
