//! The points of a chart: made by the engine so that no more of them come than a screen can show.
use polars::prelude::*;

use super::exec::{self, Fail};
use crate::{
    base::{Error, Result, job::JobCtx, text},
    model::table::{
        Column as TableColumn, Kind,
        chart::{Chart, ChartSpec, Figure, Mark, Point},
    },
};

const BARS: u32 = 30;
const BINS: f64 = 40.0;
/// Lines of more rows are drawn as means with their range.
const LINE_POINTS: u64 = 4_000;
const BUCKETS: f64 = 800.0;
const SCATTER_POINTS: u64 = 5_000;

/// Charts what the plan gives.
pub(super) fn chart(lf: &LazyFrame, columns: &[TableColumn], spec: &ChartSpec, cx: &JobCtx) -> Result<Chart> {
    let find = |name: &str| {
        columns.iter().find(|c| c.name == name).ok_or_else(|| Error::user(format!("There is no column {name}")))
    };
    let x = find(&spec.x)?;
    let y = spec.y.as_deref().map(find).transpose()?;
    let mut chart = Chart {
        spec: spec.clone(),
        points: Vec::new(),
        labels: Vec::new(),
        x_kind: x.kind,
        rows: 0,
        note: String::new(),
    };
    let made = match (spec.mark, y) {
        (Mark::Bar, y) => bars(lf, x, y, &mut chart, cx),
        (Mark::Histogram, _) if x.kind.is_ordered() => histogram(lf, x, &mut chart, cx),
        (Mark::Line | Mark::Scatter, Some(y)) if x.kind.is_ordered() && y.kind.is_number() => {
            pairs(lf, x, y, &mut chart, cx)
        }
        _ => {
            return Err(Error::user(format!("{} of {} cannot be drawn", spec.mark.word(), spec.x))
                .hint("Choose an ordered column for the width and a number for the height"));
        }
    };
    made.map_err(|e| e.into_error("Could not draw the chart"))?;
    Ok(chart)
}

/// Values as numbers: dates and times as seconds.
fn number(column: &TableColumn) -> Expr {
    let value = col(PlSmallStr::from_str(&column.name));
    let micros = |e: Expr| e.cast(DataType::Int64).cast(DataType::Float64) / lit(1e6);
    match column.kind {
        Kind::Date => value.cast(DataType::Int32).cast(DataType::Float64) * lit(86_400.0),
        Kind::Datetime => micros(value.cast(DataType::Datetime(TimeUnit::Microseconds, None))),
        Kind::Duration => micros(value.cast(DataType::Duration(TimeUnit::Microseconds))),
        Kind::Time => value.cast(DataType::Int64).cast(DataType::Float64) / lit(1e9),
        _ => value.cast(DataType::Float64),
    }
}

fn floats(frame: &DataFrame, name: &str) -> PolarsResult<Vec<f64>> {
    let column = frame.column(name)?.cast(&DataType::Float64)?;
    Ok(column.f64()?.iter().map(|v| v.unwrap_or(f64::NAN)).collect())
}

fn bars(lf: &LazyFrame, x: &TableColumn, y: Option<&TableColumn>, chart: &mut Chart, cx: &JobCtx) -> Result<(), Fail> {
    let key = col(PlSmallStr::from_str(&x.name)).cast(DataType::String).alias("x");
    let value = y.map(number);
    let figure = match (chart.spec.figure, value) {
        (Figure::Count, _) | (_, None) => len().cast(DataType::Float64),
        (Figure::Mean, Some(v)) => v.mean(),
        (Figure::Sum, Some(v)) => v.sum(),
        (Figure::Min, Some(v)) => v.min(),
        (Figure::Max, Some(v)) => v.max(),
    };
    let groups = lf.clone().group_by([key]).agg([figure.alias("y"), len().alias("n")]);
    let order = SortMultipleOptions::default().with_order_descending(true).with_nulls_last(true);
    let totals = groups.clone().select([len().alias("groups"), col("n").sum().alias("rows")]);
    let frame = exec::collect(groups.sort(["y"], order).limit(BARS), cx)?;
    let totals = exec::collect(totals, cx)?;
    let first = |name: &str| floats(&totals, name).map(|v| v.first().copied().unwrap_or(0.0) as u64);
    let (count, rows) = (first("groups")?, first("rows")?);
    let labels = frame.column("x")?.str()?.clone();
    for (i, (label, y)) in labels.iter().zip(floats(&frame, "y")?).enumerate() {
        let y = if y.is_finite() { y } else { continue };
        chart.labels.push(label.unwrap_or("null").to_owned());
        let at = chart.points.len() as f64;
        let _ = i;
        chart.points.push(Point { x: at - 0.4, to: at + 0.4, y, low: y, high: y });
    }
    chart.rows = rows;
    if count > u64::from(BARS) {
        chart.note = format!("The {BARS} highest of {}", text::count(count, "value"));
    }
    Ok(())
}

/// Only rows with a value that has a place.
fn finite(lf: &LazyFrame, exprs: [Expr; 2]) -> LazyFrame {
    let all = lf.clone().select([exprs[0].clone().alias("x"), exprs[1].clone().alias("y")]);
    all.filter(col("x").is_finite().and(col("y").is_finite()))
}

/// Smallest and largest `x`, and how many there are.
fn range(lf: &LazyFrame, cx: &JobCtx) -> Result<(f64, f64, u64), Fail> {
    let asked = [col("x").min().alias("low"), col("x").max().alias("high"), len().alias("n")];
    let frame = exec::collect(lf.clone().select(asked), cx)?;
    let one = |name: &str| floats(&frame, name).map(|v| v.first().copied().unwrap_or(f64::NAN));
    Ok((one("low")?, one("high")?, one("n")? as u64))
}

fn bucket(low: f64, high: f64, count: f64) -> Expr {
    let width = ((high - low) / count).max(f64::MIN_POSITIVE);
    let place = ((col("x") - lit(low)) / lit(width)).floor();
    // The largest value belongs to the last bucket.
    when(place.clone().gt(lit(count - 1.0))).then(lit(count - 1.0)).otherwise(place).cast(DataType::Int32).alias("b")
}

fn histogram(lf: &LazyFrame, x: &TableColumn, chart: &mut Chart, cx: &JobCtx) -> Result<(), Fail> {
    let values = finite(lf, [number(x), lit(0.0)]);
    let (low, high, rows) = range(&values, cx)?;
    chart.rows = rows;
    if rows == 0 {
        return Ok(());
    }
    // Whole numbers with few values get a bar each.
    let whole = matches!(x.kind, Kind::Int) && high - low < BINS;
    let (low, high, count) =
        if whole { (low - 0.5, high + 0.5, (high - low).round() + 1.0) } else { (low, high, BINS) };
    let (low, high) = if low < high { (low, high) } else { (low - 0.5, high + 0.5) };
    let groups = values.group_by([bucket(low, high, count)]).agg([len().alias("n")]);
    let frame = exec::collect(groups, cx)?;
    let width = (high - low) / count;
    let mut counts = vec![0.0; count as usize];
    for (place, n) in floats(&frame, "b")?.into_iter().zip(floats(&frame, "n")?) {
        if let Some(slot) = counts.get_mut(place.max(0.0) as usize) {
            *slot += n;
        }
    }
    let bar = |(i, n): (usize, f64)| {
        let from = low + width * i as f64;
        Point { x: from, to: from + width, y: n, low: n, high: n }
    };
    chart.points = counts.into_iter().enumerate().map(bar).collect();
    Ok(())
}

fn pairs(lf: &LazyFrame, x: &TableColumn, y: &TableColumn, chart: &mut Chart, cx: &JobCtx) -> Result<(), Fail> {
    let values = finite(lf, [number(x), number(y)]);
    let (low, high, rows) = range(&values, cx)?;
    chart.rows = rows;
    let is_line = chart.spec.mark == Mark::Line;
    let (plan, limits) = if is_line && rows > LINE_POINTS {
        chart.note = format!("Means of {BUCKETS:.0} stretches, with smallest and largest");
        let all = [
            col("x").mean().alias("x"),
            col("y").mean().alias("y"),
            col("y").min().alias("low"),
            col("y").max().alias("high"),
        ];
        (values.group_by([bucket(low, high, BUCKETS)]).agg(all).sort(["x"], SortMultipleOptions::default()), true)
    } else if is_line {
        (values.sort(["x"], SortMultipleOptions::default().with_maintain_order(true)), false)
    } else if rows > SCATTER_POINTS {
        let step = rows.div_ceil(SCATTER_POINTS);
        chart.note = format!("Every {}th of {}", text::thousands(step), text::count(rows, "row"));
        let numbered = values.with_row_index("row", None);
        let step = u32::try_from(step).unwrap_or(u32::MAX);
        (numbered.filter((col("row") % lit(step)).eq(lit(0_u32))), false)
    } else {
        (values, false)
    };
    let frame = exec::collect(plan, cx)?;
    let (xs, ys) = (floats(&frame, "x")?, floats(&frame, "y")?);
    let (lows, highs) =
        if limits { (floats(&frame, "low")?, floats(&frame, "high")?) } else { (ys.clone(), ys.clone()) };
    let all = xs.into_iter().zip(ys).zip(lows.into_iter().zip(highs));
    chart.points = all.map(|((x, y), (low, high))| Point { x, to: x, y, low, high }).collect();
    Ok(())
}

/// The most frequent value of each column with its share, for columns whose values repeat.
pub(super) fn leaders(lf: &LazyFrame, columns: &[String], cx: &JobCtx) -> Result<Vec<(String, String, u64)>> {
    let mut all = Vec::new();
    for name in columns {
        cx.check()?;
        let key = col(PlSmallStr::from_str(name)).cast(DataType::String).alias("x");
        let order = SortMultipleOptions::default().with_order_descending(true);
        let groups = lf.clone().group_by([key]).agg([len().alias("n")]).sort(["n"], order).limit(1);
        let read = |frame: DataFrame| -> PolarsResult<Option<(String, u64)>> {
            let value = frame.column("x")?.str()?.get(0).map(str::to_owned);
            Ok(value.zip(floats(&frame, "n")?.first().map(|n| *n as u64)))
        };
        let frame = exec::collect(groups, cx).map_err(|e| e.into_error("Could not compare the rows"))?;
        if let Some((value, n)) = read(frame).map_err(|e| exec::explain("Could not compare the rows", &e))? {
            all.push((name.clone(), value, n));
        }
    }
    Ok(all)
}
