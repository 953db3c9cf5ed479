//! Parameters as JSON Schema describes them, as fields of a form.
use serde_json::Value;

use super::normal::word;
use crate::model::pipeline::{Param, ParamKind, show};

/// Parameters by name, each `{value, schema, description}` (Airflow) or a schema with a default of its own (`properties` of
/// an object, as Prefect and pydantic write them).
pub fn params(all: &Value) -> Vec<Param> {
    all.as_object().into_iter().flatten().map(|(name, given)| param(name, given)).collect()
}

fn param(name: &str, given: &Value) -> Param {
    let schema = given.get("schema").filter(|s| s.is_object()).unwrap_or(given);
    let default = given.get("value").or_else(|| schema.get("default")).cloned().unwrap_or(Value::Null);
    let choices: Vec<Value> = schema.get("enum").and_then(Value::as_array).cloned().unwrap_or_default();
    let help = [word(given, "description").or_else(|| word(schema, "description")), bounds(schema)];
    let help: Vec<String> = help.into_iter().flatten().collect();
    let kind = kind(schema, &default, &choices);
    let help = Some(help.join("; ")).filter(|h| !h.is_empty());
    Param { name: name.to_owned(), kind, default, choices, help }
}

/// What can be typed. Where nothing or anything is allowed besides, or several types are, it is JSON.
fn kind(schema: &Value, default: &Value, choices: &[Value]) -> ParamKind {
    let named = schema.get("type").and_then(Value::as_str);
    let kind = match (named, word(schema, "format").as_deref()) {
        (Some("string"), Some("date")) => ParamKind::Date,
        (Some("string"), _) => ParamKind::Text,
        (Some("integer"), _) => ParamKind::Int,
        (Some("number"), _) => ParamKind::Float,
        (Some("boolean"), _) => ParamKind::Bool,
        (None, _) if schema.get("type").is_none() && schema.get("anyOf").is_none() => match default {
            Value::String(_) => ParamKind::Text,
            Value::Bool(_) => ParamKind::Bool,
            _ => ParamKind::Json,
        },
        _ => ParamKind::Json,
    };
    let fits = |v: &Value| match kind {
        ParamKind::Text => v.is_string(),
        ParamKind::Date => v.as_str().is_some_and(|s| s.parse::<jiff::civil::Date>().is_ok()),
        ParamKind::Int => v.is_i64() || v.is_u64(),
        ParamKind::Float => v.is_number(),
        ParamKind::Bool => v.is_boolean(),
        ParamKind::Value | ParamKind::Json => true,
    };
    // A default that the field could not show would be lost.
    let all_fit = choices.iter().all(fits) && (default.is_null() && kind != ParamKind::Bool || fits(default));
    if all_fit { kind } else { ParamKind::Json }
}

fn bounds(schema: &Value) -> Option<String> {
    let at = |key: &str| schema.get(key).filter(|v| v.is_number()).map(show);
    let (low, high) = (at("minimum"), at("maximum"));
    match (low, high) {
        (Some(low), Some(high)) => Some(format!("{low} to {high}")),
        (Some(low), None) => Some(format!("{low} or more")),
        (None, Some(high)) => Some(format!("{high} or less")),
        (None, None) => word(schema, "pattern").map(|p| format!("matches {p}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn schemas_become_fields_with_types_choices_and_bounds() {
        let all = params(&json!({
            "dataset": {"value": "orders", "description": "Which dataset",
                        "schema": {"type": "string", "enum": ["orders", "events"]}},
            "sample": {"value": 100, "schema": {"type": "integer", "minimum": 1, "maximum": 1000}},
            "day": {"value": "2025-01-01", "schema": {"type": "string", "format": "date"}},
            "strict": {"value": false, "schema": {"type": "boolean"}},
            "thresholds": {"value": {"null_ratio": 0.02}, "schema": {"type": "object"}},
            "maybe": {"value": null, "schema": {"type": ["null", "string"]}},
            "plain": {"value": "x", "schema": {}},
            "ratio": {"default": 0.5, "type": "number", "title": "Ratio"},
        }));
        let kinds: Vec<(&str, ParamKind)> = all.iter().map(|p| (p.name.as_str(), p.kind)).collect();
        use ParamKind::{Bool, Date, Float, Int, Json, Text};
        let wanted = [
            ("dataset", Text),
            ("sample", Int),
            ("day", Date),
            ("strict", Bool),
            ("thresholds", Json),
            ("maybe", Json),
            ("plain", Text),
            ("ratio", Float),
        ];
        assert_eq!(kinds, wanted);
        assert_eq!(all[0].choices, [json!("orders"), json!("events")]);
        assert_eq!((all[0].help.as_deref(), all[1].help.as_deref()), (Some("Which dataset"), Some("1 to 1000")));
        for p in &all {
            assert_eq!(p.read(&p.text_of(&p.default)).unwrap(), p.default, "{} keeps its default", p.name);
        }
    }

    #[test]
    fn a_default_that_does_not_fit_its_type_is_not_lost() {
        let all = params(&json!({ "n": {"value": "auto", "schema": {"type": "integer"}} }));
        assert_eq!((all[0].kind, all[0].text_of(&all[0].default).as_str()), (ParamKind::Json, "\"auto\""));
    }
}
