//! "Run with parameters..." and "Rerun...".
use egui::{Align, Context, Frame, Id, Key, Label, Layout, Margin, Modal, Modifiers, Sense, Stroke, Ui, vec2};

use super::{detail::preview_words, words::task_mark};
use crate::{
    app::{
        connections,
        runs::{Command, Dialog, Field, RerunDialog, RunDialog, find},
    },
    base::{Error, text},
    model::{
        pipeline::{ParamKind, show},
        run::{LOCAL, Run, Scope, TaskState},
    },
    ui::{
        PageCx,
        theme::{Mark, Theme},
        widgets::{
            Btn, Row, environment_tag, error_box, hair_x, icon_button, mark, section_head, segmented, switch,
            text_field,
        },
    },
};

/// What the dialogs remember.
#[derive(Debug, Default)]
pub struct View {
    open: bool,
}

/// Draws the dialog that is open, over the page of runs or a notebook.
pub fn dialogs_ui(ctx: &Context, cx: &mut PageCx<'_>, view: &mut View) {
    let Some(dialog) = cx.state.runs.dialog.clone() else {
        view.open = false;
        return;
    };
    // A question of the shell, such as trust, comes first.
    if cx.state.shell.dialog.is_some() {
        return;
    }
    let first = !std::mem::replace(&mut view.open, true);
    let theme = cx.theme;
    let frame =
        Frame::NONE.fill(theme.raised).stroke(Stroke::new(1.0, theme.border)).corner_radius(8).shadow(theme.shadow());
    let modal = Modal::new(Id::unique("runs-dialog")).frame(frame).backdrop_color(theme.fade(theme.bg, 0.6));
    let shown = modal.show(ctx, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        match &dialog {
            Dialog::Run(d) => run_ui(ui, cx, d, first),
            Dialog::Rerun(d) => rerun_ui(ui, cx, d),
        }
        if ui.input_mut(|i| i.consume_key(Modifiers::COMMAND, Key::Enter)) {
            cx.send(Command::Confirm);
        }
    });
    if shown.should_close() {
        cx.send(Command::CloseDialog);
    }
}

fn title_ui(ui: &mut Ui, cx: &mut PageCx<'_>, title: &str, note: &str, connection: &str) {
    let theme = cx.theme;
    ui.horizontal(|ui| {
        ui.set_height(47.0);
        ui.add_space(20.0);
        ui.label(theme.heading(title));
        ui.label(theme.muted(note));
        environment_tag(ui, theme, connections::environment(cx.state, connection));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add_space(12.0);
            if icon_button(ui, theme, "x", "Close").clicked() {
                cx.send(Command::CloseDialog);
            }
        });
    });
    hair_x(ui, theme);
}

fn foot_ui(ui: &mut Ui, cx: &mut PageCx<'_>, note: &str, label: &str, icon: &str, reason: Option<&str>) {
    let theme = cx.theme;
    hair_x(ui, theme);
    ui.horizontal(|ui| {
        ui.set_height(52.0);
        ui.add_space(20.0);
        ui.label(theme.icon("info", 14.0).color(theme.muted));
        ui.label(theme.small(note));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add_space(20.0);
            let go = Btn::new(label).icon(icon).key("Ctrl Enter").primary().disabled(reason);
            if go.show(ui, theme).clicked() {
                cx.send(Command::Confirm);
            }
            if Btn::new("Cancel").key("Esc").quiet().show(ui, theme).clicked() {
                cx.send(Command::CloseDialog);
            }
        });
    });
}

fn run_ui(ui: &mut Ui, cx: &mut PageCx<'_>, d: &RunDialog, first: bool) {
    let theme = cx.theme;
    ui.set_width(560.0);
    let source = match (d.connection == LOCAL, d.source == d.pipeline) {
        (false, _) => d.connection.as_str(),
        (true, true) => "",
        (true, false) => d.source.as_str(),
    };
    title_ui(ui, cx, &format!("Run {}", d.pipeline), source, &d.connection);
    Frame::NONE.inner_margin(Margin::symmetric(20, 12)).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 8.0;
        let mut focus = first;
        if d.asking {
            ui.horizontal(|ui| {
                mark(ui, theme, Mark::Running, 14.0);
                ui.label(theme.muted(format!("Asking {} for the parameters", d.connection)));
            });
        }
        if let Some(error) = &d.error {
            error_box(ui, theme, error, &[]);
        }
        egui::ScrollArea::vertical().max_height(420.0).show(ui, |ui| {
            for field in &d.fields {
                field_ui(ui, cx, field, std::mem::take(&mut focus));
            }
        });
        ui.horizontal(|ui| {
            label(ui, theme, "note", "");
            let mut note = d.note.clone();
            if text_field(ui, theme, &mut note, "Reason, kept with the run", "Why, kept with the run", 380.0).changed()
            {
                cx.send(Command::SetNote(note));
            }
        });
    });
    let wrong = d.fields.iter().any(|f| f.error.is_some());
    let reason = match (wrong, d.asking) {
        (true, _) => Some("A value is wrong"),
        (_, true) => Some("Its parameters are being asked for"),
        _ => None,
    };
    let note = if d.is_notebook() { "The executed copy opens at the end" } else { "A click twice starts it once" };
    let label = if d.connection == LOCAL { "Run it".to_owned() } else { format!("Run it in {}", d.connection) };
    foot_ui(ui, cx, note, &label, "play", reason);
}

fn label(ui: &mut Ui, theme: &Theme, name: &str, help: &str) {
    ui.allocate_ui_with_layout(vec2(112.0, 24.0), Layout::left_to_right(Align::Center), |ui| {
        ui.set_width(112.0);
        let label = ui.add(Label::new(theme.code(name).color(theme.muted)).truncate());
        if !help.is_empty() {
            label.on_hover_text(help);
        }
    });
}

fn field_ui(ui: &mut Ui, cx: &mut PageCx<'_>, field: &Field, focus: bool) {
    let theme = cx.theme;
    let p = &field.param;
    let help = p.help.clone().unwrap_or_default();
    let set = |text: String| Command::SetField { name: p.name.clone(), text };
    ui.horizontal(|ui| {
        label(ui, theme, &p.name, &help);
        if p.kind == ParamKind::Bool {
            let on = field.text.trim() == "true";
            if switch(ui, theme, on, if on { "true" } else { "false" }) {
                cx.send(set((!on).to_string()));
            }
        } else if !p.choices.is_empty() && p.choices.len() <= 5 {
            let words: Vec<String> = p.choices.iter().map(show).collect();
            let choices: Vec<(usize, &str)> = words.iter().enumerate().map(|(i, w)| (i, w.as_str())).collect();
            let current = words.iter().position(|w| *w == field.text).unwrap_or(usize::MAX);
            if let Some(i) = segmented(ui, theme, current, &choices) {
                cx.send(set(words.get(i).cloned().unwrap_or_default()));
            }
        } else if !p.choices.is_empty() {
            egui::ComboBox::from_id_salt(&p.name).selected_text(&field.text).show_ui(ui, |ui| {
                for choice in p.choices.iter().map(show) {
                    if ui.selectable_label(choice == field.text, &choice).clicked() {
                        cx.send(set(choice));
                    }
                }
            });
        } else {
            let hint = match p.kind {
                ParamKind::Date => "2026-11-16",
                ParamKind::Int => "a whole number",
                ParamKind::Float => "a number",
                ParamKind::Value => "text, a number, [1, 2]",
                ParamKind::Json => "JSON",
                _ => "text",
            };
            let mut text = field.text.clone();
            let response = text_field(ui, theme, &mut text, &p.name, hint, 240.0);
            if focus {
                response.request_focus();
            }
            if response.changed() {
                cx.send(set(text));
            }
            ui.label(theme.faint(match p.kind {
                ParamKind::Text => "text",
                ParamKind::Int => "integer",
                ParamKind::Float => "number",
                ParamKind::Bool => "",
                ParamKind::Date => "date",
                ParamKind::Value => "value",
                ParamKind::Json => "JSON",
            }));
        }
    });
    let below = field.error.clone().map(|e| (e, true)).or_else(|| p.help.clone().map(|h| (h, false)));
    if let Some((words, wrong)) = below {
        ui.horizontal(|ui| {
            ui.add_space(120.0);
            let ink = if wrong { theme.mark_text(crate::ui::theme::Mark::Failed) } else { theme.faint };
            ui.add(Label::new(theme.small(words).color(ink)).wrap());
        });
    }
}

fn rerun_ui(ui: &mut Ui, cx: &mut PageCx<'_>, d: &RerunDialog) {
    let theme = cx.theme;
    let Some(run) = find(cx.state, &d.run).cloned() else {
        cx.send(Command::CloseDialog);
        return;
    };
    let wide = ui.ctx().content_rect().width() >= 960.0;
    ui.set_width(if wide { 880.0 } else { 760.0 });
    title_ui(ui, cx, &format!("Rerun {}", run.title()), &run.connection, &run.connection);
    let plan = Plan::of(&run, d);
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        Frame::NONE.inner_margin(Margin::symmetric(20, 12)).show(ui, |ui| {
            ui.vertical(|ui| {
                ui.set_width(336.0);
                ui.spacing_mut().item_spacing.x = 8.0;
                scopes_ui(ui, cx, d, &run);
            });
        });
        Frame::NONE.fill(theme.panel).show(ui, |ui| {
            ui.vertical(|ui| {
                ui.set_width(ui.available_width());
                ui.set_min_height(320.0);
                ui.spacing_mut().item_spacing.x = 8.0;
                preview_ui(ui, cx, &run, d, &plan);
            });
        });
    });
    let (label, reason) = match &plan {
        Plan::Known { instances, .. } => {
            (format!("Rerun {} in {}", text::count(*instances as u64, "task"), d.connection), None)
        }
        Plan::Asking => ("Rerun".to_owned(), Some(format!("{} is being asked", d.connection))),
        Plan::No(e) => ("Rerun".to_owned(), Some(e.what.clone())),
    };
    foot_ui(ui, cx, "A click twice, or two windows, never start it twice", &label, "rotate-cw", reason.as_deref());
}

/// What a rerun would run: for Andon's own runner the graph says it, for another system that system.
enum Plan {
    Known { tasks: Vec<String>, instances: usize, notes: Vec<String> },
    Asking,
    No(Error),
}

impl Plan {
    fn of(run: &Run, d: &RerunDialog) -> Self {
        match &d.preview {
            _ if run.connection == LOCAL => match run.rerun_plan(&d.scope) {
                Ok(tasks) => Self::Known { instances: tasks.len(), tasks, notes: Vec::new() },
                Err(e) => Self::No(e),
            },
            Some(Ok(p)) => Self::Known { tasks: p.tasks.clone(), instances: p.instances, notes: p.notes.clone() },
            Some(Err(e)) => Self::No(e.clone()),
            None => Self::Asking,
        }
    }
}

fn scopes_ui(ui: &mut Ui, cx: &mut PageCx<'_>, d: &RerunDialog, run: &Run) {
    let theme = cx.theme;
    ui.label(theme.section("What to run"));
    ui.add_space(6.0);
    let kept = run.tasks.iter().filter(|t| t.state == TaskState::Success).count() as u64;
    let mut options = vec![(
        Scope::Failed,
        "Failed and what follows".to_owned(),
        format!("keeps the {} that succeeded", text::count(kept, "task")),
    )];
    if let Some(task) = &d.task {
        options.push((Scope::From(task.clone()), format!("From {task} on"), "it and what follows it".to_owned()));
        options.push((Scope::Only(task.clone()), "This task only".to_owned(), task.clone()));
    }
    options.push((Scope::All, "Whole run again".to_owned(), "same run, every task".to_owned()));
    for (scope, title, note) in options {
        let plan = run.rerun_plan(&scope);
        let on = d.scope == scope;
        let count = plan.as_ref().map_or_else(|_| "none".to_owned(), |p| text::count(p.len() as u64, "task"));
        let row = Row::new(&title).height(48.0).padding(10.0).selected(on).show(ui, theme, |ui| {
            let (dot, _) = ui.allocate_exact_size(vec2(14.0, 14.0), Sense::hover());
            let ink = if on { theme.accent } else { theme.border };
            ui.painter().circle_stroke(dot.center(), 6.0, Stroke::new(1.5, ink));
            if on {
                ui.painter().circle_filled(dot.center(), 3.0, theme.accent);
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.label(theme.small(count));
                ui.with_layout(Layout::top_down(Align::Min), |ui| {
                    ui.spacing_mut().item_spacing.y = 0.0;
                    ui.add_space(5.0);
                    let ink = if plan.is_ok() { theme.text } else { theme.faint };
                    ui.add(Label::new(theme.label(title.as_str()).color(ink)).truncate());
                    ui.add(Label::new(theme.small(note)).truncate());
                });
            });
        });
        if row.clicked() && plan.is_ok() {
            cx.send(Command::SetScope(scope));
        }
    }
    task_choice_ui(ui, cx, d, run);
    ui.add_space(12.0);
    ui.label(theme.section("Reason, kept as a note on the run"));
    ui.add_space(6.0);
    let mut note = d.note.clone();
    if text_field(ui, theme, &mut note, "Reason", "Why", 336.0).changed() {
        cx.send(Command::SetNote(note));
    }
    ui.add_space(8.0);
    ui.horizontal(|ui| {
        ui.label(theme.small("Other parameters:"));
        if crate::ui::widgets::link(ui, theme, "a new run\u{2026}").clicked() {
            cx.send(Command::CloseDialog);
            cx.send(Command::AskRun(run.key()));
        }
    });
}

/// Which task "from" and "only" mean.
fn task_choice_ui(ui: &mut Ui, cx: &mut PageCx<'_>, d: &RerunDialog, run: &Run) {
    let (Scope::From(task) | Scope::Only(task)) = &d.scope else { return };
    ui.add_space(8.0);
    ui.horizontal(|ui| {
        ui.label(cx.theme.small("Task"));
        egui::ComboBox::from_id_salt("rerun-task").selected_text(task.as_str()).show_ui(ui, |ui| {
            for t in &run.tasks {
                if ui.selectable_label(t.id == *task, &t.id).clicked() {
                    let scope = if matches!(d.scope, Scope::From(_)) {
                        Scope::From(t.id.clone())
                    } else {
                        Scope::Only(t.id.clone())
                    };
                    cx.send(Command::AskRerun { run: run.id.clone(), scope });
                }
            }
        });
    });
}

fn preview_ui(ui: &mut Ui, cx: &mut PageCx<'_>, run: &Run, d: &RerunDialog, plan: &Plan) {
    let theme = cx.theme;
    let who = match (plan, run.connection == LOCAL) {
        (_, true) => String::new(),
        (Plan::Asking, _) => format!("asking {}\u{2026}", run.connection),
        (Plan::Known { .. }, _) => format!("asked from {}", run.connection),
        (Plan::No(_), _) => String::new(),
    };
    section_head(ui, theme, "Preview", &who, |_| {});
    hair_x(ui, theme);
    if let (Plan::No(error), false) = (plan, run.connection == LOCAL) {
        Frame::NONE.inner_margin(Margin::same(12)).show(ui, |ui| {
            if error_box(ui, theme, error, &["Ask again"]).is_some() {
                cx.send(Command::SetScope(d.scope.clone()));
            }
        });
        return;
    }
    let (plan, notes): (&[String], &[String]) = match plan {
        Plan::Known { tasks, notes, .. } => (tasks, notes),
        _ => (&[], &[]),
    };
    egui::ScrollArea::vertical().max_height(300.0).id_salt("rerun-preview").show(ui, |ui| {
        for task in &run.tasks {
            let runs = plan.contains(&task.id);
            let name = format!("{} in the preview", task.id);
            Row::new(&name).height(28.0).soft(runs).show(ui, theme, |ui| {
                if runs {
                    ui.label(theme.icon("rotate-cw", 14.0).color(theme.accent));
                } else {
                    mark(ui, theme, task_mark(task.state), 14.0);
                }
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    let word = task.state.word().to_lowercase();
                    let next = task.last().map_or(1, |a| a.number + 1);
                    let words = if runs { format!("{word}, runs as try {next}") } else { format!("{word}, stays") };
                    ui.label(theme.small(words));
                    ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                        let text = if runs { theme.strong(task.id.as_str()) } else { theme.muted(task.id.as_str()) };
                        ui.add(Label::new(text).truncate());
                    });
                });
            });
        }
    });
    hair_x(ui, theme);
    Frame::NONE.inner_margin(Margin::symmetric(12, 8)).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 6.0;
        for note in notes {
            ui.add(Label::new(theme.small(note.as_str()).color(theme.mark_text(Mark::Warning))).wrap());
        }
        ui.add(Label::new(theme.small(preview_words(run, plan, cx))).wrap());
        ui.horizontal(|ui| {
            ui.label(theme.small("Request"));
            ui.label(theme.code(format!("{} round {}", run.id, run.round + 1)).size(11.5).color(theme.muted));
            ui.label(theme.small("sent once"));
        });
    });
}
