//! Files of patterns, as nbval's `--nbval-sanitize-with` reads them: pairs of lines `regex: ...` and `replace: ...`.
use regex::Regex;
use serde_json::Value;

use crate::base::{Error, Result, error::Context};

/// Patterns whose finds are replaced on both sides before they are compared.
#[derive(Debug, Clone, Default)]
pub struct Masks(Vec<(Regex, String)>);

impl Masks {
    /// Reads a file and adds what it holds.
    pub fn add(&mut self, name: &str, text: &str) -> Result<()> {
        let lines: Vec<&str> = text.lines().collect();
        let before = self.0.len();
        for (n, pair) in lines.windows(2).enumerate() {
            let [first, second] = pair else { continue };
            let Some(pattern) = first.strip_prefix("regex: ") else { continue };
            let Some(with) = second.strip_prefix("replace: ").or_else(|| (*second == "replace:").then_some("")) else {
                return Err(Error::config(format!("{name}, line {}: \"replace: ...\" must follow the pattern", n + 2)));
            };
            let regex = Regex::new(pattern)
                .config(|| format!("{name}, line {}: the pattern is no regular expression", n + 1))
                .map_err(|e| {
                    let looks = ["(?=", "(?!", "(?<"].iter().any(|l| pattern.contains(l));
                    let hint = "Looking ahead and behind is not possible: name the surroundings and put them back";
                    if looks { e.hint(hint) } else { e }
                })?;
            self.0.push((regex, replacement(with)));
        }
        if self.0.len() == before && !text.trim().is_empty() {
            return Err(Error::config(format!("{name} holds no pattern"))
                .hint("Write pairs of lines: \"regex: PATTERN\" and \"replace: TEXT\""));
        }
        Ok(())
    }

    /// Replaces in every text of an output but its names.
    pub(super) fn apply(&self, output: &mut Value) {
        if self.0.is_empty() {
            return;
        }
        let Some(map) = output.as_object_mut() else { return };
        for (key, value) in map.iter_mut() {
            match key.as_str() {
                "output_type" | "name" | "metadata" => {}
                "data" => {
                    let types = value.as_object_mut().into_iter().flatten();
                    types.filter(|(mime, _)| !mime.starts_with("image/")).for_each(|(_, v)| self.text(v));
                }
                _ => self.text(value),
            }
        }
    }

    /// Lists of lines are one text; of anything else each string is.
    fn text(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.replace(text),
            Value::Array(lines) if lines.iter().all(Value::is_string) => {
                let whole: String = lines.iter().filter_map(Value::as_str).collect();
                *value = Value::from(self.replace(&whole));
            }
            Value::Array(items) => items.iter_mut().for_each(|v| self.text(v)),
            Value::Object(map) => map.values_mut().for_each(|v| self.text(v)),
            _ => {}
        }
    }

    fn replace(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (pattern, with) in &self.0 {
            if let std::borrow::Cow::Owned(new) = pattern.replace_all(&text, with.as_str()) {
                text = new;
            }
        }
        text
    }
}

/// `\1` and `\g<name>` of Python become `${1}` and `${name}`.
fn replacement(python: &str) -> String {
    let mut out = String::new();
    let mut rest = python;
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        if c == '$' {
            out.push_str("$$");
            rest = after;
            continue;
        }
        if c != '\\' {
            out.push(c);
            rest = after;
            continue;
        }
        let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len()).min(2);
        if let Some((name, tail)) = after.strip_prefix("g<").and_then(|t| t.split_once('>')) {
            out.push_str(&format!("${{{name}}}"));
            rest = tail;
        } else if digits > 0 {
            out.push_str(&format!("${{{}}}", after.get(..digits).unwrap_or_default()));
            rest = after.get(digits..).unwrap_or_default();
        } else {
            let escaped = after.chars().next();
            out.push(match escaped {
                Some('n') => '\n',
                Some('t') => '\t',
                Some(c) => c,
                None => '\\',
            });
            rest = after.get(escaped.map_or(0, char::len_utf8)..).unwrap_or_default();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn files_of_nbval_are_read_and_groups_put_back() {
        let mut masks = Masks::default();
        let file = "[Dates]\nregex: \\d\\d-\\d\\d\nreplace: DAY\n\n[Figure]\n\
                    regex: (Figure size )\\d+x\\d+( with)\nreplace: \\1W$H\\g<2>\n";
        masks.add("a.cfg", file).unwrap();
        let mut output =
            json!({ "output_type": "stream", "name": "stdout", "text": ["on 12-", "11\n", "Figure size 6x4 with"] });
        masks.apply(&mut output);
        assert_eq!(output["text"], "on DAY\nFigure size W$H with");
        let mut output = json!({ "output_type": "display_data", "metadata": { "a": "12-11" },
            "data": { "text/plain": "12-11", "application/json": { "k": ["12-11", 5] }, "image/svg+xml": "12-11" } });
        masks.apply(&mut output);
        assert_eq!(
            output["data"],
            json!({ "text/plain": "DAY", "application/json": { "k": "DAY" }, "image/svg+xml": "12-11" })
                .as_object_mut()
                .map(|m| {
                    m.insert("application/json".into(), json!({ "k": ["DAY", 5] }));
                    json!(m)
                })
                .unwrap()
        );
        assert_eq!(output["metadata"]["a"], "12-11");
    }

    #[test]
    fn wrong_files_say_what_is_wrong() {
        for (text, word) in [
            ("regex: (\nreplace: x", "line 1"),
            ("regex: a\nwith: b", "line 2"),
            ("words", "no pattern"),
            ("regex: (?=a)\nreplace: b", "line 1"),
        ] {
            let error = Masks::default().add("m.cfg", text).unwrap_err();
            assert!(error.what.contains(word), "{text}: {error}");
        }
        Masks::default().add("empty.cfg", "\n").unwrap();
    }
}
