//! Taking one cell's change back: the cell as another version of the notebook has it.
use std::sync::Arc;

use super::{
    Cell, Field, Notebook,
    edit::{Step, Transaction},
    layout::Template,
    ops::relaid,
};
use crate::base::{Error, Result};

/// Cells of two versions that are the same cell: place in the older one, place in this one.
pub type Pairs = [(Option<usize>, Option<usize>)];

impl Notebook {
    /// Makes one cell as `base` has it: an edited one gets its former bytes and place, a new one goes, a deleted one
    /// comes back where it stood. Every other cell keeps its bytes.
    pub fn revert_cell(
        &mut self,
        base: &Self,
        pairs: &Pairs,
        (old, new): (Option<usize>, Option<usize>),
    ) -> Result<()> {
        let gone = || Error::user("This cell is not there any more").hint("Compare again");
        let now = |at: usize| self.cells.get(at).map(|c| c.key).ok_or_else(gone);
        match (old, new) {
            (None, Some(new)) => {
                let key = now(new)?;
                self.delete(&[key])
            }
            (Some(old), None) => {
                let cell = base.cells.get(old).ok_or_else(gone)?;
                let at = self.place_of(pairs, old, None);
                self.put_cell(at, 0, cell, None)
            }
            (Some(old), Some(new)) => {
                let cell = base.cells.get(old).ok_or_else(gone)?;
                now(new)?;
                // Where it stood among the cells that both versions have.
                let to = self.place_of(pairs, old, Some(new));
                let moved = pairs.iter().any(|(o, n)| match (o, n) {
                    (Some(o), Some(n)) => (*o < old) != (*n < new) && (*o, *n) != (old, new),
                    _ => false,
                });
                self.put_cell(new, 1, cell, Some(to).filter(|to| moved && *to != new))
            }
            (None, None) => Err(gone()),
        }
    }

    /// Where a cell of the older version belongs here: behind the nearest one before it that is here too. Counted
    /// without the cell at `without`.
    fn place_of(&self, pairs: &Pairs, old: usize, without: Option<usize>) -> usize {
        let before = pairs
            .iter()
            .filter_map(|(o, n)| Some(((*o)?, (*n)?)))
            .filter(|(o, n)| *o < old && Some(*n) != without)
            .max_by_key(|(o, _)| *o)
            .map(|(_, n)| if without.is_some_and(|w| w < n) { n - 1 } else { n });
        before.map_or(0, |n| n + 1).min(self.cells.len())
    }

    /// Puts a cell in with its own bytes and, if nobody here has it, its own id; then moves it, as one step.
    fn put_cell(&mut self, at: usize, remove: usize, cell: &Arc<Cell>, to: Option<usize>) -> Result<()> {
        let look = self.look_at(at);
        let own = Template::of(cell, self.ascii);
        let raw =
            if own.lead == look.lead && own.close == look.close { cell.raw().clone() } else { relaid(cell, &look)? };
        let key = self.fresh_key();
        let mut put = Cell::from_raw(key, raw)?;
        let others = self.cells.iter().enumerate().filter(|(n, _)| !(at..at + remove).contains(n));
        let taken = others.filter_map(|(_, c)| c.id.as_deref()).any(|id| Some(id) == put.id.as_deref());
        let has_ids = self.fresh_id();
        if (taken || put.id.is_none()) && has_ids.is_some() {
            let id = has_ids.map(|id| format!("\"{id}\""));
            put = put.with_field(Field::Id, id.as_deref().map(str::as_bytes), self.ascii)?;
        } else if put.id.is_some() && has_ids.is_none() {
            put = put.with_field(Field::Id, None, self.ascii)?;
        }
        let mut steps = vec![self.splice(at, remove, vec![Arc::new(put)])];
        steps.extend(to.map(|to| Step::Move { from: at, count: 1, to: to.min(self.cells.len() - remove) }));
        self.commit(Transaction { label: "Take a change back", steps, focus: Some(key) }, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::diff::{Document, NotebookDiff};

    fn book(cells: &[(&str, &str)]) -> Notebook {
        let cells: Vec<_> = cells
            .iter()
            .map(|(id, source)| {
                serde_json::json!({"cell_type": "code", "id": id, "metadata": {}, "source": source, "outputs": [],
                                   "execution_count": null})
            })
            .collect();
        let all = serde_json::json!({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5});
        Notebook::parse(format!("{}\n", serde_json::to_string_pretty(&all).unwrap()).into_bytes()).unwrap()
    }

    /// The pairs as the comparison finds them.
    fn pairs(base: &Notebook, now: &Notebook) -> Vec<(Option<usize>, Option<usize>)> {
        let doc = |n: &Notebook| Arc::new(Document::parse("a.ipynb", n.to_bytes()).unwrap());
        let diff = NotebookDiff::new(doc(base), doc(now));
        diff.cells.iter().map(|c| (c.old, c.new)).collect()
    }

    const LOAD: (&str, &str) = ("a", "import polars as pl\nday = pl.read_csv('day.csv')");
    const MEAN: (&str, &str) = ("b", "delay = day['delay'].mean()\nprint(delay)");
    const PLOT: (&str, &str) = ("c", "figure = day.plot('hour', 'delay')\nfigure.show()");

    #[test]
    fn taking_every_change_back_one_by_one_gives_the_older_version() {
        let base = book(&[LOAD, MEAN, PLOT]);
        let edited = ("b", "delay = day['delay'].median()\nprint(delay)");
        let fresh = ("d", "limits = [1, 2, 3]\nassert limits");
        let cases: [&[(&str, &str)]; 5] = [
            &[LOAD, edited, PLOT],
            &[LOAD, PLOT],
            &[LOAD, fresh, MEAN, PLOT],
            &[PLOT, LOAD, MEAN],
            &[fresh, LOAD, edited],
        ];
        for cells in cases {
            let mut now = book(cells);
            for _ in 0..8 {
                if now.to_bytes() == base.to_bytes() {
                    break;
                }
                let all = pairs(&base, &now);
                let differs = |(o, n): &(Option<usize>, Option<usize>)| {
                    let raw = |book: &Notebook, at: Option<usize>| at.map(|i| book.cells()[i].raw().clone());
                    raw(&base, *o) != raw(&now, *n) || o != n
                };
                let row = all.iter().copied().find(differs).unwrap();
                let before = now.to_bytes();
                now.revert_cell(&base, &all, row).unwrap();
                let after = now.to_bytes();
                now.undo().unwrap();
                assert_eq!(now.to_bytes(), before, "one step takes it back");
                now.redo().unwrap();
                assert_eq!(now.to_bytes(), after);
            }
            let text = |n: &Notebook| String::from_utf8(n.to_bytes()).unwrap();
            assert_eq!(text(&now), text(&base), "{cells:?}");
        }
    }

    #[test]
    fn other_cells_keep_their_bytes_and_ids_stay_unique() {
        let base = book(&[LOAD, MEAN]);
        let mut now = book(&[("a", "x = 1"), ("b", "taken by another cell"), LOAD]);
        now.revert_cell(
            &base,
            &[(None, Some(0)), (None, Some(1)), (Some(0), Some(2)), (Some(1), None)],
            (Some(1), None),
        )
        .unwrap();
        let ids: Vec<_> = now.cells().iter().filter_map(|c| c.id.as_deref().map(str::to_owned)).collect();
        assert_eq!(ids.len(), 4);
        assert_eq!(ids.iter().filter(|i| *i == "b").count(), 1);
        assert_eq!(&*now.cells()[3].source, MEAN.1);
        assert!(now.revert_cell(&base, &[], (None, Some(9))).is_err());
    }
}
