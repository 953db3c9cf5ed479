//! The history of checks and metrics, arranged for the page. Pure: made on a job thread, read by the window.
use std::collections::BTreeMap;

use jiff::Timestamp;

use super::chart::{Chart, Context, Origin, Subject};
use crate::{
    base::{Error, Result, ids::RunId},
    model::{
        quality::{CheckPoint, Status, note::Note},
        run::{CheckRecord, MetricPoint, Run},
        series::{self, Axis, instant},
    },
};

/// Evaluations the line of passing checks goes back.
const PASSING: usize = 40;

/// Everything that was ever measured, by subject.
#[derive(Debug, Default, PartialEq)]
pub struct History {
    /// By subject: the chart by time of run and by time of data.
    charts: BTreeMap<Subject, [Chart; 2]>,
    /// Results by path of the suite and id of the check, oldest first.
    checks: BTreeMap<(String, String), Vec<CheckPoint>>,
    /// By path of the suite, oldest first.
    evaluations: BTreeMap<String, Vec<Evaluation>>,
    /// The axis that tells more: data dates when the runs lie close together and the data does not.
    pub axis: Axis,
    /// Why the notes of people could not be read.
    pub notes_error: Option<Error>,
    /// How many checks passed in all after each of the last evaluations, oldest first.
    pub passing: Vec<Option<f64>>,
    /// True when some point knows the date of its data.
    pub has_data_time: bool,
}

/// One evaluation of a suite: a column of the grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    pub id: String,
    pub run: Option<RunId>,
    pub at: Timestamp,
    pub data_time: Option<Timestamp>,
}

impl History {
    /// Arranges what the store gave.
    pub fn new(records: &[CheckRecord], metrics: &[MetricPoint]) -> Self {
        Self::with(records, metrics, &[], Ok(Vec::new()))
    }

    /// Arranges what the store gave, with the commits of the runs and what people wrote on the charts.
    pub fn with(records: &[CheckRecord], metrics: &[MetricPoint], runs: &[Run], notes: Result<Vec<Note>>) -> Self {
        let mut history = Self::default();
        let mut context = Context::default();
        let origin = |run: &Run| Origin {
            commit: run.record.commit.as_ref().map(|c| (c.short().to_owned(), c.summary.clone())),
            source: run.record.source_hash.clone(),
        };
        context.origins = runs.iter().map(|r| (r.id.clone(), origin(r))).collect();
        match notes {
            Ok(notes) => notes.into_iter().for_each(|n| context.notes.entry(n.on.clone()).or_default().push(n)),
            Err(error) => history.notes_error = Some(error),
        }
        let context = &context;
        for record in records {
            let point = CheckPoint::of(record);
            let key = (point.path.clone(), point.check.clone());
            history.checks.entry(key).or_default().push(point);
        }
        for points in history.checks.values_mut() {
            points.sort_by_key(|p| p.at);
        }
        history.evaluations = evaluations(&history.checks);
        let mut by_name: BTreeMap<(&str, &str, &str), Vec<&MetricPoint>> = BTreeMap::new();
        for point in metrics {
            by_name.entry((&point.pipeline, &point.task, &point.metric.name)).or_default().push(point);
        }
        for points in by_name.values_mut() {
            points.sort_by_key(|p| p.metric.at);
        }
        (history.axis, history.has_data_time) = best_axis(&history.checks, metrics);
        let mut add: Vec<_> = Vec::new();
        for points in history.checks.values() {
            let points: Vec<&CheckPoint> = points.iter().collect();
            add.push((Chart::of_check(&points, Axis::Run, context), Chart::of_check(&points, Axis::Data, context)));
        }
        for points in by_name.values() {
            add.push((Chart::of_metric(points, Axis::Run, context), Chart::of_metric(points, Axis::Data, context)));
        }
        for (run, data) in add {
            history.add(run, data);
        }
        history.passing = history.passing_over_time();
        history
    }

    fn passing_over_time(&self) -> Vec<Option<f64>> {
        let mut all: Vec<(&str, &Evaluation)> =
            self.evaluations.iter().flat_map(|(path, e)| e.iter().map(move |e| (path.as_str(), e))).collect();
        all.sort_by_key(|(path, e)| (e.at, *path));
        let mut now: BTreeMap<&str, usize> = BTreeMap::new();
        let from = all.len().saturating_sub(PASSING);
        let mut out = Vec::new();
        for (n, (path, evaluation)) in all.into_iter().enumerate() {
            // Before that only the last of each suite counts, and there may be thousands.
            if n + 200 < from {
                continue;
            }
            let statuses = self.statuses(path, &evaluation.id);
            now.insert(path, statuses.iter().filter(|s| matches!(s, Status::Passed | Status::Info)).count());
            // A suite that has no result yet is not one that fails.
            let known = now.len() == self.evaluations.len();
            out.extend((n >= from).then(|| known.then(|| now.values().sum::<usize>() as f64)));
        }
        out
    }

    fn add(&mut self, run: Option<Chart>, data: Option<Chart>) {
        if let (Some(run), Some(data)) = (run, data) {
            self.charts.insert(run.subject.clone(), [run, data]);
        }
    }

    /// The chart of a subject.
    pub fn chart(&self, subject: &Subject, axis: Axis) -> Option<&Chart> {
        self.charts.get(subject).map(|both| &both[usize::from(axis == Axis::Data)])
    }
    /// Every chart, checks before metrics, by name.
    pub fn charts(&self, axis: Axis) -> impl Iterator<Item = &Chart> {
        self.charts.values().map(move |both| &both[usize::from(axis == Axis::Data)])
    }
    /// Charts of metrics.
    pub fn metrics(&self, axis: Axis) -> impl Iterator<Item = &Chart> {
        self.charts(axis).filter(|c| matches!(c.subject, Subject::Metric { .. }))
    }
    /// Results of a check, oldest first.
    pub fn results(&self, path: &str, check: &str) -> &[CheckPoint] {
        self.checks.get(&(path.to_owned(), check.to_owned())).map_or(&[], Vec::as_slice)
    }
    /// The newest result of a check, if it was part of the suite's newest evaluation or the suite is not known.
    pub fn latest(&self, path: &str, check: &str) -> Option<&CheckPoint> {
        self.results(path, check).last()
    }
    /// Checks of a suite that have a history, by id.
    pub fn checks_of<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a str> {
        self.checks.keys().filter(move |(p, _)| p == path).map(|(_, id)| id.as_str())
    }
    /// Suites that have a history, by path.
    pub fn suites(&self) -> impl Iterator<Item = &str> {
        self.evaluations.keys().map(String::as_str)
    }
    /// Evaluations of a suite, oldest first, in the order of an axis.
    pub fn evaluations(&self, path: &str, axis: Axis) -> Vec<&Evaluation> {
        let mut all: Vec<_> = self.evaluations.get(path).map_or(&[][..], Vec::as_slice).iter().collect();
        if axis == Axis::Data {
            all.sort_by_key(|e| (e.data_time.unwrap_or(e.at), e.at));
        }
        all
    }
    /// The result of a check in one evaluation.
    pub fn cell(&self, path: &str, check: &str, evaluation: &str) -> Option<&CheckPoint> {
        self.results(path, check).iter().rev().find(|p| p.evaluation == evaluation)
    }
    /// The newest evaluation of a suite.
    pub fn newest(&self, path: &str) -> Option<&Evaluation> {
        self.evaluations.get(path)?.last()
    }
    /// Statuses of the newest evaluation of a suite.
    pub fn newest_statuses(&self, path: &str) -> Vec<Status> {
        self.newest(path).map(|newest| self.statuses(path, &newest.id)).unwrap_or_default()
    }
    /// Statuses of one evaluation of a suite.
    pub fn statuses(&self, path: &str, evaluation: &str) -> Vec<Status> {
        self.checks_of(path).filter_map(|id| self.cell(path, id, evaluation)).map(|p| p.status).collect()
    }
    /// First and last place of what belongs to a chart: the checks of its suite, the metrics of its pipeline. Others
    /// may be of other years.
    pub fn span(&self, chart: &Chart, wanted: Axis) -> (f64, f64) {
        let kin = |other: &Subject| match (&chart.subject, other) {
            (Subject::Check { path: a, .. }, Subject::Check { path: b, .. }) => a == b,
            (Subject::Metric { pipeline: a, .. }, Subject::Metric { pipeline: b, .. }) => a == b,
            _ => false,
        };
        let charts = self.charts(wanted).filter(|c| c.axis == chart.axis && kin(&c.subject));
        let ends = charts.filter_map(|c| Some((c.dots.first()?.x, c.dots.last()?.x)));
        ends.fold((f64::MAX, f64::MIN), |(a, b), (first, last)| (a.min(first), b.max(last)))
    }
    /// True when there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.charts.is_empty()
    }
}

fn evaluations(checks: &BTreeMap<(String, String), Vec<CheckPoint>>) -> BTreeMap<String, Vec<Evaluation>> {
    let mut seen: BTreeMap<(&str, &str), Evaluation> = BTreeMap::new();
    for point in checks.values().flatten() {
        seen.entry((&point.path, &point.evaluation)).or_insert_with(|| Evaluation {
            id: point.evaluation.clone(),
            run: point.run.clone(),
            at: point.at,
            data_time: point.data_time,
        });
    }
    let mut out: BTreeMap<String, Vec<Evaluation>> = BTreeMap::new();
    for ((path, _), evaluation) in seen {
        out.entry(path.to_owned()).or_default().push(evaluation);
    }
    for all in out.values_mut() {
        all.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    }
    out
}

/// Data dates, when nearly every point has one and the runs were made within a quarter of the time their data spans.
fn best_axis(checks: &BTreeMap<(String, String), Vec<CheckPoint>>, metrics: &[MetricPoint]) -> (Axis, bool) {
    let of_checks = checks.values().flatten().map(|p| (p.at, p.data_time));
    let of_metrics = metrics.iter().map(|p| (p.metric.at, p.metric.data_time.as_deref().and_then(instant)));
    let all: Vec<(Timestamp, Option<Timestamp>)> = of_checks.chain(of_metrics).collect();
    let dated = all.iter().filter(|(_, d)| d.is_some()).count();
    let span = |times: &mut dyn Iterator<Item = Timestamp>| {
        let (low, high) = times.map(series::seconds).fold((f64::MAX, f64::MIN), |(a, b), x| (a.min(x), b.max(x)));
        (high - low).max(0.0)
    };
    let runs = span(&mut all.iter().filter(|(_, d)| d.is_some()).map(|(at, _)| *at));
    let data = span(&mut all.iter().filter_map(|(_, d)| *d));
    let better = dated * 2 >= all.len() && dated > 1 && runs * 4.0 < data;
    (if better { Axis::Data } else { Axis::Run }, dated > 0)
}
