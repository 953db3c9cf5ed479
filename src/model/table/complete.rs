//! What can stand at the cursor of a SQL query: tables, columns, functions and keywords, the likely ones first.
use std::ops::Range;

use super::lex::{self, Token};

/// A word that can be put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// What stands in the text after it was chosen.
    pub text: String,
    /// `function`, `column i64`, `file`.
    pub kind: String,
}

impl Suggestion {
    /// A word and what it is.
    pub fn new(text: impl Into<String>, kind: impl Into<String>) -> Self {
        Self { text: text.into(), kind: kind.into() }
    }
}

/// The names a query can use.
#[derive(Debug, Clone, Default)]
pub struct Names {
    pub results: Vec<String>,
    /// Data files of the workspace by path.
    pub files: Vec<String>,
    /// Columns of the tables the query names, with their types.
    pub columns: Vec<(String, String)>,
}

/// Files and words a query mentions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mentioned {
    pub files: Vec<String>,
    pub words: Vec<String>,
}

/// Functions people reach for; the engine knows more.
const FUNCTIONS: [&str; 46] = [
    "ABS",
    "AVG",
    "CEIL",
    "COALESCE",
    "CONCAT",
    "CONTAINS",
    "COUNT",
    "DATE_PART",
    "DENSE_RANK",
    "EXTRACT",
    "FIRST",
    "FLOOR",
    "GREATEST",
    "IF",
    "IFNULL",
    "LAG",
    "LAST",
    "LEAD",
    "LEAST",
    "LEFT",
    "LENGTH",
    "LN",
    "LOG10",
    "LOWER",
    "LTRIM",
    "MAX",
    "MEDIAN",
    "MIN",
    "NULLIF",
    "POW",
    "QUANTILE_CONT",
    "RANK",
    "REGEXP_LIKE",
    "REPLACE",
    "RIGHT",
    "ROUND",
    "ROW_NUMBER",
    "RTRIM",
    "SQRT",
    "STARTS_WITH",
    "STDDEV",
    "STRFTIME",
    "STRPTIME",
    "SUBSTR",
    "SUM",
    "UPPER",
];
/// After these a table stands.
const TABLE_WORDS: [&str; 3] = ["FROM", "JOIN", "DESCRIBE"];
const SHOWN: usize = 60;

/// True for the text of a SQL cell.
pub fn is_sql(text: &str) -> bool {
    super::sql_cell(text).is_some()
}

/// The query without the line that says `%%sql`, and how many bytes that line has.
fn body(text: &str) -> (usize, &str) {
    let start = text.find("%%sql").map_or(0, |at| text[at..].find('\n').map_or(text.len(), |n| at + n + 1));
    (start, &text[start..])
}

/// Which files and words stand in a query.
pub fn mentioned(text: &str) -> Mentioned {
    let (_, sql) = body(text);
    let mut all = Mentioned::default();
    for span in lex::significant(sql) {
        let piece = &sql[span.at];
        match span.token {
            Token::Text if piece.contains('.') => all.files.push(lex::unquote(piece)),
            Token::Word if !lex::is_keyword(piece) => all.words.push(piece.to_owned()),
            Token::Quoted => all.words.push(lex::unquote(piece)),
            _ => {}
        }
    }
    all
}

/// What can stand at a cursor (in characters), with the characters it replaces.
pub fn at(text: &str, cursor: usize, names: &Names) -> Option<(Range<usize>, Vec<Suggestion>)> {
    let cursor_byte = text.char_indices().nth(cursor).map_or(text.len(), |(i, _)| i);
    let (start, sql) = body(text);
    let at = cursor_byte.checked_sub(start)?;
    let spans = lex::lex(sql);
    let inside = spans.iter().position(|s| s.at.start < at && at <= s.at.end);
    let here = inside.map(|i| &spans[i]);
    if here.is_some_and(|s| s.token == Token::Comment) {
        return None;
    }
    // A string that is open before the cursor may be read as one up to the next quote; only what is before counts.
    let opened = here.filter(|s| s.token == Token::Text || sql[s.at.clone()].starts_with('\''));
    let (from, typed, quoted) = match here {
        Some(s) if opened.is_some() => (s.at.start, &sql[s.at.start..at], true),
        Some(s) if s.token == Token::Word => (s.at.start, &sql[s.at.start..at], false),
        _ => (at, "", false),
    };
    let before = spans[..inside.unwrap_or(spans.len())].iter().rev();
    let before: Vec<&str> = before
        .filter(|s| s.at.end <= from && !matches!(s.token, Token::Space | Token::Comment))
        .take(1)
        .map(|s| &sql[s.at.clone()])
        .collect();
    let wants_table = before.first().is_some_and(|w| TABLE_WORDS.iter().any(|t| w.eq_ignore_ascii_case(t)));
    let mut words = Vec::new();
    if quoted {
        let typed = typed.trim_start_matches('\'').to_lowercase();
        let fits = names.files.iter().filter(|f| f.to_lowercase().contains(&typed));
        words.extend(fits.map(|f| Suggestion::new(lex::text(f), "file")));
    } else {
        unquoted(&mut words, typed, wants_table, names);
    }
    words.truncate(SHOWN);
    // The rest of the word the cursor stands in goes too.
    let end = match here {
        Some(s) if quoted && sql[s.at.clone()].len() > 1 && sql[s.at.clone()].ends_with('\'') => {
            if sql[s.at.clone()].contains('\n') { at } else { s.at.end }
        }
        Some(s) if s.token == Token::Word && !quoted => s.at.end,
        _ => at,
    };
    let chars = |byte: usize| text[..start + byte].chars().count();
    (!words.is_empty()).then(|| (chars(from)..chars(end), words))
}

fn unquoted(words: &mut Vec<Suggestion>, typed: &str, wants_table: bool, names: &Names) {
    let low = typed.to_lowercase();
    let fits = |word: &str| word.to_lowercase().starts_with(&low);
    let tables = || {
        let results = names.results.iter().filter(|r| fits(r)).map(|r| Suggestion::new(lex::name(r), "result"));
        let file = |f: &&String| low.is_empty() || f.to_lowercase().contains(&low);
        let files = names.files.iter().filter(file).map(|f| Suggestion::new(lex::text(f), "file"));
        results.chain(files).collect::<Vec<_>>()
    };
    if wants_table {
        words.extend(tables());
        return;
    }
    let columns = names.columns.iter().filter(|(n, _)| fits(n));
    words.extend(columns.map(|(n, t)| Suggestion::new(lex::name(n), format!("column {t}"))));
    if typed.is_empty() {
        return;
    }
    words.extend(names.results.iter().filter(|r| fits(r)).map(|r| Suggestion::new(lex::name(r), "result")));
    // Words follow the hand of who types them.
    let lower = typed.chars().all(|c| !c.is_uppercase());
    let cased = |w: &str| if lower { w.to_lowercase() } else { w.to_owned() };
    words.extend(lex::KEYWORDS.iter().filter(|w| fits(w)).map(|w| Suggestion::new(cased(w), "keyword")));
    words.extend(FUNCTIONS.iter().filter(|w| fits(w)).map(|w| Suggestion::new(cased(w), "function")));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names {
            results: vec!["day".into()],
            files: vec!["data/flights.csv".into(), "data/weather.parquet".into()],
            columns: vec![("carrier".into(), "str".into()), ("dep delay".into(), "i64".into())],
        }
    }

    /// Completes at the bar.
    fn ask(marked: &str) -> Option<(Range<usize>, Vec<String>)> {
        let cursor = marked.chars().position(|c| c == '|').unwrap();
        let (range, words) = at(&marked.replace('|', ""), cursor, &names())?;
        Some((range, words.into_iter().map(|w| w.text).collect()))
    }

    #[test]
    fn a_table_stands_after_from_and_columns_elsewhere() {
        let (range, words) = ask("%%sql\nSELECT * FROM |").unwrap();
        assert_eq!(
            (range, words),
            (20..20, vec!["day".into(), "'data/flights.csv'".into(), "'data/weather.parquet'".into()])
        );
        let (range, words) = ask("%%sql x <<\nSELECT car|r FROM day").unwrap();
        assert_eq!((range.clone(), words[0].as_str()), (18..22, "carrier"), "the whole word is replaced");
        let (_, words) = ask("%%sql\nSELECT |").unwrap();
        assert_eq!(words, ["carrier", "\"dep delay\""]);
        let (_, words) = ask("%%sql\nsel|").unwrap();
        assert_eq!(words, ["select"], "in the case of the hand");
    }

    #[test]
    fn a_path_is_completed_between_its_quotes() {
        let (range, words) = ask("%%sql\nSELECT * FROM 'data/we|'").unwrap();
        assert_eq!((range, words), (20..29, vec!["'data/weather.parquet'".to_owned()]));
        let (range, words) = ask("%%sql\nSELECT * FROM 'é|").map_or((0..0, vec![]), |x| x);
        assert_eq!((range, words.len()), (0..0, 0), "nothing fits");
        assert_eq!(ask("%%sql\nSELECT 1 -- car|"), None);
        assert_eq!(ask("%%s|ql\nSELECT 1"), None);
    }

    #[test]
    fn what_a_query_mentions_is_found() {
        let all = mentioned("%%sql x <<\nSELECT a, 'b' FROM 'data/f.csv' JOIN day ON \"c d\" = 1.5");
        assert_eq!(all.files, ["data/f.csv"]);
        assert_eq!(all.words, ["a", "day", "c d"]);
    }
}
