//! How tests are judged, as a person types it.
use super::{
    super::tested::{Command as Test, Judge},
    *,
};

fn judge(rig: &mut Rig, tolerance: &str, seconds: &str, masks: &str) -> Vec<Effect> {
    let (tolerance, seconds, masks) = (tolerance.into(), seconds.into(), masks.into());
    rig.send(Command::Test(Test::Judge(Judge { lax: true, tolerance, seconds, masks })));
    rig.send(Command::Test(Test::This))
}

#[test]
fn what_is_typed_goes_with_the_test_and_what_cannot_be_meant_starts_none() {
    let mut rig = Rig::new();
    for (tolerance, seconds, masks, why) in [
        ("x", "", "", "x is no number"),
        ("1.5", "", "", "The tolerance is a share"),
        ("", "0", "", "seconds above 0"),
        ("", "inf", "", "seconds above 0"),
        ("", "", "../outside.cfg", "leads out of the workspace"),
    ] {
        let effects = judge(&mut rig, tolerance, seconds, masks);
        assert!(matches!(&effects[..], [Effect::Notice(n)] if n.title.contains(why)), "{why}: {effects:?}");
        assert!(rig.doc().test.is_none());
    }
    let effects = judge(&mut rig, " 1e-3 ", "2.5", "./masks.cfg");
    let [Task::Test(tested::Task::This { how, number, .. })] = &tasks(&effects)[..] else { panic!("{effects:?}") };
    let told = format!("{how:?}");
    for part in ["lax: true", "tolerance: Some(0.001)", "timeout: Some(2.5s)", "masks: Some(\"masks.cfg\")"] {
        assert!(told.contains(part), "{told}");
    }
    // A file of masks that is not there ends the test with a sentence, not with one that runs for ever.
    let (doc, number) = (rig.id, *number);
    let effects = rig.event(Event::Test(tested::Event::Failed { doc, number, error: Error::io("No masks.cfg") }));
    assert!(
        matches!(&effects[..], [Effect::Notice(n)] if n.title.contains("No masks.cfg")) && rig.doc().test.is_none()
    );
    // Putting the list away keeps how tests are judged.
    rig.send(Command::Test(Test::Options(true)));
    rig.send(Command::Test(Test::CloseList));
    assert!(rig.state.notebook.tests.options && rig.state.notebook.tests.judge.lax);
}
