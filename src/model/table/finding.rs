//! What is worth a sentence about a table: one at most is shown, the most telling one.
use super::{Column, ColumnProfile, Kind, Shape, show_float};
use crate::base::text::{count, shorten, thousands};

/// A sentence, what it rests on, and the column that shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub title: String,
    pub detail: String,
    /// Charted by its button.
    pub column: String,
}

/// A value that stands out among the rows that are left after filters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leader {
    pub column: String,
    pub value: String,
    /// Rows left that have it.
    pub rows: u64,
}

/// Columns whose values repeat often enough that one of them could stand out.
pub fn candidates(profiles: &[Option<ColumnProfile>], filtered: &[&str]) -> Vec<String> {
    let repeats = |p: &&ColumnProfile| {
        let few = p.distinct.is_some_and(|d| (2..=500).contains(&d) && d * 4 <= p.rows);
        few && matches!(p.column.kind, Kind::Text | Kind::Bool | Kind::Int)
            && !filtered.contains(&p.column.name.as_str())
    };
    profiles.iter().flatten().filter(repeats).take(8).map(|p| p.column.name.clone()).collect()
}

fn share_in_whole(profile: &ColumnProfile, value: &str) -> Option<f64> {
    let Shape::Top(top) = &profile.shape else { return None };
    let found = top.iter().find(|t| t.value.plain() == value).map_or(0, |t| t.count);
    (profile.rows > 0).then(|| found as f64 / profile.rows as f64)
}

/// What the rows left have in common that the whole table has not.
pub fn of_filtered(leaders: &[Leader], left: u64, profiles: &[Option<ColumnProfile>]) -> Option<Finding> {
    let telling = |l: &Leader| {
        let profile = profiles.iter().flatten().find(|p| p.column.name == l.column)?;
        let whole = share_in_whole(profile, &l.value)?;
        let here = l.rows as f64 / left.max(1) as f64;
        (here >= 0.8 && whole <= 0.6 && here - whole >= 0.3).then_some((l.clone(), here, whole))
    };
    let best = leaders.iter().filter_map(telling).max_by(|a, b| (a.1 - a.2).total_cmp(&(b.1 - b.2)));
    let (leader, here, whole) = best.filter(|_| left >= 5)?;
    let value = shorten(&leader.value, 30);
    let title = if leader.rows == left {
        format!("All {} rows have {} {value}", thousands(left), leader.column)
    } else {
        format!("{} of the rows left have {} {value}", percent(here), leader.column)
    };
    let sampled = profiles.iter().flatten().any(|p| p.column.name == leader.column && p.sampled.is_some());
    let about = if sampled { "about " } else { "" };
    let detail = format!("In the whole table it is {about}{}.", percent(whole));
    Some(Finding { title, detail, column: leader.column })
}

fn percent(share: f64) -> String {
    let share = share * 100.0;
    if share > 0.0 && share < 1.0 { format!("{share:.1} %") } else { format!("{share:.0} %") }
}

/// What one column's profile says, if anything deserves a sentence.
pub fn of_column(profile: &ColumnProfile) -> Option<Finding> {
    let name = &profile.column.name;
    let filled = profile.rows.saturating_sub(profile.nulls);
    let finding = |title: String, detail: String| Some(Finding { title, detail, column: name.clone() });
    if profile.rows < 5 {
        return None;
    }
    if filled == 0 {
        return finding(format!("{name} is empty"), format!("None of the {} has a value.", count(profile.rows, "row")));
    }
    if profile.distinct == Some(1) {
        let value = shorten(&profile.min.show(profile.column.grouped()), 30);
        return finding(format!("{name} never changes"), format!("Every value is {value}."));
    }
    if profile.null_share() >= 0.2 {
        let detail = format!("{} of {} are missing.", thousands(profile.nulls), count(profile.rows, "value"));
        return finding(format!("{} of {name} is missing", percent(profile.null_share())), detail);
    }
    if profile.distinct == Some(filled) && !profile.distinct_approx && filled >= 20 && profile.sampled.is_none() {
        if matches!(profile.column.kind, Kind::Float) {
            return None;
        }
        return finding(format!("Every {name} is different"), "It could serve as a key of the table.".to_owned());
    }
    if let Some(found) = far_value(profile) {
        return Some(found);
    }
    let Shape::Top(top) = &profile.shape else { return None };
    let first = top.first()?;
    let share = first.count as f64 / filled as f64;
    if share < 0.8 || profile.distinct == Some(1) {
        return None;
    }
    let value = shorten(&first.value.show(false), 30);
    finding(
        format!("{} of {name} is {value}", percent(share)),
        format!("{} of {}.", thousands(first.count), count(filled, "value")),
    )
}

/// A largest or smallest value that is far from all the others.
fn far_value(profile: &ColumnProfile) -> Option<Finding> {
    let (median, p95, std) = (profile.median?, profile.p95?, profile.std?);
    let (min, max) = (profile.min.number()?, profile.max.number()?);
    let reach = (p95 - median).abs().max(std * 0.5);
    if reach <= 0.0 {
        return None;
    }
    let name = &profile.column.name;
    let far = |value: f64| (value - median).abs() / reach;
    let (word, value, times) =
        if far(max) >= far(min) { ("largest", max, far(max)) } else { ("smallest", min, far(min)) };
    let std_away = (value - profile.mean?).abs() / std.max(f64::MIN_POSITIVE);
    (times >= 8.0 && std_away >= 8.0).then(|| Finding {
        title: format!("The {word} {name} stands far out"),
        detail: format!(
            "It is {}; 95 % of the values are at most {}, the median is {}.",
            show_float(value),
            show_float(p95),
            show_float(median)
        ),
        column: name.clone(),
    })
}

/// What a table of these columns could be asked, for a table nobody has filtered.
pub fn of_table(columns: &[Column], profiles: &[Option<ColumnProfile>], focus: Option<usize>) -> Option<Finding> {
    let profile = profiles.get(focus.filter(|f| *f < columns.len())?)?.as_ref()?;
    of_column(profile)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::table::{Cell, Top};

    fn text(name: &str, rows: u64, tops: &[(&str, u64)]) -> ColumnProfile {
        let top = tops.iter().map(|(v, n)| Top { value: Cell::Text((*v).into()), count: *n }).collect();
        ColumnProfile {
            rows,
            distinct: Some(tops.len() as u64),
            shape: Shape::Top(top),
            ..ColumnProfile::empty(Column::new(name, "str", Kind::Text))
        }
    }

    #[test]
    fn what_the_rows_left_share_is_said() {
        let profiles = [Some(text("carrier", 18_732, &[("WN", 9_000), ("AA", 8_000), ("G7", 1_732)])), None];
        assert_eq!(candidates(&profiles, &[]), ["carrier"]);
        assert!(candidates(&profiles, &["carrier"]).is_empty(), "what is filtered by says nothing");
        let leader = |rows| [Leader { column: "carrier".into(), value: "G7".into(), rows }];
        let found = of_filtered(&leader(1_284), 1_284, &profiles).unwrap();
        assert_eq!(found.title, "All 1,284 rows have carrier G7");
        assert_eq!(found.detail, "In the whole table it is 9 %.");
        assert_eq!(
            of_filtered(&leader(1_200), 1_284, &profiles).unwrap().title,
            "93 % of the rows left have carrier G7"
        );
        assert_eq!(of_filtered(&leader(600), 1_284, &profiles), None);
        assert_eq!(of_filtered(&leader(3), 3, &profiles), None, "three rows are no pattern");
    }

    #[test]
    fn a_column_gets_one_sentence_at_most() {
        let title = |p: &ColumnProfile| of_column(p).map(|f| f.title);
        assert_eq!(title(&text("unit", 100, &[("min", 92), ("hhmm", 8)])), Some("92 % of unit is min".into()));
        assert_eq!(title(&text("unit", 100, &[("min", 52), ("hhmm", 48)])), None);
        let one = ColumnProfile { min: Cell::Text("x".into()), ..text("a", 100, &[("x", 100)]) };
        assert_eq!(title(&one), Some("a never changes".into()));
        let gaps = ColumnProfile { nulls: 31, ..text("b", 100, &[("x", 40), ("y", 29)]) };
        assert_eq!(title(&gaps), Some("31 % of b is missing".into()));
        let number = ColumnProfile {
            rows: 1000,
            distinct: Some(500),
            min: Cell::Int(0),
            max: Cell::Int(99_999),
            mean: Some(20.0),
            median: Some(12.0),
            p95: Some(60.0),
            std: Some(110.0),
            ..ColumnProfile::empty(Column::new("delay", "i64", Kind::Int))
        };
        assert_eq!(title(&number), Some("The largest delay stands far out".into()));
        assert_eq!(title(&ColumnProfile { max: Cell::Int(300), ..number }), None);
    }
}
