//! Suites and their checks one by one: what each asks, what it found, values and rows at fault.
use std::collections::BTreeMap;

use egui::{Align, Label, Layout, ScrollArea, Ui, vec2};

use super::{View, mark_of, open_file, rows};
use crate::{
    app::{
        quality::{Command, Subject, SuiteFile, View as PageView},
        shell,
    },
    base::{text, time},
    model::quality::{Check, CheckPoint, Severity, Status, Suite, Unit, percent},
    ui::{
        PageCx,
        theme::{Mark, Theme},
        widgets::{
            Btn, Row, error_box, hair_x, left_panel, link, mark, mark_word, right_panel, section_head, tag, text_field,
        },
    },
};

/// Draws the view.
pub(super) fn checks_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View) {
    let theme = cx.theme;
    let narrow = ui.available_width() < 1100.0;
    let paths = cx.state.quality.suite_paths();
    if !cx.state.shell.hide_navigator {
        left_panel(ui, theme, "quality-suites", if narrow { 200.0 } else { 264.0 }, |ui| suites(ui, cx, &paths));
    }
    let current = cx.state.quality.suite.clone().filter(|p| paths.contains(p)).or_else(|| paths.first().cloned());
    let Some(path) = current else {
        ui.add_space(16.0);
        ui.label(theme.muted("There is no suite; metrics are on the overview"));
        return;
    };
    if !cx.state.shell.hide_inspector {
        right_panel(ui, theme, "quality-check", if narrow { 260.0 } else { 360.0 }, |ui| {
            ScrollArea::vertical().id_salt("check").auto_shrink(false).show(ui, |ui| inspector(ui, cx, &path));
        });
    }
    let rows_height = if cx.state.quality.rows.is_some() { (ui.available_height() * 0.42).max(160.0) } else { 0.0 };
    let height = ui.available_height() - rows_height;
    ui.allocate_ui_with_layout(vec2(ui.available_width(), height), Layout::top_down(Align::Min), |ui| {
        ui.set_min_height(height);
        suite(ui, cx, view, &path);
    });
    if rows_height > 0.0 {
        hair_x(ui, theme);
        egui::Frame::NONE.inner_margin(egui::Margin::symmetric(16, 6)).show(ui, |ui| rows::rows_ui(ui, cx, view));
    }
}

fn suites(ui: &mut Ui, cx: &mut PageCx<'_>, paths: &[String]) {
    let theme = cx.theme;
    section_head(ui, theme, "Suites", &paths.len().to_string(), |_| {});
    ScrollArea::vertical().id_salt("suites").auto_shrink(false).show_rows(ui, 44.0, paths.len(), |ui, range| {
        ui.spacing_mut().item_spacing.y = 0.0;
        for path in &paths[range] {
            suite_row(ui, cx, path);
        }
    });
}

fn suite_row(ui: &mut Ui, cx: &mut PageCx<'_>, path: &str) {
    let theme = cx.theme;
    let q = &cx.state.quality;
    let name = q.suite_name(path);
    let statuses = q.history.newest_statuses(path);
    let broken = q.failed.contains_key(path) || q.suites.iter().any(|s| s.path == path && s.suite.is_err());
    let (sign, note) = match statuses.iter().max() {
        _ if q.running.contains(path) => (Mark::Running, "checking".to_owned()),
        _ if broken => (Mark::Failed, "cannot be evaluated".to_owned()),
        None => (Mark::Queued, "not evaluated yet".to_owned()),
        Some(worst) => {
            let bad = statuses.iter().filter(|s| !matches!(s, Status::Passed | Status::Info)).count();
            let checks = text::count(statuses.len() as u64, "check");
            let note = if bad == 0 {
                format!("{checks} passed")
            } else {
                format!("{bad} of {checks} {} a look", if bad == 1 { "needs" } else { "need" })
            };
            (mark_of(*worst), note)
        }
    };
    let selected = q.suite.as_deref() == Some(path);
    let at = q.history.newest(path).map(|e| time::when(e.at, cx.now)).unwrap_or_default();
    let words = format!("{name}, {note}");
    let response = Row::new(&words).height(44.0).selected(selected).show(ui, theme, |ui| {
        mark(ui, theme, sign, 16.0);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            ui.add_space(5.0);
            ui.add(Label::new(theme.label(name)).truncate());
            let note = if at.is_empty() { note.clone() } else { format!("{note}, {at}") };
            ui.add(Label::new(theme.small(note)).truncate());
        });
    });
    if response.clicked() {
        cx.send(Command::SelectSuite(path.to_owned()));
    }
}

fn suite(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, path: &str) {
    let theme = cx.theme;
    let q = &cx.state.quality;
    let file: Option<&SuiteFile> = q.suites.iter().find(|s| s.path == path);
    let parsed = file.and_then(|f| f.suite.as_ref().ok());
    suite_head(ui, cx, view, path, file.is_some(), parsed);
    egui::Frame::NONE.inner_margin(egui::Margin::symmetric(16, 4)).show(ui, |ui| {
        if let Some(Err(error)) = file.map(|f| f.suite.as_ref())
            && error_box(ui, theme, error, &["Open the file"]) == Some(0)
        {
            open_file(cx, path);
        }
        if let Some(error) = q.failed.get(path) {
            error_box(ui, theme, error, &[]);
        }
        if let Some(suite) = parsed {
            let what =
                suite.filter.as_ref().map_or_else(|| suite.data.clone(), |f| format!("{} where {f}", suite.data));
            let words = suite.description.as_ref().map_or_else(|| what.clone(), |d| format!("{d}; {what}"));
            ui.add(Label::new(theme.muted(words)).truncate());
        }
    });
    let ids = q.check_ids(path);
    ScrollArea::vertical().id_salt("checks").auto_shrink(false).show_rows(ui, 44.0, ids.len(), |ui, range| {
        ui.spacing_mut().item_spacing.y = 0.0;
        for id in &ids[range] {
            let check = parsed.and_then(|s| s.checks.iter().find(|c| c.id == *id));
            check_row(ui, cx, path, id, check);
        }
    });
}

fn suite_head(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, path: &str, exists: bool, suite: Option<&Suite>) {
    let theme = cx.theme;
    crate::ui::widgets::toolbar(ui, theme, |ui| {
        ui.label(theme.strong(cx.state.quality.suite_name(path)));
        if exists {
            if link(ui, theme, path).clicked() {
                open_file(cx, path);
            }
        } else {
            ui.add(Label::new(theme.muted(format!("{path} is gone; this is its history"))).truncate());
        }
        let Some(suite) = suite else { return };
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let names = suite.used_params();
            let mut params: BTreeMap<String, String> = BTreeMap::new();
            for name in &names {
                let typed = view.params.get(&(path.to_owned(), name.clone())).filter(|v| !v.trim().is_empty());
                if let Some(value) = typed {
                    params.insert(name.clone(), value.trim().to_owned());
                }
            }
            let lacking = suite.missing_params().into_iter().find(|name| !params.contains_key(name));
            let busy = !cx.state.quality.running.is_empty();
            let reason = match (&lacking, busy) {
                (_, true) => Some("Checks are running".to_owned()),
                (Some(name), _) => Some(format!("Type a value for {name}")),
                (None, false) => None,
            };
            let button = Btn::new("Run this suite").icon("play").disabled(reason.as_deref());
            if button.show(ui, theme).clicked() {
                cx.send(Command::RunChecks { paths: vec![path.to_owned()], params });
            }
            for name in names.iter().rev().take(3) {
                let hint = suite.params.get(name).cloned().unwrap_or_else(|| "required".to_owned());
                let value = view.params.entry((path.to_owned(), name.clone())).or_default();
                text_field(ui, theme, value, name, &hint, 112.0);
                ui.label(theme.small(name.as_str()));
            }
        });
    });
}

fn check_row(ui: &mut Ui, cx: &mut PageCx<'_>, path: &str, id: &str, check: Option<&Check>) {
    let theme = cx.theme;
    let q = &cx.state.quality;
    let subject = Subject::Check { path: path.to_owned(), id: id.to_owned() };
    let selected = q.selected.as_ref() == Some(&subject);
    let newest = q.history.newest(path).map(|e| e.id.as_str()).unwrap_or_default();
    let point = q.history.cell(path, id, newest);
    let words =
        point.map_or_else(|| format!("{id}, no result"), |p| format!("{id}, {}, {}", p.status.word(), p.message));
    let response = Row::new(&words).height(44.0).padding(16.0).selected(selected).rule(true).show(ui, theme, |ui| {
        mark(ui, theme, point.map_or(Mark::Queued, |p| mark_of(p.status)), 16.0);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let color = match point.map(|p| p.status) {
                Some(Status::Failed | Status::Error) => theme.fail,
                Some(Status::Warning) => theme.warn,
                _ => theme.text,
            };
            let value = point.map_or_else(|| "\u{2013}".to_owned(), CheckPoint::last_value);
            ui.label(egui::RichText::new(value).font(theme.medium(13.0)).color(color));
            if let Some(check) = check.filter(|c| c.severity != Severity::Critical) {
                tag(ui, theme, check.severity.word());
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.vertical(|ui| {
                    ui.spacing_mut().item_spacing.y = 2.0;
                    ui.add_space(5.0);
                    ui.add(Label::new(theme.label(id)).truncate());
                    let failing = point.filter(|p| p.status != Status::Passed).map(|p| p.message.clone());
                    let sentence = failing
                        .or_else(|| check.map(Check::sentence))
                        .unwrap_or_else(|| "no longer in the file".to_owned());
                    ui.add(Label::new(theme.small(sentence)).truncate());
                });
            });
        });
    });
    if response.clicked() {
        cx.send(Command::Select(subject));
    }
}

fn inspector(ui: &mut Ui, cx: &mut PageCx<'_>, path: &str) {
    let theme = cx.theme;
    let q = &cx.state.quality;
    let Some(Subject::Check { path: of, id }) =
        q.selected.clone().filter(|s| matches!(s, Subject::Check { path: p, .. } if p == path))
    else {
        section_head(ui, theme, "Check", "", |_| {});
        egui::Frame::NONE.inner_margin(12).show(ui, |ui| ui.label(theme.muted("Choose a check")));
        return;
    };
    let file = q.suites.iter().find(|s| s.path == of).and_then(|s| s.suite.as_ref().ok());
    let check = file.and_then(|s| s.checks.iter().find(|c| c.id == id));
    section_head(ui, theme, &id, check.map_or("", Check::kind_word), |_| {});
    egui::Frame::NONE.inner_margin(egui::Margin { left: 12, right: 12, top: 0, bottom: 12 }).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 6.0;
        if let Some(check) = check {
            ui.add(Label::new(theme.body(check.sentence())).wrap());
            if let Some(words) = check.description.as_ref().filter(|d| **d != check.sentence()) {
                ui.add(Label::new(theme.muted(words.as_str())).wrap());
            }
        }
        let Some(result) = q.result() else {
            ui.label(theme.muted("Not evaluated yet"));
            return;
        };
        ui.horizontal(|ui| {
            mark_word(ui, theme, mark_of(result.status), result.status.word());
            ui.label(theme.faint(time::when(result.at, cx.now)));
        });
        ui.add(Label::new(theme.body(result.message.as_str())).wrap().selectable(true));
        facts(ui, theme, result);
        buttons(ui, cx, result);
        examples(ui, theme, result);
        if let Some(sql) = &result.rows_sql {
            ui.label(theme.section("SQL of the failing rows"));
            ui.add(Label::new(theme.code(sql.as_str())).wrap().selectable(true));
        }
    });
}

fn buttons(ui: &mut Ui, cx: &mut PageCx<'_>, result: &CheckPoint) {
    let theme = cx.theme;
    ui.horizontal_wrapped(|ui| {
        if result.rows_sql.is_some() && Btn::new("Failing rows").icon("table-2").show(ui, theme).clicked() {
            cx.send(Command::ShowRows);
        }
        if Btn::new("Chart").icon("activity").quiet().show(ui, theme).clicked() {
            cx.send(Command::Show(PageView::Overview));
        }
        if let Some(open) = result.run.as_ref().map(crate::app::quality::open_run)
            && Btn::new("Open run").icon("list-tree").quiet().show(ui, theme).clicked()
        {
            cx.send(open);
        }
        if let Some(sql) = &result.rows_sql
            && Btn::new("Copy SQL").icon("copy").quiet().show(ui, theme).clicked()
        {
            cx.send(shell::Command::Copy(sql.clone()));
        }
    });
}

fn facts(ui: &mut Ui, theme: &Theme, result: &CheckPoint) {
    let mut rows: Vec<(&str, String)> = vec![("Data", result.data.clone())];
    if let Some(at) = result.data_time {
        rows.push(("Data of", at.strftime("%-d %b %Y").to_string()));
    }
    if result.unit == Unit::Share {
        rows.push(("Rows", text::thousands(result.elements)));
        rows.push(("Missing", text::thousands(result.missing)));
        rows.push(("Unexpected", text::thousands(result.unexpected)));
        rows.extend(result.share.map(|s| ("Pass", percent(s))));
        rows.extend(result.low.map(|s| ("Must pass", percent(s))));
    } else {
        rows.extend(result.observed.map(|v| ("Found", result.unit.show(v))));
        rows.extend(result.low.map(|v| ("At least", result.unit.show(v))));
        rows.extend(result.high.map(|v| ("At most", result.unit.show(v))));
    }
    for (name, value) in rows {
        ui.horizontal(|ui| {
            ui.allocate_ui_with_layout(vec2(84.0, 18.0), Layout::left_to_right(Align::Center), |ui| {
                ui.set_min_width(84.0);
                ui.label(theme.small(name));
            });
            ui.add(Label::new(theme.body(value)).truncate());
        });
    }
}

fn examples(ui: &mut Ui, theme: &Theme, result: &CheckPoint) {
    if result.examples.is_empty() {
        return;
    }
    let what = if result.kind == "schema" { "Not as expected" } else { "Examples" };
    ui.label(theme.section(what));
    for example in result.examples.iter().take(12) {
        let words = if example.is_empty() { "(empty text)" } else { example.as_str() };
        ui.add(Label::new(theme.code(words)).truncate().selectable(true));
    }
}
