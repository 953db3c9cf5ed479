//! Colours of source text. Grammars are loaded and run on a thread of their own; a text is shown plain, or with the
//! colours of its former version shifted into place, until its own have come.
use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
};

use crossbeam_channel::{Sender, bounded};
use egui::Context;

pub use super::inks::Ink;
use super::inks::Inker;
use crate::base::fsx;

/// End in bytes and colour of each piece; the pieces cover the text.
pub type Spans = Arc<[(u32, Ink)]>;

#[derive(Default)]
struct Store {
    done: HashMap<u64, Spans>,
    asked: Vec<u64>,
}

struct Request {
    key: u64,
    language: &'static str,
    text: String,
    ctx: Context,
}

static STORE: LazyLock<Mutex<Store>> = LazyLock::new(Mutex::default);
static WORKER: LazyLock<Option<Sender<Request>>> = LazyLock::new(start);

/// Texts kept; beyond it all are forgotten and asked for again as they are seen.
const KEPT: usize = 6_000;
/// Longer texts stay plain.
const LIMIT: usize = 200_000;

fn store() -> MutexGuard<'static, Store> {
    STORE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn start() -> Option<Sender<Request>> {
    let (tx, rx) = bounded::<Request>(512);
    let work = move || {
        for request in rx {
            let spans = colours(request.language, &request.text);
            let mut store = store();
            if store.done.len() > KEPT {
                store.done.clear();
            }
            store.asked.retain(|k| *k != request.key);
            store.done.insert(request.key, spans);
            drop(store);
            request.ctx.request_repaint();
        }
    };
    std::thread::Builder::new().name("andon-highlight".to_owned()).spawn(work).ok().map(|_| tx)
}

/// The colours of a text, if they are known; asks for them otherwise. The key says for which text they are.
pub fn spans(ctx: &Context, language: &'static str, text: &str) -> Option<Spans> {
    if text.len() > LIMIT || text.is_empty() {
        return None;
    }
    let key = fsx::hash(text.as_bytes()) ^ fsx::hash(language.as_bytes());
    let mut store = store();
    if let Some(spans) = store.done.get(&key) {
        return Some(spans.clone());
    }
    if !store.asked.contains(&key)
        && let Some(worker) = WORKER.as_ref()
    {
        let request = Request { key, language, text: text.to_owned(), ctx: ctx.clone() };
        // A full queue is tried again with the next frame.
        if worker.try_send(request).is_ok() {
            store.asked.push(key);
        }
    }
    None
}

/// Colours a whole text.
fn colours(language: &str, text: &str) -> Spans {
    let inker = Inker::get();
    let mut state = inker.start(Some(language));
    let mut out: Vec<(u32, Ink)> = Vec::new();
    let (mut base, mut pieces) = (0, Vec::new());
    for (n, line) in text.split_inclusive('\n').enumerate() {
        pieces.clear();
        inker.line(&mut state, Some(language), line, n == 0, &mut pieces);
        for (end, ink) in &pieces {
            match out.last_mut() {
                Some((e, last)) if *last == *ink => *e = base + end,
                _ => out.push((base + end, *ink)),
            }
        }
        base += line.len() as u32;
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(language: &str, text: &str) -> Vec<(String, Ink)> {
        let spans = colours(language, text);
        let mut at = 0;
        let mut out = Vec::new();
        for (end, ink) in spans.iter() {
            out.push((text[at..*end as usize].to_owned(), *ink));
            at = *end as usize;
        }
        assert_eq!(at, text.len(), "the pieces cover the text");
        out
    }

    #[test]
    fn python_and_sql_have_their_colours() {
        let python = shown("Python", "%matplotlib inline\ndef f(x):\n    return \"a\" + 12  # b\n");
        let ink = |all: &[(String, Ink)], word: &str| all.iter().find(|(t, _)| t.contains(word)).unwrap().1;
        assert_eq!(ink(&python, "%matplotlib"), Ink::Comment);
        assert_eq!(ink(&python, "def"), Ink::Keyword);
        assert_eq!(ink(&python, "\"a\""), Ink::Text);
        assert_eq!(ink(&python, "12"), Ink::Number);
        assert_eq!(ink(&python, "# b"), Ink::Comment);
        let sql = shown("SQL", "%%sql day <<\nSELECT count(*) FROM 'a.csv' WHERE x = 0");
        assert_eq!(
            (ink(&sql, "%%sql"), ink(&sql, "SELECT"), ink(&sql, "a.csv")),
            (Ink::Comment, Ink::Keyword, Ink::Text)
        );
    }

    #[test]
    fn toml_has_colours_too() {
        let text = "# head\n[[task]] # one\nid = \"a#b\"\nretries = 2\non = true\nrun = \"\"\"\nSELECT [1]\n\"\"\"\nnew = { x = 'y' }\nopen = \"no end\n";
        let all = shown("TOML", text);
        let ink = |word: &str| all.iter().find(|(t, _)| t.contains(word)).unwrap().1;
        let expected = [
            ("# head", Ink::Comment),
            ("[[task]]", Ink::Keyword),
            ("# one", Ink::Comment),
            ("id", Ink::Function),
            ("a#b", Ink::Text),
            ("2", Ink::Number),
            ("true", Ink::Number),
            ("SELECT [1]", Ink::Text),
            ("x", Ink::Function),
            ("'y'", Ink::Text),
            ("no end", Ink::Text),
        ];
        for (word, is) in expected {
            assert_eq!(ink(word), is, "{word}");
        }
    }
}
