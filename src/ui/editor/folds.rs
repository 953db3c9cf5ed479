//! Lines folded away: those deeper than the line above them. A fold is known by that line and goes along with changes.
use std::ops::Range;

use crate::model::editor::{Editor, Selection, Splice, column, fold};

/// A fold: the line that stays, and the last one it hides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fold {
    head: usize,
    last: usize,
}

/// What is folded away in an editor.
#[derive(Debug, Clone, Default)]
pub struct Folds {
    /// By their heads; one may lie in another.
    all: Vec<Fold>,
    /// Lines that are hidden, in order, without overlaps.
    hidden: Vec<Range<usize>>,
    of: Option<(u64, u64)>,
    /// Counts changes of what is hidden.
    version: u64,
}

impl Folds {
    /// Lines that are hidden.
    pub fn hidden(&self) -> &[Range<usize>] {
        &self.hidden
    }
    /// Changes with what is hidden.
    pub fn version(&self) -> u64 {
        self.version
    }
    /// The hidden lines that a line lies in.
    pub fn around(&self, line: usize) -> Option<Range<usize>> {
        let at = self.hidden.partition_point(|h| h.end <= line);
        self.hidden.get(at).filter(|h| h.contains(&line)).cloned()
    }
    /// Lines a folded line hides.
    pub fn count(&self, head: usize) -> Option<usize> {
        self.all.iter().find(|f| f.head == head).map(|f| f.last - f.head)
    }

    /// Follows the text; a cursor inside opens what hides it.
    pub fn follow(&mut self, editor: &Editor) {
        let of = (editor.serial(), editor.revision());
        if self.of != Some(of) {
            let same = self.of.filter(|o| o.0 == of.0).and_then(|o| editor.splices_since(o.1));
            match same {
                Some(splices) if !self.all.is_empty() => self.splice(editor, &splices),
                Some(_) => {}
                None => self.all.clear(),
            }
            self.of = Some(of);
            self.settle();
        }
        if !self.hidden.is_empty() {
            self.open_to(editor);
        }
    }

    fn splice(&mut self, editor: &Editor, splices: &[Splice]) {
        // Where the head is when something was put in before it on its line.
        let mut pushed: Vec<Option<usize>> = vec![None; self.all.len()];
        for s in splices {
            let heads = self.all.iter().map(|f| f.head);
            for (other, head) in pushed.iter_mut().zip(heads).filter(|(_, head)| *head == s.line) {
                *other = Some(head + s.added);
            }
            let behind = |line: usize| (line + s.added).saturating_sub(s.removed);
            let mut n = 0;
            let mut gone = Vec::new();
            self.all.retain_mut(|f| {
                n += 1;
                if s.line + s.removed < f.head {
                    (f.head, f.last) = (behind(f.head), behind(f.last));
                } else if s.line < f.head {
                    // The line itself is gone or is another one.
                    gone.push(n - 1);
                    return false;
                } else if s.line <= f.last {
                    f.last = behind(f.last.max(s.line + s.removed));
                }
                true
            });
            for n in gone.into_iter().rev() {
                pushed.remove(n);
            }
        }
        let buffer = editor.buffer();
        for (f, other) in self.all.iter_mut().zip(pushed) {
            if let Some(other) = other.filter(|other| !fold::can(buffer, f.head) && fold::can(buffer, *other)) {
                f.head = other;
            }
        }
        self.all.retain_mut(|f| match fold::below(buffer, f.head) {
            Some(lines) => {
                f.last = lines.end - 1;
                true
            }
            None => false,
        });
    }

    fn open_to(&mut self, editor: &Editor) {
        let buffer = editor.buffer();
        for s in editor.selections().iter() {
            // Everything selected is no reason to show everything.
            if s.start() == 0 && s.end() == buffer.len() && !s.is_empty() {
                continue;
            }
            for line in [buffer.line_of(s.head), buffer.line_of(s.anchor)] {
                if self.around(line).is_some() {
                    self.all.retain(|f| !(f.head < line && line <= f.last));
                    self.settle();
                }
            }
        }
    }

    /// Works out what is hidden.
    fn settle(&mut self) {
        self.all.sort_by_key(|f| f.head);
        self.all.dedup_by_key(|f| f.head);
        let mut hidden: Vec<Range<usize>> = Vec::new();
        for f in &self.all {
            match hidden.last_mut() {
                Some(last) if f.head < last.end => last.end = last.end.max(f.last + 1),
                _ => hidden.push(f.head + 1..f.last + 1),
            }
        }
        if hidden != self.hidden {
            self.hidden = hidden;
            self.version += 1;
        }
    }

    /// Folds a line's part away, or shows it again.
    pub fn turn(&mut self, editor: &Editor, head: usize) {
        if self.count(head).is_some() {
            self.all.retain(|f| f.head != head);
        } else if let Some(lines) = fold::below(editor.buffer(), head) {
            self.all.push(Fold { head, last: lines.end - 1 });
        }
        self.settle();
    }
    /// Folds the part a line stands in, or unfolds what it hides; the line the cursor is to stand in then.
    pub fn at(&mut self, editor: &Editor, line: usize, close: bool) -> usize {
        let folded = self.count(line).is_some();
        if !close {
            if folded {
                self.turn(editor, line);
            }
            return line;
        }
        let buffer = editor.buffer();
        let head = if folded { fold::around(buffer, line) } else { fold::head(buffer, line) };
        if let Some(head) = head {
            self.turn(editor, head);
        }
        head.unwrap_or(line)
    }
    /// Folds every part that is not inside another, or nothing any more.
    pub fn every(&mut self, editor: &Editor, close: bool) {
        self.all.clear();
        if close {
            self.all = fold::outer(editor.buffer()).map(|l| Fold { head: l.start - 1, last: l.end - 1 }).collect();
        }
        self.settle();
    }

    /// A cursor that came to stand in hidden lines goes past them.
    pub fn past(&self, editor: &Editor, s: Selection, up: bool) -> Selection {
        let buffer = editor.buffer();
        let Some(lines) = self.around(buffer.line_of(s.head)) else { return s };
        let line = if up || lines.end >= buffer.lines() { lines.start - 1 } else { lines.end };
        let goal = s.goal.unwrap_or_else(|| column::of(buffer, s.head));
        let head = column::at(buffer, line, goal).min(buffer.line_end(line));
        let extends = s.anchor != s.head;
        Selection { anchor: if extends { s.anchor } else { head }, head, goal: Some(goal) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::editor::{Act, Language, Selections};

    const TEXT: &str = "def a():\n    x = 1\n\n    if x:\n        y\n\ndef b():\n    z\nend";

    fn at(editor: &Editor, line: usize) -> Act {
        Act::Select(Selections::at(editor.buffer().line_start(line)))
    }

    fn hidden(folds: &Folds) -> Vec<Range<usize>> {
        folds.hidden().to_vec()
    }

    #[test]
    fn a_part_is_folded_and_goes_along_with_changes() {
        let mut editor = Editor::new(TEXT, Language::named("py"));
        let mut folds = Folds::default();
        folds.follow(&editor);
        folds.turn(&editor, 0);
        folds.turn(&editor, 6);
        assert_eq!(hidden(&folds), [1..5, 7..8]);
        assert_eq!((folds.count(0), folds.count(1), folds.around(3)), (Some(4), None, Some(1..5)));
        editor.act(&at(&editor, 6), 0);
        editor.act(&Act::Paste("one\ntwo\n".into()), 0);
        folds.follow(&editor);
        assert_eq!(hidden(&folds), [1..5, 9..10], "the second went down with its line");
        editor.act(&at(&editor, 0), 0);
        editor.act(&Act::DoubleLines { up: false }, 0);
        folds.follow(&editor);
        assert!(hidden(&folds).contains(&(10..11)), "{:?}", hidden(&folds));
    }

    #[test]
    fn a_cursor_inside_opens_the_fold_and_arrows_go_past_it() {
        let mut editor = Editor::new(TEXT, Language::named("py"));
        let mut folds = Folds::default();
        folds.follow(&editor);
        folds.turn(&editor, 0);
        let inside = Selection::at(editor.buffer().line_start(1));
        let line = |s: Selection| editor.buffer().line_of(s.head);
        assert_eq!(line(folds.past(&editor, inside, false)), 5);
        assert_eq!(line(folds.past(&editor, inside, true)), 0);
        let all = Editor::clone(&editor);
        let mut kept = folds.clone();
        let mut selected = all;
        selected.act(&Act::SelectAll, 0);
        kept.follow(&selected);
        assert_eq!(hidden(&kept), [1..5], "selecting everything opens nothing");
        editor.act(&at(&editor, 4), 0);
        folds.follow(&editor);
        assert!(hidden(&folds).is_empty());
    }

    #[test]
    fn all_parts_fold_and_the_part_of_a_line_is_found() {
        let mut editor = Editor::new(TEXT, Language::named("py"));
        let mut folds = Folds::default();
        folds.follow(&editor);
        folds.every(&editor, true);
        assert_eq!(hidden(&folds), [1..5, 7..8]);
        folds.every(&editor, false);
        assert_eq!(folds.at(&editor, 4, true), 3, "the nearest part");
        assert_eq!(hidden(&folds), [4..5]);
        assert_eq!(folds.at(&editor, 3, true), 0, "then the one around it");
        assert_eq!(hidden(&folds), [1..5]);
        folds.at(&editor, 0, false);
        assert_eq!(hidden(&folds), [4..5], "the inner one stays");
        editor.act(&Act::SetText("flat\ntext".into()), 0);
        folds.follow(&editor);
        assert!(hidden(&folds).is_empty());
    }
}
