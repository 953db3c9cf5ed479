//! One series as the page draws it: points, limits, patterns, and the verdict in words.
use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{
    base::{ids::RunId, text},
    model::{
        quality::{CheckPoint, Status, Unit, note::Note},
        run::MetricPoint,
        series::{self, Axis, instant},
        spc::{self, ChartKind, Limits, Rule, Sample, Signal},
    },
};

/// What a chart is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A check: path of its suite, id.
    Check { path: String, id: String },
    /// A metric: pipeline, task, name.
    Metric { pipeline: String, task: String, name: String },
}

impl Subject {
    /// As a note names it: `check:checks/delays.toml:in_range`, `metric:nightly/load/rows`.
    pub fn key(&self) -> String {
        match self {
            Self::Check { path, id } => format!("check:{path}:{id}"),
            Self::Metric { pipeline, task, name } => format!("metric:{pipeline}/{task}/{name}"),
        }
    }
}

/// What is known beside the values: which commit a run was of, and what people wrote.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// By id of the run.
    pub origins: BTreeMap<RunId, Origin>,
    /// By key of the chart, in the order of time.
    pub notes: BTreeMap<String, Vec<Note>>,
}

/// Where a run's code came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Short id and first line of the commit.
    pub commit: Option<(String, String)>,
    /// Hash of the pipeline's file.
    pub source: Option<String>,
}

/// A vertical line on a chart: something changed before this point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Index of the first point after it.
    pub dot: usize,
    /// `a41c9e2 New feed for G7`, or what a person wrote.
    pub words: String,
    pub kind: EventKind,
}

/// What a line stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// The run was the first one of another commit.
    Commit,
    /// A person wrote it.
    Note,
    /// A person wrote it, and limits are taken anew from here on.
    NewLimits,
}

/// One point of a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Dot {
    pub at: Timestamp,
    pub data_time: Option<Timestamp>,
    /// Place on the axis, seconds since 1970.
    pub x: f64,
    /// The value; not a number where nothing could be observed, which is a gap.
    pub value: f64,
    pub run: Option<RunId>,
    /// Evaluation it belongs to; none for a metric.
    pub evaluation: Option<String>,
    /// None for a metric.
    pub status: Option<Status>,
    /// What was found, for the tooltip.
    pub message: String,
    size: f64,
}

impl Dot {
    /// True when the suite's own limit is broken here.
    pub fn fails(&self) -> bool {
        self.status.is_some_and(|s| !matches!(s, Status::Passed | Status::Info))
    }
}

/// A series ready to be drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    pub subject: Subject,
    /// `delays.dep_delay_in_range`.
    pub title: String,
    /// What is plotted and by which chart it is judged.
    pub note: String,
    pub unit: Unit,
    /// Unit of a metric, as its task named it.
    pub suffix: String,
    pub axis: Axis,
    pub kind: ChartKind,
    pub dots: Vec<Dot>,
    /// One per dot; not a number where there are none.
    pub limits: Vec<Limits>,
    pub signals: Vec<Signal>,
    /// What changed, in the order of the points.
    pub events: Vec<Event>,
    /// The suite's own limits now.
    pub low: Option<f64>,
    pub high: Option<f64>,
}

/// How the verdict is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Fail,
    Warn,
    Good,
    Idle,
}

/// What the chart says, in words.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    pub tone: Tone,
    pub bold: String,
    pub rest: String,
    /// Index of the point it speaks of.
    pub dot: Option<usize>,
}

impl Chart {
    /// The chart of a check's history, which must be in the order of time.
    pub fn of_check(points: &[&CheckPoint], axis: Axis, context: &Context) -> Option<Self> {
        let last = points.last()?;
        let dot = |p: &&CheckPoint| Dot {
            at: p.at,
            data_time: p.data_time,
            x: 0.0,
            value: p.observed.unwrap_or(f64::NAN),
            run: p.run.clone(),
            evaluation: Some(p.evaluation.clone()),
            status: Some(p.status),
            message: p.message.clone(),
            size: p.sample_size() as f64,
        };
        let subject = Subject::Check { path: last.path.clone(), id: last.check.clone() };
        let mut chart =
            Self::build(subject, last.full_name(), last.unit, points.iter().map(dot).collect(), axis, context);
        (chart.low, chart.high) = (last.low, last.high);
        chart.note = format!("{}, {}, one point a run", last.unit.meaning(), chart.kind.words());
        Some(chart)
    }

    /// The chart of a metric, which must be in the order of time.
    pub fn of_metric(points: &[&MetricPoint], axis: Axis, context: &Context) -> Option<Self> {
        let last = points.last()?;
        let dot = |p: &&MetricPoint| Dot {
            at: p.metric.at,
            data_time: p.metric.data_time.as_deref().and_then(instant),
            x: 0.0,
            value: p.metric.value,
            run: Some(p.run.clone()),
            evaluation: None,
            status: None,
            message: String::new(),
            size: 1.0,
        };
        let subject = Subject::Metric {
            pipeline: last.pipeline.clone(),
            task: last.task.clone(),
            name: last.metric.name.clone(),
        };
        // A name is a task's own: several tasks of a pipeline count "rows".
        let title = format!("{}.{}.{}", last.pipeline, last.task, last.metric.name);
        let mut chart = Self::build(subject, title, Unit::Value, points.iter().map(dot).collect(), axis, context);
        chart.suffix = last.metric.unit.clone().unwrap_or_default();
        let what = if chart.suffix.is_empty() { "value" } else { chart.suffix.as_str() };
        chart.note = format!("{what} of task {}, {}, one point a run", last.task, chart.kind.words());
        Some(chart)
    }

    fn build(subject: Subject, title: String, unit: Unit, mut dots: Vec<Dot>, axis: Axis, context: &Context) -> Self {
        // Dates of data and times of runs on one axis would lie years apart.
        let axis = if dots.iter().all(|d| d.data_time.is_some()) { axis } else { Axis::Run };
        for dot in &mut dots {
            dot.x = series::seconds(match axis {
                Axis::Run => dot.at,
                Axis::Data => dot.data_time.unwrap_or(dot.at),
            });
        }
        dots.sort_by(|a, b| a.x.total_cmp(&b.x).then(a.at.cmp(&b.at)));
        // Points that say nothing take no part in the statistics; the map leads back.
        let there: Vec<usize> = (0..dots.len()).filter(|&i| dots[i].value.is_finite()).collect();
        let share = unit == Unit::Share && there.iter().all(|&i| dots[i].size > 0.0);
        let samples = |kind: ChartKind| -> Vec<Sample> {
            let counts = matches!(kind, ChartKind::P | ChartKind::PPrime);
            let sample = |d: &Dot| {
                if counts { Sample { value: d.value * d.size, size: d.size } } else { Sample::value(d.value) }
            };
            there.iter().map(|&i| sample(&dots[i])).collect()
        };
        let kind = spc::choose(share, &samples(ChartKind::P));
        let good: Vec<bool> = there.iter().map(|&i| !dots[i].fails()).collect();
        let notes = context.notes.get(&subject.key()).map_or(&[][..], Vec::as_slice);
        let mut events = notes_on(notes, &dots);
        let starts = events.iter().filter(|e| e.kind == EventKind::NewLimits).map(|e| e.dot);
        let phases = spc::phases(starts.map(|dot| there.partition_point(|&i| i < dot)), &good);
        let judged = spc::chart(kind, &samples(kind), &phases, &Rule::USUAL);
        let none = Limits { center: f64::NAN, sigma: f64::NAN, lower: f64::NAN, upper: f64::NAN };
        let mut limits = vec![none; dots.len()];
        for (&i, l) in there.iter().zip(&judged.limits) {
            // A share cannot pass 100 %, so no limit is drawn beyond it.
            limits[i] = if unit == Unit::Share {
                Limits { upper: l.upper.min(1.0), lower: l.lower.max(0.0), ..*l }
            } else {
                *l
            };
        }
        let place = |s: &Signal| Signal { at: there[s.at], from: there[s.from], ..*s };
        let signals: Vec<Signal> = judged.signals.iter().map(place).collect();
        events.extend(commits(&dots, &signals, context));
        events.sort_by_key(|e| (e.dot, e.kind == EventKind::Commit));
        Self {
            subject,
            title,
            note: String::new(),
            unit,
            suffix: String::new(),
            axis,
            kind,
            dots,
            limits,
            signals,
            events,
            low: None,
            high: None,
        }
    }

    /// A value with its unit.
    pub fn show(&self, value: f64) -> String {
        let shown = self.unit.show(value);
        if self.suffix.is_empty() { shown } else { format!("{shown} {}", self.suffix) }
    }

    /// The newest point that has a value.
    pub fn last(&self) -> Option<&Dot> {
        self.dots.iter().rev().find(|d| d.value.is_finite())
    }

    /// The strongest pattern that ends at this point.
    pub fn signal_at(&self, dot: usize) -> Option<&Signal> {
        self.signals.iter().filter(|s| s.at == dot).min_by_key(|s| s.rule)
    }

    /// True when the point is to be marked: the suite's limit or a rule is broken.
    pub fn marked(&self, dot: usize) -> bool {
        self.dots.get(dot).is_some_and(Dot::fails) || self.signal_at(dot).is_some_and(|s| s.rule == Rule::Nelson1)
    }

    /// Limits in force at the end, if there are any: after a new beginning there are none until enough is known.
    pub fn last_limits(&self) -> Option<Limits> {
        let last = self.dots.iter().rposition(|d| d.value.is_finite())?;
        self.limits.get(last).copied().filter(|l| l.center.is_finite())
    }

    /// Where the limits in force at a point were begun.
    fn phase_start(&self, dot: usize) -> usize {
        let starts = self.events.iter().filter(|e| e.kind == EventKind::NewLimits && e.dot <= dot);
        starts.map(|e| e.dot).max().unwrap_or(0)
    }

    /// What happened right before a point.
    pub fn events_at(&self, dot: usize) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(move |e| e.dot == dot)
    }

    /// The note a person wrote at a point: its words, and whether it begins new limits.
    pub fn note_at(&self, dot: usize) -> Option<(&str, bool)> {
        let note = self.events_at(dot).find(|e| e.kind != EventKind::Commit)?;
        Some((note.words.as_str(), note.kind == EventKind::NewLimits))
    }

    /// When a point was, as the axis counts.
    pub fn when(&self, dot: &Dot) -> String {
        match (self.axis, dot.data_time) {
            (Axis::Data, Some(at)) => day_utc(at),
            _ => crate::base::time::day_hhmm(dot.at),
        }
    }

    /// What is to be said of the newest point, or of the one a person points at.
    pub fn verdict(&self, chosen: Option<usize>) -> Verdict {
        let newest = (0..self.dots.len()).next_back();
        let Some(at) = chosen.filter(|&i| i < self.dots.len()).or(newest) else {
            return Verdict { tone: Tone::Idle, bold: "No run yet".to_owned(), rest: String::new(), dot: None };
        };
        let dot = &self.dots[at];
        let signal = self.signal_at(at);
        if dot.status == Some(Status::Error) || !dot.value.is_finite() {
            let bold = "Could not be evaluated".to_owned();
            return Verdict { tone: Tone::Fail, bold, rest: format!(": {}", dot.message), dot: Some(at) };
        }
        if let Some(signal) = signal {
            let tone = if dot.fails() || signal.rule == Rule::Nelson1 { self.tone_of(dot) } else { Tone::Warn };
            let (bold, rest) = (signal.words(&self.limits[at]), self.rest(at, signal));
            return Verdict { tone, bold, rest, dot: Some(at) };
        }
        if dot.fails() {
            let rest = format!(": {}", dot.message);
            return Verdict { tone: self.tone_of(dot), bold: self.limit_words(dot), rest, dot: Some(at) };
        }
        let begun = self.phase_start(at);
        let count = self.dots[begun..].iter().filter(|d| d.value.is_finite()).count();
        if !self.limits[at].center.is_finite() {
            let anew = if begun > 0 { format!(" after {}", self.when(&self.dots[begun])) } else { String::new() };
            // What passed its own limit is well, however little is known of what is usual.
            if dot.status == Some(Status::Passed) {
                let words = format!(": {}; control limits are drawn", self.show(dot.value));
                let rest = format!("{words} from {} runs on, {count} so far{anew}", spc::MIN_BASELINE);
                return Verdict { tone: Tone::Good, bold: "Passed".to_owned(), rest, dot: Some(at) };
            }
            let rest = format!(": limits are drawn from {} runs on, {count} so far{anew}", spc::MIN_BASELINE);
            return Verdict { tone: Tone::Idle, bold: self.show(dot.value), rest, dot: Some(at) };
        }
        let bold = "In control".to_owned();
        let rest = format!(": {} is within its limits, {}", self.show(dot.value), self.quiet(at));
        Verdict { tone: Tone::Good, bold, rest, dot: Some(at) }
    }

    fn tone_of(&self, dot: &Dot) -> Tone {
        match dot.status {
            Some(Status::Failed | Status::Error) => Tone::Fail,
            // A metric has no limit of its own: leaving what is usual is to be looked at, no failure.
            _ => Tone::Warn,
        }
    }

    fn rest(&self, at: usize, signal: &Signal) -> String {
        let mut rest = format!(" ({})", signal.rule.title());
        if signal.from != signal.at {
            rest.push_str(&format!(", from {}", self.when(&self.dots[signal.from])));
        }
        let before = self.signals.iter().filter(|s| s.at < at && s.rule == signal.rule).map(|s| s.at).max();
        match before {
            None if at >= 2 => rest.push_str(&format!(", first in {} runs", at + 1)),
            Some(b) if at - b > 1 => rest.push_str(&format!(", first since {}", self.when(&self.dots[b]))),
            _ => {}
        }
        if self.dots[at].fails() {
            rest.push_str(&format!("; also {}", lower_first(&self.limit_words(&self.dots[at]))));
        }
        rest
    }

    fn limit_words(&self, dot: &Dot) -> String {
        match (self.low, self.high) {
            (Some(low), _) if dot.value < low => format!("Under the limit of {}", self.show(low)),
            (_, Some(high)) if dot.value > high => format!("Over the limit of {}", self.show(high)),
            _ => "Against its suite".to_owned(),
        }
    }

    fn quiet(&self, at: usize) -> String {
        let before = self.signals.iter().map(|s| s.at).filter(|&i| i <= at).max();
        match before {
            Some(b) => format!("{} since the last signal", text::count((at - b) as u64, "run")),
            None => format!("no signal in {}", text::count(at as u64 + 1, "run")),
        }
    }

    /// The whole chart in one sentence, for people who do not see it.
    pub fn summary(&self) -> String {
        let Some(last) = self.last() else { return format!("{}: no value", self.title) };
        let limits = self.last_limits().map_or_else(String::new, |l| {
            format!(", usual from {} to {} around {}", self.show(l.lower), self.show(l.upper), self.show(l.center))
        });
        let marked = (0..self.dots.len()).filter(|&i| self.marked(i)).count();
        let verdict = self.verdict(None);
        format!(
            "{}: {} points, {} marked, last {} on {}{limits}. {}{}",
            self.title,
            self.dots.len(),
            marked,
            self.show(last.value),
            self.when(last),
            verdict.bold,
            verdict.rest
        )
    }

    /// Values of the newest runs for a small picture; gaps stay gaps.
    pub fn spark(&self, most: usize) -> Vec<Option<f64>> {
        let start = self.dots.len().saturating_sub(most);
        self.dots[start..].iter().map(|d| Some(d.value).filter(|v| v.is_finite())).collect()
    }

    /// The newest point and its pattern, when it is news: a pattern that only goes on was told of when it began. Ages
    /// and failing rows are left to the suite's own limits, which say what matters there.
    pub fn signal_now(&self) -> Option<(&Dot, &Signal)> {
        if !matches!(self.unit, Unit::Share | Unit::Rows | Unit::Value) {
            return None;
        }
        let at = self.dots.len().checked_sub(1)?;
        let signal = self.signal_at(at)?;
        let goes_on = at > 0 && self.signals.iter().any(|s| s.at == at - 1 && s.side == signal.side);
        (!goes_on).then(|| (&self.dots[at], signal))
    }
}

/// The notes of a chart at their points. One whose point is gone stands at the next one.
fn notes_on(notes: &[Note], dots: &[Dot]) -> Vec<Event> {
    let place = |note: &Note| {
        let exact = dots.iter().position(|d| d.at == note.at);
        exact.or_else(|| dots.iter().position(|d| d.at > note.at))
    };
    let event = |note: &Note| {
        let kind = if note.new_limits { EventKind::NewLimits } else { EventKind::Note };
        Some(Event { dot: place(note)?, words: note.text.clone(), kind })
    };
    let mut all: Vec<Event> = notes.iter().filter_map(event).collect();
    all.sort_by_key(|e| e.dot);
    all.dedup_by_key(|e| (e.dot, e.kind));
    all
}

/// Commits worth a line: the one that changed the pipeline, and the one that came right before a point out of limits.
fn commits(dots: &[Dot], signals: &[Signal], context: &Context) -> Vec<Event> {
    let origin = |dot: &Dot| dot.run.as_ref().and_then(|run| context.origins.get(run));
    let mut all = Vec::new();
    let mut before: Option<&Origin> = None;
    let mut out_before = false;
    for (i, dot) in dots.iter().enumerate() {
        let out = dot.fails() || signals.iter().any(|s| s.at == i && s.rule == Rule::Nelson1);
        let Some(now) = origin(dot) else { continue };
        if let (Some(old), Some((id, summary))) = (before, &now.commit)
            && old.commit.as_ref().is_none_or(|c| c.0 != *id)
            && (old.source != now.source || (out && !out_before))
        {
            all.push(Event { dot: i, words: format!("{id} {summary}"), kind: EventKind::Commit });
        }
        (before, out_before) = (Some(now), out);
    }
    all
}

/// `17 Nov`: dates of data have no zone.
fn day_utc(at: Timestamp) -> String {
    let zoned = at.to_zoned(jiff::tz::TimeZone::UTC);
    let form = if zoned.hour() == 0 && zoned.minute() == 0 { "%-d %b %Y" } else { "%-d %b %Y %H:%M" };
    zoned.strftime(form).to_string()
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_lowercase().chain(chars).collect())
}
