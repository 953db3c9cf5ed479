//! CPU time of one frame (jobs' events taken in, layout, tessellation) of every page of the sample workspace: no display, no GPU.
//!
//! Prints the median and the 99th percentile of each page and fails when one takes longer than the budget of 8 ms, or when the
//! first page of a comparison of 5,000 cells is not there within a second.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark ends at the first surprise and prints")]
mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use andon::{
    app::{
        env::NoWaker,
        host::Host,
        review,
        shell::{Command, Page},
        workspace,
    },
    base::{job::JobCtx, time::SystemClock},
    engine::{dirs::Dirs, git::Repo, sample},
    model::{diff::FileShape, git::Rev},
    ui::{
        PageCx,
        shell::{Views, window_ui},
        theme::{Theme, install_fonts},
    },
};
use egui::{Context, Event, Modifiers, MouseWheelSource, MouseWheelUnit, Pos2, RawInput, Rect, TouchPhase, vec2};

const BUDGET_MS: f64 = 8.0;
const FRAMES: usize = 400;
/// Until the first page of a large comparison shows.
const FIRST_PAGE_S: f64 = 1.0;

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
    /// Draws one frame and gives its CPU time in ms.
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
        let ms = cpu_ms() - start;
        std::hint::black_box(primitives);
        for command in send {
            self.host.send(command);
        }
        ms
    }

    fn settle(&mut self) {
        for _ in 0..4 {
            self.frame(Vec::new());
            assert!(self.host.settle(Duration::from_mins(2)), "jobs still run");
        }
    }

    /// Frames with the wheel turning over the middle: every one lays out other rows.
    fn measure(&mut self) -> Vec<f64> {
        let at = Pos2::new(700.0, 500.0);
        let mut times = Vec::with_capacity(FRAMES);
        for i in 0..FRAMES {
            let down = if (i / 100) % 2 == 0 { -60.0 } else { 60.0 };
            let wheel = Event::MouseWheel {
                unit: MouseWheelUnit::Point,
                delta: vec2(0.0, down),
                phase: TouchPhase::Move,
                source: MouseWheelSource::Wheel,
                modifiers: Modifiers::NONE,
            };
            times.push(self.frame(vec![Event::PointerMoved(at), wheel]));
        }
        times.sort_by(f64::total_cmp);
        times
    }
}

/// Compares two versions of a notebook of 5,000 cells and gives the seconds until its first page was drawn.
fn review(window: &mut Window, root: &Path) -> f64 {
    let made = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("diff");
    fs::create_dir_all(&made).unwrap();
    let [base, local, _] = support::versions::notebooks(&made, 5_000, "kept");
    let (path, cx) = ("notebooks/large.ipynb".to_owned(), JobCtx::detached());
    fs::copy(base, root.join(&path)).unwrap();
    Repo::open(root).unwrap().commit("Add a large notebook", std::slice::from_ref(&path), &cx).unwrap();
    fs::copy(local, root.join(&path)).unwrap();
    // What the change on disk sets off is over before anybody looks.
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(700));
        window.settle();
    }
    let start = Instant::now();
    let (old, new) = (Rev::head(), Rev::WorkingTree);
    window.host.send(review::Command::Show { base: old, compare: new, path: Some(path.clone()) });
    loop {
        window.frame(Vec::new());
        let shown = window.host.state.review.shown.as_ref();
        if shown.is_some_and(|s| s.path == path && matches!(s.diff.shape, FileShape::Notebook(_))) {
            let compared = start.elapsed().as_secs_f64();
            // The frame that shows it.
            let drawn = window.frame(Vec::new());
            println!("compared after {compared:.2} s, drawn in {drawn:.0} ms");
            let seconds = start.elapsed().as_secs_f64();
            window.settle();
            return seconds;
        }
        assert!(start.elapsed() < Duration::from_mins(1), "the comparison never came");
        std::thread::sleep(Duration::from_millis(4));
    }
}

fn main() {
    let home = tempfile::tempdir().unwrap();
    let dirs = Dirs::below(home.path());
    dirs.create().unwrap();
    let root = sample::open(&dirs, sample::DEFAULT, &JobCtx::detached()).unwrap();
    fs::write(root.join("notebooks/thousand.ipynb"), support::notebook(1000, 0)).unwrap();

    let host = Host::new(dirs, Arc::new(SystemClock), Arc::new(NoWaker)).unwrap();
    let ctx = Context::default();
    let theme = Theme::dark();
    install_fonts(&ctx);
    theme.apply(&ctx);
    let mut window = Window { host, views: Views::default(), theme, ctx, time: 0.0 };
    // Fonts given now are there from the second frame on.
    let _ = window.ctx.run_ui(RawInput::default(), |_| {});
    window.host.send(workspace::Command::Open(root.clone()));
    window.settle();

    let mut slow = Vec::new();
    let mut report = |name: &str, times: Vec<f64>| {
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
        println!("{name:<28} median {:>6.2} ms   p99 {:>6.2} ms   worst {:>6.2} ms", at(0.5), at(0.99), at(1.0));
        if at(0.99) > BUDGET_MS {
            slow.push(name.to_owned());
        }
    };
    for page in Page::ALL {
        window.host.send(Command::Go(page));
        window.settle();
        let times = window.measure();
        report(page.title(), times);
    }
    window.host.send(workspace::Command::Open(root.join("notebooks/thousand.ipynb")));
    window.settle();
    let times = window.measure();
    report("Notebook of 1,000 cells", times);
    let first = review(&mut window, &root);
    let times = window.measure();
    report("Review of 5,000 cells", times);
    println!("first page of the review after {first:.2} s");
    if first > FIRST_PAGE_S {
        slow.push("first page of the review".to_owned());
    }
    if !slow.is_empty() {
        println!("over {BUDGET_MS} ms: {}", slow.join(", "));
        std::process::exit(1);
    }
}
