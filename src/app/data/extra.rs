//! Charts, findings and checks of an open table.
use std::sync::Arc;

use super::{Command, Effect, Event, Face, Job, Notice, Origin, Policy, Tab, TabId, Task, with};
use crate::{
    app::{AppState, Env, Out, quality},
    base::{Error, Result, job::JobCtx},
    engine::{self, frames::View},
    model::table::{
        Step, ViewSpec,
        chart::ChartSpec,
        finding::{self, Finding},
    },
};

/// Rows beyond which the rows left are not compared with the whole table.
const COMPARED: u64 = 2_000_000;

/// Commands of this part.
pub(super) fn command(state: &mut AppState, command: Command) -> Vec<Effect> {
    match command {
        Command::Show { tab, face } => with(state, tab, |tab| {
            tab.face = face;
            if face == Face::Chart { ask(tab) } else { Vec::new() }
        }),
        Command::SetChart { tab, spec } => with(state, tab, |tab| {
            tab.face = Face::Chart;
            tab.chart_spec = Some(spec);
            ask(tab)
        }),
        Command::AddCheck { tab, path, head, block } => with(state, tab, |tab| {
            let task = Task::AddCheck { path, head, block };
            vec![Job::io(tab.job("check"), task).policy(Policy::Reject).start()]
        }),
        _ => Vec::new(),
    }
}

/// Draws the present rows, unless what is there shows them.
pub(super) fn ask(tab: &mut Tab) -> Vec<Effect> {
    if tab.face != Face::Chart || tab.loading || tab.columns.is_empty() {
        return Vec::new();
    }
    let known = |s: &ChartSpec| tab.columns.iter().any(|c| c.name == s.x);
    if !tab.chart_spec.as_ref().is_some_and(known) {
        tab.chart_spec = ChartSpec::first(&tab.columns, tab.focus.unwrap_or(0));
    }
    let Some(spec) = tab.chart_spec.clone() else { return Vec::new() };
    let task = Task::Chart { tab: tab.id, revision: tab.revision, spec };
    vec![Job::cpu(tab.job("chart"), task).titled(format!("Drawing {}", tab.name())).start()]
}

/// After a filter: looks for what the rows that are left have in common.
pub(super) fn compare(tab: &Tab) -> Vec<Effect> {
    let spec = tab.spec();
    if spec.filters.is_empty() || tab.view_rows.is_none_or(|r| r > COMPARED || r == 0) {
        return Vec::new();
    }
    let filtered: Vec<&str> = spec.filters.iter().map(|f| f.column.as_str()).collect();
    let columns = finding::candidates(&tab.profiles, &filtered);
    if columns.is_empty() {
        return Vec::new();
    }
    let task = Task::Compare { tab: tab.id, revision: tab.revision, columns };
    vec![Job::cpu(tab.job("compare"), task).start()]
}

/// Events of this part.
pub(super) fn event(state: &mut AppState, event: Event) -> Vec<Effect> {
    match event {
        Event::Charted { tab, revision, spec, chart } => with(state, tab, |tab| {
            if tab.revision == revision && tab.chart_spec.as_ref() == Some(&spec) {
                tab.chart = Some(chart);
            }
            Vec::new()
        }),
        Event::Compared { tab, revision, leaders } => with(state, tab, |tab| {
            if tab.revision == revision {
                let left = tab.view_rows.unwrap_or(0);
                tab.leaders = finding::of_filtered(&leaders, left, &tab.profiles).map(|f| (revision, f));
            }
            Vec::new()
        }),
        Event::CheckAdded { path, id } => {
            let open = quality::Command::Open(quality::Subject::Check { path: path.clone(), id: id.clone() });
            vec![Effect::Notice(
                Notice::success(format!("Added the check {id}"))
                    .body(format!("It stands at the end of {path}"))
                    .action("Show it", open),
            )]
        }
        _ => Vec::new(),
    }
}

/// Carries out the tasks of this part.
pub(super) fn run(task: Task, env: &Arc<Env>, cx: &JobCtx, out: &Out) -> Result<()> {
    match task {
        Task::Chart { tab, revision, spec } => {
            let chart = view(tab, revision, env, cx).and_then(|v| v.chart(&spec, cx));
            if !chart.as_ref().is_err_and(Error::is_cancelled) {
                out.send(Event::Charted { tab, revision, spec, chart: chart.map(Arc::new) });
            }
        }
        Task::Compare { tab, revision, columns } => {
            let leaders = view(tab, revision, env, cx)?.leaders(&columns, cx)?;
            out.send(Event::Compared { tab, revision, leaders });
        }
        Task::AddCheck { path, head, block } => {
            let suite = engine::quality::add_check(&env.root()?, &path, &head, &block)?;
            let id = suite.checks.last().map(|c| c.id.clone()).unwrap_or_default();
            out.send(Event::CheckAdded { path, id });
        }
        _ => {}
    }
    Ok(())
}

fn view(tab: TabId, revision: u64, env: &Arc<Env>, cx: &JobCtx) -> Result<Arc<View>> {
    match env.tables.view(tab, revision) {
        Some(view) => Ok(view),
        None => Ok(Arc::new(env.tables.source(tab)?.view(&ViewSpec::default(), cx)?)),
    }
}

impl Tab {
    /// The sentence worth showing beside the table, if there is one.
    pub fn finding(&self) -> Option<Finding> {
        let left = self.leaders.as_ref().filter(|(r, _)| *r == self.revision).map(|(_, f)| f.clone());
        left.or_else(|| finding::of_column(self.focused()?))
    }
    /// Why no check can be made of it; none when one can.
    pub fn unchecked(&self) -> Option<&'static str> {
        match &self.origin {
            Origin::File(_) if self.profiles.iter().any(Option::is_some) => None,
            Origin::File(_) => Some("The columns are still being counted"),
            Origin::Query(_) | Origin::Cell { .. } => Some("A check reads a file: open one at the left"),
        }
    }
}

/// A step taken out and put in at another place.
pub(super) fn moved(steps: &mut Vec<Step>, from: usize, to: usize) {
    if from < steps.len() && to < steps.len() {
        let step = steps.remove(from);
        steps.insert(to, step);
    }
}
