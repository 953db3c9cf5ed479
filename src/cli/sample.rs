//! `andon sample`: the sample workspaces, and the generator behind one of them.
use std::path::PathBuf;

use serde_json::json;

use super::out::{self, finish};
use crate::{
    base::{Result, job::JobCtx, text},
    engine::{
        dirs::Dirs,
        sample::{self, solar},
    },
};

/// Arguments of `andon sample`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    pub what: What,
    /// Print one JSON document on stdout
    #[arg(long, global = true)]
    pub json: bool,
}

/// What to do with samples.
#[derive(Debug, clap::Subcommand)]
pub enum What {
    /// List the samples that come with Andon
    List,
    /// Copy a sample to your data folder, unless it is there, and print where it lies
    Copy {
        /// Name of the sample
        name: String,
        /// Leave out its runs and its board
        #[arg(long)]
        without_history: bool,
    },
    /// Write the messages of a solar fleet whose firmware sends each one ten times, one Parquet file a day
    Solar {
        /// Devices of the fleet
        #[arg(long, default_value_t = 30_000)]
        devices: u32,
        /// Days from 1 November 2026
        #[arg(long, default_value_t = 7)]
        days: u32,
        /// The same seed gives the same messages
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Folder for the files
        #[arg(long, value_name = "DIR", default_value = "data/messages")]
        out: PathBuf,
    },
}

/// Runs it and gives the exit code.
pub fn run(args: &Args) -> i32 {
    let cx = out::context(!args.json);
    finish(args.json, execute(args, &cx))
}

fn execute(args: &Args, cx: &JobCtx) -> Result<i32> {
    match &args.what {
        What::List => list(args.json),
        What::Copy { name, without_history } => {
            let dirs = Dirs::from_env();
            dirs.create()?;
            let path = sample::copy(&dirs, name, !without_history, cx)?;
            if args.json {
                out::document("andon.sample/1", json!({ "name": name, "path": path }));
            } else {
                out::line(&path.display().to_string());
            }
        }
        What::Solar { devices, days, seed, out: dir } => {
            let fleet = solar::Fleet { devices: *devices, days: *days, seed: *seed };
            let made = solar::generate(dir, fleet, cx)?;
            if args.json {
                out::document("andon.sample-solar/1", json!(made));
            } else {
                let (all, distinct) = (text::count(made.messages, "message"), text::thousands(made.distinct));
                out::line(&format!("{all}, {distinct} of them different, in {}", dir.display()));
            }
        }
    }
    Ok(0)
}

fn list(json: bool) {
    let all = sample::list();
    if json {
        let rows: Vec<_> = all
            .iter()
            .map(|s| json!({ "name": s.name, "title": s.title, "summary": s.summary, "source": s.source, "bytes": s.bytes }))
            .collect();
        out::document("andon.samples/1", json!({ "samples": rows }));
    } else {
        for s in all {
            out::line(&format!("{}\t{}\t{}", s.name, text::bytes(s.bytes), s.summary));
        }
    }
}
