//! Threads for a pull request: Markdown, and HTML without scripts.
use serde_json::{Value, json};

use super::{Approval, Place, Thread};
use crate::base::{text::escape_html, time};

/// A thread with where it is now.
pub struct Placed<'a> {
    pub thread: &'a Thread,
    pub place: Place,
}

/// All threads with their places.
pub fn placed(threads: &[Thread], place: impl Fn(&Thread) -> Place) -> Vec<Placed<'_>> {
    threads.iter().map(|thread| Placed { thread, place: place(thread) }).collect()
}

/// Names the format of what is written as JSON.
pub const SCHEMA: &str = "andon.review/1";

/// As one JSON document for a pull request.
pub fn json_text(all: &[Placed<'_>], approvals: &[Approval]) -> String {
    let mut whole = json!({ "schema": SCHEMA });
    if let (Some(out), Value::Object(parts)) = (whole.as_object_mut(), json(all, approvals)) {
        out.extend(parts);
    }
    serde_json::to_string_pretty(&whole).unwrap_or_default()
}

/// As a value for a pull request.
pub fn json(all: &[Placed<'_>], approvals: &[Approval]) -> Value {
    let threads: Vec<Value> = all.iter().map(|p| json!({ "thread": p.thread, "place": p.place })).collect();
    json!({ "threads": threads, "approvals": approvals })
}

/// `cell 3, line 2`, cells counted from 0 as on the command line, lines from 1.
pub fn place_words(thread: &Thread, place: Place) -> String {
    if thread.cell.is_text() {
        return match (place, thread.line) {
            (Place::Orphan, _) => "a file that is gone".to_owned(),
            (_, None) => "the file".to_owned(),
            (Place::Here { line: Some(n), .. }, _) => format!("line {}", n + 1),
            (Place::Edited { line: Some(n), .. }, _) => format!("line {} (edited since)", n + 1),
            (_, Some(n)) => format!("a line that is gone (it was line {})", n + 1),
        };
    }
    let mut words = match place.cell() {
        Some(cell) => format!("cell {cell}"),
        None => format!("a cell that is gone (it was cell {})", thread.cell.index),
    };
    let line = match place {
        Place::Here { line, .. } | Place::Edited { line, .. } => line,
        Place::Orphan => None,
    };
    if let Some(line) = line {
        words.push_str(&format!(", line {}", line + 1));
    } else if thread.line.is_some() && place != Place::Orphan {
        words.push_str(", a line that is gone");
    }
    if let Some(output) = thread.output {
        words.push_str(&format!(", output {output}"));
    }
    if matches!(place, Place::Edited { .. }) {
        words.push_str(" (edited since)");
    }
    words
}

/// As Markdown.
pub fn markdown(all: &[Placed<'_>], approvals: &[Approval]) -> String {
    let mut out = String::from("# Review\n");
    let mut path = "";
    for Placed { thread, place } in all {
        if thread.path != path {
            path = &thread.path;
            out.push_str(&format!("\n## {path}\n"));
        }
        let state = if thread.resolved { "resolved" } else { "open" };
        out.push_str(&format!("\n### {} \u{b7} {state}\n\n", place_words(thread, *place)));
        let line = thread.line.filter(|_| !thread.cell.is_text());
        let quoted = line.and_then(|n| thread.cell.source.lines().nth(n));
        let shown = quoted.map_or_else(|| thread.cell.source.lines().take(6).collect::<Vec<_>>(), |l| vec![l]);
        if !shown.is_empty() {
            out.push_str(&fenced(&shown.join("\n"), ""));
        }
        for comment in &thread.comments {
            out.push_str(&format!("**{}**, {}:\n\n{}\n\n", comment.by, time::day_hhmm(comment.at), comment.text));
            if let Some(source) = &comment.suggestion {
                out.push_str(&fenced(source, "suggestion"));
            }
        }
    }
    if !approvals.is_empty() {
        out.push_str("\n## Approved\n\n");
        for a in approvals {
            out.push_str(&format!("- {} by {}, {}\n", what(a), a.by, time::day_hhmm(a.at)));
        }
    }
    out
}

/// `notebooks/a.ipynb cell 3`, `checks/a.toml`.
fn what(a: &Approval) -> String {
    match (a.cell.is_text(), a.of_removal()) {
        (true, _) => a.path.clone(),
        (_, true) => format!("{} without the cell that was cell {}", a.path, a.cell.index),
        _ => format!("{} cell {}", a.path, a.cell.index),
    }
}

/// A fence longer than any inside.
fn fenced(text: &str, info: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{info}\n{text}\n{fence}\n\n")
}

/// As one HTML file without scripts; everything people wrote is escaped.
pub fn html(all: &[Placed<'_>], approvals: &[Approval]) -> String {
    let mut out = String::from(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Review</title>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <style>body{font:15px/1.5 sans-serif;max-width:52em;margin:2em auto;padding:0 1em}\
         pre{background:#f4f4f2;padding:.6em;overflow-x:auto}h3{margin-bottom:.3em}.by{color:#666}\
         .resolved{opacity:.65}</style></head><body>\n<h1>Review</h1>\n",
    );
    let mut path = "";
    for Placed { thread, place } in all {
        if thread.path != path {
            path = &thread.path;
            out.push_str(&format!("<h2>{}</h2>\n", escape_html(path)));
        }
        let state = if thread.resolved { "resolved" } else { "open" };
        let title = escape_html(&place_words(thread, *place));
        out.push_str(&format!("<section class=\"{state}\"><h3>{title} \u{b7} {state}</h3>\n"));
        if !thread.cell.source.is_empty() {
            out.push_str(&format!("<pre>{}</pre>\n", escape_html(&thread.cell.source)));
        }
        for comment in &thread.comments {
            let (by, at) = (escape_html(&comment.by), time::day_hhmm(comment.at));
            out.push_str(&format!("<p class=\"by\">{by}, {at}</p>\n<p>{}</p>\n", escape_html(&comment.text)));
            if let Some(source) = &comment.suggestion {
                out.push_str(&format!("<pre>{}</pre>\n", escape_html(source)));
            }
        }
        out.push_str("</section>\n");
    }
    if !approvals.is_empty() {
        out.push_str("<h2>Approved</h2>\n<ul>\n");
        for a in approvals {
            let at = time::day_hhmm(a.at);
            out.push_str(&format!("<li>{} by {}, {at}</li>\n", escape_html(&what(a)), escape_html(&a.by)));
        }
        out.push_str("</ul>\n");
    }
    out.push_str("</body></html>\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::review::{CellAnchor, Comment};

    #[test]
    fn what_people_wrote_stays_text() {
        let thread = Thread {
            id: "x".into(),
            path: "<a>.ipynb".into(),
            cell: CellAnchor {
                source: "print('</pre><script>')\n```".into(),
                kind: "code".into(),
                ..CellAnchor::default()
            },
            line: None,
            output: None,
            commit: None,
            resolved: false,
            comments: vec![Comment {
                id: "c".into(),
                by: "Mara".into(),
                at: "2026-11-17T14:00:00Z".parse().unwrap(),
                text: "<script>alert(1)</script>".into(),
                suggestion: Some("````".into()),
            }],
        };
        let all = [Placed { thread: &thread, place: Place::Orphan }];
        let page = html(&all, &[]);
        assert!(!page.contains("<script") && page.contains("&lt;script&gt;"), "{page}");
        let text = markdown(&all, &[]);
        assert!(text.contains("`````suggestion\n````\n`````"), "{text}");
        assert!(text.contains("a cell that is gone"), "{text}");
    }
}
