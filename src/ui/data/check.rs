//! Adding a check from what a column looks like: what it asks, where it goes, and the very lines that will be written.
use egui::{ComboBox, Ui};

use super::View;
use crate::{
    app::data::{Command, Origin, Tab, TabId},
    model::quality::{
        Severity,
        draft::{self, Asks, Draft},
    },
    ui::{
        PageCx,
        widgets::{Btn, box_frame, segmented, text_field},
    },
};

/// A check being written.
#[derive(Debug, Clone)]
pub struct Pending {
    tab: TabId,
    column: usize,
    choices: Vec<Asks>,
    at: usize,
    severity: Severity,
    /// The file it goes into.
    path: String,
}

/// Starts on the focused column, or closes.
pub(super) fn toggle(view: &mut View, cx: &PageCx<'_>, tab: &Tab) {
    view.checking = match view.checking.take() {
        Some(_) => None,
        None => start(cx, tab, tab.focus.unwrap_or(0)),
    };
}

fn start(cx: &PageCx<'_>, tab: &Tab, column: usize) -> Option<Pending> {
    let profile = tab.profiles.get(column)?.as_ref()?;
    let choices = draft::proposals(profile);
    let path = files(cx, tab).first()?.0.clone();
    Some(Pending { tab: tab.id, column, choices, at: 0, severity: Severity::default(), path })
}

/// Files it can go into: those that check this table first, and a new one when there is none.
fn files(cx: &PageCx<'_>, tab: &Tab) -> Vec<(String, String, bool)> {
    let Origin::File(data) = &tab.origin else { return Vec::new() };
    let suites = &cx.state.quality.suites;
    let mine = |s: &&crate::app::quality::SuiteFile| s.suite.as_ref().is_ok_and(|s| s.data == *data);
    let mut all: Vec<(String, String, bool)> =
        suites.iter().filter(mine).map(|s| (s.path.clone(), s.path.clone(), false)).collect();
    let stem = data.trim_end_matches('/').rsplit('/').next().unwrap_or(data);
    let stem = stem.split('.').next().unwrap_or(stem);
    let taken = |p: &str| suites.iter().any(|s| s.path == p);
    let name = |n: usize| if n == 0 { format!("checks/{stem}.toml") } else { format!("checks/{stem}_{}.toml", n + 1) };
    let path = (0..100).map(name).find(|p| !taken(p)).unwrap_or_else(|| name(100));
    all.push((path.clone(), format!("{path} (new)"), true));
    all
}

/// The panel below the toolbar.
pub(super) fn check_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, tab: &Tab) {
    let theme = cx.theme;
    let Some(mut pending) = view.checking.take().filter(|p| p.tab == tab.id && p.column < tab.columns.len()) else {
        return;
    };
    let files = files(cx, tab);
    let mut done = None;
    egui::Frame::NONE.inner_margin(egui::Margin::symmetric(12, 8)).show(ui, |ui| {
        box_frame(theme).show(ui, |ui| {
            ui.spacing_mut().item_spacing = egui::vec2(8.0, 8.0);
            ui.set_width(ui.available_width());
            ui.horizontal_wrapped(|ui| column_ui(ui, cx, tab, &mut pending));
            ui.horizontal_wrapped(|ui| bounds_ui(ui, cx, &mut pending, &files));
            let taken: Vec<&str> = cx
                .state
                .quality
                .suites
                .iter()
                .filter(|s| s.path == pending.path)
                .filter_map(|s| s.suite.as_ref().ok())
                .flat_map(|s| s.checks.iter().map(|c| c.id.as_str()))
                .collect();
            let column = tab.columns[pending.column].name.clone();
            let asks = pending.choices[pending.at].clone();
            let id = draft::free_id(&column, &asks, &taken);
            let draft = Draft { id, column, asks, severity: pending.severity };
            let fresh = files.iter().any(|(path, _, new)| *new && *path == pending.path);
            let head = match &tab.origin {
                Origin::File(data) if fresh => {
                    let name = pending.path.trim_start_matches("checks/").trim_end_matches(".toml");
                    draft::head(name, data)
                }
                _ => String::new(),
            };
            let shown = if fresh { draft::append(&head, &draft.block()) } else { draft.block() };
            egui::Frame::NONE.fill(theme.bg).corner_radius(4).inner_margin(8).show(ui, |ui| {
                ui.set_width(ui.available_width());
                egui::ScrollArea::vertical().id_salt("check-preview").max_height(150.0).show(ui, |ui| {
                    ui.add(egui::Label::new(theme.code(shown.trim_end())).wrap());
                });
            });
            ui.horizontal(|ui| {
                let wrong = wrong(&draft.asks);
                let label = if fresh { "Add to a new file" } else { "Add at the end" };
                if Btn::new(label).primary().disabled(wrong).show(ui, theme).clicked() {
                    done = Some(Some(Command::AddCheck {
                        tab: tab.id,
                        path: pending.path.clone(),
                        head,
                        block: draft.block(),
                    }));
                }
                if Btn::new("Cancel").quiet().show(ui, theme).clicked() {
                    done = Some(None);
                }
                let where_to =
                    if fresh { "The file is made anew" } else { "The rest of the file stays as it is, byte for byte" };
                ui.label(theme.small(where_to));
            });
        });
    });
    match done {
        Some(Some(command)) => cx.send(command),
        Some(None) => {}
        None => view.checking = Some(pending),
    }
}

fn wrong(asks: &Asks) -> Option<&'static str> {
    match asks {
        Asks::InRange { min, max } if min.trim().is_empty() && max.trim().is_empty() => Some("Type a bound"),
        Asks::InRange { min, max } => match (min.trim().parse::<f64>(), max.trim().parse::<f64>()) {
            (Ok(a), Ok(b)) if a > b => Some("The lower bound is above the upper one"),
            _ => None,
        },
        Asks::InSet { values } if values.is_empty() => Some("The list is empty"),
        _ => None,
    }
}

fn column_ui(ui: &mut Ui, cx: &PageCx<'_>, tab: &Tab, pending: &mut Pending) {
    let theme = cx.theme;
    ui.label(theme.label("Check that"));
    let mut column = pending.column;
    ComboBox::from_id_salt("check-column").selected_text(tab.columns[column].name.as_str()).width(150.0).show_ui(
        ui,
        |ui| {
            for (i, c) in tab.columns.iter().enumerate() {
                ui.selectable_value(&mut column, i, c.name.as_str());
            }
        },
    );
    if column != pending.column
        && let Some(fresh) = start(cx, tab, column)
    {
        *pending = Pending { path: pending.path.clone(), severity: pending.severity, ..fresh };
    }
    ui.label(theme.muted("is"));
    let labels: Vec<(usize, &str)> = pending.choices.iter().enumerate().map(|(i, c)| (i, c.label())).collect();
    if let Some(at) = segmented(ui, theme, pending.at, &labels) {
        pending.at = at;
    }
}

fn bounds_ui(ui: &mut Ui, cx: &PageCx<'_>, pending: &mut Pending, files: &[(String, String, bool)]) {
    let theme = cx.theme;
    match &mut pending.choices[pending.at] {
        Asks::InRange { min, max } => {
            ui.label(theme.muted("at least"));
            text_field(ui, theme, min, "Lower bound", "open", 120.0);
            ui.label(theme.muted("at most"));
            text_field(ui, theme, max, "Upper bound", "open", 120.0);
        }
        Asks::InSet { values } => {
            ui.label(theme.muted(crate::base::text::count(values.len() as u64, "value")));
        }
        Asks::NotNull | Asks::Unique => {}
    }
    ui.label(theme.muted("severity"));
    ComboBox::from_id_salt("check-severity").selected_text(pending.severity.word()).width(90.0).show_ui(ui, |ui| {
        for severity in [Severity::Info, Severity::Warning, Severity::Critical] {
            ui.selectable_value(&mut pending.severity, severity, severity.word());
        }
    });
    ui.label(theme.muted("in"));
    let now =
        files.iter().find(|(path, ..)| *path == pending.path).map_or(pending.path.as_str(), |(_, label, _)| label);
    ComboBox::from_id_salt("check-file").selected_text(now).width(200.0).show_ui(ui, |ui| {
        for (path, label, _) in files {
            ui.selectable_value(&mut pending.path, path.clone(), label.as_str());
        }
    });
}
