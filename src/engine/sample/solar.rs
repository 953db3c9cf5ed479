//! Messages of a fleet of solar devices whose firmware sends every message ten times.
//!
//! Made from a seed, so that a size and a seed always give the same files. What is to be found in them: ten copies of
//! every message, a few devices whose output falls a little every day (dirt), a few readings far above what the panel
//! can give (a meter fault), and a few devices that fall silent.
use std::{
    f64::consts::PI,
    fs,
    path::{Path, PathBuf},
};

use polars::prelude::*;
use serde::Serialize;

use crate::base::{Error, Result, error::Context, job::JobCtx, text};

/// How often the faulty firmware sends each message.
pub const COPIES: u32 = 10;
/// Hours of the day at which a device reports.
const HOURS: [i64; 6] = [8, 10, 12, 14, 16, 18];
/// 1 November 2026, 00:00 UTC, in ms.
const FIRST_DAY_MS: i64 = 1_793_491_200_000;
const DAY_MS: i64 = 86_400_000;
const SITES: [&str; 6] = ["Almería", "Badajoz", "Córdoba", "Huelva", "Murcia", "Sevilla"];

/// What to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fleet {
    pub devices: u32,
    pub days: u32,
    pub seed: u64,
}

/// What was made, for the answer of the command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Made {
    pub devices: u32,
    pub days: u32,
    /// Rows in the files, copies included.
    pub messages: u64,
    /// Different messages.
    pub distinct: u64,
    pub files: Vec<PathBuf>,
}

/// Writes one Parquet file a day into `dir`, replacing those of an earlier call.
pub fn generate(dir: &Path, fleet: Fleet, cx: &JobCtx) -> Result<Made> {
    if fleet.devices == 0 || fleet.days == 0 {
        return Err(Error::user("A fleet needs at least one device and one day"));
    }
    if fleet.days > 3650 {
        return Err(Error::user(format!("{} days are too many", fleet.days)).hint("Make ten years at most"));
    }
    fs::create_dir_all(dir).io(|| format!("Could not make the folder {}", dir.display()))?;
    remove_earlier(dir)?;
    let mut made = Made { devices: fleet.devices, days: fleet.days, messages: 0, distinct: 0, files: Vec::new() };
    for day in 0..fleet.days {
        cx.check()?;
        let mut columns = Columns::with_capacity(fleet.devices as usize * HOURS.len() * COPIES as usize);
        for device in 0..fleet.devices {
            if device.is_multiple_of(1000) {
                cx.check()?;
            }
            made.distinct += columns.device_day(fleet, device, day);
        }
        made.messages += columns.device.len() as u64;
        let path = dir.join(format!("day-{:04}.parquet", day + 1));
        columns.write(&path)?;
        made.files.push(path);
        let share = (day + 1) as f32 / fleet.days as f32;
        cx.progress(
            Some(share),
            format!("Day {} of {}: {}", day + 1, fleet.days, text::count(made.messages, "message")),
        );
    }
    Ok(made)
}

fn remove_earlier(dir: &Path) -> Result<()> {
    let entries = fs::read_dir(dir).io(|| format!("Could not read the folder {}", dir.display()))?;
    for path in entries.flatten().map(|e| e.path()) {
        let ours =
            path.file_name().and_then(|n| n.to_str()).is_some_and(|n| n.starts_with("day-") && n.ends_with(".parquet"));
        if ours {
            fs::remove_file(&path).io(|| format!("Could not remove {}", path.display()))?;
        }
    }
    Ok(())
}

/// The columns of one day's file.
struct Columns {
    device: Vec<u32>,
    site: Vec<u32>,
    seq: Vec<u32>,
    measured: Vec<i64>,
    received: Vec<i64>,
    power: Vec<f64>,
    energy: Vec<f64>,
    temperature: Vec<f64>,
}

impl Columns {
    fn with_capacity(n: usize) -> Self {
        Self {
            device: Vec::with_capacity(n),
            site: Vec::with_capacity(n),
            seq: Vec::with_capacity(n),
            measured: Vec::with_capacity(n),
            received: Vec::with_capacity(n),
            power: Vec::with_capacity(n),
            energy: Vec::with_capacity(n),
            temperature: Vec::with_capacity(n),
        }
    }

    /// Adds one device's messages of one day and gives how many different ones.
    fn device_day(&mut self, fleet: Fleet, device: u32, day: u32) -> u64 {
        let panel = Panel::of(fleet.seed, device);
        if panel.silent_from.is_some_and(|from| day >= from) {
            return 0;
        }
        let sky = sky(fleet.seed, panel.site, day);
        let mut energy = 0.0;
        for (i, hour) in HOURS.iter().enumerate() {
            let seq = day * HOURS.len() as u32 + i as u32 + 1;
            let dice = mix(fleet.seed ^ 0x5eed, u64::from(device) << 32 | u64::from(seq));
            let sun = (PI * (*hour as f64 - 6.0) / 13.0).sin().max(0.0);
            let dirt = (1.0 - panel.dirt).powi(day as i32);
            let flicker = 0.97 + 0.06 * unit(dice);
            let mut power = panel.watts * sun * sky * dirt * flicker;
            energy += power * 2.0;
            // One reading in two thousand is a fault of the meter: several times what the panel can give.
            if mix(dice, 7).is_multiple_of(2000) {
                power = panel.watts * (4.0 + 4.0 * unit(mix(dice, 8)));
            }
            let measured = FIRST_DAY_MS + i64::from(day) * DAY_MS + hour * 3_600_000;
            let temperature = 11.0 + 26.0 * sun * sky + 3.0 * unit(mix(dice, 9));
            for copy in 0..COPIES {
                let late = 400 + i64::from(copy) * 1500 + (mix(dice, u64::from(copy) + 20) % 900) as i64;
                self.device.push(device + 1);
                self.site.push(panel.site);
                self.seq.push(seq);
                self.measured.push(measured);
                self.received.push(measured + late);
                self.power.push((power * 10.0).round() / 10.0);
                self.energy.push(energy.round());
                self.temperature.push((temperature * 10.0).round() / 10.0);
            }
        }
        HOURS.len() as u64
    }

    fn write(self, path: &Path) -> Result<()> {
        let what = || format!("Could not write {}", path.display());
        let sites: StringChunked = self.site.iter().map(|s| Some(SITES[*s as usize % SITES.len()])).collect();
        let instant = |name: &str, ms: Vec<i64>| {
            Series::new(name.into(), ms).cast(&DataType::Datetime(TimeUnit::Milliseconds, None)).map(Column::from)
        };
        let build = || -> PolarsResult<DataFrame> {
            let rows = self.device.len();
            let columns = vec![
                Column::new("device".into(), self.device),
                sites.with_name("site".into()).into_series().into(),
                Column::new("seq".into(), self.seq),
                instant("measured_at", self.measured)?,
                instant("received_at", self.received)?,
                Column::new("power_w".into(), self.power),
                Column::new("energy_wh".into(), self.energy),
                Column::new("panel_temp_c".into(), self.temperature),
            ];
            DataFrame::new(rows, columns)
        };
        let mut frame = build().io(what)?;
        let part = path.with_extension("part");
        let file = fs::File::create(&part).io(what)?;
        ParquetWriter::new(file).finish(&mut frame).io(what)?;
        fs::rename(&part, path).io(what)
    }
}

/// What a device is, decided by the seed and its number.
struct Panel {
    watts: f64,
    site: u32,
    /// Share of output lost a day.
    dirt: f64,
    silent_from: Option<u32>,
}

impl Panel {
    fn of(seed: u64, device: u32) -> Self {
        let dice = mix(seed, u64::from(device));
        let dirty = mix(dice, 1).is_multiple_of(50);
        let silent = mix(dice, 3).is_multiple_of(200);
        Self {
            watts: 3000.0 + 5000.0 * unit(mix(dice, 4)),
            site: (mix(dice, 5) % SITES.len() as u64) as u32,
            dirt: if dirty { 0.02 + 0.04 * unit(mix(dice, 2)) } else { 0.0 },
            silent_from: silent.then(|| 2 + (mix(dice, 6) % 4) as u32),
        }
    }
}

/// Share of the sunlight that comes through the clouds over a site on a day.
fn sky(seed: u64, site: u32, day: u32) -> f64 {
    0.55 + 0.45 * unit(mix(seed ^ 0xc10d, u64::from(site) << 32 | u64::from(day)))
}

/// SplitMix64 over two numbers.
fn mix(a: u64, b: u64) -> u64 {
    let mut z = a.wrapping_add(b.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number from 0 to 1.
fn unit(n: u64) -> f64 {
    (n >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_is_sent_ten_times_and_a_seed_gives_the_same_fleet() {
        let dir = tempfile::tempdir().unwrap();
        let fleet = Fleet { devices: 40, days: 3, seed: 7 };
        let made = generate(dir.path(), fleet, &JobCtx::detached()).unwrap();
        assert_eq!(made.messages, made.distinct * u64::from(COPIES));
        assert_eq!(made.files.len(), 3);
        let file = fs::File::open(&made.files[2]).unwrap();
        let frame = ParquetReader::new(file).finish().unwrap();
        let distinct =
            frame.select(["device", "seq"]).unwrap().unique::<&[String], String>(None, UniqueKeepStrategy::Any, None);
        assert_eq!(distinct.unwrap().height() * COPIES as usize, frame.height());

        let again = tempfile::tempdir().unwrap();
        generate(again.path(), fleet, &JobCtx::detached()).unwrap();
        assert_eq!(fs::read(&made.files[0]).unwrap(), fs::read(again.path().join("day-0001.parquet")).unwrap());
    }

    #[test]
    fn a_smaller_fleet_leaves_no_days_of_a_larger_one() {
        let dir = tempfile::tempdir().unwrap();
        generate(dir.path(), Fleet { devices: 2, days: 3, seed: 1 }, &JobCtx::detached()).unwrap();
        generate(dir.path(), Fleet { devices: 2, days: 1, seed: 1 }, &JobCtx::detached()).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(generate(dir.path(), Fleet { devices: 0, days: 1, seed: 1 }, &JobCtx::detached()).is_err());
    }
}
