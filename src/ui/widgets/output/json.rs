//! JSON as a tree that folds; only visible rows are drawn.
use std::collections::HashSet;

use egui::{Align2, Rect, Sense, Ui, pos2, vec2};
use serde_json::Value;

use super::{Act, menu};
use crate::{
    base::text::{count, shorten},
    ui::theme::{CONTROL, SMALL, Theme, icon},
};

const ROW: f32 = 20.0;
/// Rows below which everything is open at first.
const OPEN_AT_FIRST: usize = 24;
/// Rows that are laid out at most.
const MAX_ROWS: usize = 20_000;

/// What is open.
#[derive(Debug, Clone, Default)]
pub(super) struct JsonView {
    /// Paths whose state differs from what it was at first.
    toggled: HashSet<String>,
}

struct Row<'a> {
    depth: usize,
    path: String,
    key: Option<String>,
    value: &'a Value,
    open: Option<bool>,
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

fn rows<'a>(root: &'a Value, view: &JsonView) -> Vec<Row<'a>> {
    let small = size(root, OPEN_AT_FIRST) <= OPEN_AT_FIRST;
    let mut out = Vec::new();
    let mut stack = vec![(0usize, String::new(), None::<String>, root)];
    while let Some((depth, path, key, value)) = stack.pop() {
        if out.len() >= MAX_ROWS {
            break;
        }
        let holds = match value {
            Value::Array(items) => !items.is_empty(),
            Value::Object(map) => !map.is_empty(),
            _ => false,
        };
        let open = holds.then(|| (small || depth == 0) != view.toggled.contains(&path));
        if open == Some(true) {
            let child = |key: String, v: &'a Value| (depth + 1, format!("{path}/{key}"), Some(key), v);
            match value {
                Value::Array(items) => {
                    stack.extend(items.iter().enumerate().map(|(i, v)| child(i.to_string(), v)).rev());
                }
                Value::Object(map) => stack.extend(map.iter().map(|(k, v)| child(k.clone(), v)).rev()),
                _ => {}
            }
        }
        out.push(Row { depth, path, key, value, open });
    }
    out
}

/// Draws a tree.
pub(super) fn json_ui(ui: &mut Ui, theme: &Theme, value: &Value, view: &mut JsonView, acts: &mut Vec<Act>) {
    let rows = rows(value, view);
    let size = vec2(ui.available_width(), ROW * rows.len() as f32);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Tree, true, "JSON output"));
    menu(&response, theme, acts, || serde_json::to_string_pretty(value).unwrap_or_default());
    let clip = ui.clip_rect();
    let first = ((clip.top() - rect.top()) / ROW).floor().max(0.0) as usize;
    let visible = ((clip.height() / ROW).ceil() as usize) + 2;
    let mut toggle = None;
    for (i, row) in rows.iter().enumerate().skip(first).take(visible) {
        let line = Rect::from_min_size(pos2(rect.left(), rect.top() + i as f32 * ROW), vec2(rect.width(), ROW));
        if row_ui(ui, theme, row, line) {
            toggle = Some(row.path.clone());
        }
    }
    if let Some(path) = toggle
        && !view.toggled.remove(&path)
    {
        view.toggled.insert(path);
    }
}

fn row_ui(ui: &Ui, theme: &Theme, row: &Row<'_>, line: Rect) -> bool {
    let mut clicked = false;
    let x = line.left() + 16.0 * row.depth as f32;
    let middle = line.center().y;
    let (text, color) = words(theme, row.value);
    let name = row.key.clone().unwrap_or_else(|| "root".into());
    let response = ui.interact(line, ui.scope_id().with(("json", &row.path)), Sense::click());
    response.widget_info(|| {
        egui::WidgetInfo::selected(egui::Role::TreeItem, true, row.open.unwrap_or(false), format!("{name}: {text}"))
    });
    let painter = ui.painter();
    if let Some(open) = row.open {
        if response.hovered() {
            painter.rect_filled(line, 3.0, theme.hover);
        }
        let glyph = icon(if open { "chevron-down" } else { "chevron-right" });
        painter.text(pos2(x + 7.0, middle), Align2::CENTER_CENTER, glyph, theme.icon_font(14.0), theme.muted);
        let key = ui.input(|i| i.key_pressed(egui::Key::Enter) || i.key_pressed(egui::Key::Space));
        clicked = response.clicked() || (response.has_focus() && key);
    }
    let mut at = x + 18.0;
    if let Some(key) = &row.key {
        let galley = painter.layout_no_wrap(format!("{}: ", shorten(key, 80)), theme.mono(CONTROL), theme.accent);
        let width = galley.size().x;
        painter.galley(pos2(at, middle - galley.size().y / 2.0), galley, theme.accent);
        at += width;
    }
    let font = if row.open.is_some() { theme.font(SMALL) } else { theme.mono(CONTROL) };
    painter.text(pos2(at, middle), Align2::LEFT_CENTER, text, font, color);
    clicked
}

fn words(theme: &Theme, value: &Value) -> (String, egui::Color32) {
    match value {
        Value::Null => ("null".into(), theme.muted),
        Value::Bool(b) => (b.to_string(), theme.kw),
        Value::Number(n) => (n.to_string(), theme.num),
        Value::String(s) => (format!("\"{}\"", shorten(&s.replace('\n', "\\n"), 400)), theme.str),
        Value::Array(items) => (count(items.len() as u64, "item"), theme.faint),
        Value::Object(map) => (count(map.len() as u64, "key"), theme.faint),
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
        let closed = JsonView { toggled: HashSet::from(["/b".to_owned()]) };
        assert_eq!(paths(&small, &closed), ["", "/a", "/b"]);
        let large = json!({ "list": (0..100).collect::<Vec<_>>(), "x": 1 });
        assert_eq!(paths(&large, &view), ["", "/list", "/x"]);
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
