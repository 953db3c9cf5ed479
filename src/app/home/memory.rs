//! What Home remembers of a workspace, in .andon/home.json: snoozed rows and the last visit.
use std::{collections::BTreeMap, fs, path::Path};

use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use crate::{
    base::{Error, Result, fsx, time::local_zone},
    engine::workspace::dot_andon,
};

/// Kept between visits.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// Key of a row and until when it is hidden.
    pub snoozed: BTreeMap<String, Timestamp>,
    /// Everything before was read.
    pub seen: Option<Timestamp>,
}

/// Six in the morning of the next day, local time.
pub fn tomorrow(now: Timestamp) -> Timestamp {
    let zone = local_zone();
    let next = now.to_zoned(zone.clone()).date().checked_add(1.day());
    let morning = next.ok().and_then(|d| d.at(6, 0, 0, 0).to_zoned(zone).ok());
    morning.map_or(now, |z| z.timestamp())
}

/// Reads it; a damaged file counts as none, since nothing of value is in it.
pub fn load(root: &Path) -> Memory {
    fs::read(root.join(".andon/home.json")).ok().and_then(|b| serde_json::from_slice(&b).ok()).unwrap_or_default()
}

/// Writes it.
pub fn save(root: &Path, memory: &Memory) -> Result<()> {
    let path = dot_andon(root)?.join("home.json");
    let bytes =
        serde_json::to_vec_pretty(memory).map_err(|e| Error::bug("Could not write the memory of Home").because(&e))?;
    fsx::write_atomic(&path, &bytes)
}
