//! The numbers beside cells: each once in a session, rising, and the kernel's own where it can be told of the others.
use super::*;

fn ran(rig: &mut Rig, i: usize, kernels: u64) -> i64 {
    let (doc, key, number) = (rig.id, rig.key(i), rig.run(i).number);
    let bundle = Bundle { data: serde_json::from_str(r#"{"text/plain": "1"}"#).unwrap(), ..Bundle::default() };
    let result = ExecEvent::Result { bundle, execution_count: Some(kernels), display_id: None };
    rig.event(Event::Exec { doc, key, number, event: result });
    let outcome = Outcome::Ok { execution_count: Some(kernels) };
    rig.event(Event::Exec { doc, key, number, event: ExecEvent::Done { at: rig.clock.0, outcome: outcome.clone() } });
    rig.event(Event::Ended { doc, key, number, result: Ok(outcome), ms: 9 });
    let cell = &rig.doc().cells()[i];
    let stored = cell.outputs().map(|o| String::from_utf8_lossy(&o).into_owned()).collect::<String>();
    let count = cell.execution_count.unwrap();
    assert!(stored.replace(' ', "").contains(&format!("\"execution_count\":{count}")), "{stored}");
    count
}

fn asked(effects: &[Effect]) -> Option<u64> {
    let all = tasks(effects);
    let [Task::RunCode { wish, .. }, ..] = &all[..] else { panic!("{all:?}") };
    wish.count
}

#[test]
fn queries_and_cells_of_a_kernel_share_one_row_of_numbers() {
    let mut rig = Rig::new();
    let (sql, a, b) = (rig.key(1), rig.key(2), rig.key(4));
    assert_eq!(asked(&rig.send(Command::Run(Scope::One(a)))), None, "no query has run");
    assert_eq!(ran(&mut rig, 2, 1), 1);
    rig.send(Command::Run(Scope::One(sql)));
    rig.sql_ok(1);
    assert_eq!(rig.doc().cells()[1].execution_count, Some(2));
    // A kernel that takes the wish, then one that cannot.
    assert_eq!(asked(&rig.send(Command::Run(Scope::One(b)))), Some(3));
    assert_eq!(ran(&mut rig, 4, 3), 3);
    rig.send(Command::Run(Scope::One(sql)));
    rig.sql_ok(1);
    rig.send(Command::Run(Scope::One(a)));
    assert_eq!(ran(&mut rig, 2, 2), 5, "2 stands beside another cell");
    assert_eq!(asked(&rig.send(Command::Run(Scope::One(b)))), None);
    assert_eq!(ran(&mut rig, 4, 3), 6);
    // A new session counts anew, as in Jupyter.
    rig.send(Command::RestartNow { then_all: false });
    assert_eq!(asked(&rig.send(Command::Run(Scope::One(a)))), None);
    assert_eq!(ran(&mut rig, 2, 1), 1);
}
