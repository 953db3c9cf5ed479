//! The part of YAML that files of parameters are written in: `name: value` lines, lists below a name or in brackets.
//! What is beyond it (anchors, blocks of text, maps below maps) is refused with its line, never misread.
use serde_json::{Map, Value};

use super::number;
use crate::{
    base::{Error, Result},
    model::run::Params,
};

/// Reads a file.
pub(super) fn read(name: &str, text: &str) -> Result<Params> {
    let mut all = Params::new();
    // The name whose list may follow.
    let mut open: Option<String> = None;
    for (n, line) in text.lines().enumerate() {
        let wrong = |why: &str| {
            Error::config(format!("{name}, line {}, cannot be read", n + 1))
                .because_of(why.to_owned())
                .hint("Write NAME: VALUE on each line, lists as [1, 2]; or give an object of JSON")
        };
        let bare = uncomment(line).trim_end();
        let inner = bare.trim_start();
        if inner.is_empty() || (inner == "---" && all.is_empty()) {
            continue;
        }
        if let Some(item) = inner.strip_prefix("- ").or_else(|| (inner == "-").then_some("")) {
            let Some(list) = open.as_ref().and_then(|k| all.get_mut(k)) else {
                return Err(wrong("A list has no name above it"));
            };
            if list.is_null() {
                *list = Value::Array(Vec::new());
            }
            let item = scalar(item.trim()).ok_or_else(|| wrong("Only plain values are read"))?;
            list.as_array_mut().into_iter().for_each(|l| l.push(item.clone()));
            continue;
        }
        if bare.starts_with([' ', '\t']) {
            return Err(wrong("Values below other values are read only as a list with dashes"));
        }
        let (key, value) = split(bare).ok_or_else(|| wrong("There is no name with a colon behind it"))?;
        let key = unquote(key.trim()).unwrap_or_else(|| key.trim().to_owned());
        let value = value.trim();
        open = value.is_empty().then(|| key.clone());
        let value = if value.is_empty() {
            Value::Null
        } else {
            scalar(value).ok_or_else(|| wrong("Anchors, tags and blocks of text are not read"))?
        };
        all.insert(key, value);
    }
    Ok(all)
}

/// `name: value`; a colon inside quotes is none.
fn split(line: &str) -> Option<(&str, &str)> {
    if let Some(rest) = line.strip_suffix(':').filter(|r| !r.contains(": ")) {
        return Some((rest, ""));
    }
    line.split_once(": ")
}

/// Without a comment: `#` at the start or after a space, outside of quotes.
fn uncomment(line: &str) -> &str {
    let (mut quote, mut before) = (None, ' ');
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (None, '#') if before.is_whitespace() => return line.get(..at).unwrap_or(line),
            (None, '"' | '\'') if before.is_whitespace() || matches!(before, '[' | '{' | ',' | ':') => quote = Some(c),
            (Some(q), c) if q == c => quote = None,
            _ => {}
        }
        before = c;
    }
    line
}

fn unquote(text: &str) -> Option<String> {
    if let Some(body) = text.strip_prefix('\'').and_then(|t| t.strip_suffix('\'')) {
        return Some(body.replace("''", "'"));
    }
    text.starts_with('"').then(|| serde_json::from_str(text).ok())?
}

fn scalar(text: &str) -> Option<Value> {
    if text.starts_with(['[', '{']) {
        return flow(text);
    }
    if text.starts_with(['"', '\'']) {
        return unquote(text).map(Value::from);
    }
    if text.starts_with(['&', '*', '!', '|', '>', '%', '@', '`']) {
        return None;
    }
    Some(word(text))
}

fn word(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).unwrap_or_else(|| Value::from(text)),
    }
}

/// A list or map in brackets, with bare words in it.
pub(super) fn flow(text: &str) -> Option<Value> {
    let mut rest = text;
    let value = part(&mut rest, 0)?;
    rest.trim().is_empty().then_some(value)
}

fn eat(rest: &mut &str, what: char) -> bool {
    *rest = rest.trim_start();
    let found = rest.strip_prefix(what);
    if let Some(after) = found {
        *rest = after;
    }
    found.is_some()
}

fn part(rest: &mut &str, depth: usize) -> Option<Value> {
    if depth > 64 {
        return None;
    }
    *rest = rest.trim_start();
    if eat(rest, '[') {
        let mut items = Vec::new();
        loop {
            if eat(rest, ']') {
                return Some(Value::Array(items));
            }
            items.push(part(rest, depth + 1)?);
            if !eat(rest, ',') && !rest.trim_start().starts_with(']') {
                return None;
            }
        }
    }
    if eat(rest, '{') {
        let mut map = Map::new();
        loop {
            if eat(rest, '}') {
                return Some(Value::Object(map));
            }
            let key = part(rest, depth + 1)?;
            let key = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
            if !eat(rest, ':') {
                return None;
            }
            map.insert(key, part(rest, depth + 1)?);
            if !eat(rest, ',') && !rest.trim_start().starts_with('}') {
                return None;
            }
        }
    }
    if let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let mut from = 1;
        loop {
            let at = from + rest.get(from..)?.find(quote)?;
            let escaped = quote == '"' && rest.get(..at)?.ends_with('\\');
            let doubled = quote == '\'' && rest.get(at + 1..)?.starts_with('\'');
            from = at + 1 + usize::from(doubled);
            if !escaped && !doubled {
                let text = unquote(rest.get(..=at)?)?;
                *rest = rest.get(at + 1..)?;
                return Some(Value::from(text));
            }
        }
    }
    let end = rest.find([',', ']', '}', ':', '[', '{']).unwrap_or(rest.len());
    let text = rest.get(..end)?.trim();
    *rest = rest.get(end..)?;
    (!text.is_empty()).then(|| word(text))
}
