//! Colours of a text line by line. A thread works them out from a copy of the text: first what is seen, then from the
//! top; after a change only lines whose beginning has changed. Meanwhile lines keep the colours they had.
use std::{
    collections::BTreeSet,
    ops::Range,
    rc::Rc,
    sync::{Arc, LazyLock, Mutex, PoisonError, Weak},
};

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};
use egui::Context;

use crate::{
    model::editor::{Buffer, Editor, Splice},
    ui::widgets::inks::{Ink, Inker, State},
};

/// End in bytes and ink of each piece of a line; the pieces cover it.
pub type Line = Arc<[(u16, Ink)]>;

/// Lines above what is seen from which is guessed what it is.
const RUN_UP: usize = 100;
/// Lines worked out before somebody else has a turn.
const SLICE: usize = 200;
/// Bytes of a line that are coloured.
const LONGEST: usize = 16_000;

/// Colours that came back.
struct Batch {
    revision: u64,
    first: usize,
    lines: Vec<Line>,
}

#[derive(Default)]
struct Inbox(Mutex<Vec<Batch>>);

enum Message {
    Text {
        inbox: Weak<Inbox>,
        ctx: Context,
        language: Option<&'static str>,
        buffer: Buffer,
        revision: u64,
        /// Lines changed since the text sent before; none: all are new.
        splices: Option<Vec<Splice>>,
        seen: Range<usize>,
    },
    Seen(Weak<Inbox>, Range<usize>),
}

static WORKER: LazyLock<Option<Sender<Message>>> = LazyLock::new(|| {
    let (tx, rx) = bounded(256);
    let work = move || work(&rx);
    std::thread::Builder::new().name("andon-editor-colours".to_owned()).spawn(work).ok().map(|_| tx)
});

/// The colours of one text, as the window has them.
pub struct Colours {
    lines: Vec<Option<Line>>,
    /// Serial and revision the lines belong to.
    of: Option<(u64, u64)>,
    language: Option<&'static str>,
    inbox: Arc<Inbox>,
    /// Revision the thread knows.
    sent: Option<u64>,
    seen: Range<usize>,
}

impl Default for Colours {
    fn default() -> Self {
        let (lines, seen) = Default::default();
        Self { lines, of: None, language: None, inbox: Arc::default(), sent: None, seen }
    }
}

impl Colours {
    /// The colours of a line, as far as they are known.
    pub fn line(&self, line: usize) -> Option<&Line> {
        self.lines.get(line)?.as_ref()
    }

    /// Follows the text, takes what has come and asks for what is missing.
    pub fn update(&mut self, ctx: &Context, editor: &Editor, seen: Range<usize>) {
        let of = (editor.serial(), editor.revision());
        let language = editor.language().grammar;
        if language.is_none() {
            *self = Self { of: Some(of), ..Self::default() };
            return;
        }
        if language != self.language || self.of.is_none_or(|o| o.0 != of.0) {
            // Another text or language: old colours stand in until new ones have come.
            self.language = language;
            self.inbox = Arc::default();
            self.sent = None;
            self.of = Some(of);
            self.lines.resize(editor.buffer().lines(), None);
        } else if let Some(o) = self.of.filter(|o| *o != of) {
            match editor.splices_since(o.1) {
                Some(splices) => self.splice(editor, &splices),
                None => {
                    self.inbox = Arc::default();
                    self.sent = None;
                }
            }
            self.lines.resize(editor.buffer().lines(), None);
            self.of = Some(of);
        }
        self.take(editor);
        self.ask(ctx, editor, seen);
    }

    fn splice(&mut self, editor: &Editor, splices: &[Splice]) {
        for s in splices {
            let end = (s.line + 1 + s.removed).min(self.lines.len());
            let from = (s.line + 1).min(end);
            if s.added > 0 || from < end {
                self.lines.splice(from..end, std::iter::repeat_n(None, s.added));
            }
        }
        // Typing within a line pushes the colours behind the cursor along.
        for s in splices.iter().filter(|s| s.removed == 0 && s.added == 0) {
            let buffer = editor.buffer();
            let (start, end) = (buffer.line_start(s.line), buffer.line_end(s.line));
            let head = editor.selections().iter().map(|c| c.head).find(|h| (start..=end).contains(h));
            let (Some(head), Some(Some(line))) = (head, self.lines.get(s.line)) else { continue };
            let from = buffer.byte_of(start);
            let (len, head) = (buffer.byte_of(end) - from, buffer.byte_of(head) - from);
            if len < LONGEST {
                let moved = pushed(line, len, head);
                self.lines[s.line] = Some(moved);
            }
        }
    }

    fn take(&mut self, editor: &Editor) {
        let batches = std::mem::take(&mut *self.inbox.0.lock().unwrap_or_else(PoisonError::into_inner));
        for batch in batches {
            let Some(splices) = editor.splices_since(batch.revision) else { continue };
            for (n, line) in batch.lines.into_iter().enumerate() {
                if let Some(slot) = moved(batch.first + n, &splices).and_then(|l| self.lines.get_mut(l)) {
                    *slot = Some(line);
                }
            }
        }
    }

    fn ask(&mut self, ctx: &Context, editor: &Editor, seen: Range<usize>) {
        let Some(worker) = WORKER.as_ref() else { return };
        let revision = editor.revision();
        if self.sent != Some(revision) {
            let message = Message::Text {
                inbox: Arc::downgrade(&self.inbox),
                ctx: ctx.clone(),
                language: self.language,
                buffer: editor.buffer().clone(),
                revision,
                splices: self.sent.and_then(|s| editor.splices_since(s)),
                seen: seen.clone(),
            };
            // A full queue is tried again with the next frame.
            if worker.try_send(message).is_ok() {
                self.sent = Some(revision);
                self.seen = seen;
            } else {
                ctx.request_repaint();
            }
        } else if self.seen != seen {
            let missing = self.lines.get(seen.clone()).is_some_and(|l| l.iter().any(Option::is_none));
            if missing && worker.try_send(Message::Seen(Arc::downgrade(&self.inbox), seen.clone())).is_ok() {
                self.seen = seen;
            }
        }
    }
}

/// Where a line is after splices; none when it was changed by one.
fn moved(line: usize, splices: &[Splice]) -> Option<usize> {
    let mut line = line;
    for s in splices {
        if line > s.line + s.removed {
            line = line + s.added - s.removed;
        } else if line >= s.line {
            return None;
        }
    }
    Some(line)
}

/// Colours of a line whose text changed before the byte `head` and is `len` long now.
fn pushed(line: &Line, len: usize, head: usize) -> Line {
    let old = line.last().map_or(0, |(e, _)| usize::from(*e));
    let by = len as i64 - old as i64;
    // What lies before the change stays.
    let edge = head.min((head as i64 - by).max(0) as usize);
    let mut out: Vec<(u16, Ink)> = Vec::with_capacity(line.len());
    for (end, ink) in line.iter() {
        let end = usize::from(*end);
        let to = if end < edge || (end == edge && by < 0) { end } else { (end as i64 + by).max(edge as i64) as usize };
        let to = to.min(len);
        if to > out.last().map_or(0, |(e, _)| usize::from(*e)) {
            out.push((to as u16, *ink));
        }
    }
    out.into()
}

/// A text on the thread's side.
struct Work {
    inbox: Weak<Inbox>,
    ctx: Context,
    language: Option<&'static str>,
    buffer: Buffer,
    revision: u64,
    /// What each line leaves to the next.
    ends: Vec<Option<Rc<State>>>,
    stale: BTreeSet<usize>,
    seen: Range<usize>,
    guessed: bool,
}

fn work(rx: &Receiver<Message>) {
    let mut all: Vec<Work> = Vec::new();
    loop {
        let busy = all.iter().any(Work::is_busy);
        let message = if busy {
            match rx.try_recv() {
                Ok(m) => Some(m),
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Disconnected) => return,
            }
        } else {
            match rx.recv() {
                Ok(m) => Some(m),
                Err(_) => return,
            }
        };
        if let Some(message) = message {
            accept(&mut all, message);
            continue;
        }
        all.retain(|w| w.inbox.strong_count() > 0);
        // The one that was asked for last comes first.
        if let Some(work) = all.iter_mut().rev().find(|w| w.is_busy()) {
            work.turn(Inker::get());
        }
    }
}

fn accept(all: &mut Vec<Work>, message: Message) {
    let place = |all: &[Work], inbox: &Weak<Inbox>| all.iter().position(|w| Weak::ptr_eq(&w.inbox, inbox));
    match message {
        Message::Seen(inbox, seen) => {
            if let Some(at) = place(all, &inbox) {
                let mut work = all.remove(at);
                work.seen = seen;
                work.guessed = false;
                all.push(work);
            }
        }
        Message::Text { inbox, ctx, language, buffer, revision, splices, seen } => {
            let old = place(all, &inbox).map(|at| all.remove(at));
            let work = match (old, splices) {
                (Some(mut work), Some(splices)) => {
                    (work.buffer, work.revision, work.seen, work.guessed) = (buffer, revision, seen, false);
                    work.splice(&splices);
                    work
                }
                _ => {
                    let ends = vec![None; buffer.lines()];
                    let stale = BTreeSet::from([0]);
                    Work { inbox, ctx, language, buffer, revision, ends, stale, seen, guessed: false }
                }
            };
            all.retain(|w| w.inbox.strong_count() > 0);
            all.push(work);
        }
    }
}

impl Work {
    fn is_huge(&self) -> bool {
        self.buffer.is_huge()
    }
    /// True when what is seen lies so far below what is known that it is guessed first.
    fn must_guess(&self) -> bool {
        if self.guessed || self.seen.is_empty() {
            return false;
        }
        let known = self.ends.get(self.seen.end.min(self.ends.len()).saturating_sub(1)).is_some_and(Option::is_some);
        self.is_huge() || (!known && self.stale.first().is_some_and(|s| s + SLICE < self.seen.start))
    }
    fn is_busy(&self) -> bool {
        self.must_guess() || (!self.is_huge() && !self.stale.is_empty())
    }

    fn splice(&mut self, splices: &[Splice]) {
        for s in splices {
            let end = (s.line + 1 + s.removed).min(self.ends.len());
            let from = (s.line + 1).min(end);
            self.ends.splice(from..end, std::iter::repeat_n(None, s.added));
            let stale = std::mem::take(&mut self.stale);
            let kept = stale.into_iter().filter_map(|l| match l {
                l if l <= s.line => Some(l),
                l if l <= s.line + s.removed => None,
                l => Some(l + s.added - s.removed),
            });
            self.stale = kept.collect();
            self.stale.extend(s.line..=s.line + s.added);
            // What stood before a line taken out no longer leads to the line behind.
            if s.removed > 0 {
                self.stale.insert(s.line + s.added + 1);
            }
        }
        self.ends.resize(self.buffer.lines(), None);
        let lines = self.ends.len();
        self.stale.retain(|l| *l < lines);
    }

    fn coloured(&self, inker: &Inker, state: &mut State, line: usize) -> Line {
        let mut out = Vec::new();
        let (start, end) = (self.buffer.line_start(line), self.buffer.line_next(line));
        let text = self.buffer.slice(start..end);
        // A line of megabytes is no source: it is not read at all.
        if text.len() <= LONGEST {
            inker.line(state, self.language, &text, line == 0, &mut out);
        }
        let end = text.trim_end_matches(['\n', '\r']).len();
        out.iter().map(|(e, ink)| ((*e as usize).min(end) as u16, *ink)).collect()
    }

    fn send(&self, first: usize, lines: Vec<Line>) {
        if let Some(inbox) = self.inbox.upgrade() {
            let batch = Batch { revision: self.revision, first, lines };
            inbox.0.lock().unwrap_or_else(PoisonError::into_inner).push(batch);
            self.ctx.request_repaint();
        }
    }

    fn turn(&mut self, inker: &Inker) {
        if self.must_guess() {
            self.guessed = true;
            let seen = self.seen.start.min(self.ends.len())..self.seen.end.min(self.ends.len());
            let from = seen.start.saturating_sub(RUN_UP);
            let mut state = inker.start(self.language);
            let mut lines = Vec::with_capacity(seen.len());
            for line in from..seen.end {
                let colours = self.coloured(inker, &mut state, line);
                if line >= seen.start {
                    lines.push(colours);
                }
            }
            self.send(seen.start, lines);
            return;
        }
        let Some(first) = self.stale.pop_first() else { return };
        let above = first.checked_sub(1).and_then(|l| self.ends.get(l).cloned().flatten());
        let mut last = above.unwrap_or_else(|| Rc::new(inker.start(self.language)));
        let mut lines = Vec::new();
        for line in first..(first + SLICE).min(self.ends.len()) {
            self.stale.remove(&line);
            let mut state = State::clone(&last);
            lines.push(self.coloured(inker, &mut state, line));
            // Most lines end as they began: they share what they leave.
            let end = if state == *last { last.clone() } else { Rc::new(state) };
            let same = self.ends[line].as_ref().is_some_and(|old| **old == *end);
            self.ends[line] = Some(end.clone());
            last = end;
            if same && !self.stale.contains(&(line + 1)) {
                self.send(first, lines);
                return;
            }
        }
        let next = first + lines.len();
        if next < self.ends.len() {
            self.stale.insert(next);
        }
        self.send(first, lines);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::editor::{Act, Language, Motion, Selections};

    fn settle(colours: &mut Colours, editor: &Editor, seen: Range<usize>, done: impl Fn(&Colours) -> bool) {
        let ctx = Context::default();
        let start = std::time::Instant::now();
        loop {
            colours.update(&ctx, editor, seen.clone());
            if done(colours) {
                return;
            }
            assert!(start.elapsed().as_secs() < 20, "no colours came");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    fn inks(colours: &Colours, line: usize) -> Vec<Ink> {
        colours.line(line).map(|l| l.iter().map(|(_, i)| *i).collect()).unwrap_or_default()
    }

    #[test]
    fn lines_are_coloured_and_follow_changes() {
        let text = "def f():\n    return 1\n".repeat(300);
        let mut editor = Editor::new(&text, Language::named("py"));
        let mut colours = Colours::default();
        let all = |c: &Colours| c.lines.iter().take(600).all(Option::is_some);
        settle(&mut colours, &editor, 0..40, all);
        assert!(inks(&colours, 598).contains(&Ink::Keyword));
        // An open quote makes a string of all that follows; taking it out again brings the colours back.
        editor.act(&Act::Put("\"\"\"".into()), 0);
        settle(&mut colours, &editor, 0..40, |c| inks(c, 598) == [Ink::Comment]);
        for _ in 0..3 {
            editor.act(&Act::Delete(Motion::Left), 0);
        }
        settle(&mut colours, &editor, 0..40, |c| inks(c, 598).contains(&Ink::Keyword));
        // Lines put in and taken out.
        editor.act(&Act::Select(Selections::at(9)), 0);
        editor.act(&Act::Paste("# one\n# two\n".into()), 0);
        settle(&mut colours, &editor, 0..40, |c| inks(c, 1) == [Ink::Comment] && inks(c, 2) == [Ink::Comment]);
        editor.act(&Act::DeleteLines, 0);
        settle(&mut colours, &editor, 0..40, |c| c.lines.iter().take(601).all(Option::is_some));
        assert_eq!(colours.lines.len(), editor.buffer().lines());
    }

    #[test]
    fn what_is_seen_comes_first_and_a_huge_text_is_coloured_only_there() {
        let text = "x = 'a'  # b\n".repeat(60_000);
        let editor = Editor::new(&text, Language::named("py"));
        let mut colours = Colours::default();
        settle(&mut colours, &editor, 50_000..50_040, |c| !inks(c, 50_039).is_empty());
        assert!(inks(&colours, 50_000).contains(&Ink::Comment) && colours.line(10).is_none());
        settle(&mut colours, &editor, 0..40, |c| !inks(c, 39).is_empty());
    }

    #[test]
    fn typing_pushes_the_colours_behind_it_along() {
        let line: Line = vec![(3, Ink::Keyword), (6, Ink::Plain), (9, Ink::Text)].into();
        let ends = |len, head| pushed(&line, len, head).iter().map(|(e, _)| *e).collect::<Vec<_>>();
        assert_eq!(ends(10, 5), [3, 7, 10]);
        assert_eq!(ends(8, 4), [3, 5, 8]);
        assert_eq!(ends(0, 0), Vec::<u16>::new());
        assert_eq!(ends(12, 12), [3, 6, 12]);
        assert_eq!(moved(5, &[Splice { line: 2, removed: 1, added: 3 }]), Some(7));
        assert_eq!(moved(3, &[Splice { line: 2, removed: 1, added: 3 }]), None);
        assert_eq!(moved(1, &[Splice { line: 2, removed: 1, added: 3 }]), Some(1));
    }
}
