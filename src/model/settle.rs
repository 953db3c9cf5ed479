//! A notebook with conflicts, decided by hand: what is still open, and the file without what the merge noted.
use std::ops::Range;

use super::json::{Json, Value};
use crate::base::{Error, Result};

/// The key of Andon's own metadata.
const OWN: &str = "andon";

/// Numbers of the cells, from 1, whose source still holds a conflict's marks.
pub fn open_cells(bytes: &[u8]) -> Result<Vec<usize>> {
    let json = Json::parse(bytes).map_err(|e| e.about("The notebook", bytes))?;
    let cells = json.root().get("cells");
    let sources = cells.iter().flat_map(Value::items).map(|c| c.get("source").and_then(|s| s.joined()));
    Ok(sources.enumerate().filter(|(_, s)| s.as_deref().is_some_and(has_marks)).map(|(n, _)| n + 1).collect())
}

/// True when a source holds a conflict's marks.
pub(super) fn has_marks(source: &str) -> bool {
    source.lines().any(|l| l.starts_with("<<<<<<< ") || l.starts_with(">>>>>>> "))
}

/// True for what git's own marks tear: lines of JSON merged as text, so that it is no notebook any more.
pub fn is_torn(bytes: &[u8]) -> bool {
    let marked = |mark: &[u8]| memchr::memmem::find(bytes, mark).is_some();
    marked(b"\n<<<<<<< ") && marked(b"\n>>>>>>> ") && Json::parse(bytes).is_err()
}

/// True when a merge left its notes in the notebook.
pub fn is_noted(bytes: &[u8]) -> bool {
    Json::parse(bytes).is_ok_and(|json| !notes(json.root()).is_empty())
}

/// The notebook as it stands, without the versions and conflicts that the merge noted in it; everything else keeps
/// its bytes. Notes that an output belongs to an older source stay: they are true until the cell is run.
///
/// # Errors
/// When marks are left in a source, or no merge left anything here.
pub fn settled(bytes: &[u8]) -> Result<Vec<u8>> {
    let open = open_cells(bytes)?;
    if !open.is_empty() {
        let numbers: Vec<String> = open.iter().map(ToString::to_string).collect();
        let (cells, hold) = if open.len() == 1 { ("Cell", "holds") } else { ("Cells", "hold") };
        return Err(Error::user(format!("{cells} {} still {hold} conflict marks", numbers.join(", ")))
            .hint("Decide what stands between <<<<<<< and >>>>>>>, and take these lines out"));
    }
    unnoted(bytes)?.ok_or_else(|| {
        Error::user("The notebook has no conflict to settle").because_of("Its metadata hold nothing that a merge noted")
    })
}

/// The notebook without what a merge noted in it, whatever its sources hold; none where no merge noted anything.
pub(super) fn unnoted(bytes: &[u8]) -> Result<Option<Vec<u8>>> {
    let json = Json::parse(bytes).map_err(|e| e.about("The notebook", bytes))?;
    let ranges = notes(json.root());
    if ranges.is_empty() {
        return Ok(None);
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    for range in ranges {
        out.extend_from_slice(bytes.get(at..range.start).unwrap_or_default());
        at = range.end;
    }
    out.extend_from_slice(bytes.get(at..).unwrap_or_default());
    Ok(Some(out))
}

/// A cell's metadata without the note that its outputs belong to an older source, which a run makes untrue; none where
/// there is no such note.
pub(super) fn rerun(metadata: &[u8]) -> Option<Vec<u8>> {
    memchr::memmem::find(metadata, b"\"andon\"")?;
    let json = Json::parse(metadata).ok()?;
    let range = note(json.root(), "stale")?;
    Some([metadata.get(..range.start)?, metadata.get(range.end..)?].concat())
}

/// What Andon's own member of metadata says, for showing a difference of it: the packed versions say nothing to a person.
/// `None` for other members.
pub fn words(key: &str, value: &str) -> Option<String> {
    let json = Json::parse(value.as_bytes()).ok().filter(|_| key == OWN)?;
    let lines = json.root().members().map(|m| match m.key.as_str().unwrap_or_default().as_ref() {
        "merge" => "three versions, kept until the conflicts are decided".to_owned(),
        "conflict" => {
            let parts = m.value.get("parts");
            let parts: Vec<String> =
                parts.iter().flat_map(Value::items).filter_map(|p| p.as_str().map(|s| s.into_owned())).collect();
            format!("a conflict to decide: {}", parts.join(", "))
        }
        "stale" => "outputs that an older source made".to_owned(),
        other => format!("{other}: {}", m.value.raw_text()),
    });
    Some(lines.collect::<Vec<_>>().join("\n"))
}

/// Where the notes stand, in the order of the file.
fn notes(root: Value<'_>) -> Vec<Range<usize>> {
    let cells = root.get("cells");
    let of_cells = cells.iter().flat_map(Value::items).filter_map(|c| note(c.get("metadata")?, "conflict"));
    let mut all: Vec<Range<usize>> = root.get("metadata").and_then(|m| note(m, "merge")).into_iter().collect();
    all.extend(of_cells);
    all.sort_by_key(|r| r.start);
    all
}

fn note(metadata: Value<'_>, key: &str) -> Option<Range<usize>> {
    let own = metadata.get(OWN).filter(|o| o.is_object())?;
    own.get(key)?;
    // An object that would be left empty goes as a whole.
    if own.members().all(|m| m.key.is(key)) { without(metadata, OWN) } else { without(own, key) }
}

/// The bytes to take out, so that the member is gone.
fn without(object: Value<'_>, key: &str) -> Option<Range<usize>> {
    let members: Vec<_> = object.members().collect();
    let at = members.iter().rposition(|m| m.key.is(key))?;
    let this = members.get(at)?;
    Some(match (at.checked_sub(1).and_then(|i| members.get(i)), members.get(at + 1)) {
        (Some(before), _) => before.value.span().end..this.value.span().end,
        (None, Some(after)) => this.key.span().start..after.key.span().start,
        (None, None) => object.span().start + 1..object.span().end - 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::merge::{Names, merge};

    fn notebook(middle: &str, metadata: &str) -> String {
        let cell = |id: &str, source: &str, metadata: &str| {
            format!(
                "  {{\n   \"cell_type\": \"markdown\",\n   \"id\": \"{id}\",\n   \"metadata\": {metadata},\n   \"source\": \"{source}\"\n  }}"
            )
        };
        format!(
            "{{\n \"cells\": [\n{},\n{},\n{}\n ],\n \"metadata\": {metadata},\n \"nbformat\": 4,\n \"nbformat_minor\": 5\n}}\n",
            cell("a", "first of all", "{}"),
            cell("b", middle, "{\n    \"tags\": [\n     \"x\"\n    ]\n   }"),
            cell("c", "last of all", "{}"),
        )
    }

    #[test]
    fn what_was_decided_by_hand_is_left_without_a_trace_of_the_merge() {
        for metadata in ["{}", "{\n  \"kernelspec\": {\n   \"name\": \"p\"\n  }\n }"] {
            let file = |middle: &str| notebook(middle, metadata);
            let names = Names { local: "HEAD", remote: "other" };
            let merged = merge(
                file("limit is 3").as_bytes(),
                file("limit is 4").as_bytes(),
                file("limit is 5").as_bytes(),
                names,
            );
            let merged = merged.unwrap();
            assert_eq!(merged.conflicts.len(), 1);
            assert!(is_noted(&merged.bytes));
            assert_eq!(open_cells(&merged.bytes).unwrap(), [2]);
            let e = settled(&merged.bytes).unwrap_err();
            assert!(e.what.contains("Cell 2 still"), "{e}");
            let marks = "<<<<<<< HEAD\\nlimit is 4\\n=======\\nlimit is 5\\n>>>>>>> other";
            let text = String::from_utf8(merged.bytes).unwrap();
            assert!(text.contains(marks), "{text}");
            let decided = settled(text.replace(marks, "limit is 4 or 5").as_bytes()).unwrap();
            assert_eq!(String::from_utf8(decided).unwrap(), file("limit is 4 or 5"));
        }
    }

    #[test]
    fn notes_are_told_in_words() {
        let value = "{\"conflict\": {\"parts\": [\"source\", \"outputs\"], \"base\": 3}, \"mine\": 2}";
        assert_eq!(words("andon", value).unwrap(), "a conflict to decide: source, outputs\nmine: 2");
        assert!(words("andon", "{\"merge\": {\"versions\": \"KLUv\"}}").unwrap().starts_with("three versions"));
        assert_eq!(words("tags", "[]"), None);
    }

    #[test]
    fn other_notes_stay_and_where_there_is_none_it_says_so() {
        let e = settled(notebook("x", "{}").as_bytes()).unwrap_err();
        assert!(e.what.contains("no conflict to settle"), "{e}");
        let with = notebook("x", "{\"andon\": {\"merge\": {\"a\": 1}, \"mine\": 2}, \"z\": 3}");
        let without = notebook("x", "{\"andon\": {\"mine\": 2}, \"z\": 3}");
        assert_eq!(String::from_utf8(settled(with.as_bytes()).unwrap()).unwrap(), without);
        let with = notebook("x", "{\"andon\": {\"merge\": 1}, \"z\": 3}");
        let without = notebook("x", "{\"z\": 3}");
        assert_eq!(String::from_utf8(settled(with.as_bytes()).unwrap()).unwrap(), without);
        assert!(settled(b"{").is_err());
    }
}
