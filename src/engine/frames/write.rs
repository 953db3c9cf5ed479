//! Writing a frame to any format, in one step: a file is whole or not there.
use std::{fs::File, path::Path};

use polars::prelude::*;

use super::exec::explain;
use crate::base::{Error, Result, error::Context};

/// Writes by the ending of the name: csv, tsv, parquet, json, ndjson, jsonl, arrow, ipc, feather.
pub(crate) fn write_frame(frame: &DataFrame, path: &Path) -> Result<()> {
    let what = || format!("Could not write {}", path.display());
    let dir = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(dir).io(what)?;
    let temp = tempfile::Builder::new().prefix(".andon-").suffix(".tmp").tempfile_in(dir).io(what)?;
    let file = temp.reopen().io(what)?;
    encode(&mut frame.clone(), file, path).map_err(|e| match e {
        Encode::Engine(e) => explain(&what(), &e),
        Encode::Unknown(ending) => Error::user(what())
            .because_of(format!("the ending .{ending} names no format"))
            .hint("Use .parquet, .csv, .tsv, .json, .ndjson or .arrow"),
    })?;
    temp.as_file().sync_all().io(what)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(temp.path(), std::fs::Permissions::from_mode(0o644)).io(what)?;
    }
    temp.persist(path).map_err(|e| Error::io(what()).because(&e.error))?;
    Ok(())
}

enum Encode {
    Engine(PolarsError),
    Unknown(String),
}

impl From<PolarsError> for Encode {
    fn from(e: PolarsError) -> Self {
        Self::Engine(e)
    }
}

fn encode(frame: &mut DataFrame, file: File, path: &Path) -> Result<(), Encode> {
    let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    match ending.as_str() {
        "parquet" | "pq" => {
            ParquetWriter::new(file).with_compression(ParquetCompression::Snappy).finish(frame)?;
        }
        "csv" => CsvWriter::new(file).finish(frame)?,
        "tsv" => CsvWriter::new(file).with_separator(b'\t').finish(frame)?,
        "json" => JsonWriter::new(file).with_json_format(JsonFormat::Json).finish(frame)?,
        "ndjson" | "jsonl" => JsonWriter::new(file).with_json_format(JsonFormat::JsonLines).finish(frame)?,
        "arrow" | "ipc" | "feather" => IpcWriter::new(file).with_compat_level(CompatLevel::oldest()).finish(frame)?,
        _ => return Err(Encode::Unknown(ending)),
    }
    Ok(())
}
