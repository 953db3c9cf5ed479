//! CPU time of a frame while somebody writes: in a cell of 1,000 lines and in a file of 100,000. A frame is the whole
//! window: events taken in, layout, tessellation, and what the commands it sent changed; no display, no GPU.
//!
//! Prints the median and the 99th percentile and fails when a budget is exceeded.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark ends at the first surprise and prints")]

mod support;

use std::{fs, time::Duration};

use andon::{
    app::notebook,
    base::job::JobCtx,
    engine::{dirs::Dirs, sample},
};
use egui::{Event, Key, Modifiers};
use support::window::Window;

/// A letter typed.
const TYPE_MS: f64 = 4.0;
/// A page scrolled, nothing of it known before.
const SCROLL_MS: f64 = 4.0;
/// 5,000 lines put in.
const PASTE_MS: f64 = 33.0;
/// The file is there and its first lines are drawn; reading it happens elsewhere.
const OPEN_MS: f64 = 33.0;

/// The window with what a person does in a text.
struct Writer(Window);

impl Writer {
    fn open(&mut self, path: &str) -> f64 {
        self.0.host.send(notebook::Command::Open(path.to_owned()));
        assert!(self.0.host.settle(Duration::from_mins(2)), "the file is still being read");
        let first = self.0.frame(Vec::new());
        self.0.settle();
        first
    }

    fn text(&mut self, text: &str) -> f64 {
        self.0.frame(vec![Event::Text(text.to_owned())])
    }
    fn key(&mut self, key: Key, modifiers: Modifiers) -> f64 {
        self.0.frame(vec![Event::Key { key, physical_key: None, pressed: true, repeat: false, modifiers }])
    }
    fn paste(&mut self, text: &str) -> f64 {
        self.0.frame(vec![Event::Paste(text.to_owned())])
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
        (0..frames).map(|_| self.0.wheel(by)).collect()
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

    let mut window = Writer(Window::open(dirs, root));

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
    window.0.host.send(notebook::Command::EnterEdit);
    window.0.settle();
    report("typing at the top of a cell of 1,000 lines", window.typing(), TYPE_MS);
    window.key(Key::End, Modifiers::COMMAND);
    window.0.settle();
    report("typing at its end", window.typing(), TYPE_MS);

    report("opening a file of 100,000 lines", vec![window.open("notebooks/large.py")], OPEN_MS);
    report("typing at the top of 100,000 lines", window.typing(), TYPE_MS);
    report("scrolling, 40 points a frame", window.wheel(-40.0, 300), SCROLL_MS);
    report("scrolling, more than a page a frame", window.wheel(-1_500.0, 300), SCROLL_MS);
    window.key(Key::End, Modifiers::COMMAND);
    window.0.settle();
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
