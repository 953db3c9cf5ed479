//! Times and numbers, however a system writes them.
use jiff::Timestamp;
use serde_json::Value;

/// An instant, to the millisecond that the store keeps, so that what is read again is the same: out of ISO text, seconds as a float, milliseconds or nanoseconds as a number or as text. What is meant
/// follows from the size of the number: seconds until the year 5138 are below 10^11. Zero, -1 and empty are no time.
pub fn time(value: &Value) -> Option<Timestamp> {
    let at = read(value)?;
    Timestamp::from_millisecond(at.as_millisecond()).ok()
}

fn read(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Number(n) => of_number(n.as_f64()?, n.as_i64()),
        Value::String(s) => of_text(s.trim()),
        _ => None,
    }
}

fn of_number(n: f64, whole: Option<i64>) -> Option<Timestamp> {
    if n <= 0.0 || !n.is_finite() {
        return None;
    }
    if n < 1e11 {
        return Timestamp::from_microsecond((n * 1e6).round() as i64).ok();
    }
    if n < 1e14 {
        return Timestamp::from_microsecond((n * 1e3).round() as i64).ok();
    }
    if n < 1e17 {
        return Timestamp::from_microsecond(n as i64).ok();
    }
    // Beyond the year 2200 it is the largest number there is, or none that was meant as a time.
    if n > 7.3e18 {
        return None;
    }
    Timestamp::from_nanosecond(i128::from(whole.unwrap_or(n as i64))).ok()
}

fn of_text(text: &str) -> Option<Timestamp> {
    if text.is_empty() {
        return None;
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    if let Ok(n) = text.parse::<f64>() {
        return of_number(n, text.parse().ok());
    }
    // Spark ends with GMT; some systems leave the zone out and mean UTC.
    let bare = text.strip_suffix("GMT").unwrap_or(text).trim();
    bare.parse::<jiff::civil::DateTime>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|z| z.timestamp())
}

/// A number, also as text. Not-a-number and infinity (which protobuf's JSON writes as words, and `MLflow` as the largest
/// number there is) are no value to plot.
pub fn number(value: &Value) -> Option<f64> {
    let n = match value {
        Value::Number(n) => n.as_f64()?,
        Value::String(s) => s.trim().parse().ok()?,
        Value::Bool(b) => f64::from(u8::from(*b)),
        _ => return None,
    };
    (n.is_finite() && n.abs() < 1.79e308).then_some(n)
}

/// Text under a key; empty text is none.
pub fn word(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).filter(|s| !s.is_empty()).map(str::to_owned)
}

/// An instant under a key.
pub fn time_at(value: &Value, key: &str) -> Option<Timestamp> {
    time(value.get(key)?)
}

/// A whole number under a key, also as text.
pub fn count_at(value: &Value, key: &str) -> Option<u64> {
    let n = number(value.get(key)?)?;
    (n >= 0.0).then_some(n as u64)
}

/// One segment of a path, with everything that could end it or be read as something else escaped.
pub fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for b in text.bytes() {
        if b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'~') || (b == b'.' && !text.starts_with('.')) {
            out.push(char::from(b));
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_instant_is_read_in_every_spelling() {
        let wanted: Timestamp = "2026-11-21T07:32:37.729Z".parse().unwrap();
        for written in [
            json!("2026-11-21T07:32:37.729Z"),
            json!("2026-11-21T08:32:37.729+01:00"),
            json!("2026-11-21T07:32:37.729GMT"),
            json!("2026-11-21T07:32:37.729"),
            json!("2026-11-21 07:32:37.729"),
            json!(1_795_246_357.729),
            json!(1_795_246_357_729_i64),
            json!("1795246357729"),
            json!(1_795_246_357_729_000_i64),
            json!("1795246357729000000"),
        ] {
            assert_eq!(time(&written), Some(wanted), "{written}");
        }
        for none in [json!(null), json!(0), json!(-1), json!(""), json!("soon"), json!(f64::MAX), json!([1])] {
            assert_eq!(time(&none), None, "{none}");
        }
    }

    #[test]
    fn numbers_that_are_none_are_no_values() {
        assert_eq!(number(&json!("6.2e-02")), Some(0.062));
        assert_eq!(number(&json!(true)), Some(1.0));
        for none in
            [json!("NaN"), json!("Infinity"), json!("-Infinity"), json!(1.797_693_134_862_315_7e308), json!("x")]
        {
            assert_eq!(number(&none), None, "{none}");
        }
    }

    #[test]
    fn a_segment_cannot_leave_its_place() {
        assert_eq!(segment("manual__2026-11-21T07:32:37+00:00"), "manual__2026-11-21T07%3A32%3A37%2B00%3A00");
        assert_eq!(segment("a/b?c#d"), "a%2Fb%3Fc%23d");
        assert_eq!(segment(".."), "%2E%2E");
        assert_eq!(segment("quality.measure"), "quality.measure");
    }
}
