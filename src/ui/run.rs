//! The window: owns the host, turns frames into commands and commands into effects.
use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use eframe::{CreationContext, NativeOptions};
use egui::{ViewportBuilder, ViewportCommand};

use super::{PageCx, shell, spoken, theme, turns};
use crate::{
    app::{
        Command,
        env::Waker,
        host::{Ending, Host, Request},
        shell::{Command as ShellCommand, Page},
        workspace,
    },
    base::{
        Error, Result,
        time::{Clock, SystemClock},
    },
    engine::dirs::Dirs,
    model::git::Rev,
};

/// Work done for events before a frame is drawn.
const EVENT_BUDGET: Duration = Duration::from_millis(4);

/// How the window starts.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// What to open; `None`: the sample workspace.
    pub path: Option<PathBuf>,
    /// Page to show instead of the workspace's own.
    pub page: Option<Page>,
    /// A document to open, relative to the workspace.
    pub document: Option<String>,
    /// Shows the conflicts, with this file in front.
    pub resolve: Option<Option<String>>,
    /// Compares these two sides.
    pub compare: Option<(Rev, Rev, Option<String>)>,
    /// `dark` or `light` instead of the person's choice.
    pub theme: Option<String>,
    pub size: Option<(f32, f32)>,
    /// Write a picture once everything is loaded, then end.
    pub shot: Option<PathBuf>,
    /// Keep a file that says what the window shows.
    pub describe: Option<PathBuf>,
}

struct Wake(egui::Context);

impl Waker for Wake {
    fn wake(&self) {
        self.0.request_repaint();
    }
}

struct Window {
    host: Host,
    views: shell::Views,
    theme: theme::Theme,
    theme_name: String,
    start: Start,
    shot: Shot,
    /// A frame with the workspace in it has been drawn.
    shown: bool,
}

/// Where a picture to be taken stands.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Shot {
    None,
    /// Waiting for the program to be at rest, at most until then.
    Waiting(Instant),
    /// At rest; some frames more, so that everything laid out late has its place.
    Still(u8),
    /// Frames left until the picture has surely been written.
    Asked(u8),
}

/// Opens the window and returns when it is closed.
pub fn run(start: Start) -> Result<()> {
    let (width, height) = start.size.unwrap_or((1440.0, 900.0));
    let mut viewport = ViewportBuilder::default()
        .with_title("Andon")
        .with_app_id("andon")
        .with_inner_size([width, height])
        .with_min_inner_size([800.0, 560.0])
        .with_icon(icon());
    if start.shot.is_some() {
        viewport = viewport.with_decorations(false).with_position([0.0, 0.0]);
    }
    let options = NativeOptions { viewport, persist_window: false, ..NativeOptions::default() };
    let ending: Arc<OnceLock<Ending>> = Arc::default();
    let slot = ending.clone();
    let create = move |cc: &CreationContext<'_>| {
        let window = Window::new(cc, start)?;
        let _ = slot.set(window.host.ending());
        Ok(Box::new(window) as Box<dyn eframe::App>)
    };
    let shown = eframe::run_native("andon", options, Box::new(create)).map_err(|e| {
        Error::io("Could not open a window")
            .because_of(e.to_string())
            .hint("A display is needed; without one run it under Xvfb (xvfb-run andon), or use the subcommands, see andon --help")
    });
    // The window is gone by now; kernels that were left running would outlive it.
    if let Some(ending) = ending.get() {
        ending.finish();
    }
    shown
}

/// The logo as a window icon, 32 by 32.
fn icon() -> egui::IconData {
    let dark = theme::Theme::dark();
    let mut rgba = vec![0; 32 * 32 * 4];
    for (row, color) in [(3, dark.fail), (13, dark.warn), (23, dark.ok)] {
        for y in row..row + 7 {
            for x in 2..30 {
                let at = (y * 32 + x) * 4;
                rgba[at..at + 4].copy_from_slice(&color.to_array());
            }
        }
    }
    egui::IconData { rgba, width: 32, height: 32 }
}

impl Window {
    fn new(
        cc: &CreationContext<'_>,
        start: Start,
    ) -> std::result::Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let mut host = Host::new(Dirs::from_env(), clock, Arc::new(Wake(cc.egui_ctx.clone())))?;
        if let Some(program) = host.env.program().filter(|_| start.shot.is_none()) {
            host.env.kernels.outlive(program);
        }
        theme::install_fonts(&cc.egui_ctx);
        turns::install(&cc.egui_ctx);
        if let Some(file) = &start.describe {
            spoken::tell(&cc.egui_ctx, file)?;
        }
        host.send(crate::app::settings::Command::Load);
        open(&mut host, &start);
        let shot =
            if start.shot.is_some() { Shot::Waiting(Instant::now() + Duration::from_secs(30)) } else { Shot::None };
        let name = start.theme.clone().unwrap_or_else(|| "dark".to_owned());
        let mut window = Self {
            host,
            views: shell::Views::default(),
            theme: theme::Theme::dark(),
            theme_name: String::new(),
            start,
            shot,
            shown: false,
        };
        window.choose_theme(&cc.egui_ctx, &name);
        Ok(window)
    }

    fn choose_theme(&mut self, ctx: &egui::Context, name: &str) {
        if self.theme_name == name {
            return;
        }
        name.clone_into(&mut self.theme_name);
        self.theme = match self.host.state.settings.theme_source(name) {
            Some(source) => theme::Theme::parse(source).unwrap_or_else(|_| theme::Theme::dark()),
            None if name == "light" => theme::Theme::light(),
            None => theme::Theme::dark(),
        };
        self.theme.apply(ctx);
    }

    fn carry_out(&mut self, ctx: &egui::Context) {
        for request in self.host.take_requests() {
            match request {
                Request::Copy(text) => ctx.copy_text(text),
                Request::Open(url) => ctx.open_url(egui::OpenUrl::new_tab(url)),
                Request::Desktop { title, body } => desktop(title, body),
                Request::Quit => ctx.send_viewport_cmd(ViewportCommand::Close),
            }
        }
    }

    fn dropped_files(&mut self, ctx: &egui::Context) {
        let dropped = ctx.input(|i| i.raw.dropped_files.first().map(|f| f.path().to_path_buf()));
        let state = &self.host.state;
        if state.workspace.root.is_some() && state.shell.page == crate::app::shell::Page::Notebook {
            // The page puts it into the notebook.
            return;
        }
        if let Some(path) = dropped {
            self.host.send(workspace::Command::Open(path));
        }
    }

    /// Takes the picture `andon shot` asked for, once the program is at rest.
    fn shoot(&mut self, ctx: &egui::Context) {
        match self.shot {
            Shot::None => return,
            Shot::Waiting(until) => {
                let resting = self.host.is_idle() && self.host.state.jobs.is_empty();
                let opened = self.host.state.workspace.root.is_some() || self.host.state.workspace.error.is_some();
                if (resting && opened) || Instant::now() > until {
                    if let Some(page) = self.start.page {
                        self.host.send(ShellCommand::Go(page));
                    }
                    self.shot = Shot::Still(8);
                }
            }
            Shot::Still(0) => {
                if let Some(path) = self.start.shot.clone() {
                    ctx.request_screenshot(move |picture| save(&picture, &path));
                }
                self.shot = Shot::Asked(5);
            }
            Shot::Still(n) if self.host.is_idle() => self.shot = Shot::Still(n - 1),
            Shot::Still(_) => {}
            Shot::Asked(0) => {
                self.shot = Shot::None;
                ctx.send_viewport_cmd(ViewportCommand::Close);
            }
            Shot::Asked(n) => self.shot = Shot::Asked(n - 1),
        }
        ctx.request_repaint_after(Duration::from_millis(20));
    }
}

fn open(host: &mut Host, start: &Start) {
    host.state.workspace.then_open.clone_from(&start.document);
    host.state.shell.page = start.page.unwrap_or_default();
    match &start.path {
        Some(path) => host.send(workspace::Command::Open(path.clone())),
        None => host.send(workspace::Command::OpenSample(crate::engine::sample::DEFAULT.to_owned())),
    }
}

fn save(picture: &egui::ColorImage, path: &std::path::Path) {
    let [width, height] = picture.size;
    let rgba: Vec<u8> = picture.pixels.iter().flat_map(|p| p.to_array()).collect();
    if let Err(e) = image::save_buffer(path, &rgba, width as u32, height as u32, image::ColorType::Rgba8) {
        tracing::error!("could not write {}: {e}", path.display());
    }
}

/// A notification of the desktop; where there is no such service the notice in the window has to do.
fn desktop(title: String, body: String) {
    let show = move || {
        if let Err(e) = notify_rust::Notification::new().summary(&title).body(&body).appname("Andon").show() {
            tracing::info!("no desktop notification: {e}");
        }
    };
    let _ = std::thread::Builder::new().name("andon-desktop".to_owned()).spawn(show);
}

impl eframe::App for Window {
    fn logic(&mut self, ctx: &egui::Context, _frame: &mut eframe::Frame) {
        // ANDON_LOG=andon=trace says why a window that should rest does not.
        tracing::trace!(causes = ?ctx.repaint_causes(), "frame");
        self.host.drain(EVENT_BUDGET);
        if self.host.state.workspace.root.is_some()
            && let Some(path) = self.start.resolve.take()
        {
            self.host.send(crate::app::conflict::Command::Open(path));
        }
        if self.host.state.workspace.root.is_some()
            && let Some((base, compare, path)) = self.start.compare.take()
        {
            self.host.send(crate::app::review::Command::Show { base, compare, path });
        }
        self.carry_out(ctx);
        self.dropped_files(ctx);
        let focused = ctx.input(|i| i.focused);
        if focused != self.host.state.shell.focused {
            self.host.send(ShellCommand::Focused(focused));
        }
        if self.start.theme.is_none() {
            let name = self.host.state.settings.theme_name(ctx.system_theme() == Some(egui::Theme::Light));
            self.choose_theme(ctx, &name);
        }
        if self.host.behind() {
            ctx.request_repaint();
        }
        self.shoot(ctx);
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        let mut send: Vec<Command> = Vec::new();
        let now = self.host.env.clock.now();
        let mut cx = PageCx { state: &self.host.state, theme: &self.theme, send: &mut send, now };
        shell::window_ui(ui, &mut cx, &mut self.views);
        if !self.shown && self.host.state.workspace.root.is_some() {
            self.shown = true;
            // What benches/startup.sh waits for.
            tracing::info!("first interactive frame");
        }
        let any = !send.is_empty();
        for command in send {
            self.host.send(command);
        }
        let ctx = ui.ctx();
        self.carry_out(ctx);
        if any {
            ctx.request_repaint();
        }
        if let Some(at) = self.host.next_timer() {
            ctx.request_repaint_after(at.saturating_duration_since(Instant::now()));
        }
        // The clock in the status bar: once a minute, and only where somebody looks.
        if self.host.state.shell.focused {
            let to_minute = 60_000 - now.as_millisecond().rem_euclid(60_000);
            ctx.request_repaint_after(Duration::from_millis(to_minute as u64 + 20));
        }
    }

    /// A picture does not depend on where somebody left the mouse.
    fn raw_input_hook(&mut self, _ctx: &egui::Context, raw: &mut egui::RawInput) {
        if self.start.shot.is_some() {
            raw.events.retain(|e| !matches!(e, egui::Event::PointerMoved(_) | egui::Event::PointerButton { .. }));
        }
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        if !self.host.wind_up(Duration::from_secs(2)) {
            tracing::warn!("files were still being written when the window closed");
        }
    }

    fn persist_egui_memory(&self) -> bool {
        false
    }
}
