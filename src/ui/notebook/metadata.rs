//! Metadata as JSON and the files a text cell carries, at the right of the page.
use std::{collections::HashMap, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use egui::{Align, Id, Layout, Ui, vec2};

use super::View;
use crate::{
    app::notebook::{
        Command, Doc, files,
        raw::{self, Of, Raw},
    },
    base::text::{bytes, shorten},
    model::{
        notebook::{Cell, CellKey, CellKind},
        output::Image,
    },
    ui::{
        PageCx,
        editor::{CodeEditor, EditorView, Height, LineMark},
        theme::Mark,
        widgets::{
            Btn, icon_button, link, mark,
            output::{Pictures, thumb_ui},
            section_head, text_field,
        },
    },
};

/// What the window remembers of it.
#[derive(Default)]
pub struct Shown {
    editor: EditorView,
    of: Option<(u64, Of)>,
    pictures: Pictures,
    /// Attachments of the cell that was seen last, with what their text was.
    files: Option<(CellKey, Arc<Cell>, Vec<File>)>,
    /// The name being typed.
    name: Option<(CellKey, String, String)>,
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shown").finish_non_exhaustive()
    }
}

/// An attachment as it is listed.
struct File {
    name: String,
    mime: String,
    size: u64,
    image: Option<Image>,
}

/// Files of a text cell.
pub(super) fn files_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc, view: &mut View) {
    let Some(cell) = doc.cell().filter(|c| c.kind == CellKind::Markdown).cloned() else { return };
    let theme = cx.theme;
    let shown = &mut view.metadata;
    let known = shown.files.as_ref().is_some_and(|(k, c, _)| *k == cell.key && Arc::ptr_eq(c, &cell));
    if !known {
        shown.files = Some((cell.key, cell.clone(), listed(&cell)));
    }
    let script = doc.notebook().is_some_and(|n| n.script().is_some());
    let read_only = doc.notebook().is_none_or(|n| n.read_only().is_some());
    ui.add_space(8.0);
    let key = cell.key;
    section_head(ui, theme, "Attachments", "", |ui| {
        if !script
            && !read_only
            && link(ui, theme, "Add\u{2026}").on_hover_text("Pictures that the notebook carries with it").clicked()
        {
            cx.send(Command::Files(files::Command::Pick(key)));
        }
    });
    let Shown { files, pictures, name, .. } = shown;
    let Some((_, _, files)) = files.as_ref() else { return };
    if files.is_empty() {
        let words = if script { "A text file carries none" } else { "None. Drop or paste a picture here" };
        note(ui, cx, words);
        return;
    }
    let naming = doc.naming.as_ref().filter(|(k, _)| *k == key).map(|(_, n)| n.clone());
    for file in files {
        let editing = naming.as_deref() == Some(file.name.as_str());
        file_ui(ui, cx, key, file, (editing, read_only), (pictures, name));
    }
}

fn note(ui: &mut Ui, cx: &PageCx<'_>, words: &str) {
    ui.horizontal(|ui| {
        ui.add_space(12.0);
        ui.add(egui::Label::new(cx.theme.small(words)).wrap());
    });
    ui.add_space(4.0);
}

fn file_ui(
    ui: &mut Ui,
    cx: &mut PageCx<'_>,
    key: CellKey,
    file: &File,
    (editing, read_only): (bool, bool),
    (pictures, typed): (&mut Pictures, &mut Option<(CellKey, String, String)>),
) {
    let theme = cx.theme;
    let send = |cx: &mut PageCx<'_>, command: files::Command| cx.send(Command::Files(command));
    ui.horizontal(|ui| {
        ui.set_height(44.0);
        ui.add_space(12.0);
        let (rect, _) = ui.allocate_exact_size(vec2(48.0, 36.0), egui::Sense::hover());
        ui.painter().rect_filled(rect, 3.0, theme.bg);
        if let Some(image) = &file.image {
            thumb_ui(ui, theme, image, rect.shrink(2.0), pictures);
        }
        if editing {
            let known = typed.take().filter(|(k, old, _)| *k == key && *old == file.name);
            let mut new = known.map_or_else(|| file.name.clone(), |(_, _, text)| text);
            let width = ui.available_width() - 66.0;
            let field = text_field(ui, theme, &mut new, "Name of the attachment", "plot.png", width.max(60.0));
            *typed = Some((key, file.name.clone(), new.clone()));
            if !field.has_focus() && !field.lost_focus() {
                field.request_focus();
            }
            let enter = field.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
            let cancel = field.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Escape));
            if icon_button(ui, theme, "check", "Rename it").clicked() || enter {
                send(cx, files::Command::Rename { key, old: file.name.clone(), new });
                *typed = None;
            } else if icon_button(ui, theme, "x", "Keep the name").clicked() || cancel {
                send(cx, files::Command::Naming(None));
                *typed = None;
            }
            return;
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add_space(8.0);
            if !read_only {
                if icon_button(ui, theme, "trash-2", &format!("Remove {}", file.name)).clicked() {
                    send(cx, files::Command::Remove { key, name: file.name.clone() });
                }
                if icon_button(ui, theme, "pencil", &format!("Rename {}", file.name)).clicked() {
                    send(cx, files::Command::Naming(Some((key, file.name.clone()))));
                }
            }
            ui.with_layout(Layout::top_down(Align::Min), |ui| {
                ui.add_space(4.0);
                ui.spacing_mut().item_spacing.y = 2.0;
                ui.add(egui::Label::new(theme.body(file.name.as_str())).truncate()).on_hover_text(&file.name);
                let kind = file.mime.rsplit('/').next().unwrap_or_default().trim_end_matches("+xml");
                ui.label(theme.faint(format!("{} \u{b7} {}", shorten(&kind.to_uppercase(), 12), bytes(file.size))));
            });
        });
    });
}

fn listed(cell: &Cell) -> Vec<File> {
    let forms = cell.attachments().into_iter();
    let mut all: Vec<File> = forms
        .map(|(name, forms)| {
            let images = forms.iter().map(|(mime, data)| (mime.clone(), Image::new(mime, data, None)));
            let image = images.into_iter().find(|(_, i)| i.is_sound());
            let first = forms.first();
            let size = first.map_or(0, |(mime, data)| size_of(mime, data));
            File { name, mime: first.map(|f| f.0.clone()).unwrap_or_default(), size, image: image.map(|(_, i)| i) }
        })
        .collect();
    // Of names that occur twice the last one counts.
    let seen: HashMap<String, usize> = all.iter().enumerate().map(|(i, f)| (f.name.clone(), i)).collect();
    let mut at = 0;
    all.retain(|f| {
        at += 1;
        seen.get(&f.name) == Some(&(at - 1))
    });
    all
}

/// Bytes of the file that base64 stands for.
fn size_of(mime: &str, data: &str) -> u64 {
    if mime == "image/svg+xml" && data.trim_start().starts_with('<') {
        return data.len() as u64;
    }
    let letters = data.bytes().filter(|b| !b.is_ascii_whitespace() && *b != b'=').count() as u64;
    if letters < 4_096 {
        let clean: String = data.split_whitespace().collect();
        return STANDARD.decode(clean).map_or(letters * 3 / 4, |b| b.len() as u64);
    }
    letters * 3 / 4
}

/// The metadata, as JSON once they are asked for.
pub(super) fn metadata_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc, view: &mut View) {
    let theme = cx.theme;
    let raw = |command: raw::Command| Command::Raw(command);
    ui.add_space(8.0);
    let open = doc.raw.as_deref();
    section_head(ui, theme, "Metadata", "", |ui| {
        if open.is_some() && icon_button(ui, theme, "x", "Close the metadata").clicked() {
            cx.send(raw(raw::Command::Close));
        }
    });
    let script = doc.notebook().is_some_and(|n| n.script().is_some());
    ui.horizontal(|ui| {
        // Quiet buttons have room around their words: those stand where the other rows begin.
        ui.add_space(4.0);
        for (of, label) in [(Of::Cell(doc.selected), "Of the cell"), (Of::Notebook, "Of the notebook")] {
            let on =
                open.is_some_and(|r| matches!((r.of, of), (Of::Cell(_), Of::Cell(_)) | (Of::Notebook, Of::Notebook)));
            let why = match of {
                Of::Notebook if script => Some("A text file keeps no metadata of the notebook"),
                _ if open.is_some_and(|r| r.is_changed() && !on) => {
                    Some("Apply or take back what you have written first")
                }
                _ => None,
            };
            if Btn::new(label).quiet().on(on).disabled(why).show(ui, theme).clicked() {
                cx.send(raw(if on { raw::Command::Close } else { raw::Command::Open(of) }));
            }
        }
    });
    let Some(open) = open else { return };
    // Another cell was selected: its metadata are shown, unless something is being written.
    if let Of::Cell(key) = open.of
        && key != doc.selected
        && !open.is_changed()
    {
        cx.send(raw(raw::Command::Open(Of::Cell(doc.selected))));
    }
    editor_ui(ui, cx, doc, open, view);
}

fn editor_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc, open: &Raw, view: &mut View) {
    let theme = cx.theme;
    let raw = |command: raw::Command| Command::Raw(command);
    if let Of::Cell(key) = open.of
        && key != doc.selected
    {
        let at = doc.notebook().and_then(|n| n.index_of(key)).map_or(0, |i| i + 1);
        note(ui, cx, &format!("These are of cell {at}"));
    }
    let of = (doc.id, open.of);
    if view.metadata.of != Some(of) {
        view.metadata.of = Some(of);
        view.metadata.editor = EditorView::default();
    }
    let mut editor = open.document.editor.clone();
    // A short one shows all of itself; a long one scrolls.
    let height = if editor.buffer().lines() <= 24 { Height::Text(3) } else { Height::Fixed(440.0) };
    let outer = egui::Margin { left: 12, right: 12, top: 4, bottom: 4 };
    let wrong = open.problem.as_ref().map(|(line, _)| line.saturating_sub(1));
    let ink = theme.mark_text(Mark::Failed);
    let fill = theme.tint(Mark::Failed);
    let marks = move |line: usize| (Some(line) == wrong).then_some(LineMark { fill, sign: "!", ink });
    let read_only = doc.notebook().is_none_or(|n| n.read_only().is_some());
    let output = egui::Frame::NONE
        .outer_margin(outer)
        .inner_margin(4)
        .corner_radius(4)
        .fill(theme.bg)
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            CodeEditor {
                numbers: Some(1),
                wrap: true,
                read_only,
                height,
                marks: Some(&marks),
                ..CodeEditor::new(Id::unique(("notebook-metadata", doc.id)), "Metadata as JSON")
            }
            .show(ui, theme, &mut editor, &mut view.metadata.editor)
        })
        .inner;
    if !output.done.acts.is_empty() {
        cx.send(raw(raw::Command::Edit(output.done.acts.clone())));
    }
    if output.done.undo {
        cx.send(raw(raw::Command::Undo));
    }
    if output.done.redo {
        cx.send(raw(raw::Command::Redo));
    }
    if let Some((_, why)) = &open.problem {
        ui.horizontal(|ui| {
            ui.add_space(12.0);
            mark(ui, theme, Mark::Failed, 12.0);
            ui.add(egui::Label::new(egui::RichText::new(why.as_str()).font(theme.font(12.0)).color(ink)).wrap());
        });
    } else if open.moved {
        note(ui, cx, "They were changed elsewhere meanwhile; applying puts in what stands here");
    }
    ui.horizontal(|ui| {
        ui.add_space(12.0);
        let why = if read_only {
            Some("This notebook cannot be changed")
        } else if open.problem.is_some() {
            Some("It is not valid JSON yet")
        } else if !open.is_changed() {
            Some("Nothing is changed")
        } else {
            None
        };
        let button = Btn::new("Apply").disabled(why);
        let button = if why.is_none() { button.primary() } else { button };
        if button.show(ui, theme).clicked() {
            cx.send(raw(raw::Command::Apply));
        }
        let nothing = (!open.is_changed()).then_some("Nothing is changed");
        if Btn::new("Take back").quiet().disabled(nothing).show(ui, theme).clicked() {
            cx.send(raw(raw::Command::Revert));
        }
    });
    ui.add_space(4.0);
}
