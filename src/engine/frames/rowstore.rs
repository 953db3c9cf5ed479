//! A temporary copy of a table laid out by rows, so that any row is one short read. Built once a table has been
//! sorted or filtered; deleted with the last view that uses it.
use std::{
    fs::File,
    io::{BufWriter, Read, Seek, SeekFrom, Write},
    sync::{Arc, Mutex, PoisonError},
};

use polars::prelude::*;

use super::{cells, exec};
use crate::{
    base::{Error, Result, error::Context, job::JobCtx, text},
    model::table::Cell,
};

/// Rows between two known offsets.
const BLOCK: u64 = 32;

/// All rows of a table, in order.
pub(super) struct RowStore {
    file: Mutex<File>,
    /// Where each block of rows begins, and the end.
    offsets: Vec<u64>,
    width: usize,
    _path: tempfile::TempPath,
}

struct Writer {
    out: BufWriter<File>,
    offsets: Vec<u64>,
    at: u64,
    rows: u64,
    buffer: Vec<u8>,
}

impl RowStore {
    /// Copies the table; `rows` is for the progress only.
    pub(super) fn build(lf: LazyFrame, width: usize, rows: u64, cx: &JobCtx) -> Result<Self> {
        let what = || "Could not write the temporary copy for sorting".to_owned();
        let temp = tempfile::Builder::new().prefix("andon-rows-").tempfile().io(what)?;
        let (file, path) = temp.into_parts();
        let read = file.try_clone().io(what)?;
        let writer = Writer {
            out: BufWriter::with_capacity(1 << 20, file),
            offsets: Vec::new(),
            at: 0,
            rows: 0,
            buffer: Vec::new(),
        };
        let writer = Arc::new(Mutex::new(writer));
        let (target, report, cancel) = (writer.clone(), cx.clone(), cx.cancel.clone());
        let written = exec::detach(cx, move || {
            exec::for_each_batch(lf, &cancel, move |batch| {
                let mut writer = target.lock().unwrap_or_else(PoisonError::into_inner);
                writer.take(&batch)?;
                let share = writer.rows as f32 / rows.max(1) as f32;
                report.progress(
                    Some(share),
                    format!("{} of {} rows prepared", text::thousands(writer.rows), text::thousands(rows)),
                );
                Ok(())
            })
        });
        written.map_err(|e| e.into_error(&what()))?;
        let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.out.flush().io(what)?;
        let mut offsets = std::mem::take(&mut writer.offsets);
        offsets.push(writer.at);
        Ok(Self { file: Mutex::new(read), offsets, width, _path: path })
    }

    /// The rows asked for, in the order asked for.
    pub(super) fn rows(&self, wanted: &[u32]) -> Result<Vec<Vec<Cell>>> {
        let what = || "Could not read the temporary copy for sorting".to_owned();
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out = Vec::with_capacity(wanted.len());
        let (mut held, mut bytes) = (u64::MAX, Vec::new());
        for row in wanted {
            let block = u64::from(*row) / BLOCK;
            if block != held {
                let at = usize::try_from(block).unwrap_or(usize::MAX);
                let (Some(from), Some(to)) = (self.offsets.get(at), self.offsets.get(at + 1)) else {
                    return Err(Error::bug(format!("Row {row} is beyond the end of the table")));
                };
                bytes.resize((to - from) as usize, 0);
                file.seek(SeekFrom::Start(*from)).io(what)?;
                file.read_exact(&mut bytes).io(what)?;
                held = block;
            }
            let mut rest = bytes.as_slice();
            for _ in 0..u64::from(*row) % BLOCK {
                (0..self.width).try_for_each(|_| skip(&mut rest)).ok_or_else(broken)?;
            }
            let cells: Option<Vec<Cell>> = (0..self.width).map(|_| read(&mut rest)).collect();
            out.push(cells.ok_or_else(broken)?);
        }
        Ok(out)
    }
}

fn broken() -> Error {
    Error::bug("The temporary copy for sorting is damaged").hint("Sort again")
}

impl Writer {
    fn take(&mut self, batch: &DataFrame) -> PolarsResult<()> {
        let mut frame = batch.clone();
        frame.rechunk_mut();
        let series: Vec<&Series> = frame.columns().iter().map(|c| c.as_materialized_series()).collect();
        let mut columns: Vec<_> = series.iter().map(|s| s.iter()).collect();
        for _ in 0..frame.height() {
            if self.rows.is_multiple_of(BLOCK) {
                self.offsets.push(self.at);
            }
            self.buffer.clear();
            for column in &mut columns {
                put(&mut self.buffer, &column.next().unwrap_or_default());
            }
            self.out.write_all(&self.buffer)?;
            self.at += self.buffer.len() as u64;
            self.rows += 1;
        }
        Ok(())
    }
}

fn put(out: &mut Vec<u8>, value: &AnyValue<'_>) {
    let fixed = |out: &mut Vec<u8>, tag: u8, bytes: [u8; 8]| {
        out.push(tag);
        out.extend_from_slice(&bytes);
    };
    let words = |out: &mut Vec<u8>, text: &str| {
        out.push(6);
        out.extend_from_slice(&(text.len() as u32).to_le_bytes());
        out.extend_from_slice(text.as_bytes());
    };
    match value {
        AnyValue::Int64(v) => fixed(out, 1, v.to_le_bytes()),
        AnyValue::Float64(v) => fixed(out, 3, v.to_le_bytes()),
        AnyValue::String(text) => words(out, text),
        other => match cells::cell(other) {
            Cell::Null => out.push(0),
            Cell::Int(v) => fixed(out, 1, v.to_le_bytes()),
            Cell::UInt(v) => fixed(out, 2, v.to_le_bytes()),
            Cell::Float(v) => fixed(out, 3, v.to_le_bytes()),
            Cell::Bool(v) => out.push(if v { 5 } else { 4 }),
            Cell::Text(text) => words(out, &text),
        },
    }
}

fn take<'a>(rest: &mut &'a [u8], n: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(n)?;
    *rest = tail;
    Some(head)
}

fn eight(rest: &mut &[u8]) -> Option<[u8; 8]> {
    take(rest, 8)?.try_into().ok()
}

fn skip(rest: &mut &[u8]) -> Option<()> {
    match take(rest, 1)?[0] {
        1..=3 => take(rest, 8).map(|_| ()),
        6 => {
            let len = u32::from_le_bytes(take(rest, 4)?.try_into().ok()?);
            take(rest, len as usize).map(|_| ())
        }
        _ => Some(()),
    }
}

fn read(rest: &mut &[u8]) -> Option<Cell> {
    Some(match take(rest, 1)?[0] {
        0 => Cell::Null,
        1 => Cell::Int(i64::from_le_bytes(eight(rest)?)),
        2 => Cell::UInt(u64::from_le_bytes(eight(rest)?)),
        3 => Cell::Float(f64::from_le_bytes(eight(rest)?)),
        4 => Cell::Bool(false),
        5 => Cell::Bool(true),
        6 => {
            let len = u32::from_le_bytes(take(rest, 4)?.try_into().ok()?);
            Cell::Text(String::from_utf8_lossy(take(rest, len as usize)?).into_owned())
        }
        _ => return None,
    })
}
