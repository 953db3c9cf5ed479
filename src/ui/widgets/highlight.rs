//! Colours of source text. Grammars are loaded and run on a thread of their own; a text is shown plain, or with the
//! colours of its former version shifted into place, until its own have come.
use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
};

use crossbeam_channel::{Sender, bounded};
use egui::{
    Color32, Context,
    text::{LayoutJob, TextFormat},
};
use syntect::parsing::{ParseState, Scope, ScopeStack, SyntaxSet};

use crate::{base::fsx, ui::theme::Theme};

/// What a piece of source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    Plain,
    Keyword,
    Text,
    Number,
    Function,
    Comment,
    Operator,
}

impl Ink {
    /// Its colour in a theme.
    pub fn color(self, theme: &Theme) -> Color32 {
        match self {
            Self::Plain => theme.text,
            Self::Keyword => theme.kw,
            Self::Text => theme.str,
            Self::Number => theme.num,
            Self::Function => theme.r#fn,
            Self::Comment => theme.com,
            Self::Operator => theme.op,
        }
    }
}

/// End in bytes and colour of each piece; the pieces cover the text.
pub type Spans = Arc<[(u32, Ink)]>;

#[derive(Default)]
struct Store {
    done: HashMap<u64, Spans>,
    asked: Vec<u64>,
}

struct Request {
    key: u64,
    language: &'static str,
    text: String,
    ctx: Context,
}

static STORE: LazyLock<Mutex<Store>> = LazyLock::new(Mutex::default);
static WORKER: LazyLock<Option<Sender<Request>>> = LazyLock::new(start);

/// Texts kept; beyond it all are forgotten and asked for again as they are seen.
const KEPT: usize = 6_000;
/// Longer texts stay plain.
const LIMIT: usize = 200_000;

fn store() -> MutexGuard<'static, Store> {
    STORE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn start() -> Option<Sender<Request>> {
    let (tx, rx) = bounded::<Request>(512);
    let work = move || {
        let grammars = SyntaxSet::load_defaults_newlines();
        let classes = Classes::new();
        for request in rx {
            let spans = colours(&grammars, &classes, request.language, &request.text);
            let mut store = store();
            if store.done.len() > KEPT {
                store.done.clear();
            }
            store.asked.retain(|k| *k != request.key);
            store.done.insert(request.key, spans);
            drop(store);
            request.ctx.request_repaint();
        }
    };
    std::thread::Builder::new().name("andon-highlight".to_owned()).spawn(work).ok().map(|_| tx)
}

/// The one language here that has no grammar among syntect's.
const TOML: &str = "TOML";

/// The name of a grammar for a language as notebooks name it, or for a file's extension.
pub fn grammar(language: &str) -> Option<&'static str> {
    Some(match language.to_lowercase().as_str() {
        "python" | "ipython" | "py" | "python3" => "Python",
        "sql" => "SQL",
        "r" => "R",
        "markdown" | "md" => "Markdown",
        "json" | "ipynb" => "JSON",
        "javascript" | "js" => "JavaScript",
        "bash" | "sh" | "shell" => "Bourne Again Shell (bash)",
        "yaml" | "yml" => "YAML",
        "rust" | "rs" => "Rust",
        "toml" => TOML,
        "html" => "HTML",
        "c" => "C",
        "c++" | "cpp" => "C++",
        "scala" => "Scala",
        "ruby" | "rb" => "Ruby",
        "java" => "Java",
        "go" => "Go",
        _ => return None,
    })
}

/// The colours of a text, if they are known; asks for them otherwise. The key says for which text they are.
pub fn spans(ctx: &Context, language: &'static str, text: &str) -> Option<Spans> {
    if text.len() > LIMIT || text.is_empty() {
        return None;
    }
    let key = fsx::hash(text.as_bytes()) ^ fsx::hash(language.as_bytes());
    let mut store = store();
    if let Some(spans) = store.done.get(&key) {
        return Some(spans.clone());
    }
    if !store.asked.contains(&key)
        && let Some(worker) = WORKER.as_ref()
    {
        let request = Request { key, language, text: text.to_owned(), ctx: ctx.clone() };
        // A full queue is tried again with the next frame.
        if worker.try_send(request).is_ok() {
            store.asked.push(key);
        }
    }
    None
}

/// The colours of an older text moved to a newer one: what is equal at both ends keeps its colour.
pub fn shifted(old: &str, spans: &Spans, new: &str) -> Spans {
    let head = old.bytes().zip(new.bytes()).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - head;
    let tail = old.bytes().rev().zip(new.bytes().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let mut out: Vec<(u32, Ink)> = Vec::with_capacity(spans.len() + 1);
    let mut last = Ink::Plain;
    for (end, ink) in spans.iter() {
        let end = *end as usize;
        if end <= head {
            out.push((end as u32, *ink));
        } else if last_end(&out) < head {
            out.push((head as u32, *ink));
        }
        if end > head {
            last = *ink;
            break;
        }
    }
    let tail_at = new.len() - tail;
    if tail_at > last_end(&out) {
        out.push((tail_at as u32, last));
    }
    let move_by = new.len() as i64 - old.len() as i64;
    for (end, ink) in spans.iter() {
        let moved = i64::from(*end) + move_by;
        if moved > last_end(&out) as i64 {
            out.push((moved as u32, *ink));
        }
    }
    // A cut inside a letter would not be text.
    out.retain(|(end, _)| new.is_char_boundary(*end as usize));
    out.into()
}

fn last_end(out: &[(u32, Ink)]) -> usize {
    out.last().map_or(0, |(e, _)| *e as usize)
}

/// A layout of the text in its colours.
pub fn job(text: &str, spans: Option<&Spans>, theme: &Theme, size: f32) -> LayoutJob {
    let mut job = LayoutJob { text: text.to_owned(), break_on_newline: true, ..LayoutJob::default() };
    let format = |ink: Ink| TextFormat {
        font_id: theme.mono(size),
        color: ink.color(theme),
        line_height: Some(18.0),
        ..TextFormat::default()
    };
    let mut push = |from: usize, to: usize, ink: Ink| {
        job.sections.push(egui::text::LayoutSection {
            leading_space: 0.0,
            byte_range: egui::text::ByteIndex(from)..egui::text::ByteIndex(to),
            format: format(ink),
        });
    };
    let mut at = 0;
    for (end, ink) in spans.into_iter().flat_map(|s| s.iter()) {
        let end = (*end as usize).min(text.len());
        if end > at {
            push(at, end, *ink);
            at = end;
        }
    }
    if at < text.len() || text.is_empty() {
        push(at, text.len(), Ink::Plain);
    }
    job
}

struct Classes(Vec<(Scope, Ink)>);

impl Classes {
    /// The most telling prefix first.
    fn new() -> Self {
        let table = [
            ("comment", Ink::Comment),
            ("string", Ink::Text),
            ("constant.character.escape", Ink::Number),
            ("constant.numeric", Ink::Number),
            ("constant.language", Ink::Number),
            ("entity.name.function", Ink::Function),
            ("support.function", Ink::Function),
            ("variable.function", Ink::Function),
            ("meta.function-call.generic", Ink::Function),
            ("keyword.operator.logical", Ink::Keyword),
            ("keyword.operator.word", Ink::Keyword),
            ("keyword.operator", Ink::Operator),
            ("keyword", Ink::Keyword),
            ("storage", Ink::Keyword),
            ("markup.heading", Ink::Keyword),
            ("entity.name.tag", Ink::Keyword),
        ];
        Self(table.iter().filter_map(|(name, ink)| Some((Scope::new(name).ok()?, *ink))).collect())
    }
    fn ink(&self, stack: &ScopeStack) -> Ink {
        for scope in stack.scopes.iter().rev() {
            if let Some((_, ink)) = self.0.iter().find(|(prefix, _)| prefix.is_prefix_of(*scope)) {
                return *ink;
            }
        }
        Ink::Plain
    }
}

/// Colours a whole text. `%%` magics on the first line are comments and do not disturb the rest.
fn colours(grammars: &SyntaxSet, classes: &Classes, language: &str, text: &str) -> Spans {
    if language == TOML {
        return toml(text);
    }
    let mut out: Vec<(u32, Ink)> = Vec::new();
    let Some(grammar) = grammars.find_syntax_by_name(language) else { return out.into() };
    let mut state = ParseState::new(grammar);
    let mut stack = ScopeStack::new();
    let mut base = 0;
    for (n, line) in text.split_inclusive('\n').enumerate() {
        let magic = line.starts_with('%') && (n == 0 || language == "Python");
        if magic {
            push(&mut out, base + line.len(), Ink::Comment);
        } else if let Ok(ops) = state.parse_line(line, grammars) {
            let mut at = 0;
            for (place, op) in ops {
                if place > at {
                    push(&mut out, base + place, classes.ink(&stack));
                    at = place;
                }
                // An operation that does not fit leaves the colours as they are.
                let _ = stack.apply(&op);
            }
            push(&mut out, base + line.len(), classes.ink(&stack));
        }
        base += line.len();
    }
    out.into()
}

/// Colours TOML: heads of tables, keys, strings over one or several lines, numbers and dates, comments.
fn toml(text: &str) -> Spans {
    let mut out: Vec<(u32, Ink)> = Vec::new();
    let mut at = 0;
    // At the beginning of a line a name is a key, behind the equals sign a value.
    let mut fresh = true;
    while let Some(rest) = text.get(at..).filter(|r| !r.is_empty()) {
        let first = rest.chars().next().unwrap_or(' ');
        let line = rest.find('\n').unwrap_or(rest.len());
        let word = rest.find(|c: char| !(c.is_alphanumeric() || "_-+.:".contains(c))).unwrap_or(rest.len());
        let (len, ink) = match first {
            '#' => (line, Ink::Comment),
            '[' if fresh => (line.min(rest.find(['#', '=']).unwrap_or(line)), Ink::Keyword),
            '"' | '\'' => (quoted(rest, first), if fresh { Ink::Function } else { Ink::Text }),
            _ if word == 0 => (first.len_utf8(), Ink::Plain),
            _ if fresh => (word, Ink::Function),
            '0'..='9' | '+' | '-' => (word, Ink::Number),
            _ if matches!(rest.get(..word), Some("true" | "false" | "inf" | "nan")) => (word, Ink::Number),
            // A key of an inline table.
            _ if rest.get(word..).is_some_and(|r| r.trim_start().starts_with('=')) => (word, Ink::Function),
            _ => (word, Ink::Plain),
        };
        fresh = match first {
            '\n' => true,
            '=' => false,
            _ => fresh,
        };
        at += len.max(first.len_utf8());
        push(&mut out, at, ink);
    }
    out.into()
}

/// Length of a string that begins here: up to its closing quotes, or to the end of its line when it has none.
fn quoted(rest: &str, quote: char) -> usize {
    let long: String = std::iter::repeat_n(quote, 3).collect();
    if rest.starts_with(&long) {
        return rest.get(3..).and_then(|r| r.find(&long)).map_or(rest.len(), |end| end + 6);
    }
    let mut escaped = false;
    for (i, c) in rest.char_indices().skip(1) {
        if c == '\n' {
            return i;
        }
        if c == quote && !escaped {
            return i + 1;
        }
        escaped = c == '\\' && !escaped && quote == '"';
    }
    rest.len()
}

fn push(out: &mut Vec<(u32, Ink)>, end: usize, ink: Ink) {
    if end <= last_end(out) {
        return;
    }
    match out.last_mut() {
        Some((e, last)) if *last == ink => *e = end as u32,
        _ => out.push((end as u32, ink)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(language: &str, text: &str) -> Vec<(String, Ink)> {
        let spans = colours(&SyntaxSet::load_defaults_newlines(), &Classes::new(), language, text);
        let mut at = 0;
        let mut out = Vec::new();
        for (end, ink) in spans.iter() {
            out.push((text[at..*end as usize].to_owned(), *ink));
            at = *end as usize;
        }
        assert_eq!(at, text.len(), "the pieces cover the text");
        out
    }

    #[test]
    fn python_and_sql_have_their_colours() {
        let python = shown("Python", "%matplotlib inline\ndef f(x):\n    return \"a\" + 12  # b\n");
        let ink = |all: &[(String, Ink)], word: &str| all.iter().find(|(t, _)| t.contains(word)).unwrap().1;
        assert_eq!(ink(&python, "%matplotlib"), Ink::Comment);
        assert_eq!(ink(&python, "def"), Ink::Keyword);
        assert_eq!(ink(&python, "\"a\""), Ink::Text);
        assert_eq!(ink(&python, "12"), Ink::Number);
        assert_eq!(ink(&python, "# b"), Ink::Comment);
        let sql = shown("SQL", "%%sql day <<\nSELECT count(*) FROM 'a.csv' WHERE x = 0");
        assert_eq!(
            (ink(&sql, "%%sql"), ink(&sql, "SELECT"), ink(&sql, "a.csv")),
            (Ink::Comment, Ink::Keyword, Ink::Text)
        );
    }

    #[test]
    fn toml_has_colours_too() {
        let text = "# head\n[[task]] # one\nid = \"a#b\"\nretries = 2\non = true\nrun = \"\"\"\nSELECT [1]\n\"\"\"\nnew = { x = 'y' }\nopen = \"no end\n";
        let all = shown(TOML, text);
        let ink = |word: &str| all.iter().find(|(t, _)| t.contains(word)).unwrap().1;
        let expected = [
            ("# head", Ink::Comment),
            ("[[task]]", Ink::Keyword),
            ("# one", Ink::Comment),
            ("id", Ink::Function),
            ("a#b", Ink::Text),
            ("2", Ink::Number),
            ("true", Ink::Number),
            ("SELECT [1]", Ink::Text),
            ("x", Ink::Function),
            ("'y'", Ink::Text),
            ("no end", Ink::Text),
        ];
        for (word, is) in expected {
            assert_eq!(ink(word), is, "{word}");
        }
    }

    #[test]
    fn typing_shifts_the_colours() {
        let old: Spans = vec![(3, Ink::Keyword), (6, Ink::Plain), (9, Ink::Text)].into();
        let new = shifted("def f 'a'", &old, "def ff 'a'");
        assert_eq!(new.first(), Some(&(3, Ink::Keyword)));
        assert_eq!(new.last(), Some(&(10, Ink::Text)));
        for new in ["", "d", "é", "xdef f 'a'y"] {
            let spans = shifted("def f 'a'", &old, new);
            assert!(spans.iter().all(|(e, _)| *e as usize <= new.len()));
        }
    }
}
