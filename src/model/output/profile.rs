//! What the columns of a table in an output hold: counted from the cells that are here.
use std::collections::HashMap;

use super::table::{Table, is_missing, number};
use crate::model::table::{Bin, Cell, Column, ColumnProfile, Kind, Shape, Top};

/// Cells that are looked at; of a larger table the first rows.
const MOST: usize = 200_000;
const BARS: usize = 24;

/// A profile of each column.
pub fn profiles(table: &Table) -> Vec<Option<ColumnProfile>> {
    let columns = &table.page.columns;
    let rows = table.page.rows.len().min(MOST / columns.len().max(1));
    columns.iter().enumerate().map(|(at, column)| Some(of_column(table, (at, column), rows))).collect()
}

fn of_column(table: &Table, (at, column): (usize, &Column), rows: usize) -> ColumnProfile {
    let mut profile = ColumnProfile::empty(column.clone());
    profile.rows = rows as u64;
    let total = table.page.rows.len();
    profile.sampled = (rows < total).then_some(total as u64);
    let cells = || table.page.rows.iter().take(rows).filter_map(|row| row.get(at));
    let mut counts: HashMap<String, u64> = HashMap::new();
    let mut numbers = Vec::new();
    for cell in cells() {
        if is_missing(cell) {
            profile.nulls += 1;
            continue;
        }
        *counts.entry(cell.plain().into_owned()).or_default() += 1;
        numbers.extend(value(cell));
    }
    profile.distinct = Some(counts.len() as u64);
    let all: u64 = counts.values().sum();
    if column.kind.is_number() && numbers.len() as u64 == all {
        of_numbers(&mut profile, numbers);
        return profile;
    }
    let mut top: Vec<(String, u64)> = counts.into_iter().collect();
    top.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let least = top.iter().map(|t| &t.0).min().cloned();
    let most = top.iter().map(|t| &t.0).max().cloned();
    profile.min = least.map_or(Cell::Null, Cell::Text);
    profile.max = most.map_or(Cell::Null, Cell::Text);
    let top = top.into_iter().take(BARS).map(|(value, count)| Top { value: Cell::Text(value), count });
    profile.shape = Shape::Top(top.collect());
    profile
}

fn of_numbers(profile: &mut ColumnProfile, mut numbers: Vec<f64>) {
    numbers.retain(|n| n.is_finite());
    numbers.sort_by(f64::total_cmp);
    let (Some(first), Some(last)) = (numbers.first().copied(), numbers.last().copied()) else { return };
    let cell = |n: f64| {
        if profile.column.kind == Kind::Int && n.abs() < 9e15 { Cell::Int(n as i64) } else { Cell::Float(n) }
    };
    (profile.min, profile.max) = (cell(first), cell(last));
    let n = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / n;
    profile.mean = Some(mean);
    let at = |share: f64| {
        let place = share * (n - 1.0);
        let (low, high) = (numbers[place.floor() as usize], numbers[place.ceil() as usize]);
        low + (high - low) * place.fract()
    };
    (profile.median, profile.p95) = (Some(at(0.5)), Some(at(0.95)));
    if numbers.len() > 1 {
        profile.std = Some((numbers.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt());
    }
    let width = (last - first) / BARS as f64;
    if width <= 0.0 || !width.is_finite() {
        profile.shape = Shape::Histogram(vec![Bin { from: first, to: last, count: numbers.len() as u64 }]);
        return;
    }
    let edge = |i: usize| first + width * i as f64;
    let mut bins: Vec<Bin> = (0..BARS).map(|i| Bin { from: edge(i), to: edge(i + 1), count: 0 }).collect();
    for value in &numbers {
        let at = (((value - first) / width) as usize).min(BARS - 1);
        bins[at].count += 1;
    }
    profile.shape = Shape::Histogram(bins);
}

fn value(cell: &Cell) -> Option<f64> {
    match cell {
        Cell::Int(v) => Some(*v as f64),
        Cell::UInt(v) => Some(*v as f64),
        Cell::Float(v) => Some(*v),
        Cell::Text(text) => number(text),
        Cell::Bool(_) | Cell::Null => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::output::html::{Block, parse};

    #[test]
    fn columns_of_a_frame_are_counted() {
        let rows: String =
            (0..100).map(|n| format!("<tr><td>{n}</td><td>{}</td><td>NaN</td></tr>", ["a", "b", "b"][n % 3])).collect();
        let html =
            format!("<table><thead><tr><th>n</th><th>w</th><th>x</th></tr></thead><tbody>{rows}</tbody></table>");
        let Some(Block::Table(table)) = parse(&html).blocks.into_iter().next() else { panic!() };
        let found = profiles(&table);
        let [Some(n), Some(w), Some(x)] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((&n.min, &n.max, n.median, n.distinct), (&Cell::Int(0), &Cell::Int(99), Some(49.5), Some(100)));
        let Shape::Histogram(bins) = &n.shape else { panic!() };
        assert_eq!((bins.len(), bins.iter().map(|b| b.count).sum::<u64>()), (24, 100));
        let Shape::Top(top) = &w.shape else { panic!() };
        assert_eq!((top.len(), top[0].count, top[0].value.plain().as_ref()), (2, 66, "b"));
        assert_eq!((x.nulls, x.null_share()), (100, 1.0));
    }
}
