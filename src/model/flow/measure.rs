//! Figures from a replayed log.
use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date};

use super::{
    BurnDown, CardFlow, ColumnFlow, Config, Cycle, Event, Little, PERCENTILES, Report, Sle,
    forecast::forecast,
    percentile,
    replay::{Replay, Span, Track, replay},
};

const DAY_MS: f64 = 86_400_000.0;

/// Local calendar of a measurement.
struct Calendar<'a> {
    config: &'a Config,
    now: i64,
    from: i64,
    /// End of the span in which areas are integrated: the window's end or now.
    to: i64,
}

impl Calendar<'_> {
    fn date(&self, ms: i64) -> Date {
        Timestamp::from_millisecond(ms).unwrap_or_default().to_zoned(self.config.tz.clone()).date()
    }
    /// First instant of a local day.
    fn start_of(&self, day: Date) -> i64 {
        let zoned = day.to_zoned(self.config.tz.clone()).and_then(|z| z.start_of_day());
        zoned.map_or(0, |z| z.timestamp().as_millisecond())
    }
    fn days_between(&self, from: i64, to: i64) -> i64 {
        days(self.date(from), self.date(to)) + 1
    }
    fn window(&self) -> impl Iterator<Item = Date> {
        let (from, to) = (self.config.from, self.config.to);
        std::iter::successors(Some(from), |d| d.tomorrow().ok()).take_while(move |d| *d <= to)
    }
    fn in_window(&self, ms: i64) -> bool {
        (self.config.from..=self.config.to).contains(&self.date(ms))
    }
}

fn days(from: Date, to: Date) -> i64 {
    (to - from).get_days().into()
}

fn end_of(calendar: &Calendar<'_>, day: Date) -> i64 {
    day.tomorrow().map_or(i64::MAX, |d| calendar.start_of(d))
}

/// Measures everything.
pub fn measure(config: &Config, events: &[Event]) -> Report {
    let Replay { cards: tracks, anomalies } = replay(config, events);
    let now = config.now.as_millisecond();
    let mut calendar = Calendar { config, now, from: 0, to: 0 };
    calendar.from = calendar.start_of(config.from);
    calendar.to = end_of(&calendar, config.to).min(now).max(calendar.from);
    let calendar = calendar;

    let cards: BTreeMap<String, CardFlow> = tracks.iter().map(|(id, t)| (id.clone(), card(&calendar, t))).collect();
    let finished: Vec<(&Track, &CardFlow)> =
        tracks.values().zip(cards.values()).filter(|(t, _)| t.finish.is_some_and(|f| calendar.in_window(f))).collect();
    let counted: Vec<(&Track, &CardFlow)> = finished.iter().copied().filter(|(t, _)| !t.censored).collect();
    let throughput_daily = throughput(&calendar, &finished);
    let cycle = cycle(&counted);
    let (columns, bottleneck) = columns(&calendar, &tracks);
    let samples: Vec<usize> = throughput_daily.iter().map(|(_, n)| *n).collect();
    let (cfd, wip_daily) = daily(&calendar, &tracks);
    Report {
        anomalies,
        throughput_weekly: weekly(&throughput_daily),
        cfd,
        wip_daily,
        pace_days: pace(&calendar, &tracks),
        sle: sle(config, &counted, &cards, cycle_days(&counted)),
        flow_efficiency: efficiency(&counted),
        little: little(&calendar, &tracks, &cycle),
        forecast: forecast(&samples, config.forecast_days, config.forecast_items),
        sprint: burn_down(&calendar, &tracks),
        cycle,
        columns,
        bottleneck,
        throughput_daily,
        cards,
    }
}

fn card(calendar: &Calendar<'_>, t: &Track) -> CardFlow {
    let columns = &calendar.config.columns;
    let mut column_ms: BTreeMap<String, i64> = BTreeMap::new();
    for span in t.spans.iter().filter(|s| !s.deleted) {
        *column_ms.entry(columns[span.column].id.clone()).or_default() += span.to - span.from;
    }
    let done = columns[t.column].done;
    let cycle = match (t.start, t.finish, t.censored) {
        (Some(start), Some(finish), false) => Some((start, finish)),
        _ => None,
    };
    let aged = t.start.filter(|_| !done && !t.deleted);
    let active = |span: &&Span| columns[span.column].active && !span.blocked && !span.deleted;
    CardFlow {
        column: columns[t.column].id.clone(),
        created_ms: t.created,
        start_ms: t.start,
        censored: t.censored,
        finish_ms: t.finish,
        cycle_ms: cycle.map(|(s, f)| f - s),
        cycle_days: cycle.map(|(s, f)| calendar.days_between(s, f)),
        lead_ms: t.created.zip(t.finish).map(|(c, f)| f - c),
        age_ms: aged.map(|s| calendar.now - s),
        age_days: aged.map(|s| calendar.days_between(s, calendar.now)),
        column_ms,
        blocked_ms: t.spans.iter().filter(|s| s.blocked && !s.deleted).map(|s| s.to - s.from).sum(),
        active_ms: cycle.map(|(s, f)| t.spans.iter().filter(active).map(|span| overlap(span, s, f)).sum()),
        backflows: t.backflows,
        reopens: t.reopens,
        deleted: t.deleted,
    }
}

fn overlap(span: &Span, from: i64, to: i64) -> i64 {
    (span.to.min(to) - span.from.max(from)).max(0)
}

fn throughput(calendar: &Calendar<'_>, finished: &[(&Track, &CardFlow)]) -> Vec<(Date, usize)> {
    let mut by_day: BTreeMap<Date, usize> = calendar.window().map(|d| (d, 0)).collect();
    for finish in finished.iter().filter_map(|(t, _)| t.finish) {
        *by_day.entry(calendar.date(finish)).or_default() += 1;
    }
    by_day.into_iter().collect()
}

fn weekly(daily: &[(Date, usize)]) -> Vec<(String, usize)> {
    let mut weeks: Vec<(String, usize)> = Vec::new();
    for (day, n) in daily {
        let week = day.iso_week_date();
        let name = format!("{}-W{:02}", week.year(), week.week());
        match weeks.last_mut().filter(|(w, _)| *w == name) {
            Some((_, sum)) => *sum += n,
            None => weeks.push((name, *n)),
        }
    }
    weeks
}

fn cycle_days(counted: &[(&Track, &CardFlow)]) -> Vec<i64> {
    let mut all: Vec<i64> = counted.iter().filter_map(|(_, c)| c.cycle_days).collect();
    all.sort_unstable();
    all
}

fn cycle(counted: &[(&Track, &CardFlow)]) -> Cycle {
    let mut ms: Vec<i64> = counted.iter().filter_map(|(_, c)| c.cycle_ms).collect();
    ms.sort_unstable();
    let days = cycle_days(counted);
    let mean = (!ms.is_empty()).then(|| ms.iter().sum::<i64>() as f64 / ms.len() as f64);
    Cycle {
        n: ms.len(),
        mean_ms: mean,
        ms: PERCENTILES.map(|p| percentile(&ms, p)),
        days: PERCENTILES.map(|p| percentile(&days, p)),
    }
}

/// The state of every card at the end of every day of the window that has ended.
type Daily = (Vec<(Date, Vec<usize>)>, Vec<(Date, usize)>);

fn daily(calendar: &Calendar<'_>, tracks: &BTreeMap<String, Track>) -> Daily {
    let columns = &calendar.config.columns;
    let ends: Vec<(Date, i64)> =
        calendar.window().map(|d| (d, end_of(calendar, d))).filter(|(_, end)| *end <= calendar.now).collect();
    let mut counts = vec![vec![0usize; columns.len()]; ends.len()];
    let mut wip = vec![0usize; ends.len()];
    for span in tracks.values().flat_map(|t| &t.spans).filter(|s| !s.deleted) {
        // A day that ends within (from, to] shows this span; an event at midnight belongs to the day that begins.
        let first = ends.partition_point(|(_, end)| *end <= span.from);
        let last = ends.partition_point(|(_, end)| *end <= span.to);
        for day in first..last {
            counts[day][span.column] += 1;
            if span.started && !columns[span.column].done {
                wip[day] += 1;
            }
        }
    }
    let dates = || ends.iter().map(|(d, _)| *d);
    (dates().zip(counts).collect(), dates().zip(wip).collect())
}

fn pace(calendar: &Calendar<'_>, tracks: &BTreeMap<String, Track>) -> BTreeMap<String, [Option<i64>; 2]> {
    let columns = &calendar.config.columns;
    let start_at = columns.iter().position(|c| c.id == calendar.config.start_column).unwrap_or(columns.len());
    let mut out = BTreeMap::new();
    for (at, column) in columns.iter().enumerate().skip(start_at).filter(|(_, c)| !c.done) {
        let mut ages: Vec<i64> = tracks
            .values()
            .filter(|t| !t.censored && t.finish.is_some_and(|f| calendar.in_window(f)))
            .filter_map(|t| {
                let left = t.exits.iter().rev().find(|(c, _)| *c == at)?.1;
                t.start.filter(|s| *s <= left).map(|s| calendar.days_between(s, left))
            })
            .collect();
        ages.sort_unstable();
        out.insert(column.id.clone(), [percentile(&ages, 50), percentile(&ages, 85)]);
    }
    out
}

fn sle(config: &Config, counted: &[(&Track, &CardFlow)], cards: &BTreeMap<String, CardFlow>, days: Vec<i64>) -> Sle {
    let limit = config.sle_days.or_else(|| percentile(&days, config.sle_percent));
    let within = limit.map(|l| counted.iter().filter(|(_, c)| c.cycle_days.is_some_and(|d| d <= l)).count());
    Sle {
        percent: config.sle_percent,
        days: limit,
        attained: within.filter(|_| !counted.is_empty()).map(|n| n as f64 / counted.len() as f64),
        breached: cards
            .iter()
            .filter(|(_, c)| limit.zip(c.age_days).is_some_and(|(l, age)| age > l))
            .map(|(id, _)| id.clone())
            .collect(),
    }
}

fn efficiency(counted: &[(&Track, &CardFlow)]) -> Option<f64> {
    let cycle: i64 = counted.iter().filter_map(|(_, c)| c.cycle_ms).sum();
    let active: i64 = counted.iter().filter_map(|(_, c)| c.active_ms).sum();
    (cycle > 0).then(|| active as f64 / cycle as f64)
}

fn is_wip(calendar: &Calendar<'_>, span: &Span) -> bool {
    span.started && !span.deleted && !calendar.config.columns[span.column].done
}

fn little(calendar: &Calendar<'_>, tracks: &BTreeMap<String, Track>, cycle: &Cycle) -> Little {
    let (from, to) = (calendar.from, calendar.to);
    let span_ms = (to - from) as f64;
    let inside = |ms: i64| (from..to).contains(&ms);
    let spans = || tracks.values().flat_map(|t| &t.spans).filter(|s| is_wip(calendar, s));
    let area: i64 = spans().map(|s| overlap(s, from, to)).sum();
    let departures = tracks.values().filter(|t| t.finish.is_some_and(inside)).count();
    let avg_wip = if span_ms > 0.0 { area as f64 / span_ms } else { 0.0 };
    let per_day = if span_ms > 0.0 { departures as f64 / (span_ms / DAY_MS) } else { 0.0 };
    let mean_cycle_days = cycle.mean_ms.map(|ms| ms / DAY_MS);
    let product = mean_cycle_days.map(|w| per_day * w).filter(|p| *p > 0.0);
    let at = |ms: i64| spans().filter(|s| s.from < ms && ms <= s.to).count();
    Little {
        avg_wip,
        per_day,
        mean_cycle_days,
        ratio: product.map(|p| avg_wip / p),
        arrivals: tracks.values().filter(|t| t.start.is_some_and(inside)).count(),
        departures,
        wip_from: at(from),
        wip_to: at(to),
    }
}

fn columns(calendar: &Calendar<'_>, tracks: &BTreeMap<String, Track>) -> (Vec<ColumnFlow>, Option<String>) {
    let config = calendar.config;
    let (from, to) = (calendar.from, calendar.to);
    let start_at = config.columns.iter().position(|c| c.id == config.start_column).unwrap_or(config.columns.len());
    let inside = |ms: i64| (from..to).contains(&ms);
    let mut out: Vec<ColumnFlow> = Vec::new();
    for (at, column) in config.columns.iter().enumerate() {
        let spans: Vec<&Span> =
            tracks.values().flat_map(|t| &t.spans).filter(|s| s.column == at && !s.deleted).collect();
        let area_ms: i64 = spans.iter().map(|s| overlap(s, from, to)).sum();
        let through = |all: fn(&Track) -> &[(usize, i64)]| {
            let n = tracks.values().flat_map(all).filter(|(c, ms)| *c == at && inside(*ms)).count();
            u32::try_from(n).unwrap_or(u32::MAX)
        };
        let limits = column.wip.map(|wip| time_at(&spans, from, to, wip as i64));
        out.push(ColumnFlow {
            id: column.id.clone(),
            area_ms,
            avg_count: if to > from { area_ms as f64 / (to - from) as f64 } else { 0.0 },
            entries: through(|t| &t.entries),
            exits: through(|t| &t.exits),
            at_limit_ms: limits.map(|(at, _)| at),
            over_limit_ms: limits.map(|(_, over)| over),
            blocked_ms: spans.iter().filter(|s| s.blocked).map(|s| overlap(s, from, to)).sum(),
            time_share: None,
        });
    }
    let working = |i: usize| i >= start_at && !config.columns[i].done;
    let total: i64 = out.iter().enumerate().filter(|(i, _)| working(*i)).map(|(_, c)| c.area_ms).sum();
    for (i, column) in out.iter_mut().enumerate().filter(|(i, _)| working(*i)) {
        let _ = i;
        column.time_share = (total > 0).then(|| column.area_ms as f64 / total as f64);
    }
    let rank = |c: &ColumnFlow| (c.area_ms, i64::from(c.entries) - i64::from(c.exits));
    let mut worst: Option<&ColumnFlow> = None;
    for (_, column) in out.iter().enumerate().filter(|(i, _)| working(*i)) {
        if worst.is_none_or(|w| rank(column) > rank(w)) {
            worst = Some(column);
        }
    }
    let bottleneck = worst.filter(|_| total > 0).map(|c| c.id.clone());
    (out, bottleneck)
}

/// Time with at least `wip` and with more than `wip` cards.
fn time_at(spans: &[&Span], from: i64, to: i64, wip: i64) -> (i64, i64) {
    let mut steps: BTreeMap<i64, i64> = BTreeMap::from([(from, 0), (to, 0)]);
    for span in spans {
        let (a, b) = (span.from.max(from), span.to.min(to));
        if a < b {
            *steps.entry(a).or_default() += 1;
            *steps.entry(b).or_default() -= 1;
        }
    }
    let (mut count, mut last, mut at, mut over) = (0, from, 0, 0);
    for (ms, step) in steps {
        if count >= wip {
            at += ms - last;
        }
        if count > wip {
            over += ms - last;
        }
        last = ms;
        count += step;
    }
    (at, over)
}

fn burn_down(calendar: &Calendar<'_>, tracks: &BTreeMap<String, Track>) -> Vec<BurnDown> {
    let Some(sprint) = &calendar.config.sprint else { return Vec::new() };
    let total = days(sprint.from, sprint.to) + 1;
    let mut rows: Vec<BurnDown> = Vec::new();
    let first = sprint.from.yesterday().unwrap_or(sprint.from);
    let dates = std::iter::successors(Some(first), |d| d.tomorrow().ok()).take_while(|d| *d <= sprint.to);
    for (n, date) in dates.enumerate() {
        let end = end_of(calendar, date);
        if end > calendar.now && n > 0 {
            break;
        }
        let (mut scope, mut completed) = (0.0, 0.0);
        for track in tracks.values() {
            let name = track.sprints.iter().rev().find(|(ms, _)| *ms < end).map(|(_, s)| s.as_str());
            let span = track.spans.iter().find(|s| s.from < end && end <= s.to);
            let Some(span) = span.filter(|s| !s.deleted && name == Some(sprint.name.as_str())) else { continue };
            let points = track.points.iter().rev().find(|(ms, _)| *ms < end).map_or(0.0, |(_, p)| *p);
            scope += points;
            if calendar.config.columns[span.column].done {
                completed += points;
            }
        }
        let remaining = scope - completed;
        let start = rows.first().map_or(remaining, |r| r.remaining);
        let ideal = start * (1.0 - n as f64 / total as f64);
        rows.push(BurnDown { date, scope, remaining, completed, ideal });
    }
    rows
}
