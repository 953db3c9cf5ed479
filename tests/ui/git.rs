//! The list of branches and the questions of version actions, drawn without a display.
use andon::{
    app::{
        AppState, Command,
        git::work::{self, Ask, Question, Secret, Work},
        shell::{self, Dialog},
    },
    base::Error,
    model::git::{Deleted, FileState, Head, MergePlan, RefInfo, RefKind, Stash, SwitchPlan, Target},
};
use egui::{Key, Modifiers, accesskit::Role};
use egui_kittest::{Harness, kittest::Queryable};

use crate::support::{Stage, morning, stage};

fn branch(name: &str, kind: RefKind, current: bool) -> RefInfo {
    RefInfo {
        name: name.into(),
        kind,
        current,
        commit: "1".repeat(40),
        at: morning(),
        summary: format!("Last of {name}"),
        ahead_behind: (kind == RefKind::Branch && current).then_some((2, 1)),
        upstream: (kind == RefKind::Branch && current).then(|| "origin/main".into()),
        author: "Mara Okafor".into(),
    }
}

fn stash() -> Stash {
    Stash {
        index: 0,
        id: "2".repeat(40),
        message: "half done".into(),
        branch: Some("main".into()),
        base: "1".repeat(40),
        untracked: true,
        at: morning(),
        files: 3,
    }
}

fn open() -> AppState {
    let mut state = AppState::default();
    state.workspace.root = Some("/w/demo".into());
    state.workspace.name = "demo".into();
    state.workspace.trusted = true;
    state.workspace.is_repo = true;
    state.git.loaded = true;
    state.git.status.head = Head::Branch { branch: "main".into(), commit: "1".repeat(40) };
    state.git.status.upstream = Some("origin/main".into());
    state.git.status.ahead_behind = Some((2, 1));
    state.git.refs = vec![
        branch("main", RefKind::Branch, true),
        branch("fix/units", RefKind::Branch, false),
        branch("origin/topic", RefKind::Remote, false),
        branch("v1.0", RefKind::Tag, false),
    ];
    state.git.work.remotes = vec!["origin".into()];
    state.git.work.stashes = vec![stash()];
    state
}

fn asking(ask: Ask) -> Harness<'static, Stage> {
    let mut state = open();
    state.shell.dialog = Some(Dialog::Git(Box::new(ask)));
    let mut h = stage(state);
    h.run_steps(4);
    h
}

fn sent(h: &Harness<'_, Stage>, command: impl Into<Command>) -> bool {
    let command = command.into();
    h.state().sent.contains(&command)
}

#[test]
fn the_branch_button_opens_the_list_and_keys_walk_and_switch() {
    let mut h = stage(open());
    h.get_by_role_and_label(Role::Button, "Branches").click();
    h.run_steps(4);
    assert!(sent(&h, work::Command::Ask(Ask::Branches)));
    h.get_by_role_and_label(Role::ListItem, "main, current");
    assert!(h.query_by_label("v1.0").is_none(), "tags are found by name");
    h.key_press(Key::ArrowDown);
    h.run_steps(2);
    h.key_press(Key::Enter);
    h.run_steps(2);
    assert!(sent(&h, Work::PlanSwitch(Target::Branch("fix/units".into()))));
    for (key, work) in [(Key::M, Work::PlanMerge("fix/units".into())), (Key::D, Work::PlanDelete("fix/units".into()))] {
        h.key_press_modifiers(Modifiers::ALT, key);
        h.run_steps(2);
        assert!(sent(&h, work));
    }
    h.key_press(Key::Escape);
    h.run_steps(2);
    assert_eq!(h.state().state.shell.dialog, None);
}

#[test]
fn typing_finds_branches_and_tags_and_offers_to_make_a_new_one() {
    let mut h = asking(Ask::Branches);
    h.get_by_label("Find a branch, or type the name of a new one").type_text("v1");
    h.run_steps(3);
    h.get_by_role_and_label(Role::ListItem, "v1.0");
    assert!(h.query_by_label("fix/units").is_none());
    h.key_press(Key::ArrowDown);
    h.run_steps(2);
    h.key_press(Key::Enter);
    h.run_steps(3);
    assert!(sent(&h, work::Command::Ask(Ask::Create { from: String::new(), name: "v1".into() })));
    // The name is taken over, and Enter makes it.
    h.key_press(Key::Enter);
    h.run_steps(2);
    assert!(sent(&h, Work::Create { name: "v1".into(), from: String::new(), switch: true }));
}

#[test]
fn fetch_pull_and_push_stand_above_the_list_and_in_the_keys() {
    let mut h = asking(Ask::Branches);
    h.get_by_label("Push 2").click();
    h.run_steps(2);
    assert!(sent(&h, Work::Push));
    assert!(h.state().state.git.work.busy.is_some(), "a second click starts nothing");
    h.get_by_label("Stop").click();
    h.run_steps(2);
    assert!(sent(&h, shell::Command::CancelJob("git.work".into())));
    let mut h = stage(open());
    h.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::L);
    h.run_steps(2);
    assert!(sent(&h, Work::Pull));
}

#[test]
fn stashes_are_shown_taken_out_and_dropped() {
    let mut h = asking(Ask::Branches);
    h.get_by_label("Stashes (1)").click();
    h.run_steps(3);
    h.get_by_role_and_label(Role::ListItem, "half done");
    h.key_press_modifiers(Modifiers::ALT, Key::D);
    h.run_steps(2);
    assert!(sent(&h, Work::Drop(stash())));
    h.state_mut().state.git.work.busy = None;
    h.key_press(Key::Enter);
    h.run_steps(2);
    assert!(sent(&h, work::Command::ShowStash(Box::new(stash()))));
}

#[test]
fn switching_with_files_in_the_way_offers_to_stash_them() {
    let plan = SwitchPlan {
        to: Target::Branch("fix/units".into()),
        dirty: vec!["a.ipynb".into()],
        blocked: vec!["a.ipynb".into()],
        covered: Vec::new(),
        differ: vec!["a.ipynb".into()],
        orphans: 0,
    };
    let h = asking(Ask::Switch(plan.clone()));
    h.get_by_label_contains("would have to be written over");
    assert!(h.query_by_label("Switch and take them along").is_none());
    let mut h = asking(Ask::Switch(SwitchPlan { blocked: Vec::new(), ..plan }));
    h.get_by_label("Switch and take them along");
    h.get_by_label("Stash and switch").click();
    h.run_steps(2);
    let to = Target::Branch("fix/units".into());
    assert!(sent(&h, Work::Switch { to, stash: Some(false), take: None }));
}

#[test]
fn questions_say_what_will_happen_and_do_it_on_enter() {
    let deleted = Deleted {
        name: "fix".into(),
        commit: "3".repeat(40),
        upstream: None,
        only_here: vec!["Mend the units".into()],
        only_here_count: 1,
    };
    let plan = MergePlan { from: "fix".into(), into: "main".into(), commits: 2, files: 3, fast_forward: true };
    let cases: [(Ask, &str, Work); 4] = [
        (Ask::Delete(deleted.clone()), "Mend the units", Work::Delete(deleted)),
        (Ask::Merge(plan), "simply move forward", Work::Merge { from: "fix".into(), commit: false }),
        (
            Ask::Diverged { upstream: "origin/main".into(), ahead: 1, behind: 2 },
            "1 commit here, 2 commits there",
            Work::Merge { from: "origin/main".into(), commit: false },
        ),
        (Ask::Discard(vec!["a".into(), "b".into()]), "30 days", Work::Discard(vec!["a".into(), "b".into()])),
    ];
    for (ask, words, work) in cases {
        let mut h = asking(ask);
        h.get_by_label_contains(words);
        h.key_press(Key::Enter);
        h.run_steps(2);
        assert!(sent(&h, work.clone()), "{work:?}");
    }
}

#[test]
fn a_stash_takes_new_files_when_asked_and_a_failure_stands_in_the_dialog() {
    let file = |path: &str, untracked| FileState {
        path: path.into(),
        old_path: None,
        staged: None,
        changed: None,
        untracked,
        conflicted: false,
    };
    let mut state = open();
    state.git.status.files = vec![file("a.ipynb", false), file("new.csv", true)];
    state.shell.dialog = Some(Dialog::Git(Box::new(Ask::Stash)));
    state.git.work.error = Some(Error::user("Could not stash the changes").hint("Try again"));
    let mut h = stage(state);
    h.run_steps(4);
    h.get_by_label("Could not stash the changes");
    h.get_by_label("Stash 1 file");
    h.get_by_label("With 1 new file").click();
    h.run_steps(3);
    h.get_by_label("What the changes are").click();
    h.run_steps(2);
    h.get_by_label("What the changes are").type_text("half done");
    h.run_steps(2);
    h.get_by_label("Stash 2 files").click();
    h.run_steps(2);
    assert!(sent(&h, Work::Stash { message: "half done".into(), untracked: true }), "{:?}", h.state().sent);
}

#[test]
fn the_folder_of_a_clone_follows_the_address() {
    let mut h = stage(AppState::default());
    h.get_by_label("Clone\u{2026}").click();
    h.run_steps(4);
    h.get_by_label("Address of the repository").type_text("git@example.org:team/flights.git");
    h.run_steps(3);
    h.key_press(Key::Enter);
    h.run_steps(2);
    let folder = h.state().sent.iter().find_map(|c| match c {
        Command::Git(andon::app::git::Command::Work(work::Command::Do(Work::Clone { folder, .. }))) => {
            Some(folder.clone())
        }
        _ => None,
    });
    assert!(folder.unwrap().ends_with("flights"));
}

#[test]
fn a_password_is_not_shown_and_closing_gives_no_answer() {
    let question = Question { id: 7, prompt: "Password for 'https://example.org':".into(), secret: true };
    let mut h = asking(Ask::Question(question.clone()));
    h.get_by_label_contains("Password for");
    h.get_by_label("Your answer").type_text("s3cret");
    h.run_steps(2);
    assert!(h.query_by_value("s3cret").is_none(), "the tree given to assistive technology does not tell it");
    h.key_press(Key::Enter);
    h.run_steps(2);
    let answer = work::Command::Answer { id: 7, answer: Some(Secret("s3cret".into())) };
    assert!(sent(&h, answer.clone()));
    assert!(!format!("{answer:?}").contains("s3cret"));
    let mut h = asking(Ask::Question(question));
    h.key_press(Key::Escape);
    h.run_steps(2);
    assert!(h.state().effects.iter().any(|e| format!("{e:?}").contains("answer: None")), "{:?}", h.state().effects);
}
