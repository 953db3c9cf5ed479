//! JSON as a tree that folds; only visible rows are drawn.
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use egui::{Align2, Rect, Sense, Ui, pos2, vec2};
use serde_json::Value;

use super::{Act, menu};
use crate::{
    base::text::{count, shorten, thousands},
    ui::theme::{CONTROL, SMALL, Theme, icon},
};

const ROW: f32 = 20.0;
/// Rows below which everything is open at first.
const OPEN_AT_FIRST: usize = 24;
/// Rows that are laid out at most.
const MAX_ROWS: usize = 20_000;

/// Members of one list or object that are shown before somebody asks for more, and how many come then.
const SOME: usize = 500;
/// Letters of a value that are shown.
const LETTERS: usize = 400;

/// What is open.
#[derive(Debug, Clone, Default)]
pub(super) struct JsonView {
    /// Paths whose state differs from what it was at first.
    toggled: HashSet<String>,
    /// How many members of a path are shown, where somebody asked for more.
    more: HashMap<String, usize>,
    /// The rows, made again when something is opened or closed.
    rows: Arc<[Row]>,
    /// What they were made of.
    made: Option<Arc<Value>>,
}

#[derive(Debug, Clone)]
struct Row {
    depth: usize,
    path: String,
    key: Option<String>,
    words: String,
    kind: Kind,
    open: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Null,
    Bool,
    Number,
    Text,
    /// Something that holds others.
    Many,
    /// Members that are not shown.
    More,
}

/// Nodes of the whole tree, counted up to a limit.
fn size(value: &Value, limit: usize) -> usize {
    let mut stack = vec![value];
    let mut n = 0;
    while let Some(v) = stack.pop() {
        n += 1;
        if n > limit {
            break;
        }
        match v {
            Value::Array(items) => stack.extend(items.iter().take(limit)),
            Value::Object(map) => stack.extend(map.values().take(limit)),
            _ => {}
        }
    }
    n
}

/// Depth, path, key, and something to show or how many members are left.
type Ahead<'a> = (usize, String, Option<String>, Result<&'a Value, usize>);

fn rows(root: &Value, view: &JsonView) -> Vec<Row> {
    let small = size(root, OPEN_AT_FIRST) <= OPEN_AT_FIRST;
    let mut out = Vec::new();
    // Something to show, or how many members are left.
    let mut stack: Vec<Ahead<'_>> = vec![(0, String::new(), None, Ok(root))];
    while let Some((depth, path, key, value)) = stack.pop() {
        if out.len() >= MAX_ROWS {
            break;
        }
        let value = match value {
            Ok(value) => value,
            Err(left) => {
                let words = format!("{} more", thousands(left as u64));
                out.push(Row { depth, path, key: None, words, kind: Kind::More, open: None });
                continue;
            }
        };
        let held = match value {
            Value::Array(items) => items.len(),
            Value::Object(map) => map.len(),
            _ => 0,
        };
        let open = (held > 0).then(|| (small || depth == 0) != view.toggled.contains(&path));
        if open == Some(true) {
            let shown = view.more.get(&path).copied().unwrap_or(SOME);
            if held > shown {
                stack.push((depth + 1, path.clone(), None, Err(held - shown)));
            }
            let at = stack.len();
            match value {
                Value::Array(items) => {
                    let child = |(i, v)| (depth + 1, format!("{path}/{i}"), Some(usize::to_string(&i)), Ok(v));
                    stack.extend(items.iter().take(shown).enumerate().map(child));
                }
                Value::Object(map) => {
                    let child = |(k, v): (&String, _)| (depth + 1, format!("{path}/{k}"), Some(shorten(k, 80)), Ok(v));
                    stack.extend(map.iter().take(shown).map(child));
                }
                _ => {}
            }
            if let Some(children) = stack.get_mut(at..) {
                children.reverse();
            }
        }
        let (words, kind) = words(value);
        out.push(Row { depth, path, key, words, kind, open });
    }
    out
}

/// Draws a tree.
pub(super) fn json_ui(ui: &mut Ui, theme: &Theme, value: &Arc<Value>, view: &mut JsonView, acts: &mut Vec<Act>) {
    if view.made.as_ref().is_none_or(|made| !Arc::ptr_eq(made, value)) {
        view.rows = rows(value, view).into();
        view.made = Some(value.clone());
    }
    let rows = view.rows.clone();
    let size = vec2(ui.available_width(), ROW * rows.len() as f32);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Tree, true, "JSON output"));
    menu(&response, theme, acts, || serde_json::to_string_pretty(value).unwrap_or_default());
    let clip = ui.clip_rect();
    let first = ((clip.top() - rect.top()) / ROW).floor().max(0.0) as usize;
    let visible = ((clip.height() / ROW).ceil() as usize) + 2;
    for (i, row) in rows.iter().enumerate().skip(first).take(visible) {
        let line = Rect::from_min_size(pos2(rect.left(), rect.top() + i as f32 * ROW), vec2(rect.width(), ROW));
        if row_ui(ui, theme, row, line) {
            view.made = None;
            if row.kind == Kind::More {
                *view.more.entry(row.path.clone()).or_insert(SOME) *= 4;
            } else if !view.toggled.remove(&row.path) {
                view.toggled.insert(row.path.clone());
            }
            ui.ctx().request_repaint();
        }
    }
    if rows.len() >= MAX_ROWS {
        ui.label(
            theme.small(format!("The first {} rows are shown; close a part to see others", thousands(MAX_ROWS as u64))),
        );
    }
}

fn row_ui(ui: &Ui, theme: &Theme, row: &Row, line: Rect) -> bool {
    let mut clicked = false;
    let x = line.left() + 16.0 * row.depth as f32;
    let middle = line.center().y;
    let name = row.key.clone().unwrap_or_else(|| "root".into());
    let more = row.kind == Kind::More;
    let response = ui.interact(line, ui.scope_id().with(("json", &row.path, more)), Sense::click());
    response.widget_info(|| {
        if more {
            return egui::WidgetInfo::labeled(egui::Role::Link, true, format!("Show {}", row.words));
        }
        egui::WidgetInfo::selected(
            egui::Role::TreeItem,
            true,
            row.open.unwrap_or(false),
            format!("{name}: {}", row.words),
        )
    });
    let painter = ui.painter();
    if row.open.is_some() || more {
        if response.hovered() {
            painter.rect_filled(line, 3.0, theme.hover);
        }
        let key = ui.input(|i| i.key_pressed(egui::Key::Enter) || i.key_pressed(egui::Key::Space));
        clicked = response.clicked() || (response.has_focus() && key);
    }
    if let Some(open) = row.open {
        let glyph = icon(if open { "chevron-down" } else { "chevron-right" });
        painter.text(pos2(x + 7.0, middle), Align2::CENTER_CENTER, glyph, theme.icon_font(14.0), theme.muted);
    }
    let mut at = x + 18.0;
    if let Some(key) = &row.key {
        let galley = painter.layout_no_wrap(format!("{key}: "), theme.mono(CONTROL), theme.accent);
        let width = galley.size().x;
        painter.galley(pos2(at, middle - galley.size().y / 2.0), galley, theme.accent);
        at += width;
    }
    let font = if row.open.is_some() || more { theme.font(SMALL) } else { theme.mono(CONTROL) };
    let color = match row.kind {
        Kind::Null => theme.muted,
        Kind::Bool => theme.kw,
        Kind::Number => theme.num,
        Kind::Text => theme.str,
        Kind::Many => theme.faint,
        Kind::More => theme.accent,
    };
    // What does not fit is told by the mouse.
    let mut job = egui::text::LayoutJob::simple_singleline(row.words.clone(), font, color);
    job.wrap = egui::text::TextWrapping::truncate_at_width((line.right() - at - 4.0).max(40.0));
    let galley = painter.layout_job(job);
    let cut = galley.elided;
    painter.galley(pos2(at, middle - galley.size().y / 2.0), galley, color);
    if cut {
        response.on_hover_text(&row.words);
    }
    clicked
}

fn words(value: &Value) -> (String, Kind) {
    match value {
        Value::Null => ("null".into(), Kind::Null),
        Value::Bool(b) => (b.to_string(), Kind::Bool),
        Value::Number(n) => (n.to_string(), Kind::Number),
        Value::String(s) => {
            let begin: String = s.chars().take(LETTERS + 1).collect();
            (format!("\"{}\"", shorten(&begin.replace('\n', "\\n"), LETTERS)), Kind::Text)
        }
        Value::Array(items) => (count(items.len() as u64, "item"), Kind::Many),
        Value::Object(map) => (count(map.len() as u64, "key"), Kind::Many),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn small_trees_are_open_and_large_ones_show_their_first_level() {
        let small = json!({ "a": 1, "b": [1, { "deep": true }] });
        let view = JsonView::default();
        let paths = |v: &Value, view: &JsonView| rows(v, view).iter().map(|r| r.path.clone()).collect::<Vec<_>>();
        assert_eq!(paths(&small, &view), ["", "/a", "/b", "/b/0", "/b/1", "/b/1/deep"]);
        let closed = JsonView { toggled: HashSet::from(["/b".to_owned()]), ..JsonView::default() };
        assert_eq!(paths(&small, &closed), ["", "/a", "/b"]);
        let large = json!({ "list": (0..100).collect::<Vec<_>>(), "x": 1 });
        assert_eq!(paths(&large, &view), ["", "/list", "/x"]);
    }

    #[test]
    fn of_very_many_members_some_are_shown() {
        let large = json!({ "list": (0..100_000).collect::<Vec<_>>() });
        let mut view = JsonView { toggled: HashSet::from(["/list".to_owned()]), ..JsonView::default() };
        let all = rows(&large, &view);
        assert_eq!((all.len(), all[2 + SOME].words.as_str()), (SOME + 3, "99,500 more"));
        view.more.insert("/list".to_owned(), 4 * SOME);
        assert_eq!(rows(&large, &view).len(), 4 * SOME + 3);
        view.more.insert("/list".to_owned(), 1_000_000);
        assert_eq!(rows(&large, &view).len(), MAX_ROWS);
    }

    #[test]
    fn deep_trees_do_not_recurse() {
        let mut deep = json!(1);
        for _ in 0..100 {
            deep = json!([deep]);
        }
        assert_eq!(size(&deep, 10_000), 101);
    }
}
