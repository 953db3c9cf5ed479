//! `${name}` in texts of a pipeline.
use crate::base::{Error, Result, text::nearest};

/// What a text is, which decides how a value is put into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A path or a plain text: the value as it is.
    Plain,
    /// SQL: the value, with quotes doubled where it stands inside a quoted text.
    Sql,
    /// A command line: a reference to the variable `ANDON_PARAM_name`, so that the shell never reads the value as code.
    /// Names that no parameter has are left to the shell when they are in capitals or use its operators.
    Command,
}

enum Piece<'a> {
    Text(&'a str),
    /// `$${`, which writes `${`.
    Escape,
    Name(&'a str),
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let (mut all, mut rest) = (Vec::new(), text);
    while let Some(at) = rest.find("${") {
        if rest.get(..at).is_some_and(|before| before.ends_with('$')) {
            all.push(Piece::Text(rest.get(..at - 1).unwrap_or_default()));
            all.push(Piece::Escape);
            rest = rest.get(at + 2..).unwrap_or_default();
            continue;
        }
        let Some(end) = rest.get(at..).and_then(|r| r.find('}')).map(|e| at + e) else { break };
        all.push(Piece::Text(rest.get(..at).unwrap_or_default()));
        all.push(Piece::Name(rest.get(at + 2..end).unwrap_or_default()));
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    all.push(Piece::Text(rest));
    all
}

/// The names a text uses and does not leave to the shell.
pub fn names(text: &str, mode: Mode) -> Vec<&str> {
    pieces(text)
        .into_iter()
        .filter_map(|p| match p {
            Piece::Name(name) if mode == Mode::Command && is_shell(name) => None,
            Piece::Name(name) => Some(name),
            _ => None,
        })
        .collect()
}

/// `HOME`, `x:-y`, `#list`: what the shell itself expands.
fn is_shell(name: &str) -> bool {
    let word = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    !word || !name.chars().any(char::is_lowercase)
}

/// Puts values into a text. `value` answers for a name; an unknown one is an error that names the nearest of `known`.
pub fn expand<'k>(
    text: &str,
    mode: Mode,
    value: impl Fn(&str) -> Option<String>,
    known: impl IntoIterator<Item = &'k str>,
) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    let mut quotes = Quotes::default();
    let known: Vec<&str> = known.into_iter().collect();
    for piece in pieces(text) {
        match piece {
            Piece::Text(t) => {
                quotes.read(t, mode);
                out.push_str(t);
            }
            Piece::Escape => out.push_str("${"),
            Piece::Name(name) => match value(name) {
                Some(v) => put(&mut out, name, &v, mode, &quotes),
                None if mode == Mode::Command && is_shell(name) => {
                    out.push_str("${");
                    out.push_str(name);
                    out.push('}');
                }
                None => return Err(unknown(name, &known)),
            },
        }
    }
    Ok(out)
}

/// The error for a name that nothing answers to.
pub(super) fn unknown(name: &str, known: &[&str]) -> Error {
    let hint = match nearest(name, known.iter().copied()) {
        Some(near) => format!("Did you mean ${{{near}}}?"),
        None => format!("Known: {}. Write $${{{name}}} for the text itself", known.join(", ")),
    };
    Error::config(format!("${{{name}}} is no parameter")).hint(hint)
}

/// The variable of a parameter in a command's environment.
pub fn variable(name: &str) -> String {
    let safe: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    format!("ANDON_PARAM_{safe}")
}

fn put(out: &mut String, name: &str, value: &str, mode: Mode, quotes: &Quotes) {
    match (mode, quotes.open) {
        (Mode::Sql, Some(q)) => out.push_str(&value.replace(q, &format!("{q}{q}"))),
        (Mode::Plain | Mode::Sql, _) => out.push_str(value),
        (Mode::Command, Some('"')) => out.push_str(&format!("${{{}}}", variable(name))),
        (Mode::Command, Some(_)) => out.push_str(&format!("'\"${{{}}}\"'", variable(name))),
        (Mode::Command, None) => out.push_str(&format!("\"${{{}}}\"", variable(name))),
    }
}

/// Which quotes are open at the end of what has been read.
#[derive(Default)]
struct Quotes {
    open: Option<char>,
}

impl Quotes {
    fn read(&mut self, text: &str, mode: Mode) {
        if mode == Mode::Plain {
            return;
        }
        let mut escaped = false;
        for c in text.chars() {
            if escaped {
                escaped = false;
                continue;
            }
            match (c, self.open) {
                ('\\', open) if mode == Mode::Command && open != Some('\'') => escaped = true,
                ('\'' | '"', None) => self.open = Some(c),
                (c, Some(open)) if c == open => self.open = None,
                _ => {}
            }
        }
    }
}
