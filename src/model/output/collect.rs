//! Follows a running cell: what to show now, and what to write into the notebook.
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Later, Output, Text, printed::Printed};
use crate::model::kernel::{Bundle, ExecEvent, Exit, Outcome};

/// Text of one stream output that is kept for the notebook; of a longer one its beginning and its end.
const MAX_STREAM: usize = 64 * 1024 * 1024;
/// The same where the whole text is kept in a file: what a notebook can be opened, compared and shared with.
const MAX_BESIDE_FILE: usize = 8 * 1024 * 1024;

enum Raw {
    Stream { stderr: bool, text: Printed },
    Json { value: Arc<Value>, display_id: Option<String> },
}

/// The outputs of one cell while it runs.
#[derive(Default)]
pub struct Collector {
    raw: Vec<Raw>,
    views: Vec<Output>,
    clear_at_next: bool,
    execution_count: Option<u64>,
    outcome: Option<Outcome>,
    revision: u64,
    /// The file with all that was printed.
    whole: Option<String>,
}

impl std::fmt::Debug for Collector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Collector")
            .field("outputs", &self.views.len())
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}

impl Collector {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }
    /// All that is printed is in this file, relative to the workspace: no more than what a notebook bears is kept here.
    pub fn keep_in(&mut self, file: String) {
        self.whole = Some(file);
    }
    /// The file with all that was printed, where there is one.
    pub fn whole(&self) -> Option<&str> {
        self.whole.as_deref()
    }
    /// Bytes that were printed and are not kept for the notebook.
    pub fn left_out(&self) -> u64 {
        let limit = self.limit();
        let of = |raw: &Raw| if let Raw::Stream { text, .. } = raw { text.left_out(limit) } else { 0 };
        self.raw.iter().map(of).sum()
    }
    fn limit(&self) -> usize {
        if self.whole.is_some() { MAX_BESIDE_FILE } else { MAX_STREAM }
    }
    /// What to show, in order.
    pub fn views(&self) -> &[Output] {
        &self.views
    }
    /// Grows with every change of what is shown.
    pub fn revision(&self) -> u64 {
        self.revision
    }
    /// The number the kernel gave this execution.
    pub fn execution_count(&self) -> Option<u64> {
        self.execution_count
    }
    /// The cell has its outputs: texts need not be kept as they are shown, too.
    pub fn shown_elsewhere(&mut self) {
        for view in &mut self.views {
            if let Output::Text(text) = view {
                *text = Text::stream(text.stderr);
            }
        }
    }
    /// Gives this execution another number, in its results, too.
    pub fn renumber(&mut self, count: u64) {
        self.execution_count = Some(count);
        for raw in &mut self.raw {
            if let Raw::Json { value, .. } = raw
                && value.get("execution_count").is_some()
                && let Some(own) = Arc::make_mut(value).get_mut("execution_count")
            {
                *own = json!(count);
            }
        }
    }
    /// How it ended; none while it runs.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }
    /// The exception that ended it, also when the kernel sent none but failed.
    pub fn failure(&self) -> Option<String> {
        let shown = self.views.iter().rev().find_map(|v| match v {
            Output::Error(failure) => Some(failure.summary()),
            _ => None,
        });
        match &self.outcome {
            Some(Outcome::Ok { .. }) | None => None,
            Some(Outcome::Error { ename, evalue, .. }) => {
                shown.or_else(|| Some(if evalue.is_empty() { ename.clone() } else { format!("{ename}: {evalue}") }))
            }
            Some(Outcome::Aborted { why } | Outcome::Missed { why }) => Some(why.clone()),
            Some(Outcome::Died { exit, .. }) => Some(died_summary(*exit)),
        }
    }

    /// Begins with outputs that were there before, in nbformat's JSON.
    pub fn restore(&mut self, outputs: &[Value]) {
        for output in outputs {
            match output.get("output_type").and_then(Value::as_str) {
                Some("stream") => {
                    let stderr = output.get("name").and_then(Value::as_str) == Some("stderr");
                    self.stream(stderr, &output.get("text").map(super::joined).unwrap_or_default());
                }
                _ => self.push(output.clone(), None),
            }
        }
    }

    /// Folds one event in; true when what is shown has changed.
    pub fn apply(&mut self, event: &ExecEvent) -> bool {
        let before = self.revision;
        match event {
            ExecEvent::Started { .. } | ExecEvent::Input { .. } | ExecEvent::Comm(_) => {}
            ExecEvent::Stream { stderr, text } => self.stream(*stderr, text),
            ExecEvent::Display { bundle, display_id } => {
                let value = bundle_json("display_data", bundle, None);
                self.push(value, display_id.clone());
            }
            ExecEvent::Result { bundle, execution_count, display_id } => {
                self.execution_count = execution_count.or(self.execution_count);
                let value = bundle_json("execute_result", bundle, Some(*execution_count));
                self.push(value, display_id.clone());
            }
            ExecEvent::UpdateDisplay { display_id, bundle } => {
                self.update_display(display_id, bundle);
            }
            ExecEvent::Clear { wait: true } => self.clear_at_next = true,
            ExecEvent::Clear { wait: false } => self.clear(),
            ExecEvent::Error { ename, evalue, traceback } => self.push(error_value(ename, evalue, traceback), None),
            ExecEvent::Done { outcome, .. } => self.done(outcome),
        }
        self.revision != before
    }

    /// Replaces every output with this id; called for all cells, since ids span them. True when one was found.
    pub fn update_display(&mut self, id: &str, bundle: &Bundle) -> bool {
        let mut found = false;
        for (raw, view) in self.raw.iter_mut().zip(&mut self.views) {
            let Raw::Json { value, display_id: Some(own) } = raw else { continue };
            if own != id {
                continue;
            }
            let kind = value.get("output_type").and_then(Value::as_str).unwrap_or("display_data");
            let count = value.get("execution_count").map(Value::as_u64);
            *value = Arc::new(bundle_json(kind, bundle, count));
            *view = Later::output(value);
            found = true;
        }
        self.revision += u64::from(found);
        found
    }

    fn clear(&mut self) {
        self.clear_at_next = false;
        if !self.raw.is_empty() {
            self.raw.clear();
            self.views.clear();
            self.revision += 1;
        }
    }

    fn before_next(&mut self) {
        if self.clear_at_next {
            self.clear();
        }
        self.revision += 1;
    }

    fn stream(&mut self, stderr: bool, piece: &str) {
        self.before_next();
        let joins = matches!(self.raw.last(), Some(Raw::Stream { stderr: own, .. }) if *own == stderr);
        if !joins {
            self.raw.push(Raw::Stream { stderr, text: Printed::default() });
            self.views.push(Output::Text(Text::stream(stderr)));
        }
        let limit = self.limit();
        if let Some(Raw::Stream { text, .. }) = self.raw.last_mut() {
            text.push(piece, limit);
        }
        if let Some(Output::Text(view)) = self.views.last_mut() {
            view.feed(piece);
        }
    }

    fn push(&mut self, value: Value, display_id: Option<String>) {
        self.before_next();
        let value = Arc::new(value);
        self.views.push(Later::output(&value));
        self.raw.push(Raw::Json { value, display_id });
    }

    fn done(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Ok { execution_count } | Outcome::Error { execution_count, .. } => {
                self.execution_count = execution_count.or(self.execution_count);
            }
            // The cell itself tells why it stopped, also after the notebook was closed and opened again.
            Outcome::Died { exit, stderr } => {
                let summary = died_summary(*exit);
                let mut lines = vec![format!("\u{1b}[31mKernelDied\u{1b}[0m: {summary}")];
                if !stderr.is_empty() {
                    lines.push("Its last words on stderr:".to_owned());
                    lines.extend(stderr.lines().map(str::to_owned));
                }
                self.push(error_value("KernelDied", &summary, &lines), None);
            }
            Outcome::Aborted { .. } | Outcome::Missed { .. } => {}
        }
        self.outcome = Some(outcome.clone());
        self.revision += 1;
    }

    /// The outputs as nbformat's JSON, one text each, with keys in the order Jupyter writes them.
    pub fn to_nbformat(&self) -> Vec<String> {
        let value = |raw: &Raw| match raw {
            Raw::Stream { stderr, text } => stream_json(*stderr, &text.to_text(self.limit(), self.whole())),
            Raw::Json { value, .. } => value.to_string(),
        };
        self.raw.iter().map(value).collect()
    }
}

fn died_summary(exit: Exit) -> String {
    format!("The kernel ended with {exit}")
}

/// A stream output in nbformat's JSON.
pub fn stream_json(stderr: bool, text: &str) -> String {
    let name = if stderr { "stderr" } else { "stdout" };
    json!({ "name": name, "output_type": "stream", "text": split_lines(text) }).to_string()
}

/// An error output in nbformat's JSON.
pub fn error_json(ename: &str, evalue: &str, traceback: &[String]) -> String {
    error_value(ename, evalue, traceback).to_string()
}

fn error_value(ename: &str, evalue: &str, traceback: &[String]) -> Value {
    json!({ "ename": ename, "evalue": evalue, "output_type": "error", "traceback": traceback })
}

#[allow(clippy::option_option, reason = "no count and a count that is null are two different outputs")]
pub(super) fn bundle_json(kind: &str, bundle: &Bundle, count: Option<Option<u64>>) -> Value {
    let mut out = Map::new();
    out.insert("data".into(), store_data(&bundle.data));
    if let Some(count) = count {
        out.insert("execution_count".into(), json!(count));
    }
    out.insert("metadata".into(), sorted(&Value::Object(bundle.metadata.clone())));
    out.insert("output_type".into(), kind.into());
    Value::Object(out)
}

/// Keys sorted, texts cut into lines: the way nbformat stores a bundle.
fn store_data(data: &Map<String, Value>) -> Value {
    let mut keys: Vec<&String> = data.keys().collect();
    keys.sort();
    let store = |mime: &str, value: &Value| match value {
        Value::String(text)
            if mime.starts_with("text/") || mime == "image/svg+xml" || mime == "application/javascript" =>
        {
            json!(split_lines(text))
        }
        other => sorted(other),
    };
    Value::Object(keys.into_iter().filter_map(|k| Some((k.clone(), store(k, data.get(k)?)))).collect())
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            Value::Object(keys.into_iter().filter_map(|k| Some((k.clone(), sorted(map.get(k)?)))).collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

/// Lines with their ends, cut where Python's `splitlines` cuts, since that is what writes most notebooks.
fn split_lines(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let (mut from, mut chars) = (0, text.char_indices().peekable());
    while let Some((at, c)) = chars.next() {
        let ends = matches!(c, '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}');
        if !ends {
            continue;
        }
        let mut end = at + c.len_utf8();
        if c == '\r' && chars.peek().is_some_and(|(_, next)| *next == '\n') {
            chars.next();
            end += 1;
        }
        lines.extend(text.get(from..end));
        from = end;
    }
    lines.extend(text.get(from..).filter(|rest| !rest.is_empty()));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(text: &str) -> ExecEvent {
        ExecEvent::Stream { stderr: false, text: text.into() }
    }

    fn plain(text: &str) -> Bundle {
        Bundle { data: json!({ "text/plain": text }).as_object().cloned().unwrap(), metadata: Map::new() }
    }

    #[test]
    fn streams_join_and_are_stored_as_jupyter_does() {
        let mut c = Collector::new();
        c.apply(&stream("a\r"));
        c.apply(&stream("b\nc"));
        assert_eq!(c.views().len(), 1);
        assert_eq!(c.views()[0].to_text(), "b\nc");
        assert_eq!(c.to_nbformat(), [r#"{"name":"stdout","output_type":"stream","text":["a\r","b\n","c"]}"#]);
    }

    #[test]
    fn another_number_is_the_results_own() {
        let mut c = Collector::new();
        c.apply(&ExecEvent::Result { bundle: plain("7"), execution_count: Some(2), display_id: None });
        c.apply(&ExecEvent::Display { bundle: plain("8"), display_id: None });
        c.renumber(5);
        assert_eq!(c.execution_count(), Some(5));
        assert!(c.to_nbformat()[0].contains(r#""execution_count":5"#));
        assert!(!c.to_nbformat()[1].contains("execution_count"));
    }

    #[test]
    fn with_a_file_beside_it_a_long_text_costs_little_and_says_where_it_is() {
        let mut c = Collector::new();
        let piece = "x".repeat(99) + "\n";
        for n in 0..200_000 {
            if n == 40_000 {
                c.keep_in(".andon/outputs/a.txt".into());
            }
            c.apply(&stream(&piece));
        }
        let stored = c.to_nbformat();
        assert!(stored[0].len() < 9_500_000, "{}", stored[0].len());
        assert!(stored[0].contains("MB left out here; the whole text is in .andon/outputs/a.txt]"));
        assert!(c.left_out() > 11_000_000);
        let mut all = Collector::new();
        (0..200_000).for_each(|_| assert!(all.apply(&stream(&piece))));
        assert_eq!((all.left_out(), all.to_nbformat()[0].matches("\\n\"").count()), (0, 200_000), "no file: all of it");
    }

    #[test]
    fn clearing_waits_for_the_next_output() {
        let mut c = Collector::new();
        c.apply(&stream("pass 1\n"));
        c.apply(&ExecEvent::Clear { wait: true });
        assert_eq!(c.views()[0].to_text(), "pass 1");
        c.apply(&stream("pass 2\n"));
        assert_eq!(c.views().len(), 1);
        assert_eq!(c.views()[0].to_text(), "pass 2");
        c.apply(&ExecEvent::Clear { wait: false });
        assert!(c.views().is_empty() && c.to_nbformat().is_empty());
    }

    #[test]
    fn an_update_changes_what_was_displayed_before() {
        let mut c = Collector::new();
        c.apply(&ExecEvent::Display { bundle: plain("v1"), display_id: Some("a".into()) });
        assert!(c.apply(&ExecEvent::UpdateDisplay { display_id: "a".into(), bundle: plain("v2") }));
        assert!(!c.update_display("b", &plain("v3")));
        assert_eq!(c.views()[0].to_text(), "v2");
        assert!(c.to_nbformat()[0].contains("v2") && !c.to_nbformat()[0].contains("v1"));
    }

    #[test]
    fn a_dead_kernel_is_told_in_the_cell() {
        let mut c = Collector::new();
        c.apply(&stream("before\n"));
        let outcome = Outcome::Died { exit: Exit { code: Some(7), signal: None }, stderr: "Fatal: no memory".into() };
        c.apply(&ExecEvent::Done { at: jiff::Timestamp::UNIX_EPOCH, outcome });
        let text = c.views()[1].to_text();
        assert!(text.contains("exit code 7") && text.contains("Fatal: no memory"), "{text}");
        assert_eq!(c.failure().unwrap(), "The kernel ended with exit code 7");
        assert!(c.to_nbformat()[1].contains("KernelDied"));
    }

    #[test]
    fn bundles_keep_what_was_sent() {
        let mut c = Collector::new();
        let data =
            json!({ "text/plain": "x\ny", "image/png": "AAAA\n", "application/json": { "b": 1, "a": [1.0, 1e300] } });
        let bundle = Bundle { data: data.as_object().cloned().unwrap(), metadata: Map::new() };
        c.apply(&ExecEvent::Result { bundle, execution_count: Some(3), display_id: None });
        assert_eq!(
            c.to_nbformat()[0],
            r#"{"data":{"application/json":{"a":[1.0,1e+300],"b":1},"image/png":"AAAA\n","text/plain":["x\n","y"]},"execution_count":3,"metadata":{},"output_type":"execute_result"}"#
        );
        assert_eq!(c.execution_count(), Some(3));
    }
}
