//! Where the marks of an axis stand and what they say; numbers and times in d3's formats.
use super::{
    civil::{Civil, DAY, MONTHS, WEEKDAYS, civil, millis},
    figure::Scale,
};

/// Never more marks than this.
const MOST: usize = 200;

/// The least of 1, 2, 5 or 10 times a power of ten that is not under `rough`.
pub fn nice_step(rough: f64) -> f64 {
    if !(rough.is_finite() && rough > 0.0) {
        return 1.0;
    }
    let base = 10f64.powf(rough.log10().floor());
    let share = rough / base;
    let step = [1.0, 2.0, 5.0].into_iter().find(|s| share <= s * 1.000_000_1).unwrap_or(10.0);
    step * base
}

/// Marks of about `wanted` over a range, with words.
pub fn ticks(scale: &Scale, range: [f64; 2], wanted: usize, format: Option<&str>) -> Vec<(f64, String)> {
    let [lo, hi] = range;
    if !(lo.is_finite() && hi.is_finite() && hi > lo) {
        return Vec::new();
    }
    let wanted = wanted.clamp(1, MOST);
    match scale {
        Scale::Names(names) => {
            let first = lo.ceil().max(0.0) as usize;
            let last = (hi.floor().max(-1.0) + 1.0) as usize;
            let shown = last.min(names.len()).saturating_sub(first);
            let step = shown.div_ceil(wanted).max(1);
            (first..last.min(names.len())).step_by(step).map(|i| (i as f64, names[i].clone())).collect()
        }
        Scale::Time => time_ticks(lo, hi, wanted, format),
        Scale::Log => log_ticks(lo, hi, wanted, format),
        _ => {
            let step = nice_step((hi - lo) / wanted as f64);
            linear(lo, hi, step).into_iter().map(|v| (v, show(v, step, format))).collect()
        }
    }
}

fn linear(lo: f64, hi: f64, step: f64) -> Vec<f64> {
    let first = (lo / step - 1e-9).ceil();
    let count = ((hi / step + 1e-9).floor() - first + 1.0).clamp(0.0, MOST as f64) as usize;
    (0..count).map(|i| (first + i as f64) * step).collect()
}

fn show(v: f64, step: f64, format: Option<&str>) -> String {
    match format {
        Some(f) => number(v, f).unwrap_or_else(|| tick_number(v, step)),
        None => tick_number(v, step),
    }
}

/// A number with as many decimals as its step needs.
pub fn tick_number(v: f64, step: f64) -> String {
    let v = if v.abs() < step * 1e-6 { 0.0 } else { v };
    let size = v.abs();
    if size >= 1e15 || (size != 0.0 && step < 1e-6) {
        return format!("{v:.2e}").replace('-', "\u{2212}").replace(".00e", "e");
    }
    if size >= 1e6 || (size == 0.0 && step >= 1e6) {
        let (unit, word) = if size >= 1e12 {
            (1e12, "T")
        } else if size >= 1e9 {
            (1e9, "B")
        } else {
            (1e6, "M")
        };
        if size == 0.0 {
            return "0".into();
        }
        let decimals = decimals_of(step / unit).min(3);
        return format!("{}{word}", grouped(v / unit, decimals));
    }
    grouped(v, decimals_of(step))
}

fn decimals_of(step: f64) -> usize {
    if step >= 1.0 && (step - step.round()).abs() < 1e-9 {
        return 0;
    }
    (-(step.log10() + 1e-9).floor()).clamp(0.0, 12.0) as usize
}

/// Fixed decimals with thousands marked and a true minus.
fn grouped(v: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", v.abs());
    let (whole, rest) = match text.split_once('.') {
        Some((w, r)) => (w, Some(r)),
        None => (text.as_str(), None),
    };
    let mut out = String::new();
    if v < 0.0 && text.bytes().any(|b| (b'1'..=b'9').contains(&b)) {
        out.push('\u{2212}');
    }
    let thousands = whole.len() > 4;
    for (i, c) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 && thousands {
            out.push(',');
        }
        out.push(c);
    }
    if let Some(rest) = rest {
        out.push('.');
        out.push_str(rest);
    }
    out
}

fn log_ticks(lo: f64, hi: f64, wanted: usize, format: Option<&str>) -> Vec<(f64, String)> {
    if lo <= 0.0 {
        return Vec::new();
    }
    let (from, to) = (lo.log10(), hi.log10());
    let decades = to - from;
    let words = |v: f64| match format.and_then(|f| number(v, f)) {
        Some(words) => words,
        None if (1e-4..1e15).contains(&v) => tick_number(v, v),
        None => {
            let digit = (v / 10f64.powf(v.log10().floor() + 1e-9)).round().max(1.0);
            let power = (v / digit).log10().round();
            format!("{digit}e{power}").replace('-', "\u{2212}")
        }
    };
    if decades < 1.0 {
        let step = nice_step((hi - lo) / wanted as f64);
        return linear(lo, hi, step).into_iter().filter(|v| *v > 0.0).map(|v| (v, show(v, step, format))).collect();
    }
    let every = (decades / wanted as f64).ceil().max(1.0);
    let digits: &[f64] = if every > 1.0 {
        &[1.0]
    } else if decades * 3.0 <= wanted as f64 {
        &[1.0, 2.0, 5.0]
    } else {
        &[1.0]
    };
    let first = (from - 1e-9).floor();
    let mut out = Vec::new();
    let mut power = first;
    while power <= to + 1e-9 && out.len() < MOST {
        for digit in digits {
            let v = digit * 10f64.powf(power);
            if v >= lo * (1.0 - 1e-9) && v <= hi * (1.0 + 1e-9) {
                out.push((v, words(v)));
            }
        }
        power += every;
    }
    out
}

const SECOND: f64 = 1000.0;
const MINUTE: f64 = 60_000.0;
const HOUR: f64 = 3_600_000.0;
/// Steps of less than a month.
const STEPS: [f64; 24] = [
    1.0,
    2.0,
    5.0,
    10.0,
    20.0,
    50.0,
    100.0,
    200.0,
    500.0,
    SECOND,
    2.0 * SECOND,
    5.0 * SECOND,
    10.0 * SECOND,
    30.0 * SECOND,
    MINUTE,
    5.0 * MINUTE,
    10.0 * MINUTE,
    30.0 * MINUTE,
    HOUR,
    3.0 * HOUR,
    6.0 * HOUR,
    12.0 * HOUR,
    DAY,
    2.0 * DAY,
];

fn time_ticks(lo: f64, hi: f64, wanted: usize, format: Option<&str>) -> Vec<(f64, String)> {
    let rough = (hi - lo) / wanted as f64;
    let at: Vec<f64> = if let Some(step) = STEPS.into_iter().find(|s| *s >= rough) {
        linear(lo, hi, step)
    } else if rough <= 7.0 * DAY {
        // Weeks begin on Monday; the first day of 1970 was a Thursday.
        let first = ((lo - 4.0 * DAY) / (7.0 * DAY)).ceil();
        (0..MOST).map(|i| 4.0 * DAY + (first + i as f64) * 7.0 * DAY).take_while(|v| *v <= hi).collect()
    } else {
        months(lo, hi, rough / (30.4 * DAY))
    };
    let step = at.get(1).zip(at.first()).map_or(rough, |(b, a)| b - a);
    let mut last: Option<Civil> = None;
    at.into_iter()
        .map(|v| {
            let c = civil(v);
            let words = match format {
                Some(f) => strftime(v, f),
                None => time_words(&c, last.as_ref(), step),
            };
            last = Some(c);
            (v, words)
        })
        .collect()
}

fn months(lo: f64, hi: f64, rough: f64) -> Vec<f64> {
    let step = [1.0, 2.0, 3.0, 6.0, 12.0].into_iter().find(|s| *s >= rough).unwrap_or_else(|| {
        let years = nice_step(rough / 12.0).max(1.0);
        years * 12.0
    });
    let c = civil(lo);
    let mut n = ((c.year * 12 + c.month - 1) as f64 / step).floor() * step;
    let mut out = Vec::new();
    while out.len() < MOST {
        let v = millis(0, n as i64 + 1, 1, 0.0);
        if v > hi {
            break;
        }
        if v >= lo {
            out.push(v);
        }
        n += step;
    }
    out
}

/// The finest part that changes from mark to mark, with the date or the year below where it begins.
fn time_words(c: &Civil, last: Option<&Civil>, step: f64) -> String {
    let month = &MONTHS[(c.month - 1).clamp(0, 11) as usize][..3];
    let new_day = last.is_none_or(|l| (l.year, l.month, l.day) != (c.year, c.month, c.day));
    let new_year = last.is_none_or(|l| l.year != c.year);
    if step >= 360.0 * DAY {
        return c.year.to_string();
    }
    if step >= 27.0 * DAY {
        return if new_year { format!("{month}\n{}", c.year) } else { month.to_owned() };
    }
    let date = if new_year { format!("{} {month}\n{}", c.day, c.year) } else { format!("{} {month}", c.day) };
    if step >= DAY {
        return date;
    }
    let clock = if step >= MINUTE {
        format!("{:02}:{:02}", c.hour, c.minute)
    } else if step >= SECOND {
        format!("{:02}:{:02}:{:02}", c.hour, c.minute, c.second)
    } else {
        format!("{:02}:{:02}.{:03}", c.minute, c.second, c.ms)
    };
    if new_day { format!("{clock}\n{}", date.replace('\n', " ")) } else { clock }
}

/// A number for a tooltip or a label: whole ones without decimals.
pub fn show_number(v: f64) -> String {
    if v.fract() == 0.0 && v.abs() < 1e15 {
        return grouped(v, 0);
    }
    crate::model::table::show_float(v)
}

/// An instant for a tooltip: the date, and the time when it is not midnight.
pub fn show_time(ms: f64) -> String {
    let c = civil(ms);
    let date = format!("{:04}-{:02}-{:02}", c.year, c.month, c.day);
    match (c.hour, c.minute, c.second, c.ms) {
        (0, 0, 0, 0) => date,
        (h, m, 0, 0) => format!("{date} {h:02}:{m:02}"),
        (h, m, s, 0) => format!("{date} {h:02}:{m:02}:{s:02}"),
        (h, m, s, ms) => format!("{date} {h:02}:{m:02}:{s:02}.{ms:03}"),
    }
}

/// A time by a format of `%` letters.
pub fn strftime(ms: f64, format: &str) -> String {
    let c = civil(ms);
    let mut out = String::new();
    let mut chars = format.chars().take(200);
    while let Some(ch) = chars.next() {
        if ch != '%' {
            out.push(ch);
            continue;
        }
        let mut letter = chars.next();
        let mut bare = false;
        if matches!(letter, Some('-' | '_' | '0')) {
            bare = letter == Some('-');
            letter = chars.next();
        }
        let two = |v: i64| if bare { v.to_string() } else { format!("{v:02}") };
        let twelve = if c.hour % 12 == 0 { 12 } else { c.hour % 12 };
        let month = MONTHS[(c.month - 1).clamp(0, 11) as usize];
        let weekday = WEEKDAYS[c.weekday.clamp(0, 6) as usize];
        match letter {
            Some('Y') => out.push_str(&c.year.to_string()),
            Some('y') => out.push_str(&two(c.year.rem_euclid(100))),
            Some('m') => out.push_str(&two(c.month)),
            Some('d') => out.push_str(&two(c.day)),
            Some('e') => out.push_str(&c.day.to_string()),
            Some('H') => out.push_str(&two(c.hour)),
            Some('I') => out.push_str(&two(twelve)),
            Some('M') => out.push_str(&two(c.minute)),
            Some('S') => out.push_str(&two(c.second)),
            Some('L') => out.push_str(&format!("{:03}", c.ms)),
            Some('f') => out.push_str(&format!("{:06}", c.ms * 1000)),
            Some('p') => out.push_str(if c.hour < 12 { "AM" } else { "PM" }),
            Some('b' | 'h') => out.push_str(&month[..3]),
            Some('B') => out.push_str(month),
            Some('a') => out.push_str(&weekday[..3]),
            Some('A') => out.push_str(weekday),
            Some('q') => out.push_str(&((c.month - 1) / 3 + 1).to_string()),
            Some('j') => {
                let of_year = super::civil::days(c.year, c.month, c.day) - super::civil::days(c.year, 1, 1) + 1;
                out.push_str(&format!("{of_year:03}"));
            }
            Some('x') => out.push_str(&format!("{}/{}/{}", c.month, c.day, c.year)),
            Some('X') => out.push_str(&format!("{:02}:{:02}:{:02}", c.hour, c.minute, c.second)),
            Some('%') => out.push('%'),
            Some(other) => {
                out.push('%');
                out.push(other);
            }
            None => out.push('%'),
        }
    }
    out
}

/// A number by a format of d3: `.2f`, `,.0f`, `.1%`, `$,.2f`, `~s`, `d`, `.3e`. Nothing for a format that is not known.
pub fn number(v: f64, format: &str) -> Option<String> {
    let mut rest = format.trim();
    if rest.starts_with('%') && rest.len() > 1 {
        return Some(strftime(v, rest));
    }
    // A fill with its alignment has no meaning where every label stands alone.
    let mut chars = rest.chars();
    if let (Some(fill), Some('<' | '>' | '^' | '=')) = (chars.next(), chars.next()) {
        rest = &rest[fill.len_utf8() + 1..];
    }
    rest = rest.trim_start_matches(['<', '>', '^', '=']);
    let plus = rest.starts_with('+');
    rest = rest.trim_start_matches(['+', '-', '(', ' ']);
    let money = rest.starts_with('$');
    rest = rest.trim_start_matches(['$', '#']).trim_start_matches(|c: char| c.is_ascii_digit());
    let comma = rest.starts_with(',');
    rest = rest.trim_start_matches(',');
    let mut precision = None;
    if let Some(after) = rest.strip_prefix('.') {
        let n = after.bytes().take_while(u8::is_ascii_digit).count();
        precision = Some(after[..n].parse::<usize>().ok()?.min(20));
        rest = &after[n..];
    }
    let trim = rest.starts_with('~');
    rest = rest.trim_start_matches('~');
    let size = v.abs();
    let mut suffix = String::new();
    let mut text = match rest {
        "f" => format!("{size:.*}", precision.unwrap_or(6)),
        "%" => {
            suffix.push('%');
            format!("{:.*}", precision.unwrap_or(6), size * 100.0)
        }
        "p" => {
            suffix.push('%');
            significant(size * 100.0, precision.unwrap_or(6))
        }
        "d" => format!("{:.0}", size.round()),
        "e" => exponent(&format!("{size:.*e}", precision.unwrap_or(6))),
        "g" if size != 0.0 && !(1e-4..10f64.powi(precision.unwrap_or(6).max(1) as i32)).contains(&size) => {
            exponent(&format!("{size:.*e}", precision.unwrap_or(6).saturating_sub(1)))
        }
        "g" | "r" => significant(size, precision.unwrap_or(6)),
        "s" => {
            let (scaled, unit) = si(size);
            suffix.push_str(unit);
            significant(scaled, precision.unwrap_or(6))
        }
        "x" => format!("{:x}", size as u64),
        "" => match precision {
            Some(p) => significant(size, p),
            None => size.to_string(),
        },
        _ => return None,
    };
    if (trim || rest.is_empty()) && text.contains('.') && !text.contains('e') {
        text = text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    if comma {
        let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
        let whole = whole.parse::<u64>().map_or_else(|_| whole.to_owned(), crate::base::text::thousands);
        text = if decimals.is_empty() { whole } else { format!("{whole}.{decimals}") };
    }
    let sign = match (v < 0.0, plus) {
        (true, _) => "\u{2212}",
        (_, true) => "+",
        _ => "",
    };
    Some(format!("{sign}{}{text}{suffix}", if money { "$" } else { "" }))
}

fn exponent(text: &str) -> String {
    match text.split_once('e') {
        Some((m, e)) if !e.starts_with('-') => format!("{m}e+{e}"),
        Some((m, e)) => format!("{m}e\u{2212}{}", &e[1..]),
        None => text.to_owned(),
    }
}

fn significant(v: f64, digits: usize) -> String {
    if v == 0.0 || !v.is_finite() {
        return v.to_string();
    }
    let power = v.log10().floor() as i32;
    let decimals = (digits.max(1) as i32 - 1 - power).clamp(0, 20) as usize;
    format!("{v:.decimals$}")
}

fn si(v: f64) -> (f64, &'static str) {
    const UNITS: [(f64, &str); 9] = [
        (1e12, "T"),
        (1e9, "G"),
        (1e6, "M"),
        (1e3, "k"),
        (1.0, ""),
        (1e-3, "m"),
        (1e-6, "µ"),
        (1e-9, "n"),
        (1e-12, "p"),
    ];
    if v == 0.0 {
        return (0.0, "");
    }
    UNITS.into_iter().find(|(unit, _)| v >= *unit).map_or((v, ""), |(unit, word)| (v / unit, word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(scale: &Scale, range: [f64; 2], n: usize) -> Vec<String> {
        ticks(scale, range, n, None).into_iter().map(|(_, w)| w).collect()
    }

    #[test]
    fn marks_are_round_numbers() {
        assert_eq!(words(&Scale::Linear, [-8.7, 164.8], 5), ["0", "50", "100", "150"]);
        assert_eq!(words(&Scale::Linear, [-1.0, 1.0], 4), ["\u{2212}1.0", "\u{2212}0.5", "0.0", "0.5", "1.0"]);
        assert_eq!(words(&Scale::Linear, [0.0, 3e6], 3), ["0", "1M", "2M", "3M"]);
        assert_eq!(words(&Scale::Linear, [0.0, 40_000.0], 4), ["0", "10,000", "20,000", "30,000", "40,000"]);
        assert_eq!(words(&Scale::Log, [1.0, 1000.0], 6), ["1", "10", "100", "1000"]);
        assert_eq!(words(&Scale::Linear, [5.0, 5.0], 5), Vec::<String>::new());
        assert_eq!(words(&Scale::Linear, [f64::NAN, 5.0], 5), Vec::<String>::new());
        assert!(ticks(&Scale::Linear, [0.0, f64::MAX], 5, None).len() <= MOST);
    }

    #[test]
    fn times_are_told_as_finely_as_they_change() {
        let day = |d| millis(2026, 1, d, 0.0);
        assert_eq!(words(&Scale::Time, [day(1), day(5)], 5), ["1 Jan\n2026", "2 Jan", "3 Jan", "4 Jan", "5 Jan"]);
        let years = words(&Scale::Time, [millis(1990, 1, 1, 0.0), millis(2026, 1, 1, 0.0)], 5);
        assert_eq!(years, ["1990", "2000", "2010", "2020"]);
        let hours = words(&Scale::Time, [day(1), day(1) + DAY / 4.0], 6);
        assert_eq!(hours[..2], ["00:00\n1 Jan 2026".to_owned(), "01:00".to_owned()]);
        assert_eq!(show_time(day(3) + 90_000.0), "2026-01-03 00:01:30");
    }

    #[test]
    fn formats_of_d3_are_followed() {
        for (v, f, want) in [
            (0.1234, ".1%", "12.3%"),
            (1234.5, "$,.2f", "$1,234.50"),
            (1500.0, "~s", "1.5k"),
            (-3.0, "+d", "\u{2212}3"),
            (3.0, "+d", "+3"),
            (12345.678, ",.0f", "12,346"),
            (0.00012, ".2e", "1.20e\u{2212}4"),
            (42.0, "", "42"),
            (0.5, ".3~f", "0.5"),
        ] {
            assert_eq!(number(v, f).as_deref(), Some(want), "{f}");
        }
        assert_eq!(number(1.0, "?!"), None);
        assert_eq!(strftime(millis(2026, 3, 4, 0.0), "%b %-d, %Y"), "Mar 4, 2026");
    }
}
