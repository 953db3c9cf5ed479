//! The three versions inside a notebook with conflicts, so that each comes back byte for byte.
//!
//! A version is kept as its bytes without the long strings that the merged notebook holds anyway (pictures, printed
//! text): those are named by their hash and found again by their text, also after another program wrote the notebook
//! anew with other escapes or as lists of lines. All three are compressed together, so that what they share costs once.
use std::collections::{HashMap, HashSet};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use xxhash_rust::xxh3::xxh3_128;

use crate::{
    base::{Error, Result},
    model::json::{Json, Kind, Value, encode_inner},
};

/// Strings shorter than this stay where they are.
const LONG: usize = 1_024;
/// zstd's level; more costs time and saves little.
const LEVEL: i32 = 3;
/// How far back zstd may look: 128 MB, the most its decoders allow by themselves.
const WINDOW: u32 = 27;
/// No kept version is larger: a hostile notebook must not fill the memory.
const MOST: usize = 2 << 30;

/// A string's text by the hash of its text.
type Strings = HashMap<u128, String>;

/// Where a string was: as Python's `json` writes it, with all letters (0) or escaped to ASCII (1).
const RAW: u8 = 0;
const ASCII: u8 = 1;

/// Packs versions for the metadata of `merged`, as base64.
pub(super) fn pack(versions: [&Json; 3], merged: &Json) -> Result<String> {
    let mut forms = Forms::default();
    let known = names(merged.root(), &mut forms);
    let mut all = Vec::new();
    for version in versions {
        let mut body = Vec::new();
        skeleton(version, &known, &mut forms, &mut body);
        all.extend((body.len() as u64).to_le_bytes());
        all.extend(xxh3_128(version.bytes()).to_le_bytes());
        all.extend(body);
    }
    let failed = |e: std::io::Error| Error::io("The versions could not be compressed").because(&e);
    // In one go: a stream would take buffers as large as its window.
    let mut compressor = zstd::bulk::Compressor::new(LEVEL).map_err(failed)?;
    compressor.long_distance_matching(true).map_err(failed)?;
    compressor.window_log(WINDOW).map_err(failed)?;
    Ok(STANDARD.encode(compressor.compress(&all).map_err(failed)?))
}

/// Literal stretches, each with its length before it, and names of strings between them.
fn skeleton(json: &Json, known: &HashSet<u128>, forms: &mut Forms, out: &mut Vec<u8>) {
    let version = json.bytes();
    let mut literal = 0..0;
    for value in json.root().subtree().filter(|v| v.is_str() && v.inner().len() >= LONG) {
        let Named { name, form, .. } = forms.of(value);
        let Some(form) = form.filter(|_| known.contains(&name)) else { continue };
        let span = value.span();
        literal.end = span.start + 1;
        let part = version.get(literal.clone()).unwrap_or_default();
        out.extend((part.len() as u32).to_le_bytes());
        out.extend_from_slice(part);
        out.push(form);
        out.extend(name.to_le_bytes());
        literal = span.end - 1..span.end - 1;
    }
    let part = version.get(literal.start..).unwrap_or_default();
    out.extend((part.len() as u32).to_le_bytes());
    out.extend_from_slice(part);
}

/// What is known of strings, by the hash of their bytes as written: the versions have most of them in common.
#[derive(Default)]
struct Forms(HashMap<u128, Named>);

#[derive(Clone, Copy)]
struct Named {
    /// The hash of the text.
    name: u128,
    /// How to write it so that the same bytes come out; `None` when neither form does.
    form: Option<u8>,
    /// As text too, not only as written.
    long: bool,
}

impl Forms {
    fn of(&mut self, value: Value<'_>) -> Named {
        let name = xxh3_128(value.inner());
        if value.kind() == Kind::Str {
            return Named { name, form: Some(RAW), long: value.inner().len() >= LONG };
        }
        *self.0.entry(name).or_insert_with(|| {
            let text = value.as_str().unwrap_or_default();
            let form = [RAW, ASCII].into_iter().find(|form| written(&text, *form) == value.inner());
            Named { name: xxh3_128(text.as_bytes()), form, long: text.len() >= LONG }
        })
    }
}

/// Hashes of the texts that [`long_strings`] would find.
fn names(root: Value<'_>, forms: &mut Forms) -> HashSet<u128> {
    let lists = root.subtree().filter(|v| is_long_list(*v));
    let lists = lists.filter_map(|v| v.joined().filter(|t| t.len() >= LONG));
    let mut all: HashSet<u128> = lists.map(|t| xxh3_128(t.as_bytes())).collect();
    let strings = root.subtree().filter(|v| v.is_str() && v.inner().len() >= LONG);
    all.extend(strings.map(|v| forms.of(v)).filter(|n| n.long).map(|n| n.name));
    all
}

fn is_long_list(value: Value<'_>) -> bool {
    value.is_array() && value.span().len() >= LONG && value.items().all(|i| i.is_str())
}

fn written(text: &str, form: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 16);
    encode_inner(text, form == ASCII, &mut out);
    out
}

/// Long strings by the hash of their text, and lists of strings joined: other programs split texts into lines.
fn long_strings(root: Value<'_>) -> Strings {
    let mut all = Strings::new();
    let mut add = |text: String| {
        if text.len() >= LONG {
            all.insert(xxh3_128(text.as_bytes()), text);
        }
    };
    for value in root.subtree() {
        if is_long_list(value) {
            add(value.joined().unwrap_or_default().into_owned());
        } else if value.is_str() && value.inner().len() >= LONG {
            add(value.as_str().unwrap_or_default().into_owned());
        }
    }
    all
}

/// Version number `which` from what [`pack`] made, with the strings that `merged` holds now.
pub(super) fn unpack(packed: &str, which: usize, merged: &Json) -> Result<Vec<u8>> {
    let torn = || Error::config("The versions kept in the notebook are damaged").hint("Take them from git");
    let compressed = STANDARD.decode(packed.trim()).map_err(|_| torn())?;
    let mut all = Vec::new();
    let mut decoder = zstd::Decoder::new(&compressed[..]).map_err(|_| torn())?;
    decoder.window_log_max(WINDOW).map_err(|_| torn())?;
    std::io::Read::read_to_end(&mut std::io::Read::take(decoder, MOST as u64), &mut all).map_err(|_| torn())?;
    let mut rest = &all[..];
    for at in 0.. {
        let len = u64::from_le_bytes(head(&mut rest).ok_or_else(torn)?);
        let hash = u128::from_le_bytes(head(&mut rest).ok_or_else(torn)?);
        let (body, next) = usize::try_from(len).ok().and_then(|n| rest.split_at_checked(n)).ok_or_else(torn)?;
        if at == which {
            let bytes = joined(body, &long_strings(merged.root())).ok_or_else(torn)??;
            return if xxh3_128(&bytes) == hash { Ok(bytes) } else { Err(torn()) };
        }
        rest = next;
    }
    Err(torn())
}

fn head<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (now, next) = rest.split_first_chunk::<N>()?;
    *rest = next;
    Some(*now)
}

fn joined(mut body: &[u8], known: &Strings) -> Option<Result<Vec<u8>>> {
    let mut out = Vec::new();
    loop {
        let len = u32::from_le_bytes(head(&mut body)?) as usize;
        let (literal, rest) = body.split_at_checked(len)?;
        out.extend_from_slice(literal);
        body = rest;
        let Some((form, rest)) = body.split_first() else { return Some(Ok(out)) };
        body = rest;
        let name = u128::from_le_bytes(head(&mut body)?);
        match known.get(&name) {
            Some(text) => out.extend(written(text, *form)),
            None => {
                return Some(Err(Error::config("A long text of that version is not in the notebook any more")
                    .because_of("An output was deleted or run again since the merge")
                    .hint("Take the version from git")));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notebook(text: &str) -> String {
        format!("{{\"cells\": [{{\"text\": {text}}}], \"n\": [1.0, 1E5]}}\r\n")
    }

    #[test]
    fn versions_come_back_byte_for_byte() {
        let long = "iVBORw0KGgo".repeat(200);
        let lines = "a line of \u{e4}\n".repeat(200);
        let escaped = lines.replace('\n', "\\n");
        let ascii = escaped.replace('\u{e4}', "\\u00e4");
        let versions =
            [notebook(&format!("\"{long}\"")), notebook(&format!("\"{escaped}\"")), notebook(&format!("\"{ascii}\""))];
        let list = lines.split_inclusive('\n').map(|l| format!("\"{}\"", l.replace('\n', "\\n"))).collect::<Vec<_>>();
        let merged = notebook(&format!("[{}]", list.join(",\n")));
        let merged = Json::parse(merged.into_bytes()).unwrap();
        let read = versions.clone().map(|v| Json::parse(v.into_bytes()).unwrap());
        let packed = pack([0, 1, 2].map(|i| &read[i]), &merged).unwrap();
        assert!(packed.len() < 1_000, "{} bytes", packed.len());
        for (i, version) in versions.iter().enumerate() {
            assert_eq!(unpack(&packed, i, &merged).unwrap(), version.as_bytes());
        }
        let bare = Json::parse(notebook("\"\"").into_bytes()).unwrap();
        assert!(unpack(&packed, 0, &bare).is_ok());
        let gone = unpack(&packed, 1, &bare).unwrap_err().to_string();
        assert!(gone.contains("not in the notebook any more"), "{gone}");
        for at in 0..packed.len() {
            let mut torn = packed.clone();
            torn.replace_range(at..=at, if torn.as_bytes()[at] == b'A' { "B" } else { "A" });
            let _ = unpack(&torn, 0, &merged);
            let _ = unpack(&packed[..at], 2, &merged);
        }
    }
}
