//! A tokenizer of SQL text, for finding file names in FROM, for colouring and for reading simple queries back.
//! It never fails: what it does not know is [`Token::Other`].
use std::ops::Range;

/// What a piece of SQL text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// A keyword or a name without quotes.
    Word,
    /// `"name"` or `` `name` ``.
    Quoted,
    /// `'text'`, quotes doubled inside.
    Text,
    Number,
    /// `-- line` or `/* block */`.
    Comment,
    /// `$name`, `:name` or `{{name}}`.
    Param,
    /// One operator or bracket.
    Punct,
    Space,
    Other,
}

/// One token and where it is, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    pub token: Token,
    pub at: Range<usize>,
}

/// Cuts SQL text into tokens that cover all of it.
pub fn lex(sql: &str) -> Vec<Span> {
    let mut out = Vec::new();
    let mut start = 0;
    while start < sql.len() {
        let before = sql[..start].chars().next_back();
        let (token, len) = named(&sql[start..], before).map_or_else(|| next(&sql[start..]), |len| (Token::Param, len));
        out.push(Span { token, at: start..start + len });
        start += len;
    }
    out
}

/// The tokens that mean something: no blanks, no comments.
pub fn significant(sql: &str) -> Vec<Span> {
    lex(sql).into_iter().filter(|s| !matches!(s.token, Token::Space | Token::Comment)).collect()
}

/// Bytes of a parameter as SQLAlchemy and Jinja write it. A colon behind a name or a bracket is part of a slice, and two
/// of them are a cast.
fn named(rest: &str, before: Option<char>) -> Option<usize> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let first = |t: &str| t.starts_with(|c: char| c.is_alphabetic() || c == '_');
    if let Some(body) = rest.strip_prefix("{{") {
        let inner = body.split_once("}}")?.0;
        return (super::is_name(inner.trim())).then_some(inner.len() + 4);
    }
    let body = rest.strip_prefix(':').filter(|b| first(b))?;
    let part = before.is_some_and(|c| word(c) || matches!(c, ':' | ')' | ']' | '"' | '\''));
    (!part).then(|| 1 + body.find(|c| !word(c)).unwrap_or(body.len()))
}

/// The name in a parameter.
pub fn param_name(text: &str) -> &str {
    text.trim_matches(['$', ':', '{', '}']).trim()
}

fn next(rest: &str) -> (Token, usize) {
    let first = rest.chars().next().unwrap_or(' ');
    let run = |ok: fn(char) -> bool| rest.find(|c| !ok(c)).unwrap_or(rest.len());
    let word = |c: char| c.is_alphanumeric() || c == '_';
    if first.is_whitespace() {
        return (Token::Space, run(char::is_whitespace));
    }
    if rest.starts_with("--") {
        return (Token::Comment, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (Token::Comment, rest.find("*/").map_or(rest.len(), |e| e + 2));
    }
    match first {
        '\'' => (Token::Text, quoted(rest, '\'')),
        '"' => (Token::Quoted, quoted(rest, '"')),
        '`' => (Token::Quoted, quoted(rest, '`')),
        '$' if rest[1..].starts_with(|c: char| c.is_alphabetic() || c == '_') => {
            (Token::Param, 1 + rest[1..].find(|c| !word(c)).unwrap_or(rest.len() - 1))
        }
        c if c.is_ascii_digit() => (Token::Number, number(rest)),
        '.' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => (Token::Number, number(rest)),
        c if word(c) => (Token::Word, rest.find(|c| !word(c)).unwrap_or(rest.len())),
        _ => {
            let two = ["<=", ">=", "<>", "!=", "||", "::", "<<", ">>", "!~", "->"];
            let len = if two.iter().any(|t| rest.starts_with(t)) { 2 } else { first.len_utf8() };
            (if first.is_ascii_punctuation() { Token::Punct } else { Token::Other }, len)
        }
    }
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((i, c)) = chars.next() {
        if c == quote {
            if chars.peek().is_some_and(|(_, n)| *n == quote) {
                chars.next();
            } else {
                return i + 1;
            }
        }
    }
    rest.len()
}

fn number(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        let sign = matches!(bytes[i], b'+' | b'-') && i > 0 && matches!(bytes[i - 1], b'e' | b'E');
        if !(bytes[i].is_ascii_alphanumeric() || matches!(bytes[i], b'.' | b'_') || sign) {
            break;
        }
        i += 1;
    }
    i
}

/// The text between the quotes, doubled quotes made single.
pub fn unquote(quoted: &str) -> String {
    let Some(quote) = quoted.chars().next() else { return String::new() };
    let inner = &quoted[quote.len_utf8()..];
    let inner = inner.strip_suffix(quote).unwrap_or(inner);
    inner.replace(&format!("{quote}{quote}"), &quote.to_string())
}

/// A name as it is meant: without its quotes.
pub fn unquote_name(name: &str) -> String {
    if name.starts_with(['"', '`']) { unquote(name) } else { name.to_owned() }
}

/// The parameters a query names, those inside its texts too.
pub fn params(sql: &str) -> Vec<String> {
    let mut all = Vec::new();
    for span in significant(sql) {
        let piece = &sql[span.at];
        match span.token {
            Token::Param => all.push(param_name(piece).to_owned()),
            Token::Text => {
                let mut rest = piece;
                while let Some((_, after)) = rest.split_once("{{") {
                    rest = after;
                    all.extend(after.split_once("}}").map(|(n, _)| n.trim().to_owned()).filter(|n| super::is_name(n)));
                }
                rest = piece;
                while let Some((_, after)) = rest.split_once('$') {
                    rest = after;
                    let body = after.strip_prefix('{').unwrap_or(after);
                    let end = body.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(body.len());
                    all.extend(body.get(..end).filter(|n| super::is_name(n)).map(str::to_owned));
                }
            }
            _ => {}
        }
    }
    all
}

/// `text` as an SQL string.
pub fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// `name` as an SQL name, quoted only when it must be.
pub fn name(name: &str) -> String {
    let plain = super::is_name(name) && name.is_ascii() && !is_keyword(name);
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// True for the words of SQL, whatever their case.
pub fn is_keyword(word: &str) -> bool {
    const MORE: [&str; 4] = ["WINDOW", "WITH", "UNBOUNDED", "UNNEST"];
    let upper = word.to_ascii_uppercase();
    KEYWORDS.contains(&upper.as_str()) || MORE.contains(&upper.as_str())
}

/// The words of SQL, in order.
pub const KEYWORDS: [&str; 88] = [
    "ALL",
    "ALTER",
    "AND",
    "ANTI",
    "ANY",
    "AS",
    "ASC",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "COLUMNS",
    "CREATE",
    "CROSS",
    "CUBE",
    "CURRENT",
    "DATE",
    "DELETE",
    "DESC",
    "DESCRIBE",
    "DISTINCT",
    "DROP",
    "ELSE",
    "END",
    "ESCAPE",
    "EXCEPT",
    "EXCLUDE",
    "EXISTS",
    "EXPLAIN",
    "FALSE",
    "FETCH",
    "FILTER",
    "FIRST",
    "FOLLOWING",
    "FROM",
    "FULL",
    "GROUP",
    "GROUPING",
    "HAVING",
    "ILIKE",
    "IN",
    "INNER",
    "INTERSECT",
    "INTERVAL",
    "INTO",
    "IS",
    "JOIN",
    "LAST",
    "LATERAL",
    "LEFT",
    "LIKE",
    "LIMIT",
    "NATURAL",
    "NOT",
    "NULL",
    "NULLS",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OUTER",
    "OVER",
    "PARTITION",
    "PRECEDING",
    "QUALIFY",
    "RANGE",
    "RECURSIVE",
    "REGEXP",
    "RENAME",
    "REPLACE",
    "RIGHT",
    "ROLLUP",
    "ROW",
    "ROWS",
    "SELECT",
    "SEMI",
    "SET",
    "SETS",
    "SHOW",
    "TABLE",
    "THEN",
    "TIMESTAMP",
    "TRUE",
    "UNION",
    "USING",
    "VALUES",
    "WHEN",
    "WHERE",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_cover_the_text_whatever_it_is() {
        for sql in ["", "SELECT 'it''s' -- c\n/* x", "'open", "\"a\"\"b\" ≤ é $p ::1.5e-3 .5", "$", "."] {
            let joined: String = lex(sql).iter().map(|s| &sql[s.at.clone()]).collect();
            assert_eq!(joined, sql);
        }
    }

    #[test]
    fn strings_and_comments_are_one_token() {
        let sql = "SELECT 'FROM ''x''' -- FROM 'y'\nFROM t";
        let kinds: Vec<_> = significant(sql).iter().map(|s| (s.token, &sql[s.at.clone()])).collect();
        assert_eq!(
            kinds,
            [(Token::Word, "SELECT"), (Token::Text, "'FROM ''x'''"), (Token::Word, "FROM"), (Token::Word, "t")]
        );
        assert_eq!(unquote("'FROM ''x'''"), "FROM 'x'");
        assert_eq!(name("order"), "\"order\"");
        assert_eq!(name("dep_delay"), "dep_delay");
    }
}
