//! The whole program on pairs and triples of notebooks: CPU time and peak memory of cold processes.
//!
//! `cargo bench --bench diff` makes notebooks of 10 to 8,000 cells in three id modes below the target folder once, then runs `andon diff` and `andon merge` on them through `/usr/bin/time`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark ends at the first surprise")]
mod support;

use std::{fs, path::PathBuf, process::Command};

use support::versions::notebooks;

/// User and system seconds, and the most memory in MiB: medians of some runs.
fn measured(args: &[&str], runs: usize) -> (f64, f64) {
    let mut all: Vec<(f64, f64)> = (0..runs)
        .map(|_| {
            let out = Command::new("/usr/bin/time")
                .args(["-q", "-f", "%U %S %M", env!("CARGO_BIN_EXE_andon")])
                .args(args)
                .stdout(std::process::Stdio::null())
                .output()
                .expect("GNU time is installed (Debian: apt install time)");
            let text = String::from_utf8_lossy(&out.stderr).into_owned();
            let last: Vec<f64> = text.lines().last().unwrap().split(' ').map(|w| w.parse().unwrap()).collect();
            (last[0] + last[1], last[2] / 1024.0)
        })
        .collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    all[all.len() / 2]
}

fn main() {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("diff");
    fs::create_dir_all(&dir).unwrap();
    println!(
        "{:>6} {:>10} {:>8} {:>9} {:>9} {:>9} {:>9}",
        "cells", "ids", "MB each", "diff s", "MiB", "merge s", "MiB"
    );
    for cells in [10, 100, 1_000, 2_000, 4_000, 5_000, 8_000] {
        for mode in ["kept", "none", "rewritten"] {
            let paths = notebooks(&dir, cells, mode);
            let size = fs::metadata(&paths[0]).unwrap().len() as f64 / 1e6;
            let [base, local, remote] = paths.each_ref().map(|p| p.to_str().unwrap());
            let out = dir.join("out.ipynb");
            let runs = if cells > 1_000 { 3 } else { 7 };
            let diff = measured(&["diff", base, local, "--json"], runs);
            let merge = measured(&["merge", base, local, remote, "-o", out.to_str().unwrap()], runs);
            println!(
                "{cells:>6} {mode:>10} {size:>8.1} {:>9.3} {:>9.0} {:>9.3} {:>9.0}",
                diff.0, diff.1, merge.0, merge.1
            );
        }
    }
}
