//! Tests that drive real kernels, windows and large files. A missing tool is named, never skipped in silence.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends at the first surprise")]
#[cfg(unix)]
#[path = "slow/airflow.rs"]
mod airflow;
#[cfg(unix)]
#[path = "slow/dagster.rs"]
mod dagster;
#[cfg(unix)]
#[path = "slow/envs.rs"]
mod envs;
#[path = "slow/exec.rs"]
mod exec;
#[path = "slow/frames.rs"]
mod frames;
#[path = "slow/kernel.rs"]
mod kernel;
#[path = "slow/kernel_faults.rs"]
mod kernel_faults;
#[cfg(unix)]
#[path = "slow/kerneld.rs"]
mod kerneld;
#[cfg(unix)]
#[path = "slow/mlflow.rs"]
mod mlflow;
#[path = "slow/nbdime.rs"]
mod nbdime;
#[path = "slow/nbtest.rs"]
mod nbtest;
#[cfg(unix)]
#[path = "slow/prefect.rs"]
mod prefect;
#[cfg(unix)]
#[path = "slow/proxy.rs"]
mod proxy;
#[cfg(unix)]
#[path = "slow/remote.rs"]
mod remote;
#[cfg(unix)]
#[path = "slow/services.rs"]
mod services;
#[path = "slow/support.rs"]
mod support;
#[cfg(unix)]
#[path = "slow/versions.rs"]
mod versions;
#[cfg(unix)]
#[path = "slow/widgets.rs"]
mod widgets;
#[cfg(feature = "gui")]
#[path = "slow/window.rs"]
mod window;
