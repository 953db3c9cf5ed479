//! Which names a cell defines and uses: enough to say that a result is out of date, never used to run anything.
//!
//! A light reading of Python and SQL text. It knows strings, comments, attributes and keyword arguments; it does not
//! know scopes exactly, so that it may name too much rather than too little.
use std::collections::BTreeSet;

use super::table::{lex, sql_cell};

/// The names of one cell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// In order of appearance, each once.
    pub defines: Vec<String>,
    /// In order of appearance, each once; names defined before their use in the same cell are left out.
    pub uses: Vec<String>,
}

const KEYWORDS: [&str; 38] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "case", "class", "continue", "def",
    "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "match",
    "nonlocal", "not", "or", "pass", "raise", "return", "self", "try", "while", "with", "yield",
];

const BUILTINS: [&str; 40] = [
    "abs",
    "all",
    "any",
    "bool",
    "bytes",
    "dict",
    "display",
    "enumerate",
    "filter",
    "float",
    "format",
    "getattr",
    "hasattr",
    "hash",
    "id",
    "input",
    "int",
    "isinstance",
    "iter",
    "len",
    "list",
    "map",
    "max",
    "min",
    "next",
    "object",
    "open",
    "print",
    "range",
    "repr",
    "reversed",
    "round",
    "set",
    "sorted",
    "str",
    "sum",
    "super",
    "tuple",
    "type",
    "zip",
];

/// Reads a code cell.
pub fn names_of(source: &str, language: &str) -> Names {
    if let Some(cell) = sql_cell(source) {
        return sql_names(&cell.sql, cell.name.as_deref());
    }
    if language == "python" { python_names(source) } else { Names::default() }
}

fn sql_names(sql: &str, name: Option<&str>) -> Names {
    let mut uses = Vec::new();
    let mut own = BTreeSet::new();
    let tokens = lex::significant(sql);
    let text = |i: usize| tokens.get(i).and_then(|t| sql.get(t.at.clone())).unwrap_or_default();
    for i in 0..tokens.len() {
        // WITH x AS ( defines a name of its own.
        if text(i + 1).eq_ignore_ascii_case("as") && text(i + 2) == "(" && !text(i).eq_ignore_ascii_case(")") {
            own.insert(text(i).trim_matches('"').to_owned());
        }
        let table = text(i).eq_ignore_ascii_case("from") || text(i).eq_ignore_ascii_case("join");
        let is_name =
            |i: usize| tokens.get(i).is_some_and(|t| matches!(t.token, lex::Token::Word | lex::Token::Quoted));
        let mut at = i + 1;
        while table && is_name(at) && text(at + 1) != "(" {
            uses.push(text(at).trim_matches(['"', '`']).to_owned());
            // FROM a AS x, b: another table follows the comma.
            at += 1;
            at += usize::from(text(at).eq_ignore_ascii_case("as"));
            at += usize::from(is_name(at) && !lex::is_keyword(text(at)));
            if text(at) != "," {
                break;
            }
            at += 1;
        }
    }
    uses.extend(lex::params(sql));
    uses.retain(|u| !own.contains(u));
    dedup(&mut uses);
    Names { defines: name.map(str::to_owned).into_iter().collect(), uses }
}

fn dedup(all: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    all.retain(|n| seen.insert(n.clone()));
}

#[derive(Debug, Clone, PartialEq)]
enum Tok<'a> {
    Name(&'a str),
    /// One or two characters that matter here.
    Op(&'a str),
    /// A new logical line with its indentation.
    Line(usize),
    Value,
}

/// Cuts Python into what matters; strings and numbers become values, comments and magics vanish.
fn tokens(source: &str) -> Vec<Tok<'_>> {
    let mut out = Vec::new();
    let (mut rest, mut depth, mut fresh) = (source, 0_usize, true);
    while let Some(c) = rest.chars().next() {
        if fresh && depth == 0 {
            let indent = rest.len() - rest.trim_start_matches([' ', '\t']).len();
            out.push(Tok::Line(indent));
            rest = rest.get(indent..).unwrap_or_default();
            fresh = false;
            if rest.starts_with(['%', '!', '?']) {
                rest = rest.find('\n').and_then(|i| rest.get(i..)).unwrap_or_default();
            }
            continue;
        }
        let len = match c {
            '\n' => {
                fresh = true;
                1
            }
            '\\' if rest.starts_with("\\\n") => 2,
            c if c.is_whitespace() => c.len_utf8(),
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '"' | '\'' => {
                out.push(Tok::Value);
                string_len(rest, c)
            }
            c if c.is_alphabetic() || c == '_' => {
                let len = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
                let word = rest.get(..len).unwrap_or_default();
                let quote = rest.get(len..).and_then(|r| r.chars().next()).filter(|q| matches!(q, '"' | '\''));
                match quote {
                    Some(q) if len <= 2 && word.chars().all(|c| "rRbBfFuUtT".contains(c)) => {
                        out.push(Tok::Value);
                        len + string_len(rest.get(len..).unwrap_or_default(), q)
                    }
                    _ => {
                        out.push(Tok::Name(word));
                        len
                    }
                }
            }
            c if c.is_ascii_digit() => {
                out.push(Tok::Value);
                rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.')).unwrap_or(rest.len())
            }
            c => {
                match c {
                    '(' | '[' | '{' => depth += 1,
                    ')' | ']' | '}' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                let two = ["==", "!=", "<=", ">=", ":=", "+=", "-=", "*=", "/=", "%=", "|=", "&=", "->", "**", "//"];
                let len = if two.iter().any(|t| rest.starts_with(t)) { 2 } else { c.len_utf8() };
                out.push(Tok::Op(rest.get(..len).unwrap_or_default()));
                len
            }
        };
        rest = rest.get(len.max(1)..).unwrap_or_default();
    }
    out
}

fn string_len(rest: &str, quote: char) -> usize {
    let triple: String = [quote; 3].iter().collect();
    if let Some(body) = rest.strip_prefix(&triple) {
        return body.find(&triple).map_or(rest.len(), |i| i + 6);
    }
    let mut chars = rest.char_indices().skip(1);
    while let Some((i, c)) = chars.next() {
        match c {
            '\\' => {
                chars.next();
            }
            '\n' => return i,
            c if c == quote => return i + 1,
            _ => {}
        }
    }
    rest.len()
}

fn python_names(source: &str) -> Names {
    let tokens = tokens(source);
    let lines: Vec<(usize, &[Tok<'_>])> = split_lines(&tokens);
    let mut names = Names::default();
    let mut known: BTreeSet<String> = BTreeSet::new();
    for (indent, line) in lines {
        let targets = targets(line);
        for (i, token) in line.iter().enumerate() {
            let Tok::Name(name) = token else { continue };
            let after_dot = i > 0 && line.get(i - 1) == Some(&Tok::Op("."));
            let keyword = line.get(i + 1) == Some(&Tok::Op("=")) && !targets.contains(&i);
            let target = targets.contains(&i) && !is_changed_in_place(line, i);
            let import = matches!(line.first(), Some(Tok::Name("import" | "from")));
            if after_dot || keyword || target || import || KEYWORDS.contains(name) || BUILTINS.contains(name) {
                continue;
            }
            if !known.contains(*name) {
                names.uses.push((*name).to_owned());
            }
        }
        for i in targets {
            let Some(Tok::Name(name)) = line.get(i) else { continue };
            known.insert((*name).to_owned());
            // What is assigned inside a function or class is not seen outside of it; loops and branches are.
            if indent == 0 || !inside_body(&tokens, line) {
                names.defines.push((*name).to_owned());
            }
        }
    }
    dedup(&mut names.defines);
    dedup(&mut names.uses);
    names
}

/// Statements with the indentation of their line; those behind a `;` each by themselves, but for what a `def` or `class`
/// has on its own line.
fn split_lines<'t, 'a>(tokens: &'t [Tok<'a>]) -> Vec<(usize, &'t [Tok<'a>])> {
    let starts: Vec<usize> = (0..tokens.len()).filter(|i| matches!(tokens.get(*i), Some(Tok::Line(_)))).collect();
    let mut out = Vec::new();
    for (n, start) in starts.iter().enumerate() {
        let end = starts.get(n + 1).copied().unwrap_or(tokens.len());
        if let (Some(Tok::Line(indent)), Some(line)) = (tokens.get(*start), tokens.get(start + 1..end))
            && !line.is_empty()
        {
            let head = line.iter().find(|t| **t != Tok::Name("async"));
            if matches!(head, Some(Tok::Name("def" | "class"))) {
                out.push((*indent, line));
            } else {
                let parts = line.split(|t| *t == Tok::Op(";")).filter(|part| !part.is_empty());
                out.extend(parts.map(|part| (*indent, part)));
            }
        }
    }
    out
}

/// True when the line stands in the body of a `def` or `class`.
fn inside_body(tokens: &[Tok<'_>], line: &[Tok<'_>]) -> bool {
    let mut level = usize::MAX;
    let mut found = false;
    for (indent, other) in split_lines(tokens).into_iter().rev() {
        if std::ptr::eq(other, line) {
            found = true;
            level = indent;
        } else if found && indent < level {
            level = indent;
            let head = other.iter().find(|t| !matches!(t, Tok::Name("async")));
            if matches!(head, Some(Tok::Name("def" | "class"))) {
                return true;
            }
        }
    }
    false
}

/// `x += 1` and `x: int = ..` are targets; the first also uses the name.
fn is_changed_in_place(line: &[Tok<'_>], i: usize) -> bool {
    matches!(line.get(i.wrapping_add(1)), Some(Tok::Op(op)) if op.len() == 2 && op.ends_with('=') && !matches!(*op, "==" | "!=" | "<=" | ">=" | ":="))
}

/// Places of the names a line gives a value to.
fn targets(line: &[Tok<'_>]) -> Vec<usize> {
    let is = |i: usize, w: &str| line.get(i) == Some(&Tok::Name(w));
    let start = usize::from(is(0, "async"));
    if is(start, "def") || is(start, "class") {
        return vec![start + 1];
    }
    if is(0, "import") || is(0, "from") {
        return imported(line);
    }
    let mut out = Vec::new();
    // for a, b in ..:   with f() as x:   except E as e:
    for (i, token) in line.iter().enumerate() {
        match token {
            Tok::Name("for") => {
                let until = (i..line.len()).find(|j| is(*j, "in")).unwrap_or(i);
                out.extend((i + 1..until).filter(|j| matches!(line.get(*j), Some(Tok::Name(_)))));
            }
            Tok::Name("as") if matches!(line.get(i + 1), Some(Tok::Name(_))) => out.push(i + 1),
            Tok::Op(":=") if i > 0 => out.push(i - 1),
            _ => {}
        }
    }
    // a = b, c = ..   a: int = ..   a += ..
    let mut depth = 0_i32;
    let mut begin = 0;
    for (i, token) in line.iter().enumerate() {
        match token {
            Tok::Op("(" | "[" | "{") => depth += 1,
            Tok::Op(")" | "]" | "}") => depth -= 1,
            Tok::Op(op) if depth == 0 && (*op == "=" || is_changed_in_place(line, i.wrapping_sub(1))) => {
                let colon = (begin..i).find(|j| line.get(*j) == Some(&Tok::Op(":"))).unwrap_or(i);
                out.extend((begin..colon).filter(|j| is_plain_target(line, *j, begin, colon)));
                begin = i + 1;
            }
            _ => {}
        }
    }
    out
}

/// A name that is itself assigned: `a` and `b` of `a, (b, c.d), e[0] = ..`.
fn is_plain_target(line: &[Tok<'_>], i: usize, begin: usize, end: usize) -> bool {
    let Some(Tok::Name(name)) = line.get(i) else { return false };
    let after_dot = i > begin && line.get(i - 1) == Some(&Tok::Op("."));
    let before = i + 1 < end && matches!(line.get(i + 1), Some(Tok::Op("." | "[" | "(")));
    let index = (begin..i).filter(|j| line.get(*j) == Some(&Tok::Op("["))).count()
        > (begin..i).filter(|j| line.get(*j) == Some(&Tok::Op("]"))).count();
    !after_dot && !before && !index && !KEYWORDS.contains(name)
}

/// `import a.b as c, d` gives c and d; `import a.b` gives a; `from x import y as z, w` gives z and w.
fn imported(line: &[Tok<'_>]) -> Vec<usize> {
    let from = line.first() == Some(&Tok::Name("from"));
    let start = if from {
        (0..line.len()).find(|i| line.get(*i) == Some(&Tok::Name("import"))).map_or(line.len(), |i| i + 1)
    } else {
        1
    };
    let mut out = Vec::new();
    let mut first = true;
    for i in start..line.len() {
        match line.get(i) {
            Some(Tok::Op(",")) => first = true,
            Some(Tok::Name("as")) => {
                out.pop();
                first = true;
            }
            Some(Tok::Name(_)) if first => {
                out.push(i);
                first = false;
            }
            _ => {}
        }
    }
    out
}

/// Where a text gives a name its meaning, in characters: a function, class, assignment, import or loop of that name;
/// else the first place it stands.
pub fn definition(text: &str, name: &str) -> Option<std::ops::Range<usize>> {
    let name = regex::escape(name);
    let forms = [
        format!(r"(?m)^[ \t]*(?:async[ \t]+)?(?:def|class|function|struct|fn)[ \t]+(?<n>{name})\b"),
        format!(r"(?m)^%%sql[ \t]+(?<n>{name})\b"),
        format!(r"(?m)^[ \t]*(?:\w+[ \t]*,[ \t]*)*(?<n>{name})\b[ \t]*(?:,[ \t]*\w+[ \t]*)*(?::[^=\n]+)?(?:=[^=]|<-)"),
        format!(r"(?m)\bas[ \t]+(?<n>{name})\b"),
        format!(r"(?m)^[ \t]*(?:from|import)\b[^\n#]*?\b(?<n>{name})\b"),
        format!(r"(?m)\bfor[ \t]+[^\n:]*?\b(?<n>{name})\b[^\n:]*?\bin\b"),
        format!(r"\b(?<n>{name})\b"),
    ];
    let find = |form: &String| regex::Regex::new(form).ok()?.captures(text)?.name("n").map(|m| m.range());
    let bytes = forms.iter().find_map(find)?;
    let start = text.get(..bytes.start)?.chars().count();
    Some(start..start + text.get(bytes)?.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn python(source: &str) -> (Vec<String>, Vec<String>) {
        let names = names_of(source, "python");
        (names.defines, names.uses)
    }

    #[test]
    fn reads_the_usual_cell() {
        let (defines, uses) = python(
            "import polars as pl, os.path\nfrom a.b import c as d, e\n%matplotlib inline\ndef to_minutes(raw, unit: pl.Expr):\n    hhmm = (raw // 100) * 60\n    return pl.when(unit == \"hhmm\").then(hhmm)\n\nclean = day.with_columns(dep_delay=to_minutes(pl.col('x'), f\"{y}\"))\nx, (y, z.w), v[i] = 1, 2, 3\nn += 1\nfor k in items:\n    total = k",
        );
        assert_eq!(defines, ["pl", "os", "d", "e", "to_minutes", "clean", "x", "y", "n", "k", "total"]);
        assert!(["day", "n", "items", "z", "v", "i"].iter().all(|n| uses.contains(&(*n).to_owned())), "{uses:?}");
        assert!(["pl", "dep_delay", "when", "to_minutes", "hhmm"].iter().all(|n| !uses.contains(&(*n).to_owned())));
    }

    #[test]
    fn statements_behind_a_semicolon_are_read_by_themselves() {
        let (defines, uses) = python("import a as w; b = w.Button(description='Go', icon=x, y=1); c = 2; b");
        assert_eq!((defines, uses), (vec!["w".to_owned(), "b".into(), "c".into()], vec!["x".to_owned()]));
        assert_eq!(python("def f(): p = 1; return p\nq = 1").0, ["f", "q"]);
    }

    #[test]
    fn strings_and_comments_name_nothing() {
        assert_eq!(python("# a = b\n'''x\ny = 1'''\nr'c\\'\nprint(\"z = q\")"), (vec![], vec![]));
    }

    #[test]
    fn sql_uses_earlier_results_but_not_files_or_its_own_names() {
        let n = names_of(
            "%%sql day <<\nWITH t AS (SELECT * FROM raw) SELECT * FROM t JOIN 'a.csv' USING (x) JOIN \"w\" USING (x)",
            "python",
        );
        assert_eq!((n.defines, n.uses), (vec!["day".to_owned()], vec!["raw".to_owned(), "w".to_owned()]));
        let uses =
            names_of("%%sql\nSELECT x FROM a AS p, b q, f(1) WHERE y > :low AND d = '{{day}}' AND z = $n", "python")
                .uses;
        assert_eq!(uses, ["a", "b", "low", "day", "n"]);
    }

    #[test]
    fn odd_text_never_panics() {
        for s in ["\"", "'''", "(((", "a = = b", "é = 1", "for", "import", "from x import (", "\\", "lambda: x", "def"]
        {
            let _ = names_of(s, "python");
        }
    }

    #[test]
    fn a_definition_is_found_before_its_uses() {
        let at = |text: &str, name: &str| {
            let range = definition(text, name).unwrap();
            let line = text.chars().take(range.start).filter(|c| *c == '\n').count();
            (line, text.chars().skip(range.start).take(range.len()).collect::<String>())
        };
        assert_eq!(at("f(1)\n\u{e9} = 2\ndef f(x):\n  f()", "f"), (2, "f".into()));
        assert_eq!(at("print(x)\nx == 1\ny, x = 1, 2", "x"), (2, "x".into()));
        assert_eq!(at("%%sql day <<\nSELECT day", "day"), (0, "day".into()));
        assert_eq!(at("pl.x\nimport polars as pl", "pl"), (1, "pl".into()));
        assert_eq!(at("a\nfrom m import b, a", "a"), (1, "a".into()));
        assert_eq!(at("i\nfor i in x:", "i"), (1, "i".into()));
        assert_eq!(definition("abc", "ab"), None);
    }
}
