//! Cuts HTML into tags and text, and reads attributes and entities.

/// A token of HTML.
#[derive(Debug, PartialEq)]
pub(in crate::model) enum Token<'a> {
    Text(&'a str),
    /// Name in lower case, attributes as written, true when it closes itself.
    Open(String, &'a str),
    Close(String),
}

pub(in crate::model) struct Tokens<'a> {
    pub(in crate::model) rest: &'a str,
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
    pub(in crate::model) fn raw_until(&mut self, name: &str) -> &'a str {
        let bytes = self.rest.as_bytes();
        let ends = |at: &usize| {
            let after = bytes.get(at + 2..at + 2 + name.len()).unwrap_or_default();
            bytes.get(at + 1) == Some(&b'/') && after.eq_ignore_ascii_case(name.as_bytes())
        };
        let end = memchr::memchr_iter(b'<', bytes).find(ends).unwrap_or(self.rest.len());
        let (inside, rest) = self.rest.split_at(end);
        self.rest = rest.get(tag_end(rest)..).unwrap_or_default();
        inside
    }
}

/// Length of the tag at the start, with `>` inside quoted attributes passed over.
pub(super) fn tag_end(text: &str) -> usize {
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

pub(super) fn tag_name(tag: &str) -> String {
    tag.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect::<String>().to_ascii_lowercase()
}

/// The value of an attribute, entities decoded.
pub(in crate::model) fn attribute(attributes: &str, wanted: &str) -> Option<String> {
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
