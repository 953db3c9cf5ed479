//! Notebooks that are scripts.
use super::*;

const SCRIPT: &str = "# %% [markdown]\n# # Delays\n\n# %%\nlimit = 3\n\n# %%\nprint(limit)\n";

fn script(rig: &mut Rig, text: &str, hash: u64) {
    let script = crate::model::script::Script::read("b.py", text).unwrap();
    let content = Box::new(Content::Notebook(Box::new(script.notebook().unwrap())));
    let id = rig.state.notebook.active.unwrap();
    rig.event(Event::Loaded { doc: id, content, hash });
}

fn saved(effects: &[Effect]) -> String {
    let bytes = tasks(effects).iter().find_map(|t| match t {
        Task::Save { snapshot, .. } => Some(snapshot.to_bytes()),
        _ => None,
    });
    String::from_utf8(bytes.unwrap()).unwrap()
}

#[test]
fn a_script_is_edited_as_a_notebook_and_saved_as_a_script() {
    let mut rig = Rig::new();
    open_path(&mut rig.state, "b.py", &Cx { clock: &rig.clock });
    script(&mut rig, SCRIPT, 21);
    assert_eq!(rig.sources(), ["# Delays", "limit = 3", "print(limit)"]);
    rig.select(1);
    let key = rig.key(1);
    rig.send(Command::EditCell { key, acts: vec![Act::SetText("limit = 4".into())] });
    assert_eq!(saved(&rig.send(Command::Save)), SCRIPT.replace("limit = 3", "limit = 4"));
    // It is shown as text only when nothing would be lost by it.
    let id = rig.doc().id;
    rig.send(Command::AsText(id));
    assert!(!rig.doc().as_text);
}

#[test]
fn outputs_of_a_script_stay_when_another_program_writes_it() {
    let mut rig = Rig::new();
    open_path(&mut rig.state, "b.py", &Cx { clock: &rig.clock });
    script(&mut rig, SCRIPT, 21);
    let key = rig.key(2);
    let output = OutputJson(r#"{"name": "stdout", "output_type": "stream", "text": "3\n"}"#.into());
    let id = rig.doc().id;
    if let Some(Body::Notebook(nb)) = rig.state.notebook.by_id(id).map(|d| &mut d.body) {
        nb.set_outputs(key, &[output], Some(1)).unwrap();
    }
    script(&mut rig, &SCRIPT.replace("limit = 3", "limit = 5"), 22);
    let kept: Vec<bool> = rig.doc().cells().iter().map(|c| c.has_outputs()).collect();
    assert_eq!(kept, [false, false, true]);
}

#[test]
fn another_name_keeps_a_notebook_as_a_script() {
    let mut rig = Rig::new();
    let id = rig.id;
    let text = saved(&rig.send(Command::SaveAs { doc: id, path: "a.py".into() }));
    assert!(text.starts_with("# %%") && !text.contains("nbformat"), "{text}");
    rig.event(Event::Saved { doc: id, path: "a.py".into(), hash: 12, revision: rig.doc().revision() });
    let text = saved(&rig.send(Command::SaveAs { doc: id, path: "c.ipynb".into() }));
    assert!(text.starts_with('{'), "{text}");
}
