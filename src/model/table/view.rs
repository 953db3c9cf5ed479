//! The state of a view of a table: steps over a source, and the same as SQL, both ways.
use serde::{Deserialize, Serialize};

use super::{
    Kind,
    lex::{self, Token},
};

/// How a filter compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Between,
    NotBetween,
    Contains,
    IsNull,
    NotNull,
}

impl Op {
    /// Those that make sense for a column of this kind, most used first.
    pub fn for_kind(kind: Kind) -> &'static [Self] {
        match kind {
            Kind::Bool => &[Self::Eq, Self::Ne, Self::IsNull, Self::NotNull],
            Kind::Text => &[
                Self::Eq,
                Self::Ne,
                Self::Contains,
                Self::Lt,
                Self::Le,
                Self::Gt,
                Self::Ge,
                Self::Between,
                Self::NotBetween,
                Self::IsNull,
                Self::NotNull,
            ],
            Kind::Other => &[Self::IsNull, Self::NotNull],
            _ => &[
                Self::Eq,
                Self::Ne,
                Self::Lt,
                Self::Le,
                Self::Gt,
                Self::Ge,
                Self::Between,
                Self::NotBetween,
                Self::IsNull,
                Self::NotNull,
            ],
        }
    }
    /// Values it needs.
    pub fn arity(self) -> usize {
        match self {
            Self::IsNull | Self::NotNull => 0,
            Self::Between | Self::NotBetween => 2,
            _ => 1,
        }
    }
    /// As on a chip: `unit is hhmm`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Eq => "is",
            Self::Ne => "is not",
            Self::Lt => "<",
            Self::Le => "\u{2264}",
            Self::Gt => ">",
            Self::Ge => "\u{2265}",
            Self::Between => "in",
            Self::NotBetween => "not in",
            Self::Contains => "contains",
            Self::IsNull => "is null",
            Self::NotNull => "is not null",
        }
    }
}

/// One condition on one column; values as typed, read as the column's type by the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    pub column: String,
    pub kind: Kind,
    pub op: Op,
    pub values: Vec<String>,
}

impl Filter {
    /// A filter.
    pub fn new(column: impl Into<String>, kind: Kind, op: Op, values: &[&str]) -> Self {
        Self { column: column.into(), kind, op, values: values.iter().map(|v| (*v).to_owned()).collect() }
    }
    /// As on a chip: `dep_delay not in -60…1440`.
    pub fn label(&self) -> String {
        let word = self.op.word();
        match self.values.as_slice() {
            [] => format!("{} {word}", self.column),
            [a, b, ..] => format!("{} {word} {a}\u{2026}{b}", self.column),
            [a] => format!("{} {word} {a}", self.column),
        }
    }
    fn sql(&self) -> String {
        let column = lex::name(&self.column);
        let value = |i: usize| self.literal(self.values.get(i).map_or("", String::as_str));
        match self.op {
            Op::Eq => format!("{column} = {}", value(0)),
            Op::Ne => format!("{column} <> {}", value(0)),
            Op::Lt => format!("{column} < {}", value(0)),
            Op::Le => format!("{column} <= {}", value(0)),
            Op::Gt => format!("{column} > {}", value(0)),
            Op::Ge => format!("{column} >= {}", value(0)),
            Op::Between => format!("{column} BETWEEN {} AND {}", value(0), value(1)),
            Op::NotBetween => format!("{column} NOT BETWEEN {} AND {}", value(0), value(1)),
            Op::Contains => {
                let text = self.values.first().map_or("", String::as_str);
                format!("STRPOS({column}, {}) > 0", lex::text(text))
            }
            Op::IsNull => format!("{column} IS NULL"),
            Op::NotNull => format!("{column} IS NOT NULL"),
        }
    }
    fn literal(&self, value: &str) -> String {
        match self.kind {
            Kind::Int | Kind::Float if value.trim().parse::<f64>().is_ok_and(f64::is_finite) => value.trim().to_owned(),
            Kind::Bool if value.eq_ignore_ascii_case("true") => "TRUE".to_owned(),
            Kind::Bool if value.eq_ignore_ascii_case("false") => "FALSE".to_owned(),
            Kind::Date => format!("CAST({} AS DATE)", lex::text(value)),
            Kind::Datetime => format!("CAST({} AS TIMESTAMP)", lex::text(value)),
            Kind::Time => format!("CAST({} AS TIME)", lex::text(value)),
            _ => lex::text(value),
        }
    }
}

/// One key of an order. Missing values always come last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sort {
    pub column: String,
    pub descending: bool,
}

/// One step of a view; switched off it stays in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    Filter { filter: Filter, on: bool },
    Sort { by: Sort, on: bool },
}

impl Step {
    /// True when it counts.
    pub fn is_on(&self) -> bool {
        match self {
            Self::Filter { on, .. } | Self::Sort { on, .. } => *on,
        }
    }
    /// Its detail line: `unit is hhmm`, `dep_delay, largest first`.
    pub fn detail(&self) -> String {
        match self {
            Self::Filter { filter, .. } => filter.label(),
            Self::Sort { by, .. } => {
                format!("{}, {} first", by.column, if by.descending { "largest" } else { "smallest" })
            }
        }
    }
}

/// What is asked of the engine: every filter that is on, and the order, strongest key first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ViewSpec {
    pub filters: Vec<Filter>,
    pub sort: Vec<Sort>,
}

impl ViewSpec {
    /// From a list of steps; a later sort outranks an earlier one, as if sorted again (stably).
    pub fn of(steps: &[Step]) -> Self {
        let mut spec = Self::default();
        for step in steps.iter().filter(|s| s.is_on()) {
            match step {
                Step::Filter { filter, .. } => spec.filters.push(filter.clone()),
                Step::Sort { by, .. } => {
                    spec.sort.retain(|s| s.column != by.column);
                    spec.sort.insert(0, by.clone());
                }
            }
        }
        spec
    }
    /// True when all rows come in the order of the file.
    pub fn is_plain(&self) -> bool {
        self.filters.is_empty() && self.sort.is_empty()
    }
    /// The same as a query over `from` (already SQL: `'data/a.parquet'` or a name).
    pub fn to_sql(&self, from: &str) -> String {
        let mut sql = format!("SELECT * FROM {from}");
        let mut glue = "\nWHERE";
        for filter in &self.filters {
            sql.push_str(&format!("{glue} {}", filter.sql()));
            glue = " AND";
        }
        let mut glue = if self.filters.is_empty() { "\nORDER BY" } else { " ORDER BY" };
        for sort in &self.sort {
            let direction = if sort.descending { " DESC" } else { "" };
            sql.push_str(&format!("{glue} {}{direction} NULLS LAST", lex::name(&sort.column)));
            glue = ",";
        }
        sql
    }
    /// Reads back a query of the shape [`Self::to_sql`] writes; `None` for any other. Gives the source text too.
    /// `kind_of` names the kind of a column, so that a query over unknown columns is not taken.
    pub fn from_sql(sql: &str, kind_of: impl Fn(&str) -> Option<Kind>) -> Option<(String, Self)> {
        let mut reader = Reader { sql, spans: lex::significant(sql), at: 0 };
        reader.word("SELECT")?;
        reader.punct("*")?;
        reader.word("FROM")?;
        let from = reader.source()?;
        let mut spec = Self::default();
        if reader.word("WHERE").is_some() {
            loop {
                spec.filters.push(reader.filter(&kind_of)?);
                if reader.word("AND").is_none() {
                    break;
                }
            }
        }
        if reader.word("ORDER").is_some() {
            reader.word("BY")?;
            loop {
                let column = reader.name()?;
                kind_of(&column)?;
                let descending = reader.word("DESC").is_some();
                if !descending {
                    let _ = reader.word("ASC");
                }
                if reader.word("NULLS").is_some() {
                    reader.word("LAST")?;
                }
                spec.sort.push(Sort { column, descending });
                if reader.punct(",").is_none() {
                    break;
                }
            }
        }
        let _ = reader.punct(";");
        (reader.at == reader.spans.len()).then_some((from, spec))
    }
}

struct Reader<'a> {
    sql: &'a str,
    spans: Vec<lex::Span>,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<(Token, &str)> {
        self.spans.get(self.at).map(|s| (s.token, &self.sql[s.at.clone()]))
    }
    fn word(&mut self, word: &str) -> Option<()> {
        let (token, text) = self.peek()?;
        (token == Token::Word && text.eq_ignore_ascii_case(word)).then(|| self.at += 1)
    }
    fn punct(&mut self, punct: &str) -> Option<()> {
        let (token, text) = self.peek()?;
        (token == Token::Punct && text == punct).then(|| self.at += 1)
    }
    fn name(&mut self) -> Option<String> {
        let (token, text) = self.peek()?;
        let name = match token {
            Token::Word if !lex::is_keyword(text) => text.to_owned(),
            Token::Quoted => lex::unquote(text),
            _ => return None,
        };
        self.at += 1;
        Some(name)
    }
    fn source(&mut self) -> Option<String> {
        let (token, text) = self.peek()?;
        let text = text.to_owned();
        let ok = matches!(token, Token::Text | Token::Quoted) || (token == Token::Word && !lex::is_keyword(&text));
        ok.then(|| {
            self.at += 1;
            text
        })
    }
    fn value(&mut self) -> Option<String> {
        let minus = self.punct("-").is_some();
        let (token, text) = self.peek()?;
        let value = match token {
            Token::Number => format!("{}{text}", if minus { "-" } else { "" }),
            Token::Text if !minus => lex::unquote(text),
            Token::Word if !minus && ["TRUE", "FALSE"].iter().any(|w| text.eq_ignore_ascii_case(w)) => {
                text.to_ascii_lowercase()
            }
            Token::Word if !minus && text.eq_ignore_ascii_case("CAST") => return self.cast(),
            _ => return None,
        };
        self.at += 1;
        Some(value)
    }
    fn cast(&mut self) -> Option<String> {
        self.word("CAST")?;
        self.punct("(")?;
        let (token, text) = self.peek()?;
        let value = (token == Token::Text).then(|| lex::unquote(text))?;
        self.at += 1;
        self.word("AS")?;
        ["DATE", "TIMESTAMP", "TIME"].iter().find_map(|w| self.word(w))?;
        self.punct(")")?;
        Some(value)
    }
    fn filter(&mut self, kind_of: &impl Fn(&str) -> Option<Kind>) -> Option<Filter> {
        if self.word("STRPOS").is_some() {
            self.punct("(")?;
            let column = self.name()?;
            self.punct(",")?;
            let value = self.value()?;
            self.punct(")")?;
            self.punct(">")?;
            (self.value()? == "0").then_some(())?;
            let kind = kind_of(&column)?;
            return Some(Filter { column, kind, op: Op::Contains, values: vec![value] });
        }
        let column = self.name()?;
        let kind = kind_of(&column)?;
        let done = |op, values| Some(Filter { column: column.clone(), kind, op, values });
        if self.word("IS").is_some() {
            let not = self.word("NOT").is_some();
            self.word("NULL")?;
            return done(if not { Op::NotNull } else { Op::IsNull }, Vec::new());
        }
        let not = self.word("NOT").is_some();
        if self.word("BETWEEN").is_some() {
            let low = self.value()?;
            self.word("AND")?;
            let high = self.value()?;
            return done(if not { Op::NotBetween } else { Op::Between }, vec![low, high]);
        }
        if not {
            return None;
        }
        let ops = [
            ("=", Op::Eq),
            ("<>", Op::Ne),
            ("!=", Op::Ne),
            ("<=", Op::Le),
            (">=", Op::Ge),
            ("<", Op::Lt),
            (">", Op::Gt),
        ];
        let op = ops.iter().find_map(|(sign, op)| self.punct(sign).map(|()| *op))?;
        let value = self.value()?;
        done(op, vec![value])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(name: &str) -> Option<Kind> {
        match name {
            "unit" | "odd name" => Some(Kind::Text),
            "dep_delay" => Some(Kind::Int),
            "day" => Some(Kind::Date),
            _ => None,
        }
    }

    #[test]
    fn steps_and_sql_are_one_state() {
        let spec = ViewSpec {
            filters: vec![
                Filter::new("unit", Kind::Text, Op::Eq, &["it's"]),
                Filter::new("dep_delay", Kind::Int, Op::NotBetween, &["-60", "1440"]),
                Filter::new("odd name", Kind::Text, Op::Contains, &["AND"]),
                Filter::new("day", Kind::Date, Op::Ge, &["2026-11-16"]),
                Filter::new("unit", Kind::Text, Op::NotNull, &[]),
            ],
            sort: vec![
                Sort { column: "dep_delay".into(), descending: true },
                Sort { column: "unit".into(), descending: false },
            ],
        };
        let sql = spec.to_sql("'data/a.parquet'");
        assert_eq!(ViewSpec::from_sql(&sql, kinds), Some(("'data/a.parquet'".to_owned(), spec)), "{sql}");
    }

    #[test]
    fn other_queries_are_left_alone() {
        for sql in [
            "SELECT a FROM t",
            "SELECT * FROM t LIMIT 3",
            "SELECT * FROM t WHERE unit = 'a' OR unit = 'b'",
            "SELECT * FROM t WHERE nope = 1",
            "SELECT * FROM t JOIN u ON 1 = 1",
            "SELECT * FROM t WHERE",
        ] {
            assert_eq!(ViewSpec::from_sql(sql, kinds), None, "{sql}");
        }
    }

    #[test]
    fn a_later_sort_outranks_an_earlier_one_and_off_steps_do_not_count() {
        let sort = |c: &str, on| Step::Sort { by: Sort { column: c.into(), descending: false }, on };
        let spec = ViewSpec::of(&[sort("a", true), sort("b", true), sort("c", false)]);
        let names: Vec<_> = spec.sort.iter().map(|s| s.column.as_str()).collect();
        assert_eq!(names, ["b", "a"]);
    }
}
