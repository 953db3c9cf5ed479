//! Filter chips, the line that edits one, and the buttons of the toolbar.
use egui::{ComboBox, Key, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use super::{View, check};
use crate::{
    app::data::{Command, Face, Tab, TabId},
    model::table::{Filter, Op, Shape, Step},
    ui::{
        PageCx,
        theme::icon,
        widgets::{Btn, hair_x, segmented, text_field, toolbar},
    },
};

/// A filter being written.
#[derive(Debug, Clone)]
pub struct Draft {
    tab: TabId,
    /// The step it changes; none for a new one.
    index: Option<usize>,
    column: usize,
    op: Op,
    values: [String; 2],
    /// The first field still has to take the focus.
    fresh: bool,
}

/// Chips at the left, view switch and actions at the right.
pub(super) fn chips_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, tab: &Tab, narrow: bool) {
    let theme = cx.theme;
    toolbar(ui, theme, |ui| {
        let room = ui.available_width() - if narrow { 372.0 } else { 530.0 };
        ui.allocate_ui_with_layout(
            vec2(room.max(120.0), 39.0),
            egui::Layout::left_to_right(egui::Align::Center),
            |ui| {
                ui.set_min_width(room.max(120.0));
                let add =
                    |ui: &mut Ui| Btn::new("Filter").icon("plus").quiet().key("F").name("Add a filter").show(ui, theme);
                egui::ScrollArea::horizontal()
                    .id_salt("data-chips")
                    .scroll_bar_visibility(egui::scroll_area::ScrollBarVisibility::AlwaysHidden)
                    .show(ui, |ui| {
                        for (index, step) in tab.steps.iter().enumerate() {
                            if let Step::Filter { filter, on } = step {
                                chip(ui, cx, view, tab, index, filter, *on);
                            }
                        }
                        if add(ui).clicked() {
                            start(view, tab, None);
                        }
                    });
            },
        );
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if narrow
                && Btn::new("")
                    .icon("panel-right")
                    .quiet()
                    .on(view.inspect)
                    .name("Steps and profile")
                    .show(ui, theme)
                    .clicked()
            {
                view.inspect = !view.inspect;
            }
            let label = if narrow { "" } else { "Export" };
            if Btn::new(label).icon("download").quiet().name("Export").show(ui, theme).clicked() {
                let stem = tab.title.rsplit_once('.').map_or(tab.title.as_str(), |(s, _)| s);
                view.exporting = match view.exporting.take() {
                    Some(_) => None,
                    None => Some(format!("exports/{}.parquet", stem.to_lowercase())),
                };
            }
            if Btn::new("To notebook").icon("notebook-text").show(ui, theme).clicked() {
                cx.send.push(Command::ToNotebook(tab.id).into());
            }
            let label = if narrow { "" } else { "Add as check" };
            let check = Btn::new(label).icon("shield-check").on(view.checking.is_some()).name("Add as check");
            if check.disabled(tab.unchecked()).show(ui, theme).clicked() {
                check::toggle(view, cx, tab);
            }
            let faces = [(Face::Grid, "Grid"), (Face::Profile, "Profile"), (Face::Chart, "Chart")];
            if let Some(face) = segmented(ui, theme, tab.face, &faces) {
                cx.send(Command::Show { tab: tab.id, face });
            }
        });
    });
    shortcut(ui, view, tab);
    edit_ui(ui, cx, view, tab);
    export_ui(ui, cx, view, tab);
}

/// F adds a filter while no text is being typed.
fn shortcut(ui: &Ui, view: &mut View, tab: &Tab) {
    let typing = ui.ctx().text_edit_focused() || crate::ui::editor::is_typing(ui.ctx());
    if !typing && crate::ui::keys::hit(ui, &crate::app::keymap::data::FILTER).is_some() {
        start(view, tab, None);
    }
}

fn chip(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, tab: &Tab, index: usize, filter: &Filter, on: bool) {
    let theme = cx.theme;
    let ink = if on { theme.accent } else { theme.faint };
    let label = crate::base::text::shorten(&filter.label(), 48);
    let galley = ui.painter().layout_no_wrap(label, theme.medium(12.0), ink);
    let (rect, response) = ui.allocate_exact_size(vec2(galley.size().x + 34.0, 22.0), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, on, format!("Filter {}", filter.label())));
    let fill = if response.hovered() { theme.sel } else { theme.selsoft };
    ui.painter().rect_filled(rect, 4.0, fill);
    ui.painter().galley(pos2(rect.left() + 8.0, rect.center().y - galley.size().y * 0.5), galley, ink);
    let cross = egui::Rect::from_center_size(pos2(rect.right() - 13.0, rect.center().y), vec2(18.0, 18.0));
    let close = ui.interact(cross, response.id.with("close"), Sense::click());
    close.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("Remove the filter {}", filter.label())));
    let shade = if close.hovered() { theme.text } else { ink };
    ui.painter().text(cross.center(), egui::Align2::CENTER_CENTER, icon("x"), theme.icon_font(12.0), shade);
    if close.clicked() {
        cx.send(Command::DeleteStep { tab: tab.id, index });
    } else if response.clicked() {
        start(view, tab, Some((index, filter)));
    }
}

/// Opens the line on a filter, or on a new one for the focused column.
fn start(view: &mut View, tab: &Tab, known: Option<(usize, &Filter)>) {
    if tab.columns.is_empty() {
        return;
    }
    view.adding = Some(match known {
        Some((index, filter)) => Draft {
            tab: tab.id,
            index: Some(index),
            column: tab.columns.iter().position(|c| c.name == filter.column).unwrap_or(0),
            op: filter.op,
            values: [
                filter.values.first().cloned().unwrap_or_default(),
                filter.values.get(1).cloned().unwrap_or_default(),
            ],
            fresh: true,
        },
        None => {
            let column = tab.focus.unwrap_or(0).min(tab.columns.len() - 1);
            let op = Op::for_kind(tab.columns[column].kind)[0];
            Draft { tab: tab.id, index: None, column, op, values: Default::default(), fresh: true }
        }
    });
}

fn edit_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, tab: &Tab) {
    let theme = cx.theme;
    let Some(draft) = view.adding.as_mut().filter(|d| d.tab == tab.id && d.column < tab.columns.len()) else { return };
    let (mut done, mut cancel) = (false, false);
    toolbar(ui, theme, |ui| {
        ui.label(theme.small(if draft.index.is_some() { "Change filter" } else { "New filter" }));
        let before = draft.column;
        ComboBox::from_id_salt("filter-column")
            .selected_text(tab.columns[draft.column].name.as_str())
            .width(140.0)
            .show_ui(ui, |ui| {
                for (i, column) in tab.columns.iter().enumerate() {
                    ui.selectable_value(&mut draft.column, i, column.name.as_str());
                }
            });
        let ops = Op::for_kind(tab.columns[draft.column].kind);
        if before != draft.column && !ops.contains(&draft.op) {
            draft.op = ops[0];
        }
        ComboBox::from_id_salt("filter-op").selected_text(draft.op.word()).width(84.0).show_ui(ui, |ui| {
            for op in ops {
                ui.selectable_value(&mut draft.op, *op, op.word());
            }
        });
        let count = draft.op.arity();
        for i in 0..count {
            if i == 1 {
                ui.label(theme.small("to"));
            }
            let name = if i == 0 { "Value" } else { "To value" };
            let response = text_field(ui, theme, &mut draft.values[i], name, hint(tab, draft.column), 150.0);
            if i == 0 && std::mem::take(&mut draft.fresh) {
                response.request_focus();
            }
            done |= response.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
        }
        suggestions(ui, theme, tab, draft, &mut done);
        let missing = draft.values[..count].iter().any(|v| v.is_empty()).then_some("Type a value");
        done |=
            Btn::new(if draft.index.is_some() { "Change" } else { "Add" }).disabled(missing).show(ui, theme).clicked();
        cancel = Btn::new("Cancel").quiet().show(ui, theme).clicked() || ui.input(|i| i.key_pressed(Key::Escape));
        done &= missing.is_none();
    });
    if done {
        let column = &tab.columns[draft.column];
        let values: Vec<&str> = draft.values[..draft.op.arity()].iter().map(String::as_str).collect();
        let filter = Filter::new(column.name.clone(), column.kind, draft.op, &values);
        match draft.index {
            Some(index) => cx.send(Command::SetStep { tab: tab.id, index, step: Step::Filter { filter, on: true } }),
            None => cx.send(Command::AddFilter { tab: tab.id, filter }),
        }
    }
    if done || cancel {
        view.adding = None;
    }
}

/// The most frequent values as buttons.
fn suggestions(ui: &mut Ui, theme: &crate::ui::theme::Theme, tab: &Tab, draft: &mut Draft, done: &mut bool) {
    if !matches!(draft.op, Op::Eq | Op::Ne) || !draft.values[0].is_empty() || ui.available_width() < 360.0 {
        return;
    }
    let Some(Shape::Top(top)) = tab.profiles.get(draft.column).and_then(Option::as_ref).map(|p| &p.shape) else {
        return;
    };
    for top in top.iter().take(3) {
        let value = top.value.plain().into_owned();
        let label = crate::base::text::shorten(&value, 16);
        if !value.is_empty() && Btn::new(&label).quiet().show(ui, theme).clicked() {
            draft.values[0] = value;
            *done = true;
        }
    }
}

fn hint(tab: &Tab, column: usize) -> &'static str {
    use crate::model::table::Kind;
    match tab.columns[column].kind {
        Kind::Int | Kind::Float => "number",
        Kind::Bool => "true or false",
        Kind::Date => "2026-11-16",
        Kind::Datetime => "2026-11-16 05:40",
        Kind::Time => "05:40",
        Kind::Duration => "1h 30m",
        _ => "text",
    }
}

fn export_ui(ui: &mut Ui, cx: &mut PageCx<'_>, view: &mut View, tab: &Tab) {
    let theme = cx.theme;
    let Some(path) = &mut view.exporting else { return };
    let (mut write, mut cancel) = (false, false);
    toolbar(ui, theme, |ui| {
        ui.label(theme.small("Export to"));
        let field = text_field(ui, theme, path, "Export to", "exports/name.parquet", 280.0);
        write |= field.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
        for ending in ["csv", "parquet", "json", "arrow"] {
            let on = path.ends_with(&format!(".{ending}"));
            if Btn::new(ending).quiet().on(on).show(ui, theme).clicked() {
                let stem = path.rsplit_once('.').map_or(path.as_str(), |(s, _)| s).to_owned();
                *path = format!("{stem}.{ending}");
            }
        }
        let label = format!("Export {}", crate::base::text::count(tab.shown_rows(), "row"));
        write |= Btn::new(&label).disabled(path.is_empty().then_some("Type a path")).show(ui, theme).clicked();
        cancel = Btn::new("Cancel").quiet().show(ui, theme).clicked() || ui.input(|i| i.key_pressed(Key::Escape));
    });
    if write && !path.is_empty() {
        cx.send(Command::Export { tab: tab.id, path: path.clone() });
    }
    if write || cancel {
        view.exporting = None;
    }
    hair_x(ui, theme);
}
