//! Outputs compared as what they are: streams and errors as text, tables by rows, images by pixels, charts by trace,
//! anything else as a tree.
use std::{cell::Cell, sync::Arc};

use imara_diff::{Algorithm, Diff, InternedInput, TokenSource};
use serde::Serialize;

use super::{
    chart::ChartDiff,
    content::{Content, content, raw_text},
    document::{Form, OutputView, canonical, canonical_output, form_of},
    file::Picture,
    image,
    noise::{Noise, OVERWRITTEN, REENCODED, Rules, Scope, WITHIN},
    number::{self, Metric},
    table::{TableData, TableDiff},
};
use crate::model::{
    json::{Bytes, Json},
    output::svg,
    textdiff::{RowKind, TextDiff},
};

/// What happened to an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputChange {
    Same,
    Changed,
    Added,
    Removed,
}

/// How to show what differs.
#[derive(Debug, Clone)]
pub enum OutputDetail {
    /// Equal on both sides.
    Same,
    /// Text of any kind: streams, tracebacks, pretty JSON, markup.
    Text(Arc<TextDiff>),
    Table(Arc<TableDiff>),
    Chart(Arc<ChartDiff>),
    Image {
        old: Option<Arc<Picture>>,
        new: Option<Arc<Picture>>,
    },
}

/// A pair of outputs, or one without a partner.
#[derive(Debug, Clone)]
pub struct OutputDiff {
    /// Positions among the cell's outputs.
    pub old: Option<usize>,
    pub new: Option<usize>,
    pub change: OutputChange,
    /// `stream:stdout`, `error`, or the mime type that is compared.
    pub class: String,
    pub detail: OutputDetail,
    /// What differs beside and counts for nothing.
    pub noise: Noise,
    /// Numbers before and after, where the words around them stayed.
    pub metrics: Vec<Metric>,
}

/// What is decided while outputs are compared: by which rules, and how many pixels may still be decoded only to find
/// out that a picture is the same after all.
pub(super) struct Judge<'a> {
    rules: &'a Rules,
    pixels: Cell<u64>,
}

/// Pixels of pictures that are decoded for one comparison of notebooks.
const MAX_PIXELS: u64 = 64 * 1024 * 1024;

impl<'a> Judge<'a> {
    pub fn new(rules: &'a Rules) -> Self {
        Self { rules, pixels: Cell::new(MAX_PIXELS) }
    }

    /// The same picture in another file; what is beyond the budget is not known to be.
    fn same_picture(&self, old: &Picture, new: &Picture) -> bool {
        let size = |p: &Picture| p.size.map_or(0, |(w, h)| u64::from(w) * u64::from(h));
        match self.pixels.get().checked_sub(size(old) + size(new)) {
            Some(left) if old.size == new.size => {
                self.pixels.set(left);
                image::same_picture(old, new)
            }
            _ => false,
        }
    }
}

struct Told {
    detail: OutputDetail,
    noise: Noise,
    metrics: Vec<Metric>,
}

struct Hashes<'a>(&'a [OutputView]);

impl<'a> TokenSource for Hashes<'a> {
    type Token = u64;
    type Tokenizer = std::iter::Map<std::slice::Iter<'a, OutputView>, fn(&OutputView) -> u64>;
    fn tokenize(&self) -> Self::Tokenizer {
        self.0.iter().map(|o| o.hash)
    }
    fn estimate_tokens(&self) -> u32 {
        self.0.len() as u32
    }
}

/// Compares the outputs of one cell; empty when they show the same, but for the noise that comes with them.
pub(super) fn compare(old: &[OutputView], new: &[OutputView], judge: &Judge<'_>) -> (Vec<OutputDiff>, Noise) {
    let mut all = Noise::default();
    let mut rows = Vec::new();
    for (i, j) in pair(old, new) {
        let (a, b) = (i.and_then(|i| old.get(i)), j.and_then(|j| new.get(j)));
        let class = b.or(a).map_or_else(String::new, |o| o.class.clone());
        let mut noise = Noise::default();
        let mut told = None;
        let change = match (a, b) {
            (Some(a), Some(b)) if same(a, b) => OutputChange::Same,
            (Some(a), Some(b)) => match only_noise(a, b, judge) {
                Some(found) => {
                    noise = found;
                    OutputChange::Same
                }
                None => {
                    let made = detail(&class, (Some(a), Some(b)), judge);
                    let same = says_the_same(&made, a, b);
                    told = Some(made);
                    if same { OutputChange::Same } else { OutputChange::Changed }
                }
            },
            (None, _) => OutputChange::Added,
            (_, None) => OutputChange::Removed,
        };
        let told = match told {
            Some(told) if change == OutputChange::Same => {
                noise.join(&told.noise);
                Told { detail: OutputDetail::Same, noise, metrics: Vec::new() }
            }
            Some(told) => told,
            None if change == OutputChange::Same => Told { detail: OutputDetail::Same, noise, metrics: Vec::new() },
            None => detail(&class, (a, b), judge),
        };
        all.join(&told.noise);
        let Told { detail, noise, metrics } = told;
        rows.push(OutputDiff { old: i, new: j, change, class, detail, noise, metrics });
    }
    if rows.iter().all(|r| r.change == OutputChange::Same) {
        rows.clear();
    }
    (rows, all)
}

/// What is told of two outputs has nothing in it, and nothing else differs between them than what was compared.
fn says_the_same(told: &Told, a: &OutputView, b: &OutputView) -> bool {
    let empty = match &told.detail {
        OutputDetail::Table(t) => t.is_same(),
        OutputDetail::Chart(c) => c.parts.is_empty(),
        _ => false,
    };
    // The words beside a table or chart are made from it; other types of the bundle are not.
    empty && rest(a, &["text/plain"]) == rest(b, &["text/plain"])
}

/// The family of a class: pictures of any encoding may be one picture.
fn family(class: &str) -> &str {
    match class {
        "image/png" | "image/jpeg" | "image/gif" | "image/webp" => "image",
        other => other,
    }
}

/// Equal outputs in order; between them, outputs of one class in order.
fn pair(old: &[OutputView], new: &[OutputView]) -> Vec<(Option<usize>, Option<usize>)> {
    let input = InternedInput::new(Hashes(old), Hashes(new));
    let diff = Diff::compute(Algorithm::Myers, &input);
    let mut all = Vec::new();
    let (mut i, mut j) = (0, 0);
    for hunk in diff.hunks() {
        let (before, after) =
            (hunk.before.start as usize..hunk.before.end as usize, hunk.after.start as usize..hunk.after.end as usize);
        all.extend((i..before.start).zip(j..after.start).map(|(i, j)| (Some(i), Some(j))));
        (i, j) = (before.end, after.end);
        let mut from = after.start;
        for x in before {
            let class = old.get(x).map(|o| family(&o.class));
            let partner = (from..after.end).find(|y| new.get(*y).map(|o| family(&o.class)) == class);
            if let Some(y) = partner {
                all.extend((from..y).map(|y| (None, Some(y))));
                from = y + 1;
            }
            all.push((Some(x), partner));
        }
        all.extend((from..after.end).map(|y| (None, Some(y))));
    }
    all.extend((i..old.len()).zip(j..new.len()).map(|(i, j)| (Some(i), Some(j))));
    all
}

/// Equal by content; a hash alone never says so.
fn same(a: &OutputView, b: &OutputView) -> bool {
    if a.hash != b.hash || a.class != b.class {
        return false;
    }
    let raw = |o: &OutputView| o.parts.iter().map(|p| p.len()).sum::<usize>();
    if raw(a) == raw(b) && a.parts.iter().zip(&b.parts).all(|(x, y)| **x == **y) {
        return true;
    }
    form(a) == form(b)
}

fn form(o: &OutputView) -> Vec<u8> {
    let mut out = Vec::new();
    for (n, part) in o.parts.iter().enumerate() {
        let Ok(json) = Json::parse(part.clone()) else { continue };
        match json.root().get("text").filter(|_| n > 0 && o.class.starts_with("stream:")) {
            Some(text) => canonical(text, Form::Text, &mut out),
            None => canonical_output(json.root(), &o.class, &mut out),
        }
    }
    out
}

/// Equal JSON values, whatever their layout.
pub(super) fn same_json(a: &Bytes, b: &Bytes) -> bool {
    if **a == **b {
        return true;
    }
    let form = |bytes: &Bytes| {
        let mut out = Vec::new();
        if let Ok(json) = Json::parse(bytes.clone()) {
            canonical(json.root(), Form::Tree, &mut out);
        }
        out
    };
    form(a) == form(b)
}

/// Longest output that is searched for noise.
const MAX_SEARCHED: usize = 2_000_000;

/// The noise two outputs differ in, when they differ in nothing else.
fn only_noise(a: &OutputView, b: &OutputView, judge: &Judge<'_>) -> Option<Noise> {
    if family(&a.class) == "image" && family(&b.class) == "image" {
        return same_image(a, b, judge);
    }
    // Ids and dates in a vector picture change nothing that is seen.
    if a.class == svg::MIME
        && b.class == svg::MIME
        && let Some(noise) = same_image(a, b, judge)
    {
        return Some(noise);
    }
    let size = |o: &OutputView| o.parts.iter().map(|p| p.len()).sum::<usize>();
    if a.class != b.class || size(a) > MAX_SEARCHED || size(b) > MAX_SEARCHED {
        return None;
    }
    let scope = Scope::of(&a.class);
    if matches!(scope, Scope::Stream | Scope::Error) {
        let (x, y) = (raw_text(a), raw_text(b));
        if x == y {
            let mut noise = Noise::default();
            noise.add(OVERWRITTEN, u64::from(scope == Scope::Stream));
            return Some(noise);
        }
        return judge.rules.only_noise(x.as_bytes(), y.as_bytes(), scope);
    }
    judge.rules.only_noise(&form(a), &form(b), scope)
}

fn same_image(a: &OutputView, b: &OutputView, judge: &Judge<'_>) -> Option<Noise> {
    let (Content::Image(old), Content::Image(new)) = (content(a), content(b)) else { return None };
    let (x, y) = (rest(a, &[&a.class]), rest(b, &[&b.class]));
    let mut noise = if x == y { Noise::default() } else { judge.rules.only_noise(&x, &y, Scope::Result)? };
    if old.hash != new.hash {
        if !judge.same_picture(&old, &new) {
            return None;
        }
        noise.add(REENCODED, 1);
    }
    Some(noise)
}

/// All of an output but some types of its bundle, in a form that is equal for equal values.
fn rest(o: &OutputView, without: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    let Some(json) = o.parts.first().and_then(|p| Json::parse(p.clone()).ok()) else { return out };
    let data = json.root().get("data");
    let mut members: Vec<_> = data
        .iter()
        .flat_map(|d| d.members())
        .map(|m| (m.key.as_str().unwrap_or_default().into_owned(), m.value))
        .filter(|(mime, _)| *mime != o.class && !without.contains(&mime.as_str()))
        .collect();
    members.sort_by(|a, b| a.0.cmp(&b.0));
    for (mime, value) in members {
        out.extend_from_slice(mime.as_bytes());
        out.push(b'=');
        canonical(value, form_of(&mime), &mut out);
    }
    out
}

fn detail(class: &str, (a, b): (Option<&OutputView>, Option<&OutputView>), judge: &Judge<'_>) -> Told {
    let (x, y) = (a.map(content), b.map(content));
    let plain = |detail| Told { detail, noise: Noise::default(), metrics: Vec::new() };
    match (x, y) {
        (Some(Content::Table(x, _)), Some(Content::Table(y, _))) => {
            let table = TableDiff::within(&x, &y, judge.rules.tolerance);
            let mut told = plain(OutputDetail::Same);
            told.noise.add(WITHIN, table.within);
            told.detail = OutputDetail::Table(Arc::new(table));
            told
        }
        (Some(Content::Table(x, _)), None) => {
            plain(OutputDetail::Table(Arc::new(TableDiff::new(&x, &TableData::default()))))
        }
        (None, Some(Content::Table(y, _))) => {
            plain(OutputDetail::Table(Arc::new(TableDiff::new(&TableData::default(), &y))))
        }
        (Some(Content::Chart(x, s)), Some(Content::Chart(y, t))) => match ChartDiff::new(&x, &y) {
            Some(chart) => plain(OutputDetail::Chart(Arc::new(chart))),
            None => text_detail((s, t), class, judge),
        },
        (x, y) if class.starts_with("image/") => {
            let picture = |c| match c {
                Some(Content::Image(p)) => Some(Arc::new(p)),
                _ => None,
            };
            let (old, new) = (picture(x), picture(y));
            if old.is_none() && new.is_none() {
                let text = |o: Option<&OutputView>| o.map(raw_text).unwrap_or_default();
                return text_detail((text(a), text(b)), class, judge);
            }
            plain(OutputDetail::Image { old, new })
        }
        (x, y) => {
            let text = |c: Option<Content>| match c {
                Some(Content::Text(t) | Content::Table(_, t) | Content::Chart(_, t)) => t,
                Some(Content::Image(p)) => p.words(),
                None => String::new(),
            };
            text_detail((text(x), text(y)), class, judge)
        }
    }
}

fn text_detail((old, new): (String, String), class: &str, judge: &Judge<'_>) -> Told {
    let (scope, rules) = (Scope::of(class), judge.rules);
    let both = !old.is_empty() && !new.is_empty();
    let text = TextDiff::masked(old, new, |line| if both { rules.ranges(line, scope) } else { Vec::new() });
    let mut noise = Noise::default();
    for row in text.rows.iter().filter(|r| r.kind == RowKind::Same) {
        let (Some(i), Some(j)) = (row.old, row.new) else { continue };
        let (a, b) = (text.old.line(i as usize), text.new.line(j as usize));
        if a != b {
            rules.only_noise(a.as_bytes(), b.as_bytes(), scope).iter().for_each(|n| noise.join(n));
        }
    }
    let metrics = if both { number::metrics(&text) } else { Vec::new() };
    Told { detail: OutputDetail::Text(Arc::new(text)), noise, metrics }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vector_pictures_are_compared_as_pictures() {
        let view = |source: &str| {
            let json = serde_json::json!({
                "output_type": "display_data", "metadata": {}, "data": { "image/svg+xml": source }
            })
            .to_string();
            OutputView {
                class: svg::MIME.into(),
                hash: crate::base::fsx::hash(json.as_bytes()),
                parts: vec![Bytes::from(json.into_bytes())],
            }
        };
        let svg = |id: &str, fill: &str| {
            format!(
                "<svg xmlns='http://www.w3.org/2000/svg' width='30' height='20'><rect id='{id}' width='20' height='20' fill='{fill}'/></svg>"
            )
        };
        let compare = |a: &str, b: &str| super::compare(&[view(a)], &[view(b)], &Judge::new(&Rules::default()));
        let (rows, _) = compare(&svg("a", "red"), &svg("a", "blue"));
        let OutputDetail::Image { old: Some(old), new: Some(new) } = &rows[0].detail else { panic!("{rows:?}") };
        assert_eq!((old.size, new.words().starts_with("SVG, 30")), (Some((30, 20)), true));
        let diff = super::super::ImageDiff::of(old, new).unwrap();
        assert!(!diff.is_same_picture());
        assert_eq!(compare(&svg("a", "red"), &svg("other", "red")).0.len(), 0, "only the id differs");
        let (rows, _) = compare("no picture", &svg("a", "red"));
        assert!(matches!(rows[0].detail, OutputDetail::Image { old: None, new: Some(_) }));
    }

    #[test]
    fn an_address_is_noise_and_a_number_is_not() {
        let view = |text: &str| {
            let json = format!("{{\"output_type\":\"stream\",\"name\":\"stdout\",\"text\":\"{text}\"}}");
            OutputView {
                class: "stream:stdout".into(),
                parts: vec![Bytes::from(json.clone().into_bytes())],
                hash: crate::base::fsx::hash(json.as_bytes()),
            }
        };
        let compare = |a: &str, b: &str| super::compare(&[view(a)], &[view(b)], &Judge::new(&Rules::default()));
        let (rows, noise) = compare("<A at 0x7f00aa11bb22>", "<A at 0x7f99aa11bb00>");
        assert_eq!((rows.len(), noise.words().as_str()), (0, "1 memory address"));
        assert_eq!(compare("flags 0xff", "flags 0xfe").0.len(), 1);
        let (rows, _) =
            compare("2026-11-20 08:00:01 start\\naccuracy 0.914\\n", "2026-11-21 08:00:07 start\\naccuracy 0.921\\n");
        assert_eq!(rows[0].metrics[0].words(), "accuracy 0.914 \u{2192} 0.921 (+0.8 %)");
        assert_eq!(rows[0].noise.words(), "1 time");
        assert!(matches!(&rows[0].detail, OutputDetail::Text(t) if (t.added, t.removed) == (1, 1)));
        let (rows, noise) = compare("5%\\r50%\\r100%\\n", "7%\\r100%\\n");
        assert_eq!((rows.len(), noise.words().as_str()), (0, "1 overwritten progress line"));
    }
}
