//! One line of text: colours of the language, marks behind the words that differ.
use std::{ops::Range, sync::Arc};

use egui::{
    Color32, Galley, Painter,
    text::{LayoutJob, TextFormat},
};

use crate::ui::theme::{CLEAR, MONO, Theme};

/// Longest part of a line that is drawn.
const MAX_DRAWN: usize = 4_000;

/// How a text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lang {
    Plain,
    Python,
    Sql,
    Toml,
}

const PYTHON: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
    "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
    "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];
const SQL: [&str; 48] = [
    "ALL",
    "AND",
    "AS",
    "ASC",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "CREATE",
    "CROSS",
    "DESC",
    "DISTINCT",
    "ELSE",
    "END",
    "EXCEPT",
    "EXISTS",
    "FALSE",
    "FILTER",
    "FROM",
    "FULL",
    "GROUP",
    "HAVING",
    "IN",
    "INNER",
    "INSERT",
    "INTERSECT",
    "INTO",
    "IS",
    "JOIN",
    "LEFT",
    "LIKE",
    "LIMIT",
    "NOT",
    "NULL",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OVER",
    "PARTITION",
    "RIGHT",
    "SELECT",
    "THEN",
    "TRUE",
    "UNION",
    "USING",
    "WHEN",
    "WHERE",
];

impl Lang {
    /// By the name of a file.
    pub fn of_path(path: &str) -> Self {
        match path.rsplit_once('.').map_or("", |(_, e)| e) {
            "py" => Self::Python,
            "sql" => Self::Sql,
            "toml" => Self::Toml,
            _ => Self::Plain,
        }
    }
    /// By the magic of a cell and the language of its notebook.
    pub fn of_cell(source: &str, language: &str) -> Self {
        if source.trim_start().starts_with("%%sql") {
            Self::Sql
        } else if language.eq_ignore_ascii_case("python") {
            Self::Python
        } else {
            Self::Plain
        }
    }
    fn is_keyword(self, word: &str) -> bool {
        match self {
            Self::Python => PYTHON.binary_search(&word).is_ok(),
            Self::Sql => SQL.binary_search(&word.to_ascii_uppercase().as_str()).is_ok(),
            Self::Toml => matches!(word, "true" | "false"),
            Self::Plain => false,
        }
    }
    fn comment(self) -> &'static str {
        match self {
            Self::Sql => "--",
            Self::Plain => "\u{0}",
            _ => "#",
        }
    }
}

/// Colours of a line, in order, without gaps.
fn colours(theme: &Theme, text: &str, lang: Lang) -> Vec<(Range<usize>, Color32)> {
    if lang == Lang::Plain {
        return vec![(0..text.len(), theme.text)];
    }
    let mut all: Vec<(Range<usize>, Color32)> = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|r| !r.is_empty()) {
        let (len, color) = token(theme, rest, lang);
        let len = len.max(1);
        match all.last_mut() {
            Some(last) if last.1 == color => last.0.end = at + len,
            _ => all.push((at..at + len, color)),
        }
        at += len;
    }
    all
}

fn token(theme: &Theme, rest: &str, lang: Lang) -> (usize, Color32) {
    let first = rest.chars().next().unwrap_or(' ');
    if rest.starts_with(lang.comment()) {
        return (rest.len(), theme.com);
    }
    if first == '"' || first == '\'' {
        let mut escaped = false;
        for (i, c) in rest.char_indices().skip(1) {
            if c == first && !escaped {
                return (i + c.len_utf8(), theme.str);
            }
            escaped = c == '\\' && !escaped;
        }
        return (rest.len(), theme.str);
    }
    let run = |test: fn(char) -> bool| rest.find(|c: char| !test(c)).unwrap_or(rest.len());
    if first.is_ascii_digit() {
        return (run(|c| c.is_ascii_alphanumeric() || c == '.' || c == '_'), theme.num);
    }
    if first.is_alphabetic() || first == '_' {
        let len = run(|c| c.is_alphanumeric() || c == '_');
        let word = rest.get(..len).unwrap_or_default();
        let color = if lang.is_keyword(word) {
            theme.kw
        } else if rest.get(len..).is_some_and(|r| r.starts_with('(')) {
            theme.r#fn
        } else {
            theme.text
        };
        return (len, color);
    }
    if first == '%' && rest.starts_with("%%") {
        return (rest.len(), theme.com);
    }
    (first.len_utf8(), theme.text)
}

/// Lays out a line; `words` are drawn on `mark`.
pub(super) fn galley(
    painter: &Painter,
    theme: &Theme,
    text: &str,
    lang: Lang,
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
    for (range, color) in colours(theme, &shown, lang) {
        let mut at = range.start;
        for word in words {
            let (start, end) = ((word.start as usize).max(at), (word.end as usize).min(range.end));
            if start >= end {
                continue;
            }
            add(at..start, color, CLEAR);
            // A comment has too little contrast on the stronger tint.
            add(start..end, if color == theme.com { theme.text } else { color }, mark);
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
    fn keywords_are_sorted_for_the_search() {
        assert!(PYTHON.is_sorted() && SQL.is_sorted());
        assert!(Lang::Sql.is_keyword("select") && Lang::Python.is_keyword("def"));
    }

    #[test]
    fn colours_cover_a_line_without_gaps() {
        let theme = Theme::dark();
        for text in ["x = f('a\\'b') # \u{e9}", "SELECT 1 -- x", "", "\"open", "\u{1f600} = 0x1f"] {
            for lang in [Lang::Plain, Lang::Python, Lang::Sql, Lang::Toml] {
                let all = colours(&theme, text, lang);
                let joined: String = all.iter().map(|(r, _)| &text[r.clone()]).collect();
                assert_eq!(joined, text);
            }
        }
    }
}
