use std::time::Duration;

use super::{task::*, *};
use crate::{
    app::{Task as AnyTask, dispatch::dispatch, env::NoWaker, git, host::Host, shell::Dialog, workspace},
    base::{
        job::JobCtx,
        time::{FixedClock, SystemClock},
    },
    engine::{
        dirs::Dirs,
        git::{
            Repo,
            testing::{fresh as fresh_repo, git, save},
        },
    },
    model::diff::compare_files,
};

fn cx() -> FixedClock {
    FixedClock(jiff::Timestamp::from_second(1_800_000_000).unwrap())
}

fn send(state: &mut AppState, command: impl Into<crate::app::Command>) -> Vec<Effect> {
    dispatch(state, command.into(), &Cx { clock: &cx() })
}

fn notebook(sources: &[&str]) -> Vec<u8> {
    let cells: Vec<_> = sources
        .iter()
        .map(|s| serde_json::json!({"cell_type": "code", "source": s, "metadata": {}, "outputs": [], "execution_count": 1}))
        .collect();
    serde_json::json!({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}).to_string().into_bytes()
}

fn changed(path: &str) -> ChangedFile {
    ChangedFile { path: path.into(), old_path: None, change: crate::model::git::Change::Modified, untracked: false }
}

fn loaded() -> AppState {
    let mut state = AppState::default();
    state.workspace.root = Some("/w".into());
    state.workspace.trusted = true;
    let files = ChangedFiles { files: vec![changed("a.ipynb"), changed("b.txt")], more: 0 };
    let (base, compare) = (Rev::head(), Rev::WorkingTree);
    let listed = Listed { files, commits: Vec::new(), parted: None, both: false };
    send(&mut state, Command::Visit);
    event(&mut state, Event::Files { base, compare, result: Box::new(Ok(listed)) }, &Cx { clock: &cx() });
    let old = notebook(&["import polars", "delay = day.mean()", "print(delay)", "total = 1 + 2 + 3"]);
    let new = notebook(&["import polars", "delay = day.median()", "print(delay)", "total = 1 + 2 + 4"]);
    arrive(&mut state, "a.ipynb", old, new);
    state
}

fn arrive(state: &mut AppState, path: &str, old: Vec<u8>, new: Vec<u8>) {
    let mark = mark(Some(&old), Some(&new));
    let result = Ok(fresh(compare_files(path, Some(old.into()), Some(new.into())), mark));
    let (base, compare) = (state.review.base.clone(), state.review.compare.clone());
    event(
        state,
        Event::Diff { path: path.into(), base, compare, turn: state.review.turn, result: Box::new(result) },
        &Cx { clock: &cx() },
    );
}

#[test]
fn the_first_visit_loads_the_list_and_a_notebook_comes_to_the_front() {
    let mut state = AppState::default();
    assert!(send(&mut state, Command::Visit).is_empty(), "no folder, nothing to load");
    let state = loaded();
    assert_eq!(state.review.path.as_deref(), Some("a.ipynb"));
    assert_eq!(state.review.changes(), [1, 3]);
    let counts = state.review.counts["a.ipynb"];
    assert_eq!((counts.added, counts.removed, counts.quiet), (2, 2, false));
}

#[test]
fn a_file_that_is_asked_for_is_compared_at_once_and_once() {
    let mut state = loaded();
    let keys = |effects: &[Effect]| -> Vec<String> {
        effects.iter().filter_map(|e| if let Effect::Start(job) = e { Some(job.key.clone()) } else { None }).collect()
    };
    let files = ChangedFiles { files: vec![changed("a.ipynb"), changed("b.txt")], ..Default::default() };
    let listed = |state: &mut AppState| {
        let listed = Listed { files: files.clone(), commits: Vec::new(), parted: None, both: false };
        let (base, compare) = (state.review.base.clone(), state.review.compare.clone());
        event(state, Event::Files { base, compare, result: Box::new(Ok(listed)) }, &Cx { clock: &cx() })
    };
    let path = Some("b.txt".to_owned());
    let shown = send(&mut state, Command::Show { base: Rev::Empty, compare: Rev::WorkingTree, path: path.clone() });
    assert!(keys(&shown).contains(&"review.diff".to_owned()) && !keys(&shown).contains(&"review.files".to_owned()));
    assert_eq!(keys(&listed(&mut state)), ["review.counts"]);
    send(&mut state, Command::Refresh);
    assert!(keys(&listed(&mut state)).contains(&"review.diff".to_owned()));
    // Where both sides parted is known with the list only.
    let two = Command::Show { base: Rev::At("a".into()), compare: Rev::At("b".into()), path };
    assert!(!keys(&send(&mut state, two)).contains(&"review.diff".to_owned()));
    // Left before it was compared, a file is counted like the others.
    let left = send(&mut state, Command::Select("a.ipynb".into()));
    assert!(!keys(&left).contains(&"review.counts.left".to_owned()), "the list is not there yet");
    listed(&mut state);
    assert!(keys(&send(&mut state, Command::Select("b.txt".into()))).contains(&"review.counts.left".to_owned()));
}

#[test]
fn next_goes_through_the_changes_and_then_to_the_next_file_and_back() {
    let mut state = loaded();
    send(&mut state, Command::Next);
    assert_eq!((state.review.focus, state.review.focused_row()), (1, Some(3)));
    let effects = send(&mut state, Command::Next);
    assert_eq!(state.review.path.as_deref(), Some("b.txt"));
    assert!(matches!(&effects[0], Effect::Start(job) if job.key == "review.diff"));
    arrive(&mut state, "b.txt", b"a\nb\n".to_vec(), b"a\nc\n".to_vec());
    assert_eq!(state.review.changes(), [1]);
    send(&mut state, Command::Previous);
    assert_eq!(state.review.path.as_deref(), Some("a.ipynb"));
    arrive(
        &mut state,
        "a.ipynb",
        notebook(&["delay = mean(1)", "print(delay, 2)"]),
        notebook(&["delay = mean(3)", "print(delay, 4)"]),
    );
    assert_eq!(state.review.changes(), [0, 1]);
    assert_eq!(state.review.focus, 1, "the last change of the file before");
}

#[test]
fn viewing_every_change_marks_the_file_until_it_changes_again() {
    let mut state = loaded();
    send(&mut state, Command::ToggleViewed(None));
    assert_eq!((state.review.focus, state.review.viewed_count()), (1, 0));
    send(&mut state, Command::ToggleViewed(None));
    assert!(state.review.is_viewed("a.ipynb"));
    let old = notebook(&["import polars", "delay = day.mean()"]);
    arrive(&mut state, "a.ipynb", old.clone(), notebook(&["import polars", "delay = day.max()"]));
    assert!(!state.review.is_viewed("a.ipynb"), "it is another change now");
    assert!(state.review.viewed_rows.is_empty());
    send(&mut state, Command::ToggleFileViewed("a.ipynb".into()));
    assert!(state.review.is_viewed("a.ipynb"));
    send(&mut state, Command::ToggleFileViewed("a.ipynb".into()));
    assert!(!state.review.is_viewed("a.ipynb"));
}

#[test]
fn late_answers_for_other_sides_are_dropped() {
    let mut state = loaded();
    send(&mut state, Command::SetBase(Rev::At("v1".into())));
    assert!(state.review.shown.is_none() && !state.review.loaded);
    let listed = Listed { files: ChangedFiles::default(), commits: Vec::new(), parted: None, both: false };
    let late = Event::Files { base: Rev::head(), compare: Rev::WorkingTree, result: Box::new(Ok(listed)) };
    event(&mut state, late, &Cx { clock: &cx() });
    assert!(!state.review.loaded);
    send(&mut state, Command::Swap);
    assert_eq!((&state.review.base, &state.review.compare), (&Rev::WorkingTree, &Rev::At("v1".into())));
}

fn listed(state: &mut AppState, files: Vec<ChangedFile>) -> Vec<Effect> {
    let listed = Listed { files: ChangedFiles { files, more: 0 }, commits: Vec::new(), parted: None, both: false };
    let (base, compare) = (state.review.base.clone(), state.review.compare.clone());
    event(state, Event::Files { base, compare, result: Box::new(Ok(listed)) }, &Cx { clock: &cx() })
}

#[test]
fn a_clean_tree_shows_what_is_worth_a_look_unless_sides_were_chosen() {
    let mut state = AppState::default();
    state.workspace.root = Some("/w".into());
    send(&mut state, Command::Visit);
    let effects = listed(&mut state, Vec::new());
    assert!(matches!(&effects[..], [Effect::Start(job)] if job.key == "review.suggest") && !state.review.loaded);
    let sides = (Rev::head(), Rev::At("limit-at-four".into()));
    event(&mut state, Event::Suggested(Some(sides.clone())), &Cx { clock: &cx() });
    assert_eq!((state.review.base.clone(), state.review.compare.clone()), sides);
    listed(&mut state, vec![changed("a.ipynb")]);
    assert!(state.review.suggested && state.review.loaded);
    // Work on disk comes first, once nobody is reading.
    state.git.status.files.push(crate::model::git::FileState {
        path: "a.ipynb".into(),
        old_path: None,
        staged: None,
        changed: Some(crate::model::git::Change::Modified),
        untracked: false,
        conflicted: false,
    });
    state.shell.page = Page::Review;
    status_changed(&mut state, &Cx { clock: &cx() });
    assert_eq!(state.review.compare, sides.1);
    state.shell.page = Page::Home;
    status_changed(&mut state, &Cx { clock: &cx() });
    assert_eq!(state.review.compare, Rev::WorkingTree);
    send(&mut state, Command::SetBase(Rev::At("v1".into())));
    assert!(listed(&mut state, Vec::new()).is_empty() && state.review.loaded, "chosen sides stay");
    event(&mut state, Event::Suggested(Some(sides)), &Cx { clock: &cx() });
    assert_eq!(state.review.base, Rev::At("v1".into()));
}

/// The sample has a branch that goes on from main, and its own last commit once that branch is gone.
#[test]
fn the_sample_opens_on_its_branch_and_without_it_on_the_last_commit() {
    let home = tempfile::tempdir().unwrap();
    let dirs = Dirs::below(home.path());
    let cx = JobCtx::detached();
    let root = crate::engine::sample::copy(&dirs, crate::engine::sample::DEFAULT, false, &cx).unwrap();
    let sides = crate::engine::sides::Sides::open(&root).unwrap();
    let repo = sides.repo().unwrap();
    assert_eq!(suggest(&sides, &cx).unwrap(), Some((Rev::head(), Rev::At("limit-at-four".into()))));
    std::fs::remove_file(root.join(".git/refs/heads/limit-at-four")).unwrap();
    let (base, compare) = suggest(&sides, &cx).unwrap().unwrap();
    let last = &repo.log("HEAD", 1, &cx).unwrap()[0];
    assert_eq!((base, compare), (Rev::At(last.parents[0].clone()), Rev::At(last.id.clone())));
}

#[test]
fn a_commit_asks_for_trust_needs_a_message_and_starts_once() {
    let mut state = loaded();
    state.workspace.trusted = false;
    state.git.commit.chosen.insert("a.ipynb".into());
    send(&mut state, git::Command::Message("Mend the units".into()));
    assert!(send(&mut state, git::Command::Commit).is_empty());
    assert!(matches!(state.shell.dialog, Some(Dialog::Trust { .. })));
    state.workspace.trusted = true;
    let effects = send(&mut state, git::Command::Commit);
    let started = effects.iter().any(|e| matches!(e, Effect::Start(job) if matches!(job.task, AnyTask::Git(_))));
    assert!(started && state.git.commit.busy);
    assert!(send(&mut state, git::Command::Commit).is_empty(), "a second click starts nothing");
    let failed = git::Event::Committed(Err(Error::user("git refused the commit")), 1);
    git::event(&mut state, failed, &Cx { clock: &cx() });
    assert_eq!(state.git.commit.message, "Mend the units", "the message is kept");
    state.git.commit.message = "  ".into();
    assert!(send(&mut state, git::Command::Commit).is_empty());
    assert!(state.git.commit.error.is_some());
}

/// The whole way on a real repository: status, comparison, commit, a quiet page, history.
#[test]
fn edit_commit_and_look_back_on_a_real_repository() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("ws");
    fresh_repo(&root);
    std::fs::write(root.join("a.ipynb"), notebook(&["x = 1"])).unwrap();
    let mut host = Host::new(Dirs::below(&dir.path().join("home")), Arc::new(SystemClock), Arc::new(NoWaker)).unwrap();
    let settle = |host: &mut Host| assert!(host.settle(Duration::from_secs(30)));
    host.send(workspace::Command::Open(root.clone()));
    settle(&mut host);
    assert_eq!(host.state.git.status.files.len(), 1);
    host.send(workspace::Command::Trust { then: None });
    host.send(git::Command::OpenCommit(vec!["a.ipynb".into()]));
    host.send(git::Command::Message("Begin".into()));
    host.send(git::Command::Commit);
    settle(&mut host);
    assert!(host.state.git.commit.error.is_none(), "{:?}", host.state.git.commit.error);
    assert!(host.state.git.status.files.is_empty() && host.state.shell.dialog.is_none());
    assert_eq!(host.state.git.recent.len(), 1);
    std::fs::write(root.join("a.ipynb"), notebook(&["x = 2"])).unwrap();
    host.send(git::Command::Refresh);
    host.send(Command::Show { base: Rev::head(), compare: Rev::WorkingTree, path: Some("a.ipynb".into()) });
    settle(&mut host);
    let review = &host.state.review;
    assert_eq!((review.changes().len(), review.history.len()), (1, 1));
    assert_eq!(review.counts["a.ipynb"].added, 1);
}

/// The past of a cell on a real repository: who wrote its lines, what happened to it, and a step back into a version.
#[test]
fn a_cell_tells_its_history_and_its_lines_who_wrote_them() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("ws");
    std::fs::create_dir_all(&root).unwrap();
    Repo::init(&root).unwrap();
    let commit = |who: &str, sources: &[&str]| {
        std::fs::write(root.join("a.ipynb"), notebook(sources)).unwrap();
        git(&root, &["add", "-A"]);
        let name = format!("user.name={who}");
        git(&root, &["-c", &name, "-c", "user.email=x@example.org", "commit", "-qm", &format!("{who} was here")]);
    };
    commit("Mara", &["import polars as pl", "delay = day.mean()\nprint(delay)"]);
    commit("Jonas", &["import polars as pl", "delay = day.mean()\nprint(delay, 'min')"]);
    std::fs::write(
        root.join("a.ipynb"),
        notebook(&["import polars as pl", "# of the day\ndelay = day.mean()\nprint(delay, 'min')"]),
    )
    .unwrap();
    let mut host = Host::new(Dirs::below(&dir.path().join("home")), Arc::new(SystemClock), Arc::new(NoWaker)).unwrap();
    let settle = |host: &mut Host| assert!(host.settle(Duration::from_secs(30)));
    host.send(workspace::Command::Open(root.clone()));
    settle(&mut host);
    host.send(Command::Show { base: Rev::head(), compare: Rev::WorkingTree, path: Some("a.ipynb".into()) });
    settle(&mut host);
    host.send(Command::ToggleBlame);
    host.send(Command::TellCell(Some(1)));
    settle(&mut host);
    let told = &host.state.review.told;
    assert_eq!(told.cell, Some((1, "# of the day".trim_start_matches(['#', ' ']).to_owned())));
    let past = told.past.clone().unwrap();
    let who = |line| past.of_line(1, line).map(|(_, w)| w.author().to_owned());
    assert_eq!([who(0), who(1), who(2)].map(Option::unwrap), ["not committed", "Mara", "Jonas"]);
    let deeds: Vec<_> = past.deeds(1).map(|(w, d)| (w.author(), d.word())).collect();
    assert_eq!(deeds, [("not committed", "edited"), ("Jonas", "edited"), ("Mara", "created")]);
    let jonas = past.deeds(1).nth(1).unwrap().0.clone();
    host.send(Command::CompareVersion(Box::new(jonas)));
    settle(&mut host);
    let review = &host.state.review;
    assert_eq!(review.path.as_deref(), Some("a.ipynb"));
    assert_eq!(review.focused_row(), Some(1), "the cell is in front");
    assert!(review.shown.is_some() && matches!(&review.compare, Rev::At(id) if id.len() == 40));
    host.send(Command::TellCell(None));
    assert!(host.state.review.told.cell.is_none());
}

/// Executed copies of two runs beside each other, and one of them against the other.
#[test]
fn stored_runs_are_put_beside_each_other_and_compared() {
    use crate::model::matrix::CellState;
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("ws");
    std::fs::create_dir_all(&root).unwrap();
    Repo::init(&root).unwrap();
    let write = |limit: u8| {
        let query = format!("%%sql\nSELECT {limit} AS picked, 'a long enough text' AS what");
        let mut doc: serde_json::Value =
            serde_json::from_slice(&notebook(&["%%sql\nSELECT 1 AS one", &query])).unwrap();
        for cell in doc["cells"].as_array_mut().unwrap() {
            cell["execution_count"] = serde_json::Value::Null;
        }
        std::fs::write(root.join("a.ipynb"), doc.to_string()).unwrap();
    };
    let run = || {
        let store = crate::engine::store::Store::open(&root).unwrap();
        let launch = crate::engine::runner::Launch::new("a.ipynb", crate::model::run::Trigger::Window);
        let cx = JobCtx::detached();
        let crate::engine::runner::Begin::Started(execution) =
            crate::engine::runner::begin(&store, &launch, &cx).unwrap()
        else {
            panic!("it runs already")
        };
        let sink: crate::engine::runner::Sink = Arc::new(|_| {});
        execution.execute(&cx, &sink).unwrap()
    };
    for limit in [3, 3, 5] {
        write(limit);
        let done = run();
        assert!(done.tasks[0].attempts[0].artifact.is_some(), "{done:?}");
    }
    let mut host = Host::new(Dirs::below(&dir.path().join("home")), Arc::new(SystemClock), Arc::new(NoWaker)).unwrap();
    let settle = |host: &mut Host| assert!(host.settle(Duration::from_secs(30)));
    host.send(workspace::Command::Open(root.clone()));
    settle(&mut host);
    host.send(Command::Show { base: Rev::head(), compare: Rev::WorkingTree, path: Some("a.ipynb".into()) });
    settle(&mut host);
    host.send(Command::ShowRuns(true));
    settle(&mut host);
    let runs = &host.state.review.runs;
    assert!(runs.error.is_none(), "{:?}", runs.error);
    let grid = runs.grid.clone().unwrap();
    assert_eq!(grid.columns.iter().map(|c| c.number).collect::<Vec<_>>(), [1, 2, 3]);
    let second = grid.matrix.rows.iter().position(|r| r.states[2] == CellState::Source).unwrap();
    assert_eq!(grid.matrix.first, [None, None, Some(second)]);
    assert_eq!(grid.matrix.rows[second].states[1], CellState::Same);
    host.send(Command::CompareRuns { run: 2, row: second });
    settle(&mut host);
    let review = &host.state.review;
    assert!(!review.runs.open && review.error.is_none() && review.file_error.is_none(), "{:?}", review.error);
    assert_eq!(review.base.run().map(str::to_owned), Some(grid.columns[1].run.0.clone()));
    let FileShape::Notebook(book) = &review.shown.as_ref().unwrap().diff.shape else { panic!("no notebook") };
    let row = &book.cells[review.focused_row().unwrap()];
    assert_eq!(row.new, grid.matrix.rows[second].at[2]);
    assert!(row.source.is_some());
    assert!(host.state.notices.shown.iter().all(|n| n.tone != crate::app::notify::Tone::Failure));
}

/// Sides that are no commit, and the choice of what a comparison of two branches is.
#[test]
fn any_two_sides_are_compared_and_chosen_ones_are_remembered() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("ws");
    let repo = fresh_repo(&root);
    let job = JobCtx::detached();
    let save = |path: &str, text: &str, message: &str| {
        std::fs::write(root.join(path), text).unwrap();
        repo.commit(message, &[path.to_owned()], &job).unwrap()
    };
    save("a.txt", "one\n", "Begin here");
    repo.create_branch("side", "", true, &job).unwrap();
    save("a.txt", "two\n", "On the side");
    repo.switch(&crate::model::git::Target::Branch("main".into()), &job).unwrap();
    save("b.txt", "main\n", "On main");
    let mut host = Host::new(Dirs::below(&dir.path().join("home")), Arc::new(SystemClock), Arc::new(NoWaker)).unwrap();
    let settle = |host: &mut Host| assert!(host.settle(Duration::from_secs(30)));
    host.send(workspace::Command::Open(root.clone()));
    settle(&mut host);
    let names = |host: &Host| host.state.review.files.files.iter().map(|f| f.path.clone()).collect::<Vec<_>>();
    let show = |host: &mut Host, base: Rev, compare: Rev| {
        host.send(Command::Show { base, compare, path: None });
        settle(host);
        assert!(host.state.review.error.is_none(), "{:?}", host.state.review.error);
        names(host)
    };
    let at = |name: &str| Rev::At(name.to_owned());
    assert_eq!(show(&mut host, at("main"), at("side")), ["a.txt"]);
    assert!(host.state.review.both && host.state.review.parted.is_some());
    host.send(Command::SinceParted(false));
    settle(&mut host);
    assert_eq!((names(&host), host.state.review.parted.clone()), (vec!["a.txt".to_owned(), "b.txt".to_owned()], None));
    host.send(Command::SinceParted(true));
    settle(&mut host);
    assert_eq!(names(&host), ["a.txt"]);
    // Edits that are not saved, as the journal has them.
    host.send(workspace::Command::OpenFile("a.txt".into()));
    settle(&mut host);
    let doc = host.state.notebook.doc().unwrap().id;
    host.send(crate::app::notebook::Command::EditFile {
        doc,
        acts: vec![crate::model::editor::Act::SetText("typed\n".into())],
    });
    host.send(crate::app::notebook::Command::Journal(doc));
    settle(&mut host);
    assert_eq!(show(&mut host, Rev::WorkingTree, Rev::Draft), ["a.txt"]);
    assert_eq!(show(&mut host, Rev::head(), Rev::Index), Vec::<String>::new());
    assert_eq!(
        show(
            &mut host,
            Rev::File(root.join("a.txt").display().to_string()),
            Rev::File(root.join("b.txt").display().to_string())
        ),
        ["b.txt"]
    );
    assert!(host.state.review.shown.is_some() && host.state.review.file_error.is_none());
    assert_eq!(host.state.review.recent.iter().filter(|r| **r == at("side")).count(), 1);
    host.send(Command::FindCommits("the SIDE".into()));
    settle(&mut host);
    let (query, found) = host.state.review.found.clone().unwrap();
    assert_eq!((query.as_str(), found.len(), found[0].summary.as_str()), ("the SIDE", 1, "On the side"));
    let hash = found[0].id[..7].to_owned();
    host.send(Command::FindCommits(hash));
    settle(&mut host);
    assert_eq!(host.state.review.found.as_ref().unwrap().1[0].summary, "On the side");
}

/// A file that somebody writes into all the time: every comparison that was begun comes to its end, and the last one is
/// of what stands there at last.
#[test]
fn a_file_that_changes_while_it_is_compared_is_compared_to_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("ws");
    fresh_repo(&root);
    let text = |round: usize| (0..40_000).map(|n| format!("{n},{}\n", (n * 7 + round) % 1_000)).collect::<String>();
    save(&Repo::open(&root).unwrap(), "a.csv", &text(0), "Begin");
    std::fs::write(root.join("a.csv"), text(1)).unwrap();
    let mut host = Host::new(Dirs::below(&dir.path().join("home")), Arc::new(SystemClock), Arc::new(NoWaker)).unwrap();
    host.send(workspace::Command::Open(root.clone()));
    assert!(host.settle(Duration::from_secs(30)));
    host.send(Command::Show { base: Rev::head(), compare: Rev::WorkingTree, path: Some("a.csv".into()) });
    assert!(host.settle(Duration::from_mins(1)));
    let first = host.state.review.shown.as_ref().unwrap().revision;
    // News of a change comes far oftener than a comparison takes.
    let (mut rounds, mut behind) = (1, false);
    let until = std::time::Instant::now() + Duration::from_mins(1);
    while host.state.review.shown.as_ref().unwrap().revision < first + 2 {
        assert!(std::time::Instant::now() < until, "no comparison ended in {rounds} rounds");
        rounds += 1;
        std::fs::write(root.join("a.csv"), text(rounds)).unwrap();
        let clock = SystemClock;
        let effects = dispatch_files(&mut host.state, &["a.csv"], &clock);
        host.carry(effects);
        behind |= host.state.review.is_behind();
        host.drain(Duration::from_millis(2));
        assert!(host.state.review.shown.is_some(), "the older one stays on screen meanwhile");
    }
    assert!(behind && rounds > 4, "{rounds}");
    assert!(host.settle(Duration::from_mins(1)));
    let shown = host.state.review.shown.clone().unwrap();
    let FileShape::Text(diff) = &shown.diff.shape else { panic!("no text") };
    assert_eq!(diff.new.text(), text(rounds));
    assert!(!host.state.review.is_behind());
}

fn dispatch_files(state: &mut AppState, paths: &[&str], clock: &SystemClock) -> Vec<Effect> {
    let paths: Vec<String> = paths.iter().map(|p| (*p).to_owned()).collect();
    crate::app::dispatch::files_changed(state, &paths, &Cx { clock })
}
