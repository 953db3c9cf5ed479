//! The command line: one file a subcommand. JSON goes to stdout, people's words to stderr.
pub mod board;
pub mod cancel;
pub mod cat;
pub mod check;
pub mod connect;
pub mod diff;
pub mod env;
pub mod export;
pub mod git;
pub mod history;
pub mod kerneld;
pub mod kernels;
pub mod logs;
pub mod merge;
pub mod metrics;
#[cfg(feature = "gui")]
pub mod open;
pub mod out;
pub mod outputs;
pub mod patch;
pub mod profile;
mod remote;
pub mod rerun;
pub mod review;
pub mod run;
pub mod runs;
pub mod sample;
pub mod search;
#[cfg(feature = "gui")]
pub mod shot;
pub mod show;
pub mod sql;
pub mod test;
mod torn;
pub mod trigger;

use clap::{Parser, Subcommand};

/// Notebooks, board, runs and quality of one git repository, in one window and on one command line.
#[derive(Debug, Parser)]
#[command(name = "andon", version, about, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Sub>,
    /// Folder, notebook or data file to open in the window; the sample workspace when left out
    pub path: Option<std::path::PathBuf>,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Sub {
    /// Open a folder, notebook or data file in the window
    #[cfg(feature = "gui")]
    Open(open::Args),
    /// Run a pipeline or a notebook and wait for it
    Run(run::Args),
    /// List runs, newest first, or show one
    Runs(runs::Args),
    /// Run again what failed in a run
    Rerun(rerun::Args),
    /// Start a new run of a pipeline, here or in another system
    Trigger(trigger::Args),
    /// End a run, wherever it runs
    Cancel(cancel::Args),
    /// Print what a task of a run printed
    Logs(logs::Args),
    /// List and print the numbers that runs reported
    Metrics(metrics::Args),
    /// Connect systems that run pipelines elsewhere
    Connect(connect::Args),
    /// Execute notebooks and compare their outputs with those stored
    Test(test::Args),
    /// Evaluate a suite of data-quality checks, or all of them
    Check(check::Args),
    /// Query files with SQL
    Sql(sql::Args),
    /// Profile every column of a file
    Profile(profile::Args),
    /// Compare two versions of a notebook by cells
    Diff(diff::Args),
    /// Apply a difference of `andon diff --json`, or take it back
    Patch(patch::Args),
    /// Merge three versions of a notebook
    Merge(merge::Args),
    /// Comment on cells, suggest and approve, kept in git
    Review(review::Args),
    /// Say who wrote each cell and line of a notebook
    Blame(history::Blame),
    /// List the versions of a notebook, or what happened to one cell
    Log(history::Log),
    /// Write a notebook as it is read, byte for byte, or with one source changed
    Cat(cat::Args),
    /// Show a notebook as text, from a file or a revision
    Show(show::Args),
    /// Search text in files and in the cells of notebooks
    Search(search::Args),
    /// Make another kind of file of a notebook: a page, PDF, Markdown, a script
    Export(export::Args),
    /// Tell what the window shows of a notebook's outputs
    Outputs(outputs::Args),
    /// Show or end the kernels that run on when the window is closed
    Kerneld(kerneld::Args),
    /// List the kernels and Pythons of this machine, or the kernels of a Jupyter server
    Kernels(kernels::Args),
    /// Make a Python environment with ipykernel
    Env(env::Args),
    /// Let git itself show and merge notebooks by cells
    Git(git::Args),
    /// Show and change the board
    Board(board::Args),
    /// Render a page to a PNG
    #[cfg(feature = "gui")]
    Shot(shot::Args),
    /// List the sample workspaces, copy one, or make its data
    Sample(sample::Args),
    /// Print the manual page
    #[command(hide = true)]
    Man,
}

/// Runs a subcommand and gives the exit code.
pub fn run(sub: Sub) -> i32 {
    match sub {
        #[cfg(feature = "gui")]
        Sub::Open(args) => open::run(&args),
        Sub::Run(args) => run::run(&args),
        Sub::Runs(args) => runs::run(&args),
        Sub::Rerun(args) => rerun::run(&args),
        Sub::Trigger(args) => trigger::run(&args),
        Sub::Cancel(args) => cancel::run(&args),
        Sub::Logs(args) => logs::run(&args),
        Sub::Metrics(args) => metrics::run(&args),
        Sub::Connect(args) => connect::run(&args),
        Sub::Test(args) => test::run(&args),
        Sub::Check(args) => check::run(&args),
        Sub::Sql(args) => sql::run(&args),
        Sub::Profile(args) => profile::run(&args),
        Sub::Diff(args) => diff::run(&args),
        Sub::Patch(args) => patch::run(&args),
        Sub::Merge(args) => merge::run(&args),
        Sub::Review(args) => review::run(&args),
        Sub::Blame(args) => history::blame(&args),
        Sub::Log(args) => history::log(&args),
        Sub::Cat(args) => cat::run(&args),
        Sub::Show(args) => show::run(&args),
        Sub::Search(args) => search::run(&args),
        Sub::Export(args) => export::run(&args),
        Sub::Outputs(args) => outputs::run(&args),
        Sub::Kerneld(args) => kerneld::run(&args),
        Sub::Kernels(args) => kernels::run(&args),
        Sub::Env(args) => env::run(&args),
        Sub::Git(args) => git::run(&args),
        Sub::Board(args) => board::run(&args),
        #[cfg(feature = "gui")]
        Sub::Shot(args) => shot::run(&args),
        Sub::Sample(args) => sample::run(&args),
        Sub::Man => out::manual(),
    }
}
