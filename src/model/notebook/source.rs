//! Replacing a text inside a file so that every line and every escape nobody changed keeps its bytes.
use super::{
    super::json::{Bytes, Style, Value, encode_inner, unit},
    layout::{new_gaps, split_lines, write_lines},
};

/// The bytes of `old` (a string or a list of strings) with its text replaced by `new`.
pub(super) fn replace(old: Value<'_>, new: &str, style: &Style) -> Vec<u8> {
    if old.is_str() {
        return replace_string(old, new, style.ascii);
    }
    let items: Vec<Value<'_>> = old.items().collect();
    if !old.is_array() || items.is_empty() || !items.iter().all(|i| i.is_str()) {
        let mut out = Vec::new();
        write_lines(new, style, 0, &mut out);
        return out;
    }
    replace_list(old, &items, new, style)
}

fn replace_list(old: Value<'_>, items: &[Value<'_>], new: &str, style: &Style) -> Vec<u8> {
    let lines = split_lines(new);
    let texts: Vec<_> = items.iter().map(|i| i.as_str().unwrap_or_default()).collect();
    let before = texts.iter().zip(&lines).take_while(|(a, b)| a == b).count();
    let rest = texts.len().min(lines.len()) - before;
    let after = texts.iter().rev().zip(lines.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let (gone, come) = (items.len() - before - after, lines.len() - before - after);

    let (raw, base) = (Bytes::from(old.raw()), old.span().start);
    let mut gaps = Vec::with_capacity(items.len() + 1);
    let mut at = 1;
    for item in items {
        gaps.push(raw.slice(at..item.span().start - base));
        at = item.span().end - base;
    }
    gaps.push(raw.slice(at..raw.len() - 1));
    let (open, between, close) = (style.newline(1), style.between(1), style.newline(0));
    let fresh = new_gaps(&gaps, before, gone, come, [&open, &between, &close]);
    gaps.splice(before..=before + gone, fresh);

    let mut tokens: Vec<Vec<u8>> = Vec::with_capacity(lines.len());
    for (i, line) in lines.iter().enumerate() {
        let kept = if i < before {
            items.get(i)
        } else if i >= lines.len() - after {
            items.get(i + items.len() - lines.len())
        } else {
            None
        };
        tokens.push(match kept {
            Some(item) => item.raw().to_vec(),
            None => match items.get(i).filter(|_| gone == come || (gone > 0 && i == before)) {
                Some(item) => replace_string(*item, line, style.ascii),
                None => encoded(line, style.ascii),
            },
        });
    }
    let mut out = vec![b'['];
    for (gap, token) in gaps.iter().zip(&tokens) {
        out.extend_from_slice(gap);
        out.extend_from_slice(token);
    }
    out.extend_from_slice(gaps.last().map_or(&[][..], |g| &g[..]));
    out.push(b']');
    out
}

fn encoded(text: &str, ascii: bool) -> Vec<u8> {
    let mut out = vec![b'"'];
    encode_inner(text, ascii, &mut out);
    out.push(b'"');
    out
}

/// A string token with its text replaced; the beginning and the end that stay keep their escapes.
fn replace_string(old: Value<'_>, new: &str, ascii: bool) -> Vec<u8> {
    let raw = old.inner();
    let mut units = Vec::new();
    let mut at = 0;
    while at < raw.len() {
        let (len, code) = unit(raw.get(at..).unwrap_or_default());
        let shown = char::from_u32(code).unwrap_or('\u{fffd}');
        units.push((at, shown));
        at += len.max(1);
    }
    let before = units.iter().zip(new.chars()).take_while(|((_, a), b)| a == b).count();
    let head: usize = new.chars().take(before).map(char::len_utf8).sum();
    let rest = new.get(head..).unwrap_or_default();
    let after = units.iter().skip(before).rev().zip(rest.chars().rev()).take_while(|((_, a), b)| a == b).count();
    let tail: usize = rest.chars().rev().take(after).map(char::len_utf8).sum();
    let place = |i: usize| units.get(i).map_or(raw.len(), |u| u.0);
    let mut out = vec![b'"'];
    out.extend_from_slice(raw.get(..place(before)).unwrap_or_default());
    encode_inner(rest.get(..rest.len() - tail).unwrap_or_default(), ascii, &mut out);
    out.extend_from_slice(raw.get(place(units.len() - after)..).unwrap_or_default());
    out.push(b'"');
    out
}
