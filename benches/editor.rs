//! CPU time of a frame while somebody writes: in a cell of 1,000 lines and in a file of 100,000. A frame is the whole
//! window: events taken in, layout, tessellation, and what the commands it sent changed; no display, no GPU.
//!
//! Prints the median and the 99th percentile and fails when a budget is exceeded.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark ends at the first surprise and prints")]

use std::{fs, sync::Arc, time::Duration};

use andon::{
    app::{env::NoWaker, host::Host, notebook, workspace},
    base::{job::JobCtx, time::SystemClock},
    engine::{dirs::Dirs, sample},
    ui::{
        PageCx,
        shell::{Views, window_ui},
        theme::{Theme, install_fonts},
        turns,
    },
};
use egui::{Context, Event, Key, Modifiers, MouseWheelSource, MouseWheelUnit, Pos2, RawInput, Rect, TouchPhase, vec2};

/// A letter typed.
const TYPE_MS: f64 = 4.0;
/// A page scrolled, nothing of it known before.
const SCROLL_MS: f64 = 4.0;
/// 5,000 lines put in.
const PASTE_MS: f64 = 33.0;
/// The file is there and its first lines are drawn; reading it happens elsewhere.
const OPEN_MS: f64 = 33.0;

/// CPU time of this thread in ms: what other processes do on the machine does not count.
fn cpu_ms() -> f64 {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    t.tv_sec as f64 * 1000.0 + t.tv_nsec as f64 / 1e6
}

struct Window {
    host: Host,
    views: Views,
    theme: Theme,
    ctx: Context,
    time: f64,
}

impl Window {
    /// Draws one frame, carries out what it sent, and gives the CPU time of both in ms.
    fn frame(&mut self, events: Vec<Event>) -> f64 {
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

    fn settle(&mut self) {
        for _ in 0..6 {
            self.frame(Vec::new());
            assert!(self.host.settle(Duration::from_mins(2)), "jobs still run");
        }
    }

    fn open(&mut self, path: &str) -> f64 {
        self.host.send(notebook::Command::Open(path.to_owned()));
        assert!(self.host.settle(Duration::from_mins(2)), "the file is still being read");
        let first = self.frame(Vec::new());
        self.settle();
        first
    }

    fn text(&mut self, text: &str) -> f64 {
        self.frame(vec![Event::Text(text.to_owned())])
    }
    fn key(&mut self, key: Key, modifiers: Modifiers) -> f64 {
        self.frame(vec![Event::Key { key, physical_key: None, pressed: true, repeat: false, modifiers }])
    }
    fn paste(&mut self, text: &str) -> f64 {
        self.frame(vec![Event::Paste(text.to_owned())])
    }

    /// Words and lines, as a person types them.
    fn typing(&mut self) -> Vec<f64> {
        let mut times = Vec::new();
        for n in 0..300 {
            times.push(match n % 12 {
                11 => self.key(Key::Enter, Modifiers::NONE),
                5 => self.text(" "),
                _ => self.text(["a", "x", "(", "1"][n % 4]),
            });
        }
        times
    }

    fn wheel(&mut self, by: f32, frames: usize) -> Vec<f64> {
        let at = Pos2::new(700.0, 500.0);
        let wheel = Event::MouseWheel {
            unit: MouseWheelUnit::Point,
            delta: vec2(0.0, by),
            phase: TouchPhase::Move,
            source: MouseWheelSource::Wheel,
            modifiers: Modifiers::NONE,
        };
        (0..frames).map(|_| self.frame(vec![Event::PointerMoved(at), wheel.clone()])).collect()
    }
}

fn source(lines: usize) -> String {
    let line = |n: usize| match n % 5 {
        0 => format!("def step_{n}(rows, limit=10):\n"),
        1 => format!("    \"\"\"Keep rows below {n}.\"\"\"\n"),
        2 => format!("    kept = [r for r in rows if r.delay < {n}]  # minutes\n"),
        3 => "    return sorted(kept, key=lambda r: r.delay)\n".to_owned(),
        _ => "\n".to_owned(),
    };
    (0..lines).map(line).collect()
}

fn main() {
    let home = tempfile::tempdir().unwrap();
    let dirs = Dirs::below(home.path());
    dirs.create().unwrap();
    let root = sample::open(&dirs, sample::DEFAULT, &JobCtx::detached()).unwrap();
    let text = source(1_000);
    let lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let cell = serde_json::json!({
        "cell_type": "code", "id": "long", "metadata": {}, "execution_count": null, "outputs": [], "source": lines,
    });
    let nb = serde_json::json!({
        "cells": [cell], "metadata": { "kernelspec": { "name": "python3", "language": "python", "display_name": "P" } },
        "nbformat": 4, "nbformat_minor": 5,
    });
    fs::write(root.join("notebooks/long.ipynb"), serde_json::to_string_pretty(&nb).unwrap()).unwrap();
    fs::write(root.join("notebooks/large.py"), source(100_000)).unwrap();

    let host = Host::new(dirs, Arc::new(SystemClock), Arc::new(NoWaker)).unwrap();
    let ctx = Context::default();
    let theme = Theme::dark();
    install_fonts(&ctx);
    turns::install(&ctx);
    theme.apply(&ctx);
    let mut window = Window { host, views: Views::default(), theme, ctx, time: 0.0 };
    // Fonts given now are there from the second frame on.
    let _ = window.ctx.run_ui(RawInput::default(), |_| {});
    window.host.send(workspace::Command::Open(root));
    window.settle();

    let mut slow = Vec::new();
    let mut report = |name: &str, mut times: Vec<f64>, budget: f64| {
        times.sort_by(f64::total_cmp);
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
        println!("{name:<44} median {:>6.2} ms   p99 {:>6.2} ms   worst {:>6.2} ms", at(0.5), at(0.99), at(1.0));
        if at(0.99) > budget {
            slow.push(format!("{name} ({budget} ms)"));
        }
    };
    window.open("notebooks/long.ipynb");
    window.host.send(notebook::Command::EnterEdit);
    window.settle();
    report("typing at the top of a cell of 1,000 lines", window.typing(), TYPE_MS);
    window.key(Key::End, Modifiers::COMMAND);
    window.settle();
    report("typing at its end", window.typing(), TYPE_MS);

    report("opening a file of 100,000 lines", vec![window.open("notebooks/large.py")], OPEN_MS);
    report("typing at the top of 100,000 lines", window.typing(), TYPE_MS);
    report("scrolling, 40 points a frame", window.wheel(-40.0, 300), SCROLL_MS);
    report("scrolling, more than a page a frame", window.wheel(-1_500.0, 300), SCROLL_MS);
    window.key(Key::End, Modifiers::COMMAND);
    window.settle();
    report("typing at the end of 100,000 lines", window.typing(), TYPE_MS);
    let block = source(5_000);
    let pastes: Vec<f64> = (0..5).map(|_| window.paste(&block)).collect();
    report("pasting 5,000 lines", pastes, PASTE_MS);
    report("typing afterwards", window.typing(), TYPE_MS);
    if !slow.is_empty() {
        println!("over budget: {}", slow.join(", "));
        std::process::exit(1);
    }
}
