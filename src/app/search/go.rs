//! Going to a place that was found.
use super::super::{AppState, Cx, Effect, notebook};
use crate::model::search::Hit;

/// Opens the file; the place is shown at once, or when it has been read.
pub(super) fn go(state: &mut AppState, path: String, hit: Hit, cx: &Cx) -> Vec<Effect> {
    let mut effects = notebook::open_path(state, &path, cx);
    state.search.going = Some((path, hit));
    effects.extend(arrived(state));
    effects
}

/// A document may have been read: whoever waits for it goes to the place.
pub fn arrived(state: &mut AppState) -> Vec<Effect> {
    let Some((path, _)) = &state.search.going else { return Vec::new() };
    let Some(doc) = state.notebook.docs.iter_mut().find(|d| d.path == *path) else {
        state.search.going = None;
        return Vec::new();
    };
    match doc.body {
        notebook::Body::Loading => return Vec::new(),
        notebook::Body::Failed(_) => {
            state.search.going = None;
            return Vec::new();
        }
        _ => {}
    }
    let Some((_, hit)) = state.search.going.take() else { return Vec::new() };
    notebook::find::go_to(doc, &state.search.ask.query, &hit)
}
