//! Profiles of columns: a sample of all at once for the first look, then one column after the other exactly.
//!
//! One pass per column over batches, so memory does not grow with the length of texts: distinct values are exact up
//! to 10,000 and a HyperLogLog estimate above, frequent values are counted in a table of bounded size.
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use polars::prelude::*;

use crate::{
    base::{Error, Result, job::JobCtx, text::thousands},
    engine::frames::{self, Fail, Source, View},
    model::table::{Bin, Cell, Column as TableColumn, ColumnProfile, Kind, Shape, Top},
};

const BINS: usize = 24;
const EXACT_DISTINCT: usize = 10_000;
const KEPT_TEXTS: usize = 20_000;
const KEPT_NUMBERS: usize = 1 << 24;
const SAMPLE_SLICES: u64 = 6;
const SAMPLE_ROWS: u64 = 3_000;

/// Profiles one table or view.
pub struct Profiler {
    lf: LazyFrame,
    columns: Arc<[TableColumn]>,
    rows: Option<u64>,
    /// Reading from the middle is cheap.
    seekable: bool,
}

impl std::fmt::Debug for Profiler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Profiler").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl Profiler {
    /// Over a whole table. Run [`Source::prepare`] first where [`Source::needs_prepare`] says so.
    pub fn of_source(source: &Source) -> Self {
        let seekable = !source.needs_prepare();
        Self { lf: source.lazy(), columns: source.columns(), rows: source.rows(), seekable }
    }
    /// Over the rows a view has left.
    pub fn of_view(view: &View) -> Self {
        let seekable = !view.source().needs_prepare();
        Self { lf: view.lazy(), columns: view.source().columns(), rows: Some(view.rows()), seekable }
    }
    /// The columns, in order.
    pub fn columns(&self) -> Arc<[TableColumn]> {
        self.columns.clone()
    }

    /// A first look at every column from at most 18,000 rows, the same ones every time. Exact, and said so, when
    /// the table has no more.
    pub fn sample(&self, cx: &JobCtx) -> Result<Vec<ColumnProfile>> {
        let whole = SAMPLE_SLICES * SAMPLE_ROWS;
        let rows = self.rows.filter(|_| self.seekable);
        let mut batches = Vec::new();
        match rows {
            Some(rows) if rows > whole => {
                for i in 0..SAMPLE_SLICES {
                    let first = (rows - SAMPLE_ROWS) / (SAMPLE_SLICES - 1) * i;
                    batches.push(self.slice(first, SAMPLE_ROWS, cx)?);
                }
            }
            _ => batches.push(self.slice(0, whole, cx)?),
        }
        let seen: u64 = batches.iter().map(|b| b.height() as u64).sum();
        let all = match self.rows {
            Some(rows) => rows == seen,
            None => seen < whole,
        };
        let profile = |column: &TableColumn| {
            let mut pass = Pass::new(column.clone());
            for batch in &batches {
                if let Ok(values) = batch.column(&column.name) {
                    pass.take(values.as_materialized_series());
                }
            }
            let mut profile = pass.finish();
            profile.sampled = (!all).then_some(self.rows.unwrap_or(seen + 1));
            profile
        };
        Ok(self.columns.iter().map(profile).collect())
    }

    fn slice(&self, first: u64, count: u64, cx: &JobCtx) -> Result<DataFrame> {
        let lf = self.lf.clone().slice(i64::try_from(first).unwrap_or(i64::MAX), count as IdxSize);
        frames::collect(lf, cx).map_err(|e| e.into_error("Could not read a sample"))
    }

    /// One column, exactly, all rows. Progress counts rows; cancel is heard at the next batch.
    pub fn column(&self, name: &str, cx: &JobCtx) -> Result<ColumnProfile> {
        let column = self.columns.iter().find(|c| c.name == name);
        let column = column.ok_or_else(|| Error::user(format!("There is no column {name}")))?;
        let pass = Arc::new(Mutex::new(Pass::new(column.clone())));
        let (target, report, cancel) = (pass.clone(), cx.clone(), cx.cancel.clone());
        let lf = self.lf.clone().select([col(PlSmallStr::from_str(name))]);
        let (total, shown) = (self.rows, name.to_owned());
        frames::detach(cx, move || {
            frames::for_each_batch(lf, &cancel, move |batch| {
                let mut pass = target.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(values) = batch.columns().first() {
                    pass.take(values.as_materialized_series());
                }
                let share = total.filter(|t| *t > 0).map(|t| pass.rows as f32 / t as f32);
                report.progress(share, format!("{shown}: {} rows", thousands(pass.rows)));
                Ok(())
            })
        })
        .map_err(|e: Fail| e.into_error(&format!("Could not profile {name}")))?;
        let pass = std::mem::replace(
            &mut *pass.lock().unwrap_or_else(PoisonError::into_inner),
            Pass::new(TableColumn::new("", "", Kind::Other)),
        );
        Ok(pass.finish())
    }

    /// Every column exactly, in order, each given to `each` as soon as it is known.
    pub fn all(&self, cx: &JobCtx, mut each: impl FnMut(ColumnProfile)) -> Result<()> {
        for column in self.columns.iter() {
            each(self.column(&column.name, cx)?);
        }
        Ok(())
    }
}

/// Counts different values.
struct Distinct {
    few: HashSet<u64>,
    registers: Vec<u8>,
}

impl Distinct {
    fn new() -> Self {
        Self { few: HashSet::new(), registers: Vec::new() }
    }
    fn add(&mut self, hash: u64) {
        if self.registers.is_empty() {
            self.few.insert(hash);
            if self.few.len() > EXACT_DISTINCT {
                self.registers = vec![0; 1 << 14];
                for hash in std::mem::take(&mut self.few) {
                    self.register(hash);
                }
            }
        } else {
            self.register(hash);
        }
    }
    fn register(&mut self, hash: u64) {
        let at = (hash >> 50) as usize;
        let zeros = ((hash << 14) | (1 << 13)).leading_zeros() as u8 + 1;
        if self.registers[at] < zeros {
            self.registers[at] = zeros;
        }
    }
    /// The number, and whether it is an estimate.
    fn count(&self) -> (u64, bool) {
        if self.registers.is_empty() {
            return (self.few.len() as u64, false);
        }
        let m = self.registers.len() as f64;
        let sum: f64 = self.registers.iter().map(|r| 2f64.powi(-i32::from(*r))).sum();
        let estimate = 0.7213 / (1.0 + 1.079 / m) * m * m / sum;
        let zeros = self.registers.iter().filter(|r| **r == 0).count();
        let estimate = if estimate < 2.5 * m && zeros > 0 { m * (m / zeros as f64).ln() } else { estimate };
        (estimate.round() as u64, true)
    }
}

/// One pass over one column.
struct Pass {
    column: TableColumn,
    dtype: Option<DataType>,
    rows: u64,
    nulls: u64,
    distinct: Distinct,
    ints: Option<(i64, i64)>,
    numbers: Vec<f64>,
    /// Every n-th number is kept once there are too many.
    stride: u64,
    seen: u64,
    sum: f64,
    mean: f64,
    m2: f64,
    floats: Option<(f64, f64)>,
    texts: HashMap<String, u64>,
    /// Texts were dropped from the count, so rare ones may be missing.
    dropped: bool,
    text_range: Option<(String, String)>,
}

impl Pass {
    fn new(column: TableColumn) -> Self {
        Self {
            column,
            dtype: None,
            rows: 0,
            nulls: 0,
            distinct: Distinct::new(),
            ints: None,
            numbers: Vec::new(),
            stride: 1,
            seen: 0,
            sum: 0.0,
            mean: 0.0,
            m2: 0.0,
            floats: None,
            texts: HashMap::new(),
            dropped: false,
            text_range: None,
        }
    }

    fn take(&mut self, values: &Series) {
        self.rows += values.len() as u64;
        self.nulls += values.null_count() as u64;
        if self.dtype.is_none() {
            self.dtype = Some(values.dtype().clone());
        }
        match self.column.kind {
            Kind::Int if matches!(values.dtype(), DataType::UInt64 | DataType::Int128 | DataType::UInt128) => {
                self.floats(values);
            }
            Kind::Int | Kind::Date | Kind::Datetime | Kind::Time | Kind::Duration => self.whole(values),
            Kind::Float => self.floats(values),
            Kind::Text | Kind::Bool => self.words(values),
            Kind::Other => {}
        }
    }

    fn whole(&mut self, values: &Series) {
        let Ok(whole) = values.to_physical_repr().cast(&DataType::Int64) else { return };
        let Ok(whole) = whole.i64() else { return };
        let scale = self.scale();
        for v in whole.iter().flatten() {
            self.distinct.add(xxhash_rust::xxh3::xxh3_64(&v.to_le_bytes()));
            let (low, high) = self.ints.unwrap_or((v, v));
            self.ints = Some((low.min(v), high.max(v)));
            self.number(v as f64 * scale);
        }
    }

    /// From the stored whole number to seconds for times, one to one for integers.
    fn scale(&self) -> f64 {
        match &self.dtype {
            Some(DataType::Date) => 86_400.0,
            Some(DataType::Time) => 1e-9,
            Some(DataType::Datetime(unit, _) | DataType::Duration(unit)) => match unit {
                TimeUnit::Nanoseconds => 1e-9,
                TimeUnit::Microseconds => 1e-6,
                TimeUnit::Milliseconds => 1e-3,
            },
            _ => 1.0,
        }
    }

    fn floats(&mut self, values: &Series) {
        let Ok(floats) = values.cast(&DataType::Float64) else { return };
        let Ok(floats) = floats.f64() else { return };
        for v in floats.iter().flatten() {
            self.distinct.add(xxhash_rust::xxh3::xxh3_64(&v.to_bits().to_le_bytes()));
            if v.is_nan() {
                continue;
            }
            let (low, high) = self.floats.unwrap_or((v, v));
            self.floats = Some((low.min(v), high.max(v)));
            if v.is_finite() {
                self.number(v);
            }
        }
    }

    fn number(&mut self, v: f64) {
        self.seen += 1;
        self.sum += v;
        let delta = v - self.mean;
        self.mean += delta / self.seen as f64;
        self.m2 += delta * (v - self.mean);
        if self.seen.is_multiple_of(self.stride) {
            self.numbers.push(v);
            if self.numbers.len() >= KEPT_NUMBERS {
                let mut keep = false;
                self.numbers.retain(|_| {
                    keep = !keep;
                    keep
                });
                self.stride *= 2;
            }
        }
    }

    fn words(&mut self, values: &Series) {
        let Ok(texts) = values.cast(&DataType::String) else { return };
        let Ok(texts) = texts.str() else { return };
        for text in texts.iter().flatten() {
            self.distinct.add(xxhash_rust::xxh3::xxh3_64(text.as_bytes()));
            match &mut self.text_range {
                Some((low, _)) if text < low.as_str() => text.clone_into(low),
                Some((_, high)) if text > high.as_str() => text.clone_into(high),
                Some(_) => {}
                None => self.text_range = Some((text.to_owned(), text.to_owned())),
            }
            if let Some(count) = self.texts.get_mut(text) {
                *count += 1;
            } else {
                if self.texts.len() >= KEPT_TEXTS {
                    self.drop_rare();
                }
                self.texts.insert(text.to_owned(), 1);
            }
        }
    }

    fn drop_rare(&mut self) {
        let mut counts: Vec<u64> = self.texts.values().copied().collect();
        let middle = counts.len() / 2;
        let (_, median, _) = counts.select_nth_unstable(middle);
        let median = *median;
        self.texts.retain(|_, count| *count > median);
        self.dropped = true;
    }

    fn finish(mut self) -> ColumnProfile {
        let mut profile = ColumnProfile::empty(self.column.clone());
        profile.rows = self.rows;
        profile.nulls = self.nulls;
        if self.column.kind != Kind::Other {
            let (distinct, approx) = self.distinct.count();
            profile.distinct = Some(distinct);
            profile.distinct_approx = approx;
        }
        if self.column.kind.is_ordered() {
            self.finish_numbers(&mut profile);
        } else if let Some((low, high)) = self.text_range.take() {
            let cell = |t: String| match self.column.kind {
                Kind::Bool => Cell::Bool(t == "true"),
                _ => Cell::Text(crate::base::text::shorten(&t, 200)),
            };
            (profile.min, profile.max) = (cell(low), cell(high));
            let mut top: Vec<(String, u64)> = self.texts.drain().collect();
            top.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            top.truncate(BINS);
            profile.shape = Shape::Top(top.into_iter().map(|(t, count)| Top { value: cell(t), count }).collect());
        }
        profile
    }

    fn finish_numbers(&mut self, profile: &mut ColumnProfile) {
        (profile.min, profile.max) = self.range();
        if self.numbers.is_empty() {
            return;
        }
        if self.column.kind.is_number() || self.column.kind == Kind::Duration {
            profile.mean = Some(self.sum / self.seen as f64);
            profile.std = (self.seen > 1).then(|| (self.m2 / (self.seen - 1) as f64).sqrt());
        }
        profile.median = Some(quantile(&mut self.numbers, 0.5));
        profile.p95 = Some(quantile(&mut self.numbers, 0.95));
        let integers = self.column.kind == Kind::Int;
        profile.shape = Shape::Histogram(histogram(&self.numbers, integers, self.stride));
        if self.stride > 1 {
            profile.sampled = Some(self.rows);
        }
    }

    fn range(&self) -> (Cell, Cell) {
        if let Some((low, high)) = self.floats {
            return (Cell::Float(low), Cell::Float(high));
        }
        let Some((low, high)) = self.ints else { return (Cell::Null, Cell::Null) };
        let cell = |v: i64| {
            let value = match &self.dtype {
                Some(DataType::Date) => AnyValue::Date(i32::try_from(v).unwrap_or(0)),
                Some(DataType::Time) => AnyValue::Time(v),
                Some(DataType::Duration(unit)) => AnyValue::Duration(v, *unit),
                Some(DataType::Datetime(unit, zone)) => AnyValue::Datetime(v, *unit, zone.as_ref()),
                _ => AnyValue::Int64(v),
            };
            frames::cell(&value)
        };
        (cell(low), cell(high))
    }
}

/// Linear interpolation between the two nearest ranks, as NumPy and Polars do.
fn quantile(values: &mut [f64], q: f64) -> f64 {
    let at = q * (values.len() - 1) as f64;
    let below = at.floor() as usize;
    let (_, low, above) = values.select_nth_unstable_by(below, f64::total_cmp);
    let low = *low;
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    low + (high - low) * (at - at.floor())
}

fn histogram(values: &[f64], integers: bool, stride: u64) -> Vec<Bin> {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let span = high - low;
    // Whole numbers in a short range get a bar each; a single value gets one bar.
    let (count, width) = if span == 0.0 {
        (1, if integers { 1.0 } else { 0.0 })
    } else if integers && span < BINS as f64 {
        (span as usize + 1, 1.0)
    } else {
        (BINS, span / BINS as f64)
    };
    let edge = |i: usize| if width == 0.0 { low } else { low + width * i as f64 };
    let mut bins: Vec<Bin> = (0..count).map(|i| Bin { from: edge(i), to: edge(i + 1), count: 0 }).collect();
    for v in values {
        let at = if width == 0.0 { 0 } else { ((v - low) / width) as usize };
        bins[at.min(count - 1)].count += stride;
    }
    bins
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::sql::Frame;

    fn profiler(frame: DataFrame) -> Profiler {
        Profiler::of_source(&Source::of_frame(&Frame::of(frame)).unwrap())
    }

    #[test]
    fn numbers_are_profiled_exactly() {
        let values: Vec<Option<i64>> = (0..1000).map(|i| (i % 10 != 0).then_some(i)).collect();
        let profiler = profiler(df!("n" => values).unwrap());
        let p = profiler.column("n", &JobCtx::detached()).unwrap();
        assert_eq!((p.rows, p.nulls, p.distinct, p.distinct_approx), (1000, 100, Some(900), false));
        assert_eq!((p.min.clone(), p.max.clone()), (Cell::Int(1), Cell::Int(999)));
        assert_eq!((p.mean, p.median), (Some(500.0), Some(500.0)));
        assert!(p.p95.is_some_and(|p| (948.0..952.0).contains(&p)), "{:?}", p.p95);
        let Shape::Histogram(bins) = &p.shape else { panic!() };
        assert_eq!((bins.len(), bins.iter().map(|b| b.count).sum::<u64>()), (24, 900));
        assert_eq!(profiler.sample(&JobCtx::detached()).unwrap()[0], p, "a small table's sample is the whole");
    }

    #[test]
    fn quantiles_agree_with_the_engine() {
        let values: Vec<f64> = (0..777).map(|i| f64::from(i * 7919 % 777).sqrt()).collect();
        let series = Series::new("v".into(), &values);
        for q in [0.5, 0.95, 0.0, 1.0] {
            let theirs = series.f64().unwrap().quantile(q, QuantileMethod::Linear).unwrap().unwrap();
            assert!((quantile(&mut values.clone(), q) - theirs).abs() < 1e-12);
        }
    }

    #[test]
    fn texts_flags_dates_and_odd_floats() {
        let frame = df!(
            "t" => ["b", "a", "b", "c"],
            "f" => [f64::NAN, 1.0, f64::INFINITY, -1.0],
            "ok" => [Some(true), None, Some(true), Some(false)],
            "e" => [None::<i64>, None, None, None],
        );
        let mut frame = frame.unwrap();
        let days = Series::new("d".into(), [20_773i32, 20_774, 20_774, 20_800]).cast(&DataType::Date).unwrap();
        frame.with_column(days.into()).unwrap();
        let all = profiler(frame).sample(&JobCtx::detached()).unwrap();
        let Shape::Top(top) = &all[0].shape else { panic!() };
        assert_eq!(top[0], Top { value: Cell::Text("b".into()), count: 2 });
        assert_eq!(
            (all[1].min.clone(), all[1].max.clone(), all[1].mean),
            (Cell::Float(-1.0), Cell::Float(f64::INFINITY), Some(0.0))
        );
        assert_eq!((all[2].nulls, all[2].min.clone()), (1, Cell::Bool(false)));
        assert_eq!((all[3].min.clone(), all[3].shape.clone(), all[3].nulls), (Cell::Null, Shape::None, 4));
        assert_eq!((all[4].min.clone(), all[4].mean), (Cell::Text("2026-11-16".into()), None));
    }

    #[test]
    fn many_different_values_are_estimated_and_said_so() {
        let frame = df!("id" => (0..200_000).map(|i| format!("id-{i}")).collect::<Vec<_>>()).unwrap();
        let profiler = profiler(frame);
        let p = profiler.column("id", &JobCtx::detached()).unwrap();
        assert!(p.distinct_approx);
        let error = p.distinct.unwrap().abs_diff(200_000);
        assert!(error < 6_000, "{error} off");
        let sample = profiler.sample(&JobCtx::detached()).unwrap();
        assert_eq!((sample[0].rows, sample[0].sampled), (18_000, Some(200_000)));
    }

    #[test]
    fn a_cancelled_profile_ends() {
        let frame = df!("n" => (0..1000i64).collect::<Vec<_>>()).unwrap();
        let cx = JobCtx::detached();
        cx.cancel.cancel();
        assert!(profiler(frame).column("n", &cx).unwrap_err().is_cancelled());
    }
}
