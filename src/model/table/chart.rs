//! Charts of a table: which kind fits which columns, and the points that are drawn.
use super::{Column, Kind};

/// How a chart is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mark {
    /// How often values come, in bars of equal width.
    Histogram,
    /// A figure for each value of a column.
    Bar,
    /// Values along an ordered column.
    Line,
    /// One point a row.
    Scatter,
}

impl Mark {
    /// Its name on a button.
    pub fn word(self) -> &'static str {
        match self {
            Self::Histogram => "Histogram",
            Self::Bar => "Bars",
            Self::Line => "Line",
            Self::Scatter => "Points",
        }
    }
}

/// What a bar is as high as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Figure {
    #[default]
    Count,
    Mean,
    Sum,
    Min,
    Max,
}

impl Figure {
    /// All of them, in the order they are offered.
    pub const ALL: [Self; 5] = [Self::Count, Self::Mean, Self::Sum, Self::Min, Self::Max];
    /// As a person reads it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Count => "rows",
            Self::Mean => "mean",
            Self::Sum => "sum",
            Self::Min => "smallest",
            Self::Max => "largest",
        }
    }
}

/// What to draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartSpec {
    pub mark: Mark,
    pub x: String,
    /// The value of lines, points and of bars that are no counts.
    pub y: Option<String>,
    pub figure: Figure,
}

/// The kinds of chart that suit a pair of columns, the best one first.
pub fn marks_for(x: Kind, y: Option<Kind>) -> Vec<Mark> {
    match (x, y) {
        (x, None) if x.is_ordered() => vec![Mark::Histogram, Mark::Bar],
        (x, Some(y)) if x.is_number() && y.is_number() => vec![Mark::Scatter, Mark::Line, Mark::Bar],
        (x, Some(y)) if x.is_ordered() && y.is_number() => vec![Mark::Line, Mark::Scatter, Mark::Bar],
        _ => vec![Mark::Bar],
    }
}

impl ChartSpec {
    /// A chart of these columns, of the kind that suits them best.
    pub fn of(columns: &[Column], x: &str, y: Option<&str>) -> Option<Self> {
        let kind = |name: &str| columns.iter().find(|c| c.name == name).map(|c| c.kind);
        let (kind_x, y) = (kind(x)?, y.filter(|y| kind(y).is_some_and(Kind::is_number)));
        let mark = marks_for(kind_x, y.and_then(kind)).first().copied()?;
        let figure = if y.is_some() { Figure::Mean } else { Figure::Count };
        Some(Self { mark, x: x.to_owned(), y: y.map(str::to_owned), figure })
    }

    /// The first look at a column: along the time there is, else its own distribution.
    pub fn first(columns: &[Column], focus: usize) -> Option<Self> {
        let column = columns.get(focus).or(columns.first())?;
        let time = columns.iter().find(|c| matches!(c.kind, Kind::Date | Kind::Datetime));
        match time {
            Some(time) if column.kind.is_number() => Self::of(columns, &time.name, Some(&column.name)),
            _ => Self::of(columns, &column.name, None),
        }
    }

    /// The same with another kind, filled up with what that kind needs.
    #[must_use]
    pub fn with_mark(&self, mark: Mark) -> Self {
        let figure = match (mark, &self.y) {
            (Mark::Bar, Some(_)) if self.figure == Figure::Count => Figure::Mean,
            (_, None) => Figure::Count,
            _ => self.figure,
        };
        Self { mark, figure, ..self.clone() }
    }

    /// What the chart shows, as its title.
    pub fn title(&self) -> String {
        match (self.mark, &self.y) {
            (Mark::Histogram, _) => format!("Rows by {}", self.x),
            (Mark::Bar, Some(y)) if self.figure != Figure::Count => {
                let figure = self.figure.word();
                format!("{}{} {y} by {}", figure[..1].to_uppercase(), &figure[1..], self.x)
            }
            (Mark::Bar, _) => format!("Rows by {}", self.x),
            (_, Some(y)) => format!("{y} by {}", self.x),
            (_, None) => self.x.clone(),
        }
    }
}

/// A point: for bars and histograms `x` to `to` wide, for long lines `low` to `high` tall.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    pub x: f64,
    pub to: f64,
    pub y: f64,
    pub low: f64,
    pub high: f64,
}

/// What is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    pub spec: ChartSpec,
    pub points: Vec<Point>,
    /// Values of the bars, in order.
    pub labels: Vec<String>,
    pub x_kind: Kind,
    /// Rows with a value, of which it was made.
    pub rows: u64,
    /// How the points stand for the rows when there are fewer; empty when each stands for itself.
    pub note: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_chart_follows_the_columns() {
        let columns = [
            Column::new("day", "date", Kind::Date),
            Column::new("delay", "i64", Kind::Int),
            Column::new("carrier", "str", Kind::Text),
            Column::new("temp", "f64", Kind::Float),
        ];
        let kind = |x, y| ChartSpec::of(&columns, x, y).map(|s| (s.mark, s.title()));
        assert_eq!(kind("delay", None), Some((Mark::Histogram, "Rows by delay".into())));
        assert_eq!(kind("carrier", None), Some((Mark::Bar, "Rows by carrier".into())));
        assert_eq!(kind("carrier", Some("delay")), Some((Mark::Bar, "Mean delay by carrier".into())));
        assert_eq!(kind("day", Some("delay")), Some((Mark::Line, "delay by day".into())));
        assert_eq!(kind("temp", Some("delay")), Some((Mark::Scatter, "delay by temp".into())));
        assert_eq!(kind("day", Some("carrier")), Some((Mark::Histogram, "Rows by day".into())), "text has no height");
        assert_eq!(kind("gone", None), None);
        let first = ChartSpec::first(&columns, 1).unwrap();
        assert_eq!((first.x.as_str(), first.y.as_deref()), ("day", Some("delay")));
        assert_eq!(ChartSpec::first(&columns, 2).unwrap().mark, Mark::Bar);
    }
}
