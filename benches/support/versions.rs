//! Notebooks of any size, and two changed versions of each: 10 % of the cells edited, some inserted, deleted, moved and run
//! again on each side; every tenth code cell holds a picture of 50 to 200 kB.
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};

/// The same numbers for the same seed.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

const WORDS: [&str; 16] = [
    "frame", "delay", "carrier", "origin", "mean", "plot", "group", "filter", "join", "window", "station", "weather",
    "hour", "route", "model", "score",
];

#[derive(Clone)]
struct Cell {
    code: bool,
    lines: Vec<String>,
    output: String,
    count: u64,
    id: u64,
}

fn line(rng: &mut Rng) -> String {
    let mut w = || WORDS[rng.below(WORDS.len())];
    let (a, b, c) = (w(), w(), w());
    format!("{a}_{b} = {c}.select({}, axis={})", rng.below(10_000), rng.below(2))
}

fn picture(rng: &mut Rng) -> String {
    // Noise does not compress: the size of the file is that of the pixels.
    let (width, height) = (160, 100 + rng.below(300) as u32);
    let pixels = (0..width * height * 3).map(|_| rng.next() as u8).collect();
    let image = image::RgbImage::from_raw(width, height, pixels).unwrap();
    let mut png = std::io::Cursor::new(Vec::new());
    image.write_to(&mut png, image::ImageFormat::Png).unwrap();
    STANDARD.encode(png.into_inner())
}

fn output(rng: &mut Rng, big: bool) -> String {
    if big {
        let png = picture(rng);
        return format!(
            r#"{{"data": {{"image/png": "{png}\n", "text/plain": ["<Figure>"]}}, "metadata": {{}}, "output_type": "display_data"}}"#
        );
    }
    let text: Vec<String> =
        (0..1 + rng.below(8)).map(|_| format!("\"{} {}\\n\"", line(rng), rng.below(1000))).collect();
    format!(r#"{{"name": "stdout", "output_type": "stream", "text": [{}]}}"#, text.join(", "))
}

fn cell(rng: &mut Rng) -> Cell {
    let code = rng.chance(70);
    let lines = (0..2 + rng.below(12)).map(|_| line(rng)).collect();
    let output = if code && rng.chance(70) {
        let big = rng.chance(15);
        output(rng, big)
    } else {
        String::new()
    };
    Cell { code, lines, output, count: rng.below(5_000) as u64, id: rng.next() }
}

fn changed(base: &[Cell], rng: &mut Rng, rewrite: bool) -> Vec<Cell> {
    let mut all = base.to_vec();
    for c in &mut all {
        if rng.chance(10) {
            let at = rng.below(c.lines.len());
            c.lines[at] = format!("{}  # {}", c.lines[at], line(rng));
        } else if c.code && rng.chance(10) {
            c.count += 5_000;
            if !c.output.is_empty() && rng.chance(50) {
                c.output = output(rng, false);
            }
        }
    }
    for _ in 0..base.len().div_ceil(50) {
        all.remove(rng.below(all.len()));
        let at = rng.below(all.len());
        all.insert(at, cell(rng));
        let moved = all.remove(rng.below(all.len()));
        all.insert(rng.below(all.len()), moved);
    }
    if rewrite {
        all.iter_mut().for_each(|c| c.id = rng.next());
    }
    all
}

fn write(path: &Path, cells: &[Cell], ids: bool) {
    let mut out = String::from("{\n \"cells\": [\n");
    for (n, c) in cells.iter().enumerate() {
        let id = if ids { format!("   \"id\": \"{:08x}\",\n", c.id >> 32) } else { String::new() };
        let source: Vec<String> = c.lines.iter().map(|l| format!("    \"{l}\\n\"")).collect();
        let code = if c.code {
            let outputs = if c.output.is_empty() { String::new() } else { format!("\n    {}\n   ", c.output) };
            format!("   \"execution_count\": {},\n{id}   \"metadata\": {{}},\n   \"outputs\": [{outputs}],\n", c.count)
        } else {
            format!("{id}   \"metadata\": {{}},\n")
        };
        let kind = if c.code { "code" } else { "markdown" };
        let comma = if n + 1 < cells.len() { "," } else { "" };
        writeln!(
            out,
            "  {{\n   \"cell_type\": \"{kind}\",\n{code}   \"source\": [\n{}\n   ]\n  }}{comma}",
            source.join(",\n")
        )
        .unwrap();
    }
    let minor = if ids { 5 } else { 4 };
    write!(out, " ],\n \"metadata\": {{}},\n \"nbformat\": 4,\n \"nbformat_minor\": {minor}\n}}\n").unwrap();
    fs::write(path, out).unwrap();
}

/// Files with the base, local and remote version of so many cells, made once; `mode` of ids: kept, none or rewritten.
pub fn notebooks(dir: &Path, cells: usize, mode: &str) -> [PathBuf; 3] {
    let paths = ["base", "local", "remote"].map(|n| dir.join(format!("{n}-{cells}-{mode}.ipynb")));
    if paths.iter().any(|p| !p.exists()) {
        let mut rng = Rng(cells as u64);
        let base: Vec<Cell> = (0..cells).map(|_| cell(&mut rng)).collect();
        let ids = mode != "none";
        write(&paths[0], &base, ids);
        for path in &paths[1..] {
            write(path, &changed(&base, &mut rng, mode == "rewritten"), ids);
        }
    }
    paths
}
