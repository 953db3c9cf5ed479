//! A notebook as text: cells with their sources, outputs in words, pictures named.
//!
//! People read it in a terminal ([`Look::person`]); git compares it line by line ([`Look::stable`]), so that form has
//! nothing in it that a run, another machine or a neighbour's insertion changes: no numbers of cells, no execution
//! counts, no volatile metadata, no memory addresses.
use base64::Engine;

use super::{
    diff::{CellType, CellView, Document, OutputView, Picture},
    json::{Bytes, Json, Kind, Value},
    output::Output,
};
use crate::base::{
    fsx::hash,
    text::{bytes, count, shorten, visible},
};

/// Longest metadata value that is written out.
const MAX_VALUE: usize = 160;

/// What is shown, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    pub sources: bool,
    pub outputs: bool,
    pub attachments: bool,
    pub metadata: bool,
    pub ids: bool,
    /// Execution counts.
    pub counts: bool,
    /// For git rather than for a person.
    pub stable: bool,
    /// Numbers of the cells to show, from 1; empty for all.
    pub cells: Vec<std::ops::RangeInclusive<usize>>,
}

impl Look {
    /// For a terminal: sources, outputs and attachments.
    pub fn person() -> Self {
        Self {
            sources: true,
            outputs: true,
            attachments: true,
            metadata: false,
            ids: false,
            counts: false,
            stable: false,
            cells: Vec::new(),
        }
    }
    /// For `git log -p` and `git blame`: all that a person made and nothing that a run changes by itself.
    pub fn stable() -> Self {
        Self { metadata: true, stable: true, ..Self::person() }
    }
    /// True when the cell at `index` is among those to show.
    pub fn has(&self, index: usize) -> bool {
        self.cells.is_empty() || self.cells.iter().any(|r| r.contains(&(index + 1)))
    }
}

/// What a line is, for its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Of the notebook.
    Title,
    /// Of a cell.
    Head,
    Source,
    /// Metadata, names of outputs.
    Name,
    Output,
    Error,
}

/// One line without its line feed; control characters are pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub tone: Tone,
    pub text: String,
}

/// An output in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// `stdout`, `result`, `image PNG, 640 × 480, 21 kB`.
    pub title: String,
    /// Its text without colours; empty for a picture.
    pub text: String,
    pub error: bool,
}

/// The whole notebook.
pub fn lines(name: &str, doc: &Document, look: &Look) -> Vec<Line> {
    let mut page = Page(Vec::new());
    if !look.stable {
        let (major, minor) = doc.format;
        let mut parts = vec![name.to_owned(), count(doc.cells.len() as u64, "cell")];
        parts.extend([doc.language.clone(), format!("nbformat {major}.{minor}")]);
        page.put(Tone::Title, &parts.join(" \u{b7} "));
    }
    page.metadata(&doc.metadata, look.metadata);
    for (index, cell) in doc.cells.iter().enumerate().filter(|(i, _)| look.has(*i)) {
        if !page.0.is_empty() {
            page.put(Tone::Source, "");
        }
        page.cell(index, cell, look);
    }
    page.0
}

struct Page(Vec<Line>);

impl Page {
    fn put(&mut self, tone: Tone, text: &str) {
        self.0.push(Line { tone, text: visible(text) });
    }

    /// What a merge noted is always told.
    fn metadata(&mut self, members: &[(String, Bytes)], all: bool) {
        for (key, value) in members {
            match (key == "andon").then(|| own(value)).flatten() {
                Some(told) => told.iter().for_each(|t| self.put(Tone::Error, &format!("@ {t}"))),
                None if all => self.put(Tone::Name, &format!("@ {key}: {}", compact(value))),
                None => {}
            }
        }
    }

    fn cell(&mut self, index: usize, cell: &CellView, look: &Look) {
        let mut head = Vec::new();
        if !look.stable {
            head.push(format!("cell {}", index + 1));
        }
        head.push(cell.kind.word().to_owned());
        if let (true, Some(n)) = (look.counts, cell.count) {
            head.push(format!("[{n}]"));
        }
        if let (true, Some(id)) = (look.ids, &cell.id) {
            head.push(format!("id {id}"));
        }
        self.put(Tone::Head, &format!("=== {} ===", head.join(" \u{b7} ")));
        self.metadata(&cell.metadata, look.metadata);
        if look.sources && !cell.source.is_empty() {
            let source = cell.source.strip_suffix('\n').unwrap_or(&cell.source);
            source.split('\n').for_each(|l| self.put(Tone::Source, l.strip_suffix('\r').unwrap_or(l)));
        }
        if look.attachments {
            for (name, content) in &cell.attachments {
                let mark = if look.stable { format!(", {}", mark(*content)) } else { String::new() };
                self.put(Tone::Name, &format!("> attachment {name}{mark}"));
            }
        }
        if look.outputs {
            outputs(cell, look.stable).iter().for_each(|o| self.output(o));
        }
    }

    fn output(&mut self, output: &Words) {
        self.put(Tone::Name, &format!("> {}", output.title));
        let tone = if output.error { Tone::Error } else { Tone::Output };
        let text = output.text.strip_suffix('\n').unwrap_or(&output.text);
        if !text.is_empty() {
            text.split('\n').for_each(|l| self.put(tone, format!("| {l}").trim_end()));
        }
    }
}

/// The outputs of a cell in words. `stable`: with what tells contents apart and without what only a run changes.
pub fn outputs(cell: &CellView, stable: bool) -> Vec<Words> {
    let mut all: Vec<Words> = cell.outputs.iter().map(words).collect();
    if stable {
        all.iter_mut().zip(&cell.outputs).for_each(|(w, o)| steady(w, o));
    }
    all
}

fn words(output: &OutputView) -> Words {
    let parsed: Vec<Json> = output.parts.iter().filter_map(|p| Json::parse(p.clone()).ok()).collect();
    if let Some(name) = output.class.strip_prefix("stream:") {
        let text: String =
            parsed.iter().filter_map(|j| j.root().get("text")?.joined().map(|t| t.into_owned())).collect();
        return Words { title: name.to_owned(), text: on_terminal(&text), error: false };
    }
    let Some(json) = parsed.first() else {
        return Words { title: "unreadable output".to_owned(), text: String::new(), error: true };
    };
    let root = json.root();
    if output.class == "error" {
        return failure(root);
    }
    let title = match root.get("output_type").and_then(|t| t.as_str()).as_deref() {
        Some("execute_result" | "pyout") => "result",
        _ => "display",
    };
    let data = root.get("data");
    let get = |mime: &str| data.and_then(|d| d.get(mime)).and_then(|v| v.joined()).map(|t| t.into_owned());
    let plain = get("text/plain");
    // `<Figure size 640x480 with 1 Axes>` only names what stands beside it.
    let speaks = plain.as_deref().filter(|p| !p.trim_start().starts_with('<')).map(on_terminal);
    if output.class.starts_with("image/") && output.class != "image/svg+xml" {
        let text = speaks.unwrap_or_default();
        return Words { title: format!("image {}", picture(&output.class, get(&output.class))), text, error: false };
    }
    let text = speaks.or_else(|| written(&output.class, get(&output.class))).or(plain.as_deref().map(on_terminal));
    let named = !output.class.starts_with("text/");
    let size = data.and_then(|d| d.get(&output.class)).map_or(0, |v| v.raw().len());
    let title = if named { format!("{title} {}, {}", output.class, bytes(size as u64)) } else { title.to_owned() };
    Words { title, text: text.unwrap_or_default(), error: false }
}

/// What HTML, Markdown and LaTeX say.
fn written(mime: &str, source: Option<String>) -> Option<String> {
    let source = source?;
    match mime {
        "text/html" => {
            let bundle = serde_json::Map::from_iter([(mime.to_owned(), serde_json::Value::from(source))]);
            Some(Output::from_bundle(&bundle, &serde_json::Map::new()).to_text())
        }
        m if m.starts_with("text/") => Some(on_terminal(&source)),
        _ => None,
    }
}

fn failure(root: Value<'_>) -> Words {
    let get = |key: &str| root.get(key).and_then(|v| v.as_str()).unwrap_or_default().into_owned();
    let trace: Vec<String> = root
        .get("traceback")
        .iter()
        .flat_map(Value::items)
        .filter_map(|l| l.as_str().map(|s| s.into_owned()))
        .collect();
    let summary = format!("{}: {}", get("ename"), get("evalue"));
    let text = if trace.is_empty() { summary.clone() } else { on_terminal(&trace.join("\n")) };
    Words { title: format!("error {}", shorten(summary.lines().next().unwrap_or_default(), 80)), text, error: true }
}

fn decoded(base64: &str) -> Option<Vec<u8>> {
    let clean: Vec<u8> = base64.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    base64::engine::general_purpose::STANDARD.decode(clean).ok()
}

fn picture(mime: &str, base64: Option<String>) -> String {
    match base64.as_deref().and_then(decoded) {
        Some(content) => Picture::new(mime, content).words(),
        None => format!("{}, not readable", mime.trim_start_matches("image/").to_uppercase()),
    }
}

/// Names a picture's or figure's content, and takes out of text what every run changes.
fn steady(words: &mut Words, output: &OutputView) {
    if !output.class.starts_with("stream:") && output.class != "error" && !output.class.starts_with("text/") {
        let value = output.parts.first().and_then(|p| Json::parse(p.clone()).ok());
        let content = value.as_ref().and_then(|j| j.root().get("data")?.get(&output.class).map(|v| (v, v.joined())));
        if let Some((value, text)) = content {
            let hash = match text {
                Some(text) => hash(&text.bytes().filter(|b| !b.is_ascii_whitespace()).collect::<Vec<_>>()),
                None => hash(plain_json(value).as_bytes()),
            };
            words.title.push_str(&format!(", {}", mark(hash)));
        }
    }
    words.text = without_addresses(&words.text);
}

fn mark(hash: u64) -> String {
    format!("{:08x}", hash >> 32)
}

/// `<A at 0x7f00aa11bb22>` as `<A at 0x…>`: such numbers differ in every run and mean nothing. Short ones are
/// numbers that somebody wrote.
fn without_addresses(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("0x") {
        let (head, tail) = rest.split_at(at + 2);
        out.push_str(head);
        let digits = tail.bytes().take_while(u8::is_ascii_hexdigit).count();
        let (number, after) = tail.split_at(digits);
        out.push_str(if digits < 6 { number } else { "\u{2026}" });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// What text leaves on a terminal: colours taken out, lines that were written over gone.
fn on_terminal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut line = 0;
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' if chars.next_if_eq(&'[').is_some() => {
                chars.by_ref().find(|c| ('@'..='~').contains(c));
            }
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' if chars.peek().is_some() => out.truncate(line),
            '\r' => {}
            '\n' => {
                out.push('\n');
                line = out.len();
            }
            c => out.push(c),
        }
    }
    out
}

/// A metadata value on one line with sorted keys; what is long is named by size and content.
fn compact(value: &Bytes) -> String {
    let Ok(json) = Json::parse(value.clone()) else { return String::from_utf8_lossy(value).into_owned() };
    let text = plain_json(json.root());
    if text.len() <= MAX_VALUE {
        text
    } else {
        format!("({}, {})", bytes(text.len() as u64), mark(hash(text.as_bytes())))
    }
}

/// Andon's own marks in words; none when something else stands there too.
fn own(value: &Bytes) -> Option<Vec<String>> {
    let json = Json::parse(value.clone()).ok()?;
    let mut all = Vec::new();
    for member in json.root().members() {
        all.push(match member.key.as_str()?.as_ref() {
            "conflict" => {
                let parts: Vec<String> =
                    member.value.get("parts")?.items().filter_map(|p| p.as_str().map(|s| s.into_owned())).collect();
                format!("conflict: {}", parts.join(", "))
            }
            "stale" => "stale: the output is that of an older source".to_owned(),
            "merge" => "conflict: the file keeps the versions of both sides".to_owned(),
            _ => return None,
        });
    }
    Some(all)
}

fn plain_json(value: Value<'_>) -> String {
    let list = |parts: Vec<String>| parts.join(", ");
    match value.kind() {
        Kind::Object => {
            let mut members: Vec<(&str, String)> =
                value.members().map(|m| (m.key.raw_text(), plain_json(m.value))).collect();
            members.sort();
            format!("{{{}}}", list(members.into_iter().map(|(k, v)| format!("{k}: {v}")).collect()))
        }
        Kind::Array => format!("[{}]", list(value.items().map(plain_json).collect())),
        _ => value.raw_text().to_owned(),
    }
}

/// The word for scripts.
pub fn kind_word(kind: CellType) -> &'static str {
    match kind {
        CellType::Code => "code",
        CellType::Markdown => "markdown",
        CellType::Raw => "raw",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doc(text: &str) -> Document {
        Document::parse("n.ipynb", text.as_bytes().to_vec()).unwrap()
    }

    fn text(text: &str, look: &Look) -> String {
        lines("n.ipynb", &doc(text), look).iter().map(|l| format!("{}\n", l.text)).collect()
    }

    const NOTEBOOK: &str = r##"{"cells": [
        {"cell_type": "markdown", "id": "m", "metadata": {}, "source": ["# Delays\n", "Per day"]},
        {"cell_type": "code", "execution_count": 7, "id": "c", "metadata": {"tags": ["parameters"], "scrolled": true},
         "outputs": [
            {"output_type": "stream", "name": "stdout", "text": ["10 %\r", "\u001b[31m20 %\u001b[0m\n"]},
            {"output_type": "stream", "name": "stdout", "text": "done\u0007\n"},
            {"output_type": "execute_result", "execution_count": 7, "metadata": {},
             "data": {"text/plain": "<A at 0x7f00aa11bb22> 0xff"}},
            {"output_type": "display_data", "metadata": {},
             "data": {"image/png": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==\n", "text/plain": "<Figure size 1x1>"}},
            {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": ["\u001b[31mTrace\u001b[0m"]}
         ], "source": "print(1)\n"}],
        "metadata": {"kernelspec": {"name": "p", "language": "python"}, "language_info": {"name": "python", "version": "3"}},
        "nbformat": 4, "nbformat_minor": 5}"##;

    #[test]
    fn people_see_numbers_sources_and_outputs() {
        let expected = "n.ipynb \u{b7} 2 cells \u{b7} python \u{b7} nbformat 4.5\n\n=== cell 1 \u{b7} Markdown ===\n# Delays\n\
                        Per day\n\n=== cell 2 \u{b7} code ===\nprint(1)\n> stdout\n| 20 %\n| done\u{2407}\n> result\n\
                        | <A at 0x7f00aa11bb22> 0xff\n> image PNG, 1 \u{d7} 1, 70 B\n> error ValueError: no\n| Trace\n";
        assert_eq!(text(NOTEBOOK, &Look::person()), expected);
        let look =
            Look { sources: false, outputs: false, ids: true, counts: true, cells: vec![2..=9], ..Look::person() };
        assert!(text(NOTEBOOK, &look).ends_with("4.5\n\n=== cell 2 \u{b7} code \u{b7} [7] \u{b7} id c ===\n"));
    }

    #[test]
    fn git_sees_what_a_person_made_and_nothing_that_a_run_changes() {
        let before = text(NOTEBOOK, &Look::stable());
        assert!(
            before.starts_with("@ kernelspec: {\"language\": \"python\", \"name\": \"p\"}\n\n=== Markdown ===\n"),
            "{before}"
        );
        assert!(before.contains("=== code ===\n@ tags: [\"parameters\"]\nprint(1)\n"), "{before}");
        assert!(before.contains("| <A at 0x\u{2026}> 0xff\n> image PNG, 1 \u{d7} 1, 70 B, "), "{before}");
        let again = NOTEBOOK
            .replace("\"execution_count\": 7", "\"execution_count\": 12")
            .replace("7f00aa11bb22", "7fffaa11bb00")
            .replace("\"version\": \"3\"", "\"version\": \"4\"")
            .replace("\"scrolled\": true", "\"scrolled\": false")
            .replace("\"id\": \"c\"", "\"id\": \"d\"");
        assert_eq!(text(&again, &Look::stable()), before);
        let picture = NOTEBOOK.replace("mNk+M9QDwAD", "mNk+A9QDwAD");
        assert_ne!(text(&picture, &Look::stable()), before, "another picture");
    }

    #[test]
    fn what_a_merge_left_is_always_told() {
        let mark = r#"{"andon": {"conflict": {"parts": ["source", "outputs"], "base": 1}, "stale": "0f"}, "tags"#;
        let marked =
            NOTEBOOK.replace("{\"tags", mark).replace("{\"kernelspec", "{\"andon\": {\"merge\": {}}, \"kernelspec");
        for look in [Look::person(), Look::stable()] {
            let shown = text(&marked, &look);
            assert!(shown.contains("@ conflict: the file keeps the versions of both sides\n"), "{shown}");
            assert!(shown.contains("\n@ conflict: source, outputs\n@ stale: "), "{shown}");
        }
        let other = NOTEBOOK.replace("{\"tags", "{\"andon\": {\"mine\": 1}, \"tags");
        assert!(text(&other, &Look::stable()).contains("@ andon: {\"mine\": 1}\n"));
    }

    #[test]
    fn long_metadata_are_named_and_lone_surrogates_do_no_harm() {
        let long = NOTEBOOK
            .replace("\"parameters\"", &format!("\"{}\"", "x".repeat(500)))
            .replace("print(1)", "\\ud83d NaN")
            .replace("\"version\": \"3\"", "\"version\": NaN");
        let shown = text(&long, &Look::stable());
        assert!(shown.contains("@ tags: (504 B, ") && shown.contains("\u{fffd} NaN\n"), "{shown}");
    }
}
