//! `andon`: the window, or a subcommand.
use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_env("ANDON_LOG"))
        .with_writer(std::io::stderr)
        .init();
    let cli = andon::cli::Cli::parse();
    let code = match cli.command {
        Some(sub) => andon::cli::run(sub),
        None => window(cli.path),
    };
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

#[cfg(feature = "gui")]
fn window(path: Option<std::path::PathBuf>) -> i32 {
    andon::cli::open::window(path)
}

#[cfg(not(feature = "gui"))]
fn window(_: Option<std::path::PathBuf>) -> i32 {
    eprintln!("andon: this build has no window; see andon --help");
    2
}
