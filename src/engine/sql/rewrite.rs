//! From the SQL a person writes to the SQL the engine takes: file names become tables, parameters become values.
//! Works on tokens, so that nothing inside a text, a comment or a quoted name is touched.
use std::ops::Range;

use super::Params;
use crate::{
    base::{Error, Result, text},
    model::table::lex::{self, Span, Token},
};

/// What a statement is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Statement {
    Query,
    /// Its words are cut off: the text begins at what is described.
    Describe,
    /// EXPLAIN is cut off: the text begins at the query.
    Explain,
    /// `CREATE [OR REPLACE] TABLE name AS`; the text begins at the query.
    CreateTable {
        name: String,
    },
    Refused(String),
}

/// A file used as a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileTable {
    /// Its name in the rewritten text.
    pub name: String,
    /// As written, parameters filled in.
    pub path: String,
}

/// A statement ready for the engine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Plan {
    pub sql: String,
    pub tables: Vec<FileTable>,
    /// Names the statement mentions, to know which kept results it uses.
    pub words: Vec<String>,
    /// Names that stand where a table stands.
    pub named: Vec<String>,
    /// (byte in `sql`, byte in the whole original text), ascending.
    origins: Vec<(usize, usize)>,
}

impl Plan {
    /// Line and column, both from 1, in the original text of a byte of `sql`.
    pub(super) fn position(&self, whole: &str, at: usize) -> (usize, usize) {
        let origin = self.origins.iter().rev().find(|(here, _)| *here <= at);
        let (here, there) = origin.copied().unwrap_or((0, 0));
        let byte = (there + (at - here)).min(whole.len());
        let before = whole.get(..byte).unwrap_or(whole);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (line, column)
    }
}

/// The statements of a text: ranges between `;`, blank ones left out.
pub(super) fn statements(sql: &str) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut any = false;
    for span in lex::lex(sql) {
        if span.token == Token::Punct && &sql[span.at.clone()] == ";" {
            if any {
                out.push(start..span.at.start);
            }
            (start, any) = (span.at.end, false);
        } else if !matches!(span.token, Token::Space | Token::Comment) {
            any = true;
        }
    }
    if any {
        out.push(start..sql.len());
    }
    out
}

/// Says what a statement is by its first words.
pub(super) fn classify(sql: &str) -> Statement {
    let spans = lex::significant(sql);
    let word = |i: usize| spans.get(i).map(|s| sql[s.at.clone()].to_ascii_uppercase()).unwrap_or_default();
    match word(0).as_str() {
        "DESCRIBE" | "DESC" if word(1) != "SELECT" => Statement::Describe,
        "EXPLAIN" => Statement::Explain,
        "CREATE" => {
            let at = if word(1) == "OR" && word(2) == "REPLACE" { 3 } else { 1 };
            let at = if matches!(word(at).as_str(), "TEMP" | "TEMPORARY") { at + 1 } else { at };
            if matches!(word(at).as_str(), "TABLE" | "VIEW") && word(at + 2) == "AS" {
                let name = &sql[spans[at + 1].at.clone()];
                let quoted = spans[at + 1].token == Token::Quoted;
                Statement::CreateTable { name: if quoted { lex::unquote(name) } else { name.to_owned() } }
            } else {
                Statement::Refused("This CREATE".to_owned())
            }
        }
        w @ ("INSERT" | "UPDATE" | "DELETE" | "DROP" | "ALTER" | "TRUNCATE" | "COPY" | "ATTACH" | "INSTALL"
        | "LOAD" | "PRAGMA" | "EXPORT" | "VACUUM" | "MERGE") => Statement::Refused(w.to_owned()),
        _ => Statement::Query,
    }
}

/// Where a bracket was opened and what was seen inside it.
#[derive(Default, Clone, Copy)]
struct Level {
    /// SELECT was seen, so FROM here is the clause and not a word of EXTRACT or TRIM.
    query: bool,
    in_from: bool,
    /// The next token names a table.
    expects: bool,
}

struct Rewriter<'a> {
    whole: &'a str,
    spans: Vec<Span>,
    plan: Plan,
    params: &'a Params,
}

/// Rewrites one statement, which is `part` of `whole`.
pub(super) fn plan(whole: &str, part: &Range<usize>, statement: &Statement, params: &Params) -> Result<Plan> {
    let skip = match statement {
        Statement::Describe | Statement::Explain => 1,
        Statement::CreateTable { .. } => {
            let spans = lex::significant(&whole[part.clone()]);
            let is_as = |s: &Span| whole[part.start + s.at.start..part.start + s.at.end].eq_ignore_ascii_case("AS");
            spans.iter().position(is_as).map_or(0, |i| i + 1)
        }
        _ => 0,
    };
    let shift = |s: Span| Span { token: s.token, at: s.at.start + part.start..s.at.end + part.start };
    let mut spans: Vec<Span> = lex::lex(&whole[part.clone()]).into_iter().map(shift).collect();
    let mut significant = 0;
    spans.retain(|s| {
        significant += usize::from(!matches!(s.token, Token::Space | Token::Comment));
        significant > skip
    });
    let describe = *statement == Statement::Describe;
    let mut rewriter = Rewriter { whole, spans, plan: Plan::default(), params };
    rewriter.run(describe)?;
    Ok(rewriter.plan)
}

/// Names that stand where a table stands, in all statements of a text.
pub(super) fn named(whole: &str) -> Vec<String> {
    // What a parameter stands for does not matter here.
    let params: Params = lex::params(whole).into_iter().map(|n| (n, serde_json::Value::from("x"))).collect();
    let one = |part: &Range<usize>| plan(whole, part, &classify(&whole[part.clone()]), &params).map(|p| p.named);
    statements(whole).iter().filter_map(|part| one(part).ok()).flatten().collect()
}

impl Rewriter<'_> {
    fn text(&self, i: usize) -> &str {
        self.spans.get(i).map_or("", |s| &self.whole[s.at.clone()])
    }
    fn token(&self, i: usize) -> Option<Token> {
        self.spans.get(i).map(|s| s.token)
    }
    fn blank(&self, i: usize) -> bool {
        matches!(self.token(i), Some(Token::Space | Token::Comment))
    }
    fn next(&self, mut i: usize) -> usize {
        i += 1;
        while self.blank(i) {
            i += 1;
        }
        i
    }
    fn previous(&self, i: usize) -> Option<usize> {
        (0..i).rev().find(|p| !self.blank(*p))
    }
    fn is_word(&self, i: usize, word: &str) -> bool {
        self.token(i) == Some(Token::Word) && self.text(i).eq_ignore_ascii_case(word)
    }
    fn push(&mut self, text: &str, origin: usize) {
        self.plan.origins.push((self.plan.sql.len(), origin));
        self.plan.sql.push_str(text);
    }

    fn run(&mut self, describe: bool) -> Result<()> {
        let mut levels = vec![Level { expects: describe, in_from: describe, ..Level::default() }];
        let first = self.next_from(0);
        // DuckDB's short form: FROM 'file' WHERE ...
        if self.is_word(first, "FROM") {
            self.push("SELECT * ", self.spans.get(first).map_or(0, |s| s.at.start));
            levels[0].query = true;
        }
        let mut i = 0;
        while i < self.spans.len() {
            i = self.step(i, &mut levels)?;
        }
        Ok(())
    }

    fn next_from(&self, mut i: usize) -> usize {
        while self.blank(i) {
            i += 1;
        }
        i
    }

    /// Copies or replaces the token at `i` and gives the next index.
    fn step(&mut self, i: usize, levels: &mut Vec<Level>) -> Result<usize> {
        let span = self.spans[i].clone();
        let source = self.whole[span.at.clone()].to_owned();
        let level = levels.last().copied().unwrap_or_default();
        match span.token {
            Token::Param => {
                let value = self.param(lex::param_name(&source))?;
                self.push(&value, span.at.start);
                return Ok(i + 1);
            }
            Token::Text if !level.expects && source.contains("{{") => {
                // Inside of quotes a value is part of the text, and stays text whatever it holds.
                let filled = lex::text(&self.fill_braces(&lex::unquote(&source))?);
                self.push(&filled, span.at.start);
                return Ok(i + 1);
            }
            Token::Text if level.expects => return self.table(i, i, &lex::unquote(&source), levels),
            Token::Quoted if level.expects && looks_like_file(&source) => {
                return self.table(i, i, &lex::unquote(&source), levels);
            }
            Token::Word if level.expects && is_reader(&source) => {
                let (open, path) = (self.next(i), self.next(self.next(i)));
                let close = self.next(path);
                if self.text(open) == "(" && self.token(path) == Some(Token::Text) {
                    if self.text(close) != ")" {
                        return Err(Error::user(format!("{source} takes one file and no options here"))
                            .hint("Andon finds delimiter, header and types by itself"));
                    }
                    let file = lex::unquote(self.text(path));
                    return self.table(i, close, &file, levels);
                }
            }
            Token::Word => self.word(i, &source, levels),
            Token::Punct => punct(&source, levels),
            _ => {}
        }
        if !matches!(span.token, Token::Space | Token::Comment | Token::Punct) {
            if matches!(span.token, Token::Word | Token::Quoted) {
                let keyword = span.token == Token::Word && lex::is_keyword(&source);
                if level.expects && !keyword && self.text(self.next(i)) != "(" {
                    let name = if span.token == Token::Quoted { lex::unquote(&source) } else { source.clone() };
                    self.plan.named.push(name);
                }
                self.plan.words.push(if span.token == Token::Quoted { lex::unquote(&source) } else { source.clone() });
            }
            if let Some(level) = levels.last_mut()
                && level.expects
                && !matches!(source.to_ascii_uppercase().as_str(), "FROM" | "JOIN" | "LATERAL")
            {
                level.expects = false;
            }
        }
        let renamed = if span.token == Token::Word { self.renamed(i, &source) } else { None };
        self.push(renamed.unwrap_or(&source), span.at.start);
        Ok(i + 1)
    }

    fn word(&self, i: usize, source: &str, levels: &mut [Level]) {
        let distinct = self.previous(i).is_some_and(|p| {
            self.is_word(p, "DISTINCT")
                && self.previous(p).is_some_and(|pp| self.is_word(pp, "IS") || self.is_word(pp, "NOT"))
        });
        let Some(level) = levels.last_mut() else { return };
        match source.to_ascii_uppercase().as_str() {
            "SELECT" => *level = Level { query: true, ..Level::default() },
            "FROM" if level.query && !distinct => (level.in_from, level.expects) = (true, true),
            "JOIN" if level.in_from => level.expects = true,
            "WHERE" | "GROUP" | "HAVING" | "ORDER" | "LIMIT" | "QUALIFY" | "WINDOW" | "UNION" | "EXCEPT"
            | "INTERSECT" | "OFFSET" | "FETCH" => {
                level.in_from = false;
                level.expects = false;
            }
            _ => {}
        }
    }

    /// Names other engines use for functions this one has.
    fn renamed(&self, i: usize, source: &str) -> Option<&'static str> {
        if self.text(self.next(i)) != "(" {
            return None;
        }
        Some(match source.to_ascii_lowercase().as_str() {
            "list" => "ARRAY_AGG",
            "quantile" => "QUANTILE_CONT",
            "any_value" | "arbitrary" => "FIRST",
            "len" => "LENGTH",
            "instr" => "STRPOS",
            "regexp_matches" => "REGEXP_LIKE",
            "prefix" => "STARTS_WITH",
            "suffix" => "ENDS_WITH",
            "nvl" => "COALESCE",
            _ => return None,
        })
    }

    /// Replaces the tokens `first..=last` by a table over `path`.
    fn table(&mut self, first: usize, last: usize, path: &str, levels: &mut [Level]) -> Result<usize> {
        let path = self.fill(path)?;
        let known = self.plan.tables.iter().find(|t| t.path == path).map(|t| t.name.clone());
        let name = known.unwrap_or_else(|| {
            let name = format!("__andon_file_{}", self.plan.tables.len());
            self.plan.tables.push(FileTable { name: name.clone(), path: path.clone() });
            name
        });
        let origin = self.spans[first].at.start;
        self.push(&format!("\"{name}\""), origin);
        let after = self.next(last);
        let aliased = match self.token(after) {
            Some(Token::Quoted) => true,
            Some(Token::Word) => self.is_word(after, "AS") || !lex::is_keyword(self.text(after)),
            _ => false,
        };
        let describes = levels.len() == 1 && !levels[0].query;
        if !aliased && !describes {
            // So that columns can be named after the file: flights.carrier for 'data/flights.csv'.
            self.push(&format!(" AS {}", quoted(&stem(&path))), origin);
        }
        if let Some(level) = levels.last_mut() {
            level.expects = false;
        }
        Ok(last + 1)
    }

    fn param(&self, name: &str) -> Result<String> {
        let value = self.value(name)?;
        Ok(literal(value))
    }

    fn value(&self, name: &str) -> Result<&serde_json::Value> {
        self.params.get(name).ok_or_else(|| {
            let error = Error::user(format!("The parameter ${name} has no value"));
            match text::nearest(name, self.params.keys().map(String::as_str)) {
                Some(near) => error.hint(format!("Did you mean ${near}?")),
                None if self.params.is_empty() => error.hint(format!(
                    "Write {name} = VALUE into the cell tagged parameters, or give it with -p {name}=VALUE"
                )),
                None => {
                    let all: Vec<_> = self.params.keys().map(|k| format!("${k}")).collect();
                    error.hint(format!("Known parameters: {}", all.join(", ")))
                }
            }
        })
    }

    /// `{{name}}` inside a text.
    fn fill_braces(&self, text: &str) -> Result<String> {
        let (mut out, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once("{{") {
            out.push_str(before);
            let Some((name, tail)) = after.split_once("}}").filter(|(n, _)| crate::model::table::is_name(n.trim()))
            else {
                out.push_str("{{");
                rest = after;
                continue;
            };
            let value = self.value(name.trim())?;
            out.push_str(&value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            rest = tail;
        }
        out.push_str(rest);
        Ok(out)
    }

    /// `$name`, `${name}` and `{{name}}` inside the path of a file.
    fn fill(&self, path: &str) -> Result<String> {
        let path = self.fill_braces(path)?;
        let path = path.as_str();
        let mut out = String::with_capacity(path.len());
        let mut rest = path;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            let (name, used) = match after.strip_prefix('{').and_then(|b| b.find('}').map(|e| &b[..e])) {
                Some(name) => (name, name.len() + 2),
                None => {
                    let end = after.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(after.len());
                    (&after[..end], end)
                }
            };
            if name.is_empty() {
                out.push('$');
            } else {
                let value = self.value(name)?;
                out.push_str(&value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            }
            rest = &after[used..];
        }
        out.push_str(rest);
        Ok(out)
    }
}

fn punct(source: &str, levels: &mut Vec<Level>) {
    match source {
        "(" => {
            let outer = levels.last().copied().unwrap_or_default();
            if let Some(level) = levels.last_mut() {
                level.expects = false;
            }
            levels.push(Level { query: false, in_from: outer.expects, expects: outer.expects });
        }
        ")" if levels.len() > 1 => {
            levels.pop();
        }
        "," => {
            if let Some(level) = levels.last_mut()
                && level.in_from
            {
                level.expects = true;
            }
        }
        _ => {}
    }
}

fn is_reader(word: &str) -> bool {
    const READERS: [&str; 9] = [
        "read_csv",
        "read_csv_auto",
        "read_parquet",
        "parquet_scan",
        "read_json",
        "read_json_auto",
        "read_ndjson",
        "read_ndjson_auto",
        "read_ipc",
    ];
    READERS.iter().any(|r| r.eq_ignore_ascii_case(word))
}

fn looks_like_file(quoted: &str) -> bool {
    let name = lex::unquote(quoted);
    name.contains('/') || crate::engine::frames::is_data_file(std::path::Path::new(&name))
}

fn stem(path: &str) -> String {
    let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or(path);
    let stem = name.rsplit_once('.').map_or(name, |(s, _)| s);
    if stem.is_empty() || stem.contains(['*', '?']) { "t".to_owned() } else { stem.to_owned() }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => "NULL".to_owned(),
        serde_json::Value::Bool(b) => if *b { "TRUE" } else { "FALSE" }.to_owned(),
        serde_json::Value::Number(n) => n.to_string(),
        serde_json::Value::String(s) => lex::text(s),
        serde_json::Value::Array(all) => format!("({})", all.iter().map(literal).collect::<Vec<_>>().join(", ")),
        object @ serde_json::Value::Object(_) => lex::text(&object.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(sql: &str) -> (String, Vec<String>) {
        let evil = "x' OR '1'='1";
        let params = Params::from([
            ("day".to_owned(), "2026-11-16".into()),
            ("n".to_owned(), 3.into()),
            ("evil".into(), evil.into()),
        ]);
        let plan = plan(sql, &(0..sql.len()), &classify(sql), &params).unwrap();
        (plan.sql, plan.tables.into_iter().map(|t| t.path).collect())
    }

    #[test]
    fn only_tables_are_replaced() {
        let (sql, files) = rewritten(
            "SELECT 'FROM ''a.csv''', TRIM(LEADING 'x' FROM y) -- FROM 'b.csv'\nFROM 'data/a.csv' a, \"b.csv\" \
             LEFT JOIN 'data/a.csv' AS c ON a.x = 'y.csv' WHERE z IN (SELECT z FROM 'q.parquet') AND u IS DISTINCT FROM 'v'",
        );
        assert_eq!(files, ["data/a.csv", "b.csv", "q.parquet"]);
        assert!(sql.contains("TRIM(LEADING 'x' FROM y)"), "{sql}");
        assert!(sql.contains("FROM \"__andon_file_0\" a, \"__andon_file_1\" AS \"b\""), "{sql}");
        assert!(sql.contains("JOIN \"__andon_file_0\" AS c ON a.x = 'y.csv'"), "{sql}");
        assert!(sql.contains("FROM \"__andon_file_2\" AS \"q\")") && sql.ends_with("FROM 'v'"), "{sql}");
    }

    #[test]
    fn short_forms_and_readers() {
        assert_eq!(rewritten("FROM 'a.csv'").0, "SELECT * FROM \"__andon_file_0\" AS \"a\"");
        assert_eq!(rewritten("SELECT 1 FROM read_parquet('a.parquet') WHERE x").1, ["a.parquet"]);
        assert_eq!(rewritten("DESCRIBE 'a.csv'").0.trim(), "\"__andon_file_0\"");
        assert_eq!(rewritten("WITH x AS (SELECT * FROM 'a.csv') SELECT * FROM x").1, ["a.csv"]);
        assert_eq!(rewritten("SELECT * FROM ('a.csv' JOIN 'b.csv' USING (k))").1, ["a.csv", "b.csv"]);
    }

    #[test]
    fn parameters_fill_values_and_paths() {
        let (sql, files) = rewritten("SELECT $n, '$n' FROM 'data/${day}/$day.csv' WHERE d = $day");
        assert_eq!(files, ["data/2026-11-16/2026-11-16.csv"]);
        assert!(sql.starts_with("SELECT 3, '$n' FROM") && sql.ends_with("d = '2026-11-16'"), "{sql}");
        let e = plan("SELECT $dya", &(0..11), &Statement::Query, &Params::from([("day".into(), 1.into())]));
        assert_eq!(e.unwrap_err().hint.unwrap(), "Did you mean $day?");
    }

    #[test]
    fn every_way_to_write_a_parameter_binds_a_value() {
        let (sql, files) = rewritten(
            "SELECT :n, {{ n }}, x::int, a[1:n], '{{day}} {{evil}}', ':n', $evil FROM 'd/{{day}}.csv' WHERE y = :evil",
        );
        assert_eq!(files, ["d/2026-11-16.csv"]);
        let start = "SELECT 3, 3, x::int, a[1:n], '2026-11-16 x'' OR ''1''=''1', ':n', 'x'' OR ''1''=''1' FROM";
        assert!(sql.starts_with(start) && sql.ends_with("y = 'x'' OR ''1''=''1'"), "{sql}");
    }

    #[test]
    fn names_of_tables_are_told_from_other_names() {
        let sql = "WITH w AS (SELECT * FROM a) SELECT x FROM w, \"b c\" JOIN d USING (k) WHERE e IN (SELECT f FROM g)";
        let plan = plan(sql, &(0..sql.len()), &Statement::Query, &Params::new()).unwrap();
        assert_eq!(plan.named, ["a", "w", "b c", "d", "g"]);
        assert_eq!(classify("EXPLAIN SELECT 1"), Statement::Explain);
    }

    #[test]
    fn statements_are_parted_and_writing_is_refused() {
        assert_eq!(statements("SELECT ';'; ; -- x\nSELECT 2;").len(), 2);
        assert!(matches!(classify("drop table x"), Statement::Refused(_)));
        assert_eq!(classify("CREATE TABLE day AS SELECT 1"), Statement::CreateTable { name: "day".into() });
    }

    #[test]
    fn positions_point_into_the_text_as_written() {
        let sql = "SELECT *\nFROM 'data/a.csv'\nWHRE x";
        let plan = plan(sql, &(0..sql.len()), &Statement::Query, &Params::new()).unwrap();
        let at = plan.sql.find("WHRE").unwrap();
        assert_eq!(plan.position(sql, at), (3, 1));
    }
}
