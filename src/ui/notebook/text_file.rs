//! A text file of the workspace: SQL, Python, TOML, Markdown.
use egui::{Id, Ui, vec2};

use super::{View, find, line, menu};
use crate::{
    app::notebook::{Command, Doc, find::FILE, session::TextDoc},
    ui::{
        PageCx,
        editor::{CodeEditor, EditorView, Height},
        widgets::{Btn, toolbar},
    },
};

/// What the window remembers of a file.
#[derive(Debug, Default)]
pub struct Shown {
    editor: EditorView,
    /// Chosen by the person; else Markdown is wrapped and code is not.
    wrap: Option<bool>,
    /// The keyboard was given to it.
    given: bool,
    /// The find that was brought into view last.
    found: u64,
    /// The request for the keyboard that was done last.
    grabbed: u64,
    finding: bool,
}

/// Draws it.
pub fn text_ui(ui: &mut Ui, cx: &mut PageCx<'_>, doc: &Doc, text: &TextDoc, view: &mut View) {
    let theme = cx.theme;
    let shown = view.files.entry(doc.id).or_default();
    let mut editor = text.document.editor.clone();
    let wrap = shown.wrap.unwrap_or(editor.language().grammar == Some("Markdown"));
    let mut flip = false;
    toolbar(ui, theme, |ui| {
        let clean = (!doc.is_dirty()).then_some("Nothing has changed");
        if Btn::new("Save").icon("save").key("Ctrl S").disabled(clean).show(ui, theme).clicked() {
            cx.send(Command::Save);
        }
        if Btn::new("Find").icon("search").quiet().key("Ctrl F").show(ui, theme).clicked() {
            cx.send(Command::Find { replacing: false });
        }
        let label = if wrap { "Do not wrap lines" } else { "Wrap lines" };
        flip = Btn::new(label).quiet().key("Alt Z").show(ui, theme).clicked();
        ui.label(theme.faint(doc.path.as_str()));
    });
    find::bar_ui(ui, cx, doc, &mut view.find);
    line::bar_ui(ui, cx, doc, &mut view.line);
    let shown = view.files.entry(doc.id).or_default();
    ui.add_space(4.0);
    let id = editor_id(doc);
    let name = format!("Text of {}", doc.title());
    let (finds, current) = doc.find.as_ref().map(|f| f.within(FILE)).unwrap_or_default();
    if let Some(find) = &doc.find
        && shown.found != find.reveal
    {
        shown.found = find.reveal;
        shown.editor.reveal = true;
    }
    // When the bar closes the text has the keyboard again.
    if std::mem::replace(&mut shown.finding, doc.find.is_some()) && doc.find.is_none() {
        shown.given = false;
    }
    let free = ui.memory(|m| m.focused().is_none());
    let grabbed = std::mem::replace(&mut shown.grabbed, doc.grab) != doc.grab;
    shown.editor.reveal |= grabbed;
    if grabbed || (!shown.given && free) {
        ui.memory_mut(|m| m.request_focus(id));
        shown.given = true;
    }
    let size = ui.available_size() - vec2(8.0, 2.0);
    let output = ui
        .horizontal(|ui| {
            ui.add_space(8.0);
            ui.set_max_width(size.x);
            CodeEditor {
                numbers: Some(1),
                wrap,
                height: Height::Fixed(size.y.max(60.0)),
                finds: &finds,
                find: current,
                ..CodeEditor::new(id, &name)
            }
            .show(ui, theme, &mut editor, &mut shown.editor)
        })
        .inner;
    if flip || output.done.toggle_wrap {
        shown.wrap = Some(!wrap);
        ui.ctx().request_repaint();
    }
    if !output.done.acts.is_empty() {
        cx.send(Command::EditFile { doc: doc.id, acts: output.done.acts });
    }
    if output.done.undo {
        cx.send(Command::UndoFile(doc.id));
    }
    if output.done.redo {
        cx.send(Command::RedoFile(doc.id));
    }
    find::keys(cx, doc, output.done.find, output.done.find_next);
    let asked = menu::menu_ui(&output.response, theme, &editor, false, (true, false));
    let mut asked = if output.done.go_to_line { Some(menu::Chosen::Line) } else { asked };
    if output.done.definition {
        asked = menu::name_at(&editor).map(menu::Chosen::Definition);
    }
    if let Some(chosen) = asked {
        let shown = view.files.entry(doc.id).or_default();
        let act = menu::carry_out(ui, cx, doc, (FILE, &editor), &mut shown.editor, &mut view.line, (chosen, id));
        cx.send.extend(act.map(|act| Command::EditFile { doc: doc.id, acts: vec![act] }.into()));
    }
    if output.done.leave && doc.find.is_some() {
        cx.send(Command::CloseFind);
    } else if output.done.leave {
        // Whoever writes with the keyboard alone gets out of the text, too.
        ui.memory_mut(|m| m.surrender_focus(id));
    }
}

/// Id of a file's editor.
pub fn editor_id(doc: &Doc) -> Id {
    Id::unique(("text-file", doc.id))
}
