//! From a path to a lazy table.
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    sync::Arc,
};

use polars::prelude::*;

use super::{
    csv::{self, Magic},
    exec::explain,
    files::expand,
};
use crate::base::{Error, Result, error::Context, fsx};

/// Columns that must be read as text because a guess of their type failed further down the file.
pub(crate) type Overrides = BTreeMap<PathBuf, Vec<String>>;

/// A table that is not read yet.
#[derive(Clone)]
pub(crate) struct Scan {
    pub lf: LazyFrame,
    pub files: Vec<PathBuf>,
    pub notes: Vec<String>,
    /// The table itself when it was small enough to be read at once.
    pub frame: Option<DataFrame>,
    /// Rows, where the format says so without reading.
    pub rows: Option<u64>,
    /// True for formats in which a page deep in the file costs as much as reading up to it.
    pub slow_seek: bool,
}

const SMALL_BYTES: u64 = 24 << 20;
const JSON_BYTES: u64 = 1 << 30;

/// Opens a path, glob or folder.
pub(crate) fn scan(path: &Path, overrides: &Overrides) -> Result<Scan> {
    let files = expand(path)?;
    let mut parts = files.iter().map(|f| scan_file(f, overrides)).collect::<Result<Vec<_>>>()?;
    if parts.len() == 1
        && let Some(mut only) = parts.pop()
    {
        only.files = files;
        return Ok(only);
    }
    union(parts, files)
}

fn union(mut parts: Vec<Scan>, files: Vec<PathBuf>) -> Result<Scan> {
    let mut all = Schema::default();
    let mut schemas = Vec::new();
    for (part, file) in parts.iter_mut().zip(&files) {
        let what = || format!("Could not read {}", file.display());
        let schema = part.lf.collect_schema().map_err(|e| explain(&what(), &e))?;
        for (name, dtype) in schema.iter() {
            if all.get(name).is_none_or(|known| *known == DataType::Null) {
                all.insert(name.clone(), dtype.clone());
            }
        }
        schemas.push(schema);
    }
    let mut notes: Vec<String> = parts.iter_mut().flat_map(|p| std::mem::take(&mut p.notes)).collect();
    notes.truncate(20);
    let mut missing = 0;
    let frames: Vec<LazyFrame> = parts
        .iter()
        .zip(&schemas)
        .map(|(part, schema)| {
            missing += usize::from(all.iter_names().any(|n| !schema.contains(n)));
            let exprs: Vec<Expr> = all
                .iter()
                .map(|(name, dtype)| {
                    let missing = || lit(NULL).cast(dtype.clone()).alias(name.clone());
                    if schema.contains(name) { col(name.clone()) } else { missing() }
                })
                .collect();
            part.lf.clone().select(exprs)
        })
        .collect();
    if missing > 0 {
        notes.push(format!("{missing} of {} files lack some columns: they are null there", files.len()));
    }
    let args = UnionArgs { to_supertypes: true, maintain_order: true, ..UnionArgs::default() };
    let lf = concat(frames, args).map_err(|e| explain("The files do not fit together", &e))?;
    let rows = parts.iter().map(|p| p.rows).sum();
    let slow_seek = parts.iter().any(|p| p.slow_seek);
    Ok(Scan { lf, files, notes, frame: None, rows, slow_seek })
}

fn scan_file(path: &Path, overrides: &Overrides) -> Result<Scan> {
    let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    let what = || format!("Could not read {}", path.display());
    let mut notes = Vec::new();
    let found = csv::magic(path)?;
    let renamed = |as_what: &str| vec![format!("The file is named .{ending} but is {as_what}: read as that")];
    match found {
        Magic::Empty => return Err(csv::empty(path)),
        Magic::Binary(is) => {
            return Err(Error::user(format!("{} is not a table: it is {is}", path.display()))
                .hint("Andon opens CSV, TSV, Parquet, JSON, NDJSON and Arrow files"));
        }
        Magic::Parquet => {
            if !matches!(ending.as_str(), "parquet" | "pq") {
                notes = renamed("Parquet");
            }
            return scan_parquet(path, notes);
        }
        Magic::Arrow => {
            if !matches!(ending.as_str(), "arrow" | "ipc" | "feather") {
                notes = renamed("Arrow");
            }
            let lf = LazyFrame::scan_ipc(pl_path(path)?, IpcScanOptions::default(), UnifiedScanArgs::default())
                .map_err(|e| explain(&what(), &e))?;
            return Ok(Scan { lf, files: Vec::new(), notes, frame: None, rows: None, slow_seek: false });
        }
        Magic::Text => {}
    }
    match ending.as_str() {
        "parquet" | "pq" => Err(Error::user(format!("{} is not a Parquet file", path.display()))
            .because_of("it does not begin with the mark PAR1")),
        "arrow" | "ipc" | "feather" => Err(Error::user(format!("{} is not an Arrow file", path.display()))
            .because_of("it does not begin with the mark ARROW1 (Arrow streams are not supported yet)")),
        "json" | "ndjson" | "jsonl" => scan_json(path),
        _ => scan_csv(path, overrides.get(path).map_or(&[][..], Vec::as_slice)),
    }
}

fn pl_path(path: &Path) -> Result<PlRefPath> {
    PlRefPath::try_from_path(path)
        .map_err(|e| explain(&format!("{} is not a path the engine can read", path.display()), &e))
}

fn scan_parquet(path: &Path, notes: Vec<String>) -> Result<Scan> {
    let what = || format!("Could not read {}", path.display());
    let file = File::open(path).io(what)?;
    let rows = ParquetReader::new(file).num_rows().map_err(|e| {
        explain(&what(), &e).hint("The file may be cut off: a Parquet file ends with its table of contents")
    })?;
    let args = ScanArgsParquet { glob: false, ..ScanArgsParquet::default() };
    let lf = LazyFrame::scan_parquet(pl_path(path)?, args).map_err(|e| explain(&what(), &e))?;
    Ok(Scan { lf, files: Vec::new(), notes, frame: None, rows: Some(rows as u64), slow_seek: false })
}

fn of_frame(frame: DataFrame, notes: Vec<String>) -> Scan {
    let rows = Some(frame.height() as u64);
    Scan { lf: frame.clone().lazy(), files: Vec::new(), notes, frame: Some(frame), rows, slow_seek: false }
}

fn scan_json(path: &Path) -> Result<Scan> {
    let what = || format!("Could not read {}", path.display());
    let bytes = path.metadata().io(what)?.len();
    let file = File::open(path).io(what)?;
    let mut head = String::new();
    BufReader::new(&file).take_text(&mut head);
    let first = head.trim_start_matches(['\u{feff}', ' ', '\n', '\r', '\t']).chars().next();
    if first == Some('[') {
        if bytes > JSON_BYTES {
            return Err(Error::user(format!("{} is too large for a single JSON array", path.display()))
                .hint("Write one object per line (NDJSON) instead"));
        }
        let text = fsx::read(path)?;
        let frame = JsonReader::new(std::io::Cursor::new(text)).infer_schema_len(None).finish();
        let frame = frame.map_err(|e| explain(&what(), &e).hint("A table in JSON is an array of objects"))?;
        return Ok(of_frame(frame, Vec::new()));
    }
    if first != Some('{') {
        return Err(Error::user(format!("{} is not a table in JSON", path.display()))
            .hint("A table is an array of objects, or one object per line"));
    }
    let schema_rows = if bytes <= SMALL_BYTES { None } else { std::num::NonZeroUsize::new(10_000) };
    let lf = LazyJsonLineReader::new(pl_path(path)?)
        .with_infer_schema_length(schema_rows)
        .finish()
        .map_err(|e| explain(&what(), &e).hint("A table is an array of objects, or one object per line"))?;
    Ok(Scan { lf, files: Vec::new(), notes: Vec::new(), frame: None, rows: None, slow_seek: true })
}

trait TakeText {
    fn take_text(self, into: &mut String);
}

impl<R: BufRead> TakeText for R {
    fn take_text(mut self, into: &mut String) {
        if let Ok(bytes) = self.fill_buf() {
            into.push_str(&String::from_utf8_lossy(&bytes[..bytes.len().min(4096)]));
        }
    }
}

fn scan_csv(path: &Path, as_text: &[String]) -> Result<Scan> {
    let bytes = path.metadata().io(|| format!("Could not read {}", path.display()))?.len();
    if bytes <= csv::TOLERANT_BYTES {
        let mut notes = Vec::new();
        let frame = csv::read_tolerant(path, &mut notes)?;
        return Ok(of_frame(frame, notes));
    }
    let dialect = csv::sniff(path)?;
    let mut notes: Vec<String> = as_text
        .iter()
        .map(|c| format!("{c} is text because a value far down the file does not fit the type"))
        .collect();
    if dialect.ragged {
        notes.push("Rows differ in length: missing fields are null, fields beyond the header are left out".to_owned());
    }
    if !dialect.utf8 {
        notes.push("Not UTF-8: characters that cannot be read are shown as \u{fffd}".to_owned());
    }
    let fixed = |c: &String| Field::new(PlSmallStr::from_str(c), DataType::String);
    let overwrite = (!as_text.is_empty()).then(|| Arc::new(as_text.iter().map(fixed).collect::<Schema>()));
    let lf = LazyCsvReader::new(pl_path(path)?)
        .with_glob(false)
        .with_separator(dialect.separator)
        .with_quote_char(dialect.quote.then_some(b'"'))
        .with_has_header(dialect.header)
        .with_decimal_comma(dialect.decimal_comma)
        .with_comment_prefix(dialect.comment.then(|| PlSmallStr::from_static("#")))
        .with_truncate_ragged_lines(true)
        .with_missing_is_null(true)
        .with_try_parse_dates(true)
        .with_infer_schema_length(Some(20_000))
        .with_encoding(if dialect.utf8 { CsvEncoding::Utf8 } else { CsvEncoding::LossyUtf8 })
        .with_dtype_overwrite(overwrite)
        .finish()
        .map_err(|e| explain(&format!("Could not read {}", path.display()), &e))?;
    Ok(Scan { lf, files: Vec::new(), notes, frame: None, rows: None, slow_seek: true })
}

/// The column whose guessed type a value did not fit, out of the engine's message.
pub(crate) fn misfit_column(error: &PolarsError) -> Option<String> {
    let text = error.to_string();
    text.contains("could not parse").then_some(())?;
    let rest = text.split_once("at column '")?.1;
    Some(rest.split_once("' (column number")?.0.to_owned())
}
