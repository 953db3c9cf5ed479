//! Parameters of a notebook: read from its `parameters` cell, written into an injected one.
use serde_json::{Map, Value};

use crate::{
    base::{Error, Result},
    model::{
        notebook::{CellKind, Notebook},
        run::Params,
        table::sql_cell,
    },
};

/// Tag of the cell that carries the values of a run.
pub(super) const INJECTED: &str = "injected-parameters";

/// Values by name, for SQL.
pub(super) type Values = crate::engine::sql::Params;

/// Puts the parameters in and returns all values SQL cells can use: defaults first, given ones over them.
pub(super) fn inject(notebook: &mut Notebook, params: &Params) -> Result<Values> {
    let cells = notebook.cells().to_vec();
    let tagged = |tag: &str| cells.iter().position(|c| c.kind == CellKind::Code && c.tags().iter().any(|t| t == tag));
    let declared = tagged("parameters");
    let mut values = Values::new();
    if let Some(cell) = declared.and_then(|at| cells.get(at)) {
        values.extend(known(&cell.source));
    }
    let earlier = tagged(INJECTED).and_then(|at| cells.get(at).map(|c| (at, c.key)));
    if params.is_empty() {
        if let Some(cell) = earlier.and_then(|(at, _)| cells.get(at)) {
            values.extend(known(&cell.source));
        }
        return Ok(values);
    }
    for name in params.keys() {
        if !crate::model::table::is_name(name) {
            return Err(Error::user(format!("{name:?} cannot be the name of a parameter"))
                .hint("Use letters, digits and _, with no digit first"));
        }
    }
    let language = notebook.language();
    let only_sql = cells.iter().all(|c| c.kind != CellKind::Code || sql_cell(&c.source).is_some());
    if language == "python" || only_sql {
        let source = python_source(params);
        match earlier {
            Some((_, key)) => notebook.set_source(key, &source)?,
            None => {
                let key = notebook.insert(declared.map_or(0, |at| at + 1), CellKind::Code, &source)?;
                notebook.set_cell_metadata(key, &format!("{{\"tags\": [\"{INJECTED}\"]}}"))?;
            }
        }
    } else {
        return Err(Error::user(format!("Parameters cannot be put into a notebook in {language} yet"))
            .hint("Run it without parameters, or use a Python or SQL notebook"));
    }
    values.extend(params.iter().map(|(k, v)| (k.clone(), v.clone())));
    Ok(values)
}

fn python_source(params: &Params) -> String {
    let lines = params.iter().map(|(name, value)| format!("{name} = {}", python(value)));
    std::iter::once("# Parameters".to_owned()).chain(lines).collect::<Vec<_>>().join("\n")
}

/// A value as a Python literal.
fn python(value: &Value) -> String {
    match value {
        Value::Null => "None".into(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Number(n) => n.to_string(),
        // JSON's escapes of strings are Python's, but for characters beyond 16 bits, which serde writes as they are.
        Value::String(_) => value.to_string(),
        Value::Array(items) => format!("[{}]", items.iter().map(python).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let pair = |(k, v): (&String, &Value)| format!("{}: {}", Value::from(k.as_str()), python(v));
            format!("{{{}}}", map.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
    }
}

/// The assignments of a cell that are plain literals; other lines are passed over.
fn known(source: &str) -> Map<String, Value> {
    source.lines().filter_map(assignment).flatten().collect()
}

/// All assignments of a cell, or none when it holds anything but plain literals.
pub(super) fn literals(source: &str) -> Option<Map<String, Value>> {
    let mut all = Map::new();
    for line in source.lines() {
        all.extend(assignment(line)?);
    }
    Some(all)
}

/// `name = literal` or `name: type = literal`; `Some(None)` for an empty line or a comment.
#[allow(clippy::option_option, reason = "no assignment and not understood are two different answers")]
fn assignment(line: &str) -> Option<Option<(String, Value)>> {
    let text = line.trim();
    if text.is_empty() || text.starts_with('#') {
        return Some(None);
    }
    if line.starts_with([' ', '\t']) {
        return None;
    }
    let (name, value) = text.split_once('=')?;
    let name = name.split(':').next().unwrap_or_default().trim();
    if !crate::model::table::is_name(name) {
        return None;
    }
    Some(Some((name.to_owned(), literal(value.trim())?)))
}

fn literal(text: &str) -> Option<Value> {
    if let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let inside = text.get(1..)?;
        let end = inside.find(quote)?;
        let (body, rest) = inside.split_at(end);
        let rest = rest.get(1..)?.trim();
        // Escapes and triple quotes are left to a kernel.
        let plain = !body.contains('\\') && (rest.is_empty() || rest.starts_with('#'));
        return plain.then(|| Value::from(body));
    }
    let text = text.split('#').next().unwrap_or_default().trim();
    match text {
        "None" => return Some(Value::Null),
        "True" => return Some(Value::Bool(true)),
        "False" => return Some(Value::Bool(false)),
        _ => {}
    }
    let digits = text.replace('_', "");
    if let Ok(n) = digits.parse::<i64>() {
        return Some(n.into());
    }
    let number = digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'-' | b'+'));
    digits.parse::<f64>().ok().filter(|_| number).and_then(serde_json::Number::from_f64).map(Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn plain_assignments_are_read_without_python() {
        let all =
            literals("# c\nday = '2026-11-16'  # today\n\nlimit: int = 1_440\nshare=-0.5\nflag = True\nnone = None");
        let all = Value::Object(all.unwrap());
        assert_eq!(all, json!({ "day": "2026-11-16", "limit": 1440, "share": -0.5, "flag": true, "none": null }));
        for code in ["import os", "x = f()", "x = 'a' + 'b'", "x = '''a'''", "if x:\n    y = 1", "x = 'a\\n'", "x == 1"]
        {
            assert_eq!(literals(code), None, "{code}");
        }
    }

    #[test]
    fn values_become_python() {
        let params = json!({ "a": "it's \"x\" é\n", "b": null, "c": [1, true], "d": { "k": 1.5 } });
        assert_eq!(
            python_source(params.as_object().unwrap()),
            "# Parameters\na = \"it's \\\"x\\\" é\\n\"\nb = None\nc = [1, True]\nd = {\"k\": 1.5}"
        );
    }

    #[test]
    fn the_injected_cell_follows_the_declared_one_and_is_replaced() {
        let mut notebook = Notebook::new_empty();
        notebook.insert(0, CellKind::Markdown, "# Title").unwrap();
        let declared = notebook.insert(1, CellKind::Code, "day = 'old'\nlimit = 5").unwrap();
        notebook.set_cell_metadata(declared, r#"{"tags": ["parameters"]}"#).unwrap();
        notebook.insert(2, CellKind::Code, "print(day)").unwrap();
        let params = |day: &str| json!({ "day": day }).as_object().cloned().unwrap();
        let values = inject(&mut notebook, &params("new")).unwrap();
        assert_eq!((values["day"].clone(), values["limit"].clone()), (json!("new"), json!(5)));
        assert_eq!(&*notebook.cells()[2].source, "# Parameters\nday = \"new\"");
        assert_eq!(notebook.cells()[2].tags(), [INJECTED]);
        inject(&mut notebook, &params("newer")).unwrap();
        assert_eq!(notebook.cells().len(), 4);
        assert_eq!(&*notebook.cells()[2].source, "# Parameters\nday = \"newer\"");
        let bad = json!({ "1 x": 1 }).as_object().cloned().unwrap();
        assert!(inject(&mut notebook, &bad).is_err());
    }
}
