//! What a person wrote on a chart: a sentence at a point, which may begin new control limits.
//!
//! Kept in `dashboards/notes.toml`, one `[[note]]` a table, so that it is read, reviewed and merged like the rest.
use jiff::Timestamp;
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};

use crate::base::{Error, Result};

/// Where notes are kept, below the workspace.
pub const NOTES: &str = "dashboards/notes.toml";

/// A sentence at a point of one chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The chart: `check:checks/delays.toml:in_range`, `metric:nightly/load/rows`.
    pub on: String,
    /// When the point was measured.
    pub at: Timestamp,
    pub text: String,
    /// Limits are taken anew from this point on: what came before is no measure for what comes after.
    pub new_limits: bool,
}

impl Note {
    /// True when it says nothing and changes nothing.
    pub fn is_empty(&self) -> bool {
        self.text.trim().is_empty() && !self.new_limits
    }
}

fn parsed(text: &str) -> Result<DocumentMut> {
    text.parse().map_err(|e: toml_edit::TomlError| Error::config(format!("{NOTES} is not TOML")).because(&e))
}

/// Reads the file.
pub fn read(text: &str) -> Result<Vec<Note>> {
    let document = parsed(text)?;
    let Some(list) = document.get("note") else { return Ok(Vec::new()) };
    let list = list.as_array_of_tables().ok_or_else(|| {
        Error::config(format!("In {NOTES} note is no list of tables")).hint("Write each one below a line [[note]]")
    })?;
    list.iter().enumerate().map(|(i, table)| of(table).map_err(|why| fault(i, &why))).collect()
}

fn fault(index: usize, why: &str) -> Error {
    Error::config(format!("{NOTES}: note {} {why}", index + 1))
        .hint("A note has on = \"metric:PIPELINE/TASK/NAME\" or \"check:FILE:ID\", at = a time with its zone, and text")
}

fn of(table: &Table) -> Result<Note, String> {
    let word = |key: &str| table.get(key).and_then(Item::as_str).map(str::to_owned);
    let at = match table.get("at") {
        Some(item) => item.as_datetime().map(ToString::to_string).or_else(|| item.as_str().map(str::to_owned)),
        None => None,
    };
    let at = at.ok_or("has no time `at`")?;
    Ok(Note {
        on: word("on").ok_or("does not say `on` which chart")?,
        at: at.parse().map_err(|_| format!("has the time {at}, which is none with a zone"))?,
        text: word("text").unwrap_or_default(),
        new_limits: table.get("new_limits").and_then(Item::as_bool).unwrap_or(false),
    })
}

/// The file with a note added, or in place of the one at the same point; an empty note takes that one away. All else
/// stays as it was written.
pub fn put(text: &str, note: &Note) -> Result<String> {
    read(text)?;
    let mut document = parsed(text)?;
    let list = document.entry("note").or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
    let Some(list) = list.as_array_of_tables_mut() else { return Err(fault(0, "is no table")) };
    let same = |t: &Table| of(t).is_ok_and(|n| n.on == note.on && n.at == note.at);
    let place = list.iter().position(same);
    if note.is_empty() {
        if let Some(place) = place {
            list.remove(place);
        }
        return Ok(document.to_string());
    }
    let place = place.unwrap_or_else(|| {
        list.push(Table::new());
        list.len() - 1
    });
    if let Some(table) = list.get_mut(place) {
        table.insert("on", value(note.on.as_str()));
        table.insert("at", value(note.at.to_string()));
        table.insert("text", value(note.text.trim()));
        if note.new_limits {
            table.insert("new_limits", value(true));
        } else {
            table.remove("new_limits");
        }
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(at: &str, text: &str, new_limits: bool) -> Note {
        Note { on: "metric:nightly/load/rows".into(), at: at.parse().unwrap(), text: text.into(), new_limits }
    }

    #[test]
    fn notes_are_added_changed_and_taken_away_and_the_rest_of_the_file_stays() {
        let first = "# Ours\nowner = \"Ines\"\n";
        let (a, b) =
            (note("2026-11-17T06:10:00Z", "New feed for G7", true), note("2026-11-18T06:10:00Z", "Mended", false));
        let one = put(first, &a).unwrap();
        let two = put(&one, &b).unwrap();
        assert_eq!(read(&two).unwrap(), [a.clone(), b.clone()]);
        assert!(two.starts_with(first), "{two}");
        let changed = note("2026-11-17T06:10:00Z", "Feed of G7 replaced", false);
        let three = put(&two, &changed).unwrap();
        assert_eq!(read(&three).unwrap(), [changed, b.clone()]);
        let four = put(&three, &note("2026-11-17T06:10:00Z", " ", false)).unwrap();
        assert_eq!(read(&four).unwrap(), [b]);
        assert!(four.starts_with(first));
    }

    #[test]
    fn a_file_with_a_mistake_is_named_and_never_written_over() {
        for (text, words) in [
            ("note = ", "is not TOML"),
            ("note = 3", "no list of tables"),
            ("[[note]]\ntext = \"x\"\n", "note 1 has no time"),
            ("[[note]]\nat = 2026-11-17T06:10:00Z\n", "which chart"),
            ("[[note]]\non = \"a\"\nat = \"yesterday\"\n", "yesterday"),
        ] {
            let e = read(text).unwrap_err();
            assert!(e.to_string().contains(words), "{text}: {e}");
            assert!(put(text, &note("2026-11-17T06:10:00Z", "x", false)).is_err());
        }
        let native = "[[note]]\non = \"a\"\nat = 2026-11-17T06:10:00Z\ntext = \"x\"\n";
        assert_eq!(read(native).unwrap()[0].at, "2026-11-17T06:10:00Z".parse().unwrap());
    }
}
