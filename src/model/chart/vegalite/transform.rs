//! The transforms of Vega-Lite that make rows of rows.
use std::{collections::HashMap, sync::Arc};

use serde_json::{Value, json};

use super::{
    data::{Row, Rows, field, number, order, time, truth, word},
    expr,
};
use crate::model::chart::{
    civil,
    stats::{self, Rule, VegaBin},
};

/// Rows a transform may make.
const MOST: usize = 400_000;

/// Applies all transforms of a view; what is not known is told.
pub fn apply(rows: Rows, list: &[Value], notes: &mut Vec<String>, lookup: &dyn Fn(&Value) -> Option<Rows>) -> Rows {
    let mut rows = rows;
    for step in list.iter().take(200) {
        rows = one(rows, step, notes, lookup);
    }
    rows
}

fn names(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(s)) => vec![s.clone()],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

fn one(rows: Rows, step: &Value, notes: &mut Vec<String>, lookup: &dyn Fn(&Value) -> Option<Rows>) -> Rows {
    let text = |key: &str| step.get(key).and_then(Value::as_str);
    if let Some(test) = step.get("filter") {
        return filter(rows, test, notes);
    }
    if let (Some(source), Some(name)) = (text("calculate"), text("as")) {
        return match expr::parse(source) {
            Ok(parsed) => map(rows, |row| {
                let value = expr::evaluate(&parsed, row);
                row.insert(name.to_owned(), value);
            }),
            Err(why) => {
                notes.push(format!("The calculation of {name}: {why}"));
                rows
            }
        };
    }
    if let Some(ops) = step.get("aggregate").and_then(Value::as_array) {
        return aggregate(&rows, ops, &names(step.get("groupby")));
    }
    if let Some(ops) = step.get("joinaggregate").and_then(Value::as_array) {
        return join_aggregate(&rows, ops, &names(step.get("groupby")));
    }
    if let Some(ops) = step.get("window").and_then(Value::as_array) {
        return window(&rows, ops, step);
    }
    if let Some(bin) = step.get("bin").filter(|b| **b != false)
        && let Some(name) = text("field")
    {
        let made = names(step.get("as"));
        let first = made.first().cloned().unwrap_or_else(|| format!("bin_{name}"));
        let second = made.get(1).cloned().unwrap_or_else(|| format!("{first}_end"));
        return bin_rows(rows, name, bin, &first, &second, 20.0);
    }
    if let (Some(unit), Some(name)) = (step.get("timeUnit").and_then(unit_name), text("field")) {
        let made = text("as").unwrap_or(name).to_owned();
        let name = name.to_owned();
        return map(rows, move |row| {
            let value = field(row, &name).and_then(time).map_or(Value::Null, |ms| json!(truncate(ms, &unit)));
            row.insert(made.clone(), value);
        });
    }
    if step.get("fold").is_some() {
        return fold(&rows, step);
    }
    if step.get("flatten").is_some() {
        return flatten(&rows, step);
    }
    if step.get("stack").is_some() {
        return stack(rows, step);
    }
    if step.get("density").is_some() {
        return density(&rows, step);
    }
    if step.get("regression").is_some() {
        return regression(&rows, step, notes);
    }
    if step.get("pivot").is_some() {
        return pivot(&rows, step);
    }
    if let Some(n) = step.get("sample").and_then(Value::as_u64) {
        let every = rows.len().div_ceil(n.max(1) as usize).max(1);
        return Arc::new(rows.iter().step_by(every).cloned().collect());
    }
    if step.get("lookup").is_some() {
        return join(rows, step, notes, lookup);
    }
    if step.get("extent").is_none() {
        let kind = step.as_object().and_then(|o| o.keys().find(|k| !matches!(k.as_str(), "as" | "groupby"))).cloned();
        notes.push(format!("The transform {}", crate::base::text::shorten(&kind.unwrap_or_default(), 40)));
    }
    rows
}

fn map(rows: Rows, mut change: impl FnMut(&mut Row)) -> Rows {
    let mut rows = Arc::unwrap_or_clone(rows);
    rows.iter_mut().for_each(&mut change);
    Arc::new(rows)
}

fn filter(rows: Rows, test: &Value, notes: &mut Vec<String>) -> Rows {
    match predicate(test) {
        Ok(Some(test)) => Arc::new(rows.iter().filter(|r| test(r)).cloned().collect()),
        Ok(None) => rows,
        Err(why) => {
            notes.push(format!("A filter: {why}"));
            rows
        }
    }
}

type Test = Box<dyn Fn(&Row) -> bool>;

/// A test of rows; none for what waits for a person's selection.
pub fn predicate(test: &Value) -> Result<Option<Test>, String> {
    match test {
        Value::String(source) => {
            let parsed = expr::parse(source)?;
            Ok(Some(Box::new(move |row| truth(&expr::evaluate(&parsed, row)))))
        }
        Value::Object(parts) => {
            for (key, all) in [("and", true), ("or", false)] {
                if let Some(list) = parts.get(key).and_then(Value::as_array) {
                    let tests: Vec<Test> =
                        list.iter().map(predicate).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
                    return Ok(Some(Box::new(move |row| {
                        if all { tests.iter().all(|t| t(row)) } else { tests.iter().any(|t| t(row)) }
                    })));
                }
            }
            if let Some(inner) = parts.get("not") {
                return Ok(predicate(inner)?.map(|t| Box::new(move |row: &Row| !t(row)) as Test));
            }
            let Some(name) = parts.get("field").and_then(Value::as_str).map(str::to_owned) else { return Ok(None) };
            Ok(Some(field_test(name, parts.clone())))
        }
        _ => Ok(None),
    }
}

fn field_test(name: String, parts: Row) -> Test {
    let unit = parts.get("timeUnit").and_then(unit_name);
    Box::new(move |row| {
        let found = field(row, &name).cloned().unwrap_or(Value::Null);
        let value = match &unit {
            Some(unit) => time(&found).map_or(Value::Null, |ms| json!(truncate(ms, unit))),
            None => found,
        };
        let bound = |v: &Value| match v {
            Value::Object(_) => time(v).map_or(Value::Null, |ms| json!(ms)),
            // A bare year or month stands for its instant.
            Value::Number(n) if unit.is_some() && n.as_f64().is_some_and(|n| n.abs() < 10_000.0) => {
                let year = n.as_i64().unwrap_or(2012);
                json!(civil::millis(year, 1, 1, 0.0))
            }
            v => v.clone(),
        };
        let compare = |key: &str| {
            let other = bound(parts.get(key)?);
            let pair = match (&value, &other) {
                (Value::String(a), Value::String(b)) => return Some(a.cmp(b)),
                (Value::String(s), Value::Number(_)) => (time(&json!(s)).or_else(|| number(&value))?, other.as_f64()?),
                _ => (number(&value)?, number(&other)?),
            };
            pair.0.partial_cmp(&pair.1)
        };
        for (key, fits) in [
            ("lt", [true, false, false]),
            ("lte", [true, true, false]),
            ("gt", [false, false, true]),
            ("gte", [false, true, true]),
        ] {
            if parts.contains_key(key) {
                return compare(key).is_some_and(|o| fits[(o as i8 + 1) as usize]);
            }
        }
        if let Some(want) = parts.get("equal") {
            return expr::equal(&value, &bound(want));
        }
        if let Some(Value::Array(ends)) = parts.get("range") {
            let as_number = |v: &Value| number(&bound(v)).or_else(|| time(v));
            let v = number(&value).or_else(|| time(&value));
            let low = ends.first().and_then(as_number).unwrap_or(f64::NEG_INFINITY);
            let high = ends.get(1).and_then(as_number).unwrap_or(f64::INFINITY);
            return v.is_some_and(|v| v >= low && v <= high);
        }
        if let Some(Value::Array(list)) = parts.get("oneOf") {
            return list.iter().any(|w| expr::equal(&value, w));
        }
        match parts.get("valid") {
            Some(want) => want.as_bool() == Some(!value.is_null() && number(&value).is_none_or(|v| !v.is_nan())),
            None => true,
        }
    })
}

/// Rows in groups of equal keys, in the order they are met.
pub fn groups<'a>(rows: &'a [Row], keys: &[String]) -> Vec<Vec<&'a Row>> {
    let mut index: HashMap<String, usize> = HashMap::new();
    let mut out: Vec<Vec<&Row>> = Vec::new();
    for row in rows {
        let key = keys
            .iter()
            .map(|k| field(row, k).map_or_else(|| "\u{1}".to_owned(), |v| v.to_string()))
            .collect::<Vec<_>>()
            .join("\u{0}");
        let at = *index.entry(key).or_insert_with(|| {
            out.push(Vec::new());
            out.len() - 1
        });
        out[at].push(row);
    }
    out
}

/// One number of many rows.
pub fn fold_rows(rows: &[&Row], op: &str, name: Option<&str>) -> Value {
    if op == "count" {
        return json!(rows.len());
    }
    let Some(name) = name else { return Value::Null };
    let raw: Vec<&Value> = rows.iter().filter_map(|r| field(r, name)).filter(|v| !v.is_null()).collect();
    if op == "distinct" {
        let mut seen: Vec<String> = raw.iter().map(|v| v.to_string()).collect();
        seen.sort();
        seen.dedup();
        return json!(seen.len());
    }
    if matches!(op, "valid" | "missing") {
        return json!(if op == "valid" { raw.len() } else { rows.len() - raw.len() });
    }
    let values: Vec<f64> = raw.iter().filter_map(|v| number(v).or_else(|| time(v))).filter(|v| v.is_finite()).collect();
    if values.is_empty() {
        return if op == "sum" { json!(0) } else { Value::Null };
    }
    let mut sorted = values.clone();
    sorted.sort_by(f64::total_cmp);
    let n = values.len() as f64;
    let error = stats::deviation(&values, 1) / n.sqrt();
    let mean = stats::mean(&values);
    json!(match op {
        "sum" => values.iter().sum(),
        "mean" | "average" => mean,
        "median" => stats::quantile(&sorted, 0.5, Rule::Seventh),
        "q1" => stats::quantile(&sorted, 0.25, Rule::Seventh),
        "q3" => stats::quantile(&sorted, 0.75, Rule::Seventh),
        "min" => sorted[0],
        "max" => sorted[sorted.len() - 1],
        "product" => values.iter().product(),
        "stdev" => stats::deviation(&values, 1),
        "stdevp" => stats::deviation(&values, 0),
        "variance" => stats::deviation(&values, 1).powi(2),
        "variancep" => stats::deviation(&values, 0).powi(2),
        "stderr" => error,
        "ci0" => mean - 1.96 * error,
        "ci1" => mean + 1.96 * error,
        _ => return Value::Null,
    })
}

/// The name an operation's column gets of itself.
fn made_name(op: &Value) -> (String, Option<String>, String) {
    let kind = op.get("op").and_then(Value::as_str).unwrap_or("count").to_owned();
    let of = op.get("field").and_then(Value::as_str).map(str::to_owned);
    let own = op.get("as").and_then(Value::as_str).map(str::to_owned);
    let name = own.unwrap_or_else(|| of.as_ref().map_or_else(|| kind.clone(), |f| format!("{kind}_{f}")));
    (kind, of, name)
}

fn aggregate(rows: &[Row], ops: &[Value], keys: &[String]) -> Rows {
    let out = groups(rows, keys).into_iter().map(|group| {
        let mut row = Row::new();
        for key in keys {
            row.insert(key.clone(), group.first().and_then(|r| field(r, key)).cloned().unwrap_or(Value::Null));
        }
        for op in ops {
            let (kind, of, name) = made_name(op);
            row.insert(name, fold_rows(&group, &kind, of.as_deref()));
        }
        row
    });
    Arc::new(out.collect())
}

fn join_aggregate(rows: &[Row], ops: &[Value], keys: &[String]) -> Rows {
    let mut out = Vec::with_capacity(rows.len());
    for group in groups(rows, keys) {
        let made: Vec<(String, Value)> = ops
            .iter()
            .map(|op| {
                let (kind, of, name) = made_name(op);
                (name, fold_rows(&group, &kind, of.as_deref()))
            })
            .collect();
        for row in group {
            let mut row = row.clone();
            row.extend(made.iter().cloned());
            out.push(row);
        }
    }
    Arc::new(out)
}

/// Rows by the fields of a `sort`, ascending unless it says otherwise.
pub fn sort_rows(rows: &mut [&Row], sort: Option<&Value>) {
    let Some(Value::Array(keys)) = sort else { return };
    rows.sort_by(|a, b| {
        for key in keys {
            let Some(name) = key.get("field").and_then(Value::as_str) else { continue };
            let null = Value::Null;
            let ordering = order(field(a, name).unwrap_or(&null), field(b, name).unwrap_or(&null));
            let ordering = if key.get("order").and_then(Value::as_str) == Some("descending") {
                ordering.reverse()
            } else {
                ordering
            };
            if ordering.is_ne() {
                return ordering;
            }
        }
        std::cmp::Ordering::Equal
    });
}

fn window(rows: &[Row], ops: &[Value], step: &Value) -> Rows {
    let frame = step.get("frame").and_then(Value::as_array).cloned().unwrap_or_else(|| vec![Value::Null, json!(0)]);
    let side = |i: usize| frame.get(i).and_then(Value::as_i64);
    let sort = step.get("sort");
    let same = |a: &Row, b: &Row| {
        let keys = sort.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        keys.iter().filter_map(|k| k.get("field")?.as_str()).all(|n| field(a, n) == field(b, n))
    };
    let mut out = Vec::with_capacity(rows.len());
    for mut group in groups(rows, &names(step.get("groupby"))) {
        sort_rows(&mut group, sort);
        let n = group.len();
        let mut made: Vec<Row> = group.iter().map(|r| (*r).clone()).collect();
        for op in ops {
            let (kind, of, name) = made_name(op);
            let param = op.get("param").and_then(Value::as_i64).unwrap_or(1);
            let (mut rank, mut dense) = (1, 1);
            // Sums that only grow are carried along; others are taken anew over their frame.
            let running = side(0).is_none()
                && side(1) == Some(0)
                && matches!(kind.as_str(), "sum" | "count" | "mean" | "average");
            let (mut sum, mut count) = (0.0, 0.0);
            let mut work = 0usize;
            for i in 0..n {
                if i > 0 && !same(group[i], group[i - 1]) {
                    rank = i + 1;
                    dense += 1;
                }
                let get = |i: i64| {
                    usize::try_from(i)
                        .ok()
                        .and_then(|i| field(group.get(i)?, of.as_deref()?))
                        .cloned()
                        .unwrap_or(Value::Null)
                };
                let from = side(0).map_or(0, |v| (i as i64 + v).clamp(0, n as i64) as usize);
                let to = side(1).map_or(n, |v| (i as i64 + v + 1).clamp(0, n as i64) as usize);
                let value = match kind.as_str() {
                    "row_number" => json!(i + 1),
                    "rank" => json!(rank),
                    "dense_rank" => json!(dense),
                    "percent_rank" => json!((rank - 1) as f64 / (n.max(2) - 1) as f64),
                    "cume_dist" => json!((i + 1) as f64 / n as f64),
                    "ntile" => json!((i * param.max(1) as usize) / n + 1),
                    "lag" => get(i as i64 - param),
                    "lead" => get(i as i64 + param),
                    "first_value" => get(from as i64),
                    "last_value" => get(to as i64 - 1),
                    _ if running => {
                        count += 1.0;
                        sum += of.as_deref().and_then(|f| field(group[i], f)).and_then(number).unwrap_or(0.0);
                        json!(match kind.as_str() {
                            "sum" => sum,
                            "count" => count,
                            _ => sum / count,
                        })
                    }
                    other => {
                        work += to.saturating_sub(from);
                        if work > 20_000_000 {
                            Value::Null
                        } else {
                            fold_rows(&group[from.min(to)..to], other, of.as_deref())
                        }
                    }
                };
                made[i].insert(name.clone(), value);
            }
        }
        out.extend(made);
    }
    Arc::new(out)
}

/// What a `bin` object says.
pub fn bin_of(bin: &Value) -> VegaBin {
    let n = |key: &str| bin.get(key).and_then(Value::as_f64);
    let extent = bin.get("extent").and_then(Value::as_array).filter(|a| a.len() == 2);
    VegaBin {
        most: n("maxbins"),
        step: n("step"),
        steps: bin.get("steps").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_f64).collect(),
        least_step: n("minstep").unwrap_or(0.0),
        base: n("base"),
        extent: extent.and_then(|a| Some([a[0].as_f64()?, a[1].as_f64()?])),
        raw_ends: bin.get("nice") == Some(&Value::Bool(false)),
    }
}

/// Adds the ends of each value's bin.
pub fn bin_rows(rows: Rows, name: &str, bin: &Value, first: &str, second: &str, most: f64) -> Rows {
    let values: Vec<f64> = rows.iter().filter_map(|r| number(field(r, name)?)).collect();
    let Some(bins) = stats::vega_bins(&values, &bin_of(bin), most) else { return rows };
    map(rows, |row| {
        let found = field(row, name).and_then(number).and_then(|v| bins.index(v));
        let [low, high] = found.map_or([Value::Null, Value::Null], |i| bins.edges(i).map(|v| json!(v)));
        row.insert(first.to_owned(), low);
        row.insert(second.to_owned(), high);
    })
}

/// `yearmonth` from a name or `{unit: ..}`, without the zone.
pub fn unit_name(value: &Value) -> Option<String> {
    let name = value.as_str().or_else(|| value.get("unit")?.as_str())?;
    let name = name.trim_start_matches("utc").trim_start_matches("binned");
    (!name.is_empty()).then(|| name.to_owned())
}

/// An instant without the parts its unit leaves out; without a year it lies in 2012.
pub fn truncate(ms: f64, unit: &str) -> f64 {
    let c = civil::civil(ms);
    let has = |part: &str| unit.contains(part);
    let year = if has("year") { c.year } else { 2012 };
    let clock = || {
        let mut t = 0.0;
        if has("hours") {
            t += c.hour as f64 * 3.6e6;
        }
        if has("minutes") {
            t += c.minute as f64 * 6e4;
        }
        if has("seconds") && !has("milliseconds") {
            t += c.second as f64 * 1e3;
        }
        t
    };
    if has("week") {
        let start = civil::days(c.year, c.month, c.day) - c.weekday;
        return start as f64 * civil::DAY;
    }
    if has("dayofyear") {
        let nth = civil::days(c.year, c.month, c.day) - civil::days(c.year, 1, 1);
        return civil::millis(year, 1, 1, nth as f64 * civil::DAY);
    }
    let (month, day) = match () {
        () if has("quarter") => ((c.month - 1) / 3 * 3 + 1, 1),
        // The year 2012 begins on a Sunday, and so do weeks.
        () if has("day") => (1, c.weekday + 1),
        () => (if has("month") { c.month } else { 1 }, if has("date") { c.day } else { 1 }),
    };
    civil::millis(year, month, day, clock())
}

fn fold(rows: &[Row], step: &Value) -> Rows {
    let fields = names(step.get("fold"));
    let made = names(step.get("as"));
    let (key, value) =
        (made.first().cloned().unwrap_or_else(|| "key".into()), made.get(1).cloned().unwrap_or_else(|| "value".into()));
    let mut out = Vec::new();
    for row in rows {
        for name in &fields {
            if out.len() >= MOST {
                return Arc::new(out);
            }
            let mut copy = row.clone();
            copy.insert(key.clone(), name.as_str().into());
            copy.insert(value.clone(), field(row, name).cloned().unwrap_or(Value::Null));
            out.push(copy);
        }
    }
    Arc::new(out)
}

fn flatten(rows: &[Row], step: &Value) -> Rows {
    let fields = names(step.get("flatten"));
    let made = names(step.get("as"));
    let mut out = Vec::new();
    for row in rows {
        let lists: Vec<&Vec<Value>> = fields.iter().filter_map(|f| field(row, f)?.as_array()).collect();
        for i in 0..lists.iter().map(|l| l.len()).max().unwrap_or(0) {
            if out.len() >= MOST {
                return Arc::new(out);
            }
            let mut copy = row.clone();
            for (n, list) in lists.iter().enumerate() {
                let name = made.get(n).or_else(|| fields.get(n)).cloned().unwrap_or_default();
                copy.insert(name, list.get(i).cloned().unwrap_or(Value::Null));
            }
            out.push(copy);
        }
    }
    Arc::new(out)
}

fn stack(rows: Rows, step: &Value) -> Rows {
    let Some(name) = step.get("stack").and_then(Value::as_str) else { return rows };
    let made = names(step.get("as"));
    let first = made.first().cloned().unwrap_or_else(|| format!("{name}_start"));
    let second = made.get(1).cloned().unwrap_or_else(|| format!("{name}_end"));
    let offset = step.get("offset").and_then(Value::as_str).unwrap_or("zero");
    let mut out = Vec::with_capacity(rows.len());
    for mut group in groups(&rows, &names(step.get("groupby"))) {
        sort_rows(&mut group, step.get("sort"));
        let value = |r: &Row| field(r, name).and_then(number).unwrap_or(0.0);
        let total: f64 = group.iter().map(|r| value(r).abs()).sum();
        let (mut up, mut down) = if offset == "center" { (-total / 2.0, 0.0) } else { (0.0, 0.0) };
        for row in group {
            let mut v = value(row);
            if offset == "normalize" && total > 0.0 {
                v /= total;
            }
            let top: &mut f64 = if v < 0.0 { &mut down } else { &mut up };
            let mut copy = row.clone();
            copy.insert(first.clone(), json!(*top));
            *top += v;
            copy.insert(second.clone(), json!(*top));
            out.push(copy);
        }
    }
    Arc::new(out)
}

fn density(rows: &[Row], step: &Value) -> Rows {
    let Some(name) = step.get("density").and_then(Value::as_str) else { return Arc::default() };
    let keys = names(step.get("groupby"));
    let made = names(step.get("as"));
    let (x, y) = (
        made.first().cloned().unwrap_or_else(|| "value".into()),
        made.get(1).cloned().unwrap_or_else(|| "density".into()),
    );
    let all: Vec<f64> = rows.iter().filter_map(|r| number(field(r, name)?)).collect();
    let whole = all.iter().fold([f64::INFINITY, f64::NEG_INFINITY], |[a, b], v| [a.min(*v), b.max(*v)]);
    let given =
        step.get("extent").and_then(Value::as_array).and_then(|a| Some([a.first()?.as_f64()?, a.get(1)?.as_f64()?]));
    let steps =
        step.get("steps").or(step.get("maxsteps")).and_then(Value::as_u64).unwrap_or(100).clamp(2, 1000) as usize;
    let mut out = Vec::new();
    for group in groups(rows, &keys).into_iter().take(500) {
        let values: Vec<f64> = group.iter().filter_map(|r| number(field(r, name)?)).collect();
        let [lo, hi] = given.unwrap_or(whole);
        if values.is_empty() || lo >= hi {
            continue;
        }
        let (at, heights) = stats::density(&values, step.get("bandwidth").and_then(Value::as_f64), lo, hi, steps);
        let scale = if step.get("counts") == Some(&Value::Bool(true)) { values.len() as f64 } else { 1.0 };
        for (a, h) in at.into_iter().zip(heights) {
            let mut row: Row =
                keys.iter().map(|k| (k.clone(), field(group[0], k).cloned().unwrap_or(Value::Null))).collect();
            row.insert(x.clone(), json!(a));
            row.insert(y.clone(), json!(h * scale));
            out.push(row);
        }
    }
    Arc::new(out)
}

/// A straight line through each group; other methods are told.
fn regression(rows: &[Row], step: &Value, notes: &mut Vec<String>) -> Rows {
    let (Some(value), Some(on)) =
        (step.get("regression").and_then(Value::as_str), step.get("on").and_then(Value::as_str))
    else {
        return Arc::default();
    };
    let method = step.get("method").and_then(Value::as_str).unwrap_or("linear");
    if method != "linear" {
        notes.push(format!(
            "A regression by the method {}, of which the straight line is drawn",
            crate::base::text::shorten(method, 20)
        ));
    }
    let keys = names(step.get("groupby"));
    let made = names(step.get("as"));
    let (x, y) = (
        made.first().cloned().unwrap_or_else(|| on.to_owned()),
        made.get(1).cloned().unwrap_or_else(|| value.to_owned()),
    );
    let mut out = Vec::new();
    for group in groups(rows, &keys) {
        let points: Vec<(f64, f64)> =
            group.iter().filter_map(|r| Some((number(field(r, on)?)?, number(field(r, value)?)?))).collect();
        let n = points.len() as f64;
        let (mx, my) = (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
        let spread: f64 = points.iter().map(|p| (p.0 - mx).powi(2)).sum();
        if points.len() < 2 || spread == 0.0 {
            continue;
        }
        let slope = points.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum::<f64>() / spread;
        let ends = points.iter().fold([f64::INFINITY, f64::NEG_INFINITY], |[a, b], p| [a.min(p.0), b.max(p.0)]);
        for at in ends {
            let mut row: Row =
                keys.iter().map(|k| (k.clone(), field(group[0], k).cloned().unwrap_or(Value::Null))).collect();
            row.insert(x.clone(), json!(at));
            row.insert(y.clone(), json!(my + slope * (at - mx)));
            out.push(row);
        }
    }
    Arc::new(out)
}

fn pivot(rows: &[Row], step: &Value) -> Rows {
    let (Some(by), Some(value)) =
        (step.get("pivot").and_then(Value::as_str), step.get("value").and_then(Value::as_str))
    else {
        return Arc::default();
    };
    let keys = names(step.get("groupby"));
    let op = step.get("op").and_then(Value::as_str).unwrap_or("sum");
    let out = groups(rows, &keys).into_iter().map(|group| {
        let mut row: Row =
            keys.iter().map(|k| (k.clone(), field(group[0], k).cloned().unwrap_or(Value::Null))).collect();
        let owned: Vec<Row> = group.iter().map(|r| (*r).clone()).collect();
        for part in groups(&owned, &[by.to_owned()]).into_iter().take(500) {
            let name = field(part[0], by).map(word).unwrap_or_default();
            row.insert(name, fold_rows(&part, op, Some(value)));
        }
        row
    });
    Arc::new(out.collect())
}

fn join(rows: Rows, step: &Value, notes: &mut Vec<String>, lookup: &dyn Fn(&Value) -> Option<Rows>) -> Rows {
    let (Some(own), Some(from)) = (step.get("lookup").and_then(Value::as_str), step.get("from")) else { return rows };
    let found = from.get("data").and_then(lookup);
    let (Some(other), Some(key)) = (found, from.get("key").and_then(Value::as_str)) else {
        notes.push("A lookup whose table is not in the figure".into());
        return rows;
    };
    let index: HashMap<String, &Row> = other.iter().filter_map(|r| Some((word(field(r, key)?), r))).collect();
    let fields = names(from.get("fields"));
    let made = names(step.get("as"));
    let default = step.get("default").cloned().unwrap_or(Value::Null);
    map(rows, |row| {
        let hit = field(row, own).and_then(|v| index.get(&word(v)));
        for (i, name) in fields.iter().enumerate() {
            let value = hit.and_then(|r| field(r, name)).cloned().unwrap_or_else(|| default.clone());
            row.insert(made.get(i).unwrap_or(name).clone(), value);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(rows: Value, steps: Value) -> Value {
        let mut notes = Vec::new();
        let rows = Arc::new(super::super::data::rows(&rows));
        let out = apply(rows, steps.as_array().unwrap(), &mut notes, &|_| None);
        assert!(notes.is_empty(), "{notes:?}");
        json!(*out)
    }

    #[test]
    fn rows_are_transformed_as_vega_does() {
        let rows = json!([{"k": "a", "v": 1}, {"k": "b", "v": 5}, {"k": "a", "v": 3}]);
        let out = run(
            rows.clone(),
            json!([{"aggregate": [{"op": "mean", "field": "v", "as": "m"}, {"op": "count", "as": "n"}], "groupby": ["k"]}]),
        );
        assert_eq!(out, json!([{"k": "a", "m": 2.0, "n": 2}, {"k": "b", "m": 5.0, "n": 1}]));
        let out = run(
            rows.clone(),
            json!([{"window": [{"op": "sum", "field": "v", "as": "s"}, {"op": "rank", "as": "r"}], "sort": [{"field": "v"}]}]),
        );
        assert_eq!(out[2], json!({"k": "b", "v": 5, "s": 9.0, "r": 3}));
        let out = run(
            rows.clone(),
            json!([{"filter": {"field": "v", "range": [2, 4]}}, {"filter": {"not": {"field": "k", "equal": "b"}}}]),
        );
        assert_eq!(out, json!([{"k": "a", "v": 3}]));
        let out = run(json!([{"a": 1, "b": 2}]), json!([{"fold": ["a", "b"]}]));
        assert_eq!(out[1], json!({"a": 1, "b": 2, "key": "b", "value": 2}));
        let out = run(rows.clone(), json!([{"stack": "v", "groupby": ["k"], "as": ["y0", "y1"]}]));
        assert_eq!((&out[1]["y0"], &out[1]["y1"]), (&json!(1.0), &json!(4.0)));
        let out =
            run(json!([{"x": 0, "y": 1}, {"x": 2, "y": 5}, {"x": 1, "y": 3}]), json!([{"regression": "y", "on": "x"}]));
        assert_eq!(out, json!([{"x": 0.0, "y": 1.0}, {"x": 2.0, "y": 5.0}]));
        let out = run(json!([{"t": "2026-03-17"}]), json!([{"timeUnit": "yearmonth", "field": "t", "as": "m"}]));
        assert_eq!(out[0]["m"], json!(civil::millis(2026, 3, 1, 0.0)));
        let out = run(rows, json!([{"pivot": "k", "value": "v"}]));
        assert_eq!(out, json!([{"a": 4.0, "b": 5.0}]));
    }
}
