//! What MLflow's REST interface (2.0; seen on 3.17) answers, as runs with parameters and numbers.
//!
//! An experiment is a pipeline, a run of it a run without tasks: MLflow records what others carry out. The JSON is
//! protobuf's: what is empty is absent, and whole numbers may be text.
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::{
    Connection, RemotePipeline, Seen,
    airflow::list,
    normal::{number, time_at, word},
};
use crate::model::run::{Commit, Metric, Params, Record, Run, RunKind, RunState, Trigger};

/// Name and description of one row of `experiments/search`.
pub fn pipeline(experiment: &Value) -> Option<RemotePipeline> {
    let tags = pairs(experiment, "tags");
    Some(RemotePipeline {
        name: word(experiment, "name")?,
        description: tags.get("mlflow.note.content").cloned(),
        tags: tags.keys().filter(|k| !k.starts_with("mlflow.")).cloned().collect(),
        ..RemotePipeline::default()
    })
}

/// The id of one row of `experiments/search`, which is text though it looks like a number.
pub fn experiment_id(experiment: &Value) -> Option<String> {
    let id = experiment.get("experiment_id")?;
    id.as_str().map(str::to_owned).or_else(|| id.as_u64().map(|n| n.to_string()))
}

/// State of a run; none for one that only a newer version knows.
pub fn run_state(state: &str) -> Option<RunState> {
    Some(match state {
        "SCHEDULED" => RunState::Queued,
        "RUNNING" => RunState::Running,
        "FINISHED" => RunState::Success,
        "FAILED" => RunState::Failed,
        "KILLED" => RunState::Cancelled,
        _ => return None,
    })
}

/// One run of `runs/search` or `runs/get`. `experiment` gives the name of an experiment by its id.
pub fn run(to: &Connection, row: &Value, experiment: impl Fn(&str) -> Option<String>, now: Timestamp) -> Option<Seen> {
    let info = row.get("info")?;
    let data = row.get("data").unwrap_or(&Value::Null);
    let remote = word(info, "run_id").or_else(|| word(info, "run_uuid"))?;
    let id = experiment_id(info)?;
    let pipeline = experiment(&id).unwrap_or_else(|| format!("experiment {id}"));
    let tags = pairs(data, "tags");
    let ended_at = time_at(info, "end_time");
    let said = word(info, "status").unwrap_or_default();
    // What is not known is neither good nor bad, but it is over or not.
    let state = run_state(&said).unwrap_or(if ended_at.is_some() { RunState::Interrupted } else { RunState::Running });
    let started_at = time_at(info, "start_time");
    let params: Params = pairs(data, "params").into_iter().map(|(k, v)| (k, Value::String(v))).collect();
    let run = Run {
        id: to.run_id(&pipeline, &remote),
        number: 0,
        connection: to.name.clone(),
        remote_id: Some(remote),
        source: pipeline.clone(),
        pipeline,
        kind: RunKind::Pipeline,
        trigger: Trigger::Remote,
        state,
        round: 1,
        queued_at: started_at.or(ended_at).unwrap_or(now),
        started_at,
        ended_at: ended_at.filter(|_| state.is_final()),
        data_time: None,
        params,
        record: record(info, &tags, started_at.unwrap_or(now)),
        note: tags.get("mlflow.note.content").cloned(),
        error: (run_state(&said).is_none()).then(|| format!("MLflow says {said}, which this Andon does not know")),
        cancelling: false,
        tasks: Vec::new(),
    };
    Some(Seen { run, tasks: Some(Vec::new()), updated: None, cancelled_is_failed: false })
}

fn record(info: &Value, tags: &BTreeMap<String, String>, at: Timestamp) -> Record {
    let mut environment = BTreeMap::new();
    let named = [
        ("run", word(info, "run_name").or_else(|| tags.get("mlflow.runName").cloned())),
        ("started by", tags.get("mlflow.user").cloned().or_else(|| word(info, "user_id"))),
        ("source", tags.get("mlflow.source.name").cloned()),
        ("parent run", tags.get("mlflow.parentRunId").cloned()),
        ("artifacts", word(info, "artifact_uri")),
    ];
    for (name, value) in named {
        if let Some(value) = value {
            environment.insert(name.to_owned(), value);
        }
    }
    let commit = tags.get("mlflow.source.git.commit").map(|id| Commit {
        id: id.clone(),
        summary: String::new(),
        author: String::new(),
        at,
    });
    Record { commit, branch: tags.get("mlflow.source.git.branch").cloned(), environment, ..Record::default() }
}

/// The last value of each number of a run. Not-a-number and infinity are no values to plot.
pub fn metrics(row: &Value) -> Vec<Metric> {
    let data = row.get("data").unwrap_or(&Value::Null);
    let metric = |m: &Value| {
        Some(Metric {
            name: word(m, "key")?,
            value: number(m.get("value")?)?,
            unit: None,
            at: time_at(m, "timestamp")?,
            data_time: None,
        })
    };
    list(data, "metrics").iter().filter_map(metric).collect()
}

/// Pairs of `key` and `value`.
fn pairs(of: &Value, key: &str) -> BTreeMap<String, String> {
    let pair = |p: &Value| Some((word(p, "key")?, p.get("value")?.as_str()?.to_owned()));
    list(of, key).iter().filter_map(pair).collect()
}
