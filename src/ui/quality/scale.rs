//! From values and instants to places on the screen: ticks, an axis break, labels that do not overlap.
use egui::Rect;
use jiff::{Timestamp, ToSpan, civil, tz::TimeZone};

use crate::{
    app::quality::Chart,
    base::time::local_zone,
    model::{quality::Unit, series::Axis},
};

/// Share of the height a break takes.
const BREAK: f64 = 0.14;

/// The value axis, with at most one stretch left out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Values {
    low: f64,
    high: f64,
    /// From and to of the stretch left out.
    pub cut: Option<(f64, f64)>,
}

impl Values {
    /// An axis that shows all `values`. When a few of them lie far away, what is between is left out.
    pub(super) fn new(values: &[f64]) -> Self {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let (Some(&first), Some(&last)) = (sorted.first(), sorted.last()) else {
            return Self { low: 0.0, high: 1.0, cut: None };
        };
        let span = last - first;
        if span <= first.abs().max(last.abs()) * 1e-12 {
            let pad = if first == 0.0 { 1.0 } else { first.abs() * 0.1 };
            return Self { low: first - pad, high: first + pad, cut: None };
        }
        let widest =
            (1..sorted.len()).max_by(|&a, &b| (sorted[a] - sorted[a - 1]).total_cmp(&(sorted[b] - sorted[b - 1])));
        if let Some(i) = widest
            && sorted[i] - sorted[i - 1] > span * 0.6
            && sorted.len() >= 8
            && i.min(sorted.len() - i) * 4 <= sorted.len()
        {
            let (below, above) = (sorted[i - 1] - first, last - sorted[i]);
            let pad = below.max(above).max(span * 0.01) * 0.12;
            let cut = (sorted[i - 1] + pad, sorted[i] - pad);
            return Self { low: first - pad, high: last + pad, cut: Some(cut).filter(|(a, b)| a < b) };
        }
        let pad = span * 0.06;
        Self { low: first - pad, high: last + pad, cut: None }
    }

    /// Without a break, for pictures that have no labels to tell of it.
    pub(super) fn whole(mut self) -> Self {
        self.cut = None;
        self
    }

    /// Keeps the axis within what values can be: a share does not pass 100 % by much.
    pub(super) fn within(mut self, unit: Unit) -> Self {
        if unit != Unit::Value && self.low < 0.0 {
            self.low = -(self.high - self.low) * 0.02;
        }
        if unit == Unit::Share && self.high > 1.0 {
            self.high = 1.0 + (1.0 - self.low).max(1e-6) * 0.03;
        }
        self
    }

    /// 0 at the bottom to 1 at the top.
    pub(super) fn share(&self, value: f64) -> f64 {
        let Some((from, to)) = self.cut else { return (value - self.low) / (self.high - self.low) };
        let shown = (from - self.low) + (self.high - to);
        let scale = (1.0 - BREAK) / shown;
        if value <= from {
            (value - self.low) * scale
        } else if value >= to {
            (from - self.low) * scale + BREAK + (value - to) * scale
        } else {
            (from - self.low) * scale + BREAK * (value - from) / (to - from)
        }
    }

    /// Place on the screen.
    pub(super) fn y(&self, value: f64, rect: Rect) -> f32 {
        rect.bottom() - self.share(value) as f32 * rect.height()
    }

    /// Round values to label, at most about `count`, none inside the break, with their words.
    pub(super) fn ticks(&self, count: usize, chart: &Chart) -> Vec<(f64, String)> {
        let stretches = match self.cut {
            Some((from, to)) => vec![(self.low, from), (to, self.high)],
            None => vec![(self.low, self.high)],
        };
        let shown: f64 = stretches.iter().map(|(a, b)| b - a).sum();
        let scale = if chart.unit == Unit::Share { 100.0 } else { 1.0 };
        let step = nice(shown * scale / count.max(1) as f64) / scale;
        let whole = matches!(chart.unit, Unit::Rows | Unit::FailingRows | Unit::Columns);
        let step = if whole { step.max(1.0) } else { step };
        let mut ticks = Vec::new();
        for (low, high) in stretches {
            let mut at = (low / step).ceil() * step;
            let before = ticks.len();
            while at <= high && ticks.len() < 40 {
                let over = chart.unit == Unit::Share && at > 1.0 + 1e-9;
                let under = chart.unit != Unit::Value && at < -1e-9;
                if !over && !under {
                    ticks.push((at, tick_words(chart, at, step)));
                }
                at += step;
            }
            // A stretch too short for a round value still says where it is.
            if ticks.len() == before && self.cut.is_some() {
                let middle = f64::midpoint(low, high);
                ticks.push((middle, chart.unit.show(middle)));
            }
        }
        ticks
    }
}

/// 1, 2 or 5 times a power of ten, not below `raw`.
fn nice(raw: f64) -> f64 {
    let power = 10f64.powf(raw.max(1e-300).log10().floor());
    let part = raw / power;
    power
        * if part <= 1.0 {
            1.0
        } else if part <= 2.0 {
            2.0
        } else if part <= 5.0 {
            5.0
        } else {
            10.0
        }
}

fn tick_words(chart: &Chart, value: f64, step: f64) -> String {
    match chart.unit {
        Unit::Share => {
            let digits = (-(step * 100.0).log10()).ceil().clamp(0.0, 4.0) as usize;
            format!("{:.digits$} %", value * 100.0)
        }
        Unit::Hours if step >= 1.0 => format!("{value:.0} h"),
        // Steps are round, so rounding errors of the sum are all that is cut here.
        _ => chart.unit.show((value / step).round() * step),
    }
}

/// The time axis: from and to in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Times {
    pub from: f64,
    pub to: f64,
}

impl Times {
    /// Place on the screen.
    pub(super) fn x(&self, seconds: f64, rect: Rect) -> f32 {
        rect.left() + ((seconds - self.from) / (self.to - self.from)) as f32 * rect.width()
    }
    /// The instant at a place.
    pub(super) fn at(&self, x: f32, rect: Rect) -> f64 {
        self.from + f64::from((x - rect.left()) / rect.width().max(1.0)) * (self.to - self.from)
    }
    /// Instants to label, at most about `count`: days of the local calendar, or of the data's.
    pub(super) fn ticks(&self, count: usize, axis: Axis) -> Vec<(f64, String)> {
        let zone = if axis == Axis::Data { TimeZone::UTC } else { local_zone() };
        let rough = (self.to - self.from) / count.max(1) as f64;
        if rough > 43_200.0 { self.days(rough, &zone) } else { self.clock(rough, &zone) }
    }

    fn days(&self, rough: f64, zone: &TimeZone) -> Vec<(f64, String)> {
        let steps = [1, 2, 7, 14, 28, 91, 182, 365, 730, 1825, 3650];
        let step = steps.into_iter().find(|s| f64::from(*s) * 86_400.0 >= rough).unwrap_or(3650);
        let Some(start) = zoned(self.from, zone) else { return Vec::new() };
        let mut date = start.date();
        // Weeks begin on Monday, months and years on their first day.
        if step % 7 == 0 && step < 28 {
            date = date.saturating_sub(i64::from(date.weekday().to_monday_zero_offset()).days());
        } else if step >= 28 {
            date = date.first_of_month();
        }
        let months = i32::max(step / 30, 1);
        let mut out = Vec::new();
        while out.len() < 60 {
            let Ok(at) = date.to_zoned(zone.clone()) else { break };
            let seconds = at.timestamp().as_second() as f64;
            if seconds > self.to {
                break;
            }
            if seconds >= self.from {
                out.push((seconds, day_words(date, step)));
            }
            let next = if step >= 28 { date.checked_add(months.months()) } else { date.checked_add(step.days()) };
            let Ok(next) = next else { break };
            date = next;
        }
        out
    }

    fn clock(&self, rough: f64, zone: &TimeZone) -> Vec<(f64, String)> {
        let steps = [1.0, 5.0, 15.0, 30.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 10_800.0, 21_600.0, 43_200.0];
        let step = steps.into_iter().find(|s| *s >= rough).unwrap_or(43_200.0);
        let Some(start) = zoned(self.from, zone) else { return Vec::new() };
        let offset = f64::from(start.offset().seconds());
        let mut at = ((self.from + offset) / step).ceil() * step - offset;
        let mut out = Vec::new();
        let mut day = None;
        while at <= self.to && out.len() < 60 {
            let Some(here) = zoned(at, zone) else { break };
            let form = match (step < 60.0, day.replace(here.date()) == Some(here.date())) {
                (true, _) => "%H:%M:%S",
                (false, true) => "%H:%M",
                (false, false) => "%-d %b %H:%M",
            };
            out.push((at, here.strftime(form).to_string()));
            at += step;
        }
        out
    }
}

fn zoned(seconds: f64, zone: &TimeZone) -> Option<jiff::Zoned> {
    Timestamp::from_second(seconds as i64).ok().map(|t| t.to_zoned(zone.clone()))
}

fn day_words(date: civil::Date, step: i32) -> String {
    let form = match step {
        0..28 => "%-d %b",
        28..365 => "%b %Y",
        _ => "%Y",
    };
    date.strftime(form).to_string()
}

/// Moves places apart so that none is nearer than `least` to the one above it; keeps them within the range.
pub(super) fn spread(places: &mut [(f32, usize)], least: f32, top: f32, bottom: f32) {
    places.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut floor = top;
    for place in places.iter_mut() {
        place.0 = place.0.max(floor);
        floor = place.0 + least;
    }
    let mut ceiling = bottom;
    for place in places.iter_mut().rev() {
        place.0 = place.0.min(ceiling);
        ceiling = place.0 - least;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_point_far_away_breaks_the_axis_and_keeps_the_order() {
        let mut values: Vec<f64> = (0..30).map(|i| 0.995 + f64::from(i % 5) * 0.001).collect();
        values.push(0.931);
        let axis = Values::new(&values);
        let (from, to) = axis.cut.unwrap();
        assert!(from > 0.931 && to < 0.995, "{axis:?}");
        assert!(axis.share(0.931) < axis.share(from) && axis.share(from) < axis.share(to));
        assert!(axis.share(to) < axis.share(0.995) && axis.share(0.999) <= 1.0);
        assert!(Values::new(&[1.0, 2.0, 3.0, 90.0]).cut.is_none(), "too few points to call one far away");
    }

    #[test]
    fn equal_values_and_no_values_have_an_axis() {
        for values in [&[][..], &[5.0], &[0.0, 0.0], &[f64::NAN]] {
            let axis = Values::new(values);
            assert!(axis.share(values.first().copied().filter(|v| v.is_finite()).unwrap_or(0.5)).is_finite());
        }
    }

    #[test]
    fn ticks_of_a_month_are_mondays_and_of_an_hour_minutes() {
        let from = "2026-10-18T00:00:00Z".parse::<Timestamp>().unwrap().as_second() as f64;
        let words: Vec<_> =
            Times { from, to: from + 30.0 * 86_400.0 }.ticks(5, Axis::Data).into_iter().map(|t| t.1).collect();
        assert_eq!(words, ["19 Oct", "26 Oct", "2 Nov", "9 Nov", "16 Nov"]);
        let words: Vec<_> = Times { from, to: from + 3600.0 }.ticks(4, Axis::Data).into_iter().map(|t| t.1).collect();
        assert_eq!(words, ["18 Oct 00:00", "00:15", "00:30", "00:45", "01:00"]);
        assert!(Times { from, to: from + 1e10 }.ticks(5, Axis::Data).len() < 61);
        assert!(Times { from: -1e18, to: 1e18 }.ticks(5, Axis::Run).is_empty());
    }

    #[test]
    fn labels_move_apart() {
        let mut places = [(10.0, 0), (11.0, 1), (12.0, 2)];
        spread(&mut places, 13.0, 0.0, 100.0);
        assert!(places.windows(2).all(|w| w[1].0 - w[0].0 >= 13.0));
        let mut places = [(98.0, 0), (99.0, 1)];
        spread(&mut places, 13.0, 0.0, 100.0);
        assert_eq!(places[1].0 - places[0].0, 13.0);
    }
}
