use jiff::Timestamp;

use super::{doc::CellRun, *};
use crate::{
    app::{Policy, Task as AnyTask, dispatch},
    base::time::FixedClock,
    engine::notebook::Draft,
    model::{
        editor::Act,
        kernel::{Bundle, Exit, KernelSpec, SessionState},
        notebook::Notebook,
        table::{Cell as TableCell, Column, Kind},
        workspace::FileKind,
    },
};

mod counts;
mod files;
mod form;
mod judged;
mod kept;
mod large;
mod outside;
mod servers;

const FILE: &str = r###"{
 "cells": [
  {"cell_type": "markdown", "id": "m1", "metadata": {}, "source": ["# Delays\n", "text"]},
  {"cell_type": "code", "id": "c1", "metadata": {}, "execution_count": null, "outputs": [], "source": ["%%sql day <<\n", "SELECT 1 AS a"]},
  {"cell_type": "code", "id": "c2", "metadata": {}, "execution_count": 7, "outputs": [{"output_type": "stream", "name": "stdout", "text": ["old\n"]}], "source": ["x = 1"]},
  {"cell_type": "markdown", "id": "m2", "metadata": {}, "source": ["## Check"]},
  {"cell_type": "code", "id": "c3", "metadata": {}, "execution_count": null, "outputs": [], "source": ["print(x)"]}
 ],
 "metadata": {},
 "nbformat": 4,
 "nbformat_minor": 5
}
"###;

struct Rig {
    state: AppState,
    clock: FixedClock,
    id: DocId,
}

impl Rig {
    fn new() -> Self {
        let mut state = AppState::default();
        state.workspace.root = Some("/w".into());
        state.workspace.trusted = true;
        let clock = FixedClock(Timestamp::from_second(1_000).unwrap());
        let cx = Cx { clock: &clock };
        let effects = open_path(&mut state, "a.ipynb", &cx);
        assert!(matches!(tasks(&effects)[..], [Task::Load { .. }]));
        let id = state.notebook.active.unwrap();
        let mut rig = Self { state, clock, id };
        let content = Box::new(Content::Notebook(Box::new(Notebook::parse(FILE.as_bytes()).unwrap())));
        rig.event(Event::Loaded { doc: id, content, hash: 11 });
        rig
    }
    fn send(&mut self, c: Command) -> Vec<Effect> {
        dispatch::dispatch(&mut self.state, c.into(), &Cx { clock: &self.clock })
    }
    fn event(&mut self, e: Event) -> Vec<Effect> {
        dispatch::apply(&mut self.state, e.into(), &Cx { clock: &self.clock })
    }
    fn doc(&self) -> &Doc {
        self.state.notebook.doc().unwrap()
    }
    fn key(&self, i: usize) -> CellKey {
        self.doc().cells()[i].key
    }
    fn sources(&self) -> Vec<String> {
        self.doc().cells().iter().map(|c| c.source.to_string()).collect()
    }
    fn select(&mut self, i: usize) {
        let key = self.key(i);
        self.send(Command::Select(key));
    }
    fn run(&self, i: usize) -> &CellRun {
        &self.doc().runs[&self.key(i)]
    }
    fn state(&self, i: usize) -> CellState {
        self.doc().state_of(self.key(i))
    }
    fn sql_ok(&mut self, i: usize) -> Vec<Effect> {
        let number = self.run(i).number;
        let columns = std::sync::Arc::from([Column::new("a", "i64", Kind::Int)]);
        let page = Page { columns, first_row: 0, rows: vec![vec![TableCell::Int(1)]], total_rows: 1 };
        let answer = SqlAnswer { page: page.into(), name: Some("day".into()), outputs: vec![r#"{"output_type":"execute_result","data":{"text/plain":"shape: (1, 1)"},"metadata":{},"execution_count":null}"#.into()] };
        self.event(Event::Sql { doc: self.id, key: self.key(i), number, result: Ok(answer), ms: 5 })
    }
    fn code_done(&mut self, i: usize, ok: bool) -> Vec<Effect> {
        let number = self.run(i).number;
        let execution_count = Some(number);
        let outcome = if ok {
            Outcome::Ok { execution_count }
        } else {
            Outcome::Error { execution_count, ename: "E".into(), evalue: "v".into() }
        };
        let (doc, key) = (self.id, self.key(i));
        let at = self.clock.0;
        self.event(Event::Exec { doc, key, number, event: ExecEvent::Done { at, outcome: outcome.clone() } });
        self.event(Event::Ended { doc, key, number, result: Ok(outcome), ms: 9 })
    }
}

fn tasks(effects: &[Effect]) -> Vec<Task> {
    effects
        .iter()
        .filter_map(|e| match e {
            Effect::Start(job) => match &job.task {
                AnyTask::Notebook(t) => Some(t.clone()),
                _ => None,
            },
            _ => None,
        })
        .collect()
}

fn journal_timers(effects: &[Effect]) -> usize {
    let timer = |e: &&Effect| matches!(e, Effect::After(d, c) if d.as_millis() <= 1_000 && matches!(**c, crate::app::Command::Notebook(Command::Journal(_))));
    effects.iter().filter(timer).count()
}

#[test]
fn a_result_nobody_has_made_yet_leads_to_the_cell_that_makes_it() {
    let mut rig = Rig::new();
    let key = rig.key(2);
    rig.send(Command::EditCell { key, acts: vec![Act::SetText("%%sql\nSELECT * FROM day".into())] });
    rig.select(2);
    rig.send(Command::Run(Scope::Selected(After::Stay)));
    let number = rig.run(2).number;
    let failed = |name: &str| Err(Error::user(format!("There is no table or result named {name}")).hint("Name a file"));
    rig.event(Event::Sql { doc: rig.id, key, number, result: failed("day"), ms: 5 });
    let hint = |rig: &Rig| match &rig.run(2).end {
        RunEnd::Error(e) => e.hint.clone(),
        _ => None,
    };
    assert_eq!(hint(&rig).as_deref(), Some("Cell 2 keeps it: run that one first"));
    rig.send(Command::Run(Scope::Selected(After::Stay)));
    let number = rig.run(2).number;
    rig.event(Event::Sql { doc: rig.id, key, number, result: failed("days"), ms: 5 });
    assert_eq!(hint(&rig).as_deref(), Some("Name a file"), "no cell makes that");
}

#[test]
fn opening_twice_gives_one_tab() {
    let mut rig = Rig::new();
    rig.send(Command::Open("a.ipynb".into()));
    assert_eq!(rig.state.notebook.docs.len(), 1);
    rig.send(Command::Open("b.ipynb".into()));
    assert_eq!((rig.state.notebook.docs.len(), rig.doc().path.as_str()), (2, "b.ipynb"));
    rig.send(Command::NextTab(true));
    assert_eq!(rig.doc().path, "a.ipynb");
}

#[test]
fn keys_of_command_mode_select_and_extend() {
    let mut rig = Rig::new();
    rig.send(Command::Go { step: Step::Down, extend: false });
    rig.send(Command::Go { step: Step::Down, extend: true });
    assert_eq!(rig.doc().selection(), [rig.key(1), rig.key(2)]);
    rig.send(Command::Go { step: Step::Last, extend: false });
    assert_eq!(rig.doc().index(), 4);
    rig.send(Command::SelectAll);
    assert_eq!(rig.doc().selection().len(), 5);
    rig.send(Command::EnterEdit);
    assert_eq!((rig.doc().mode, rig.doc().selection().len()), (Mode::Edit, 1));
    rig.send(Command::LeaveEdit);
    assert_eq!(rig.doc().mode, Mode::Command);
}

#[test]
fn cells_are_cut_pasted_moved_merged_and_all_of_it_undone() {
    let mut rig = Rig::new();
    let before = rig.doc().notebook().unwrap().to_bytes();
    rig.select(2);
    rig.send(Command::Cut);
    assert_eq!(rig.doc().cells().len(), 4);
    rig.select(3);
    rig.send(Command::Paste);
    assert_eq!(rig.sources()[4], "x = 1");
    rig.send(Command::Move { up: true });
    assert_eq!((rig.sources()[3].as_str(), rig.doc().index()), ("x = 1", 3));
    rig.send(Command::Merge(Merge::Below));
    assert_eq!(rig.sources()[3], "x = 1\n\nprint(x)");
    rig.send(Command::Insert { above: true, kind: CellKind::Code });
    rig.send(Command::SetKind(CellKind::Raw));
    rig.send(Command::Heading(3));
    assert_eq!(rig.doc().cell().unwrap().kind, CellKind::Markdown);
    let split = rig.key(4);
    rig.send(Command::Split { key: split, at: 5 });
    rig.select(0);
    rig.send(Command::Delete);
    rig.send(Command::ClearAllOutputs);
    while rig.doc().notebook().unwrap().undo_label().is_some() {
        rig.send(Command::Undo);
    }
    assert_eq!(rig.doc().notebook().unwrap().to_bytes(), before);
    assert!(!rig.doc().is_dirty());
}

#[test]
fn what_a_long_cell_defines_is_found_when_the_letters_rest() {
    let mut rig = Rig::new();
    let key = rig.key(2);
    rig.select(2);
    rig.send(Command::EnterEdit);
    let defines = |rig: &Rig| rig.doc().names(key).is_some_and(|n| n.defines.iter().any(|d| d == "alpha"));
    rig.send(Command::EditCell { key, acts: vec![Act::SetText("alpha = 1".into())] });
    assert!(defines(&rig), "a short one at once");
    let long = "# words\n".repeat(2_000);
    rig.send(Command::EditCell { key, acts: vec![Act::SetText(format!("{long}beta = 1"))] });
    assert!(defines(&rig), "not read yet");
    rig.send(Command::Journal(rig.id));
    assert!(!defines(&rig));
    rig.send(Command::EditCell { key, acts: vec![Act::SetText(format!("{long}alpha = 1"))] });
    rig.send(Command::LeaveEdit);
    assert!(defines(&rig), "nobody waits for the timer after leaving the cell");
}

#[test]
fn typing_is_journaled_within_a_second_and_saved_under_guard() {
    let mut rig = Rig::new();
    let key = rig.key(2);
    let effects = rig.send(Command::EditCell { key, acts: vec![Act::SetText("x = 12".into())] });
    assert_eq!(journal_timers(&effects), 1);
    assert_eq!(
        journal_timers(&rig.send(Command::EditCell { key, acts: vec![Act::SetText("x = 123".into())] })),
        0,
        "one timer is enough"
    );
    assert_eq!(rig.doc().state_of(key), CellState::Earlier);
    let kept = tasks(&rig.send(Command::Journal(rig.id)));
    let [Task::Keep { base: Some(11), snapshot, .. }] = &kept[..] else { panic!("{kept:?}") };
    assert!(String::from_utf8(snapshot.to_bytes()).unwrap().contains("x = 123"));
    assert!(tasks(&rig.send(Command::Journal(rig.id))).is_empty(), "nothing new to keep");

    let saves = tasks(&rig.send(Command::Save));
    let [Task::Save { expected: Some(11), revision, .. }] = &saves[..] else { panic!("{saves:?}") };
    assert!(tasks(&rig.send(Command::Save)).is_empty(), "the second waits");
    rig.send(Command::EditCell { key, acts: vec![Act::SetText("x = 1234".into())] });
    let after = tasks(&rig.event(Event::Saved { doc: rig.id, path: "a.ipynb".into(), hash: 12, revision: *revision }));
    let [Task::Save { expected: Some(12), revision, .. }] = &after[..] else { panic!("{after:?}") };
    let end = tasks(&rig.event(Event::Saved { doc: rig.id, path: "a.ipynb".into(), hash: 13, revision: *revision }));
    assert!(matches!(&end[..], [Task::DropDraft { .. }]), "{end:?}");
    assert!(!rig.doc().is_dirty());
}

#[test]
fn a_save_over_others_asks_and_keeps_both_ways_open() {
    let mut rig = Rig::new();
    let (key, id) = (rig.key(2), rig.id);
    rig.send(Command::EditCell { key, acts: vec![Act::SetText("mine".into())] });
    rig.send(Command::Save);
    rig.event(Event::SaveFailed { doc: id, error: Error::user("changed"), disk: Some(99) });
    assert_eq!(rig.doc().conflict, Some(Conflict::Changed(99)));
    assert!(tasks(&rig.send(Command::Save)).is_empty(), "not before the person decides");
    let over = tasks(&rig.send(Command::SaveOver(id)));
    assert!(matches!(&over[..], [.., Task::Save { expected: Some(99), .. }]), "{over:?}");
    rig.event(Event::SaveFailed { doc: id, error: Error::io("No space left"), disk: Some(99) });
    assert_eq!(rig.doc().save_error.as_ref().unwrap().what, "No space left");
    assert!(rig.doc().is_dirty());
}

#[test]
fn a_file_changed_on_disk_is_reloaded_when_clean_and_asked_about_when_not() {
    let mut rig = Rig::new();
    let id = rig.id;
    rig.select(4);
    let effects = rig.event(Event::Disk { doc: id, hash: Some(20) });
    assert!(matches!(&tasks(&effects)[..], [Task::Load { .. }]));
    let theirs = FILE.replace("x = 1", "x = 2").replace("[\"# Delays\\n\", \"text\"]", "[\"# New\"]");
    let load = |text: &str, hash| {
        let content = Box::new(Content::Notebook(Box::new(Notebook::parse(text.as_bytes()).unwrap())));
        Event::Loaded { doc: id, content, hash }
    };
    rig.event(load(&theirs, 20));
    assert_eq!((rig.sources()[2].as_str(), rig.doc().index()), ("x = 2", 4), "the selection follows the cell");
    let key = rig.key(2);
    rig.send(Command::EditCell { key, acts: vec![Act::SetText("mine".into())] });
    let look = tasks(&rig.event(Event::Disk { doc: id, hash: Some(21) }));
    assert!(matches!(&look[..], [Task::Outside(super::outside::Task::Look { base: Some(_), .. })]), "{look:?}");
    assert_eq!(rig.doc().conflict, Some(Conflict::Changed(21)));
    rig.send(Command::Reload(id));
    rig.event(load(FILE, 21));
    assert_eq!(rig.sources()[2], "x = 1");
    rig.send(Command::UndoReload(id));
    assert_eq!(rig.sources()[2], "mine");
    rig.event(Event::Disk { doc: id, hash: None });
    assert_eq!(rig.doc().conflict, Some(Conflict::Gone));
    let again = tasks(&rig.send(Command::Save));
    assert!(matches!(&again[..], [Task::Save { expected: None, .. }]), "{again:?}");
}

#[test]
fn edits_of_a_crashed_window_are_offered() {
    let mut rig = Rig::new();
    let id = rig.id;
    let draft = Draft { path: "a.ipynb".into(), base: Some(11), at: Timestamp::UNIX_EPOCH, pid: 1 };
    let effects = rig.event(Event::Drafts(vec![draft.clone()]));
    assert!(matches!(&effects[..], [Effect::Notice(n)] if n.action.is_some()));
    assert_eq!(rig.doc().draft, Some(draft));
    assert!(matches!(&tasks(&rig.send(Command::RestoreDraft(id)))[..], [Task::ReadDraft { .. }]));
    let kept = Notebook::parse(FILE.replace("x = 1", "lost?").as_bytes()).unwrap();
    rig.event(Event::DraftRead { doc: id, content: Box::new(Content::Notebook(Box::new(kept))) });
    assert_eq!(rig.sources()[2], "lost?");
    assert!(rig.doc().is_dirty() && rig.doc().draft.is_none() && rig.doc().conflict.is_none());
    assert!(rig.state.notebook.drafts.is_empty());
}

#[test]
fn cells_run_one_at_a_time_and_states_are_honest() {
    let mut rig = Rig::new();
    assert_eq!([rig.state(1), rig.state(2), rig.state(4)], [CellState::Never, CellState::Earlier, CellState::Never]);
    let effects = rig.send(Command::Run(Scope::All));
    let run = tasks(&effects);
    let [Task::RunSql { sql, name: Some(name), .. }] = &run[..] else { panic!("{run:?}") };
    assert_eq!((sql.as_str(), name.as_str()), ("SELECT 1 AS a", "day"));
    assert!(effects.iter().any(|e| matches!(e, Effect::Start(j) if j.policy == Policy::Queue && !j.title.is_empty())));
    assert_eq!([rig.state(1), rig.state(2)], [CellState::Running, CellState::Queued]);
    let next = tasks(&rig.sql_ok(1));
    let [Task::RunCode { code, .. }, Task::Shapes { .. }] = &next[..] else { panic!("{next:?}") };
    assert_eq!(code, "x = 1");
    assert_eq!(rig.doc().kept[0].name, "day");
    assert!(rig.doc().cells()[1].outputs().next().unwrap().text().contains("shape: (1, 1)"));
    rig.code_done(2, true);
    rig.code_done(4, true);
    assert_eq!([rig.state(1), rig.state(2), rig.state(4)], [CellState::Fresh; 3]);
    assert!(!rig.doc().cells()[2].has_outputs(), "what the new run did not show is gone");

    let key = rig.key(2);
    rig.send(Command::EditCell { key, acts: vec![Act::SetText("x = 2".into())] });
    assert_eq!([rig.state(2), rig.state(4)], [CellState::Edited, CellState::Stale(3)]);
    assert_eq!(rig.doc().stale(), [rig.key(2), rig.key(4)]);
    rig.send(Command::Undo);
    assert_eq!([rig.state(2), rig.state(4)], [CellState::Fresh; 2], "the old text is what ran");
    let outline: Vec<_> = rig.doc().outline().iter().map(|r| (r.title.as_str(), r.level, r.state)).collect();
    assert_eq!(outline, [("Delays", 1, CellState::Fresh), ("Check", 2, CellState::Fresh)]);
}

#[test]
fn a_failure_withdraws_what_waits_and_an_interrupt_too() {
    let mut rig = Rig::new();
    rig.select(2);
    rig.send(Command::Run(Scope::Below));
    assert!(tasks(&rig.code_done(2, false)).is_empty());
    assert_eq!([rig.state(2), rig.state(4)], [CellState::Failed, CellState::Never]);
    rig.send(Command::Run(Scope::Below));
    let effects = rig.send(Command::Interrupt);
    assert!(matches!(&effects[..], [Effect::Cancel(key)] if *key == format!("notebook.run:{}", rig.id)));
    assert!(rig.doc().queue.is_empty());
    rig.code_done(2, false);
    assert_eq!(rig.run(2).end, RunEnd::Interrupted);
}

#[test]
fn outputs_stream_in_and_late_news_of_an_older_run_is_dropped() {
    let mut rig = Rig::new();
    let (id, key) = (rig.id, rig.key(2));
    rig.send(Command::Run(Scope::One(key)));
    let number = rig.run(2).number;
    let print = |number, text: &str| Event::Exec {
        doc: id,
        key,
        number,
        event: ExecEvent::Stream { stderr: false, text: text.into() },
    };
    rig.event(print(number, "a\n"));
    rig.event(print(number, "b\n"));
    assert_eq!(rig.run(2).live.views().len(), 1);
    rig.event(print(number + 5, "late"));
    rig.code_done(2, true);
    let stored = rig.doc().cells()[2].outputs().next().unwrap().text().to_owned();
    assert!(stored.contains("a\\n") && stored.contains("b\\n") && !stored.contains("late"));
    let mut bundle = Bundle::default();
    bundle.data.insert("text/plain".into(), "v".into());
    rig.event(Event::Exec { doc: id, key, number, event: ExecEvent::UpdateDisplay { display_id: "d".into(), bundle } });
}

#[test]
fn shift_enter_goes_on_and_makes_a_cell_at_the_end() {
    let mut rig = Rig::new();
    rig.send(Command::Run(Scope::Selected(After::Advance)));
    assert_eq!(rig.doc().index(), 1, "text is rendered, nothing runs");
    assert!(rig.doc().running.is_none());
    rig.select(4);
    rig.send(Command::Run(Scope::Selected(After::Advance)));
    assert_eq!((rig.doc().cells().len(), rig.doc().index(), rig.doc().mode), (6, 5, Mode::Edit));
    rig.select(1);
    rig.send(Command::Run(Scope::Selected(After::InsertBelow)));
    assert_eq!((rig.doc().cells().len(), rig.doc().index()), (7, 2));
}

#[test]
fn an_untrusted_folder_runs_nothing() {
    let mut rig = Rig::new();
    rig.state.workspace.trusted = false;
    rig.select(1);
    let effects = rig.send(Command::Run(Scope::Selected(After::Advance)));
    assert!(tasks(&effects).is_empty() && rig.doc().index() == 1);
    assert!(matches!(rig.state.shell.dialog, Some(shell::Dialog::Trust { then: Some(_) })));
    rig.select(0);
    rig.state.shell.dialog = None;
    rig.send(Command::Run(Scope::Selected(After::Stay)));
    assert!(rig.state.shell.dialog.is_none(), "rendering text needs no trust");
    rig.state.shell.dialog = None;
    assert!(tasks(&rig.send(make())).is_empty());
    assert!(matches!(rig.state.shell.dialog, Some(shell::Dialog::Trust { then: Some(_) })));
}

fn make() -> Command {
    let command = kernels::Command::Make {
        folder: ".venv".into(),
        base: None,
        packages: vec!["pandas".into()],
        requirements: vec![],
    };
    Command::Kernels(command)
}

/// What of the tasks is about kernels.
fn about_kernels(effects: &[Effect]) -> Vec<kernels::Task> {
    let all = tasks(effects).into_iter();
    all.filter_map(|t| if let Task::Kernels(task) = t { Some(*task) } else { None }).collect()
}

#[test]
fn without_a_kernel_the_cell_offers_an_environment() {
    let mut rig = Rig::new();
    let (id, key) = (rig.id, rig.key(2));
    rig.send(Command::Run(Scope::One(key)));
    let number = rig.run(2).number;
    rig.event(Event::NoKernel { doc: id, key, number, error: Error::user("No kernel for python was found") });
    assert!(rig.doc().kernel.missing.is_some());
    assert!(matches!(rig.run(2).end, RunEnd::NoKernel(_)));
    assert_eq!(rig.state(2), CellState::Earlier, "it has not run");
    assert!(rig.doc().cells()[2].has_outputs(), "the old output stays");
    let started = about_kernels(&rig.send(make()));
    assert!(matches!(&started[..], [kernels::Task::Make { packages, .. }] if packages == &["pandas"]), "{started:?}");
    assert!(about_kernels(&rig.send(make())).is_empty(), "one at a time");
    rig.event(Event::Kernels(Box::new(kernels::Event::Line("Collecting ipykernel".into()))));
    assert_eq!(rig.state.notebook.making.as_ref().unwrap().last(), "Collecting ipykernel");
    let kept = rig.event(Event::Kernels(Box::new(kernels::Event::Made(Ok(Box::new(spec("venv")))))));
    let kept = about_kernels(&kept);
    assert!(kept.iter().any(|t| matches!(t, kernels::Task::Keep { path: Some(_), choice: Some(c) } if c.id == "venv")));
    assert!(rig.doc().kernel.missing.is_none() && rig.state.notebook.making.is_none());
    assert!(rig.state.shell.dialog.is_none(), "the progress closes by itself");
    let again = tasks(&rig.send(Command::Run(Scope::One(key))));
    assert!(matches!(&again[..], [Task::RunCode { wish, .. }] if wish.chosen.as_deref() == Some("venv")), "{again:?}");
}

fn spec(id: &str) -> KernelSpec {
    KernelSpec {
        id: id.into(),
        name: "python3".into(),
        display_name: "Python 3.12".into(),
        language: "python".into(),
        argv: vec![],
        env: std::collections::BTreeMap::new(),
        interrupt: crate::model::kernel::InterruptMode::Signal,
        origin: crate::model::kernel::Origin::Workspace,
        version: None,
        python: None,
        resource_dir: None,
        remote: None,
    }
}

#[test]
fn a_restart_or_a_dead_kernel_makes_results_old() {
    let mut rig = Rig::new();
    let id = rig.id;
    rig.send(Command::Run(Scope::All));
    rig.sql_ok(1);
    rig.code_done(2, true);
    rig.code_done(4, true);
    rig.event(Event::Kernel { doc: id, spec: Some(Box::new(spec("k"))), event: None });
    let exit = Exit { code: Some(7), signal: None };
    let dead = SessionState::Dead { exit, stderr: String::new() };
    let effects = rig.event(Event::Kernel { doc: id, spec: None, event: Some(SessionEvent::State(dead)) });
    assert!(matches!(&effects[..], [Effect::Notice(n)] if n.title.contains("exit code 7")));
    assert_eq!([rig.state(1), rig.state(2)], [CellState::Fresh, CellState::Earlier], "SQL does not live in the kernel");
    rig.send(Command::Restart);
    assert!(matches!(rig.state.shell.dialog, Some(shell::Dialog::Confirm { .. })));
    let effects = rig.send(Command::RestartNow { then_all: false });
    assert!(matches!(&tasks(&effects)[..], [Task::Restart { .. }]));
    assert_eq!(rig.state(1), CellState::Earlier);
    assert!(rig.doc().kept.is_empty());
    rig.event(Event::Kernel { doc: id, spec: None, event: Some(SessionEvent::State(SessionState::Idle)) });
    assert!(status_facts(&rig.state)[0].contains("Python 3.12 idle"));
}

#[test]
fn closing_asks_for_unsaved_changes_and_leaves_the_kernel() {
    let mut rig = Rig::new();
    let (id, key) = (rig.id, rig.key(2));
    rig.send(Command::EditCell { key, acts: vec![Act::SetText("y".into())] });
    rig.send(Command::Close(id));
    assert!(rig.state.notebook.active.is_some());
    assert!(matches!(rig.state.shell.dialog, Some(shell::Dialog::Confirm { destructive: true, .. })));
    let effects = rig.send(Command::CloseAnyway(id));
    assert!(rig.state.notebook.docs.is_empty());
    assert!(tasks(&effects).iter().any(|t| matches!(t, Task::Leave { .. })));
}

#[test]
fn a_new_notebook_waits_for_its_first_save() {
    let mut rig = Rig::new();
    rig.send(Command::New);
    assert_eq!((rig.doc().path.as_str(), rig.doc().mode), ("untitled.ipynb", Mode::Edit));
    assert!(rig.doc().is_dirty());
    let saves = tasks(&rig.send(Command::Save));
    assert!(matches!(&saves[..], [Task::Save { expected: None, .. }]));
    let id = rig.doc().id;
    rig.event(Event::Saved { doc: id, path: "untitled.ipynb".into(), hash: 5, revision: rig.doc().revision() });
    assert!(!rig.doc().is_dirty());
    rig.send(Command::SaveAs { doc: id, path: "../x.ipynb".into() });
    assert_eq!(rig.doc().path, "untitled.ipynb");
}

#[test]
fn a_broken_file_is_told_in_place_and_read_again_when_mended() {
    let mut rig = Rig::new();
    rig.send(Command::Open("b.ipynb".into()));
    let id = rig.doc().id;
    rig.event(Event::LoadFailed { doc: id, error: Error::config("b.ipynb is not valid JSON") });
    assert!(matches!(rig.doc().body, Body::Failed(_)));
    assert!(tasks(&rig.send(Command::Save)).is_empty());
    let check = tasks(&files_changed(&mut rig.state, &["b.ipynb".into()], &Cx { clock: &rig.clock.clone() }));
    assert!(matches!(&check[..], [Task::CheckDisk { .. }]));
    assert!(matches!(&tasks(&rig.event(Event::Disk { doc: id, hash: Some(1) }))[..], [Task::Load { .. }]));
}

#[test]
fn text_files_are_edited_and_keep_their_line_ends() {
    let mut rig = Rig::new();
    rig.send(Command::Open("q.sql".into()));
    let id = rig.doc().id;
    rig.event(Event::Loaded { doc: id, content: Box::new(Content::Text("a\r\nb".into())), hash: 3 });
    let effects = rig.send(Command::EditFile { doc: id, acts: vec![Act::SetText("a\nc".into())] });
    assert_eq!(journal_timers(&effects), 1);
    let saves = tasks(&rig.send(Command::Save));
    let [Task::Save { snapshot, .. }] = &saves[..] else { panic!("{saves:?}") };
    assert_eq!(snapshot.to_bytes(), b"a\r\nc");
}

#[test]
fn a_folded_heading_stands_for_its_part() {
    let mut rig = Rig::new();
    let (top, second) = (rig.key(0), rig.key(3));
    rig.send(Command::Fold { key: second, fold: true });
    assert!(rig.doc().folds.is_hidden(rig.key(4)));
    assert_eq!(rig.doc().folds.count(second), 1);
    rig.select(3);
    assert_eq!(rig.doc().selection(), [second, rig.key(4)], "what it hides goes along");
    rig.send(Command::Go { step: Step::Down, extend: false });
    assert_eq!(rig.doc().selected, second, "nothing visible below it");
    rig.send(Command::Move { up: true });
    assert_eq!(rig.sources()[2..], ["## Check", "print(x)", "x = 1"]);
    rig.send(Command::Undo);
    assert_eq!(rig.sources()[2..], ["x = 1", "## Check", "print(x)"]);
    rig.select(2);
    rig.send(Command::Move { up: false });
    assert_eq!(rig.sources()[2..], ["## Check", "print(x)", "x = 1"], "past all that is folded away");
    assert!(!rig.doc().folds.is_folded(second), "what is selected stays in sight");
    rig.send(Command::Undo);
    rig.send(Command::Fold { key: second, fold: true });
    rig.select(3);
    rig.send(Command::Delete);
    assert_eq!(rig.sources().len(), 3);
    rig.send(Command::Undo);
    assert_eq!(rig.sources().len(), 5, "undo brings the whole part back");
    // The outer heading hides the inner one; going to a hidden cell opens what hides it.
    rig.send(Command::FoldAll(true));
    assert_eq!((rig.doc().folds.count(top), rig.doc().selected), (4, top));
    let last = rig.key(4);
    rig.send(Command::Select(last));
    assert!(!rig.doc().folds.is_hidden(last) && !rig.doc().folds.is_folded(top));
    rig.send(Command::LeftRight(true));
    assert_eq!(rig.doc().selected, rig.key(3), "Left goes to the heading above");
    rig.send(Command::LeftRight(true));
    assert!(rig.doc().folds.is_folded(rig.key(3)));
    rig.send(Command::LeftRight(false));
    assert!(!rig.doc().folds.is_folded(rig.key(3)));
}

#[test]
fn a_heading_is_inserted_around_the_part() {
    let mut rig = Rig::new();
    rig.select(4);
    rig.send(Command::InsertHeading { above: true });
    assert_eq!(rig.sources()[3..5], ["## ", "## Check"]);
    assert_eq!(rig.doc().mode, Mode::Edit);
    rig.send(Command::Undo);
    rig.select(1);
    rig.send(Command::InsertHeading { above: false });
    assert_eq!(rig.sources().last().map(String::as_str), Some("# "), "after the whole part of the first heading");
}

#[test]
fn late_answers_are_dropped() {
    let mut rig = Rig::new();
    let key = rig.key(1);
    let ask = Command::Complete { key, text: "%%sql\nSELECT 1 FROM ".into(), cursor: 20 };
    let tasks = tasks(&rig.send(ask));
    let [Task::CompleteSql { number, .. }] = tasks[..] else { panic!("{tasks:?}") };
    let words = vec![crate::model::table::complete::Suggestion::new("day", "result")];
    let offer = assist::Offer { key, start: 20, end: 20, cursor: 20, words };
    rig.event(Event::Offered { doc: rig.id, number: number + 1, offer: Some(offer.clone()) });
    assert_eq!(rig.doc().assist.offer, None);
    rig.event(Event::Offered { doc: rig.id, number, offer: Some(offer.clone()) });
    assert_eq!(rig.doc().assist.offer, Some(offer));
    rig.send(Command::LeaveEdit);
    assert_eq!(rig.doc().assist.offer, None);
    // Without a kernel the question is answered in words.
    rig.send(Command::Explain { key: rig.key(2), text: "x".into(), cursor: 1 });
    assert!(rig.doc().assist.hint.as_ref().unwrap().text.contains("Run a cell first"));
}

#[test]
fn save_as_asks_for_a_path_and_never_takes_one_that_exists() {
    let mut rig = Rig::new();
    let kind = crate::model::workspace::FileKind::Notebook;
    let path = "b.ipynb".to_owned();
    let entry = crate::model::workspace::Entry { path, kind, size: 1, modified: 0, depth: 0 };
    rig.state.workspace.entries = vec![entry].into();
    rig.send(Command::AskPath(true));
    assert_eq!(rig.state.notebook.saving_as, Some(rig.id));
    let effects = rig.send(Command::SaveAs { doc: rig.id, path: "b.ipynb".into() });
    assert!(matches!(&effects[..], [Effect::Notice(n)] if n.title.contains("already")), "{effects:?}");
    assert_eq!(rig.doc().path, "a.ipynb");
    rig.send(Command::SaveAs { doc: rig.id, path: "c.ipynb".into() });
    assert_eq!((rig.doc().path.as_str(), rig.state.notebook.saving_as), ("c.ipynb", None));
}

fn result(path: &str, cells: Vec<crate::model::nbtest::CellResult>) -> crate::model::nbtest::NotebookResult {
    crate::model::nbtest::NotebookResult { path: path.into(), cells, ms: 900, kernel: None, error: None }
}

fn differs(cell: usize) -> crate::model::nbtest::CellResult {
    crate::model::nbtest::CellResult {
        cell,
        id: None,
        title: "x = 1".into(),
        verdict: crate::model::nbtest::Verdict::Differs,
        ms: 3,
        reason: "stdout: lines that differ".into(),
        differences: Vec::new(),
        traceback: String::new(),
        hidden: String::new(),
    }
}

#[test]
fn the_test_of_a_notebook_is_that_of_what_the_window_has() {
    use tested::{Command as Test, Event as Told};
    let mut rig = Rig::new();
    let key = rig.key(2);
    rig.send(Command::EditCell { key, acts: vec![Act::SetText("x = 2".into())] });
    let effects = rig.send(Command::Test(Test::This));
    let [Task::Test(tested::Task::This { snapshot, number, .. })] = &tasks(&effects)[..] else { panic!("{effects:?}") };
    assert!(String::from_utf8(snapshot.to_bytes()).unwrap().contains("x = 2"), "unsaved edits are tested");
    let (number, doc) = (*number, rig.id);
    assert!(rig.doc().test.as_ref().unwrap().is_running());
    rig.event(Event::Test(Told::At { doc, number, cell: 2 }));
    assert_eq!(rig.doc().test.as_ref().unwrap().at, Some(2));
    // A late answer of a test that was replaced changes nothing.
    rig.event(Event::Test(Told::Done { doc, number: number + 7, result: result("a.ipynb", vec![]), sides: None }));
    assert!(rig.doc().test.as_ref().unwrap().is_running());
    rig.event(Event::Test(Told::Done { doc, number, result: result("a.ipynb", vec![differs(2)]), sides: None }));
    let test = rig.doc().test.clone().unwrap();
    assert!(test.of(key).is_some_and(|c| c.verdict.is_bad()) && test.of(rig.key(1)).is_none());
    assert!(!test.is_old(rig.doc()));
    // A cell inserted above moves nothing: results stay with their cells.
    rig.select(0);
    rig.send(Command::Insert { above: true, kind: CellKind::Code });
    let test = rig.doc().test.clone().unwrap();
    assert!(test.of(key).is_some() && test.is_old(rig.doc()));
    rig.send(Command::Test(Test::Close));
    assert!(rig.doc().test.is_none());
    rig.state.workspace.trusted = false;
    assert!(rig.send(Command::Test(Test::This)).is_empty(), "an untrusted folder is asked about first");
    assert!(rig.state.shell.dialog.is_some());
}

#[test]
fn a_folder_is_tested_as_a_list_that_leads_to_the_cells() {
    use tested::{Command as Test, Event as Told};
    let mut rig = Rig::new();
    let entry = |path: &str| crate::model::workspace::Entry {
        path: path.into(),
        kind: FileKind::Notebook,
        size: 1,
        modified: 0,
        depth: 0,
    };
    rig.state.workspace.entries =
        std::sync::Arc::new(vec![entry("a.ipynb"), entry("nb/b.ipynb"), entry("nb2/c.ipynb")]);
    let titles: Vec<String> = actions(&rig.state).into_iter().map(|a| a.title).collect();
    assert!(titles.contains(&"Test all notebooks".into()) && titles.contains(&"Test the notebooks of nb".into()));
    let effects = rig.send(Command::Test(Test::Folder("nb".into())));
    assert!(
        matches!(&tasks(&effects)[..], [Task::Test(tested::Task::Folder { paths: p, .. })] if *p == ["nb/b.ipynb"])
    );
    rig.send(Command::Test(Test::Folder(String::new())));
    rig.event(Event::Test(Told::One(result("a.ipynb", vec![differs(4)]))));
    assert_eq!((rig.state.notebook.tests.total, rig.state.notebook.tests.results.len()), (3, 1));
    rig.send(Command::Test(Test::Open("a.ipynb".into())));
    let last = rig.key(4);
    assert!(rig.doc().test.as_ref().unwrap().of(last).is_some());
    rig.event(Event::Test(Told::FolderDone(None)));
    assert!(!rig.state.notebook.tests.running);
    rig.send(Command::Test(Test::CloseList));
    assert_eq!(rig.state.notebook.tests.total, 0);
}

#[test]
fn a_run_with_parameters_gives_only_what_was_changed_and_shows_its_copy() {
    use crate::app::runs;
    let mut rig = Rig::new();
    assert!(matches!(&rig.send(Command::AskParameters)[..], [Effect::Notice(_)]), "none are declared yet");
    rig.select(2);
    let key = rig.key(2);
    let text = "low = 2  # least delay\nday = '2026-11-16'\nall = []\nflag = False";
    rig.send(Command::EditCell { key, acts: vec![Act::SetText(text.into())] });
    rig.send(Command::DeclareParameters);
    assert!(rig.doc().declares() && rig.doc().cells()[2].tags() == ["parameters"]);
    let effects = rig.send(Command::AskParameters);
    assert!(tasks(&effects).iter().any(|t| matches!(t, Task::Save { .. })), "the run reads the file");
    let Some(runs::Dialog::Run(form)) = &rig.state.runs.dialog else { panic!("no form") };
    let fields: Vec<_> = form.fields.iter().map(|f| (f.param.name.as_str(), f.text.as_str())).collect();
    assert_eq!(fields, [("low", "2"), ("day", "2026-11-16"), ("all", "[]"), ("flag", "false")]);
    assert_eq!(form.fields[0].param.help.as_deref(), Some("least delay"));
    let set = |name: &str, text: &str| runs::Command::SetField { name: name.into(), text: text.into() };
    let cx_send =
        |rig: &mut Rig, c: runs::Command| dispatch::dispatch(&mut rig.state, c.into(), &Cx { clock: &rig.clock });
    cx_send(&mut rig, set("low", "x"));
    assert!(cx_send(&mut rig, runs::Command::Confirm).is_empty(), "a wrong value is marked at its field");
    cx_send(&mut rig, set("low", "7"));
    cx_send(&mut rig, set("all", "['DAL', 3]"));
    let effects = cx_send(&mut rig, runs::Command::Confirm);
    let launch = effects.iter().find_map(|e| match e {
        Effect::Start(job) => match &job.task {
            AnyTask::Runs(runs::Task::Begin { launch, .. }) => Some(launch.clone()),
            _ => None,
        },
        _ => None,
    });
    let values = serde_json::Value::Object(launch.unwrap().values);
    assert_eq!(values, serde_json::json!({ "low": 7, "all": ["DAL", 3] }));
    assert_eq!(rig.state.notebook.following, ["a.ipynb"]);
    rig.send(Command::DeclareParameters);
    assert!(!rig.doc().declares());
}

/// A notebook of assignments `n = f(others)`, with the state of each cell worked out the slow way beside it.
mod honest {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Deed {
        Run(usize),
        Edit(usize),
        Restart,
        Stale,
    }

    const CELLS: usize = 6;

    fn source(cell: usize, uses: &[usize], version: usize) -> String {
        let all: Vec<String> = uses.iter().map(|u| format!("v{u}")).collect();
        format!("v{cell} = f({version}, {})", all.join(", "))
    }

    fn deeds() -> impl Strategy<Value = Vec<Deed>> {
        let one = prop_oneof![
            4 => (0..CELLS).prop_map(Deed::Run),
            3 => (0..CELLS).prop_map(Deed::Edit),
            1 => Just(Deed::Restart),
            2 => Just(Deed::Stale),
        ];
        prop::collection::vec(one, 1..24)
    }

    fn finish(rig: &mut Rig) -> usize {
        let mut ran = 0;
        while let Some(running) = rig.doc().running.clone() {
            let at = rig.doc().notebook().unwrap().index_of(running.key).unwrap();
            rig.code_done(at, true);
            ran += 1;
        }
        ran
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]
        #[test]
        fn a_cell_is_fresh_only_when_it_and_all_it_uses_ran_as_they_are(
            uses in prop::collection::vec(prop::collection::vec(0..CELLS, 0..3), CELLS),
            deeds in deeds(),
        ) {
            let mut rig = Rig::new();
            let file = serde_json::json!({
                "cells": (0..CELLS).map(|i| serde_json::json!({
                    "cell_type": "code", "metadata": {}, "execution_count": null, "outputs": [], "id": format!("c{i}"),
                    "source": source(i, &above(&uses, i), 0),
                })).collect::<Vec<_>>(),
                "metadata": {}, "nbformat": 4, "nbformat_minor": 5,
            });
            let content = Box::new(Content::Notebook(Box::new(Notebook::parse(file.to_string().into_bytes()).unwrap())));
            rig.event(Event::Loaded { doc: rig.id, content, hash: 12 });
            // What each cell ran with: its version, and what those above it had made by then.
            let mut version = [0_usize; CELLS];
            let mut made: Made = Default::default();
            let mut clock = 0;
            for deed in deeds {
                match deed {
                    Deed::Run(cell) => {
                        let key = rig.key(cell);
                        rig.send(Command::Run(Scope::One(key)));
                        finish(&mut rig);
                        clock += 1;
                        made[cell] = Some(stamp(&made, &uses, cell, version[cell], clock));
                    }
                    Deed::Edit(cell) => {
                        version[cell] += 1;
                        let text = source(cell, &above(&uses, cell), version[cell]);
                        let key = rig.key(cell);
                        rig.send(Command::EditCell { key, acts: vec![Act::SetText(text)] });
                    }
                    Deed::Restart => {
                        rig.send(Command::RestartNow { then_all: false });
                        made = Default::default();
                    }
                    Deed::Stale => {
                        let stale: Vec<usize> = (0..CELLS).filter(|i| made[*i].is_some() && !fresh(&made, &uses, &version, *i)).collect();
                        prop_assert_eq!(rig.doc().stale().len(), stale.len());
                        rig.send(Command::Run(Scope::Stale));
                        prop_assert_eq!(finish(&mut rig), stale.len(), "exactly those run");
                        for cell in stale {
                            clock += 1;
                            made[cell] = Some(stamp(&made, &uses, cell, version[cell], clock));
                        }
                        prop_assert!(rig.doc().stale().is_empty(), "and nothing is out of date after it");
                    }
                }
                for cell in 0..CELLS {
                    let state = rig.state(cell);
                    let wanted = match &made[cell] {
                        None => matches!(state, CellState::Never | CellState::Earlier),
                        Some((ran, ..)) if *ran != version[cell] => state == CellState::Edited,
                        Some(_) if fresh(&made, &uses, &version, cell) => state == CellState::Fresh,
                        Some(_) => matches!(state, CellState::Stale(_)),
                    };
                    prop_assert!(wanted, "cell {} is {:?}; {:?} {:?} {:?}", cell, state, made, version, uses);
                }
            }
        }
    }

    /// Only what stands above is used; the cell's own name is another one.
    fn above(uses: &[Vec<usize>], cell: usize) -> Vec<usize> {
        let mut all: Vec<usize> = uses[cell].iter().copied().filter(|u| *u < cell).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    type Made = [Option<(usize, Vec<Option<u64>>, u64)>; CELLS];

    fn stamp(
        made: &Made,
        uses: &[Vec<usize>],
        cell: usize,
        version: usize,
        now: u64,
    ) -> (usize, Vec<Option<u64>>, u64) {
        (version, above(uses, cell).iter().map(|u| made[*u].as_ref().map(|m| m.2)).collect(), now)
    }

    /// It ran as it is written, after all it uses, and they are fresh themselves. What was never run cannot have changed.
    fn fresh(made: &Made, uses: &[Vec<usize>], version: &[usize; CELLS], cell: usize) -> bool {
        let Some((ran, saw, _)) = &made[cell] else { return false };
        let same = above(uses, cell).iter().zip(saw).all(|(u, saw)| made[*u].as_ref().map(|m| m.2) == *saw);
        let held = above(uses, cell).iter().all(|u| made[*u].is_none() || fresh(made, uses, version, *u));
        *ran == version[cell] && same && held
    }
}

mod choosing;
