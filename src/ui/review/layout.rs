//! A comparison as a list of rows with known heights.
use std::{
    collections::{BTreeSet, HashMap},
    ops::Range,
    sync::Arc,
};

use super::{image, line, thread};
use crate::{
    app::review::{Look, Mode, Shown, State, Talk},
    base::text::count,
    model::{
        diff::{
            CellChange, CellDiff, CellType, FileShape, Kept, Metric, NotebookDiff, OutputChange, OutputDetail, Picture,
            TableDiff, TableRow,
        },
        editor::Language,
        review::At,
        textdiff::{RowKind, Stretch, TextDiff, stretches},
    },
    ui::widgets::highlight::{self, Spans},
};

/// Which side of a text row a line shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Both, beside each other.
    Both,
    Old,
    New,
}

/// One row on the canvas.
#[derive(Debug, Clone)]
pub(super) enum Item {
    Note(String),
    /// Cells without a change: how many the same, how many only run again.
    Fold {
        key: usize,
        same: usize,
        rerun: usize,
        open: bool,
    },
    /// Beginning of a cell's box; `rows` of the comparison, more than one for a block that moved.
    Head {
        row: usize,
        until: usize,
        folded: bool,
    },
    /// Beginning of a file's box.
    FileHead,
    /// A line of `texts[text]`.
    Line {
        text: usize,
        row: usize,
        side: Side,
        /// Lines it takes on screen.
        high: usize,
    },
    /// Lines that are the same on both sides and folded.
    Hidden {
        key: usize,
        count: usize,
    },
    /// Something about the cell that is no line of it.
    Fact(String),
    /// A value of metadata: sign and text.
    Value {
        added: bool,
        text: String,
        high: usize,
    },
    OutputHead {
        row: usize,
        output: usize,
    },
    /// A number before and after.
    Metric(Metric),
    /// A part of a chart.
    Part {
        change: OutputChange,
        name: String,
    },
    TableHead {
        table: usize,
    },
    TableRow {
        table: usize,
        row: usize,
    },
    /// Ways to compare two pictures.
    ImageBar {
        old: Option<Arc<Picture>>,
        new: Option<Arc<Picture>>,
    },
    Images {
        old: Option<Arc<Picture>>,
        new: Option<Arc<Picture>>,
        height: f32,
    },
    /// A thread, or a comment being written; `loose` outside of any box.
    Talk {
        id: String,
        loose: bool,
        height: f32,
    },
    /// Bottom of a box, and the gap below it; a folded box has no bottom of its own.
    End {
        folded: bool,
    },
}

impl Item {
    fn height(&self) -> f32 {
        match self {
            Self::Note(_) | Self::Hidden { .. } | Self::TableHead { .. } | Self::TableRow { .. } => 24.0,
            Self::Fold { .. } => 28.0 + GAP,
            Self::Head { .. } | Self::FileHead => 36.0,
            Self::Fact(_) => LINE,
            Self::Line { high, .. } | Self::Value { high, .. } => LINE * *high as f32,
            Self::OutputHead { .. } => 28.0,
            Self::Metric(_) | Self::Part { .. } => 24.0,
            Self::ImageBar { .. } => image::BAR,
            Self::Images { height, .. } => *height,
            Self::Talk { height, loose, .. } => height + if *loose { GAP } else { 0.0 },
            Self::End { folded: true } => GAP,
            Self::End { folded: false } => 5.0 + GAP,
        }
    }
}

/// Height of a line of text.
pub(super) const LINE: f32 = 20.0;
/// Space between boxes.
pub(super) const GAP: f32 = 8.0;
/// Same lines around a change.
const CONTEXT: usize = 3;
/// Most rows of a table that are listed when it is new.
const MAX_ROWS: usize = 500;
/// Most numbers before and after that are listed above a text.
const MAX_METRICS: usize = 24;
/// Largest height of a picture.
const MAX_IMAGE: f32 = 400.0;
/// Largest height of pictures that lie over each other.
const MAX_STACK: f32 = 520.0;

#[derive(Debug, Clone, Default, PartialEq)]
struct Key {
    revision: u64,
    unified: bool,
    unfolded: BTreeSet<usize>,
    viewed: BTreeSet<usize>,
    half: u32,
    wrap: Wrap,
    look: Look,
    talk: u64,
    placed: u64,
}

/// Letters that fit into a line; none where lines are cut.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Wrap {
    pub line: Option<usize>,
    pub value: Option<usize>,
}

/// All rows, made anew only when what they come from changes.
#[derive(Debug, Default)]
pub(super) struct Layout {
    key: Option<Key>,
    pub items: Vec<Item>,
    /// Top of each item, and the bottom of the last.
    pub tops: Vec<f32>,
    pub texts: Vec<Arc<TextDiff>>,
    /// The grammar of each text, and the colours of both its sides once they are known.
    pub langs: Vec<Option<&'static str>>,
    pub inks: Vec<[Option<Spans>; 2]>,
    pub tables: Vec<Arc<TableDiff>>,
    /// Widths of the columns of each table, in letters.
    pub widths: Vec<Vec<usize>>,
    /// Item where each change begins, by row of the comparison.
    pub starts: Vec<(usize, usize)>,
    /// Letters in the longest line.
    pub longest: usize,
    /// The row of the comparison whose source a text is; none for outputs and plain files.
    pub owners: Vec<Option<usize>>,
    /// Items of threads and drafts.
    pub voices: HashMap<String, usize>,
    /// Heights of threads as they were drawn.
    measured: HashMap<String, f32>,
}

impl Layout {
    /// Makes the rows if they are not those of this state; true when they were made.
    pub fn update(&mut self, review: &State, shown: &Shown, half: f32, (wrap, look): (Wrap, Look)) -> bool {
        let key = Key {
            revision: shown.revision,
            unified: review.mode == Mode::Unified,
            unfolded: review.unfolded.clone(),
            viewed: review.viewed_rows.clone(),
            half: half.max(0.0) as u32 / 16,
            wrap,
            look,
            talk: review.talk.revision,
            placed: review.talk.placing.shown,
        };
        if self.key.as_ref() == Some(&key) {
            return false;
        }
        if self.key.as_ref().is_none_or(|k| k.half != key.half) {
            self.measured.clear();
        }
        let mut build = Builder {
            out: Self { measured: std::mem::take(&mut self.measured), ..Self::default() },
            key: &key,
            half,
            unified: key.unified,
            in_file: false,
            path: &shown.path,
            talk: &review.talk,
            row: None,
            said: BTreeSet::new(),
            spoken: spoken(&review.talk, &shown.path),
        };
        build.file(shown);
        build.orphans();
        let mut out = build.out;
        let mut top = GAP;
        for item in &out.items {
            out.tops.push(top);
            top += item.height();
        }
        out.tops.push(top);
        out.key = Some(key);
        *self = out;
        true
    }
    /// Takes note of how high threads turned out; true when that moves what is below.
    pub fn measure(&mut self, seen: &[(usize, f32)]) -> bool {
        let mut from = None;
        for (at, found) in seen {
            let Some(Item::Talk { id, height, .. }) = self.items.get_mut(*at) else { continue };
            if (*height - found).abs() > 0.5 {
                *height = *found;
                self.measured.insert(id.clone(), *found);
                from = Some(from.map_or(*at, |n: usize| n.min(*at)));
            }
        }
        let Some(from) = from else { return false };
        let mut top = self.tops.get(from).copied().unwrap_or(GAP);
        for (item, slot) in self.items.iter().skip(from).zip(self.tops.iter_mut().skip(from)) {
            *slot = top;
            top += item.height();
        }
        if let Some(last) = self.tops.last_mut() {
            *last = top;
        }
        true
    }
    /// Top and bottom of a thread or draft.
    pub fn voice(&self, id: &str) -> Option<(f32, f32)> {
        let at = *self.voices.get(id)?;
        Some((self.tops.get(at).copied()?, self.tops.get(at + 1).copied()?))
    }
    /// Letters that fit into a line.
    pub fn wrap(&self) -> Wrap {
        self.key.as_ref().map(|k| k.wrap).unwrap_or_default()
    }
    /// Asks for the colours of the texts among these items that have none yet.
    pub fn colour(&mut self, ctx: &egui::Context, items: Range<usize>) {
        let mut last = None;
        for item in self.items.get(items).unwrap_or_default() {
            let Item::Line { text, .. } = item else { continue };
            if last.replace(*text) == Some(*text) {
                continue;
            }
            let (Some(diff), Some(Some(lang)), Some(inks)) =
                (self.texts.get(*text), self.langs.get(*text), self.inks.get_mut(*text))
            else {
                continue;
            };
            for (ink, lines) in inks.iter_mut().zip([&diff.old, &diff.new]) {
                if ink.is_none() {
                    *ink = highlight::spans(ctx, lang, lines.text());
                }
            }
        }
    }
    /// The items between two heights.
    pub fn visible(&self, from: f32, to: f32) -> Range<usize> {
        let first = self.tops.partition_point(|t| *t <= from).saturating_sub(1);
        let last = self.tops.partition_point(|t| *t < to);
        first.min(self.items.len())..last.min(self.items.len())
    }
    /// Height of everything.
    pub fn height(&self) -> f32 {
        self.tops.last().copied().unwrap_or(0.0)
    }
    /// Top of the change that begins at this row of the comparison.
    pub fn top_of(&self, row: usize) -> Option<f32> {
        let (_, item) = self.starts.iter().rfind(|(r, _)| *r <= row)?;
        self.tops.get(*item).copied()
    }
}

struct Builder<'a> {
    out: Layout,
    key: &'a Key,
    half: f32,
    unified: bool,
    /// Lines are those of a plain file.
    in_file: bool,
    path: &'a str,
    talk: &'a Talk,
    /// The row whose source is being laid out.
    row: Option<usize>,
    /// Threads that have their item.
    said: BTreeSet<String>,
    /// Rows with open threads or drafts.
    spoken: BTreeSet<usize>,
}

/// Rows on which a thread is open or a comment is being written.
fn spoken(talk: &Talk, path: &str) -> BTreeSet<usize> {
    if talk.placing.path != path {
        return BTreeSet::new();
    }
    let counts = |id: &str| {
        talk.drafts.contains_key(id)
            || talk.answer(id).is_some()
            || talk.front.as_deref() == Some(id)
            || talk.thread(id).is_some_and(|t| !t.resolved)
    };
    talk.placing.rows().filter(|(_, all)| all.iter().any(|(_, id)| counts(id))).map(|(row, _)| row).collect()
}

impl<'a> Builder<'a> {
    /// Threads of a row, none while another file is in front.
    fn on_row(&self, row: usize) -> &'a [(At, String)] {
        if self.talk.placing.path == self.path { self.talk.placing.on_row(row) } else { &[] }
    }
    fn voice(&mut self, id: &str, loose: bool) {
        let known = self.talk.thread(id).is_some() || self.talk.drafts.contains_key(id);
        if !known || !self.said.insert(id.to_owned()) {
            return;
        }
        let width = if self.unified { self.half } else { self.half * 2.0 };
        let height = self.out.measured.get(id).copied();
        let height = height.unwrap_or_else(|| thread::estimate(self.talk, id, width));
        self.out.voices.insert(id.to_owned(), self.out.items.len());
        self.push(Item::Talk { id: id.to_owned(), loose, height });
    }
    /// Threads of a row at some places.
    fn voices(&mut self, row: usize, fits: impl Fn(At) -> bool) {
        for (at, id) in self.on_row(row) {
            if fits(*at) {
                self.voice(id, false);
            }
        }
    }
    /// What is about the whole file.
    fn whole(&mut self, loose: bool) {
        if self.talk.placing.path == self.path {
            let talk = self.talk;
            talk.placing.whole.iter().for_each(|id| self.voice(id, loose));
        }
    }
    /// What has no place any more is listed, never dropped.
    fn orphans(&mut self) {
        let talk = self.talk;
        if talk.placing.path != self.path || talk.placing.orphans.is_empty() {
            return;
        }
        let n = count(talk.placing.orphans.len() as u64, "comment");
        self.push(Item::Note(format!("{n} on what is on neither side any more")));
        talk.placing.orphans.iter().for_each(|id| self.voice(id, true));
    }
    /// True when the thread in front is on one of these rows.
    fn holds_front(&self, rows: Range<usize>) -> bool {
        let Some(front) = &self.talk.front else { return false };
        rows.into_iter().any(|row| self.on_row(row).iter().any(|(_, id)| id == front))
    }
    fn push(&mut self, item: Item) {
        self.out.items.push(item);
    }
    fn is_open(&self, key: usize) -> bool {
        self.key.unfolded.contains(&key)
    }

    fn file(&mut self, shown: &Shown) {
        if let Some(note) = &shown.diff.note {
            self.push(Item::Note(note.clone()));
        }
        match &shown.diff.shape {
            FileShape::Notebook(diff) => {
                self.whole(true);
                self.notebook(diff);
            }
            FileShape::Text(diff) => {
                self.push(Item::FileHead);
                self.whole(false);
                self.in_file = true;
                diff.notes.iter().for_each(|n| self.push(Item::Fact((*n).to_owned())));
                if diff.is_same() {
                    self.push(Item::Fact("The text is the same".to_owned()));
                }
                self.text(diff, true, line::of_path(self.path));
                self.push(Item::End { folded: false });
            }
            FileShape::Image { old, new } => {
                self.push(Item::FileHead);
                self.images(old.clone(), new.clone());
                self.whole(false);
                self.push(Item::End { folded: false });
            }
            FileShape::Binary { old, new, same } => {
                self.push(Item::FileHead);
                let size = |s: &Option<u64>| s.map_or("no file".to_owned(), crate::base::text::bytes);
                let words = if *same {
                    format!("Binary, the same {} on both sides", size(new))
                } else {
                    format!("Binary, not shown: {} became {}", size(old), size(new))
                };
                self.push(Item::Fact(words));
                self.whole(false);
                self.push(Item::End { folded: false });
            }
            FileShape::Kept { old, new } => {
                self.push(Item::FileHead);
                self.push(Item::Fact("Git LFS keeps this file, so git has only its name and size".to_owned()));
                let words = |side: &Option<Kept>| side.as_ref().map_or("no file".to_owned(), Kept::words);
                self.push(Item::Fact(format!("Before: {}", words(old))));
                self.push(Item::Fact(format!("After: {}", words(new))));
                self.push(Item::Fact("To compare the contents, fetch them with: git lfs fetch --all".to_owned()));
                self.whole(false);
                self.push(Item::End { folded: false });
            }
            FileShape::Missing => self.push(Item::Note("Neither side has this file".to_owned())),
        }
    }

    fn notebook(&mut self, diff: &NotebookDiff) {
        diff.notes.iter().for_each(|n| self.push(Item::Note(n.clone())));
        let hidden = diff.hidden();
        if !hidden.is_empty() {
            self.push(Item::Note(format!("Hidden in outputs: {}", hidden.words())));
        }
        if !diff.metadata.is_empty() {
            self.push(Item::Note("Metadata of the notebook changed".to_owned()));
            for key in &diff.metadata {
                let [old, new] = key.shown();
                self.value(&key.key, old.as_deref(), new.as_deref());
            }
        }
        let mut at = 0;
        while let Some(row) = diff.cells.get(at) {
            // A cell that somebody speaks of is in sight though nothing differs.
            let shown = |n: usize| self.spoken.contains(&n) || diff.cells.get(n).is_some_and(CellDiff::is_shown);
            if !shown(at) {
                let end = (at..diff.cells.len()).find(|i| shown(*i));
                let end = end.unwrap_or(diff.cells.len());
                self.fold(diff, at..end);
                at = end;
                continue;
            }
            // Cells that moved together and are else the same are one row.
            let moved = |c: &CellDiff| c.moved && matches!(c.change, CellChange::Same | CellChange::Rerun);
            let plain = |n: usize| !self.spoken.contains(&n) && diff.cells.get(n).is_some_and(moved);
            let mut end = at + 1;
            let is_plain = plain(at);
            if is_plain {
                while plain(end) && diff.cells.get(end).is_some_and(|c| c.block == row.block) {
                    end += 1;
                }
            }
            for n in at..end {
                self.out.starts.push((n, self.out.items.len()));
            }
            let viewed = (at..end).all(|n| self.key.viewed.contains(&n));
            let folded = (is_plain || viewed) != self.is_open(at) && !self.holds_front(at..end);
            self.push(Item::Head { row: at, until: end, folded });
            if !folded {
                for n in at..end {
                    if let Some(row) = diff.cells.get(n) {
                        self.cell(diff, n, row);
                    }
                }
            }
            self.push(Item::End { folded });
            at = end;
        }
        if diff.cells.is_empty() {
            self.push(Item::Note("Both sides have no cells".to_owned()));
        }
    }

    fn fold(&mut self, diff: &NotebookDiff, rows: Range<usize>) {
        let cells = diff.cells.get(rows.clone()).unwrap_or_default();
        let rerun = cells.iter().filter(|c| c.change == CellChange::Rerun).count();
        // Beside the keys of lines and of moved cells.
        let key = FOLDS + rows.start;
        let open = self.is_open(key) || self.holds_front(rows.clone());
        self.push(Item::Fold { key, same: cells.len() - rerun, rerun, open });
        if open {
            for n in rows {
                let Some(row) = diff.cells.get(n) else { continue };
                self.push(Item::Head { row: n, until: n + 1, folded: false });
                self.cell(diff, n, row);
                self.push(Item::End { folded: false });
            }
        }
    }

    fn cell(&mut self, diff: &NotebookDiff, number: usize, row: &CellDiff) {
        if let Some((a, b)) = row.retyped {
            self.push(Item::Fact(format!("Type: {} became {}", a.word(), b.word())));
        }
        for key in &row.metadata {
            let [old, new] = key.shown();
            self.value(&format!("Metadata {}", key.key), old.as_deref(), new.as_deref());
        }
        row.attachments.iter().for_each(|a| self.push(Item::Fact(format!("Attachment {a}"))));
        let whole = |source: &str, old: bool, new: bool| {
            let side = |on: bool| if on { source.to_owned() } else { String::new() };
            Arc::new(TextDiff::new(side(old), side(new)))
        };
        let text = match (row.change, &row.source, diff.cell(row)) {
            (_, Some(source), _) => Some(source.clone()),
            (CellChange::Added, _, Some(cell)) => Some(whole(&cell.source, false, true)),
            (CellChange::Removed, _, Some(cell)) => Some(whole(&cell.source, true, false)),
            // Where only outputs differ the source would be in the way.
            (CellChange::Changed, None, _) if !row.outputs.is_empty() => None,
            (_, None, Some(cell)) => Some(whole(&cell.source, true, true)),
            _ => None,
        };
        if let Some(text) = text {
            let lang = match diff.cell(row) {
                Some(cell) if cell.kind == CellType::Code => {
                    let side = if row.new.is_some() { &diff.new } else { &diff.old };
                    line::of_cell(&cell.source, &side.language)
                }
                Some(cell) if cell.kind == CellType::Markdown => Language::grammar("markdown"),
                _ => None,
            };
            self.row = Some(number);
            self.text(&text, row.source.is_some(), lang);
            self.row = None;
        } else {
            self.voices(number, |at| matches!(at, At::Line { .. }));
        }
        self.voices(number, |at| at == At::Whole);
        for (n, output) in row.outputs.iter().enumerate().filter(|(_, o)| o.change != OutputChange::Same) {
            self.push(Item::OutputHead { row: number, output: n });
            let more = output.metrics.len().saturating_sub(MAX_METRICS);
            output.metrics.iter().take(MAX_METRICS).for_each(|m| self.push(Item::Metric(m.clone())));
            if more > 0 {
                self.push(Item::Fact(format!("{} more below", count(more as u64, "number"))));
            }
            match &output.detail {
                OutputDetail::Same => {}
                OutputDetail::Chart(chart) => {
                    for part in &chart.parts {
                        self.push(Item::Part { change: part.change, name: part.name.clone() });
                        part.facts.iter().for_each(|f| self.push(Item::Fact(format!("   {f}"))));
                    }
                }
                OutputDetail::Text(text) => {
                    text.notes.iter().for_each(|n| self.push(Item::Fact((*n).to_owned())));
                    self.text(text, true, None);
                }
                OutputDetail::Table(table) => self.table(table),
                OutputDetail::Image { old, new } => self.images(old.clone(), new.clone()),
            }
            self.voices(number, |at| output.new.is_some_and(|n| at == At::Output(n)));
        }
        // Of outputs that do not differ.
        self.voices(number, |at| matches!(at, At::Output(_)));
    }

    fn value(&mut self, key: &str, old: Option<&str>, new: Option<&str>) {
        self.push(Item::Fact(key.to_owned()));
        let one_line = |v: &str| crate::base::text::shorten(&v.split_whitespace().collect::<Vec<_>>().join(" "), 400);
        for (added, value) in [(false, old), (true, new)] {
            let Some(text) = value.map(one_line) else { continue };
            let high = line::rows(&text, self.key.wrap.value);
            self.push(Item::Value { added, text, high });
        }
    }

    fn text(&mut self, text: &Arc<TextDiff>, fold: bool, lang: Option<&'static str>) {
        let id = self.out.texts.len();
        self.out.langs.push(lang);
        self.out.inks.push([None, None]);
        self.out.texts.push(text.clone());
        self.out.owners.push(self.row);
        let longest = text.old.iter().chain(text.new.iter()).map(str::len).max().unwrap_or(0);
        self.out.longest = self.out.longest.max(longest.min(20_000));
        let parts = if fold {
            let same = |i: usize| text.rows.get(i).is_some_and(|r| r.kind == RowKind::Same) && !self.is_said(text, i);
            stretches(text.rows.len(), same, CONTEXT)
        } else {
            vec![Stretch::Show(0..text.rows.len())]
        };
        for part in parts {
            match part {
                Stretch::Fold(range) if !self.is_open(LINES + (id << 24) + range.start) => {
                    let key = LINES + (id << 24) + range.start;
                    self.push(Item::Hidden { key, count: range.len() });
                }
                Stretch::Fold(range) | Stretch::Show(range) => self.lines(id, text, range),
            }
        }
    }

    /// Threads of a line of the source in hand.
    fn of_line(&self, text: &TextDiff, index: usize) -> Vec<&'a str> {
        let Some(row) = text.rows.get(index) else { return Vec::new() };
        let all = match (self.in_file, self.row) {
            (true, _) => self.on_row(index),
            (false, Some(row)) => self.on_row(row),
            (false, None) => &[],
        };
        let here = |at: At| match at {
            At::Line { old: true, line } => row.old == Some(line as u32),
            At::Line { old: false, line } => row.new == Some(line as u32),
            _ => false,
        };
        all.iter().filter(|(at, _)| here(*at)).map(|(_, id)| id.as_str()).collect()
    }
    /// Somebody speaks of the line.
    fn is_said(&self, text: &TextDiff, index: usize) -> bool {
        if self.talk.placing.path != self.path || (!self.in_file && self.row.is_none()) {
            return false;
        }
        let row = if self.in_file { index } else { self.row.unwrap_or_default() };
        self.spoken.contains(&row) && !self.of_line(text, index).is_empty()
    }

    fn lines(&mut self, id: usize, text: &TextDiff, range: Range<usize>) {
        let differs = |i: usize| text.rows.get(i).is_some_and(|r| r.kind != RowKind::Same);
        let mut at = range.start;
        while at < range.end {
            let first = at;
            while at < range.end && differs(at) == differs(first) {
                at += 1;
            }
            // A file's changes are its stretches of lines; a notebook's are its cells.
            if self.in_file && differs(first) {
                self.out.starts.push((first, self.out.items.len()));
            }
            if !self.key.unified || !differs(first) {
                (first..at).for_each(|row| self.line(id, text, row, Side::Both));
                continue;
            }
            let rows = |old: bool| {
                (first..at).filter(move |i| {
                    text.rows.get(*i).is_some_and(|r| if old { r.old.is_some() } else { r.new.is_some() })
                })
            };
            rows(true).for_each(|row| self.line(id, text, row, Side::Old));
            rows(false).for_each(|row| self.line(id, text, row, Side::New));
        }
    }

    /// One line, as high as the longer of the sides it shows.
    fn line(&mut self, id: usize, text: &TextDiff, row: usize, side: Side) {
        let Some(r) = text.rows.get(row) else { return };
        let cols = self.key.wrap.line;
        let old = r.old.filter(|_| side != Side::New).map(|n| line::rows(text.old.line(n as usize), cols));
        let new = r.new.filter(|_| side != Side::Old).map(|n| line::rows(text.new.line(n as usize), cols));
        self.push(Item::Line { text: id, row, side, high: old.max(new).unwrap_or(1) });
        // In the unified layout a changed line stands twice: below the one that was spoken of.
        for voice in self.of_line(text, row) {
            let old = self.on_row(if self.in_file { row } else { self.row.unwrap_or_default() });
            let is_old = old.iter().any(|(at, id)| id == voice && matches!(at, At::Line { old: true, .. }));
            if side == Side::Both || (side == Side::Old) == is_old {
                self.voice(voice, false);
            }
        }
    }

    fn table(&mut self, table: &Arc<TableDiff>) {
        let id = self.out.tables.len();
        self.out.tables.push(table.clone());
        self.out.widths.push(super::table::widths(table));
        self.push(Item::TableHead { table: id });
        table.notes.iter().for_each(|n| self.push(Item::Fact(n.clone())));
        let same = |i: usize| table.rows.get(i).is_some_and(TableRow::is_same);
        for part in stretches(table.rows.len(), same, 2) {
            match part {
                Stretch::Fold(range) if !self.is_open(TABLES + (id << 24) + range.start) => {
                    let key = TABLES + (id << 24) + range.start;
                    self.push(Item::Hidden { key, count: range.len() });
                }
                Stretch::Fold(range) | Stretch::Show(range) => {
                    let more = range.len().saturating_sub(MAX_ROWS);
                    range.take(MAX_ROWS).for_each(|row| self.push(Item::TableRow { table: id, row }));
                    if more > 0 {
                        self.push(Item::Fact(format!("{} more", count(more as u64, "row"))));
                    }
                }
            }
        }
    }

    fn images(&mut self, old: Option<Arc<Picture>>, new: Option<Arc<Picture>>) {
        // Pictures stand beside each other in both layouts.
        let half = if self.unified { self.half * 0.5 } else { self.half };
        let size = |p: &Option<Arc<Picture>>| p.as_ref().and_then(|p| p.size);
        let fit = |(w, h): (f32, f32), width: f32, most: f32| (h * (width / w.max(1.0)).min(1.0)).min(most).max(24.0);
        let height = match (size(&old), size(&new)) {
            (Some(a), Some(b)) if self.key.look != Look::SideBySide => {
                fit(image::cover(a, b, None), half * 2.0 - 24.0, MAX_STACK) + 24.0
            }
            (a, b) => {
                let one = |p: &Option<Arc<Picture>>, size: Option<(u32, u32)>| match size {
                    Some((w, h)) => fit((w as f32, h as f32), half - 24.0, MAX_IMAGE),
                    None if p.is_some() => 160.0,
                    None => 0.0,
                };
                one(&old, a).max(one(&new, b)).max(24.0) + 40.0
            }
        };
        if old.is_some() && new.is_some() {
            self.push(Item::ImageBar { old: old.clone(), new: new.clone() });
        }
        self.push(Item::Images { old, new, height });
    }
}

/// Spaces of keys for folds, beside those of rows.
const FOLDS: usize = 1 << 40;
const LINES: usize = 1 << 48;
const TABLES: usize = 1 << 52;
