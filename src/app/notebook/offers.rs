//! What the palette offers on the Notebook page.
use super::{After, Command, Conflict, Merge, Scope, files, form, history, kernels, outside, raw, tested};
use crate::{
    app::{AppState, action::Action},
    model::{notebook::CellKind, workspace::FileKind},
};

/// What the palette offers from here.
pub fn actions(state: &AppState) -> Vec<Action> {
    let mut all = Vec::new();
    if state.workspace.root.is_none() {
        return all;
    }
    all.push(Action::new("Notebook", "New notebook", Command::New).icon("file-plus"));
    all.extend(kernels::actions(state));
    for entry in state.workspace.files(FileKind::Notebook) {
        let open = Command::Open(entry.path.clone());
        all.push(Action::new("Notebooks", entry.name(), open).detail(entry.parent()).icon("notebook-text"));
    }
    all.extend(test_actions(state));
    let Some(doc) = state.notebook.doc() else { return all };
    all.extend(form::actions(doc));
    all.push(Action::new("Notebook", format!("Save {}", doc.title()), Command::Save).icon("save").key("Ctrl+S"));
    let save_as = Action::new("Notebook", format!("Save {} as\u{2026}", doc.title()), Command::AskPath(true));
    all.push(save_as.icon("save").key("Ctrl+Shift+S"));
    all.push(Action::new("Notebook", format!("Close {}", doc.title()), Command::Close(doc.id)).icon("x").key("Ctrl+W"));
    let find = |title: &str, replacing| Action::new("Notebook", title, Command::Find { replacing }).icon("search");
    all.push(find("Find", false).key("Ctrl+F"));
    all.push(find("Find and replace", true).key("Ctrl+H"));
    let past = Command::History(history::Command::Open(doc.selected));
    let is_code = doc.cell().is_some_and(|c| c.kind == CellKind::Code);
    if doc.notebook().is_some() {
        let row = Action::new("Notebook", "List what was run before, and put it in", past).icon("history");
        all.push(row.key("Ctrl+R").only_if(is_code, "The selected cell holds no code"));
    }
    let Some(nb) = doc.notebook() else { return all };
    let undo = nb.undo_label().map_or_else(|| "Undo".into(), |l| format!("Undo: {l}"));
    let (can_undo, can_redo) = (nb.undo_label().is_some(), nb.redo_label().is_some());
    let row = |title: &str, command: Command| Action::new("Notebook", title, command);
    all.extend([
        row("Run the cell and go on", Command::Run(Scope::Selected(After::Advance))).icon("play").key("Shift+Enter"),
        row("Run the cell", Command::Run(Scope::Selected(After::Stay))).icon("play").key("Ctrl+Enter"),
        row("Run all cells", Command::Run(Scope::All)).icon("list-checks"),
        row("Run all above", Command::Run(Scope::Above)).icon("arrow-up-to-line"),
        row("Run this and all below", Command::Run(Scope::Below)).icon("arrow-down-to-line"),
        row("Run what is out of date", Command::Run(Scope::Stale)).icon("list-restart"),
        row("Interrupt", Command::Interrupt).icon("square").key("I I").only_if(doc.running.is_some(), "Nothing runs"),
        row("Restart the session\u{2026}", Command::Restart).icon("rotate-cw").key("0 0"),
        row("Clear all outputs", Command::ClearAllOutputs).icon("eraser"),
        row(&undo, Command::Undo).icon("undo-2").key("Z").only_if(can_undo, "Nothing to undo"),
        row("Redo", Command::Redo).icon("redo-2").key("Shift+Z").only_if(can_redo, "Nothing to redo"),
        row("Make the cell Markdown", Command::SetKind(CellKind::Markdown)).key("M"),
        row("Make the cell code", Command::SetKind(CellKind::Code)).key("Y"),
        row("Make the cell raw", Command::SetKind(CellKind::Raw)).key("R"),
        row("Merge the selected cells", Command::Merge(Merge::Selected)).key("Shift+M"),
        row("Move the cell up", Command::Move { up: true }).key("Ctrl+Shift+Up"),
        row("Move the cell down", Command::Move { up: false }).key("Ctrl+Shift+Down"),
        row("Insert a heading above this part", Command::InsertHeading { above: true }).key("Shift+A"),
        row("Insert a heading below this part", Command::InsertHeading { above: false }).key("Shift+B"),
        row("Fold all headings", Command::FoldAll(true)).key("Ctrl+Shift+Left"),
        row("Unfold all headings", Command::FoldAll(false)).key("Ctrl+Shift+Right"),
        row("Show or hide line numbers", Command::ToggleLineNumbers).key("Shift+L"),
        row("Ask the kernel for its variables", Command::RefreshVariables)
            .icon("refresh-cw")
            .only_if(doc.kernel.state.is_some(), "No kernel runs"),
        row("Test this notebook", Command::Test(tested::Command::This)).icon("list-checks"),
        row("Options of notebook tests", Command::Test(tested::Command::Options(true))).icon("sliders-horizontal"),
        row("Run with parameters\u{2026}", Command::AskParameters).icon("sliders-horizontal"),
        row("Make the cell declare parameters, or no longer", Command::DeclareParameters).icon("tag"),
        row("Compare with the last commit", Command::Compare).icon("git-compare"),
        row("Edit the metadata of the cell as JSON", Command::Raw(raw::Command::Open(raw::Of::Cell(doc.selected))))
            .icon("braces"),
        row("Edit the metadata of the notebook as JSON", Command::Raw(raw::Command::Open(raw::Of::Notebook)))
            .icon("braces")
            .only_if(nb.script().is_none(), "A text file keeps no metadata of the notebook"),
        row("Attach a picture to the text cell\u{2026}", Command::Files(files::Command::Pick(doc.selected)))
            .icon("image")
            .only_if(doc.cell().is_some_and(|c| c.kind == CellKind::Markdown), "The cell is no text"),
        row("Merge with the version on disk", Command::Outside(outside::Command::Merge(doc.id)))
            .icon("git-merge")
            .only_if(matches!(doc.conflict, Some(Conflict::Changed(_))), "The file on disk has not changed"),
        row("Take the kernel over from the other window", Command::TakeOver(doc.id))
            .icon("monitor")
            .only_if(doc.kept_kernel.elsewhere, "No other window runs its cells"),
        row("Discard the changes of this cell since the last commit", Command::RevertCell)
            .icon("eraser")
            .only_if(state.workspace.is_repo, "The folder is not a git repository"),
    ]);
    all
}

/// Testing all notebooks, and those of each folder that has some.
fn test_actions(state: &AppState) -> Vec<Action> {
    let mut folders: Vec<&str> = state.workspace.files(FileKind::Notebook).map(|e| e.parent()).collect();
    folders.sort_unstable();
    folders.dedup();
    if folders.is_empty() {
        return Vec::new();
    }
    let test = |title: String, folder: &str| {
        Action::new("Notebook", title, Command::Test(tested::Command::Folder(folder.to_owned()))).icon("list-checks")
    };
    let named = folders.into_iter().filter(|f| !f.is_empty()).map(|f| test(format!("Test the notebooks of {f}"), f));
    std::iter::once(test("Test all notebooks".to_owned(), "")).chain(named).collect()
}
