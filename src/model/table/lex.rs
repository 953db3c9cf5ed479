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
    /// `$name`.
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
        let (token, len) = next(&sql[start..]);
        out.push(Span { token, at: start..start + len });
        start += len;
    }
    out
}

/// The tokens that mean something: no blanks, no comments.
pub fn significant(sql: &str) -> Vec<Span> {
    lex(sql).into_iter().filter(|s| !matches!(s.token, Token::Space | Token::Comment)).collect()
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
