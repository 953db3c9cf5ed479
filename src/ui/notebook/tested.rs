//! What tests said: of the notebook in front in the inspector, of a folder in the navigator.
use egui::{Align, Frame, Label, Layout, Margin, RichText, ScrollArea, Ui};

use crate::{
    app::notebook::{
        Command, Doc,
        tested::{Command as Test, Test as Tested, Tests},
    },
    base::{
        text::{count, shorten},
        time::duration_ms,
    },
    model::{
        nbtest::{CellResult, Difference, NotebookResult, Verdict},
        textdiff::RowKind,
    },
    ui::{
        PageCx,
        theme::{CONTROL, Mark, Theme},
        widgets::{Row, icon_button, link, mark, section_head, segmented, text_field},
    },
};

/// Mark of a verdict.
pub fn mark_of(verdict: Verdict) -> Mark {
    match verdict {
        Verdict::Passed => Mark::Success,
        Verdict::Ran => Mark::Unknown,
        Verdict::Differs => Mark::Warning,
        Verdict::Failed => Mark::Failed,
        Verdict::Skipped | Verdict::NotRun => Mark::Skipped,
    }
}

/// The test of the notebook in front; the result of the selected cell is shown whole.
pub fn section_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc) {
    let theme = cx.theme;
    let Some(test) = &doc.test else {
        if cx.state.notebook.tests.options {
            section_head(ui, theme, "Test", "", |ui| {
                if icon_button(ui, theme, "x", "Close the options of tests").clicked() {
                    cx.send(Command::Test(Test::Options(false)));
                }
                if link(ui, theme, "Test now").clicked() {
                    cx.send(Command::Test(Test::This));
                }
            });
            options_ui(ui, cx);
        }
        return;
    };
    section_head(ui, theme, "Test", "", |ui| {
        if icon_button(ui, theme, "x", "Close the test").clicked() {
            cx.send(Command::Test(if test.is_running() { Test::Cancel } else { Test::Close }));
        }
        if test.is_running() {
            if link(ui, theme, "Cancel").clicked() {
                cx.send(Command::Test(Test::Cancel));
            }
        } else {
            if link(ui, theme, "Test again").clicked() {
                cx.send(Command::Test(Test::This));
            }
            let shown = cx.state.notebook.tests.options;
            let name = if shown { "Hide the options of tests" } else { "Options of tests" };
            if icon_button(ui, theme, "sliders-horizontal", name).clicked() {
                cx.send(Command::Test(Test::Options(!shown)));
            }
        }
    });
    if cx.state.notebook.tests.options && !test.is_running() {
        options_ui(ui, cx);
    }
    let Some(result) = &test.result else {
        let total = doc.cells().len();
        let words = test.at.map_or("Starting".to_owned(), |at| format!("Cell {} of {total} runs", at + 1));
        line_ui(ui, theme, Some(Mark::Running), &words);
        return;
    };
    head_ui(ui, cx, test, doc, result);
    let bad = |c: &&CellResult| c.verdict.is_bad();
    for cell in result.cells.iter().filter(bad).take(200) {
        cell_ui(ui, cx, doc, test, cell);
    }
    let selected = test.of(doc.selected).filter(|c| !c.verdict.is_bad());
    if let Some(cell) = selected {
        let mut words = format!("Cell {} {}", cell.cell + 1, cell.verdict.word());
        if !cell.hidden.is_empty() {
            words.push_str(&format!("; hidden: {}", cell.hidden));
        } else if !cell.reason.is_empty() {
            words.push_str(&format!(". {}", cell.reason));
        }
        line_ui(ui, theme, Some(mark_of(cell.verdict)), &words);
    }
    ui.add_space(8.0);
}

/// How tests are judged: what `andon test` takes on the command line.
fn options_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    let before = &cx.state.notebook.tests.judge;
    let mut now = before.clone();
    Frame::NONE.inner_margin(Margin { left: 12, right: 12, top: 2, bottom: 8 }).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 6.0;
        let line = |ui: &mut Ui, label: &str, contents: &mut dyn FnMut(&mut Ui)| {
            ui.horizontal(|ui| {
                ui.allocate_ui_with_layout(egui::vec2(78.0, 24.0), Layout::left_to_right(Align::Center), |ui| {
                    ui.set_width(78.0);
                    ui.label(theme.small(label));
                });
                contents(ui);
            });
        };
        line(ui, "Compare", &mut |ui| {
            let choices = [(false, "All cells"), (true, "Marked cells")];
            if let Some(lax) = segmented(ui, theme, now.lax, &choices) {
                now.lax = lax;
            }
        });
        let width = (ui.available_width() - 78.0 - 24.0).clamp(60.0, 180.0);
        let fields: [(&str, &str, &str, &mut String); 3] = [
            ("Tolerance", "Relative difference of two numbers that is none", "1e-9", &mut now.tolerance),
            ("Seconds", "Most seconds a cell may take", "no limit", &mut now.seconds),
            ("Masks", "File of patterns that count for nothing", "masks.cfg", &mut now.masks),
        ];
        for (label, name, hint, text) in fields {
            line(ui, label, &mut |ui| {
                text_field(ui, theme, text, name, hint, width).on_hover_text(name);
            });
        }
        if let Err(error) = now.read() {
            ui.horizontal_top(|ui| {
                mark(ui, theme, Mark::Warning, 12.0);
                let hint = error.hint.as_deref().map(|h| format!(". {h}")).unwrap_or_default();
                ui.add(Label::new(theme.small(format!("{}{hint}", error.what))).wrap());
            });
        }
    });
    if now != *before {
        cx.send(Command::Test(Test::Judge(now)));
    }
}

fn head_ui(ui: &mut Ui, cx: &mut PageCx<'_>, test: &Tested, doc: &Doc, result: &NotebookResult) {
    let theme = cx.theme;
    let shape = if result.passed() { Mark::Success } else { Mark::Failed };
    let lasted = if result.ms > 0 { format!(", {}", duration_ms(result.ms)) } else { String::new() };
    line_ui(ui, theme, Some(shape), &format!("{}{lasted}", result.words()));
    if let Some(hint) = result.error.as_ref().and_then(|e| e.hint.as_deref()) {
        line_ui(ui, theme, None, hint);
    }
    if test.is_old(doc) {
        line_ui(ui, theme, None, "The notebook was edited after the test");
    }
    if test.sides.is_some() && result.cells.iter().any(|c| c.verdict == Verdict::Differs) {
        ui.horizontal(|ui| {
            ui.set_height(24.0);
            ui.add_space(30.0);
            if link(ui, theme, "Compare stored and new outputs").clicked() {
                cx.send(Command::Test(Test::Compare));
            }
        });
    }
}

fn line_ui(ui: &mut Ui, theme: &Theme, shape: Option<Mark>, words: &str) {
    ui.horizontal(|ui| {
        ui.set_min_height(24.0);
        ui.add_space(12.0);
        match shape {
            Some(shape) => {
                mark(ui, theme, shape, 12.0);
            }
            None => ui.add_space(12.0),
        }
        ui.add(Label::new(theme.small(words)).wrap());
    });
}

fn cell_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc, test: &Tested, cell: &CellResult) {
    let theme = cx.theme;
    let key = test.key(cell);
    let here = key == Some(doc.selected);
    let name = format!("Cell {} {}", cell.cell + 1, cell.verdict.word());
    let row = Row::new(&name).soft(here).show(ui, theme, |ui| {
        mark(ui, theme, mark_of(cell.verdict), 12.0);
        ui.label(RichText::new((cell.cell + 1).to_string()).font(theme.mono(CONTROL)).color(theme.faint));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.label(theme.small(cell.verdict.word()));
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add(Label::new(theme.body(cell.title.as_str())).truncate());
            });
        });
    });
    if let Some(key) = key.filter(|_| row.clicked()) {
        cx.send(Command::Select(key));
    }
    if !here {
        return;
    }
    if cell.differences.is_empty() {
        line_ui(ui, theme, None, &cell.reason);
    }
    for difference in cell.differences.iter().take(20) {
        difference_ui(ui, theme, difference);
    }
    if !cell.hidden.is_empty() {
        line_ui(ui, theme, None, &format!("Hidden: {}", cell.hidden));
    }
}

/// Stored lines and those that came, one below the other.
fn difference_ui(ui: &mut Ui, theme: &Theme, difference: &Difference) {
    line_ui(ui, theme, None, &format!("Output {}, {}", difference.output, difference.words));
    if difference.lines.is_empty() {
        return;
    }
    let outer = Margin { left: 12, right: 12, top: 0, bottom: 6 };
    Frame::NONE.outer_margin(outer).inner_margin(6).corner_radius(4).fill(theme.bg).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 1.0;
        ui.set_width(ui.available_width());
        let id = egui::Id::unique(("test-lines", difference.output, &difference.words));
        ScrollArea::both().id_salt(id).max_height(220.0).auto_shrink([false, true]).show(ui, |ui| {
            for line in &difference.lines {
                let (sign, ink) = match line.kind {
                    RowKind::Same => (' ', theme.muted),
                    RowKind::Removed => ('-', theme.mark_text(Mark::Failed)),
                    RowKind::Added => ('+', theme.mark_text(Mark::Success)),
                    RowKind::Changed => ('~', theme.mark_text(Mark::Warning)),
                };
                let text = format!("{sign} {}", shorten(&line.text, 200));
                ui.add(Label::new(RichText::new(text).font(theme.mono(11.5)).color(ink)).extend());
            }
        });
    });
}

/// Notebooks of the list that are seen without scrolling.
const SEEN: usize = 7;

/// How high it is.
pub fn list_height(tests: &Tests) -> f32 {
    32.0 + 24.0 + 24.0 * tests.total.clamp(1, SEEN) as f32 + 12.0
}

/// The list of tested notebooks, at the foot of the navigator.
pub fn list_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    let tests = &cx.state.notebook.tests;
    section_head(ui, theme, "Tests", &tests.folder, |ui| {
        if icon_button(ui, theme, "x", "Close the list of tests").clicked() {
            cx.send(Command::Test(Test::CloseList));
        }
        if tests.running {
            if link(ui, theme, "Cancel").clicked() {
                cx.send(Command::Test(Test::Cancel));
            }
        } else if link(ui, theme, "Again").clicked() {
            cx.send(Command::Test(Test::Folder(tests.folder.clone())));
        }
    });
    let (shape, words) = summary(tests);
    line_ui(ui, theme, Some(shape), &words);
    ScrollArea::vertical().id_salt("tests").auto_shrink([false, true]).show(ui, |ui| {
        for result in &tests.results {
            let file = result.path.rsplit('/').next().unwrap_or(&result.path);
            let shape = if result.passed() { Mark::Success } else { Mark::Failed };
            let name = format!("{}, {}", result.path, result.words());
            let row = Row::new(&name).show(ui, theme, |ui| {
                mark(ui, theme, shape, 12.0);
                ui.add(Label::new(theme.body(file)).truncate());
            });
            if row.on_hover_text(name).clicked() {
                cx.send(Command::Test(Test::Open(result.path.clone())));
            }
        }
    });
}

fn summary(tests: &Tests) -> (Mark, String) {
    let bad = tests.results.iter().filter(|r| !r.passed()).count();
    let done = tests.results.len();
    let words = |n: usize| count(n as u64, "notebook");
    match (tests.running, bad) {
        (true, 0) => (Mark::Running, format!("{done} of {} done", words(tests.total))),
        (true, bad) => (Mark::Running, format!("{done} of {} done, {bad} did not pass", words(tests.total))),
        (false, 0) if done == tests.total => (Mark::Success, format!("{} passed", words(done))),
        (false, 0) => (Mark::Skipped, format!("{done} of {} tested, all passed", words(tests.total))),
        (false, bad) => (Mark::Failed, format!("{bad} of {} did not pass", words(done))),
    }
}
