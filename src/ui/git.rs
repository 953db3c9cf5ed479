//! The commit dialog: message, the files that go in, what runs besides git. `branches` draws the list of branches and
//! stashes, `asks` the questions of version actions.
mod asks;
mod branches;

use egui::{Align, Key, Layout, Modifiers, ScrollArea, Ui};

use super::PageCx;
use crate::{
    app::{
        git::{
            Command,
            work::{Ask, Work},
        },
        review, shell,
    },
    base::text::count,
    model::git::{FileState, Rev},
    ui::widgets::{Btn, Row, error_box, link},
};

/// Drafts of the open dialog.
#[derive(Debug)]
pub struct View {
    text: String,
    second: String,
    check: bool,
    selected: usize,
    /// The selection was moved by keys in this frame.
    moved: bool,
    /// Nothing has been drawn yet.
    fresh: bool,
    /// The second field was typed into.
    touched: bool,
    /// Which question the drafts belong to.
    of: Option<(std::mem::Discriminant<Ask>, u64)>,
}

impl Default for View {
    fn default() -> Self {
        let (text, second) = Default::default();
        Self { text, second, check: false, selected: 0, moved: false, fresh: true, touched: false, of: None }
    }
}

/// True for what hangs below the command bar instead of standing in the middle.
pub fn is_panel(ask: &Ask) -> bool {
    matches!(ask, Ask::Branches | Ask::Stashes)
}

/// Draws a question of version actions.
pub fn ask_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, ask: &Ask) {
    let number = if let Ask::Question(q) = ask { q.id } else { 0 };
    let of = Some((std::mem::discriminant(ask), number));
    if view.of != of {
        *view = View { of, ..View::default() };
    }
    match ask {
        Ask::Branches => branches::panel_ui(ui, cx, view, false),
        Ask::Stashes => branches::panel_ui(ui, cx, view, true),
        _ => asks::ask_ui(ui, cx, view, ask),
    }
}

/// Letters after which a first line is cut in many listings.
const LONG_LINE: usize = 72;

/// Draws the dialog's contents.
pub fn commit_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    let git = &cx.state.git;
    ui.horizontal(|ui| {
        ui.label(theme.heading("Commit"));
        ui.label(theme.muted(format!("to {}", git.branch().unwrap_or_default())));
        if let Some(author) = &git.status.author {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.label(theme.faint(format!("{} <{}>", author.name, author.email)));
            });
        }
    });
    message_ui(ui, cx);
    files_ui(ui, cx);
    notes_ui(ui, cx);
    if let Some(error) = &git.commit.error {
        error_box(ui, theme, error, &[]);
    }
    buttons_ui(ui, cx);
}

fn message_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    let mut text = cx.state.git.commit.message.clone();
    let edit = egui::TextEdit::multiline(&mut text)
        .id_salt("commit-message")
        .font(theme.mono(12.5))
        .hint_text(egui::RichText::new("What changed and why, the first line a summary").color(theme.faint))
        .desired_width(f32::INFINITY)
        .desired_rows(4)
        .margin(egui::Margin::symmetric(8, 6))
        .background_color(theme.bg);
    let response = ui.add(edit);
    response.widget_info(|| {
        let mut info = egui::WidgetInfo::text_edit(true, "", text.as_str(), "");
        info.label = Some("Commit message".to_owned());
        info
    });
    if response.changed() {
        cx.send(Command::Message(text.clone()));
    }
    // Once, when the dialog opens: later the person decides where to type.
    let now = ui.ctx().cumulative_frame_nr();
    let opened = ui.data_mut(|d| {
        let frame: &mut u64 = d.get_temp_mut_or_default(response.id);
        let fresh = *frame + 1 < now;
        *frame = now;
        fresh
    });
    if opened {
        response.request_focus();
    }
    let first = text.lines().next().unwrap_or_default().chars().count();
    if first > LONG_LINE {
        ui.label(theme.small(format!("The first line has {first} letters; many listings cut it after {LONG_LINE}")));
    }
}

fn files_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    let git = &cx.state.git;
    let total = git.committable().count();
    ui.horizontal(|ui| {
        let chosen = git.commit.chosen.len();
        ui.label(theme.section(format!("{chosen} of {}", count(total as u64, "file"))));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if link(ui, theme, "None").clicked() {
                cx.send(Command::ChooseAll(false));
            }
            if link(ui, theme, "All").clicked() {
                cx.send(Command::ChooseAll(true));
            }
        });
    });
    let files: Vec<&FileState> = cx.state.git.status.files.iter().collect();
    let mut send = Vec::new();
    let frame = egui::Frame::NONE.fill(theme.bg).stroke(theme.hairline()).corner_radius(6);
    frame.show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        ui.set_width(ui.available_width());
        if files.is_empty() {
            ui.add_space(8.0);
            ui.horizontal(|ui| {
                ui.add_space(12.0);
                ui.label(theme.muted("Nothing differs from the last commit"));
            });
            ui.add_space(8.0);
        }
        let area = ScrollArea::vertical().max_height(220.0).auto_shrink([false, true]);
        area.show_rows(ui, 24.0, files.len(), |ui, range| {
            for file in files.get(range).unwrap_or_default() {
                file_ui(ui, cx, file, &mut send);
            }
        });
    });
    cx.send.append(&mut send);
    if cx.state.git.status.more > 0 {
        ui.label(theme.small(format!("{} more are not listed", cx.state.git.status.more)));
    }
}

fn file_ui(ui: &mut Ui, cx: &PageCx<'_>, file: &FileState, send: &mut Vec<crate::app::Command>) {
    let theme = cx.theme;
    let on = cx.state.git.commit.chosen.contains(&file.path);
    let box_icon = if file.conflicted {
        "triangle-alert"
    } else if on {
        "square-check"
    } else {
        "square"
    };
    let row = Row::new(&file.path).show(ui, theme, |ui| {
        ui.label(theme.icon(box_icon, 14.0).color(if on { theme.accent } else { theme.muted }));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if !file.untracked && link(ui, theme, "Compare").clicked() {
                let path = Some(file.path.clone());
                send.push(shell::Command::CloseDialog.into());
                send.push(review::Command::Show { base: Rev::head(), compare: Rev::WorkingTree, path }.into());
            }
            if !file.conflicted && link(ui, theme, "Discard").clicked() {
                send.push(Work::Discard(vec![file.path.clone()]).into());
            }
            ui.label(theme.faint(file.word()));
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let text = match &file.old_path {
                    Some(old) => format!("{} (was {old})", file.path),
                    None => file.path.clone(),
                };
                ui.add(egui::Label::new(theme.body(text)).truncate());
            });
        });
    });
    let row = if file.conflicted { row.on_hover_text("Decide its conflicts first") } else { row };
    if row.clicked() && !file.conflicted {
        send.push(Command::Toggle(file.path.clone()).into());
    }
}

fn notes_ui(ui: &mut Ui, cx: &PageCx<'_>) {
    let theme = cx.theme;
    let status = &cx.state.git.status;
    if !status.commit_runs.is_empty() {
        ui.label(theme.small(format!("Runs with the commit: {}", status.commit_runs.join(", "))));
    }
    if status.underway == crate::model::git::Underway::Merge {
        ui.label(theme.small("A merge is committed as a whole: what is staged already goes in, ticked or not"));
    }
    if status.author.is_none() {
        ui.label(theme.small("git does not know your name yet: git config --global user.name and user.email"));
    }
    if matches!(status.head, crate::model::git::Head::Detached { .. }) {
        ui.label(theme.small("HEAD is detached: no branch will follow this commit"));
    }
}

fn buttons_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    let commit = &cx.state.git.commit;
    ui.add_space(8.0);
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        let merging = cx.state.git.status.underway == crate::model::git::Underway::Merge;
        let reason = if commit.busy {
            Some("The commit is being made")
        } else if commit.chosen.is_empty() && !merging {
            Some("Tick at least one file")
        } else if commit.message.trim().is_empty() {
            Some("Say in a line what changed and why")
        } else {
            None
        };
        let label = if commit.busy {
            "Committing\u{2026}".to_owned()
        } else if commit.chosen.is_empty() {
            "Commit the merge".to_owned()
        } else {
            format!("Commit {}", count(commit.chosen.len() as u64, "file"))
        };
        let chord = ui.input_mut(|i| i.consume_key(Modifiers::COMMAND, Key::Enter));
        let clicked = Btn::new(&label).primary().key("Ctrl Enter").disabled(reason).show(ui, theme).clicked();
        if clicked || (chord && reason.is_none()) {
            cx.send(Command::Commit);
        }
        if Btn::new("Cancel").show(ui, theme).clicked() {
            cx.send(shell::Command::CloseDialog);
        }
    });
}
