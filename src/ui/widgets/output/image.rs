//! Pictures and formulas as textures: made off the window's thread, kept by content, dropped when nobody shows them.
use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    thread,
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, bounded};
use egui::{Color32, ColorImage, Rect, Response, Sense, TextureHandle, TextureId, TextureOptions, Ui, pos2, vec2};

use super::{Act, text::words};
use crate::{
    base::{Result, text::bytes},
    model::{
        math::{self, Formula, Math},
        output::{Frames, Image, Later, Pixels},
    },
    ui::{
        theme::{MONO, Theme, icon},
        widgets::link,
    },
};

/// Textures beyond this many bytes are dropped, those longest unseen first.
const BUDGET: usize = 256 * 1024 * 1024;
/// Pictures that are kept at most.
const MOST: usize = 4_000;
/// Pictures that one thread has before it. What is asked for later is asked again while it is seen, so that a fast
/// scroll decodes what it stops at and not what it passed.
const WAITING: usize = 4;
/// Bytes that become textures in one frame.
const UPLOAD: usize = 48 * 1024 * 1024;
/// A picture with more pixels in a row is decoded only as large as it is seen.
const LARGE: u32 = 2048;
/// Pictures this far from the view are decoded when nothing else is to be done.
const NEAR: f32 = 900.0;

enum State {
    Waiting,
    Ready { frames: Vec<TextureHandle>, delays: Vec<Duration>, bytes: usize },
    Failed(String),
}

struct Entry {
    state: State,
    seen: u64,
    /// How long a film has been played, in seconds; it stands while it is not seen or the window has no focus.
    clock: f64,
}

enum Work {
    Picture { image: Arc<Image>, side: u32, width: Option<u32> },
    Formula { math: Math, em: f32, ink: [u8; 3] },
    Copy(Arc<Image>),
    Read(Later),
    Typeset(Math),
}

enum Made {
    Textures(u64, Result<(Vec<ColorImage>, Vec<Duration>)>),
    Copy(Result<ColorImage>),
    Read(usize),
}

/// A thread and what it has before it.
struct Lane {
    tasks: Sender<(u64, Work, egui::Context)>,
    made: Receiver<Made>,
    waiting: usize,
}

/// The pictures on screen; one for a window.
#[derive(Default)]
pub struct Pictures {
    entries: HashMap<u64, Entry>,
    /// Pictures of pixels, what is drawn from its description, outputs to read, formulas to typeset: a slow one of these
    /// holds up no other.
    lanes: [Option<Lane>; 4],
    /// The newest texture of a picture that is drawn at several sizes.
    latest: HashMap<u64, u64>,
    /// Why pictures cannot be drawn, by their content.
    failed: HashMap<u64, String>,
    /// Outputs that are being read, and formulas that are being typeset.
    reading: HashSet<usize>,
    /// Large ones that a person asked for.
    asked: HashSet<u64>,
    frame: u64,
}

impl std::fmt::Debug for Pictures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pictures").field("entries", &self.entries.len()).finish_non_exhaustive()
    }
}

fn key_of(parts: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

impl Pictures {
    /// True while something is being decoded: a picture of the window would show a grey place.
    pub fn busy(&self) -> bool {
        let made = self.entries.values().any(|e| matches!(e.state, State::Waiting));
        made || self.lanes.iter().flatten().any(|l| l.waiting > 0)
    }
    /// Forgets all of them, as when a document is closed.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.latest.clear();
    }
    /// Number of pictures that are kept.
    pub fn len(&self) -> usize {
        self.entries.len()
    }
    /// True when none is kept.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
    /// Bytes of all textures.
    pub fn bytes(&self) -> usize {
        self.entries.values().map(size).sum()
    }

    /// Takes what the threads have made; once a frame.
    pub(super) fn collect(&mut self, ctx: &egui::Context) {
        let frame = ctx.cumulative_frame_nr();
        if self.frame == frame && frame > 0 {
            return;
        }
        self.frame = frame;
        let mut uploaded = 0;
        for lane in self.lanes.iter_mut().flatten() {
            while uploaded < UPLOAD
                && let Ok(made) = lane.made.try_recv()
            {
                lane.waiting = lane.waiting.saturating_sub(1);
                match made {
                    Made::Copy(Ok(image)) => ctx.copy_image(image),
                    Made::Copy(Err(e)) => tracing::warn!("{e}"),
                    Made::Read(name) => drop(self.reading.remove(&name)),
                    Made::Textures(key, result) => {
                        let Some(entry) = self.entries.get_mut(&key) else { continue };
                        entry.state = match result {
                            Ok((images, delays)) => {
                                let bytes = images.iter().map(|i| i.pixels.len() * 4).sum();
                                uploaded += bytes;
                                let load = |(n, image)| load(ctx, &format!("picture-{key:x}-{n}"), image);
                                let frames = images.into_iter().enumerate().map(load).collect();
                                State::Ready { frames, delays, bytes }
                            }
                            Err(e) => State::Failed(e.to_string()),
                        };
                    }
                }
            }
        }
        if uploaded >= UPLOAD {
            ctx.request_repaint();
        }
        self.stay_in_budget();
    }

    fn stay_in_budget(&mut self) {
        let mut total = self.bytes();
        if total <= BUDGET && self.entries.len() <= MOST {
            return;
        }
        let waits = |e: &Entry| matches!(e.state, State::Waiting);
        let unseen = self.entries.iter().filter(|(_, e)| e.seen + 1 < self.frame && !waits(e));
        let mut unseen: Vec<(u64, u64)> = unseen.map(|(key, e)| (e.seen, *key)).collect();
        unseen.sort_unstable();
        for (_, key) in unseen {
            if total <= BUDGET && self.entries.len() <= MOST {
                break;
            }
            total -= self.entries.remove(&key).map_or(0, |e| size(&e));
        }
        let entries = &self.entries;
        self.latest.retain(|_, key| entries.contains_key(key));
    }

    /// Asks for a texture; false when the thread has enough before it.
    fn ask(&mut self, ctx: &egui::Context, key: u64, work: Work, idle_only: bool) -> bool {
        let lane = match &work {
            Work::Picture { image, .. } | Work::Copy(image) => usize::from(image.is_vector()),
            Work::Formula { .. } => 1,
            Work::Read(_) => 2,
            Work::Typeset(_) => 3,
        };
        let lane = self.lanes[lane].get_or_insert_with(spawn);
        // A thread that is asked too much says so by being busy; it wakes the window when it is done.
        if lane.waiting >= if idle_only { 1 } else { WAITING } {
            return false;
        }
        let drawn = matches!(work, Work::Picture { .. } | Work::Formula { .. });
        if lane.tasks.try_send((key, work, ctx.clone())).is_err() {
            return false;
        }
        lane.waiting += 1;
        if drawn {
            self.entries.insert(key, Entry { state: State::Waiting, seen: self.frame, clock: 0.0 });
        }
        true
    }

    /// Reads a large output; the window wakes when it is there.
    pub(super) fn read(&mut self, ctx: &egui::Context, later: &Later) {
        self.collect(ctx);
        if !self.reading.contains(&later.name()) && self.ask(ctx, 0, Work::Read(later.clone()), false) {
            self.reading.insert(later.name());
        }
    }

    /// The layout of a formula; none while a long one is made.
    pub(super) fn typeset<'a>(&mut self, ctx: &egui::Context, math: &'a Math) -> Option<Result<&'a Formula, &'a str>> {
        if math.is_ready() || math.is_short() {
            return Some(math.formula());
        }
        self.collect(ctx);
        if !self.reading.contains(&math.name()) && self.ask(ctx, 0, Work::Typeset(math.clone()), false) {
            self.reading.insert(math.name());
        }
        None
    }

    /// The texture of a formula with so many pixels to an em, and a margin of [`math::MARGIN`] em around it.
    pub(crate) fn formula(&mut self, ui: &Ui, math: &Math, em: f32, ink: Color32) -> Option<TextureId> {
        self.collect(ui.ctx());
        let ink = [ink.r(), ink.g(), ink.b()];
        let key = key_of((math.hash, em.to_bits(), ink));
        let frame = self.frame;
        match self.entries.get_mut(&key) {
            Some(entry) => {
                entry.seen = frame;
                match &entry.state {
                    State::Ready { frames, .. } => frames.first().map(|t| t.id()),
                    _ => None,
                }
            }
            None => {
                self.ask(ui.ctx(), key, Work::Formula { math: math.clone(), em, ink }, false);
                None
            }
        }
    }
}

fn size(entry: &Entry) -> usize {
    if let State::Ready { bytes, .. } = entry.state { bytes } else { 0 }
}

fn load(ctx: &egui::Context, name: &str, image: ColorImage) -> TextureHandle {
    let options = TextureOptions { mipmap_mode: Some(egui::TextureFilter::Linear), ..TextureOptions::LINEAR };
    ctx.load_texture(name, image, options)
}

fn spawn() -> Lane {
    let (tasks, todo) = bounded::<(u64, Work, egui::Context)>(WAITING + 4);
    let (tx, made) = bounded(WAITING + 4);
    let work = move || {
        for (key, work, ctx) in todo {
            let result = match work {
                Work::Picture { image, side, width } => Made::Textures(key, image.frames(side, width).map(textures)),
                Work::Formula { math, em, ink } => {
                    let pixels = math.formula().ok().map(|f| math::draw(f, em, ink));
                    let image = pixels.map(|p| (vec![coloured(&p)], vec![Duration::ZERO]));
                    Made::Textures(key, Ok(image.unwrap_or_default()))
                }
                Work::Copy(image) => Made::Copy(image.decode().map(|p| coloured(&p))),
                Work::Read(later) => {
                    later.read();
                    Made::Read(later.name())
                }
                Work::Typeset(math) => {
                    let _ = math.formula();
                    Made::Read(math.name())
                }
            };
            if tx.send(result).is_err() {
                return;
            }
            ctx.request_repaint();
        }
    };
    if let Err(e) = thread::Builder::new().name("andon-pictures".into()).spawn(work) {
        tracing::error!("no thread for pictures: {e}");
    }
    Lane { tasks, made, waiting: 0 }
}

fn coloured(pixels: &Pixels) -> ColorImage {
    ColorImage::from_rgba_unmultiplied([pixels.width as usize, pixels.height as usize], &pixels.rgba)
}

fn textures(frames: Frames) -> (Vec<ColorImage>, Vec<Duration>) {
    frames.all.into_iter().map(|(pixels, delay)| (coloured(&pixels), delay)).unzip()
}

/// The height a picture takes in so much width.
pub(super) fn guess(image: &Image, width: f32) -> f32 {
    let (w, h) = image.natural_size().unwrap_or((320.0, 60.0));
    if image.is_heavy() { 22.0 } else { h * (width / w.max(1.0)).min(1.0) }
}

/// Draws a picture at its size, made smaller to fit the width.
pub(super) fn image_ui(ui: &mut Ui, theme: &Theme, image: &Image, pictures: &mut Pictures, acts: &mut Vec<Act>) {
    pictures.collect(ui.ctx());
    if image.is_heavy() && !pictures.asked.contains(&image.hash) {
        heavy_ui(ui, theme, image, pictures, acts);
        return;
    }
    if let Some(why) = pictures.failed.get(&image.hash) {
        // However small the picture was to be, the reason can be read.
        ui.horizontal_wrapped(|ui| {
            ui.label(theme.icon("image", 14.0));
            ui.label(words(theme, why));
            if !image.is_empty() && link(ui, theme, "Save\u{2026}").clicked() {
                acts.push(save(image, false));
            }
        });
        return;
    }
    let (w, h) = image.natural_size().unwrap_or((320.0, 60.0));
    let scale = (ui.available_width() / w.max(1.0)).min(1.0);
    let size = vec2((w * scale).max(1.0), (h * scale).max(1.0));
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let name = name_of(image);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, &name));
    paint(ui, theme, image, rect, pictures, acts);
    if response.hovered() || response.context_menu_opened() {
        menu(&response, theme, image, pictures, acts);
        response.on_hover_text(format!("{name}, {}", kind(image)));
    }
}

/// Draws a small picture in the middle of a place.
pub fn thumb_ui(ui: &mut Ui, theme: &Theme, image: &Image, place: Rect, pictures: &mut Pictures) {
    pictures.collect(ui.ctx());
    let (w, h) = image.natural_size().unwrap_or((1.0, 1.0));
    let scale = (place.width() / w.max(1.0)).min(place.height() / h.max(1.0)).min(1.0);
    let rect = Rect::from_center_size(place.center(), vec2((w * scale).max(1.0), (h * scale).max(1.0)));
    if !image.is_heavy() {
        paint(ui, theme, image, rect, pictures, &mut Vec::new());
    }
}

/// `Picture, 20 × 10 pixels`.
pub(super) fn name_of(image: &Image) -> String {
    match image.pixels {
        Some((w, h)) if image.is_vector() => format!("Vector picture, {w} \u{d7} {h}"),
        Some((w, h)) => format!("Picture, {w} \u{d7} {h} pixels"),
        None => "Picture".to_owned(),
    }
}

fn kind(image: &Image) -> String {
    image.mime.trim_start_matches("image/").trim_end_matches("+xml").to_uppercase()
}

fn heavy_ui(ui: &mut Ui, theme: &Theme, image: &Image, pictures: &mut Pictures, acts: &mut Vec<Act>) {
    ui.horizontal(|ui| {
        ui.label(theme.icon("image", 14.0));
        ui.label(theme.body("Large vector picture"));
        ui.label(theme.faint(bytes(image.len() as u64)));
        if link(ui, theme, "Draw it").clicked() {
            pictures.asked.insert(image.hash);
        }
        if link(ui, theme, "Save\u{2026}").clicked() {
            acts.push(save(image, false));
        }
    });
}

fn save(image: &Image, open: bool) -> Act {
    let (name, base64) = image.file();
    Act::File { name, base64, open }
}

/// What can be done with a picture.
fn menu(response: &Response, theme: &Theme, image: &Image, pictures: &mut Pictures, acts: &mut Vec<Act>) {
    response.context_menu(|ui| {
        let words = |symbol: &str, label: &str| {
            egui::RichText::new(format!("{}  {label}", icon(symbol))).font(theme.font(MONO))
        };
        if ui.button(words("copy", "Copy image")).clicked() {
            pictures.ask(ui.ctx(), 0, Work::Copy(Arc::new(image.clone())), false);
            ui.close();
        }
        if ui.button(words("download", "Save image\u{2026}")).clicked() {
            acts.push(save(image, false));
            ui.close();
        }
        if !image.is_vector() && ui.button(words("external-link", "Open in another program")).clicked() {
            acts.push(save(image, true));
            ui.close();
        }
    });
}

/// Paints a picture into a place, or what stands there until it has come.
pub(crate) fn paint(
    ui: &mut Ui,
    theme: &Theme,
    image: &Image,
    rect: Rect,
    pictures: &mut Pictures,
    acts: &mut Vec<Act>,
) {
    pictures.collect(ui.ctx());
    let visible = ui.is_rect_visible(rect);
    if !visible && !ui.clip_rect().expand2(vec2(0.0, NEAR)).intersects(rect) {
        return;
    }
    let points = ui.ctx().pixels_per_point();
    let most = ui.input(|i| i.max_texture_side) as u32;
    let across = (rect.width() * points).ceil().max(1.0) as u32;
    let (side, width) = if image.is_vector() {
        // In steps, so that the edge of the window can be drawn without a new picture for every pixel.
        (most, Some(if across <= 256 { across } else { across.next_multiple_of(64) }))
    } else {
        let longest = image.pixels.map_or(0, |(w, h)| w.max(h));
        let seen = (rect.width().max(rect.height()) * points).ceil() as u32;
        (if longest > LARGE { seen.next_power_of_two().clamp(LARGE, most.max(LARGE)) } else { most }, None)
    };
    let key = key_of((image.hash, side, width));
    let frame = pictures.frame;
    if !pictures.entries.contains_key(&key) {
        let work = Work::Picture { image: Arc::new(image.clone()), side, width };
        pictures.ask(ui.ctx(), key, work, !visible);
    }
    if !visible {
        return;
    }
    let ready = |key: u64| pictures.entries.get(&key).is_some_and(|e| matches!(e.state, State::Ready { .. }));
    // Of another size until the right one has come.
    let shown = match pictures.latest.get(&image.hash) {
        Some(old) if !ready(key) && ready(*old) => *old,
        _ => key,
    };
    let focused = ui.input(|i| i.focused);
    let past = ui.input(|i| f64::from(i.stable_dt)).min(0.25);
    if let Some(entry) = pictures.entries.get_mut(&key) {
        entry.seen = frame;
    }
    match pictures.entries.get_mut(&shown) {
        Some(entry) => {
            entry.seen = frame;
            match &entry.state {
                State::Ready { frames, delays, .. } => {
                    if frames.len() > 1 && focused {
                        entry.clock += past;
                    }
                    let (at, left) = Frames::at(delays, Duration::from_secs_f64(entry.clock));
                    if frames.len() > 1 && focused {
                        ui.ctx().request_repaint_after(left.max(Duration::from_millis(10)));
                    }
                    let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
                    if let Some(texture) = frames.get(at) {
                        ui.painter().image(texture.id(), rect, whole, theme.untinted());
                    }
                    if ready_at(shown, key) {
                        pictures.latest.insert(image.hash, key);
                    }
                }
                State::Waiting => {
                    ui.painter().rect_filled(rect, 4.0, theme.panel);
                }
                State::Failed(why) => {
                    let why = why.clone();
                    failed_ui(ui, theme, image, rect, &why, acts);
                    pictures.failed.insert(image.hash, why);
                    ui.ctx().request_repaint();
                }
            }
        }
        None => {
            ui.painter().rect_filled(rect, 4.0, theme.panel);
        }
    }
}

fn ready_at(shown: u64, wanted: u64) -> bool {
    shown == wanted
}

fn failed_ui(ui: &mut Ui, theme: &Theme, image: &Image, rect: Rect, why: &str, acts: &mut Vec<Act>) {
    ui.painter().rect_filled(rect, 4.0, theme.panel);
    let mut inner = ui.new_child(egui::UiBuilder::new().max_rect(rect.shrink(8.0)));
    inner.set_clip_rect(ui.clip_rect().intersect(rect));
    inner.add(egui::Label::new(words(theme, why)).wrap());
    if !image.is_empty() && link(&mut inner, theme, "Save\u{2026}").clicked() {
        acts.push(save(image, false));
    }
}
