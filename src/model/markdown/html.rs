//! The HTML that people write into Markdown: words with colours and sizes, pictures, sections; tables as outputs have.
use super::{
    Block, Inline, Picture, Style,
    build::{Builder, Frame},
};
use crate::model::output::html::{
    self, colour,
    tokens::{Token, Tokens, attribute},
};

/// Elements that are read as a whole page is.
const WHOLE: [&str; 9] = ["<table", "<pre", "<ul", "<ol", "<dl", "<video", "<audio", "<iframe", "<object"];
/// Tags that are open at once.
const MOST: usize = 500;

impl Builder<'_> {
    /// HTML that stands for itself between paragraphs.
    pub(super) fn html_block(&mut self, raw: &str) {
        let lower = raw.to_ascii_lowercase();
        if WHOLE.iter().any(|w| lower.contains(w)) {
            let page = html::parse(&self.restored(raw));
            if !page.left_out.is_empty() {
                self.left_out(&page.left_out);
            }
            if !page.blocks.is_empty() {
                self.put(Block::Page(page.blocks));
            }
            return;
        }
        self.tags_of(raw);
        // Words without an element around them are a paragraph.
        self.end_line();
    }

    fn left_out(&mut self, left_out: &[String]) {
        let words = format!("Not shown: {}", left_out.join(" and "));
        self.put(Block::Paragraph {
            words: vec![Inline::Text(words, Style { small: true, ..Style::default() })],
            centered: false,
        });
    }

    /// Reads tags and the words between them.
    pub(super) fn tags_of(&mut self, raw: &str) {
        let mut tokens = Tokens { rest: raw };
        while let Some(token) = tokens.next() {
            match token {
                Token::Text(text) => {
                    let text = html::decode(text);
                    let words = text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
                    let space = |at: bool| if at && !text.is_empty() { " " } else { "" };
                    let (before, after) = (text.starts_with(char::is_whitespace), text.ends_with(char::is_whitespace));
                    if words.is_empty() {
                        if self.in_line() {
                            self.plain(space(before));
                        }
                    } else {
                        let before = space(before && self.in_line());
                        self.text(&format!("{before}{words}{}", space(after)));
                    }
                }
                Token::Open(name, attributes) => match name.as_str() {
                    "script" | "style" | "template" | "head" | "noscript" | "title" | "svg" | "textarea" => {
                        tokens.raw_until(&name);
                    }
                    _ => self.tag(&name, attributes),
                },
                Token::Close(name) => self.close_tag(&name),
            }
        }
    }

    fn tag(&mut self, name: &str, attributes: &str) {
        let value = |key: &str| attribute(attributes, key);
        let css = value("style").unwrap_or_default();
        let centered = name == "center"
            || value("align").is_some_and(|a| a.eq_ignore_ascii_case("center"))
            || css.replace(' ', "").contains("text-align:center");
        match name {
            "br" => self.push(Inline::Break),
            "hr" => {
                self.end_line();
                self.put(Block::Rule);
            }
            "img" => self.picture_tag(attributes, &css),
            "a" => {
                let address = self.restored(&value("href").unwrap_or_default());
                let link = self.link(&address);
                self.begin(name, |s| s.link = link);
            }
            "p" | "div" | "center" | "section" | "article" | "header" | "footer" | "figure" | "figcaption" | "main" => {
                self.end_line();
                self.centered += usize::from(centered);
                // Its end is known by whether it was centred.
                let key = format!("{name}{}", if centered { "|" } else { "" });
                self.begin(&key, |s| apply(s, &css));
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.centered += usize::from(centered);
                self.begin_heading(name.as_bytes().get(1).map_or(1, |d| d.saturating_sub(b'0')));
                let key = format!("{name}{}", if centered { "|" } else { "" });
                self.begin(&key, |s| apply(s, &css));
            }
            "details" => self.open(Frame::Fold { title: None, open: value("open").is_some() }),
            "summary" => self.begin_summary(),
            "li" => {
                self.end_line();
                self.plain("\u{2022} ");
            }
            "font" => {
                let ink = value("color").and_then(|c| colour(&c));
                self.begin(name, |s| {
                    s.ink = ink.or(s.ink);
                    apply(s, &css);
                });
            }
            _ => {
                let change: fn(&mut Style) = match name {
                    "b" | "strong" => |s| s.bold = true,
                    "i" | "em" | "cite" | "var" | "dfn" => |s| s.italic = true,
                    "u" | "ins" => |s| s.underline = true,
                    "s" | "del" | "strike" => |s| s.strike = true,
                    "sub" => |s| s.script = -1,
                    "sup" => |s| s.script = 1,
                    "small" => |s| s.small = true,
                    "mark" => |s| s.mark = true,
                    "code" | "kbd" | "samp" | "tt" => |s| s.code = true,
                    _ => |_| {},
                };
                if !matches!(name, "wbr" | "input" | "meta" | "link" | "source" | "col") {
                    self.begin(name, |s| {
                        change(s);
                        apply(s, &css);
                    });
                }
            }
        }
    }

    fn begin(&mut self, name: &str, change: impl FnOnce(&mut Style)) {
        if self.tags.len() < MOST {
            self.tags.push((name.to_owned(), self.style));
            change(&mut self.style);
        }
    }

    fn close_tag(&mut self, name: &str) {
        let block = matches!(
            name,
            "p" | "div" | "center" | "section" | "article" | "header" | "footer" | "figure" | "figcaption" | "main"
        );
        if block || matches!(name, "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "summary" | "li") {
            self.end_line();
        }
        if name == "details" && self.in_fold() {
            self.close_one();
            return;
        }
        let own = |n: &str| n.trim_end_matches('|') == name;
        if let Some(at) = self.tags.iter().rposition(|(n, _)| own(n)) {
            let centered = self.tags.drain(at..).fold(None, |first: Option<(usize, Style)>, (n, style)| {
                let more = usize::from(n.ends_with('|'));
                Some(first.map_or((more, style), |(sum, style)| (sum + more, style)))
            });
            if let Some((ended, style)) = centered {
                self.centered = self.centered.saturating_sub(ended);
                self.style = style;
            }
        }
    }

    fn picture_tag(&mut self, attributes: &str, css: &str) {
        let value = |key: &str| attribute(attributes, key);
        let size = |key: &str| {
            let told = value(key).or_else(|| declared(css, key));
            told?.trim().trim_end_matches("px").parse::<f32>().ok().filter(|n| *n > 0.0 && n.is_finite())
        };
        let (width, height) = (size("width"), size("height"));
        let address = self.restored(&value("src").unwrap_or_default());
        let from = self.source_of(&address, width, height);
        let alt = value("alt").or_else(|| value("title")).unwrap_or_default();
        let link = self.style.link;
        self.push(Inline::Picture(Picture { from, alt, width, height, link }));
        if !self.in_cell() && self.style.link == 0 && self.centered == 0 {
            // Several pictures may stand beside each other; words that follow are set apart.
            self.plain(" ");
        }
    }
}

/// The value of one declaration.
fn declared(css: &str, wanted: &str) -> Option<String> {
    css.split(';').find_map(|d| {
        let (name, value) = d.split_once(':')?;
        name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().to_owned())
    })
}

fn apply(style: &mut Style, css: &str) {
    for declaration in css.split(';') {
        let Some((name, value)) = declaration.split_once(':') else { continue };
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "color" => style.ink = colour(value).or(style.ink),
            "background" | "background-color" => style.ground = colour(value).or(style.ground),
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
