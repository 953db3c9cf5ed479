//! What operations did, in words: commit messages, the log view, notices.
use serde_json::Value;

use super::Board;
use crate::{
    base::text::shorten,
    model::ledger::{Action, Op, Projection, id_of, kind},
};

/// A field's value as a person reads it.
pub fn value(board: &Board, field: &str, value: &Value) -> String {
    let named = |id: &str| match field {
        "place" => board.column(id).map(|c| c.name.clone()),
        "lane" => board.lane(id).map(|l| l.name.clone()),
        _ => None,
    };
    match value {
        Value::Null => "nothing".to_owned(),
        Value::String(s) => named(s).unwrap_or_else(|| shorten(s.lines().next().unwrap_or(""), 60)),
        Value::Object(map) => {
            let text = |key: &str| map.get(key).and_then(Value::as_str);
            match (field, text("column"), text("text")) {
                ("place", Some(column), _) => named(column).unwrap_or_else(|| column.to_owned()),
                (_, _, Some(text)) => shorten(text.lines().next().unwrap_or(""), 60),
                _ => value.to_string(),
            }
        }
        other => other.to_string(),
    }
}

/// How a subject is called: a card's label, a column's name, else its id.
pub fn subject(board: &Board, all: &Projection, subject: &str) -> String {
    let id = id_of(subject);
    match kind(subject) {
        "card" => match board.cards.get(&id.into()) {
            Some(card) => card.label.clone(),
            None => match all.doc(subject).and_then(|d| d.get("number").as_u64()) {
                Some(number) => format!("{}-{number}", board.prefix),
                None => format!("card {}", shorten(id, 8)),
            },
        },
        "column" => format!("column {}", board.column(id).map_or(id, |c| &c.name)),
        "lane" => format!("lane {}", board.lane(id).map_or(id, |l| &l.name)),
        "board" => "the board".to_owned(),
        kind => format!("{kind} {}", shorten(id, 8)),
    }
}

/// One operation as a sentence without a full stop: `Move AND-146 to Done`. `None` for what says nothing on its own,
/// such as the number a new card got.
pub fn describe(board: &Board, all: &Projection, op: &Op) -> Option<String> {
    let who = subject(board, all, &op.subject);
    let is_card = kind(&op.subject) == "card";
    Some(match &op.action {
        Action::Create => {
            let title = all.doc(&op.subject).map_or("", |d| d.text("title"));
            if title.is_empty() {
                format!("Add {who}")
            } else {
                format!("Add {who} \u{201c}{}\u{201d}", shorten(title, 60))
            }
        }
        Action::Delete { .. } => format!("Delete {who}"),
        Action::Restore { .. } => format!("Restore {who}"),
        Action::Other(verb) => format!("{verb} {who} (written by a later version)"),
        Action::Set { field, .. } if matches!(field.as_str(), "number" | "key") => return None,
        Action::Set { field, item: None, value: v, .. } => match (field.as_str(), v.is_null()) {
            ("place", _) => {
                let reason = v.get("reason").and_then(Value::as_str).map(|r| format!(" over its limit: {r}"));
                format!("Move {who} to {}{}", value(board, field, v), reason.unwrap_or_default())
            }
            ("blocked", false) => format!("Block {who}: {}", value(board, field, v)),
            ("blocked", true) => format!("Unblock {who}"),
            ("assignee", false) => format!("Assign {who} to {}", value(board, field, v)),
            ("assignee", true) => format!("Unassign {who}"),
            ("body", _) => format!("Edit the text of {who}"),
            ("lanes_by", _) => format!("Show lanes by {}", super::Grouping::parse(v.as_str().unwrap_or("")).word()),
            ("title", false) if is_card => format!("Name {who} \u{201c}{}\u{201d}", value(board, field, v)),
            (_, true) => format!("Clear {field} of {who}"),
            _ => format!("Set {field} of {who} to {}", value(board, field, v)),
        },
        Action::Set { field, item: Some(item), value: v, .. } => match (field.as_str(), v.is_null()) {
            ("labels", false) => format!("Label {who} {item}"),
            ("labels", true) => format!("Take label {item} off {who}"),
            ("links", false) => format!("Link {who} to {item}"),
            ("links", true) => format!("Unlink {who} from {item}"),
            ("checklist", false) => {
                let done = v.get("done").and_then(Value::as_bool) == Some(true);
                let verb = if done { "Tick" } else { "Set" };
                format!("{verb} \u{201c}{}\u{201d} of {who}", value(board, field, v))
            }
            ("checklist", true) => format!("Remove a checklist line of {who}"),
            ("comments", false) => format!("Comment on {who}: {}", value(board, field, v)),
            ("card_fields", shown) => {
                format!("{} {item} on cards", if shown { "Show" } else { "Hide" })
            }
            ("comments", true) => format!("Remove a comment on {who}"),
            _ => format!("Set {field} {item} of {who}"),
        },
    })
}

/// A commit message for these operations: what was done, or the first of it with a count and the list below.
pub fn message(all: &Projection, ops: &[&Op]) -> String {
    let board = Board::read(all);
    let mut lines: Vec<String> = Vec::new();
    let created: Vec<&str> = ops.iter().filter(|o| o.action == Action::Create).map(|o| o.subject.as_str()).collect();
    for op in ops {
        // A new subject's first values are part of its creation.
        let part = created.contains(&op.subject.as_str()) && op.action != Action::Create;
        let line = if part { None } else { describe(&board, all, op) };
        if let Some(line) = line.filter(|l| lines.last() != Some(l)) {
            lines.push(line);
        }
    }
    match lines.as_slice() {
        [] => "Update the board".to_owned(),
        [one] => shorten(one, 72),
        [first, rest @ ..] => {
            let more = format!(", and {} more", rest.len());
            let shown: Vec<_> = lines.iter().take(200).map(|l| format!("- {l}")).collect();
            format!("{}{more}\n\n{}\n", shorten(first, 72 - more.len()), shown.join("\n"))
        }
    }
}
