//! What a notebook's text points at: pictures beside it, headings in it, files of the workspace.
use std::{collections::HashMap, path::Path, sync::Arc};

use super::{Doc, DocId, notice};
use crate::{
    app::{AppState, Cx, Effect, Env, Job, Out, workspace},
    base::{Error, Result, fsx, text::bytes},
    model::{
        markdown::{Block, Context, anchor, is_anchor, read},
        notebook::CellKind,
        output::{Image, svg},
    },
};

/// Larger files are no pictures for a text.
const LARGEST: u64 = 64 * 1024 * 1024;

/// Requests.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// A text shows this picture, by the path it gives.
    Picture { doc: DocId, path: String },
    /// A chart shows the data of this file, by the path it gives.
    Data { doc: DocId, path: String },
    /// A link inside the notebook or the workspace was clicked.
    Follow(String),
}

/// A picture has been read.
#[derive(Debug, Clone)]
pub struct Event {
    doc: DocId,
    path: String,
    found: Found,
}

#[derive(Debug, Clone)]
enum Found {
    Picture(Result<Arc<Image>, String>),
    Data(Option<Arc<str>>),
}

/// A file to read.
#[derive(Debug, Clone)]
pub struct Task {
    doc: DocId,
    /// As the text gives it, and from the root.
    path: String,
    file: String,
    data: bool,
}

/// Pictures by the paths that texts give; `None` while they are read.
#[derive(Debug, Default)]
pub struct Beside {
    pictures: HashMap<String, Option<Result<Arc<Image>, String>>>,
    data: HashMap<String, Data>,
    revision: u64,
}

/// The text of a file with data.
#[derive(Debug, Clone)]
enum Data {
    Reading,
    /// There is no such file, or it is no text.
    Gone,
    Text(Arc<str>),
}

impl Beside {
    /// A picture, or why there is none; `None` when nobody has asked or it is being read.
    pub fn picture(&self, path: &str) -> Option<Result<Arc<Image>, String>> {
        self.pictures.get(path).cloned().flatten()
    }
    /// The text of a file with data, when it has been read.
    pub fn data(&self, path: &str) -> Option<Arc<str>> {
        match self.data.get(path)? {
            Data::Text(text) => Some(text.clone()),
            Data::Reading | Data::Gone => None,
        }
    }
    /// True when somebody has asked for a file with data.
    pub fn knows(&self, path: &str) -> bool {
        self.data.contains_key(path)
    }
    /// Grows when data have come or may be others.
    pub fn revision(&self) -> u64 {
        self.revision
    }
    /// Files have changed: what was read of them is read again.
    pub fn forget(&mut self) {
        self.pictures.clear();
        if !self.data.is_empty() {
            self.data.clear();
            self.revision += 1;
        }
    }
}

/// A path that a text gives, from the root.
fn from_root(notebook: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = notebook.split('/').collect();
    parts.pop();
    let path = path.split(['?', '#']).next().unwrap_or_default();
    for part in path.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    (!path.starts_with(['/', '\\']) && !path.contains(':')).then(|| parts.join("/")).filter(|p| !p.is_empty())
}

pub(super) fn command(state: &mut AppState, command: Command, cx: &Cx) -> Vec<Effect> {
    match command {
        Command::Picture { doc: id, path } => {
            let Some(doc) = state.notebook.by_id(id) else { return Vec::new() };
            if doc.beside.pictures.contains_key(&path) {
                return Vec::new();
            }
            match from_root(&doc.path, &path) {
                Some(file) => {
                    doc.beside.pictures.insert(path.clone(), None);
                    let key = format!("notebook.picture:{id}:{path}");
                    vec![Job::cpu(key, super::Task::Beside(Task { doc: id, path, file, data: false })).start()]
                }
                None => {
                    doc.beside.pictures.insert(path, Some(Err("outside of the workspace".to_owned())));
                    Vec::new()
                }
            }
        }
        Command::Data { doc: id, path } => {
            let Some(doc) = state.notebook.by_id(id).filter(|d| !d.beside.data.contains_key(&path)) else {
                return Vec::new();
            };
            let file = from_root(&doc.path, &path);
            doc.beside.data.insert(path.clone(), if file.is_some() { Data::Reading } else { Data::Gone });
            let Some(file) = file else { return Vec::new() };
            let key = format!("notebook.data:{id}:{path}");
            vec![Job::cpu(key, super::Task::Beside(Task { doc: id, path, file, data: true })).start()]
        }
        Command::Follow(address) => follow(state, &address, cx),
    }
}

fn follow(state: &mut AppState, address: &str, cx: &Cx) -> Vec<Effect> {
    let Some(doc) = state.notebook.doc_mut() else { return Vec::new() };
    if let Some(wanted) = address.strip_prefix('#') {
        let wanted = wanted.replace("%20", "-");
        match heading(doc, &wanted) {
            Some(key) => return super::command(state, super::Command::Select(key), cx),
            None => return vec![notice(&Error::user(format!("There is no heading \"{wanted}\" in this notebook")))],
        }
    }
    let Some(file) = from_root(&doc.path, &address.replace("%20", " ")) else {
        return vec![notice(&Error::user(format!("{address} is not in this workspace")))];
    };
    if state.workspace.entries.iter().any(|e| e.path == file) {
        return workspace::open_file(state, &file, cx);
    }
    vec![notice(&Error::user(format!("{file} is not in this workspace")))]
}

/// The cell with the heading that a link means.
fn heading(doc: &Doc, wanted: &str) -> Option<crate::model::notebook::CellKey> {
    let markdown =
        doc.cells().iter().filter(|c| c.kind == CellKind::Markdown && c.source.contains(['#', '=', '-', '<']));
    let named = |source: &str| {
        let name = |key: &str| {
            source.contains(&format!("{key}=\"{wanted}\"")) || source.contains(&format!("{key}='{wanted}'"))
        };
        name("id") || name("name")
    };
    let has =
        |blocks: &[Block]| blocks.iter().any(|b| matches!(b, Block::Heading { anchor: a, .. } if is_anchor(a, wanted)));
    let wanted_as = anchor(wanted);
    let mut cells = markdown
        .filter(|c| named(&c.source) || has(&read(&c.source, &Context::default()).blocks) || *c.source == wanted_as);
    cells.next().map(|c| c.key)
}

pub(super) fn event(state: &mut AppState, event: Event) {
    if let Some(doc) = state.notebook.by_id(event.doc) {
        match event.found {
            Found::Picture(picture) => drop(doc.beside.pictures.insert(event.path, Some(picture))),
            Found::Data(data) => {
                doc.beside.data.insert(event.path, data.map_or(Data::Gone, Data::Text));
                doc.beside.revision += 1;
            }
        }
    }
}

pub(super) fn run(task: Task, env: &Arc<Env>, out: &Out) -> Result<()> {
    let root = env.root()?;
    let found = if task.data {
        let text = read_inside(&root, &task.file).ok().and_then(|b| String::from_utf8(b).ok());
        Found::Data(text.map(Into::into))
    } else {
        Found::Picture(picture(&root, &task.file).map(Arc::new).map_err(|e| e.what))
    };
    out.send(super::Event::Beside(Event { doc: task.doc, path: task.path, found }));
    Ok(())
}

/// Reads a file of the workspace, following no link out of it.
fn read_inside(root: &Path, file: &str) -> Result<Vec<u8>> {
    let path = fsx::inside(root, file)?;
    let real = path.canonicalize().map_err(|_| Error::user("not there"))?;
    if !real.starts_with(root.canonicalize().unwrap_or_else(|_| root.to_owned())) {
        return Err(Error::user("outside of the workspace"));
    }
    let size = real.metadata().map(|m| m.len()).unwrap_or_default();
    if size > LARGEST {
        return Err(Error::user(format!("too large, {}", bytes(size))));
    }
    fsx::read(&real)
}

fn picture(root: &Path, file: &str) -> Result<Image> {
    let mime = match file.rsplit('.').next().unwrap_or_default().to_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "svg" => svg::MIME,
        _ => return Err(Error::user("no picture")),
    };
    let image = Image::from_bytes(mime, &read_inside(root, file)?, None, None);
    if image.is_sound() { Ok(image) } else { Err(Error::user("broken")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stand_beside_the_notebook_and_never_outside() {
        assert_eq!(from_root("nb/a.ipynb", "img/x.png").as_deref(), Some("nb/img/x.png"));
        assert_eq!(from_root("nb/a.ipynb", "./../x.png?raw=1").as_deref(), Some("x.png"));
        assert_eq!(from_root("a.ipynb", "../x.png"), None);
        assert_eq!((from_root("a.ipynb", "/etc/x.png"), from_root("a.ipynb", "c:\\x.png")), (None, None));
    }

    #[test]
    fn pictures_of_the_workspace_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.svg"), "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>")
            .unwrap();
        std::fs::write(dir.path().join("b.png"), "no").unwrap();
        assert!(picture(dir.path(), "a.svg").unwrap().is_vector());
        assert_eq!(picture(dir.path(), "b.png").unwrap_err().what, "broken");
        assert_eq!(picture(dir.path(), "c.png").unwrap_err().what, "not there");
        #[cfg(unix)]
        {
            std::fs::write(outside.path().join("s.svg"), "<svg/>").unwrap();
            std::os::unix::fs::symlink(outside.path().join("s.svg"), dir.path().join("s.svg")).unwrap();
            assert_eq!(picture(dir.path(), "s.svg").unwrap_err().what, "outside of the workspace");
        }
    }
}
