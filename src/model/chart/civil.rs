//! Days, hours and the calendar without zones: milliseconds since 1970 as a float, as axes need them.

/// One day in milliseconds.
pub const DAY: f64 = 86_400_000.0;

/// Year, month, day, hour, minute, second, millisecond and the day of the week from Sunday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    pub year: i64,
    pub month: i64,
    pub day: i64,
    pub hour: i64,
    pub minute: i64,
    pub second: i64,
    pub ms: i64,
    pub weekday: i64,
}

/// Days since 1970 of a date; months beyond the year carry over.
pub fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = (year + (month - 1).div_euclid(12), (month - 1).rem_euclid(12) + 1);
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let of_era = y - era * 400;
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Milliseconds of a date and a time of day.
pub fn millis(year: i64, month: i64, day: i64, ms_of_day: f64) -> f64 {
    days(year, month, day) as f64 * DAY + ms_of_day
}

/// The parts of an instant; far beyond any calendar it stands at the edge.
pub fn civil(ms: f64) -> Civil {
    let ms = if ms.is_finite() { ms.clamp(-8.64e15, 8.64e15) } else { 0.0 };
    let ms = ms.floor() as i64;
    let (day_number, rest) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    let z = day_number + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z - era * 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let mp = (5 * of_year + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    Civil {
        year: year_of_era + era * 400 + i64::from(month <= 2),
        month,
        day: of_year - (153 * mp + 2) / 5 + 1,
        hour: rest / 3_600_000,
        minute: rest / 60_000 % 60,
        second: rest / 1000 % 60,
        ms: rest % 1000,
        weekday: (day_number + 4).rem_euclid(7),
    }
}

pub const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// Reads ISO dates and times, `2026/01/02`, `Jan 2 2026` and `1/2/2026`. A zone is taken off, to UTC.
pub fn parse(text: &str) -> Option<f64> {
    let text = text.trim();
    if text.len() > 40 || !text.is_ascii() {
        return None;
    }
    iso(text).or_else(|| words(text))
}

fn iso(text: &str) -> Option<f64> {
    let bytes = text.as_bytes();
    let negative = bytes.first() == Some(&b'-');
    let body = if negative { &text[1..] } else { text };
    let year_len = body.bytes().take_while(u8::is_ascii_digit).count();
    if !(4..=6).contains(&year_len) {
        return None;
    }
    let year: i64 = body[..year_len].parse::<i64>().ok()? * if negative { -1 } else { 1 };
    let rest = &body[year_len..];
    let mark = match rest.bytes().next() {
        Some(c @ (b'-' | b'/')) => c,
        _ => return None,
    };
    let (month, rest) = two(&rest[1..])?;
    if !(1..=12).contains(&month) {
        return None;
    }
    if rest.is_empty() {
        return Some(millis(year, month, 1, 0.0));
    }
    let rest = rest.strip_prefix(mark as char)?;
    let (day, rest) = two(rest)?;
    if !(1..=31).contains(&day) {
        return None;
    }
    let rest = rest.strip_prefix(['T', ' ', 't']).unwrap_or(rest);
    Some(millis(year, month, day, clock(rest.trim())?))
}

/// One or two digits.
fn two(text: &str) -> Option<(i64, &str)> {
    let n = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    Some((text.get(..n)?.parse().ok()?, &text[n..]))
}

/// Time of day with an optional zone, in milliseconds.
fn clock(text: &str) -> Option<f64> {
    if text.is_empty() {
        return Some(0.0);
    }
    if text.eq_ignore_ascii_case("z") {
        return Some(0.0);
    }
    let (hour, rest) = two(text)?;
    let mut ms = hour as f64 * 3_600_000.0;
    let mut rest = rest;
    if let Some(after) = rest.strip_prefix(':') {
        let (minute, after) = two(after)?;
        ms += minute as f64 * 60_000.0;
        rest = after;
        if let Some(after) = rest.strip_prefix(':') {
            let n = after.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
            ms += after[..n].parse::<f64>().ok()? * 1000.0;
            rest = &after[n..];
        }
    }
    let rest = rest.trim();
    if rest.is_empty() || rest.eq_ignore_ascii_case("z") || rest == "UTC" || rest == "GMT" {
        return Some(ms);
    }
    let sign = match rest.bytes().next()? {
        b'+' => 1.0,
        b'-' => -1.0,
        _ => return None,
    };
    let (h, after) = two(&rest[1..])?;
    let (m, after) = two(after.strip_prefix(':').unwrap_or(after)).unwrap_or((0, after));
    after.is_empty().then_some(ms - sign * (h as f64 * 3_600_000.0 + m as f64 * 60_000.0))
}

/// `Jan 2 2026`, `2 January 2026 10:00`, `1/2/2026`.
fn words(text: &str) -> Option<f64> {
    if let Some((month, rest)) = text.split_once('/')
        && let Some((day, rest)) = rest.split_once('/')
    {
        let (year, time) = rest.split_once(' ').unwrap_or((rest, ""));
        let (year, month, day): (i64, i64, i64) = (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
        let fits = (1..=12).contains(&month) && (1..=31).contains(&day) && year > 999;
        return if fits { Some(millis(year, month, day, clock(time)?)) } else { None };
    }
    let (mut year, mut month, mut day, mut time) = (None, None, None, 0.0);
    for word in text.split([' ', ',']).filter(|w| !w.is_empty()) {
        let named = || {
            let w = word.trim_end_matches('.').to_ascii_lowercase();
            (w.len() >= 3).then(|| MONTHS.iter().position(|m| m.to_ascii_lowercase().starts_with(&w)))?
        };
        if let Some(at) = named() {
            month = Some(at as i64 + 1);
        } else if word.contains(':') {
            time = clock(word)?;
        } else if let Ok(n) = word.parse::<i64>() {
            if (1..=31).contains(&n) && day.is_none() && word.len() <= 2 { day = Some(n) } else { year = Some(n) }
        } else if !WEEKDAYS.iter().any(|d| d.starts_with(word)) {
            return None;
        }
    }
    Some(millis(year?, month?, day.unwrap_or(1), time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_and_taken_apart() {
        for (text, ms) in [
            ("1970-01-01", 0.0),
            ("2026-01-01T00:00:00.000000", 1_767_225_600_000.0),
            ("2026-01-01 00:00:00Z", 1_767_225_600_000.0),
            ("2026-01-01T01:30:00+01:30", 1_767_225_600_000.0),
            ("2026-01", 1_767_225_600_000.0),
            ("Jan 1 2026", 1_767_225_600_000.0),
            ("1/1/2026", 1_767_225_600_000.0),
            ("2026-01-01T00:00:00.25", 1_767_225_600_250.0),
        ] {
            assert_eq!(parse(text), Some(ms), "{text}");
        }
        for text in ["a", "12", "2026", "2026-13-01", "setosa", "", "2026-01-01x", "May I", "é2026-01-01"] {
            assert_eq!(parse(text), None, "{text}");
        }
        let c = civil(1_709_210_096_789.0);
        assert_eq!((c.year, c.month, c.day, c.hour, c.minute, c.second, c.ms), (2024, 2, 29, 12, 34, 56, 789));
        assert_eq!(WEEKDAYS[c.weekday as usize], "Thursday");
        for day in (-800_000i64..800_000).step_by(37) {
            let c = civil(day as f64 * DAY);
            assert_eq!(days(c.year, c.month, c.day), day);
        }
    }
}
