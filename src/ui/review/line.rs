//! One line of text: colours of the language, marks behind the words that differ.
use std::{borrow::Cow, ops::Range, sync::Arc};

use egui::{
    Color32, Galley, Painter,
    text::{LayoutJob, TextFormat},
};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use crate::model::editor::Language;
use crate::ui::{
    theme::{CLEAR, MONO, Theme},
    widgets::highlight::{Ink, Spans},
};

/// Longest part of a line that is drawn.
const MAX_DRAWN: usize = 4_000;

/// The grammar of a file, by its name; none for plain text.
pub(in crate::ui) fn of_path(path: &str) -> Option<&'static str> {
    Language::grammar(path.rsplit_once('.').map_or("", |(_, e)| e))
}

/// The grammar of a code cell, by its magic and the language of its notebook.
pub(in crate::ui) fn of_cell(source: &str, language: &str) -> Option<&'static str> {
    if source.trim_start().starts_with("%%sql") { Some("SQL") } else { Language::grammar(language) }
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
pub(in crate::ui) fn galley(
    painter: &Painter,
    theme: &Theme,
    text: &str,
    (start, spans): (usize, Option<&Spans>),
    words: &[Range<u32>],
    mark: Color32,
) -> Arc<Galley> {
    let mut job = LayoutJob { wrap: egui::text::TextWrapping::no_max_width(), ..LayoutJob::default() };
    let font = theme.mono(MONO);
    let mut add = |part: Range<usize>, color: Color32, background: Color32| {
        // A tab would be drawn by the font's own idea of it.
        let text = text.get(part).unwrap_or_default().replace('\t', "    ");
        let format = TextFormat { background, ..TextFormat::simple(font.clone(), color) };
        job.append(&text, 0.0, format);
    };
    for (range, ink) in colours(text, start, spans) {
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

/// What is drawn of a line: a very long one ends in an ellipsis.
pub(in crate::ui) fn drawn(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_DRAWN {
        return Cow::Borrowed(text);
    }
    let start = text.get(..boundary(text, MAX_DRAWN)).unwrap_or_default();
    Cow::Owned(format!("{start}\u{2026}"))
}

/// Lines a text takes on screen where `cols` letters fit.
pub(super) fn rows(text: &str, cols: Option<usize>) -> usize {
    match cols {
        Some(cols) if text.len() > cols || text.contains('\t') => wrap(&drawn(text), Some(cols)).len(),
        _ => 1,
    }
}

/// The parts of a text that stand below each other where `cols` letters fit: broken behind a space if there is one in
/// the second half, else anywhere.
pub(in crate::ui) fn wrap(text: &str, cols: Option<usize>) -> Vec<Range<usize>> {
    let Some(cols) = cols.map(|c| c.max(4)) else { return vec![0..text.len()] };
    let mut parts = Vec::new();
    let (mut start, mut width) = (0, 0);
    // End of the last space, and the width of the part up to there.
    let mut space = (0, 0);
    for (at, letter) in text.grapheme_indices(true) {
        // A tab is drawn as four spaces.
        let wide = if letter == "\t" { 4 } else { letter.width() };
        if width + wide > cols {
            let (end, used) = if space.1 * 2 > cols { space } else { (at, width) };
            parts.push(start..end);
            (start, width) = (end, width - used);
            space = (end, 0);
        }
        width += wide;
        if letter.trim().is_empty() {
            space = (at + letter.len(), width);
        }
    }
    parts.push(start..text.len());
    parts
}

/// The words within a part of their line.
pub(in crate::ui) fn words_in(words: &[Range<u32>], part: &Range<usize>) -> Vec<Range<u32>> {
    let (from, to) = (part.start as u32, part.end as u32);
    words
        .iter()
        .filter(|w| w.start < to && w.end > from)
        .map(|w| w.start.max(from) - from..w.end.min(to) - from)
        .collect()
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
    fn long_lines_go_on_below_broken_at_spaces() {
        let parts = |text: &str, cols| -> Vec<String> {
            wrap(text, Some(cols)).into_iter().map(|r| text[r].to_owned()).collect()
        };
        assert_eq!(parts("SELECT city, night FROM nights", 16), ["SELECT city, ", "night FROM ", "nights"]);
        assert_eq!(parts("abcdefghijkl", 5), ["abcde", "fghij", "kl"], "nothing to break at");
        assert_eq!(
            parts("\u{6771}\u{4eac}\u{6771}\u{4eac}\u{6771}", 4),
            ["\u{6771}\u{4eac}", "\u{6771}\u{4eac}", "\u{6771}"]
        );
        assert_eq!(parts("", 8), [""]);
        assert_eq!((rows("abcdefghi", Some(5)), rows("abcdefghi", None), rows("\t\tab", Some(6))), (2, 1, 2));
        assert!(rows(&"x".repeat(1_000_000), Some(80)) <= MAX_DRAWN / 80 + 1, "what is cut is not laid out");
        assert_eq!(words_in(&[2..5, 6..20], &(4..10)), [0..1, 2..6]);
    }

    #[test]
    fn a_language_is_known_by_name_magic_and_notebook() {
        assert_eq!((of_path("a/b.py"), of_path("p.toml"), of_path("x.bin")), (Some("Python"), Some("TOML"), None));
        assert_eq!((of_cell("%%sql x <<\nSELECT 1", "python"), of_cell("1", "python")), (Some("SQL"), Some("Python")));
    }
}
