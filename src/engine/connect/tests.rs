//! Once and only once, against a connector whose line is cut at any point; the real systems are in tests/slow.
use std::sync::{
    Mutex,
    atomic::{AtomicU32, Ordering},
};

use serde_json::json;

use super::*;
use crate::{
    engine::store::Store,
    model::{
        connect::Environment,
        run::{RunState, tests::run as sample},
    },
};

/// Counts what was carried out. `cut` says at which calls the line is cut: before or after it was carried out.
struct Fake {
    to: Connection,
    done: AtomicU32,
    calls: AtomicU32,
    cut: Vec<Cut>,
    lost_looks: AtomicU32,
    run: Mutex<Run>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Cut {
    Before,
    After,
    None,
    Refuse,
}

fn connection() -> Connection {
    Connection { environment: Environment::Test, ..Connection::new("fake", System::Airflow, "http://h").unwrap() }
}

fn fake(cut: Vec<Cut>) -> Fake {
    use crate::model::run::TaskState::Success;
    let mut run = sample([Success; 4]);
    let to = connection();
    (run.connection, run.remote_id) = (to.name.clone(), Some("r1".to_owned()));
    run.id = to.run_id(&run.pipeline, "r1");
    run.state = RunState::Failed;
    Fake {
        to,
        done: AtomicU32::new(0),
        calls: AtomicU32::new(0),
        cut,
        lost_looks: AtomicU32::new(0),
        run: Mutex::new(run),
    }
}

impl Connector for Fake {
    fn to(&self) -> &Connection {
        &self.to
    }
    fn capabilities(&self) -> Capabilities {
        if self.to.read_only { Capabilities::all().reading("read only") } else { Capabilities::all() }
    }
    fn version(&self, _: &JobCtx) -> Result<String> {
        Ok("1".to_owned())
    }
    fn probe(&self, _: &JobCtx) -> Result<Probe> {
        Err(Error::bug("not asked"))
    }
    fn pipelines(&self, _: &JobCtx) -> Result<Vec<RemotePipeline>> {
        Ok(Vec::new())
    }
    fn params(&self, _: &str, _: &JobCtx) -> Result<Vec<Param>> {
        Ok(Vec::new())
    }
    fn runs(&self, _: Option<Timestamp>, _: usize, _: &JobCtx) -> Result<Vec<Seen>> {
        let run = self.run.lock().unwrap().clone();
        Ok(vec![Seen { tasks: None, updated: None, cancelled_is_failed: false, run }])
    }
    fn run(&self, _: &str, _: &str, _: &JobCtx) -> Result<Option<Seen>> {
        let run = self.run.lock().unwrap().clone();
        Ok(Some(Seen { tasks: Some(run.tasks.clone()), updated: None, cancelled_is_failed: false, run }))
    }
    fn tasks(&self, seen: &mut [Seen], _: &HashMap<RunId, Run>, _: &JobCtx) -> Result<()> {
        for one in seen {
            one.tasks = Some(one.run.tasks.clone());
        }
        Ok(())
    }
    fn log(&self, _: &Run, _: &str, _: u32, _: Option<&str>, _: &JobCtx) -> Result<LogPage> {
        Ok(LogPage::default())
    }
    fn metrics(&self, _: &Run, _: &JobCtx) -> Result<Vec<MetricPoint>> {
        Ok(Vec::new())
    }
    fn preview(&self, _: &Run, _: &Scope, _: &JobCtx) -> Result<Preview> {
        Err(Error::bug("not asked"))
    }
    fn check(&self, _: &Ask, _: &JobCtx) -> Result<()> {
        Ok(())
    }
    fn mark(&self, _: &Ask, _: &JobCtx) -> Result<Mark> {
        Ok(json!({ "done": self.done.load(Ordering::SeqCst) }))
    }
    fn act(&self, _: &Ask, _: &str, _: &JobCtx) -> Result<Sent, Fault> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) as usize;
        let cut = self.cut.get(call).copied().unwrap_or(Cut::None);
        if cut == Cut::Refuse {
            return Err(Fault::NotSent(Error::user("refused")));
        }
        if cut != Cut::Before {
            self.done.fetch_add(1, Ordering::SeqCst);
        }
        if cut != Cut::None {
            return Err(Fault::Unknown(Error::remote("cut")));
        }
        Ok(Sent { pipeline: "p".into(), remote_id: "r1".into() })
    }
    fn find(&self, _: &Ask, _: &str, before: &Mark, _: &JobCtx) -> Result<Option<Sent>> {
        let lost = |n: u32| n.checked_sub(1);
        if self.lost_looks.fetch_update(Ordering::SeqCst, Ordering::SeqCst, lost).is_ok() {
            return Err(Error::remote("cut"));
        }
        let now = json!({ "done": self.done.load(Ordering::SeqCst) });
        Ok((now != *before).then(|| Sent { pipeline: "p".into(), remote_id: "r1".into() }))
    }
}

struct Bench {
    _dir: tempfile::TempDir,
    store: Store,
    ask: Ask,
}

fn bench(fake: &Fake) -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let run = fake.run.lock().unwrap().clone();
    let ask = Ask::Rerun { run: Box::new(run), scope: Scope::Failed, note: None };
    Bench { _dir: dir, store, ask }
}

fn ask(fake: &Fake, bench: &Bench, key: &str) -> Result<Outcome> {
    send(fake, &bench.store, &bench.ask, key, &JobCtx::detached())
}

#[test]
fn a_cut_line_never_carries_out_twice_and_never_not_at_all() {
    for cut in [vec![Cut::Before], vec![Cut::After], vec![Cut::Before, Cut::After], vec![Cut::Before, Cut::Before]] {
        let fake = fake(cut.clone());
        let bench = bench(&fake);
        let outcome = ask(&fake, &bench, "k").unwrap();
        assert!(matches!(outcome, Outcome::Done(_)), "{cut:?}");
        assert_eq!(fake.done.load(Ordering::SeqCst), 1, "{cut:?}");
    }
}

#[test]
fn a_second_request_of_the_same_key_carries_out_nothing() {
    let fake = fake(Vec::new());
    let bench = bench(&fake);
    assert!(matches!(ask(&fake, &bench, "k").unwrap(), Outcome::Done(_)));
    assert!(matches!(ask(&fake, &bench, "k").unwrap(), Outcome::Already(_)));
    assert_eq!(fake.done.load(Ordering::SeqCst), 1);
    assert!(matches!(ask(&fake, &bench, "other").unwrap(), Outcome::Done(_)));
    assert_eq!(fake.done.load(Ordering::SeqCst), 2);
}

#[test]
fn what_was_refused_can_be_asked_again() {
    let fake = fake(vec![Cut::Refuse]);
    let bench = bench(&fake);
    assert_eq!(ask(&fake, &bench, "k").unwrap_err().what, "refused");
    assert!(matches!(ask(&fake, &bench, "k").unwrap(), Outcome::Done(_)));
}

#[test]
fn what_is_not_known_is_looked_at_first_when_it_is_asked_again() {
    let fake = fake(vec![Cut::After]);
    let bench = bench(&fake);
    // The line stays down: nobody can say what became of it.
    fake.lost_looks.store(100, Ordering::SeqCst);
    let error = ask(&fake, &bench, "k").unwrap_err();
    assert_eq!(error.what, "It is not known whether fake did this");
    fake.lost_looks.store(0, Ordering::SeqCst);
    assert!(matches!(ask(&fake, &bench, "k").unwrap(), Outcome::Already(_)));
    assert_eq!(fake.done.load(Ordering::SeqCst), 1);
}

#[test]
fn a_sender_that_died_is_found_out_about() {
    let fake = fake(Vec::new());
    let bench = bench(&fake);
    let old = Timestamp::now() - jiff::SignedDuration::from_secs(600);
    let intent = crate::engine::store::Intent {
        key: "k".into(),
        connection: "fake".into(),
        run: None,
        before: json!({ "done": 0 }),
        state: crate::engine::store::IntentState::Open,
        at: crate::engine::store::rounded(old),
        result: None,
    };
    bench.store.intend(&intent).unwrap();
    // It died before it sent anything.
    assert!(matches!(ask(&fake, &bench, "k").unwrap(), Outcome::Done(_)));
    // It died after the system had done it.
    bench.store.intend(&crate::engine::store::Intent { key: "l".into(), ..intent.clone() }).unwrap();
    assert!(matches!(ask(&fake, &bench, "l").unwrap(), Outcome::Already(_)));
    assert_eq!(fake.done.load(Ordering::SeqCst), 1);
    // It lives: nobody gets in between.
    let young = crate::engine::store::rounded(Timestamp::now());
    bench.store.intend(&crate::engine::store::Intent { key: "m".into(), at: young, ..intent }).unwrap();
    assert_eq!(ask(&fake, &bench, "m").unwrap_err().what, "This is being asked already");
}

#[test]
fn read_only_connections_are_sent_nothing() {
    let mut fake = fake(Vec::new());
    fake.to.read_only = true;
    let bench = bench(&fake);
    assert!(ask(&fake, &bench, "k").unwrap_err().to_string().contains("read only"));
    assert_eq!(fake.calls.load(Ordering::SeqCst), 0);
}

#[test]
fn a_look_keeps_what_was_seen_and_how_the_connection_is() {
    let fake = fake(Vec::new());
    let bench = bench(&fake);
    let cx = JobCtx::detached();
    let first = refresh(&fake, &bench.store, &cx).unwrap();
    assert_eq!(first.changed.len(), 1);
    assert_eq!(first.changed[0].number, 1);
    assert!(refresh(&fake, &bench.store, &cx).unwrap().changed.is_empty(), "the same answer changes nothing");
    let health = bench.store.health("fake").unwrap();
    assert!(health.answered_at.is_some() && health.failing.is_none() && health.cursor.is_some());
    assert_eq!(bench.store.runs(&crate::engine::store::RunQuery::default()).unwrap().len(), 1);
}
