//! Instants, durations and how they are written.
use jiff::{Timestamp, tz::TimeZone};

/// Where "now" comes from, so that tests stand still.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that stands still.
#[derive(Debug, Clone, Copy)]
pub struct FixedClock(pub Timestamp);

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// Local time zone, UTC when the machine has none.
pub fn local_zone() -> TimeZone {
    TimeZone::system()
}

/// `09:08` in local time.
pub fn hhmm(at: Timestamp) -> String {
    at.to_zoned(local_zone()).strftime("%H:%M").to_string()
}

/// `17 Nov 09:08` in local time.
pub fn day_hhmm(at: Timestamp) -> String {
    at.to_zoned(local_zone()).strftime("%-d %b %H:%M").to_string()
}

/// `17 Nov` in local time.
pub fn day(at: Timestamp) -> String {
    at.to_zoned(local_zone()).strftime("%-d %b").to_string()
}

/// Local offset as `UTC-5` or `UTC+5:30`.
pub fn offset_label(at: Timestamp) -> String {
    let secs = at.to_zoned(local_zone()).offset().seconds();
    let (sign, abs) = if secs < 0 { ('\u{2212}', -secs) } else { ('+', secs) };
    let (h, m) = (abs / 3600, abs % 3600 / 60);
    if m == 0 { format!("UTC{sign}{h}") } else { format!("UTC{sign}{h}:{m:02}") }
}

/// Time of day for today, weekday for the last week, else the date.
pub fn when(at: Timestamp, now: Timestamp) -> String {
    let (a, n) = (at.to_zoned(local_zone()), now.to_zoned(local_zone()));
    let days = (n.date() - a.date()).get_days();
    match days {
        0 => hhmm(at),
        1 => format!("yesterday {}", hhmm(at)),
        2..=6 => a.strftime("%a %H:%M").to_string(),
        _ if a.year() == n.year() => a.strftime("%-d %b").to_string(),
        _ => a.strftime("%-d %b %Y").to_string(),
    }
}

/// Age in one unit: `40 s`, `27 min`, `3 h`, `9 d`.
pub fn age(since: Timestamp, now: Timestamp) -> String {
    let s = (now.as_second() - since.as_second()).max(0);
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{} min", s / 60),
        3600..172_800 => format!("{} h", s / 3600),
        _ => format!("{} d", s / 86_400),
    }
}

/// Duration in ms: `9 ms`, `2.4 s`, `3 min 51 s`, `1 h 04 min`.
pub fn duration_ms(ms: u64) -> String {
    let s = ms / 1000;
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..60_000 => format!("{}.{} s", s, ms % 1000 / 100),
        60_000..3_600_000 => format!("{} min {:02} s", s / 60, s % 60),
        _ => format!("{} h {:02} min", s / 3600, s % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_two_units_at_most() {
        let all: Vec<_> = [9, 2_449, 231_000, 3_840_000].map(duration_ms).into();
        assert_eq!(all, ["9 ms", "2.4 s", "3 min 51 s", "1 h 04 min"]);
    }

    #[test]
    fn ages_use_one_unit() {
        let t = |s: i64| Timestamp::from_second(1_000_000 + s).unwrap();
        let all: Vec<_> = [5, 120, 7_200, 900_000].map(|s| age(t(0), t(s))).into();
        assert_eq!(all, ["5 s", "2 min", "2 h", "10 d"]);
        assert_eq!(age(t(9), t(0)), "0 s", "a clock that went back gives no negative age");
    }
}
