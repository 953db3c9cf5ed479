//! "Run with parameters..." and "Rerun...": what is typed, and what is wrong with it.
use jiff::Timestamp;

use crate::{
    base::{Error, Result, ids::RunId, time::local_zone},
    model::{
        connect::Preview,
        pipeline::{Param, Pipeline, show},
        run::{LOCAL, Params, Scope},
    },
};

/// The dialog over the page.
#[derive(Debug, Clone, PartialEq)]
pub enum Dialog {
    Run(RunDialog),
    Rerun(RerunDialog),
}

/// One parameter being typed.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    pub param: Param,
    pub text: String,
    /// What is wrong with the text.
    pub error: Option<String>,
}

/// Parameters of a run to be started.
#[derive(Debug, Clone, PartialEq)]
pub struct RunDialog {
    pub pipeline: String,
    /// Which system runs it.
    pub connection: String,
    pub source: String,
    pub fields: Vec<Field>,
    pub note: String,
    /// The system is being asked for the parameters.
    pub asking: bool,
    /// Why it did not tell them.
    pub error: Option<Error>,
}

/// Scope of a rerun to be started.
#[derive(Debug, Clone, PartialEq)]
pub struct RerunDialog {
    pub run: RunId,
    /// Which system reruns it.
    pub connection: String,
    /// The round the person looks at.
    pub round: u32,
    pub scope: Scope,
    /// The task of "from here" and "this task only".
    pub task: Option<String>,
    pub note: String,
    /// What the system says this would run; none while it is asked, and for Andon's own runner, which needs no asking.
    pub preview: Option<Result<Preview>>,
}

impl RunDialog {
    /// With the defaults of a pipeline, or the values of an earlier run.
    pub fn new(pipeline: &Pipeline, now: Timestamp) -> Self {
        let today = now.to_zoned(local_zone()).date();
        let yesterday = today.yesterday().unwrap_or(today);
        let values = pipeline.resolve(&[], &today.to_string(), &yesterday.to_string()).unwrap_or_default();
        let fields = pipeline
            .params
            .iter()
            .map(|p| {
                // A notebook keeps its defaults to itself.
                let text = values.get(&p.name).map(show);
                Field { text: text.unwrap_or_else(|| p.default_text()), param: p.clone(), error: None }
            })
            .collect();
        let (pipeline, source) = (pipeline.name.clone(), pipeline.file.clone());
        Self { pipeline, connection: LOCAL.to_owned(), source, fields, note: String::new(), asking: false, error: None }
    }
    /// Takes what was typed and judges it at once.
    pub fn set(&mut self, name: &str, text: String) {
        if let Some(field) = self.fields.iter_mut().find(|f| f.param.name == name) {
            field.error = field.param.read(&text).err().map(|e| e.what);
            field.text = text;
        }
    }
    /// Of a notebook: what was changed, each with its type. What was left alone stays as its cell says.
    pub fn changed(&self) -> Result<Params> {
        let changed = |f: &&Field| f.text != f.param.default_text();
        self.fields.iter().filter(changed).map(|f| Ok((f.param.name.clone(), f.param.read(&f.text)?))).collect()
    }
    /// True for a notebook.
    pub fn is_notebook(&self) -> bool {
        self.source.ends_with(".ipynb")
    }
    /// Names and values as typed; the first error when one is wrong.
    pub fn values(&self) -> Result<Vec<(String, String)>> {
        self.fields.iter().map(|f| f.param.read(&f.text).map(|_| (f.param.name.clone(), f.text.clone()))).collect()
    }
}
