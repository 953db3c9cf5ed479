//! Widgets as their saved state shows them: the tree of models in the notebook's metadata, read into controls.
//!
//! State: `metadata.widgets["application/vnd.jupyter.widget-state+json"].state[id]`, as ipywidgets 7 and 8 write it;
//! children are `"IPY_MODEL_<id>"`.
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::{Collector, Image, Output, Text, html, view};
use crate::model::{
    kernel::{Comm, CommKind, ExecEvent},
    notebook::Notebook,
};

/// The type of a widget in an output's bundle.
pub const VIEW: &str = "application/vnd.jupyter.widget-view+json";
const STATE: &str = "application/vnd.jupyter.widget-state+json";
/// Widgets lie no deeper in each other than this.
const DEEPEST: usize = 20;
/// Widgets of one output.
const MOST: usize = 2_000;
/// Widgets of a kernel.
const MOST_MODELS: usize = 50_000;
/// The target of the messages about widgets.
const TARGET: &str = "jupyter.widget";

/// The widgets of a notebook: as it keeps them, or as they live in a kernel.
#[derive(Debug, Clone, Default)]
pub struct Widgets {
    models: HashMap<String, Model>,
    /// Grows with every change.
    revision: u64,
}

#[derive(Debug, Clone, Default)]
struct Model {
    name: String,
    state: Map<String, Value>,
    /// Bytes that stand beside the state, in base64, by the name of their member.
    buffers: HashMap<String, String>,
    /// Members that a person changed and the kernel has not answered for, and how often.
    pending: HashMap<String, u32>,
    /// What code put out into it, for an Output.
    inside: Option<Arc<Mutex<Collector>>>,
}

impl Widgets {
    /// From a notebook's metadata; nothing when it keeps none.
    pub fn of(book: &Notebook) -> Self {
        let whole = book.metadata();
        // Most notebooks have none, and their metadata need no second reading.
        if memchr::memmem::find(whole, STATE.as_bytes()).is_none() {
            return Self::default();
        }
        serde_json::from_slice(whole).map(|v| Self::read(&v)).unwrap_or_default()
    }

    /// Takes in what a kernel says of all its widgets, in the form in which notebooks keep them. What is known already
    /// is newer.
    pub fn recall(&mut self, all: &Value) {
        let found = Self::read(&serde_json::json!({ "widgets": { STATE: all } }));
        self.revision += 1;
        for (id, model) in found.models.into_iter().take(MOST_MODELS.saturating_sub(self.models.len())) {
            self.models.entry(id).or_insert(model);
        }
    }

    fn read(metadata: &Value) -> Self {
        let all = metadata.get("widgets").and_then(|w| w.get(STATE)?.get("state")?.as_object());
        let model = |value: &Value| {
            let buffers = value.get("buffers").and_then(Value::as_array).into_iter().flatten().filter_map(|b| {
                let path = b.get("path")?.as_array()?.first()?.as_str()?;
                Some((path.to_owned(), b.get("data")?.as_str()?.to_owned()))
            });
            Some(Model {
                name: value.get("model_name")?.as_str()?.to_owned(),
                state: value.get("state")?.as_object()?.clone(),
                buffers: buffers.collect(),
                ..Model::default()
            })
        };
        let models = all.into_iter().flatten().filter_map(|(id, v)| Some((id.clone(), model(v)?))).collect();
        Self { models, revision: 0 }
    }

    /// True when the widget's state is known.
    pub fn has(&self, id: &str) -> bool {
        self.models.contains_key(id)
    }
    /// Grows with every change.
    pub fn revision(&self) -> u64 {
        self.revision
    }
    /// True when no widget is known.
    pub fn is_empty(&self) -> bool {
        self.models.is_empty()
    }

    /// Takes a message of the kernel about a widget.
    pub fn apply(&mut self, comm: &Comm) {
        if self.models.len() >= MOST_MODELS && !self.models.contains_key(&comm.id) {
            return;
        }
        self.revision += 1;
        match comm.kind {
            CommKind::Open if comm.target == TARGET => {
                let state = comm.state();
                let name = state.get("_model_name").and_then(Value::as_str).unwrap_or("Widget").to_owned();
                let mut model = Model { name, state, ..Model::default() };
                model.take_buffers(comm);
                self.models.insert(comm.id.clone(), model);
            }
            CommKind::Message => {
                let Some(model) = self.models.get_mut(&comm.id) else { return };
                let method = comm.data.get("method").and_then(Value::as_str).unwrap_or_default();
                if !matches!(method, "update" | "echo_update") {
                    return;
                }
                let mut changed = Vec::new();
                for (key, value) in comm.state() {
                    // What a person set stands until the kernel has answered for it.
                    if let Some(left) = model.pending.get_mut(&key) {
                        *left -= 1;
                        if *left == 0 {
                            model.pending.remove(&key);
                        }
                        if method == "echo_update" {
                            continue;
                        }
                    }
                    if key == "outputs" {
                        model.inside = None;
                    }
                    changed.push((key.clone(), value.clone()));
                    model.state.insert(key, value);
                }
                model.take_buffers(comm);
                for (key, value) in changed {
                    self.follow_links(&comm.id, &key, &value);
                }
            }
            CommKind::Close => drop(self.models.remove(&comm.id)),
            CommKind::Open => {}
        }
    }

    /// A person changed a control; gives what the kernel is to be told, one part for each widget that is changed by it.
    pub fn change(&mut self, id: &str, change: &Map<String, Value>) -> Vec<(String, Map<String, Value>)> {
        self.revision += 1;
        let Some(model) = self.models.get_mut(id) else { return Vec::new() };
        for (key, value) in change {
            model.state.insert(key.clone(), value.clone());
            *model.pending.entry(key.clone()).or_default() += 1;
        }
        let mut told = vec![(id.to_owned(), change.clone())];
        for (key, value) in change {
            for (other, key) in self.follow_links(id, key, value) {
                told.push((other, [(key, value.clone())].into_iter().collect()));
            }
        }
        told
    }

    /// `jslink`: a member of one widget is that of another, too. Gives the members that were set.
    fn follow_links(&mut self, id: &str, key: &str, value: &Value) -> Vec<(String, String)> {
        let end = |state: &Map<String, Value>, name: &str| -> Option<(String, String)> {
            let pair = state.get(name)?.as_array()?;
            let model = pair.first()?.as_str()?.strip_prefix("IPY_MODEL_")?;
            Some((model.to_owned(), pair.get(1)?.as_str()?.to_owned()))
        };
        let mut targets = Vec::new();
        for model in self.models.values().filter(|m| m.name.ends_with("LinkModel")) {
            let (Some(source), Some(target)) = (end(&model.state, "source"), end(&model.state, "target")) else {
                continue;
            };
            let here = (id.to_owned(), key.to_owned());
            if source == here {
                targets.push(target);
            } else if target == here && model.name == "LinkModel" {
                targets.push(source);
            }
        }
        targets.sort();
        targets.retain(|(id, key)| {
            let Some(model) = self.models.get_mut(id) else { return false };
            model.state.insert(key.clone(), value.clone()).as_ref() != Some(value)
        });
        targets
    }

    /// Puts an output into the Output widget that asks for it now. False: it belongs to the cell.
    pub fn divert(&mut self, event: &ExecEvent) -> bool {
        let output = matches!(
            event,
            ExecEvent::Stream { .. }
                | ExecEvent::Display { .. }
                | ExecEvent::Result { .. }
                | ExecEvent::Clear { .. }
                | ExecEvent::Error { .. }
                | ExecEvent::Made(_)
        );
        let asks = |m: &&mut Model| {
            m.name == "OutputModel" && m.state.get("msg_id").and_then(Value::as_str).is_some_and(|id| !id.is_empty())
        };
        let Some(model) = self.models.values_mut().find(asks).filter(|_| output) else { return false };
        self.revision += 1;
        let inside = model.inside.get_or_insert_with(|| {
            let mut all = Collector::new();
            all.restore(&outputs_of(&model.state));
            Arc::new(Mutex::new(all))
        });
        inside.lock().unwrap_or_else(PoisonError::into_inner).apply(event);
        true
    }
}

fn outputs_of(state: &Map<String, Value>) -> Vec<Value> {
    state.get("outputs").and_then(Value::as_array).cloned().unwrap_or_default()
}

impl Model {
    fn take_buffers(&mut self, comm: &Comm) {
        let paths = comm.data.get("buffer_paths").and_then(Value::as_array).into_iter().flatten();
        for (path, bytes) in paths.zip(&comm.buffers) {
            if let Some(name) = path.as_array().and_then(|p| p.first()?.as_str()) {
                self.buffers.insert(name.to_owned(), STANDARD.encode(bytes));
            }
        }
    }
}

/// A widget in an output.
#[derive(Debug, Clone, PartialEq)]
pub struct Widget {
    /// Names it in the kernel.
    pub id: String,
    /// `IntSliderModel`.
    pub model: String,
    /// None when its state was not saved.
    pub root: Option<Node>,
    /// What the tool printed in its place.
    pub plain: Text,
    /// Names of widgets in it that are not drawn.
    pub unknown: Vec<String>,
}

/// One control of a widget.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Names it in the kernel.
    pub id: String,
    pub model: String,
    /// The words beside it.
    pub label: String,
    pub control: Control,
}

/// How many of several can be chosen, and how they are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    Dropdown,
    Radio,
    Buttons,
    List,
    Slider,
}

/// What the text of a field means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    Text,
    Whole,
    Number,
    /// `2024-01-31`
    Date,
}

/// What a widget is.
#[derive(Debug, Clone, PartialEq)]
pub enum Control {
    Box {
        row: bool,
        children: Vec<Node>,
    },
    /// Tabs or sections with titles.
    Pages {
        tabs: bool,
        titles: Vec<String>,
        open: Option<usize>,
        children: Vec<Node>,
    },
    Page(Vec<html::Block>),
    Label(String),
    Progress {
        value: f64,
        min: f64,
        max: f64,
        style: String,
    },
    /// One value, or two for a range.
    Slider {
        values: Vec<f64>,
        min: f64,
        max: f64,
        step: f64,
        whole: bool,
        /// Its ends are powers of this.
        base: Option<f64>,
        /// Told with every move, else when it is let go.
        continuous: bool,
    },
    Choose {
        how: Choice,
        options: Vec<String>,
        chosen: Vec<usize>,
    },
    Check {
        on: bool,
        button: bool,
    },
    Field {
        text: String,
        hint: String,
        secret: bool,
        long: bool,
        /// What the value is told as.
        value: Told,
        continuous: bool,
    },
    Button {
        style: String,
    },
    Outputs(Vec<Output>),
    Image(Image),
    Unknown,
}

impl Widget {
    /// The widget a bundle shows.
    pub(super) fn of(data: &Map<String, Value>, widgets: &Widgets) -> Option<Self> {
        let id = data.get(VIEW)?.get("model_id")?.as_str()?;
        let plain = data.get("text/plain").map(super::joined).unwrap_or_default();
        Some(Self::read(id, &plain, widgets))
    }

    /// The same widget as it is now.
    pub fn now(&self, widgets: &Widgets) -> Self {
        Self::read(&self.id, &self.plain.plain(), widgets)
    }

    fn read(id: &str, plain: &str, widgets: &Widgets) -> Self {
        let mut reader = Reader { widgets, left: MOST, unknown: Vec::new() };
        let root = reader.node(id, 0);
        // `IntSlider(value=7)` names its model.
        let named = || plain.split('(').next().filter(|n| n.chars().all(char::is_alphanumeric) && !n.is_empty());
        let model = root.as_ref().map(|r| r.model.clone()).or_else(|| Some(format!("{}Model", named()?)));
        Self {
            id: id.to_owned(),
            model: model.unwrap_or_else(|| "Widget".to_owned()),
            root,
            plain: Text::parse(plain),
            unknown: reader.unknown,
        }
    }

    /// What is not shown of it, in words.
    pub fn note(&self) -> Option<String> {
        if self.root.is_none() {
            return Some(
                "The state of this widget was not saved with the notebook; what it printed stands for it".into(),
            );
        }
        let mut names: Vec<&str> = self.unknown.iter().map(|n| n.trim_end_matches("Model")).collect();
        names.sort_unstable();
        names.dedup();
        (!names.is_empty()).then(|| format!("Not drawn: {}", names.join(", ")))
    }

    /// All its words.
    pub fn to_text(&self) -> String {
        match &self.root {
            Some(root) => root.words().join("\n"),
            None => self.plain.plain(),
        }
    }
}

impl Node {
    /// Its words and those of the controls in it that can be seen, from top to bottom.
    pub fn words(&self) -> Vec<String> {
        let mut all = Vec::new();
        if !self.label.is_empty() {
            all.push(self.label.clone());
        }
        match &self.control {
            Control::Box { children, .. } => all.extend(children.iter().flat_map(Self::words)),
            Control::Pages { titles, open, children, .. } => {
                all.extend(titles.iter().cloned());
                all.extend(open.and_then(|i| children.get(i)).map(Self::words).unwrap_or_default());
            }
            Control::Page(blocks) => all.extend(blocks.iter().map(html::Block::plain)),
            Control::Label(text) => all.push(text.clone()),
            Control::Progress { value, max, .. } => all.push(format!("{value} / {max}")),
            Control::Slider { values, .. } => {
                let values: Vec<String> = values.iter().map(f64::to_string).collect();
                all.push(values.join(" \u{2013} "));
            }
            Control::Choose { how: Choice::Dropdown | Choice::Slider, options, chosen } => {
                all.extend(chosen.iter().filter_map(|i| options.get(*i)).cloned());
            }
            Control::Choose { options, .. } => all.extend(options.iter().cloned()),
            Control::Field { text, secret: false, .. } => all.push(text.clone()),
            Control::Outputs(outputs) => all.extend(outputs.iter().map(Output::to_text)),
            Control::Field { .. } | Control::Check { .. } | Control::Button { .. } | Control::Image(_) => {}
            Control::Unknown => all.push(format!("[{}]", self.model.trim_end_matches("Model"))),
        }
        all
    }
}

struct Reader<'a> {
    widgets: &'a Widgets,
    left: usize,
    unknown: Vec<String>,
}

impl Reader<'_> {
    fn node(&mut self, id: &str, depth: usize) -> Option<Node> {
        let model = self.widgets.models.get(id).filter(|_| depth < DEEPEST && self.left > 0)?;
        self.left -= 1;
        let text = |key: &str| model.state.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let control = self.control(model, depth);
        if control == Control::Unknown {
            self.unknown.push(model.name.clone());
        }
        let label = words_of(&text("description"));
        Some(Node { id: id.to_owned(), model: model.name.clone(), label, control })
    }

    fn children(&mut self, model: &Model, depth: usize) -> Vec<Node> {
        let ids = model.state.get("children").and_then(Value::as_array).into_iter().flatten();
        let ids = ids.filter_map(|c| c.as_str()?.strip_prefix("IPY_MODEL_"));
        ids.filter_map(|id| self.node(id, depth + 1)).collect()
    }

    fn control(&mut self, model: &Model, depth: usize) -> Control {
        let state = &model.state;
        let text = |key: &str| state.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let number = |key: &str, other: f64| state.get(key).and_then(Value::as_f64).unwrap_or(other);
        let field = |secret: bool, long: bool| {
            let shown = match state.get("value") {
                Some(Value::String(s)) => s.clone(),
                None | Some(Value::Null) => String::new(),
                Some(other) => other.to_string(),
            };
            let hint = text("placeholder").replace('\u{200b}', "");
            let value = match model.name.as_str() {
                "IntTextModel" | "BoundedIntTextModel" => Told::Whole,
                "FloatTextModel" | "BoundedFloatTextModel" => Told::Number,
                _ => Told::Text,
            };
            let continuous = state.get("continuous_update").and_then(Value::as_bool).unwrap_or(true);
            Control::Field { text: shown, hint, secret, long, value, continuous }
        };
        let name = model.name.as_str();
        match name.trim_end_matches("Model") {
            "HBox" => Control::Box { row: true, children: self.children(model, depth) },
            "VBox" | "Box" | "GridBox" => Control::Box { row: false, children: self.children(model, depth) },
            "Tab" | "Accordion" | "Stack" => Control::Pages {
                tabs: name != "AccordionModel",
                titles: titles(state),
                open: state.get("selected_index").and_then(Value::as_u64).map(|i| i as usize),
                children: self.children(model, depth),
            },
            "HTML" | "HTMLMath" => Control::Page(html::parse(&text("value")).blocks),
            "Label" | "Valid" => Control::Label(text("value")),
            "IntProgress" | "FloatProgress" => Control::Progress {
                value: number("value", 0.0),
                min: number("min", 0.0),
                max: number("max", 100.0),
                style: text("bar_style"),
            },
            "IntSlider" | "FloatSlider" | "FloatLogSlider" | "IntRangeSlider" | "FloatRangeSlider" | "Play" => {
                slider(name, state)
            }
            "Dropdown" => choose(Choice::Dropdown, state),
            "RadioButtons" => choose(Choice::Radio, state),
            "ToggleButtons" => choose(Choice::Buttons, state),
            "Select" | "SelectMultiple" => choose(Choice::List, state),
            "SelectionSlider" | "SelectionRangeSlider" => choose(Choice::Slider, state),
            "Checkbox" => Control::Check { on: state.get("value") == Some(&Value::Bool(true)), button: false },
            "ToggleButton" => Control::Check { on: state.get("value") == Some(&Value::Bool(true)), button: true },
            "Text" | "IntText" | "FloatText" | "BoundedIntText" | "BoundedFloatText" | "Combobox" | "ColorPicker" => {
                field(false, false)
            }
            "Textarea" => field(false, true),
            "Password" => field(true, false),
            "DatePicker" => Control::Field {
                text: date(state),
                hint: "2024-01-31".to_owned(),
                secret: false,
                long: false,
                value: Told::Date,
                continuous: false,
            },
            "Button" => Control::Button { style: text("button_style") },
            "Output" if model.inside.is_some() => {
                let inside = model.inside.as_ref().map(|c| c.lock().unwrap_or_else(PoisonError::into_inner));
                Control::Outputs(inside.map(|c| c.views().to_vec()).unwrap_or_default())
            }
            "Output" => {
                let raw: Vec<String> = state
                    .get("outputs")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                    .map(Value::to_string)
                    .collect();
                Control::Outputs(view(raw.iter().map(String::as_str)))
            }
            "Image" => image(model).map_or(Control::Unknown, Control::Image),
            _ => Control::Unknown,
        }
    }
}

/// Descriptions may hold HTML.
fn words_of(text: &str) -> String {
    if text.contains(['<', '&']) {
        html::parse(text).blocks.iter().map(html::Block::plain).collect::<Vec<_>>().join(" ").trim().to_owned()
    } else {
        text.to_owned()
    }
}

/// A list since version 8; before, an object by the places' numbers.
fn titles(state: &Map<String, Value>) -> Vec<String> {
    if let Some(list) = state.get("titles").and_then(Value::as_array) {
        return list.iter().map(|t| t.as_str().unwrap_or_default().to_owned()).collect();
    }
    let old = state.get("_titles").and_then(Value::as_object);
    let title = |i: usize| old?.get(&i.to_string())?.as_str().map(str::to_owned);
    (0..MOST).map_while(title).collect()
}

fn slider(name: &str, state: &Map<String, Value>) -> Control {
    let number = |key: &str, other: f64| state.get(key).and_then(Value::as_f64).unwrap_or(other);
    let values = match state.get("value") {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_f64).collect(),
        other => other.and_then(Value::as_f64).into_iter().collect(),
    };
    let (mut min, mut max) = (number("min", 0.0), number("max", 100.0));
    if name == "FloatLogSliderModel" {
        // Its ends are exponents.
        let base = number("base", 10.0);
        (min, max) = (base.powf(min), base.powf(max));
    }
    let base = (name == "FloatLogSliderModel").then(|| number("base", 10.0));
    let whole = !name.starts_with("Float");
    let continuous = state.get("continuous_update").and_then(Value::as_bool).unwrap_or(true);
    let step = number("step", if whole { 1.0 } else { 0.1 });
    Control::Slider { values, min, max, step, whole, base, continuous }
}

fn choose(how: Choice, state: &Map<String, Value>) -> Control {
    let labels = state.get("_options_labels").and_then(Value::as_array).into_iter().flatten();
    let options = labels.map(|o| o.as_str().map_or_else(|| o.to_string(), str::to_owned)).collect();
    let chosen = match state.get("index") {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_u64).map(|i| i as usize).collect(),
        other => other.and_then(Value::as_u64).map(|i| i as usize).into_iter().collect(),
    };
    Control::Choose { how, options, chosen }
}

/// `{"year": 2024, "month": 0, "date": 31}`, months from 0.
fn date(state: &Map<String, Value>) -> String {
    let part = |key: &str| state.get("value")?.get(key)?.as_u64();
    match (part("year"), part("month"), part("date")) {
        (Some(y), Some(m), Some(d)) => format!("{y:04}-{:02}-{d:02}", m + 1),
        _ => String::new(),
    }
}

fn image(model: &Model) -> Option<Image> {
    let kind = model.state.get("format").and_then(Value::as_str).unwrap_or("png");
    let mime = format!("image/{}", if kind == "jpg" { "jpeg" } else { kind });
    let side = |key: &str| model.state.get(key)?.as_str()?.trim_end_matches("px").parse::<f64>().ok();
    let size = serde_json::json!({ "width": side("width"), "height": side("height") });
    Some(Image::new(&mime, model.buffers.get("value")?, Some(&size)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn widget(state: Value, id: &str) -> Widget {
        let widgets = Widgets::read(&json!({ "widgets": { STATE: { "state": state } } }));
        let data = json!({ VIEW: { "model_id": id }, "text/plain": "IntSlider(value=7)" });
        Widget::of(data.as_object().unwrap(), &widgets).unwrap()
    }

    #[test]
    fn a_widget_without_its_state_says_so() {
        let w = widget(json!({}), "a");
        assert_eq!(
            (w.model.as_str(), w.root.is_none(), w.to_text().as_str()),
            ("IntSliderModel", true, "IntSlider(value=7)")
        );
        assert!(w.note().unwrap().contains("not saved"));
    }

    #[test]
    fn widgets_that_hold_themselves_end() {
        let own =
            json!({ "a": { "model_name": "VBoxModel", "state": { "children": ["IPY_MODEL_a", "IPY_MODEL_a"] } } });
        let w = widget(own, "a");
        fn count(node: &Node) -> usize {
            match &node.control {
                Control::Box { children, .. } => 1 + children.iter().map(count).sum::<usize>(),
                _ => 1,
            }
        }
        assert!(count(w.root.as_ref().unwrap()) <= MOST);
    }

    #[test]
    fn values_titles_and_unknown_models_are_read() {
        let state = json!({
            "box": { "model_name": "HBoxModel", "state": { "children": ["IPY_MODEL_r", "IPY_MODEL_t", "IPY_MODEL_u", "IPY_MODEL_d"] } },
            "r": { "model_name": "FloatRangeSliderModel", "state": { "value": [0.5, 2], "max": 4, "description": "a &lt; b" } },
            "t": { "model_name": "TabModel", "state": { "_titles": { "0": "One", "1": "Two" }, "selected_index": 1, "children": [] } },
            "u": { "model_name": "FigureModel", "state": {} },
            "d": { "model_name": "DatePickerModel", "state": { "value": { "year": 2024, "month": 0, "date": 31 } } },
        });
        let w = widget(state, "box");
        assert_eq!(w.note().unwrap(), "Not drawn: Figure");
        let text = w.to_text();
        assert_eq!(text, "a < b\n0.5 \u{2013} 2\nOne\nTwo\n[Figure]\n2024-01-31");
    }

    fn message(kind: CommKind, id: &str, data: Value) -> Comm {
        let data = data.as_object().unwrap().clone();
        Comm { kind, id: id.into(), target: TARGET.into(), data, buffers: vec![vec![1, 2, 3]] }
    }

    fn opened(id: &str, name: &str, mut state: Value) -> Comm {
        state["_model_name"] = name.into();
        message(CommKind::Open, id, json!({ "state": state }))
    }

    fn root(widgets: &Widgets, id: &str) -> Control {
        let data = json!({ VIEW: { "model_id": id } });
        let widget = Widget::of(data.as_object().unwrap(), &Widgets::default()).unwrap();
        assert!(widget.root.is_none());
        widget.now(widgets).root.unwrap().control
    }

    #[test]
    fn a_widget_follows_its_kernel() {
        let mut all = Widgets::default();
        all.apply(&opened("p", "FloatProgressModel", json!({ "value": 0.0, "max": 10.0 })));
        let before = all.revision();
        all.apply(&message(CommKind::Message, "p", json!({ "method": "update", "state": { "value": 7.0 } })));
        assert!(all.revision() > before);
        assert!(matches!(root(&all, "p"), Control::Progress { value: 7.0, max: 10.0, .. }));
        all.apply(&opened("i", "ImageModel", json!({ "format": "png" })));
        all.apply(&message(
            CommKind::Message,
            "i",
            json!({ "method": "update", "state": {}, "buffer_paths": [["value"]] }),
        ));
        assert!(matches!(root(&all, "i"), Control::Image(_)));
        all.apply(&message(CommKind::Message, "nobody", json!({ "method": "update", "state": { "x": 1 } })));
        all.apply(&message(CommKind::Close, "p", json!({})));
        assert!(!all.has("p"));
    }

    #[test]
    fn what_a_person_set_stands_until_the_kernel_answers() {
        let mut all = Widgets::default();
        all.apply(&opened("s", "IntSliderModel", json!({ "value": 1 })));
        let told = all.change("s", json!({ "value": 5 }).as_object().unwrap());
        assert_eq!(told.len(), 1);
        let update = |method: &str, n: i64| {
            message(CommKind::Message, "s", json!({ "method": method, "state": { "value": n } }))
        };
        all.apply(&update("echo_update", 3));
        assert!(
            matches!(root(&all, "s"), Control::Slider { values, .. } if values == [5.0]),
            "an echo changes nothing"
        );
        all.apply(&update("update", 6));
        assert!(matches!(root(&all, "s"), Control::Slider { values, .. } if values == [6.0]));
    }

    #[test]
    fn linked_widgets_move_together() {
        let mut all = Widgets::default();
        all.apply(&opened("a", "IntSliderModel", json!({ "value": 1 })));
        all.apply(&opened("b", "IntSliderModel", json!({ "value": 1 })));
        all.apply(&opened(
            "l",
            "LinkModel",
            json!({ "source": ["IPY_MODEL_a", "value"], "target": ["IPY_MODEL_b", "value"] }),
        ));
        let told = all.change("b", json!({ "value": 4 }).as_object().unwrap());
        let ids: Vec<&str> = told.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(ids, ["b", "a"]);
        assert!(matches!(root(&all, "a"), Control::Slider { values, .. } if values == [4.0]));
    }

    #[test]
    fn outputs_go_where_an_output_widget_asks_for_them() {
        let mut all = Widgets::default();
        let print = |text: &str| ExecEvent::Stream { stderr: false, text: text.into() };
        all.apply(&opened("o", "OutputModel", json!({ "msg_id": "", "outputs": [] })));
        assert!(!all.divert(&print("to the cell")));
        let set = |id: &str| message(CommKind::Message, "o", json!({ "method": "update", "state": { "msg_id": id } }));
        all.apply(&set("m1"));
        assert!(all.divert(&print("inside")));
        all.apply(&set(""));
        assert!(!all.divert(&print("outside")));
        let Control::Outputs(inside) = root(&all, "o") else { panic!() };
        assert_eq!(inside[0].to_text(), "inside");
        all.apply(&set("m2"));
        assert!(all.divert(&ExecEvent::Clear { wait: true }) && all.divert(&print("anew")));
        let Control::Outputs(inside) = root(&all, "o") else { panic!() };
        assert_eq!(inside[0].to_text(), "anew");
    }
}
