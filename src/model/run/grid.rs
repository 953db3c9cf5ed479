//! Tasks × runs as a grid shows them: instances of a mapped task and tasks of a group folded into one row each.
//!
//! Rows are those of one run, columns any number of runs; a column is worked out once and kept as long as its run is the
//! same, so that a pipeline of a thousand tasks costs nothing while it is only looked at.
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use super::{Run, TaskState};
use crate::model::connect::instance;

/// Above so many rows groups are folded until somebody opens them.
const MANY: usize = 40;

/// What a row stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowKind {
    Task,
    /// A mapped task with its instances.
    Mapped,
    /// A group of tasks.
    Group,
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GridRow {
    /// Id of the task; of a group its name.
    pub id: String,
    /// What a person reads: without the name of the group it stands below.
    pub label: String,
    pub depth: usize,
    pub kind: RowKind,
    /// Its rows follow.
    pub open: bool,
    /// Places of its tasks in the run.
    pub tasks: Vec<usize>,
}

/// The rows of a run's tasks, given by their ids in order. `toggled` are the groups and mapped tasks that are not as they are
/// at first: mapped tasks folded, groups open unless there are very many rows.
pub fn rows(ids: &[String], toggled: &BTreeSet<String>) -> Vec<GridRow> {
    // Tasks with their instances, in the order of the first of them.
    let mut tasks: Vec<(&str, Vec<usize>)> = Vec::new();
    let mut place: HashMap<&str, usize> = HashMap::new();
    for (at, id) in ids.iter().enumerate() {
        let base = instance(id).0;
        let slot = *place.entry(base).or_insert_with(|| {
            tasks.push((base, Vec::new()));
            tasks.len() - 1
        });
        if let Some(task) = tasks.get_mut(slot) {
            task.1.push(at);
        }
    }
    // Groups, each where its first task is; one with a single task is none.
    let mut groups: HashMap<&str, Vec<usize>> = HashMap::new();
    for (n, (base, _)) in tasks.iter().enumerate() {
        if let Some((group, _)) = base.rsplit_once('.') {
            groups.entry(group).or_default().push(n);
        }
    }
    groups.retain(|_, members| members.len() > 1);
    let folded_first = tasks.len() > MANY;
    let (mut out, mut done) = (Vec::new(), BTreeSet::new());
    for (base, places) in &tasks {
        let Some((group, members)) = base.rsplit_once('.').and_then(|(g, _)| groups.get_key_value(g)) else {
            task_rows(&mut out, ids, base, base, places, 0, toggled);
            continue;
        };
        if !done.insert(*group) {
            continue;
        }
        let members: Vec<&(&str, Vec<usize>)> = members.iter().filter_map(|n| tasks.get(*n)).collect();
        let open = toggled.contains(*group) == folded_first;
        let all = members.iter().flat_map(|(_, p)| p.iter().copied()).collect();
        let (id, label) = ((*group).to_owned(), (*group).to_owned());
        out.push(GridRow { id, label, depth: 0, kind: RowKind::Group, open, tasks: all });
        if open {
            for (base, places) in members {
                let label = base.get(group.len() + 1..).unwrap_or(base);
                task_rows(&mut out, ids, base, label, places, 1, toggled);
            }
        }
    }
    out
}

fn task_rows(
    out: &mut Vec<GridRow>,
    ids: &[String],
    base: &str,
    label: &str,
    places: &[usize],
    depth: usize,
    toggled: &BTreeSet<String>,
) {
    let first = places.first().and_then(|p| ids.get(*p));
    let mapped = places.len() > 1 || first.is_some_and(|id| id != base);
    if !mapped {
        let tasks = places.to_vec();
        out.push(GridRow {
            id: base.to_owned(),
            label: label.to_owned(),
            depth,
            kind: RowKind::Task,
            open: false,
            tasks,
        });
        return;
    }
    let open = toggled.contains(base);
    out.push(GridRow {
        id: base.to_owned(),
        label: label.to_owned(),
        depth,
        kind: RowKind::Mapped,
        open,
        tasks: places.to_vec(),
    });
    for (at, id) in places.iter().filter_map(|p| ids.get(*p).map(|id| (*p, id))).filter(|_| open) {
        let label = id.get(base.len()..).unwrap_or(id).to_owned();
        out.push(GridRow {
            id: id.clone(),
            label,
            depth: depth + 1,
            kind: RowKind::Task,
            open: false,
            tasks: vec![at],
        });
    }
}

/// What a run has in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// The worst of its tasks.
    pub state: TaskState,
    /// It succeeded after a retry.
    pub flaky: bool,
    /// How long the longest of them took, milliseconds; none of what has not ended.
    pub lasted: Option<u64>,
}

/// How much a state asks to be looked at.
fn urgency(state: TaskState) -> u8 {
    match state {
        TaskState::Failed => 8,
        TaskState::Interrupted => 7,
        TaskState::Running => 6,
        TaskState::Retrying => 5,
        TaskState::Queued => 4,
        TaskState::UpstreamFailed => 3,
        TaskState::Cancelled => 2,
        TaskState::Skipped => 1,
        TaskState::Success => 0,
    }
}

/// The cells of one run, a place a row.
fn column(run: &Run, ids: &[String], rows: &[GridRow]) -> Vec<Option<Cell>> {
    // Most runs have the same tasks in the same order; others are looked up by name.
    let same = run.tasks.len() == ids.len() && run.tasks.iter().zip(ids).all(|(t, id)| t.id == *id);
    let by_name: HashMap<&str, usize> =
        if same { HashMap::new() } else { run.tasks.iter().enumerate().map(|(i, t)| (t.id.as_str(), i)).collect() };
    let find = |at: usize| {
        let at = if same { at } else { *by_name.get(ids.get(at)?.as_str())? };
        run.tasks.get(at)
    };
    rows.iter()
        .map(|row| {
            let mut cell: Option<Cell> = None;
            for task in row.tasks.iter().filter_map(|at| find(*at)) {
                let last = task.last();
                let lasted = last.and_then(|a| a.duration_ms(a.ended_at?));
                let one = Cell { state: task.state, flaky: task.is_flaky(), lasted };
                cell = Some(cell.map_or(one, |c| Cell {
                    state: if urgency(one.state) > urgency(c.state) { one.state } else { c.state },
                    flaky: c.flaky || one.flaky,
                    lasted: c.lasted.max(one.lasted),
                }));
            }
            cell
        })
        .collect()
}

/// The grid, kept from frame to frame.
#[derive(Debug, Default)]
pub struct Grid {
    ids: Vec<String>,
    toggled: BTreeSet<String>,
    pub rows: Vec<GridRow>,
    /// Oldest first.
    columns: Vec<(Arc<Run>, Vec<Option<Cell>>)>,
    /// Median of how long each row took.
    pub medians: Vec<Option<u64>>,
}

impl Grid {
    /// Brings it up to date with these runs, oldest first, and the tasks of the run that is looked at. Runs that are the same
    /// as before cost nothing.
    pub fn update(&mut self, runs: &[Arc<Run>], ids: Vec<String>, toggled: &BTreeSet<String>) {
        let same_rows = self.ids == ids && self.toggled == *toggled;
        let same_runs =
            self.columns.len() == runs.len() && self.columns.iter().zip(runs).all(|((a, _), b)| Arc::ptr_eq(a, b));
        if same_rows && same_runs {
            return;
        }
        if !same_rows {
            self.rows = rows(&ids, toggled);
            (self.ids, self.toggled) = (ids, toggled.clone());
            self.columns.clear();
        }
        // The run itself is kept, so that its place in memory stands for what it says.
        let mut known: HashMap<*const Run, Vec<Option<Cell>>> =
            self.columns.drain(..).map(|(run, cells)| (Arc::as_ptr(&run), cells)).collect();
        self.columns = runs
            .iter()
            .map(|run| {
                let cells = known.remove(&Arc::as_ptr(run)).unwrap_or_else(|| column(run, &self.ids, &self.rows));
                (run.clone(), cells)
            })
            .collect();
        self.medians = (0..self.rows.len()).map(|row| self.median(row)).collect();
    }

    fn median(&self, row: usize) -> Option<u64> {
        let mut all: Vec<u64> = self.columns.iter().filter_map(|(_, cells)| (*cells.get(row)?)?.lasted).collect();
        let middle = all.len() / 2;
        if all.is_empty() { None } else { Some(*all.select_nth_unstable(middle).1) }
    }

    /// What a run has in a row.
    pub fn cell(&self, run: usize, row: usize) -> Option<Cell> {
        *self.columns.get(run)?.1.get(row)?
    }

    /// The task that a click on a cell means: the one itself, or of several the first one in the worst state.
    pub fn task_at(&self, run: usize, row: usize) -> Option<String> {
        let (run, cells) = self.columns.get(run)?;
        let (row, cell) = (self.rows.get(row)?, (*cells.get(row)?)?);
        let ids = row.tasks.iter().filter_map(|at| self.ids.get(*at));
        ids.filter(|id| run.task(id).is_some_and(|t| t.state == cell.state)).map(String::clone).next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::run::tests::run as sample;

    fn ids(all: &[&str]) -> Vec<String> {
        all.iter().map(|s| (*s).to_owned()).collect()
    }

    fn shown(rows: &[GridRow]) -> Vec<String> {
        rows.iter().map(|r| format!("{}{}", "  ".repeat(r.depth), r.label)).collect()
    }

    #[test]
    fn mapped_tasks_are_folded_and_groups_are_headed() {
        let all = ids(&["list", "q.measure[0]", "q.measure[1]", "q.report", "sum", "one.alone"]);
        let first = rows(&all, &BTreeSet::new());
        assert_eq!(shown(&first), ["list", "q", "  measure", "  report", "sum", "one.alone"]);
        assert_eq!(first[1].tasks, [1, 2, 3]);
        let opened = rows(&all, &BTreeSet::from(["q.measure".to_owned()]));
        assert_eq!(shown(&opened)[2..5], ["  measure", "    [0]", "    [1]"]);
        assert_eq!(opened[3].id, "q.measure[0]");
        let closed = rows(&all, &BTreeSet::from(["q".to_owned()]));
        assert_eq!(shown(&closed), ["list", "q", "sum", "one.alone"]);
    }

    #[test]
    fn of_very_many_tasks_the_groups_are_folded_first() {
        let all: Vec<String> = (0..1000).map(|n| format!("g{}.t{n}", n / 50)).collect();
        let first = rows(&all, &BTreeSet::new());
        assert_eq!((first.len(), first[0].tasks.len()), (20, 50));
        assert_eq!(rows(&all, &BTreeSet::from(["g3".to_owned()])).len(), 70);
    }

    #[test]
    fn a_folded_row_shows_the_worst_and_a_run_that_is_the_same_is_not_read_again() {
        use TaskState::{Failed, Running, Success};
        let name = |mut run: Run, number| {
            run.number = number;
            run.tasks.iter_mut().enumerate().for_each(|(i, t)| t.id = format!("m[{i}]"));
            Arc::new(run)
        };
        let (old, new) = (name(sample([Success; 4]), 1), name(sample([Success, Running, Failed, Success]), 2));
        let all: Vec<String> = new.tasks.iter().map(|t| t.id.clone()).collect();
        let mut grid = Grid::default();
        grid.update(&[old.clone(), new.clone()], all.clone(), &BTreeSet::new());
        assert_eq!(grid.rows.len(), 1);
        let states: Vec<_> = (0..2).map(|run| grid.cell(run, 0).unwrap().state).collect();
        assert_eq!(states, [Success, Failed]);
        assert_eq!(grid.task_at(1, 0).as_deref(), Some("m[2]"));
        let before = grid.columns[0].1.as_ptr();
        let mut mended = (*new).clone();
        mended.tasks[2].state = Success;
        grid.update(&[old, Arc::new(mended)], all, &BTreeSet::new());
        assert_eq!(grid.cell(1, 0).unwrap().state, Running);
        assert_eq!(grid.columns[0].1.as_ptr(), before, "the other column was kept");
    }

    #[test]
    fn a_run_with_other_tasks_shows_what_it_has() {
        let run = Arc::new(sample([TaskState::Success; 4]));
        let mut all: Vec<String> = run.tasks.iter().rev().map(|t| t.id.clone()).collect();
        all.push("new".to_owned());
        let mut grid = Grid::default();
        grid.update(&[run], all, &BTreeSet::new());
        assert!((0..4).all(|row| grid.cell(0, row).is_some()) && grid.cell(0, 4).is_none());
    }
}
