//! The whole window without a display: what a frame of it costs.
use std::{path::PathBuf, sync::Arc, time::Duration};

use andon::{
    app::{env::NoWaker, host::Host, workspace},
    base::time::SystemClock,
    engine::dirs::Dirs,
    ui::{
        PageCx,
        shell::{Views, window_ui},
        theme::{Theme, install_fonts},
        turns,
    },
};
use egui::{Context, Event, Modifiers, MouseWheelSource, MouseWheelUnit, Pos2, RawInput, Rect, TouchPhase, vec2};

/// CPU time of this thread in ms: what other processes do on the machine does not count.
fn cpu_ms() -> f64 {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    t.tv_sec as f64 * 1000.0 + t.tv_nsec as f64 / 1e6
}

/// The window over a workspace.
pub struct Window {
    pub host: Host,
    views: Views,
    theme: Theme,
    ctx: Context,
    time: f64,
}

impl Window {
    /// Opens the folder or file.
    pub fn open(dirs: Dirs, path: PathBuf) -> Self {
        let host = Host::new(dirs, Arc::new(SystemClock), Arc::new(NoWaker)).unwrap();
        let ctx = Context::default();
        let theme = Theme::dark();
        install_fonts(&ctx);
        turns::install(&ctx);
        theme.apply(&ctx);
        // Fonts given now are there from the second frame on.
        let _ = ctx.run_ui(RawInput::default(), |_| {});
        let mut window = Self { host, views: Views::default(), theme, ctx, time: 0.0 };
        window.host.send(workspace::Command::Open(path));
        window.settle();
        window
    }

    /// Draws one frame, carries out what it sent, and gives the CPU time of both in ms.
    pub fn frame(&mut self, events: Vec<Event>) -> f64 {
        let start = cpu_ms();
        self.host.drain(Duration::from_millis(4));
        self.time += 1.0 / 60.0;
        let input = RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, vec2(1440.0, 900.0))),
            time: Some(self.time),
            events,
            ..RawInput::default()
        };
        let mut send = Vec::new();
        let now = self.host.env.clock.now();
        let (state, theme, views) = (&self.host.state, &self.theme, &mut self.views);
        let output = self.ctx.run_ui(input, |ui| {
            let mut cx = PageCx { state, theme, send: &mut send, now };
            window_ui(ui, &mut cx, views);
        });
        let primitives = self.ctx.tessellate(output.shapes, output.pixels_per_point);
        std::hint::black_box(primitives);
        for command in send {
            self.host.send(command);
        }
        cpu_ms() - start
    }

    /// Until no job runs and nothing moves.
    pub fn settle(&mut self) {
        for _ in 0..6 {
            self.frame(Vec::new());
            assert!(self.host.settle(Duration::from_mins(2)), "jobs still run");
        }
    }

    /// One frame with the wheel turned over the middle.
    pub fn wheel(&mut self, by: f32) -> f64 {
        let wheel = Event::MouseWheel {
            unit: MouseWheelUnit::Point,
            delta: vec2(0.0, by),
            phase: TouchPhase::Move,
            source: MouseWheelSource::Wheel,
            modifiers: Modifiers::NONE,
        };
        self.frame(vec![Event::PointerMoved(Pos2::new(700.0, 500.0)), wheel])
    }
}
