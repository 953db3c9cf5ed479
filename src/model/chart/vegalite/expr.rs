//! The expressions of filters and calculations: `datum.x > 1 && isValid(datum.y)`. Read and worked out here, with limits;
//! nothing is run.
use regex::Regex;
use serde_json::{Map, Value, json};

use super::data::{field, number, truth, word};
use crate::model::chart::{civil, ticks};

const DEEP: usize = 60;
const LONG: usize = 20_000;
/// A text a function makes is never longer.
const TEXT: usize = 100_000;

#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    Value(Value),
    Datum,
    Member(Box<Expr>, Box<Expr>),
    Unary(char, Box<Expr>),
    Binary(&'static str, Box<Expr>, Box<Expr>),
    Choice(Box<Expr>, Box<Expr>, Box<Expr>),
    Call(String, Vec<Expr>),
    List(Vec<Expr>),
}

/// Reads an expression; the message names what is not understood.
pub fn parse(text: &str) -> Result<Expr, String> {
    if text.len() > LONG {
        return Err("it is too long".into());
    }
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0, depth: 0 };
    let expr = parser.choice()?;
    match parser.peek() {
        None => Ok(expr),
        Some(token) => Err(format!("{} is not expected", token.show())),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Number(f64),
    Text(String),
    Name(String),
    Sign(&'static str),
}

impl Token {
    fn show(&self) -> String {
        match self {
            Self::Number(n) => n.to_string(),
            Self::Text(t) => format!("'{}'", crate::base::text::shorten(t, 40)),
            Self::Name(n) => crate::base::text::shorten(n, 40),
            Self::Sign(s) => (*s).to_owned(),
        }
    }
}

const SIGNS: [&str; 29] = [
    "===", "!==", "==", "!=", "<=", ">=", "&&", "||", "**", "+", "-", "*", "/", "%", "<", ">", "!", "(", ")", "[", "]",
    ",", "?", ":", ".", "&", "|", "^", "~",
];

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while let Some(c) = rest.chars().next() {
        let next_digit = rest[c.len_utf8()..].starts_with(|c: char| c.is_ascii_digit());
        if c.is_ascii_digit() || (c == '.' && next_digit) {
            let mut n = 0;
            let bytes = rest.as_bytes();
            while n < bytes.len()
                && (bytes[n].is_ascii_digit()
                    || matches!(bytes[n], b'.' | b'e' | b'E')
                    || (matches!(bytes[n], b'+' | b'-') && n > 0 && matches!(bytes[n - 1], b'e' | b'E')))
            {
                n += 1;
            }
            out.push(Token::Number(rest[..n].parse().map_err(|_| format!("{} is no number", &rest[..n]))?));
            rest = rest[n..].trim_start();
        } else if c == '"' || c == '\'' {
            let mut text = String::new();
            let mut chars = rest[1..].char_indices();
            let end = loop {
                match chars.next() {
                    None => return Err("a text does not end".into()),
                    Some((i, q)) if q == c => break i,
                    Some((_, '\\')) => match chars.next() {
                        Some((_, 'n')) => text.push('\n'),
                        Some((_, 't')) => text.push('\t'),
                        Some((_, other)) => text.push(other),
                        None => return Err("a text does not end".into()),
                    },
                    Some((_, other)) => text.push(other),
                }
            };
            out.push(Token::Text(text));
            rest = rest[end + 2..].trim_start();
        } else if c.is_alphabetic() || c == '_' || c == '$' {
            let n = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(rest.len());
            out.push(Token::Name(rest[..n].to_owned()));
            rest = rest[n..].trim_start();
        } else {
            let Some(sign) = SIGNS.into_iter().find(|s| rest.starts_with(s)) else {
                return Err(format!("{c} is not known"));
            };
            out.push(Token::Sign(sign));
            rest = rest[sign.len()..].trim_start();
        }
    }
    Ok(out)
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
}

/// Signs between two parts, loosest first.
const LEVELS: [&[&str]; 6] =
    [&["||"], &["&&"], &["===", "!==", "==", "!="], &["<=", ">=", "<", ">"], &["+", "-"], &["*", "/", "%"]];

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }
    fn sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Sign(s)) if *s == sign);
        self.at += usize::from(found);
        found
    }
    fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.sign(sign) { Ok(()) } else { Err(format!("{sign} is missing")) }
    }

    fn choice(&mut self) -> Result<Expr, String> {
        self.depth += 1;
        if self.depth > DEEP {
            return Err("it is nested too deeply".into());
        }
        let test = self.binary(0)?;
        let out = if self.sign("?") {
            let yes = self.choice()?;
            self.expect(":")?;
            let no = self.choice()?;
            Expr::Choice(test.into(), yes.into(), no.into())
        } else {
            test
        };
        self.depth -= 1;
        Ok(out)
    }

    fn binary(&mut self, level: usize) -> Result<Expr, String> {
        let Some(signs) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        while let Some(sign) = signs.iter().copied().find(|s| self.sign(s)) {
            let right = self.binary(level + 1)?;
            left = Expr::Binary(sign, left.into(), right.into());
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expr, String> {
        self.depth += 1;
        if self.depth > DEEP {
            return Err("it is nested too deeply".into());
        }
        let sign = ["!", "-", "+"].into_iter().find(|s| self.sign(s));
        let out = match sign {
            Some(sign) => Expr::Unary(sign.chars().next().unwrap_or('+'), self.unary()?.into()),
            None => self.postfix()?,
        };
        self.depth -= 1;
        Ok(out)
    }

    fn postfix(&mut self) -> Result<Expr, String> {
        let mut expr = self.primary()?;
        loop {
            if self.sign(".") {
                let Some(Token::Name(name)) = self.peek().cloned() else { return Err("a name is missing".into()) };
                self.at += 1;
                expr = Expr::Member(expr.into(), Expr::Value(name.into()).into());
            } else if self.sign("[") {
                let key = self.choice()?;
                self.expect("]")?;
                expr = Expr::Member(expr.into(), key.into());
            } else {
                return Ok(expr);
            }
        }
    }

    fn primary(&mut self) -> Result<Expr, String> {
        let token = self.peek().cloned().ok_or("it ends too early")?;
        self.at += 1;
        match token {
            Token::Number(n) => Ok(Expr::Value(json!(n))),
            Token::Text(t) => Ok(Expr::Value(t.into())),
            Token::Sign("(") => {
                let inner = self.choice()?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Sign("[") => Ok(Expr::List(self.list("]")?)),
            Token::Name(name) if self.sign("(") => {
                if !FUNCTIONS.contains(&name.as_str()) {
                    return Err(format!("the function {} is not known", crate::base::text::shorten(&name, 40)));
                }
                Ok(Expr::Call(name, self.list(")")?))
            }
            Token::Name(name) => Ok(match name.as_str() {
                "datum" => Expr::Datum,
                "true" => Expr::Value(true.into()),
                "false" => Expr::Value(false.into()),
                "null" | "undefined" | "NaN" => Expr::Value(Value::Null),
                "PI" => Expr::Value(json!(std::f64::consts::PI)),
                "E" => Expr::Value(json!(std::f64::consts::E)),
                "LN2" => Expr::Value(json!(std::f64::consts::LN_2)),
                "LN10" => Expr::Value(json!(std::f64::consts::LN_10)),
                "SQRT2" => Expr::Value(json!(std::f64::consts::SQRT_2)),
                _ => return Err(format!("the name {} is not known", crate::base::text::shorten(&name, 40))),
            }),
            other @ Token::Sign(_) => Err(format!("{} is not expected", other.show())),
        }
    }

    fn list(&mut self, end: &str) -> Result<Vec<Expr>, String> {
        let mut out = Vec::new();
        if self.sign(end) {
            return Ok(out);
        }
        loop {
            out.push(self.choice()?);
            if self.sign(end) {
                return Ok(out);
            }
            self.expect(",")?;
        }
    }
}

const FUNCTIONS: &[&str] = &[
    "abs",
    "acos",
    "asin",
    "atan",
    "atan2",
    "ceil",
    "clamp",
    "cos",
    "exp",
    "floor",
    "hypot",
    "log",
    "max",
    "min",
    "pow",
    "round",
    "sin",
    "sqrt",
    "tan",
    "isArray",
    "isBoolean",
    "isDate",
    "isDefined",
    "isFinite",
    "isNaN",
    "isNumber",
    "isObject",
    "isString",
    "isValid",
    "toBoolean",
    "toDate",
    "toNumber",
    "toString",
    "if",
    "length",
    "lower",
    "upper",
    "trim",
    "substring",
    "slice",
    "indexof",
    "lastindexof",
    "replace",
    "split",
    "join",
    "parseFloat",
    "parseInt",
    "format",
    "timeFormat",
    "utcFormat",
    "datetime",
    "utc",
    "date",
    "day",
    "dayofyear",
    "month",
    "quarter",
    "year",
    "hours",
    "minutes",
    "seconds",
    "milliseconds",
    "time",
    "utcdate",
    "utcday",
    "utcmonth",
    "utcquarter",
    "utcyear",
    "utchours",
    "utcminutes",
    "utcseconds",
    "monthFormat",
    "monthAbbrevFormat",
    "dayFormat",
    "dayAbbrevFormat",
    "inrange",
    "span",
    "test",
    "regexp",
    "sign",
    "trunc",
    "log2",
    "log10",
    "isRegExp",
    "pad",
    "truncate",
];

/// The value of an expression for a row.
pub fn evaluate(expr: &Expr, row: &Map<String, Value>) -> Value {
    match expr {
        Expr::Value(v) => v.clone(),
        Expr::Datum => Value::Object(row.clone()),
        Expr::Member(of, key) => {
            let key = evaluate(key, row);
            if **of == Expr::Datum {
                let name = word(&key);
                return row.get(&name).or_else(|| field(row, &name)).cloned().unwrap_or(Value::Null);
            }
            let of = evaluate(of, row);
            match (&of, &key) {
                (Value::String(s), Value::String(k)) if k == "length" => json!(s.chars().count()),
                (Value::Array(a), Value::String(k)) if k == "length" => json!(a.len()),
                (Value::Array(a), k) => number(k).and_then(|i| a.get(i as usize).cloned()).unwrap_or(Value::Null),
                (Value::Object(o), k) => o.get(&word(k)).cloned().unwrap_or(Value::Null),
                _ => Value::Null,
            }
        }
        Expr::Unary(sign, of) => {
            let of = evaluate(of, row);
            match sign {
                '!' => json!(!truth(&of)),
                '-' => number(&of).map_or(Value::Null, |v| json!(-v)),
                _ => number(&of).map_or(Value::Null, |v| json!(v)),
            }
        }
        Expr::Binary(sign, a, b) => {
            let a = evaluate(a, row);
            match *sign {
                "&&" => return if truth(&a) { evaluate(b, row) } else { a },
                "||" => return if truth(&a) { a } else { evaluate(b, row) },
                _ => {}
            }
            binary(sign, &a, &evaluate(b, row))
        }
        Expr::Choice(test, yes, no) => evaluate(if truth(&evaluate(test, row)) { yes } else { no }, row),
        Expr::List(all) => Value::Array(all.iter().map(|e| evaluate(e, row)).collect()),
        Expr::Call(name, arguments) => {
            let given: Vec<Value> = arguments.iter().map(|e| evaluate(e, row)).collect();
            call(name, &given)
        }
    }
}

fn binary(sign: &str, a: &Value, b: &Value) -> Value {
    let both = || Some((number(a)?, number(b)?));
    let strings = a.is_string() || b.is_string();
    match sign {
        "===" | "==" => json!(equal(a, b)),
        "!==" | "!=" => json!(!equal(a, b)),
        "+" if strings => {
            let mut text = word(a);
            text.push_str(&word(b));
            text.truncate(text.char_indices().nth(TEXT).map_or(text.len(), |(i, _)| i));
            text.into()
        }
        "<" | ">" | "<=" | ">=" => {
            let order = match (a, b) {
                (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
                _ => both().and_then(|(a, b)| a.partial_cmp(&b)),
            };
            json!(order.is_some_and(|o| match sign {
                "<" => o.is_lt(),
                ">" => o.is_gt(),
                "<=" => o.is_le(),
                _ => o.is_ge(),
            }))
        }
        _ => both().map_or(Value::Null, |(a, b)| match sign {
            "+" => json!(a + b),
            "-" => json!(a - b),
            "*" => json!(a * b),
            "/" => json!(a / b),
            _ => json!(a % b),
        }),
    }
}

/// Equal as people mean it: 1 and 1.0 are.
pub fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(_), Value::Number(_)) => number(a) == number(b),
        _ => a == b,
    }
}

fn time_of(value: &Value) -> Option<f64> {
    match value {
        Value::String(s) => civil::parse(s),
        v => number(v),
    }
}

fn call(name: &str, g: &[Value]) -> Value {
    let null = Value::Null;
    let at = |i: usize| g.get(i).unwrap_or(&null);
    let n = |i: usize| number(at(i));
    if let Some(found) = math(name, &n, g) {
        return found;
    }
    if let Some(found) = calendar(name, g) {
        return found;
    }
    let text = || word(at(0));
    match name {
        "isArray" => json!(at(0).is_array()),
        "isBoolean" => json!(at(0).is_boolean()),
        "isNumber" | "isDate" => json!(at(0).is_number()),
        "isObject" => json!(at(0).is_object()),
        "isString" => json!(at(0).is_string()),
        "isDefined" | "isValid" => json!(!at(0).is_null()),
        "isFinite" => json!(n(0).is_some_and(f64::is_finite)),
        "isNaN" => json!(n(0).is_none_or(f64::is_nan)),
        "toBoolean" => json!(truth(at(0))),
        "toNumber" | "parseFloat" => n(0).map_or(Value::Null, |v| json!(v)),
        "parseInt" => n(0).map_or(Value::Null, |v| json!(v.trunc())),
        "toString" => text().into(),
        "if" => at(if truth(at(0)) { 1 } else { 2 }).clone(),
        "length" => json!(at(0).as_array().map_or_else(|| text().chars().count(), Vec::len)),
        "lower" => text().to_lowercase().into(),
        "upper" => text().to_uppercase().into(),
        "trim" => text().trim().into(),
        "slice" | "substring" => {
            let all: Vec<char> = text().chars().collect();
            let place = |i: usize, or: usize| {
                let v = n(i).map_or(or as f64, |v| if v < 0.0 && name == "slice" { all.len() as f64 + v } else { v });
                v.clamp(0.0, all.len() as f64) as usize
            };
            let (from, to) = (place(1, 0), place(2, all.len()));
            all[from.min(to)..to.max(from)].iter().collect::<String>().into()
        }
        "indexof" | "lastindexof" => match at(0) {
            Value::Array(all) => json!(all.iter().position(|v| equal(v, at(1))).map_or(-1.0, |p| p as f64)),
            _ => {
                let (text, part) = (text(), word(at(1)));
                let found = if name == "indexof" { text.find(&part) } else { text.rfind(&part) };
                json!(found.map_or(-1.0, |p| text[..p].chars().count() as f64))
            }
        },
        "replace" => text().replacen(&word(at(1)), &word(at(2)), 1).into(),
        "split" => {
            let sign = word(at(1));
            Value::Array(text().split(&sign).take(1000).map(Into::into).collect())
        }
        "join" => {
            let parts: Vec<String> = at(0).as_array().into_iter().flatten().map(word).collect();
            parts.join(&g.get(1).map_or_else(|| ",".to_owned(), word)).into()
        }
        "truncate" => crate::base::text::shorten(&text(), n(1).unwrap_or(10.0).clamp(1.0, 1000.0) as usize).into(),
        "pad" => text().into(),
        "format" => n(0).and_then(|v| ticks::number(v, &word(at(1)))).map_or_else(|| text().into(), Into::into),
        "inrange" => {
            let ends = at(1).as_array().map(|a| a.iter().filter_map(number).collect::<Vec<_>>()).unwrap_or_default();
            json!(n(0).is_some_and(|v| ends.len() == 2 && v >= ends[0].min(ends[1]) && v <= ends[0].max(ends[1])))
        }
        "span" => {
            let all: Vec<f64> = at(0).as_array().into_iter().flatten().filter_map(number).collect();
            json!(all.last().zip(all.first()).map_or(0.0, |(b, a)| b - a))
        }
        "regexp" => text().into(),
        "test" => json!(Regex::new(&text()).is_ok_and(|r| r.is_match(&word(at(1))))),
        _ => Value::Null,
    }
}

/// Functions of numbers; nothing for another name.
fn math(name: &str, n: &dyn Fn(usize) -> Option<f64>, g: &[Value]) -> Option<Value> {
    let value = |v: Option<f64>| Some(v.map_or(Value::Null, |v| json!(v)));
    let one = |f: fn(f64) -> f64| value(n(0).map(f));
    let two = |f: fn(f64, f64) -> f64| value(n(0).zip(n(1)).map(|(a, b)| f(a, b)));
    match name {
        "abs" => one(f64::abs),
        "acos" => one(f64::acos),
        "asin" => one(f64::asin),
        "atan" => one(f64::atan),
        "ceil" => one(f64::ceil),
        "cos" => one(f64::cos),
        "exp" => one(f64::exp),
        "floor" => one(f64::floor),
        "log" => one(f64::ln),
        "log2" => one(f64::log2),
        "log10" => one(f64::log10),
        "round" => one(|v| (v + 0.5).floor()),
        "sin" => one(f64::sin),
        "sqrt" => one(f64::sqrt),
        "tan" => one(f64::tan),
        "sign" => one(f64::signum),
        "trunc" => one(f64::trunc),
        "atan2" => two(f64::atan2),
        "pow" => two(f64::powf),
        "hypot" => two(f64::hypot),
        "clamp" => value(n(0).zip(n(1)).zip(n(2)).map(|((v, a), b)| v.max(a.min(b)).min(b.max(a)))),
        "max" => value(g.iter().filter_map(number).reduce(f64::max)),
        "min" => value(g.iter().filter_map(number).reduce(f64::min)),
        _ => None,
    }
}

fn calendar(name: &str, g: &[Value]) -> Option<Value> {
    let null = Value::Null;
    let at = |i: usize| g.get(i).unwrap_or(&null);
    let n = |i: usize, or: f64| number(at(i)).unwrap_or(or);
    let name = name.strip_prefix("utc").filter(|r| !r.is_empty()).unwrap_or(name);
    let part = |f: fn(&civil::Civil) -> i64| Some(time_of(at(0)).map_or(Value::Null, |ms| json!(f(&civil::civil(ms)))));
    match name {
        "datetime" | "utc" if g.len() > 1 => {
            let whole = |i: usize, or: f64| n(i, or).clamp(-1e6, 1e6) as i64;
            let ms = n(3, 0.0) * 3.6e6 + n(4, 0.0) * 6e4 + n(5, 0.0) * 1e3 + n(6, 0.0);
            Some(json!(civil::millis(whole(0, 1970.0), whole(1, 0.0) + 1, 1, ms) + (n(2, 1.0) - 1.0) * civil::DAY))
        }
        "datetime" | "utc" | "toDate" | "time" => Some(time_of(at(0)).map_or(Value::Null, |v| json!(v))),
        "year" => part(|c| c.year),
        "quarter" => part(|c| (c.month - 1) / 3 + 1),
        "month" => part(|c| c.month - 1),
        "date" => part(|c| c.day),
        "day" => part(|c| c.weekday),
        "dayofyear" => part(|c| civil::days(c.year, c.month, c.day) - civil::days(c.year, 1, 1) + 1),
        "hours" => part(|c| c.hour),
        "minutes" => part(|c| c.minute),
        "seconds" => part(|c| c.second),
        "milliseconds" => part(|c| c.ms),
        "timeFormat" | "Format" => {
            Some(time_of(at(0)).map_or(Value::Null, |ms| ticks::strftime(ms, &word(at(1))).into()))
        }
        "monthFormat" | "monthAbbrevFormat" | "dayFormat" | "dayAbbrevFormat" => {
            let all: &[&str] = if name.starts_with("month") { &civil::MONTHS } else { &civil::WEEKDAYS };
            let word = all.get(n(0, -1.0).max(-1.0) as usize).copied().unwrap_or("");
            Some(if name.contains("Abbrev") { word.get(..3).unwrap_or(word) } else { word }.into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_worked_out() {
        let row = json!({"x": 3, "y": 2.5, "k": "abc", "a b": 7, "n": null, "t": "2026-03-04", "l": [1, 2]});
        let row = row.as_object().unwrap();
        for (text, want) in [
            ("datum.x * 2", json!(6.0)),
            ("datum.y > 1", json!(true)),
            ("datum['a b'] + 1", json!(8.0)),
            ("datum.x + 1 - 2 * 3", json!(-2.0)),
            ("datum.x > 1 && datum.k === 'abc'", json!(true)),
            ("!isValid(datum.n) ? 'none' : 'some'", json!("none")),
            ("datum.k + '-' + datum.x", json!("abc-3")),
            ("pow(2, 10) / sqrt(16)", json!(256.0)),
            ("year(datum.t) * 100 + month(datum.t)", json!(202_602)),
            ("indexof(['a', 'abc'], datum.k) >= 0", json!(true)),
            ("datum.l[1] + datum.l.length", json!(4.0)),
            ("format(datum.y, '.2f')", json!("2.50")),
            ("-datum.x % 2", json!(-1.0)),
            ("upper(slice(datum.k, 0, 2))", json!("AB")),
            ("test('^a', datum.k)", json!(true)),
            ("datum.missing > 1", json!(false)),
            ("datetime(2026, 0, 1)", json!(1_767_225_600_000.0)),
        ] {
            let got = evaluate(&parse(text).unwrap(), row);
            assert!(equal(&got, &want), "{text}: {got}");
        }
    }

    #[test]
    fn wrong_expressions_say_why() {
        for text in
            ["", "datum.", "1 +", "alert(1)", "window.x", "'open", "(1", "a ? b", "datum.x; 1", "datum.x = 1", "é"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&"(".repeat(10_000)).is_err());
        assert!(parse(&"!".repeat(10_000)).is_err());
        assert_eq!(parse("alert(1)"), Err("the function alert is not known".into()));
    }
}
