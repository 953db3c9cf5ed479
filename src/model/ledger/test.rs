use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn at(s: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + s).unwrap()
}

fn stamper(name: &str) -> Stamper {
    Stamper::new(WriterId(name.to_owned()), name.to_uppercase())
}

/// What a projection says, for comparing.
fn picture(p: &Projection) -> Vec<String> {
    p.docs()
        .flat_map(|d| {
            let head = format!("{} deleted={} revived={:?}", d.subject, d.is_deleted(), d.revived_from());
            std::iter::once(head).chain(d.slots().map(|(slot, r)| {
                let losers: Vec<_> = r.losers().map(|e| e.value.to_string()).collect();
                format!("  {slot:?} = {} also {losers:?}", r.value())
            }))
        })
        .collect()
}

#[test]
fn a_line_is_readable_and_comes_back_the_same() {
    let mut s = stamper("w1");
    let empty = Doc::default();
    let ops = [
        s.op(at(0), "card/a", Action::Create),
        s.op(at(0), "card/a", empty.set("title", None, json!("Überschrift \"x\""))),
        s.op(at(0), "card/a", empty.set("labels", Some("Feed"), json!(true))),
        s.op(at(1), "card/a", Action::Delete { seen: s.last }),
    ];
    for op in &ops {
        let line = op.to_line();
        assert!(!line.contains('\n'));
        assert_eq!(&Op::parse(&line).unwrap(), op);
    }
    let first = ops[0].to_line();
    assert!(
        first.contains("\"hlc\":\"2026-09-21T14:13:20.000Z/0000\"") && first.contains("\"op\":\"create\""),
        "{first}"
    );
}

#[test]
fn a_verb_of_a_later_version_is_counted_and_ignored() {
    let line = r#"{"id":"x","hlc":"2026-11-17T14:08:21.123Z/0003","writer":"w","subject":"card/a","op":"paint","colour":"red"}"#;
    let op = Op::parse(line).unwrap();
    let p = project([&op]);
    assert_eq!(p.unknown.get("paint"), Some(&1));
    assert!(p.doc("card/a").is_none());
    assert!(merge_text(line, "").starts_with(line), "what is not understood is written back untouched");
}

#[test]
fn of_two_values_set_apart_the_later_wins_and_the_other_is_kept() {
    let (mut a, mut b) = (stamper("a"), stamper("b"));
    let create = a.op(at(0), "card/x", Action::Create);
    let start = project([&create]);
    let doc = start.doc("card/x").unwrap();
    let one = a.op(at(1), "card/x", doc.set("title", None, json!("one")));
    let two = b.op(at(2), "card/x", doc.set("title", None, json!("two")));
    let mut p = project([&create, &two, &one]);
    let r = p.doc("card/x").unwrap().register("title", None).unwrap();
    assert_eq!(r.value(), "two");
    assert_eq!(
        r.losers().map(|e| (e.value.clone(), e.by.clone())).collect::<Vec<_>>(),
        [(json!("one"), "A".to_owned())]
    );
    let settle = p.doc("card/x").unwrap().settle("title", None).unwrap();
    let settled = a.op(at(3), "card/x", settle);
    assert!(p.apply(&settled) && !p.apply(&settled));
    assert_eq!(p.doc("card/x").unwrap().register("title", None).unwrap().losers().count(), 0);
}

#[test]
fn an_edit_made_with_knowledge_wins_over_a_clock_an_hour_ahead() {
    let (mut fast, mut right) = (stamper("fast"), stamper("right"));
    let create = fast.op(at(0), "card/x", Action::Create);
    let p = project([&create]);
    let wrong = fast.op(at(3600), "card/x", p.doc("card/x").unwrap().set("title", None, json!("wrong")));
    let p = project([&create, &wrong]);
    right.observe(p.latest(), at(5));
    let mended = right.op(at(6), "card/x", p.doc("card/x").unwrap().set("title", None, json!("right")));
    assert!(mended.hlc < wrong.hlc, "ten minutes is as far as a clock is followed");
    for order in [[&create, &wrong, &mended], [&mended, &wrong, &create]] {
        assert_eq!(project(order).doc("card/x").unwrap().text("title"), "right");
    }
    assert_eq!(p.ahead(at(6)).len(), 1);
    assert_eq!(p.ahead(at(3600)).len(), 0);
    let gone =
        right.op(at(7), "card/x", Action::Delete { seen: project([&create, &wrong]).doc("card/x").unwrap().last });
    assert!(project([&create, &wrong, &gone]).doc("card/x").unwrap().is_deleted());
}

#[test]
fn an_edit_after_a_delete_brings_the_subject_back_with_a_note() {
    let (mut a, mut b) = (stamper("a"), stamper("b"));
    let create = a.op(at(0), "card/x", Action::Create);
    let seen = create.hlc;
    let delete = a.op(at(5), "card/x", Action::Delete { seen });
    let edit = b.op(at(9), "card/x", Doc::default().set("title", None, json!("still here")));
    let doc = |ops: &[&Op]| project(ops.iter().copied()).doc("card/x").unwrap().clone();
    assert!(doc(&[&create, &delete]).is_deleted());
    let back = doc(&[&edit, &create, &delete]);
    assert!(!back.is_deleted());
    assert_eq!(back.revived_from(), Some("A"));
    let restore = a.op(at(6), "card/x", Action::Restore { seen: delete.hlc });
    assert_eq!(doc(&[&create, &delete, &restore]).revived_from(), None);
}

#[test]
fn damaged_lines_are_reported_and_survive_a_merge() {
    let mut s = stamper("w");
    let (one, two) = (s.op(at(0), "card/a", Action::Create), s.op(at(1), "card/b", Action::Create));
    let ours = format!("{}\n{{\"id\":\"torn", one.to_line());
    let theirs = format!("{}\n", two.to_line());
    let (ops, damage) = parse_log("log/2026-09/w.jsonl", &ours);
    assert_eq!((ops.len(), damage.len(), damage[0].line), (1, 1, 2));
    let merged = merge_text(&ours, &theirs);
    assert_eq!(merged, merge_text(&theirs, &ours));
    assert_eq!(merged, merge_text(&merged, &ours));
    assert_eq!(merged.lines().count(), 3);
    assert!(merged.ends_with("{\"id\":\"torn\n"));
}

#[test]
fn stamps_never_go_back_and_order_as_text() {
    let mut s = stamper("w");
    let stamps: Vec<Hlc> = [5, 5, 3, 9, 9].map(|t| s.tick(at(t))).into();
    assert!(stamps.is_sorted() && stamps.windows(2).all(|w| w[0] != w[1]));
    let text: Vec<String> = stamps.iter().map(Hlc::to_string).collect();
    assert!(text.is_sorted(), "{text:?}");
    assert!("yesterday".parse::<Hlc>().is_err());
}

/// A random edit: which clone, which card, which slot, what value, how wrong the clock is; or a sync of two clones.
#[derive(Debug, Clone)]
enum Step {
    Edit { clone: usize, card: usize, slot: usize, value: u8 },
    Delete { clone: usize, card: usize },
    Sync { from: usize, to: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let edit = (0..3usize, 0..3usize, 0..4usize, any::<u8>()).prop_map(|(clone, card, slot, value)| Step::Edit {
        clone,
        card,
        slot,
        value,
    });
    let delete = (0..3usize, 0..3usize).prop_map(|(clone, card)| Step::Delete { clone, card });
    let sync = (0..3usize, 0..3usize).prop_map(|(from, to)| Step::Sync { from, to });
    prop::collection::vec(prop_oneof![6 => edit, 1 => delete, 3 => sync], 1..60)
}

proptest! {
    #[test]
    fn clones_that_edit_apart_agree_after_syncing_and_lose_nothing(steps in steps()) {
        // The third clone's clock is an hour ahead.
        let skew = [0, -30, 3600];
        let mut clones: Vec<(Stamper, Vec<Op>)> =
            ["a", "b", "c"].map(|n| (stamper(n), Vec::new())).into_iter().collect();
        for (n, step) in steps.iter().enumerate() {
            match step {
                Step::Sync { from, to } => {
                    let theirs = clones[*from].1.clone();
                    let (s, ours) = &mut clones[*to];
                    for op in &theirs { s.observe(op.hlc, at(n as i64 + skew[*to])); }
                    *ours = merge(std::mem::take(ours), theirs);
                }
                Step::Edit { clone, card, .. } | Step::Delete { clone, card } => {
                    let (s, ops) = &mut clones[*clone];
                    let subject = format!("card/{card}");
                    let doc = project(ops.iter()).doc(&subject).cloned().unwrap_or_default();
                    let action = match step {
                        Step::Edit { slot: slot @ 0..2, value, .. } => doc.set(["title", "place"][*slot], None, json!(value)),
                        Step::Edit { slot, value, .. } => doc.set("labels", Some(["x", "y"][slot - 2]), json!(value % 2 == 0)),
                        _ => Action::Delete { seen: doc.last },
                    };
                    let op = s.op(at(n as i64 + skew[*clone]), subject.clone(), action.clone());
                    ops.push(op);
                    // What a person just did must be what that person sees.
                    let after = project(ops.iter());
                    let after = after.doc(&subject).unwrap();
                    match &action {
                        Action::Set { field, item, value, .. } =>
                            prop_assert_eq!(after.register(field, item.as_deref()).unwrap().value(), value),
                        _ => prop_assert!(after.is_deleted()),
                    }
                }
            }
        }
        let all = clones.iter().fold(Vec::new(), |all, (_, ops)| merge(all, ops.clone()));
        let edits = steps.iter().filter(|s| !matches!(s, Step::Sync { .. })).count();
        prop_assert_eq!(all.len(), edits, "every edit is in the union once");
        let mut back = all.clone();
        back.reverse();
        prop_assert_eq!(picture(&project(all.iter())), picture(&project(back.iter())));
        // A value nobody replaced is either the present one or listed as "also set to".
        let p = project(all.iter());
        for doc in p.docs() {
            for (_, r) in doc.slots() {
                prop_assert_eq!(r.tips().len(), r.tips.len());
                let shown = 1 + r.losers().count() + r.tips.iter().skip(1).filter(|t| t.value == *r.value()).count();
                prop_assert_eq!(shown, r.tips.len());
            }
        }
        // Text merge says the same.
        let text = |ops: &[Op]| ops.iter().map(|o| o.to_line() + "\n").collect::<String>();
        let by_text = merge_text(&text(&clones[0].1), &merge_text(&text(&clones[1].1), &text(&clones[2].1)));
        let (ops, damage) = parse_log("log", &by_text);
        prop_assert!(damage.is_empty());
        prop_assert_eq!(picture(&project(ops.iter())), picture(&p));
    }

    #[test]
    fn taking_an_action_back_restores_the_picture(values in prop::collection::vec((0..3usize, 0..5u8), 1..20)) {
        let mut s = stamper("w");
        let mut p = project([&s.op(at(0), "card/x", Action::Create)]);
        for (n, (slot, value)) in values.into_iter().enumerate() {
            let doc = p.doc("card/x").unwrap().clone();
            let before: Vec<_> = doc.slots().filter(|(_, r)| !r.value().is_null()).map(|(s, r)| (s.clone(), r.value().clone())).collect();
            let action = match slot {
                0 => doc.set("title", None, json!(value)),
                1 => doc.set("labels", Some("a"), if value == 0 { Value::Null } else { json!(true) }),
                _ => Action::Delete { seen: doc.last },
            };
            let inverse = doc.inverse(&action).unwrap();
            let op = s.op(at(n as i64), "card/x", action);
            p.apply(&op);
            if value > 2 { continue; }
            let again = p.doc("card/x").unwrap().clone();
            let inverse = again.rebase(inverse);
            let op = s.op(at(n as i64), "card/x", inverse);
            p.apply(&op);
            let doc = p.doc("card/x").unwrap();
            let after: Vec<_> = doc.slots().filter(|(_, r)| !r.value().is_null()).map(|(s, r)| (s.clone(), r.value().clone())).collect();
            if slot < 2 { prop_assert_eq!(before, after); }
        }
    }
}
