//! What stands behind a cell's marker: `title [markdown] tags=["a"] name="b"`.
use serde_json::{Deserializer, Map, Value};

/// Reads `key=value` pairs, values being JSON; the rest is the title. What cannot be read stays in the title.
pub(super) fn read(text: &str) -> (String, Map<String, Value>) {
    let mut all = Map::new();
    let Some(first) = first_pair(text) else { return (text.trim().to_owned(), all) };
    let (title, mut rest) = text.split_at(first);
    while let Some((key, after)) = rest.trim_start().split_once('=') {
        let key = key.trim();
        let mut values = Deserializer::from_str(after).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) if is_key(key) => {
                all.insert(key.to_owned(), value);
                rest = after.get(values.byte_offset()..).unwrap_or_default();
            }
            _ => break,
        }
    }
    if rest.trim().is_empty() { (title.trim().to_owned(), all) } else { (text.trim().to_owned(), Map::new()) }
}

fn is_key(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "_-.".contains(c))
}

/// Where the first `key=` begins.
fn first_pair(text: &str) -> Option<usize> {
    let at = text.find('=')?;
    let head = text.get(..at)?;
    let start = head.rfind(char::is_whitespace).map_or(0, |n| n + 1);
    is_key(head.get(start..)?).then_some(start)
}

/// The pairs as they are written behind a marker, each with a space before it.
pub(super) fn write(all: &Map<String, Value>) -> String {
    all.iter().filter(|(key, _)| is_key(key)).map(|(key, value)| format!(" {key}={value}")).collect()
}
