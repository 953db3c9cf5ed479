//! Choosing kernels, making environments, keeping servers.
use super::*;

#[test]
fn a_choice_is_kept_beside_the_workspace_and_not_in_the_file() {
    let mut rig = Rig::new();
    let before = rig.doc().notebook().unwrap().revision();
    let effects = rig.send(Command::Kernels(kernels::Command::Choose(Box::new(spec("a")))));
    let kept = about_kernels(&effects);
    assert!(matches!(&kept[..], [kernels::Task::Keep { path: Some(_), choice: Some(c) }] if c.id == "a"), "{kept:?}");
    assert_eq!(rig.doc().notebook().unwrap().revision(), before, "the file is not touched");
    assert!(kernels::choice_of(&rig.state, rig.doc()).is_some_and(|(c, own)| own && c.id == "a"));
    rig.send(Command::Kernels(kernels::Command::ForWorkspace));
    assert_eq!(rig.state.notebook.picker.choices.workspace.as_ref().unwrap().id, "a");
    rig.send(Command::Kernels(kernels::Command::Forget { workspace: false }));
    assert!(kernels::choice_of(&rig.state, rig.doc()).is_some_and(|(c, own)| !own && c.id == "a"), "the workspace's");
    rig.send(Command::Kernels(kernels::Command::Forget { workspace: true }));
    assert!(kernels::choice_of(&rig.state, rig.doc()).is_none());
    rig.send(Command::Kernels(kernels::Command::Choose(Box::new(spec("a")))));
    rig.send(Command::Kernels(kernels::Command::WriteIntoFile));
    assert_ne!(rig.doc().notebook().unwrap().revision(), before, "it is written on request");
}

#[test]
fn an_environment_that_fails_says_why_and_begins_again() {
    let mut rig = Rig::new();
    rig.send(make());
    let error = Error::remote("Could not install the packages").hint("Check the names");
    rig.event(Event::Kernels(Box::new(kernels::Event::Made(Err(error)))));
    assert!(!rig.state.notebook.making.as_ref().unwrap().runs(), "the error stays to be read");
    let again = about_kernels(&rig.send(Command::Kernels(kernels::Command::Again)));
    assert!(matches!(&again[..], [kernels::Task::Make { .. }]));
    let effects = rig.send(Command::Kernels(kernels::Command::Cancel));
    assert!(effects.iter().any(|e| matches!(e, Effect::Cancel(key) if key == kernels::ENVIRONMENT)));
    assert!(rig.state.notebook.making.is_none() && rig.state.shell.dialog.is_none());
    rig.event(Event::Kernels(Box::new(kernels::Event::Made(Err(Error::cancelled())))));
    assert!(rig.state.notebook.making.is_none());
}

#[test]
fn a_server_is_tried_kept_without_its_token_and_forgotten() {
    let mut rig = Rig::new();
    let secret = |t: &str| kernels::Secret(t.into());
    let kernels = |c| Command::Kernels(c);
    rig.send(kernels(kernels::Command::Test { address: "ftp://x".into(), token: secret("") }));
    assert!(matches!(&rig.state.notebook.picker.test, Some((_, news)) if matches!(news.result, Some(Err(_)))));
    let pasted = "http://127.0.0.1:8888/lab?token=hush";
    let tried = about_kernels(&rig.send(kernels(kernels::Command::Test { address: pasted.into(), token: secret("") })));
    assert!(
        matches!(&tried[..], [kernels::Task::Test { url, token }]
        if url == "http://127.0.0.1:8888/" && token.0 == "hush"),
        "{tried:?}"
    );
    assert!(!format!("{tried:?}").contains("hush"));
    let add = |shared| kernels::Command::Add { name: "lab".into(), address: pasted.into(), token: secret(""), shared };
    rig.send(kernels(add(false)));
    let own = toml::to_string(&rig.state.settings.values).unwrap();
    assert!(own.contains("[connections.lab]") && !own.contains("hush"), "{own}");
    rig.send(kernels(add(true)));
    assert_eq!(kernels::servers(&rig.state).len(), 2);
    rig.state.workspace.trusted = false;
    assert_eq!(kernels::servers(&rig.state).len(), 1, "a folder from elsewhere names no server that is asked");
    rig.state.workspace.trusted = true;
    for server in kernels::servers(&rig.state) {
        rig.send(kernels(kernels::Command::Remove(server)));
    }
    assert!(kernels::servers(&rig.state).is_empty());
}

#[test]
fn attaching_connects_at_once_and_leaves_the_other_kernel_of_a_server_running() {
    let mut rig = Rig::new();
    let listing = crate::model::jupyter::Listing { url: "http://h/".into(), ..Default::default() };
    let running = crate::model::jupyter::Running {
        id: "k".into(),
        name: "python3".into(),
        title: None,
        state: "idle".into(),
        last_activity: None,
        connections: 0,
    };
    let effects = rig.send(Command::Kernels(kernels::Command::Choose(Box::new(listing.attach(&running)))));
    let all = about_kernels(&effects);
    assert!(all.iter().any(|t| matches!(t, kernels::Task::Connect { .. })), "{all:?}");
    rig.event(Event::Kernel { doc: rig.id, spec: None, event: Some(SessionEvent::State(SessionState::Idle)) });
    let effects = rig.send(Command::Kernels(kernels::Command::Choose(Box::new(spec("local")))));
    assert!(about_kernels(&effects).iter().any(|t| matches!(t, kernels::Task::Switch { .. })));
    assert!(rig.doc().kernel.state.is_none());
}
