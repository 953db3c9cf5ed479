//! Descriptions of charts inside the scripts of a page: read as JSON, never run.
use memchr::memmem;
use serde_json::{Value, json};

/// Pages beyond this are not searched.
const MOST: usize = 64 * 1024 * 1024;

/// A description and the language it is in.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    Plotly(Value),
    VegaLite(Value),
}

/// The first chart of a page.
pub fn in_html(source: &str) -> Option<Found> {
    if source.len() > MOST {
        return None;
    }
    plotly(source).or_else(|| vega(source))
}

/// The value at the beginning of `text`, and what follows it.
fn value(text: &str) -> Option<(Value, &str)> {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let value = stream.next()?.ok()?;
    let at = stream.byte_offset();
    Some((value, text.get(at..)?))
}

/// `Plotly.newPlot("id", [traces], {layout}, ..)`.
fn plotly(source: &str) -> Option<Found> {
    for call in ["Plotly.newPlot(", "Plotly.react(", "Plotly.plot("] {
        for at in memmem::find_iter(source.as_bytes(), call).take(50) {
            let after = source[at + call.len()..].trim_start();
            let Some(first) = after.chars().next() else { continue };
            // The place is a string or an expression without brackets.
            let rest = match first {
                '"' => value(after).map(|(_, rest)| rest),
                '\'' => after[1..].split_once('\'').map(|(_, rest)| rest),
                _ => after.split_once(',').map(|(place, _)| &after[place.len()..]),
            };
            let Some(rest) = rest.and_then(|r| r.trim_start().strip_prefix(',')) else { continue };
            match value(rest.trim_start()) {
                Some((data @ Value::Array(_), rest)) => {
                    let layout = rest.trim_start().strip_prefix(',').and_then(|r| value(r.trim_start()));
                    let layout = layout.map(|(v, _)| v).filter(Value::is_object).unwrap_or_else(|| json!({}));
                    return Some(Found::Plotly(json!({"data": data, "layout": layout})));
                }
                Some((figure @ Value::Object(_), _)) if figure.get("data").is_some() => {
                    return Some(Found::Plotly(figure));
                }
                _ => {}
            }
        }
    }
    None
}

/// `(function(spec, ..) {..})({spec}, ..)`, `vegaEmbed("#id", {spec})` or `spec = {spec}` beside a call.
fn vega(source: &str) -> Option<Found> {
    memmem::find(source.as_bytes(), b"vegaEmbed")?;
    for before in ["})(", "vegaEmbed(", "spec =", "spec=", "Spec ="] {
        for at in memmem::find_iter(source.as_bytes(), before).take(50) {
            let after = &source[at + before.len()..];
            // Only up to the end of the argument's own statement.
            let reach = after.char_indices().nth(400).map_or(after.len(), |(i, _)| i);
            let Some(open) = after[..reach].find('{') else { continue };
            if let Some((spec, _)) = value(&after[open..])
                && is_vega_lite(&spec)
            {
                return Some(Found::VegaLite(spec));
            }
        }
    }
    None
}

fn is_vega_lite(spec: &Value) -> bool {
    let parts = ["mark", "layer", "facet", "hconcat", "vconcat", "concat", "repeat", "spec"];
    spec.is_object() && parts.iter().any(|p| spec.get(p).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs_are_found_and_scripts_are_not_run() {
        let html = "<script>Plotly.newPlot(\n \"a-b\", [{\"type\":\"bar\",\"y\":[1,2],\"name\":\"\\u003cb\\u003e\"}],\n {\"title\":\"T\"}, {})</script>";
        let Some(Found::Plotly(v)) = in_html(html) else { panic!("not found") };
        assert_eq!(v["data"][0]["name"], "<b>");
        assert_eq!(v["layout"]["title"], "T");
        let html = "<script>(function(s, o){ vegaEmbed(x, s) })({\"mark\": \"bar\"}, {});</script>";
        assert_eq!(in_html(html), Some(Found::VegaLite(json!({"mark": "bar"}))));
        let html = "<script>var spec = {\"layer\": []}; vegaEmbed('#vis', spec)</script>";
        assert_eq!(in_html(html), Some(Found::VegaLite(json!({"layer": []}))));
        for html in ["Plotly.newPlot(", "Plotly.newPlot(\"a\",", "vegaEmbed(é{", "vegaEmbed(x, {a: 1})", ""] {
            assert_eq!(in_html(html), None, "{html}");
        }
        let deep = format!("Plotly.newPlot(\"a\", {}", "[".repeat(100_000));
        assert_eq!(in_html(&deep), None);
    }
}
