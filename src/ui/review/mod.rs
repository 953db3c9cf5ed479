//! The review page: sides at the top, files and changes at the left, the comparison in the middle.
//!
//! `head` has the pickers, `navigator` the lists, `layout` turns a comparison into rows of known heights, so that
//! only what is on screen is drawn (`canvas`), and `line` draws one line of text with its marks.
mod canvas;
mod head;
mod image;
mod layout;
pub(in crate::ui) mod line;
mod matrix;
mod navigator;
mod past;
mod people;
mod picker;
mod table;
mod thread;

pub(in crate::ui) use canvas::hatch;

use std::time::Duration;

use egui::Ui;

use super::PageCx;
use crate::{
    app::{
        git,
        keymap::review,
        review::{Command, Mode, Shown, threads},
        settings, workspace,
    },
    base::time,
    model::git::Rev,
    ui::{
        keys::hit,
        theme::Mark,
        widgets::{empty_state, error_box, left_panel, mark},
    },
};

/// What only the page itself needs to remember.
#[derive(Default)]
pub struct View {
    layout: layout::Layout,
    /// Letters that are scrolled off at the left of every line.
    shift: f32,
    /// The change that was last scrolled to, of which comparison.
    followed: Option<(u64, usize)>,
    /// How often a cell had been brought to the front from elsewhere.
    led: u64,
    gallery: image::Gallery,
    voices: thread::Voices,
    /// Top and bottom of what was on screen.
    seen: (f32, f32),
    /// The thread that was last scrolled to, and which time.
    led_to: Option<(String, u64)>,
    /// What is typed into a picker.
    picker: picker::View,
    /// Since when the comparison on screen is an older one, in seconds of the window's clock.
    behind: Option<f64>,
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").field("shift", &self.shift).finish_non_exhaustive()
    }
}

/// Draws the page.
pub fn page_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View) {
    let theme = cx.theme;
    let review = &cx.state.review;
    let git = &cx.state.git;
    let loose = matches!(review.compare, Rev::File(_));
    if git.loaded && git.error.is_none() && !git.status.in_repository() && !loose {
        head::plain_head(ui, cx);
        let sentence = "This folder is not in a git repository, so there is nothing to compare with";
        if empty_state(ui, theme, "folder-git-2", sentence, &["Make it a repository"]) == Some(0) {
            cx.send(git::Command::Init);
        }
        return;
    }
    if review.is_unvisited() {
        cx.send(Command::Visit);
    }
    keys(ui, cx, view);
    head::head_ui(ui, cx, view);
    super::conflict::banner_ui(ui, cx, None);
    if !cx.state.shell.hide_navigator {
        let width = if ui.available_width() < 1050.0 { 212.0 } else { 264.0 };
        left_panel(ui, theme, "review-files", width, |ui| navigator::navigator_ui(ui, cx));
    }
    if cx.state.review.runs.open {
        matrix::matrix_ui(ui, cx);
        return;
    }
    past::history_ui(ui, cx);
    middle_ui(ui, cx, view);
}

fn middle_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View) {
    let theme = cx.theme;
    let review = &cx.state.review;
    let error = review.error.as_ref().or(review.file_error.as_ref()).or(cx.state.git.error.as_ref());
    if let Some(error) = error {
        egui::Frame::NONE.inner_margin(16.0).show(ui, |ui| {
            if error_box(ui, theme, error, &["Try again"]).is_some() {
                cx.send(Command::Refresh);
                cx.send(git::Command::Refresh);
            }
        });
        if review.shown.is_none() {
            return;
        }
    }
    match &review.shown {
        Some(shown) => {
            behind_ui(ui, cx, view, shown);
            canvas::canvas_ui(ui, cx, view, shown);
        }
        None if review.loaded && review.files.files.is_empty() => nothing_ui(ui, cx),
        None => {}
    }
}

/// Says how old the comparison is while the file is compared again; only when that lasts, so that nothing flickers.
fn behind_ui(ui: &mut Ui, cx: &PageCx<'_>, view: &mut View, shown: &Shown) {
    const PATIENCE: f64 = 0.7;
    if !cx.state.review.is_behind() {
        view.behind = None;
        return;
    }
    let now = ui.input(|i| i.time);
    let lasts = now - *view.behind.get_or_insert(now);
    ui.ctx().request_repaint_after(Duration::from_millis(if lasts < PATIENCE { 200 } else { 1_000 }));
    if lasts < PATIENCE {
        return;
    }
    let theme = cx.theme;
    let age = cx.now.duration_since(shown.at).as_secs().max(1).unsigned_abs();
    let age = if age < 60 { format!("{age} s") } else { time::duration_ms(age * 1_000) };
    let name = shown.path.rsplit('/').next().unwrap_or(&shown.path);
    let text = format!("{name} has changed since: this comparison is {age} old, and is being made again");
    egui::Frame::NONE.fill(theme.tint(Mark::Running)).inner_margin(egui::Margin::symmetric(16, 4)).show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.set_width(ui.available_width());
            mark(ui, theme, Mark::Running, 14.0);
            ui.add(egui::Label::new(theme.body(text)).truncate());
        });
    });
}

fn nothing_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    let review = &cx.state.review;
    let sentence = format!("Nothing differs between {} and the {}", review.base, review.compare);
    let older = cx.state.git.recent.first().filter(|c| !c.parents.is_empty());
    let (actions, command): (&[&str], _) = match older {
        Some(last) if review.compare == Rev::WorkingTree && review.base == Rev::head() => (
            &["Show the last commit"],
            Some(Command::Show { base: Rev::At("HEAD~1".into()), compare: Rev::At(last.id.clone()), path: None }),
        ),
        _ if review.compare != Rev::WorkingTree => (
            &["Show what is not committed"],
            Some(Command::Show { base: Rev::head(), compare: Rev::WorkingTree, path: None }),
        ),
        _ => (&[], None),
    };
    if empty_state(ui, theme, "circle-check", &sentence, actions) == Some(0)
        && let Some(command) = command
    {
        cx.send(command);
    }
}

fn keys(ui: &Ui, cx: &mut PageCx<'_>, view: &mut View) {
    for address in std::mem::take(&mut view.voices.links) {
        cx.send(workspace::Command::Follow(address));
    }
    if ui.ctx().egui_wants_keyboard_input() || cx.state.shell.palette.is_some() || cx.state.shell.dialog.is_some() {
        return;
    }
    if hit(ui, &review::RUNS).is_some() {
        cx.send(Command::ShowRuns(!cx.state.review.runs.open));
    }
    let history = cx.state.review.told.cell.is_some();
    if (cx.state.review.runs.open || history) && hit(ui, &review::BACK).is_some() {
        cx.send(if cx.state.review.runs.open { Command::ShowRuns(false) } else { Command::TellCell(None) });
    }
    // The other keys are about the comparison, which is not in sight.
    if cx.state.review.runs.open {
        return;
    }
    if hit(ui, &review::FILE_VIEWED).is_some()
        && let Some(path) = cx.state.review.path.clone()
    {
        cx.send(Command::ToggleFileViewed(path));
    }
    match hit(ui, &review::CHANGE) {
        Some(0) => cx.send(Command::Next),
        Some(_) => cx.send(Command::Previous),
        None => {}
    }
    if hit(ui, &review::VIEWED).is_some() {
        cx.send(Command::ToggleViewed(None));
    }
    if hit(ui, &review::LAYOUT).is_some() {
        let mode = if cx.state.review.mode == Mode::Unified { Mode::SideBySide } else { Mode::Unified };
        cx.send(Command::SetMode(mode));
    }
    if hit(ui, &review::WRAP).is_some() {
        cx.send(settings::Command::SetWrapLines(!cx.state.settings.values.wrap_lines));
    }
    if hit(ui, &review::PICTURES).is_some() {
        cx.send(image::next_look(&cx.state.settings));
    }
    talk_keys(ui, cx);
    if hit(ui, &review::DISCARD).is_some() {
        cx.send(Command::Discard(None));
    }
    if hit(ui, &review::COMMIT).is_some() && cx.state.git.committable().next().is_some() {
        cx.send(git::Command::OpenCommit(Vec::new()));
    }
    // Enter and arrows belong to what has the focus first.
    if ui.ctx().memory(|m| m.focused().is_some()) {
        return;
    }
    if hit(ui, &review::FOLD).is_some()
        && let Some(row) = cx.state.review.focused_row()
    {
        cx.send(Command::ToggleRow(row));
    }
    match hit(ui, &review::SHIFT) {
        Some(0) => view.shift += 80.0,
        Some(_) => view.shift = (view.shift - 80.0).max(0.0),
        None => {}
    }
}

/// Keys for what is said and approved.
fn talk_keys(ui: &Ui, cx: &mut PageCx<'_>) {
    use threads::Command as Say;
    let say = |cx: &mut PageCx<'_>, command: Say| cx.send(Command::Talk(command));
    let talk = &cx.state.review.talk;
    let front = talk.front.as_deref().and_then(|id| talk.thread(id)).cloned();
    if hit(ui, &review::COMMENT).is_some() {
        say(cx, Say::Comment(None));
    }
    if hit(ui, &review::SUGGEST).is_some() {
        // In a thread the suggestion is an answer.
        say(
            cx,
            match &front {
                Some(thread) => Say::Reply { thread: thread.id.clone(), suggest: true },
                None => Say::Suggest(None),
            },
        );
    }
    if let (Some(_), Some(thread)) = (hit(ui, &review::REPLY), &front) {
        say(cx, Say::Reply { thread: thread.id.clone(), suggest: false });
    }
    if let (Some(_), Some(thread)) = (hit(ui, &review::RESOLVE), &front) {
        say(cx, Say::Resolve { thread: thread.id.clone(), on: !thread.resolved });
    }
    if hit(ui, &review::APPROVE_FILE).is_some() {
        say(cx, Say::ApproveFile);
    }
    if hit(ui, &review::APPROVE).is_some() {
        say(cx, Say::Approve(None));
    }
    if hit(ui, &review::BLAME).is_some() {
        cx.send(Command::ToggleBlame);
    }
    if hit(ui, &review::HISTORY).is_some() {
        let open = cx.state.review.told.cell.is_some();
        cx.send(Command::TellCell(cx.state.review.focused_row().filter(|_| !open)));
    }
    match hit(ui, &review::THREAD) {
        Some(0) => say(cx, Say::Walk(true)),
        Some(_) => say(cx, Say::Walk(false)),
        None => {}
    }
}
