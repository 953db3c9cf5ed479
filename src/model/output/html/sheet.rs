//! The style sheets of tables, as pandas writes them: rules for `#id`, `.class` and tags, of which a cell takes colours,
//! weight, bars and tooltips.
use std::{collections::HashMap, sync::Arc};

use super::super::text::Ink;
use super::style::colour;

/// Rules beyond this are passed over.
const MOST: usize = 100_000;
/// Bytes of declarations that are kept; a list of selectors keeps them once for each.
const MOST_BYTES: usize = 8 * 1024 * 1024;
/// Rules that have to be looked at for every cell.
const MOST_WIDE: usize = 200;

/// How a cell looks, where it is not as others.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Look {
    pub ink: Option<Ink>,
    pub ground: Option<Ink>,
    pub bold: bool,
    pub italic: bool,
    /// Stretches of the width in colour, as shares of it.
    pub bars: Vec<(Ink, f32, f32)>,
    /// Shown while the mouse is over it.
    pub tip: Option<Arc<str>>,
    pub link: Option<Arc<str>>,
    /// Told by the page.
    pub right: Option<bool>,
}

impl Look {
    /// Takes the declarations of a rule or of a `style` attribute.
    pub fn apply(&mut self, css: &str) {
        for declaration in css.split(';') {
            let Some((name, value)) = declaration.split_once(':') else { continue };
            let value = value.trim().trim_end_matches("!important").trim();
            match name.trim().to_ascii_lowercase().as_str() {
                "color" => self.ink = colour(value).or(self.ink),
                "background-color" => self.ground = colour(value),
                "background" => match bars(value) {
                    Some(bars) => self.bars = bars,
                    None => self.ground = colour(value).or(self.ground),
                },
                "font-weight" => self.bold = value == "bold" || value.parse::<u32>().is_ok_and(|n| n >= 600),
                "font-style" => self.italic = value == "italic" || value == "oblique",
                "text-align" => self.right = Some(value == "right"),
                _ => {}
            }
        }
    }
    /// True for a cell like all others.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// `linear-gradient(90deg, transparent 33%, #5fba7d 33%, #5fba7d 100%)` with hard stops.
fn bars(value: &str) -> Option<Vec<(Ink, f32, f32)>> {
    let inside = value.strip_prefix("linear-gradient(")?.trim_end_matches(')');
    // Commas inside of `rgb(..)` separate nothing.
    let mut parts = Vec::new();
    let (mut depth, mut from) = (0usize, 0);
    for (at, c) in inside.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(inside.get(from..at)?.trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(inside.get(from..)?.trim());
    if !parts.first()?.starts_with("90deg") {
        return None;
    }
    let mut out = Vec::new();
    let mut before = 0.0f32;
    for part in parts.iter().skip(1).take(50) {
        let (ink, stop) = part.rsplit_once(' ')?;
        let stop = (stop.trim().strip_suffix('%')?.parse::<f32>().ok()? / 100.0).clamp(0.0, 1.0);
        if let Some(ink) = colour(ink)
            && stop > before
        {
            out.push((ink, before, stop));
        }
        before = before.max(stop);
    }
    Some(out)
}

/// The rules of a page.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    by_id: HashMap<String, String>,
    tips: HashMap<String, String>,
    /// The last part of a selector with what has to stand around it, and the declarations.
    wide: Vec<(Vec<String>, String)>,
    bytes: usize,
}

/// What a selector can ask of an element.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element<'a> {
    pub tag: &'a str,
    pub id: &'a str,
    pub class: &'a str,
}

impl Element<'_> {
    /// `td.col0:hover` never, `td.col0` when both hold.
    fn is(&self, simple: &str) -> bool {
        if simple.contains([':', '[', '>', '+', '~', '*']) {
            return false;
        }
        let mut rest = simple;
        let tag_end = rest.find(['.', '#']).unwrap_or(rest.len());
        let (tag, after) = rest.split_at(tag_end);
        if !tag.is_empty() && !tag.eq_ignore_ascii_case(self.tag) {
            return false;
        }
        rest = after;
        while !rest.is_empty() {
            let end = rest.get(1..).and_then(|r| r.find(['.', '#'])).map_or(rest.len(), |n| n + 1);
            let (one, after) = rest.split_at(end);
            let name = one.get(1..).unwrap_or_default();
            let holds =
                if one.starts_with('#') { self.id == name } else { self.class.split_whitespace().any(|c| c == name) };
            if !holds {
                return false;
            }
            rest = after;
        }
        true
    }
}

impl Sheet {
    /// Takes the inside of a `<style>`.
    pub fn read(&mut self, css: &str) {
        let mut rest = css;
        while let Some(open) = rest.find('{') {
            let selectors = &rest[..open];
            let Some(close) = rest[open..].find('}') else { return };
            let body = rest[open + 1..open + close].trim();
            rest = &rest[open + close + 1..];
            if selectors.contains('@') {
                continue;
            }
            for selector in selectors.split(',') {
                self.rule(selector.trim(), body);
            }
        }
    }

    fn rule(&mut self, selector: &str, body: &str) {
        if self.by_id.len() + self.tips.len() > MOST || self.bytes + body.len() > MOST_BYTES {
            return;
        }
        self.bytes += body.len();
        let add = |map: &mut HashMap<String, String>, id: &str, body: &str| {
            let all = map.entry(id.to_owned()).or_default();
            all.push_str(body);
            all.push(';');
        };
        if let Some(id) =
            selector.strip_suffix(".pd-t::after").and_then(|s| s.split_whitespace().next_back()?.strip_prefix('#'))
        {
            let text = body.split(';').find_map(|d| d.split_once(':').filter(|(n, _)| n.trim() == "content"));
            if let Some((_, text)) = text {
                self.tips.insert(id.to_owned(), text.trim().trim_matches(['"', '\'']).to_owned());
            }
            return;
        }
        let plain = |id: &str| id.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
        match selector.rsplit(' ').next().and_then(|s| s.strip_prefix('#')).filter(|id| plain(id)) {
            Some(id) => add(&mut self.by_id, id, body),
            None if self.wide.len() < MOST_WIDE && !selector.is_empty() => {
                let parts = selector.split_whitespace().map(str::to_owned).collect();
                self.wide.push((parts, body.to_owned()));
            }
            None => {}
        }
    }

    /// True without any rule.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty() && self.wide.is_empty() && self.tips.is_empty()
    }

    /// How an element in a table looks: what rules for many say, then what is said about it alone.
    pub fn look(&self, element: Element<'_>, table: Element<'_>, own: &str) -> Look {
        let mut look = Look::default();
        for (parts, body) in &self.wide {
            let applies = match parts.as_slice() {
                [one] => element.is(one),
                // What stands between is taken to be there.
                [around, .., last] => {
                    element.is(last) && (table.is(around) || matches!(around.as_str(), "tbody" | "tr"))
                }
                [] => false,
            };
            if applies {
                look.apply(body);
            }
        }
        if let Some(body) = self.by_id.get(element.id).filter(|_| !element.id.is_empty()) {
            look.apply(body);
        }
        look.tip = self.tips.get(element.id).map(|t| t.as_str().into());
        look.apply(own);
        look
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_styles_of_pandas_are_read() {
        let mut sheet = Sheet::default();
        sheet.read(
            "#T_a td { color: green; } #T_a .col1 {font-weight:bold} th {color:#111}\n\
             #T_a_row0_col0, #T_a_row1_col0 {\n  background-color: gold;\n text-align: right; }\n\
             #T_a_row1_col0 { background: linear-gradient(90deg, transparent 25.0%, #5fba7d 25%, #5fba7d 75.0%, transparent 75%); }\n\
             #T_a_row0_col0 .pd-t::after { content: \"one\"; } td:hover {color: red} @media x { td {color: red} }",
        );
        let table = Element { tag: "table", id: "T_a", class: "" };
        let cell = |id: &str, class: &str| sheet.look(Element { tag: "td", id, class }, table, "");
        let first = cell("T_a_row0_col0", "data row0 col0");
        assert_eq!(
            (first.ground, first.ink, first.right),
            (Some(Ink::Rgb(255, 215, 0)), Some(Ink::Rgb(0, 128, 0)), Some(true))
        );
        assert_eq!((first.tip.as_deref(), first.bold), (Some("one"), false));
        assert_eq!(cell("T_a_row1_col0", "").bars, [(Ink::Rgb(0x5f, 0xba, 0x7d), 0.25, 0.75)]);
        assert!(cell("x", "data col1").bold);
        let own = sheet.look(Element { tag: "td", id: "", class: "" }, table, "color: blue; font-style: italic");
        assert_eq!((own.ink, own.italic), (Some(Ink::Rgb(0, 0, 255)), true));
        assert!(Sheet::default().look(Element { tag: "td", id: "", class: "" }, table, "").is_plain());
    }

    #[test]
    fn broken_sheets_do_no_harm() {
        for css in ["{", "}", "a{", "#{}", "a{b:c", "@x{y{z}}", ",,{}", "#a .pd-t::after{content}"] {
            Sheet::default().read(css);
        }
        assert_eq!(bars("linear-gradient(90deg, rgb(1, 2, 3) 50%)"), Some(vec![(Ink::Rgb(1, 2, 3), 0.0, 0.5)]));
        assert_eq!(bars("linear-gradient(to left, red, blue)"), None);
    }
}
