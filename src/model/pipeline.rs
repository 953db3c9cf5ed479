//! A pipeline file: tasks, what comes after what, parameters.
//!
//! ```toml
//! name = "nightly"
//! schedule = "daily 05:40"             # shown; nothing starts by itself yet
//! parallel = 2                         # tasks at a time, 4 when left out
//!
//! [params]
//! day = "${yesterday}"                 # text, integer, float, boolean or date
//! carrier = { default = "all", choices = ["all", "AA"], help = "One carrier only" }
//!
//! [[task]]
//! id = "clean"
//! kind = "sql"                         # notebook | sql | command | check
//! run = "SELECT * FROM 'data/${day}.csv' WHERE delay IS NOT NULL"    # or the path of an .sql file
//! output = "data/clean-${day}.parquet" # sql: where the result goes (parquet, csv, json, ndjson, arrow)
//!
//! [[task]]
//! id = "report"
//! kind = "command"
//! run = "python report.py ${day}"      # through the shell; ANDON_PARAM_day is set too
//! after = ["clean"]
//! inputs = ["data/clean-${day}.parquet"]   # hashed for "what changed"; sql finds its own
//! outputs = ["out/report.html"]
//! retries = 2
//! backoff_secs = 5                     # doubled with each retry, with jitter
//! timeout_secs = 60
//! [task.params]
//! top = 10
//! ```
//!
//! `${name}` stands for a parameter in `run`, `output`, `inputs`, `outputs`, `[task.params]` and in .sql files. Also
//! known: `${today}`, `${yesterday}` (local dates), `${run}`, `${number}`, `${pipeline}`, `${task}`, `${attempt}`.
//! `$${` writes `${`. In a command, `${NAME}` in capitals is left to the shell, and a parameter is handed to the shell
//! as a variable, so that no value can break out of its place.
mod expand;
mod parse;

pub use expand::{Mode, expand, names, variable};
use serde::Serialize;
use serde_json::Value;

use super::run::{Params, Scope};
use crate::base::{Error, Result, text::nearest};

/// What carries out a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    Notebook,
    Sql,
    Command,
    Check,
}

impl TaskKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Notebook, Self::Sql, Self::Command, Self::Check];
    /// The word in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Notebook => "notebook",
            Self::Sql => "sql",
            Self::Command => "command",
            Self::Check => "check",
        }
    }
    /// Reads [`TaskKind::name`].
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.name() == name)
    }
}

/// Type of a parameter; decides the field in the dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ParamKind {
    Text,
    Int,
    Float,
    Bool,
    Date,
    /// Anything a notebook's cell can hold: a list, nothing, text.
    Value,
    /// JSON, for what another system takes.
    Json,
}

/// A parameter with its default.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Param {
    pub name: String,
    pub kind: ParamKind,
    /// May be `${today}` or `${yesterday}` for a date.
    pub default: Value,
    /// The only values allowed; empty: any.
    pub choices: Vec<Value>,
    pub help: Option<String>,
}

/// One task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Task {
    pub id: String,
    pub kind: TaskKind,
    /// Path, SQL text or file, command line, suite.
    pub run: String,
    pub after: Vec<String>,
    pub retries: u32,
    /// Pause before the first retry; doubled with each further one.
    pub backoff_secs: f64,
    pub timeout_secs: Option<f64>,
    /// Over the parameters of the pipeline.
    pub params: Params,
    /// Where the result of a `sql` task or the executed copy of a `notebook` task goes.
    pub output: Option<String>,
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    /// Line in the file, from 1.
    pub line: usize,
}

/// A whole file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pipeline {
    /// Workspace path.
    pub file: String,
    pub name: String,
    pub description: Option<String>,
    /// As written; not active yet.
    pub schedule: Option<String>,
    /// Tasks at a time.
    pub parallel: usize,
    pub params: Vec<Param>,
    pub tasks: Vec<Task>,
}

/// Pause before the first retry when the file names none.
pub const DEFAULT_BACKOFF_SECS: f64 = 5.0;
/// Tasks at a time when the file names none.
pub const DEFAULT_PARALLEL: usize = 4;
/// Names every `${...}` may use beside the parameters.
pub const BUILT_IN: [&str; 7] = ["today", "yesterday", "run", "number", "pipeline", "task", "attempt"];

impl Pipeline {
    /// Reads a file's text. `file` is its workspace path, for messages. An error names the line, all further ones are
    /// among its causes.
    pub fn parse(file: &str, text: &str) -> Result<Self> {
        parse::parse(file, text)
    }

    /// The one-task pipeline that executes a notebook.
    pub fn of_notebook(path: &str) -> Self {
        let task = Task {
            id: "notebook".to_owned(),
            kind: TaskKind::Notebook,
            run: path.to_owned(),
            after: Vec::new(),
            retries: 0,
            backoff_secs: DEFAULT_BACKOFF_SECS,
            timeout_secs: None,
            params: Params::new(),
            output: None,
            inputs: Vec::new(),
            outputs: Vec::new(),
            line: 0,
        };
        Self {
            file: path.to_owned(),
            name: path.to_owned(),
            description: None,
            schedule: None,
            parallel: 1,
            params: Vec::new(),
            tasks: vec![task],
        }
    }

    /// The task with this id.
    pub fn task(&self, id: &str) -> Option<&Task> {
        self.tasks.iter().find(|t| t.id == id)
    }

    /// Positions of the tasks so that each comes after those it waits for; else in the order of the file.
    pub fn order(&self) -> Vec<usize> {
        let mut done: Vec<usize> = Vec::with_capacity(self.tasks.len());
        while done.len() < self.tasks.len() {
            let met = |id: &String| done.iter().any(|i| self.tasks.get(*i).is_some_and(|t| t.id == *id));
            let next = (0..self.tasks.len())
                .filter(|i| !done.contains(i))
                .find(|i| self.tasks.get(*i).is_some_and(|t| t.after.iter().all(met)));
            match next {
                Some(i) => done.push(i),
                // Parsing refuses cycles; a pipeline made by hand with one keeps its order.
                None => done.extend((0..self.tasks.len()).filter(|i| !done.contains(i)).collect::<Vec<_>>()),
            }
        }
        done
    }

    /// The values of a run: defaults, and over them what was given as text, each read by its type.
    /// `today` and `yesterday` are the local dates at the start.
    pub fn resolve(&self, given: &[(String, String)], today: &str, yesterday: &str) -> Result<Params> {
        let mut values = Params::new();
        // A notebook holds its own defaults: only what is given goes in.
        for param in self.params.iter().filter(|_| !self.is_notebook()) {
            let value = match param.default.as_str() {
                Some("${today}") => Value::from(today),
                Some("${yesterday}") => Value::from(yesterday),
                _ => param.default.clone(),
            };
            values.insert(param.name.clone(), value);
        }
        for (name, text) in given {
            // A notebook declares its parameters in a cell, so anything may be given.
            let value = match self.params.iter().find(|p| p.name == *name) {
                _ if self.is_notebook() => super::params::typed(text),
                Some(param) => param.read(text)?,
                None => return Err(self.unknown_param(name)),
            };
            values.insert(name.clone(), value);
        }
        Ok(values)
    }

    /// True for [`Pipeline::of_notebook`].
    pub fn is_notebook(&self) -> bool {
        self.file.ends_with(".ipynb")
    }

    fn unknown_param(&self, name: &str) -> Error {
        let known: Vec<_> = self.params.iter().map(|p| p.name.as_str()).collect();
        let hint = match nearest(name, known.iter().copied()) {
            Some(near) => format!("Did you mean {near}?"),
            None if known.is_empty() => "It has no [params]".to_owned(),
            None => format!("Its parameters: {}", known.join(", ")),
        };
        Error::user(format!("{} has no parameter {name}", self.name)).hint(hint)
    }

    /// The text of the date parameter that names the run's data: `day`, `date`, or the first one that is a date.
    pub fn data_time(&self, values: &Params) -> Option<String> {
        let by_kind = || {
            let date = self.params.iter().find(|p| p.kind == ParamKind::Date)?;
            values.get(&date.name).and_then(Value::as_str).map(str::to_owned)
        };
        super::run::named_data_time(values).or_else(by_kind)
    }

    /// Ids that a scope takes in a run that has not happened yet.
    pub fn plan(&self, scope: &Scope) -> Vec<String> {
        let ids = || self.order().into_iter().filter_map(|i| self.tasks.get(i)).map(|t| t.id.clone());
        match scope {
            Scope::Only(id) => ids().filter(|i| i == id).collect(),
            Scope::From(id) => {
                let mut chosen = vec![id.clone()];
                for i in ids() {
                    let Some(task) = self.task(&i) else { continue };
                    if !chosen.contains(&i) && task.after.iter().any(|a| chosen.contains(a)) {
                        chosen.push(i);
                    }
                }
                ids().filter(|i| chosen.contains(i)).collect()
            }
            Scope::Failed | Scope::All => ids().collect(),
        }
    }
}

impl Param {
    /// The default as a person types it; empty for what only code can make.
    pub fn default_text(&self) -> String {
        match (&self.default, self.kind) {
            (Value::Null, _) => String::new(),
            (value, ParamKind::Value) => super::params::python(value),
            (value, _) => show(value),
        }
    }

    /// A value as a person types it into the field of this parameter.
    pub fn text_of(&self, value: &Value) -> String {
        match (value, self.kind) {
            (Value::Null, ParamKind::Text) => String::new(),
            (value, ParamKind::Json) => serde_json::to_string(value).unwrap_or_default(),
            (value, ParamKind::Value) => super::params::python(value),
            (value, _) => show(value),
        }
    }

    /// Reads what a person typed.
    pub fn read(&self, text: &str) -> Result<Value> {
        let trimmed = text.trim();
        let value = match self.kind {
            ParamKind::Text => Some(Value::from(text)),
            ParamKind::Int => trimmed.replace('_', "").parse::<i64>().ok().map(Value::from),
            ParamKind::Float => trimmed.parse::<f64>().ok().filter(|f| f.is_finite()).map(Value::from),
            ParamKind::Bool => match trimmed.to_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Some(Value::Bool(true)),
                "false" | "no" | "off" | "0" => Some(Value::Bool(false)),
                _ => None,
            },
            ParamKind::Date => trimmed.parse::<jiff::civil::Date>().ok().map(|d| Value::from(d.to_string())),
            ParamKind::Value => Some(super::params::typed(text)),
            ParamKind::Json => serde_json::from_str(trimmed).ok(),
        };
        let wanted = match self.kind {
            ParamKind::Text | ParamKind::Value => "text",
            ParamKind::Int => "a whole number",
            ParamKind::Float => "a number",
            ParamKind::Bool => "true or false",
            ParamKind::Date => "a date such as 2026-11-16",
            ParamKind::Json => "JSON such as [1, 2] or \"text\"",
        };
        let Some(value) = value else {
            return Err(Error::user(format!("{} must be {wanted}, not {text:?}", self.name)));
        };
        if !self.choices.is_empty() && !self.choices.contains(&value) {
            let all: Vec<_> = self.choices.iter().map(show).collect();
            return Err(Error::user(format!("{} must be one of {}, not {text:?}", self.name, all.join(", "))));
        }
        Ok(value)
    }
}

/// A value as a person types it: text without quotes.
pub fn show(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests;
