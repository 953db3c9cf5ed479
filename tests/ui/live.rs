//! The whole window without a display: the real host with its jobs, a sample opened in a temporary home.
use std::{sync::Arc, time::Duration};

use andon::{
    app::{Command, env::NoWaker, host::Host, shell::Page, workspace},
    base::time::SystemClock,
    engine::dirs::Dirs,
    ui::{
        PageCx,
        shell::{self, Views},
        theme::{self, Theme},
    },
};
use egui_kittest::Harness;
use tempfile::TempDir;

/// The program behind the window.
pub struct App {
    pub host: Host,
    pub views: Views,
    pub theme: Theme,
    /// Commands the last frame sent, in order.
    pub sent: Vec<Command>,
    /// Removed when the program is dropped.
    _home: TempDir,
}

impl App {
    /// A program with nothing open.
    pub fn new(theme: Theme) -> Self {
        let home = TempDir::new().unwrap();
        let dirs = Dirs::below(home.path());
        dirs.create().unwrap();
        let host = Host::new(dirs, Arc::new(SystemClock), Arc::new(NoWaker)).unwrap();
        Self { host, views: Views::default(), theme, sent: Vec::new(), _home: home }
    }
    /// A program whose own file is this one: the tests' file cannot be what git is to start.
    pub fn with_program(theme: Theme, program: std::path::PathBuf) -> Self {
        let app = Self::new(theme);
        app.host.env.set_program(program);
        app
    }
    /// A program with a fresh copy of a sample open.
    pub fn with_sample(theme: Theme, name: &str) -> Self {
        let mut app = Self::new(theme);
        app.host.send(workspace::Command::OpenSample(name.to_owned()));
        app.settle();
        assert!(app.host.state.workspace.root.is_some(), "{:?}", app.host.state.workspace.error);
        app
    }
    /// Waits until all jobs have ended and their events are in the state.
    #[track_caller]
    pub fn settle(&mut self) {
        assert!(self.host.settle(Duration::from_mins(1)), "jobs still run: {:?}", self.host.state.jobs);
    }
    fn frame(&mut self, ui: &mut egui::Ui) {
        self.host.drain(Duration::from_millis(4));
        let mut send = Vec::new();
        let now = self.host.env.clock.now();
        let mut cx = PageCx { state: &self.host.state, theme: &self.theme, send: &mut send, now };
        shell::window_ui(ui, &mut cx, &mut self.views);
        self.sent.clone_from(&send);
        for command in send {
            self.host.send(command);
        }
    }
}

/// The window in a harness that fails on a glyph the fonts lack and on a control without a name.
pub fn window<'a>(app: App, size: (f32, f32)) -> Harness<'a, App> {
    let theme = app.theme.clone();
    Harness::builder()
        .with_size(egui::vec2(size.0, size.1))
        .with_max_steps(20)
        .with_context_setup(move |ctx| {
            theme::install_fonts(ctx);
            theme.apply(ctx);
        })
        .build_ui_state(|ui, app: &mut App| app.frame(ui), app)
}

/// Goes to a page, waits for what it loads and draws it until nothing moves.
pub fn go(harness: &mut Harness<'_, App>, page: Page) {
    harness.state_mut().host.send(andon::app::shell::Command::Go(page));
    for _ in 0..3 {
        harness.run_steps(2);
        harness.state_mut().settle();
    }
    harness.run_steps(2);
}
