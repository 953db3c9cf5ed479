//! Looking things up in a figure: what it says itself before what its template says, and columns of values.
use std::sync::Arc;

use base64::Engine as _;
use serde_json::Value;

use crate::model::chart::{civil, figure::Values};

use super::thin::MOST_READ;

/// Words beyond this many in one column, and cells of a grid, are left out.
pub const MOST_VALUES: usize = 2_000_000;
static NULL: Value = Value::Null;

/// An object with the template's under it.
#[derive(Debug, Clone, Copy)]
pub struct Spec<'a> {
    own: &'a Value,
    base: &'a Value,
    /// Values of its columns that are looked at.
    kept: Option<&'a [u32]>,
}

impl<'a> Spec<'a> {
    /// The template's part alone.
    pub fn base_value(&self) -> Option<&'a Value> {
        Some(self.base).filter(|v| !v.is_null())
    }
    pub fn new(own: &'a Value, base: Option<&'a Value>) -> Self {
        Self { own, base: base.unwrap_or(&NULL), kept: None }
    }
    /// The same with only these values of its columns.
    pub fn thinned(self, kept: Option<&'a [u32]>) -> Self {
        Self { kept, ..self }
    }
    /// The place in its column of value `i` of those that are looked at.
    pub fn place(&self, i: usize) -> usize {
        self.kept.map_or(i, |kept| kept.get(i).map_or(i, |at| *at as usize))
    }
    /// True where some values are not looked at.
    pub fn is_thinned(&self) -> bool {
        self.kept.is_some()
    }
    /// Those of a list that are looked at.
    pub fn of_list(&self, list: &'a [Value]) -> impl Iterator<Item = &'a Value> {
        let n = self.kept.map_or(list.len(), <[u32]>::len).min(MOST_VALUES);
        let this = *self;
        (0..n).map_while(move |i| list.get(this.place(i)))
    }
    /// What a path like `/marker/color` holds.
    pub fn get(&self, path: &str) -> Option<&'a Value> {
        let set = |v: &&Value| !v.is_null();
        self.own.pointer(path).filter(set).or_else(|| self.base.pointer(path).filter(set))
    }
    /// What the figure itself holds there.
    pub fn own(&self, path: &str) -> Option<&'a Value> {
        self.own.pointer(path).filter(|v| !v.is_null())
    }
    /// The same for an object inside.
    pub fn inside(&self, path: &str) -> Spec<'a> {
        let at = |value: &'a Value| value.pointer(path).unwrap_or(&NULL);
        Spec { own: at(self.own), base: at(self.base), kept: self.kept }
    }
    pub fn str(&self, path: &str) -> Option<&'a str> {
        self.get(path)?.as_str()
    }
    pub fn f64(&self, path: &str) -> Option<f64> {
        number(self.get(path)?).filter(|v| v.is_finite())
    }
    pub fn bool(&self, path: &str) -> Option<bool> {
        self.get(path)?.as_bool()
    }
    /// Words of a person, without tags.
    pub fn words(&self, path: &str) -> Option<String> {
        let text = match self.get(path)? {
            Value::String(text) => plain(text),
            Value::Number(n) => n.to_string(),
            _ => return None,
        };
        (!text.trim().is_empty()).then_some(text)
    }
    /// A title, given as `{text}` or as plain words.
    pub fn title(&self, path: &str) -> String {
        self.words(&format!("{path}/text")).or_else(|| self.words(path)).unwrap_or_default()
    }
    /// Two numbers.
    pub fn pair(&self, path: &str) -> Option<[f64; 2]> {
        let column = Column::read(self.get(path)?)?;
        (column.len() == 2).then(|| [column.number(0), column.number(1)])
    }
    /// A number, or the instant words say.
    pub fn column_or_number(&self, path: &str) -> Option<f64> {
        match self.get(path)? {
            Value::String(s) => Some(s.parse().unwrap_or_else(|_| time(s))).filter(|v: &f64| v.is_finite()),
            v => v.as_f64(),
        }
    }
    pub fn column(&self, path: &str) -> Option<Column> {
        self.get(path).and_then(|value| Column::read_of(value, self.kept))
    }
}

/// How many values a column has, without reading them.
pub fn length(value: &Value) -> usize {
    match value {
        Value::Array(list) => list.len(),
        Value::Object(map) => {
            let text = |key: &str| map.get(key).and_then(Value::as_str).unwrap_or_default();
            let width = match text("dtype").trim_start_matches(['<', '|']) {
                "i1" | "int8" | "u1" | "uint8" | "u1c" | "uint8c" => 1,
                "i2" | "int16" | "u2" | "uint16" => 2,
                "i4" | "int32" | "u4" | "uint32" | "f4" | "float32" => 4,
                _ => 8,
            };
            text("bdata").trim().trim_end_matches('=').len() * 3 / 4 / width
        }
        _ => 0,
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(n) => n.as_f64(),
        Value::String(s) => s.trim().parse().ok(),
        _ => None,
    }
}

/// Words without plotly's tags and entities; `<br>` ends a line.
pub fn plain(text: &str) -> String {
    let text: String = text.chars().take(4000).collect();
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find(['<', '&']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with('<') {
            let close = rest.find('>');
            let name: String =
                rest[1..].trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
            match (close, name.to_ascii_lowercase().as_str()) {
                (Some(end), "br") => {
                    out.push('\n');
                    rest = &rest[end + 1..];
                }
                (Some(end), "b" | "i" | "em" | "strong" | "sub" | "sup" | "a" | "span" | "u" | "s" | "extra") => {
                    rest = &rest[end + 1..];
                }
                _ => {
                    out.push('<');
                    rest = &rest[1..];
                }
            }
        } else {
            let known =
                [("&lt;", '<'), ("&gt;", '>'), ("&amp;", '&'), ("&quot;", '"'), ("&nbsp;", '\u{a0}'), ("&#39;", '\'')];
            match known.iter().find(|(e, _)| rest.starts_with(e)) {
                Some((entity, c)) => {
                    out.push(*c);
                    rest = &rest[entity.len()..];
                }
                None => {
                    out.push('&');
                    rest = &rest[1..];
                }
            }
        }
    }
    out.push_str(rest);
    out
}

#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    Null,
    Number(f64),
    Word(Arc<str>),
}

/// A column of values, with their shape when they are a matrix.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    Numbers(Vec<f64>),
    Mixed(Vec<Item>),
}

impl Column {
    /// Reads a list or a typed array; a list of two lists of names becomes pairs of names.
    pub fn read(value: &Value) -> Option<Self> {
        Self::read_of(value, None)
    }

    /// The same of these values alone.
    pub fn read_of(value: &Value, kept: Option<&[u32]>) -> Option<Self> {
        match value {
            Value::Object(map) => typed(map, kept).map(|(v, _)| Self::Numbers(v)),
            Value::Array(list) => {
                if let [Value::Array(outer), Value::Array(inner)] = list.as_slice()
                    && !outer.is_empty()
                    && outer.len() == inner.len()
                    && outer.iter().chain(inner).any(Value::is_string)
                {
                    let pair = |(a, b): (&Value, &Value)| Item::Word(format!("{}, {}", show(a), show(b)).into());
                    return Some(Self::Mixed(outer.iter().zip(inner).map(pair).take(MOST_VALUES).collect()));
                }
                Some(match kept {
                    None => Self::list(list.get(..MOST_READ).unwrap_or(list).iter()),
                    Some(kept) => Self::list(kept.iter().filter_map(|i| list.get(*i as usize))),
                })
            }
            _ => None,
        }
    }

    fn list<'a>(list: impl Iterator<Item = &'a Value> + Clone) -> Self {
        if list.clone().all(|v| v.is_number() || v.is_null()) {
            return Self::Numbers(list.map(|v| v.as_f64().unwrap_or(f64::NAN)).collect());
        }
        let items = list.take(MOST_VALUES).map(|v| match v {
            Value::Null => Item::Null,
            Value::Number(n) => Item::Number(n.as_f64().unwrap_or(f64::NAN)),
            Value::String(s) => Item::Word(s.as_str().into()),
            other => Item::Word(other.to_string().into()),
        });
        Self::Mixed(items.collect())
    }

    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(v) => v.len(),
            Self::Mixed(v) => v.len(),
        }
    }
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The number at `i`, also from words that are one; `NaN` otherwise.
    pub fn number(&self, i: usize) -> f64 {
        match self {
            Self::Numbers(v) => v.get(i).copied().unwrap_or(f64::NAN),
            Self::Mixed(v) => match v.get(i) {
                Some(Item::Number(n)) => *n,
                Some(Item::Word(w)) => w.trim().parse().unwrap_or(f64::NAN),
                _ => f64::NAN,
            },
        }
    }
    pub fn numbers(&self) -> Vec<f64> {
        match self {
            Self::Numbers(v) => v.clone(),
            Self::Mixed(v) => (0..v.len()).map(|i| self.number(i)).collect(),
        }
    }
    /// The value at `i` as words; nothing for a missing one.
    pub fn word(&self, i: usize) -> Option<Arc<str>> {
        match self {
            Self::Numbers(v) => v.get(i).filter(|v| !v.is_nan()).map(|v| v.to_string().into()),
            Self::Mixed(v) => match v.get(i)? {
                Item::Null => None,
                Item::Number(n) => Some(n.to_string().into()),
                Item::Word(w) => Some(w.clone()),
            },
        }
    }
    pub fn is_missing(&self, i: usize) -> bool {
        match self {
            Self::Numbers(v) => v.get(i).is_none_or(|v| v.is_nan()),
            Self::Mixed(v) => matches!(v.get(i), None | Some(Item::Null)),
        }
    }
    /// Milliseconds at `i`.
    pub fn time(&self, i: usize) -> f64 {
        match self {
            Self::Numbers(v) => v.get(i).copied().unwrap_or(f64::NAN),
            Self::Mixed(v) => match v.get(i) {
                Some(Item::Number(n)) => *n,
                Some(Item::Word(w)) => time(w),
                _ => f64::NAN,
            },
        }
    }
    /// For tooltips and tables.
    pub fn values(&self) -> Values {
        match self {
            Self::Numbers(v) => Values::Numbers(v.clone().into()),
            Self::Mixed(v) => {
                Values::Words((0..v.len()).map(|i| plain(&self.word(i).unwrap_or_default()).into()).collect())
            }
        }
    }
}

/// A date, or a bare year.
pub fn time(word: &str) -> f64 {
    civil::parse(word)
        .or_else(|| {
            let year = word.trim().parse::<i64>().ok().filter(|_| word.trim().len() == 4)?;
            Some(civil::millis(year, 1, 1, 0.0))
        })
        .unwrap_or(f64::NAN)
}

fn show(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A typed array: its values, and rows and columns when it is a matrix.
fn typed(map: &serde_json::Map<String, Value>, kept: Option<&[u32]>) -> Option<(Vec<f64>, Option<[usize; 2]>)> {
    let (data, kind) = (map.get("bdata")?.as_str()?, map.get("dtype")?.as_str()?);
    let bytes = base64::engine::general_purpose::STANDARD.decode(data.trim()).ok()?;
    fn all<const N: usize>(bytes: &[u8], kept: Option<&[u32]>, read: impl Fn([u8; N]) -> f64) -> Vec<f64> {
        let one = |c: &[u8]| c.try_into().map_or(f64::NAN, &read);
        let Some(kept) = kept else { return bytes.chunks_exact(N).take(MOST_READ).map(one).collect() };
        kept.iter().map_while(|i| bytes.get(*i as usize * N..)?.get(..N)).map(one).collect()
    }
    let values = match kind.trim_start_matches(['<', '|']) {
        "i1" | "int8" => all::<1>(&bytes, kept, |b| f64::from(i8::from_le_bytes(b))),
        "u1" | "uint8" | "u1c" | "uint8c" => all::<1>(&bytes, kept, |b| f64::from(b[0])),
        "i2" | "int16" => all::<2>(&bytes, kept, |b| f64::from(i16::from_le_bytes(b))),
        "u2" | "uint16" => all::<2>(&bytes, kept, |b| f64::from(u16::from_le_bytes(b))),
        "i4" | "int32" => all::<4>(&bytes, kept, |b| f64::from(i32::from_le_bytes(b))),
        "u4" | "uint32" => all::<4>(&bytes, kept, |b| f64::from(u32::from_le_bytes(b))),
        "i8" | "int64" => all::<8>(&bytes, kept, |b| i64::from_le_bytes(b) as f64),
        "u8" | "uint64" => all::<8>(&bytes, kept, |b| u64::from_le_bytes(b) as f64),
        "f4" | "float32" => all::<4>(&bytes, kept, |b| f64::from(f32::from_le_bytes(b))),
        "f8" | "float64" => all::<8>(&bytes, kept, f64::from_le_bytes),
        _ => return None,
    };
    let shape = match map.get("shape") {
        Some(Value::String(text)) => {
            let sides: Vec<usize> = text.split(',').filter_map(|s| s.trim().parse().ok()).collect();
            if let [rows, columns] = sides.as_slice() { Some([*rows, *columns]) } else { None }
        }
        _ => None,
    };
    Some((values, shape))
}

/// Numbers in rows of one width; rows that are short end in gaps.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    pub columns: usize,
    pub rows: usize,
    pub values: Vec<f64>,
}

impl Matrix {
    pub fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Object(map) => {
                let (mut values, shape) = typed(map, None)?;
                let [rows, columns] = shape?;
                if rows == 0 || columns == 0 || rows.checked_mul(columns)? > MOST_VALUES {
                    return None;
                }
                values.resize(rows * columns, f64::NAN);
                Some(Self { columns, rows, values })
            }
            Value::Array(list) => {
                let lines: Option<Vec<Vec<f64>>> = list
                    .iter()
                    .map(|line| match line {
                        Value::Array(cells) if cells.iter().any(Value::is_array) => None,
                        line => Column::read(line).map(|c| c.numbers()),
                    })
                    .collect();
                let lines = lines?;
                let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
                if columns == 0 || lines.len().checked_mul(columns)? > MOST_VALUES {
                    return None;
                }
                let rows = lines.len();
                let mut values = Vec::with_capacity(rows * columns);
                for mut line in lines {
                    line.resize(columns, f64::NAN);
                    values.extend(line);
                }
                Some(Self { columns, rows, values })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn typed_arrays_are_decoded() {
        let read = |v: Value| Column::read(&v).map(|c| c.numbers());
        assert_eq!(read(json!({"bdata": "AQID+gU=", "dtype": "u1"})), Some(vec![1.0, 2.0, 3.0, 250.0, 5.0]));
        assert_eq!(read(json!({"bdata": "AQAKAGQA6AM=", "dtype": "i2"})), Some(vec![1.0, 10.0, 100.0, 1000.0]));
        assert_eq!(read(json!({"bdata": "not base64!", "dtype": "u1"})), None);
        assert_eq!(read(json!({"bdata": "AQI=", "dtype": "c64"})), None);
        let z = json!({"bdata": "AAAAAAAAgD8AAABAAABAQAAAgEAAAKBAAADAQAAA4EAAAABBAAAQQQAAIEEAADBB", "dtype": "f4", "shape": "3, 4"});
        let m = Matrix::read(&z).unwrap();
        assert_eq!((m.rows, m.columns, m.values[11]), (3, 4, 11.0));
        let huge = json!({"bdata": "AQI=", "dtype": "u1", "shape": "4000000000, 4000000000"});
        assert_eq!(Matrix::read(&huge), None);
        assert_eq!(Matrix::read(&json!([[[1, 2, 3]]])), None);
    }

    #[test]
    fn words_lose_their_tags_and_nothing_else() {
        assert_eq!(plain("<b>Sales</b><br><i>2026</i> a &lt; b"), "Sales\n2026 a < b");
        assert_eq!(plain("a < b && c > d"), "a < b && c > d");
        assert_eq!(plain("<"), "<");
    }
}
