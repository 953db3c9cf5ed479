//! Reading delimited text that nobody promised to be clean: own sniffer, own tolerant reader for small files.
//!
//! The tolerant reader looks at every value before it settles a column's type, so a wrong guess cannot abort it, and
//! it keeps every field of every row: fields beyond the header go to `extra_1`, `extra_2`, … and are counted.
use std::{borrow::Cow, fs::File, io::Read, path::Path};

use polars::prelude::*;

use crate::base::{Error, Result, error::Context, text};

/// Files up to this size are read by the tolerant reader, larger ones by the engine's.
pub(super) const TOLERANT_BYTES: u64 = 24 << 20;
const SAMPLE_BYTES: u64 = 256 << 10;
const MISSING: [&str; 7] = ["NA", "N/A", "null", "NULL", "None", "#N/A", "-"];

/// How a delimited file is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub separator: u8,
    pub quote: bool,
    pub header: bool,
    pub decimal_comma: bool,
    pub comment: bool,
    /// Rows of the sample have different numbers of fields.
    pub ragged: bool,
    pub utf8: bool,
}

/// What the first bytes of a file say it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Magic {
    Parquet,
    Arrow,
    Text,
    Empty,
    Binary(&'static str),
}

/// Looks at the first bytes.
pub(super) fn magic(path: &Path) -> Result<Magic> {
    let head = sample(path, 4096)?;
    let known: [(&[u8], &str); 7] = [
        (b"\x1f\x8b", "a gzip archive"),
        (b"PK\x03\x04", "a zip archive (an Excel file is one)"),
        (b"\x28\xb5\x2f\xfd", "a zstd archive"),
        (b"\x89PNG", "a PNG image"),
        (b"%PDF", "a PDF document"),
        (b"SQLite format 3", "an SQLite database"),
        (b"\xd0\xcf\x11\xe0", "an old Excel file"),
    ];
    Ok(if head.is_empty() {
        Magic::Empty
    } else if head.starts_with(b"PAR1") {
        Magic::Parquet
    } else if head.starts_with(b"ARROW1") {
        Magic::Arrow
    } else if let Some((_, name)) = known.iter().find(|(m, _)| head.starts_with(m)) {
        Magic::Binary(name)
    } else if head.contains(&0) && !has_utf16_mark(&head) {
        Magic::Binary("a binary file")
    } else {
        Magic::Text
    })
}

fn has_utf16_mark(head: &[u8]) -> bool {
    head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff])
}

fn sample(path: &Path, bytes: u64) -> Result<Vec<u8>> {
    let mut head = Vec::new();
    let file = File::open(path).io(|| format!("Could not open {}", path.display()))?;
    file.take(bytes).read_to_end(&mut head).io(|| format!("Could not read {}", path.display()))?;
    Ok(head)
}

/// Text of any common encoding: UTF-8 with or without mark, UTF-16 with mark, else Windows-1252 byte by byte.
fn decode(bytes: Vec<u8>, notes: &mut Vec<String>) -> String {
    if has_utf16_mark(&bytes) {
        let little = bytes[0] == 0xff;
        let pair = |c: &[u8]| if little { u16::from_le_bytes([c[0], c[1]]) } else { u16::from_be_bytes([c[0], c[1]]) };
        let units: Vec<u16> = bytes[2..].chunks_exact(2).map(pair).collect();
        notes.push("Read as UTF-16".to_owned());
        return String::from_utf16_lossy(&units);
    }
    match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(e) => {
            notes.push("Not UTF-8: read as Windows-1252".to_owned());
            e.as_bytes().iter().map(|b| windows_1252(*b)).collect()
        }
    }
}

fn windows_1252(byte: u8) -> char {
    const HIGH: [char; 32] = [
        '\u{20ac}', '\u{fffd}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}', '\u{2c6}',
        '\u{2030}', '\u{160}', '\u{2039}', '\u{152}', '\u{fffd}', '\u{17d}', '\u{fffd}', '\u{fffd}', '\u{2018}',
        '\u{2019}', '\u{201c}', '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}', '\u{2dc}', '\u{2122}', '\u{161}',
        '\u{203a}', '\u{153}', '\u{fffd}', '\u{17e}', '\u{178}',
    ];
    match byte {
        0x80..=0x9f => HIGH[usize::from(byte - 0x80)],
        b => char::from(b),
    }
}

/// Guesses the dialect from the first 256 kB.
pub(crate) fn sniff(path: &Path) -> Result<Dialect> {
    let bytes = sample(path, SAMPLE_BYTES)?;
    let whole = (bytes.len() as u64) < SAMPLE_BYTES;
    // A character cut in two at the end of the sample is no sign of another encoding.
    let utf8 = match std::str::from_utf8(&bytes) {
        Ok(_) => true,
        Err(e) => !whole && e.error_len().is_none(),
    };
    let mut text = if utf8 { String::from_utf8_lossy(&bytes).into_owned() } else { decode(bytes, &mut Vec::new()) };
    if !whole && let Some(end) = text.rfind('\n') {
        text.truncate(end);
    }
    let tabs = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("tsv"));
    let found = dialect_of(text.strip_prefix('\u{feff}').unwrap_or(&text), tabs);
    // The sample may end inside quotes; only a whole file can say that a quote never closes.
    Ok(Dialect { utf8, quote: found.quote || !whole, ..found })
}

fn dialect_of(text: &str, prefer_tab: bool) -> Dialect {
    let comment = text.trim_start().starts_with('#');
    let score = |separator: u8| {
        let records = parse(text, separator, true, comment).records;
        let mut counts: Vec<usize> = records.iter().take(500).map(Vec::len).collect();
        counts.sort_unstable();
        let mode = counts.chunk_by(|a, b| a == b).max_by_key(|c| (c.len(), c[0])).map_or((0, 0), |c| (c[0], c.len()));
        let share = mode.1 as f64 / counts.len().max(1) as f64;
        // Agreement counts most; among equals the finer cut wins; one column is no cut at all.
        if mode.0 < 2 { 0.0 } else { share + (mode.0 as f64).min(50.0) / 200.0 }
    };
    let candidates = if prefer_tab { *b"\t,;|" } else { *b",;\t|" };
    let mut best = (candidates[0], 0.0);
    for separator in candidates {
        let score = score(separator);
        if score > best.1 + 1e-9 {
            best = (separator, score);
        }
    }
    let separator = best.0;
    let parsed = parse(text, separator, true, comment);
    let quote = parsed.unclosed.is_none();
    let records = if quote { parsed.records } else { parse(text, separator, false, comment).records };
    let width = records.first().map_or(0, Vec::len);
    let body = || records.iter().skip(1).take(200).flatten().map(|f| f.text.trim());
    let commas = body().filter(|t| is_number(t, b',') && t.contains(',')).count();
    let dots = body().filter(|t| is_number(t, b'.') && t.contains('.')).count();
    let decimal_comma = separator != b',' && commas > 0 && commas > dots;
    Dialect {
        separator,
        quote,
        header: looks_like_header(&records, decimal_comma),
        decimal_comma,
        comment,
        ragged: records.iter().any(|r| r.len() != width),
        utf8: true,
    }
}

/// A first row is a header unless a column that is numbers all the way has a number there too.
fn looks_like_header(records: &[Vec<Field<'_>>], decimal_comma: bool) -> bool {
    let Some((first, rest)) = records.split_first() else { return true };
    if rest.is_empty() {
        return !first.iter().any(|f| any_number(f.text.trim(), decimal_comma));
    }
    !first.iter().enumerate().any(|(i, field)| {
        let mut below = rest.iter().take(100).filter_map(|r| r.get(i)).map(|f| f.text.trim()).filter(|t| !t.is_empty());
        any_number(field.text.trim(), decimal_comma) && below.all(|t| any_number(t, decimal_comma))
    })
}

fn any_number(text: &str, decimal_comma: bool) -> bool {
    is_number(text, if decimal_comma { b',' } else { b'.' })
}

fn is_number(text: &str, mark: u8) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    !digits.is_empty()
        && digits.bytes().any(|b| b.is_ascii_digit())
        && digits.bytes().all(|b| b.is_ascii_digit() || b == mark || matches!(b, b'e' | b'E' | b'-' | b'+'))
        && digits.bytes().filter(|b| *b == mark).count() <= 1
        && to_float(text, mark == b',').is_some()
}

fn to_float(text: &str, decimal_comma: bool) -> Option<f64> {
    if decimal_comma { text.replacen(',', ".", 1).parse().ok() } else { text.parse().ok() }
}

/// A field and whether it was quoted: a quoted empty field is a text, an empty one is missing.
#[derive(Debug, Clone, PartialEq)]
struct Field<'a> {
    text: Cow<'a, str>,
    quoted: bool,
}

struct Parsed<'a> {
    records: Vec<Vec<Field<'a>>>,
    /// Line on which a quote opens that never closes.
    unclosed: Option<usize>,
}

fn parse(text: &str, separator: u8, quotes: bool, comment: bool) -> Parsed<'_> {
    let bytes = text.as_bytes();
    let mut out = Parsed { records: Vec::new(), unclosed: None };
    let (mut at, mut line) = (0, 1);
    while at < bytes.len() {
        if comment && bytes[at] == b'#' {
            at = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |n| at + n + 1);
            line += 1;
            continue;
        }
        let mut record = Vec::new();
        loop {
            if quotes && bytes.get(at) == Some(&b'"') {
                let (field, end) = quoted_field(text, at);
                let Some(end) = end else {
                    out.unclosed.get_or_insert(line);
                    return out;
                };
                line += memchr::memchr_iter(b'\n', &bytes[at..end]).count();
                // What follows a closing quote up to the separator is kept as it is.
                let stop = field_end(bytes, end, separator);
                let tail = text[end..stop].trim_end_matches('\r');
                let text = if tail.trim().is_empty() { field } else { Cow::Owned(format!("{field}{tail}")) };
                record.push(Field { text, quoted: true });
                at = stop;
            } else {
                let stop = field_end(bytes, at, separator);
                let end = if bytes.get(stop) != Some(&separator) && stop > at && bytes[stop - 1] == b'\r' {
                    stop - 1
                } else {
                    stop
                };
                record.push(Field { text: Cow::Borrowed(&text[at..end]), quoted: false });
                at = stop;
            }
            if bytes.get(at) != Some(&separator) {
                break;
            }
            at += 1;
        }
        at += 1;
        line += 1;
        let blank = record.len() == 1 && record[0].text.trim().is_empty() && !record[0].quoted;
        if !blank {
            out.records.push(record);
        }
    }
    out
}

fn field_end(bytes: &[u8], from: usize, separator: u8) -> usize {
    memchr::memchr2(separator, b'\n', &bytes[from..]).map_or(bytes.len(), |n| from + n)
}

fn quoted_field(text: &str, open: usize) -> (Cow<'_, str>, Option<usize>) {
    let bytes = text.as_bytes();
    let (mut at, mut doubled) = (open + 1, false);
    while let Some(n) = memchr::memchr(b'"', &bytes[at..]) {
        let quote = at + n;
        if bytes.get(quote + 1) == Some(&b'"') {
            doubled = true;
            at = quote + 2;
            continue;
        }
        let inner = &text[open + 1..quote];
        let inner = if doubled { Cow::Owned(inner.replace("\"\"", "\"")) } else { Cow::Borrowed(inner) };
        return (inner, Some(quote + 1));
    }
    (Cow::Borrowed(""), None)
}

/// Reads a whole file, every value looked at; notes say what was unusual.
pub(super) fn read_tolerant(path: &Path, notes: &mut Vec<String>) -> Result<DataFrame> {
    let dialect = sniff(path)?;
    let bytes = crate::base::fsx::read(path)?;
    let text = decode(bytes, notes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut parsed = parse(text, dialect.separator, true, dialect.comment);
    if let Some(line) = parsed.unclosed {
        notes.push(format!("A quote that opens in line {line} never closes: quotes were read as plain characters"));
        parsed = parse(text, dialect.separator, false, dialect.comment);
    }
    let mut records = parsed.records;
    if records.is_empty() {
        return Err(empty(path));
    }
    let head: Vec<String> = if dialect.header {
        records.remove(0).iter().map(|f| f.text.trim().to_owned()).collect()
    } else {
        notes.push("No header row was found: columns are numbered".to_owned());
        Vec::new()
    };
    let width = records.iter().map(Vec::len).max().unwrap_or(0).max(head.len());
    let expected = if head.is_empty() { width } else { head.len() };
    let long = records.iter().filter(|r| r.len() > expected).count();
    let short = records.iter().filter(|r| r.len() < expected).count();
    if long > 0 {
        notes.push(format!(
            "{} longer than the header: the rest is in {}",
            rows_are(long),
            if width - expected == 1 { "extra_1".to_owned() } else { format!("extra_1 to extra_{}", width - expected) }
        ));
    }
    if short > 0 {
        notes.push(format!("{} shorter than the header: missing fields are null", rows_are(short)));
    }
    let names = names(head, width);
    let columns = names.into_iter().enumerate().map(|(i, name)| {
        let values: Vec<Option<&Field<'_>>> = records.iter().map(|r| r.get(i)).collect();
        column(name, &values, dialect.decimal_comma, notes)
    });
    let columns: Vec<Column> = columns.collect();
    DataFrame::new(records.len(), columns).map_err(|e| super::exec::explain("Could not build the table", &e))
}

fn rows_are(n: usize) -> String {
    if n == 1 { "1 row is".to_owned() } else { format!("{} rows are", text::thousands(n as u64)) }
}

/// The error for a file without a single row.
pub(super) fn empty(path: &Path) -> Error {
    Error::user(format!("{} is empty", path.display())).hint("A table needs at least a header row")
}

/// Unique, non-empty names: `a`, `a_2`, `column_3`, `extra_1`.
fn names(head: Vec<String>, width: usize) -> Vec<String> {
    let known = head.len();
    let mut out: Vec<String> = Vec::with_capacity(width);
    for i in 0..width {
        let base = match head.get(i) {
            Some(name) if !name.is_empty() => name.clone(),
            _ if known > 0 && i >= known => format!("extra_{}", i - known + 1),
            _ => format!("column_{}", i + 1),
        };
        let mut name = base.clone();
        let mut n = 2;
        while out.contains(&name) {
            name = format!("{base}_{n}");
            n += 1;
        }
        out.push(name);
    }
    out
}

type Values<'a, 'b> = [Option<&'a Field<'b>>];

fn column(name: String, values: &Values<'_, '_>, decimal_comma: bool, notes: &mut Vec<String>) -> Column {
    let present = |f: &&Field<'_>| f.quoted || !f.text.is_empty();
    let texts: Vec<Option<&str>> = values.iter().map(|v| v.filter(present).map(|f| &*f.text)).collect();
    let name = PlSmallStr::from_string(name);
    if let Some(column) = typed(&name, &texts, decimal_comma) {
        return column;
    }
    // Words such as NA in a column of numbers or dates mean missing; in a column of text they are text.
    let marked = texts.iter().flatten().filter(|t| MISSING.contains(t)).count();
    if marked > 0 {
        let cleaned: Vec<Option<&str>> = texts.iter().map(|t| t.filter(|t| !MISSING.contains(t))).collect();
        if cleaned.iter().flatten().next().is_some()
            && let Some(column) = typed(&name, &cleaned, decimal_comma)
        {
            let word = texts.iter().flatten().find(|t| MISSING.contains(t)).copied().unwrap_or("NA");
            notes.push(format!("{name}: {} such as \"{word}\" read as null", text::count(marked as u64, "value")));
            return column;
        }
    }
    let numbers = texts.iter().flatten().filter(|t| any_number(t, decimal_comma)).count();
    let all = texts.iter().flatten().count();
    if numbers * 10 >= all * 9 && numbers < all {
        let odd = texts.iter().flatten().find(|t| !any_number(t, decimal_comma)).copied().unwrap_or_default();
        notes.push(format!(
            "{name} is text because {} no number, such as \"{}\"",
            are(all - numbers),
            text::shorten(odd, 24)
        ));
    }
    Column::from(Series::new(name, texts))
}

fn are(n: usize) -> String {
    if n == 1 { "1 value is".to_owned() } else { format!("{} values are", text::thousands(n as u64)) }
}

fn typed(name: &PlSmallStr, texts: &[Option<&str>], decimal_comma: bool) -> Option<Column> {
    let first = texts.iter().flatten().next()?;
    let name = name.clone();
    if let Some(values) = all(texts, |t| to_int(t.trim())) {
        return Some(Column::from(Series::new(name, values)));
    }
    let plain = |t: &str| (any_number(t, decimal_comma) && !leading_zero(t)).then(|| to_float(t, decimal_comma))?;
    let float = |t: &str| plain(t.trim()).or_else(|| special_float(t.trim()));
    // A column of digits that does not fit 64 bits is a column of identifiers, not of rounded floats.
    let digits = |t: &&str| t.len() > 15 && t.bytes().all(|b| b.is_ascii_digit());
    if !texts.iter().flatten().any(digits)
        && let Some(values) = all(texts, float)
    {
        return Some(Column::from(Series::new(name, values)));
    }
    if let Some(values) = all(texts, |t| to_bool(t.trim())) {
        return Some(Column::from(Series::new(name, values)));
    }
    if !first.trim().starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if let Some(days) = all(texts, |t| to_days(t.trim())) {
        return Series::new(name, days).cast(&DataType::Date).ok().map(Column::from);
    }
    if let Some(micros) = all(texts, |t| to_micros(t.trim())) {
        let dtype = DataType::Datetime(TimeUnit::Microseconds, None);
        return Series::new(name, micros).cast(&dtype).ok().map(Column::from);
    }
    let micros = all(texts, |t| t.trim().parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond))?;
    let dtype = DataType::Datetime(TimeUnit::Microseconds, TimeZone::opt_try_new(Some("UTC")).ok()?);
    Series::new(name, micros).cast(&dtype).ok().map(Column::from)
}

fn all<T>(texts: &[Option<&str>], read: impl Fn(&str) -> Option<T>) -> Option<Vec<Option<T>>> {
    texts.iter().map(|t| t.map_or(Some(None), |t| read(t).map(Some))).collect()
}

fn leading_zero(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    digits.len() > 1 && digits.starts_with('0') && digits.as_bytes()[1].is_ascii_digit()
}

fn to_int(text: &str) -> Option<i64> {
    if leading_zero(text) { None } else { text.parse().ok() }
}

fn special_float(text: &str) -> Option<f64> {
    match text {
        "NaN" | "nan" => Some(f64::NAN),
        "inf" | "Inf" | "Infinity" => Some(f64::INFINITY),
        "-inf" | "-Inf" | "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

fn to_bool(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

fn to_days(text: &str) -> Option<i32> {
    let b = text.as_bytes();
    (b.len() == 10 && b[4] == b'-' && b[7] == b'-').then_some(())?;
    let date: jiff::civil::Date = text.parse().ok()?;
    i32::try_from(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second().div_euclid(86_400)).ok()
}

fn to_micros(text: &str) -> Option<i64> {
    let b = text.as_bytes();
    (b.len() >= 16 && b[4] == b'-' && b[7] == b'-' && matches!(b[10], b' ' | b'T') && b[13] == b':').then_some(())?;
    (!text.ends_with('Z') && !text[16..].contains(['+', '-', '['])).then_some(())?;
    let at: jiff::civil::DateTime = text.parse().ok()?;
    Some(at.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> (DataFrame, Vec<String>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        std::fs::write(&path, bytes).unwrap();
        let mut notes = Vec::new();
        (read_tolerant(&path, &mut notes).unwrap(), notes)
    }

    fn dtypes(frame: &DataFrame) -> Vec<String> {
        frame.columns().iter().map(|c| c.dtype().to_string()).collect()
    }

    #[test]
    fn every_row_of_a_messy_file_is_kept() {
        let (frame, notes) = read(
            "\u{feff}id;name;amount;name\n1;Ann;1,50;x\n2;\"Bo\nb\";2,25;y\n3;short\n4;Dee;4,00;z;left;over\n\n"
                .as_bytes(),
        );
        assert_eq!(frame.shape(), (4, 6));
        let names: Vec<_> = frame.get_column_names().iter().map(|n| n.to_string()).collect();
        assert_eq!(names, ["id", "name", "amount", "name_2", "extra_1", "extra_2"]);
        assert_eq!(dtypes(&frame)[..3], ["i64", "str", "f64"]);
        assert_eq!(notes.len(), 2, "{notes:?}");
    }

    #[test]
    fn types_are_settled_by_all_values() {
        let (frame, notes) =
            read(b"zip,when,flag,n,late\n007,2026-11-16 05:40,true,1,NA\n012,2026-11-17 06:00:01,false,2.5,7\n");
        assert_eq!(dtypes(&frame), ["str", "datetime[\u{3bc}s]", "bool", "f64", "i64"]);
        assert_eq!(notes, ["late: 1 value such as \"NA\" read as null"]);
    }

    #[test]
    fn quotes_headers_and_encodings() {
        let (frame, notes) = read(b"a,b\n1,say \"hi\"\n2,\"open\n");
        assert_eq!(frame.height(), 2, "{notes:?}");
        assert!(notes[0].contains("line 3"), "{notes:?}");
        let (frame, _) = read(b"1,2\n3,4\n");
        assert_eq!((frame.height(), frame.get_column_names()[0].as_str()), (2, "column_1"));
        let (frame, notes) = read(b"stra\xdfe\nM\xfcller\n");
        assert_eq!(frame.get_column_names()[0].as_str(), "stra\u{df}e");
        assert!(notes[0].contains("Windows-1252"));
        let (frame, _) = read(b"\xff\xfea\x00\n\x001\x00\n\x00");
        assert_eq!(dtypes(&frame), ["i64"]);
    }

    #[test]
    fn identifiers_longer_than_64_bits_stay_text() {
        let (frame, _) = read(b"id,x\n99999999999999999999,1\n1,2\n");
        assert_eq!(dtypes(&frame), ["str", "i64"]);
    }
}
