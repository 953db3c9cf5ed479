//! Ground floor: no domain knowledge, std and small crates only.
pub mod error;
pub mod fsx;
pub mod hashed;
pub mod ids;
pub mod job;
pub mod text;
pub mod time;

pub use error::{Error, Kind, Result};
