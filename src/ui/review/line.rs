//! One line of text: colours of the language, marks behind the words that differ.
use std::{ops::Range, sync::Arc};

use egui::{
    Color32, Galley, Painter,
    text::{LayoutJob, TextFormat},
};

use crate::ui::{
    theme::{CLEAR, MONO, Theme},
    widgets::highlight::{self, Ink, Spans},
};

/// Longest part of a line that is drawn.
const MAX_DRAWN: usize = 4_000;

/// The grammar of a file, by its name; none for plain text.
pub(super) fn of_path(path: &str) -> Option<&'static str> {
    highlight::grammar(path.rsplit_once('.').map_or("", |(_, e)| e))
}

/// The grammar of a code cell, by its magic and the language of its notebook.
pub(super) fn of_cell(source: &str, language: &str) -> Option<&'static str> {
    if source.trim_start().starts_with("%%sql") { Some("SQL") } else { highlight::grammar(language) }
}

/// Colours of a line of a longer text, in order, without gaps.
fn colours(text: &str, start: usize, spans: Option<&Spans>) -> Vec<(Range<usize>, Ink)> {
    let mut all = Vec::new();
    let mut at = 0;
    let spans = spans.map_or(&[][..], |s| &s[..]);
    let first = spans.partition_point(|(end, _)| *end as usize <= start);
    for (end, ink) in spans.get(first..).unwrap_or_default() {
        let end = (*end as usize - start).min(text.len());
        if end > at && text.is_char_boundary(end) {
            all.push((at..end, *ink));
            at = end;
        }
        if at == text.len() {
            return all;
        }
    }
    all.push((at..text.len(), Ink::Plain));
    all
}

/// Lays out a line that begins at byte `start` of the text `spans` colours; `words` are drawn on `mark`.
pub(super) fn galley(
    painter: &Painter,
    theme: &Theme,
    text: &str,
    (start, spans): (usize, Option<&Spans>),
    words: &[Range<u32>],
    mark: Color32,
) -> Arc<Galley> {
    let shown = crate::base::text::shorten(text.get(..boundary(text, MAX_DRAWN)).unwrap_or(text), MAX_DRAWN);
    let mut job = LayoutJob { wrap: egui::text::TextWrapping::no_max_width(), ..LayoutJob::default() };
    let font = theme.mono(MONO);
    let mut add = |part: Range<usize>, color: Color32, background: Color32| {
        // A tab would be drawn by the font's own idea of it.
        let text = shown.get(part).unwrap_or_default().replace('\t', "    ");
        let format = TextFormat { background, ..TextFormat::simple(font.clone(), color) };
        job.append(&text, 0.0, format);
    };
    for (range, ink) in colours(&shown, start, spans) {
        let color = ink.color(theme);
        let mut at = range.start;
        for word in words {
            let (start, end) = ((word.start as usize).max(at), (word.end as usize).min(range.end));
            if start >= end {
                continue;
            }
            add(at..start, color, CLEAR);
            // A comment has too little contrast on the stronger tint.
            add(start..end, if ink == Ink::Comment { theme.text } else { color }, mark);
            at = end;
        }
        add(at..range.end, color, CLEAR);
    }
    painter.layout_job(job)
}

fn boundary(text: &str, limit: usize) -> usize {
    (0..=limit.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_cover_a_line_of_a_text_without_gaps() {
        let text = "def f():\n    return \"\u{e9}\u{1f600}\"\n";
        let spans: Spans = vec![(3, Ink::Keyword), (13, Ink::Plain), (19, Ink::Keyword), (28, Ink::Text)].into();
        let line = "    return \"\u{e9}\u{1f600}\"";
        for spans in [Some(&spans), None] {
            let all = colours(line, text.find("    ").unwrap(), spans);
            let joined: String = all.iter().map(|(r, _)| &line[r.clone()]).collect();
            assert_eq!(joined, line);
        }
        let all = colours(line, 9, Some(&spans));
        assert_eq!(all[1], (4..10, Ink::Keyword), "colours of the whole text lie where the line does");
        assert!(colours("", 9, Some(&spans)).iter().all(|(range, _)| range.is_empty()));
        assert_eq!(colours("after the end", 400, Some(&spans))[0].1, Ink::Plain);
    }

    #[test]
    fn a_language_is_known_by_name_magic_and_notebook() {
        assert_eq!((of_path("a/b.py"), of_path("p.toml"), of_path("x.bin")), (Some("Python"), Some("TOML"), None));
        assert_eq!((of_cell("%%sql x <<\nSELECT 1", "python"), of_cell("1", "python")), (Some("SQL"), Some("Python")));
    }
}
