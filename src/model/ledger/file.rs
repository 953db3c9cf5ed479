//! Readable TOML files beside the log: one a subject, `board.toml` for columns, lanes and settings.
//!
//! They are made from the log and can always be made again; what a person changes in one by hand becomes operations
//! ([`edits`]). Keys stand in a fixed order with a blank line between them, so that two people's edits of different keys
//! merge by plain git as well.
use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};
use toml_edit::{DocumentMut, Item, TableLike};

use super::{Action, Doc, Projection, Slot, id_of, kind};
use crate::base::{Error, Result};

/// Fields in the order in which a file shows them; the rest follows by name.
const ORDER: [&str; 14] = [
    "number", "title", "place", "lane", "assignee", "blocked", "estimate", "due", "name", "wip", "hard", "key",
    "state", "body",
];

/// The file that shows a subject.
pub fn path(subject: &str) -> String {
    match kind(subject) {
        "board" | "column" | "lane" => "board.toml".to_owned(),
        kind => {
            let id = id_of(subject);
            let shelf: String = id.chars().take(2).collect();
            format!("{kind}s/{shelf}/{id}.toml")
        }
    }
}

/// The subject that a file shows; `None` for board.toml and for files that are none of these.
pub fn subject(path: &str) -> Option<String> {
    let mut parts = path.split('/');
    let (kinds, _, file) = (parts.next()?, parts.next()?, parts.next()?);
    let ours = parts.next().is_none() && kinds != "log";
    ours.then_some(())?;
    Some(format!("{}/{}", kinds.strip_suffix('s')?, file.strip_suffix(".toml")?))
}

/// The text of the file at `path`; `None` when the projection has nothing to show there.
pub fn render(all: &Projection, path: &str) -> Option<String> {
    if path == "board.toml" { board(all) } else { all.doc(&subject(path)?).map(doc) }
}

fn board(all: &Projection) -> Option<String> {
    let mut out =
        String::from("# The board's settings, columns and lanes. Written from log/; edits made here are taken over.\n");
    let start = out.len();
    for (kind, table) in [("board", "board"), ("column", "columns"), ("lane", "lanes")] {
        for doc in all.of_kind(kind).filter(|d| !d.is_deleted()) {
            let id = id_of(&doc.subject);
            match kind {
                "board" => out.push_str("\n[board]\n"),
                _ => out.push_str(&format!("\n[{table}.{}]\n", key(id))),
            }
            let lines: Vec<_> = fields(doc).into_iter().map(|(name, value)| line(name, value)).collect();
            out.push_str(&lines.join("\n"));
        }
    }
    (out.len() > start).then_some(out)
}

fn doc(doc: &Doc) -> String {
    let mut out = String::new();
    if let Some((at, by)) = &doc.created {
        let by = if by.is_empty() { String::new() } else { format!(" by {}", by.replace(['\n', '\r'], " ")) };
        out.push_str(&format!(
            "# Created {:.0}{by}. Written from log/; edits made here are taken over.\n\n",
            at.instant()
        ));
    }
    if doc.is_deleted() {
        out.push_str("deleted = true\n\n");
    }
    let lines: Vec<_> = fields(doc).into_iter().map(|(name, value)| line(name, value)).collect();
    out.push_str(&lines.join("\n"));
    let mut table = "";
    for ((field, item), register) in doc.slots() {
        let (Some(item), value) = (item, register.value()) else { continue };
        if value.is_null() {
            continue;
        }
        if field != table {
            out.push_str(&format!("\n[{}]\n", key(field)));
            table = field;
        } else {
            out.push('\n');
        }
        out.push_str(&line(item, value));
    }
    out
}

fn fields(doc: &Doc) -> Vec<(&str, &Value)> {
    let mut all: Vec<(&str, &Value)> = doc
        .slots()
        .filter(|((_, item), r)| item.is_none() && !r.value().is_null())
        .map(|((field, _), r)| (field.as_str(), r.value()))
        .collect();
    let rank = |name: &str| ORDER.iter().position(|k| *k == name).unwrap_or(ORDER.len());
    all.sort_by_key(|(name, _)| (rank(name), *name));
    all
}

fn line(name: &str, value: &Value) -> String {
    format!("{} = {}\n", key(name), toml(value, true))
}

fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if bare { name.to_owned() } else { quoted(name) }
}

/// JSON's escapes are TOML's, but for DEL, which TOML wants escaped.
fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string().replace('\u{7f}', "\\u007f")
}

fn toml(value: &Value, top: bool) -> String {
    match value {
        Value::Null => "\"\"".to_owned(),
        Value::String(s) if top && s.contains('\n') && !s.contains('\r') => {
            let inner = |l: &str| {
                let q = quoted(l);
                q[1..q.len() - 1].to_owned()
            };
            let safe: Vec<_> = s.split('\n').map(inner).collect();
            format!("\"\"\"\n{}\"\"\"", safe.join("\n"))
        }
        Value::String(s) => quoted(s),
        Value::Array(all) => {
            let parts: Vec<_> = all.iter().filter(|v| !v.is_null()).map(|v| toml(v, false)).collect();
            format!("[{}]", parts.join(", "))
        }
        Value::Object(map) => {
            let parts: Vec<_> = map
                .iter()
                .filter(|(_, v)| !v.is_null())
                .map(|(k, v)| format!("{} = {}", key(k), toml(v, false)))
                .collect();
            if parts.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", parts.join(", ")) }
        }
        other => other.to_string(),
    }
}

/// A changed file as actions: what its author would have had to do to get there. Empty when it says what the log says.
pub fn edits(all: &Projection, path: &str, text: &str) -> Result<Vec<(String, Action)>> {
    let parsed: DocumentMut = text.parse().map_err(|e: toml_edit::TomlError| {
        Error::config(format!("{path} on the board's branch is not TOML")).because(&e)
    })?;
    let mut out = Vec::new();
    if path == "board.toml" {
        for (kind, table) in [("column", "columns"), ("lane", "lanes")] {
            let written = parsed.get(table).and_then(Item::as_table_like);
            for (id, item) in written.into_iter().flat_map(TableLike::iter) {
                let (slots, _) = slots(item.as_table_like());
                compare(all, &format!("{kind}/{id}"), &slots, false, &mut out);
            }
            let gone = all.of_kind(kind).filter(|d| !d.is_deleted());
            for doc in gone.filter(|d| written.is_none_or(|t| !t.contains_key(id_of(&d.subject)))) {
                out.push((doc.subject.clone(), Action::Delete { seen: doc.last }));
            }
        }
        let (slots, _) = slots(parsed.get("board").and_then(Item::as_table_like));
        compare(all, "board/main", &slots, false, &mut out);
    } else if let Some(subject) = subject(path) {
        let (slots, deleted) = slots(Some(parsed.as_table()));
        compare(all, &subject, &slots, deleted, &mut out);
    }
    Ok(out)
}

fn compare(
    all: &Projection,
    subject: &str,
    written: &BTreeMap<Slot, Value>,
    deleted: bool,
    out: &mut Vec<(String, Action)>,
) {
    let empty = Doc { subject: subject.to_owned(), ..Doc::default() };
    let doc = all.doc(subject).unwrap_or(&empty);
    if doc.created.is_none() && !written.is_empty() {
        out.push((subject.to_owned(), Action::Create));
    }
    let was: Vec<&Slot> = doc.slots().filter(|(_, r)| !r.value().is_null()).map(|(s, _)| s).collect();
    let gone = was.into_iter().filter(|s| !written.contains_key(*s)).map(|s| (s, &Value::Null));
    for ((field, item), value) in written.iter().chain(gone) {
        let old = doc.register(field, item.as_deref()).map_or(&Value::Null, |r| r.value());
        if !same(old, value) {
            out.push((subject.to_owned(), doc.set(field, item.as_deref(), value.clone())));
        }
    }
    match (doc.is_deleted(), deleted) {
        (false, true) => out.push((subject.to_owned(), Action::Delete { seen: doc.last })),
        (true, false) => out.push((subject.to_owned(), Action::Restore { seen: doc.last })),
        _ => {}
    }
}

/// Equal as TOML can tell: `3` is `3.0`, and `null` inside a value is left out.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            let (a, b): (Vec<_>, Vec<_>) = (a.iter().filter(|v| !v.is_null()).collect(), b.iter().collect());
            a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let solid = |m: &Map<String, Value>| m.values().filter(|v| !v.is_null()).count();
            solid(a) == solid(b)
                && a.iter().filter(|(_, v)| !v.is_null()).all(|(k, v)| b.get(k).is_some_and(|w| same(v, w)))
        }
        _ => a == b,
    }
}

/// What a file sets, and whether it says `deleted`.
fn slots(table: Option<&dyn TableLike>) -> (BTreeMap<Slot, Value>, bool) {
    let (mut all, mut deleted) = (BTreeMap::new(), false);
    for (name, item) in table.into_iter().flat_map(TableLike::iter) {
        match item {
            Item::Table(items) => {
                for (key, item) in items {
                    if let Some(value) = item.as_value().map(json) {
                        all.insert((name.to_owned(), Some(key.to_owned())), value);
                    }
                }
            }
            Item::Value(v) if name == "deleted" => deleted = v.as_bool() == Some(true),
            Item::Value(v) => {
                all.insert((name.to_owned(), None), json(v));
            }
            _ => {}
        }
    }
    (all, deleted)
}

fn json(value: &toml_edit::Value) -> Value {
    use toml_edit::Value as T;
    match value {
        T::String(s) => Value::String(s.value().clone()),
        T::Integer(n) => Value::from(*n.value()),
        T::Float(f) => Number::from_f64(*f.value()).map_or(Value::Null, Value::Number),
        T::Boolean(b) => Value::Bool(*b.value()),
        T::Datetime(d) => Value::String(d.value().to_string()),
        T::Array(a) => Value::Array(a.iter().map(json).collect()),
        T::InlineTable(t) => Value::Object(t.iter().map(|(k, v)| (k.to_owned(), json(v))).collect()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::{
        base::ids::WriterId,
        model::ledger::{Stamper, project},
    };

    fn apply(all: &mut Projection, s: &mut Stamper, subject: &str, action: Action) {
        let op = s.op("2026-11-17T14:00:00Z".parse().unwrap(), subject, action);
        all.apply(&op);
    }

    fn card(values: &[(&str, Option<&str>, Value)]) -> (Projection, Stamper) {
        let mut s = Stamper::new(WriterId("w".into()), "Mara Okafor");
        let mut all = project([]);
        apply(&mut all, &mut s, "card/x1y2", Action::Create);
        for (field, item, value) in values {
            let set = all.doc("card/x1y2").unwrap().set(field, *item, value.clone());
            apply(&mut all, &mut s, "card/x1y2", set);
        }
        (all, s)
    }

    #[test]
    fn a_card_reads_well() {
        let (all, _) = card(&[
            ("body", None, json!("One\n\n\"two\" \\ three\"")),
            ("title", None, json!("Route medians")),
            ("place", None, json!({"column": "review", "key": "a1x"})),
            ("labels", Some("Report"), json!(true)),
            ("labels", Some("wind & ice"), json!(true)),
        ]);
        let path = path("card/x1y2");
        assert_eq!(path, "cards/x1/x1y2.toml");
        let text = render(&all, &path).unwrap();
        let expected = r#"# Created 2026-11-17T14:00:00Z by Mara Okafor. Written from log/; edits made here are taken over.

title = "Route medians"

place = { column = "review", key = "a1x" }

body = """
One

\"two\" \\ three\""""

[labels]
Report = true

"wind & ice" = true
"#;
        assert_eq!(text, expected);
        assert_eq!(edits(&all, &path, &text).unwrap(), []);
    }

    #[test]
    fn a_hand_edit_becomes_operations() {
        let (mut all, mut s) = card(&[("title", None, json!("Old")), ("labels", Some("a"), json!(true))]);
        let path = path("card/x1y2");
        let text = render(&all, &path).unwrap().replace("Old", "New").replace("a = true", "b = true");
        let found = edits(&all, &path, &text).unwrap();
        assert_eq!(found.len(), 3);
        for (subject, action) in found {
            apply(&mut all, &mut s, &subject, action);
        }
        assert_eq!(render(&all, &path).unwrap(), text);
        assert!(edits(&all, &path, "title = ").unwrap_err().to_string().contains("is not TOML"));
        let gone = edits(&all, &path, &format!("deleted = true\n{text}")).unwrap();
        assert!(matches!(gone[..], [(_, Action::Delete { .. })]));
    }

    proptest! {
        #[test]
        fn any_value_survives_the_file(title in ".*", body in "(.|\n)*", item in ".+", n in any::<f64>(), m in any::<i64>()) {
            prop_assume!(n.is_finite());
            let (all, _) = card(&[
                ("title", None, json!(title)),
                ("body", None, json!(body)),
                ("estimate", None, json!(n)),
                ("wip", None, json!(m)),
                ("place", None, json!({"column": title, "key": null, "deep": [1, {"x": body}]})),
                ("labels", Some(&item), json!({"text": body, "done": false})),
            ]);
            let path = path("card/x1y2");
            let text = render(&all, &path).unwrap();
            let found = edits(&all, &path, &text).unwrap();
            prop_assert!(found.is_empty(), "{text}\n{found:?}");
        }
    }
}
