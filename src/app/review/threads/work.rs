//! What threads have done away from the window's thread.
use std::{collections::HashMap, path::Path, sync::Arc};

use super::{Event, Format, Task, approve, place};
use crate::{
    app::{Env, Out},
    base::{Error, Result, fsx, job::JobCtx},
    engine::{review as disk, sides::Sides, workspace::diff_rules},
    model::{
        diff::compare_files_by,
        git::Rev,
        review::{Approval, Content, Place, Thread, export},
    },
};

fn send(out: &Out, event: Event) {
    out.send(crate::app::review::Event::Talk(event));
}

/// Carries out a task; blocking allowed.
pub fn run(task: Task, env: &Arc<Env>, cx: &JobCtx, out: &Out) -> Result<()> {
    let root = env.root()?;
    match task {
        Task::Place { shown, threads, approvals, drafts } => {
            let placing = place::find(&shown, &threads, &approvals, &drafts);
            send(out, Event::Placed(Arc::new(placing)));
        }
        Task::Drafts => {
            let (found, problems) = disk::drafts(&root);
            send(out, Event::Drafts { found, problems });
        }
        Task::Keep { drafts, gone } => {
            let ids: Vec<String> = drafts.iter().map(|d| d.id.clone()).chain(gone.iter().cloned()).collect();
            let kept = drafts.iter().try_for_each(|d| disk::keep_draft(&root, d));
            let done = kept.and_then(|()| gone.iter().try_for_each(|id| disk::drop_draft(&root, id)));
            if let Err(error) = done {
                send(out, Event::KeepFailed { ids, error });
            }
        }
        Task::Apply { thread, source } => {
            let result = Box::new(disk::apply(&root, &thread, &source));
            send(out, Event::Applied { thread: thread.id.clone(), result });
        }
        Task::TakeBack { thread, applied } => {
            disk::take_back(&root, &applied)?;
            send(out, Event::TakenBack { thread, path: applied.path });
        }
        Task::Gather { from, compare, files, back } => {
            let repo = Sides::open(&root)?;
            let rules = diff_rules(&root).unwrap_or_default();
            let (mut list, mut skipped) = (Vec::new(), Vec::new());
            for file in files {
                cx.check()?;
                let (old, new) = crate::app::review::task::sides(&repo, &from, &compare, &file)?;
                match approve::wanted(&file.path, &compare_files_by(&file.path, old, new, &rules)) {
                    Some(more) => list.extend(more),
                    None => skipped.push(file.path),
                }
            }
            send(out, Event::Wanted { list, skipped, back });
        }
        Task::Export { format, to, compare, threads, approvals } => {
            let text = written(env, format, &compare, &threads, &approvals)?;
            match to {
                Some(path) => {
                    let path = free(&root, &path)?;
                    let full = fsx::inside(&root, &path)?;
                    if let Some(dir) = full.parent() {
                        std::fs::create_dir_all(dir)
                            .map_err(|e| Error::io(format!("Could not make {}", dir.display())).because(&e))?;
                    }
                    fsx::write_atomic(&full, text.as_bytes())?;
                    send(out, Event::Exported(path));
                }
                None => ask(format, &text, out)?,
            }
        }
    }
    Ok(())
}

/// A name of the workspace that is not taken.
fn free(root: &Path, path: &str) -> Result<String> {
    let (stem, ending) = path.rsplit_once('.').unwrap_or((path, "txt"));
    for n in 1..10_000 {
        let name = if n == 1 { path.to_owned() } else { format!("{stem}-{n}.{ending}") };
        if !fsx::inside(root, &name)?.exists() {
            return Ok(name);
        }
    }
    Err(Error::user(format!("There are too many files like {path}")))
}

fn written(
    env: &Env,
    format: Format,
    compare: &Rev,
    threads: &[Arc<Thread>],
    approvals: &[Approval],
) -> Result<String> {
    let sides = Sides::open(&env.root()?)?;
    let read = |path: &str| sides.read(compare, path).ok().flatten();
    let mut contents: HashMap<&str, Option<Content>> = HashMap::new();
    for thread in threads {
        contents.entry(&thread.path).or_insert_with(|| read(&thread.path).map(|b| Content::read(&thread.path, b)));
    }
    let all: Vec<Thread> = threads.iter().map(|t| (**t).clone()).collect();
    let content = |t: &Thread| contents.get(t.path.as_str()).and_then(Option::as_ref);
    let placed = export::placed(&all, |t| content(t).map_or(Place::Orphan, |c| c.place(t)));
    Ok(match format {
        Format::Markdown => export::markdown(&placed, approvals),
        Format::Html => export::html(&placed, approvals),
        Format::Json => export::json_text(&placed, approvals),
    })
}

#[cfg(feature = "gui")]
fn ask(format: Format, text: &str, out: &Out) -> Result<()> {
    // Without a portal rfd answers None at once; a dialog that a person closes has been open longer than that.
    let since = std::time::Instant::now();
    let name = format!("review.{}", format.ending());
    let dialog = rfd::FileDialog::new().set_title("Write the review to a file").set_file_name(name);
    match dialog.add_filter(format.ending(), &[format.ending()]).save_file() {
        Some(path) => {
            fsx::write_atomic(&path, text.as_bytes())?;
            send(out, Event::Exported(path.display().to_string()));
        }
        None if since.elapsed().as_millis() > 700 => {}
        None => send(out, Event::NoDialog(format)),
    }
    Ok(())
}

#[cfg(not(feature = "gui"))]
fn ask(format: Format, _text: &str, out: &Out) -> Result<()> {
    send(out, Event::NoDialog(format));
    Ok(())
}
