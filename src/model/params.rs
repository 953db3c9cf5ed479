//! Parameters of a notebook, by papermill's convention: a code cell tagged `parameters` holds the defaults, a cell
//! tagged `injected-parameters` after it holds the values of one execution.
//!
//! [`declared`] reads what a cell declares, [`typed`] a value of the command line, [`read_file`] a file of values,
//! [`source`] writes the injected cell in the notebook's language.
use serde_json::{Map, Number, Value};

use super::{
    notebook::{Cell, CellKind},
    pipeline::{Param, ParamKind},
    run::Params,
    table::{is_name, sql_cell},
};
use crate::base::{Error, Result, error::Context};

mod literal;
mod yaml;

pub use literal::{Assignment, Source};

/// Tag of the cell with the defaults.
pub const DECLARED: &str = "parameters";
/// Tag of the cell that carries the values of an execution.
pub const INJECTED: &str = "injected-parameters";

/// The cell with this tag among the cells of code.
pub fn tagged<C: AsRef<Cell>>(cells: &[C], tag: &str) -> Option<usize> {
    // Most cells have no such word in their metadata, and need not be read.
    let may = |c: &Cell| c.kind == CellKind::Code && memchr::memmem::find(&c.metadata(), tag.as_bytes()).is_some();
    cells.iter().map(AsRef::as_ref).position(|c| may(c) && c.tags().iter().any(|t| t == tag))
}

/// A value as papermill reads it from its command line: `True`, `None`, whole numbers and numbers are taken as such; so
/// are, beyond papermill, `true`, `null` and lists and maps in brackets. Everything else is text.
pub fn typed(text: &str) -> Value {
    match text {
        "True" | "true" => return Value::Bool(true),
        "False" | "false" => return Value::Bool(false),
        "None" | "null" => return Value::Null,
        _ => {}
    }
    let trimmed = text.trim();
    if let Some(number) = number(trimmed) {
        return number;
    }
    if trimmed.starts_with(['[', '{']) {
        if let Ok(value) = serde_json::from_str(trimmed) {
            return value;
        }
        if let Some(value) = literal::value(trimmed).or_else(|| yaml::flow(trimmed)) {
            return value;
        }
    }
    Value::from(text)
}

/// A decimal number as Python's `int()` and `float()` read it, without infinities.
fn number(text: &str) -> Option<Value> {
    let plain = !text.starts_with('_') && !text.ends_with('_') && !text.contains("__");
    let digits = text.replace('_', "");
    let allowed = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'-' | b'+');
    if !plain || !digits.bytes().any(|b| b.is_ascii_digit()) || !digits.bytes().all(allowed) {
        return None;
    }
    if let Ok(n) = digits.parse::<i64>() {
        return Some(n.into());
    }
    if let Ok(n) = digits.parse::<u64>() {
        return Some(n.into());
    }
    digits.parse::<f64>().ok().filter(|f| f.is_finite()).and_then(Number::from_f64).map(Value::Number)
}

/// `NAME=VALUE`; `plain` leaves the value as text.
pub fn pair(text: &str, plain: bool) -> Result<(String, Value)> {
    let Some((name, value)) = text.split_once('=') else {
        return Err(Error::user(format!("{text:?} gives no value")).hint("Write -p NAME=VALUE"));
    };
    let name = checked(name.trim())?;
    Ok((name, if plain { Value::from(value) } else { typed(value) }))
}

fn checked(name: &str) -> Result<String> {
    if is_name(name) {
        return Ok(name.to_owned());
    }
    Err(Error::user(format!("{name:?} cannot be the name of a parameter"))
        .hint("Use letters, digits and _, with no digit first"))
}

/// Values out of a file: a JSON object, or plain YAML of `name: value` lines with lists below them or in brackets.
pub fn read_file(name: &str, text: &str) -> Result<Params> {
    let text = text.trim_start_matches('\u{feff}');
    let values = if text.trim_start().starts_with('{') {
        let value: Value =
            serde_json::from_str(text).config(|| format!("{name} cannot be read as an object of JSON"))?;
        value.as_object().cloned().unwrap_or_default()
    } else {
        yaml::read(name, text)?
    };
    for key in values.keys() {
        checked(key).map_err(|e| Error { what: format!("{name}: {}", e.what), ..e })?;
    }
    Ok(values)
}

/// The parameters a cell declares, in order, each once: type from its value or annotation, help from its comment.
pub fn declared(source: &str) -> Vec<Param> {
    let mut all: Vec<Param> = Vec::new();
    for line in Source::read(source).assignments {
        let (kind, default) = match &line.value {
            Some(value) => (kind_of(value, line.kind.as_deref()), value.clone()),
            // Made by code: what is typed is taken as a value, and nothing typed leaves the code as it is.
            None => (ParamKind::Value, Value::Null),
        };
        let mut help = line.help.clone().unwrap_or_default();
        if line.value.is_none() {
            let made = format!("default: {}", line.text);
            help = if help.is_empty() { made } else { format!("{help} ({made})") };
        }
        let param =
            Param { name: line.name, kind, default, choices: Vec::new(), help: Some(help).filter(|h| !h.is_empty()) };
        match all.iter_mut().find(|p| p.name == param.name) {
            Some(before) => *before = param,
            None => all.push(param),
        }
    }
    all
}

fn kind_of(value: &Value, annotation: Option<&str>) -> ParamKind {
    match (value, annotation.map(str::trim)) {
        (Value::Number(_), Some("float")) => ParamKind::Float,
        (Value::Bool(_), _) => ParamKind::Bool,
        (Value::Number(n), _) if n.is_f64() => ParamKind::Float,
        (Value::Number(_), _) => ParamKind::Int,
        (Value::String(s), _) if s.parse::<jiff::civil::Date>().is_ok() && s.len() == 10 => ParamKind::Date,
        (Value::String(_), _) => ParamKind::Text,
        _ => ParamKind::Value,
    }
}

/// The values that are known without running anything: plain ones of the cell with the defaults, and over them those
/// of an injected cell.
pub fn known<C: AsRef<Cell>>(cells: &[C]) -> Params {
    let mut values = Params::new();
    for tag in [DECLARED, INJECTED] {
        let cell = tagged(cells, tag).and_then(|at| cells.get(at)).map(AsRef::as_ref);
        // A query is no list of values.
        if let Some(cell) = cell.filter(|c| sql_cell(&c.source).is_none()) {
            let plain = Source::read(&cell.source).assignments.into_iter();
            values.extend(plain.filter_map(|a| Some((a.name, a.value?))));
        }
    }
    values
}

/// The text of an injected cell; none for a language whose literals are not known here.
pub fn source(params: &Params, language: &str) -> Option<String> {
    let (write, assign): (fn(&Value) -> String, &str) = match language.to_lowercase().as_str() {
        "python" => (python, " = "),
        "r" => (r, " = "),
        "julia" => (julia, " = "),
        "bash" | "shell" | "sh" => (bash, "="),
        _ => return None,
    };
    let lines = params.iter().map(|(name, value)| format!("{name}{assign}{}", write(value)));
    Some(std::iter::once("# Parameters".to_owned()).chain(lines).collect::<Vec<_>>().join("\n"))
}

fn quoted(text: &str) -> String {
    // JSON's escapes of strings are those of Python, Julia and R, but for characters beyond 16 bits, which are written
    // as they are.
    Value::from(text).to_string()
}

fn listed(items: &[Value], write: fn(&Value) -> String) -> String {
    items.iter().map(write).collect::<Vec<_>>().join(", ")
}

fn pairs(map: &Map<String, Value>, between: &str, write: fn(&Value) -> String) -> String {
    map.iter().map(|(k, v)| format!("{}{between}{}", quoted(k), write(v))).collect::<Vec<_>>().join(", ")
}

/// A value as a Python literal.
pub fn python(value: &Value) -> String {
    match value {
        Value::Null => "None".into(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Number(n) => n.to_string(),
        Value::String(s) => quoted(s),
        Value::Array(items) => format!("[{}]", listed(items, python)),
        Value::Object(map) => format!("{{{}}}", pairs(map, ": ", python)),
    }
}

fn r(value: &Value) -> String {
    match value {
        Value::Null => "NULL".into(),
        Value::Bool(true) => "TRUE".into(),
        Value::Bool(false) => "FALSE".into(),
        Value::Number(n) => n.to_string(),
        Value::String(s) => quoted(s),
        Value::Array(items) => format!("list({})", listed(items, r)),
        Value::Object(map) => format!("list({})", pairs(map, " = ", r)),
    }
}

fn julia(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => n.to_string(),
        Value::String(s) => quoted(s).replace('$', "\\$"),
        Value::Array(items) => format!("[{}]", listed(items, julia)),
        Value::Object(map) => format!("Dict({})", pairs(map, " => ", julia)),
    }
}

fn bash(value: &Value) -> String {
    let word = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
    match value {
        Value::Null => "''".into(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => n.to_string(),
        Value::String(s) => word(s),
        Value::Array(items) => format!("({})", items.iter().map(bash).collect::<Vec<_>>().join(" ")),
        Value::Object(_) => word(&value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_typed_as_papermill_does_it() {
        let cases = [
            ("True", json!(true)),
            ("false", json!(false)),
            ("None", json!(null)),
            ("12", json!(12)),
            ("-3", json!(-3)),
            ("+3", json!(3)),
            ("007", json!(7)),
            ("1_000", json!(1000)),
            ("1e-3", json!(0.001)),
            (".5", json!(0.5)),
            ("18446744073709551615", json!(18446744073709551615_u64)),
            ("2010-03-15", json!("2010-03-15")),
            ("1.2.3", json!("1.2.3")),
            ("_1", json!("_1")),
            ("nan", json!("nan")),
            ("yes", json!("yes")),
            ("", json!("")),
            (" a ", json!(" a ")),
            ("[1, 2.5, \"x\", null]", json!([1, 2.5, "x", null])),
            ("['a', True]", json!(["a", true])),
            ("[a, b c, 3]", json!(["a", "b c", 3])),
            ("{\"k\": [1]}", json!({ "k": [1] })),
            ("[broken", json!("[broken")),
            ("a=b", json!("a=b")),
        ];
        for (text, value) in cases {
            assert_eq!(typed(text), value, "{text}");
        }
        assert_eq!(pair("code=007", true).unwrap(), ("code".into(), json!("007")));
        assert_eq!(pair("q=a=b", false).unwrap(), ("q".into(), json!("a=b")));
        assert!(pair("x", false).unwrap_err().what.contains("gives no value"));
        assert!(pair("1x=2", false).unwrap_err().hint.is_some());
    }

    #[test]
    fn a_cell_declares_names_types_and_help() {
        let all = declared(
            "# defaults\nday = '2026-11-16'  # the day that is read\nlimit: int = 1_440 # type: int minutes\n\
             share: float = 1\nflag = True\nnone = None\ncities = [\n  'DAL',  # Dallas\n  'ORD',\n]\n\
             until = today()\nday = '2026-11-17'\n",
        );
        let told: Vec<_> = all.iter().map(|p| (p.name.as_str(), p.kind, p.help.as_deref())).collect();
        assert_eq!(
            told,
            [
                ("day", ParamKind::Date, None),
                ("limit", ParamKind::Int, Some("minutes")),
                ("share", ParamKind::Float, None),
                ("flag", ParamKind::Bool, None),
                ("none", ParamKind::Value, None),
                ("cities", ParamKind::Value, None),
                ("until", ParamKind::Value, Some("default: today()")),
            ]
        );
        assert_eq!((all[0].default.clone(), all[5].default.clone()), (json!("2026-11-17"), json!(["DAL", "ORD"])));
    }

    #[test]
    fn values_become_literals_of_the_language() {
        let params = json!({ "a": "it's \"x\" $é\n", "b": null, "c": [1, true], "d": { "k": 1.5 } });
        let params = params.as_object().unwrap();
        assert_eq!(
            source(params, "python").unwrap(),
            "# Parameters\na = \"it's \\\"x\\\" $é\\n\"\nb = None\nc = [1, True]\nd = {\"k\": 1.5}"
        );
        assert!(source(params, "R").unwrap().ends_with("b = NULL\nc = list(1, TRUE)\nd = list(\"k\" = 1.5)"));
        assert!(source(params, "julia").unwrap().contains("\\$é"));
        assert!(source(params, "bash").unwrap().contains("a='it'\\''s \"x\" $é\n'\nb=''\nc=(1 true)"));
        assert_eq!(source(params, "cobol"), None);
    }

    #[test]
    fn files_of_values_are_json_or_plain_yaml() {
        let yaml = "# run\n---\nday: 2026-11-16\nlimit: 12\nname: \"a: b\" # quoted\nnone: ~\nflag: yes it is\n\
                    list: [1, 'two', x y]\nbelow:\n  - a\n  - 2\n\nmap: {k: 1.5, l: [true]}\n";
        let value = Value::Object(read_file("p.yaml", yaml).unwrap());
        assert_eq!(
            value,
            json!({ "day": "2026-11-16", "limit": 12, "name": "a: b", "none": null, "flag": "yes it is",
                    "list": [1, "two", "x y"], "below": ["a", 2], "map": { "k": 1.5, "l": [true] } })
        );
        assert_eq!(read_file("p.json", "{\"a\": [1]}").unwrap()["a"], json!([1]));
        for (text, word) in [
            ("a: &x 1", "line 1"),
            ("ok: 1\n  deep: 2", "line 2"),
            ("just words", "line 1"),
            ("{\"a\": }", "JSON"),
            ("1 x: 2", "1 x"),
            ("a: |\n  text", "line 1"),
        ] {
            let error = read_file("p.yaml", text).unwrap_err();
            assert!(format!("{} {:?}", error.what, error.causes).contains(word), "{text}: {error}");
        }
    }
}
