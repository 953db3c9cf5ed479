//! Follows a running cell: what to show now, and what to write into the notebook.
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    Later, Output, Text,
    fresh::{Fresh, split_lines},
    later,
    printed::Printed,
};
use crate::model::{
    json::Bytes,
    kernel::{Bundle, ExecEvent, Exit, Made, Outcome},
};

/// Text of one stream output that is kept for the notebook; of a longer one its beginning and its end.
const MAX_STREAM: usize = 64 * 1024 * 1024;
/// The same where the whole text is kept in a file: what a notebook can be opened, compared and shared with.
const MAX_BESIDE_FILE: usize = 8 * 1024 * 1024;

enum Raw {
    Stream {
        stderr: bool,
        text: Arc<Printed>,
    },
    Json {
        value: Arc<Value>,
        display_id: Option<String>,
    },
    /// As the cell has it, which is then not kept twice.
    Stored(Bytes),
}

/// An output to be searched; of a text that is not drawn whole the line before which something is left out, and how many
/// lines are drawn.
pub type Drawn = (Fresh, Option<(usize, usize)>);

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
    whole: Option<Arc<str>>,
    /// In place of the kernel's own number.
    renumbered: Option<u64>,
    /// The cell has the outputs; what of them was left out then.
    stored: Option<u64>,
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
        self.whole = Some(file.into());
    }
    /// The file with all that was printed, where there is one.
    pub fn whole(&self) -> Option<&str> {
        self.whole.as_deref()
    }
    /// Bytes that were printed and are not kept for the notebook.
    pub fn left_out(&self) -> u64 {
        if let Some(left_out) = self.stored {
            return left_out;
        }
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
    /// The cell has its outputs, which are these: what is large is not kept twice.
    pub fn stored(&mut self, outputs: impl ExactSizeIterator<Item = Bytes>) {
        if outputs.len() != self.raw.len() {
            return;
        }
        self.stored = Some(self.left_out());
        for ((raw, view), bytes) in self.raw.iter_mut().zip(&mut self.views).zip(outputs) {
            match raw {
                // It may be replaced.
                Raw::Json { display_id: Some(_), .. } => {}
                Raw::Json { value, .. } if !later::is_heavy(value) => {}
                _ => *raw = Raw::Stored(bytes),
            }
            match view {
                Output::Text(text) => *text = Text::stream(text.stderr),
                Output::Later(later) if later.is_huge() => *view = Output::Text(Text::stream(false)),
                _ => {}
            }
        }
    }
    /// Gives this execution another number, in its results, too.
    pub fn renumber(&mut self, count: u64) {
        self.execution_count = Some(count);
        self.renumbered = Some(count);
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
                _ => self.push(Arc::new(output.clone()), None),
            }
        }
    }

    /// Folds one event in; true when what is shown has changed.
    pub fn apply(&mut self, event: &ExecEvent) -> bool {
        if let ExecEvent::Stream { stderr, text } = event {
            self.stream(*stderr, text);
            return true;
        }
        self.take(event.clone())
    }

    /// The same with an event that nobody else needs: nothing of it is copied.
    pub fn take(&mut self, event: ExecEvent) -> bool {
        let before = self.revision;
        match event {
            ExecEvent::Started { .. } | ExecEvent::Input { .. } | ExecEvent::Comm(_) => {}
            ExecEvent::Stream { stderr, text } => self.stream(stderr, &text),
            event @ (ExecEvent::Display { .. } | ExecEvent::Result { .. } | ExecEvent::UpdateDisplay { .. }) => {
                if let Ok(made) = make(event) {
                    self.made(made);
                }
            }
            ExecEvent::Made(made) => self.made(made),
            ExecEvent::Clear { wait: true } => self.clear_at_next = true,
            ExecEvent::Clear { wait: false } => self.clear(),
            ExecEvent::Error { ename, evalue, traceback } => {
                self.push(Arc::new(error_value(&ename, &evalue, &traceback)), None);
            }
            ExecEvent::Done { outcome, .. } => self.done(&outcome),
        }
        self.revision != before
    }

    fn made(&mut self, made: Made) {
        if made.update {
            if let Some(id) = &made.display_id {
                self.update(id, &made.value);
            }
            return;
        }
        if let Some(count) = made.value.get("execution_count").and_then(Value::as_u64) {
            self.execution_count = Some(count);
        }
        self.push(made.value, made.display_id);
    }

    /// Replaces every output with this id by a `display_data`, each in its own type; called for all cells, since ids span
    /// them. True when one was found.
    pub fn update(&mut self, id: &str, new: &Arc<Value>) -> bool {
        let mut found = false;
        for (raw, view) in self.raw.iter_mut().zip(&mut self.views) {
            let Raw::Json { value, display_id: Some(own) } = raw else { continue };
            if own != id {
                continue;
            }
            *value = retyped(new, value);
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
            self.raw.push(Raw::Stream { stderr, text: Arc::default() });
            self.views.push(Output::Text(Text::stream(stderr)));
        }
        let limit = self.limit();
        if let Some(Raw::Stream { text, .. }) = self.raw.last_mut() {
            Arc::make_mut(text).push(piece, limit);
        }
        if let Some(Output::Text(view)) = self.views.last_mut() {
            view.feed(piece);
        }
    }

    fn push(&mut self, value: Arc<Value>, display_id: Option<String>) {
        self.before_next();
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
                self.push(Arc::new(error_value("KernelDied", &summary, &lines)), None);
            }
            Outcome::Aborted { .. } | Outcome::Missed { .. } => {}
        }
        self.outcome = Some(outcome.clone());
        self.revision += 1;
    }

    /// The outputs as they are to be stored, one for each; nothing is copied.
    pub fn fresh(&self) -> Vec<Fresh> {
        let number = |value: &Value| self.renumbered.filter(|_| value.get("execution_count").is_some());
        let fresh = |raw: &Raw| match raw {
            Raw::Stream { stderr, text } => {
                Fresh::Stream { stderr: *stderr, text: text.clone(), limit: self.limit(), whole: self.whole.clone() }
            }
            Raw::Json { value, .. } => Fresh::Value { value: value.clone(), count: number(value) },
            Raw::Stored(bytes) => Fresh::Json(bytes.clone()),
        };
        self.raw.iter().map(fresh).collect()
    }

    /// The same for searching.
    pub fn searched(&self) -> Vec<Drawn> {
        let drawn = |view: &Output| match view {
            Output::Text(text) => text.gap().map(|(_, at)| (at, text.lines().len())),
            _ => None,
        };
        self.fresh().into_iter().zip(self.views.iter().map(drawn)).collect()
    }

    /// The outputs as nbformat's JSON, one text each, with keys in the order Jupyter writes them.
    pub fn to_nbformat(&self) -> Vec<String> {
        self.fresh().iter().map(Fresh::to_json).collect()
    }
}

/// An output that came, as it is stored; any other event as it was.
#[allow(clippy::result_large_err, reason = "the event goes on as it came")]
pub fn make(event: ExecEvent) -> Result<Made, ExecEvent> {
    Ok(match event {
        ExecEvent::Display { bundle, display_id } => {
            Made { value: Arc::new(bundle_json("display_data", bundle, None)), display_id, update: false }
        }
        ExecEvent::Result { bundle, execution_count, display_id } => {
            let value = bundle_json("execute_result", bundle, Some(execution_count));
            Made { value: Arc::new(value), display_id, update: false }
        }
        ExecEvent::UpdateDisplay { display_id, bundle } => {
            let value = bundle_json("display_data", bundle, None);
            Made { value: Arc::new(value), display_id: Some(display_id), update: true }
        }
        other => return Err(other),
    })
}

/// Makes a large output what it will be stored as, so that the window has only to take it; others stay as they are.
pub fn made_ready(event: ExecEvent) -> ExecEvent {
    let large = match &event {
        ExecEvent::Display { bundle, .. }
        | ExecEvent::Result { bundle, .. }
        | ExecEvent::UpdateDisplay { bundle, .. } => later::is_heavy_map(&bundle.data),
        _ => false,
    };
    if !large {
        return event;
    }
    match make(event) {
        Ok(made) => ExecEvent::Made(made),
        Err(event) => event,
    }
}

/// An output in the place of another: of the type and with the number of that.
fn retyped(new: &Arc<Value>, old: &Value) -> Arc<Value> {
    let kind = old.get("output_type").and_then(Value::as_str).unwrap_or("display_data");
    let count = old.get("execution_count");
    if kind == "display_data" && count.is_none() {
        return new.clone();
    }
    let mut out = Map::new();
    let part = |key: &str| new.get(key).cloned().unwrap_or_else(|| json!({}));
    out.insert("data".into(), part("data"));
    if let Some(count) = count {
        out.insert("execution_count".into(), count.clone());
    }
    out.insert("metadata".into(), part("metadata"));
    out.insert("output_type".into(), kind.into());
    Arc::new(Value::Object(out))
}

fn died_summary(exit: Exit) -> String {
    format!("The kernel ended with {exit}")
}

/// A stream output in nbformat's JSON.
pub fn stream_json(stderr: bool, text: &str) -> String {
    let mut printed = Printed::default();
    printed.push(text, usize::MAX);
    Fresh::Stream { stderr, text: Arc::new(printed), limit: usize::MAX, whole: None }.to_json()
}

/// An error output in nbformat's JSON.
pub fn error_json(ename: &str, evalue: &str, traceback: &[String]) -> String {
    error_value(ename, evalue, traceback).to_string()
}

fn error_value(ename: &str, evalue: &str, traceback: &[String]) -> Value {
    json!({ "ename": ename, "evalue": evalue, "output_type": "error", "traceback": traceback })
}

#[allow(clippy::option_option, reason = "no count and a count that is null are two different outputs")]
pub(super) fn bundle_json(kind: &str, bundle: Bundle, count: Option<Option<u64>>) -> Value {
    let mut out = Map::new();
    out.insert("data".into(), store_data(bundle.data));
    if let Some(count) = count {
        out.insert("execution_count".into(), json!(count));
    }
    out.insert("metadata".into(), sorted(Value::Object(bundle.metadata)));
    out.insert("output_type".into(), kind.into());
    Value::Object(out)
}

/// Keys sorted, texts cut into lines: the way nbformat stores a bundle.
fn store_data(data: Map<String, Value>) -> Value {
    let store = |mime: &str, value: Value| match value {
        Value::String(text)
            if mime.starts_with("text/") || mime == "image/svg+xml" || mime == "application/javascript" =>
        {
            json!(split_lines(&text))
        }
        other => sorted(other),
    };
    let mut data: Vec<(String, Value)> = data.into_iter().collect();
    data.sort_by(|a, b| a.0.cmp(&b.0));
    Value::Object(
        data.into_iter()
            .map(|(mime, v)| {
                let value = store(&mime, v);
                (mime, value)
            })
            .collect(),
    )
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut members: Vec<(String, Value)> = map.into_iter().collect();
            members.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(members.into_iter().map(|(k, v)| (k, sorted(v))).collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(sorted).collect()),
        other => other,
    }
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
    fn what_is_stored_is_not_kept_twice_and_can_be_stored_again() {
        let mut c = Collector::new();
        c.apply(&stream(&"line\n".repeat(100)));
        c.apply(&ExecEvent::Display { bundle: plain("v1"), display_id: Some("a".into()) });
        c.apply(&ExecEvent::Display { bundle: plain(&"x".repeat(200_000)), display_id: None });
        let before = c.to_nbformat();
        c.stored(before.iter().map(|o| Bytes::from(o.as_str())).collect::<Vec<_>>().into_iter());
        assert!(
            c.views()[0].to_text().is_empty()
                && matches!(c.raw[0], Raw::Stored(_))
                && matches!(c.raw[2], Raw::Stored(_))
        );
        assert_eq!(c.to_nbformat(), before);
        c.apply(&ExecEvent::UpdateDisplay { display_id: "a".into(), bundle: plain("v2") });
        assert!(c.to_nbformat()[1].contains("v2") && c.to_nbformat()[2] == before[2]);
    }

    #[test]
    fn what_is_made_on_the_way_is_the_same() {
        let big = plain(&"line\n".repeat(40_000));
        let result =
            |bundle: Bundle| ExecEvent::Result { bundle, execution_count: Some(7), display_id: Some("r".into()) };
        let update = |bundle: Bundle| ExecEvent::UpdateDisplay { display_id: "r".into(), bundle };
        let show = |bundle: Bundle| ExecEvent::Display { bundle, display_id: Some("r".into()) };
        let events = [result(big.clone()), show(plain("small")), update(big), stream("end")];
        let (mut plain, mut made) = (Collector::new(), Collector::new());
        for event in events {
            plain.apply(&event);
            let ready = made_ready(event);
            made.take(ready);
        }
        assert_eq!(made.to_nbformat(), plain.to_nbformat());
        assert_eq!((made.execution_count(), made.views().len()), (Some(7), 3));
        assert!(matches!(made_ready(stream("a")), ExecEvent::Stream { .. }));
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
        assert!(!c.update("b", &Arc::new(bundle_json("display_data", plain("v3"), None))));
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
