//! What each piece of a line of source is: grammars of syntect, and TOML, which has none among them. Lines are worked
//! out one by one, from the state the line above has left.
use std::sync::LazyLock;

use egui::Color32;
use syntect::parsing::{ParseState, Scope, ScopeStack, SyntaxSet};

use crate::ui::theme::Theme;

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

/// The one language here that has no grammar among syntect's.
const TOML: &str = "TOML";

/// Grammars and what their scopes mean; loaded once, on the thread that asks first.
pub struct Inker {
    grammars: SyntaxSet,
    classes: Vec<(Scope, Ink)>,
}

/// What a line leaves to the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Plain,
    Grammar(Box<(ParseState, ScopeStack)>),
    /// Inside a string of several lines begun with this quote.
    Toml(Option<char>),
}

static INKER: LazyLock<Inker> = LazyLock::new(Inker::load);

impl Inker {
    /// The one of this process.
    pub fn get() -> &'static Self {
        &INKER
    }
    fn load() -> Self {
        // The most telling prefix first.
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
        let classes = table.iter().filter_map(|(name, ink)| Some((Scope::new(name).ok()?, *ink))).collect();
        Self { grammars: SyntaxSet::load_defaults_newlines(), classes }
    }
    fn ink(&self, stack: &ScopeStack) -> Ink {
        for scope in stack.scopes.iter().rev() {
            if let Some((_, ink)) = self.classes.iter().find(|(prefix, _)| prefix.is_prefix_of(*scope)) {
                return *ink;
            }
        }
        Ink::Plain
    }

    /// The state before the first line.
    pub fn start(&self, language: Option<&str>) -> State {
        match language {
            Some(TOML) => State::Toml(None),
            Some(name) => match self.grammars.find_syntax_by_name(name) {
                Some(grammar) => State::Grammar(Box::new((ParseState::new(grammar), ScopeStack::new()))),
                None => State::Plain,
            },
            None => State::Plain,
        }
    }

    /// The end in bytes and the ink of each piece of a line, which comes with its break if it has one. `%%` on the first
    /// line, and `%` and `!` where the language is Python, are the notebook's and do not disturb the rest.
    pub fn line(&self, state: &mut State, language: Option<&str>, line: &str, first: bool, out: &mut Vec<(u32, Ink)>) {
        let magic = (line.starts_with('%') && (first || language == Some("Python")))
            || (line.starts_with('!') && language == Some("Python"));
        if magic {
            push(out, line.len(), Ink::Comment);
            return;
        }
        match state {
            State::Plain => push(out, line.len(), Ink::Plain),
            State::Toml(open) => toml(line, open, out),
            State::Grammar(both) => {
                let (parse, stack) = &mut **both;
                let Ok(ops) = parse.parse_line(line, &self.grammars) else {
                    push(out, line.len(), Ink::Plain);
                    return;
                };
                let mut at = 0;
                for (place, op) in ops {
                    if place > at {
                        push(out, place, self.ink(stack));
                        at = place;
                    }
                    // An operation that does not fit leaves the colours as they are.
                    let _ = stack.apply(&op);
                }
                push(out, line.len(), self.ink(stack));
            }
        }
    }
}

/// TOML: heads of tables, keys, strings over one or several lines, numbers and dates, comments.
fn toml(line: &str, open: &mut Option<char>, out: &mut Vec<(u32, Ink)>) {
    let mut at = 0;
    // At the beginning of a line a name is a key, behind the equals sign a value.
    let mut fresh = open.is_none();
    while let Some(rest) = line.get(at..).filter(|r| !r.is_empty()) {
        if let Some(quote) = *open {
            let end: String = std::iter::repeat_n(quote, 3).collect();
            let len = rest.find(&end).map(|e| e + 3);
            if len.is_some() {
                *open = None;
            }
            at += len.unwrap_or(rest.len());
            push(out, at, Ink::Text);
            continue;
        }
        let first = rest.chars().next().unwrap_or(' ');
        let whole = rest.find('\n').unwrap_or(rest.len());
        let word = rest.find(|c: char| !(c.is_alphanumeric() || "_-+.:".contains(c))).unwrap_or(rest.len());
        let (len, ink) = match first {
            '#' => (whole, Ink::Comment),
            '[' if fresh => (whole.min(rest.find(['#', '=']).unwrap_or(whole)), Ink::Keyword),
            '"' | '\'' => (quoted(rest, first, open), if fresh { Ink::Function } else { Ink::Text }),
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
        push(out, at, ink);
    }
}

/// Length of a string that begins here: up to its closing quotes, or to the end of its line when it has none; one of
/// three quotes may stay open.
fn quoted(rest: &str, quote: char, open: &mut Option<char>) -> usize {
    let long: String = std::iter::repeat_n(quote, 3).collect();
    if rest.starts_with(&long) {
        return match rest.get(3..).and_then(|r| r.find(&long)) {
            Some(end) => end + 6,
            None => {
                *open = Some(quote);
                rest.len()
            }
        };
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
    if end <= out.last().map_or(0, |(e, _)| *e as usize) {
        return;
    }
    match out.last_mut() {
        Some((e, last)) if *last == ink => *e = end as u32,
        _ => out.push((end as u32, ink)),
    }
}
