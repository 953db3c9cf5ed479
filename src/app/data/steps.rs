//! Changes of the steps of a table; every one makes a new revision and asks for its view.
use super::{Command, Effect, Job, Origin, Tab, Task, with};
use crate::{
    app::{AppState, Cx},
    model::table::{Filter, Kind, Op, Shape, Sort, Step, ViewSpec},
};

/// Commands that change steps.
pub(super) fn command(state: &mut AppState, command: Command, cx: &Cx) -> Vec<Effect> {
    match command {
        Command::AddFilter { tab, filter } => with(state, tab, |tab| {
            let mut steps = tab.steps.clone();
            // Filters stand before sorts, as they are carried out.
            let at = steps.iter().position(|s| matches!(s, Step::Sort { .. })).unwrap_or(steps.len());
            steps.insert(at, Step::Filter { filter, on: true });
            change(tab, steps, cx)
        }),
        Command::SetStep { tab, index, step } => edit(state, tab, cx, |steps| {
            if let Some(slot) = steps.get_mut(index) {
                *slot = step;
            }
        }),
        Command::ToggleStep { tab, index } => edit(state, tab, cx, |steps| {
            if let Some(Step::Filter { on, .. } | Step::Sort { on, .. }) = steps.get_mut(index) {
                *on = !*on;
            }
        }),
        Command::DeleteStep { tab, index } => edit(state, tab, cx, |steps| {
            if index < steps.len() {
                steps.remove(index);
            }
        }),
        Command::MoveStep { tab, index, up } => edit(state, tab, cx, |steps| {
            let other = if up { index.wrapping_sub(1) } else { index + 1 };
            if index < steps.len() && other < steps.len() {
                steps.swap(index, other);
            }
        }),
        Command::MoveStepTo { tab, index, to } => edit(state, tab, cx, |steps| super::extra::moved(steps, index, to)),
        Command::ClearSteps(tab) => edit(state, tab, cx, Vec::clear),
        Command::UndoSteps(tab) => with(state, tab, |tab| {
            let Some(steps) = tab.past.pop() else { return Vec::new() };
            tab.steps = steps;
            changed(tab, cx)
        }),
        Command::SortBy { tab, column } => with(state, tab, |tab| sort_by(tab, column, cx)),
        Command::FilterBar { tab, column, bar } => with(state, tab, |tab| match bar_filter(tab, column, bar) {
            Some(filters) => {
                let mut steps = tab.steps.clone();
                let at = steps.iter().position(|s| matches!(s, Step::Sort { .. })).unwrap_or(steps.len());
                for (i, filter) in filters.into_iter().enumerate() {
                    steps.insert(at + i, Step::Filter { filter, on: true });
                }
                change(tab, steps, cx)
            }
            None => Vec::new(),
        }),
        _ => Vec::new(),
    }
}

fn edit(state: &mut AppState, tab: u64, cx: &Cx, act: impl FnOnce(&mut Vec<Step>)) -> Vec<Effect> {
    with(state, tab, |tab| {
        let mut steps = tab.steps.clone();
        act(&mut steps);
        change(tab, steps, cx)
    })
}

fn change(tab: &mut Tab, steps: Vec<Step>, cx: &Cx) -> Vec<Effect> {
    if steps == tab.steps {
        return Vec::new();
    }
    tab.past.push(std::mem::replace(&mut tab.steps, steps));
    if tab.past.len() > 100 {
        tab.past.remove(0);
    }
    changed(tab, cx)
}

fn changed(tab: &mut Tab, cx: &Cx) -> Vec<Effect> {
    let spec = tab.spec();
    tab.sql = match &tab.origin {
        Origin::File(_) => spec.to_sql(&tab.origin.sql().unwrap_or_default()),
        Origin::Query(sql) | Origin::Cell { sql, .. } if spec.is_plain() => sql.clone(),
        Origin::Query(sql) | Origin::Cell { sql, .. } => {
            spec.to_sql(&format!("(\n{}\n) AS q", sql.trim().trim_end_matches(';')))
        }
    };
    view(tab, cx)
}

/// Asks for the view of the present steps.
pub(super) fn view(tab: &mut Tab, cx: &Cx) -> Vec<Effect> {
    tab.revision += 1;
    tab.loading = true;
    tab.view_error = None;
    tab.since = Some(cx.now());
    tab.pages.forget_pending();
    let task = Task::View { tab: tab.id, revision: tab.revision, steps: tab.steps.clone() };
    vec![Job::cpu(tab.job("view"), task).titled(format!("Filtering and sorting {}", tab.name())).start()]
}

/// Smallest first, largest first, not at all.
fn sort_by(tab: &mut Tab, column: usize, cx: &Cx) -> Vec<Effect> {
    let Some(name) = tab.columns.get(column).map(|c| c.name.clone()) else { return Vec::new() };
    let mut steps = tab.steps.clone();
    let known = steps.iter().position(|s| matches!(s, Step::Sort { by, .. } if by.column == name));
    match known {
        None => {
            // One order at a time from the head; several come from adding steps.
            steps.retain(|s| !matches!(s, Step::Sort { .. }));
            steps.push(Step::Sort { by: Sort { column: name, descending: false }, on: true });
        }
        Some(at) => match &mut steps[at] {
            Step::Sort { by, on } if !by.descending || !*on => {
                by.descending = *on && !by.descending;
                *on = true;
            }
            _ => {
                steps.remove(at);
            }
        },
    }
    tab.focus = Some(column);
    change(tab, steps, cx)
}

/// The filters that keep the rows of one bar.
fn bar_filter(tab: &Tab, column: usize, bar: usize) -> Option<Vec<Filter>> {
    let profile = tab.profiles.get(column)?.as_ref()?;
    let (name, kind) = (profile.column.name.clone(), profile.column.kind);
    let filter = |op, values: &[&str]| Filter::new(name.clone(), kind, op, values);
    match &profile.shape {
        Shape::Top(top) => {
            let value = top.get(bar)?.value.plain().into_owned();
            Some(vec![filter(Op::Eq, &[&value])])
        }
        Shape::Histogram(bins) => {
            let bin = bins.get(bar)?;
            let last = bar + 1 == bins.len();
            let (from, to) = match kind {
                // Whole numbers in the bar, both ends included.
                Kind::Int => {
                    let high = if last { bin.to.floor() } else { bin.to.ceil() - 1.0 };
                    (format!("{}", bin.from.ceil()), format!("{}", high.max(bin.from.ceil())))
                }
                Kind::Float => (bin.from.to_string(), bin.to.to_string()),
                Kind::Date => (profile.edge_text(bin.from.ceil()), profile.edge_text(bin.to.floor())),
                _ => (profile.edge_text(bin.from.floor()), profile.edge_text(bin.to.ceil())),
            };
            if last || matches!(kind, Kind::Int) || from == to {
                return Some(vec![filter(Op::Between, &[&from, &to])]);
            }
            Some(vec![filter(Op::Ge, &[&from]), filter(Op::Lt, &[&to])])
        }
        Shape::None => None,
    }
}

/// Runs the text of the query field: steps where it is a filter and an order of this table, else a query.
pub(super) fn run_sql(tab: &mut Tab, sql: String, cx: &Cx) -> Vec<Effect> {
    let kind_of = |name: &str| tab.columns.iter().find(|c| c.name == name).map(|c| c.kind);
    if let Some((source, spec)) = ViewSpec::from_sql(&sql, kind_of)
        && Some(source) == tab.origin.sql()
    {
        let filters = spec.filters.into_iter().map(|filter| Step::Filter { filter, on: true });
        // The strongest key is the last sort step.
        let sorts = spec.sort.into_iter().rev().map(|by| Step::Sort { by, on: true });
        let steps: Vec<Step> = filters.chain(sorts).collect();
        if steps != tab.steps {
            tab.past.push(std::mem::replace(&mut tab.steps, steps));
        }
        return changed(tab, cx);
    }
    tab.loading = true;
    tab.view_error = None;
    tab.since = Some(cx.now());
    let task = Task::Query { tab: tab.id, sql };
    vec![Job::cpu(tab.job("query"), task).titled("Running the query").start()]
}
