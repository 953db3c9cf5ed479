//! How long the tasks of a pipeline take over its runs: median, 95th percentile, trend, control limits.
use jiff::Timestamp;

use super::{Run, TaskState};
use crate::{
    base::ids::RunId,
    model::spc::{self, ChartKind, Phase, Sample},
};

/// Points that are needed before a trend is told.
const MIN_TREND: usize = 8;

/// One duration.
#[derive(Debug, Clone, PartialEq)]
pub struct Lasted {
    pub run: RunId,
    pub number: u64,
    pub at: Timestamp,
    pub ms: u64,
    /// It succeeded; what failed or was cancelled counts for nothing but is shown.
    pub ok: bool,
    /// Outside the control limits.
    pub odd: bool,
}

/// The durations of one task, or of whole runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Durations {
    /// `None` for whole runs.
    pub task: Option<String>,
    /// Oldest first.
    pub all: Vec<Lasted>,
    /// Successes the figures are made of.
    pub n: usize,
    pub median_ms: Option<u64>,
    pub p95_ms: Option<u64>,
    pub last_ms: Option<u64>,
    /// Change from run to run as a share of the median: the median of the slopes between all pairs (Theil and Sen).
    pub trend: Option<f64>,
    /// Centre, lower and upper control limit of an individuals chart, in ms.
    pub limits: Option<[f64; 3]>,
}

/// Nearest rank of sorted values.
pub fn percentile(sorted: &[u64], percent: usize) -> Option<u64> {
    sorted.get((sorted.len() * percent).div_ceil(100).checked_sub(1)?).copied()
}

/// Whole runs first, then every task in order. `runs` newest first; those that still run are left out.
pub fn durations(runs: &[impl AsRef<Run>], tasks: &[String]) -> Vec<Durations> {
    let ended: Vec<&Run> = runs.iter().rev().map(AsRef::as_ref).filter(|r| r.state.is_final()).collect();
    let whole = ended.iter().filter_map(|r| {
        let ms = r.duration_ms(r.ended_at?)?;
        Some((*r, ms, r.state == super::RunState::Success))
    });
    let mut out = vec![measure(None, whole.collect())];
    for task in tasks {
        let of_task = ended.iter().filter_map(|r| {
            let task = r.task(task)?;
            let last = task.last()?;
            Some((*r, last.duration_ms(last.ended_at?)?, task.state == TaskState::Success))
        });
        out.push(measure(Some(task.clone()), of_task.collect()));
    }
    out
}

fn measure(task: Option<String>, all: Vec<(&Run, u64, bool)>) -> Durations {
    let good: Vec<u64> = all.iter().filter(|(_, _, ok)| *ok).map(|(_, ms, _)| *ms).collect();
    let mut sorted = good.clone();
    sorted.sort_unstable();
    let samples: Vec<Sample> = good.iter().map(|ms| Sample::value(*ms as f64)).collect();
    let flags = vec![true; good.len()];
    let phase = Phase::frozen(0, &flags);
    let chart = phase.map(|p| spc::chart(ChartKind::Individuals, &samples, &[p], &[]));
    // No task takes less than no time.
    let limits = chart.as_ref().and_then(|c| c.limits.last()).filter(|l| l.center.is_finite());
    let limits = limits.map(|l| [l.center, l.lower.max(0.0), l.upper]);
    let median_ms = percentile(&sorted, 50);
    Durations {
        n: good.len(),
        p95_ms: percentile(&sorted, 95),
        last_ms: all.last().map(|(_, ms, _)| *ms),
        trend: slope(&good).zip(median_ms.filter(|m| *m > 0)).map(|(s, m)| s / m as f64),
        all: all
            .into_iter()
            .map(|(run, ms, ok)| Lasted {
                run: run.id.clone(),
                number: run.number,
                at: run.queued_at,
                ms,
                ok,
                odd: limits.is_some_and(|[_, low, high]| ok && ((ms as f64) < low || ms as f64 > high)),
            })
            .collect(),
        median_ms,
        limits,
        task,
    }
}

/// The median slope of all pairs.
fn slope(values: &[u64]) -> Option<f64> {
    if values.len() < MIN_TREND {
        return None;
    }
    let mut all = Vec::with_capacity(values.len() * values.len() / 2);
    for (i, a) in values.iter().enumerate() {
        for (j, b) in values.iter().enumerate().skip(i + 1) {
            all.push((*b as f64 - *a as f64) / (j - i) as f64);
        }
    }
    all.sort_by(f64::total_cmp);
    let mid = all.len() / 2;
    Some(if all.len() % 2 == 1 { all[mid] } else { all[mid - 1].midpoint(all[mid]) })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{super::tests as sample, *};

    fn runs(secs: &[i64]) -> Vec<Arc<Run>> {
        let make = |(i, s): (usize, &i64)| {
            let mut run = sample::run([TaskState::Success; 4]);
            run.state = super::super::RunState::Success;
            run.number = i as u64 + 1;
            run.tasks.truncate(1);
            run.tasks[0].attempts = vec![sample::attempt(1, 1, TaskState::Success, 0, *s)];
            Arc::new(run)
        };
        secs.iter().enumerate().map(make).rev().collect()
    }

    #[test]
    fn percentiles_are_nearest_rank_and_limits_those_of_an_individuals_chart() {
        // Moving ranges of 2 throughout: sigma = 2 / 1.128, limits = 11 +- 5.319.
        let secs: Vec<i64> = (0..20).map(|i| if i % 2 == 0 { 10 } else { 12 }).collect();
        let all = durations(&runs(&secs), &["extract".to_owned()]);
        assert_eq!(all.len(), 2);
        let d = &all[1];
        assert_eq!((d.n, d.median_ms, d.p95_ms, d.last_ms), (20, Some(10_000), Some(12_000), Some(12_000)));
        let [center, low, high] = d.limits.unwrap();
        assert!(
            (center - 11_000.0).abs() < 1e-6 && (high - 16_317.4).abs() < 1.0 && (low - 5_682.6).abs() < 1.0,
            "{d:?}"
        );
        assert!(d.all.iter().all(|l| !l.odd));
    }

    #[test]
    fn a_slow_run_is_odd_a_creeping_task_has_a_trend_and_a_failure_counts_for_nothing() {
        let mut secs: Vec<i64> = (0..24).map(|i| 100 + i).collect();
        let d = &durations(&runs(&secs), &["extract".to_owned()])[1];
        assert!((d.trend.unwrap() - 1_000.0 / d.median_ms.unwrap() as f64).abs() < 1e-9);
        secs = vec![100, 101, 100, 101, 100, 101, 100, 101, 100, 101, 100, 900];
        let mut list = runs(&secs);
        let d = &durations(&list, &["extract".to_owned()])[1];
        assert!(d.all.last().unwrap().odd && d.trend.unwrap().abs() < 0.01, "one slow run is no trend: {d:?}");
        let last = Arc::make_mut(&mut list[0]);
        last.tasks[0].state = TaskState::Failed;
        let d = &durations(&list, &["extract".to_owned()])[1];
        assert_eq!((d.n, d.all.len(), d.all.last().unwrap().ok, d.last_ms), (11, 12, false, Some(900_000)));
        assert!(durations(&runs(&secs[..3]), &["extract".to_owned()])[1].limits.is_none());
        assert_eq!(percentile(&[], 95), None);
    }
}
