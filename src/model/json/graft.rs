//! A document as a person wrote it anew, in the bytes it had: what means the same keeps its bytes, layout included.
use super::{Kind, Style, Value, format_value};

/// True when both are written with the same tokens, whatever their layout.
pub fn is_same(old: Value<'_>, new: Value<'_>) -> bool {
    let kind = |v: Value<'_>| if v.kind() == Kind::EscStr { Kind::Str } else { v.kind() };
    if kind(old) != kind(new) {
        return false;
    }
    match old.kind() {
        Kind::Object => {
            let (mut a, mut b) = (old.members(), new.members());
            loop {
                match (a.next(), b.next()) {
                    (None, None) => return true,
                    (Some(a), Some(b)) if a.key.raw() == b.key.raw() && is_same(a.value, b.value) => {}
                    _ => return false,
                }
            }
        }
        Kind::Array => {
            let (mut a, mut b) = (old.items(), new.items());
            loop {
                match (a.next(), b.next()) {
                    (None, None) => return true,
                    (Some(a), Some(b)) if is_same(a, b) => {}
                    _ => return false,
                }
            }
        }
        _ => old.raw() == new.raw(),
    }
}

/// Writes `new` in the place of `old`: what is the same keeps its bytes, the rest takes the style at this level.
pub fn graft(old: Value<'_>, new: Value<'_>, style: &Style, level: usize, out: &mut Vec<u8>) {
    if is_same(old, new) {
        out.extend_from_slice(old.raw());
        return;
    }
    let flat;
    let style = if old.raw().contains(&b'\n') || old.members().next().is_none() && old.items().next().is_none() {
        style
    } else {
        flat = Style { indent: None, comma: ", ".into(), ..style.clone() };
        &flat
    };
    match (old.kind(), new.kind()) {
        (Kind::Object, Kind::Object) => object(old, new, style, level, out),
        (Kind::Array, Kind::Array) => array(old, new, style, level, out),
        _ => format_value(new, style, level, out),
    }
}

/// A part of a list: where it stood, and its bytes now.
type Part = (Option<usize>, Vec<u8>);

fn object(old: Value<'_>, new: Value<'_>, style: &Style, level: usize, out: &mut Vec<u8>) {
    let members: Vec<_> = old.members().collect();
    let mut used = vec![false; members.len()];
    let mut parts: Vec<Part> = Vec::new();
    for member in new.members() {
        // Of keys that occur twice the first is the first.
        let at = members.iter().zip(&used).position(|(m, used)| !used && m.key.raw() == member.key.raw());
        let mut bytes = Vec::new();
        match at.and_then(|i| Some((i, members.get(i)?))) {
            Some((i, known)) => {
                if let Some(used) = used.get_mut(i) {
                    *used = true;
                }
                let lead = known.key.span().start - old.span().start..known.value.span().start - old.span().start;
                bytes.extend_from_slice(old.raw().get(lead).unwrap_or_default());
                graft(known.value, member.value, style, level + 1, &mut bytes);
            }
            None => {
                bytes.extend_from_slice(member.key.raw());
                bytes.extend(style.colon.bytes());
                format_value(member.value, style, level + 1, &mut bytes);
            }
        }
        parts.push((at, bytes));
    }
    let spans: Vec<_> = members.iter().map(|m| m.key.span().start..m.value.span().end).collect();
    joined(old, &spans, &parts, style, level, (b'{', b'}'), out);
}

fn array(old: Value<'_>, new: Value<'_>, style: &Style, level: usize, out: &mut Vec<u8>) {
    let (a, b): (Vec<_>, Vec<_>) = (old.items().collect(), new.items().collect());
    let head = a.iter().zip(&b).take_while(|(x, y)| is_same(**x, **y)).count();
    let rest = a.len().min(b.len()) - head;
    let tail = a.iter().rev().zip(b.iter().rev()).take(rest).take_while(|(x, y)| is_same(**x, **y)).count();
    let as_many = a.len() == b.len();
    let mut parts: Vec<Part> = Vec::new();
    for (i, item) in b.iter().enumerate() {
        let at = if i < head || as_many {
            Some(i)
        } else if i >= b.len() - tail {
            Some(i + a.len() - b.len())
        } else {
            None
        };
        let mut bytes = Vec::new();
        match at.and_then(|i| a.get(i)) {
            Some(known) => graft(*known, *item, style, level + 1, &mut bytes),
            None => format_value(*item, style, level + 1, &mut bytes),
        }
        parts.push((at, bytes));
    }
    let spans: Vec<_> = a.iter().map(Value::span).collect();
    joined(old, &spans, &parts, style, level, (b'[', b']'), out);
}

/// The parts between their brackets: what stood between two neighbours stands there again.
fn joined(
    old: Value<'_>,
    spans: &[std::ops::Range<usize>],
    parts: &[Part],
    style: &Style,
    level: usize,
    brackets: (u8, u8),
    out: &mut Vec<u8>,
) {
    let base = old.span().start;
    let cut = |from: usize, to: usize| old.raw().get(from - base..to - base).unwrap_or_default().to_vec();
    let (first, last) = (spans.first(), spans.last());
    let lead = first.map_or_else(|| style.newline(level + 1).into_bytes(), |s| cut(base + 1, s.start));
    let close = last.map_or_else(|| style.newline(level).into_bytes(), |s| cut(s.end, old.span().end - 1));
    let between = match (first, spans.get(1)) {
        (Some(a), Some(b)) => cut(a.end, b.start),
        (Some(_), None) if !lead.is_empty() => [b",", lead.as_slice()].concat(),
        _ => style.between(level + 1).into_bytes(),
    };
    out.push(brackets.0);
    for (i, (at, bytes)) in parts.iter().enumerate() {
        let before = i.checked_sub(1).and_then(|b| parts.get(b)).and_then(|p| p.0);
        let neighbours = before.zip(*at).filter(|(b, a)| b + 1 == *a);
        match neighbours.and_then(|(b, a)| Some((spans.get(b)?, spans.get(a)?))) {
            _ if i == 0 => out.extend_from_slice(&lead),
            Some((b, a)) => out.extend(cut(b.end, a.start)),
            None => out.extend_from_slice(&between),
        }
        out.extend_from_slice(bytes);
    }
    if !parts.is_empty() {
        out.extend(close);
    }
    out.push(brackets.1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::json::Json;

    fn grafted(old: &str, new: &str) -> String {
        let (a, b) = (Json::parse(old).unwrap(), Json::parse(new).unwrap());
        let mut out = Vec::new();
        graft(a.root(), b.root(), &Style::default(), 0, &mut out);
        let text = String::from_utf8(out).unwrap();
        let now = Json::parse(text.as_str()).unwrap();
        assert!(is_same(now.root(), b.root()), "{text}");
        text
    }

    #[test]
    fn what_is_not_changed_keeps_its_bytes() {
        let old = "{ \"big\":123456789012345678901234567890,\n   \"twice\" : 1,\"twice\":2.50 , \"esc\": \"\\u00e9\\/\",\r\n \"in\": {\"a\":[1,  2], \"b\": NaN}}";
        let pretty = |text: &str| {
            let json = Json::parse(text).unwrap();
            let mut out = Vec::new();
            format_value(json.root(), &Style { indent: Some("  ".into()), ..Style::default() }, 0, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(grafted(old, &pretty(old)), old);
        assert_eq!(grafted(old, &pretty(old).replace("2.50", "3")), old.replace("2.50", "3"));
        assert_eq!(grafted(old, &pretty(old).replace("NaN", "null")), old.replace("NaN", "null"));
        assert_eq!(grafted(old, &pretty(&old.replace("1,  2", "1,  2, 3"))), old.replace("1,  2", "1,  2,  3"));
        let without = old.replace("\"twice\" : 1,", "");
        assert_eq!(grafted(&without, &pretty(&without)), without);
    }

    #[test]
    fn new_members_take_the_look_of_their_neighbours() {
        assert_eq!(
            grafted("{\n \"a\": 1\n}", "{\"a\":1,\"b\":{\"c\":[2]}}"),
            "{\n \"a\": 1,\n \"b\": {\n  \"c\": [\n   2\n  ]\n }\n}"
        );
        assert_eq!(grafted("{\"a\": 1}", "{\"b\":2,\"a\":1}"), "{\"b\": 2, \"a\": 1}");
        assert_eq!(grafted("{}", "{\"b\":2}"), "{\n \"b\": 2\n}");
        assert_eq!(grafted("{\"a\": 1, \"b\": 2, \"c\": 3}", "{\"c\":3,\"a\":1}"), "{\"c\": 3, \"a\": 1}");
        assert_eq!(grafted("{\"a\": [1]}", "{}"), "{}");
        assert_eq!(grafted("[1,2,3]", "[2,3]"), "[2,3]");
        assert_eq!(grafted("[1,\n2,\n3]", "[1,2,9,3]"), "[1,\n2,\n9,\n3]");
        assert_eq!(grafted("{\"a\": 1}", "7"), "7");
    }
}
