//! Systems that run pipelines elsewhere, reached over the network.
//!
//! A [`Connector`] speaks one system's language; what it hears becomes runs of the store by [`sync`], and what a person
//! asks for is sent by [`once`], which writes down what it is about to send and looks before it sends anything twice.
//! Transport is [`http`], meaning is in `model/connect`.
use std::{collections::HashMap, path::Path};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::secrets::{Layered, Secret, SecretStore};
use crate::{
    base::{Error, Result, ids::RunId, job::JobCtx},
    model::{
        connect::{Act, Ask, Capabilities, Connection, Preview, Probe, RemotePipeline, Seen, System},
        pipeline::Param,
        run::{LogLine, MetricPoint, Run, Scope},
    },
};

mod airflow;
#[cfg(test)]
mod answers;
pub mod config;
mod dagster;
pub mod http;
mod logs;
mod mlflow;
mod once;
mod prefect;
mod sync;

pub use http::Fault;
pub use logs::fetch_log;
pub use once::{Outcome, send};
pub use sync::{Refreshed, Syncer, refresh, refresh_run};

/// A piece of a log.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogPage {
    pub lines: Vec<LogLine>,
    /// Where to read on; `None` when there is no more by now.
    pub next: Option<String>,
}

/// What was true of a target before something was sent, for telling later whether it was carried out.
pub type Mark = Value;

/// What a system has accepted: the id it knows the run by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub pipeline: String,
    pub remote_id: String,
}

/// One system's language. All calls block, end with the context, and say in the error what to do.
pub trait Connector: Send + Sync {
    /// The connection it speaks for.
    fn to(&self) -> &Connection;
    /// What can be asked of it.
    fn capabilities(&self) -> Capabilities;
    /// The system's version.
    fn version(&self, cx: &JobCtx) -> Result<String>;
    /// Tries what is needed, step by step; an error only where nothing answers.
    fn probe(&self, cx: &JobCtx) -> Result<Probe>;
    /// All pipelines.
    fn pipelines(&self, cx: &JobCtx) -> Result<Vec<RemotePipeline>>;
    /// The parameters of a pipeline, with their types and defaults where the system knows them.
    fn params(&self, pipeline: &str, cx: &JobCtx) -> Result<Vec<Param>>;
    /// Runs that changed since then, without tasks; the newest `most` where `since` is none.
    fn runs(&self, since: Option<Timestamp>, most: usize, cx: &JobCtx) -> Result<Vec<Seen>>;
    /// How far back from the beginning of a look the next one asks, where the clocks of the two machines may differ.
    fn margin(&self) -> SignedDuration {
        SignedDuration::from_secs(60)
    }
    /// One run as it is now; none when the system has it no more.
    fn run(&self, pipeline: &str, remote_id: &str, cx: &JobCtx) -> Result<Option<Seen>>;
    /// Adds their tasks. `known` are the runs as they were last seen, so that old tries are not asked for again.
    fn tasks(&self, seen: &mut [Seen], known: &HashMap<RunId, Run>, cx: &JobCtx) -> Result<()>;
    /// A piece of an attempt's log, from the beginning or from where a piece before it ended.
    fn log(&self, run: &Run, task: &str, attempt: u32, from: Option<&str>, cx: &JobCtx) -> Result<LogPage>;
    /// Numbers that the run's tasks reported.
    fn metrics(&self, run: &Run, cx: &JobCtx) -> Result<Vec<MetricPoint>>;
    /// What a rerun would run.
    fn preview(&self, run: &Run, scope: &Scope, cx: &JobCtx) -> Result<Preview>;
    /// Why this run, as it is, cannot be asked this.
    fn check(&self, ask: &Ask, cx: &JobCtx) -> Result<()>;
    /// What is to be remembered before `ask` is sent.
    fn mark(&self, ask: &Ask, cx: &JobCtx) -> Result<Mark>;
    /// Sends it, once.
    fn act(&self, ask: &Ask, key: &str, cx: &JobCtx) -> Result<Sent, Fault>;
    /// Whether what was sent under this key was carried out, judged by what is there now and what was `before`.
    fn find(&self, ask: &Ask, key: &str, before: &Mark, cx: &JobCtx) -> Result<Option<Sent>>;
}

/// The connector of a connection, with its secret.
pub fn open(to: &Connection, root: &Path, secrets: &dyn SecretStore) -> Result<Box<dyn Connector>> {
    open_with(to, root, secret_of(to, secrets)?)
}

/// The secret of a connection: `ANDON_SECRET_<NAME>`, else what is kept for this name at this address.
pub fn secret_of(to: &Connection, secrets: &dyn SecretStore) -> Result<Option<Secret>> {
    let secret = match Layered::given(&to.name) {
        Some(secret) => Some(secret),
        None => secrets.get(&to.secret_key())?,
    };
    Ok(secret.filter(|s| !s.0.trim().is_empty()))
}

/// The connector of a connection, with this secret.
pub fn open_with(to: &Connection, root: &Path, secret: Option<Secret>) -> Result<Box<dyn Connector>> {
    let http = http::Http::new(to, root)?;
    Ok(match to.system {
        System::Airflow => Box::new(airflow::Airflow::new(http, secret)),
        System::Mlflow => Box::new(mlflow::Mlflow::new(http, secret)?),
        System::Prefect => Box::new(prefect::Prefect::new(http, secret)?),
        System::Dagster => Box::new(dagster::Dagster::new(http, secret)?),
    })
}

/// Finds out what answers at an address, without signing in; through this proxy and trusting this certificate.
pub fn detect(url: &str, ca_file: Option<&str>, proxy: Option<&str>, root: &Path, cx: &JobCtx) -> Result<System> {
    let mut first = None;
    for system in System::ALL {
        let mut to = Connection::new("new", *system, url)?;
        (to.ca_file, to.proxy) = (ca_file.map(str::to_owned), proxy.map(str::to_owned));
        let http = http::Http::new(&to, root)?;
        let answer = match system {
            System::Airflow => airflow::version(&http, cx).map(drop),
            System::Mlflow => mlflow::version(&http, cx).map(drop),
            System::Prefect => prefect::detect(&http, cx),
            System::Dagster => dagster::version(&http, cx).map(drop),
        };
        match answer {
            Ok(()) => return Ok(*system),
            Err(e) => first = first.or(Some(e)),
        }
    }
    let error = first.unwrap_or_else(|| Error::remote(format!("Nothing answers at {url}")));
    Err(Error { what: format!("It is not clear which system is at {url}"), causes: vec![error.to_string()], ..error }
        .hint("Name it with --system, and check the address"))
}

/// The refusal of an act that the connection cannot do.
pub fn allowed(connector: &dyn Connector, act: Act) -> Result<()> {
    match connector.capabilities().refusal(act) {
        None => Ok(()),
        Some(why) => Err(Error::user(format!("{} cannot do this", connector.to().name)).because_of(why)),
    }
}

#[cfg(test)]
mod tests;
