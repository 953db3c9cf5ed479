//! Files that come into a notebook, metadata as JSON, and outputs of texts: the real host on real files.
use super::{
    super::{
        files::{self, At},
        raw::{self, Of},
    },
    outside::{Place, host, settle},
    *,
};

const PNG: [u8; 67] = [
    137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13, 73, 72, 68, 82, 0, 0, 0, 1, 0, 0, 0, 1, 8, 6, 0, 0, 0, 31, 21, 196,
    137, 0, 0, 0, 10, 73, 68, 65, 84, 120, 156, 99, 0, 1, 0, 0, 5, 0, 1, 13, 10, 45, 180, 0, 0, 0, 0, 73, 69, 78, 68,
    174, 66, 96, 130,
];

fn drop_at(place: &mut Place, at: At, paths: &[&str]) {
    let paths = paths.iter().map(|p| p.into()).collect();
    place.send(Command::Files(files::Command::Drop { at, paths }));
}

#[test]
fn what_is_dropped_between_cells_becomes_a_cell_that_reads_it() {
    let mut place = Place::new("a.ipynb", FILE);
    let root = place.root.clone();
    std::fs::create_dir(root.join("data")).unwrap();
    std::fs::write(root.join("data/it's.csv"), "a,b\n1,2\n").unwrap();
    std::fs::write(root.join("plot.png"), PNG).unwrap();
    std::fs::write(root.join("model.bin"), [0, 1]).unwrap();
    std::fs::write(root.join("b.ipynb"), FILE).unwrap();
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("far.parquet"), "x").unwrap();
    let before = place.doc().notebook().unwrap().to_bytes();
    let full = root.join("data/it's.csv").display().to_string();
    drop_at(&mut place, At::Cell(1), &[&full, "model.bin"]);
    assert_eq!(place.sources()[1..3], ["%%sql\nSELECT * FROM 'data/it''s.csv'", "\"model.bin\""]);
    assert_eq!(place.doc().index(), 2);
    place.send(Command::Undo);
    place.send(Command::Undo);
    assert_eq!(place.doc().notebook().unwrap().to_bytes(), before, "one step each");
    drop_at(&mut place, At::Selected, &["plot.png"]);
    let cell = place.doc().cell().unwrap().clone();
    assert_eq!((cell.kind, &*cell.source), (CellKind::Markdown, "![plot.png](attachment:plot.png)"));
    let far = outside.path().join("far.parquet").display().to_string();
    drop_at(&mut place, At::Cell(99), &[&far]);
    assert!(
        place
            .sources()
            .last()
            .unwrap()
            .contains(&format!("FROM '{}'", outside.path().canonicalize().unwrap().join("far.parquet").display()))
    );
    // Into a text being edited the path is written.
    let key = place.doc().cells()[2].key;
    place.send(Command::Select(key));
    place.send(Command::EnterEdit);
    let text = place.sources()[2].clone();
    drop_at(&mut place, At::Text(key), &["data/it's.csv"]);
    assert_eq!(place.sources()[2], format!("\"data/it's.csv\"{text}"));
    drop_at(&mut place, At::Tabs, &["b.ipynb"]);
    assert_eq!(place.doc().path, "b.ipynb");
    drop_at(&mut place, At::Cell(0), &["gone.csv"]);
    assert!(place.notices().contains("gone.csv cannot be read"), "{}", place.notices());
    std::fs::write(root.join("bad.png"), "no").unwrap();
    drop_at(&mut place, At::Cell(0), &["bad.png"]);
    assert!(place.notices().contains("bad.png cannot be read as a picture"), "{}", place.notices());
}

#[test]
fn a_dropped_table_can_be_run() {
    let mut place = Place::new("a.ipynb", FILE);
    place.host.state.workspace.trusted = true;
    std::fs::write(place.root.join("t.csv"), "a,b\n1,2\n3,4\n").unwrap();
    drop_at(&mut place, At::Cell(0), &["t.csv"]);
    let key = place.doc().cells()[0].key;
    place.send(Command::Run(Scope::One(key)));
    assert_eq!(place.doc().state_of(key), CellState::Fresh, "{:?}", place.doc().runs[&key].end);
    assert_eq!(place.doc().runs[&key].table.as_ref().unwrap().page.total_rows, 2);
}

#[test]
fn pictures_are_attached_renamed_and_removed() {
    let mut place = Place::new("a.ipynb", FILE);
    std::fs::write(place.root.join("one.png"), PNG).unwrap();
    std::fs::write(place.root.join("words.txt"), "no").unwrap();
    let key = place.doc().cells()[0].key;
    place.send(Command::Select(key));
    let before = place.doc().notebook().unwrap().to_bytes();
    let paths = vec!["one.png".into(), "words.txt".into()];
    place.send(Command::Files(files::Command::Attach { key, paths }));
    assert!(place.notices().contains("words.txt is no picture"), "{}", place.notices());
    assert_eq!(place.sources()[0], "# Delays\ntext\n![one.png](attachment:one.png)");
    place.send(Command::Files(files::Command::Naming(Some((key, "one.png".into())))));
    place.send(Command::Files(files::Command::Rename { key, old: "one.png".into(), new: "a b.png".into() }));
    assert!(place.sources()[0].ends_with("(attachment:a%20b.png)") && place.doc().naming.is_none());
    // Pasted into the text that is selected, and as a cell of its own beside code.
    let rgba: std::sync::Arc<[u8]> = vec![255u8; 16].into();
    let pixels = files::Pixels { width: 2, height: 2, rgba };
    place.send(Command::Files(files::Command::Paste(pixels.clone())));
    assert_eq!(place.doc().cells()[0].attachments().len(), 2);
    let code = place.doc().cells()[1].key;
    place.send(Command::Select(code));
    place.send(Command::Files(files::Command::Paste(pixels)));
    assert_eq!(place.doc().cells()[2].attachments()[0].0, "image.png");
    place.send(Command::Files(files::Command::Remove { key, name: "a b.png".into() }));
    assert!(!place.sources()[0].contains("a%20b"));
    for _ in 0..5 {
        place.send(Command::Undo);
    }
    assert_eq!(place.doc().notebook().unwrap().to_bytes(), before);
}

#[test]
fn metadata_are_edited_as_json_and_nothing_else_changes() {
    let file = FILE.replace(
        "\"metadata\": {},\n \"nbformat\"",
        "\"metadata\": {\"big\":  123456789012345678901234567890, \"a\": 1, \"a\": 2},\n \"nbformat\"",
    );
    let mut place = Place::new("a.ipynb", &file);
    let send = |place: &mut Place, command: raw::Command| place.send(Command::Raw(command));
    let text = |place: &Place| place.doc().raw.as_ref().unwrap().document.editor.buffer().to_string();
    send(&mut place, raw::Command::Open(Of::Notebook));
    assert_eq!(text(&place), "{\n  \"big\": 123456789012345678901234567890,\n  \"a\": 1,\n  \"a\": 2\n}");
    send(&mut place, raw::Command::Apply);
    assert_eq!(String::from_utf8(place.doc().notebook().unwrap().to_bytes()).unwrap(), file);
    assert!(!place.doc().is_dirty());
    let set = |place: &mut Place, text: &str| send(place, raw::Command::Edit(vec![Act::SetText(text.into())]));
    set(&mut place, "{\n  \"big\": 1,,\n}");
    let problem = place.doc().raw.as_ref().unwrap().problem.clone().unwrap();
    assert!(problem.0 == 2 && problem.1.starts_with("Line 2, column 12"), "{problem:?}");
    send(&mut place, raw::Command::Apply);
    assert!(!place.doc().is_dirty(), "what is no JSON changes nothing");
    set(&mut place, "[]");
    assert!(place.doc().raw.as_ref().unwrap().problem.as_ref().unwrap().1.contains("braces"));
    set(&mut place, "{\n  \"big\": 123456789012345678901234567890,\n  \"a\": 1,\n  \"a\": 3\n}");
    send(&mut place, raw::Command::Apply);
    assert_eq!(
        String::from_utf8(place.doc().notebook().unwrap().to_bytes()).unwrap(),
        file.replace("\"a\": 2", "\"a\": 3")
    );
    place.send(Command::Undo);
    assert_eq!(String::from_utf8(place.doc().notebook().unwrap().to_bytes()).unwrap(), file);
    assert!(text(&place).contains("\"a\": 2"), "what is shown follows");
    // Of a cell, with something written while it changes elsewhere.
    let key = place.doc().cells()[2].key;
    send(&mut place, raw::Command::Open(Of::Cell(key)));
    set(&mut place, "{\"tags\": [\"mine\"]}");
    place.host.state.notebook.doc_mut().unwrap().notebook_mut().unwrap().set_cell_metadata(key, "{\"x\": 1}").unwrap();
    place.send(Command::Insert { above: false, kind: CellKind::Code });
    assert!(place.doc().raw.as_ref().unwrap().moved);
    send(&mut place, raw::Command::Apply);
    assert_eq!(place.doc().notebook().unwrap().cell(key).unwrap().tags(), ["mine"]);
    set(&mut place, "{\"tags\": [\"half\"");
    send(&mut place, raw::Command::Close);
    assert!(place.doc().raw.is_none());
    send(&mut place, raw::Command::Open(Of::Cell(key)));
    assert!(text(&place).contains("half"), "what was written is still there");
}

#[test]
fn what_a_script_shows_is_there_again_in_the_next_window_and_never_in_its_file() {
    let script = "# %%\nx = 1\n\n# %%\nprint(x)\n";
    let mut place = Place::new("a.py", script);
    let (id, key) = (place.doc().id, place.doc().cells()[1].key);
    let out: OutputJson = r#"{"output_type":"stream","name":"stdout","text":["shown"]}"#.into();
    place.host.state.notebook.by_id(id).unwrap().notebook_mut().unwrap().set_outputs(key, &[out], Some(1)).unwrap();
    place.send(Command::Journal(id));
    place.send(Command::Save);
    assert_eq!(place.read("a.py"), script);
    let mut next = host(place.dir.path(), &place.root);
    next.send(Command::Open("a.py".into()));
    settle(&mut next);
    let doc = next.state.notebook.doc().unwrap();
    assert!(doc.cells()[1].has_outputs() && !doc.is_dirty());
    assert_eq!(doc.state_of(doc.cells()[1].key), CellState::Earlier);
}
