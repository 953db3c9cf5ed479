//! Questions about versions: a new branch, switching with changes, merging, stashing, discarding, cloning, a password.
use std::path::PathBuf;

use egui::{Align, Key, Layout, Modifiers, Ui};

use super::View;
use crate::{
    app::{
        git::work::{Ask, Command, Question, Secret, Work, unsaved},
        notebook, shell,
    },
    base::text::count,
    model::git::{Deleted, MergePlan, SwitchPlan, short},
    ui::{
        PageCx,
        widgets::{Btn, error_box, secret_field, switch, text_field},
    },
};

/// Width of a field in a dialog.
const WIDE: f32 = 480.0;

/// What the main button does, and why it cannot.
struct Yes<'a> {
    label: &'a str,
    danger: bool,
    missing: Option<&'a str>,
}

impl<'a> Yes<'a> {
    fn new(label: &'a str) -> Self {
        Self { label, danger: false, missing: None }
    }
    fn danger(mut self) -> Self {
        self.danger = true;
        self
    }
    fn missing(mut self, reason: Option<&'a str>) -> Self {
        self.missing = reason;
        self
    }
}

/// Draws a question's contents.
pub(super) fn ask_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, ask: &Ask) {
    match ask {
        Ask::Branches | Ask::Stashes => {}
        Ask::Create { from, name } => create_ui(ui, cx, view, from, name),
        Ask::Rename { name } => rename_ui(ui, cx, view, name),
        Ask::Switch(plan) => switch_ui(ui, cx, plan),
        Ask::Delete(plan) => delete_ui(ui, cx, plan),
        Ask::Merge(plan) => merge_ui(ui, cx, view, plan),
        Ask::Diverged { upstream, ahead, behind } => diverged_ui(ui, cx, upstream, *ahead, *behind),
        Ask::Stash => stash_ui(ui, cx, view),
        Ask::Discard(paths) => discard_ui(ui, cx, paths),
        Ask::Remote => remote_ui(ui, cx, view),
        Ask::Clone => clone_ui(ui, cx, view),
        Ask::Question(question) => question_ui(ui, cx, view, question),
    }
}

fn say(ui: &mut Ui, cx: &PageCx<'_>, words: impl Into<String>) {
    ui.add(egui::Label::new(cx.theme.muted(words.into())).wrap());
}

/// A few names, one a line, and how many more there are.
fn names(ui: &mut Ui, cx: &PageCx<'_>, all: &[String]) {
    let theme = cx.theme;
    let frame = egui::Frame::NONE.fill(theme.bg).stroke(theme.hairline()).corner_radius(6).inner_margin(8);
    frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = 2.0;
        for name in all.iter().take(6) {
            ui.add(egui::Label::new(theme.code(name.as_str())).truncate());
        }
        if all.len() > 6 {
            ui.label(theme.faint(format!("and {} more", all.len() - 6)));
        }
    });
}

fn failure(ui: &mut Ui, cx: &PageCx<'_>) {
    if let Some(error) = &cx.state.git.work.error {
        error_box(ui, cx.theme, error, &[]);
    }
}

/// The buttons at the foot; true when the main one was pressed, or Enter.
fn foot(ui: &mut Ui, cx: &mut PageCx<'_>, yes: &Yes<'_>, more: impl FnOnce(&mut Ui, &mut PageCx<'_>)) -> bool {
    let theme = cx.theme;
    ui.add_space(8.0);
    let busy = cx.state.git.work.busy.as_ref().map(|b| format!("{b}\u{2026}"));
    let reason = busy.as_deref().or(yes.missing);
    let size = egui::vec2(ui.available_width(), 28.0);
    let mut pressed = false;
    ui.allocate_ui_with_layout(size, Layout::right_to_left(Align::Center), |ui| {
        let button = Btn::new(busy.as_deref().unwrap_or(yes.label)).key("Enter").disabled(reason);
        let button = if yes.danger { button.destructive() } else { button.primary() };
        let enter = ui.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Enter));
        pressed = button.show(ui, theme).clicked() || (enter && reason.is_none());
        more(ui, cx);
        if busy.is_some() {
            if Btn::new("Stop").show(ui, theme).clicked() {
                cx.send(shell::Command::CancelJob("git.work".into()));
            }
        } else if Btn::new("Cancel").show(ui, theme).clicked() {
            cx.send(shell::Command::CloseDialog);
        }
    });
    pressed
}

fn field(ui: &mut Ui, cx: &PageCx<'_>, view: &mut View, name: &str, hint: &str) {
    let first = std::mem::take(&mut view.fresh);
    let response = text_field(ui, cx.theme, &mut view.text, name, hint, WIDE);
    if first {
        response.request_focus();
    }
}

fn create_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, from: &str, name: &str) {
    let theme = cx.theme;
    if view.fresh {
        name.clone_into(&mut view.text);
        view.check = true;
    }
    ui.label(theme.heading("New branch"));
    let place = if from.is_empty() { cx.state.git.branch().unwrap_or_default() } else { from.to_owned() };
    say(ui, cx, format!("It begins at {}", if place.len() == 40 { short(&place) } else { &place }));
    field(ui, cx, view, "Name of the branch", "fix/units");
    if switch(ui, theme, view.check, "Switch to it") {
        view.check = !view.check;
    }
    failure(ui, cx);
    let typed = view.text.trim().to_owned();
    let missing = typed.is_empty().then_some("Type a name first");
    if foot(ui, cx, &Yes::new("Make the branch").missing(missing), |_, _| {}) {
        cx.send.push(Work::Create { name: typed, from: from.to_owned(), switch: view.check }.into());
    }
}

fn rename_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, name: &str) {
    if view.fresh {
        name.clone_into(&mut view.text);
    }
    ui.label(cx.theme.heading(format!("Rename {name}")));
    field(ui, cx, view, "New name of the branch", "fix/units");
    let followed = cx.state.git.refs.iter().find(|r| r.name == name).and_then(|r| r.upstream.clone());
    if let Some(upstream) = followed {
        say(ui, cx, format!("It goes on following {upstream}, which keeps its name"));
    }
    failure(ui, cx);
    let typed = view.text.trim().to_owned();
    let missing = (typed.is_empty() || typed == name).then_some("Type another name first");
    if foot(ui, cx, &Yes::new("Rename").missing(missing), |_, _| {}) {
        cx.send.push(Work::Rename { from: name.to_owned(), to: typed }.into());
    }
}

fn switch_ui(ui: &mut Ui, cx: &mut PageCx<'_>, plan: &SwitchPlan) {
    let theme = cx.theme;
    let here = cx.state.git.branch().unwrap_or_default();
    ui.label(theme.heading(format!("Switch to {}?", plan.to.label())));
    let in_the_way: Vec<String> = plan.blocked.iter().chain(&plan.covered).cloned().collect();
    if !in_the_way.is_empty() {
        let what = count(in_the_way.len() as u64, "file");
        let words = format!(
            "{what} with changes that are not committed would have to be written over, since {} has another version. \
             git does not do that. Put the changes aside first: they are kept in a stash of {here}.",
            plan.to.label()
        );
        say(ui, cx, words);
        names(ui, cx, &in_the_way);
    } else if !plan.dirty.is_empty() {
        let what = count(plan.dirty.len() as u64, "file");
        say(
            ui,
            cx,
            format!("{what} with changes that are not committed come along, or stay here in a stash of {here}."),
        );
        names(ui, cx, &plan.dirty);
    }
    let open = unsaved(cx.state);
    if !open.is_empty() {
        let hit = open.iter().filter(|p| plan.differ.contains(p)).count();
        let mut words = format!(
            "{} in the editor with unsaved edits: they stay open, edits and all.",
            count(open.len() as u64, "file")
        );
        if hit > 0 {
            words.push_str(&format!(
                " {} on {}: saving asks before it writes over that version.",
                if hit == 1 { "1 is another".to_owned() } else { format!("{hit} are others") },
                plan.to.label()
            ));
        }
        say(ui, cx, words);
        names(ui, cx, &open);
    }
    if plan.orphans > 0 {
        let what = count(plan.orphans, "commit");
        say(ui, cx, format!("{what} made here are on no branch. Make a branch first to keep them in sight."));
    }
    failure(ui, cx);
    let carry = plan.can_carry();
    let label = if carry && !plan.dirty.is_empty() { "Switch and take them along" } else { "Switch" };
    let stash = Work::Switch { to: plan.to.clone(), stash: Some(!plan.covered.is_empty()), take: None };
    let plain = Work::Switch { to: plan.to.clone(), stash: None, take: None };
    let dirty = !plan.dirty.is_empty() || !plan.covered.is_empty();
    let yes = Yes::new(if carry { label } else { "Stash and switch" });
    let pressed = foot(ui, cx, &yes, |ui, cx| {
        if carry && dirty && Btn::new("Stash and switch").show(ui, theme).clicked() {
            cx.send.push(stash.clone().into());
        }
        if !open.is_empty() && Btn::new("Save them first").show(ui, theme).clicked() {
            cx.send(notebook::Command::SaveAll);
        }
        if plan.orphans > 0 && Btn::new("Make a branch\u{2026}").show(ui, theme).clicked() {
            let create = Ask::Create { from: String::new(), name: String::new() };
            cx.send.push(Command::Ask(create).into());
        }
    });
    if pressed {
        cx.send.push(if carry { plain } else { stash }.into());
    }
}

fn delete_ui(ui: &mut Ui, cx: &mut PageCx<'_>, plan: &Deleted) {
    ui.label(cx.theme.heading(format!("Delete {}?", plan.name)));
    let what = count(plan.only_here_count, "commit");
    let verb = if plan.only_here_count == 1 { "is" } else { "are" };
    say(ui, cx, format!("{what} {verb} on no other branch, on no tag and on no remote:"));
    names(ui, cx, &plan.only_here);
    say(ui, cx, format!("The branch stands at {}; it can be made again there with Undo.", short(&plan.commit)));
    failure(ui, cx);
    if foot(ui, cx, &Yes::new("Delete the branch").danger(), |_, _| {}) {
        cx.send.push(Work::Delete(plan.clone()).into());
    }
}

fn merge_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, plan: &MergePlan) {
    let theme = cx.theme;
    ui.label(theme.heading(format!("Merge {} into {}?", plan.from, plan.into)));
    let what = format!("{}, {} changed", count(plan.commits, "commit"), count(plan.files, "file"));
    if plan.fast_forward {
        say(ui, cx, format!("{what}. {} has nothing of its own since, so it can simply move forward.", plan.into));
        if switch(ui, theme, view.check, "Make a merge commit all the same") {
            view.check = !view.check;
        }
    } else {
        say(
            ui,
            cx,
            format!("{what}. Both sides went on, so this makes a merge commit; conflicts are yours to decide."),
        );
    }
    let dirty = cx.state.git.status.files.iter().filter(|f| !f.untracked).count();
    if dirty > 0 {
        let what = count(dirty as u64, "file");
        say(
            ui,
            cx,
            format!(
                "{what} with changes that are not committed stay as they are; git refuses if the merge needs them."
            ),
        );
    }
    if !cx.state.git.status.commit_runs.is_empty() && (!plan.fast_forward || view.check) {
        say(ui, cx, format!("Runs with the commit: {}", cx.state.git.status.commit_runs.join(", ")));
    }
    failure(ui, cx);
    let (from, commit) = (plan.from.clone(), plan.fast_forward && view.check);
    let compare = crate::app::review::Command::Show {
        base: crate::model::git::Rev::head(),
        compare: crate::model::git::Rev::At(plan.from.clone()),
        path: None,
    };
    let pressed = foot(ui, cx, &Yes::new("Merge"), |ui, cx| {
        if Btn::new("Compare first").show(ui, theme).clicked() {
            cx.send(shell::Command::CloseDialog);
            cx.send(compare);
        }
    });
    if pressed {
        cx.send.push(Work::Merge { from, commit }.into());
    }
}

fn diverged_ui(ui: &mut Ui, cx: &mut PageCx<'_>, upstream: &str, ahead: u64, behind: u64) {
    let here = cx.state.git.branch().unwrap_or_default();
    ui.label(cx.theme.heading(format!("Merge {upstream} into {here}?")));
    let words = format!(
        "Both went on: {} here, {} there. Merging keeps both; nothing was changed yet.",
        count(ahead, "commit"),
        count(behind, "commit")
    );
    say(ui, cx, words);
    failure(ui, cx);
    if foot(ui, cx, &Yes::new("Merge"), |_, _| {}) {
        cx.send.push(Work::Merge { from: upstream.to_owned(), commit: false }.into());
    }
}

fn stash_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View) {
    let theme = cx.theme;
    let files = &cx.state.git.status.files;
    let new = files.iter().filter(|f| f.untracked).count();
    let changed = files.len() - new;
    if view.fresh {
        view.check = changed == 0;
    }
    ui.label(theme.heading("Stash changes"));
    say(
        ui,
        cx,
        "Puts the changes aside and makes the files as the last commit has them. They can be taken out again on any branch.",
    );
    field(ui, cx, view, "What the changes are", "What they are, for finding them again");
    if new > 0 && switch(ui, theme, view.check, &format!("With {}", count(new as u64, "new file"))) {
        view.check = !view.check;
    }
    let open = unsaved(cx.state);
    if !open.is_empty() {
        let what = count(open.len() as u64, "file");
        say(ui, cx, format!("{what} have edits that are not saved: those stay in the editor and are not stashed."));
    }
    failure(ui, cx);
    let take = changed + if view.check { new } else { 0 };
    let label = format!("Stash {}", count(take as u64, "file"));
    let missing = (take == 0).then_some("Nothing would be put aside");
    let work = Work::Stash { message: view.text.trim().to_owned(), untracked: view.check && new > 0 };
    let pressed = foot(ui, cx, &Yes::new(&label).missing(missing), |ui, cx| {
        if !open.is_empty() && Btn::new("Save them first").show(ui, theme).clicked() {
            cx.send(notebook::Command::SaveAll);
        }
    });
    if pressed {
        cx.send.push(work.into());
    }
}

fn discard_ui(ui: &mut Ui, cx: &mut PageCx<'_>, paths: &[String]) {
    let what = count(paths.len() as u64, "file");
    ui.label(cx.theme.heading(format!("Discard the changes of {what}?")));
    say(
        ui,
        cx,
        "They become as the last commit has them; new files go away. What is discarded can be brought back for 30 days.",
    );
    names(ui, cx, paths);
    failure(ui, cx);
    let label = format!("Discard {what}");
    let missing = paths.is_empty().then_some("Nothing differs from the last commit");
    if foot(ui, cx, &Yes::new(&label).danger().missing(missing), |_, _| {}) {
        cx.send.push(Work::Discard(paths.to_vec()).into());
    }
}

fn remote_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View) {
    ui.label(cx.theme.heading("Add a remote"));
    say(ui, cx, "The repository this one is shared through. It is called origin.");
    field(ui, cx, view, "Address of the remote", "git@example.org:team/project.git");
    failure(ui, cx);
    let typed = view.text.trim().to_owned();
    let missing = typed.is_empty().then_some("Type an address first");
    if foot(ui, cx, &Yes::new("Add").missing(missing), |_, _| {}) {
        cx.send.push(Work::AddRemote { url: typed }.into());
    }
}

fn clone_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View) {
    let theme = cx.theme;
    if view.fresh {
        if let Some((url, folder)) = &cx.state.git.work.clone {
            (view.text, view.second) = (url.clone(), folder.clone());
            view.touched = true;
        } else {
            view.second = crate::app::git::work::clone_folder(cx.state, "");
        }
    }
    ui.label(theme.heading("Clone a repository"));
    let before = view.text.clone();
    field(ui, cx, view, "Address of the repository", "https://example.org/team/project.git");
    if view.text != before && !view.touched {
        // The folder follows the address until somebody types another one.
        view.second = crate::app::git::work::clone_folder(cx.state, &view.text);
    }
    ui.label(theme.small("Into the folder"));
    if text_field(ui, theme, &mut view.second, "Folder of the clone", "~/projects/project", WIDE).changed() {
        view.touched = true;
    }
    say(
        ui,
        cx,
        "Names and passwords come from your agent, helper or keyring. The clone opens untrusted: nothing in it runs until you say so.",
    );
    let job = cx.state.jobs.iter().find(|j| j.key == "git.work");
    if let Some(job) = job.filter(|_| cx.state.git.work.busy.is_some()) {
        crate::ui::widgets::progress_bar(ui, theme, job.share, WIDE);
        ui.add(egui::Label::new(theme.faint(job.note.as_str())).truncate());
    }
    failure(ui, cx);
    let (url, folder) = (view.text.trim().to_owned(), view.second.trim().to_owned());
    let missing = if url.is_empty() {
        Some("Type an address first")
    } else if folder.is_empty() {
        Some("Type a folder first")
    } else {
        None
    };
    if foot(ui, cx, &Yes::new("Clone").missing(missing), |_, _| {}) {
        cx.send.push(Work::Clone { url, folder: PathBuf::from(folder) }.into());
    }
}

fn question_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, question: &Question) {
    let theme = cx.theme;
    ui.label(theme.heading("git asks"));
    ui.add(egui::Label::new(theme.body(question.prompt.as_str())).wrap());
    let first = std::mem::take(&mut view.fresh);
    let response = if question.secret {
        secret_field(ui, theme, &mut view.text, "Your answer", WIDE)
    } else {
        text_field(ui, theme, &mut view.text, "Your answer", "", WIDE)
    };
    if first {
        response.request_focus();
    }
    say(
        ui,
        cx,
        "It goes to git and is kept nowhere by Andon. A credential helper of git, or ssh-add, remembers it for you.",
    );
    ui.add_space(8.0);
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        let enter = ui.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Enter));
        if Btn::new("Answer").primary().key("Enter").show(ui, theme).clicked() || enter {
            let answer = Some(Secret(std::mem::take(&mut view.text)));
            cx.send.push(Command::Answer { id: question.id, answer }.into());
        }
        if Btn::new("Cancel").show(ui, theme).clicked() {
            cx.send(shell::Command::CloseDialog);
        }
    });
}
