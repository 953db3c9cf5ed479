//! Kernels that outlive the window: runs of earlier windows, what waits, what is in the file.
use super::{super::whole::RunOf, *};
use crate::model::kernel::CellTag;

fn tag(id: &str) -> CellTag {
    CellTag { id: Some(id.into()), index: 0 }
}

fn past(n: u64, cell: &str, done: bool) -> Box<Past> {
    let at = Timestamp::from_second(900).unwrap();
    let done = done.then_some((at, Outcome::Ok { execution_count: Some(n) }));
    Box::new(Past { id: ExecId(n), tag: tag(cell), code: "x = 1".into(), life: 1, at, done, settled: false })
}

fn kernel_is(rig: &mut Rig, state: SessionState) {
    let doc = rig.id;
    rig.event(Event::Kernel { doc, spec: None, event: Some(SessionEvent::State(state)) });
}

fn reports(rig: &mut Rig, id: u64, text: &str) {
    let (doc, id) = (rig.id, ExecId(id));
    rig.event(Event::ExecOf { doc, id, event: ExecEvent::Stream { stderr: false, text: text.into() } });
}

fn ends(rig: &mut Rig, id: u64) -> Vec<Effect> {
    let outcome = Outcome::Ok { execution_count: Some(id) };
    let at = Timestamp::from_second(960).unwrap();
    rig.event(Event::ExecOf { doc: rig.id, id: ExecId(id), event: ExecEvent::Done { at, outcome } })
}

#[test]
fn runs_of_an_earlier_window_find_their_cells() {
    let mut rig = Rig::new();
    let doc = rig.id;
    rig.event(Event::Adopted { doc, past: past(1, "c2", true), present: true });
    rig.event(Event::Adopted { doc, past: past(2, "c3", false), present: true });
    rig.event(Event::Adopted { doc, past: past(3, "not here", true), present: true });
    assert_eq!(rig.doc().running.as_ref().map(|r| r.key), Some(rig.key(4)));
    reports(&mut rig, 1, "one\n");
    reports(&mut rig, 3, "of a new cell\n");
    reports(&mut rig, 2, "two\n");
    ends(&mut rig, 1);
    assert_eq!(rig.state(2), CellState::Fresh);
    assert_eq!(rig.run(2).ms, Some(60_000));
    assert!(rig.doc().cells()[2].outputs().any(|o| String::from_utf8_lossy(&o).contains("one")));
    assert!(rig.doc().running.is_some(), "the end of an older run ends no other");
    // The cell comes back with the unsaved edits, and its outputs with it.
    ends(&mut rig, 3);
    let restored = FILE.replace("\"c3\"", "\"not here\"");
    let content = Box::new(Content::Notebook(Box::new(Notebook::parse(restored.as_bytes()).unwrap())));
    rig.event(Event::DraftRead { doc, content });
    assert!(rig.doc().cells()[4].outputs().any(|o| String::from_utf8_lossy(&o).contains("of a new cell")));
    assert!(rig.doc().cells()[2].outputs().any(|o| String::from_utf8_lossy(&o).contains("one")), "the others, too");
}

#[test]
fn what_waits_is_told_to_the_kernel_and_taken_up_by_the_next_window() {
    let mut rig = Rig::new();
    kernel_is(&mut rig, SessionState::Busy);
    let (code, query) = (rig.key(2), rig.key(1));
    let run = tasks(&rig.send(Command::Run(Scope::One(code))));
    assert!(
        matches!(&run[..], [Task::RunCode { label: Some(l), .. }] if l.tag.id.as_deref() == Some("c2") && l.then.cells.is_empty())
    );
    let last = rig.key(4);
    rig.send(Command::Run(Scope::One(last)));
    let told = tasks(&rig.send(Command::Run(Scope::One(query))));
    let [Task::Plan { plan, .. }] = &told[..] else { panic!("{told:?}") };
    assert_eq!(plan.cells.len(), 2);
    assert_eq!(plan.cells[0].code.as_deref(), Some("print(x)"));
    assert_eq!(plan.cells[1].code, None, "a query needs a window");
    let plan = plan.clone();
    let told = tasks(&rig.send(Command::Interrupt));
    assert!(matches!(&told[..], [Task::Plan { plan, .. }] if plan.cells.is_empty() && plan.version > 1), "{told:?}");

    let mut next = Rig::new();
    let doc = next.id;
    next.event(Event::Adopted { doc, past: past(1, "c2", false), present: true });
    let running = Some((tag("c2"), Timestamp::from_second(900).unwrap()));
    let found =
        super::super::kept::Found { spec: None, state: SessionState::Busy, plan, drives: true, running, brought: 1 };
    let effects = next.event(Event::FoundKernel { doc, found: Box::new(found) });
    assert!(
        matches!(&effects[..], [Effect::Notice(n), ..] if n.title.starts_with("Cell 3 of a.ipynb still runs, since"))
    );
    assert_eq!(next.doc().queue.len(), 2);
    let stop = tasks(&next.send(Command::Interrupt));
    assert!(stop.iter().any(|t| matches!(t, Task::Interrupt { .. })), "no job of this window waits for it: {stop:?}");
}

#[test]
fn a_saved_notebook_lets_go_of_what_was_kept_and_a_closed_one_interrupts_nothing() {
    let mut rig = Rig::new();
    let doc = rig.id;
    rig.event(Event::Adopted { doc, past: past(1, "c2", true), present: true });
    reports(&mut rig, 1, "one\n");
    ends(&mut rig, 1);
    let save = tasks(&rig.send(Command::Save));
    let [Task::Save { revision, path, .. }] = &save[..] else { panic!("{save:?}") };
    let saved = Event::Saved { doc, path: path.clone(), hash: 12, revision: *revision };
    let done = tasks(&rig.event(saved.clone()));
    assert!(done.iter().any(|t| matches!(t, Task::Settled { done, .. } if done == &[ExecId(1)])), "{done:?}");
    assert!(!tasks(&rig.event(saved)).iter().any(|t| matches!(t, Task::Settled { .. })), "once");
    kernel_is(&mut rig, SessionState::Busy);
    rig.event(Event::Adopted { doc, past: past(2, "c3", false), present: true });
    let effects = rig.send(Command::CloseAnyway(doc));
    assert!(!effects.iter().any(|e| matches!(e, Effect::Cancel(_))), "{effects:?}");
    assert!(tasks(&effects).iter().any(|t| matches!(t, Task::Leave { .. })));
}

#[test]
fn what_is_printed_beyond_what_a_notebook_bears_is_named_in_it() {
    let mut rig = Rig::new();
    let doc = rig.id;
    let whole = |rig: &mut Rig, id: u64, kept| rig.event(Event::Whole { doc, run: RunOf::Exec(ExecId(id)), kept });
    rig.event(Event::Adopted { doc, past: past(1, "c2", true), present: true });
    rig.event(Event::Adopted { doc, past: past(2, "not here", true), present: true });
    let lines = "y".repeat(99) + "\n";
    assert!(whole(&mut rig, 1, Ok(".andon/outputs/n.txt".into())).is_empty());
    whole(&mut rig, 2, Ok(".andon/outputs/other.txt".into()));
    (0..12).for_each(|_| reports(&mut rig, 1, &lines.repeat(10_000)));
    let effects = ends(&mut rig, 1);
    rig.carry_out(&effects);
    let stored: usize = rig.doc().cells()[2].outputs().map(|o| o.len()).sum();
    assert!(stored < 9_500_000, "{stored}");
    assert_eq!(rig.run(2).live.whole(), Some(".andon/outputs/n.txt"));
    let text: Vec<u8> = rig.doc().cells()[2].outputs().flat_map(|o| o.to_vec()).collect();
    assert!(String::from_utf8_lossy(&text).contains("MB left out here; the whole text is in .andon/outputs/n.txt]"));
    let trouble = whole(&mut rig, 1, Err(Error::io("The disk is full")));
    assert!(matches!(&trouble[..], [Effect::Notice(n)] if n.title.contains("The disk is full")), "{trouble:?}");
}

#[test]
fn a_run_in_whose_place_another_came_is_told_again_to_no_window() {
    let mut rig = Rig::new();
    let (doc, key) = (rig.id, rig.key(2));
    let run = |rig: &mut Rig, exec: u64| {
        rig.send(Command::Run(Scope::One(key)));
        let (number, at) = (rig.run(2).number, rig.clock.0);
        rig.event(Event::Started { doc, key, number, at, exec: Some(ExecId(exec)) });
        rig.code_done(2, true);
    };
    run(&mut rig, 70);
    run(&mut rig, 71);
    kernel_is(&mut rig, SessionState::Idle);
    let ended = tasks(&rig.send(Command::ShutdownKernel));
    let settled = |t: &Task| matches!(t, Task::Shutdown { done, .. } if done == &[ExecId(70), ExecId(71)]);
    assert!(ended.iter().any(settled), "{ended:?}");
    // What a kernel left that has ended is of an earlier session.
    rig.event(Event::Adopted { doc, past: past(9, "c3", true), present: false });
    ends(&mut rig, 9);
    assert_eq!(rig.state(4), CellState::Earlier);
}
