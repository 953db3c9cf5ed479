//! Large outputs of running cells: taken without a copy, written by a job, found while they come.
use std::time::{Duration, Instant};

use super::*;
use crate::{
    app::{Event as AnyEvent, env::NoWaker},
    base::job::JobCtx,
    model::{
        editor::find::Query,
        output::{Output, made_ready},
    },
};

impl Rig {
    /// Carries out the jobs that write and search outputs, and those that come of them; gives what else came of it.
    pub(super) fn carry_out(&mut self, effects: &[Effect]) -> Vec<Effect> {
        let mut others = Vec::new();
        for task in tasks(effects) {
            let (tx, rx) = crossbeam_channel::bounded(64);
            let out = crate::app::Out::new(tx, std::sync::Arc::new(NoWaker), 0);
            match task {
                Task::Store(task) => store::write(*task, &out),
                task @ Task::FindShown { .. } => find::task(task, &JobCtx::detached(), &out).unwrap(),
                _ => continue,
            }
            for envelope in rx.try_iter() {
                let AnyEvent::Notebook(event) = envelope.event else { panic!("of the notebook") };
                let effects = self.event(event);
                let more = self.carry_out(&effects);
                others.extend(effects);
                others.extend(more);
            }
        }
        others
    }

    fn prints(&mut self, i: usize, text: &str) -> Vec<Effect> {
        let (doc, key, number) = (self.id, self.key(i), self.run(i).number);
        self.event(Event::Exec { doc, key, number, event: ExecEvent::Stream { stderr: false, text: text.into() } })
    }
}

#[test]
fn a_large_output_is_written_by_a_job_and_the_run_ends_with_it() {
    let mut rig = Rig::new();
    let (key, next) = (rig.key(2), rig.key(4));
    rig.send(Command::Run(Scope::One(key)));
    rig.send(Command::Run(Scope::One(next)));
    rig.prints(2, &"line\n".repeat(400_000));
    let effects = rig.code_done(2, true);
    assert!(matches!(&tasks(&effects)[..], [.., Task::Store(_)]), "{effects:?}");
    assert!(rig.run(2).ms.is_none() && rig.state(4) == CellState::Queued, "it goes on until all is in the cell");
    // Somebody writes in the cell meanwhile: neither is lost.
    rig.send(Command::EditCell { key, acts: vec![Act::SetText("x = 2".into())] });
    rig.carry_out(&effects);
    let cell = rig.doc().cells()[2].clone();
    assert_eq!((&*cell.source, cell.outputs().len(), cell.execution_count), ("x = 2", 1, Some(1)));
    let text: serde_json::Value = serde_json::from_str(cell.outputs().next().unwrap().text()).unwrap();
    assert_eq!(text["text"].as_array().unwrap().len(), 400_000);
    assert!(rig.run(2).ms.is_some() && !rig.run(2).storing && rig.state(4) == CellState::Running, "the next one runs");
    // What is kept of it is the cell's own.
    assert_eq!(rig.run(2).live.to_nbformat().len(), 1);
    let late = rig.run(2).number + 7;
    let gone = Event::Exec { doc: rig.id, key, number: late, event: ExecEvent::Clear { wait: false } };
    assert!(rig.event(gone).is_empty());
}

/// A PNG whose file has this many bytes, in base64.
fn png(bytes: usize) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let mut file = Vec::new();
    let picture = image::RgbaImage::from_pixel(30, 20, image::Rgba([1, 2, 3, 255]));
    picture.write_to(&mut std::io::Cursor::new(&mut file), image::ImageFormat::Png).unwrap();
    file.resize(file.len().div_ceil(3) * 3, 0);
    let mut base64 = STANDARD.encode(&file);
    base64.push_str(&"Wlpa".repeat((bytes - file.len()) / 3));
    base64
}

#[test]
fn a_picture_of_200_mb_is_taken_without_a_copy_and_stored_whole() {
    /// Unoptimised, beside other tests; one copy of such a text takes as long.
    const AT_ONCE: Duration = Duration::from_millis(60);
    let data = png(200_000_000);
    let length = data.len();
    let mut rig = Rig::new();
    let (id, key) = (rig.id, rig.key(2));
    rig.send(Command::Run(Scope::One(key)));
    let number = rig.run(2).number;
    let mut bundle = Bundle::default();
    bundle.data.insert("image/png".into(), data.into());
    bundle.data.insert("text/plain".into(), "<Figure>".into());
    // On the kernel's thread.
    let event = made_ready(ExecEvent::Display { bundle, display_id: None });
    let mut longest = Duration::ZERO;
    let mut window = |rig: &mut Rig, event: Event| {
        let begun = Instant::now();
        let effects = rig.event(event);
        longest = longest.max(begun.elapsed());
        effects
    };
    window(&mut rig, Event::Exec { doc: id, key, number, event });
    let [Output::Later(later)] = rig.run(2).live.views() else { panic!("{:?}", rig.run(2).live) };
    let later = later.clone();
    let outcome = Outcome::Ok { execution_count: Some(1) };
    let done = ExecEvent::Done { at: rig.clock.0, outcome: outcome.clone() };
    window(&mut rig, Event::Exec { doc: id, key, number, event: done });
    let effects = window(&mut rig, Event::Ended { doc: id, key, number, result: Ok(outcome), ms: 9 });
    let Some(Task::Store(task)) = tasks(&effects).pop() else { panic!("{effects:?}") };
    let (tx, rx) = crossbeam_channel::bounded(64);
    store::write(*task, &crate::app::Out::new(tx, std::sync::Arc::new(NoWaker), 0));
    let AnyEvent::Notebook(event) = rx.recv().unwrap().event else { panic!("of the notebook") };
    drop(effects);
    window(&mut rig, event);
    assert!(longest < AT_ONCE, "the window waited for {longest:?}");
    assert!(rig.run(2).ms.is_some());
    let raw = rig.doc().cells()[2].outputs().next().unwrap();
    let at = memchr::memmem::find(&raw, b"\"image/png\": \"").unwrap() + 14;
    assert_eq!(memchr::memchr(b'"', &raw[at..]), Some(length), "nothing is lost");
    assert!(raw[at..at + length].ends_with(b"WlpaWlpa") && raw[at..].starts_with(b"iVBORw0KGgo"));
    // What reads it, on a thread of its own, says that it is too large to be drawn; it can be saved.
    let Output::Image(image) = later.read() else { panic!("a picture") };
    let error = image.decode().unwrap_err();
    assert!(error.what.contains("too large to be drawn (200 MB)"), "{error}");
    assert!(error.hint.unwrap().contains("Save it"));
    assert_eq!((image.pixels, image.file().1.len()), (Some((30, 20)), length));
}

#[test]
fn what_a_running_cell_shows_is_found_as_it_comes() {
    let mut rig = Rig::new();
    let key = rig.key(2);
    rig.send(Command::Find { replacing: false });
    let query = Query { text: "needle".into(), ..Query::default() };
    let by = String::new();
    let effects = rig.send(Command::LookFor { query: query.clone(), by: by.clone(), all: true, outputs: true });
    rig.carry_out(&effects);
    let found = |rig: &Rig| {
        let find = rig.doc().find.as_ref().unwrap();
        let of = |f: &find::Found| (f.key, f.output.as_ref().map(|o| (o.output, o.number, o.line)));
        find.finds.iter().map(of).collect::<Vec<_>>()
    };
    assert!(found(&rig).is_empty());
    let effects = rig.send(Command::Run(Scope::One(key)));
    rig.carry_out(&effects);
    let effects = rig.prints(2, "one\na needle\n");
    // More comes while that is being searched: looked through when the search has ended.
    assert!(!tasks(&rig.prints(2, "")).iter().any(|t| matches!(t, Task::FindShown { .. })), "one after the other");
    rig.prints(2, "two needles\n");
    rig.carry_out(&effects);
    assert_eq!(found(&rig), [(key, Some((0, 1, Some(1)))), (key, Some((0, 2, Some(2))))]);
    // Lines that are not drawn are found, too.
    let effects = rig.prints(2, &"x\n".repeat(2_000));
    rig.carry_out(&effects);
    let effects = rig.prints(2, &format!("needle\n{}needle at the end\n", "y\n".repeat(70_000)));
    rig.carry_out(&effects);
    let lines = rig.run(2).live.views()[0].to_text().lines().count();
    let all = found(&rig);
    assert_eq!(all.len(), 4);
    assert_eq!(all[2].1, Some((0, 2_003, None)), "left out of what is drawn");
    assert!(
        lines < 60_000
            && all[3].1.is_some_and(|(_, number, line)| number == 72_004 && line.is_some_and(|l| l < 56_000))
    );
    // When it has ended, what is stored is searched in its place.
    let effects = rig.code_done(2, true);
    rig.carry_out(&effects);
    assert_eq!(found(&rig).len(), 4, "and old outputs are gone");
}
