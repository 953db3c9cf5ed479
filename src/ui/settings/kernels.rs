//! What runs notebook cells: the embedded engine, kernels found on this machine, Pythons that could become one.
use egui::{Label, Ui};

use super::sections::{note, table_head, table_row};
use crate::{
    app::settings::Command,
    model::kernel::{Discovery, Interpreter, KernelSpec, Origin},
    ui::{
        PageCx,
        theme::{Mark, Theme},
        widgets::{Btn, Row, error_box, mark, progress_bar, segmented},
    },
};

/// Shares of the columns: name, version, where it comes from, path.
const WIDTHS: [f32; 4] = [0.28, 0.1, 0.18, 0.44];

/// The button of the page head.
pub fn look_again(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let busy = cx.state.settings.looking.then_some("Looking now");
    if Btn::new("Look again").icon("refresh-cw").quiet().disabled(busy).show(ui, cx.theme).clicked() {
        cx.send(Command::LookForKernels);
    }
}

/// Draws the section.
pub fn kernels_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    let settings = &cx.state.settings;
    ui.spacing_mut().item_spacing.y = 0.0;
    table_head(ui, theme, &WIDTHS, &["Kernel", "Version", "Found", "Path"]);
    row(ui, theme, Mark::Success, "SQL", &["", "part of Andon", "%%sql cells run on Polars, with no Python needed"]);
    let found = settings.kernels.clone();
    if let Some(found) = &found {
        found.kernels.iter().for_each(|k| kernel_ui(ui, theme, k));
    }
    if settings.looking {
        ui.add_space(12.0);
        ui.horizontal(|ui| {
            progress_bar(ui, theme, None, 160.0);
            ui.label(theme.muted("Looking for kernels and asking each Python"));
        });
    }
    if let Some(error) = &settings.kernels_error {
        ui.add_space(12.0);
        if error_box(ui, theme, error, &["Look again"]).is_some() {
            cx.send(Command::LookForKernels);
        }
    }
    ui.add_space(12.0);
    if let Some(found) = &found {
        rest_ui(ui, cx, found);
    }
    let keep = cx.state.settings.values.keep_kernels;
    ui.horizontal(|ui| {
        ui.label(theme.body("Without a window, keep a kernel that does nothing for"));
        let choices = [(0, "0"), (10, "10"), (60, "60"), (480, "480")];
        if let Some(minutes) = segmented(ui, theme, keep, &choices) {
            cx.send(Command::SetKeepKernels(minutes));
        }
        ui.label(theme.body("minutes"));
    });
    ui.add_space(4.0);
    note(
        ui,
        cx,
        "A cell that runs is never ended by closing the window: open the notebook again and all it printed is there",
    );
    let sentence =
        "Kernels are found by their kernelspecs and as environments: in the folder, at the usual places, on the PATH";
    note(ui, cx, sentence);
}

/// Pythons without ipykernel, and what could not be used.
fn rest_ui(ui: &mut Ui, cx: &PageCx<'_>, found: &Discovery) {
    let theme = cx.theme;
    if found.kernels.is_empty() {
        note(
            ui,
            cx,
            "No kernel was found. Open a notebook and run a Python cell: Andon then offers to make an environment with ipykernel",
        );
        ui.add_space(12.0);
    }
    let bare: Vec<&Interpreter> = found.interpreters.iter().filter(|i| i.ipykernel.is_none()).collect();
    if !bare.is_empty() {
        ui.label(theme.section("Pythons without ipykernel"));
        for python in bare {
            let path = python.path.display().to_string();
            let name = if python.is_venv { "Python, virtual environment" } else { "Python" };
            row(ui, theme, Mark::Skipped, name, &[&python.version, origin(python.origin), &path]);
        }
        ui.add_space(12.0);
    }
    if !found.problems.is_empty() {
        ui.label(theme.section("Cannot be used"));
        for problem in &found.problems {
            Row::new(problem).height(28.0).padding(0.0).rule(true).show(ui, theme, |ui| {
                mark(ui, theme, Mark::Warning, 14.0);
                ui.add(Label::new(theme.muted(problem.as_str())).truncate().selectable(true));
            });
        }
        ui.add_space(12.0);
    }
}

fn kernel_ui(ui: &mut Ui, theme: &Theme, kernel: &KernelSpec) {
    let path = match (&kernel.python, &kernel.resource_dir) {
        (Some(python), _) => python.display().to_string(),
        (None, Some(dir)) => dir.display().to_string(),
        (None, None) => kernel.argv.first().cloned().unwrap_or_default(),
    };
    let version = kernel.version.clone().unwrap_or_else(|| kernel.language.clone());
    row(ui, theme, Mark::Success, &kernel.display_name, &[&version, origin(kernel.origin), &path]);
}

fn row(ui: &mut Ui, theme: &Theme, state: Mark, name: &str, rest: &[&str]) {
    let shown = Row::new(name).height(36.0).padding(0.0).rule(true).show(ui, theme, |ui| {
        table_row(ui, &WIDTHS, |ui, column| {
            if column == 0 {
                mark(ui, theme, state, 14.0);
                ui.add(Label::new(theme.label(name)).truncate());
            } else if let Some(text) = rest.get(column - 1) {
                ui.add(Label::new(theme.muted(*text)).truncate().selectable(true));
            }
        });
    });
    shown.on_hover_text(rest.last().copied().unwrap_or_default());
}

fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Workspace => "in this folder",
        Origin::Active => "active environment",
        Origin::User => "yours",
        Origin::System => "this machine's",
        Origin::Path => "on the PATH",
        Origin::Server => "on a server",
    }
}
