//! Effects: files, git, SQL, kernels, processes, the store. Blocking; called from jobs and the command line only.
pub mod dirs;
pub mod exec;
pub mod frames;
pub mod git;
pub mod kernel;
pub mod ledger;
pub mod notebook;
mod process;
pub mod profile;
pub mod quality;
pub mod review;
pub mod runner;
pub mod sample;
pub mod secrets;
pub mod sides;
pub mod sql;
pub mod store;
pub mod workspace;
