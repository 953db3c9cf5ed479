use std::{path::Path, sync::Arc, time::Duration};

use super::*;
use crate::{
    app::{env::NoWaker, git, host::Host, review, shell::Dialog, workspace},
    base::time::SystemClock,
    engine::{dirs::Dirs, git::Repo, ledger::Ledger},
    model::{
        diff::{FileShape, compare_files},
        ledger::{Op, Projection},
        review::{About, Fit, Said},
    },
};

fn notebook(sources: &[&str]) -> Vec<u8> {
    let cells: Vec<_> = sources
        .iter()
        .map(|s| serde_json::json!({"cell_type": "code", "source": s, "metadata": {}, "outputs": [], "execution_count": 1}))
        .collect();
    serde_json::json!({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}).to_string().into_bytes()
}

const OLD: [&str; 4] =
    ["import polars as pl", "delay = day.mean()\nprint(delay)", "total = 1 + 2 + 3", "print('the end')"];
const NEW: [&str; 4] =
    ["import polars as pl", "delay = day.median()\nprint(delay)", "total = 1 + 2 + 4", "print('the end')"];

fn configure(root: &Path, name: Option<&str>) {
    let config = root.join(".git/config");
    let mut text = std::fs::read_to_string(&config).unwrap();
    text.push_str("[core]\n\thooksPath = .git/hooks\n[commit]\n\tgpgsign = false\n[user]\n\temail = m@example.org\n");
    // A name in the person's own configuration must not decide.
    text.push_str(&format!("\tname = \"{}\"\n", name.unwrap_or(" ")));
    std::fs::write(&config, text).unwrap();
}

struct Rig {
    _dir: tempfile::TempDir,
    root: std::path::PathBuf,
    host: Host,
}

impl Rig {
    /// A repository with a notebook and a query, both changed since the commit, and the review page on them.
    fn new(name: Option<&str>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("ws");
        std::fs::create_dir_all(&root).unwrap();
        Repo::init(&root).unwrap();
        configure(&root, Some("Setup"));
        std::fs::write(root.join("a.ipynb"), notebook(&OLD)).unwrap();
        std::fs::write(root.join("q.sql"), "SELECT a\nFROM t\nWHERE x = 1\n").unwrap();
        for words in [&["add", "-A"][..], &["commit", "-qm", "Begin"]] {
            assert!(std::process::Command::new("git").arg("-C").arg(&root).args(words).status().unwrap().success());
        }
        configure(&root, name);
        std::fs::write(root.join("a.ipynb"), notebook(&NEW)).unwrap();
        std::fs::write(root.join("q.sql"), "SELECT a\nFROM t\nWHERE x = 2\n").unwrap();
        let host = Self::host(dir.path());
        let mut rig = Self { _dir: dir, root, host };
        rig.begin("a.ipynb");
        rig
    }
    fn host(dir: &Path) -> Host {
        Host::new(Dirs::below(&dir.join("home")), Arc::new(SystemClock), Arc::new(NoWaker)).unwrap()
    }
    fn begin(&mut self, path: &str) {
        self.host.send(workspace::Command::Open(self.root.clone()));
        self.settle();
        self.host.send(workspace::Command::Trust { then: None });
        let (base, compare) = (Rev::head(), Rev::WorkingTree);
        self.host.send(review::Command::Show { base, compare, path: Some(path.into()) });
        self.settle();
    }
    fn settle(&mut self) {
        assert!(self.host.settle(Duration::from_secs(30)));
    }
    fn say(&mut self, command: Command) {
        self.host.send(review::Command::Talk(command));
        self.settle();
    }
    fn talk(&self) -> &Talk {
        &self.host.state.review.talk
    }
    fn draft(&self) -> String {
        self.talk().asked.clone().unwrap().0
    }
    fn type_in(&mut self, text: &str) -> String {
        let draft = self.draft();
        self.say(Command::Type { draft: draft.clone(), text: text.into() });
        draft
    }
    fn comment(&mut self, here: Here, text: &str) -> String {
        self.say(Command::Comment(Some(here)));
        let draft = self.type_in(text);
        self.say(Command::Post(draft));
        self.talk().front.clone().unwrap()
    }
    fn row(&self, new: usize) -> usize {
        let Some(FileShape::Notebook(book)) = self.host.state.review.shown.as_ref().map(|s| s.diff.shape.clone())
        else {
            panic!("no notebook")
        };
        book.cells.iter().position(|c| c.new == Some(new)).unwrap()
    }
    fn look(&mut self) {
        self.host.send(git::Command::Refresh);
        self.host.send(review::Command::Refresh);
        self.settle();
    }
    fn notice(&self, words: &str) -> bool {
        self.host.state.notices.shown.iter().any(|n| n.title.contains(words))
    }
    fn undo(&mut self) {
        let last = self.host.state.notices.shown.iter().rev().find_map(|n| n.action.clone());
        let (label, command) = last.unwrap();
        assert_eq!(label, "Undo");
        self.host.send(*command);
        self.settle();
    }
    fn write(&mut self, path: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.root.join(path), bytes).unwrap();
        self.look();
    }
}

#[test]
fn a_comment_is_written_sent_answered_resolved_and_opened_again() {
    let mut rig = Rig::new(Some("Mara Okafor"));
    let row = rig.row(1);
    let at = At::Line { old: false, line: 1 };
    let id = rig.comment(Here { row, at }, "What does 2400 become?");
    assert!(rig.talk().drafts.is_empty());
    let thread = rig.talk().thread(&id).unwrap().clone();
    assert_eq!((thread.comments[0].by.as_str(), thread.line), ("Mara Okafor", Some(1)));
    assert_eq!(rig.talk().placing.on_row(row), [(at, id.clone())]);
    assert_eq!((rig.talk().open(), rig.talk().open_in("a.ipynb"), rig.talk().open_in("q.sql")), (1, 1, 0));
    rig.say(Command::Reply { thread: id.clone(), suggest: false });
    let draft = rig.type_in("1,440, which the check still allows.");
    rig.say(Command::Post(draft));
    assert_eq!(rig.talk().thread(&id).unwrap().comments.len(), 2);
    rig.say(Command::Resolve { thread: id.clone(), on: true });
    assert_eq!(rig.talk().open(), 0);
    // The next program finds it where this one left it, on the branch.
    assert!(rig.host.wind_up(Duration::from_secs(10)));
    let loaded = Ledger::open(&rig.root).unwrap().load().unwrap();
    assert!(loaded.head.is_some());
    assert!(review_thread(&loaded.projection, &id).resolved);
    rig.say(Command::Resolve { thread: id.clone(), on: false });
    assert_eq!(rig.talk().open(), 1);
}

fn review_thread(all: &Projection, id: &str) -> Thread {
    crate::model::review::find(all, id).unwrap()
}

#[test]
fn what_another_process_says_appears_and_a_line_is_followed() {
    let mut rig = Rig::new(Some("Mara"));
    let row = rig.row(1);
    let id = rig.comment(Here { row, at: At::Line { old: false, line: 1 } }, "here");
    let ledger = Ledger::open(&rig.root).unwrap();
    let loaded = ledger.load().unwrap();
    let mut stamper = ledger.stamper(&loaded, jiff::Timestamp::now()).unwrap();
    let said =
        Said { by: "Jonas".into(), at: jiff::Timestamp::now(), text: "from a terminal".into(), suggestion: None };
    let thread = review_thread(&loaded.projection, &id);
    let actions = crate::model::review::reply(&loaded.projection, &thread, &said).unwrap();
    let ops: Vec<Op> = actions.into_iter().map(|(s, a)| stamper.op(jiff::Timestamp::now(), s, a)).collect();
    ledger.append(&ops).unwrap();
    rig.host.send(board::Command::Reload);
    rig.settle();
    assert_eq!(rig.talk().thread(&id).unwrap().comments.last().unwrap().by, "Jonas");
    // The file goes on: two lines above, and the cell elsewhere.
    let longer = "# one\n# two\ndelay = day.median()\nprint(delay)";
    rig.write("a.ipynb", notebook(&[NEW[0], NEW[2], longer, NEW[3]]));
    let row = rig.row(2);
    let seat = rig.talk().placing.seat(&id).unwrap();
    assert_eq!((seat.row, seat.at), (row, At::Line { old: false, line: 3 }));
    assert_eq!(seat.fit, Fit::Edited);
    // Everything it was about goes: it is told as an orphan and can be gone to.
    rig.write("a.ipynb", notebook(&["x = 1"]));
    rig.host.send(review::Command::SetBase(Rev::WorkingTree));
    rig.settle();
    rig.host.send(review::Command::Select("a.ipynb".into()));
    rig.settle();
    assert_eq!(rig.talk().placing.orphans, [id.as_str()]);
    assert_eq!(rig.talk().open(), 1);
}

#[test]
fn without_a_name_nothing_is_sent_and_nothing_is_lost() {
    let mut rig = Rig::new(None);
    rig.say(Command::Comment(None));
    let draft = rig.type_in("Whose is this?");
    rig.say(Command::Post(draft.clone()));
    let error = rig.talk().errors[&draft].clone();
    assert!(error.what.contains("git does not know your name"), "{error}");
    assert!(error.hint.unwrap().contains("git config"));
    assert_eq!(rig.talk().drafts[&draft].text, "Whose is this?");
    rig.say(Command::ApproveFile);
    assert!(rig.talk().approvals.is_empty() && rig.notice("git does not know your name"));
    // A name given meanwhile is found at the next try but one at the latest.
    configure(&rig.root, Some("Ines"));
    rig.say(Command::Post(draft.clone()));
    rig.say(Command::Post(draft.clone()));
    assert_eq!(rig.talk().threads[0].comments[0].by, "Ines");
    assert!(rig.talk().drafts.is_empty());
}

#[test]
fn a_suggestion_is_applied_by_splicing_and_taken_back() {
    let mut rig = Rig::new(Some("Mara"));
    let row = rig.row(2);
    rig.say(Command::Suggest(Some(Here { row, at: At::Whole })));
    let draft = rig.draft();
    assert_eq!(rig.talk().drafts[&draft].suggestion.as_deref(), Some(NEW[2]), "it begins with the present source");
    rig.say(Command::Post(draft.clone()));
    assert!(rig.talk().errors.contains_key(&draft), "the same source is no suggestion");
    rig.say(Command::Propose { draft: draft.clone(), source: Some("total = sum(range(5))".into()) });
    rig.say(Command::Post(draft));
    let thread = rig.talk().threads[0].clone();
    let before = std::fs::read(rig.root.join("a.ipynb")).unwrap();
    let apply = Command::Apply { thread: thread.id.clone(), comment: thread.comments[0].id.clone() };
    rig.say(apply.clone());
    let after = std::fs::read_to_string(rig.root.join("a.ipynb")).unwrap();
    let expected = String::from_utf8(before.clone()).unwrap().replace(NEW[2], "total = sum(range(5))");
    assert_eq!(after, expected);
    assert!(rig.talk().threads[0].resolved && rig.notice("has the suggested source"));
    assert!(rig.talk().applied.is_some(), "it can be taken out also when the notice is gone");
    rig.undo();
    assert!(rig.talk().applied.is_none());
    assert_eq!(std::fs::read(rig.root.join("a.ipynb")).unwrap(), before);
    assert!(!rig.talk().threads[0].resolved);
    // What was suggested for another text is not put in.
    rig.write("a.ipynb", notebook(&[NEW[0], NEW[1], "total = 1 + 2 + 5", NEW[3]]));
    rig.say(apply);
    assert!(rig.notice("not as it was"));
    assert!(std::fs::read_to_string(rig.root.join("a.ipynb")).unwrap().contains("1 + 2 + 5"));
}

#[test]
fn lines_of_other_files_are_spoken_of_changed_and_approved() {
    let mut rig = Rig::new(Some("Mara"));
    rig.host.send(review::Command::Select("q.sql".into()));
    rig.settle();
    rig.say(Command::Suggest(None));
    let draft = rig.draft();
    assert_eq!(rig.talk().drafts[&draft].suggestion.as_deref(), Some("WHERE x = 2"));
    rig.say(Command::Propose { draft: draft.clone(), source: Some("WHERE x IN (1, 2)".into()) });
    rig.say(Command::Post(draft));
    let thread = rig.talk().threads[0].clone();
    assert_eq!((thread.path.as_str(), thread.line), ("q.sql", Some(2)));
    rig.say(Command::ApproveFile);
    assert!(rig.talk().placing.is_done_by("Mara"));
    rig.say(Command::Apply { thread: thread.id.clone(), comment: thread.comments[0].id.clone() });
    rig.look();
    assert_eq!(std::fs::read_to_string(rig.root.join("q.sql")).unwrap(), "SELECT a\nFROM t\nWHERE x IN (1, 2)\n");
    assert!(!rig.talk().placing.is_done_by("Mara"), "the file is another now");
    let lapsed = &rig.talk().placing.people[0].lapsed;
    assert_eq!(lapsed.len(), 1);
}

#[test]
fn an_approval_lapses_for_the_cell_that_changes_alone() {
    let mut rig = Rig::new(Some("Mara"));
    rig.say(Command::ApproveFile);
    assert!(rig.talk().placing.is_done_by("Mara") && rig.notice("2 cells of a.ipynb approved"));
    rig.write("a.ipynb", notebook(&[NEW[0], NEW[1], "total = 1 + 2 + 9", NEW[3]]));
    let placing = rig.talk().placing.clone();
    assert!(placing.is_approved_by(rig.row(1), "Mara") && !placing.is_approved_by(rig.row(2), "Mara"));
    let person = &placing.people[0];
    assert_eq!((person.approved, person.lapsed.len()), (1, 1));
    assert!(person.lapsed[0].words.starts_with("cell 3"), "{:?}", person.lapsed);
    let row = rig.row(2);
    rig.say(Command::Approve(Some(row)));
    assert!(rig.talk().placing.is_done_by("Mara") && rig.talk().placing.people[0].lapsed.is_empty());
    rig.say(Command::Approve(Some(row)));
    assert!(!rig.talk().placing.is_approved_by(row, "Mara"));
    rig.undo();
    assert!(rig.talk().placing.is_approved_by(row, "Mara"));
    rig.say(Command::ApproveAll);
    assert!(rig.notice("1 file approved"), "{:?}", rig.host.state.notices.shown);
    rig.say(Command::ApproveAll);
    assert!(rig.notice("approved all of it already"));
    // A cell that goes is approved as well.
    rig.write("a.ipynb", notebook(&[NEW[0], NEW[1], NEW[3]]));
    assert!(!rig.talk().placing.is_done_by("Mara"));
    rig.say(Command::ApproveFile);
    assert!(rig.talk().placing.is_done_by("Mara"));
}

#[test]
fn the_whole_review_is_counted_approved_and_taken_back() {
    let mut rig = Rig::new(Some("Mara"));
    let whole = |rig: &Rig| {
        let whole = rig.talk().whole(Some("Mara"));
        (whole.wanted, whole.approved, whole.lapsed, whole.files)
    };
    assert_eq!(whole(&rig), (3, 0, 0, 2), "two cells and a query");
    assert_eq!(rig.talk().whole(None).words(), "0 of 3 approved");
    let row = rig.row(1);
    rig.say(Command::Approve(Some(row)));
    assert_eq!(whole(&rig), (3, 1, 0, 2));
    rig.say(Command::ApproveAll);
    assert_eq!(whole(&rig), (3, 3, 0, 2), "the file that is not in front is counted anew");
    assert!(rig.notice("2 files approved") && rig.talk().whole(Some("Mara")).is_done());
    rig.undo();
    assert_eq!(whole(&rig), (3, 1, 0, 2), "what was approved before stays");
    rig.say(Command::ApproveAll);
    rig.write("q.sql", "SELECT a\nFROM t\nWHERE x = 3\n");
    assert_eq!(whole(&rig), (3, 2, 1, 2), "an approval lapses in a file that is not in front");
    assert_eq!(rig.talk().whole(Some("Mara")).words(), "2 of 3 approved, 1 lapsed");
    assert_eq!(rig.talk().whole(Some("Jonas")).words(), "0 of 3 approved");
    rig.say(Command::ApproveAll);
    assert_eq!(whole(&rig), (3, 3, 0, 2));
    rig.say(Command::WithdrawAll);
    assert_eq!((whole(&rig).1, whole(&rig).0), (0, 3), "{:?}", rig.host.state.notices.shown);
    rig.undo();
    assert_eq!(whole(&rig).1, 3);
    // Other sides, another review.
    rig.host.send(review::Command::Show { base: Rev::head(), compare: Rev::Index, path: None });
    rig.settle();
    assert_eq!(whole(&rig), (0, 0, 0, 0));
    rig.say(Command::WithdrawAll);
}

#[test]
fn drafts_outlive_other_files_and_the_program() {
    let mut rig = Rig::new(Some("Mara"));
    let row = rig.row(2);
    rig.say(Command::Comment(Some(Here { row, at: At::Whole })));
    let draft = rig.type_in("half a thou");
    rig.host.send(review::Command::Select("q.sql".into()));
    rig.settle();
    rig.host.send(review::Command::Select("a.ipynb".into()));
    rig.settle();
    assert!(rig.talk().placing.seat(&draft).is_some());
    assert!(rig.host.wind_up(Duration::from_secs(10)));
    rig.host = Rig::host(rig.root.parent().unwrap());
    rig.begin("a.ipynb");
    assert_eq!(rig.talk().drafts[&draft].text, "half a thou");
    assert_eq!(rig.talk().placing.seat(&draft).map(|s| s.row), Some(row));
    rig.say(Command::Discard(draft.clone()));
    rig.undo();
    assert_eq!(rig.talk().drafts[&draft].text, "half a thou");
    rig.say(Command::Post(draft));
    assert!(rig.host.wind_up(Duration::from_secs(10)));
    assert!(crate::engine::review::drafts(&rig.root).0.is_empty());
}

#[test]
fn threads_are_walked_through_all_files_and_written_to_one() {
    let mut rig = Rig::new(Some("Mara"));
    let (one, two) = (rig.row(1), rig.row(2));
    let second = rig.comment(Here { row: two, at: At::Whole }, "second");
    let first = rig.comment(Here { row: one, at: At::Whole }, "first <b>");
    rig.host.send(review::Command::Select("q.sql".into()));
    rig.settle();
    let third = rig.comment(Here { row: 0, at: At::Whole }, "the whole file");
    rig.host.send(review::Command::Select("a.ipynb".into()));
    rig.settle();
    for expected in [&first, &second, &third, &first] {
        rig.say(Command::Walk(true));
        assert_eq!(rig.talk().front.as_ref(), Some(expected));
    }
    rig.say(Command::Walk(false));
    assert_eq!((rig.talk().front.as_ref(), rig.host.state.review.path.as_deref()), (Some(&third), Some("q.sql")));
    rig.host
        .send(super::super::Command::Talk(Command::ExportTo { format: Format::Html, path: "exports/r.html".into() }));
    rig.settle();
    let page = std::fs::read_to_string(rig.root.join("exports/r.html")).unwrap();
    assert!(page.contains("first &lt;b&gt;") && page.contains("the whole file") && !page.contains("<script"));
    rig.say(Command::ExportTo { format: Format::Html, path: "exports/r.html".into() });
    assert!(rig.root.join("exports/r-2.html").exists(), "nothing is written over");
    rig.host
        .send(super::super::Command::Talk(Command::ExportTo { format: Format::Json, path: "exports/r.json".into() }));
    rig.settle();
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(rig.root.join("exports/r.json")).unwrap()).unwrap();
    assert_eq!((json["schema"].as_str(), json["threads"].as_array().map(Vec::len)), (Some("andon.review/1"), Some(3)));
    event(&mut rig.host.state, Event::NoDialog(Format::Markdown), &Cx { clock: &SystemClock });
    assert!(matches!(rig.host.state.shell.dialog, Some(Dialog::Confirm { .. })));
}

#[test]
fn what_is_not_pushed_is_counted() {
    let mut rig = Rig::new(Some("Mara"));
    assert_eq!(rig.host.state.board.unsent, None, "no remote");
    let bare = rig.root.parent().unwrap().join("bare.git");
    let git = |words: &[&str]| {
        assert!(std::process::Command::new("git").arg("-C").arg(&rig.root).args(words).status().unwrap().success());
    };
    git(&["init", "-q", "--bare", bare.to_str().unwrap()]);
    git(&["remote", "add", "origin", bare.to_str().unwrap()]);
    let row = rig.row(1);
    let id = rig.comment(Here { row, at: At::Whole }, "one");
    assert!(rig.host.wind_up(Duration::from_secs(10)));
    let unsent = |rig: &Rig| rig.host.state.board.unsent.map(|u| (u.comments, u.other));
    assert_eq!(unsent(&rig), Some((1, 0)));
    rig.say(Command::Resolve { thread: id, on: true });
    assert_eq!(unsent(&rig), Some((1, 1)));
    rig.host.send(board::Command::Sync);
    rig.settle();
    assert_eq!(unsent(&rig), Some((0, 0)), "{:?}", rig.host.state.notices.shown);
    rig.say(Command::ApproveFile);
    assert_eq!(unsent(&rig), Some((0, 2)));
}

/// Whatever happens to the comparison, every letter typed is there and can be found on the page.
#[test]
fn no_refresh_loses_a_comment_being_written() {
    let mut seed = 7u64;
    let mut next = move |n: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % n
    };
    let clock = crate::base::time::FixedClock(jiff::Timestamp::from_second(1_800_000_000).unwrap());
    let cx = Cx { clock: &clock };
    for _ in 0..20 {
        let mut state = AppState::default();
        state.workspace.root = Some("/w".into());
        state.review.path = Some("a.ipynb".into());
        let mut written: BTreeMap<String, String> = BTreeMap::new();
        let mut sources: Vec<String> =
            (0..12).map(|n| format!("step_{n} = run({n})\nprint(step_{n}, 'of twelve')")).collect();
        for round in 0..40 {
            match next(5) {
                0 => {
                    let at = next(sources.len());
                    sources[at] = format!("{}\nmore = {round}", sources[at]);
                }
                1 => {
                    let cell = sources.remove(next(sources.len()));
                    sources.insert(next(sources.len() + 1), cell);
                }
                2 if sources.len() > 2 => {
                    sources.remove(next(sources.len()));
                }
                3 => sources
                    .insert(next(sources.len() + 1), format!("fresh_{round} = build({round})\nfresh_{round}.show()")),
                _ => {}
            }
            let new: Vec<&str> = sources.iter().map(String::as_str).collect();
            let diff = Arc::new(compare_files("a.ipynb", Some(notebook(&OLD).into()), Some(notebook(&new).into())));
            let counts = review::Counts { added: 0, removed: 0, quiet: false, mark: round };
            let fresh = review::Fresh { diff, counts };
            let (base, compare) = (state.review.base.clone(), state.review.compare.clone());
            let event =
                review::Event::Diff { path: "a.ipynb".into(), base, compare, turn: 1, result: Box::new(Ok(fresh)) };
            let mut effects = review::event(&mut state, event, &cx);
            let rows = state.review.changes().len().max(1);
            let here = Here { row: state.review.changes().get(next(rows)).copied().unwrap_or(0), at: At::Whole };
            effects.extend(command(&mut state, Command::Comment(Some(here)), &cx));
            if let Some((id, _)) = state.review.talk.asked.clone() {
                let text = format!("{}{round} ", written.get(&id).cloned().unwrap_or_default());
                effects.extend(command(&mut state, Command::Type { draft: id.clone(), text: text.clone() }, &cx));
                written.insert(id, text);
            }
            // Jobs may come late or not at all.
            for effect in effects {
                let Effect::Start(job) = effect else { continue };
                let crate::app::Task::Review(super::super::Task::Talk(Task::Place {
                    shown,
                    threads,
                    approvals,
                    drafts,
                })) = job.task
                else {
                    continue;
                };
                if next(3) > 0 {
                    let placing = place::find(&shown, &threads, &approvals, &drafts);
                    super::event(&mut state, Event::Placed(Arc::new(placing)), &cx);
                }
            }
            for (id, text) in &written {
                assert_eq!(&state.review.talk.drafts[id].text, text);
            }
        }
        let shown = state.review.shown.clone().unwrap();
        let drafts: Vec<Draft> = state.review.talk.drafts.values().cloned().collect();
        let placing = place::find(&shown, &[], &[], &drafts);
        let listed: BTreeSet<&String> = placing.order().collect();
        for id in written.keys() {
            assert!(listed.contains(id), "every draft is somewhere on the page");
        }
        assert!(drafts.iter().all(|d| matches!(d.about, About::New(_))));
    }
}

#[test]
fn a_new_comment_is_aimed_at_a_line_or_an_output_of_its_cell() {
    let mut rig = Rig::new(Some("Mara"));
    let row = rig.row(1);
    rig.say(Command::Comment(Some(Here { row, at: At::Whole })));
    let draft = rig.type_in("here");
    rig.say(Command::Aim { draft: draft.clone(), at: At::Line { old: false, line: 1 } });
    assert_eq!(rig.talk().placing.seat(&draft).unwrap().at, At::Line { old: false, line: 1 });
    rig.say(Command::Post(draft));
    assert_eq!(rig.talk().threads[0].line, Some(1));
    rig.host.send(review::Command::Select("q.sql".into()));
    rig.settle();
    rig.say(Command::Comment(None));
    let draft = rig.type_in("there");
    rig.say(Command::Aim { draft: draft.clone(), at: At::Line { old: false, line: 0 } });
    rig.say(Command::Post(draft));
    let thread = rig.talk().of_file("q.sql").next().unwrap();
    assert_eq!((thread.line, thread.cell.source.as_str()), (Some(0), "SELECT a"));
}

/// Two clones of one repository: what one says the other has after both have synced.
#[test]
fn threads_travel_with_the_board() {
    let mut rig = Rig::new(Some("Mara"));
    let home = rig.root.parent().unwrap().to_path_buf();
    let git = |dir: &Path, words: &[&str]| {
        let done = std::process::Command::new("git").arg("-C").arg(dir).args(words).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    git(&home, &["init", "-q", "--bare", "bare.git"]);
    let bare = home.join("bare.git").display().to_string();
    git(&rig.root, &["remote", "add", "origin", &bare]);
    git(&rig.root, &["push", "-q", "origin", "HEAD"]);
    let row = rig.row(1);
    let id = rig.comment(Here { row, at: At::Whole }, "from here");
    rig.host.send(board::Command::Sync);
    rig.settle();
    git(&home, &["clone", "-q", &bare, "other"]);
    let other = Ledger::open(&home.join("other")).unwrap();
    let cx = crate::base::job::JobCtx::detached();
    other.sync("origin", &cx).unwrap();
    let loaded = other.load().unwrap();
    let thread = review_thread(&loaded.projection, &id);
    assert_eq!(thread.comments[0].text, "from here");
    let said = Said { by: "Jonas".into(), at: jiff::Timestamp::now(), text: "from there".into(), suggestion: None };
    let actions = crate::model::review::reply(&loaded.projection, &thread, &said).unwrap();
    let mut stamper = other.stamper(&loaded, jiff::Timestamp::now()).unwrap();
    let ops: Vec<Op> = actions.into_iter().map(|(s, a)| stamper.op(jiff::Timestamp::now(), s, a)).collect();
    other.append(&ops).unwrap();
    other.sync("origin", &cx).unwrap();
    rig.host.send(board::Command::Sync);
    rig.settle();
    let texts: Vec<String> = rig.talk().thread(&id).unwrap().comments.iter().map(|c| c.text.clone()).collect();
    assert_eq!(texts, ["from here", "from there"]);
}
