//! From TOML to a [`Pipeline`], with the line of everything that is wrong.
use std::collections::BTreeSet;

use serde_json::Value;
use toml_edit::{Document, Item, TableLike, Value as Toml};

use super::{
    BUILT_IN, DEFAULT_BACKOFF_SECS, DEFAULT_PARALLEL, Mode, Param, ParamKind, Pipeline, Task, TaskKind, expand, names,
};
use crate::{
    base::{Error, Result, text::nearest},
    model::run::Params,
};

const TOP: [&str; 6] = ["name", "description", "schedule", "parallel", "params", "task"];
const TASK: [&str; 11] =
    ["id", "kind", "run", "after", "retries", "backoff_secs", "timeout_secs", "params", "output", "inputs", "outputs"];
const PARAM: [&str; 3] = ["default", "choices", "help"];

/// Collects what is wrong, so that one look at the file mends it all.
struct Reader<'a> {
    file: &'a str,
    text: &'a str,
    errors: Vec<(usize, Error)>,
}

pub(super) fn parse(file: &str, text: &str) -> Result<Pipeline> {
    let doc = Document::parse(text).map_err(|e| {
        let line = e.span().map_or(1, |s| line_of(text, s.start));
        Error::config(format!("{file}, line {line}: {}", e.message().trim_end().replace('\n', ", ")))
    })?;
    let mut r = Reader { file, text, errors: Vec::new() };
    let pipeline = r.pipeline(doc.as_table());
    let Reader { mut errors, .. } = r;
    errors.sort_by_key(|(line, _)| *line);
    let mut errors = errors.into_iter().map(|(_, e)| e);
    match errors.next() {
        None => Ok(pipeline),
        Some(first) => Err(errors.fold(first, |first, e| first.because_of(e.what))),
    }
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|b| *b == b'\n').count() + 1
}

impl Reader<'_> {
    fn fail(&mut self, line: usize, what: impl std::fmt::Display, hint: Option<String>) {
        let mut error = Error::config(format!("{}, line {line}: {what}", self.file));
        error.hint = hint;
        self.errors.push((line, error));
    }

    fn key_line(&self, table: &dyn TableLike, key: &str) -> usize {
        let span = table.key(key).and_then(|k| k.span()).or_else(|| table.get(key).and_then(Item::span));
        span.map_or(1, |s| line_of(self.text, s.start))
    }

    fn known_keys(&mut self, table: &dyn TableLike, known: &[&str], place: &str) {
        let wrong: Vec<String> =
            table.iter().map(|(k, _)| k).filter(|k| !known.contains(k)).map(str::to_owned).collect();
        for key in wrong {
            let hint = match nearest(&key, known.iter().copied()) {
                Some(near) => format!("Did you mean `{near}`?"),
                None => format!("Known here: {}", known.join(", ")),
            };
            self.fail(self.key_line(table, &key), format!("unknown key `{key}` {place}"), Some(hint));
        }
    }

    /// Reads a key with `read`; a wrong type is an error that says what it must be.
    fn get<T>(&mut self, table: &dyn TableLike, key: &str, must: &str, read: impl Fn(&Item) -> Option<T>) -> Option<T> {
        let item = table.get(key)?;
        let value = read(item);
        if value.is_none() {
            let found = item.type_name();
            self.fail(self.key_line(table, key), format!("`{key}` must be {must}, not {found}"), None);
        }
        value
    }

    fn string(&mut self, table: &dyn TableLike, key: &str) -> Option<String> {
        self.get(table, key, "a text in quotes", |i| i.as_str().map(str::to_owned))
    }

    fn strings(&mut self, table: &dyn TableLike, key: &str) -> Vec<String> {
        let read = |i: &Item| i.as_array()?.iter().map(|v| v.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>();
        self.get(table, key, "a list of texts", read).unwrap_or_default()
    }

    fn pipeline(&mut self, top: &dyn TableLike) -> Pipeline {
        self.known_keys(top, &TOP, "at the top");
        if let Some(wrong) = top.get("tasks").and_then(Item::as_array_of_tables) {
            let line = wrong.span().map_or(1, |s| line_of(self.text, s.start));
            self.fail(line, "tasks are written as [[task]]", None);
        }
        let stem = self.file.rsplit('/').next().unwrap_or(self.file).trim_end_matches(".toml").to_owned();
        let name = self.string(top, "name").filter(|n| !n.trim().is_empty());
        if name.is_none() && top.get("name").is_none() {
            self.fail(1, "`name` is missing", Some(format!("Add name = \"{stem}\" as the first line")));
        }
        let parallel = self
            .get(top, "parallel", "a whole number from 1 to 64", |i| i.as_integer().filter(|n| (1..=64).contains(n)));
        let params = self.params(top);
        let tasks = self.tasks(top);
        let pipeline = Pipeline {
            file: self.file.to_owned(),
            name: name.unwrap_or(stem),
            description: self.string(top, "description"),
            schedule: self.string(top, "schedule"),
            parallel: parallel.and_then(|n| usize::try_from(n).ok()).unwrap_or(DEFAULT_PARALLEL),
            params,
            tasks,
        };
        self.graph(&pipeline);
        self.references(&pipeline);
        pipeline
    }

    fn params(&mut self, top: &dyn TableLike) -> Vec<Param> {
        let Some(item) = top.get("params") else { return Vec::new() };
        let Some(table) = item.as_table_like() else {
            self.fail(self.key_line(top, "params"), "`params` must be a table: [params]", None);
            return Vec::new();
        };
        let mut all = Vec::new();
        for (name, item) in table.iter() {
            let line = self.key_line(table, name);
            if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
                self.fail(
                    line,
                    format!("`{name}` is no name for a parameter"),
                    Some("Use letters, digits and _".into()),
                );
            } else if BUILT_IN.contains(&name) {
                self.fail(
                    line,
                    format!("`{name}` has a meaning of its own in ${{...}}"),
                    Some("Choose another name".into()),
                );
            } else if let Some(param) = self.param(name, item, line) {
                all.push(param);
            }
        }
        all
    }

    fn param(&mut self, name: &str, item: &Item, line: usize) -> Option<Param> {
        let must = "a text, a number, true or false, a date, or { default = ..., choices = [...], help = \"...\" }";
        let Some(table) = item.as_table_like() else {
            let Some((default, kind)) = item.as_value().and_then(scalar) else {
                self.fail(line, format!("`{name}` must be {must}"), None);
                return None;
            };
            return Some(Param { name: name.to_owned(), kind, default, choices: Vec::new(), help: None });
        };
        self.known_keys(table, &PARAM, &format!("in parameter `{name}`"));
        let Some((default, kind)) = table.get("default").and_then(Item::as_value).and_then(scalar) else {
            self.fail(line, format!("`{name}` needs a `default` that is a text, number, boolean or date"), None);
            return None;
        };
        let read = |i: &Item| i.as_array()?.iter().map(|v| scalar(v).map(|(v, _)| v)).collect::<Option<Vec<_>>>();
        let choices = self.get(table, "choices", "a list of values", read).unwrap_or_default();
        if !choices.is_empty() && !choices.contains(&default) {
            self.fail(line, format!("the default of `{name}` is not among its choices"), None);
        }
        Some(Param { name: name.to_owned(), kind, default, choices, help: self.string(table, "help") })
    }

    fn tasks(&mut self, top: &dyn TableLike) -> Vec<Task> {
        let Some(item) = top.get("task") else {
            self.fail(1, "no task", Some("Add a [[task]] with id, kind and run".into()));
            return Vec::new();
        };
        let tables: Vec<&dyn TableLike> = match item {
            Item::ArrayOfTables(a) => a.iter().map(|t| t as &dyn TableLike).collect(),
            Item::Value(Toml::Array(a)) => {
                a.iter().filter_map(|v| v.as_inline_table()).map(|t| t as &dyn TableLike).collect()
            }
            _ => {
                self.fail(self.key_line(top, "task"), "a task is written as [[task]], with two brackets", None);
                return Vec::new();
            }
        };
        let mut tasks: Vec<Task> = Vec::new();
        for table in tables {
            let Some(task) = self.task(table) else { continue };
            match tasks.iter().find(|t| t.id == task.id) {
                Some(first) => {
                    let (id, line) = (task.id.clone(), first.line);
                    self.fail(task.line, format!("the id `{id}` is taken by the task on line {line}"), None);
                }
                None => tasks.push(task),
            }
        }
        tasks
    }

    fn task(&mut self, table: &dyn TableLike) -> Option<Task> {
        let before = self.errors.len();
        let first = table.iter().next().map(|(k, _)| k.to_owned());
        let line = first.map_or(1, |k| self.key_line(table, &k));
        let id = self.string(table, "id");
        let place = id.as_ref().map_or_else(|| "in a task".to_owned(), |id| format!("in task `{id}`"));
        self.known_keys(table, &TASK, &place);
        for key in ["id", "kind", "run"] {
            if table.get(key).is_none() {
                self.fail(line, format!("`{key}` is missing {place}"), None);
            }
        }
        if let Some(id) = &id
            && !is_task_id(id)
        {
            let hint = "Use letters, digits, _ . and -, starting with a letter or digit".to_owned();
            self.fail(self.key_line(table, "id"), format!("`{id}` is no id for a task"), Some(hint));
        }
        let kind = self.kind(table);
        let non_negative = |i: &Item| number(i).filter(|n| *n >= 0.0 && n.is_finite());
        let positive = |i: &Item| number(i).filter(|n| *n > 0.0 && n.is_finite());
        let retries = self.get(table, "retries", "a whole number from 0 to 100", |i| {
            i.as_integer().and_then(|n| u32::try_from(n).ok()).filter(|n| *n <= 100)
        });
        let backoff_secs = self.get(table, "backoff_secs", "a number of seconds", non_negative);
        let timeout_secs = self.get(table, "timeout_secs", "a number of seconds above 0", positive);
        let output = self.string(table, "output");
        if output.is_some() && matches!(kind, Some(TaskKind::Command | TaskKind::Check)) {
            let hint = "Use `outputs = [...]` to name the files a command writes".to_owned();
            self.fail(self.key_line(table, "output"), "`output` is for sql and notebook tasks", Some(hint));
        }
        let task = Task {
            kind: kind.unwrap_or(TaskKind::Command),
            run: self.string(table, "run").unwrap_or_default(),
            after: self.strings(table, "after"),
            retries: retries.unwrap_or(0),
            backoff_secs: backoff_secs.unwrap_or(DEFAULT_BACKOFF_SECS),
            timeout_secs,
            params: self.task_params(table),
            output,
            inputs: self.strings(table, "inputs"),
            outputs: self.strings(table, "outputs"),
            line,
            id: id.unwrap_or_default(),
        };
        if table.get("run").is_some() && task.run.trim().is_empty() {
            self.fail(self.key_line(table, "run"), format!("`run` is empty {place}"), None);
        }
        // A half-read task would only cause errors that are not there.
        (self.errors.len() == before || !task.id.is_empty()).then_some(task)
    }

    fn kind(&mut self, table: &dyn TableLike) -> Option<TaskKind> {
        let word = self.string(table, "kind")?;
        let kind = TaskKind::parse(&word);
        if kind.is_none() {
            let known = TaskKind::ALL.map(TaskKind::name);
            let hint = match nearest(&word, known) {
                Some(near) => format!("Did you mean \"{near}\"?"),
                None => format!("It is one of {}", known.join(", ")),
            };
            self.fail(self.key_line(table, "kind"), format!("unknown kind \"{word}\""), Some(hint));
        }
        kind
    }

    fn task_params(&mut self, table: &dyn TableLike) -> Params {
        let Some(item) = table.get("params") else { return Params::new() };
        let Some(params) = item.as_table_like() else {
            self.fail(self.key_line(table, "params"), "`params` must be a table: [task.params]", None);
            return Params::new();
        };
        let mut all = Params::new();
        for (name, item) in params.iter() {
            match item.as_value().and_then(json) {
                Some(value) => {
                    all.insert(name.to_owned(), value);
                }
                None => self.fail(self.key_line(params, name), format!("`{name}` has no value"), None),
            }
        }
        all
    }

    /// Unknown `after`, tasks that wait for themselves, cycles.
    fn graph(&mut self, p: &Pipeline) {
        let ids: Vec<&str> = p.tasks.iter().map(|t| t.id.as_str()).collect();
        let before = self.errors.len();
        for task in &p.tasks {
            for after in task.after.iter().filter(|a| !ids.contains(&a.as_str())) {
                let hint = match nearest(after, ids.iter().copied()) {
                    Some(near) => format!("Did you mean \"{near}\"?"),
                    None => format!("The tasks are {}", ids.join(", ")),
                };
                self.fail(task.line, format!("task `{}` waits for `{after}`, which is no task", task.id), Some(hint));
            }
        }
        if self.errors.len() > before {
            return;
        }
        if let Some(cycle) = cycle(p) {
            let line = p.task(&cycle[0]).map_or(1, |t| t.line);
            let hint = "Take one of these out of an `after`".to_owned();
            self.fail(line, format!("the tasks wait for each other: {}", cycle.join(" \u{2192} ")), Some(hint));
        }
    }

    /// Names in `${...}` that nothing answers to.
    fn references(&mut self, p: &Pipeline) {
        for task in &p.tasks {
            let known: BTreeSet<&str> = p
                .params
                .iter()
                .map(|p| p.name.as_str())
                .chain(task.params.keys().map(String::as_str))
                .chain(BUILT_IN)
                .collect();
            let mode = if task.kind == TaskKind::Command { Mode::Command } else { Mode::Plain };
            let lists = task.inputs.iter().chain(&task.outputs).chain(&task.output);
            let texts = lists.map(|t| (t.as_str(), Mode::Plain)).chain([(task.run.as_str(), mode)]);
            let known: Vec<&str> = known.into_iter().collect();
            let wrong: Vec<&str> = texts.flat_map(|(t, mode)| names(t, mode)).filter(|n| !known.contains(n)).collect();
            for name in wrong {
                let e = expand::unknown(name, &known);
                self.fail(task.line, format!("task `{}`: {}", task.id, e.what), e.hint);
            }
        }
    }
}

fn is_task_id(id: &str) -> bool {
    id.len() <= 64
        && id.starts_with(|c: char| c.is_ascii_alphanumeric())
        && id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

/// The ids along a cycle, the first one repeated at the end.
fn cycle(p: &Pipeline) -> Option<Vec<String>> {
    // Tasks that can be put in order are taken away; what is left contains every cycle.
    let mut left: Vec<&Task> = p.tasks.iter().collect();
    loop {
        let free: Vec<&str> = left
            .iter()
            .filter(|t| !t.after.iter().any(|a| left.iter().any(|l| l.id == *a)))
            .map(|t| t.id.as_str())
            .collect();
        if free.is_empty() {
            break;
        }
        left.retain(|t| !free.contains(&t.id.as_str()));
    }
    let mut path: Vec<&str> = vec![left.first()?.id.as_str()];
    loop {
        let task = left.iter().find(|t| Some(&t.id.as_str()) == path.last())?;
        let next = task.after.iter().find(|a| left.iter().any(|l| l.id == **a))?.as_str();
        if let Some(at) = path.iter().position(|id| *id == next) {
            let mut ids: Vec<String> = path.get(at..)?.iter().map(|s| (*s).to_owned()).collect();
            ids.push(next.to_owned());
            // `after` points backwards; people read in the order of running.
            ids.reverse();
            return Some(ids);
        }
        path.push(next);
    }
}

fn number(item: &Item) -> Option<f64> {
    item.as_float().or_else(|| item.as_integer().map(|n| n as f64))
}

/// A single value with its type.
fn scalar(value: &Toml) -> Option<(Value, ParamKind)> {
    Some(match value {
        Toml::String(s) => {
            let text = s.value();
            let date = text.parse::<jiff::civil::Date>().is_ok() || text == "${today}" || text == "${yesterday}";
            (Value::from(text.as_str()), if date { ParamKind::Date } else { ParamKind::Text })
        }
        Toml::Integer(n) => (Value::from(*n.value()), ParamKind::Int),
        Toml::Float(f) => (serde_json::Number::from_f64(*f.value()).map(Value::Number)?, ParamKind::Float),
        Toml::Boolean(b) => (Value::Bool(*b.value()), ParamKind::Bool),
        Toml::Datetime(d) => {
            let d = d.value();
            let kind = if d.time.is_none() { ParamKind::Date } else { ParamKind::Text };
            (Value::from(d.to_string()), kind)
        }
        Toml::Array(_) | Toml::InlineTable(_) => return None,
    })
}

/// Any value, lists and tables too.
fn json(value: &Toml) -> Option<Value> {
    match value {
        Toml::Array(a) => a.iter().map(json).collect::<Option<Vec<_>>>().map(Value::Array),
        Toml::InlineTable(t) => {
            t.iter().map(|(k, v)| Some((k.to_owned(), json(v)?))).collect::<Option<Params>>().map(Value::Object)
        }
        single => scalar(single).map(|(v, _)| v),
    }
}
