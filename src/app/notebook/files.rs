//! Files that come into a notebook: dropped between cells, attached to a text, pasted as a picture.
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Command as Page, DocId, Event as News, Mode, edit, notice};
use crate::{
    app::{AppState, Cx, Effect, Env, Job, Out, Policy, data, notify::Notice, workspace},
    base::{Error, Result, fsx, text},
    engine::frames,
    model::{
        editor::Act,
        notebook::{CellKey, CellKind, attach::Attachment},
        workspace::FileKind,
    },
};

/// Larger files are not put into a notebook.
const LARGEST: u64 = 20 * 1024 * 1024;

/// Where something is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// Before the cell at this place.
    Cell(usize),
    /// Below the selected cell: the desktop does not tell where the pointer was.
    Selected,
    /// Into the text of a cell that is being edited.
    Text(CellKey),
    /// On the tabs or beside the cells: files are opened.
    Tabs,
}

/// A picture from the clipboard.
#[derive(Clone, PartialEq, Eq)]
pub struct Pixels {
    pub width: usize,
    pub height: usize,
    /// Four bytes each, not multiplied by alpha.
    pub rgba: Arc<[u8]>,
}

impl std::fmt::Debug for Pixels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pixels({} \u{d7} {})", self.width, self.height)
    }
}

/// Requests.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Files, by full paths or by paths from the root.
    Drop {
        at: At,
        paths: Vec<PathBuf>,
    },
    /// A query of the data page becomes a cell, or its text goes into the text that is edited.
    DropQuery {
        at: At,
        title: String,
        sql: String,
    },
    /// Asks for a file and attaches it.
    Pick(CellKey),
    /// Attaches files.
    Attach {
        key: CellKey,
        paths: Vec<PathBuf>,
    },
    Paste(Pixels),
    Rename {
        key: CellKey,
        old: String,
        new: String,
    },
    Remove {
        key: CellKey,
        name: String,
    },
    /// The name of this attachment is being typed; none: no longer.
    Naming(Option<(CellKey, String)>),
}

/// Work.
#[derive(Debug, Clone)]
pub enum Task {
    Look { doc: DocId, at: At, paths: Vec<PathBuf> },
    Pick { doc: DocId, key: CellKey },
    Read { doc: DocId, key: CellKey, paths: Vec<PathBuf> },
    Encode { doc: DocId, pixels: Pixels },
}

/// What a file is to a notebook.
#[derive(Debug, Clone)]
pub enum Item {
    /// A table that the embedded engine reads, by the path a query names it with.
    Table(String),
    Picture(Attachment),
    /// Opened in a tab: a notebook, a script, a text of the workspace.
    Open(String),
    /// A folder or a file that is not in the workspace.
    Elsewhere(PathBuf),
    /// Anything else, by its path.
    Path(String),
}

/// What comes back.
#[derive(Debug, Clone)]
pub enum Event {
    Looked {
        doc: DocId,
        at: At,
        items: Vec<Item>,
        problems: Vec<Error>,
    },
    /// To be attached; no cell: a new one below the selected one.
    Read {
        doc: DocId,
        key: Option<CellKey>,
        files: Vec<Attachment>,
        problems: Vec<Error>,
    },
    NoDialog,
}

fn job(task: Task, doc: DocId) -> Effect {
    Job::io(format!("notebook.files:{doc}"), super::Task::Files(task)).policy(Policy::Queue).start()
}

pub(super) fn command(state: &mut AppState, command: Command, cx: &Cx) -> Vec<Effect> {
    if let Command::Drop { at: At::Tabs, paths } = &command
        && state.notebook.doc().is_none()
    {
        // Nothing is open yet: the number names no document, and files are opened all the same.
        return vec![job(Task::Look { doc: 0, at: At::Tabs, paths: paths.clone() }, 0)];
    }
    if let Command::DropQuery { at, title, sql } = command {
        return query(state, at, &title, sql, cx);
    }
    let Some(doc) = state.notebook.doc_mut() else { return Vec::new() };
    let id = doc.id;
    let mut effects = Vec::new();
    let changed = match command {
        Command::Drop { at, paths } => return vec![job(Task::Look { doc: id, at, paths }, id)],
        Command::DropQuery { .. } => return effects,
        Command::Pick(key) => {
            return vec![Job::long("notebook.pick", super::Task::Files(Task::Pick { doc: id, key })).start()];
        }
        Command::Attach { key, paths } => return vec![job(Task::Read { doc: id, key, paths }, id)],
        Command::Paste(pixels) => return vec![job(Task::Encode { doc: id, pixels }, id)],
        Command::Naming(naming) => {
            doc.naming = naming;
            return effects;
        }
        Command::Rename { key, old, new } => {
            let done = doc.notebook_mut().map(|nb| nb.rename_attachment(key, &old, new.trim()));
            if matches!(done, Some(Ok(()))) {
                doc.naming = None;
            }
            done
        }
        Command::Remove { key, name } => {
            let done = doc.notebook_mut().map(|nb| nb.remove_attachment(key, &name));
            if matches!(done, Some(Ok(()))) {
                let note = Notice::info(format!("Removed {name}, and where the text shows it"));
                effects.push(Effect::Notice(note.action("Undo", Page::Undo)));
            }
            done
        }
    };
    match changed {
        Some(Ok(())) => edit::changed(doc, &mut effects),
        Some(Err(e)) => effects.push(notice(&e)),
        None => {}
    }
    effects
}

pub(super) fn event(state: &mut AppState, event: Event, cx: &Cx) -> Vec<Effect> {
    match event {
        Event::Looked { doc, at, items, problems } => {
            let mut effects: Vec<Effect> = problems.iter().map(notice).collect();
            effects.extend(come(state, (doc, at), items, cx));
            effects
        }
        Event::Read { doc, key, files, problems } => {
            let mut effects: Vec<Effect> = problems.iter().map(notice).collect();
            let Some(doc) = state.notebook.by_id(doc).filter(|_| !files.is_empty()) else { return effects };
            let at = doc.index() + 1;
            // A picture is shown in the text it is pasted into; beside code it gets a cell of its own.
            let text = |doc: &super::Doc, k: &CellKey| {
                doc.notebook().and_then(|n| n.cell(*k)).is_some_and(|c| c.kind == CellKind::Markdown)
            };
            let key = key.or(Some(doc.selected).filter(|k| text(doc, k)));
            let Some(nb) = doc.notebook_mut() else { return effects };
            let done = match key {
                Some(key) => nb.attach(key, &files).map(|_| key),
                None => nb.insert_attached(at, &files),
            };
            match done {
                Ok(key) => {
                    doc.unrendered.retain(|k| *k != key);
                    doc.select(key);
                    edit::changed(doc, &mut effects);
                }
                Err(e) => effects.push(notice(&e)),
            }
            effects
        }
        Event::NoDialog => {
            let error = Error::user("The desktop shows no file dialog here");
            vec![notice(&error.hint("Drop the file onto the notebook instead"))]
        }
    }
}

/// Puts what was dropped where it was dropped: each file one step.
fn come(state: &mut AppState, (id, at): (DocId, At), items: Vec<Item>, cx: &Cx) -> Vec<Effect> {
    let mut effects = Vec::new();
    let open = |state: &mut AppState, item: &Item| match item {
        Item::Open(path) => super::open_path(state, path, cx),
        Item::Table(path) | Item::Path(path) => workspace::open_file(state, path, cx),
        Item::Elsewhere(path) => workspace::command(state, workspace::Command::Open(path.clone()), cx),
        Item::Picture(file) => {
            vec![Effect::Notice(Notice::info(format!("{} is a picture", file.name)).body("Drop it between two cells"))]
        }
    };
    let editable = state.notebook.by_id(id).is_some_and(|d| d.notebook().is_some_and(|n| n.read_only().is_none()));
    if at == At::Tabs || !editable {
        items.iter().for_each(|item| effects.extend(open(state, item)));
        return effects;
    }
    let Some(doc) = state.notebook.by_id(id) else { return effects };
    let (mut place, text) = place_of(doc, at);
    let mut later = Vec::new();
    for item in items {
        let Some(doc) = state.notebook.by_id(id) else { break };
        let (kind, source) = match (&item, text) {
            (Item::Table(path) | Item::Path(path) | Item::Open(path), Some(key)) => {
                let acts = vec![Act::Put(quoted(path))];
                effects.extend(super::command(state, Page::EditCell { key, acts }, cx));
                continue;
            }
            (Item::Picture(file), Some(key)) if doc.cell().is_some_and(|c| c.kind == CellKind::Markdown) => {
                let done = doc.notebook_mut().map(|nb| nb.attach(key, std::slice::from_ref(file)));
                effects.extend(done.and_then(Result::err).iter().map(notice));
                edit::changed(doc, &mut effects);
                continue;
            }
            (Item::Table(path), None) => {
                (CellKind::Code, format!("%%sql\nSELECT * FROM '{}'", path.replace('\'', "''")))
            }
            (Item::Path(path), None) => (CellKind::Code, quoted(path)),
            (Item::Picture(file), _) => {
                let done = doc.notebook_mut().map(|nb| nb.insert_attached(place, std::slice::from_ref(file)));
                effects.extend(inserted(doc, done));
                place += 1;
                continue;
            }
            (Item::Open(_) | Item::Elsewhere(_), _) => {
                later.push(item);
                continue;
            }
        };
        let done = doc.notebook_mut().map(|nb| nb.insert(place, kind, &source));
        effects.extend(inserted(doc, done));
        place += 1;
    }
    for item in later {
        effects.extend(open(state, &item));
    }
    effects
}

/// Where new cells go, and the text that takes what is dropped into it.
fn place_of(doc: &super::Doc, at: At) -> (usize, Option<CellKey>) {
    let count = doc.cells().len();
    let place = match at {
        At::Cell(place) => place.min(count),
        At::Selected | At::Tabs => (doc.index() + 1).min(count),
        At::Text(key) => doc.notebook().and_then(|n| n.index_of(key)).map_or(count, |i| i + 1),
    };
    let text = match at {
        At::Text(key) if doc.mode == Mode::Edit && doc.selected == key => Some(key),
        _ => None,
    };
    (place, text)
}

/// Puts a query where it was dropped.
fn query(state: &mut AppState, at: At, title: &str, sql: String, cx: &Cx) -> Vec<Effect> {
    let Some(doc) = state.notebook.doc_mut() else { return Vec::new() };
    let (place, text) = place_of(doc, at);
    if let Some(key) = text {
        return super::command(state, Page::EditCell { key, acts: vec![Act::Put(sql)] }, cx);
    }
    let done = doc.notebook_mut().map(|nb| nb.insert(place, CellKind::Code, &data::as_cell(title, &sql)));
    inserted(doc, done)
}

fn inserted(doc: &mut super::Doc, done: Option<Result<CellKey>>) -> Vec<Effect> {
    let mut effects = Vec::new();
    match done {
        Some(Ok(key)) => {
            doc.select(key);
            doc.mode = Mode::Command;
            edit::changed(doc, &mut effects);
        }
        Some(Err(e)) => effects.push(notice(&e)),
        None => {}
    }
    effects
}

fn quoted(path: &str) -> String {
    format!("\"{}\"", path.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Carries out a task; blocking allowed.
pub(super) fn run(task: Task, env: &Env, out: &Out) -> Result<()> {
    let root = env.root()?;
    match task {
        Task::Look { doc, at, paths } => {
            let (mut items, mut problems) = (Vec::new(), Vec::new());
            for path in paths {
                match item(&root, &path, at) {
                    Ok(item) => items.push(item),
                    Err(e) => problems.push(e),
                }
            }
            out.send(News::Files(Event::Looked { doc, at, items, problems }));
        }
        Task::Pick { doc, key } => match ask() {
            Answer::Chosen(paths) => run(Task::Read { doc, key, paths }, env, out)?,
            Answer::Closed => {}
            Answer::NoDialog => out.send(News::Files(Event::NoDialog)),
        },
        Task::Read { doc, key, paths } => {
            let (mut files, mut problems) = (Vec::new(), Vec::new());
            for path in paths {
                match attachment(&root.join(path)) {
                    Ok(file) => files.push(file),
                    Err(e) => problems.push(e),
                }
            }
            out.send(News::Files(Event::Read { doc, key: Some(key), files, problems }));
        }
        Task::Encode { doc, pixels } => {
            let bytes = png(&pixels)?;
            let files = vec![Attachment { name: "image.png".into(), mime: "image/png".into(), bytes }];
            out.send(News::Files(Event::Read { doc, key: None, files, problems: Vec::new() }));
        }
    }
    Ok(())
}

/// A picture as a file.
fn png(pixels: &Pixels) -> Result<Vec<u8>> {
    let what = || Error::user("The picture on the clipboard cannot be read");
    let (width, height) = (u32::try_from(pixels.width).ok(), u32::try_from(pixels.height).ok());
    let image = width.zip(height).and_then(|(w, h)| image::RgbaImage::from_raw(w, h, pixels.rgba.to_vec()));
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.ok_or_else(what)?.write_to(&mut bytes, image::ImageFormat::Png).map_err(|e| what().because(&e))?;
    Ok(bytes.into_inner())
}

/// Mime type of pictures that a notebook shows, by the ending of the name.
fn mime(path: &Path) -> Option<&'static str> {
    let ending = path.extension()?.to_string_lossy().to_lowercase();
    Some(match ending.as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "svg" => "image/svg+xml",
        _ => return None,
    })
}

fn attachment(path: &Path) -> Result<Attachment> {
    let name = path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
    let Some(mime) = mime(path) else {
        return Err(Error::user(format!("{name} is no picture that a notebook shows"))
            .hint("Attach PNG, JPEG, GIF, WebP or SVG; link other files by their path"));
    };
    let size = std::fs::metadata(path).map(|m| m.len()).unwrap_or_default();
    if size > LARGEST {
        return Err(Error::user(format!("{name} is too large to be kept in a notebook"))
            .because_of(format!("It has {}; up to {} can be attached", text::bytes(size), text::bytes(LARGEST)))
            .hint("Put it beside the notebook and show it by its path: ![](picture.png)"));
    }
    let bytes = fsx::read(path)?;
    let image = crate::model::output::Image::from_bytes(mime, &bytes, None, None);
    if !image.is_sound() {
        return Err(Error::user(format!("{name} cannot be read as a picture")).because_of("Its bytes are damaged"));
    }
    Ok(Attachment { name, mime: mime.to_owned(), bytes })
}

fn item(root: &Path, path: &Path, at: At) -> Result<Item> {
    let full = root.join(path);
    let meta =
        std::fs::metadata(&full).map_err(|e| Error::io(format!("{} cannot be read", path.display())).because(&e))?;
    let real = full.canonicalize().unwrap_or_else(|_| full.clone());
    let inside = real.strip_prefix(root).is_ok() || full.strip_prefix(root).is_ok();
    let name = if inside {
        fsx::relative(root, if real.starts_with(root) { &real } else { &full })
    } else {
        real.display().to_string()
    };
    if meta.is_dir() {
        return Ok(if inside { Item::Path(name) } else { Item::Elsewhere(real) });
    }
    if at == At::Tabs {
        return Ok(if !inside {
            Item::Elsewhere(real)
        } else if matches!(FileKind::of(&name), FileKind::Data | FileKind::Pipeline | FileKind::Check) {
            Item::Path(name)
        } else {
            Item::Open(name)
        });
    }
    if mime(&full).is_some() {
        return attachment(&full).map(Item::Picture);
    }
    if frames::is_data_file(&full) {
        return Ok(Item::Table(name));
    }
    Ok(match FileKind::of(&name) {
        FileKind::Notebook if inside => Item::Open(name),
        FileKind::Notebook => Item::Elsewhere(real),
        _ => Item::Path(name),
    })
}

#[cfg_attr(not(feature = "gui"), allow(dead_code, reason = "nothing can be chosen without a window"))]
enum Answer {
    Chosen(Vec<PathBuf>),
    Closed,
    NoDialog,
}

#[cfg(feature = "gui")]
fn ask() -> Answer {
    // Without a portal rfd answers None at once; a dialog that a person closes has been open longer than that.
    let since = std::time::Instant::now();
    let dialog = rfd::FileDialog::new().set_title("Attach a picture");
    match dialog.add_filter("Pictures", &["png", "jpg", "jpeg", "gif", "webp", "svg"]).pick_files() {
        Some(paths) => Answer::Chosen(paths),
        None if since.elapsed().as_millis() > 700 => Answer::Closed,
        None => Answer::NoDialog,
    }
}

#[cfg(not(feature = "gui"))]
fn ask() -> Answer {
    Answer::NoDialog
}
