//! Pictures as textures: decoded off the window's thread, kept by content, dropped when nobody shows them.
use std::{collections::HashMap, sync::Arc, thread};

use crossbeam_channel::{Receiver, Sender, bounded};
use egui::{ColorImage, Rect, Sense, TextureHandle, TextureOptions, Ui, pos2, vec2};

use super::{Act, menu, text::words};
use crate::{
    base::Result,
    model::output::{Image, Pixels},
    ui::theme::Theme,
};

/// Textures beyond this many bytes are dropped, those longest unseen first.
const BUDGET: usize = 256 * 1024 * 1024;
/// Pictures that wait for their turn to be decoded.
const WAITING: usize = 64;

enum State {
    Decoding,
    Ready { texture: TextureHandle, bytes: usize },
    Failed(String),
}

struct Entry {
    state: State,
    seen: u64,
}

type Done = (u64, Result<Pixels>);
/// A picture, the longest side the screen takes, and whom to wake.
type Todo = (Arc<Image>, u32, egui::Context);

/// The pictures on screen; one for a window.
#[derive(Default)]
pub struct Pictures {
    entries: HashMap<u64, Entry>,
    worker: Option<(Sender<Todo>, Receiver<Done>)>,
    frame: u64,
}

impl std::fmt::Debug for Pictures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pictures").field("entries", &self.entries.len()).finish_non_exhaustive()
    }
}

impl Pictures {
    /// True while something is being decoded: a picture of the window would show a grey place.
    pub fn busy(&self) -> bool {
        self.entries.values().any(|e| matches!(e.state, State::Decoding))
    }
    /// Forgets all of them, as when a document is closed.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
    /// Number of pictures that are kept.
    pub fn len(&self) -> usize {
        self.entries.len()
    }
    /// True when none is kept.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn collect(&mut self, ctx: &egui::Context) {
        self.frame = ctx.cumulative_frame_nr();
        let Some((_, done)) = &self.worker else { return };
        while let Ok((hash, result)) = done.try_recv() {
            let Some(entry) = self.entries.get_mut(&hash) else { continue };
            entry.state = match result {
                Ok(p) => {
                    let size = [p.width as usize, p.height as usize];
                    let image = ColorImage::from_rgba_unmultiplied(size, &p.rgba);
                    let options =
                        TextureOptions { mipmap_mode: Some(egui::TextureFilter::Linear), ..TextureOptions::LINEAR };
                    let texture = ctx.load_texture(format!("picture-{hash:x}"), image, options);
                    State::Ready { texture, bytes: p.rgba.len() }
                }
                Err(e) => State::Failed(e.to_string()),
            };
        }
        self.stay_in_budget();
    }

    fn stay_in_budget(&mut self) {
        let size = |e: &Entry| if let State::Ready { bytes, .. } = e.state { bytes } else { 0 };
        let mut total: usize = self.entries.values().map(size).sum();
        while total > BUDGET {
            let unseen = self.entries.iter().filter(|(_, e)| e.seen + 1 < self.frame && size(e) > 0);
            let Some(oldest) = unseen.min_by_key(|(hash, e)| (e.seen, **hash)).map(|(hash, _)| *hash) else { return };
            total -= self.entries.remove(&oldest).map_or(0, |e| size(&e));
        }
    }

    fn ask(&mut self, ui: &Ui, image: &Image) {
        let (tasks, _) = self.worker.get_or_insert_with(spawn);
        let side = ui.input(|i| i.max_texture_side) as u32;
        // A full queue is tried again in the next frame.
        if tasks.try_send((Arc::new(image.clone()), side, ui.ctx().clone())).is_ok() {
            self.entries.insert(image.hash, Entry { state: State::Decoding, seen: self.frame });
        } else {
            ui.ctx().request_repaint();
        }
    }
}

fn spawn() -> (Sender<Todo>, Receiver<Done>) {
    let (tasks, todo) = bounded::<Todo>(WAITING);
    let (tx, done) = bounded(WAITING);
    let work = move || {
        for (image, side, ctx) in todo {
            if tx.send((image.hash, image.decode_to(side))).is_err() {
                return;
            }
            ctx.request_repaint();
        }
    };
    if let Err(e) = thread::Builder::new().name("andon-pictures".into()).spawn(work) {
        tracing::error!("no thread for pictures: {e}");
    }
    (tasks, done)
}

/// Draws a picture at its size, made smaller to fit the width.
pub(super) fn image_ui(ui: &mut Ui, theme: &Theme, image: &Image, pictures: &mut Pictures, acts: &mut Vec<Act>) {
    pictures.collect(ui.ctx());
    let (w, h) = image.natural_size().unwrap_or((320.0, 60.0));
    let scale = (ui.available_width() / w.max(1.0)).min(1.0);
    let size = vec2((w * scale).max(1.0), (h * scale).max(1.0));
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let name = match image.pixels {
        Some((w, h)) => format!("Picture, {w} × {h} pixels"),
        None => "Picture".to_owned(),
    };
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, &name));
    menu(&response, theme, acts, || name.clone());
    if !ui.is_rect_visible(rect) {
        return;
    }
    let frame = pictures.frame;
    match pictures.entries.get_mut(&image.hash) {
        Some(entry) => {
            entry.seen = frame;
            match &entry.state {
                State::Ready { texture, .. } => {
                    let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
                    ui.painter().image(texture.id(), rect, whole, theme.untinted());
                }
                State::Decoding => {
                    ui.painter().rect_filled(rect, 4.0, theme.panel);
                }
                State::Failed(why) => {
                    ui.painter().rect_filled(rect, 4.0, theme.panel);
                    ui.put(rect.shrink(8.0), egui::Label::new(words(theme, why)).wrap());
                }
            }
        }
        None => {
            ui.painter().rect_filled(rect, 4.0, theme.panel);
            pictures.ask(ui, image);
        }
    }
    if response.hovered() {
        response.on_hover_text(format!("{name}, {}", image.mime.trim_start_matches("image/").to_uppercase()));
    }
}
